-- Imports: rows of a file, staged, matched and written in slices, each slice a
-- transaction; what became of every row, and the way back. Rows arrive as one
-- parameter, not by COPY, which PostgreSQL refuses under row-level security.
--
-- The program has read the file and put each row into its stored form
-- (lib/crm/import.h). Slices are equivalent to rows one after the other: a row
-- that shares an address with an earlier new one of its slice waits for the
-- next slice, and finds it on file there.

create table public.imports (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null check (kind in ('contacts', 'companies', 'leads')),
	state text not null default 'running' check (state in ('running', 'done', 'failed', 'undone')),
	file_name text check (length(file_name) <= 255),
	duplicates text not null default 'skip' check (duplicates in ('skip', 'merge')),
	total integer not null default 0,    -- rows of the file
	done integer not null default 0,     -- of them, so far
	imported integer not null default 0, -- new records
	updated integer not null default 0,  -- records that a row was merged into
	skipped integer not null default 0,  -- rows that were on file already
	failed integer not null default 0,
	ignored_columns text[] not null default '{}',
	error text,                          -- why it ended before its end
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	finished_at timestamptz,
	undone_at timestamptz,
	primary key (organization_id, id)
);
comment on table public.imports is 'Files that were imported, with their progress and what came of them (CON-57, CON-58)';
create index imports_created_idx on public.imports (organization_id, created_at desc, id desc);

create table public.import_rows (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	import_id uuid not null,
	row integer not null,         -- line of the file
	action text not null check (action in ('created', 'updated', 'skipped', 'failed')),
	record_id uuid,               -- contact or company
	deal_id uuid,                 -- of a lead
	before jsonb,                 -- of an updated record, for the way back
	stamp timestamptz not null default now(), -- updated_at that the record got; another one now: somebody else wrote it
	error text,
	data jsonb,                   -- of a failed row
	primary key (organization_id, import_id, row),
	constraint import_rows_import_id_fkey foreign key (organization_id, import_id)
		references public.imports (organization_id, id) on delete cascade
);
comment on table public.import_rows is 'What became of each row of an import';
create index import_rows_record_idx on public.import_rows (organization_id, record_id) where record_id is not null;

do $$ begin
	perform internal.tenant_table('public.imports');
	perform internal.tenant_table('public.import_rows');
end $$;

-- Rows on their way. Not logged: after a crash of the server the import is
-- failed, and what was written of it can be undone.
create unlogged table internal.import_staging (
	organization_id uuid not null,
	import_id uuid not null,
	row integer not null,
	data jsonb not null,
	primary key (organization_id, import_id, row)
);
alter table internal.import_staging enable row level security;
alter table internal.import_staging force row level security;
create policy tenant on internal.import_staging to authenticated
	using (organization_id = (select auth.org())) with check (organization_id = (select auth.org()));
grant select, insert, delete on internal.import_staging to authenticated;

-- ---- matching ------------------------------------------------------------------------

-- Who has these addresses, the oldest of several (CON-93). As the owner, for the
-- sake of the index (see 015).
create function internal.known_handles(emails text[], phones text[]) returns table (kind text, value text, id uuid)
language sql stable security definer set search_path = ''
as $$
	select distinct on (k.kind, k.value) k.kind, k.value, k.id from (
		select 'e' as kind, x as value, c.id, c.created_at from public.contacts c, unnest(c.emails) x
			where c.organization_id = auth.org() and c.emails && emails and x = any (emails)
		union all
		select 'p', x, c.id, c.created_at from public.contacts c, unnest(c.phones) x
			where c.organization_id = auth.org() and c.phones && phones and x = any (phones)) k
	order by k.kind, k.value, k.created_at, k.id
$$;

create function internal.companies_named(names text[]) returns table (name text, id uuid)
language sql stable security definer set search_path = ''
as $$
	select distinct on (lower(c.name)) lower(c.name), c.id from public.companies c
	where c.organization_id = auth.org() and lower(c.name) = any (names) order by lower(c.name), c.created_at, c.id
$$;

create function internal.companies_of_domain(domains text[]) returns table (domain text, id uuid)
language sql stable security definer set search_path = ''
as $$
	select distinct on (lower(c.domain)) lower(c.domain), c.id from public.companies c
	where c.organization_id = auth.org() and lower(c.domain) = any (domains) order by lower(c.domain), c.created_at, c.id
$$;
create index if not exists companies_domain_idx on public.companies (organization_id, lower(domain)) where domain is not null;

-- All that identifies a contact, at once: nobody makes one while a slice does.
create function internal.lock_all_identities(org uuid) returns void
language plpgsql
as $$
begin
	for slot in 0..63 loop
		perform pg_advisory_xact_lock(hashtext(org::text), slot);
	end loop;
