-- Tasks: status and check mark, dependencies, queues, subtasks, time, recurring
-- ones, figures; the same rules whoever writes.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
select organization_id as other from user_roles where organization_id <> :'org' limit 1 \gset
insert into auth.users (email) values ('t1@tasks.example') returning id as rita \gset
insert into auth.users (email) values ('t2@tasks.example') returning id as sven \gset
insert into profiles (organization_id, id, first_name, email) values (:'org', :'rita', 'Rita', 't1@tasks.example'), (:'org', :'sven', 'Sven', 't2@tasks.example');
insert into user_roles (organization_id, user_id, role) values (:'org', :'rita', 'AGENT'), (:'org', :'sven', 'AGENT');
insert into teams (organization_id, name) values (:'org', 'Queue of the test') returning id as team \gset
insert into team_members (organization_id, team_id, user_id) values (:'org', :'team', :'rita'), (:'org', :'team', :'sven');
insert into teams (organization_id, name) values (:'org', 'Empty of the test') returning id as empty \gset
update organizations set timezone = 'Europe/Berlin' where id = :'org';
select json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated', 'app_role', 'OWNER', 'may', array['*'])::text as as_owner,
	json_build_object('organization_id', :'org', 'sub', :'rita', 'role', 'authenticated', 'app_role', 'AGENT')::text as as_rita,
	json_build_object('organization_id', :'org', 'sub', :'sven', 'role', 'authenticated', 'app_role', 'AGENT')::text as as_sven \gset
select set_config('request.jwt.claims', :'as_owner', true) \gset

create function pg_temp.status_of(t uuid) returns text language sql as
	$$ select status || ' ' || completed || ' ' || (completed_at is not null) from public.tasks where id = t $$;
create function pg_temp.as_claims(claims text, sql text) returns text language plpgsql as $$
declare
	n bigint;
	why text;
begin
	perform set_config('request.jwt.claims', claims, true);
	perform set_config('role', 'authenticated', true);
	begin
		execute sql;
		get diagnostics n = row_count;
		why := n;
	exception when others then
		why := sqlstate;
	end;
	perform set_config('role', 'none', true);
	return why;
end
$$;

-- ---- status and check mark ------------------------------------------------------------

insert into tasks (title) values ('One') returning id as one, status, completed, priority \gset
select is(:'status' || ' ' || :'completed' || ' ' || :'priority', 'To Do f MEDIUM', 'GAT-22 a new task is to do, of medium priority');
update tasks set status = 'in_progress' where id = :'one';
select is(pg_temp.status_of(:'one'), 'In Progress false false', 'GAT-22 status in any spelling');
update tasks set completed = true where id = :'one';
select is(pg_temp.status_of(:'one'), 'Complete true true', 'TSK-7 TSK-9 ticked off, its status is Complete and the time is kept');
update tasks set completed = false where id = :'one';
select is(pg_temp.status_of(:'one'), 'In Progress false false', 'TSK-8 taken back, it returns to its former status');
update tasks set status = 'Complete' where id = :'one';
select is(pg_temp.status_of(:'one'), 'Complete true true', 'TSK-9 by its status it is completed as well');
select is((select count(*) from events where record_id = :'one' and type = 'task.completed'), 2::bigint, 'completing is an event, whichever was set');
update tasks set status = 'To Do' where id = :'one';
select is(pg_temp.status_of(:'one'), 'To Do false false', 'and moved back it is open');
update tasks set status = 'Cancelled' where id = :'one';
select is((select is_open or completed from tasks where id = :'one'), false, 'cancelled is neither open nor completed');
select throws_ok($$insert into tasks (title, status) values ('x', 'Maybe')$$, '23514', null, 'there is no other status');
select throws_ok($$insert into tasks (title, priority) values ('x', 'CRITICAL')$$, '23514', null, 'GAT-22 critical is for tasks of a case');
select lives_ok($$insert into tasks (title, priority, case_id) values ('x', 'critical', uuid7())$$, 'GAT-23 of a case they may be critical');
select throws_ok($$insert into tasks (title) values ('')$$, '23514', null, 'a task has a title');
insert into tasks (title, due_date, status, tags) values ('later', now() + interval '2 days', 'To Do', '{order}'), ('soon', now() + interval '1 hour', 'To Do', '{order}'),
	('never', null, 'To Do', '{order}'), ('done', now(), 'Complete', '{order}'), ('late', now() - interval '1 day', 'In Progress', '{order}');
