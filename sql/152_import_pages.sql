-- Imports from the pages: a file is uploaded (draft), its columns are mapped, the
-- worker reads it into the staging table (reading) and writes it (running); it can
-- be paused, cancelled and taken back. What the API imports goes the same way from
-- `running` on.

alter table public.imports drop constraint imports_kind_check, drop constraint imports_state_check,
	drop constraint imports_duplicates_check;
update public.imports set kind = 'deals' where kind = 'leads'; -- Kommo's leads are deals here
alter table public.imports
	add constraint imports_kind_check check (kind in ('contacts', 'companies', 'leads', 'deals')),
	add constraint imports_state_check check (state in ('draft', 'reading', 'running', 'paused', 'done', 'failed', 'cancelled',
		'undoing', 'undone')),
	add constraint imports_duplicates_check check (duplicates in ('skip', 'merge', 'add')),
	add column match text not null default 'any' check (match in ('any', 'email')),
	add column file_sha256 text check (file_sha256 ~ '^[0-9a-f]{64}$'), -- as it was uploaded
	add column text_sha256 text check (text_sha256 ~ '^[0-9a-f]{64}$'), -- as UTF-8 with separators, what is read
	add column file_size bigint check (file_size >= 0),
	add column text_size bigint check (text_size >= 0),
	add column encoding text,
	add column sheet text,
	add column headers jsonb check (jsonb_typeof(headers) = 'array'),
	add column mapping jsonb check (jsonb_typeof(mapping) = 'array'), -- field per column; null: not imported
	add column defaults jsonb not null default '{}' check (jsonb_typeof(defaults) = 'object'),
	add column read_at bigint not null default 0,   -- how far the file is read, in bytes
	add column read_line integer not null default 1,
	add column read_done boolean not null default true,
	add column deleted integer not null default 0,  -- of an undo: records that are gone,
	add column restored integer not null default 0, -- that are as before,
	add column kept integer not null default 0;     -- and those that somebody worked with since
comment on column public.imports.state is
	'draft (columns are not chosen yet), reading, running, paused, done, failed, cancelled, undoing, undone';
comment on column public.imports.duplicates is 'What is on file already: skip, merge (the row changes it), add (a second one)';
comment on column public.imports.match is 'any: known by e-mail, then by phone; email: by e-mail alone';
comment on column public.imports.mapping is 'For each column of the file the field it goes to: emails, cf.KEY, null';
comment on column public.imports.defaults is 'tags, source, assignee_id for all rows';

alter table public.import_rows add column taken_back boolean not null default false;
create index import_rows_failed_idx on public.import_rows (organization_id, import_id, row) where action = 'failed';
create index import_rows_back_idx on public.import_rows (organization_id, import_id, row)
	where action in ('created', 'updated') and not taken_back;

-- What was chosen for files of that shape: the same columns in the same order.
create table public.import_mappings (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null check (kind in ('contacts', 'companies', 'leads', 'deals')),
	shape text not null check (length(shape) between 1 and 64), -- a hash of the headers
	mapping jsonb not null check (jsonb_typeof(mapping) = 'array'),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint import_mappings_shape_key unique (organization_id, kind, shape)
);
comment on table public.import_mappings is 'How the columns of files of a shape were mapped the last time';
do $$ begin
	perform internal.tenant_table('public.import_mappings');
	perform internal.flag_table('public.import_mappings', 'can_access_crm');
end $$;

-- ---- beginning --------------------------------------------------------------------------

-- Columns, duplicates and defaults are chosen; from here the worker goes on.
-- new:LABEL makes a field of the tenant's own.
create function internal.import_start(import uuid, chosen jsonb, on_duplicate text, by text, for_all jsonb, shape_hash text)
	returns void
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
	entity_of text;
	m text;
	made text;
