-- Who is responsible for a conversation: the load of each member by a counter,
-- automatic assignment (INB-59, INB-60), and telling whom it came to.

alter table public.profiles add column specializations text[] not null default '{}' check (internal.each_at_most(specializations, 50));
comment on column public.profiles.specializations is 'What a member knows well, shown where work is assigned (INB-54)';
grant update (specializations) on public.profiles to authenticated;

-- ---- load by counter -------------------------------------------------------------------

create table public.agent_loads (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	user_id uuid not null,
	open_conversations integer not null default 0,
	last_assigned_at timestamptz, -- automatically; round-robin goes by it
	primary key (organization_id, user_id),
	constraint agent_loads_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
) with (fillfactor = 50);
comment on table public.agent_loads is 'Open conversations of each member, kept by triggers';
do $$ begin perform internal.tenant_table('public.agent_loads', writable => false); end $$;

create function internal.load_add(org uuid, member uuid, by integer) returns void
language sql security definer set search_path = ''
as $$
	insert into public.agent_loads as l (organization_id, user_id, open_conversations) values (org, member, greatest(by, 0))
		on conflict (organization_id, user_id) do update set open_conversations = greatest(0, l.open_conversations + by)
$$;
revoke execute on function internal.load_add(uuid, uuid, integer) from public;

-- Counted as open: OPEN and PENDING. One statement changes members in the order
-- of their ids, so that two of them never wait for each other.
create function internal.conversation_loads() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	d record;
begin
	if tg_op = 'INSERT' then
		for d in select n.organization_id, n.assignee_id as member, count(*)::integer as step from fresh n
				where n.assignee_id is not null and n.status in ('OPEN', 'PENDING') group by 1, 2 order by 2 loop
			perform internal.load_add(d.organization_id, d.member, d.step);
		end loop;
	else
		for d in select o.organization_id, o.assignee_id as member, -count(*)::integer as step from before o
				join public.profiles p on p.organization_id = o.organization_id and p.id = o.assignee_id
				where o.status in ('OPEN', 'PENDING') group by 1, 2 order by 2 loop
			perform internal.load_add(d.organization_id, d.member, d.step);
		end loop;
	end if;
	return null;
end
$$;
create trigger loads_insert after insert on public.conversations referencing new table as fresh
	for each statement execute function internal.conversation_loads();
create trigger loads_delete after delete on public.conversations referencing old table as before
	for each statement execute function internal.conversation_loads();
-- Every message updates its conversation; a row trigger looks at the two columns alone.
create function internal.conversation_load() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	was uuid := case when old.status in ('OPEN', 'PENDING') then old.assignee_id end;
	is_ uuid := case when new.status in ('OPEN', 'PENDING') then new.assignee_id end;
begin
	if was is distinct from is_ then
		if was is not null and (is_ is null or was < is_) and exists (select from public.profiles p where p.organization_id = new.organization_id and p.id = was) then
			perform internal.load_add(new.organization_id, was, -1);
		end if;
		if is_ is not null then
			perform internal.load_add(new.organization_id, is_, 1);
		end if;
		if was is not null and is_ is not null and was > is_ then
			perform internal.load_add(new.organization_id, was, -1);
		end if;
	end if;
	return null;
end
$$;
create trigger loads_update after update of assignee_id, status on public.conversations
	for each row when (new.status <> old.status or new.assignee_id is distinct from old.assignee_id)
	execute function internal.conversation_load();

insert into public.agent_loads (organization_id, user_id, open_conversations)
	select c.organization_id, c.assignee_id, count(*) from public.conversations c
	where c.assignee_id is not null and c.status in ('OPEN', 'PENDING') group by 1, 2;

create or replace function internal.assignable(org uuid, kind text, at timestamptz)
	returns table (user_id uuid, is_online boolean, load bigint)
language sql stable set search_path = ''
as $$
	select p.id, p.is_online, coalesce(l.open_conversations, 0) + internal.open_tasks(org, p.id)
	from public.profiles p
	join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
	left join public.agent_loads l on l.organization_id = p.organization_id and l.user_id = p.id
	where p.organization_id = org and p.is_active and internal.available(org, p.id, at) and r.role <> 'PROJECT_MANAGER'
		and r.may && array['*', 'can_be_auto_assigned_' || kind]
	order by 2 desc, 3, 1
$$;

-- ---- settings of the inbox ------------------------------------------------------------------

create table public.inbox_settings (
	organization_id uuid primary key default auth.org() references public.organizations on delete cascade,
	auto_assign boolean not null default false,
	auto_assign_on_reply boolean not null default true, -- who answers an unassigned one has it
	updated_at timestamptz not null default now()
);
comment on table public.inbox_settings is 'How the inbox of an organization works; no row: as the defaults say';
comment on column public.inbox_settings.auto_assign is 'New conversations are given to somebody by themselves; a channel may say otherwise (settings.auto_assign)';
do $$ begin
	perform internal.tenant_table('public.inbox_settings');
	perform internal.admin_table('public.inbox_settings', read => false);
end $$;

-- ---- automatic assignment (INB-59, INB-60) ------------------------------------------------------

