#!/usr/bin/perl
# Web push: subscriptions of browsers, and notices that reach them, against a push
# service that checks VAPID and opens what comes as a browser would.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use HTTP::Tiny;
use Kontor;
use Test::More;
use Time::HiRes qw(time sleep);

my $t = tenant();
my ($owner, $agent) = @{ $t->{users} };
my $org = $t->{organization_id};
my ($anna, $omar) = map { browser(email => $_->{email}, password => $_->{password}) } $owner, $agent;

# A handle of the file itself would be closed, and its program waited for, before END ends it.
my $pid = open(our $out, '-|', $^X, "$FindBin::Bin/../standin/push.pl") or die "push.pl: $!\n";
END { local $?; kill TERM => $pid if $pid; }
(<$out> // '') =~ /(\d+)$/ or die "push.pl did not start\n";
my $service = "http://127.0.0.1:$1";
sub control {
	my ($what, $data) = @_;
	return json_decode(HTTP::Tiny->new->post("$service/control/$what", { content => json_encode($data // {}), headers => { 'Content-Type' => 'application/json' } })->{content});
}
sub received { my ($endpoint) = @_; return grep { $_->{endpoint} eq $endpoint } @{ control('received') } }
sub inner { my $text = $_[0]{text} // '{}'; utf8::encode($text); return json_decode($text) }
my %user = map { $_->{email} => psql("select id from auth.users where email = '$_->{email}'") } $owner, $agent;

# ---- subscribing --------------------------------------------------------------------------

my $page = $anna->get('/profile/notifications');
is($page->{status}, 200, 'CHA-116 SET-11 the page of notifications');
my ($key) = $page->{content} =~ /data-push="([\w-]{87})"/;
ok($key, 'CHA-113 it holds the installation\'s public key');
is(json_decode($omar->get('/profile/notifications/key')->{content})->{key}, $key, 'CHA-113 one for the installation');
my $mine = control('subscription');
my $r = $anna->post('/profile/notifications/subscribe', { endpoint => $mine->{endpoint}, p256dh => $mine->{p256dh}, auth => $mine->{auth}, device => 'Firefox on Linux' });
is($r->{status}, 200, 'CHA-113 a browser is subscribed') or diag($r->{content});
$anna->post('/profile/notifications/subscribe', { endpoint => $mine->{endpoint}, p256dh => $mine->{p256dh}, auth => $mine->{auth}, device => 'Firefox on Linux' });
is(psql("select count(*) from push_subscriptions where endpoint = '$mine->{endpoint}'"), 1, 'CHA-113 twice is once');
like($anna->get('/profile/notifications')->{content}, qr/Firefox on Linux/, 'CHA-116 it is listed');
unlike($omar->get('/profile/notifications')->{content}, qr/Firefox on Linux/, 'CHA-116 to its owner alone');
is($anna->post('/profile/notifications/subscribe', { endpoint => 'ftp://x', p256dh => $mine->{p256dh}, auth => $mine->{auth} })->{status}, 422, 'what is no subscription is refused');
my $theirs = control('subscription');
$omar->get('/profile/notifications');
$omar->post('/profile/notifications/subscribe', { endpoint => $theirs->{endpoint}, p256dh => $theirs->{p256dh}, auth => $theirs->{auth} });

# ---- a notice -------------------------------------------------------------------------------

my $run = int(time * 10);
psql("select internal.notify('$org', '$user{$owner->{email}}', 'task.assigned', 'task', null, '{\"title\": \"Call <b>Miller</b> & $run\"}')");
my ($got) = wait_for(10, sub { my @got = grep { $_->{text} =~ /$run/ } received($mine->{endpoint}); @got ? $got[0] : undef });
ok($got, 'CHA-114 INB-89 a notice reaches the browser, encrypted for it') or BAIL_OUT(psql("select string_agg(kind || ' ' || coalesce(last_error, state), '; ') from job.jobs where kind = 'web_push'"));
my $text = inner($got);
is($text->{body}, "Task for you Call <b>Miller</b> & $run", 'CHA-114 in the words of the page, as plain text');
my $notice = psql("select id from notifications where organization_id = '$org' and data ->> 'title' like '%$run'");
is($text->{url}, "/notifications/$notice", 'CHA-115 with the page to open');
is("$got->{k} $got->{aud}", "$key $service", 'CHA-113 signed by the installation for this push service');
is(scalar(grep { $_->{text} =~ /$run/ } received($theirs->{endpoint})), 0, 'CHA-114 nobody else is told');
is(psql("select used_at is not null from push_subscriptions where endpoint = '$mine->{endpoint}'"), 't', 'CHA-116 when it was last told is known');
psql("update notifications set read_at = now() where id = '$notice'");

# In the reader's language.
psql("update profiles set language = 'ar' where organization_id = '$org' and id = '$user{$agent->{email}}'");
psql("select internal.notify('$org', '$user{$agent->{email}}', 'deal.assigned', 'deal', null, '{\"title\": \"AR $run\"}')");
($got) = wait_for(10, sub { my @got = grep { $_->{text} =~ /AR $run/ } received($theirs->{endpoint}); @got ? $got[0] : undef });
my $arabic = inner($got);
is("$arabic->{lang} $arabic->{dir}", 'ar rtl', 'CHA-114 in Arabic, from right to left');
ok($arabic->{body} =~ /^[^\x00-\x7f]{4}/ && $arabic->{body} !~ /Deal for you/, 'CHA-114 with Arabic words') or diag($arabic->{body});
psql("update profiles set language = 'en' where organization_id = '$org' and id = '$user{$agent->{email}}'");
psql("delete from notifications where organization_id = '$org' and data ->> 'title' like '%$run'");

# ---- testing, and the end --------------------------------------------------------------------------

$anna->get('/profile/notifications');
is($anna->post('/profile/notifications/test', {})->{status}, 303, 'SET-11 a test can be sent');
ok(wait_for(10, sub { grep { $_->{text} =~ /notifications work/ } received($mine->{endpoint}) }), 'SET-11 and arrives');
psql("delete from notifications where kind = 'push.test'");

control(gone => { endpoint => $theirs->{endpoint} });
psql("select internal.notify('$org', '$user{$agent->{email}}', 'task.due', 'task', null, '{\"title\": \"Gone $run\"}')");
ok(wait_for(10, sub { psql("select count(*) from push_subscriptions where endpoint = '$theirs->{endpoint}'") == 0 }), 'CHA-114 a browser that is gone (410) is forgotten');
psql("delete from notifications where organization_id = '$org' and data ->> 'title' like '%$run'");

# The same browser, another person: only the last one is told there.
$omar->get('/profile/notifications');
$omar->post('/profile/notifications/subscribe', { endpoint => $mine->{endpoint}, p256dh => $mine->{p256dh}, auth => $mine->{auth} });
is(psql("select string_agg(user_id::text, ' ') from push_subscriptions where endpoint = '$mine->{endpoint}'"), $user{$agent->{email}}, 'AUTH-21 a browser belongs to who signed in last');
$anna->get('/profile/notifications');
$anna->post('/profile/notifications/unsubscribe', { endpoint => $mine->{endpoint} });
is(psql("select count(*) from push_subscriptions where endpoint = '$mine->{endpoint}'"), 1, 'CHA-116 nobody ends that of another');
$omar->get('/profile/notifications');
is($omar->post('/profile/notifications/unsubscribe', { endpoint => $mine->{endpoint} })->{status}, 200, 'CHA-116 turned off');
is(psql("select count(*) from push_subscriptions where endpoint = '$mine->{endpoint}'"), 0, 'CHA-116 it is gone');

# ---- what browsers load -------------------------------------------------------------------------------

$r = api(GET => '/sw.js');
is("$r->{status} $r->{headers}{'content-type'}", '200 application/javascript', 'CHA-114 the service worker comes from the top of the site');
$r = api(GET => '/manifest.webmanifest');
is("$r->{status} $r->{headers}{'content-type'}", '200 application/manifest+json', 'CHA-114 the manifest for the home screen');

done_testing;
