-- The data set of the CRM's figures: 1,000,000 contacts, 200,000 companies,
-- 300,000 deals (10,000 of them open in one pipeline) and 1,000,000 tasks, all in
-- one tenant, the same rows on every machine: what looks random is arithmetic on
-- the row's number.
--
--	psql -v org=UUID [-v part=20] -f t/bench/crm_data.sql
--
-- With part, a twentieth of everything.
--
-- Triggers are off and indexes are made afterwards: inserts are measured elsewhere.

\set ON_ERROR_STOP on
\if :{?part}
\else
\set part 1
\endif
set client_min_messages = warning;
set maintenance_work_mem = '512MB';
set synchronous_commit = off;
select set_config('bench.org', :'org', false);

-- A number below n from a row's number and a salt.
create or replace function pg_temp.pick(i bigint, salt integer, n integer) returns integer
language sql immutable parallel safe
as $$ select (abs(hashint8(i * 7919 + salt * 104729)::bigint) % n)::integer $$;

create temp table words as select
	array['Anna','Omar','Li','Maria','Jonas','Fatima','Ahmed','Sofia','Pierre','Chloé','Hans','Ingrid','Mateo','Lucía','Noah','Emma','Yusuf','Aisha','Kenji','Yuki',
		'Ivan','Olga','Lars','Freja','Tom','Grace','Raj','Priya','Chen','Mei','David','Sarah','Carlos','Ana','Ben','Nora','Karim','Layla','Erik','Astrid'] as given,
	array['son','berg','mann','ez','ov','ski','sen','elli','ani','er','ford','ton','well','aux','ic','wala'] as ends,
	array['Ander','Fisch','Herr','Lopp','Petr','Kowal','Jen','Bott','Rah','Schneid','Craw','Hamp','Max','Bord','Mark','Put','Lind','Kauf','Gonzal','Ivan','Nowak','Han',
		'Mart','Khal','Brand','Stan','Black','Roch','Milos','Dari','Eck','Zimm','Alvar','Sidor','Walen','Rasmus','Ferr','Mehr','Web','Oak'] as stems,
	array['Industries','Logistics','Studio','Systems','Group','Trading','Labs','Partners','Energy','Health','Foods','Media','Works','Consulting','Design','Software'] as kinds,
	array['Germany','France','Egypt','Spain','United Kingdom','Netherlands','Poland','Italy',null,'Portugal'] as countries,
	array['Software','Logistics','Retail','Health','Energy','Hospitality','Architecture','Education'] as industries;

create temp table team as
	select p.id, row_number() over (order by p.created_at, p.id) - 1 as n, count(*) over () as total
	from profiles p where p.organization_id = :'org';
create temp table pipe as
	select p.id, row_number() over (order by p.is_default desc, p.created_at, p.id) - 1 as n from pipelines p where p.organization_id = :'org';

-- Indexes that are no constraints, put away and made again.
create temp table away as
	select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as def
	from pg_index i where i.indrelid = any ('{contacts,companies,deals,tasks}'::regclass[])
		and not exists (select from pg_constraint c where c.conindid = i.indexrelid);
do $$
declare
	x record;
begin
	for x in select name from away loop
		execute 'drop index ' || x.name;
	end loop;
	alter table companies disable trigger user;
	alter table contacts disable trigger user;
	alter table deals disable trigger user;
	alter table tasks disable trigger user;
end
$$;

