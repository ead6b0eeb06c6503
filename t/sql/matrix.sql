-- The matrix of permissions (auth-team.md), walked cell by cell: each role does
-- each verb on own and others' records, as a request would, and the answer is
-- compared with the page. The expectations are written from the page:
-- Y allowed, N denied whatever is ticked, F only with the flag named.
-- Where the page has "-", its open points say what holds.
set search_path = tap, public;
begin;
select no_plan();

-- ---- a tenant with one member of each role, and a colleague ------------------------

create temp table who (name text primary key, id uuid);
create temp table ids (name text primary key, id uuid);
grant select on who, ids to authenticated;
insert into ids values ('org', internal.create_organization('Matrix', 'matrix-test', 'UTC', 'EUR'));
insert into who select r, internal.create_user((select id from ids where name = 'org'), lower(r) || '@matrix.example', null,
		initcap(r), 'Matrix', case when r in ('COLLEAGUE', 'MATE') then 'AGENT' else r end)
	from unnest('{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN,COLLEAGUE,MATE}'::text[]) r;
insert into auth.sessions (token_hash, user_id, organization_id, kind, expires_at)
	select sha256(('matrix ' || w.name)::bytea), w.id, i.id, 'web', now() + interval '1 hour' from who w, ids i where i.name = 'org';
create function pg_temp.u(n text) returns uuid language sql stable as $$ select w.id from who w where w.name = n $$;
create function pg_temp.i(n text) returns uuid language sql stable as $$ select i.id from ids i where i.name = n $$;
grant execute on function pg_temp.u(text), pg_temp.i(text) to authenticated;
select pg_temp.i('org') as org \gset
insert into ids values ('channel', uuid7()), ('other channel', uuid7()), ('team', uuid7()), ('other team', uuid7()), ('pipeline', uuid7());
insert into channel_accounts (organization_id, id, name, type) values
	(:'org', pg_temp.i('channel'), 'One', 'TELEGRAM'), (:'org', pg_temp.i('other channel'), 'Two', 'TELEGRAM');
insert into pipelines (organization_id, id, name) values (:'org', pg_temp.i('pipeline'), 'Second');
-- Of every kind one record per member, named like him.
insert into companies (organization_id, name, owner_id) select :'org', w.name, w.id from who w;
insert into contacts (organization_id, first_name, assignee_id) select :'org', w.name, w.id from who w;
insert into deals (organization_id, title, owner_id, contact_id)
	select :'org', w.name, w.id, k.id from who w join contacts k on k.organization_id = :'org' and k.first_name = w.name;
insert into conversations (organization_id, external_id, assignee_id, contact_id, channel_account_id)
	select :'org', w.name, w.id, k.id, pg_temp.i('channel')
	from who w join contacts k on k.organization_id = :'org' and k.first_name = w.name;
insert into messages (organization_id, conversation_id, direction, content, status)
	select :'org', c.id, 'INBOUND', c.external_id, 'DELIVERED' from conversations c where c.organization_id = :'org';
insert into quotes (organization_id, title, deal_id, currency, owner_id)
	select :'org', d.title, d.id, 'EUR', d.owner_id from deals d where d.organization_id = :'org';
insert into contacts (organization_id, first_name, assignee_id) select :'org', 'Lone ' || w.name, w.id from who w;
insert into tasks (organization_id, title, assignee_id, created_by) select :'org', w.name, w.id, null from who w;
insert into call_records (organization_id, external_call_id, agent_id) select :'org', w.name, w.id from who w;
insert into templates (organization_id, name, created_by) select :'org', w.name, w.id from who w;
insert into campaigns (organization_id, name, type) values (:'org', 'COLLEAGUE', 'SMS');
insert into projects (organization_id, name) values (:'org', 'COLLEAGUE');
insert into teams (organization_id, id, name, manager_id) values (:'org', pg_temp.i('team'), 'Own', pg_temp.u('TEAM_ADMIN')),
	(:'org', pg_temp.i('other team'), 'Other', pg_temp.u('OWNER'));
insert into provider_credentials (organization_id, provider, value) values (:'org', 'matrix', 'v1.x');
insert into invitations (organization_id, email, role, token_hash, token, expires_at)
	values (:'org', 'waits@matrix.example', 'AGENT', sha256('matrix'), 'v1.x', now() + interval '1 day');

