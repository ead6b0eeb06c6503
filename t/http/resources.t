#!/usr/bin/perl
# The tables of the API beside contacts, companies, deals and the inbox: each
# made, read, changed and deleted as its page prints it; words in any case;
# nothing of another tenant can be pointed at.
use strict;
use warnings;
use Kontor;
use Test::More;

my $base  = '/functions/v1/rest-api-proxy';
my $mine  = tenant(0);
my $other = tenant(1);
my $org   = $mine->{organization_id};
my $mark  = "res$$";

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
	return api($method, "$base/$table" . (@$query ? '?' . query(@$query) : ''), key => $mine->{api_key}, %o);
}

# /rest/v1 with the access token of a user.
sub token_of {
	my ($user) = @_;
	my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
		json => { email => $user->{email}, password => $user->{password} });
	return $r->{json}{access_token} // die "no token: $r->{content}\n";
}
my $owner = token_of($mine->{users}[0]);
my $agent = token_of($mine->{users}[1]);

sub rest {
	my ($method, $table, $query, %o) = @_;
	return api($method, "/rest/v1/$table" . (@$query ? '?' . query(@$query) : ''), apikey => kontor_json()->{anon_key},
		bearer => $owner, headers => { Prefer => 'return=representation' }, %o);
}

sub uid { return psql("select p.id from profiles p where p.organization_id = '$org' and p.email = '$mine->{users}[$_[0]]{email}'") }
my $me = uid(0);
my $contact = psql("select id from contacts where organization_id = '$org' order by created_at, id limit 1");
my $deal    = psql("select id from deals where organization_id = '$org' order by created_at, id limit 1");
my $talk    = psql("select id from conversations where organization_id = '$org' order by created_at, id limit 1");
my $foreign = psql("select id from contacts where organization_id = '$other->{organization_id}' limit 1");

# What was sent, as it comes back.
sub like_sent {
	my ($row, $sent, $name) = @_;
	my %got = map { $_ => $row->{$_} } keys %$sent;
	is_deeply(\%got, $sent, $name);
}

