-- Event types, availability, bookings, and what guests may do without an account.

-- ---- event types --------------------------------------------------------------

create table public.event_types (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	profile_id uuid not null default auth.uid(),
	title text not null check (length(title) between 1 and 200),
	slug text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
	description text check (length(description) <= 5000),
	duration_minutes integer not null check (duration_minutes between 5 and 480), -- SCH-7
	theme_color text check (theme_color ~ '^#[0-9a-fA-F]{6}$'),
	banner_image_url text check (banner_image_url ~ '^https://'),
	location_type text not null check (location_type in ('Google Meet', 'Zoom', 'Phone Call', 'In-Person', 'Custom')),
	location_details text check (length(location_details) <= 500),
	is_active boolean not null default true,
	buffer_minutes integer not null default 0 check (buffer_minutes between 0 and 480),
	daily_limit integer check (daily_limit > 0),
	notice_hours integer not null default 0 check (notice_hours between 0 and 8760),
	window_days integer not null default 60 check (window_days between 1 and 730),
	slot_interval_minutes integer check (slot_interval_minutes between 5 and 480), -- null: duration plus buffer
	confirmation_message text check (length(confirmation_message) <= 2000),
	cancellation_message text check (length(cancellation_message) <= 2000),
	questions jsonb not null default '[]' check (jsonb_typeof(questions) = 'array'), -- [{label, type, required}]
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint event_types_slug_key unique (organization_id, profile_id, slug), -- SCH-8, unique per host
	constraint event_types_profile_id_fkey foreign key (organization_id, profile_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.event_types is 'What guests can book with one host: /schedule/<username>/<slug>';
do $$ begin perform internal.tenant_table('public.event_types'); end $$;
-- Everybody sees them; only the host changes his own, admins override (SCH-145, SCH-146).
create policy own_insert on public.event_types as restrictive for insert to authenticated
	with check (profile_id = (select auth.uid()) or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));
create policy own_update on public.event_types as restrictive for update to authenticated
	using (profile_id = (select auth.uid()) or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));
create policy own_delete on public.event_types as restrictive for delete to authenticated
	using (profile_id = (select auth.uid()) or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));

-- Minutes from midnight in the host's time zone; several rows per weekday are allowed.
create table public.availability_rules (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	event_type_id uuid not null,
	weekday integer not null check (weekday between 0 and 6), -- Sunday = 0 (SCH-32)
	start_time_minutes integer not null check (start_time_minutes between 0 and 1439),
	end_time_minutes integer not null check (end_time_minutes between 1 and 1440),
	primary key (organization_id, id),
	check (start_time_minutes < end_time_minutes),
	constraint availability_rules_event_type_id_fkey foreign key (organization_id, event_type_id)
		references public.event_types (organization_id, id) on delete cascade
);
create index availability_rules_type_idx on public.availability_rules (organization_id, event_type_id, weekday);
do $$ begin perform internal.tenant_table('public.availability_rules'); end $$;

create table public.blocked_dates (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	event_type_id uuid not null,
	date_from date not null,
	date_to date not null,
	primary key (organization_id, id),
	check (date_from <= date_to),
	constraint blocked_dates_event_type_id_fkey foreign key (organization_id, event_type_id)
		references public.event_types (organization_id, id) on delete cascade
);
create index blocked_dates_type_idx on public.blocked_dates (organization_id, event_type_id, date_from);
do $$ begin perform internal.tenant_table('public.blocked_dates'); end $$;

-- ---- bookings -------------------------------------------------------------------

-- Minutes are minutes in every zone, so this is immutable, although
-- timestamptz + interval in general is not.
create function internal.busy(first timestamptz, last timestamptz, buffer integer) returns tstzrange
language plpgsql immutable parallel safe
as $$
begin
	return tstzrange(first, last + make_interval(mins => buffer));
end
$$;
grant execute on function internal.busy(timestamptz, timestamptz, integer) to authenticated, service_role;

