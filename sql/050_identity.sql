-- Identity: how a person becomes known, and stays it. Here: the tables, sessions and
-- their refresh tokens. 051_sign_up has mailed links and codes, 052_factors the second
-- factors, 053_providers sign-in at somebody else's (OpenID Connect).
--
-- Tokens and codes are stored as SHA-256; the programs make them and pass the
-- hash. What a caller did wrong comes back as `outcome`, not as an error, where
-- something has to be written down all the same (a failure counted, a family of
-- tokens ended); the texts stand in fcgi/api/auth/outcomes.def.
--
-- Mails are rendered and sealed by the programs before they know whether there
-- is anybody to send them to, so that the answer for an unknown address is the
-- same, and costs the same.

alter table auth.users
	add column raw_user_meta_data jsonb not null default '{}' check (pg_column_size(raw_user_meta_data) <= 16384),
	add column new_email text, -- waits for its confirmation
	add column last_sign_in_at timestamptz,
	add column updated_at timestamptz not null default now();
create trigger touch before update on auth.users for each row execute function internal.touch();

-- ---- sessions ------------------------------------------------------------------------------

-- An ended session stays for the lists of sessions until it is purged; nothing
-- opens with it, because its expires_at has come.
alter table auth.sessions alter column token_hash drop not null;
alter table auth.sessions
	add column aal text not null default 'aal1' check (aal in ('aal1', 'aal2')),
	add column amr jsonb not null default '[]', -- [{"method":"password","timestamp":1737123456}]
	add column access_seconds integer not null default 3600, -- life of its access tokens (AUTH-13)
	add column last_seen_at timestamptz not null default now(),
	add column ended_at timestamptz,
	add column end_reason text,
	add column waits_for_factor boolean not null default false, -- the password was right, the code is still to come
	add constraint sessions_cookie_check check (kind <> 'web' or token_hash is not null);
comment on column auth.sessions.end_reason is 'signed_out, password_changed, token_reuse, second_factor, revoked';

-- The family of a session: each token is used once and names its successor.
create table auth.refresh_tokens (
	token_hash bytea primary key,
	session_id uuid not null references auth.sessions on delete cascade,
	created_at timestamptz not null default now(),
	used_at timestamptz,
	replaced_by bytea
);
create index refresh_tokens_session_idx on auth.refresh_tokens (session_id);
alter table auth.refresh_tokens enable row level security;
alter table auth.refresh_tokens force row level security;
insert into auth.refresh_tokens (token_hash, session_id)
	select token_hash, id from auth.sessions where kind = 'refresh';
update auth.sessions set token_hash = null where kind = 'refresh';

create function auth.end_sessions(which uuid[], why text) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	n integer;
begin
	update auth.sessions s set ended_at = now(), end_reason = why, expires_at = least(s.expires_at, now())
		where s.id = any (which) and s.ended_at is null;
	get diagnostics n = row_count;
	return n;
end
$$;
comment on function auth.end_sessions(uuid[], text) is 'End these sessions; their cookies and tokens open nothing from now on';

create function auth.sessions_of(usr uuid, except_session uuid default null) returns uuid[]
language sql stable security definer set search_path = ''
as $$
	select coalesce(array_agg(s.id), '{}') from auth.sessions s
	where s.user_id = usr and s.ended_at is null and s.id is distinct from except_session
$$;

-- AUTH-17: who has an open session is online; who has ended his last one is not.
-- Last seen is when he came, or when he went.
create function internal.session_presence() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	s auth.sessions := coalesce(new, old);
	open boolean := exists (select from auth.sessions o where o.user_id = s.user_id
		and o.organization_id = s.organization_id and o.ended_at is null and o.expires_at > now() and not o.waits_for_factor);
begin
	update public.profiles p set is_online = open, last_seen_at = greatest(p.last_seen_at, s.last_seen_at, s.ended_at)
		where p.organization_id = s.organization_id and p.id = s.user_id
			and (p.is_online is distinct from open or tg_op = 'INSERT');
	return null;
end
$$;
create trigger presence after insert or delete or update of ended_at, waits_for_factor on auth.sessions
	for each row execute function internal.session_presence();

