-- Personal data: since when and by what somebody may be written to, everything
-- of one person in one file, erasure of one person in one action, and deletion
-- by age for each class of data.

-- ---- consent ------------------------------------------------------------------------

alter table public.contacts add column consent_at timestamptz, add column consent_source text check (length(consent_source) <= 100),
	add column erased_at timestamptz;
comment on column public.contacts.consent_at is 'When opt_in_status was last decided';
comment on column public.contacts.consent_source is 'By what: member, api, import, or what the writer said himself';
comment on column public.contacts.erased_at is 'When the person behind it was erased; what the law keeps still points here';

create function internal.contact_consent() returns trigger
language plpgsql
as $$
begin
	if tg_op = 'INSERT' then
		new.consent_at := coalesce(new.consent_at, new.created_at, now());
	elsif new.consent_at is not distinct from old.consent_at then
		new.consent_at := now();
	end if;
	if new.consent_source is null or (tg_op = 'UPDATE' and new.consent_source is not distinct from old.consent_source) then
		new.consent_source := case when auth.uid() is not null then 'member' when auth.app_role() = 'SYSTEM' then 'system' else 'api' end;
	end if;
	return new;
end
$$;
create trigger consent_insert before insert on public.contacts for each row execute function internal.contact_consent();
create trigger consent_update before update of opt_in_status on public.contacts for each row
	when (new.opt_in_status is distinct from old.opt_in_status) execute function internal.contact_consent();

-- ---- whose data ------------------------------------------------------------------------

-- The contact and those that were merged into it.
create function internal.person_ids(contact uuid) returns uuid[]
language sql stable
as $$
	with recursive all_of as (
		select contact as id
		union
		select m.duplicate_id from all_of a join public.record_merges m
			on m.organization_id = auth.org() and m.record_type = 'contact' and m.primary_id = a.id and m.unmerged_at is null)
	select array_agg(id) from all_of
$$;

-- Files of a person: attached to the record, in its conversations, recordings of its calls.
create function internal.person_files(contact uuid) returns table (file_id uuid, kind text)
language sql stable
as $$
	select r.file_id, 'attachment' from public.record_files r where r.organization_id = auth.org() and r.contact_id = contact
	union
	select a.file_id, 'message' from public.conversations c
		join public.messages m on m.organization_id = c.organization_id and m.conversation_id = c.id
		join public.message_attachments a on a.organization_id = m.organization_id and a.message_id = m.id
		where c.organization_id = auth.org() and c.contact_id = contact and a.file_id is not null
	union
	select r.recording_file_id, 'call' from public.call_records r
		where r.organization_id = auth.org() and r.contact_id = contact and r.recording_file_id is not null
$$;

-- Everything that points to the contact, whichever module keeps it, and what
-- was written in its conversations.
create function internal.person_data(contact uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	r record;
	found jsonb;
	out jsonb;
begin
	perform internal.must('can_delete_data');
	select jsonb_build_object('contact', internal.snapshot(to_jsonb(c)), 'exported_at', now()) into out
		from public.contacts c where c.organization_id = org and c.id = contact;
	if out is null then
		raise exception using errcode = 'KT404', message = 'This contact does not exist';
	end if;
	for r in select split_part(x.tab, '.', 2) as name, x.tab, x.col from internal.references_to('public.contacts') x order by 1 loop
		execute format('select jsonb_agg(to_jsonb(t) - ''{organization_id,search_text,confirmation_token}''::text[] order by to_jsonb(t) ->> ''created_at'') from %s t
			where t.organization_id = $1 and t.%s = $2', r.tab, r.col) into found using org, contact;
		if found is not null then
			out := out || jsonb_build_object(r.name, coalesce(out -> r.name, '[]') || found);
		end if;
	end loop;
	select jsonb_agg(to_jsonb(m) - 'organization_id' order by m.created_at) into found
		from public.conversations c join public.messages m on m.organization_id = c.organization_id and m.conversation_id = c.id
		where c.organization_id = org and c.contact_id = contact;
	out := out || jsonb_build_object('messages', coalesce(found, '[]'));
	select jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'content_type', f.content_type, 'size', f.size, 'sha256', f.sha256,
			'of', p.kind) order by f.created_at) into found
		from internal.person_files(contact) p join public.files f on f.organization_id = org and f.id = p.file_id;
	return out || jsonb_build_object('files', coalesce(found, '[]'));
