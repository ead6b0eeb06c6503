-- What the functions of the inbox do, one call each: messages that were sent
-- elsewhere, messages to send, the bot's switch, recordings of calls, health;
-- and what the API takes for channels and messages beside the stored words.
-- Everything but the health and triggers runs with the caller's rights. Ids are made before
-- the row, because a key that may not read messages cannot have it returned.

-- API-19: who may only read is told so in words.
create function internal.may_send_messages() returns void
language plpgsql stable
as $$
begin
	if not auth.may('can_send_messages') then
		raise exception using errcode = 'KT403',
			message = format('%s may not send messages', case when auth.uid() is null then 'This API key' else 'You' end),
			hint = 'It needs the permission can_send_messages';
	end if;
end
$$;

-- A channel of this tenant by id, else the newest active one of these types.
create function internal.channel_for(wanted uuid, types text[]) returns uuid
language plpgsql stable
as $$
declare
	found uuid;
begin
	if wanted is not null then
		select a.id into found from public.channel_accounts a where a.organization_id = auth.org() and a.id = wanted;
		if found is null then
			raise exception using errcode = 'KT404', message = 'Channel account not found',
				hint = 'GET /rest/v1/channel_accounts lists the channels', column = 'channel_account_id';
		end if;
		return found;
	end if;
	select a.id into found from public.channel_accounts a
		where a.organization_id = auth.org() and a.type = any (types) and a.is_active
		order by array_position(types, a.type), a.created_at desc, a.id desc limit 1;
	return found;
end
$$;

-- ---- messages that were sent or received elsewhere ----------------------------------

-- API-74: contact by phone; its conversation on the channel that was named,
-- else the one it has, open ones first; the message as it is told. A trigger
-- opens a closed conversation when the message is inbound (INB-45), and keeps
-- last_message_at. Two calls for one phone wait for each other, so that there
-- is one conversation.
create function internal.insert_message(to_phone text, body text, way text, state text, kind text, extra jsonb, channel uuid)
	returns table (id uuid, conversation_id uuid, contact_id uuid)
language plpgsql
as $$
declare
	org uuid := auth.org();
	number text := internal.phone_normalized(to_phone);
	person uuid;
	talk uuid;
	message uuid := public.uuid7();
begin
	perform internal.may_send_messages();
	if number is null then
		raise exception using errcode = 'KT400', message = format('"%s" is not a phone number', to_phone),
			hint = 'Write 8 to 15 digits with the country code, for example 201017177777', column = 'phone';
	end if;
	perform pg_advisory_xact_lock(hashtextextended(org::text || number, 2));
	person := public.contact_for_handle('phone', number, null);
	channel := internal.channel_for(channel, '{}');
	select c.id into talk from public.conversations c
		where c.organization_id = org and c.contact_id = person
			and (channel is null or c.channel_account_id = channel) and not (c.metadata ? 'is_comment_thread')
		order by c.status in ('OPEN', 'PENDING') desc, c.last_message_at desc nulls last, c.id desc limit 1;
	if talk is null then
		talk := public.uuid7();
		insert into public.conversations (organization_id, id, contact_id, channel_account_id)
			values (org, talk, person,
				coalesce(channel, internal.channel_for(null, '{WHATSAPP_LITE,WHATSAPP_CLOUD}')));
	end if;
	insert into public.messages (organization_id, id, conversation_id, contact_id, channel_account_id, sender_id, direction, content,
			message_type, status, metadata)
		values (org, message, talk, person, channel, case way when 'OUTBOUND' then auth.uid() end, way, body, kind, state, extra);
	return query select message, talk, person;
end
$$;

-- ---- messages to send ------------------------------------------------------------------

-- Queue one message for the customer (API-71, 72, MSG-42): in the conversation
-- that was named, else in the open one of contact and channel, else in a new
-- one. The contact is the one that was named, else who has this address.
-- request: to, message, conversation_id, contact_id, contact_name, metadata,
-- media [{url, kind}]. of_type: the channel's type; connected: whether this
-- installation can send by it.
create function internal.send_message(of_type text, handle_kind text, connected boolean, request jsonb)
	returns table (id uuid, conversation_id uuid, contact_id uuid)
