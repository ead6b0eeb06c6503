-- Who has these addresses, the oldest of several (CON-93), one look into the index
-- for each of them: with all of them in one condition the planner reads the whole
-- table once a few hundred are asked for, as an import does.
create or replace function internal.known_handles(emails text[], phones text[]) returns table (kind text, value text, id uuid)
language sql stable security definer set search_path = ''
as $$
	select distinct on (k.kind, k.value) k.kind, k.value, k.id from (
		select 'e' as kind, x as value, c.id, c.created_at from unnest(emails) x, public.contacts c
			where c.organization_id = auth.org() and c.emails @> array[x]
		union all
		select 'p', x, c.id, c.created_at from unnest(phones) x, public.contacts c
			where c.organization_id = auth.org() and c.phones @> array[x]) k
	order by k.kind, k.value, k.created_at, k.id
$$;
