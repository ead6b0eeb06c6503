-- Tasks in daily use: status, queues, subtasks, checklists, dependencies,
-- notes, and where they belong. The rules hold for pages, API, imports and
-- automations alike.

-- ---- columns --------------------------------------------------------------------

alter table public.tasks
	add column status text not null default 'To Do' check (status in ('To Do', 'In Progress', 'Complete', 'Cancelled')),
	add column former_status text,
	add column team_id uuid,
	add column parent_id uuid,
	add column company_id uuid,
	add column lead_id uuid, -- its foreign key follows in 142, where leads stand
	add column project_id uuid,
	add column milestone_id uuid,
	add column case_id uuid,
	add column reminder_minutes integer check (reminder_minutes between 0 and 525600),
	add column reminder_at timestamptz,
	add column recurrence text,
	add column series_id uuid,
	add column recurred_from uuid;
update public.tasks set status = 'Complete', former_status = 'To Do' where completed;

-- Open ones by their due time, then those without one, then what is done, the
-- last first: seconds since 1970, far apart.
create function internal.task_place(status text, due_date timestamptz, completed_at timestamptz, changed timestamptz)
	returns double precision
language sql immutable parallel safe
as $$
	select case when status in ('To Do', 'In Progress') then coalesce(extract(epoch from due_date), 1e11)
		else 3e11 - extract(epoch from coalesce(completed_at, changed)) end::double precision
$$;
grant execute on function internal.task_place(text, timestamptz, timestamptz, timestamptz) to authenticated, service_role;

