-- What the channels beside Meta, Telegram and e-mail need: accounts that send
-- only, phones to pair, sign-in at a provider, threads that were read.

-- ---- accounts that send only ------------------------------------------------------------

-- INB-2: what goes out by SMS or to an app hangs on a conversation like every
-- message, one for each contact and account, but nobody sees that: it is in no
-- list, counts nowhere, and makes no events. Messages and their events are as
-- everywhere.
alter table public.conversations add column is_hidden boolean not null default false;
comment on column public.conversations.is_hidden is
	'Of a channel that only sends (SMS, app push): holds its messages together and is shown nowhere';
create unique index conversations_hidden_key on public.conversations (organization_id, contact_id, channel_account_id)
	where is_hidden;

create policy shown on public.conversations as restrictive for select to authenticated
	using (not is_hidden or (select auth.app_role()) = 'SYSTEM');

create function internal.conversation_hidden() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'UPDATE' then
		new.is_hidden := old.is_hidden;
	else
		new.is_hidden := exists (select from public.channel_accounts a where a.organization_id = new.organization_id
			and a.id = new.channel_account_id and a.type in ('SMS', 'SHRINKIT_PUSH'));
	end if;
	if new.is_hidden then
		new.status := 'CLOSED';
		new.assignee_id := null;
		new.unread_count := 0;
		new.last_message_at := null; -- behind all others in every order of time
	end if;
	return new;
end
$$;
create trigger z_hidden_new before insert on public.conversations
	for each row when (new.channel_account_id is not null) execute function internal.conversation_hidden();
create trigger z_hidden before update on public.conversations
	for each row when (old.is_hidden or new.is_hidden) execute function internal.conversation_hidden();

drop trigger events_insert on public.conversations;
create trigger events_insert after insert on public.conversations
	for each row when (not new.is_hidden) execute function internal.conversation_events();

-- The conversation that nobody sees, made when it is not there yet. The caller
-- has checked contact and account.
create function internal.hidden_conversation(person uuid, channel uuid) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	talk uuid;
begin
	insert into public.conversations (organization_id, contact_id, channel_account_id) values (org, person, channel)
		on conflict do nothing;
	select c.id into talk from public.conversations c
		where c.organization_id = org and c.contact_id = person and c.channel_account_id = channel and c.is_hidden;
	return talk;
end
$$;
revoke execute on function internal.hidden_conversation(uuid, uuid) from public;
grant execute on function internal.hidden_conversation(uuid, uuid) to authenticated;

-- One SMS or app message into the queue (CHA-110). request: to, message,
-- contact_id, channel_account_id, contact_name, organization_id, metadata.
create function internal.send_unseen(of_type text, handle_kind text, request jsonb) returns table (id uuid, contact_id uuid)
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	person uuid := (request ->> 'contact_id')::uuid;
	address text := request ->> 'to';
	channel uuid := (request ->> 'channel_account_id')::uuid;
	message uuid := public.uuid7();
begin
	perform internal.may_send_messages();
	if (request ->> 'organization_id')::uuid <> org then
		raise exception using errcode = 'KT404', message = 'Organization not found',
			hint = 'organizationId is the organization of the key or token; it may be left out';
	end if;
	if handle_kind = 'phone' and address is not null then
		address := internal.phone_normalized(address);
		if address is null then
			raise exception using errcode = 'KT400', message = format('to: "%s" is not a phone number', request ->> 'to'),
				hint = 'Write 8 to 15 digits with the country code, for example 201001383533', column = 'to';
		end if;
	end if;
	select a.id into channel from public.channel_accounts a
		where a.organization_id = org and a.type = of_type and a.is_active and (channel is null or a.id = channel)
		order by a.created_at desc, a.id desc limit 1;
	if channel is null then
		raise exception using errcode = 'KT404',
			message = format('Credentials not available: no %s channel is connected and active', of_type),
			hint = 'Connect one under Settings, Channels';
	end if;
	if person is null then
		person := public.contact_for_handle(handle_kind, address, request ->> 'contact_name');
	elsif not exists (select from public.contacts c where c.organization_id = org and c.id = person) then
		raise exception using errcode = 'KT404', message = 'Contact not found', column = 'contact_id';
	end if;
	if address is not null then
		insert into public.contact_handles (organization_id, contact_id, kind, value)
			values (org, person, handle_kind, address) on conflict (organization_id, kind, value) do nothing;
	end if;
	insert into public.messages (organization_id, id, conversation_id, contact_id, channel_account_id, sender_id, direction,
			content, message_type, metadata)
		values (org, message, internal.hidden_conversation(person, channel), person, channel, auth.uid(), 'OUTBOUND',
			request ->> 'message', 'text', coalesce(request -> 'metadata', '{}'));
	return query select message, person;
end
$$;
grant execute on function internal.send_unseen(text, text, jsonb) to authenticated;

-- Devices of the app.
alter table public.contact_handles drop constraint contact_handles_kind_check;
do $$
begin
	alter table public.contact_handles add constraint contact_handles_kind_check
		check (kind ~ '^[a-z_]{2,30}$');
end
$$;
comment on column public.contact_handles.kind is
	'phone, email, telegram, messenger, instagram, tiktok, linkedin, shopify, widget, push: what the value is an address of';

-- ---- what accounts are found by --------------------------------------------------------------