begin
	perform internal.must('can_access_crm');
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.id is null then
		raise exception using errcode = 'KT404', message = 'This import does not exist';
	elsif j.state <> 'draft' then
		return; -- sent twice
	end if;
	entity_of := case j.kind when 'companies' then 'company' else rtrim(j.kind, 's') end;
	for m in select distinct x from jsonb_array_elements_text(chosen) x where x like 'new:%' loop
		made := nullif(left(trim(both '_' from regexp_replace(lower(substr(m, 5)), '[^a-z0-9]+', '_', 'g')), 60), '');
		made := coalesce(made, 'field_' || substr(md5(m), 1, 8));
		insert into public.custom_field_definitions (organization_id, entity, key, label, type, position)
			values (org, entity_of, made, left(substr(m, 5), 100), 'text', 1000)
			on conflict on constraint custom_field_definitions_key_key do nothing;
		chosen := (select jsonb_agg(case when x = to_jsonb(m) then to_jsonb('cf.' || made) else x end order by n)
			from jsonb_array_elements(chosen) with ordinality u (x, n));
	end loop;
	insert into public.import_mappings (organization_id, kind, shape, mapping) values (org, j.kind, shape_hash, chosen)
		on conflict on constraint import_mappings_shape_key do update set mapping = excluded.mapping, updated_at = now();
	update public.imports i set state = 'reading', mapping = chosen, duplicates = on_duplicate, match = by, defaults = for_all,
		read_done = false where i.organization_id = org and i.id = import;
	perform internal.import_later(import, interval '0');
end
$$;

-- Pause, go on, stop: what is written stays, and can be taken back.
create function internal.import_command(import uuid, command text) returns text
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
	next_state text;
begin
	perform internal.must('can_access_crm');
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.id is null then
		raise exception using errcode = 'KT404', message = 'This import does not exist';
	end if;
	next_state := case
		when command = 'pause' and j.state in ('reading', 'running') then 'paused'
		when command = 'resume' and j.state = 'paused' then case when j.read_done then 'running' else 'reading' end
		when command = 'cancel' and j.state in ('draft', 'reading', 'running', 'paused') then 'cancelled'
		when command = 'undo' and j.state in ('done', 'failed', 'cancelled') then 'undoing' end;
	if next_state is null then
		return j.state; -- sent twice, or over by now
	end if;
	update public.imports i set state = next_state,
		finished_at = case next_state when 'cancelled' then now() else i.finished_at end
		where i.organization_id = org and i.id = import;
	if next_state = 'cancelled' then
		delete from internal.import_staging s where s.organization_id = org and s.import_id = import;
	elsif next_state in ('running', 'reading', 'undoing') then
		perform internal.import_later(import, interval '0');
	end if;
	return next_state;
end
$$;
comment on function internal.import_command(uuid, text) is 'pause, resume, cancel, undo; returns the state that it is in then';

-- ---- reading ------------------------------------------------------------------------------

-- The next rows of the file, read up to a place in it. A member is named by
-- e-mail address: assignee_email, owner_email.
create function internal.import_stage(import uuid, rows jsonb, faults jsonb, from_byte bigint, to_byte bigint, to_line integer,
	is_end boolean) returns void
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
begin
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.state is distinct from 'reading' or j.read_at <> from_byte then
		return;
	end if;
	with given as (
		select r, (r ->> 'i')::integer as line, lower(coalesce(r ->> 'assignee_email', r -> 'deal' ->> 'owner_email')) as who
		from jsonb_array_elements(rows) r
	), known as (
		select g.*, p.id from given g left join public.profiles p on p.organization_id = org and lower(p.email) = g.who
	), staged as (
		insert into internal.import_staging (organization_id, import_id, row, data)
			select org, import, k.line, case when k.who is null then k.r
				when k.r ? 'deal' then jsonb_set(k.r, '{deal,owner_id}', to_jsonb(k.id))
				else k.r || jsonb_build_object('assignee_id', k.id) end
			from known k where k.who is null or k.id is not null
	)
	insert into public.import_rows (organization_id, import_id, row, action, error, data)
		select org, import, (f ->> 'row')::integer, 'failed', f ->> 'error', f -> 'data' from jsonb_array_elements(faults) f
		union all
		select org, import, k.line, 'failed', format('No member of the team has the e-mail address "%s"', k.who), k.r - 'i'
			from known k where k.who is not null and k.id is null;
	update public.imports i set read_at = to_byte, read_line = to_line, read_done = is_end,
			total = i.total + jsonb_array_length(rows) + jsonb_array_length(faults),
			state = case when is_end then 'running' else i.state end
		where i.organization_id = org and i.id = import;
