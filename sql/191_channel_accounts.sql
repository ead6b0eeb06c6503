-- Channel accounts as they are kept by people: checked before they are switched
-- on, deleted without a loss, given to a team; and what became of them over time.

-- ---- types -----------------------------------------------------------------------------

-- One more type, whatever others were added before.
do $$
declare
	rule text;
begin
	select pg_get_constraintdef(c.oid) into rule from pg_constraint c
		where c.conrelid = 'public.channel_accounts'::regclass and c.conname = 'channel_accounts_type_check';
	if rule not like '%WEB\_CHAT%' then
		alter table public.channel_accounts drop constraint channel_accounts_type_check;
		execute 'alter table public.channel_accounts add constraint channel_accounts_type_check '
			|| regexp_replace(rule, 'ARRAY\[', 'ARRAY[''WEB_CHAT''::text, ');
	end if;
end
$$;

-- ---- state --------------------------------------------------------------------------------

alter table public.channel_accounts
	add column deleted_at timestamptz,
	add column awaits_check boolean not null default false,
	add column checked_at timestamptz not null default now(),
	add column check_notice text,
	add column check_results jsonb,
	add column provider_name text,
	add column token_expires_at timestamptz,
	add column subscribed_at timestamptz,
	add column team_id uuid,
	add column routing text not null default 'nobody' check (routing in ('nobody', 'least_busy', 'in_turn')),
	add column last_assignee_id uuid,
	add column last_test_id uuid,
	add constraint channel_accounts_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete set null (team_id);
comment on column public.channel_accounts.deleted_at is
	'Deleted: its conversations stay to be read, nothing is received or sent any more, its secrets are gone';
comment on column public.channel_accounts.awaits_check is 'Becomes active when its credentials turn out to be good';
comment on column public.channel_accounts.checked_at is 'When its credentials were checked last; once a day by itself';
comment on column public.channel_accounts.check_notice is 'What the last check found that does not hinder';
comment on column public.channel_accounts.check_results is 'What the last check looked at: [{"what", "ok", "said", "advice"}]';
comment on column public.channel_accounts.provider_name is 'What the provider calls it';
comment on column public.channel_accounts.token_expires_at is 'End of its token, where the provider says one';
comment on column public.channel_accounts.subscribed_at is 'When the provider was told where to call';
comment on column public.channel_accounts.team_id is 'New conversations go to a member of this team, by routing';
comment on column public.channel_accounts.routing is
	'nobody: new conversations wait for whoever takes them; least_busy: the member of the team with the fewest open ones; in_turn: one after the other';
comment on column public.channel_accounts.last_test_id is 'The test message that was sent last (CHA-12)';
create index channel_accounts_checked_idx on public.channel_accounts (checked_at) where is_active;

create function internal.channel_life() returns trigger
language plpgsql
as $$
begin
	if tg_op = 'UPDATE' and old.deleted_at is not null then
		if new.is_active or new.deleted_at is null then
			raise exception using errcode = 'KT409', message = 'This channel was deleted', hint = 'Connect it anew';
		end if;
	end if;
	if new.deleted_at is not null then
		new.is_active := false;
		new.awaits_check := false;
		new.connection_state := 'Disconnected';
	end if;
	-- Who switches it on or off decides; a check that comes later does not.
	if tg_op = 'UPDATE' and new.is_active <> old.is_active and auth.uid() is not null then
		new.awaits_check := false;
	end if;
	return new;
end
$$;
create trigger b_life before insert or update on public.channel_accounts
	for each row execute function internal.channel_life();

-- Deleting, through the API as well, keeps the row: conversations point to it.
-- (The tenant's end takes all with it; that is the owner's doing.)
create function internal.channel_kept() returns trigger
language plpgsql
as $$
begin
	update public.channel_accounts a set deleted_at = now() where a.organization_id = old.organization_id and a.id = old.id
		and a.deleted_at is null;
	return null;
end
$$;
create trigger kept before delete on public.channel_accounts
	for each row when (current_user in ('authenticated', 'service_role')) execute function internal.channel_kept();

create function internal.channel_deleted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	delete from public.channel_secrets s where s.organization_id = new.organization_id and s.channel_account_id = new.id;
	return null;
