-- Leads: what is stored, the score, the alert, conversion, who sees what.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
select user_id as agent from user_roles where organization_id = :'org' and role = 'AGENT' order by created_at limit 1 \gset
select user_id as admin from user_roles where organization_id = :'org' and role = 'ADMIN' order by created_at limit 1 \gset
create function pg_temp.as_member(org uuid, usr uuid, app_role text) returns void language sql as $$
	select set_config('request.jwt.claims', json_build_object('organization_id', org, 'sub', usr, 'role', 'authenticated',
		'app_role', app_role)::text, true)
$$;
select pg_temp.as_member(:'org', :'owner', 'OWNER') \gset
delete from custom_field_definitions where organization_id = :'org';
delete from lead_scoring where organization_id = :'org';
delete from assignment_rules where organization_id = :'org';
set local role authenticated;

-- ---- what is stored ----------------------------------------------------------------------

insert into leads (name, company_name, email, phone, source, territory, company_size, owner_id) values
	('Tom Brady', 'NexGen', ' Tom@NexGen.Example ', '+1 (415) 555-0100', 'event', 'West', 40, :'agent') returning id as lead \gset
select is((select format('%s %s %s %s %s', email, phone, source, status, score) from leads where id = :'lead'),
	'tom@nexgen.example +14155550100 event New 0', 'LEA-1 LEA-2 LEA-3 a lead is kept with its source, New and with score 0; e-mail and phone as contacts have them');
select throws_ok($$insert into leads (name) values ('  ')$$, 'KT400', 'A lead needs a name', 'a lead needs a name');
select throws_ok($$insert into leads (name, email) values ('X', 'nobody')$$, 'KT400', null, 'a wrong e-mail address is refused');
select throws_ok($$insert into leads (name, phone) values ('X', '12')$$, 'KT400', null, 'so is a wrong phone number');
select throws_ok($$insert into leads (name, score) values ('X', 50)$$, 'KT400', null, 'LEA-3 no score is typed in with a new lead');
select throws_ok(format('update leads set score = 90 where id = %L', :'lead'), 'KT400', null, 'LEA-3 nor later');
select throws_ok($$insert into leads (name, status) values ('X', 'Converted')$$, 'KT409', null, 'Converted comes by conversion only');
select throws_ok(format('update leads set status = ''Converted'' where id = %L', :'lead'), 'KT409', null, 'not by an update either');
update leads set status = 'qualified' where id = :'lead';
update leads set status = 'disqualified', disqualify_reason = 'No budget' where id = :'lead';
select is((select format('%s %s %s', status, disqualify_reason, disqualified_at is not null) from leads where id = :'lead'),
	'Disqualified No budget t', 'the four others are changed freely, in any case; disqualified with its reason');
update leads set status = 'Contacted' where id = :'lead';
select is((select disqualify_reason from leads where id = :'lead'), null, 'which goes when it is taken up again');

-- ---- custom fields (LEA-10) -----------------------------------------------------------------

reset role;
insert into custom_field_definitions (entity, key, label, type, required) values ('lead', 'budget', 'Budget', 'number', false),
	('contact', 'budget', 'Budget', 'number', false), ('lead', 'level', 'Level', 'text', false), ('contact', 'level', 'Level', 'number', false);
set local role authenticated;
select throws_ok($$insert into leads (name, custom_fields) values ('X', '{"budget": "much"}')$$, 'KT400', null,
	'LEA-10 ADM-22 custom fields of leads are checked');
select lives_ok(format('update leads set custom_fields = ''{"budget": "1200", "level": "high", "favourite": "tea"}'' where id = %L', :'lead'),
	'LEA-10 and stored');
reset role;
insert into custom_field_definitions (entity, key, label, type, required) values ('lead', 'region', 'Region', 'text', true);
set local role authenticated;
select throws_ok($$insert into leads (name) values ('No region')$$, 'KT400', '"Region" must be filled in',
	'LEA-10 a required one must be filled before saving');
