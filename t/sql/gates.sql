-- What stands behind deals: gates and approvals, task templates of stages, won
-- and lost, histories, assignment, idle and stalled deals, rates, sums, forecast.
set search_path = tap, public;
begin;
select no_plan();

select organization_id as org, user_id as owner from user_roles where role = 'OWNER' order by created_at limit 1 \gset
select user_id as agent from user_roles where organization_id = :'org' and role = 'AGENT' order by created_at limit 1 \gset
select id as contact from contacts where organization_id = :'org' order by id limit 1 \gset
create function pg_temp.become(who uuid, extra jsonb default '{}') returns void language sql as $$
	select set_config('request.jwt.claims', (jsonb_build_object('organization_id', r.organization_id, 'sub', r.user_id, 'role', 'authenticated',
		'app_role', r.role, 'may', r.may) || extra)::text, true) from user_roles r where r.user_id = who $$;
-- One failed statement does not end the test: what it raised, else ''.
create function pg_temp.refused(statement text) returns text language plpgsql as $$
begin
	execute statement;
	return '';
exception when others then
	return sqlstate || ' ' || sqlerrm;
end $$;
grant execute on function pg_temp.refused(text) to authenticated;
create function pg_temp.stage(deal uuid) returns text language sql as $$ select stage from deals where id = deal $$;
select pg_temp.become(:'owner') \gset

-- ---- gates ----------------------------------------------------------------------

insert into custom_field_definitions (entity, label, type) values ('deal', 'NDA signed', 'checkbox') returning key as nda \gset
insert into pipelines (name, stages) values ('Gated', jsonb_build_array(
	'{"id": "new", "name": "New", "probability": 10}'::jsonb,
	'{"id": "qualified", "name": "Qualified", "probability": 25, "task_templates": [{"title": "Send NDA"}]}'::jsonb,
	jsonb_build_object('id', 'proposal', 'name', 'Proposal', 'probability', 60, 'gate', jsonb_build_object('mode', 'hard', 'conditions', jsonb_build_array(
		'{"kind": "field", "field": "expected_close_date"}'::jsonb, jsonb_build_object('kind', 'field', 'field', 'custom_fields.' || :'nda'),
		'{"kind": "task", "title": "send nda"}'::jsonb))),
	'{"id": "talk", "name": "Talk", "probability": 70, "gate": {"mode": "soft", "conditions": [{"kind": "field", "field": "description"}]}}'::jsonb,
	jsonb_build_object('id', 'negotiation', 'name', 'Negotiation', 'probability', 80, 'gate', jsonb_build_object('mode', 'hard', 'conditions',
		jsonb_build_array(jsonb_build_object('kind', 'approval', 'user_id', :'agent')))),
	'{"id": "won", "name": "Won"}'::jsonb, '{"id": "lost", "name": "Lost"}'::jsonb)) returning id as pipe \gset
insert into deals (title, contact_id, pipeline_id, value) values ('Globex', :'contact', :'pipe', 1000) returning id as deal \gset
select is(pg_temp.refused(format('update deals set stage = %L where id = %L', 'proposal', :'deal')),
	'KT409 "Globex" cannot go to this stage yet: fill in "Close date"; fill in "NDA signed"; complete the task "send nda"',
	'GAT-10 GAT-12 GAT-13 GAT-14 GAT-16 a hard gate stops a plain UPDATE and names what is missing');
select is(pg_temp.refused(format('update deals set stage = %L, expected_close_date = current_date where id = %L', 'won', :'deal')) ~ 'NDA signed.*Haddad has to approve', true,
	'GAT-16 a jump is stopped by every gate on its way');
select is((select string_agg(kind || ' ' || mode, ', ') from deal_gate(:'deal', 'won')), 'field hard, field hard, task hard, field soft, approval hard',
	'GAT-11..15 deal_gate tells all of them without moving');