-- AUTH-10: the profile tells whether the address was confirmed.
alter table public.profiles add column email_confirmed boolean not null default false;
update public.profiles p set email_confirmed = true
	from auth.users u where u.id = p.id and u.email_confirmed_at is not null;

create function internal.profile_confirmed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.email_confirmed := exists (select from auth.users u where u.id = new.id and u.email_confirmed_at is not null);
	return new;
end
$$;
create trigger confirmed before insert on public.profiles for each row execute function internal.profile_confirmed();

create function internal.user_confirmed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	update public.profiles p set email_confirmed = new.email_confirmed_at is not null where p.id = new.id;
	return null;
end
$$;
create trigger confirmed after update of email_confirmed_at on auth.users for each row
	when ((old.email_confirmed_at is null) <> (new.email_confirmed_at is null)) execute function internal.user_confirmed();

-- ---- what was mailed ---------------------------------------------------------------------------

create table auth.one_time_tokens (
	id uuid primary key default uuid7(),
	kind text not null check (kind in ('signup', 'recovery', 'magiclink', 'email_change')),
	user_id uuid not null references auth.users on delete cascade,
	token_hash bytea not null unique, -- of the link
	code_hash bytea not null,         -- of the six digits, with the user's id
	email text not null,              -- where it went; of email_change the new address
	redirect_to text,
	code_challenge text,              -- PKCE: the link gives a code, not a session
	code_challenge_method text,
	attempts integer not null default 0,
	created_at timestamptz not null default now(),
	expires_at timestamptz not null,
	used_at timestamptz
);
create index one_time_tokens_user_idx on auth.one_time_tokens (user_id, kind);
alter table auth.one_time_tokens enable row level security;
alter table auth.one_time_tokens force row level security;

-- When an address was last written to, whether it has an account or not.
create table auth.mail_times (
	address_hash bytea not null,
	kind text not null,
	sent_at timestamptz not null default now(),
	primary key (address_hash, kind)
);
create index mail_times_age_idx on auth.mail_times (sent_at);
alter table auth.mail_times enable row level security;
alter table auth.mail_times force row level security;

-- ---- second factors, identities, flows ------------------------------------------------------------

create table auth.factors (
	id uuid primary key,
	user_id uuid not null references auth.users on delete cascade,
	friendly_name text check (length(friendly_name) <= 100),
	factor_type text not null default 'totp' check (factor_type = 'totp'),
	status text not null default 'unverified' check (status in ('unverified', 'verified')),
	secret text not null,             -- sealed under the master key
	last_step bigint not null default 0, -- a code is good once
	failures integer not null default 0,
	locked_until timestamptz,
	last_challenged_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now()
);
create index factors_user_idx on auth.factors (user_id);
create unique index factors_name_key on auth.factors (user_id, lower(friendly_name)) where friendly_name <> '';
create trigger touch before update on auth.factors for each row execute function internal.touch();
alter table auth.factors enable row level security;
alter table auth.factors force row level security;

create table auth.challenges (
	id uuid primary key default uuid7(),
	factor_id uuid not null references auth.factors on delete cascade,
	session_id uuid not null references auth.sessions on delete cascade,
	remote_addr text,
	created_at timestamptz not null default now(),
	expires_at timestamptz not null default now() + interval '5 minutes',
	verified_at timestamptz
);
create index challenges_factor_idx on auth.challenges (factor_id);
create index challenges_session_idx on auth.challenges (session_id);
alter table auth.challenges enable row level security;
alter table auth.challenges force row level security;

-- How a user is known elsewhere: at a provider by its `sub`; by mail by his own id.
create table auth.identities (
	provider text not null,
	provider_id text not null,
	id uuid not null unique default uuid7(),
	user_id uuid not null references auth.users on delete cascade,
	identity_data jsonb not null default '{}',
	last_sign_in_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (provider, provider_id)
);
create index identities_user_idx on auth.identities (user_id);
create trigger touch before update on auth.identities for each row execute function internal.touch();
alter table auth.identities enable row level security;
alter table auth.identities force row level security;

