-- People and companies in SQL: several companies per contact, files, notes and
-- mails with the rights of their record, merging and taking apart, tags that
-- count themselves, countries of numbers, erasure and deletion by age.
set search_path = tap, public;
begin;
select no_plan();

create temp table ids (name text primary key, id uuid);
grant select on ids to authenticated;
insert into ids values ('org', internal.create_organization('People', 'people-test', 'Europe/Berlin', 'EUR')),
	('other', internal.create_organization('Others', 'people-others', 'UTC', 'USD'));
create function pg_temp.i(n text) returns uuid language sql stable as $$ select i.id from ids i where i.name = n $$;
grant execute on function pg_temp.i(text) to authenticated;
insert into ids values ('boss', internal.create_user(pg_temp.i('org'), 'boss@people.example', null, 'Bo', 'Boss', 'OWNER')),
	('agent', internal.create_user(pg_temp.i('org'), 'agent@people.example', null, 'Al', 'Agent', 'AGENT'));
-- As a member, in his tenant.
create function pg_temp.be(n text) returns void language sql as $$
	select set_config('request.jwt.claims', (select jsonb_build_object('organization_id', r.organization_id, 'sub', r.user_id,
		'role', 'authenticated', 'app_role', r.role, 'may', r.may)::text from user_roles r where r.user_id = pg_temp.i(n)), true)
$$;
select pg_temp.i('org') as org \gset
select pg_temp.be('boss');

-- ---- several companies -------------------------------------------------------------

insert into companies (organization_id, id, name) values (:'org', uuid7(), 'One'), (:'org', uuid7(), 'Two'), (:'org', uuid7(), 'Three');
insert into ids select name, id from companies where organization_id = :'org';
insert into contacts (organization_id, first_name, company_id) values (:'org', 'Ada', pg_temp.i('One'));
insert into ids select 'Ada', id from contacts where organization_id = :'org';
create function pg_temp.links() returns text language sql stable as $$
	select string_agg(c.name || case when l.is_primary then '*' else '' end, ' ' order by c.name)
	from contact_companies l join companies c on c.id = l.company_id where l.contact_id = pg_temp.i('Ada') $$;
select is(pg_temp.links(), 'One*', 'LEA-33 the company of a contact is a link, and the primary one');
insert into contact_companies (organization_id, contact_id, company_id) values (:'org', pg_temp.i('Ada'), pg_temp.i('Two'));
select is(pg_temp.links(), 'One* Two', 'LEA-33 another company does not move the first');
update contacts set company_id = pg_temp.i('Two') where id = pg_temp.i('Ada');
select is(pg_temp.links(), 'One Two*', 'LEA-33 company_id names one that is linked: it becomes the primary, both stay');
update contacts set company_id = pg_temp.i('Three') where id = pg_temp.i('Ada');
select is(pg_temp.links(), 'One Three*', 'LEA-33 company_id names another: it takes the primary''s place');
update contact_companies set is_primary = true where contact_id = pg_temp.i('Ada') and company_id = pg_temp.i('One');
select is((select company_id from contacts where id = pg_temp.i('Ada')), pg_temp.i('One'), 'LEA-33 the link moved the other way: company_id follows');
delete from contact_companies where contact_id = pg_temp.i('Ada') and company_id = pg_temp.i('One');
select is((select company_id from contacts where id = pg_temp.i('Ada')), pg_temp.i('Three'), 'LEA-33 without its primary the oldest of the others is it');
delete from companies where id = pg_temp.i('Three');
select ok((select company_id is null from contacts where id = pg_temp.i('Ada')) and pg_temp.links() is null, 'COM-6 COM-7 a company that goes leaves its people, and no link');
select throws_ok($$insert into contact_companies (organization_id, contact_id, company_id)
	select pg_temp.i('other'), pg_temp.i('Ada'), pg_temp.i('One')$$, '23503', null, 'no link reaches into another tenant');

-- ---- companies of companies ------------------------------------------------------------

update companies set parent_company_id = pg_temp.i('One') where id = pg_temp.i('Two');
select throws_ok($$update companies set parent_company_id = pg_temp.i('Two') where id = pg_temp.i('One')$$, 'KT400', null, 'a company does not belong to one of its own');
select throws_ok($$update companies set parent_company_id = pg_temp.i('One') where id = pg_temp.i('One')$$, 'KT400', null, 'nor to itself');