create table public.bookings (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	event_type_id uuid,      -- null: entered by hand
	profile_id uuid,         -- the host; null: nobody's time is taken
	contact_id uuid,
	title text not null check (length(title) between 1 and 200),
	description text,
	guest_name text check (length(guest_name) between 1 and 200),
	guest_email text check (guest_email ~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$'),
	guest_phone text,
	guest_notes text check (length(guest_notes) <= 5000),
	guest_timezone text not null default 'UTC',
	answers jsonb not null default '[]',
	start_date_time timestamptz not null,
	end_date_time timestamptz not null,
	buffer_minutes integer not null default 0, -- of the event type when it was booked
	busy tstzrange not null generated always as (internal.busy(start_date_time, end_date_time, buffer_minutes)) stored,
	status text not null default 'scheduled'
		check (status in ('scheduled', 'confirmed', 'rescheduled', 'cancelled', 'completed')),
	overbooked boolean not null default false, -- entered by staff over another one on purpose
	location text,
	meeting_link text,
	notes text,
	google_calendar_event_id text,
	confirmation_token uuid not null default gen_random_uuid() unique, -- the guest's key (SCH-147)
	client_id uuid, -- of the form: sending it twice is one booking
	sequence integer not null default 0, -- of the calendar entry; grows with each change
	cancellation_reason text,
	cancelled_by text check (cancelled_by in ('host', 'guest')),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	check (start_date_time < end_date_time),
	constraint bookings_event_type_id_fkey foreign key (organization_id, event_type_id)
		references public.event_types (organization_id, id) on delete cascade,
	constraint bookings_profile_id_fkey foreign key (organization_id, profile_id)
		references public.profiles (organization_id, id) on delete set null (profile_id),
	constraint bookings_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete set null (contact_id),
	-- A host's time is taken once, over all his event types (SCH-38). The
	-- database alone decides between guests who ask at the same moment.
	constraint bookings_no_overlap exclude using gist
		(organization_id with =, profile_id with =, busy with &&)
		where (profile_id is not null and not overbooked and status in ('scheduled', 'confirmed', 'rescheduled'))
);
comment on table public.bookings is 'Appointments; times in UTC, guest_timezone is for showing them';
create unique index bookings_client_key on public.bookings (organization_id, client_id) where client_id is not null;
create index bookings_start_idx on public.bookings (organization_id, start_date_time desc, id desc);
create index bookings_host_idx on public.bookings (organization_id, profile_id, start_date_time);
create index bookings_contact_idx on public.bookings (organization_id, contact_id) where contact_id is not null;
do $$ begin perform internal.tenant_table('public.bookings'); end $$;
revoke select on public.bookings from authenticated;
grant select (organization_id, id, event_type_id, profile_id, contact_id, title, description, guest_name, guest_email,
	guest_phone, guest_notes, guest_timezone, answers, start_date_time, end_date_time, buffer_minutes, status, overbooked,
	location, meeting_link, notes, google_calendar_event_id, sequence, cancellation_reason, cancelled_by, created_at,
	updated_at) on public.bookings to authenticated;

-- Old times of a booking that was moved: one row and one token stay (open points).
create table public.booking_history (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	booking_id uuid not null,
	start_date_time timestamptz not null,
	end_date_time timestamptz not null,
	changed_at timestamptz not null default now(),
	changed_by uuid,
	primary key (organization_id, id),
	constraint booking_history_booking_id_fkey foreign key (organization_id, booking_id)
		references public.bookings (organization_id, id) on delete cascade
);
do $$ begin perform internal.tenant_table('public.booking_history', writable => false); end $$;

create function internal.booking_changes() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.start_date_time is distinct from old.start_date_time then
		insert into public.booking_history (organization_id, booking_id, start_date_time, end_date_time, changed_by)
			values (old.organization_id, old.id, old.start_date_time, old.end_date_time, auth.uid());
		if new.event_type_id is not null and new.status in ('scheduled', 'confirmed') then
			new.status := 'rescheduled'; -- SCH-105
		end if;
	end if;
	if new.start_date_time is distinct from old.start_date_time or new.status is distinct from old.status then
		new.sequence := old.sequence + 1;
	end if;
	return new;
end
$$;
create trigger changes before update on public.bookings
	for each row execute function internal.booking_changes();

create function internal.booking_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	snapshot jsonb := to_jsonb(new) - '{busy,confirmation_token,client_id}'::text[];
begin
	if tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, 'booking.created', 'booking', new.id, snapshot);
	elsif new.status = 'cancelled' and old.status <> 'cancelled' then
		perform internal.emit(new.organization_id, 'booking.cancelled', 'booking', new.id, snapshot,
			internal.changes(to_jsonb(old), to_jsonb(new), 'status'));
	elsif new.start_date_time is distinct from old.start_date_time then
		perform internal.emit(new.organization_id, 'booking.rescheduled', 'booking', new.id, snapshot,
			internal.changes(to_jsonb(old), to_jsonb(new), 'start_date_time', 'end_date_time'));
	else
		perform internal.emit(new.organization_id, 'booking.updated', 'booking', new.id, snapshot,
			internal.changes(to_jsonb(old), to_jsonb(new), 'status', 'title', 'location', 'meeting_link', 'notes'));
	end if;
	return null;
