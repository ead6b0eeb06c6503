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

-- Functions that work with the owner's rights know no policy: each says itself
-- whose rows it means, and nobody outside may bend its search path.
create temp view definers as
	select p.oid, p.oid::regprocedure::text as name, n.nspname, p.proname, p.prosrc, p.proconfig
	from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	where p.prosecdef and n.nspname in ('public', 'auth', 'job', 'internal', 'event', 'app')
		and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');
select ok(exists (select from unnest(proconfig) c where c ~ '^search_path=("")?$'), format('%s runs with an empty search path', name))
from definers order by name;
select is(array(select name from definers where has_function_privilege('anon', oid, 'execute')
		and not (nspname = 'public' and proname ~ '^public_')
		and name <> 'auth.bind_site(text)' -- narrows what is there, and gives nothing
		order by 1), '{}',
	'a visitor reaches the owner''s rights by public_* functions only');
select is(array(select name from definers where has_function_privilege('authenticated', oid, 'execute')
		and not (nspname = 'public' and proname ~ '^public_') and prosrc !~ 'auth\.(org|uid)\(\)'
		and name not in ('job.wake()') order by 1), '{}',
	'API-5 what runs with the owner''s rights for a tenant asks auth.org() or auth.uid() whose it is');

-- As the second tenant, count rows of the first in every table that it may read.
create function pg_temp.foreign_rows(t regclass, of_org uuid) returns bigint language plpgsql as $$
declare
	n bigint;
begin
	perform set_config('role', 'authenticated', true);
	execute format('select count(*) from %s where %I = $1', t,
		case when t = 'public.organizations'::regclass then 'id' else 'organization_id' end) into n using of_org;
	perform set_config('role', 'none', true);
	return n;
end
$$;
select id as first from organizations order by created_at limit 1 \gset
select id as second from organizations order by created_at desc limit 1 \gset
select isnt(:'first'::uuid, :'second'::uuid, 'there are two tenants');
select set_config('request.jwt.claims', json_build_object('organization_id', :'second', 'role', 'authenticated', 'app_role', 'OWNER')::text, false) \gset
select is(pg_temp.foreign_rows(c.oid::regclass, :'first'), 0::bigint, format('API-5 nothing of the other tenant in %s', c.oid::regclass))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = 'public' and c.relname <> 'kontor_migrations'
	and has_any_column_privilege('authenticated', c.oid, 'select')
	and (c.oid = 'public.organizations'::regclass or has_column_privilege('authenticated', c.oid, 'organization_id', 'select'))
order by c.relname;
select cmp_ok(pg_temp.foreign_rows('contacts', :'second'), '>', 0::bigint, 'while its own rows are there');

select * from finish();
