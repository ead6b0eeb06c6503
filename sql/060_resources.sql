-- What the API offers beside contacts, companies, deals and the inbox: tasks,
-- templates, bot flows, automation rules, campaigns, projects, widgets, calls.
-- These are the data with their rules; what runs a flow or sends a campaign
-- builds on them.

-- ---- words and lists ---------------------------------------------------------

-- Before insert or update: the words of a column in capitals, other names of a
-- word by the one that is stored. Each argument: 'column OTHER=WORD ...'.
create function internal.fold() returns trigger
language plpgsql
as $$
declare
	whole jsonb := to_jsonb(new);
	patch jsonb := '{}';
	arg text;
	words text[];
	word text;
begin
	foreach arg in array tg_argv loop
		words := string_to_array(arg, ' ');
		word := upper(whole ->> words[1]);
		select coalesce(max(split_part(w, '=', 2)), word) into word
			from unnest(words[2:]) w where split_part(w, '=', 1) = word;
		if word is distinct from whole ->> words[1] then
			patch := patch || jsonb_build_object(words[1], word);
		end if;
	end loop;
	if patch <> '{}' then
		new := jsonb_populate_record(new, patch);
	end if;
	return new;
end
$$;

-- Before insert or update: jsonb columns that are lists of objects. A string
-- with such a list in it is taken as well (API-54).
create function internal.lists() returns trigger
language plpgsql
as $$
declare
	whole jsonb := to_jsonb(new);
	col text;
	v jsonb;
begin
	foreach col in array tg_argv loop
		v := whole -> col;
		if jsonb_typeof(v) = 'string' then
			v := (v #>> '{}')::jsonb;
			new := jsonb_populate_record(new, jsonb_build_object(col, v));
		end if;
		if jsonb_typeof(v) <> 'array' or exists (select from jsonb_array_elements(v) e where jsonb_typeof(e) <> 'object') then
			raise exception using errcode = 'KT400', message = format('%s must be a list of objects', col), column = col;
		end if;
	end loop;
	return new;
exception when invalid_text_representation then
	raise exception using errcode = 'KT400', message = format('%s is not valid JSON', col), column = col;
end
$$;

-- created, updated, deleted of a kind of record, with what changed: for logs,
-- timelines and open pages. The argument is the record's name.
create function internal.record_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'DELETE' then
		-- With the whole tenant nobody is left to tell.
		if exists (select from public.organizations o where o.id = old.organization_id) then
			perform internal.emit(old.organization_id, tg_argv[0] || '.deleted', tg_argv[0], old.id, to_jsonb(old));
		end if;
	elsif tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, tg_argv[0] || '.created', tg_argv[0], new.id, to_jsonb(new));
	elsif to_jsonb(old) - 'updated_at' is distinct from to_jsonb(new) - 'updated_at' then
		perform internal.emit(new.organization_id, tg_argv[0] || '.updated', tg_argv[0], new.id, to_jsonb(new),
			internal.changes(to_jsonb(old), to_jsonb(new), variadic array(
				select k from jsonb_object_keys(to_jsonb(new)) k where k <> 'updated_at')));
	end if;
	return null;
end
$$;

-- ---- tasks ---------------------------------------------------------------------

create table public.tasks (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	title text not null check (length(title) between 1 and 200),
	description text check (length(description) <= 5000),
	due_date timestamptz,
	priority text not null default 'MEDIUM' check (priority in ('LOW', 'MEDIUM', 'HIGH')),
	completed boolean not null default false,
	completed_at timestamptz,
	assignee_id uuid,
	contact_id uuid,
	deal_id uuid,
	conversation_id uuid,
	tags text[] not null default '{}' check (internal.each_at_most(tags, 50)),
	custom_fields jsonb not null default '{}' check (internal.custom_fields_ok(custom_fields)),
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint tasks_assignee_id_fkey foreign key (organization_id, assignee_id)
		references public.profiles (organization_id, id) on delete set null (assignee_id),
	constraint tasks_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete set null (contact_id),
	constraint tasks_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete set null (deal_id),
	constraint tasks_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete set null (conversation_id)
);
comment on table public.tasks is 'To-dos with due time, priority and assignee; overdue: not completed and due_date has passed';
comment on column public.tasks.due_date is 'When it is due; null: never overdue (TSK-37)';
comment on column public.tasks.priority is 'LOW, MEDIUM, HIGH; compared without regard to case';
comment on column public.tasks.completed_at is 'Set when completed becomes true, cleared when it is taken back';
create index tasks_due_idx on public.tasks (organization_id, completed, due_date, id);
create index tasks_assignee_idx on public.tasks (organization_id, assignee_id, completed, due_date);
create index tasks_contact_idx on public.tasks (organization_id, contact_id) where contact_id is not null;
create index tasks_deal_idx on public.tasks (organization_id, deal_id) where deal_id is not null;
create index tasks_conversation_idx on public.tasks (organization_id, conversation_id) where conversation_id is not null;

