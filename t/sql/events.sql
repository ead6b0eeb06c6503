-- Events of contacts, companies and deals, of one row and of many in a statement
-- (sql/150): what is told, with what was and is, and what is not told.
set search_path = tap, public;
begin;
select no_plan();

select internal.create_organization('Events', 'events-test', 'UTC', 'USD') as org \gset
insert into auth.users (email, password_hash) values ('one@events.example', 'x'), ('two@events.example', 'x');
select id as one from auth.users where email = 'one@events.example' \gset
select id as two from auth.users where email = 'two@events.example' \gset
insert into profiles (organization_id, id, email, first_name) values (:'org', :'one', 'one@events.example', 'One'), (:'org', :'two', 'two@events.example', 'Two');
insert into contacts (organization_id, first_name, last_name, source, updated_at)
	select :'org'::uuid, 'Person', n::text, 'fair', '2020-01-01' from generate_series(1, 3) n;
insert into deals (organization_id, title, value, contact_id, owner_id)
	select :'org'::uuid, 'Deal ' || c.last_name, 10, c.id, case when c.last_name = '1' then :'one'::uuid end
	from contacts c where c.organization_id = :'org' order by c.last_name;
create temp table seen as select max(position) as upto from events where organization_id = :'org';
-- What was told since it was asked last: type, record, changes.
create function pg_temp.news(org uuid) returns table (type text, record text, changes jsonb, data jsonb)
language sql as $$
	with e as (select e.* from events e, seen s where e.organization_id = org and e.position > s.upto and e.record_type in ('contact', 'deal')),
	m as (update seen set upto = coalesce((select max(position) from e), upto))
	select e.type, coalesce(e.data ->> 'title', e.data ->> 'last_name'), e.changes, e.data from e order by e.type, 2
$$;

select is((select string_agg(e.type, ' ' order by e.position) from events e join deals d on d.id = e.record_id where d.organization_id = :'org' and d.title in ('Deal 1', 'Deal 2')),
	'deal.created deal.assigned deal.created', 'a new record is told, and as assigned when somebody has it');

update contacts set source = source where organization_id = :'org';
select is((select count(*) from pg_temp.news(:'org')), 0::bigint, 'a change that changes nothing but its time is not told');
select is((select count(*) from contacts where organization_id = :'org' and updated_at > '2020-01-01'), 3::bigint, 'which did change');

update contacts set source = 'web', description = 'Seen' where organization_id = :'org';
create temp table n1 as select * from pg_temp.news(:'org');
select is((select count(*) from n1), 3::bigint, 'one event for each row of a statement');
select is((select string_agg(distinct type, ',') from n1), 'contact.updated', 'no other than that it was changed');
select is((select changes from n1 where record = '2'), '{"old_source": "fair", "new_source": "web", "old_description": null, "new_description": "Seen"}'::jsonb,
	'with what was and what is, of the columns that differ, and of no others');
select ok((select bool_and(data ->> 'source' = 'web' and not data ?| array['search_text', 'full_name_search']) from n1), 'and the record as it is, without columns for searching');

update contacts set source = case when last_name = '2' then 'mail' else source end where organization_id = :'org';
select is((select string_agg(record, ',') from pg_temp.news(:'org')), '2', 'of many rows those that differ');

update deals set owner_id = :'two' where organization_id = :'org' and title <> 'Deal 3';
create temp table n2 as select * from pg_temp.news(:'org');
select is((select string_agg(type || ' ' || record, ', ' order by record, type) from n2),
	'deal.assigned Deal 1, deal.updated Deal 1, deal.assigned Deal 2, deal.updated Deal 2', 'another owner is told as that, too');
select is((select changes from n2 where record = 'Deal 1' and type = 'deal.assigned'),
	jsonb_build_object('old_owner_id', :'one'::text, 'new_owner_id', :'two'::text), 'with who had it and who has it');
update deals set owner_id = null where organization_id = :'org' and title = 'Deal 1';
select is((select string_agg(type, ',') from pg_temp.news(:'org')), 'deal.updated', 'nobody is not assigned');

update deals set stage = 'qualified' where organization_id = :'org' and title in ('Deal 1', 'Deal 2');
create temp table n3 as select * from pg_temp.news(:'org');
select is((select string_agg(type || ' ' || record, ', ' order by record, type) from n3),
	'deal.stage.changed Deal 1, deal.updated Deal 1, deal.stage.changed Deal 2, deal.updated Deal 2', 'another stage is told as that, too');
select is((select changes from n3 where record = 'Deal 1' and type = 'deal.stage.changed'), '{"old_stage": "new", "new_stage": "qualified"}'::jsonb, 'with both');

update deals set stage = 'won' where organization_id = :'org' and title = 'Deal 2';
select isnt((select won_at from deals where organization_id = :'org' and title = 'Deal 2'), null, 'a stage that is won has its time');
select ok((select changes ? 'new_stage' and not changes ?| array['new_won_at', 'new_stage_entered_at', 'new_updated_at'] from pg_temp.news(:'org')
	where type = 'deal.updated'), 'what follows from others by itself is not among what differs');
update contacts set last_name = 'Nine' where organization_id = :'org' and last_name = '3';
select is((select changes from pg_temp.news(:'org')), '{"old_last_name": "3", "new_last_name": "Nine"}'::jsonb, 'nor are columns for searching');

select * from finish();
rollback;
