#!/usr/bin/perl
# Deals: create-deals-bulk, single deals by the proxy, their products and
# further contacts.
use strict;
use warnings;
use Kontor;
use Kontor::Tenant;
use Test::More;
use Time::HiRes qw(time);

my $t     = Kontor::Tenant->new('deals');
my $other = Kontor::Tenant->new('others');
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $nobody = '01900000-0000-7000-8000-000000000000';

sub one { return ($t->rows("select * from $_[0] where organization_id = :org and id = '$_[1]'"))[0] }
sub count { return $t->sql("select count(*) from $_[0] where organization_id = :org") }
sub keys_of { return join ' ', sort keys %{ $_[0] } }
sub summary { my $s = $_[0]{json}{summary}; return join ' ', map { "$_=$s->{$_}" } sort keys %$s }
sub errors { return map { $_->{error} } grep { !$_->{success} } @{ $_[0]{json}{results} } }
sub bulk { return $t->call('create-deals-bulk', @_ == 1 ? $_[0] : {@_}) }

my $mahmoud = $t->call('create-lead', { first_name => 'mahmoud', email => 'issmail@gmail.com', phone => '+201017177777' })->{json}{data}{contact}{id};
my $vip     = $t->call('create-lead', { first_name => 'VIP', email => 'vip@example.com', phone => '+201000000009' })->{json}{data}{contact}{id};

# ---- create-deals-bulk ----------------------------------------------------------------

my $r = bulk(default_currency => 'SAR', default_stage => 'qualified', deals => [
	{ title => 'Order 1', value => 11523, contact_phone => '+201017177777', create_contact_if_missing => $true, contact_first_name => 'Customer' },
	{ title => 'Order 2', value => 4500.55, currency => 'eur', stage => 'proposal', contact_phone => '+201020000099', contact_email => 'NewLead@example.com',
		contact_first_name => 'Sara', contact_last_name => 'Hassan', create_contact_if_missing => $true, description => 'of the deal',
		company_name => 'Not taken', tags => ['of the deal'] },
	{ title => 'Order 3', contact_email => 'VIP@Example.com' }]);
is($r->{status}, 200, 'API-63 a batch is 200');
is(keys_of($r->{json}), 'results success summary', 'API-86 the keys of its answer');
is(summary($r), 'failed=0 new_contacts_created=1 new_deals=3 skipped_existing=0 successful=3 total=3', 'API-86 the keys of its summary');
is_deeply([map { keys_of($_) } @{ $r->{json}{results} }], [('contact_id deal_id index is_new_contact success') x 3], 'API-86 and of its results');
is_deeply([map { $_->{is_new_contact} } @{ $r->{json}{results} }], [$false, $true, $false], 'DEA-97 DEA-98 is_new_contact');
is($r->{json}{results}[0]{contact_id}, $mahmoud, 'DEA-95 found by phone');
is(one(contacts => $mahmoud)->{first_name}, 'mahmoud', 'DEA-97 and not changed');
is($r->{json}{results}[2]{contact_id}, $vip, 'DEA-96 found by e-mail, whose letters are made small first');
my ($d1, $d2, $d3) = map { one(deals => $_->{deal_id}) } @{ $r->{json}{results} };
is_deeply([map { "$_->{currency} $_->{stage} " . ($_->{value} + 0) } $d1, $d2, $d3], ['SAR qualified 11523', 'EUR proposal 4500.55', 'SAR qualified 0'],
	'DEA-100 defaults fill what a row lacks; the value is 0 unless given');
is($d1->{pipeline_id}, $t->{pipeline_id}, 'DEA-76 in the default pipeline');
my $new = one(contacts => $r->{json}{results}[1]{contact_id});
is_deeply([@$new{qw(first_name last_name emails phones source tags company_id description)}, $new->{custom_fields}],
	['Sara', 'Hassan', ['newlead@example.com'], ['+201020000099'], 'api', ['deal-import'], undef, undef, {}],
	'DEA-98 DEA-105 a new contact has these fields alone, e-mail and phone both');
is("@{ $d2->{tags} } $d2->{description}", 'of the deal of the deal', 'API-86 the rest is the deal\'s');

