-- Making tenants, users and keys: for bin/kontor, which logs in as the owner.

create function internal.create_organization(org_name text, org_slug text, zone text default 'UTC', money text default 'USD')
	returns uuid
language plpgsql
as $$
declare
	org uuid;
begin
	insert into public.organizations (name, slug, timezone, currency)
		values (org_name, org_slug, zone, money) returning id into org;
	insert into internal.event_counters (organization_id) values (org);
	insert into public.pipelines (organization_id, name, is_default) values (org, 'Sales', true);
	return org;
end
$$;
comment on function internal.create_organization(text, text, text, text) is 'A tenant with its default pipeline (DEA-9)';

create function internal.create_user(org uuid, address text, hash text, first text, last text, app_role text,
	booking_name text default null) returns uuid
language plpgsql
as $$
declare
	usr uuid;
begin
	insert into auth.users (email, password_hash, email_confirmed_at)
		values (lower(address), hash, now())
		on conflict (email) do update set password_hash = coalesce(excluded.password_hash, auth.users.password_hash)
		returning id into usr;
	-- Whoever is made by hand has no wizard to pass.
	insert into public.profiles (organization_id, id, first_name, last_name, email, username, timezone, onboarding_completed)
		values (org, usr, first, last, lower(address), booking_name,
			(select timezone from public.organizations where id = org), true);
	insert into public.user_roles (organization_id, user_id, role) values (org, usr, app_role);
	return usr;
end
$$;

create function internal.create_api_key(org uuid, key_name text, shown_prefix text, key_sha256 text) returns uuid
language sql
as $$
	insert into public.api_keys (organization_id, name, prefix, key_hash)
		values (org, key_name, shown_prefix, decode(key_sha256, 'hex')) returning id
$$;
