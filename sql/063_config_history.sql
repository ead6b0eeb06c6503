-- The history of the configuration: a commit for every change of a pipeline, a
-- custom field, a role, a channel ..., with the way back (ADM-24..27).
--
-- As in Git, an object is known by the SHA-1 of its content, a tree says which
-- object stands at which path ("pipeline/<id>"), and a commit names its tree,
-- its parent, who and why. It is written in the transaction of the change.
-- Only the columns listed here are in it: no secret ever is.

create extension if not exists pgcrypto with schema internal; -- for SHA-1

create table public.config_objects (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	sha text not null check (sha ~ '^[0-9a-f]{40}$'),
	body jsonb not null,
	primary key (organization_id, sha)
);
comment on table public.config_objects is 'Contents of the configuration, each once, by their SHA-1';

create table public.config_commits (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	sha text not null check (sha ~ '^[0-9a-f]{40}$'),
	parent text,
	tree jsonb not null,
	message text not null,
	author_id uuid,
	api_key_id uuid,
	created_at timestamptz not null default clock_timestamp(),
	position bigint generated always as identity, -- ids of one millisecond have no order
	primary key (organization_id, id),
	constraint config_commits_sha_key unique (organization_id, sha)
);
comment on table public.config_commits is 'Every change of the configuration; tree: path to the SHA-1 of what stands there';
do $$ begin
	perform internal.tenant_table('public.config_objects', writable => false);
	perform internal.tenant_table('public.config_commits', writable => false);
	perform internal.admin_table('public.config_objects', read => true);
	perform internal.admin_table('public.config_commits', read => true);
end $$;

-- ---- what belongs to it -------------------------------------------------------------

-- kind, table, and the columns that are kept.
create function internal.config_kinds() returns table (kind text, source text, names text[])
language sql immutable
as $$
	values ('organization', 'organizations', '{name,timezone,currency,settings,restrict_keys_by_ip}'::text[]),
		('pipeline', 'pipelines', '{name,is_default,stages}'),
		('custom_field', 'custom_field_definitions',
			'{entity,key,label,type,options,lookup_entity,required,is_hidden,position}'),
		('role', 'user_roles', '{user_id,role,permission_set_id}'),
		('permission', 'profiles', '{permissions}'),
		('permission_set', 'permission_sets', '{name,role,permissions,description,discount_limit}'),
		('channel', 'channel_accounts', '{name,type,is_active}'),
		('webhook', 'webhook_configurations', '{name,url,events,is_active}'),
		('ip_range', 'ip_ranges', '{range,label}')
$$;

-- A row's part in the history. What a setting calls key, secret, token or
-- password stays out, and so does the query of an address.
create function internal.config_part(kind text, r jsonb) returns jsonb
language sql stable
as $$
	select nullif(coalesce(jsonb_object_agg(n, case
			when n = 'settings' then (select coalesce(jsonb_object_agg(s.key, s.value), '{}') from jsonb_each(r -> 'settings') s
				where s.key !~* '(key|secret|token|password)')
			when n = 'url' then to_jsonb(split_part(r ->> 'url', '?', 1))
			else r -> n end), '{}'), '{}')
	from internal.config_kinds() k, unnest(k.names) n
	where k.kind = config_part.kind and r ? n
$$;

-- ---- a change in words --------------------------------------------------------------

create function internal.config_value(v jsonb) returns text
language sql stable
as $$
	select case when v is null or v in ('null', '""', '[]', '{}') then 'nothing' when v = 'true' then 'yes' when v = 'false' then 'no'
		when jsonb_typeof(v) = 'array' then coalesce((select string_agg(x, ', ') from jsonb_array_elements_text(v) x), 'nothing')
		when jsonb_typeof(v) = 'object' then (select string_agg(e.key || ' ' || coalesce(e.value, ''), ', ' order by e.key) from jsonb_each_text(v) e)
		else v #>> '{}' end
$$;

-- "required from no to yes, label from A to B"
create function internal.config_differences(o jsonb, n jsonb, without text[] default '{}') returns text
language sql stable
as $$
	select string_agg(case k.key when 'restrict_keys_by_ip' then 'IP restrictions for API keys' else replace(k.key, '_', ' ') end || ' from ' || left(internal.config_value(o -> k.key), 80) || ' to '
		|| left(internal.config_value(n -> k.key), 80), ', ' order by k.key)
	from jsonb_object_keys(coalesce(n, '{}') || coalesce(o, '{}')) k (key)
	where o -> k.key is distinct from n -> k.key and k.key <> all (without)
