-- The organizations of a user, and the plan of an organization.

-- ---- organizations (AUTH-58..61) ------------------------------------------------

alter table public.organizations add column business_hours jsonb not null default '{}',
	add column notification_preferences jsonb not null default '{}' check (jsonb_typeof(notification_preferences) = 'object');
comment on column public.organizations.business_hours is '{"mon": [["09:00", "17:00"]], ...}; a day that is not named is closed';
grant update (slug, business_hours, notification_preferences) on public.organizations to authenticated;

create function internal.organization_rules() returns trigger
language plpgsql
as $$
declare
	day record;
	span jsonb;
begin
	if jsonb_typeof(new.business_hours) <> 'object' then
		raise exception using errcode = 'KT400', message = 'business_hours must be an object of days', column = 'business_hours';
	end if;
	for day in select * from jsonb_each(new.business_hours) loop
		if day.key not in ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun') or jsonb_typeof(day.value) <> 'array' then
			raise exception using errcode = 'KT400', message = format('"%s" is not a day with its hours', day.key),
				hint = '{"mon": [["09:00", "17:00"]]}', column = 'business_hours';
		end if;
		for span in select * from jsonb_array_elements(day.value) loop
			if (span ->> 0) is null or (span ->> 1) is null or (span ->> 0)::time >= (span ->> 1)::time then
				raise exception using errcode = 'KT400', message = format('The hours of "%s" do not begin before they end', day.key),
					hint = '{"mon": [["09:00", "17:00"]]}', column = 'business_hours';
			end if;
		end loop;
	end loop;
	if exists (select from jsonb_object_keys(new.settings) k
			where k ~* '(credential|secret|password|api_?key|access_?token)') then
		raise exception using errcode = 'KT400', message = 'Credentials do not belong into settings', column = 'settings',
			hint = 'Store them in provider_credentials, where they are sealed';
	end if;
	return new;
end
$$;
create trigger rules before insert or update of business_hours, settings on public.organizations
	for each row execute function internal.organization_rules();

-- Keys of outside services that belong to the tenant as a whole. Only its owner
-- sees that they are there and changes them (AUTH-61); the programs open them.
create table public.provider_credentials (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	provider text not null check (provider ~ '^[a-z0-9_]{1,50}$'),
	name text not null default 'api_key' check (name ~ '^[a-z0-9_]{1,50}$'),
	value text not null,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, provider, name),
	constraint provider_credential_sealed check (value like 'v1.%')
);
comment on table public.provider_credentials is 'Credentials of the tenant with outside services; for its owner alone';
comment on column public.provider_credentials.value is 'Write-only: sealed at rest, never returned';
do $$ begin perform internal.tenant_table('public.provider_credentials'); end $$;
revoke select on public.provider_credentials from authenticated;
grant select (organization_id, id, provider, name, created_at, updated_at) on public.provider_credentials to authenticated;
create policy owner_only on public.provider_credentials as restrictive to authenticated
	using ((select auth.app_role()) in ('OWNER', 'SYSTEM')) with check ((select auth.app_role()) in ('OWNER', 'SYSTEM'));
do $$ begin perform internal.audit_table('public.provider_credentials', 'credential', 'updated_at', 'value'); end $$;

-- "appgain" in the answer's key is the other product's name for its gateway:
-- here, that one for WhatsApp Lite is configured.
create function public.list_organizations()
	returns table (id uuid, name text, slug text, role text, is_active boolean, has_gateway boolean)
language sql stable security definer set search_path = ''
as $$
	select o.id, o.name, o.slug, coalesce(r.role, auth.app_role()), o.id = auth.org(),
		exists (select from public.provider_credentials c
			where c.organization_id = o.id and c.provider in ('appgain', 'whatsapp_lite'))
		or exists (select from public.channel_accounts a where a.organization_id = o.id and a.type = 'WHATSAPP_LITE' and a.is_active)
	from public.organizations o
	left join public.profiles p on p.organization_id = o.id and p.id = auth.uid()
	left join public.user_roles r on r.organization_id = o.id and r.user_id = auth.uid()
	where (p.is_active or auth.uid() is null and o.id = auth.org()) and internal.on_site(o.id)
	order by o.name, o.id
$$;
comment on function public.list_organizations() is 'Every organization that the caller may use (API-89); a key has one';

-- The session moves, and with it the cookie and every token that names it.
create function auth.switch_organization(org uuid, addr text) returns table (id uuid, name text, role text)
language plpgsql security definer set search_path = ''
as $$
declare
	session uuid := (auth.claims() ->> 'session_id')::uuid;
begin
	if session is null then
		raise exception using errcode = 'KT403', message = 'Only a signed-in user has organizations to switch between',
			hint = 'Send the access token of a user';
	end if;
	if not exists (select from public.profiles p where p.organization_id = org and p.id = auth.uid() and p.is_active)
			or not internal.on_site(org) then
		raise exception using errcode = 'KT403', message = 'You are not a member of this organization',
			hint = 'list-organizations names those that you may use';
	end if;
	perform auth.check_login(org, auth.uid(), addr);
	update auth.sessions s set organization_id = org where s.id = session and s.user_id = auth.uid();
	update auth.users u set last_organization_id = org where u.id = auth.uid();
	return query select o.id, o.name, r.role from public.organizations o
		left join public.user_roles r on r.organization_id = o.id and r.user_id = auth.uid() where o.id = org;
end
$$;

-- A second tenant of a signed-in user; he is its owner. A slug that is taken
-- gets a number.
create function public.create_organization(name text, slug text default null, timezone text default 'UTC', currency text default 'USD')
	returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	base text := trim(both '-' from left(regexp_replace(lower(coalesce(slug, name)), '[^a-z0-9]+', '-', 'g'), 50));
	free text := coalesce(nullif(base, ''), 'organization');
	n integer := 1;
	org uuid;