-- TSK-9: the time of completion follows the check mark, whoever sets it.
create function internal.task_completion() returns trigger
language plpgsql
as $$
begin
	if not new.completed then
		new.completed_at := null;
	elsif tg_op = 'INSERT' or not old.completed then
		new.completed_at := coalesce(new.completed_at, now());
	else
		new.completed_at := old.completed_at;
	end if;
	return new;
end
$$;
create trigger a_fold before insert or update on public.tasks for each row execute function internal.fold('priority');
create trigger completion before insert or update on public.tasks
	for each row execute function internal.task_completion();

create function internal.task_completed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'task.completed', 'task', new.id, to_jsonb(new));
	return null;
end
$$;
create trigger events after insert or update or delete on public.tasks
	for each row execute function internal.record_events('task');
create trigger events_completed after update of completed on public.tasks
	for each row when (new.completed and not old.completed) execute function internal.task_completed();
do $$ begin perform internal.tenant_table('public.tasks'); end $$;

-- ---- templates -------------------------------------------------------------------

create table public.templates (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	components jsonb not null default '[]',
	status text not null default 'DRAFT' check (status in ('DRAFT', 'APPROVED', 'REJECTED')),
	category text not null default 'GENERAL' check (category in ('GENERAL', 'QUICK_REPLY', 'UTILITY', 'MARKETING')),
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.templates is 'Texts that are used again, with variables such as {{name}}';
comment on column public.templates.name is 'Left out or blank: General template (dd.mm.yyyy hh:mm)';
comment on column public.templates.components is 'List of {"type": "BODY" | "HEADER" | "FOOTER" | "BUTTONS", ...}';
comment on column public.templates.status is 'DRAFT, APPROVED, REJECTED; compared without regard to case';
comment on column public.templates.category is 'GENERAL, QUICK_REPLY, UTILITY, MARKETING; compared without regard to case';
create index templates_created_idx on public.templates (organization_id, created_at desc, id desc);

create function internal.template_normalize() returns trigger
language plpgsql
as $$
begin
	if coalesce(trim(new.name), '') = '' then -- TPL-3
		select format('General template (%s)', to_char(now() at time zone o.timezone, 'DD.MM.YYYY HH24:MI')) into new.name
			from public.organizations o where o.id = new.organization_id;
	end if;
	if exists (select from jsonb_array_elements(new.components) c
			where coalesce(c ->> 'type', '') not in ('BODY', 'HEADER', 'FOOTER', 'BUTTONS')) then
		raise exception using errcode = 'KT400', message = 'The type of each of the components is BODY, HEADER, FOOTER or BUTTONS',
			column = 'components';
	end if;
	return new;
end
$$;
create trigger a_fold before insert or update on public.templates
	for each row execute function internal.fold('status', 'category');
create trigger a_lists before insert or update on public.templates
	for each row execute function internal.lists('components');
create trigger normalize before insert or update on public.templates
	for each row execute function internal.template_normalize();
create trigger events after insert or update or delete on public.templates
	for each row execute function internal.record_events('template');
do $$ begin perform internal.tenant_table('public.templates'); end $$;

-- ---- bot flows and their sessions -----------------------------------------------------

create table public.bot_flows (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 5000),
	nodes jsonb not null default '[]' check (pg_column_size(nodes) <= 4194304),
	edges jsonb not null default '[]' check (pg_column_size(edges) <= 4194304),
	status text not null default 'DRAFT' check (status in ('DRAFT', 'PUBLISHED', 'ARCHIVED')),
	version integer not null default 1 check (version > 0),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.bot_flows is 'Conversation flows as graphs; a PUBLISHED one runs';
comment on column public.bot_flows.nodes is 'List of {"id", "type", "position": {"x", "y"}, ...}';
comment on column public.bot_flows.edges is 'List of {"source", "target"}, both ids of nodes';
comment on column public.bot_flows.status is 'DRAFT, PUBLISHED, ARCHIVED; compared without regard to case';
create index bot_flows_created_idx on public.bot_flows (organization_id, created_at desc, id desc);
create trigger a_fold before insert or update on public.bot_flows for each row execute function internal.fold('status');
create trigger a_lists before insert or update on public.bot_flows
	for each row execute function internal.lists('nodes', 'edges');
create trigger events after insert or update or delete on public.bot_flows
	for each row execute function internal.record_events('bot_flow');
do $$ begin perform internal.tenant_table('public.bot_flows'); end $$;

create table public.bot_sessions (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	conversation_id uuid not null,
	bot_flow_id uuid,
	variables jsonb not null default '{}' check (jsonb_typeof(variables) = 'object'),
	current_node_id text,
	awaiting_buttons jsonb,
	awaiting_input_variable text,
	is_active boolean not null default true,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, conversation_id),
	constraint bot_sessions_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete cascade,
	constraint bot_sessions_bot_flow_id_fkey foreign key (organization_id, bot_flow_id)
		references public.bot_flows (organization_id, id) on delete set null (bot_flow_id)
);
comment on table public.bot_sessions is 'Where a flow stands in a conversation; taking over ends it (API-88)';
do $$ begin perform internal.tenant_table('public.bot_sessions', writable => false); end $$;

