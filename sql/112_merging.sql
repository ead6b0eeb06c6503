-- Duplicates: suggestions that were judged, merging with a choice for each
-- field, and taking a merged record out again.

-- ---- suggestions ---------------------------------------------------------------

-- Two records that somebody said are not the same.
create table public.duplicate_dismissals (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	record_type text not null check (record_type in ('contact', 'company')),
	one_id uuid not null,
	other_id uuid not null,
	dismissed_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint duplicate_dismissals_pair_key unique (organization_id, record_type, one_id, other_id),
	check (one_id < other_id)
);
comment on table public.duplicate_dismissals is 'Pairs of records that look alike and are not the same; they are suggested no more';
do $$ begin
	perform internal.tenant_table('public.duplicate_dismissals');
	perform internal.flag_table('public.duplicate_dismissals', 'can_access_crm');
end $$;

create function internal.dismiss_duplicates(kind text, ids uuid[]) returns integer
language plpgsql
as $$
declare
	n integer;
begin
	insert into public.duplicate_dismissals (record_type, one_id, other_id)
		select kind, a, b from unnest(ids) a, unnest(ids) b where a < b
		on conflict on constraint duplicate_dismissals_pair_key do nothing;
	get diagnostics n = row_count;
	return n;
end
$$;

-- Whether somebody has said of all pairs of a group that they are not the same.
create function internal.all_dismissed(kind text, ids uuid[]) returns boolean
language sql stable
as $$
	select not exists (select from unnest(ids) a, unnest(ids) b where a < b
		and not exists (select from public.duplicate_dismissals d where d.organization_id = auth.org()
			and d.record_type = kind and d.one_id = a and d.other_id = b))
$$;

-- Who this may be, while a form is filled in: by e-mail or phone, by index.
create function internal.lookalikes(mails text[], numbers text[], besides uuid) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	known_mails text[] := array(select lower(trim(m)) from unnest(mails) m where trim(m) <> '');
	known_numbers text[] := array(select n from unnest(numbers) x, internal.phone_normalized(x) n where n is not null);
begin
	return query select k.id from (
			select c.id from public.contacts c where c.organization_id = org and c.emails && known_mails
			union
			select c.id from public.contacts c where c.organization_id = org and c.phones && known_numbers) k
		where k.id is distinct from besides limit 5;
end
$$;
comment on function internal.lookalikes(text[], text[], uuid) is 'Ids alone of contacts with one of these addresses or numbers; the caller''s policies say what of them is shown';

-- ---- merging with choices -----------------------------------------------------------

-- {"title": "<id>"}: the field as that record has it. Columns that people
-- choose between; lists become the union in any case.
create function internal.chosen_columns(kind text) returns text[]
language sql immutable
as $$
	select case kind
		when 'contact' then '{first_name,last_name,title,status,source,assignee_id,company_id,description,opt_in_status}'::text[]
		else '{name,domain,website,industry,street,city,state,postal_code,country,employee_count,annual_revenue,description,owner_id,parent_company_id}'
		end
$$;

create function internal.chosen_values(kind text, rows jsonb, chosen jsonb) returns jsonb
language sql immutable
as $$
	select coalesce(jsonb_object_agg(c.key, r.value -> c.key), '{}')
	from jsonb_each_text(chosen) c join jsonb_array_elements(rows) r on r.value ->> 'id' = c.value
	where c.key = any (internal.chosen_columns(kind))
$$;

drop function internal.merge_contacts(uuid, uuid[]);
-- CON-63, CON-64: what was chosen; else the primary keeps what it has and takes what it lacks. Lists
-- become the union. Consent that one of them withdrew stays withdrawn, unless somebody chose.
create function internal.merge_contacts(keep uuid, others uuid[], chosen jsonb default '{}') returns integer
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	k public.contacts;
	d public.contacts;
	rows jsonb;
	n integer := 0;
