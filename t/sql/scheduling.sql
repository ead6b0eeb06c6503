-- Event types, slots and bookings in the database itself. Everything is rolled back.
begin;
select plan(58);
set local timezone = 'Pacific/Chatham'; -- the server's own zone must not matter

create temp table who (name text primary key, id uuid);
grant select on who to public;
create function pg_temp.id(n text) returns uuid language sql stable as $$ select w.id from who w where w.name = n $$;

insert into who values ('org', internal.create_organization('Slot test', 'slot-test', 'Europe/Berlin', 'EUR'));
insert into who values ('other', internal.create_organization('Slot other', 'slot-other', 'UTC', 'EUR'));
insert into who values ('host', internal.create_user(pg_temp.id('org'), 'host@slot.example', null, 'Hilde', 'Host', 'AGENT', 'slot-host'));
insert into who values ('mate', internal.create_user(pg_temp.id('org'), 'mate@slot.example', null, 'Max', 'Mate', 'AGENT', 'slot-mate'));
insert into who values ('admin', internal.create_user(pg_temp.id('org'), 'admin@slot.example', null, 'Ada', 'Admin', 'ADMIN', 'slot-admin'));
insert into who values ('alien', internal.create_user(pg_temp.id('other'), 'alien@slot.example', null, 'Al', 'Ien', 'OWNER', 'slot-alien'));
update profiles set timezone = 'Europe/Berlin' where id in (select id from who);

create function pg_temp.make(host text, its_slug text, minutes integer, place text default 'Custom') returns uuid
language sql as $$
	insert into event_types (organization_id, profile_id, title, slug, duration_minutes, location_type, window_days)
	values (pg_temp.id('org'), pg_temp.id(host), 'Type ' || its_slug, its_slug, minutes, place, 90) returning id
$$;
create function pg_temp.open(t uuid, weekday integer, first integer, last integer) returns void
language sql as $$
	insert into availability_rules (organization_id, event_type_id, weekday, start_time_minutes, end_time_minutes)
	values (pg_temp.id('org'), t, weekday, first, last)
$$;
-- The next such weekday that is at least two weeks away, and the free local times on it.
create function pg_temp.next(weekday integer) returns date language sql stable as $$
	select min(d)::date from generate_series(current_date + 14, current_date + 21, interval '1 day') d
	where extract(dow from d) = weekday
$$;
create function pg_temp.times(t uuid, day date, zone text default 'Europe/Berlin') returns text
language sql stable as $$
	select string_agg(to_char(starts_at at time zone zone, 'HH24:MI'), ' ' order by starts_at)
	from internal.slots(pg_temp.id('org'), t, day, day)
$$;
create function pg_temp.at(day date, clock text, zone text default 'Europe/Berlin') returns timestamptz
language sql stable as $$ select (day + clock::time) at time zone zone $$;
-- What a statement ends with as somebody: its SQLSTATE or its first value.
create function pg_temp.try_as(who text, sql text) returns text language plpgsql as $$
declare
	answer text;
begin
	if who = 'guest' then
		perform set_config('request.jwt.claims', '{"role": "anon"}', true), set_config('role', 'anon', true);
	else
		perform set_config('request.jwt.claims', (select json_build_object('sub', p.id, 'organization_id', p.organization_id,
			'role', 'authenticated', 'app_role', r.role)::text
			from profiles p join user_roles r on r.user_id = p.id and r.organization_id = p.organization_id
			where p.id = pg_temp.id(who)), true), set_config('role', 'authenticated', true);
	end if;
	begin
		execute sql into answer;
	exception when others then
		answer := sqlstate;
	end;
	perform set_config('role', 'none', true), set_config('request.jwt.claims', '', true);
	return answer;
end
$$;
create function pg_temp.book(slug text, at timestamptz, client uuid default gen_random_uuid(), mail text default 'g@guest.example',
	phone text default null, given jsonb default '[]') returns text
