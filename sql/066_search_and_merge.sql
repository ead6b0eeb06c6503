-- Companies as the API knows them, searching by function, duplicates and merging.

-- ---- countries ------------------------------------------------------------------------

-- Companies keep their country as it was entered; it is found by name and by
-- its ISO 3166 code alike (companies.md, open points).
create function internal.country_code(of_name text) returns text
language sql immutable parallel safe
as $$
	select code from (values
		('AD', 'andorra'), ('AE', 'united arab emirates'), ('AF', 'afghanistan'),
		('AG', 'antigua & barbuda'), ('AI', 'anguilla'), ('AL', 'albania'), ('AM', 'armenia'),
		('AO', 'angola'), ('AQ', 'antarctica'), ('AR', 'argentina'), ('AS', 'american samoa'),
		('AT', 'austria'), ('AU', 'australia'), ('AW', 'aruba'), ('AX', 'åland islands'),
		('AZ', 'azerbaijan'), ('BA', 'bosnia & herzegovina'), ('BB', 'barbados'), ('BD', 'bangladesh'),
		('BE', 'belgium'), ('BF', 'burkina faso'), ('BG', 'bulgaria'), ('BH', 'bahrain'),
		('BI', 'burundi'), ('BJ', 'benin'), ('BL', 'st barthelemy'), ('BM', 'bermuda'),
		('BN', 'brunei'), ('BO', 'bolivia'), ('BQ', 'caribbean nl'), ('BR', 'brazil'),
		('BS', 'bahamas'), ('BT', 'bhutan'), ('BV', 'bouvet island'), ('BW', 'botswana'),
		('BY', 'belarus'), ('BZ', 'belize'), ('CA', 'canada'), ('CC', 'cocos (keeling) islands'),
		('CD', 'democratic republic of the congo'), ('CF', 'central african rep.'),
		('CG', 'republic of the congo'), ('CH', 'switzerland'), ('CI', 'ivory coast'),
		('CK', 'cook islands'), ('CL', 'chile'), ('CM', 'cameroon'), ('CN', 'china'),
		('CO', 'colombia'), ('CR', 'costa rica'), ('CU', 'cuba'), ('CV', 'cape verde'),
		('CW', 'curaçao'), ('CX', 'christmas island'), ('CY', 'cyprus'), ('CZ', 'czech republic'),
		('DE', 'germany'), ('DJ', 'djibouti'), ('DK', 'denmark'), ('DM', 'dominica'),
		('DO', 'dominican republic'), ('DZ', 'algeria'), ('EC', 'ecuador'), ('EE', 'estonia'),
		('EG', 'egypt'), ('EH', 'western sahara'), ('ER', 'eritrea'), ('ES', 'spain'),
		('ET', 'ethiopia'), ('FI', 'finland'), ('FJ', 'fiji'), ('FK', 'falkland islands'),
		('FM', 'micronesia'), ('FO', 'faroe islands'), ('FR', 'france'), ('GA', 'gabon'),
		('GB', 'united kingdom'), ('GD', 'grenada'), ('GE', 'georgia'), ('GF', 'french guiana'),
		('GG', 'guernsey'), ('GH', 'ghana'), ('GI', 'gibraltar'), ('GL', 'greenland'),
		('GM', 'gambia'), ('GN', 'guinea'), ('GP', 'guadeloupe'), ('GQ', 'equatorial guinea'),
		('GR', 'greece'), ('GS', 'south georgia & the south sandwich islands'), ('GT', 'guatemala'),
		('GU', 'guam'), ('GW', 'guinea-bissau'), ('GY', 'guyana'), ('HK', 'hong kong'),
		('HM', 'heard island & mcdonald islands'), ('HN', 'honduras'), ('HR', 'croatia'),
		('HT', 'haiti'), ('HU', 'hungary'), ('ID', 'indonesia'), ('IE', 'ireland'), ('IL', 'israel'),
		('IM', 'isle of man'), ('IN', 'india'), ('IO', 'british indian ocean territory'),
		('IQ', 'iraq'), ('IR', 'iran'), ('IS', 'iceland'), ('IT', 'italy'), ('JE', 'jersey'),
		('JM', 'jamaica'), ('JO', 'jordan'), ('JP', 'japan'), ('KE', 'kenya'), ('KG', 'kyrgyzstan'),
		('KH', 'cambodia'), ('KI', 'kiribati'), ('KM', 'comoros'), ('KN', 'st kitts & nevis'),
		('KP', 'north korea'), ('KR', 'south korea'), ('KW', 'kuwait'), ('KY', 'cayman islands'),
		('KZ', 'kazakhstan'), ('LA', 'laos'), ('LB', 'lebanon'), ('LC', 'st lucia'),
		('LI', 'liechtenstein'), ('LK', 'sri lanka'), ('LR', 'liberia'), ('LS', 'lesotho'),
		('LT', 'lithuania'), ('LU', 'luxembourg'), ('LV', 'latvia'), ('LY', 'libya'),
		('MA', 'morocco'), ('MC', 'monaco'), ('MD', 'moldova'), ('ME', 'montenegro'),
		('MF', 'saint martin'), ('MG', 'madagascar'), ('MH', 'marshall islands'),
		('MK', 'north macedonia'), ('ML', 'mali'), ('MM', 'myanmar'), ('MN', 'mongolia'),
		('MO', 'macau'), ('MP', 'northern mariana islands'), ('MQ', 'martinique'),
		('MR', 'mauritania'), ('MS', 'montserrat'), ('MT', 'malta'), ('MU', 'mauritius'),
		('MV', 'maldives'), ('MW', 'malawi'), ('MX', 'mexico'), ('MY', 'malaysia'),
		('MZ', 'mozambique'), ('NA', 'namibia'), ('NC', 'new caledonia'), ('NE', 'niger'),
		('NF', 'norfolk island'), ('NG', 'nigeria'), ('NI', 'nicaragua'), ('NL', 'netherlands'),
		('NO', 'norway'), ('NP', 'nepal'), ('NR', 'nauru'), ('NU', 'niue'), ('NZ', 'new zealand'),
		('OM', 'oman'), ('PA', 'panama'), ('PE', 'peru'), ('PF', 'french polynesia'),
		('PG', 'papua new guinea'), ('PH', 'philippines'), ('PK', 'pakistan'), ('PL', 'poland'),
		('PM', 'st pierre & miquelon'), ('PN', 'pitcairn'), ('PR', 'puerto rico'), ('PS', 'palestine'),
		('PT', 'portugal'), ('PW', 'palau'), ('PY', 'paraguay'), ('QA', 'qatar'), ('RE', 'réunion'),
		('RO', 'romania'), ('RS', 'serbia'), ('RU', 'russia'), ('RW', 'rwanda'),
		('SA', 'saudi arabia'), ('SB', 'solomon islands'), ('SC', 'seychelles'), ('SD', 'sudan'),
		('SE', 'sweden'), ('SG', 'singapore'), ('SH', 'st helena'), ('SI', 'slovenia'),
		('SJ', 'svalbard & jan mayen'), ('SK', 'slovakia'), ('SL', 'sierra leone'),
		('SM', 'san marino'), ('SN', 'senegal'), ('SO', 'somalia'), ('SR', 'suriname'),
		('SS', 'south sudan'), ('ST', 'sao tome & principe'), ('SV', 'el salvador'),
		('SX', 'sint maarten'), ('SY', 'syria'), ('SZ', 'eswatini (swaziland)'),
		('TC', 'turks & caicos is'), ('TD', 'chad'), ('TF', 'french s. terr.'), ('TG', 'togo'),
		('TH', 'thailand'), ('TJ', 'tajikistan'), ('TK', 'tokelau'), ('TL', 'east timor'),
		('TM', 'turkmenistan'), ('TN', 'tunisia'), ('TO', 'tonga'), ('TR', 'turkey'),
		('TT', 'trinidad & tobago'), ('TV', 'tuvalu'), ('TW', 'taiwan'), ('TZ', 'tanzania'),
		('UA', 'ukraine'), ('UG', 'uganda'), ('UM', 'us minor outlying islands'),
		('US', 'united states'), ('UY', 'uruguay'), ('UZ', 'uzbekistan'), ('VA', 'vatican city'),
		('VC', 'st vincent'), ('VE', 'venezuela'), ('VG', 'british virgin islands'),
		('VI', 'us virgin islands'), ('VN', 'vietnam'), ('VU', 'vanuatu'), ('WF', 'wallis & futuna'),
		('WS', 'samoa'), ('YE', 'yemen'), ('YT', 'mayotte'), ('ZA', 'south africa'), ('ZM', 'zambia'),
		('ZW', 'zimbabwe'), ('GB', 'great britain'), ('GB', 'uk'), ('US', 'usa'),
		('US', 'united states of america'), ('AE', 'uae'), ('CI', 'côte d''ivoire'), ('CZ', 'czechia'),
		('NL', 'the netherlands'), ('KR', 'korea'), ('TR', 'türkiye'), ('VN', 'viet nam'),
		('RU', 'russian federation'), ('DE', 'deutschland'), ('ES', 'españa'), ('IT', 'italia'),
		('AT', 'österreich'), ('CH', 'schweiz'), ('EG', 'مصر'), ('SA', 'السعودية'), ('SA', 'ksa')) x (code, name)
	where x.name = lower(trim(of_name)) or x.code = upper(trim(of_name)) limit 1