-- ---- files and notes have the rights of their record ----------------------------------------

insert into contacts (organization_id, first_name, assignee_id) values (:'org', 'Secret', pg_temp.i('boss'));
insert into ids select 'Secret', id from contacts where organization_id = :'org' and first_name = 'Secret';
insert into files (organization_id, id, sha256, name, content_type, size, created_by)
	values (:'org', uuid7(), repeat('a', 64), 'plan.pdf', 'application/pdf', 3, pg_temp.i('boss'));
insert into ids select 'file', id from files where organization_id = :'org';
select pg_temp.be('agent');
-- One who sees his own contacts only.
select set_config('request.jwt.claims', (current_setting('request.jwt.claims')::jsonb || '{"may": ["can_access_crm"]}')::text, true);
create function pg_temp.sees(t text) returns bigint language plpgsql as $$
declare n bigint; begin
	perform set_config('role', 'authenticated', true);
	execute 'select count(*) from ' || t into n;
	perform set_config('role', 'none', true);
	return n;
end $$;
select is(pg_temp.sees('files where id = pg_temp.i(''file'')'), 1::bigint, 'a file that belongs to no record is seen by its id');
insert into record_files (organization_id, file_id, contact_id) values (:'org', pg_temp.i('file'), pg_temp.i('Secret'));
insert into notes (organization_id, contact_id, author_id, content) values (:'org', pg_temp.i('Secret'), pg_temp.i('boss'), 'hush');
select is(pg_temp.sees('contacts where id = pg_temp.i(''Secret'')'), 0::bigint, 'the agent does not see the contact');
select is(pg_temp.sees('files where id = pg_temp.i(''file'')'), 0::bigint, 'nor a file that is attached to it');
select is(pg_temp.sees('record_files'), 0::bigint, 'nor that there is one');
select is(pg_temp.sees('notes where content = ''hush'''), 0::bigint, 'nor its notes');
select throws_ok($$insert into record_files (organization_id, file_id, contact_id, company_id)
	values ((select id from ids where name = 'org'), pg_temp.i('file'), pg_temp.i('Secret'), pg_temp.i('One'))$$, '23514', null, 'a file is on one record');
select pg_temp.be('boss');

-- ---- timeline -----------------------------------------------------------------------------------

update contacts set title = 'CTO', custom_fields = '{"floor": 3}' where id = pg_temp.i('Ada');
select ok(exists (select from internal.timeline('contact', pg_temp.i('Ada'), 'change', null, null, 20) t, jsonb_array_elements(t.changes) c
	where c ->> 'field' = 'title' and c ->> 'new' = 'CTO'), 'CON-14 what changed stands in the timeline');
select ok(exists (select from internal.timeline('contact', pg_temp.i('Ada'), 'change', null, null, 20) t, jsonb_array_elements(t.changes) c
	where c ->> 'field' = 'floor' and c ->> 'new' = '3'), 'custom fields one by one');
select is((select count(*) from internal.timeline('contact', pg_temp.i('Ada'), 'note', null, null, 20)), 0::bigint, 'of one kind alone');

-- ---- merging and taking apart ----------------------------------------------------------------------

insert into contacts (organization_id, first_name, last_name, phones, emails, tags, opt_in_status, title, assignee_id) values
	(:'org', 'Keep', 'One', '{+4930111222}', '{keep@x.example}', '{a}', true, null, null),
	(:'org', 'Gone', 'Two', '{+4930111222}', '{gone@x.example}', '{b}', false, 'CEO', pg_temp.i('agent'));
