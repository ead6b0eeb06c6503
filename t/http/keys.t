#!/usr/bin/perl
# API keys: made by the documented requests, shown once, scoped, restricted to
# addresses, ended; where each kind opens the door and where not.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine  = tenant(0);
my $other = tenant(1);
my $org   = $mine->{organization_id};
my $anon  = kontor_json()->{anon_key};
my $proxy = '/functions/v1/rest-api-proxy';
my $make  = '/functions/v1/generate-api-key';
my $mark  = "keys$$";

sub sign_in {
	my ($user) = @_;
	my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $user->{email}, password => $user->{password} });
	return $r->{json}{access_token};
}
my ($owner) = grep { $_->{role} eq 'OWNER' } @{ $mine->{users} };
my ($agent) = grep { $_->{role} eq 'AGENT' } @{ $mine->{users} };
my $jwt   = sign_in($owner);
my $agent_jwt = sign_in($agent);

sub make_key { return api(POST => $make, bearer => $jwt, json => {@_}) }
sub get      { my ($key, $path, %o) = @_; return api(GET => "$proxy/" . ($path // 'contacts?limit=1'), key => $key, %o) }
sub body     { my $r = shift; return join ' ', $r->{status}, $r->{json}{message} // $r->{content} }

# ---- the three forms of the request -------------------------------------------------

my $r = make_key(name => "$mark one", expires_at => '2035-12-31T23:59:59Z');
is($r->{status}, 200, 'API-20 a name and expires_at');
like($r->{json}{api_key}, qr/^cg_[\w-]{20,}$/, 'API-18 the key begins with cg_');
like($r->{json}{id}, qr/^[0-9a-f-]{36}$/, 'with its id');
like($r->{json}{created_at}, qr/^\d{4}-\d\d-\d\dT/, 'and its time');
is(psql("select expires_at = '2035-12-31T23:59:59Z' from api_keys where id = '$r->{json}{id}'"), 't', 'SET-40 it ends when it was told to');

my $narrow = make_key(name => "$mark two", expires_in_days => 365, permissions => { can_send_messages => \1, can_read_messages => \0 })->{json};
is_deeply([sort keys %$narrow], [sort qw(success api_key id created_at key_info warning)], 'API-20 the keys of the answer');
is_deeply([sort keys %{ $narrow->{key_info} }], [sort qw(id name key_prefix expires_at created_at)], 'API-20 the keys of key_info');
is($narrow->{key_info}{key_prefix}, substr($narrow->{api_key}, 0, 9) . '...', 'SET-43 the prefix tells it from others');
like($narrow->{warning}, qr/not be able to see it again/, 'API-20 and the warning');
is(psql("select can_send_messages, can_read_messages, expires_at between now() + interval '364 days' and now() + interval '366 days'
	from api_keys where id = '$narrow->{id}'"), 't|f|t', 'API-18 permissions and days are kept');

my $third = make_key(name => "$mark three", organizationId => $org)->{json};
is($third->{key_info}{expires_at}, undef, 'API-20 without an end unless one was asked for');
is(psql("select count(*) from api_keys where key_hash = sha256('$third->{api_key}'::bytea)
	and not to_jsonb(api_keys)::text like '%$third->{api_key}%'"), 1, 'API-18 SET-43 only the hash is kept');

is(body(make_key()), '400 name is required', 'API-20 without a name it is refused');
is(make_key(name => 'x', expires_in_days => 0)->{status}, 400, 'no key for no days');
is(make_key(name => 'x', expires_in_days => undef)->{status}, 200, 'API-20 expires_in_days null: no end');
is(make_key(name => 'x', expires_at => '2001-01-01T00:00:00Z')->{status}, 400, 'nor one that has ended');
is(make_key(name => 'x', expires_at => 'soon')->{status}, 400, 'nor at a time that is none');
is(make_key(name => 'x', organizationId => $other->{organization_id})->{status}, 403, 'API-5 nor one of another organization');
is(api(POST => $make, bearer => $anon, json => { name => 'x', organizationId => $org })->{status}, 401, 'the public key makes none');
is(api(POST => $make, bearer => $agent_jwt, json => { name => 'x' })->{status}, 403, 'nor does an agent for the organization');
is(api(POST => $make, key => $third->{api_key}, json => { name => 'x' })->{status}, 403, 'nor a key');
is(api(GET => $make, bearer => $jwt)->{json}{error}, 'Use POST', 'API-61 GET is 405');
is(api(POST => $make, bearer => kontor_json()->{service_key}, json => { name => "$mark service", organizationId => $org })->{status}, 200,
	'the service key makes one for the organization that it names');

# ---- where a key opens ------------------------------------------------------------------

is(get($third->{api_key})->{status}, 200, 'API-9 X-API-Key on the proxy');
is(api(GET => "$proxy/contacts?limit=1", headers => { 'x-api-key' => $third->{api_key} })->{status}, 200, 'API-9 in any case');
is(api(GET => "$proxy/contacts?limit=1", bearer => $jwt)->{status}, 200, 'API-12 or a session\'s token');
is_deeply([map { $_->{organization_id} } @{ get($third->{api_key}, 'contacts?limit=1&select=organization_id')->{json} }], [$org],
	'API-18 it belongs to the organization that made it');
for my $how ([apikey => $third->{api_key}], [apikey => $anon, bearer => $third->{api_key}]) {
	is(api(GET => '/rest/v1/contacts?limit=1', @$how)->{status}, 401, 'API-15 tables do not take it as ' . $how->[-2]);
}
$r = api(GET => '/rest/v1/contacts');
is_deeply([@{ $r->{json} }{qw(message hint)}],
	['No API key found in request', 'No `apikey` request header or url param was found.'], 'API-14 no key at all, in these words');
is(api(GET => "/rest/v1/contacts?limit=1&apikey=$anon", headers => { Authorization => "Bearer $jwt" })->{status}, 200,
	'API-14 API-10 API-11 the public key as parameter, with a user\'s token');
is(body(get('cg_nobody')), '401 Invalid or expired API key', 'API-16 an unknown key');
is(api(GET => '/functions/v1/rest-api-proxy', key => $third->{api_key})->{json}{message}, 'Invalid URL format', 'API-17 no table named');
is(psql("select last_used_at > now() - interval '1 minute', last_used_ip from api_keys where id = '$third->{id}'"), 't|127.0.0.1',
	'SET-41 its last use, and from where');

# ---- what it may -----------------------------------------------------------------------------

my $talk = psql("select id from conversations where organization_id = '$org' limit 1");
cmp_ok(scalar @{ get($third->{api_key}, 'messages?limit=2')->{json} }, '>', 0, 'a whole key reads messages');
is_deeply(get($narrow->{api_key}, 'messages?limit=2')->{json}, [], 'API-19 without can_read_messages there are none');
my $silent = make_key(name => "$mark silent", permissions => { can_send_messages => \0, can_read_messages => \1 })->{json};
$r = api(POST => "$proxy/messages", key => $silent->{api_key}, json => { conversation_id => $talk, content => $mark, direction => 'OUTBOUND' });
is($r->{status}, 403, 'API-19 without can_send_messages it sends none');
is(psql("select count(*) from messages where content = '$mark'"), 0, 'and none is there');
is(api(POST => "$proxy/messages", key => $third->{api_key}, json => { conversation_id => $talk, content => $mark, direction => 'OUTBOUND' })->{status},
	201, 'API-19 with it, it does');

my $reader = make_key(name => "$mark reader", permissions => { can_read_messages => \1, read_only => \1 })->{json};
is(get($reader->{api_key})->{status}, 200, 'a key for reading reads');
$r = api(POST => "$proxy/contacts", key => $reader->{api_key}, json => { first_name => $mark });
like(body($r), qr/^403 .*read-only/, 'and changes nothing');
is(psql("select count(*) from contacts where first_name = '$mark'"), 0, 'nothing was written');

# ---- from where --------------------------------------------------------------------------------

my $here = make_key(name => "$mark here", allowed_ips => ['127.0.0.2', '10.1.2.3/8'])->{json};
is(psql("select allowed_ips from api_keys where id = '$here->{id}'"), '{127.0.0.2/32,10.0.0.0/8}', 'addresses and ranges are kept');
is(body(get($here->{api_key})), '403 This API key may not be used from the address 127.0.0.1', 'from elsewhere it is refused in words');
is(get($here->{api_key}, undef, from => '127.0.0.2')->{status}, 200, 'from a listed address it works');
is(make_key(name => 'x', allowed_ips => ['somewhere'])->{status}, 400, 'what is no address is refused');

# ---- its end --------------------------------------------------------------------------------------

psql("update api_keys set expires_at = now() - interval '1 second' where id = '$narrow->{id}'");
is(body(get($narrow->{api_key})), '401 Invalid or expired API key', 'API-16 SET-42 an expired key');
is(api(PATCH => "/rest/v1/api_keys?id=eq.$third->{id}", apikey => $anon, bearer => $jwt, json => { is_active => \0 })->{status} =~ /^20/ ? 1 : 0, 1,
	'SET-41 an administrator revokes one');
is(body(get($third->{api_key})), '401 Invalid or expired API key', 'API-16 SET-42 refused at once');
is(api(PATCH => "/rest/v1/api_keys?id=eq.$third->{id}", apikey => $anon, bearer => $jwt, json => { is_active => \1 })->{status}, 409,
	'and never wakes again');
is(api(GET => "/rest/v1/api_keys?select=*&limit=1", apikey => $anon, bearer => $jwt)->{json}[0]{key_hash}, undef, 'its hash is read by nobody');

# ---- keys of a user -----------------------------------------------------------------------------------

my $own = api(POST => $make, bearer => $agent_jwt, json => { name => "$mark own", type => 'ck_live' })->{json};
like($own->{api_key}, qr/^ck_live_[\w-]{20,}$/, 'CAP-1 CAP-4 everybody makes keys of his own');
is(body(get($own->{api_key})), '401 Invalid or expired API key', 'a key of the one API is none of the other');
my $agent_id = psql("select user_id from api_keys where id = '$own->{id}'");
is(psql("begin; select auth.begin_api_key(encode(sha256('$own->{api_key}'), 'hex'), '127.0.0.1');
	select auth.uid(), auth.app_role(); rollback"), "authenticated\n$agent_id|AGENT", 'CAP-3 it acts with the rights of its user');
psql("update profiles set is_active = false where id = '$agent_id'");
is(psql("do \$\$ begin perform auth.begin_api_key(encode(sha256('$own->{api_key}'), 'hex'), '127.0.0.1');
	exception when others then if sqlstate <> '28000' then raise; end if; set kontor.refused = 'yes'; end \$\$;
	select current_setting('kontor.refused', true)"), 'yes', 'CAP-3 and ends with him');
psql("update profiles set is_active = true where id = '$agent_id'");
is_deeply([map { $_->{name} } @{ api(GET => '/rest/v1/api_keys', apikey => $anon, bearer => $agent_jwt)->{json} }], ["$mark own"],
	'others\' keys he does not see');

psql("delete from api_keys where name like '$mark%' or name = 'x'");
done_testing;