end
$$;

create function internal.import_fail(import uuid, why text) returns void
language sql
as $$
	delete from internal.import_staging s where s.organization_id = auth.org() and s.import_id = import;
	update public.imports i set state = 'failed', error = why, finished_at = now()
		where i.organization_id = auth.org() and i.id = import and i.state in ('reading', 'running', 'draft')
$$;

-- ---- writing contacts ------------------------------------------------------------------------

drop function internal.import_contacts_slice(uuid, integer, boolean);
drop function internal.import_contact_set(uuid, internal.contact_row[], boolean);
drop function internal.import_each(uuid, text, integer, boolean);
drop function internal.import_one(uuid, text, integer, jsonb, boolean);
drop function internal.import_person(jsonb, boolean);

-- What is new of these rows, in one statement; returns how many rows are through:
-- the new ones, and with skip those on file.
create function internal.import_contact_set(import uuid, rows internal.contact_row[], mode text, by text) returns integer
language plpgsql
as $$
declare
	org uuid := auth.org();
	through integer;
begin
	with b as materialized (
		select r.* from unnest(rows) r
	), handles as materialized (
		select b.i, lower(x) as value, n, 'e' as kind from b, unnest(b.emails) with ordinality u (x, n) where mode <> 'add'
		union all
		select b.i, x, n + 1000, 'p' from b, unnest(b.phones) with ordinality u (x, n) where mode <> 'add' and by <> 'email'
	), known as materialized (
		select * from internal.known_handles(array(select value from handles where kind = 'e'),
			array(select value from handles where kind = 'p'))
	), matched as materialized (
		select distinct on (h.i) h.i, k.id from handles h join known k using (kind, value) order by h.i, h.n
	), ahead as (
		select h.i, min(h.lead) as lead from (
			select i, min(i) over (partition by kind, value) as lead from handles
			where i not in (select m.i from matched m)) h group by h.i
	), new as materialized (
		select uuid7() as id, b.* from b left join ahead l using (i)
		where b.i not in (select m.i from matched m) and coalesce(l.lead, b.i) = b.i
	), employers as materialized (
		select * from internal.companies_named(array(select lower(company_name) from new where company_name is not null))
	), made as (
		insert into public.contacts (organization_id, id, first_name, last_name, emails, phones, source, tags, description,
			company_id, assignee_id, opt_in_status, custom_fields)
		select org, n.id, n.first_name, n.last_name, coalesce(n.emails, '{}'), coalesce(n.phones, '{}'),
			coalesce(n.source, n.default_source), coalesce(n.tags, '{}'), n.description, e.id, n.assignee_id,
			coalesce(n.opt_in_status, true), coalesce(n.custom_fields, '{}')
		from new n left join employers e on e.name = lower(n.company_name) order by n.i
		returning id
	), told as (
		insert into public.import_rows (organization_id, import_id, row, action, record_id)
		select org, import, n.i, 'created', n.id from new n
		union all
		select org, import, m.i, 'skipped', m.id from matched m where mode = 'skip'
		returning row
	), gone as (
		delete from internal.import_staging s using told t
		where s.organization_id = org and s.import_id = import and s.row = t.row
	)
	select count(*) into through from told, (select count(*) from made) m;
	return through;
end
$$;

-- ---- a row by itself -----------------------------------------------------------------------

-- A pipeline and its stage by their names, as files have them.
create function internal.import_deal_places(deal jsonb) returns jsonb
language plpgsql stable
as $$
declare
	p public.pipelines;
	found_stage text;
