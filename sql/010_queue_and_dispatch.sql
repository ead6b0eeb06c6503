-- What the worker calls: taking jobs, finishing them, numbering events,
-- delivering webhooks. All of it runs with the owner's rights, because the
-- worker serves every tenant; it is granted to kontor_worker alone.

create schema event; -- from the outbox to its consumers
grant usage on schema job, event to kontor_worker;
-- Functions that an administrator calls through the API look in as well.
grant usage on schema event to authenticated;

alter table public.events set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05);

-- ---- a worker comes, sleeps, goes -------------------------------------------------------

-- A worker is alive as long as its session holds this lock; nothing has to be
-- renewed, and a killed worker is seen at once. A setting of the session
-- remembers that the lock is held: both are gone after a reconnect.
create function job.here(worker text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if current_setting('kontor.worker', true) is distinct from worker then
		-- Not granted: the session of before the reconnect still holds it.
		if pg_try_advisory_lock(1802398836, hashtext(worker)) then
			perform set_config('kontor.worker', worker, false);
		end if;
	end if;
end
$$;

create function job.alive(worker text) returns boolean
language sql stable set search_path = ''
as $$
	select exists (select from pg_catalog.pg_locks l
		where l.locktype = 'advisory' and l.classid = 1802398836 and l.objsubid = 2 and l.granted
			and l.objid::bigint = (hashtext(worker)::bigint & 4294967295)
			and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()))
$$;

create function job.sleep(worker text) returns void
language sql security definer set search_path = ''
as $$ insert into job.sleepers (worker) values (worker) on conflict do nothing $$;

create function job.awake(worker text) returns void
language sql security definer set search_path = ''
as $$ delete from job.sleepers s where s.worker = awake.worker $$;

-- ---- taking ---------------------------------------------------------------------------------

-- Tenants that have ready jobs of a kind, from the one behind `after` on and
-- around: one index probe for each, however many jobs it has.
create function job.tenants_ready(of_kind text, after uuid, most integer) returns uuid[]
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
	found uuid[] := '{}';
	at uuid := after;
	around boolean := false;
	org uuid;
begin
	while cardinality(found) < most loop
		select j.organization_id into org from job.jobs j
			where j.state = 'ready' and j.crashes < 2 and j.kind = of_kind and j.organization_id > at
			order by j.organization_id limit 1;
		if org is null then
			exit when around;
			around := true;
			at := '00000000-0000-0000-0000-000000000000';
			continue;
		end if;
		exit when around and org > after;
		found := found || org;
		at := org;
	end loop;
	return found;
end
$$;

-- Lanes of one tenant that have ready jobs and are not busy.
create function job.lanes_ready(of_kind text, org uuid, most integer, busy_orgs uuid[], busy_lanes uuid[]) returns uuid[]
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
	found uuid[] := '{}';
	next uuid;
	at uuid;
begin
	while cardinality(found) < most loop
		select j.lane into next from job.jobs j
			where j.state = 'ready' and j.crashes < 2 and j.kind = of_kind and j.organization_id = org
				and j.lane >= coalesce(at, '00000000-0000-0000-0000-000000000000') and j.lane is distinct from at
			order by j.lane limit 1;
		exit when next is null;
		at := next;
		if not exists (select from unnest(busy_orgs, busy_lanes) b (o, l) where b.o = org and b.l = next) then
			found := found || next;
		end if;
	end loop;
	return found;
end
$$;