-- Who is next for a conversation of this channel: of those whose hours it is
-- (nobody's: of all), those online (nobody: the same), the one who was given one
-- least lately. Never a project manager, nor who lacks
-- can_be_auto_assigned_conversations, may not see the channel, or has a full load
-- while others have not.
create function internal.next_assignee(org uuid, channel uuid, at timestamptz default now()) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	chosen uuid;
begin
	-- One after the other within a tenant, or two that come at once would go to the same member.
	perform pg_advisory_xact_lock(hashtextextended(org::text, 59));
	select x.id into chosen from (
			select p.id, p.is_online, l.last_assigned_at, coalesce(l.open_conversations, 0) >= p.capacity as is_full,
				internal.available(org, p.id, at) as has_hours
			from public.profiles p
			join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
			left join public.agent_loads l on l.organization_id = p.organization_id and l.user_id = p.id
			where p.organization_id = org and p.is_active and r.role <> 'PROJECT_MANAGER'
				and r.may && array['*', 'can_be_auto_assigned_conversations']
				and (channel is null or r.role in ('OWNER', 'ADMIN')
					or not exists (select from public.user_channel_access u where u.organization_id = org and u.user_id = p.id)
					or exists (select from public.user_channel_access u where u.organization_id = org and u.user_id = p.id
						and u.channel_account_id = channel))) x
		order by x.has_hours desc, x.is_full, x.is_online desc, x.last_assigned_at nulls first, x.id limit 1;
	if chosen is not null then
		insert into public.agent_loads as l (organization_id, user_id, last_assigned_at) values (org, chosen, clock_timestamp())
			on conflict (organization_id, user_id) do update set last_assigned_at = excluded.last_assigned_at;
	end if;
	return chosen;
end
$$;
comment on function internal.next_assignee(uuid, uuid, timestamptz) is 'Automatic assignment: availability slots, then who is online, then in turn (INB-59)';
revoke execute on function internal.next_assignee(uuid, uuid, timestamptz) from public;

create function internal.conversation_auto_assign() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	wanted boolean;
begin
	if coalesce(current_setting('kontor.restoring', true), '') = 'on' then
		return new;
	end if;
	select coalesce(case a.settings ->> 'auto_assign' when 'true' then true when 'false' then false end, s.auto_assign, false) into wanted
		from (select 1) one
		left join public.channel_accounts a on a.organization_id = new.organization_id and a.id = new.channel_account_id
		left join public.inbox_settings s on s.organization_id = new.organization_id;
	if wanted then
		new.assignee_id := internal.next_assignee(new.organization_id, new.channel_account_id);
	end if;
	return new;
end
$$;
-- What a member opens himself is none of it.
create trigger b_auto_assign before insert on public.conversations
	for each row when (new.assignee_id is null and new.status = 'OPEN' and auth.uid() is null)
	execute function internal.conversation_auto_assign();

-- For rules, flows and macros: the next one for this conversation now.
create function public.auto_assign_conversation(talk uuid) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	member uuid;
begin
	if not auth.may('can_see_assigned_conversations') or not internal.sees_talk(talk) then
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	end if;
	member := internal.next_assignee(auth.org(), (select c.channel_account_id from public.conversations c
		where c.organization_id = auth.org() and c.id = talk));
	if member is null then
		raise exception using errcode = 'KT409', message = 'Nobody can be given conversations automatically',
			hint = 'Members need the permission can_be_auto_assigned_conversations';
	end if;
	update public.conversations c set assignee_id = member where c.organization_id = auth.org() and c.id = talk;
	return member;
end
$$;
comment on function public.auto_assign_conversation(uuid) is 'Gives a conversation to who is next: availability slots, then online, then in turn (INB-59, INB-61)';
grant execute on function public.auto_assign_conversation(uuid) to authenticated;

-- The new one has it from the beginning: told like any other assignment.
create function internal.conversation_given() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.notify(new.organization_id, new.assignee_id, 'conversation.assigned', 'conversation', new.id,
		jsonb_build_object('title', (select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
			where k.organization_id = new.organization_id and k.id = new.contact_id)));
	return null;
end
$$;
create trigger notices_given after insert on public.conversations
	for each row when (new.assignee_id is not null) execute function internal.conversation_given();

-- Many at once are a few lines and a number (INB-38).
create or replace function internal.conversations_assigned() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.notify_some(new.organization_id, new.assignee_id, 'conversation.assigned', 'conversation', 1, new.id,
		jsonb_build_object('title', (select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
			where k.organization_id = new.organization_id and k.id = new.contact_id)));
	return null;
end
$$;

-- ---- a message for somebody (INB-89) --------------------------------------------------------------

-- One notice for a conversation until it is read, however many messages come.
create function internal.conversation_unread_notice() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.unread_count = 0 then
		update public.notifications n set read_at = now() where n.organization_id = new.organization_id
			and n.kind = 'message.received' and n.record_id = new.id and n.user_id = coalesce(new.assignee_id, n.user_id) and n.read_at is null;
	elsif new.snoozed_until is null then
		perform internal.notify(new.organization_id, new.assignee_id, 'message.received', 'conversation', new.id,
			jsonb_build_object('title', (select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
				where k.organization_id = new.organization_id and k.id = new.contact_id)));
	end if;
	return null;
end
$$;
create trigger notices_unread after update of unread_count on public.conversations
	for each row when ((new.unread_count = 0) <> (old.unread_count = 0) and new.assignee_id is not null
		and (new.unread_count = 0 or new.last_message_direction = 'INBOUND' and new.last_message_at is distinct from old.last_message_at))
	execute function internal.conversation_unread_notice();

notify pgrst;
