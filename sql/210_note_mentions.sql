-- Who is named in a note with an @ before his name is told (INB-76).

-- Members whose name, first name (when it is the only one) or user name stands behind an @.
create function internal.mentioned(org uuid, words text) returns setof uuid
language sql stable security definer set search_path = ''
as $$
	select p.id from public.profiles p
	where p.organization_id = org and p.is_active and words like '%@%'
		and (words ilike '%@' || replace(replace(app.person(p.first_name, p.last_name, null, array[p.email]), '%', ''), '_', '\_') || '%'
			or p.username <> '' and words ~* ('@' || regexp_replace(p.username, '([^a-zA-Z0-9])', '\\\1', 'g') || '($|[^a-zA-Z0-9_.-])')
			or p.first_name <> '' and words ~* ('@' || regexp_replace(p.first_name, '([^[:alnum:]])', '\\\1', 'g') || '($|[^[:alnum:]])')
				and not exists (select from public.profiles o where o.organization_id = org and o.is_active and o.id <> p.id
					and lower(o.first_name) = lower(p.first_name)))
$$;
revoke execute on function internal.mentioned(uuid, text) from public;

create function internal.note_mentions() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	kind text := case when new.conversation_id is not null then 'conversation' when new.deal_id is not null then 'deal'
		when new.task_id is not null then 'task' when new.lead_id is not null then 'lead' when new.company_id is not null then 'company' else 'contact' end;
begin
	perform internal.notify(new.organization_id, m, 'mention.note', kind,
			coalesce(new.conversation_id, new.deal_id, new.task_id, new.lead_id, new.company_id, new.contact_id),
			jsonb_build_object('title', left(new.content, 140)))
		from internal.mentioned(new.organization_id, new.content) m
		where tg_op = 'INSERT' or m not in (select internal.mentioned(new.organization_id, old.content));
	return null;
end
$$;
create trigger mentions_insert after insert on public.notes for each row
	when (new.content like '%@%') execute function internal.note_mentions();
create trigger mentions_update after update of content on public.notes for each row
	when (new.content like '%@%' and new.content <> old.content) execute function internal.note_mentions();
notify pgrst;
