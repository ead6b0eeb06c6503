-- The clock of a conversation: since when the customer waits, until when an
-- answer is promised (service level), and the sums that reports read.

alter table public.conversations
	add column opened_at timestamptz not null default now(),
	add column first_response_at timestamptz,
	add column waiting_since timestamptz,
	add column closed_at timestamptz,
	add column sla_kind text check (sla_kind in ('first', 'next', 'resolution')),
	add column sla_left interval,
	add column sla_breached_at timestamptz;
comment on column public.conversations.opened_at is 'When it was opened, for the last time';
comment on column public.conversations.first_response_at is 'The first answer since it was opened';
comment on column public.conversations.waiting_since is 'The oldest message of the customer that nobody has answered';
comment on column public.conversations.sla_deadline is 'Until when an answer or the end is promised; null: nothing is, or the clock stands';
comment on column public.conversations.sla_kind is 'What is promised: first answer, next answer, resolution';
comment on column public.conversations.sla_left is 'How much is left while the clock stands (PENDING or snoozed)';
update public.conversations c set opened_at = c.created_at,
	waiting_since = case when c.status in ('OPEN', 'PENDING') and c.last_message_direction = 'INBOUND' then c.last_inbound_at end,
	closed_at = case when c.status in ('RESOLVED', 'CLOSED') then c.updated_at end;
create index conversations_sla_idx on public.conversations (sla_deadline) where sla_deadline is not null and sla_breached_at is null;
create index conversations_due_idx on public.conversations (organization_id, sla_deadline) where sla_deadline is not null;

-- ---- what is promised -------------------------------------------------------------------

create table public.sla_policies (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(trim(name)) between 1 and 80),
	channel_account_id uuid, -- null: every channel without one of its own
	first_response_minutes integer check (first_response_minutes between 1 and 100000),
	next_response_minutes integer check (next_response_minutes between 1 and 100000),
	resolution_minutes integer check (resolution_minutes between 1 and 1000000),
	business_hours_only boolean not null default true,
	is_active boolean not null default true,
	breach_tag text check (length(breach_tag) between 1 and 50),
	escalate_to_id uuid,
	breach_task boolean not null default false,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint sla_policies_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade,
	constraint sla_policies_escalate_to_id_fkey foreign key (organization_id, escalate_to_id)
		references public.profiles (organization_id, id) on delete set null (escalate_to_id)
);
comment on table public.sla_policies is 'How soon customers are answered, per channel or for all, and what happens when they are not (INB-96)';
comment on column public.sla_policies.business_hours_only is 'Only the business hours of the organization count';
comment on column public.sla_policies.breach_tag is 'Tag of conversations that are overdue, for example Needs Attention';
comment on column public.sla_policies.escalate_to_id is 'Who gets them then';
comment on column public.sla_policies.breach_task is 'Make a task of high priority for whoever is responsible';
create unique index sla_policies_channel_key on public.sla_policies (organization_id, channel_account_id) where is_active and channel_account_id is not null;
create unique index sla_policies_default_key on public.sla_policies (organization_id) where is_active and channel_account_id is null;
create index sla_policies_escalate_idx on public.sla_policies (organization_id, escalate_to_id) where escalate_to_id is not null;
do $$ begin
	perform internal.tenant_table('public.sla_policies');
	perform internal.admin_table('public.sla_policies', read => false);
end $$;

-- ---- business time ------------------------------------------------------------------------

-- hours as in organizations.business_hours; an organization without hours is always open.
create function internal.business_add(hours jsonb, zone text, at timestamptz, span interval) returns timestamptz
language plpgsql stable
as $$
declare
	day date := (at at time zone zone)::date;
	left_ interval := span;
	one jsonb;
	s timestamptz;
	e timestamptz;
begin
	if coalesce(hours, '{}') = '{}' then
		return at + span;
	end if;
	for i in 0 .. 400 loop
		for one in select x from jsonb_array_elements(coalesce(hours -> to_char(day, 'dy'), '[]')) x order by x ->> 0 loop
			s := greatest(at, (day + (one ->> 0)::time) at time zone zone);
			e := (day + (one ->> 1)::time) at time zone zone;
			if (one ->> 1)::time = '24:00' then
				e := (day + 1)::timestamp at time zone zone;
			end if;
			continue when e <= s;
			if e - s >= left_ then
				return s + left_;
			end if;
			left_ := left_ - (e - s);
		end loop;
		day := day + 1;
	end loop;
	return at + span; -- hours that never come