end
$$;

-- ---- a slice of contacts -----------------------------------------------------------------

-- Names of companies that are not there yet.
create function internal.import_new_companies(names text[]) returns void
language sql
as $$
	insert into public.companies (organization_id, name)
	select auth.org(), min(n) from unnest(names) n
	where lower(n) not in (select k.name from internal.companies_named(array(select lower(x) from unnest(names) x)) k)
	group by lower(n)
$$;

-- What is new of these rows, in one statement; returns how many rows are through:
-- the new ones, and with `skip` those on file.
create function internal.import_contact_set(import uuid, rows internal.contact_row[], skip boolean) returns integer
language plpgsql
as $$
declare
	org uuid := auth.org();
	through integer;
begin
	with b as materialized (
		select r.* from unnest(rows) r
	), handles as materialized (
		select b.i, lower(x) as value, n, 'e' as kind from b, unnest(b.emails) with ordinality u (x, n)
		union all
		select b.i, x, n + 1000, 'p' from b, unnest(b.phones) with ordinality u (x, n)
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
			company_id, opt_in_status, custom_fields)
		select org, n.id, n.first_name, n.last_name, coalesce(n.emails, '{}'), coalesce(n.phones, '{}'),
			coalesce(n.source, n.default_source), coalesce(n.tags, '{}'), n.description, e.id,
			coalesce(n.opt_in_status, true), coalesce(n.custom_fields, '{}')
		from new n left join employers e on e.name = lower(n.company_name) order by n.i
		returning id
	), told as (
		insert into public.import_rows (organization_id, import_id, row, action, record_id)
		select org, import, n.i, 'created', n.id from new n
		union all
		select org, import, m.i, 'skipped', m.id from matched m where skip
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

create function internal.import_company(data jsonb, skip boolean, out record_id uuid, out before jsonb, out is_new boolean)
language plpgsql
as $$
declare
	k public.companies;
	c public.companies;
begin
	select * into c from jsonb_populate_record(null::public.companies, data);
	select coalesce((select d.id from internal.companies_of_domain(array[lower(c.domain)]) d),
		(select n.id from internal.companies_named(array[lower(c.name)]) n)) into record_id;
	is_new := record_id is null;
	if is_new then
		insert into public.companies (organization_id, name, domain, website, industry, street, city, state, postal_code,
				country, phones, emails, employee_count, annual_revenue, description, tags, custom_fields)
			values (auth.org(), c.name, c.domain, c.website, c.industry, c.street, c.city, c.state, c.postal_code, c.country,
				coalesce(c.phones, '{}'), coalesce(c.emails, '{}'), c.employee_count, c.annual_revenue, c.description,
				coalesce(c.tags, '{}'), coalesce(c.custom_fields, '{}'))
			returning id into record_id;
	elsif not skip then
		select * into k from public.companies x where x.organization_id = auth.org() and x.id = record_id for update;
		before := to_jsonb(k);
		update public.companies x set domain = coalesce(c.domain, k.domain), website = coalesce(c.website, k.website),
			industry = coalesce(c.industry, k.industry), street = coalesce(c.street, k.street), city = coalesce(c.city, k.city),
			state = coalesce(c.state, k.state), postal_code = coalesce(c.postal_code, k.postal_code),
			country = coalesce(c.country, k.country), phones = internal.united(k.phones, c.phones),
			emails = internal.united(k.emails, c.emails), employee_count = coalesce(c.employee_count, k.employee_count),
			annual_revenue = coalesce(c.annual_revenue, k.annual_revenue), description = coalesce(c.description, k.description),
			tags = internal.united(k.tags, c.tags), custom_fields = k.custom_fields || coalesce(c.custom_fields, '{}')
			where x.organization_id = auth.org() and x.id = record_id;
	end if;
end
$$;

create function internal.import_person(data jsonb, skip boolean, out record_id uuid, out deal_id uuid, out before jsonb,
	out is_new boolean)
language plpgsql
as $$
declare
	c internal.contact_row := jsonb_populate_record(null::internal.contact_row, data);
	skipped boolean;
begin
	c.emails := lower(c.emails::text)::text[];
	record_id := internal.match_contact(c.emails, c.phones);
	is_new := record_id is null;
	if not is_new and not skip then
		select to_jsonb(k) into before from public.contacts k where k.organization_id = auth.org() and k.id = record_id;
	end if;
	select s.contact_id, s.skipped into record_id, skipped from internal.save_contact(c, record_id, skip) s;
	-- A lead's deal is new even when the person is not.
	if c.deal is not null then
		deal_id := internal.insert_deal(jsonb_populate_record(null::internal.deal_row, c.deal), record_id);
	end if;
end
$$;

-- One row in a subtransaction of its own (CON-92).
create function internal.import_one(import uuid, of_kind text, line integer, data jsonb, skip boolean) returns void
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
			select r.record_id, r.before, r.is_new into record_id, before, is_new from internal.import_company(data, skip) r;
		else
			select r.record_id, r.deal_id, r.before, r.is_new into record_id, deal_id, before, is_new
				from internal.import_person(data, skip) r;
		end if;
		insert into public.import_rows (organization_id, import_id, row, action, record_id, deal_id, before)
			values (auth.org(), import, line, case when is_new or deal_id is not null and before is null then 'created'
				when skip then 'skipped' else 'updated' end, record_id, deal_id, before);
	exception when others then
		get stacked diagnostics state = returned_sqlstate, words = message_text, broken = constraint_name;
		words := internal.row_fault(state, words, broken);
		if words is null then
			raise;
		end if;
		insert into public.import_rows (organization_id, import_id, row, action, error, data)
			values (auth.org(), import, line, 'failed', words, data - 'i');
	end;
	delete from internal.import_staging s where s.organization_id = auth.org() and s.import_id = import and s.row = line;
end
$$;

create function internal.import_each(import uuid, of_kind text, most integer, skip boolean) returns void
language plpgsql
as $$
declare
	s record;
begin
	for s in select x.row, x.data from internal.import_staging x
			where x.organization_id = auth.org() and x.import_id = import order by x.row limit most loop
		perform internal.import_one(import, of_kind, s.row, s.data, skip);
	end loop;
end
$$;

-- ---- the steps --------------------------------------------------------------------------------

-- Contacts: what is new goes as a set; what is on file is merged one by one.
-- Where the set meets a row that the database refuses, each goes for itself.
create function internal.import_contacts_slice(import uuid, most integer, skip boolean) returns void
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
		through := internal.import_contact_set(import, rows, skip);
	exception when others then
		if internal.row_fault(sqlstate, sqlerrm, null) is null then
			raise;
		end if;
		through := 0;
	end;
	if through = 0 or not skip then
		perform internal.import_each(import, 'contacts', case when through = 0 then most else cardinality(rows) - through end,
			skip);
	end if;
end
$$;

-- The next rows of an import. One transaction; two callers go one after the
-- other. Returns how many rows are left.
create function internal.import_step(import uuid, most integer) returns integer
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
		perform internal.import_contacts_slice(import, most, j.duplicates = 'skip');
	else
		perform internal.import_each(import, j.kind, most, j.duplicates = 'skip');
	end if;
	select count(*) into staged from internal.import_staging s where s.organization_id = org and s.import_id = import;
	update public.imports i set done = i.total - staged,
			imported = n.created, updated = n.updated, skipped = n.skipped, failed = n.failed,
			state = case when staged = 0 then 'done' else i.state end,
			finished_at = case when staged = 0 then clock_timestamp() end
		from (select count(*) filter (where r.action = 'created') as created, count(*) filter (where r.action = 'updated') as updated,
				count(*) filter (where r.action = 'skipped') as skipped, count(*) filter (where r.action = 'failed') as failed
			from public.import_rows r where r.organization_id = org and r.import_id = import) n
		where i.organization_id = org and i.id = import;
	return staged;
end
$$;
comment on function internal.import_step(uuid, integer) is 'Write the next slice of a staged import; how many rows are left';

-- With the owner's rights, for the queue is not the caller's.
create function internal.import_later(import uuid, later interval) returns void
language sql security definer set search_path = ''
as $$
	select job.enqueue(auth.org(), 'import', import::text, jsonb_build_object('import_id', import), now() + later)
$$;

-- An import begins, with all its rows: each has its line as "i". Rows with a
-- fault of their own ({row, error, data}) are told at once. After `later` the
-- worker goes on where the program left off.
create function internal.import_begin(of_kind text, file text, on_duplicate text, ignored jsonb, org uuid, rows jsonb,
	faults jsonb, later interval) returns uuid
language plpgsql
as $$
declare
	made uuid;
begin
	perform internal.needs_tenant();
	perform internal.must('can_access_crm');
	if org is not null and org <> auth.org() then
		raise exception using errcode = 'KT403', message = 'organizationId is not the organization that you are signed in to',
			column = 'organizationId';
	end if;
	insert into public.imports (organization_id, kind, file_name, duplicates, ignored_columns, total, failed, done)
		values (auth.org(), of_kind, file, on_duplicate, array(select jsonb_array_elements_text(ignored)),
			jsonb_array_length(rows) + jsonb_array_length(faults), jsonb_array_length(faults), jsonb_array_length(faults))
		returning imports.id into made;
	insert into internal.import_staging (organization_id, import_id, row, data)
		select auth.org(), made, (r ->> 'i')::integer, r from jsonb_array_elements(rows) r;
	insert into public.import_rows (organization_id, import_id, row, action, error, data)
		select auth.org(), made, (f ->> 'row')::integer, 'failed', f ->> 'error', f -> 'data' from jsonb_array_elements(faults) f;
	perform internal.import_later(made, later);
	return made;
end
$$;

-- ---- the way back --------------------------------------------------------------------------------

-- Undo a whole import: what it made goes, what it changed is as before, unless
-- somebody worked with it since. Says how many of each.
create function internal.import_undo(import uuid, out deleted integer, out restored integer, out kept integer)
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	j public.imports;
	n integer;
begin
	perform internal.must('can_access_crm');
	select * into j from public.imports i where i.organization_id = org and i.id = import for update;
	if j.id is null then
		raise exception using errcode = 'KT404', message = 'This import does not exist';
	elsif j.state not in ('done', 'failed') then
		raise exception using errcode = 'KT409', message = format('This import is %s', j.state),
			hint = 'Only an import that has ended can be undone, and once';
	end if;
	delete from public.deals d using public.import_rows r
		where r.organization_id = org and r.import_id = import and r.deal_id is not null
			and d.organization_id = org and d.id = r.deal_id and d.updated_at = r.stamp;
	if j.kind = 'companies' then
		delete from public.companies c using public.import_rows r
			where r.organization_id = org and r.import_id = import and r.action = 'created'
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp
				and not exists (select from public.contacts k where k.organization_id = org and k.company_id = c.id)
				and not exists (select from public.deals k where k.organization_id = org and k.company_id = c.id);
	else
		delete from public.contacts c using public.import_rows r
			where r.organization_id = org and r.import_id = import and r.action = 'created'
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp
				and (r.deal_id is null or c.created_at = r.stamp)
				and not exists (select from public.deals k where k.organization_id = org and k.contact_id = c.id)
				and not exists (select from public.conversations k where k.organization_id = org and k.contact_id = c.id)
				and not exists (select from public.notes k where k.organization_id = org and k.contact_id = c.id);
	end if;
	get diagnostics deleted = row_count;
	if j.kind = 'companies' then
		update public.companies c set (name, domain, website, industry, street, city, state, postal_code, country, phones,
				emails, employee_count, annual_revenue, description, tags, custom_fields)
			= (b.name, b.domain, b.website, b.industry, b.street, b.city, b.state, b.postal_code, b.country, b.phones,
				b.emails, b.employee_count, b.annual_revenue, b.description, b.tags, b.custom_fields)
			from public.import_rows r, jsonb_populate_record(null::public.companies, r.before) b
			where r.organization_id = org and r.import_id = import and r.before is not null
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp;
	else
		update public.contacts c set (first_name, last_name, phones, emails, source, tags, assignee_id, company_id,
				description, opt_in_status, custom_fields)
			= (b.first_name, b.last_name, b.phones, b.emails, b.source, b.tags, b.assignee_id, b.company_id,
				b.description, b.opt_in_status, b.custom_fields)
			from public.import_rows r, jsonb_populate_record(null::public.contacts, r.before) b
			where r.organization_id = org and r.import_id = import and r.before is not null
				and c.organization_id = org and c.id = r.record_id and c.updated_at = r.stamp;
	end if;
	get diagnostics restored = row_count;
	kept := j.imported + j.updated - deleted - restored;
	delete from internal.import_staging s where s.organization_id = org and s.import_id = import;
	update public.imports i set state = 'undone', undone_at = now() where i.organization_id = org and i.id = import;
end
$$;
comment on function internal.import_undo(uuid) is 'Take a whole import back; what was worked with since is kept and counted';

grant execute on function internal.known_handles(text[], text[]), internal.companies_named(text[]),
	internal.companies_of_domain(text[]), internal.lock_all_identities(uuid), internal.import_new_companies(text[]),
	internal.import_contact_set(uuid, internal.contact_row[], boolean),
	internal.import_company(jsonb, boolean), internal.import_person(jsonb, boolean),
	internal.import_one(uuid, text, integer, jsonb, boolean), internal.import_each(uuid, text, integer, boolean),
	internal.import_contacts_slice(uuid, integer, boolean), internal.import_step(uuid, integer),
	internal.import_begin(text, text, text, jsonb, uuid, jsonb, jsonb, interval), internal.import_later(uuid, interval),
	internal.import_undo(uuid) to authenticated, service_role;

notify pgrst;
