-- What the pages of tasks ask for.

create function app.task_zone() returns text
language sql stable security definer set search_path = ''
as $$ select internal.org_zone(auth.org()) $$;
comment on function app.task_zone() is 'Today and all times of tasks are those of the organization; wrap it as (select app.task_zone())';

-- ---- finding by words (TSK-31) -----------------------------------------------------

-- Each word somewhere in title or description.
create function internal.task_patterns(term text) returns text[]
language sql immutable parallel safe
as $$
	select coalesce(array_agg('%' || regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%' order by length(w) desc), '{%}')
	from regexp_split_to_table(lower(trim(term)), '\s+') w where w <> ''
$$;
create function internal.find_tasks(term text, with_tag text, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	patterns text[] := internal.task_patterns(term);
begin
	if coalesce(trim(term), '') = '' then
		return query select t.id from public.tasks t where t.organization_id = org and t.tags @> array[with_tag] limit most;
	else
		-- The longest word by the index, the others on what it finds.
		return query select t.id from public.tasks t
			where t.organization_id = org and lower(t.title || ' ' || coalesce(t.description, '')) like patterns[1]
				and (cardinality(patterns) = 1 or lower(t.title || ' ' || coalesce(t.description, '')) like all (patterns))
				and (coalesce(with_tag, '') = '' or t.tags @> array[with_tag])
			limit most;
	end if;
end
$$;
comment on function internal.find_tasks(text, text, integer) is 'Ids of the caller''s tasks with these words and this tag; an empty one counts for all';
grant execute on function internal.task_patterns(text), internal.find_tasks(text, text, integer) to authenticated, service_role;

-- ---- a task as lists and cards show it -------------------------------------------------

create view app.task_rows with (security_invoker = true) as
select t.organization_id, t.id, t.title, t.status, t.priority, t.is_open, t.completed, t.sort_key, t.due_date, t.tags, t.recurrence,
	t.parent_id, t.assignee_id, t.team_id, t.contact_id, t.company_id, t.lead_id, t.deal_id, t.conversation_id, t.updated_at,
	lower(replace(t.status, ' ', '_')) as status_key, lower(t.priority) as priority_key,
	t.status = 'In Progress' as in_progress, t.status = 'Cancelled' as cancelled,
	t.priority in ('HIGH', 'CRITICAL') as is_high, t.priority = 'MEDIUM' as is_medium, t.priority = 'LOW' as is_low,
	t.priority = 'CRITICAL' as is_critical,
	t.is_open and t.due_date < now() as is_overdue,
	x.day as due_day, x.day = z.today as is_today, x.day = z.today + 1 as is_tomorrow, x.day = z.today - 1 as is_yesterday,
	greatest(z.today - x.day, 0) as overdue_days,
	nullif(to_char(t.due_date at time zone z.name, 'HH24:MI'), '23:59') as due_time,
	internal.shown_date(x.day, z.name) as due_date_shown,
	to_char(t.due_date at time zone z.name, 'YYYY-MM-DD"T"HH24:MI') as due_local,
	to_char(t.due_date at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as due_iso,
	internal.shown_time(t.completed_at, z.name) as completed_shown,
	a.id is not null as has_assignee, a.id = auth.uid() as is_mine,
	internal.person(a.first_name, a.last_name, a.email) as assignee,
	internal.initials(a.first_name, a.last_name, a.email) as assignee_initials, app.tone(a.id) as assignee_tone,
	tm.name as team, a.id is null and tm.id is not null and t.is_open as in_queue,
	internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1])) as contact, k.id is not null as has_contact,
	co.name as company, d.title as deal,
	t.recurrence is not null as recurs,
	t.is_open and exists (select from public.task_dependencies w
		join public.tasks b on b.organization_id = w.organization_id and b.id = w.blocked_by_id
		where w.organization_id = t.organization_id and w.task_id = t.id and b.is_open) as blocked,
	nullif(s.n, 0) as subtasks, s.done as subtasks_done, nullif(c.n, 0) as steps, c.done as steps_done
from public.tasks t
cross join lateral (select (select app.task_zone()) as name, (select (now() at time zone app.task_zone())::date) as today) z
cross join lateral (select (t.due_date at time zone (select app.task_zone()))::date as day) x
left join public.profiles a on a.organization_id = t.organization_id and a.id = t.assignee_id
left join public.teams tm on tm.organization_id = t.organization_id and tm.id = t.team_id
left join public.contacts k on k.organization_id = t.organization_id and k.id = t.contact_id
left join public.companies co on co.organization_id = t.organization_id and co.id = t.company_id
left join public.deals d on d.organization_id = t.organization_id and d.id = t.deal_id
cross join lateral (select count(*) as n, count(*) filter (where not u.is_open) as done from public.tasks u
	where u.organization_id = t.organization_id and u.parent_id = t.id) s
cross join lateral (select count(*) as n, count(*) filter (where i.done) as done from public.task_checklist_items i
	where i.organization_id = t.organization_id and i.task_id = t.id) c;
grant select on app.task_rows to authenticated;

create function internal.day_or_null(word text) returns date
language plpgsql immutable
as $$
begin
	return word::date;
exception when others then
	return null;
end
$$;
comment on function internal.day_or_null(text) is 'A date from an address; null when it is none';
grant execute on function internal.day_or_null(text) to authenticated;

-- ---- changing --------------------------------------------------------------------------

-- A due time as pages write it: none, today, tomorrow, next_week, +3 (days from
-- today), a day (the clock time stays, TSK-25), or a day with its time; all by
-- the organization's clock.
create function app.task_due(word text, was timestamptz) returns timestamptz
language plpgsql stable
as $$
declare
	zone text := app.task_zone();
	today date := now() at time zone zone;
	day date;
begin
	if word = 'none' then
		return null;
	elsif word ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d$' then
		return replace(word, 'T', ' ')::timestamp at time zone zone;
	end if;
	day := case when word = 'today' then today when word = 'tomorrow' then today + 1
		when word = 'weekend' then today + (6 - extract(isodow from today)::integer + 7) % 7
		when word = 'next_week' then date_trunc('week', today)::date + 7
		when word ~ '^\+\d{1,3}$' then today + word::integer
		when word ~ '^\d{4}-\d\d-\d\d$' then word::date end;
	if day is null then
		raise exception using errcode = 'KT400', message = 'This is no due date', column = 'due_date';
	end if;
	-- What was due at an hour that has passed today would be overdue again at once.
	if was is not null and word in ('today', '+0') and day + (was at time zone zone)::time <= now() at time zone zone then
		return (day + time '23:59') at time zone zone;
	end if;
	return (day + coalesce((was at time zone zone)::time, time '23:59')) at time zone zone;
exception when datetime_field_overflow or invalid_datetime_format then
	raise exception using errcode = 'KT400', message = 'This is no due date', column = 'due_date';
end
$$;

-- One set of changes for many tasks; each value null: as it is. Answers with
-- what was before, for undoing.
create function app.task_change(ids uuid[], new_status text, new_priority text, new_due text, new_assignee text)
	returns table (id uuid, status text, priority text, due_date timestamptz, assignee_id uuid, team_id uuid)
language plpgsql
as $$
#variable_conflict use_column
declare
	who uuid := case when new_assignee = 'me' then auth.uid() when new_assignee <> 'none' then new_assignee::uuid end;
begin
	return query
		with was as materialized (
			select t.id, t.status, t.priority, t.due_date, t.assignee_id, t.team_id from public.tasks t
			where t.organization_id = auth.org() and t.id = any (ids) order by t.id for update),
		done as (
			update public.tasks t set
				status = case when new_status is null then t.status when new_status = 'reopen' then coalesce(t.former_status, 'To Do')
					else internal.task_status_named(new_status) end,
				priority = coalesce(upper(new_priority), t.priority),
				due_date = case when new_due is null then t.due_date else app.task_due(new_due, t.due_date) end,
				assignee_id = case when new_assignee is null then t.assignee_id else who end
			from was w where t.organization_id = auth.org() and t.id = w.id returning t.id)
		select w.* from was w where w.id in (select d.id from done d);
end
$$;

-- What app.task_change answered, put back.
create function app.task_undo(before jsonb) returns bigint
language plpgsql
as $$
declare
	n bigint;
begin
	perform set_config('kontor.restoring', 'on', true);
	update public.tasks t set status = b.status, priority = b.priority, due_date = b.due_date, assignee_id = b.assignee_id, team_id = b.team_id
		from jsonb_to_recordset(before) b (id uuid, status text, priority text, due_date timestamptz, assignee_id uuid, team_id uuid)
		where t.organization_id = auth.org() and t.id = b.id;
	get diagnostics n = row_count;
	return n;
end
$$;

-- ---- deleting, and taking that back ---------------------------------------------------------

create table public.task_trash (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	deleted_by uuid default auth.uid(),
	parts jsonb not null,
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.task_trash is 'Deleted tasks with their parts, for a day: so long the page can bring them back';
create index task_trash_created_idx on public.task_trash (created_at);
do $$ begin
	perform internal.tenant_table('public.task_trash', writable => false);
	perform internal.flag_table('public.task_trash', 'can_access_tasks');
end $$;
create policy own on public.task_trash as restrictive for select to authenticated using (deleted_by = (select auth.uid()));

create function internal.task_put_away(trash uuid, ids uuid[]) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	every uuid[];
begin
	with recursive below (id) as (
		select t.id from public.tasks t where t.organization_id = org and t.id = any (ids)
		union
		select t.id from below b join public.tasks t on t.organization_id = org and t.parent_id = b.id)
	select array_agg(b.id) into every from below b;
	insert into public.task_trash (organization_id, id, parts) values (org, trash, jsonb_build_object(
		'tasks', (select jsonb_agg(to_jsonb(t) order by t.created_at, t.id) from public.tasks t where t.organization_id = org and t.id = any (every)),
		'items', (select jsonb_agg(to_jsonb(i)) from public.task_checklist_items i where i.organization_id = org and i.task_id = any (every)),
		'needs', (select jsonb_agg(to_jsonb(d)) from public.task_dependencies d where d.organization_id = org
			and (d.task_id = any (every) or d.blocked_by_id = any (every))),
		'notes', (select jsonb_agg(to_jsonb(n)) from public.notes n where n.organization_id = org and n.task_id = any (every))));
end
$$;
-- Under the caller's rights: what he may not delete stays, and is not put away.
create function app.task_delete(trash uuid, ids uuid[]) returns bigint
language plpgsql
as $$
declare
	n bigint;
begin
	ids := array(select t.id from public.tasks t where t.organization_id = auth.org() and t.id = any (ids));
	perform internal.task_put_away(trash, ids);
	delete from public.tasks t where t.organization_id = auth.org() and t.id = any (ids);
	get diagnostics n = row_count;
	return n;
end
$$;
create function app.task_restore(trash uuid) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	t public.task_trash;
	n bigint;
begin
	perform internal.must('can_access_tasks');
	delete from public.task_trash x where x.organization_id = auth.org() and x.id = trash and x.deleted_by is not distinct from auth.uid()
		returning * into t;
	if not found then
		raise exception using errcode = 'KT404', message = 'This cannot be brought back any more';
	end if;
	perform set_config('kontor.restoring', 'on', true);
	-- What it pointed to may be gone meanwhile; it comes back without that.
	insert into public.tasks (organization_id, id, title, description, due_date, priority, status, former_status, completed_at, assignee_id,
			contact_id, deal_id, company_id, lead_id, template_id, conversation_id, team_id, parent_id, project_id, milestone_id, case_id, tags, custom_fields,
			created_by, created_at, reminder_minutes, reminder_at, recurrence, series_id, recurred_from)
		select r.organization_id, r.id, r.title, r.description, r.due_date, r.priority, r.status, r.former_status, r.completed_at,
			(select p.id from public.profiles p where p.organization_id = r.organization_id and p.id = r.assignee_id),
			(select k.id from public.contacts k where k.organization_id = r.organization_id and k.id = r.contact_id),
			(select d.id from public.deals d where d.organization_id = r.organization_id and d.id = r.deal_id),
			(select c.id from public.companies c where c.organization_id = r.organization_id and c.id = r.company_id),
			(select l.id from public.leads l where l.organization_id = r.organization_id and l.id = r.lead_id),
			r.template_id,
			(select c.id from public.conversations c where c.organization_id = r.organization_id and c.id = r.conversation_id),
			(select g.id from public.teams g where g.organization_id = r.organization_id and g.id = r.team_id),
			r.parent_id,
			(select p.id from public.projects p where p.organization_id = r.organization_id and p.id = r.project_id),
			(select m.id from public.project_milestones m where m.organization_id = r.organization_id and m.id = r.milestone_id),
			r.case_id, r.tags, r.custom_fields, r.created_by, r.created_at, r.reminder_minutes, r.reminder_at, r.recurrence, r.series_id, r.recurred_from
		from jsonb_populate_recordset(null::public.tasks, t.parts -> 'tasks') r
		where r.parent_id is null or exists (select from public.tasks u where u.organization_id = r.organization_id and u.id = r.parent_id)
			or r.parent_id in (select (x ->> 'id')::uuid from jsonb_array_elements(t.parts -> 'tasks') x)
		on conflict do nothing;
	get diagnostics n = row_count;
	insert into public.task_checklist_items (organization_id, id, task_id, title, done, position, done_at, created_at)
		select i.organization_id, i.id, i.task_id, i.title, i.done, i.position, i.done_at, i.created_at
		from jsonb_populate_recordset(null::public.task_checklist_items, nullif(t.parts -> 'items', 'null')) i
		where exists (select from public.tasks u where u.organization_id = i.organization_id and u.id = i.task_id) on conflict do nothing;
	insert into public.task_dependencies (organization_id, id, task_id, blocked_by_id, created_by, created_at)
		select d.organization_id, d.id, d.task_id, d.blocked_by_id, d.created_by, d.created_at
		from jsonb_populate_recordset(null::public.task_dependencies, nullif(t.parts -> 'needs', 'null')) d
		where (select count(*) from public.tasks u where u.organization_id = d.organization_id and u.id in (d.task_id, d.blocked_by_id)) = 2
		on conflict do nothing;
	insert into public.notes (organization_id, id, task_id, author_id, content, created_at)
		select x.organization_id, x.id, x.task_id, x.author_id, x.content, x.created_at
		from jsonb_populate_recordset(null::public.notes, nullif(t.parts -> 'notes', 'null')) x on conflict do nothing;
	return n;
end
$$;
create function internal.task_trash_purge() returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	delete from public.task_trash t where t.created_at < now() - interval '1 day';
	get diagnostics n = row_count;
	return n;
end
$$;
insert into job.timers (name, call, every) values ('task_trash', 'internal.task_trash_purge()', '10 minutes');

-- ---- the number beside Tasks ------------------------------------------------------------------

-- Mine that are overdue or due today.
create function app.task_count() returns bigint
language sql stable
as $$
	select count(*) from (select from public.tasks t
		where t.assignee_id = (select auth.uid()) and t.organization_id = (select auth.org())
			and t.sort_key < extract(epoch from (((now() at time zone (select app.task_zone()))::date + 1)::timestamp
				at time zone (select app.task_zone())))::double precision
		limit 100) x
$$;

-- ---- quick adding: @name -----------------------------------------------------------------------

-- The one member whose name begins like this; null when there is none, or several.
create function app.member_named(word text) returns uuid
language sql stable
as $$
	select case when count(*) = 1 then (array_agg(p.id))[1] end from public.profiles p
	where p.organization_id = auth.org() and p.is_active and (lower(p.first_name) = lower(word) or lower(p.username) = lower(word)
		or replace(lower(coalesce(p.first_name, '') || coalesce(p.last_name, '')), ' ', '') = lower(word)
		or length(word) > 1 and starts_with(lower(p.first_name), lower(word))
			and not exists (select from public.profiles o where o.organization_id = p.organization_id and o.is_active and lower(o.first_name) = lower(word)))
$$;

-- 2027-03-31, or 31.3. with or without a year; without one it is the next such day.
create function internal.quick_date(word text) returns text
language plpgsql stable
as $$
declare
	d date;
	today date := now() at time zone app.task_zone();
begin
	if word !~ '\.' then
		return internal.day_or_null(word)::text;
	end if;
	d := make_date(coalesce(nullif(split_part(word, '.', 3), ''), extract(year from today)::text)::integer,
		split_part(word, '.', 2)::integer, split_part(word, '.', 1)::integer);
	if d < today and split_part(word, '.', 3) = '' then
		d := (d + interval '1 year')::date;
	end if;
	return d::text;
exception when datetime_field_overflow then
	return null;
end
$$;

-- The due time of quick adding: a day (days from today, a week day 1..7, or a
-- date) and minutes of that day; of a clock time alone, today or tomorrow.
create function app.task_due_words(days integer, weekday integer, day text, minutes integer) returns timestamptz
language plpgsql stable
as $$
declare
	zone text := app.task_zone();
	here timestamp := now() at time zone zone;
	d date := here;
begin
	if days is null and weekday is null and day is null then
		if minutes is null then
			return null;
		end if;
		d := d + case when here::time >= make_time(minutes / 60, minutes % 60, 0) then 1 else 0 end;
	elsif day is not null then
		d := day::date;
	elsif weekday is not null then
		d := d + coalesce(nullif((weekday - extract(isodow from d)::integer + 7) % 7, 0), 7);
	else
		d := d + days;
	end if;
	return (d + coalesce(make_time(minutes / 60, minutes % 60, 0), time '23:59')) at time zone zone;
exception when datetime_field_overflow then
	return null;
end
$$;

grant execute on function app.task_zone(), app.task_due(text, timestamptz), app.task_change(uuid[], text, text, text, text),
	app.task_undo(jsonb), internal.task_put_away(uuid, uuid[]), app.task_delete(uuid, uuid[]), app.task_restore(uuid), app.task_count(),
	app.member_named(text), internal.quick_date(text), app.task_due_words(integer, integer, text, integer) to authenticated;

-- ---- the demo ------------------------------------------------------------------------------------

create function internal.demo_tasks(org uuid, owner uuid, agent uuid) returns void
language plpgsql
as $$
declare
	zone text := internal.org_zone(org);
	today date := now() at time zone zone;
	sales uuid;
	contract uuid;
	offer uuid;
begin
	perform set_config('request.jwt.claims', json_build_object('organization_id', org, 'role', 'authenticated',
		'app_role', 'SYSTEM')::text, true);
	insert into public.teams (organization_id, name, manager_id) values (org, 'Customer care', owner)
		on conflict (organization_id, name) do update set manager_id = excluded.manager_id returning id into sales;
	insert into public.team_members (organization_id, team_id, user_id) values (org, sales, owner), (org, sales, agent) on conflict do nothing;
	insert into public.tasks (organization_id, title, description, due_date, priority, status, assignee_id, team_id, contact_id, tags, recurrence,
			created_by, created_at)
	select org, x.title, x.description, (today + x.days + x.clock::time) at time zone zone, x.priority, x.status,
		case x.who when 'o' then owner when 'a' then agent end, case x.who when 'q' then sales end,
		(select k.id from public.contacts k where k.organization_id = org and k.first_name = x.contact),
		x.tags, x.recurrence, owner, now() - x.age * interval '1 day'
	from (values
		('Call Jonas about the training days', 'He asked for two dates in spring.', -2, '10:00', 'HIGH', 'To Do', 'o', 'Jonas', '{call}'::text[], null, 6),
		('Send customs papers to Mariam', null, -1, '16:00', 'MEDIUM', 'In Progress', 'a', 'Mariam', '{}', null, 5),
		('Offer for twelve pallets a month', 'One price including customs, three months fixed.', 0, '23:59', 'HIGH', 'In Progress', 'o', 'Mariam', '{offer}', null, 3),
		('Follow up with Chloé on the March invoice', null, 0, '23:59', 'LOW', 'To Do', 'o', 'Chloé', '{}', null, 2),
		('Weekly pipeline review', 'Numbers first, then the three largest deals.', (8 - extract(isodow from today)::integer) % 7 + 7, '09:30', 'MEDIUM', 'To Do', 'o', null, '{review}', 'FREQ=WEEKLY;BYDAY=MO', 8),
		('Prepare the demo for Tomás', null, 1, '11:00', 'HIGH', 'To Do', 'a', 'Tomás', '{demo}', null, 1),
		('Send contract to Solaris', null, 2, '23:59', 'HIGH', 'To Do', 'o', 'Lucía', '{contract}', null, 1),
		('Check references of Harbor & Finch', null, 5, '23:59', 'LOW', 'To Do', null, 'Oliver', '{}', null, 1),
		('Answer the request from the website', 'Came in by the form, nobody has it yet.', 0, '23:59', 'MEDIUM', 'To Do', 'q', 'Hannah', '{website}', null, 0),
		('Return of a damaged parcel', null, 1, '12:00', 'MEDIUM', 'To Do', 'q', 'Daan', '{}', null, 0),
		('Book the stand for the fair in Porto', null, 12, '23:59', 'LOW', 'To Do', 'o', null, '{fair}', null, 9),
		('Ask Dr. Brandt for the requirements', null, -4, '15:00', 'MEDIUM', 'Complete', 'a', 'Dr. Silke', '{}', null, 10),
		('Print new price lists', null, -3, '12:00', 'LOW', 'Complete', 'o', null, '{}', null, 12),
		('Thank Ingrid for the referral', null, -1, '12:00', 'LOW', 'Complete', 'o', 'Ingrid', '{}', null, 4)
	) x (title, description, days, clock, priority, status, who, contact, tags, recurrence, age);
	update public.tasks t set completed_at = t.due_date where t.organization_id = org and t.completed;
	update public.tasks t set due_date = null where t.organization_id = org and t.title like 'Check references%';
	select t.id into contract from public.tasks t where t.organization_id = org and t.title = 'Send contract to Solaris';
	select t.id into offer from public.tasks t where t.organization_id = org and t.title = 'Offer for twelve pallets a month';
	insert into public.tasks (organization_id, title, status, assignee_id, due_date, created_by)
		values (org, 'Legal review of the Solaris contract', 'To Do', agent, (today + 1 + time '17:00') at time zone zone, owner);
	insert into public.task_dependencies (organization_id, task_id, blocked_by_id)
		select org, contract, t.id from public.tasks t where t.organization_id = org and t.title = 'Legal review of the Solaris contract';
	insert into public.task_checklist_items (organization_id, task_id, title, done, position) values
		(org, offer, 'Freight rates from the forwarder', true, 1), (org, offer, 'Customs fees', true, 2), (org, offer, 'Margin approved', false, 3);
	update public.tasks t set deal_id = d.id, company_id = d.company_id from public.deals d
		where t.organization_id = org and d.organization_id = org and t.contact_id = d.contact_id
			and t.title in ('Offer for twelve pallets a month', 'Send contract to Solaris');
	insert into public.notes (organization_id, task_id, author_id, content) values (org, offer, agent, 'The forwarder promised the rates for Thursday.');
	delete from public.notifications n where n.organization_id = org and n.record_type = 'task';
	perform internal.task_fold(100000);
end
$$;
notify pgrst;
