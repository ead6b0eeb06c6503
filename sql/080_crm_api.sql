-- What /api/v1 has beside the tables of the other contract.

alter table public.contacts add column status text
	check (status in ('Lead', 'Prospect', 'Customer', 'Churned'));
comment on column public.contacts.status is
	'Lead, Prospect, Customer, Churned; compared without regard to case';

-- Stored as the page writes it, sent in any case.
create function internal.contact_status() returns trigger
language plpgsql
as $$
begin
	new.status := nullif(initcap(new.status), '');
	return new;
end
$$;
create trigger contact_status before insert or update of status on public.contacts
	for each row when (new.status is not null) execute function internal.contact_status();
create index contacts_status_idx on public.contacts (organization_id, status, created_at desc, id desc)
	where status is not null;
grant execute on function internal.contact_status() to authenticated, service_role;