-- ---- what a member can: yes, no, or what went wrong ----------------------------------

create function pg_temp.can(member text, flags jsonb, sql text) returns text language plpgsql as $$
declare
	n bigint;
	answer text;
begin
	update profiles set permissions = flags where organization_id = pg_temp.i('org') and id = pg_temp.u(member);
	begin
		perform set_config('role', auth.begin_session(encode(sha256(('matrix ' || member)::bytea), 'hex')), true);
		execute sql;
		get diagnostics n = row_count;
		answer := case when n > 0 then 'yes' else 'no' end;
		raise exception using errcode = 'KTUND'; -- nothing of it stays
	exception when others then
		if sqlstate = 'KT403' or sqlstate = '42501' and sqlerrm like 'new row violates row-level security%' then
			answer := 'no';
		elsif sqlstate <> 'KTUND' then
			answer := sqlstate || ' ' || sqlerrm;
		end if;
	end;
	perform set_config('role', 'none', true), set_config('request.jwt.claims', '', true);
	return answer;
end
$$;

-- ---- the page ------------------------------------------------------------------------

create temp table matrix (position integer generated always as identity, rows text, area text, verb text, cells text, flag text, sql text);
insert into matrix (rows, area, verb, cells, flag, sql) values
	('', 'Settings: personal-preference tabs', 'change', 'Y Y Y Y Y', null, $$update profiles set first_name = 'x' where id = auth.uid()$$),
	('AUTH-64', 'Settings: admin-level tabs', 'organization', 'Y Y N N N', 'can_manage_settings', $$update organizations set name = 'x'$$),
	('AUTH-64', 'Settings: admin-level tabs', 'pipeline', 'Y Y N N N', 'can_manage_settings', $$insert into pipelines (name) values ('x')$$),
	('AUTH-64', 'Settings: admin-level tabs', 'delete a pipeline', 'Y Y N N N', 'can_manage_settings', $$delete from pipelines where name = 'Second'$$),
	('AUTH-64', 'Settings: admin-level tabs', 'channel', 'Y Y N N N', 'can_manage_settings', $$update channel_accounts set name = 'x'$$),
	('AUTH-64', 'Settings: admin-level tabs', 'webhook', 'Y Y N N N', 'can_manage_settings', $$insert into webhook_configurations (url, events) values ('https://x.example', '{deal.created}')$$),
	('AUTH-64', 'Settings: admin-level tabs', 'API key', 'Y Y N N N', 'can_manage_settings', $$insert into api_keys (name, prefix, key_hash) values ('x', 'x', sha256('matrix key'))$$),
	('AUTH-61', 'Provider credentials', 'see', 'Y N N N N', 'can_manage_settings', $$select id from provider_credentials$$),
	('AUTH-61', 'Provider credentials', 'set', 'Y N N N N', 'can_manage_settings', $$insert into provider_credentials (provider, value) values ('x', 'v1.x')$$),
	('AUTH-61', 'Provider credentials', 'change', 'Y N N N N', 'can_manage_settings', $$update provider_credentials set value = 'v1.y' where provider = 'matrix'$$),
	('AUTH-61', 'Provider credentials', 'delete', 'Y N N N N', 'can_manage_settings', $$delete from provider_credentials where provider = 'matrix'$$),
	('AUTH-85', 'Team Members tab', 'invite', 'Y Y F F F', 'can_manage_team', $$select app.invite('new@matrix.example', 'AGENT', null, repeat('a', 64), null, 'v1.x', '{}', '7 days')$$),
	('AUTH-87', 'Team Members tab', 'see invitations', 'Y Y F F F', 'can_manage_team', $$select id from invitations$$),
	('AUTH-87', 'Team Members tab', 'cancel an invitation', 'Y Y F F F', 'can_manage_team', $$select public.cancel_invitation((select i.id from app.pending_invitations() i))$$),
	('AUTH-92', 'Team Members tab', 'availability', 'Y Y F F F', 'can_manage_team', $$insert into availability_slots (user_id, weekdays, start_time, end_time) values (pg_temp.u('COLLEAGUE'), '{1}', '09:00', '17:00')$$),
	('AUTH-95', 'Team Members tab', 'login schedule', 'Y Y F F F', 'can_manage_team', $$insert into login_schedules (user_id, weekday) values (pg_temp.u('COLLEAGUE'), 1)$$),
	('AUTH-76', 'Team Members tab', 'channels of a member', 'Y Y F F F', 'can_manage_team', $$insert into user_channel_access (user_id, channel_account_id) values (pg_temp.u('COLLEAGUE'), pg_temp.i('channel'))$$),
	('AUTH-62', 'Team Members tab', 'role', 'Y Y F F F', 'can_manage_team', $$update user_roles set role = 'PROJECT_MANAGER' where user_id = pg_temp.u('COLLEAGUE')$$),
	-- Flags by owners and administrators only (api.md, open points).
	('AUTH-71', 'Team Members tab', 'permissions', 'Y Y N N N', 'can_manage_team', $$update profiles set permissions = '{"can_access_pm": true}' where id = pg_temp.u('COLLEAGUE')$$),
	('AUTH-71', 'Team Members tab', 'own permissions', 'N N N N N', 'can_manage_team', $$update profiles set permissions = '{"can_access_pm": true}' where id = auth.uid()$$),
	('AUTH-68', 'Team Members tab', 'own role', 'N N N N N', 'can_manage_team', $$update user_roles set role = 'ADMIN' where user_id = auth.uid()$$),
	('AUTH-98', 'Remove a member', 'remove', 'Y Y F F F', 'can_manage_team', $$select public.remove_member(pg_temp.u('COLLEAGUE'))$$),
	('AUTH-97', 'Remove a member', 'remove the owner', 'N N N N N', 'can_manage_team', $$select public.remove_member(pg_temp.u('OWNER'))$$),
	('AUTH-99', 'Remove a member', 'count the work', 'Y Y F F F', 'can_manage_team', $$select public.member_work(pg_temp.u('COLLEAGUE'))$$),
	('AUTH-99', 'Remove a member', 'reassign the work', 'Y Y F F F', 'can_manage_team', $$select public.reassign_work(pg_temp.u('COLLEAGUE'), 'deals', pg_temp.u('MATE'))$$),
	('AUTH-67', 'Teams tab', 'member of the own team', 'Y Y F F Y', 'can_manage_team', $$insert into team_members (team_id, user_id) values (pg_temp.i('team'), pg_temp.u('MATE'))$$),
	('AUTH-67', 'Teams tab', 'member of another team', 'Y Y F F F', 'can_manage_team', $$insert into team_members (team_id, user_id) values (pg_temp.i('other team'), pg_temp.u('MATE'))$$),
	('AUTH-67', 'Teams tab', 'new team', 'Y Y F F F', 'can_manage_team', $$insert into teams (name) values ('x')$$);

