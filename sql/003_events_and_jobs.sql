-- The outbox and the queue.

-- ---- the queue ------------------------------------------------------------------

create table job.jobs (
	organization_id uuid not null references public.organizations on delete cascade,
	id bigint generated always as identity,
	kind text not null,          -- a row of the worker's table of handlers
	key text,                    -- at most one waiting or running job per kind and key
	-- What a job holds up when it is slow, within its tenant: the endpoint of a
	-- webhook, the conversation of a message. Jobs of other lanes go past it.
	lane uuid not null default '00000000-0000-0000-0000-000000000000',
	payload jsonb not null default '{}',
	priority smallint not null default 5, -- 0 first, 9 last
	run_at timestamptz not null default now(),
	-- 'waiting' is 'ready' with a time to come. Kept apart, so that looking for
	-- work never walks over what is not due.
	state text not null default 'ready' check (state in ('waiting', 'ready', 'running', 'dead')),
	attempts integer not null default 0,
	crashes smallint not null default 0, -- how often the worker died over it
	locked_by text,
	locked_at timestamptz,
	last_error text,
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
	autovacuum_analyze_scale_factor = 0.05);
comment on table job.jobs is 'Work that waits; a finished job is deleted, a dead one stays until somebody looks at it';
comment on column job.jobs.attempts is 'Counted when a worker takes the job, so that one which kills its worker is counted too';
create unique index jobs_key on job.jobs (organization_id, kind, key) where state <> 'dead';
create index jobs_ready_idx on job.jobs (kind, organization_id, lane, priority, run_at, id)
	where state = 'ready' and crashes < 2;
create index jobs_suspect_idx on job.jobs (run_at) where state = 'ready' and crashes > 1;
create index jobs_waiting_idx on job.jobs (run_at) where state = 'waiting';
create index jobs_dead_idx on job.jobs (organization_id, created_at) where state = 'dead';
create index jobs_running_idx on job.jobs (locked_at) where state = 'running';
alter table job.jobs enable row level security;
alter table job.jobs force row level security;

create function job.hold() returns trigger
language plpgsql
as $$
begin
	new.state := 'waiting';
	return new;
end
$$;
create trigger hold before insert on job.jobs
	for each row when (new.state = 'ready' and new.run_at > now()) execute function job.hold();

-- A worker that is about to wait writes a row here; only then does a writer
-- notify, because NOTIFY makes commits queue behind each other.
create unlogged table job.sleepers (
	worker text primary key,
	since timestamptz not null default now()
);
alter table job.sleepers enable row level security;
alter table job.sleepers force row level security;

create function job.wake() returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from job.sleepers) then
		perform pg_notify('kontor_job', '');
	end if;
end
$$;
comment on function job.wake() is 'Wake the worker if it sleeps; one that is about to sleep looks again first and wakes by itself soon';

create function job.enqueue(org uuid, job_kind text, job_key text, job_payload jsonb,
	at timestamptz default now(), prio integer default 5, job_lane uuid default '00000000-0000-0000-0000-000000000000')
	returns void
language plpgsql security definer set search_path = ''
as $$
begin
	insert into job.jobs (organization_id, kind, key, lane, payload, run_at, priority)
		values (org, job_kind, job_key, job_lane, job_payload, at, prio)
		on conflict (organization_id, kind, key) where state <> 'dead' do nothing;
	if at <= now() then
		perform job.wake();
	end if;
end
$$;
comment on function job.enqueue(uuid, text, text, jsonb, timestamptz, integer, uuid) is
	'Add a job in the caller''s transaction; a second one with the same kind and key is none';

-- ---- the outbox --------------------------------------------------------------------

create table public.events (
	organization_id uuid not null references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	position bigint generated always as identity, -- order of writing, over all tenants
	seq bigint,                  -- 1, 2, 3 ... per tenant in commit order; given by the dispatcher
	type text not null,          -- 'deal.stage.changed'
	record_type text not null,   -- 'deal'
	record_id uuid not null,
	data jsonb not null,         -- the record as it was right after the change
	changes jsonb,               -- {"old_stage":..,"new_stage":..} where something changed
	actor_id uuid,               -- user; null for API keys, inbound messages, the system
	created_at timestamptz not null default clock_timestamp(),
	primary key (organization_id, id)
) with (fillfactor = 80);
comment on table public.events is
	'Everything that happened, written by triggers in the transaction of the change. All consumers read this and nothing else';
create index events_undispatched_idx on public.events (position) where seq is null;
create unique index events_seq_key on public.events (organization_id, seq);
create index events_record_idx on public.events (organization_id, record_type, record_id, position desc);
do $$ begin perform internal.tenant_table('public.events', writable => false); end $$;

-- Last number given to each tenant; only the dispatcher writes here.
create table internal.event_counters (
	organization_id uuid primary key references public.organizations on delete cascade,
	last bigint not null default 0
);
alter table internal.event_counters enable row level security;
alter table internal.event_counters force row level security;

create function internal.emit(org uuid, event_type text, of_type text, of_id uuid, snapshot jsonb,
	change jsonb default null) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	insert into public.events (organization_id, type, record_type, record_id, data, changes, actor_id)
		values (org, event_type, of_type, of_id, snapshot, change, auth.uid());
	perform job.wake();
end
$$;
comment on function internal.emit(uuid, text, text, uuid, jsonb, jsonb) is 'Append to the outbox; called by triggers only';
