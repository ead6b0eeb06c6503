-- The history of the configuration: commits in words, content-addressed, and
-- the way back.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated',
	'app_role', 'OWNER')::text, true) \gset

create function pg_temp.head() returns public.config_commits language sql as $$ select internal.config_head(auth.org()) $$;
create function pg_temp.says(wanted text, name text) returns setof text language sql as $$
	select is((pg_temp.head()).message, wanted, name) $$;

select isnt((pg_temp.head()).sha, null, 'ADM-24 a tenant has a history from its first day');
select is((pg_temp.head()).tree, internal.config_state(:'org'), 'ADM-24 its newest tree is what is there');

-- ---- words -------------------------------------------------------------------------------

insert into pipelines (organization_id, name, stages) values (:'org', 'Enterprise', '[{"id": "new", "name": "New"}, {"id": "won", "name": "Won"}]')
	returning id as pipe \gset
select pg_temp.says('Added pipeline Enterprise', 'ADM-26 a new pipeline');
select (pg_temp.head()).sha as before \gset
update pipelines set stages = '[{"id": "new", "name": "New"}, {"id": "talk", "name": "Negotiation"}, {"id": "won", "name": "Won"}]' where id = :'pipe';
select pg_temp.says('Updated Enterprise pipeline — added Negotiation stage', 'ADM-26 a stage more');
update pipelines set stages = jsonb_set(stages, '{1,probability}', '40') where id = :'pipe';
select pg_temp.says('Updated Enterprise pipeline — changed Negotiation probability from 0 to 40', 'ADM-26 with the old and the new value');
insert into custom_field_definitions (entity, label, type) values ('contact', 'Industry of theirs', 'text') returning id as field \gset
select pg_temp.says('Added custom field ''Industry of theirs'' to Contact', 'ADM-26 a custom field');
update custom_field_definitions set required = true where id = :'field';
select pg_temp.says('Changed custom field ''Industry of theirs'' of Contact: required from no to yes', 'ADM-26 what became of it');
update organizations set timezone = 'Asia/Tokyo' where id = :'org';
select matches((pg_temp.head()).message, '^Changed timezone from .* to Asia/Tokyo$', 'ADM-26 the workspace');
select id as agent from user_roles where organization_id = :'org' and role = 'AGENT' limit 1 \gset
update user_roles set role = 'TEAM_ADMIN' where id = :'agent';
select matches((pg_temp.head()).message, 'role from AGENT to TEAM_ADMIN', 'ADM-26 AUTH-101 a role');
update channel_accounts set is_active = false where organization_id = :'org' and type = 'TELEGRAM';
select matches((pg_temp.head()).message, '^Disabled channel ', 'ADM-26 an integration that was switched off');
update organizations set settings = settings || '{"map_token": "sk-very-secret", "social_media_planner": true}' where id = :'org';
select matches((pg_temp.head()).message, 'social_media_planner true', 'a setting');
select is((select count(*) from config_objects where body::text ~ 'sk-very-secret'), 0::bigint, 'no secret is in the history');
select is((select count(*) from config_commits where message ~ 'sk-very-secret'), 0::bigint, 'nor in its words');
select (pg_temp.head()).sha as head \gset
update organizations set settings = settings || '{"map_token": "another"}', updated_at = now() where id = :'org';
select is((pg_temp.head()).sha, :'head', 'what is not in it makes no commit');

-- ---- objects --------------------------------------------------------------------------------

select is((pg_temp.head()).author_id, :'owner'::uuid, 'ADM-25 a commit has its author');
select matches((pg_temp.head()).sha, '^[0-9a-f]{40}$', 'ADM-25 and a hash');
select is((select count(*) from config_commits c left join config_commits p on p.organization_id = c.organization_id and p.sha = c.parent
	where c.organization_id = :'org' and p.sha is null), 1::bigint, 'ADM-24 each has its parent, but the first');
select is((select count(*) from config_commits c, jsonb_each_text(c.tree) t where c.organization_id = :'org' and not exists
	(select from config_objects o where o.organization_id = c.organization_id and o.sha = t.value)), 0::bigint, 'and all its objects');
select is((select sha from config_objects where organization_id = :'org' limit 1),
	(select encode(internal.digest(convert_to(body::text, 'UTF8'), 'sha1'), 'hex') from config_objects where organization_id = :'org' limit 1),
	'an object is known by the SHA-1 of its content');

-- ---- back ---------------------------------------------------------------------------------------

insert into contacts (organization_id, first_name, custom_fields) values (:'org', 'Has one', '{"industry_of_theirs": "Wood"}') returning id as contact \gset
insert into deals (organization_id, title, pipeline_id, stage, contact_id) values (:'org', 'In negotiation', :'pipe', 'talk', :'contact');
select internal.config_restore(:'org', :'before') as warnings \gset
select is((select stages from pipelines where id = :'pipe') -> 0 ->> 'name', 'New', 'ADM-27 a pipeline is what it was');
select is((select string_agg(s ->> 'id', ' ') from pipelines, jsonb_array_elements(stages) s where id = :'pipe'), 'new won talk',
	'but a stage with deals stays');
select matches(:'warnings'::text, 'Negotiation stays, because there are deals', 'and this is said');
select is((select is_hidden from custom_field_definitions where id = :'field'), true, 'ADM-27 a field that was not there is hidden');
select is((select custom_fields ->> 'industry_of_theirs' from contacts where id = :'contact'), 'Wood', 'and its values are kept');
select isnt((select timezone from organizations where id = :'org'), 'Asia/Tokyo', 'ADM-27 so is the workspace');
select is((select settings ->> 'map_token' from organizations where id = :'org'), 'another', 'secrets stay');
select is((select role from user_roles where id = :'agent'), 'AGENT', 'ADM-27 and roles');
select is((select bool_and(is_active) from channel_accounts where organization_id = :'org' and type = 'TELEGRAM'), true, 'ADM-27 and what was switched off is on');
select matches((pg_temp.head()).message, '^Restored the settings of [0-9a-f]{6} \(Added pipeline Enterprise\)$', 'ADM-27 by a new commit');
select is((pg_temp.head()).tree, internal.config_state(:'org'), 'whose tree is what is there now');
select is((select data ->> 'message' from events where organization_id = :'org' and type = 'config.restored' order by position desc limit 1), 'Added pipeline Enterprise', 'and the audit log has it');
select throws_ok(format('select internal.config_restore(%L, %L)', :'org', (pg_temp.head()).sha), 'KT409', null, 'there is nothing to do twice');
select throws_ok(format('select internal.config_restore(%L, %L)', :'org', repeat('0', 40)), 'KT404', null, 'nor what never was');

select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated',
	'app_role', 'AGENT')::text, true) \gset
select throws_ok(format('select internal.config_restore(%L, %L)', :'org', :'before'), 'KT403', null, 'ADM-16 it is for administrators');
select * from finish();
rollback;