begin
	if deal ? 'pipeline' then
		select * into p from public.pipelines x where x.organization_id = auth.org() and lower(x.name) = lower(deal ->> 'pipeline')
			order by x.created_at, x.id limit 1;
		if p.id is null then
			raise exception using errcode = 'KT400', message = format('There is no pipeline "%s"', deal ->> 'pipeline');
		end if;
		deal := deal - 'pipeline' || jsonb_build_object('pipeline_id', p.id);
	elsif deal ? 'stage' then
		select * into p from public.pipelines x where x.organization_id = auth.org()
			order by x.is_default desc, x.created_at, x.id limit 1;
	end if;
	if deal ? 'stage' then
		select s ->> 'id' into found_stage from jsonb_array_elements(p.stages) s
			where lower(deal ->> 'stage') in (s ->> 'id', lower(s ->> 'name')) limit 1;
		deal := deal || jsonb_build_object('stage', coalesce(found_stage, deal ->> 'stage'));
	end if;
	return deal;
end
$$;

create function internal.import_person(data jsonb, mode text, by text, out record_id uuid, out deal_id uuid, out before jsonb,
	out is_new boolean)
language plpgsql
as $$
declare
	c internal.contact_row := jsonb_populate_record(null::internal.contact_row, data);
	somebody boolean;
begin
	c.emails := lower(c.emails::text)::text[];
	somebody := coalesce(c.first_name, c.last_name) is not null or cardinality(coalesce(c.emails, '{}') || coalesce(c.phones, '{}')) > 0;
	if mode <> 'add' then
		record_id := internal.match_contact(c.emails, case when by = 'email' then '{}' else c.phones end);
	end if;
	is_new := somebody and record_id is null;
	if record_id is not null and mode = 'merge' then
		select to_jsonb(k) into before from public.contacts k where k.organization_id = auth.org() and k.id = record_id;
	end if;
	if somebody then
		select s.contact_id into record_id from internal.save_contact(c, record_id, mode = 'skip') s;
	end if;
	-- A deal is new even when the person is not.
	if c.deal is not null then
		deal_id := internal.insert_deal(jsonb_populate_record(null::internal.deal_row, internal.import_deal_places(c.deal)
			|| case when somebody then '{}' else jsonb_build_object('company_id', internal.company_named(c.company_name)) end),
			record_id);
	end if;
end
$$;

-- A lead that is converted is a contact by now, and no lead to be changed.
create function internal.import_lead(data jsonb, mode text, out record_id uuid, out before jsonb, out is_new boolean)
language plpgsql
as $$
declare
	l public.leads := jsonb_populate_record(null::public.leads, data);
	k public.leads;
begin
	if mode <> 'add' and l.email is not null then
		select x.* into k from public.leads x where x.organization_id = auth.org() and x.email = lower(l.email)
			and x.status <> 'Converted' order by x.created_at, x.id limit 1;
	end if;
	record_id := k.id;
	is_new := record_id is null;
	if is_new then
		insert into public.leads (organization_id, name, company_name, title, email, phone, source, status, territory,
				company_size, description, tags, custom_fields, owner_id)
			values (auth.org(), l.name, l.company_name, l.title, l.email, l.phone, coalesce(l.source, data ->> 'default_source', 'import'),
				coalesce(l.status, 'New'), l.territory, l.company_size, l.description, coalesce(l.tags, '{}'),
				coalesce(l.custom_fields, '{}'), (data ->> 'assignee_id')::uuid)
			returning id into record_id;
	elsif mode = 'merge' then
		before := to_jsonb(k);
		update public.leads x set name = coalesce(l.name, k.name), company_name = coalesce(l.company_name, k.company_name),
			title = coalesce(l.title, k.title), phone = coalesce(l.phone, k.phone), source = coalesce(l.source, k.source),
			status = coalesce(l.status, k.status), territory = coalesce(l.territory, k.territory),
			company_size = coalesce(l.company_size, k.company_size), description = coalesce(l.description, k.description),
			tags = internal.united(k.tags, l.tags), custom_fields = k.custom_fields || coalesce(l.custom_fields, '{}'),
			owner_id = coalesce((data ->> 'assignee_id')::uuid, k.owner_id)
			where x.organization_id = auth.org() and x.id = record_id;
	end if;
