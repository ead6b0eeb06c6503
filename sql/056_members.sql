-- Members: when they are there, when they may sign in, how their roles and
-- permissions are changed, and the roles of the other product.

-- ---- availability and login schedule (AUTH-92..95) -----------------------------------------

create table public.availability_slots (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid not null,
	timezone text not null default 'UTC',
	weekdays smallint[] not null check (weekdays <@ '{0,1,2,3,4,5,6}' and cardinality(weekdays) > 0), -- Sunday = 0
	start_time time not null,
	end_time time not null,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	check (start_time < end_time),
	constraint availability_slots_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.availability_slots is
	'When a member takes work that is assigned automatically; several slots are allowed, a day without one is free (AUTH-92..94)';
create index availability_slots_user_idx on public.availability_slots (organization_id, user_id);
do $$ begin perform internal.tenant_table('public.availability_slots'); end $$;

create table public.login_schedules (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid not null,
	weekday smallint not null check (weekday between 0 and 6), -- Sunday = 0
	enabled boolean not null default true,
	start_time time not null default '08:00',
	end_time time not null default '18:00', -- before start_time: of the next day
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, user_id, weekday),
	constraint login_schedules_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.login_schedules is
	'Working hours day by day in the organization''s time zone; they bind signing in where restrict_login_to_schedule is on';
do $$ begin perform internal.tenant_table('public.login_schedules'); end $$;

do $$ begin
	perform internal.flag_table(t::regclass, 'can_manage_team', reads => false)
		from unnest(array['availability_slots', 'login_schedules', 'user_channel_access']) t;
end $$;

-- A flag lets somebody manage others, not loosen what binds himself.
create function internal.not_oneself() returns trigger
language plpgsql
as $$
declare
	r jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
begin
	if (r ->> 'user_id')::uuid = auth.uid() and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'You cannot change this for yourself',
			hint = 'Ask an administrator of your organization';
	end if;
	return case tg_op when 'DELETE' then old else new end;
end
$$;
create trigger not_oneself before insert or update or delete on public.user_channel_access
	for each row when (current_user = 'authenticated') execute function internal.not_oneself();
create trigger not_oneself before insert or update or delete on public.login_schedules
	for each row when (current_user = 'authenticated') execute function internal.not_oneself();

create function internal.known_zone() returns trigger
language plpgsql
as $$
begin
	if internal.zone(new.timezone, null) is null then
		raise exception using errcode = 'KT400', message = format('"%s" is not a time zone', new.timezone),
			hint = 'Write it as in Europe/Berlin', column = 'timezone';
	end if;
	return new;
end
$$;
create trigger known_zone before insert or update of timezone on public.availability_slots
	for each row execute function internal.known_zone();
create trigger known_zone before insert or update of timezone on public.organizations
	for each row execute function internal.known_zone();

create function internal.in_schedule(org uuid, usr uuid, at timestamptz) returns boolean
language sql stable set search_path = ''
as $$
	select exists (
		select from public.organizations o
		cross join lateral (select at at time zone o.timezone as here) n
		join public.login_schedules s on s.organization_id = o.id and s.user_id = usr and s.enabled
		where o.id = org and (
			s.weekday = extract(dow from n.here) and n.here::time >= s.start_time
				and (n.here::time < s.end_time or s.end_time <= s.start_time)
			or s.end_time <= s.start_time and s.weekday = extract(dow from n.here - interval '1 day')
				and n.here::time < s.end_time))
$$;

-- Slots say it; without any the login schedule (AUTH-95); without both always.
create function internal.available(org uuid, usr uuid, at timestamptz) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
	if exists (select from public.availability_slots a where a.organization_id = org and a.user_id = usr) then
		return exists (select from public.availability_slots a
			where a.organization_id = org and a.user_id = usr
				and extract(dow from at at time zone a.timezone) = any (a.weekdays)
				and (at at time zone a.timezone)::time >= a.start_time and (at at time zone a.timezone)::time < a.end_time);
	elsif exists (select from public.login_schedules s where s.organization_id = org and s.user_id = usr) then
		return internal.in_schedule(org, usr, at);
	end if;
	return true;
end
$$;

-- ---- signing in ---------------------------------------------------------------------------------

-- Whether the tenant lets people in from this address (ADM-30).
create function internal.address_allowed(org uuid, addr text) returns boolean
language sql stable
as $$ select true $$;

create or replace function auth.check_login(org uuid, usr uuid, addr text) returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
	member record;
begin
	select p.is_active, r.may, r.role, o.name into member
		from public.profiles p
		join public.organizations o on o.id = p.organization_id
		left join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
		where p.organization_id = org and p.id = usr;
	if member is null or not member.is_active then
		raise exception using errcode = 'KT403', message = 'This account is deactivated',
			hint = 'Ask an administrator of your organization';
	end if;
	if not internal.address_allowed(org, addr) then
		raise exception using errcode = 'KT403', message = format('%s does not allow signing in from your address', member.name),
			hint = 'Use your organization''s network, or ask an administrator';
	end if;
	if 'restrict_login_to_schedule' = any (member.may) and not internal.in_schedule(org, usr, now()) then
		raise exception using errcode = 'KT403', message = 'You can sign in during your working hours only',
			hint = 'Ask an administrator to change your login schedule';
	end if;
	-- AUTH-41; the owner comes in to renew it.
	if member.role is distinct from 'OWNER' and not (select p.is_open from internal.plan_of(org) p) then
		raise exception using errcode = 'KT403', message = format('The subscription of %s has ended', member.name),
			hint = 'Its owner can renew it';
	end if;
end
$$;
comment on function auth.check_login(uuid, uuid, text) is
	'Raises KT403 when this member may not open a session now and from there (AUTH-19, AUTH-20, ADM-30); every way in calls it';

-- ---- roles and permissions are changed ----------------------------------------------------------

-- One's own profile, and others' for owners and administrators; nobody gives
-- himself a permission, and nobody takes one from the owner.
create function internal.profile_guard() returns trigger
language plpgsql
as $$
begin
	if old.id is distinct from auth.uid() and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'You may change your own profile only',
			hint = 'Ask an administrator of your organization';
	end if;
	if new.permissions is distinct from old.permissions then
		if old.id = auth.uid() or not auth.is_admin() then
			raise exception using errcode = 'KT403', message = 'Nobody changes his own permissions',
				hint = 'Ask an owner or administrator';
		end if;
		if exists (select from public.user_roles r where r.organization_id = old.organization_id and r.user_id = old.id
				and r.role = 'OWNER') then
			raise exception using errcode = 'KT403', message = 'The owner has every permission';
		end if;
	end if;
	return new;
end
$$;
create trigger a_guard before update on public.profiles
	for each row when (current_user = 'authenticated') execute function internal.profile_guard();

create function internal.permissions_valid() returns trigger
language plpgsql
as $$
begin
	perform internal.check_permissions(new.permissions);
	return new;
end
$$;
create trigger b_permissions before insert or update of permissions on public.profiles
	for each row when (new.permissions <> '{}') execute function internal.permissions_valid();
create trigger b_permissions before insert or update of permissions on public.permission_sets
	for each row when (new.permissions <> '{}') execute function internal.permissions_valid();

-- Roles are given by who manages the team; the owner's stays his, and only
-- owners and administrators make or unmake an administrator.
create function internal.role_guard() returns trigger
language plpgsql
as $$
begin
	perform internal.must('can_manage_team');
	if old.user_id = auth.uid() then
		raise exception using errcode = 'KT403', message = 'Nobody changes his own role',
			hint = 'Ask an owner or administrator';
	end if;
	if 'OWNER' in (old.role, new.role) then
		raise exception using errcode = 'KT403', message = 'The owner''s role is neither given nor taken';
	end if;
	if 'ADMIN' in (old.role, new.role) and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'Only owners and administrators decide who is an administrator',
			hint = 'Ask one of them';
	end if;
	if new.permission_set_id is distinct from old.permission_set_id and not auth.is_admin() then
		raise exception using errcode = 'KT403', message = 'Only owners and administrators give permissions',
			hint = 'Ask one of them';
	end if;
	return new;
end
$$;
create trigger a_guard before update on public.user_roles
	for each row when (current_user = 'authenticated') execute function internal.role_guard();
grant update (role, permission_set_id) on public.user_roles to authenticated;

-- ---- the other product's roles (ADM-14, ADM-15) ----------------------------------------------------

create function internal.first_permission_sets() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	own_only jsonb := '{"can_see_all_contacts": false, "can_see_all_deals": false, "can_see_all_conversations": false,
		"can_see_all_tasks": false}';