alter table public.tasks
	add column is_open boolean not null generated always as (status in ('To Do', 'In Progress')) stored,
	add column sort_key double precision not null
		generated always as (internal.task_place(status, due_date, completed_at, created_at)) stored,
	drop constraint tasks_priority_check,
	add constraint tasks_priority_check check (priority in ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
	add constraint tasks_critical check (priority <> 'CRITICAL' or case_id is not null),
	add constraint tasks_recurrence_check check (length(recurrence) <= 200),
	add constraint tasks_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete set null (team_id),
	add constraint tasks_parent_id_fkey foreign key (organization_id, parent_id)
		references public.tasks (organization_id, id) on delete cascade,
	add constraint tasks_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete set null (company_id),
	add constraint tasks_project_id_fkey foreign key (organization_id, project_id)
		references public.projects (organization_id, id) on delete cascade,
	-- The milestone is one of the same project.
	add constraint tasks_milestone_id_fkey foreign key (organization_id, project_id, milestone_id)
		references public.project_milestones (organization_id, project_id, id) on delete set null (milestone_id),
	add constraint tasks_recurred_from_key unique (organization_id, recurred_from);

comment on column public.tasks.status is
	'To Do, In Progress, Complete, Cancelled; compared without regard to case. completed says the same as Complete';
comment on column public.tasks.completed is 'True exactly when status is Complete; taken back, the task returns to its former status (TSK-8)';
comment on column public.tasks.former_status is 'The status before it was completed';
comment on column public.tasks.priority is 'LOW, MEDIUM, HIGH, and CRITICAL for tasks of a case; compared without regard to case';
comment on column public.tasks.team_id is 'The team in whose queue it waits while nobody is assigned; rpc/claim_task takes it (GAT-24..26)';
comment on column public.tasks.parent_id is 'The task that this one is a subtask of; it goes when that goes';
comment on column public.tasks.case_id is 'The case that it is an action item of';
comment on column public.tasks.reminder_minutes is 'So many minutes before due_date the assignee is reminded; reminder_at follows from it';
comment on column public.tasks.reminder_at is 'When the assignee is reminded';
comment on column public.tasks.recurrence is
	'iCalendar rule (RFC 5545), for example FREQ=WEEKLY;BYDAY=MO: completing the task makes the next one';
comment on column public.tasks.series_id is 'The first task of the recurring series that it belongs to';
comment on column public.tasks.recurred_from is 'The task whose completion made this one; there is never more than one';
comment on column public.tasks.is_open is 'Neither complete nor cancelled';
comment on column public.tasks.sort_key is 'Its place in lists: open by due date, then those without one, then what is done, the last first';

drop index tasks_due_idx;
drop index tasks_assignee_idx;
create index tasks_place_idx on public.tasks (organization_id, sort_key, id);
create index tasks_assignee_idx on public.tasks (organization_id, assignee_id, sort_key, id);
create index tasks_status_idx on public.tasks (organization_id, status, sort_key, id);
create index tasks_priority_idx on public.tasks (organization_id, priority, sort_key, id);
create index tasks_due_idx on public.tasks (organization_id, due_date);
create index tasks_open_idx on public.tasks (organization_id, due_date) include (assignee_id, priority) where is_open;
create index tasks_queue_idx on public.tasks (organization_id, team_id, sort_key, id)
	where assignee_id is null and team_id is not null and is_open;
create index tasks_parent_idx on public.tasks (organization_id, parent_id) where parent_id is not null;
create index tasks_company_idx on public.tasks (organization_id, company_id) where company_id is not null;
create index tasks_project_idx on public.tasks (organization_id, project_id) where project_id is not null;
create index tasks_milestone_idx on public.tasks (organization_id, milestone_id) where milestone_id is not null;
create index tasks_series_idx on public.tasks (organization_id, series_id) where series_id is not null;
create index tasks_tags_idx on public.tasks using gin (organization_id, tags);
create index tasks_text_idx on public.tasks using gin (organization_id, (lower(title || ' ' || coalesce(description, ''))) gin_trgm_ops);

alter table public.projects add column company_id uuid,
	add constraint projects_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete set null (company_id);
comment on column public.projects.company_id is 'The company that it is for; also possible: customer_contact_id, deal_id (GAT-35)';
create index projects_company_idx on public.projects (organization_id, company_id) where company_id is not null;

-- ---- who sees them ------------------------------------------------------------------

-- Own, those of the teams that one manages, what one made; and the queues of
-- one's teams, or nobody could claim from them (GAT-25).
create function auth.queue_ids() returns uuid[]
language sql stable security definer set search_path = ''
as $$
	select array(select m.team_id from public.team_members m
			where m.organization_id = auth.org() and m.user_id = auth.uid()
		union
		select t.id from public.teams t where t.organization_id = auth.org() and t.manager_id = auth.uid())
$$;
comment on function auth.queue_ids() is 'The teams whose queues are the caller''s: he is in them, or manages them';
grant execute on function auth.queue_ids() to authenticated, service_role;

drop policy visible on public.tasks;
create policy visible on public.tasks as restrictive to authenticated
	using ((select auth.sees_all('tasks')) or assignee_id = any ((select auth.team_ids())::uuid[])
		or created_by = (select auth.uid())
		or assignee_id is null and team_id = any ((select auth.queue_ids())::uuid[]))
	with check ((select auth.sees_all('tasks')) or assignee_id = any ((select auth.team_ids())::uuid[])
		or created_by = (select auth.uid())
		or assignee_id is null and team_id = any ((select auth.queue_ids())::uuid[]));
drop trigger a_own_new on public.tasks;
create trigger a_own_new before insert on public.tasks for each row when (new.assignee_id is null and new.team_id is null)
	execute function internal.own_new('assignee_id', 'can_see_all_tasks');

-- ---- dependencies ----------------------------------------------------------------------

create table public.task_dependencies (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	task_id uuid not null,
	blocked_by_id uuid not null,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, task_id, blocked_by_id),
	constraint task_dependencies_self check (task_id <> blocked_by_id),
	constraint task_dependencies_task_id_fkey foreign key (organization_id, task_id)
		references public.tasks (organization_id, id) on delete cascade,
	constraint task_dependencies_blocked_by_id_fkey foreign key (organization_id, blocked_by_id)
		references public.tasks (organization_id, id) on delete cascade
);
comment on table public.task_dependencies is
	'task_id is blocked by blocked_by_id until that is complete, cancelled or deleted; read the other way round it is "blocks" (GAT-30)';
create index task_dependencies_blocker_idx on public.task_dependencies (organization_id, blocked_by_id);
do $$ begin
	perform internal.tenant_table('public.task_dependencies');
	perform internal.flag_table('public.task_dependencies', 'can_access_tasks');
end $$;
create policy visible on public.task_dependencies as restrictive to authenticated
	using ((select auth.sees_all('tasks')) or auth.sees('task', task_id) or auth.sees('task', blocked_by_id));

