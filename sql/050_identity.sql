-- Identity: how a person becomes known, and stays it. Sign-up, verification,
-- sessions with their refresh tokens, mailed links and codes, second factors,
-- sign-in at somebody else's (OpenID Connect).
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

-- ---- mailing a link and a code -----------------------------------------------------------------------------

create function internal.code_hash(usr uuid, code text) returns bytea
language sql immutable
as $$ select sha256(convert_to(usr || ':' || code, 'UTF8')) $$;

-- Seconds to wait before this address gets another mail of the kind; 0 = it
-- may be written to now, and that was noted.
create function internal.mail_wait(address text, for_kind text, gap integer) returns integer
language plpgsql set search_path = ''
as $$
declare
	h bytea := sha256(convert_to(lower(address), 'UTF8'));
	last timestamptz;
begin
	insert into auth.mail_times as m (address_hash, kind) values (h, for_kind)
		on conflict (address_hash, kind) do update set sent_at = now()
			where m.sent_at <= now() - make_interval(secs => gap)
		returning sent_at into last;
	if found then
		return 0;
	end if;
	select m.sent_at into last from auth.mail_times m where m.address_hash = h and m.kind = for_kind;
	return greatest(1, ceil(extract(epoch from last - now()) + gap))::integer;
end
$$;

create function internal.life_of(token_kind text) returns interval
language sql immutable
as $$ select case when token_kind in ('signup', 'email_change') then interval '24 hours' else interval '1 hour' end $$;

-- letter: {"token":sha256 of the link's token,"code":six digits,"redirect_to",
-- "code_challenge","code_challenge_method","gap":seconds,"mail":payload of the mail job}
create function internal.mail_token(usr uuid, org uuid, token_kind text, address text, letter jsonb) returns void
language plpgsql set search_path = ''
as $$
declare
	made uuid;
begin
	delete from auth.one_time_tokens t where t.user_id = usr and t.kind = token_kind;
	insert into auth.one_time_tokens (kind, user_id, token_hash, code_hash, email, redirect_to, code_challenge,
			code_challenge_method, expires_at)
		values (token_kind, usr, decode(letter ->> 'token', 'hex'), internal.code_hash(usr, letter ->> 'code'), address,
			letter ->> 'redirect_to', letter ->> 'code_challenge', letter ->> 'code_challenge_method',
			now() + internal.life_of(token_kind))
		returning id into made;
	perform job.enqueue(org, 'mail', 'token:' || made, letter -> 'mail');
end
$$;

create function internal.home_of(usr uuid) returns uuid
language sql stable set search_path = ''
as $$
	select p.organization_id from public.profiles p join auth.users u on u.id = p.id
	where p.id = usr and p.is_active
	order by p.organization_id = u.last_organization_id desc nulls last, p.created_at limit 1
$$;

-- A link for somebody who says that this is his address: 'recovery',
-- 'magiclink', or 'signup' once more. 'ok' also when there is no such user.
create function auth.send_link(address text, token_kind text, letter jsonb) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	u auth.users;
	org uuid;
	seconds integer := internal.mail_wait(address, token_kind, (letter ->> 'gap')::integer);
begin
	if seconds > 0 then
		return internal.refused('too_soon', seconds);
	end if;
	select * into u from auth.users x where x.email = lower(address);
	org := internal.home_of(u.id);
	if org is not null and (token_kind <> 'signup' or u.email_confirmed_at is null) then
		perform internal.mail_token(u.id, org, token_kind, u.email, letter);
	end if;
	return internal.refused('ok');
end
$$;

-- ---- signing up ------------------------------------------------------------------------------------------------

