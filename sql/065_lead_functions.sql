-- What /functions/v1 does to many rows at once: contacts, leads and deals in
-- batches. The rows were checked and put into their stored form by the program
-- (fcgi/api/functions); one call writes them all, each in a subtransaction of
-- its own, and says of each what became of it.

-- ---- faults of a row ---------------------------------------------------------------

-- The words for what stopped one row; null when it is no fault of the row, and
-- the whole batch has to end.
create function internal.row_fault(state text, message text, constraint_name text) returns text
language sql immutable
as $$
	select case
		when state like 'KT%' then message
		when constraint_name = 'deals_contact_id_fkey' then 'Contact not found'
		when constraint_name = 'deals_pipeline_id_fkey' then 'Pipeline not found'
		when constraint_name like '%\_company_id\_fkey' then 'Company not found'
		when constraint_name like '%\_owner\_id\_fkey' then 'owner_id is nobody of this organization'
		when constraint_name like '%\_assignee\_id\_fkey' then 'assignee_id is nobody of this organization'
		when constraint_name like '%custom\_fields%' then 'custom_fields must be at most 32 KB'
		when state = '42501' then 'You may not do this'
		when left(state, 2) in ('22', '23') then message
	end
$$;

create function internal.needs_tenant() returns uuid
language plpgsql stable
as $$
begin
	if auth.org() is null then
		raise exception using errcode = 'KT403', message = 'This needs the key or the session of an organization';
	end if;
	return auth.org();
end
$$;

-- ---- finding ------------------------------------------------------------------------------

-- CON-93: by e-mail first, then by any phone, the oldest of several. Runs as the
-- owner for the sake of the index (see 015); the tenant is its own condition.
-- "offset 0": else the planner may walk all contacts by age.
create function internal.match_contact(of_emails text[], of_phones text[]) returns uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	found_id uuid;
	handle text;
begin
	foreach handle in array coalesce(of_emails, '{}') loop
		select c.id into found_id from (select k.id, k.created_at from public.contacts k
			where k.organization_id = org and k.emails @> array[handle] offset 0) c order by c.created_at, c.id limit 1;
		if found_id is not null then
			return found_id;
		end if;
	end loop;
	foreach handle in array coalesce(of_phones, '{}') loop
		select c.id into found_id from (select k.id, k.created_at from public.contacts k
			where k.organization_id = org and k.phones @> array[handle] offset 0) c order by c.created_at, c.id limit 1;
		if found_id is not null then
			return found_id;
		end if;
	end loop;
	return null;
end
$$;

-- The same for a whole batch, each row by its place: what is on file now, and
-- whether an earlier row of the batch has one of its addresses, so that this
-- row has to be looked up again once that one is written.
create function internal.match_contacts(contacts jsonb) returns table (i integer, contact_id uuid, again boolean)
language plpgsql stable security definer set search_path = ''
-- A thousand looks into the index of addresses. The planner would rather walk all
-- of a small tenant's contacts as often; as text its id tempts to nothing.
set enable_seqscan = off
as $$
declare
	org uuid := auth.org();
begin
	return query
	with handles as (
		select (e ->> 'i')::integer as place, lower(x) as v, n, 'e' as kind
			from jsonb_array_elements(contacts) e, jsonb_array_elements_text(e -> 'emails') with ordinality u (x, n)
		union all
		select (e ->> 'i')::integer, x, n + 1000, 'p'
			from jsonb_array_elements(contacts) e, jsonb_array_elements_text(e -> 'phones') with ordinality u (x, n)
	), known as (
		select h.v, h.kind, c.id, c.created_at from (select distinct v, kind from handles) h cross join lateral (
			select k.id, k.created_at from public.contacts k
				where h.kind = 'e' and k.emails @> array[h.v] and k.organization_id::text = org::text
			union all
			select k.id, k.created_at from public.contacts k
				where h.kind = 'p' and k.phones @> array[h.v] and k.organization_id::text = org::text) c
	), first as (
		select h.*, min(h.place) over (partition by h.kind, h.v) < h.place as taken from handles h
	)
	select distinct on (f.place) f.place, k.id, bool_or(f.taken) over (partition by f.place)
	from first f left join known k on k.kind = f.kind and k.v = f.v
	order by f.place, k.id is null, f.n, k.created_at, k.id;