$$;

-- "added Negotiation stage, renamed stage New to Deal"
create function internal.config_stages(o jsonb, n jsonb) returns text
language sql stable
as $$
	with old_stage as (select s ->> 'id' as id, s ->> 'name' as name, s, i from jsonb_array_elements(o) with ordinality e (s, i)),
	new_stage as (select s ->> 'id' as id, s ->> 'name' as name, s, i from jsonb_array_elements(n) with ordinality e (s, i)),
	words as (
		select 1 as part, i, 'added ' || name || ' stage' as text from new_stage where id not in (select id from old_stage)
		union all
		select 2, i, 'removed ' || name || ' stage' from old_stage where id not in (select id from new_stage)
		union all
		select 3, x.i, 'renamed stage ' || y.name || ' to ' || x.name from new_stage x join old_stage y using (id) where x.name <> y.name
		union all
		select 4, x.i, 'changed ' || x.name || ' ' || internal.config_differences(y.s - '{name,position}'::text[], x.s - '{name,position}'::text[])
			from new_stage x join old_stage y using (id)
			where y.s - '{name,position}'::text[] <> x.s - '{name,position}'::text[])
	select coalesce((select string_agg(text, ', ' order by part, i) from words), case when o is distinct from n then 'changed the order of the stages' end)
$$;

create function internal.config_message(org uuid, kind text, record uuid, o jsonb, n jsonb) returns text
language plpgsql stable
as $$
declare
	r jsonb := coalesce(n, o);
	name text := case kind when 'ip_range' then concat_ws(', ', r ->> 'range', r ->> 'label')
		else coalesce(r ->> 'label', r ->> 'name', '') end;
	person text := case when kind in ('role', 'permission')
		then internal.entity_label(org, 'user', coalesce((r ->> 'user_id')::uuid, record)) end;
	rest text := internal.config_differences(o, n, '{stages,user_id}');
begin
	return case kind
		when 'organization' then case when o is null then 'Created the workspace ' || name else 'Changed ' || rest end
		when 'role' then case when o is null then format('Gave %s the role %s', person, n ->> 'role')
			when n is null then format('Took the role %s from %s', o ->> 'role', coalesce(person, 'a member'))
			else format('Changed %s of %s', rest, person) end
		when 'permission' then format('Changed permissions of %s: %s', person,
			internal.config_differences(o -> 'permissions', n -> 'permissions'))
		when 'permission_set' then case when o is null then format('Added permission set %s', name)
			when n is null then format('Deleted permission set %s', name)
			else format('Changed %s %s', name, concat_ws(', ', internal.config_differences(o -> 'permissions', n -> 'permissions'),
				internal.config_differences(o, n, '{permissions}'))) end
		when 'pipeline' then case when o is null then format('Added pipeline %s', name)
			when n is null then format('Deleted pipeline %s', name)
			else format('Updated %s pipeline — %s', name, concat_ws(', ', internal.config_stages(o -> 'stages', n -> 'stages'), rest)) end
		when 'custom_field' then case
			when o is null then format('Added custom field ''%s'' to %s', name, initcap(n ->> 'entity'))
			when n is null then format('Deleted custom field ''%s'' of %s', name, initcap(o ->> 'entity'))
			when rest ~ '^is hidden from \w+ to \w+$' then format('%s custom field ''%s'' of %s',
				case n ->> 'is_hidden' when 'true' then 'Hid' else 'Showed' end, name, initcap(n ->> 'entity'))
			else format('Changed custom field ''%s'' of %s: %s', name, initcap(n ->> 'entity'), rest) end
		when 'ip_range' then case when o is null then format('Allowed signing in from %s', name)
			when n is null then format('Signing in from %s is not allowed any more', name)
			else format('Changed %s: %s', name, rest) end
		else case when o is null then format('Connected %s %s', kind, name) when n is null then format('Deleted %s %s', kind, name)
			when rest ~ '^is active from \w+ to \w+$' then format('%s %s %s',
				case n ->> 'is_active' when 'true' then 'Enabled' else 'Disabled' end, kind, name)
			else format('Changed %s %s: %s', kind, name, rest) end end;
end
$$;

-- ---- committing -----------------------------------------------------------------------