begin
	perform from public.contacts c where c.organization_id = org and c.id = any (keep || others) order by c.id for update;
	select jsonb_agg(to_jsonb(c)) into rows from public.contacts c where c.organization_id = org and c.id = any (keep || others);
	select * into k from public.contacts c where c.organization_id = org and c.id = keep;
	if not found then
		perform internal.merge_refused('contact');
	end if;
	if keep = any (others) then
		raise exception using errcode = 'KT400', message = 'A record cannot be merged into itself';
	end if;
	for d in select * from public.contacts c where c.organization_id = org and c.id = any (others)
			order by array_position(others, c.id) loop
		perform internal.record_merge('contact', to_jsonb(k), to_jsonb(d));
		k.first_name := coalesce(k.first_name, d.first_name);
		k.last_name := coalesce(k.last_name, d.last_name);
		k.title := coalesce(k.title, d.title);
		k.status := coalesce(k.status, d.status);
		k.phones := internal.united(k.phones, d.phones);
		k.emails := internal.united(k.emails, d.emails);
		k.tags := internal.united(k.tags, d.tags);
		k.source := coalesce(k.source, d.source);
		k.assignee_id := coalesce(k.assignee_id, d.assignee_id);
		k.company_id := coalesce(k.company_id, d.company_id);
		k.description := coalesce(k.description, d.description);
		k.opt_in_status := k.opt_in_status and d.opt_in_status;
		k.custom_fields := d.custom_fields || k.custom_fields;
		n := n + 1;
	end loop;
	delete from public.contacts c where c.organization_id = org and c.id = any (others);
	if n <> (select count(distinct o) from unnest(others) o)
			or exists (select from public.contacts c where c.organization_id = org and c.id = any (others)) then
		perform internal.merge_refused('contact');
	end if;
	k := jsonb_populate_record(k, internal.chosen_values('contact', rows, chosen));
	update public.contacts set first_name = k.first_name, last_name = k.last_name, phones = k.phones, emails = k.emails,
			tags = k.tags, source = k.source, assignee_id = k.assignee_id, company_id = k.company_id, title = k.title,
			status = k.status, description = k.description, opt_in_status = k.opt_in_status, custom_fields = k.custom_fields
		where organization_id = org and id = keep;
	if not found then
		perform internal.merge_refused('contact');
	end if;
	return n;
end
$$;

drop function internal.merge_companies(uuid, uuid[]);
-- COM-33
create function internal.merge_companies(keep uuid, others uuid[], chosen jsonb default '{}') returns integer
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	k public.companies;
	d public.companies;
	rows jsonb;
	n integer := 0;
