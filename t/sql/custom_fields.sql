-- Custom fields: definitions, and values checked whoever writes them.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
select organization_id as other from user_roles where organization_id <> :'org' limit 1 \gset
select id as company from companies where organization_id = :'org' limit 1 \gset
insert into companies (organization_id, name) values (:'other', 'Foreign') returning id as foreign_company \gset
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated',
	'app_role', 'OWNER')::text, true) \gset
delete from custom_field_definitions where organization_id = :'org';

-- ---- definitions ------------------------------------------------------------------------

insert into custom_field_definitions (entity, label, type) values ('Contact', 'Customer since', 'Date') returning key, entity, type as kind \gset
select is(:'key'::text, 'customer_since', 'ADM-18 a field is made of entity, name and type; its key follows from the name');
select is(:'entity' || ' ' || :'kind'::text, 'contact date', 'whatever way they are written');
insert into custom_field_definitions (entity, label, type) values ('contact', 'قطاع', 'text') returning key \gset
select matches(:'key'::text, '^field_[0-9]+$', 'a name without Latin letters has a key as well');
select throws_ok($$insert into custom_field_definitions (entity, label, type) values ('contact', 'Size', 'select')$$, 'KT400',
	null, 'ADM-18 a field to choose from needs options');
select throws_ok($$insert into custom_field_definitions (entity, label, type) values ('contact', 'Size', 'colour')$$, '23514',
	null, 'there are no other types');
select throws_ok($$insert into custom_field_definitions (entity, label, type) values ('contact', 'Customer Since', 'text')$$, '23505',
	null, 'one key per entity');
select throws_ok($$update custom_field_definitions set key = 'x' where key = 'customer_since'$$, 'KT409', null, 'a key stays');
delete from custom_field_definitions where organization_id = :'org';

-- ---- types ------------------------------------------------------------------------------------

insert into custom_field_definitions (entity, key, label, type, options, lookup_entity) values
	('contact', 't_text', 'Text', 'text', '[]', null), ('contact', 't_number', 'Number', 'number', '[]', null),
	('contact', 't_currency', 'Budget', 'currency', '[]', null), ('contact', 't_date', 'Date', 'date', '[]', null),
	('contact', 't_select', 'Size', 'select', '["Small", "Large"]', null),
	('contact', 't_multi_select', 'Topics', 'multi_select', '["Tea", "Coffee", "Cocoa"]', null),
	('contact', 't_checkbox', 'Member', 'checkbox', '[]', null), ('contact', 't_url', 'Page', 'url', '[]', null),
	('contact', 't_email', 'Second e-mail', 'email', '[]', null), ('contact', 't_phone', 'Second phone', 'phone', '[]', null),
	('contact', 't_lookup', 'Reseller', 'lookup', '[]', 'company'), ('contact', 't_file', 'Contract', 'file', '[]', null);

-- What becomes of a value: how it is stored, or the SQLSTATE.
create function pg_temp.stored(field text, value jsonb) returns text language plpgsql as $$
declare
	made jsonb;
begin
	insert into contacts (organization_id, first_name, custom_fields)
		values (auth.org(), 'Field', jsonb_build_object(field, value)) returning custom_fields -> field into made;
	return made::text;
exception when others then
	return sqlstate;
end
$$;
create temp table tries (field text, sent jsonb, wanted text);
insert into tries values
	('t_text', '"Wood"', '"Wood"'), ('t_text', '{"a": 1}', 'KT400'),
	('t_number', '1200', '1200'), ('t_number', '"1 200,5"', '1200.5'), ('t_number', '"many"', 'KT400'),
	('t_currency', '{"amount": 12.5, "currency": "eur"}', '{"amount": 12.5, "currency": "EUR"}'),
	('t_currency', '"1250.50 USD"', '{"amount": 1250.50, "currency": "USD"}'), ('t_currency', '"free"', 'KT400'),
	('t_date', '"2027-03-31"', '"2027-03-31"'), ('t_date', '"2027-02-30"', 'KT400'), ('t_date', '"soon"', 'KT400'),
	('t_select', '"large"', '"Large"'), ('t_select', '"Medium"', 'KT400'),
	('t_multi_select', '["coffee", "Tea"]', '["Coffee", "Tea"]'), ('t_multi_select', '["Milk"]', 'KT400'),
	('t_checkbox', 'true', 'true'), ('t_checkbox', '"no"', 'false'), ('t_checkbox', '"perhaps"', 'KT400'),
	('t_url', '"https://example.com/a"', '"https://example.com/a"'), ('t_url', '"example.com"', '"https://example.com"'),
	('t_url', '"javascript:alert(1)"', 'KT400'),
	('t_email', '"Ann@Example.com"', '"ann@example.com"'), ('t_email', '"ann"', 'KT400'),
	('t_phone', '"+20 101 717 7777"', '"+201017177777"'), ('t_phone', '"call me"', 'KT400'),
	('t_file', '"https://files.example/a.pdf"', '"https://files.example/a.pdf"'), ('t_file', '"a.pdf"', 'KT400'),
	('nobody_defined_it', '{"any": ["thing"]}', '{"any": ["thing"]}');
