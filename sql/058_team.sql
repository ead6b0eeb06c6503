-- Invitations, the list of members and their work, who gets work by itself.

-- ---- invitations (AUTH-85..91) ------------------------------------------------------

create table public.invitations (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	email text not null check (email = lower(email) and email ~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$'),
	role text not null check (role in ('ADMIN', 'AGENT', 'PROJECT_MANAGER', 'TEAM_ADMIN')),
	permission_set_id uuid,
	state text not null default 'pending' check (state in ('pending', 'accepted', 'cancelled')),
	token_hash bytea not null unique, -- SHA-256 of the token in the link
	token text not null,              -- sealed, for copying the link again
	proof_hash bytea,                 -- of what only the mailed link has: who used it reads that address
	invited_by uuid,
	expires_at timestamptz not null,
	accepted_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint invitation_token_sealed check (token like 'v1.%'),
	constraint invitations_permission_set_id_fkey foreign key (organization_id, permission_set_id)
		references public.permission_sets (organization_id, id) on delete set null (permission_set_id),
	constraint invitations_invited_by_fkey foreign key (organization_id, invited_by)
		references public.profiles (organization_id, id) on delete set null (invited_by)
);
comment on table public.invitations is 'Who was asked to join; a pending one past expires_at is refused';
create unique index invitations_email_key on public.invitations (organization_id, email) where state = 'pending';
do $$ begin perform internal.tenant_table('public.invitations', writable => false); end $$;
revoke select on public.invitations from authenticated;
grant select (organization_id, id, email, role, permission_set_id, state, invited_by, expires_at, accepted_at, created_at,
	updated_at) on public.invitations to authenticated;
create policy flag_select on public.invitations as restrictive for select to authenticated
	using ((select auth.may('can_manage_team')));
insert into internal.table_flags (name, reads, writes) values ('invitations', 'can_manage_team', 'can_manage_team');

create function internal.member_limit(org uuid) returns void
language plpgsql stable set search_path = ''
as $$
declare
	most integer;
	used bigint;
begin
	select l.max_members into most from internal.plan_of(org) l;
	select (select count(*) from public.profiles p where p.organization_id = org and p.is_active)
		+ (select count(*) from public.invitations i where i.organization_id = org and i.state = 'pending' and i.expires_at > now())
		into used;
	if used > most then
		raise exception using errcode = 'KT403', message = format('The plan allows %s team members', most),
			hint = 'Remove a member, cancel an invitation, or take a larger plan';
	end if;
end
$$;

-- An address that is invited already gets a fresh link and the new role
-- (AUTH-88). The mail is written by the caller, who knows the link.
create function app.invite(address text, of_role text, of_set uuid, token_sha256 text, proof_sha256 text, sealed text, letter jsonb,
	lifetime interval)
	returns table (id uuid, email text, role text, expires_at timestamptz, renewed boolean)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
	org uuid := auth.org();
	mail text := lower(trim(address));
begin
	perform internal.must('can_manage_team');
	if of_role is null or of_role not in ('ADMIN', 'AGENT', 'PROJECT_MANAGER', 'TEAM_ADMIN') then
		raise exception using errcode = 'KT400', message = 'role is one of ADMIN, AGENT, PROJECT_MANAGER, TEAM_ADMIN', column = 'role';
	end if;
	if mail !~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$' then
		raise exception using errcode = 'KT400', message = format('"%s" is not an e-mail address', address), column = 'email';
	end if;
	if of_role = 'ADMIN' and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'Only owners and administrators invite administrators',
			hint = 'Ask one of them';
	end if;
	if of_set is not null and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'Only owners and administrators give permissions',
			hint = 'Ask one of them';
	end if;
	if exists (select from public.profiles p join auth.users u on u.id = p.id
			where p.organization_id = org and u.email = mail and p.is_active) then
		raise exception using errcode = 'KT409', message = format('%s is a member already', mail), column = 'email';
	end if;
	return query
		insert into public.invitations as i (organization_id, email, role, permission_set_id, token_hash, proof_hash, token,
				invited_by, expires_at)
			values (org, mail, of_role, of_set, decode(token_sha256, 'hex'), decode(proof_sha256, 'hex'), sealed, auth.uid(),
				now() + lifetime)
			on conflict (organization_id, email) where state = 'pending' do update set role = excluded.role,
				permission_set_id = excluded.permission_set_id, token_hash = excluded.token_hash,
				proof_hash = excluded.proof_hash, token = excluded.token,
				invited_by = excluded.invited_by, expires_at = excluded.expires_at
			returning i.id, i.email, i.role, i.expires_at, i.created_at <> now();
	perform internal.member_limit(org);
	perform job.enqueue(org, 'mail', null, letter);
end
$$;

-- What a letter and the pending list need.
create function app.inviter() returns table (organization text, inviter text)
language sql stable
as $$
	select o.name, coalesce((select coalesce(nullif(trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), ''), p.email)
		from public.profiles p where p.organization_id = o.id and p.id = auth.uid()), o.name)
	from public.organizations o where o.id = auth.org()
