-- How often a tenant may call the API, and POSTs that are answered once.

-- ---- rate limits ----------------------------------------------------------------------

-- Requests per minute of each class (API-65, CAP-17). Null: what the installation
-- sets in kontor.conf (rate_functions, rate_rest, rate_key); 0: no limit.
create table internal.rate_plans (
	name text primary key,
	functions integer check (functions >= 0), -- /functions/v1, per tenant
	rest integer check (rest >= 0),           -- /rest/v1, per tenant
	per_key integer check (per_key >= 0),     -- X-API-Key, per key
	crm_minute integer not null check (crm_minute >= 0), -- /api/v1, per tenant over all keys
	crm_day integer not null check (crm_day >= 0)        -- the same per day of UTC
);
comment on table internal.rate_plans is 'What a plan allows per minute and day; the same for all tenants on it';
alter table internal.rate_plans enable row level security;
alter table internal.rate_plans force row level security;
insert into internal.rate_plans (name, functions, rest, per_key, crm_minute, crm_day) values
	('starter', null, null, null, 60, 10000),
	('professional', null, null, null, 300, 100000),
	('enterprise', null, null, null, 1000, 1000000),
	('unlimited', 0, 0, 0, 0, 0);

-- Set by the administrator of the installation alone (bin/kontor tenant limit).
create table internal.tenant_limits (
	organization_id uuid primary key references public.organizations on delete cascade,
	plan text not null default 'professional' references internal.rate_plans on update cascade,
	functions integer check (functions >= 0), -- these go before the plan's
	rest integer check (rest >= 0),
	per_key integer check (per_key >= 0),
	crm_minute integer check (crm_minute >= 0),
	crm_day integer check (crm_day >= 0)
);
comment on table internal.tenant_limits is 'The plan of a tenant and what was agreed with it beyond; no row: professional';
alter table internal.tenant_limits enable row level security;
alter table internal.tenant_limits force row level security;

alter table public.api_keys add column rate_per_minute integer check (rate_per_minute > 0);
comment on column public.api_keys.rate_per_minute is 'Requests per minute of this key; null: what the plan allows';
grant select (rate_per_minute) on public.api_keys to authenticated;

create function auth.rate_limits()
	returns table (organization_id uuid, functions integer, rest integer, per_key integer,
		crm_minute integer, crm_day integer)
language sql stable security definer set search_path = ''
as $$
	select auth.org(), coalesce(t.functions, p.functions), coalesce(t.rest, p.rest),
		coalesce(k.rate_per_minute, t.per_key, p.per_key),
		coalesce(t.crm_minute, p.crm_minute), coalesce(t.crm_day, p.crm_day)
	from (select auth.org() as org, (auth.claims() ->> 'api_key_id')::uuid as key) me
	left join internal.tenant_limits t on t.organization_id = me.org
	join internal.rate_plans p on p.name = coalesce(t.plan, 'professional')
	left join public.api_keys k on k.organization_id = me.org and k.id = me.key
$$;
comment on function auth.rate_limits() is 'What the caller may do per minute and day; null: as the installation says';
grant execute on function auth.rate_limits() to authenticated;

create function internal.limit_tenant(org uuid, plan_name text) returns void
language sql
as $$
	insert into internal.tenant_limits (organization_id, plan) values (org, plan_name)
	on conflict (organization_id) do update set plan = excluded.plan
$$;
comment on function internal.limit_tenant(uuid, text) is 'Put a tenant on a plan of internal.rate_plans';

-- ---- Idempotency-Key ---------------------------------------------------------------------

-- A POST with the header Idempotency-Key is done once: its answer is stored in the
-- transaction of its work, and given again to whoever sends the same within a day.
create table internal.idempotent_answers (
	organization_id uuid not null references public.organizations on delete cascade,
	caller uuid not null,        -- the key's or the user's id
	key text not null check (length(key) between 1 and 255),
	fingerprint bytea not null,  -- SHA-256 of method, path, query and body
	status smallint,             -- null only while the first request is at work
	headers text,                -- lines "Name: value"
	body bytea,
	created_at timestamptz not null default now(),
	primary key (organization_id, caller, key)
);
comment on table internal.idempotent_answers is 'Answers to POSTs that carried an Idempotency-Key; kept for a day';
create index idempotent_answers_age_idx on internal.idempotent_answers (created_at);
alter table internal.idempotent_answers enable row level security;
alter table internal.idempotent_answers force row level security;

create function internal.idempotency_caller() returns uuid
language sql stable
as $$ select coalesce((auth.claims() ->> 'api_key_id')::uuid, auth.uid()) $$;

-- Right behind the identity. Whoever comes second waits for the first one's
-- commit; KTR00 then says that the answer is there already.
create function internal.idempotency_begin(wanted text, print_hex text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	me uuid := internal.idempotency_caller();
	done internal.idempotent_answers;
begin
	if auth.org() is null or me is null then
		return;
	end if;
	insert into internal.idempotent_answers (organization_id, caller, key, fingerprint)
		values (auth.org(), me, wanted, decode(print_hex, 'hex')) on conflict do nothing;
	if found then
		return;
	end if;
	select * into done from internal.idempotent_answers a
		where a.organization_id = auth.org() and a.caller = me and a.key = wanted;
	if done.fingerprint <> decode(print_hex, 'hex') then
		raise exception using errcode = 'KT422', message = 'This Idempotency-Key was used for another request',
			hint = 'Use a new key for a new request, and the same key only to repeat the same one';
	end if;
	raise exception using errcode = 'KTR00', message = 'answered already';
end
$$;

create function internal.idempotency_end(wanted text, http_status integer, head text, answer bytea) returns void
language sql security definer set search_path = ''
as $$
	update internal.idempotent_answers a set status = http_status, headers = head, body = answer
	where a.organization_id = auth.org() and a.caller = internal.idempotency_caller() and a.key = wanted
$$;

create function internal.idempotency_answer(wanted text)
	returns table (status integer, headers text, body text)
language sql stable security definer set search_path = ''
as $$
	select a.status::integer, a.headers, translate(encode(a.body, 'base64'), E'\n', '') from internal.idempotent_answers a
	where a.organization_id = auth.org() and a.caller = internal.idempotency_caller() and a.key = wanted
$$;
grant execute on function internal.idempotency_begin(text, text),
	internal.idempotency_end(text, integer, text, bytea), internal.idempotency_answer(text),
	internal.idempotency_caller() to authenticated, service_role;
