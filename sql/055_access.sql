-- Who may do what inside a tenant: flags, teams, what of the records somebody
-- sees, when he may sign in. The tables are told in 085_access_tables.
--
-- A member has one of five roles (AUTH-62). A role has flags by default; a
-- permission set (the other product's Sales Rep, Manager, Executive, Finance)
-- changes some for everybody who has it, and the member's profile some for him
-- alone (AUTH-71). What comes out is kept in user_roles.may, so that the first
-- statement of a request only copies it into the claims.

-- ---- flags --------------------------------------------------------------------

create table internal.permission_flags (
	key text primary key check (key ~ '^[a-z_]+$'),
	label text not null,             -- in the dialog "Manage Permissions"
	category text not null check (category in ('CRM Access', 'Broadcast Access', 'PM Access', 'Custom')), -- AUTH-72
	roles text[] not null,           -- who has it by default
	never text[] not null default '{}', -- who cannot have it, whatever is ticked
	restricts boolean not null default false, -- takes something away; "everything" does not include it
	position integer generated always as identity
);
comment on table internal.permission_flags is 'Every permission flag and the roles that have it by default';
alter table internal.permission_flags enable row level security;
alter table internal.permission_flags force row level security;
create policy known on internal.permission_flags for select to authenticated, service_role using (true);
grant select on internal.permission_flags to authenticated, service_role;

insert into internal.permission_flags (key, label, category, roles, never, restricts) values
	('can_access_crm', 'CRM: contacts, companies, deals', 'CRM Access', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{}', false),
	('can_see_all_contacts', 'Can see all contacts and companies', 'CRM Access', '{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN}', '{}', false),
	('can_see_all_deals', 'Can see all deals', 'CRM Access', '{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN}', '{}', false),
	('can_edit_all_records', 'Can edit all records that are seen', 'CRM Access', '{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN}', '{}', false),
	('can_access_finance', 'Finance: all quotes, contracts, invoices', 'CRM Access', '{OWNER,ADMIN}', '{}', false),
	('can_access_broadcast', 'Broadcast: campaigns', 'Broadcast Access', '{OWNER,ADMIN}', '{}', false),
	('can_access_pm', 'Projects and support tickets', 'PM Access', '{OWNER,ADMIN,PROJECT_MANAGER}', '{}', false),
	('can_see_assigned_conversations', 'Can see assigned conversations', 'Custom', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{}', false),
	('can_see_all_conversations', 'Can see all conversations', 'Custom', '{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN}', '{}', false),
	('can_read_messages', 'Can read messages', 'Custom', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{}', false),
	('can_send_messages', 'Can send messages', 'Custom', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{}', false),
	('can_access_tasks', 'Can access tasks', 'Custom', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{}', false),
	('can_see_all_tasks', 'Can see all tasks', 'Custom', '{OWNER,ADMIN,AGENT,PROJECT_MANAGER,TEAM_ADMIN}', '{}', false),
	('can_manage_team', 'Can manage users', 'Custom', '{OWNER,ADMIN}', '{}', false),
	-- The matrix denies settings to the other three, flag or no flag.
	('can_manage_settings', 'Can manage settings', 'Custom', '{OWNER,ADMIN}', '{AGENT,PROJECT_MANAGER,TEAM_ADMIN}', false),
	('can_delete_data', 'Can delete data', 'Custom', '{OWNER,ADMIN}', '{}', false),
	('can_be_auto_assigned_conversations', 'Gets conversations automatically', 'Custom', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{PROJECT_MANAGER}', false),
	('can_be_auto_assigned_tasks', 'Gets tasks automatically', 'Custom', '{OWNER,ADMIN,AGENT,TEAM_ADMIN}', '{PROJECT_MANAGER}', false),
	('can_access_call_intelligence', 'Call Intelligence', 'Custom', '{OWNER,ADMIN}', '{}', false),
	('can_see_all_call_records', 'Can see all call records', 'Custom', '{OWNER,ADMIN}', '{}', false),
	('can_manage_call_settings', 'Can manage call settings', 'Custom', '{OWNER,ADMIN}', '{}', false),
	('can_access_social', 'Social Media', 'Custom', '{OWNER,ADMIN,AGENT}', '{}', false),
	('can_publish_social', 'Can publish social posts', 'Custom', '{OWNER,ADMIN}', '{}', false),
	('can_see_all_social_posts', 'Can see all social posts', 'Custom', '{OWNER,ADMIN}', '{}', false),
	('restrict_login_to_schedule', 'Restrict login to schedule', 'Custom', '{}', '{OWNER}', true);

-- {"can_access_crm": true, ...}: known flags and true or false, nothing else.
create function internal.check_permissions(given jsonb) returns void
language plpgsql stable
as $$
declare
	bad text;
begin
	if jsonb_typeof(given) is distinct from 'object' then
		raise exception using errcode = 'KT400', message = 'permissions must be an object of flags',
			hint = '{"can_access_crm": true}', column = 'permissions';
	end if;
	select e.key into bad from jsonb_each(given) e
		where jsonb_typeof(e.value) <> 'boolean' or e.key not in (select f.key from internal.permission_flags f) limit 1;
	if bad is not null then
		raise exception using errcode = 'KT400', column = 'permissions',
			message = format('"%s" is not a permission that can be true or false', bad),
			hint = 'Known are ' || (select string_agg(f.key, ', ' order by f.position) from internal.permission_flags f);
	end if;
end
$$;

-- Sets of permissions with a name (AUTH-71); the roles of the other product are
-- five of them (ADM-14).
create table public.permission_sets (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100),
	role text not null check (role in ('ADMIN', 'AGENT', 'PROJECT_MANAGER', 'TEAM_ADMIN')),
	permissions jsonb not null default '{}',
	description text check (length(description) <= 500),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, name)
);
comment on table public.permission_sets is 'Named sets: a role, and the flags in which its members differ from it';
do $$ begin perform internal.tenant_table('public.permission_sets'); end $$;

alter table public.user_roles add column permission_set_id uuid,
	add column may text[] not null default '{}',
	add constraint user_roles_permission_set_id_fkey foreign key (organization_id, permission_set_id)
		references public.permission_sets (organization_id, id) on delete set null (permission_set_id);
comment on column public.user_roles.role is 'OWNER, ADMIN, AGENT, PROJECT_MANAGER or TEAM_ADMIN (AUTH-62)';
comment on column public.user_roles.may is 'What comes of role, set and profile: the flags that are on; * stands for all of them';
alter table public.profiles add column if not exists permissions jsonb not null default '{}',
	add column if not exists phone text,
	add column if not exists language text not null default 'en' check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
	add column if not exists onboarding_completed boolean not null default false;
comment on column public.profiles.permissions is 'Flags in which this member differs from his role; changed by owners and administrators, never by himself';
grant update (permissions, phone, language, onboarding_completed) on public.profiles to authenticated;

-- The flags that are on, in one array; {*} when nothing is missing.
create function internal.effective_flags(of_role text, of_set jsonb, of_profile jsonb) returns text[]
language sql stable security definer set search_path = ''
as $$
	with flags as (
		select f.key, f.restricts, not of_role = any (f.never) and case when of_role = 'OWNER' then of_role = any (f.roles)
			else coalesce((of_profile ->> f.key)::boolean, (of_set ->> f.key)::boolean, of_role = any (f.roles)) end as is_on
		from internal.permission_flags f)
	select case when bool_and(is_on or restricts)
			then array['*'] || coalesce(array_agg(key) filter (where is_on and restricts), '{}')
			else coalesce(array_agg(key) filter (where is_on), '{}') end
	from flags
$$;

-- A set brings its role along; another role puts the set away.
create function internal.role_flags() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	s public.permission_sets;
	own jsonb;
begin
	select * into s from public.permission_sets x where x.organization_id = new.organization_id and x.id = new.permission_set_id;
	if s.role <> new.role then
		if new.role <> 'OWNER' and (tg_op = 'INSERT' or new.permission_set_id is distinct from old.permission_set_id) then
			new.role := s.role;
		else
			new.permission_set_id := null;
			s := null;
		end if;
	end if;
	select p.permissions into own from public.profiles p where p.organization_id = new.organization_id and p.id = new.user_id;
	new.may := internal.effective_flags(new.role, s.permissions, own);
	return new;
end
$$;
create trigger z_flags before insert or update on public.user_roles
	for each row execute function internal.role_flags();

-- Any write to a row of user_roles computes it again (AUTH-73: at once).
create function internal.flags_follow() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_table_name = 'profiles' then
		update public.user_roles set role = role where organization_id = new.organization_id and user_id = new.id;
	elsif tg_table_name = 'permission_sets' then
		update public.user_roles set role = role
			where organization_id = new.organization_id and permission_set_id = new.id;
	else
		update public.user_roles set role = role;
	end if;
	return null;
end
$$;
create trigger flags_follow after update of permissions on public.profiles
	for each row when (old.permissions is distinct from new.permissions) execute function internal.flags_follow();
create trigger flags_follow after update of permissions, role on public.permission_sets
	for each row when ((old.permissions, old.role) is distinct from (new.permissions, new.role)) execute function internal.flags_follow();
create trigger flags_follow after insert or update or delete on internal.permission_flags
	for each statement execute function internal.flags_follow();
update public.user_roles set role = role;

-- ---- asking -----------------------------------------------------------------------

create function internal.role_has(of_role text, flag text) returns boolean
language sql stable
as $$ select coalesce((select of_role = any (f.roles) from internal.permission_flags f where f.key = flag), false) $$;

create function internal.member_has(flag text) returns boolean
language sql stable security definer set search_path = ''
as $$
	select coalesce((select r.may && array['*', flag] from public.user_roles r
		where r.organization_id = auth.org() and r.user_id = auth.uid()), false)
$$;

-- A session has `may` in its claims. A key of a user has its user's flags,
-- another one those of an administrator; both may name can_read_messages and
-- can_send_messages beside, which takes away and never gives.
create function auth.may(flag text) returns boolean
language plpgsql stable parallel safe
as $$
declare
	c jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
	return case when c ->> 'app_role' = 'SYSTEM' or c ->> 'role' = 'service_role' then true
		when not coalesce((c ->> flag)::boolean, true) then false
		when c ? 'may' then c -> 'may' ?| array['*', flag]
		when c ? 'sub' then internal.member_has(flag)
		when c ->> 'app_role' in ('OWNER', 'ADMIN') then true
		else coalesce(internal.role_has(c ->> 'app_role', flag), false) end;
end
$$;
comment on function auth.may(text) is
	'Whether the caller has a flag. Policies wrap it as (select auth.may(...)), so that it is asked once per query';

-- The same for a place where the answer no ends the request (AUTH-78).
create function internal.must(flag text) returns boolean
language plpgsql stable
as $$
begin
	if not auth.may(flag) then
		raise exception using errcode = 'KT403', message = 'You do not have the permission for this',
			hint = format('It needs %s; ask an administrator of your organization', flag);
	end if;
	return true;
end
$$;

create function auth.is_admin() returns boolean
language sql stable parallel safe
as $$ select coalesce((nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'app_role') in ('OWNER', 'ADMIN', 'SYSTEM'), false) $$;

-- ---- areas: the rows of the matrix that are more than one flag -----------------------

create table internal.access_areas (
	area text primary key,
	roles text[], -- who can come in at all; null: everybody
	flag text references internal.permission_flags -- which he needs, too
);
comment on table internal.access_areas is 'What pages, menu and functions ask before they open (auth-team.md, matrix of permissions)';
alter table internal.access_areas enable row level security;
alter table internal.access_areas force row level security;
create policy known on internal.access_areas for select to authenticated, service_role using (true);
grant select on internal.access_areas to authenticated, service_role;
insert into internal.access_areas (area, roles, flag) values
	('preferences', null, null),
	('settings', '{OWNER,ADMIN}', 'can_manage_settings'),
	('credentials', '{OWNER}', null),
	('team', null, 'can_manage_team'),
	('teams', '{OWNER,ADMIN,TEAM_ADMIN}', null),
	('inbox', null, 'can_see_assigned_conversations'),
	('crm', null, 'can_access_crm'),
	('finance', null, 'can_access_finance'),
	('tasks', null, 'can_access_tasks'),
	('campaigns', null, 'can_access_broadcast'),
	('projects', null, 'can_access_pm'),
	('sales_report', '{OWNER,ADMIN}', 'can_access_crm'),
	('agent_performance', '{OWNER,ADMIN}', null),
	('attendance', '{OWNER,ADMIN}', null),
	('calls', null, 'can_access_call_intelligence'),
	('call_settings', null, 'can_manage_call_settings'),
	('call_reclassify', '{OWNER,ADMIN}', null),
	('call_delete', '{OWNER,ADMIN}', null),
	('call_report', '{OWNER,ADMIN}', null),
	('reengagement_settings', '{OWNER,ADMIN}', null),
	('reengagement_drafts', null, 'can_send_messages'),
	('reply_assistant_settings', '{OWNER,ADMIN}', null),
	('reply_suggestions', null, 'can_send_messages'),
	('own_ai_key', '{OWNER,ADMIN}', null),
	('ai_assistant', '{OWNER,ADMIN}', null),
	('social', null, 'can_access_social'),
	('social_publish', null, 'can_publish_social'),
	('templates', null, 'can_send_messages'),
	('templates_delete', null, 'can_delete_data'),
	('labels', '{OWNER,ADMIN}', 'can_manage_settings'),
	('external_pages', '{OWNER,ADMIN}', 'can_manage_settings'),
	('subscription_sync', '{OWNER,ADMIN}', null);

create function auth.areas() returns text[]
language sql stable
as $$
	select coalesce(array_agg(a.area order by a.area), '{}') from internal.access_areas a
	where auth.uid() is not null and (a.roles is null or auth.app_role() = any (a.roles))
		and (a.flag is null or auth.may(a.flag))
$$;
comment on function auth.areas() is 'Every area that the caller may enter, for the menu (AUTH-74, ADM-6)';

create function auth.enter(name text) returns void
language plpgsql stable
as $$
begin
	if not name = any (auth.areas()) then
		raise exception using errcode = 'KT403', message = 'You do not have the permission for this',
			hint = 'Ask an administrator of your organization';
	end if;
end
$$;
comment on function auth.enter(text) is 'Ends the request as 403 for who may not enter; the second statement of a page or function (AUTH-79)';

-- ---- teams (AUTH-67, ADM-8) ----------------------------------------------------------

create table public.teams (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100),
	manager_id uuid,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, name),
	constraint teams_manager_id_fkey foreign key (organization_id, manager_id)
		references public.profiles (organization_id, id) on delete set null (manager_id)
);
comment on table public.teams is 'Groups of members: shared queue, filter of reports, routing target, visibility of records (ADM-9)';
comment on column public.teams.manager_id is 'The one who manages the team and sees what its members own; an owner, administrator or team administrator';
create index teams_manager_idx on public.teams (organization_id, manager_id);
do $$ begin perform internal.tenant_table('public.teams'); end $$;

create table public.team_members (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	team_id uuid not null,
	user_id uuid not null,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, team_id, user_id),
	constraint team_members_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete cascade,
	constraint team_members_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.team_members is 'Who is in which team; a member can be in several (ADM-8)';
create index team_members_user_idx on public.team_members (organization_id, user_id);
do $$ begin perform internal.tenant_table('public.team_members'); end $$;

create function internal.team_manager() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.manager_id is not null and not exists (select from public.user_roles r
			where r.organization_id = new.organization_id and r.user_id = new.manager_id
				and r.role in ('OWNER', 'ADMIN', 'TEAM_ADMIN')) then
		raise exception using errcode = 'KT400', column = 'manager_id',
			message = 'Only an owner, administrator or team administrator can manage a team',
			hint = 'Give the member one of these roles first';
	end if;
	return new;
end
$$;
create trigger manager before insert or update of manager_id on public.teams
	for each row execute function internal.team_manager();

create policy manage_insert on public.teams as restrictive for insert to authenticated
	with check ((select internal.must('can_manage_team')));
create policy manage_update on public.teams as restrictive for update to authenticated
	using ((select internal.must('can_manage_team')));
create policy manage_delete on public.teams as restrictive for delete to authenticated
	using ((select internal.must('can_manage_team')));

-- A team administrator keeps the members of the teams that are his.
create function internal.keeps_team(team uuid) returns boolean
language sql stable
as $$
	select auth.may('can_manage_team') or auth.app_role() = 'TEAM_ADMIN' and exists (select from public.teams t
		where t.organization_id = auth.org() and t.id = team and t.manager_id = auth.uid())
$$;
create policy manage_insert on public.team_members as restrictive for insert to authenticated
	with check (internal.keeps_team(team_id));
create policy manage_update on public.team_members as restrictive for update to authenticated
	using (internal.keeps_team(team_id));
create policy manage_delete on public.team_members as restrictive for delete to authenticated
	using (internal.keeps_team(team_id));

create function auth.team_ids() returns uuid[]
language plpgsql stable security definer set search_path = ''
as $$
begin
	return array(select m.user_id from public.teams t
			join public.team_members m on m.organization_id = t.organization_id and m.team_id = t.id
			where t.organization_id = auth.org() and t.manager_id = auth.uid()) || auth.uid();
end
$$;
comment on function auth.team_ids() is 'The caller and the members of the teams that he manages: whose records are his to see (ADM-10)';

-- ---- channels of a member (AUTH-76) ------------------------------------------------------

create table public.user_channel_access (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid not null,
	channel_account_id uuid not null,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, user_id, channel_account_id),
	constraint user_channel_access_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade,
	constraint user_channel_access_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.user_channel_access is
	'The channel accounts that a member sees and uses; a member without a row here is not limited, nor is an owner or administrator';
do $$ begin perform internal.tenant_table('public.user_channel_access'); end $$;

create function auth.channel_ids() returns uuid[]
language plpgsql stable security definer set search_path = ''
as $$
begin
	if auth.uid() is null or auth.is_admin() then
		return null;
	end if;
	return (select array_agg(u.channel_account_id) from public.user_channel_access u
		where u.organization_id = auth.org() and u.user_id = auth.uid());
end
$$;
comment on function auth.channel_ids() is 'The channel accounts that the caller is limited to; null: all';

-- ---- own, team, all ----------------------------------------------------------------------

create function auth.sees_all(kind text) returns boolean
language plpgsql stable
as $$
declare
	c jsonb := nullif(current_setting('request.jwt.claims', true), '');
begin
	-- Whoever has every flag, or is no member at all: the usual case, asked once.
	if c -> 'may' ? '*' and (kind <> 'conversations' or not c ? 'sub' or c ->> 'app_role' in ('OWNER', 'ADMIN')) then
		return true;
	end if;
	return auth.may('can_see_all_' || kind) and case kind
		when 'contacts' then auth.may('can_access_crm')
		when 'deals' then auth.may('can_access_crm')
		when 'conversations' then auth.may('can_see_assigned_conversations') and auth.channel_ids() is null
		else true end;
end
$$;
comment on function auth.sees_all(text) is 'Whether nothing of this kind is hidden from the caller: the quick way through its policies';

create function auth.sees_everything() returns boolean
language plpgsql stable
as $$
begin
	return auth.sees_all('contacts') and auth.sees_all('deals') and auth.sees_all('conversations')
		and auth.may('can_read_messages');
end
$$;

-- Who sees only his own makes his own: a record that he could not see again
-- would be lost to him. Arguments: the owner's column, the flag.
create function internal.own_new() returns trigger
language plpgsql
as $$
begin
	if auth.uid() is not null and not auth.may(tg_argv[1]) then
		new := jsonb_populate_record(new, jsonb_build_object(tg_argv[0], auth.uid()));
	end if;
	return new;
end
$$;

-- Seeing all and editing one's own (an executive, ADM-15). Not a policy, which
-- would pass over the row in silence.
create function internal.own_only() returns trigger
language plpgsql
as $$
begin
	if not coalesce((to_jsonb(old) ->> tg_argv[0])::uuid = any (auth.team_ids()), false) then
		raise exception using errcode = 'KT403', message = 'You may see this record, but not change it',
			hint = 'Ask its owner or an administrator';
	end if;
	return case tg_op when 'DELETE' then old else new end;
end
$$;

create function internal.visible_table(t regclass, owner_column name, kind text, flag text default null,
	otherwise text default null) returns void
language plpgsql
as $$
declare
	rule text := format('(select auth.sees_all(%L)) or %s%I = any ((select auth.team_ids())::uuid[])', kind,
			case when flag is null then '' else format('(select auth.may(%L)) and ', flag) end, owner_column)
		|| coalesce(' or ' || otherwise, '');
begin
	execute format('create policy visible on %s as restrictive to authenticated using (%s) with check (%s)', t, rule, rule);
	execute format('create trigger a_own_new before insert on %s for each row when (new.%I is null)
		execute function internal.own_new(%L, %L)', t, owner_column, owner_column, 'can_see_all_' || kind);
	execute format('create trigger a_own_only before update or delete on %s for each row
		when (current_user = ''authenticated'' and not auth.may(''can_edit_all_records''))
		execute function internal.own_only(%L)', t, owner_column);
end
$$;
comment on function internal.visible_table(regclass, name, text, text, text) is
	'Own, team or all by the flag can_see_all_<kind>. flag: what own and team need; otherwise: by what a row is seen, too';

-- Which flag opens a table, for addresses that name one (auth.open_table).
create table internal.table_flags (
	name text primary key,
	reads text references internal.permission_flags,
	writes text references internal.permission_flags
);
alter table internal.table_flags enable row level security;
alter table internal.table_flags force row level security;
create policy known on internal.table_flags for select to authenticated, service_role using (true);
grant select on internal.table_flags to authenticated, service_role;

create function internal.flag_table(t regclass, flag text, write_flag text default null, reads boolean default true) returns void
language plpgsql
as $$
declare
	must text := format('(select internal.must(%L))', coalesce(write_flag, flag));
begin
	if reads then
		execute format('create policy flag_select on %s as restrictive for select to authenticated using ((select auth.may(%L)))', t, flag);
	end if;
	execute format('create policy flag_insert on %s as restrictive for insert to authenticated with check (%s)', t, must);
	execute format('create policy flag_update on %s as restrictive for update to authenticated using (%s)', t, must);
	execute format('create policy flag_delete on %s as restrictive for delete to authenticated using (%s)', t, must);
	insert into internal.table_flags (name, reads, writes)
		select c.relname, case when reads then flag end, coalesce(write_flag, flag) from pg_class c where c.oid = t;
end
$$;
comment on function internal.flag_table(regclass, text, text, boolean) is
	'Who lacks the flag reads nothing of the table and is refused writing it; reads false: other policies say what is read';

-- An agent with a key of his own making would be an administrator; one who
-- moves a channel's api_base is sent its token with the next message.
create function internal.admin_table(t regclass, read boolean default false) returns void
language plpgsql
as $$
begin
	perform internal.flag_table(t, 'can_manage_settings', reads => read);
end
$$;
comment on function internal.admin_table(regclass, boolean) is
	'Only owners, administrators and the programs write this table, or (read) see it';

-- A policy hides rows without a word; who asks for a table by its name is told
-- that it is closed to him (AUTH-78).
create function auth.open_table(target text, writing boolean) returns void
language plpgsql stable
as $$
declare
	flag text;
begin
	select case when writing then f.writes else f.reads end into flag
		from internal.table_flags f where f.name = split_part(target, '/', 1);
	if flag is not null and not auth.may(flag) then
		raise exception using errcode = 'KT403', message = format('You do not have access to %s', split_part(target, '/', 1)),
			hint = format('It needs %s; ask an administrator of your organization', flag);
	end if;
end
$$;

grant execute on function auth.may(text), auth.is_admin(), auth.areas(), auth.enter(text), auth.team_ids(), auth.channel_ids(),
	auth.sees_all(text), auth.sees_everything(), auth.open_table(text, boolean), internal.role_has(text, text),
	internal.member_has(text), internal.must(text), internal.keeps_team(uuid), internal.check_permissions(jsonb),
	internal.own_new(), internal.own_only() to authenticated, service_role;
