-- What each member has of his own in the inbox: how it looks, what he began to
-- write (on whichever device), who else is there at this moment.

create table public.inbox_preferences (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	user_id uuid not null default auth.uid(),
	density text not null default 'comfortable' check (density in ('comfortable', 'compact')),
	split boolean not null default true,
	panel boolean not null default true,
	sort text not null default 'recent' check (sort in ('recent', 'unread', 'mine', 'unassigned')),
	opens text not null default 'open' check (length(opens) between 1 and 40),
	next_after_close boolean not null default false,
	show_presence boolean not null default true,
	sound boolean not null default true,
	desktop boolean not null default false,
	sound_for text not null default 'mine' check (sound_for in ('mine', 'all', 'none')),
	updated_at timestamptz not null default now(),
	primary key (organization_id, user_id),
	constraint inbox_preferences_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.inbox_preferences is 'How a member likes his inbox; only his own changes by it (INB-36)';
comment on column public.inbox_preferences.split is 'List and thread side by side (INB-29)';
comment on column public.inbox_preferences.opens is 'The view that opens first';
comment on column public.inbox_preferences.sound_for is 'Which messages are told by sound and on the desktop: of his own and unassigned conversations, all, none';
do $$ begin perform internal.tenant_table('public.inbox_preferences'); end $$;
create policy own on public.inbox_preferences as restrictive to authenticated using (user_id = (select auth.uid()));

-- What is named changes, the rest stays.
create function app.prefer(v jsonb) returns void
language plpgsql
as $$
begin
	insert into public.inbox_preferences (user_id) values (auth.uid()) on conflict do nothing;
	update public.inbox_preferences p set density = coalesce(v ->> 'density', p.density), split = coalesce((v ->> 'split')::boolean, p.split),
			panel = coalesce((v ->> 'panel')::boolean, p.panel), sort = coalesce(v ->> 'sort', p.sort), opens = coalesce(v ->> 'opens', p.opens),
			next_after_close = coalesce((v ->> 'next_after_close')::boolean, p.next_after_close),
			show_presence = coalesce((v ->> 'show_presence')::boolean, p.show_presence), sound = coalesce((v ->> 'sound')::boolean, p.sound),
			desktop = coalesce((v ->> 'desktop')::boolean, p.desktop), sound_for = coalesce(v ->> 'sound_for', p.sound_for)
		where p.organization_id = auth.org() and p.user_id = auth.uid();
	if v ? 'enter_sends' then
		insert into public.composer_preferences as c (user_id, enter_sends) values (auth.uid(), (v ->> 'enter_sends')::boolean)
			on conflict (organization_id, user_id) do update set enter_sends = excluded.enter_sends;
	end if;
end
$$;
grant execute on function app.prefer(jsonb) to authenticated;

create table public.conversation_drafts (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	user_id uuid not null default auth.uid(),
	conversation_id uuid not null,
	mode text not null default 'reply' check (mode in ('reply', 'note')),
	body text not null check (length(body) between 1 and 65536),
	updated_at timestamptz not null default now(),
	primary key (organization_id, user_id, conversation_id, mode),
	constraint conversation_drafts_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade,
	constraint conversation_drafts_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete cascade
);
comment on table public.conversation_drafts is 'What a member began to write and has not sent, the same on all his devices';
create index conversation_drafts_conversation_idx on public.conversation_drafts (organization_id, conversation_id);
do $$ begin perform internal.tenant_table('public.conversation_drafts'); end $$;
create policy own on public.conversation_drafts as restrictive to authenticated using (user_id = (select auth.uid()));

-- Nothing left to keep: the draft is gone.
create function app.keep_draft(talk uuid, of_mode text, words text) returns void
language plpgsql
as $$
begin
	if coalesce(trim(words), '') = '' then
		delete from public.conversation_drafts d where d.organization_id = auth.org() and d.user_id = auth.uid()
			and d.conversation_id = talk and d.mode = of_mode;
	else
		insert into public.conversation_drafts as d (conversation_id, mode, body) values (talk, of_mode, left(words, 65536))
			on conflict (organization_id, user_id, conversation_id, mode) do update set body = excluded.body;
	end if;
end
$$;
grant execute on function app.keep_draft(uuid, text, text) to authenticated;

-- What was sent is no draft any more, in whichever way it was sent.
create function internal.draft_sent() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_table_name = 'notes' then
		delete from public.conversation_drafts d where d.organization_id = new.organization_id and d.user_id = new.author_id
			and d.conversation_id = new.conversation_id and d.mode = 'note';
	else
		delete from public.conversation_drafts d where d.organization_id = new.organization_id and d.user_id = new.sender_id
			and d.conversation_id = new.conversation_id and d.mode = 'reply';
	end if;
	return null;
end
$$;
create trigger z_draft after insert on public.messages for each row when (new.sender_id is not null)
	execute function internal.draft_sent();
create trigger z_draft after insert on public.notes for each row when (new.conversation_id is not null and new.author_id is not null)
	execute function internal.draft_sent();

-- ---- who is here now -----------------------------------------------------------------------

-- Told to all open pages of the organization and kept nowhere: who looks at a
-- conversation, who writes in it, that the customer writes. The worker hears it
-- and publishes it to the event streams (worker/main.c).
create function internal.tell_now(org uuid, what jsonb) returns void
language sql security definer set search_path = ''
as $$
	select pg_notify('kontor_now', jsonb_build_object('org', org, 'now', what || jsonb_build_object('at', (extract(epoch from clock_timestamp()) * 1000)::bigint))::text)
$$;
comment on function internal.tell_now(uuid, jsonb) is
	'Something that is true only now, to the open pages of an organization: {"what": "viewing" | "writing" | "left" | "customer", "conversation_id", ...}';
revoke execute on function internal.tell_now(uuid, jsonb) from public;
grant execute on function internal.tell_now(uuid, jsonb) to service_role;

create function app.here(talk uuid, doing text, tab text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	who record;
begin
	if doing not in ('viewing', 'writing', 'left', 'hello') or not internal.sees_talk(talk) or not auth.may('can_see_assigned_conversations') then
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	end if;
	select p.id, app.person(p.first_name, p.last_name, null, array[p.email]) as name into who
		from public.profiles p where p.organization_id = auth.org() and p.id = auth.uid()
			and not exists (select from public.inbox_preferences f where f.organization_id = p.organization_id and f.user_id = p.id and not f.show_presence);
	if who.id is not null then
		perform internal.tell_now(auth.org(), jsonb_build_object('what', doing, 'conversation_id', talk, 'user_id', who.id, 'name', who.name,
			'initials', app.initials(who.name), 'tab', left(tab, 40)));
	end if;
end
$$;
comment on function app.here(uuid, text, text) is 'The caller looks at a conversation, writes in it, or has left it';

-- For channels that tell it: the customer is writing.
create function public.customer_writes(talk uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if auth.app_role() = 'SYSTEM' or internal.sees_talk(talk) then
		perform internal.tell_now(auth.org(), jsonb_build_object('what', 'customer', 'conversation_id', talk));
	end if;
end
$$;
comment on function public.customer_writes(uuid) is 'The customer of this conversation is writing just now; shown for some seconds, kept nowhere';
grant execute on function app.here(uuid, text, text), public.customer_writes(uuid) to authenticated;

-- A page that is open is presence: at most one write a minute, told to others by the event.
create function app.online() returns void
language sql
as $$
	update public.profiles p set is_online = true, last_seen_at = now()
		where p.organization_id = auth.org() and p.id = auth.uid() and (not p.is_online or coalesce(p.last_seen_at, '-infinity') < now() - interval '1 minute')
$$;
grant execute on function app.online() to authenticated;

create function internal.presence_told() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.tell_now(new.organization_id, jsonb_build_object('what', case when new.is_online then 'online' else 'offline' end,
		'user_id', new.id, 'name', app.person(new.first_name, new.last_name, null, array[new.email])));
	return null;
end
$$;
create trigger presence_told after update of is_online on public.profiles
	for each row when (new.is_online <> old.is_online) execute function internal.presence_told();
notify pgrst;
