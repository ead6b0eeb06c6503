#!/usr/bin/perl
# /api/v1 and /external/v1: envelope, camelCase, prefixed ids, refusals.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine  = tenant(0);
my $other = tenant(1);
my $mark  = 'crm' . $$;

sub crm {
	my ($method, $path, %o) = @_;
	my $key = delete $o{key} // $mine->{crm_key};
	return api($method, "/api/v1/$path", %o, headers => { Authorization => "Bearer $key", %{ $o{headers} // {} } });
}

# ---- a contact, as the page prints it ------------------------------------------------

my $company = crm(POST => 'companies', json => { name => "Globex $mark", industry => 'Energy', annualRevenue => 1250000.50, tags => ['a', 'b'] });
is($company->{status}, 201, 'CAP-2 CAP-6 CAP-10 a company is created, below /api/v1 on this host');
my $cmp = $company->{json}{data}{id};
like($cmp, qr/^cmp_[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'CAP-12 its id has its prefix');

my $r = crm(POST => 'contacts', json => { firstName => 'John', lastName => 'Doe', email => 'John.Doe@Example.com',
	phone => '+14155550100', status => 'Lead', companyId => $cmp, source => $mark });
is($r->{status}, 201, 'CAP-10 creation answers 201');
like($r->{headers}{'content-type'}, qr{^application/json}, 'CAP-5 as JSON');
is_deeply([keys %{ $r->{json} }], ['data'], 'CAP-9 one record is {"data"} without meta');
my $john = $r->{json}{data};
like($john->{id}, qr/^cnt_/, 'CAP-12 cnt_');
is($john->{firstName}, 'John', 'CAP-13 camelCase');
is($john->{email}, 'john.doe@example.com', 'the first of the addresses');
is($john->{phone}, '+14155550100', 'the first of the numbers');
is($john->{companyId}, $cmp, 'CAP-12 references have the prefix of what they name');
like($john->{createdAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'times in UTC as printed');
is(psql("select emails[1] || ' ' || phones[1] || ' ' || status from contacts where source = '$mark'"),
	'john.doe@example.com +14155550100 Lead', 'it is the contact of the other contract');
is(psql("select count(*) from events where type = 'contact.created' and data ->> 'source' = '$mark'"), 1, 'with its event');

crm(POST => 'contacts', json => { firstName => "N$_", status => $_ % 2 ? 'customer' : 'Lead', source => $mark }) for 1 .. 30;

# ---- lists ----------------------------------------------------------------------------

$r = crm(GET => "contacts?source=$mark");
is($r->{status}, 200, 'CAP-7 lists answer 200');
is_deeply($r->{json}{meta}, { total => 31, limit => 25, offset => 0 }, 'CAP-7 CAP-8 CAP-11 meta: all that match, 25 by default');
is(scalar @{ $r->{json}{data} }, 25, 'and so many records');
is($r->{json}{data}[0]{firstName}, 'N30', 'newest first');
$r = crm(GET => "contacts?source=$mark&limit=10&offset=25");
is_deeply([scalar @{ $r->{json}{data} }, $r->{json}{meta}{offset}], [6, 25], 'CAP-11 limit and offset');
$r = crm(GET => "contacts?limit=25&offset=0&status=Customer&source=$mark");
is($r->{json}{meta}{total}, 15, 'CAP-11 filter by field');
is($r->{json}{data}[0]{status}, 'Customer', 'stored as the page writes it');
is(crm(GET => "contacts?status=cUSTOMER&source=$mark")->{json}{meta}{total}, 15, 'in any case');
is(crm(GET => "contacts?companyId=$cmp")->{json}{meta}{total}, 1, 'CAP-11 by a prefixed id');
is(crm(GET => 'contacts?companyId=cmp_01HX9ZK2ABCDEF')->{json}{meta}{total}, 0, 'CAP-12 an id of any length is taken; this one is nobody\'s');
is(crm(GET => 'contacts?email=john.doe@example.com&source=' . $mark)->{json}{meta}{total}, 1, 'CAP-11 by address');
is(crm(GET => "contacts?source=$mark&createdAfter=2099-01-01T00:00:00Z")->{json}{meta}{total}, 0, 'createdAfter');

sub refused {
	my ($r, $status, $code, $field, $name) = @_;
	my $e = $r->{json}{error};
	is_deeply([$r->{status}, ref $e eq 'HASH' ? $e->{code} : undef, ref $e eq 'HASH' && $e->{details} ? $e->{details}[0]{field} : undef],
		[$status, $code, $field], $name) or diag $r->{content};
	return;
}
refused(crm(GET => 'contacts?shoeSize=44'), 400, 'VALIDATION_ERROR', 'shoeSize', 'CAP-11 an unknown parameter is 400');
refused(crm(GET => 'contacts?limit=101'), 400, 'VALIDATION_ERROR', 'limit', 'at most 100');
refused(crm(GET => 'shoes'), 404, 'RESOURCE_NOT_FOUND', undef, 'an unknown entity is 404');
refused(crm(GET => 'contacts?createdAfter=soon'), 400, 'VALIDATION_ERROR', undef, 'a time that is none is 400');

# ---- one record ---------------------------------------------------------------------------

$r = crm(GET => "contacts/$john->{id}");
is_deeply($r->{json}{data}, $john, 'CAP-9 read by id');
$r = crm(PATCH => "contacts/$john->{id}", json => { status => 'Customer', email => 'j@example.com', companyId => undef });
is_deeply([@{ $r->{json}{data} }{qw(status email companyId firstName)}], ['Customer', 'j@example.com', undef, 'John'], 'CAP-6 changed, the rest stays');
refused(crm(PATCH => "contacts/$john->{id}", json => { shoeSize => 44 }), 422, 'VALIDATION_ERROR', 'shoeSize', 'an unknown field is 422');
refused(crm(PATCH => "contacts/$john->{id}", json => { createdAt => '2020-01-01T00:00:00Z' }), 422, 'VALIDATION_ERROR', 'createdAt', 'what the database keeps cannot be written');
refused(crm(POST => 'contacts', json => { firstName => 7 }), 422, 'VALIDATION_ERROR', 'firstName', 'a wrong type names its field');
refused(crm(POST => 'companies', json => { industry => 'None' }), 422, 'VALIDATION_ERROR', 'name', 'so does what is missing');
refused(crm(POST => 'contacts', json => { firstName => 'X', companyId => 'cmp_01HX9ZK2ABCDEF' }), 422, 'VALIDATION_ERROR', 'companyId', 'and an id that cannot be one');
refused(crm(POST => 'contacts', json => { firstName => 'X', companyId => 'cmp_00000000000000000000000007' }), 422, 'VALIDATION_ERROR', 'companyId', 'and one of nothing');
is(crm(POST => 'contacts', json => { firstName => 'X', status => 'Friend' })->{status}, 422, 'a status that there is not');
is(crm(POST => 'contacts', body => '{"firstName":')->{status}, 400, 'broken JSON is 400');
is(psql("select count(*) from contacts where first_name = 'X' and source is null and created_at > now() - interval '1 minute'"), 0, 'and nothing of that was written');

# ---- opportunities, quotes, products ---------------------------------------------------------

my $product = crm(POST => 'products', json => { name => "P $mark", taxRate => 19 })->{json}{data};
like($product->{id}, qr/^prd_/, 'CAP-6 products');
my $opp = crm(POST => 'opportunities', json => { title => "O $mark", value => 1200.5, contactId => $john->{id}, stage => 'qualified' });
is($opp->{status}, 201, 'CAP-6 opportunities') or diag $opp->{content};
is($opp->{json}{data}{value}, 1200.5, 'with their value');
my $quote = crm(POST => 'quotes', json => { title => "Q $mark", opportunityId => $opp->{json}{data}{id}, currency => 'EUR' });
is($quote->{status}, 201, 'CAP-6 quotes') or diag $quote->{content};
like($quote->{json}{data}{id}, qr/^quo_/, 'CAP-12 quo_');

my $task = crm(POST => 'tasks', json => { title => "T $mark", dueDate => '2030-05-01T10:00:00Z', priority => 'high', contactId => $john->{id} });
is($task->{status}, 201, 'CAP-6 tasks') or diag $task->{content};
is($task->{json}{data}{dueDate}, '2030-05-01T10:00:00Z', 'with their times');
my $project = crm(POST => 'projects', json => { name => "J $mark", startDate => '2030-05-01' });
is($project->{status}, 201, 'CAP-6 projects') or diag $project->{content};
like($project->{json}{data}{id}, qr/^prj_/, 'CAP-12 prj_');

# ---- keys -----------------------------------------------------------------------------------

refused(api(GET => '/api/v1/contacts'), 401, 'AUTHENTICATION_FAILED', undef, 'CAP-3 without a key it is 401');
refused(crm(GET => 'contacts', key => 'ck_live_wrong'), 401, 'INVALID_API_KEY', undef, 'CAP-3 with a wrong one too');
refused(crm(GET => 'contacts', key => $mine->{api_key}), 401, 'INVALID_API_KEY', undef, 'CAP-4 keys of the other contract do not open this one');
is(api(GET => '/functions/v1/rest-api-proxy/contacts?limit=1', key => $mine->{crm_key})->{status}, 401, 'nor these the other');
like($mine->{crm_key}, qr/^ck_live_/, 'CAP-4 they begin with ck_live_');
refused(crm(GET => "contacts/$john->{id}", key => $other->{crm_key}), 404, 'RESOURCE_NOT_FOUND', undef, 'API-5 another tenant finds nothing');
is(crm(GET => "contacts?source=$mark", key => $other->{crm_key})->{json}{meta}{total}, 0, 'API-5 nor in lists');
refused(crm(PATCH => "contacts/$john->{id}", key => $other->{crm_key}, json => { firstName => 'Mine' }), 404, 'RESOURCE_NOT_FOUND', undef, 'API-5 and changes nothing');
refused(crm(POST => 'contacts', key => $other->{crm_key}, json => { firstName => 'X', companyId => $cmp }), 422, 'VALIDATION_ERROR', 'companyId', 'API-5 nor points to it');
refused(crm(PUT => 'contacts'), 405, 'METHOD_NOT_ALLOWED', undef, 'a wrong method is 405 in this form');

$r = crm(DELETE => "opportunities/$opp->{json}{data}{id}");
is($r->{status}, 204, 'CAP-6 deleted');
is(crm(DELETE => "opportunities/$opp->{json}{data}{id}")->{status}, 404, 'once');

# ---- /external/v1/opportunities ----------------------------------------------------------------

my $contact = psql("select id from contacts where source = '$mark' and first_name = 'John'");
$r = api(POST => '/external/v1/opportunities', key => $mine->{api_key},
	json => { deal_title => "E $mark", contact_id => $contact, value => 900, source => $mark });
is($r->{status}, 201, 'DEA-17 an opportunity from outside') or diag $r->{content};
my $ext = $r->{json}{data};
is($ext->{name}, 'John Doe', 'Name is the contact\'s');
$r = api(GET => "/external/v1/opportunities?source=$mark", key => $mine->{api_key});
is_deeply([$r->{json}{meta}{total}, $r->{json}{data}[0]{id}], [1, $ext->{id}], 'DEA-43 listed and filtered');
$r = api(PATCH => "/external/v1/opportunities/$ext->{id}/stage", key => $mine->{api_key}, json => { stage => 'won' });
is($r->{json}{data}{stage}, 'won', 'its stage is changed');
ok($r->{json}{data}{won_at}, 'DEA-66 and won_at is set by it');
is(api(PATCH => "/external/v1/opportunities/$ext->{id}/stage", key => $mine->{api_key}, json => {})->{status}, 422, 'a stage is needed');
is(api(GET => '/external/v1/opportunities')->{status}, 401, 'and a key');

# ---- limits (the run has none; an agreement sets them) --------------------------------------------

SKIP: {
	my $left = 60 - time % 60;
	sleep $left + 1 if $left < 20;
	my $k = own_instance(demo => 1);
	my $t = $k->json->{tenants}[1];
	$k->psql("update internal.rate_plans set crm_day = 50 where name = 'professional'");
	$k->kontor('tenant', 'limit', '--tenant', $t->{organization_id}, '--plan', 'starter');
	sleep 60 - time % 60 + 1 if 60 - time % 60 < 20;
	my @r = map { $k->api(GET => '/api/v1/contacts?limit=1', headers => { Authorization => "Bearer $t->{crm_key}" }) } 1 .. 75;
	my @ok = grep { $_->{status} == 200 } @r;
	cmp_ok(scalar @ok, '<=', 68, 'CAP-17 CAP-18 Starter: 60 a minute, and a few before a process knows the plan');
	cmp_ok(scalar @ok, '>=', 60, 'CAP-17 and not less');
	is($r[-1]{status}, 429, 'CAP-18 then it is 429');
	is($r[-1]{json}{error}{code}, 'RATE_LIMIT_EXCEEDED', 'in the form of this contract');
	is($r[-1]{headers}{'x-ratelimit-limit'}, 60, 'with the limit of the plan');
	my $d = $k->json->{tenants}[0];
	my ($day) = grep { $_->{status} == 429 } map { $k->api(GET => '/api/v1/contacts?limit=1', headers => { Authorization => "Bearer $d->{crm_key}" }) } 1 .. 70;
	is($day && $day->{headers}{'x-ratelimit-limit'}, 50, 'CAP-18 the day is counted too, and whichever is used up first refuses');
}

done_testing;