reset role;
delete from custom_field_definitions where key = 'region';
set local role authenticated;

-- ---- events (LEA-23) ---------------------------------------------------------------------------

reset role;
select is((select array_agg(type order by position) from events where record_id = :'lead' and type in ('lead.created', 'lead.assigned')),
	array['lead.created', 'lead.assigned'], 'LEA-23 a new lead fires lead.created, and lead.assigned when somebody has it');
select ok((select data ? 'email' and not data ? 'track_key' from events where record_id = :'lead' and type = 'lead.created'),
	'with the record, without the key of the tracking');
select is((select user_id from notifications where record_id = :'lead' and kind = 'lead.assigned'), :'agent'::uuid,
	'the new owner is told');

-- ---- score (LEA-3, LEA-4) -------------------------------------------------------------------------

set local role authenticated;
insert into lead_engagement_events (lead_id, kind, subject) values (:'lead', 'email_open', 'Hello');
select is((select score from leads where id = :'lead'), 5, 'LEA-4 an opened mail counts 5, at once');
insert into lead_engagement_events (lead_id, kind, url) select :'lead', 'page_visit', 'https://x.example/' || n from generate_series(1, 3) n;
select is((select score from leads where id = :'lead'), 11, 'LEA-4 page visits count 2 each');
insert into lead_engagement_events (lead_id, kind) values (:'lead', 'form_submission');
select is((select score from leads where id = :'lead'), 31, 'LEA-4 a form that was sent counts 20');
insert into lead_engagement_events (lead_id, kind, channel, answered) values (:'lead', 'outreach', 'call', false);
select is((select score from leads where id = :'lead'), 31, 'LEA-4 outreach without an answer counts nothing');
insert into lead_engagement_events (lead_id, kind, channel, answered) values (:'lead', 'outreach', 'call', true);
select is((select score from leads where id = :'lead'), 41, 'LEA-4 with an answer 10');
insert into lead_engagement_events (lead_id, kind) select :'lead', 'email_open' from generate_series(1, 30);
insert into lead_engagement_events (lead_id, kind) select :'lead', 'page_visit' from generate_series(1, 30);
select is((select score from leads where id = :'lead'), 70, 'LEA-4 each kind has its most: 20 + 20 + 20 + 10');
insert into lead_engagement_events (lead_id, kind, answered) select :'lead', k, true from unnest(array['form_submission', 'outreach', 'form_submission']) k;
select is((select score from leads where id = :'lead'), 100, 'LEA-3 all together never leave 0 to 100');
select is((select string_agg(format('%s %s/%s', kind, points, most), ', ' order by kind) from internal.lead_score_parts(:'org', :'lead')),
	'email_open 20/20, form_submission 40/40, outreach 20/20, page_visit 20/20', 'what it is made of is told');

-- the alert (LEA-6)
reset role;
select is((select format('%s %s', count(*), bool_and(user_id = :'agent')) from notifications where record_id = :'lead' and kind = 'lead.score'),
	'1 t', 'LEA-6 the owner is alerted, once');
select is((select count(*) from events where record_id = :'lead' and type = 'lead.score.high'), 1::bigint, 'LEA-6 by an event');
set local role authenticated;
delete from lead_engagement_events where lead_id = :'lead' and kind = 'form_submission';
select is((select score from leads where id = :'lead'), 60, 'a signal that is taken back counts no more');
insert into lead_engagement_events (lead_id, kind) values (:'lead', 'form_submission');
reset role;
select is((select count(*) from notifications where record_id = :'lead' and kind = 'lead.score'), 2::bigint,
	'LEA-6 the next crossing from below alerts again');
set local role authenticated;
insert into teams (name, manager_id) values ('Lead team', :'admin') returning id as team \gset
insert into leads (name, team_id) values ('Nobody''s', :'team') returning id as orphan \gset
insert into lead_engagement_events (lead_id, kind, answered) select :'orphan', k, true
	from unnest(array['form_submission', 'form_submission', 'outreach', 'outreach', 'email_open', 'email_open']) k;
