-- What the pages of the CRM show beside the rows themselves: times and money as
-- people read them, and the timeline of a record.

create function internal.my_zone() returns text
language sql stable
as $$
	select coalesce((select p.timezone from public.profiles p where p.organization_id = auth.org() and p.id = auth.uid()), 'UTC')
$$;
comment on function internal.my_zone() is 'Time zone of who is signed in; wrap it as (select internal.my_zone())';

-- Short for what is near: 14:05 today, then 3 Mar, 14:05, then 3 Mar 2024.
create function internal.shown_time(at timestamptz, zone text) returns text
language sql stable
as $$
	select case when (at at time zone zone)::date = (now() at time zone zone)::date
			then to_char(at at time zone zone, 'HH24:MI')
		when date_trunc('year', at at time zone zone) = date_trunc('year', now() at time zone zone)
			then to_char(at at time zone zone, 'FMDD Mon, HH24:MI')
		else to_char(at at time zone zone, 'FMDD Mon YYYY') end
$$;

-- Cents only where there are some.
create function internal.shown_money(amount numeric, currency text) returns text
language sql immutable
as $$
	select coalesce(case currency when 'EUR' then '€' when 'USD' then '$' when 'GBP' then '£' when 'JPY' then '¥' end,
			currency || ' ')
		|| to_char(amount, case when amount = trunc(amount) then 'FM999,999,999,999,990' else 'FM999,999,999,999,990.00' end)
$$;

create function internal.shown_span(span interval) returns text
language sql stable
as $$
	select case when s < 90 then 'a moment' when s < 5400 then round(s / 60) || ' minutes'
		when s < 129600 then round(s / 3600) || ' hours' else round(s / 86400) || ' days' end
	from (select extract(epoch from span) as s) x
$$;

create function internal.person(first_name text, last_name text, otherwise text) returns text
language sql immutable
as $$
	select coalesce(nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), ''), otherwise, 'Unnamed')
$$;

create function internal.initials(first_name text, last_name text, otherwise text) returns text
language sql immutable
as $$
	select upper(coalesce(nullif(left(coalesce(trim(first_name), ''), 1) || left(coalesce(trim(last_name), ''), 1), ''),
		left(otherwise, 1), '?'))
$$;

create function internal.stage_name(pipeline uuid, stage text) returns text
language sql stable
as $$
	select coalesce((select s ->> 'name' from public.pipelines p, jsonb_array_elements(p.stages) s
		where p.organization_id = auth.org() and p.id = pipeline and s ->> 'id' = stage limit 1), stage)
$$;

-- What is typed into a search box, ready for like: lower case, wildcards
-- literal, and a telephone number down to its digits (CON-25).
create function internal.search_pattern(term text) returns text
language sql immutable
as $$
	select '%' || regexp_replace(lower(case when term ~ '^[+0-9 ().\-]*[0-9][+0-9 ().\-]*$'
		then regexp_replace(term, '[^0-9]', '', 'g') else trim(term) end), '([\\%_])', '\\\1', 'g') || '%'
$$;

-- ---- the timeline of a record ------------------------------------------------------------------------------

