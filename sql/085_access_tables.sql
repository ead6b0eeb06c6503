-- The matrix of permissions (auth-team.md) on all tables, behind them: which flag opens one,
-- and who sees which rows of it. Functions and pages run under these policies
-- like the API, so that all say the same (AUTH-79, ADM-17).

-- ---- settings ------------------------------------------------------------------

do $$ begin
	perform internal.admin_table('public.organizations');
	perform internal.admin_table('public.channel_accounts');
	perform internal.admin_table('public.pipelines');
	perform internal.admin_table('public.permission_sets');
	perform internal.admin_table('public.webhook_configurations', read => true);
	perform internal.admin_table('public.webhook_deliveries', read => true);
	perform internal.admin_table('public.webhook_logs', read => true); -- SET-57
end $$;
create policy own_channels on public.channel_accounts as restrictive for select to authenticated
	using ((select auth.channel_ids()) is null or id = any ((select auth.channel_ids())::uuid[]));

-- Whether the caller sees a record: under its own policies, for what hangs on
-- it. Asked of those alone from whom something is hidden.
create function auth.sees(kind text, record uuid) returns boolean
language plpgsql stable
as $$
declare
	org uuid := auth.org();
begin
	case kind
	when 'conversation', 'inbox' then
		return exists (select from public.conversations c where c.organization_id = org and c.id = record);
	when 'message' then
		return exists (select from public.messages m where m.organization_id = org and m.id = record);
	when 'contact' then
		return exists (select from public.contacts c where c.organization_id = org and c.id = record);
	when 'company' then
		return exists (select from public.companies c where c.organization_id = org and c.id = record);
	when 'deal' then
		return exists (select from public.deals d where d.organization_id = org and d.id = record);
	when 'quote' then
		return exists (select from public.quotes q where q.organization_id = org and q.id = record);
	when 'task' then
		return exists (select from public.tasks t where t.organization_id = org and t.id = record);
	when 'call_record' then
		return exists (select from public.call_records r where r.organization_id = org and r.id = record);
	else
		return true;
	end case;
end
$$;
grant execute on function auth.sees(text, uuid) to authenticated;

-- ---- conversations and messages ----------------------------------------------------

-- Assigned only or all, by flag; whose team it is; and the channels granted
-- (AUTH-76). sees_all knows of all of that, and is asked first.
do $$ begin
	perform internal.flag_table('public.conversations', 'can_see_assigned_conversations');
end $$;
create policy visible on public.conversations as restrictive to authenticated
	using ((select auth.sees_all('conversations'))
		or ((select auth.may('can_see_all_conversations')) or assignee_id = any ((select auth.team_ids())::uuid[]))
			and ((select auth.channel_ids()) is null or channel_account_id is null
				or channel_account_id = any ((select auth.channel_ids())::uuid[])));
create trigger a_own_new before insert on public.conversations for each row when (new.assignee_id is null)
	execute function internal.own_new('assignee_id', 'can_see_all_conversations');

do $$ begin
	-- API-19, AUTH-77: the same two flags for users and keys.
	perform internal.flag_table('public.messages', 'can_read_messages', 'can_send_messages');
end $$;
create policy visible on public.messages as restrictive to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('conversation', conversation_id));

