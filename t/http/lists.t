#!/usr/bin/perl
# Lists without a browser: files of many rows, changes by the worker, the API of
# views, what is refused.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine = tenant(0);
my $org  = $mine->{organization_id};
my $tag  = "http$$";
my ($user) = @{ $mine->{users} };
my $browser = browser(email => $user->{email}, password => $user->{password});

my %json = (headers => { Accept => 'application/json' });
sub get { return $browser->request(GET => $_[0]) }

psql("insert into contacts (organization_id, first_name, last_name, tags, emails, source, description)
	select '$org', 'N' || n, 'Http', array['$tag'], array['n' || n || '.$tag\@example.com'], 'x',
		case n when 1 then '=cmd|'' /C calc''!A0' when 2 then '-2+3+cmd' when 3 then E'\\ttab' when 4 then 'a \"quote\", and a' || chr(10) || 'line'
			else repeat('words ', 40) end
	from generate_series(1, 6000) n");

# ---- files -------------------------------------------------------------------------

my $r = get("/records/contacts/export?format=csv&tags=$tag");
is($r->{status}, 200, 'CON-61 COM-24 a file of what fits') or diag $r->{content};
like($r->{headers}{'content-type'}, qr{^text/csv}, 'CSV');
like($r->{headers}{'content-disposition'}, qr/contacts\.csv/, 'with its name');
is($r->{headers}{'content-length'}, undef, 'it leaves as it comes from the database');
my $text = $r->{content};
is(substr($text, 0, 3), "\xef\xbb\xbf", 'UTF-8 with its mark');
is(scalar(() = $text =~ /"Http"/g), 6000, 'CON-61 all of them');
like($text, qr/"'=cmd\|/, 'a formula is disarmed');
like($text, qr/"'-2\+3\+cmd"/, 'one that begins with minus');
like($text, qr/"'\ttab"/, 'one behind a tab');
like($text, qr/"a ""quote"", and a\nline"/, 'quotes and lines as RFC 4180 wants');
$r = get("/records/contacts/export?format=csv&tags=$tag&field=first_name&field=tags&field=opt_in_status");
like($r->{content}, qr/^\xef\xbb\xbf"First name","Tags","Marketing consent"\r\n"N\d+","$tag","yes"\r\n/, 'CON-61 the fields that were asked for');
my @ids = (psql("select id from contacts where 'N5' = first_name and tags \@> '{$tag}'"));
$r = get("/records/contacts/export?format=csv&field=first_name&ids=$ids[0]");
is($r->{content}, "\xef\xbb\xbf\"First name\"\r\n\"N5\"\r\n", 'CON-40 the selection');
$r = get("/records/contacts/export?format=xlsx&tags=$tag&field=first_name&field=created_at");
is(substr($r->{content}, 0, 2), 'PK', 'CON-61 as a spreadsheet');
$r = get("/records/contacts/export?format=csv&f=nonsense:is:1");
is($r->{status}, 400, 'a filter that is not known is refused, and nothing is exported');
my $theirs = psql("select id from contacts where organization_id <> '$org' limit 1");
$r = get("/records/contacts/export?format=csv&field=first_name&ids=$theirs");
is($r->{content}, "\xef\xbb\xbf\"First name\"\r\n", 'CON-26 nobody of another tenant');
is(get('/records/contacts/export?format=csv&ids=all')->{status}, 400, 'a selection that is none is not all');

# ---- 6,000 at once ---------------------------------------------------------------------

sub change { return json_decode(get("/records/contacts/changes/$_[0]")->{content}) }

$r = $browser->post('/records/contacts/bulk', { action => 'add_tags', value => "more$tag", all => 1, state => "tags=$tag" },
	%json);
is($r->{status}, 200, 'CON-44 all of a filtered result') or diag $r->{content};
my $c = json_decode($r->{content});
is($c->{total}, 6000, 'which are 6,000');
is($c->{state}, 'running', 'they are changed by the worker');
my $done = wait_for(60, sub { my $now = change($c->{id}); $now->{state} eq 'done' && $now });
is($done->{changed}, 6000, 'CON-42 every one of them') or diag explain $done;
is(psql("select count(*) from contacts where tags \@> '{more$tag}'"), 6000, 'as the table says');
is(psql("select count(distinct actor_id) from events where type = 'contact.updated' and data -> 'tags' ? 'more$tag'"), 1, 'the events tell who did it');
$r = $browser->post("/records/contacts/changes/$c->{id}/undo", {}, %json);
is($r->{status}, 200, 'undone') or diag $r->{content};
$done = wait_for(60, sub { my $now = change($c->{id}); $now->{state} eq 'undone' && $now });
is($done->{restored}, 6000, 'every one of them comes back');
is(psql("select count(*) from contacts where tags \@> '{more$tag}'"), 0, 'as the table says');
$r = $browser->post("/records/contacts/changes/$c->{id}/undo", {}, %json);
is($r->{status}, 409, 'not twice');

# ---- what is refused ---------------------------------------------------------------------

is($browser->post('/records/contacts/bulk', { action => 'set', key => 'organization_id', value => 'x', ids => $ids[0] }, %json)->{status},
	400, 'a field that is none');
$r = $browser->post('/records/contacts/bulk', { action => 'set', key => 'assignee_id', value => 'nobody', ids => $ids[0] }, %json);
is($r->{status}, 400, 'a value that the field cannot hold is refused before anything is begun');
like($r->{content}, qr/does not fit the field/, 'and said so');
is($browser->post('/records/contacts/bulk', { action => 'delete', all => 1, state => 'f=nonsense:is:1' }, %json)->{status},
	400, 'a deletion by a filter that is not known deletes nothing');
is($browser->request(POST => "/records/contacts/$ids[0]/source",
	{ headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }, content => 'value=x' })->{status}, 403,
	'a cell is not changed from elsewhere');
$r = $browser->post("/records/contacts/$theirs/source", { value => 'x' }, %json);
is($r->{status}, 404, 'CON-26 a cell of another tenant is not there');
is($browser->post("/records/contacts/$ids[0]/id", { value => 'x' }, %json)->{status}, 404, 'the id is no cell');
is(get('/records/nothing/columns')->{status}, 404, 'there is no such list');
$r = $browser->post("/records/contacts/$ids[0]/source", { value => '<b>x</b>' }, %json);
like(json_decode($r->{content})->{html}, qr/&lt;b&gt;/, 'a cell shows script as text');

# ---- the API -----------------------------------------------------------------------------

my $anon = kontor_json()->{anon_key};
my $token = api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
	json => { email => $user->{email}, password => $user->{password} })->{json}{access_token};
$r = api(POST => '/rest/v1/saved_views', apikey => $anon, bearer => $token, json => { kind => 'contacts', name => "API $tag", is_shared => JSON::PP::true,
	state => { f => ["tags:all:$tag"] } }, headers => { Prefer => 'return=representation' });
is($r->{status}, 201, 'a view by the API') or diag $r->{content};
my $view = $r->{json}[0]{id};
$r = get("/contacts?v=$view");
like($r->{content}, qr/API $tag/, 'is a tab');
like($r->{content}, qr/2,000\+/, 'CON-33 with its filter and the number of those that fit');
is(api(DELETE => "/rest/v1/saved_views?id=eq.$view", apikey => $anon, bearer => $token)->{status}, 204, 'and is deleted there');
$r = api(GET => '/rest/v1/bulk_changes?select=action,total&order=id.desc&limit=1', apikey => $anon, bearer => $token);
is($r->{json}[0]{total}, 6000, 'changes of many records can be read there') or diag $r->{content};

psql("delete from contacts where tags \@> '{$tag}'");
psql("delete from saved_views where name = 'API $tag'");
done_testing;