end
$$;
create trigger events_insert after insert on public.bookings
	for each row execute function internal.booking_events();
create trigger events_update after update on public.bookings
	for each row when (to_jsonb(old) - 'updated_at' is distinct from to_jsonb(new) - 'updated_at')
	execute function internal.booking_events();

-- Mails to guest and host, written by the worker (job booking_mail) from the
-- booking as it is then: of two changes in a row only the last is told, which
-- is what the sequence is for. Bookings by hand have no guest's page.
create function internal.booking_mails() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(new.organization_id, 'booking_mail', new.id || ':' || new.sequence,
		jsonb_build_object('token', new.confirmation_token, 'sequence', new.sequence,
			-- Nobody is told what he did himself.
			'tell_host', auth.uid() is distinct from new.profile_id,
			'what', case when new.status = 'cancelled' then 'cancelled' when tg_op = 'INSERT' then 'created'
				else 'rescheduled' end));
	return null;
end
$$;
create trigger mails_insert after insert on public.bookings
	for each row when (new.event_type_id is not null and new.guest_email is not null and new.status <> 'cancelled')
	execute function internal.booking_mails();
create trigger mails_update after update on public.bookings
	for each row when (new.event_type_id is not null and new.guest_email is not null
		and (new.start_date_time <> old.start_date_time or (new.status = 'cancelled' and old.status <> 'cancelled')))
	execute function internal.booking_mails();

-- ---- slots ------------------------------------------------------------------------

-- A zone's name as a guest's browser sent it, or `other` when nobody knows it.
create function internal.zone(wanted text, other text) returns text
language plpgsql stable parallel safe
as $$
begin
	if wanted ~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$' then
		perform now() at time zone wanted;
		return wanted;
	end if;
	return other;
exception when invalid_parameter_value then
	return other;
end
$$;

-- When a clock in the zone shows that time; where it shows it twice, the first,
-- or for late the one from which on it shows nothing earlier; where it never
-- does, when it jumps over it.
create function internal.instant(shown timestamp, zone text, late boolean) returns timestamptz
language plpgsql stable parallel safe
as $$
declare
	at timestamptz := shown at time zone zone;
	before timestamptz := (shown - interval '3 hours') at time zone zone + interval '3 hours';
	after timestamptz := (shown + interval '3 hours') at time zone zone - interval '3 hours';
begin
	if at = before and at = after then
		return at; -- no change of the clock is near
	elsif at at time zone zone <> shown then
		return (select min(t) from generate_series(after, at, interval '1 minute') t where t at time zone zone > shown);
	end if;
	select min(t), max(t) into before, after from unnest(array[at, before, after]) t where t at time zone zone = shown;
	-- Set back exactly to that time: nothing earlier is shown again.
	return case when late and (after - interval '1 minute') at time zone zone < shown then after else before end;
end
$$;

