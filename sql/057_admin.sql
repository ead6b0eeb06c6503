-- Administration: what keys may do, from where one may sign in, who is signed
-- in, and the log of it all.

-- ---- API keys -------------------------------------------------------------------

alter table public.api_keys
	add column user_id uuid, -- ck_live_ keys act with this user's rights and end with him (crm-api.md)
	add column is_read_only boolean not null default false,
	add column allowed_ips cidr[] not null default '{}',
	add column last_used_ip text,
	add column revoked_at timestamptz,
	add constraint api_keys_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade;
comment on column public.api_keys.user_id is 'The user in whose name the key acts; null: a key of the organization';
comment on column public.api_keys.is_read_only is 'Requests with this key may read and change nothing';
comment on column public.api_keys.allowed_ips is 'Address ranges that may use the key; empty: from anywhere';
grant select (user_id, is_read_only, allowed_ips, last_used_ip, revoked_at) on public.api_keys to authenticated;

-- "Keys are generated per user" (CAP-1): everybody makes and ends his own;
-- those of the organization and the sight of all are the administrators'.
-- A key makes no keys, or it could make one that may more than itself.
create policy own_select on public.api_keys as restrictive for select to authenticated
	using ((select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM') or user_id = (select auth.uid()));
create policy own_insert on public.api_keys as restrictive for insert to authenticated
	with check (((select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM') and (user_id is null or user_id = (select auth.uid()))
			or user_id = (select auth.uid()))
		and (select auth.claims() ->> 'api_key_id') is null);
create policy own_update on public.api_keys as restrictive for update to authenticated
	using (((select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM') or user_id = (select auth.uid()))
		and (select auth.claims() ->> 'api_key_id') is null)
	with check (user_id is null or user_id = (select auth.uid()) or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));
create policy own_delete on public.api_keys as restrictive for delete to authenticated
	using (((select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM') or user_id = (select auth.uid()))
		and (select auth.claims() ->> 'api_key_id') is null);

-- Whose it is, its hash and prefix stay what they were; nobody wakes a revoked
-- key by patching its row, or hands himself somebody else's.
create function internal.key_rules() returns trigger
language plpgsql
as $$
begin
	if tg_op = 'UPDATE' then
		new.user_id := old.user_id;
		new.key_hash := old.key_hash;
		new.prefix := old.prefix;
		new.revoked_at := old.revoked_at;
		if old.revoked_at is not null and new.is_active then
			raise exception using errcode = 'KT409', message = 'A revoked key stays revoked', hint = 'Make a new key',
				column = 'is_active';
		end if;
	end if;
	if not new.is_active then
		new.revoked_at := coalesce(new.revoked_at, now());
	end if;
	return new;
end
$$;
create trigger a_rules before insert or update of user_id, key_hash, prefix, revoked_at, is_active on public.api_keys
	for each row execute function internal.key_rules();

-- One address or range per element, as people write them: 10.0.0.5,
-- 10.0.0.0/8, and 10.0.0.5/8 for the network that it lies in.
create function internal.as_ranges(words text[]) returns cidr[]
language plpgsql immutable
as $$
declare
	word text;
	found cidr[] := '{}';
begin
	foreach word in array coalesce(words, '{}') loop
		continue when trim(word) = '';
		begin
			found := found || network(trim(word)::inet);
		exception when invalid_text_representation then
			raise exception using errcode = 'KT400', message = format('"%s" is not an address or a range of addresses', trim(word)),
				hint = 'Write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32', column = 'allowed_ips';
		end;
	end loop;
	return found;
end
$$;

create function internal.in_ranges(addr text, ranges cidr[]) returns boolean
language plpgsql immutable
as $$
begin
	return addr::inet <<= any (ranges);
exception when invalid_text_representation then
	return false; -- a socket's name, or nothing: from nowhere
end
$$;

-- ---- from where one may sign in ----------------------------------------------------

create table public.ip_ranges (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	range cidr not null,
	label text check (length(label) <= 100),
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint ip_ranges_range_key unique (organization_id, range)
);
comment on table public.ip_ranges is 'Addresses from which members may sign in; none: from anywhere (ADM-30)';
do $$ begin
	perform internal.tenant_table('public.ip_ranges');
	perform internal.admin_table('public.ip_ranges', read => true);
end $$;

alter table public.organizations add column restrict_keys_by_ip boolean not null default false;
comment on column public.organizations.restrict_keys_by_ip is 'The address ranges of ip_ranges hold for API keys as well';
grant update (restrict_keys_by_ip) on public.organizations to authenticated;

-- 055 asks this before it lets anybody sign in.
create or replace function internal.address_allowed(org uuid, addr text) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
	ranges cidr[] := array(select r.range from public.ip_ranges r where r.organization_id = org);
begin
	return cardinality(ranges) = 0 or internal.in_ranges(addr, ranges);
end
$$;
comment on function internal.address_allowed(uuid, text) is 'Whether members of the tenant may sign in from this address';

create function internal.my_address() returns text
language sql stable
as $$ select nullif(current_setting('kontor.addr', true), '') $$;
comment on function internal.my_address() is 'Where the request comes from; null when the program did not say';

-- Who writes the list must not shut himself out with it. A key of the programs
-- and SQL by hand have no address, and are not asked.
create function internal.ip_ranges_keep_saver() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	addr text := internal.my_address();
begin
	if auth.uid() is not null and addr is not null and not internal.address_allowed(auth.org(), addr) then
		raise exception using errcode = 'KT409',
			message = format('Your own address %s would not be in the list, and you could not sign in any more', addr),
			hint = 'Add your own address first', column = 'range';
	end if;
	return null;
end
$$;
create trigger keep_saver after insert or update or delete on public.ip_ranges
	for each statement execute function internal.ip_ranges_keep_saver();

-- ---- what a key adds to the claims -----------------------------------------------------

-- The judgement of 002 with all that a key says: whose rights it has, from which
-- addresses it may be used, whether it only reads. One query for a key of the
-- organization, which is what most requests come with. `may` spares the policies
-- the question what an administrator may.
create or replace function auth.begin_api_key(key_sha256 text, remote_addr text) returns text
language plpgsql security definer set search_path = ''
as $$
declare
	k record;
	u record;
	whose text := '"app_role":"ADMIN","may":["*"]';
begin
	select a.organization_id, a.id, a.user_id, a.can_send_messages, a.can_read_messages, a.last_used_at, a.is_read_only,
			a.allowed_ips, o.restrict_keys_by_ip
		into k
		from public.api_keys a join public.organizations o on o.id = a.organization_id
		where a.key_hash = decode(key_sha256, 'hex') and a.is_active
			and (a.expires_at is null or a.expires_at > now());
	if not found then
		raise exception using errcode = '28000', message = 'Invalid or expired API key';
	end if;
	if k.user_id is not null then
		select json_build_object('sub', k.user_id, 'app_role', r.role, 'may', r.may)::text as claims into u
			from public.profiles p
			join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
			where p.organization_id = k.organization_id and p.id = k.user_id and p.is_active;
		if not found then
			raise exception using errcode = '28000', message = 'Invalid or expired API key';
		end if;
		whose := substr(u.claims, 2, length(u.claims) - 2);
	end if;
	if k.allowed_ips <> '{}' and not internal.in_ranges(remote_addr, k.allowed_ips) then
		raise exception using errcode = 'KT403', message = format('This API key may not be used from the address %s', remote_addr),
			hint = 'Its list of allowed addresses is under Settings, API keys';
	end if;
	if k.restrict_keys_by_ip and not internal.address_allowed(k.organization_id, remote_addr) then
		raise exception using errcode = 'KT403', message = format('Your organization allows no API keys from the address %s', remote_addr),
			hint = 'Its list of allowed addresses is under Settings, IP restrictions';
	end if;
	-- Written at most once a minute, so that reading stays reading.
	if k.last_used_at is null or k.last_used_at < now() - interval '1 minute' then
		update public.api_keys a set last_used_at = now(), last_used_ip = begin_api_key.remote_addr
			where a.organization_id = k.organization_id and a.id = k.id;
	end if;
	if k.is_read_only then
		perform set_config('transaction_read_only', 'on', true);
	end if;
	perform set_config('request.jwt.claims', '{"role":"authenticated","organization_id":"' || k.organization_id || '","api_key_id":"'
		|| k.id || '","can_send_messages":' || k.can_send_messages || ',"can_read_messages":' || k.can_read_messages
		|| ',' || whose || '}', true);
	return 'authenticated';
end
$$;

-- The answers of generate-api-key (settings.md, API) and of the page. `org` is
-- for the service key, which has none of its own.
create function internal.generate_api_key(key_name text, shown text, key_sha256 text, personal boolean, expires timestamptz,
	days integer, may_send boolean, may_read boolean, read_only boolean, addresses text[], org uuid default null)
	returns table (id uuid, name text, key_prefix text, expires_at timestamptz, created_at timestamptz)
language plpgsql
as $$
declare
	home uuid := coalesce(auth.org(), org);
	ends timestamptz := coalesce(expires, now() + make_interval(days => days));
begin
	if home is null or (auth.claims() ->> 'role') = 'anon' then
		raise exception using errcode = '28000', message = 'The public key alone makes no API keys',
			hint = 'Send Authorization: Bearer with the access_token of an owner or administrator';
	end if;
	if org is not null and org <> home then
		raise exception using errcode = 'KT403', message = 'organizationId is not the organization that you are signed in to',
			hint = 'Switch to it first', column = 'organizationId';
	end if;
	if auth.claims() ->> 'api_key_id' is not null then
		raise exception using errcode = 'KT403', message = 'An API key cannot make API keys',
			hint = 'Sign in as an owner or administrator';
	end if;
	if not personal and auth.org() is not null then
		perform internal.admins_only('API keys');
	end if;
	if ends <= now() then
		raise exception using errcode = 'KT400', message = 'The key would have expired already', column = 'expires_at',
			hint = 'Leave expires_at away for a key without an end';
	end if;
	return query
		insert into public.api_keys as k (organization_id, name, prefix, key_hash, created_by, user_id, expires_at,
				can_send_messages, can_read_messages, is_read_only, allowed_ips)
			values (home, key_name, shown, decode(key_sha256, 'hex'), auth.uid(), case when personal then auth.uid() end, ends,
				coalesce(may_send, true), coalesce(may_read, true), coalesce(read_only, false), internal.as_ranges(addresses))
			returning k.id, k.name, k.prefix || '...', k.expires_at, k.created_at;
end
$$;
-- For bin/kontor: a ck_live_ key that nobody asked for acts as the owner.
create or replace function internal.create_api_key(org uuid, key_name text, shown_prefix text, key_sha256 text) returns uuid
language sql
as $$
	insert into public.api_keys (organization_id, name, prefix, key_hash, user_id)
		select org, key_name, shown_prefix, decode(key_sha256, 'hex'), case when shown_prefix like 'ck\_live\_%' then
			(select r.user_id from public.user_roles r where r.organization_id = org and r.role = 'OWNER'
				order by r.created_at limit 1) end
		returning id
$$;
grant execute on function internal.as_ranges(text[]), internal.my_address(), internal.key_rules(),
	internal.in_ranges(text, cidr[]),
	internal.generate_api_key(text, text, text, boolean, timestamptz, integer, boolean, boolean, boolean, text[], uuid)
	to authenticated, service_role;

-- ---- sessions -------------------------------------------------------------------------------

-- "Chrome on Windows" out of what a browser says of itself.
create function internal.device(agent text) returns text
language sql immutable
as $$
	select case when agent is null or agent = '' then 'Unknown device'
		when agent !~ '^Mozilla' then coalesce(nullif(substring(agent from '^[A-Za-z0-9_. -]{1,30}'), ''), 'A program')
		else case when agent ~ 'Edg' then 'Edge' when agent ~ 'OPR/' then 'Opera' when agent ~ 'Firefox/' then 'Firefox'
				when agent ~ 'Chrome/|CriOS/' then 'Chrome' when agent ~ 'Safari/' then 'Safari' else 'A browser' end
			|| case when agent ~ 'iPhone|iPad' then ' on iOS' when agent ~ 'Android' then ' on Android'
				when agent ~ 'Windows' then ' on Windows' when agent ~ 'Mac OS X' then ' on macOS'
				when agent ~ 'CrOS' then ' on ChromeOS' when agent ~ 'Linux' then ' on Linux' else '' end end
$$;

-- Active sessions of the tenant, newest first.
create function internal.sessions(of_user uuid default null)
	returns table (id uuid, user_id uuid, kind text, device text, remote_addr text, created_at timestamptz,
		last_seen_at timestamptz, is_current boolean)
language sql stable security definer set search_path = ''
as $$
	select s.id, s.user_id, s.kind, internal.device(s.user_agent), s.remote_addr, s.created_at,
		s.last_seen_at, s.id = (auth.claims() ->> 'session_id')::uuid
	from auth.sessions s
	where s.organization_id = auth.org() and s.expires_at > now() and s.ended_at is null
		and not s.waits_for_factor
		and (auth.app_role() in ('OWNER', 'ADMIN') or s.user_id = auth.uid())
		and (of_user is null or s.user_id = of_user)
	order by s.created_at desc limit 500
$$;
comment on function internal.sessions(uuid) is 'Who is signed in (ADM-31): administrators see everybody, others themselves';

-- ADM-32: its next request is signed out, and its access tokens end with it.
create function internal.session_revoke(session uuid) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	found_one uuid[] := array(select s.id from auth.sessions s where s.id = session and s.organization_id = auth.org()
		and (auth.app_role() in ('OWNER', 'ADMIN') or s.user_id = auth.uid()));
begin
	if auth.end_sessions(found_one, 'revoked') = 0 then
		raise exception using errcode = 'KT404', message = 'This session has ended already';
	end if;
end
$$;
grant execute on function internal.sessions(uuid), internal.session_revoke(uuid), internal.device(text) to authenticated;

-- ---- the outbox as audit log ----------------------------------------------------------------

-- Every event carries where it came from. What concerns the administration of
-- the tenant is shown to its administrators alone.
alter table public.events
	add column api_key_id uuid default (auth.claims() ->> 'api_key_id')::uuid,
	add column remote_addr text default nullif(current_setting('kontor.addr', true), ''),
	add column admin_only boolean not null default false;
create index events_admin_idx on public.events (organization_id, id desc) where admin_only;
create policy administration on public.events as restrictive for select to authenticated
	using (not admin_only or (select auth.app_role()) in ('OWNER', 'ADMIN', 'SYSTEM'));
-- A colleague's address is no business of everybody.
revoke select on public.events from authenticated;
grant select (organization_id, id, position, seq, type, record_type, record_id, data, changes, actor_id, created_at, api_key_id,
	admin_only) on public.events to authenticated;

-- What is written stays as it is: the dispatcher numbers events, and a tenant
-- that goes takes them along; the cleaner of old ones says so first.
create function internal.events_stay() returns trigger
language plpgsql
as $$
begin
	if coalesce(current_setting('kontor.retention', true), '') <> 'on' then
		raise exception using errcode = 'KT403', message = 'The log of events is only ever added to';
	end if;
	return case tg_op when 'DELETE' then old else new end;
end
$$;
create trigger stay_update before update of organization_id, id, position, type, record_type, record_id, data, changes, actor_id,
	created_at, api_key_id, remote_addr on public.events for each row execute function internal.events_stay();
create trigger stay_delete before delete on public.events
	for each row when (pg_trigger_depth() = 0) execute function internal.events_stay();
create trigger stay_truncate before truncate on public.events execute function internal.events_stay();

-- An event that is none of the record's own, with whoever did it.
create function internal.note_event(org uuid, event_type text, of_type text, of_id uuid, snapshot jsonb, change jsonb,
	actor uuid, addr text default null) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	-- What goes with its tenant has no log to be written into.
	if exists (select from public.organizations o where o.id = org) then
		insert into public.events (organization_id, type, record_type, record_id, data, changes, actor_id, remote_addr, admin_only)
			values (org, event_type, of_type, of_id, snapshot, change, actor, coalesce(addr, internal.my_address()), true);
		perform job.wake();
	end if;
end
$$;

-- old_x and new_x of every column that differs.
create function internal.all_changes(old_row jsonb, new_row jsonb, hidden text[]) returns jsonb
language sql immutable
as $$
	select jsonb_object_agg(x.k, x.v) from (
		select unnest(array['old_' || n.key, 'new_' || n.key]) as k,
			unnest(array[coalesce(old_row -> n.key, 'null'), n.value]) as v
		from jsonb_each(new_row) n
		where n.value is distinct from old_row -> n.key and n.key <> 'updated_at' and n.key <> all (hidden)) x
$$;

-- A table of the administration: each change is an event for administrators.
-- Arguments: what a row is called, and the columns that the log must not hold
-- (secrets, hashes) or that are no change (counters, "last seen"); of the
-- former it says only that they changed.
create function internal.audited() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	kind text := tg_argv[0];
	noise text[] := string_to_array(tg_argv[1], ',');
	secret text[] := string_to_array(tg_argv[2], ',');
	o jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - noise end;
	n jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - noise end;
	r jsonb := coalesce(n, o);
	change jsonb;
	name text;
begin
	if tg_op = 'UPDATE' then
		change := internal.all_changes(o, n, secret);
		foreach name in array secret loop
			if o -> name is distinct from n -> name then
				change := coalesce(change, '{}') || jsonb_build_object('new_' || name, '(changed)');
			end if;
		end loop;
		if change is null then
			return null;
		end if;
	end if;
	perform internal.note_event(coalesce((r ->> 'organization_id')::uuid, (r ->> 'id')::uuid),
		kind || case tg_op when 'INSERT' then '.created' when 'UPDATE' then '.updated' else '.deleted' end, kind,
		(r ->> case kind when 'role' then 'user_id' else 'id' end)::uuid, r - secret, change, auth.uid());
	return null;
end
$$;

create function internal.audit_table(t regclass, kind text, noise text default '', secret text default '') returns void
language plpgsql
as $$
begin
	execute format('create trigger audited after insert or update or delete on %s for each row
		execute function internal.audited(%L, %L, %L)', t, kind, noise, secret);
end
$$;
comment on function internal.audit_table(regclass, text, text, text) is
	'Every change of this table is in the audit log; noise: columns that are no change, secret: whose values it must not hold';

do $$ begin
	perform internal.audit_table('public.organizations', 'organization', 'updated_at');
	perform internal.audit_table('public.profiles', 'member', 'updated_at,is_online,last_seen_at');
	perform internal.audit_table('public.user_roles', 'role', 'updated_at,may'); -- may follows from the others
	perform internal.audit_table('public.api_keys', 'api_key', 'updated_at,last_used_at,last_used_ip', 'key_hash');
	perform internal.audit_table('public.channel_accounts', 'channel',
		'updated_at,last_in_at,last_out_at,last_error,bad_signatures,connection_state');
	perform internal.audit_table('public.pipelines', 'pipeline', 'updated_at');
	perform internal.audit_table('public.webhook_configurations', 'webhook',
		'updated_at,failing_since,last_success_at,has_secret', 'secret,custom_headers');
	perform internal.audit_table('public.event_types', 'event_type', 'updated_at');
	perform internal.audit_table('public.products', 'product', 'updated_at,search_text');
	perform internal.audit_table('public.ip_ranges', 'ip_range', '');
end $$;

-- Records of the CRM have their own events; that one is gone is told here.
create function internal.record_deleted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.note_event(old.organization_id, tg_argv[0] || '.deleted', tg_argv[0], old.id,
		internal.snapshot(to_jsonb(old)), null, auth.uid());
	return null;
end
$$;
create trigger events_delete after delete on public.contacts for each row execute function internal.record_deleted('contact');
create trigger events_delete after delete on public.companies for each row execute function internal.record_deleted('company');
create trigger events_delete after delete on public.deals for each row execute function internal.record_deleted('deal');
create trigger events_delete after delete on public.conversations
	for each row execute function internal.record_deleted('conversation');
create trigger events_delete after delete on public.quotes for each row execute function internal.record_deleted('quote');
create trigger events_delete after delete on public.bookings for each row execute function internal.record_deleted('booking');

-- Signing in and out. A session that only ran out is no event.
create function internal.session_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'INSERT' and not new.waits_for_factor or tg_op = 'UPDATE' and old.waits_for_factor and not new.waits_for_factor then
		perform internal.note_event(new.organization_id, 'user.signed_in', 'user', new.user_id,
			jsonb_build_object('session_id', new.id, 'device', internal.device(new.user_agent)), null, new.user_id, new.remote_addr);
	elsif not old.waits_for_factor and (tg_op = 'DELETE' and old.expires_at > now() or tg_op = 'UPDATE' and old.ended_at is null) then
		perform internal.note_event(old.organization_id,
			case when auth.uid() is distinct from old.user_id and auth.uid() is not null then 'user.session_ended'
				else 'user.signed_out' end, 'user', old.user_id,
			jsonb_build_object('session_id', old.id, 'device', internal.device(old.user_agent)), null,
			coalesce(auth.uid(), old.user_id));
	end if;
	return null;
end
$$;
create trigger audited after insert or delete or update of ended_at, waits_for_factor on auth.sessions
	for each row execute function internal.session_events();

create function internal.user_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.note_event(p.organization_id,
			case when new.failed_logins > old.failed_logins then 'user.sign_in_failed' else 'user.password_changed' end,
			'user', new.id, jsonb_build_object('email', new.email), null,
			case when new.failed_logins > old.failed_logins then null else coalesce(auth.uid(), new.id) end)
		from public.profiles p where p.id = new.id;
	return null;
end
$$;
create trigger audited after update of failed_logins, password_hash on auth.users for each row
	when (new.failed_logins > old.failed_logins or new.password_hash is distinct from old.password_hash)
	execute function internal.user_events();

create function internal.changes_side(changes jsonb, side text) returns jsonb
language sql immutable
as $$
	select jsonb_object_agg(substr(c.key, 5), c.value) from jsonb_each(changes) c where left(c.key, 4) = side || '_'
$$;

-- What an entry says, from its type: "Changed pipeline".
create function internal.audit_words(action text, of_type text) returns text
language sql immutable
as $$
	select coalesce(
		(select w.words from (values ('user.signed_in', 'Signed in'), ('user.signed_out', 'Signed out'),
			('user.sign_in_failed', 'Could not sign in'), ('user.session_ended', 'Ended a session of'),
			('user.password_changed', 'Changed the password of'), ('note.created', 'Wrote a note'),
			('deal.stage.changed', 'Moved deal'), ('conversation.status.changed', 'Changed the status of a conversation'),
			('role.created', 'Gave a role to'), ('role.updated', 'Changed the role of'), ('role.deleted', 'Took the role of'),
			('config.restored', 'Restored the settings'), ('message.sent', 'Sent a message')) w (type, words) where w.type = action),
		case split_part(action, '.', 2) when 'created' then 'Created' when 'updated' then 'Changed' when 'deleted' then 'Deleted'
			else initcap(replace(substr(action, length(split_part(action, '.', 1)) + 2), '.', ' ')) end
			|| ' ' || case of_type when 'api_key' then 'API key' when 'ip_range' then 'address range'
				else replace(of_type, '_', ' ') end)
$$;

-- Field by field, for people; what is only there to hold the row together is
-- left out.
create function internal.audit_rows(before jsonb, after jsonb) returns jsonb
language sql stable
as $$
	select jsonb_agg(jsonb_build_object('label', internal.timeline_label(x.name), 'old', x.old, 'new', x.new,
			'both', x.old is not null and x.new is not null) order by x.name)
	from (
		select k.name, left(internal.timeline_value(k.name, before -> k.name, coalesce(after, before)), 300) as old,
			left(internal.timeline_value(k.name, after -> k.name, coalesce(after, before)), 300) as new
		from (select jsonb_object_keys(coalesce(before, '{}') || coalesce(after, '{}')) as name) k
		where k.name not in ('id', 'organization_id', 'created_at', 'updated_at', 'stage_entered_at')
		order by k.name limit 60) x
	where x.old is not null or x.new is not null
$$;
grant execute on function internal.audit_words(text, text), internal.audit_rows(jsonb, jsonb) to authenticated, service_role;

-- One line per thing that happened: an event that only repeats another is
-- left out, and so is what no person or key did in messages. The condition is
-- the policy: a view reads with its owner's rights.
create view public.audit_log with (security_barrier = true) as
	select e.organization_id, e.id, e.created_at, e.actor_id as user_id,
		case when p.id is not null then internal.person(p.first_name, p.last_name, p.email) end as user_name,
		e.api_key_id, k.name as api_key_name, e.remote_addr as ip_address, e.type as action, e.record_type, e.record_id,
		coalesce(e.data ->> 'title', e.data ->> 'name', e.data ->> 'label', e.data ->> 'number', e.data ->> 'guest_name',
			nullif(trim(coalesce(e.data ->> 'first_name', '') || ' ' || coalesce(e.data ->> 'last_name', '')), ''),
			case when t.id is not null then internal.person(t.first_name, t.last_name, t.email) end,
			e.data ->> 'email', e.data ->> 'range', left(e.data ->> 'content', 80)) as record_name,
		case when e.type like '%.deleted' then e.data else internal.changes_side(e.changes, 'old') end as before,
		case when e.type like '%.deleted' then null when e.changes is not null then internal.changes_side(e.changes, 'new')
			else e.data end as after
	from public.events e
	left join public.profiles p on p.organization_id = e.organization_id and p.id = e.actor_id
	left join public.api_keys k on k.organization_id = e.organization_id and k.id = e.api_key_id
	left join public.profiles t on t.organization_id = e.organization_id and t.id = e.record_id
		and e.record_type in ('user', 'role')
	where e.organization_id = (select auth.org())
		and (select auth.app_role() in ('OWNER', 'ADMIN'))
		and (e.record_type <> 'message' or (select coalesce((auth.claims() ->> 'can_read_messages')::boolean, true)))
		and not (e.record_type in ('message', 'inbox') and e.actor_id is null and e.api_key_id is null)
		and e.type not in ('deal.assigned', 'deal.stage.changed', 'contact.assigned', 'member.role.changed', 'member.permissions.changed')
		and not (e.type in ('contact.updated', 'company.updated', 'deal.updated') and e.changes is null);
comment on view public.audit_log is
	'What was done, by whom, from which address, with the data before and after (ADM-28, ADM-29); for owners and administrators';
grant execute on function internal.changes_side(jsonb, text) to authenticated;
grant select on public.audit_log to authenticated;

notify pgrst;