begin
	perform from public.companies c where c.organization_id = org and c.id = any (keep || others) order by c.id for update;
	select jsonb_agg(to_jsonb(c)) into rows from public.companies c where c.organization_id = org and c.id = any (keep || others);
	select * into k from public.companies c where c.organization_id = org and c.id = keep;
	if not found then
		perform internal.merge_refused('company');
	end if;
	if keep = any (others) then
		raise exception using errcode = 'KT400', message = 'A record cannot be merged into itself';
	end if;
	for d in select * from public.companies c where c.organization_id = org and c.id = any (others)
			order by array_position(others, c.id) loop
		-- Of companies that belong to one another only one stays.
		if k.parent_company_id = d.id then
			update public.companies set parent_company_id = null where organization_id = org and id = keep;
			k.parent_company_id := null;
		end if;
		if d.parent_company_id = keep then
			update public.companies set parent_company_id = null where organization_id = org and id = d.id;
		end if;
		perform internal.record_merge('company', to_jsonb(k), to_jsonb(d));
		k.domain := coalesce(k.domain, d.domain);
		k.website := coalesce(k.website, d.website);
		k.industry := coalesce(k.industry, d.industry);
		-- An address is of one piece.
		if coalesce(k.street, k.city, k.state, k.postal_code) is null then
			k.street := d.street; k.city := d.city; k.state := d.state; k.postal_code := d.postal_code;
		end if;
		k.country := coalesce(k.country, d.country);
		k.phones := internal.united(k.phones, d.phones);
		k.emails := internal.united(k.emails, d.emails);
		k.employee_count := coalesce(k.employee_count, d.employee_count);
		k.annual_revenue := coalesce(k.annual_revenue, d.annual_revenue);
		k.description := coalesce(k.description, d.description);
		k.tags := internal.united(k.tags, d.tags);
		k.custom_fields := d.custom_fields || k.custom_fields;
		k.owner_id := coalesce(k.owner_id, d.owner_id);
		k.parent_company_id := nullif(coalesce(k.parent_company_id, d.parent_company_id), keep);
		n := n + 1;
	end loop;
	delete from public.companies c where c.organization_id = org and c.id = any (others);
	if n <> (select count(distinct o) from unnest(others) o)
			or exists (select from public.companies c where c.organization_id = org and c.id = any (others)) then
		perform internal.merge_refused('company');
	end if;
	k := jsonb_populate_record(k, internal.chosen_values('company', rows, chosen));
	if k.parent_company_id = any (keep || others) then
		k.parent_company_id := null;
	end if;
	update public.companies set name = k.name, domain = k.domain, website = k.website, industry = k.industry, street = k.street,
			city = k.city, state = k.state, postal_code = k.postal_code, country = k.country, phones = k.phones,
			emails = k.emails, employee_count = k.employee_count, annual_revenue = k.annual_revenue,
			description = k.description, tags = k.tags, custom_fields = k.custom_fields, owner_id = k.owner_id,
			parent_company_id = k.parent_company_id
		where organization_id = org and id = keep;
	if not found then
		perform internal.merge_refused('company');
	end if;
	return n;
end
$$;

-- ---- taking a merged record out again ------------------------------------------------------

alter table public.record_merges add column unmerged_at timestamptz, add column unmerged_by uuid;
comment on column public.record_merges.unmerged_at is 'When the record was taken out again; null: it is still part of the primary';

-- The columns of a table that can be written.
create function internal.writable_columns(t regclass) returns text
language sql stable
as $$
	select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
	where a.attrelid = t and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
$$;

create function internal.put_row(t regclass, r jsonb) returns void
language plpgsql
as $$
begin
	execute format('insert into %s (%s) select %s from jsonb_populate_record(null::%s, $1) on conflict do nothing', t,
		internal.writable_columns(t), internal.writable_columns(t), t) using r;
end
$$;

-- What the primary has from the duplicate alone and nobody changed since.
create function internal.unmerged_row(now_row jsonb, before jsonb, gone jsonb) returns jsonb
language sql immutable
as $$
	select coalesce(jsonb_object_agg(k, case
		when k in ('phones', 'emails', 'tags') then coalesce((select jsonb_agg(e) from jsonb_array_elements(now_row -> k) e
			where before -> k @> jsonb_build_array(e) or not gone -> k @> jsonb_build_array(e)), '[]')
		when k = 'custom_fields' then coalesce((select jsonb_object_agg(c.key, c.value) from jsonb_each(now_row -> k) c
			where before -> k ? c.key or not (gone -> k @> jsonb_build_object(c.key, c.value))), '{}')
			|| coalesce((select jsonb_object_agg(c.key, c.value) from jsonb_each(before -> k) c
				where gone -> k -> c.key is not distinct from now_row -> k -> c.key), '{}')
		when now_row -> k is not distinct from gone -> k then before -> k
		else now_row -> k end), '{}')
	from unnest(internal.chosen_columns('contact') || internal.chosen_columns('company')
		|| '{phones,emails,tags,custom_fields}'::text[]) k
	where now_row ? k and before ? k and gone ? k
$$;

create function internal.unmerge_refused(why text) returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT409', message = why;
end
$$;