-- Take up to room[i] jobs of kinds[i], and up to lane_room[i] of one lane; none
-- of the busy lanes. Fair: every tenant with ready jobs gets an equal share of
-- the room, in turns that go on behind `after` (the last tenant of the call
-- before), so a tenant with a thousand jobs does not hold up one with a single
-- job. Within a tenant its lanes take turns; within a lane priority decides,
-- then age.
create function job.claim(worker text, kinds text[], room integer[], lane_room integer[],
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
					select f.id, row_number() over (order by f.turn, f.lane) as turn
					from unnest(job.lanes_ready(kinds[i], t.org, share, b_orgs, b_lanes)) w (lane)
					cross join lateral (
						select l.id, w.lane, row_number() over (order by l.priority, l.run_at, l.id) as turn
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

-- One job over which a worker has died before; not while another such one
-- runs here, so that a job that kills its worker takes few others with it.
create function job.claim_suspect(worker text, kinds text[])
	returns table (organization_id uuid, id bigint, kind text, key text, lane uuid, payload jsonb, attempts integer,
		crashes smallint)
language sql security definer set search_path = '' set enable_seqscan = off
as $$
	update job.jobs j set state = 'running', attempts = j.attempts + 1, locked_by = worker, locked_at = now()
	from (select r.organization_id, r.id from job.jobs r
		where r.state = 'ready' and r.crashes > 1 and r.kind = any (kinds)
		order by r.run_at limit 1 for update skip locked) one
	where j.organization_id = one.organization_id and j.id = one.id
	returning j.organization_id, j.id, j.kind, j.key, j.lane, j.payload, j.attempts, j.crashes
$$;

-- ---- finishing --------------------------------------------------------------------------------

create function job.done(worker text, orgs uuid[], ids bigint[]) returns void
language sql security definer set search_path = ''
as $$
	delete from job.jobs j using unnest(orgs, ids) d (org, id)
	where j.organization_id = d.org and j.id = d.id and j.state = 'running' and j.locked_by = worker
$$;

-- Failed: again in retry_ms, or dead when that is null. Not counted: it was
-- nobody's fault (the receiver said when to come back).
create function job.fail(worker text, org uuid, job bigint, error text, retry_ms bigint, counted boolean default true)
	returns void
language sql security definer set search_path = ''
as $$
	update job.jobs j set state = case when retry_ms is null then 'dead' else 'waiting' end,
		attempts = j.attempts - case when counted then 0 else 1 end,
		run_at = now() + coalesce(retry_ms, 0) * interval '1 millisecond',
		last_error = left(error, 2000), crashes = 0, locked_by = null, locked_at = null
	where j.organization_id = org and j.id = job and j.state = 'running' and j.locked_by = worker
$$;

-- Given back without having been tried (shut-down).
create function job.release(worker text, orgs uuid[], ids bigint[]) returns void
language sql security definer set search_path = ''
as $$
	update job.jobs j set state = 'ready', attempts = greatest(0, j.attempts - 1), locked_by = null, locked_at = null
	from unnest(orgs, ids) d (org, id)
	where j.organization_id = d.org and j.id = d.id and j.state = 'running' and j.locked_by = worker
$$;

-- Running jobs whose worker is gone, or that are locked longer than any job
-- may take, become ready again; at the tenth such end they are dead.
create function job.reap(stale interval default '30 minutes') returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	gone text[];
	n bigint;
begin
	select coalesce(array_agg(w.worker), '{}') into gone
		from (select distinct j.locked_by as worker from job.jobs j where j.state = 'running'
			union select s.worker from job.sleepers s) w
		where not job.alive(w.worker);
	delete from job.sleepers s where s.worker = any (gone);
	update job.jobs j set state = case when j.crashes >= 9 then 'dead' else 'ready' end, crashes = j.crashes + 1,
			last_error = case when j.locked_at < now() - stale and not j.locked_by = any (gone)
				then 'The job took too long' else 'The worker ended in the middle of this job' end,
			locked_by = null, locked_at = null
		where j.state = 'running' and (j.locked_by = any (gone) or j.locked_at < now() - stale);
	get diagnostics n = row_count;
	return n;
end
$$;

-- ---- dead letters --------------------------------------------------------------------------------

create function job.dead_letters(org uuid default null, most integer default 100)
	returns table (organization_id uuid, id bigint, kind text, key text, payload jsonb, attempts integer, last_error text,
		created_at timestamptz)
language sql stable security definer set search_path = ''
as $$
	select j.organization_id, j.id, j.kind, j.key, j.payload, j.attempts, j.last_error, j.created_at
	from job.jobs j where j.state = 'dead' and (org is null or j.organization_id = org)
	order by j.created_at desc limit most
$$;

-- Try a dead job again from the start. False when there is none, or when the
-- same work is in the queue again already; the dead one goes then.
create function job.rerun(org uuid, job bigint) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from job.jobs d join job.jobs l on l.organization_id = d.organization_id and l.kind = d.kind
			and l.key = d.key and l.state <> 'dead'
			where d.organization_id = org and d.id = job and d.state = 'dead') then
		delete from job.jobs d where d.organization_id = org and d.id = job;
		return false;
	end if;
	update job.jobs d set state = 'ready', run_at = now(), attempts = 0, crashes = 0
		where d.organization_id = org and d.id = job and d.state = 'dead';
	if not found then
		return false;
	end if;
	perform job.wake();
	return true;
end
$$;

-- ---- how the queue is doing (status, metrics) ------------------------------------------------------

create function job.statistics()
	returns table (kind text, ready bigint, waiting bigint, running bigint, dead bigint, oldest_ready_seconds double precision)
language sql stable security definer set search_path = ''
as $$
	select j.kind, count(*) filter (where j.state = 'ready'), count(*) filter (where j.state = 'waiting'),
		count(*) filter (where j.state = 'running'), count(*) filter (where j.state = 'dead'),
		coalesce(extract(epoch from now() - min(j.run_at) filter (where j.state = 'ready')), 0)::double precision
	from job.jobs j group by j.kind order by j.kind
$$;

-- ---- the dispatcher ------------------------------------------------------------------------------------

-- Events that have no number yet, the ones committed first first. The commit
-- order is known exactly when track_commit_timestamp is on; otherwise the
-- order of writing stands in for it inside one batch.
create function event.undispatched(most integer) returns table (organization_id uuid, id uuid, place bigint)
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off
as $$
begin
	if current_setting('track_commit_timestamp') = 'on' then
		return query
			select e.organization_id, e.id, row_number() over (order by pg_xact_commit_timestamp(e.xmin), e.position)
			from public.events e where e.seq is null
			order by 3 limit most;
	else
		return query
			select e.organization_id, e.id, e.position
			from public.events e where e.seq is null
			order by e.position limit most;
	end if;
end
$$;

-- Number the next events of every tenant without gaps, and give each consumer
-- its share, in one transaction: exactly once. One dispatcher at a time; a
-- writer never waits for it, and what commits late gets a later number.
-- Returns what was numbered, for live updates.
create function event.dispatch(most integer)
	returns table (organization_id uuid, seq bigint, id uuid, type text, record_type text, record_id uuid,
		conversation_id text, contact_id text, actor_id uuid, created_at timestamptz)
language plpgsql security definer set search_path = ''
as $$
begin
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

-- ---- webhook deliveries ------------------------------------------------------------------------------------

alter table public.webhook_deliveries add column sample jsonb; -- data of a test; the event does not exist then

-- Numbers of the delivery (last success, failing since) are no change of the
-- configuration: updated_at follows only what people write.
drop trigger touch on public.webhook_configurations;
create trigger touch before update of name, url, events, secret, custom_headers, is_active, format on public.webhook_configurations
	for each row execute function internal.touch();

-- The objects that stand beside the ids (WHK-46..55), in the documented order
-- of keys; json, not jsonb, because that keeps it. Settings hold no secrets
-- here, and are left empty all the same.
create function event.company_object(org uuid, company uuid) returns json
language sql stable set search_path = ''
as $$
	select json_build_object('id', c.id, 'organization_id', c.organization_id, 'name', c.name, 'domain', c.domain,
		'website', c.website, 'industry', c.industry, 'street', c.street, 'city', c.city, 'state', c.state,
		'postal_code', c.postal_code, 'country', c.country, 'phones', c.phones, 'emails', c.emails,
		'employee_count', c.employee_count, 'annual_revenue', c.annual_revenue, 'description', c.description,
		'tags', c.tags, 'custom_fields', c.custom_fields, 'created_at', c.created_at, 'updated_at', c.updated_at)
	from public.companies c where c.organization_id = org and c.id = company
$$;

create function event.contact_object(org uuid, contact uuid) returns json
language plpgsql stable set search_path = ''
as $$
declare
	c public.contacts;
begin
	select * into c from public.contacts p where p.organization_id = org and p.id = contact;
	if not found then
		return null;
	end if;
	if c.company_id is null then
		return json_build_object('id', c.id, 'organization_id', c.organization_id, 'first_name', c.first_name,
			'last_name', c.last_name, 'phones', c.phones, 'emails', c.emails, 'tags', c.tags,
			'custom_fields', c.custom_fields, 'opt_in_status', c.opt_in_status, 'created_at', c.created_at,
			'updated_at', c.updated_at);
	end if;
	return json_build_object('id', c.id, 'organization_id', c.organization_id, 'first_name', c.first_name,
		'last_name', c.last_name, 'phones', c.phones, 'emails', c.emails, 'tags', c.tags,
		'custom_fields', c.custom_fields, 'opt_in_status', c.opt_in_status, 'created_at', c.created_at,
		'updated_at', c.updated_at, 'company', event.company_object(org, c.company_id));
end
$$;

create function event.organization_object(org uuid) returns json
language sql stable set search_path = ''
as $$
	select json_build_object('id', o.id, 'name', o.name, 'slug', o.slug, 'settings', '{}'::json,
		'created_at', o.created_at, 'updated_at', o.updated_at)
	from public.organizations o where o.id = org
$$;

create function event.conversation_object(org uuid, conversation uuid) returns json
language sql stable set search_path = ''
as $$
	select json_build_object('id', c.id, 'organization_id', c.organization_id, 'contact_id', c.contact_id,
		'channel_account_id', c.channel_account_id, 'assignee_id', c.assignee_id, 'status', c.status,
		'sla_deadline', c.sla_deadline, 'last_message_at', c.last_message_at, 'tags', c.tags,
		'created_at', c.created_at, 'updated_at', c.updated_at,
		'channel_account', (select json_build_object('id', a.id, 'type', a.type, 'name', a.name, 'settings', '{}'::json,
				'is_active', a.is_active)
			from public.channel_accounts a where a.organization_id = org and a.id = c.channel_account_id),
		'assignee', (select json_build_object('id', p.id, 'first_name', p.first_name, 'last_name', p.last_name,
				'email', p.email)
			from public.profiles p where p.organization_id = org and p.id = c.assignee_id))
	from public.conversations c where c.organization_id = org and c.id = conversation
$$;

-- Everything that the given deliveries need, in one query. Objects are read
-- only for a body that was not built yet, and only when `enhanced`: the worker
-- asks again without when that failed (WHK-49).
create function event.webhook_load(orgs uuid[], deliveries uuid[], enhanced boolean)
	returns table (organization_id uuid, id uuid, webhook_id uuid, event_id uuid, event_type text, seq bigint, state text,
		attempts integer, body text, event_time text, url text, secret text, custom_headers jsonb, is_active boolean,
		record_type text, at timestamptz, data jsonb, changes jsonb, contact json, organization json, conversation json,
		company json, format text)
language sql stable security definer set search_path = ''
as $$
	select d.organization_id, d.id, d.webhook_id, d.event_id, d.event_type, d.seq, d.state, d.attempts, d.body,
		d.event_time, w.url, w.secret, w.custom_headers, w.is_active,
		coalesce(e.record_type, split_part(d.event_type, '.', 1)), coalesce(e.created_at, d.created_at),
		coalesce(d.sample, e.data), e.changes,
		case when x.wanted then event.contact_object(d.organization_id,
			case e.record_type when 'contact' then null else (e.data ->> 'contact_id')::uuid end) end,
		case when x.wanted then event.organization_object(d.organization_id) end,
		case when x.wanted then event.conversation_object(d.organization_id,
			case e.record_type when 'conversation' then e.record_id else (e.data ->> 'conversation_id')::uuid end) end,
		case when x.wanted and e.record_type in ('deal', 'contact') then
			event.company_object(d.organization_id, (e.data ->> 'company_id')::uuid) end, w.format
	from unnest(orgs, deliveries) n (org, delivery)
	join public.webhook_deliveries d on d.organization_id = n.org and d.id = n.delivery
	join public.webhook_configurations w on w.organization_id = d.organization_id and w.id = d.webhook_id
	left join public.events e on e.organization_id = d.organization_id and e.id = d.event_id
	cross join lateral (select enhanced and d.body is null and d.sample is null as wanted) x
$$;

-- Is this job still this worker's? What a job writes at its end asks this
-- first, because the end may be written twice when a commit's answer was lost.
create function job.held(worker text, org uuid, job bigint) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from job.jobs j where j.organization_id = org and j.id = job and j.state = 'running'
		and j.locked_by = worker)