end
$$;
comment on function internal.business_add(jsonb, text, timestamptz, interval) is 'That much business time after a moment';

create function internal.business_between(hours jsonb, zone text, since timestamptz, until timestamptz) returns interval
language plpgsql stable
as $$
declare
	total interval := '0';
	day date := (since at time zone zone)::date;
	one jsonb;
	s timestamptz;
	e timestamptz;
begin
	if coalesce(hours, '{}') = '{}' or until <= since then
		return until - since; -- may be less than nothing: overdue
	end if;
	while day <= (until at time zone zone)::date and day < (since at time zone zone)::date + 400 loop
		for one in select x from jsonb_array_elements(coalesce(hours -> to_char(day, 'dy'), '[]')) x loop
			s := greatest(since, (day + (one ->> 0)::time) at time zone zone);
			e := least(until, case when (one ->> 1)::time = '24:00' then (day + 1)::timestamp at time zone zone
				else (day + (one ->> 1)::time) at time zone zone end);
			total := total + greatest(e - s, '0');
		end loop;
		day := day + 1;
	end loop;
	return total;
end
$$;

create function internal.sla_policy(org uuid, channel uuid, out policy public.sla_policies, out hours jsonb, out zone text)
language sql stable security definer set search_path = ''
as $$
	select p, case when p.business_hours_only then o.business_hours else '{}' end, coalesce(o.timezone, 'UTC')
	from public.sla_policies p join public.organizations o on o.id = p.organization_id
	where p.organization_id = org and p.is_active and (p.channel_account_id = channel or p.channel_account_id is null)
	order by p.channel_account_id nulls last limit 1
$$;

-- ---- the clock --------------------------------------------------------------------------------

create function internal.conversation_clock() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	was_open boolean := old.status in ('OPEN', 'PENDING');
	stands boolean;
	p record;
	answer timestamptz;
	done timestamptz;
begin
	if coalesce(current_setting('kontor.moving', true), '') = 'on' or coalesce(current_setting('kontor.restoring', true), '') = 'on' then
		return new;
	end if;
	-- Who was waited for has answered.
	if new.last_inbound_at is distinct from old.last_inbound_at and new.status = 'PENDING' and old.status = 'PENDING' then
		new.status := 'OPEN';
	end if;
	if new.status in ('RESOLVED', 'CLOSED') then
		if was_open then
			new.closed_at := now();
		end if;
		if new.last_inbound_at is not distinct from old.last_inbound_at then
			new.waiting_since := null;
		end if;
		new.sla_deadline := null;
		new.sla_kind := null;
		new.sla_left := null;
		return new;
	end if;
	if not was_open then
		new.opened_at := now();
		new.closed_at := null;
		new.first_response_at := null;
		new.waiting_since := null;
		new.sla_left := null;
		new.sla_breached_at := null;
	end if;
	if new.last_message_at is distinct from old.last_message_at or new.last_inbound_at is distinct from old.last_inbound_at then
		if new.last_message_direction = 'INBOUND' then
			new.waiting_since := coalesce(new.waiting_since, new.last_inbound_at);
		else
			new.first_response_at := coalesce(new.first_response_at, case when new.waiting_since is not null then new.last_message_at end);
			new.waiting_since := null;
		end if;
	end if;
	stands := new.status = 'PENDING' or new.snoozed_until is not null;
	if stands and new.sla_left is not null then
		return new;
	end if;
	select * into p from internal.sla_policy(new.organization_id, new.channel_account_id);
	if (p.policy).id is null then
		return new; -- deadlines that a program has set stay
	end if;
	if stands then
		if new.sla_deadline is not null then
			new.sla_left := internal.business_between(p.hours, p.zone, now(), new.sla_deadline);
			new.sla_deadline := null;
		end if;
		return new;
	end if;
	if new.sla_left is not null and new.waiting_since is not distinct from old.waiting_since then
		new.sla_deadline := internal.business_add(p.hours, p.zone, now(), greatest(new.sla_left, '0'));
		new.sla_left := null;
		return new;
	end if;
	if was_open and new.waiting_since is not distinct from old.waiting_since and (new.sla_deadline is not null or new.waiting_since is null) then
		return new; -- one more message of the same kind changes nothing
	end if;
	new.sla_left := null;
	answer := internal.business_add(p.hours, p.zone, new.waiting_since, interval '1 minute'
		* case when new.first_response_at is null then (p.policy).first_response_minutes else (p.policy).next_response_minutes end);
	done := internal.business_add(p.hours, p.zone, new.opened_at, interval '1 minute' * (p.policy).resolution_minutes);
	if new.sla_deadline is distinct from least(answer, done) then
		new.sla_breached_at := null;
	end if;
	new.sla_deadline := least(answer, done);
	new.sla_kind := case when new.sla_deadline is null then null when new.sla_deadline = answer
		then case when new.first_response_at is null then 'first' else 'next' end else 'resolution' end;
	return new;