-- A person takes the conversation over: by bot-control, a page or the API, the
-- consequences are the same (API-88). When the bot is paused anew, the time
-- of the hand-over moves and everything follows once more.
create function internal.handoff_time() returns trigger
language plpgsql
as $$
begin
	if new.ai_agent_active and not old.ai_agent_active then
		new.ai_handoff_at := null;
	elsif old.ai_agent_active and not new.ai_agent_active then
		new.ai_handoff_at := clock_timestamp();
	end if;
	return new;
end
$$;
create trigger handoff_time before update of ai_agent_active on public.conversations
	for each row execute function internal.handoff_time();

create function internal.handed_off() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.ai_handoff_at is null then
		perform internal.emit(new.organization_id, 'conversation.bot.resumed', 'conversation', new.id,
			internal.conversation_snapshot(new));
		return null;
	end if;
	update public.bot_sessions s set is_active = false
		where s.organization_id = new.organization_id and s.conversation_id = new.id and s.is_active;
	perform internal.emit(new.organization_id, 'conversation.bot.paused', 'conversation', new.id,
		internal.conversation_snapshot(new));
	perform job.enqueue(new.organization_id, 'takeover_webhook', new.id::text || ' ' || new.ai_handoff_at,
			jsonb_build_object('conversation_id', new.id, 'agent_id', coalesce(auth.uid(), new.assignee_id),
				'at', new.ai_handoff_at), now(), 2)
		from public.channel_accounts a
		where a.organization_id = new.organization_id and a.id = new.channel_account_id
			and a.settings #>> '{human_takeover_webhook,url}' <> '';
	return null;
end
$$;
create trigger handed_off after update on public.conversations
	for each row when (new.ai_handoff_at is distinct from old.ai_handoff_at) execute function internal.handed_off();

-- ---- automation rules ----------------------------------------------------------------------

-- The names that a rule's trigger_type may have (AUT-16..38).
create function public.get_automation_triggers() returns table (name text, label text)
language sql immutable
as $$
	values ('message.received', 'Message received'), ('message.sent', 'Message sent'), ('message.failed', 'Message failed'),
		('contact.created', 'Contact created'), ('contact.updated', 'Contact updated'),
		('contact.tag.updated', 'Contact tags changed'), ('contact.lifecycle.updated', 'Contact lifecycle stage changed'),
		('contact.assigned', 'Contact assigned'),
		('deal.created', 'Deal created'), ('deal.updated', 'Deal updated'), ('deal.stage.changed', 'Deal stage changed'),
		('deal.assigned', 'Deal assigned'),
		('conversation.created', 'Conversation created'), ('conversation.assigned', 'Conversation assigned'),
		('conversation.status.changed', 'Conversation status changed'),
		('task.created', 'Task created'), ('task.completed', 'Task completed'), ('task.overdue', 'Task overdue'),
		('broadcast.response', 'Broadcast response'), ('comment.added', 'Comment added'),
		('facebook.comment.received', 'Facebook comment received'), ('call.ended', 'Call ended'),
		('zoom.recording.completed', 'Zoom recording completed')
