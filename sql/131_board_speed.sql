-- Money on a board is written some hundred times per page: as plain code, which
-- costs a tenth of what a query within a query does.

create or replace function internal.short_money(amount numeric, currency text) returns text
language plpgsql stable parallel safe
as $$
declare
	unit numeric := 1000;
	place integer := 1;
	digits numeric;
begin
	if amount is null or amount < 10000 then
		return internal.shown_money(amount, currency);
	elsif amount >= 999500000 then
		unit := 1000000000;
		place := 3;
	elsif amount >= 999500 then
		unit := 1000000;
		place := 2;
	end if;
	digits := amount / unit;
	digits := trim_scale(round(digits, case when digits < 10 then 2 when digits < 100 then 1 else 0 end));
	return case currency when 'EUR' then '€' when 'USD' then '$' when 'GBP' then '£' when 'JPY' then '¥' else currency || ' ' end
		|| digits || (case when internal.lang() = 'ar' then '{" ألف"," مليون"," مليار"}'::text[] else '{K,M,B}'::text[] end)[place];
end
$$;

create or replace function internal.sum_shown(amounts jsonb) returns jsonb
language plpgsql stable
as $$
declare
	one record;
	n integer := 0;
	whole text;
	own text;
	total numeric := 0;
	known boolean := false;
	worth numeric;
	without text;
begin
	for one in select e.key, e.value::numeric as value from jsonb_each_text(amounts) e order by e.value::numeric desc, e.key loop
		n := n + 1;
		whole := concat_ws(' + ', whole, internal.shown_money(round(one.value, 2), one.key));
	end loop;
	if n = 0 then
		return null;
	elsif n = 1 then
		return jsonb_build_object('full', whole, 'short', internal.short_money(one.value, one.key));
	end if;
	own := internal.base_currency(auth.org());
	for one in select e.key, e.value::numeric as value from jsonb_each_text(amounts) e order by e.key loop
		worth := internal.in_base(one.value, one.key);
		if worth is null then
			without := concat_ws(' + ', without, internal.short_money(one.value, one.key));
		else
			known := true;
			total := total + worth;
		end if;
	end loop;
	return jsonb_build_object('full', whole, 'short',
		concat_ws(' + ', case when known then internal.short_money(total, own) end, without));
end
$$;
