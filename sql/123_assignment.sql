-- Who owns a new deal or lead that nobody owns, and what becomes of deals that
-- nobody touches.

-- ---- rules ------------------------------------------------------------------------

create function internal.assignment_rule_check() returns trigger
language plpgsql
as $$
begin
	new.words := array(select distinct trim(w) from unnest(new.words) w where trim(w) <> '');
	if new.kind in ('territory', 'sector') and new.words = '{}' then
		raise exception using errcode = 'KT400', column = 'words',
			message = case new.kind when 'territory' then 'Name at least one territory' else 'Name at least one sector' end;
	elsif new.kind in ('company_size', 'score') and new.at_least is null and new.at_most is null then
		raise exception using errcode = 'KT400', column = 'at_least', message = 'Say from which number on, or up to which';
	elsif new.at_least > new.at_most then
		raise exception using errcode = 'KT400', column = 'at_most', message = 'The upper limit is below the lower one';
	elsif new.kind <> 'manual' and (new.user_id is null) = (new.team_id is null) then
		raise exception using errcode = 'KT400', column = 'user_id', message = 'Choose a person or a team';
	elsif new.kind = 'round_robin' and new.team_id is null then
		raise exception using errcode = 'KT400', column = 'team_id', message = 'Choose the team whose members take turns';
	elsif new.pipeline_id is not null and new.entity <> 'deal' then
		raise exception using errcode = 'KT400', column = 'pipeline_id', message = 'Only deals have a pipeline';
	end if;
	if new.kind = 'manual' then
		new.user_id := null;
		new.team_id := null;
	end if;
	if new.kind not in ('territory', 'sector') then
		new.words := '{}';
	end if;
	if new.kind not in ('company_size', 'score') then
		new.at_least := null;
		new.at_most := null;
	end if;
	if tg_op = 'INSERT' and new.position = 0 then
		new.position := 1 + coalesce((select max(r.position) from public.assignment_rules r
			where r.organization_id = new.organization_id and r.entity = new.entity), 0);
	end if;
	return new;
end
$$;
create trigger a_check before insert or update on public.assignment_rules
	for each row execute function internal.assignment_rule_check();

-- Whether a rule means a record. What a record is known by: pipeline_id,
-- territory (or country, state, city), industry, company_size, score.
create function internal.assignment_matches(r public.assignment_rules, record jsonb) returns boolean
language plpgsql immutable
as $$
declare
	n numeric;
begin
	if r.pipeline_id is not null and r.pipeline_id::text is distinct from record ->> 'pipeline_id' then
		return false;
	end if;
	case r.kind
	when 'territory' then
		return exists (select from unnest(r.words) w where lower(w) in (lower(trim(record ->> 'territory')),
			lower(trim(record ->> 'country')), lower(trim(record ->> 'state')), lower(trim(record ->> 'city'))));
	when 'sector' then
		return exists (select from unnest(r.words) w where lower(w) in (lower(trim(record ->> 'industry')), lower(trim(record ->> 'sector'))));
	when 'company_size', 'score' then
		n := case when record ->> r.kind ~ '^-?[0-9]+(\.[0-9]+)?$' then (record ->> r.kind)::numeric end;
		return n is not null and n >= coalesce(r.at_least, n) and n <= coalesce(r.at_most, n);
	else
		return true;
	end case;
end
$$;

-- The next of a team behind whom had his turn last, active members alone. The
-- rule's row is locked, so that two records at once go to two people.
create function internal.assignment_next(org uuid, rule uuid) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	r public.assignment_rules;
	chosen uuid;
begin
	if org is distinct from coalesce(auth.org(), org) then
		return null;
	end if;
	select * into r from public.assignment_rules x where x.organization_id = org and x.id = rule for no key update;
	select m.user_id into chosen
		from public.team_members m
		join public.profiles p on p.organization_id = org and p.id = m.user_id and p.is_active
		where m.organization_id = org and m.team_id = r.team_id
		order by m.user_id > r.last_user_id desc nulls last, m.user_id limit 1;
	if chosen is not null then
		update public.assignment_rules x set last_user_id = chosen where x.organization_id = org and x.id = rule;
	end if;
	return chosen;