select is((select string_agg(title, ' ' order by sort_key) from tasks where tags = '{order}'),
	'late soon later never done', 'TSK-15 order: by due date, without one last, what is done behind');

-- ---- dependencies ------------------------------------------------------------------------

insert into tasks (title) values ('A') returning id as a \gset
insert into tasks (title) values ('B') returning id as b \gset
insert into tasks (title) values ('C') returning id as c \gset
insert into task_dependencies (task_id, blocked_by_id) values (:'b', :'a'), (:'c', :'b');
select is((select is_blocked(t) from tasks t where id = :'b'), true, 'GAT-30 A blocks B: B is blocked by A');
select is((select is_blocked(t) from tasks t where id = :'a'), false, 'GAT-30 and A is not');
select throws_ok(format('update tasks set status = ''In Progress'' where id = %L', :'b'), 'KT409', '"B" is blocked by "A"',
	'GAT-32 a blocked task is not started');
select throws_ok(format('update tasks set completed = true where id = %L', :'b'), 'KT409', null, 'GAT-32 nor completed by its check mark');
select throws_ok(format('update tasks set status = ''Complete'' where id in (%L, %L)', :'c', :'a'), 'KT409', null, 'GAT-32 nor with others in one statement');
select lives_ok(format('update tasks set title = ''B'', priority = ''HIGH'' where id = %L', :'b'), 'everything else of it can be changed');
select lives_ok(format('update tasks set status = ''Cancelled'' where id = %L', :'b'), 'and it can be cancelled');
update tasks set status = 'To Do' where id = :'b';
select throws_ok(format('insert into task_dependencies (task_id, blocked_by_id) values (%L, %L)', :'a', :'a'), 'KT409', 'A task cannot block itself',
	'GAT-29 not by itself');
select throws_ok(format('insert into task_dependencies (task_id, blocked_by_id) values (%L, %L)', :'a', :'c'), 'KT409',
	'These tasks would wait for each other: "A" → "C" → "B" → "A"', 'GAT-29 a circle is refused, and the chain named');
update tasks set status = 'Complete' where id = :'a';
select is((select is_blocked(t) from tasks t where id = :'b'), false, 'GAT-33 the last blocker complete, the badge goes');
select lives_ok(format('update tasks set status = ''In Progress'' where id = %L', :'b'), 'GAT-33 and the move is allowed');
update tasks set completed = false where id = :'a';
select is((select status || ' ' || is_blocked(t) from tasks t where id = :'b'), 'In Progress true', 'one under way that is blocked anew keeps its status');
update tasks set status = 'Cancelled' where id = :'a';
select is((select is_blocked(t) from tasks t where id = :'b'), false, 'GAT-33 a cancelled blocker counts as resolved');
update tasks set status = 'To Do' where id = :'a';
delete from tasks where id = :'a';
select is((select is_blocked(t) from tasks t where id = :'b'), false, 'GAT-33 so does a deleted one');
select is((select count(*) from events where record_id = :'b' and type = 'task.updated' and changes ->> 'new_blocked_by' = 'A'), 1::bigint,
	'a dependency is in the timeline');
select is(pg_temp.as_claims(:'as_owner', format('insert into task_dependencies (organization_id, task_id, blocked_by_id) values (%L, %L, %L)', :'other', :'b', :'c')),
	'42501', 'no dependency of another organization');
select set_config('request.jwt.claims', :'as_owner', true) \gset

-- ---- subtasks, checklist ----------------------------------------------------------------------

insert into tasks (title, parent_id) values ('Sub', :'b') returning id as sub \gset
select throws_ok(format('update tasks set parent_id = %L where id = %L', :'sub', :'b'), 'KT409', null, 'GAT-23 a task is not under its own subtask');
insert into task_checklist_items (task_id, title) values (:'b', 'first'), (:'b', 'second');
update task_checklist_items set done = true where task_id = :'b' and title = 'first';
select is((select string_agg(title || position || done || (done_at is not null), ' ' order by position) from task_checklist_items where task_id = :'b'),
	'first1truetrue second2falsefalse', 'items of a checklist are in order and ticked off');
select is((select count(*) from events where record_id = :'b' and changes ->> 'new_checklist' = '☑ first'), 1::bigint, 'and the timeline knows');
delete from tasks where id = :'b';
select is((select count(*) from tasks where id = :'sub'), 0::bigint, 'subtasks go with their task');

