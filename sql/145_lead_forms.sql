-- Web forms that make leads: hosted at /f/TOKEN, in a frame of a site of the
-- tenant, or filled by its own page as JSON; every submission is in a log.

create table public.lead_forms (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100),
	token text not null default replace(gen_random_uuid()::text, '-', ''),
	title text check (length(title) <= 200),
	intro text check (length(intro) <= 2000),
	fields jsonb not null default '[{"key": "name", "required": true}, {"key": "email", "required": true},
		{"key": "company_name", "required": false}, {"key": "description", "required": false}]',
	button text check (length(button) <= 50),
	consent text check (length(consent) <= 500),
	makes text not null default 'lead' check (makes in ('lead', 'contact')),
	source text not null default 'web_form' check (length(source) between 1 and 50),
	owner_id uuid,
	team_id uuid,
	territory text check (length(territory) <= 100),
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	thank_you text check (length(thank_you) <= 2000),
	redirect_url text check (length(redirect_url) <= 2000 and redirect_url ~* '^https?://[a-z0-9.-]+(:[0-9]+)?([/?#]\S*)?$'),
	allowed_origins text[] not null default '{}',
	language text not null default 'en' check (language in ('en', 'ar')),
	is_active boolean not null default true,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint lead_forms_token_key unique (token),
	constraint lead_forms_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete set null (owner_id),
	constraint lead_forms_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete set null (team_id)
);
comment on table public.lead_forms is 'Public web forms; what is sent becomes a lead (or at once a contact), or a signal of one that is known (LEA-2, LEA-25)';
comment on column public.lead_forms.fields is
	'List of {"key", "label", "required"}; key: name, email, phone, company_name, title, company_size, territory, description, or cf.KEY of a custom field of leads';
comment on column public.lead_forms.makes is 'lead, or contact without a lead between (LEA-25)';
comment on column public.lead_forms.consent is 'Beside a check box that has to be ticked; empty: there is none';
comment on column public.lead_forms.allowed_origins is 'Sites that may show or send the form: https://www.example.com';
comment on column public.lead_forms.token is 'In its address /f/TOKEN';

create function internal.lead_form_rules() returns trigger
language plpgsql
as $$
declare
	bad text;