end
$$;

-- One row in a subtransaction of its own (CON-92).
create function internal.import_one(import uuid, of_kind text, line integer, data jsonb, mode text, by text) returns void
language plpgsql
as $$
declare
	record_id uuid;
	deal_id uuid;
	before jsonb;
	is_new boolean;
	state text;
	words text;
	broken text;
begin
	begin
		if of_kind = 'companies' then
			select r.record_id, r.before, r.is_new into record_id, before, is_new from internal.import_company(data, mode) r;
		elsif of_kind = 'leads' then
			select r.record_id, r.before, r.is_new into record_id, before, is_new from internal.import_lead(data, mode) r;
		else
			select r.record_id, r.deal_id, r.before, r.is_new into record_id, deal_id, before, is_new
				from internal.import_person(data, mode, by) r;
		end if;
		insert into public.import_rows (organization_id, import_id, row, action, record_id, deal_id, before)
			values (auth.org(), import, line, case when is_new or deal_id is not null then 'created'
				when mode = 'skip' then 'skipped' else 'updated' end, record_id, deal_id, before);
	exception when others then
		get stacked diagnostics state = returned_sqlstate, words = message_text, broken = constraint_name;
		words := internal.row_fault(state, words, broken);
		if words is null then
			raise;
		end if;
		insert into public.import_rows (organization_id, import_id, row, action, error, data)
			values (auth.org(), import, line, 'failed', words, data - '{i,default_source}'::text[]);
	end;
	delete from internal.import_staging s where s.organization_id = auth.org() and s.import_id = import and s.row = line;
end
$$;

create function internal.import_each(import uuid, of_kind text, most integer, mode text, by text) returns void
language plpgsql
as $$
declare
	s record;
	since timestamptz := clock_timestamp();
begin
	for s in select x.row, x.data from internal.import_staging x
			where x.organization_id = auth.org() and x.import_id = import order by x.row limit most loop
		perform internal.import_one(import, of_kind, s.row, s.data, mode, by);
		-- The record of the import is locked meanwhile, and somebody may want to pause it.
		exit when clock_timestamp() - since > interval '2 seconds';
	end loop;
end
$$;

drop function internal.import_company(jsonb, boolean);
create function internal.import_company(data jsonb, mode text, out record_id uuid, out before jsonb, out is_new boolean)
language plpgsql
as $$
declare
	k public.companies;
	c public.companies;
begin
	select * into c from jsonb_populate_record(null::public.companies, data);
	if mode <> 'add' then
		select coalesce((select d.id from internal.companies_of_domain(array[lower(c.domain)]) d),
			(select n.id from internal.companies_named(array[lower(c.name)]) n)) into record_id;
	end if;
	is_new := record_id is null;
	if is_new then
		insert into public.companies (organization_id, name, domain, website, industry, street, city, state, postal_code,
				country, phones, emails, employee_count, annual_revenue, description, tags, custom_fields, owner_id)
			values (auth.org(), c.name, c.domain, c.website, c.industry, c.street, c.city, c.state, c.postal_code, c.country,
				coalesce(c.phones, '{}'), coalesce(c.emails, '{}'), c.employee_count, c.annual_revenue, c.description,
				coalesce(c.tags, '{}'), coalesce(c.custom_fields, '{}'), (data ->> 'assignee_id')::uuid)
			returning id into record_id;
	elsif mode = 'merge' then
		select * into k from public.companies x where x.organization_id = auth.org() and x.id = record_id for update;
		before := to_jsonb(k);
		update public.companies x set domain = coalesce(c.domain, k.domain), website = coalesce(c.website, k.website),
			industry = coalesce(c.industry, k.industry), street = coalesce(c.street, k.street), city = coalesce(c.city, k.city),
			state = coalesce(c.state, k.state), postal_code = coalesce(c.postal_code, k.postal_code),
			country = coalesce(c.country, k.country), phones = internal.united(k.phones, c.phones),
			emails = internal.united(k.emails, c.emails), employee_count = coalesce(c.employee_count, k.employee_count),
			annual_revenue = coalesce(c.annual_revenue, k.annual_revenue), description = coalesce(c.description, k.description),
			tags = internal.united(k.tags, c.tags), custom_fields = k.custom_fields || coalesce(c.custom_fields, '{}'),
			owner_id = coalesce((data ->> 'assignee_id')::uuid, k.owner_id)
			where x.organization_id = auth.org() and x.id = record_id;
	end if;