end
$$;

create function internal.find_company_named(of_name text) returns uuid
language sql stable security definer set search_path = ''
as $$
	select c.id from public.companies c
	where c.organization_id = auth.org() and lower(c.name) = lower(of_name)
	order by c.created_at, c.id limit 1
$$;

create function internal.company_named(of_name text) returns uuid
language plpgsql
as $$
declare
	company uuid;
begin
	if of_name is null then
		return null;
	end if;
	company := internal.find_company_named(of_name);
	if company is null then
		insert into public.companies (organization_id, name) values (auth.org(), of_name) returning id into company;
	end if;
	return company;
end
$$;
comment on function internal.company_named(text) is 'The company of that name in any case of letters; a new one when there is none';

-- Both lists, each value once, the first list's order first.
create function internal.united(a text[], b text[]) returns text[]
language plpgsql immutable parallel safe
as $$
begin
	if b is null or b <@ a then
		return a;
	end if;
	return array(select x from unnest(a || b) with ordinality u (x, n) group by x order by min(n));
end
$$;

-- ---- contacts ----------------------------------------------------------------------------------

create type internal.contact_row as (
	i integer, -- place in the request
	first_name text, last_name text, emails text[], phones text[],
	source text, default_source text, -- the latter for a new contact only (CON-96)
	tags text[], description text, company_id uuid, company_name text, assignee_id uuid,
	opt_in_status boolean, custom_fields jsonb,
	deal jsonb -- internal.deal_row, of a lead
);

create function internal.insert_contact(c internal.contact_row, company uuid) returns uuid
language plpgsql
as $$
declare
	made uuid;
begin
	insert into public.contacts (organization_id, first_name, last_name, emails, phones, source, tags, description,
			company_id, assignee_id, opt_in_status, custom_fields)
		values (auth.org(), c.first_name, c.last_name, coalesce(c.emails, '{}'), coalesce(c.phones, '{}'),
			coalesce(c.source, c.default_source), coalesce(c.tags, '{}'), c.description, company, c.assignee_id,
			coalesce(c.opt_in_status, true), coalesce(c.custom_fields, '{}'))
		returning id into made;
	return made;
end
$$;

-- Lists become the union of both; other fields are overwritten by what the row
-- brings; custom_fields are merged key by key (contacts.md, open points). A row
-- that brings nothing new changes nothing, and no event tells of it.
create function internal.merge_into_contact(known uuid, c internal.contact_row, company uuid) returns void
language plpgsql
as $$
declare
	was public.contacts;
	k public.contacts;
begin
	select * into was from public.contacts where organization_id = auth.org() and id = known for update;
	if not found then
		raise exception using errcode = 'KT403', message = 'You may not change the contact that this belongs to';
	end if;
	k := was;
	k.first_name := coalesce(c.first_name, k.first_name);
	k.last_name := coalesce(c.last_name, k.last_name);
	k.emails := internal.united(k.emails, c.emails);
	k.phones := internal.united(k.phones, c.phones);
	k.tags := internal.united(k.tags, c.tags);
	k.source := coalesce(c.source, k.source);
	k.description := coalesce(c.description, k.description);
	k.company_id := coalesce(company, k.company_id);
	k.assignee_id := coalesce(c.assignee_id, k.assignee_id);
	k.opt_in_status := coalesce(c.opt_in_status, k.opt_in_status);
	k.custom_fields := k.custom_fields || coalesce(c.custom_fields, '{}');
	if k is not distinct from was then
		return;
	end if;
	update public.contacts set first_name = k.first_name, last_name = k.last_name, emails = k.emails, phones = k.phones,
			tags = k.tags, source = k.source, description = k.description, company_id = k.company_id,
			assignee_id = k.assignee_id, opt_in_status = k.opt_in_status, custom_fields = k.custom_fields
		where organization_id = auth.org() and id = known;
	if not found then
		raise exception using errcode = 'KT403', message = 'You may not change the contact that this belongs to';
	end if;
