-- What the staff's pages of bookings and event types need beside the tables.

-- Hours and blocked dates belong to the host of their event type; admins
-- override (SCH-145, SCH-146). Everybody in the tenant sees them.
create function internal.is_my_event_type(of_type uuid) returns boolean
language sql stable
as $$
	select exists (select from public.event_types t where t.organization_id = auth.org() and t.id = of_type
		and (t.profile_id = auth.uid() or auth.app_role() in ('OWNER', 'ADMIN', 'SYSTEM')))
$$;
grant execute on function internal.is_my_event_type(uuid) to authenticated;

do $$
declare
	t text;
begin
	foreach t in array array['availability_rules', 'blocked_dates'] loop
		execute format('create policy own_insert on public.%I as restrictive for insert to authenticated
			with check (internal.is_my_event_type(event_type_id))', t);
		execute format('create policy own_update on public.%I as restrictive for update to authenticated
			using (internal.is_my_event_type(event_type_id)) with check (internal.is_my_event_type(event_type_id))', t);
		execute format('create policy own_delete on public.%I as restrictive for delete to authenticated
			using (internal.is_my_event_type(event_type_id))', t);
	end loop;
end
$$;

-- ---- times, as forms write and lists show them -------------------------------------------------------

-- A field of type datetime-local, read in a zone that somebody typed.
create function app.typed_instant(shown text, zone text, field text) returns timestamptz
language plpgsql stable
as $$
begin
	if internal.zone(zone, null) is null then
		raise exception using errcode = 'KT422', column = 'timezone',
			message = 'There is no such time zone; write one such as Europe/Berlin';
	end if;
	return shown::timestamp at time zone zone;
exception when datetime_field_overflow or invalid_datetime_format then
	raise exception using errcode = 'KT422', column = field, message = 'This day or time does not exist';
end
$$;

-- Month, day, year and a range of 12-hour times (SCH-123).
create function app.shown_day(at timestamptz, zone text) returns text
language sql stable parallel safe
as $$ select to_char(at at time zone zone, 'Dy, Mon FMDD, YYYY') $$;

create function app.shown_range(first timestamptz, last timestamptz, zone text) returns text
language sql stable parallel safe
as $$
	select to_char(first at time zone zone, 'FMHH12:MI AM') || ' – '
		|| case when (first at time zone zone)::date = (last at time zone zone)::date then ''
			else to_char(last at time zone zone, 'Mon FMDD, ') end
		|| to_char(last at time zone zone, 'FMHH12:MI AM')
$$;

-- Outline, green, yellow, red, secondary (SCH-117): classes of a pill.
create function app.booking_tone(status text) returns text
language sql immutable parallel safe
as $$
	select case status when 'scheduled' then 'outline' when 'confirmed' then 'good' when 'rescheduled' then 'warn'
		when 'cancelled' then 'bad' else 'secondary' end
$$;

-- Two hours that end at midnight are 22:00 to 24:00 in the table and 00:00 in a form.
create function app.clock(minutes integer) returns text
language sql immutable parallel safe
as $$ select to_char(make_time(minutes / 60 % 24, minutes % 60, 0), 'HH24:MI') $$;

-- A link's last part that the host has not used yet, for a copy (SCH-24).
create function app.free_slug(host uuid, wanted text) returns text
language sql stable
as $$
	select x.slug from (select n, left(wanted, 52) || '-copy' || case when n = 1 then '' else '-' || n end as slug
		from generate_series(1, 1000) n) x
	where not exists (select from public.event_types t where t.organization_id = auth.org() and t.profile_id = host
		and t.slug = x.slug)
	order by x.n limit 1
$$;

grant execute on function app.typed_instant(text, text, text), app.shown_day(timestamptz, text),
	app.shown_range(timestamptz, timestamptz, text), app.booking_tone(text), app.clock(integer), app.free_slug(uuid, text)
	to authenticated;
