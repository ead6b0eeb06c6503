-- What the pages of an account need beside the functions of 050_identity to 053: a
-- cookie instead of tokens, links that are looked at before they are used, the
-- code after the password, and codes for the day when the phone is gone.

-- ---- codes in reserve ----------------------------------------------------------

create table auth.recovery_codes (
	user_id uuid not null references auth.users on delete cascade,
	code_hash bytea not null, -- as of mailed codes: with the user's id
	created_at timestamptz not null default now(),
	used_at timestamptz,
	primary key (user_id, code_hash)
);
comment on table auth.recovery_codes is 'Each is good once in the place of a code of the second factor; shown when the first factor is confirmed';
alter table auth.recovery_codes enable row level security;
alter table auth.recovery_codes force row level security;

create function internal.new_recovery_codes(usr uuid, codes text[]) returns void
language sql set search_path = ''
as $$
	delete from auth.recovery_codes r where r.user_id = usr;
	insert into auth.recovery_codes (user_id, code_hash) select usr, internal.code_hash(usr, c) from unnest(codes) c;
$$;

-- ---- signing in on a page -----------------------------------------------------------

create function internal.waits(session uuid) returns boolean
language sql volatile set search_path = ''
as $$ select s.waits_for_factor from auth.sessions s where s.id = session $$;

-- True: the cookie opens nothing until the code of the second factor came.
create function auth.web_session(usr uuid, token_sha256 text, method text, agent text, addr text, lifetime interval)
	returns boolean
language sql security definer set search_path = ''
as $$ select internal.waits(internal.open_session(usr, 'web', token_sha256, method, agent, addr, lifetime)) $$;
comment on function auth.web_session(uuid, text, text, text, text, interval) is
	'A session of the pages for somebody who has proven who he is; says whether it waits for his second factor';

create function internal.waiting_user(session_sha256 text) returns uuid
language sql stable set search_path = ''
as $$
	select s.user_id from auth.sessions s where s.token_hash = decode(session_sha256, 'hex') and s.kind = 'web'
		and s.waits_for_factor and s.expires_at > now()
$$;

-- The factors whose code lets this session on; none: it does not wait, or is over.
create function auth.waiting_factors(session_sha256 text)
	returns table (id uuid, secret text, last_step bigint, wait integer)
language sql stable security definer set search_path = ''
as $$
	select f.id, f.secret, f.last_step, greatest(0, ceil(extract(epoch from f.locked_until - now())))::integer
	from auth.factors f where f.user_id = internal.waiting_user(session_sha256) and f.status = 'verified'
	order by f.created_at
$$;

create function internal.let_on(session_sha256 text, lifetime interval) returns void
language sql set search_path = ''
as $$
	update auth.sessions s set expires_at = now() + lifetime, waits_for_factor = false, aal = 'aal2'
	where s.token_hash = decode(session_sha256, 'hex')
$$;

create function auth.waiting_code(session_sha256 text, factor uuid, step bigint, lifetime interval) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	usr uuid := internal.waiting_user(session_sha256);
	here uuid := (select s.id from auth.sessions s where s.token_hash = decode(session_sha256, 'hex'));
begin
	if usr is null or not internal.factor_proven(usr, here, factor, step) then
		return false;
	end if;
	perform internal.let_on(session_sha256, lifetime);
	return true;
end
$$;

-- A wrong code counts for each factor, so that several do not mean more guesses.
create function auth.waiting_failed(session_sha256 text) returns void
language sql security definer set search_path = ''
as $$
	update auth.factors f set failures = case when f.failures + 1 >= 5 then 0 else f.failures + 1 end,
		locked_until = case when f.failures + 1 >= 5 then now() + interval '15 minutes' else f.locked_until end
	where f.user_id = internal.waiting_user(session_sha256)
$$;

create function auth.waiting_recovery(session_sha256 text, code text, lifetime interval) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	usr uuid := internal.waiting_user(session_sha256);
begin
	update auth.recovery_codes r set used_at = now()
		where r.user_id = usr and r.code_hash = internal.code_hash(usr, code) and r.used_at is null
			and not exists (select from auth.factors f where f.user_id = usr and f.locked_until > now());
	if not found then
		return false;
	end if;
	perform internal.let_on(session_sha256, lifetime);
	return true;
end
$$;

-- ---- links in mails ---------------------------------------------------------------------

-- Whether a link is still good, without using it (AUTH-24): whose address it
-- went to, else no row.
create function auth.link_of(token_kind text, token_sha256 text) returns table (email text)
language sql stable security definer set search_path = ''
as $$
	select t.email from auth.one_time_tokens t
	where t.token_hash = decode(token_sha256, 'hex') and t.kind = token_kind and t.used_at is null and t.expires_at > now()
$$;

-- The link of a sign-up signs in, too (AUTH-9); that of a change of address
-- does not. credential as in auth.verify_token.
create function auth.confirm_link(token_kind text, credential jsonb, session_sha256 text, agent text, addr text,
	lifetime interval) returns table (outcome text, waits boolean)
language plpgsql security definer set search_path = ''
as $$
declare
	t auth.one_time_tokens;
	said text;