reset role;
select is((select array_agg(user_id) from notifications where record_id = :'orphan' and kind = 'lead.score'), array[:'admin'::uuid],
	'LEA-6 without an owner the manager of the team is alerted');

-- weights of one's own, fading
set local role authenticated;
insert into lead_scoring (email_open_points, half_life_days) values (1, 10);
insert into leads (name) values ('Fader') returning id as fader \gset
insert into lead_engagement_events (lead_id, kind, at) values (:'fader', 'form_submission', now() - interval '10 days');
select is((select score from leads where id = :'fader'), 10, 'where signals fade, one of 20 counts 10 after its half-life');
insert into lead_engagement_events (lead_id, kind) values (:'fader', 'email_open');
select is((select score from leads where id = :'fader'), 11, 'weights are the administrator''s own');
reset role;
select ok(exists (select from job.jobs where organization_id = :'org' and kind = 'lead_scores'), 'new weights: all scores are computed again');
delete from lead_scoring where organization_id = :'org';
set local role authenticated;

-- ---- assignment (LEA-17..22) ----------------------------------------------------------------------

insert into teams (name, manager_id) values ('Inbound', :'admin') returning id as inbound \gset
insert into team_members (team_id, user_id) values (:'inbound', :'agent'), (:'inbound', :'admin');
insert into assignment_rules (entity, name, kind, words, user_id, position) values ('lead', 'North', 'territory', '{North, Nord}', :'owner', 1);
insert into assignment_rules (entity, name, kind, at_least, user_id, position) values ('lead', 'Large', 'company_size', 500, :'admin', 2),
	('lead', 'Hot', 'score', 40, :'owner', 3);
insert into assignment_rules (entity, name, kind, team_id, position, is_active) values ('lead', 'In turn', 'round_robin', :'inbound', 4, false)
	returning id as in_turn \gset
insert into leads (name, territory) values ('From the north', 'nord') returning owner_id as by_territory \gset
select is(:'by_territory'::uuid, :'owner'::uuid, 'LEA-19 a lead goes to the owner of its territory');
insert into leads (name, company_size) values ('Big one', 800) returning owner_id as by_size \gset
select is(:'by_size'::uuid, :'admin'::uuid, 'LEA-20 by the size of its company');
insert into leads (name) values ('Nobody yet') returning id as cold \gset
select is((select owner_id from leads where id = :'cold'), null, 'none matches: it is nobody''s');
insert into lead_engagement_events (lead_id, kind) select :'cold', 'form_submission' from generate_series(1, 2);
select is((select owner_id from leads where id = :'cold'), :'owner'::uuid, 'LEA-9 LEA-21 when its score reaches the threshold it goes to whom the rule names');
update assignment_rules set is_active = true where id = :'in_turn';
insert into leads (name) values ('Turn 1') returning owner_id as turn1 \gset
insert into leads (name) values ('Turn 2') returning owner_id as turn2 \gset
insert into leads (name) values ('Turn 3') returning owner_id as turn3 \gset
select ok(:'turn1'::uuid <> :'turn2'::uuid and :'turn1'::uuid = :'turn3'::uuid, 'LEA-18 LEA-22 else the members of a team take turns');
insert into leads (name, owner_id, territory) values ('Mine', :'agent', 'Nord') returning owner_id as kept \gset
select is(:'kept'::uuid, :'agent'::uuid, 'who is named stays');
reset role;
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'agent', 'role', 'authenticated', 'app_role', 'AGENT')::text, true) \gset
set local role authenticated;
select throws_ok($$insert into assignment_rules (entity, name, kind) values ('lead', 'X', 'manual')$$, 'KT403', null, 'LEA-17 only administrators make rules');
reset role;
select pg_temp.as_member(:'org', :'owner', 'OWNER') \gset
delete from assignment_rules where organization_id = :'org';
set local role authenticated;

