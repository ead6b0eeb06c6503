-- Sums over several currencies as boards and reports write them.

-- {"EUR": 100, "USD": 20}: {"short", "full"} in words. One currency as it is;
-- several in the organization's own at today's rate, and beside it what no rate
-- is known for. Whole: each currency for itself.
create or replace function internal.sum_shown(amounts jsonb) returns jsonb
language plpgsql stable
as $$
declare
	own text := internal.base_currency(auth.org());
	n integer := (select count(*) from jsonb_each_text(amounts));
	whole text := (select string_agg(internal.shown_money(round(value::numeric, 2), key), ' + ' order by value::numeric desc)
		from jsonb_each_text(amounts));
	s record;
begin
	if coalesce(n, 0) = 0 then
		return null;
	elsif n = 1 then
		return jsonb_build_object('full', whole, 'short',
			(select internal.short_money(value::numeric, key) from jsonb_each_text(amounts)));
	end if;
	s := internal.sum_in_base(amounts);
	return jsonb_build_object('full', whole, 'short', concat_ws(' + ',
		case when n > cardinality(s.missing) then internal.short_money(s.total, own) end,
		(select string_agg(internal.short_money(value::numeric, key), ' + ' order by key) from jsonb_each_text(amounts) where key = any (s.missing))));
end
$$;

-- The month of a chart: Mar, or Mar 2027 in another year.
create function internal.shown_month(month date) returns text
language sql stable
as $$
	select internal.month_name(extract(month from month)::integer)
		|| case when extract(year from month) = extract(year from now()) then '' else ' ' || extract(year from month) end
$$;
grant execute on function internal.shown_month(date) to authenticated, service_role;
