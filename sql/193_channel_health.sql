-- The health of channels (INB-114..119, FACT-52): what came in, what could not be
-- worked on, and working on it again (CHA-31, CHA-33). What providers sent is for
-- the programs alone; administrators look at it through these functions.

alter table public.inbound_hooks
	add column unmatched text,
	add column tries integer not null default 0,
	add column tried_at timestamptz,
	add column discarded_at timestamptz;
comment on column public.inbound_hooks.unmatched is
	'What the call names its account by, when no active account has that (CHA-73): it stands with another one of the same app';
comment on column public.inbound_hooks.tries is 'How often it was worked on again by itself';
comment on column public.inbound_hooks.discarded_at is 'Somebody decided that nothing is to come of it';
alter table job.jobs add column discarded_at timestamptz;
comment on column job.jobs.discarded_at is 'A dead job about which somebody decided that nothing is to come of it';

-- ---- working on a call again -----------------------------------------------------------------

-- True when it is in the queue. A call for an account that nobody had goes to the
-- one that has it now; while there is none, it stays.
create function internal.hook_again(h public.inbound_hooks) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	of_now uuid := h.channel_account_id;
begin
	if h.unmatched is not null then
		select a.id into of_now from public.channel_accounts a
			join public.channel_accounts b on b.organization_id = a.organization_id and b.id = h.channel_account_id and b.type = a.type
			where a.organization_id = h.organization_id and a.is_active and a.external_id = h.unmatched;
		if of_now is null then
			return false;
		end if;
	end if;
	delete from job.jobs j where j.organization_id = h.organization_id and j.kind = 'inbound' and j.key = h.id::text and j.state = 'dead';
	update public.inbound_hooks x set state = 'new', unmatched = null, channel_account_id = of_now, tries = x.tries + 1,
			tried_at = now(), discarded_at = null
		where x.organization_id = h.organization_id and x.id = h.id and x.state in ('failed', 'ignored')
			and not exists (select from public.inbound_hooks d where d.organization_id = h.organization_id
				and d.channel_account_id = of_now and d.dedupe = h.dedupe and d.id <> h.id);
	return found;
end
$$;
revoke execute on function internal.hook_again(public.inbound_hooks) from public;

