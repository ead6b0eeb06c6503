-- Search over all messages.
--
-- What is searched stands in a table of its own, which the worker fills in batches
-- (job.timers): a message costs one short row in a queue while it is written, and is found
-- a second later. Words lie there as they are (simple) and by their stems: German and
-- English, or Arabic where its letters are met. Parts of words and misspelt ones are looked
-- up among the tenant's words by trigrams, so that no trigrams of ten million messages
-- have to be kept.

create table internal.message_words (
	organization_id uuid not null,
	message_id uuid not null,
	conversation_id uuid not null,
	created_at timestamptz not null,
	words tsvector not null,
	primary key (organization_id, message_id),
	foreign key (organization_id, message_id) references public.messages (organization_id, id) on delete cascade
);
comment on table internal.message_words is 'The words of messages, for app.find_messages; a second behind';
create index message_words_idx on internal.message_words using gin (organization_id, words) with (fastupdate = on, gin_pending_list_limit = 8192);
create index message_words_time_idx on internal.message_words (organization_id, created_at desc, message_id desc);
create index message_words_talk_idx on internal.message_words (organization_id, conversation_id, created_at desc, message_id desc);

create table internal.message_vocabulary (
	organization_id uuid not null references public.organizations on delete cascade,
	word text not null,
	primary key (organization_id, word)
);
comment on table internal.message_vocabulary is 'Words that the tenant''s messages have or had, for parts of words and misspelt ones';
create index message_vocabulary_idx on internal.message_vocabulary using gin (organization_id, word gin_trgm_ops);

