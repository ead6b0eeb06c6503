#!/usr/bin/perl
# Searching by function, companies in both their forms, duplicates and merging.
use strict;
use warnings;
use Kontor;
use Kontor::Tenant;
use Test::More;

my $t     = Kontor::Tenant->new('search');
my $other = Kontor::Tenant->new('others');
my $nobody = '01900000-0000-7000-8000-000000000000';

sub made { return $t->proxy(POST => $_[0], json => $_[1])->{json}[0] // die "not made: $_[0]\n" }
sub one { return ($t->rows("select * from $_[0] where organization_id = :org and id = '$_[1]'"))[0] }
sub keys_of { return join ' ', sort keys %{ $_[0] } }
sub names { my $r = shift; return join ' ', sort map { $_->{first_name} } @{ $r->{json}{contacts} } }
sub found { return names($t->call('search-contacts', {@_})) }
sub firms { my $r = $t->call('search-companies', {@_}); return join ', ', map { $_->{name} } @{ $r->{json}{companies} } }

# ---- companies: one address or several ------------------------------------------------

my $acme = made(companies => { name => 'Acme Inc', domain => 'acme.com', email => 'Contact@Acme.com', phone => '+1 234 567 890', city => 'New York',
	country => 'US', industry => 'Technology', description => 'Makes anvils' });
is_deeply([@$acme{qw(domain email phone city country industry)}], ['acme.com', 'contact@acme.com', '+1234567890', 'New York', 'US', 'Technology'],
	'API-3 a company with one address (x:25115)');
is_deeply([@$acme{qw(emails phones)}], [['contact@acme.com'], ['+1234567890']], 'which stands in the lists too');
my $bolt = made(companies => { name => 'Bolt GmbH', website => 'https://www.Bolt.example/shop?x=1', country => 'Germany',
	emails => ['info@bolt.example', 'sales@bolt.example'] });
is_deeply([@$bolt{qw(domain email country_code)}], ['bolt.example', 'info@bolt.example', 'DE'], 'the domain follows from the website, the code from the country');
made(companies => { name => 'Coil', industry => 'Energy' });
my $r = $t->proxy(PATCH => "companies?id=eq.$bolt->{id}", json => { email => 'first@bolt.example' });
is_deeply($r->{json}[0]{emails}, ['first@bolt.example', 'sales@bolt.example'], 'a new first address takes the place of the old');
$r = $t->proxy(PATCH => "companies?id=eq.$bolt->{id}", json => { emails => ['a@bolt.example'] });
is($r->{json}[0]{email}, 'a@bolt.example', 'and follows the list');

# ---- search-companies --------------------------------------------------------------------

$r = $t->call('search-companies', { searchTerm => 'acme' });
is($r->{status}, 200, 'API-79 search-companies');
is(keys_of($r->{json}{companies}[0]), 'city country domain email id industry name phone', 'API-79 the keys of a company');
is(keys_of($r->{json}), 'companies success', 'API-56 and of the answer');
for ([name => 'Inc'], [domain => 'acme.com'], ['e-mail' => 'contact@acme'], [phone => '234567'], ['phone as it is written' => '+1 234-567'],
	[city => 'york'], [industry => 'TECHNO'], [description => 'anvil']) {
	is(firms(searchTerm => $_->[1]), 'Acme Inc', "API-79 by $_->[0]");
}
is(firms(), 'Acme Inc, Bolt GmbH, Coil', 'API-79 nothing is required');
is(firms(country => 'US'), 'Acme Inc', 'API-79 by country');
is(firms(country => 'United States'), 'Acme Inc', 'API-79 by its name where the code is stored');
is(firms(country => 'de'), 'Bolt GmbH', 'API-79 by its code where the name is stored');
is(firms(country => 'germany', searchTerm => 'acme'), '', 'API-79 both have to hold');
is(firms(country => '__no_country__'), 'Coil', 'API-79 __no_country__');
is(firms(searchTerm => '%'), '', 'API-79 a wildcard is a character');
$r = $t->call('search-companies', { searchTerm => 7 });
is("$r->{status} $r->{json}{error}", '400 searchTerm must be a text', 'API-61 a term that is no text');

# ---- search-contacts -----------------------------------------------------------------------

my %c;
for (['John', 'Doe', 'john.doe@example.com', '+201017177777', ['customer'], $acme->{id}], ['Jane', 'Smith', 'jane@johnson.example', '+4915112345678', ['vip'], undef],
	['Omar', 'Said', 'omar@example.org', '+12125550100', [], $bolt->{id}], ['Zoe', 'Zed', 'zoe@zed.example', '+3912345678', ['customer', 'vip'], undef]) {
	my ($first, $last, $email, $phone, $tags, $company) = @$_;
	$c{$first} = made(contacts => { first_name => $first, last_name => $last, emails => [$email], phones => [$phone], tags => $tags,
		company_id => $company, $first eq 'John' ? (assignee_id => $t->{user_id}) : () })->{id};
}
$r = $t->call('search-contacts', { searchTerm => 'John Doe' });
is("$r->{status} $r->{json}{count}", '200 1', 'API-77 search-contacts, with its count');
my $john = $r->{json}{contacts}[0];
is(keys_of($john), 'assignee company emails first_name id last_name phones tags', 'API-77 the keys of a contact');
is_deeply([@$john{qw(company assignee)}], [{ id => $acme->{id}, name => 'Acme Inc' }, { id => $t->{user_id}, first_name => 'Tess', last_name => 'Tester' }],
	'API-77 with company and assignee');
for (['the first name' => 'JOHN', 'Jane John'], ['the last name' => 'smith', 'Jane'], ['the full name' => 'jane smith', 'Jane'],
	['the name reversed' => 'Smith Jane', 'Jane'], ['a phone' => '+201017177777', 'John'], ['a phone without +' => '201017177777', 'John'],
	['a phone as it is written' => '+20 101-717-7777', 'John'], ['a phone without its country' => '01017177777', 'John'],
	['a phone with 00' => '00201017177777', 'John'], ['a part of a phone' => '1234567', 'Jane Zoe'],
	['a phone with another country code before it' => '+39 151 12345678', 'Jane'],
	['a whole address' => 'omar@example.org', 'Omar'], ['the part before @' => 'john.doe', 'John'], ['a tag' => 'vip', 'Jane Zoe'],
	['the company' => 'bolt', 'Omar'], ['nothing that there is' => 'nobody at all', '']) {
	is(found(searchTerm => $_->[1]), $_->[2], "API-77 by $_->[0]");
}
is(found(), 'Jane John Omar Zoe', 'API-78 nothing is required');
is(found(tags => ['customer']), 'John Zoe', 'API-78 by tag');
is(found(tags => ['customer', 'vip']), 'Jane John Zoe', 'API-78 with any of several tags');
is(found(tags => ['vip'], searchTerm => 'Zed'), 'Zoe', 'API-78 tag and term have to hold');
for ([John => 'new'], [John => 'won'], [Jane => 'lost'], [Omar => 'somewhere']) {
	made(deals => { title => 'D', contact_id => $c{ $_->[0] }, stage => $_->[1] });
}
is(found(dealStatus => 'open'), 'John Omar', 'API-78 with open deals; an unknown stage is open');
is(found(dealStatus => 'closed'), 'Jane John', 'API-78 with closed ones');
is(found(dealStatus => 'won'), 'John', 'API-78 with won ones');
is(found(dealStatus => 'lost', searchTerm => 'ja'), 'Jane', 'API-78 with lost ones, and a term');
is(found(dealStatus => 'none'), 'Zoe', 'API-78 with none');
$r = $t->call('search-contacts', { dealStatus => 'maybe' });
is("$r->{status} $r->{json}{error}", '400 dealStatus must be open, closed, won, lost or none', 'API-61 a status that there is not');
$t->sql("insert into contacts (organization_id, first_name, tags) select :org, 'Mass', '{mass}' from generate_series(1, 2100)");
$r = $t->call('search-contacts', { tags => ['mass'] });
is("$r->{json}{count} " . @{ $r->{json}{contacts} }, '2000 2000', 'API-77 at most 2000');
$t->sql("delete from contacts where organization_id = :org and first_name = 'Mass'");
$other->call('create-lead', { first_name => 'John', email => 'john.doe@example.com', company_name => 'Acme Inc', deal => { title => 'x' } });
is(found(searchTerm => 'john.doe'), 'John', 'CON-70 API-5 contacts of another organization are not found');
is($other->call('search-companies', { searchTerm => 'anvils' })->{content}, '{"success":true,"companies":[]}', 'CON-70 nor are companies');

# ---- duplicates: contacts -------------------------------------------------------------------

is($t->call('find-duplicate-contacts', {})->{json}{count}, 0, 'CON-62 no duplicates');
my $twin = made(contacts => { first_name => 'Johnny', emails => ['JOHN.DOE@example.com', 'jd@example.com'], phones => ['+00201017177777', '+4411122233'],
	tags => ['old'], description => 'Likes tea', opt_in_status => JSON::PP::false, custom_fields => { a => 1, b => 2 } })->{id};
$t->proxy(PATCH => "contacts?id=eq.$c{John}", json => { custom_fields => { a => 0 } });
$r = $t->call('find-duplicate-contacts', {});
is("$r->{status} $r->{json}{count}", '200 1', 'CON-62 one group');
is_deeply([$r->{json}{groups}[0]{reasons}, [map { $_->{id} } @{ $r->{json}{groups}[0]{contacts} }]], [['email', 'phone'], [$c{John}, $twin]],
	'CON-62 by e-mail and by phone, whatever zeros stand before it');
my $same = made(contacts => { first_name => 'Zoe', last_name => 'Zed', phones => ['+3912345678'] })->{id};
is($t->call('find-duplicate-contacts', {})->{json}{count}, 2, 'CON-62 two with the same name and phone');

# ---- merging: contacts ------------------------------------------------------------------------

my $deal = made(deals => { title => 'Of the twin', contact_id => $twin });
my $both = made(deals => { title => 'Both', contact_id => $c{Omar} });
made(deal_contacts => { deal_id => $both->{id}, contact_id => $_ }) for $c{John}, $twin;
my $lone = made(deal_contacts => { deal_id => $deal->{id}, contact_id => $twin, role => 'user' });
my $note = made(notes => { contact_id => $twin, content => 'A note' });
$t->sql("insert into contact_handles (organization_id, contact_id, kind, value) values (:org, '$twin', 'telegram', '700$$')");
$t->sql("insert into channel_accounts (organization_id, type, name) values (:org, 'TELEGRAM', 'T')");
$t->sql("insert into conversations (organization_id, contact_id, channel_account_id) select :org, '$twin', id from channel_accounts where organization_id = :org");
$t->sql("insert into messages (organization_id, conversation_id, contact_id, direction, content, status)
	select :org, id, contact_id, 'INBOUND', 'Hi', 'DELIVERED' from conversations where organization_id = :org");
my $was = one(contacts => $twin);

$r = $t->call('merge-contacts', { contactIds => [$c{John}, $twin], primaryContactId => $c{John} });
is($r->{status}, 200, 'CON-64 merge-contacts');
is(keys_of($r->{json}), 'contact merged primaryContactId success', 'API-56 the keys of its answer');
is("$r->{json}{merged} $r->{json}{primaryContactId}", "1 $c{John}", 'CON-64 one was merged');
my $now = one(contacts => $c{John});
is_deeply([@$now{qw(first_name last_name description emails phones tags)}],
	['John', 'Doe', 'Likes tea', ['john.doe@example.com', 'jd@example.com'], ['+201017177777', '+00201017177777', '+4411122233'], ['customer', 'old']],
	'CON-64 the primary has all data, and keeps its own');
is_deeply($now->{custom_fields}, { a => 0, b => 2 }, 'CON-64 custom fields as well');
is($now->{opt_in_status}, JSON::PP::false, 'CON-64 a consent that was withdrawn stays withdrawn');
is(one(contacts => $twin), undef, 'CON-64 the duplicate is deleted');
is_deeply([$r->{json}{contact}{emails}, exists $r->{json}{contact}{search_text} ? 1 : 0], [$now->{emails}, 0], 'CON-64 and the answer shows it');
for my $table (qw(conversations messages contact_handles notes)) {
	is($t->sql("select count(*) from $table where organization_id = :org and contact_id = '$c{John}'"), 1, "CON-64 $table come to the primary");
}
is(one(deals => $deal->{id})->{contact_id}, $c{John}, 'CON-64 as do deals');
is($t->sql("select string_agg(d.title || ' ' || coalesce(x.role, '-'), ', ' order by 1) from (select d.title, x.role from deal_contacts x join deals d
	on d.organization_id = x.organization_id and d.id = x.deal_id where x.organization_id = :org and x.contact_id = '$c{John}' order by 1) x (title, role),
	lateral (select x.title) d"), 'Both -, Of the twin user', 'CON-64 where both stood, the primary stands once') or diag $@;
my ($kept) = $t->rows("select * from record_merges where organization_id = :org and record_type = 'contact'");
is_deeply([@$kept{qw(primary_id duplicate_id)}, $kept->{duplicate}], [$c{John}, $twin, $was], 'CON-64 the whole duplicate is kept');
is_deeply([sort keys %{ $kept->{moved} }], [map { "public.$_.contact_id" } qw(contact_handles conversations deal_contacts deals messages notes)],
	'CON-64 with what came from it');
is_deeply([$kept->{moved}{'public.deals.contact_id'}, $kept->{moved}{'public.deal_contacts.contact_id'}], [[{ id => $deal->{id} }], [{ id => $lone->{id} }]],
	'CON-64 row by row');
is($kept->{dropped}{'public.deal_contacts.contact_id'}[0]{deal_id}, $both->{id}, 'CON-64 and what the primary had already');
is_deeply($kept->{primary_before}{tags}, ['customer'], 'CON-64 and the primary as it was');
is($t->sql("select changes ->> 'merged_id' from events where organization_id = :org and type = 'contact.merged' and record_id = '$c{John}'"), $twin,
	'CON-64 an event tells of it');
is($t->call('find-duplicate-contacts', { contactIds => [$c{Zoe}, $same], primaryContactId => $c{Zoe} })->{json}{merged}, 1, 'CON-64 by the other name');
is($t->call('find-duplicate-contacts', {})->{json}{count}, 0, 'CON-62 no duplicates are left');

my $foreign = $other->sql('select id from contacts where organization_id = :org');
my $sum = sub { return $_[0]->sql("select md5(string_agg(c::text, '|' order by id)) from contacts c where organization_id = :org")
	. $_[0]->sql('select count(*) from record_merges where organization_id = :org') };
my ($mine, $theirs) = ($sum->($t), $sum->($other));
for my $case ([{ contactIds => [$c{John}, $foreign], primaryContactId => $c{John} }, '404 Contact not found', 'a foreign duplicate'],
	[{ contactIds => [$c{John}, $foreign], primaryContactId => $foreign }, '404 Contact not found', 'a foreign primary'],
	[{ contactIds => [$c{John}, $c{Jane}, $nobody], primaryContactId => $c{John} }, '404 Contact not found', 'one that is not there'],
	[{ contactIds => [$c{John}], primaryContactId => $c{John} }, '400 contactIds must name at least one beside primaryContactId', 'itself alone'],
	[{ contactIds => [$c{John}, $c{Jane}] }, '400 primaryContactId is required', 'no primary'],
	[{ primaryContactId => $c{John} }, '400 contactIds is required', 'no ids'],
	[{ contactIds => ['x'], primaryContactId => $c{John} }, '400 contactIds must be a list of UUIDs', 'ids that are none']) {
	$r = $t->call('merge-contacts', $case->[0]);
	is("$r->{status} $r->{json}{error}", $case->[1], "CON-64 CON-70 $case->[2]");
}
is($sum->($t) . $sum->($other), $mine . $theirs, 'CON-64 CON-70 which changes nothing, on either side');

# ---- who sees his own alone -----------------------------------------------------------------------

my $agent = $t->sql("select internal.create_user(:org, 'agent-$$\@kontor.example', null, 'Ag', 'Ent', 'AGENT')");
$t->sql("update profiles set permissions = '{\"can_see_all_contacts\": false, \"can_see_all_deals\": false}' where organization_id = :org and id = '$agent';
	insert into auth.sessions (token_hash, user_id, organization_id, kind, expires_at)
		values (sha256('agent$$'), '$agent', :org, 'web', now() + interval '1 hour')");
sub as_agent {
	my $text = $t->sql("begin; select '' from set_config('role', auth.begin_session(encode(sha256('agent$$'), 'hex')), true); $_[0]; rollback");
	return (split /\n/, $text)[-1] // '';
}
is(as_agent("select count(*) from internal.search_contacts('zed', null, null, 9) s (id) join contacts c on c.organization_id = auth.org() and c.id = s.id"),
	0, 'AUTH-79 a function finds only what its caller may see');
is(as_agent(q(select error from internal.import_contacts('[{"i": 0, "first_name": "X", "emails": ["zoe@zed.example"]}]', false))),
	'You may not change the contact that this belongs to', 'AUTH-79 nor does it change anything else');
is(as_agent(q(select count(*) from (select * from internal.import_contacts('[{"i": 0, "first_name": "X", "emails": ["mine@zed.example"]}]', false) offset 0) i))
	. as_agent(q(select is_new from internal.import_contacts('[{"i": 0, "first_name": "X", "emails": ["mine@zed.example"], "deal": {"title": "Y"}}]', false))),
	'1t', 'AUTH-79 what he makes himself is his');
ok(!eval { local *STDERR; open STDERR, '>', '/dev/null'; as_agent("select internal.merge_contacts('$c{Zoe}', '{$c{Jane}}')"); 1 }, 'AUTH-79 nor does he merge what he does not see');
is($t->sql("select count(*) from contacts where organization_id = :org and id in ('$c{Zoe}', '$c{Jane}')"), 2, 'AUTH-79 both are still there');

# ---- duplicates and merging: companies ------------------------------------------------------------

is($t->call('find-duplicate-companies', {})->{json}{count}, 0, 'COM-31 no duplicates');
my $acme2 = made(companies => { name => 'ACME, Inc.', website => 'https://acme.example', city => 'Boston', annual_revenue => 5, tags => ['b'], emails => ['x@acme.example'] });
my $bolt2 = made(companies => { name => 'Bolt Shop', domain => 'www.bolt.example' });
$r = api(POST => '/functions/v1/find-duplicate-companies', key => $t->{api_key});
is("$r->{status} $r->{json}{count}", '200 2', 'COM-31 two groups, asked for without a body');
my %group = map { $_->{reasons}[0] => [map { $_->{id} } @{ $_->{companies} }] } @{ $r->{json}{groups} };
is_deeply(\%group, { name => [$acme->{id}, $acme2->{id}], domain => [$bolt->{id}, $bolt2->{id}] },
	'COM-31 by name, whatever its form, and by domain');
made(contacts => { first_name => 'Of the second', company_id => $acme2->{id} });
made(deals => { title => 'Of the second', company_id => $acme2->{id} });
$r = $t->call('find-duplicate-companies', { companyIds => [$acme->{id}, $acme2->{id}], primaryCompanyId => $acme->{id} });
is("$r->{status} $r->{json}{merged} $r->{json}{primaryCompanyId}", "200 1 $acme->{id}", 'COM-32 with ids it merges');
$now = one(companies => $acme->{id});
is_deeply([@$now{qw(name city country website annual_revenue emails tags)}],
	['Acme Inc', 'New York', 'US', 'https://acme.example', 5, ['contact@acme.com', 'x@acme.example'], ['b']], 'COM-33 the primary has all data');
is(one(companies => $acme2->{id}), undef, 'COM-33 the duplicate is deleted');
is($t->sql("select count(*) from contacts where organization_id = :org and company_id = '$acme->{id}'") . ' '
	. $t->sql("select count(*) from deals where organization_id = :org and company_id = '$acme->{id}'"), '2 1', 'COM-33 contacts and deals move');
is($t->sql("select count(*) from record_merges where organization_id = :org and record_type = 'company' and duplicate_id = '$acme2->{id}'"), 1, 'COM-33 and it is kept');
$foreign = $other->sql("select id from companies where organization_id = :org");
$r = $t->call('find-duplicate-companies', { companyIds => [$acme->{id}, $foreign], primaryCompanyId => $acme->{id} });
is("$r->{status} $r->{json}{error}", '404 Company not found', 'COM-33 API-5 a foreign company');
is($other->sql("select count(*) from companies where organization_id = :org"), 1, 'API-5 stays where it is');

done_testing;