create function internal.of_message(t regclass) returns void
language plpgsql
as $$
begin
	execute format('create policy flag_select on %s as restrictive for select to authenticated
		using ((select auth.may(''can_read_messages'')))', t);
	execute format('create policy visible on %s as restrictive for select to authenticated
		using ((select auth.sees_all(''conversations'')) or auth.sees(''message'', message_id))', t);
end
$$;
do $$ begin
	perform internal.of_message('public.message_attachments');
	perform internal.of_message('public.message_status_history');
end $$;
drop function internal.of_message(regclass);

-- A file of a message is seen by who sees the message; others (logos, pictures)
-- by everybody.
create function internal.file_hidden(file uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from public.message_attachments a where a.organization_id = auth.org() and a.file_id = file)
$$;
create policy visible on public.files as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or created_by = (select auth.uid()) or not internal.file_hidden(id)
		or exists (select from public.message_attachments a where a.organization_id = files.organization_id and a.file_id = files.id));
create index message_attachments_file_idx on public.message_attachments (organization_id, file_id) where file_id is not null;

-- ---- contacts, companies, deals ---------------------------------------------------------

-- With its owner's rights, or the policies of deals and quotes would ask each other.
create function internal.has_quote(deal uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.quotes q where q.organization_id = auth.org() and q.deal_id = deal) $$;
create index quotes_owner_idx on public.quotes (organization_id, owner_id);

-- Whom one writes with is known in the inbox, and who is behind a deal or a
-- quote that is seen, whoever they are assigned to. As functions, or the
-- policies of all these tables would stand in the plan of every query.
create function internal.shown_contacts() returns setof uuid
language sql stable
as $$
	select c.contact_id from public.conversations c where c.organization_id = auth.org()
	union all
	select d.contact_id from public.deals d where d.organization_id = auth.org() and d.contact_id is not null
	union all
	select q.contact_id from public.quotes q where q.organization_id = auth.org() and q.contact_id is not null
$$;
create function internal.shown_companies() returns setof uuid
language sql stable
as $$
	select k.company_id from public.contacts k where k.organization_id = auth.org() and k.company_id is not null
	union all
	select d.company_id from public.deals d where d.organization_id = auth.org() and d.company_id is not null
	union all
	select q.company_id from public.quotes q where q.organization_id = auth.org() and q.company_id is not null
$$;

do $$ begin
	perform internal.flag_table('public.deals', 'can_access_crm');
	perform internal.visible_table('public.deals', 'owner_id', 'deals', 'can_access_crm',
		'(select auth.may(''can_access_finance'')) and internal.has_quote(id)');
	perform internal.flag_table('public.contacts', 'can_access_crm', reads => false);
	update internal.table_flags set reads = 'can_access_crm' where name = 'contacts';
	perform internal.visible_table('public.contacts', 'assignee_id', 'contacts', 'can_access_crm',
		'id in (select internal.shown_contacts())');
end $$;

alter table public.companies add column if not exists owner_id uuid;
alter table public.companies add constraint companies_owner_id_fkey foreign key (organization_id, owner_id)
	references public.profiles (organization_id, id) on delete set null (owner_id);
create index companies_owner_idx on public.companies (organization_id, owner_id) where owner_id is not null;
do $$ begin
	perform internal.flag_table('public.companies', 'can_access_crm', reads => false);
	update internal.table_flags set reads = 'can_access_crm' where name = 'companies';
	perform internal.visible_table('public.companies', 'owner_id', 'contacts', 'can_access_crm',
		'id in (select internal.shown_companies())');
end $$;

-- ---- what hangs on them -------------------------------------------------------------------

create policy visible on public.contact_handles as restrictive to authenticated
	using ((select auth.sees_all('contacts')) or auth.sees('contact', contact_id));
create policy visible on public.deal_stage_history as restrictive to authenticated
	using ((select auth.sees_all('deals')) or auth.sees('deal', deal_id));
create policy visible on public.deal_owner_history as restrictive to authenticated
	using ((select auth.sees_all('deals')) or auth.sees('deal', deal_id));
create policy visible on public.notes as restrictive to authenticated
	using ((select auth.sees_everything()) or case
		when deal_id is not null then auth.sees('deal', deal_id)
		when conversation_id is not null then auth.sees('conversation', conversation_id)
		when company_id is not null then auth.sees('company', company_id)
		when contact_id is not null then auth.sees('contact', contact_id)
		else true end);

do $$ begin
	perform internal.flag_table('public.quotes', 'can_access_crm');
	perform internal.visible_table('public.quotes', 'owner_id', 'deals', 'can_access_crm',
		'(select auth.may(''can_access_finance'')) or auth.sees(''deal'', deal_id)');
end $$;
create policy visible on public.quote_lines as restrictive to authenticated
	using ((select auth.sees_all('deals')) or auth.sees('quote', quote_id));
create policy visible on public.share_links as restrictive to authenticated
	using ((select auth.sees_all('deals')) or kind = 'quote' and auth.sees('quote', record_id));

-- An event tells what its record was: it is for who sees the record. What a
-- key may not read in messages it does not find here either (API-19).
create policy visible on public.events as restrictive for select to authenticated
	using ((select auth.sees_everything()) or record_type <> 'message' and auth.sees(record_type, record_id)
		or record_type = 'message' and (select auth.may('can_read_messages')) and auth.sees('message', record_id));
create policy message_keys on public.webhook_deliveries as restrictive for select to authenticated
	using ((select auth.may('can_read_messages')));
create policy message_keys on public.webhook_logs as restrictive for select to authenticated
	using ((select auth.may('can_read_messages')));

-- ---- tasks, campaigns, projects, calls, templates, rules ----------------------------------------

do $$
declare
	t text;
begin
	perform internal.flag_table('public.tasks', 'can_access_tasks');
	perform internal.visible_table('public.tasks', 'assignee_id', 'tasks', null, 'created_by = (select auth.uid())');
	foreach t in array array['campaigns', 'notification_logs'] loop
		perform internal.flag_table(to_regclass('public.' || t), 'can_access_broadcast');
	end loop;
	foreach t in array array['projects', 'project_milestones', 'project_deliverables'] loop
		perform internal.flag_table(to_regclass('public.' || t), 'can_access_pm');
	end loop;
	perform internal.visible_table('public.call_records', 'agent_id', 'call_records');
	perform internal.flag_table('public.deal_contacts', 'can_access_crm');
	perform internal.flag_table('public.record_merges', 'can_access_crm');
	perform internal.flag_table('public.imports', 'can_access_crm');
	perform internal.flag_table('public.import_rows', 'can_access_crm');
	-- Who edits rules and flows is not said; they act for everybody (AUT, BOT, open points).
	perform internal.admin_table('public.automation_rules');
	perform internal.admin_table('public.bot_flows');
	perform internal.flag_table('public.templates', 'can_send_messages', reads => false);
end $$;
create policy visible on public.deal_contacts as restrictive to authenticated
	using ((select auth.sees_all('deals')) or auth.sees('deal', deal_id));
create policy visible on public.record_merges as restrictive for select to authenticated
	using ((select auth.sees_all('contacts')) or merged_by = (select auth.uid()));
create policy visible on public.bot_sessions as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('conversation', conversation_id));

-- One's own template, or with the permission any.
create function internal.own_delete() returns trigger
language plpgsql
as $$
begin
	if old.created_by is distinct from auth.uid() then
		perform internal.must('can_delete_data');
	end if;
	return old;
end
$$;
create trigger a_own_delete before delete on public.templates for each row when (current_user = 'authenticated')
	execute function internal.own_delete();

create policy areas on public.events as restrictive for select to authenticated
	using (case record_type
		when 'task' then (select auth.may('can_access_tasks')) and (select auth.sees_all('tasks')) or auth.sees('task', record_id)
		when 'call_record' then (select auth.sees_all('call_records')) or auth.sees('call_record', record_id)
		when 'campaign' then (select auth.may('can_access_broadcast'))
		when 'project' then (select auth.may('can_access_pm'))
		when 'project_milestone' then (select auth.may('can_access_pm'))
		when 'project_deliverable' then (select auth.may('can_access_pm'))
		else true end);

grant execute on function internal.file_hidden(uuid), internal.has_quote(uuid), internal.shown_contacts(),
	internal.shown_companies() to authenticated;
notify pgrst;