$$;

-- Write an attempt down (WHK-63): the log, the delivery, and how the endpoint
-- is doing. retry_ms null after a failure: no more attempts. `gone`: the
-- receiver said 410 and is not called again.
create function event.webhook_attempted(org uuid, delivery uuid, built text, built_time text, good boolean,
	answer_status integer, answer text, error text, took_ms integer, retry_ms bigint, gone boolean) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	d public.webhook_deliveries;
begin
	update public.webhook_deliveries t set body = coalesce(t.body, built), event_time = coalesce(t.event_time, built_time),
			attempts = t.attempts + 1,
			state = case when good then 'delivered' when retry_ms is null then 'dead' else 'waiting' end,
			delivered_at = case when good then clock_timestamp() else t.delivered_at end,
			next_attempt_at = case when not good then now() + retry_ms * interval '1 millisecond' end
		where t.organization_id = org and t.id = delivery
		returning * into d;
	if not found then
		return;
	end if;
	insert into public.webhook_logs (organization_id, webhook_id, delivery_id, event_id, event_type, attempt, payload,
			response_status, response_body, error_message, status, duration_ms)
		values (org, d.webhook_id, d.id, d.event_id, d.event_type, d.attempts, d.body, answer_status, answer, error,
			case when good then 'success' else 'failure' end, took_ms);
	if good then
		-- At most once a minute, so that a busy endpoint's row stays calm.
		update public.webhook_configurations w set last_success_at = now(), failing_since = null
			where w.organization_id = org and w.id = d.webhook_id
				and (w.failing_since is not null or w.last_success_at is null or w.last_success_at < now() - interval '1 minute');
	else
		update public.webhook_configurations w set failing_since = coalesce(w.failing_since, now()),
				is_active = w.is_active and not gone
			where w.organization_id = org and w.id = d.webhook_id and (w.failing_since is null or gone);
	end if;