-- Records: every verb on an own and on somebody else's one.
insert into matrix (rows, area, verb, cells, flag, sql)
select t.rows, t.area, format('%s %s', v.verb, o.whose), t.cells, t.flag,
	replace(case v.verb when 'read' then format('select id from %s where %s = ''{}''', t.name, t.label)
		when 'change' then format('update %s set %s = %2$s where %2$s = ''{}''', t.name, t.label)
		when 'delete' then format('delete from %s where %s = ''{}''', t.name, t.label) end, '{}', o.mark)
from (values
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'contacts', 'first_name', 'Y Y Y F F', 'can_access_crm', 1),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'companies', 'name', 'Y Y Y F F', 'can_access_crm', 2),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'deals', 'title', 'Y Y Y F F', 'can_access_crm', 3),
	('AUTH-65', 'Inbox / conversations', 'conversations', 'external_id', 'Y Y Y F Y', 'can_see_assigned_conversations', 4),
	('AUTH-65', 'Tasks', 'tasks', 'title', 'Y Y Y F Y', 'can_access_tasks', 5))
	t (rows, area, name, label, cells, flag, n),
	(values ('read', 1), ('change', 2), ('delete', 3)) v (verb, n), (values ('own', '<me>'), ('other', 'COLLEAGUE')) o (whose, mark)
