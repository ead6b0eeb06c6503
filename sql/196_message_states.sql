-- What a message can be and what is done to it: scheduled and repeated sending,
-- withdrawing, reactions, edits, deletion. Rules are triggers here, so that pages, API and
-- worker get the same; what the provider says to it comes by lib/channel (act.c).

alter table public.messages
	add column edited_at timestamptz,
	add column deleted_at timestamptz,
	add column transcript text check (length(transcript) <= 65536),
	add column translation jsonb;
comment on column public.messages.edited_at is 'When its words were changed last; what they were is in metadata.edits';
comment on column public.messages.deleted_at is 'Its words and files are gone; metadata.revoked says whether the customer''s screen has it still';
comment on column public.messages.transcript is 'What a voice message says, in words';
comment on column public.messages.translation is '{"language", "text", "from", "provider"} of the newest translation';
comment on column public.messages.scheduled_at is 'Not before then; in the future it makes the message SCHEDULED';

-- ---- states ------------------------------------------------------------------------

-- As in 005, and: what is for later is SCHEDULED; a message counts from when it goes, not
-- from when it was planned; what is deleted has no words any more.
create or replace function internal.message_normalize() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.status := upper(new.status);
	new.direction := upper(new.direction);
	new.status := case new.status when 'RECEIVED' then 'DELIVERED' else new.status end;
	new.direction := case new.direction when 'INCOMING' then 'INBOUND' when 'OUTGOING' then 'OUTBOUND' else new.direction end;
	if tg_op = 'INSERT' then
		if new.channel_account_id is not null and not exists (select from public.channel_accounts a
				where a.organization_id = new.organization_id and a.id = new.channel_account_id) then
			raise exception using errcode = 'KT400', message = 'channel_account_id names no channel of this organization',
				column = 'channel_account_id';
		end if;
		if new.reply_to_id is not null and not exists (select from public.messages q where q.organization_id = new.organization_id
				and q.id = new.reply_to_id and q.conversation_id = new.conversation_id) then
			raise exception using errcode = 'KT400', message = 'The message that is answered is in another conversation',
				column = 'reply_to_id';
		end if;
		if new.direction = 'OUTBOUND' and new.status = 'PENDING' and new.scheduled_at > clock_timestamp() then
			new.status := 'SCHEDULED';
		elsif new.status = 'SCHEDULED' and new.scheduled_at is null then
			raise exception using errcode = 'KT400', message = 'A scheduled message needs scheduled_at', column = 'scheduled_at';
		end if;
		select coalesce(new.contact_id, c.contact_id),
				coalesce(new.channel_account_id, c.response_channel_id, c.channel_account_id)
			into new.contact_id, new.channel_account_id
			from public.conversations c
			where c.organization_id = new.organization_id and c.id = new.conversation_id;
		return new;
	end if;
	if internal.status_rank(new.status) < internal.status_rank(old.status)
			and not (old.status = 'FAILED' and new.status = 'PENDING')
			and not (old.status = 'UNKNOWN' and new.status = 'PENDING')
			and not (old.status = 'SENDING' and new.status = 'PENDING') then
		new.status := old.status;
		new.error := old.error;
		new.error_code := old.error_code;
	elsif new.status = 'FAILED' and old.status in ('DELIVERED', 'READ') then
		new.status := old.status;
	end if;
	if old.status = 'SCHEDULED' and new.status <> 'SCHEDULED' then
		new.created_at := clock_timestamp();
	end if;
	if old.deleted_at is not null then
		new.content := null;
		new.deleted_at := old.deleted_at;
	end if;
	return new;
end
$$;

