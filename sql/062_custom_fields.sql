-- Fields that a tenant adds to its records: what they are called, what their
-- values look like, which must be filled in.
--
-- Values stay in each record's custom_fields, and keys that nobody defined are
-- stored as they come (CON-53). Those that are defined are checked wherever
-- they come from, by a trigger, and stored in one form per type.

create table public.custom_field_definitions (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	entity text not null check (entity in ('contact', 'company', 'deal', 'lead', 'case', 'task', 'project', 'quote', 'booking',
		'conversation', 'product')),
	key text not null check (key ~ '^[A-Za-z0-9][A-Za-z0-9_]{0,63}$'), -- a leading _ is reserved (CON-54)
	label text not null check (length(label) between 1 and 100),
	type text not null check (type in ('text', 'number', 'currency', 'date', 'select', 'multi_select', 'checkbox', 'url', 'email',
		'phone', 'lookup', 'file')),
	options jsonb not null default '[]' check (jsonb_typeof(options) = 'array' and jsonb_array_length(options) <= 200),
	lookup_entity text,
	required boolean not null default false,
	is_hidden boolean not null default false,
	position integer not null default 0,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint custom_field_definitions_key_key unique (organization_id, entity, key)
);
comment on table public.custom_field_definitions is
	'Custom fields of records (ADM-18..22): entity, key in custom_fields, label, type, options of selects, required, position';
comment on column public.custom_field_definitions.type is
	'text, number, currency, date, select, multi_select, checkbox, url, email, phone, lookup (an id in lookup_entity), file';
comment on column public.custom_field_definitions.required is 'Has to be filled in when a person or a key saves a record the next time';
comment on column public.custom_field_definitions.is_hidden is 'On no form any more and not checked; values are kept';

-- ---- records by their kind -------------------------------------------------------------

create function internal.entity_table(entity text) returns regclass
language sql stable
as $$
	select to_regclass('public.' || case entity when 'company' then 'companies' when 'case' then 'tickets'
		when 'user' then 'profiles' else entity || 's' end)
$$;

-- Contact, contacts, Opportunity ...: as people and other products say it.
create function internal.entity_named(word text) returns text
language sql immutable
as $$
	select case w when 'companies' then 'company' when 'opportunity' then 'deal' when 'opportunities' then 'deal'
		when 'ticket' then 'case' when 'tickets' then 'case' else regexp_replace(w, 's$', '') end
	from (select lower(trim(word)) as w) x
$$;

-- What a record is called; null when the tenant has no such one.
create function internal.entity_label(org uuid, entity text, record uuid) returns text
language plpgsql stable
as $$
declare
	r jsonb;
	t regclass := internal.entity_table(entity);