-- Ids that sort by age like UUIDv7, made of the row's number.
create or replace function pg_temp.made_id(kind integer, i bigint) returns uuid
language sql immutable parallel safe
as $$ select (lpad(to_hex(1600000000000 + i * 1000), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8' || lpad(to_hex(i), 15, '0'))::uuid $$;

insert into companies (organization_id, id, name, domain, website, industry, city, country, phones, emails, tags, created_at, updated_at)
select :'org'::uuid, pg_temp.made_id(1, i), w.stems[1 + pg_temp.pick(i, 1, 40)] || w.ends[1 + pg_temp.pick(i, 2, 16)] || ' ' || w.kinds[1 + pg_temp.pick(i, 3, 16)] || ' ' || i,
	'c' || i || '.example', 'https://c' || i || '.example', w.industries[1 + pg_temp.pick(i, 4, 8)], 'City ' || i % 500, w.countries[1 + pg_temp.pick(i, 5, 10)],
	array['+4930' || 10000000 + i], array['info@c' || i || '.example'], array['segment ' || i % 20], now() - (200000 - i) * interval '5 minutes', now() - (200000 - i) * interval '5 minutes'
from words w, generate_series(1, 200000 / :part) i;

insert into contacts (organization_id, id, first_name, last_name, phones, emails, source, tags, assignee_id, company_id, custom_fields, opt_in_status, created_at, updated_at)
select :'org'::uuid, pg_temp.made_id(2, i), w.given[1 + pg_temp.pick(i, 1, 40)], w.stems[1 + pg_temp.pick(i, 2, 40)] || w.ends[1 + pg_temp.pick(i, 3, 16)],
	array['+4915' || 100000000 + i], array[lower(w.stems[1 + pg_temp.pick(i, 2, 40)]) || i || '@' || 'mail' || i % 1000 || '.example'],
	(array['website','api','csv-import','event','referral'])[1 + pg_temp.pick(i, 4, 5)],
	array['segment ' || pg_temp.pick(i, 5, 20)] || case when i % 50 = 0 then array['vip'] else '{}' end,
	case when i % 5 <> 0 then (select t.id from team t where t.n = i % t.total) end,
	case when i % 3 <> 0 then pg_temp.made_id(1, 1 + pg_temp.pick(i, 6, 200000 / :part)) end,
	jsonb_build_object('industry', w.industries[1 + pg_temp.pick(i, 7, 8)], 'size', pg_temp.pick(i, 8, 500)),
	i % 7 <> 0, now() - (1000000 - i) * interval '1 minute', now() - (1000000 - i) * interval '1 minute'
from words w, generate_series(1, 1000000 / :part) i;

-- Every third of 30 deals is open; the default pipeline holds 10,000 open ones.
insert into deals (organization_id, id, title, value, currency, pipeline_id, stage, probability, contact_id, company_id, owner_id, expected_close_date, source, tags,
	stage_entered_at, won_at, lost_at, discard_reason, reached_stage, counted_month, created_at, updated_at)
select :'org'::uuid, pg_temp.made_id(3, i), w.kinds[1 + pg_temp.pick(i, 1, 16)] || ' order ' || i, 100 + pg_temp.pick(i, 2, 50000), (array['EUR','EUR','EUR','USD','GBP'])[1 + pg_temp.pick(i, 3, 5)],
	(select p.id from pipe p where p.n = 0), s.stage, s.probability, pg_temp.made_id(2, 1 + pg_temp.pick(i, 4, 1000000 / :part)), pg_temp.made_id(1, 1 + pg_temp.pick(i, 5, 200000 / :part)),
	case when i % 10 <> 0 then (select t.id from team t where t.n = i % t.total) end, current_date + pg_temp.pick(i, 6, 365) - 180, 'website',
	array['segment ' || pg_temp.pick(i, 7, 20)], now() - pg_temp.pick(i, 8, 120) * interval '1 day', case when s.stage = 'won' then now() - pg_temp.pick(i, 9, 700) * interval '1 day' end,
	case when s.stage = 'lost' then now() - pg_temp.pick(i, 9, 700) * interval '1 day' end, case when s.stage = 'lost' then 'Price' end,
	case when s.stage = 'lost' then (array['new','qualified','proposal','negotiation'])[1 + pg_temp.pick(i, 11, 4)] else s.stage end,
	date_trunc('month', case when s.stage in ('won', 'lost') then now() - pg_temp.pick(i, 9, 700) * interval '1 day' else current_date + pg_temp.pick(i, 6, 365) - 180 end)::date,
	now() - (300000 - i) * interval '4 minutes', now() - (300000 - i) * interval '4 minutes'
from words w, generate_series(1, 300000 / :part) i,
	lateral (select case when i % 30 = 0 then (array['new','qualified','proposal','negotiation'])[1 + pg_temp.pick(i, 10, 4)] when i % 3 = 0 then 'won' else 'lost' end as stage,
		case when i % 30 = 0 then 25 * (1 + pg_temp.pick(i, 10, 3)) when i % 3 = 0 then 100 else 0 end as probability) s;

insert into tasks (organization_id, id, title, description, due_date, priority, completed, status, completed_at, assignee_id, contact_id, deal_id, created_at, updated_at)
select :'org'::uuid, pg_temp.made_id(4, i), (array['Call','Write to','Visit','Send offer to','Prepare for'])[1 + pg_temp.pick(i, 1, 5)] || ' ' || w.stems[1 + pg_temp.pick(i, 2, 40)] || ' ' || i,
	'About order ' || i, case when i % 20 <> 0 then now() + (i - 970000 / :part) * interval '2 minutes' end, (array['LOW','MEDIUM','HIGH'])[1 + pg_temp.pick(i, 3, 3)],
	i <= 960000 / :part, case when i <= 960000 / :part then 'Complete' else 'To Do' end, case when i <= 960000 / :part then now() + (i - 970000 / :part) * interval '2 minutes' - interval '1 hour' end,
	case when i % 12 <> 0 then (select t.id from team t where t.n = i % t.total) end, case when i % 2 = 0 then pg_temp.made_id(2, 1 + pg_temp.pick(i, 4, 1000000 / :part)) end,
	case when i % 5 = 0 then pg_temp.made_id(3, 1 + pg_temp.pick(i, 5, 300000 / :part)) end, now() + (i - 990000 / :part) * interval '2 minutes', now() + (i - 990000 / :part) * interval '2 minutes'
from words w, generate_series(1, 1000000 / :part) i;

do $$
declare
	x record;
begin
	for x in select def from away loop
		execute x.def;
	end loop;
	alter table companies enable trigger user;
	alter table contacts enable trigger user;
	alter table deals enable trigger user;
	alter table tasks enable trigger user;
end
$$;

-- What triggers would have kept: links of contacts, sums of deals, days of tasks.
insert into contact_companies (organization_id, contact_id, company_id, is_primary, created_at)
	select c.organization_id, c.id, c.company_id, true, c.created_at from contacts c
	where c.organization_id = :'org' and c.company_id is not null on conflict do nothing;
delete from deal_sums where organization_id = :'org';
insert into deal_sums (organization_id, pipeline_id, stage, reached_stage, owner_id, currency, month, deals, value, weighted, seconds)
	select d.organization_id, d.pipeline_id, d.stage, d.reached_stage, d.owner_id, d.currency, d.counted_month, count(*), sum(d.value),
		sum(d.value * coalesce(d.probability, 0) / 100), sum(internal.deal_seconds(d.created_at, d.won_at, d.lost_at))
	from deals d where d.organization_id = :'org' group by 1, 2, 3, 4, 5, 6, 7;
delete from internal.task_days where organization_id = :'org';
insert into internal.task_days (organization_id, day, assignee_id, priority, total, completed, done)
	select x.* from (
		select x.organization_id, x.day, x.who, x.priority, sum(x.total), sum(x.completed), sum(x.done)
		from tasks t cross join lateral (
			select t.organization_id, (t.created_at at time zone internal.org_zone(t.organization_id))::date,
				coalesce(t.assignee_id, '00000000-0000-0000-0000-000000000000'), t.priority, 1, case when t.completed then 1 else 0 end, 0
			union all
			select t.organization_id, (t.completed_at at time zone internal.org_zone(t.organization_id))::date,
				coalesce(t.assignee_id, '00000000-0000-0000-0000-000000000000'), t.priority, 0, 0, 1 where t.completed)
			x (organization_id, day, who, priority, total, completed, done)
		where t.organization_id = :'org' and t.status <> 'Cancelled' group by 1, 2, 3, 4) x;
vacuum analyze companies, contacts, deals, tasks, contact_companies, deal_sums;