create table internal.message_unread_words (
	organization_id uuid not null,
	message_id uuid not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
comment on table internal.message_unread_words is 'Messages whose words are to be read into message_words; a queue, without an index';

do $$ declare t text; begin
	foreach t in array '{message_words,message_vocabulary,message_unread_words}'::text[] loop
		execute format('alter table internal.%I enable row level security', t);
		execute format('alter table internal.%I force row level security', t);
	end loop;
end $$;

create function internal.words_of(t text) returns tsvector
language sql immutable parallel safe
as $$
	select case when t ~ '[\u0600-\u06ff]' then to_tsvector('pg_catalog.simple', left(t, 8000)) || to_tsvector('pg_catalog.arabic', left(t, 8000))
		else to_tsvector('pg_catalog.simple', left(t, 8000)) || to_tsvector('pg_catalog.english', left(t, 8000))
			|| to_tsvector('pg_catalog.german', left(t, 8000)) end
$$;

create function internal.message_to_read() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.message_unread_words values (new.organization_id, new.id);
	return null;
end
$$;
create trigger words_insert after insert on public.messages
	for each row when (new.content is not null or new.transcript is not null) execute function internal.message_to_read();
create trigger words_update after update of content, transcript, created_at on public.messages
	for each row when ((new.content, new.transcript, new.created_at) is distinct from (old.content, old.transcript, old.created_at))
	execute function internal.message_to_read();

-- The names of files, when they are here.
create function internal.attachment_to_read() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.message_unread_words values (new.organization_id, new.message_id);
	return null;
end
$$;
create trigger words after insert or update of name on public.message_attachments
	for each row when (new.name is not null) execute function internal.attachment_to_read();

-- A batch. Several workers take different ones; what a crash undoes comes again.
create function internal.read_words(most integer) returns bigint
language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
	n bigint;
begin
	with taken as (
		delete from internal.message_unread_words u where u.ctid = any (array(
			select q.ctid from internal.message_unread_words q limit most for update skip locked))
		returning u.organization_id, u.message_id),
	found as materialized (
		select m.organization_id, m.id, m.conversation_id, m.created_at,
			internal.words_of(concat_ws(' ', m.content, m.transcript, (select string_agg(a.name, ' ') from public.message_attachments a
				where a.organization_id = m.organization_id and a.message_id = m.id))) as words
		from (select distinct t.organization_id, t.message_id from taken t) d
		join public.messages m on m.organization_id = d.organization_id and m.id = d.message_id),
	vocabulary as (
		insert into internal.message_vocabulary (organization_id, word)
		select distinct f.organization_id, l.word from found f, unnest(tsvector_to_array(f.words)) l (word)
		where length(l.word) between 3 and 40 and not exists (select from internal.message_vocabulary v
			where v.organization_id = f.organization_id and v.word = l.word)
		order by 1, 2
		on conflict do nothing)
	insert into internal.message_words as w (organization_id, message_id, conversation_id, created_at, words)
		select f.organization_id, f.id, f.conversation_id, f.created_at, f.words from found f
		order by f.organization_id, f.created_at
		on conflict (organization_id, message_id) do update set words = excluded.words, created_at = excluded.created_at,
			conversation_id = excluded.conversation_id;
	get diagnostics n = row_count;
	return n;
end
$$;
insert into job.timers (name, call, every) values ('message_words', 'internal.read_words(2000)', '1 second');

-- ---- what was typed ---------------------------------------------------------------------

-- Each word: as it is, as a beginning, by its stem, inside longer ones, and, when nothing
-- of that is a word of this tenant, what is spelt like it. All of the words must be met;
-- "in quotes" in this order, -not and or as on the web.
create function internal.message_query(typed text) returns tsquery
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	q tsquery;
	one text;
	this tsquery;
	near text[];
begin
	if typed ~ '["]|(^|\s)-\w|\mor\M' then
		return websearch_to_tsquery('pg_catalog.simple', typed) || websearch_to_tsquery('pg_catalog.english', typed)
			|| websearch_to_tsquery('pg_catalog.german', typed) || websearch_to_tsquery('pg_catalog.arabic', typed);
	end if;
	for one in select distinct l from unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', left(typed, 300)))) l limit 12 loop
		this := to_tsquery('pg_catalog.simple', quote_literal(one) || ':*') || plainto_tsquery('pg_catalog.english', one)
			|| plainto_tsquery('pg_catalog.german', one) || plainto_tsquery('pg_catalog.arabic', one);
		if length(one) >= 3 then
			near := array(select v.word from internal.message_vocabulary v where v.organization_id = org
				and v.word like '%' || replace(replace(replace(one, '\', '\\'), '%', '\%'), '_', '\_') || '%' limit 40);
			if cardinality(near) = 0 and length(one) >= 4 then
				near := array(select v.word from (select w.word from internal.message_vocabulary w where w.organization_id = org
						and w.word operator(public.%) one limit 200) v
					order by public.similarity(v.word, one) desc limit 8);
			end if;
			if cardinality(near) > 0 then
				this := this || (select string_agg(quote_literal(x), ' | ') from unnest(near) x)::tsquery;
			end if;
		end if;
		q := case when q is null then this else q && this end;
	end loop;
	return q;
end
$$;

-- The newest messages with these words, as far as the caller sees their conversations.
-- What many messages have is met by walking back from the newest; what was not met
-- often enough among the newest 20,000 is rare: the older ones are fetched by the index
-- of words and sorted.
create function app.find_messages(typed text, from_day date, to_day date, channel uuid, contact uuid, talk uuid,
	before_at timestamptz, before_id uuid, most integer)
	returns table (id uuid, conversation_id uuid, created_at timestamptz)
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
	set enable_seqscan = off set jit = off
as $$
declare
	org uuid := auth.org();
	zone text := app.zone();
	q tsquery := internal.message_query(typed);
	since timestamptz := coalesce(from_day::timestamp at time zone zone, '-infinity');
	at timestamptz := least(coalesce((to_day + 1)::timestamp at time zone zone, 'infinity'), before_at);
	last uuid := case when at = before_at then before_id else '00000000-0000-0000-0000-000000000000' end;
	all_mine boolean := auth.sees_all('conversations');
	every_talk boolean := all_mine or auth.may('can_see_all_conversations');
	team uuid[] := case when not every_talk then auth.team_ids() end;
	channels uuid[] := case when not all_mine then auth.channel_ids() end;
	walked integer := case when talk is null then 20000 else 0 end;
	n integer;
begin
	if not auth.may('can_read_messages') or q is null or numnode(q) = 0 then
		return;
	end if;
	if walked > 0 then
		return query select w.message_id, w.conversation_id, w.created_at
			from (select x.message_id, x.conversation_id, x.created_at, x.words from internal.message_words x
				where x.organization_id = org and x.created_at >= since and (x.created_at, x.message_id) < (at, last)
				order by x.created_at desc, x.message_id desc limit walked) w
			join public.conversations c on c.organization_id = org and c.id = w.conversation_id
			where w.words @@ q and (channel is null or c.channel_account_id = channel) and (contact is null or c.contact_id = contact)
				and (every_talk or c.assignee_id = any (team))
				and (channels is null or c.channel_account_id is null or c.channel_account_id = any (channels))
			order by w.created_at desc, w.message_id desc limit most;
		get diagnostics n = row_count;
		if n = most then
			return;
		end if;
		most := most - n;
		select x.created_at, x.message_id into at, last from internal.message_words x
			where x.organization_id = org and x.created_at >= since and (x.created_at, x.message_id) < (at, last)
			order by x.created_at desc, x.message_id desc offset walked - 1 limit 1;
		if at is null then
			return;
		end if;
	end if;
	return query
		with hits as materialized (select w.message_id, w.conversation_id as talk_id, w.created_at as sent from internal.message_words w
			where w.organization_id = org and w.words @@ q and (talk is null or w.conversation_id = talk))
		select h.message_id, h.talk_id, h.sent from hits h
		join public.conversations c on c.organization_id = org and c.id = h.talk_id
		where h.sent >= since and (h.sent, h.message_id) < (at, last)
			and (channel is null or c.channel_account_id = channel) and (contact is null or c.contact_id = contact)
			and (every_talk or c.assignee_id = any (team))
			and (channels is null or c.channel_account_id is null or c.channel_account_id = any (channels))
		order by h.sent desc, h.message_id desc limit most;
end
$$;

-- A text cut around the first match, in pieces: [{"text", "hit"}].
create function app.message_pieces(content text, q tsquery) returns json
language sql stable
as $$
	select coalesce(json_agg(json_build_object('text', p.text, 'hit', p.n % 2 = 0) order by p.n), '[]')
	from regexp_split_to_table(ts_headline('pg_catalog.simple', replace(replace(left(content, 4000), e'\x01', ''), e'\x02', ''),
			q,
			e'StartSel="\x01", StopSel="\x02", MaxWords=30, MinWords=12, MaxFragments=2, FragmentDelimiter=" … "'), e'[\x01\x02]')
		with ordinality p (text, n)
	where p.text <> ''
$$;

-- One page of the list of results, under the policies of messages.
create function app.message_hits(typed text, from_day date, to_day date, channel uuid, contact uuid,
	before_at timestamptz, before_id uuid, most integer)
	returns table (id uuid, conversation_id uuid, name text, initials text, tone integer, channel text, icon text, outbound boolean,
		author text, pieces json, "time" text, at timestamptz, cursor text)
language sql stable
as $$
	select m.id, m.conversation_id, r.name, r.initials, r.tone, r.channel, r.icon, m.direction = 'OUTBOUND',
		case when m.direction = 'OUTBOUND' then coalesce(m.metadata ->> 'sender_name', (select app.person(p.first_name, p.last_name, null, array[p.email])
			from public.profiles p where p.organization_id = m.organization_id and p.id = m.sender_id)) end,
		app.message_pieces(concat_ws(' ', m.content, m.transcript, (select string_agg(a.name, ' ') from public.message_attachments a
			where a.organization_id = m.organization_id and a.message_id = m.id)), z.q),
		internal.shown_time(f.created_at, z.name), f.created_at, f.created_at::text || '_' || m.id
	from (select app.zone() as name, internal.message_query(typed) as q offset 0) z,
		app.find_messages(typed, from_day, to_day, channel, contact, null, before_at, before_id, most) f
	join public.messages m on m.id = f.id and m.organization_id = auth.org()
	join app.conversation_rows r on r.id = f.conversation_id and r.organization_id = auth.org()
	order by f.created_at desc, f.id desc
$$;

-- What is there already.
insert into internal.message_unread_words select m.organization_id, m.id from public.messages m
	where m.content is not null or exists (select from public.message_attachments a
		where a.organization_id = m.organization_id and a.message_id = m.id and a.name is not null);

grant execute on function internal.words_of(text), internal.message_query(text),
	app.find_messages(text, date, date, uuid, uuid, uuid, timestamptz, uuid, integer), app.message_pieces(text, tsquery),
	app.message_hits(text, date, date, uuid, uuid, timestamptz, uuid, integer) to authenticated;
notify pgrst;
