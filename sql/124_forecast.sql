-- Several currencies as one sum, and what is expected, won and lost: from
-- deal_sums, so that 300,000 deals take no longer than 300.

-- ---- exchange rates ---------------------------------------------------------------

create function internal.base_currency(org uuid) returns text
language sql stable security definer set search_path = ''
as $$ select o.currency from public.organizations o where o.id = org and org = coalesce(auth.org(), org) $$;

create function internal.in_own_currency() returns trigger
language plpgsql
as $$
declare
	own text := internal.base_currency(new.organization_id);
begin
	if tg_table_name = 'exchange_rates' then
		new.base := coalesce(upper(trim(new.base)), own);
		new.currency := upper(trim(new.currency));
		if new.currency = new.base then
			raise exception using errcode = 'KT400', message = format('%s is the currency that the others are counted in', new.base),
				column = 'currency';
		end if;
	else
		new.currency := coalesce(upper(trim(new.currency)), own);
		new.month := date_trunc('month', new.month)::date;
	end if;
	return new;
end
$$;
create trigger a_own_currency before insert or update on public.exchange_rates
	for each row execute function internal.in_own_currency();
create trigger a_own_currency before insert or update on public.sales_targets
	for each row execute function internal.in_own_currency();

-- The rate of that day, or the last one before it.
create function internal.in_base(amount numeric, currency text, on_date date default current_date) returns numeric
language plpgsql stable
as $$
declare
	org uuid := auth.org();
	own text := internal.base_currency(org);
	found numeric;
begin
	if currency = own or amount = 0 then
		return amount;
	end if;
	select r.rate into found from public.exchange_rates r
		where r.organization_id = org and r.base = own and r.currency = in_base.currency and r.on_date <= in_base.on_date
		order by r.on_date desc limit 1;
	return round(amount * found, internal.currency_decimals(own));
end
$$;
comment on function internal.in_base(numeric, text, date) is
	'An amount in the organization''s currency, at the rate that was in force on that day; null: no rate is known';

-- A sum over currencies, {"EUR": 1200.50, "USD": 300}: what of it is known in the
-- organization's currency, and which rates are missing.
create function internal.sum_in_base(amounts jsonb, on_date date default current_date, out total numeric, out missing text[])
language sql stable
as $$
	select coalesce(sum(x.own), 0), coalesce(array_agg(x.currency order by x.currency) filter (where x.own is null), '{}')
	from (select a.key as currency, internal.in_base(a.value::numeric, a.key, on_date) as own from jsonb_each_text(amounts) a) x
$$;
comment on function internal.sum_in_base(jsonb, date) is 'A sum over currencies in the organization''s own; missing: currencies without a rate, which are not in it';

create function public.current_rates() returns table (currency text, rate numeric, on_date date)
language sql stable
as $$
	select distinct on (r.currency) r.currency, r.rate, r.on_date from public.exchange_rates r
	where r.organization_id = auth.org() and r.base = internal.base_currency(auth.org()) and r.on_date <= current_date
	order by r.currency, r.on_date desc
$$;
comment on function public.current_rates() is 'The rate of each currency that is in force today';

-- Lines "USD 0.92" or "2026-11-30;USD;0,92", as people paste them: date, code
-- and rate in any order, apart by space, comma with space, semicolon or tab.
create function internal.paste_rates(lines text) returns integer
language plpgsql
as $$
declare
	line text;
	n integer := 0;
	code text;
	day text;
	rate text;