begin
	if t is null or org is distinct from coalesce(auth.org(), org) then
		return null;
	end if;
	execute format('select to_jsonb(x) from %s x where x.organization_id = $1 and x.id = $2', t) into r using org, record;
	return case when r is not null then coalesce(nullif(r ->> 'title', ''), nullif(r ->> 'name', ''),
		internal.person(r ->> 'first_name', r ->> 'last_name', coalesce(r ->> 'email', r ->> 'number', r #>> '{phones,0}'))) end;
end
$$;

-- ---- definitions -------------------------------------------------------------------------

create function internal.custom_field_rules() returns trigger
language plpgsql
as $$
begin
	new.entity := internal.entity_named(new.entity);
	new.type := lower(replace(replace(trim(new.type), '-', '_'), ' ', '_'));
	new.type := case new.type when 'boolean' then 'checkbox' when 'dropdown' then 'select' when 'multiselect' then 'multi_select'
		when 'string' then 'text' else new.type end;
	new.label := coalesce(nullif(trim(new.label), ''), replace(new.key, '_', ' '));
	if tg_op = 'UPDATE' and new.key is distinct from old.key then
		raise exception using errcode = 'KT409', message = 'The key of a field stays, because records have values under it',
			hint = 'Change the label instead', column = 'key';
	end if;
	-- "Customer since" is customer_since; a name without Latin letters is field_1.
	new.key := coalesce(nullif(new.key, ''),
		nullif(trim(both '_' from left(regexp_replace(lower(new.label), '[^a-z0-9]+', '_', 'g'), 60)), ''),
		'field_' || (select count(*) + 1 from public.custom_field_definitions d
			where d.organization_id = new.organization_id and d.entity = new.entity));
	if new.type in ('select', 'multi_select') then
		select coalesce(jsonb_agg(distinct_option.o order by distinct_option.n), '[]') into new.options
			from (select trim(case jsonb_typeof(e) when 'object' then coalesce(e ->> 'value', e ->> 'label') else e #>> '{}' end) as o,
					min(n) as n
				from jsonb_array_elements(case jsonb_typeof(new.options) when 'array' then new.options else '[]' end)
					with ordinality x (e, n) group by 1) distinct_option
			where distinct_option.o <> '';
		if jsonb_array_length(new.options) = 0 then
			raise exception using errcode = 'KT400', message = 'A field to choose from needs options',
				hint = 'Name at least one', column = 'options';
		end if;
	else
		new.options := '[]';
	end if;
	new.lookup_entity := case when new.type = 'lookup' then internal.entity_named(new.lookup_entity) end;
	if new.type = 'lookup' and internal.entity_table(new.lookup_entity) is null then
		raise exception using errcode = 'KT400', message = 'Say what the field links to', column = 'lookup_entity',
			hint = 'contact, company, deal, quote, product or user';
	end if;
	if tg_op = 'INSERT' and new.position = 0 then
		new.position := 1 + coalesce((select max(d.position) from public.custom_field_definitions d
			where d.organization_id = new.organization_id and d.entity = new.entity), 0);
	end if;
	return new;
end
$$;
create trigger a_rules before insert or update on public.custom_field_definitions
	for each row execute function internal.custom_field_rules();
do $$ begin
	perform internal.tenant_table('public.custom_field_definitions');
	perform internal.admin_table('public.custom_field_definitions');
	perform internal.audit_table('public.custom_field_definitions', 'custom_field', 'updated_at');
end $$;

create view public.custom_fields with (security_invoker = true) as select * from public.custom_field_definitions;
comment on view public.custom_fields is 'The same as custom_field_definitions';
grant select, insert, update, delete on public.custom_fields to authenticated, service_role;

-- ---- values -------------------------------------------------------------------------------

create function internal.custom_refuse(d public.custom_field_definitions, what text, help text default null) returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT400', message = format('"%s" %s', d.label, what), hint = coalesce(help, ''),
		column = 'custom_fields.' || d.key;
end
$$;

create function internal.custom_number(word text) returns numeric
language sql immutable
as $$
	select case when w ~ '^-?[0-9]{1,30}(\.[0-9]{1,10})?$' then w::numeric end
	from (select replace(regexp_replace(word, '[\s_]', '', 'g'), ',', '.') as w) x
$$;

create function internal.custom_money(d public.custom_field_definitions, v jsonb, word text) returns jsonb
language plpgsql stable
as $$
declare
	amount numeric;
	code text;
begin
	if jsonb_typeof(v) = 'object' then
		amount := internal.custom_number(v ->> 'amount');
		code := v ->> 'currency';
	else
		code := substring(word from '[A-Za-z]{3}');
		amount := internal.custom_number(regexp_replace(word, '[A-Za-z]{3}', ''));
	end if;
	code := upper(coalesce(nullif(code, ''), (select o.currency from public.organizations o where o.id = d.organization_id)));
	if amount is null or code !~ '^[A-Z]{3}$' then
		perform internal.custom_refuse(d, 'must be an amount', 'Write 1250.50 EUR, or {"amount": 1250.5, "currency": "EUR"}');
	end if;
	return jsonb_build_object('amount', amount, 'currency', code);
end
$$;

create function internal.custom_option(d public.custom_field_definitions, word text) returns jsonb
language plpgsql stable
as $$
declare
	found jsonb;
begin
	select o into found from jsonb_array_elements(d.options) o
		where lower(o #>> '{}') = lower(trim(word)) order by o #>> '{}' = word desc limit 1;
	if found is null then
		perform internal.custom_refuse(d, 'must be one of: ' || (select string_agg(o, ', ') from jsonb_array_elements_text(d.options) o));
	end if;
	return found;
end
$$;

create function internal.custom_options(d public.custom_field_definitions, v jsonb, word text) returns jsonb
language plpgsql stable
as $$
declare
	list jsonb := case when jsonb_typeof(v) = 'array' then v when word ~ '^\[.*\]$' then word::jsonb
		else to_jsonb(regexp_split_to_array(word, '\s*[,;]\s*')) end;
begin
	return (select coalesce(jsonb_agg(internal.custom_option(d, e) order by n), '[]')
		from jsonb_array_elements_text(list) with ordinality x (e, n) where trim(e) <> '');
exception when invalid_text_representation then
	perform internal.custom_refuse(d, 'must be a list of options');
end
$$;

create function internal.custom_date(d public.custom_field_definitions, word text) returns jsonb
language plpgsql immutable
as $$
begin
	if word ~ '^\d{4}-\d\d-\d\d([T ].*)?$' then
		return to_jsonb(left(word, 10)::date);
	end if;
	perform internal.custom_refuse(d, 'must be a date', 'Write 2027-03-31');
exception when datetime_field_overflow or invalid_datetime_format then
	perform internal.custom_refuse(d, 'must be a date', 'Write 2027-03-31');
end
$$;

create function internal.custom_link(d public.custom_field_definitions, word text) returns jsonb
language plpgsql stable
as $$
begin
	if word ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then
		if internal.entity_label(d.organization_id, coalesce(d.lookup_entity, 'file'), word::uuid) is not null then
			return to_jsonb(lower(word));
		end if;
		perform internal.custom_refuse(d, format('points to a %s that does not exist', coalesce(d.lookup_entity, 'file')));
	end if;
	if d.type = 'file' and word ~* '^https?://\S+$' then
		return to_jsonb(word);
	end if;
	perform internal.custom_refuse(d, case d.type when 'file' then 'must be a link to a file' else 'must be the id of a '
		|| d.lookup_entity end);
end
$$;

-- The value in the one form of its type (ADM-19, ADM-20); raises with the
-- field's label when it is none.
create function internal.custom_value(d public.custom_field_definitions, v jsonb) returns jsonb
language plpgsql stable
as $$
declare
	word text := trim(v #>> '{}');
	made jsonb;
begin
	case d.type
		when 'text' then
			made := case when jsonb_typeof(v) in ('array', 'object') then null when length(word) <= 5000 then to_jsonb(word) end;
		when 'number' then made := to_jsonb(internal.custom_number(word));
		when 'currency' then made := internal.custom_money(d, v, word);
		when 'date' then made := internal.custom_date(d, word);
		when 'select' then made := internal.custom_option(d, word);
		when 'multi_select' then made := internal.custom_options(d, v, word);
		when 'checkbox' then
			made := case when lower(word) in ('true', 'yes', 'on', '1') then 'true'::jsonb
				when lower(word) in ('false', 'no', 'off', '0') then 'false' end;
		when 'url' then
			made := case when word ~* '^https?://[^\s/]+\S*$' then to_jsonb(word)
				when word ~* '^[a-z0-9-]+(\.[a-z0-9-]+)+(/\S*)?$' then to_jsonb('https://' || word) end;
		when 'email' then made := case when word ~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$' then to_jsonb(lower(word)) end;
		when 'phone' then made := to_jsonb(internal.phone_normalized(word));
		else made := internal.custom_link(d, word);
	end case;
	if made is null then
		perform internal.custom_refuse(d, case d.type when 'text' then 'must be a text of at most 5,000 characters'
				when 'number' then 'must be a number' when 'checkbox' then 'must be true or false'
				when 'url' then 'must be a web address' when 'email' then 'must be an e-mail address'
				else 'must be a phone number with its country code' end);
	end if;
	return made;
end
$$;

-- The trigger of every table with custom_fields; its argument is the entity.
-- Types are checked of what is new or changed, so that an old value never
-- stands in the way. Required is what a person or a key saves (ADM-21): the
-- programs themselves must be able to take a message from somebody of whom
-- they know nothing.
create function internal.custom_fields_check() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	d public.custom_field_definitions;
	v jsonb;
	saved boolean := coalesce(auth.app_role(), 'SYSTEM') <> 'SYSTEM' and pg_trigger_depth() = 1;
begin
	for d in select * from public.custom_field_definitions f
		where f.organization_id = new.organization_id and f.entity = tg_argv[0] and not f.is_hidden order by f.position
	loop
		v := new.custom_fields -> d.key;
		if v in ('null', '""', '[]') then
			new.custom_fields := new.custom_fields - d.key;
			v := null;
		end if;
		if v is null and d.required and saved then
			perform internal.custom_refuse(d, 'must be filled in');
		elsif v is not null and (tg_op = 'INSERT' or v is distinct from old.custom_fields -> d.key) then
			new.custom_fields := jsonb_set(new.custom_fields, array[d.key], internal.custom_value(d, v));
		end if;
	end loop;
	return new;
end
$$;

create function internal.custom_fields_table(t regclass, entity text) returns void
language plpgsql
as $$
begin
	execute format('create trigger m_custom_fields before insert or update on %s
		for each row execute function internal.custom_fields_check(%L)', t, entity);
end
$$;
comment on function internal.custom_fields_table(regclass, text) is 'Check custom_fields of this table against the definitions of the entity';
do $$
declare
	e text;
begin
	foreach e in array '{contact,company,deal,lead,case,task,project,quote,booking,conversation,product}'::text[] loop
		if exists (select from pg_attribute where attrelid = internal.entity_table(e) and attname = 'custom_fields'
				and not attisdropped) then
			perform internal.custom_fields_table(internal.entity_table(e), e);
		end if;
	end loop;
end $$;

-- For what works on many rows at once (imports): the reason why these values
-- cannot be stored, or null.
create function internal.custom_fields_fault(of_entity text, vals jsonb) returns text
language plpgsql stable
as $$
declare
	d public.custom_field_definitions;
	fault text;
begin
	for d in select * from public.custom_field_definitions f
		where f.organization_id = auth.org() and f.entity = of_entity and not f.is_hidden order by f.position
	loop
		if coalesce(vals -> d.key, 'null') in ('null', '""', '[]') then
			if d.required then
				return format('"%s" must be filled in', d.label);
			end if;
		else
			perform internal.custom_value(d, vals -> d.key);
		end if;
	end loop;
	return null;
exception when sqlstate 'KT400' then
	get stacked diagnostics fault = message_text;
	return fault;
end
$$;

-- ---- forms and details ------------------------------------------------------------------------

create function internal.custom_shown_value(d public.custom_field_definitions, v jsonb) returns text
language sql stable
as $$
	select case d.type
		when 'checkbox' then case v when 'true' then 'Yes' when 'false' then 'No' else v #>> '{}' end
		when 'currency' then case jsonb_typeof(v) when 'object'
			then internal.shown_money((v ->> 'amount')::numeric, v ->> 'currency') else v #>> '{}' end
		when 'multi_select' then case jsonb_typeof(v) when 'array'
			then (select string_agg(x, ', ') from jsonb_array_elements_text(v) x) else v #>> '{}' end
		when 'date' then case when v #>> '{}' ~ '^\d{4}-\d\d-\d\d$' then to_char((v #>> '{}')::date, 'FMDD Mon YYYY') else v #>> '{}' end
		when 'lookup' then case when v #>> '{}' ~ '^[0-9a-f-]{36}$'
			then internal.entity_label(d.organization_id, d.lookup_entity, (v #>> '{}')::uuid) else v #>> '{}' end
		else v #>> '{}' end
$$;

-- Where a value leads: an address of ours or of somebody else's.
create function internal.custom_href(d public.custom_field_definitions, v jsonb) returns text
language sql stable
as $$
	select case d.type when 'url' then v #>> '{}' when 'email' then 'mailto:' || (v #>> '{}') when 'phone' then 'tel:' || (v #>> '{}')
		when 'file' then case when v #>> '{}' ~ '^http' then v #>> '{}' else '/files/' || (v #>> '{}') end
		when 'lookup' then case d.lookup_entity when 'contact' then '/contacts/' when 'company' then '/companies/'
			when 'deal' then '/deals/' when 'quote' then '/quotes/' when 'product' then '/products/' end || (v #>> '{}') end
$$;

-- What a record's page lists: defined fields in their order, then the others.
create function internal.custom_shown(of_entity text, vals jsonb) returns jsonb
language sql stable
as $$
	select jsonb_agg(x.one order by x.place, x.key) from (
		select jsonb_build_object('key', d.label, 'value', internal.custom_shown_value(d, vals -> d.key),
				'href', internal.custom_href(d, vals -> d.key)) as one, d.position::bigint as place, d.key
			from public.custom_field_definitions d
			where d.organization_id = auth.org() and d.entity = of_entity and not d.is_hidden and vals ? d.key
		union all
		select jsonb_build_object('key', replace(v.key, '_', ' '), 'value', v.value), 1000000, v.key
			from jsonb_each_text(vals) v
			where not exists (select from public.custom_field_definitions d where d.organization_id = auth.org()
				and d.entity = of_entity and d.key = v.key)) x
$$;

-- What a form shows: an input for each defined field, filled in.
create function internal.custom_form(of_entity text, vals jsonb) returns jsonb
language sql stable
as $$
	select jsonb_agg(jsonb_build_object('key', d.key, 'label', d.label, 'required', d.required,
			'is_' || d.type, true, 'is_input', d.type in ('text', 'url', 'email', 'phone', 'number', 'date', 'file'),
			'input', case d.type when 'email' then 'email' when 'phone' then 'tel' when 'date' then 'date' else 'text' end,
			'mode', case d.type when 'number' then 'decimal' when 'url' then 'url' when 'file' then 'url' end,
			'value', case d.type when 'currency' then coalesce(v.value ->> 'amount', v.value #>> '{}') else v.value #>> '{}' end,
			'currency', coalesce(v.value ->> 'currency', (select o.currency from public.organizations o where o.id = d.organization_id)),
			'checked', v.value in ('true', '"true"'),
			'entity', d.lookup_entity,
			'shown', case d.type when 'lookup' then internal.custom_shown_value(d, v.value) end,
			'options', (select jsonb_agg(jsonb_build_object('value', o, 'selected',
					case jsonb_typeof(v.value) when 'array' then v.value ? o else coalesce(v.value #>> '{}' = o, false) end) order by n)
				from jsonb_array_elements_text(d.options) with ordinality e (o, n))) order by d.position, d.key)
	from public.custom_field_definitions d
	cross join lateral (select vals -> d.key as value) v
	where d.organization_id = auth.org() and d.entity = of_entity and not d.is_hidden
$$;

-- The values beside them, as pairs of key and text.
create function internal.custom_free(of_entity text, vals jsonb) returns jsonb
language sql stable
as $$
	select jsonb_agg(jsonb_build_object('key', v.key, 'value', v.value) order by v.key) from jsonb_each_text(vals) v
	where not exists (select from public.custom_field_definitions d
		where d.organization_id = auth.org() and d.entity = of_entity and d.key = v.key)
$$;

-- What a form sent, over what was there: a value that reads the same keeps its
-- type, so that a number stays one; hidden fields stay.
create function internal.custom_merged(of_entity text, old_values jsonb, sent jsonb) returns jsonb
language sql stable
as $$
	select coalesce((select jsonb_object_agg(o.key, o.value) from jsonb_each(old_values) o
			where exists (select from public.custom_field_definitions d where d.organization_id = auth.org()
				and d.entity = of_entity and d.key = o.key and d.is_hidden)), '{}')
		|| coalesce((select jsonb_object_agg(s.key, case when old_values ->> s.key = s.value #>> '{}' then old_values -> s.key
			else s.value end) from jsonb_each(sent) s), '{}')
$$;

-- Records of a kind by what they are called, for choosing one.
create function internal.entity_find(entity text, term text) returns table (id uuid, name text, detail text)
language plpgsql stable
as $$
declare
	like_term text := internal.search_pattern(coalesce(term, ''));
begin
	case entity
		when 'contact' then return query select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])),
				coalesce(c.emails[1], c.phones[1]) from public.contacts c where c.search_text like like_term order by c.full_name_search limit 12;
		when 'company' then return query select c.id, c.name, coalesce(c.domain, c.website) from public.companies c
				where lower(c.name) like like_term order by lower(c.name) limit 12;
		when 'deal' then return query select d.id, d.title, internal.shown_money(d.value, d.currency) from public.deals d
				where lower(d.title) like like_term order by d.created_at desc limit 12;
		when 'quote' then return query select q.id, q.title, q.status from public.quotes q
				where lower(q.title) like like_term order by q.created_at desc limit 12;
		when 'product' then return query select p.id, p.name, p.sku from public.products p
				where lower(p.name) like like_term order by lower(p.name) limit 12;
		else return query select p.id, internal.person(p.first_name, p.last_name, p.email), p.email from public.profiles p
				where p.is_active and lower(internal.person(p.first_name, p.last_name, p.email)) like like_term order by 2 limit 12;
	end case;
end
$$;
-- Kinds of records that have custom fields here, as people call them.
create function internal.custom_entities() returns table (entity text, label text, place bigint)
language sql stable
as $$
	select e.entity, e.label, e.place
	from (values ('contact', 'Contacts', 1::bigint), ('company', 'Companies', 2), ('deal', 'Deals', 3), ('lead', 'Leads', 4),
		('case', 'Cases', 5), ('task', 'Tasks', 6), ('project', 'Projects', 7), ('quote', 'Quotes', 8), ('booking', 'Bookings', 9),
		('conversation', 'Conversations', 10), ('product', 'Products', 11)) e (entity, label, place)
	where exists (select from pg_catalog.pg_trigger t where t.tgrelid = internal.entity_table(e.entity)
		and t.tgname = 'm_custom_fields')
$$;
grant execute on function internal.custom_entities(), internal.entity_table(text), internal.entity_named(text), internal.entity_label(uuid, text, uuid),
	internal.custom_field_rules(), internal.custom_refuse(public.custom_field_definitions, text, text),
	internal.custom_number(text), internal.custom_money(public.custom_field_definitions, jsonb, text),
	internal.custom_option(public.custom_field_definitions, text), internal.custom_options(public.custom_field_definitions, jsonb, text),
	internal.custom_date(public.custom_field_definitions, text), internal.custom_link(public.custom_field_definitions, text),
	internal.custom_value(public.custom_field_definitions, jsonb), internal.custom_fields_fault(text, jsonb),
	internal.custom_shown_value(public.custom_field_definitions, jsonb), internal.custom_href(public.custom_field_definitions, jsonb),
	internal.custom_shown(text, jsonb), internal.custom_form(text, jsonb), internal.custom_free(text, jsonb),
	internal.custom_merged(text, jsonb, jsonb), internal.entity_find(text, text) to authenticated, service_role;

notify pgrst;