$$;
comment on function public.get_automation_triggers() is 'Events that an automation rule can wait for, with their names for people';
grant execute on function public.get_automation_triggers() to authenticated, service_role;

create table public.automation_rules (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 5000),
	trigger_type text not null,
	conditions jsonb not null default '[]' check (jsonb_typeof(conditions) in ('array', 'object')),
	actions jsonb not null default '[]',
	is_active boolean not null default true,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.automation_rules is 'What is to be done by itself when something happens';
comment on column public.automation_rules.trigger_type is
	'The event, one of rpc/get_automation_triggers; MESSAGE_CREATED, DEAL_STAGE_CHANGED, TASK_DUE and the like are stored by that name';
comment on column public.automation_rules.conditions is
	'List of {"field", "operator", "value"} that must all hold; or {"all": [...]}, {"any": [...]}; empty: always';
comment on column public.automation_rules.actions is 'List of {"type", ...}, done in this order';
create index automation_rules_created_idx on public.automation_rules (organization_id, created_at desc, id desc);

create function internal.rule_normalize() returns trigger
language plpgsql
as $$
declare
	wanted text := new.trigger_type;
	bad text;
begin
	if wanted ~ '^[A-Z_]+$' then
		wanted := case wanted
			when 'TASK_DUE' then 'task.overdue'
			when 'MESSAGE_CREATED' then case when new.conditions @> '[{"field": "direction", "value": "OUTBOUND"}]'
				then 'message.sent' else 'message.received' end
			else lower(replace(wanted, '_', '.')) end;
	end if;
	if wanted is not null and wanted not in (select t.name from public.get_automation_triggers() t) then
		raise exception using errcode = 'KT400', message = format('No automation can wait for "%s"', new.trigger_type),
			hint = 'GET /rest/v1/rpc/get_automation_triggers lists what it can wait for', column = 'trigger_type';
	end if;
	new.trigger_type := wanted;
	select coalesce(a ->> 'type', 'an action without type') into bad from jsonb_array_elements(new.actions) a
		where coalesce(a ->> 'type', '') not in ('SEND_MESSAGE', 'REPLY_MESSAGE', 'ASSIGN_CONVERSATION', 'AUTO_ASSIGN_CONVERSATION',
			'AUTO_ASSIGN_TASK', 'ASSIGN_CONTACT', 'ASSIGN_DEAL', 'CREATE_TASK', 'CREATE_DEAL', 'ADD_TAG', 'REMOVE_TAG',
			'UPDATE_FIELD', 'FB_COMMENT_REPLY_AND_DM', 'HTTP_REQUEST') limit 1;
	if bad is not null then
		raise exception using errcode = 'KT400', message = format('actions: there is no action of type "%s"', bad),
			column = 'actions';
	end if;
	return new;
end
$$;
create trigger a_lists before insert or update on public.automation_rules
	for each row execute function internal.lists('actions');
create trigger normalize before insert or update on public.automation_rules
	for each row execute function internal.rule_normalize();
create trigger events after insert or update or delete on public.automation_rules
	for each row execute function internal.record_events('automation_rule');
do $$ begin perform internal.tenant_table('public.automation_rules'); end $$;

-- ---- campaigns --------------------------------------------------------------------------------