begin
	for line in select trim(l) from regexp_split_to_table(lines, E'[\r\n]+') l where trim(l) <> '' loop
		code := upper(substring(line from '(?:^|[^A-Za-z])([A-Za-z]{3})(?:[^A-Za-z]|$)'));
		day := substring(line from '\d{4}-\d\d-\d\d');
		rate := replace(substring(replace(line, coalesce(day, ''), ' ') from '(\d+(?:[.,]\d+)?)'), ',', '.');
		if code is null or rate is null or rate::numeric = 0 then
			raise exception using errcode = 'KT400', column = 'lines', message = format('"%s" is no exchange rate', left(line, 60)),
				hint = 'Write a currency and its rate on each line, for example USD 0.92';
		end if;
		continue when code = internal.base_currency(auth.org());
		begin
			insert into public.exchange_rates (currency, on_date, rate) values (code, coalesce(day::date, current_date), rate::numeric)
				on conflict (organization_id, base, currency, on_date) do update set rate = excluded.rate;
		exception when datetime_field_overflow or numeric_value_out_of_range then
			raise exception using errcode = 'KT400', column = 'lines', message = format('"%s" is no exchange rate', left(line, 60));
		end;
		n := n + 1;
	end loop;
	return n;
end
$$;

-- ---- the forecast (DEA-69, DEA-70) ----------------------------------------------------


-- Groups of deal_sums with the type of their stage; melted, so that what was
-- added and taken away since is gone.
create function internal.deal_groups(pipeline uuid, owners uuid[])
	returns table (pipeline_id uuid, stage text, reached_stage text, owner_id uuid, currency text, month date, type text,
		deals numeric, value numeric, weighted numeric, seconds numeric)
language sql stable
as $$
	select s.pipeline_id, s.stage, s.reached_stage, s.owner_id, s.currency, s.month, coalesce(t.type, 'open'),
		sum(s.deals), sum(s.value), sum(s.weighted), sum(s.seconds)
	from public.deal_sums s
	left join public.pipeline_stages t on t.organization_id = s.organization_id and t.pipeline_id = s.pipeline_id and t.stage = s.stage
	where s.organization_id = auth.org() and (pipeline is null or s.pipeline_id = pipeline) and (owners is null or s.owner_id = any (owners))
	group by 1, 2, 3, 4, 5, 6, 7 having sum(s.deals) <> 0
$$;

create function public.forecast(from_month date default null, to_month date default null, pipeline uuid default null, owner uuid default null)
	returns table (month date, currency text, open_deals bigint, open_value numeric, weighted numeric, won_deals bigint, won_value numeric,
		projection numeric, target numeric, gap numeric, missing text[])
language sql stable
as $$
	with range as (
		select date_trunc('month', coalesce(from_month, current_date))::date as a,
			date_trunc('month', coalesce(to_month, coalesce(from_month, current_date) + interval '5 months'))::date as z,
			internal.base_currency(auth.org()) as own),
	by_currency as (
		select g.month, g.currency, sum(g.deals) filter (where g.type = 'open') as open_deals, sum(g.deals) filter (where g.type = 'won') as won_deals,
			sum(g.value) filter (where g.type = 'open') as open_value, sum(g.weighted) filter (where g.type = 'open') as weighted,
			sum(g.value) filter (where g.type = 'won') as won_value
		from internal.deal_groups(pipeline, case when owner is not null then array[owner] end) g, range r
		where g.month between r.a and r.z and g.type <> 'lost' group by 1, 2),
	own as (
		select c.*, least((c.month + interval '1 month')::date - 1, current_date) as day from by_currency c),
	months as (
		select o.month, sum(o.open_deals) as open_deals, sum(o.won_deals) as won_deals,
			sum(internal.in_base(o.open_value, o.currency, current_date)) as open_value,
			sum(internal.in_base(o.weighted, o.currency, current_date)) as weighted,
			sum(internal.in_base(o.won_value, o.currency, o.day)) as won_value,
			array_agg(o.currency) filter (where internal.in_base(1, o.currency, o.day) is null) as missing
		from own o group by o.month),
	targets as (
		select t.month, case when owner is not null then sum(internal.in_base(t.amount, t.currency, current_date)) filter (where t.owner_id = owner)
			else coalesce(sum(internal.in_base(t.amount, t.currency, current_date)) filter (where t.owner_id is null),
				sum(internal.in_base(t.amount, t.currency, current_date)) filter (where t.owner_id is not null)) end as amount
		from public.sales_targets t, range r where t.organization_id = auth.org() and t.month between r.a and r.z group by t.month)
	select x.m::date, r.own, coalesce(k.open_deals, 0)::bigint, coalesce(k.open_value, 0), round(coalesce(k.weighted, 0), 2),
		coalesce(k.won_deals, 0)::bigint, coalesce(k.won_value, 0), round(coalesce(k.weighted, 0) + coalesce(k.won_value, 0), 2), t.amount,
		t.amount - round(coalesce(k.weighted, 0) + coalesce(k.won_value, 0), 2), coalesce(k.missing, '{}')
	from range r cross join lateral generate_series(r.a, r.z, interval '1 month') x (m)
	left join months k on k.month = x.m::date
	left join targets t on t.month = x.m::date
	order by 1
