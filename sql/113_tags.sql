-- One set of tags for contacts, companies, deals, tasks and leads, with counts
-- that nobody has to scan for; long work on records with its progress; the
-- country of a phone number.

-- ---- tags ---------------------------------------------------------------------------

create table public.tags (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 50),
	colour text not null default 'gray' check (colour in ('gray', 'blue', 'green', 'yellow', 'orange', 'red', 'purple', 'pink')),
	contacts integer not null default 0,
	companies integer not null default 0,
	deals integer not null default 0,
	tasks integer not null default 0,
	leads integer not null default 0,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint tags_name_key unique (organization_id, name)
);
comment on table public.tags is 'Tags in use, and those that were made to be used; records hold the names';
comment on column public.tags.contacts is 'How many contacts have it; such counts are summed up when they are read';
comment on column public.tags.colour is 'gray, blue, green, yellow, orange, red, purple or pink';
do $$ begin perform internal.tenant_table('public.tags'); end $$;
create index tags_search_idx on public.tags (organization_id, lower(name) text_pattern_ops);

-- What each statement adds and takes away. Only ever inserted into, so that two
-- writers who use the same tag do not wait for each other; tags_fold sums it up.
create table internal.tag_deltas (
	organization_id uuid not null,
	name text not null,
	kind text not null,
	n integer not null
);
create index tag_deltas_idx on internal.tag_deltas (organization_id);
alter table internal.tag_deltas enable row level security;
alter table internal.tag_deltas force row level security;

create function internal.tags_added() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.tag_deltas select n.organization_id, t, tg_argv[0], count(*)
		from new_rows n, unnest(n.tags) t where n.tags <> '{}' group by 1, 2;
	return null;
end
$$;
create function internal.tags_removed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.tag_deltas select o.organization_id, t, tg_argv[0], -count(*)
		from old_rows o, unnest(o.tags) t where o.tags <> '{}'
			and exists (select from public.organizations g where g.id = o.organization_id) group by 1, 2;
	return null;
end
$$;
create function internal.tags_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.tag_deltas select x.org, x.tag, tg_argv[0], sum(x.n)
		from (select o.organization_id as org, unnest(o.tags) as tag, -1 as n from old_rows o
			union all select n.organization_id, unnest(n.tags), 1 from new_rows n) x
		group by 1, 2 having sum(x.n) <> 0;
	return null;
end
$$;

