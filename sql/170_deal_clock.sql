-- Deals and time, and what of a deal's columns is news. Numbered behind the
-- timers (135) and the sets of events (150) that it builds on.

-- Columns that follow from others are no change of their own.
do $$ begin
	perform internal.event_sets('public.deals', 'deal', 'owner_id', 'new', array['stage_entered_at', 'won_at', 'lost_at', 'sent_at',
		'accepted_at', 'qualifying_started_at', 'qualified_at', 'scheduled_at', 'probability_is_manual', 'reached_stage', 'counted_month']);
end $$;

-- Once an hour, tenant by tenant.
create function internal.deal_clock() returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid;
	n bigint := 0;
begin
	for org in select o.id from public.organizations o where exists (select from public.deals d where d.organization_id = o.id) loop
		n := n + internal.tell_stalled(org) + internal.reassign_idle_deals(org);
	end loop;
	return n;
end
$$;
comment on function internal.deal_clock() is 'deal.stalled for deals that do not move (GAT-9), idle ones to members who are online (DEA-60)';

-- Sums of tenants where statements have left many rows.
create function internal.melt_sums() returns bigint
language sql security definer set search_path = ''
as $$
	select coalesce(sum(internal.melt_deal_sums(x.organization_id)), 0)::bigint from (
		select g.organization_id from (select s.organization_id, count(*) - 1 as spare from public.deal_sums s
			group by s.organization_id, s.pipeline_id, s.stage, s.reached_stage, s.owner_id, s.currency, s.month) g
		group by g.organization_id having sum(g.spare) > 100) x
$$;

insert into job.timers (name, call, every, next_at) values
	('deal_clock', 'internal.deal_clock()', '1 hour', now() + interval '5 minutes'),
	('deal_sums', 'internal.melt_sums()', '5 minutes', now() + interval '5 minutes');

-- What the letter to an approver says; nothing when it is answered already.
create function internal.approval_letter(org uuid, approval uuid)
	returns table (email text, language text, approver text, requested_by text, title text, stage text, deal_id uuid)
language sql stable security definer set search_path = ''
as $$
	select p.email, p.language, internal.person(p.first_name, p.last_name, p.email), internal.person(r.first_name, r.last_name, r.email),
		d.title, s.name, d.id
	from public.deal_approvals a
	join public.deals d on d.organization_id = org and d.id = a.deal_id
	join public.profiles p on p.organization_id = org and p.id = a.approver_id and p.is_active
	left join public.profiles r on r.organization_id = org and r.id = a.requested_by
	left join public.pipeline_stages s on s.organization_id = org and s.pipeline_id = a.pipeline_id and s.stage = a.stage
	where a.organization_id = org and a.id = approval and a.state = 'pending'
$$;

revoke execute on function internal.deal_clock(), internal.melt_sums(), internal.approval_letter(uuid, uuid) from public;
grant execute on function internal.approval_letter(uuid, uuid) to kontor_worker;
notify pgrst;
