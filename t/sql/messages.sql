-- Messages in SQL: every transition of the state machine, scheduling and repeats, what is
-- done to a message, the words of the search, quick replies.
set search_path = tap, public;
begin;
select no_plan();

create temp table ids (name text primary key, id uuid);
grant select on ids to authenticated;
insert into ids values ('org', internal.create_organization('Messages', 'messages-test', 'Europe/Berlin', 'EUR')),
	('other', internal.create_organization('Others', 'messages-others', 'UTC', 'USD'));
create function pg_temp.i(n text) returns uuid language sql stable as $$ select i.id from ids i where i.name = n $$;
grant execute on function pg_temp.i(text) to authenticated;
insert into ids values ('boss', internal.create_user(pg_temp.i('org'), 'boss@messages.example', null, 'Bo', 'Boss', 'OWNER')),
	('agent', internal.create_user(pg_temp.i('org'), 'agent@messages.example', null, 'Al', 'Agent', 'AGENT'));
create function pg_temp.be(n text) returns void language sql as $$
	select set_config('request.jwt.claims', (select jsonb_build_object('organization_id', r.organization_id, 'sub', r.user_id,
		'role', 'authenticated', 'app_role', r.role, 'may', r.may)::text from user_roles r where r.user_id = pg_temp.i(n)), true)
$$;
select pg_temp.i('org') as org \gset
select pg_temp.be('boss');
insert into channel_accounts (organization_id, name, type) values (:'org', 'Bot', 'TELEGRAM'), (:'org', 'Phone', 'WHATSAPP_CLOUD');
insert into ids select name, id from channel_accounts where organization_id = :'org';
insert into contacts (organization_id, first_name, last_name, emails, custom_fields)
	values (:'org', 'Mia', 'Berg', '{mia@berg.example}', '{"order_number": "4711"}');
insert into ids select 'Mia', id from contacts where organization_id = :'org';
insert into conversations (organization_id, contact_id, channel_account_id) values (:'org', pg_temp.i('Mia'), pg_temp.i('Bot'));
insert into ids select 'talk', id from conversations where organization_id = :'org';

create function pg_temp.say(state text, at timestamptz default null, words text default 'x') returns uuid language sql as $$
	insert into messages (organization_id, conversation_id, direction, content, status, scheduled_at, sender_id)
	values (pg_temp.i('org'), pg_temp.i('talk'), 'OUTBOUND', words, state, at, pg_temp.i('boss')) returning id
$$;

-- ---- every pair of states -------------------------------------------------------------------

create temp table may (before text, after text);
insert into may select before, unnest(string_to_array(afters, ' ')) from (values
	('SCHEDULED', 'PENDING SENDING UNKNOWN SENT FAILED DELIVERED READ'),
	('PENDING', 'SENDING UNKNOWN SENT FAILED DELIVERED READ'),
	('SENDING', 'PENDING UNKNOWN SENT FAILED DELIVERED READ'),
	('UNKNOWN', 'PENDING SENT FAILED DELIVERED READ'),
	('SENT', 'FAILED DELIVERED READ'),
	('FAILED', 'PENDING DELIVERED READ'),
	('DELIVERED', 'READ'),
	('READ', null)) v (before, afters);
create temp table states as select unnest('{SCHEDULED,PENDING,SENDING,UNKNOWN,SENT,FAILED,DELIVERED,READ}'::text[]) as s;
create function pg_temp.try(before text, after text) returns text language plpgsql as $$
declare
	m uuid := pg_temp.say(before, case before when 'SCHEDULED' then now() + interval '1 day' end);
	known bigint := (select count(*) from events e where e.record_id = m);
	now text;
begin
	update messages set status = after where id = m returning status into now;
	return now || ' ' || (select count(*) - known from events e where e.record_id = m) || ' '
		|| (select count(*) - 1 from message_status_history h where h.message_id = m);
end
$$;
select is(pg_temp.try(b.s, a.s), case when exists (select from may m where m.before = b.s and m.after = a.s) then a.s || ' 1 1' else b.s || ' 0 0' end,
	format('MSG-25 MSG-27 %s to %s: %s', b.s, a.s, case when exists (select from may m where m.before = b.s and m.after = a.s)
		then 'goes, with one event and one line of history' else 'stays' end))
from states b, states a;

select pg_temp.say('sent') as any_case \gset
select is((select status from messages where id = :'any_case'), 'SENT', 'MSG-104 states in any case');
select throws_ok($$select pg_temp.say('LOST')$$, '23514', null, 'no state but these');

