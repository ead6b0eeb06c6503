-- What stands behind deals: stages as rows, gates and task templates of stages,
-- approvals, discard reasons, rules that give a record its owner, exchange
-- rates, targets, and sums that are there before anybody asks. Tables here, the
-- rules in 121 to 126.

-- ---- stages as rows -----------------------------------------------------------

-- pipelines.stages is what people and programs write, one document per
-- pipeline, so that a pipeline is saved, compared and brought back as a whole
-- (GAT-8). These rows follow it and are what triggers and queries read.
create table public.pipeline_stages (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	pipeline_id uuid not null,
	stage text not null,         -- its id in pipelines.stages, as in deals.stage
	name text not null,
	color text not null,
	position integer not null,   -- 1, 2, 3 ...
	probability numeric(5,2) not null,
	type text not null check (type in ('open', 'won', 'lost')),
	milestone text check (milestone in ('sent', 'accepted', 'qualifying_started', 'qualified', 'scheduled')),
	rotting_days integer check (rotting_days between 1 and 3650),
	gate_mode text check (gate_mode in ('soft', 'hard')),
	gate_conditions jsonb not null default '[]',
	task_templates integer not null default 0,
	primary key (organization_id, id),
	constraint pipeline_stages_stage_key unique (organization_id, pipeline_id, stage),
	constraint pipeline_stages_pipeline_id_fkey foreign key (organization_id, pipeline_id)
		references public.pipelines (organization_id, id) on delete cascade
);
comment on table public.pipeline_stages is 'The stages of all pipelines as rows; they follow pipelines.stages, which is where they are changed';
comment on column public.pipeline_stages.milestone is 'Which time of a deal is recorded when it first enters: sent_at, accepted_at, qualifying_started_at, qualified_at, scheduled_at (DEA-66)';
comment on column public.pipeline_stages.rotting_days is 'A deal that stays longer has stalled; null: as the organization says (7)';
comment on column public.pipeline_stages.gate_mode is 'soft: warns who enters with unmet conditions; hard: refuses (GAT-11, GAT-12); null: no gate';
comment on column public.pipeline_stages.gate_conditions is
	'List of {"id", "kind": "field", "field"}, {"kind": "task", "title" or "template_id"}, {"kind": "approval", "user_id"}; all must hold';
do $$ begin perform internal.tenant_table('public.pipeline_stages', writable => false); end $$;

create table public.stage_task_templates (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	pipeline_id uuid not null,
	stage text not null,
	position integer not null,
	title text not null check (length(title) between 1 and 200),
	description text check (length(description) <= 5000),
	assign_to text not null default 'owner' check (assign_to in ('owner', 'person', 'team')),
	assignee_id uuid,
	team_id uuid,
	priority text not null default 'MEDIUM' check (priority in ('LOW', 'MEDIUM', 'HIGH')),
	due_days integer not null default 0 check (due_days between 0 and 3650),
	is_active boolean not null default true,
	primary key (organization_id, id),
	constraint stage_task_templates_pipeline_id_fkey foreign key (organization_id, pipeline_id)
		references public.pipelines (organization_id, id) on delete cascade
);
comment on table public.stage_task_templates is
	'Tasks that a deal gets when it enters a stage (GAT-17); they follow pipelines.stages. One that was taken away is kept, not active, for its tasks';
comment on column public.stage_task_templates.assign_to is 'owner: the deal''s; person: assignee_id, the deal''s owner when he has left; team: the queue of team_id';
comment on column public.stage_task_templates.due_days is 'Days after the deal''s entry; the task is due at the end of that day in the organization''s time zone (GAT-21)';
create index stage_task_templates_stage_idx on public.stage_task_templates (organization_id, pipeline_id, stage, position) where is_active;
do $$ begin perform internal.tenant_table('public.stage_task_templates', writable => false); end $$;

alter table public.tasks add column template_id uuid;
alter table public.tasks add constraint tasks_template_id_fkey foreign key (organization_id, template_id)
	references public.stage_task_templates (organization_id, id) on delete set null (template_id);
comment on column public.tasks.template_id is 'The template of a stage that made the task (GAT-17)';
create index tasks_template_idx on public.tasks (organization_id, deal_id, template_id) where template_id is not null;

-- ---- approvals ----------------------------------------------------------------------

