-- What was deleted or changed from a list can be taken back for 30 days; then the
-- way back goes too, a slice a minute.

create index trash_age_idx on public.trash (created_at);
create index bulk_changes_age_idx on public.bulk_changes (created_at);

-- How many rows went. For all tenants, as job.timers run; nobody else calls it.
create function internal.trash_sweep(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	until timestamptz := now() - interval '30 days';
	total bigint := 0;
	n bigint;
begin
	delete from public.trash t where t.ctid = any (array(
		select x.ctid from public.trash x where x.created_at < until order by x.created_at limit most for update skip locked));
	get diagnostics n = row_count;
	total := total + n;
	-- Rows first, so that no single deletion takes a whole change of 200,000 with it.
	delete from public.bulk_rows r where r.ctid = any (array(
		select x.ctid from (select b.organization_id, b.id from public.bulk_changes b where b.created_at < until order by b.created_at limit 20) b
			join public.bulk_rows x on x.organization_id = b.organization_id and x.bulk_id = b.id limit most));
	get diagnostics n = row_count;
	total := total + n;
	delete from public.bulk_changes c where c.ctid = any (array(
		select b.ctid from public.bulk_changes b where b.created_at < until
			and not exists (select from public.bulk_rows r where r.organization_id = b.organization_id and r.bulk_id = b.id)
			order by b.created_at limit most));
	get diagnostics n = row_count;
	return total + n;
end
$$;
comment on function internal.trash_sweep(integer) is 'Removes deleted records and bulk changes older than 30 days, so many rows of each at a time';
revoke execute on function internal.trash_sweep(integer) from public;
insert into job.timers (name, call, every) values ('trash', 'internal.trash_sweep(2000)', '1 minute');

-- Runs by its trigger alone, which asks for no right to execute it.
revoke execute on function internal.pipeline_keeps_deals() from public, authenticated, service_role;
notify pgrst;
