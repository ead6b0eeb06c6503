#!/usr/bin/perl
# The log of what was done: who, when, from where, before and after; who may
# read it, and that nobody changes it. Sessions and their end; from where one
# may sign in.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine  = tenant(0);
my $other = tenant(1);
my $org   = $mine->{organization_id};
my $anon  = kontor_json()->{anon_key};
my $proxy = '/functions/v1/rest-api-proxy';
my $mark  = "audit$$";

my ($owner) = grep { $_->{role} eq 'OWNER' } @{ $mine->{users} };
my ($agent) = grep { $_->{role} eq 'AGENT' } @{ $mine->{users} };

sub sign_in {
	my ($user, %o) = @_;
	return api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $user->{email}, password => $o{password} // $user->{password} }, %o);
}
my $jwt       = sign_in($owner)->{json}{access_token};
my $agent_jwt = sign_in($agent)->{json}{access_token};
my $owner_id  = psql("select id from profiles where organization_id = '$org' and email = '$owner->{email}'");

sub as { my ($token, $method, $path, %o) = @_; return api($method, "/rest/v1/$path", apikey => $anon, bearer => $token, %o) }
# The entries of a record, oldest first.
sub entries {
	my ($id, $token) = @_;
	my $r = as($token // $jwt, GET => "audit_log?record_id=eq.$id&order=id.asc");
	return $r->{json};
}

# ---- records ----------------------------------------------------------------------

my $contact = as($jwt, POST => 'contacts', json => { first_name => 'Lena', last_name => $mark },
	headers => { Prefer => 'return=representation' })->{json}[0];
as($jwt, PATCH => "contacts?id=eq.$contact->{id}", json => { first_name => 'Lea', tags => ['vip'] });
api(PATCH => "$proxy/contacts?id=eq.$contact->{id}", key => $mine->{api_key}, json => { source => 'fair' });
as($jwt, DELETE => "contacts?id=eq.$contact->{id}");
my $log = entries($contact->{id});
is_deeply([map { $_->{action} } @$log], [qw(contact.created contact.updated contact.updated contact.deleted)],
	'ADM-28 AUTH-100 created, updated and deleted are in the log');
my ($made, $changed, $by_key, $gone) = @$log;
is($changed->{user_id}, $owner_id, 'ADM-29 with the user');
is($changed->{user_name}, "$owner->{first_name} $owner->{last_name}", 'and his name') if $owner->{first_name};
like($changed->{created_at}, qr/^\d{4}-\d\d-\d\dT/, 'ADM-29 the time');
is($changed->{ip_address}, '127.0.0.1', 'ADM-29 the address');
is_deeply($changed->{before}, { first_name => 'Lena', tags => [] }, 'ADM-29 what was there before');
is_deeply($changed->{after}, { first_name => 'Lea', tags => ['vip'] }, 'ADM-29 and after');
is($made->{after}{last_name}, $mark, 'of a new record all of it');
is($gone->{before}{first_name}, 'Lea', 'and of one that is gone what it was');
is($by_key->{user_id}, undef, 'a program is no user');
is($by_key->{api_key_name}, 'Demo', 'its key is named');

# ---- administration ------------------------------------------------------------------

my $agent_id = psql("select id from profiles where organization_id = '$org' and email = '$agent->{email}'");
psql("update user_roles set role = 'TEAM_ADMIN' where organization_id = '$org' and user_id = '$agent_id';
	update user_roles set role = 'AGENT' where organization_id = '$org' and user_id = '$agent_id'");
my ($role) = grep { $_->{action} eq 'role.updated' } @{ entries($agent_id) };
is_deeply([$role->{before}{role}, $role->{after}{role}], ['AGENT', 'TEAM_ADMIN'], 'AUTH-101 ADM-28 a changed role is recorded, before and after');
my $key = api(POST => '/functions/v1/generate-api-key', bearer => $jwt, json => { name => $mark })->{json};
as($jwt, PATCH => "api_keys?id=eq.$key->{id}", json => { is_active => \0 });
$log = entries($key->{id});
is_deeply([map { $_->{action} } @$log], [qw(api_key.created api_key.updated)], 'AUTH-100 a new key and its end');
unlike(psql("select string_agg(data::text || coalesce(changes::text, ''), '') from events where record_id = '$key->{id}'"),
	qr/key_hash|\Q$key->{api_key}/, 'neither the key nor its hash is in the log');
psql("update webhook_configurations set secret = secret where false");
my $hook = as($jwt, POST => 'webhook_configurations', json => { url => 'https://audit.invalid/', events => ['deal.created'], secret => $mark },
	headers => { Prefer => 'return=representation' })->{json}[0]{id};
is(scalar @{ entries($hook) }, 1, 'ADM-28 a connected system');
unlike(psql("select data::text from events where record_id = '$hook'"), qr/"secret"|v1\./, 'without its secret');
as($jwt, DELETE => "webhook_configurations?id=eq.$hook");

# ---- signing in --------------------------------------------------------------------------

sign_in($agent, password => 'wrong', from => '127.0.0.9');
my ($failed) = as($jwt, GET => "audit_log?action=eq.user.sign_in_failed&record_id=eq.$agent_id&order=id.desc&limit=1")->{json}[0];
is($failed->{record_name} =~ /\S/ ? 1 : 0, 1, 'AUTH-100 an attempt with a wrong password');
is($failed->{ip_address}, '127.0.0.9', 'AUTH-100 and from where');
my $signed = as($jwt, GET => "audit_log?action=eq.user.signed_in&user_id=eq.$owner_id&order=id.desc&limit=1")->{json}[0];
is($signed->{ip_address}, '127.0.0.1', 'AUTH-100 signing in, with the address');

# ---- who reads, and that nobody writes ------------------------------------------------------

is_deeply(entries($contact->{id}, $agent_jwt), [], 'an agent reads no audit log');
is_deeply(as($agent_jwt, GET => 'events?record_type=eq.role')->{json}, [], 'nor what is beneath it');
is(as($agent_jwt, GET => 'events?select=remote_addr&limit=1')->{status} >= 400 ? 1 : 0, 1, 'nor colleagues\' addresses');
my ($stranger) = grep { $_->{role} eq 'OWNER' } @{ $other->{users} };
is_deeply(entries($contact->{id}, sign_in($stranger)->{json}{access_token}), [], 'nor another organization');
for my $try ([PATCH => 'events?id=eq.' . $made->{id}, { type => 'x' }], [DELETE => 'events?id=eq.' . $made->{id}],
	[PATCH => 'audit_log?id=eq.' . $made->{id}, { action => 'x' }], [DELETE => 'audit_log?id=eq.' . $made->{id}]) {
	my ($method, $path, $body) = @$try;
	cmp_ok(as($jwt, $method => $path, $body ? (json => $body) : ())->{status}, '>=', 400, "the owner cannot $method " . $path =~ s/\?.*//r);
}
for my $sql ("update events set data = '{}' where id = '$made->{id}'", "delete from events where id = '$made->{id}'") {
	is(psql("do \$\$ begin $sql; exception when others then set kontor.refused = 'yes'; end \$\$;
		select current_setting('kontor.refused', true)"), 'yes', 'AUTH-100 not even the database\'s owner by mistake: ' . ($sql =~ /^(\w+)/)[0]);
}

# ---- sessions ------------------------------------------------------------------------------------

my $session = psql("select id from auth.sessions where user_id = '$agent_id' and expires_at > now() order by created_at desc limit 1");
is(as($agent_jwt, GET => 'contacts?limit=1')->{status}, 200, 'a session works');
is(psql("select set_config('request.jwt.claims', '{\"organization_id\": \"$org\", \"sub\": \"$owner_id\", \"app_role\": \"OWNER\"}', false);
	select count(*) from internal.sessions() where id = '$session'; select internal.session_revoke('$session')") =~ /^1$/m ? 1 : 0, 1,
	'ADM-31 an administrator sees it and ends it');
is(as($agent_jwt, GET => 'contacts?limit=1')->{status}, 401, 'ADM-32 its next request is signed out');
my ($ended) = as($jwt, GET => "audit_log?action=eq.user.session_ended&record_id=eq.$agent_id&order=id.desc&limit=1")->{json}[0];
is($ended->{user_id}, $owner_id, 'ADM-28 and the log says who ended it');

# ---- from where ----------------------------------------------------------------------------------------

my $rule = as($jwt, POST => 'ip_ranges', json => { range => '10.0.0.0/8' });
is($rule->{status}, 409, 'a list without one\'s own address is refused');
like($rule->{json}{message}, qr/127\.0\.0\.1 would not be in the list/, 'in words');
is(as($jwt, POST => 'ip_ranges', json => { range => '127.0.0.1/32', label => $mark })->{status}, 201, 'ADM-30 a list with it is kept');
is(as($agent_jwt = sign_in($agent)->{json}{access_token}, GET => 'ip_ranges')->{status}, 403, 'administrators\' alone');
is(psql("select internal.address_allowed('$org', '127.0.0.1'), internal.address_allowed('$org', '127.0.0.9'),
	internal.address_allowed('$org', 'unix:'), internal.address_allowed('$other->{organization_id}', '127.0.0.9')"), 't|f|f|t',
	'ADM-30 addresses outside of it are not allowed');
my $elsewhere = sign_in($owner, from => '127.0.0.9');
is($elsewhere->{status}, 403, 'ADM-30 signing in from elsewhere is refused');
is(sign_in($owner)->{status}, 200, 'ADM-30 from there it is not');
is(api(GET => "$proxy/contacts?limit=1", key => $mine->{api_key}, from => '127.0.0.9')->{status}, 200, 'keys are not asked');
as($jwt, PATCH => "organizations?id=eq.$org", json => { restrict_keys_by_ip => \1 });
my $r = api(GET => "$proxy/contacts?limit=1", key => $mine->{api_key}, from => '127.0.0.9');
is($r->{status}, 403, 'unless the organization says so');
like($r->{json}{message}, qr/no API keys from the address 127\.0\.0\.9/, 'in words');
is(api(GET => "$proxy/contacts?limit=1", key => $mine->{api_key})->{status}, 200, 'then from listed ones only');
is(kontor()->kontor('ip', 'reset', '--tenant', $org) =~ /"ranges_removed" : 1|"ranges_removed": 1/ ? 1 : 0, 1, 'ADM-30 the command line opens the door again');
is(psql("select internal.address_allowed('$org', '127.0.0.9'), restrict_keys_by_ip from organizations where id = '$org'"), 't|f', 'for keys as well');

done_testing;
