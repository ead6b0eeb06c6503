-- A person is also in what is kept for taking things back, in rows of imports,
-- in notices, in what web forms sent, in exports that were made of him, and a
-- lead before he was a contact: all of that is exported and erased with him.

-- Tags of leads count like those of the others.
do $$ begin perform internal.tagged_table('public.leads', 'leads'); end $$;

-- His leads: those that became this contact, and others with his address.
create function internal.person_leads(contact uuid) returns uuid[]
language sql stable
as $$
	select coalesce(array_agg(l.id), '{}') from public.leads l
	where l.organization_id = auth.org() and (l.converted_contact_id = any (internal.person_ids(contact))
		or lower(l.email) = any (select lower(e) from public.contacts c, unnest(c.emails) e
			where c.organization_id = auth.org() and c.id = contact))
$$;

-- ---- export --------------------------------------------------------------------------

alter function internal.person_data(uuid) rename to person_records;
revoke execute on function internal.person_records(uuid) from public, authenticated, service_role;
create function internal.person_data(contact uuid) returns jsonb
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	out jsonb := internal.person_records(contact); -- asks who may
	leads uuid[] := internal.person_leads(contact);
	t text;
	found jsonb;
begin
	select jsonb_agg(to_jsonb(l) - '{organization_id,search_text,track_key}'::text[] order by l.id) into found
		from public.leads l where l.organization_id = org and l.id = any (leads);
	out := out || jsonb_build_object('leads', coalesce(found, '[]'));
	foreach t in array array['lead_engagement_events', 'lead_mail_pixels', 'notes', 'record_emails', 'call_records', 'tasks', 'lead_form_submissions'] loop
		execute format('select jsonb_agg(r order by r ->> ''created_at'') from (
			select jsonb_array_elements($3) as r
			union select to_jsonb(x) - ''{organization_id,search_text,token}''::text[] from public.%I x
				where x.organization_id = $1 and x.lead_id = any ($2)) u', t) into found using org, leads, coalesce(out -> t, '[]');
		if found is not null then
			out := out || jsonb_build_object(t, found);
		end if;
	end loop;
	return out;
end
$$;
comment on function internal.person_data(uuid) is 'All data of one person, for the export that he may ask for';

-- ---- erasure --------------------------------------------------------------------------

-- Deleted records: his own go; what others took along of him, or say of him, is
-- taken out, and what remains can still be brought back. Answers what went.
create function internal.erase_trash(ids uuid[], finders text[]) returns uuid[]
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	mine text[] := ids::text[];
	gone uuid[];
