-- What a worker asks many times a second, nearly always in vain, costs little then.

-- As 010, in plpgsql, which keeps the plan.
create or replace function job.claim_suspect(worker text, kinds text[])
	returns table (organization_id uuid, id bigint, kind text, key text, lane uuid, payload jsonb, attempts integer,
		crashes smallint)
language plpgsql security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
begin
	return query update job.jobs j set state = 'running', attempts = j.attempts + 1, locked_by = worker, locked_at = now()
		from (select r.organization_id, r.id from job.jobs r
			where r.state = 'ready' and r.crashes > 1 and r.kind = any (kinds)
			order by r.run_at limit 1 for update skip locked) one
		where j.organization_id = one.organization_id and j.id = one.id
		returning j.organization_id, j.id, j.kind, j.key, j.lane, j.payload, j.attempts, j.crashes;
end
$$;

create function event.is_waiting() returns boolean
language plpgsql stable set search_path = '' set enable_seqscan = off
as $$
begin
	return exists (select from public.events e where e.seq is null);
end
$$;
revoke execute on function event.is_waiting() from public;

-- As 010, with a look first.
create or replace function event.dispatch(most integer)
	returns table (organization_id uuid, seq bigint, id uuid, type text, record_type text, record_id uuid,
		conversation_id text, contact_id text, actor_id uuid, created_at timestamptz)
language plpgsql security definer set search_path = ''
as $$
begin
	if not event.is_waiting() then
		return;
	end if;
	if not pg_try_advisory_xact_lock(1802398837) then
		return;
	end if;
	return query
		with picked as materialized (
			select u.organization_id, u.id, row_number() over (partition by u.organization_id order by u.place) as n
			from event.undispatched(most) u),
		counted as (
			insert into internal.event_counters as c (organization_id, last)
			select p.organization_id, count(*) from picked p group by 1 order by 1
			on conflict on constraint event_counters_pkey do update set last = c.last + excluded.last
			returning c.organization_id, c.last),
		numbered as (
			select p.organization_id, p.id, c.last - max(p.n) over (partition by p.organization_id) + p.n as seq
			from picked p join counted c on c.organization_id = p.organization_id),
		stamped as (
			update public.events e set seq = n.seq
			from numbered n where e.organization_id = n.organization_id and e.id = n.id
			returning e.organization_id, e.seq, e.id, e.type, e.record_type, e.record_id,
				case e.record_type when 'conversation' then e.record_id::text else e.data ->> 'conversation_id' end as talk,
				e.data ->> 'contact_id' as person, e.actor_id, e.created_at),
		deliveries as (
			insert into public.webhook_deliveries as d (organization_id, webhook_id, event_id, event_type, seq)
			select s.organization_id, w.id, s.id, s.type, s.seq
			from stamped s
			join public.webhook_configurations w on w.organization_id = s.organization_id and w.is_active
				and s.type = any (w.events)
			order by s.organization_id, s.seq
			returning d.organization_id, d.id, d.webhook_id),
		jobs as (
			insert into job.jobs (organization_id, kind, key, lane, payload)
			select d.organization_id, 'webhook', d.id::text, d.webhook_id, jsonb_build_object('delivery_id', d.id)
			from deliveries d)
		select s.organization_id, s.seq, s.id, s.type, s.record_type, s.record_id, s.talk, s.person, s.actor_id, s.created_at
		from stamped s order by s.organization_id, s.seq;
end
$$;