-- Free starts of an event type on the host's local days from first to last,
-- but for one booking that is being moved. All of SCH-37:
-- rules per weekday in the host's zone; each day's opening hours become a
-- stretch of real time, in which slots follow each other by real minutes, so
-- that both changes of the clock come out right: an hour that does not exist
-- has no slots, one that comes twice has them twice; bookings of the host over
-- all his event types with the larger of both buffers between; blocked dates;
-- notice; window; daily limit.
create function internal.slots(org uuid, of_type uuid, first date, last date, moving uuid default null)
	returns table (starts_at timestamptz)
language sql stable
set search_path = ''
as $$
	with type as materialized (
		select t.*, p.timezone as zone, make_interval(mins => t.duration_minutes) as length,
			make_interval(mins => coalesce(t.slot_interval_minutes, t.duration_minutes + t.buffer_minutes)) as step,
			(now() at time zone p.timezone)::date as today
		from public.event_types t
		join public.profiles p on p.organization_id = t.organization_id and p.id = t.profile_id
		where t.organization_id = org and t.id = of_type and t.is_active and p.is_active
	), days as (
		select t.*, d::date as day
		from type t, generate_series(greatest(first, t.today)::timestamp,
			least(last, t.today + t.window_days)::timestamp, interval '1 day') d
		where not exists (
			select from public.blocked_dates b
			where b.organization_id = org and b.event_type_id = of_type and d::date between b.date_from and b.date_to)
	), open_days as materialized (
		select d.* from days d
		where d.daily_limit is null or d.daily_limit > (
			select count(*) from public.bookings b
			where b.organization_id = org and b.event_type_id = of_type and b.id is distinct from moving
				and b.status in ('scheduled', 'confirmed', 'rescheduled', 'completed')
				and b.start_date_time >= internal.instant(d.day::timestamp, d.zone, false)
				and b.start_date_time < internal.instant((d.day + 1)::timestamp, d.zone, false))
	), slots as (
		select distinct at, d.length, d.buffer_minutes, d.profile_id, d.notice_hours
		from open_days d
		join public.availability_rules r on r.organization_id = org and r.event_type_id = of_type
			and r.weekday = extract(dow from d.day)
		cross join generate_series(
			internal.instant(d.day + make_interval(mins => r.start_time_minutes), d.zone, true),
			internal.instant(d.day + make_interval(mins => r.end_time_minutes), d.zone, false) - d.length,
			d.step) at
	)
	select s.at from slots s
	where s.at >= now() + make_interval(hours => s.notice_hours)
		and not exists (
			select from public.bookings b
			where b.organization_id = org and b.profile_id = s.profile_id and b.id is distinct from moving
				and b.status in ('scheduled', 'confirmed', 'rescheduled')
				and s.at < b.end_date_time + make_interval(mins => greatest(b.buffer_minutes, s.buffer_minutes))
				and s.at + s.length + make_interval(mins => greatest(b.buffer_minutes, s.buffer_minutes))
					> b.start_date_time)
	order by 1
$$;
comment on function internal.slots(uuid, uuid, date, date, uuid) is 'calculateAvailability (SCH-39): first and last are days in the host''s zone';

create function internal.next_slot(org uuid, of_type uuid, after timestamptz, moving uuid default null) returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
	day date;
	last date;
	found_at timestamptz;
begin
	select (greatest(after, now()) at time zone p.timezone)::date, (now() at time zone p.timezone)::date + t.window_days
		into day, last
		from public.event_types t
		join public.profiles p on p.organization_id = t.organization_id and p.id = t.profile_id
		where t.organization_id = org and t.id = of_type;
	while day <= last loop
		select min(s.starts_at) into found_at from internal.slots(org, of_type, day, day + 13, moving) s
			where s.starts_at >= after;
		exit when found_at is not null;
		day := day + 14;
	end loop;
	return found_at;
end
$$;
comment on function internal.next_slot(uuid, uuid, timestamptz, uuid) is 'getNextAvailableSlot (SCH-39)';

-- ---- guests: role anon, nothing but these -----------------------------------------------

create function public.public_schedule(host text)
	returns table (name text, avatar_url text, timezone text, organization_name text, title text, slug text,
		description text, duration_minutes integer, location_type text, theme_color text)
