#!/usr/bin/perl
# Organizations, invitations, members, permissions and the plan over the API.
use strict;
use warnings;
use Kontor;
use Test::More;

my ($A, $B) = (tenant(0), tenant(1));
my $anon = kontor_json()->{anon_key};
my $mark = "tm$$";
my ($org, $foreign) = ($A->{organization_id}, $B->{organization_id});

sub token {
	my ($email, $password) = @_;
	return api(POST => '/auth/v1/token?grant_type=password', apikey => $anon, json => { email => $email, password => $password });
}
sub of { my $r = token($_[0]{email}, $_[0]{password}); return $r->{json}{access_token} // die "no token: $r->{content}\n" }
sub call { my ($method, $name, %o) = @_; return api($method, "/functions/v1/$name", %o) }
sub rest { my ($method, $path, $token, %o) = @_; return api($method, "/rest/v1/$path", apikey => $anon, bearer => $token, %o) }
sub rpc { my ($name, $token, $args) = @_; return rest(POST => "rpc/$name", $token, json => $args // {}) }
sub shown { return "$_[0]{status} " . ($_[0]{json} && ref $_[0]{json} eq 'HASH' ? $_[0]{json}{code} // '' : '') }

my ($owner) = grep { $_->{role} eq 'OWNER' } @{ $A->{users} };
my ($alien) = grep { $_->{role} eq 'OWNER' } @{ $B->{users} };
my $mine    = of($owner);
my $theirs  = of($alien);

# A member of our own, whom the tests may change.
sub member {
	my ($name, $role) = @_;
	my %u = (email => "$name.$mark\@team.example", password => 'long enough', role => $role);
	my ($out) = kontor()->kontor('user', 'create', '--tenant', $org, '--email', $u{email}, '--password', $u{password}, '--role', $role,
		'--first-name', ucfirst $name);
	$u{id} = json_decode($out)->{user_id};
	return \%u;
}
my $agent = member(agent => 'AGENT');
my $at    = of($agent);

# ---- organizations ------------------------------------------------------------------------

my $r = call(GET => 'list-organizations', key => $A->{api_key});
is($r->{status}, 200, 'API-89 list-organizations by key') or diag $r->{content};
is_deeply([sort grep { /^(?:id|name|hasAppgainCredentials)$/ } keys %{ $r->{json}{organizations}[0] }],
	[qw(hasAppgainCredentials id name)], 'API-89 with the keys as printed');
is("$r->{json}{count} $r->{json}{organizations}[0]{id}", "1 $org", 'API-89 a key has its own organization, and the count');
$r = call(GET => 'list-organizations', apikey => $anon, bearer => $mine);
is(join(' ', map { $_->{id} } @{ $r->{json}{organizations} }), $org, 'API-89 and by access token');
is(shown(call(GET => 'list-organizations', apikey => $anon)), '401 AUTHENTICATION_FAILED', 'the public key has none');

$r = rpc(create_organization => $mine, { name => "Second $mark", timezone => 'Europe/Berlin', currency => 'EUR' });
is($r->{status}, 200, 'AUTH-59 API-107 a user makes another organization') or diag $r->{content};
my $second = $r->{json};
is(psql("select o.slug || ' ' || o.timezone || ' ' || r.role from organizations o join user_roles r on r.organization_id = o.id where o.id = '$second'"),
	"second-$mark Europe/Berlin OWNER", 'AUTH-59 and is its owner');
$r = call(GET => 'list-organizations', bearer => $mine);
is($r->{json}{count}, 2, 'AUTH-58 now he has two');
$r = call(POST => 'switch-organization', bearer => $mine, json => { organizationId => $second });
is("$r->{status} $r->{json}{success} $r->{json}{organizationId}", "200 1 $second", 'AUTH-58 switch-organization') or diag $r->{content};
is(rest(GET => 'contacts?select=id', $mine)->{content}, '[]', 'AUTH-58 AUTH-22 the same token opens the other organization');
is(rest(GET => 'organizations?select=id', $mine)->{json}[0]{id}, $second, 'AUTH-58 which is the active one');
$r = rest(PATCH => "organizations?id=eq.$second", $mine, json => { name => "Renamed $mark", slug => "renamed-$mark", currency => 'CHF', timezone => 'Asia/Tokyo',
	business_hours => { mon => [['09:00', '17:00']] } }, headers => { Prefer => 'return=representation' });
is("$r->{status} $r->{json}[0]{slug} $r->{json}[0]{currency} $r->{json}[0]{timezone}", "200 renamed-$mark CHF Asia/Tokyo",
	'AUTH-59 AUTH-60 name, slug, currency, zone and hours are changed') or diag $r->{content};
is(shown(rest(PATCH => "organizations?id=eq.$second", $mine, json => { timezone => 'Mars/North' })), '400 VALIDATION_ERROR', 'AUTH-59 a zone has to exist');
is(shown(rest(PATCH => "organizations?id=eq.$second", $mine, json => { settings => { apiKey => 'x' } })), '400 VALIDATION_ERROR',
	'AUTH-61 credentials do not go into settings');
$r = rest(POST => 'provider_credentials', $mine, json => { provider => 'appgain', value => "secret $mark" }, headers => { Prefer => 'return=representation' });
is($r->{status}, 201, 'AUTH-61 they have a table of their own') or diag $r->{content};
unlike($r->{content}, qr/secret $mark/, 'AUTH-61 which does not show them');
like(psql("select value from provider_credentials where organization_id = '$second'"), qr/^v1\.(?!.*$mark)/, 'AUTH-61 and keeps them sealed');
my ($entry) = grep { $_->{id} eq $second } @{ call(GET => 'list-organizations', bearer => $mine)->{json}{organizations} };
ok($entry->{hasAppgainCredentials}, 'API-89 CHA-53 hasAppgainCredentials: a gateway is configured');
is(shown(rpc(delete_organization => $mine, { confirm_name => 'no' })), '400 VALIDATION_ERROR', 'AUTH-59 deleting takes the name');
is(shown(call(POST => 'switch-organization', bearer => $mine, json => { organizationId => $foreign })), '403 INSUFFICIENT_PERMISSIONS',
	'AUTH-58 AUTH-78 only into an organization that one belongs to');
is(shown(call(POST => 'switch-organization', bearer => $mine, json => {})), '400 VALIDATION_ERROR', 'AUTH-58 which has to be named');
is(shown(call(POST => 'switch-organization', key => $A->{api_key}, json => { organizationId => $org })), '403 INSUFFICIENT_PERMISSIONS', 'a key does not switch');
is(rpc(delete_organization => $mine, { confirm_name => "Renamed $mark" })->{status}, 204, 'AUTH-59 and the owner may');
is(psql("select count(*) from organizations where id = '$second'"), 0, 'AUTH-59 then it is gone');
$mine = of($owner);
is(rest(GET => 'organizations?select=id', $mine)->{json}[0]{id}, $org, 'he is in the first one again');

# ---- invitations -------------------------------------------------------------------------

sub invite { my ($email, %o) = @_; return call(POST => 'send-invitation-email', bearer => $o{as} // $mine,
	json => { email => $email, role => $o{role} // 'AGENT', %{ $o{body} // {} } }) }
sub mailed { my $email = shift; psql("select payload ->> 'text' from job.jobs where kind = 'mail' and payload ->> 'to' = '$email' order by id desc limit 1") =~ m{/invitation/(\S+)} ? $1 : '' }
sub join_by { my ($token, %o) = @_; return call(POST => 'accept-invitation', ($o{as} ? (bearer => $o{as}) : ()),
	json => { token => $token, password => 'a good password', first_name => 'John', last_name => 'Doe', %{ $o{body} // {} } }) }

my $new = "new.$mark\@team.example";
$r = invite(uc $new, body => { organization_id => $org });
is($r->{status}, 200, 'AUTH-85 send-invitation-email') or diag $r->{content};
is("$r->{json}{success} $r->{json}{invitation}{email} $r->{json}{invitation}{role}", "1 $new AGENT", 'AUTH-85 says who was invited as what');
my ($copied) = $r->{json}{invitation_url} =~ m{/invitation/([\w-]{43})$};
ok($copied, 'AUTH-86 with the link to copy');
my $link = mailed($new);
like($link, qr/^\Q$copied\E\../, 'AUTH-86 the mail is in the queue, with the link');
like(psql("select payload ->> 'html' from job.jobs where kind = 'mail' and payload ->> 'to' = '$new'"), qr/\Q$link\E/, 'AUTH-86 as text and as HTML');
cmp_ok(psql("select abs(extract(epoch from expires_at - now() - interval '7 days')) from invitations where email = '$new'"), '<', 60, 'AUTH-88 it is valid for seven days');
is(psql("select count(*) from invitations where to_jsonb(invitations)::text like '%$copied%'"), 0, 'AUTH-88 and the token is not stored as it is');
$r = rest(GET => "invitations?select=email,role,state,expires_at&email=eq.$new", $mine);
is("$r->{json}[0]{email} $r->{json}[0]{state}", "$new pending", 'AUTH-87 it is in the pending list') or diag $r->{content};
is(shown(rest(GET => "invitations?select=email", $at)), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-78 which an agent does not see');
is(rest(GET => "invitations?select=token", $mine)->{status}, 403, 'AUTH-88 nobody reads the token back');

is(shown(invite("x.$mark\@team.example", as => $at)), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-78 an agent invites nobody');
is(shown(invite("x.$mark\@team.example", body => { organizationId => $foreign })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-22 nor anybody into another organization');
is(shown(invite("x.$mark\@team.example", role => 'OWNER')), '400 VALIDATION_ERROR', 'AUTH-85 there are four roles to invite to');
is(shown(invite('nonsense')), '400 VALIDATION_ERROR', 'AUTH-85 an address is an address');
is(shown(invite($agent->{email})), '409 CONFLICT', 'AUTH-85 a member is not invited again');
is(invite("y.$mark\@team.example", body => { organizationId => $org })->{status}, 200, 'AUTH-85 the other spelling of the organization');

is(shown(join_by('nothing')), '404 RESOURCE_NOT_FOUND', 'AUTH-88 an unknown link');
is(shown(join_by($copied, body => { password => 'short' })), '400 VALIDATION_ERROR', 'AUTH-89 AUTH-26 a password of eight characters');
is(shown(join_by($copied, body => { email => 'other@team.example' })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-89 the address it was sent to');
$r = join_by($link, body => { email => $new });
is("$r->{status} $r->{json}{success} $r->{json}{organization_id} $r->{json}{role}", "200 1 $org AGENT", 'API-90 AUTH-90 accept-invitation joins') or diag $r->{content};
is(psql("select p.first_name || ' ' || p.last_name || ' ' || r.role || ' ' || p.is_active || ' ' || (u.email_confirmed_at is not null) || ' ' || p.onboarding_completed
	from profiles p join user_roles r on r.user_id = p.id join auth.users u on u.id = p.id where p.id = '$r->{json}{user_id}'"), 'John Doe AGENT true true true',
	'API-90 AUTH-90 account, profile, role, and the address is confirmed by the mail');
$r = token($new, 'a good password');
is($r->{status}, 200, 'AUTH-89 he signs in with the password that he set') or diag $r->{content};
is(rest(GET => 'contacts?select=id&limit=1', $r->{json}{access_token})->{status}, 200, 'AUTH-90 and has access');
is(shown(join_by($link)), '409 CONFLICT', 'AUTH-88 a link works once');

invite("copy.$mark\@team.example")->{json}{invitation_url} =~ m{/([^/]+)$};
is(join_by($1)->{status}, 200, 'AUTH-89 by the copied link, too');
is(psql("select email_confirmed_at is null from auth.users where email = 'copy.$mark\@team.example'"), 't', 'AUTH-7 which does not prove whose the address is');

my $late = "late.$mark\@team.example";
invite($late);
my $first = mailed($late);
psql("update invitations set expires_at = now() - interval '1 minute' where email = '$late'");
is(shown(join_by($first)), '410 GONE', 'AUTH-88 an expired link is refused');
invite($late, role => 'PROJECT_MANAGER');
isnt(mailed($late), $first, 'AUTH-88 inviting again gives a fresh one');
is(shown(join_by($first)), '404 RESOURCE_NOT_FOUND', 'AUTH-88 and the old one is none any more');
my $id = psql("select id from invitations where email = '$late'");
is(shown(rpc(cancel_invitation => $theirs, { invitation => $id })), '404 RESOURCE_NOT_FOUND', 'AUTH-22 another tenant does not cancel it');
is(rpc(cancel_invitation => $mine, { invitation => $id })->{status}, 204, 'AUTH-87 cancelled');
is(shown(join_by(mailed($late))), '410 GONE', 'AUTH-87 its link is refused');

# Somebody who has an account already, in another organization.
invite($alien->{email}, role => 'ADMIN');
$link = mailed($alien->{email});
is(shown(join_by($link, body => { password => 'wrong password' })), '401 AUTHENTICATION_FAILED', 'AUTH-89 the link alone opens no account');
is(shown(join_by($link, as => $mine, body => { password => undef })), '401 AUTHENTICATION_FAILED', 'AUTH-89 nor does somebody else\'s token');
$r = join_by($link, as => $theirs, body => { password => undef, first_name => undef, last_name => undef });
is("$r->{status} $r->{json}{role}", '200 ADMIN', 'AUTH-89 his own does') or diag $r->{content};
is(call(GET => 'list-organizations', bearer => $theirs)->{json}{count}, 2, 'AUTH-58 then he has two organizations');
is(call(POST => 'switch-organization', bearer => $theirs, json => { organizationId => $org })->{status}, 200, 'AUTH-58 and goes to this one');
is(rest(GET => 'user_roles?select=role&user_id=eq.' . psql("select id from auth.users where email = '$alien->{email}'"), $theirs)->{json}[0]{role}, 'ADMIN',
	'AUTH-90 as what he was invited to');
call(POST => 'switch-organization', bearer => $theirs, json => { organizationId => $foreign });
is(rest(GET => 'organizations?select=id', $theirs)->{json}[0]{id}, $foreign, 'and back');

invite("many$_.$mark\@team.example") for 1 .. 20;
is(psql("select count(*) from invitations where email like 'many%.$mark\@team.example' and state = 'pending'"), 20, 'AUTH-91 twenty are open at once');
is(rpc(team_statistics => $mine)->{json}{pending_invitations}, psql("select count(*) from invitations where organization_id = '$org' and state = 'pending' and expires_at > now()"),
	'AUTH-82 AUTH-91 and are counted');

# ---- permissions ---------------------------------------------------------------------------

is(rest(GET => 'deals?select=id&limit=1', $at)->{status}, 200, 'AUTH-65 an agent reads deals');
$r = rest(PATCH => "profiles/$agent->{id}", $mine, json => { permissions => { can_access_crm => JSON::PP::false, can_access_pm => JSON::PP::true } });
cmp_ok($r->{status}, '<', 300, 'AUTH-71 the owner patches profiles/{id}') or diag $r->{content};
$r = rest(GET => 'deals?select=id&limit=1', $at);
is(shown($r), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-73 AUTH-78 AUTH-79 the same token is refused at once');
like("$r->{json}{error} $r->{json}{hint}", qr/deals.*can_access_crm/, 'AUTH-78 and told what is missing');
is(shown(rest(POST => 'contacts', $at, json => { first_name => 'x' })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-79 writing, too');
is(rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => {} })->{status}, 204, 'AUTH-71 and by profiles?id=eq.');
is(rest(GET => 'deals?select=id&limit=1', $at)->{status}, 200, 'AUTH-73 he reads them again');
is(shown(rest(PATCH => "profiles?id=eq.$agent->{id}", $at, json => { permissions => { can_manage_team => JSON::PP::true } })), '403 INSUFFICIENT_PERMISSIONS',
	'AUTH-71 nobody patches his own permissions');
is(shown(rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => { can_fly => JSON::PP::true } })), '400 VALIDATION_ERROR', 'AUTH-71 nor ones that do not exist');
$r = rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { role => 'ADMIN' });
is($r->{status}, 400, 'AUTH-68 a profile has no role to patch');
is(psql("select role from user_roles where user_id = '$agent->{id}'"), 'AGENT', 'AUTH-68 it stays');
is(shown(rest(PATCH => "user_roles?user_id=eq.$agent->{id}", $at, json => { role => 'ADMIN' })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-68 nor does he give himself one');
is(shown(rest(PATCH => "organizations?id=eq.$org", $at, json => { name => 'x' })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-79 settings are not an agent\'s');
is(rpc(my_access => $at)->{json}{role}, 'AGENT', 'AUTH-74 everybody asks what he may');
ok(!grep({ /^(?:settings|campaigns)$/ } @{ rpc(my_access => $at)->{json}{areas} }), 'AUTH-74 ADM-6 an agent\'s menu has no settings and campaigns');
is(psql("select count(*) from events where type = 'member.updated' and record_id = '$agent->{id}' and changes ? 'new_permissions'"), 2, 'AUTH-101 changes of permissions are recorded');

# The same in the pages and their menu.
my $page = browser(email => $agent->{email}, password => $agent->{password});
sub opened { my $r = $page->get($_[0]); return "$r->{status} " . join ' ', grep { $r->{content} =~ /href="\/$_" data-nav/ } qw(inbox contacts deals quotes) }
is(opened('/deals'), '200 inbox contacts deals quotes', 'AUTH-74 the menu of an agent');
rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => { can_access_crm => JSON::PP::false } });
is(opened('/deals'), '403 ', 'AUTH-73 AUTH-79 without the CRM its pages are closed, in the session that is open');
is(opened('/inbox'), '200 inbox', 'AUTH-74 and are not in the menu');
is($page->post('/contacts/new', { first_name => "Closed $mark" })->{status}, 403, 'AUTH-79 nor does a form do it');
is(psql("select count(*) from contacts where first_name = 'Closed $mark'"), 0, 'AUTH-79 nothing is written');
like($page->get('/inbox')->{content}, qr/Mariam/, 'AUTH-65 who one writes with has a name in the inbox');
rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => { can_see_assigned_conversations => JSON::PP::false } });
is(opened('/inbox'), '403 ', 'AUTH-73 AUTH-79 so is the inbox without its flag');
is(opened('/contacts'), '200 contacts deals quotes', 'AUTH-74 while the rest is there');
rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => {} });

# ---- hours -----------------------------------------------------------------------------------

psql("delete from login_schedules where user_id = '$agent->{id}'");
rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => { restrict_login_to_schedule => JSON::PP::true } });
$r = token($agent->{email}, $agent->{password});
is(shown($r), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-20 outside his hours he does not sign in');
like($r->{json}{message}, qr/working hours/, 'AUTH-20 and is told why');
my $visitor = browser();
$visitor->get('/login');
like($visitor->submit('/login', { email => $agent->{email}, password => $agent->{password} })->{content}, qr/working hours/, 'AUTH-20 on the page, too');
$r = rest(POST => 'login_schedules', $mine, json => [map { { user_id => $agent->{id}, weekday => $_, start_time => '00:00', end_time => '24:00' } } 0 .. 6]);
is($r->{status}, 201, 'AUTH-95 hours day by day') or diag $r->{content};
is(token($agent->{email}, $agent->{password})->{status}, 200, 'AUTH-20 inside them he does');
is(shown(rest(POST => 'login_schedules', $at, json => { user_id => $agent->{id}, weekday => 1 })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-95 which he does not set himself');
rest(PATCH => "login_schedules?user_id=eq.$agent->{id}", $mine, json => { enabled => JSON::PP::false });
is(shown(token($agent->{email}, $agent->{password})), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-95 a day that is not enabled is closed');
rest(PATCH => "profiles?id=eq.$agent->{id}", $mine, json => { permissions => {} });
is(token($agent->{email}, $agent->{password})->{status}, 200, 'AUTH-20 without the switch the schedule binds nobody');

sub eligible { return scalar grep { $_->{user_id} eq $agent->{id} } @{ rpc(assignable_members => $mine, { kind => 'conversations', at => $_[0] })->{json} } }
ok(!eligible('2026-03-02T14:00:00Z'), 'AUTH-95 without slots the schedule tells who is there');
rest(DELETE => "login_schedules?user_id=eq.$agent->{id}", $mine);
ok(eligible('2026-03-02T14:00:00Z'), 'AUTH-93 without either he always gets work');
$r = rest(POST => 'availability_slots', $mine, json => [{ user_id => $agent->{id}, timezone => 'America/New_York', weekdays => [1, 2, 3], start_time => '09:00', end_time => '12:00' },
	{ user_id => $agent->{id}, timezone => 'America/New_York', weekdays => [1], start_time => '13:00', end_time => '17:00' }]);
is($r->{status}, 201, 'AUTH-92 several slots with days, hours and zone') or diag $r->{content};
ok(eligible('2026-03-02T14:00:00Z'),  'AUTH-92 AUTH-93 Monday nine in New York');
ok(!eligible('2026-03-02T13:59:00Z'), 'AUTH-93 not a minute earlier');
ok(!eligible('2026-03-02T17:30:00Z'), 'AUTH-93 nor between two slots');
ok(eligible('2026-03-02T18:00:00Z'),  'AUTH-92 the second slot');
ok(!eligible('2026-03-07T15:00:00Z'), 'AUTH-94 Saturday has none');
is(shown(rest(POST => 'availability_slots', $mine, json => { user_id => $agent->{id}, timezone => 'Mars/North', weekdays => [1], start_time => '09:00', end_time => '12:00' })),
	'400 VALIDATION_ERROR', 'AUTH-92 a zone that exists');
psql("update user_roles set role = 'PROJECT_MANAGER' where user_id = '$agent->{id}'");
ok(!eligible('2026-03-02T14:00:00Z'), 'AUTH-66 AUTH-93 never a project manager');
psql("update user_roles set role = 'AGENT' where user_id = '$agent->{id}'");

# ---- leaving ------------------------------------------------------------------------------------

my $mate = member(mate => 'AGENT');
my $contact = psql("insert into contacts (organization_id, first_name, assignee_id) values ('$org', 'Of $mark', '$agent->{id}') returning id");
my $deal = psql("insert into deals (organization_id, title, owner_id, contact_id) values ('$org', 'Of $mark', '$agent->{id}', '$contact') returning id");
my $lead = psql("insert into leads (organization_id, name, owner_id) values ('$org', 'Of $mark', '$agent->{id}') returning id");
my $talk = psql("insert into conversations (organization_id, assignee_id, contact_id) values ('$org', '$agent->{id}', '$contact') returning id");
my ($load) = grep { $_->{user_id} eq $agent->{id} } @{ rpc(agent_workload => $mine)->{json} };
is("$load->{open_conversations} $load->{active_tasks} $load->{capacity_percent}", '1 0 4', 'AUTH-96 workload: one conversation is 4 % of 25');
ok(exists $load->{is_available} && $load->{role} eq 'AGENT', 'AUTH-96 with the availability');
is_deeply(rpc(member_work => $mine, { member => $agent->{id} })->{json}, { conversations => 1, deals => 1, leads => 1, tasks => 0, contacts => 1 },
	'AUTH-99 what is assigned to him, by kind');
is(shown(rpc(member_work => $at, { member => $agent->{id} })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-79 counted for managers');
is(rpc(reassign_work => $mine, { member => $agent->{id}, kind => 'deals', to_member => $mate->{id} })->{json}, 1, 'AUTH-99 deals go to another');
is(rpc(reassign_work => $mine, { member => $agent->{id}, kind => 'leads', to_member => $mate->{id} })->{json}, 1, 'AUTH-99 so do leads');
is(psql("select owner_id = '$mate->{id}' from leads where id = '$lead'"), 't', 'AUTH-99 and are the new owner\'s');
is(rpc(reassign_work => $mine, { member => $agent->{id}, kind => 'conversations' })->{json}, 1, 'AUTH-99 conversations to nobody');
is(psql("select owner_id = '$mate->{id}' from deals where id = '$deal'") . psql("select assignee_id is null from conversations where id = '$talk'"), 'tt', 'AUTH-99 in the tables');
is(shown(rpc(reassign_work => $mine, { member => $agent->{id}, kind => 'contacts', to_member => psql("select internal.create_user('$foreign', 'out.$mark\@team.example', null, 'Out', null, 'AGENT')") })),
	'404 RESOURCE_NOT_FOUND', 'AUTH-22 nobody outside gets work');
$at = of($agent);
is(shown(rpc(remove_member => $at, { member => $mate->{id} })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-79 an agent removes nobody');
is(shown(rpc(remove_member => $theirs, { member => $agent->{id} })), '404 RESOURCE_NOT_FOUND', 'AUTH-22 nor another tenant');
my $boss = psql("select user_id from user_roles where organization_id = '$org' and role = 'OWNER' limit 1");
my $helper = member(helper => 'ADMIN');
is(shown(rpc(remove_member => of($helper), { member => $boss })), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-97 the owner cannot be removed');
is(rpc(remove_member => $mine, { member => $agent->{id} })->{status}, 204, 'AUTH-98 removed');
is(psql("select is_active from profiles where id = '$agent->{id}'"), 'f', 'AUTH-98 that is: deactivated');
is(rest(GET => 'deals?select=id&limit=1', $at)->{status}, 401, 'AUTH-98 his session has ended');
is(psql("select count(*) filter (where ended_at is null), bool_and(end_reason = 'revoked') filter (where end_reason is not null)
	from auth.sessions where user_id = '$agent->{id}' and organization_id = '$org'"), '0|t', 'AUTH-98 AUTH-100 ended, not forgotten: the log can tell which');
$r = token($agent->{email}, $agent->{password});
is(shown($r), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-19 AUTH-98 and he cannot sign in');
my ($row) = grep { $_->{user_id} eq $agent->{id} } @{ rpc(list_members => $mine)->{json} };
is("$row->{role} " . ($row->{is_active} ? 1 : 0), 'AGENT 0', 'AUTH-81 the list tells who is active');
is(rest(GET => "profiles?select=id&is_active=eq.true&id=eq.$agent->{id}", $mine)->{content}, '[]', 'AUTH-98 he is out of the list of active members');
invite($agent->{email});
is(join_by(mailed($agent->{email}), body => { password => $agent->{password} })->{status}, 200, 'AUTH-90 and comes back by an invitation');
is(rest(GET => 'deals?select=id&limit=1', of($agent))->{status}, 200, 'AUTH-90 with his access');
my $statistics = rpc(team_statistics => $mine)->{json};
is($statistics->{active_members}, psql("select count(*) from profiles where organization_id = '$org' and is_active"), 'AUTH-82 active members');
is($statistics->{roles}{AGENT}, psql("select count(*) from user_roles r join profiles p on p.organization_id = r.organization_id and p.id = r.user_id
	where r.organization_id = '$org' and r.role = 'AGENT' and p.is_active"), 'AUTH-82 how many have each role');
ok($statistics->{permissions}{can_access_crm} >= 3, 'AUTH-82 and each permission');

# ---- the plan -------------------------------------------------------------------------------------

$r = call(GET => 'check-subscription', bearer => $mine);
is_deeply([$r->{status}, $r->{json}], [200, { hasActiveSubscription => JSON::PP::true, plan => 'self-hosted', status => 'active' }],
	'API-91 check-subscription with the keys as printed');
is(shown(call(POST => 'create-checkout', bearer => $mine, json => { priceId => 'price_xxxxx', couponCode => 'optional_coupon' })), '503 SERVICE_UNAVAILABLE',
	'API-91 create-checkout without a billing service');
is(shown(call(GET => 'customer-portal', bearer => $mine)), '503 SERVICE_UNAVAILABLE', 'API-91 customer-portal without one');
is(shown(call(GET => 'customer-portal', apikey => $anon)), '401 AUTHENTICATION_FAILED', 'API-91 and strangers are asked who they are');
psql("insert into internal.plans (id, name, price, max_members, max_contacts, max_conversations) values ('small-$$', 'Small', 9, 2, 10000, null)");
psql("insert into internal.subscriptions (organization_id, plan, status, trial_ends_at, current_period_end)
	values ('$foreign', 'small-$$', 'cancelled', null, now() + interval '3 days')");
$r = rpc(subscription_overview => $theirs)->{json};
is("$r->{name} $r->{status} $r->{price} " . ($r->{hasActiveSubscription} ? 'open' : 'closed'), 'Small cancelled 9 open', 'AUTH-41 cancelled, and open to the end of the period')
	or diag json_encode($r);
is("$r->{usage}{team_members}{used}/$r->{usage}{team_members}{total}", psql("select count(*) from profiles where organization_id = '$foreign' and is_active") . '/2',
	'AUTH-39 AUTH-84 members used of the limit');
is($r->{usage}{conversations}{total}, undef, 'AUTH-39 no limit is none');
psql("update internal.subscriptions set status = 'trial', trial_ends_at = now() + interval '5 days' where organization_id = '$foreign'");
is(rpc(subscription_overview => $theirs)->{json}{trial_days_remaining}, 5, 'AUTH-38 days of a trial');
my $used = psql("select count(*) from profiles where organization_id = '$foreign' and is_active");
psql("update internal.plans set max_members = $used where id = 'small-$$'");
is(shown(invite("z.$mark\@team.example", as => $theirs)), '403 INSUFFICIENT_PERMISSIONS', 'AUTH-84 no more members than the plan has');
psql("update internal.subscriptions set status = 'cancelled', current_period_end = now() - interval '1 day' where organization_id = '$foreign'");
is(call(GET => 'check-subscription', bearer => $theirs)->{json}{hasActiveSubscription}, JSON::PP::false, 'AUTH-41 after it, it has ended');
my $guest = psql("select internal.create_user('$foreign', 'guest.$mark\@team.example', null, 'Guest', null, 'AGENT')");
is(psql("select auth.check_login('$foreign', id, '127.0.0.1') is not null from auth.users where email = '$alien->{email}'"), 't', 'AUTH-41 the owner still comes in');
my $refused = psql("do \$\$ begin perform auth.check_login('$foreign', '$guest', '127.0.0.1'); exception when sqlstate 'KT403' then
	perform set_config('x.why', sqlerrm, false); end \$\$; select current_setting('x.why', true)");
like($refused, qr/subscription of .* has ended/, 'AUTH-41 and nobody else');
psql("delete from internal.subscriptions; delete from internal.plans where id = 'small-$$'");
psql("delete from user_roles where organization_id = '$org' and user_id = (select id from auth.users where email = '$alien->{email}')");
psql("delete from profiles where organization_id = '$org' and id = (select id from auth.users where email = '$alien->{email}')");
psql("delete from deals where id = '$deal'; delete from contacts where id = '$contact'");

done_testing;