-- ---- queues ----------------------------------------------------------------------------------------

delete from notifications where organization_id = :'org';
insert into tasks (title, team_id) values ('For anybody', :'team') returning id as q, coalesce(assignee_id::text, '') as assignee \gset
select is(:'assignee'::text, '', 'GAT-24 a task in a queue has no assignee');
select is(pg_temp.as_claims(:'as_rita', format('select claim_task(%L)', :'q')), '1', 'GAT-26 the first to claim');
select is((select assignee_id from tasks where id = :'q'), :'rita'::uuid, 'GAT-26 becomes its owner');
select is(pg_temp.as_claims(:'as_sven', format('select claim_task(%L)', :'q')), 'KT409', 'GAT-26 a second claim fails');
select is((select assignee_id from tasks where id = :'q'), :'rita'::uuid, 'GAT-26 and changes nothing');
select set_config('request.jwt.claims', :'as_owner', true) \gset
insert into tasks (title, team_id) values ('Closed queue', :'empty') returning id as q2 \gset
insert into permission_sets (organization_id, name, role, permissions) values (:'org', 'Own of the test', 'AGENT', '{"can_see_all_tasks": false}') returning id as own \gset
update user_roles set permission_set_id = :'own' where user_id = :'sven';
select is(pg_temp.as_claims(:'as_sven', format('select claim_task(%L)', :'q2')), 'KT404', 'GAT-24 a queue is its team''s');
select is(pg_temp.as_claims(:'as_sven', format('select from tasks where id = %L', :'q')), '0', 'who sees his own tasks alone does not see another''s');
select set_config('request.jwt.claims', :'as_owner', true) \gset
insert into tasks (title, team_id) values ('For anybody too', :'team') returning id as q3 \gset
select is(pg_temp.as_claims(:'as_sven', format('select from tasks where id = %L', :'q3')), '1', 'GAT-25 but the queue of his team');
select is(pg_temp.as_claims(:'as_sven', 'select from tasks where title in (''late'', ''soon'')'), '0', 'and nothing of others');
select is(pg_temp.as_claims(:'as_sven', format('select claim_task(%L)', :'q3')), '1', 'GAT-26 he claims from it');
select set_config('request.jwt.claims', :'as_owner', true) \gset
update user_roles set permission_set_id = null where user_id = :'sven';

insert into tasks (title, priority) values ('For all', 'HIGH') returning id as everyone \gset
select is((select count(*) || ' ' || count(distinct assignee_id) from assign_task_to_team(:'everyone', :'team')), '2 2', 'UC-TASK-004 each member of a team gets a copy');
select throws_ok(format('select assign_task_to_team(%L, %L)', :'everyone', :'empty'), 'KT422', null, 'a team without members is refused');

-- ---- notices -------------------------------------------------------------------------------------------

delete from notifications where organization_id = :'org';
insert into tasks (title, assignee_id) values ('Given', :'rita') returning id as given \gset
select is((select user_id || kind || (data ->> 'title') from notifications where record_id = :'given'), :'rita' || 'task.assignedGiven', 'UC-TASK-002 who is given a task hears of it');
update tasks set assignee_id = :'sven' where id = :'given';
select is((select count(*) from notifications where record_id = :'given' and user_id = :'sven'), 1::bigint, 'TSK-39 so does the next one');
update tasks set assignee_id = :'owner' where id = :'given';
select is((select count(*) from notifications where record_id = :'given' and user_id = :'owner'), 0::bigint, 'who takes it himself does not');

-- ---- time ----------------------------------------------------------------------------------------------

