-- What the programs keep for themselves, and whose a token is now. Who may do
-- what among the members stands in 055_access and 085_access_tables.

-- What providers sent is for the programs alone: a made-up call would be taken
-- for the provider's.
create policy system on public.inbound_hooks as restrictive to authenticated
	using ((select auth.app_role()) = 'SYSTEM');

-- A token says who it was given to; what he is now stands in the tables. So a
-- role that was taken away ends at once, not with the token.
create or replace function auth.begin_claims(claims text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	c jsonb := claims::jsonb;
	now_so jsonb;
begin
	if coalesce(c ->> 'role', 'anon') not in ('anon', 'authenticated', 'service_role') then
		raise exception using errcode = '28000', message = 'The token names a role that does not exist';
	end if;
	if c ->> 'role' = 'authenticated' then
		select jsonb_build_object('sub', s.user_id, 'organization_id', s.organization_id, 'app_role', r.role, 'may', r.may) into now_so
			from auth.sessions s
			join public.profiles p on p.organization_id = s.organization_id and p.id = s.user_id
			left join public.user_roles r on r.organization_id = s.organization_id and r.user_id = s.user_id
			where s.id = (c ->> 'session_id')::uuid and s.expires_at > now() and p.is_active;
		if now_so is null and exists (select from auth.sessions s
				join public.profiles p on p.organization_id = s.organization_id and p.id = s.user_id
				where s.id = (c ->> 'session_id')::uuid and s.expires_at > now() and not p.is_active) then
			raise exception using errcode = 'KT403', message = 'This account is deactivated', -- INB-123
				hint = 'Ask an administrator of your organization';
		elsif now_so is null then
			raise exception using errcode = '28000', message = 'The session of this token has ended; sign in again';
		end if;
		c := c || now_so;
	end if;
	perform set_config('request.jwt.claims', c::text, true);
	return coalesce(c ->> 'role', 'anon');
end
$$;