$r = bulk(deals => [{ title => 'By id', contact_id => $vip, contact_email => 'issmail@gmail.com', contact_phone => '+201017177777' },
	{ title => 'By e-mail', contact_email => 'issmail@gmail.com', contact_phone => '+201000000009' },
	{ title => 'By phone', contact_email => 'nobody@example.com', contact_phone => '201000000009' },
	{ title => 'By id alone', contact_id => $mahmoud, create_contact_if_missing => $true, contact_first_name => 'x' },
	{ title => 'Id of nobody', contact_id => $nobody, contact_email => 'issmail@gmail.com', create_contact_if_missing => $true }]);
is_deeply([map { $_->{contact_id} // $_->{error} } @{ $r->{json}{results} }], [$vip, $mahmoud, $vip, $mahmoud, 'Contact not found'],
	'DEA-95 contact_id, then e-mail, then phone; an id is not looked for elsewhere');
is(one(deals => $r->{json}{results}[0]{deal_id})->{stage} . ' ' . one(deals => $r->{json}{results}[0]{deal_id})->{currency}, 'new USD',
	'API-86 DEA-79 stage new and USD when nobody says otherwise');

my ($contacts, $deals) = (count('contacts'), count('deals'));
$r = bulk(deals => [
	{ title => 'None', contact_phone => '+4911122233344' }, { title => 'No', contact_phone => '+4911122233344', create_contact_if_missing => $false },
	{ title => 'Nobody', value => 1 }, { title => 'Nested', contact => { phone => '+201017177777' }, value => 1 },
	{ contact_id => $vip }, { title => '', contact_id => $vip }, { title => 'x' x 201, contact_id => $vip },
	{ title => 'V', value => '11523.00', contact_id => $vip }, { title => 'V', value => -1, contact_id => $vip },
	{ title => 'C', currency => 'EURO', contact_id => $vip }, { title => 'P', probability => 101, contact_id => $vip },
	{ title => 'D', expected_close_date => '2025-02-30', contact_id => $vip }, { title => 'F', custom_fields => 'None', contact_id => $vip },
	{ title => 'S', source => 'x' x 51, contact_id => $vip }, { title => 'T', tags => ['x' x 51], contact_id => $vip },
	{ title => 'L', description => 'x' x 5001, contact_id => $vip }, { title => 'O', owner_id => $other->{user_id}, contact_id => $vip },
	{ title => 'K', company_id => $nobody, contact_id => $vip }, { title => 'Q', pipeline_id => $other->{pipeline_id}, contact_id => $vip },
	{ title => 'Q', pipeline_id => 'main-pipeline-uuid', contact_id => $vip },
	{ title => 'N', products => [{ quantity => 1 }], contact_id => $vip }, { title => 'N', products => [{ name => 'a', quantity => '2' }], contact_id => $vip },
	{ title => 'I', contact_id => 'uuid-of-existing-contact' }, { title => 'E', contact_email => 'x@y', create_contact_if_missing => $true },
	{ title => 'H', contact_phone => 'abc', create_contact_if_missing => $true }, 'x',
	{ title => 'A1', contact_phone => '+4911122233355', create_contact_if_missing => $true, owner_id => $nobody }]);
is($r->{status}, 200, 'DEA-104 200 though rows fail');
is_deeply([errors($r)], ['Contact not found', 'Contact not found', 'Contact not found', 'Contact not found', 'title is required', 'title is required',
	'title must be at most 200 characters', 'value must be a number', 'value must be between 0 and 99999999999999',
	'currency must be a currency code of three letters', 'probability must be between 0 and 100', 'expected_close_date must be a date, YYYY-MM-DD',
	'custom_fields must be an object', 'source must be at most 50 characters', 'tags must each be at most 50 characters',
	'description must be at most 5000 characters', 'owner_id is nobody of this organization', 'Company not found', 'Pipeline not found',
	'pipeline_id must be a UUID', 'products[0].name is required', 'products[0].quantity must be a number', 'contact_id must be a UUID',
	'contact_email has "x@y", which is not an e-mail address', 'contact_phone has "abc", which is not a phone number', 'The row must be an object',
	'owner_id is nobody of this organization'],
	'DEA-78 DEA-79 DEA-80 DEA-81 DEA-82 DEA-94 DEA-99 DEA-106 what is wrong with each');
is(summary($r), 'failed=27 new_contacts_created=0 new_deals=0 skipped_existing=0 successful=0 total=27', 'DEA-104 counted in summary.failed');
is(keys_of($r->{json}{results}[0]), 'error index success', 'DEA-99 the keys of a row that failed');
is(count('deals'), $deals, 'DEA-99 and no deal is made');
is(count('contacts'), $contacts, 'DEA-103 nor a contact, where only the deal failed');
$r = bulk(deals => [{ title => 'Before', contact_id => $vip }, { title => 'Bad', contact_id => $nobody }, { title => 'After', contact_id => $vip }]);
is_deeply([map { "$_->{index} " . ($_->{success} ? 1 : 0) } @{ $r->{json}{results} }], ['0 1', '1 0', '2 1'], 'DEA-103 DEA-104 rows stand for themselves, in order');
is(count('deals'), $deals + 2, 'DEA-103 and the good ones are there');

my $wrong = { default_stage => 'QUALIFIED', deals => [{ title => 'Order 68297792', value => '11523.00', contact => { phone => '+201017177777' } }] };
is_deeply([errors(bulk($wrong))], ['Contact not found'], 'DEA-106 the sample that is printed as wrong');

# ---- skip_if_exists ---------------------------------------------------------------------

my $orders = { skip_if_exists => $true, deals => [{ title => 'Once', value => 1, contact_phone => '+201017177777' },
	{ title => 'Once', value => 2, contact_email => 'issmail@gmail.com' }, { title => 'Once', contact_id => $vip },
	{ title => 'Twice', contact_phone => '+201099999999', create_contact_if_missing => $true }] };
$r = bulk($orders);
is(summary($r), 'failed=0 new_contacts_created=1 new_deals=3 skipped_existing=1 successful=4 total=4', 'DEA-101 the same title for the same contact, within a batch');
is($r->{json}{results}[1]{deal_id}, $r->{json}{results}[0]{deal_id}, 'DEA-101 names the deal that there is');
is($r->{json}{results}[1]{is_new_contact}, $false, 'DEA-101 with is_new_contact false');
my @first = map { $_->{deal_id} } @{ $r->{json}{results} };
$deals = count('deals');
$r = bulk($orders);
is(summary($r), 'failed=0 new_contacts_created=0 new_deals=0 skipped_existing=4 successful=4 total=4', 'DEA-102 running it again makes nothing');
is_deeply([map { $_->{deal_id} } @{ $r->{json}{results} }], \@first, 'DEA-102 and answers the same deals');
is(count('deals'), $deals, 'DEA-102 there are as many as before');
is(one(deals => $first[0])->{value} + 0, 1, 'DEA-101 which are not changed');
bulk(%$orders, skip_if_exists => $false);
is(count('deals'), $deals + 4, 'DEA-101 without it they are made again');

my @pids = map { my $pid = fork // die; if (!$pid) { bulk({ skip_if_exists => $true, deals => [map { { title => "Race $_", create_contact_if_missing => $true,
	contact_phone => '+4930555' . (1000 + $_ % 5) } } 1 .. 20] }); require POSIX; POSIX::_exit(0) } $pid } 1 .. 8;
