-- Changes of records from a list: one cell, or many records at once with the way
-- back. Everything here runs with the caller's rights, so that policies,
-- constraints and triggers say the same as everywhere else.

-- ---- one field ---------------------------------------------------------------------

create function internal.record_table(of_kind text) returns name
language plpgsql stable
as $$
declare
	t name := (select k.tbl from internal.record_kinds k where k.kind = of_kind);
begin
	if t is null then
		raise exception using errcode = 'KT404', message = 'There is no such list';
	end if;
	return t;
end
$$;

-- Where a key is kept: its column, and behind custom_fields the key within it.
create function internal.record_place(of_kind text, key text, out col name, out within text, out typ text)
language plpgsql stable
as $$
begin
	if key like 'cf.%' then
		col := 'custom_fields';
		within := substr(key, 4);
		select d.type into typ from public.custom_field_definitions d join internal.record_kinds k on k.kind = of_kind
			where d.organization_id = auth.org() and d.entity = k.entity and d.key = within;
	else
		select a.attname, format_type(a.atttypid, null) into col, typ from pg_catalog.pg_attribute a
			where a.attrelid = to_regclass(format('public.%I', internal.record_table(of_kind))) and a.attname = key and a.attnum > 0
				and not a.attisdropped and a.attgenerated = '' and a.attname not in ('id', 'organization_id', 'created_at', 'updated_at');
	end if;
	if typ is null then
		raise exception using errcode = 'KT400', message = format('The field "%s" cannot be changed here', key);
	end if;
end
$$;

-- The value of a place in a row of the table, as json; t is its alias.
create function internal.record_now(of_kind text, key text) returns text
language plpgsql stable
as $$
declare
	p record := internal.record_place(of_kind, key);
begin
	return case when p.within is null then format('coalesce(to_jsonb(t.%I), ''null'')', p.col)
		else format('coalesce(t.custom_fields -> %L, ''null'')', p.within) end;
end
$$;

-- The same as SQL that stores a json value there (a parameter or literal as text).
create function internal.record_store(of_kind text, key text, val text) returns text
language plpgsql stable
as $$
declare
	p record := internal.record_place(of_kind, key);
begin
	if p.within is not null then
		return format('case when (%s) = ''null'' then t.custom_fields - %L else t.custom_fields || jsonb_build_object(%2$L, (%1$s)) end',
			val, p.within);
	elsif p.typ = 'text[]' then
		return format('coalesce((select array_agg(x order by n) from jsonb_array_elements_text((%s)) with ordinality e (x, n)), ''{}'')', val);
	elsif p.typ = 'jsonb' then
		return format('(%s)', val);
	else
		return format('((%s) #>> ''{}'')::%s', val, p.typ);
	end if;
end
$$;

-- What was typed, as the json value that is stored: lists without blanks, nothing as null.
create function internal.record_typed(of_kind text, key text, vals jsonb) returns jsonb
language plpgsql stable
as $$
declare
	p record := internal.record_place(of_kind, key);
	words text[] := array(select trim(x) from jsonb_array_elements_text(vals) x where trim(x) <> '');
begin
	if p.typ in ('text[]', 'multi_select') then
		if p.col = 'tags' then
			words := array(select trim(y) from unnest(words) x, regexp_split_to_table(x, ',') y where trim(y) <> '');
		end if;
		select coalesce(array_agg(w order by n), '{}') into words
			from (select w, min(n) as n from unnest(words) with ordinality u (w, n) group by w) d;
		return case when p.typ = 'multi_select' and words = '{}' then 'null' else to_jsonb(words) end;
	end if;
	if p.typ in ('numeric', 'integer', 'bigint', 'number') then
		words := array(select replace(regexp_replace(x, '[\s\u00A0\u202F_]', '', 'g'), ',', '.') from unnest(words) x);
		if words[1] !~ '^-?[0-9]*\.?[0-9]+$' then
			raise exception using errcode = 'KT400', message = 'Write a number', column = key;
		end if;
	end if;
	if p.typ = 'uuid' and words[1] = 'me' then
		words[1] := auth.uid()::text;
	end if;
	return coalesce(case p.typ when 'number' then to_jsonb(words[1]::numeric)
		when 'checkbox' then to_jsonb(words[1] in ('true', 'yes', 'on', '1')) else to_jsonb(words[1]) end, 'null');
