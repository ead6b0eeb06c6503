-- Behind the bell: who is told of what is assigned to him, how open pages hear of
-- it, and what the pages of notices and home need of times in words.

-- ---- one notice or a number --------------------------------------------------------

-- n records of a kind came to somebody. One is named; many at once, or one after
-- the other in a hurry (a rule, an import), become one notice with their number,
-- which grows until it is read.
create function internal.notify_some(org uuid, to_user uuid, of_kind text, of_type text, n bigint, one uuid, details jsonb)
returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if to_user is null or to_user is not distinct from auth.uid() then
		return;
	end if;
	if n = 1 and (select count(*) from (select from public.notifications m
			where m.organization_id = org and m.user_id = to_user and m.read_at is null and m.kind = of_kind
				and m.created_at > now() - interval '1 minute' limit 5) lately) < 5 then
		perform internal.notify(org, to_user, of_kind, of_type, one, details);
		return;
	end if;
	update public.notifications m set data = jsonb_build_object('count', (m.data ->> 'count')::bigint + n)
		where m.organization_id = org and m.id = (select s.id from public.notifications s
			where s.organization_id = org and s.user_id = to_user and s.read_at is null and s.kind = of_kind
				and s.record_id is null and s.actor_id is not distinct from auth.uid()
				and s.created_at > now() - interval '1 hour' order by s.id desc limit 1);
	if not found then
		perform internal.notify(org, to_user, of_kind, of_type, null, jsonb_build_object('count', n));
	end if;
end
$$;
revoke execute on function internal.notify_some(uuid, uuid, text, text, bigint, uuid, jsonb) from public;
grant execute on function internal.notify_some(uuid, uuid, text, text, bigint, uuid, jsonb) to authenticated, service_role;
comment on function internal.notify_some(uuid, uuid, text, text, bigint, uuid, jsonb) is
	'Tell a member of n records: one by its name, many as a number; for triggers of statements';

-- ---- assigned ------------------------------------------------------------------------

-- (No nested loops: the plan, made once, knows not how many rows will come.)
create function internal.deals_assigned() returns trigger
language plpgsql security definer set search_path = '' set enable_nestloop = off
as $$
begin
	if tg_op = 'INSERT' then
		perform internal.notify_some(a.organization_id, a.owner_id, 'deal.assigned', 'deal', a.n, a.one, jsonb_build_object('title', a.title))
			from (select r.organization_id, r.owner_id, count(*) as n, (array_agg(r.id))[1] as one, min(r.title) as title
				from fresh r where r.owner_id is not null group by 1, 2) a;
	else
		perform internal.notify_some(a.organization_id, a.owner_id, 'deal.assigned', 'deal', a.n, a.one, jsonb_build_object('title', a.title))
			from (select r.organization_id, r.owner_id, count(*) as n, (array_agg(r.id))[1] as one, min(r.title) as title
				from fresh r join before b on b.organization_id = r.organization_id and b.id = r.id
				where r.owner_id is not null and r.owner_id is distinct from b.owner_id group by 1, 2) a;
	end if;
	return null;
end
$$;
create trigger notices_insert after insert on public.deals referencing new table as fresh
	for each statement execute function internal.deals_assigned();
create trigger notices_update after update on public.deals referencing old table as before new table as fresh
	for each statement execute function internal.deals_assigned();

create function internal.contacts_assigned() returns trigger
language plpgsql security definer set search_path = '' set enable_nestloop = off
as $$
begin
	if tg_op = 'INSERT' then
		perform internal.notify_some(a.organization_id, a.assignee_id, 'contact.assigned', 'contact', a.n, a.one, jsonb_build_object('title', a.title))
			from (select r.organization_id, r.assignee_id, count(*) as n, (array_agg(r.id))[1] as one,
					min(app.person(r.first_name, r.last_name, r.phones, r.emails)) as title
				from fresh r where r.assignee_id is not null group by 1, 2) a;
	else
		perform internal.notify_some(a.organization_id, a.assignee_id, 'contact.assigned', 'contact', a.n, a.one, jsonb_build_object('title', a.title))
			from (select r.organization_id, r.assignee_id, count(*) as n, (array_agg(r.id))[1] as one,
					min(app.person(r.first_name, r.last_name, r.phones, r.emails)) as title
				from fresh r join before b on b.organization_id = r.organization_id and b.id = r.id
				where r.assignee_id is not null and r.assignee_id is distinct from b.assignee_id group by 1, 2) a;
	end if;
	return null;
