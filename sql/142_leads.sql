-- Leads: people and companies that showed interest, on their own until they are
-- converted into contact, company and opportunity (leads.md). The functions
-- create-lead and create-leads-bulk make contacts and have nothing to do with it.

create table public.leads (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	company_name text check (length(company_name) <= 200),
	title text check (length(title) <= 100),
	email text check (length(email) <= 254),
	phone text,
	source text not null default 'manual' check (length(source) between 1 and 50),
	status text not null default 'New' check (status in ('New', 'Contacted', 'Qualified', 'Disqualified', 'Converted')),
	score integer not null default 0 check (score between 0 and 100), -- LEA-3
	owner_id uuid,
	team_id uuid,
	territory text check (length(territory) <= 100),
	company_size integer check (company_size >= 0),
	description text check (length(description) <= 5000),
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	custom_fields jsonb not null default '{}' check (internal.custom_fields_ok(custom_fields)),
	disqualify_reason text check (length(disqualify_reason) <= 500),
	disqualified_at timestamptz,
	status_at timestamptz not null default now(),
	last_signal_at timestamptz,
	converted_at timestamptz,
	converted_by uuid,
	converted_contact_id uuid,
	converted_company_id uuid,
	converted_deal_id uuid,
	track_key text not null default replace(gen_random_uuid()::text, '-', ''),
	search_text text generated always as (lower(name || ' ' || name || ' ' || coalesce(company_name, '') || ' '
		|| coalesce(email, '') || ' ' || internal.digits(coalesce(phone, '')) || ' ' || internal.joined(tags))) stored,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint leads_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete set null (owner_id),
	constraint leads_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete set null (team_id),
	constraint leads_converted_contact_id_fkey foreign key (organization_id, converted_contact_id)
		references public.contacts (organization_id, id) on delete set null (converted_contact_id),
	constraint leads_converted_company_id_fkey foreign key (organization_id, converted_company_id)
		references public.companies (organization_id, id) on delete set null (converted_company_id),
	constraint leads_converted_deal_id_fkey foreign key (organization_id, converted_deal_id)
		references public.deals (organization_id, id) on delete set null (converted_deal_id)
);
comment on table public.leads is 'Early interest, apart from contacts and deals until it is converted (LEA-1); score 0 to 100 is calculated';
comment on column public.leads.name is 'The person';
comment on column public.leads.company_name is 'As written, not yet a company record';
comment on column public.leads.phone is 'Stored as E.164';
comment on column public.leads.source is 'Where it comes from: manual, web_form, campaign, event, referral, import, or words of your own (LEA-2)';
comment on column public.leads.status is
	'New, Contacted, Qualified, Disqualified, Converted; compared without regard to case. Converted only by convert_lead, and it stays so';
comment on column public.leads.score is 'Engagement, 0 to 100; calculated from lead_engagement_events, never written';
comment on column public.leads.team_id is 'The team whose queue it is in while nobody owns it (LEA-22)';
comment on column public.leads.territory is 'Input of assignment rules';
comment on column public.leads.company_size is 'Employees; input of assignment rules';
comment on column public.leads.status_at is 'Since when it has its status';
comment on column public.leads.last_signal_at is 'Newest engagement signal';
comment on column public.leads.track_key is 'By which the tracking script and links in mails know the lead';
create index leads_score_idx on public.leads (organization_id, score desc, id desc);
create index leads_board_idx on public.leads (organization_id, status, score desc, id desc);
create index leads_owner_idx on public.leads (organization_id, owner_id, score desc, id desc);
create index leads_created_idx on public.leads (organization_id, created_at desc, id desc);
create index leads_name_idx on public.leads (organization_id, lower(name), id);
create index leads_email_idx on public.leads (organization_id, email) where email is not null;
create index leads_phone_idx on public.leads (organization_id, phone) where phone is not null;
create index leads_tags_idx on public.leads using gin (organization_id, tags);
create index leads_search_idx on public.leads using gin (organization_id, search_text gin_trgm_ops);
create index leads_contact_idx on public.leads (organization_id, converted_contact_id) where converted_contact_id is not null;
create index leads_company_idx on public.leads (organization_id, converted_company_id) where converted_company_id is not null;
create index leads_deal_idx on public.leads (organization_id, converted_deal_id) where converted_deal_id is not null;
create index leads_team_idx on public.leads (organization_id, team_id) where team_id is not null;
create unique index leads_track_key on public.leads (track_key);

