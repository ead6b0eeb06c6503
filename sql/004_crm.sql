-- Companies, contacts, pipelines, deals, notes.

-- ---- companies -----------------------------------------------------------------

create table public.companies (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	domain text,
	website text,
	industry text,
	street text, city text, state text, postal_code text,
	country text,
	phones text[] not null default '{}',
	emails text[] not null default '{}',
	employee_count integer check (employee_count >= 0),
	annual_revenue numeric check (annual_revenue >= 0),
	description text check (length(description) <= 5000),
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	custom_fields jsonb not null default '{}' check (internal.custom_fields_ok(custom_fields)),
	search_text text generated always as (lower(name || ' ' || coalesce(domain, '') || ' ' || coalesce(website, '')
		|| ' ' || coalesce(industry, '') || ' ' || coalesce(city, '') || ' ' || coalesce(country, '')
		|| ' ' || internal.joined(emails) || ' ' || internal.digits(internal.joined(phones))
		|| ' ' || coalesce(description, ''))) stored,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.companies is 'B2B accounts';
create index companies_created_idx on public.companies (organization_id, created_at desc, id desc);
create index companies_name_idx on public.companies (organization_id, lower(name), id);
create index companies_search_idx on public.companies using gin (organization_id, search_text gin_trgm_ops);
do $$ begin perform internal.tenant_table('public.companies'); end $$;

-- ---- contacts --------------------------------------------------------------------

-- Strip white space, dashes, parentheses, dots; a bare number of 8 digits or more
-- gets its +; null when what is left is no number of 8-15 digits (CON-80..82).
-- lib/crm/identity.c is the same rule for programs.
create function internal.phone_normalized(raw text) returns text
language sql immutable parallel safe strict
as $$
	select case when p ~ '^\+[0-9]{8,15}$' then p when p ~ '^[0-9]{8,15}$' then '+' || p end
	from (select regexp_replace(raw,
		'[\s().\-\u00A0\u2000-\u2015\u2028-\u202F\u205F\u2060\u2212\u3000\uFEFF]', '', 'g') as p) stripped
$$;
grant execute on function internal.phone_normalized(text) to authenticated, service_role;

create table public.contacts (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	first_name text check (length(first_name) <= 100),
	last_name text check (length(last_name) <= 100),
	phones text[] not null default '{}',
	emails text[] not null default '{}',
	source text check (length(source) <= 50),
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	assignee_id uuid,
	company_id uuid,
	description text check (length(description) <= 5000),
	opt_in_status boolean not null default true,
	custom_fields jsonb not null default '{}' check (internal.custom_fields_ok(custom_fields)),
	full_name_search text generated always as
		(lower(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')))) stored,
	search_text text generated always as (lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' '
		|| coalesce(first_name, '') || ' ' || internal.joined(emails) || ' '
		|| internal.digits(internal.joined(phones)) || ' ' || internal.joined(tags))) stored,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint contacts_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete set null (company_id),
	constraint contacts_assignee_id_fkey foreign key (organization_id, assignee_id)
		references public.profiles (organization_id, id) on delete set null (assignee_id)
);
comment on table public.contacts is 'People; full_name_search is the lower-case full name';
create index contacts_created_idx on public.contacts (organization_id, created_at desc, id desc);
create index contacts_name_idx on public.contacts (organization_id, full_name_search, id);
create index contacts_company_idx on public.contacts (organization_id, company_id) where company_id is not null;
create index contacts_assignee_idx on public.contacts (organization_id, assignee_id, created_at desc);
-- Asked for with every message and every imported row: a pending list would be
-- read through each time.
create index contacts_phones_idx on public.contacts using gin (organization_id, phones) with (fastupdate = off);
create index contacts_emails_idx on public.contacts using gin (organization_id, emails) with (fastupdate = off);
create index contacts_tags_idx on public.contacts using gin (organization_id, tags);
create index contacts_search_idx on public.contacts using gin (organization_id, search_text gin_trgm_ops);

-- Phones become E.164, e-mails lower case, before anything is checked
-- (CON-80, CON-83): the same for the API, a page, an import and SQL by hand.
create function internal.contact_normalize() returns trigger
language plpgsql
as $$
declare
	bad text;
begin
	-- One that is in its stored form already is the usual case, and the quick one.
	if (tg_op = 'INSERT' or new.phones is distinct from old.phones)
			and (cardinality(new.phones) > 1 or new.phones[1] !~ '^\+[0-9]{8,15}$') then
		select p into bad from unnest(new.phones) p where internal.phone_normalized(p) is null limit 1;
		if bad is not null then
			raise exception using errcode = 'KT400', message = format('"%s" is not a phone number', bad),
				hint = 'Write 8 to 15 digits with the country code, for example +201017177777', column = 'phones';
		end if;
		select coalesce(array_agg(p order by n), '{}') into new.phones from (
			select internal.phone_normalized(x) as p, min(i) as n
			from unnest(new.phones) with ordinality u (x, i) group by 1) d;
	end if;
	if (tg_op = 'INSERT' or new.emails is distinct from old.emails)
			and (cardinality(new.emails) > 1 or new.emails[1] <> lower(new.emails[1])
				or new.emails[1] !~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$') then
		select e into bad from unnest(new.emails) e where trim(e) !~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$' limit 1;
		if bad is not null then
			raise exception using errcode = 'KT400', message = format('"%s" is not an e-mail address', bad),
				column = 'emails';
		end if;
		select coalesce(array_agg(e order by n), '{}') into new.emails from (
			select lower(trim(x)) as e, min(i) as n
			from unnest(new.emails) with ordinality u (x, i) group by 1) d;
	end if;
	return new;
end
$$;
create trigger normalize before insert or update on public.contacts
	for each row execute function internal.contact_normalize();
create trigger normalize before insert or update on public.companies
	for each row execute function internal.contact_normalize();
do $$ begin perform internal.tenant_table('public.contacts'); end $$;

-- Two requests that may make the same contact go one after the other: each locks
-- what identifies it (phones, e-mails, handles) before it looks. There are 64
-- locks per tenant, taken in order, so that a batch of 500 rows neither fills the
-- lock table nor meets another one head-on.
create function internal.lock_identities(org uuid, identities text[]) returns void
language plpgsql
as $$
declare
	slot integer;
begin
	for slot in select distinct (hashtextextended(x, 0) & 63)::integer from unnest(identities) x
			where x is not null order by 1 loop
		perform pg_advisory_xact_lock(hashtext(org::text), slot);
	end loop;
end
$$;
grant execute on function internal.lock_identities(uuid, text[]) to authenticated, service_role;

-- One identity with many handles: what a provider calls a person. Unique, so
-- that two deliveries at the same moment find or make one contact.
create table public.contact_handles (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	contact_id uuid not null,
	kind text not null check (kind in ('phone', 'email', 'telegram', 'messenger', 'instagram', 'tiktok', 'linkedin', 'shopify', 'widget')),
	value text not null,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, kind, value),
	constraint contact_handles_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade
);
create index contact_handles_contact_idx on public.contact_handles (organization_id, contact_id);
do $$ begin perform internal.tenant_table('public.contact_handles'); end $$;

-- The contact behind a handle: by the handle itself, else by a phone or e-mail
-- written on a contact, else a new one. Races end at the unique handle.
create function public.contact_for_handle(of_kind text, of_value text, display_name text) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	found uuid;
	parts text[];
begin
	loop
		select h.contact_id into found from public.contact_handles h
			where h.organization_id = org and h.kind = of_kind and h.value = of_value;
		if found is not null then
			return found;
		end if;
		perform internal.lock_identities(org, array[of_value]);
		select h.contact_id into found from public.contact_handles h
			where h.organization_id = org and h.kind = of_kind and h.value = of_value;
		if found is not null then
			return found;
		end if;
		if of_kind = 'phone' then
			select c.id into found from (select k.id, k.created_at from public.contacts k
				where k.organization_id = org and k.phones @> array[of_value] offset 0) c order by c.created_at, c.id limit 1;
		elsif of_kind = 'email' then
			select c.id into found from (select k.id, k.created_at from public.contacts k
				where k.organization_id = org and k.emails @> array[of_value] offset 0) c order by c.created_at, c.id limit 1;
		end if;
		if found is null then
			parts := regexp_split_to_array(trim(coalesce(nullif(trim(display_name), ''), 'Unknown Contact')), '\s+');
			insert into public.contacts (organization_id, first_name, last_name, phones, emails, source)
				values (org, left(parts[1], 100), left(nullif(array_to_string(parts[2:], ' '), ''), 100),
					case when of_kind = 'phone' then array[of_value] else '{}' end,
					case when of_kind = 'email' then array[of_value] else '{}' end,
					case of_kind when 'phone' then 'whatsapp' else of_kind end)
				returning id into found;
		end if;
		insert into public.contact_handles (organization_id, contact_id, kind, value)
			values (org, found, of_kind, of_value) on conflict do nothing;
		return found;
	end loop;
end
$$;
grant execute on function public.contact_for_handle(text, text, text) to authenticated;

-- ---- pipelines and deals -----------------------------------------------------------

create table public.pipelines (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100),
	is_default boolean not null default false,
	stages jsonb not null default '[
		{"id": "new", "name": "Deal", "color": "#64748b", "position": 1, "probability": 10, "type": "open"},
		{"id": "qualified", "name": "Qualified", "color": "#206bc4", "position": 2, "probability": 25, "type": "open"},
		{"id": "proposal", "name": "Proposal", "color": "#f59f00", "position": 3, "probability": 50, "type": "open"},
		{"id": "negotiation", "name": "Negotiation", "color": "#d6336c", "position": 4, "probability": 75, "type": "open"},
		{"id": "won", "name": "Closed Won", "color": "#2fb344", "position": 5, "probability": 100, "type": "won"},
		{"id": "lost", "name": "Closed Lost", "color": "#868e96", "position": 6, "probability": 0, "type": "lost"}]',
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.pipelines is
	'stages: list of {id, name, color, position, probability, type: open|won|lost} (DEA-6..9); a deal''s stage is the id of one';
create unique index pipelines_default_key on public.pipelines (organization_id) where is_default;

-- Stages may come as a JSON string (API-54) and without the optional keys;
-- they are stored whole, ids in lower case.
create function internal.pipeline_normalize() returns trigger
language plpgsql
as $$
begin
	if jsonb_typeof(new.stages) = 'string' then
		new.stages := (new.stages #>> '{}')::jsonb;
	end if;
	if jsonb_typeof(new.stages) <> 'array' or jsonb_array_length(new.stages) = 0
			or exists (select from jsonb_array_elements(new.stages) s
				where jsonb_typeof(s) <> 'object' or coalesce(s ->> 'id', '') = '') then
		raise exception using errcode = 'KT400', message = 'stages must be a list of objects with at least an id',
			hint = '[{"id": "new", "name": "New"}, ...]', column = 'stages';
	end if;
	select jsonb_agg(jsonb_build_object('id', lower(s ->> 'id'), 'name', coalesce(s ->> 'name', s ->> 'id'),
			'color', coalesce(s ->> 'color', '#64748b'), 'position', n,
			'probability', coalesce((s ->> 'probability')::numeric,
				case when lower(s ->> 'id') in ('won', 'closed_won') then 100 else 0 end),
			'type', coalesce(s ->> 'type', case when lower(s ->> 'id') in ('won', 'closed_won') then 'won'
				when lower(s ->> 'id') in ('lost', 'closed_lost') then 'lost' else 'open' end))
			|| (s - '{id,name,color,position,probability,type}'::text[])
			order by coalesce((s ->> 'position')::numeric, n), n)
		into new.stages from jsonb_array_elements(new.stages) with ordinality e (s, n);
	return new;
exception when invalid_text_representation then
	raise exception using errcode = 'KT400', message = 'stages is not valid JSON', column = 'stages';
end
$$;
create trigger normalize before insert or update of stages on public.pipelines
	for each row execute function internal.pipeline_normalize();
do $$ begin perform internal.tenant_table('public.pipelines'); end $$;

create table public.deals (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	title text not null check (length(title) between 1 and 200),
	description text check (length(description) <= 5000),
	value numeric(16,2) not null default 0 check (value >= 0),
	currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
	pipeline_id uuid not null,
	stage text not null default 'new' check (length(stage) between 1 and 64),
	probability numeric(5,2) check (probability between 0 and 100),
	contact_id uuid,
	company_id uuid,
	owner_id uuid,
	conversation_id uuid, -- foreign key follows in 005, where conversations stand
	expected_close_date date,
	source text check (length(source) <= 50),
	priority text,
	notes text,
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	products jsonb not null default '[]' check (jsonb_typeof(products) = 'array'),
	custom_fields jsonb not null default '{}' check (internal.custom_fields_ok(custom_fields)),
	stage_entered_at timestamptz not null default now(),
	won_at timestamptz,
	lost_at timestamptz,
	discard_reason text,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint deals_pipeline_id_fkey foreign key (organization_id, pipeline_id)
		references public.pipelines (organization_id, id),
	constraint deals_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint deals_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete set null (company_id),
	constraint deals_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete set null (owner_id)
);
comment on table public.deals is 'Sales opportunities; stage is the id of a stage of the pipeline (an unknown one is kept, DEA-84)';
create index deals_board_idx on public.deals (organization_id, pipeline_id, stage, stage_entered_at desc, id desc);
create index deals_created_idx on public.deals (organization_id, created_at desc, id desc);
create index deals_contact_idx on public.deals (organization_id, contact_id);
create index deals_company_idx on public.deals (organization_id, company_id) where company_id is not null;
create index deals_owner_idx on public.deals (organization_id, owner_id, created_at desc);
create index deals_title_idx on public.deals using gin (organization_id, title gin_trgm_ops);

create table public.deal_stage_history (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	deal_id uuid not null,
	from_stage text,
	to_stage text not null,
	changed_by uuid,
	changed_at timestamptz not null default now(),
	duration interval, -- time spent in from_stage
	primary key (organization_id, id),
	constraint deal_stage_history_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade
);
create index deal_stage_history_deal_idx on public.deal_stage_history (organization_id, deal_id, changed_at);
do $$ begin perform internal.tenant_table('public.deal_stage_history', writable => false); end $$;

create table public.deal_owner_history (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	deal_id uuid not null,
	owner_id uuid, -- the new owner; null: unassigned
	previous_owner_id uuid,
	reason text not null check (reason in ('Initial assignment', 'Reassigned', 'Unassigned', 'Auto-reassigned')),
	changed_by uuid,
	changed_at timestamptz not null default now(),
	duration interval, -- time with the previous owner
	primary key (organization_id, id),
	constraint deal_owner_history_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade
);
create index deal_owner_history_deal_idx on public.deal_owner_history (organization_id, deal_id, changed_at);
do $$ begin perform internal.tenant_table('public.deal_owner_history', writable => false); end $$;

-- Which stage of which pipeline, and what follows from it: the default
-- pipeline (DEA-76), the stage's own probability unless one was given in the
-- same change (DEA-19, DEA-35), won and lost with their times (DEA-20, DEA-66).
create function internal.deal_stage_rules() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	stage_row jsonb;
	moved boolean := tg_op = 'INSERT' or new.stage is distinct from old.stage
		or new.pipeline_id is distinct from old.pipeline_id;
begin
	if new.pipeline_id is null then
		select p.id into new.pipeline_id from public.pipelines p
			where p.organization_id = new.organization_id order by p.is_default desc, p.created_at, p.id limit 1;
		if new.pipeline_id is null then
			raise exception using errcode = 'KT400', message = 'No pipeline found: create one or name a pipeline_id';
		end if;
	end if;
	if not moved then
		return new;
	end if;
	select s into stage_row
		from public.pipelines p, jsonb_array_elements(p.stages) s
		where p.organization_id = new.organization_id and p.id = new.pipeline_id
			and (s ->> 'id' = lower(new.stage)
				or (lower(new.stage) in ('closed_won', 'closed_lost') and s ->> 'id' = substr(lower(new.stage), 8)))
		order by s ->> 'id' = lower(new.stage) desc limit 1;
	new.stage_entered_at := now();
	if stage_row is null then
		return new;
	end if;
	new.stage := stage_row ->> 'id';
	if (tg_op = 'INSERT' and new.probability is null)
			or (tg_op = 'UPDATE' and new.probability is not distinct from old.probability)
			or stage_row ->> 'type' in ('won', 'lost') then
		new.probability := (stage_row ->> 'probability')::numeric;
	end if;
	if stage_row ->> 'type' = 'won' then
		new.won_at := coalesce(new.won_at, now());
		new.probability := 100;
	elsif stage_row ->> 'type' = 'lost' then
		new.lost_at := coalesce(new.lost_at, now());
		new.probability := 0;
	end if;
	return new;
end
$$;
create trigger a_stage_rules before insert or update on public.deals
	for each row execute function internal.deal_stage_rules();
do $$ begin perform internal.tenant_table('public.deals'); end $$;

create function internal.deal_history() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	since timestamptz;
begin
	if tg_op = 'INSERT' or new.stage is distinct from old.stage then
		insert into public.deal_stage_history (organization_id, deal_id, from_stage, to_stage, changed_by, duration)
			values (new.organization_id, new.id, case when tg_op = 'UPDATE' then old.stage end, new.stage,
				auth.uid(), case when tg_op = 'UPDATE' then now() - old.stage_entered_at end);
	end if;
	if (tg_op = 'INSERT' and new.owner_id is not null)
			or (tg_op = 'UPDATE' and new.owner_id is distinct from old.owner_id) then
		if tg_op = 'UPDATE' and old.owner_id is not null then
			select max(h.changed_at) into since from public.deal_owner_history h
				where h.organization_id = new.organization_id and h.deal_id = new.id;
		end if;
		insert into public.deal_owner_history (organization_id, deal_id, owner_id, previous_owner_id, reason,
				changed_by, duration)
			values (new.organization_id, new.id, new.owner_id, case when tg_op = 'UPDATE' then old.owner_id end,
				case when new.owner_id is null then 'Unassigned'
					when tg_op = 'INSERT' or old.owner_id is null then 'Initial assignment'
					else 'Reassigned' end,
				auth.uid(), now() - since);
	end if;
	return null;
end
$$;
create trigger history after insert or update on public.deals
	for each row execute function internal.deal_history();

-- ---- notes ---------------------------------------------------------------------------

create table public.notes (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	contact_id uuid,
	company_id uuid,
	deal_id uuid,
	conversation_id uuid,
	author_id uuid default auth.uid(),
	content text not null check (length(content) between 1 and 20000),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint notes_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint notes_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete cascade,
	constraint notes_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade,
	constraint notes_author_id_fkey foreign key (organization_id, author_id)
		references public.profiles (organization_id, id) on delete set null (author_id)
);
comment on table public.notes is 'Internal texts on a contact, company, deal or conversation; never sent to a customer';
create index notes_contact_idx on public.notes (organization_id, contact_id, created_at desc) where contact_id is not null;
create index notes_company_idx on public.notes (organization_id, company_id, created_at desc) where company_id is not null;
create index notes_deal_idx on public.notes (organization_id, deal_id, created_at desc) where deal_id is not null;
do $$ begin perform internal.tenant_table('public.notes'); end $$;

-- ---- events ----------------------------------------------------------------------------

-- old_x / new_x for each named column that differs.
create function internal.changes(old_row jsonb, new_row jsonb, variadic names text[]) returns jsonb
language sql immutable
as $$
	select jsonb_object_agg(k, v) from (
		select 'old_' || n as k, old_row -> n as v from unnest(names) n where old_row -> n is distinct from new_row -> n
		union all
		select 'new_' || n, new_row -> n from unnest(names) n where old_row -> n is distinct from new_row -> n) pairs
$$;

-- What is nobody's business outside the database.
create function internal.snapshot(r jsonb) returns jsonb
language sql immutable
as $$ select r - '{search_text,full_name_search}'::text[] $$;

create function internal.contact_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, 'contact.created', 'contact', new.id, internal.snapshot(to_jsonb(new)));
		return null;
	end if;
	perform internal.emit(new.organization_id, 'contact.updated', 'contact', new.id, internal.snapshot(to_jsonb(new)),
		internal.changes(to_jsonb(old), to_jsonb(new), 'first_name', 'last_name', 'phones', 'emails', 'source', 'tags',
			'assignee_id', 'company_id', 'description', 'opt_in_status', 'custom_fields'));
	if new.assignee_id is distinct from old.assignee_id and new.assignee_id is not null then
		perform internal.emit(new.organization_id, 'contact.assigned', 'contact', new.id, internal.snapshot(to_jsonb(new)),
			internal.changes(to_jsonb(old), to_jsonb(new), 'assignee_id'));
	end if;
	return null;
end
$$;
create trigger events_insert after insert on public.contacts
	for each row execute function internal.contact_events();
create trigger events_update after update on public.contacts
	for each row when (to_jsonb(old) - 'updated_at' is distinct from to_jsonb(new) - 'updated_at')
	execute function internal.contact_events();

create function internal.company_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id,
		case tg_op when 'INSERT' then 'company.created' else 'company.updated' end, 'company', new.id,
		internal.snapshot(to_jsonb(new)), case tg_op when 'UPDATE' then internal.changes(to_jsonb(old), to_jsonb(new),
			'name', 'domain', 'website', 'industry', 'street', 'city', 'state', 'postal_code', 'country', 'phones',
			'emails', 'employee_count', 'annual_revenue', 'description', 'tags', 'custom_fields') end);
	return null;