-- A chain that comes back to its beginning could never be worked off. Two that
-- would close it together go one after the other.
create function internal.task_dependency_check() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	chain text;
begin
	if new.task_id = new.blocked_by_id then
		raise exception using errcode = 'KT409', message = 'A task cannot block itself', column = 'blocked_by_id';
	end if;
	perform pg_advisory_xact_lock(hashtext('task_dependencies'), hashtext(new.organization_id::text));
	with recursive walk (id, path) as (
		select new.blocked_by_id, array[new.blocked_by_id]
		union all
		select d.blocked_by_id, w.path || d.blocked_by_id from walk w
			join public.task_dependencies d on d.organization_id = new.organization_id and d.task_id = w.id and d.id <> new.id
			where d.blocked_by_id <> all (w.path) and cardinality(w.path) < 100)
	select (select string_agg('"' || coalesce(left(t.title, 60), '?') || '"', ' → ' order by p.n)
			from unnest(array[new.task_id] || w.path) with ordinality p (id, n)
			left join public.tasks t on t.organization_id = new.organization_id and t.id = p.id)
		into chain from walk w where w.id = new.task_id order by cardinality(w.path) limit 1;
	if chain is not null then
		raise exception using errcode = 'KT409', message = 'These tasks would wait for each other: ' || chain,
			hint = 'Take one of these dependencies away first', column = 'blocked_by_id';
	end if;
	return new;
end
$$;
create trigger check_chain before insert or update on public.task_dependencies
	for each row execute function internal.task_dependency_check();

create function internal.task_blocker(org uuid, task uuid) returns text
language sql stable security definer set search_path = ''
as $$
	select string_agg('"' || left(b.title, 60) || '"', ', ' order by b.sort_key)
	from public.task_dependencies d join public.tasks b on b.organization_id = d.organization_id and b.id = d.blocked_by_id
	where d.organization_id = org and d.task_id = task and b.status in ('To Do', 'In Progress')
$$;
comment on function internal.task_blocker(uuid, uuid) is 'Titles of what a task waits for; null: nothing';

-- As a column of /rest/v1/tasks: select=*,is_blocked.
create function public.is_blocked(t public.tasks) returns boolean
language sql stable security definer set search_path = ''
as $$ select (t).is_open and internal.task_blocker(coalesce(auth.org(), (t).organization_id), (t).id) is not null $$;
comment on function public.is_blocked(public.tasks) is 'Open, and something that it waits for is open as well (GAT-31)';
grant execute on function public.is_blocked(public.tasks) to authenticated, service_role;

-- ---- the rules of a task -------------------------------------------------------------------

create function internal.task_status_named(word text) returns text
language sql immutable parallel safe
as $$
	select case translate(lower(trim(word)), '_- ', '') when 'todo' then 'To Do' when 'open' then 'To Do' when 'pending' then 'To Do'
		when 'inprogress' then 'In Progress' when 'started' then 'In Progress' when 'complete' then 'Complete'
		when 'completed' then 'Complete' when 'done' then 'Complete' when 'cancelled' then 'Cancelled'
		when 'canceled' then 'Cancelled' else word end
$$;
grant execute on function internal.task_status_named(text) to authenticated, service_role;

-- Status and check mark are one thing, whoever sets which (TSK-8, TSK-9); a
-- blocked task is neither started nor completed (GAT-32). It looks at blockers
-- with its owner's eyes: hidden ones block as well.
create or replace function internal.task_completion() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	blockers text;
	was text := case when tg_op = 'UPDATE' then old.status else 'To Do' end;
	seen uuid[];
	up uuid;
