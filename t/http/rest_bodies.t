#!/usr/bin/perl
# What is written through the proxy and /rest/v1 beside plain JSON rows:
# stages as a string, CSV, forms, PUT, upserts, and the words of refusals.
use strict;
use warnings;
use Kontor;
use Test::More;

my $base  = '/functions/v1/rest-api-proxy';
my $mine  = tenant(0);
my $other = tenant(1);
my $mark  = 'rb' . $$;

sub proxy {
	my ($method, $path, %o) = @_;
	return api($method, "$base/$path", key => $o{as} // $mine->{api_key}, %o);
}
sub told { my $r = shift; return "$r->{status} " . ($r->{json}{code} // '') . ' ' . ($r->{json}{message} // '') }

# ---- stages ------------------------------------------------------------------------------

my $r = proxy(POST => 'pipelines', json => { organization_id => $other->{organization_id}, name => "P $mark",
	stages => '[{"id":"lead","name":"Lead"},{"id":"qualified","name":"Qualified"}]', is_default => JSON::PP::false });
is($r->{status}, 201, 'API-54 stages as a JSON string');
is(join(' ', map { $_->{id} } @{ $r->{json}[0]{stages} }), 'lead qualified', 'API-54 are stored as the list that they are');
is($r->{json}[0]{organization_id}, $mine->{organization_id}, 'API-47 in the tenant of the key');

# ---- CSV and forms --------------------------------------------------------------------------

my $rest = "$base/contacts?select=first_name,last_name,tags";
$r = api(POST => $rest, key => $mine->{api_key}, type => 'text/csv',
	body => "first_name,last_name,tags,source\nUma,\"O\"\"Hara, Jr.\",\"{vip,lead}\",$mark\nVic,NULL,{},$mark\n");
is($r->{status}, 201, 'CSV is taken');
is_deeply($r->{json}, [{ first_name => 'Uma', last_name => 'O"Hara, Jr.', tags => ['vip', 'lead'] },
	{ first_name => 'Vic', last_name => undef, tags => [] }], 'row by row, with quotes, commas and NULL');
$r = api(POST => $rest, key => $mine->{api_key}, type => 'text/csv', body => "first_name,source\nWes\n");
is(told($r), '400 PGRST102 All lines must have same number of fields', 'a short line is refused');
$r = api(POST => $rest, key => $mine->{api_key}, type => 'text/csv', body => "first_name,sorce\nWes,$mark\n");
is("$r->{status} $r->{json}{code} $r->{json}{hint}", "400 PGRST204 Perhaps you meant the column 'source'", 'a wrong column is named');
$r = api(POST => $rest, key => $mine->{api_key}, type => 'application/x-www-form-urlencoded', body => "first_name=Xi&source=$mark");
is($r->{json}[0]{first_name}, 'Xi', 'a form is one row');
$r = api(POST => $rest, key => $mine->{api_key}, type => 'application/x-www-form-urlencoded',
	body => qq({"first_name":"Yan","source":"$mark"}));
is($r->{json}[0]{first_name}, 'Yan', 'curl -d without a content type: JSON is seen as such');
$r = api(POST => "$base/rpc/get_unanswered_conversations_count", key => $mine->{api_key},
	type => 'application/x-www-form-urlencoded', body => '{}');
is($r->{status}, 200, 'as the arguments of a function too');
is(psql("select count(*) from contacts where source = '$mark' and organization_id = '$mine->{organization_id}'"), 4,
	'nothing else was written');

# ---- PUT and upserts ---------------------------------------------------------------------------

my $id = psql('select uuid7()');
$r = proxy(PUT => "contacts/$id?select=first_name", json => { id => $id, first_name => 'Zoe', source => $mark });
is("$r->{status} $r->{json}[0]{first_name}", '201 Zoe', 'PUT makes a row of that id');
$r = proxy(PUT => "contacts?id=eq.$id&select=first_name", json => { id => $id, first_name => 'Zoey', source => $mark });
is("$r->{status} $r->{json}[0]{first_name}", '200 Zoey', 'and replaces what is there');
$r = proxy(PUT => "contacts?id=eq.$id", json => { id => psql('select uuid7()'), first_name => 'No' });
is(told($r), '400 PGRST115 Payload values do not match URL in primary key column(s)', 'the body names the same row');
$r = proxy(PUT => "contacts?first_name=eq.Zoey", json => { id => $id, first_name => 'No' });
is("$r->{status} $r->{json}{code}", '405 PGRST105', 'which the URL has to name by its key');
$r = proxy(PUT => "contacts/$id", json => { id => $id, first_name => 'Theirs', source => $mark }, as => $other->{api_key});
is(psql("select first_name from contacts where id = '$id' and organization_id = '$mine->{organization_id}'"), 'Zoey',
	'API-47 another tenant changes nothing here by the same id');
$r = proxy(POST => 'contacts?select=first_name', json => [{ id => $id, first_name => 'Zo' }], headers => { Prefer => 'resolution=merge-duplicates' });
is("$r->{status} $r->{json}[0]{first_name}", '200 Zo', 'an upsert that adds nothing is 200');

# ---- refusals -------------------------------------------------------------------------------------

$r = proxy(PATCH => "contacts?id=eq.$id", headers => { 'Content-Type' => 'application/json' });
is(told($r), '400 PGRST102 Empty or invalid json', 'a PATCH without a body');
like($r->{json}{hint}, qr/JSON object into the body/, 'says what to do');
$r = proxy(PATCH => 'contacts?limit=1', json => { last_name => 'All' });
is($r->{status}, 400, 'a PATCH without a filter is refused');
$r = proxy(DELETE => 'contacts');
is("$r->{status} $r->{json}{code}", '400 21000', 'so is a DELETE');
$r = proxy(PATCH => "contacts?source=eq.$mark", json => { last_name => 'Many' }, headers => { Prefer => 'handling=strict, max-affected=3' });
is(told($r), '400 PGRST124 Query result exceeds max-affected preference constraint', 'more rows than the client expects');
is(psql("select count(*) from contacts where last_name = 'Many' and source = '$mark'"), 0, 'stay as they are');
$r = proxy(DELETE => "contacts?source=eq.$mark&select=first_name&order=first_name");
is(join(' ', map { $_->{first_name} } @{ $r->{json} }), 'Uma Vic Xi Yan Zo', 'API-49 a DELETE answers what it deleted')
	or diag $r->{content};
is(psql("select count(*) from contacts where source = '$mark' and organization_id = '$mine->{organization_id}'"), 0, 'API-49 all of it');

done_testing;