-- The conversation as its list shows it, after a message has come or gone out.
create function internal.talk_moved(m public.messages) returns void
language sql security definer set search_path = ''
as $$
	update public.conversations c set
		last_message_at = greatest(c.last_message_at, m.created_at),
		last_message_preview = left(coalesce(nullif(m.content, ''), '[' || m.message_type || ']'), 200),
		last_message_direction = m.direction,
		last_inbound_at = case when m.direction = 'INBOUND' then greatest(c.last_inbound_at, m.created_at) else c.last_inbound_at end,
		unread_count = case when m.direction = 'INBOUND' then c.unread_count + 1 else c.unread_count end,
		status = case when m.direction = 'INBOUND' and c.status in ('RESOLVED', 'CLOSED') then 'OPEN' else c.status end,
		snoozed_until = case when m.direction = 'INBOUND' then null else c.snoozed_until end
	where c.organization_id = m.organization_id and c.id = m.conversation_id
$$;

-- Of a member before of a program (sql/203).
create function internal.send_priority(m public.messages) returns integer
language sql immutable
as $$ select case when m.sender_id is null then 3 else 2 end $$;

create or replace function internal.message_inserted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.status <> 'SCHEDULED' then
		perform internal.talk_moved(new);
	end if;
	insert into public.message_status_history (organization_id, message_id, status, error)
		values (new.organization_id, new.id, new.status, new.error);
	if new.direction = 'INBOUND' then
		perform internal.emit(new.organization_id, 'message.received', 'message', new.id, internal.message_snapshot(new));
	elsif new.status in ('SENT', 'DELIVERED', 'READ', 'FAILED') then -- told us from outside (API-76)
		perform internal.emit(new.organization_id, 'message.' || lower(new.status), 'message', new.id,
			internal.message_snapshot(new));
	elsif new.status in ('PENDING', 'SCHEDULED') then
		perform internal.emit(new.organization_id, 'message.queued', 'message', new.id, internal.message_snapshot(new));
		perform job.enqueue(new.organization_id, 'send_message', new.id::text, jsonb_build_object('message_id', new.id),
			coalesce(new.scheduled_at, now()), internal.send_priority(new), new.conversation_id); -- of one conversation one after the other
		-- It goes out before what programs send, and what waits before it in its own conversation with it.
		if new.sender_id is not null then
			update job.jobs j set priority = internal.send_priority(new)
				where j.organization_id = new.organization_id and j.kind = 'send_message' and j.lane = new.conversation_id
					and j.state = 'ready' and j.crashes < 2 and j.priority > internal.send_priority(new);
		end if;
	end if;
	return null;
end
$$;

-- Each transition is in the history and an event: for a screen that shows the state, all
-- of them; webhooks have names for the documented ones.
create or replace function internal.message_status_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if old.status = 'SCHEDULED' then
		perform internal.talk_moved(new);
	end if;
	insert into public.message_status_history (organization_id, message_id, status, error)
		values (new.organization_id, new.id, new.status, new.error);
	perform internal.emit(new.organization_id,
		'message.' || case new.status when 'PENDING' then 'queued' else lower(new.status) end, 'message', new.id,
		internal.message_snapshot(new) || case when new.status = 'FAILED'
			then jsonb_build_object('error', new.error, 'error_code', new.error_code) else '{}' end,
		jsonb_build_object('old_status', old.status, 'new_status', new.status));
	if new.status = 'PENDING' then
		perform job.enqueue(new.organization_id, 'send_message', new.id::text, jsonb_build_object('message_id', new.id),
			now(), internal.send_priority(new), new.conversation_id);
	end if;
	-- MSG-37: who planned it hears how it went.
	if new.scheduled_at is not null and new.status in ('SENT', 'FAILED', 'UNKNOWN') and not new.metadata ? 'undo' then
		perform internal.notify(new.organization_id, new.sender_id,
			case new.status when 'SENT' then 'message.went' else 'message.stuck' end, 'conversation', new.conversation_id,
			jsonb_build_object('title', left(coalesce(nullif(new.content, ''), '[' || new.message_type || ']'), 80)));
	end if;
	return null;
end
$$;

