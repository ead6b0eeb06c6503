#!/usr/bin/perl
# Leads and contacts by function: create-lead, create-leads-bulk,
# import-contacts-bulk. Matching, merging, skipping; partial success; repeats
# and races; whose rows they are.
use strict;
use warnings;
use Kontor;
use Kontor::Tenant;
use Test::More;
use Time::HiRes qw(time);

my $t     = Kontor::Tenant->new('leads');
my $other = Kontor::Tenant->new('others');
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub contact { return ($t->rows("select * from contacts where organization_id = :org and id = '$_[0]'"))[0] }
sub count { return $t->sql("select count(*) from $_[0] where organization_id = :org") }
sub keys_of { return join ' ', sort keys %{ $_[0] } }
sub summary { my $s = $_[0]{json}{summary}; return join ' ', map { "$_=$s->{$_}" } sort keys %$s }
sub errors { return map { $_->{error} } grep { !$_->{success} } @{ $_[0]{json}{results} } }

# ---- create-lead ------------------------------------------------------------------

my $r = $t->call('create-lead', { first_name => 'John', last_name => 'Doe', email => 'John.Doe@Example.com' });
is($r->{status}, 201, 'API-63 create-lead is 201');
is_deeply([keys_of($r->{json}), keys_of($r->{json}{data}), keys_of($r->{json}{data}{contact})],
	['data message success', 'contact deal is_new', 'created_at emails first_name id last_name phones source tags'],
	'API-56 API-83 the keys of its answer');
is($r->{json}{message}, 'Lead created successfully', 'API-83 its message');
ok($r->{json}{success} && $r->{json}{data}{is_new}, 'API-83 is_new says that the contact was made');
is($r->{json}{data}{deal}, undef, 'API-83 without a deal none is made');
my $john = $r->{json}{data}{contact};
is_deeply($john->{emails}, ['john.doe@example.com'], 'CON-83 the address is stored in small letters');
is($john->{source}, 'api', 'API-83 the source is api unless it is said');
my $row = contact($john->{id});
is($row->{opt_in_status}, $true, 'CON-79 opt_in_status is true unless it is said');

$r = $t->call('create-lead', {
	first_name => 'Jane', last_name => 'Roe', email => 'jane@example.com',
	emails => ['jane.work@company.com', 'JANE@example.com'], phone => '+1 (987) 654-321', phones => ['20 101 717 7777'],
	source => 'website_form', tags => ['hot-lead', 'hot-lead', 'enterprise'], description => 'Budget: $50k',
	company_name => 'Acme Corporation', custom_fields => { lead_score => 85, price => 0.1, nested => { a => [1, $true, undef] } },
	deal => { title => 'Acme Corp - Enterprise License', value => 50000, currency => 'USD', stage => 'qualified',
		pipeline_id => $t->{pipeline_id} },
});
is($r->{status}, 201, 'API-83 with every field');
my $jane = $r->{json}{data}{contact};
is_deeply($jane->{emails}, ['jane@example.com', 'jane.work@company.com'], 'API-83 email comes first, then emails, each once');
is_deeply($jane->{phones}, ['+1987654321', '+201017177777'], 'API-83 CON-80 phone and phones likewise, as E.164');
is_deeply($jane->{tags}, ['hot-lead', 'enterprise'], 'CON-76 tags, each once');
my $deal = $r->{json}{data}{deal};
is(keys_of($deal), 'currency id stage title value', 'API-83 the keys of the deal');
is_deeply([@$deal{qw(title currency stage)}, $deal->{value} + 0], ['Acme Corp - Enterprise License', 'USD', 'qualified', 50000],
	'API-83 and its values');
is($t->sql("select contact_id from deals where id = '$deal->{id}'"), $jane->{id}, 'API-83 the deal is the contact\'s');
$row = contact($jane->{id});
is_deeply($row->{custom_fields}, { lead_score => 85, price => 0.1, nested => { a => [1, $true, undef] } },
	'CON-78 custom_fields are stored as sent');
