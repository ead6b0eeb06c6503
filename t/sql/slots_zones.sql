-- Slots around every change of the clock in the next two years, in every zone
-- that has one, against what the zone's clock shows minute by minute. Of zones
-- whose clocks show the same all that time one stands for all.
begin;
select plan(7);
set local timezone = 'Pacific/Chatham'; -- the server's own zone must not matter

create temp table who (name text primary key, id uuid);
create function pg_temp.id(n text) returns uuid language sql stable as $$ select w.id from who w where w.name = n $$;
insert into who values ('org', internal.create_organization('Zone test', 'zone-test', 'UTC', 'EUR'));
insert into who values ('host', internal.create_user(pg_temp.id('org'), 'host@zone.example', null, 'Zo', 'Ne', 'OWNER', 'zone-host'));
create function pg_temp.make(its_slug text, minutes integer, first integer, last integer) returns void
language sql as $$
	with t as (
		insert into event_types (organization_id, profile_id, title, slug, duration_minutes, location_type, window_days)
		values (pg_temp.id('org'), pg_temp.id('host'), its_slug, its_slug, minutes, 'Custom', 730) returning id
	), r as (
		insert into availability_rules (organization_id, event_type_id, weekday, start_time_minutes, end_time_minutes)
		select pg_temp.id('org'), t.id, d, first, last from t, generate_series(0, 6) d
	)
	insert into who select its_slug, t.id from t
$$;
select pg_temp.make('office', 30, 540, 1020), pg_temp.make('round', 60, 0, 1440), pg_temp.make('odd', 25, 75, 225);

-- Every change: the local day on which the zone's distance to UTC is not the next day's.
create temp table changes as
	with zones as (
		select name from pg_timezone_names
		where name ~ '^(Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/'
	), days as (
		select z.name, d::date as day, (d::timestamp at time zone 'UTC') - (d::timestamp at time zone z.name) as distance
		from zones z, generate_series(current_date + 2, current_date + 725, interval '1 day') d
	), moved as (
		select name, day, distance, lead(distance) over w - distance as jump from days window w as (partition by name order by day)
	)
	select name as zone, day, jump, distance from moved where jump <> interval '0';
create temp table all_zones as select distinct zone from changes;
delete from changes c using (
	select zone, row_number() over (partition by string_agg(format('%s %s %s', day, jump, distance), ',' order by day) order by zone) as place
	from changes group by zone) twin
where twin.zone = c.zone and twin.place > 1;

create temp table found (zone text, day date, kind text, starts_at timestamptz);
create temp table minutes (zone text, day date, n integer); -- how long the local day really is

do $$
declare
	c record;
begin
	for c in select zone, array_agg(day) as days from changes group by zone loop
		update profiles set timezone = c.zone where id = pg_temp.id('host');
		insert into found
			select c.zone, d, k, s.starts_at
			from unnest(c.days) x, generate_series((x - 1)::timestamp, x + 1, interval '1 day') d,
				unnest('{office,round,odd}'::text[]) k, internal.slots(pg_temp.id('org'), pg_temp.id(k), d::date, d::date) s;
		insert into minutes
			select c.zone, d, count(*) from unnest(c.days) x, generate_series((x - 1)::timestamp, x + 1, interval '1 day') d,
				generate_series(d at time zone c.zone - interval '3 hours', (d + interval '1 day') at time zone c.zone + interval '3 hours',
					interval '1 minute') m
			where (m at time zone c.zone)::date = d::date group by d;
	end loop;
end
$$;

select cmp_ok((select count(*)::integer from all_zones), '>', 100, 'many zones change their clocks');
select ok(exists (select from changes where jump > interval '0') and exists (select from changes where jump < interval '0'),
	'in both directions');
select is_empty($$
	select zone, day, string_agg(to_char(starts_at at time zone zone, 'HH24:MI'), ' ' order by starts_at)
	from found where kind = 'office' group by zone, day
	having string_agg(to_char(starts_at at time zone zone, 'HH24:MI'), ' ' order by starts_at)
		<> '09:00 09:30 10:00 10:30 11:00 11:30 12:00 12:30 13:00 13:30 14:00 14:30 15:00 15:30 16:00 16:30' $$,
	'SCH-33 office hours are the same on every local clock, before and after 13:00, on the days around the change');
select is((select count(*)::integer from (select distinct zone, day from found where kind = 'office') f),
	(select count(*)::integer from (select distinct zone, day from minutes) m), 'and no day is left out');
select is_empty($$
	select m.zone, m.day, m.n, (select count(*) from found f where f.kind = 'round' and f.zone = m.zone and f.day = m.day)
	from (select distinct * from minutes) m
	where m.n / 60 <> (select count(distinct f.starts_at) from found f where f.kind = 'round' and f.zone = m.zone and f.day = m.day)
	limit 5 $$,
	'SCH-33 a host who is there day and night has as many slots as the day has hours, 23 or 25 of them');
select is_empty($$
	select f.zone, f.day, f.kind, f.starts_at, m
	from (select distinct * from found) f, generate_series(0, case f.kind when 'odd' then 24 else 59 end) m
	where f.kind in ('round', 'odd')
		and not (((f.starts_at + make_interval(mins => m)) at time zone f.zone)::date = f.day
			and (f.kind = 'round' or ((f.starts_at + make_interval(mins => m)) at time zone f.zone)::time
				between '01:15' and '03:44'))
	limit 5 $$,
	'SCH-33 every minute of every slot is within the hours that the local clock shows');
select is_empty($$
	select zone, day from (
		select zone, day, kind, starts_at - lag(starts_at) over (partition by zone, day, kind order by starts_at) as step
		from (select distinct * from found) f) s
	where step < case kind when 'office' then interval '30 min' when 'round' then interval '60 min' else interval '25 min' end $$,
	'slots are real durations: none overlaps the next');

select * from finish();
rollback;
