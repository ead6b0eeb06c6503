-- Figures of tasks (TSK-44..49), quick at a million of them: days are added up
-- beside the table. A change writes what it adds, the worker folds that into
-- the days; so no two writers wait for the same counter, and who reads adds
-- what is not folded yet.

create table internal.task_days (
	organization_id uuid not null references public.organizations on delete cascade,
	day date not null,           -- in the tenant's time zone
	assignee_id uuid not null,   -- zeros: nobody
	priority text not null,
	total integer not null default 0,     -- made on this day; cancelled ones do not count
	completed integer not null default 0, -- of these, complete by now
	done integer not null default 0,      -- completed on this day, whenever they were made
	primary key (organization_id, day, assignee_id, priority)
);
comment on table internal.task_days is 'Tasks added up per day, assignee and priority';
create table internal.task_deltas (
	id bigint generated always as identity primary key,
	organization_id uuid not null references public.organizations on delete cascade,
	day date not null,
	assignee_id uuid not null,
	priority text not null,
	total integer not null,
	completed integer not null,
	done integer not null
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
create index task_deltas_org_idx on internal.task_deltas (organization_id);
alter table internal.task_days enable row level security;
alter table internal.task_days force row level security;
alter table internal.task_deltas enable row level security;
alter table internal.task_deltas force row level security;

create function internal.task_count(t public.tasks, sign integer) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	zone text := internal.org_zone(t.organization_id);
	who uuid := coalesce(t.assignee_id, '00000000-0000-0000-0000-000000000000');
	made date := t.created_at at time zone zone;
	ended date := case when t.completed then t.completed_at at time zone zone end;
begin
	if t.status = 'Cancelled' then
		return;
	end if;
	insert into internal.task_deltas (organization_id, day, assignee_id, priority, total, completed, done)
		values (t.organization_id, made, who, t.priority, sign, case when t.completed then sign else 0 end,
			case when ended = made then sign else 0 end);
	if ended <> made then
		insert into internal.task_deltas (organization_id, day, assignee_id, priority, total, completed, done)
			values (t.organization_id, ended, who, t.priority, 0, 0, sign);
	end if;
end
$$;
create function internal.task_counted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op <> 'INSERT' and exists (select from public.organizations o where o.id = old.organization_id) then
		perform internal.task_count(old, -1);
	end if;
	if tg_op <> 'DELETE' then
		perform internal.task_count(new, 1);
	end if;
	return null;
end
$$;
create trigger counted_new after insert or delete on public.tasks for each row execute function internal.task_counted();
create trigger counted after update on public.tasks
	for each row when ((old.status, old.assignee_id, old.priority, old.completed_at, old.created_at)
		is distinct from (new.status, new.assignee_id, new.priority, new.completed_at, new.created_at))
	execute function internal.task_counted();

create function internal.task_fold(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	with gone as (
		delete from internal.task_deltas d where d.id = any (array(
			select x.id from internal.task_deltas x order by x.id limit most for update skip locked))
		returning d.*),
	sums as (
		select g.organization_id, g.day, g.assignee_id, g.priority, sum(g.total) as total, sum(g.completed) as completed,
			sum(g.done) as done, count(*) as rows
		from gone g group by 1, 2, 3, 4),
	folded as (
		insert into internal.task_days as t (organization_id, day, assignee_id, priority, total, completed, done)
			select s.organization_id, s.day, s.assignee_id, s.priority, s.total, s.completed, s.done from sums s
			on conflict (organization_id, day, assignee_id, priority) do update
				set total = t.total + excluded.total, completed = t.completed + excluded.completed, done = t.done + excluded.done)
	select coalesce(sum(s.rows), 0) into n from sums s;
	return n;
end
$$;
comment on function internal.task_fold(integer) is 'Adds what changed to the days';
insert into job.timers (name, call, every) values ('task_fold', 'internal.task_fold(20000)', '5 seconds');

-- What is there already.
insert into internal.task_days (organization_id, day, assignee_id, priority, total, completed, done)
	select x.organization_id, x.day, x.who, x.priority, sum(x.total), sum(x.completed), sum(x.done)
	from public.tasks t cross join lateral (
		select t.organization_id, (t.created_at at time zone internal.org_zone(t.organization_id))::date,
			coalesce(t.assignee_id, '00000000-0000-0000-0000-000000000000'), t.priority, 1, case when t.completed then 1 else 0 end, 0
		union all
		select t.organization_id, (t.completed_at at time zone internal.org_zone(t.organization_id))::date,
			coalesce(t.assignee_id, '00000000-0000-0000-0000-000000000000'), t.priority, 0, 0, 1 where t.completed)
		x (organization_id, day, who, priority, total, completed, done)
	where t.status <> 'Cancelled' group by 1, 2, 3, 4;

-- ---- asking -----------------------------------------------------------------------------

-- Whose tasks the caller sees: null means everybody's.
create function internal.task_scope() returns uuid[]
language sql stable
as $$ select case when not auth.sees_all('tasks') then auth.team_ids() end $$;

create function internal.task_figures(since date, until date) returns table (day date, assignee_id uuid, priority text,
	total bigint, completed bigint, done bigint)
language sql stable security definer set search_path = ''
as $$
	select x.day, nullif(x.assignee_id, '00000000-0000-0000-0000-000000000000'), x.priority, sum(x.total), sum(x.completed), sum(x.done)
	from (select d.day, d.assignee_id, d.priority, d.total, d.completed, d.done from internal.task_days d
			where d.organization_id = auth.org() and d.day between since and until
		union all
		select d.day, d.assignee_id, d.priority, d.total, d.completed, d.done from internal.task_deltas d
			where d.organization_id = auth.org() and d.day between since and until) x
	where (select internal.task_scope()) is null or x.assignee_id = any ((select internal.task_scope())::uuid[])
	group by 1, 2, 3
$$;

create function public.task_analytics(days integer default 30) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	zone text := internal.org_zone(auth.org());
	today date := now() at time zone zone;
	since date := today - least(greatest(days, 1), 3660) + 1;
	scope uuid[] := internal.task_scope();
	answer jsonb;
begin
	perform internal.must('can_access_tasks');
	with f as materialized (select * from internal.task_figures(since, today)),
	late as materialized (
		select t.assignee_id, t.priority, date_part('epoch', now() - t.due_date) / 86400 as days from public.tasks t
		where t.organization_id = org and t.is_open and t.due_date < now() and (scope is null or t.assignee_id = any (scope))),
	people as (
		select nullif(who, '00000000-0000-0000-0000-000000000000') as who, a.total, a.completed, a.done, b.overdue, b.late_days
		from (select coalesce(f.assignee_id, '00000000-0000-0000-0000-000000000000') as who, sum(f.total) as total, sum(f.completed) as completed, sum(f.done) as done from f group by 1) a
		full join (select coalesce(l.assignee_id, '00000000-0000-0000-0000-000000000000') as who, count(*) as overdue, round(avg(l.days)::numeric, 1) as late_days
			from late l group by 1) b using (who))
	select jsonb_build_object('since', since, 'until', today,
		'overall', (select jsonb_build_object('total', coalesce(sum(f.total), 0), 'completed', coalesce(sum(f.completed), 0),
			'done', coalesce(sum(f.done), 0),
			'rate', coalesce(round(100.0 * sum(f.completed) / nullif(sum(f.total), 0), 1), 0)) from f),
		'by_priority', (select coalesce(jsonb_agg(jsonb_build_object('priority', p.priority, 'key', lower(p.priority),
			'is_critical', p.priority = 'CRITICAL', 'is_high', p.priority = 'HIGH', 'is_medium', p.priority = 'MEDIUM',
			'is_low', p.priority = 'LOW', 'total', p.total, 'completed', p.completed,
			'rate', coalesce(round(100.0 * p.completed / nullif(p.total, 0), 1), 0), 'overdue', p.overdue)
			order by array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], p.priority)), '[]')
			from (select n.priority, coalesce(sum(f.total), 0) as total, coalesce(sum(f.completed), 0) as completed,
					(select count(*) from late l where l.priority = n.priority) as overdue
				from unnest(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW']) n (priority) left join f on f.priority = n.priority
				group by 1) p where p.total > 0 or p.overdue > 0 or p.priority <> 'CRITICAL'),
		'by_assignee', (select coalesce(jsonb_agg(jsonb_build_object('assignee_id', p.who,
			'name', case when m.id is not null then internal.person(m.first_name, m.last_name, m.email) end,
			'total', coalesce(p.total, 0), 'completed', coalesce(p.completed, 0), 'done', coalesce(p.done, 0),
			'rate', coalesce(round(100.0 * p.completed / nullif(p.total, 0), 1), 0),
			'overdue', coalesce(p.overdue, 0), 'overdue_days', coalesce(p.late_days, 0))
			order by p.done desc nulls last, p.total desc nulls last, m.first_name), '[]')
			from people p left join public.profiles m on m.organization_id = org and m.id = p.who
			where coalesce(p.total, 0) > 0 or coalesce(p.done, 0) > 0 or coalesce(p.overdue, 0) > 0),
		'weeks', (select coalesce(jsonb_agg(jsonb_build_object('week', w.week, 'assignee_id', w.who, 'done', w.done) order by w.week), '[]')
			from (select date_trunc('week', f.day)::date as week, f.assignee_id as who, sum(f.done) as done from f
				group by 1, 2 having sum(f.done) > 0) w),
		'overdue', (select jsonb_build_object('count', count(*),
			'average_days', coalesce(round(avg(l.days)::numeric, 1), 0),
			'longest_days', coalesce(floor(max(l.days)), 0),
			'spans', jsonb_build_array(count(*) filter (where l.days <= 1), count(*) filter (where l.days > 1 and l.days <= 7),
				count(*) filter (where l.days > 7 and l.days <= 30), count(*) filter (where l.days > 30))) from late l))
		into answer;
	return answer;
end
$$;
comment on function public.task_analytics(integer) is
	'Completion overall, per priority and per assignee of the tasks made in the last so many days, completed per week, and what is overdue now';

-- How a recurring task is kept (UCF-35).
create function public.task_series(most integer default 20) returns table (series_id uuid, title text, recurrence text, total bigint,
	completed bigint, late bigint, rate numeric, task_id uuid)
language sql stable
as $$
	select s.series_id, l.title, l.recurrence, c.total, c.completed, c.late, round(100.0 * c.completed / c.ended, 1), l.id
	from (select x.series_id from public.tasks x where x.organization_id = (select auth.org()) and x.series_id is not null
		group by 1 order by max(x.created_at) desc limit least(most, 100)) s
	cross join lateral (select count(*) as total, count(*) filter (where t.completed) as completed,
			count(*) filter (where t.completed_at > t.due_date or t.is_open and t.due_date < now()) as late,
			nullif(count(*) filter (where t.completed or t.due_date < now()), 0) as ended
		from public.tasks t where t.organization_id = auth.org() and t.series_id = s.series_id) c
	cross join lateral (select t.id, t.title, t.recurrence from public.tasks t
		where t.organization_id = auth.org() and t.series_id = s.series_id order by t.created_at desc limit 1) l
	order by c.total desc, l.title
$$;
comment on function public.task_series(integer) is
	'Recurring tasks: how many there were, completed, late; the rate counts those that are complete or past due';

grant execute on function internal.task_scope(), internal.task_figures(date, date), public.task_analytics(integer),
	public.task_series(integer) to authenticated, service_role;
notify pgrst;