end
$$;

create function internal.save_contact(c internal.contact_row, known uuid, skip boolean,
	out contact_id uuid, out is_new boolean, out skipped boolean)
language plpgsql
as $$
declare
	company uuid;
begin
	contact_id := known;
	is_new := contact_id is null;
	skipped := skip and not is_new;
	if skipped then
		return;
	end if;
	company := coalesce(c.company_id, internal.company_named(c.company_name));
	if is_new then
		contact_id := internal.insert_contact(c, company);
	else
		perform internal.merge_into_contact(contact_id, c, company);
	end if;
end
$$;

-- ---- deals --------------------------------------------------------------------------------------

create type internal.deal_row as (
	i integer,
	title text, description text, value numeric, currency text, pipeline_id uuid, stage text, probability numeric,
	contact_id uuid, contact_email text, contact_phone text, contact_first_name text, contact_last_name text,
	create_contact_if_missing boolean,
	company_id uuid, owner_id uuid, expected_close_date date, source text, priority text, notes text, tags text[],
	products jsonb, custom_fields jsonb
);

create function internal.insert_deal(d internal.deal_row, contact uuid) returns uuid
language plpgsql
as $$
declare
	made uuid;
begin
	insert into public.deals (organization_id, title, description, value, currency, pipeline_id, stage, probability,
			contact_id, company_id, owner_id, expected_close_date, source, priority, notes, tags, products, custom_fields)
		values (auth.org(), d.title, d.description, coalesce(d.value, 0), coalesce(upper(d.currency), 'USD'), d.pipeline_id,
			coalesce(d.stage, 'new'), d.probability, contact, d.company_id, d.owner_id, d.expected_close_date, d.source,
			d.priority, d.notes, coalesce(d.tags, '{}'), coalesce(d.products, '[]'), coalesce(d.custom_fields, '{}'))
		returning id into made;
	return made;
end
$$;

-- DEA-95..98: contact_id as it is, else by e-mail, else by phone, else a new
-- contact of four fields. One that is found is never changed.
create function internal.deal_contact(d internal.deal_row, out contact_id uuid, out is_new boolean)
language plpgsql
as $$
begin
	is_new := false;
	contact_id := coalesce(d.contact_id, internal.match_contact(array_remove(array[lower(d.contact_email)], null),
		array_remove(array[d.contact_phone], null)));
	if contact_id is not null or not coalesce(d.create_contact_if_missing, false) then
		return;
	end if;
	insert into public.contacts (organization_id, first_name, last_name, emails, phones, source, tags)
		values (auth.org(), d.contact_first_name, d.contact_last_name, array_remove(array[d.contact_email], null),
			array_remove(array[d.contact_phone], null), 'api', '{deal-import}')
		returning id into contact_id;
	is_new := true;
end
$$;

create function internal.save_deal(d internal.deal_row, skip_existing boolean,
	out deal_id uuid, out contact_id uuid, out is_new_contact boolean, out skipped boolean)
language plpgsql
as $$
begin
	select c.contact_id, c.is_new into contact_id, is_new_contact from internal.deal_contact(d) c;
	if contact_id is null then
		raise exception using errcode = 'KT404', message = 'Contact not found';
	end if;
	skipped := false;
	if skip_existing then
		select x.id, true into deal_id, skipped from public.deals x
			where x.organization_id = auth.org() and x.contact_id = save_deal.contact_id and x.title = d.title
			order by x.created_at, x.id limit 1;
		skipped := coalesce(skipped, false);
	end if;
	if deal_id is null then
		deal_id := internal.insert_deal(d, contact_id);
	end if;
end
$$;

-- DEA-77: said once for the batch, not for each row.
create function internal.needs_pipeline(given boolean) returns void
language plpgsql stable
as $$
begin
	if not given and not exists (select from public.pipelines p where p.organization_id = auth.org()) then
		raise exception using errcode = 'KT400', message = 'No pipeline found: create one or name a pipeline_id';
	end if;
end
$$;

-- ---- batches --------------------------------------------------------------------------------------