-- Tags of a table are counted under this name of a column of tags.
create function internal.tagged_table(t regclass, kind text) returns void
language plpgsql
as $$
begin
	execute format('create trigger tags_insert after insert on %s referencing new table as new_rows
		for each statement execute function internal.tags_added(%L)', t, kind);
	execute format('create trigger tags_update after update on %s referencing old table as old_rows new table as new_rows
		for each statement execute function internal.tags_changed(%L)', t, kind);
	execute format('create trigger tags_delete after delete on %s referencing old table as old_rows
		for each statement execute function internal.tags_removed(%L)', t, kind);
	execute format('insert into internal.tag_deltas select organization_id, x, %L, count(*) from %s, unnest(tags) x group by 1, 2', kind, t);
end
$$;
comment on function internal.tagged_table(regclass, text) is
	'Counts the tags of a table with organization_id and tags text[]; kind: contacts, companies, deals, tasks or leads';
do $$ begin
	perform internal.tagged_table('public.contacts', 'contacts');
	perform internal.tagged_table('public.companies', 'companies');
	perform internal.tagged_table('public.deals', 'deals');
	perform internal.tagged_table('public.tasks', 'tasks');
end $$;

-- Sum up. Whoever reads counts calls it; a second one at the same time finds
-- nothing to do and does not wait.
create function internal.tags_fold() returns integer
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
	org uuid := auth.org();
	folded integer;
begin
	if not pg_try_advisory_xact_lock(hashtextextended(org::text || ' tags', 0)) then
		return 0;
	end if;
	with d as (
		delete from internal.tag_deltas where organization_id = org returning name, kind, n
	), s as (
		select d.name, coalesce(sum(d.n) filter (where kind = 'contacts'), 0) as contacts,
			coalesce(sum(d.n) filter (where kind = 'companies'), 0) as companies,
			coalesce(sum(d.n) filter (where kind = 'deals'), 0) as deals,
			coalesce(sum(d.n) filter (where kind = 'tasks'), 0) as tasks,
			coalesce(sum(d.n) filter (where kind = 'leads'), 0) as leads
		from d where length(d.name) between 1 and 50 group by d.name
	)
	insert into public.tags as t (organization_id, name, contacts, companies, deals, tasks, leads)
		select org, s.name, s.contacts, s.companies, s.deals, s.tasks, s.leads from s
			where s.contacts + s.companies + s.deals + s.tasks + s.leads <> 0
				or exists (select from public.tags k where k.organization_id = org and k.name = s.name)
		on conflict (organization_id, name) do update set contacts = t.contacts + excluded.contacts,
			companies = t.companies + excluded.companies, deals = t.deals + excluded.deals,
			tasks = t.tasks + excluded.tasks, leads = t.leads + excluded.leads;
	get diagnostics folded = row_count;
	return folded;
end
$$;

create function internal.tag_colour(tag text) returns text
language sql stable
as $$ select coalesce((select t.colour from public.tags t where t.organization_id = auth.org() and t.name = tag), 'gray') $$;

-- ---- long work on records -----------------------------------------------------------------

create table public.record_jobs (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null check (kind in ('tag_change', 'country_tags', 'person_export', 'retention')),
	payload jsonb not null default '{}',
	state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
	done integer not null default 0,
	total integer not null default 0,
	place uuid, -- the last record that was done
	result jsonb not null default '{}',
	error text,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	finished_at timestamptz,
	primary key (organization_id, id),
	constraint record_jobs_created_by_fkey foreign key (organization_id, created_by)
		references public.profiles (organization_id, id) on delete set null (created_by)
);
comment on table public.record_jobs is 'Long work on many records: changes of tags, tags by country, exports of personal data, deletion by age';
create index record_jobs_recent_idx on public.record_jobs (organization_id, kind, created_at desc);
do $$ begin perform internal.tenant_table('public.record_jobs', writable => false); end $$;
create policy own on public.record_jobs as restrictive for select to authenticated
	using (created_by = (select auth.uid()) or (select auth.is_admin()));

create function internal.record_job_begin(of_kind text, what jsonb, job uuid default uuid7(), at timestamptz default now()) returns uuid
language plpgsql security definer set search_path = ''
as $$
begin
	insert into public.record_jobs (organization_id, id, kind, payload)
		values (auth.org(), job, of_kind, what) on conflict do nothing;
	perform job.enqueue(auth.org(), 'record_job', job::text, jsonb_build_object('id', job), at);
	return job;
end
$$;

create function internal.record_job_end(job uuid, what jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	j public.record_jobs;
begin
	update public.record_jobs set state = 'done', finished_at = now(), result = what, total = done
		where organization_id = auth.org() and id = job returning * into j;
	-- Whoever asked for it is told, also when he acts here himself (CON-50).
	insert into public.notifications (organization_id, user_id, kind, record_type, record_id, data)
		select j.organization_id, j.created_by, 'job.' || j.kind, 'record_job', j.id, what || jsonb_build_object('done', j.done)
		where j.created_by is not null;
end
$$;

-- ---- renaming, merging, deleting tags -----------------------------------------------------

create function internal.retagged(tags text[], from_names text[], to_name text) returns text[]
language sql immutable
as $$
	select coalesce(array_agg(t order by n), '{}') from (
		select case when x = any (from_names) then to_name else x end as t, min(n) as n
		from unnest(tags) with ordinality u (x, n) group by 1) d
	where t is not null
$$;

-- {from: [names], to: name or null}. Records in slices, each an ordinary change.
create function internal.tag_change_step(j public.record_jobs, most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	t text;
	n integer;
	from_names text[] := array(select jsonb_array_elements_text(j.payload -> 'from'));
	to_name text := j.payload ->> 'to';
begin
	if j.organization_id <> auth.org() then
		return 0;
	end if;
	foreach t in array array['contacts', 'companies', 'deals', 'tasks', 'leads'] loop
		continue when to_regclass('public.' || t) is null;
		execute format('update public.%I x set tags = internal.retagged(x.tags, $2, $3)
			where x.organization_id = $1 and x.id in (select y.id from public.%I y
				where y.organization_id = $1 and y.tags && $2 limit $4)', t, t)
			using j.organization_id, from_names, to_name, most;
		get diagnostics n = row_count;
		if n > 0 then
			update public.record_jobs set done = done + n where organization_id = j.organization_id and id = j.id;
			return 1;
		end if;
	end loop;
	perform internal.tags_fold();
	update public.campaigns c set target_tags = internal.retagged(c.target_tags, from_names, to_name)
		where c.organization_id = j.organization_id and c.target_tags && from_names and c.status in ('DRAFT', 'SCHEDULED');
	delete from public.tags where organization_id = j.organization_id and name = any (from_names) and name is distinct from to_name;
	perform internal.record_job_end(j.id, j.payload);
	return 0;
end
$$;

-- to_name null: the tags are deleted. Begins the work; id of the job.
create function internal.tag_change(from_names text[], to_name text, job uuid) returns uuid
language plpgsql
as $$
declare
	wanted text := nullif(trim(to_name), '');
begin
	perform internal.must('can_manage_settings');
	if coalesce(cardinality(from_names), 0) = 0 then
		raise exception using errcode = 'KT400', message = 'Name at least one tag';
	end if;
	if length(wanted) > 50 or wanted like '%,%' then
		raise exception using errcode = 'KT400', message = 'A tag has at most 50 characters and no comma', column = 'name';
	end if;
	if wanted is not null then
		insert into public.tags (name, colour)
			select wanted, t.colour from public.tags t where t.name = any (from_names) order by t.contacts desc limit 1
			on conflict (organization_id, name) do nothing;
	end if;
	return internal.record_job_begin('tag_change', jsonb_build_object('from', to_jsonb(from_names), 'to', wanted), job);
end
$$;

-- ---- countries by phone number --------------------------------------------------------------

-- Prefixes of E.164 numbers as the ITU assigns them, area codes where countries
-- share one (+1, +7, +44); the longest that fits counts. A table, because the
-- work is done where the numbers are, thousands at a time, and nothing but the
-- prefix is needed for it.
create table internal.dial_codes (
	prefix text primary key check (prefix ~ '^[1-9][0-9]*$'),
	country text not null
);
alter table internal.dial_codes enable row level security;
alter table internal.dial_codes force row level security;
create policy known on internal.dial_codes for select to authenticated, service_role using (true);
grant select on internal.dial_codes to authenticated, service_role;
insert into internal.dial_codes (prefix, country) values
	('1', 'United States'), ('1204', 'Canada'), ('1226', 'Canada'), ('1236', 'Canada'), ('1242', 'Bahamas'),
	('1246', 'Barbados'), ('1249', 'Canada'), ('1250', 'Canada'), ('1257', 'Canada'), ('1263', 'Canada'),
	('1264', 'Anguilla'), ('1268', 'Antigua and Barbuda'), ('1284', 'British Virgin Islands'), ('1289', 'Canada'),
	('1306', 'Canada'), ('1340', 'US Virgin Islands'), ('1343', 'Canada'), ('1345', 'Cayman Islands'),
	('1354', 'Canada'), ('1365', 'Canada'), ('1367', 'Canada'), ('1368', 'Canada'), ('1382', 'Canada'),
	('1387', 'Canada'), ('1403', 'Canada'), ('1416', 'Canada'), ('1418', 'Canada'), ('1428', 'Canada'),
	('1431', 'Canada'), ('1437', 'Canada'), ('1438', 'Canada'), ('1441', 'Bermuda'), ('1450', 'Canada'),
	('1460', 'Canada'), ('1468', 'Canada'), ('1473', 'Grenada'), ('1474', 'Canada'), ('1506', 'Canada'),
	('1514', 'Canada'), ('1519', 'Canada'), ('1537', 'Canada'), ('1548', 'Canada'), ('1568', 'Canada'),
	('1579', 'Canada'), ('1581', 'Canada'), ('1584', 'Canada'), ('1587', 'Canada'), ('1600', 'Canada'),
	('1604', 'Canada'), ('1613', 'Canada'), ('1622', 'Canada'), ('1633', 'Canada'), ('1639', 'Canada'),
	('1644', 'Canada'), ('1647', 'Canada'), ('1649', 'Turks and Caicos Islands'), ('1655', 'Canada'),
	('1658', 'Jamaica'), ('1664', 'Montserrat'), ('1670', 'Northern Mariana Islands'), ('1671', 'Guam'),
	('1672', 'Canada'), ('1677', 'Canada'), ('1683', 'Canada'), ('1684', 'American Samoa'), ('1688', 'Canada'),
	('1705', 'Canada'), ('1709', 'Canada'), ('1721', 'Sint Maarten'), ('1742', 'Canada'), ('1753', 'Canada'),
	('1758', 'Saint Lucia'), ('1767', 'Dominica'), ('1778', 'Canada'), ('1780', 'Canada'), ('1782', 'Canada'),
	('1784', 'Saint Vincent and the Grenadines'), ('1787', 'Puerto Rico'), ('1807', 'Canada'),
	('1809', 'Dominican Republic'), ('1819', 'Canada'), ('1825', 'Canada'), ('1829', 'Dominican Republic'),
	('1849', 'Dominican Republic'), ('1867', 'Canada'), ('1868', 'Trinidad and Tobago'),
	('1869', 'Saint Kitts and Nevis'), ('1873', 'Canada'), ('1876', 'Jamaica'), ('1879', 'Canada'),
	('1902', 'Canada'), ('1905', 'Canada'), ('1939', 'Puerto Rico'), ('1942', 'Canada'), ('20', 'Egypt'),
	('211', 'South Sudan'), ('212', 'Morocco'), ('213', 'Algeria'), ('216', 'Tunisia'), ('218', 'Libya'),
	('220', 'Gambia'), ('221', 'Senegal'), ('222', 'Mauritania'), ('223', 'Mali'), ('224', 'Guinea'),
	('225', 'Ivory Coast'), ('226', 'Burkina Faso'), ('227', 'Niger'), ('228', 'Togo'), ('229', 'Benin'),
	('230', 'Mauritius'), ('231', 'Liberia'), ('232', 'Sierra Leone'), ('233', 'Ghana'), ('234', 'Nigeria'),
	('235', 'Chad'), ('236', 'Central African Republic'), ('237', 'Cameroon'), ('238', 'Cape Verde'),
	('239', 'São Tomé and Príncipe'), ('240', 'Equatorial Guinea'), ('241', 'Gabon'),
	('242', 'Republic of the Congo'), ('243', 'Democratic Republic of the Congo'), ('244', 'Angola'),
	('245', 'Guinea-Bissau'), ('246', 'British Indian Ocean Territory'), ('248', 'Seychelles'), ('249', 'Sudan'),
	('250', 'Rwanda'), ('251', 'Ethiopia'), ('252', 'Somalia'), ('253', 'Djibouti'), ('254', 'Kenya'),
	('255', 'Tanzania'), ('256', 'Uganda'), ('257', 'Burundi'), ('258', 'Mozambique'), ('260', 'Zambia'),
	('261', 'Madagascar'), ('262', 'Réunion'), ('262269', 'Mayotte'), ('262639', 'Mayotte'), ('263', 'Zimbabwe'),
	('264', 'Namibia'), ('265', 'Malawi'), ('266', 'Lesotho'), ('267', 'Botswana'), ('268', 'Eswatini'),
	('269', 'Comoros'), ('27', 'South Africa'), ('290', 'Saint Helena'), ('291', 'Eritrea'), ('297', 'Aruba'),
	('298', 'Faroe Islands'), ('299', 'Greenland'), ('30', 'Greece'), ('31', 'Netherlands'), ('32', 'Belgium'),
	('33', 'France'), ('34', 'Spain'), ('350', 'Gibraltar'), ('351', 'Portugal'), ('352', 'Luxembourg'),
	('353', 'Ireland'), ('354', 'Iceland'), ('355', 'Albania'), ('356', 'Malta'), ('357', 'Cyprus'),
	('358', 'Finland'), ('35818', 'Åland Islands'), ('359', 'Bulgaria'), ('36', 'Hungary'), ('370', 'Lithuania'),
	('371', 'Latvia'), ('372', 'Estonia'), ('373', 'Moldova'), ('374', 'Armenia'), ('375', 'Belarus'),
	('376', 'Andorra'), ('377', 'Monaco'), ('378', 'San Marino'), ('379', 'Vatican City'), ('380', 'Ukraine'),
	('381', 'Serbia'), ('382', 'Montenegro'), ('383', 'Kosovo'), ('385', 'Croatia'), ('386', 'Slovenia'),
	('387', 'Bosnia and Herzegovina'), ('389', 'North Macedonia'), ('39', 'Italy'), ('3906698', 'Vatican City'),
	('40', 'Romania'), ('41', 'Switzerland'), ('420', 'Czech Republic'), ('421', 'Slovakia'),
	('423', 'Liechtenstein'), ('43', 'Austria'), ('44', 'United Kingdom'), ('441481', 'Guernsey'),
	('441534', 'Jersey'), ('441624', 'Isle of Man'), ('447509', 'Jersey'), ('447524', 'Isle of Man'),
	('447624', 'Isle of Man'), ('447781', 'Guernsey'), ('447797', 'Jersey'),
	('447829', 'Jersey'), ('447839', 'Guernsey'), ('447911', 'Guernsey'), ('447924', 'Isle of Man'),
	('447937', 'Jersey'), ('45', 'Denmark'), ('46', 'Sweden'), ('47', 'Norway'), ('48', 'Poland'), ('49', 'Germany'),
	('500', 'Falkland Islands'), ('501', 'Belize'), ('502', 'Guatemala'), ('503', 'El Salvador'), ('504', 'Honduras'),
	('505', 'Nicaragua'), ('506', 'Costa Rica'), ('507', 'Panama'), ('508', 'Saint Pierre and Miquelon'),
	('509', 'Haiti'), ('51', 'Peru'), ('52', 'Mexico'), ('53', 'Cuba'), ('54', 'Argentina'), ('55', 'Brazil'),
	('56', 'Chile'), ('57', 'Colombia'), ('58', 'Venezuela'), ('590', 'Guadeloupe'), ('591', 'Bolivia'),
	('592', 'Guyana'), ('593', 'Ecuador'), ('594', 'French Guiana'), ('595', 'Paraguay'), ('596', 'Martinique'),
	('597', 'Suriname'), ('5993', 'Caribbean Netherlands'), ('5994', 'Caribbean Netherlands'),
	('5997', 'Caribbean Netherlands'), ('5999', 'Curaçao'), ('60', 'Malaysia'), ('61', 'Australia'),
	('62', 'Indonesia'), ('63', 'Philippines'), ('64', 'New Zealand'), ('65', 'Singapore'), ('66', 'Thailand'),
	('670', 'East Timor'), ('672', 'Norfolk Island'), ('673', 'Brunei'), ('674', 'Nauru'),
	('675', 'Papua New Guinea'), ('676', 'Tonga'), ('677', 'Solomon Islands'), ('678', 'Vanuatu'), ('679', 'Fiji'),
	('680', 'Palau'), ('681', 'Wallis and Futuna'), ('682', 'Cook Islands'), ('683', 'Niue'), ('685', 'Samoa'),
	('686', 'Kiribati'), ('687', 'New Caledonia'), ('688', 'Tuvalu'), ('689', 'French Polynesia'), ('690', 'Tokelau'),
	('691', 'Micronesia'), ('692', 'Marshall Islands'), ('7', 'Russia'), ('76', 'Kazakhstan'), ('77', 'Kazakhstan'),
	('81', 'Japan'), ('82', 'South Korea'), ('84', 'Vietnam'), ('850', 'North Korea'), ('852', 'Hong Kong'),
	('853', 'Macau'), ('855', 'Cambodia'), ('856', 'Laos'), ('86', 'China'), ('880', 'Bangladesh'), ('886', 'Taiwan'),
	('90', 'Turkey'), ('91', 'India'), ('92', 'Pakistan'), ('93', 'Afghanistan'), ('94', 'Sri Lanka'),
	('95', 'Myanmar'), ('960', 'Maldives'), ('961', 'Lebanon'), ('962', 'Jordan'), ('963', 'Syria'), ('964', 'Iraq'),
	('965', 'Kuwait'), ('966', 'Saudi Arabia'), ('967', 'Yemen'), ('968', 'Oman'), ('970', 'Palestine'),
	('971', 'United Arab Emirates'), ('972', 'Israel'), ('973', 'Bahrain'), ('974', 'Qatar'), ('975', 'Bhutan'),
	('976', 'Mongolia'), ('977', 'Nepal'), ('98', 'Iran'), ('992', 'Tajikistan'), ('993', 'Turkmenistan'),
	('994', 'Azerbaijan'), ('995', 'Georgia'), ('996', 'Kyrgyzstan'), ('998', 'Uzbekistan');

-- The country of an E.164 number; null when no prefix is known.
create function internal.phone_country(phone text) returns text
language sql stable
as $$
	select d.country from generate_series(2, 10) n join internal.dial_codes d on d.prefix = substr(phone, 2, n - 1)
	where left(phone, 1) = '+' order by n desc limit 1
$$;
comment on function internal.phone_country(text) is 'Name of the country of a phone number such as +201017177777: Egypt';

-- CON-49: each contact gets its country as a tag, by its first number that has one.
create function internal.country_tags_step(j public.record_jobs, most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	last uuid;
	seen integer;
	changed integer;
begin
	if j.organization_id <> auth.org() then
		return 0;
	end if;
	if j.state = 'waiting' then
		update public.record_jobs set state = 'running', total = (select count(*) from public.contacts c where c.organization_id = j.organization_id)
			where organization_id = j.organization_id and id = j.id;
	end if;
	with page as (
		select c.id, c.phones, c.tags from public.contacts c
		where c.organization_id = j.organization_id and (j.place is null or c.id > j.place) order by c.id limit most
	), found as (
		select p.id, (select internal.phone_country(x) from unnest(p.phones) with ordinality u (x, n)
			where internal.phone_country(x) is not null order by n limit 1) as country from page p where p.phones <> '{}'
	), done as (
		update public.contacts c set tags = c.tags || f.country from found f
		where c.organization_id = j.organization_id and c.id = f.id and f.country is not null and not c.tags @> array[f.country]
		returning 1
	)
	select (select p.id from page p order by p.id desc limit 1), (select count(*) from page), (select count(*) from done)
		into last, seen, changed;
	update public.record_jobs set done = done + seen, place = coalesce(last, place),
			result = jsonb_build_object('tagged', coalesce((result ->> 'tagged')::integer, 0) + changed)
		where organization_id = j.organization_id and id = j.id;
	if seen = most then
		return 1;
	end if;
	perform internal.record_job_end(j.id, (select x.result from public.record_jobs x where x.organization_id = j.organization_id and x.id = j.id));
	return 0;
end
$$;

create function internal.country_tags(job uuid) returns uuid
language plpgsql
as $$
begin
	perform internal.must('can_manage_settings');
	return internal.record_job_begin('country_tags', '{}', job);
end
$$;

-- UCF-51: after an import, where the organization wants it: settings {"country_tags": true}.
create function internal.import_countries() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from public.organizations o where o.id = new.organization_id and o.settings ->> 'country_tags' = 'true') then
		insert into public.record_jobs (organization_id, id, kind, created_by)
			values (new.organization_id, new.id, 'country_tags', new.created_by) on conflict do nothing;
		perform job.enqueue(new.organization_id, 'record_job', new.id::text, jsonb_build_object('id', new.id));
	end if;
	return null;
end
$$;
create trigger countries after update of state on public.imports for each row
	when (new.state = 'done' and old.state <> 'done' and new.kind = 'contacts') execute function internal.import_countries();

-- ---- one step of a job, for the worker ---------------------------------------------------------

-- How much is left: 0 when it is over. As the member who asked for it, so that
-- timelines say who it was.
create function internal.record_job_step(job uuid, most integer) returns bigint
language plpgsql
as $$
declare
	j public.record_jobs;
begin
	select * into j from public.record_jobs x where x.organization_id = auth.org() and x.id = job;
	if not found or j.state in ('done', 'failed') then
		return 0;
	end if;
	if j.created_by is not null and j.kind <> 'retention' then
		perform set_config('request.jwt.claims',
			(current_setting('request.jwt.claims')::jsonb || jsonb_build_object('sub', j.created_by))::text, true);
	end if;
	return case j.kind when 'tag_change' then internal.tag_change_step(j, most)
		when 'country_tags' then internal.country_tags_step(j, most) else 0 end;
end
$$;

grant execute on function internal.tags_fold(), internal.tag_colour(text), internal.record_job_begin(text, jsonb, uuid, timestamptz),
	internal.record_job_end(uuid, jsonb), internal.retagged(text[], text[], text), internal.tag_change_step(public.record_jobs, integer),
	internal.tag_change(text[], text, uuid), internal.phone_country(text), internal.country_tags_step(public.record_jobs, integer),
	internal.country_tags(uuid), internal.record_job_step(uuid, integer) to authenticated, service_role;
notify pgrst;
