-- What the intake and the channel tasks need beside the tables of 005_inbox.

-- A secret token names the account of a Telegram call, so it belongs to one.
create unique index channel_secrets_token_key on public.channel_secrets (lookup) where name = 'secret_token';

-- Calls that no account can be charged with: wrong tokens and unknown numbers.
create table internal.intake_counters (
	channel_type text not null,
	what text not null check (what in ('refused', 'unmatched')),
	n bigint not null default 0,
	last_at timestamptz not null default now(),
	primary key (channel_type, what)
);
comment on table internal.intake_counters is
	'Provider calls of no known account: refused (401) and unmatched (CHA-73), counted since the installation was made';
alter table internal.intake_counters enable row level security;
alter table internal.intake_counters force row level security;

create function internal.intake_count(of_type text, of_what text) returns void
language sql security definer set search_path = ''
as $$
	insert into internal.intake_counters as c (channel_type, what, n) values (of_type, of_what, 1)
	on conflict (channel_type, what) do update set n = c.n + 1, last_at = now()
$$;
grant execute on function internal.intake_count(text, text) to kontor_app;

-- A hook that is stored as failed (a dead letter, CHA-73) has nothing to do.
drop trigger job on public.inbound_hooks;
create trigger job after insert on public.inbound_hooks
	for each row when (new.state = 'new') execute function internal.inbound_hook_job();

-- Put back to 'new' (an administrator's re-run), a hook is worked on again.
create trigger job_again after update of state on public.inbound_hooks
	for each row when (new.state = 'new' and old.state <> 'new') execute function internal.inbound_hook_job();

create or replace function internal.inbound_hook_job() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into job.jobs (organization_id, kind, key, payload, priority)
		values (new.organization_id, 'inbound', new.id::text, jsonb_build_object('hook_id', new.id), 1)
		on conflict (organization_id, kind, key) where state <> 'dead' do nothing;
	perform job.wake();
	return null;
end
$$;

-- A file that still lies at the provider is fetched by the worker (MSG-56).
create function internal.attachment_waits() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(new.organization_id, 'fetch_media', new.id::text,
		jsonb_build_object('attachment_id', new.id), now(), 3);
	return null;
end
$$;
create trigger waits_insert after insert on public.message_attachments
	for each row when (new.state = 'waiting') execute function internal.attachment_waits();
create trigger waits_update after update of state on public.message_attachments
	for each row when (new.state = 'waiting' and old.state <> 'waiting') execute function internal.attachment_waits();

-- Open threads show the file as soon as it is here.
create function internal.attachment_arrived() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'message.updated', 'message', m.id, internal.message_snapshot(m),
			jsonb_build_object('attachment_id', new.id, 'old_state', old.state, 'new_state', new.state))
		from public.messages m where m.organization_id = new.organization_id and m.id = new.message_id;
	return null;
end
$$;
create trigger arrived after update of state on public.message_attachments
	for each row when (old.state = 'waiting' and new.state <> 'waiting') execute function internal.attachment_arrived();

-- A receipt that may also name our own message (WhatsApp repeats the id that
-- went along): it is found although the answer to the send was lost, or has
-- not been written yet. True when there is such a message.
create function public.message_receipt_of(channel uuid, provider_id text, ours uuid, new_status text, why text,
	why_code text) returns boolean
language sql
as $$
	with found as (
		select m.id from public.messages m
		where m.organization_id = auth.org() and m.channel_account_id = channel and m.external_id = provider_id
		union all
		select m.id from public.messages m
		where m.organization_id = auth.org() and m.id = ours and m.channel_account_id = channel
			and m.direction = 'OUTBOUND' and (m.external_id is null or m.external_id = provider_id)
		limit 1),
	moved as (
		update public.messages m set status = new_status, error = why, error_code = why_code,
			external_id = coalesce(m.external_id, provider_id)
		from found where m.organization_id = auth.org() and m.id = found.id
			and internal.status_rank(new_status) > internal.status_rank(m.status))
	select exists (select from found)
$$;
grant execute on function public.message_receipt_of(uuid, text, uuid, text, text, text) to authenticated;
grant execute on function internal.status_rank(text) to authenticated, service_role;