$$;
comment on function public.forecast(date, date, uuid, uuid) is
	'By month, in the organization''s currency: open value, weighted (value x probability), won, projection = weighted + won, target and gap; '
	'lost deals do not count; missing: currencies without a rate, which are not in the sums (DEA-69, DEA-70, UCF-27)';

create function public.forecast_total(pipeline uuid default null, owner uuid default null, from_month date default null, to_month date default null,
	without_stages text[] default '{}')
	returns table (currency text, open_deals bigint, open_value numeric, weighted numeric, won_value numeric, projection numeric, missing text[])
language sql stable
as $$
	select internal.base_currency(auth.org()), coalesce(sum(x.open_deals), 0)::bigint, coalesce(sum(x.open_value), 0),
		round(coalesce(sum(x.weighted), 0), 2), coalesce(sum(x.won_value), 0),
		round(coalesce(sum(x.weighted), 0) + coalesce(sum(x.won_value), 0), 2),
		coalesce(array_agg(distinct x.currency) filter (where x.unknown), '{}')
	from (select g.currency, sum(g.deals) filter (where g.type = 'open') as open_deals,
			internal.in_base(sum(g.value) filter (where g.type = 'open'), g.currency) as open_value,
			internal.in_base(sum(g.weighted) filter (where g.type = 'open'), g.currency) as weighted,
			internal.in_base(sum(g.value) filter (where g.type = 'won'), g.currency) as won_value,
			internal.in_base(1, g.currency) is null as unknown
		from internal.deal_groups(pipeline, case when owner is not null then array[owner] end) g
		where g.type <> 'lost' and g.stage <> all (without_stages)
			and (from_month is null or g.month >= date_trunc('month', from_month)) and (to_month is null or g.month <= to_month)
		group by g.currency) x
$$;
comment on function public.forecast_total(uuid, uuid, date, date, text[]) is
	'The weighted forecast of all open deals plus what is won, in one row; months and stages can be left out (DEA-41, DEA-69)';

-- ---- the funnel and what stands where (DEA-15, DEA-71) ------------------------------------

create function public.stage_totals(pipeline uuid, owners uuid[] default null)
	returns table (stage text, currency text, deals bigint, value numeric, weighted numeric)
language sql stable
as $$
	select g.stage, g.currency, sum(g.deals)::bigint, sum(g.value), sum(g.weighted)
	from internal.deal_groups(pipeline, owners) g group by 1, 2 order by 1, 2
$$;
comment on function public.stage_totals(uuid, uuid[]) is
	'Count and value of each stage per currency, without reading the deals; for a board without other filters than owners';

create function public.funnel(pipeline uuid, owner uuid default null, from_month date default null, to_month date default null)
	returns table (stage text, name text, color text, place integer, type text, deals bigint, value numeric, weighted numeric,
		reached bigint, conversion numeric, of_all numeric, missing text[])