-- Whom one writes with is known without the CRM; one who never wrote stands below.
where not (v.verb = 'read' and t.name = 'contacts')
order by t.n, v.n, o.whose;
insert into matrix (rows, area, verb, cells, flag, sql) values
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'read own', 'Y Y Y F F', 'can_access_crm', $$select id from contacts where first_name = 'Lone <me>'$$),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'read other', 'Y Y Y F F', 'can_access_crm', $$select id from contacts where first_name = 'Lone COLLEAGUE'$$),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'new contact', 'Y Y Y F F', 'can_access_crm', $$insert into contacts (first_name) values ('x')$$),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'new company', 'Y Y Y F F', 'can_access_crm', $$insert into companies (name) values ('x')$$),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'new deal', 'Y Y Y F F', 'can_access_crm', $$insert into deals (title) values ('x')$$),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'find contacts by name', 'Y Y Y F F', 'can_access_crm', $$select auth.open_table('contacts', false)$$),
	('AUTH-65 AUTH-72', 'Contacts, companies, deals', 'find companies by name', 'Y Y Y F F', 'can_access_crm', $$select auth.open_table('companies', false)$$),
	('AUTH-65', 'Tasks', 'new task', 'Y Y Y F Y', 'can_access_tasks', $$insert into tasks (title) values ('x')$$),
	('AUTH-72', 'Campaigns', 'read', 'Y F F F F', 'can_access_broadcast', $$select id from campaigns$$),
	('AUTH-72', 'Campaigns', 'new', 'Y F F F F', 'can_access_broadcast', $$insert into campaigns (name, type) values ('x', 'SMS')$$),
	('AUTH-72', 'Campaigns', 'change', 'Y F F F F', 'can_access_broadcast', $$update campaigns set name = name$$),
	('AUTH-72', 'Campaigns', 'delete', 'Y F F F F', 'can_access_broadcast', $$delete from campaigns$$),
	('AUTH-66 AUTH-72', 'Projects, support tickets', 'read', 'Y F F Y F', 'can_access_pm', $$select id from projects$$),
	('AUTH-66 AUTH-72', 'Projects, support tickets', 'new', 'Y F F Y F', 'can_access_pm', $$insert into projects (name) values ('x')$$),
	('AUTH-66 AUTH-72', 'Projects, support tickets', 'change', 'Y F F Y F', 'can_access_pm', $$update projects set name = name$$),
	('AUTH-66 AUTH-72', 'Projects, support tickets', 'delete', 'Y F F Y F', 'can_access_pm', $$delete from projects$$),
	('', 'Call records: all', 'own', 'Y Y Y Y Y', null, $$select id from call_records where external_call_id = '<me>'$$),
	('', 'Call records: all', 'others''', 'Y Y F F F', 'can_see_all_call_records', $$select id from call_records where external_call_id = 'COLLEAGUE'$$),
	('', 'Templates: create, edit, copy', 'new', 'Y Y Y - Y', 'can_send_messages', $$insert into templates (name) values ('x')$$),
	('', 'Templates: create, edit, copy', 'change', 'Y Y Y - Y', 'can_send_messages', $$update templates set name = name || '.' where name = 'COLLEAGUE'$$),
	('', 'Templates: delete, bulk delete', 'own', 'Y Y Y - Y', 'can_delete_data', $$delete from templates where name = '<me>'$$),
	('', 'Templates: delete, bulk delete', 'another''s', 'Y Y F - F', 'can_delete_data', $$delete from templates where name = 'COLLEAGUE'$$),
	('', 'Automation rules', 'new', 'Y Y N N N', 'can_manage_settings', $$insert into automation_rules (name, trigger_type) values ('x', 'deal.created')$$),
	('AUTH-77', 'Read / send messages', 'read', 'Y Y Y - Y', 'can_read_messages', $$select id from messages$$),
	('AUTH-77', 'Read / send messages', 'send', 'Y Y Y - Y', 'can_send_messages', $$insert into messages (conversation_id, direction, content) select c.id, 'OUTBOUND', 'x' from conversations c where c.external_id = 'COLLEAGUE'$$),
	('AUTH-93', 'Auto-assignment target', 'conversations', 'F F F N F', 'can_be_auto_assigned_conversations', $$select from public.assignable_members('conversations') where user_id = auth.uid()$$),
	('AUTH-93', 'Auto-assignment target', 'tasks', 'F F F N F', 'can_be_auto_assigned_tasks', $$select from public.assignable_members('tasks') where user_id = auth.uid()$$);