create table public.deal_approvals (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	deal_id uuid not null,
	pipeline_id uuid not null,
	stage text not null,         -- whose gate asks
	to_stage text not null,      -- where the deal was to go: that stage or one behind it
	approver_id uuid,            -- null when he has left: administrators answer
	requested_by uuid,
	state text not null default 'pending' check (state in ('pending', 'approved', 'rejected', 'withdrawn')),
	comment text check (length(comment) <= 2000),
	answered_by uuid,
	answered_at timestamptz,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint deal_approvals_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade,
	constraint deal_approvals_pipeline_id_fkey foreign key (organization_id, pipeline_id)
		references public.pipelines (organization_id, id) on delete cascade,
	constraint deal_approvals_approver_id_fkey foreign key (organization_id, approver_id)
		references public.profiles (organization_id, id) on delete set null (approver_id),
	constraint deal_approvals_requested_by_fkey foreign key (organization_id, requested_by)
		references public.profiles (organization_id, id) on delete set null (requested_by),
	constraint deal_approvals_answered_by_fkey foreign key (organization_id, answered_by)
		references public.profiles (organization_id, id) on delete set null (answered_by),
	constraint deal_approvals_rejected_check check (state <> 'rejected' or length(comment) > 0)
);
comment on table public.deal_approvals is
	'Requests to let a deal through a gate (GAT-15); one open per deal, gate and approver. Answered by answer_approval alone';
create unique index deal_approvals_open_key on public.deal_approvals (organization_id, deal_id, stage, approver_id)
	nulls not distinct where state = 'pending';
create index deal_approvals_deal_idx on public.deal_approvals (organization_id, deal_id, created_at desc);
create index deal_approvals_mine_idx on public.deal_approvals (organization_id, approver_id) where state = 'pending';
do $$ begin perform internal.tenant_table('public.deal_approvals', writable => false); end $$;
create policy visible on public.deal_approvals as restrictive to authenticated
	using ((select auth.sees_all('deals')) or approver_id = (select auth.uid()) or auth.sees('deal', deal_id));

-- ---- lost, and what a deal was worth ----------------------------------------------------

create table public.discard_reasons (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(name) between 1 and 100 and name = trim(name)),
	position integer not null default 0,
	is_active boolean not null default true,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table public.discard_reasons is 'Why deals are lost: what the dialog offers, in this order (DEA-65)';
comment on column public.discard_reasons.is_active is 'Not offered any more when false; deals keep what they have';
create unique index discard_reasons_name_key on public.discard_reasons (organization_id, lower(name));
do $$ begin
	perform internal.tenant_table('public.discard_reasons');
	perform internal.flag_table('public.discard_reasons', 'can_manage_settings', reads => false);
	perform internal.audit_table('public.discard_reasons', 'discard_reason', 'updated_at');
end $$;

alter table public.deals
	add column sent_at timestamptz,
	add column accepted_at timestamptz,
	add column qualifying_started_at timestamptz,
	add column qualified_at timestamptz,
	add column scheduled_at timestamptz,
	add column probability_is_manual boolean not null default false,
	add column reached_stage text,
	add column counted_month date;
comment on column public.deals.sent_at is 'First outreach sent; the first time that a stage with this milestone was entered, or as written (DEA-66)';
comment on column public.deals.accepted_at is 'Connection accepted';
comment on column public.deals.qualifying_started_at is 'Qualification began';
comment on column public.deals.qualified_at is 'Qualified';
comment on column public.deals.scheduled_at is 'Meeting scheduled';
comment on column public.deals.probability_is_manual is 'Somebody chose the probability: stages on the way leave it alone, until the deal is closed (DEA-35)';
comment on column public.deals.reached_stage is 'The furthest stage that the deal has been in, lost ones aside: for the funnel (DEA-71)';
comment on column public.deals.counted_month is
	'First day of the month in which it counts: of winning or losing once closed, else of the expected close date';

create table public.deal_value_history (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	deal_id uuid not null,
	what text not null check (what in ('value', 'probability')),
	old_value numeric,
	new_value numeric,
	old_currency text, -- of a value
	new_currency text,
	changed_by uuid,
	changed_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint deal_value_history_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade
);
comment on table public.deal_value_history is 'Every change of a deal''s value (DEA-28) and probability (DEA-35)';
create index deal_value_history_deal_idx on public.deal_value_history (organization_id, deal_id, changed_at);
do $$ begin perform internal.tenant_table('public.deal_value_history', writable => false); end $$;
create policy visible on public.deal_value_history as restrictive to authenticated
	using ((select auth.sees_all('deals')) or auth.sees('deal', deal_id));

-- Which stay in a stage was reported as stalled already.
create table internal.deal_stalls (
	organization_id uuid not null,
	deal_id uuid not null,
	stage_entered_at timestamptz not null,
	primary key (organization_id, deal_id),
	foreign key (organization_id, deal_id) references public.deals (organization_id, id) on delete cascade
);
alter table internal.deal_stalls enable row level security;
alter table internal.deal_stalls force row level security;
create index deals_idle_idx on public.deals (organization_id, updated_at) where won_at is null and lost_at is null;
create index deals_entered_idx on public.deals (organization_id, stage_entered_at) where won_at is null and lost_at is null;
create index deals_lost_idx on public.deals (organization_id, lost_at) include (discard_reason, pipeline_id, owner_id)
	where lost_at is not null;