language sql stable
as $$
	with g as materialized (
		select * from internal.deal_groups(pipeline, case when owner is not null then array[owner] end) x
		where (from_month is null or x.month >= date_trunc('month', from_month)) and (to_month is null or x.month <= to_month)),
	stages as (
		select s.* from public.pipeline_stages s where s.organization_id = auth.org() and s.pipeline_id = pipeline),
	here as (
		select x.stage, sum(x.deals) as deals, sum(internal.in_base(x.value, x.currency)) as value,
			sum(internal.in_base(x.weighted, x.currency)) as weighted,
			array_agg(x.currency) filter (where internal.in_base(1, x.currency) is null) as missing
		from (select g.stage, g.currency, sum(g.deals) as deals, sum(g.value) as value, sum(g.weighted) as weighted from g group by 1, 2) x
		group by x.stage),
	furthest as (
		select s.position, sum(g.deals) as deals from g join stages s on s.stage = g.reached_stage group by 1),
	counted as (
		select s.stage, s.name, s.color, s.position, s.type, coalesce(h.deals, 0) as deals, coalesce(h.value, 0) as value,
			coalesce(h.weighted, 0) as weighted, coalesce(h.missing, '{}') as missing,
			case when s.type = 'lost' then coalesce(h.deals, 0)
				else coalesce((select sum(f.deals) from furthest f where f.position >= s.position), 0) end as reached
		from stages s left join here h on h.stage = s.stage)
	select c.stage, c.name, c.color, c.position, c.type, c.deals::bigint, c.value, round(c.weighted, 2), c.reached::bigint,
		case when c.type <> 'lost' then round(100 * (select n.reached from counted n where n.type <> 'lost' and n.position > c.position
			order by n.position limit 1) / nullif(c.reached, 0), 1) end,
		round(100 * c.reached / nullif(max(c.reached) over (), 0), 1), c.missing
	from counted c order by c.position
$$;
comment on function public.funnel(uuid, uuid, date, date) is
	'Per stage: deals and value that stand in it, how many got to it or beyond (reached), percent of those that went on (conversion) and of all (DEA-71)';

create function public.deal_statistics(from_month date default null, to_month date default null, pipeline uuid default null, owner uuid default null)
	returns table (currency text, deals bigint, open_deals bigint, won_deals bigint, lost_deals bigint, average_value numeric, average_won numeric,
		average_days numeric, average_won_days numeric, win_rate numeric, loss_rate numeric, missing text[])
language sql stable
as $$
	with c as (
		select g.currency, g.type, sum(g.deals) as deals, internal.in_base(sum(g.value), g.currency) as value, sum(g.seconds) as seconds,
			internal.in_base(1, g.currency) is null as unknown
		from internal.deal_groups(pipeline, case when owner is not null then array[owner] end) g
		where (from_month is null or g.month >= date_trunc('month', from_month)) and (to_month is null or g.month <= to_month)
		group by 1, 2)
	select internal.base_currency(auth.org()), coalesce(sum(c.deals), 0)::bigint, coalesce(sum(c.deals) filter (where c.type = 'open'), 0)::bigint,
		coalesce(sum(c.deals) filter (where c.type = 'won'), 0)::bigint, coalesce(sum(c.deals) filter (where c.type = 'lost'), 0)::bigint,
		round(sum(c.value) / nullif(sum(c.deals) filter (where not c.unknown), 0), 2),
		round(sum(c.value) filter (where c.type = 'won') / nullif(sum(c.deals) filter (where c.type = 'won' and not c.unknown), 0), 2),
		round(sum(c.seconds) / 86400 / nullif(sum(c.deals) filter (where c.type <> 'open'), 0), 1),
		round(sum(c.seconds) filter (where c.type = 'won') / 86400 / nullif(sum(c.deals) filter (where c.type = 'won'), 0), 1),
		round(100 * coalesce(sum(c.deals) filter (where c.type = 'won'), 0) / nullif(sum(c.deals) filter (where c.type <> 'open'), 0), 1),
		round(100 * coalesce(sum(c.deals) filter (where c.type = 'lost'), 0) / nullif(sum(c.deals) filter (where c.type <> 'open'), 0), 1),
		coalesce(array_agg(distinct c.currency) filter (where c.unknown), '{}')
	from c