$$;
comment on function internal.country_code(text) is 'ISO 3166 code of a country''s name or code; null for anything else';

-- ---- one address or several --------------------------------------------------------------

-- The API has companies with email and phone, and with emails and phones
-- (companies.md): the single one is the first of the list.
alter table public.companies add email text, add phone text, add country_code text;
comment on column public.companies.email is 'The first of emails; writing it puts it there';
comment on column public.companies.phone is 'The first of phones; writing it puts it there';
comment on column public.companies.domain is 'Taken from website when it is not given';
comment on column public.companies.country_code is 'ISO 3166 code of country, by itself; null when the name is not known';

create function internal.first_of_list(list text[], was text, first text) returns text[]
language sql immutable
as $$
	select case when first is null then array_remove(list, was)
		else first || array_remove(array_remove(list, was), first) end
$$;

create function internal.company_forms() returns trigger
language plpgsql
as $$
begin
	if tg_op = 'INSERT' then
		new.emails := internal.first_of_list(new.emails, null, nullif(trim(new.email), ''));
		new.phones := internal.first_of_list(new.phones, null, nullif(trim(new.phone), ''));
	else
		if new.email is distinct from old.email then
			new.emails := internal.first_of_list(new.emails, old.email, nullif(trim(new.email), ''));
		end if;
		if new.phone is distinct from old.phone then
			new.phones := internal.first_of_list(new.phones, old.phone, nullif(trim(new.phone), ''));
		end if;
	end if;
	if coalesce(new.domain, '') = '' and new.website is not null then
		new.domain := lower(substring(new.website from '^(?:[a-zA-Z]+://)?(?:www\.)?([^/:?#\s]+\.[^/:?#\s]+)'));
	end if;
	new.country_code := internal.country_code(new.country);
	return new;
