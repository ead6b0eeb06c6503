#!/usr/bin/perl
# Notices: who is told of what, who reads it, and what the tenant's channel says of it.
use strict;
use warnings;
use Kontor;
use Test::More;
use Time::HiRes qw(time);

my $stamp = sprintf 'nx%x', int(time * 100);
my $org   = tenant(0)->{organization_id};
my ($owner, $agent) = @{ tenant(0)->{users} };
my ($anna, $omar) = map { browser(email => $_->{email}, password => $_->{password}) } $owner, $agent;
my ($anna_id, $omar_id) = map { psql("select id from profiles where organization_id = '$org' and email = '$_->{email}'") } $owner, $agent;
my $key = tenant(0)->{api_key};

sub count { return json_decode($_[0]->get('/notifications/count')->{content})->{count} }
sub notices { return rows("select kind, record_id, data, actor_id, read_at from notifications where organization_id = '$org' and user_id = '$_[0]' order by id desc limit 5") }
# As a member would by a page: his claims, his role.
sub as {
	my ($user, $sql) = @_;
	return psql("begin; select set_config('request.jwt.claims', '{\"sub\":\"$user\",\"organization_id\":\"$org\",\"role\":\"authenticated\",\"app_role\":\"OWNER\"}', true);
		set local role authenticated; $sql; commit");
}

psql("update notifications set read_at = now() where read_at is null and organization_id = '$org'");
my $pipeline = psql("select id from pipelines where organization_id = '$org' and is_default");
my $before = psql("select count(*) from notifications where user_id = '$anna_id'");

# ---- assigned --------------------------------------------------------------------------------
as($anna_id, "insert into deals (title, pipeline_id, owner_id) values ('Own $stamp', '$pipeline', '$anna_id')");
is(psql("select count(*) from notifications where user_id = '$anna_id'"), $before, 'nobody is told of what he did himself');
as($anna_id, "insert into deals (title, pipeline_id, owner_id) values ('Deal $stamp', '$pipeline', '$omar_id')");
is(count($omar), 1, 'UC-TASK-002 the one whom a deal is given to is told');
my $page = $omar->get('/notifications')->{content};
like($page, qr/Deal for you.*Deal $stamp/s, 'in words, with its name');
my ($id) = $page =~ m{href="/notifications/([0-9a-f-]{36})"};
my $deal = psql("select id from deals where title = 'Deal $stamp'");
is($anna->request(GET => "/notifications/$id", {})->{status}, 404, 'nobody opens the notice of another');
is(count($omar), 1, 'nor reads it for him');
is($omar->request(GET => "/notifications/$id", {})->{headers}{location}, "/deals/$deal", 'it leads to the deal');
is(count($omar), 0, 'and is read by that');

as($anna_id, "insert into contacts (first_name, last_name, assignee_id) values ('Given', '$stamp', '$omar_id')");
like($omar->get('/notifications?show=unread')->{content}, qr/Contact for you.*Given $stamp/s, 'a contact too');
as($anna_id, "update contacts set assignee_id = assignee_id where last_name = '$stamp'");
is(count($omar), 1, 'a change that leaves the assignment tells nothing');

# ---- many at once -----------------------------------------------------------------------------------
as($anna_id, "insert into deals (title, pipeline_id) select 'Bulk $stamp ' || i, '$pipeline' from generate_series(1, 40) i");
my $events = "select count(*) from events where organization_id = '$org' and type = 'notification.changed'";
my $were = psql($events);
as($anna_id, "update deals set owner_id = '$omar_id' where title like 'Bulk $stamp %'");
is(psql($events), $were + 1, 'which open pages hear of once');
is(count($omar), 2, 'forty deals at once are one notice');
like($omar->get('/notifications?show=unread')->{content}, qr/Deal for you<\/span>\s*<strong>40</, 'with their number');
as($anna_id, "update deals set owner_id = null where title like 'Bulk $stamp %' and right(title, 1) = '7'");
as($anna_id, "update deals set owner_id = '$omar_id' where title like 'Bulk $stamp %' and owner_id is null");
is(count($omar), 2, 'and grow until they are read');
as($anna_id, "insert into deals (title, pipeline_id, owner_id) values ('Single $_ $stamp', '$pipeline', '$omar_id')") for 1 .. 9;
cmp_ok(count($omar), '<=', 8, 'one after the other in a hurry: a few by name, then a number');

# ---- reading ------------------------------------------------------------------------------------------
$omar->get('/notifications');
is($omar->post('/notifications/read', {})->{status}, 303, 'all of them are read at once');
is(count($omar), 0, 'the count follows');
is($omar->request(POST => '/notifications/read', {})->{status}, 403, 'not without the token of the form') if 1;

# ---- the API and other tenants ---------------------------------------------------------------------------
my $anon = kontor_json()->{anon_key};
sub token { return api(POST => '/auth/v1/token?grant_type=password', apikey => $anon, json => { email => $_[0]{email}, password => $_[0]{password} })->{json}{access_token} }
my $omars = token($agent);
my $rest = api(GET => '/rest/v1/notifications?select=id,user_id&limit=50', apikey => $anon, bearer => $omars);
is($rest->{status}, 200, 'API-1 the table is in the API');
ok(@{ $rest->{json} } && !(grep { $_->{user_id} ne $omar_id } @{ $rest->{json} }), 'where everybody reads his own');
is((grep { $_->{user_id} eq $omar_id } @{ api(GET => '/rest/v1/notifications?select=user_id', apikey => $anon, bearer => token(tenant(1)->{users}[0]))->{json} }), 0,
	'and nobody those of another tenant');

# ---- live --------------------------------------------------------------------------------------------------
my $stream = $anna->stream('/live');
1 while $stream->next(0.5);
as($anna_id, "insert into deals (title, pipeline_id, owner_id) values ('Secret $stamp', '$pipeline', '$omar_id')");
my ($told, $all) = (undef, '');
for (1 .. 40) {
	my $m = $stream->next(0.25) or next;
	$all .= $m->{data};
	($told) = grep { $_->{type} eq 'notification.changed' } @{ json_decode($m->{data})->{events} };
	last if $told;
}
ok($told, 'FACT-1 open pages hear that there is a notice');
is($told->{record_id}, $omar_id, 'and whose');
unlike($all, qr/Secret/, 'but not what it says');
is(psql("select data::text from events where organization_id = '$org' and type = 'notification.changed' order by position desc limit 1"), '{}', 'the event holds nothing of it');
# Every kind that the model speaks of has its words.
my %kinds;
for my $file (glob "$ENV{KONTOR_TREE}/sql/*.sql") {
	open my $fh, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$fh> };
	while ($text =~ /internal\.notify(?:_some)?\(([^;]{1,400})/g) {
		my $call = $1;
		$kinds{$1} = $file if $call =~ /^[^']*?'([a-z_]+\.[a-z_]+)'/;
	}
}
my $words = do { local (@ARGV, $/) = ("$ENV{KONTOR_TREE}/templates/app/notification_words.html"); <> };
my @silent = grep { my $k = $_ =~ tr/./_/r; $words !~ /is_a\.$k\b/ } sort keys %kinds;
is("@silent", '', 'every kind of notice has words');

psql("delete from deals where title like '%$stamp%'; delete from contacts where last_name = '$stamp'");
psql("delete from notifications where organization_id = '$org' and data::text like '%$stamp%'");
# ---- words -----------------------------------------------------------------------------------

# Each kind that is sent has a line of words, and in Arabic too.
{
	my $tree = $ENV{KONTOR_TREE} // '.';
	my $read = sub { local (@ARGV, $/) = @_; join '', <> };
	my $sql = $read->(glob "$tree/sql/*.sql");
	my %kinds = map { $_ => 1 } $sql =~ /notify(?:_some)?\([^;]*?'([a-z_]+\.[a-z_]+)'/g, 'approval.rejected', 'lead.score', 'task.due', 'task.reminder';
	my ($jobs) = psql("select pg_get_constraintdef(oid) from pg_constraint where conname = 'record_jobs_kind_check'");
	$kinds{"job.$_"} = 1 for $jobs =~ /'([a-z_]+)'/g;
	my $words = $read->("$tree/templates/app/notification_words.html");
	my $arabic = $read->(glob "$tree/templates/po/ar/*.po");
	my (@without, @foreign);
	for my $kind (sort keys %kinds) {
		my $name = $kind =~ s/\./_/r;
		my ($text) = $words =~ /\{\{#is_a\.$name\}\}.*?\{\{#_\}\}(.*?)\{\{\/_\}\}/;
		push @without, $kind if !defined $text;
		push @foreign, $kind if defined $text && $arabic !~ /^msgid "\Q$text\E"\nmsgstr "[^"]/m;
	}
	cmp_ok(scalar keys %kinds, '>', 14, 'the kinds of notices are found') or diag join ' ', sort keys %kinds;
	is("@without", '', 'each has words');
	is("@foreign", '', 'and words in Arabic');
}

done_testing;