-- Another time for what waits: its job follows. What the worker has in hand already it puts
-- back by itself when it sees that it is too early.
create function internal.message_rescheduled() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.scheduled_at is null then
		raise exception using errcode = 'KT400', message = 'A scheduled message needs a time', column = 'scheduled_at';
	end if;
	update job.jobs j set run_at = new.scheduled_at, state = 'waiting'
		where j.organization_id = new.organization_id and j.kind = 'send_message' and j.key = new.id::text
			and j.state in ('ready', 'waiting');
	if not found then
		perform job.enqueue(new.organization_id, 'send_message', new.id::text, jsonb_build_object('message_id', new.id),
			new.scheduled_at, internal.send_priority(new), new.conversation_id);
	end if;
	return null;
end
$$;
create trigger rescheduled after update of scheduled_at on public.messages
	for each row when (new.status = 'SCHEDULED' and new.scheduled_at is distinct from old.scheduled_at)
	execute function internal.message_rescheduled();

-- Screens follow what changes beside the status.
create function internal.message_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'message.updated', 'message', new.id, internal.message_snapshot(new));
	return null;
end
$$;
create trigger changed after update of content, deleted_at, scheduled_at, transcript, translation on public.messages
	for each row when (new.status = old.status and (new.content, new.deleted_at, new.scheduled_at, new.transcript, new.translation)
		is distinct from (old.content, old.deleted_at, old.scheduled_at, old.transcript, old.translation))
	execute function internal.message_changed();

-- What never went out may go without a trace but this one; the rest of a deletion by the
-- API is an event as well, so that no open page keeps showing it.
create function internal.message_gone() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from public.conversations c where c.organization_id = old.organization_id and c.id = old.conversation_id) then
		perform internal.emit(old.organization_id, 'message.removed', 'message', old.id,
			jsonb_build_object('id', old.id, 'conversation_id', old.conversation_id, 'status', old.status));
	end if;
	return null;
end
$$;
create trigger gone after delete on public.messages for each row execute function internal.message_gone();

-- ---- again and again -----------------------------------------------------------------

create table public.message_schedules (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	repeat text not null check (repeat in ('daily', 'weekly', 'monthly')),
	repeat_until date not null,
	zone text not null,
	first_at timestamptz not null,
	n integer not null default 0 check (n >= 0),
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, message_id),
	constraint message_schedules_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade
);
comment on table public.message_schedules is 'Messages that are sent again: the one that waits now; cancelling it ends the row of them';
comment on column public.message_schedules.repeat_until is 'The last day, in the zone';
comment on column public.message_schedules.n is 'How many have gone';
do $$ begin perform internal.tenant_table('public.message_schedules'); end $$;
do $$ begin perform internal.flag_table('public.message_schedules', 'can_read_messages', 'can_send_messages'); end $$;
create policy visible on public.message_schedules as restrictive to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('message', message_id));

create function internal.schedule_rules() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform now() at time zone new.zone;
	if new.repeat_until < (new.first_at at time zone new.zone)::date then
		raise exception using errcode = 'KT400', message = 'The repetition ends before it begins', column = 'repeat_until';
	end if;
	return new;
exception when invalid_parameter_value then
	raise exception using errcode = 'KT400', message = format('"%s" is not a time zone', new.zone), column = 'zone';
end
$$;
create trigger rules before insert or update on public.message_schedules
	for each row execute function internal.schedule_rules();

-- The n-th time of a row, by the clock on the wall; the 31st is the last of a short month.
create function internal.schedule_time(s public.message_schedules, nth integer) returns timestamptz
language sql stable
as $$
	select ((s.first_at at time zone s.zone) + nth * case s.repeat when 'daily' then interval '1 day'
		when 'weekly' then interval '7 days' else interval '1 month' end) at time zone s.zone
$$;

-- As one goes out, the next one is planned, in the same transaction: once, whatever the
-- worker does, because its client id follows from the row and the number.
create function internal.schedule_next() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	s public.message_schedules;
	next_at timestamptz;
	next uuid := public.uuid7();
