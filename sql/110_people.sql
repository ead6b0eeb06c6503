-- People and companies in more detail: title, several companies per person,
-- companies of companies; notes, files, mails and calls on any kind of record.

-- ---- contacts -----------------------------------------------------------------------

alter table public.contacts add column title text check (length(title) <= 200);
comment on column public.contacts.title is 'Job title, such as VP of Engineering (LEA-31)';

-- LEA-33: a person belongs to several companies; one is the primary, and
-- contacts.company_id is that one, whichever of the two is written.
create table public.contact_companies (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	contact_id uuid not null,
	company_id uuid not null,
	is_primary boolean not null default false,
	role text check (length(role) <= 200),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint contact_companies_pair_key unique (organization_id, contact_id, company_id),
	constraint contact_companies_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint contact_companies_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete cascade
);
comment on table public.contact_companies is 'Companies that a contact belongs to; the primary one is contacts.company_id';
comment on column public.contact_companies.is_primary is 'The contact''s first company; writing true moves it there, and the first link of a contact has it';
comment on column public.contact_companies.role is 'What the person is there, when it differs from the contact''s title';
create unique index contact_companies_primary_key on public.contact_companies (organization_id, contact_id) where is_primary;
create index contact_companies_company_idx on public.contact_companies (organization_id, company_id);
insert into public.contact_companies (organization_id, contact_id, company_id, is_primary, created_at)
	select organization_id, id, company_id, true, created_at from public.contacts where company_id is not null;
do $$ begin
	perform internal.tenant_table('public.contact_companies');
	perform internal.flag_table('public.contact_companies', 'can_access_crm');
end $$;
create policy visible on public.contact_companies as restrictive to authenticated
	using ((select auth.sees_all('contacts')) or auth.sees('contact', contact_id));

-- From the contact to its links. A company that is linked already becomes the
-- primary one; another replaces it.
create function internal.contact_company() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'UPDATE' and exists (select from public.contact_companies l where l.organization_id = new.organization_id
			and l.contact_id = new.id and l.is_primary and l.company_id is not distinct from new.company_id) then
		return null;
	end if;
	if tg_op = 'UPDATE' then
		if exists (select from public.contact_companies l where l.organization_id = new.organization_id
				and l.contact_id = new.id and l.company_id = new.company_id) then
			update public.contact_companies set is_primary = false
				where organization_id = new.organization_id and contact_id = new.id and is_primary;
		else
			delete from public.contact_companies
				where organization_id = new.organization_id and contact_id = new.id and is_primary;
		end if;
	end if;
	if new.company_id is not null then
		insert into public.contact_companies (organization_id, contact_id, company_id, is_primary)
			values (new.organization_id, new.id, new.company_id, true)
			on conflict (organization_id, contact_id, company_id) do update set is_primary = true;
	end if;
	return null;
end
$$;
create trigger company_insert after insert on public.contacts
	for each row when (new.company_id is not null) execute function internal.contact_company();
create trigger company_update after update of company_id on public.contacts
	for each row when (new.company_id is distinct from old.company_id) execute function internal.contact_company();

-- And from the links to the contact.
create function internal.contact_link_before() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	-- One that moves to another contact (merging) leaves that one's primary alone.
	if tg_op = 'UPDATE' and new.contact_id <> old.contact_id and new.is_primary and exists (
			select from public.contact_companies l where l.organization_id = new.organization_id
				and l.contact_id = new.contact_id and l.is_primary and l.id <> new.id) then
		new.is_primary := false;
	elsif tg_op = 'INSERT' and not new.is_primary and not exists (
			select from public.contact_companies l where l.organization_id = new.organization_id
				and l.contact_id = new.contact_id and l.is_primary)
			and exists (select from public.contacts c where c.organization_id = new.organization_id
				and c.id = new.contact_id and c.company_id is null) then
		new.is_primary := true;
	elsif new.is_primary and (tg_op = 'INSERT' or not old.is_primary) then
		update public.contact_companies set is_primary = false
			where organization_id = new.organization_id and contact_id = new.contact_id and is_primary and id <> new.id
				and company_id <> new.company_id;
	end if;
	return new;