create function internal.import_contacts(contacts jsonb, skip_duplicates boolean)
	returns table (i integer, contact_id uuid, deal_id uuid, is_new boolean, skipped boolean, error text)
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	c internal.contact_row;
	m record;
	state text;
	words text;
	broken text;
begin
	perform internal.lock_identities(org, array(
		select lower(x) from jsonb_array_elements(contacts) e, jsonb_array_elements_text(e -> 'emails') x
		union all select x from jsonb_array_elements(contacts) e, jsonb_array_elements_text(e -> 'phones') x
		union all select 'company ' || lower(e ->> 'company_name') from jsonb_array_elements(contacts) e));
	perform internal.needs_pipeline(not exists (select from jsonb_array_elements(contacts) e
		where e ? 'deal' and not e -> 'deal' ? 'pipeline_id'));
	for m in select x as c, k.contact_id, coalesce(k.again, false) as again
			from jsonb_populate_recordset(null::internal.contact_row, contacts) x
			left join internal.match_contacts(contacts) k on k.i = x.i order by x.i loop
		c := m.c;
		c.emails := lower(c.emails::text)::text[];
		i := c.i;
		contact_id := null; deal_id := null; is_new := null; skipped := null; error := null;
		begin
			select s.contact_id, s.is_new, s.skipped into contact_id, is_new, skipped
				from internal.save_contact(c, case when m.again then internal.match_contact(c.emails, c.phones)
					else m.contact_id end, skip_duplicates) s;
			if c.deal is not null and not skipped then
				deal_id := internal.insert_deal(jsonb_populate_record(null::internal.deal_row, c.deal), contact_id);
			end if;
		exception when others then
			get stacked diagnostics state = returned_sqlstate, words = message_text, broken = constraint_name;
			contact_id := null; deal_id := null; is_new := null; skipped := null;
			error := internal.row_fault(state, words, broken);
			if error is null then
				raise;
			end if;
		end;
		return next;
	end loop;
end
$$;
comment on function internal.import_contacts(jsonb, boolean) is
	'Rows of internal.contact_row: matched, then merged or skipped, or new; each for itself (CON-91..98)';

create function internal.import_deals(deals jsonb, skip_existing boolean, default_pipeline uuid)
	returns table (i integer, deal_id uuid, contact_id uuid, is_new_contact boolean, skipped boolean, error text)
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	d internal.deal_row;
	state text;
	words text;
	broken text;
begin
	-- Two such batches at the same moment must not both find nothing (DEA-102).
	if skip_existing then
		perform pg_advisory_xact_lock(hashtext(org::text), 64);
	end if;
	perform internal.lock_identities(org, array(
		select lower(e ->> 'contact_email') from jsonb_array_elements(deals) e
		union all select e ->> 'contact_phone' from jsonb_array_elements(deals) e));
	perform internal.needs_pipeline(not exists (select from jsonb_array_elements(deals) e where not e ? 'pipeline_id'));
	if default_pipeline is not null and not exists (select from public.pipelines p
			where p.organization_id = org and p.id = default_pipeline) then
		raise exception using errcode = 'KT400', message = 'Pipeline not found', column = 'default_pipeline_id';
	end if;
	for d in select * from jsonb_populate_recordset(null::internal.deal_row, deals) loop
		i := d.i;
		deal_id := null; contact_id := null; is_new_contact := null; skipped := null; error := null;
		begin
			select s.deal_id, s.contact_id, s.is_new_contact, s.skipped into deal_id, contact_id, is_new_contact, skipped
				from internal.save_deal(d, skip_existing) s;
		exception when others then
			get stacked diagnostics state = returned_sqlstate, words = message_text, broken = constraint_name;
			deal_id := null; contact_id := null; is_new_contact := null; skipped := null;
			error := internal.row_fault(state, words, broken);
			if error is null then
				raise;
			end if;
		end;
		return next;
	end loop;
end
$$;
comment on function internal.import_deals(jsonb, boolean, uuid) is
	'Rows of internal.deal_row, each with its contact found or made, or failing, for itself (DEA-93..107)';