insert into ids select first_name, id from contacts where organization_id = :'org' and first_name in ('Keep', 'Gone');
insert into deals (organization_id, title, contact_id) values (:'org', 'Its deal', pg_temp.i('Gone'));
insert into contact_handles (organization_id, contact_id, kind, value) values (:'org', pg_temp.i('Gone'), 'telegram', '4711');
select is((select reasons from internal.duplicate_contacts(10) where ids @> array[pg_temp.i('Keep'), pg_temp.i('Gone')]), '{phone}', 'CON-62 the same phone number is noticed');
select ok(not internal.all_dismissed('contact', array[pg_temp.i('Keep'), pg_temp.i('Gone')]), 'and suggested');
select internal.dismiss_duplicates('contact', array[pg_temp.i('Gone'), pg_temp.i('Keep')]);
select ok(internal.all_dismissed('contact', array[pg_temp.i('Keep'), pg_temp.i('Gone')]), 'CON-62 until somebody says that they differ');
select is(internal.merge_contacts(pg_temp.i('Keep'), array[pg_temp.i('Gone')], jsonb_build_object('last_name', pg_temp.i('Gone'))), 1, 'CON-63 merged');
select is((select concat_ws(' ', first_name, last_name, title, opt_in_status, cardinality(emails), array_to_string(tags, ',')) from contacts where id = pg_temp.i('Keep')),
	'Keep Two CEO f 2 a,b', 'CON-63 CON-64 chosen values, what was missing, lists together, consent that was withdrawn');
select is((select contact_id from deals where title = 'Its deal'), pg_temp.i('Keep'), 'CON-64 references moved');
update contacts set first_name = 'Changed since' where id = pg_temp.i('Keep');
insert into ids select 'merge', id from record_merges where duplicate_id = pg_temp.i('Gone');
select is(internal.unmerge(pg_temp.i('merge')), pg_temp.i('Gone'), 'unmerge gives the record that is back');
select is((select concat_ws(' ', first_name, last_name, title, opt_in_status, array_to_string(emails, ','), array_to_string(tags, ',')) from contacts where id = pg_temp.i('Gone')),
	'Gone Two CEO f gone@x.example b', 'unmerge: as it was');
select is((select concat_ws(' ', first_name, last_name, title, opt_in_status, array_to_string(emails, ','), array_to_string(tags, ',')) from contacts where id = pg_temp.i('Keep')),
	'Changed since One t keep@x.example a', 'unmerge: the primary gives up what it had from it, and keeps what was changed since');
select is((select contact_id from deals where title = 'Its deal'), pg_temp.i('Gone'), 'unmerge: references are back');
select is((select contact_id from contact_handles where value = '4711'), pg_temp.i('Gone'), 'unmerge: handles are back');
select throws_ok($$select internal.unmerge(pg_temp.i('merge'))$$, 'KT409', null, 'unmerge: a second time is refused');
select internal.merge_contacts(pg_temp.i('Keep'), array[pg_temp.i('Gone')]);
insert into ids select 'second merge', id from record_merges where duplicate_id = pg_temp.i('Gone') and unmerged_at is null;
delete from contacts where id = pg_temp.i('Keep');
select throws_ok($$select internal.unmerge(pg_temp.i('second merge'))$$, 'KT409', null, 'unmerge: refused where the primary is gone');
select throws_ok($$select internal.merge_contacts(pg_temp.i('Ada'), array[pg_temp.i('Ada')])$$, 'KT400', null, 'nothing merges into itself');

-- ---- tags -----------------------------------------------------------------------------------------------

insert into contacts (organization_id, first_name, tags) select :'org', 'T' || n, array['many', 'n' || n % 2] from generate_series(1, 10) n;
insert into companies (organization_id, name, tags) values (:'org', 'Tagged', '{many}');
select internal.tags_fold();
create function pg_temp.counts(t text) returns text language sql stable as $$
	select concat_ws(' ', contacts, companies, deals) from tags where organization_id = pg_temp.i('org') and name = t $$;
select is(pg_temp.counts('many'), '10 1 0', 'CON-46 COM-34 tags count themselves, for every kind of record');
update contacts set tags = '{n1}' where organization_id = :'org' and first_name in ('T1', 'T2');
delete from contacts where organization_id = :'org' and first_name = 'T3';
select internal.tags_fold();
select is(pg_temp.counts('many'), '7 1 0', 'CON-47 and follow changes and deletions');
select is(internal.retagged('{a,b,c}', '{a,c}', 'x'), '{x,b}', 'several become one, in their order, once');
select is(internal.retagged('{a,b}', '{a}', null), '{b}', 'or none');

-- ---- countries --------------------------------------------------------------------------------------------

