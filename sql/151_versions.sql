-- Two people who change the same record with forms. A form carries the time of
-- the version that it shows; when others changed the record since, saving it is
-- refused, and the page asks per field whose value is to stay. Which fields
-- others changed, who and when, is in the events.

create function internal.versioned_name(kind text) returns text
language sql immutable parallel safe
as $$
	select case kind when 'contact' then 'contacts' when 'company' then 'companies' when 'deal' then 'deals'
		when 'task' then 'tasks' when 'lead' then 'leads' end
$$;

-- What others made of the record since that version, field by field; fields of
-- the tenant's own as custom_fields.KEY.
create function internal.changed_since(of_kind text, of_id uuid, since timestamptz)
	returns table (field text, was jsonb, now jsonb, actor_id uuid, at timestamptz)
language sql stable
as $$
	with told as (
		select e.position, e.changes, e.actor_id, e.created_at from public.events e
		where e.organization_id = auth.org() and e.record_type = of_kind and e.record_id = of_id
			and e.type = of_kind || '.updated' and e.created_at > since and (e.data ->> 'updated_at')::timestamptz > since
	), fields as (
		select t.position, substr(k, 5) as field, t.changes -> ('old_' || substr(k, 5)) as was, t.changes -> k as now,
			t.actor_id, t.created_at
		from told t, jsonb_object_keys(t.changes) k where k like 'new\_%' and k <> 'new_custom_fields'
		union all
		select t.position, 'custom_fields.' || k, t.changes -> 'old_custom_fields' -> k, t.changes -> 'new_custom_fields' -> k,
			t.actor_id, t.created_at
		from told t, lateral (
			select jsonb_object_keys(t.changes -> 'old_custom_fields') as k
				where jsonb_typeof(t.changes -> 'old_custom_fields') = 'object'
			union
			select jsonb_object_keys(t.changes -> 'new_custom_fields')
				where jsonb_typeof(t.changes -> 'new_custom_fields') = 'object') keys
		where t.changes -> 'old_custom_fields' -> k is distinct from t.changes -> 'new_custom_fields' -> k
	), ends as (
		select distinct on (f.field) f.field, f.now, f.actor_id, f.created_at,
			first_value(f.was) over (partition by f.field order by f.position) as was
		from fields f order by f.field, f.position desc
	)
	select e.field, coalesce(e.was, 'null'), coalesce(e.now, 'null'), e.actor_id, e.created_at from ends e
	where coalesce(e.was, 'null') <> coalesce(e.now, 'null')
$$;
comment on function internal.changed_since(text, uuid, timestamptz) is
	'Fields of a record that differ from those of that version (its updated_at)';

create function internal.record_version(of_kind text, of_id uuid) returns timestamptz
language plpgsql stable
as $$
declare
	v timestamptz;
begin
	execute format('select t.updated_at from public.%I t where t.organization_id = auth.org() and t.id = $1',
		internal.versioned_name(of_kind)) into v using of_id;
	return v;
end
$$;

-- Before the statements that save: nobody else writes the record until they are
-- through. Refused when it is another version by now, and one of the fields in
-- question (all when null) differs. Of `keep` the stored values stay, whatever
-- the statement says (trigger aa_keep).
create function internal.hold_version(of_kind text, of_id uuid, version timestamptz, keep text[], fields text[] default null)
	returns void
language plpgsql
as $$
declare
	found_version timestamptz;
begin
	execute format('select t.updated_at from public.%I t where t.organization_id = auth.org() and t.id = $1 for update',
		internal.versioned_name(of_kind)) into found_version using of_id;
	if found_version is distinct from version and found_version is not null
			and exists (select from internal.changed_since(of_kind, of_id, version) c
				where fields is null or c.field = any (fields)) then
		raise exception using errcode = 'KT412', message = 'Somebody else changed this while you were editing it',
			hint = 'Choose for each field which value stays, and save again';
	end if;
	if cardinality(keep) > 0 then
		perform set_config('kontor.keep', jsonb_build_object('id', of_id, 'fields', to_jsonb(keep))::text, true);
	end if;
end
$$;
comment on function internal.hold_version(text, uuid, timestamptz, text[], text[]) is
	'Lock a record for saving; refused when others changed it since that version';

