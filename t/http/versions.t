#!/usr/bin/perl
# Two who change the same record: ETag says which version was read, If-Match
# lets a change through only when it is still that one.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine = tenant(0);
my $n    = "v$$" . time;

sub rest {
	my ($method, $path, %o) = @_;
	return api($method, "/rest/v1/$path", apikey => kontor_json()->{anon_key}, bearer => token(), %o);
}

my $token;
sub token {
	return $token //= api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
		json => { email => $mine->{users}[0]{email}, password => $mine->{users}[0]{password} })->{json}{access_token};
}

my $r = rest(POST => 'contacts', json => { first_name => $n, source => 'a' }, headers => { Prefer => 'return=representation' });
is($r->{status}, 201, 'a contact is made');
my $id = $r->{json}[0]{id};
my $made = $r->{headers}{etag};
like($made, qr/^"\d+"$/, 'and its version told with it');

$r = rest(GET => "contacts?id=eq.$id");
is($r->{headers}{etag}, $made, 'reading it by its id tells the same version');
is_deeply([sort keys %{ $r->{json}[0] }], [sort grep { !/version|xmin/ } keys %{ $r->{json}[0] }], 'beside the columns, not among them');
$r = rest(GET => "contacts?id=eq.$id&select=first_name", headers => { Accept => 'application/vnd.pgrst.object+json' });
is($r->{content}, qq({"first_name":"$n"}), 'an object has what was asked for');
is($r->{headers}{etag}, $made, 'and the version');
ok(!rest(GET => 'contacts?limit=2')->{headers}{etag}, 'a list has none');
is(rest(GET => "contacts/$id")->{headers}{etag}, $made, 'the path form has it');

$r = rest(PATCH => "contacts?id=eq.$id", json => { source => 'b' }, headers => { 'If-Match' => $made, Prefer => 'return=representation' });
is($r->{status}, 200, 'a change of the version that was read goes through') or diag $r->{content};
my $changed = $r->{headers}{etag};
isnt($changed, $made, 'and makes another one');
is(rest(GET => "contacts?id=eq.$id")->{headers}{etag}, $changed, 'which is the one that is read then');

for my $method (qw(PATCH DELETE)) {
	$r = rest($method => "contacts?id=eq.$id", json => { source => 'lost' }, headers => { 'If-Match' => $made });
	is($r->{status}, 412, "$method of another version is refused");
	is_deeply([$r->{json}{code}, exists $r->{json}{message}, exists $r->{json}{hint}],
		["PRECONDITION_FAILED", 1, 1], 'in the form of errors that clients know');
}
$r = rest(PATCH => "contacts?id=eq.$id", json => { source => 'lost' },
	headers => { 'If-Match' => $made, Accept => 'application/vnd.pgrst.object+json', Prefer => 'return=representation' });
is($r->{status}, 412, 'and when an object is asked for');
is(psql("select source from contacts where id = '$id'"), 'b', 'nothing was changed');

$r = rest(PUT => "contacts?id=eq.$id", json => { id => $id, first_name => $n, source => 'put' }, headers => { 'If-Match' => $made });
is($r->{status}, 412, 'PUT of another version is refused') or diag $r->{content};
my $absent = '0190a000-0000-7000-8000-' . sprintf '%012d', $$;
$r = rest(PUT => "contacts?id=eq.$absent", json => { id => $absent, first_name => $n }, headers => { 'If-Match' => '*' });
is($r->{status}, 412, 'If-Match: * makes nothing new') or diag $r->{content};
is(psql("select count(*) from contacts where id = '$absent'"), 0, 'so there is none');
$r = rest(PUT => "contacts?id=eq.$id", json => { id => $id, first_name => $n, source => 'put' }, headers => { 'If-Match' => "\"1\", W/$changed" });
ok($r->{status} < 300, 'one of several tags is enough, also as nginx marks it when it compresses') or diag $r->{content};
is(psql("select source from contacts where id = '$id'"), 'put', 'and the row is replaced');
$r = rest(PATCH => "contacts?first_name=eq.$n", json => { source => 'x' }, headers => { 'If-Match' => $changed });
is($r->{status}, 400, 'a filter that does not name one row takes no If-Match');
$r = rest(PATCH => "contacts?id=eq.$id", json => { source => 'any' }, headers => { 'If-Match' => '*' });
ok($r->{status} < 300, 'If-Match: * takes whatever is there');