language sql stable security definer set search_path = ''
as $$
	select coalesce(nullif(trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), ''), p.username),
		p.avatar_url, p.timezone, o.name, t.title, t.slug, t.description, t.duration_minutes, t.location_type, t.theme_color
	from public.profiles p
	join public.organizations o on o.id = p.organization_id
	left join public.event_types t on t.organization_id = p.organization_id and t.profile_id = p.id and t.is_active
	where lower(p.username) = lower(host) and p.is_active and internal.on_site(p.organization_id)
	order by t.duration_minutes, t.title
$$;
comment on function public.public_schedule(text) is 'A host and his active event types, one row each (SCH-73); none: no such host';

create function public.public_event_type(host text, type_slug text)
	returns table (organization_id uuid, id uuid, name text, avatar_url text, timezone text, organization_name text,
		title text, slug text, description text, duration_minutes integer, location_type text, location_details text,
		theme_color text, banner_image_url text, confirmation_message text, questions jsonb, window_days integer)
language sql stable security definer set search_path = ''
as $$
	select t.organization_id, t.id,
		coalesce(nullif(trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), ''), p.username),
		p.avatar_url, p.timezone, o.name, t.title, t.slug, t.description, t.duration_minutes, t.location_type,
		case when t.location_type = 'In-Person' then t.location_details end, t.theme_color, t.banner_image_url,
		t.confirmation_message, t.questions, t.window_days
	from public.profiles p
	join public.organizations o on o.id = p.organization_id
	join public.event_types t on t.organization_id = p.organization_id and t.profile_id = p.id
	where lower(p.username) = lower(host) and p.is_active and t.slug = lower(type_slug) and t.is_active
		and internal.on_site(p.organization_id)
$$;
comment on function public.public_event_type(text, text) is 'What the booking page shows; no row for a wrong name or an inactive type (SCH-81)';

create function public.public_slots(host text, type_slug text, first date, last date, token uuid default null)
	returns table (starts_at timestamptz)
language sql stable security definer set search_path = ''
as $$
	select s.starts_at
	from public.public_event_type(host, type_slug) t
	cross join internal.slots(t.organization_id, t.id, first, least(last, first + 62),
		(select b.id from public.bookings b where b.organization_id = t.organization_id and b.confirmation_token = token)) s
$$;

-- A month of the guest's own days as the booking page shows it: one row a day
-- with the number of free times; the chosen day (or the first free one) with
-- the times themselves. Without a month: the first that has a free time.
-- clock is the to_char pattern for a time; token: a booking that is moved.
create function public.public_calendar(host text, type_slug text, zone text, month date, chosen date, clock text,
	token uuid default null)
	returns table (day date, free integer, is_today boolean, is_chosen boolean, times json, zone_used text, next_free date)
language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
	t record;
	z text;
	moved uuid;
	first date;
	last date;