begin
	select * into s from public.message_schedules x
		where x.organization_id = new.organization_id and x.message_id = new.id for update;
	if not found then
		return null;
	end if;
	s.n := s.n + 1;
	next_at := internal.schedule_time(s, s.n);
	-- Days that were missed (the installation was down) are not made up for.
	while next_at <= now() loop
		s.n := s.n + 1;
		next_at := internal.schedule_time(s, s.n);
	end loop;
	if (next_at at time zone s.zone)::date > s.repeat_until then
		delete from public.message_schedules x where x.organization_id = s.organization_id and x.id = s.id;
		return null;
	end if;
	insert into public.messages (organization_id, id, conversation_id, channel_account_id, sender_id, direction, content, message_type,
			status, client_id, scheduled_at, metadata)
		values (new.organization_id, next, new.conversation_id, new.channel_account_id, new.sender_id, 'OUTBOUND', new.content,
			new.message_type, 'SCHEDULED', md5(s.id::text || s.n)::uuid, next_at, new.metadata - array['sent', 'settled']);
	insert into public.message_attachments (organization_id, message_id, position, kind, file_id, name, content_type)
		select a.organization_id, next, a.position, a.kind, a.file_id, a.name, a.content_type
		from public.message_attachments a where a.organization_id = new.organization_id and a.message_id = new.id;
	update public.message_schedules x set message_id = next, n = s.n where x.organization_id = s.organization_id and x.id = s.id;
	return null;
end
$$;
create trigger schedule_next after update of status on public.messages
	for each row when (old.status = 'SCHEDULED' and new.status <> 'SCHEDULED') execute function internal.schedule_next();

-- ---- reactions, edits, deletion ---------------------------------------------------------

create table public.message_reactions (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	author text not null check (length(author) between 1 and 200),
	emoji text not null check (length(emoji) between 1 and 20),
	user_id uuid,
	name text,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, message_id, author),
	constraint message_reactions_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade
);
comment on table public.message_reactions is 'One emoji of each side for a message, as the providers have it; put there by message_acts and by customers';
comment on column public.message_reactions.author is 'us, or the customer''s address at the provider';
do $$ begin perform internal.tenant_table('public.message_reactions', writable => false); end $$;
create policy flag_select on public.message_reactions as restrictive for select to authenticated
	using ((select auth.may('can_read_messages')));
create policy visible on public.message_reactions as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('message', message_id));

create table public.message_acts (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	kind text not null check (kind in ('react', 'edit', 'revoke', 'delete', 'settle')),
	emoji text check (length(emoji) <= 20),
	content text check (length(content) <= 65536),
	state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
	error text,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default clock_timestamp(),
	ended_at timestamptz,
	primary key (organization_id, id),
	constraint message_acts_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade
);
comment on table public.message_acts is 'What is done to a message that exists: inserting a row does it';
comment on column public.message_acts.kind is
	'react (emoji; null takes it back), edit (content), revoke (also from the customer''s screen), delete (here alone), settle (an UNKNOWN one did arrive)';
comment on column public.message_acts.state is 'waiting: the provider is asked';
create index message_acts_message_idx on public.message_acts (organization_id, message_id, created_at);
do $$ begin perform internal.tenant_table('public.message_acts'); end $$;
revoke update, delete on public.message_acts from authenticated;
do $$ begin perform internal.flag_table('public.message_acts', 'can_read_messages', 'can_send_messages'); end $$;
create policy visible on public.message_acts as restrictive to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('message', message_id))
	with check ((select auth.sees_all('conversations')) or auth.sees('message', message_id));

-- Its words and files go, and what events repeat of it; a file's content goes when
-- nothing else has it (lib/file sweeps).
create function internal.message_emptied(org uuid, message uuid) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	gone uuid[];
	hashes text[];