create table public.campaigns (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	type text not null check (type in ('SMS', 'WHATSAPP_LITE', 'WHATSAPP_BUSINESS', 'EMAIL')),
	content text check (length(content) <= 65536),
	target_type text not null default 'ALL' check (target_type in ('ALL', 'TAGS', 'INDIVIDUAL')),
	target_tags text[] not null default '{}' check (internal.each_at_most(target_tags, 50)),
	target_contacts uuid[] not null default '{}',
	status text not null default 'DRAFT' check (status in ('DRAFT', 'SCHEDULED', 'SENDING', 'SENT', 'FAILED', 'CANCELLED')),
	scheduled_at timestamptz,
	timezone text not null default 'UTC',
	image_url text check (image_url ~* '^https?://[^\s]+$'),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint campaigns_sms_length check (type <> 'SMS' or length(content) <= 1600) -- CAM-12
);
comment on table public.campaigns is 'One message to many contacts';
comment on column public.campaigns.type is 'SMS, WHATSAPP_LITE, WHATSAPP_BUSINESS, EMAIL; compared without regard to case; also written: WHATSAPP_CLOUD = WHATSAPP_BUSINESS, BULK_EMAIL = EMAIL';
comment on column public.campaigns.target_type is 'ALL, TAGS (target_tags), INDIVIDUAL (target_contacts); compared without regard to case';
comment on column public.campaigns.status is 'DRAFT, SCHEDULED, SENDING, SENT, FAILED, CANCELLED; compared without regard to case; also written: COMPLETED = SENT';
comment on column public.campaigns.scheduled_at is 'When it goes out, once its status is SCHEDULED; a draft never does';
comment on column public.campaigns.timezone is 'IANA zone in which the time was entered';
create index campaigns_created_idx on public.campaigns (organization_id, type, created_at desc, id desc);
create index campaigns_due_idx on public.campaigns (scheduled_at) where status = 'SCHEDULED';

create function internal.campaign_normalize() returns trigger
language plpgsql
as $$
begin
	if new.status = 'SCHEDULED' and (tg_op = 'INSERT' or old.status <> 'SCHEDULED'
			or new.scheduled_at is distinct from old.scheduled_at)
			and coalesce(new.scheduled_at <= now(), true) then
		raise exception using errcode = 'KT400', message = 'A scheduled campaign needs scheduled_at in the future',
			column = 'scheduled_at';
	end if;
	perform now() at time zone new.timezone; -- fails on what is no zone
	-- No foreign key can watch an array: contacts of another tenant are none.
	if (tg_op = 'INSERT' or new.target_contacts is distinct from old.target_contacts) and exists (
			select from unnest(new.target_contacts) t
			where not exists (select from public.contacts c where c.organization_id = new.organization_id and c.id = t)) then
		raise exception using errcode = 'KT400', message = 'target_contacts names a contact that does not exist',
			column = 'target_contacts';
	end if;
	return new;
exception when invalid_parameter_value then
	raise exception using errcode = 'KT400', message = format('"%s" is no time zone', new.timezone),
		hint = 'Write it as in America/New_York', column = 'timezone';
end
$$;
create trigger a_fold before insert or update on public.campaigns for each row
	execute function internal.fold('type WHATSAPP_CLOUD=WHATSAPP_BUSINESS BULK_EMAIL=EMAIL', 'target_type', 'status COMPLETED=SENT');
create trigger normalize before insert or update on public.campaigns
	for each row execute function internal.campaign_normalize();
create trigger events after insert or update or delete on public.campaigns
	for each row execute function internal.record_events('campaign');
do $$ begin perform internal.tenant_table('public.campaigns'); end $$;

create table public.notification_logs (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	campaign_id uuid not null,
	contact_id uuid,
	recipient text,
	status text not null default 'PENDING' check (status in ('PENDING', 'SENT', 'DELIVERED', 'READ', 'FAILED')),
	sent_at timestamptz,
	delivered_at timestamptz,
	read_at timestamptz,
	error_message text,
	retry_count integer not null default 0,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint notification_logs_campaign_id_fkey foreign key (organization_id, campaign_id)
		references public.campaigns (organization_id, id) on delete cascade,
	constraint notification_logs_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete set null (contact_id)
);
comment on table public.notification_logs is 'What became of a campaign, recipient by recipient';
comment on column public.notification_logs.status is 'PENDING, SENT, DELIVERED, READ, FAILED; compared without regard to case';
create index notification_logs_campaign_idx on public.notification_logs (organization_id, campaign_id, created_at desc, id desc);
create index notification_logs_contact_idx on public.notification_logs (organization_id, contact_id) where contact_id is not null;
do $$ begin perform internal.tenant_table('public.notification_logs', writable => false); end $$;

-- ---- projects ------------------------------------------------------------------------------------