end
$$;

-- Companies that are new, in one statement; those whose name or domain stands in an
-- earlier row as well wait until that one is on file. Returns how many.
create function internal.import_company_set(import uuid, most integer, mode text) returns integer
language plpgsql
as $$
declare
	org uuid := auth.org();
	through integer;
begin
	with b as materialized (
		select s.row, s.data, lower(s.data ->> 'name') as name, lower(s.data ->> 'domain') as domain
		from internal.import_staging s where s.organization_id = org and s.import_id = import order by s.row limit most
	), known as materialized (
		select k.name as word, 'n' as kind from internal.companies_named(array(select b.name from b)) k
		union all
		select k.domain, 'd' from internal.companies_of_domain(array(select b.domain from b where b.domain is not null)) k
	), new as materialized (
		select uuid7() as id, b.row, c from (
			select b.*, row_number() over (partition by b.name order by b.row) as nth,
				row_number() over (partition by b.domain order by b.row) as nth_domain from b) b,
			lateral jsonb_populate_record(null::public.companies, b.data) c
		where mode = 'add' or (b.nth = 1 and (b.domain is null or b.nth_domain = 1)
			and not exists (select from known k where (k.kind = 'n' and k.word = b.name) or (k.kind = 'd' and k.word = b.domain)))
	), made as (
		insert into public.companies (organization_id, id, name, domain, website, industry, street, city, state, postal_code,
				country, phones, emails, employee_count, annual_revenue, description, tags, custom_fields, owner_id)
			select org, n.id, (n.c).name, (n.c).domain, (n.c).website, (n.c).industry, (n.c).street, (n.c).city, (n.c).state,
				(n.c).postal_code, (n.c).country, coalesce((n.c).phones, '{}'), coalesce((n.c).emails, '{}'),
				(n.c).employee_count, (n.c).annual_revenue, (n.c).description, coalesce((n.c).tags, '{}'),
				coalesce((n.c).custom_fields, '{}'), (b.data ->> 'assignee_id')::uuid
			from new n join b on b.row = n.row order by n.row
		returning id
	), told as (
		insert into public.import_rows (organization_id, import_id, row, action, record_id)
			select org, import, n.row, 'created', n.id from new n
		returning row
	), gone as (
		delete from internal.import_staging s using told t
		where s.organization_id = org and s.import_id = import and s.row = t.row
	)
	select count(*) into through from told, (select count(*) from made) m;
	return through;
exception when others then
	if internal.row_fault(sqlstate, sqlerrm, null) is null then
		raise;
	end if;
	return 0;
end
$$;

-- ---- the steps --------------------------------------------------------------------------------

-- Contacts: what is new goes as a set; what is on file is merged one by one.
-- Where the set meets a row that the database refuses, each goes for itself.
create function internal.import_contacts_slice(import uuid, most integer, mode text, by text) returns void
language plpgsql
as $$
declare
	org uuid := auth.org();
	rows internal.contact_row[];
	through integer;
begin
	select array_agg(jsonb_populate_record(null::internal.contact_row, s.data) order by s.row) into rows from (
		select x.row, x.data from internal.import_staging x
		where x.organization_id = org and x.import_id = import order by x.row limit most) s;
	if rows is null then
		return;
	end if;
	begin
		perform internal.import_new_companies(array(select distinct r.company_name from unnest(rows) r
			where r.company_name is not null));
		through := internal.import_contact_set(import, rows, mode, by);
	exception when others then
		if internal.row_fault(sqlstate, sqlerrm, null) is null then
			raise;
		end if;
		through := 0;
	end;
	if through = 0 or mode = 'merge' then
		perform internal.import_each(import, 'contacts', case when through = 0 then most else cardinality(rows) - through end,
			mode, by);
	end if;
