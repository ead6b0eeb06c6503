-- The timeline of a record of any kind, without words: the pages have those, in
-- the reader's language (fcgi/app/timeline.def). What hangs on a record:
-- internal.timeline_related for events, the tables below for the rest. A module
-- with a new kind of record replaces timeline_related, record_tasks and
-- auth.sees, and adds its column to notes, record_files and record_emails.
-- (Functions that name leads are in plpgsql: their table comes in a later file.)

drop function internal.timeline(text, uuid, timestamptz, integer);
drop function internal.timeline_changes(jsonb, jsonb);

create or replace function internal.timeline_value(name text, value jsonb, data jsonb) returns text
language sql stable
as $$
	select case
		when value is null or jsonb_typeof(value) = 'null' then null
		when name in ('owner_id', 'assignee_id', 'created_by') then
			(select internal.person(p.first_name, p.last_name, p.email) from public.profiles p
				where p.organization_id = auth.org() and p.id = (value #>> '{}')::uuid)
		when name in ('company_id', 'parent_company_id') then
			(select c.name from public.companies c where c.organization_id = auth.org() and c.id = (value #>> '{}')::uuid)
		when name = 'contact_id' then
			(select internal.person(c.first_name, c.last_name, c.phones[1]) from public.contacts c
				where c.organization_id = auth.org() and c.id = (value #>> '{}')::uuid)
		when name = 'deal_id' then
			(select d.title from public.deals d where d.organization_id = auth.org() and d.id = (timeline_value.value #>> '{}')::uuid)
		when name = 'pipeline_id' then
			(select p.name from public.pipelines p where p.organization_id = auth.org() and p.id = (value #>> '{}')::uuid)
		when name = 'stage' then internal.stage_name((data ->> 'pipeline_id')::uuid, value #>> '{}')
		when name = 'value' and jsonb_typeof(value) = 'number' then
			internal.shown_money((value #>> '{}')::numeric, coalesce(data ->> 'currency', 'USD'))
		when name = 'probability' then trim_scale((value #>> '{}')::numeric) || ' %'
		when value #>> '{}' ~ '^\d{4}-\d\d-\d\d$' then internal.shown_date((value #>> '{}')::date)
		when value #>> '{}' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d' then
			internal.shown_time((value #>> '{}')::timestamptz, (select internal.my_zone()))
		when jsonb_typeof(value) = 'array' and jsonb_typeof(value -> 0) is distinct from 'object' then
			nullif((select string_agg(v, ', ') from jsonb_array_elements_text(value) v), '')
		when jsonb_typeof(value) = 'object' then
			nullif((select string_agg(k || ': ' || coalesce(v, ''), ', ') from jsonb_each_text(value) e (k, v)), '')
		when jsonb_typeof(value) = 'array' then jsonb_array_length(value)::text
		else left(value #>> '{}', 200) end
$$;

-- [{"field", "old", "new", "yes_no"}], custom fields one by one.
create function internal.timeline_changes(changes jsonb, data jsonb) returns jsonb
language sql stable
as $$
	select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('field', x.n,
			'old', internal.timeline_value(x.n, x.old, data), 'new', internal.timeline_value(x.n, x.new, data),
			'yes_no', case when 'boolean' in (jsonb_typeof(x.old), jsonb_typeof(x.new)) then true end))
		order by x.n <> 'stage', x.n)
	from (
		select substr(k, 5) as n, changes -> ('old_' || substr(k, 5)) as old, changes -> k as new
			from jsonb_object_keys(changes) k where k like 'new\_%'
				and k not in ('new_custom_fields', 'new_id', 'new_organization_id', 'new_created_at')
		union all
		select k, changes -> 'old_custom_fields' -> k, changes -> 'new_custom_fields' -> k
			from (select jsonb_object_keys(changes -> 'old_custom_fields') as k where jsonb_typeof(changes -> 'old_custom_fields') = 'object'
				union select jsonb_object_keys(changes -> 'new_custom_fields')
					where jsonb_typeof(changes -> 'new_custom_fields') = 'object') keys
			where changes -> 'old_custom_fields' -> k is distinct from changes -> 'new_custom_fields' -> k) x
$$;

-- Whose events a record's timeline shows: its own, and those of what belongs to it.
create or replace function internal.timeline_related(of_kind text, of_id uuid) returns table (t text, i uuid)
language plpgsql stable rows 100
as $$
begin
	return query select of_kind as t, of_id as i
	union all
	(select 'deal', d.id from public.deals d
		where of_kind = 'contact' and d.organization_id = auth.org() and d.contact_id = of_id
		order by d.created_at desc limit 50)
	union all
	(select 'deal', d.id from public.deals d
		where of_kind = 'company' and d.organization_id = auth.org() and d.company_id = of_id
		order by d.created_at desc limit 50)
	union all
	(select 'conversation', c.id from public.conversations c
		where of_kind = 'contact' and c.organization_id = auth.org() and c.contact_id = of_id
		order by c.last_message_at desc limit 20)
	union all
	(select 'quote', q.id from public.quotes q
		where q.organization_id = auth.org() and (of_kind = 'deal' and q.deal_id = of_id
			or of_kind = 'contact' and q.contact_id = of_id or of_kind = 'company' and q.company_id = of_id)
		order by q.created_at desc limit 50)
	union all
	(select 'task', k.id from public.tasks k
		where of_kind = 'contact' and k.organization_id = auth.org() and k.contact_id = of_id
		order by k.created_at desc limit 50)
	union all
	(select 'task', k.id from public.tasks k
		where of_kind = 'deal' and k.organization_id = auth.org() and k.deal_id = of_id
		order by k.created_at desc limit 50)
	union all
	(select 'booking', b.id from public.bookings b
		where of_kind = 'contact' and b.organization_id = auth.org() and b.contact_id = of_id
		order by b.start_date_time desc limit 20)
	union all
	(select 'task', k.id from public.tasks k
		where of_kind = 'lead' and k.organization_id = auth.org() and k.lead_id = of_id
		order by k.created_at desc limit 50);
end
$$;

-- By which choice of the filter an event is found.
create function internal.timeline_category(of_kind text, t text) returns text
language sql immutable
as $$
	select case when t = of_kind then 'change' when t in ('deal', 'quote') then 'deal'
		when t in ('task', 'booking') then 'task' when t = 'conversation' then 'message' else 'change' end
$$;

/*
 * Newest first: what happened to the record and what belongs to it, notes,
 * messages, calls, mails. `wanted`: note, change, message, call, task, deal or
 * mail. (before, before_id): the last row of the page before. An event that
 * only repeats another (deal.assigned beside deal.updated) is left out. Runs
 * with the caller's rights. (In plpgsql: leads come in a later file.)
 */
create function internal.timeline(of_kind text, of_id uuid, wanted text, before timestamptz, before_id uuid, most integer)
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
				and e.type not in ('note.created', 'note.updated', 'email.sent', 'contact.assigned', 'deal.assigned',
					'deal.stage.changed', 'lead.assigned')
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

-- ---- what is to be done on a record -------------------------------------------------------

-- Its tasks, open ones first, the earliest due at the top.
create function internal.record_tasks(of_kind text, of_id uuid, most integer) returns setof uuid
language plpgsql stable rows 10
as $$
begin
	return query select k.id from public.tasks k
	where k.organization_id = auth.org()
		and (of_kind = 'contact' and k.contact_id = of_id or of_kind = 'deal' and k.deal_id = of_id
			or of_kind = 'lead' and k.lead_id = of_id
			or of_kind = 'company' and k.deal_id = any (array(select d.id from public.deals d
				where d.organization_id = auth.org() and d.company_id = of_id order by d.created_at desc limit 50)))
	order by k.completed, k.due_date nulls last, k.id limit most;
end
$$;
comment on function internal.record_tasks(text, uuid, integer) is
	'Tasks of a contact, company, deal or lead; a module that adds a column to tasks replaces this function';

-- Whether a deal is still open, by the type of its stage; one that the pipeline does not know is.
create function internal.is_open(pipeline uuid, of_stage text) returns boolean
language sql stable
as $$
	select coalesce((select s ->> 'type' from public.pipelines p, jsonb_array_elements(p.stages) s
		where p.organization_id = auth.org() and p.id = pipeline and s ->> 'id' = of_stage limit 1), 'open') = 'open'
$$;

-- When something last happened with a contact: a message, a call, a mail, a note.
create function internal.last_activity(of_kind text, of_id uuid) returns timestamptz
language sql stable
as $$
	select greatest(
		(select max(c.last_message_at) from public.conversations c
			where of_kind = 'contact' and c.organization_id = auth.org() and c.contact_id = of_id),
		(select max(r.call_timestamp) from public.call_records r where r.organization_id = auth.org()
			and (of_kind = 'contact' and r.contact_id = of_id or of_kind = 'deal' and r.deal_id = of_id)),
		(select e.created_at from public.events e
			where e.organization_id = auth.org() and e.record_type = of_kind and e.record_id = of_id
			order by e.position desc limit 1))
$$;

grant execute on function internal.timeline_changes(jsonb, jsonb), internal.timeline_category(text, text),
	internal.timeline(text, uuid, text, timestamptz, uuid, integer), internal.record_tasks(text, uuid, integer),
	internal.last_activity(text, uuid), internal.is_open(uuid, text), internal.timeline_related(text, uuid),
	internal.timeline_value(text, jsonb, jsonb) to authenticated, service_role;
