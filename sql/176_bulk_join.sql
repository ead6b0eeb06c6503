-- Changes of many records mark their rows in two statements: what was changed, then
-- what was not. In one, the planner expects a single changed row and compares every
-- row with every other.

create or replace function internal.bulk_set(b public.bulk_changes, ids uuid[]) returns void
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
		update public.bulk_rows r set state = 'changed', before = x.was, after = x.v
			from new x where r.organization_id = $1 and r.bulk_id = $3 and r.record_id = x.id$q$,
		now_, internal.record_table(b.kind), p.col, val) using b.organization_id, ids, b.id;
	update public.bulk_rows r set state = 'skipped'
		where r.organization_id = b.organization_id and r.bulk_id = b.id and r.record_id = any (ids) and r.state = 'waiting';
end
$$;

create or replace function internal.bulk_undo_set(b public.bulk_changes, ids uuid[]) returns void
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
		update public.bulk_rows r set state = 'restored'
			from new x where r.organization_id = $1 and r.bulk_id = $3 and r.record_id = x.id$q$,
		internal.record_table(b.kind), internal.record_now(b.kind, b.key), p.col, internal.record_store(b.kind, b.key, 'old.before'))
		using b.organization_id, ids, b.id;
	update public.bulk_rows r set state = 'kept'
		where r.organization_id = b.organization_id and r.bulk_id = b.id and r.record_id = any (ids) and r.state = 'changed';
end
$$;