# Two at once: one wins.
my $tag = rest(GET => "contacts?id=eq.$id")->{headers}{etag};
pipe my $in, my $out;
for my $who (1 .. 4) {
	next if fork;
	my $s = rest(PATCH => "contacts?id=eq.$id", json => { source => "w$who" }, headers => { 'If-Match' => $tag })->{status};
	syswrite $out, "$s\n";
	require POSIX;
	POSIX::_exit(0);
}
close $out;
1 while wait > 0;
my @got = sort <$in>;
is_deeply([map { 0 + $_ } @got], [204, 412, 412, 412], 'of four at once one is let through');

# /api/v1
my $key = $mine->{crm_key};
my $v1 = sub { api($_[0], "/api/v1/$_[1]", bearer => $key, @_[2 .. $#_]) };
$r = $v1->(POST => 'contacts', json => { firstName => "Crm$n", lastName => 'V' });
is($r->{status}, 201, '/api/v1 makes a contact') or diag $r->{content};
my $cnt = $r->{json}{data}{id};
my $e1 = $r->{headers}{etag};
is($v1->(GET => "contacts/$cnt")->{headers}{etag}, $e1, '/api/v1 tells versions too');
$r = $v1->(PATCH => "contacts/$cnt", json => { lastName => 'W' }, headers => { 'If-Match' => $e1 });
is($r->{status}, 200, 'and takes the one that was read') or diag $r->{content};
my $e2 = $r->{headers}{etag};
is($v1->(GET => "contacts/$cnt")->{headers}{etag}, $e2, 'whose successor it tells');
$r = $v1->(PATCH => "contacts/$cnt", json => { lastName => 'X' }, headers => { 'If-Match' => $e1 });
is($r->{status}, 412, 'but no other');
is($r->{json}{error}{code}, 'PRECONDITION_FAILED', 'in its own form');
is($v1->(DELETE => "contacts/$cnt", headers => { 'If-Match' => $e1 })->{status}, 412, 'nor for deleting');
is($v1->(GET => "contacts/$cnt")->{json}{data}{lastName}, 'W', 'nothing was changed');
is($v1->(DELETE => "contacts/$cnt", headers => { 'If-Match' => $e2 })->{status}, 204, 'with the right one it goes');
is($v1->(PATCH => "contacts/$cnt", json => { lastName => 'X' }, headers => { 'If-Match' => $e2 })->{status}, 404, 'then it is not there');


rest(DELETE => "contacts?id=eq.$id");

# ---- forms of tasks and leads --------------------------------------------------------

my $org = $mine->{organization_id};
my $b = browser();
$b->sign_in($mine->{users}[0]{email}, $mine->{users}[0]{password});
my ($me, $other) = split /\n/, psql("select id from profiles where organization_id = '$org' and is_active order by email <> '$mine->{users}[0]{email}' limit 2");

# What others do: an event says who it was.
sub theirs {
	my ($sql) = @_;
	psql("select set_config('request.jwt.claims', jsonb_build_object('organization_id', '$org', 'sub', '$other', 'role', 'authenticated')::text, false); $sql");
}
sub version_of {
	my ($path) = @_;
	return ($b->get($path)->{content} =~ /name="version" value="([^"]+)"/)[0];
}
# {field => [theirs, mine, which is checked]} of the question.
sub asked {
	my ($page) = @_;
	my %fields;
	for my $part ($page =~ m{<fieldset class="clash-field">(.*?)</fieldset>}gs) {
		my ($name) = $part =~ /name="keep\.([^"]+)"/;
		my @values = $part =~ m{<bdi class="clash-value">(.*?)</bdi>}gs;
		my ($checked) = $part =~ /value="(theirs|mine)" checked/;
		$fields{$name} = [@values, $checked];
	}
	return \%fields;
}

