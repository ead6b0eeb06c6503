-- What the pages of the inbox and the start page read: rows of lists with
-- names and times as people write them (more of that in 014_app_crm).
-- Everything runs with the caller's rights, so that the policies of the tables
-- hold.

create schema if not exists app; -- views and functions of pages; never an API
grant usage on schema app to authenticated;

create index notes_conversation_idx on public.notes (organization_id, conversation_id, created_at desc, id desc)
	where conversation_id is not null;
create index conversations_important_idx on public.conversations (organization_id, last_message_at desc)
	where is_important;

-- ---- names and times ----------------------------------------------------------

-- The time zone of who is signed in. A zone that PostgreSQL does not know is
-- no reason for a page to fail.
create function app.zone() returns text
language plpgsql stable
as $$
declare
	z text;
begin
	select coalesce((select p.timezone from public.profiles p where p.id = auth.uid()), o.timezone) into z
		from public.organizations o where o.id = auth.org();
	perform now() at time zone z;
	return z;
exception when invalid_parameter_value then
	return 'UTC';
end
$$;

create function app.person(first_name text, last_name text, phones text[], emails text[]) returns text
language sql immutable parallel safe
as $$
	select coalesce(nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), ''), phones[1], emails[1],
		'Unknown contact')
$$;

create function app.initials(name text) returns text
language sql immutable parallel safe
as $$
	select coalesce(nullif(upper(left(substring(name from '^[^[:alpha:]]*([[:alpha:]])'), 1)
		|| coalesce(substring(name from '\s([[:alpha:]])[^\s]*$'), '')), ''), '#')
$$;

-- One of eight colours of an avatar, always the same for the same record.
create function app.tone(id uuid) returns integer
language sql immutable parallel safe
as $$ select get_byte(uuid_send(id), 15) & 7 $$;

-- For lists: 14:32, Yesterday, Mon, 3 Feb, 3 Feb 2024. (In plpgsql, because
-- an SQL function that cannot be inlined costs several times as much per row.)
create function app.short_time(at timestamptz, zone text) returns text
language plpgsql stable parallel safe
as $$
declare
	day date := at at time zone zone;
	today date := now() at time zone zone;
begin
	return case
		when day is null then ''
		when day = today then to_char(at at time zone zone, 'HH24:MI')
		when day = today - 1 then 'Yesterday'
		when day between today - 6 and today then to_char(day, 'Dy')
		when extract(year from day) = extract(year from today) then to_char(day, 'FMDD Mon')
		else to_char(day, 'FMDD Mon YYYY') end;
end
$$;

-- For the line between two days.
create function app.day_name(day date, zone text) returns text
language plpgsql stable parallel safe
as $$
declare
	today date := now() at time zone zone;
begin
	return case today - day when 0 then 'Today' when 1 then 'Yesterday' when -1 then 'Tomorrow'
		else to_char(day, 'FMDay, FMDD FMMonth')
			|| case when extract(year from day) = extract(year from today) then '' else to_char(day, ' YYYY') end end;
end
$$;

create function app.size_name(bytes bigint) returns text
language sql immutable parallel safe
as $$
	select case when bytes < 1000 then bytes || ' B' when bytes < 1000000 then round(bytes / 1000.0) || ' kB'
		else to_char(bytes / 1000000.0, 'FM990.0') || ' MB' end
$$;

create function app.channel_icon(type text) returns text
language sql immutable parallel safe
as $$
	select case type when 'WHATSAPP_CLOUD' then 'brand-whatsapp' when 'WHATSAPP_LITE' then 'brand-whatsapp'
		when 'TELEGRAM' then 'brand-telegram' when 'FB_MESSENGER' then 'brand-messenger'
		when 'INSTAGRAM' then 'brand-instagram' when 'EMAIL' then 'mail' else 'message' end
$$;

create function app.channel_label(type text) returns text
language sql immutable parallel safe
as $$
	select case type when 'WHATSAPP_CLOUD' then 'WhatsApp' when 'WHATSAPP_LITE' then 'WhatsApp Lite'
		when 'TELEGRAM' then 'Telegram' when 'FB_MESSENGER' then 'Messenger' when 'INSTAGRAM' then 'Instagram'
		when 'TIKTOK' then 'TikTok' when 'LINKEDIN' then 'LinkedIn' when 'EMAIL' then 'E-mail' when 'SMS' then 'SMS'
		else initcap(replace(type, '_', ' ')) end
$$;

-- ---- the list of conversations ------------------------------------------------------

