-- Leads in the search, and what the start page reads.

drop index public.tasks_title_search_idx; -- tasks_text_idx (134) finds titles, too

create index deals_closing_idx on public.deals (organization_id, owner_id, expected_close_date)
	where won_at is null and lost_at is null and expected_close_date is not null;

create or replace function app.find_ids(kind text, term text, most integer) returns uuid[]
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
	org uuid := auth.org();
	patterns text[] := internal.search_patterns(term);
	pattern text := internal.search_pattern(term);
	typed text := lower(trim(term)); -- like '..%' is no range of an index in every collation
	newest integer := internal.window_of(term);
	short boolean := length(term) < 3;
	-- Who sees but his own gets his own: what the index finds may all be others'.
	own uuid[] := case when auth.sees_all(case kind when 'deal' then 'deals' when 'conversation' then 'conversations' else 'contacts' end)
		then null else auth.team_ids() end;
	ids uuid[];
begin
	case kind
	when 'contact' then
		ids := array(select c.id from public.contacts c where c.organization_id = org
			and c.phones && internal.phones_meant(term) limit most);
		if cardinality(ids) > 0 then
			return ids;
		end if;
		ids := array(select r.id from (select c.id, c.search_text from public.contacts c where c.organization_id = org
				order by c.id desc limit newest) r where r.search_text like any (patterns) limit most);
		if cardinality(ids) < most and short then
			ids := ids || array(select c.id from public.contacts c where c.organization_id = org
				and c.full_name_search >= typed and c.full_name_search < typed || chr(1114111) order by c.full_name_search limit most);
		elsif cardinality(ids) < most then
			ids := ids || array(select c.id from public.contacts c where c.organization_id = org
				and c.search_text like any (patterns) limit most * 2);
		end if;
		if own is not null then
			ids := ids || array(select c.id from public.contacts c where c.organization_id = org
				and c.assignee_id = any (own) and c.search_text like any (patterns) limit most);
		end if;
	when 'company' then
		ids := array(select r.id from (select c.id, c.search_text from public.companies c where c.organization_id = org
				order by c.id desc limit newest) r where r.search_text like any (patterns) limit most);
		if cardinality(ids) < most and short then
			ids := ids || array(select c.id from public.companies c where c.organization_id = org
				and lower(c.name) >= typed and lower(c.name) < typed || chr(1114111) order by lower(c.name) limit most);
		elsif cardinality(ids) < most then
			ids := ids || array(select c.id from public.companies c where c.organization_id = org
				and c.search_text like any (patterns) limit most * 2);
		end if;
		if own is not null then
			ids := ids || array(select c.id from public.companies c where c.organization_id = org
				and c.owner_id = any (own) and c.search_text like any (patterns) limit most);
		end if;
	when 'deal' then
		ids := array(select r.id from (select d.id, d.title from public.deals d where d.organization_id = org
				order by d.id desc limit newest) r where r.title ilike pattern limit most);
		if cardinality(ids) < most and not short then
			ids := ids || array(select d.id from public.deals d where d.organization_id = org and d.title ilike pattern limit most * 2);
		end if;
		if own is not null then
			ids := ids || array(select d.id from public.deals d where d.organization_id = org
				and d.owner_id = any (own) and d.title ilike pattern limit most);
		end if;
	when 'lead' then
		ids := array(select r.id from (select l.id, l.search_text from public.leads l where l.organization_id = org
				order by l.id desc limit newest) r where r.search_text like any (patterns) limit most);
		if cardinality(ids) < most and short then
			ids := ids || array(select l.id from public.leads l where l.organization_id = org
				and lower(l.name) >= typed and lower(l.name) < typed || chr(1114111) order by lower(l.name) limit most);
		elsif cardinality(ids) < most then
			ids := ids || array(select l.id from public.leads l where l.organization_id = org
				and l.search_text like any (patterns) limit most * 2);
		end if;
		if own is not null then
			ids := ids || array(select l.id from public.leads l where l.organization_id = org
				and l.owner_id = any (own) and l.search_text like any (patterns) limit most);
		end if;
	when 'task' then
		ids := array(select r.id from (select t.id, t.title from public.tasks t where t.organization_id = org
				order by t.id desc limit newest) r where r.title ilike pattern limit most);
		if cardinality(ids) < most and not short then
			ids := ids || array(select t.id from public.tasks t where t.organization_id = org
				and lower(t.title || ' ' || coalesce(t.description, '')) like pattern limit most * 2);
		end if;
	when 'quote' then
		ids := array(select q.id from public.quotes q where q.organization_id = org
			and lower(q.number || ' ' || q.title) like pattern limit most * 2);
	when 'product' then
		ids := array(select p.id from public.products p where p.organization_id = org
			and lower(p.name || ' ' || coalesce(p.sku, '')) like pattern limit most * 2);
	when 'conversation' then
		ids := array(select c.id from unnest(app.find_ids('contact', term, most)) f (id)
			cross join lateral (select t.id, t.last_message_at from public.conversations t
				where t.organization_id = org and t.contact_id = f.id order by t.last_message_at desc limit 1) c
			order by c.last_message_at desc nulls last limit most);
	else
		ids := '{}';
	end case;
	return ids;
end
$$;

-- Leads beside the kinds of 159.
create function internal.lead_rows(ids uuid[]) returns table (id uuid, name text, detail text, side text, at timestamptz)
language sql stable
as $$
	select l.id, l.name, concat_ws(' · ', l.company_name, l.email, l.phone), l.score::text, l.updated_at
	from public.leads l where l.organization_id = auth.org() and l.id = any (ids)
$$;
grant execute on function internal.lead_rows(uuid[]) to authenticated, service_role;

alter function app.record_rows(text, uuid[]) rename to other_record_rows;
create function app.record_rows(kind text, ids uuid[])
	returns table (id uuid, name text, detail text, side text, at timestamptz)
language plpgsql stable
as $$
begin
	if cardinality(ids) = 0 then
		return;
	elsif kind = 'lead' then
		return query select * from internal.lead_rows(ids);
	else
		return query select * from app.other_record_rows(kind, ids);
	end if;
end
$$;
grant execute on function app.record_rows(text, uuid[]) to authenticated, service_role;
notify pgrst;
