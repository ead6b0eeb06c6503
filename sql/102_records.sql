-- Lists of records: which ones fit a search and filters, in which order, one
-- page at a time. fcgi/app/records.h is the other half.
--
-- What searches and filters is not leakproof, so below a policy it may not use
-- an index (sql/015). Here ids are found as the owner, for the caller's tenant
-- and only for those whom the policies hide nothing from; for everybody else the
-- same statement runs under the policies. Either way the list then reads the
-- rows themselves under the policies.

create table internal.record_kinds (
	kind text primary key check (kind ~ '^[a-z_]+$'),
	tbl name not null,     -- in public
	entity text not null,  -- of custom fields and events
	sees text,             -- of auth.sees_all(); null: the tenant's rows are seen by all its members
	search text not null   -- condition on t; %1$L is the pattern for like, %2$L what was typed
);
comment on table internal.record_kinds is 'Kinds of records that have a list, with how they are searched';
-- Keys of fields that are no columns of the table.
create table internal.record_expressions (
	kind text not null references internal.record_kinds on delete cascade,
	key text not null,
	expression text not null, -- over t
	type regtype not null,
	primary key (kind, key)
);
comment on table internal.record_expressions is 'Fields of records that are computed: what sorts and filters by them';
do $$
declare
	t text;
begin
	foreach t in array '{record_kinds,record_expressions}'::text[] loop
		execute format('alter table internal.%I enable row level security', t);
		execute format('alter table internal.%I force row level security', t);
		execute format('create policy known on internal.%I for select to authenticated, service_role using (true)', t);
		execute format('grant select on internal.%I to authenticated, service_role', t);
	end loop;
end $$;

-- ---- searching in custom fields (CON-22) --------------------------------------------

