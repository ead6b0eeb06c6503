-- From lead to contact, company and opportunity (LEA-11..16), in one transaction
-- and once: the lead is locked, and converting it again tells what it became.

-- Who has this address already, whoever may see him: a second contact with it
-- is never made.
create function internal.lead_contact(address text, number text) returns table (id uuid, by text)
language sql stable security definer set search_path = ''
as $$
	select x.id, x.by from (
		(select c.id, 'email' as by, 1 as place, c.created_at from public.contacts c
			where c.organization_id = auth.org() and c.emails @> array[address] limit 50)
		union all
		(select c.id, 'phone', 2, c.created_at from public.contacts c
			where c.organization_id = auth.org() and c.phones @> array[number] limit 50)) x
	order by x.place, x.created_at, x.id limit 1
$$;

create function internal.lead_company(called text) returns uuid
language sql stable security definer set search_path = ''
as $$
	select c.id from public.companies c where c.organization_id = auth.org() and lower(c.name) = lower(trim(called))
	order by c.created_at, c.id limit 1
$$;

-- The lead's custom fields that the other entity has under the same key, as far
-- as their values fit there; fields that nobody defined go along to the contact.
create function internal.lead_fields_for(of_entity text, vals jsonb) returns jsonb
language plpgsql stable
as $$
declare
	d public.custom_field_definitions;
	made jsonb := '{}';
	v record;
begin
	for v in select * from jsonb_each(vals) loop
		select * into d from public.custom_field_definitions f
			where f.organization_id = auth.org() and f.entity = of_entity and f.key = v.key;
		if found then
			begin
				made := made || jsonb_build_object(v.key, internal.custom_value(d, v.value));
			exception when sqlstate 'KT400' then
				null; -- another type: it stays with the lead
			end;
		elsif of_entity = 'contact' and not exists (select from public.custom_field_definitions f
				where f.organization_id = auth.org() and f.entity = 'lead' and f.key = v.key) then
			made := made || jsonb_build_object(v.key, v.value);
		end if;
	end loop;
	return made;
end
$$;

