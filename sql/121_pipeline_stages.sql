-- Pipelines: what a stage may hold (gate, task templates, days until it counts
-- as stalled), the rows that follow, and stages and pipelines that go away.

-- ---- one stage, whole ---------------------------------------------------------

create function internal.stage_refuse(stage jsonb, what text, help text default '') returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT400', message = format('Stage "%s": %s', coalesce(stage ->> 'name', stage ->> 'id'), what),
		hint = help, column = 'stages';
end
$$;

-- A condition of a gate in its stored form: its own id, its kind, its target.
create function internal.gate_condition(org uuid, stage jsonb, c jsonb) returns jsonb
language plpgsql stable
as $$
declare
	made jsonb := jsonb_build_object('id', coalesce(nullif(c ->> 'id', ''), public.uuid7()::text), 'kind', c ->> 'kind');
begin
	case coalesce(c ->> 'kind', '')
	when 'field' then
		if coalesce(c ->> 'field', '') !~ '^(custom_fields\.[A-Za-z0-9_]{1,64}|[a-z_]{1,40})$' then
			perform internal.stage_refuse(stage, 'choose the field that must be filled in');
		end if;
		return made || jsonb_build_object('field', c ->> 'field');
	when 'task' then
		if coalesce(c ->> 'template_id', '') <> '' then
			return made || jsonb_build_object('template_id', c ->> 'template_id');
		elsif length(trim(coalesce(c ->> 'title', ''))) not between 1 and 200 then
			perform internal.stage_refuse(stage, 'name the task that must be complete');
		end if;
		return made || jsonb_build_object('title', trim(c ->> 'title'));
	when 'approval' then
		if not exists (select from public.profiles p where p.organization_id = org and p.id::text = c ->> 'user_id')
				and coalesce(current_setting('kontor.config_quiet', true), '') <> 'on' then
			perform internal.stage_refuse(stage, 'choose the person who approves');
		end if;
		return made || jsonb_build_object('user_id', c ->> 'user_id');
	else
		perform internal.stage_refuse(stage, 'a condition is one of field, task, approval');
	end case;
	return null;
end
$$;

-- The gate of a stage; null when it asks for nothing.
create function internal.stage_gate(org uuid, stage jsonb) returns jsonb
language plpgsql stable
as $$
declare
	g jsonb := stage -> 'gate';
	conditions jsonb;
begin
	if jsonb_typeof(g) is distinct from 'object' then
		return null;
	end if;
	if coalesce(g ->> 'mode', 'hard') not in ('soft', 'hard') then
		perform internal.stage_refuse(stage, 'a gate is soft or hard');
	elsif jsonb_typeof(coalesce(g -> 'conditions', '[]')) <> 'array' or jsonb_array_length(coalesce(g -> 'conditions', '[]')) > 20 then
		perform internal.stage_refuse(stage, 'a gate has a list of at most 20 conditions');
	end if;
	select jsonb_agg(internal.gate_condition(org, stage, c) order by n) into conditions
		from jsonb_array_elements(g -> 'conditions') with ordinality e (c, n);
	return case when conditions is not null
		then jsonb_build_object('mode', coalesce(g ->> 'mode', 'hard'), 'conditions', conditions) end;
end
$$;

create function internal.stage_task_template(org uuid, stage jsonb, t jsonb) returns jsonb
language plpgsql stable
as $$
declare
	assign text := coalesce(nullif(t ->> 'assign_to', ''), 'owner');
	days text := coalesce(nullif(t ->> 'due_days', ''), '0');
