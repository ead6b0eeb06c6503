-- Outbound webhooks: who wants which events, and every attempt.

create table public.webhook_configurations (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text, -- defaults to the host of the address
	url text not null check (url ~* '^https?://[^\s]+$'),
	events text[] not null check (cardinality(events) > 0),
	secret text, -- write-only: sealed by the trigger's caller, see webhook_secrets
	custom_headers jsonb not null default '{}' check (jsonb_typeof(custom_headers) = 'object'),
	is_active boolean not null default true,
	format text not null default 'standard' check (format in ('standard', 'crm')), -- crm: as /api/v1 (CAP-16)
	has_secret boolean not null default false,
	failing_since timestamptz,
	last_success_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	-- What is stored in secret is sealed, whoever wrote it; plain text never stays.
	constraint webhook_secret_sealed check (secret is null or secret like 'v1.%')
);
comment on table public.webhook_configurations is 'Endpoints of the tenant and the events they get (WHK-1..10)';
comment on column public.webhook_configurations.format is
	'standard: snake_case as in the tables; crm: camelCase, prefixed ids and tenantId as in /api/v1';
comment on column public.webhook_configurations.secret is 'Write-only: sealed at rest, never returned; has_secret tells whether one is set';
create index webhook_configurations_active_idx on public.webhook_configurations (organization_id) where is_active;

create function internal.webhook_normalize() returns trigger
language plpgsql
as $$
begin
	new.name := coalesce(nullif(new.name, ''), substring(new.url from '^[a-zA-Z]+://([^/:?#]+)'));
	-- message.created is an old name of message.received (WHK, open points).
	new.events := array(select distinct replace(e, 'message.created', 'message.received') from unnest(new.events) e);
	new.has_secret := new.secret is not null;
	return new;
end
$$;
create trigger a_normalize before insert or update on public.webhook_configurations
	for each row execute function internal.webhook_normalize();
do $$ begin perform internal.tenant_table('public.webhook_configurations'); end $$;
revoke select on public.webhook_configurations from authenticated;
grant select (organization_id, id, name, url, events, custom_headers, is_active, format, has_secret, failing_since,
	last_success_at, created_at, updated_at) on public.webhook_configurations to authenticated;

-- One row per event and endpoint: the delivery, over all its attempts.
create table public.webhook_deliveries (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	webhook_id uuid not null,
	event_id uuid not null,
	event_type text not null,
	seq bigint not null,
	body text, -- the bytes that are signed; built once, the same on every attempt
	event_time text, -- ISO 8601 with milliseconds, the body's timestamp
	state text not null default 'waiting' check (state in ('waiting', 'delivered', 'dead')),
	attempts integer not null default 0,
	next_attempt_at timestamptz,
	created_at timestamptz not null default now(),
	delivered_at timestamptz,
	primary key (organization_id, id),
	unique (organization_id, webhook_id, event_id),
	constraint webhook_deliveries_webhook_id_fkey foreign key (organization_id, webhook_id)
		references public.webhook_configurations (organization_id, id) on delete cascade
);
create index webhook_deliveries_open_idx on public.webhook_deliveries (organization_id, webhook_id, seq) where state <> 'delivered';
do $$ begin perform internal.tenant_table('public.webhook_deliveries', writable => false); end $$;

create table public.webhook_logs (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	webhook_id uuid not null,
	delivery_id uuid,
	event_id uuid,
	event_type text not null,
	attempt integer not null default 1,
	payload text,
	response_status integer,
	response_body text, -- at most 4 KB
	error_message text,
	status text not null check (status in ('success', 'failure')),
	duration_ms integer,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint webhook_logs_webhook_id_fkey foreign key (organization_id, webhook_id)
		references public.webhook_configurations (organization_id, id) on delete cascade
);
comment on table public.webhook_logs is 'Every attempt of every delivery (WHK-63)';
create index webhook_logs_webhook_idx on public.webhook_logs (organization_id, webhook_id, created_at desc);
create index webhook_logs_created_idx on public.webhook_logs (organization_id, created_at desc);
do $$ begin perform internal.tenant_table('public.webhook_logs', writable => false); end $$;