delete from internal.task_alerts;
delete from notifications where organization_id = :'org';
insert into tasks (title, due_date, reminder_minutes, assignee_id) values ('Remind', now() + interval '2 hours', 30, :'rita') returning id as rem \gset
select is((select due_date - reminder_at from tasks where id = :'rem'), interval '30 minutes', 'a reminder so many minutes before');
update tasks set due_date = now() + interval '3 hours' where id = :'rem';
select is((select due_date - reminder_at from tasks where id = :'rem'), interval '30 minutes', 'it moves with the due time');
select is((select string_agg(kind, ' ' order by kind) from internal.task_alerts where task_id = :'rem'), 'due overdue reminder', 'each moment waits once');
update internal.task_alerts set at = now() - interval '1 second' where task_id = :'rem' and kind = 'reminder';
select internal.task_alerts_due(100) \gset
select internal.task_alerts_due(100) \gset
select is((select count(*) from notifications where record_id = :'rem' and kind = 'task.reminder' and user_id = :'rita'), 1::bigint, 'UC-TASK-001 the reminder comes, once');
update internal.task_alerts set at = now() - interval '1 second' where task_id = :'rem';
select internal.task_alerts_due(100) \gset
select internal.task_alerts_due(100) \gset
select is((select count(*) from notifications where record_id = :'rem' and kind = 'task.due'), 1::bigint, 'UC-TASK-001 the notice on the due date comes once');
select is((select count(*) from events where record_id = :'rem' and type = 'task.overdue'), 1::bigint, 'TSK-35 it turns overdue by itself, once');
insert into tasks (title, due_date, assignee_id) values ('Late', now() - interval '5 minutes', :'rita') returning id as late \gset
select internal.task_alerts_due(100) \gset
select is((select count(*) from events where record_id = :'late' and type = 'task.overdue'), 1::bigint, 'TSK-35 one whose time is past already is overdue at once');
update tasks set due_date = now() + interval '1 day' where id = :'late';
select is((select due_date < now() and is_open from tasks where id = :'late'), false, 'TSK-36 moved to the future, it is not overdue any more');
update tasks set completed = true where id = :'late';
select is((select count(*) from internal.task_alerts where task_id = :'late'), 0::bigint, 'TSK-35 nothing waits for a completed task');
insert into tasks (title) values ('Timeless') returning id as timeless \gset
select is((select count(*) from internal.task_alerts where task_id = :'timeless'), 0::bigint, 'TSK-37 without a due date it never turns overdue');
insert into tasks (title, due_date) values ('Some day', ((now() at time zone 'Europe/Berlin')::date + 3 + time '23:59') at time zone 'Europe/Berlin') returning id as day \gset
select is((select to_char(at at time zone 'Europe/Berlin', 'HH24:MI') from internal.task_alerts where task_id = :'day' and kind = 'due'), '09:00',
	'of one that is due on a day the notice comes in the morning, by the organization''s clock');
select lives_ok('select job.tick()', 'the timers run');
select is((select count(*) from job.timers where last_error is not null), 0::bigint, 'without an error');

-- ---- recurring --------------------------------------------------------------------------------------------

create function pg_temp.next_of(rule text, base text, after text default '2000-01-01') returns text language sql as $$
	select to_char(internal.rrule_next(rule, base::timestamp at time zone 'Europe/Berlin', after::timestamp at time zone 'Europe/Berlin', 'Europe/Berlin')
		at time zone 'Europe/Berlin', 'YYYY-MM-DD HH24:MI') $$;
select is(pg_temp.next_of(rule, base, after), wanted, rule || ' after ' || base) from (values
	('FREQ=DAILY', '2026-03-28 09:00', '2000-01-01', '2026-03-29 09:00'),
	('FREQ=DAILY;INTERVAL=3', '2026-03-01 09:00', '2026-03-05', '2026-03-07 09:00'),
	('FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR', '2026-12-04 09:00', '2000-01-01', '2026-12-07 09:00'),
	('FREQ=WEEKLY;BYDAY=MO', '2026-11-30 10:00', '2000-01-01', '2026-12-07 10:00'),
	('FREQ=WEEKLY;BYDAY=MO', '2026-11-30 10:00', '2026-12-23 08:00', '2026-12-28 10:00'),
	('FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH', '2026-11-30 10:00', '2000-01-01', '2026-12-03 10:00'),
	('FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH', '2026-12-03 10:00', '2000-01-01', '2026-12-14 10:00'),
	('FREQ=MONTHLY', '2026-01-31 10:00', '2000-01-01', '2026-03-31 10:00'),
	('FREQ=MONTHLY;BYMONTHDAY=-1', '2026-01-31 10:00', '2000-01-01', '2026-02-28 10:00'),
	('FREQ=MONTHLY;BYDAY=2TU', '2026-12-08 10:00', '2000-01-01', '2027-01-12 10:00'),
	('FREQ=MONTHLY;BYDAY=-1FR', '2026-11-27 10:00', '2000-01-01', '2026-12-25 10:00'),
	('FREQ=YEARLY', '2024-02-29 10:00', '2000-01-01', '2028-02-29 10:00'),
	('FREQ=YEARLY;INTERVAL=1', '2026-05-04 10:00', '2030-01-01', '2030-05-04 10:00'),
	('FREQ=WEEKLY;UNTIL=20261206T230000Z', '2026-11-30 10:00', '2000-01-01', null),
	('FREQ=DAILY;COUNT=1', '2026-11-30 10:00', '2000-01-01', null)) x (rule, base, after, wanted);