is($t->sql("select name from companies where organization_id = :org and id = '$row->{company_id}'"), 'Acme Corporation',
	'API-83 company_name becomes a company');
my $company = $row->{company_id};

$r = $t->call('create-lead', { first_name => '', last_name => 'Rowe', emails => ['jane@EXAMPLE.com'], phones => ['+4915112345678'],
	tags => ['new', 'enterprise'], company_name => 'ACME corporation', custom_fields => { lead_score => 90, extra => 'x' } });
is($r->{status}, 201, 'API-83 the same person again');
ok(!$r->{json}{data}{is_new}, 'API-83 is_new is false then');
is($r->{json}{data}{contact}{id}, $jane->{id}, 'CON-93 found by e-mail, whatever its letters');
$row = contact($jane->{id});
is_deeply([@$row{qw(first_name last_name source description company_id)}],
	['Jane', 'Rowe', 'website_form', 'Budget: $50k', $company], 'CON-94 what is empty or absent overwrites nothing, the rest does');
is_deeply([@$row{qw(phones emails tags)}], [['+1987654321', '+201017177777', '+4915112345678'],
	['jane@example.com', 'jane.work@company.com'], ['hot-lead', 'enterprise', 'new']], 'CON-94 lists become the union');
is_deeply($row->{custom_fields}, { lead_score => 90, price => 0.1, nested => { a => [1, $true, undef] }, extra => 'x' },
	'CON-94 custom_fields are merged key by key');
is(count('companies'), 1, 'CON-94 one company, in any letters');

for my $case (
	[{}, 'At least one of first_name, last_name, email, or phone is required', 'API-83 nothing that names anybody'],
	[{ tags => ['x'], description => 'y' }, 'At least one of first_name, last_name, email, or phone is required', 'API-83 nor does a tag'],
	[{ first_name => 'x' x 101 }, 'first_name must be at most 100 characters', 'CON-76 a first name too long'],
	[{ last_name => 'x' x 101 }, 'last_name must be at most 100 characters', 'CON-76 a last name too long'],
	[{ first_name => 'x', source => 'x' x 51 }, 'source must be at most 50 characters', 'CON-76 a source too long'],
	[{ first_name => 'x', tags => ['x' x 51] }, 'tags must each be at most 50 characters', 'CON-76 a tag too long'],
	[{ first_name => 'x', tags => 'vip' }, 'tags must be a list', 'CON-76 tags that are no list'],
	[{ first_name => 'x', description => 'x' x 5001 }, 'description must be at most 5000 characters', 'CON-76 a description too long'],
	[{ first_name => 'x', email => 'x@y' }, 'email has "x@y", which is not an e-mail address', 'CON-83 an address that is none'],
	[{ first_name => 'x', emails => ['a b@c.com'] }, 'emails has "a b@c.com", which is not an e-mail address', 'CON-83 one in the list'],
	[{ first_name => 'x', phone => 'abc' }, 'phone has "abc", which is not a phone number', 'CON-81 letters are no number'],
	[{ first_name => 'x', custom_fields => 'None' }, 'custom_fields must be an object', 'CON-78 custom_fields as a text'],
	[{ first_name => 'x', custom_fields => { a => 'x' x 33000 } }, 'custom_fields must be at most 32 KB', 'CON-78 too many custom_fields'],
	[{ first_name => 'x', custom_fields => { 'a b' => 1 } }, 'custom_fields has the key "a b"; keys are letters, digits and underscores, at most 64',
		'CON-54 a key that is none'],
	[{ first_name => 7 }, 'first_name must be a text', 'CON-76 a number for a name'],
	[{ first_name => 'x', deal => {} }, 'deal.title is required', 'API-83 a deal without a title'],
	[{ first_name => 'x', deal => { title => 'x', value => '5' } }, 'deal.value must be a number', 'DEA-106 a value in quotes'],
	[{ first_name => 'x', deal => { title => 'x', pipeline_id => 'your-pipeline-uuid' } }, 'deal.pipeline_id must be a UUID', 'DEA-76 no UUID'],
	[{ first_name => 'x', deal => 'x' }, 'deal must be an object', 'API-83 a deal that is no object'],
	[{ first_name => 'x', assignee_id => $other->{user_id} }, 'assignee_id is nobody of this organization', 'CON-77 a foreign assignee'],
	[{ first_name => 'x', company_id => '01900000-0000-7000-8000-000000000000' }, 'Company not found', 'CON-77 a company that is not there'],
	[{ first_name => 'x', deal => { title => 'x', pipeline_id => $other->{pipeline_id} } }, 'Pipeline not found', 'DEA-76 DEA-81 a foreign pipeline'],
	[{ first_name => 'x', deal => { title => 'x', owner_id => $other->{user_id} } }, 'owner_id is nobody of this organization', 'DEA-81 a foreign owner']) {
	my ($body, $error, $name) = @$case;
	my $before = count('contacts');
	$r = $t->call('create-lead', $body);
	is("$r->{status} $r->{json}{error}", "400 $error", $name);
	is(count('contacts'), $before, "$name: nothing is written");
}
is($r->{json}{code}, 'VALIDATION_ERROR', 'API-58 with its code');
$r = $t->call('create-lead', { first_name => 'x', email => 'x@y' });
is_deeply($r->{json}{details}, { field => 'email', message => $r->{json}{message} }, 'API-57 and the field in details');

