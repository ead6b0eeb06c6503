-- Lists of records: which rows fit, in which order, page by page; changes of
-- many rows and the way back; what a deletion took along comes back.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
select user_id as agent from user_roles where role = 'AGENT' and organization_id = :'org' limit 1 \gset
select organization_id as other from user_roles where organization_id <> :'org' limit 1 \gset
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated',
	'app_role', 'OWNER', 'may', array['*'])::text, true) \gset
insert into custom_field_definitions (entity, key, label, type, options) values ('contact', 'zz_num', 'ZZ number', 'number', '[]'),
	('contact', 'zz_many', 'ZZ many', 'multi_select', '["a", "b", "c, d"]'), ('contact', 'zz_day', 'ZZ day', 'date', '[]'),
	('contact', 'zz_flag', 'ZZ flag', 'checkbox', '[]'), ('contact', 'zz_money', 'ZZ money', 'currency', '[]');
insert into contacts (first_name, last_name, tags, source, custom_fields, assignee_id, created_at)
	select chr(64 + n), 'Zz', array['zz'] || case when n % 2 = 0 then array['even'] else '{}' end, case when n > 3 then 's' || n end,
		case when n < 9 then jsonb_build_object('zz_num', n, 'zz_many', case when n % 3 = 0 then '["a", "c, d"]' else '["b"]' end::jsonb,
			'zz_day', '2026-01-0' || n, 'zz_flag', n % 2 = 0, 'zz_money', n * 100 || ' EUR') else '{}' end,
		case when n = 1 then :'owner'::uuid end, now() - n * interval '1 day'
	from generate_series(1, 10) n;
insert into contacts (organization_id, first_name, last_name, tags) values (:'other', 'F', 'Zz', '{zz}');
set local role authenticated;

-- Letters of those that fit, in order.
create function pg_temp.fit(filters jsonb, sort text default 'name', down boolean default false, more jsonb default '{}', most integer default 50)
returns text language sql as $$
	select coalesce(string_agg(c.first_name, '' order by p.n), '') from internal.records_page(jsonb_build_object('kind', 'contacts', 'most', most,
		'where', '[{"key": "tags", "op": "all", "v": ["zz"]}]'::jsonb || filters, 'sort', sort, 'desc', down) || more) p join contacts c on c.id = p.id
$$;

select is(pg_temp.fit('[]'), 'ABCDEFGHIJ', 'CON-30 A to Z, and nobody of another tenant (CON-26)');
select is(pg_temp.fit('[]', 'name', true), 'JIHGFEDCBA', 'CON-30 Z to A');
select is(pg_temp.fit('[]', 'created_at', true), 'ABCDEFGHIJ', 'CON-31 newest first');
select is(pg_temp.fit('[]', 'created_at'), 'JIHGFEDCBA', 'CON-31 oldest first');
select is(pg_temp.fit('[{"key": "tags", "op": "any", "v": ["even", "nothing"]}]'), 'BDFHJ', 'CON-27 one of several tags');
select is(pg_temp.fit('[{"key": "tags", "op": "none", "v": ["even"]}]'), 'ACEGI', 'without a tag');
select is(pg_temp.fit('[{"key": "assignee_id", "op": "is", "v": ["me"]}]'), 'A', 'CON-28 assigned to me');
select is(pg_temp.fit('[{"key": "assignee_id", "op": "empty", "v": []}]'), 'BCDEFGHIJ', 'CON-28 no assignee');
select is(pg_temp.fit('[{"key": "source", "op": "empty", "v": []}]'), 'ABC', 'an empty text');
select is(pg_temp.fit('[{"key": "source", "op": "not", "v": ["s4", "s5"]}]'), 'ABCFGHIJ', 'is not: those without a value too');
select is(pg_temp.fit('[{"key": "source", "op": "has", "v": ["S1"]}]'), 'J', 'contains, in either case');
select is(pg_temp.fit('[{"key": "created_at", "op": "last", "v": ["3"]}]'), 'ABC', 'the last three days');
select is(pg_temp.fit('[{"key": "q", "v": ["zz a"]}, {"key": "tags", "op": "none", "v": ["even"]}]'), 'A', 'CON-24 search and filter together');
select is(pg_temp.fit('[{"key": "cf.zz_num", "op": "gt", "v": ["6"]}]'), 'GH', 'CON-53 a custom number is compared as one');
select is(pg_temp.fit('[{"key": "cf.zz_num", "op": "between", "v": ["2", "3,0"]}]'), 'BC', 'CON-53 between, with a comma');
select is(pg_temp.fit('[{"key": "cf.zz_many", "op": "any", "v": ["a"]}]'), 'CF', 'CON-53 several choices: any of');
select is(pg_temp.fit('[{"key": "cf.zz_many", "op": "all", "v": ["a", "c, d"]}]'), 'CF', 'CON-53 all of');
select is(pg_temp.fit('[{"key": "cf.zz_many", "op": "none", "v": ["b"]}]'), 'CFIJ', 'CON-53 none of');
select is(pg_temp.fit('[{"key": "cf.zz_day", "op": "before", "v": ["2026-01-03"]}]'), 'AB', 'CON-53 a custom date');
select is(pg_temp.fit('[{"key": "cf.zz_flag", "op": "is", "v": ["true"]}]'), 'BDFH', 'CON-53 a check mark');
select is(pg_temp.fit('[{"key": "cf.zz_money", "op": "lt", "v": ["250"]}]'), 'AB', 'CON-53 an amount');
select is(pg_temp.fit('[{"key": "q", "v": ["c, D"]}]'), 'CF', 'CON-22 found by a custom field value');
select matches(pg_temp.fit('[]', 'cf.zz_num', true), '^HGFEDCBA(IJ|JI)$', 'CON-53 sorted by a custom number, those without it last');
select matches(pg_temp.fit('[]', 'cf.zz_num'), '^ABCDEFGH(IJ|JI)$', 'in either direction');
select is(pg_temp.fit('[]', 'source', true, '{}', 3), 'IHG', 'a page of three');