create function internal.timeline_value(name text, value jsonb, data jsonb) returns text
language sql stable
as $$
	select case
		when value is null or jsonb_typeof(value) = 'null' then null
		when name in ('owner_id', 'assignee_id') then
			(select internal.person(p.first_name, p.last_name, p.email) from public.profiles p
				where p.organization_id = auth.org() and p.id = (value #>> '{}')::uuid)
		when name = 'company_id' then
			(select c.name from public.companies c where c.organization_id = auth.org() and c.id = (value #>> '{}')::uuid)
		when name = 'contact_id' then
			(select internal.person(c.first_name, c.last_name, c.phones[1]) from public.contacts c
				where c.organization_id = auth.org() and c.id = (value #>> '{}')::uuid)
		when name = 'pipeline_id' then
			(select p.name from public.pipelines p where p.organization_id = auth.org() and p.id = (value #>> '{}')::uuid)
		when name = 'stage' then internal.stage_name((data ->> 'pipeline_id')::uuid, value #>> '{}')
		when name = 'value' then internal.shown_money((value #>> '{}')::numeric, coalesce(data ->> 'currency', 'USD'))
		when name = 'probability' then trim_scale((value #>> '{}')::numeric) || ' %'
		when jsonb_typeof(value) = 'array' and jsonb_typeof(value -> 0) is distinct from 'object' then
			nullif((select string_agg(v, ', ') from jsonb_array_elements_text(value) v), '')
		when jsonb_typeof(value) = 'object' then
			nullif((select string_agg(k || ': ' || coalesce(v, ''), ', ') from jsonb_each_text(value) e (k, v)), '')
		when jsonb_typeof(value) = 'array' then jsonb_array_length(value) || ' lines'
		when jsonb_typeof(value) = 'boolean' then case value #>> '{}' when 'true' then 'yes' else 'no' end
		else left(value #>> '{}', 200) end
$$;

create function internal.timeline_label(name text) returns text
language sql immutable
as $$
	select case name when 'owner_id' then 'Owner' when 'assignee_id' then 'Assigned to' when 'company_id' then 'Company'
		when 'contact_id' then 'Contact' when 'pipeline_id' then 'Pipeline' when 'opt_in_status' then 'Marketing consent'
		when 'emails' then 'E-mail' when 'phones' then 'Phone' when 'expected_close_date' then 'Close date'
		else initcap(left(replace(name, '_', ' '), 1)) || substr(replace(name, '_', ' '), 2) end
$$;

create function internal.timeline_changes(changes jsonb, data jsonb) returns jsonb
language sql stable
as $$
	select jsonb_agg(jsonb_build_object('label', internal.timeline_label(n),
			'old', internal.timeline_value(n, changes -> ('old_' || n), data),
			'new', internal.timeline_value(n, changes -> ('new_' || n), data)) order by n <> 'stage', n)
	from (select substr(k, 5) as n from jsonb_object_keys(changes) k where k like 'new\_%') names
$$;

-- Whose events a record's timeline shows: its own, its deals', its
-- conversations'. Later modules replace this function to add theirs.
create function internal.timeline_related(of_kind text, of_id uuid) returns table (t text, i uuid)
language sql stable
as $$
	select of_kind as t, of_id as i
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
$$;

-- Newest first: notes, and what happened to the record, its deals and its
-- conversations. An event that only repeats another (deal.assigned beside
-- deal.updated) is left out. Runs with the caller's rights.
create function internal.timeline(of_kind text, of_id uuid, before timestamptz, most integer)
	returns table (at timestamptz, id uuid, kind text, type text, record_type text, record_id uuid, actor_id uuid,
		body text, subject text, changes jsonb)
language sql stable
as $$
	(select e.created_at, e.id, 'event', e.type, e.record_type, e.record_id, e.actor_id, null, e.data ->> 'title',
			internal.timeline_changes(e.changes, e.data)
		from internal.timeline_related(of_kind, of_id) r cross join lateral (
			select e.created_at, e.id, e.type, e.record_type, e.record_id, e.actor_id, e.data, e.changes
			from public.events e
			where e.organization_id = auth.org() and e.record_type = r.t and e.record_id = r.i
				and e.type not in ('note.created', 'contact.assigned', 'deal.assigned', 'deal.stage.changed')
				and (e.type not in ('contact.updated', 'company.updated', 'deal.updated') or e.changes is not null)
				and (before is null or e.created_at < before)
			order by e.position desc limit most) e
		order by e.created_at desc limit most)
	union all
	(select n.created_at, n.id, 'note', 'note.created', null, null, n.author_id, n.content, null, null
		from public.notes n
		where n.organization_id = auth.org()
			and (of_kind = 'contact' and n.contact_id = of_id or of_kind = 'company' and n.company_id = of_id
				or of_kind = 'deal' and n.deal_id = of_id)
			and (before is null or n.created_at < before)
		order by n.created_at desc limit most)
	order by 1 desc limit most
$$;

-- ---- who may administer --------------------------------------------------------------------------------------

create function internal.admins_only(what text) returns void
language plpgsql stable
as $$
begin
	if coalesce(auth.app_role(), '') not in ('OWNER', 'ADMIN', 'SYSTEM') then
		raise exception using errcode = 'KT403', message = format('Only owners and administrators manage %s', what),
			hint = 'Ask one of them';
	end if;
end
$$;
comment on function internal.admins_only(text) is 'Raises for everybody else; first statement of a page for administrators (WHK-9)';

-- ---- pipelines --------------------------------------------------------------------------------------------------

-- Deals whose stage is taken away would be on no board (DEA-84).
create function internal.pipeline_keeps_deals() returns trigger
language plpgsql
as $$
declare
	lost text;
	n bigint;
begin
	select max(s ->> 'name'), count(*) into lost, n
		from jsonb_array_elements(old.stages) s, lateral (
			select from public.deals d where d.organization_id = old.organization_id and d.pipeline_id = old.id
				and d.stage = s ->> 'id' limit 1) d
		where not exists (select from jsonb_array_elements(new.stages) k where k ->> 'id' = s ->> 'id');
	if n > 0 then
		raise exception using errcode = 'KT409', message = format('There are deals in the stage "%s"', lost),
			hint = 'Move them to another stage first', column = 'stages';
	end if;
	return new;
end
$$;
create trigger z_keeps_deals before update of stages on public.pipelines
	for each row execute function internal.pipeline_keeps_deals();

grant execute on function internal.my_zone(), internal.shown_time(timestamptz, text), internal.shown_money(numeric, text),
	internal.shown_span(interval), internal.person(text, text, text), internal.initials(text, text, text),
	internal.stage_name(uuid, text), internal.search_pattern(text), internal.timeline_value(text, jsonb, jsonb),
	internal.timeline_label(text), internal.timeline_changes(jsonb, jsonb), internal.timeline_related(text, uuid),
	internal.timeline(text, uuid, timestamptz, integer), internal.admins_only(text),
	internal.pipeline_keeps_deals() to authenticated, service_role;