-- The provider's id of an account stands in its settings when it was made by the
-- API (23003-23017); calls are found by external_id.
create function internal.channel_external_id() returns trigger
language plpgsql
as $$
declare
	said text := nullif(trim(case new.type
		when 'WHATSAPP_LITE' then regexp_replace(new.settings ->> 'phone_number', '\D', '', 'g')
		when 'TIKTOK' then new.settings ->> 'business_id'
		when 'LINKEDIN' then new.settings ->> 'organization'
		when 'SHOPIFY_INBOX' then lower(regexp_replace(new.settings ->> 'shop_domain', '^https?://|/.*$', '', 'g')) end), '');
begin
	new.external_id := coalesce(said, new.external_id);
	return new;
end
$$;
create trigger settings_external before insert or update of settings, external_id on public.channel_accounts
	for each row when (new.type in ('WHATSAPP_LITE', 'TIKTOK', 'LINKEDIN', 'SHOPIFY_INBOX'))
	execute function internal.channel_external_id();

-- ---- a phone to pair (CHA-35, CHA-36) ---------------------------------------------------------------

create table public.channel_sessions (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	state text not null default 'asked' check (state in ('asked', 'pairing', 'connected', 'disconnected', 'failed')),
	qr text check (length(qr) <= 4000),
	error text,
	asked_at timestamptz not null default clock_timestamp(),
	checked_at timestamptz,
	primary key (organization_id, id),
	unique (organization_id, channel_account_id),
	constraint channel_sessions_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.channel_sessions is 'How far the pairing of a phone is, for accounts that are one (WhatsApp Lite)';
comment on column public.channel_sessions.qr is 'The text of the QR code to scan; whoever scans it becomes the account''s phone';
do $$ begin
	perform internal.tenant_table('public.channel_sessions', writable => false);
	perform internal.admin_table('public.channel_sessions', read => true);
end $$;
grant update on public.channel_sessions to authenticated; -- the worker; admin_table lets nobody else

-- Begin, or begin anew.
create function public.channel_pair(channel uuid) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
begin
	perform internal.admins_only('channels');
	if not exists (select from public.channel_accounts a where a.organization_id = org and a.id = channel
			and a.type = 'WHATSAPP_LITE') then
		raise exception using errcode = 'KT404', message = 'This channel does not exist';
	end if;
	insert into public.channel_sessions as s (organization_id, channel_account_id) values (org, channel)
		on conflict (organization_id, channel_account_id)
		do update set state = 'asked', qr = null, error = null, asked_at = clock_timestamp();
	-- One that waits for its next look does not wait any longer.
	delete from job.jobs j where j.organization_id = org and j.kind = 'channel_session' and j.key = channel::text
		and j.state in ('waiting', 'dead');
	perform job.enqueue(org, 'channel_session', channel::text, jsonb_build_object('channel_id', channel), now(), 1);
	return true;
end
$$;
comment on function public.channel_pair(uuid) is 'Begin to pair the phone of a WhatsApp Lite account; the code to scan is in channel_sessions soon after';
grant execute on function public.channel_pair(uuid) to authenticated;

create function internal.channel_session_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'channel.session', 'channel', new.channel_account_id,
		jsonb_build_object('id', new.channel_account_id, 'state', new.state));
	return null;
end
$$;
create trigger changed_insert after insert on public.channel_sessions
	for each row execute function internal.channel_session_changed();
create trigger changed_update after update on public.channel_sessions
	for each row when ((old.state, old.qr, old.error) is distinct from (new.state, new.qr, new.error))
	execute function internal.channel_session_changed();

-- ---- signing in at a provider (CHA-25, CHA-96, CHA-99) ----------------------------------------------------

-- The browser came back with a code. The state that it carried was made and
-- checked by the program: it names organization and channel. The code is taken
-- to the provider by the check of the account, and works once.
create function internal.channel_oauth_code(org uuid, channel uuid, of_type text, sealed_code text) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
	if not exists (select from public.channel_accounts a where a.organization_id = org and a.id = channel and a.type = of_type) then
		return false;
	end if;
	insert into public.channel_secrets as s (organization_id, channel_account_id, name, sealed)
		values (org, channel, 'oauth_code', sealed_code)
		on conflict (organization_id, channel_account_id, name) do update set sealed = excluded.sealed;
	-- A good answer switches it on, whatever it was before.
	update public.channel_accounts a set awaits_check = not a.is_active
		where a.organization_id = org and a.id = channel;
	perform internal.channel_check_now(org, channel, false);
	return true;
end
$$;
revoke execute on function internal.channel_oauth_code(uuid, uuid, text, text) from public;
grant execute on function internal.channel_oauth_code(uuid, uuid, text, text) to kontor_app;

-- ---- threads that were read -----------------------------------------------------------------------------------

-- For providers that say of a thread until when it was read, not which messages.
create function public.messages_seen(channel uuid, thread text, until_ms bigint) returns bigint
language sql
as $$
	with seen as (
		update public.messages m set status = 'READ'
		from public.conversations c
		where c.organization_id = auth.org() and c.channel_account_id = channel and c.external_id = thread
			and m.organization_id = c.organization_id and m.conversation_id = c.id and m.channel_account_id = channel
			and m.direction = 'OUTBOUND' and m.status in ('SENT', 'DELIVERED')
			and m.created_at <= to_timestamp(until_ms / 1000.0) and m.created_at > to_timestamp(until_ms / 1000.0) - interval '30 days'
		returning 1)
	select count(*) from seen
$$;
grant execute on function public.messages_seen(uuid, text, bigint) to authenticated;
create index conversations_thread_idx on public.conversations (organization_id, channel_account_id, external_id)
	where external_id is not null;

notify pgrst;
