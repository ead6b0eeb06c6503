-- Sign-in at a provider (OpenID Connect): what the programs write down of a
-- visit, and what the worker does with it in between. The tables are in
-- 050_identity.

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

-- ---- who may call what ----------------------------------------------------------------

grant execute on function auth.flow_begin(jsonb), auth.flow_look(text), auth.flow_back(text, text, text, text),
	auth.flow_finish(text, text, text, text, text, interval) to kontor_app;
grant execute on function auth.flow_load(uuid), auth.flow_discovered(uuid, text, text, jsonb, jsonb),
	auth.flow_failed(uuid, text, text), auth.flow_signed_in(uuid, jsonb, boolean) to kontor_worker;

notify pgrst;
