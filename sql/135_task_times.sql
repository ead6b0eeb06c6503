-- Tasks and time: what comes due, reminders, recurring tasks. And the timers of
-- the worker, by which all of that happens.

-- ---- timers: what is done again and again ---------------------------------------------

create table job.timers (
	name text primary key,
	call text not null,            -- SQL expression of type bigint: how much there was to do
	every interval not null,
	next_at timestamptz not null default now(),
	last_error text
);
comment on table job.timers is 'Work that the worker does in turn, for all tenants; each turn in a transaction of its own, short';
alter table job.timers enable row level security;
alter table job.timers force row level security;

-- One that fails does not hold up the others.
create function job.tick() returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	t job.timers;
	n bigint;
	total bigint := 0;
begin
	for t in select * from job.timers x where x.next_at <= now() order by x.next_at for update skip locked loop
		begin
			execute 'select ' || t.call into n;
			total := total + n;
			update job.timers x set next_at = clock_timestamp() + t.every, last_error = null where x.name = t.name;
		exception when others then
			raise warning 'timer %: %', t.name, sqlerrm;
			update job.timers x set next_at = clock_timestamp() + greatest(t.every, interval '10 seconds'), last_error = sqlerrm
				where x.name = t.name;
		end;
	end loop;
	return total;
end
$$;
comment on function job.tick() is 'Runs the timers that are due; the worker asks once a second';
grant execute on function job.tick() to kontor_worker;

-- ---- what comes due ------------------------------------------------------------------------

-- One row for each moment that is still to come. It goes when the moment has
-- come, in the transaction that tells of it: so nobody hears of it twice.
create table internal.task_alerts (
	organization_id uuid not null,
	task_id uuid not null,
	kind text not null check (kind in ('due', 'overdue', 'reminder')),
	at timestamptz not null,
	primary key (organization_id, task_id, kind),
	foreign key (organization_id, task_id) references public.tasks (organization_id, id) on delete cascade
);
create index task_alerts_at_idx on internal.task_alerts (at);
alter table internal.task_alerts enable row level security;
alter table internal.task_alerts force row level security;

create function internal.org_zone(org uuid) returns text
language sql stable security definer set search_path = ''
as $$ select coalesce((select o.timezone from public.organizations o where o.id = org), 'UTC') $$;

-- A task that is due on a day, without a time, is due at its last minute; the
-- notice of it comes in the morning.
create function internal.task_watch() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	notice timestamptz := new.due_date;
	zone text;
begin
	if tg_op = 'UPDATE' then
		delete from internal.task_alerts a where a.organization_id = new.organization_id and a.task_id = new.id;
	end if;
	if not new.is_open then
		return null;
	end if;
	if new.due_date is not null then
		zone := internal.org_zone(new.organization_id);
		if to_char(new.due_date at time zone zone, 'HH24:MI') = '23:59' then
			notice := ((new.due_date at time zone zone)::date + time '09:00') at time zone zone;
		end if;
	end if;
	insert into internal.task_alerts (organization_id, task_id, kind, at)
		select new.organization_id, new.id, x.kind, x.at
		from (values ('overdue', new.due_date), ('due', case when notice > now() then notice end),
			('reminder', case when new.reminder_at > now() then new.reminder_at end)) x (kind, at)
		where x.at is not null;
	return null;
end
$$;
create trigger watch_new after insert on public.tasks
	for each row when (new.is_open and (new.due_date is not null or new.reminder_at is not null))
	execute function internal.task_watch();
create trigger watch after update on public.tasks
	for each row when ((old.due_date, old.reminder_at, old.is_open) is distinct from (new.due_date, new.reminder_at, new.is_open))
	execute function internal.task_watch();