-- A way in that takes more than one request: a code to be exchanged (PKCE), or
-- a visit to a provider. `state` is what comes back through the browser.
create table auth.flow_state (
	id uuid primary key default uuid7(),
	provider text not null,           -- email, or a name of the file oidc_providers
	status text not null check (status in ('discover', 'authorize', 'exchange', 'done', 'failed', 'code', 'used')),
	state_hash bytea unique,
	auth_code_hash bytea unique,
	code_challenge text,
	code_challenge_method text,
	authentication_method text not null,
	user_id uuid references auth.users on delete cascade,
	redirect_to text,
	nonce text,
	secrets text,                     -- sealed: our verifier, then the provider's code
	error_code text,
	error text,
	created_at timestamptz not null default now(),
	expires_at timestamptz not null default now() + interval '10 minutes'
);
create index flow_state_user_idx on auth.flow_state (user_id);
create index flow_state_age_idx on auth.flow_state (expires_at);
alter table auth.flow_state enable row level security;
alter table auth.flow_state force row level security;

-- What a provider says of itself; read by the worker, kept for a day.
create table auth.oidc_metadata (
	provider text primary key,
	issuer text not null,
	metadata jsonb not null,
	jwks jsonb not null,
	fetched_at timestamptz not null default now()
);
alter table auth.oidc_metadata enable row level security;
alter table auth.oidc_metadata force row level security;

create function auth.purge() returns void
language sql security definer set search_path = ''
as $$
	delete from auth.one_time_tokens t where t.expires_at < now() - interval '1 day';
	delete from auth.mail_times m where m.sent_at < now() - interval '1 day';
	delete from auth.flow_state f where f.expires_at < now() - interval '1 day';
	delete from auth.challenges c where c.expires_at < now() - interval '1 day';
$$;
comment on function auth.purge() is 'What nobody can use any more; called by job.purge';

-- ---- the user as clients see him -----------------------------------------------------------------------

create function internal.identities_json(usr uuid) returns json
language sql stable set search_path = ''
as $$
	select coalesce(json_agg(json_build_object('identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id,
			'identity_data', i.identity_data, 'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at,
			'created_at', i.created_at, 'updated_at', i.updated_at, 'email', i.identity_data ->> 'email')
			order by i.created_at), '[]')
	from auth.identities i where i.user_id = usr
$$;

create function internal.factors_json(usr uuid) returns json
language sql stable set search_path = ''
as $$
	select coalesce(json_agg(json_build_object('id', f.id, 'friendly_name', f.friendly_name,
			'factor_type', f.factor_type, 'status', f.status, 'created_at', f.created_at, 'updated_at', f.updated_at)
			order by f.created_at), '[]')
	from auth.factors f where f.user_id = usr
$$;

create or replace function auth.user_json(usr uuid, org uuid) returns json
language sql stable security definer set search_path = ''
as $$
	select json_build_object('id', u.id, 'aud', 'authenticated', 'role', 'authenticated', 'email', u.email,
		'email_confirmed_at', u.email_confirmed_at, 'confirmed_at', u.email_confirmed_at, 'phone', '',
		'new_email', u.new_email, 'last_sign_in_at', u.last_sign_in_at,
		'app_metadata', json_build_object('provider', coalesce(i.first, 'email'), 'providers', coalesce(i.names, '["email"]'),
			'organization_id', org, 'role', r.role),
		'user_metadata', u.raw_user_meta_data || jsonb_strip_nulls(jsonb_build_object('first_name', p.first_name,
			'last_name', p.last_name, 'avatar_url', p.avatar_url)) || jsonb_build_object('email', u.email,
			'email_verified', u.email_confirmed_at is not null),
		'identities', internal.identities_json(u.id), 'factors', internal.factors_json(u.id),
		'is_anonymous', false, 'created_at', u.created_at, 'updated_at', greatest(u.updated_at, p.updated_at))
	from auth.users u join public.profiles p on p.id = u.id and p.organization_id = org
	left join public.user_roles r on r.organization_id = org and r.user_id = u.id
	cross join lateral (select (array_agg(d.provider order by d.created_at))[1] as first,
			json_agg(d.provider order by d.created_at) as names
		from auth.identities d where d.user_id = u.id) i
	where u.id = usr
$$;

-- What every way in ends with. usr is null unless outcome is 'ok' or 'made'.
create type auth.grant as (
	outcome text,
	wait integer,           -- seconds, of 'too_soon' and 'locked'
	session_id uuid,
	access_seconds integer,
	claims jsonb,           -- of the access token, but for iat and exp
	usr json,               -- auth.user_json
	profile json,           -- for the mobile login
	redirect_to text
);