-- An unknown one: a late receipt settles it, or a person.
select pg_temp.say('UNKNOWN') as lost \gset
update messages set external_id = 'x:1', channel_account_id = pg_temp.i('Bot') where id = :'lost';
select message_receipt_of(pg_temp.i('Bot'), 'x:1', null, 'DELIVERED', null, null);
select is((select status from messages where id = :'lost'), 'DELIVERED', 'MSG-26 a receipt that comes late settles an unknown message');
select throws_ok(format($$insert into message_acts (organization_id, message_id, kind) values (%L, %L, 'settle')$$, :'org', :'lost'), 'KT409', null,
	'and then there is nothing left to settle');
select pg_temp.say('UNKNOWN') as lost \gset
insert into message_acts (organization_id, message_id, kind) values (:'org', :'lost', 'settle');
select is((select status || ' ' || (metadata #>> '{settled,by}' = pg_temp.i('boss')::text) from messages where id = :'lost'), 'SENT true',
	'MSG-108 a person says that it arrived: SENT, and who said so is kept');
select is((select count(*) from job.jobs where kind = 'send_message' and key = :'lost'), 0::bigint, 'and it is not sent again');

-- ---- later -----------------------------------------------------------------------------------

update conversations set last_message_preview = null, last_message_at = null where id = pg_temp.i('talk');
select pg_temp.say('PENDING', now() + interval '2 hours', 'Tomorrow then') as later \gset
select is((select status from messages where id = :'later'), 'SCHEDULED', 'MSG-24 MSG-36 a message with a time to come is scheduled');
select is((select state || ' ' || (run_at > now() + interval '119 minutes') from job.jobs where kind = 'send_message' and key = :'later'), 'waiting true',
	'MSG-37 its job waits for the time');
select is((select last_message_preview from conversations where id = pg_temp.i('talk')), null, 'the list of conversations does not show what has not gone out');
update messages set scheduled_at = now() + interval '1 hour', content = 'Today' where id = :'later';
select is((select run_at < now() + interval '61 minutes' from job.jobs where kind = 'send_message' and key = :'later'), true, 'MSG-17 another time: the job follows');
select throws_ok(format($$update messages set scheduled_at = null where id = %L$$, :'later'), 'KT400', null, 'a scheduled message has a time');
select created_at as planned from messages where id = :'later' \gset
update messages set status = 'SENDING' where id = :'later';
select is((select created_at > :'planned' from messages where id = :'later'), true, 'it counts from when it goes out');
select is((select last_message_preview from conversations where id = pg_temp.i('talk')), 'Today', 'and the list shows it then');
select set_config('request.jwt.claims', jsonb_build_object('organization_id', :'org', 'role', 'authenticated', 'app_role', 'SYSTEM')::text, true);
update messages set status = 'SENT' where id = :'later';
select is((select kind from notifications where user_id = pg_temp.i('boss') and record_id = pg_temp.i('talk')), 'message.went', 'MSG-37 the agent is told that it went out');
select pg_temp.be('boss');

select pg_temp.say('PENDING', now() + interval '1 hour', 'Weekly') as weekly \gset
insert into message_schedules (organization_id, message_id, repeat, repeat_until, zone, first_at)
	select :'org', :'weekly', 'weekly', (now() + interval '15 days')::date, 'Europe/Berlin', scheduled_at from messages where id = :'weekly';
update messages set status = 'SENDING' where id = :'weekly';
select is((select round(extract(epoch from n.scheduled_at - o.scheduled_at) / 3600)::integer / 24 || ' ' || n.status || ' ' || n.content
		from message_schedules s join messages n on n.id = s.message_id, messages o where o.id = :'weekly' and s.organization_id = :'org'),
	'7 SCHEDULED Weekly', 'MSG-36 the next of a row is planned as one goes out');
update messages set status = 'SENT' where id = :'weekly';
update messages set status = 'READ' where id = :'weekly';
select is((select count(*) from messages where conversation_id = pg_temp.i('talk') and status = 'SCHEDULED' and content = 'Weekly'), 1::bigint, 'once');
update messages set status = 'SENDING' where id = (select message_id from message_schedules where organization_id = :'org');
update messages set status = 'SENDING' where id = (select message_id from message_schedules where organization_id = :'org');
select is((select count(*) from message_schedules where organization_id = :'org'), 0::bigint, 'MSG-36 behind its last day the row ends');
select is(array(select (internal.schedule_time(row(null, null, null, 'monthly', null, 'Europe/Berlin', '2027-01-31 10:00+01', 0, null, null)::message_schedules, n)
		at time zone 'Europe/Berlin')::text from generate_series(0, 3) n),
	'{2027-01-31 10:00:00,2027-02-28 10:00:00,2027-03-31 10:00:00,2027-04-30 10:00:00}', 'MSG-36 every month on the 31st, by the clock on the wall');
select throws_ok(format($$insert into message_schedules (organization_id, message_id, repeat, repeat_until, zone, first_at)
	values (%L, %L, 'daily', current_date - 1, 'Europe/Berlin', now())$$, :'org', :'weekly'), 'KT400', null, 'no row ends before it begins');

-- ---- reactions, edits, deletion -----------------------------------------------------------------

select pg_temp.say('PENDING', null, 'Our offer: 120') as offer \gset
select throws_ok(format($$insert into message_acts (organization_id, message_id, kind, content) values (%L, %L, 'edit', 'No')$$, :'org', :'offer'), 'KT409', null,
	'what has not gone out is not edited at the customer');
update messages set status = 'SENDING' where id = :'offer';
select throws_ok(format($$insert into message_acts (organization_id, message_id, kind) values (%L, %L, 'delete')$$, :'org', :'offer'), 'KT409', null,
	'what is being sent is not deleted at that moment');
update messages set status = 'SENT', external_id = '5:77' where id = :'offer';
insert into message_acts (organization_id, message_id, kind, content) values (:'org', :'offer', 'edit', 'Our offer: 110') returning id as edit \gset
select is((select content from messages where id = :'offer'), 'Our offer: 120', 'until the provider has it the message says what it said');
select is((select count(*) from job.jobs where kind = 'message_act' and key = :'edit'), 1::bigint, 'the provider is asked');
select internal.act_ended(:'edit', null);
select is((select content || ' ' || (metadata #>> '{edits,0,was}') || ' ' || (edited_at is not null) from messages where id = :'offer'),
	'Our offer: 110 Our offer: 120 true', 'MSG-73 then it says the new words, and what it said before is kept');
insert into message_acts (organization_id, message_id, kind, content) values (:'org', :'offer', 'edit', 'Our offer: 1') returning id as edit \gset
select internal.act_ended(:'edit', 'Too late');
select is((select m.content || ' ' || a.error from messages m, message_acts a where m.id = :'offer' and a.id = :'edit'), 'Our offer: 110 Too late',
	'what the provider refuses changes nothing, and says why');

insert into messages (organization_id, conversation_id, direction, content, status, external_id, channel_account_id)
	values (:'org', pg_temp.i('talk'), 'INBOUND', 'Thanks', 'RECEIVED', '5:78', pg_temp.i('Bot')) returning id as thanks \gset
insert into message_acts (organization_id, message_id, kind, emoji) values (:'org', :'thanks', 'react', '👍');
insert into message_acts (organization_id, message_id, kind, emoji) values (:'org', :'thanks', 'react', '❤') returning id as act \gset
select is((select string_agg(emoji, '') from message_reactions where message_id = :'thanks'), '❤', 'MSG-75 one reaction of ours, the newest');
select internal.act_ended(:'act', 'REACTION_INVALID');
select is((select count(*) from message_reactions where message_id = :'thanks'), 0::bigint, 'MSG-75 one that was refused is not there');

select set_config('request.jwt.claims', jsonb_build_object('organization_id', :'org', 'role', 'authenticated', 'app_role', 'SYSTEM')::text, true);
select is(internal.receive_change(pg_temp.i('Bot'), 'telegram', '5', 'Mia', '5', '5:77:r', 'reaction', '🔥', '{"reply_to": "5:77"}', now()), true, 'a reaction of the customer');
select is((select emoji || author || ' ' || name from message_reactions where message_id = :'offer'), '🔥5 Mia', 'MSG-75 stands at the message');
select is((select unread_count from conversations where id = pg_temp.i('talk')), 1, 'and is no message of its own');
select internal.receive_change(pg_temp.i('Bot'), 'telegram', '5', 'Mia', '5', '5:77:r', 'reaction', '', '{"reply_to": "5:77"}', now());
select is((select count(*) from message_reactions where message_id = :'offer'), 0::bigint, 'MSG-75 taken back');
select internal.receive_change(pg_temp.i('Bot'), 'telegram', '5', 'Mia', '5', '5:78:e1', 'edit', 'Thanks a lot', '{"edit_of": "5:78"}', now());
select internal.receive_change(pg_temp.i('Bot'), 'telegram', '5', 'Mia', '5', '5:78:e1', 'edit', 'Thanks a lot', '{"edit_of": "5:78"}', now());
select is((select content || ' ' || jsonb_array_length(metadata -> 'edits') from messages where id = :'thanks'), 'Thanks a lot 1', 'an edit of the customer changes his message, once');
select is(internal.receive_change(pg_temp.i('Bot'), 'telegram', '5', 'Mia', '5', '5:99:r', 'reaction', '🔥', '{"reply_to": "5:99"}', now()), false, 'a reaction to what is not known is nothing');
select internal.receive_change(pg_temp.i('Bot'), 'telegram', '5', 'Mia', '5', '5:79:x', 'revoke', null, '{"reply_to": "5:78"}', now());
select is((select content is null and metadata ->> 'revoked_by' = 'customer' from messages where id = :'thanks'), true, 'MSG-69 what the customer deletes is gone here as well');
select pg_temp.be('boss');

insert into files (organization_id, id, sha256, name, content_type, size) values (:'org', uuid7(), repeat('b', 64), 'plan.pdf', 'application/pdf', 3),
	(:'org', uuid7(), repeat('c', 64), 'kept.pdf', 'application/pdf', 3);
insert into message_attachments (organization_id, message_id, kind, file_id, name) select :'org', :'offer', 'document', id, name from files
	where organization_id = :'org';
select pg_temp.say('SENT', null, 'Another') as another \gset
insert into message_attachments (organization_id, message_id, kind, file_id, name) select :'org', :'another', 'document', id, name from files
	where organization_id = :'org' and name = 'kept.pdf';
insert into message_acts (organization_id, message_id, kind) values (:'org', :'offer', 'delete');
select is((select (content is null)::text || (deleted_at is not null) from messages where id = :'offer'), 'truetrue', 'MSG-69 a deleted message has no words');
select is((select string_agg(name, ' ') from files where organization_id = :'org'), 'kept.pdf', 'MSG-69 its file goes, unless another message has it');
select is((select count(*) from job.jobs where kind = 'file_sweep' and organization_id = :'org' and payload -> 'sha256' ? repeat('b', 64)), 1::bigint, 'and the content is swept');
select is((select count(*) from events where record_id = :'offer' and data ->> 'content' is not null), 0::bigint, 'no event repeats its words');
update messages set content = 'Back again' where id = :'offer';
select is((select content from messages where id = :'offer'), null, 'and nothing brings them back');
select throws_ok(format($$insert into message_acts (organization_id, message_id, kind, emoji) values (%L, %L, 'react', '👍')$$, :'org', :'offer'), 'KT409', null, 'nothing more is done to it');
insert into message_acts (organization_id, message_id, kind) values (:'org', :'another', 'revoke') returning id as act \gset
select is((select content from messages where id = :'another'), 'Another', 'taking back asks the provider first');
select internal.act_ended(:'act', null);
select is((select content is null and metadata ? 'revoked' from messages where id = :'another'), true, 'MSG-69 then it is gone on both sides');
select pg_temp.say('SCHEDULED', now() + interval '1 day') as waits \gset
insert into message_acts (organization_id, message_id, kind) values (:'org', :'waits', 'delete');
select is((select count(*) from messages where id = :'waits'), 0::bigint, 'what has never gone out leaves no trace');

select throws_ok(format($$insert into messages (organization_id, conversation_id, direction, content, reply_to_id) values (%L, %L, 'OUTBOUND', 'x', %L)$$,
	:'org', pg_temp.i('talk'), uuid7()), 'KT400', null, 'MSG-67 what is answered is in the same conversation');

-- ---- search ---------------------------------------------------------------------------------------

select pg_temp.say('SENT', null, 'Die Häuser in der Friedrichstraße wurden verkauft');
select pg_temp.say('SENT', null, 'We are shipping order KX-20417 on Monday');
select pg_temp.say('SENT', null, 'سنرسل الفواتير غدا');
select internal.read_words(100000);
create function pg_temp.found(q text) returns bigint language sql as $$
	select count(*) from app.find_messages(q, null, null, null, null, null, null, null, 50) $$;
select is(pg_temp.found('Haus verkaufen'), 1::bigint, 'MSG-63 German words by their stems');
select is(pg_temp.found('ship orders'), 1::bigint, 'MSG-63 English ones');
select is(pg_temp.found('فواتير'), 1::bigint, 'MSG-63 Arabic ones');
select is(pg_temp.found('friedrichstr'), 1::bigint, 'MSG-63 the beginning of a word');
select is(pg_temp.found('20417'), 1::bigint, 'MSG-63 a part of a number');
select is(pg_temp.found('Fridrichstrasse') + pg_temp.found('fridrichstraße'), 2::bigint, 'MSG-63 and misspelt');
select is(pg_temp.found('"order KX" Monday') + pg_temp.found('shipping -Monday'), 1::bigint, 'MSG-63 words in quotes, and without');
select is(pg_temp.found('  ''; drop table messages; --'), 0::bigint, 'what is typed is only words');
select is((select count(*) from app.find_messages('shipping', (now() at time zone 'Europe/Berlin')::date + 1, null, null, null, null, null, null, 50)), 0::bigint, 'MSG-64 by date');
select is((select count(*) from app.find_messages('shipping', null, (now() at time zone 'Europe/Berlin')::date, pg_temp.i('Bot'), pg_temp.i('Mia'), null, null, null, 50)), 1::bigint, 'MSG-64 by date, channel and contact');
select is((select count(*) from app.find_messages('shipping', null, null, pg_temp.i('Phone'), null, null, null, null, 50)), 0::bigint, 'MSG-64 of another channel none');
select ok(exists (select from json_array_elements(app.message_pieces('We are shipping order KX-20417', 'order')) p where p ->> 'hit' = 'true' and p ->> 'text' = 'order'),
	'MSG-63 what was found is marked');
delete from messages where content like 'We are shipping%';
select is(pg_temp.found('shipping'), 0::bigint, 'what is deleted is not found');
select pg_temp.be('agent');
select set_config('request.jwt.claims', (current_setting('request.jwt.claims')::jsonb || '{"may": ["can_read_messages", "can_see_assigned_conversations"]}')::text, true);
select is(pg_temp.found('verkauft'), 0::bigint, 'who sees his own conversations only finds nothing in others');
insert into message_settings (organization_id, translation_provider, translation_url) values (:'org', 'libretranslate', 'https://t.example')
	on conflict (organization_id) do update set translation_provider = excluded.translation_provider, translation_url = excluded.translation_url;
select throws_ok(format('select internal.translate_message(%L, ''en'')', (select id from messages where organization_id = :'org' and content like '%verkauft%' limit 1)),
	'KT404', null, 'nor has he them translated');
select pg_temp.be('boss');

-- ---- quick replies ----------------------------------------------------------------------------------

insert into templates (organization_id, name, components, category, shortcut)
	values (:'org', 'Greeting', '[{"type": "BODY", "text": "Hello {{first_name}}, order {{order_number}}"}]', 'QUICK_REPLY', '/hi') returning id as hi \gset
select is((select shortcut || '|' || search_text from templates where id = :'hi'), 'hi|greeting hello {{first_name}}, order {{order_number}}', 'MSG-78 found by name and text');
select throws_ok(format($$insert into templates (organization_id, name, category, components) values (%L, 'x', 'QUICK_REPLY', '[{"type": "BODY", "text": "  "}]')$$, :'org'),
	'KT422', null, 'TPL-4 MSG-82 a quick reply without words is refused');
select throws_ok(format($$insert into templates (organization_id, name, shortcut, components) values (%L, 'x', 'HI', '[{"type": "BODY", "text": "y"}]')$$, :'org'), '23505', null, 'a shortcut is one of its kind');
insert into files (organization_id, id, sha256, name, content_type, size) values (:'org', uuid7(), repeat('d', 64), 'x.svg', 'image/svg+xml', 3) returning id as svg \gset
select throws_ok(format($$update templates set image_file_id = %L where id = %L$$, :'svg', :'hi'), 'KT422', null, 'TPL-6 an image is a picture of a known kind');
select updated_at as before from templates where id = :'hi' \gset
select internal.template_used(:'hi');
select is((select uses || ' ' || (updated_at = :'before') from templates where id = :'hi'), '1 true', 'MSG-91 uses are counted, which is no change of the template');
insert into templates (organization_id, name, components) select :'org', n, jsonb_build_array(jsonb_build_object('type', 'BODY', 'text', 'Text ' || n)) from unnest('{Alpha,Beta}'::text[]) n;
insert into template_marks (organization_id, template_id, is_favourite) select :'org', id, true from templates where organization_id = :'org' and name = 'Beta';
select is(array(select name from app.quick_replies('', 10)), '{Beta,Greeting,Alpha}', 'MSG-80 favourites first, then what was used lately');
select is(array(select name from app.quick_replies('hi', 10)), '{Greeting}', 'MSG-78 by its shortcut');
select is(app.merge_values(pg_temp.i('Mia')) ->> 'first_name', 'Mia', 'MSG-79 variables of the contact');
select is(app.merge_values(pg_temp.i('Mia')) ->> 'order_number', '4711', 'MSG-79 custom fields by their keys');

select * from finish();
rollback;