# ---- who may ------------------------------------------------------------------------

for my $function (qw(create-lead import-contacts-bulk create-leads-bulk create-deals-bulk search-contacts search-companies
	find-duplicate-companies find-duplicate-contacts merge-contacts)) {
	my $path = "/functions/v1/$function";
	$r = api(GET => $path, key => $t->{api_key});
	is("$r->{status} $r->{json}{error}", '405 Use POST', "API-61 GET $function");
	$r = api(POST => $path, json => {});
	is("$r->{status} $r->{json}{error}", '401 Unauthorized', "CON-69 $function without a key");
	$r = api(POST => $path, key => 'cg_wrong', json => { contacts => [{ email => 'a@b.co' }], leads => [{ email => 'a@b.co' }],
		deals => [{ title => 'x', contact_email => 'a@b.co' }], first_name => 'x', contactIds => [$t->{user_id}],
		primaryContactId => $other->{user_id} });
	is("$r->{status} $r->{json}{error} $r->{json}{code}", '401 Unauthorized INVALID_API_KEY', "CON-69 API-58 $function with a wrong key")
		unless $function eq 'find-duplicate-companies';
	$r = api(POST => $path, key => $t->{api_key}, body => '{"a":', type => 'application/json');
	is($r->{status}, 400, "API-61 $function with JSON that breaks off");
	$r = api(POST => $path, key => $t->{api_key}, json => ['x']);
	is("$r->{status} $r->{json}{error}", '400 Send a JSON object as the body', "API-61 $function with a list");
	$r = api(POST => $path, bearer => kontor_json()->{anon_key}, json => { contacts => [{ email => 'a@b.co' }],
		leads => [{ email => 'a@b.co' }], deals => [{ title => 'x', contact_email => 'a@b.co' }], first_name => 'x' });
	cmp_ok($r->{status}, '>=', 400, "the public key alone opens nothing: $function");
}
my $user = tenant(0)->{users}[0];
my $jwt = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $user->{email}, password => $user->{password} })->{json}{access_token};
$r = api(POST => '/functions/v1/search-contacts', bearer => $jwt, json => { searchTerm => 'Mariam' });
is("$r->{status} $r->{json}{count}", '200 1', 'API-12 a session token opens a function too');

# ---- import-contacts-bulk --------------------------------------------------------------