create function internal.refused(why text, seconds integer default null, redirect text default null) returns auth.grant
language sql immutable
as $$ select row(why, seconds, null, null, null, null, null, redirect)::auth.grant $$;

-- Volatile: it has to see the session that was made a moment ago.
create function internal.granted(session uuid, redirect text default null) returns auth.grant
language sql volatile set search_path = ''
as $$
	select row('ok', null, s.id, s.access_seconds,
		jsonb_build_object('sub', s.user_id, 'aud', 'authenticated', 'role', 'authenticated', 'email', u.email,
			'organization_id', s.organization_id, 'app_role', r.role, 'session_id', s.id, 'aal', s.aal, 'amr', s.amr,
			'is_anonymous', false, 'phone', '',
			'app_metadata', a.usr -> 'app_metadata', 'user_metadata', a.usr -> 'user_metadata'),
		a.usr, json_build_object('id', u.id, 'first_name', p.first_name, 'last_name', p.last_name, 'email', u.email,
			'organization_id', s.organization_id, 'avatar_url', p.avatar_url), redirect)::auth.grant
	from auth.sessions s
	join auth.users u on u.id = s.user_id
	join public.profiles p on p.organization_id = s.organization_id and p.id = s.user_id
	left join public.user_roles r on r.organization_id = s.organization_id and r.user_id = s.user_id
	cross join lateral (select auth.user_json(s.user_id, s.organization_id) as usr) a
	where s.id = session
$$;

-- ---- opening a session ------------------------------------------------------------------------------------

-- Whether this person may come in here and now (AUTH-20, ADM-30).
create function auth.check_login(org uuid, usr uuid, addr text) returns void
language plpgsql stable security definer set search_path = ''
as $$ begin return; end $$;
comment on function auth.check_login(uuid, uuid, text) is
	'Raises KT403 with the reason when schedule or address forbid the login; called by every way in';

create function internal.open_session(usr uuid, session_kind text, token_sha256 text, method text, agent text, addr text,
	lifetime interval, access integer default 3600) returns uuid
language plpgsql set search_path = ''
as $$
declare
	org uuid;
	session uuid;
	waits boolean;
begin
	if not exists (select from auth.users u where u.id = usr and u.email_confirmed_at is not null) then
		raise exception using errcode = 'KT403', message = 'Email not confirmed', -- AUTH-7
			hint = 'Click the link in the mail that we sent, or ask for a new one';
	end if;
	select p.organization_id into org
		from public.profiles p join auth.users u on u.id = p.id
		where p.id = usr and p.is_active and internal.on_site(p.organization_id)
		order by p.organization_id = u.last_organization_id desc nulls last, p.created_at
		limit 1;
	if org is null then -- AUTH-18, AUTH-19
		raise exception using errcode = 'KT403', message = 'This account is deactivated',
			hint = 'Ask an administrator of your organization';
	end if;
	perform auth.check_login(org, usr, addr);
	update auth.users set failed_logins = 0, locked_until = null, last_organization_id = org, last_sign_in_at = now()
		where id = usr;
	-- Pages open with the code alone; a program's session says by its aal what it is worth.
	waits := session_kind = 'web' and exists (select from auth.factors f where f.user_id = usr and f.status = 'verified');
	insert into auth.sessions (token_hash, user_id, organization_id, kind, user_agent, remote_addr, expires_at,
			access_seconds, amr, waits_for_factor)
		values (case session_kind when 'web' then decode(token_sha256, 'hex') end, usr, org, session_kind,
			left(agent, 300), addr, now() + case when waits then interval '10 minutes' else lifetime end, access,
			jsonb_build_array(jsonb_build_object('method', method, 'timestamp', extract(epoch from now())::bigint)), waits)
		returning id into session;
	if session_kind = 'refresh' then
		insert into auth.refresh_tokens (token_hash, session_id) values (decode(token_sha256, 'hex'), session);
	end if;
	return session;
end
$$;
comment on function internal.open_session(uuid, text, text, text, text, text, interval, integer) is
	'The one place where sessions are made; method is how the person proved himself (password, otp, recovery, oauth)';