-- Areas of pages and functions that are guarded by auth.enter alone.
insert into matrix (rows, area, verb, cells, flag, sql)
select null, area, 'enter', cells, flag, format('select auth.enter(%L)', key) from (values
	('Sales report', 'Y Y N N N', null, 'sales_report'),
	('Agent performance page', 'Y Y N N N', null, 'agent_performance'),
	('Attendance page', 'Y Y N N N', null, 'attendance'),
	('Call Intelligence: open', 'Y Y F F F', 'can_access_call_intelligence', 'calls'),
	('Call settings, trackers, scorecards', 'Y Y F F F', 'can_manage_call_settings', 'call_settings'),
	('Call reclassify', 'Y Y N N N', 'can_manage_call_settings', 'call_reclassify'),
	('Call bulk delete', 'Y Y N N N', 'can_delete_data', 'call_delete'),
	('Call manager report', 'Y Y N N N', 'can_see_all_call_records', 'call_report'),
	('AI Re-Engagement: configure', 'Y Y N N N', 'can_manage_settings', 'reengagement_settings'),
	('AI Re-Engagement: drafts', 'Y Y Y - Y', 'can_send_messages', 'reengagement_drafts'),
	('Reply Assistant: configure', 'Y Y N N N', 'can_manage_settings', 'reply_assistant_settings'),
	('Reply Assistant: Suggest reply', 'Y Y Y - Y', 'can_send_messages', 'reply_suggestions'),
	('Own AI key', 'Y Y N N N', 'can_manage_settings', 'own_ai_key'),
	('Internal web AI assistant', 'Y Y N N N', 'can_manage_settings', 'ai_assistant'),
	('Social planner', 'Y Y Y F F', 'can_access_social', 'social'),
	('Social planner: publish', 'Y Y F F F', 'can_publish_social', 'social_publish'),
	('Templates: delete, bulk delete', 'Y Y F F F', 'can_delete_data', 'templates_delete'),
	('Tags & Labels, Lifecycle Stages tabs', 'Y Y N N N', 'can_manage_settings', 'labels'),
	('External pages', 'Y Y N N N', 'can_manage_settings', 'external_pages'),
	('Subscription sync', 'Y Y N N N', 'can_manage_settings', 'subscription_sync')) x (area, cells, flag, key);

-- Each cell becomes one or two questions.
create temp view questions as
	select m.position, m.rows, m.area, m.verb, r.n, r.role, c.cell, q.flags, q.expected, replace(m.sql, '<me>', r.role) as sql
	from matrix m
	cross join unnest('{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN}'::text[]) with ordinality r (role, n)
	cross join lateral (select (string_to_array(m.cells, ' '))[r.n] as cell) c
	cross join lateral (values
		-- The owner has everything, whatever somebody wrote into his profile.
		('Y', '{}'::jsonb, 'yes'),
		('N', '{}', 'no'),
		('N', case when m.flag is not null then jsonb_build_object(coalesce(m.flag, ''), true) end, 'no'),
		('F', case when r.role <> 'OWNER' then jsonb_build_object(coalesce(m.flag, ''), true) end, 'yes'),
		('F', case when r.role <> 'OWNER' then jsonb_build_object(coalesce(m.flag, ''), false) end, 'no'),
		('-', '{}', 'no')) q (cell, flags, expected)
	where q.cell = c.cell and q.flags is not null;
select is(pg_temp.can(role, flags, sql), expected, format('%s%s, %s: %s%s %s',
	coalesce('AUTH-79 ' || nullif(rows, '') || ' ', case when rows = '' then 'AUTH-79 ' else 'matrix: ' end), area, verb, role,
	case when flags = '{}' then '' else ' with ' || flags::text end, case expected when 'yes' then 'may' else 'may not' end))
from questions order by position, n, expected desc;

-- ---- own, team, all --------------------------------------------------------------------