# Create by /rest/v1 with the documented body, read, change by filter and by
# path, delete; what it is, row by row of the table.
sub round {
	my ($table, $rows, $sent, $patch, $path_patch) = @_;
	my $r = rest(POST => $table, [], json => { organization_id => $org, %$sent });
	is($r->{status}, 201, "$rows API-3 POST /rest/v1/$table") or diag($r->{content});
	my $row = $r->{json}[0] // {};
	like_sent($row, $sent, "$rows $table: what was sent is stored");
	like($row->{id} // '', qr/^[0-9a-f-]{36}$/, "$table has an id");
	is($row->{organization_id}, $org, "API-48 $table belongs to the caller's organization");
	ok($row->{created_at} && $row->{updated_at}, "$table has its times");
	$r = proxy(GET => $table, [id => "eq.$row->{id}", select => '*']);
	is($r->{json}[0]{id}, $row->{id}, "$rows API-2 and is read through the proxy");
	$r = rest(PATCH => $table, [id => "eq.$row->{id}"], json => $patch);
	is($r->{status}, 200, "$rows PATCH $table?id=eq.") or diag($r->{content});
	like_sent($r->{json}[0], $patch, "$rows and it is changed");
	$r = rest(PATCH => "$table/$row->{id}", [], json => $path_patch);
	is($r->{status}, 200, "API-50 PATCH $table/{id}") or diag($r->{content});
	like_sent($r->{json}[0], $path_patch, 'API-50 and it is changed');
	$r = api(GET => "$base/$table?id=eq.$row->{id}", key => $other->{api_key});
	is("$r->{status} $r->{content}", '200 []', "API-5 another organization does not see it in $table");
	$r = api(DELETE => "$base/$table?id=eq.$row->{id}", key => $other->{api_key});
	is(psql("select count(*) from $table where id = '$row->{id}'"), 1, "API-5 nor deletes it in $table");
	$r = rest(DELETE => $table, [id => "eq.$row->{id}"]);
	like($r->{status}, qr/^20[04]$/, "$rows API-3 DELETE $table");
	is(psql("select count(*) from $table where id = '$row->{id}'"), 0, "and the row of $table is gone");
	return $row;
}

sub make {
	my ($table, %row) = @_;
	my $r = rest(POST => $table, [], json => { organization_id => $org, %row });
	is($r->{status}, 201, "$table is made") or diag($r->{content});
	return $r->{json}[0];
}

sub refused {
	my ($table, $row, $text, $name) = @_;
	my $r = rest(POST => $table, [], json => { organization_id => $org, %$row });
	cmp_ok($r->{status}, '>=', 400, "$name is refused") or diag($r->{content});
	cmp_ok($r->{status}, '<', 500, '... as a fault of the caller') or diag($r->{content});
	like("$r->{json}{message} $r->{json}{error} " . ($r->{json}{details} // '') , $text, '... in words');
}

sub events {
	my ($id) = @_;
	# Nothing that a timer tells of: its moment is not the test's.
	return psql("select string_agg(type, ' ' order by position) from events where record_id = '$id' and type <> 'task.overdue'");
}

# ---- tasks ----------------------------------------------------------------------

my $row = round('tasks', 'API-53 TSK-5 TSK-6', {
	contact_id => $contact, title => 'Follow up with customer', description => 'Call to discuss pricing',
	due_date => '2025-01-30T12:00:00+00:00', completed => JSON::PP::false, priority => 'HIGH' },
	{ completed => JSON::PP::true }, { completed => JSON::PP::false, priority => 'MEDIUM' });
is(events($row->{id}), 'task.created task.updated task.completed task.updated task.deleted', 'task events, in their order');
$row = make('tasks', title => 'Follow up call', description => 'Call customer about quote', due_date => '2025-01-15T10:00:00Z',
	priority => 'high', assignee_id => $me, contact_id => $contact, deal_id => undef, custom_fields => { ward => 3 });
is($row->{priority}, 'HIGH', 'priority in any case');
is_deeply($row->{custom_fields}, { ward => 3 }, 'tasks have custom fields');
my $r = rest(GET => 'tasks', [select => '*,contacts(*)', organization_id => "eq.$org", order => 'due_date.asc', id => "eq.$row->{id}"]);
is($r->{json}[0]{contacts}{id}, $contact, 'TSK-40 a task with its contact');
for ([assignee_id => $me], [contact_id => $contact], [completed => 'false'], [priority => 'HIGH'], [priority => 'eq.high'],
		[completed => 'eq.false']) {
	$r = rest(GET => 'tasks', [@$_, title => 'eq.Follow up call', select => 'id']);
	is(scalar @{ $r->{json} }, 1, "API-32 tasks by $_->[0]=$_->[1]");
}
$r = rest(PATCH => 'tasks', [id => "eq.$row->{id}"], json => { completed => JSON::PP::true });
ok($r->{json}[0]{completed_at}, 'TSK-9 the time of completion is kept');
my $when = $r->{json}[0]{completed_at};
$r = rest(PATCH => 'tasks', [id => "eq.$row->{id}"], json => { title => 'Called', completed => JSON::PP::true });
is($r->{json}[0]{completed_at}, $when, 'TSK-9 and stays when the task is edited');
$r = rest(PATCH => 'tasks', [id => "eq.$row->{id}"], json => { completed => JSON::PP::false });
is($r->{json}[0]{completed_at}, undef, 'TSK-8 taken back, it is open again');
$row = make('tasks', title => 'Alone');
is("$row->{priority} " . ($row->{completed} ? 1 : 0), 'MEDIUM 0', 'TSK-10 a task may stand alone; MEDIUM and open when nothing is said');
refused('tasks', { title => 'x', priority => 'URGENT' }, qr/priority/, 'a priority that there is not');
refused('tasks', { description => 'x' }, qr/title/, 'a task without title');
refused('tasks', { title => 'x', contact_id => $foreign }, qr/contact/, 'API-5 a contact of another organization');
refused('tasks', { title => 'x', due_date => 'soon' }, qr/timestamp/, 'a due date that is none');
psql("delete from tasks where organization_id = '$org' and title in ('Alone', 'Called')");

# ---- templates -------------------------------------------------------------------

round('templates', 'API-102', { name => "Welcome Message $mark", status => 'APPROVED', category => 'UTILITY',
	components => [{ type => 'BODY', text => 'Hello {{name}}, welcome to our service!' }] },
	{ status => 'REJECTED' }, { category => 'MARKETING', components => [{ type => 'BODY', text => 'Hi' }, { type => 'FOOTER', text => 'Bye' }] });
$row = make('templates', status => 'approved', category => 'quick_reply', components => '[{"type":"BODY","text":"Yes"}]');
is("$row->{status} $row->{category}", 'APPROVED QUICK_REPLY', 'words of a template in any case');
is_deeply($row->{components}, [{ type => 'BODY', text => 'Yes' }], 'components as a JSON string');
like($row->{name}, qr/^General template \(\d\d\.\d\d\.\d{4} \d\d:\d\d\)$/, 'MSG-83 a blank name is made of the time');
$row = make('templates', name => $mark);
is("$row->{status} $row->{category}", 'DRAFT GENERAL', 'a template begins as a draft');
refused('templates', { name => 'x', components => [{ type => 'VOICE' }] }, qr/BODY, HEADER, FOOTER/, 'a component of no known type');
refused('templates', { name => 'x', components => 'not json' }, qr/not valid JSON/, 'components that are no JSON');
refused('templates', { name => 'x', components => { type => 'BODY' } }, qr/list of objects/, 'components that are no list');

my $mine_too = rest(POST => 'templates', [], bearer => $agent, json => { name => "agent $mark" })->{json}[0];
$r = rest(DELETE => 'templates', [id => "eq.$row->{id}"], bearer => $agent);
is($r->{status}, 403, 'TPL-21 MSG-90 without the permission others\' templates are not deleted');
$r = rest(DELETE => 'templates', [id => "eq.$mine_too->{id}"], bearer => $agent);
is(psql("select count(*) from templates where id = '$mine_too->{id}'"), 0, 'own ones are');

# ---- bot flows ---------------------------------------------------------------------

round('bot_flows', 'API-103', { name => 'Customer Support Flow', description => 'Automated customer support bot',
	nodes => [], edges => [], status => 'DRAFT', version => 1 }, { status => 'PUBLISHED' },
	{ status => 'ARCHIVED', version => 2, nodes => [{ id => 'start-1', type => 'START', position => { x => 100, y => 100 } }] });
$row = make('bot_flows', name => 'Welcome Flow', nodes => [{ id => 'start-1', type => 'START', position => { x => 100, y => 100 } },
	{ id => 'text-1', type => 'TEXT', message => 'Hello!', position => { x => 200, y => 100 } }],
	edges => [{ source => 'start-1', target => 'text-1' }]);
is("$row->{status} $row->{version}", 'DRAFT 1', 'a flow begins as version 1, a draft');
is($row->{nodes}[1]{message}, 'Hello!', 'API-4 nodes as they were sent');
refused('bot_flows', { name => 'x', status => 'LIVE' }, qr/status/, 'a status that there is not');

# ---- automation rules ------------------------------------------------------------------

round('automation_rules', 'AUT-1 AUT-4', { name => 'Auto Assign Conversations', trigger_type => 'conversation.created', conditions => [],
	actions => [{ type => 'AUTO_ASSIGN_CONVERSATION' }], is_active => JSON::PP::true },
	{ is_active => JSON::PP::false }, { name => 'Again', is_active => JSON::PP::true });
$row = make('automation_rules', name => 'Auto Assign New Messages', trigger_type => 'MESSAGE_CREATED',
	conditions => [{ field => 'direction', operator => 'equals', value => 'INBOUND' }],
	actions => [{ type => 'ASSIGN_CONVERSATION', assignee_id => $me }], is_active => JSON::PP::true);
is($row->{trigger_type}, 'message.received', 'the documented upper-case names are kept under the dotted ones');
is_deeply($row->{actions}, [{ type => 'ASSIGN_CONVERSATION', assignee_id => $me }], 'API-4 actions as they were sent');
my %names = (DEAL_STAGE_CHANGED => 'deal.stage.changed', TASK_DUE => 'task.overdue', CONTACT_CREATED => 'contact.created');
is(make('automation_rules', name => $_, trigger_type => $_)->{trigger_type}, $names{$_}, "$_ is $names{$_}") for sort keys %names;
is(make('automation_rules', name => 'out', trigger_type => 'MESSAGE_CREATED',
	conditions => [{ field => 'direction', operator => 'equals', value => 'OUTBOUND' }])->{trigger_type}, 'message.sent', 'MESSAGE_CREATED of outbound ones');
refused('automation_rules', { name => 'x', trigger_type => 'moon.full' }, qr/moon\.full/, 'a trigger that there is not');
refused('automation_rules', { name => 'x', trigger_type => 'deal.created', actions => [{ type => 'DANCE' }] }, qr/DANCE/, 'an action that there is not');
$r = rest(GET => 'rpc/get_automation_triggers', []);
my %triggers = map { $_->{name} => 1 } @{ $r->{json} };
is(scalar(grep { !$triggers{$_} } qw(message.received message.sent contact.created contact.updated contact.assigned deal.created
	deal.updated deal.stage.changed deal.assigned conversation.created conversation.assigned conversation.status.changed)), 0,
	'the triggers of the API page are listed');
psql("delete from automation_rules where organization_id = '$org'");

# ---- campaigns ------------------------------------------------------------------------------

round('campaigns', 'API-104', { name => 'New Product Launch', type => 'SMS', content => 'Check out our new product!',
	target_type => 'ALL', status => 'DRAFT', scheduled_at => '2025-02-01T10:00:00+00:00' },
	{ target_type => 'TAGS', target_tags => ['vip'], timezone => 'America/New_York' },
	{ target_type => 'INDIVIDUAL', target_contacts => [$contact], image_url => 'https://example.com/a.png' });
$row = make('campaigns', name => $mark, type => 'whatsapp_cloud', content => 'x', status => 'completed');
is("$row->{type} $row->{status} $row->{target_type}", 'WHATSAPP_BUSINESS SENT ALL', 'other names of types and of the end');
for ('status=eq.COMPLETED', 'status=eq.sent', 'status=in.(DRAFT,completed)', 'type=eq.WHATSAPP_CLOUD', 'type=eq.whatsapp_business') {
	my $r = api(GET => "$base/campaigns?$_&name=eq.$mark&select=id", key => $mine->{api_key});
	is_deeply($r->{json}, [{ id => $row->{id} }], "campaigns by $_") or diag($r->{content});
}
is(make('campaigns', name => $mark, type => 'EMAIL')->{status}, 'DRAFT', 'e-mail is a type of campaign');
refused('campaigns', { name => 'x', type => 'PIGEON' }, qr/type/, 'a type that there is not');
refused('campaigns', { name => 'x', type => 'SMS', target_contacts => [$foreign] }, qr/target_contacts/, 'API-5 a target of another organization');
refused('campaigns', { name => 'x', type => 'SMS', timezone => 'Mars/Olympus' }, qr/time zone/, 'a time zone that there is not');
refused('campaigns', { name => 'x', type => 'SMS', status => 'SCHEDULED', scheduled_at => '2020-01-01T00:00:00Z' }, qr/future/, 'a schedule in the past');
refused('campaigns', { name => 'x', type => 'SMS', content => 'x' x 1601 }, qr/campaigns_sms_length|too long|content/, 'CAM-12 an SMS of more than 1600 characters');
psql("insert into notification_logs (organization_id, campaign_id, contact_id, status) values ('$org', '$row->{id}', '$contact', 'DELIVERED')");
$r = rest(GET => 'notification_logs', [campaign_id => "eq.$row->{id}"]);
is_deeply([map { $_->{status} } @{ $r->{json} }], ['DELIVERED'], 'the log of a campaign');
$r = rest(POST => 'notification_logs', [], json => { organization_id => $org, campaign_id => $row->{id} });
is($r->{status}, 403, 'which nobody writes by hand');

# ---- projects ---------------------------------------------------------------------------------

round('projects', 'API-105', { name => 'New Project', description => 'Project description', status => 'PLANNING',
	start_date => '2025-02-01', end_date => '2025-03-01' }, { status => 'IN_PROGRESS' }, { status => 'DELAYED', progress => 40 });
$row = make('projects', name => 'Website Redesign', description => 'Complete website redesign project', status => 'planning',
	progress => 0, start_date => '2025-01-15', end_date => '2025-04-15', budget => 50000, currency => 'USD', owner_id => $me,
	customer_contact_id => $contact, deal_id => $deal, custom_fields => { site => 'x' });
is("$row->{status} $row->{project_type} $row->{budget}", 'PLANNING DELIVERY 50000', 'a project as its page prints it');
is_deeply($row->{custom_fields}, { site => 'x' }, 'projects have custom fields');
my $stone = rest(POST => 'project_milestones', [], json => { project_id => $row->{id}, name => 'Design Phase',
	description => 'Complete design mockups', due_date => '2025-02-01', status => 'PENDING', order_index => 1 })->{json}[0];
is("$stone->{status} $stone->{order_index}", 'PENDING 1', 'a milestone');
my $piece = rest(POST => 'project_deliverables', [], json => { project_id => $row->{id}, milestone_id => $stone->{id},
	name => 'Homepage Design', description => 'Complete homepage mockup', due_date => '2025-01-25', status => 'PENDING' })->{json}[0];
is($piece->{milestone_id}, $stone->{id}, 'a deliverable of it');
my $second = make('projects', name => 'Another');
refused('project_deliverables', { project_id => $second->{id}, milestone_id => $stone->{id}, name => 'x' }, qr/milestone/,
	'a milestone of another project');
$r = rest(GET => 'projects', [id => "eq.$row->{id}", select => 'name,project_milestones(name,project_deliverables(name))']);
is_deeply($r->{json}, [{ name => 'Website Redesign', project_milestones => [{ name => 'Design Phase',
	project_deliverables => [{ name => 'Homepage Design' }] }] }], 'API-37 a project with its milestones and deliverables');
refused('projects', { name => 'x', start_date => '2025-03-01', end_date => '2025-02-01' }, qr/projects_dates|end_date/, 'an end before the start');
refused('projects', { name => 'x', customer_contact_id => $foreign }, qr/contact/, 'API-5 a customer of another organization');
psql("delete from projects where organization_id = '$org'");
is(psql("select count(*) from project_deliverables where organization_id = '$org'"), 0, 'what belongs to a project goes with it');

my $hidden = make('campaigns', name => "hidden $mark", type => 'SMS')->{id};
unlike(rest(GET => 'campaigns', [id => "eq.$hidden"], bearer => $agent)->{content}, qr/$hidden/, 'campaigns are for who has the permission');
is(rest(GET => 'events', [record_id => "eq.$hidden"], bearer => $agent)->{content}, '[]', 'and so are their events');
is(scalar @{ rest(GET => 'events', [record_id => "eq.$hidden"])->{json} }, 1, 'which are there');

# ---- widgets -----------------------------------------------------------------------------------

$row = make('dashboard_widgets', widget_type => 'custom', position => 5, is_visible => JSON::PP::true,
	widget_config => { title => 'High-Value Deals', table => 'deals', aggregation => 'count' });
is($row->{user_id}, $me, 'a widget belongs to who made it');
$r = rest(GET => 'dashboard_widgets', [is_visible => 'true', organization_id => $org]);
is_deeply([map { $_->{id} } @{ $r->{json} }], [$row->{id}], 'API-32 visible widgets');
$r = rest(GET => 'dashboard_widgets', [], bearer => $agent);
is_deeply($r->{json}, [], 'ANA-46 and nobody else has it');
$r = rest(PATCH => "dashboard_widgets/$row->{id}", [], bearer => $agent, json => { position => 0 });
is(psql("select position from dashboard_widgets where id = '$row->{id}'"), 5, 'ANA-46 nor moves it');
rest(PATCH => "dashboard_widgets/$row->{id}", [], json => { position => 1, is_visible => JSON::PP::false });
is(psql("select position || ' ' || is_visible from dashboard_widgets where id = '$row->{id}'"), '1 false', 'ANA-41 ANA-42 moved and hidden');
$r = rest(DELETE => 'dashboard_widgets', [id => "eq.$row->{id}"]);
is(psql("select count(*) from dashboard_widgets where id = '$row->{id}'"), 0, 'ANA-44 and deleted');

# ---- notes, calls, companies ----------------------------------------------------------------------

for ([contact_id => $contact], [deal_id => $deal], [conversation_id => $talk]) {
	$r = rest(POST => 'notes', [], json => { organization_id => $org, @$_, content => "Customer called $mark", author_id => $me });
	is($r->{status}, 201, "a note by $_->[0]") or diag($r->{content});
}
$r = rest(GET => 'notes', [select => '*', contact_id => "eq.$contact", order => 'created_at.desc', limit => 1]);
is($r->{json}[0]{content}, "Customer called $mark", 'notes of a contact, newest first');
refused('notes', { contact_id => $foreign, content => 'x' }, qr/contact/, 'API-5 a note on a contact of another organization');
$row = make('call_records', contact_id => $contact, customer_phone => '+201001234567', direction => 'outbound', duration_seconds => 12,
	external_call_id => "pbx-$mark", source => 'webhook');
is("$row->{status} $row->{source}", 'received webhook', 'a call is received');
is(events($row->{id}), 'call.ended', 'BOT-48 call.ended fires when it is stored');
$r = rest(GET => 'call_records', [contact_id => $contact, select => 'id,direction']);
is($r->{json}[0]{direction}, 'outbound', 'calls with filters');
refused('call_records', { contact_id => $foreign }, qr/contact/, 'API-5 a call with a contact of another organization');

$row = make('companies', name => "Acme Inc $mark", domain => 'acme.com', email => 'Contact@acme.com', phone => '+1 (234) 567-8901', city => 'New York',
	country => 'US', industry => 'Technology', description => 'Company description');
is("$row->{email} $row->{phone}", 'contact@acme.com +12345678901', 'API-97 the one address of a company');
is_deeply([$row->{emails}, $row->{phones}], [['contact@acme.com'], ['+12345678901']], 'is the first of its list');
$r = rest(PATCH => "companies/$row->{id}", [], json => { emails => ['a@acme.com', 'b@acme.com'] });
is($r->{json}[0]{email}, 'a@acme.com', 'whichever is written');
$r = rest(PATCH => "companies/$row->{id}", [], json => { email => 'c@acme.com', custom_fields => { tier => 1 } });
is_deeply($r->{json}[0]{emails}, ['c@acme.com', 'b@acme.com'], 'the others stay');
is_deeply($r->{json}[0]{custom_fields}, { tier => 1 }, 'companies have custom fields');

# ---- channels ------------------------------------------------------------------------------------

$row = make('channel_accounts', name => 'WhatsApp Business', type => 'WHATSAPP_CLOUD', is_active => JSON::PP::true,
	settings => { access_token => "token-$mark", verify_token => "verify-$mark", phone_number_id => "9$$" });
is_deeply($row->{settings}, { phone_number_id => "9$$" }, 'API-106 a channel with its settings, the tokens kept back');
is("$row->{connection_state} $row->{external_id}", "Connected 9$$", 'it is connected');
is(psql("select string_agg(name, ' ' order by name) from channel_secrets where channel_account_id = '$row->{id}' and sealed like 'v1.%'"),
	'access_token verify_token', 'and they lie sealed where nobody reads them');
unlike(psql("select row_to_json(a)::text || (select json_agg(s)::text from channel_secrets s where s.channel_account_id = a.id)
	from channel_accounts a where a.id = '$row->{id}'"), qr/token-$mark/, 'nowhere in plain');
my $hello = api(GET => "/functions/v1/whatsapp-cloud-webhook?hub.mode=subscribe&hub.verify_token=verify-$mark&hub.challenge=42");
is("$hello->{status} $hello->{content}", '200 42', 'and the intake can open them');
my $sealed = psql("select sealed from channel_secrets where channel_account_id = '$row->{id}' and name = 'access_token'");
$r = rest(PATCH => 'channel_accounts', [id => "eq.$row->{id}"], json => { settings => { access_token => "other-$mark", phone_number_id => "9$$" } });
is($r->{status}, 200, 'API-106 another token') or diag($r->{content});
isnt(psql("select sealed from channel_secrets where channel_account_id = '$row->{id}' and name = 'access_token'"), $sealed, 'takes the place of the old one');
$r = rest(PATCH => 'channel_accounts', [type => 'eq.WHATSAPP_CLOUD'], json => { settings => { access_token => 'x' } });
is($r->{status}, 400, 'but not for many channels at once');
$r = rest(PATCH => "channel_accounts/$row->{id}", [], json => { is_active => JSON::PP::false });
is($r->{json}[0]{is_active} ? 1 : 0, 0, 'API-50 API-106 switched off');
refused('channel_accounts', { name => 'x', type => 'TELEGRAM', settings => { bot_token => { a => 1 } } }, qr/bot_token/, 'a token that is no text');
refused('channel_accounts', { name => 'x', type => 'CARRIER' }, qr/type/, 'a type that there is not');
$r = rest(POST => 'channel_accounts', [], bearer => $agent, json => { name => 'x', type => 'TELEGRAM', settings => { bot_token => 'x' } });
is($r->{status}, 403, 'agents make no channels');
is(make('channel_accounts', name => $mark, type => 'MESSENGER')->{type}, 'FB_MESSENGER', 'MESSENGER is FB_MESSENGER');
psql("delete from channel_accounts where organization_id = '$org' and name in ('$mark', 'WhatsApp Business') and not exists
	(select from conversations c where c.channel_account_id = channel_accounts.id)");

# ---- conversations -------------------------------------------------------------------------------

my $person = make('contacts', first_name => 'Connie', last_name => $mark)->{id};
my $channel = psql("select id from channel_accounts where organization_id = '$org' and type = 'TELEGRAM' limit 1");
$row = make('conversations', contact_id => $person, channel_account_id => $channel, status => 'OPEN', tags => ['urgent', 'customer']);
$r = rest(GET => 'conversations', [select => '*,contacts(*),channel_accounts(*),profiles!conversations_assignee_id_fkey(*)', organization_id => "eq.$org",
	order => 'last_message_at.desc', id => "eq.$row->{id}"]);
is("$r->{json}[0]{contacts}{id} $r->{json}[0]{channel_accounts}{id} " . ($r->{json}[0]{profiles} // 'null'), "$person $channel null",
	'API-37 API-99 a conversation with contact, channel and assignee');
$r = rest(PATCH => 'conversations', [id => "eq.$row->{id}"], json => { status => 'CLOSED', assignee_id => $me });
is("$r->{json}[0]{status} $r->{json}[0]{assignee_id}", "CLOSED $me", 'API-53 INB-43 INB-53 status and assignee');
is(events($row->{id}), 'conversation.created conversation.assigned conversation.status.changed', 'INB-50 INB-62 with their events');
$r = rest(GET => 'conversations', [status => 'eq.OPEN', id => "eq.$row->{id}"]);
is($r->{content}, '[]', 'INB-43 it is not open any more');
refused('conversations', { contact_id => $foreign }, qr/contact/, 'API-5 a conversation with a contact of another organization');
$r = rest(DELETE => 'conversations', [id => "eq.$row->{id}"]);
is(psql("select count(*) from conversations where id = '$row->{id}'"), 0, 'INB-49 API-3 and is deleted');

# ---- messages ------------------------------------------------------------------------

$r = rest(POST => 'messages', [], json => { organization_id => $org, conversation_id => $talk, direction => 'outgoing',
	content => 'Hello! This is a test message.', status => 'sent', message_type => 'text', metadata => { sender_name => 'AIBot' } });
is($r->{status}, 201, 'POST messages') or diag($r->{content});
is("$r->{json}[0]{direction} $r->{json}[0]{status} $r->{json}[0]{metadata}{sender_name}", 'OUTBOUND SENT AIBot', 'API-100 words in any case');
my $message = $r->{json}[0]{id};
$r = rest(PATCH => 'messages', [id => "eq.$message"], json => { status => 'DELIVERED' });
is($r->{json}[0]{status}, 'DELIVERED', 'API-53 the status of a message');
$r = rest(GET => 'messages', [id => "eq.$message", direction => 'eq.outbound', status => 'delivered']);
is(scalar @{ $r->{json} }, 1, 'API-32 direction and status as filters');
for my $type (qw(image video audio document)) {
	$r = rest(POST => 'messages', [], json => { conversation_id => $talk, direction => 'INBOUND', status => 'DELIVERED', content => 'x', message_type => $type });
	is($r->{json}[0]{message_type}, $type, "API-100 a message of type $type");
}
my $theirs = psql("select id from channel_accounts where organization_id = '$other->{organization_id}' limit 1");
$r = rest(POST => 'messages', [], json => { conversation_id => $talk, direction => 'OUTBOUND', status => 'SENT', content => 'x',
	channel_account_id => $theirs || '00000000-0000-7000-8000-000000000001' });
is($r->{status}, 400, 'API-5 a channel of another organization');

done_testing;