select is((select count(*) from deal_gate(:'deal', 'lost')), 0::bigint, 'a deal can be lost whatever its gates ask');
update deals set stage = 'qualified' where id = :'deal';
update deals set expected_close_date = current_date + 30, custom_fields = jsonb_build_object(:'nda', false) where id = :'deal';
select matches(pg_temp.refused(format('update deals set stage = %L where id = %L', 'proposal', :'deal')), 'NDA signed', 'GAT-13 a checkbox counts when it is ticked');
update deals set custom_fields = jsonb_build_object(:'nda', true) where id = :'deal';
update tasks set completed = true where deal_id = :'deal' and title = 'Send NDA';
update deals set stage = 'proposal' where id = :'deal';
select is(pg_temp.stage(:'deal'), 'proposal', 'GAT-12 GAT-14 and it goes on when all conditions hold');
update deals set stage = 'talk' where id = :'deal';
select is(pg_temp.stage(:'deal'), 'talk', 'GAT-11 a soft gate lets it pass');
select is((select data #>> '{unmet,0,field}' from events where record_id = :'deal' and type = 'deal.gate.warned'), 'description',
	'GAT-11 and the timeline says what was missing');
select matches(pg_temp.refused(format('insert into deals (title, contact_id, pipeline_id, stage) values (%L, %L, %L, %L)', 'Straight in', :'contact', :'pipe', 'proposal')),
	'^KT409', 'GAT-16 nor is a deal made behind a hard gate');

-- ---- approvals --------------------------------------------------------------------

select is((select string_agg(outcome, ' ') from move_deals(array[:'deal', :'contact']::uuid[], 'negotiation')), 'waiting gone',
	'GAT-15 moving it asks for the approval');
select is((select outcome from move_deals(array[:'deal']::uuid[], 'negotiation')), 'waiting', 'asking twice');
select is((select count(*) from deal_approvals where deal_id = :'deal' and state = 'pending'), 1::bigint, 'GAT-15 makes one open request');
select id as approval from deal_approvals where deal_id = :'deal' \gset
select is((select count(*) from notifications where user_id = :'agent' and kind = 'approval.requested' and record_id = :'deal'), 1::bigint,
	'GAT-15 the approver finds it behind the bell');
select is((select count(*) from job.jobs where kind = 'approval_mail' and key = :'approval'), 1::bigint, 'and is written a mail');

select pg_temp.become(:'agent') \gset
select internal.create_user(:'org', 'third@gates.example', null, 'Third', 'User', 'AGENT') as third \gset
select pg_temp.become(:'third') \gset
select matches(pg_temp.refused(format('select answer_approval(%L, true)', :'approval')), '^KT403', 'GAT-15 somebody else does not answer it');
select pg_temp.become(:'agent') \gset
select matches(pg_temp.refused(format('select answer_approval(%L, false, %L)', :'approval', ' ')), 'KT400 Say why', 'GAT-15 a rejection needs a comment');
select is(answer_approval(:'approval', false, 'Too early'), false, 'GAT-15 rejected');
select is(pg_temp.stage(:'deal'), 'talk', 'the deal stays');
select is((select count(*) from notifications where user_id = :'owner' and kind = 'approval.rejected' and data ->> 'comment' = 'Too early'), 1::bigint,
	'and who asked is told why');
select matches(pg_temp.refused(format('select answer_approval(%L, true)', :'approval')), '^KT409', 'it is answered once');
select pg_temp.become(:'owner') \gset
select is(request_approval(:'deal', 'negotiation'), 1, 'it is asked for again');
select id as approval from deal_approvals where deal_id = :'deal' and state = 'pending' \gset
select is(answer_approval(:'approval', true), true, 'GAT-15 an administrator answers as well; a yes moves the deal');
select is(pg_temp.stage(:'deal'), 'negotiation', 'GAT-15 there it is');
update deals set stage = 'talk' where id = :'deal';
select matches(pg_temp.refused(format('update deals set stage = %L where id = %L', 'negotiation', :'deal')), 'has to approve', 'an approval lets it through once');
select is(request_approval(:'deal', 'negotiation'), 1, 'a request is open');
select pg_temp.become(:'agent') \gset
update deals set stage = 'negotiation' where id = :'deal';
select is(pg_temp.stage(:'deal'), 'negotiation', 'GAT-15 who has to approve approves by moving it');
select is((select state from deal_approvals where deal_id = :'deal' order by created_at desc, id desc limit 1), 'withdrawn', 'and the open request is gone');
select pg_temp.become(:'owner') \gset
update deals set stage = 'new' where id = :'deal';
select is(pg_temp.stage(:'deal'), 'new', 'backward moves pass gates');
insert into deals (title, contact_id, pipeline_id) values ('Around', :'contact', :'pipe') returning id as around \gset
update deals set stage = 'lost' where id = :'around';
select matches(pg_temp.refused(format('update deals set stage = %L where id = %L', 'won', :'around')), '^KT409', 'losing a deal first is no way around its gates');

-- A quote that is accepted stops at nothing.
insert into deals (title, contact_id, pipeline_id) values ('Signed', :'contact', :'pipe') returning id as signed \gset
do $$ begin perform set_config('kontor.system_move', 'on', true); end $$;
update deals set stage = 'won' where id = :'signed';
do $$ begin perform set_config('kontor.system_move', '', true); end $$;
select is(pg_temp.stage(:'signed'), 'won', 'a transition of the system passes gates');
select is((select jsonb_array_length(data -> 'unmet') from events where record_id = :'signed' and type = 'deal.gate.bypassed'), 5,
	'and the timeline has what it passed');

-- ---- task templates ------------------------------------------------------------------

insert into teams (name) values ('Closers') returning id as team \gset
insert into team_members (team_id, user_id) values (:'team', :'agent'), (:'team', :'third');
insert into pipelines (name, stages) values ('Tasks', jsonb_build_array('{"id": "new", "name": "New"}'::jsonb,
	jsonb_build_object('id', 'sent', 'name', 'Proposal Sent', 'task_templates', jsonb_build_array(
		'{"title": "Send proposal document", "due_days": 2, "priority": "high"}'::jsonb, '{"title": "Log decision maker name"}'::jsonb,
		jsonb_build_object('title', 'Schedule follow-up call', 'assign_to', 'person', 'assignee_id', :'third'),
		jsonb_build_object('title', 'Check contract', 'assign_to', 'team', 'team_id', :'team'))),
	'{"id": "won", "name": "Won"}'::jsonb)) returning id as tasks \gset
insert into deals (title, contact_id, pipeline_id, owner_id) values ('Spawns', :'contact', :'tasks', :'agent') returning id as spawns \gset
update deals set stage = 'sent' where id = :'spawns';
select is((select string_agg(title, ', ' order by title) from tasks where deal_id = :'spawns'),
	'Check contract, Log decision maker name, Schedule follow-up call, Send proposal document', 'GAT-17 GAT-18 entering a stage makes its tasks');
select is((select assignee_id from tasks where deal_id = :'spawns' and title = 'Send proposal document'), :'agent'::uuid, 'GAT-18 for the deal''s owner');
select is((select assignee_id from tasks where deal_id = :'spawns' and title = 'Schedule follow-up call'), :'third'::uuid, 'GAT-19 for a person');
select is((select array[assignee_id, team_id] from tasks where deal_id = :'spawns' and title = 'Check contract'), array[null, :'team'::uuid], 'GAT-19 for a team''s queue');
select is((select due_date from tasks where deal_id = :'spawns' and title = 'Send proposal document'),
	(select ((now() at time zone timezone)::date + 2 + time '23:59:59') at time zone timezone from organizations where id = :'org'),
	'GAT-21 due at the end of the day, in the organization''s time zone');
update tasks set completed = true where deal_id = :'spawns' and title = 'Log decision maker name';
update deals set stage = 'won' where id = :'spawns';
update profiles set is_active = false where id = :'third';
update deals set stage = 'sent' where id = :'spawns';
select is((select count(*) from tasks where deal_id = :'spawns'), 5::bigint, 'GAT-17 entering again, backward too, makes only what is not open');
update tasks set completed = true where deal_id = :'spawns';
update deals set stage = 'new' where id = :'spawns';
update deals set stage = 'sent' where id = :'spawns';
select is((select assignee_id from tasks where deal_id = :'spawns' and title = 'Schedule follow-up call' and not completed), :'agent'::uuid,
	'a task of somebody who has left is the owner''s');
update pipelines set stages = jsonb_set(stages, '{1,task_templates}', stages #> '{1,task_templates}' || '[{"title": "New one"}]') where id = :'tasks';
select is((select count(*) from tasks where deal_id = :'spawns' and title = 'New one'), 0::bigint, 'GAT-20 a template acts on later movements only');
select isnt((select template_id from tasks where deal_id = :'spawns' limit 1), null, 'tasks know their template');
update profiles set is_active = true where id = :'third';

-- ---- won, lost, times, histories ------------------------------------------------------------

insert into deals (title, contact_id, value, probability) values ('Timed', :'contact', 5000, 40) returning id as timed, stage \gset
select is(:'stage'::text, 'new', 'a deal without a pipeline uses the default one');
update deals set stage = 'qualified' where id = :'timed';
select is((select qualified_at from deals where id = :'timed'), now(), 'DEA-66 qualified_at is recorded by the stage');
select is((select probability from deals where id = :'timed'), 40.00, 'DEA-35 a probability chosen by hand stays on the way');
update deals set probability = null where id = :'timed';
select is((select probability from deals where id = :'timed'), 25.00, 'and is the stage''s again when it is cleared');
update deals set stage = 'proposal' where id = :'timed';
select is((select probability from deals where id = :'timed'), 50.00, 'DEA-19 a move takes the stage''s probability');
update deals set value = 7500 where id = :'timed';
update deals set value = 7600, probability = 55 where id = :'timed';
select is((select string_agg(old_value || ' ' || new_value, ', ' order by id) from deal_value_history where deal_id = :'timed' and what = 'value'),
	'5000.00 7500.00, 7500.00 7600.00', 'DEA-28 every change of the value is kept');
select is((select string_agg(new_value::text, ' ' order by id) from deal_value_history where deal_id = :'timed' and what = 'probability'),
	'25.00 50.00 55.00', 'DEA-35 and of the probability');
update deals set stage = 'won' where id = :'timed';
select is((select row(won_at, probability)::text from deals where id = :'timed'), row(now(), 100.00)::text, 'DEA-20 won has its time and 100 %');
update deals set stage = 'lost', discard_reason = 'Price too high' where id = :'timed';
select is((select row(won_at, lost_at, probability)::text from deals where id = :'timed'), row(null, now(), 0.00)::text, 'DEA-66 lost clears won');
update deals set stage = 'qualified' where id = :'timed';
select is((select row(won_at, lost_at, discard_reason, probability)::text from deals where id = :'timed'), '(,,,25.00)', 'DEA-66 reopened, both are gone');
select is((select string_agg(to_stage, ' ' order by id) from deal_stage_history where deal_id = :'timed'), 'new qualified proposal won lost qualified',
	'DEA-27 each stage is in the history');
select pg_temp.become(:'owner', '{"session_id": "x"}') \gset
select matches(pg_temp.refused(format('update deals set stage = %L, discard_reason = %L where id = %L', 'lost', 'Because', :'timed')),
	'"Because" is not one of', 'DEA-65 on a page a reason is one of the list');
update deals set stage = 'lost', discard_reason = 'No budget' where id = :'timed';
update deals set stage = 'qualified' where id = :'timed';
update organizations set settings = settings || '{"require_discard_reason": true}' where id = :'org';
select matches(pg_temp.refused(format('update deals set stage = %L where id = %L', 'lost', :'timed')), 'Say why the deal is lost', 'DEA-65 and can be required');
select pg_temp.become(:'owner') \gset
update deals set stage = 'lost', discard_reason = 'From a program' where id = :'timed';
select is((select deals from discard_report(null, null, null, null) where reason = 'From a program'), 1::bigint, 'DEA-65 FACT-130 programs say what they know; reports count it');
update organizations set settings = settings - 'require_discard_reason' where id = :'org';

-- ---- owners -------------------------------------------------------------------------------------

insert into deals (title, contact_id, owner_id) values ('Owned', :'contact', :'agent') returning id as owned \gset
update deals set owner_id = :'third' where id = :'owned';
update deals set owner_id = null where id = :'owned';
select is((select string_agg(reason, ', ' order by id) from deal_owner_history where deal_id = :'owned'), 'Initial assignment, Reassigned, Unassigned',
	'DEA-50 DEA-55 DEA-56 DEA-59 the history of owners and its reasons');
select is((select data ->> 'title' from notifications where user_id = :'third' and kind = 'deal.assigned' and record_id = :'owned'), 'Owned', 'UCF-28 a new owner is told');
insert into assignment_rules (entity, name, kind, words, user_id) values ('deal', 'Health', 'sector', '{health}', :'owner');
insert into assignment_rules (entity, name, kind, at_least, at_most, user_id) values ('deal', 'Large', 'company_size', 100, 999, :'third');
insert into assignment_rules (entity, name, kind, words, user_id) values ('deal', 'North', 'territory', '{Norway,hamburg}', :'agent');
insert into assignment_rules (entity, name, kind, team_id) values ('deal', 'Rest', 'round_robin', :'team') returning id as rest \gset
insert into companies (name, industry, employee_count) values ('H', 'Health', 500) returning id as h \gset
insert into companies (name, employee_count) values ('L', 200) returning id as l \gset
insert into companies (name, city) values ('N', 'Hamburg') returning id as n \gset
create function pg_temp.owner_of(company uuid) returns uuid language sql as $$
	insert into deals (title, contact_id, company_id) values ('New', (select id from contacts where company_id is null limit 1), company) returning owner_id $$;
select is(pg_temp.owner_of(:'h'), :'owner'::uuid, 'DEA-54 by sector, the first rule that matches');
select is(pg_temp.owner_of(:'l'), :'third'::uuid, 'DEA-51 LEA-20 by company size');
select is(pg_temp.owner_of(:'n'), :'agent'::uuid, 'DEA-51 LEA-19 by territory');
select is(array[pg_temp.owner_of(null), pg_temp.owner_of(null), pg_temp.owner_of(null)],
	(select array[a, b, a] from (select least(:'agent'::uuid, :'third'::uuid) as a, greatest(:'agent'::uuid, :'third'::uuid) as b) x),
	'DEA-53 LEA-18 in turn');
update profiles set is_active = false where id = :'third';
select is(array[pg_temp.owner_of(null), pg_temp.owner_of(null)], array[:'agent'::uuid, :'agent'::uuid], 'whoever is not active is passed over');
update profiles set is_active = true where id = :'third';
insert into assignment_rules (entity, name, kind, at_least, user_id) values ('lead', 'Hot', 'score', 70, :'third');
select is(internal.assign_owner('lead', jsonb_build_object('organization_id', :'org', 'score', 71)), :'third'::uuid, 'LEA-21 LEA-9 by score');
select is(internal.assign_owner('lead', jsonb_build_object('organization_id', :'org', 'score', 69)), null, 'LEA-21 below it nobody');
update assignment_rules set kind = 'manual', position = 0 where id = :'rest';
select is(pg_temp.owner_of(:'h'), null, 'DEA-52 a manual rule leaves it with nobody');
delete from assignment_rules where organization_id = :'org';
select matches(pg_temp.refused('insert into assignment_rules (entity, name, kind, user_id) values (''deal'', ''x'', ''sector'', auth.uid())'), 'at least one sector', 'a rule without its words is refused');

-- ---- idle and stalled ------------------------------------------------------------------------------

update deals set owner_id = :'agent', stage = 'new' where id in (:'owned', :'timed');
alter table deals disable trigger touch;
update deals set updated_at = now() - interval '8 days', stage_entered_at = now() - interval '8 days' where id in (:'owned', :'timed');
alter table deals enable trigger touch;
update profiles set is_online = id in (:'agent', :'third') where organization_id = :'org';
select is(internal.reassign_idle_deals(:'org'), 0, 'DEA-60 nothing moves until it is switched on');
update organizations set settings = settings || '{"reassign_idle_deals": true, "reassign_after_days": 9}' where id = :'org';
select is(internal.reassign_idle_deals(:'org'), 0, 'DEA-61 nor before its days are over');
update organizations set settings = settings || '{"reassign_after_days": 7}' where id = :'org';
select cmp_ok(internal.reassign_idle_deals(:'org'), '>=', 2, 'DEA-60 UC-DEAL-008 FACT-S27 then idle deals go');
select is((select array_agg(distinct owner_id) from deals where id in (:'owned', :'timed')), array[:'third'::uuid], 'DEA-62 FACT-126 to whom is online, not to their owner');
select is((select reason from deal_owner_history where deal_id = :'owned' order by id desc limit 1), 'Auto-reassigned', 'DEA-63 with the reason');
select cmp_ok((select count(*) from notifications where user_id = :'third' and kind = 'deal.assigned'), '>=', 2::bigint, 'FACT-126 and the new owner is told');
select is(internal.reassign_idle_deals(:'org'), 0, 'a deal that went is not idle any more');
update organizations set settings = settings - 'reassign_idle_deals' where id = :'org';
select cmp_ok(internal.tell_stalled(:'org', 10000), '>=', 2, 'GAT-9 deals that have not moved are told as stalled');
select is((select count(*) from events where type = 'deal.stalled' and record_id = :'owned'), 1::bigint, 'GAT-9 deal.stalled');
select is(internal.tell_stalled(:'org', 10000), 0, 'once per stay in a stage');
select cmp_ok((select count(*) from ownership_metrics() where owner_id = :'third' and deals > 0 and open_deals > 0 and share > 0), '=', 1::bigint,
	'DEA-64 figures of each member');
select is((select count(*) from deal_ownerships where deal_id = :'owned' and until is null), 1::bigint, 'DEA-57 FACT-125 one owner is the current one');

-- ---- money and the forecast ----------------------------------------------------------------------------

update organizations set currency = 'EUR' where id = :'org';
delete from exchange_rates where organization_id = :'org';
select is(internal.paste_rates(E'USD 0,90\n2020-01-01;USD;0.50\n\nGBP\t1.2'), 3, 'rates are read from lines');
select is(array[internal.in_base(100, 'USD'), internal.in_base(100, 'USD', '2024-01-01'), internal.in_base(100, 'EUR'), internal.in_base(100, 'CHF'),
	internal.in_base(100, 'USD', '2019-01-01')], array[90.00, 50.00, 100, null, null], 'an amount at the rate that was in force; none: null');
select is((select row(total, missing)::text from internal.sum_in_base('{"EUR": 10, "USD": 100, "CHF": 7}')), '(100.00,{CHF})', 'a sum over currencies says what it lacks');
insert into pipelines (name) values ('Forecast') returning id as f \gset
insert into deals (title, contact_id, pipeline_id, value, currency, probability, expected_close_date, stage)
	select 'F', :'contact', :'f', v, 'EUR', p, '2031-02-10', s from (values (10000, 50, 'new'), (5000, 80, 'new'), (15000, 30, 'new'), (4000, null, 'lost')) x (v, p, s);
select is((select weighted from forecast_total(:'f')), 13500.00, 'DEA-69 the weighted forecast, lost deals left out');
insert into deals (title, contact_id, pipeline_id, value, currency, stage) values ('W', :'contact', :'f', 1000, 'USD', 'won');
select is((select row(won_value, projection)::text from forecast_total(:'f')), '(900.00,14400.00)', 'DEA-69 UCF-27 what is won comes on top, in one currency');
insert into sales_targets (month, amount) values ('2031-02-17', 20000);
select is((select row(weighted, target, gap)::text from forecast('2031-02-01', '2031-02-01', :'f')), '(13500.00,20000.00,6500.00)', 'DEA-70 UC-DEAL-003 GAT-6 by month, against the target');
insert into deals (title, contact_id, pipeline_id, value, currency, expected_close_date) values ('C', :'contact', :'f', 1, 'CHF', '2031-02-01');
select is((select missing from forecast('2031-02-01', '2031-02-01', :'f')), '{CHF}', 'a missing rate is said');
select is((select weighted from forecast_total(:'f', null, null, null, '{new}')), 0.00, 'DEA-41 stages can be left out');
update deals set stage = 'proposal' where pipeline_id = :'f' and value = 5000;
select is((select string_agg(stage || ' ' || deals || ' ' || reached, ', ' order by place) from funnel(:'f')),
	'new 3 5, qualified 0 2, proposal 1 2, negotiation 0 1, won 1 1, lost 1 1', 'DEA-71 DEA-15 per stage: what stands in it and what got there');
select is((select array_agg(conversion order by place) from funnel(:'f')), array[40.0, 100.0, 50.0, 100.0, null, null], 'DEA-71 and how many went on');
select is((select row(won_deals, lost_deals, win_rate, loss_rate)::text from deal_statistics(null, null, :'f')), '(1,1,50.0,50.0)', 'DEA-72 win and loss rate');
select is((select average_won from deal_statistics(null, null, :'f')), 900.00, 'DEA-72 the average value');
update deals set value = value + 1, owner_id = :'agent' where pipeline_id = :'f';
delete from deals where pipeline_id = :'f' and currency = 'CHF';
select is(internal.deal_sums_wrong(:'org'), 0::bigint, 'the sums are what counting gives, whatever happened');
select is(internal.melt_deal_sums(:'org') > 0 and internal.deal_sums_wrong(:'org') = 0, true, 'melting them changes nothing');
select is((select count(*) from (select from deal_sums where organization_id = :'org' group by pipeline_id, stage, reached_stage, owner_id, currency, month
	having count(*) > 1) x), 0::bigint, 'but leaves one row of each');

-- ---- pipelines ------------------------------------------------------------------------------------------

select matches(pg_temp.refused(format('select delete_stage(%L, %L)', :'f', 'proposal')), 'There are deals in the stage "Proposal"', 'a stage with deals asks where they go');
select delete_stage(:'f', 'proposal', 'new') \gset
select is((select count(*) from deals where pipeline_id = :'f' and stage = 'new'), 3::bigint, 'and they go there');
select matches(pg_temp.refused(format('select delete_pipeline(%L)', :'f')), 'There are deals', 'DEA-2 a pipeline with deals asks where they go');
select delete_pipeline(:'f', :'tasks') \gset
select is((select count(*) from deals where pipeline_id = :'tasks' and title = 'F'), 4::bigint, 'DEA-2 and they go there');
update pipelines set stages = (select jsonb_agg(s - 'gate' - 'task_templates') from jsonb_array_elements(stages) s) where id = :'pipe';
select is((select count(*) from pipeline_stages where pipeline_id = :'pipe' and gate_mode is not null), 3::bigint, 'GAT-3 who does not know of gates does not lose them');
select (internal.config_head(:'org')).sha as before \gset
update pipelines set stages = jsonb_set(stages, '{2,gate}', 'null') where id = :'pipe';
select is((select gate_mode from pipeline_stages where pipeline_id = :'pipe' and stage = 'proposal'), null, 'GAT-3 null takes a gate away');
select config_restore from internal.config_restore(:'org', :'before') \gset
select is((select gate_mode from pipeline_stages where pipeline_id = :'pipe' and stage = 'proposal'), 'hard', 'GAT-8 and a way back brings it again');
select pg_temp.become(:'agent') \gset
set local role authenticated;
select matches(pg_temp.refused('insert into pipelines (name) values (''Mine'')'), '^KT403', 'GAT-1 an agent makes no pipeline');
select matches(pg_temp.refused('insert into assignment_rules (entity, name, kind) values (''deal'', ''x'', ''manual'')'), '^KT403', 'LEA-17 nor rules');
select matches(pg_temp.refused('insert into deal_approvals (deal_id, pipeline_id, stage, to_stage) select id, pipeline_id, stage, stage from deals limit 1'), '^42501', 'GAT-15 nor approvals by hand');
reset role;
select * from finish();
rollback;
