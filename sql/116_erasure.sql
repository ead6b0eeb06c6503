-- Erasing a person changes the log of events, as its cleaner does; and an export
-- of personal data is for nobody but who asked for it.

create or replace function internal.blank_events(org uuid, ids uuid[]) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	n integer;
begin
	if org is distinct from auth.org() then
		return 0;
	end if;
	perform set_config('kontor.retention', 'on', true);
	update public.webhook_logs l set payload = null, response_body = null from public.events e
		where l.organization_id = org and e.organization_id = org and l.event_id = e.id and e.record_id = any (ids);
	update public.webhook_deliveries w set body = null from public.events e
		where w.organization_id = org and e.organization_id = org and w.event_id = e.id and e.record_id = any (ids);
	update public.events e set data = jsonb_build_object('id', e.record_id, 'erased', true), changes = null
		where e.organization_id = org and e.record_id = any (ids) and not e.data ? 'erased';
	get diagnostics n = row_count;
	perform set_config('kontor.retention', '', true);
	return n;
end
$$;

create or replace function internal.erase_rows(contact uuid) returns jsonb
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
	partners uuid[] := array(select m.primary_id from public.record_merges m
		where m.organization_id = org and m.record_type = 'contact' and m.duplicate_id = any (ids));
	own text[];
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
	-- Numbers and addresses that are its own, and stood for a while in a record that it was merged into.
	own := array(select w from unnest(c.emails || c.phones) w where not exists (select from public.contacts k
		where k.organization_id = org and k.id = any (partners) and w = any (k.emails || k.phones)));
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
		perform set_config('kontor.retention', 'on', true);
		update public.events e set data = internal.scrubbed(e.data::text, words)::jsonb, changes = internal.scrubbed(e.changes::text, words)::jsonb
			where e.organization_id = org and e.record_type in ('deal', 'quote') and e.record_id in (
				select d.id from public.deals d where d.organization_id = org and d.contact_id = contact
				union all select q.id from public.quotes q where q.organization_id = org and q.contact_id = contact);
		perform set_config('kontor.retention', '', true);
	else
		delete from public.contacts x where x.organization_id = org and x.id = contact;
	end if;
	n := internal.blank_events(org, gone);
	if partners <> '{}' and own <> '{}' then
		perform set_config('kontor.retention', 'on', true);
		update public.events e set data = internal.scrubbed(e.data::text, own)::jsonb, changes = internal.scrubbed(e.changes::text, own)::jsonb
			where e.organization_id = org and e.record_type = 'contact' and e.record_id = any (partners);
		perform set_config('kontor.retention', '', true);
	end if;
	perform internal.tags_fold();
	if hashes <> '{}' then
		perform job.enqueue(org, 'file_sweep', null, jsonb_build_object('sha256', to_jsonb(hashes)), now() + interval '1 second');
	end if;
	return jsonb_build_object('kept', keep, 'messages', n_messages, 'files', n_files, 'events', n);
end
$$;

create function internal.export_of_other(file uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from public.record_jobs j where j.organization_id = auth.org() and j.file_id = file
		and j.created_by is distinct from auth.uid())
$$;
grant execute on function internal.export_of_other(uuid) to authenticated, service_role;
create policy exports on public.files as restrictive for select to authenticated
	using ((select auth.app_role()) = 'SYSTEM' or not internal.export_of_other(id));
notify pgrst;