end
$$;
create trigger a_forms before insert or update on public.companies
	for each row execute function internal.company_forms();

-- After "normalize", which puts the lists into their stored form.
create function internal.company_first() returns trigger
language plpgsql
as $$
begin
	new.email := new.emails[1];
	new.phone := new.phones[1];
	return new;
end
$$;
create trigger p_first before insert or update on public.companies
	for each row execute function internal.company_first();
update public.companies set email = emails[1]; -- those that were there before

-- ---- searching -------------------------------------------------------------------------------

-- What a search box may mean: a text, or a phone number in another form: with
-- 00 or 0 before it, with the country code or without (API-77).
create function internal.search_patterns(term text) returns text[]
language sql immutable
as $$
	select array_agg(distinct p) from (
		select internal.search_pattern(term) as p
		union all
		select '%' || n || '%' from (select ltrim(regexp_replace(term, '[^0-9]', '', 'g'), '0') as digits) x,
			unnest(array[digits, case when length(digits) > 10 then right(digits, 10) end]) n
		where term ~ '^[+0-9 ().\-]+$' and length(n) > 3) patterns
$$;

-- The contacts with deals of that kind, by the type of the deal's stage; one that
-- the pipeline does not know is open.
create function internal.contacts_with_deals(org uuid, deal_status text) returns setof uuid
language sql stable
as $$
	with stages as (
		select p.id as pipeline, s ->> 'id' as stage, s ->> 'type' as type
		from public.pipelines p, jsonb_array_elements(p.stages) s where p.organization_id = org)
	select distinct d.contact_id
	from public.deals d left join stages s on s.pipeline = d.pipeline_id and s.stage = d.stage
	where d.organization_id = org and d.contact_id is not null
		and case deal_status when 'open' then coalesce(s.type, 'open') = 'open'
			when 'closed' then s.type in ('won', 'lost') when 'none' then true else s.type = deal_status end
$$;