begin
	select * into t from public.public_event_type(host, type_slug);
	if not found then
		return;
	end if;
	z := internal.zone(zone, t.timezone);
	select b.id into moved from public.bookings b
		where b.organization_id = t.organization_id and b.event_type_id = t.id and b.confirmation_token = token;
	first := date_trunc('month', coalesce(month, chosen,
		(coalesce(internal.next_slot(t.organization_id, t.id, now(), moved), now()) at time zone z)::date)::timestamp)::date;
	last := (first + interval '1 month')::date - 1;
	return query
		-- The guest's days are not the host's: look one further on both sides.
		with free as materialized (
			select s.starts_at, (s.starts_at at time zone z)::date as on_day
			from internal.slots(t.organization_id, t.id, first - 1, last + 1, moved) s
		), counted as (
			select d::date as day, count(f.starts_at)::integer as n,
				d::date = coalesce(chosen, (select min(f.on_day) from free f where f.on_day >= first and f.on_day <= last)) as mine
			from generate_series(first::timestamp, last::timestamp, interval '1 day') d
			left join free f on f.on_day = d::date
			group by d
		)
		select c.day, c.n, c.day = (now() at time zone z)::date, coalesce(c.mine, false),
			case when c.mine then coalesce((select json_agg(json_build_object(
					'at', to_char(f.starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
					'label', to_char(f.starts_at at time zone z, clock)) order by f.starts_at)
				from free f where f.on_day = c.day), '[]') end,
			z,
			case when not exists (select from free f where f.on_day between first and last) then
				(internal.next_slot(t.organization_id, t.id, first::timestamp at time zone z, moved) at time zone z)::date end
		from counted c
		order by c.day;
end
$$;

create function internal.slot_taken() returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT409', message = 'slot taken',
		detail = 'This time has just been taken or is no longer offered.',
		hint = 'Please choose another time.';
end
$$;

-- What the guest answered, with the questions beside it: [{label, answer}].
-- Takes the answers by place, or by the questions' labels.
create function internal.answers(questions jsonb, given jsonb) returns jsonb
language plpgsql immutable
as $$
declare
	q jsonb;
	n integer := 0;
	answer text;
	checked jsonb := '[]';
begin
	for q in select * from jsonb_array_elements(questions) loop
		answer := trim(case jsonb_typeof(given) when 'array' then given ->> n else given ->> (q ->> 'label') end);
		if coalesce(answer, '') = '' and (q ->> 'required')::boolean then
			raise exception using errcode = 'KT422', message = format('Please answer: %s', q ->> 'label'),
				column = 'answer' || n;
		elsif length(answer) > 2000 then
			raise exception using errcode = 'KT422', message = format('Please shorten your answer to: %s', q ->> 'label'),
				column = 'answer' || n;
		elsif answer <> '' then
			checked := checked || jsonb_build_object('label', q ->> 'label', 'answer', answer);
		end if;
		n := n + 1;
	end loop;
	return checked;
end
$$;

-- Book a slot for a guest: the contact, the booking, its event; once per client_id.
create function public.public_book(host text, type_slug text, at timestamptz, name text, email text, phone text,
	message text, given jsonb, zone text, client uuid)
	returns table (confirmation_token uuid, is_new boolean)
language plpgsql security definer set search_path = ''
as $$
declare
	t record;
	made public.bookings;
	person uuid;
	normal text := internal.phone_normalized(nullif(trim(phone), ''));
begin
	name := trim(regexp_replace(name, '[[:cntrl:]]+', ' ', 'g')); -- it goes into headers of mails
	select e.*, p.timezone as zone, pt.name as host_name, pt.organization_name into t
		from public.public_event_type(host, type_slug) pt
		join public.event_types e on e.organization_id = pt.organization_id and e.id = pt.id
		join public.profiles p on p.organization_id = e.organization_id and p.id = e.profile_id;
	if not found then
		raise exception using errcode = 'KT404', message = 'This booking page does not exist';
	end if;
	if coalesce(trim(name), '') = '' or length(trim(name)) > 200 then
		raise exception using errcode = 'KT422', message = 'Please tell us your name, in at most 200 characters.', column = 'name';
	end if;
	if coalesce(trim(email), '') !~ '^[^\s@<>",;:\\()]+@[^\s@<>",;:\\()]+\.[^\s@<>",;:\\()]{2,}$'
			or length(trim(email)) > 254 then
		raise exception using errcode = 'KT422', message = 'Please give an e-mail address, for example ann@example.com.',
			column = 'email';
	end if;
	if t.location_type = 'Phone Call' and normal is null then
		raise exception using errcode = 'KT422', message = 'Please give a phone number with its country code; we will call you there.',
			column = 'phone';
	end if;
	if coalesce(trim(phone), '') <> '' and normal is null then
		raise exception using errcode = 'KT422', message = 'Please write the phone number with its country code, for example +49 30 1234567.',
			column = 'phone';
	end if;
	if length(trim(message)) > 5000 then
		raise exception using errcode = 'KT422', message = 'Please shorten your note to 5000 characters.', column = 'notes';
	end if;
	given := internal.answers(t.questions, given);
	-- The tenant's own rules run for what follows (triggers, contact_for_handle).
	perform set_config('request.jwt.claims', json_build_object('organization_id', t.organization_id,
		'role', 'anon', 'app_role', 'SYSTEM')::text, true);
	-- Guests of one host one after the other: the constraint would decide too, but
	-- by ending some of them as deadlocks. Then also the second of two equal
	-- forms sees the booking of the first.
	perform pg_advisory_xact_lock(hashtextextended(t.profile_id::text, 2));
	select * into made from public.bookings b
		where b.organization_id = t.organization_id and b.event_type_id = t.id and b.client_id = client;
	if found then
		return query select made.confirmation_token, false;
		return;
	end if;
	if not exists (select from internal.slots(t.organization_id, t.id, (at at time zone t.zone)::date,
			(at at time zone t.zone)::date) s where s.starts_at = at) then
		perform internal.slot_taken();
	end if;
	person := public.contact_for_handle('email', lower(trim(email)), trim(name));
	if normal is not null then
		update public.contacts c set phones = c.phones || normal
			where c.organization_id = t.organization_id and c.id = person and not c.phones @> array[normal];
	end if;
	begin
		insert into public.bookings (organization_id, event_type_id, profile_id, contact_id, title, guest_name, guest_email,
				guest_phone, guest_notes, guest_timezone, answers, start_date_time, end_date_time, buffer_minutes, status,
				location, client_id)
			values (t.organization_id, t.id, t.profile_id, person, left(t.title || ' - ' || trim(name), 200), trim(name),
				lower(trim(email)), normal, nullif(trim(message), ''), internal.zone(zone, t.zone), given, at,
				at + make_interval(mins => t.duration_minutes), t.buffer_minutes, 'confirmed',
				case t.location_type when 'In-Person' then t.location_details when 'Custom' then t.location_details
					else t.location_type end, client)
			returning * into made;
	exception
		when exclusion_violation then
			perform internal.slot_taken();
	end;
	return query select made.confirmation_token, true;
end
$$;

create function public.public_booking(token uuid)
	returns table (organization_id uuid, id uuid, username text, slug text, title text, event_title text, host_name text,
		host_email text, host_timezone text, notify_host boolean, organization_name text, guest_name text, guest_email text,
		guest_phone text, guest_notes text, guest_timezone text, start_date_time timestamptz, end_date_time timestamptz,
		status text, location text, location_type text, meeting_link text, sequence integer, confirmation_message text,
		cancellation_message text, cancellation_reason text, cancelled_by text, theme_color text, duration_minutes integer,
		answers jsonb, avatar_url text)
language sql stable security definer set search_path = ''
as $$
	select b.organization_id, b.id, p.username, t.slug, b.title, t.title,
		coalesce(nullif(trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), ''), p.username),
		p.email, p.timezone, p.notify_bookings, o.name, b.guest_name, b.guest_email, b.guest_phone, b.guest_notes,
		b.guest_timezone, b.start_date_time, b.end_date_time, b.status, b.location, t.location_type, b.meeting_link,
		b.sequence, t.confirmation_message, t.cancellation_message, b.cancellation_reason, b.cancelled_by, t.theme_color,
		t.duration_minutes, b.answers, p.avatar_url
	from public.bookings b
	join public.event_types t on t.organization_id = b.organization_id and t.id = b.event_type_id
	join public.profiles p on p.organization_id = b.organization_id and p.id = b.profile_id
	join public.organizations o on o.id = b.organization_id
	where b.confirmation_token = token and internal.on_site(b.organization_id)