-- ---- who sees it --------------------------------------------------------------------------------

reset role;
update user_roles set may = '{can_access_crm,can_edit_all_records}' where organization_id = :'org' and user_id = :'agent';
insert into team_members (organization_id, team_id, user_id) values (:'org', :'team', :'agent');
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'agent', 'role', 'authenticated',
	'app_role', 'AGENT', 'may', array['can_access_crm', 'can_edit_all_records'])::text, true) \gset
set local role authenticated;
select is((select array_agg(name order by name) from leads where id in (:'lead', :'orphan', :'fader')), array['Nobody''s', 'Tom Brady'],
	'LEA-22 who sees only his own sees them, and the queue of his team');
select is((select count(*) from lead_engagement_events where lead_id = :'fader'), 0::bigint, 'nor the signals of others');
insert into leads (name) values ('Mine') returning owner_id as mine \gset
select is(:'mine'::uuid, :'agent'::uuid, 'what he makes is his');
select set_config('request.jwt.claims', json_build_object('organization_id', :'org', 'sub', :'agent', 'role', 'authenticated',
	'app_role', 'AGENT', 'may', array['can_see_all_contacts'])::text, true) \gset
select is((select count(*) from leads), 0::bigint, 'without the CRM nobody sees leads');
select throws_ok($$insert into leads (name) values ('X')$$, 'KT403', null, 'nor makes them');
select throws_ok($$insert into lead_scoring (email_open_points) values (1)$$, 'KT403', null, 'weights are for administrators');
reset role;
select pg_temp.as_member(:'org', :'owner', 'OWNER') \gset
set local role authenticated;

-- ---- conversion (LEA-11..16) ------------------------------------------------------------------------

select throws_ok(format('select convert_lead(%L)', :'lead'), 'KT400', null, 'neither contact nor company is refused');
select throws_ok(format('select convert_lead(%L, create_contact => true, create_opportunity => true)', :'lead'), 'KT400', null,
	'LEA-13 an opportunity needs its stage');
select throws_ok(format('select convert_lead(%L, create_contact => true, create_opportunity => true, stage => ''nowhere'')', :'lead'), 'KT400', null,
	'LEA-13 of the pipeline');
select is((select status from leads where id = :'lead'), 'Contacted', 'LEA-14 what is refused leaves nothing behind');
insert into notes (lead_id, content) values (:'lead', 'Met at the fair') returning id as note \gset
insert into tasks (lead_id, title) values (:'lead', 'Call Tom') returning id as task \gset
insert into tasks (lead_id, title, completed) values (:'lead', 'Wrote Tom', true) returning id as done_task \gset
select convert_lead(:'lead', create_contact => true, create_company => true, create_opportunity => true, stage => 'qualified',
	opportunity_title => 'NexGen rollout', opportunity_value => 5000) as made \gset
select (:'made'::jsonb) ->> 'contact_id' as contact, (:'made'::jsonb) ->> 'company_id' as company, (:'made'::jsonb) ->> 'opportunity_id' as deal \gset
select is((select format('%s %s %s %s', first_name, last_name, emails[1], phones[1]) from contacts where id = :'contact'),
	'Tom Brady tom@nexgen.example +14155550100', 'LEA-12 LEA-14 the contact is made');
select is((select format('%s %s', name, employee_count) from companies where id = :'company'), 'NexGen 40', 'LEA-12 LEA-14 and the company');
select is((select format('%s %s %s', title, stage, value) from deals where id = :'deal'), 'NexGen rollout qualified 5000.00',
	'LEA-13 LEA-14 and the opportunity in its stage');
select ok((select c.company_id = :'company' and d.contact_id = c.id and d.company_id = :'company' from contacts c, deals d
	where c.id = :'contact' and d.id = :'deal'), 'LEA-16 contact and company are linked, the opportunity to both');
