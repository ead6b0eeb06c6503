-- Channels, inbound hooks, conversations, messages, stored files.

-- ---- stored files ------------------------------------------------------------------

create table public.files (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'), -- where the content lies (lib/file)
	name text not null check (length(name) between 1 and 255),
	content_type text not null,
	size bigint not null check (size >= 0),
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.files is 'Stored files; the content is addressed by its hash and kept once per tenant';
create index files_sha256_idx on public.files (organization_id, sha256);
do $$ begin perform internal.tenant_table('public.files'); end $$;

-- ---- channels --------------------------------------------------------------------------

create table public.channel_accounts (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100),
	type text not null check (type in ('WHATSAPP_LITE', 'WHATSAPP_CLOUD', 'FB_MESSENGER', 'INSTAGRAM', 'TELEGRAM',
		'TIKTOK', 'SHOPIFY_INBOX', 'LINKEDIN', 'BULK_EMAIL', 'BULK_EMAIL_SES', 'EMAIL', 'SMS', 'SHRINKIT_PUSH')),
	is_active boolean not null default true,
	connection_state text not null default 'Disconnected' check (connection_state in ('Connected', 'Disconnected')),
	settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
	-- What the provider calls this account in its webhooks (phone_number_id), for finding it (CHA-32).
	external_id text,
	last_in_at timestamptz,
	last_out_at timestamptz,
	last_error text,
	bad_signatures bigint not null default 0, -- calls refused with 401
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.channel_accounts is 'Connected messaging accounts. settings holds no secrets: those are sealed in channel_secrets';
create unique index channel_accounts_external_key on public.channel_accounts (type, external_id)
	where external_id is not null and is_active;
do $$ begin perform internal.tenant_table('public.channel_accounts'); end $$;

-- Tokens and keys, sealed by the programs under the master key (context
-- "channel:<id>:<name>"). The lookup column finds the account of a call that
-- names nothing but its secret (Telegram): SHA-256 of the plain value.
create table public.channel_secrets (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	channel_account_id uuid not null,
	name text not null, -- bot_token, secret_token, access_token, app_secret, verify_token
	sealed text not null,
	lookup bytea,
	updated_at timestamptz not null default now(),
	primary key (organization_id, channel_account_id, name),
	constraint channel_secrets_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
create index channel_secrets_lookup_idx on public.channel_secrets (name, lookup) where lookup is not null;
alter table public.channel_secrets enable row level security;
alter table public.channel_secrets force row level security;
-- The programs read secrets as the system of one tenant; nobody lists them, and
-- people may only put new ones in the place of old ones.
create policy system on public.channel_secrets for select to authenticated
	using (organization_id = (select auth.org()) and (select auth.app_role()) = 'SYSTEM');
create policy replace on public.channel_secrets for insert to authenticated
	with check (organization_id = (select auth.org()) and (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));
create policy rotate on public.channel_secrets for update to authenticated
	using (organization_id = (select auth.org()) and (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));
grant select, insert, update on public.channel_secrets to authenticated;

-- For the intake program, before it knows the tenant: which account is meant,
-- and its sealed secrets. Only active ones.
create function internal.channels_of(of_type text)
	returns table (organization_id uuid, id uuid, external_id text, settings jsonb, secret_names text[], sealed text[], lookups text[])
language sql stable security definer set search_path = ''
as $$
	select c.organization_id, c.id, c.external_id, c.settings,
		array_agg(s.name order by s.name), array_agg(s.sealed order by s.name),
		array_agg(coalesce(encode(s.lookup, 'hex'), '') order by s.name)
	from public.channel_accounts c
	left join public.channel_secrets s on s.organization_id = c.organization_id and s.channel_account_id = c.id
	where c.type = of_type and c.is_active
	group by c.organization_id, c.id
$$;
create function internal.channel_refused(org uuid, channel uuid) returns void
language sql security definer set search_path = ''
as $$
	update public.channel_accounts set bad_signatures = bad_signatures + 1
	where organization_id = org and id = channel
$$;
grant execute on function internal.channels_of(text), internal.channel_refused(uuid, uuid) to kontor_app;

-- The intake keeps accounts in memory; a change tells it to read again. Rare,
-- so the cost of NOTIFY does not matter here.
create function internal.channels_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform pg_notify('kontor_channels', '');
	return null;
end
$$;
create trigger changed_insert after insert or delete on public.channel_accounts
	for each statement execute function internal.channels_changed();
create trigger changed_update after update of is_active, settings, external_id, type on public.channel_accounts
	for each statement execute function internal.channels_changed();
create trigger changed after insert or update or delete on public.channel_secrets
	for each statement execute function internal.channels_changed();

-- ---- inbound hooks: what providers posted, as they posted it ---------------------------------

create table public.inbound_hooks (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	dedupe text not null, -- the provider's event id, else SHA-256 of the body
	body bytea not null,
	state text not null default 'new' check (state in ('new', 'done', 'ignored', 'failed')),
	error text,
	received_at timestamptz not null default clock_timestamp(),
	processed_at timestamptz,
	primary key (organization_id, id),
	unique (organization_id, channel_account_id, dedupe)
);
comment on table public.inbound_hooks is 'Raw provider calls, stored before they are acknowledged; processing can be repeated from here';
create index inbound_hooks_open_idx on public.inbound_hooks (organization_id, received_at) where state in ('new', 'failed');
do $$ begin perform internal.tenant_table('public.inbound_hooks'); end $$;

create function internal.inbound_hook_job() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into job.jobs (organization_id, kind, key, payload, priority)
		values (new.organization_id, 'inbound', new.id::text, jsonb_build_object('hook_id', new.id), 1);
	perform job.wake();
	return null;
end
$$;
create trigger job after insert on public.inbound_hooks
	for each row execute function internal.inbound_hook_job();

-- ---- conversations -----------------------------------------------------------------------------

create table public.conversations (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	contact_id uuid not null,
	channel_account_id uuid,
	external_id text, -- the provider's id of the thread (Telegram chat), when it is not the contact's
	assignee_id uuid,
	status text not null default 'OPEN' check (status in ('OPEN', 'PENDING', 'RESOLVED', 'CLOSED')),
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	is_important boolean not null default false,
	ai_agent_active boolean not null default false,
	ai_handoff_at timestamptz, -- when a person took over from the bot
	response_channel_id uuid,
	snoozed_until timestamptz,
	sla_deadline timestamptz,
	last_message_at timestamptz,
	last_message_preview text,
	last_message_direction text,
	last_inbound_at timestamptz, -- the 24-hour window counts from here
	last_read_at timestamptz,
	unread_count integer not null default 0, -- a counter, so that lists never count
	metadata jsonb not null default '{}',
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint conversations_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint conversations_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete set null (channel_account_id),
	constraint conversations_assignee_id_fkey foreign key (organization_id, assignee_id)
		references public.profiles (organization_id, id) on delete set null (assignee_id)
);
comment on table public.conversations is 'Threads with a contact on a channel account';
-- At most one open conversation per contact and channel account (INB-42).
create unique index conversations_open_key on public.conversations (organization_id, contact_id, channel_account_id)
	where status in ('OPEN', 'PENDING') and not (metadata ? 'is_comment_thread');
create index conversations_list_idx on public.conversations (organization_id, last_message_at desc nulls last, id desc);
create index conversations_status_idx on public.conversations (organization_id, status, last_message_at desc nulls last, id desc);
create index conversations_assignee_idx on public.conversations (organization_id, assignee_id, last_message_at desc nulls last, id desc);
create index conversations_unread_idx on public.conversations (organization_id, last_message_at desc) where unread_count > 0;
create index conversations_contact_idx on public.conversations (organization_id, contact_id, last_message_at desc);

-- Status in any case (api.md, open points).
create function internal.conversation_normalize() returns trigger
language plpgsql
as $$
begin
	new.status := upper(new.status);
	return new;
end
$$;
create trigger a_normalize before insert or update on public.conversations
	for each row execute function internal.conversation_normalize();
do $$ begin perform internal.tenant_table('public.conversations'); end $$;

alter table public.deals add constraint deals_conversation_id_fkey foreign key (organization_id, conversation_id)
	references public.conversations (organization_id, id) on delete set null (conversation_id);
alter table public.notes add constraint notes_conversation_id_fkey foreign key (organization_id, conversation_id)
	references public.conversations (organization_id, id) on delete cascade;

-- ---- messages ------------------------------------------------------------------------------------

create table public.messages (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	conversation_id uuid not null,
	contact_id uuid,
	channel_account_id uuid,
	sender_id uuid, -- the user; null for inbound and system messages
	direction text not null check (direction in ('INBOUND', 'OUTBOUND')),
	content text check (length(content) <= 65536),
	message_type text not null default 'text',
	status text not null default 'PENDING'
		check (status in ('SCHEDULED', 'PENDING', 'SENDING', 'SENT', 'DELIVERED', 'READ', 'FAILED', 'UNKNOWN')),
	external_id text, -- the provider's message id: receipts, no doubles
	client_id uuid,   -- made by the browser: a double click or a retry is one message
	reply_to_id uuid,
	media_url text,
	media_type text,
	error text,
	error_code text,
	scheduled_at timestamptz,
	metadata jsonb not null default '{}',
	created_at timestamptz not null default clock_timestamp(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint messages_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete cascade,
	constraint messages_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint messages_sender_id_fkey foreign key (organization_id, sender_id)
		references public.profiles (organization_id, id) on delete set null (sender_id)
);
comment on table public.messages is 'Messages; status only moves forward (MSG-25)';
create unique index messages_external_key on public.messages (organization_id, channel_account_id, external_id)
	where external_id is not null;
create unique index messages_client_key on public.messages (organization_id, client_id) where client_id is not null;
create index messages_thread_idx on public.messages (organization_id, conversation_id, created_at desc, id desc);

-- Files of a message. An inbound one has file_id null until the worker has
-- fetched it from the provider.
create table public.message_attachments (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	position integer not null default 1,
	kind text not null check (kind in ('image', 'video', 'audio', 'document', 'sticker')),
	file_id uuid,
	provider_media_id text,
	name text,
	content_type text,
	state text not null default 'stored' check (state in ('waiting', 'stored', 'failed')),
	error text,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint message_attachments_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade,
	constraint message_attachments_file_id_fkey foreign key (organization_id, file_id)
		references public.files (organization_id, id) on delete set null (file_id)
);
create index message_attachments_message_idx on public.message_attachments (organization_id, message_id, position);
do $$ begin perform internal.tenant_table('public.message_attachments'); end $$;

create table public.message_status_history (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	status text not null,
	at timestamptz not null default clock_timestamp(),
	error text,
	primary key (organization_id, id),
	constraint message_status_history_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade
);
create index message_status_history_idx on public.message_status_history (organization_id, message_id, at);
do $$ begin perform internal.tenant_table('public.message_status_history', writable => false); end $$;

create function internal.status_rank(s text) returns integer
language sql immutable
as $$
	select case s when 'SCHEDULED' then 0 when 'PENDING' then 1 when 'SENDING' then 2 when 'UNKNOWN' then 3
		when 'SENT' then 4 when 'FAILED' then 5 when 'DELIVERED' then 6 when 'READ' then 7 end
$$;

-- Before: names in upper case; a status that would move backwards stays as it
-- is (receipts come late and twice); FAILED may be tried again (PENDING).
create function internal.message_normalize() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.status := upper(new.status);
	new.direction := upper(new.direction);
	new.status := case new.status when 'RECEIVED' then 'DELIVERED' else new.status end;
	new.direction := case new.direction when 'INCOMING' then 'INBOUND' when 'OUTGOING' then 'OUTBOUND' else new.direction end;
	if tg_op = 'INSERT' then
		-- No foreign key: it would be one more look at a busy row per message.
		if new.channel_account_id is not null and not exists (select from public.channel_accounts a
				where a.organization_id = new.organization_id and a.id = new.channel_account_id) then
			raise exception using errcode = 'KT400', message = 'channel_account_id names no channel of this organization',
				column = 'channel_account_id';
		end if;
		select coalesce(new.contact_id, c.contact_id),
				coalesce(new.channel_account_id, c.response_channel_id, c.channel_account_id)
			into new.contact_id, new.channel_account_id
			from public.conversations c
			where c.organization_id = new.organization_id and c.id = new.conversation_id;
	elsif internal.status_rank(new.status) < internal.status_rank(old.status)
			and not (old.status = 'FAILED' and new.status = 'PENDING')
			and not (old.status = 'UNKNOWN' and new.status = 'PENDING')
			and not (old.status = 'SENDING' and new.status = 'PENDING') then
		new.status := old.status;
		new.error := old.error;
		new.error_code := old.error_code;
	elsif new.status = 'FAILED' and old.status in ('DELIVERED', 'READ') then
		new.status := old.status;
	end if;
	return new;
end
$$;
create trigger a_normalize before insert or update on public.messages
	for each row execute function internal.message_normalize();
do $$ begin perform internal.tenant_table('public.messages'); end $$;

-- The documented shape of message events (webhooks.md): these keys, no others.
create function internal.message_snapshot(m public.messages) returns jsonb
language sql stable security definer set search_path = ''
as $$
	select jsonb_build_object('id', m.id, 'conversation_id', m.conversation_id, 'contact_id', m.contact_id,
			'organization_id', m.organization_id, 'content', m.content, 'direction', m.direction, 'status', m.status,
			'created_at', m.created_at)
		|| case when m.direction = 'INBOUND' then coalesce((
			select jsonb_build_object('channel_type', a.type, 'channel_name', a.name)
			from public.channel_accounts a
			where a.organization_id = m.organization_id and a.id = m.channel_account_id), '{}') else '{}' end
$$;

create function internal.message_inserted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	inbound boolean := new.direction = 'INBOUND';
begin
	update public.conversations c set
		last_message_at = greatest(c.last_message_at, new.created_at),
		last_message_preview = left(coalesce(nullif(new.content, ''), '[' || new.message_type || ']'), 200),
		last_message_direction = new.direction,
		last_inbound_at = case when inbound then greatest(c.last_inbound_at, new.created_at) else c.last_inbound_at end,
		unread_count = case when inbound then c.unread_count + 1 else c.unread_count end,
		status = case when inbound and c.status in ('RESOLVED', 'CLOSED') then 'OPEN' else c.status end,
		snoozed_until = case when inbound then null else c.snoozed_until end
	where c.organization_id = new.organization_id and c.id = new.conversation_id;
	insert into public.message_status_history (organization_id, message_id, status, error)
		values (new.organization_id, new.id, new.status, new.error);
	if inbound then
		perform internal.emit(new.organization_id, 'message.received', 'message', new.id, internal.message_snapshot(new));
	elsif new.status in ('SENT', 'DELIVERED', 'READ', 'FAILED') then -- told us from outside (API-76)
		perform internal.emit(new.organization_id, 'message.' || lower(new.status), 'message', new.id,
			internal.message_snapshot(new));
	elsif new.status in ('PENDING', 'SCHEDULED') then
		perform internal.emit(new.organization_id, 'message.queued', 'message', new.id, internal.message_snapshot(new));
		perform job.enqueue(new.organization_id, 'send_message', new.id::text, jsonb_build_object('message_id', new.id),
			coalesce(new.scheduled_at, now()), 2, new.conversation_id); -- of one conversation one after the other
	end if;
	return null;
end
$$;
create trigger inserted after insert on public.messages
	for each row execute function internal.message_inserted();

create function internal.message_status_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into public.message_status_history (organization_id, message_id, status, error)
		values (new.organization_id, new.id, new.status, new.error);
	if new.status in ('SENT', 'DELIVERED', 'READ', 'FAILED', 'UNKNOWN') then
		perform internal.emit(new.organization_id, 'message.' || lower(new.status), 'message', new.id,
			internal.message_snapshot(new) || case when new.status = 'FAILED'
				then jsonb_build_object('error', new.error, 'error_code', new.error_code) else '{}' end,
			jsonb_build_object('old_status', old.status, 'new_status', new.status));
	elsif new.status = 'PENDING' then
		perform job.enqueue(new.organization_id, 'send_message', new.id::text, jsonb_build_object('message_id', new.id),
			now(), 2, new.conversation_id);
	end if;
	return null;
end
$$;
create trigger status_changed after update of status on public.messages
	for each row when (old.status is distinct from new.status)
	execute function internal.message_status_changed();

-- ---- conversation events ---------------------------------------------------------------------------

create function internal.conversation_snapshot(c public.conversations) returns jsonb
language sql immutable
as $$
	select jsonb_build_object('id', c.id, 'contact_id', c.contact_id, 'organization_id', c.organization_id,
		'channel_account_id', c.channel_account_id, 'assignee_id', c.assignee_id, 'status', c.status, 'tags', c.tags,
		'sla_deadline', c.sla_deadline, 'last_message_at', c.last_message_at, 'created_at', c.created_at,
		'updated_at', c.updated_at)
$$;

create function internal.conversation_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'INSERT' then
		-- Exactly the documented keys (29171-29192).
		perform internal.emit(new.organization_id, 'conversation.created', 'conversation', new.id,
			jsonb_build_object('id', new.id, 'contact_id', new.contact_id, 'organization_id', new.organization_id,
				'channel_account_id', new.channel_account_id, 'status', new.status, 'created_at', new.created_at));
		return null;
	end if;
	if new.assignee_id is distinct from old.assignee_id then
		perform internal.emit(new.organization_id, 'conversation.assigned', 'conversation', new.id,
			internal.conversation_snapshot(new), internal.changes(to_jsonb(old), to_jsonb(new), 'assignee_id'));
	end if;
	if new.status is distinct from old.status then
		perform internal.emit(new.organization_id, 'conversation.status.changed', 'conversation', new.id,
			internal.conversation_snapshot(new), internal.changes(to_jsonb(old), to_jsonb(new), 'status'));
	end if;
	return null;
end
$$;
create trigger events_insert after insert on public.conversations
	for each row execute function internal.conversation_events();
create trigger events_update after update of assignee_id, status on public.conversations
	for each row execute function internal.conversation_events();

-- ---- receiving and reading, one call each ------------------------------------------------------------

-- Store one inbound message: contact by handle, the open conversation (or the
-- newest closed one, which the message reopens, or a new one), the message
-- itself once. Returns nothing when the message was here already (MSG-53).
create function public.receive_message(channel uuid, handle_kind text, handle_value text, display_name text,
	thread text, provider_id text, kind text, body text, extra jsonb, at timestamptz, attachments jsonb default '[]')
	returns table (message_id uuid, conversation_id uuid, contact_id uuid)
language plpgsql
as $$
declare
	org uuid := auth.org();
	person uuid;
	talk uuid;
	message uuid;
begin
	if exists (select from public.messages m where m.organization_id = org and m.channel_account_id = channel
			and m.external_id = provider_id) then
		return;
	end if;
	-- One message of a thread at a time, so that the open conversation is one.
	perform pg_advisory_xact_lock(hashtextextended(channel::text || coalesce(thread, handle_value), 1));
	person := public.contact_for_handle(handle_kind, handle_value, display_name);
	select c.id into talk from public.conversations c
		where c.organization_id = org and c.contact_id = person and c.channel_account_id = channel
			and not (c.metadata ? 'is_comment_thread')
		order by c.status in ('OPEN', 'PENDING') desc, c.last_message_at desc nulls last limit 1;
	if talk is null then
		insert into public.conversations (organization_id, contact_id, channel_account_id, external_id)
			values (org, person, channel, thread) returning id into talk;
	end if;
	insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content,
			message_type, status, external_id, metadata, created_at)
		values (org, talk, person, channel, 'INBOUND', body, kind, 'DELIVERED', provider_id, extra, at)
		on conflict do nothing returning id into message;
	if message is null then
		return;
	end if;
	insert into public.message_attachments (organization_id, message_id, position, kind, provider_media_id, name,
			content_type, state)
		select org, message, n, a ->> 'kind', a ->> 'provider_media_id', a ->> 'name', a ->> 'content_type', 'waiting'
		from jsonb_array_elements(attachments) with ordinality e (a, n);
	return query select message, talk, person;
end
$$;

-- A receipt: moves the status forward, never back; unknown ids change nothing.
create function public.message_receipt(channel uuid, provider_id text, new_status text, why text, why_code text)
	returns boolean
language sql
as $$
	with moved as (
		update public.messages m set status = new_status, error = coalesce(why, m.error),
			error_code = coalesce(why_code, m.error_code)
		where m.organization_id = auth.org() and m.channel_account_id = channel and m.external_id = provider_id
		returning 1)
	select exists (select from moved)
$$;

-- The thread was read by the agents' side (INB-65).
create function public.conversation_read(talk uuid) returns void
language sql
as $$
	update public.conversations set unread_count = 0, last_read_at = now()
	where organization_id = auth.org() and id = talk and (unread_count > 0 or last_read_at is null)
$$;

create function public.get_conversation_unread_counts() returns table (conversation_id uuid, unread_count integer)
language sql stable
as $$
	select c.id, c.unread_count from public.conversations c
	where c.organization_id = auth.org() and c.unread_count > 0
$$;
comment on function public.get_conversation_unread_counts() is 'INB-13: conversations with unread inbound messages';

create function public.get_unanswered_conversations_count() returns bigint
language sql stable
as $$
	select count(*) from public.conversations c
	where c.organization_id = auth.org() and c.status in ('OPEN', 'PENDING') and c.last_message_direction = 'INBOUND'
$$;
comment on function public.get_unanswered_conversations_count() is 'INB-27: not closed, and the last message is the customer''s';
create index conversations_unanswered_idx on public.conversations (organization_id)
	where status in ('OPEN', 'PENDING') and last_message_direction = 'INBOUND';

grant execute on function public.receive_message(uuid, text, text, text, text, text, text, text, jsonb, timestamptz, jsonb),
	public.message_receipt(uuid, text, text, text, text), public.conversation_read(uuid),
	public.get_conversation_unread_counts(), public.get_unanswered_conversations_count() to authenticated;