$$;
comment on function public.deal_statistics(date, date, uuid, uuid) is
	'Average value, average days from creation to the end, win and loss rate in percent of closed deals (DEA-72); months by counted_month';

-- Planned for the days that are asked for: a plan for any days reads all that was lost.
create function public.discard_report(from_day date default null, to_day date default null, pipeline uuid default null, owner uuid default null)
	returns table (reason text, deals bigint, share numeric)
language plpgsql stable set plan_cache_mode = force_custom_plan
as $$
declare
	since timestamptz := coalesce(from_day::timestamptz, '-infinity');
	until timestamptz := coalesce((to_day + 1)::timestamptz, 'infinity');
begin
	return query select x.reason, x.n, round(100.0 * x.n / sum(x.n) over (), 1)
		from (select coalesce(nullif(d.discard_reason, ''), '') as reason, count(*) as n from public.deals d
			where d.organization_id = auth.org() and d.lost_at >= since and d.lost_at < until
				and (discard_report.pipeline is null or d.pipeline_id = discard_report.pipeline)
				and (discard_report.owner is null or d.owner_id = discard_report.owner)
			group by 1) x order by x.n desc, x.reason;
end
$$;
comment on function public.discard_report(date, date, uuid, uuid) is 'Lost deals by discard reason (DEA-65); an empty reason: none was given';

-- ---- keeping the sums small ---------------------------------------------------------------

-- All rows of a group become one. Readers see the one or the others, never both.
create function internal.melt_deal_sums(org uuid) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	if org is distinct from coalesce(auth.org(), org) or not pg_try_advisory_xact_lock(hashtext('deal_sums'), hashtext(org::text)) then
		return 0;
	end if;
	with gone as (
		delete from public.deal_sums s where s.organization_id = org returning *)
	insert into public.deal_sums (organization_id, pipeline_id, stage, reached_stage, owner_id, currency, month, deals, value, weighted, seconds)
		select org, g.pipeline_id, g.stage, g.reached_stage, g.owner_id, g.currency, g.month, sum(g.deals), sum(g.value), sum(g.weighted), sum(g.seconds)
		from gone g group by 2, 3, 4, 5, 6, 7
		having sum(g.deals) <> 0 or sum(g.value) <> 0 or sum(g.weighted) <> 0 or sum(g.seconds) <> 0;
	get diagnostics n = row_count;
	return n;
end
$$;

-- What the sums ought to be, for tests and doctors: rows that are wrong.
create function internal.deal_sums_wrong(org uuid) returns bigint
language sql stable
as $$
	select count(*) from (
		select pipeline_id, stage, reached_stage, owner_id, currency, month, sum(deals), sum(value), sum(weighted), sum(seconds)
			from public.deal_sums where organization_id = org group by 1, 2, 3, 4, 5, 6 having sum(deals) <> 0 or sum(value) <> 0
		except
		select pipeline_id, stage, reached_stage, owner_id, currency, counted_month, count(*), sum(value), sum(value * coalesce(probability, 0) / 100),
			sum(internal.deal_seconds(created_at, won_at, lost_at)) from public.deals where organization_id = org group by 1, 2, 3, 4, 5, 6) x
$$;

revoke execute on function internal.melt_deal_sums(uuid) from public;
grant execute on function internal.base_currency(uuid), internal.in_own_currency(), internal.in_base(numeric, text, date),
	internal.sum_in_base(jsonb, date), internal.paste_rates(text), internal.deal_groups(uuid, uuid[]),
	public.current_rates(), public.forecast(date, date, uuid, uuid), public.forecast_total(uuid, uuid, date, date, text[]),
	public.stage_totals(uuid, uuid[]), public.funnel(uuid, uuid, date, date), public.deal_statistics(date, date, uuid, uuid),
	public.discard_report(date, date, uuid, uuid) to authenticated, service_role;
notify pgrst;