select ok((select status = 'Converted' and converted_contact_id = :'contact' and converted_company_id = :'company'
	and converted_deal_id = :'deal' and converted_at is not null and converted_by = :'owner' from leads where id = :'lead'),
	'LEA-15 the lead stays, Converted, with links to each');
select is(convert_lead(:'lead', create_contact => true) - 'already_converted', (:'made'::jsonb) - 'already_converted',
	'LEA-14 converting again tells what it became, and makes nothing');
select is((select count(*) from contacts where emails @> '{tom@nexgen.example}'), 1::bigint, 'LEA-14 one contact');
select throws_ok(format('update leads set name = ''Other'' where id = %L', :'lead'), 'KT409', null, 'a converted lead is read-only');
select throws_ok(format('update leads set status = ''New'' where id = %L', :'lead'), 'KT409', null, 'and is not taken back');
select is((select contact_id from notes where id = :'note'), :'contact'::uuid, 'notes go along to the contact');
select ok((select contact_id = :'contact' from tasks where id = :'task') and (select contact_id is null from tasks where id = :'done_task'),
	'so do open tasks');
select is((select custom_fields from contacts where id = :'contact'), '{"budget": 1200, "favourite": "tea"}'::jsonb,
	'custom fields with the same key are copied where they fit');
reset role;
select is((select count(*) from events where record_id = :'lead' and type = 'lead.converted'), 1::bigint, 'an event tells of it');
set local role authenticated;

-- matches
insert into leads (name, company_name, email, phone) values ('Tommy B', 'nexgen', 'TOM@nexgen.example', '+491701112233') returning id as again \gset
select is((select string_agg(format('%s %s %s', kind, name, reason), ', ' order by kind) from internal.lead_matches(:'again')),
	'company NexGen name, contact Tom Brady email', 'who and what is there already is offered');
select convert_lead(:'again', create_contact => true, create_company => true) as linked \gset
select is((:'linked'::jsonb) ->> 'contact_id', :'contact', 'never a second contact with the same e-mail: it is linked');
select is((:'linked'::jsonb) ->> 'company_id', :'company', 'nor a second company of the same name');
select is((select phones from contacts where id = :'contact'), '{+14155550100,+491701112233}', 'what the contact lacks is filled in');
insert into leads (name, company_name) values ('Only Firm', 'Lonely Ltd') returning id as firm \gset
select convert_lead(:'firm', create_company => true, create_opportunity => true, stage => 'new') as firm_made \gset
select ok((select contact_id is null and company_id is not null from deals where id = ((:'firm_made'::jsonb) ->> 'opportunity_id')::uuid),
	'LEA-12 LEA-13 with a company alone the opportunity links the company alone');
delete from deals where id = ((:'firm_made'::jsonb) ->> 'opportunity_id')::uuid;
select is((select converted_deal_id from leads where id = :'firm'), null, 'what is deleted later is a link no more');
select throws_ok($$select convert_lead(gen_random_uuid(), true)$$, 'KT404', null, 'no such lead');

-- ---- forms (LEA-2) --------------------------------------------------------------------------------------

insert into lead_forms (name, source, tags, allowed_origins) values ('Trial', 'campaign', '{trial}', '{https://WWW.Example.com/path}') returning token, id as form \gset
select is((select allowed_origins from lead_forms where id = :'form'), '{https://www.example.com}', 'sites are kept as origins');
select throws_ok($$insert into lead_forms (name, fields) values ('X', '[{"key": "score"}, {"key": "email"}]')$$, 'KT400', null, 'a form asks for fields of leads');
select throws_ok($$insert into lead_forms (name, fields) values ('X', '[{"key": "name"}]')$$, 'KT400', null, 'and for a way to answer');
reset role;
set local role anon;
select is((select organization_name from public_lead_form(:'token')), (select 'Nordlicht Trading'), 'a visitor reads the form by its token');
select outcome, track_key from public_lead_submit(:'token', '019a0000-0000-7000-8000-000000000001', '{"name": "Ada Web", "email": "Ada@Web.example", "description": "Hi", "score": "100"}',
	'https://www.example.com', 'https://www.example.com/pricing', '10.0.0.1', 'Mozilla', null) \gset