begin
	if length(trim(coalesce(t ->> 'title', ''))) not between 1 and 200 then
		perform internal.stage_refuse(stage, 'a task needs a title of at most 200 characters');
	elsif days !~ '^[0-9]{1,4}$' or days::integer > 3650 then
		perform internal.stage_refuse(stage, 'a task is due after a whole number of days');
	elsif upper(coalesce(nullif(t ->> 'priority', ''), 'MEDIUM')) not in ('LOW', 'MEDIUM', 'HIGH') then
		perform internal.stage_refuse(stage, 'the priority of a task is LOW, MEDIUM or HIGH');
	elsif coalesce(current_setting('kontor.config_quiet', true), '') = 'on' then
		null; -- brought back as it was, whoever has left since
	elsif assign = 'person' and not exists (select from public.profiles p where p.organization_id = org and p.id::text = t ->> 'assignee_id')
			or assign = 'team' and not exists (select from public.teams x where x.organization_id = org and x.id::text = t ->> 'team_id')
			or assign not in ('owner', 'person', 'team') then
		perform internal.stage_refuse(stage, 'say who does the task', 'The deal''s owner, a person or a team');
	end if;
	return jsonb_build_object('id', coalesce(nullif(t ->> 'id', ''), public.uuid7()::text), 'title', trim(t ->> 'title'),
		'assign_to', assign, 'priority', upper(coalesce(nullif(t ->> 'priority', ''), 'MEDIUM')), 'due_days', days::integer)
		|| case when coalesce(t ->> 'description', '') <> '' then jsonb_build_object('description', left(t ->> 'description', 5000)) else '{}' end
		|| case assign when 'person' then jsonb_build_object('assignee_id', t ->> 'assignee_id')
			when 'team' then jsonb_build_object('team_id', t ->> 'team_id') else '{}' end;
end
$$;

-- What a stage may hold beside the six keys of DEA-6. A key that is not sent
-- keeps what the stage had, as programs know stages without gates; null clears.
create function internal.stage_rules(org uuid, stage jsonb) returns jsonb
language plpgsql stable
as $$
declare
	made jsonb := stage - '{gate,task_templates,rotting_days,milestone}'::text[];
	gate jsonb := internal.stage_gate(org, stage);
	tasks jsonb;
begin
	if stage ->> 'type' not in ('open', 'won', 'lost') then
		perform internal.stage_refuse(stage, 'its type is open, won or lost');
	elsif (stage ->> 'probability')::numeric not between 0 and 100 then
		perform internal.stage_refuse(stage, 'its probability is a number from 0 to 100');
	elsif length(stage ->> 'name') > 100 or length(stage ->> 'id') > 64 then
		perform internal.stage_refuse(stage, 'its name is too long', 'At most 100 characters');
	end if;
	if gate is not null then
		made := made || jsonb_build_object('gate', gate);
	end if;
	if jsonb_typeof(stage -> 'task_templates') = 'array' then
		select jsonb_agg(internal.stage_task_template(org, stage, t) order by n) into tasks
			from jsonb_array_elements(stage -> 'task_templates') with ordinality e (t, n);
		if tasks is not null then
			made := made || jsonb_build_object('task_templates', tasks);
		end if;
	end if;
	if coalesce(stage ->> 'rotting_days', '') <> '' then
		if stage ->> 'rotting_days' !~ '^[0-9]{1,4}$' or (stage ->> 'rotting_days')::integer not between 1 and 3650 then
			perform internal.stage_refuse(stage, 'the days until a deal counts as stalled are a whole number from 1 to 3650');
		end if;
		made := made || jsonb_build_object('rotting_days', (stage ->> 'rotting_days')::integer);
	end if;
	if coalesce(stage ->> 'milestone', '') <> '' then
		if stage ->> 'milestone' not in ('none', 'sent', 'accepted', 'qualifying_started', 'qualified', 'scheduled') then
			perform internal.stage_refuse(stage, 'there is no such milestone',
				'none, sent, accepted, qualifying_started, qualified or scheduled');
		end if;
		made := made || jsonb_build_object('milestone', stage ->> 'milestone');
	end if;
	return made;
end
$$;

-- Stages may come as a JSON string (API-54) and without the optional keys;
-- they are stored whole, ids in lower case.
create or replace function internal.pipeline_normalize() returns trigger
language plpgsql
as $$
declare
	back boolean := coalesce(current_setting('kontor.config_quiet', true), '') = 'on'; -- to what it was: nothing is kept
	before jsonb := case when tg_op = 'UPDATE' and not back then old.stages else '[]' end;