begin
	new.status := internal.task_status_named(coalesce(new.status, 'To Do'));
	if tg_op = 'INSERT' then
		if new.completed and new.status in ('To Do', 'In Progress') then
			new.former_status := new.status;
			new.status := 'Complete';
		end if;
	elsif new.status is not distinct from old.status and new.completed is distinct from old.completed then
		new.status := case when new.completed then 'Complete' else coalesce(old.former_status, 'To Do') end;
	end if;
	if new.status is distinct from was and new.status = 'Complete' then
		new.former_status := was;
	end if;
	new.completed := new.status = 'Complete';
	if not new.completed then
		new.completed_at := null;
	elsif tg_op = 'INSERT' or not old.completed then
		new.completed_at := coalesce(new.completed_at, now());
	else
		new.completed_at := old.completed_at;
	end if;

	if tg_op = 'UPDATE' and new.status <> old.status and new.status in ('In Progress', 'Complete') then
		blockers := internal.task_blocker(new.organization_id, new.id);
		if blockers is not null then
			raise exception using errcode = 'KT409', message = format('"%s" is blocked by %s', left(new.title, 60), blockers),
				hint = 'Complete or cancel what it waits for first', column = 'status';
		end if;
	end if;

	if new.parent_id is not null and (tg_op = 'INSERT' or new.parent_id is distinct from old.parent_id) then
		up := new.parent_id;
		while up is not null loop
			if up = new.id or up = any (seen) then
				raise exception using errcode = 'KT409', message = 'A task cannot be a subtask of itself', column = 'parent_id';
			elsif cardinality(seen) >= 4 then
				raise exception using errcode = 'KT422', message = 'Subtasks go at most five levels deep', column = 'parent_id';
			end if;
			seen := coalesce(seen, '{}') || up;
			select t.parent_id into up from public.tasks t where t.organization_id = new.organization_id and t.id = up;
		end loop;
	end if;
	if new.milestone_id is not null and new.project_id is null then
		select m.project_id into new.project_id from public.project_milestones m
			where m.organization_id = new.organization_id and m.id = new.milestone_id;
	end if;

	-- A reminder before the due time moves with it; one at a fixed time stays.
	if new.reminder_minutes is not null and (tg_op = 'INSERT' or new.reminder_minutes is distinct from old.reminder_minutes
			or new.due_date is distinct from old.due_date) then
		new.reminder_at := new.due_date - new.reminder_minutes * interval '1 minute';
	elsif tg_op = 'UPDATE' and new.reminder_at is distinct from old.reminder_at then
		new.reminder_minutes := null;
	elsif tg_op = 'UPDATE' and new.reminder_minutes is distinct from old.reminder_minutes then
		new.reminder_at := null;
	end if;
	return new;
end
$$;

-- As internal.record_events, without what only follows from other columns.
create function internal.task_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	derived text[] := '{updated_at,sort_key,is_open,former_status,series_id}';
begin
	if tg_op = 'DELETE' then
		if exists (select from public.organizations o where o.id = old.organization_id) then
			perform internal.emit(old.organization_id, 'task.deleted', 'task', old.id, to_jsonb(old));
		end if;
	elsif tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, 'task.created', 'task', new.id, to_jsonb(new));
	elsif to_jsonb(old) - derived is distinct from to_jsonb(new) - derived then
		perform internal.emit(new.organization_id, 'task.updated', 'task', new.id, to_jsonb(new),
			internal.changes(to_jsonb(old), to_jsonb(new), variadic array(
				select k from jsonb_object_keys(to_jsonb(new)) k where k <> all (derived))));
	end if;
	return null;
end
$$;
drop trigger events on public.tasks;
create trigger events after insert or update or delete on public.tasks
	for each row execute function internal.task_events();

-- Whichever of the two was set.
drop trigger events_completed on public.tasks;
create trigger events_completed after update on public.tasks
	for each row when (new.completed and not old.completed) execute function internal.task_completed();

-- Who was given a task hears of it, unless he took it himself.
create function internal.task_assigned() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if coalesce(current_setting('kontor.restoring', true), '') = 'on' then
		return null;
	end if;
	perform internal.notify(new.organization_id, new.assignee_id, 'task.assigned', 'task', new.id,
		jsonb_build_object('title', new.title, 'due_date', new.due_date));
	return null;
end
$$;
create trigger assigned_new after insert on public.tasks
	for each row when (new.assignee_id is not null and new.status in ('To Do', 'In Progress')) execute function internal.task_assigned();
create trigger assigned after update of assignee_id on public.tasks
	for each row when (new.assignee_id is not null and new.assignee_id is distinct from old.assignee_id
		and new.status in ('To Do', 'In Progress')) execute function internal.task_assigned();

-- ---- queues ---------------------------------------------------------------------------------

-- The row lock decides: who comes second finds an assignee and is refused.
create function public.claim_task(task uuid) returns public.tasks
language plpgsql security definer set search_path = ''
as $$
declare
	t public.tasks;
	holder text;
