-- What /auth/v1 needs: refresh tokens that change with every use, the end of a
-- session, the user of a token.

-- A refresh token is a session of kind 'refresh'; each use replaces it, so
-- that a stolen one works at most until its owner comes next.
create function auth.session_refresh(old_sha256 text, new_sha256 text, lifetime interval)
	returns table (user_id uuid, session_id uuid, organization_id uuid, app_role text, email text)
language sql security definer set search_path = ''
as $$
	with renewed as (
		update auth.sessions s set token_hash = decode(new_sha256, 'hex'), expires_at = now() + lifetime
		from public.profiles p
		where s.token_hash = decode(old_sha256, 'hex') and s.kind = 'refresh' and s.expires_at > now()
			and p.organization_id = s.organization_id and p.id = s.user_id and p.is_active
		returning s.user_id, s.id, s.organization_id)
	select n.user_id, n.id, n.organization_id, r.role, u.email
	from renewed n join auth.users u on u.id = n.user_id
	left join public.user_roles r on r.organization_id = n.organization_id and r.user_id = n.user_id
$$;
comment on function auth.session_refresh(text, text, interval) is
	'Exchange a refresh token (AUTH-14); no row when it is unknown, used or expired';

-- Ends the caller's own session; his access tokens end with it (AUTH-15).
create function auth.session_end() returns void
language sql security definer set search_path = ''
as $$
	delete from auth.sessions
	where id = (auth.claims() ->> 'session_id')::uuid and user_id = auth.uid()
$$;

-- The user in the form of /auth/v1/user: for the program after it has checked
-- a password, and for whoever holds a token.
create function auth.user_json(usr uuid, org uuid) returns json
language sql stable security definer set search_path = ''
as $$
	select json_build_object('id', u.id, 'aud', 'authenticated', 'role', 'authenticated', 'email', u.email,
		'email_confirmed_at', u.email_confirmed_at, 'confirmed_at', u.email_confirmed_at, 'phone', '',
		'app_metadata', json_build_object('provider', 'email', 'providers', json_build_array('email'),
			'organization_id', org, 'role', r.role),
		'user_metadata', json_build_object('first_name', p.first_name, 'last_name', p.last_name,
			'avatar_url', p.avatar_url),
		'identities', '[]'::json, 'created_at', u.created_at, 'updated_at', p.updated_at)
	from auth.users u join public.profiles p on p.id = u.id and p.organization_id = org
	left join public.user_roles r on r.organization_id = org and r.user_id = u.id
	where u.id = usr
$$;

create function auth.me() returns json
language sql stable security definer set search_path = ''
as $$ select auth.user_json(auth.uid(), auth.org()) $$;

grant execute on function auth.session_refresh(text, text, interval), auth.user_json(uuid, uuid) to kontor_app;
grant execute on function auth.session_end(), auth.me() to authenticated;

-- Statuses are stored in capitals and asked for in any case (api.md, open
-- points); a stage is known by the id of its pipeline, in small letters, or
-- kept as it was sent (DEA-84). lib/rest reads these words.
comment on column public.conversations.status is 'OPEN, PENDING, RESOLVED, CLOSED; compared without regard to case';
comment on column public.deals.stage is 'Id of a stage of the pipeline; compared without regard to case';