select throws_ok(format('insert into tasks (title, due_date, recurrence) values (''x'', now(), %L)', r), 'KT400', null, 'not a rule: ' || r)
	from unnest(array['FREQ=HOURLY', 'every monday', 'BYDAY=MO', 'FREQ=WEEKLY;BYDAY=2MO', 'FREQ=DAILY;INTERVAL=0']) r;
select throws_ok($$insert into tasks (title, recurrence) values ('x', 'FREQ=DAILY')$$, 'KT400', null, 'a series begins at a due date');

insert into tasks (title, due_date, recurrence, assignee_id, tags, reminder_minutes) values
	('Weekly Pipeline Review', date_trunc('week', now()) + interval '10 hours', 'RRULE:FREQ=WEEKLY;BYDAY=MO', :'rita', '{review}', 15) returning id as weekly \gset
insert into task_checklist_items (task_id, title, done) values (:'weekly', 'numbers', true);
update tasks set completed = true where id = :'weekly';
select is((select count(*) || ' ' || min(title) || ' ' || min(tags[1]) || ' ' || bool_and(assignee_id = :'rita') from tasks where recurred_from = :'weekly'),
	'1 Weekly Pipeline Review review true', 'UC-TASK-004 completing it makes the next');
select is((select extract(isodow from due_date at time zone 'Europe/Berlin') || ' ' || (due_date > now()) from tasks where recurred_from = :'weekly'), '1 true',
	'UC-TASK-004 it appears on the next Monday');
select is((select c.title || c.done from task_checklist_items c join tasks t on t.id = c.task_id where t.recurred_from = :'weekly'), 'numbersfalse',
	'with its checklist, nothing of it ticked off');
update tasks set completed = true where id = :'weekly';
select is((select count(*) from tasks where recurred_from = :'weekly'), 1::bigint, 'there is one next, not two');
update tasks set completed = false where id = :'weekly';
select is((select count(*) from tasks where recurred_from = :'weekly'), 0::bigint, 'TSK-8 taken back, the next one goes');
update tasks set completed = true where id = :'weekly';
select is((select count(*) from tasks where recurred_from = :'weekly'), 1::bigint, 'and comes again');
select is((select total || ' ' || completed from task_series() where series_id = :'weekly'), '2 1', 'UCF-35 UC-TASK-004 how a recurring task is kept');
insert into tasks (title, due_date, recurrence) values ('Twice', now(), 'FREQ=DAILY;COUNT=2') returning id as twice \gset
update tasks set completed = true where id = :'twice';
update tasks set completed = true where recurred_from = :'twice';
select is((select count(*) from tasks where title = 'Twice'), 2::bigint, 'a rule with a count ends');

-- ---- notes, project ---------------------------------------------------------------------------------------

insert into notes (task_id, content) values (:'one', 'Waiting for the customer');
select is((select string_agg(record_type, ' ') from events where type = 'note.created' and data ->> 'content' = 'Waiting for the customer'), 'task', 'TSK-13 a note on a task');
insert into projects (name, company_id) select 'Onboarding', id from companies where organization_id = :'org' limit 1 returning id as project, company_id is not null as linked \gset
select is(:'linked'::boolean, true, 'GAT-35 a project is related to a company');
insert into project_milestones (project_id, name) values (:'project', 'Phase 1') returning id as phase \gset
insert into tasks (title, milestone_id) values ('P1', :'phase') returning id as p1, project_id as of \gset
select is(:'of'::uuid, :'project'::uuid, 'GAT-23 a task of a milestone is one of its project');
insert into tasks (title, project_id) values ('P2', :'project'), ('P3', :'project');
select is((select progress::int from projects where id = :'project'), 0, 'GAT-39 nothing done');
update tasks set completed = true where id = :'p1';
select is((select progress::int from projects where id = :'project'), 33, 'GAT-39 progress follows each change');
update tasks set status = 'Cancelled' where title = 'P3' and project_id = :'project';
select is((select progress::int from projects where id = :'project'), 50, 'GAT-39 cancelled ones do not count');
delete from tasks where title = 'P2' and project_id = :'project';
select is((select progress::int from projects where id = :'project'), 100, 'GAT-39 deleted ones neither');