end
$$;

create type internal.record_cell as (value jsonb, version text);

-- What is there now, for the editor of a cell.
create function internal.record_current(of_kind text, record uuid, key text) returns internal.record_cell
language plpgsql stable
as $$
declare
	cell internal.record_cell;
begin
	execute format('select %s, t.updated_at::text from public.%I t where t.organization_id = $1 and t.id = $2',
		internal.record_now(of_kind, key), internal.record_table(of_kind)) into cell using auth.org(), record;
	if cell.version is null then
		raise exception using errcode = 'KT404', message = 'This record does not exist any more';
	end if;
	return cell;
end
$$;

-- Store what was typed into one field. It is refused (KT409) when somebody else
-- has changed that field since `was` was read with `version`; changes of other
-- fields are none of its business. Returns the value that was there before.
create function internal.record_set(of_kind text, record uuid, key text, vals jsonb, version text default null, was jsonb default null)
returns jsonb
language plpgsql
as $$
declare
	cell internal.record_cell := internal.record_current(of_kind, record, key);
	n integer;
begin
	if version is not null and version <> cell.version and cell.value is distinct from was then
		raise exception using errcode = 'KT409', message = 'Somebody else changed this meanwhile', column = key;
	end if;
	execute format('update public.%I t set %I = %s where t.organization_id = $2 and t.id = $3 and t.updated_at = $4::timestamptz',
		internal.record_table(of_kind), (internal.record_place(of_kind, key)).col, internal.record_store(of_kind, key, '$1'))
		using internal.record_typed(of_kind, key, vals), auth.org(), record, cell.version;
	get diagnostics n = row_count;
	if n = 0 then
		raise exception using errcode = 'KT409', message = 'Somebody else changed this meanwhile', column = key;
	end if;
	return cell.value;
exception
	when invalid_text_representation or invalid_datetime_format or datetime_field_overflow or numeric_value_out_of_range then
		raise exception using errcode = 'KT400', message = 'This value does not fit the field', column = key;
	when not_null_violation then
		raise exception using errcode = 'KT400', message = 'This field cannot be empty', column = key;
end
$$;

-- ---- many records --------------------------------------------------------------------

