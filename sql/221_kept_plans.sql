-- Functions that every page or every opened thread calls, in plpgsql, which keeps
-- their plans: those of sql are planned anew at each call, which takes longer than
-- they run.

create or replace function auth.areas() returns text[]
language plpgsql stable
as $$
begin
	return (select coalesce(array_agg(a.area order by a.area), '{}') from internal.access_areas a
		where auth.uid() is not null and (a.roles is null or auth.app_role() = any (a.roles))
			and (a.flag is null or auth.may(a.flag)));
end
$$;

create or replace function app.thread_page(talk uuid, before_at timestamptz, before_id uuid) returns setof uuid
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
begin
	return query select k.id from (
		(select m.created_at, m.id from public.messages m
			where m.conversation_id = talk and (m.created_at, m.id)
				< (coalesce(before_at, 'infinity'), coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
			order by m.created_at desc, m.id desc limit 50)
		union all
		(select n.created_at, n.id from public.notes n
			where n.conversation_id = talk and (n.created_at, n.id)
				< (coalesce(before_at, 'infinity'), coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
			order by n.created_at desc, n.id desc limit 50)
		order by 1 desc, 2 desc limit 50) k;
end
$$;

create or replace function public.conversation_read(talk uuid) returns void
language plpgsql
as $$
begin
	update public.conversations set unread_count = 0, last_read_at = now()
		where organization_id = auth.org() and id = talk and (unread_count > 0 or last_read_at is null);
end
$$;