waitpid $_, 0 for @pids;
is($t->sql("select count(*) || ' ' || count(distinct contact_id) from deals where organization_id = :org and title like 'Race %'"), '20 5',
	'DEA-102 DEA-103 eight of the same batch at one moment: each deal and each contact once');

# ---- limits ---------------------------------------------------------------------------------

$r = bulk(deals => [map { { title => "T$_", contact_id => $vip } } 1 .. 101]);
is("$r->{status} $r->{json}{error}", '400 Maximum batch size is 100 deals', 'DEA-93 API-69 more than 100');
for my $case ([{}, 'deals is required'], [{ deals => {} }, 'deals must be a list'], [{ deals => [] }, 'deals must have at least one element'],
	[{ deals => [{}], default_pipeline_id => 'main-pipeline-uuid' }, 'default_pipeline_id must be a UUID'],
	[{ deals => [{ title => 'x', contact_id => $vip }], default_pipeline_id => $other->{pipeline_id} }, 'Pipeline not found'],
	[{ deals => [{}], default_currency => 'x' }, 'default_currency must be a currency code of three letters']) {
	$r = bulk($case->[0]);
	is("$r->{status} $r->{json}{error}", "400 $case->[1]", "API-61 $case->[1]");
}
my $best = 9;
for (1 .. 3) {
	my $start = time;
	$r = bulk(deals => [map { { title => "Many $_", value => $_, contact_phone => "+4940$_" . '000000', contact_first_name => "M$_",
		create_contact_if_missing => $true, products => [{ name => 'a', quantity => 1, unit_price => 2.5 }], custom_fields => { n => $_ } } } 10 .. 109]);
	$best = time - $start if time - $start < $best;
	is($r->{json}{summary}{new_deals}, 100, 'DEA-93 100 deals at once');
}
note sprintf '100 deals in %.0f ms', $best * 1000;
cmp_ok($best, '<', 3, '100 deals at once, on whatever machine, in seconds');