create function internal.free_slug(name text) returns text
language plpgsql volatile set search_path = ''
as $$
declare
	base text := trim(both '-' from left(regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g'), 48));
	found_slug text;
begin
	if base = '' then
		base := 'organization';
	end if;
	found_slug := base;
	while exists (select from public.organizations o where o.slug = found_slug) loop
		found_slug := base || '-' || substr(md5(gen_random_uuid()::text), 1, 6);
	end loop;
	return found_slug;
end
$$;

-- The user, his profile and an organization of his own, whose owner he is
-- (AUTH-2), with the names that he gave (AUTH-6).
create function internal.new_owner(address text, hash text, data jsonb, confirmed boolean) returns uuid
language plpgsql set search_path = ''
as $$
declare
	usr uuid;
	org uuid;
	first text := nullif(left(trim(data ->> 'first_name'), 100), '');
	last text := nullif(left(trim(data ->> 'last_name'), 100), '');
	named text := coalesce(nullif(left(trim(data ->> 'organization_name'), 200), ''), first || '''s organization',
		split_part(address, '@', 1));
	zone text := coalesce((select z.name from pg_catalog.pg_timezone_names z where z.name = data ->> 'timezone'), 'UTC');
	money text := case when data ->> 'currency' ~ '^[A-Z]{3}$' then data ->> 'currency' else 'USD' end;
begin
	insert into auth.users (email, password_hash, raw_user_meta_data, email_confirmed_at)
		values (lower(address), hash, data - 'organization_name', case when confirmed then now() end)
		returning id into usr;
	org := internal.create_organization(named, internal.free_slug(named), zone, money);
	insert into public.profiles (organization_id, id, first_name, last_name, email, timezone, phone)
		values (org, usr, first, last, lower(address), zone, nullif(trim(data ->> 'phone'), ''));
	insert into public.user_roles (organization_id, user_id, role) values (org, usr, 'OWNER');
	update auth.users set last_organization_id = org where id = usr;
	return usr;
end
$$;

create function internal.email_identity(usr uuid) returns void
language sql set search_path = ''
as $$
	insert into auth.identities as i (provider, provider_id, user_id, identity_data)
		select 'email', u.id::text, u.id, jsonb_build_object('sub', u.id, 'email', u.email,
			'email_verified', u.email_confirmed_at is not null)
		from auth.users u where u.id = usr
		on conflict (provider, provider_id) do update set identity_data = excluded.identity_data
$$;
select internal.email_identity(u.id) from auth.users u;

-- 'made' with the new user; 'known' when the address has an account already,
-- which is not to be told: who has not confirmed it gets the mail again.
create function auth.sign_up(address text, hash text, data jsonb, letter jsonb) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	u auth.users;
	usr uuid;
	org uuid;
	seconds integer;
	g auth.grant := internal.refused('made');
begin
	if nullif(current_setting('kontor.site', true), '') is not null then
		return internal.refused('signup_disabled'); -- a site of one tenant has no room for another
	end if;
	perform pg_advisory_xact_lock(hashtextextended('sign_up:' || lower(address), 0));
	select * into u from auth.users x where x.email = lower(address);
	seconds := internal.mail_wait(address, 'signup', (letter ->> 'gap')::integer);
	if u.id is not null then
		org := internal.home_of(u.id);
		if seconds = 0 and u.email_confirmed_at is null and org is not null then
			perform internal.mail_token(u.id, org, 'signup', u.email, letter);
		end if;
		return internal.refused('known');
	end if;
	usr := internal.new_owner(address, hash, data, false);
	perform internal.email_identity(usr);
	org := internal.home_of(usr);
	perform internal.mail_token(usr, org, 'signup', lower(address), letter);
	g.usr := auth.user_json(usr, org);
	return g;
end
$$;

-- ---- the link was clicked, the code was typed ------------------------------------------------------------------

create function internal.kinds_of(asked text) returns text[]
language sql immutable
as $$
	select case asked when 'signup' then array['signup'] when 'invite' then array['signup']
		when 'magiclink' then array['magiclink', 'signup'] when 'email' then array['signup', 'magiclink']
		when 'recovery' then array['recovery'] when 'email_change' then array['email_change'] end
$$;

create function internal.proven(t auth.one_time_tokens) returns text
language plpgsql set search_path = ''
as $$
begin
	update auth.one_time_tokens o set used_at = now() where o.id = t.id;
	if t.kind = 'email_change' then
		if exists (select from auth.users u where u.email = t.email and u.id <> t.user_id) then
			return 'email_exists';
		end if;
		update auth.users u set email = t.email, new_email = null, email_confirmed_at = coalesce(u.email_confirmed_at, now())
			where u.id = t.user_id;
		update public.profiles p set email = t.email where p.id = t.user_id;
	else
		-- Whoever set a password without owning the address loses it to the owner,
		-- but for the mail that belongs to that very sign-up.
		update auth.users u set email_confirmed_at = now(),
				password_hash = case t.kind when 'signup' then u.password_hash end
			where u.id = t.user_id and u.email_confirmed_at is null;
	end if;
	perform internal.email_identity(t.user_id);
	return 'ok';
end
$$;

create function internal.flow_code(t auth.one_time_tokens, code_sha256 text) returns void
language sql set search_path = ''
as $$
	insert into auth.flow_state (provider, status, auth_code_hash, code_challenge, code_challenge_method,
			authentication_method, user_id, redirect_to)
		values ('email', 'code', decode(code_sha256, 'hex'), t.code_challenge, t.code_challenge_method,
			case t.kind when 'recovery' then 'recovery' else 'otp' end, t.user_id, t.redirect_to)
$$;

-- credential: {"token":sha256} of the link, or {"email","code"}; {"flow":sha256 of
-- an auth code} when a link that was asked for with PKCE shall give that: 'code'.
create function auth.verify_token(asked text, credential jsonb, token_sha256 text, agent text, addr text, lifetime interval)
	returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	t auth.one_time_tokens;
	said text;
begin
	if internal.kinds_of(asked) is null then
		return internal.refused('unsupported_type');
	end if;
	if credential ? 'token' then
		select * into t from auth.one_time_tokens o
			where o.token_hash = decode(credential ->> 'token', 'hex') and o.kind = any (internal.kinds_of(asked))
				and o.used_at is null and o.expires_at > now()
			for update;
	else
		-- Five wrong codes and none is right any more.
		update auth.one_time_tokens o set attempts = o.attempts + 1
			from auth.users u
			where u.id = o.user_id and o.kind = any (internal.kinds_of(asked)) and o.used_at is null
				and o.expires_at > now() and o.attempts < 6
				and lower(credential ->> 'email') = case o.kind when 'email_change' then o.email else u.email end;
		select o.* into t from auth.one_time_tokens o join auth.users u on u.id = o.user_id
			where o.kind = any (internal.kinds_of(asked)) and o.used_at is null and o.expires_at > now() and o.attempts <= 5
				and lower(credential ->> 'email') = case o.kind when 'email_change' then o.email else u.email end
				and o.code_hash = internal.code_hash(u.id, credential ->> 'code')
			limit 1 for update of o;
	end if;
	if t.id is null then
		return internal.refused('otp_expired');
	end if;
	said := internal.proven(t);
	if said <> 'ok' then
		return internal.refused(said, null, t.redirect_to);
	end if;
	if t.code_challenge is not null and credential ? 'flow' then
		perform internal.flow_code(t, credential ->> 'flow');
		return internal.refused('code', null, t.redirect_to);
	end if;
	return internal.granted(internal.open_session(t.user_id, 'refresh', token_sha256,
		case t.kind when 'recovery' then 'recovery' else 'otp' end, agent, addr, lifetime), t.redirect_to);
end
$$;

-- PKCE: a code and the verifier of its challenge (RFC 7636). `derived` is
-- base64url(sha256(verifier)), which the program computed.
create function auth.exchange_code(code_sha256 text, verifier text, derived text, token_sha256 text, agent text, addr text,
	lifetime interval) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	f auth.flow_state;
begin
	select * into f from auth.flow_state x where x.auth_code_hash = decode(code_sha256, 'hex') and x.status = 'code' for update;
	if not found then
		return internal.refused('flow_state_not_found');
	end if;
	update auth.flow_state x set status = 'used' where x.id = f.id; -- once, also when the verifier is wrong
	if f.expires_at <= now() then
		return internal.refused('flow_state_expired');
	end if;
	if f.code_challenge is distinct from (case f.code_challenge_method when 'plain' then verifier else derived end) then
		return internal.refused('bad_code_verifier');
	end if;
	return internal.granted(internal.open_session(f.user_id, 'refresh', token_sha256, f.authentication_method, agent, addr,
		lifetime), f.redirect_to);
end
$$;

-- ---- the signed-in user changes himself --------------------------------------------------------------------------

create function internal.has_factor(usr uuid) returns boolean
language sql stable set search_path = ''
as $$ select exists (select from auth.factors f where f.user_id = usr and f.status = 'verified') $$;

-- The session of the caller, if he may do what needs the second factor.
create function internal.strong_session(usr uuid) returns boolean
language sql stable set search_path = ''
as $$
	select not internal.has_factor(usr) or exists (select from auth.sessions s
		where s.id = (auth.claims() ->> 'session_id')::uuid and s.user_id = usr and s.aal = 'aal2')
$$;

create function internal.set_password(usr uuid, hash text) returns void
language plpgsql set search_path = ''
as $$
declare
	here uuid := (auth.claims() ->> 'session_id')::uuid;
	recovered boolean := exists (select from auth.sessions s where s.id = here
		and s.amr @> '[{"method":"recovery"}]');
begin
	update auth.users u set password_hash = hash, failed_logins = 0, locked_until = null where u.id = usr;
	delete from auth.one_time_tokens t where t.user_id = usr and t.kind in ('recovery', 'magiclink');
	-- AUTH-27: after a reset everybody is out, this session too; after a mere
	-- change everybody else.
	perform auth.end_sessions(auth.sessions_of(usr, case when not recovered then here end), 'password_changed');
end
$$;

create function internal.set_user_data(usr uuid, data jsonb) returns void
language plpgsql set search_path = ''
as $$
begin
	update auth.users u set raw_user_meta_data = jsonb_strip_nulls(u.raw_user_meta_data || data) where u.id = usr;
	update public.profiles p set
			first_name = case when data ? 'first_name' then nullif(left(trim(data ->> 'first_name'), 100), '') else p.first_name end,
			last_name = case when data ? 'last_name' then nullif(left(trim(data ->> 'last_name'), 100), '') else p.last_name end,
			avatar_url = case when data ? 'avatar_url' then data ->> 'avatar_url' else p.avatar_url end
		where p.id = usr and p.organization_id = auth.org() and data ?| array['first_name', 'last_name', 'avatar_url'];
end
$$;

-- The new address gets the link, the current one is told: letter ->> 'notice'.
create function internal.ask_email(usr uuid, address text, letter jsonb) returns auth.grant
language plpgsql set search_path = ''
as $$
declare
	seconds integer;
	now_at text := (select u.email from auth.users u where u.id = usr);
begin
	if exists (select from auth.users u where u.email = lower(address)) then
		return internal.refused('email_exists');
	end if;
	seconds := internal.mail_wait(address, 'email_change', (letter ->> 'gap')::integer);
	if seconds > 0 then
		return internal.refused('too_soon', seconds);
	end if;
	update auth.users u set new_email = lower(address) where u.id = usr;
	perform internal.mail_token(usr, auth.org(), 'email_change', lower(address), letter);
	perform job.enqueue(auth.org(), 'mail', 'notice:' || public.uuid7(), (letter -> 'notice'));
	return null;
end
$$;

-- Each of address, hash and data may be null: it stays as it is. The user's own
-- session is the right to it (AUTH-30).
create function auth.update_user(address text, hash text, data jsonb, letter jsonb) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	usr uuid := auth.uid();
	g auth.grant;
begin
	if usr is null then
		return internal.refused('no_user');
	end if;
	if (hash is not null or address is not null) and not internal.strong_session(usr) then
		return internal.refused('insufficient_aal');
	end if;
	if address is not null and not exists (select from auth.users u where u.id = usr and u.email = lower(address)) then
		g := internal.ask_email(usr, address, letter);
		if g.outcome is not null then
			return g;
		end if;
	end if;
	if data is not null then
		perform internal.set_user_data(usr, data);
	end if;
	if hash is not null then
		perform internal.set_password(usr, hash);
	end if;
	g := internal.refused('ok');
	g.usr := auth.user_json(usr, auth.org());
	return g;
end
$$;

-- For the notice to the current address, and for the label of a second factor.
create function auth.my_email() returns text
language sql stable security definer set search_path = ''
as $$ select u.email from auth.users u where u.id = auth.uid() $$;

-- Once more the mail of a change that waits; only its own address gets it.
create function auth.resend_email_change(address text, letter jsonb) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	u auth.users;
	org uuid;
	seconds integer := internal.mail_wait(address, 'email_change', (letter ->> 'gap')::integer);
begin
	if seconds > 0 then
		return internal.refused('too_soon', seconds);
	end if;
	select * into u from auth.users x where x.new_email = lower(address) order by x.updated_at desc limit 1;
	org := internal.home_of(u.id);
	if org is not null then
		perform internal.mail_token(u.id, org, 'email_change', u.new_email, letter);
	end if;
	return internal.refused('ok');
end
$$;

-- ---- second factors ----------------------------------------------------------------------------------------------------

-- 'ok', or why not. Those that were begun and not finished make room.
create function auth.factor_enroll(factor uuid, name text, sealed text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	usr uuid := auth.uid();
begin
	if usr is null then
		return 'no_user';
	end if;
	delete from auth.factors f where f.user_id = usr and f.status = 'unverified' and f.created_at < now() - interval '1 hour';
	if not internal.strong_session(usr) then
		return 'insufficient_aal';
	end if;
	if name <> '' and exists (select from auth.factors f where f.user_id = usr and lower(f.friendly_name) = lower(name)) then
		return 'mfa_factor_name_conflict';
	end if;
	if (select count(*) from auth.factors f where f.user_id = usr) >= 10 then
		return 'too_many_enrolled_mfa_factors';
	end if;
	insert into auth.factors (id, user_id, friendly_name, secret) values (factor, usr, left(name, 100), sealed);
	return 'ok';
end
$$;

create function auth.factor_challenge(factor uuid, addr text) returns table (outcome text, id uuid, expires_at bigint)
language plpgsql security definer set search_path = ''
as $$
begin
	update auth.factors f set last_challenged_at = now() where f.id = factor and f.user_id = auth.uid();
	if not found then
		return query select 'mfa_factor_not_found'::text, null::uuid, null::bigint;
		return;
	end if;
	return query
		insert into auth.challenges as c (factor_id, session_id, remote_addr)
			values (factor, (auth.claims() ->> 'session_id')::uuid, addr)
			returning 'ok'::text, c.id, extract(epoch from c.expires_at)::bigint;
end
$$;

-- What to compare a code with. A challenge belongs to the session that asked.
create function auth.factor_secret(factor uuid, challenge uuid) returns table (outcome text, wait integer, secret text, last_step bigint)
language sql stable security definer set search_path = ''
as $$
	select case when f.id is null then 'mfa_factor_not_found'
			when f.locked_until > now() then 'locked'
			when c.id is null or c.verified_at is not null then 'mfa_challenge_not_found'
			when c.expires_at <= now() then 'mfa_challenge_expired'
			else 'ok' end,
		greatest(0, ceil(extract(epoch from f.locked_until - now())))::integer, f.secret, f.last_step
	from (values (1)) one (row)
	left join auth.factors f on f.id = factor and f.user_id = auth.uid()
	left join auth.challenges c on c.id = challenge and c.factor_id = f.id
		and c.session_id = (auth.claims() ->> 'session_id')::uuid
$$;

create function auth.factor_failed(factor uuid) returns void
language sql security definer set search_path = ''
as $$
	update auth.factors f set failures = case when f.failures + 1 >= 5 then 0 else f.failures + 1 end,
		locked_until = case when f.failures + 1 >= 5 then now() + interval '15 minutes' else f.locked_until end
	where f.id = factor and f.user_id = auth.uid()
$$;

-- The code of `step` was right: the session is aal2 now. With a factor's first
-- code the sessions that lack it end. A code that came twice is none: false.
create function internal.factor_proven(usr uuid, here uuid, factor uuid, step bigint) returns boolean
language plpgsql set search_path = ''
as $$
declare
	was text;
begin
	select f.status into was from auth.factors f where f.id = factor and f.user_id = usr and f.last_step < step for update;
	if was is null then
		return false;
	end if;
	update auth.factors f set status = 'verified', last_step = step, failures = 0, locked_until = null where f.id = factor;
	update auth.sessions s set aal = 'aal2', last_seen_at = now(), waits_for_factor = false,
			amr = jsonb_build_array(jsonb_build_object('method', 'totp', 'timestamp', extract(epoch from now())::bigint)) || s.amr
		where s.id = here;
	if was = 'unverified' then
		perform auth.end_sessions(array(select s.id from auth.sessions s
			where s.user_id = usr and s.aal = 'aal1' and s.ended_at is null and s.id <> here), 'second_factor');
	end if;
	return true;
end
$$;

create function auth.factor_verified(factor uuid, challenge uuid, step bigint, token_sha256 text) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	here uuid := (auth.claims() ->> 'session_id')::uuid;
begin
	if not internal.factor_proven(auth.uid(), here, factor, step) then
		return internal.refused('mfa_verification_failed');
	end if;
	update auth.challenges c set verified_at = now() where c.id = challenge and c.factor_id = factor;
	update auth.refresh_tokens r set used_at = now(), replaced_by = decode(token_sha256, 'hex')
		where r.session_id = here and r.used_at is null;
	insert into auth.refresh_tokens (token_hash, session_id) values (decode(token_sha256, 'hex'), here);
	return internal.granted(here);
end
$$;

create function auth.factor_remove(factor uuid) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	usr uuid := auth.uid();
	was text;
begin
	select f.status into was from auth.factors f where f.id = factor and f.user_id = usr;
	if was is null then
		return 'mfa_factor_not_found';
	end if;
	if was = 'verified' and not internal.strong_session(usr) then
		return 'insufficient_aal';
	end if;
	delete from auth.factors f where f.id = factor;
	if not internal.has_factor(usr) then
		update auth.sessions s set aal = 'aal1' where s.user_id = usr and s.aal = 'aal2' and s.ended_at is null;
	end if;
	return 'ok';
end
$$;

-- ---- sign-in at a provider (OpenID Connect) ------------------------------------------------------------------------------

-- Who comes this way has no tenant yet, and a job needs one: the oldest bears it.
create function internal.flow_job(flow uuid) returns void
language plpgsql set search_path = ''
as $$
declare
	org uuid := (select o.id from public.organizations o order by o.created_at, o.id limit 1);
begin
	if org is null then
		raise exception using errcode = 'KT503', message = 'This installation has no organization yet',
			hint = 'Make the first one by bin/kontor tenant create, or sign up with a password';
	end if;
	perform job.enqueue(org, 'oidc', flow::text, jsonb_build_object('flow', flow), prio => 0);
end
$$;

-- flow: {"provider","issuer","state":sha256,"nonce","secrets":sealed,"redirect_to",
-- "code_challenge","code_challenge_method"}
create function auth.flow_begin(flow jsonb) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	made uuid;
	known boolean := exists (select from auth.oidc_metadata m where m.provider = flow ->> 'provider'
		and m.issuer = flow ->> 'issuer' and m.fetched_at > now() - interval '1 day');
	stand text := case when known then 'authorize' else 'discover' end;
begin
	insert into auth.flow_state (provider, status, state_hash, code_challenge, code_challenge_method,
			authentication_method, redirect_to, nonce, secrets)
		values (flow ->> 'provider', stand, decode(flow ->> 'state', 'hex'), flow ->> 'code_challenge',
			flow ->> 'code_challenge_method', 'oauth', flow ->> 'redirect_to', flow ->> 'nonce', flow ->> 'secrets')
		returning id into made;
	if not known then
		perform internal.flow_job(made);
	end if;
	return stand;
end
$$;

create function auth.flow_look(state_sha256 text) returns table (id uuid, status text, provider text, redirect_to text,
	nonce text, secrets text, authorization_endpoint text, error_code text, error text, pkce boolean)
language sql stable security definer set search_path = ''
as $$
	select f.id, f.status, f.provider, f.redirect_to, f.nonce, f.secrets, m.metadata ->> 'authorization_endpoint',
		f.error_code, f.error, f.code_challenge is not null
	from auth.flow_state f left join auth.oidc_metadata m on m.provider = f.provider
	where f.state_hash = decode(state_sha256, 'hex') and f.expires_at > now()
$$;

-- The browser is back: with a code, sealed beside our verifier, or with an error.
create function auth.flow_back(state_sha256 text, sealed text, why text, said text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	f auth.flow_state;
begin
	update auth.flow_state x set status = case when why is null then 'exchange' else 'failed' end,
			secrets = coalesce(sealed, x.secrets), error_code = why, error = left(said, 300)
		where x.state_hash = decode(state_sha256, 'hex') and x.status = 'authorize' and x.expires_at > now()
		returning * into f;
	if f.status = 'exchange' then
		perform internal.flow_job(f.id);
	end if;
	return f.status;
end
$$;

-- The end of it in the browser: a session, or a code where PKCE was asked for.
create function auth.flow_finish(state_sha256 text, code_sha256 text, token_sha256 text, agent text, addr text,
	lifetime interval) returns auth.grant
language plpgsql security definer set search_path = ''
as $$
declare
	f auth.flow_state;
begin
	select * into f from auth.flow_state x where x.state_hash = decode(state_sha256, 'hex') and x.status = 'done'
		and x.expires_at > now() for update;
	if not found then
		return internal.refused('flow_state_not_found');
	end if;
	if f.code_challenge is not null then
		update auth.flow_state x set status = 'code', auth_code_hash = decode(code_sha256, 'hex'), state_hash = null,
			secrets = null where x.id = f.id;
		return internal.refused('code', null, f.redirect_to);
	end if;
	update auth.flow_state x set status = 'used', state_hash = null, secrets = null where x.id = f.id;
	return internal.granted(internal.open_session(f.user_id, 'refresh', token_sha256, 'oauth', agent, addr, lifetime),
		f.redirect_to);
end
$$;

-- ---- the worker's part

create function auth.flow_load(flow uuid) returns table (status text, provider text, nonce text, secrets text,
	issuer text, metadata jsonb, jwks jsonb)
language sql stable security definer set search_path = ''
as $$
	select f.status, f.provider, f.nonce, f.secrets, m.issuer, m.metadata, m.jwks
	from auth.flow_state f left join auth.oidc_metadata m on m.provider = f.provider
	where f.id = flow and f.expires_at > now()
$$;

create function auth.flow_discovered(flow uuid, at_provider text, at_issuer text, said jsonb, keys jsonb) returns void
language sql security definer set search_path = ''
as $$
	insert into auth.oidc_metadata as m (provider, issuer, metadata, jwks) values (at_provider, at_issuer, said, keys)
		on conflict (provider) do update set issuer = excluded.issuer, metadata = excluded.metadata, jwks = excluded.jwks,
			fetched_at = now();
	update auth.flow_state f set status = 'authorize' where f.id = flow and f.status = 'discover';
$$;

create function auth.flow_failed(flow uuid, why text, said text) returns void
language sql security definer set search_path = ''
as $$
	update auth.flow_state f set status = 'failed', error_code = why, error = left(said, 300), secrets = null
		where f.id = flow and f.status in ('discover', 'exchange')
$$;

-- The user whom the provider's claims mean; null with the reason in `why`. A
-- known sub is he; else an account with that address, if the provider vouches
-- for the address; else a new one.
create function internal.user_of_claims(at_provider text, c jsonb, may_sign_up boolean, out usr uuid, out why text)
language plpgsql set search_path = ''
as $$
declare
	address text := lower(c ->> 'email');
	u auth.users;
begin
	select i.user_id into usr from auth.identities i where i.provider = at_provider and i.provider_id = c ->> 'sub';
	if usr is not null then
		return;
	end if;
	if address is null then
		why := 'provider_email_missing';
		return;
	end if;
	if c ->> 'email_verified' is distinct from 'true' then
		why := 'provider_email_needs_verification';
		return;
	end if;
	perform pg_advisory_xact_lock(hashtextextended('sign_up:' || address, 0));
	select * into u from auth.users x where x.email = address;
	if u.id is null and not may_sign_up then
		why := 'signup_disabled';
	elsif u.id is null then
		usr := internal.new_owner(address, null, jsonb_strip_nulls(jsonb_build_object(
			'first_name', coalesce(c ->> 'given_name', c ->> 'name'), 'last_name', c ->> 'family_name')), true);
	else
		usr := u.id;
		if u.email_confirmed_at is null then -- somebody's who only claimed the address
			update auth.users x set email_confirmed_at = now(), password_hash = null where x.id = usr;
			perform auth.end_sessions(auth.sessions_of(usr), 'revoked');
		end if;
	end if;
end
$$;

create function auth.flow_signed_in(flow uuid, c jsonb, may_sign_up boolean) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	f auth.flow_state;
	found_usr uuid;
	reason text;
begin
	select * into f from auth.flow_state x where x.id = flow and x.status = 'exchange' for update;
	if not found then
		return;
	end if;
	select m.usr, m.why into found_usr, reason from internal.user_of_claims(f.provider, c, may_sign_up) m;
	if found_usr is null then
		perform auth.flow_failed(flow, reason, case reason
			when 'signup_disabled' then 'Signups not allowed for this instance'
			when 'provider_email_missing' then 'The provider gave no e-mail address'
			else 'The provider has not verified your e-mail address' end);
		return;
	end if;
	insert into auth.identities as i (provider, provider_id, user_id, identity_data, last_sign_in_at)
		values (f.provider, c ->> 'sub', found_usr, c, now())
		on conflict (provider, provider_id) do update set identity_data = excluded.identity_data, last_sign_in_at = now();
	update auth.flow_state x set status = 'done', user_id = found_usr, secrets = null where x.id = flow;
end
$$;

-- ---- for the app of the seeds: what a client reads after login ------------------------------------------------------------

create function public.get_user_login_data(_user_id uuid) returns json
language plpgsql stable security definer set search_path = ''
as $$
declare
	answer json;
begin
	if _user_id is distinct from auth.uid() and coalesce(auth.app_role(), '') not in ('OWNER', 'ADMIN', 'SYSTEM') then
		raise exception using errcode = 'KT403', message = 'You may read your own login data only';
	end if;
	select json_build_object('user_id', p.id, 'email', p.email, 'organization_name', o.name,
			'appgain_credentials', json_build_object('apiKey', o.settings #>> '{appgain_credentials,apiKey}'))
		into answer
		from public.profiles p join public.organizations o on o.id = p.organization_id
		where p.organization_id = auth.org() and p.id = _user_id;
	if answer is null then
		raise exception using errcode = 'KT404', message = 'This user does not exist';
	end if;
	return answer;
end
$$;
comment on function public.get_user_login_data(uuid) is
	'What a client reads right after login; apiKey is null where no WhatsApp Lite gateway is configured';
grant execute on function public.get_user_login_data(uuid) to authenticated;

-- ---- who may call what ---------------------------------------------------------------------------------------------------

grant execute on function auth.login_session(uuid, text, text, text, interval, integer),
	auth.session_refresh(text, text, interval), auth.send_link(text, text, jsonb),
	auth.sign_up(text, text, jsonb, jsonb), auth.verify_token(text, jsonb, text, text, text, interval),
	auth.exchange_code(text, text, text, text, text, text, interval), auth.resend_email_change(text, jsonb),
	auth.flow_begin(jsonb), auth.flow_look(text), auth.flow_back(text, text, text, text),
	auth.flow_finish(text, text, text, text, text, interval) to kontor_app;
grant execute on function auth.session_end(text), auth.update_user(text, text, jsonb, jsonb), auth.my_email(),
	auth.factor_enroll(uuid, text, text), auth.factor_challenge(uuid, text), auth.factor_secret(uuid, uuid),
	auth.factor_failed(uuid), auth.factor_verified(uuid, uuid, bigint, text), auth.factor_remove(uuid) to authenticated;
grant execute on function auth.flow_load(uuid), auth.flow_discovered(uuid, text, text, jsonb, jsonb),
	auth.flow_failed(uuid, text, text), auth.flow_signed_in(uuid, jsonb, boolean) to kontor_worker;

notify pgrst;
