-- Lists of very many rows: what nobody counts on is not counted, and an empty text
-- is found by its index.

-- A filter as a condition: c is {"key": .., "op": .., "v": [texts]}.
create or replace function internal.record_condition(of_kind text, c jsonb) returns text
language plpgsql stable
as $$
declare
	key text := c ->> 'key';
	op text := c ->> 'op';
	v text[] := array(select x from jsonb_array_elements_text(c -> 'v') x);
	f record;
	zone text;
	day text;
	today date;
	inside text;
begin
	if key = 'q' then
		-- A whole number or address that somebody has: an index knows at once whose it is.
		-- (All that have it: for the first alone the planner would rather walk through
		-- the table, as it takes a number to be that of one in two hundred.)
		if of_kind = 'contacts' and cardinality(array(select t.id from public.contacts t where t.organization_id = auth.org()
				and t.phones && internal.phones_meant(v[1]))) > 0 then
			return format('t.phones && %L::text[]', internal.phones_meant(v[1]));
		elsif of_kind = 'contacts' and cardinality(array(select t.id from public.contacts t where t.organization_id = auth.org()
				and t.emails && internal.emails_meant(v[1]))) > 0 then
			return format('t.emails && %L::text[]', internal.emails_meant(v[1]));
		end if;
		return (select format(k.search, internal.search_pattern(v[1]), v[1]) from internal.record_kinds k where k.kind = of_kind);
	end if;
	f := internal.record_field(of_kind, key);
	if op in ('empty', 'set') then
		return case op when 'set' then 'not ' else '' end || case
			when f.typ = 'multi' then format('coalesce(%s = ''[]'', true)', f.expr)
			when f.typ = 'text' then format('(%s is null or %1$s = '''')', f.expr)
			when f.typ like '%[]' then format('%s = ''{}''', f.expr)
			else format('(%s is null)', f.expr) end;
	end if;
	if cardinality(v) = 0 or v[1] = '' then
		raise exception using errcode = 'KT400', message = 'A filter lacks its value';
	end if;
	if f.typ = 'uuid' then
		v := array(select case x when 'me' then auth.uid()::text else x end from unnest(v) x);
	end if;
	-- Found by an index on custom_fields.
	if key like 'cf.%' and f.typ in ('multi', 'text') and op in ('is', 'any', 'all', 'none', 'not') then
		select string_agg(format('t.custom_fields @> %L::jsonb', jsonb_build_object(substr(key, 4),
				case f.typ when 'multi' then jsonb_build_array(x) else to_jsonb(x) end)), case op when 'all' then ' and ' else ' or ' end)
			into inside from unnest(v) x;
		return case when op in ('not', 'none') then 'not ' else '' end || '(' || inside || ')';
	end if;
	if f.typ like '%[]' then
		return case op
			when 'all' then format('%s @> %L::text[]', f.expr, v)
			when 'any' then format('%s && %L::text[]', f.expr, v)
			when 'is' then format('%s && %L::text[]', f.expr, v)
			when 'none' then format('not %s && %L::text[]', f.expr, v)
			when 'has' then format('internal.joined(%s) ilike %L', f.expr, internal.search_pattern(v[1])) end;
	end if;
	if op = 'has' then
		return format('lower(%s) like %L', f.expr, internal.search_pattern(v[1]));
	end if;
	if f.typ in ('timestamp with time zone', 'date') then
		zone := internal.my_zone();
		today := (now() at time zone zone)::date;
		if op in ('last', 'next') then
			v := case op when 'last' then array[(today - v[1]::integer)::text, today::text]
				else array[today::text, (today + v[1]::integer)::text] end;
			op := 'between';
		end if;
		v := array(select case x when 'today' then today else x::date end::text from unnest(v) x);
		if f.typ = 'date' then
			return case op
				when 'is' then format('%s = %L::date', f.expr, v[1])
				when 'before' then format('%s < %L::date', f.expr, v[1])
				when 'after' then format('%s > %L::date', f.expr, v[1])
				when 'between' then format('%s between %L::date and %L::date', f.expr, v[1], coalesce(v[2], v[1])) end;
		end if;
		day := '(%L::date::timestamp at time zone ' || quote_literal(zone) || ')';
		return case op
			when 'is' then format('(%s >= ' || day || ' and %1$s < ' || replace(day, '%L', '%3$L') || ')', f.expr, v[1], v[1]::date + 1)
			when 'before' then format('%s < ' || day, f.expr, v[1])
			when 'after' then format('%s >= ' || day, f.expr, v[1]::date + 1)
			when 'between' then format('(%s >= ' || day || ' and %1$s < ' || replace(day, '%L', '%3$L') || ')', f.expr, v[1],
				coalesce(v[2], v[1])::date + 1) end;
	end if;
	if f.typ = 'numeric' or f.typ = 'integer' or f.typ = 'bigint' then
		v := array(select replace(x, ',', '.')::numeric::text from unnest(v) x);
	end if;
	return case op
		when 'is' then case when cardinality(v) = 1 then format('%s = %L::%s', f.expr, v[1], f.typ)
			else format('%s = any (%L::%s[])', f.expr, v, f.typ) end
		when 'any' then format('%s = any (%L::%s[])', f.expr, v, f.typ)
		when 'not' then format('(%s is null or %1$s <> all (%2$L::%3$s[]))', f.expr, v, f.typ)
		when 'gt' then format('%s > %L::%s', f.expr, v[1], f.typ)
		when 'lt' then format('%s < %L::%s', f.expr, v[1], f.typ)
		when 'between' then format('%s between %L::%s and %L::%3$s', f.expr, v[1], f.typ, coalesce(v[2], v[1])) end;