begin
	gone := array(select a.file_id from public.message_attachments a where a.organization_id = org and a.message_id = message
		and a.file_id is not null and not exists (select from public.message_attachments o
			where o.organization_id = org and o.file_id = a.file_id and o.message_id <> message));
	delete from public.message_attachments a where a.organization_id = org and a.message_id = message;
	with f as (delete from public.files x where x.organization_id = org and x.id = any (gone) returning x.sha256)
		select array_agg(distinct f.sha256) into hashes from f;
	if hashes is not null then
		perform job.enqueue(org, 'file_sweep', null, jsonb_build_object('sha256', to_jsonb(hashes)), now() + interval '1 second');
	end if;
	delete from public.message_reactions r where r.organization_id = org and r.message_id = message;
	perform internal.blank_events(org, array[message]);
	update public.messages m set deleted_at = clock_timestamp(), content = null, transcript = null, translation = null,
			media_url = null, metadata = m.metadata - array['edits', 'location', 'contacts', 'poll', 'reply_text', 'template']
		where m.organization_id = org and m.id = message and m.deleted_at is null;
	update public.conversations c set last_message_preview = (select left(coalesce(nullif(l.content, ''),
				case when l.deleted_at is null then '[' || l.message_type || ']' else '[deleted]' end), 200)
			from public.messages l where l.organization_id = org and l.conversation_id = c.id and l.status <> 'SCHEDULED'
			order by l.created_at desc, l.id desc limit 1)
		from public.messages m
		where m.organization_id = org and m.id = message and c.organization_id = org and c.id = m.conversation_id;
end
$$;

create function internal.act_begins() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	m public.messages;
begin
	select * into m from public.messages x where x.organization_id = new.organization_id and x.id = new.message_id for update;
	if m.id is null then
		raise exception using errcode = 'KT404', message = 'This message does not exist', column = 'message_id';
	elsif m.deleted_at is not null then
		raise exception using errcode = 'KT409', message = 'This message was deleted';
	elsif new.kind in ('edit', 'revoke') and (m.direction <> 'OUTBOUND' or m.status not in ('SENT', 'DELIVERED', 'READ')) then
		raise exception using errcode = 'KT409', message = 'Only a message that has gone out can be changed at the customer',
			hint = 'Delete it here instead';
	elsif new.kind = 'edit' and coalesce(trim(new.content), '') = '' then
		raise exception using errcode = 'KT400', message = 'Write what the message is to say', column = 'content';
	elsif new.kind = 'delete' and m.status = 'SENDING' then
		raise exception using errcode = 'KT409', message = 'This message is being sent', hint = 'Wait a moment, then try again';
	elsif new.kind = 'settle' and m.status <> 'UNKNOWN' then
		raise exception using errcode = 'KT409', message = 'It is known already what became of this message';
	end if;
	new.created_by := auth.uid();
	new.state := case when new.kind in ('delete', 'settle') then 'done' else 'waiting' end;
	new.emoji := nullif(trim(new.emoji), '');
	if new.state = 'done' then
		new.ended_at := clock_timestamp();
	end if;
	return new;
end
$$;
create trigger a_begins before insert on public.message_acts for each row execute function internal.act_begins();

