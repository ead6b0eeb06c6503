-- A program that asks for an approval has no name to be greeted by.
create or replace function internal.approval_letter(org uuid, approval uuid)
	returns table (email text, language text, approver text, requested_by text, title text, stage text, deal_id uuid)
language sql stable security definer set search_path = ''
as $$
	select p.email, p.language, internal.person(p.first_name, p.last_name, p.email),
		case when r.id is not null then internal.person(r.first_name, r.last_name, r.email) end, d.title, s.name, d.id
	from public.deal_approvals a
	join public.deals d on d.organization_id = org and d.id = a.deal_id
	join public.profiles p on p.organization_id = org and p.id = a.approver_id and p.is_active
	left join public.profiles r on r.organization_id = org and r.id = a.requested_by
	left join public.pipeline_stages s on s.organization_id = org and s.pipeline_id = a.pipeline_id and s.stage = a.stage
	where a.organization_id = org and a.id = approval and a.state = 'pending'
$$;