my $task = psql("insert into tasks (organization_id, title, description, priority, due_date, assignee_id) values
	('$org', 'Two $n', 'as it was', 'MEDIUM', '2030-05-01 10:00Z', '$me') returning id");
my $path = "/tasks/$task/edit";
my $v = version_of($path);
ok($v, 'the form of a task says which version it shows');
my ($day)  = $b->get($path)->{content} =~ /name="due_day" value="([^"]+)"/;
my ($time) = $b->get($path)->{content} =~ /name="due_time" value="([^"]+)"/;
my %sent = (version => $v, title => "Two $n", description => 'mine', priority => 'MEDIUM', assign => $me, due_day => $day, due_time => $time,
	reminder => '', repeat => 'FREQ=WEEKLY', recurrence => '', tags => '');
theirs("update tasks set description = 'theirs', due_date = '2030-06-02 10:00Z', assignee_id = '$other', reminder_minutes = 10, recurrence = 'FREQ=DAILY'
	where id = '$task'");
$r = $b->post($path, \%sent);
is($r->{status}, 409, 'UC a task that others changed meanwhile is not saved') or diag $r->{content};
my $asked = asked($r->{content});
is_deeply([sort keys %$asked], [qw(assignee_id description due_date recurrence reminder_minutes)], 'each field that both are about is asked for')
	or diag explain $asked;
is_deeply($asked->{description}, ['theirs', 'mine', 'mine'], 'theirs and mine, mine chosen where I wrote');
is($asked->{due_date}[2], 'theirs', 'theirs where I did not: the day and the time are the due date');
is($asked->{assignee_id}[2], 'theirs', 'the choice of a member is the assignee');
is_deeply($asked->{recurrence}, ['FREQ=DAILY', 'FREQ=WEEKLY', 'mine'], 'the rule is the recurrence');
is(psql("select description from tasks where id = '$task'"), 'theirs', 'nothing is overwritten');
my ($next) = $r->{content} =~ /name="version" value="([^"]+)"/;
isnt($next, $v, 'the next attempt is about the version that was shown');
$r = $b->post($path, { %sent, version => $next, map { ("keep.$_" => $asked->{$_}[2]) } keys %$asked });
is($r->{status}, 303, 'with a choice for each it is saved') or diag $r->{content};
is(psql("select concat_ws('|', description, due_date = '2030-06-02 10:00Z', assignee_id = '$other', reminder_minutes, recurrence) from tasks where id = '$task'"),
	'mine|t|t|10|FREQ=WEEKLY', 'as chosen: mine here, theirs there');
$v = version_of($path);
psql("insert into task_checklist_items (organization_id, task_id, title) values ('$org', '$task', 'Step')");
$r = $b->post($path, { %sent, version => $v, repeat => '', assign => $other, reminder => 10 });
is($r->{status}, 303, 'a step that is ticked or added beside it does not ask');

my $lead = psql("insert into leads (organization_id, name, source, territory, company_size, owner_id) values ('$org', 'Two $n', 'manual', 'West', 10, '$me') returning id");
$path = "/leads/$lead/edit";
$v = version_of($path);
ok($v, 'the form of a lead says which version it shows');
%sent = (version => $v, name => "Two $n", territory => 'East', company_size => 10, source => 'manual', owner_id => $me, team_id => '', tags => 'a');
theirs("update leads set territory = 'North', company_size = 20, tags = '{b}' where id = '$lead'");
$r = $b->post($path, \%sent);
is($r->{status}, 409, 'UC a lead that others changed meanwhile is not saved') or diag $r->{content};
$asked = asked($r->{content});
is_deeply($asked, { territory => ['North', 'East', 'mine'], company_size => [20, 10, 'theirs'], tags => ['b', 'a', 'mine'] }, 'each field is asked for')
	or diag explain $asked;
($next) = $r->{content} =~ /name="version" value="([^"]+)"/;
$r = $b->post($path, { %sent, version => $next, 'keep.territory' => 'theirs', 'keep.company_size' => 'theirs', 'keep.tags' => 'mine' });
is($r->{status}, 303, 'with a choice it is saved') or diag $r->{content};
is(psql("select concat_ws('|', territory, company_size, array_to_string(tags, ',')) from leads where id = '$lead'"), 'North|20|a', 'as chosen');
$v = version_of($path);
psql("insert into lead_engagement_events (organization_id, lead_id, kind) values ('$org', '$lead', 'email_open')");
is($b->post($path, { %sent, version => $v, description => 'new' })->{status}, 303, 'a score that moves does not ask');

psql("delete from tasks where id = '$task'; delete from leads where id = '$lead'");
done_testing;