begin
	if jsonb_typeof(new.fields) = 'string' then
		new.fields := (new.fields #>> '{}')::jsonb;
	end if;
	if jsonb_typeof(new.fields) <> 'array' or jsonb_array_length(new.fields) not between 1 and 40 then
		raise exception using errcode = 'KT400', message = 'A form has 1 to 40 fields', column = 'fields';
	end if;
	select f ->> 'key' into bad from jsonb_array_elements(new.fields) f
		where coalesce(f ->> 'key', '') not in ('name', 'email', 'phone', 'company_name', 'title', 'company_size', 'territory',
			'description') and not exists (select from public.custom_field_definitions d
				where d.organization_id = new.organization_id and d.entity = 'lead' and 'cf.' || d.key = f ->> 'key') limit 1;
	if found then
		raise exception using errcode = 'KT400', message = format('"%s" is no field of a lead', coalesce(bad, '')), column = 'fields',
			hint = 'name, email, phone, company_name, title, company_size, territory, description or cf.KEY of a custom field';
	end if;
	select jsonb_agg(jsonb_build_object('key', x.key, 'label', x.label, 'required', x.required) order by x.n) into new.fields
		from (select distinct on (f ->> 'key') f ->> 'key' as key, nullif(left(trim(f ->> 'label'), 100), '') as label,
				coalesce((f ->> 'required')::boolean, false) as required, n
			from jsonb_array_elements(new.fields) with ordinality e (f, n) order by f ->> 'key', n) x;
	if not new.fields @> '[{"key": "email"}]' and not new.fields @> '[{"key": "phone"}]' then
		raise exception using errcode = 'KT400', message = 'A form asks for an e-mail address or a phone number',
			hint = 'Without one nobody can answer', column = 'fields';
	end if;
	select array_agg(distinct o.origin) into new.allowed_origins from (
		select substring(lower(trim(x)) from '^(https?://[a-z0-9.-]+(?::[0-9]+)?)(?:/|$)') as origin from unnest(new.allowed_origins) x) o;
	if array_position(new.allowed_origins, null) is not null then
		raise exception using errcode = 'KT400', message = 'A site is written with its scheme', column = 'allowed_origins',
			hint = 'https://www.example.com';
	end if;
	new.allowed_origins := coalesce(new.allowed_origins, '{}');
	new.redirect_url := nullif(trim(new.redirect_url), '');
	new.source := coalesce(nullif(trim(new.source), ''), 'web_form');
	return new;
exception when invalid_text_representation then
	raise exception using errcode = 'KT400', message = 'fields is not a list of fields', column = 'fields';
end
$$;
create trigger a_rules before insert or update on public.lead_forms
	for each row execute function internal.lead_form_rules();
do $$ begin
	perform internal.tenant_table('public.lead_forms');
	perform internal.admin_table('public.lead_forms', read => true);
	perform internal.audit_table('public.lead_forms', 'lead_form', 'updated_at');
end $$;

create table public.lead_form_submissions (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	form_id uuid not null,
	lead_id uuid,
	contact_id uuid,
	outcome text not null check (outcome in ('created', 'matched', 'refused', 'spam', 'limited')),
	reason text,
	data jsonb not null default '{}',
	origin text check (length(origin) <= 300),
	page text check (length(page) <= 2000),
	address text,
	user_agent text check (length(user_agent) <= 300),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint lead_form_submissions_form_id_fkey foreign key (organization_id, form_id)
		references public.lead_forms (organization_id, id) on delete cascade,
	constraint lead_form_submissions_lead_id_fkey foreign key (organization_id, lead_id)
		references public.leads (organization_id, id) on delete cascade,
	constraint lead_form_submissions_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade
);
comment on table public.lead_form_submissions is 'Everything that was sent by a web form, with what became of it';
comment on column public.lead_form_submissions.outcome is
	'created: a new lead; matched: one with this e-mail was there; refused: something was wrong in it; spam; limited: too many from one address';
create index lead_form_submissions_form_idx on public.lead_form_submissions (organization_id, form_id, id desc);
create index lead_form_submissions_lead_idx on public.lead_form_submissions (organization_id, lead_id) where lead_id is not null;
create index lead_form_submissions_contact_idx on public.lead_form_submissions (organization_id, contact_id) where contact_id is not null;
create index lead_form_submissions_address_idx on public.lead_form_submissions (organization_id, form_id, address, created_at);
do $$ begin
	perform internal.tenant_table('public.lead_form_submissions', writable => false);
	perform internal.flag_table('public.lead_form_submissions', 'can_manage_settings');
end $$;

-- ---- what visitors see -------------------------------------------------------------------------

-- One row with everything that the page needs; none: there is no such form.
create function public.public_lead_form(form_token text)
	returns table (id uuid, name text, title text, intro text, fields jsonb, button text, consent text, thank_you text,
		redirect_url text, redirect_origin text, allowed_origins text[], language text, organization_name text)
language sql stable security definer set search_path = ''
as $$
	select f.id, f.name, coalesce(nullif(trim(f.title), ''), f.name), f.intro,
		(select jsonb_agg(jsonb_build_object('key', x ->> 'key', 'label', coalesce(x ->> 'label', d.label),
				'required', (x ->> 'required')::boolean or coalesce(d.required, false), 'type', coalesce(d.type, x ->> 'key'),
				'options', case when d.type in ('select', 'multi_select') then d.options end) order by n)
			from jsonb_array_elements(f.fields) with ordinality e (x, n)
			left join public.custom_field_definitions d on d.organization_id = f.organization_id and d.entity = 'lead'
				and 'cf.' || d.key = x ->> 'key' and not d.is_hidden
			where x ->> 'key' not like 'cf.%' or d.id is not null),
		f.button, nullif(trim(f.consent), ''), f.thank_you, f.redirect_url,
		substring(lower(f.redirect_url) from '^(https?://[a-z0-9.-]+(?::[0-9]+)?)(?:/|$|[?#])'), f.allowed_origins, f.language, o.name
	from public.lead_forms f join public.organizations o on o.id = f.organization_id
	where f.token = form_token and f.is_active and internal.on_site(f.organization_id)
$$;
grant execute on function public.public_lead_form(text) to anon;

-- What is wrong with one value of a form; null: nothing.
create function internal.lead_form_fault(org uuid, of_key text, needed boolean, value text) returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
	d public.custom_field_definitions;
	fault text;
begin
	if org is distinct from auth.org() then
		return null;
	end if;
	select * into d from public.custom_field_definitions f
		where f.organization_id = org and f.entity = 'lead' and 'cf.' || f.key = of_key;
	if coalesce(trim(value), '') = '' then
		return case when needed or d.required then 'needed' end;
	end if;
	if of_key like 'cf.%' then
		perform internal.custom_value(d, to_jsonb(value));
		return null;
	end if;
	return case of_key
		when 'email' then case when length(value) > 254 or trim(value) !~ '^[^\s@<>",;:\\()]+@[^\s@<>",;:\\()]+\.[^\s@<>",;:\\()]{2,}$' then 'email' end
		when 'phone' then case when internal.phone_normalized(value) is null then 'phone' end
		when 'company_size' then case when trim(value) !~ '^[0-9]{1,9}$' then 'number' end
		when 'description' then case when length(value) > 5000 then 'long' end
		when 'title' then case when length(value) > 100 then 'long' end
		when 'territory' then case when length(value) > 100 then 'long' end
		else case when length(value) > 200 then 'long' end end;
exception when sqlstate 'KT400' then
	get stacked diagnostics fault = message_text;
	return fault;
end
$$;

-- The newest lead with this address: one that is still open before one that is not.
create function internal.lead_known(address text, number text) returns public.leads
language sql stable security definer set search_path = ''
as $$
	select l from public.leads l
	where l.organization_id = auth.org() and (l.email = address or address is null and l.phone = number)
	order by l.status = 'Converted', l.created_at desc, l.id desc limit 1
$$;

create function internal.lead_form_store(f public.lead_forms, values_ jsonb, page text) returns table (outcome text, lead uuid, contact uuid)
language plpgsql security definer set search_path = ''
as $$
declare
	l public.leads;
	address text := nullif(lower(trim(values_ ->> 'email')), '');
	number text := internal.phone_normalized(nullif(trim(values_ ->> 'phone'), ''));
	person text := coalesce(nullif(trim(values_ ->> 'name'), ''), nullif(trim(values_ ->> 'company_name'), ''), address, number);
	custom jsonb := coalesce((select jsonb_object_agg(substr(k, 4), v) from jsonb_each(values_) e (k, v)
		where k like 'cf.%' and v #>> '{}' <> ''), '{}');
	points integer;
begin
	if f.organization_id is distinct from auth.org() then
		return;
	end if;
	perform internal.lock_identities(f.organization_id, array[address, number]);
	if f.makes = 'contact' then
		contact := (select m.id from internal.lead_contact(address, case when address is null then number end) m);
		outcome := case when contact is null then 'created' else 'matched' end;
		if contact is null then
			insert into public.contacts (organization_id, first_name, last_name, emails, phones, source, tags, assignee_id,
					description, custom_fields)
				values (f.organization_id, left(split_part(person, ' ', 1), 100),
					left(nullif(trim(substr(person, length(split_part(person, ' ', 1)) + 1)), ''), 100),
					case when address is null then '{}' else array[address] end,
					case when number is null then '{}' else array[number] end, f.source, f.tags, f.owner_id,
					nullif(trim(values_ ->> 'description'), ''), internal.lead_fields_for('contact', custom))
				returning id into contact;
		end if;
		return next;
		return;
	end if;
	l := internal.lead_known(address, number);
	if l.id is null then
		outcome := 'created';
		points := (select least(w.points, w.most) from internal.lead_weights(f.organization_id) w where w.kind = 'form_submission');
		-- The signal counts from the first moment on, so that rules of assignment know the score.
		insert into public.leads (organization_id, name, email, phone, company_name, title, company_size, territory, description,
				source, owner_id, team_id, tags, custom_fields, score)
			values (f.organization_id, left(person, 200), address, number, left(values_ ->> 'company_name', 200),
				values_ ->> 'title', (nullif(trim(values_ ->> 'company_size'), ''))::integer,
				coalesce(nullif(trim(values_ ->> 'territory'), ''), f.territory), nullif(trim(values_ ->> 'description'), ''),
				f.source, f.owner_id, f.team_id, f.tags, custom, points)
			returning * into l;
	else
		outcome := 'matched';
		if l.status <> 'Converted' then
			update public.leads x set phone = coalesce(x.phone, number),
					company_name = coalesce(x.company_name, left(nullif(trim(values_ ->> 'company_name'), ''), 200)),
					title = coalesce(x.title, values_ ->> 'title'),
					company_size = coalesce(x.company_size, (nullif(trim(values_ ->> 'company_size'), ''))::integer),
					description = coalesce(x.description, nullif(trim(values_ ->> 'description'), '')),
					tags = x.tags || array(select t from unnest(f.tags) t where not t = any (x.tags)),
					custom_fields = custom || x.custom_fields
				where x.organization_id = l.organization_id and x.id = l.id;
		end if;
	end if;
	lead := l.id;
	insert into public.lead_engagement_events (organization_id, lead_id, kind, subject, url)
		values (f.organization_id, l.id, 'form_submission', f.name, left(page, 2000));
	return next;
end
$$;

-- One submission. `client` is the form's own id, so that sending twice makes one.
-- `fault`: spam, or null. errors: {"email": "needed"}; then nothing was stored.
create function public.public_lead_submit(form_token text, client uuid, values_ jsonb, origin text, page text, addr text,
	agent text, fault text) returns table (outcome text, errors jsonb, track_key text)
language plpgsql security definer set search_path = ''
as $$
declare
	f public.lead_forms;
	made record;
	of_lead uuid;
	of_contact uuid;
begin
	select * into f from public.lead_forms x where x.token = form_token and x.is_active and internal.on_site(x.organization_id);
	if not found then
		raise exception using errcode = 'KT404', message = 'This form does not exist any more';
	end if;
	perform set_config('request.jwt.claims', json_build_object('organization_id', f.organization_id,
		'role', 'anon', 'app_role', 'SYSTEM')::text, true);
	perform pg_advisory_xact_lock(hashtextextended(client::text, 3));
	select s.outcome, null::jsonb, l.track_key into made from public.lead_form_submissions s
		left join public.leads l on l.organization_id = s.organization_id and l.id = s.lead_id
		where s.organization_id = f.organization_id and s.id = client and s.outcome <> 'refused';
	if found then
		return query select made.outcome, null::jsonb, made.track_key;
		return;
	end if;
	values_ := (select coalesce(jsonb_object_agg(e.key, left(e.value, 5001)), '{}') from jsonb_each_text(values_) e
		where exists (select from jsonb_array_elements(f.fields) x where x ->> 'key' = e.key));
	outcome := case when fault is not null then 'spam'
		when (select count(*) from (select from public.lead_form_submissions s where s.organization_id = f.organization_id
			and s.form_id = f.id and s.address = addr and s.created_at > now() - interval '10 minutes' limit 31) n) > 30
			then 'limited' end;
	if outcome is null then
		select jsonb_object_agg(x.key, x.fault) into errors from (
			select e ->> 'key' as key, internal.lead_form_fault(f.organization_id, e ->> 'key', (e ->> 'required')::boolean,
				values_ ->> (e ->> 'key')) as fault from jsonb_array_elements(f.fields) e) x where x.fault is not null;
		if errors is null and coalesce(trim(values_ ->> 'email'), '') = '' and coalesce(trim(values_ ->> 'phone'), '') = '' then
			errors := jsonb_build_object(case when f.fields @> '[{"key": "email"}]' then 'email' else 'phone' end, 'needed');
		end if;
		if errors is not null then
			outcome := 'refused';
		end if;
	end if;
	if outcome is null then
		select s.outcome, s.lead, s.contact into outcome, of_lead, of_contact from internal.lead_form_store(f, values_, page) s;
		track_key := (select l.track_key from public.leads l where l.organization_id = f.organization_id and l.id = of_lead);
	end if;
	insert into public.lead_form_submissions (organization_id, id, form_id, lead_id, contact_id, outcome, reason, data, origin,
			page, address, user_agent)
		values (f.organization_id, case when outcome = 'refused' then public.uuid7() else client end, f.id, of_lead, of_contact, outcome, coalesce(fault, (select string_agg(k || ': ' || v, ', ') from jsonb_each_text(errors) e (k, v))),
			values_, left(origin, 300), left(page, 2000), addr, left(agent, 300));
	return next;
end
$$;
grant execute on function public.public_lead_submit(text, uuid, jsonb, text, text, text, text, text) to anon;
notify pgrst;
