-- The score of a lead: signals with their weights, and the alert when it is high.

-- One row per tenant; without one the defaults hold (leads.md, open points).
create table public.lead_scoring (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	email_open_points integer not null default 5 check (email_open_points between 0 and 100),
	email_open_max integer not null default 20 check (email_open_max between 0 and 100),
	page_visit_points integer not null default 2 check (page_visit_points between 0 and 100),
	page_visit_max integer not null default 20 check (page_visit_max between 0 and 100),
	form_submission_points integer not null default 20 check (form_submission_points between 0 and 100),
	form_submission_max integer not null default 40 check (form_submission_max between 0 and 100),
	outreach_points integer not null default 10 check (outreach_points between 0 and 100),
	outreach_max integer not null default 20 check (outreach_max between 0 and 100),
	high_score_threshold integer not null default 70 check (high_score_threshold between 1 and 100),
	half_life_days integer check (half_life_days between 1 and 3650),
	tracking boolean not null default true,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint lead_scoring_one unique (organization_id)
);
comment on table public.lead_scoring is 'What signals of leads count, and from which score a lead is high; one row, or the defaults';
comment on column public.lead_scoring.high_score_threshold is 'Reaching it from below alerts the owner, once each time (LEA-6)';
comment on column public.lead_scoring.half_life_days is 'A signal counts half after so many days; null: it never fades';
comment on column public.lead_scoring.tracking is 'Whether page visits and opened mails of known leads are counted';
do $$ begin
	perform internal.tenant_table('public.lead_scoring');
	perform internal.admin_table('public.lead_scoring');
	perform internal.audit_table('public.lead_scoring', 'lead_scoring', 'updated_at');
end $$;

create table public.lead_engagement_events (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	lead_id uuid not null,
	kind text not null check (kind in ('email_open', 'page_visit', 'form_submission', 'outreach')),
	at timestamptz not null default now() check (at < '2200-01-01'),
	answered boolean not null default false,
	channel text check (channel in ('call', 'email', 'message', 'meeting', 'other')),
	subject text check (length(subject) <= 500),
	url text check (length(url) <= 2000),
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint lead_engagement_events_lead_id_fkey foreign key (organization_id, lead_id)
		references public.leads (organization_id, id) on delete cascade
);
comment on table public.lead_engagement_events is 'Signals of a lead; each one moves its score at once (LEA-4)';
comment on column public.lead_engagement_events.kind is 'email_open, page_visit, form_submission, outreach';
comment on column public.lead_engagement_events.answered is 'Of outreach: the lead answered; only then it counts';
comment on column public.lead_engagement_events.subject is 'What it was: subject of the mail, title of the page, name of the form, words about the outreach';
create index lead_engagement_lead_idx on public.lead_engagement_events (organization_id, lead_id, at desc, id desc);
create index lead_engagement_visit_idx on public.lead_engagement_events (organization_id, lead_id, kind, at desc);
do $$ begin
	perform internal.tenant_table('public.lead_engagement_events');
	perform internal.flag_table('public.lead_engagement_events', 'can_access_crm');
end $$;
create policy visible on public.lead_engagement_events as restrictive to authenticated
	using ((select auth.sees_all('contacts')) or auth.sees('lead', lead_id));

-- ---- computing ---------------------------------------------------------------------------

create function internal.lead_weights(org uuid) returns table (kind text, points integer, most integer, half_life integer)
language sql stable security definer set search_path = ''
as $$
	select w.kind, w.points, w.most, s.half_life_days
	from (select coalesce(max(x.email_open_points), 5) as eo, coalesce(max(x.email_open_max), 20) as eom,
			coalesce(max(x.page_visit_points), 2) as pv, coalesce(max(x.page_visit_max), 20) as pvm,
			coalesce(max(x.form_submission_points), 20) as fs, coalesce(max(x.form_submission_max), 40) as fsm,
			coalesce(max(x.outreach_points), 10) as ou, coalesce(max(x.outreach_max), 20) as oum,
			max(x.half_life_days) as half_life_days
		from public.lead_scoring x where x.organization_id = org and org = coalesce(auth.org(), org)) s
	cross join lateral (values ('form_submission', s.fs, s.fsm), ('email_open', s.eo, s.eom), ('page_visit', s.pv, s.pvm),
		('outreach', s.ou, s.oum)) w (kind, points, most)
$$;

-- Per kind of signal: how many count, what they give, and the most that they can give.
create function internal.lead_score_parts(org uuid, lead uuid)
	returns table (kind text, signals bigint, points integer, most integer)
language sql stable security definer set search_path = ''
as $$
	select w.kind, count(e.id), least(w.most, round(w.points * coalesce(sum(case when w.half_life is null then 1
			else power(0.5, greatest(extract(epoch from now() - e.at), 0) / 86400 / w.half_life) end)
			filter (where e.id is not null), 0))::integer), w.most
	from internal.lead_weights(org) w
	left join public.lead_engagement_events e on e.organization_id = org and e.lead_id = lead and e.kind = w.kind
		and (e.kind <> 'outreach' or e.answered)
	where org = coalesce(auth.org(), org)
	group by w.kind, w.points, w.most
$$;

create function internal.lead_score(org uuid, lead uuid) returns integer
language sql stable
as $$ select least(100, greatest(0, coalesce(sum(p.points), 0)))::integer from internal.lead_score_parts(org, lead) p $$;
grant execute on function internal.lead_weights(uuid), internal.lead_score_parts(uuid, uuid), internal.lead_score(uuid, uuid)
	to authenticated, service_role;