create function internal.keep_theirs() returns trigger
language plpgsql
as $$
declare
	k jsonb := current_setting('kontor.keep')::jsonb;
	stored jsonb := to_jsonb(old);
	custom jsonb := to_jsonb(new) -> 'custom_fields';
	patch jsonb := '{}';
	f text;
	key text;
begin
	if (k ->> 'id')::uuid <> new.id then
		return new;
	end if;
	for f in select jsonb_array_elements_text(k -> 'fields') loop
		if f like 'custom\_fields.%' then
			key := substr(f, 15);
			custom := case when stored -> 'custom_fields' ? key
				then custom || jsonb_build_object(key, stored -> 'custom_fields' -> key) else custom - key end;
			patch := patch || jsonb_build_object('custom_fields', custom);
		elsif stored ? f then
			patch := patch || jsonb_build_object(f, stored -> f);
		end if;
	end loop;
	return jsonb_populate_record(new, patch);
end
$$;

create function internal.versioned_table(t regclass) returns void
language plpgsql
as $$
begin
	execute format('create trigger aa_keep before update on %s for each row
		when (coalesce(current_setting(''kontor.keep'', true), '''') <> '''') execute function internal.keep_theirs()', t);
end
$$;
comment on function internal.versioned_table(regclass) is 'Forms of this table''s records may keep what others wrote, field by field';

do $$ begin
	perform internal.versioned_table('public.contacts');
	perform internal.versioned_table('public.companies');
	perform internal.versioned_table('public.deals');
	perform internal.versioned_table('public.tasks');
	perform internal.versioned_table('public.leads');
end $$;

-- A field as a form sent it, as JSON of its column's kind.
create function internal.typed_value(sent text, now jsonb) returns jsonb
language sql immutable parallel safe
as $$
	select case jsonb_typeof(now)
		when 'boolean' then to_jsonb(coalesce(sent, '') <> '')
		when 'array' then to_jsonb(array(select trim(x) from unnest(string_to_array(coalesce(sent, ''), ',')) x where trim(x) <> ''))
		else to_jsonb(nullif(trim(sent), '')) end
$$;

-- The page that asks: each field that others changed, its value now and as it was
-- typed (typed: {input: text}, repeated ones joined by commas).
create function internal.version_clash(of_kind text, of_id uuid, since timestamptz, typed jsonb)
	returns table (field text, who text, at text, theirs text, yours text, choice boolean, untouched boolean)
language plpgsql stable
as $$
declare
	r jsonb;
begin
	execute format('select to_jsonb(t) from public.%I t where t.organization_id = auth.org() and t.id = $1',
		internal.versioned_name(of_kind)) into r using of_id;
	return query
	select c.field, internal.person(p.first_name, p.last_name, p.email), internal.shown_time(c.at, internal.my_zone()),
		internal.timeline_value(c.field, c.now, r), internal.timeline_value(c.field, y.v, r),
		y.sent, y.sent and y.v is not distinct from internal.typed_value(case jsonb_typeof(c.was)
			when 'array' then (select string_agg(x, ',') from jsonb_array_elements_text(c.was) x)
			when 'boolean' then case when c.was = 'true' then '1' end
			else c.was #>> '{}' end, case when c.now = 'null' then c.was else c.now end)
	from internal.changed_since(of_kind, of_id, since) c
		left join public.profiles p on p.organization_id = auth.org() and p.id = c.actor_id,
		lateral (select case when c.field like 'custom\_fields.%' then 'cf.' || substr(c.field, 15) else c.field end as input) i,
		lateral (select internal.typed_value(typed ->> i.input, case when c.now = 'null' then c.was else c.now end) as v,
			typed ? i.input or jsonb_typeof(c.now) = 'boolean' as sent) y
	order by not y.sent, c.field;
end
$$;

grant execute on function internal.versioned_name(text), internal.changed_since(text, uuid, timestamptz),
	internal.hold_version(text, uuid, timestamptz, text[], text[]), internal.record_version(text, uuid), internal.typed_value(text, jsonb),
	internal.version_clash(text, uuid, timestamptz, jsonb) to authenticated, service_role;
