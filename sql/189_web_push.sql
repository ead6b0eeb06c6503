-- Web push: notices reach the browsers of a member while no page is open
-- (CHA-113..116, SET-11).

create table public.push_subscriptions (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid not null default auth.uid(),
	endpoint text not null check (length(endpoint) <= 2000 and endpoint ~ '^https?://[^\s]+$'),
	p256dh text not null check (p256dh ~ '^[A-Za-z0-9_=-]{80,100}$'),
	auth text not null check (auth ~ '^[A-Za-z0-9_=-]{20,30}$'),
	device text check (length(device) <= 200), -- "Firefox on Linux", for people
	created_at timestamptz not null default now(),
	used_at timestamptz, -- when a message last reached it
	primary key (organization_id, id),
	constraint push_subscriptions_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.push_subscriptions is 'Browsers in which a member wants to be told; each sees and ends his own';
create unique index push_subscriptions_endpoint_key on public.push_subscriptions (organization_id, md5(endpoint));
create index push_subscriptions_user_idx on public.push_subscriptions (organization_id, user_id);
do $$ begin perform internal.tenant_table('public.push_subscriptions'); end $$;
create policy own on public.push_subscriptions as restrictive to authenticated
	using (user_id = (select auth.uid()) or (select auth.app_role()) = 'SYSTEM');

-- This browser, for who is signed in. A browser belongs to the last one who
-- signed in there: whose it was before is not told there any more.
create function public.push_subscribe(endpoint text, p256dh text, auth_secret text, device text default null) returns uuid
language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
declare
	org uuid := auth.org();
	made uuid;
begin
	if auth.uid() is null then
		raise exception using errcode = 'KT403', message = 'Only people have browsers', hint = 'Sign in as a member';
	end if;
	insert into public.push_subscriptions as s (organization_id, user_id, endpoint, p256dh, auth, device)
		values (org, auth.uid(), push_subscribe.endpoint, push_subscribe.p256dh, auth_secret, left(push_subscribe.device, 200))
		on conflict (organization_id, md5(endpoint)) do update
		set user_id = excluded.user_id, p256dh = excluded.p256dh, auth = excluded.auth,
			device = coalesce(excluded.device, s.device)
		returning s.id into made;
	-- As many as a person has browsers; the oldest goes.
	delete from public.push_subscriptions s where s.organization_id = org and s.user_id = auth.uid()
		and s.id in (select o.id from public.push_subscriptions o where o.organization_id = org and o.user_id = auth.uid()
			order by coalesce(o.used_at, o.created_at) desc offset 20);
	return made;
exception when check_violation then
	raise exception using errcode = 'KT422', message = 'This is no subscription of a browser',
		hint = 'endpoint, p256dh and auth_secret come from PushSubscription.toJSON()';
end
$$;
comment on function public.push_subscribe(text, text, text, text) is 'Tell me in this browser, too: endpoint and keys of its PushSubscription';
grant execute on function public.push_subscribe(text, text, text, text) to authenticated;

create function public.push_unsubscribe(endpoint text) returns boolean
language sql
as $$
	with gone as (delete from public.push_subscriptions s
		where s.organization_id = auth.org() and s.user_id = auth.uid() and md5(s.endpoint) = md5(push_unsubscribe.endpoint)
			and s.endpoint = push_unsubscribe.endpoint returning 1)
	select exists (select from gone)
$$;
comment on function public.push_unsubscribe(text) is 'Tell me in this browser no more';
grant execute on function public.push_unsubscribe(text) to authenticated;

-- ---- notices go there ----------------------------------------------------------------------

-- One job for each browser of each member who was told; most have none.
create function internal.push_notices() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(f.organization_id, 'web_push', f.id || ' ' || s.id,
			jsonb_build_object('notification_id', f.id, 'subscription_id', s.id), now(), 3)
		from fresh f join public.push_subscriptions s on s.organization_id = f.organization_id and s.user_id = f.user_id;
	return null;
end
$$;
create trigger push_insert after insert on public.notifications referencing new table as fresh
	for each statement execute function internal.push_notices();

-- "Does it work?": a notice to oneself, which internal.notify would not make.
create function public.push_test() returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
	if not exists (select from public.push_subscriptions s where s.organization_id = auth.org() and s.user_id = auth.uid()) then
		raise exception using errcode = 'KT409', message = 'No browser is subscribed yet', hint = 'Turn notifications on in this browser first';
	end if;
	insert into public.notifications (organization_id, user_id, kind, data) values (auth.org(), auth.uid(), 'push.test', '{}');
	return true;
end
$$;
comment on function public.push_test() is 'A notice to me, to see that my browsers show it';
grant execute on function public.push_test() to authenticated;

-- For the job: where to and what. Nothing when it was read meanwhile, or the
-- browser is not subscribed any more.
create function internal.push_letter(notice uuid, subscription uuid)
	returns table (endpoint text, p256dh text, auth text, id uuid, kind text, data jsonb, actor text, record_type text,
		record_id uuid, language text)
language sql stable security definer set search_path = ''
as $$
	select s.endpoint, s.p256dh, s.auth, n.id, n.kind, n.data,
		app.person(a.first_name, a.last_name, null, array[a.email]), n.record_type, n.record_id, p.language
	from public.notifications n
	join public.push_subscriptions s on s.organization_id = n.organization_id and s.user_id = n.user_id
	join public.profiles p on p.organization_id = n.organization_id and p.id = n.user_id and p.is_active
	left join public.profiles a on a.organization_id = n.organization_id and a.id = n.actor_id
	where n.organization_id = auth.org() and n.id = notice and s.id = subscription and n.read_at is null
		and auth.app_role() = 'SYSTEM'
$$;
grant execute on function internal.push_letter(uuid, uuid) to authenticated;

-- What the push service said: delivered, or that there is no such browser any more.
create function internal.push_outcome(org uuid, subscription uuid, gone boolean) returns void
language sql security definer set search_path = ''
as $$
	delete from public.push_subscriptions s where s.organization_id = org and s.id = subscription and gone;
	update public.push_subscriptions s set used_at = now() where s.organization_id = org and s.id = subscription and not gone
$$;
revoke execute on function internal.push_outcome(uuid, uuid, boolean) from public;
grant execute on function internal.push_outcome(uuid, uuid, boolean) to kontor_worker;

notify pgrst;