$r = $t->call('import-contacts-bulk', {
	contacts => [
		{ first_name => 'Ahmed', phones => ['+201111111111'], emails => ['ahmed@example.com'], tags => ['import-2026-04'],
			custom_fields => { city => 'Cairo' } },
		{ first_name => 'Sara', phones => ['+201222222222'], source => 'fair', opt_in_status => $false },
		{ first_name => 'Zoe', email => 'ZOE@example.com', emails => ['zoe.work@example.com'], phone => '+4930123456789' },
	],
	default_tags => ['batch-2026-04', 'import-2026-04'], default_source => 'csv-import',
});
is($r->{status}, 200, 'API-63 a batch is 200');
is(summary($r), 'failed=0 new_contacts=3 skipped_duplicates=0 successful=3 total=3 updated_contacts=0', 'API-84 the keys of its summary');
is_deeply([map { keys_of($_) } @{ $r->{json}{results} }], [('contact_id index is_new success') x 3], 'API-84 the keys of its results');
is_deeply([map { $_->{index} } @{ $r->{json}{results} }], [0, 1, 2], 'CON-98 API-87 one per row, in their order, from 0');
my ($ahmed, $sara, $zoe) = map { contact($_->{contact_id}) } @{ $r->{json}{results} };
is_deeply($ahmed->{tags}, ['import-2026-04', 'batch-2026-04'], 'CON-96 default_tags are for all rows');
is_deeply($sara->{tags}, ['batch-2026-04', 'import-2026-04'], 'CON-96 those without tags of their own as well');
is_deeply([map { $_->{source} } $ahmed, $sara, $zoe], [qw(csv-import fair csv-import)], 'CON-96 default_source where a row has none');
is_deeply($zoe->{emails}, ['zoe@example.com', 'zoe.work@example.com'], 'API-84 email comes first');
is($sara->{opt_in_status}, $false, 'CON-79 unless it is said');
is($t->sql("select source from contacts where organization_id = :org and id = '" .
	$t->call('import-contacts-bulk', { contacts => [{ first_name => 'Api' }] })->{json}{results}[0]{contact_id} . "'"), 'api',
	'API-84 default_source is api');

my $merge = { contacts => [
	{ first_name => 'Someone', last_name => 'Saleh', email => 'ahmed@example.com', phone => '+4930123456789', source => 'web' },
	{ first_name => 'Sara', phones => ['+20 1222-222222', '+201000000001'], tags => ['vip'] },
	{ first_name => 'Sara B', phone => '201000000001', email => 'sara.b@example.com' },
	{ first_name => 'Sara C', email => 'sara.b@example.com' },
] };
$r = $t->call('import-contacts-bulk', $merge);
is(summary($r), 'failed=0 new_contacts=0 skipped_duplicates=0 successful=4 total=4 updated_contacts=4', 'CON-94 all four are known');
my @who = map { $_->{contact_id} } @{ $r->{json}{results} };
is($who[0], $ahmed->{id}, 'CON-93 the e-mail goes before the phone');
is($who[1], $sara->{id}, 'CON-93 any phone, in its stored form');
is_deeply([@who[2, 3]], [($sara->{id}) x 2], 'CON-93 also what an earlier row of the batch brought');
is_deeply([map { $_->{is_new} } @{ $r->{json}{results} }], [($false) x 4], 'CON-94 none is new');
$row = contact($ahmed->{id});
is_deeply([@$row{qw(first_name last_name source)}, $row->{phones}, $row->{custom_fields}],
	['Someone', 'Saleh', 'web', ['+201111111111', '+4930123456789'], { city => 'Cairo' }], 'CON-94 merged');
is(contact($sara->{id})->{opt_in_status}, $false, 'CON-94 a consent that was withdrawn stays so unless it is said');

my $all = count('contacts');
my $stamp = $t->sql("select max(updated_at) || ' ' || count(*) from contacts where organization_id = :org");
my $events = $t->sql("select count(*) from events where organization_id = :org");
$r = $t->call('import-contacts-bulk', { contacts => [@{ $merge->{contacts} }[0, 3]] });
is(count('contacts'), $all, 'CON-95 the same again makes no duplicate');
is($t->sql("select max(updated_at) || ' ' || count(*) from contacts where organization_id = :org") . ' '
	. $t->sql("select count(*) from events where organization_id = :org"), "$stamp $events", 'CON-95 nor a change, nor an event')
	or diag contact($sara->{id})->{first_name};

