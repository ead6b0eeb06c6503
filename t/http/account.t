#!/usr/bin/perl
# The pages before signing in, without a browser: every answer, every mail.
use strict;
use utf8;
use warnings;
use Digest::SHA qw(hmac_sha1);
use Kontor;
use Kontor::Postbox;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;
my $box  = Kontor::Postbox->start;
my $k    = own_instance(demo => 1, conf => { smtp_url => $box->url, auth_mail_gap_s => 2 });
my $base = $k->base_url;
my $org  = $k->json->{tenants}[0]{organization_id};
my ($owner) = grep { $_->{role} eq 'OWNER' } @{ $k->json->{tenants}[0]{users} };
my $n    = 0;
my ($b, $r, $m);

sub fresh { $n++; return "page$n-$$\@mail.example" }
sub one { return $k->psql(@_) =~ s/\s+$//r }
sub path_of { return $_[0]{link} =~ s/^\Q$base\E//r }
sub opened { return $_[0]->request(GET => '/onboarding', {})->{status} == 200 }
sub sent { $b = $k->browser; $b->get($_[0]); return $b->post($_[0], $_[1]) }
sub wait_gap { sleep 2; sleep 1 }

# ---- signing up ------------------------------------------------------------------------

my $jane = fresh();
my %jane = (email => $jane, password => 'secure_password', confirm => 'secure_password', organization_name => 'Jane & Sons',
	first_name => 'Jane', last_name => 'Doe', phone => '+49 40 123456', timezone => 'Europe/Berlin');
$b = $k->browser;
$r = $b->get('/login');
like($r->{content}, qr{href="/signup"}, 'the sign-in page leads to signing up');
like($r->{content}, qr{href="/forgot-password"}, 'AUTH-23 and to a new password');
for my $bad ([email => 'nobody', 'email'], [password => 'seven77', 'password'], [confirm => 'another one', 'confirm'],
	[organization_name => ' ', 'organization_name']) {
	$r = sent('/signup', { %jane, $bad->[0] => $bad->[1] });
	ok($r->{status} == 422 && $r->{content} =~ /id="$bad->[2]-error"/, "AUTH-1 a wrong $bad->[0] is told beside its field");
}
is(one("select count(*) from auth.users where email = '$jane'"), 0, 'and nothing is made');
$r = sent('/signup', \%jane);
ok($r->{status} == 200 && $r->{content} =~ /Confirm your address/, 'AUTH-8 then one is told to look into the mail') or diag $r->{content};
like($r->{content}, qr/Resend verification/, 'AUTH-8 and can ask for it again');
is(one("select o.name || '|' || p.first_name || '|' || p.phone || '|' || r.role || '|' || o.timezone || '|' || p.onboarding_completed
	from auth.users u join profiles p using (id) join organizations o on o.id = p.organization_id
	join user_roles r on r.user_id = u.id where u.email = '$jane'"),
	'Jane & Sons|Jane|+49 40 123456|OWNER|Europe/Berlin|false', 'AUTH-1 AUTH-2 account, profile and organization are there, all fields taken');
my $link = $m = $box->mail(to => $jane);
ok($m, 'AUTH-4 the mail comes by itself');
like($m->{link}, qr{^\Q$base\E/verify/[\w-]{43}$}, 'its link leads to the page');
my $known = sent('/signup', { %jane, organization_name => 'Other' })->{content};
is($known =~ s/[\w-]{43}//gr, $r->{content} =~ s/[\w-]{43}//gr, 'an address that is known gets the same answer');

$b = $k->browser;
$b->get('/login');
$r = $b->post('/login', { email => $jane, password => 'secure_password' });
ok($r->{status} == 403 && $r->{content} =~ /not confirmed/ && $r->{content} =~ m{action="/verify/resend"}, 'AUTH-7 without confirming nobody signs in; the mail can be sent again');
wait_gap();
$r = $b->post('/verify/resend', { email => $jane });
like($r->{content}, qr/on its way again/, 'AUTH-8 once more');
$m = $box->mail(to => $jane);
ok($m && $m->{link} ne $link->{link}, 'AUTH-8 the mail is another one');
$r = $b->post('/verify/resend', { email => $jane });
like($r->{content}, qr/can be sent in \d+ seconds/, 'but not at once again');

$b = $k->browser;
$r = $b->get(path_of($link));
ok($r->{status} == 410 && $r->{content} =~ /invalid, has expired/, 'the first link is old now');
$r = $b->get(path_of($m));
like($r->{content}, qr/Is <strong>\Q$jane\E/, 'the page asks');
is(one("select email_confirmed_at is null from auth.users where email = '$jane'"), 't', 'looking at the link confirms nothing');
$r = $b->post(path_of($m), { kind => 'signup' });
is("$r->{status} $r->{headers}{location}", '303 /onboarding', 'AUTH-9 confirming leads to the next step');
is(one("select email_confirmed_at is not null from auth.users where email = '$jane'"), 't', 'AUTH-9 the address is confirmed');
$r = $b->get('/contacts');
like($r->{url} // '', qr{/onboarding$}, 'AUTH-50 and the wizard comes before everything else');
is($k->browser->get(path_of($m))->{status}, 410, 'a link works once');

my $code = fresh();
sent('/signup', { %jane, email => $code });
$m = $box->mail(to => $code);
$r = $b->post('/verify', { email => $code, code => sprintf '%06d', ($m->{code} + 1) % 1000000 });
is($r->{status}, 422, 'a wrong code is none');
$r = $b->post('/verify', { email => $code, code => $m->{code} });
is("$r->{status} $r->{headers}{location}", '303 /onboarding', 'AUTH-8 the code of the mail does as well');

# ---- signing in ----------------------------------------------------------------------------

$b = $k->browser;
$b->get('/login');
for (1 .. 4) { $r = $b->post('/login', { email => $jane, password => 'wrong' }) }
ok($r->{status} == 422 && $r->{content} =~ /do not match/, 'AUTH-11 a wrong password is told');
is($b->post('/login', { email => fresh(), password => 'wrong' })->{status}, 422, 'AUTH-11 an unknown address the same');
$b->post('/login', { email => $jane, password => 'wrong' });
$r = $b->post('/login', { email => $jane, password => 'secure_password' });
ok($r->{status} == 429 && $r->{content} =~ /locked.*reset your password/s, 'AUTH-12 after five the account is locked, and that is said');
ok(!opened($b), 'AUTH-12 and not opened');

# ---- a new password ---------------------------------------------------------------------------

$r = sent('/forgot-password', { email => 'nobody' });
ok($r->{status} == 422 && $r->{content} =~ /id="email-error"/, 'AUTH-23 an address is asked for');
my $unknown = fresh();
my $said = sent('/forgot-password', { email => $unknown })->{content};
ok($box->none(to => $unknown), 'nobody gets no mail');
$r = sent('/forgot-password', { email => $jane });
is($said =~ s/\Q$unknown\E|[\w-]{43}//gr, $r->{content} =~ s/\Q$jane\E|[\w-]{43}//gr, 'AUTH-23 the answer tells nobody who has an account');
$m = $box->mail(to => $jane);
like($m->{link}, qr{^\Q$base\E/reset-password/[\w-]{43}$}, 'AUTH-24 the link leads to its page');
my $inside = $k->browser;
$inside->get('/login');
one("update auth.users set locked_until = null where email = '$jane'");
is($inside->post('/login', { email => $jane, password => 'secure_password' })->{status}, 303, 'somebody is signed in meanwhile');
ok(opened($inside), 'for sure');
$b = $k->browser;
$r = $b->get('/reset-password/' . 'x' x 43);
ok($r->{url} =~ /why=link/ && $r->{content} =~ /Ask for a new one/, 'AUTH-24 AUTH-28 a wrong link leads to signing in, where a new one can be asked for');
$r = $b->get(path_of($m));
like($r->{content}, qr/Choose a new password for <strong>\Q$jane\E/, 'AUTH-24 a good one to the form');
$r = $b->post(path_of($m), { password => 'brand new one', confirm => 'brand new two' });
ok($r->{status} == 422 && $r->{content} =~ /The two passwords differ/, 'AUTH-25 both have to be the same');
$r = $b->post(path_of($m), { password => 'seven77', confirm => 'seven77' });
ok($r->{status} == 422 && $r->{content} =~ /At least 8/, 'AUTH-26 seven characters are too few');
$r = $b->post(path_of($m), { password => 'brand new one', confirm => 'brand new one' });
is("$r->{status} $r->{headers}{location}", '303 /login?why=reset', 'AUTH-27 then one signs in');
ok(!opened($inside), 'AUTH-27 everybody else is signed out');
like($k->browser->get(path_of($m))->{url}, qr/why=link/, 'AUTH-28 a used link is none');
$b = $k->browser;
$b->get('/login');
is($b->post('/login', { email => $jane, password => 'secure_password' })->{status}, 422, 'the old password is none');
is($b->post('/login', { email => $jane, password => 'brand new one' })->{status}, 303, 'AUTH-12 the new one opens the account that was locked');
wait_gap();
sent('/forgot-password', { email => $jane });
$m = $box->mail(to => $jane);
one("update auth.one_time_tokens set expires_at = now() where kind = 'recovery'");
like($k->browser->get(path_of($m))->{url}, qr/why=link/, 'AUTH-28 an old link is none');
$r = $k->browser->request(POST => path_of($m), { content => 'password=brand+new+two&confirm=brand+new+two',
	headers => { 'Content-Type' => 'application/x-www-form-urlencoded' } });
is($r->{status}, 403, 'no form without its token');

# ---- when one may not come in -----------------------------------------------------------------------

$b = $k->browser;
$b->get('/login');
one("insert into ip_ranges (organization_id, range) select organization_id, '192.0.2.0/24' from profiles where email = '$jane'");
$r = $b->post('/login', { email => $jane, password => 'brand new one' });
ok($r->{status} == 403 && $r->{content} =~ /does not allow signing in from your address/, 'ADM-30 the address is named as the reason');
one("delete from ip_ranges r using profiles p where p.organization_id = r.organization_id and p.email = '$jane'");
my $late = fresh();
$k->kontor('user', 'create', '--tenant', $org, '--email', $late, '--password', 'long enough', '--role', 'AGENT', '--first-name', 'Late');
one("update profiles set permissions = '{\"restrict_login_to_schedule\": true}' where email = '$late'");
$r = $b->post('/login', { email => $late, password => 'long enough' });
ok($r->{status} == 403 && $r->{content} =~ /during your working hours only/, 'AUTH-20 so are the working hours');
one("insert into login_schedules (organization_id, user_id, weekday, start_time, end_time) select organization_id, id, d, '00:00', '00:00'
	from profiles, generate_series(0, 6) d where email = '$late'");
is($b->post('/login', { email => $late, password => 'long enough' })->{status}, 303, 'AUTH-20 inside them it goes');
one("update profiles set is_active = false where email = '$late'");
$r = $b->post('/login', { email => $late, password => 'long enough' });
ok($r->{status} == 403 && $r->{content} =~ /deactivated/, 'AUTH-19 a deactivated member is told');

# ---- invitations ---------------------------------------------------------------------------------------

my $token = $k->api(POST => '/auth/v1/token?grant_type=password', apikey => $k->json->{anon_key},
	json => { email => $owner->{email}, password => $owner->{password} })->{json}{access_token};
sub invite {
	my ($address, $role) = @_;
	my $x = $k->api(POST => '/functions/v1/send-invitation-email', bearer => $token, json => { email => $address, role => $role });
	return ($x->{json}, $box->mail(to => $address));
}
my $guest = fresh();
(my $made, $m) = invite($guest, 'AGENT');
$b = $k->browser;
$r = $b->get(path_of($m));
ok($r->{status} == 200 && $r->{content} =~ /Join Nordlicht Trading/ && $r->{content} =~ /as an agent/, 'AUTH-89 the link says who invites to what');
$r = $b->post(path_of($m), { first_name => 'Gus', password => 'short', confirm => 'short' });
is($r->{status}, 422, 'AUTH-89 a password is needed');
$r = $b->post(path_of($m), { first_name => 'Gus', last_name => 'Guest', password => 'long enough', confirm => 'long enough' });
is("$r->{status} $r->{headers}{location}", '303 /', 'AUTH-89 the account is made and signed in');
is($b->get('/contacts')->{status}, 200, 'AUTH-90 with the access of the role, past the wizard');
is(one("select r.role || p.is_active from profiles p join user_roles r on r.user_id = p.id and r.organization_id = p.organization_id
	where p.email = '$guest' and p.organization_id = '$org'"), 'AGENTtrue', 'AUTH-90 and a member');
is($k->browser->get(path_of($m))->{status}, 409, 'an accepted link is refused');
is($k->browser->get('/invitation/' . 'y' x 43)->{status}, 404, 'so is one that never was');
($made, $m) = invite($jane, 'ADMIN');
$b = $k->browser;
$b->get(path_of($m));
$r = $b->post(path_of($m), { password => 'wrong password' });
ok($r->{status} == 422 && $r->{content} =~ /not the password of your account/, 'AUTH-89 an existing account wants its own password');
is(one("select count(*) from profiles where organization_id = '$org' and email = '$jane'"), 0, 'before that nobody joins');
my $in = $k->browser;
$in->get('/login');
$in->post('/login', { email => $jane, password => 'brand new one' });
$r = $in->get(path_of($m));
like($r->{content}, qr/You are signed in with this address/, 'AUTH-89 who is signed in need not write it');
$r = $in->post(path_of($m), {});
is("$r->{status} $r->{headers}{location}", '303 /organizations?done=joined', 'AUTH-89 and accepts at once');
is(one("select count(*) from profiles where email = '$jane'"), 2, 'AUTH-90 a member of both');
my $old = fresh();
($made, $m) = invite($old, 'AGENT');
one("update invitations set expires_at = now() where email = '$old'");
$r = $k->browser->get(path_of($m));
ok($r->{status} == 410 && $r->{content} =~ /no longer valid/, 'AUTH-88 an expired one is refused');
my $copied = fresh();
($made, $m) = invite($copied, 'AGENT');
$b = $k->browser;
my $bare = $made->{invitation_url} =~ s/^\Q$base\E//r;
$b->get($bare);
$r = $b->post($bare, { password => 'long enough', confirm => 'long enough' });
is($r->{headers}{location}, '/login?why=joined', 'AUTH-7 who comes by a copied link has to confirm the address');
ok($box->mail(to => $copied)->{link} =~ m{/verify/}, 'AUTH-7 by a mail that comes');

# ---- the second factor -------------------------------------------------------------------------------------

sub base32 { my %v; @v{ 'A' .. 'Z', 2 .. 7 } = 0 .. 31; return pack 'B*', substr join('', map { sprintf '%05b', $v{$_} } split //, $_[0]), 0, 160 }
sub totp {
	my ($secret, $step) = @_;
	my $h = hmac_sha1(pack('NN', 0, $step), $secret);
	my $o = ord(substr $h, -1) & 15;
	return sprintf '%06d', (unpack('N', substr $h, $o, 4) & 0x7fffffff) % 1000000;
}
my $safe = fresh();
$k->kontor('user', 'create', '--tenant', $org, '--email', $safe, '--password', 'long enough', '--role', 'AGENT', '--first-name', 'Safe');
$b = $k->browser;
$b->sign_in($safe, 'long enough');
my $second = $k->browser;
$second->sign_in($safe, 'long enough');
$b->get('/profile/security');
$r = $b->submit('/profile/security/enroll', { name => 'Phone' });
my ($secret) = $r->{content} =~ m{<code[^>]*>([A-Z2-7 ]{32,})</code>};
my ($factor) = $r->{content} =~ m{/profile/security/([0-9a-f-]{36})/confirm};
ok($secret && $factor && $r->{content} =~ /<svg[^>]*viewBox/, 'a second factor begins with a picture and its text') or diag $r->{content};
$secret = base32($secret =~ s/ //gr);
$r = $b->post("/profile/security/$factor/confirm", { code => '000000' });
is($r->{status}, 422, 'its first code has to be right');
is(one("select status from auth.factors where id = '$factor'"), 'unverified', 'before that it is none');
my $step = int(time / 30) - 1; # the oldest that counts now, so that the next one does, too
$r = $b->post("/profile/security/$factor/confirm", { code => totp($secret, $step) });
my @codes = $r->{content} =~ m{<code>([A-Z2-9-]{8,})</code>}g;
ok($r->{status} == 200 && @codes == 10, 'then it holds, and recovery codes are shown') or diag $r->{content};
ok(opened($b) && !opened($second), 'sessions without it end');
$b = $k->browser;
$b->get('/login');
$r = $b->post('/login', { email => $safe, password => 'long enough', next => '/contacts' });
is("$r->{status} $r->{headers}{location}", '303 /login/code?next=%2Fcontacts', 'signing in asks for the code');
ok(!opened($b), 'before it nothing is open');
$b->get('/login/code');
$r = $b->post('/login/code', { code => totp($secret, $step) });
ok($r->{status} == 422 && !opened($b), 'a code works once');
$r = $b->post('/login/code', { code => totp($secret, $step + 1), next => '/contacts' });
is("$r->{status} $r->{headers}{location}", '303 /contacts', 'the next one opens');
ok(opened($b), 'everything');
$b = $k->browser;
$b->get('/login');
$b->post('/login', { email => $safe, password => 'long enough' });
$r = $b->post('/login/code', { code => lc $codes[0] });
ok($r->{status} == 303 && opened($b), 'without the phone a recovery code does');
$b = $k->browser;
$b->get('/login');
$b->post('/login', { email => $safe, password => 'long enough' });
is($b->post('/login/code', { code => $codes[0] })->{status}, 422, 'once');
$b->post('/login/code', { code => '000000' }) for 1 .. 4;
like($b->post('/login/code', { code => $codes[1] })->{content}, qr/Too many wrong codes/, 'five wrong ones lock it');
done_testing;