end
$$;
create trigger notices_insert after insert on public.contacts referencing new table as fresh
	for each statement execute function internal.contacts_assigned();
create trigger notices_update after update on public.contacts referencing old table as before new table as fresh
	for each statement execute function internal.contacts_assigned();

create function internal.conversations_assigned() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.notify(new.organization_id, new.assignee_id, 'conversation.assigned', 'conversation', new.id,
		jsonb_build_object('title', (select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
			where k.organization_id = new.organization_id and k.id = new.contact_id)));
	return null;
end
$$;
create trigger notices_assigned after update of assignee_id on public.conversations
	for each row when (new.assignee_id is not null and new.assignee_id is distinct from old.assignee_id)
	execute function internal.conversations_assigned();

-- ---- open pages hear of it -----------------------------------------------------------

-- Once per member and transaction, and nothing but whose: the tenant's channel is
-- heard by everybody in it, and the page reads with its own rights.
create function internal.notices_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	told text := coalesce(current_setting('kontor.told', true), '');
	who record;
begin
	for who in select distinct f.organization_id, f.user_id from fresh f loop
		if position(who.user_id::text in told) = 0 then
			told := told || who.user_id || ' ';
			perform internal.emit(who.organization_id, 'notification.changed', 'profile', who.user_id, '{}');
		end if;
	end loop;
	perform set_config('kontor.told', told, true);
	return null;
end
$$;
create trigger told_insert after insert on public.notifications referencing new table as fresh
	for each statement execute function internal.notices_changed();
create trigger told_update after update on public.notifications referencing new table as fresh
	for each statement execute function internal.notices_changed();

-- ---- times in words --------------------------------------------------------------------

create function app.weekday_name(day date) returns text
language sql stable parallel safe
as $$
	select (case when internal.lang() = 'ar' then '{الأحد,الاثنين,الثلاثاء,الأربعاء,الخميس,الجمعة,السبت}'::text[]
		else '{Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday}'::text[] end)[extract(dow from day)::integer + 1]
$$;

create or replace function app.short_time(at timestamptz, zone text) returns text
language plpgsql stable parallel safe
as $$
declare
	day date := at at time zone zone;
	today date := now() at time zone zone;
	arabic boolean := internal.lang() = 'ar';
begin
	return case
		when day is null then ''
		when day = today then to_char(at at time zone zone, 'HH24:MI')
		when day = today - 1 then case when arabic then 'أمس' else 'Yesterday' end
		when day between today - 6 and today then case when arabic then app.weekday_name(day) else to_char(day, 'Dy') end
		when arabic then internal.shown_date(day, zone)
		when extract(year from day) = extract(year from today) then to_char(day, 'FMDD Mon')
		else to_char(day, 'FMDD Mon YYYY') end;
end
$$;

create or replace function app.day_name(day date, zone text) returns text
language plpgsql stable parallel safe
as $$
declare
	today date := now() at time zone zone;
begin
	if internal.lang() = 'ar' then
		return case today - day when 0 then 'اليوم' when 1 then 'أمس' when -1 then 'غدًا'
			else app.weekday_name(day) || '، ' || internal.shown_date(day, zone) end;
	end if;
	return case today - day when 0 then 'Today' when 1 then 'Yesterday' when -1 then 'Tomorrow'
		else to_char(day, 'FMDay, FMDD FMMonth')
			|| case when extract(year from day) = extract(year from today) then '' else to_char(day, ' YYYY') end end;
end
$$;
grant execute on function app.weekday_name(date) to authenticated, service_role;
notify pgrst;