language sql as $$
	select pg_temp.try_as('guest', format('select confirmation_token from public_book(%L, %L, %L, %L, %L, %L, %L, %L, %L, %L)',
		'slot-host', slug, at, 'Gina Guest', mail, phone, 'hello', given, 'Asia/Tokyo', client))
$$;

-- ---- event types --------------------------------------------------------------

insert into who values ('call', pg_temp.make('host', 'call', 30)), ('long', pg_temp.make('host', 'long', 60));
select lives_ok($$ select pg_temp.make('host', 'five', 5) $$, 'SCH-7 five minutes are accepted');
select lives_ok($$ select pg_temp.make('host', 'eight', 480) $$, 'SCH-7 eight hours are accepted');
select throws_ok($$ select pg_temp.make('host', 'four', 4) $$, '23514', null, 'SCH-7 four minutes are refused');
select throws_ok($$ select pg_temp.make('host', 'more', 481) $$, '23514', null, 'SCH-7 more than eight hours is refused');
select throws_ok($$ select pg_temp.make('host', 'call', 15) $$, '23505', null, 'SCH-8 a host''s slug exists once');
select lives_ok($$ select pg_temp.make('mate', 'call', 15) $$, 'SCH-8 another host may use the same slug');
select throws_ok($$ select pg_temp.make('host', 'no spaces', 15) $$, '23514', null, 'SCH-8 a slug can stand in a URL');
select is(pg_temp.try_as('mate', format('with u as (update event_types set title = ''x'' where id = %L returning 1) select count(*) from u',
	pg_temp.id('call'))), '0', 'SCH-145 nobody but the owner changes an event type');
select is(pg_temp.try_as('admin', format('with u as (update event_types set title = ''Call'' where id = %L returning 1) select count(*) from u',
	pg_temp.id('call'))), '1', 'SCH-146 an administrator does');
-- Nor his hours and blocked dates, which are what guests see of it.
select pg_temp.open(pg_temp.id('call'), 0, 60, 120);
select is(pg_temp.try_as('mate', format('with x as (delete from availability_rules where event_type_id = %L returning 1) select count(*) from x',
	pg_temp.id('call'))), '0', 'SCH-145 nobody but the owner removes its hours');
select is(pg_temp.try_as('mate', format('insert into availability_rules (event_type_id, weekday, start_time_minutes, end_time_minutes)
	values (%L, 1, 0, 60)', pg_temp.id('call'))), '42501', 'SCH-145 or adds some');
select is(pg_temp.try_as('mate', format('insert into blocked_dates (event_type_id, date_from, date_to) values (%L, current_date, current_date)',
	pg_temp.id('call'))), '42501', 'SCH-145 or blocks its days');
select is(pg_temp.try_as('admin', format('with x as (delete from availability_rules where event_type_id = %L returning 1) select count(*) from x',
	pg_temp.id('call'))), '1', 'SCH-146 an administrator does');
select is(pg_temp.try_as('alien', 'select count(*) from event_types'), '0', 'another tenant sees none of them');

-- ---- availability ---------------------------------------------------------------

select pg_temp.open(pg_temp.id('call'), 1, 600, 720), pg_temp.open(pg_temp.id('call'), 2, 840, 930),
	pg_temp.open(pg_temp.id('call'), 4, 540, 600), pg_temp.open(pg_temp.id('call'), 4, 780, 840);
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:30 11:00 11:30', 'SCH-33 a day''s hours in the host''s zone');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(2)), '14:00 14:30 15:00', 'SCH-31 SCH-32 another day has other hours; Sunday is 0');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(4)), '09:00 09:30 13:00 13:30', 'SCH-31 a day may have several ranges');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(3)), null, 'a day that is off has none');

update event_types set buffer_minutes = 15 where id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:45 11:30', 'SCH-11 the step is duration plus buffer');
update event_types set slot_interval_minutes = 20 where id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:20 10:40 11:00 11:20', 'SCH-11 or the interval that was set');
update event_types set slot_interval_minutes = null, buffer_minutes = 0 where id = pg_temp.id('call');

update event_types set notice_hours = extract(epoch from pg_temp.at(pg_temp.next(1), '11:00') - now())::integer / 3600 where id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)),
	(select string_agg(x, ' ') from unnest('{10:00,10:30,11:00,11:30}'::text[]) x
		where pg_temp.at(pg_temp.next(1), x) >= now() + make_interval(hours =>
			(select notice_hours from event_types where id = pg_temp.id('call')))),
	'SCH-13 what starts before the notice is over is not offered');
