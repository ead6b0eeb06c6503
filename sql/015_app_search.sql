-- Searching by index under row-level security.
--
-- The operators that search (like, @>) are not leakproof, so below a policy
-- PostgreSQL may not use them on an index. These functions run as the owner and
-- name the tenant themselves; they give ids alone, and whoever asks reads the
-- rows under the policy as ever.

create function internal.find_companies(term text, with_tag text, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	pattern text := internal.search_pattern(term);
begin
	if coalesce(term, '') = '' then
		return query select c.id from public.companies c
			where c.organization_id = org and c.tags @> array[with_tag] limit most;
	else
		return query select c.id from public.companies c
			where c.organization_id = org and c.search_text like pattern
				and (coalesce(with_tag, '') = '' or c.tags @> array[with_tag])
			limit most;
	end if;
end
$$;
comment on function internal.find_companies(text, text, integer) is
	'Ids of the caller''s companies with this text (COM-12) and tag; an empty one counts for all';

create function internal.find_contacts(term text, with_tag text, most integer) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	pattern text := internal.search_pattern(term);
	employers uuid[];
begin
	if coalesce(term, '') = '' then
		return query select c.id from public.contacts c
			where c.organization_id = org and c.tags @> array[with_tag] limit most;
		return;
	end if;
	employers := array(select internal.find_companies(term, null, 200));
	return query
		(select c.id from public.contacts c
			where c.organization_id = org and c.search_text like pattern
				and (coalesce(with_tag, '') = '' or c.tags @> array[with_tag])
			limit most)
		union
		(select c.id from public.contacts c
			where c.organization_id = org and c.company_id = any (employers)
				and (coalesce(with_tag, '') = '' or c.tags @> array[with_tag])
			limit most)
		limit most;
end
$$;
comment on function internal.find_contacts(text, text, integer) is
	'Ids of the caller''s contacts by name, phone, e-mail, tag or company (CON-17..21); an empty argument counts for all';

grant execute on function internal.find_companies(text, text, integer), internal.find_contacts(text, text, integer)
	to authenticated, service_role;
create index companies_tags_idx on public.companies using gin (organization_id, tags);