begin
	if jsonb_typeof(new.stages) = 'string' then
		new.stages := (new.stages #>> '{}')::jsonb;
	end if;
	if jsonb_typeof(new.stages) <> 'array' or jsonb_array_length(new.stages) = 0
			or exists (select from jsonb_array_elements(new.stages) s
				where jsonb_typeof(s) <> 'object' or coalesce(s ->> 'id', '') = '') then
		raise exception using errcode = 'KT400', message = 'stages must be a list of objects with at least an id',
			hint = '[{"id": "new", "name": "New"}, ...]', column = 'stages';
	end if;
	if jsonb_array_length(new.stages) > 50 or exists (select from jsonb_array_elements(new.stages) s
			group by lower(s ->> 'id') having count(*) > 1) then
		raise exception using errcode = 'KT400', message = 'A pipeline has at most 50 stages, each with an id of its own', column = 'stages';
	end if;
	select jsonb_agg(internal.stage_rules(new.organization_id,
			coalesce((select jsonb_object_agg(k.key, k.value) from jsonb_array_elements(before) b, jsonb_each(b) k
				where b ->> 'id' = lower(x.s ->> 'id') and k.key in ('gate', 'task_templates', 'rotting_days', 'milestone')), '{}')
			|| jsonb_build_object('id', lower(x.s ->> 'id'), 'name', coalesce(x.s ->> 'name', x.s ->> 'id'),
			'color', coalesce(x.s ->> 'color', '#64748b'), 'position', x.place,
			'probability', coalesce((x.s ->> 'probability')::numeric,
				case when lower(x.s ->> 'id') in ('won', 'closed_won') then 100 else 0 end),
			'type', coalesce(x.s ->> 'type', case when lower(x.s ->> 'id') in ('won', 'closed_won') then 'won'
				when lower(x.s ->> 'id') in ('lost', 'closed_lost') then 'lost' else 'open' end))
			|| (x.s - '{id,name,color,position,probability,type}'::text[])) order by x.place)
		into new.stages
		from (select s, row_number() over (order by coalesce((s ->> 'position')::numeric, n), n) as place
			from jsonb_array_elements(new.stages) with ordinality e (s, n)) x;
	return new;
exception when invalid_text_representation then
	raise exception using errcode = 'KT400', message = 'stages is not valid JSON', column = 'stages';
end
$$;

-- ---- the rows that follow -------------------------------------------------------------

create function internal.stage_milestone(stage jsonb) returns text
language sql immutable
as $$
	select nullif(coalesce(nullif(stage ->> 'milestone', ''), case
		when stage ->> 'type' <> 'open' then null
		when stage ->> 'id' in ('sent', 'outreach', 'contacted') then 'sent'
		when stage ->> 'id' in ('accepted', 'connected') then 'accepted'
		when stage ->> 'id' in ('qualifying', 'qualification') then 'qualifying_started'
		when stage ->> 'id' = 'qualified' then 'qualified'
		when stage ->> 'id' in ('scheduled', 'demo', 'demo_scheduled', 'meeting', 'viewing_scheduled') then 'scheduled' end), 'none')
$$;
comment on function internal.stage_milestone(jsonb) is 'What the stage says, else what its id says; none: nothing';

create function internal.pipeline_follow() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	delete from public.pipeline_stages s where s.organization_id = new.organization_id and s.pipeline_id = new.id
		and not exists (select from jsonb_array_elements(new.stages) e where e ->> 'id' = s.stage);
	insert into public.pipeline_stages as s (organization_id, pipeline_id, stage, name, color, position, probability, type, milestone,
			rotting_days, gate_mode, gate_conditions, task_templates)
		select new.organization_id, new.id, e ->> 'id', e ->> 'name', e ->> 'color', n, (e ->> 'probability')::numeric, e ->> 'type',
			internal.stage_milestone(e), (e ->> 'rotting_days')::integer, e #>> '{gate,mode}',
			coalesce(e #> '{gate,conditions}', '[]'), jsonb_array_length(coalesce(e -> 'task_templates', '[]'))
		from jsonb_array_elements(new.stages) with ordinality x (e, n)
		on conflict (organization_id, pipeline_id, stage) do update set name = excluded.name, color = excluded.color,
			position = excluded.position, probability = excluded.probability, type = excluded.type, milestone = excluded.milestone,
			rotting_days = excluded.rotting_days, gate_mode = excluded.gate_mode, gate_conditions = excluded.gate_conditions,
			task_templates = excluded.task_templates
		where (s.name, s.color, s.position, s.probability, s.type, s.milestone, s.rotting_days, s.gate_mode, s.gate_conditions,
				s.task_templates) is distinct from (excluded.name, excluded.color, excluded.position, excluded.probability, excluded.type,
				excluded.milestone, excluded.rotting_days, excluded.gate_mode, excluded.gate_conditions, excluded.task_templates);
	update public.stage_task_templates t set is_active = false
		where t.organization_id = new.organization_id and t.pipeline_id = new.id and t.is_active
			and not exists (select from jsonb_array_elements(new.stages) e, jsonb_array_elements(e -> 'task_templates') x
				where x ->> 'id' = t.id::text);
	insert into public.stage_task_templates (organization_id, id, pipeline_id, stage, position, title, description, assign_to,
			assignee_id, team_id, priority, due_days)
		select new.organization_id, (t ->> 'id')::uuid, new.id, e ->> 'id', n, t ->> 'title', t ->> 'description', t ->> 'assign_to',
			(t ->> 'assignee_id')::uuid, (t ->> 'team_id')::uuid, t ->> 'priority', (t ->> 'due_days')::integer
		from jsonb_array_elements(new.stages) e, jsonb_array_elements(e -> 'task_templates') with ordinality x (t, n)
		on conflict (organization_id, id) do update set stage = excluded.stage, position = excluded.position, title = excluded.title,
			description = excluded.description, assign_to = excluded.assign_to, assignee_id = excluded.assignee_id,
			team_id = excluded.team_id, priority = excluded.priority, due_days = excluded.due_days, is_active = true;
	return null;
end
$$;
create trigger a_follow after insert or update of stages on public.pipelines
	for each row execute function internal.pipeline_follow();

-- ---- stages and pipelines that go ---------------------------------------------------------

-- Deals whose stage is taken away go where kontor.stage_moves says,
-- {"old stage": "new stage"}; without that they would be on no board (DEA-84).
create or replace function internal.pipeline_keeps_deals() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	moves jsonb := coalesce(nullif(current_setting('kontor.stage_moves', true), ''), '{}')::jsonb;
	lost text;
	target text;
begin
	select max(s ->> 'name') into lost
		from jsonb_array_elements(old.stages) s
		where not exists (select from jsonb_array_elements(new.stages) k where k ->> 'id' = s ->> 'id')
			and not moves ? (s ->> 'id')
			and exists (select from public.deals d where d.organization_id = old.organization_id and d.pipeline_id = old.id
				and d.stage = s ->> 'id');
	if lost is not null then
		raise exception using errcode = 'KT409', message = format('There are deals in the stage "%s"', lost),
			hint = 'Say which stage they go to: delete_stage, or move them first', column = 'stages';
	end if;
	select m.value into target from jsonb_each_text(moves) m
		where not exists (select from jsonb_array_elements(new.stages) k where k ->> 'id' = m.value) limit 1;
	if target is not null then
		raise exception using errcode = 'KT400', message = 'The stage that the deals are to go to is not in this pipeline',
			hint = 'Choose one that stays', column = 'stages';
	end if;
	return new;
end
$$;

create function internal.pipeline_moves_deals() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	moves jsonb := coalesce(nullif(current_setting('kontor.stage_moves', true), ''), '{}')::jsonb;
	m record;
begin
	perform set_config('kontor.stage_moves', '', true), set_config('kontor.system_move', 'on', true);
	for m in select e.key, e.value from jsonb_each_text(moves) e
			where not exists (select from jsonb_array_elements(new.stages) k where k ->> 'id' = e.key) loop
		update public.deals d set stage = m.value
			where d.organization_id = new.organization_id and d.pipeline_id = new.id and d.stage = m.key;
	end loop;
	perform set_config('kontor.system_move', '', true);
	return null;
end
$$;
create trigger b_moves_deals after update of stages on public.pipelines
	for each row when (current_setting('kontor.stage_moves', true) <> '') execute function internal.pipeline_moves_deals();

create function public.delete_stage(pipeline uuid, stage text, move_to text default null) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	rest jsonb;
begin
	perform internal.admins_only('pipelines');
	select jsonb_agg(s - 'position' order by n) filter (where s ->> 'id' <> lower(stage)) into rest
		from public.pipelines p, jsonb_array_elements(p.stages) with ordinality e (s, n)
		where p.organization_id = org and p.id = pipeline;
	if not exists (select from public.pipeline_stages s where s.organization_id = org and s.pipeline_id = pipeline
			and s.stage = lower(delete_stage.stage)) then
		raise exception using errcode = 'KT404', message = 'This pipeline has no such stage';
	elsif rest is null then
		raise exception using errcode = 'KT409', message = 'A pipeline has at least one stage';
	end if;
	perform set_config('kontor.stage_moves', case when coalesce(move_to, '') <> ''
		then jsonb_build_object(lower(stage), lower(move_to))::text else '' end, true);
	update public.pipelines p set stages = rest where p.organization_id = org and p.id = pipeline;
	perform set_config('kontor.stage_moves', '', true);
end
$$;
comment on function public.delete_stage(uuid, text, text) is
	'Takes a stage out of a pipeline; its deals go to the stage move_to, which must be named when there are any';

create function internal.save_pipeline(pipeline uuid, named text, list jsonb, make_default boolean, moves jsonb) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
begin
	perform internal.admins_only('pipelines');
	if make_default then
		update public.pipelines p set is_default = false where p.organization_id = org and p.is_default and p.id <> pipeline;
	end if;
	perform set_config('kontor.stage_moves', case when moves <> '{}' then moves::text else '' end, true);
	update public.pipelines p set name = named, stages = list, is_default = p.is_default or make_default
		where p.organization_id = org and p.id = pipeline;
	perform set_config('kontor.stage_moves', '', true);
	return found;
end
$$;
comment on function internal.save_pipeline(uuid, text, jsonb, boolean, jsonb) is
	'What the editor sends; moves: where the deals of stages that are gone go, {"old": "new"}';

-- One that is the default stays; deals go to another pipeline: to the stage
-- with the same id there, else to one of the same type, else to its first.
create function public.delete_pipeline(pipeline uuid, move_to uuid default null) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	p public.pipelines;
begin
	perform internal.admins_only('pipelines');
	select * into p from public.pipelines x where x.organization_id = org and x.id = pipeline for update;
	if p.id is null then
		raise exception using errcode = 'KT404', message = 'This pipeline does not exist';
	elsif p.is_default then
		raise exception using errcode = 'KT409', message = 'The default pipeline cannot be deleted',
			hint = 'Make another one the default first';
	elsif move_to is not null and not exists (select from public.pipelines x where x.organization_id = org and x.id = move_to
			and x.id <> pipeline) then
		raise exception using errcode = 'KT400', message = 'The pipeline that the deals are to go to does not exist', column = 'move_to';
	end if;
	if move_to is not null then
		perform set_config('kontor.system_move', 'on', true);
		update public.deals d set pipeline_id = move_to, stage = (select s.stage
				from public.pipeline_stages s
				left join public.pipeline_stages was on was.organization_id = org and was.pipeline_id = pipeline and was.stage = d.stage
				where s.organization_id = org and s.pipeline_id = move_to
				order by s.stage = d.stage desc, s.type = coalesce(was.type, 'open') desc, s.position limit 1)
			where d.organization_id = org and d.pipeline_id = pipeline;
		perform set_config('kontor.system_move', '', true);
	elsif exists (select from public.deals d where d.organization_id = org and d.pipeline_id = pipeline) then
		raise exception using errcode = 'KT409', message = 'There are deals in this pipeline',
			hint = 'Say which pipeline they go to, or delete them first';
	end if;
	delete from public.pipelines x where x.organization_id = org and x.id = pipeline;
end
$$;
comment on function public.delete_pipeline(uuid, uuid) is 'Deletes a pipeline; its deals go to the pipeline move_to, which must be named when there are any';

-- ---- words of the configuration's history --------------------------------------------------

-- Gates and task templates in words, not as JSON (GAT-8).
create function internal.stage_in_words(stage jsonb) returns jsonb
language sql stable
as $$
	select stage - '{name,position}'::text[]
		|| case when stage ? 'gate' then jsonb_build_object('gate', (stage #>> '{gate,mode}') || ' with '
			|| (select string_agg(case c ->> 'kind' when 'field' then 'field ' || replace(c ->> 'field', 'custom_fields.', '')
				when 'task' then 'task ' || coalesce(c ->> 'title', 'of a template') else 'approval' end, ' and ')
				from jsonb_array_elements(stage #> '{gate,conditions}') c)) else '{}' end
		|| case when stage ? 'task_templates' then jsonb_build_object('task_templates',
			(select string_agg(t ->> 'title', ' and ') from jsonb_array_elements(stage -> 'task_templates') t)) else '{}' end
$$;

create or replace function internal.config_stages(o jsonb, n jsonb) returns text
language sql stable
as $$
	with old_stage as (select s ->> 'id' as id, s ->> 'name' as name, s, i from jsonb_array_elements(o) with ordinality e (s, i)),
	new_stage as (select s ->> 'id' as id, s ->> 'name' as name, s, i from jsonb_array_elements(n) with ordinality e (s, i)),
	words as (
		select 1 as part, i, 'added ' || name || ' stage' as text from new_stage where id not in (select id from old_stage)
		union all
		select 2, i, 'removed ' || name || ' stage' from old_stage where id not in (select id from new_stage)
		union all
		select 3, x.i, 'renamed stage ' || y.name || ' to ' || x.name from new_stage x join old_stage y using (id) where x.name <> y.name
		union all
		select 4, x.i, 'changed ' || x.name || ' ' || coalesce(
				nullif(internal.config_differences(internal.stage_in_words(y.s), internal.stage_in_words(x.s)), ''), 'details')
			from new_stage x join old_stage y using (id)
			where y.s - '{name,position}'::text[] <> x.s - '{name,position}'::text[])
	select coalesce((select string_agg(text, ', ' order by part, i) from words), case when o is distinct from n then 'changed the order of the stages' end)
$$;

-- ---- what is there already ------------------------------------------------------------------

do $$ begin perform set_config('kontor.config_quiet', 'on', true); end $$;
update public.pipelines p set stages = p.stages;
do $$ begin perform set_config('kontor.config_quiet', '', true); end $$;

revoke execute on function internal.save_pipeline(uuid, text, jsonb, boolean, jsonb) from public;
grant execute on function internal.stage_refuse(jsonb, text, text), internal.gate_condition(uuid, jsonb, jsonb),
	internal.stage_gate(uuid, jsonb), internal.stage_task_template(uuid, jsonb, jsonb), internal.stage_rules(uuid, jsonb),
	internal.stage_milestone(jsonb), internal.stage_in_words(jsonb), internal.save_pipeline(uuid, text, jsonb, boolean, jsonb),
	public.delete_stage(uuid, text, text), public.delete_pipeline(uuid, uuid) to authenticated, service_role;
notify pgrst;
