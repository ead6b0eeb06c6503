-- Which account sends (channels.md, open points): the one that was named, else
-- the conversation's own, else the newest of its type. Several numbers of one
-- organization therefore keep their conversations apart.

create function internal.channel_to_send(of_type text, wanted uuid, talk uuid) returns uuid
language plpgsql stable
as $$
declare
	found uuid;
	own uuid[];
begin
	if wanted is not null then
		select a.id into found from public.channel_accounts a
			where a.organization_id = auth.org() and a.id = wanted and a.type = of_type and a.is_active;
		if found is null then
			raise exception using errcode = 'KT404', message = format('There is no active %s channel with this id', of_type),
				hint = 'GET /rest/v1/channel_accounts lists the channels', column = 'channelAccountId';
		end if;
		return found;
	end if;
	select array[c.response_channel_id, c.channel_account_id] into own from public.conversations c
		where c.organization_id = auth.org() and c.id = talk;
	select a.id into found from public.channel_accounts a
		where a.organization_id = auth.org() and a.type = of_type and a.is_active
		order by array_position(own, a.id) nulls last, a.created_at desc, a.id desc limit 1;
	if found is null then
		raise exception using errcode = 'KT404',
			message = format('Credentials not available: no %s channel is connected and active', of_type),
			hint = 'Connect one under Settings, Channels';
	end if;
	return found;
end
$$;
grant execute on function internal.channel_to_send(text, uuid, uuid) to authenticated;

create or replace function internal.send_message(of_type text, handle_kind text, connected boolean, request jsonb)
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
	channel := internal.channel_to_send(of_type, (request ->> 'channel_account_id')::uuid, talk);
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

notify pgrst;