language plpgsql
as $$
declare
	org uuid := auth.org();
	talk uuid := (request ->> 'conversation_id')::uuid;
	person uuid := (request ->> 'contact_id')::uuid;
	address text := request ->> 'to';
	channel uuid;
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
	channel := internal.channel_for(null, array[of_type]);
	if channel is null then
		raise exception using errcode = 'KT404', message = format('No credentials: no %s channel is connected and active', of_type),
			hint = 'Connect one under Settings, Channels';
	end if;
	if not connected then
		raise exception using errcode = 'KT503', message = format('This installation has no connector for %s', of_type),
			hint = 'Send by a channel that has one';
	end if;
	if talk is not null then
		select c.contact_id into person from public.conversations c where c.organization_id = org and c.id = talk;
		if not found then
			raise exception using errcode = 'KT404', message = 'Conversation not found', column = 'conversationId';
		end if;
	elsif person is not null then
		perform from public.contacts c where c.organization_id = org and c.id = person;
		if not found then
			raise exception using errcode = 'KT404', message = 'Contact not found', column = 'contact_id';
		end if;
	else
		person := public.contact_for_handle(handle_kind, address, request ->> 'contact_name');
	end if;
	if address is not null then
		insert into public.contact_handles (organization_id, contact_id, kind, value)
			values (org, person, handle_kind, address) on conflict (organization_id, kind, value) do nothing;
	end if;
	if talk is null then
		perform pg_advisory_xact_lock(hashtextextended(channel::text || person, 1));
		select c.id into talk from public.conversations c
			where c.organization_id = org and c.contact_id = person and c.channel_account_id = channel
				and c.status in ('OPEN', 'PENDING') and not (c.metadata ? 'is_comment_thread');
		if talk is null then
			talk := public.uuid7();
			insert into public.conversations (organization_id, id, contact_id, channel_account_id)
				values (org, talk, person, channel);
		end if;
	end if;
	insert into public.messages (organization_id, id, conversation_id, contact_id, channel_account_id, sender_id, direction,
			content, message_type, metadata)
		values (org, message, talk, person, channel, auth.uid(), 'OUTBOUND', request ->> 'message',
			coalesce(request #>> '{media,0,kind}', 'text'), coalesce(request -> 'metadata', '{}'));
	insert into public.message_attachments (organization_id, message_id, position, kind, provider_media_id, state)
		select org, message, n, m ->> 'kind', m ->> 'url', 'waiting'
		from jsonb_array_elements(request -> 'media') with ordinality e (m, n);
	return query select message, talk, person;
end
$$;

-- ---- the bot's switch ----------------------------------------------------------------------

-- API-88. Pausing anew is taking over anew: sessions end and the webhook is
-- called although the bot was off already (060_resources has the consequences).
create function internal.bot_control(talk uuid, active boolean) returns boolean
language plpgsql
as $$
begin
	update public.conversations c set ai_agent_active = active,
			ai_handoff_at = case when active then null else clock_timestamp() end
		where c.organization_id = auth.org() and c.id = talk;
	if not found then
		raise exception using errcode = 'KT404', message = 'Conversation not found';
	end if;
	return active;
end
$$;

-- For the job: the call to make, or no row when the channel wants none. Custom
-- keys win over those of the documented payload (24469).
create function internal.takeover_call(talk uuid, agent uuid, at timestamptz)
	returns table (url text, method text, headers jsonb, body text)
language sql stable
as $$
	select w ->> 'url', upper(coalesce(w ->> 'method', 'POST')), coalesce(w -> 'headers', '{}'),
		(jsonb_build_object('event', 'human_takeover', 'conversation_id', c.id, 'channel_account_id', a.id,
			'channel_name', a.name,
			'agent', (select jsonb_build_object('id', p.id, 'name', trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')),
					'email', p.email)
				from public.profiles p where p.organization_id = c.organization_id and p.id = agent),
			'contact', jsonb_build_object('id', k.id, 'first_name', k.first_name, 'last_name', k.last_name,
				'phones', k.phones, 'emails', k.emails),
			'timestamp', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
			|| case jsonb_typeof(w -> 'body') when 'object' then w -> 'body' else '{}' end)::text
	from public.conversations c
	join public.contacts k on k.organization_id = c.organization_id and k.id = c.contact_id
	join public.channel_accounts a on a.organization_id = c.organization_id and a.id = c.channel_account_id,
		lateral (select a.settings -> 'human_takeover_webhook') s (w)
	where c.organization_id = auth.org() and c.id = talk and w ->> 'url' <> ''
$$;

create function internal.takeover_settings() returns trigger
language plpgsql
as $$
declare
	w jsonb := new.settings -> 'human_takeover_webhook';
begin
	if coalesce(w ->> 'url', '') <> '' and (w ->> 'url' !~* '^https?://[^\s]+$'
			or upper(coalesce(w ->> 'method', 'POST')) not in ('POST', 'PUT', 'PATCH')
			or coalesce(jsonb_typeof(w -> 'headers'), 'object') not in ('object', 'null')
			or coalesce(jsonb_typeof(w -> 'body'), 'object') not in ('object', 'null')) then
		raise exception using errcode = 'KT400',
			message = 'settings.human_takeover_webhook needs an http address, the method POST, PUT or PATCH, and objects as headers and body',
			hint = '{"url": "https://...", "method": "POST", "headers": {}, "body": {}}', column = 'settings';
	end if;
	return new;
end
$$;
create trigger takeover before insert or update of settings on public.channel_accounts
	for each row execute function internal.takeover_settings();

-- ---- recordings of calls --------------------------------------------------------------------------

-- The file lies in the store already; its row and the call's are made here.
-- call: the fields of the form that were sent; recording: sha256, name,
-- content_type, size. The contact is the one named, else who has the number.
create function internal.call_recorded(call jsonb, recording jsonb) returns table (id uuid, contact_matched boolean)
language plpgsql
as $$
declare
	org uuid := auth.org();
	number text := internal.phone_normalized(call ->> 'customer_phone');
	person uuid;
	stored uuid;
	made uuid;
begin
	if call ? 'contact_id' then
		select c.id into person from public.contacts c where c.organization_id = org and c.id = (call ->> 'contact_id')::uuid;
		if person is null then
			raise exception using errcode = 'KT400', message = 'contact_id names no contact', column = 'contact_id';
		end if;
	elsif number is not null then
		select coalesce((select h.contact_id from public.contact_handles h
				where h.organization_id = org and h.kind = 'phone' and h.value = number),
			(select c.id from public.contacts c where c.organization_id = org and c.phones @> array[number]
				order by c.created_at, c.id limit 1)) into person;
	end if;
	insert into public.files (organization_id, sha256, name, content_type, size)
		values (org, recording ->> 'sha256', recording ->> 'name', recording ->> 'content_type', (recording ->> 'size')::bigint)
		returning files.id into stored;
	insert into public.call_records (organization_id, source, contact_id, agent_id, customer_phone, direction, duration_seconds,
			call_timestamp, recording_file_id, notes)
		values (org, 'mobile', person, auth.uid(), coalesce(number, call ->> 'customer_phone'),
			coalesce(call ->> 'direction', 'inbound'), (call ->> 'duration_seconds')::integer,
			coalesce((call ->> 'call_timestamp')::timestamptz, now()), stored, call ->> 'notes')
		returning call_records.id into made;
	return query select made, person is not null;
end
$$;

-- ---- health ---------------------------------------------------------------------------------------------

-- API-94: whether the parts of the installation work; nothing of any tenant.
create function public.public_service_status() returns table (name text, status text)
language sql stable security definer set search_path = ''
as $$
	select 'database', 'operational'
	union all
	select 'worker', case when exists (select from pg_catalog.pg_locks l
		where l.locktype = 'advisory' and l.classid = 1802398836 and l.objsubid = 2 and l.granted) then 'operational' else 'down' end
	union all
	select 'queue', case when exists (select from job.jobs j where j.state = 'ready' and j.crashes < 2
		and j.run_at < now() - interval '5 minutes') then 'degraded' else 'operational' end
$$;
comment on function public.public_service_status() is 'Health of the installation, part by part';

grant execute on function public.public_service_status() to anon, authenticated, service_role;
grant execute on function internal.may_send_messages(), internal.channel_for(uuid, text[]),
	internal.insert_message(text, text, text, text, text, jsonb, uuid),
	internal.send_message(text, text, boolean, jsonb), internal.bot_control(uuid, boolean),
	internal.takeover_call(uuid, uuid, timestamptz), internal.call_recorded(jsonb, jsonb) to authenticated;

-- ---- words and secrets of what the inbox has ------------------------------------------------------------

-- Other names of types (api.md, open points).
comment on column public.channel_accounts.type is 'WHATSAPP_LITE, WHATSAPP_CLOUD, FB_MESSENGER, INSTAGRAM, TELEGRAM, TIKTOK, SHOPIFY_INBOX, LINKEDIN, BULK_EMAIL, BULK_EMAIL_SES, EMAIL, SMS, SHRINKIT_PUSH; compared without regard to case; also written: MESSENGER = FB_MESSENGER, N_PUSH = SHRINKIT_PUSH';
create trigger a_fold before insert or update on public.channel_accounts
	for each row execute function internal.fold('type MESSENGER=FB_MESSENGER N_PUSH=SHRINKIT_PUSH');

-- Tokens in settings (25496): the program seals them under $sealed, with the id
-- that they are sealed for; from here they go where nobody reads them. Plain
-- ones never stay. The channel's row comes a moment after them.
comment on column public.channel_accounts.settings is
	'Of its type; tokens and secrets in it are sealed and not returned: access_token, app_secret, bot_token, secret_token, verify_token and the like';
alter table public.channel_secrets alter constraint channel_secrets_channel_account_id_fkey deferrable initially deferred;
create function internal.channel_settings() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	sealed jsonb := new.settings -> '$sealed';
	plain text;
begin
	new.settings := new.settings - '$sealed';
	select k into plain from jsonb_object_keys(new.settings) k
		where k in ('access_token', 'app_secret', 'api_key', 'appgain_api_key', 'bot_token', 'client_secret',
			'page_access_token', 'password', 'refresh_token', 'secret_token', 'verify_token');
	if plain is not null or sealed ->> 'id' is distinct from new.id::text and sealed is not null then
		raise exception using errcode = 'KT400', message = format('settings.%s cannot be sealed', coalesce(plain, '$sealed')),
			hint = 'Send it as a text, in JSON, with the id if columns are named', column = 'settings';
	end if;
	if sealed is not null then
		insert into public.channel_secrets as s (organization_id, channel_account_id, name, sealed, lookup)
			select new.organization_id, new.id, e.key, e.value ->> 'sealed', decode(e.value ->> 'lookup', 'hex')
			from jsonb_each(sealed -> 'secrets') e
			on conflict (organization_id, channel_account_id, name)
			do update set sealed = excluded.sealed, lookup = excluded.lookup;
		new.connection_state := 'Connected';
		new.last_error := null;
	end if;
	if new.type = 'WHATSAPP_CLOUD' and new.settings ? 'phone_number_id' then
		new.external_id := new.settings ->> 'phone_number_id'; -- calls of the provider name it
	end if;
	return new;
end
$$;
create trigger settings before insert or update of settings on public.channel_accounts
	for each row execute function internal.channel_settings();
comment on column public.messages.direction is 'INBOUND, OUTBOUND; compared without regard to case; also written: INCOMING = INBOUND, OUTGOING = OUTBOUND';
comment on column public.messages.status is
	'SCHEDULED, PENDING, SENDING, SENT, DELIVERED, READ, FAILED, UNKNOWN; compared without regard to case; also written: RECEIVED = DELIVERED';
comment on column public.messages.message_type is 'text, image, video, audio, document and others';
comment on column public.messages.sender_id is 'The user who wrote it; null for messages of customers and of the system';

notify pgrst;
