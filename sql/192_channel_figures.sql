-- Figures of each channel account (CHA-10, FACT-60), added up per day beside the
-- messages: a change writes what it adds, the worker folds that into the days. So
-- no two writers wait for the same counter, and nothing ever counts messages.

create table public.channel_days (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	channel_account_id uuid not null,
	day date not null, -- in the tenant's time zone
	received integer not null default 0,
	sent integer not null default 0,
	delivered integer not null default 0,
	read integer not null default 0,
	failed integer not null default 0,
	conversations integer not null default 0,
	answers integer not null default 0,
	answer_seconds bigint not null default 0,
	lags integer not null default 0,
	lag_ms bigint not null default 0,
	work_ms bigint not null default 0,
	primary key (organization_id, channel_account_id, day),
	constraint channel_days_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.channel_days is 'What a channel account did on a day: messages, conversations, how fast people answered';
comment on column public.channel_days.answers is 'Times that a person answered a customer who waited';
comment on column public.channel_days.answer_seconds is 'How long these had waited, in all, from the first message that was not answered';
comment on column public.channel_days.lags is 'Messages received whose provider said when they were written';
comment on column public.channel_days.lag_ms is 'From then until they came in, in all';
comment on column public.channel_days.work_ms is 'From coming in until they stood in the inbox, in all, of the same messages';

create table public.channel_totals (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	channel_account_id uuid not null,
	received bigint not null default 0,
	sent bigint not null default 0,
	delivered bigint not null default 0,
	read bigint not null default 0,
	failed bigint not null default 0,
	conversations bigint not null default 0,
	answers bigint not null default 0,
	answer_seconds bigint not null default 0,
	primary key (organization_id, channel_account_id),
	constraint channel_totals_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.channel_totals is 'The same over all days';

do $$ begin
	perform internal.tenant_table('public.channel_days', writable => false);
	perform internal.tenant_table('public.channel_totals', writable => false);
end $$;
create policy own_channels on public.channel_days as restrictive for select to authenticated
	using ((select auth.channel_ids()) is null or channel_account_id = any ((select auth.channel_ids())::uuid[]));
create policy own_channels on public.channel_totals as restrictive for select to authenticated
	using ((select auth.channel_ids()) is null or channel_account_id = any ((select auth.channel_ids())::uuid[]));

create table internal.channel_deltas (
	id bigint generated always as identity primary key,
	organization_id uuid not null references public.organizations on delete cascade,
	channel_account_id uuid not null,
	day date not null,
	received integer not null default 0,
	sent integer not null default 0,
	delivered integer not null default 0,
	read integer not null default 0,
	failed integer not null default 0,
	conversations integer not null default 0,
	answers integer not null default 0,
	answer_seconds bigint not null default 0,
	lags integer not null default 0,
	lag_ms bigint not null default 0,
	work_ms bigint not null default 0
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
comment on table internal.channel_deltas is 'What is not folded into the days yet';
alter table internal.channel_deltas enable row level security;
alter table internal.channel_deltas force row level security;

create function internal.zone_day(org uuid, at timestamptz) returns date
language sql stable security definer set search_path = ''
as $$ select (at at time zone internal.org_zone(org))::date $$;

-- ---- what adds ----------------------------------------------------------------------------

-- Before `inserted` notes the message at its conversation.
create function internal.channel_message_counted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	today date := internal.zone_day(new.organization_id, new.created_at);
	written timestamptz;
	since timestamptz; -- the customer waits: his first message behind our last
begin
	if new.direction = 'INBOUND' then
		begin
			written := (new.metadata ->> 'provider_timestamp')::timestamptz;
		exception when others then
			written := null;
		end;
		insert into internal.channel_deltas (organization_id, channel_account_id, day, received, lags, lag_ms, work_ms)
			values (new.organization_id, new.channel_account_id, today, 1, case when written is null then 0 else 1 end,
				case when written is null then 0 else greatest(0, least(864e5, 1000 * extract(epoch from new.created_at - written))) end,
				case when written is null then 0 else greatest(0, least(864e5, 1000 * extract(epoch from clock_timestamp() - new.created_at))) end);
		return null;
	end if;
	if new.sender_id is not null and exists (select from public.conversations c where c.organization_id = new.organization_id
			and c.id = new.conversation_id and c.last_message_direction = 'INBOUND') then
		select m.created_at into since from public.messages m
			where m.organization_id = new.organization_id and m.conversation_id = new.conversation_id and m.direction = 'INBOUND'
				and m.created_at > coalesce((select o.created_at from public.messages o
					where o.organization_id = new.organization_id and o.conversation_id = new.conversation_id
						and o.direction = 'OUTBOUND' and o.id <> new.id
					order by o.created_at desc, o.id desc limit 1), '-infinity')
			order by m.created_at, m.id limit 1;
	end if;
	if since is not null or new.status in ('SENT', 'DELIVERED', 'READ', 'FAILED') then
		insert into internal.channel_deltas (organization_id, channel_account_id, day, sent, delivered, read, failed, answers,
				answer_seconds)
			values (new.organization_id, new.channel_account_id, today, (new.status in ('SENT', 'DELIVERED', 'READ'))::integer,
				(new.status in ('DELIVERED', 'READ'))::integer, (new.status = 'READ')::integer, (new.status = 'FAILED')::integer,
				(since is not null)::integer, coalesce(greatest(0, extract(epoch from new.created_at - since)), 0));
	end if;
	return null;
end
$$;
create trigger a_counted after insert on public.messages
	for each row when (new.channel_account_id is not null) execute function internal.channel_message_counted();

create function internal.channel_status_counted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	was integer := internal.status_rank(old.status);
	is_now integer := internal.status_rank(new.status);
	went boolean := old.status in ('SENT', 'DELIVERED', 'READ');
begin
	if new.status in ('SENT', 'DELIVERED', 'READ', 'FAILED') then
		insert into internal.channel_deltas (organization_id, channel_account_id, day, sent, delivered, read, failed)
			values (new.organization_id, new.channel_account_id, internal.zone_day(new.organization_id, now()),
				(not went and new.status <> 'FAILED')::integer,
				(new.status in ('DELIVERED', 'READ') and old.status <> 'DELIVERED' and is_now > was)::integer,
				(new.status = 'READ')::integer, (new.status = 'FAILED')::integer);
	end if;
	return null;
end
$$;
create trigger a_counted_status after update of status on public.messages
	for each row when (new.direction = 'OUTBOUND' and new.channel_account_id is not null and old.status is distinct from new.status)
	execute function internal.channel_status_counted();

create function internal.channel_talk_counted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	insert into internal.channel_deltas (organization_id, channel_account_id, day, conversations)
		values (new.organization_id, new.channel_account_id, internal.zone_day(new.organization_id, new.created_at), 1);
	return null;
end
$$;
create trigger counted after insert on public.conversations
	for each row when (new.channel_account_id is not null) execute function internal.channel_talk_counted();

-- ---- folding --------------------------------------------------------------------------------

create function internal.channel_fold(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	with gone as (
		delete from internal.channel_deltas d where d.id = any (array(
			select x.id from internal.channel_deltas x order by x.id limit most for update skip locked))
		returning d.*),
	sums as (
		select g.organization_id, g.channel_account_id, g.day, sum(g.received) as received, sum(g.sent) as sent,
			sum(g.delivered) as delivered, sum(g.read) as read, sum(g.failed) as failed, sum(g.conversations) as conversations,
			sum(g.answers) as answers, sum(g.answer_seconds) as answer_seconds, sum(g.lags) as lags, sum(g.lag_ms) as lag_ms,
			sum(g.work_ms) as work_ms, count(*) as rows
		from gone g join public.channel_accounts a on a.organization_id = g.organization_id and a.id = g.channel_account_id
		group by 1, 2, 3),
	days as (
		insert into public.channel_days as t (organization_id, channel_account_id, day, received, sent, delivered, read, failed,
				conversations, answers, answer_seconds, lags, lag_ms, work_ms)
			select s.organization_id, s.channel_account_id, s.day, s.received, s.sent, s.delivered, s.read, s.failed,
				s.conversations, s.answers, s.answer_seconds, s.lags, s.lag_ms, s.work_ms from sums s
			on conflict (organization_id, channel_account_id, day) do update
				set received = t.received + excluded.received, sent = t.sent + excluded.sent,
					delivered = t.delivered + excluded.delivered, read = t.read + excluded.read,
					failed = t.failed + excluded.failed, conversations = t.conversations + excluded.conversations,
					answers = t.answers + excluded.answers, answer_seconds = t.answer_seconds + excluded.answer_seconds,
					lags = t.lags + excluded.lags, lag_ms = t.lag_ms + excluded.lag_ms, work_ms = t.work_ms + excluded.work_ms),
	totals as (
		insert into public.channel_totals as t (organization_id, channel_account_id, received, sent, delivered, read, failed,
				conversations, answers, answer_seconds)
			select s.organization_id, s.channel_account_id, sum(s.received), sum(s.sent), sum(s.delivered), sum(s.read),
				sum(s.failed), sum(s.conversations), sum(s.answers), sum(s.answer_seconds) from sums s group by 1, 2
			on conflict (organization_id, channel_account_id) do update
				set received = t.received + excluded.received, sent = t.sent + excluded.sent,
					delivered = t.delivered + excluded.delivered, read = t.read + excluded.read,
					failed = t.failed + excluded.failed, conversations = t.conversations + excluded.conversations,
					answers = t.answers + excluded.answers, answer_seconds = t.answer_seconds + excluded.answer_seconds)
	select coalesce(sum(s.rows), 0) into n from sums s;
	return n;
end
$$;
comment on function internal.channel_fold(integer) is 'Adds what changed to the days of channels';
insert into job.timers (name, call, every) values ('channel_fold', 'internal.channel_fold(20000)', '3 seconds');

-- A delay in words: "12 ms", "1.4 s", "3 minutes".
create function internal.shown_lag(ms numeric) returns text
language sql stable
as $$
	select case when ms < 1000 then round(ms) || case internal.lang() when 'ar' then ' م.ث' else ' ms' end
		when ms < 90000 then round(ms / 1000, 1) || case internal.lang() when 'ar' then ' ث' else ' s' end
		else internal.shown_span(ms * interval '1 millisecond') end
$$;
grant execute on function internal.shown_lag(numeric) to authenticated, service_role;

-- What is there already.
insert into public.channel_days (organization_id, channel_account_id, day, received, sent, delivered, read, failed)
	select m.organization_id, m.channel_account_id, internal.zone_day(m.organization_id, m.created_at),
		count(*) filter (where m.direction = 'INBOUND'),
		count(*) filter (where m.direction = 'OUTBOUND' and m.status in ('SENT', 'DELIVERED', 'READ')),
		count(*) filter (where m.direction = 'OUTBOUND' and m.status in ('DELIVERED', 'READ')),
		count(*) filter (where m.direction = 'OUTBOUND' and m.status = 'READ'),
		count(*) filter (where m.direction = 'OUTBOUND' and m.status = 'FAILED')
	from public.messages m join public.channel_accounts a on a.organization_id = m.organization_id and a.id = m.channel_account_id
	group by 1, 2, 3;
insert into public.channel_days as t (organization_id, channel_account_id, day, conversations)
	select c.organization_id, c.channel_account_id, internal.zone_day(c.organization_id, c.created_at), count(*)
	from public.conversations c where c.channel_account_id is not null group by 1, 2, 3
	on conflict (organization_id, channel_account_id, day) do update set conversations = excluded.conversations;
insert into public.channel_totals (organization_id, channel_account_id, received, sent, delivered, read, failed, conversations)
	select d.organization_id, d.channel_account_id, sum(d.received), sum(d.sent), sum(d.delivered), sum(d.read), sum(d.failed),
		sum(d.conversations) from public.channel_days d group by 1, 2;

notify pgrst;