create table public.projects (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 5000),
	project_type text not null default 'DELIVERY' check (project_type in ('DELIVERY', 'SUPPORT')),
	status text not null default 'PLANNING'
		check (status in ('PLANNING', 'IN_PROGRESS', 'ON_HOLD', 'COMPLETED', 'DELAYED', 'CANCELLED')),
	progress numeric(5,2) not null default 0 check (progress between 0 and 100),
	start_date date,
	end_date date,
	budget numeric(16,2) check (budget >= 0),
	currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
	owner_id uuid,
	customer_contact_id uuid,
	deal_id uuid,
	custom_fields jsonb not null default '{}' check (internal.custom_fields_ok(custom_fields)),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint projects_dates check (end_date >= start_date),
	constraint projects_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete set null (owner_id),
	constraint projects_customer_contact_id_fkey foreign key (organization_id, customer_contact_id)
		references public.contacts (organization_id, id) on delete set null (customer_contact_id),
	constraint projects_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete set null (deal_id)
);
comment on table public.projects is 'Work for a customer, with milestones and deliverables';
comment on column public.projects.status is 'PLANNING, IN_PROGRESS, ON_HOLD, COMPLETED, DELAYED, CANCELLED; compared without regard to case';
comment on column public.projects.progress is 'Percent';
comment on column public.projects.project_type is 'DELIVERY, SUPPORT; compared without regard to case';
create index projects_created_idx on public.projects (organization_id, created_at desc, id desc);
create index projects_owner_idx on public.projects (organization_id, owner_id) where owner_id is not null;
create index projects_contact_idx on public.projects (organization_id, customer_contact_id) where customer_contact_id is not null;
create index projects_deal_idx on public.projects (organization_id, deal_id) where deal_id is not null;
create trigger a_fold before insert or update on public.projects
	for each row execute function internal.fold('status', 'project_type', 'currency');
create trigger events after insert or update or delete on public.projects
	for each row execute function internal.record_events('project');
do $$ begin perform internal.tenant_table('public.projects'); end $$;

create table public.project_milestones (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	project_id uuid not null,
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 5000),
	due_date date,
	status text not null default 'PENDING' check (status in ('PENDING', 'IN_PROGRESS', 'COMPLETED')),
	order_index integer not null default 0,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, project_id, id),
	constraint project_milestones_project_id_fkey foreign key (organization_id, project_id)
		references public.projects (organization_id, id) on delete cascade
);
comment on table public.project_milestones is 'Steps of a project, shown by order_index';
comment on column public.project_milestones.status is 'PENDING, IN_PROGRESS, COMPLETED; compared without regard to case';
create trigger a_fold before insert or update on public.project_milestones
	for each row execute function internal.fold('status');
create trigger events after insert or update or delete on public.project_milestones
	for each row execute function internal.record_events('project_milestone');
do $$ begin perform internal.tenant_table('public.project_milestones'); end $$;

create table public.project_deliverables (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	project_id uuid not null,
	milestone_id uuid,
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 5000),
	due_date date,
	status text not null default 'PENDING' check (status in ('PENDING', 'IN_PROGRESS', 'COMPLETED')),
	assignee_id uuid,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint project_deliverables_project_id_fkey foreign key (organization_id, project_id)
		references public.projects (organization_id, id) on delete cascade,
	-- The milestone is one of the same project.
	constraint project_deliverables_milestone_id_fkey foreign key (organization_id, project_id, milestone_id)
		references public.project_milestones (organization_id, project_id, id) on delete set null (milestone_id),
	constraint project_deliverables_assignee_id_fkey foreign key (organization_id, assignee_id)
		references public.profiles (organization_id, id) on delete set null (assignee_id)
);
comment on table public.project_deliverables is 'What the customer gets from a project';
comment on column public.project_deliverables.status is 'PENDING, IN_PROGRESS, COMPLETED; compared without regard to case';
create index project_deliverables_project_idx on public.project_deliverables (organization_id, project_id, due_date);
create index project_deliverables_milestone_idx on public.project_deliverables (organization_id, milestone_id)
	where milestone_id is not null;
create trigger a_fold before insert or update on public.project_deliverables
	for each row execute function internal.fold('status');
create trigger events after insert or update or delete on public.project_deliverables
	for each row execute function internal.record_events('project_deliverable');
do $$ begin perform internal.tenant_table('public.project_deliverables'); end $$;

-- ---- dashboard widgets -----------------------------------------------------------------------------