select isnt(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:30 11:00 11:30', 'SCH-13 and that makes a difference');
update event_types set notice_hours = 0, window_days = 13 where id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), null, 'SCH-14 nothing behind the window');
update event_types set window_days = 90 where id = pg_temp.id('call');
select is((select count(*)::integer from internal.slots(pg_temp.id('org'), pg_temp.id('call'), current_date - 30, current_date - 1)), 0,
	'SCH-37 nothing in the past');

insert into blocked_dates (organization_id, event_type_id, date_from, date_to)
	values (pg_temp.id('org'), pg_temp.id('call'), pg_temp.next(1), pg_temp.next(1) + 1);
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), null, 'SCH-34 SCH-35 a blocked date has no slots');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1) + 1), null, 'SCH-34 nor has the rest of the range');
delete from blocked_dates where event_type_id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:30 11:00 11:30', 'SCH-36 removed, it is free again');

select is(internal.next_slot(pg_temp.id('org'), pg_temp.id('call'), pg_temp.at(pg_temp.next(1), '11:31')),
	pg_temp.at(pg_temp.next(1) + 1, '14:00'), 'SCH-39 the next free slot after a time');

-- ---- booking -----------------------------------------------------------------------

select pg_temp.open(pg_temp.id('long'), 1, 600, 780);
insert into who values ('token', pg_temp.book('call', pg_temp.at(pg_temp.next(1), '10:30'), '018f0000-0000-7000-8000-000000000001')::uuid);
select is((select status from bookings where confirmation_token = pg_temp.id('token')), 'confirmed', 'SCH-79 confirmed at once');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 11:00 11:30', 'SCH-40 SCH-37 a booked slot is gone');
select is(pg_temp.times(pg_temp.id('long'), pg_temp.next(1)), '11:00 12:00', 'SCH-38 also from the host''s other event types');
update event_types set buffer_minutes = 10, slot_interval_minutes = 5 where id = pg_temp.id('long');
select is(split_part(pg_temp.times(pg_temp.id('long'), pg_temp.next(1)), ' ', 1), '11:10', 'SCH-11 the buffer keeps clear of other bookings');
update event_types set buffer_minutes = 0, slot_interval_minutes = null where id = pg_temp.id('long');
select is(pg_temp.book('call', pg_temp.at(pg_temp.next(1), '10:30')), 'KT409', 'SCH-38 the second one is told so');
select is(pg_temp.book('call', pg_temp.at(pg_temp.next(1), '10:10')), 'KT409', 'SCH-38 a time that was never offered is refused too');
select is(pg_temp.book('call', pg_temp.at(pg_temp.next(1), '10:30'), '018f0000-0000-7000-8000-000000000001'), pg_temp.id('token')::text,
	'one form sent twice is one booking');
select throws_ok(format('insert into bookings (organization_id, profile_id, title, start_date_time, end_date_time) values (%L, %L, ''x'', %L, %L)',
	pg_temp.id('org'), pg_temp.id('host'), pg_temp.at(pg_temp.next(1), '10:45'), pg_temp.at(pg_temp.next(1), '11:15')),
	'23P01', null, 'SCH-38 no statement at all can take a host''s time twice');
select is(pg_temp.book('call', pg_temp.at(pg_temp.next(1), '10:00'), mail => 'nonsense'), 'KT422', 'SCH-78 the e-mail address is checked');
select is(pg_temp.book('nix', pg_temp.at(pg_temp.next(1), '10:00')), 'KT404', 'SCH-81 an unknown slug books nothing');
select is((select c.first_name || ' ' || c.last_name from bookings b join contacts c on c.id = b.contact_id
	where b.confirmation_token = pg_temp.id('token')), 'Gina Guest', 'SCH-131 the guest is a contact');