-- Pages meet: forward over the border of those without a value, and back.
create function pg_temp.walk(sort text, down boolean) returns text language plpgsql as $$
declare
	seen text := ''; page text; edge jsonb := '{}'; h record;
begin
	loop
		page := pg_temp.fit('[]', sort, down, edge, 4);
		exit when page = '' or length(seen) > 40;
		seen := seen || page;
		select p.id, p.k into h from internal.records_page(jsonb_build_object('kind', 'contacts', 'most', 4, 'where',
			'[{"key": "tags", "op": "all", "v": ["zz"]}]'::jsonb, 'sort', sort, 'desc', down) || edge) p order by p.n desc limit 1;
		edge := jsonb_build_object('after', jsonb_build_object('null', h.k is null, 'k', h.k, 'id', h.id));
	end loop;
	select p.id, p.k into h from internal.records_page(jsonb_build_object('kind', 'contacts', 'most', 1, 'where',
		'[{"key": "tags", "op": "all", "v": ["zz"]}]'::jsonb, 'sort', sort, 'desc', not down)) p;
	return seen;
end $$;
select is(pg_temp.walk('name', false), 'ABCDEFGHIJ', 'CON-33 page after page shows each once');
select is(pg_temp.walk('created_at', true), 'ABCDEFGHIJ', 'CON-33 the newest first');
select is(pg_temp.walk('source', false), 'JDEFGHIABC', 'CON-33 over the border of those without a value');
select is(length(pg_temp.walk('cf.zz_num', true)), 10, 'CON-33 by a custom field');
select pg_temp.fit('[]', 'cf.zz_num', true) as whole \gset
select id as last_id from contacts where last_name = 'Zz' and first_name = right(:'whole', 1) \gset
select is(pg_temp.fit('[]', 'cf.zz_num', true, jsonb_build_object('before', jsonb_build_object('null', true, 'id', :'last_id')), 4),
	substr(:'whole', 6, 4), 'COM-20 and back over it');
select throws_ok($$select * from internal.records_page('{"kind": "contacts", "most": 5, "where": [{"key": "organization", "op": "is", "v": ["x"]}], "sort": "name"}')$$,
	'KT400', null, 'a field that there is not');
select throws_ok($$select * from internal.records_page('{"kind": "contacts", "most": 5, "where": [{"key": "created_at", "op": "is", "v": ["soon"]}], "sort": "name"}')$$,
	'KT400', null, 'a value that is no date');
select throws_ok($$select * from internal.records_page('{"kind": "contacts", "most": 5, "where": [{"key": "created_at", "op": "all", "v": ["x"]}], "sort": "name"}')$$,
	'KT400', null, 'an operator that does not fit');
select lives_ok($$select pg_temp.fit('[{"key": "q", "v": ["''; drop table contacts; --%_\\"]}]')$$, 'what is searched for is no SQL');
select lives_ok($$select pg_temp.fit('[{"key": "source", "op": "is", "v": ["''); delete from contacts; --"]}]')$$, 'nor is a filter''s value');

