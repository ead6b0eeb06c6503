-- What a member writes goes out before what programs have queued by the thousand: a
-- customer who is being talked to does not wait behind a mailing.

create index jobs_urgent_idx on job.jobs (kind, organization_id, run_at, id)
	where state = 'ready' and crashes < 2 and priority <= 2 and lane <> '00000000-0000-0000-0000-000000000000';

-- Lanes of one tenant that have ready jobs and are not busy: first those with urgent
-- jobs (priority up to 2), the one that waits longest before the others; the room that
-- is left goes to the others, as sql/010 has it. A look at a few rows for each lane
-- that is wanted, so that many urgent jobs of one busy lane cost no more than that.
create or replace function job.lanes_ready(of_kind text, org uuid, most integer, busy_orgs uuid[], busy_lanes uuid[]) returns uuid[]
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
	found uuid[];
	urgent uuid[];
	next uuid;
	at uuid;
begin
	found := array(select u.lane from (select j.lane, row_number() over (order by j.run_at, j.id) as nth from job.jobs j
				where j.state = 'ready' and j.crashes < 2 and j.priority <= 2 and j.kind = of_kind and j.organization_id = org
					and j.lane <> '00000000-0000-0000-0000-000000000000'
				order by j.run_at, j.id limit most * 4) u
			where not exists (select from unnest(busy_orgs, busy_lanes) b (o, l) where b.o = org and b.l = u.lane)
			group by u.lane order by min(u.nth) limit most);
	urgent := found;
	while cardinality(found) < most loop
		select j.lane into next from job.jobs j
			where j.state = 'ready' and j.crashes < 2 and j.kind = of_kind and j.organization_id = org
				and j.lane >= coalesce(at, '00000000-0000-0000-0000-000000000000') and j.lane is distinct from at
			order by j.lane limit 1;
		exit when next is null;
		at := next;
		if next <> all (urgent) and not exists (select from unnest(busy_orgs, busy_lanes) b (o, l) where b.o = org and b.l = next) then
			found := found || next;
		end if;
	end loop;
	return found;
end
$$;

-- As sql/010, the lanes in the order of lanes_ready.
create or replace function job.claim(worker text, kinds text[], room integer[], lane_room integer[],
	busy_kinds text[], busy_orgs uuid[], busy_lanes uuid[], after uuid)
	returns table (organization_id uuid, id bigint, kind text, key text, lane uuid, payload jsonb, attempts integer,
		crashes smallint)
language plpgsql security definer set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
	orgs uuid[];
	share integer;
	b_orgs uuid[];
	b_lanes uuid[];
begin
	perform job.here(worker);
	update job.jobs j set state = 'ready'
		from (select w.organization_id, w.id from job.jobs w where w.state = 'waiting' and w.run_at <= now()
			order by w.run_at limit 1000 for update skip locked) due
		where j.organization_id = due.organization_id and j.id = due.id;
	if not exists (select from job.jobs j where j.state = 'ready' and j.crashes < 2) then
		return; -- what a worker finds most often
	end if;
	for i in 1 .. cardinality(kinds) loop
		continue when room[i] <= 0;
		orgs := job.tenants_ready(kinds[i], after, room[i]);
		continue when cardinality(orgs) = 0;
		share := (room[i] + cardinality(orgs) - 1) / cardinality(orgs);
		select coalesce(array_agg(o), '{}'), coalesce(array_agg(l), '{}') into b_orgs, b_lanes
			from unnest(busy_kinds, busy_orgs, busy_lanes) x (k, o, l) where k = kinds[i];
		return query
			with picked as materialized (
				select t.org, q.id, row_number() over (order by q.turn, t.n) as place
				from unnest(orgs) with ordinality t (org, n)
				cross join lateral (
					select f.id, row_number() over (order by f.turn, f.nth) as turn
					from unnest(job.lanes_ready(kinds[i], t.org, share, b_orgs, b_lanes)) with ordinality w (lane, nth)
					cross join lateral (
						select l.id, w.nth, row_number() over (order by l.priority, l.run_at, l.id) as turn
						from (select r.id, r.priority, r.run_at from job.jobs r
							where r.state = 'ready' and r.crashes < 2 and r.kind = kinds[i] and r.organization_id = t.org
								and r.lane = w.lane
							order by r.priority, r.run_at, r.id
							limit least(share, lane_room[i])
							for update skip locked) l) f
					order by turn limit share) q
				order by place limit room[i]),
			taken as (
				update job.jobs j set state = 'running', attempts = j.attempts + 1, locked_by = worker, locked_at = now()
				from picked p where j.organization_id = p.org and j.id = p.id
				returning j.organization_id, j.id, j.kind, j.key, j.lane, j.payload, j.attempts, j.crashes, p.place)
			select k.organization_id, k.id, k.kind, k.key, k.lane, k.payload, k.attempts, k.crashes
			from taken k order by k.place;
	end loop;
end
$$;