create view app.conversation_rows with (security_invoker = true) as
	select c.organization_id, c.id, c.contact_id, c.channel_account_id, c.status, c.status in ('OPEN', 'PENDING') as is_open,
		c.is_important, c.unread_count, c.last_message_at, c.last_message_preview as preview,
		c.last_message_direction = 'OUTBOUND' as outbound, c.last_inbound_at, c.tags, c.assignee_id,
		c.metadata ? 'is_comment_thread' as is_comment,
		app.person(p.first_name, p.last_name, null, array[p.email]) as assignee,
		app.person(k.first_name, k.last_name, k.phones, k.emails) as name,
		app.initials(app.person(k.first_name, k.last_name, null, null)) as initials, app.tone(c.contact_id) as tone,
		k.search_text, a.type as channel_type, a.name as channel_name, coalesce(app.channel_label(a.type), 'No channel') as channel,
		app.channel_icon(a.type) as icon
	from public.conversations c
	join public.contacts k on k.organization_id = c.organization_id and k.id = c.contact_id
	left join public.channel_accounts a on a.organization_id = c.organization_id and a.id = c.channel_account_id
	left join public.profiles p on p.organization_id = c.organization_id and p.id = c.assignee_id;
grant select on app.conversation_rows to authenticated;

-- ---- the thread ------------------------------------------------------------------------

-- Messages and notes under one set of columns.
create view app.items with (security_invoker = true) as
	select m.organization_id, m.conversation_id, m.created_at, m.id, false as is_note, m.direction = 'OUTBOUND' as outbound,
		m.content, m.message_type, m.status, m.error,
		case when m.direction = 'OUTBOUND' then coalesce(app.person(p.first_name, p.last_name, null, array[p.email]), 'Automatic') end as author,
		(select left(coalesce(nullif(q.content, ''), '[' || q.message_type || ']'), 140) from public.messages q
			where q.organization_id = m.organization_id and q.id = m.reply_to_id) as quoted,
		(select json_agg(json_build_object('file_id', t.file_id, 'name', coalesce(t.name, f.name, t.kind),
				'size', app.size_name(f.size), 'is_image', t.state = 'stored' and f.content_type in
					('image/jpeg', 'image/png', 'image/gif', 'image/webp'),
				'is_audio', t.state = 'stored' and f.content_type like 'audio/%',
				'is_stored', t.state = 'stored' and t.file_id is not null, 'is_waiting', t.state = 'waiting',
				'is_failed', t.state = 'failed') order by t.position)
			from public.message_attachments t
			left join public.files f on f.organization_id = t.organization_id and f.id = t.file_id
			where t.organization_id = m.organization_id and t.message_id = m.id) as attachments
	from public.messages m
	left join public.profiles p on p.organization_id = m.organization_id and p.id = m.sender_id
	union all
	select n.organization_id, n.conversation_id, n.created_at, n.id, true, true, n.content, 'note', null, null,
		coalesce(app.person(p.first_name, p.last_name, null, array[p.email]), 'Automatic'), null, null
	from public.notes n
	left join public.profiles p on p.organization_id = n.organization_id and p.id = n.author_id;
grant select on app.items to authenticated;

-- Items of a conversation, oldest first, with the line where a day begins.
-- (Where two answers meet within a day, the page drops the second line.)
create function app.thread_some(talk uuid, ids uuid[])
	returns table (id uuid, created_at timestamptz, cursor text, is_note boolean, outbound boolean, content text,
		message_type text, status text, error text, author text, quoted text, attachments json, clock text, day date,
		day_name text, joined boolean, is_waiting boolean, is_sent boolean, is_delivered boolean, is_read boolean,
		is_failed boolean, is_unknown boolean)
language sql stable
as $$
	select i.id, i.created_at, i.created_at::text || '_' || i.id, i.is_note, i.outbound, i.content, i.message_type,
		i.status, i.error, i.author, i.quoted, i.attachments, to_char(i.created_at at time zone z.name, 'HH24:MI'), i.day,
		case when i.day is distinct from lag(i.day) over w then app.day_name(i.day, z.name) end,
		coalesce(i.day = lag(i.day) over w and i.outbound = lag(i.outbound) over w and i.is_note = lag(i.is_note) over w
			and i.author is not distinct from lag(i.author) over w
			and i.created_at < lag(i.created_at) over w + interval '5 minutes', false),
		i.outbound and i.status in ('PENDING', 'SENDING', 'SCHEDULED'), i.outbound and i.status = 'SENT',
		i.outbound and i.status = 'DELIVERED', i.outbound and i.status = 'READ', i.outbound and i.status = 'FAILED',
		i.outbound and i.status = 'UNKNOWN'
	from (select app.zone() as name offset 0) z,
		lateral (select t.*, (t.created_at at time zone z.name)::date as day from app.items t
			where t.id = any (ids) and t.conversation_id = talk) i
	window w as (order by i.created_at, i.id)
	order by i.created_at, i.id
