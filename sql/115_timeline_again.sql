-- A note that is deleted may come back at once: the timeline says nothing of it.

/*
 * Newest first: what happened to the record and what belongs to it, notes,
 * messages, calls, mails. `wanted`: note, change, message, call, task, deal or
 * mail. (before, before_id): the last row of the page before. An event that
 * only repeats another (deal.assigned beside deal.updated) is left out. Runs
 * with the caller's rights. (In plpgsql: leads come in a later file.)
 */
create or replace function internal.timeline(of_kind text, of_id uuid, wanted text, before timestamptz, before_id uuid, most integer)
	returns table (at timestamptz, id uuid, category text, type text, record_type text, record_id uuid, actor_id uuid,
		actor_name text, body text, subject text, details jsonb, changes jsonb)
language plpgsql stable rows 30
as $$
#variable_conflict use_column
begin
	return query (select e.created_at, e.id, internal.timeline_category(of_kind, r.t), e.type, e.record_type, e.record_id, e.actor_id,
			null, null, e.data ->> 'title', null::jsonb, internal.timeline_changes(e.changes, e.data)
		from internal.timeline_related(of_kind, of_id) r cross join lateral (
			select e.created_at, e.id, e.type, e.record_type, e.record_id, e.actor_id, e.data, e.changes
			from public.events e
			where e.organization_id = auth.org() and e.record_type = r.t and e.record_id = r.i
				and e.type not in ('note.created', 'note.updated', 'note.deleted', 'email.sent', 'contact.assigned', 'deal.assigned',
					'deal.stage.changed', 'lead.assigned', 'contact.exported')
				and (e.type not in ('contact.updated', 'company.updated', 'deal.updated') or e.changes is not null)
				and not (e.type = 'task.updated' and coalesce(e.changes ->> 'new_completed', '') = 'true')
				and (before is null or (e.created_at, e.id) < (before, before_id))
			order by e.position desc limit most) e
		where wanted is null or wanted = internal.timeline_category(of_kind, r.t)
		order by e.created_at desc limit most)
	union all
	(select n.created_at, n.id, 'note', 'note.created', null, null, n.author_id, null, n.content, null,
			jsonb_build_object('edited', n.updated_at > n.created_at + interval '1 second'), null
		from public.notes n
		where (wanted is null or wanted = 'note') and n.organization_id = auth.org()
			and (of_kind = 'contact' and n.contact_id = of_id or of_kind = 'company' and n.company_id = of_id
				or of_kind = 'deal' and n.deal_id = of_id or of_kind = 'task' and n.task_id = of_id
				or of_kind = 'lead' and n.lead_id = of_id)
			and (before is null or (n.created_at, n.id) < (before, before_id))
		order by n.created_at desc, n.id desc limit most)
	union all
	(select m.created_at, m.id, 'message', case when m.direction = 'INBOUND' then 'message.received'
				when m.status = 'FAILED' then 'message.failed' else 'message.sent' end,
			'conversation', m.conversation_id, m.sender_id,
			case when m.direction = 'INBOUND' then internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1])) end,
			left(m.content, 1000), null, jsonb_build_object('media', m.media_type), null
		from (select c.id, c.contact_id from public.conversations c
				where (wanted is null or wanted = 'message') and of_kind = 'contact' and c.organization_id = auth.org() and c.contact_id = of_id
				order by c.last_message_at desc limit 20) c
			join public.contacts k on k.organization_id = auth.org() and k.id = c.contact_id
			cross join lateral (
			select x.* from public.messages x
			where x.organization_id = auth.org() and x.conversation_id = c.id
				and (before is null or (x.created_at, x.id) < (before, before_id))
			order by x.created_at desc, x.id desc limit most) m
		order by m.created_at desc limit most)
	union all
	(select r.call_timestamp, r.id, 'call', 'call.' || lower(coalesce(r.call_status, 'ended')), 'call_record', r.id, r.agent_id,
			null, r.notes, r.customer_phone, jsonb_build_object('inbound', r.direction = 'inbound',
				'duration', r.duration_seconds, 'open', r.call_status in ('INITIATED', 'CONNECTED'),
				'conversation_id', r.conversation_id, 'recording_id', r.recording_file_id), null
		from public.call_records r
		where (wanted is null or wanted = 'call') and r.organization_id = auth.org()
			and (of_kind = 'contact' and r.contact_id = of_id or of_kind = 'deal' and r.deal_id = of_id
				or of_kind = 'lead' and r.lead_id = of_id
				or of_kind = 'company' and r.contact_id = any (array(select c.id from public.contacts c
					where c.organization_id = auth.org() and c.company_id = of_id limit 200)))
			and (before is null or (r.call_timestamp, r.id) < (before, before_id))
		order by r.call_timestamp desc, r.id desc limit most)
	union all
	(select m.created_at, m.id, 'mail', 'email.sent', null, null, m.sender_id, null, m.body, m.subject,
			jsonb_build_object('to', m.to_address), null
		from public.record_emails m
		where (wanted is null or wanted = 'mail') and m.organization_id = auth.org()
			and (of_kind = 'contact' and m.contact_id = of_id or of_kind = 'company' and m.company_id = of_id
				or of_kind = 'deal' and m.deal_id = of_id or of_kind = 'task' and m.task_id = of_id
				or of_kind = 'lead' and m.lead_id = of_id)
			and (before is null or (m.created_at, m.id) < (before, before_id))
		order by m.created_at desc, m.id desc limit most)
	order by 1 desc, 2 desc limit most;
end
$$;
notify pgrst;