-- Runs as the owner for the sake of the indexes (015); gives ids alone.
create function internal.search_contacts(term text, any_tags jsonb, deal_status text, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	patterns text[] := internal.search_patterns(term);
	with_tags text[] := array(select jsonb_array_elements_text(any_tags -> 'tags'));
	employers uuid[];
begin
	if term is null then
		return query select c.id from public.contacts c
			where c.organization_id = org and (with_tags = '{}' or c.tags && with_tags)
				and (deal_status is null
					or (c.id in (select internal.contacts_with_deals(org, deal_status))) <> (deal_status = 'none'))
			order by c.created_at desc, c.id desc limit most;
		return;
	end if;
	employers := array(select k.id from public.companies k
		where k.organization_id = org and lower(k.name) like internal.search_pattern(term) limit 200);
	return query select c.id from (
			select k.id, k.tags from public.contacts k where k.organization_id = org and k.search_text like any (patterns)
			union
			select k.id, k.tags from public.contacts k where k.organization_id = org and k.company_id = any (employers)) c
		where (with_tags = '{}' or c.tags && with_tags)
			and (deal_status is null
				or (c.id in (select internal.contacts_with_deals(org, deal_status))) <> (deal_status = 'none'))
		limit most;
end
$$;
comment on function internal.search_contacts(text, jsonb, text, integer) is
	'Ids by name, phone, e-mail, tag or company, with any of the tags, with deals open, closed, won, lost or none (API-77, API-78)';

create function internal.search_companies(term text, in_country text, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	code text := internal.country_code(in_country);
	patterns text[] := case when term is null then '{%}' else internal.search_patterns(term) end;
begin
	return query select c.id from public.companies c
		where c.organization_id = org and c.search_text like any (patterns)
			and case when in_country is null then true
				when in_country = '__no_country__' then coalesce(c.country, '') = ''
				else lower(c.country) = lower(in_country) or c.country_code = code end
		limit most;
end
$$;
comment on function internal.search_companies(text, text, integer) is
	'Ids by name, domain, e-mail, phone, city, industry, description; in a country, __no_country__ for none (API-79)';

-- ---- duplicates ----------------------------------------------------------------------------------

-- Groups that share an e-mail address, or a phone number but for zeros before it.
create function internal.duplicate_contacts(most integer) returns table (ids uuid[], reasons text[])
language sql stable security definer set search_path = ''
as $$
	select g.ids, array_agg(distinct g.reason) from (
		select k.reason, array_agg(distinct k.id order by k.id) as ids from (
			select 'email' as reason, e as value, c.id
				from public.contacts c, unnest(c.emails) e where c.organization_id = auth.org()
			union all
			select 'phone', ltrim(p, '+0'), c.id
				from public.contacts c, unnest(c.phones) p where c.organization_id = auth.org()) k
		group by k.reason, k.value having count(distinct k.id) > 1) g
	group by g.ids order by g.ids limit most
$$;

-- A company's name without what says only what kind of firm it is.
create function internal.company_key(name text) returns text
language sql immutable parallel safe
as $$
	select coalesce(nullif(trim(regexp_replace(words,
		'( (inc|incorporated|llc|ltd|limited|gmbh|mbh|ug|ag|kg|corp|corporation|co|company|plc|sa|sarl|sas|srl|spa|bv|nv|oy|ab|as|aps|pty|llp|lp|ltda|sl))+$',
		'')), ''), words)
	from (select trim(regexp_replace(lower(name), '[^[:alnum:]]+', ' ', 'g')) as words) x
$$;

create function internal.duplicate_companies(most integer) returns table (ids uuid[], reasons text[])
language sql stable security definer set search_path = ''
as $$
	select g.ids, array_agg(distinct g.reason) from (
		select k.reason, array_agg(distinct k.id order by k.id) as ids from (
			select 'name' as reason, internal.company_key(c.name) as value, c.id
				from public.companies c where c.organization_id = auth.org()
			union all
			select 'domain', regexp_replace(lower(c.domain), '^www\.', ''), c.id
				from public.companies c where c.organization_id = auth.org() and c.domain <> '') k
		group by k.reason, k.value having count(distinct k.id) > 1) g
	group by g.ids order by g.ids limit most
$$;

-- ---- merging ---------------------------------------------------------------------------------------

create table public.record_merges (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	record_type text not null check (record_type in ('contact', 'company')),
	primary_id uuid not null,
	duplicate_id uuid not null,
	duplicate jsonb not null,      -- the row that is gone
	primary_before jsonb not null, -- the other as it was before it took this one in
	moved jsonb not null,
	dropped jsonb not null,
	merged_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.record_merges is 'Each record that was merged into another, with all that is needed to take it out again';
comment on column public.record_merges.moved is '{"public.deals.contact_id": [{"id": ...}, ...]}: rows that now point to the primary, by key';
comment on column public.record_merges.dropped is '{"public.deal_contacts.contact_id": [{...}, ...]}: whole rows that the primary had the like of';
create index record_merges_primary_idx on public.record_merges (organization_id, primary_id);
create index record_merges_duplicate_idx on public.record_merges (organization_id, duplicate_id);
do $$ begin perform internal.tenant_table('public.record_merges', writable => false); end $$;

-- Every foreign key that can point to such a record, whichever module made it.
create function internal.references_to(target regclass) returns table (tab text, col text, key_object text)
language sql stable
as $$
	select k.conrelid::regclass::text, quote_ident(a.attname),
		(select format('jsonb_build_object(%s)', string_agg(format('%L, t.%I', p.attname, p.attname), ', '))
			from pg_index i join pg_attribute p on p.attrelid = i.indrelid and p.attnum = any (i.indkey)
			where i.indrelid = k.conrelid and i.indisprimary and p.attname <> 'organization_id')
	from pg_constraint k
	join pg_attribute t on t.attrelid = k.confrelid and t.attname = 'id'
	join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[array_position(k.confkey, t.attnum)]
	where k.contype = 'f' and k.confrelid = target
$$;

-- One reference that all rows cannot follow at once: those that the primary has
-- the like of stay behind and go with the duplicate.
create function internal.move_one_by_one(org uuid, tab text, col text, key_object text, from_id uuid, to_id uuid,
	out moved jsonb, out dropped jsonb)
language plpgsql
as $$
declare
	place tid;
	key jsonb;
begin
	moved := '[]'; dropped := '[]';
	for place in execute format('select ctid from %s where organization_id = $1 and %s = $2', tab, col) using org, from_id loop
		begin
			execute format('update %s t set %s = $1 where t.ctid = $2 returning %s', tab, col, key_object)
				into key using to_id, place;
			moved := moved || jsonb_build_array(key);
		exception when unique_violation then
			execute format('select to_jsonb(t) from %s t where t.ctid = $1', tab) into key using place;
			dropped := dropped || jsonb_build_array(key);
		end;
	end loop;
end
$$;

create function internal.move_references(org uuid, target regclass, from_id uuid, to_id uuid,
	out moved jsonb, out dropped jsonb)
language plpgsql
as $$
declare
	r record;
	m jsonb;
	d jsonb;
begin
	moved := '{}'; dropped := '{}';
	for r in select * from internal.references_to(target) loop
		begin
			execute format('with m as (update %s t set %s = $1 where t.organization_id = $2 and t.%s = $3 returning %s as k)
				select coalesce(jsonb_agg(k), ''[]'') from m', r.tab, r.col, r.col, r.key_object)
				into m using to_id, org, from_id;
			d := '[]';
		exception when unique_violation then
			select o.moved, o.dropped into m, d
				from internal.move_one_by_one(org, r.tab, r.col, r.key_object, from_id, to_id) o;
		end;
		moved := moved || case when m = '[]' then '{}' else jsonb_build_object(r.tab || '.' || r.col, m) end;
		dropped := dropped || case when d = '[]' then '{}' else jsonb_build_object(r.tab || '.' || r.col, d) end;
	end loop;
end
$$;

-- What belongs to the duplicate becomes the primary's, and how it was is kept.
-- As the owner, since not every table can be written by everybody; that the
-- caller may change and delete the two, merge_contacts and merge_companies see to.
create function internal.record_merge(kind text, keep jsonb, gone jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	m record;
begin
	select * into m from internal.move_references(org,
		case kind when 'contact' then 'public.contacts' else 'public.companies' end::regclass,
		(gone ->> 'id')::uuid, (keep ->> 'id')::uuid);
	insert into public.record_merges (organization_id, record_type, primary_id, duplicate_id, duplicate, primary_before,
			moved, dropped)
		values (org, kind, (keep ->> 'id')::uuid, (gone ->> 'id')::uuid, gone, keep, m.moved, m.dropped);
	perform internal.emit(org, kind || '.merged', kind, (keep ->> 'id')::uuid, internal.snapshot(keep),
		jsonb_build_object('merged_id', gone -> 'id'));
end
$$;

create function internal.merge_refused(kind text) returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT404', message = format('%s not found', initcap(kind)),
		hint = 'All of them have to exist, and you have to be allowed to change and delete them';
end
$$;

-- CON-63, CON-64: the primary keeps what it has and takes what it lacks; lists
-- become the union. Consent that one of them withdrew stays withdrawn.
create function internal.merge_contacts(keep uuid, others uuid[]) returns integer
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	k public.contacts;
	d public.contacts;
	n integer := 0;
begin
	perform from public.contacts c where c.organization_id = org and c.id = any (keep || others) order by c.id for update;
	select * into k from public.contacts c where c.organization_id = org and c.id = keep;
	if not found then
		perform internal.merge_refused('contact');
	end if;
	for d in select * from public.contacts c where c.organization_id = org and c.id = any (others)
			order by array_position(others, c.id) loop
		perform internal.record_merge('contact', to_jsonb(k), to_jsonb(d));
		k.first_name := coalesce(k.first_name, d.first_name);
		k.last_name := coalesce(k.last_name, d.last_name);
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
	update public.contacts set first_name = k.first_name, last_name = k.last_name, phones = k.phones, emails = k.emails,
			tags = k.tags, source = k.source, assignee_id = k.assignee_id, company_id = k.company_id,
			description = k.description, opt_in_status = k.opt_in_status, custom_fields = k.custom_fields
		where organization_id = org and id = keep;
	if not found then
		perform internal.merge_refused('contact');
	end if;
	return n;
end
$$;

-- COM-33
create function internal.merge_companies(keep uuid, others uuid[]) returns integer
language plpgsql
as $$
declare
	org uuid := internal.needs_tenant();
	k public.companies;
	d public.companies;
	n integer := 0;
begin
	perform from public.companies c where c.organization_id = org and c.id = any (keep || others) order by c.id for update;
	select * into k from public.companies c where c.organization_id = org and c.id = keep;
	if not found then
		perform internal.merge_refused('company');
	end if;
	for d in select * from public.companies c where c.organization_id = org and c.id = any (others)
			order by array_position(others, c.id) loop
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
		n := n + 1;
	end loop;
	delete from public.companies c where c.organization_id = org and c.id = any (others);
	if n <> (select count(distinct o) from unnest(others) o)
			or exists (select from public.companies c where c.organization_id = org and c.id = any (others)) then
		perform internal.merge_refused('company');
	end if;
	update public.companies set domain = k.domain, website = k.website, industry = k.industry, street = k.street,
			city = k.city, state = k.state, postal_code = k.postal_code, country = k.country, phones = k.phones,
			emails = k.emails, employee_count = k.employee_count, annual_revenue = k.annual_revenue,
			description = k.description, tags = k.tags, custom_fields = k.custom_fields, owner_id = k.owner_id
		where organization_id = org and id = keep;
	if not found then
		perform internal.merge_refused('company');
	end if;
	return n;
end
$$;

-- ---- contacts that may not exist twice -------------------------------------------------------------------

-- Off unless the organization wants it: settings {"reject_duplicate_contacts": true}
-- (contacts.md, open points). Functions that match first are never refused.
create function internal.contact_unique() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	known uuid;
begin
	if not exists (select from public.organizations o
			where o.id = new.organization_id and o.settings ->> 'reject_duplicate_contacts' = 'true') then
		return new;
	end if;
	perform internal.lock_identities(new.organization_id, new.emails || new.phones);
	select c.id into known from public.contacts c
		where c.organization_id = coalesce(auth.org(), new.organization_id) and (c.phones && new.phones or c.emails && new.emails) limit 1;
	if known is not null then
		raise exception using errcode = 'KT409', message = 'duplicate key: a contact has this phone or e-mail already',
			detail = format('Its id is %s', known), hint = 'Search first, then change that contact';
	end if;
	return new;
end
$$;
create trigger z_unique before insert on public.contacts
	for each row execute function internal.contact_unique();

grant execute on function internal.snapshot(jsonb), internal.first_of_list(text[], text, text),
	internal.country_code(text), internal.search_contacts(text, jsonb, text, integer),
	internal.search_companies(text, text, integer), internal.duplicate_contacts(integer),
	internal.duplicate_companies(integer), internal.record_merge(text, jsonb, jsonb), internal.merge_refused(text),
	internal.merge_contacts(uuid, uuid[]), internal.merge_companies(uuid, uuid[])
	to authenticated, service_role;

notify pgrst;