$$;

create function app.pending_invitations()
	returns table (id uuid, email text, role text, permission_set text, expires_at timestamptz, is_expired boolean, token text)
language sql stable security definer set search_path = ''
as $$
	select i.id, i.email, i.role, s.name, i.expires_at, i.expires_at <= now(), i.token
	from public.invitations i
	left join public.permission_sets s on s.organization_id = i.organization_id and s.id = i.permission_set_id
	where i.organization_id = auth.org() and i.state = 'pending' and auth.may('can_manage_team')
	order by i.created_at desc, i.id desc
$$;
comment on function app.pending_invitations() is
	'Open and expired invitations (AUTH-87); token is sealed for "invitation", the page opens it to show the link';

create function public.cancel_invitation(invitation uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.must('can_manage_team');
	update public.invitations i set state = 'cancelled'
		where i.organization_id = auth.org() and i.id = invitation and i.state = 'pending';
	if not found then
		raise exception using errcode = 'KT404', message = 'There is no such open invitation';
	end if;
end
$$;
comment on function public.cancel_invitation(uuid) is 'Its link is refused from now on (AUTH-87)';

-- For the page behind the link and for accepting: who is invited to what. The
-- account, if there is one already, with what its password is compared with.
create function auth.invitation(token_sha256 text)
	returns table (organization_id uuid, organization text, email text, role text, user_id uuid, password_hash text)
language plpgsql stable security definer set search_path = ''
as $$
declare
	i public.invitations;
begin
	select * into i from public.invitations x where x.token_hash = decode(token_sha256, 'hex') and internal.on_site(x.organization_id);
	if not found then
		raise exception using errcode = 'KT404', message = 'This invitation does not exist',
			hint = 'Check that the link was copied whole, or ask for a new one';
	elsif i.state = 'accepted' then
		raise exception using errcode = 'KT409', message = 'This invitation was accepted already', hint = 'Sign in';
	elsif i.state = 'cancelled' or i.expires_at <= now() then
		raise exception using errcode = 'KT410', message = 'This invitation is no longer valid', hint = 'Ask for a new one';
	end if;
	return query select i.organization_id, o.name, i.email, i.role, u.id, u.password_hash
		from public.organizations o left join auth.users u on u.email = i.email where o.id = i.organization_id;
end
$$;

-- The caller has made sure that it is the invited person: by the password of
-- the account, its token, or (new_hash) because there is none yet. The inviter
-- knows the link as well, so that only the proof of the mailed one confirms the
-- address (AUTH-7). The organization's plan counts for the member, who has no
-- wizard to pass (open points).
create function auth.accept_invitation(token_sha256 text, proof_sha256 text, new_hash text, first text, last text)
	returns table (user_id uuid, organization_id uuid, role text, created boolean)
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
	i record;
	usr uuid;
	made boolean := false;
	read_mail boolean;
begin
	select x.proof_hash = decode(proof_sha256, 'hex') into read_mail
		from public.invitations x where x.token_hash = decode(token_sha256, 'hex') for update;
	select * into i from auth.invitation(token_sha256);
	usr := i.user_id;
	if (usr is null) <> (new_hash is not null) then -- it was made or deleted in between
		raise exception using errcode = 'KT409', message = 'The account has changed just now', hint = 'Try again';
	end if;
	if usr is null then
		insert into auth.users (email, password_hash) values (i.email, new_hash) returning id into usr;
		made := true;
	end if;
	if read_mail then
		update auth.users u set email_confirmed_at = coalesce(u.email_confirmed_at, now()) where u.id = usr;
	end if;
	insert into public.profiles as p (organization_id, id, first_name, last_name, email, timezone, onboarding_completed)
		select o.id, usr, first, last, i.email, o.timezone, true from public.organizations o where o.id = i.organization_id
		on conflict (organization_id, id) do update set is_active = true, permissions = '{}',
			first_name = coalesce(excluded.first_name, p.first_name), last_name = coalesce(excluded.last_name, p.last_name);
	insert into public.user_roles as r (organization_id, user_id, role, permission_set_id)
		select i.organization_id, usr, x.role, x.permission_set_id from public.invitations x
		where x.token_hash = decode(token_sha256, 'hex')
		on conflict (organization_id, user_id) do update set role = excluded.role, permission_set_id = excluded.permission_set_id;
	update public.invitations x set state = 'accepted', accepted_at = now() where x.token_hash = decode(token_sha256, 'hex');
	perform internal.member_limit(i.organization_id);
	return query select usr, i.organization_id, i.role, made;
end
$$;

-- ---- members (AUTH-81, 82, 96..99) -----------------------------------------------------

create function public.list_members()
	returns table (user_id uuid, first_name text, last_name text, email text, avatar_url text, role text, permission_set text,
		is_active boolean, is_online boolean, last_seen_at timestamptz, is_available boolean, permissions jsonb, teams text[])
language sql stable security definer set search_path = ''
as $$
	select p.id, p.first_name, p.last_name, p.email, p.avatar_url, r.role, s.name, p.is_active, p.is_online, p.last_seen_at,
		internal.available(p.organization_id, p.id, now()),
		case when auth.may('can_manage_team') then (select jsonb_object_agg(f.key,
			f.key = any (r.may) or '*' = any (r.may) and not f.restricts) from internal.permission_flags f) end,
		array(select t.name from public.teams t join public.team_members m on m.organization_id = t.organization_id and m.team_id = t.id
			where t.organization_id = p.organization_id and m.user_id = p.id order by t.name)
	from public.profiles p
	left join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
	left join public.permission_sets s on s.organization_id = r.organization_id and s.id = r.permission_set_id
	where p.organization_id = auth.org()
	order by p.is_active desc, p.first_name, p.last_name, p.email
$$;
comment on function public.list_members() is 'The team with roles, teams and (for who manages it) effective permissions (AUTH-81)';

create function public.team_statistics() returns jsonb
language sql stable security definer set search_path = ''
as $$
	with members as (
		select p.is_active, r.role, r.may from public.profiles p
		left join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
		where p.organization_id = auth.org())
	select jsonb_build_object('total_members', count(*), 'active_members', count(*) filter (where is_active),
		'pending_invitations', (select count(*) from public.invitations i
			where i.organization_id = auth.org() and i.state = 'pending' and i.expires_at > now()),
		'roles', (select coalesce(jsonb_object_agg(role, n), '{}') from (select m.role, count(*) as n from members m
			where m.is_active and m.role is not null group by m.role) x),
		'permissions', (select jsonb_object_agg(f.key, (select count(*) from members m where m.is_active
			and (f.key = any (m.may) or '*' = any (m.may) and not f.restricts))) from internal.permission_flags f))
	from members
$$;
comment on function public.team_statistics() is 'Members, active ones, open invitations, how many have each role and permission (AUTH-82)';

-- Tasks are a table of a later file.
create function internal.open_tasks(org uuid, usr uuid) returns bigint
language plpgsql stable set search_path = ''
as $$
declare
	n bigint := 0;
begin
	if to_regclass('public.tasks') is not null then
		execute 'select count(*) from public.tasks t where t.organization_id = $1 and t.assignee_id = $2 and not t.completed'
			into n using org, usr;
	end if;
	return n;
end
$$;

create function public.member_work(member uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.must('can_manage_team');
	return jsonb_build_object(
		'conversations', (select count(*) from public.conversations c where c.organization_id = auth.org()
			and c.assignee_id = member and c.status in ('OPEN', 'PENDING')),
		'deals', (select count(*) from public.deals d where d.organization_id = auth.org() and d.owner_id = member
			and d.won_at is null and d.lost_at is null),
		'tasks', internal.open_tasks(auth.org(), member),
		'contacts', (select count(*) from public.contacts k where k.organization_id = auth.org() and k.assignee_id = member));
end
$$;
comment on function public.member_work(uuid) is 'How much open work is assigned to a member, by kind (AUTH-99)';

create function public.reassign_work(member uuid, kind text, to_member uuid default null) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	n bigint := 0;
begin
	perform internal.must('can_manage_team');
	if to_member is not null and not exists (select from public.profiles p
			where p.organization_id = org and p.id = to_member and p.is_active) then
		raise exception using errcode = 'KT404', message = 'The member who is to take over does not exist or is not active',
			column = 'to_member';
	end if;
	case kind
	when 'conversations' then
		update public.conversations c set assignee_id = to_member where c.organization_id = org and c.assignee_id = member
			and c.status in ('OPEN', 'PENDING');
	when 'deals' then
		update public.deals d set owner_id = to_member where d.organization_id = org and d.owner_id = member
			and d.won_at is null and d.lost_at is null;
	when 'contacts' then
		update public.contacts k set assignee_id = to_member where k.organization_id = org and k.assignee_id = member;
	when 'tasks' then
		if to_regclass('public.tasks') is not null then
			execute 'update public.tasks t set assignee_id = $3 where t.organization_id = $1 and t.assignee_id = $2 and not t.completed'
				using org, member, to_member;
		end if;
	else
		raise exception using errcode = 'KT400', message = 'kind is one of conversations, deals, tasks, contacts', column = 'kind';
	end case;
	get diagnostics n = row_count;
	return n;
end
$$;
comment on function public.reassign_work(uuid, text, uuid) is
	'Gives a member''s open conversations, deals, tasks or contacts to another, or to nobody (AUTH-99); how many moved';

create function public.remove_member(member uuid) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	of_role text;
begin
	perform internal.must('can_manage_team');
	select r.role into of_role from public.profiles p
		left join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
		where p.organization_id = org and p.id = member and p.is_active;
	if not found then
		raise exception using errcode = 'KT404', message = 'There is no such active member';
	elsif of_role = 'OWNER' then
		raise exception using errcode = 'KT403', message = 'The owner cannot be removed';
	elsif member = auth.uid() then
		raise exception using errcode = 'KT403', message = 'Nobody removes himself', hint = 'Ask another administrator';
	elsif of_role = 'ADMIN' and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'Only owners and administrators remove an administrator';
	end if;
	update public.profiles p set is_active = false, is_online = false where p.organization_id = org and p.id = member;
	perform auth.end_sessions(array(select s.id from auth.sessions s where s.organization_id = org and s.user_id = member), 'revoked');
	update public.api_keys k set is_active = false where k.organization_id = org and k.created_by = member and k.prefix like 'ck\_live\_%';
end
$$;
comment on function public.remove_member(uuid) is 'Deactivates a member and ends his sessions; the owner stays (AUTH-97, AUTH-98)';

-- ---- who gets work by itself (AUTH-93, AUTH-96) -------------------------------------------

alter table public.profiles add column capacity integer not null default 25 check (capacity between 1 and 1000);
comment on column public.profiles.capacity is 'How many open conversations and tasks together are a full load';
grant update (capacity) on public.profiles to authenticated;

create function public.agent_workload()
	returns table (user_id uuid, name text, role text, active_tasks bigint, open_conversations bigint, is_available boolean,
		is_online boolean, capacity_percent integer)
language sql stable security definer set search_path = ''
as $$
	select w.id, w.name, w.role, w.tasks, w.talks, w.available, w.is_online, (100 * (w.tasks + w.talks) / w.capacity)::integer
	from (
		select p.id, coalesce(nullif(trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), ''), p.email) as name,
			r.role, internal.open_tasks(p.organization_id, p.id) as tasks, p.capacity, p.is_online,
			(select count(*) from public.conversations c where c.organization_id = p.organization_id and c.assignee_id = p.id
				and c.status in ('OPEN', 'PENDING')) as talks,
			internal.available(p.organization_id, p.id, now()) as available
		from public.profiles p
		join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
		where p.organization_id = auth.org() and p.is_active and (auth.may('can_manage_team') or p.id = any (auth.team_ids()))) w
	order by 8 desc, 2
$$;
comment on function public.agent_workload() is 'Tasks, conversations, availability and load of each member; for others than managers: the own team (AUTH-96)';

create function internal.assignable(org uuid, kind text, at timestamptz)
	returns table (user_id uuid, is_online boolean, load bigint)
language sql stable set search_path = ''
as $$
	select p.id, p.is_online, (select count(*) from public.conversations c where c.organization_id = org and c.assignee_id = p.id
			and c.status in ('OPEN', 'PENDING')) + internal.open_tasks(org, p.id)
	from public.profiles p
	join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
	where p.organization_id = org and p.is_active and internal.available(org, p.id, at) and r.role <> 'PROJECT_MANAGER'
		and r.may && array['*', 'can_be_auto_assigned_' || kind]
	order by 2 desc, 3, 1
$$;
comment on function internal.assignable(uuid, text, timestamptz) is
	'Who may be given conversations or tasks automatically at that time: inside his hours, then online, then the least load';

create function public.assignable_members(kind text, at timestamptz default now())
	returns table (user_id uuid, is_online boolean, load bigint)
language sql stable security definer set search_path = ''
as $$ select * from internal.assignable(auth.org(), kind, at) where kind in ('conversations', 'tasks') $$;
comment on function public.assignable_members(text, timestamptz) is 'Members eligible for automatic assignment, the next one first (AUTH-93)';

-- Who was asked, put into which team, given which channels and hours (AUTH-101).
do $$ begin
	perform internal.audit_table('public.invitations', 'invitation', 'updated_at', 'token,token_hash,proof_hash');
	perform internal.audit_table('public.permission_sets', 'permission_set', 'updated_at');
	perform internal.audit_table('public.teams', 'team', 'updated_at');
	perform internal.audit_table('public.team_members', 'team_member');
	perform internal.audit_table('public.user_channel_access', 'channel_access');
	perform internal.audit_table('public.login_schedules', 'login_schedule', 'updated_at');
end $$;

grant execute on function app.invite(text, text, uuid, text, text, text, jsonb, interval), app.inviter(), app.pending_invitations(),
	public.cancel_invitation(uuid), public.list_members(), public.team_statistics(), public.member_work(uuid),
	public.reassign_work(uuid, text, uuid), public.remove_member(uuid), public.agent_workload(),
	public.assignable_members(text, timestamptz) to authenticated;
grant execute on function auth.invitation(text), auth.accept_invitation(text, text, text, text, text) to kontor_app;