end
$$;

-- What came of an import, to whoever began it, once it is over.
create function internal.import_told(j public.imports) returns void
language sql
as $$
	select internal.notify(j.organization_id, j.created_by, 'import.finished', 'import', j.id,
		jsonb_build_object('kind', j.kind, 'file', j.file_name, 'imported', j.imported, 'updated', j.updated,
			'skipped', j.skipped, 'failed', j.failed))
$$;

-- The next rows of an import. One transaction; two callers go one after the
-- other. Returns how many rows are left, at least one while the file is read.
create or replace function internal.import_step(import uuid, most integer) returns integer
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
	staged integer;
begin
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.state is distinct from 'running' then
		return 0;
	end if;
	perform internal.lock_all_identities(org);
	if j.kind = 'contacts' then
		perform internal.import_contacts_slice(import, most, j.duplicates, j.match);
	elsif j.kind <> 'companies' or internal.import_company_set(import, most, j.duplicates) = 0 then
		perform internal.import_each(import, j.kind, most, j.duplicates, j.match);
	end if;
	select count(*) into staged from internal.import_staging s where s.organization_id = org and s.import_id = import;
	update public.imports i set done = i.total - staged,
			imported = n.created, updated = n.updated, skipped = n.skipped, failed = n.failed,
			state = case when staged = 0 then 'done' else i.state end,
			finished_at = case when staged = 0 then clock_timestamp() end
		from (select count(*) filter (where r.action = 'created') as created, count(*) filter (where r.action = 'updated') as updated,
				count(*) filter (where r.action = 'skipped') as skipped, count(*) filter (where r.action = 'failed') as failed
			from public.import_rows r where r.organization_id = org and r.import_id = import) n
		where i.organization_id = org and i.id = import returning i.* into j;
	if staged = 0 and j.text_sha256 is not null then
		perform internal.import_told(j);
	end if;
	return staged;
end
$$;

-- ---- the way back --------------------------------------------------------------------------------

-- The next rows of an import that is taken back, the last ones first: what it made
-- goes, what it changed is as before, unless somebody worked with it since.
-- Returns how many rows are left.
create function internal.import_undo_step(import uuid, most integer) returns integer
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
	lines integer[];
	gone integer := 0;
	gone_deals integer;
	back integer := 0;
	all_rows integer;
	left_over integer;