create table public.bulk_changes (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null check (kind ~ '^[a-z_]+$'),
	action text not null check (action in ('set', 'add_tags', 'remove_tags', 'delete')),
	key text,                        -- the field
	vals jsonb not null default '[]' check (jsonb_typeof(vals) = 'array'),
	user_id uuid default auth.uid(),
	state text not null default 'running' check (state in ('running', 'done', 'undoing', 'undone')),
	total integer not null default 0,
	changed integer not null default 0,
	skipped integer not null default 0, -- had the value already, or are not there any more
	failed integer not null default 0,
	restored integer not null default 0,
	kept integer not null default 0,    -- not restored, because somebody changed them since
	error text,                         -- of the first that failed
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint bulk_changes_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.bulk_changes is 'Changes of many records at once, with how far they are; can be taken back for 30 days';
create index bulk_changes_user_idx on public.bulk_changes (organization_id, user_id, id desc);
create table public.bulk_rows (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	bulk_id uuid not null,
	record_id uuid not null,
	state text not null default 'waiting' check (state in ('waiting', 'changed', 'skipped', 'failed', 'restored', 'kept')),
	before jsonb,
	after jsonb,
	primary key (organization_id, bulk_id, record_id),
	constraint bulk_rows_bulk_id_fkey foreign key (organization_id, bulk_id)
		references public.bulk_changes (organization_id, id) on delete cascade
) with (fillfactor = 70);
comment on table public.bulk_rows is 'The records of a bulk change: the value before and after';
create index bulk_rows_state_idx on public.bulk_rows (organization_id, bulk_id, state);
-- Deleted records with all that went with them.
create table public.trash (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null,
	record_id uuid not null,
	name text,
	bulk_id uuid,
	user_id uuid default auth.uid(),
	rows jsonb not null,  -- [{"t": table, "r": row}], parents first
	links jsonb not null, -- [{"t": table, "c": column, "id": .., "v": ..}]: pointed here and were set to null
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.trash is 'Deleted records with everything that the deletion took along, kept 30 days so that it can be undone';
create index trash_record_idx on public.trash (organization_id, record_id);
create index trash_bulk_idx on public.trash (organization_id, bulk_id) where bulk_id is not null;
create index trash_created_idx on public.trash (organization_id, created_at);
do $$ begin
	perform internal.tenant_table('public.bulk_changes');
	perform internal.tenant_table('public.bulk_rows');
	perform internal.tenant_table('public.trash', writable => false);
end $$;
create policy own on public.bulk_changes as restrictive to authenticated
	using (user_id is not distinct from (select auth.uid()) or (select auth.app_role()) = 'SYSTEM');
create policy own on public.bulk_rows as restrictive to authenticated
	using (exists (select from public.bulk_changes b where b.organization_id = bulk_rows.organization_id and b.id = bulk_id));
create policy own on public.trash as restrictive to authenticated
	using (user_id is not distinct from (select auth.uid()) or (select auth.app_role()) in ('SYSTEM', 'OWNER', 'ADMIN'));

-- ---- deletion with the way back ----------------------------------------------------------

-- While records come back nothing is told: no events, notices or jobs.
create function internal.quiet() returns trigger
language plpgsql
as $$ begin return null; end $$;
do $$
declare
	t text;
begin
	foreach t in array '{public.events,public.notifications,job.jobs}'::text[] loop
		execute format($q$create trigger a_quiet before insert on %s for each row
			when (coalesce(current_setting('kontor.restoring', true), '') = 'on') execute function internal.quiet()$q$, t);
	end loop;
end $$;

-- Rows of other tables that go with these (cascade) or lose their link (set null).
create function internal.trash_collect(org uuid, t regclass, ids uuid[], inout rows jsonb, inout links jsonb, depth integer default 0)
language plpgsql security definer set search_path = ''
as $$
declare
	f record;
	found jsonb;
	more uuid[];
begin
	if org <> auth.org() or depth > 6 then
		return;
	end if;
	for f in
		select k.conrelid::regclass as tbl, k.confdeltype, a.attname as col,
			exists (select from pg_catalog.pg_attribute i where i.attrelid = k.conrelid and i.attname = 'id' and not i.attisdropped) as has_id
		from pg_catalog.pg_constraint k
		join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey) and a.attname <> 'organization_id'
		where k.contype = 'f' and k.confrelid = t and cardinality(k.conkey) = 2 and k.confdeltype in ('c', 'n')
		order by k.conrelid::regclass::text, a.attname
	loop
		if f.confdeltype = 'n' then
			if f.has_id then
				execute format('select jsonb_agg(jsonb_build_object(''t'', %L, ''c'', %L, ''id'', x.id, ''v'', x.%I)) from %s x
					where x.organization_id = $1 and x.%3$I = any ($2)', f.tbl, f.col, f.col, f.tbl) into found using org, ids;
				links := links || coalesce(found, '[]');
			end if;
			continue;
		end if;
		execute format('select jsonb_agg(jsonb_build_object(''t'', %L, ''r'', to_jsonb(x))) from %s x where x.organization_id = $1 and x.%I = any ($2)
			and not $3 @> jsonb_build_array(jsonb_build_object(''t'', %1$L, ''r'', to_jsonb(x)))', f.tbl, f.tbl, f.col)
			into found using org, ids, rows;
		if found is null then
			continue;
		end if;
		rows := rows || found;
		if f.has_id then
			more := array(select (x #>> '{r,id}')::uuid from jsonb_array_elements(found) x);
			select c.rows, c.links into rows, links from internal.trash_collect(org, f.tbl, more, rows, links, depth + 1) c;
		end if;
	end loop;
end
$$;

create function internal.trash_keep(of_kind text, record uuid, of_bulk uuid) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	t regclass := to_regclass(format('public.%I', internal.record_table(of_kind)));
	r jsonb;
	kept record;
begin
	execute format('select to_jsonb(x) from %s x where x.organization_id = $1 and x.id = $2', t) into r using org, record;
	if r is null then
		return false;
	end if;
	select c.rows, c.links into kept from internal.trash_collect(org, t, array[record],
		jsonb_build_array(jsonb_build_object('t', t::text, 'r', r)), '[]') c;
	insert into public.trash (organization_id, kind, record_id, name, bulk_id, rows, links)
		values (org, of_kind, record, (select internal.entity_label(org, k.entity, record) from internal.record_kinds k where k.kind = of_kind),
			of_bulk, kept.rows, kept.links);
	return true;
end
$$;

-- Delete one record as the caller, and keep what is needed to bring it back.
create function internal.record_delete(of_kind text, record uuid, of_bulk uuid default null) returns boolean
language plpgsql
as $$
declare
	n integer := 0;
begin
	-- Under the policies: what is not seen is not deleted.
	execute format('select count(*) from public.%I t where t.organization_id = $1 and t.id = $2', internal.record_table(of_kind))
		into n using auth.org(), record;
	if n = 0 or not internal.trash_keep(of_kind, record, of_bulk) then
		return false;
	end if;
	execute format('delete from public.%I t where t.organization_id = $1 and t.id = $2', internal.record_table(of_kind))
		using auth.org(), record;
	get diagnostics n = row_count;
	if n = 0 then
		raise exception using errcode = 'KT403', message = 'You may not delete this record';
	end if;
	return true;
end
$$;

-- Bring a deleted record back as it was, with all that went with it. Triggers run
-- (they keep invariants), but tell nothing; what they write beside the rows is
-- taken away again, and what they change in them is set back.
create function internal.trash_restore(of_trash uuid) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	item public.trash;
	one jsonb;
	cols text;
	n integer;
	l jsonb;
	f record;
begin
	select * into item from public.trash x where x.organization_id = org and x.id = of_trash
		and (x.user_id is not distinct from auth.uid() or auth.app_role() in ('OWNER', 'ADMIN')) for update;
	if item.id is null then
		return false;
	end if;
	perform set_config('kontor.restoring', 'on', true);
	for one in select x from jsonb_array_elements(item.rows) x loop
		select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into cols from pg_catalog.pg_attribute a
			where a.attrelid = to_regclass(one ->> 't') and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
				and (a.attidentity = '' or one ->> 't' not like '%events');
		execute format('insert into %s (%s) overriding system value select %2$s from jsonb_populate_record(null::%1$s, $1)
			on conflict do nothing', (one ->> 't')::regclass, cols) using one -> 'r';
		get diagnostics n = row_count;
		if n > 0 and one -> 'r' ? 'id' then
			execute format('update %s x set (%s) = (select %2$s from jsonb_populate_record(null::%1$s, $1)) where x.organization_id = $2 and x.id = $3',
				(one ->> 't')::regclass, cols) using one -> 'r', org, (one #>> '{r,id}')::uuid;
		end if;
	end loop;
	-- Histories and the like, which the triggers wrote once more.
	for f in
		select distinct k.conrelid::regclass as tbl, a.attname as col, k.confrelid::regclass as parent
		from pg_catalog.pg_constraint k
		join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey) and a.attname <> 'organization_id'
		join pg_catalog.pg_attribute i on i.attrelid = k.conrelid and i.attname = 'id' and not i.attisdropped
		where k.contype = 'f' and k.confdeltype = 'c' and cardinality(k.conkey) = 2
			and k.confrelid in (select (x ->> 't')::regclass from jsonb_array_elements(item.rows) x)
	loop
		execute format('delete from %s c where c.organization_id = $1
			and c.%I in (select (x #>> ''{r,id}'')::uuid from jsonb_array_elements($2) x where x ->> ''t'' = %L)
			and c.id not in (select (x #>> ''{r,id}'')::uuid from jsonb_array_elements($2) x where x ->> ''t'' = %L)',
			f.tbl, f.col, f.parent, f.tbl) using org, item.rows;
	end loop;
	for l in select x from jsonb_array_elements(item.links) x loop
		execute format('update %s x set %I = $1 where x.organization_id = $2 and x.id = $3 and x.%2$I is null', (l ->> 't')::regclass, l ->> 'c')
			using (l ->> 'v')::uuid, org, (l ->> 'id')::uuid;
	end loop;
	perform set_config('kontor.restoring', 'off', true);
	select to_jsonb(k) into one from internal.record_kinds k where k.kind = item.kind;
	perform internal.emit(org, (one ->> 'entity') || '.restored', one ->> 'entity', item.record_id, item.rows #> '{0,r}');
	delete from public.trash x where x.organization_id = org and x.id = of_trash;
	return true;
end
$$;
comment on function internal.trash_restore(uuid) is 'Undo of a deletion by who deleted it, or an administrator';

-- ---- bulk: begin, slices, undo ---------------------------------------------------------------

-- A value that the column's type does not take is refused before anything is begun.
create function internal.record_fits(of_kind text, key text, val jsonb) returns void
language plpgsql stable
as $$
declare
	p record := internal.record_place(of_kind, key);
begin
	if p.within is null and p.typ not in ('text[]', 'jsonb') and val <> 'null' then
		execute format('select %L::%s', val #>> '{}', p.typ);
	end if;
exception when data_exception then
	raise exception using errcode = 'KT400', message = 'This value does not fit the field', column = key;
end
$$;

-- ids, or conditions as in internal.records_page. The id comes from the form, so that
-- sending it twice makes one change.
create function internal.bulk_begin(bulk uuid, of_kind text, of_action text, of_key text, of_vals jsonb, ids uuid[], conditions jsonb) returns void
language plpgsql
as $$
declare
	n integer;
begin
	delete from public.bulk_changes b where b.organization_id = auth.org() and b.user_id = auth.uid() and b.created_at < now() - interval '30 days';
	if of_action <> 'delete' then
		perform internal.record_place(of_kind, of_key);
	end if;
	if of_action = 'set' then
		perform internal.record_fits(of_kind, of_key, internal.record_typed(of_kind, of_key, of_vals));
	end if;
	insert into public.bulk_changes (id, kind, action, key, vals) values (bulk, of_kind, of_action, of_key,
			case of_action when 'set' then jsonb_build_array(internal.record_typed(of_kind, of_key, of_vals))
				when 'delete' then '[]' else internal.record_typed(of_kind, of_key, of_vals) end)
		on conflict do nothing;
	get diagnostics n = row_count;
	if n = 0 then -- the same request once more
		return;
	end if;
	insert into public.bulk_rows (bulk_id, record_id)
		select bulk, x from (select unnest(ids) as x where conditions is null
			union select internal.records_ids(of_kind, conditions, 200000) where conditions is not null) u;
	get diagnostics n = row_count;
	update public.bulk_changes b set total = n where b.organization_id = auth.org() and b.id = bulk;
	perform internal.bulk_go(bulk);
end
$$;

-- What the rows of a change get: SQL over t.
create function internal.bulk_value(b public.bulk_changes) returns text
language plpgsql stable
as $$
declare
	p record := internal.record_place(b.kind, b.key);
	words text[] := array(select x from jsonb_array_elements_text(b.vals) x);
begin
	return case b.action
		when 'set' then internal.record_store(b.kind, b.key, quote_literal(b.vals -> 0) || '::jsonb')
		when 'add_tags' then format('t.%I || array(select x from unnest(%L::text[]) x where not x = any (t.%1$I))', p.col, words)
		when 'remove_tags' then format('array(select x from unnest(t.%I) with ordinality u (x, n) where not x = any (%L::text[]) order by n)', p.col, words) end;
end
$$;

-- One statement for these records; what a trigger or constraint refuses fails the whole of it.
create function internal.bulk_set(b public.bulk_changes, ids uuid[]) returns void
language plpgsql
as $$
declare
	p record := internal.record_place(b.kind, b.key);
	now_ text := internal.record_now(b.kind, b.key);
	val text := internal.bulk_value(b);
begin
	execute format($q$
		with old as materialized (select t.id, %s as v from public.%I t where t.organization_id = $1 and t.id = any ($2) for update),
		new as (update public.%2$I t set %I = %s from old where t.organization_id = $1 and t.id = old.id and t.%3$I is distinct from (%4$s)
			returning t.id, old.v as was, %1$s as v)
		update public.bulk_rows r set state = case when x.id is null then 'skipped' else 'changed' end, before = x.was, after = x.v
			from unnest($2) i (id) left join new x on x.id = i.id
			where r.organization_id = $1 and r.bulk_id = $3 and r.record_id = i.id$q$,
		now_, internal.record_table(b.kind), p.col, val) using b.organization_id, ids, b.id;
end
$$;

create function internal.bulk_one(b public.bulk_changes, record uuid) returns text
language plpgsql
as $$
declare
	fault text;
begin
	if b.action = 'delete' then
		update public.bulk_rows r set state = case when internal.record_delete(b.kind, record, b.id) then 'changed' else 'skipped' end
			where r.organization_id = b.organization_id and r.bulk_id = b.id and r.record_id = record;
	else
		perform internal.bulk_set(b, array[record]);
	end if;
	return null;
exception when others then
	get stacked diagnostics fault = message_text;
	update public.bulk_rows r set state = 'failed' where r.organization_id = b.organization_id and r.bulk_id = b.id and r.record_id = record;
	return fault;
end
$$;

create function internal.bulk_slice(bulk uuid, most integer) returns integer
language plpgsql
as $$
declare
	b public.bulk_changes;
	ids uuid[];
	one uuid;
	fault text;
begin
	select * into b from public.bulk_changes x where x.organization_id = auth.org() and x.id = bulk for update;
	if b.state is distinct from 'running' then
		return 0;
	end if;
	ids := array(select r.record_id from public.bulk_rows r where r.organization_id = b.organization_id and r.bulk_id = bulk and r.state = 'waiting'
		order by r.record_id limit most);
	begin
		if b.action <> 'delete' then
			perform internal.bulk_set(b, ids);
		end if;
	exception when others then
		b.error := sqlerrm;
	end;
	if b.action = 'delete' or b.error is not null then
		b.error := null;
		foreach one in array ids loop
			fault := coalesce(internal.bulk_one(b, one), fault);
		end loop;
	end if;
	return internal.bulk_count(bulk, fault, 'waiting', 'done');
end
$$;

-- The counters of a change after a slice; how many rows are left to do.
create function internal.bulk_count(bulk uuid, fault text, left_state text, end_state text) returns integer
language plpgsql
as $$
declare
	n integer;
begin
	with c as (select count(*) filter (where r.state = 'changed') as changed, count(*) filter (where r.state = 'skipped') as skipped,
			count(*) filter (where r.state = 'failed') as failed, count(*) filter (where r.state = 'restored') as restored,
			count(*) filter (where r.state = 'kept') as kept, count(*) filter (where r.state = left_state) as todo
		from public.bulk_rows r where r.organization_id = auth.org() and r.bulk_id = bulk)
	update public.bulk_changes b set changed = c.changed + c.restored + c.kept, skipped = c.skipped, failed = c.failed, restored = c.restored, kept = c.kept,
			error = coalesce(b.error, fault), state = case when c.todo = 0 then end_state else b.state end
		from c where b.organization_id = auth.org() and b.id = bulk returning c.todo into n;
	return coalesce(n, 0);
end
$$;

create function internal.bulk_undo_set(b public.bulk_changes, ids uuid[]) returns void
language plpgsql
as $$
declare
	p record := internal.record_place(b.kind, b.key);
begin
	execute format($q$
		with old as materialized (select t.id, r.before from public.%I t
				join public.bulk_rows r on r.organization_id = $1 and r.bulk_id = $3 and r.record_id = t.id
				where t.organization_id = $1 and t.id = any ($2) and %2$s = r.after for update of t),
		new as (update public.%1$I t set %3$I = %4$s from old where t.organization_id = $1 and t.id = old.id returning t.id)
		update public.bulk_rows r set state = case when x.id is null then 'kept' else 'restored' end
			from unnest($2) i (id) left join new x on x.id = i.id
			where r.organization_id = $1 and r.bulk_id = $3 and r.record_id = i.id$q$,
		internal.record_table(b.kind), internal.record_now(b.kind, b.key), p.col, internal.record_store(b.kind, b.key, 'old.before'))
		using b.organization_id, ids, b.id;
end
$$;

create function internal.bulk_undo_one(b public.bulk_changes, record uuid) returns text
language plpgsql
as $$
declare
	fault text;
begin
	if b.action = 'delete' then
		update public.bulk_rows r set state = case when internal.trash_restore((select x.id from public.trash x
				where x.organization_id = b.organization_id and x.bulk_id = b.id and x.record_id = record)) then 'restored' else 'kept' end
			where r.organization_id = b.organization_id and r.bulk_id = b.id and r.record_id = record;
	else
		perform internal.bulk_undo_set(b, array[record]);
	end if;
	return null;
exception when others then
	get stacked diagnostics fault = message_text;
	update public.bulk_rows r set state = 'kept' where r.organization_id = b.organization_id and r.bulk_id = b.id and r.record_id = record;
	return fault;
end
$$;

create function internal.bulk_undo_slice(bulk uuid, most integer) returns integer
language plpgsql
as $$
declare
	b public.bulk_changes;
	ids uuid[];
	one uuid;
	whole boolean := true;
	fault text;
begin
	select * into b from public.bulk_changes x where x.organization_id = auth.org() and x.id = bulk for update;
	if b.state is distinct from 'undoing' then
		return 0;
	end if;
	ids := array(select r.record_id from public.bulk_rows r where r.organization_id = b.organization_id and r.bulk_id = bulk and r.state = 'changed'
		order by r.record_id limit most);
	begin
		if b.action <> 'delete' then
			perform internal.bulk_undo_set(b, ids);
		end if;
	exception when others then
		whole := false;
	end;
	if b.action = 'delete' or not whole then
		foreach one in array ids loop
			fault := coalesce(internal.bulk_undo_one(b, one), fault);
		end loop;
	end if;
	return internal.bulk_count(bulk, fault, 'changed', 'undone');
end
$$;

create function internal.bulk_undo(bulk uuid) returns void
language plpgsql
as $$
declare
	n integer;
begin
	update public.bulk_changes b set state = 'undoing' where b.organization_id = auth.org() and b.id = bulk and b.state = 'done';
	get diagnostics n = row_count;
	if n = 0 then
		raise exception using errcode = 'KT409', message = 'This change cannot be undone now';
	end if;
	perform internal.bulk_go(bulk);
end
$$;

-- As many rows as a request may take; the rest goes on as a job.
create function internal.bulk_go(bulk uuid, most integer default 500) returns void
language plpgsql
as $$
declare
	b public.bulk_changes;
	todo integer;
begin
	select * into b from public.bulk_changes x where x.organization_id = auth.org() and x.id = bulk;
	if b.state not in ('running', 'undoing') then
		return;
	elsif b.total > most then
		perform internal.bulk_later(bulk);
	elsif b.state = 'undoing' then
		todo := internal.bulk_undo_slice(bulk, most);
	else
		todo := internal.bulk_slice(bulk, most);
	end if;
end
$$;
create function internal.bulk_later(bulk uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(auth.org(), 'bulk', bulk::text, jsonb_build_object('bulk_id', bulk), now(), 2);
end
$$;

-- A slice of the job: by the programs, with the rights that who began it has now.
create function internal.bulk_step(bulk uuid, most integer) returns integer
language plpgsql
as $$
declare
	b public.bulk_changes;
begin
	select * into b from public.bulk_changes x where x.organization_id = auth.org() and x.id = bulk;
	if b.id is null then
		return 0;
	end if;
	perform internal.act_as(b.user_id);
	return case b.state when 'undoing' then internal.bulk_undo_slice(bulk, most) else internal.bulk_slice(bulk, most) end;
end
$$;
create function internal.act_as(member uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if auth.app_role() is distinct from 'SYSTEM' or auth.org() is null then
		raise exception using errcode = 'KT403', message = 'Only the programs act for somebody';
	end if;
	if member is null then
		return;
	end if;
	perform set_config('request.jwt.claims', (select jsonb_build_object('organization_id', r.organization_id, 'sub', r.user_id,
			'role', 'authenticated', 'app_role', r.role, 'may', r.may)::text
		from public.user_roles r join public.profiles p on p.organization_id = r.organization_id and p.id = r.user_id and p.is_active
		where r.organization_id = auth.org() and r.user_id = member), true);
end
$$;

do $$
declare
	f regprocedure;
begin
	for f in select p.oid from pg_proc p where p.pronamespace = 'internal'::regnamespace
			and p.proname ~ '^(record_(table|place|now|store|typed|fits|current|set|delete)|quiet|trash_(keep|restore)|bulk_.*|act_as)$' loop
		execute format('grant execute on function %s to authenticated, service_role', f);
	end loop;
end $$;
grant execute on function internal.quiet() to kontor_app, kontor_worker;
notify pgrst;
