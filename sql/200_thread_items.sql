-- What a bubble of the thread shows: 014's view and function, with what messages can be now.

drop function app.thread_some(uuid, uuid[]);
drop view app.items;

create view app.items with (security_invoker = true) as
	select m.organization_id, m.conversation_id, m.created_at, m.id, false as is_note, m.direction = 'OUTBOUND' as outbound,
		m.content, m.message_type, m.status, m.error,
		case when m.direction = 'OUTBOUND' then coalesce(m.metadata ->> 'sender_name',
				app.person(p.first_name, p.last_name, null, array[p.email]), 'Automatic')
			when m.metadata ? 'chat_type' then m.metadata #>> '{from,name}' end as author,
		coalesce((select left(case when q.deleted_at is not null then '…' else coalesce(nullif(q.content, ''), '[' || q.message_type || ']') end, 140)
			from public.messages q where q.organization_id = m.organization_id and q.id = m.reply_to_id), nullif(m.metadata ->> 'reply_text', '')) as quoted,
		m.reply_to_id,
		(select json_agg(json_build_object('file_id', t.file_id, 'name', coalesce(t.name, f.name, t.kind),
				'size', app.size_name(f.size), 'is_image', t.state = 'stored' and f.content_type in
					('image/jpeg', 'image/png', 'image/gif', 'image/webp'), 'is_sticker', t.kind = 'sticker',
				'is_audio', t.state = 'stored' and f.content_type like 'audio/%',
				'is_video', t.state = 'stored' and f.content_type in ('video/mp4', 'video/webm'),
				'is_pdf', t.state = 'stored' and f.content_type = 'application/pdf',
				'is_stored', t.state = 'stored' and t.file_id is not null, 'is_waiting', t.state = 'waiting',
				'is_failed', t.state = 'failed', 'error', t.error) order by t.position)
			from public.message_attachments t
			left join public.files f on f.organization_id = t.organization_id and f.id = t.file_id
			where t.organization_id = m.organization_id and t.message_id = m.id) as attachments,
		(select json_agg(json_build_object('emoji', r.emoji, 'who', case when r.author = 'us'
				then app.person(u.first_name, u.last_name, null, array[u.email]) else coalesce(r.name, r.author) end, 'is_ours', r.author = 'us')
				order by r.created_at)
			from public.message_reactions r
			left join public.profiles u on u.organization_id = r.organization_id and u.id = r.user_id
			where r.organization_id = m.organization_id and r.message_id = m.id) as reactions,
		(select x.error from public.message_acts x where x.organization_id = m.organization_id and x.message_id = m.id
			order by x.created_at desc limit 1) as act_error,
		exists (select from public.message_acts x where x.organization_id = m.organization_id and x.message_id = m.id
			and x.state = 'waiting' and x.kind <> 'react') as act_waits,
		m.metadata, m.transcript, m.translation, m.edited_at, m.deleted_at, m.scheduled_at, m.channel_account_id,
		case when m.content like '%http%' then internal.first_link(m.content) end as link
	from public.messages m
	left join public.profiles p on p.organization_id = m.organization_id and p.id = m.sender_id
	union all
	select n.organization_id, n.conversation_id, n.created_at, n.id, true, true, n.content, 'note', null, null,
		coalesce(app.person(p.first_name, p.last_name, null, array[p.email]), 'Automatic'), null, null, null, null, null, false,
		'{}', null, null, null, null, null, null, null
	from public.notes n
	left join public.profiles p on p.organization_id = n.organization_id and p.id = n.author_id;
grant select on app.items to authenticated;