end
$$;
create trigger deleted after update of deleted_at on public.channel_accounts
	for each row when (old.deleted_at is null and new.deleted_at is not null) execute function internal.channel_deleted();

-- ---- what became of it over time --------------------------------------------------------------

create table public.channel_states (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	at timestamptz not null default clock_timestamp(),
	state text not null check (state in ('made', 'on', 'off', 'connected', 'disconnected', 'problem', 'well', 'deleted')),
	why text,
	actor_id uuid,
	primary key (organization_id, id),
	constraint channel_states_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.channel_states is 'Each change of state of a channel account: switched on or off, connected or not, a problem and its end';
create index channel_states_idx on public.channel_states (organization_id, channel_account_id, id desc);
do $$ begin
	perform internal.tenant_table('public.channel_states', writable => false);
	perform internal.admin_table('public.channel_states', read => true);
end $$;

create function internal.channel_state_of(a public.channel_accounts, now_so text, reason text default null) returns void
language sql security definer set search_path = ''
as $$
	insert into public.channel_states (organization_id, channel_account_id, state, why, actor_id)
		values (a.organization_id, a.id, now_so, left(reason, 1000), auth.uid())
$$;
revoke execute on function internal.channel_state_of(public.channel_accounts, text, text) from public;

create function internal.channel_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'INSERT' then
		perform internal.channel_state_of(new, 'made');
		return null;
	end if;
	if new.deleted_at is distinct from old.deleted_at then
		perform internal.channel_state_of(new, 'deleted');
	else
		if new.connection_state <> old.connection_state then
			perform internal.channel_state_of(new, lower(new.connection_state), new.last_error);
		elsif new.last_error is distinct from old.last_error and new.last_error is not null then
			perform internal.channel_state_of(new, 'problem', new.last_error);
		elsif new.last_error is null and old.last_error is not null then
			perform internal.channel_state_of(new, 'well');
		end if;
		if new.is_active <> old.is_active then
			perform internal.channel_state_of(new, case when new.is_active then 'on' else 'off' end,
				case when not new.is_active and new.connection_state = 'Disconnected' then new.last_error end);
		end if;
	end if;
	-- Open pages follow; of a record type of its own, so that no timeline shows it.
	perform internal.emit(new.organization_id, 'channel.changed', 'channel', new.id,
		jsonb_build_object('id', new.id, 'type', new.type, 'name', new.name, 'is_active', new.is_active,
			'connection_state', new.connection_state, 'last_error', new.last_error));
	-- CHA-19: before messages fail, the administrators know.
	if old.is_active and old.connection_state = 'Connected' and new.connection_state = 'Disconnected' and new.deleted_at is null
			and auth.uid() is null then
		perform internal.notify(new.organization_id, r.user_id, 'channel.disconnected', 'channel', new.id,
				jsonb_build_object('title', new.name, 'why', new.last_error))
			from public.user_roles r join public.profiles p on p.organization_id = r.organization_id and p.id = r.user_id
			where r.organization_id = new.organization_id and r.role in ('OWNER', 'ADMIN') and p.is_active;
	end if;
	return null;
end
$$;
create trigger states_insert after insert on public.channel_accounts
	for each row execute function internal.channel_changed();
create trigger states_update after update on public.channel_accounts
	for each row when ((old.is_active, old.connection_state, old.last_error, old.deleted_at, old.checked_at, old.name)
		is distinct from (new.is_active, new.connection_state, new.last_error, new.deleted_at, new.checked_at, new.name))
	execute function internal.channel_changed();

-- ---- are the credentials good? ---------------------------------------------------------------------

-- What a check found (lib/channel/check.c). dead: its token will not work any
-- more; then it is switched off, and on again when a later check is good.
create function internal.channel_checked(channel uuid, good boolean, dead boolean, said text, name text, external text,
	expires timestamptz, learnt jsonb, subscribed boolean, results jsonb) returns void
language plpgsql
as $$
begin
	if not good then
		update public.channel_accounts a set checked_at = clock_timestamp(), last_error = said, check_results = results,
				connection_state = case when dead then 'Disconnected' else a.connection_state end,
				awaits_check = a.awaits_check or a.is_active and dead, is_active = a.is_active and not dead
			where a.organization_id = auth.org() and a.id = channel and a.deleted_at is null;
		return;
	end if;
	begin
		update public.channel_accounts a set checked_at = clock_timestamp(), connection_state = 'Connected', last_error = null,
				check_notice = said, check_results = results, provider_name = coalesce(channel_checked.name, a.provider_name),
				external_id = coalesce(a.external_id, external), token_expires_at = coalesce(expires, a.token_expires_at),
				settings = a.settings || coalesce(learnt, '{}'),
				subscribed_at = case when subscribed then clock_timestamp() else a.subscribed_at end,
				is_active = a.is_active or a.awaits_check, awaits_check = false
			where a.organization_id = auth.org() and a.id = channel and a.deleted_at is null;
	exception when unique_violation then
		update public.channel_accounts a set checked_at = clock_timestamp(),
				last_error = 'Another channel that is switched on has this account already'
			where a.organization_id = auth.org() and a.id = channel;
	end;
end
$$;
comment on function internal.channel_checked(uuid, boolean, boolean, text, text, text, timestamptz, jsonb, boolean, jsonb) is
	'What the check of a channel''s credentials came to; for the programs';
grant execute on function internal.channel_checked(uuid, boolean, boolean, text, text, text, timestamptz, jsonb, boolean, jsonb)
	to authenticated;

-- Now, because somebody waits for it: one that waits for another attempt does so no longer.
create function internal.channel_check_now(org uuid, channel uuid, subscribe boolean) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	of_key text := channel::text || case when subscribe then ' subscribe' else '' end;
begin
	delete from job.jobs j where j.organization_id = org and j.kind = 'channel_check' and j.key = of_key
		and j.state in ('waiting', 'dead');
	perform job.enqueue(org, 'channel_check', of_key, jsonb_build_object('channel_id', channel, 'subscribe', subscribe), now(), 1);
end
$$;
revoke execute on function internal.channel_check_now(uuid, uuid, boolean) from public;

create function public.channel_check(channel uuid, subscribe boolean default false) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	if not exists (select from public.channel_accounts a where a.organization_id = auth.org() and a.id = channel
			and a.deleted_at is null) then
		raise exception using errcode = 'KT404', message = 'This channel does not exist';
	end if;
	perform internal.channel_check_now(auth.org(), channel, subscribe);
	return true;
end
$$;
comment on function public.channel_check(uuid, boolean) is
	'Ask the provider whether the credentials of a channel are good (CHA-12), or tell it where to call; the outcome is in the channel''s row soon after';
grant execute on function public.channel_check(uuid, boolean) to authenticated;

-- Once a day; every hour when the token ends within two days.
create function internal.channel_checks_due(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint := 0;
	a record;
begin
	for a in select c.organization_id, c.id from public.channel_accounts c
			where c.is_active and c.checked_at < now() - interval '1 hour'
				and (c.checked_at < now() - interval '1 day' or c.token_expires_at < now() + interval '2 days')
			order by c.checked_at limit most loop
		perform job.enqueue(a.organization_id, 'channel_check', a.id::text,
			jsonb_build_object('channel_id', a.id, 'subscribe', false), now(), 7);
		n := n + 1;
	end loop;
	return n;
end
$$;
comment on function internal.channel_checks_due(integer) is 'Checks of credentials that are due (CHA-19)';
insert into job.timers (name, call, every) values ('channel_checks', 'internal.channel_checks_due(500)', '10 minutes');

-- ---- to the team of the account (CHA-13) --------------------------------------------------------------

create function internal.channel_member(org uuid, channel uuid) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	a public.channel_accounts;
	chosen uuid;
begin
	select * into a from public.channel_accounts x where x.organization_id = org and x.id = channel for no key update;
	if a.team_id is null or a.routing = 'nobody' then
		return null;
	end if;
	if a.routing = 'in_turn' then
		select m.user_id into chosen from public.team_members m
			join public.profiles p on p.organization_id = org and p.id = m.user_id and p.is_active
			where m.organization_id = org and m.team_id = a.team_id
			order by m.user_id > a.last_assignee_id desc nulls last, m.user_id limit 1;
		update public.channel_accounts x set last_assignee_id = chosen where x.organization_id = org and x.id = channel;
	else
		select m.user_id into chosen from public.team_members m
			join public.profiles p on p.organization_id = org and p.id = m.user_id and p.is_active
			cross join lateral (select count(*) as n from (select from public.conversations c
				where c.organization_id = org and c.assignee_id = m.user_id and c.status in ('OPEN', 'PENDING') limit 1000) open) w
			where m.organization_id = org and m.team_id = a.team_id
			order by w.n, p.is_online desc, m.user_id limit 1;
	end if;
	return chosen;
end
$$;
revoke execute on function internal.channel_member(uuid, uuid) from public;

create function internal.conversation_routed() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	bot jsonb;
begin
	if new.assignee_id is null then
		new.assignee_id := internal.channel_member(new.organization_id, new.channel_account_id);
	end if;
	-- CHA-23: whether the channel's bot begins.
	select a.settings -> 'ai_agent' into bot from public.channel_accounts a
		where a.organization_id = new.organization_id and a.id = new.channel_account_id;
	if bot ->> 'enabled' = 'true' and bot ->> 'default_active' = 'true' then
		new.ai_agent_active := true;
	end if;
	return new;
end
$$;
-- Behind a_own_new, which gives a member's own new conversation to himself; before the
-- assignment of the organization, for a channel is the more exact rule.
create trigger b_account before insert on public.conversations
	for each row when (new.channel_account_id is not null and auth.uid() is null) execute function internal.conversation_routed();
create index conversations_open_of_idx on public.conversations (organization_id, assignee_id)
	where status in ('OPEN', 'PENDING');

-- Before a form makes it: whether its number is connected already. The index
-- looks at active ones alone.
create function app.channel_is_free(channel uuid, of_type text, external text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	-- Whoever has it: a provider calls one address for it. Nothing is told but that.
	if auth.org() is not null and exists (select from public.channel_accounts a where a.type = of_type
			and a.external_id = external and a.id <> channel and a.is_active) then
		raise exception using errcode = 'KT422', message = 'This number is connected already',
			hint = 'Open the channel that has it, or delete that one first';
	end if;
end
$$;
grant execute on function app.channel_is_free(uuid, text, text) to authenticated;

-- ---- who uses it (CHA-21) -----------------------------------------------------------------------------

-- These members, and of those who are limited to channels no others. Who was not
-- limited and shall not have this one is limited to all others that there are.
create function app.channel_access(channel uuid, users uuid[]) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	m record;
begin
	perform internal.admins_only('channels');
	if not exists (select from public.channel_accounts a where a.organization_id = org and a.id = channel) then
		raise exception using errcode = 'KT404', message = 'This channel does not exist';
	end if;
	for m in select p.id, internal.person(p.first_name, p.last_name, p.email) as name, p.id = any (users) as wanted,
				exists (select from public.user_channel_access u where u.organization_id = org and u.user_id = p.id) as limited,
				exists (select from public.user_channel_access u where u.organization_id = org and u.user_id = p.id
					and u.channel_account_id = channel) as has
			from public.profiles p join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
			where p.organization_id = org and p.is_active and r.role not in ('OWNER', 'ADMIN') loop
		if m.wanted and m.limited and not m.has then
			insert into public.user_channel_access (organization_id, user_id, channel_account_id) values (org, m.id, channel);
		elsif not m.wanted and m.has then
			delete from public.user_channel_access u where u.organization_id = org and u.user_id = m.id and u.channel_account_id = channel;
		elsif not m.wanted and not m.limited then
			insert into public.user_channel_access (organization_id, user_id, channel_account_id)
				select org, m.id, a.id from public.channel_accounts a
				where a.organization_id = org and a.id <> channel and a.deleted_at is null;
		end if;
		if not m.wanted and not exists (select from public.user_channel_access u where u.organization_id = org and u.user_id = m.id) then
			raise exception using errcode = 'KT409', message = format('%s would have no channel left', m.name),
				hint = 'Give another channel first, or take away the permission to see conversations';
		end if;
	end loop;
end
$$;
grant execute on function app.channel_access(uuid, uuid[]) to authenticated;

notify pgrst;