end
$$;
create trigger c_clock before update of last_message_at, last_inbound_at, status, snoozed_until on public.conversations
	for each row when (new.last_message_at is distinct from old.last_message_at or new.last_inbound_at is distinct from old.last_inbound_at
		or new.status <> old.status or new.snoozed_until is distinct from old.snoozed_until)
	execute function internal.conversation_clock();

-- ---- overdue --------------------------------------------------------------------------------------

create function internal.sla_breaches(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	c public.conversations;
	p record;
	n bigint := 0;
	title text;
begin
	for c in select * from public.conversations t where t.sla_deadline <= now() and t.sla_breached_at is null
			order by t.sla_deadline limit most for update skip locked loop
		select * into p from internal.sla_policy(c.organization_id, c.channel_account_id);
		update public.conversations t set sla_breached_at = now(),
				tags = case when (p.policy).breach_tag is null or (p.policy).breach_tag = any (t.tags) then t.tags else t.tags || (p.policy).breach_tag end,
				assignee_id = coalesce((p.policy).escalate_to_id, t.assignee_id)
			where t.organization_id = c.organization_id and t.id = c.id;
		select app.person(k.first_name, k.last_name, k.phones, k.emails) into title from public.contacts k
			where k.organization_id = c.organization_id and k.id = c.contact_id;
		perform internal.emit(c.organization_id, 'conversation.sla.breached', 'conversation', c.id, internal.conversation_snapshot(c),
			jsonb_build_object('sla_kind', c.sla_kind, 'sla_deadline', c.sla_deadline));
		if c.assignee_id is not null then
			perform internal.notify(c.organization_id, c.assignee_id, 'conversation.overdue', 'conversation', c.id, jsonb_build_object('title', title));
		else
			perform internal.notify(c.organization_id, r.user_id, 'conversation.overdue', 'conversation', c.id, jsonb_build_object('title', title))
				from public.user_roles r join public.profiles m on m.organization_id = r.organization_id and m.id = r.user_id and m.is_active
				where r.organization_id = c.organization_id and r.role in ('OWNER', 'ADMIN');
		end if;
		if (p.policy).breach_task then
			insert into public.tasks (organization_id, title, priority, contact_id, conversation_id, assignee_id, due_date)
				values (c.organization_id, left(title, 200), 'HIGH', c.contact_id, c.id, coalesce((p.policy).escalate_to_id, c.assignee_id), now());
		end if;
		perform internal.figures_add(c.organization_id, c.channel_account_id, coalesce(c.assignee_id, (p.policy).escalate_to_id), '{"breaches": 1}');
		n := n + 1;
	end loop;
	return n;
end
$$;
comment on function internal.sla_breaches(integer) is 'Conversations whose deadline has passed: told once, escalated as the policy says (INB-97, INB-99)';
revoke execute on function internal.sla_breaches(integer) from public;
insert into job.timers (name, call, every) values ('sla', 'internal.sla_breaches(500)', '1 second');

-- ---- sums for reports ---------------------------------------------------------------------------------

create table public.inbox_days (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	day date not null,
	channel_account_id uuid not null default '00000000-0000-0000-0000-000000000000',
	agent_id uuid not null default '00000000-0000-0000-0000-000000000000',
	opened integer not null default 0,
	closed integer not null default 0,
	resolution_seconds bigint not null default 0,
	first_responses integer not null default 0,
	first_response_seconds bigint not null default 0,
	responses integer not null default 0,
	response_seconds bigint not null default 0,
	breaches integer not null default 0,
	surveys integer not null default 0,
	ratings integer not null default 0,
	rating_sum integer not null default 0,
	primary key (organization_id, day, channel_account_id, agent_id)
) with (fillfactor = 60);
comment on table public.inbox_days is 'Sums of each day, channel and member; kept by triggers, so that no report counts rows';
create table public.inbox_hours (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	day date not null,
	hour smallint not null check (hour between 0 and 23),
	channel_account_id uuid not null default '00000000-0000-0000-0000-000000000000',
	inbound integer not null default 0,
	outbound integer not null default 0,
	primary key (organization_id, day, hour, channel_account_id)
) with (fillfactor = 60);
comment on table public.inbox_hours is 'Messages of each hour, in the time of the organization';
do $$ begin
	perform internal.tenant_table('public.inbox_days', writable => false);
	perform internal.tenant_table('public.inbox_hours', writable => false);
end $$;
create policy visible on public.inbox_days as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or agent_id = any ((select auth.team_ids())::uuid[]));
create policy visible on public.inbox_hours as restrictive for select to authenticated
	using ((select auth.may('can_see_assigned_conversations')));