-- ---- what is stored ------------------------------------------------------------------

-- Phone and e-mail in the form that contacts have them in (CON-80, CON-83).
create function internal.lead_normalize() returns trigger
language plpgsql
as $$
declare
	raw text;
begin
	new.name := coalesce(trim(regexp_replace(new.name, '[[:cntrl:]]+', ' ', 'g')), '');
	if new.name = '' then
		raise exception using errcode = 'KT400', message = 'A lead needs a name', column = 'name';
	end if;
	new.company_name := nullif(trim(new.company_name), '');
	new.title := nullif(trim(new.title), '');
	new.territory := nullif(trim(new.territory), '');
	new.source := coalesce(nullif(trim(new.source), ''), 'manual');
	new.status := initcap(new.status);
	new.email := nullif(lower(trim(new.email)), '');
	if new.email !~ '^[^\s@]+@[^\s@]+\.[^\s@]{2,}$' and (tg_op = 'INSERT' or new.email is distinct from old.email) then
		raise exception using errcode = 'KT400', message = format('"%s" is not an e-mail address', new.email), column = 'email';
	end if;
	raw := nullif(trim(new.phone), '');
	new.phone := internal.phone_normalized(raw);
	if raw is not null and new.phone is null then
		raise exception using errcode = 'KT400', message = format('"%s" is not a phone number', raw),
			hint = 'Write 8 to 15 digits with the country code, for example +201017177777', column = 'phone';
	end if;
	return new;
end
$$;
create trigger a_normalize before insert or update on public.leads
	for each row execute function internal.lead_normalize();

-- Whether convert_lead is at work; nobody outside can say so.
create function internal.converting() returns boolean
language sql stable
as $$ select coalesce(current_setting('kontor.converting', true), '') = 'on' $$;

-- The score is nobody's to write (LEA-3); Converted comes from a conversion only,
-- and what is converted stays as it was, but for references to what is deleted.
create function internal.lead_rules() returns trigger
language plpgsql
as $$
declare
	kept text[] := '{score,last_signal_at,updated_at,search_text}';
begin
	if current_user = 'authenticated' and new.score <> (case tg_op when 'INSERT' then 0 else old.score end) then
		raise exception using errcode = 'KT400', message = 'The score is calculated from signals and cannot be written',
			hint = 'Add a lead_engagement_event instead', column = 'score';
	end if;
	if internal.converting() then
		new.status_at := case when tg_op = 'INSERT' or new.status <> old.status then now() else new.status_at end;
		return new;
	end if;
	if tg_op = 'UPDATE' and old.status = 'Converted' then
		if new.owner_id is null then
			kept := kept || 'owner_id'::text;
		end if;
		if new.team_id is null then
			kept := kept || 'team_id'::text;
		end if;
		kept := kept || array(select c from unnest('{converted_contact_id,converted_company_id,converted_deal_id}'::text[]) c
			where to_jsonb(new) ->> c is null);
		if to_jsonb(new) - kept <> to_jsonb(old) - kept then
			raise exception using errcode = 'KT409', message = 'This lead is converted and stays as it was',
				hint = 'Change the contact, company or opportunity that it became', column = 'status';
		end if;
		return new;
	end if;
	if new.status = 'Converted' then
		raise exception using errcode = 'KT409', message = 'A lead becomes Converted by converting it',
			hint = 'Use Convert Lead, or convert_lead of the API', column = 'status';
	end if;
	new.converted_at := null;
	new.converted_by := null;
	new.converted_contact_id := null;
	new.converted_company_id := null;
	new.converted_deal_id := null;
	if tg_op = 'INSERT' or new.status <> old.status then
		new.status_at := now();
	end if;
	if new.status <> 'Disqualified' then
		new.disqualified_at := null;
		new.disqualify_reason := null;
	elsif tg_op = 'INSERT' or old.status <> 'Disqualified' then
		new.disqualified_at := now();
		new.disqualify_reason := nullif(trim(new.disqualify_reason), '');
	end if;
	return new;
end
$$;
create trigger b_rules before insert or update on public.leads
	for each row execute function internal.lead_rules();

-- A converted lead is the proof where a contact came from.
create function internal.lead_stays() returns trigger
language plpgsql
as $$
begin
	if not auth.may('can_delete_data') then
		raise exception using errcode = 'KT403', message = 'A converted lead is kept',
			hint = 'Somebody with the permission to delete data can delete it';
	end if;
	return old;