begin
	with d as (
		delete from public.trash t where t.organization_id = org and (t.record_id = any (ids)
			or t.rows #>> '{0,r,contact_id}' = any (mine) or t.rows #>> '{0,r,lead_id}' = any (mine)
			or t.rows #>> '{0,r,converted_contact_id}' = any (mine)
			or t.kind in ('contacts', 'leads') and exists (select from unnest(finders) w
				where position(lower(w) in lower(t.rows #>> '{0,r}')) > 0))
		returning t.record_id)
	select coalesce(array_agg(d.record_id), '{}') into gone from d;
	update public.trash t set name = internal.scrubbed(t.name, finders),
			rows = internal.scrubbed((select coalesce(jsonb_agg(x order by n), '[]') from jsonb_array_elements(t.rows) with ordinality e (x, n)
				where n = 1 or not coalesce(x #>> '{r,id}' = any (mine) or x #>> '{r,contact_id}' = any (mine)
					or x #>> '{r,lead_id}' = any (mine), false))::text, finders)::jsonb,
			links = (select coalesce(jsonb_agg(x order by n), '[]') from jsonb_array_elements(t.links) with ordinality e (x, n)
				where not (x ->> 'id' = any (mine) or x ->> 'v' = any (mine)))
		where t.organization_id = org and exists (select from unnest(mine || finders) w
			where position(lower(w) in lower(t.rows::text || t.links::text || coalesce(t.name, ''))) > 0);
	return gone;
end
$$;
revoke execute on function internal.erase_trash(uuid[], text[]) from public;

-- Values before and after, rows of files, notices, what web forms sent.
create function internal.erase_copies(ids uuid[], finders text[]) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	likely text := (select string_agg(regexp_replace(w, '([.^$*+?()\[\]{}|\\])', '\\\1', 'g'), '|') from unnest(finders) w);
begin
	update public.bulk_rows x set before = null, after = null where x.organization_id = org
		and (x.before is not null or x.after is not null)
		and (x.record_id = any (ids) or x.before::text ~* likely or x.after::text ~* likely);
	update public.import_rows x set before = null, data = null where x.organization_id = org
		and (x.before is not null or x.data is not null)
		and (x.record_id = any (ids) or x.before::text ~* likely or x.data::text ~* likely);
	delete from public.notifications x where x.organization_id = org and (x.record_id = any (ids) or x.data::text ~* likely);
	delete from public.lead_form_submissions x where x.organization_id = org
		and (x.contact_id = any (ids) or x.lead_id = any (ids) or x.data::text ~* likely);
end
$$;
revoke execute on function internal.erase_copies(uuid[], text[]) from public;

-- His leads with all that hangs on them, and the files that were exported of
-- him; answers the files whose content is to go.
create function internal.erase_leads(leads uuid[], ids uuid[]) returns text[]
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	files uuid[] := array(
		select r.file_id from public.record_files r where r.organization_id = org and r.lead_id = any (leads)
		union select r.recording_file_id from public.call_records r where r.organization_id = org and r.lead_id = any (leads)
			and r.recording_file_id is not null
		union select j.file_id from public.record_jobs j where j.organization_id = org and j.kind = 'person_export'
			and j.file_id is not null and (j.payload ->> 'contact_id')::uuid = any (ids));
	hashes text[] := array(select f.sha256 from public.files f where f.organization_id = org and f.id = any (files));
begin
	delete from public.record_jobs j where j.organization_id = org and j.kind = 'person_export'
		and (j.payload ->> 'contact_id')::uuid = any (ids);
	delete from public.files f where f.organization_id = org and f.id = any (files);
	delete from public.call_records x where x.organization_id = org and x.lead_id = any (leads);
	delete from public.tasks x where x.organization_id = org and x.lead_id = any (leads);
	delete from public.leads x where x.organization_id = org and x.id = any (leads);
	return hashes;
end
$$;
revoke execute on function internal.erase_leads(uuid[], uuid[]) from public;

alter function internal.erase_rows(uuid) rename to erase_records;
revoke execute on function internal.erase_records(uuid) from public, authenticated, service_role;
create function internal.erase_rows(contact uuid) returns jsonb
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	ids uuid[] := internal.person_ids(contact);
	leads uuid[];
	deals uuid[];
	finders text[]; -- by which he alone is known
	hashes text[];
	done jsonb;
begin
	if auth.app_role() is distinct from 'SYSTEM' then
		perform internal.must('can_delete_data');
	end if;
	leads := internal.person_leads(contact);
	deals := array(select d.id from public.deals d where d.organization_id = org and d.contact_id = contact);
	finders := array(select distinct w from (
			select unnest(c.emails || c.phones) as w from public.contacts c where c.organization_id = org and c.id = contact
			union select h.value from public.contact_handles h where h.organization_id = org and h.contact_id = contact) x
		where w ~ '^[^"\\\s]+@[^"\\\s]+$' or w ~ '^\+?[0-9]{7,}$');
	-- All of his, before it goes: events and copies are found by these.
	ids := ids || leads
		|| array(select x.id from public.conversations x where x.organization_id = org and x.contact_id = contact)
		|| array(select x.id from public.notes x where x.organization_id = org and (x.contact_id = contact or x.lead_id = any (leads)))
		|| array(select x.id from public.tasks x where x.organization_id = org and (x.contact_id = contact or x.lead_id = any (leads)))
		|| array(select x.id from public.call_records x where x.organization_id = org and (x.contact_id = contact or x.lead_id = any (leads)));
	done := internal.erase_records(contact);
	if done is null then
		return null;
	end if;
	hashes := internal.erase_leads(leads, ids);
	perform internal.erase_copies(ids || deals, finders);
	perform internal.blank_events(org, ids || internal.erase_trash(ids, finders));
	perform internal.tags_fold();
	if hashes <> '{}' then
		perform job.enqueue(org, 'file_sweep', null, jsonb_build_object('sha256', to_jsonb(hashes)), now() + interval '1 second');
	end if;
	return done || jsonb_build_object('leads', cardinality(leads));
end
$$;

grant execute on function internal.person_leads(uuid), internal.person_data(uuid), internal.erase_rows(uuid) to authenticated, service_role;
notify pgrst;