# ---- single deals ----------------------------------------------------------------------------

sub deal { return $t->proxy(POST => 'deals', json => {@_}) }
$r = deal(title => 'Order #1', value => 11523, currency => 'SAR', stage => 'qualified', contact_id => $mahmoud, source => 'shopify',
	expected_close_date => '2026-05-15', probability => 60, tags => ['online-order'], custom_fields => { shopify_order_id => '1' },
	description => 'd', owner_id => $t->{user_id}, pipeline_id => $t->{pipeline_id},
	products => [{ name => 'Sku1', quantity => 2, unit_price => 50, sku => 'S-1' }, { name => 'Sku2' }]);
is($r->{status}, 201, 'DEA-73 a single deal');
my $deal = $r->{json}[0];
is_deeply([@$deal{qw(title stage contact_id source expected_close_date owner_id)}, $deal->{products}],
	['Order #1', 'qualified', $mahmoud, 'shopify', '2026-05-15', $t->{user_id},
		[{ name => 'Sku1', quantity => 2, unit_price => 50, sku => 'S-1' }, { name => 'Sku2' }]], 'DEA-73 DEA-82 as it was sent');
$r = deal(title => 'Bulk keys', contact_email => 'issmail@gmail.com');
is($r->{status}, 400, 'DEA-75 contact_email is for the batch alone');
$r = deal(title => 'Bulk keys', contact_id => $mahmoud, create_contact_if_missing => $true);
is($r->{status}, 400, 'DEA-75 as is create_contact_if_missing');
for my $case ([contact_id => undef, title => undef, 'DEA-74 no title', 'title is required'],
	[products => 'x', 'DEA-82 products that are no list'], [products => ['x'], 'DEA-82 a product that is no object'],
	[products => [{ quantity => 1 }], 'DEA-82 a product without a name'], [products => [{ name => 'a', quantity => 'two' }], 'DEA-82 a quantity in words'],
	[products => [{ name => 'a', unit_price => -1 }], 'DEA-82 a price below zero'],
	[title => 'x' x 201, 'DEA-78 a title too long'], [description => 'x' x 5001, 'DEA-78 a description too long'],
	[source => 'x' x 51, 'DEA-78 a source too long'], [tags => ['x' x 51], 'DEA-78 a tag too long'],
	[value => -1, 'DEA-79 a value below zero'], [probability => 101, 'DEA-79 more than certain'], [currency => 'EURO', 'DEA-79 four letters'],
	[expected_close_date => '15.05.2026', 'DEA-79 a date in another order'], [custom_fields => 'None', 'DEA-80 custom_fields as a text'],
	[custom_fields => { 'a b' => 1 }, 'DEA-80 a key that is none'],
	[contact_id => $nobody, 'DEA-81 a contact that is not there'], [company_id => $nobody, 'DEA-81 a company that is not there'],
	[owner_id => $other->{user_id}, 'DEA-81 an owner of another organization'], [pipeline_id => $other->{pipeline_id}, 'DEA-76 a foreign pipeline'],
	[pipeline_id => 'x', 'DEA-76 a pipeline that is no id']) {
	my $name = (@$case % 2) ? $case->[-1] : $case->[-2];
	my $error = (@$case % 2) ? undef : $case->[-1];
	my %change = @$case[0 .. $#$case - (defined $error ? 2 : 1)];
	my $before = count('deals');
	$r = deal(title => 'Refused', contact_id => $mahmoud, %change);
	is($r->{status}, 400, "$name: 400") or diag $r->{content};
	is($r->{json}{error}, $error, "$name: its text") if defined $error;
	is(count('deals'), $before, "$name: nothing is written");
}
$r = $t->proxy(PATCH => "deals?id=eq.$deal->{id}", json => { products => [{ name => '' }] });
is("$r->{status} $r->{json}{error}", '400 products must be a list of {name, quantity, unit_price}, the latter two as numbers from 0 on',
	'DEA-82 nor does a PATCH bring such products');

$t->sql('update pipelines set is_default = false where organization_id = :org');
is(deal(title => 'Oldest', contact_id => $mahmoud)->{json}[0]{pipeline_id}, $t->{pipeline_id}, 'DEA-77 without a default the oldest pipeline is meant');
my $empty = Kontor::Tenant->new('empty');
$empty->sql('delete from pipelines where organization_id = :org');
$r = $empty->proxy(POST => 'deals', json => { title => 'x' });
is($r->{status}, 400, 'DEA-77 no pipeline at all is 400');
like($r->{json}{error}, qr/^No pipeline found/, 'DEA-77 with its text');
$r = $empty->call('create-deals-bulk', { deals => [{ title => 'x', contact_phone => '+4930555000', create_contact_if_missing => $true }] });
like("$r->{status} $r->{json}{error}", qr/^400 No pipeline found/, 'DEA-77 for a batch as well');
$r = $empty->call('create-lead', { first_name => 'x', deal => { title => 'x' } });
like("$r->{status} $r->{json}{error}", qr/^400 No pipeline found/, 'DEA-77 and for a lead');
is($empty->sql('select count(*) from contacts where organization_id = :org'), 0, 'DEA-103 whose contact is not made then');
is($empty->call('create-lead', { first_name => 'x' })->{status}, 201, 'DEA-77 a lead without a deal needs none');

# ---- deal_contacts ----------------------------------------------------------------------------------

$r = $t->proxy(POST => 'deal_contacts', json => { deal_id => $deal->{id}, contact_id => $vip, role => 'decision maker' });
is($r->{status}, 201, 'a further contact of a deal');
my $link = $r->{json}[0]{id};
$r = $t->proxy(POST => 'deal_contacts', json => { deal_id => $deal->{id}, contact_id => $vip });
is("$r->{status}", '409', 'API-61 once');
like($r->{json}{error} . $r->{json}{message}, qr/duplicate|clashes/i, 'API-61 with its reason');
$r = $t->proxy(GET => "deals?id=eq.$deal->{id}&select=title,deal_contacts(role,contacts(first_name))");
is_deeply($r->{json}[0]{deal_contacts}, [{ role => 'decision maker', contacts => { first_name => 'VIP' } }], 'embedded in the deal');
$r = $t->proxy(PATCH => "deal_contacts?id=eq.$link", json => { role => 'user' });
is($r->{json}[0]{role}, 'user', 'changed');
my $foreign = $other->call('create-lead', { first_name => 'F', deal => { title => 'F' } })->{json}{data};
for my $row ({ deal_id => $deal->{id}, contact_id => $foreign->{contact}{id} }, { deal_id => $foreign->{deal}{id}, contact_id => $vip }) {
	$r = $t->proxy(POST => 'deal_contacts', json => $row);
	cmp_ok($r->{status}, '>=', 400, 'DEA-81 API-5 neither side may be another tenant\'s');
}
$t->proxy(DELETE => "deal_contacts?id=eq.$link");
is($t->sql("select string_agg(type, ' ' order by position) from events where organization_id = :org and record_id = '$deal->{id}' and type like 'deal.contact.%'"),
	'deal.contact.added deal.contact.updated deal.contact.removed', 'and each step is an event of the deal');
$t->proxy(POST => 'deal_contacts', json => { deal_id => $deal->{id}, contact_id => $vip });
is($t->proxy(DELETE => "deals?id=eq.$deal->{id}")->{status}, 200, 'DEA-92 a deal goes with its further contacts');
is(count('deal_contacts'), 0, 'and they with it');

# ---- another tenant's ids -------------------------------------------------------------------------------

$deals = $other->sql("select md5(coalesce(string_agg(d::text, '|' order by id), '')) from deals d where organization_id = :org");
$r = bulk(skip_if_exists => $true, deals => [{ title => 'F', contact_id => $foreign->{contact}{id} }]);
is_deeply([errors($r)], ['Contact not found'], 'DEA-81 CON-70 a contact of another organization is not found');
is($other->sql("select md5(coalesce(string_agg(d::text, '|' order by id), '')) from deals d where organization_id = :org"), $deals, 'CON-70 and nothing changes there');

done_testing;