begin
	perform internal.must('can_access_tasks');
	if auth.uid() is null then
		raise exception using errcode = 'KT403', message = 'Only a member can claim a task';
	end if;
	select * into t from public.tasks x where x.organization_id = auth.org() and x.id = task for update;
	if not found or not coalesce(auth.sees_all('tasks') or t.team_id = any (auth.queue_ids())
			or t.assignee_id = any (auth.team_ids()), false) then
		raise exception using errcode = 'KT404', message = 'This task does not exist';
	elsif t.assignee_id is not null then
		select internal.person(p.first_name, p.last_name, p.email) into holder from public.profiles p
			where p.organization_id = t.organization_id and p.id = t.assignee_id;
		raise exception using errcode = 'KT409', message = format('%s has claimed this task already', coalesce(holder, 'Somebody else')),
			hint = 'Take another one from the queue';
	elsif t.team_id is null then
		raise exception using errcode = 'KT409', message = 'This task is in no queue';
	elsif not t.is_open then
		raise exception using errcode = 'KT409', message = 'This task is done already';
	end if;
	update public.tasks x set assignee_id = auth.uid() where x.organization_id = t.organization_id and x.id = t.id returning x.* into t;
	return t;
end
$$;
comment on function public.claim_task(uuid) is
	'Takes a task from a team''s queue: the first to claim becomes its owner, a second one is refused with 409 and changes nothing (GAT-26)';
grant execute on function public.claim_task(uuid) to authenticated;

-- One copy for each member (the use case "All Sales Reps").
create function public.assign_task_to_team(task uuid, team uuid) returns setof public.tasks
language plpgsql set search_path = ''
as $$
declare
	t public.tasks;
	m record;
	n integer := 0;
begin
	select * into t from public.tasks x where x.organization_id = auth.org() and x.id = task;
	if not found then
		raise exception using errcode = 'KT404', message = 'This task does not exist';
	end if;
	for m in select p.id from public.team_members tm join public.profiles p on p.organization_id = tm.organization_id and p.id = tm.user_id
			where tm.organization_id = auth.org() and tm.team_id = team and p.is_active order by p.created_at, p.id loop
		n := n + 1;
		if n = 1 then
			return query update public.tasks x set assignee_id = m.id, team_id = null
				where x.organization_id = t.organization_id and x.id = t.id returning x.*;
		else
			-- An id made of both: asked twice, it makes no more.
			return query insert into public.tasks (organization_id, id, title, description, due_date, priority, status, assignee_id, contact_id,
					company_id, lead_id, deal_id, conversation_id, project_id, milestone_id, case_id, parent_id, tags, custom_fields,
					reminder_minutes, reminder_at, recurrence)
				values (t.organization_id, md5(t.id::text || m.id)::uuid, t.title, t.description, t.due_date, t.priority, t.status, m.id, t.contact_id, t.company_id, t.lead_id,
					t.deal_id, t.conversation_id, t.project_id, t.milestone_id, t.case_id, t.parent_id, t.tags, t.custom_fields,
					t.reminder_minutes, t.reminder_at, t.recurrence)
				on conflict (organization_id, id) do nothing returning *;
		end if;
	end loop;
	if n = 0 then
		raise exception using errcode = 'KT422', message = 'This team has no members', column = 'team_id';
	end if;
end
$$;
comment on function public.assign_task_to_team(uuid, uuid) is
	'Every member of the team gets the task: the first the one named, each other a copy of his own';
grant execute on function public.assign_task_to_team(uuid, uuid) to authenticated;

-- ---- checklists --------------------------------------------------------------------------------

create table public.task_checklist_items (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	task_id uuid not null,
	title text not null check (length(title) between 1 and 300),
	done boolean not null default false,
	position integer not null default 0,
	done_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint task_checklist_items_task_id_fkey foreign key (organization_id, task_id)
		references public.tasks (organization_id, id) on delete cascade
);
comment on table public.task_checklist_items is 'Steps of a task that are ticked off, in the order of position';
create index task_checklist_items_task_idx on public.task_checklist_items (organization_id, task_id, position, id);
create function internal.checklist_done() returns trigger
language plpgsql
as $$
begin
	new.done_at := case when new.done then coalesce(new.done_at, now()) end;
	if tg_op = 'INSERT' and new.position = 0 then
		select coalesce(max(c.position), 0) + 1 into new.position from public.task_checklist_items c
			where c.organization_id = new.organization_id and c.task_id = new.task_id;
	end if;
	return new;