begin
	insert into public.permission_sets (organization_id, name, role, permissions, description) values
		(new.id, 'Sales Rep', 'AGENT', own_only, 'Own records'),
		(new.id, 'Manager', 'TEAM_ADMIN', own_only, 'Own records and those of the teams managed'),
		(new.id, 'Executive', 'AGENT', '{"can_edit_all_records": false}', 'Sees all records, changes the own ones'),
		(new.id, 'Admin', 'ADMIN', '{}', 'All records, administration, finance'),
		(new.id, 'Finance', 'AGENT', own_only || '{"can_access_finance": true, "can_edit_all_records": false}',
			'Own records; quotes, contracts and invoices with their contacts, companies and deals');
	return null;
end
$$;
create trigger permission_sets after insert on public.organizations
	for each row execute function internal.first_permission_sets();

create function public.my_access() returns jsonb
language sql stable security definer set search_path = ''
as $$
	select jsonb_build_object('role', auth.app_role(),
		'permission_set', (select s.name from public.permission_sets s
			where s.organization_id = auth.org() and s.id = r.permission_set_id),
		'permissions', (select jsonb_object_agg(f.key, auth.may(f.key)) from internal.permission_flags f where not f.restricts),
		'areas', to_jsonb(auth.areas()),
		'own_records', true,
		'team_records', exists (select from public.teams t where t.organization_id = auth.org() and t.manager_id = auth.uid()),
		'all_records', auth.sees_all('contacts') and auth.sees_all('deals'),
		'admin_access', auth.is_admin() and auth.may('can_manage_settings'),
		'finance_access', auth.may('can_access_finance'))
	from (select) one
	left join public.user_roles r on r.organization_id = auth.org() and r.user_id = auth.uid()
$$;
comment on function public.my_access() is 'What the caller may do: role, flags, areas of the menu, and the five rights of ADM-15';

grant execute on function internal.zone(text, text) to authenticated, service_role;
grant execute on function public.my_access() to authenticated;
grant execute on function auth.check_login(uuid, uuid, text) to kontor_app;