$r = $t->call('import-contacts-bulk', { skip_duplicates => $true, default_tags => ['never'], contacts => [
	{ first_name => 'Overwritten', email => 'ahmed@example.com' }, { first_name => 'Nadia', email => 'nadia@example.com' },
	{ first_name => 'Nadia 2', email => 'NADIA@example.com' }] });
is(summary($r), 'failed=0 new_contacts=1 skipped_duplicates=2 successful=3 total=3 updated_contacts=0', 'CON-94 API-84 skip_duplicates');
is_deeply($r->{json}{results}[0], { index => 0, success => $true, contact_id => $ahmed->{id}, is_new => $false },
	'CON-94 a skipped row succeeds, and names the one that there is');
is(contact($ahmed->{id})->{first_name} . "@{ contact($ahmed->{id})->{tags} }", 'Someoneimport-2026-04 batch-2026-04',
	'CON-94 which is left as it was');

$r = $t->call('import-contacts-bulk', { contacts => [
	{ first_name => 'Good 1', email => 'good1@example.com' }, { phone => 'abc' }, { email => 'a@b' }, {}, 'x',
	{ first_name => 'B', email => 'b@example.com', company_id => '01900000-0000-7000-8000-000000000000' },
	{ first_name => 'C', email => 'c@example.com', assignee_id => $other->{user_id} },
	{ first_name => 'D', tags => ['x' x 51] }, { first_name => 'E', custom_fields => 'None' },
	{ first_name => 'F', company_id => 'uuid-of-existing-company' }, { first_name => 'G', opt_in_status => 'yes' },
	{ first_name => 'Good 2', email => 'good2@example.com', company_id => $company, assignee_id => $t->{user_id} }] });
is($r->{status}, 200, 'CON-97 API-63 200 though rows failed');
is(summary($r), 'failed=10 new_contacts=2 skipped_duplicates=0 successful=2 total=12 updated_contacts=0', 'CON-97 the summary counts them');
is_deeply([errors($r)], ['phone has "abc", which is not a phone number', 'email has "a@b", which is not an e-mail address',
	'At least one of first_name, last_name, email, or phone is required', 'The row must be an object', 'Company not found',
	'assignee_id is nobody of this organization', 'tags must each be at most 50 characters', 'custom_fields must be an object',
	'company_id must be a UUID', 'opt_in_status must be true or false'], 'CON-97 API-87 each error says why');
is(keys_of($r->{json}{results}[1]), 'error index success', 'API-87 the keys of a row that failed');
is_deeply([map { $_->{index} } @{ $r->{json}{results} }], [0 .. 11], 'CON-98 each in its place');
is($t->sql("select count(*) from contacts where organization_id = :org and first_name in ('Good 1', 'Good 2')"), 2,
	'CON-92 a row that fails takes no other with it');
is($t->sql("select count(*) from contacts where organization_id = :org and first_name in ('B', 'C', 'D', 'E', 'F', 'G')"), 0, 'CON-92 and is not written');

$r = $t->call('import-contacts-bulk', { contacts => [map { { first_name => "N$_" } } 1 .. 501] });
is("$r->{status} $r->{json}{error}", '400 Maximum batch size is 500 contacts', 'CON-91 API-69 more than 500 contacts');
for my $case ([{}, 'contacts is required'], [{ contacts => 'x' }, 'contacts must be a list'], [{ contacts => [] }, 'contacts must have at least one element'],
	[{ contacts => [{ first_name => 'x' }], default_tags => 'x' }, 'default_tags must be a list'],
	[{ contacts => [{ first_name => 'x' }], skip_duplicates => 'yes' }, 'skip_duplicates must be true or false']) {
	$r = $t->call('import-contacts-bulk', $case->[0]);
	is("$r->{status} $r->{json}{error}", "400 $case->[1]", "API-61 $case->[1]");
}

my $many = { contacts => [map { { first_name => "F$_", last_name => "L$_", emails => ["many$_\@example.com"],
	phones => ['+4930' . (1000000 + $_)], tags => ['many'], custom_fields => { n => $_ } } } 1 .. 500] };