end
$$;

-- ---- for the tenant's administrators -----------------------------------------------------------------------------

create function event.require_admin() returns void
language plpgsql stable set search_path = ''
as $$
begin
	if coalesce(auth.app_role(), '') not in ('OWNER', 'ADMIN', 'SYSTEM') then
		raise exception using errcode = 'KT403', message = 'Only owners and administrators manage webhooks';
	end if;
end
$$;

-- Generated data in the documented shape of the event (WHK-66).
create function event.sample(org uuid, event_type text) returns jsonb
language plpgsql volatile set search_path = ''
as $$
declare
	at timestamptz := clock_timestamp();
	kind text := split_part(event_type, '.', 1);
	common jsonb := jsonb_build_object('id', public.uuid7(), 'organization_id', org, 'created_at', at,
		'organization', event.organization_object(org));
	contact jsonb := jsonb_build_object('id', public.uuid7(), 'organization_id', org, 'first_name', 'Test',
		'last_name', 'Contact', 'phones', array['+15555550100'], 'emails', array['test@example.com'],
		'tags', array['test'], 'custom_fields', '{}'::jsonb, 'opt_in_status', true, 'created_at', at, 'updated_at', at);
begin
	if kind = 'contact' then
		return common || contact;
	elsif kind = 'deal' then
		return common || jsonb_build_object('title', 'Test deal', 'value', 1500, 'currency', 'USD', 'stage', 'new',
			'contact_id', contact -> 'id', 'products', '[]'::jsonb, 'updated_at', at, 'contact', contact);
	elsif kind in ('message', 'broadcast') then
		return common || jsonb_build_object('conversation_id', public.uuid7(), 'contact_id', contact -> 'id',
			'content', 'Test message', 'direction', case event_type when 'message.received' then 'INBOUND' else 'OUTBOUND' end,
			'status', case event_type when 'message.received' then 'DELIVERED'
				else upper(split_part(event_type, '.', 2)) end, 'contact', contact);
	end if;
	return common || jsonb_build_object('contact_id', contact -> 'id', 'status', 'OPEN', 'contact', contact);