$$;

-- The fifty before a place (or the newest): two short index scans give the
-- ids, however long the thread is.
create function app.thread_page(talk uuid, before_at timestamptz, before_id uuid)
	returns setof uuid
language sql stable
as $$
	select k.id from (
		(select m.created_at, m.id from public.messages m
			where m.conversation_id = talk and (m.created_at, m.id)
				< (coalesce(before_at, 'infinity'), coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
			order by m.created_at desc, m.id desc limit 50)
		union all
		(select n.created_at, n.id from public.notes n
			where n.conversation_id = talk and (n.created_at, n.id)
				< (coalesce(before_at, 'infinity'), coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
			order by n.created_at desc, n.id desc limit 50)
		order by 1 desc, 2 desc limit 50) k
$$;

-- ---- what agents do --------------------------------------------------------------------------

-- A reply with its files: [{"sha256", "name", "content_type", "size", "kind"}].
-- The same client id again is the same message (a double click, a retry on a
-- weak line): nothing happens, its id comes back.
create function app.reply(talk uuid, body text, client uuid, files jsonb) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	message uuid;
	f record;
	stored uuid;
begin
	if not exists (select from public.conversations c where c.id = talk and c.status in ('OPEN', 'PENDING')) then
		if exists (select from public.conversations c where c.id = talk) then
			raise exception using errcode = 'KT409', message = 'This conversation is closed',
				hint = 'Reopen it, then send again';
		end if;
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	end if;
	insert into public.messages (conversation_id, sender_id, direction, content, message_type, client_id)
		values (talk, auth.uid(), 'OUTBOUND', body, coalesce(files #>> '{0,kind}', 'text'), client)
		on conflict (organization_id, client_id) where client_id is not null do nothing
		returning id into message;
	if message is null then
		select m.id into message from public.messages m where m.organization_id = org and m.client_id = client;
		return message;
	end if;
	for f in select * from jsonb_to_recordset(files) as x (sha256 text, name text, content_type text, size bigint, kind text)
			loop
		insert into public.files (sha256, name, content_type, size)
			values (f.sha256, f.name, f.content_type, f.size) returning id into stored;
		insert into public.message_attachments (message_id, position, kind, file_id, name, content_type)
			select message, 1 + count(*), f.kind, stored, f.name, f.content_type
			from public.message_attachments t where t.organization_id = org and t.message_id = message;
	end loop;
	return message;
end
$$;

-- The thread was read, a star was set, tags changed: other open pages follow.
-- Of a record type of its own, so that no timeline shows it.
create function internal.conversation_live() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'inbox.changed', 'inbox', new.id,
		jsonb_build_object('conversation_id', new.id));
	return null;
end
$$;
create trigger live_update after update of unread_count, is_important, tags on public.conversations
	for each row when ((new.unread_count = 0 and old.unread_count > 0) or new.is_important <> old.is_important
		or new.tags <> old.tags)
	execute function internal.conversation_live();

-- ---- channels ------------------------------------------------------------------------------------

-- Put a sealed secret in the place of the old one. Nobody signed in can read
-- them, and replacing a row wants to, so this has the owner's rights.
create function app.set_channel_secret(channel uuid, secret_name text, sealed_value text, lookup_hex text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	if not exists (select from public.channel_accounts a where a.organization_id = auth.org() and a.id = channel) then
		raise exception using errcode = 'KT404', message = 'This channel does not exist';
	end if;
	insert into public.channel_secrets as s (organization_id, channel_account_id, name, sealed, lookup)
		values (auth.org(), channel, secret_name, sealed_value, decode(lookup_hex, 'hex'))
		on conflict (organization_id, channel_account_id, name)
		do update set sealed = excluded.sealed, lookup = excluded.lookup;
end
$$;

grant execute on all functions in schema app to authenticated;

-- For pages: ends the request as 404 when the tenant has no such record. The
-- table's name is a literal of the program.
create function app.must_exist(of_table text, record uuid) returns void
language plpgsql stable
as $$
declare
	found boolean;
begin
	execute format('select exists (select from public.%I where organization_id = auth.org() and id = $1)', of_table)
		into found using record;
	if not found then
		raise exception using errcode = 'KT404', message = 'This does not exist',
			hint = 'It may have been deleted; go back and look at the list again';
	end if;
end
$$;
grant execute on function app.must_exist(text, uuid) to authenticated;