end
$$;
create trigger a_primary before insert or update on public.contact_companies
	for each row execute function internal.contact_link_before();

create function internal.contact_link_after() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op <> 'DELETE' then
		update public.contacts c set company_id = new.company_id
			where new.is_primary and c.organization_id = new.organization_id and c.id = new.contact_id
				and c.company_id is distinct from new.company_id;
		return null;
	end if;
	-- Without its primary company a contact belongs to the oldest of the others.
	update public.contacts c set company_id = (select l.company_id from public.contact_companies l
			where l.organization_id = old.organization_id and l.contact_id = old.contact_id order by l.created_at, l.id limit 1)
		where old.is_primary and c.organization_id = old.organization_id and c.id = old.contact_id
			and c.company_id = old.company_id;
	return null;
end
$$;
create trigger primary_changed after insert or update or delete on public.contact_companies
	for each row execute function internal.contact_link_after();

-- A contact that is seen shows all its companies.
create or replace function internal.shown_companies() returns setof uuid
language sql stable
as $$
	select k.company_id from public.contacts k where k.organization_id = auth.org() and k.company_id is not null
	union all
	select l.company_id from public.contact_companies l where l.organization_id = auth.org()
	union all
	select d.company_id from public.deals d where d.organization_id = auth.org() and d.company_id is not null
	union all
	select q.company_id from public.quotes q where q.organization_id = auth.org() and q.company_id is not null
$$;

-- ---- companies of companies -------------------------------------------------------------

alter table public.companies add column parent_company_id uuid,
	add constraint companies_parent_company_id_fkey foreign key (organization_id, parent_company_id)
		references public.companies (organization_id, id) on delete set null (parent_company_id);
comment on column public.companies.parent_company_id is 'The company that this one belongs to';
create index companies_parent_idx on public.companies (organization_id, parent_company_id) where parent_company_id is not null;

create function internal.company_parent() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform from internal.companies_above(new.organization_id, new.parent_company_id) a where a = new.id;
	if found then
		raise exception using errcode = 'KT400', message = 'A company cannot belong to itself or to one of its own companies',
			column = 'parent_company_id';
	end if;
	return new;
end
$$;
create function internal.companies_above(org uuid, company uuid) returns setof uuid
language sql stable
as $$
	with recursive up as (
		select company as id
		union
		select c.parent_company_id from up join public.companies c on c.organization_id = org and c.id = up.id
			where c.parent_company_id is not null)
	select id from up
$$;
create trigger b_parent before insert or update of parent_company_id on public.companies
	for each row when (new.parent_company_id is not null) execute function internal.company_parent();

-- ---- notes on any record ---------------------------------------------------------------------

-- On a lead as well: its column follows where leads stand.
alter table public.notes add column task_id uuid,
	add constraint notes_task_id_fkey foreign key (organization_id, task_id)
		references public.tasks (organization_id, id) on delete cascade;
create index notes_task_idx on public.notes (organization_id, task_id, created_at desc) where task_id is not null;
alter policy visible on public.notes using ((select auth.sees_everything()) or case
	when deal_id is not null then auth.sees('deal', deal_id)
	when conversation_id is not null then auth.sees('conversation', conversation_id)
	when company_id is not null then auth.sees('company', company_id)
	when contact_id is not null then auth.sees('contact', contact_id)
	when task_id is not null then auth.sees('task', task_id)
	else true end);

-- Leads come later; the function is read when it is asked.
create or replace function auth.sees(kind text, record uuid) returns boolean
language plpgsql stable
as $$
declare
	org uuid := auth.org();
begin
	case kind
	when 'conversation', 'inbox' then
		return exists (select from public.conversations c where c.organization_id = org and c.id = record);
	when 'message' then
		return exists (select from public.messages m where m.organization_id = org and m.id = record);
	when 'contact' then
		return exists (select from public.contacts c where c.organization_id = org and c.id = record);
	when 'company' then
		return exists (select from public.companies c where c.organization_id = org and c.id = record);
	when 'deal' then
		return exists (select from public.deals d where d.organization_id = org and d.id = record);
	when 'quote' then
		return exists (select from public.quotes q where q.organization_id = org and q.id = record);
	when 'task' then
		return exists (select from public.tasks t where t.organization_id = org and t.id = record);
	when 'lead' then
		return exists (select from public.leads l where l.organization_id = org and l.id = record);
	when 'call_record' then
		return exists (select from public.call_records r where r.organization_id = org and r.id = record);
	else
		return true;
	end case;