update event_types set location_type = 'Phone Call', questions = '[{"label": "Why?", "type": "text", "required": true}]'
	where id = pg_temp.id('call');
select is(pg_temp.book('call', pg_temp.at(pg_temp.next(2), '14:00'), given => '["so"]'), 'KT422', 'SCH-18 a phone call needs a number');
select is(pg_temp.book('call', pg_temp.at(pg_temp.next(2), '14:00'), phone => '+49 30 123456'), 'KT422', 'SCH-21 a required question needs an answer');
select ok(pg_temp.book('call', pg_temp.at(pg_temp.next(2), '14:00'), phone => '+49 30 123456', given => '{"Why?": "so"}') like '%-%', 'with both it is booked');
select is((select answers::text from bookings where guest_phone is not null and organization_id = pg_temp.id('org')), '[{"label": "Why?", "answer": "so"}]',
	'SCH-21 the answer stands with its question');
select is((select phones from contacts where organization_id = pg_temp.id('org') and emails = '{g@guest.example}'), '{+4930123456}',
	'SCH-131 the second booking adds the number to the same contact');
update event_types set location_type = 'Custom', questions = '[]', daily_limit = 1 where id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), null, 'SCH-12 a day with as many bookings as allowed has no slots');
update event_types set daily_limit = 2 where id = pg_temp.id('call');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 11:00 11:30', 'SCH-12 one fewer, and it has');
update event_types set daily_limit = null where id = pg_temp.id('call');

-- ---- what the guest may do ------------------------------------------------------------

select is(pg_temp.try_as('guest', 'select count(*) from bookings'), '42501', 'SCH-147 a guest cannot read the table');
select is(pg_temp.try_as('guest', format('select guest_email from public_booking(%L)', pg_temp.id('token'))), 'g@guest.example',
	'SCH-147 with the token he sees his own booking');
select is(pg_temp.try_as('guest', 'select count(*) from public_booking(gen_random_uuid())'), '0', 'SCH-147 and nothing with another');
select is(pg_temp.try_as('guest', format('select public_reschedule(%L, %L)', pg_temp.id('token'), pg_temp.at(pg_temp.next(1), '11:30'))), '',
	'SCH-102 the guest moves it');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:30 11:00', 'SCH-103 the old slot is free, the new one is taken');
select is((select b.status || ' ' || count(h.*) from bookings b join booking_history h on h.booking_id = b.id
	where b.confirmation_token = pg_temp.id('token') and h.start_date_time = pg_temp.at(pg_temp.next(1), '10:30') group by b.status),
	'rescheduled 1', 'one row; the old time stands in its history');
select is(pg_temp.try_as('guest', format('select public_cancel(%L, ''  '')', pg_temp.id('token'))), 'KT422', 'SCH-106 a reason is required');
select is(pg_temp.try_as('guest', format('select public_cancel(%L, ''ill'')', pg_temp.id('token'))), '', 'SCH-107 the guest cancels');
select is((select cancelled_by || ' ' || cancellation_reason || ' ' || status from bookings where confirmation_token = pg_temp.id('token')),
	'guest ill cancelled', 'SCH-106 SCH-108 who and why stay with the cancelled booking');
select is(pg_temp.times(pg_temp.id('call'), pg_temp.next(1)), '10:00 10:30 11:00 11:30', 'SCH-41 its slot is free at once');
select is((select string_agg(type, ' ' order by position) from events where record_id =
	(select id from bookings where confirmation_token = pg_temp.id('token'))),
	'booking.created booking.rescheduled booking.cancelled', 'each step is an event, by the database itself');
select is((select count(*)::integer from events e where e.organization_id = pg_temp.id('org')
	and e.data::text like '%' || pg_temp.id('token') || '%'), 0, 'SCH-147 no event carries the token');

select * from finish();
rollback;