$$;
comment on function public.public_booking(uuid) is 'The guest''s own booking, by its token only (SCH-147)';

create function public.public_reschedule(token uuid, at timestamptz) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	b public.bookings;
	t record;
begin
	select * into b from public.bookings x where x.confirmation_token = token for update;
	if not found then
		raise exception using errcode = 'KT404', message = 'This booking does not exist';
	end if;
	if b.status not in ('scheduled', 'confirmed', 'rescheduled') then
		raise exception using errcode = 'KT410', message = 'This booking was cancelled and cannot be moved.',
			hint = 'Please book a new time.';
	end if;
	if b.start_date_time = at then
		return;
	end if;
	if b.start_date_time <= now() then
		raise exception using errcode = 'KT410', message = 'This appointment has begun already and cannot be moved.',
			hint = 'Please book a new time.';
	end if;
	perform pg_advisory_xact_lock(hashtextextended(b.profile_id::text, 2));
	select e.*, p.timezone as zone into t from public.event_types e
		join public.profiles p on p.organization_id = e.organization_id and p.id = e.profile_id
		where e.organization_id = b.organization_id and e.id = b.event_type_id;
	perform set_config('request.jwt.claims', json_build_object('organization_id', b.organization_id,
		'role', 'anon', 'app_role', 'SYSTEM')::text, true);
	if not exists (select from internal.slots(b.organization_id, t.id, (at at time zone t.zone)::date,
			(at at time zone t.zone)::date, b.id) s where s.starts_at = at) then
		perform internal.slot_taken();
	end if;
	begin
		update public.bookings x set start_date_time = at,
				end_date_time = at + make_interval(mins => t.duration_minutes)
			where x.organization_id = b.organization_id and x.id = b.id;
	exception when exclusion_violation then
		perform internal.slot_taken();
	end;
