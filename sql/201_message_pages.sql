-- What the pages ask of one message and of what waits.

create function app.message_in(talk uuid, message uuid) returns void
language plpgsql stable
as $$
begin
	if not exists (select from public.messages m where m.id = message and m.conversation_id = talk) then
		raise exception using errcode = 'KT404', message = 'This message does not exist', hint = 'It may have been deleted';
	end if;
end
$$;

create function app.reschedule(message uuid, body text, at text, at_once boolean) returns void
language plpgsql
as $$
declare
	moment timestamptz;
begin
	if at is not null then
		begin
			moment := at::timestamp at time zone app.zone();
		exception when others then
			raise exception using errcode = 'KT422', message = 'This is not a date with a time', column = 'scheduled_at';
		end;
		if moment <= now() then
			raise exception using errcode = 'KT422', message = 'This time has passed', hint = 'Choose one that is still to come',
				column = 'scheduled_at';
		end if;
	end if;
	update public.messages m set content = coalesce(body, m.content), scheduled_at = case when at_once then now() else coalesce(moment, m.scheduled_at) end
		where m.id = message and m.status = 'SCHEDULED';
	if not found then
		raise exception using errcode = 'KT409', message = 'It is too late: the message has gone out';
	end if;
	if moment is not null then -- a row of them goes on from the new time
		update public.message_schedules s set first_at = moment, n = 0 where s.message_id = message;
	end if;
end
$$;

create function app.scheduled(talk uuid)
	returns table (id uuid, content text, "time" text, local text, repeats json, until text, author text, files bigint)
language sql stable
as $$
	select m.id, m.content, internal.shown_time(m.scheduled_at, z.name), to_char(m.scheduled_at at time zone z.name, 'YYYY-MM-DD"T"HH24:MI'),
		case when s.id is not null then json_build_object('is_' || s.repeat, true) end, internal.shown_date(s.repeat_until, z.name), app.person(p.first_name, p.last_name, null, array[p.email]),
		(select count(*) from public.message_attachments a where a.organization_id = m.organization_id and a.message_id = m.id)
	from (select app.zone() as name offset 0) z, public.messages m
	left join public.message_schedules s on s.organization_id = m.organization_id and s.message_id = m.id
	left join public.profiles p on p.organization_id = m.organization_id and p.id = m.sender_id
	where m.conversation_id = talk and m.status = 'SCHEDULED' and not m.metadata ? 'undo'
	order by m.scheduled_at, m.id limit 100
$$;
create index messages_scheduled_idx on public.messages (organization_id, conversation_id, scheduled_at) where status = 'SCHEDULED';

-- Everything that the composer has beside the conversation itself, in one row.
create function app.composer(talk uuid)
	returns table (undo_send boolean, enter_sends boolean, channels json, has_choice boolean, translates boolean, scheduled bigint)
language sql stable
as $$
	select coalesce(p.undo_send, false), coalesce(p.enter_sends, true),
		-- Channels on which this contact has written, when there is a choice.
		(select case when count(*) > 1 then json_agg(json_build_object('id', a.id, 'name', a.name, 'type', a.type, 'label', app.channel_label(a.type),
				'is_current', a.id = coalesce(c.response_channel_id, c.channel_account_id)) order by a.id <> c.channel_account_id, a.name) end
			from public.channel_accounts a where a.is_active and a.organization_id = c.organization_id
				and (a.id = c.channel_account_id or exists (select from public.conversations o where o.organization_id = c.organization_id
					and o.contact_id = c.contact_id and o.channel_account_id = a.id))),
		exists (select from public.conversations o join public.channel_accounts a on a.organization_id = o.organization_id and a.id = o.channel_account_id
			where o.organization_id = c.organization_id and o.contact_id = c.contact_id and o.channel_account_id <> c.channel_account_id and a.is_active),
		exists (select from public.message_settings s where s.translation_provider is not null),
		(select nullif(count(*), 0) from public.messages m where m.conversation_id = talk and m.status = 'SCHEDULED' and not m.metadata ? 'undo')
	from public.conversations c
	left join public.composer_preferences p on p.user_id = auth.uid()
	where c.id = talk
$$;

-- Conversations to forward to: open ones of contacts with such a name, the newest first.
create function app.forward_options(typed text, except_talk uuid)
	returns table (id uuid, name text, channel text, icon text, initials text, tone integer)
language sql stable
as $$
	select r.id, r.name, r.channel, r.icon, r.initials, r.tone from app.conversation_rows r
	where r.organization_id = auth.org() and r.is_open and r.id is distinct from except_talk
		and (coalesce(typed, '') = '' or r.search_text like internal.search_pattern(typed))
	order by r.last_message_at desc nulls last, r.id desc limit 12
$$;

grant execute on function app.message_in(uuid, uuid), app.reschedule(uuid, text, text, boolean), app.scheduled(uuid), app.composer(uuid),
	app.forward_options(text, uuid) to authenticated;
notify pgrst;