end
$$;
create trigger events_insert after insert on public.companies
	for each row execute function internal.company_events();
create trigger events_update after update on public.companies
	for each row when (to_jsonb(old) - 'updated_at' is distinct from to_jsonb(new) - 'updated_at')
	execute function internal.company_events();

create function internal.deal_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	snapshot jsonb := internal.snapshot(to_jsonb(new));
begin
	if tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, 'deal.created', 'deal', new.id, snapshot);
	else
		perform internal.emit(new.organization_id, 'deal.updated', 'deal', new.id, snapshot,
			internal.changes(to_jsonb(old), to_jsonb(new), 'title', 'description', 'value', 'currency', 'stage',
				'pipeline_id', 'probability', 'contact_id', 'company_id', 'owner_id', 'expected_close_date', 'tags',
				'products', 'custom_fields', 'notes', 'priority', 'source', 'discard_reason'));
		if new.stage is distinct from old.stage then
			perform internal.emit(new.organization_id, 'deal.stage.changed', 'deal', new.id, snapshot,
				internal.changes(to_jsonb(old), to_jsonb(new), 'stage'));
		end if;
	end if;
	if new.owner_id is not null and (tg_op = 'INSERT' or new.owner_id is distinct from old.owner_id) then
		perform internal.emit(new.organization_id, 'deal.assigned', 'deal', new.id, snapshot,
			case tg_op when 'UPDATE' then internal.changes(to_jsonb(old), to_jsonb(new), 'owner_id') end);
	end if;
	return null;
end
$$;
create trigger events_insert after insert on public.deals
	for each row execute function internal.deal_events();
create trigger events_update after update on public.deals
	for each row when (to_jsonb(old) - 'updated_at' is distinct from to_jsonb(new) - 'updated_at')
	execute function internal.deal_events();

create function internal.note_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'note.created',
		case when new.deal_id is not null then 'deal' when new.conversation_id is not null then 'conversation'
			when new.company_id is not null then 'company' else 'contact' end,
		coalesce(new.deal_id, new.conversation_id, new.company_id, new.contact_id, new.id), to_jsonb(new));
	return null;
end
$$;
create trigger events_insert after insert on public.notes
	for each row execute function internal.note_events();