end
$$;

create or replace function internal.note_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	n public.notes := case tg_op when 'DELETE' then old else new end;
begin
	if tg_op = 'UPDATE' and new.content is not distinct from old.content then
		return null;
	end if;
	-- What goes with its record needs no event of its own.
	if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
		return null;
	end if;
	perform internal.emit(n.organization_id,
		case tg_op when 'INSERT' then 'note.created' when 'UPDATE' then 'note.updated' else 'note.deleted' end,
		case when n.deal_id is not null then 'deal' when n.conversation_id is not null then 'conversation'
			when n.company_id is not null then 'company' when n.contact_id is not null then 'contact'
			when n.task_id is not null then 'task' when n.lead_id is not null then 'lead' else 'contact' end,
		coalesce(n.deal_id, n.conversation_id, n.company_id, n.contact_id, n.task_id, n.lead_id, n.id), to_jsonb(n),
		case tg_op when 'UPDATE' then internal.changes(to_jsonb(old), to_jsonb(new), 'content') end);
	return null;
end
$$;
create trigger events_change after update or delete on public.notes
	for each row execute function internal.note_events();

-- A note is its author's. Programs, and who may delete data, change others' too.
create function internal.note_own() returns trigger
language plpgsql
as $$
begin
	if old.author_id is distinct from auth.uid() then
		raise exception using errcode = 'KT403', message = 'Only its author changes a note',
			hint = 'Write a note of your own beside it';
	end if;
	return case tg_op when 'DELETE' then old else new end;
end
$$;
create trigger a_own before update or delete on public.notes for each row
	when (current_user = 'authenticated' and auth.uid() is not null and not auth.may('can_delete_data'))
	execute function internal.note_own();

-- Undo of a deletion: the note as it was, from its event. One's own deletions of the last hour.
create function internal.note_restore(note uuid) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	n public.notes;
begin
	select (jsonb_populate_record(null::public.notes, e.data)).* into n from public.events e
		where e.organization_id = auth.org() and e.type = 'note.deleted' and e.data ->> 'id' = note::text
			and e.actor_id is not distinct from auth.uid() and e.created_at > now() - interval '1 hour'
		order by e.position desc limit 1;
	if n.id is null then
		raise exception using errcode = 'KT404', message = 'This note cannot be brought back';
	end if;
	insert into public.notes select n.* on conflict (organization_id, id) do nothing;
	return n.id;
end
$$;
create index events_note_deleted_idx on public.events (organization_id, position desc) where type = 'note.deleted';
grant execute on function internal.note_restore(uuid) to authenticated;

-- ---- files on any record -----------------------------------------------------------------------

create table public.record_files (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	file_id uuid not null,
	contact_id uuid,
	company_id uuid,
	deal_id uuid,
	task_id uuid,
	lead_id uuid, -- its foreign key follows where leads stand
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint record_files_one check (num_nonnulls(contact_id, company_id, deal_id, task_id, lead_id) = 1),
	constraint record_files_file_id_fkey foreign key (organization_id, file_id)
		references public.files (organization_id, id) on delete cascade,
	constraint record_files_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint record_files_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete cascade,
	constraint record_files_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade,
	constraint record_files_task_id_fkey foreign key (organization_id, task_id)
		references public.tasks (organization_id, id) on delete cascade
);
comment on table public.record_files is 'Files attached to a contact, company, deal, task or lead: exactly one of them';
create index record_files_file_idx on public.record_files (organization_id, file_id);
create index record_files_contact_idx on public.record_files (organization_id, contact_id) where contact_id is not null;
create index record_files_company_idx on public.record_files (organization_id, company_id) where company_id is not null;
create index record_files_deal_idx on public.record_files (organization_id, deal_id) where deal_id is not null;
create index record_files_task_idx on public.record_files (organization_id, task_id) where task_id is not null;
create index record_files_lead_idx on public.record_files (organization_id, lead_id) where lead_id is not null;
do $$ begin perform internal.tenant_table('public.record_files'); end $$;
create policy visible on public.record_files as restrictive to authenticated
	using ((select auth.sees_everything()) or case
		when contact_id is not null then auth.sees('contact', contact_id)
		when company_id is not null then auth.sees('company', company_id)
		when deal_id is not null then auth.sees('deal', deal_id)
		when task_id is not null then auth.sees('task', task_id)
		else auth.sees('lead', lead_id) end);

