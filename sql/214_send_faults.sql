-- Sending on a provider's bad day: the channel says what is wrong with it, and what is
-- written to somebody stays in its order while an earlier message waits for another attempt.

-- ---- what went wrong is said at the channel (INB-116) -----------------------------------

-- Not at each message: the same trouble is noted once in ten seconds, however many meet it.
create function internal.channel_trouble(channel uuid, why text) returns void
language sql
as $$
	update public.channel_accounts a set last_error = why
		where a.organization_id = auth.org() and a.id = channel and a.last_error is distinct from why
			and not exists (select from public.channel_states s where s.organization_id = a.organization_id
				and s.channel_account_id = a.id and s.state = 'problem' and s.why = left(channel_trouble.why, 1000)
				and s.at > now() - interval '10 seconds')
$$;
comment on function internal.channel_trouble(uuid, text) is
	'A message could not be sent, or nobody knows whether it was, and that is the provider''s doing; for the programs';
revoke execute on function internal.channel_trouble(uuid, text) from public;
grant execute on function internal.channel_trouble(uuid, text) to authenticated;

-- ---- in the order in which they were written ----------------------------------------------

create index jobs_lane_waiting_idx on job.jobs (organization_id, lane, id) where state = 'waiting' and kind = 'send_message';

-- The job of an earlier message to the same person by the same channel, which failed and waits.
create function internal.send_ahead(of_message uuid) returns bigint
language sql stable security definer set search_path = ''
as $$
	select e.id from public.messages m
		join job.jobs j on j.organization_id = m.organization_id and j.kind = 'send_message' and j.key = m.id::text and j.state <> 'dead'
		join job.jobs e on e.organization_id = m.organization_id and e.lane = m.conversation_id and e.kind = 'send_message'
			and e.state = 'waiting' and e.last_error is not null and e.id < j.id
		join public.messages b on b.organization_id = m.organization_id and b.id = e.key::uuid and b.status = 'PENDING'
			and b.channel_account_id = m.channel_account_id
		where m.organization_id = auth.org() and m.id = of_message
		order by e.id limit 1
$$;
revoke execute on function internal.send_ahead(uuid) from public;
grant execute on function internal.send_ahead(uuid) to authenticated;

-- How many seconds a message has to wait for the one ahead. Somebody who writes on asks for
-- news: the one ahead is tried now, which counts as no attempt. (What a provider told to
-- come back later has no attempts, and waits as long as it said.)
create function internal.send_behind(of_message uuid) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	ahead job.jobs;
begin
	select * into ahead from job.jobs e where e.organization_id = org and e.id = internal.send_ahead(of_message);
	if ahead.id is null then
		return 1;
	end if;
	if ahead.attempts > 0 and ahead.run_at > now() and exists (select from job.jobs j where j.organization_id = org
			and j.kind = 'send_message' and j.key = of_message::text and j.state = 'running' and j.last_error is null) then
		update job.jobs e set run_at = now(), attempts = e.attempts - 1
			where e.organization_id = org and e.id = ahead.id and e.state = 'waiting';
		return 1;
	end if;
	return greatest(1, least(86400, ceil(extract(epoch from ahead.run_at - now()))));
end
$$;
revoke execute on function internal.send_behind(uuid) from public;
grant execute on function internal.send_behind(uuid) to authenticated;

-- What became of a message is known: those that wait behind it need not wait longer.
create function internal.send_next(of_message uuid) returns void
language sql security definer set search_path = ''
as $$
	update job.jobs j set run_at = now() from public.messages m
		where m.organization_id = auth.org() and m.id = of_message and j.organization_id = m.organization_id
			and j.lane = m.conversation_id and j.kind = 'send_message' and j.state = 'waiting' and j.run_at > now()
			and j.last_error = 'An earlier message of this conversation goes first'
$$;
revoke execute on function internal.send_next(uuid) from public;
grant execute on function internal.send_next(uuid) to authenticated;