end
$$;

create function public.webhook_test(webhook uuid, event_type text default null) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	type text;
	delivery uuid;
begin
	perform event.require_admin();
	select coalesce(webhook_test.event_type, w.events[1]) into type
		from public.webhook_configurations w where w.organization_id = org and w.id = webhook;
	if type is null then
		raise exception using errcode = 'KT404', message = 'This webhook does not exist';
	end if;
	insert into public.webhook_deliveries (organization_id, webhook_id, event_id, event_type, seq, sample)
		values (org, webhook, public.uuid7(), type, 0, event.sample(org, type)) returning id into delivery;
	insert into job.jobs (organization_id, kind, key, lane, payload, priority)
		values (org, 'webhook', delivery::text, webhook, jsonb_build_object('delivery_id', delivery), 1);
	perform job.wake();
	return delivery;
end
$$;
comment on function public.webhook_test(uuid, text) is
	'Send a generated event with normal headers and signature; returns the delivery, whose attempt appears in webhook_logs (WHK-66)';

create function public.webhook_retry(delivery uuid) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	webhook uuid;
begin
	perform event.require_admin();
	update public.webhook_deliveries d set state = 'waiting', next_attempt_at = now()
		where d.organization_id = org and d.id = delivery returning d.webhook_id into webhook;
	if not found then
		raise exception using errcode = 'KT404', message = 'This delivery does not exist';
	end if;
	delete from job.jobs j where j.organization_id = org and j.kind = 'webhook' and j.key = delivery::text
		and j.state in ('dead', 'waiting');
	insert into job.jobs (organization_id, kind, key, lane, payload, priority)
		values (org, 'webhook', delivery::text, webhook, jsonb_build_object('delivery_id', delivery), 4)
		on conflict (organization_id, kind, key) where state <> 'dead' do nothing;
	perform job.wake();
	return true;