-- A file is as visible as what it is attached to: here, and in messages.
create or replace function internal.file_hidden(file uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from public.message_attachments a where a.organization_id = auth.org() and a.file_id = file)
		or exists (select from public.record_files r where r.organization_id = auth.org() and r.file_id = file)
$$;
alter policy visible on public.files
	using ((select auth.sees_everything()) or created_by = (select auth.uid()) or not internal.file_hidden(id)
		or exists (select from public.message_attachments a where a.organization_id = files.organization_id and a.file_id = files.id)
		or exists (select from public.record_files r where r.organization_id = files.organization_id and r.file_id = files.id));

create function internal.record_file_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	r public.record_files := case tg_op when 'DELETE' then old else new end;
	called text;
begin
	if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
		return null;
	end if;
	select f.name into called from public.files f where f.organization_id = r.organization_id and f.id = r.file_id;
	perform internal.emit(r.organization_id, case tg_op when 'INSERT' then 'file.attached' else 'file.removed' end,
		case when r.contact_id is not null then 'contact' when r.company_id is not null then 'company'
			when r.deal_id is not null then 'deal' when r.task_id is not null then 'task' else 'lead' end,
		coalesce(r.contact_id, r.company_id, r.deal_id, r.task_id, r.lead_id), to_jsonb(r) || jsonb_build_object('title', called));
	return null;
end
$$;
create trigger events after insert or delete on public.record_files
	for each row execute function internal.record_file_events();

-- ---- mails written on a record's page -----------------------------------------------------------

create table public.record_emails (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	contact_id uuid,
	company_id uuid,
	deal_id uuid,
	task_id uuid,
	lead_id uuid, -- its foreign key follows where leads stand
	to_address text not null check (to_address ~ '^[^\s@<>,]+@[^\s@<>,]+\.[^\s@<>,]{2,}$'),
	subject text not null check (length(subject) between 1 and 300 and subject !~ '[\r\n]'),
	body text not null check (length(body) between 1 and 50000),
	sender_id uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint record_emails_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint record_emails_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete cascade,
	constraint record_emails_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade,
	constraint record_emails_task_id_fkey foreign key (organization_id, task_id)
		references public.tasks (organization_id, id) on delete cascade,
	constraint record_emails_sender_id_fkey foreign key (organization_id, sender_id)
		references public.profiles (organization_id, id) on delete set null (sender_id)
);
comment on table public.record_emails is 'E-mails that members sent from a record; adding a row sends it, through the relay of the installation';
create index record_emails_contact_idx on public.record_emails (organization_id, contact_id, created_at desc) where contact_id is not null;
create index record_emails_company_idx on public.record_emails (organization_id, company_id, created_at desc) where company_id is not null;
create index record_emails_deal_idx on public.record_emails (organization_id, deal_id, created_at desc) where deal_id is not null;
create index record_emails_task_idx on public.record_emails (organization_id, task_id) where task_id is not null;
create index record_emails_lead_idx on public.record_emails (organization_id, lead_id, created_at desc) where lead_id is not null;
do $$ begin
	perform internal.tenant_table('public.record_emails');
	perform internal.flag_table('public.record_emails', 'can_access_crm', 'can_send_messages');