create function internal.figures_add(org uuid, channel uuid, agent uuid, f jsonb) returns void
language sql security definer set search_path = ''
as $$
	insert into public.inbox_days as d (organization_id, day, channel_account_id, agent_id, opened, closed, resolution_seconds, first_responses,
			first_response_seconds, responses, response_seconds, breaches, surveys, ratings, rating_sum)
		values (org, (now() at time zone internal.org_zone(org))::date, coalesce(channel, '00000000-0000-0000-0000-000000000000'),
			coalesce(agent, '00000000-0000-0000-0000-000000000000'), coalesce((f ->> 'opened')::integer, 0), coalesce((f ->> 'closed')::integer, 0),
			coalesce((f ->> 'resolution_seconds')::bigint, 0), coalesce((f ->> 'first_responses')::integer, 0),
			coalesce((f ->> 'first_response_seconds')::bigint, 0), coalesce((f ->> 'responses')::integer, 0),
			coalesce((f ->> 'response_seconds')::bigint, 0), coalesce((f ->> 'breaches')::integer, 0), coalesce((f ->> 'surveys')::integer, 0),
			coalesce((f ->> 'ratings')::integer, 0), coalesce((f ->> 'rating_sum')::integer, 0))
		on conflict (organization_id, day, channel_account_id, agent_id) do update set opened = d.opened + excluded.opened,
			closed = d.closed + excluded.closed, resolution_seconds = d.resolution_seconds + excluded.resolution_seconds,
			first_responses = d.first_responses + excluded.first_responses,
			first_response_seconds = d.first_response_seconds + excluded.first_response_seconds, responses = d.responses + excluded.responses,
			response_seconds = d.response_seconds + excluded.response_seconds, breaches = d.breaches + excluded.breaches,
			surveys = d.surveys + excluded.surveys, ratings = d.ratings + excluded.ratings, rating_sum = d.rating_sum + excluded.rating_sum
$$;
revoke execute on function internal.figures_add(uuid, uuid, uuid, jsonb) from public;

-- INB-100: what an answer took counts for who wrote it.
create function internal.conversation_figures() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	f jsonb := '{}';
	took bigint;
