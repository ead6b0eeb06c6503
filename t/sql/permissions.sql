-- What a member, a key and a token may do inside their own tenant.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
-- Somebody with the role of an agent, whether the demo has one or not.
insert into auth.users (email) values ('rights@agent.example') returning id as agent \gset
insert into profiles (organization_id, id, first_name, email) values (:'org', :'agent', 'Rita', 'rights@agent.example');
insert into user_roles (organization_id, user_id, role) values (:'org', :'agent', 'AGENT');
insert into auth.sessions (token_hash, user_id, organization_id, kind, expires_at)
	values (sha256('rights'), :'agent', :'org', 'refresh', now() + interval '1 hour') returning id as session \gset
insert into webhook_configurations (organization_id, url, events) values (:'org', 'https://hooks.example/rights', '{deal.created}');
select internal.emit(:'org', 'message.received', 'message', uuid7(), '{"content": "secret"}') \gset
insert into channel_accounts (organization_id, name, type, external_id) values (:'org', 'Rights', 'TELEGRAM', 'rights')
	returning id as channel \gset
insert into inbound_hooks (organization_id, channel_account_id, dedupe, body, state)
	values (:'org', :'channel', 'rights', 'x', 'done');

-- What the statement does as the role of these claims: rows, or the SQLSTATE.
create function pg_temp.as_claims(claims json, sql text) returns text language plpgsql as $$
declare
	n bigint;
	why text;
begin
	perform set_config('request.jwt.claims', claims::text, true);
	perform set_config('role', 'authenticated', true);
	begin
		execute sql;
		get diagnostics n = row_count;
		why := n;
	exception when others then
		why := sqlstate;
	end;
	perform set_config('role', 'none', true);
	return why;
end
$$;
select json_build_object('organization_id', :'org', 'sub', :'agent', 'role', 'authenticated', 'app_role', 'AGENT') as agent_claims,
	json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated', 'app_role', 'OWNER') as owner_claims,
	json_build_object('organization_id', :'org', 'role', 'authenticated', 'app_role', 'SYSTEM') as system_claims,
	json_build_object('organization_id', :'org', 'role', 'authenticated', 'app_role', 'ADMIN', 'can_read_messages', false,
		'can_send_messages', false) as key_claims \gset

-- ---- settings are the administrators' ----------------------------------------

create temp table settings (what text, sql text, refused text);
insert into settings values
	('a key of the organization', 'insert into api_keys (name, prefix, key_hash) values (''x'', ''x'', sha256(''rights''))', '42501'),
	('the name of the organization', 'update organizations set name = name', 'KT403'),
	('where a channel sends to', 'update channel_accounts set settings = ''{"api_base": "https://x.example"}'' where name = ''Rights''', 'KT403'),
	('a channel', 'insert into channel_accounts (name, type, external_id) values (''x'', ''TELEGRAM'', ''rights2'')', 'KT403'),
	('a webhook', 'insert into webhook_configurations (url, events) values (''https://x.example'', ''{deal.created}'')', 'KT403'),
	('a webhook''s end', 'delete from webhook_configurations where url = ''https://hooks.example/rights''', 'KT403'),
	('a pipeline', 'insert into pipelines (name) values (''Rights'')', 'KT403');
select is(pg_temp.as_claims(:'agent_claims', sql), refused, format('an agent does not change settings: %s', what)) from settings;
select isnt(pg_temp.as_claims(:'owner_claims', sql), refused, format('an owner does: %s', what)) from settings;
select is(pg_temp.as_claims(:'agent_claims', 'select from webhook_logs'), '0', 'SET-57 logs of webhooks are not an agent''s');
select is(pg_temp.as_claims(:'agent_claims', 'update profiles set first_name = ''x'' where id <> auth.uid()'), 'KT403', 'nobody edits another''s profile');
select is(pg_temp.as_claims(:'agent_claims', 'update profiles set first_name = ''Rita'' where id = auth.uid()'), '1', 'but his own');

-- ---- what providers sent ----------------------------------------------------------

select is(pg_temp.as_claims(:'owner_claims', 'select from inbound_hooks'), '0', 'stored calls of providers are not for people');
select is(pg_temp.as_claims(:'owner_claims', format('insert into inbound_hooks (channel_account_id, dedupe, body) values (%L, ''y'', ''y'')', :'channel')),
	'42501', 'nor can anybody make one up');
select is(pg_temp.as_claims(:'system_claims', 'select from inbound_hooks where dedupe = ''rights'''), '1', 'the programs read them');

-- ---- API-19: keys without messages ----------------------------------------------------

select is(pg_temp.as_claims(:'key_claims', 'select from events where record_type = ''message'''), '0',
	'API-19 a key without can_read_messages does not find them in the events');
select isnt(pg_temp.as_claims(:'key_claims', 'select from events'), '0', 'other events it does');
select isnt(pg_temp.as_claims(:'owner_claims', 'update messages set status = status'), '0', 'there are messages');
select is(pg_temp.as_claims(:'key_claims', 'update messages set status = status'), 'KT403',
	'API-19 without can_send_messages it sends nothing again');

-- ---- tokens ------------------------------------------------------------------------------

create function pg_temp.role_now(claims json) returns text language plpgsql as $$
begin
	perform auth.begin_claims(claims::text);
	return auth.app_role() || ' ' || auth.uid();
exception when others then
	return sqlstate;
end
$$;
select json_build_object('sub', :'owner', 'organization_id', :'org', 'role', 'authenticated', 'app_role', 'OWNER',
	'session_id', :'session') as token \gset
select is(pg_temp.role_now(:'token'), 'AGENT ' || :'agent', 'a token opens what its session''s user is now, not what it says');
update user_roles set role = 'ADMIN' where user_id = :'agent';
select is(pg_temp.role_now(:'token'), 'ADMIN ' || :'agent', 'a new role counts at once');
update profiles set is_active = false where id = :'agent';
select is(pg_temp.role_now(:'token'), 'KT403', 'INB-123 who was deactivated is out at once');
select is(pg_temp.role_now('{"role": "kontor"}'), '28000', 'no token names a role of the database');

select * from finish();
rollback;