insert into tries values ('t_lookup', to_jsonb(:'company'::text), to_jsonb(:'company'::text)::text),
	('t_lookup', to_jsonb(:'foreign_company'::text), 'KT400'), ('t_lookup', to_jsonb(uuid7()::text), 'KT400'),
	('t_lookup', '"Acme"', 'KT400');
select is(pg_temp.stored(field, sent), wanted, format('%s %s <- %s', case field when 'nobody_defined_it' then 'CON-53' else 'ADM-19 ADM-20 CON-51 FACT-96' end,
	field, sent)) from tries;

-- ---- changes ------------------------------------------------------------------------------------

insert into contacts (organization_id, first_name, custom_fields) values (:'org', 'Old', '{"later": "as it was", "t_number": 5}')
	returning id as old \gset
insert into custom_field_definitions (entity, key, label, type) values ('contact', 'later', 'Later', 'number');
select lives_ok(format('update contacts set first_name = ''Older'' where id = %L', :'old'),
	'a value from before the definition does not stand in the way');
select throws_ok(format('update contacts set custom_fields = custom_fields || ''{"later": "still"}'' where id = %L', :'old'), 'KT400',
	'"Later" must be a number', 'a new one does, and is named');
select is((select custom_fields ->> 't_number' from contacts where id = :'old'), '5', 'the others stay');
update custom_field_definitions set is_hidden = true where key = 'later';
select lives_ok(format('update contacts set custom_fields = custom_fields || ''{"later": "anything"}'' where id = %L', :'old'),
	'a hidden field is not checked');
select is(internal.custom_merged('contact', '{"later": 1, "t_number": 5, "gone": 1}', '{"t_number": "5", "new": "x"}'),
	'{"later": 1, "t_number": 5, "new": "x"}'::jsonb, 'and a form that does not show it keeps its value');

-- ---- required -----------------------------------------------------------------------------------------

update custom_field_definitions set required = true where key = 't_select' and organization_id = :'org';
select throws_ok($$insert into contacts (organization_id, first_name) values (auth.org(), 'Nobody')$$, 'KT400',
	'"Size" must be filled in', 'ADM-21 a required field must be filled before a record is saved');
select throws_ok(format('update contacts set first_name = ''x'' where id = %L', :'old'), 'KT400',
	null, 'ADM-21 and at the next save of one that is there');
select throws_ok($$insert into contacts (organization_id, first_name, custom_fields) values (auth.org(), 'Nobody', '{"t_select": ""}')$$, 'KT400',
	null, 'an empty text is nothing');
select lives_ok($$insert into contacts (organization_id, first_name, custom_fields) values (auth.org(), 'Filled', '{"t_select": "Small"}')$$,
	'filled in it is saved');
select is(internal.custom_fields_fault('contact', '{}'), '"Size" must be filled in', 'imports ask for the fault of a row');
select is(internal.custom_fields_fault('contact', '{"t_select": "Small", "t_number": "x"}'), '"Number" must be a number', 'whichever it is');
select is(internal.custom_fields_fault('contact', '{"t_select": "Small"}'), null, 'or that there is none');
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'role', 'authenticated', 'app_role', 'SYSTEM')::text, true) \gset
select lives_ok($$insert into contacts (organization_id, first_name) values (auth.org(), 'Stranger')$$,
	'who writes to us is taken without it');

-- ---- on forms -------------------------------------------------------------------------------------------

select is(jsonb_array_length(internal.custom_form('contact', '{}')), 12, 'ADM-22 every field is on the form of the entity');
select is(internal.custom_form('company', '{}'), null, 'and on no other');
select is(internal.custom_shown('contact', jsonb_build_object('t_lookup', :'company', 't_checkbox', true, 'free', 'x')) -> 0 ->> 'value', 'Yes',
	'a record shows them with their labels and in their order');
select is((internal.custom_shown('contact', jsonb_build_object('t_lookup', :'company')) -> 0 ->> 'value'),
	(select name from companies where id = :'company'), 'a link by the name of the record');

-- ---- who -----------------------------------------------------------------------------------------------------

select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'owner', 'role', 'authenticated', 'app_role', 'AGENT', 'may', array[]::text[])::text, true) \gset
set local role authenticated;
select throws_ok($$insert into public.custom_field_definitions (entity, label, type) values ('contact', 'Mine', 'text')$$, 'KT403', null,
	'fields are the administrators''');
select is((select count(*) from public.custom_fields), 13::bigint, 'everybody reads them');
reset role;
select * from finish();
rollback;