my ($best, $again) = (9, 9);
for my $try (1 .. 3) {
	my $start = time;
	$r = $t->call('import-contacts-bulk', $many);
	$best = time - $start if time - $start < $best;
	is(summary($r), 'failed=0 new_contacts=500 skipped_duplicates=0 successful=500 total=500 updated_contacts=0', 'CON-91 500 contacts at once');
	$start = time;
	$r = $t->call('import-contacts-bulk', $many);
	$again = time - $start if time - $start < $again;
	is(summary($r), 'failed=0 new_contacts=0 skipped_duplicates=0 successful=500 total=500 updated_contacts=500', 'CON-95 and again');
	$t->sql("delete from contacts where organization_id = :org and tags = '{many}'");
}
note sprintf '500 new contacts in %.0f ms, 500 known ones in %.0f ms', $best * 1000, $again * 1000;
cmp_ok($best, '<', 3, '500 new contacts at once, on whatever machine, in seconds');

# ---- create-leads-bulk --------------------------------------------------------------------

$r = $t->call('create-leads-bulk', { skip_duplicates => $true, leads => [
	{ first_name => 'Lead', last_name => 'One', email => 'lead1@example.com', phone => '+11111111111', source => 'facebook_ads' },
	{ first_name => 'Lead', last_name => 'Two', email => 'lead2@example.com', phones => ['+3333333333', '+3333333334'],
		deal => { title => 'Lead two', value => 10 } },
	{ first_name => 'Lead', last_name => 'Three', email => 'lead1@example.com', deal => { title => 'Not made' } }] });
is("$r->{status} " . summary($r), '200 failed=0 new_contacts=2 skipped_duplicates=1 successful=3 total=3 updated_contacts=0',
	'API-85 a lead that is known is skipped, and counts as successful');
is($t->sql("select title || ' ' || contact_id from deals where organization_id = :org and title like 'Lead two'"),
	"Lead two $r->{json}{results}[1]{contact_id}", 'API-85 a lead may bring its deal');
is($t->sql("select count(*) from deals where organization_id = :org and title = 'Not made'"), 0, 'API-85 not so the one that is skipped');
$r = $t->call('create-leads-bulk', { leads => [map { { first_name => "N$_" } } 1 .. 101] });
is("$r->{status} $r->{json}{error}", '400 Maximum batch size is 100 leads', 'API-69 API-85 more than 100 leads');
$r = $t->call('create-leads-bulk', { leads => [{ email => 'atom@example.com', deal => { title => 'x', owner_id => $other->{user_id} } }] });
is_deeply([errors($r), $t->sql("select count(*) from contacts where organization_id = :org and emails @> '{atom\@example.com}'")],
	['owner_id is nobody of this organization', 0], 'CON-92 the contact goes with the deal that fails');

# ---- one rule for numbers and addresses --------------------------------------------------------

# What C does before the call and the trigger after it say the same.
my @forms = ('+20 101 717 7777', '201017177777', 'abc', '00201017177777', '1234567', '12345678', '123456789012345',
	'1234567890123456', '+1 (555) 123-45.67', '++201017177777', '2010+17177777', '+', "+20\x{a0}101\x{2011}7177777", "\x{202a}+201017177777\x{202c}",
	"+20\t1017177777", '+20/1017177777', '١٢٣٤٥٦٧٨', '+201017177777 x2');
for my $raw (@forms) {
	$t->sql("delete from contacts where organization_id = :org and phones && '{+201017177777,+00201017177777}'");
	$r = $t->call('import-contacts-bulk', { contacts => [{ first_name => 'Phone', phone => $raw }] });
	my $id = $r->{json}{results}[0]{contact_id};
	my $by_c = $id ? contact($id)->{phones}[0] : '';
	my $quoted = $raw =~ s/'/''/gr;
	my $by_sql = $t->sql("select coalesce(internal.phone_normalized('$quoted'), '')");
	(my $shown = $raw) =~ s/[^ -~]/./g;
	is($by_c, $by_sql, "CON-80 program and trigger agree on \"$shown\"");
}
is($t->sql("select string_agg(coalesce(internal.phone_normalized(x), 'none'), ' ' order by n) from unnest(array['+20 101 717 7777', '201017177777',
	'abc', '00201017177777']) with ordinality u (x, n)"), '+201017177777 +201017177777 none +00201017177777', 'CON-81 CON-82 as printed');

