-- Events of contacts, companies and deals, a statement at a time: one insert for
-- all rows that a statement changed, not one call per row. What is told is the
-- same. Within a statement events stand in the order of its rows; what a trigger
-- of a row changes in a statement of its own is told before.
--
-- What changed is every column but those that follow from others: a column that
-- comes later is told without a change here.

-- Arguments: kind, column of who is responsible ('' for none), 'new' when a new
-- record that has somebody is told as assigned too.
create function internal.events_of_new() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	kind text := tg_argv[0];
	assigned text := case when tg_argv[2] = 'new' then tg_argv[1] end;
begin
	insert into public.events (organization_id, type, record_type, record_id, data, actor_id)
		select n.organization_id, t.type, kind, n.id, s.data, auth.uid()
		from new_rows n, lateral (select internal.snapshot(to_jsonb(n)) as data) s,
			lateral (select kind || '.created' as type
				union all select kind || '.assigned' where s.data ->> assigned is not null) t;
	if found then
		perform job.wake();
	end if;
	return null;
end
$$;

-- Arguments: kind, column of who is responsible, and the columns that follow
-- from others. Without nested loops the plan, made once, fits one row and ten
-- thousand.
create function internal.events_of_changed() returns trigger
language plpgsql security definer set search_path = '' set enable_nestloop = off
as $$
declare
	kind text := tg_argv[0];
	assigned text := tg_argv[1];
	noise text[] := array['updated_at', 'search_text', 'full_name_search'] || tg_argv[2:];
begin
	with p as materialized (
		-- keys: what differs. A row in which nothing but its time does is not told.
		select k.*, internal.snapshot(k.n) as data, array(select e.key from jsonb_each(k.n) e
				where e.value is distinct from k.o -> e.key and e.key <> 'updated_at') as keys
			from (select n.organization_id, n.id, to_jsonb(o) as o, to_jsonb(n) as n
				from new_rows n join old_rows o on o.organization_id = n.organization_id and o.id = n.id offset 0) k
	), t as (
		select p.*, kind || '.updated' as type, (
			select jsonb_object_agg(side || k, v) from (
				select k, unnest(array['old_', 'new_']) as side, unnest(array[p.o -> k, p.n -> k]) as v
				from unnest(p.keys) k where k <> all (noise)) d) as changes
			from p where p.keys <> '{}'
		union all
		select p.*, kind || '.stage.changed', jsonb_build_object('old_stage', p.o -> 'stage', 'new_stage', p.n -> 'stage') from p
			where kind = 'deal' and 'stage' = any (p.keys)
		union all
		select p.*, kind || '.assigned', jsonb_build_object('old_' || assigned, p.o -> assigned, 'new_' || assigned, p.n -> assigned) from p
			where assigned = any (p.keys) and p.n ->> assigned is not null
	)
	insert into public.events (organization_id, type, record_type, record_id, data, changes, actor_id)
		select t.organization_id, t.type, kind, t.id, t.data, t.changes, auth.uid() from t;
	if found then
		perform job.wake();
	end if;
	return null;
end
$$;

create function internal.events_of_deleted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	-- What goes with its tenant has no log to be written into.
	insert into public.events (organization_id, type, record_type, record_id, data, actor_id, remote_addr, admin_only)
		select d.organization_id, tg_argv[0] || '.deleted', tg_argv[0], d.id, internal.snapshot(to_jsonb(d)), auth.uid(),
			internal.my_address(), true
		from old_rows d where exists (select from public.organizations o where o.id = d.organization_id);
	if found then
		perform job.wake();
	end if;
	return null;
end
$$;

create function internal.event_sets(t regclass, kind text, assigned text, of_new text, noise text[] default '{}')
	returns void
language plpgsql
as $$
begin
	execute format('drop trigger if exists events_insert on %s', t);
	execute format('drop trigger if exists events_update on %s', t);
	execute format('drop trigger if exists events_delete on %s', t);
	execute format('create trigger events_insert after insert on %s referencing new table as new_rows
		for each statement execute function internal.events_of_new(%L, %L, %L)', t, kind, assigned, of_new);
	execute format('create trigger events_update after update on %s referencing old table as old_rows new table as new_rows
		for each statement execute function internal.events_of_changed(%L, %L%s)', t, kind, assigned,
		(select string_agg(format(', %L', x), '') from unnest(noise) x));
	execute format('create trigger events_delete after delete on %s referencing old table as old_rows
		for each statement execute function internal.events_of_deleted(%L)', t, kind);
end
$$;
comment on function internal.event_sets(regclass, text, text, text, text[]) is
	'Events created, updated, assigned, deleted of a table whose rows have id; noise: columns that follow from others';

do $$ begin
	perform internal.event_sets('public.contacts', 'contact', 'assignee_id', '');
	perform internal.event_sets('public.companies', 'company', '', '', array['email', 'phone', 'country_code']);
	perform internal.event_sets('public.deals', 'deal', 'owner_id', 'new', array['stage_entered_at', 'won_at', 'lost_at']);
end $$;
drop function internal.contact_events();
drop function internal.company_events();
drop function internal.deal_events();