exception when invalid_text_representation or invalid_datetime_format or datetime_field_overflow or numeric_value_out_of_range then
	raise exception using errcode = 'KT400', message = format('The filter of "%s" has a value that cannot be read', key);
end
$$;

-- One page of ids in the order in which they are shown. ask: {kind, where: [conditions],
-- sort: key, desc, after or before: {k, null, id}, most}. Nulls come last in either
-- direction. total is counted up to 10,000; many: more than 2,000 fit and were not counted.
--
-- Where filters leave many rows, finding them all costs more than walking along
-- the order of the list until a page is full. Which of the two, the planner's
-- estimate says; what is told then is that there are more than 2,000.
create or replace function internal.records_find(ask jsonb) returns setof internal.record_hit
language plpgsql volatile set enable_seqscan = off -- explain needs it
as $$
declare
	known constant integer := 2000;
	of_kind text := ask ->> 'kind';
	tbl name := (select k.tbl from internal.record_kinds k where k.kind = of_kind);
	most integer := (ask ->> 'most')::integer;
	f record := internal.record_field(of_kind, ask ->> 'sort');
	backwards boolean := ask ? 'before';
	edge jsonb := coalesce(ask -> 'before', ask -> 'after');
	down boolean := coalesce((ask ->> 'desc')::boolean, false) <> backwards;
	way text := case when down then 'desc' else 'asc' end;
	cmp text := case when down then '<' else '>' end;
	scope text := internal.record_where(of_kind, ask -> 'where');
	hits uuid[];
	total bigint;
	many boolean := false;
	filled text;
	blank text;
	legs text;
	plan json;
begin
	if f.typ = 'multi' then
		f.expr := f.expr || '::text';
		f.typ := 'text';
	elsif f.typ like '%[]' then
		f.expr := format('(%s)[1]', f.expr);
		f.typ := left(f.typ, -2);
	end if;
	if ask -> 'where' <> '[]' then
		execute format('explain (format json) select from public.%I t where %s', tbl, scope) into plan;
		total := (plan #>> '{0,Plan,Plan Rows}')::numeric;
	end if;
	if total > 10000 then -- an estimate: it counts only where there are that many rows at all
		execute format('select count(*) > 10000 from (select from public.%I t where t.organization_id = %L limit 10001) x', tbl, auth.org())
			into many;
	end if;
	if many then
		total := known + 1;
	elsif ask -> 'where' <> '[]' then
		execute format('select array(select t.id from public.%I t where %s limit %s)', tbl, scope, known + 1) into hits;
		many := cardinality(hits) > known;
		total := cardinality(hits);
		if not many then
			scope := format('t.organization_id = %L and t.id = any ($1)', auth.org());
		end if;
	else
		execute format('select count(*) from (select from public.%I t where %s limit 10001) x', tbl, scope) into total;
	end if;
	filled := format('(select t.id, %1$s::text as k from public.%2$I t where %3$s and %1$s is not null', f.expr, tbl, scope);
	blank := format('(select t.id, null::text as k from public.%2$I t where %3$s and %1$s is null', f.expr, tbl, scope);
	if edge is not null and not (edge ->> 'null')::boolean then
		filled := filled || format(' and (%s, t.id) %s (%L::%s, %L::uuid)', f.expr, cmp, edge ->> 'k', f.typ, edge ->> 'id');
	elsif edge is not null then
		blank := blank || format(' and t.id %s %L::uuid', cmp, edge ->> 'id');
	end if;
	filled := filled || format(' order by %s %s, t.id %2$s limit %s)', f.expr, way, most + 1);
	blank := blank || format(' order by t.id %s limit %s)', way, most + 1);
	-- One after the other: the second is not begun when the first has enough.
	legs := case
		when edge is null and not backwards then filled || ' union all ' || blank
		when (edge ->> 'null')::boolean then case when backwards then blank || ' union all ' || filled else blank end
		else case when backwards then filled else filled || ' union all ' || blank end end;
	return query execute format($q$
		with found as materialized (select x.*, row_number() over () as n from (select u.* from (%s) u limit %s) x)
		select f.id, f.k, case when %L then -f.n else f.n end as n,
			case when $4 and c.n <= %s then c.n else $2 end, $3 and not ($4 and c.n <= %4$s), c.n > %4$s
		from found f, (select count(*) as n from found) c where f.n <= %4$s order by 3$q$, legs, most + 1, backwards, most)
		using hits, total, many, edge is null;
end
$$;
alter function internal.records_find_all(jsonb) volatile;
alter function internal.records_page(jsonb) volatile;