-- ---- who gets it ------------------------------------------------------------------------

create table public.assignment_rules (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	entity text not null check (entity in ('deal', 'lead')),
	name text not null check (length(name) between 1 and 100),
	position integer not null default 0,
	is_active boolean not null default true,
	kind text not null check (kind in ('manual', 'round_robin', 'territory', 'sector', 'company_size', 'score')),
	pipeline_id uuid,                        -- deals of this one only; null: of all
	words text[] not null default '{}' check (internal.each_at_most(words, 100)),
	at_least integer,
	at_most integer,
	user_id uuid,
	team_id uuid,
	last_user_id uuid,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint assignment_rules_pipeline_id_fkey foreign key (organization_id, pipeline_id)
		references public.pipelines (organization_id, id) on delete cascade,
	constraint assignment_rules_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade,
	constraint assignment_rules_team_id_fkey foreign key (organization_id, team_id)
		references public.teams (organization_id, id) on delete cascade
);
comment on table public.assignment_rules is
	'Who owns a new deal or lead that nobody owns: in order, the first that matches; none: nobody (DEA-51..54, LEA-17..22)';
comment on column public.assignment_rules.kind is
	'manual: it stays with nobody; round_robin: everything; territory, sector: one of words; company_size, score: from at_least to at_most';
comment on column public.assignment_rules.words is 'Territories (country, state or city) or sectors, compared without regard to case';
comment on column public.assignment_rules.team_id is 'Its active members in turn; else user_id, when he is active';
comment on column public.assignment_rules.last_user_id is 'Who had his turn last; moved in the transaction of the assignment';
create index assignment_rules_order_idx on public.assignment_rules (organization_id, entity, position, id) where is_active;
do $$ begin
	perform internal.tenant_table('public.assignment_rules');
	perform internal.flag_table('public.assignment_rules', 'can_manage_settings', reads => false);
	perform internal.audit_table('public.assignment_rules', 'assignment_rule', 'updated_at,last_user_id');
end $$;

-- ---- money --------------------------------------------------------------------------------

create table public.exchange_rates (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	base text not null check (base ~ '^[A-Z]{3}$'),     -- what the organization counts in; left out: its currency
	currency text not null check (currency ~ '^[A-Z]{3}$'),
	on_date date not null default current_date,
	rate numeric(20,10) not null check (rate > 0),      -- one unit of currency is so much of base
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint exchange_rates_key unique (organization_id, base, currency, on_date),
	check (base <> currency)
);
comment on table public.exchange_rates is 'What a foreign currency is worth in the organization''s own, from a day on until the next rate';
do $$ begin
	perform internal.tenant_table('public.exchange_rates');
	perform internal.flag_table('public.exchange_rates', 'can_manage_settings', reads => false);
	perform internal.audit_table('public.exchange_rates', 'exchange_rate', 'updated_at');
end $$;

create table public.sales_targets (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	month date not null check (extract(day from month) = 1),
	owner_id uuid,        -- null: everybody together
	amount numeric(16,2) not null check (amount >= 0),
	currency text not null check (currency ~ '^[A-Z]{3}$'), -- left out: the organization's
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint sales_targets_key unique nulls not distinct (organization_id, month, owner_id),
	constraint sales_targets_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.sales_targets is 'What is to be won in a month, by all or by one; the forecast is compared with it (DEA-70)';
do $$ begin
	perform internal.tenant_table('public.sales_targets');
	perform internal.flag_table('public.sales_targets', 'can_manage_settings', reads => false);
	perform internal.audit_table('public.sales_targets', 'sales_target', 'updated_at');
end $$;

-- ---- sums ----------------------------------------------------------------------------------

-- Deals counted and summed by what boards, forecasts and funnels group by. A
-- statement that changes deals appends the difference, so that writers never
-- wait for one another; the worker melts the rows of a group into one. What is
-- true is the sum over all rows of a group.
create table public.deal_sums (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	pipeline_id uuid not null,
	stage text not null,
	reached_stage text,
	owner_id uuid,
	currency text not null,
	month date,                   -- deals.counted_month
	deals bigint not null,
	value numeric not null,
	weighted numeric not null,    -- value * probability / 100
	seconds numeric not null default 0, -- from creation to winning or losing
	primary key (organization_id, id)
);
comment on table public.deal_sums is 'Counts and values of deals by pipeline, stage, owner, currency and month: always sum over the rows of a group';
do $$ begin
	perform internal.tenant_table('public.deal_sums', writable => false);
	perform internal.flag_table('public.deal_sums', 'can_access_crm');
end $$;
create policy visible on public.deal_sums as restrictive for select to authenticated
	using ((select auth.sees_all('deals')) or owner_id = any ((select auth.team_ids())::uuid[]));

notify pgrst;