-- Contacts as the providers send them: one of Telegram, a list of WhatsApp.
create function app.contact_cards(c jsonb) returns json
language sql immutable
as $$
	select json_agg(json_build_object(
		'name', coalesce(x #>> '{name,formatted_name}', nullif(trim(concat_ws(' ', x ->> 'first_name', x ->> 'last_name')), ''), '?'),
		'phone', coalesce(x ->> 'phone_number', x #>> '{phones,0,phone}', x #>> '{phones,0,wa_id}'),
		'email', x #>> '{emails,0,email}', 'company', x #>> '{org,company}'))
	from jsonb_array_elements(case jsonb_typeof(c) when 'array' then c when 'object' then jsonb_build_array(c) else '[]' end) x
$$;

-- Items of a conversation, oldest first, with the line where a day begins. plpgsql
-- keeps the plan, which costs more to make than to run; sql would make it for each page.
-- (Where two answers meet within a day, the page drops the second line.)
create function app.thread_some(talk uuid, ids uuid[])
	returns table (id uuid, created_at timestamptz, cursor text, is_note boolean, outbound boolean, content text,
		message_type text, status text, error text, author text, quoted text, reply_to_id uuid, attachments json, reactions json, has_reactions boolean,
		clock text, day date, day_name text, joined boolean, is_waiting boolean, is_sending boolean, is_scheduled boolean, is_sent boolean,
		is_delivered boolean, is_read boolean, is_failed boolean, is_unknown boolean, is_out boolean, can_undo boolean,
		scheduled_for text, repeats json, is_edited boolean, is_deleted boolean, is_revoked boolean, is_forwarded boolean,
		was text, act_error text, act_waits boolean, place json, cards json, poll json, buttons json, is_story boolean, is_sticker boolean,
		transcript text, translation json, preview json, channel_type text)
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
	return query select i.id, i.created_at, i.created_at::text || '_' || i.id, i.is_note, i.outbound, i.content, i.message_type,
		i.status, i.error, i.author, i.quoted, i.reply_to_id, i.attachments, i.reactions, i.reactions is not null,
		to_char(i.created_at at time zone z.name, 'HH24:MI'), i.day,
		case when i.day is distinct from lag(i.day) over w then app.day_name(i.day, z.name) end,
		coalesce(i.day = lag(i.day) over w and i.outbound = lag(i.outbound) over w and i.is_note = lag(i.is_note) over w
			and i.author is not distinct from lag(i.author) over w
			and i.created_at < lag(i.created_at) over w + interval '5 minutes', false),
		i.outbound and i.status = 'PENDING', i.outbound and i.status = 'SENDING', i.outbound and i.status = 'SCHEDULED',
		i.outbound and i.status = 'SENT',
		i.outbound and i.status = 'DELIVERED', i.outbound and i.status = 'READ', i.outbound and i.status = 'FAILED',
		i.outbound and i.status = 'UNKNOWN', i.outbound and i.status in ('SENT', 'DELIVERED', 'READ'),
		i.status = 'SCHEDULED' and i.metadata ? 'undo',
		case when i.status = 'SCHEDULED' and not i.metadata ? 'undo' then internal.shown_time(i.scheduled_at, z.name) end,
		case when i.status = 'SCHEDULED' then (select json_build_object('is_' || s.repeat, true) from public.message_schedules s where s.message_id = i.id) end,
		i.edited_at is not null and i.deleted_at is null, i.deleted_at is not null, i.metadata ? 'revoked',
		i.metadata ? 'forwarded' or i.metadata ? 'forward_origin', i.metadata #>> '{edits,-1,was}', i.act_error, i.act_waits,
		case when i.metadata ? 'location' then json_build_object('lat', i.metadata #>> '{location,latitude}',
			'lon', i.metadata #>> '{location,longitude}', 'name', coalesce(i.metadata #>> '{venue,title}', i.metadata #>> '{location,name}'),
			'address', coalesce(i.metadata #>> '{venue,address}', i.metadata #>> '{location,address}')) end,
		case when i.metadata ? 'contacts' then app.contact_cards(i.metadata -> 'contacts') end,
		case when i.metadata ? 'poll' then json_build_object('question', i.metadata #>> '{poll,question}',
			'options', (select json_agg(json_build_object('text', o ->> 'text', 'votes', coalesce(o ->> 'voter_count', '0')))
				from jsonb_array_elements(case jsonb_typeof(i.metadata #> '{poll,options}') when 'array' then i.metadata #> '{poll,options}' else '[]' end) o),
			'closed', i.metadata #> '{poll,is_closed}' = 'true') end,
		case jsonb_typeof(i.metadata -> 'buttons') when 'array' then (select json_agg(json_build_object('text', coalesce(b ->> 'title', b ->> 'text', b #>> '{}')))
			from jsonb_array_elements(i.metadata -> 'buttons') b) end,
		i.message_type like 'story%', i.message_type = 'sticker', i.transcript, (i.translation || jsonb_build_object('error', i.translation -> 'error'))::json,
		case when i.link is not null and i.deleted_at is null then (select json_build_object('url', v.url, 'title', v.title, 'description', v.description,
				'image', v.image_file_id, 'site', substring(v.url from '^https?://([^/:?#]+)'))
			from public.link_previews v where v.organization_id = auth.org() and md5(v.url) = md5(i.link) and v.state = 'done') end,
		(select a.type from public.channel_accounts a where a.organization_id = auth.org() and a.id = i.channel_account_id)
	from (select app.zone() as name offset 0) z,
		lateral (select t.*, (t.created_at at time zone z.name)::date as day from app.items t
			where t.id = any (ids) and t.conversation_id = talk) i
	window w as (order by i.created_at, i.id)
	order by i.created_at, i.id;
end
$$;

grant execute on function app.thread_some(uuid, uuid[]), app.contact_cards(jsonb) to authenticated;

notify pgrst;