create function internal.config_store(org uuid, content jsonb) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	id text := encode(internal.digest(convert_to(content::text, 'UTF8'), 'sha1'), 'hex');
begin
	insert into public.config_objects (organization_id, sha, body) values (org, id, content) on conflict do nothing;
	return id;
end
$$;

create function internal.config_head(org uuid) returns public.config_commits
language sql stable
as $$ select c from public.config_commits c where c.organization_id = org order by c.position desc limit 1 $$;
create unique index config_commits_position_key on public.config_commits (organization_id, position desc);

create function internal.config_commit(org uuid, new_tree jsonb, why text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	head public.config_commits := internal.config_head(org);
	at timestamptz := clock_timestamp();
	id text := encode(internal.digest(convert_to(concat_ws(E'\n', 'parent ' || head.sha, 'tree ' || new_tree::text,
		'author ' || auth.uid(), 'time ' || at, why), 'UTF8'), 'sha1'), 'hex');
begin
	insert into public.config_commits (organization_id, sha, parent, tree, message, author_id, api_key_id, created_at)
		values (org, id, head.sha, new_tree, left(why, 1000), auth.uid(), (auth.claims() ->> 'api_key_id')::uuid, at);
	return id;
end
$$;

-- After each row of a table of the configuration. Commits of a tenant stand in
-- a row: the lock keeps two writers from having the same parent.
create function internal.config_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	kind text := tg_argv[0];
	r jsonb := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
	org uuid := coalesce(r ->> 'organization_id', r ->> 'id')::uuid;
	o jsonb := case when tg_op <> 'INSERT' then internal.config_part(kind, to_jsonb(old)) end;
	n jsonb := case when tg_op <> 'DELETE' then internal.config_part(kind, r) end;
	place text := kind || '/' || (r ->> 'id');
	tree jsonb;
begin
	if o is not distinct from n or current_setting('kontor.config_quiet', true) = 'on'
			or (kind = 'permission' and (tg_op = 'DELETE' or (tg_op = 'INSERT' and n -> 'permissions' in ('{}'))))
			or not exists (select from public.organizations p where p.id = org) then
		return null;
	end if;
	perform pg_advisory_xact_lock(hashtextextended('config' || org, 0));
	tree := coalesce((internal.config_head(org)).tree, '{}');
	tree := case when n is null then tree - place
		else tree || jsonb_build_object(place, internal.config_store(org, n)) end;
	perform internal.config_commit(org, tree, internal.config_message(org, kind, (r ->> 'id')::uuid, o, n));
	return null;
end
$$;

-- The tree of what is there now, its objects stored.
create function internal.config_state(org uuid) returns jsonb
language plpgsql security definer set search_path = ''
as $$
declare
	k record;
	one jsonb;
	tree jsonb := '{}';
begin
	for k in select * from internal.config_kinds() where to_regclass('public.' || source) is not null loop
		execute format('select coalesce(jsonb_object_agg($1 || ''/'' || t.id, internal.config_store($2, internal.config_part($1, to_jsonb(t)))), ''{}'')
			from public.%I t where t.%I = $2 and internal.config_part($1, to_jsonb(t)) is not null
				and not ($1 = ''permission'' and internal.config_part($1, to_jsonb(t)) -> ''permissions'' = ''{}'')', k.source,
			case k.kind when 'organization' then 'id' else 'organization_id' end)
			into one using k.kind, org;
		tree := tree || one;
	end loop;
	return tree;
end
$$;

do $$
declare
	k record;
begin
	for k in select * from internal.config_kinds() where to_regclass('public.' || source) is not null loop
		execute format('create trigger config after insert or update or delete on public.%I
			for each row execute function internal.config_changed(%L)', k.source, k.kind);
	end loop;
	-- Tenants from before begin with what they have.
	perform internal.config_commit(o.id, internal.config_state(o.id), 'The settings as they were found') from public.organizations o;
end $$;

-- ---- looking at it -----------------------------------------------------------------------

-- Path by path, what differs between two trees, in words.
create function internal.config_diff(org uuid, from_tree jsonb, to_tree jsonb) returns table (place text, words text, old_body jsonb, new_body jsonb)
language sql stable
as $$
	select p.place, internal.config_message(org, split_part(p.place, '/', 1), split_part(p.place, '/', 2)::uuid, o.body, n.body), o.body, n.body
	from (select jsonb_object_keys(coalesce(from_tree, '{}') || coalesce(to_tree, '{}')) as place) p
	left join public.config_objects o on o.organization_id = org and o.sha = from_tree ->> p.place
	left join public.config_objects n on n.organization_id = org and n.sha = to_tree ->> p.place
	where from_tree ->> p.place is distinct from to_tree ->> p.place
	order by p.place
$$;

-- An object for people: stages by their names, no ids of users.
create function internal.config_shown(body jsonb) returns jsonb
language sql stable
as $$
	select case when body ? 'stages' then body || jsonb_build_object('stages',
			(select jsonb_agg(s -> 'name') from jsonb_array_elements(body -> 'stages') s)) else body - 'user_id' end
$$;

-- What of it the other has not; all of it when there is no other.
create function internal.config_only(body jsonb, other jsonb) returns jsonb
language sql stable
as $$
	select jsonb_object_agg(b.key, b.value) from jsonb_each(internal.config_shown(body)) b
	where other is null or internal.config_shown(other) -> b.key is distinct from b.value
$$;

-- ---- the way back --------------------------------------------------------------------------

-- Each of these makes one row what it was, or says why not. wanted null: the
-- row was not there then.
create function internal.restore_pipeline(org uuid, record uuid, wanted jsonb) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	used jsonb;
begin
	if wanted is null then
		delete from public.pipelines p where p.organization_id = org and p.id = record and not p.is_default
			and not exists (select from public.deals d where d.organization_id = org and d.pipeline_id = record);
		return case when not found then 'A pipeline with deals in it stays' end;
	end if;
	if (wanted ->> 'is_default')::boolean then
		update public.pipelines p set is_default = false where p.organization_id = org and p.is_default and p.id <> record;
	end if;
	select jsonb_agg(s order by n) into used from public.pipelines p, jsonb_array_elements(p.stages) with ordinality e (s, n)
		where p.organization_id = org and p.id = record
			and not exists (select from jsonb_array_elements(wanted -> 'stages') w where w ->> 'id' = s ->> 'id')
			and exists (select from public.deals d where d.organization_id = org and d.pipeline_id = record and d.stage = s ->> 'id');
	insert into public.pipelines as p (organization_id, id, name, is_default, stages)
		values (org, record, wanted ->> 'name', (wanted ->> 'is_default')::boolean,
			(wanted -> 'stages') || coalesce((select jsonb_agg(s - 'position') from jsonb_array_elements(used) s), '[]'))
		on conflict (organization_id, id) do update set name = excluded.name, is_default = excluded.is_default, stages = excluded.stages;
	return case when used is not null then format('%s: the stage %s stays, because there are deals in it', wanted ->> 'name',
		(select string_agg(s ->> 'name', ', ') from jsonb_array_elements(used) s)) end;
end
$$;

create function internal.restore_custom_field(org uuid, record uuid, wanted jsonb) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	f public.custom_field_definitions;
begin
	if wanted is null then
		update public.custom_field_definitions d set is_hidden = true where d.organization_id = org and d.id = record
			and not d.is_hidden returning * into f;
		return case when found then format('The field %s is hidden; its values are kept', f.label) end;
	end if;
	f := jsonb_populate_record(null::public.custom_field_definitions, wanted);
	insert into public.custom_field_definitions as d (organization_id, id, entity, key, label, type, options, lookup_entity, required,
			is_hidden, position)
		values (org, record, f.entity, f.key, f.label, f.type, f.options, f.lookup_entity, f.required, f.is_hidden, f.position)
		on conflict (organization_id, id) do update set label = excluded.label, type = excluded.type, options = excluded.options,
			lookup_entity = excluded.lookup_entity, required = excluded.required, is_hidden = excluded.is_hidden,
			position = excluded.position;
	return null;
exception when unique_violation then
	return format('Another field has the key %s now', wanted ->> 'key');
end
$$;

-- What a person may is given back but to oneself and to owners, so that a way
-- back is no way up.
create function internal.restore_role(org uuid, record uuid, wanted jsonb) returns text
language plpgsql security definer set search_path = ''
as $$
begin
	update public.user_roles r set role = wanted ->> 'role'
		where r.organization_id = org and r.id = record and wanted is not null
			and r.user_id is distinct from auth.uid() and r.role <> 'OWNER' and wanted ->> 'role' <> 'OWNER';
	return case when not found then 'Your own role, owners and who has joined or left since stay as they are' end;
end
$$;

create function internal.restore_other(org uuid, of_kind text, record uuid, wanted jsonb) returns text
language plpgsql security definer set search_path = ''
as $$
begin
	case of_kind
		when 'organization' then
			update public.organizations o set name = wanted ->> 'name', timezone = wanted ->> 'timezone', currency = wanted ->> 'currency',
					settings = o.settings || coalesce(wanted -> 'settings', '{}'),
					restrict_keys_by_ip = (wanted ->> 'restrict_keys_by_ip')::boolean
				where o.id = org and o.id = record;
		when 'channel' then
			update public.channel_accounts c set name = wanted ->> 'name', is_active = (wanted ->> 'is_active')::boolean
				where c.organization_id = org and c.id = record and wanted is not null;
		when 'webhook' then
			update public.webhook_configurations w set name = wanted ->> 'name', is_active = (wanted ->> 'is_active')::boolean,
					events = array(select jsonb_array_elements_text(wanted -> 'events'))
				where w.organization_id = org and w.id = record and wanted is not null;
		when 'ip_range' then
			if wanted is null then
				delete from public.ip_ranges r where r.organization_id = org and r.id = record;
			else
				insert into public.ip_ranges (organization_id, id, range, label)
					values (org, record, (wanted ->> 'range')::cidr, wanted ->> 'label')
					on conflict (organization_id, id) do update set range = excluded.range, label = excluded.label;
			end if;
		else
			return format('%s stays as it is', initcap(replace(of_kind, '_', ' ')));
	end case;
	return case when not found then format('The %s %s is gone, with its secrets; connect it again', of_kind, wanted ->> 'name') end;
end
$$;

-- Everything as it was at that commit, by one new commit. Returns what could
-- not be brought back.
create function internal.config_restore(org uuid, wanted_sha text) returns text[]
language plpgsql security definer set search_path = ''
as $$
declare
	target public.config_commits;
	now_tree jsonb;
	d record;
	warning text;
	warnings text[] := '{}';
begin
	perform internal.admins_only('the configuration');
	if org is distinct from auth.org() then
		raise exception using errcode = 'KT403', message = 'This configuration belongs to another organization';
	end if;
	select * into target from public.config_commits c where c.organization_id = org and c.sha = wanted_sha;
	if target.id is null then
		raise exception using errcode = 'KT404', message = 'This state of the configuration does not exist';
	end if;
	perform pg_advisory_xact_lock(hashtextextended('config' || org, 0));
	now_tree := (internal.config_head(org)).tree;
	if now_tree = target.tree then
		raise exception using errcode = 'KT409', message = 'The settings are like this already';
	end if;
	perform set_config('kontor.config_quiet', 'on', true);
	for d in select split_part(x.place, '/', 1) as kind, split_part(x.place, '/', 2)::uuid as id, x.new_body as body
		from internal.config_diff(org, now_tree, target.tree) x
	loop
		warning := case d.kind when 'pipeline' then internal.restore_pipeline(org, d.id, d.body)
			when 'custom_field' then internal.restore_custom_field(org, d.id, d.body)
			when 'role' then internal.restore_role(org, d.id, d.body)
			else internal.restore_other(org, d.kind, d.id, d.body) end;
		if warning is not null and warning <> all (warnings) then
			warnings := warnings || warning;
		end if;
	end loop;
	perform set_config('kontor.config_quiet', '', true);
	perform internal.config_commit(org, internal.config_state(org),
		format('Restored the settings of %s (%s)', left(target.sha, 6), target.message));
	perform internal.note_event(org, 'config.restored', 'config', target.id,
		jsonb_build_object('name', left(target.sha, 6), 'message', target.message, 'kept', warnings), null, auth.uid());
	return warnings;
end
$$;
grant execute on function internal.config_shown(jsonb), internal.config_only(jsonb, jsonb), internal.config_kinds(), internal.config_part(text, jsonb), internal.config_value(jsonb),
	internal.config_differences(jsonb, jsonb, text[]), internal.config_stages(jsonb, jsonb),
	internal.config_message(uuid, text, uuid, jsonb, jsonb), internal.config_head(uuid),
	internal.config_diff(uuid, jsonb, jsonb), internal.config_restore(uuid, text) to authenticated;

notify pgrst;