create temp table seen (kind text, flag text, sql text);
insert into seen values
	('tasks', 'can_see_all_tasks', 'select title from tasks where title = %L'),
	('deals', 'can_see_all_deals', 'select title from deals where title = %L'),
	('contacts', 'can_see_all_contacts', 'select first_name from contacts where first_name = %L'),
	('companies', 'can_see_all_contacts', 'select name from companies where name = %L'),
	('conversations', 'can_see_all_conversations', 'select from conversations where external_id = %L'),
	('messages', 'can_see_all_conversations', 'select from messages where content = %L');
-- Only what is asked about, or a deal would show its contact.
create function pg_temp.only(flag text) returns jsonb language sql as $$
	select jsonb_build_object('can_see_all_deals', false, 'can_see_all_contacts', false, 'can_see_all_conversations', false,
		'can_see_all_tasks', false) $$;
insert into team_members (organization_id, team_id, user_id) values (:'org', pg_temp.i('team'), pg_temp.u('MATE'));
select is(pg_temp.can('AGENT', pg_temp.only(flag), format(sql, 'AGENT')), 'yes', format('AUTH-79 own %s are seen', kind)) from seen;
select is(pg_temp.can('AGENT', pg_temp.only(flag), format(sql, 'COLLEAGUE')), 'no', format('AUTH-79 without %s others'' %s are not', flag, kind)) from seen;
select is(pg_temp.can('TEAM_ADMIN', pg_temp.only(flag), format(sql, 'MATE')), 'yes', format('ADM-10 the manager sees %s of his team', kind)) from seen;
select is(pg_temp.can('TEAM_ADMIN', pg_temp.only(flag), format(sql, 'COLLEAGUE')), 'no', format('ADM-10 and no others: %s', kind)) from seen;
select is(pg_temp.can('MATE', pg_temp.only(flag), format(sql, 'TEAM_ADMIN')), 'no', format('ADM-10 while the team does not see the manager''s: %s', kind)) from seen;
select is(pg_temp.can('AGENT', pg_temp.only(''), format('select from events where record_type = ''deal'' and data ->> ''title'' = %L', 'COLLEAGUE')),
	'no', 'AUTH-79 nor is their deal found in the events');
select is(pg_temp.can('AGENT', pg_temp.only(''), format('select from events where record_type = ''deal'' and data ->> ''title'' = %L', 'AGENT')),
	'yes', 'while the own one is');
select is(pg_temp.can('AGENT', pg_temp.only(''), format('select from quotes where title = %L', 'COLLEAGUE')), 'no', 'nor is a quote of theirs');
select is(pg_temp.can('AGENT', pg_temp.only(''), $$with d as (insert into deals (title) values ('mine') returning owner_id) select from d where owner_id = auth.uid()$$),
	'yes', 'AUTH-79 who sees only his own makes his own');
select is(pg_temp.can('AGENT', pg_temp.only(''), format('with d as (update deals set stage = ''qualified'' where title = %L returning id) select from d', who)), answer,
	format('DEA-22 who sees only his own deals moves %s', what)) from (values ('AGENT', 'yes', 'his own'), ('COLLEAGUE', 'no', 'nobody else''s')) x (who, answer, what);
select is(pg_temp.can('AGENT', pg_temp.only(''), format('select from deals where title = %L', who)), answer,
	format('DEA-22 and sees %s', what)) from (values ('AGENT', 'yes', 'his own'), ('COLLEAGUE', 'no', 'nobody else''s')) x (who, answer, what);
select is(pg_temp.can('AGENT', pg_temp.only(''), format('select from deal_owner_history where deal_id = %L',
	(select d.id from deals d where d.organization_id = :'org' and d.title = who))), answer, format('DEA-58 the owners of %s deals', what))
	from (values ('AGENT', 'yes', 'his own'), ('COLLEAGUE', 'no', 'nobody else''s')) x (who, answer, what);
select is(pg_temp.can('AGENT', pg_temp.only(''), format('insert into deals (title, owner_id) values (''x'', %L)', pg_temp.u('COLLEAGUE'))),
	'no', 'AUTH-79 and none for somebody else');

-- ---- channels ------------------------------------------------------------------------------

