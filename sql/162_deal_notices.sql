-- Since 126 nothing else tells new owners of their deals: the triggers of 158 do,
-- as they do for contacts.

drop function if exists internal.tell_owners(uuid, uuid[], uuid[], text[]);

create function internal.deals_assigned() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'INSERT' then
		perform internal.notify_some(a.organization_id, a.owner_id, 'deal.assigned', 'deal', a.n, a.one, jsonb_build_object('title', a.title))
			from (select r.organization_id, r.owner_id, count(*) as n, (array_agg(r.id))[1] as one, min(r.title) as title
				from fresh r where r.owner_id is not null group by 1, 2) a;
	else
		perform internal.notify_some(a.organization_id, a.owner_id, 'deal.assigned', 'deal', a.n, a.one, jsonb_build_object('title', a.title))
			from (select r.organization_id, r.owner_id, count(*) as n, (array_agg(r.id))[1] as one, min(r.title) as title
				from fresh r join before b on b.organization_id = r.organization_id and b.id = r.id
				where r.owner_id is not null and r.owner_id is distinct from b.owner_id group by 1, 2) a;
	end if;
	return null;
end
$$;
create trigger notices_insert after insert on public.deals referencing new table as fresh
	for each statement execute function internal.deals_assigned();
create trigger notices_update after update on public.deals referencing old table as before new table as fresh
	for each statement execute function internal.deals_assigned();
notify pgrst;