begin
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.state is distinct from 'undoing' then
		return 0;
	end if;
	lines := array(select r.row from public.import_rows r where r.organization_id = org and r.import_id = import
		and r.action in ('created', 'updated') and not r.taken_back order by r.row desc limit most);
	all_rows := cardinality(lines);
	delete from public.deals d using public.import_rows r
		where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.deal_id is not null
			and d.organization_id = org and d.id = r.deal_id and d.updated_at = r.stamp;
	get diagnostics gone_deals = row_count;
	if j.kind = 'companies' then
		delete from public.companies c using public.import_rows r
			where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.action = 'created'
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp
				and not exists (select from public.contacts k where k.organization_id = org and k.company_id = c.id)
				and not exists (select from public.deals k where k.organization_id = org and k.company_id = c.id);
		get diagnostics gone = row_count;
		update public.companies c set (name, domain, website, industry, street, city, state, postal_code, country, phones,
				emails, employee_count, annual_revenue, description, tags, custom_fields, owner_id)
			= (b.name, b.domain, b.website, b.industry, b.street, b.city, b.state, b.postal_code, b.country, b.phones,
				b.emails, b.employee_count, b.annual_revenue, b.description, b.tags, b.custom_fields, b.owner_id)
			from public.import_rows r, jsonb_populate_record(null::public.companies, r.before) b
			where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.before is not null
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp;
		get diagnostics back = row_count;
	elsif j.kind = 'leads' then
		delete from public.leads c using public.import_rows r
			where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.action = 'created'
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp;
		get diagnostics gone = row_count;
		update public.leads c set (name, company_name, title, phone, source, status, territory, company_size, description, tags,
				custom_fields, owner_id)
			= (b.name, b.company_name, b.title, b.phone, b.source, b.status, b.territory, b.company_size, b.description, b.tags,
				b.custom_fields, b.owner_id)
			from public.import_rows r, jsonb_populate_record(null::public.leads, r.before) b
			where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.before is not null
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp;
		get diagnostics back = row_count;
	else
		delete from public.contacts c using public.import_rows r
			where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.action = 'created'
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp
				and (r.deal_id is null or c.created_at = r.stamp)
				and not exists (select from public.deals k where k.organization_id = org and k.contact_id = c.id)
				and not exists (select from public.conversations k where k.organization_id = org and k.contact_id = c.id)
				and not exists (select from public.notes k where k.organization_id = org and k.contact_id = c.id);
		get diagnostics gone = row_count;
		update public.contacts c set (first_name, last_name, phones, emails, source, tags, assignee_id, company_id,
				description, opt_in_status, custom_fields)
			= (b.first_name, b.last_name, b.phones, b.emails, b.source, b.tags, b.assignee_id, b.company_id,
				b.description, b.opt_in_status, b.custom_fields)
			from public.import_rows r, jsonb_populate_record(null::public.contacts, r.before) b
			where r.organization_id = org and r.import_id = import and r.row = any (lines) and r.before is not null
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp;
		get diagnostics back = row_count;
	end if;
	-- Of a row of deals the deal counts, not the contact that came with it.
	if j.kind = 'deals' then
		gone := greatest(gone, gone_deals);
		back := least(back, all_rows - gone);
	end if;
	update public.import_rows r set taken_back = true
		where r.organization_id = org and r.import_id = import and r.row = any (lines);
	select count(*) into left_over from public.import_rows r where r.organization_id = org and r.import_id = import
		and r.action in ('created', 'updated') and not r.taken_back;
	update public.imports i set deleted = i.deleted + gone, restored = i.restored + back,
			kept = i.kept + all_rows - gone - back,
			state = case when left_over = 0 then 'undone' else i.state end,
			undone_at = case when left_over = 0 then now() end
		where i.organization_id = org and i.id = import;
	return left_over;
end
$$;
comment on function internal.import_undo_step(uuid, integer) is 'Take the next rows of an import back; how many are left';

-- All at once, for the API.
create or replace function internal.import_undo(import uuid, out deleted integer, out restored integer, out kept integer)
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
begin
	perform internal.must('can_access_crm');
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.id is null then
		raise exception using errcode = 'KT404', message = 'This import does not exist';
	elsif j.state not in ('done', 'failed', 'cancelled') then
		raise exception using errcode = 'KT409', message = format('This import is %s', j.state),
			hint = 'Only an import that has ended can be undone, and once';
	end if;
	delete from internal.import_staging s where s.organization_id = org and s.import_id = import;
	update public.imports i set state = 'undoing' where i.organization_id = org and i.id = import;
	perform internal.import_undo_step(import, 2147483647);
	select i.deleted, i.restored, i.kept into deleted, restored, kept
		from public.imports i where i.organization_id = org and i.id = import;
end
$$;
comment on function internal.import_undo(uuid) is 'Take a whole import back; what was worked with since is kept and counted';

grant execute on function internal.import_start(uuid, jsonb, text, text, jsonb, text), internal.import_command(uuid, text),
	internal.import_stage(uuid, jsonb, jsonb, bigint, bigint, integer, boolean), internal.import_fail(uuid, text),
	internal.import_contact_set(uuid, internal.contact_row[], text, text), internal.import_deal_places(jsonb),
	internal.import_person(jsonb, text, text), internal.import_lead(jsonb, text),
	internal.import_one(uuid, text, integer, jsonb, text, text), internal.import_each(uuid, text, integer, text, text),
	internal.import_company(jsonb, text), internal.import_company_set(uuid, integer, text), internal.import_contacts_slice(uuid, integer, text, text),
	internal.import_told(public.imports), internal.import_undo_step(uuid, integer) to authenticated, service_role;

notify pgrst;