# ---- races ----------------------------------------------------------------------------------------

# Each in a process of its own.
sub parallel {
	my ($n, $what) = @_;
	my @pids;
	for my $i (1 .. $n) {
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			my $ok = eval { $what->($i) };
			require POSIX;
			POSIX::_exit($ok ? 0 : 1);
		}
		push @pids, $pid;
	}
	my $bad = 0;
	for (@pids) { waitpid $_, 0; $bad++ if $? }
	return $bad;
}
my $bad = parallel(20, sub {
	my $i = shift;
	return $t->call('create-lead', { first_name => 'Race', email => $i % 2 ? 'race@example.com' : 'RACE@example.com', tags => ["t$i"] })->{status} == 201;
});
is($bad, 0, '20 leads at the same moment: all are answered');
is($t->sql("select count(*) || ' ' || max(cardinality(tags)) from contacts where organization_id = :org and emails @> '{race\@example.com}'"), '1 20',
	'CON-95 20 leads with one address at the same moment are one contact, with the tags of all');
$bad = parallel(6, sub {
	my $i = shift;
	my @rows = map { { first_name => "R$_", phone => '+49301' . (5550000 + $_), email => "r$_\@example.com", company_name => 'Race Ltd' } } 1 .. 40;
	return $t->call('import-contacts-bulk', { contacts => [$i % 2 ? @rows : reverse @rows] })->{json}{summary}{successful} == 40;
});
is($bad, 0, 'six batches with the same rows in both orders: none fails on another');
is($t->sql("select count(*) from contacts where organization_id = :org and emails && array(select 'r' || n || '\@example.com' from generate_series(1, 40) n)"),
	40, 'CON-95 and each contact is there once');
is($t->sql("select count(*) from companies where organization_id = :org and name = 'Race Ltd'"), 1, 'as is their company');

# ---- two tenants ---------------------------------------------------------------------------------------

my $before = $other->sql("select md5(coalesce(string_agg(c::text, '|' order by id), '')) from contacts c where organization_id = :org");
$other->call('create-lead', { first_name => 'Stranger', email => 'stranger@example.com', phone => '+4930999888777' });
my $stranger = $other->sql('select id from contacts where organization_id = :org');
$r = $t->call('create-lead', { first_name => 'Mine', email => 'stranger@example.com', phone => '+4930999888777' });
ok($r->{json}{data}{is_new}, 'CON-70 CON-93 the same address in another tenant is another contact');
is($other->sql('select first_name from contacts where organization_id = :org'), 'Stranger', 'CON-70 which is left alone');
$r = $t->call('import-contacts-bulk', { organization_id => $other->{organization_id}, contacts => [{ first_name => 'Org', organization_id => $other->{organization_id} }] });
is(contact($r->{json}{results}[0]{contact_id})->{first_name}, 'Org', 'CON-90 CON-70 whose a row is, the key alone says');
is($other->sql('select count(*) from contacts where organization_id = :org'), 1, 'CON-70 nothing comes to the other tenant');

# ---- our own faults ---------------------------------------------------------------------------