select is(internal.phone_country(p), c, format('CON-49 %s is in %s', p, c)) from (values ('+201017177777', 'Egypt'), ('+4915112345678', 'Germany'),
	('+12125550100', 'United States'), ('+14165550100', 'Canada'), ('+18765550100', 'Jamaica'), ('+77001234567', 'Kazakhstan'), ('+79161234567', 'Russia'),
	('+447700900504', 'United Kingdom'), ('+441624670000', 'Isle of Man'), ('+971501234567', 'United Arab Emirates'), ('+3584512345', 'Finland')) x (p, c);
select ok(internal.phone_country('+999123456') is null and internal.phone_country('123') is null, 'CON-49 an unknown prefix is no country');

-- ---- personal data ----------------------------------------------------------------------------------------

insert into contacts (organization_id, first_name, last_name, phones, emails) values (:'org', 'Eva', 'Erasmus', '{+4930999888}', '{eva.erasmus@private.example}');
insert into ids select 'Eva', id from contacts where organization_id = :'org' and first_name = 'Eva';
select ok((select consent_at is not null and consent_source = 'member' from contacts where id = pg_temp.i('Eva')), 'consent has its time and its source');
update contacts set opt_in_status = false, consent_source = 'letter of 3 May' where id = pg_temp.i('Eva');
select is((select consent_source from contacts where id = pg_temp.i('Eva')), 'letter of 3 May', 'which the writer may name');
insert into notes (organization_id, contact_id, content) values (:'org', pg_temp.i('Eva'), 'eva.erasmus@private.example likes tea');
insert into deals (organization_id, title, contact_id, stage) values (:'org', 'Boat for Eva Erasmus', pg_temp.i('Eva'), 'won');
select ok(internal.person_data(pg_temp.i('Eva')) ?& '{contact,deals,notes,messages,files}'::text[], 'everything of one person comes together');
select pg_temp.be('agent');
select throws_ok($$select internal.person_data(pg_temp.i('Eva'))$$, 'KT403', null, 'not for everybody');
select throws_ok($$select internal.erase_person(pg_temp.i('Eva'), 'Eva Erasmus')$$, 'KT403', null, 'nor may everybody erase');
select pg_temp.be('boss');
select throws_ok($$select internal.erase_person(pg_temp.i('Eva'), 'Eva')$$, 'KT422', null, 'a wrong name erases nobody');
select is(internal.erase_person(pg_temp.i('Eva'), 'eva erasmus') ->> 'kept', 'true', 'a deal that was won keeps the record');
select is((select concat_ws(' ', first_name, last_name, cardinality(emails), cardinality(phones)) from contacts where id = pg_temp.i('Eva')), '[erased] 0 0', 'without the person');
select is((select title from deals where contact_id = pg_temp.i('Eva')), 'Boat for [erased]', 'whose name is out of the deal');
select is((select count(*) from events where organization_id = :'org' and (data::text ~* 'erasmus' or changes::text ~* 'erasmus')), 0::bigint, 'and out of every event');
select is((select count(*) from notes where contact_id = pg_temp.i('Eva')), 0::bigint, 'notes are gone');
select is((select count(*) from events where organization_id = :'org' and type = 'contact.erased' and actor_id = pg_temp.i('boss') and admin_only), 1::bigint, 'the audit log says who did it');
select throws_ok($$update events set data = '{}' where organization_id = (select id from ids where name = 'org')$$, 'KT403', null, 'AUTH the log stays closed otherwise');

-- Where else a person is: a lead before he was a contact, the trash, rows of
-- imports, changes of many, notices, web forms, and what was exported of him.
insert into contacts (organization_id, first_name, last_name, phones, emails) values
	(:'org', 'Tom', 'Traces', '{+4930777666555}', '{tom.traces@private.example}'), (:'org', 'Ann', 'Other', '{}', '{ann@other.example}');