begin
	if coalesce(current_setting('kontor.moving', true), '') = 'on' or coalesce(current_setting('kontor.restoring', true), '') = 'on' then
		return null;
	end if;
	if tg_op = 'INSERT' then
		perform internal.figures_add(new.organization_id, new.channel_account_id, new.assignee_id, '{"opened": 1}');
		return null;
	end if;
	if old.waiting_since is not null and new.waiting_since is null and new.last_message_direction = 'OUTBOUND'
			and new.last_message_at is distinct from old.last_message_at then
		took := greatest(0, extract(epoch from new.last_message_at - old.waiting_since))::bigint;
		f := jsonb_build_object('responses', 1, 'response_seconds', took);
		if old.first_response_at is null and new.first_response_at is not null then
			f := f || jsonb_build_object('first_responses', 1, 'first_response_seconds', took);
		end if;
		perform internal.figures_add(new.organization_id, new.channel_account_id, coalesce(auth.uid(), new.assignee_id), f);
	end if;
	if new.closed_at is not null and old.closed_at is null then
		perform internal.figures_add(new.organization_id, new.channel_account_id, coalesce(new.assignee_id, auth.uid()), jsonb_build_object(
			'closed', 1, 'resolution_seconds', greatest(0, extract(epoch from new.closed_at - new.opened_at))::bigint));
	elsif new.closed_at is null and old.closed_at is not null then
		perform internal.figures_add(new.organization_id, new.channel_account_id, new.assignee_id, '{"opened": 1}');
	end if;
	return null;
end
$$;
create trigger figures_insert after insert on public.conversations for each row execute function internal.conversation_figures();
create trigger figures_update after update on public.conversations
	for each row when ((old.waiting_since is null) <> (new.waiting_since is null) or (old.closed_at is null) <> (new.closed_at is null))
	execute function internal.conversation_figures();

-- One narrow row per message; the worker folds them into the sums, so that no
-- two messages wait for one counter.
create unlogged table internal.message_ticks (
	organization_id uuid not null,
	channel_account_id uuid,
	at timestamptz not null,
	inbound boolean not null
);
alter table internal.message_ticks enable row level security;
alter table internal.message_ticks force row level security;
create function internal.message_tick() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.message_ticks values (new.organization_id, new.channel_account_id, new.created_at, new.direction = 'INBOUND');
	return null;
end
$$;
create trigger z_tick after insert on public.messages for each row
	when (coalesce(current_setting('kontor.restoring', true), '') <> 'on') execute function internal.message_tick();

create function internal.inbox_fold(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	with gone as (delete from internal.message_ticks t where t.ctid = any (array(select x.ctid from internal.message_ticks x limit most for update skip locked))
			returning t.*),
	sums as (select g.organization_id, g.local::date as day, extract(hour from g.local)::smallint as hour, g.channel, count(*) filter (where g.inbound) as i,
			count(*) filter (where not g.inbound) as o
		from (select x.organization_id, coalesce(x.channel_account_id, '00000000-0000-0000-0000-000000000000') as channel, x.inbound,
			x.at at time zone internal.org_zone(x.organization_id) as local from gone x
			where exists (select from public.organizations o where o.id = x.organization_id)) g group by 1, 2, 3, 4),
	put as (insert into public.inbox_hours as h (organization_id, day, hour, channel_account_id, inbound, outbound)
		select s.organization_id, s.day, s.hour, s.channel, s.i, s.o from sums s
		on conflict (organization_id, day, hour, channel_account_id) do update set inbound = h.inbound + excluded.inbound, outbound = h.outbound + excluded.outbound)
	select count(*) into n from gone;
	return n;
end
$$;
revoke execute on function internal.inbox_fold(integer) from public;
insert into job.timers (name, call, every) values ('inbox_fold', 'internal.inbox_fold(20000)', '5 seconds');
insert into public.inbox_hours (organization_id, day, hour, channel_account_id, inbound, outbound)
	select m.organization_id, (m.created_at at time zone z.zone)::date, extract(hour from m.created_at at time zone z.zone)::smallint,
		coalesce(m.channel_account_id, '00000000-0000-0000-0000-000000000000'), count(*) filter (where m.direction = 'INBOUND'), count(*) filter (where m.direction = 'OUTBOUND')
	from public.messages m join (select o.id, internal.org_zone(o.id) as zone from public.organizations o) z on z.id = m.organization_id group by 1, 2, 3, 4;

grant execute on function internal.business_add(jsonb, text, timestamptz, interval), internal.business_between(jsonb, text, timestamptz, timestamptz)
	to authenticated, service_role;
notify pgrst;
