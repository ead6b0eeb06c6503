-- Row-level security is on and forced for every table of ours, and no tenant
-- sees a row of another one in any of them.
set search_path = tap, public;
select no_plan();

select ok(c.relrowsecurity and c.relforcerowsecurity, format('SCH-143 API-5 %I.%I: row-level security is on and forced', n.nspname, c.relname))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname in ('public', 'auth', 'job', 'internal')
order by n.nspname, c.relname;

select ok(not has_table_privilege('anon', c.oid, 'select, insert, update, delete'), format('anon has no way to %I.%I', n.nspname, c.relname))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v') and n.nspname in ('public', 'auth', 'job', 'internal')
order by n.nspname, c.relname;

select is(c.relowner::regrole::text, 'kontor'::text, format('%s belongs to the owner, not to a program', c.oid::regclass))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname in ('public', 'auth', 'job', 'internal')
order by n.nspname, c.relname;

-- Every foreign key between tenant tables carries the tenant.
select ok(exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any(k.conkey) and a.attname = 'organization_id')
	or k.confrelid in ('public.organizations'::regclass, 'auth.users'::regclass), format('%s on %s carries the tenant', k.conname, k.conrelid::regclass))
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and n.nspname = 'public' order by c.relname, k.conname;

-- As the second tenant, count rows of the first in every table that it may read.
create function pg_temp.foreign_rows(t regclass, of_org uuid) returns bigint language plpgsql as $$
declare
	n bigint;
begin
	execute format('select count(*) from %s where %I = $1', t,
		case when t = 'public.organizations'::regclass then 'id' else 'organization_id' end) into n using of_org;
	return n;
end
$$;
begin;
select id as first from organizations order by created_at limit 1 \gset
select id as second from organizations order by created_at desc limit 1 \gset
select isnt(:'first'::uuid, :'second'::uuid, 'there are two tenants');
create temp table counted (t regclass, n bigint);
grant insert, select on counted to authenticated;
select set_config('request.jwt.claims', json_build_object('organization_id', :'second', 'role', 'authenticated', 'app_role', 'OWNER')::text, true) \gset
set local role authenticated;
insert into counted
select c.oid::regclass, pg_temp.foreign_rows(c.oid::regclass, :'first')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = 'public' and c.relname <> 'kontor_migrations'
	and has_any_column_privilege('authenticated', c.oid, 'select')
	and (c.oid = 'public.organizations'::regclass or has_column_privilege('authenticated', c.oid, 'organization_id', 'select'));
reset role;
select is(n, 0::bigint, format('API-5 nothing of the other tenant in %s', t)) from counted order by t::text;
select cmp_ok(count(*)::integer, '>', 25, 'most tables were looked into') from counted;
rollback;

select * from finish();