insert into ids select first_name, id from contacts where organization_id = :'org' and first_name in ('Tom', 'Ann');
insert into leads (organization_id, name, email, source, tags) values (:'org', 'Tom T', 'tom.traces@private.example', 'manual', '{leadtag}');
insert into ids select 'lead', id from leads where organization_id = :'org' and name = 'Tom T';
insert into lead_engagement_events (organization_id, lead_id, kind, url) values (:'org', pg_temp.i('lead'), 'page_visit', 'https://us.example/prices');
insert into notes (organization_id, lead_id, content) values (:'org', pg_temp.i('lead'), 'tom.traces@private.example called');
insert into lead_forms (organization_id, name) values (:'org', 'Ask');
insert into lead_form_submissions (organization_id, form_id, lead_id, outcome, data)
	select :'org'::uuid, f.id, pg_temp.i('lead'), 'created', '{"email": "tom.traces@private.example"}'::jsonb from lead_forms f where f.organization_id = :'org'
	union all select :'org'::uuid, f.id, null, 'refused', '{"email": "Tom.Traces@private.example"}' from lead_forms f where f.organization_id = :'org'
	union all select :'org'::uuid, f.id, null, 'refused', '{"email": "ann@other.example"}' from lead_forms f where f.organization_id = :'org';
select internal.tags_fold();
select is((select leads from tags where organization_id = :'org' and name = 'leadtag'), 1, 'CON-46 tags of leads count too');
select is((select jsonb_array_length(d -> 'leads') || ' ' || jsonb_array_length(d -> 'lead_engagement_events') || ' '
		|| jsonb_array_length(d -> 'notes') || ' ' || jsonb_array_length(d -> 'lead_form_submissions')
	from internal.person_data(pg_temp.i('Tom')) d), '1 1 1 1', 'the export has the lead, its signals, its notes and what its form sent');