-- By itself: after ten minutes, then ever later, five times; one that no account
-- was there for as soon as there is one.
create function internal.retry_dead_letters(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	h public.inbound_hooks;
	n bigint := 0;
begin
	for h in select * from public.inbound_hooks x
			where x.state = 'failed' and x.discarded_at is null and x.tries < 5
				and x.received_at > now() - interval '7 days'
				and coalesce(x.tried_at, x.processed_at, x.received_at)
					< now() - least(interval '10 minutes' * power(3, x.tries), interval '1 day')
			order by x.received_at limit most for update skip locked loop
		if internal.hook_again(h) then
			n := n + 1;
		end if;
	end loop;
	return n;
end
$$;
comment on function internal.retry_dead_letters(integer) is 'Works again on calls of providers that could not be worked on (CHA-31)';
insert into job.timers (name, call, every) values ('dead_letters', 'internal.retry_dead_letters(200)', '1 minute');

-- ---- the log of calls (CHA-33) ------------------------------------------------------------------

create function app.inbound_log(before uuid, of_channel uuid, of_state text, most integer)
	returns table (id uuid, received_at timestamptz, state text, error text, channel_account_id uuid, channel text, type text,
		bytes integer, took_ms integer)
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	return query
		select h.id, h.received_at, case when h.discarded_at is not null then 'discarded' else h.state end, h.error,
			h.channel_account_id, a.name, a.type, octet_length(h.body),
			(1000 * extract(epoch from h.processed_at - h.received_at))::integer
		from public.inbound_hooks h
		left join public.channel_accounts a on a.organization_id = h.organization_id and a.id = h.channel_account_id
		where h.organization_id = auth.org() and (before is null or h.id < before)
			and (of_channel is null or h.channel_account_id = of_channel)
			and (of_state is null or (of_state = 'discarded') = (h.discarded_at is not null) and (of_state = 'discarded' or h.state = of_state))
		order by h.id desc limit most;
end
$$;

create function app.inbound_call(hook uuid)
	returns table (id uuid, received_at timestamptz, processed_at timestamptz, state text, error text, channel_account_id uuid,
		channel text, type text, body text, tries integer, is_dead boolean)
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	return query
		select h.id, h.received_at, h.processed_at, case when h.discarded_at is not null then 'discarded' else h.state end, h.error,
			h.channel_account_id, a.name, a.type, encode(h.body, 'hex'), h.tries, h.state = 'failed' and h.discarded_at is null
		from public.inbound_hooks h
		left join public.channel_accounts a on a.organization_id = h.organization_id and a.id = h.channel_account_id
		where h.organization_id = auth.org() and h.id = hook;
end
$$;

-- ---- dead letters ---------------------------------------------------------------------------------

-- Calls that could not be worked on, and work that failed for good.
create function app.dead_letters(before timestamptz, most integer)
	returns table (source text, id text, at timestamptz, kind text, error text, channel text, detail text)
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	return query
		select * from (
			(select 'call', h.id::text, h.received_at, 'inbound', h.error, a.name, null::text
			from public.inbound_hooks h
			left join public.channel_accounts a on a.organization_id = h.organization_id and a.id = h.channel_account_id
			where h.organization_id = auth.org() and h.state = 'failed' and h.discarded_at is null
				and (before is null or h.received_at < before)
			order by h.received_at desc limit most)
			union all
			(select 'job', j.id::text, j.created_at, j.kind, j.last_error, null,
				-- A letter may hold a link that signs somebody in.
				case j.kind when 'mail' then jsonb_build_object('to', j.payload -> 'to', 'subject', j.payload -> 'subject') else j.payload end::text
			from job.jobs j
			where j.organization_id = auth.org() and j.state = 'dead' and j.kind <> 'inbound' and j.discarded_at is null
				and (before is null or j.created_at < before)
			order by j.created_at desc limit most)) x
		order by 3 desc limit most;
end
$$;

create function app.dead_letter_count() returns integer
language plpgsql stable security definer set search_path = ''
as $$
begin
	return (select count(*) from (select from public.inbound_hooks h where h.organization_id = auth.org() and h.state = 'failed'
			and h.discarded_at is null limit 1000) x)
		+ (select count(*) from (select from job.jobs j where j.organization_id = auth.org() and j.state = 'dead'
			and j.kind <> 'inbound' and j.discarded_at is null limit 1000) x);
end
$$;

create function app.dead_rerun(of_source text, of_id text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	h public.inbound_hooks;
	j job.jobs;
begin
	perform internal.admins_only('channels');
	if of_source = 'call' then
		select * into h from public.inbound_hooks x where x.organization_id = org and x.id = of_id::uuid for update;
		if h.id is null then
			raise exception using errcode = 'KT404', message = 'This call does not exist any more';
		end if;
		if h.unmatched is not null and not internal.hook_again(h) then
			raise exception using errcode = 'KT409', message = format('No active channel has %s yet', h.unmatched),
				hint = 'Connect it, then run the call again';
		end if;
		return h.unmatched is not null or internal.hook_again(h);
	end if;
	select * into j from job.jobs x where x.organization_id = org and x.id = of_id::bigint and x.state = 'dead';
	if j.id is null then
		raise exception using errcode = 'KT404', message = 'This does not wait any more';
	end if;
	update job.jobs x set discarded_at = null where x.organization_id = org and x.id = j.id;
	if j.kind = 'webhook' then
		return public.webhook_retry(j.key::uuid);
	end if;
	return job.rerun(org, j.id);
end
$$;

-- All that there are, a thousand at a time; how many went into the queue.
create function app.dead_rerun_all() returns integer
language plpgsql security definer set search_path = ''
as $$
declare
	d record;
	n integer := 0;
begin
	if auth.org() is null then
		return 0;
	end if;
	for d in select l.source, l.id from app.dead_letters(null, 1000) l loop
		begin
			n := n + app.dead_rerun(d.source, d.id)::integer;
		exception when sqlstate 'KT409' or sqlstate 'KT404' then
			null; -- its channel is not there yet
		end;
	end loop;
	return n;
end
$$;

-- Nothing is to come of it; `back` takes that back.
create function app.dead_discard(of_source text, of_id text, back boolean) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	done_at timestamptz := case when back then null else now() end;
begin
	perform internal.admins_only('channels');
	if of_source = 'call' then
		update public.inbound_hooks h set discarded_at = done_at, state = case when back then 'failed' else 'ignored' end
			where h.organization_id = org and h.id = of_id::uuid
				and (h.state = 'failed' or back and h.state = 'ignored' and h.discarded_at is not null);
	else
		update job.jobs j set discarded_at = done_at where j.organization_id = org and j.id = of_id::bigint and j.state = 'dead';
	end if;
	return found;
end
$$;

-- ---- the queue -------------------------------------------------------------------------------------

-- Messages that wait or hang, by channel: counted up to a thousand.
create function app.channel_backlog() returns table (channel_account_id uuid, waiting integer, stuck integer, oldest timestamptz)
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	return query
		select m.channel_account_id, count(*) filter (where j.state in ('ready', 'waiting'))::integer,
			count(*) filter (where j.state = 'running' and j.locked_at < now() - interval '5 minutes')::integer, min(m.created_at)
		from (select x.key, x.state, x.locked_at from job.jobs x
			where x.organization_id = auth.org() and x.kind = 'send_message' and x.state in ('ready', 'waiting', 'running')
				and x.created_at < now() - interval '1 minute' and x.run_at < now() + interval '1 hour'
			limit 1000) j
		join public.messages m on m.organization_id = auth.org() and m.id = j.key::uuid
		where m.status in ('PENDING', 'SENDING')
		group by 1;
end
$$;

-- Calls that came in and are still to be worked on.
create function app.inbound_backlog() returns integer
language plpgsql stable security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	return (select count(*) from (select from public.inbound_hooks h where h.organization_id = auth.org() and h.state = 'new'
		limit 1000) x);
end
$$;

grant execute on function app.inbound_log(uuid, uuid, text, integer), app.inbound_call(uuid), app.dead_letters(timestamptz, integer),
	app.dead_letter_count(), app.dead_rerun(text, text), app.dead_rerun_all(), app.dead_discard(text, text, boolean),
	app.channel_backlog(), app.inbound_backlog() to authenticated;

-- ---- a test message (CHA-12) ------------------------------------------------------------------------------

-- By this channel: to an address, else to who wrote there last.
create function app.channel_test(channel uuid, handle_kind text, address text, body text, client uuid) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	talk uuid;
	person uuid;
	message uuid;
begin
	perform internal.admins_only('channels');
	if not exists (select from public.channel_accounts a where a.id = channel and a.is_active) then
		raise exception using errcode = 'KT409', message = 'The channel is switched off',
			hint = 'Check its credentials; it is switched on when they are good';
	end if;
	if address is null then
		select c.id, c.contact_id into talk, person from public.conversations c
			where c.channel_account_id = channel and c.status in ('OPEN', 'PENDING') and not (c.metadata ? 'is_comment_thread')
			order by c.last_message_at desc nulls last, c.id desc limit 1;
		if talk is null then
			raise exception using errcode = 'KT409', message = 'Nobody has written to this channel yet',
				hint = 'Write to it yourself, then answer with the test message';
		end if;
	else
		if handle_kind = 'phone' then
			address := internal.phone_normalized(address);
			if address is null then
				raise exception using errcode = 'KT400', column = 'to',
					message = 'Write the number with its country code, for example +49 30 1234567';
			end if;
		end if;
		person := public.contact_for_handle(handle_kind, address, null);
		select c.id into talk from public.conversations c where c.contact_id = person and c.channel_account_id = channel
			and c.status in ('OPEN', 'PENDING') and not (c.metadata ? 'is_comment_thread');
		if exists (select from public.channel_accounts a where a.id = channel and a.type in ('SMS', 'SHRINKIT_PUSH')) then
			talk := internal.hidden_conversation(person, channel); -- one that only sends
		elsif talk is null then
			insert into public.conversations (organization_id, contact_id, channel_account_id)
				values (org, person, channel) returning id into talk;
		end if;
	end if;
	insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, sender_id, direction, content,
			message_type, client_id, metadata)
		values (org, talk, person, channel, auth.uid(), 'OUTBOUND', body, 'text', client, '{"is_test": true}')
		on conflict (organization_id, client_id) where client_id is not null do nothing returning id into message;
	if message is null then
		select m.id into message from public.messages m where m.organization_id = org and m.client_id = client;
	end if;
	update public.channel_accounts a set last_test_id = message where a.id = channel;
	return message;
end
$$;
grant execute on function app.channel_test(uuid, text, text, text, uuid) to authenticated;

notify pgrst;
