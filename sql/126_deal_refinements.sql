-- Whom a deal is given to is told by the triggers of notices (158), and what is
-- refused at a gate says what to do with a deal that is only being made.

create or replace function internal.deals_inserted() returns trigger
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
	for part in select n.organization_id as org, array_agg(n.id) as spawn
			from new_deals n join public.pipeline_stages s on s.organization_id = n.organization_id
				and s.pipeline_id = n.pipeline_id and s.stage = n.stage
			where s.task_templates > 0 group by n.organization_id loop
		perform internal.spawn_tasks(part.org, part.spawn);
	end loop;
	return null;
end
$$;

create or replace function internal.deals_updated() returns trigger
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
	if f.moved then
		for part in select n.organization_id as org, array_agg(n.id) as spawn
				from new_deals n join old_deals o on o.organization_id = n.organization_id and o.id = n.id
				join public.pipeline_stages s on s.organization_id = n.organization_id and s.pipeline_id = n.pipeline_id
					and s.stage = n.stage
				where s.task_templates > 0 and (n.stage <> o.stage or n.pipeline_id <> o.pipeline_id)
				group by n.organization_id loop
			perform internal.spawn_tasks(part.org, part.spawn);
		end loop;
	end if;
	return null;
end
$$;

drop function internal.tell_owners(uuid, uuid[], uuid[], text[]);

drop function internal.gate_refuse(uuid, text, text, internal.unmet[]);
create function internal.gate_refuse(deal uuid, title text, to_stage text, unmet internal.unmet[], is_new boolean) returns void
language plpgsql
as $$
declare
	words text;
	asks boolean;
begin
	select string_agg(u.message, '; ') filter (where u.mode = 'hard'), bool_or(u.kind = 'approval' and u.mode = 'hard')
		into words, asks from unnest(unmet) u;
	asks := asks and not is_new;
	raise exception using errcode = 'KT409', column = 'stage', constraint = 'stage_gate',
		message = format(case internal.lang() when 'ar' then 'لا يمكن نقل «%s» إلى هذه المرحلة بعد: %s' else '"%s" cannot go to this stage yet: %s' end,
			title, words),
		detail = (select jsonb_agg(internal.unmet_json(u))::text from unnest(unmet) u where u.mode = 'hard'),
		hint = case when asks then case internal.lang() when 'ar' then 'أُرسل طلب الموافقة؛ تنتقل الصفقة حين يُقبل'
				else 'The approval has been asked for; the deal moves when it is given' end
			when is_new then case internal.lang() when 'ar' then 'أنشئ الصفقة في مرحلة أسبق ثم انقلها' else 'Make the deal in an earlier stage, then move it' end
			else case internal.lang() when 'ar' then 'أكمل ذلك أولًا ثم انقل الصفقة' else 'Do this first, then move the deal' end end,
		-- What must be written although this is refused: lib/db runs it afterwards.
		schema = case when asks then 'afterwards' else '' end,
		table = case when asks then 'request_approval' else '' end,
		datatype = case when asks then jsonb_build_object('deal', deal, 'stage', to_stage)::text else '' end;
end
$$;

create or replace function internal.deal_gates(d public.deals, after integer, s public.pipeline_stages, from_stage text) returns void
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
		perform internal.gate_refuse(d.id, d.title, s.stage, unmet, from_stage is null);
	end if;
	perform internal.emit(d.organization_id, case when system then 'deal.gate.bypassed' else 'deal.gate.warned' end, 'deal', d.id,
		jsonb_build_object('title', d.title, 'pipeline_id', d.pipeline_id, 'stage', s.stage, 'from_stage', from_stage,
			'unmet', (select jsonb_agg(internal.unmet_json(u)) from unnest(unmet) u)),
		jsonb_build_object('old_missing', null, 'new_missing', (select jsonb_agg(u.target) from unnest(unmet) u)));
end
$$;

create or replace function public.answer_approval(approval uuid, approve boolean, comment text default null) returns boolean
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
			'stage_name', (select s.name from public.pipeline_stages s where s.organization_id = org and s.pipeline_id = a.pipeline_id and s.stage = a.stage)),
		case when a.comment is not null then jsonb_build_object('old_comment', null, 'new_comment', a.comment) end);
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

grant execute on function internal.gate_refuse(uuid, text, text, internal.unmet[], boolean) to authenticated, service_role;
notify pgrst;