begin
	if auth.uid() is null then
		raise exception using errcode = 'KT403', message = 'Only a signed-in user makes an organization',
			hint = 'Send the access token of a user';
	end if;
	while exists (select from public.organizations o where o.slug = free) loop
		n := n + 1;
		free := coalesce(nullif(base, ''), 'organization') || '-' || n;
	end loop;
	org := internal.create_organization(name, free, timezone, currency);
	insert into public.profiles (organization_id, id, first_name, last_name, email, phone, timezone, language, onboarding_completed)
		select org, p.id, p.first_name, p.last_name, p.email, p.phone, p.timezone, p.language, true
		from public.profiles p where p.organization_id = auth.org() and p.id = auth.uid();
	insert into public.user_roles (organization_id, user_id, role) values (org, auth.uid(), 'OWNER');
	return org;
end
$$;
comment on function public.create_organization(text, text, text, text) is 'A new organization whose owner is the caller (AUTH-59); switch to it afterwards';

create function public.delete_organization(confirm_name text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if auth.app_role() is distinct from 'OWNER' then
		raise exception using errcode = 'KT403', message = 'Only the owner deletes an organization';
	end if;
	if not exists (select from public.organizations o where o.id = auth.org() and o.name = confirm_name) then
		raise exception using errcode = 'KT400', message = 'This is not the name of the organization',
			hint = 'Write its name exactly, to confirm that everything in it goes', column = 'confirm_name';
	end if;
	delete from public.organizations o where o.id = auth.org();
end
$$;
comment on function public.delete_organization(text) is 'Deletes the caller''s organization with all that it holds; the name confirms it';

-- ---- plan (AUTH-38, 39, 41, 84) ---------------------------------------------------------------

create table internal.plans (
	id text primary key check (id ~ '^[a-z0-9-]+$'),
	name text not null,
	description text,
	price numeric(10,2) not null default 0,
	currency text not null default 'USD',
	features text[] not null default '{}',
	max_contacts integer, -- null: no limit
	max_conversations integer,
	max_members integer,
	provider_price text unique -- what a billing service calls it
);
alter table internal.plans enable row level security;
alter table internal.plans force row level security;
insert into internal.plans (id, name, description, features) values
	('self-hosted', 'Self-hosted', 'Everything, on your own server', '{Unlimited contacts,Unlimited conversations,Unlimited team members}');

create table internal.subscriptions (
	organization_id uuid primary key references public.organizations on delete cascade,
	plan text not null references internal.plans,
	status text not null default 'active' check (status in ('active', 'trial', 'cancelled')),
	trial_ends_at timestamptz,
	current_period_end timestamptz,
	next_billing_date date,
	provider text,
	provider_customer text,
	updated_at timestamptz not null default now()
);
comment on table internal.subscriptions is 'The plan of a tenant; without a row it is self-hosted, active and without limits';
alter table internal.subscriptions enable row level security;
alter table internal.subscriptions force row level security;

create function internal.plan_of(org uuid)
	returns table (id text, name text, description text, price numeric, currency text, features text[], max_contacts integer,
		max_conversations integer, max_members integer, status text, trial_ends_at timestamptz, current_period_end timestamptz,
		next_billing_date date, is_open boolean)
language sql stable set search_path = ''
as $$
	select p.id, p.name, p.description, p.price, p.currency, p.features, p.max_contacts, p.max_conversations, p.max_members,
		coalesce(s.status, 'active'), s.trial_ends_at, s.current_period_end, s.next_billing_date,
		-- AUTH-41: what is paid for stays open to its end.
		case coalesce(s.status, 'active') when 'active' then true when 'trial' then coalesce(s.trial_ends_at > now(), true)
			else coalesce(s.current_period_end > now(), false) end
	from (select) one
	left join internal.subscriptions s on s.organization_id = org
	join internal.plans p on p.id = coalesce(s.plan, 'self-hosted')
$$;

create function internal.usage(used bigint, most integer) returns jsonb
language sql immutable
as $$
	select jsonb_build_object('used', used, 'total', most,
		'percent', case when most > 0 then round(100.0 * used / most) end)
$$;

create function public.subscription_overview() returns jsonb
language sql stable security definer set search_path = ''
as $$
	select jsonb_build_object('plan', p.id, 'name', p.name, 'description', p.description, 'price', p.price,
		'currency', p.currency, 'status', p.status, 'hasActiveSubscription', p.is_open, 'features', p.features,
		'trial_days_remaining', case when p.status = 'trial' then greatest(0, ceil(extract(epoch from p.trial_ends_at - now()) / 86400)) end,
		'next_billing_date', p.next_billing_date, 'current_period_end', p.current_period_end,
		'usage', jsonb_build_object(
			'contacts', internal.usage((select count(*) from public.contacts c where c.organization_id = auth.org()), p.max_contacts),
			'conversations', internal.usage((select count(*) from public.conversations c where c.organization_id = auth.org()),
				p.max_conversations),
			'team_members', internal.usage((select count(*) from public.profiles m where m.organization_id = auth.org() and m.is_active),
				p.max_members)))
	from internal.plan_of(auth.org()) p
$$;
comment on function public.subscription_overview() is 'Plan, status, features, limits and what is used of them (AUTH-38, AUTH-39, AUTH-84)';

create function app.subscription_state() returns table (is_open boolean, plan text, status text)
language sql stable security definer set search_path = ''
as $$ select p.is_open, p.id, p.status from internal.plan_of(auth.org()) p $$;

grant execute on function public.list_organizations(), auth.switch_organization(uuid, text),
	public.create_organization(text, text, text, text), public.delete_organization(text),
	public.subscription_overview(), app.subscription_state() to authenticated;
