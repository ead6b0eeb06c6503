-- Tenants, users, their sessions and keys.

-- ---- organizations: the tenants --------------------------------------------

create table public.organizations (
	id uuid primary key default uuid7(),
	name text not null check (length(name) between 1 and 200),
	slug text not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
	timezone text not null default 'UTC',
	currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
	settings jsonb not null default '{}',
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now()
);
comment on table public.organizations is 'A tenant. Everything else carries its id as organization_id';
alter table public.organizations enable row level security;
alter table public.organizations force row level security;
create policy tenant on public.organizations to authenticated
	using (id = (select auth.org())) with check (id = (select auth.org()));
grant select on public.organizations to authenticated;
grant update (name, timezone, currency, settings) on public.organizations to authenticated;
grant all on public.organizations to service_role;
create trigger touch before update on public.organizations
	for each row execute function internal.touch();

-- ---- users -------------------------------------------------------------------

-- A person who can sign in; what he is in a tenant stands in profiles.
create table auth.users (
	id uuid primary key default uuid7(),
	email text not null unique check (email = lower(email) and email ~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$'),
	password_hash text, -- argon2id, PHC form; null: no password yet
	email_confirmed_at timestamptz,
	last_organization_id uuid references public.organizations on delete set null,
	failed_logins integer not null default 0,
	locked_until timestamptz,
	created_at timestamptz not null default now()
);
alter table auth.users enable row level security;
alter table auth.users force row level security;

create table public.profiles (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null references auth.users on delete cascade,
	first_name text check (length(first_name) <= 100),
	last_name text check (length(last_name) <= 100),
	email text not null,
	avatar_url text,
	username text, -- first part of booking links, /schedule/<username>
	timezone text not null default 'UTC', -- IANA zone in which availability is written
	notify_bookings boolean not null default true,
	is_active boolean not null default true,
	is_online boolean not null default false,
	last_seen_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.profiles is 'A user as a member of a tenant; id is the user''s id';
-- Booking links carry no tenant, so user names are unique over all of them.
create unique index profiles_username_key on public.profiles (lower(username));
create index profiles_user_idx on public.profiles (id);
do $$ begin perform internal.tenant_table('public.profiles', writable => false); end $$;
grant update (first_name, last_name, avatar_url, username, timezone, notify_bookings, is_online, last_seen_at)
	on public.profiles to authenticated;

-- Roles stand apart from profiles, so that a profile update can never grant one.
create table public.user_roles (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid not null,
	role text not null check (role in ('OWNER', 'ADMIN', 'AGENT', 'PROJECT_MANAGER', 'TEAM_ADMIN')),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, user_id),
	constraint user_roles_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
do $$ begin perform internal.tenant_table('public.user_roles', writable => false); end $$;

-- ---- sessions and keys ---------------------------------------------------------

-- Web sessions (cookie) and refresh tokens; only the SHA-256 of a token is kept.
create table auth.sessions (
	id uuid primary key default uuid7(),
	token_hash bytea not null unique,
	user_id uuid not null references auth.users on delete cascade,
	organization_id uuid not null references public.organizations on delete cascade,
	kind text not null check (kind in ('web', 'refresh')),
	user_agent text,
	remote_addr text,
	created_at timestamptz not null default now(),
	expires_at timestamptz not null
);
create index sessions_user_idx on auth.sessions (user_id);
alter table auth.sessions enable row level security;
alter table auth.sessions force row level security;

create table public.api_keys (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100),
	prefix text not null, -- what lists show: the first characters
	key_hash bytea not null unique, -- SHA-256 of the whole key
	created_by uuid,
	can_send_messages boolean not null default true,
	can_read_messages boolean not null default true,
	is_active boolean not null default true,
	expires_at timestamptz,
	last_used_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.api_keys is 'Keys of programs (cg_..., ck_live_...); the key itself is shown once and not kept';
do $$ begin perform internal.tenant_table('public.api_keys'); end $$;
revoke select on public.api_keys from authenticated;
grant select (organization_id, id, name, prefix, created_by, can_send_messages, can_read_messages,
	is_active, expires_at, last_used_at, created_at, updated_at) on public.api_keys to authenticated;

-- ---- the first statement of every request --------------------------------------

-- Each of these judges a credential, sets request.jwt.claims for the rest of the
-- transaction and returns the role to become; no match raises 28000, and the
-- statements behind it in the pipeline are skipped.

create function auth.begin_session(token_sha256 text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	c text;
begin
	select json_build_object('sub', s.user_id, 'organization_id', s.organization_id, 'role', 'authenticated',
			'app_role', r.role, 'may', r.may, 'session_id', s.id)
		into c
		from auth.sessions s
		join public.profiles p on p.organization_id = s.organization_id and p.id = s.user_id
		left join public.user_roles r on r.organization_id = s.organization_id and r.user_id = s.user_id
		where s.token_hash = decode(token_sha256, 'hex') and s.kind = 'web'
			and s.expires_at > now() and not s.waits_for_factor and p.is_active;
	if c is null then
		raise exception using errcode = '28000', message = 'Sign in first';
	end if;
	perform set_config('request.jwt.claims', c, true);
	return 'authenticated';
end
$$;

create function auth.begin_api_key(key_sha256 text, remote_addr text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	k record;
begin
	select a.organization_id, a.id, a.created_by, a.can_send_messages, a.can_read_messages, a.last_used_at
		into k
		from public.api_keys a
		where a.key_hash = decode(key_sha256, 'hex') and a.is_active
			and (a.expires_at is null or a.expires_at > now());
	if not found then
		raise exception using errcode = '28000', message = 'Invalid or expired API key';
	end if;
	-- Written at most once a minute, so that reading stays reading.
	if k.last_used_at is null or k.last_used_at < now() - interval '1 minute' then
		update public.api_keys a set last_used_at = now()
			where a.organization_id = k.organization_id and a.id = k.id;
	end if;
	perform set_config('request.jwt.claims', jsonb_build_object('organization_id', k.organization_id,
		'role', 'authenticated', 'app_role', 'ADMIN', 'api_key_id', k.id,
		'can_send_messages', k.can_send_messages, 'can_read_messages', k.can_read_messages)::text, true);
	return 'authenticated';
end
$$;

-- Claims of a JWT whose signature the program has checked. A user's token
-- holds only while his session and his membership do.
create function auth.begin_claims(claims text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	c jsonb := claims::jsonb;
	r text := coalesce(c ->> 'role', 'anon');
begin
	if r not in ('anon', 'authenticated', 'service_role') then
		raise exception using errcode = '28000', message = 'The token names a role that does not exist';
	end if;
	if r = 'authenticated' and not exists (
			select from auth.sessions s
			join public.profiles p on p.organization_id = s.organization_id and p.id = s.user_id
			where s.id = (c ->> 'session_id')::uuid and s.expires_at > now() and p.is_active) then
		raise exception using errcode = '28000', message = 'The session of this token has ended; sign in again';
	end if;
	perform set_config('request.jwt.claims', claims, true);
	return r;
end
$$;

-- The programs themselves, for one tenant: intake and jobs.
create function auth.begin_system(organization uuid) returns text
language plpgsql security definer set search_path = ''
as $$
begin
	perform set_config('request.jwt.claims', json_build_object('organization_id', organization,
		'role', 'authenticated', 'app_role', 'SYSTEM')::text, true);
	return 'authenticated';
end
$$;

-- Behind the identity, on a site that nginx binds to a tenant.
create function auth.bind_site(tenant_slug text) returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid;
begin
	select o.id into org from public.organizations o where o.slug = tenant_slug;
	if org is null then
		raise exception using errcode = 'KT404', message = 'There is nothing at this address',
			hint = 'The web server binds this site to a tenant that does not exist';
	end if;
	if auth.org() is not null and auth.org() <> org then
		raise exception using errcode = '28000', message = 'This address belongs to another organization';
	end if;
	perform set_config('kontor.site', org::text, true);
end
$$;

-- ---- signing in -------------------------------------------------------------------

-- The password is compared in C (argon2id); these tell what to compare with
-- and write down how it went. Five failures lock an address for a growing
-- time: 1, 2, 4 ... minutes, at most an hour.
create function auth.login_lookup(address text)
	returns table (user_id uuid, password_hash text, locked_seconds integer)
language sql stable security definer set search_path = ''
as $$
	select u.id, u.password_hash,
		greatest(0, ceil(extract(epoch from u.locked_until - now())))::integer
	from auth.users u where u.email = lower(address)
$$;

create function auth.login_failed(usr uuid) returns void
language sql security definer set search_path = ''
as $$
	update auth.users set failed_logins = failed_logins + 1,
		locked_until = case when failed_logins + 1 >= 5
			then now() + least(interval '1 hour', interval '1 minute' * 2 ^ least(failed_logins - 4, 6)) end
	where id = usr
$$;

create function auth.login_ok(usr uuid, token_sha256 text, session_kind text, agent text, addr text, lifetime interval)
	returns table (session_id uuid, organization_id uuid, app_role text, email text)
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid;
	session uuid;
begin
	select p.organization_id into org
		from public.profiles p join auth.users u on u.id = p.id
		where p.id = usr and p.is_active and internal.on_site(p.organization_id)
		order by p.organization_id = u.last_organization_id desc nulls last, p.created_at
		limit 1;
	if org is null then
		raise exception using errcode = 'KT403', message = 'This account is deactivated',
			hint = 'Ask an administrator of your organization';
	end if;
	perform auth.check_login(org, usr, addr);
	update auth.users set failed_logins = 0, locked_until = null, last_organization_id = org where id = usr;
	insert into auth.sessions (token_hash, user_id, organization_id, kind, user_agent, remote_addr, expires_at)
		values (decode(token_sha256, 'hex'), usr, org, session_kind, left(agent, 300), addr, now() + lifetime)
		returning id into session;
	return query
		select session, org, r.role, u.email
		from auth.users u
		left join public.user_roles r on r.organization_id = org and r.user_id = u.id
		where u.id = usr;
end
$$;

create function auth.logout(token_sha256 text) returns void
language sql security definer set search_path = ''
as $$ delete from auth.sessions where token_hash = decode(token_sha256, 'hex') $$;

grant execute on function auth.begin_session(text), auth.begin_api_key(text, text), auth.begin_claims(text),
	auth.begin_system(uuid), auth.login_lookup(text), auth.login_failed(uuid),
	auth.login_ok(uuid, text, text, text, text, interval), auth.logout(text) to kontor_app;
grant execute on function auth.begin_system(uuid) to kontor_worker;
grant execute on function auth.bind_site(text) to kontor_app, anon, authenticated, service_role;
