-- What follows from a change of a deal, whichever way it came: stage and
-- probability, gates, times, histories, events, sums, tasks of stages, notices.
--
-- What a row may be is judged row by row, before it is written. What follows is
-- written once per statement, so that 10,000 deals cost little more than one. Its
-- events come from 150_event_sets in the same manner.

-- ---- gates ----------------------------------------------------------------------

-- Value, Custom field label, Close date ...
create function internal.deal_field_label(org uuid, field text) returns text
language sql stable
as $$
	select coalesce(case when field like 'custom\_fields.%' then (select d.label from public.custom_field_definitions d
			where d.organization_id = org and d.entity = 'deal' and d.key = substr(field, 15)) end,
		(select upper(left(w, 1)) || substr(w, 2) from (select replace(replace(replace(
			replace(field, 'custom_fields.', ''), '_id', ''), 'expected_', ''), '_', ' ') as w) x))
$$;

-- Filled: not null, not empty; a checkbox is ticked, an amount is not zero.
create function internal.is_filled(v jsonb) returns boolean
language sql immutable
as $$
	select case jsonb_typeof(v) when 'string' then trim(v #>> '{}') <> '' when 'array' then v <> '[]' when 'object' then
			v <> '{}' and coalesce(v -> 'amount', '1') not in ('null', '0')
		when 'number' then (v #>> '{}')::numeric <> 0 when 'boolean' then v = 'true' else false end
$$;

create function internal.gate_words(kind text, target text) returns text
language sql stable
as $$
	select format(case when internal.lang() = 'ar' then case kind
			when 'field' then 'املأ الحقل «%s»' when 'task' then 'أكمل المهمة «%s»' else 'تلزم موافقة %s' end
		else case kind when 'field' then 'fill in "%s"' when 'task' then 'complete the task "%s"' else '%s has to approve' end end, target)
$$;

create type internal.unmet as (stage text, stage_name text, mode text, condition_id text, kind text, field text, template_id uuid,
	approver_id uuid, target text, request_id uuid, message text);

-- An approval lets a deal through once: it is used up when the deal gets to the
-- stage or past it.
create function internal.gate_approved(org uuid, deal uuid, pipeline uuid, gate text, place integer, approver uuid) returns boolean
language sql stable
as $$
	select exists (select from public.deal_approvals a
		where a.organization_id = org and a.deal_id = deal and a.pipeline_id = pipeline and a.stage = gate
			and a.approver_id is not distinct from approver and a.state = 'approved'
			and not exists (select from public.deal_stage_history h
				join public.pipeline_stages s on s.organization_id = org and s.pipeline_id = pipeline and s.stage = h.to_stage
				where h.organization_id = org and h.deal_id = deal and h.changed_at >= a.answered_at
					and s.type <> 'lost' and s.position >= place))
$$;

-- One condition of a gate, asked of the deal as it is to be. Null: it holds.
create function internal.gate_asks(r jsonb, gate public.pipeline_stages, c jsonb) returns internal.unmet
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := (r ->> 'organization_id')::uuid;
	deal uuid := (r ->> 'id')::uuid;
	u internal.unmet;
begin
	if org is distinct from coalesce(auth.org(), org) then
		return null;
	end if;
	u.kind := c ->> 'kind';
	case u.kind
	when 'field' then
		u.field := c ->> 'field';
		if internal.is_filled(case when u.field like 'custom\_fields.%' then r -> 'custom_fields' -> substr(u.field, 15) else r -> u.field end) then
			return null;
		end if;
		u.target := internal.deal_field_label(org, u.field);
	when 'task' then
		u.template_id := (c ->> 'template_id')::uuid;
		if exists (select from public.tasks t where t.organization_id = org and t.deal_id = deal and t.completed
				and case when u.template_id is not null then t.template_id = u.template_id
					else lower(trim(t.title)) = lower(c ->> 'title') end) then
			return null;
		end if;
		u.target := coalesce(c ->> 'title', (select t.title from public.stage_task_templates t
			where t.organization_id = org and t.id = u.template_id), '?');
	else
		u.approver_id := (c ->> 'user_id')::uuid;
		-- Who has to say yes says it by moving the deal himself.
		if u.approver_id is not distinct from auth.uid()
				or internal.gate_approved(org, deal, gate.pipeline_id, gate.stage, gate.position, u.approver_id) then
			return null;
		end if;
		select internal.person(p.first_name, p.last_name, p.email) into u.target
			from public.profiles p where p.organization_id = org and p.id = u.approver_id;
		u.target := coalesce(u.target, case internal.lang() when 'ar' then 'أحد المسؤولين' else 'An administrator' end);
		select a.id into u.request_id from public.deal_approvals a where a.organization_id = org and a.deal_id = deal
			and a.stage = gate.stage and a.pipeline_id = gate.pipeline_id
			and a.approver_id is not distinct from u.approver_id and a.state = 'pending';
	end case;
	u.stage := gate.stage;
	u.stage_name := gate.name;
	u.mode := gate.gate_mode;
	u.condition_id := c ->> 'id';
	u.message := internal.gate_words(u.kind, u.target);
	return u;
end
$$;

-- The gates between a place and the stage that is entered, that one included.
-- Into a lost stage there is no way: only its own gate asks.
create function internal.gates_between(org uuid, pipeline uuid, after integer, entered public.pipeline_stages)
	returns setof public.pipeline_stages
language sql stable security definer set search_path = ''
as $$
	select s from public.pipeline_stages s
	where s.organization_id = org and org = coalesce(auth.org(), org) and s.pipeline_id = pipeline and s.gate_mode is not null
		and (s.stage = entered.stage or entered.type <> 'lost' and s.type <> 'lost')
		and s.position > after and s.position <= entered.position
	order by s.position
$$;

-- Where a deal counts as having come from. From a lost stage it goes on from
-- the furthest that it had reached, so that losing it first is no way around.
-- In plpgsql, which keeps its plans: this is asked for every row.
create function internal.deal_place(org uuid, pipeline uuid, stage text, reached text) returns integer
language plpgsql stable
as $$
begin
	return coalesce((select case when s.type = 'lost' then coalesce((select x.position from public.pipeline_stages x
				where x.organization_id = org and x.pipeline_id = pipeline and x.stage = reached), 0) else s.position end
		from public.pipeline_stages s where s.organization_id = org and s.pipeline_id = pipeline and s.stage = deal_place.stage), 0);
end
$$;

create function internal.gate_unmet(r jsonb, after integer, entered public.pipeline_stages) returns setof internal.unmet
language sql stable
as $$
	select (u).* from internal.gates_between((r ->> 'organization_id')::uuid, entered.pipeline_id, after, entered) g
	cross join lateral jsonb_array_elements(g.gate_conditions) with ordinality c (condition, n)
	cross join lateral (select internal.gate_asks(r, g, c.condition) as u) x
	where (u).kind is not null
	order by g.position, c.n
$$;

create function public.deal_gate(deal uuid, to_stage text) returns setof internal.unmet
language plpgsql stable
as $$
declare
	d public.deals;
	entered public.pipeline_stages;
begin
	select * into d from public.deals x where x.organization_id = auth.org() and x.id = deal;
	if d.id is null then
		raise exception using errcode = 'KT404', message = 'This deal does not exist';
	end if;
	select * into entered from public.pipeline_stages s where s.organization_id = auth.org() and s.pipeline_id = d.pipeline_id
		and s.stage = lower(to_stage);
	if entered.id is null then
		raise exception using errcode = 'KT400', message = 'This pipeline has no such stage', column = 'stage';
	end if;
	return query select * from internal.gate_unmet(to_jsonb(d),
		internal.deal_place(d.organization_id, d.pipeline_id, d.stage, d.reached_stage), entered);
end
$$;
comment on function public.deal_gate(uuid, text) is
	'What stands in the way of a deal to a stage, without moving it: one row per unmet condition; mode hard refuses, soft warns (GAT-10..16)';

create function internal.unmet_json(u internal.unmet) returns jsonb
language sql immutable
as $$ select jsonb_strip_nulls(to_jsonb(u)) $$;

-- What to say to whoever is stopped, and to the program (details).
create function internal.gate_refuse(deal uuid, title text, to_stage text, unmet internal.unmet[]) returns void
language plpgsql
as $$
declare
	words text;
	asks boolean;
begin
	select string_agg(u.message, '; ') filter (where u.mode = 'hard'), bool_or(u.kind = 'approval' and u.mode = 'hard')
		into words, asks from unnest(unmet) u;
	raise exception using errcode = 'KT409', column = 'stage', constraint = 'stage_gate',
		message = format(case internal.lang() when 'ar' then 'لا يمكن نقل «%s» إلى هذه المرحلة بعد: %s' else '"%s" cannot go to this stage yet: %s' end,
			title, words),
		detail = (select jsonb_agg(internal.unmet_json(u))::text from unnest(unmet) u where u.mode = 'hard'),
		hint = case when asks then case internal.lang() when 'ar' then 'أُرسل طلب الموافقة؛ تنتقل الصفقة حين يُقبل'
				else 'The approval has been asked for; the deal moves when it is given' end
			else case internal.lang() when 'ar' then 'أكمل ذلك أولًا ثم انقل الصفقة' else 'Do this first, then move the deal' end end,
		-- What must be written although this is refused: lib/db runs it afterwards.
		schema = case when asks then 'afterwards' else '' end,
		table = case when asks then 'request_approval' else '' end,
		datatype = case when asks then jsonb_build_object('deal', deal, 'stage', to_stage)::text else '' end;
end
$$;

-- ---- stage, probability, times: row by row ---------------------------------------------

create function internal.deal_pipeline(org uuid) returns uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	found uuid;
begin
	select p.id into found from public.pipelines p
		where p.organization_id = org and org = coalesce(auth.org(), org) order by p.is_default desc, p.created_at, p.id limit 1;
	if found is null then
		raise exception using errcode = 'KT400', message = 'No pipeline found: create one or name a pipeline_id';
	end if;
	return found;
end
$$;

-- The stage by its id; won, closed_won and the like by their type.
create function internal.deal_stage_row(org uuid, pipeline uuid, stage text) returns public.pipeline_stages
language plpgsql stable
as $$
declare
	s public.pipeline_stages;
begin
	select * into s from public.pipeline_stages x
		where x.organization_id = org and x.pipeline_id = pipeline and x.stage = lower(deal_stage_row.stage);
	if not found and lower(stage) in ('won', 'lost', 'closed_won', 'closed_lost') then
		select * into s from public.pipeline_stages x
			where x.organization_id = org and x.pipeline_id = pipeline and x.type = replace(lower(deal_stage_row.stage), 'closed_', '')
			order by x.position limit 1;
	end if;
	return s;
end
$$;

-- A person on a page chooses from the list (a session is a person); programs
-- may send what they know (DEA-65).
create function internal.check_discard_reason(org uuid, reason text, must boolean) returns void
language plpgsql stable
as $$
begin
	if coalesce(reason, '') = '' then
		if must and (select (o.settings ->> 'require_discard_reason')::boolean from public.organizations o where o.id = org) then
			raise exception using errcode = 'KT400', message = 'Say why the deal is lost', column = 'discard_reason',
				hint = 'Choose one of the discard reasons';
		end if;
	elsif auth.claims() ? 'session_id' and not exists (select from public.discard_reasons r
			where r.organization_id = org and r.name = reason and r.is_active)
			and exists (select from public.discard_reasons r where r.organization_id = org and r.is_active) then
		raise exception using errcode = 'KT400', message = format('"%s" is not one of the discard reasons', reason), column = 'discard_reason',
			hint = 'Choose one, or add it under Settings, Discard reasons';
	end if;
end
$$;

-- First of the month in the organization's time zone.
create function internal.month_of(org uuid, at timestamptz) returns date
language plpgsql stable
as $$
begin
	return (select date_trunc('month', at at time zone o.timezone)::date from public.organizations o where o.id = org);
end
$$;

create function internal.deal_closes(d public.deals, was public.deals, s public.pipeline_stages) returns public.deals
language plpgsql stable
as $$
begin
	if s.type = 'open' then
		-- Reopened, and nobody says that it was won all the same.
		if d.won_at is not distinct from was.won_at then d.won_at := null; end if;
		if d.lost_at is not distinct from was.lost_at then d.lost_at := null; end if;
		if d.lost_at is null and d.discard_reason is not distinct from was.discard_reason then d.discard_reason := null; end if;
		return d;
	end if;
	d.probability_is_manual := false;
	if s.type = 'won' then
		d.probability := 100;
		d.won_at := case when d.won_at is not distinct from was.won_at then now() else coalesce(d.won_at, now()) end;
		d.lost_at := null;
		d.discard_reason := null;
	else
		d.probability := 0;
		d.lost_at := case when d.lost_at is not distinct from was.lost_at then now() else coalesce(d.lost_at, now()) end;
		d.won_at := null;
		if d.discard_reason is not distinct from was.discard_reason and was.lost_at is null then
			perform internal.check_discard_reason(d.organization_id, d.discard_reason, true);
		end if;
	end if;
	return d;
end
$$;

create function internal.deal_milestone(d public.deals, s public.pipeline_stages) returns public.deals
language plpgsql stable
as $$
begin
	case s.milestone
		when 'sent' then d.sent_at := coalesce(d.sent_at, now());
		when 'accepted' then d.accepted_at := coalesce(d.accepted_at, now());
		when 'qualifying_started' then d.qualifying_started_at := coalesce(d.qualifying_started_at, now());
		when 'qualified' then d.qualified_at := coalesce(d.qualified_at, now());
		when 'scheduled' then d.scheduled_at := coalesce(d.scheduled_at, now());
		else null;
	end case;
	return d;
end
$$;

-- The gates on the way. Hard ones refuse; what soft ones warn of, and what a
-- move of the system passes, is on the timeline.
create function internal.deal_gates(d public.deals, after integer, s public.pipeline_stages, from_stage text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	unmet internal.unmet[];
	system boolean := coalesce(current_setting('kontor.system_move', true), '') = 'on';
begin
	if d.organization_id is distinct from coalesce(auth.org(), d.organization_id) then
		return;
	end if;
	select array_agg(u) into unmet from internal.gate_unmet(to_jsonb(d), after, s) u;
	if unmet is null then
		return;
	elsif not system and exists (select from unnest(unmet) u where u.mode = 'hard') then
		perform internal.gate_refuse(d.id, d.title, s.stage, unmet);
	end if;
	perform internal.emit(d.organization_id, case when system then 'deal.gate.bypassed' else 'deal.gate.warned' end, 'deal', d.id,
		jsonb_build_object('title', d.title, 'pipeline_id', d.pipeline_id, 'stage', s.stage, 'from_stage', from_stage,
			'unmet', (select jsonb_agg(internal.unmet_json(u)) from unnest(unmet) u)));
end
$$;

create or replace function internal.deal_stage_rules() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	s public.pipeline_stages;
	was public.deals;
	place integer := 0;
	moved boolean := tg_op = 'INSERT' or new.stage is distinct from old.stage or new.pipeline_id is distinct from old.pipeline_id;
	fresh boolean; -- the probability was sent with this change
begin
	if new.pipeline_id is null then
		new.pipeline_id := internal.deal_pipeline(new.organization_id);
	end if;
	if tg_op = 'UPDATE' then
		was := old;
		new.reached_stage := old.reached_stage;
		fresh := new.probability is distinct from old.probability;
	else
		fresh := new.probability is not null;
	end if;
	if moved then
		s := internal.deal_stage_row(new.organization_id, new.pipeline_id, new.stage);
		new.stage_entered_at := now();
		if s.stage is not null then
			new.stage := s.stage;
			moved := tg_op = 'INSERT' or new.stage is distinct from old.stage or new.pipeline_id is distinct from old.pipeline_id;
		end if;
		if not moved then
			new.stage_entered_at := old.stage_entered_at;
		end if;
	end if;
	if moved and s.stage is not null then
		if tg_op = 'UPDATE' and new.pipeline_id = old.pipeline_id then
			place := internal.deal_place(new.organization_id, old.pipeline_id, old.stage, old.reached_stage);
		end if;
		new := internal.deal_milestone(internal.deal_closes(new, was, s), s);
		if s.type = 'open' and (was.won_at is not null or was.lost_at is not null) and not fresh then
			new.probability := s.probability;
		elsif s.type = 'open' and not fresh and not new.probability_is_manual then
			new.probability := s.probability;
		elsif s.type = 'open' and fresh then
			new.probability_is_manual := new.probability <> s.probability;
		end if;
		if s.type <> 'lost' and (new.reached_stage is null or new.pipeline_id is distinct from was.pipeline_id
				or s.position > internal.deal_place(new.organization_id, new.pipeline_id, new.reached_stage, null)) then
			new.reached_stage := s.stage;
		end if;
		if (s.type <> 'lost' and s.position > place) or s.gate_mode is not null then
			if exists (select from public.pipeline_stages g where g.organization_id = new.organization_id
					and g.pipeline_id = new.pipeline_id and g.gate_mode is not null and g.position <= s.position) then
				perform internal.deal_gates(new, place, s, was.stage);
			end if;
		end if;
	elsif tg_op = 'UPDATE' and fresh then
		new.probability_is_manual := new.probability is not null;
		if new.probability is null then
			new.probability := (internal.deal_stage_row(new.organization_id, new.pipeline_id, new.stage)).probability;
		end if;
	end if;
	if new.discard_reason is distinct from was.discard_reason and new.discard_reason is not null then
		perform internal.check_discard_reason(new.organization_id, new.discard_reason, false);
	end if;
	if tg_op = 'INSERT' or new.won_at is distinct from old.won_at or new.lost_at is distinct from old.lost_at
			or new.expected_close_date is distinct from old.expected_close_date then
		new.counted_month := case when new.won_at is not null or new.lost_at is not null
			then internal.month_of(new.organization_id, coalesce(new.won_at, new.lost_at))
			else date_trunc('month', new.expected_close_date)::date end;
	end if;
	return new;
end
$$;

-- ---- what follows: statement by statement ------------------------------------------------
--
-- The functions below join what the rows were with what they are. The number of
-- rows differs from one statement to the next, and a plan is kept: never one
-- that compares every row with every other (enable_nestloop).

-- Rows of deal_sums for what came and what went.
create function internal.deal_seconds(created timestamptz, won timestamptz, lost timestamptz) returns numeric
language sql immutable
as $$ select case when won is not null or lost is not null then greatest(0, round(extract(epoch from coalesce(won, lost) - created))) else 0 end $$;

-- New owners learn what is theirs now: of one deal its title, of many how many.
create function internal.tell_owners(org uuid, owners uuid[], deals uuid[], titles text[]) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	o record;
begin
	if org is distinct from coalesce(auth.org(), org) then
		return;
	end if;
	for o in select x.owner, count(*) as n, min(x.deal::text)::uuid as deal, min(x.title) as title
			from unnest(owners, deals, titles) x (owner, deal, title) group by x.owner loop
		if o.n = 1 then
			perform internal.notify(org, o.owner, 'deal.assigned', 'deal', o.deal, jsonb_build_object('title', o.title));
		else
			perform internal.notify(org, o.owner, 'deal.assigned', 'deal', null, jsonb_build_object('count', o.n));
		end if;
	end loop;
end
$$;

-- The tasks of the stage that was entered (GAT-17): none while an open one of
-- the same template is there, whoever entered the stage before. Whom a team's
-- task belongs to is said by tasks.team_id, where tasks have queues.
create function internal.spawn_tasks(org uuid, deals uuid[]) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	zone text;
	queue text := case when exists (select from pg_catalog.pg_attribute a where a.attrelid = 'public.tasks'::regclass
		and a.attname = 'team_id' and not a.attisdropped) then 'team_id' end;
begin
	if org is distinct from coalesce(auth.org(), org) then
		return;
	end if;
	select o.timezone into zone from public.organizations o where o.id = org;
	execute format('insert into public.tasks (organization_id, title, description, priority, due_date, deal_id, contact_id, template_id,
			assignee_id%s)
		select $1, t.title, t.description, t.priority,
			((now() at time zone $2)::date + t.due_days + time ''23:59:59'') at time zone $2, d.id, d.contact_id, t.id,
			case t.assign_to when ''owner'' then d.owner_id when ''person'' then coalesce(p.id, d.owner_id) end%s
		from unnest($3) x (id)
		join public.deals d on d.organization_id = $1 and d.id = x.id
		join public.stage_task_templates t on t.organization_id = $1 and t.pipeline_id = d.pipeline_id and t.stage = d.stage and t.is_active
		left join public.profiles p on p.organization_id = $1 and p.id = t.assignee_id and p.is_active
		where not exists (select from public.tasks k where k.organization_id = $1 and k.deal_id = d.id and k.template_id = t.id
			and not k.completed)
		order by d.id, t.position', ', ' || queue, case when queue is not null
			then ', case t.assign_to when ''team'' then t.team_id end' end)
		using org, zone, deals;
end
$$;

create function internal.deals_inserted() returns trigger
language plpgsql security definer set search_path = '' set enable_nestloop = off set jit = off
as $$
declare
	part record;
begin
	insert into public.deal_stage_history (organization_id, deal_id, to_stage, changed_by)
		select n.organization_id, n.id, n.stage, auth.uid() from new_deals n;
	insert into public.deal_owner_history (organization_id, deal_id, owner_id, reason, changed_by)
		select n.organization_id, n.id, n.owner_id, 'Initial assignment', auth.uid() from new_deals n where n.owner_id is not null;
	insert into public.deal_sums (organization_id, pipeline_id, stage, reached_stage, owner_id, currency, month, deals, value, weighted, seconds)
		select n.organization_id, n.pipeline_id, n.stage, n.reached_stage, n.owner_id, n.currency, n.counted_month, count(*), sum(n.value),
			sum(n.value * coalesce(n.probability, 0) / 100), sum(internal.deal_seconds(n.created_at, n.won_at, n.lost_at))
		from new_deals n group by 1, 2, 3, 4, 5, 6, 7;
	for part in select n.organization_id as org, array_agg(n.id) filter (where s.task_templates > 0) as spawn,
			array_agg(n.owner_id) filter (where n.owner_id is not null) as owners,
			array_agg(n.id) filter (where n.owner_id is not null) as owned,
			array_agg(n.title) filter (where n.owner_id is not null) as titles
			from new_deals n left join public.pipeline_stages s on s.organization_id = n.organization_id
				and s.pipeline_id = n.pipeline_id and s.stage = n.stage
			group by n.organization_id loop
		if part.spawn is not null then
			perform internal.spawn_tasks(part.org, part.spawn);
		end if;
		if part.owners is not null then
			perform internal.tell_owners(part.org, part.owners, part.owned, part.titles);
		end if;
	end loop;
	return null;
end
$$;

create function internal.deals_updated() returns trigger
language plpgsql security definer set search_path = '' set enable_nestloop = off set jit = off
as $$
declare
	f record;
	part record;
begin
	select bool_or(n.stage <> o.stage or n.pipeline_id <> o.pipeline_id) as moved, bool_or(n.owner_id is distinct from o.owner_id) as owned,
			bool_or((n.value, n.currency, n.probability) is distinct from (o.value, o.currency, o.probability)) as valued
		into f from new_deals n join old_deals o on o.organization_id = n.organization_id and o.id = n.id;
	if f.moved then
		insert into public.deal_stage_history (organization_id, deal_id, from_stage, to_stage, changed_by, duration)
			select n.organization_id, n.id, o.stage, n.stage, auth.uid(), now() - o.stage_entered_at
			from new_deals n join old_deals o on o.organization_id = n.organization_id and o.id = n.id
			where n.stage <> o.stage;
	end if;
	if f.owned then
		insert into public.deal_owner_history (organization_id, deal_id, owner_id, previous_owner_id, reason, changed_by, duration)
			select n.organization_id, n.id, n.owner_id, o.owner_id, case when n.owner_id is null then 'Unassigned'
					when coalesce(current_setting('kontor.owner_reason', true), '') <> '' then current_setting('kontor.owner_reason')
					when o.owner_id is null then 'Initial assignment' else 'Reassigned' end,
				auth.uid(), case when o.owner_id is not null then now() - h.since end
			from new_deals n join old_deals o on o.organization_id = n.organization_id and o.id = n.id
			cross join lateral (select max(x.changed_at) as since from public.deal_owner_history x
				where x.organization_id = n.organization_id and x.deal_id = n.id) h
			where n.owner_id is distinct from o.owner_id;
	end if;
	if f.valued then
		insert into public.deal_value_history (organization_id, deal_id, what, old_value, new_value, old_currency, new_currency, changed_by)
			select n.organization_id, n.id, v.what, v.before, v.after, v.old_currency, v.new_currency, auth.uid()
			from new_deals n join old_deals o on o.organization_id = n.organization_id and o.id = n.id
			cross join lateral (values ('value', o.value, n.value, o.currency, n.currency),
				('probability', o.probability, n.probability, null, null)) v (what, before, after, old_currency, new_currency)
			where (v.before, v.old_currency) is distinct from (v.after, v.new_currency);
	end if;
	if f.moved or f.owned or f.valued or exists (select from new_deals n join old_deals o on o.organization_id = n.organization_id
			and o.id = n.id where n.counted_month is distinct from o.counted_month) then
		insert into public.deal_sums (organization_id, pipeline_id, stage, reached_stage, owner_id, currency, month, deals, value, weighted, seconds)
			select organization_id, pipeline_id, stage, reached_stage, owner_id, currency, counted_month, sum(sign), sum(sign * value),
				sum(sign * value * coalesce(probability, 0) / 100), sum(sign * internal.deal_seconds(created_at, won_at, lost_at))
			from (select 1 as sign, n.organization_id, n.pipeline_id, n.stage, n.reached_stage, n.owner_id, n.currency, n.counted_month, n.value,
					n.probability, n.created_at, n.won_at, n.lost_at from new_deals n
				union all
				select -1, o.organization_id, o.pipeline_id, o.stage, o.reached_stage, o.owner_id, o.currency, o.counted_month, o.value,
					o.probability, o.created_at, o.won_at, o.lost_at from old_deals o) both_
			group by organization_id, pipeline_id, stage, reached_stage, owner_id, currency, counted_month
			having sum(sign) <> 0 or sum(sign * value) <> 0 or sum(sign * value * coalesce(probability, 0)) <> 0
				or sum(sign * internal.deal_seconds(created_at, won_at, lost_at)) <> 0;
	end if;
	if f.moved then
		-- What was asked for and is no longer needed.
		update public.deal_approvals a set state = 'withdrawn', answered_at = now()
			from new_deals n
			join public.pipeline_stages s on s.organization_id = n.organization_id and s.pipeline_id = n.pipeline_id and s.stage = n.stage
			left join public.pipeline_stages g on g.organization_id = n.organization_id and g.pipeline_id = n.pipeline_id
			where a.organization_id = n.organization_id and a.deal_id = n.id and a.state = 'pending'
				and (g.stage = a.stage and g.position <= s.position or s.type <> 'open' or a.pipeline_id <> n.pipeline_id);
	end if;
	if f.moved or f.owned then
		for part in select n.organization_id as org,
				array_agg(n.id) filter (where s.task_templates > 0 and (n.stage <> o.stage or n.pipeline_id <> o.pipeline_id)) as spawn,
				array_agg(n.owner_id) filter (where n.owner_id is distinct from o.owner_id and n.owner_id is not null) as owners,
				array_agg(n.id) filter (where n.owner_id is distinct from o.owner_id and n.owner_id is not null) as owned,
				array_agg(n.title) filter (where n.owner_id is distinct from o.owner_id and n.owner_id is not null) as titles
				from new_deals n join old_deals o on o.organization_id = n.organization_id and o.id = n.id
				left join public.pipeline_stages s on s.organization_id = n.organization_id and s.pipeline_id = n.pipeline_id
					and s.stage = n.stage
				group by n.organization_id loop
			if part.spawn is not null then
				perform internal.spawn_tasks(part.org, part.spawn);
			end if;
			if part.owners is not null then
				perform internal.tell_owners(part.org, part.owners, part.owned, part.titles);
			end if;
		end loop;
	end if;
	return null;
end
$$;

create function internal.deals_deleted() returns trigger
language plpgsql security definer set search_path = '' set enable_nestloop = off set jit = off
as $$
begin
	insert into public.deal_sums (organization_id, pipeline_id, stage, reached_stage, owner_id, currency, month, deals, value, weighted, seconds)
		select o.organization_id, o.pipeline_id, o.stage, o.reached_stage, o.owner_id, o.currency, o.counted_month, -count(*), -sum(o.value),
			-sum(o.value * coalesce(o.probability, 0) / 100), -sum(internal.deal_seconds(o.created_at, o.won_at, o.lost_at))
		from old_deals o
		-- With the whole tenant its sums go as well.
		where exists (select from public.organizations g where g.id = o.organization_id)
		group by 1, 2, 3, 4, 5, 6, 7;
	return null;
end
$$;

drop trigger history on public.deals;
drop function internal.deal_history();
create trigger follow_insert after insert on public.deals referencing new table as new_deals
	for each statement execute function internal.deals_inserted();
create trigger follow_update after update on public.deals referencing old table as old_deals new table as new_deals
	for each statement execute function internal.deals_updated();
create trigger follow_delete after delete on public.deals referencing old table as old_deals
	for each statement execute function internal.deals_deleted();

-- ---- approvals -----------------------------------------------------------------------------

-- One open request per gate and approver that the deal still lacks; returns how
-- many are open now. Asking again changes nothing.
create function public.request_approval(deal uuid, to_stage text) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	d public.deals;
	u internal.unmet;
	s public.pipeline_stages;
	made public.deal_approvals;
	n integer := 0;
begin
	select * into d from public.deals x where x.organization_id = org and x.id = deal;
	if d.id is null or not internal.deal_seen(d) then
		raise exception using errcode = 'KT404', message = 'This deal does not exist';
	end if;
	s := internal.deal_stage_row(org, d.pipeline_id, to_stage);
	for u in select * from internal.gate_unmet(to_jsonb(d), internal.deal_place(org, d.pipeline_id, d.stage, d.reached_stage), s) x
			where x.kind = 'approval' and x.mode = 'hard' loop
		n := n + 1;
		insert into public.deal_approvals (organization_id, deal_id, pipeline_id, stage, to_stage, approver_id, requested_by)
			values (org, deal, d.pipeline_id, u.stage, s.stage,
				(select p.id from public.profiles p where p.organization_id = org and p.id = u.approver_id), auth.uid())
			on conflict (organization_id, deal_id, stage, approver_id) where state = 'pending' do nothing
			returning * into made;
		continue when made.id is null;
		perform internal.emit(org, 'deal.approval.requested', 'deal', deal, to_jsonb(made) || jsonb_build_object('title', d.title,
			'stage_name', u.stage_name, 'approver', u.target));
		perform internal.notify(org, made.approver_id, 'approval.requested', 'deal', deal,
			jsonb_build_object('title', d.title, 'stage', u.stage_name));
		perform job.enqueue(org, 'approval_mail', made.id::text, jsonb_build_object('approval_id', made.id));
		made := null;
	end loop;
	return n;
end
$$;
comment on function public.request_approval(uuid, text) is
	'Asks for the approvals that a deal lacks on its way to a stage: one open request per gate and approver (GAT-15); how many are open';

-- Whether the caller may see the deal, asked with the owner's rights.
create function internal.deal_seen(d public.deals) returns boolean
language sql stable security definer set search_path = ''
as $$
	select d.organization_id = auth.org() and (auth.sees_all('deals')
		or auth.may('can_access_crm') and d.owner_id = any (auth.team_ids())
		or auth.may('can_access_finance') and internal.has_quote(d.id))
$$;

-- What a refused statement leaves behind (lib/db): called in a transaction of
-- its own by whoever was refused, with what the refusal said.
create function internal.afterwards(what text, args jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if what = 'request_approval' and auth.org() is not null then
		perform public.request_approval((args ->> 'deal')::uuid, args ->> 'stage');
	end if;
end
$$;

create function public.answer_approval(approval uuid, approve boolean, comment text default null) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	a public.deal_approvals;
	d public.deals;
	moved boolean := false;
begin
	select * into a from public.deal_approvals x where x.organization_id = org and x.id = approval for update;
	if a.id is null then
		raise exception using errcode = 'KT404', message = 'This request does not exist';
	elsif a.approver_id is distinct from auth.uid() and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'Somebody else is asked to approve this',
			hint = 'He or an administrator can answer';
	elsif a.state <> 'pending' then
		raise exception using errcode = 'KT409', message = 'This request is answered already';
	elsif not approve and coalesce(trim(comment), '') = '' then
		raise exception using errcode = 'KT400', message = 'Say why you do not approve', column = 'comment';
	end if;
	update public.deal_approvals x set state = case when approve then 'approved' else 'rejected' end, comment = nullif(trim(answer_approval.comment), ''),
			answered_by = auth.uid(), answered_at = now()
		where x.organization_id = org and x.id = approval returning * into a;
	select * into d from public.deals x where x.organization_id = org and x.id = a.deal_id for update;
	perform internal.emit(org, case when approve then 'deal.approval.approved' else 'deal.approval.rejected' end, 'deal', a.deal_id,
		to_jsonb(a) || jsonb_build_object('title', d.title,
			'stage_name', (select s.name from public.pipeline_stages s where s.organization_id = org and s.pipeline_id = a.pipeline_id and s.stage = a.stage)));
	perform internal.notify(org, a.requested_by, case when approve then 'approval.approved' else 'approval.rejected' end, 'deal', a.deal_id,
		jsonb_build_object('title', d.title, 'comment', a.comment));
	-- The last answer that was missing moves the deal.
	if approve and d.pipeline_id = a.pipeline_id and not exists (select from internal.gate_unmet(to_jsonb(d),
			internal.deal_place(org, d.pipeline_id, d.stage, d.reached_stage), internal.deal_stage_row(org, d.pipeline_id, a.to_stage)) u
			where u.mode = 'hard') then
		update public.deals x set stage = a.to_stage where x.organization_id = org and x.id = a.deal_id;
		moved := found;
	end if;
	return moved;
end
$$;
comment on function public.answer_approval(uuid, boolean, text) is
	'Answers a request of deal_approvals; a yes moves the deal when nothing else is missing (true), a no needs a comment. For the approver and administrators';

-- ---- moving without an exception --------------------------------------------------------------

-- For boards, bulk changes and rules: moves what may go, files requests, and
-- says of each deal what became of it: moved, waiting (for approval), refused,
-- same, gone.
create function public.move_deals(deals uuid[], to_stage text, discard_reason text default null)
	returns table (deal_id uuid, outcome text, message text)
language plpgsql
as $$
declare
	one uuid;
	refused text;
	help text;
	after text;
	args text;
	n integer;
	-- All in one statement, as long as nobody is stopped.
	gated boolean := exists (select from public.pipeline_stages s where s.organization_id = auth.org() and s.gate_mode = 'hard');
begin
	if not gated then
		return query with went as (
			update public.deals d set stage = to_stage, discard_reason = coalesce(move_deals.discard_reason, d.discard_reason)
			where d.organization_id = auth.org() and d.id = any (deals) and d.stage <> lower(to_stage)
			returning d.id)
			select x.id, case when w.id is not null then 'moved' when d.id is not null then 'same' else 'gone' end, null::text
			from unnest(deals) x (id) left join went w on w.id = x.id
			left join public.deals d on d.organization_id = auth.org() and d.id = x.id;
		return;
	end if;
	foreach one in array deals loop
		begin
			refused := null;
			update public.deals d set stage = to_stage, discard_reason = coalesce(move_deals.discard_reason, d.discard_reason)
				where d.organization_id = auth.org() and d.id = one and d.stage <> lower(to_stage);
			get diagnostics n = row_count;
		exception when sqlstate 'KT409' then
			get stacked diagnostics refused = message_text, help = pg_exception_hint, after = schema_name, args = pg_datatype_name;
		end;
		if refused is not null and after = 'afterwards' then
			perform internal.afterwards('request_approval', args::jsonb);
		end if;
		deal_id := one;
		message := refused;
		outcome := case when refused is not null then case when after = 'afterwards' then 'waiting' else 'refused' end
			when n > 0 then 'moved'
			when exists (select from public.deals d where d.organization_id = auth.org() and d.id = one) then 'same' else 'gone' end;
		return next;
	end loop;
end
$$;
comment on function public.move_deals(uuid[], text, text) is
	'Moves deals to a stage as far as gates let them; per deal: moved, waiting (an approval was asked for), refused (message says why), same, gone';

-- A quote that is accepted, a signed contract: nobody is there to be stopped.
create or replace function internal.quote_accepted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	update public.quotes x set status = 'Expired'
		where x.organization_id = new.organization_id and x.deal_id = new.deal_id and x.id <> new.id
			and x.status in ('Sent', 'Viewed');
	perform set_config('kontor.system_move', 'on', true);
	update public.deals d set stage = coalesce(
			(select s.stage from public.pipeline_stages s join public.organizations o on o.id = s.organization_id
				where s.organization_id = d.organization_id and s.pipeline_id = d.pipeline_id
					and s.stage = o.settings ->> 'quote_accept_stage' limit 1),
			(select s.stage from public.pipeline_stages s
				where s.organization_id = d.organization_id and s.pipeline_id = d.pipeline_id and s.type = 'won' order by s.position limit 1),
			d.stage)
		where d.organization_id = new.organization_id and d.id = new.deal_id;
	perform set_config('kontor.system_move', '', true);
	return null;
end
$$;

-- ---- discard reasons of a new tenant ---------------------------------------------------------------

create function internal.first_discard_reasons() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into public.discard_reasons (organization_id, name, position)
		select new.id, x.name, x.place::integer from unnest(array['Price too high', 'No budget', 'Chose another supplier', 'No need',
			'Bad timing', 'No answer', 'Not a good fit']) with ordinality x (name, place);
	return null;
end
$$;
create trigger discard_reasons after insert on public.organizations
	for each row execute function internal.first_discard_reasons();
insert into public.discard_reasons (organization_id, name, position)
	select o.id, x.name, x.place::integer from public.organizations o, unnest(array['Price too high', 'No budget', 'Chose another supplier',
		'No need', 'Bad timing', 'No answer', 'Not a good fit']) with ordinality x (name, place);

-- ---- deals that are there already ---------------------------------------------------------------------

-- Without their triggers: nothing happened to them.
do $$
begin
	alter table public.deals disable trigger user;
	update public.deals d set
			reached_stage = (select s.stage from public.pipeline_stages s
				where s.organization_id = d.organization_id and s.pipeline_id = d.pipeline_id and s.type <> 'lost'
					and (s.stage = d.stage or exists (select from public.deal_stage_history h where h.organization_id = d.organization_id
						and h.deal_id = d.id and h.to_stage = s.stage))
				order by s.position desc limit 1),
			qualified_at = coalesce(d.qualified_at, (select min(h.changed_at) from public.deal_stage_history h
				where h.organization_id = d.organization_id and h.deal_id = d.id and h.to_stage = 'qualified')),
			counted_month = case when d.won_at is not null or d.lost_at is not null
				then internal.month_of(d.organization_id, coalesce(d.won_at, d.lost_at)) else date_trunc('month', d.expected_close_date)::date end;
	alter table public.deals enable trigger user;
	insert into public.deal_sums (organization_id, pipeline_id, stage, reached_stage, owner_id, currency, month, deals, value, weighted, seconds)
		select d.organization_id, d.pipeline_id, d.stage, d.reached_stage, d.owner_id, d.currency, d.counted_month, count(*), sum(d.value),
			sum(d.value * coalesce(d.probability, 0) / 100), sum(internal.deal_seconds(d.created_at, d.won_at, d.lost_at))
		from public.deals d group by 1, 2, 3, 4, 5, 6, 7;
end
$$;

revoke execute on function internal.tell_owners(uuid, uuid[], uuid[], text[]), internal.spawn_tasks(uuid, uuid[]) from public;
grant execute on function internal.deal_field_label(uuid, text), internal.is_filled(jsonb), internal.gate_words(text, text),
	internal.gate_asks(jsonb, public.pipeline_stages, jsonb), internal.gates_between(uuid, uuid, integer, public.pipeline_stages),
	internal.gate_approved(uuid, uuid, uuid, text, integer, uuid), internal.deal_place(uuid, uuid, text, text),
	internal.gate_unmet(jsonb, integer, public.pipeline_stages), internal.unmet_json(internal.unmet),
	internal.gate_refuse(uuid, text, text, internal.unmet[]), internal.deal_pipeline(uuid),
	internal.deal_stage_row(uuid, uuid, text), internal.check_discard_reason(uuid, text, boolean), internal.month_of(uuid, timestamptz),
	internal.deal_closes(public.deals, public.deals, public.pipeline_stages), internal.deal_milestone(public.deals, public.pipeline_stages),
	internal.deal_seconds(timestamptz, timestamptz, timestamptz), internal.deal_seen(public.deals), internal.afterwards(text, jsonb),
	public.deal_gate(uuid, text), public.request_approval(uuid, text), public.answer_approval(uuid, boolean, text),
	public.move_deals(uuid[], text, text) to authenticated, service_role;
notify pgrst;
