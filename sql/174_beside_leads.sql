-- Leads and tasks take part in what others do already: leads are handed over when
-- a member leaves, and forms of both ask whose value stays, also where an input
-- is not called as its column.

-- ---- leaving (AUTH-99) ------------------------------------------------------------------

create or replace function public.member_work(member uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.must('can_manage_team');
	return jsonb_build_object(
		'conversations', (select count(*) from public.conversations c where c.organization_id = auth.org()
			and c.assignee_id = member and c.status in ('OPEN', 'PENDING')),
		'deals', (select count(*) from public.deals d where d.organization_id = auth.org() and d.owner_id = member
			and d.won_at is null and d.lost_at is null),
		'leads', (select count(*) from public.leads l where l.organization_id = auth.org() and l.owner_id = member
			and l.status in ('New', 'Contacted', 'Qualified')),
		'tasks', internal.open_tasks(auth.org(), member),
		'contacts', (select count(*) from public.contacts k where k.organization_id = auth.org() and k.assignee_id = member));
end
$$;

create or replace function public.reassign_work(member uuid, kind text, to_member uuid default null) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	n bigint := 0;
begin
	perform internal.must('can_manage_team');
	if to_member is not null and not exists (select from public.profiles p
			where p.organization_id = org and p.id = to_member and p.is_active) then
		raise exception using errcode = 'KT404', message = 'The member who is to take over does not exist or is not active',
			column = 'to_member';
	end if;
	case kind
	when 'conversations' then
		update public.conversations c set assignee_id = to_member where c.organization_id = org and c.assignee_id = member
			and c.status in ('OPEN', 'PENDING');
	when 'deals' then
		update public.deals d set owner_id = to_member where d.organization_id = org and d.owner_id = member
			and d.won_at is null and d.lost_at is null;
	when 'leads' then
		update public.leads l set owner_id = to_member where l.organization_id = org and l.owner_id = member
			and l.status in ('New', 'Contacted', 'Qualified');
	when 'contacts' then
		update public.contacts k set assignee_id = to_member where k.organization_id = org and k.assignee_id = member;
	when 'tasks' then
		update public.tasks t set assignee_id = to_member where t.organization_id = org and t.assignee_id = member and not t.completed;
	else
		raise exception using errcode = 'KT400', message = 'kind is one of conversations, deals, leads, tasks, contacts', column = 'kind';
	end case;
	get diagnostics n = row_count;
	return n;
end
$$;
comment on function public.reassign_work(uuid, text, uuid) is
	'Gives a member''s open conversations, deals, leads, tasks or contacts to another, or to nobody (AUTH-99); how many moved';

-- ---- two who change the same task or lead ------------------------------------------------

-- Inputs by the names of their columns. The form of tasks has a day and a time,
-- one choice for member or team, and a rule that may be written out.
create function internal.typed_columns(of_kind text, typed jsonb) returns jsonb
language sql stable
as $$
	select case when of_kind = 'task' then typed - 'recurrence'
		|| case when typed ? 'due_day' then jsonb_build_object('due_date',
			(internal.day_or_null(typed ->> 'due_day') + coalesce(nullif(typed ->> 'due_time', '')::time, time '23:59'))
				at time zone app.task_zone()) else '{}' end
		|| case when typed ? 'repeat' then jsonb_build_object('recurrence',
			case when typed ->> 'repeat' = 'custom' then typed ->> 'recurrence' else typed ->> 'repeat' end) else '{}' end
		|| case when typed ? 'reminder' then jsonb_build_object('reminder_minutes', typed ->> 'reminder') else '{}' end
		|| case when not typed ? 'assign' then '{}'
			when typed ->> 'assign' ~ '^[0-9a-f-]{36}$' then jsonb_build_object('assignee_id', typed ->> 'assign')
			else jsonb_build_object('assignee_id', '', 'team_id', coalesce(substring(typed ->> 'assign' from '^team:(.*)$'), '')) end
	else typed end
$$;

-- As before; a part of a record that is kept elsewhere (a step of a checklist) and
-- what follows from another field are no fields of the form.
create or replace function internal.changed_since(of_kind text, of_id uuid, since timestamptz)
	returns table (field text, was jsonb, now jsonb, actor_id uuid, at timestamptz)
language sql stable
as $$
	with told as (
		select e.position, e.changes, e.data, e.actor_id, e.created_at from public.events e
		where e.organization_id = auth.org() and e.record_type = of_kind and e.record_id = of_id
			and e.type = of_kind || '.updated' and e.created_at > since and (e.data ->> 'updated_at')::timestamptz > since
	), fields as (
		select t.position, substr(k, 5) as field, t.changes -> ('old_' || substr(k, 5)) as was, t.changes -> k as now,
			t.actor_id, t.created_at
		from told t, jsonb_object_keys(t.changes) k where k like 'new\_%' and k <> 'new_custom_fields'
			and not (of_kind = 'task' and (k in ('new_reminder_at', 'new_position') or not t.data ? substr(k, 5)))
		union all
		select t.position, 'custom_fields.' || k, t.changes -> 'old_custom_fields' -> k, t.changes -> 'new_custom_fields' -> k,
			t.actor_id, t.created_at
		from told t, lateral (
			select jsonb_object_keys(t.changes -> 'old_custom_fields') as k
				where jsonb_typeof(t.changes -> 'old_custom_fields') = 'object'
			union
			select jsonb_object_keys(t.changes -> 'new_custom_fields')
				where jsonb_typeof(t.changes -> 'new_custom_fields') = 'object') keys
		where t.changes -> 'old_custom_fields' -> k is distinct from t.changes -> 'new_custom_fields' -> k
	), ends as (
		select distinct on (f.field) f.field, f.now, f.actor_id, f.created_at,
			first_value(f.was) over (partition by f.field order by f.position) as was
		from fields f order by f.field, f.position desc
	)
	select e.field, coalesce(e.was, 'null'), coalesce(e.now, 'null'), e.actor_id, e.created_at from ends e
	where coalesce(e.was, 'null') <> coalesce(e.now, 'null')
$$;

-- A value as people read it; a team by its name.
create function internal.version_value(field text, value jsonb, r jsonb) returns text
language sql stable
as $$
	select case when field = 'team_id' then
		(select t.name from public.teams t where t.organization_id = auth.org() and t.id::text = value #>> '{}')
		else internal.timeline_value(field, value, r) end
$$;

create or replace function internal.version_clash(of_kind text, of_id uuid, since timestamptz, typed jsonb)
	returns table (field text, who text, at text, theirs text, yours text, choice boolean, untouched boolean)
language plpgsql stable
as $$
declare
	r jsonb;
	inputs jsonb := internal.typed_columns(of_kind, typed);
begin
	execute format('select to_jsonb(t) from public.%I t where t.organization_id = auth.org() and t.id = $1',
		internal.versioned_name(of_kind)) into r using of_id;
	return query
	select c.field, internal.person(p.first_name, p.last_name, p.email), internal.shown_time(c.at, internal.my_zone()),
		internal.version_value(c.field, c.now, r), internal.version_value(c.field, y.v, r),
		y.sent, y.sent and y.v is not distinct from internal.typed_value(case jsonb_typeof(c.was)
			when 'array' then (select string_agg(x, ',') from jsonb_array_elements_text(c.was) x)
			when 'boolean' then case when c.was = 'true' then '1' end
			else c.was #>> '{}' end, case when c.now = 'null' then c.was else c.now end)
	from internal.changed_since(of_kind, of_id, since) c
		left join public.profiles p on p.organization_id = auth.org() and p.id = c.actor_id,
		lateral (select case when c.field like 'custom\_fields.%' then 'cf.' || substr(c.field, 15) else c.field end as input) i,
		lateral (select internal.typed_value(inputs ->> i.input, case when c.now = 'null' then c.was else c.now end) as v,
			inputs ? i.input or jsonb_typeof(c.now) = 'boolean' as sent) y
	order by not y.sent, c.field;
end
$$;
grant execute on function internal.typed_columns(text, jsonb), internal.version_value(text, jsonb, jsonb) to authenticated, service_role;
notify pgrst;