end
$$;

create function internal.assign_owner(kind text, record jsonb) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := coalesce(auth.org(), (record ->> 'organization_id')::uuid);
	r public.assignment_rules;
	chosen uuid;
begin
	for r in select * from public.assignment_rules x
			where x.organization_id = org and x.entity = assign_owner.kind and x.is_active order by x.position, x.id loop
		continue when not internal.assignment_matches(r, record);
		if r.kind = 'manual' then
			return null;
		elsif r.team_id is not null then
			chosen := internal.assignment_next(org, r.id);
		else
			select p.id into chosen from public.profiles p where p.organization_id = org and p.id = r.user_id and p.is_active;
		end if;
		-- Nobody of this rule is there any more: the next one.
		if chosen is not null then
			return chosen;
		end if;
	end loop;
	return null;
end
$$;
comment on function internal.assign_owner(text, jsonb) is
	'Who is to own a new record of kind deal or lead, by the first of assignment_rules that means it; null: nobody. '
	'record: organization_id, and of what rules ask: pipeline_id, territory, country, state, city, industry, company_size, score';

-- A deal is known by its company, its custom fields of these names, and the
-- score of its contact where that is kept.
create function internal.deal_assigned() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	known jsonb;
begin
	if not exists (select from public.assignment_rules r
			where r.organization_id = new.organization_id and r.entity = 'deal' and r.is_active) then
		return new;
	end if;
	select jsonb_build_object('country', c.country, 'state', c.state, 'city', c.city, 'industry', c.industry,
			'company_size', c.employee_count) into known
		from public.companies c where c.organization_id = new.organization_id and c.id = coalesce(new.company_id,
			(select k.company_id from public.contacts k where k.organization_id = new.organization_id and k.id = new.contact_id));
	new.owner_id := internal.assign_owner('deal', coalesce(known, '{}') || jsonb_strip_nulls(jsonb_build_object(
		'organization_id', new.organization_id, 'pipeline_id', new.pipeline_id,
		'territory', new.custom_fields ->> 'territory',
		'industry', coalesce(new.custom_fields ->> 'industry', new.custom_fields ->> 'sector'),
		'company_size', new.custom_fields ->> 'company_size',
		'score', coalesce(new.custom_fields ->> 'score', new.custom_fields ->> 'lead_score'))));
	return new;
end
$$;
-- After own_new, which gives it to who sees only his own.
create trigger b_assign before insert on public.deals
	for each row when (new.owner_id is null) execute function internal.deal_assigned();

-- ---- deals that nobody touches -------------------------------------------------------

create function internal.setting_days(org uuid, setting text, otherwise integer) returns integer
language sql stable
as $$
	select coalesce((select case when o.settings ->> setting ~ '^[0-9]{1,4}$' then nullif((o.settings ->> setting)::integer, 0) end
		from public.organizations o where o.id = org), otherwise)
$$;
comment on function internal.setting_days(uuid, text, integer) is 'A number of days out of the settings of an organization';

-- Of the tenant's own slice: open deals without a change for so many days go,
-- the longest idle first, each to whoever of those online has the fewest open
-- deals, and among equals to whom one was given least lately (DEA-60..63).
create function internal.reassign_idle_deals(org uuid, most integer default 500) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	days integer := internal.setting_days(org, 'reassign_after_days', 7);
	deal record;
	heirs uuid[];
	loads bigint[];
	place integer;
	moved integer := 0;
