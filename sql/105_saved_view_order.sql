-- The rules of saved views run with the caller's rights: the place behind the
-- last one is that of those which he sees.
create or replace function internal.saved_view_rules() returns trigger
language plpgsql security invoker
as $$
begin
	new.name := trim(new.name);
	if new.name = '' then
		raise exception using errcode = 'KT400', message = 'Give the view a name', column = 'name';
	end if;
	if new.position = 0 and tg_op = 'INSERT' then
		new.position := 1 + coalesce((select max(v.position) from public.saved_views v
			where v.organization_id = new.organization_id and v.kind = new.kind), 0);
	end if;
	return new;
end
$$;
alter function internal.saved_view_rules() reset search_path;
