-- Conversations: filters, snooze, merging, load, assignment, macros, clocks, ratings.
set search_path = tap, public;
begin;
select no_plan();

create function pg_temp.org() returns uuid language sql as $$ select o.id from organizations o order by o.created_at, o.id limit 1 $$;
create temp table who on commit drop as
	select p.id, p.first_name, row_number() over (order by p.created_at, p.id) as n from profiles p where p.organization_id = pg_temp.org() and p.is_active;
create function pg_temp.act(member uuid) returns void language plpgsql as $$
begin
	perform set_config('request.jwt.claims', case when member is null then json_build_object('organization_id', pg_temp.org(), 'role', 'authenticated', 'app_role', 'SYSTEM', 'may', array['*'])::text
		else json_build_object('organization_id', pg_temp.org(), 'sub', member, 'role', 'authenticated', 'app_role', 'OWNER', 'may', array['*'])::text end, true);
end $$;
create function pg_temp.member(k integer) returns uuid language sql as $$ select id from who where n = k $$;
create temp table channels on commit drop as
	with made as (insert into channel_accounts (organization_id, name, type) values (pg_temp.org(), 'Test A', 'TELEGRAM'), (pg_temp.org(), 'Test B', 'WHATSAPP_LITE') returning id, name)
	select * from made;
create temp table people on commit drop as
	with made as (insert into contacts (organization_id, first_name, last_name) select pg_temp.org(), 'Pgtap', 'Person ' || n from generate_series(1, 6) n returning id, last_name)
	select id, split_part(last_name, ' ', 2)::integer as n from made;
create function pg_temp.talk(person integer, channel text default 'Test A') returns uuid language plpgsql as $$
declare
	made uuid;
begin
	insert into conversations (organization_id, contact_id, channel_account_id)
		values (pg_temp.org(), (select id from people where n = person), (select id from channels where name = channel)) returning id into made;
	return made;
end $$;
create function pg_temp.say(talk uuid, words text, way text default 'INBOUND', kind text default 'text') returns uuid language plpgsql as $$
declare
	made uuid;
begin
	insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, message_type, status)
		select organization_id, id, contact_id, channel_account_id, way, words, kind, case way when 'INBOUND' then 'DELIVERED' else 'SENT' end from conversations where id = talk
		returning id into made;
	return made;
end $$;
create function pg_temp.found(ask jsonb) returns text language sql as $$
	select coalesce(string_agg(split_part(k.last_name, ' ', 2), ',' order by split_part(k.last_name, ' ', 2)), '') from internal.talks_page(ask, 50) h
		join conversations c on c.id = h.id join contacts k on k.id = c.contact_id where k.first_name = 'Pgtap'
$$;

select pg_temp.act(null);
create temp table t on commit drop as select n, pg_temp.talk(n) as id from generate_series(1, 4) n;
create function pg_temp.t(k integer) returns uuid language sql as $$ select id from t where n = k $$;
select pg_temp.say(id, 'Hello') from t order by n;
select pg_temp.say(pg_temp.t(2), null, 'INBOUND', 'image');
update conversations set tags = '{red}' where id in (pg_temp.t(1), pg_temp.t(2));
update conversations set status = 'CLOSED' where id = pg_temp.t(4);

-- ---- filters ----
select pg_temp.act(pg_temp.member(1));
select is(pg_temp.found('{"q": "Pgtap"}'), '1,2,3,4', 'INB-26 a search finds all conversations of those found');
select is(pg_temp.found('{"q": "Pgtap", "tags": ["red"]}'), '1,2', 'INB-10 filter by tag');
select is(pg_temp.found('{"q": "Pgtap", "tags": ["red"], "type": "image"}'), '2', 'INB-11 filters hold together');
select is(pg_temp.found('{"q": "Pgtap", "status": ["RESOLVED", "CLOSED"]}'), '4', 'INB-17 filter by status');
select is(pg_temp.found('{"q": "Pgtap", "channels": ["WHATSAPP_LITE"]}'), '', 'INB-18 filter by channel');
select is(pg_temp.found('{"q": "Pgtap", "from": "2000-01-01", "to": "2000-01-02"}'), '', 'INB-10 filter by days');
select is(internal.talks_count('{"q": "Pgtap"}', 3), 4, 'INB-26 results are counted up to a number');
select throws_ok($$ select internal.talks_page('{"assignee": "nobody at all"}', 5) $$, 'KT400', null, 'a value that cannot be read is refused');

