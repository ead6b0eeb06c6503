-- One place tells new owners of their deals: the functions of 122, which see whole
-- statements already. Through notify_some (158), so that a rule or an import that
-- gives one deal after the other ends in a number, too.

drop trigger notices_insert on public.deals;
drop trigger notices_update on public.deals;
drop function internal.deals_assigned();

create or replace function internal.tell_owners(org uuid, owners uuid[], deals uuid[], titles text[]) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if org is distinct from coalesce(auth.org(), org) then
		return;
	end if;
	perform internal.notify_some(org, o.owner, 'deal.assigned', 'deal', o.n, o.deal, jsonb_build_object('title', o.title))
		from (select x.owner, count(*) as n, min(x.deal::text)::uuid as deal, min(x.title) as title
			from unnest(owners, deals, titles) x (owner, deal, title) group by x.owner) o;
end
$$;
notify pgrst;
