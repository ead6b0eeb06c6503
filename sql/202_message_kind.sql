-- Messages in the one search over all records (159): the palette and /search find them by
-- their words, behind everything that has a name.

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
		-- All that have the number or address: see internal.record_condition.
		ids := array(select c.id from public.contacts c where c.organization_id = org and c.phones && internal.phones_meant(term)
			union select c.id from public.contacts c where c.organization_id = org and c.emails && internal.emails_meant(term));
		if cardinality(ids) > 0 then
			return ids[:most];
		end if;
		ids := array(select r.id from (select c.id, c.search_text from public.contacts c where c.organization_id = org
				order by c.id desc limit newest) r where r.search_text like any (patterns) limit most);
		-- A name's beginning is the better answer and a range of an index; what is
		-- inside of names is looked for when there are too few of them.
		if cardinality(ids) < most then
			ids := ids || array(select c.id from public.contacts c where c.organization_id = org
				and c.full_name_search >= typed and c.full_name_search < typed || chr(1114111) order by c.full_name_search limit most);
		end if;
		if cardinality(ids) < most and not short then
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
		ids := app.conversations_of(app.find_ids('contact', term, most), most);
	when 'message' then
		ids := case when length(term) < 3 then '{}' else array(select m.id from app.find_messages(term, null, null, null, null, null, null, null, most) m) end;
	else
		ids := '{}';
	end case;
	return ids;
end
$$;

create or replace function app.record_rows(kind text, ids uuid[])
	returns table (id uuid, name text, detail text, side text, at timestamptz)
language plpgsql stable
as $$
begin
	case kind
	when 'contact' then
		return query select c.id, app.person(c.first_name, c.last_name, c.phones, c.emails),
				concat_ws(' · ', (select k.name from public.companies k where k.organization_id = c.organization_id and k.id = c.company_id),
					c.emails[1], c.phones[1]), null::text, c.updated_at
			from public.contacts c where c.organization_id = auth.org() and c.id = any (ids);
	when 'company' then
		return query select c.id, c.name, concat_ws(' · ', c.domain, c.city, c.phones[1]), null::text, c.updated_at
			from public.companies c where c.organization_id = auth.org() and c.id = any (ids);
	when 'deal' then
		return query select d.id, d.title, concat_ws(' · ', internal.stage_name(d.pipeline_id, d.stage),
				(select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
					where k.organization_id = d.organization_id and k.id = d.contact_id)),
				internal.shown_money(d.value, d.currency), d.updated_at
			from public.deals d where d.organization_id = auth.org() and d.id = any (ids);
	when 'lead' then
		return query select l.id, l.name, concat_ws(' · ', l.company_name, l.email, l.phone), l.score::text, l.updated_at
			from public.leads l where l.organization_id = auth.org() and l.id = any (ids);
	when 'task' then
		return query select t.id, t.title, concat_ws(' · ',
				(select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
					where k.organization_id = t.organization_id and k.id = t.contact_id),
				(select d.title from public.deals d where d.organization_id = t.organization_id and d.id = t.deal_id)),
				case when t.completed then '✓' else internal.shown_date((t.due_date at time zone (select app.zone()))::date, (select app.zone())) end,
				t.updated_at
			from public.tasks t where t.organization_id = auth.org() and t.id = any (ids);
	when 'quote' then
		return query select q.id, q.number || ' ' || q.title,
				(select app.person(k.first_name, k.last_name, k.phones, k.emails) from public.contacts k
					where k.organization_id = q.organization_id and k.id = q.contact_id),
				internal.shown_money(q.total, q.currency), q.updated_at
			from public.quotes q where q.organization_id = auth.org() and q.id = any (ids);
	when 'product' then
		return query select p.id, p.name, p.sku, null::text, p.updated_at
			from public.products p where p.organization_id = auth.org() and p.id = any (ids);
	when 'conversation' then
		return query select r.id, r.name, concat_ws(' · ', r.channel, left(r.preview, 80)),
				app.short_time(r.last_message_at, (select app.zone())), r.last_message_at
			from app.conversation_rows r where r.organization_id = auth.org() and r.id = any (ids);
	when 'message' then
		return query select m.id, v.name, left(coalesce(nullif(m.content, ''), m.transcript, '[' || m.message_type || ']'), 100),
				app.short_time(m.created_at, (select app.zone())), m.created_at
			from public.messages m join app.conversation_rows v on v.organization_id = m.organization_id and v.id = m.conversation_id
			where m.organization_id = auth.org() and m.id = any (ids);
	else
	end case;
end
$$;

create or replace function app.record_kinds() returns table (kind text, place integer, area text, path text, icon text)
language sql immutable parallel safe
as $$
	select * from (values ('contact', 1, 'crm', '/contacts/', 'user'), ('company', 2, 'crm', '/companies/', 'building'),
		('deal', 3, 'crm', '/deals/', 'layout-kanban'), ('lead', 4, 'crm', '/leads/', 'target'),
		('task', 5, 'tasks', '/tasks/', 'square-check'), ('quote', 6, 'crm', '/quotes/', 'file-invoice'),
		('conversation', 7, 'inbox', '/inbox/', 'message'), ('product', 8, null, '/products/', 'package'),
		('message', 9, 'inbox', '/inbox/messages/', 'message-circle')) k
$$;
notify pgrst;
