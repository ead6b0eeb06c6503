#!/usr/bin/perl
# Files of contacts, companies and leads: matching, faults, progress, the way back.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine  = tenant(0);
my $other = tenant(1);
my $n     = $$;

sub call {
	my ($name, $body, %o) = @_;
	return api(POST => "/functions/v1/$name", key => $o{key} // $mine->{api_key}, json => $body);
}
sub one { my @r = rows($_[0]); return $r[0] }

# ---- contacts ------------------------------------------------------------------

my $csv = join "\n", 'First Name,Last Name,Email,Phone Number,Mobile Phone Number,Company name,Job Title,Lead Status,Lifecycle Stage,'
		. 'Street Address,City,State/Region,Postal Code,Country/Region,Shoe Size',
	"Ann,Import,Ann$n\@Example.com,+20 101 $n 771,,Acme $n,CEO,New,Lead,1 Main St,Cairo,,11511,Egypt,44",
	"\"Bob, Jr.\",Import,bob$n\@example.com,,,acme $n,,,,,,,,,",
	"Twice,Import,ANN$n\@example.com,,,,,,,,,,,,",
	"Bad,Import,not an address,,,,,,,,,,,,",
	",,,,,Nobody Inc,,,,,,,,,",
	"Carl,Import,,12,,,,,,,,,,,", '';
my $r = call('import-contacts', { csvData => $csv, organizationId => $mine->{organization_id} });
is($r->{status}, 200, 'API-80 import-contacts') or diag $r->{content};
is($r->{json}{success}, JSON::PP::true, 'API-56 success');
is_deeply([@{ $r->{json} }{qw(imported skipped failed total)}], [2, 1, 3, 6], 'API-80 CON-57 imported, skipped, and what failed');
is_deeply([map { $_->{row} } @{ $r->{json}{errors} }], [5, 6, 7], 'CON-57 per-row errors, with their lines');
like($r->{json}{errors}[0]{error}, qr/not an e-mail address/, 'in words');
is_deeply($r->{json}{ignored_columns}, ['Shoe Size'], 'and which columns were not known');
my $ann = psql("select json_build_object('e', emails, 'p', phones, 'c', custom_fields, 's', source,
	'co', (select name from companies k where k.id = c.company_id)) from contacts c where emails @> '{ann$n\@example.com}'");
$ann = json_decode($ann);
is_deeply($ann->{e}, ["ann$n\@example.com"], 'CON-83 addresses in small letters');
is_deeply($ann->{c}, { job_title => 'CEO', lead_status => 'New', lifecycle_stage => 'Lead', street_address => '1 Main St', city => 'Cairo',
	postal_code => '11511', country => 'Egypt' }, 'API-81 every documented column arrives');
is($ann->{co}, "Acme $n", 'the company by its name');
is(psql("select count(*) from companies where lower(name) = 'acme $n'"), 1, 'which is made once');
is(psql("select first_name from contacts where emails @> '{bob$n\@example.com}'"), 'Bob, Jr.', 'a comma in quotes');
is(psql("select count(*) from events where type = 'contact.created' and data ->> 'last_name' = 'Import' and data ->> 'source' = 'csv-import'
	and data -> 'emails' ->> 0 like '%$n\@example.com'"), 2, 'with an event for each new contact, and none for others');
my $first = $r->{json}{import_id};

$r = call('import-contacts', { csvData => $csv });
is_deeply([@{ $r->{json} }{qw(imported skipped)}], [0, 3], 'CON-95 the same file again makes nothing new');

$r = call('import-contacts', { csvData => "Full Name;E-mail Address;Tags\nAnna Newname;ann$n\@example.com;vip,gold\n", duplicates => 'merge' });
is_deeply([@{ $r->{json} }{qw(imported updated skipped)}], [0, 1, 0], 'merging') or diag $r->{content};
my $merged = $r->{json}{import_id};
is(psql("select first_name || ' ' || last_name || ' ' || array_to_string(tags, '+') from contacts where emails @> '{ann$n\@example.com}'"),
	'Anna Newname vip+gold', 'what the row brings is written');

# ---- files of errors, progress, undo ---------------------------------------------------

$r = api(GET => "/functions/v1/import-errors?import_id=$first", key => $mine->{api_key});
like($r->{headers}{'content-type'}, qr{^text/csv}, 'the rows that failed as a file');
like($r->{content}, qr/^row,error,values\r\n5,"emails: ""not an address/, 'with their lines and what was in them');
$r = api(GET => "/functions/v1/rest-api-proxy/imports?id=eq.$first&select=state,total,done,imported", key => $mine->{api_key});
is_deeply($r->{json}, [{ state => 'done', total => 6, done => 6, imported => 2 }], 'CON-58 imports are on file, with their progress');

$r = call('undo-import', { import_id => $merged });
is_deeply([@{ $r->{json} }{qw(deleted restored kept)}], [0, 1, 0], 'undo of a merge') or diag $r->{content};
is(psql("select first_name || ' ' || array_to_string(tags, '+') from contacts where emails @> '{ann$n\@example.com}'"), 'Ann ', 'is as before');
psql("update contacts set description = 'we spoke' where emails @> '{bob$n\@example.com}'");
$r = call('undo-import', { import_id => $first }, key => $other->{api_key});
is($r->{status}, 404, 'API-5 not another tenant\'s');
$r = call('undo-import', { import_id => $first });
is_deeply([@{ $r->{json} }{qw(deleted restored kept)}], [0, 0, 2], 'what was worked with since is kept: both were written to') or diag $r->{content};
is(call('undo-import', { import_id => $first })->{status}, 409, 'once');

my $rows = join '', map { "P$_,Undo,u$_.$n\@example.com\n" } 1 .. 50;
$r = call('import-contacts', { csvData => "First Name,Last Name,Email\n$rows" });
is($r->{json}{imported}, 50, 'fifty more');
$r = call('undo-import', { import_id => $r->{json}{import_id} });
is($r->{json}{deleted}, 50, 'undo of a whole import');
is(psql("select count(*) from contacts where emails[1] like 'u%.$n\@example.com'"), 0, 'and they are gone');

# ---- companies and leads -------------------------------------------------------------------

$r = call('import-companies', { organizationId => $mine->{organization_id}, csvData => join "\n",
	'Company name,Company Domain Name,Website URL,Industry,Phone Number,City,State/Region,Country/Region,Street Address,Postal Code,Annual Revenue,'
		. 'Number of Employees,LinkedIn Company Page,Facebook Company Page,Twitter Handle,Logo URL,Description,Lifecycle Stage,Lead Status,Company owner',
	"Globex $n,globex$n.example,https://globex$n.example,Energy,+1 415 555 0100,Springfield,OR,USA,1 Nuclear Way,97475,\"\$1,250,000.50\",120,"
		. 'https://linkedin.example/g,,@globex,,We make power,Customer,Open,Hank',
	"GLOBEX $n,,,,,,,,,,,,,,,,,,,", ',x.example,,,,,,,,,,,,,,,,,,' });
is($r->{status}, 200, 'API-80 import-companies') or diag $r->{content};
is_deeply([@{ $r->{json} }{qw(imported skipped failed)}], [1, 1, 1], 'COM-26 one new, one on file, one without a name') or diag $r->{content};
is(psql("select annual_revenue || ' ' || employee_count || ' ' || country || ' ' || (custom_fields ->> 'company_owner')
	from companies where domain = 'globex$n.example'"), '1250000.50 120 USA Hank', 'API-82 every documented column arrives');

$r = call('import-kommo-leads', { csvData => "Lead name,Full name,Work email,Work phone,Company,Sale,Stage,Lead tags\n"
	. "Boiler $n,Maria Lopez,maria$n\@example.com,+34 600 000 $n,Lopez SL,\"1.200,50\",Qualified,hot\n"
	. "Pump $n,Maria Lopez,maria$n\@example.com,,,300,New,\n" });
is($r->{status}, 200, 'API-80 import-kommo-leads') or diag $r->{content};
is($r->{json}{imported}, 2, 'AUTH-54 leads of a Kommo export') or diag $r->{content};
is(psql("select string_agg(d.title || '=' || d.value || '/' || d.stage, ' ' order by d.value) from deals d join contacts c on c.id = d.contact_id
	where c.emails @> '{maria$n\@example.com}'"), "Pump $n=300.00/new Boiler $n=1200.50/qualified", 'one person, two deals');

# ---- refusals --------------------------------------------------------------------------------

is(call('import-contacts', {})->{status}, 400, 'csvData is needed');
is(call('import-contacts', { csvData => "Shoe Size\n44\n" })->{status}, 400, 'a file without a known column');
is(call('import-contacts', { csvData => "Email\n" })->{status}, 400, 'a file without rows');
is(call('import-contacts', { csvData => "Email\na\@example.com\n", organizationId => $other->{organization_id} })->{status}, 403,
	'API-5 into another tenant');
is(api(POST => '/functions/v1/import-contacts', json => { csvData => 'x' })->{status}, 401, 'without a key');
is(psql("select count(*) from internal.import_staging"), 0, 'nothing is left on its way');

# ---- later, by the worker ------------------------------------------------------------------------

my $many = join '', map { "M$_,Later,m$_.$n\@example.com\n" } 1 .. 2500;
$r = call('import-contacts', { csvData => "First Name,Last Name,Email\n$many", async => JSON::PP::true });
is($r->{status}, 202, 'a large file may be done later');
my $later = $r->{json}{import_id};
ok(wait_for(20, sub { psql("select state from imports where id = '$later'") eq 'done' }), 'the worker does it');
is(psql("select imported from imports where id = '$later'"), 2500, 'all of it');
$r = api(POST => '/functions/v1/import-contacts', key => $mine->{api_key}, body => "Email\nraw$n\@example.com\n",
	type => "text/csv", headers => { "Idempotency-Key" => "imp$n" });
is($r->{json}{imported}, 1, 'the file may be the body itself') or diag $r->{content};

done_testing;
