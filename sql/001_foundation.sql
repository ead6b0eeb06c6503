-- Schemas, helpers and the rules that every later table relies on.
--
-- Roles exist before (bin/kontor makes them): kontor owns everything and runs
-- this file; kontor_app and kontor_worker log in and own nothing; anon,
-- authenticated and service_role are what a request becomes.

create extension if not exists pg_trgm;
create extension if not exists btree_gin;
create extension if not exists btree_gist;

create schema auth;     -- who is asking: users, sessions, the claims of a request
create schema internal; -- functions of triggers and of the programs; never an API
create schema job;      -- the queue

revoke all on schema public from public;
grant usage on schema public to anon, authenticated, service_role, kontor_app, kontor_worker;
grant usage on schema auth to anon, authenticated, service_role, kontor_app, kontor_worker;
alter default privileges revoke execute on functions from public;

-- ---- ids ------------------------------------------------------------------

create function public.uuid7() returns uuid
language sql volatile parallel safe
as $$
	select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
		placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
		from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;
comment on function public.uuid7() is 'A new UUIDv7 (RFC 9562): milliseconds first, so that ids sort by age';
grant execute on function public.uuid7() to anon, authenticated, service_role, kontor_app, kontor_worker;

-- ---- claims: who is asking --------------------------------------------------

create function auth.claims() returns jsonb
language sql stable parallel safe
as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
comment on function auth.claims() is 'Claims of the request: sub, organization_id, role, app_role; null outside one';

create function auth.org() returns uuid
language sql stable parallel safe
as $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'organization_id')::uuid $$;
comment on function auth.org() is 'Tenant of the request. Policies wrap it as (select auth.org()), so that it is computed once per query';

create function auth.uid() returns uuid
language sql stable parallel safe
as $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
comment on function auth.uid() is 'User of the request; null for API keys without a user and for the system';

create function auth.app_role() returns text
language sql stable parallel safe
as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'app_role' $$;
comment on function auth.app_role() is 'OWNER, ADMIN, AGENT, PROJECT_MANAGER, TEAM_ADMIN; SYSTEM for the programs themselves';

grant execute on all functions in schema auth to anon, authenticated, service_role, kontor_app, kontor_worker;

-- ---- sites: a vhost may be bound to one tenant --------------------------------

-- `fastcgi_param KONTOR_TENANT slug;` in nginx: what belongs to another tenant is
-- then not there, whoever asks. auth.bind_site (002) sets kontor.site.
create function internal.on_site(org uuid) returns boolean
language sql stable parallel safe
as $$ select coalesce(nullif(current_setting('kontor.site', true), '')::uuid = org, true) $$;
comment on function internal.on_site(uuid) is
	'Whether this tenant is at home on the site of the request; on a site that is bound to nobody everybody is';

-- ---- what every tenant table gets -------------------------------------------

create function internal.touch() returns trigger
language plpgsql
as $$
begin
	new.updated_at := now();
	return new;
end
$$;
comment on function internal.touch() is 'Before update: updated_at follows every change';

create function internal.tenant_table(t regclass, writable boolean default true) returns void
language plpgsql
as $$
begin
	execute format('alter table %s enable row level security', t);
	execute format('alter table %s force row level security', t);
	execute format($p$create policy tenant on %s to authenticated
		using (organization_id = (select auth.org()))
		with check (organization_id = (select auth.org()))$p$, t);
	execute format('grant select on %s to authenticated', t);
	execute format('grant all on %s to service_role', t);
	if writable then
		execute format('grant insert, update, delete on %s to authenticated', t);
	end if;
	if exists (select from pg_attribute where attrelid = t and attname = 'updated_at') then
		execute format('create trigger touch before update on %s
			for each row execute function internal.touch()', t);
	end if;
end
$$;
comment on function internal.tenant_table(regclass, boolean) is
	'Row-level security enabled and forced, the tenant policy, grants, updated_at: called once for every tenant table';

-- The texts of arrays in one immutable string, for generated search columns.
create function internal.joined(a text[]) returns text
language sql immutable parallel safe strict
as $$ select array_to_string(a, ' ') $$;

create function internal.digits(t text) returns text
language sql immutable parallel safe strict
as $$ select regexp_replace(t, '[^0-9 ]', '', 'g') $$;

-- A custom field key: snake_case ASCII, at most 64 characters (CON-54).
create function internal.custom_fields_ok(f jsonb) returns boolean
language plpgsql immutable parallel safe
as $$
begin
	return f = '{}' or (jsonb_typeof(f) = 'object' and pg_column_size(f) <= 32768
		and not exists (select from jsonb_object_keys(f) k where k !~ '^[A-Za-z0-9_]{1,64}$'));
end
$$;

-- Every element at most n characters (tags, CON-76).
create function internal.each_at_most(a text[], n integer) returns boolean
language plpgsql immutable parallel safe
as $$
begin
	return a = '{}' or not exists (select from unnest(a) x where length(x) > n or x = '');
end
$$;

grant usage on schema internal to anon, authenticated, service_role, kontor_app, kontor_worker;
-- Checks, generated columns and triggers run with the caller's rights.
grant execute on function internal.touch(), internal.joined(text[]), internal.digits(text),
	internal.custom_fields_ok(jsonb), internal.each_at_most(text[], integer)
	to authenticated, service_role;