end
$$;
comment on function public.webhook_retry(uuid) is 'Deliver again now, whatever became of it before; the same id, body and signature (WHK-59)';
grant execute on function public.webhook_test(uuid, text), public.webhook_retry(uuid) to authenticated;

-- ---- cleaning up ------------------------------------------------------------------------------------------------------

create index webhook_logs_age_idx on public.webhook_logs (created_at);
create index webhook_deliveries_age_idx on public.webhook_deliveries (created_at);
create index inbound_hooks_age_idx on public.inbound_hooks (received_at);

-- A slice of what is older than `days`; returns how much went, so that the
-- caller goes on while there is more.
create function job.purge(days integer, most integer) returns bigint
language plpgsql security definer set search_path = '' set enable_seqscan = off
as $$
declare
	total bigint := 0;
	n bigint;
	before timestamptz := now() - days * interval '1 day';
begin
	delete from public.webhook_logs l where l.ctid = any (array(
		select o.ctid from public.webhook_logs o where o.created_at < before order by o.created_at limit most));
	get diagnostics n = row_count;
	total := total + n;
	delete from public.webhook_deliveries d where d.ctid = any (array(
		select o.ctid from public.webhook_deliveries o where o.created_at < before and o.state <> 'waiting'
		order by o.created_at limit most));
	get diagnostics n = row_count;
	total := total + n;
	delete from public.inbound_hooks h where h.ctid = any (array(
		select o.ctid from public.inbound_hooks o where o.received_at < before and o.state in ('done', 'ignored')
		order by o.received_at limit most));
	get diagnostics n = row_count;
	total := total + n;
	delete from internal.idempotent_answers a where a.created_at < now() - interval '1 day';
	delete from auth.sessions s where s.expires_at < before;
	perform auth.purge();
	return total;
end
$$;

grant execute on function job.here(text), job.sleep(text), job.awake(text), 
	job.claim(text, text[], integer[], integer[], text[], uuid[], uuid[], uuid),
	job.claim_suspect(text, text[]), job.done(text, uuid[], bigint[]), job.fail(text, uuid, bigint, text, bigint, boolean),
	job.release(text, uuid[], bigint[]), job.held(text, uuid, bigint), job.reap(interval), job.dead_letters(uuid, integer), job.rerun(uuid, bigint),
	job.statistics(), job.purge(integer, integer), job.wake(),
	job.enqueue(uuid, text, text, jsonb, timestamptz, integer, uuid),
	event.dispatch(integer), event.webhook_load(uuid[], uuid[], boolean),
	event.webhook_attempted(uuid, uuid, text, text, boolean, integer, text, text, integer, bigint, boolean)
	to kontor_worker;