-- ---- figures ------------------------------------------------------------------------------------------------

create temp table before as select task_analytics(30) as a;
insert into tasks (title, priority, assignee_id, completed, due_date) values ('f1', 'HIGH', :'rita', true, null), ('f2', 'HIGH', :'rita', false, now() - interval '49 hours'),
	('f3', 'LOW', :'sven', false, null), ('f4', 'LOW', :'sven', false, null);
create function pg_temp.grew(path text[]) returns numeric language sql as
	$$ select (task_analytics(30) #>> path)::numeric - (a #>> path)::numeric from before $$;
create function pg_temp.of_person(a jsonb, who uuid, key text) returns numeric language sql as
	$$ select (p ->> key)::numeric from jsonb_array_elements(a -> 'by_assignee') p where p ->> 'assignee_id' = who::text $$;
select is(pg_temp.grew('{overall,total}') || ' ' || pg_temp.grew('{overall,completed}'), '4 1', 'TSK-44 all and completed ones, before the worker has folded them');
select is(pg_temp.grew('{overdue,count}'), 1::numeric, 'TSK-47 the overdue count');
select is(pg_temp.grew('{overdue,spans,1}'), 1::numeric, 'TSK-48 and for how long');
select internal.task_fold(100000) \gset
select is((select count(*) from internal.task_deltas), 0::bigint, 'the worker folds what was written');
select is(pg_temp.grew('{overall,total}') || ' ' || pg_temp.grew('{overall,completed}'), '4 1', 'TSK-44 the same figures after it');
select is((select (o ->> 'rate')::numeric from (select task_analytics(30) -> 'overall' as o) x),
	(select round(100.0 * count(*) filter (where completed) / count(*), 1) from tasks where organization_id = :'org' and status <> 'Cancelled'
		and (created_at at time zone 'Europe/Berlin')::date > (now() at time zone 'Europe/Berlin')::date - 30), 'TSK-44 as counting them one by one says');
select is((select string_agg(p ->> 'total' || '/' || (p ->> 'completed'), ' ' order by p ->> 'priority') from jsonb_array_elements(task_analytics(30) -> 'by_priority') p),
	(select string_agg(n || '/' || d, ' ' order by priority) from (select priority, count(*) as n, count(*) filter (where completed) as d from tasks
		where organization_id = :'org' and status <> 'Cancelled' group by 1) x), 'TSK-46 per priority');
select is(pg_temp.of_person(task_analytics(30), :'sven', 'total'), (select count(*) from tasks where assignee_id = :'sven' and status <> 'Cancelled')::numeric, 'TSK-45 per assignee');
select is(pg_temp.of_person(task_analytics(30), :'rita', 'overdue'), (select count(*) from tasks where assignee_id = :'rita' and is_open and due_date < now())::numeric, 'TSK-47 overdue per assignee');
update tasks set assignee_id = :'rita' where title = 'f3';
select is(pg_temp.of_person(task_analytics(30), :'sven', 'total'), (select count(*) from tasks where assignee_id = :'sven' and status <> 'Cancelled')::numeric, 'TSK-45 reassigned, it counts for the other');
update tasks set completed = true where title = 'f4';
select is((select sum((w ->> 'done')::int) from jsonb_array_elements(task_analytics(30) -> 'weeks') w where w ->> 'assignee_id' = :'sven'),
	(select count(*) from tasks where assignee_id = :'sven' and completed), 'TSK-49 completed per assignee and week');
delete from tasks where title in ('f1', 'f2', 'f3', 'f4');
select is(pg_temp.grew('{overall,total}') || ' ' || pg_temp.grew('{overall,completed}') || ' ' || pg_temp.grew('{overdue,count}'), '0 0 0', 'TSK-44 TSK-47 deleted, they count no more');
select is((task_analytics(30) #>> '{overall,total}')::numeric, (select count(*) from tasks where organization_id = :'org' and status <> 'Cancelled'
	and (created_at at time zone 'Europe/Berlin')::date > (now() at time zone 'Europe/Berlin')::date - 30)::numeric, 'TSK-44 and everything still adds up');

select * from finish();
rollback;