begin
	if org is distinct from coalesce(auth.org(), org) or not coalesce((select (o.settings ->> 'reassign_idle_deals')::boolean
			from public.organizations o where o.id = org), false) then
		return 0;
	end if;
	-- One at a time for a tenant.
	if not pg_try_advisory_xact_lock(hashtext('reassign_idle_deals'), hashtext(org::text)) then
		return 0;
	end if;
	select array_agg(x.id order by x.load, x.last nulls first, x.id), array_agg(x.load order by x.load, x.last nulls first, x.id) into heirs, loads
		from (select p.id,
				(select count(*) from public.deals d where d.organization_id = org and d.owner_id = p.id
					and d.won_at is null and d.lost_at is null) as load,
				(select max(h.changed_at) from public.deal_owner_history h where h.organization_id = org and h.owner_id = p.id
					and h.reason = 'Auto-reassigned' and h.changed_at > now() - interval '30 days') as last
			from public.profiles p
			join public.user_roles r on r.organization_id = org and r.user_id = p.id
			where p.organization_id = org and p.is_active and p.is_online and r.role <> 'PROJECT_MANAGER'
				and r.may && array['*', 'can_access_crm']) x;
	if heirs is null then
		return 0;
	end if;
	perform set_config('kontor.owner_reason', 'Auto-reassigned', true);
	for deal in select d.id, d.owner_id from public.deals d
			where d.organization_id = org and d.won_at is null and d.lost_at is null and d.owner_id is not null
				and d.updated_at < now() - days * interval '1 day'
			order by d.updated_at limit most for update skip locked loop
		select n into place from unnest(heirs, loads) with ordinality x (heir, load, n)
			where x.heir <> deal.owner_id order by x.load, x.n limit 1;
		continue when place is null;
		update public.deals d set owner_id = heirs[place] where d.organization_id = org and d.id = deal.id;
		loads[place] := loads[place] + 1;
		moved := moved + 1;
	end loop;
	perform set_config('kontor.owner_reason', '', true);
	return moved;
end
$$;
comment on function internal.reassign_idle_deals(uuid, integer) is
	'Settings reassign_idle_deals (true) and reassign_after_days (7): idle deals go to members who are online; how many went';
create index deal_owner_history_owner_idx on public.deal_owner_history (organization_id, owner_id, changed_at);

-- deal.stalled for each open deal that has not moved for the days of its stage,
-- else of the organization (7): once per stay in a stage (GAT-9).
create function internal.tell_stalled(org uuid, most integer default 500) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	days integer := internal.setting_days(org, 'rotting_days', 7);
	n integer;
begin
	if org is distinct from coalesce(auth.org(), org) then
		return 0;
	end if;
	with stalled as materialized (
		select d.id, d.stage_entered_at, coalesce(s.rotting_days, days) as days, to_jsonb(d) as data
		from public.deals d
		left join public.pipeline_stages s on s.organization_id = org and s.pipeline_id = d.pipeline_id and s.stage = d.stage
		left join internal.deal_stalls t on t.organization_id = org and t.deal_id = d.id
		where d.organization_id = org and d.won_at is null and d.lost_at is null and coalesce(s.type, 'open') = 'open'
			and d.stage_entered_at < now() - interval '1 day' * coalesce(s.rotting_days, days)
			and t.stage_entered_at is distinct from d.stage_entered_at
		order by d.stage_entered_at limit most),
	noted as (
		insert into internal.deal_stalls as t (organization_id, deal_id, stage_entered_at)
			select org, s.id, s.stage_entered_at from stalled s
			on conflict (organization_id, deal_id) do update set stage_entered_at = excluded.stage_entered_at
			where t.stage_entered_at <> excluded.stage_entered_at returning t.deal_id)
	insert into public.events (organization_id, type, record_type, record_id, data, actor_id)
		select org, 'deal.stalled', 'deal', s.id, internal.snapshot(s.data) || jsonb_build_object('stalled_days', s.days), auth.uid()
		from stalled s join noted on noted.deal_id = s.id;
	get diagnostics n = row_count;
	if n > 0 then
		perform job.wake();
	end if;
	return n;
end
$$;

-- ---- how long with whom (DEA-64) ----------------------------------------------------------

-- Every time that somebody had a deal: from, until (null: still), how long.
create view public.deal_ownerships with (security_invoker = true) as
	select h.organization_id, h.deal_id, h.owner_id, h.reason, h.changed_at as since,
		lead(h.changed_at) over w as until, coalesce(lead(h.changed_at) over w, now()) - h.changed_at as duration
	from public.deal_owner_history h
	window w as (partition by h.organization_id, h.deal_id order by h.changed_at, h.id);
comment on view public.deal_ownerships is 'Who had a deal from when to when (until null: still), by deal_owner_history';
grant select on public.deal_ownerships to authenticated, service_role;

