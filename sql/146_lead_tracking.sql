-- Page visits and opened mails of leads that are known: by the key in their
-- link or cookie, by the picture of one mail. Nobody else is counted (LEA-4).

create table public.lead_mail_pixels (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	lead_id uuid not null,
	token text not null default replace(gen_random_uuid()::text, '-', ''),
	subject text check (length(subject) <= 500),
	opens integer not null default 0,
	opened_at timestamptz,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint lead_mail_pixels_token_key unique (token),
	constraint lead_mail_pixels_lead_id_fkey foreign key (organization_id, lead_id)
		references public.leads (organization_id, id) on delete cascade
);
comment on table public.lead_mail_pixels is 'One row per mail to a lead: /t.gif?m=TOKEN in it tells that it was opened';
create index lead_mail_pixels_lead_idx on public.lead_mail_pixels (organization_id, lead_id, created_at desc);
do $$ begin
	perform internal.tenant_table('public.lead_mail_pixels');
	perform internal.flag_table('public.lead_mail_pixels', 'can_access_crm');
end $$;
create policy visible on public.lead_mail_pixels as restrictive to authenticated
	using ((select auth.sees_all('contacts')) or auth.sees('lead', lead_id));

create function public.lead_mail_pixel(lead_id uuid, subject text default null) returns text
language sql
as $$
	insert into public.lead_mail_pixels (lead_id, subject) values (lead_mail_pixel.lead_id, left(lead_mail_pixel.subject, 500))
	returning '/t.gif?m=' || token
$$;
comment on function public.lead_mail_pixel(uuid, text) is 'The address of a picture for one mail to this lead; loading it counts as opening';
grant execute on function public.lead_mail_pixel(uuid, text) to authenticated, service_role;

create function internal.lead_tracked(org uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select coalesce((select s.tracking from public.lead_scoring s where s.organization_id = org and org = coalesce(auth.org(), org)), true)
$$;

-- A page of the tenant's site was seen by a lead. The same page within ten
-- minutes is one visit, and a day has two hundred at most.
create function public.public_lead_visit(lead_key text, url text, title text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	l public.leads;
begin
	select * into l from public.leads x where x.track_key = lead_key and internal.on_site(x.organization_id);
	if not found or not internal.lead_tracked(l.organization_id) then
		return false;
	end if;
	perform set_config('request.jwt.claims', json_build_object('organization_id', l.organization_id,
		'role', 'anon', 'app_role', 'SYSTEM')::text, true);
	perform pg_advisory_xact_lock(hashtextextended(l.id::text, 4));
	url := left(nullif(regexp_replace(url, '[[:cntrl:]]|[?#].*$', '', 'g'), ''), 2000);
	if url !~* '^https?://' or exists (select from public.lead_engagement_events e where e.organization_id = l.organization_id
			and e.lead_id = l.id and e.kind = 'page_visit' and e.at > now() - interval '10 minutes'
			and e.url is not distinct from public_lead_visit.url)
			or (select count(*) from (select from public.lead_engagement_events e where e.organization_id = l.organization_id
				and e.lead_id = l.id and e.kind = 'page_visit' and e.at > now() - interval '1 day' limit 200) n) = 200 then
		return false;
	end if;
	insert into public.lead_engagement_events (organization_id, lead_id, kind, subject, url)
		values (l.organization_id, l.id, 'page_visit', left(nullif(trim(title), ''), 500), url);
	return true;
end
$$;

-- A mail was opened; again within an hour is the same time.
create function public.public_lead_open(pixel text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	p public.lead_mail_pixels;
begin
	select * into p from public.lead_mail_pixels x where x.token = pixel and internal.on_site(x.organization_id) for update;
	if not found or not internal.lead_tracked(p.organization_id) or p.opened_at > now() - interval '1 hour' then
		return false;
	end if;
	perform set_config('request.jwt.claims', json_build_object('organization_id', p.organization_id,
		'role', 'anon', 'app_role', 'SYSTEM')::text, true);
	update public.lead_mail_pixels x set opens = x.opens + 1, opened_at = now()
		where x.organization_id = p.organization_id and x.id = p.id;
	insert into public.lead_engagement_events (organization_id, lead_id, kind, subject)
		values (p.organization_id, p.lead_id, 'email_open', p.subject);
	return true;
end
$$;
grant execute on function public.public_lead_visit(text, text, text), public.public_lead_open(text) to anon;
notify pgrst;