end
$$;
create trigger a_stays before delete on public.leads
	for each row when (old.status = 'Converted' and current_user = 'authenticated') execute function internal.lead_stays();
do $$ begin perform internal.custom_fields_table('public.leads', 'lead'); end $$;
do $$ begin perform internal.tenant_table('public.leads'); end $$;

-- ---- who sees it ------------------------------------------------------------------------

-- The teams in which the caller is, or which he manages.
create function internal.my_teams() returns uuid[]
language plpgsql stable security definer set search_path = ''
as $$
begin
	return array(select t.id from public.teams t where t.organization_id = auth.org() and (t.manager_id = auth.uid()
		or exists (select from public.team_members m where m.organization_id = t.organization_id and m.team_id = t.id
			and m.user_id = auth.uid())));
end
$$;
grant execute on function internal.my_teams(), internal.converting() to authenticated, service_role;

-- Own, team or all as for contacts; and the shared queue of one's own teams.
do $$ begin
	perform internal.flag_table('public.leads', 'can_access_crm');
	perform internal.visible_table('public.leads', 'owner_id', 'contacts', 'can_access_crm',
		'owner_id is null and (select auth.may(''can_access_crm'')) and team_id = any ((select internal.my_teams())::uuid[])');
end $$;

-- ---- what hangs on a lead --------------------------------------------------------------------

alter table public.notes add column lead_id uuid,
	add constraint notes_lead_id_fkey foreign key (organization_id, lead_id)
		references public.leads (organization_id, id) on delete cascade;
create index notes_lead_idx on public.notes (organization_id, lead_id, created_at desc) where lead_id is not null;
create policy leads on public.notes as restrictive to authenticated
	using (lead_id is null or contact_id is not null or company_id is not null
		or (select auth.sees_all('contacts')) or auth.sees('lead', lead_id));
-- The columns of these stand in sql/110, before the leads themselves.
alter table public.record_files add constraint record_files_lead_id_fkey foreign key (organization_id, lead_id)
	references public.leads (organization_id, id) on delete cascade;
alter table public.record_emails add constraint record_emails_lead_id_fkey foreign key (organization_id, lead_id)
	references public.leads (organization_id, id) on delete cascade;
alter table public.call_records add constraint call_records_lead_id_fkey foreign key (organization_id, lead_id)
	references public.leads (organization_id, id) on delete set null (lead_id);
comment on column public.notes.lead_id is 'The lead on which it was written; once converted, contact or company has it as well';

alter table public.tasks add constraint tasks_lead_id_fkey foreign key (organization_id, lead_id)
	references public.leads (organization_id, id) on delete set null (lead_id);
create index tasks_lead_idx on public.tasks (organization_id, lead_id) where lead_id is not null;
comment on column public.tasks.lead_id is 'The lead that it is about';

-- ---- who gets it (LEA-18..22) --------------------------------------------------------------------

-- By the rules of sql/123: when it comes in, and again when its score has grown
-- while nobody has it (LEA-9, LEA-21). The rules ask for a score that counts:
-- one that a form begins with is there from the first moment on.
create function internal.lead_assigned() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.owner_id := internal.assign_owner('lead', jsonb_strip_nulls(jsonb_build_object('organization_id', new.organization_id,
		'territory', new.territory, 'company_size', new.company_size, 'score', new.score,
		'industry', coalesce(new.custom_fields ->> 'industry', new.custom_fields ->> 'sector'))));
	return new;
end
$$;
-- After own_new, which gives it to who sees only his own, and after what is stored.
create trigger c_assign before insert on public.leads
	for each row when (new.owner_id is null) execute function internal.lead_assigned();
create trigger c_assign_score before update of score on public.leads
	for each row when (new.owner_id is null and new.score > old.score and new.status in ('New', 'Contacted', 'Qualified'))
	execute function internal.lead_assigned();

-- ---- what happened --------------------------------------------------------------------------

-- What is nobody's business outside: the key by which pages are counted.
create function internal.lead_snapshot(l public.leads) returns jsonb
language sql immutable
as $$ select to_jsonb(l) - '{search_text,track_key}'::text[] $$;

-- lead.created, updated, assigned, converted, deleted. A score that moves is no
-- change of the record, or a hundred page visits would be; that it is high is
-- told by lead.score.high.
create function internal.lead_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	was jsonb;
	diff jsonb;