end
$$;

create function public.public_cancel(token uuid, reason text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	b public.bookings;
begin
	select * into b from public.bookings x where x.confirmation_token = token for update;
	if not found then
		raise exception using errcode = 'KT404', message = 'This booking does not exist';
	end if;
	if b.status = 'cancelled' then
		return;
	end if;
	if b.status = 'completed' or b.end_date_time <= now() then
		raise exception using errcode = 'KT410', message = 'This appointment is over and cannot be cancelled.';
	end if;
	if coalesce(trim(reason), '') = '' then
		raise exception using errcode = 'KT422', message = 'Please tell us the reason in a few words.', column = 'reason';
	end if;
	perform set_config('request.jwt.claims', json_build_object('organization_id', b.organization_id,
		'role', 'anon', 'app_role', 'SYSTEM')::text, true);
	update public.bookings x set status = 'cancelled', cancelled_by = 'guest', cancellation_reason = left(trim(reason), 1000)
		where x.organization_id = b.organization_id and x.id = b.id;
end
$$;

grant execute on function public.public_schedule(text), public.public_event_type(text, text),
	public.public_slots(text, text, date, date, uuid),
	public.public_calendar(text, text, text, date, date, text, uuid),
	public.public_book(text, text, timestamptz, text, text, text, text, jsonb, text, uuid),
	public.public_booking(uuid), public.public_reschedule(uuid, timestamptz), public.public_cancel(uuid, text) to anon;
grant execute on function internal.zone(text, text) to anon, authenticated, kontor_worker;
-- The worker writes the mails about a booking from what the guest may see of it.
grant execute on function public.public_booking(uuid) to kontor_worker;

-- ---- demo -----------------------------------------------------------------------------------

create function internal.demo_scheduling(org uuid, host uuid) returns void
language plpgsql
as $$
declare
	consultation uuid;
	visit uuid;
begin
	insert into public.event_types (organization_id, profile_id, title, slug, description, duration_minutes, theme_color,
			location_type, buffer_minutes, notice_hours, window_days, confirmation_message, questions)
		values (org, host, '30-minute consultation', 'consultation',
			'A first conversation about what you need and how we can help. No preparation necessary.', 30, '#1f4fd8',
			'Phone Call', 15, 2, 60, 'Thank you! We call you at the number that you gave.',
			'[{"label": "What would you like to talk about?", "type": "text", "required": false}]')
		returning id into consultation;
	insert into public.event_types (organization_id, profile_id, title, slug, description, duration_minutes, theme_color,
			location_type, location_details, buffer_minutes, notice_hours, window_days)
		values (org, host, 'Visit our showroom', 'visit', 'See everything on site, with coffee.', 60, '#17703a',
			'In-Person', 'Speicherstrasse 12, Hamburg', 30, 24, 90)
		returning id into visit;
	insert into public.availability_rules (organization_id, event_type_id, weekday, start_time_minutes, end_time_minutes)
		select org, consultation, d, 9 * 60, 17 * 60 from generate_series(1, 5) d
		union all
		select org, visit, d, 10 * 60, 16 * 60 from generate_series(2, 4) d;
end
$$;