-- As the owner, like record_merge. What cannot come back as it was is left out
-- by reference (a member or company that is gone).
create function internal.unmerge_rows(merge uuid) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	m public.record_merges;
	t regclass;
	r record;
	now_row jsonb;
	gone jsonb;
	back jsonb;
	one jsonb;
	n integer;
	total integer := 0;
begin
	select * into m from public.record_merges x where x.organization_id = org and x.id = merge for update;
	t := case m.record_type when 'contact' then 'public.contacts' else 'public.companies' end::regclass;
	execute format('select to_jsonb(x) from %s x where x.organization_id = $1 and x.id = $2', t) into now_row using org, m.primary_id;
	gone := m.duplicate;
	-- Merged before others came in: their columns are not in it.
	if not exists (select from public.profiles p where p.organization_id = org and p.id = (gone ->> 'assignee_id')::uuid) then
		gone := gone || '{"assignee_id": null}';
	end if;
	if not exists (select from public.profiles p where p.organization_id = org and p.id = (gone ->> 'owner_id')::uuid) then
		gone := gone || '{"owner_id": null}';
	end if;
	if not exists (select from public.companies c where c.organization_id = org and c.id = (gone ->> 'company_id')::uuid) then
		gone := gone || '{"company_id": null}';
	end if;
	if not exists (select from public.companies c where c.organization_id = org and c.id = (gone ->> 'parent_company_id')::uuid) then
		gone := gone || '{"parent_company_id": null}';
	end if;
	-- First the primary gives up what is not its own: numbers may have to be unique.
	back := internal.unmerged_row(now_row, m.primary_before, m.duplicate);
	execute format('update %s x set (%s) = (select %s from jsonb_populate_record(x, $3)) where x.organization_id = $1 and x.id = $2', t,
		(select string_agg(quote_ident(k), ', ' order by k) from jsonb_object_keys(back) k),
		(select string_agg(quote_ident(k), ', ' order by k) from jsonb_object_keys(back) k)) using org, m.primary_id, back;
	perform internal.put_row(t, gone || jsonb_build_object('updated_at', now()));
	for r in select * from internal.references_to(t) loop
		if m.moved ? (r.tab || '.' || r.col) then
			execute format('update %s t set %s = $1 where t.organization_id = $2 and t.%s = $3
				and %s in (select jsonb_array_elements($4))', r.tab, r.col, r.col, r.key_object)
				using m.duplicate_id, org, m.primary_id, m.moved -> (r.tab || '.' || r.col);
			get diagnostics n = row_count;
			total := total + n;
		end if;
		for one in select jsonb_array_elements(m.dropped -> (r.tab || '.' || r.col)) loop
			perform internal.put_row(r.tab::regclass, one);
			total := total + 1;
		end loop;
	end loop;
	update public.record_merges set unmerged_at = now(), unmerged_by = auth.uid() where organization_id = org and id = merge;
	perform internal.emit(org, m.record_type || '.unmerged', m.record_type, m.primary_id, internal.snapshot(now_row),
		jsonb_build_object('unmerged_id', m.duplicate_id));
	return total;
end
$$;

-- Bring a merged record back, with what was moved from it. With the caller's
-- rights: he sees the merge, and may change the primary.
create function internal.unmerge(merge uuid) returns uuid
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	m public.record_merges;
	there boolean;
begin
	perform internal.must('can_access_crm');
	select * into m from public.record_merges x where x.organization_id = org and x.id = merge;
	if not found then
		raise exception using errcode = 'KT404', message = 'This merge does not exist';
	end if;
	if m.unmerged_at is not null then
		perform internal.unmerge_refused('This record was taken out already');
	end if;
	if m.record_type = 'contact' then
		update public.contacts set updated_at = now() where organization_id = org and id = m.primary_id;
		there := exists (select from public.contacts c where c.organization_id = org and c.id = m.duplicate_id);
	else
		update public.companies set updated_at = now() where organization_id = org and id = m.primary_id;
		there := exists (select from public.companies c where c.organization_id = org and c.id = m.duplicate_id);
	end if;
	if not exists (select from public.contacts c where c.organization_id = org and c.id = m.primary_id
			union all select from public.companies c where c.organization_id = org and c.id = m.primary_id) then
		perform internal.unmerge_refused(case when exists (select from public.record_merges x
				where x.organization_id = org and x.duplicate_id = m.primary_id and x.unmerged_at is null)
			then 'The record that took it in was itself merged into another one: take that out first'
			else 'The record that took it in does not exist any more' end);
	end if;
	if there then
		perform internal.unmerge_refused('A record with this id exists already');
	end if;
	perform internal.unmerge_rows(merge);
	return m.duplicate_id;
end
$$;
comment on function internal.unmerge(uuid) is 'Take a merged record out again; id of the record that is back';

-- The timeline of a record goes on where those that were merged into it ended.
create function internal.merged_into(of_kind text, of_id uuid) returns setof uuid
language sql stable
as $$
	select m.duplicate_id from public.record_merges m
	where of_kind in ('contact', 'company') and m.organization_id = auth.org() and m.record_type = of_kind
		and m.primary_id = of_id and m.unmerged_at is null order by m.created_at desc limit 20
$$;

create or replace function internal.timeline_related(of_kind text, of_id uuid) returns table (t text, i uuid)
language plpgsql stable rows 100
as $$
begin
	return query select of_kind as t, of_id as i
	union all
	select of_kind, m from internal.merged_into(of_kind, of_id) m
	union all
	(select 'deal', d.id from public.deals d
		where of_kind = 'contact' and d.organization_id = auth.org() and d.contact_id = of_id
		order by d.created_at desc limit 50)
	union all
	(select 'deal', d.id from public.deals d
		where of_kind = 'company' and d.organization_id = auth.org() and d.company_id = of_id
		order by d.created_at desc limit 50)
	union all
	(select 'conversation', c.id from public.conversations c
		where of_kind = 'contact' and c.organization_id = auth.org() and c.contact_id = of_id
		order by c.last_message_at desc limit 20)
	union all
	(select 'quote', q.id from public.quotes q
		where q.organization_id = auth.org() and (of_kind = 'deal' and q.deal_id = of_id
			or of_kind = 'contact' and q.contact_id = of_id or of_kind = 'company' and q.company_id = of_id)
		order by q.created_at desc limit 50)
	union all
	(select 'task', k.id from public.tasks k
		where of_kind = 'contact' and k.organization_id = auth.org() and k.contact_id = of_id
		order by k.created_at desc limit 50)
	union all
	(select 'task', k.id from public.tasks k
		where of_kind = 'deal' and k.organization_id = auth.org() and k.deal_id = of_id
		order by k.created_at desc limit 50)
	union all
	(select 'booking', b.id from public.bookings b
		where of_kind = 'contact' and b.organization_id = auth.org() and b.contact_id = of_id
		order by b.start_date_time desc limit 20)
	union all
	(select 'task', k.id from public.tasks k
		where of_kind = 'lead' and k.organization_id = auth.org() and k.lead_id = of_id
		order by k.created_at desc limit 50);
end
$$;

grant execute on function internal.dismiss_duplicates(text, uuid[]), internal.all_dismissed(text, uuid[]),
	internal.lookalikes(text[], text[], uuid), internal.chosen_columns(text), internal.chosen_values(text, jsonb, jsonb),
	internal.merge_contacts(uuid, uuid[], jsonb), internal.merge_companies(uuid, uuid[], jsonb),
	internal.unmerge_refused(text), internal.unmerge_rows(uuid), internal.unmerge(uuid), internal.merged_into(text, uuid)
	to authenticated, service_role;
notify pgrst;
