-- Words and dates in the language of whoever is asking. Texts of pages are
-- translated where they stand (lib/base/tr.h); what SQL itself puts into words
-- is here: times and spans.

-- As in profiles.language; the programs set kontor.lang for a request whose
-- reader has another than English.
create function internal.lang() returns text
language sql stable parallel safe
as $$ select coalesce(nullif(current_setting('kontor.lang', true), ''), 'en') $$;

create function internal.month_name(month integer) returns text
language sql stable parallel safe
as $$
	select (case when internal.lang() = 'ar' then
			'{يناير,فبراير,مارس,أبريل,مايو,يونيو,يوليو,أغسطس,سبتمبر,أكتوبر,نوفمبر,ديسمبر}'::text[]
		else '{Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec}'::text[] end)[month]
$$;

-- 3 Mar 2024; without the year when it is this one.
create function internal.shown_date(day date, zone text default 'UTC') returns text
language sql stable
as $$
	select extract(day from day) || ' ' || internal.month_name(extract(month from day)::integer)
		|| case when extract(year from day) = extract(year from now() at time zone zone) then ''
			else ' ' || extract(year from day) end
$$;

-- Short for what is near: 14:05 today, then 3 Mar, 14:05, then 3 Mar 2024.
create or replace function internal.shown_time(at timestamptz, zone text) returns text
language sql stable
as $$
	select case when (at at time zone zone)::date = (now() at time zone zone)::date
			then to_char(at at time zone zone, 'HH24:MI')
		when date_trunc('year', at at time zone zone) = date_trunc('year', now() at time zone zone)
			then internal.shown_date((at at time zone zone)::date, zone) || to_char(at at time zone zone, ', HH24:MI')
		else internal.shown_date((at at time zone zone)::date, zone) end
$$;

create or replace function internal.shown_span(span interval) returns text
language sql stable
as $$
	select case when s < 90 then words[1] when s < 5400 then round(s / 60) || words[2]
		when s < 129600 then round(s / 3600) || words[3] else round(s / 86400) || words[4] end
	from (select extract(epoch from span) as s, case when internal.lang() = 'ar'
		then '{لحظة," دقيقة"," ساعة"," يوم"}'::text[]
		else '{a moment," minutes"," hours"," days"}'::text[] end as words) x
$$;
grant execute on function internal.lang(), internal.month_name(integer), internal.shown_date(date, text)
	to authenticated, service_role;