insert into user_channel_access (organization_id, user_id, channel_account_id) values (:'org', pg_temp.u('AGENT'), pg_temp.i('other channel'));
select is(pg_temp.can('AGENT', '{}', 'select from conversations'), 'no', 'AUTH-76 conversations of channels that were not granted are not seen');
select is(pg_temp.can('AGENT', '{}', 'select from messages'), 'no', 'AUTH-76 nor their messages');
select is(pg_temp.can('AGENT', '{}', 'select from channel_accounts where name = ''One'''), 'no', 'AUTH-76 nor the channel');
select is(pg_temp.can('AGENT', '{}', 'select from channel_accounts where name = ''Two'''), 'yes', 'AUTH-76 the granted one is');
select is(pg_temp.can('AGENT', '{}', format('insert into conversations (contact_id, channel_account_id) select id, %L from contacts limit 1', pg_temp.i('channel'))),
	'no', 'AUTH-76 nothing is begun on the other one');
select is(pg_temp.can('AGENT', '{}', format('insert into conversations (contact_id, channel_account_id) select id, %L from contacts limit 1', pg_temp.i('other channel'))),
	'yes', 'AUTH-76 on the granted one it is');
update user_channel_access set channel_account_id = pg_temp.i('channel') where user_id = pg_temp.u('AGENT');
select is(pg_temp.can('AGENT', '{}', 'select from conversations where external_id = ''COLLEAGUE'''), 'yes', 'AUTH-76 a grant opens them');
delete from user_channel_access where organization_id = :'org';

-- ---- raised and lowered (AUTH-75) --------------------------------------------------------------

create function pg_temp.all_answers(flags jsonb) returns text language sql as $$
	select string_agg(pg_temp.can('AGENT', flags, replace(m.sql, '<me>', 'AGENT')), ' ' order by m.position) from matrix m $$;
select pg_temp.all_answers('{"can_see_all_deals": false}') as before \gset
select isnt(pg_temp.all_answers('{"can_manage_team": true, "can_see_all_conversations": true, "can_see_all_deals": true}'), :'before',
	'AUTH-75 an agent is raised with flags');
select is(pg_temp.all_answers('{"can_see_all_deals": false}'), :'before', 'AUTH-75 lowered again, his access is exactly as before');

-- One session, and the flag changes under it.
create function pg_temp.in_session(token text) returns boolean language plpgsql as $$
declare
	r boolean;
begin
	perform auth.begin_session(encode(sha256(token::bytea), 'hex'));
	r := auth.may('can_access_crm');
	perform set_config('request.jwt.claims', '', true);
	return r;
end
$$;
select ok(pg_temp.in_session('matrix AGENT'), 'a session with the CRM');
update profiles set permissions = '{"can_access_crm": false}' where id = pg_temp.u('AGENT');
select ok(not pg_temp.in_session('matrix AGENT'), 'AUTH-73 is without it at once');
update profiles set permissions = '{}' where id = pg_temp.u('AGENT');
select ok(pg_temp.in_session('matrix AGENT'), 'AUTH-73 and has it again');
update profiles set permissions = '{"can_access_crm": false}' where id = pg_temp.u('OWNER');
select ok(pg_temp.in_session('matrix OWNER'), 'AUTH-63 the owner cannot be kept from anything');
select throws_ok(format($$update profiles set permissions = '{"can_fly": true}' where id = %L$$, pg_temp.u('AGENT')), 'KT400', null,
	'a flag that does not exist is refused');
select throws_ok(format($$update profiles set permissions = '{"can_access_pm": "yes"}' where id = %L$$, pg_temp.u('AGENT')), 'KT400', null,
	'so is one that is neither true nor false');
select is(pg_temp.can('AGENT', '{"can_manage_team": true}', format($$update user_roles set role = 'ADMIN' where user_id = %L$$, pg_temp.u('COLLEAGUE'))),
	'no', 'a flag makes nobody an administrator');
select is(pg_temp.can('ADMIN', '{}', format($$update user_roles set role = 'OWNER' where user_id = %L$$, pg_temp.u('COLLEAGUE'))),
	'no', 'and nobody makes an owner');
select throws_ok(format($$update user_roles set role = 'EXECUTIVE' where user_id = %L$$, pg_temp.u('AGENT')), '23514', null,
	'AUTH-62 there are five roles');
select is((select count(*) from information_schema.columns where table_schema = 'public' and table_name = 'profiles' and column_name = 'role'), 0::bigint,
	'AUTH-62 AUTH-68 a profile has no role to patch');