-- Whoever sees his own only gets no others, and the numbers are his.
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'agent', 'role', 'authenticated',
	'app_role', 'AGENT', 'may', array['can_access_crm', 'can_edit_all_records'])::text, true) \gset
select is(pg_temp.fit('[]'), '', 'AUTH-74 somebody who sees only his own finds nobody else''s');
select throws_ok($$select * from internal.records_find_all('{"kind": "contacts", "most": 5, "where": [], "sort": "name"}')$$, 'KT403', null,
	'and the way past the policies is closed to him');
select is((select count(*) from internal.records_fitting_all('contacts', '[]', 10)), 0::bigint, 'that of changes too');
reset role;
update contacts set assignee_id = :'agent' where last_name = 'Zz' and first_name in ('C', 'D') and organization_id = :'org';
set local role authenticated;
select is(pg_temp.fit('[]'), 'CD', 'his own he finds');
select id as c_id from contacts where last_name = 'Zz' and first_name = 'C' \gset
reset role;
select id as b_id from contacts where last_name = 'Zz' and first_name = 'B' and organization_id = :'org' \gset
set local role authenticated;
select uuid7() as bulk \gset
select internal.bulk_begin(:'bulk', 'contacts', 'set', 'source', '["taken"]', array[:'b_id', :'c_id']::uuid[], null) \gset
select is((select format('%s %s %s', changed, skipped, state) from bulk_changes where id = :'bulk'), '1 1 done',
	'a change of many reaches only what he sees');
select is((select count(*) from bulk_changes), 1::bigint, 'his changes are his');
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated',
	'app_role', 'OWNER', 'may', array['*'])::text, true) \gset
select is((select count(*) from bulk_changes where id = :'bulk'), 0::bigint, 'nobody else undoes them');
select throws_ok(format($$select internal.bulk_undo(%L)$$, :'bulk'), 'KT409', null, 'not even by their number');

-- ---- a field ----------------------------------------------------------------------------------

select internal.record_set('contacts', :'c_id', 'cf.zz_num', '["12,5"]') \gset
select is((select custom_fields -> 'zz_num' from contacts where id = :'c_id'), '12.5', 'a number with a comma is stored as one');
select internal.record_set('contacts', :'c_id', 'cf.zz_num', '[""]') \gset
select ok((select not custom_fields ? 'zz_num' from contacts where id = :'c_id'), 'and taken away');
select throws_ok(format($$select internal.record_set('contacts', %L, 'cf.zz_many', '["z"]')$$, :'c_id'), 'KT400', null, 'a choice that there is not');
select throws_ok(format($$select internal.record_set('contacts', %L, 'opt_in_status', '[""]')$$, :'c_id'), 'KT400', null, 'what cannot be empty');
select throws_ok(format($$select internal.record_set('contacts', %L, 'organization_id', '["%s"]')$$, :'c_id', :'other'), 'KT400', null, 'the tenant is no field');
select throws_ok(format($$select internal.record_set('contacts', %L, 'search_text', '["x"]')$$, :'c_id'), 'KT400', null, 'nor what is computed');
select version as v, value as w from internal.record_current('contacts', :'c_id', 'source') \gset
reset role;
update contacts set source = 'other', updated_at = now() + interval '1 s' where id = :'c_id';
alter table contacts disable trigger touch;
update contacts set updated_at = now() + interval '1 s' where id = :'c_id';
alter table contacts enable trigger touch;
set local role authenticated;
select throws_ok(format($$select internal.record_set('contacts', %L, 'source', '["mine"]', %L, %L)$$, :'c_id', :'v', :'w'), 'KT409', null,
	'what somebody else has changed since is not overwritten');
select lives_ok(format($$select internal.record_set('contacts', %L, 'last_name', '["Zz"]', %L, '"Zz"')$$, :'c_id', :'v'), 'another field is no conflict');

-- ---- many records, and back --------------------------------------------------------------------------

select uuid7() as bulk \gset
select internal.bulk_begin(:'bulk', 'contacts', 'set', 'cf.zz_num', '["7"]', null, '[{"key": "tags", "op": "all", "v": ["zz"]}]') \gset
select internal.bulk_begin(:'bulk', 'contacts', 'set', 'cf.zz_num', '["8"]', null, '[{"key": "tags", "op": "all", "v": ["zz"]}]') \gset
select is((select format('%s of %s, %s', changed, total, state) from bulk_changes where id = :'bulk'), '9 of 10, done',
	'CON-44 all that fit are changed, once though it was sent twice; who had the value is passed over');
