-- How an account begins and changes: mailed links and codes, sign-up, their
-- verification, and what a signed-in user changes of himself. Tables, sessions and
-- the rule of outcomes are those of 050_identity.

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

-- ---- who may call what ----------------------------------------------------------------

grant execute on function auth.send_link(text, text, jsonb), auth.sign_up(text, text, jsonb, jsonb),
	auth.verify_token(text, jsonb, text, text, text, interval),
	auth.exchange_code(text, text, text, text, text, text, interval),
	auth.resend_email_change(text, jsonb) to kontor_app;
grant execute on function auth.update_user(text, text, jsonb, jsonb), auth.my_email() to authenticated;

notify pgrst;
