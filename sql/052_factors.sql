-- Second factors: one-time codes by time, enrolled, challenged and verified. Their
-- tables are in 050_identity.

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

-- ---- who may call what ----------------------------------------------------------------

grant execute on function auth.factor_enroll(uuid, text, text), auth.factor_challenge(uuid, text),
	auth.factor_secret(uuid, uuid), auth.factor_failed(uuid), auth.factor_verified(uuid, uuid, bigint, text),
	auth.factor_remove(uuid) to authenticated;

notify pgrst;