create or replace function auth.login_ok(usr uuid, token_sha256 text, session_kind text, agent text, addr text,
	lifetime interval) returns table (session_id uuid, organization_id uuid, app_role text, email text)
language sql security definer set search_path = ''
as $$
	select s.id, s.organization_id, r.role, u.email
	from internal.open_session(usr, session_kind, token_sha256, 'password', agent, addr, lifetime) made (id)
	join auth.sessions s on s.id = made.id
	join auth.users u on u.id = s.user_id
	left join public.user_roles r on r.organization_id = s.organization_id and r.user_id = s.user_id
$$;

-- The password was right: a session with a refresh token. `access` is the life
-- of its access tokens, the mobile login's being longer (AUTH-13).
create function auth.login_session(usr uuid, token_sha256 text, agent text, addr text, lifetime interval, access integer)
	returns auth.grant
language plpgsql security definer set search_path = ''
as $$
begin
	if not exists (select from auth.users u where u.id = usr and u.email_confirmed_at is not null) then
		return internal.refused('email_not_confirmed');
	end if;
	return internal.granted(internal.open_session(usr, 'refresh', token_sha256, 'password', agent, addr, lifetime, access));
end
$$;

-- Five failures lock an account for a quarter of an hour; a password reset
-- opens it (AUTH-12).
create or replace function auth.login_failed(usr uuid) returns void
language sql security definer set search_path = ''
as $$
	update auth.users set failed_logins = failed_logins + 1,
		locked_until = case when (failed_logins + 1) % 5 = 0 then now() + interval '15 minutes' else locked_until end
	where id = usr
$$;

create or replace function auth.logout(token_sha256 text) returns void
language sql security definer set search_path = ''
as $$
	select auth.end_sessions(array(select s.id from auth.sessions s where s.token_hash = decode(token_sha256, 'hex')),
		'signed_out')
$$;

-- ---- renewing and ending ----------------------------------------------------------------------------------

drop function auth.session_refresh(text, text, interval);

-- AUTH-14. A token that comes a second time is in two hands: the whole family
-- ends. Within ten seconds it is taken for a repetition, by a client that lost
-- the answer or has two windows.
create function auth.session_refresh(old_sha256 text, new_sha256 text, lifetime interval) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	t auth.refresh_tokens;
	s auth.sessions;
begin
	select * into t from auth.refresh_tokens r where r.token_hash = decode(old_sha256, 'hex') for update;
	if not found then
		return internal.refused('refresh_token_not_found');
	end if;
	select * into s from auth.sessions x where x.id = t.session_id and x.expires_at > now() for update;
	if not found or not exists (select from public.profiles p where p.organization_id = s.organization_id
			and p.id = s.user_id and p.is_active) then
		return internal.refused('session_expired');
	end if;
	if t.used_at < now() - interval '10 seconds' then
		perform auth.end_sessions(array[s.id], 'token_reuse');
		return internal.refused('refresh_token_already_used');
	end if;
	perform auth.check_login(s.organization_id, s.user_id, s.remote_addr);
	update auth.refresh_tokens r set used_at = coalesce(r.used_at, now()), replaced_by = decode(new_sha256, 'hex')
		where r.token_hash = t.token_hash;
	insert into auth.refresh_tokens (token_hash, session_id) values (decode(new_sha256, 'hex'), s.id);
	update auth.sessions x set expires_at = now() + lifetime, last_seen_at = now() where x.id = s.id;
	return internal.granted(s.id);
end
$$;

drop function auth.session_end();

-- AUTH-15: the caller's own session ('local'), all of his ('global') or all but
-- this one ('others').
create function auth.session_end(scope text default 'local') returns integer
language sql security definer set search_path = ''
as $$
	select auth.end_sessions(case scope
			when 'global' then auth.sessions_of(auth.uid())
			when 'others' then auth.sessions_of(auth.uid(), me.id)
			else array(select s.id from auth.sessions s where s.id = me.id and s.user_id = auth.uid()) end, 'signed_out')
	from (select (auth.claims() ->> 'session_id')::uuid as id) me
$$;

-- ---- who may call what ----------------------------------------------------------------

grant execute on function auth.login_session(uuid, text, text, text, interval, integer),
	auth.session_refresh(text, text, interval) to kontor_app;
grant execute on function auth.session_end(text) to authenticated;

notify pgrst;