psql("create function internal.test_fault() returns trigger language plpgsql as
	\$\$ begin raise exception using errcode = 'XX001', message = 'block 7 of a secret file'; end \$\$;
	create trigger test_fault before insert on contacts for each row when (new.last_name = 'Fault $$') execute function internal.test_fault()");
$before = count('contacts');
$r = $t->call('import-contacts-bulk', { contacts => [{ first_name => 'Before', email => 'before@example.com' }, { last_name => "Fault $$" }] });
psql('drop trigger test_fault on contacts; drop function internal.test_fault()');
is("$r->{status} $r->{json}{error}", '500 Internal server error', 'API-64 CON-73 a fault of ours is a 500');
like($r->{json}{details}, qr/$r->{headers}{'x-request-id'}/, 'API-64 CON-73 whose details name the request for the log');
unlike($r->{content}, qr/secret|block 7/, 'API-64 and nothing of what went wrong inside');
is(count('contacts'), $before, 'CON-92 of a batch that ends so nothing stays');

# ---- whatever comes -----------------------------------------------------------------------------------------

# Values of every kind in every place: each answer is a 200, 201, 400 or 404 in JSON.
my @odd = (undef, $true, 0, -1, 1e308, -1e-308, 12345678901234567890, '', ' ', "a\x{1}b", "\x{fffd}\x{10ffff}", "'; drop table contacts; --", '%', '\\', '{}',
	'x' x 70000, [], [[]], [undef], [1], ['x', 'x'], {}, { a => {} }, [{ a => [] }], '2025-12-31', '+201017177777', 'a@b.cd');
my %places = ('create-lead' => [qw(first_name last_name email emails phone phones source tags description company_name custom_fields deal)],
	'import-contacts-bulk' => [qw(contacts skip_duplicates default_tags default_source)], 'create-leads-bulk' => [qw(leads skip_duplicates)],
	'create-deals-bulk' => [qw(deals default_pipeline_id default_stage default_currency skip_if_exists)], 'search-contacts' => [qw(searchTerm tags dealStatus)],
	'search-companies' => [qw(searchTerm country)], 'merge-contacts' => [qw(contactIds primaryContactId)], 'find-duplicate-companies' => [qw(companyIds primaryCompanyId)]);
my %rows = ('import-contacts-bulk' => [contacts => qw(email phones tags company_id company_name assignee_id opt_in_status custom_fields)],
	'create-deals-bulk' => [deals => qw(title value currency stage pipeline_id contact_id contact_email contact_phone contact_first_name
		create_contact_if_missing description expected_close_date probability source tags owner_id company_id custom_fields products)]);
my (@strange, $calls);
sub strange {
	my ($function, $body) = @_;
	my $r = $t->call($function, $body);
	$calls++;
	push @strange, "$function " . substr(json_encode($body), 0, 200) . " -> $r->{status} " . substr($r->{content}, 0, 200)
		unless $r->{status} =~ /^(?:200|201|400|404|413)$/ && ref $r->{json} eq 'HASH';
}
my $good = { 'create-lead' => { first_name => 'Odd' }, 'import-contacts-bulk' => { contacts => [{ first_name => 'Odd' }] },
	'create-leads-bulk' => { leads => [{ first_name => 'Odd' }] }, 'create-deals-bulk' => { deals => [{ title => 'Odd', contact_email => 'odd@example.com',
	create_contact_if_missing => $true }] } };
for my $function (sort keys %places) {
	for my $place (@{ $places{$function} }) {
		strange($function, { %{ $good->{$function} // {} }, $place => $_ }) for @odd;
	}
}
for my $function (sort keys %rows) {
	my ($list, @places) = @{ $rows{$function} };
	strange($function, { $list => [map { my $odd = $_; map { { %{ $good->{$function}{$list}[0] }, $_ => $odd } } @places } @odd[$_ * 3 .. $_ * 3 + 2] ] })
		for 0 .. $#odd / 3;
}
is("@strange", '', "API-61 $calls calls with odd values: none is a 500");

# ---- an organization that wants no duplicates ------------------------------------------------------------

$r = $t->proxy(POST => 'contacts', json => { first_name => 'Twin', phones => ['+201111111111'] });
is($r->{status}, 201, 'CON-75 POST looks for no duplicates');
$t->sql(q(update organizations set settings = settings || '{"reject_duplicate_contacts": true}' where id = :org));
$r = $t->proxy(POST => 'contacts', json => { first_name => 'Twin', phones => ['+20 111 111 1111'] });
is($r->{status}, 409, 'CON-74 unless the organization wants that');
like($r->{json}{error}, qr/^duplicate key/, 'API-61 with 409 and the words "duplicate key"');
is($t->call('create-lead', { first_name => 'Twin', phones => ['+20 111 111 1111'] })->{status}, 201, 'CON-94 a lead is merged as ever');

done_testing;