create function internal.task_alerts_due(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	a record;
	n bigint := 0;
begin
	for a in
		with gone as (
			delete from internal.task_alerts x where x.ctid = any (array(
				select y.ctid from internal.task_alerts y where y.at <= now() order by y.at limit most for update skip locked))
			returning x.*)
		select g.kind, g.at, t as task from gone g
			join public.tasks t on t.organization_id = g.organization_id and t.id = g.task_id
			where t.is_open order by g.at loop
		n := n + 1;
		if a.kind = 'overdue' then
			perform internal.emit((a.task).organization_id, 'task.overdue', 'task', (a.task).id, to_jsonb(a.task));
		else
			perform internal.notify((a.task).organization_id, coalesce((a.task).assignee_id, (a.task).created_by), 'task.' || a.kind,
				'task', (a.task).id, jsonb_build_object('title', (a.task).title, 'due_date', (a.task).due_date))
				from public.profiles p where p.organization_id = (a.task).organization_id
					and p.id = coalesce((a.task).assignee_id, (a.task).created_by);
		end if;
	end loop;
	return n;
end
$$;
comment on function internal.task_alerts_due(integer) is
	'Tells of what came due: task.overdue as an event, task.due and task.reminder to the assignee (TSK-35)';
insert into job.timers (name, call, every) values ('task_alerts', 'internal.task_alerts_due(1000)', '3 seconds');
insert into internal.task_alerts (organization_id, task_id, kind, at)
	select t.organization_id, t.id, 'overdue', t.due_date from public.tasks t where t.is_open and t.due_date > now();

-- ---- recurring tasks -------------------------------------------------------------------------

-- A recurrence rule taken apart. The part of RFC 5545 that tasks need: FREQ,
-- INTERVAL, BYDAY (with a place in the month), BYMONTHDAY, UNTIL, COUNT.
create type internal.rrule as (freq text, step integer, days text[], month_days integer[], until timestamptz, count integer);

create function internal.rrule_read(rule text) returns internal.rrule
language plpgsql immutable
as $$
declare
	r internal.rrule;
	part text;
	name text;
	value text;
begin
	r.step := 1;
	foreach part in array string_to_array(regexp_replace(upper(trim(rule)), '^RRULE:', ''), ';') loop
		name := split_part(part, '=', 1);
		value := split_part(part, '=', 2);
		if name = 'FREQ' and value in ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY') then
			r.freq := value;
		elsif name = 'INTERVAL' and value ~ '^[1-9][0-9]{0,2}$' then
			r.step := value::integer;
		elsif name = 'COUNT' and value ~ '^[1-9][0-9]{0,3}$' then
			r.count := value::integer;
		elsif name = 'BYDAY' and value ~ '^(-?[1-5])?(MO|TU|WE|TH|FR|SA|SU)(,(-?[1-5])?(MO|TU|WE|TH|FR|SA|SU))*$' then
			r.days := string_to_array(value, ',');
		elsif name = 'BYMONTHDAY' and value ~ '^-?([1-9]|[12][0-9]|3[01])(,-?([1-9]|[12][0-9]|3[01]))*$' then
			r.month_days := string_to_array(value, ',')::integer[];
		elsif name = 'UNTIL' and value ~ '^[0-9]{8}(T[0-9]{6}Z?)?$' then
			r.until := case when length(value) = 8 then to_timestamp(value || '235959Z', 'YYYYMMDDHH24MISS')
				else to_timestamp(value, 'YYYYMMDD"T"HH24MISS') end;
		elsif name = 'WKST' and value = 'MO' or part = '' then
			null;
		else
			raise exception using errcode = 'KT400', message = format('"%s" is not understood in a recurrence', left(part, 40)),
				hint = 'For example FREQ=WEEKLY;BYDAY=MO or FREQ=MONTHLY;BYMONTHDAY=1', column = 'recurrence';
		end if;
	end loop;
	if r.freq is null or r.freq in ('DAILY', 'WEEKLY') and exists (select from unnest(r.days) d where length(d) > 2) then
		raise exception using errcode = 'KT400', message = 'A recurrence says how often: FREQ=DAILY, WEEKLY, MONTHLY or YEARLY',
			hint = 'For example FREQ=WEEKLY;BYDAY=MO', column = 'recurrence';
	end if;
	return r;
end
$$;

-- The days of one period that a rule hits, in order. `start`: the first day of
-- the week, month or year, or the day itself; `base`: where the series stands.
create function internal.rrule_days(r internal.rrule, start date, base date) returns setof date
language plpgsql immutable
as $$
declare
	names text[] := '{MO,TU,WE,TH,FR,SA,SU}';
begin
	if r.freq = 'DAILY' then
		return query select start where r.days is null or names[extract(isodow from start)::integer] = any (r.days);
	elsif r.freq = 'WEEKLY' then
		return query select start + n from generate_series(0, 6) n
			where case when r.days is null then n + 1 = extract(isodow from base) else names[n + 1] = any (r.days) end order by 1;
	else
		return query select d::date from generate_series(start,
				(start + case r.freq when 'MONTHLY' then interval '1 month' else interval '1 year' end)::date - 1, interval '1 day') d
			cross join lateral (select names[extract(isodow from d)::integer] as name, extract(day from d)::integer as day,
				extract(day from date_trunc('month', d) + interval '1 month - 1 day')::integer as last) x
			where case when r.freq = 'YEARLY' and r.days is null and r.month_days is null
					then extract(month from d) = extract(month from base) and x.day = extract(day from base)
				when r.days is null and r.month_days is null then x.day = extract(day from base)
				else (r.freq = 'MONTHLY' or extract(month from d) = extract(month from base))
					and (r.month_days is null or x.day = any (r.month_days) or x.day - x.last - 1 = any (r.month_days))
					and (r.days is null or x.name = any (r.days) or ((x.day - 1) / 7 + 1) || x.name = any (r.days)
						or '-' || ((x.last - x.day) / 7 + 1) || x.name = any (r.days)) end
			order by 1;
	end if;
end
$$;

-- The first time after `after` at which a task with this rule is due again; its
-- clock time stays, also where summer time begins or ends. Null: never more.
create function internal.rrule_next(rule text, base timestamptz, after timestamptz, zone text) returns timestamptz
language plpgsql stable
as $$
declare
	r internal.rrule := internal.rrule_read(rule);
	local_base timestamp := base at time zone zone;
	local_after timestamp := greatest(base, after) at time zone zone;
	unit interval := case r.freq when 'DAILY' then '1 day' when 'WEEKLY' then '7 days' when 'MONTHLY' then '1 month' else '1 year' end;
	start date := case r.freq when 'DAILY' then local_base else date_trunc(case r.freq when 'WEEKLY' then 'week'
		when 'MONTHLY' then 'month' else 'year' end, local_base) end;
	step integer := greatest(0, floor(extract(epoch from local_after - local_base) / extract(epoch from unit) / r.step)::integer - 1);
	at timestamp;
begin
	if r.count = 1 then
		return null;
	end if;
	for n in step .. step + 400 loop
		select d + local_base::time into at
			from internal.rrule_days(r, (start + n * r.step * unit)::date, local_base::date) d
			where d + local_base::time > local_after order by d limit 1;
		if at is not null then
			return case when r.until is null or at at time zone zone <= r.until then at at time zone zone end;
		end if;
	end loop;
	return null;
end
$$;
grant execute on function internal.rrule_read(text), internal.rrule_days(internal.rrule, date, date),
	internal.rrule_next(text, timestamptz, timestamptz, text) to authenticated, service_role;

create function internal.task_recurrence() returns trigger
language plpgsql
as $$
begin
	new.recurrence := nullif(regexp_replace(upper(trim(new.recurrence)), '^RRULE:', ''), '');
	if new.recurrence is null then
		return new;
	end if;
	perform internal.rrule_read(new.recurrence);
	if new.due_date is null then
		raise exception using errcode = 'KT400', message = 'A recurring task needs a due date, where the series begins', column = 'due_date';
	end if;
	new.series_id := coalesce(new.series_id, new.id);
	return new;
end
$$;
grant execute on function internal.task_recurrence() to authenticated, service_role;
create trigger recurrence before insert or update on public.tasks
	for each row when (new.recurrence is not null) execute function internal.task_recurrence();

-- Completed, a task makes the next one: due at the next time that is not past
-- already, with its checklist, once. Taken back while nobody has touched the
-- next one, that goes again.
create function internal.task_recurs() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	due timestamptz;
	r internal.rrule;
	next_id uuid;
begin
	if old.completed then
		delete from public.tasks t where t.organization_id = new.organization_id and t.recurred_from = new.id and t.status = 'To Do'
			and t.updated_at = t.created_at;
		return null;
	end if;
	due := internal.rrule_next(new.recurrence, new.due_date, now(), internal.org_zone(new.organization_id));
	if due is null then
		return null;
	end if;
	r := internal.rrule_read(new.recurrence);
	insert into public.tasks (organization_id, title, description, due_date, priority, assignee_id, team_id, parent_id, contact_id,
			company_id, lead_id, deal_id, conversation_id, project_id, milestone_id, case_id, tags, custom_fields, created_by,
			reminder_minutes, recurrence, series_id, recurred_from)
		values (new.organization_id, new.title, new.description, due, new.priority, new.assignee_id, new.team_id, new.parent_id,
			new.contact_id, new.company_id, new.lead_id, new.deal_id, new.conversation_id, new.project_id, new.milestone_id, new.case_id, new.tags,
			new.custom_fields, new.created_by, new.reminder_minutes,
			case when r.count is null then new.recurrence
				else regexp_replace(new.recurrence, 'COUNT=[0-9]+', 'COUNT=' || r.count - 1) end, new.series_id, new.id)
		on conflict (organization_id, recurred_from) do nothing returning id into next_id;
	insert into public.task_checklist_items (organization_id, task_id, title, position)
		select c.organization_id, next_id, c.title, c.position from public.task_checklist_items c
		where next_id is not null and c.organization_id = new.organization_id and c.task_id = new.id;
	return null;
end
$$;
create trigger recurs after update on public.tasks
	for each row when (new.recurrence is not null and new.completed is distinct from old.completed)
	execute function internal.task_recurs();

notify pgrst;