-- One lead, and what it became (API-83).
create function internal.create_lead(lead jsonb)
	returns table (error text, is_new boolean, id uuid, first_name text, last_name text, emails text[], phones text[],
		source text, tags text[], created_at timestamptz,
		deal_id uuid, title text, value numeric, currency text, stage text)
language plpgsql
as $$
declare
	made record;
begin
	select * into made from internal.import_contacts(jsonb_build_array(lead), false);
	return query
		select made.error, made.is_new, c.id, c.first_name, c.last_name, c.emails, c.phones, c.source, c.tags,
			c.created_at, d.id, d.title, d.value, d.currency, d.stage
		from (select) one
		left join public.contacts c on c.organization_id = auth.org() and c.id = made.contact_id
		left join public.deals d on d.organization_id = auth.org() and d.id = made.deal_id;
end
$$;

grant execute on function internal.row_fault(text, text, text), internal.needs_tenant(),
	internal.match_contact(text[], text[]), internal.find_company_named(text), internal.company_named(text),
	internal.match_contacts(jsonb), internal.united(text[], text[]),
	internal.insert_contact(internal.contact_row, uuid),
	internal.merge_into_contact(uuid, internal.contact_row, uuid),
	internal.save_contact(internal.contact_row, uuid, boolean),
	internal.insert_deal(internal.deal_row, uuid), internal.deal_contact(internal.deal_row),
	internal.save_deal(internal.deal_row, boolean), internal.needs_pipeline(boolean),
	internal.import_contacts(jsonb, boolean), internal.import_deals(jsonb, boolean, uuid), internal.create_lead(jsonb)
	to authenticated, service_role;

-- ---- what a deal sells ---------------------------------------------------------------------------------

-- DEA-82. Other keys (a SKU, a discount) are the sender's own.
create function internal.deal_products() returns trigger
language plpgsql
as $$
begin
	if jsonb_typeof(new.products) <> 'array' or exists (select from jsonb_array_elements(new.products) p
			where jsonb_typeof(p) <> 'object'
				or jsonb_typeof(p -> 'name') is distinct from 'string' or p ->> 'name' = ''
				or jsonb_typeof(coalesce(p -> 'quantity', '1')) <> 'number' or (p -> 'quantity') < '0'
				or jsonb_typeof(coalesce(p -> 'unit_price', '0')) <> 'number' or (p -> 'unit_price') < '0') then
		raise exception using errcode = 'KT400', column = 'products',
			message = 'products must be a list of {name, quantity, unit_price}, the latter two as numbers from 0 on';
	end if;
	return new;
end
$$;
create trigger b_products before insert or update of products on public.deals
	for each row execute function internal.deal_products();

-- ---- more contacts of a deal ------------------------------------------------------------------------------

create table public.deal_contacts (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	deal_id uuid not null,
	contact_id uuid not null,
	role text check (length(role) <= 100),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint deal_contacts_deal_id_contact_id_key unique (organization_id, deal_id, contact_id),
	constraint deal_contacts_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade,
	constraint deal_contacts_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade
);
comment on table public.deal_contacts is 'Further contacts of a deal, beside the one that its contact_id names';
comment on column public.deal_contacts.role is 'What the contact is in this deal: decision maker, user, billing ...';
create index deal_contacts_contact_idx on public.deal_contacts (organization_id, contact_id);
do $$ begin perform internal.tenant_table('public.deal_contacts'); end $$;

create function internal.deal_contact_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	r public.deal_contacts := case tg_op when 'DELETE' then old else new end;
begin
	-- With the deal itself, or the whole tenant, nothing is left to tell of.
	if exists (select from public.deals d join public.organizations o on o.id = d.organization_id
			where d.organization_id = r.organization_id and d.id = r.deal_id) then
		perform internal.emit(r.organization_id,
			case tg_op when 'INSERT' then 'deal.contact.added' when 'DELETE' then 'deal.contact.removed'
				else 'deal.contact.updated' end, 'deal', r.deal_id, to_jsonb(r));
	end if;
	return null;
end
$$;
create trigger events after insert or update or delete on public.deal_contacts
	for each row execute function internal.deal_contact_events();

notify pgrst;