begin
	if credential ? 'code' then
		update auth.one_time_tokens o set attempts = o.attempts + 1
			from auth.users u
			where u.id = o.user_id and o.kind = token_kind and o.used_at is null and o.expires_at > now()
				and o.attempts < 6 and u.email = lower(credential ->> 'email');
	end if;
	select o.* into t from auth.one_time_tokens o join auth.users u on u.id = o.user_id
		where o.kind = token_kind and o.used_at is null and o.expires_at > now()
			and case when credential ? 'code' then o.attempts <= 5 and u.email = lower(credential ->> 'email')
					and o.code_hash = internal.code_hash(u.id, credential ->> 'code')
				else o.token_hash = decode(credential ->> 'token', 'hex') end
		limit 1 for update of o;
	if t.id is null then
		return query select 'otp_expired'::text, false;
		return;
	end if;
	said := internal.proven(t);
	return query select said, case when said = 'ok' and t.kind = 'signup'
		then auth.web_session(t.user_id, session_sha256, 'otp', agent, addr, lifetime) else false end;
end
$$;

-- AUTH-27: the new password ends every session; the link was good once.
create function auth.reset_password(token_sha256 text, hash text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	t auth.one_time_tokens;
begin
	select * into t from auth.one_time_tokens o where o.token_hash = decode(token_sha256, 'hex') and o.kind = 'recovery'
		and o.used_at is null and o.expires_at > now() for update;
	if not found then
		return false;
	end if;
	perform internal.proven(t);
	update auth.users u set password_hash = hash, failed_logins = 0, locked_until = null where u.id = t.user_id;
	delete from auth.one_time_tokens o where o.user_id = t.user_id and o.kind in ('recovery', 'magiclink');
	perform auth.end_sessions(auth.sessions_of(t.user_id), 'password_changed');
	return true;
end
$$;

-- ---- the profile -----------------------------------------------------------------------------

-- What the current password is compared with (AUTH-37).
create function auth.session_password(session_sha256 text)
	returns table (user_id uuid, password_hash text, locked_seconds integer)
language sql stable security definer set search_path = ''
as $$
	select u.id, u.password_hash, greatest(0, ceil(extract(epoch from u.locked_until - now())))::integer
	from auth.sessions s join auth.users u on u.id = s.user_id
	where s.token_hash = decode(session_sha256, 'hex') and s.kind = 'web' and s.expires_at > now() and not s.waits_for_factor
$$;

create function app.account()
	returns table (email text, new_email text, new_email_until timestamptz, has_password boolean, has_factor boolean,
		codes_left bigint)
language sql stable security definer set search_path = ''
as $$
	select u.email, case when t.id is not null then t.email end, t.expires_at, u.password_hash is not null,
		internal.has_factor(u.id),
		(select count(*) from auth.recovery_codes r where r.user_id = u.id and r.used_at is null)
	from auth.users u
	left join auth.one_time_tokens t on t.user_id = u.id and t.kind = 'email_change' and t.used_at is null and t.expires_at > now()
	where u.id = auth.uid()
$$;
comment on function app.account() is 'The caller''s own account: address, the one that waits for its confirmation, second factor';

create function app.factors() returns table (id uuid, name text, created_at timestamptz)
language sql stable security definer set search_path = ''
as $$
	select f.id, coalesce(nullif(f.friendly_name, ''), 'Authenticator app'), f.created_at
	from auth.factors f where f.user_id = auth.uid() and f.status = 'verified' order by f.created_at
$$;

create function app.factor_begun(factor uuid) returns table (secret text, last_step bigint, wait integer)
language sql stable security definer set search_path = ''
as $$
	select f.secret, f.last_step, greatest(0, ceil(extract(epoch from f.locked_until - now())))::integer
	from auth.factors f where f.id = factor and f.user_id = auth.uid() and f.status = 'unverified'
$$;

-- The first code of a new factor was right. codes: texts of the recovery codes,
-- kept when there are none yet; true when they were.
create function app.factor_confirm(factor uuid, step bigint, codes text[]) returns table (confirmed boolean, codes_kept boolean)
language plpgsql security definer set search_path = ''
as $$
declare
	usr uuid := auth.uid();
	had boolean := exists (select from auth.recovery_codes r where r.user_id = usr and r.used_at is null);
begin
	confirmed := internal.factor_proven(usr, (auth.claims() ->> 'session_id')::uuid, factor, step);
	codes_kept := confirmed and not had;
	if codes_kept then
		perform internal.new_recovery_codes(usr, codes);
	end if;
	return next;
end
$$;

create function app.recovery_codes(codes text[]) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
	if not internal.has_factor(auth.uid()) or not internal.strong_session(auth.uid()) then
		return false;
	end if;
	perform internal.new_recovery_codes(auth.uid(), codes);
	return true;
end
$$;

create function internal.no_factor_no_codes() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if not internal.has_factor(old.user_id) then
		delete from auth.recovery_codes r where r.user_id = old.user_id;
	end if;
	return null;
end
$$;
create trigger codes after delete on auth.factors for each row execute function internal.no_factor_no_codes();

grant execute on function auth.web_session(uuid, text, text, text, text, interval), auth.waiting_factors(text),
	auth.waiting_code(text, uuid, bigint, interval), auth.waiting_failed(text), auth.waiting_recovery(text, text, interval),
	auth.link_of(text, text), auth.confirm_link(text, jsonb, text, text, text, interval), auth.reset_password(text, text),
	auth.session_password(text) to kontor_app;
grant execute on function app.account(), app.factors(), app.factor_begun(uuid), app.factor_confirm(uuid, bigint, text[]),
	app.recovery_codes(text[]) to authenticated;

-- ---- words -----------------------------------------------------------------------------------

create function internal.role_name(role text) returns text
language sql immutable
as $$
	select case role when 'OWNER' then 'Owner' when 'ADMIN' then 'Admin' when 'AGENT' then 'Agent'
		when 'PROJECT_MANAGER' then 'Project Manager' when 'TEAM_ADMIN' then 'Team Admin' end
$$;
grant execute on function internal.role_name(text) to authenticated;
