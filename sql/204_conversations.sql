-- The list of conversations: filters and orders that hold at a million of them,
-- snoozing, merging what one person wrote on several channels, changes of many.

-- ---- what a conversation knows of itself ---------------------------------------------

alter table public.conversations
	add column message_types text[] not null default '{}',
	add column merged_into_id uuid,
	add constraint conversations_merged_into_id_fkey foreign key (organization_id, merged_into_id)
		references public.conversations (organization_id, id) on delete set null (merged_into_id);
comment on column public.conversations.message_types is 'Types of messages in it beside text: image, audio, document ...';
comment on column public.conversations.merged_into_id is 'The conversation that its messages went to, and later ones go to (INB-77)';
comment on column public.conversations.snoozed_until is 'Hidden from the list until then, or until the customer writes (INB-47)';
comment on column public.conversations.unread_count is 'Inbound messages since somebody of the team looked; setting it to 0 reads it';

create index conversations_open_idx on public.conversations (organization_id, last_message_at desc nulls last, id desc)
	where status in ('OPEN', 'PENDING') and snoozed_until is null and merged_into_id is null;
create index conversations_channel_idx on public.conversations (organization_id, channel_account_id, last_message_at desc nulls last, id desc);
create index conversations_snoozed_idx on public.conversations (snoozed_until) where snoozed_until is not null;
create index conversations_comments_idx on public.conversations (organization_id, last_message_at desc nulls last, id desc)
	where metadata ? 'is_comment_thread';
create index conversations_words_idx on public.conversations using gin (tags, message_types)
	where tags <> '{}' or message_types <> '{}';
create index conversations_merged_idx on public.conversations (organization_id, merged_into_id) where merged_into_id is not null;

-- A type that the conversation has not seen yet; rare, so that most messages cost nothing.
create function internal.message_type_new() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	update public.conversations c set message_types = c.message_types || new.message_type
		where c.organization_id = new.organization_id and c.id = new.conversation_id and not new.message_type = any (c.message_types);
	return null;
end
$$;
create trigger z_types after insert on public.messages
	for each row when (new.message_type <> 'text') execute function internal.message_type_new();
update public.conversations c set message_types = x.types
	from (select m.organization_id, m.conversation_id, array_agg(distinct m.message_type) as types from public.messages m
		where m.message_type <> 'text' group by 1, 2) x
	where c.organization_id = x.organization_id and c.id = x.conversation_id;

-- Read by a change of many, by a page or by the API: the time follows. Whoever
-- closes or is asked to wait ends the snooze.
create function internal.conversation_settle() returns trigger
language plpgsql
as $$
begin
	if new.unread_count <= 0 and old.unread_count > 0 and new.last_read_at is not distinct from old.last_read_at then
		new.last_read_at := now();
	end if;
	if new.snoozed_until is not null and new.snoozed_until is distinct from old.snoozed_until then
		if new.snoozed_until <= now() then
			raise exception using errcode = 'KT400', message = 'The time to wake up lies in the past', column = 'snoozed_until';
		elsif new.status in ('RESOLVED', 'CLOSED') then
			raise exception using errcode = 'KT409', message = 'A closed conversation cannot be snoozed', column = 'snoozed_until';
		end if;
	elsif new.snoozed_until is not null and new.status in ('RESOLVED', 'CLOSED') then
		new.snoozed_until := null;
	end if;
	return new;
end
$$;
create trigger b_settle before update of unread_count, last_read_at, snoozed_until, status on public.conversations
	for each row execute function internal.conversation_settle();

-- Other open pages follow what the list shows of it.
drop trigger live_update on public.conversations;
create trigger live_update after update of unread_count, is_important, tags, snoozed_until, merged_into_id, ai_agent_active on public.conversations
	for each row when ((new.unread_count = 0) <> (old.unread_count = 0) and (old.unread_count > 0 or new.last_message_at is not distinct from old.last_message_at)
		or new.is_important <> old.is_important or new.tags <> old.tags or new.snoozed_until is distinct from old.snoozed_until
		or new.merged_into_id is distinct from old.merged_into_id or new.ai_agent_active <> old.ai_agent_active)
	execute function internal.conversation_live();

-- INB-4: as one of the team left it, the others see it again.
create function public.conversation_unread(talk uuid) returns void
language sql
as $$
	update public.conversations set unread_count = greatest(unread_count, 1)
	where organization_id = auth.org() and id = talk