end
$$;
grant execute on function internal.checklist_done() to authenticated, service_role;
create trigger done before insert or update on public.task_checklist_items
	for each row execute function internal.checklist_done();
do $$ begin
	perform internal.tenant_table('public.task_checklist_items');
	perform internal.flag_table('public.task_checklist_items', 'can_access_tasks');
end $$;
create policy visible on public.task_checklist_items as restrictive to authenticated
	using ((select auth.sees_all('tasks')) or auth.sees('task', task_id));

-- What happens to the parts of a task is told as a change of the task: for its
-- timeline, and so that open pages look again.
create function internal.task_part_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	part jsonb := to_jsonb(coalesce(new, old));
	t public.tasks;
	what text;
	text_of text;
begin
	select * into t from public.tasks x where x.organization_id = (part ->> 'organization_id')::uuid and x.id = (part ->> 'task_id')::uuid;
	if not found or coalesce(current_setting('kontor.restoring', true), '') = 'on' then
		return null;
	end if;
	if tg_table_name = 'task_checklist_items' then
		if tg_op = 'UPDATE' and new.done = old.done and new.title = old.title then
			return null;
		end if;
		what := 'checklist';
		text_of := part ->> 'title';
		if tg_op = 'UPDATE' and new.done is distinct from old.done then
			text_of := case when new.done then '☑ ' else '☐ ' end || text_of;
		end if;
	else
		what := 'blocked_by';
		select b.title into text_of from public.tasks b where b.organization_id = t.organization_id and b.id = (part ->> 'blocked_by_id')::uuid;
	end if;
	perform internal.emit(t.organization_id, 'task.updated', 'task', t.id, to_jsonb(t), jsonb_build_object(
		'old_' || what, case tg_op when 'DELETE' then text_of end, 'new_' || what, case when tg_op <> 'DELETE' then text_of end));
	return null;
end
$$;
create trigger events after insert or update or delete on public.task_checklist_items
	for each row execute function internal.task_part_events();
create trigger events after insert or delete on public.task_dependencies
	for each row execute function internal.task_part_events();

-- ---- progress of a project (GAT-39) --------------------------------------------------------------------

create function internal.project_progress(org uuid, project uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	-- The lock first: the second of two that end at once counts both.
	perform from public.projects p where p.organization_id = org and p.id = project for update;
	update public.projects p set progress = x.percent
		from (select coalesce(round(100.0 * count(*) filter (where t.status = 'Complete') / nullif(count(*), 0)), 0) as percent
			from public.tasks t where t.organization_id = org and t.project_id = project and t.status <> 'Cancelled') x
		where p.organization_id = org and p.id = project and p.progress <> x.percent;
end
$$;
create function internal.task_progress() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op <> 'INSERT' and old.project_id is not null
			and (tg_op = 'DELETE' or (new.project_id, new.status) is distinct from (old.project_id, old.status)) then
		perform internal.project_progress(old.organization_id, old.project_id);
	end if;
	if tg_op <> 'DELETE' and new.project_id is not null
			and (tg_op = 'INSERT' or new.project_id is distinct from old.project_id) then
		perform internal.project_progress(new.organization_id, new.project_id);
	end if;
	return null;
end
$$;
create trigger progress_new after insert on public.tasks for each row when (new.project_id is not null)
	execute function internal.task_progress();
create trigger progress after update of status, completed, project_id on public.tasks
	for each row when (new.project_id is not null or old.project_id is not null) execute function internal.task_progress();
create trigger progress_gone after delete on public.tasks for each row when (old.project_id is not null)
	execute function internal.task_progress();

-- ---- open work of a member: cancelled tasks are none (sql/058) ------------------------------------------

create or replace function internal.open_tasks(org uuid, usr uuid) returns bigint
language sql stable set search_path = ''
as $$ select count(*) from public.tasks t where t.organization_id = org and t.assignee_id = usr and t.is_open $$;

notify pgrst;