end
$$;
comment on function internal.person_data(uuid) is 'All data of one person, for the export that he may ask for';

-- ---- export --------------------------------------------------------------------------------

alter table public.record_jobs add column file_id uuid,
	add constraint record_jobs_file_id_fkey foreign key (organization_id, file_id)
		references public.files (organization_id, id) on delete set null (file_id);
create index record_jobs_file_idx on public.record_jobs (organization_id, file_id) where file_id is not null;
create or replace function internal.file_hidden(file uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from public.message_attachments a where a.organization_id = auth.org() and a.file_id = file)
		or exists (select from public.record_files r where r.organization_id = auth.org() and r.file_id = file)
		or exists (select from public.record_jobs j where j.organization_id = auth.org() and j.file_id = file)
$$;

create function internal.person_export(contact uuid, job uuid) returns uuid
language plpgsql
as $$
begin
	perform internal.must('can_delete_data');
	if not exists (select from public.contacts c where c.organization_id = auth.org() and c.id = contact) then
		raise exception using errcode = 'KT404', message = 'This contact does not exist';
	end if;
	perform internal.note_person('exported', contact, '{}');
	return internal.record_job_begin('person_export', jsonb_build_object('contact_id', contact), job);
end
$$;

-- Into the audit log, without the name.
create function internal.note_person(what text, contact uuid, details jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.note_event(auth.org(), 'contact.' || what, 'contact', contact, details || jsonb_build_object('id', contact), null, auth.uid());
end
$$;

-- The file is ready: for who asked, for a week.
create function internal.person_exported(job uuid, file_hash text, bytes bigint, called text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	f uuid;
	who uuid;
begin
	select j.created_by into who from public.record_jobs j where j.organization_id = org and j.id = job and j.state <> 'done' for update;
	if not found then
		return;
	end if;
	insert into public.files (organization_id, sha256, name, content_type, size, created_by)
		values (org, file_hash, called, 'application/zip', bytes, who) returning id into f;
	update public.record_jobs set file_id = f, done = 1 where organization_id = org and id = job;
	perform internal.record_job_end(job, jsonb_build_object('file_id', f));
end
$$;

-- ---- erasure ---------------------------------------------------------------------------------

-- The text with each of these words taken out, whatever their case.
create function internal.scrubbed(t text, words text[]) returns text
language plpgsql immutable
as $$
declare
	w text;
begin
	foreach w in array words loop
		t := regexp_replace(t, regexp_replace(w, '([.^$*+?()\[\]{}|\\])', '\\\1', 'g'), '[erased]', 'gi');
	end loop;
	return t;
end
$$;

-- What must stay: quotes that a customer has seen, and deals that were won.
create function internal.law_keeps(org uuid, contact uuid) returns boolean
language sql stable
as $$
	select exists (select from public.quotes q where q.organization_id = org and q.contact_id = contact
			and q.status in ('Sent', 'Viewed', 'Accepted', 'Declined', 'Expired'))
		or exists (select from public.deals d where d.organization_id = org and d.contact_id = contact and d.won_at is not null)
$$;

-- Events stay where they are in their sequence; what they told of the person goes.
create function internal.blank_events(org uuid, ids uuid[]) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	n integer;
begin
	if org is distinct from auth.org() then
		return 0;
	end if;
	update public.webhook_logs l set payload = null, response_body = null from public.events e
		where l.organization_id = org and e.organization_id = org and l.event_id = e.id and e.record_id = any (ids);
	update public.webhook_deliveries w set body = null from public.events e
		where w.organization_id = org and e.organization_id = org and w.event_id = e.id and e.record_id = any (ids);
	update public.events e set data = jsonb_build_object('id', e.record_id, 'erased', true), changes = null
		where e.organization_id = org and e.record_id = any (ids) and not e.data ? 'erased';
	get diagnostics n = row_count;
	return n;
end
$$;

-- Everything of one person. Runs with its owner's rights, for those who passed
-- erase_person, and for the deletion by age. Answers what was done.
create function internal.erase_rows(contact uuid) returns jsonb
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	c public.contacts;
	ids uuid[] := internal.person_ids(contact);
	talks uuid[];
	gone uuid[];
	hashes text[];
	words text[];
	keep boolean := internal.law_keeps(org, contact);
	n_messages integer;
	n_files integer;
	n integer;
begin
	if auth.app_role() is distinct from 'SYSTEM' then
		perform internal.must('can_delete_data');
	end if;
	select * into c from public.contacts x where x.organization_id = org and x.id = contact for update;
	if not found then
		return null;
	end if;
	words := array(select distinct w from unnest(array[nullif(trim(concat_ws(' ', c.first_name, c.last_name)), ''), c.first_name, c.last_name]
			|| c.emails || c.phones || array(select ltrim(p, '+') from unnest(c.phones) p)
			|| array(select h.value from public.contact_handles h where h.organization_id = org and h.contact_id = contact)) w
		where length(w) > 2 and w !~ '["\\]' order by w desc);
	talks := array(select x.id from public.conversations x where x.organization_id = org and x.contact_id = contact);
	-- All records that are the person's own.
	gone := ids || talks
		|| array(select m.id from public.messages m where m.organization_id = org and m.conversation_id = any (talks))
		|| array(select x.id from public.notes x where x.organization_id = org and (x.contact_id = any (ids) or x.conversation_id = any (talks)))
		|| array(select x.id from public.tasks x where x.organization_id = org and x.contact_id = contact)
		|| array(select x.id from public.bookings x where x.organization_id = org and x.contact_id = contact)
		|| array(select x.id from public.call_records x where x.organization_id = org and x.contact_id = contact);
	select count(*) into n_messages from public.messages m where m.organization_id = org and m.conversation_id = any (talks);
	-- Files: rows now, their content by the worker once this is committed.
	hashes := array(select f.sha256 from internal.person_files(contact) p join public.files f on f.organization_id = org and f.id = p.file_id);
	delete from public.files f using (select distinct p.file_id from internal.person_files(contact) p) p
		where f.organization_id = org and f.id = p.file_id;
	get diagnostics n_files = row_count;
	delete from public.notes x where x.organization_id = org and (x.contact_id = any (ids) or x.conversation_id = any (talks));
	delete from public.tasks x where x.organization_id = org and x.contact_id = contact;
	delete from public.bookings x where x.organization_id = org and x.contact_id = contact;
	delete from public.call_records x where x.organization_id = org and x.contact_id = contact;
	delete from public.record_emails x where x.organization_id = org and x.contact_id = contact;
	delete from public.record_files x where x.organization_id = org and x.contact_id = contact;
	delete from public.contact_handles x where x.organization_id = org and x.contact_id = contact;
	delete from public.notification_logs x where x.organization_id = org and x.contact_id = contact;
	delete from public.conversations x where x.organization_id = org and x.contact_id = contact;
	delete from public.record_merges x where x.organization_id = org and (x.primary_id = any (ids) or x.duplicate_id = any (ids));
	delete from public.duplicate_dismissals x where x.organization_id = org and (x.one_id = any (ids) or x.other_id = any (ids));
	update public.import_rows x set before = null, data = null where x.organization_id = org and x.record_id = any (ids);
	update public.bulk_rows x set before = null, after = null where x.organization_id = org and x.record_id = any (ids);
	delete from public.trash x where x.organization_id = org and x.record_id = any (gone);
	delete from public.notifications x where x.organization_id = org and x.record_id = any (gone);
	delete from public.inbound_hooks x where x.organization_id = org and x.state in ('done', 'ignored')
		and exists (select from unnest(words) w where length(w) > 5 and position(convert_to(w, 'UTF8') in x.body) > 0);
	delete from public.leads x where x.organization_id = org and (x.converted_contact_id = any (ids)
		or lower(x.email) = any (c.emails));
	-- Deals and quotes are the firm's; the person's name in them is not.
	update public.quotes x set accepted_addr = null, accepted_name = case when x.accepted_name is not null then '[erased]' end,
			declined_name = case when x.declined_name is not null then '[erased]' end
		where x.organization_id = org and x.contact_id = contact and (x.accepted_name is not null or x.declined_name is not null or x.accepted_addr is not null);
	update public.deals x set title = left(internal.scrubbed(x.title, words), 200), description = internal.scrubbed(x.description, words),
			notes = internal.scrubbed(x.notes, words), custom_fields = internal.scrubbed(x.custom_fields::text, words)::jsonb
		where keep and x.organization_id = org and x.contact_id = contact;
	gone := gone || case when keep then '{}' else array(select d.id from public.deals d where d.organization_id = org and d.contact_id = contact) end;
	if keep then
		update public.contacts x set first_name = '[erased]', last_name = null, phones = '{}', emails = '{}', source = null, tags = '{}',
				assignee_id = null, company_id = null, description = null, opt_in_status = false, custom_fields = '{}', title = null,
				status = null, consent_source = 'erased', erased_at = now()
			where x.organization_id = org and x.id = contact;
		delete from public.contact_companies x where x.organization_id = org and x.contact_id = contact;
		update public.events e set data = internal.scrubbed(e.data::text, words)::jsonb, changes = internal.scrubbed(e.changes::text, words)::jsonb
			where e.organization_id = org and e.record_type in ('deal', 'quote') and e.record_id in (
				select d.id from public.deals d where d.organization_id = org and d.contact_id = contact
				union all select q.id from public.quotes q where q.organization_id = org and q.contact_id = contact);
	else
		delete from public.contacts x where x.organization_id = org and x.id = contact;
	end if;
	n := internal.blank_events(org, gone);
	perform internal.tags_fold();
	if hashes <> '{}' then
		perform job.enqueue(org, 'file_sweep', null, jsonb_build_object('sha256', to_jsonb(hashes)), now() + interval '1 second');
	end if;
	return jsonb_build_object('kept', keep, 'messages', n_messages, 'files', n_files, 'events', n);
end
$$;

-- One action, by who may delete data, who writes the person's name to confirm it.
create function internal.erase_person(contact uuid, typed text) returns jsonb
language plpgsql
as $$
declare
	name text;
	done jsonb;
begin
	perform internal.must('can_delete_data');
	select internal.person(c.first_name, c.last_name, coalesce(c.emails[1], c.phones[1])) into name
		from public.contacts c where c.organization_id = auth.org() and c.id = contact;
	if not found then
		raise exception using errcode = 'KT404', message = 'This contact does not exist';
	end if;
	if lower(trim(typed)) is distinct from lower(trim(name)) then
		raise exception using errcode = 'KT422', message = 'This is not the name of the person', column = 'name',
			hint = 'Write it exactly as it stands above';
	end if;
	done := internal.erase_rows(contact);
	perform internal.note_person('erased', contact, done);
	return done;
end
$$;
comment on function internal.erase_person(uuid, text) is
	'Erase one person: messages, files, notes, calls, handles, snapshots in events; what the law keeps stays without the name';

-- ---- deletion by age ------------------------------------------------------------------------------

create table public.retention_rules (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	data_class text not null check (data_class in ('inactive_contacts', 'conversations', 'calls', 'emails', 'imports', 'merges', 'exports')),
	days integer not null check (days between 1 and 36500),
	enabled boolean not null default false,
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint retention_rules_class_key unique (organization_id, data_class)
);
comment on table public.retention_rules is 'After how many days data of a class is deleted, every night';
do $$ begin
	perform internal.tenant_table('public.retention_rules');
	perform internal.admin_table('public.retention_rules');
	perform internal.audit_table('public.retention_rules', 'retention_rule', 'updated_at');
end $$;

-- What a rule would delete now.
create function internal.retention_ids(class text, days integer, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	before timestamptz := now() - make_interval(days => days);
begin
	case class
	when 'inactive_contacts' then
		return query select c.id from public.contacts c
			where c.organization_id = org and c.erased_at is null and c.updated_at < before and c.created_at < before
				and not exists (select from public.conversations t where t.organization_id = org and t.contact_id = c.id and t.last_message_at >= before)
				and not exists (select from public.call_records r where r.organization_id = org and r.contact_id = c.id and r.call_timestamp >= before)
				and not exists (select from public.deals d where d.organization_id = org and d.contact_id = c.id
					and (d.updated_at >= before or d.won_at is null and d.lost_at is null))
				and not exists (select from public.tasks k where k.organization_id = org and k.contact_id = c.id and not k.completed)
			limit most;
	when 'conversations' then
		return query select t.id from public.conversations t where t.organization_id = org and t.status in ('CLOSED', 'RESOLVED')
			and coalesce(t.last_message_at, t.created_at) < before limit most;
	when 'calls' then
		return query select r.id from public.call_records r where r.organization_id = org and r.call_timestamp < before limit most;
	when 'emails' then
		return query select m.id from public.record_emails m where m.organization_id = org and m.created_at < before limit most;
	when 'imports' then
		return query select i.id from public.imports i where i.organization_id = org and i.created_at < before limit most;
	when 'merges' then
		return query select m.id from public.record_merges m where m.organization_id = org and m.created_at < before limit most;
	when 'exports' then
		return query select j.id from public.record_jobs j where j.organization_id = org and j.kind = 'person_export' and j.created_at < before limit most;
	else
		return;
	end case;
end
$$;

create function internal.retention_delete(class text, ids uuid[]) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	hashes text[] := '{}';
	one uuid;
begin
	case class
	when 'inactive_contacts' then
		foreach one in array ids loop
			perform internal.erase_rows(one);
		end loop;
	when 'conversations' then
		hashes := array(select f.sha256 from public.messages m
			join public.message_attachments a on a.organization_id = org and a.message_id = m.id
			join public.files f on f.organization_id = org and f.id = a.file_id
			where m.organization_id = org and m.conversation_id = any (ids));
		delete from public.files f using public.messages m, public.message_attachments a
			where f.organization_id = org and m.organization_id = org and m.conversation_id = any (ids)
				and a.organization_id = org and a.message_id = m.id and a.file_id = f.id;
		perform internal.blank_events(org, ids || array(select m.id from public.messages m where m.organization_id = org and m.conversation_id = any (ids)));
		delete from public.conversations t where t.organization_id = org and t.id = any (ids);
	when 'calls' then
		hashes := array(select f.sha256 from public.call_records r join public.files f on f.organization_id = org and f.id = r.recording_file_id
			where r.organization_id = org and r.id = any (ids));
		delete from public.files f using public.call_records r
			where f.organization_id = org and r.organization_id = org and r.id = any (ids) and r.recording_file_id = f.id;
		delete from public.call_records r where r.organization_id = org and r.id = any (ids);
	when 'emails' then
		delete from public.record_emails m where m.organization_id = org and m.id = any (ids);
	when 'imports' then
		delete from public.imports i where i.organization_id = org and i.id = any (ids);
	when 'merges' then
		delete from public.record_merges m where m.organization_id = org and m.id = any (ids);
	when 'exports' then
		hashes := array(select f.sha256 from public.record_jobs j join public.files f on f.organization_id = org and f.id = j.file_id
			where j.organization_id = org and j.id = any (ids));
		delete from public.files f using public.record_jobs j
			where f.organization_id = org and j.organization_id = org and j.id = any (ids) and j.file_id = f.id;
		delete from public.record_jobs j where j.organization_id = org and j.id = any (ids);
	else
		return;
	end case;
	if hashes <> '{}' then
		perform job.enqueue(org, 'file_sweep', null, jsonb_build_object('sha256', to_jsonb(hashes)), now() + interval '1 second');
	end if;
end
$$;

-- At three in the morning, where the organization is.
create function internal.next_night(org uuid) returns timestamptz
language sql stable
as $$
	select ((now() at time zone o.timezone)::date + 1 + time '03:00') at time zone o.timezone from public.organizations o where o.id = org
$$;

-- One waiting job per organization; none where no rule is in force.
create function internal.retention_plan() returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from public.retention_rules r where r.organization_id = auth.org() and r.enabled)
			and not exists (select from public.record_jobs j where j.organization_id = auth.org() and j.kind = 'retention' and j.state = 'waiting') then
		perform internal.record_job_begin('retention', '{}', uuid7(), internal.next_night(auth.org()));
	end if;
end
$$;
create function internal.retention_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.retention_plan();
	return null;
end
$$;
create trigger plan after insert or update on public.retention_rules for each statement execute function internal.retention_changed();

create function internal.retention_now(job uuid) returns uuid
language plpgsql
as $$
begin
	perform internal.must('can_manage_settings');
	return internal.record_job_begin('retention', '{}', job);
end
$$;

create function internal.retention_step(j public.record_jobs, most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	r public.retention_rules;
	ids uuid[];
begin
	if j.organization_id <> auth.org() then
		return 0;
	end if;
	update public.record_jobs set state = 'running' where organization_id = j.organization_id and id = j.id and state = 'waiting';
	for r in select * from public.retention_rules x where x.organization_id = j.organization_id and x.enabled order by x.data_class loop
		ids := array(select internal.retention_ids(r.data_class, r.days, case r.data_class when 'inactive_contacts' then 20 else most end));
		if ids <> '{}' then
			perform internal.retention_delete(r.data_class, ids);
			update public.record_jobs set done = done + cardinality(ids),
					result = result || jsonb_build_object(r.data_class, coalesce((result ->> r.data_class)::integer, 0) + cardinality(ids))
				where organization_id = j.organization_id and id = j.id;
			return 1;
		end if;
	end loop;
	perform internal.record_job_end(j.id, (select x.result from public.record_jobs x where x.organization_id = j.organization_id and x.id = j.id));
	perform internal.note_event(j.organization_id, 'retention.done', 'record_job', j.id,
		(select to_jsonb(x) - 'payload' from public.record_jobs x where x.organization_id = j.organization_id and x.id = j.id), null, j.created_by);
	perform internal.retention_plan();
	return 0;
end
$$;

create or replace function internal.record_job_step(job uuid, most integer) returns bigint
language plpgsql
as $$
declare
	j public.record_jobs;
begin
	select * into j from public.record_jobs x where x.organization_id = auth.org() and x.id = job;
	if not found or j.state in ('done', 'failed') then
		return 0;
	end if;
	if j.created_by is not null and j.kind <> 'retention' then
		perform set_config('request.jwt.claims',
			(current_setting('request.jwt.claims')::jsonb || jsonb_build_object('sub', j.created_by))::text, true);
	end if;
	return case j.kind when 'tag_change' then internal.tag_change_step(j, most)
		when 'country_tags' then internal.country_tags_step(j, most)
		when 'retention' then internal.retention_step(j, least(most, 200)) else 0 end;
end
$$;

grant execute on function internal.contact_consent(), internal.person_data(uuid), internal.person_export(uuid, uuid), internal.note_person(text, uuid, jsonb),
	internal.person_exported(uuid, text, bigint, text), internal.erase_rows(uuid), internal.erase_person(uuid, text),
	internal.person_files(uuid), internal.person_ids(uuid), internal.retention_ids(text, integer, integer),
	internal.retention_step(public.record_jobs, integer), internal.retention_now(uuid), internal.file_hidden(uuid),
	internal.record_job_step(uuid, integer) to authenticated, service_role;
notify pgrst;