create function public.ownership_metrics(from_day date default null, to_day date default null, pipeline uuid default null)
	returns table (owner_id uuid, owner text, deals bigint, open_deals bigint, open_value jsonb, average_days numeric, handling_days numeric,
		takeovers bigint, changes_per_deal numeric, stalled bigint, share numeric)
language sql stable
as $$
	with spans as (
		select o.*, d.pipeline_id, d.won_at, d.lost_at from public.deal_ownerships o
		join public.deals d on d.organization_id = o.organization_id and d.id = o.deal_id
		where o.organization_id = auth.org() and o.owner_id is not null and (pipeline is null or d.pipeline_id = pipeline)
			and (to_day is null or o.since < to_day + 1) and (from_day is null or coalesce(o.until, now()) >= from_day)),
	per_owner as (
		select s.owner_id, count(distinct s.deal_id) as deals, avg(s.duration) as average,
			-- What he has dealt with: spans that ended by another owner or by winning or losing.
			avg(coalesce(s.until, s.won_at, s.lost_at) - s.since) filter (where coalesce(s.until, s.won_at, s.lost_at) >= s.since) as handled,
			count(*) filter (where s.reason <> 'Initial assignment') as takeovers
		from spans s group by s.owner_id),
	load as (
		select d.owner_id, count(*) as n, count(*) filter (where d.stage_entered_at < now() - interval '1 day'
				* coalesce(st.rotting_days, (select internal.setting_days(auth.org(), 'rotting_days', 7)))) as stalled
		from public.deals d
		left join public.pipeline_stages st on st.organization_id = d.organization_id and st.pipeline_id = d.pipeline_id and st.stage = d.stage
		where d.organization_id = auth.org() and d.owner_id is not null and d.won_at is null and d.lost_at is null
			and (pipeline is null or d.pipeline_id = pipeline)
		group by d.owner_id),
	money as (
		select x.owner_id, jsonb_object_agg(x.currency, x.value) as value
		from (select s.owner_id, s.currency, sum(s.value) as value from public.deal_sums s
			join public.pipeline_stages st on st.organization_id = s.organization_id and st.pipeline_id = s.pipeline_id
				and st.stage = s.stage and st.type = 'open'
			where s.organization_id = auth.org() and (pipeline is null or s.pipeline_id = pipeline)
			group by s.owner_id, s.currency having sum(s.deals) <> 0) x
		group by x.owner_id)
	select p.id, internal.person(p.first_name, p.last_name, p.email), coalesce(o.deals, 0), coalesce(l.n, 0), coalesce(m.value, '{}'),
		round(extract(epoch from o.average) / 86400, 1), round(extract(epoch from o.handled) / 86400, 1), coalesce(o.takeovers, 0),
		round(coalesce(o.takeovers, 0)::numeric / nullif(o.deals, 0), 2), coalesce(l.stalled, 0),
		round(100.0 * coalesce(l.n, 0) / nullif(sum(coalesce(l.n, 0)) over (), 0), 1)
	from public.profiles p
	left join per_owner o on o.owner_id = p.id
	left join load l on l.owner_id = p.id
	left join money m on m.owner_id = p.id
	where p.organization_id = auth.org() and (o.owner_id is not null or l.owner_id is not null)
	order by coalesce(l.n, 0) desc, 2
$$;
comment on function public.ownership_metrics(date, date, uuid) is
	'Per member: average days with a deal, days until it was handled, takeovers and changes per deal, deals that have stalled with him '
	'(bottlenecks), open deals and their share of all (DEA-64)';

revoke execute on function internal.assign_owner(text, jsonb), internal.assignment_next(uuid, uuid),
	internal.reassign_idle_deals(uuid, integer), internal.tell_stalled(uuid, integer) from public;
grant execute on function internal.assignment_rule_check(), internal.assignment_matches(public.assignment_rules, jsonb),
	internal.assign_owner(text, jsonb), internal.setting_days(uuid, text, integer),
	public.ownership_metrics(date, date, uuid) to authenticated, service_role;
notify pgrst;