begin
	if tg_op = 'DELETE' then
		if exists (select from public.organizations o where o.id = old.organization_id) then
			perform internal.emit(old.organization_id, 'lead.deleted', 'lead', old.id, internal.lead_snapshot(old));
		end if;
		return null;
	end if;
	if tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, 'lead.created', 'lead', new.id, internal.lead_snapshot(new));
	else
		was := internal.lead_snapshot(old);
		diff := internal.changes(was, internal.lead_snapshot(new), 'name', 'company_name', 'title', 'email', 'phone', 'source',
			'status', 'owner_id', 'team_id', 'territory', 'company_size', 'description', 'tags', 'custom_fields',
			'disqualify_reason');
		if diff is not null then
			perform internal.emit(new.organization_id, 'lead.updated', 'lead', new.id, internal.lead_snapshot(new), diff);
		end if;
	end if;
	if new.owner_id is not null and (tg_op = 'INSERT' or new.owner_id is distinct from old.owner_id) then
		perform internal.emit(new.organization_id, 'lead.assigned', 'lead', new.id, internal.lead_snapshot(new),
			case tg_op when 'UPDATE' then internal.changes(was, internal.lead_snapshot(new), 'owner_id') end);
		perform internal.notify(new.organization_id, new.owner_id, 'lead.assigned', 'lead', new.id,
			jsonb_build_object('title', new.name, 'company', new.company_name));
	end if;
	if tg_op = 'UPDATE' and new.status = 'Converted' and old.status <> 'Converted' then
		perform internal.emit(new.organization_id, 'lead.converted', 'lead', new.id, internal.lead_snapshot(new));
		perform internal.notify(new.organization_id, new.owner_id, 'lead.converted', 'lead', new.id,
			jsonb_build_object('title', new.name, 'company', new.company_name));
	end if;
	return null;
end
$$;
create trigger events after insert or update or delete on public.leads
	for each row execute function internal.lead_events();

-- ---- searching by index (as sql/015) ------------------------------------------------------------

create function internal.find_leads(term text, with_tag text, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	pattern text := internal.search_pattern(term);
begin
	if coalesce(term, '') = '' then
		return query select l.id from public.leads l
			where l.organization_id = org and l.tags @> array[with_tag] limit most;
	else
		return query select l.id from public.leads l
			where l.organization_id = org and l.search_text like pattern
				and (coalesce(with_tag, '') = '' or l.tags @> array[with_tag])
			limit most;
	end if;
end
$$;
comment on function internal.find_leads(text, text, integer) is
	'Ids of the caller''s leads by name, company, phone, e-mail or tag; an empty argument counts for all';
grant execute on function internal.find_leads(text, text, integer) to authenticated, service_role;

-- Its list (sql/102).
insert into internal.record_kinds (kind, tbl, entity, sees, search) values
	('leads', 'leads', 'lead', 'contacts',
		$s$(t.search_text like %1$L or (t.custom_fields <> '{}' and internal.custom_text(t.custom_fields) like %1$L))$s$);
insert into internal.record_expressions (kind, key, expression, type) values ('leads', 'name', 'lower(t.name)', 'text');
create index leads_custom_text_idx on public.leads using gin (organization_id, internal.custom_text(custom_fields) gin_trgm_ops)
	where custom_fields <> '{}';
create index leads_custom_idx on public.leads using gin (organization_id, custom_fields jsonb_path_ops) where custom_fields <> '{}';

-- What its page shows (sql/111): whose events belong to a record. A contact,
-- company or deal shows those of the lead that it was as well.
alter function internal.timeline_related(text, uuid) rename to timeline_related_but_leads;
create function internal.timeline_related(of_kind text, of_id uuid) returns table (t text, i uuid)
language sql stable rows 100
as $$
	select x.t, x.i from internal.timeline_related_but_leads(of_kind, of_id) x
	union all
	(select 'lead', l.id from public.leads l
		where of_kind = 'contact' and l.organization_id = auth.org() and l.converted_contact_id = of_id limit 20)
	union all
	(select 'lead', l.id from public.leads l
		where of_kind = 'company' and l.organization_id = auth.org() and l.converted_company_id = of_id limit 20)
	union all
	(select 'lead', l.id from public.leads l
		where of_kind = 'deal' and l.organization_id = auth.org() and l.converted_deal_id = of_id limit 20)
$$;
grant execute on function internal.timeline_related(text, uuid) to authenticated, service_role;
notify pgrst;