create function internal.custom_text(fields jsonb) returns text
language sql immutable parallel safe
as $$ select lower(string_agg(v #>> '{}', ' ')) from jsonb_path_query(fields, 'strict $.** ? (@.type() == "string" || @.type() == "number")') v $$;
comment on function internal.custom_text(jsonb) is 'All values of custom fields as one text in lower case';
grant execute on function internal.custom_text(jsonb) to authenticated, service_role;
create index contacts_custom_text_idx on public.contacts using gin (organization_id, internal.custom_text(custom_fields) gin_trgm_ops)
	where custom_fields <> '{}';
create index companies_custom_text_idx on public.companies using gin (organization_id, internal.custom_text(custom_fields) gin_trgm_ops)
	where custom_fields <> '{}';
-- Filters by custom fields: {"industry": "Technology"} is found by containment.
create index contacts_custom_idx on public.contacts using gin (organization_id, custom_fields jsonb_path_ops) where custom_fields <> '{}';
create index companies_custom_idx on public.companies using gin (organization_id, custom_fields jsonb_path_ops) where custom_fields <> '{}';
create index contacts_updated_idx on public.contacts (organization_id, updated_at desc, id desc);
create index companies_updated_idx on public.companies (organization_id, updated_at desc, id desc);
create index companies_country_idx on public.companies (organization_id, country, id);
create index companies_industry_idx on public.companies (organization_id, industry, id);
create index contacts_source_idx on public.contacts (organization_id, source, id);

insert into internal.record_kinds (kind, tbl, entity, sees, search) values
	('contacts', 'contacts', 'contact', 'contacts',
		$s$(t.search_text like %1$L or (t.custom_fields <> '{}' and internal.custom_text(t.custom_fields) like %1$L)
			or t.company_id = any (array(select internal.find_companies(%2$L, null, 200))))$s$),
	('companies', 'companies', 'company', 'contacts',
		$s$(t.search_text like %1$L or (t.custom_fields <> '{}' and internal.custom_text(t.custom_fields) like %1$L))$s$);
insert into internal.record_expressions (kind, key, expression, type) values
	('contacts', 'name', 't.full_name_search', 'text'),
	('companies', 'name', 'lower(t.name)', 'text');

-- ---- fields ----------------------------------------------------------------------------

-- What a key stands for: an expression over t and its type. Custom fields are
-- "cf.KEY"; "multi" is the type of those with several choices.
create function internal.record_field(of_kind text, key text, out expr text, out typ text)
language plpgsql stable
as $$
declare
	field text := substr(key, 4);
	d text;
begin
	if key like 'cf.%' then
		select c.type into d from public.custom_field_definitions c join internal.record_kinds k on k.kind = of_kind
			where c.organization_id = auth.org() and c.entity = k.entity and c.key = field;
		typ := case d when 'number' then 'numeric' when 'currency' then 'numeric' when 'date' then 'date'
			when 'multi_select' then 'multi' when 'checkbox' then 'boolean' else 'text' end;
		expr := case d when 'number' then format('internal.custom_number(t.custom_fields ->> %L)', field)
			when 'currency' then format('internal.custom_number(t.custom_fields #>> array[%L, ''amount''])', field)
			when 'date' then format('internal.custom_day(t.custom_fields ->> %L)', field)
			when 'checkbox' then format('((t.custom_fields -> %L) = ''true'')', field)
			when 'multi_select' then format('(t.custom_fields -> %L)', field)
			else format('(t.custom_fields ->> %L)', field) end;
		if d is not null then
			return;
		end if;
	else
		select e.expression, e.type::text into expr, typ from internal.record_expressions e where e.kind = of_kind and e.key = record_field.key;
		if expr is not null then
			return;
		end if;
		select format('t.%I', a.attname), format_type(a.atttypid, null) into expr, typ
			from internal.record_kinds k join pg_catalog.pg_attribute a on a.attrelid = to_regclass(format('public.%I', k.tbl))
			where k.kind = of_kind and a.attname = key and a.attnum > 0 and not a.attisdropped;
		if expr is not null then
			return;
		end if;
	end if;
	raise exception using errcode = 'KT400', message = format('There is no field "%s" here', key);
end
$$;

create function internal.custom_day(word text) returns date
language sql immutable parallel safe
as $$ select case when word ~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' then word::date end $$;

-- The numbers that somebody means who types a whole one, in the form in which
-- they are stored: +49 151 .., 0049 (151) .. (CON-25). None for anything else.
create function internal.phones_meant(term text) returns text[]
language sql immutable parallel safe
as $$
	select case when term ~ '^\s*[+(0-9][0-9 ().\-/]*$' and length(digits) between 8 and 17
		then array['+' || case when digits like '00%' then substr(digits, 3) else digits end] else '{}' end
	from (select regexp_replace(term, '[^0-9]', '', 'g') as digits) x
$$;
grant execute on function internal.phones_meant(text) to authenticated, service_role;

-- The same for a whole e-mail address, in the form in which they are stored.
create function internal.emails_meant(term text) returns text[]
language sql immutable parallel safe
as $$ select case when term ~ '^\s*[^\s@]+@[^\s@]+\.[^\s@.]{2,}\s*$' then array[lower(trim(term))] else '{}' end $$;
grant execute on function internal.emails_meant(text) to authenticated, service_role;

-- A filter as a condition: c is {"key": .., "op": .., "v": [texts]}.
create function internal.record_condition(of_kind text, c jsonb) returns text
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
		return (select format(k.search, internal.search_pattern(v[1]), v[1]) from internal.record_kinds k where k.kind = of_kind);
	end if;
	f := internal.record_field(of_kind, key);
	if op in ('empty', 'set') then
		return case op when 'set' then 'not ' else '' end || case
			when f.typ = 'multi' then format('coalesce(%s = ''[]'', true)', f.expr)
			when f.typ = 'text' then format('coalesce(%s, '''') = ''''', f.expr)
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

create function internal.record_where(of_kind text, conditions jsonb) returns text
language plpgsql stable
as $$
declare
	c jsonb;
	one text;
	whole text := format('t.organization_id = %L', auth.org());
begin
	for c in select x from jsonb_array_elements(conditions) x loop
		one := internal.record_condition(of_kind, c);
		if one is null then
			raise exception using errcode = 'KT400', message = format('"%s" does not work on this field', c ->> 'op');
		end if;
		whole := whole || ' and ' || one;
	end loop;
	return whole;
end
$$;

-- ---- pages ---------------------------------------------------------------------------------

create type internal.record_hit as (id uuid, k text, n bigint, total bigint, many boolean, more boolean);

-- One page of ids in the order in which they are shown. ask: {kind, where: [conditions],
-- sort: key, desc, after or before: {k, null, id}, most}. Nulls come last in either
-- direction. total is counted up to 10,000; many: more than 2,000 fit and were not counted.
create function internal.records_find(ask jsonb) returns setof internal.record_hit
language plpgsql stable
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
begin
	if f.typ = 'multi' then
		f.expr := f.expr || '::text';
		f.typ := 'text';
	elsif f.typ like '%[]' then
		f.expr := format('(%s)[1]', f.expr);
		f.typ := left(f.typ, -2);
	end if;
	if ask -> 'where' <> '[]' then
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
		select f.id, f.k, case when %L then -f.n else f.n end as n, $2, $3, (select count(*) > %s from found)
		from found f where f.n <= %4$s order by 3$q$, legs, most + 1, backwards, most)
		using hits, total, many;
end
$$;

create function internal.records_find_all(ask jsonb) returns setof internal.record_hit
language plpgsql stable security definer set search_path = ''
as $$
begin
	if auth.org() is null or not internal.sees_kind(ask ->> 'kind') then
		raise exception using errcode = 'KT403', message = 'Not all of these records are yours to see';
	end if;
	return query select * from internal.records_find(ask);
end
$$;

create function internal.sees_kind(of_kind text) returns boolean
language sql stable
as $$ select coalesce((select k.sees is null or auth.sees_all(k.sees) from internal.record_kinds k where k.kind = of_kind), false) $$;

create function internal.records_page(ask jsonb) returns setof internal.record_hit
language plpgsql stable rows 50
as $$
begin
	if internal.sees_kind(ask ->> 'kind') then
		return query select * from internal.records_find_all(ask);
	else
		return query select * from internal.records_find(ask);
	end if;
end
$$;
comment on function internal.records_page(jsonb) is 'Ids of one page of a list; read the rows themselves under the policies';

-- All ids that fit, in no order, up to a number: for changes of many rows.
create function internal.records_fitting(of_kind text, conditions jsonb, most integer) returns setof uuid
language plpgsql stable
as $$
begin
	return query execute format('select t.id from public.%I t where %s limit %s',
		(select k.tbl from internal.record_kinds k where k.kind = of_kind), internal.record_where(of_kind, conditions), most);
end
$$;
create function internal.records_fitting_all(of_kind text, conditions jsonb, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
	if auth.org() is not null and internal.sees_kind(of_kind) then
		return query select * from internal.records_fitting(of_kind, conditions, most);
	end if;
end
$$;
create function internal.records_ids(of_kind text, conditions jsonb, most integer) returns setof uuid
language plpgsql stable rows 1000
as $$
begin
	if internal.sees_kind(of_kind) then
		return query select * from internal.records_fitting_all(of_kind, conditions, most);
	else
		return query select * from internal.records_fitting(of_kind, conditions, most);
	end if;
end
$$;

grant execute on function internal.records_fitting(text, jsonb, integer), internal.records_fitting_all(text, jsonb, integer),
	internal.records_ids(text, jsonb, integer), internal.custom_day(text), internal.record_field(text, text), internal.record_condition(text, jsonb),
	internal.record_where(text, jsonb), internal.records_find(jsonb), internal.records_find_all(jsonb), internal.sees_kind(text),
	internal.records_page(jsonb) to authenticated, service_role;
notify pgrst;