create function internal.lead_signals() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	update public.leads l set score = s.score, last_signal_at = s.newest
		from (select c.organization_id, c.lead_id, internal.lead_score(c.organization_id, c.lead_id) as score,
				(select max(e.at) from public.lead_engagement_events e
					where e.organization_id = c.organization_id and e.lead_id = c.lead_id) as newest
			from (select distinct organization_id, lead_id from changed) c) s
		where l.organization_id = s.organization_id and l.id = s.lead_id
			and (l.score, l.last_signal_at) is distinct from (s.score, s.newest);
	return null;
end
$$;
create trigger score_insert after insert on public.lead_engagement_events
	referencing new table as changed for each statement execute function internal.lead_signals();
create trigger score_update after update on public.lead_engagement_events
	referencing new table as changed for each statement execute function internal.lead_signals();
create trigger score_delete after delete on public.lead_engagement_events
	referencing old table as changed for each statement execute function internal.lead_signals();

-- A call that was logged, and a mail that was sent, are outreach. A call with a
-- talk has its answer; of a mail nobody knows, whoever gets one says so.
create function internal.lead_outreach() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_table_name = 'record_emails' then
		insert into public.lead_engagement_events (organization_id, id, lead_id, kind, channel, subject)
			values (new.organization_id, new.id, new.lead_id, 'outreach', 'email', new.subject);
	elsif new.call_status in ('COMPLETED', 'MISSED', 'FAILED') then
		insert into public.lead_engagement_events as e (organization_id, id, lead_id, kind, at, channel, answered, subject)
			values (new.organization_id, new.id, new.lead_id, 'outreach', coalesce(new.call_timestamp, now()), 'call',
				new.call_status = 'COMPLETED', left(new.notes, 500))
			on conflict (organization_id, id) do update set answered = excluded.answered, subject = excluded.subject;
	end if;
	return null;
end
$$;
create trigger lead_outreach after insert on public.record_emails
	for each row when (new.lead_id is not null) execute function internal.lead_outreach();
create trigger lead_outreach after insert or update of call_status, notes on public.call_records
	for each row when (new.lead_id is not null) execute function internal.lead_outreach();

-- LEA-6: once per upward crossing, to the owner; else to who manages the lead's
-- team; else to the administrators.
create function internal.lead_high_score() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	threshold integer := coalesce((select s.high_score_threshold from public.lead_scoring s
		where s.organization_id = new.organization_id), 70);
	manager uuid;
begin
	if old.score >= threshold or new.score < threshold or new.status in ('Converted', 'Disqualified') then
		return null;
	end if;
	perform internal.emit(new.organization_id, 'lead.score.high', 'lead', new.id, internal.lead_snapshot(new),
		internal.changes(to_jsonb(old), to_jsonb(new), 'score'));
	select t.manager_id into manager from public.teams t
		where t.organization_id = new.organization_id and t.id = new.team_id;
	-- Kontor itself says so, whoever sent the signal.
	insert into public.notifications (organization_id, user_id, kind, record_type, record_id, data)
		select new.organization_id, u.id, 'lead.score', 'lead', new.id,
			jsonb_build_object('title', new.name, 'company', new.company_name, 'score', new.score)
		from (select coalesce(new.owner_id, manager) as id where coalesce(new.owner_id, manager) is not null
			union select r.user_id from public.user_roles r where coalesce(new.owner_id, manager) is null
				and r.organization_id = new.organization_id and r.role in ('OWNER', 'ADMIN')) u
		join public.profiles p on p.organization_id = new.organization_id and p.id = u.id and p.is_active;
	return null;
end
$$;
create trigger high_score after update of score on public.leads
	for each row when (new.score > old.score) execute function internal.lead_high_score();

-- ---- computing all of them again -----------------------------------------------------------

-- The worker's job lead_scores: some leads at a time, so that nobody waits for
-- it. Where signals fade it begins again every day.
create function internal.lead_rescore(after uuid) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	part uuid[];
	moved integer;
begin
	part := array(select l.id from public.leads l where l.organization_id = org and (after is null or l.id > after)
		order by l.id limit 500);
	update public.leads l set score = s.score
		from (select p.id, internal.lead_score(org, p.id) as score from unnest(part) p (id)) s
		where l.organization_id = org and l.id = s.id and l.score <> s.score;
	get diagnostics moved = row_count;
	if cardinality(part) = 500 then
		perform job.enqueue(org, 'lead_scores', 'after ' || part[500], jsonb_build_object('after', part[500]), now(), 7);
	elsif exists (select from public.lead_scoring s where s.organization_id = org and s.half_life_days is not null) then
		perform job.enqueue(org, 'lead_scores', to_char(now() + interval '1 day', '"day "YYYY-MM-DD'), '{}',
			now() + interval '1 day', 7);
	end if;
	return moved;
end
$$;
grant execute on function internal.lead_rescore(uuid) to authenticated, service_role;

create function internal.lead_weights_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(new.organization_id, 'lead_scores', 'weights ' || clock_timestamp(), '{}', now(), 7);
	return null;
end
$$;
create trigger weights_changed after insert or update on public.lead_scoring
	for each row execute function internal.lead_weights_changed();
notify pgrst;
