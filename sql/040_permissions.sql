-- Who may do what inside a tenant, for what the tenant policy alone leaves to
-- every member: settings belong to owners and administrators (auth-team.md,
-- matrix of permissions), whichever way they are reached.

-- An agent with a key of his own making would be an administrator; one who
-- moves a channel's api_base is sent its token with the next message.
create function internal.admin_table(t regclass, read boolean default false) returns void
language plpgsql
as $$
declare
	rule text := '(select auth.app_role()) in (''OWNER'', ''ADMIN'', ''SYSTEM'')';
begin
	execute format('create policy admin_insert on %s as restrictive for insert to authenticated with check (%s)', t, rule);
	execute format('create policy admin_update on %s as restrictive for update to authenticated using (%s)', t, rule);
	execute format('create policy admin_delete on %s as restrictive for delete to authenticated using (%s)', t, rule);
	if read then
		execute format('create policy admin_select on %s as restrictive for select to authenticated using (%s)', t, rule);
	end if;
end
$$;
comment on function internal.admin_table(regclass, boolean) is
	'Only owners, administrators and the programs write this table, or (read) see it';
do $$ begin
	perform internal.admin_table('public.organizations');
	perform internal.admin_table('public.api_keys', read => true);
	perform internal.admin_table('public.channel_accounts');
	perform internal.admin_table('public.pipelines');
	perform internal.admin_table('public.webhook_configurations', read => true);
	perform internal.admin_table('public.webhook_deliveries', read => true);
	perform internal.admin_table('public.webhook_logs', read => true); -- SET-57
end $$;

-- Everybody keeps his own profile.
create policy own_update on public.profiles as restrictive for update to authenticated
	using (id = (select auth.uid()) or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));

-- What providers sent is for the programs alone: a made-up call would be taken
-- for the provider's.
create policy system on public.inbound_hooks as restrictive to authenticated
	using ((select auth.app_role()) = 'SYSTEM');

-- API-19: what a key may not read in messages it does not find beside them.
create policy api_key_reads on public.events as restrictive for select to authenticated
	using (record_type <> 'message' or coalesce((select (auth.claims() ->> 'can_read_messages')::boolean), true));
create policy api_key_reads on public.message_attachments as restrictive for select to authenticated
	using (coalesce((select (auth.claims() ->> 'can_read_messages')::boolean), true));
create policy api_key_reads on public.webhook_deliveries as restrictive for select to authenticated
	using (coalesce((select (auth.claims() ->> 'can_read_messages')::boolean), true));
create policy api_key_reads on public.webhook_logs as restrictive for select to authenticated
	using (coalesce((select (auth.claims() ->> 'can_read_messages')::boolean), true));
create policy api_key_resends on public.messages as restrictive for update to authenticated
	using (coalesce((select (auth.claims() ->> 'can_send_messages')::boolean), true));

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
		select jsonb_build_object('sub', s.user_id, 'organization_id', s.organization_id, 'app_role', r.role) into now_so
			from auth.sessions s
			join public.profiles p on p.organization_id = s.organization_id and p.id = s.user_id
			left join public.user_roles r on r.organization_id = s.organization_id and r.user_id = s.user_id
			where s.id = (c ->> 'session_id')::uuid and s.expires_at > now() and p.is_active;
		if now_so is null then
			raise exception using errcode = '28000', message = 'The session of this token has ended; sign in again';
		end if;
		c := c || now_so;
	end if;
	perform set_config('request.jwt.claims', c::text, true);
	return coalesce(c ->> 'role', 'anon');
end
$$;
