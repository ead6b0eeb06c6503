-- INB-69, INB-70: which channel answers. The choice is kept with the conversation
-- (response_channel_id; what the API and templates send goes by it, too), and whether one
-- may write freely is asked of the channel that answers.

-- Accounts by which the contact of a conversation can be reached: its own, those on which he
-- has a conversation, and WhatsApp of either kind where he has a phone.
create function app.reply_channels(talk uuid)
	returns table (id uuid, name text, type text, is_own boolean)
language sql stable
as $$
	select a.id, a.name, a.type, a.id = c.channel_account_id
	from public.conversations c
	join public.contacts k on k.organization_id = c.organization_id and k.id = c.contact_id
	join public.channel_accounts a on a.organization_id = c.organization_id and a.is_active
		and (a.id = c.channel_account_id
			or a.type not in ('SMS', 'SHRINKIT_PUSH', 'BULK_EMAIL', 'BULK_EMAIL_SES')
				and exists (select from public.conversations o where o.organization_id = c.organization_id
					and o.contact_id = c.contact_id and o.channel_account_id = a.id)
			or a.type in ('WHATSAPP_CLOUD', 'WHATSAPP_LITE') and (k.phones <> '{}'
				or exists (select from public.contact_handles h where h.organization_id = c.organization_id and h.contact_id = c.contact_id
					and h.kind = 'phone')))
	where c.id = talk and not coalesce((c.metadata ->> 'is_comment_thread')::boolean, false)
	order by 4 desc, a.name, a.id limit 50
$$;

-- The choice. The conversation's own channel is no choice.
create function app.choose_reply_channel(talk uuid, channel uuid) returns void
language plpgsql
as $$
begin
	if not exists (select from app.reply_channels(talk) r where r.id = channel) then
		raise exception using errcode = 'KT422', message = 'This contact cannot be reached by this channel', column = 'channel';
	end if;
	update public.conversations c set response_channel_id = nullif(channel, c.channel_account_id)
		where c.id = talk and c.response_channel_id is distinct from nullif(channel, c.channel_account_id);
end
$$;

drop function app.composer(uuid);
create function app.composer(talk uuid)
	returns table (undo_send boolean, enter_sends boolean, channels json, has_choice boolean, translates boolean, scheduled bigint,
		by_other boolean, reply_type text, reply_silent bigint, reply_late boolean, reply_channel uuid)
language sql stable
as $$
	select coalesce(p.undo_send, false), coalesce(p.enter_sends, true), w.channels, w.n > 1,
		exists (select from public.message_settings s where s.translation_provider is not null),
		(select nullif(count(*), 0) from public.messages m where m.conversation_id = talk and m.status = 'SCHEDULED' and not m.metadata ? 'undo'),
		r.id is not null, r.type,
		-- Since he last wrote on the channel that answers, in whichever conversation.
		case when r.id is not null then (select floor(extract(epoch from now() - max(o.last_inbound_at)))::bigint from public.conversations o
			where o.organization_id = c.organization_id and o.contact_id = c.contact_id and o.channel_account_id = r.id
				and not o.metadata ? 'is_comment_thread') end,
		r.settings ->> 'human_agent' = 'on', r.id
	from public.conversations c
	left join public.composer_preferences p on p.user_id = auth.uid()
	left join public.channel_accounts r on r.organization_id = c.organization_id and r.id = c.response_channel_id and r.is_active
		and r.id is distinct from c.channel_account_id
	cross join lateral (select count(*) as n, json_agg(json_build_object('id', x.id, 'name', x.name, 'type', x.type,
			'label', app.channel_label(x.type), 'is_current', x.id = coalesce(r.id, c.channel_account_id))
			order by x.is_own desc, x.name, x.id) as channels
		from app.reply_channels(talk) x) w
	where c.id = talk
$$;

grant execute on function app.reply_channels(uuid), app.choose_reply_channel(uuid, uuid), app.composer(uuid) to authenticated;
notify pgrst;
