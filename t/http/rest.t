#!/usr/bin/perl
# The REST dialect end to end: the proxy with an API key, /rest/v1 with an
# access token, every operator, embedding, writing, refusals, two tenants.
use strict;
use warnings;
use Kontor;
use Test::More;

my $base  = '/functions/v1/rest-api-proxy';
my $mine  = tenant(0);
my $other = tenant(1);
my $keys  = kontor_json();
my $mark  = 'rt' . $$;

# name => value pairs, percent-encoded.
sub query {
	my @parts;
	while (my ($name, $value) = splice @_, 0, 2) {
		s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge for $name, $value;
		push @parts, "$name=$value";
	}
	return join '&', @parts;
}

sub proxy {
	my ($method, $table, $query, %o) = @_;
	return api($method, "$base/$table" . (@$query ? '?' . query(@$query) : ''),
		key => $mine->{api_key}, %o);
}

sub names {
	my ($r) = @_;
	return ref $r->{json} eq 'ARRAY' ? join ' ', sort map { $_->{first_name} // '-' } @{ $r->{json} } : $r->{content};
}

sub find {
	return names(proxy(GET => 'contacts', [select => 'first_name', source => "eq.$mark", @_]));
}

# ---- writing --------------------------------------------------------------------

my $r = proxy(POST => 'contacts', [], json => {
	first_name => 'Sara', last_name => 'Ali', phones => ['20 101 717 7777'], emails => ['Sara@Example.com'],
	tags => ['vip', 'lead'], source => $mark, organization_id => $other->{organization_id},
	custom_fields => { customer_type => 'VIP', last_order_value => 1200, is_gift => JSON::PP::true },
});
is($r->{status}, 201, 'API-46 a POST is 201');
is(ref $r->{json}, 'ARRAY', 'API-45 and answers an array of the row');
my $sara = $r->{json}[0];
is($sara->{organization_id}, $mine->{organization_id}, 'API-47 CON-90 the tenant comes from the key, not from the body');
is_deeply($sara->{phones}, ['+201017177777'], 'API-35 phones are stored as E.164');
like($sara->{created_at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/, 'API-4 times are ISO 8601');
is_deeply($sara->{custom_fields}{customer_type}, 'VIP', 'API-4 jsonb takes nested objects');

$r = proxy(POST => 'contacts', [], json => [
	{ first_name => 'John', last_name => 'Doe',  phones => ['+201111111111'], tags => ['lead'], source => $mark,
		custom_fields => { customer_type => 'new', last_order_value => 90 } },
	{ first_name => 'Mia',  last_name => undef, phones => ['+491511234567'], tags => [], source => $mark,
		custom_fields => { last_order_value => 'a lot' } },
]);
is($r->{status}, 201, 'several rows in one POST');
is(scalar @{ $r->{json} }, 2, 'and all of them come back');
my ($john, $mia) = @{ $r->{json} };

# ---- filters ----------------------------------------------------------------------

is(find(first_name => 'eq.Sara'),            'Sara',      'API-22 CON-102 eq');
is(find(first_name => 'neq.Sara'),           'John Mia',  'API-22 neq');
is(find(first_name => 'gt.John'),            'Mia Sara',  'API-22 gt');
is(find(first_name => 'gte.Mia'),            'Mia Sara',  'API-22 gte');
is(find(first_name => 'lt.Mia'),             'John',      'API-22 lt');
is(find(first_name => 'lte.Mia'),            'John Mia',  'API-22 lte');
is(find(first_name => 'like.*ar*'),          'Sara',      'API-23 CON-103 like with *');
is(find(first_name => 'like.*AR*'),          '',          'API-22 like minds the case');
is(find(first_name => 'ilike.*AR*'),         'Sara',      'API-22 ilike does not');
is(find(last_name => 'is.null'),             'Mia',       'API-24 is null');
is(find(last_name => 'not.is.null'),         'John Sara', 'API-24 is not null');
is(find(opt_in_status => 'is.true'),         'John Mia Sara', 'API-22 is true');
is(find(first_name => 'in.(Sara,Mia)'),      'Mia Sara',  'API-25 in a list');
is(find(first_name => 'in.Sara,Mia'),        'Mia Sara',  'API-25 a list without parentheses');
is(find(first_name => 'in.("Sara","M,ia")'), 'Sara',      'API-25 quoted elements');
is(find(first_name => 'not.in.(Sara,Mia)'),  'John',      'API-27 not');
is(find(tags => 'cs.{"vip","lead"}'),        'Sara',      'API-26 CON-99 cs');
is(find(tags => 'contains.["lead"]'),        'John Sara', 'API-26 contains with a JSON list');
is(find(tags => 'cs.lead'),                  'John Sara', 'cs without braces');
is(find(tags => 'cs."lead"'),                'John Sara', 'cs with quotes alone, as curl leaves them');
is(find(tags => 'cd.{"lead","x"}'),          'John Mia',  'API-26 CON-100 cd');
is(find(tags => 'containedBy.{"lead"}'),     'John Mia',  'API-26 containedBy');
is(find(tags => 'ov.{"vip","x"}'),           'Sara',      'API-26 CON-101 ov');
is(find(tags => 'overlaps.{"lead"}'),        'John Sara', 'API-26 overlaps');
is(find(phones => 'ov.{"+201017177777","+201111111111"}'), 'John Sara', 'CON-105 any of several phones');
is(find(phones => 'cs.{"+201017177777"}'),   'Sara',      'CON-109 a phone, percent-encoded');
is(find(phones => 'cs.{"201017177777"}'),    '',          'CON-111 without its + it is another');
is(find('custom_fields->>customer_type' => 'eq.VIP'), 'Sara', 'API-29 CON-106 text within JSON');
is(find('custom_fields->>last_order_value' => 'gt.1000'), 'Sara', 'CON-107 numbers within JSON compare as numbers');
is(find('custom_fields->>last_order_value' => 'lt.1000'), 'John', 'CON-107 and what is none does not match');
is(find(custom_fields => 'cs.{"is_gift":true}'), 'Sara', 'API-29 CON-108 JSON containment');
is(find(created_at => 'gte.2025-01-01'),     'John Mia Sara', 'API-30 a date compares');
is(find(or => '(first_name.eq.Mia,and(tags.cs.{vip,lead},last_name.like.A*))'), 'Mia Sara', 'API-28 or, and');
is(find('not.or' => '(first_name.eq.Mia,first_name.eq."John")'), 'Sara', 'API-28 not or');
is(find(id => $sara->{id}),                  'Sara',      'API-31 bare equality on the proxy');
is(find(first_name => 'wfts(simple).sara'),  'Sara',      'CON-102 wfts');
is(find(first_name => 'fts.sara'),           'Sara',      'CON-102 fts');
is(find(first_name => 'plfts.sara'),         'Sara',      'CON-102 plfts');
is(find(first_name => 'phfts.sara'),         'Sara',      'CON-102 phfts');
is(find(first_name => 'match.^[SM]'),        'Mia Sara',  'match');

$r = proxy(GET => 'contacts', [first_name => "eq.nobody$mark"]);
is("$r->{status} $r->{content}", '200 []', 'API-34 no match is 200 and an empty array');
$r = api(GET => "$base/contacts?phones=cs.%7B%22+201017177777%22%7D", key => $mine->{api_key});
is($r->{status}, 400, 'API-33 CON-110 a + that became a space');
like($r->{json}{message}, qr/^malformed array literal: "\{" ?201/, 'API-33 is told as a malformed array literal');

# ---- select, order, pages ------------------------------------------------------------

$r = proxy(GET => 'contacts', [select => 'name:first_name,custom_fields->>customer_type,n:custom_fields->last_order_value,opt_in_status::text',
	id => "eq.$sara->{id}"]);
is_deeply($r->{json}, [{ name => 'Sara', customer_type => 'VIP', n => 1200, opt_in_status => 'true' }],
	'API-36 columns, aliases, JSON paths, casts');
$r = proxy(GET => 'contacts', [select => 'first_name', source => "eq.$mark", order => 'first_name.desc', limit => 1, offset => 1]);
is(names($r), 'Mia', 'API-41 API-42 CON-104 order, limit, offset');
is($r->{headers}{'content-range'}, '1-1/*', 'Content-Range');
$r = proxy(GET => 'contacts', [select => 'first_name', source => "eq.$mark", order => 'last_name.asc.nullsfirst', limit => 1]);
is(names($r), 'Mia', 'API-41 nulls first');
$r = proxy(GET => 'contacts', [source => "eq.$mark", limit => 2], headers => { Prefer => 'count=exact' });
is("$r->{status} $r->{headers}{'content-range'}", '206 0-1/3', 'count=exact: part of the whole is 206');
$r = proxy(GET => 'contacts', [source => "eq.$mark"], headers => { Prefer => 'count=exact' });
is("$r->{status} $r->{headers}{'content-range'}", '200 0-2/3', 'the whole is 200');
$r = proxy(GET => 'contacts', [source => "eq.$mark", order => 'first_name'], headers => { Range => '1-2', 'Range-Unit' => 'items' });
is(names($r), 'Mia Sara', 'Range');
$r = proxy(GET => 'contacts', [source => "eq.$mark", offset => 9], headers => { Prefer => 'count=exact' });
is("$r->{status} $r->{json}{code}", '416 PGRST103', 'beyond the end');
$r = proxy(HEAD => 'contacts', [source => "eq.$mark"], headers => { Prefer => 'count=exact' });
is("$r->{status} $r->{headers}{'content-range'} [" . ($r->{content} // '') . ']', '200 0-2/3 []', 'HEAD counts without a body');
$r = proxy(GET => 'contacts', [id => "eq.$sara->{id}"], headers => { Accept => 'application/vnd.pgrst.object+json' });
is($r->{json}{first_name}, 'Sara', 'a single object');
$r = proxy(GET => 'contacts', [source => "eq.$mark"], headers => { Accept => 'application/vnd.pgrst.object+json' });
is("$r->{status} $r->{json}{code}", '406 PGRST116', 'which there has to be one of');

# ---- deals ------------------------------------------------------------------------------

$r = proxy(POST => 'deals', [select => 'id,title,stage,currency,pipeline_id,contact:contacts(first_name)'],
	json => { title => "Order 6829 $mark", contact_id => $sara->{id}, value => 1500, stage => 'LEAD', currency => 'EUR',
		custom_fields => { external_id => '68297792' } });
is($r->{status}, 201, 'DEA-73 a deal is made');
my $deal = $r->{json}[0];
is($deal->{contact}{first_name}, 'Sara', 'the representation embeds');
ok($deal->{pipeline_id}, 'DEA-76 in the default pipeline');
is($deal->{stage}, 'LEAD', 'DEA-84 a stage that the pipeline lacks is kept');
proxy(POST => 'deals', [], json => { title => "Other $mark", contact_id => $john->{id}, value => 20, stage => 'new' });

sub deals {
	my $r = proxy(GET => 'deals', [select => 'title', order => 'created_at.desc', @_]);
	return join ' ', map { $_->{title} =~ /^(\w+)/ } grep { $_->{title} =~ /$mark$/ } @{ $r->{json} };
}
is(deals(id => "eq.$deal->{id}"),                'Order',       'DEA-88 by id');
is(deals(contact_id => "eq.$sara->{id}"),        'Order',       'DEA-88 by contact');
is(deals(title => 'ilike.*ORDER 6829*'),         'Order',       'DEA-89 ilike');
is(deals(title => 'like.*ORDER 6829*'),          '',            'DEA-89 like');
is(deals(title => "eq.Order 6829 $mark"),        'Order',       'DEA-89 eq');
is(deals('custom_fields->>external_id' => 'eq.68297792'), 'Order', 'DEA-90 by custom field');
is(deals(value => 'gte.1000', limit => 50),      'Order',       'DEA-91 by value, with a limit');
is(deals(stage => 'eq.NEW'),                     'Other',       'a stage is found in either case');

$r = proxy(PATCH => 'deals', [id => "eq.$deal->{id}"], json => { stage => 'won', value => 1600, probability => 100 });
is($r->{status}, 200, 'DEA-85 API-52 stage, value and probability in one PATCH');
is($r->{json}[0]{stage} . ' ' . $r->{json}[0]{value}, 'won 1600', 'DEA-85 and answered');
$r = proxy(PATCH => 'deals', [title => "like.*$mark", select => 'title'], json => { priority => 'low' });
is(scalar @{ $r->{json} }, 2, 'DEA-86 API-49 a PATCH changes all that the filter finds');
$r = proxy(PATCH => 'deals', [id => "eq.$deal->{id}"], json => { custom_fields => { a => 1 } });
is_deeply($r->{json}[0]{custom_fields}, { a => 1 }, 'DEA-87 API-51 custom_fields is replaced, not merged');
$r = proxy(PATCH => "deals/$deal->{id}", [select => 'priority'], json => { priority => 'high' });
is_deeply($r->{json}, [{ priority => 'high' }], 'API-50 the id in the path');
$r = proxy(PATCH => 'deals', [id => "eq.$deal->{id}"], json => { organization_id => $other->{organization_id}, notes => 'x' });
is($r->{json}[0]{organization_id}, $mine->{organization_id}, 'API-47 the tenant of a row does not change');

$r = proxy(POST => 'deals', [], json => { value => 1 });
is("$r->{status} $r->{json}{error}", '400 title is required', 'DEA-74 a missing title');
for my $row ([{ value => 'abc' }, 'value', 'DEA-79 a value that is no number'],
	[{ value => 1, expected_close_date => '2025-13-45' }, 'expected_close_date', 'DEA-79 a date that is none'],
	[{ value => 1, contact_id => 'sara' }, 'contact_id', 'an id that is none']) {
	my ($json, $field, $name) = @$row;
	$r = proxy(POST => 'deals', [], json => { title => $mark, %$json });
	is("$r->{status} " . ($r->{json}{details}{field} // ''), "400 $field", "$name: the column is named");
}
for my $row ([{ value => -1 }, 'DEA-79 a value below 0'], [{ probability => 101 }, 'DEA-79 a probability over 100'],
	[{ currency => 'euro' }, 'DEA-79 a currency of four letters'], [{ title => 'x' x 201 }, 'DEA-78 a long title'],
	[{ description => 'x' x 5001 }, 'DEA-78 a long description'], [{ source => 'x' x 51 }, 'DEA-78 a long source'],
	[{ tags => ['x' x 51] }, 'DEA-78 a long tag'], [{ custom_fields => { a => 'x1' x 20000 . join '', map { chr(65 + rand 26) } 1 .. 40000 } }, 'DEA-80 large custom fields'],
	[{ pipeline_id => $deal->{id} }, 'DEA-76 a pipeline that does not exist'],
	[{ contact_id => $deal->{id} }, 'DEA-81 a contact that does not exist'],
	[{ owner_id => $deal->{id} }, 'DEA-81 an owner that does not exist'],
	[{ company_id => $deal->{id} }, 'DEA-81 a company that does not exist']) {
	my ($json, $name) = @$row;
	$r = proxy(POST => 'deals', [], json => { title => $mark, %$json });
	is($r->{status}, 400, $name);
}
$r = proxy(POST => 'deals', [], json => { title => "P $mark", products => [{ name => 'a', quantity => 2, unit_price => 3 }] });
is_deeply($r->{json}[0]{products}, [{ name => 'a', quantity => 2, unit_price => 3 }], 'DEA-82 products');
is($r->{json}[0]{currency}, 'USD', 'DEA-79 the currency is USD unless given');

# ---- embedding ---------------------------------------------------------------------------

$r = proxy(GET => 'deals', [select => 'title,contacts(first_name,companies(name)),owner:profiles!deals_owner_id_fkey(email)',
	id => "eq.$deal->{id}"]);
is_deeply($r->{json}[0]{contacts}, { first_name => 'Sara', companies => undef }, 'API-37 nested, to one, none is null');
ok(exists $r->{json}[0]{owner}, 'API-38 an alias, a key by its name');
$r = proxy(GET => 'contacts', [select => 'first_name,deals(title,value)', source => "eq.$mark", order => 'first_name',
	'deals.value' => 'gt.100', 'deals.order' => 'value.desc']);
is_deeply([map { scalar @{ $_->{deals} } } @{ $r->{json} }], [0, 0, 1], 'to many, filtered; none is an empty array');
$r = proxy(GET => 'deals', [select => 'title,c:contacts!inner(first_name)', 'c.full_name_search' => 'ilike.*sara*',
	title => "like.*$mark"]);
is_deeply([map { $_->{c}{first_name} } @{ $r->{json} }], ['Sara'], 'API-39 API-40 !inner filters through the alias');
$r = proxy(GET => 'deals', [select => 'id,profiles!deals_owner_id_fkey(*)', limit => 1]);
is($r->{status}, 200, 'API-37 profiles!deals_owner_id_fkey(*)');
$r = proxy(GET => 'deals', [select => 'id,messages(id)']);
is("$r->{status} $r->{json}{code}", '400 PGRST200', 'what is not related');

# ---- /rest/v1 with an access token ----------------------------------------------------------

my $user  = $mine->{users}[0];
my $anon  = $keys->{anon_key};
my $login = sub {
	return api(POST => '/auth/v1/token?grant_type=' . $_[0], apikey => $anon, json => $_[1]);
};
$r = $login->(password => { email => $user->{email}, password => $user->{password} });
is($r->{status}, 200, 'AUTH-11 signing in');
is_deeply([@{ $r->{json} }{qw(token_type expires_in)}], ['bearer', 3600], 'AUTH-13 a token of an hour');
ok($r->{json}{user}{email_confirmed_at}, 'AUTH-10 with the verification state');
my $jwt     = $r->{json}{access_token};
my $refresh = $r->{json}{refresh_token};
sub rest {
	my ($method, $table, $query, %o) = @_;
	return api($method, "/rest/v1/$table" . (@$query ? '?' . query(@$query) : ''), apikey => $anon, bearer => $jwt, %o);
}

# ---- the three surfaces ------------------------------------------------------------

$r = api(POST => '/functions/v1/search-contacts', json => {}, headers => { Authorization => "Bearer $jwt" });
is(ref $r->{json}{contacts}, 'ARRAY', 'API-1 API-56 functions, with an access token: named members');
$r = api(GET => '/rest/v1/contacts?limit=2', headers => { apikey => $keys->{anon_key}, Authorization => "Bearer $jwt" });
is(ref $r->{json}, 'ARRAY', 'API-1 API-55 tables: a bare array of rows');
is(scalar(grep { ref ne 'HASH' } @{ $r->{json} }), 0, 'API-55 each an object');
$r = api(POST => '/functions/v1/search-contacts', json => {}, key => $mine->{api_key});
is(ref $r->{json}{contacts}, 'ARRAY', 'API-1 external functions, with X-API-Key');
is(names(rest(GET => 'contacts', [select => 'first_name', id => "eq.$sara->{id}"])), 'Sara', 'API-10 apikey and Bearer');
$r = api(GET => "/rest/v1/contacts?limit=1&apikey=$anon", bearer => $jwt);
is($r->{status}, 200, 'API-14 the apikey as a parameter');
$r = api(GET => '/rest/v1/contacts?limit=1');
is("$r->{status} $r->{json}{message}", '401 No API key found in request', 'API-14 none at all');
is($r->{json}{hint}, 'No `apikey` request header or url param was found.', 'API-14 and its hint');
$r = api(GET => '/rest/v1/contacts?limit=1', apikey => $anon);
is($r->{status}, 401, 'the public key alone gives no data');
$r = api(GET => '/rest/v1/contacts?limit=1', apikey => $mine->{api_key});
is($r->{status}, 401, 'API-15 cg_ keys are for the proxy');
$r = api(GET => "$base/contacts?limit=1", key => 'cg_wrong');
is("$r->{status} $r->{json}{message} $r->{json}{code}", '401 Invalid or expired API key INVALID_API_KEY',
	'API-16 an unknown key');
$r = api(GET => "$base/contacts?select=id&limit=1", bearer => $jwt);
is($r->{status}, 200, 'API-12 the proxy takes a session token too');
$r = api(GET => $base . '/', key => $mine->{api_key});
is("$r->{status} $r->{json}{error}", '400 Invalid URL format', 'API-17 a wrong proxy path');

$r = rest(POST => 'companies', [], json => { name => "Min $mark" });
is("$r->{status} [$r->{content}]", '201 []', 'Prefer: nothing, a minimal answer');
$r = rest(POST => 'companies', [select => 'name'], json => { name => "Rep $mark", organization_id => $mine->{organization_id} },
	headers => { Prefer => 'return=representation' });
is_deeply($r->{json}, [{ name => "Rep $mark" }], 'API-45 API-48 return=representation, own organization_id in the body');
is($r->{headers}{'preference-applied'}, 'return=representation', 'Preference-Applied');
$r = rest(POST => 'companies', [], json => { name => "Bad $mark", organization_id => $other->{organization_id} });
is($r->{status}, 403, 'API-48 another organization_id is refused');
$r = rest(POST => 'companies', [], json => { name => "Head $mark" }, headers => { Prefer => 'return=headers-only' });
like($r->{headers}{location}, qr{^/companies\?organization_id=eq\.$mine->{organization_id}&id=eq\.}, 'return=headers-only');
my ($id) = $r->{headers}{location} =~ /&id=eq\.(.*)/;
$r = rest(POST => 'companies', [select => 'id,name,city', on_conflict => 'id'], json => { id => $id, name => "Head $mark", city => 'Kiel' },
	headers => { Prefer => 'resolution=merge-duplicates,return=representation' });
is_deeply($r->{json}, [{ id => $id, name => "Head $mark", city => 'Kiel' }], 'an upsert by id');
$r = rest(POST => 'companies', [], json => { id => $id, name => 'x' });
is("$r->{status} $r->{json}{code}", '409 23505', 'API-61 a double is 409');
$r = rest(POST => 'companies', [select => 'name'], json => [{ id => $id, name => 'x' }],
	headers => { Prefer => 'resolution=ignore-duplicates,return=representation' });
is("$r->{status} $r->{content}", '201 []', 'unless it is to be ignored');
$r = rest(POST => 'companies', [columns => 'name,tags', select => 'name,tags'], json => [{ name => "D1 $mark", tags => ['a'], junk => 1 }, { name => "D2 $mark" }],
	headers => { Prefer => 'missing=default,return=representation' });
is_deeply($r->{json}, [{ name => "D1 $mark", tags => ['a'] }, { name => "D2 $mark", tags => [] }], 'columns= and missing=default');
$r = rest(PATCH => 'companies', [id => "eq.$id"], json => { city => 'Bonn' });
is("$r->{status} [" . ($r->{content} // '') . ']', '204 []', 'a minimal PATCH is 204');
$r = rest(PATCH => 'companies', [name => "like.*$mark"], json => { city => 'Ulm' },
	headers => { Prefer => 'return=representation', Accept => 'application/vnd.pgrst.object+json' });
is("$r->{status} $r->{json}{code}", '406 PGRST116', 'a single object of many');
is(psql("select count(*) from companies where name like '%$mark' and city = 'Ulm'"), 0, 'and nothing was changed');

# ---- the inbox's recipes ------------------------------------------------------------------------

my $full = '*,contact:contacts!conversations_contact_id_fkey(id,first_name,last_name,phones,emails,tags),'
	. 'channel_account:channel_accounts(id,type,name),assignee:profiles!conversations_assignee_id_fkey(id,first_name,last_name)';
sub talks {
	my $r = rest(GET => 'conversations', [select => $full, order => 'last_message_at.desc.nullslast', limit => 1000, @_]);
	return ref $r->{json} eq 'ARRAY' ? @{ $r->{json} } : die $r->{content};
}
my @all = talks();
ok(@all > 3 && $all[0]{contact}{id} && $all[0]{channel_account}{type}, 'INB-12 all conversations, with contact and channel');
$r = rest(POST => 'rpc/get_conversation_unread_counts', [], json => {});
my @unread = map { $_->{conversation_id} } @{ $r->{json} };
ok(@unread > 0, 'INB-13 get_conversation_unread_counts');
my $list = join ',', @unread;
is(scalar talks(id => "in.($list)"), scalar @unread, 'INB-13 unread conversations');
is(scalar talks(id => "not.in.($list)"), @all - @unread, 'INB-14 read conversations');
is(scalar(grep { ($_->{last_read_at} // '') lt ($_->{last_message_at} // '') } talks(or => '(last_read_at.gte.last_message_at)')), 0,
	'INB-14 two columns compared');
$r = api(GET => '/auth/v1/user', apikey => $anon, bearer => $jwt);
is($r->{json}{email}, $user->{email}, 'AUTH-16 the user of a token');
my $me = $r->{json}{id};
is(scalar(talks(assignee_id => "eq.$me")), scalar(grep { ($_->{assignee_id} // '') eq $me } @all), 'INB-15 assigned to me');
is(scalar(talks(assignee_id => 'is.null')), scalar(grep { !$_->{assignee_id} } @all), 'INB-16 unassigned');
is(scalar(talks(status => 'eq.open')), scalar(grep { $_->{status} eq 'OPEN' } @all), 'INB-17 by status, in small letters');
is(scalar(talks(status => 'open')), scalar(grep { $_->{status} eq 'OPEN' } @all), 'API-32 bare status on table REST');
$r = rest(GET => 'conversations', [select => '*,channel_account:channel_accounts!inner(id,type,name)', 'channel_account.type' => 'eq.TELEGRAM']);
is(scalar(@{ $r->{json} }), scalar(grep { $_->{channel_account}{type} eq 'TELEGRAM' } @all), 'INB-18 API-39 by channel type');
$r = rest(GET => 'conversations', [select => 'id,channel_account:channel_accounts!inner(type)',
	'channel_account.type' => 'in.(WHATSAPP_LITE,WHATSAPP_CLOUD)']);
is(scalar(@{ $r->{json} }), scalar(grep { $_->{channel_account}{type} =~ /^WHATSAPP/ } @all), 'INB-19 both kinds of WhatsApp');
my $threads = grep { ($_->{metadata}{is_comment_thread} // '') =~ /^(?:1|true)$/ } @all;
is(scalar(talks('metadata->>is_comment_thread' => 'eq.true')), $threads, 'INB-20 INB-22 comment threads');
is(scalar(talks(or => '(metadata->>is_comment_thread.is.null,metadata->>is_comment_thread.eq.false)')), @all - $threads, 'INB-21 direct messages');
is(scalar(talks(is_important => 'eq.true')), scalar(grep { $_->{is_important} } @all), 'INB-23 important');
is(scalar(talks(tags => 'cs.{"vip"}')), scalar(grep { grep { $_ eq 'vip' } @{ $_->{tags} } } @all), 'INB-24 by tag');
my $who = lc $all[0]{contact}{first_name};
$r = rest(GET => 'conversations', [select => '*,contact:contacts!inner(id,first_name,last_name,phones)',
	'contact.full_name_search' => "ilike.*$who*"]);
is(scalar(grep { lc $_->{contact}{first_name} ne $who } @{ $r->{json} }), 0, 'INB-25 API-40 by the contact\'s name');
ok(@{ $r->{json} } > 0, 'INB-25 which finds some');
$r = rest(POST => 'rpc/get_unanswered_conversations_count', [], json => {});
like($r->{content}, qr/^\d+$/, 'a function\'s bare number');
$r = rest(GET => 'rpc/get_unanswered_conversations_count', []);
like($r->{content}, qr/^\d+$/, 'by GET as well');

# ---- secrets ------------------------------------------------------------------------------------------

$r = proxy(POST => 'webhook_configurations', [], json => { url => 'https://example.com/h', events => ['deal.created'], secret => 's3cret', is_active => JSON::PP::false });
is($r->{status}, 201, 'a column that is only written');
ok(!exists $r->{json}[0]{secret} && $r->{json}[0]{has_secret}, 'does not come back');
like(psql("select secret from webhook_configurations where id = '$r->{json}[0]{id}'"), qr/^v1\./, 'and is sealed in the database');
my $hook = $r->{json}[0]{id};
$r = proxy(GET => 'webhook_configurations', [select => 'id,secret']);
is($r->{status}, 403, 'nor is it read by name');
proxy(DELETE => 'webhook_configurations', [id => "eq.$hook"]);

# ---- refusals ---------------------------------------------------------------------------------------------

my $before = psql('select count(*) from contacts');
for my $row (
	[PATCH  => 'contacts', [], { first_name => 'x' }, 'PATCH without a filter'],
	[DELETE => 'contacts', [], undef, 'DELETE without a filter'],
	[DELETE => 'contacts', [select => 'id'], undef, 'DELETE with a select alone'],
	[DELETE => 'contacts', [first_name => 'eqq.x'], undef, 'an operator that does not exist'],
	[DELETE => 'contacts', [or => '(first_name.eq.x'], undef, 'a filter that ends too early'],
	[DELETE => 'contacts', [frist_name => 'eq.x'], undef, 'a column that does not exist'],
	[DELETE => 'contacts', [id => 'eq.x'], undef, 'an id that is none'],
	[DELETE => 'contacts', [source => "eq.$mark", limit => 1], undef, 'a limit'],
	[PATCH  => 'contacts', [source => "eq.$mark"], undef, 'no body'],
	[PATCH  => 'contacts', [source => "eq.$mark"], ['x'], 'a body that is no object'],
	[PATCH  => 'contacts', [source => "eq.$mark"], { frist_name => 'x' }, 'a key that does not exist'],
	[PATCH  => 'contacts', [source => "eq.$mark", '{"first_name":"x"}' => ''], { first_name => 'x' }, 'JSON in the URL']) {
	my ($method, $table, $query, $json, $name) = @$row;
	$r = proxy($method, $table, $query, defined $json ? (json => $json) : ());
	is($r->{status}, 400, "$name is 400");
	ok($r->{json}{error} && $r->{json}{error} eq $r->{json}{message} && $r->{json}{code}, "$name: error, message, code");
}
is(psql('select count(*) from contacts'), $before, 'and nothing was touched');
is(psql("select count(*) from contacts where first_name = 'x' and source = '$mark'"), 0, 'nor changed');
$r = proxy(GET => 'contcts', []);
is("$r->{status} $r->{json}{hint}", "404 Perhaps you meant the table 'public.contacts'", 'API-62 an unknown table, with the nearest as hint');
$r = proxy(GET => 'contacts', [frist_name => 'eq.x']);
is("$r->{status} $r->{json}{hint}", "400 Perhaps you meant the column 'contacts.first_name'", 'API-62 an unknown column, with the nearest as hint');
$r = proxy(PUT => 'contacts', [], json => {});
is($r->{status}, 405, 'API-61 a method that there is not');
$r = proxy(GET => 'pg_class', []);
is($r->{status}, 404, 'the catalogue is not exposed');
for my $table (qw(users sessions jobs)) {
	$r = proxy(GET => $table, []);
	is($r->{status}, 404, "nor is $table");
}
$r = proxy(GET => 'contacts', [select => 'id', first_name => "eq.'; drop table contacts; --"]);
is("$r->{status} $r->{content}", '200 []', 'SQL in a value is a value');
$r = proxy(GET => 'contacts', [select => 'a"; drop table contacts; --:id', limit => 1]);
is($r->{status}, 200, 'SQL in an alias is a name');
is(psql('select count(*) from contacts'), $before, 'and nothing else');
$r = proxy(GET => 'contacts', [first_name => "eq.\xff"]);
is($r->{status}, 400, 'bytes that are no UTF-8');
$r = proxy(POST => 'contacts', [], body => '[' x 5000, type => 'application/json');
is($r->{status}, 400, 'deep nesting');
$r = proxy(POST => 'contacts', [], body => '{"first_name":"a\u0000b"}', type => 'application/json');
is($r->{status}, 400, 'a NUL in a text');

# ---- CORS -----------------------------------------------------------------------------------------------------

$r = api(OPTIONS => '/rest/v1/contacts', headers => { Origin => 'https://elsewhere.example', 'Access-Control-Request-Method' => 'PATCH',
	'Access-Control-Request-Headers' => 'apikey, prefer' });
is($r->{status}, 204, 'OPTIONS');
is($r->{headers}{'access-control-allow-origin'}, '*', 'any origin may call');
like($r->{headers}{'access-control-allow-headers'}, qr/prefer/, 'with the headers that it names');

# ---- two tenants ------------------------------------------------------------------------------------------------

for my $table (split /\n/, psql("select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
	. " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname = 'organization_id' order by 1")) {
	$r = proxy(GET => $table, [select => 'organization_id', organization_id => "eq.$other->{organization_id}"]);
	ok($r->{status} == 403 || $r->{content} eq '[]', "API-5 nothing of another tenant in $table");
}
my $foreign = psql("select id from contacts where organization_id = '$other->{organization_id}' limit 1")
	|| psql("select id from pipelines where organization_id = '$other->{organization_id}' limit 1");
for my $table (qw(contacts pipelines)) {
	$r = proxy(PATCH => $table, [id => "eq.$foreign"], json => $table eq 'contacts' ? { first_name => 'x' } : { name => 'x' });
	is("$r->{status} $r->{content}", '200 []', "API-5 nothing of another tenant is changed in $table");
	$r = proxy(DELETE => $table, [id => "eq.$foreign"]);
	is("$r->{status} $r->{content}", '200 []', "API-5 nor deleted in $table");
}
my $pipeline = psql("select id from pipelines where organization_id = '$other->{organization_id}' limit 1");
$r = proxy(POST => 'deals', [], json => { title => $mark, pipeline_id => $pipeline });
is($r->{status}, 400, 'DEA-81 a row cannot point at another tenant\'s');

# ---- what a key may do with messages ------------------------------------------------------------------------------

my $limited = "cg_limited$mark";
psql("insert into api_keys (organization_id, name, prefix, key_hash, can_send_messages, can_read_messages) values"
	. " ('$mine->{organization_id}', '$mark', 'cg_limi', sha256('$limited'), false, false)");
my $talk = $all[0]{id};
$r = api(GET => "$base/messages?select=id&conversation_id=eq.$talk", key => $limited);
is("$r->{status} $r->{content}", '200 []', 'API-19 a key without can_read_messages reads none');
$r = api(GET => "$base/messages?select=id&conversation_id=eq.$talk", key => $mine->{api_key});
ok(@{ $r->{json} } > 0, 'API-19 one with it does');
$r = api(POST => "$base/messages", key => $limited, json => { conversation_id => $talk, direction => 'INBOUND', content => 'x' });
is($r->{status}, 403, 'API-19 nor does it write any without can_send_messages');
psql("update api_keys set expires_at = now() - interval '1 second' where name = '$mark'");
is(api(GET => "$base/contacts?limit=1", key => $limited)->{status}, 401, 'API-16 an expired key');
psql("update api_keys set expires_at = null, is_active = false where name = '$mark'");
is(api(GET => "$base/contacts?limit=1", key => $limited)->{status}, 401, 'API-16 a revoked key');
psql("delete from api_keys where name = '$mark'");

# ---- a new table ---------------------------------------------------------------------------------------------------

psql("create table public.$mark (organization_id uuid not null default auth.org(), id int not null, word text,"
	. " contact_id uuid, primary key (organization_id, id), constraint ${mark}_contact_id_fkey foreign key"
	. " (organization_id, contact_id) references contacts (organization_id, id));"
	. " do \$\$ begin perform internal.tenant_table('public.$mark'); end \$\$; notify pgrst");
# Behind PgBouncer in transaction mode nobody hears NOTIFY: an unknown name makes
# a program read the catalogue again when it is older than ten seconds.
sleep 11 if $ENV{KONTOR_BEHIND_PGBOUNCER};
ok(wait_for(5, sub { proxy(GET => $mark, [])->{status} == 200 }), 'API-3 a new table is an API at once');
$r = proxy(POST => $mark, [select => 'word,contacts(first_name)'], json => { id => 1, word => 'new', contact_id => $sara->{id} });
is_deeply($r->{json}, [{ word => 'new', contacts => { first_name => 'Sara' } }], 'written, and embedding by its key');
psql("drop table public.$mark; notify pgrst");
ok(wait_for(5, sub { proxy(GET => $mark, [])->{status} == 404 }), 'and gone with it');

# ---- the end of a session ------------------------------------------------------------------------------------------

$r = $login->(refresh_token => { refresh_token => $refresh });
is($r->{status}, 200, 'AUTH-14 a refresh token renews the session');
my $renewed = $r->{json}{refresh_token};
is($login->(refresh_token => { refresh_token => $refresh })->{status}, 200, 'a repetition within seconds is answered, too');
$r = $login->(password => { email => $user->{email}, password => 'wrong' });
is("$r->{status} $r->{json}{code}", '400 invalid_credentials', 'AUTH-11 a wrong password');
is($login->(password => { email => 'nobody@nowhere.example', password => 'wrong' })->{content}, $r->{content},
	'AUTH-11 an unknown address is answered the same');
is(api(POST => '/auth/v1/logout', apikey => $anon, bearer => $jwt, json => {})->{status}, 204, 'AUTH-15 signing out');
is(rest(GET => 'contacts', [limit => 1])->{status}, 401, 'AUTH-15 the access token ends with the session');
is($login->(refresh_token => { refresh_token => $renewed })->{status}, 400, 'AUTH-15 and so does the refresh token');

# ---- leaving as found --------------------------------------------------------------------------------------------------

$r = proxy(DELETE => 'deals', [title => "like.*$mark"]);
is($r->{status}, 200, 'DEA-92 deals are deleted');
ok(@{ $r->{json} } >= 3, 'API-49 all that the filter finds');
proxy(DELETE => 'contacts', [source => "eq.$mark"]);
proxy(DELETE => 'companies', [name => "like.*$mark"]);
is(psql("select count(*) from contacts where source = '$mark'"), 0, 'API-3 DELETE deletes');

is(api(GET => '/healthz')->{status}, 200, '/healthz');
is(api(GET => '/readyz')->{status}, 200, '/readyz');
$r = api(POST => '/functions/v1/no-such-function', key => $mine->{api_key}, json => {});
is($r->{status}, 404, 'an unknown function is 404');

done_testing;