update contacts set custom_fields = custom_fields || '{"zz_num": 99}' where last_name = 'Zz' and first_name = 'A';
select internal.bulk_undo(:'bulk') \gset
select is((select format('%s %s %s', restored, kept, state) from bulk_changes where id = :'bulk'), '8 1 undone', 'undone but where somebody changed it since');
select is((select custom_fields ->> 'zz_num' from contacts where last_name = 'Zz' and first_name = 'B'), '2', 'the value from before');
select is((select custom_fields ->> 'zz_num' from contacts where last_name = 'Zz' and first_name = 'A'), '99', 'the newer one stays');
-- One that is refused does not hold up the others.
reset role;
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin
	raise exception using errcode = 'KT400', message = 'E does not want to'; end $$;
create trigger zz_refuse before update on contacts for each row when (new.first_name = 'E' and new.source = 'bulk') execute function pg_temp.refuse();
set local role authenticated;
select uuid7() as bulk \gset
select internal.bulk_begin(:'bulk', 'contacts', 'set', 'source', '["bulk"]', null, '[{"key": "tags", "op": "all", "v": ["zz"]}]') \gset
select is((select format('%s %s %s', changed, failed, error) from bulk_changes where id = :'bulk'), '9 1 E does not want to',
	'what the database refuses is counted, with its words; the others are changed');

-- ---- deletion and back ------------------------------------------------------------------------------------

insert into deals (title, contact_id, value) values ('Zz deal', :'b_id', 100) returning id as deal \gset
update deals set stage = 'qualified' where id = :'deal';
insert into notes (contact_id, deal_id, content) values (:'b_id', :'deal', 'both');
insert into tasks (title, contact_id, deal_id) values ('Zz task', :'b_id', :'deal') returning id as task \gset
create temp table was as
	select (select jsonb_agg(to_jsonb(c) - 'updated_at' order by id) from contacts c where id = :'b_id') as c,
		(select jsonb_agg(to_jsonb(d) - 'updated_at' order by id) from deals d where contact_id = :'b_id') as d,
		(select jsonb_agg(to_jsonb(h) order by id) from deal_stage_history h where deal_id = :'deal') as h,
		(select jsonb_agg(to_jsonb(n) - 'updated_at' order by id) from notes n where contact_id = :'b_id') as n;
select count(*) as events from events \gset
select uuid7() as bulk \gset
select internal.bulk_begin(:'bulk', 'contacts', 'delete', null, '[]', array[:'b_id']::uuid[], null) \gset
select is((select count(*) from contacts where id = :'b_id') + (select count(*) from deals where id = :'deal'), 0::bigint, 'CON-9 CON-41 a contact and its deal are gone');
select is((select name from trash where record_id = :'b_id'), 'B Zz', 'and lie in the trash');
select internal.bulk_undo(:'bulk') \gset
select is((select format('%s %s', restored, coalesce(error, '')) from bulk_changes where id = :'bulk'), '1 ', 'CON-41 undone');
select is((select jsonb_agg(to_jsonb(c) - 'updated_at' order by id) from contacts c where id = :'b_id'), (select c from was), 'the contact as it was');
select is((select jsonb_agg(to_jsonb(d) - 'updated_at' order by id) from deals d where contact_id = :'b_id'), (select d from was), 'the deal, in its stage since then');
select is((select jsonb_agg(to_jsonb(h) order by id) from deal_stage_history h where deal_id = :'deal'), (select h from was), 'its history, told once');
select is((select jsonb_agg(to_jsonb(n) - 'updated_at' order by id) from notes n where contact_id = :'b_id'), (select n from was), 'the note of both');
select is((select format('%s %s', contact_id, deal_id) from tasks where id = :'task'), format('%s %s', :'b_id', :'deal'), 'what pointed there does so again');
select is((select count(*) from trash where record_id = :'b_id'), 0::bigint, 'the trash is empty again');
reset role;
select is((select string_agg(type, ' ' order by position) from events where record_id = :'b_id' and type like '%restored'), 'contact.restored', 'one event tells of it');
select is((select count(*) from events where record_id = :'deal' and type = 'deal.created'), 1::bigint, 'nothing is told as new that is not');
set local role authenticated;
select set_config('request.jwt.claims', json_build_object('organization_id', :'other', 'sub', null, 'role', 'authenticated', 'app_role', 'OWNER',
	'may', array['*'])::text, true) \gset
select is((select count(*) from trash) + (select count(*) from bulk_changes), 0::bigint, 'another tenant sees nothing of it');

select * from finish();
rollback;