$$;
comment on function public.conversation_unread(uuid) is 'Marks a conversation as unread again';
grant execute on function public.conversation_unread(uuid) to authenticated;

-- ---- waking up --------------------------------------------------------------------------

create function internal.conversations_wake(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	c record;
	n bigint := 0;
begin
	for c in select t.organization_id, t.id, t.assignee_id, t.contact_id from public.conversations t
			where t.snoozed_until <= now() order by t.snoozed_until limit most for update skip locked loop
		update public.conversations t set snoozed_until = null, unread_count = greatest(t.unread_count, 1)
			where t.organization_id = c.organization_id and t.id = c.id;
		perform internal.notify(c.organization_id, c.assignee_id, 'conversation.woke', 'conversation', c.id,
			jsonb_build_object('title', (select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
				where k.organization_id = c.organization_id and k.id = c.contact_id)));
		n := n + 1;
	end loop;
	return n;
end
$$;
comment on function internal.conversations_wake(integer) is 'Conversations whose snooze is over come back to the list and to who is responsible (INB-47)';
revoke execute on function internal.conversations_wake(integer) from public;
insert into job.timers (name, call, every) values ('snooze', 'internal.conversations_wake(500)', '1 second');

-- ---- merging (INB-77) ---------------------------------------------------------------------

alter table public.messages add column merged_from_id uuid;
comment on column public.messages.merged_from_id is 'The conversation that it was written in, when that was merged into another';
create index messages_merged_idx on public.messages (organization_id, merged_from_id) where merged_from_id is not null;
alter table public.notes add column merged_from_id uuid;
comment on column public.notes.merged_from_id is 'The conversation that it was written in, when that was merged into another';

-- What comes for a merged conversation goes where its messages went.
create function internal.message_merged() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	target uuid;
begin
	select c.merged_into_id into target from public.conversations c
		where c.organization_id = new.organization_id and c.id = new.conversation_id and c.merged_into_id is not null;
	if target is not null then
		new.merged_from_id := new.conversation_id;
		new.conversation_id := target;
		-- The answer goes where the customer is now.
		if upper(new.direction) in ('INBOUND', 'INCOMING') and new.channel_account_id is not null then
			update public.conversations c set response_channel_id = new.channel_account_id
				where c.organization_id = new.organization_id and c.id = target and c.response_channel_id is distinct from new.channel_account_id;
		end if;
	end if;
	return new;
end
$$;
create trigger a_merged before insert on public.messages for each row execute function internal.message_merged();

-- Counters of a conversation out of its messages, after they were moved.
create function internal.conversation_recount(org uuid, talk uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform set_config('kontor.moving', 'on', true); -- no answer to the customer, no reason to notify
	update public.conversations c set last_message_at = m.created_at, last_message_preview = m.preview, last_message_direction = m.direction,
			last_inbound_at = (select x.created_at from public.messages x where x.organization_id = org and x.conversation_id = talk
				and x.direction = 'INBOUND' order by x.created_at desc, x.id desc limit 1)
		from (select 1) one left join lateral (select x.created_at, x.direction, left(coalesce(nullif(x.content, ''), '[' || x.message_type || ']'), 200) as preview
			from public.messages x where x.organization_id = org and x.conversation_id = talk order by x.created_at desc, x.id desc limit 1) m on true
		where c.organization_id = org and c.id = talk;
	perform set_config('kontor.moving', '', true);
end
$$;
revoke execute on function internal.conversation_recount(uuid, uuid) from public;

create table public.conversation_merges (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kept_id uuid not null,
	merged_id uuid not null,
	user_id uuid default auth.uid(),
	before jsonb not null default '{}', -- of the merged one: status, unread_count
	undone_at timestamptz,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint conversation_merges_kept_id_fkey foreign key (organization_id, kept_id)
		references public.conversations (organization_id, id) on delete cascade,
	constraint conversation_merges_merged_id_fkey foreign key (organization_id, merged_id)
		references public.conversations (organization_id, id) on delete cascade
);
comment on table public.conversation_merges is 'Conversations of one person that were put together, so that it can be taken back';
create unique index conversation_merges_merged_key on public.conversation_merges (organization_id, merged_id) where undone_at is null;
create index conversation_merges_kept_idx on public.conversation_merges (organization_id, kept_id);
do $$ begin perform internal.tenant_table('public.conversation_merges', writable => false); end $$;
create policy visible on public.conversation_merges as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('conversation', kept_id));

create function internal.merge_moved(org uuid, source uuid, target uuid, back boolean) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if back then -- what was written since on that channel goes along
		update public.messages m set conversation_id = source, merged_from_id = null
			where m.organization_id = org and m.merged_from_id = source and m.conversation_id = target;
		update public.notes n set conversation_id = source, merged_from_id = null
			where n.organization_id = org and n.merged_from_id = source and n.conversation_id = target;
	else
		update public.messages m set conversation_id = target, merged_from_id = coalesce(m.merged_from_id, source)
			where m.organization_id = org and m.conversation_id = source;
		update public.notes n set conversation_id = target, merged_from_id = coalesce(n.merged_from_id, source)
			where n.organization_id = org and n.conversation_id = source;
	end if;
end
$$;
revoke execute on function internal.merge_moved(uuid, uuid, uuid, boolean) from public;

-- The other conversations become part of `kept`. Ids of the merges, for the way back.
create function public.merge_conversations(kept uuid, others uuid[]) returns uuid[]
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	target public.conversations;
	c public.conversations;
	made uuid[] := '{}';
	one uuid;
begin
	select * into target from public.conversations x where x.organization_id = org and x.id = kept and x.merged_into_id is null for update;
	if target.id is null or not auth.may('can_see_assigned_conversations') or not internal.sees_talk(kept) then
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	end if;
	for c in select * from public.conversations x where x.organization_id = org and x.id = any (others) and x.id <> kept
			order by x.id for update loop
		if not internal.sees_talk(c.id) then
			raise exception using errcode = 'KT404', message = 'This conversation does not exist';
		elsif c.contact_id <> target.contact_id then
			raise exception using errcode = 'KT409', message = 'These are conversations of different people',
				hint = 'Merge the two contacts first', column = 'others';
		elsif c.merged_into_id is not null then
			raise exception using errcode = 'KT409', message = 'One of them is merged already', column = 'others';
		elsif c.metadata ? 'is_comment_thread' or target.metadata ? 'is_comment_thread' then
			raise exception using errcode = 'KT409', message = 'Threads of comments stay by themselves', column = 'others';
		end if;
		perform internal.merge_moved(org, c.id, kept, false);
		update public.conversations x set merged_into_id = kept, status = 'CLOSED', unread_count = 0, snoozed_until = null
			where x.organization_id = org and x.id = c.id;
		-- Chains stay short: what was merged into it belongs to the new one.
		update public.conversations x set merged_into_id = kept where x.organization_id = org and x.merged_into_id = c.id;
		update public.conversations x set unread_count = x.unread_count + c.unread_count, tags = array(select distinct t from unnest(x.tags || c.tags) t order by t),
				message_types = array(select distinct t from unnest(x.message_types || c.message_types) t order by t),
				is_important = x.is_important or c.is_important, assignee_id = coalesce(x.assignee_id, c.assignee_id),
				response_channel_id = case when c.last_inbound_at > x.last_inbound_at then c.channel_account_id else x.response_channel_id end,
				status = case when c.status in ('OPEN', 'PENDING') and x.status in ('RESOLVED', 'CLOSED') then 'OPEN' else x.status end
			where x.organization_id = org and x.id = kept;
		insert into public.conversation_merges (organization_id, kept_id, merged_id, before)
			values (org, kept, c.id, jsonb_build_object('status', c.status, 'unread_count', c.unread_count))
			returning id into one;
		made := made || one;
		perform internal.conversation_recount(org, c.id);
	end loop;
	if made = '{}' then
		raise exception using errcode = 'KT404', message = 'Choose another conversation of this person', column = 'others';
	end if;
	perform internal.conversation_recount(org, kept);
	return made;
end
$$;
comment on function public.merge_conversations(uuid, uuid[]) is 'Puts conversations of one person on several channels into one (INB-77)';

create function internal.sees_talk(talk uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from public.conversations c where c.organization_id = auth.org() and c.id = talk
		and (auth.sees_all('conversations') or (auth.may('can_see_all_conversations') or c.assignee_id = any (auth.team_ids()))
			and (auth.channel_ids() is null or c.channel_account_id is null or c.channel_account_id = any (auth.channel_ids()))))
$$;
comment on function internal.sees_talk(uuid) is 'The policies of conversations, for what runs with its owner''s rights';

create function public.unmerge_conversations(merges uuid[]) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	m public.conversation_merges;
	n integer := 0;
begin
	for m in select * from public.conversation_merges x where x.organization_id = org and x.id = any (merges) and x.undone_at is null
			order by x.id desc for update loop
		if not auth.may('can_see_assigned_conversations') or not internal.sees_talk(m.kept_id) then
			raise exception using errcode = 'KT404', message = 'This conversation does not exist';
		end if;
		perform internal.merge_moved(org, m.merged_id, m.kept_id, true);
		update public.conversation_merges x set undone_at = now() where x.organization_id = org and x.id = m.id;
		update public.conversations x set merged_into_id = null, status = m.before ->> 'status', unread_count = (m.before ->> 'unread_count')::integer
			where x.organization_id = org and x.id = m.merged_id;
		update public.conversations x set unread_count = greatest(0, x.unread_count - (m.before ->> 'unread_count')::integer),
				response_channel_id = nullif(x.response_channel_id, (select y.channel_account_id from public.conversations y
					where y.organization_id = org and y.id = m.merged_id))
			where x.organization_id = org and x.id = m.kept_id;
		perform internal.conversation_recount(org, m.merged_id);
		perform internal.conversation_recount(org, m.kept_id);
		n := n + 1;
	end loop;
	return n;
end
$$;
comment on function public.unmerge_conversations(uuid[]) is 'Takes merges of conversations back, with what came since on those channels';
grant execute on function public.merge_conversations(uuid, uuid[]), public.unmerge_conversations(uuid[]), internal.sees_talk(uuid) to authenticated;

-- ---- rows of the list ----------------------------------------------------------------------

create or replace view app.conversation_rows with (security_invoker = true) as
	select c.organization_id, c.id, c.contact_id, c.channel_account_id, c.status, c.status in ('OPEN', 'PENDING') as is_open,
		c.is_important, c.unread_count, c.last_message_at, c.last_message_preview as preview,
		c.last_message_direction = 'OUTBOUND' as outbound, c.last_inbound_at, c.tags, c.assignee_id,
		c.metadata ? 'is_comment_thread' as is_comment,
		app.person(p.first_name, p.last_name, null, array[p.email]) as assignee,
		app.person(k.first_name, k.last_name, k.phones, k.emails) as name,
		app.initials(app.person(k.first_name, k.last_name, null, null)) as initials, app.tone(c.contact_id) as tone,
		k.search_text, a.type as channel_type, a.name as channel_name, coalesce(app.channel_label(a.type), 'No channel') as channel,
		app.channel_icon(a.type) as icon,
		c.snoozed_until, c.sla_deadline, c.merged_into_id, c.ai_agent_active, c.created_at, c.response_channel_id, c.last_read_at
	from public.conversations c
	join public.contacts k on k.organization_id = c.organization_id and k.id = c.contact_id
	left join public.channel_accounts a on a.organization_id = c.organization_id and a.id = c.channel_account_id
	left join public.profiles p on p.organization_id = c.organization_id and p.id = c.assignee_id;

create or replace function app.channel_icon(type text) returns text
language sql immutable parallel safe
as $$
	select case type when 'WHATSAPP_CLOUD' then 'brand-whatsapp' when 'WHATSAPP_LITE' then 'brand-whatsapp'
		when 'TELEGRAM' then 'brand-telegram' when 'FB_MESSENGER' then 'brand-messenger'
		when 'INSTAGRAM' then 'brand-instagram' when 'TIKTOK' then 'brand-tiktok' when 'LINKEDIN' then 'brand-linkedin'
		when 'SHOPIFY_INBOX' then 'shopping-bag' when 'EMAIL' then 'mail' when 'BULK_EMAIL' then 'mail' when 'BULK_EMAIL_SES' then 'mail'
		when 'WEB_CHAT' then 'message-circle' else 'message' end
$$;

-- ---- finding ------------------------------------------------------------------------------------

-- ask: {status: [..], channels: [types], accounts: [ids], assignee: "me" | "none" | id, tags: [..] (all of them),
-- type: of a message, "comment" or "dm"; unread, important: bool; snoozed: "only" | "any"; overdue: true;
-- from, to: dates of the last message; q: words; ids: an array of them as text}
create function internal.talks_where(ask jsonb) returns text
language plpgsql stable
as $$
declare
	w text := format('t.organization_id = %L and t.merged_into_id is null', auth.org());
	words text[];
	ids uuid[];
begin
	if ask ? 'ids' then
		w := w || format(' and t.id = any (%L::uuid[])', ask ->> 'ids');
	end if;
	if ask ? 'status' then
		words := array(select upper(x) from jsonb_array_elements_text(ask -> 'status') x);
		w := w || case when words = '{OPEN,PENDING}' then ' and t.status in (''OPEN'', ''PENDING'')'
			when cardinality(words) = 1 then format(' and t.status = %L', words[1]) else format(' and t.status = any (%L::text[])', words) end;
	end if;
	if ask ? 'channels' or ask ? 'accounts' then
		ids := array(select a.id from public.channel_accounts a where a.organization_id = auth.org()
			and (a.type in (select x from jsonb_array_elements_text(ask -> 'channels') x)
				or a.id::text in (select x from jsonb_array_elements_text(ask -> 'accounts') x)));
		w := w || case when cardinality(ids) = 1 then format(' and t.channel_account_id = %L', ids[1])
			else format(' and t.channel_account_id = any (%L::uuid[])', ids) end;
	end if;
	if ask ? 'assignee' then
		w := w || case ask ->> 'assignee' when 'none' then ' and t.assignee_id is null'
			when 'me' then format(' and t.assignee_id = %L', auth.uid()) else format(' and t.assignee_id = %L', (ask ->> 'assignee')::uuid) end;
	end if;
	if ask ? 'tags' then
		w := w || format(' and t.tags @> %L::text[] and (t.tags <> ''{}'' or t.message_types <> ''{}'')',
			array(select x from jsonb_array_elements_text(ask -> 'tags') x));
	end if;
	w := w || case when ask ->> 'type' is null then ''
		when ask ->> 'type' = 'comment' then ' and t.metadata ? ''is_comment_thread'''
		when ask ->> 'type' = 'dm' then ' and not t.metadata ? ''is_comment_thread'''
		when ask ->> 'type' = 'text' then ' and t.message_types = ''{}'''
		else format(' and t.message_types @> array[%L] and (t.tags <> ''{}'' or t.message_types <> ''{}'')', ask ->> 'type') end;
	w := w || case ask ->> 'unread' when 'true' then ' and t.unread_count > 0' when 'false' then ' and t.unread_count = 0' else '' end;
	w := w || case when (ask ->> 'important')::boolean then ' and t.is_important' else '' end;
	w := w || case coalesce(ask ->> 'snoozed', '') when 'only' then ' and t.snoozed_until is not null' when 'any' then ''
		else ' and t.snoozed_until is null' end;
	w := w || case when (ask ->> 'overdue')::boolean then ' and t.sla_deadline < now()' else '' end;
	if ask ? 'from' then
		w := w || format(' and t.last_message_at >= (%L::date::timestamp at time zone %L)', (ask ->> 'from')::date, internal.my_zone());
	end if;
	if ask ? 'to' then
		w := w || format(' and t.last_message_at < ((%L::date + 1)::timestamp at time zone %L)', (ask ->> 'to')::date, internal.my_zone());
	end if;
	if coalesce(ask ->> 'q', '') <> '' then
		w := w || format(' and t.contact_id = any (%L::uuid[])', array(select k.id from public.contacts k
			where k.organization_id = auth.org() and k.search_text like internal.search_pattern(ask ->> 'q') limit 500));
	end if;
	return w;
exception when invalid_text_representation or invalid_datetime_format or datetime_field_overflow then
	raise exception using errcode = 'KT400', message = 'A filter of the list has a value that cannot be read';
end
$$;

-- Some along the order of one index: the first `most` that fit, out of as many
-- rows as are worth looking at one by one; when they are not among those, the
-- filters' own indexes find all, and what they find is sorted.
create function internal.talks_leg(scope text, lead text, edge text, most integer) returns uuid[]
language plpgsql stable
as $$
declare
	walked constant integer := 3000;
	found constant integer := 8000;
	seen integer;
	ids uuid[];
begin
	execute format($q$
		with w as materialized (select t.id, t.last_message_at, (%s) as hit from public.conversations t
			where t.organization_id = %L and %s and %s order by t.last_message_at desc nulls last, t.id desc limit %s)
		select (select count(*) from w), array(select w.id from w where w.hit order by w.last_message_at desc nulls last, w.id desc limit %s)$q$,
		scope, auth.org(), lead, edge, walked, most) into seen, ids;
	if cardinality(ids) >= most or seen < walked then
		return ids;
	end if;
	execute format('select array(select t.id from public.conversations t where %s and %s limit %s)', scope, edge, found + 1) into ids;
	if cardinality(ids) <= found then
		execute format('select array(select t.id from public.conversations t where t.organization_id = %L and t.id = any ($1)
			order by t.last_message_at desc nulls last, t.id desc limit %s)', auth.org(), most) into ids using ids;
	else
		execute format('select array(select t.id from public.conversations t where %s and %s
			order by t.last_message_at desc nulls last, t.id desc limit %s)', scope, edge, most) into ids;
	end if;
	return ids;
end
$$;

create type internal.talk_hit as (id uuid, leg integer);

-- A page: ask as above with sort: "recent" (default), "oldest"... unread, mine,
-- unassigned first (INB-4); after: {leg, at, id}.
create function internal.talks_find(ask jsonb, most integer) returns setof internal.talk_hit
language plpgsql stable
as $$
declare
	scope text := internal.talks_where(ask);
	lead text := case
		when ask ? 'assignee' then substring(scope from 't\.assignee_id (?:is null|= ''[0-9a-f-]+'')')
		when ask ->> 'unread' = 'true' then 't.unread_count > 0'
		when (ask ->> 'important')::boolean then 't.is_important'
		when ask ->> 'type' = 'comment' then 't.metadata ? ''is_comment_thread'''
		when scope like '%t.channel_account_id = ''%' then substring(scope from 't\.channel_account_id = ''[0-9a-f-]+''')
		when scope like '%t.status in (''OPEN'', ''PENDING'')%' and scope like '%t.snoozed_until is null%'
			then 't.status in (''OPEN'', ''PENDING'') and t.snoozed_until is null and t.merged_into_id is null'
		when scope like '%t.status = ''%' then substring(scope from 't\.status = ''[A-Z]+''') end;
	days text := coalesce(substring(scope from 't\.last_message_at >= \([^)]*\)'), 'true') || ' and '
		|| coalesce(substring(scope from 't\.last_message_at < \(\([^)]*\)[^)]*\)'), 'true');
	first text := case ask ->> 'sort' when 'unread' then 't.unread_count > 0' when 'mine' then format('t.assignee_id is not distinct from %L', auth.uid())
		when 'unassigned' then 't.assignee_id is null' end;
	legs text[] := case when first is null then array['t.last_message_at is not null', 't.last_message_at is null']
		else array[first || ' and t.last_message_at is not null', 'not (' || first || ') and t.last_message_at is not null', 't.last_message_at is null'] end;
	after jsonb := ask -> 'after';
	edge text;
	ids uuid[];
	one uuid;
	left_ integer := most;
begin
	for leg in coalesce((after ->> 'leg')::integer, 1) .. cardinality(legs) loop
		edge := case when leg < cardinality(legs) then days else 'true' end;
		if leg = (after ->> 'leg')::integer then
			edge := case when after ->> 'at' is null then format('t.id < %L::uuid', after ->> 'id')
				else format('(t.last_message_at, t.id) < (%L::timestamptz, %L::uuid) and %s', after ->> 'at', after ->> 'id', days) end;
		end if;
		ids := internal.talks_leg(scope || ' and ' || legs[leg],
			case when lead is null and leg = 1 and first is not null and first not like '%distinct%' then first else coalesce(lead, 'true') end
				|| case when leg = cardinality(legs) then ' and t.last_message_at is null' else ' and t.last_message_at is not null' end, edge, left_);
		foreach one in array ids loop
			return next row(one, leg)::internal.talk_hit;
		end loop;
		left_ := left_ - cardinality(ids);
		exit when left_ <= 0;
	end loop;
end
$$;

create function internal.talks_find_all(ask jsonb, most integer) returns setof internal.talk_hit
language plpgsql stable security definer set search_path = ''
as $$
begin
	if auth.org() is not null and auth.sees_all('conversations') then
		return query select * from internal.talks_find(ask, most);
	end if;
end
$$;
alter function internal.talks_leg(text, text, text, integer) set enable_seqscan = off;

create function internal.talks_page(ask jsonb, most integer) returns setof internal.talk_hit
language plpgsql stable rows 50
as $$
begin
	if auth.sees_all('conversations') then
		return query select * from internal.talks_find_all(ask, most);
	else
		return query select * from internal.talks_find(ask, most);
	end if;
end
$$;
comment on function internal.talks_page(jsonb, integer) is
	'Ids of one page of the list of conversations; read the rows themselves under the policies';

-- How many there are, up to a number (INB-26).
create function internal.talks_counted(ask jsonb, most integer) returns integer
language plpgsql stable
as $$
declare
	n integer;
begin
	execute format('select count(*) from (select from public.conversations t where %s limit %s) x', internal.talks_where(ask), most + 1) into n;
	return n;
end
$$;
create function internal.talks_counted_all(ask jsonb, most integer) returns integer
language plpgsql stable security definer set search_path = ''
as $$
begin
	return case when auth.org() is not null and auth.sees_all('conversations') then internal.talks_counted(ask, most) end;
end
$$;
create function internal.talks_count(ask jsonb, most integer) returns integer
language plpgsql stable
as $$
begin
	return case when auth.sees_all('conversations') then internal.talks_counted_all(ask, most) else internal.talks_counted(ask, most) end;
end
$$;
alter function internal.talks_counted(jsonb, integer) set enable_seqscan = off;

-- All that fit, for changes of many.
create function internal.talks_fitting(ask jsonb, most integer) returns uuid[]
language plpgsql stable
as $$
declare
	ids uuid[];
begin
	execute format('select array(select t.id from public.conversations t where %s limit %s)', internal.talks_where(ask), most) into ids;
	return ids;
end
$$;
grant execute on function internal.talks_where(jsonb), internal.talks_leg(text, text, text, integer), internal.talks_find(jsonb, integer),
	internal.talks_find_all(jsonb, integer), internal.talks_page(jsonb, integer), internal.talks_counted(jsonb, integer),
	internal.talks_counted_all(jsonb, integer), internal.talks_count(jsonb, integer), internal.talks_fitting(jsonb, integer) to authenticated, service_role;

-- ---- the thread: what comes behind a place, and around one -----------------------------------

create function app.thread_after(talk uuid, after_at timestamptz, after_id uuid, most integer default 50) returns setof uuid
language sql stable
as $$
	select k.id from (
		(select m.created_at, m.id from public.messages m
			where m.conversation_id = talk and (m.created_at, m.id) > (after_at, after_id) order by m.created_at, m.id limit most)
		union all
		(select n.created_at, n.id from public.notes n
			where n.conversation_id = talk and (n.created_at, n.id) > (after_at, after_id) order by n.created_at, n.id limit most)
		order by 1, 2 limit most) k
$$;
create function app.thread_around(talk uuid, item uuid) returns setof uuid
language sql stable
as $$
	with at as (select m.created_at, m.id from public.messages m where m.id = item and m.conversation_id = talk
		union all select n.created_at, n.id from public.notes n where n.id = item and n.conversation_id = talk)
	select at.id from at
	union all select app.thread_page(talk, at.created_at, at.id) from at
	union all select app.thread_after(talk, at.created_at, at.id, 25) from at
$$;
grant execute on function app.thread_after(uuid, timestamptz, uuid, integer), app.thread_around(uuid, uuid) to authenticated;

-- ---- changes of many (INB-37..40) -----------------------------------------------------------------

insert into internal.record_kinds (kind, tbl, entity, sees, search) values
	('conversations', 'conversations', 'conversation', 'conversations',
		$s$(t.contact_id = any (array(select k.id from public.contacts k where k.organization_id = t.organization_id
			and k.search_text like %1$L and %2$L is not null limit 500)))$s$);
insert into internal.record_expressions (kind, key, expression, type) values
	('conversations', 'channel_type', '(select a.type from public.channel_accounts a where a.organization_id = t.organization_id and a.id = t.channel_account_id)', 'text'),
	('conversations', 'is_comment', '(t.metadata ? ''is_comment_thread'')', 'boolean');

alter table public.bulk_changes drop constraint bulk_changes_action_check;
alter table public.bulk_changes add constraint bulk_changes_action_check
	check (action in ('set', 'add_tags', 'remove_tags', 'delete', 'share'));
comment on column public.bulk_changes.vals is 'What is set; of share: the members among whom the records are divided in turn';
alter table public.bulk_rows add column n integer not null default 0;
comment on column public.bulk_rows.n is 'Its place in the change, from 0: share goes round by it';

-- The same with its rows numbered; share divides them.
create or replace function internal.bulk_begin(bulk uuid, of_kind text, of_action text, of_key text, of_vals jsonb, ids uuid[], conditions jsonb) returns void
language plpgsql
as $$
declare
	n integer;
begin
	delete from public.bulk_changes b where b.organization_id = auth.org() and b.user_id = auth.uid() and b.created_at < now() - interval '30 days';
	if of_action <> 'delete' then
		perform internal.record_place(of_kind, of_key);
	end if;
	if of_action = 'set' then
		perform internal.record_fits(of_kind, of_key, internal.record_typed(of_kind, of_key, of_vals));
	end if;
	if of_action = 'share' and jsonb_array_length(of_vals) = 0 then
		raise exception using errcode = 'KT400', message = 'Choose at least one member', column = 'value';
	end if;
	insert into public.bulk_changes (id, kind, action, key, vals) values (bulk, of_kind, of_action, of_key,
			case of_action when 'set' then jsonb_build_array(internal.record_typed(of_kind, of_key, of_vals))
				when 'delete' then '[]' when 'share' then of_vals else internal.record_typed(of_kind, of_key, of_vals) end)
		on conflict do nothing;
	get diagnostics n = row_count;
	if n = 0 then -- the same request once more
		return;
	end if;
	insert into public.bulk_rows (bulk_id, record_id, n)
		select bulk, x, row_number() over (order by x) - 1 from (select unnest(ids) as x where conditions is null
			union select internal.records_ids(of_kind, conditions, 200000) where conditions is not null) u;
	get diagnostics n = row_count;
	update public.bulk_changes b set total = n where b.organization_id = auth.org() and b.id = bulk;
	perform internal.bulk_go(bulk);
end
$$;
create or replace function internal.bulk_value(b public.bulk_changes) returns text
language plpgsql stable
as $$
declare
	p record := internal.record_place(b.kind, b.key);
	words text[] := array(select x from jsonb_array_elements_text(b.vals) x);
begin
	return case b.action
		when 'set' then internal.record_store(b.kind, b.key, quote_literal(b.vals -> 0) || '::jsonb')
		when 'share' then format('(%L::uuid[])[1 + (select r.n from public.bulk_rows r where r.organization_id = %L and r.bulk_id = %L and r.record_id = t.id) %% %s]',
			words, b.organization_id, b.id, cardinality(words))
		when 'add_tags' then format('t.%I || array(select x from unnest(%L::text[]) x where not x = any (t.%1$I))', p.col, words)
		when 'remove_tags' then format('array(select x from unnest(t.%I) with ordinality u (x, n) where not x = any (%L::text[]) order by n)', p.col, words) end;
end
$$;

-- ---- views of a team -----------------------------------------------------------------------------------

alter table public.saved_views add column team_id uuid,
	add constraint saved_views_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete set null (team_id);
create index saved_views_team_idx on public.saved_views (organization_id, team_id) where team_id is not null;
comment on column public.saved_views.team_id is 'Of a shared view: the team that it is for; null: everybody';
create function auth.my_teams() returns uuid[]
language sql stable security definer set search_path = ''
as $$
	select array(select m.team_id from public.team_members m where m.organization_id = auth.org() and m.user_id = auth.uid()
		union select t.id from public.teams t where t.organization_id = auth.org() and t.manager_id = auth.uid())
$$;
comment on function auth.my_teams() is 'The teams that the caller belongs to or manages';
grant execute on function auth.my_teams() to authenticated, service_role;
alter policy visible on public.saved_views
	using (owner_id = (select auth.uid()) or is_shared and (team_id is null or team_id = any ((select auth.my_teams())::uuid[])
		or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM')));
comment on column public.saved_views.kind is 'contacts, companies, leads, deals, tasks, conversations';

notify pgrst;