select ok(not internal.person_data(pg_temp.i('Tom')) #> '{leads,0}' ? 'track_key', 'without the key by which its visits are counted');

insert into imports (organization_id, kind, state) values (:'org', 'contacts', 'done');
insert into import_rows (organization_id, import_id, row, action, record_id, before, data)
	select :'org'::uuid, i.id, 1, 'updated', pg_temp.i('Tom'), '{"first_name": "Tommy"}'::jsonb, null::jsonb from imports i where i.organization_id = :'org'
	union all select :'org'::uuid, i.id, 2, 'failed', null, null, '{"emails": ["tom.traces@private.example"]}' from imports i where i.organization_id = :'org'
	union all select :'org'::uuid, i.id, 3, 'failed', null, null, '{"emails": ["ann@other.example"]}' from imports i where i.organization_id = :'org';
insert into bulk_changes (organization_id, kind, action, key, vals) values (:'org', 'contacts', 'set', 'source', '["x"]');
insert into bulk_rows (organization_id, bulk_id, record_id, state, before, after)
	select :'org'::uuid, b.id, r.id, 'changed', r.was, '"x"' from bulk_changes b,
		(values (pg_temp.i('Tom'), '"Tom said"'::jsonb), (pg_temp.i('lead'), '"lead said"'), (pg_temp.i('Ann'), '"asked tom.traces@private.example"'),
			(pg_temp.i('One'), '"fair"')) r (id, was) where b.organization_id = :'org';
insert into notifications (organization_id, user_id, kind, record_type, record_id, data) values
	(:'org', pg_temp.i('agent'), 'lead.score', 'lead', pg_temp.i('lead'), '{"title": "Tom T"}'),
	(:'org', pg_temp.i('agent'), 'conversation.assigned', 'conversation', uuid7(), '{"title": "+4930777666555"}'),
	(:'org', pg_temp.i('agent'), 'contact.assigned', 'contact', pg_temp.i('Ann'), '{"title": "Ann Other"}');
insert into tasks (organization_id, title, contact_id) values (:'org', 'Ring Tom up', pg_temp.i('Tom'));
insert into contacts (organization_id, first_name, emails) values (:'org', 'Twice', '{tom.traces@private.example}');
insert into companies (organization_id, name) values (:'org', 'Trash Ltd');
insert into contact_companies (organization_id, contact_id, company_id) select :'org'::uuid, pg_temp.i('Tom'), c.id from companies c where c.organization_id = :'org' and c.name = 'Trash Ltd';
insert into notes (organization_id, company_id, content) select :'org'::uuid, c.id, 'ask TOM.TRACES@private.example' from companies c where c.organization_id = :'org' and c.name = 'Trash Ltd';
insert into deals (organization_id, title, contact_id) values (:'org', 'Tent for Tom', pg_temp.i('Tom'));
select internal.record_delete('contacts', id) from contacts where organization_id = :'org' and first_name = 'Twice';
select internal.record_delete('companies', id) from companies where organization_id = :'org' and name = 'Trash Ltd';
select internal.record_delete('deals', id) from deals where organization_id = :'org' and title = 'Tent for Tom';
select is((select count(*) from trash where organization_id = :'org'), 3::bigint, 'three records lie in the trash');
insert into files (organization_id, id, sha256, name, content_type, size) values (:'org', uuid7(), repeat('e', 64), 'tom.zip', 'application/zip', 3);
insert into record_jobs (organization_id, kind, state, payload, file_id, created_by)
	select :'org'::uuid, 'person_export', 'done', jsonb_build_object('contact_id', pg_temp.i('Tom')), f.id, pg_temp.i('boss') from files f where f.organization_id = :'org' and f.name = 'tom.zip';

select is(internal.erase_person(pg_temp.i('Tom'), 'Tom Traces') ->> 'leads', '1', 'who is erased is erased as a lead too');
select is((select count(*) from leads where organization_id = :'org') + (select count(*) from lead_engagement_events where organization_id = :'org'), 0::bigint, 'with its signals');
select is((select string_agg(data ->> 'email', ',') from lead_form_submissions where organization_id = :'org'), 'ann@other.example', 'what web forms sent goes, of others it stays');
select is((select string_agg(coalesce(before ->> 'first_name', data #>> '{emails,0}', '-'), ',' order by row) from import_rows where organization_id = :'org'), '-,-,ann@other.example', 'rows of imports are empty, before and data');
select is((select string_agg(before #>> '{}', ',') from bulk_rows where organization_id = :'org'), 'fair', 'so are values before a change of many');
select is((select string_agg(data ->> 'title', ',') from notifications where organization_id = :'org' and data ->> 'title' ~ 'Tom|666555|Ann'),
	'Ann Other', 'no notice names the person');
select is((select string_agg(name, ',') from trash where organization_id = :'org'), 'Trash Ltd', 'the trash has nothing of the person''s own');
select ok((select count(*) = 0 from trash where organization_id = :'org' and (rows::text ~* 'traces' or rows::text || links::text ~ pg_temp.i('Tom')::text)), 'nor a word in what is another''s');
select ok(internal.trash_restore(id), 'which can still be brought back') from trash where organization_id = :'org';
select is((select n.content from notes n join companies c on c.id = n.company_id where c.organization_id = :'org' and c.name = 'Trash Ltd'), 'ask [erased]', 'without the person');
select is((select count(*) from files where organization_id = :'org' and name = 'tom.zip') + (select count(*) from record_jobs where organization_id = :'org' and kind = 'person_export'), 0::bigint, 'an export that was made is deleted');
select ok(exists (select from job.jobs where organization_id = :'org' and kind = 'file_sweep' and payload::text ~ repeat('e', 64)), 'and its content with it');
select is((select count(*) from events where organization_id = :'org' and type not like 'note.%' and (data::text ~* 'tom.traces' or changes::text ~* 'tom.traces')), 0::bigint,
	'no event of a contact, lead, task or deal tells of the person, nor of those in the trash');

insert into record_emails (organization_id, contact_id, to_address, subject, body, created_at)
	values (:'org', pg_temp.i('Ada'), 'a@b.example', 'Old', 'x', now() - interval '40 days'), (:'org', pg_temp.i('Ada'), 'a@b.example', 'New', 'x', now());
select is((select count(*) from job.jobs where organization_id = :'org' and kind = 'mail' and payload ->> 'subject' in ('Old', 'New')), 2::bigint, 'an e-mail on a record is a letter in the queue');
select is((select count(*) from internal.retention_ids('emails', 30, 100)), 1::bigint, 'a rule by age says what it would delete');
insert into retention_rules (organization_id, data_class, days, enabled) values (:'org', 'emails', 30, true);
select is((select count(*) from record_jobs where organization_id = :'org' and kind = 'retention' and state = 'waiting'), 1::bigint, 'a rule in force plans the night');
select ok((select run_at > now() from job.jobs where organization_id = :'org' and kind = 'record_job'), 'for later');
select internal.record_job_step((select id from record_jobs where organization_id = :'org' and kind = 'retention'), 100);
select is((select string_agg(subject, ',') from record_emails where organization_id = :'org'), 'New', 'and deletes that, and no more');

select * from finish();
rollback;