create function internal.act_begun() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := new.organization_id;
begin
	case new.kind
	when 'react' then
		if new.emoji is null then
			delete from public.message_reactions r where r.organization_id = org and r.message_id = new.message_id and r.author = 'us';
		else
			insert into public.message_reactions (organization_id, message_id, author, emoji, user_id)
				values (org, new.message_id, 'us', new.emoji, new.created_by)
				on conflict (organization_id, message_id, author) do update set emoji = excluded.emoji, user_id = excluded.user_id;
		end if;
	when 'delete', 'revoke' then
		-- One that waits goes for good: it was never sent.
		delete from public.messages m where m.organization_id = org and m.id = new.message_id and m.status in ('SCHEDULED', 'PENDING');
		if found then
			return null;
		end if;
		if new.kind = 'delete' then
			perform internal.message_emptied(org, new.message_id);
		end if;
	when 'settle' then
		update public.messages m set status = 'SENT', error = null, error_code = null,
				metadata = m.metadata || jsonb_build_object('settled', jsonb_build_object('by', new.created_by, 'at', clock_timestamp()))
			where m.organization_id = org and m.id = new.message_id;
	else
	end case;
	if new.state = 'waiting' then
		perform job.enqueue(org, 'message_act', new.id::text, jsonb_build_object('act_id', new.id), now(), 2, new.message_id);
	end if;
	perform internal.emit(org, 'message.updated', 'message', m.id, internal.message_snapshot(m))
		from public.messages m where m.organization_id = org and m.id = new.message_id and new.kind <> 'settle';
	return null;
end
$$;
create trigger begun after insert on public.message_acts for each row execute function internal.act_begun();