-- ---- snooze ----
update conversations set snoozed_until = now() + interval '1 hour' where id = pg_temp.t(3);
select is(pg_temp.found('{"q": "Pgtap", "status": ["OPEN", "PENDING"]}'), '1,2', 'INB-47 snoozed ones are hidden');
select is(pg_temp.found('{"q": "Pgtap", "snoozed": "only"}'), '3', 'INB-47 and found by their filter');
select throws_ok($$ update conversations set snoozed_until = now() - interval '1 hour' where id = pg_temp.t(1) $$, 'KT400', null, 'INB-47 not into the past');
select throws_ok($$ update conversations set snoozed_until = now() + interval '1 hour' where id = pg_temp.t(4) $$, 'KT409', null, 'nor when it is closed');
select pg_temp.act(null);
select pg_temp.say(pg_temp.t(3), 'I am back');
select is((select snoozed_until from conversations where id = pg_temp.t(3)), null, 'INB-47 a message of the customer wakes it');

-- ---- load and assignment ----
select is((select coalesce(sum(open_conversations), 0)::integer from agent_loads l where l.user_id = pg_temp.member(2)),
	(select count(*)::integer from conversations c where c.assignee_id = pg_temp.member(2) and c.status in ('OPEN', 'PENDING')), 'INB-54 the load is what it would be if counted');
create temp table load on commit drop as select coalesce((select open_conversations from agent_loads where user_id = pg_temp.member(2)), 0) as n;
update conversations set assignee_id = pg_temp.member(2) where id in (pg_temp.t(1), pg_temp.t(2));
select is((select open_conversations from agent_loads where user_id = pg_temp.member(2)), (select n + 2 from load), 'INB-54 two more are two more');
update conversations set status = 'CLOSED' where id = pg_temp.t(1);
select is((select open_conversations from agent_loads where user_id = pg_temp.member(2)), (select n + 1 from load), 'INB-54 a closed one is none');
update conversations set assignee_id = pg_temp.member(1) where id = pg_temp.t(2);
select is((select open_conversations from agent_loads where user_id = pg_temp.member(2)), (select n from load), 'INB-56 nor one that went to another');
update conversations set status = 'OPEN', assignee_id = null where id = pg_temp.t(1);
insert into inbox_settings (organization_id, auto_assign) values (pg_temp.org(), true) on conflict (organization_id) do update set auto_assign = true;
update profiles set is_online = (id = pg_temp.member(2)) where organization_id = pg_temp.org();
select pg_temp.act(null);
create temp table five on commit drop as select pg_temp.talk(5) as id;
select is((select assignee_id from conversations where id = (select id from five)), pg_temp.member(2), 'INB-59 a new conversation goes to who is online');
update profiles set is_online = true where organization_id = pg_temp.org();
update agent_loads set last_assigned_at = now() where organization_id = pg_temp.org();
create temp table six on commit drop as select pg_temp.talk(6) as id;
select isnt((select assignee_id from conversations where id = (select id from six)), null, 'INB-59 among several to one of them');
insert into agent_loads (organization_id, user_id) select pg_temp.org(), id from who on conflict do nothing;
update agent_loads set last_assigned_at = case when user_id = pg_temp.member(1) then '2001-01-01'::timestamptz else now() end where organization_id = pg_temp.org();
select is(internal.next_assignee(pg_temp.org(), null), pg_temp.member(1), 'INB-59 in turn: who was given one least lately');
insert into availability_slots (organization_id, user_id, timezone, weekdays, start_time, end_time)
	select pg_temp.org(), pg_temp.member(1), 'UTC', array[((extract(dow from now() at time zone 'UTC')::integer + 3) % 7)::smallint], '00:00', '00:01';
select isnt(internal.next_assignee(pg_temp.org(), null), pg_temp.member(1), 'INB-59 nobody outside his hours');
update user_roles set role = 'PROJECT_MANAGER' where organization_id = pg_temp.org() and user_id <> pg_temp.member(1) and role not in ('OWNER');
select isnt((select r.role from user_roles r where r.user_id = internal.next_assignee(pg_temp.org(), null) and r.organization_id = pg_temp.org()), 'PROJECT_MANAGER', 'INB-60 never a project manager');
delete from inbox_settings where organization_id = pg_temp.org();

-- ---- merging ----
select pg_temp.act(pg_temp.member(1));
create temp table w on commit drop as select pg_temp.talk(1, 'Test B') as id;
select pg_temp.act(null);
select pg_temp.say((select id from w), 'By WhatsApp');
select pg_temp.act(pg_temp.member(1));
select throws_ok($$ select merge_conversations(pg_temp.t(1), array[pg_temp.t(2)]) $$, 'KT409', null, 'INB-77 conversations of different people stay apart');
create temp table merges on commit drop as select merge_conversations(pg_temp.t(1), array[(select id from w)]) as ids;
select is((select count(*)::integer from messages where conversation_id = pg_temp.t(1)), 2, 'INB-77 messages of both are in one');
select is((select last_message_preview from conversations where id = pg_temp.t(1)), 'By WhatsApp', 'INB-77 the newest of them shows in the list');
select pg_temp.act(null);
select pg_temp.say((select id from w), 'And more');
select is((select count(*)::integer from messages where conversation_id = pg_temp.t(1)), 3, 'INB-77 what comes on the other channel follows');
select is((select response_channel_id from conversations where id = pg_temp.t(1)), (select id from channels where name = 'Test B'), 'INB-77 and the answer goes where the customer is');
select pg_temp.act(pg_temp.member(1));
select is(unmerge_conversations((select ids from merges)), 1, 'INB-77 a merge is taken back');
select is((select count(*)::integer from messages where conversation_id = (select id from w)), 2, 'INB-77 with all that came since on that channel');