select is(:'outcome'::text, 'created', 'LEA-2 a form makes a lead');
select is((select outcome from public_lead_submit(:'token', '019a0000-0000-7000-8000-000000000001', '{"name": "Ada Web", "email": "ada@web.example"}', null, null, '10.0.0.1', null, null)), 'created', 'the same again is the same');
select is((select outcome from public_lead_submit(:'token', '019a0000-0000-7000-8000-000000000002', '{"name": "Ada W", "email": "ada@web.example"}', null, null, '10.0.0.1', null, null)), 'matched', 'LEA-2 a known address is a signal, no second lead');
select is((select format('%s %s', outcome, errors) from public_lead_submit(:'token', '019a0000-0000-7000-8000-000000000003', '{"name": "", "email": "ada"}', null, null, '10.0.0.1', null, null)),
	'refused {"name": "needed", "email": "email"}', 'what is wrong is said by field');
select is((select outcome from public_lead_submit(:'token', '019a0000-0000-7000-8000-000000000004', '{"name": "Bot", "email": "bot@web.example"}', null, null, '10.0.0.1', null, 'honeypot')), 'spam', 'a robot makes nothing');
select ok((select public_lead_visit(:'track_key', 'https://www.example.com/pricing?x=1', 'Pricing')), 'LEA-4 a known lead''s visit is counted');
select ok(not (select public_lead_visit(:'track_key', 'https://www.example.com/pricing', 'Pricing')), 'the same page again at once is not');
select ok(not (select public_lead_visit('nobody', 'https://www.example.com/', 'Home')), 'nobody else is counted');
select set_config('request.jwt.claims', '', true) \gset
reset role;
select pg_temp.as_member(:'org', :'owner', 'OWNER') \gset
set local role authenticated;
select is((select format('%s %s %s %s', source, tags, status, score) from leads where email = 'ada@web.example'), 'campaign {trial} New 42',
	'LEA-2 LEA-4 with the source and tags of the form; two forms and a visit count 42');
select is((select array_agg(outcome order by id) from lead_form_submissions where form_id = :'form' and outcome <> 'refused'), '{created,matched,spam}', 'every submission is in the log');
select is((select count(*) from lead_form_submissions where form_id = :'form' and outcome = 'refused'), 1::bigint, 'refused ones as well');
select lead_mail_pixel(id, 'Welcome') as pixel, id as ada from leads where email = 'ada@web.example' \gset
reset role;
set local role anon;
select ok((select public_lead_open(split_part(:'pixel', '=', 2))), 'LEA-4 an opened mail is counted by its picture');
select ok(not (select public_lead_open(split_part(:'pixel', '=', 2))), 'again within the hour it is not');
reset role;
select pg_temp.as_member(:'org', :'owner', 'OWNER') \gset
set local role authenticated;
select is((select score from leads where id = :'ada'), 47, 'LEA-4 the score follows');
insert into lead_forms (name, makes, source) values ('Contact us', 'contact', 'website') returning token as contact_token \gset
reset role;
set local role anon;
select is((select outcome from public_lead_submit(:'contact_token', '019a0000-0000-7000-8000-000000000011', '{"name": "Cy Form", "email": "cy@form.example"}', null, null, '10.0.0.1', null, null)), 'created', 'a form can make contacts');
reset role;
select ok((select first_name = 'Cy' and last_name = 'Form' and source = 'website' from contacts where organization_id = :'org' and emails @> '{cy@form.example}'), 'LEA-25 a contact is made automatically from a web form');

select * from finish();
rollback;