create table public.dashboard_widgets (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid default auth.uid(),
	widget_type text not null check (length(widget_type) between 1 and 100),
	widget_config jsonb not null default '{}' check (jsonb_typeof(widget_config) = 'object' and pg_column_size(widget_config) <= 32768),
	value numeric,
	position integer not null default 0 check (position >= 0),
	is_visible boolean not null default true,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint dashboard_widgets_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.dashboard_widgets is 'The dashboard of each user; what an API key makes belongs to no user (ANA-46)';
comment on column public.dashboard_widgets.widget_config is '{"title", "date_range", ...}; of custom ones {"title", "table", "aggregation"}';
comment on column public.dashboard_widgets.value is 'What it showed last';
create index dashboard_widgets_user_idx on public.dashboard_widgets (organization_id, user_id, position);
do $$ begin perform internal.tenant_table('public.dashboard_widgets'); end $$;
create policy own on public.dashboard_widgets as restrictive to authenticated
	using (user_id is not distinct from (select auth.uid()) or (select auth.app_role()) = 'SYSTEM');

-- ---- calls --------------------------------------------------------------------------------------------

create table public.call_records (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	external_call_id text,
	source text not null default 'upload' check (source in ('upload', 'mobile', 'webhook', 'sip', 'zoom')),
	contact_id uuid,
	deal_id uuid,
	agent_id uuid,
	agent_identifier text,
	customer_phone text,
	direction text not null default 'inbound' check (direction in ('inbound', 'outbound')),
	duration_seconds integer check (duration_seconds >= 0),
	call_timestamp timestamptz not null default now(),
	recording_file_id uuid,
	status text not null default 'received'
		check (status in ('received', 'transcribing', 'analyzing', 'completed', 'failed', 'quota_exceeded', 'silent')),
	retry_count integer not null default 0,
	error text,
	notes text check (length(notes) <= 20000),
	metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint call_records_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete set null (contact_id),
	constraint call_records_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete set null (deal_id),
	constraint call_records_agent_id_fkey foreign key (organization_id, agent_id)
		references public.profiles (organization_id, id) on delete set null (agent_id),
	constraint call_records_recording_file_id_fkey foreign key (organization_id, recording_file_id)
		references public.files (organization_id, id) on delete set null (recording_file_id)
);
comment on table public.call_records is 'Calls with their recordings';
comment on column public.call_records.direction is 'inbound, outbound; compared without regard to case';
comment on column public.call_records.status is
	'received, transcribing, analyzing, completed, failed, quota_exceeded, silent; compared without regard to case';
create unique index call_records_external_key on public.call_records (organization_id, source, external_call_id)
	where external_call_id is not null;
create index call_records_time_idx on public.call_records (organization_id, call_timestamp desc, id desc);
create index call_records_contact_idx on public.call_records (organization_id, contact_id, call_timestamp desc) where contact_id is not null;
create index call_records_agent_idx on public.call_records (organization_id, agent_id, call_timestamp desc) where agent_id is not null;
create index call_records_deal_idx on public.call_records (organization_id, deal_id) where deal_id is not null;

-- BOT-48: fires when the recording arrives.
create function internal.call_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'call.ended', 'call_record', new.id,
		jsonb_build_object('id', new.id, 'call_record_id', new.id, 'organization_id', new.organization_id,
			'contact_id', new.contact_id, 'agent_id', new.agent_id, 'direction', new.direction,
			'duration_seconds', new.duration_seconds, 'call_timestamp', new.call_timestamp));
	return null;
end
$$;
create trigger events_insert after insert on public.call_records
	for each row execute function internal.call_events();
do $$ begin perform internal.tenant_table('public.call_records'); end $$;

-- An event shows its record: it is for who sees that (061_access_tables has the
-- other kinds).
create policy resources on public.events as restrictive for select to authenticated
	using (case record_type
		when 'task' then (select auth.may('can_access_tasks')) and ((select auth.sees_all('tasks')) or exists (
			select from public.tasks t where t.organization_id = events.organization_id and t.id = events.record_id))
		when 'call_record' then (select auth.sees_all('call_records')) or exists (select from public.call_records r
			where r.organization_id = events.organization_id and r.id = events.record_id)
		when 'campaign' then (select auth.may('can_access_broadcast'))
		when 'project' then (select auth.may('can_access_pm'))
		when 'project_milestone' then (select auth.may('can_access_pm'))
		when 'project_deliverable' then (select auth.may('can_access_pm'))
		else true end);

notify pgrst;