-- ---- macros ----
insert into macros (organization_id, id, name, actions, owner_id) values (pg_temp.org(), '00000000-0000-7000-8000-000000000001', 'Test',
	'[{"do": "note", "text": "Hi {{first_name}}"}, {"do": "tag", "tags": ["vip"]}, {"do": "status", "to": "PENDING"}, {"do": "star"}]', pg_temp.member(1));
select throws_ok($$ insert into macros (organization_id, name, actions) values (pg_temp.org(), 'Bad', '[{"do": "explode"}]') $$, 'KT400', null, 'a macro of unknown actions is refused');
select run_macro('00000000-0000-7000-8000-000000000001', pg_temp.t(2), '00000000-0000-7000-8000-000000000002');
select run_macro('00000000-0000-7000-8000-000000000001', pg_temp.t(2), '00000000-0000-7000-8000-000000000002');
select is((select status || is_important || (tags @> '{vip}')::text from conversations where id = pg_temp.t(2)), 'PENDINGtruetrue', 'a macro does all of its actions');
select is((select string_agg(content, '|') from notes where conversation_id = pg_temp.t(2)), 'Hi Pgtap', 'once, though it was clicked twice');
select ok(undo_macro('00000000-0000-7000-8000-000000000002'), 'and all of it is taken back');
select is((select status || is_important from conversations where id = pg_temp.t(2)), 'OPENfalse', 'to how it was');

-- ---- clocks ----
select is(internal.business_add('{"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]}', 'UTC', '2026-06-01 16:30+00', interval '1 hour'), '2026-06-02 09:30+00'::timestamptz, 'INB-98 business time goes on the next morning');
select is(internal.business_between('{"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]}', 'UTC', '2026-06-01 16:30+00', '2026-06-02 09:30+00'), interval '1 hour', 'and is measured the same way');
delete from sla_policies where organization_id = pg_temp.org();
insert into sla_policies (organization_id, name, first_response_minutes, next_response_minutes, business_hours_only) values (pg_temp.org(), 'Test', 60, 30, false);
select pg_temp.act(null);
create temp table s on commit drop as select pg_temp.talk(3, 'Test B') as id;
select pg_temp.say((select id from s), 'Anybody there?');
select is((select sla_kind from conversations where id = (select id from s)), 'first', 'INB-97 the first answer is waited for');
select pg_temp.act(pg_temp.member(1));
select pg_temp.say((select id from s), 'Yes', 'OUTBOUND');
select is((select (sla_deadline is null)::text || (waiting_since is null)::text || (first_response_at is not null)::text from conversations where id = (select id from s)), 'truetruetrue', 'INB-97 and given');
select is((select sum(first_responses)::integer from inbox_days where organization_id = pg_temp.org() and agent_id = pg_temp.member(1) and channel_account_id = (select id from channels where name = 'Test B')), 1, 'INB-100 what it took is summed up for who answered');
select pg_temp.act(null);
select pg_temp.say((select id from s), 'One more');
select is((select sla_kind from conversations where id = (select id from s)), 'next', 'INB-97 then the next answer');
update conversations set status = 'PENDING' where id = (select id from s);
select ok((select sla_deadline is null and sla_left is not null from conversations where id = (select id from s)), 'the clock stands while pending');
update conversations set status = 'OPEN' where id = (select id from s);
select ok((select sla_deadline > now() + interval '25 minutes' and sla_left is null from conversations where id = (select id from s)), 'and goes on with what was left');
update conversations set sla_deadline = now() - interval '1 second' where id = (select id from s);
select internal.sla_breaches(100);
select is((select count(*)::integer from events where record_id = (select id from s) and type = 'conversation.sla.breached'), 1, 'INB-97 overdue is an event, once');
select internal.sla_breaches(100);
select is((select count(*)::integer from events where record_id = (select id from s) and type = 'conversation.sla.breached'), 1, 'INB-97 and not again');

-- ---- ratings ----
update channel_accounts set settings = '{"csat": {"enabled": true, "delay_minutes": 0}}' where id = (select id from channels where name = 'Test B');
update conversations set status = 'CLOSED' where id = (select id from s);
select is((select count(*)::integer from csat_surveys where conversation_id = (select id from s) and state = 'waiting'), 1, 'a closed conversation is asked about');
select * from finish();
rollback;
