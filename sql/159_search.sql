-- One search over all kinds of records, for the palette and the page /search.
--
-- Finding by index and reading under the policies, as in 015: app.find_ids gives
-- ids of one kind, app.record_rows reads them as whoever asks and gives every kind
-- the same columns, app.search joins the two.

create index quotes_search_idx on public.quotes using gin (organization_id, (lower(number || ' ' || title)) gin_trgm_ops);
create index products_search_idx on public.products using gin (organization_id, (lower(name || ' ' || coalesce(sku, ''))) gin_trgm_ops);

-- How many of the newest are looked through before the index is asked: what many
-- records have is met among them, and these are the better answers, too; what is
-- rarer the index finds in a short list. Below three characters there is nothing
-- that the index could look for.
create function internal.window_of(term text) returns integer
language sql immutable parallel safe
as $$ select case when length(term) < 3 then 3000 else 600 end $$;

-- The latest conversation of each of these contacts, the newest first.
create function app.conversations_of(contacts uuid[], most integer) returns uuid[]
language sql stable security definer set search_path = ''
as $$
	select array(select c.id from unnest(contacts) f (id)
		cross join lateral (select t.id, t.last_message_at from public.conversations t
			where t.organization_id = auth.org() and t.contact_id = f.id order by t.last_message_at desc limit 1) c
		order by c.last_message_at desc nulls last limit most)
$$;

create function app.find_ids(kind text, term text, most integer) returns uuid[]
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
	else
		ids := '{}';
	end case;
	return ids;
end
$$;
comment on function app.find_ids(text, text, integer) is
	'Ids of the caller''s records of a kind with this name, number, e-mail or phone in any spelling; the newest first';

-- The same columns of every kind, under the policies of whoever asks. side is what
-- stands at the end of the line: a stage, an amount.
create function app.record_rows(kind text, ids uuid[])
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
	else
	end case;
end
$$;

-- The kinds in the order in which they are shown, with the area that opens them.
create function app.record_kinds() returns table (kind text, place integer, area text, path text, icon text)
language sql immutable parallel safe
as $$
	select * from (values ('contact', 1, 'crm', '/contacts/', 'user'), ('company', 2, 'crm', '/companies/', 'building'),
		('deal', 3, 'crm', '/deals/', 'layout-kanban'), ('lead', 4, 'crm', '/leads/', 'target'),
		('task', 5, 'tasks', '/tasks/', 'square-check'), ('quote', 6, 'crm', '/quotes/', 'file-invoice'),
		('conversation', 7, 'inbox', '/inbox/', 'message'), ('product', 8, null, '/products/', 'package')) k
$$;

-- What is found, the best of each kind first: the name itself, its beginning, a
-- word's beginning; then what changed last. `recent` are records that were open
-- lately ({"kind": .., "id": ..}); those that fit come before all others, and
-- without a term they are all there is.
create function app.search(term text, most integer, recent_kinds text[], recent_ids uuid[], of_kind text default null)
	returns table (kind text, id uuid, name text, detail text, side text, href text, icon text, is_recent boolean)
language plpgsql stable
as $$
declare
	typed text := lower(trim(coalesce(term, '')));
	as_id uuid := case when typed ~ '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$' then typed::uuid end;
	pattern text := internal.search_pattern(typed);
	areas text[] := auth.areas();
	-- Looked for once: they are an answer, and the way to their conversations.
	people uuid[] := case when typed <> '' and as_id is null and (of_kind is null or of_kind in ('contact', 'conversation'))
		then app.find_ids('contact', typed, greatest(most, 8)) else '{}' end;
begin
	return query
	with kinds as (select k.* from app.record_kinds() k where (k.area is null or k.area = any (areas)) and (of_kind is null or k.kind = of_kind)),
	lately as (
		select k.kind, r.*, u.n from unnest(recent_kinds, recent_ids) with ordinality u (kind, id, n)
		join kinds k on k.kind = u.kind cross join lateral app.record_rows(k.kind, array[u.id]) r
		where of_kind is null and (typed = '' or lower(concat_ws(' ', r.name, r.detail)) like pattern)),
	found as (
		select k.kind, k.place, r.* from kinds k
		cross join lateral app.record_rows(k.kind, case when typed = '' then '{}'
			when as_id is not null then array[as_id] when k.kind = 'contact' then people
			when k.kind = 'conversation' then app.conversations_of(people, greatest(most, 8))
			else app.find_ids(k.kind, typed, greatest(most, 8)) end) r),
	ranked as (
		select f.*, case when lower(f.name) = typed then 0 when lower(f.name) like substr(pattern, 2) then 1
				when lower(f.name) like '% ' || substr(pattern, 2) then 2 when lower(f.name) like pattern then 3 else 4 end as fit
		from found f where not exists (select from lately l where l.kind = f.kind and l.id = f.id)),
	numbered as (
		select r.*, row_number() over (partition by r.kind order by r.fit, r.at desc nulls last, r.id) as n,
			min(r.fit) over (partition by r.kind) as best
		from ranked r)
	select x.kind, x.id, x.name, x.detail, x.side, k.path || x.id, k.icon, x.is_recent
	from (select l.kind, l.id, l.name, l.detail, l.side, true as is_recent, 0 as best, 0 as place, l.n from lately l
		union all
		select n.kind, n.id, n.name, n.detail, n.side, false, case when n.best = 0 then 0 else 1 end, n.place, n.n from numbered n where n.n <= most) x
	join kinds k on k.kind = x.kind
	order by x.is_recent desc, x.best, x.place, x.n;
end
$$;
comment on function app.search(text, integer, text[], uuid[], text) is
	'Records of all kinds by name, number, e-mail, phone in any spelling or id, as far as the caller sees them';

grant execute on function internal.window_of(text), app.conversations_of(uuid[], integer), app.find_ids(text, text, integer), app.record_rows(text, uuid[]),
	app.record_kinds(), app.search(text, integer, text[], uuid[], text) to authenticated, service_role;
notify pgrst;