-- What a linked record lacks comes from the lead; what it has stays.
create function internal.lead_fill_contact(contact uuid, l public.leads, employer uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	update public.contacts c set
			emails = case when l.email is null or c.emails @> array[l.email] then c.emails else c.emails || l.email end,
			phones = case when l.phone is null or c.phones @> array[l.phone] then c.phones else c.phones || l.phone end,
			company_id = coalesce(c.company_id, employer),
			description = coalesce(c.description, l.description),
			source = coalesce(c.source, l.source),
			tags = c.tags || array(select t from unnest(l.tags) t where not t = any (c.tags)),
			custom_fields = internal.lead_fields_for('contact', l.custom_fields) || c.custom_fields
		where c.organization_id = auth.org() and c.id = contact and c.organization_id = l.organization_id;
end
$$;

create function public.convert_lead(lead_id uuid, create_contact boolean default false, create_company boolean default false,
	contact_id uuid default null, company_id uuid default null, create_opportunity boolean default false,
	pipeline_id uuid default null, stage text default null, opportunity_title text default null,
	opportunity_value numeric default null, opportunity_currency text default null,
	contact_fields jsonb default '{}', company_fields jsonb default '{}', opportunity_fields jsonb default '{}') returns jsonb
language plpgsql
as $$
declare
	l public.leads;
	person uuid := convert_lead.contact_id;
	firm uuid := convert_lead.company_id;
	deal uuid;
	pipe uuid := convert_lead.pipeline_id;
	step text := nullif(trim(convert_lead.stage), '');
	words text[];
	heir uuid;
begin
	perform internal.must('can_access_crm');
	select * into l from public.leads x where x.organization_id = auth.org() and x.id = convert_lead.lead_id for update;
	if not found then
		raise exception using errcode = 'KT404', message = 'This lead does not exist';
	end if;
	if l.status = 'Converted' then -- pressing the button twice is converting once
		return jsonb_build_object('lead_id', l.id, 'contact_id', l.converted_contact_id, 'company_id', l.converted_company_id,
			'opportunity_id', l.converted_deal_id, 'already_converted', true);
	end if;
	if not coalesce(create_contact, false) and not coalesce(create_company, false) and person is null and firm is null then
		raise exception using errcode = 'KT400', message = 'Choose what becomes of the lead: a contact, a company, or both',
			hint = 'An opportunity alone would belong to nobody', column = 'create_contact';
	end if;
	if coalesce(create_opportunity, false) and step is null then
		raise exception using errcode = 'KT400', message = 'Choose the stage in which the opportunity begins', column = 'stage';
	end if;
	perform internal.lock_identities(l.organization_id, array[l.email, l.phone, lower(l.company_name)]);
	perform set_config('kontor.converting', 'on', true);

	-- company
	if firm is not null then
		if not exists (select from public.companies c where c.organization_id = l.organization_id and c.id = firm) then
			raise exception using errcode = 'KT404', message = 'The company to link does not exist', column = 'company_id';
		end if;
	elsif create_company then
		if l.company_name is null then
			raise exception using errcode = 'KT400', message = 'The lead has no company name',
				hint = 'Write it on the lead first', column = 'company_name';
		end if;
		firm := internal.lead_company(l.company_name);
		if firm is null then
			insert into public.companies (organization_id, name, employee_count, owner_id, tags, custom_fields)
				values (l.organization_id, l.company_name, l.company_size, coalesce(l.owner_id, auth.uid()), l.tags,
					internal.lead_fields_for('company', l.custom_fields) || coalesce(company_fields, '{}'))
				returning id into firm;
		end if;
	end if;

	-- contact
	if person is not null then
		if not exists (select from public.contacts c where c.organization_id = l.organization_id and c.id = person) then
			raise exception using errcode = 'KT404', message = 'The contact to link does not exist', column = 'contact_id';
		end if;
	elsif create_contact then
		select m.id into person from internal.lead_contact(l.email, null) m;
		if person is null then
			words := regexp_split_to_array(l.name, '\s+');
			insert into public.contacts (organization_id, first_name, last_name, emails, phones, source, tags, assignee_id, company_id,
					description, status, custom_fields)
				values (l.organization_id, left(words[1], 100), left(nullif(array_to_string(words[2:], ' '), ''), 100),
					case when l.email is null then '{}' else array[l.email] end,
					case when l.phone is null then '{}' else array[l.phone] end, l.source, l.tags,
					coalesce(l.owner_id, auth.uid()), firm, l.description,
					case when create_opportunity then 'Prospect' else 'Lead' end,
					internal.lead_fields_for('contact', l.custom_fields) || coalesce(contact_fields, '{}'))
				returning id into person;
			heir := person;
		end if;
	end if;
	if person is not null and heir is null then
		perform internal.lead_fill_contact(person, l, firm);
	end if;

	-- opportunity
	if create_opportunity then
		insert into public.deals (organization_id, title, value, currency, pipeline_id, stage, contact_id, company_id, owner_id,
				source, tags, custom_fields)
			values (l.organization_id, left(coalesce(nullif(trim(opportunity_title), ''), l.company_name, l.name), 200),
				coalesce(opportunity_value, 0), coalesce(nullif(upper(trim(opportunity_currency)), ''),
					(select o.currency from public.organizations o where o.id = l.organization_id)),
				pipe, step, person, firm, coalesce(l.owner_id, auth.uid()), l.source, l.tags,
				internal.lead_fields_for('deal', l.custom_fields) || coalesce(opportunity_fields, '{}'))
			returning id into deal;
		if not exists (select from public.deals d join public.pipelines p on p.organization_id = d.organization_id
				and p.id = d.pipeline_id cross join jsonb_array_elements(p.stages) s
				where d.organization_id = l.organization_id and d.id = deal and s ->> 'id' = d.stage) then
			raise exception using errcode = 'KT400', message = 'This pipeline has no such stage', column = 'stage';
		end if;
	end if;

	update public.leads x set status = 'Converted', converted_at = now(), converted_by = auth.uid(),
			converted_contact_id = person, converted_company_id = firm, converted_deal_id = deal,
			disqualified_at = null, disqualify_reason = null
		where x.organization_id = l.organization_id and x.id = l.id;
	perform internal.lead_hand_over(l.id, person, firm);
	perform set_config('kontor.converting', '', true);
	return jsonb_build_object('lead_id', l.id, 'contact_id', person, 'company_id', firm, 'opportunity_id', deal,
		'already_converted', false);
end
$$;
comment on function public.convert_lead(uuid, boolean, boolean, uuid, uuid, boolean, uuid, text, text, numeric, text, jsonb, jsonb, jsonb) is
	'Makes contact, company and opportunity of a lead in one step, or links those that are there (LEA-14); once';

-- Notes, mails, calls, files and open tasks go along: to the contact, else to the
-- company. All but files are seen on the lead as well.
create function internal.lead_hand_over(lead uuid, person uuid, firm uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	update public.notes n set contact_id = person, company_id = case when person is null then firm else n.company_id end
		where n.organization_id = auth.org() and n.lead_id = lead;
	update public.record_emails m set contact_id = person, company_id = case when person is null then firm end
		where m.organization_id = auth.org() and m.lead_id = lead;
	update public.call_records r set contact_id = coalesce(r.contact_id, person)
		where r.organization_id = auth.org() and r.lead_id = lead and person is not null;
	update public.record_files f set contact_id = person, company_id = case when person is null then firm end, lead_id = null
		where f.organization_id = auth.org() and f.lead_id = lead;
	update public.tasks t set contact_id = coalesce(t.contact_id, person), company_id = coalesce(t.company_id, firm)
		where t.organization_id = auth.org() and t.lead_id = lead and not t.completed;
end
$$;

-- For the dialog: who and what is there already.
create function internal.lead_matches(lead uuid) returns table (kind text, id uuid, name text, detail text, reason text)
language sql stable
as $$
	select 'contact', c.id, internal.person(c.first_name, c.last_name, coalesce(c.emails[1], c.phones[1])),
			concat_ws(' · ', c.emails[1], c.phones[1]), m.by
		from public.leads l cross join lateral internal.lead_contact(l.email, l.phone) m
		join public.contacts c on c.organization_id = l.organization_id and c.id = m.id
		where l.organization_id = auth.org() and l.id = lead
	union all
	select 'company', c.id, c.name, concat_ws(' · ', c.domain, c.city), 'name'
		from public.leads l join public.companies c on c.organization_id = l.organization_id
			and c.id = internal.lead_company(l.company_name)
		where l.organization_id = auth.org() and l.id = lead
$$;
grant execute on function internal.lead_contact(text, text), internal.lead_company(text), internal.lead_fields_for(text, jsonb),
	internal.lead_fill_contact(uuid, public.leads, uuid), internal.lead_hand_over(uuid, uuid, uuid), internal.lead_matches(uuid),
	public.convert_lead(uuid, boolean, boolean, uuid, uuid, boolean, uuid, text, text, numeric, text, jsonb, jsonb, jsonb)
	to authenticated, service_role;
notify pgrst;
