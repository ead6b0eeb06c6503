-- The plan of the night names what it calls in full.
create or replace function internal.retention_plan() returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from public.retention_rules r where r.organization_id = auth.org() and r.enabled)
			and not exists (select from public.record_jobs j where j.organization_id = auth.org() and j.kind = 'retention' and j.state = 'waiting') then
		perform internal.record_job_begin('retention', '{}', public.uuid7(), internal.next_night(auth.org()));
	end if;
end
$$;
