-- The data set of the inbox's figures: 1,000,000 conversations with 10,000,000
-- messages of 250,000 people in one tenant, one thread of 100,000; the same rows on
-- every machine: what looks random is arithmetic on the row's number.
--
--	psql -v org=UUID [-v part=20] -f t/bench/inbox_data.sql
--
-- With part, a twentieth of everything. Triggers are off: inserts are measured elsewhere.

\set ON_ERROR_STOP on
\if :{?part}
\else
\set part 1
\endif
set client_min_messages = warning;
set maintenance_work_mem = '512MB';
set synchronous_commit = off;
begin;
alter table public.contacts disable trigger user;
alter table public.conversations disable trigger user;
alter table public.messages disable trigger user;

create or replace function pg_temp.pick(i bigint, salt integer, n integer) returns integer
language sql immutable parallel safe
as $$ select (abs(hashint8(i * 7919 + salt * 104729)::bigint) % n)::integer $$;

insert into public.channel_accounts (organization_id, name, type)
	select :'org', 'Bench ' || t, t from unnest('{FB_MESSENGER,INSTAGRAM,TIKTOK,LINKEDIN,EMAIL}'::text[]) t
	where not exists (select from public.channel_accounts a where a.organization_id = :'org' and a.name = 'Bench ' || t);
create temp table ways as select a.id, row_number() over (order by a.created_at, a.id) - 1 as n, count(*) over () as total
	from public.channel_accounts a where a.organization_id = :'org';
create temp table team as select p.id, row_number() over (order by p.created_at, p.id) - 1 as n, count(*) over () as total
	from public.profiles p where p.organization_id = :'org';

create temp table people as
	select md5(:'org' || ' person ' || n)::uuid as id, n::bigint as n from generate_series(0, 250000 / :part - 1) n;
insert into public.contacts (organization_id, id, first_name, last_name, phones)
	select :'org', p.id, (array['Anna','Omar','Li','Maria','Jonas','Fatima','Ahmed','Sofia','Pierre','Hans'])[1 + pg_temp.pick(p.n, 1, 10)],
		(array['Anderson','Fischberg','Herrmann','Lopez','Petrov','Kowalski','Jensen','Bottelli'])[1 + pg_temp.pick(p.n, 2, 8)] || ' ' || p.n,
		array['+4916' || 100000000 + p.n]
	from people p on conflict do nothing;

-- One in ten is open, one in fifty unread, a tag of two hundred, ten assignees or nobody.
insert into public.conversations (organization_id, id, contact_id, channel_account_id, assignee_id, status, tags, is_important, unread_count,
		last_message_at, last_inbound_at, last_message_preview, last_message_direction, last_read_at, message_types, created_at, opened_at)
	select :'org', md5(:'org' || ' talk ' || g.n)::uuid, p.id, w.id, case when pg_temp.pick(g.n, 4, 5) > 0 then t.id end,
		case when pg_temp.pick(g.n, 5, 10) = 0 then 'OPEN' when pg_temp.pick(g.n, 5, 10) = 1 then 'RESOLVED' else 'CLOSED' end,
		case when pg_temp.pick(g.n, 6, 3) = 0 then array['topic ' || pg_temp.pick(g.n, 7, 200)] else '{}' end, pg_temp.pick(g.n, 8, 100) = 0,
		case when pg_temp.pick(g.n, 9, 50) = 0 then 1 + pg_temp.pick(g.n, 10, 5) else 0 end, at, at, 'Message ' || g.n,
		case when pg_temp.pick(g.n, 11, 2) = 0 then 'INBOUND' else 'OUTBOUND' end, at - interval '1 hour',
		case when pg_temp.pick(g.n, 12, 20) = 0 then '{image}'::text[] else '{}' end, at - interval '3 days', at - interval '3 days'
	from generate_series(0::bigint, 1000000 / :part - 1) g (n)
	cross join lateral (select now() - (g.n * 31 || ' seconds')::interval - (pg_temp.pick(g.n, 13, 3600) || ' seconds')::interval as at) x
	join people p on p.n = g.n % (250000 / :part)
	join ways w on w.n = (g.n / (250000 / :part) * 2 + pg_temp.pick(g.n, 3, 2)) % w.total
	join team t on t.n = pg_temp.pick(g.n, 14, t.total::integer)
	on conflict do nothing;

insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, created_at)
	select c.organization_id, c.id, c.contact_id, c.channel_account_id, case when k % 2 = 0 then 'INBOUND' else 'OUTBOUND' end,
		'Line ' || k || ' about ' || (array['delivery','invoice','return','price','colour','size','repair','meeting'])[1 + pg_temp.pick(hashtext(c.id::text), k, 8)],
		'DELIVERED', c.last_message_at - ((9 - k) * 7 || ' minutes')::interval
	from public.conversations c cross join generate_series(0, 9) k
	where c.organization_id = :'org' and c.last_message_preview like 'Message %';
insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, created_at)
	select c.organization_id, c.id, c.contact_id, c.channel_account_id, 'INBOUND', 'Deep ' || k, 'DELIVERED', c.last_message_at - interval '1 year' + k * interval '2 minutes'
	from public.conversations c cross join generate_series(1, 100000 / :part) k where c.organization_id = :'org' and c.id = md5(:'org' || ' talk 0')::uuid;
alter table public.contacts enable trigger user;
alter table public.conversations enable trigger user;
alter table public.messages enable trigger user;
commit;
-- What the worker's timer would have read; the index of words is built behind it, which takes a tenth of the time.
drop index internal.message_words_idx;
insert into internal.message_words (organization_id, message_id, conversation_id, created_at, words)
	select m.organization_id, m.id, m.conversation_id, m.created_at, internal.words_of(m.content)
	from public.messages m join public.conversations c on c.organization_id = m.organization_id and c.id = m.conversation_id
	where m.organization_id = :'org' and c.last_message_preview like 'Message %' on conflict do nothing;
insert into internal.message_vocabulary (organization_id, word)
	select distinct :'org'::uuid, l.word from (select m.words from internal.message_words m where m.organization_id = :'org' limit 100000) x,
		unnest(tsvector_to_array(x.words)) l (word) where length(l.word) between 3 and 40 on conflict do nothing;
create index message_words_idx on internal.message_words using gin (organization_id, words) with (fastupdate = on, gin_pending_list_limit = 8192);
vacuum analyze internal.message_words;
vacuum analyze public.conversations;
vacuum analyze public.messages;
vacuum analyze public.contacts;