end $$;
revoke update on public.record_emails from authenticated;
create policy visible on public.record_emails as restrictive to authenticated
	using ((select auth.sees_everything()) or case
		when contact_id is not null then auth.sees('contact', contact_id)
		when company_id is not null then auth.sees('company', company_id)
		when deal_id is not null then auth.sees('deal', deal_id)
		when task_id is not null then auth.sees('task', task_id)
		when lead_id is not null then auth.sees('lead', lead_id)
		else sender_id = (select auth.uid()) end);

-- Answers go to the member who wrote.
create function internal.record_email_send() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(new.organization_id, 'mail', 'record_email ' || new.id, jsonb_strip_nulls(jsonb_build_object(
		'to', new.to_address, 'subject', new.subject, 'text', new.body,
		'reply_to', (select p.email from public.profiles p where p.organization_id = new.organization_id and p.id = new.sender_id))));
	perform internal.emit(new.organization_id, 'email.sent',
		case when new.deal_id is not null then 'deal' when new.contact_id is not null then 'contact'
			when new.company_id is not null then 'company' when new.task_id is not null then 'task' else 'lead' end,
		coalesce(new.deal_id, new.contact_id, new.company_id, new.task_id, new.lead_id, new.id),
		to_jsonb(new) - 'body' || jsonb_build_object('title', new.subject));
	return null;
end
$$;
create trigger send after insert on public.record_emails
	for each row execute function internal.record_email_send();

-- ---- calls -------------------------------------------------------------------------------------------

-- CON-66..68: what a person did with the telephone, beside what becomes of a recording (status).
alter table public.call_records drop constraint call_records_source_check,
	add constraint call_records_source_check check (source in ('upload', 'mobile', 'webhook', 'sip', 'zoom', 'app')),
	add column call_status text check (call_status in ('INITIATED', 'CONNECTED', 'COMPLETED', 'MISSED', 'FAILED')),
	add column conversation_id uuid,
	add column lead_id uuid, -- its foreign key follows where leads stand
	add constraint call_records_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete set null (conversation_id);
comment on column public.call_records.call_status is 'INITIATED, CONNECTED, COMPLETED, MISSED, FAILED (CON-67); null where only a recording is known';
comment on column public.call_records.conversation_id is 'The conversation that the call belongs to (CON-68)';
create index call_records_conversation_idx on public.call_records (organization_id, conversation_id) where conversation_id is not null;
create index call_records_lead_idx on public.call_records (organization_id, lead_id, call_timestamp desc) where lead_id is not null;

create function internal.call_normalize() returns trigger
language plpgsql
as $$
begin
	new.call_status := upper(new.call_status);
	if new.call_status in ('MISSED', 'FAILED') then
		new.duration_seconds := coalesce(new.duration_seconds, 0);
	end if;
	if tg_op = 'UPDATE' and old.call_status in ('COMPLETED', 'MISSED', 'FAILED') and new.call_status in ('INITIATED', 'CONNECTED') then
		raise exception using errcode = 'KT409', message = 'This call is over', column = 'call_status',
			hint = 'Record the new call as one of its own';
	end if;
	return new;
end
$$;
create trigger a_call_status before insert or update on public.call_records
	for each row when (new.call_status is not null) execute function internal.call_normalize();

-- BOT-48: fires when the recording arrives, and when a call that was begun here is over.
create or replace function internal.call_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if coalesce(new.call_status, '') not in ('INITIATED', 'CONNECTED') then
		perform internal.emit(new.organization_id, 'call.ended', 'call_record', new.id,
			jsonb_build_object('id', new.id, 'call_record_id', new.id, 'organization_id', new.organization_id,
				'contact_id', new.contact_id, 'agent_id', new.agent_id, 'direction', new.direction,
				'duration_seconds', new.duration_seconds, 'call_timestamp', new.call_timestamp));
	end if;
	return null;
end
$$;
create trigger events_ended after update of call_status on public.call_records for each row
	when (old.call_status in ('INITIATED', 'CONNECTED') and new.call_status in ('COMPLETED', 'MISSED', 'FAILED'))
	execute function internal.call_events();

grant execute on function internal.shown_companies(), internal.file_hidden(uuid), internal.call_normalize(),
	internal.note_own() to authenticated, service_role;
notify pgrst;