-- ---- the other product's roles (admin.md, proposed roles matrix) -----------------------------------

create temp table sets (name text, own text, team text, everything text, change_all text, admin text, finance text);
insert into sets values
	('Sales Rep', 'yes', 'no', 'no', 'no', 'no', 'no'), ('Manager', 'yes', 'yes', 'no', 'no', 'no', 'no'),
	('Executive', 'yes', 'yes', 'yes', 'no', 'no', 'no'), ('Admin', 'yes', 'yes', 'yes', 'yes', 'yes', 'yes'),
	('Finance', 'yes', 'no', 'no', 'no', 'no', 'yes');
-- He becomes that; the manager's team is the one above.
create function pg_temp.as_set(of_name text, sql text) returns text language plpgsql as $$
declare
	answer text;
begin
	update user_roles r set permission_set_id = s.id from permission_sets s
		where s.organization_id = pg_temp.i('org') and s.name = of_name and r.user_id = pg_temp.u('AGENT');
	update teams set manager_id = case of_name when 'Manager' then pg_temp.u('AGENT') end where id = pg_temp.i('team');
	return pg_temp.can('AGENT', '{}', sql);
end
$$;
delete from quotes where organization_id = :'org' and title <> 'MATE';
select is(pg_temp.as_set(name, 'select from deals where title = ''AGENT'''), own, format('ADM-14 ADM-15 %s: own records', name)) from sets;
select is(pg_temp.as_set(name, 'update deals set value = 5 where title = ''AGENT'''), own, format('ADM-14 ADM-15 %s: own records, to change', name)) from sets;
select is(pg_temp.as_set(name, 'select from conversations where external_id = ''MATE'''), team,
	format('ADM-14 ADM-15 %s: team records', name)) from sets;
select is(pg_temp.as_set(name, 'select from deals where title = ''COLLEAGUE'''), everything, format('ADM-14 ADM-15 %s: all records', name)) from sets;
select is(pg_temp.as_set(name, 'update deals set value = 5 where title = ''COLLEAGUE'''), change_all, format('ADM-14 ADM-15 %s: all records, to change', name)) from sets;
select is(pg_temp.as_set(name, 'update organizations set name = name'), admin, format('ADM-14 ADM-15 ADM-16 %s: administration', name)) from sets;
select is(pg_temp.as_set(name, 'select from auth.enter(''finance'')'), finance, format('ADM-14 ADM-15 %s: finance', name)) from sets;
select is(pg_temp.as_set('Finance', 'select from quotes q join deals d on d.id = q.deal_id join contacts k on k.id = d.contact_id where q.title = ''MATE'''),
	'yes', 'ADM-15 Finance reads a quote with its deal and contact');
select is(pg_temp.as_set('Finance', 'update deals set value = 5 where title = ''MATE'''), 'no', 'ADM-15 but does not change the deal');
select is(pg_temp.as_set('Manager', $$select from public.my_access() a where a ->> 'team_records' = 'true' and a ->> 'permission_set' = 'Manager'$$),
	'yes', 'ADM-15 and everybody is told his rights');
update user_roles set role = 'PROJECT_MANAGER' where user_id = pg_temp.u('AGENT');
select is((select permission_set_id from user_roles where user_id = pg_temp.u('AGENT')), null, 'ADM-14 another role puts the set away');
select is(pg_temp.can('MATE', '{"can_manage_team": true}', format($$select app.invite('x@matrix.example', 'AGENT', %L, repeat('b', 64), null, 'v1.x', '{}', '1 day')$$,
	(select id from permission_sets where organization_id = :'org' and name = 'Admin'))), 'no', 'a flag gives nobody a permission set');
select throws_ok(format('update teams set manager_id = %L where id = %L', pg_temp.u('PROJECT_MANAGER'), pg_temp.i('team')), 'KT400', null,
	'ADM-8 only an owner, administrator or team administrator manages a team');
select lives_ok(format($$insert into team_members (organization_id, team_id, user_id) values (%L, %L, %L)$$, :'org', pg_temp.i('other team'), pg_temp.u('MATE')),
	'ADM-8 a member can be in several teams');

select * from finish();
rollback;