-- How the provider took it (lib/channel/act.c).
create function internal.act_ended(act uuid, why text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	x public.message_acts;
begin
	update public.message_acts a set state = case when why is null then 'done' else 'failed' end, error = why,
			ended_at = clock_timestamp()
		where a.organization_id = org and a.id = act and a.state = 'waiting' returning * into x;
	if x.id is null then
		return;
	end if;
	case x.kind
	when 'react' then
		-- The newest wish counts; one that failed was never there.
		if why is not null then
			delete from public.message_reactions r where r.organization_id = org and r.message_id = x.message_id and r.author = 'us'
				and r.emoji is not distinct from x.emoji;
		end if;
	when 'edit' then
		if why is null then
			update public.messages m set content = x.content, edited_at = clock_timestamp(),
					metadata = jsonb_set(m.metadata, '{edits}', coalesce(m.metadata -> 'edits', '[]')
						|| jsonb_build_object('at', clock_timestamp(), 'was', m.content))
				where m.organization_id = org and m.id = x.message_id;
		end if;
	when 'revoke' then
		if why is null then
			update public.messages m set metadata = m.metadata || '{"revoked": true}'
				where m.organization_id = org and m.id = x.message_id;
			perform internal.message_emptied(org, x.message_id);
		end if;
	else
	end case;
	perform internal.emit(org, 'message.updated', 'message', m.id, internal.message_snapshot(m),
			jsonb_build_object('act', x.kind, 'error', why))
		from public.messages m where m.organization_id = org and m.id = x.message_id;
end
$$;

-- ---- what the customer changes ------------------------------------------------------------

-- Like receive_message, for a reaction, an edit or a deletion: of a message that is here.
-- An edit of one that is not known is received as a message of its own.
create function internal.receive_change(channel uuid, handle_kind text, handle_value text, display_name text,
	thread text, provider_id text, kind text, body text, extra jsonb, at timestamptz, attachments jsonb default '[]')
	returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	m public.messages;
begin
	select * into m from public.messages x where x.organization_id = org and x.channel_account_id = channel
		and (x.external_id = coalesce(extra ->> 'edit_of', extra ->> 'reply_to')
			or x.external_id is null and x.id::text = coalesce(extra ->> 'edit_of', extra ->> 'reply_to')) for update;
	if m.id is null then
		if kind = 'edit' then
			perform public.receive_message(channel, handle_kind, handle_value, display_name, thread, provider_id, kind, body, extra, at,
				attachments);
		end if;
		return false;
	end if;
	if m.deleted_at is not null then
		return false;
	end if;
	case kind
	when 'reaction' then
		if coalesce(body, '') = '' then
			delete from public.message_reactions r where r.organization_id = org and r.message_id = m.id and r.author = handle_value;
		else
			insert into public.message_reactions (organization_id, message_id, author, emoji, name)
				values (org, m.id, handle_value, left(body, 20), display_name)
				on conflict (organization_id, message_id, author) do update set emoji = excluded.emoji, name = excluded.name;
		end if;
		perform internal.emit(org, 'message.updated', 'message', m.id, internal.message_snapshot(m));
	when 'edit' then
		-- A receiver that gets it twice, or late, changes nothing the second time.
		if body is not null and body is distinct from m.content and (m.edited_at is null or m.edited_at < at) then
			update public.messages x set content = body, edited_at = at,
					metadata = jsonb_set(x.metadata, '{edits}', coalesce(x.metadata -> 'edits', '[]')
						|| jsonb_build_object('at', at, 'was', x.content))
				where x.organization_id = org and x.id = m.id;
		end if;
	when 'revoke' then
		update public.messages x set metadata = x.metadata || '{"revoked": true, "revoked_by": "customer"}'
			where x.organization_id = org and x.id = m.id;
		perform internal.message_emptied(org, m.id);
	else
	end case;
	return true;
end
$$;
comment on function internal.receive_change(uuid, text, text, text, text, text, text, text, jsonb, timestamptz, jsonb) is
	'A reaction, an edit or a deletion of the customer; for the programs';

-- ---- writing ---------------------------------------------------------------------------

-- A message of an agent. m: content, reply_to, channel, scheduled_at (local, in the user's
-- zone), repeat, repeat_until, undo (hold it so many seconds), template. files: what is
-- stored already, [{"sha256", "name", "content_type", "size", "kind"}], or files that are
-- here, [{"file_id", "kind"}]. The same client id again is the same message.
create function app.compose(talk uuid, client uuid, m jsonb, files jsonb) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	message uuid;
	c public.conversations;
	channel uuid := nullif(m ->> 'channel', '')::uuid;
	at timestamptz;
	extra jsonb := '{}';
	f record;
	stored uuid;
	n integer := 0;
begin
	select * into c from public.conversations x where x.id = talk;
	if c.id is null then
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	elsif c.status not in ('OPEN', 'PENDING') then
		raise exception using errcode = 'KT409', message = 'This conversation is closed', hint = 'Reopen it, then send again';
	end if;
	if coalesce(m ->> 'scheduled_at', '') <> '' then
		begin
			at := (m ->> 'scheduled_at')::timestamp at time zone app.zone();
		exception when others then
			raise exception using errcode = 'KT422', message = 'This is not a date with a time', column = 'scheduled_at';
		end;
		if at <= now() then
			raise exception using errcode = 'KT422', message = 'This time has passed', hint = 'Choose one that is still to come',
				column = 'scheduled_at';
		end if;
	elsif (m ->> 'undo')::boolean then
		at := clock_timestamp() + interval '5 seconds';
		extra := '{"undo": true}';
	end if;
	if m ? 'template' then
		extra := extra || jsonb_build_object('template', m -> 'template');
	end if;
	if channel is not null and channel is distinct from c.channel_account_id then -- MSG-49
		if not exists (select from public.channel_accounts a where a.id = channel and a.is_active) then
			raise exception using errcode = 'KT422', message = 'This channel is not active', column = 'channel';
		end if;
		extra := extra || jsonb_build_object('crossChannelResponse', jsonb_build_object('originalChannelId', c.channel_account_id,
			'originalChannelType', (select a.type from public.channel_accounts a where a.id = c.channel_account_id),
			'responseChannelId', channel));
	end if;
	insert into public.messages (conversation_id, channel_account_id, sender_id, direction, content, message_type, status, client_id,
			reply_to_id, scheduled_at, metadata)
		values (talk, channel, auth.uid(), 'OUTBOUND', nullif(m ->> 'content', ''),
			case when m ? 'template' then 'template' else coalesce(files #>> '{0,kind}', 'text') end,
			case when at is null then 'PENDING' else 'SCHEDULED' end, client, nullif(m ->> 'reply_to', '')::uuid, at, extra)
		on conflict (organization_id, client_id) where client_id is not null do nothing
		returning id into message;
	if message is null then
		select x.id into message from public.messages x where x.organization_id = org and x.client_id = client;
		return message;
	end if;
	for f in select * from jsonb_to_recordset(files) as x (sha256 text, name text, content_type text, size bigint, kind text, file_id uuid)
			loop
		n := n + 1;
		if f.file_id is not null then -- a row of its own: whoever sees this message sees it
			insert into public.files (sha256, name, content_type, size)
				select o.sha256, o.name, o.content_type, o.size from public.files o where o.id = f.file_id
				returning id, name, content_type into stored, f.name, f.content_type;
			if stored is null then
				raise exception using errcode = 'KT404', message = 'A file of the message does not exist any more';
			end if;
		else
			insert into public.files (sha256, name, content_type, size)
				values (f.sha256, f.name, f.content_type, f.size) returning id into stored;
		end if;
		insert into public.message_attachments (message_id, position, kind, file_id, name, content_type)
			values (message, n, f.kind, stored, f.name, f.content_type);
	end loop;
	if coalesce(m ->> 'repeat', '') <> '' then
		if at is null then
			raise exception using errcode = 'KT422', message = 'A repeated message needs a first time', column = 'scheduled_at';
		elsif coalesce(m ->> 'repeat_until', '') = '' then
			raise exception using errcode = 'KT422', message = 'Say until when it is repeated', column = 'repeat_until';
		end if;
		insert into public.message_schedules (message_id, repeat, repeat_until, zone, first_at)
			values (message, m ->> 'repeat', (m ->> 'repeat_until')::date, app.zone(), at);
	end if;
	return message;
end
$$;

-- Out of what waits, back into the composer: what it says. No row: it is too late.
create function app.withdraw(talk uuid, message uuid)
	returns table (content text, reply_to_id uuid, files json)
language plpgsql
as $$
begin
	perform internal.must('can_send_messages');
	select m.content, m.reply_to_id, (select json_agg(json_build_object('file_id', a.file_id, 'name', coalesce(a.name, a.kind),
				'kind', a.kind) order by a.position)
			from public.message_attachments a where a.message_id = m.id)
		into withdraw.content, withdraw.reply_to_id, withdraw.files
		from public.messages m where m.id = message and m.conversation_id = talk and m.status = 'SCHEDULED' for update;
	if not found then
		raise exception using errcode = 'KT409', message = 'It is too late: the message has gone out';
	end if;
	delete from public.messages m where m.id = message and m.status = 'SCHEDULED';
	if not found then
		raise exception using errcode = 'KT409', message = 'It is too late: the message has gone out';
	end if;
	return next;
end
$$;

-- The same words and files in another conversation (MSG-68).
create function app.forward(message uuid, talk uuid, client uuid) returns uuid
language plpgsql
as $$
declare
	m public.messages;
	made uuid;
begin
	select * into m from public.messages x where x.id = message;
	if m.id is null or m.deleted_at is not null then
		raise exception using errcode = 'KT404', message = 'This message does not exist any more';
	end if;
	made := app.compose(talk, client, jsonb_build_object('content', m.content), coalesce((select jsonb_agg(
			jsonb_build_object('file_id', a.file_id, 'kind', a.kind) order by a.position)
		from public.message_attachments a where a.message_id = m.id and a.file_id is not null), '[]'));
	update public.messages x set metadata = x.metadata || jsonb_build_object('forwarded', true)
		where x.id = made and not x.metadata ? 'forwarded';
	return made;
end
$$;

grant execute on function app.compose(uuid, uuid, jsonb, jsonb), app.withdraw(uuid, uuid), app.forward(uuid, uuid, uuid),
	internal.receive_change(uuid, text, text, text, text, text, text, text, jsonb, timestamptz, jsonb),
	internal.act_ended(uuid, text) to authenticated;
revoke execute on function internal.talk_moved(public.messages), internal.message_emptied(uuid, uuid) from public;
notify pgrst;
