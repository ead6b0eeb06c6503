-- The link of a new contact to its company, for all new contacts of a statement at
-- once. A contact that is new has no other link, and its company stands in it
-- already: what the triggers of links see to for others is so from the start.

create function internal.contact_links_of_new() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform set_config('kontor.linking', 'on', true);
	insert into public.contact_companies (organization_id, contact_id, company_id, is_primary)
		select n.organization_id, n.id, n.company_id, true from new_rows n where n.company_id is not null
		on conflict (organization_id, contact_id, company_id) do update set is_primary = true;
	perform set_config('kontor.linking', '', true);
	return null;
end
$$;

drop trigger company_insert on public.contacts;
create trigger company_insert after insert on public.contacts referencing new table as new_rows
	for each statement execute function internal.contact_links_of_new();

drop trigger a_primary on public.contact_companies;
create trigger a_primary before insert or update on public.contact_companies
	for each row when (coalesce(current_setting('kontor.linking', true), '') = '') execute function internal.contact_link_before();
drop trigger primary_changed on public.contact_companies;
create trigger primary_changed_insert after insert or update on public.contact_companies
	for each row when (coalesce(current_setting('kontor.linking', true), '') = '') execute function internal.contact_link_after();
create trigger primary_changed after delete on public.contact_companies
	for each row execute function internal.contact_link_after();
