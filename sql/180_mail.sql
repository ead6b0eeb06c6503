-- E-mail: mailboxes that are read by UID, threads of mails, files of mails that
-- are no attachments, and what a mail that goes out needs beside its text.
--
-- A message of an e-mail account has metadata.mail: subject, from {name,
-- address}, reply_to, to [], cc [], bcc [], message_id's relatives (in_reply_to,
-- references), auto (sent by a program), quoted (what stood below the answer),
-- remote (its HTML names pictures elsewhere), more {name: text}. Its Message-ID
-- without < > is messages.external_id, in both directions.

-- ---- conversations ------------------------------------------------------------------

-- A thread of mails is a conversation of its own, known by its mails and its
-- token: a contact may have several open ones in one mailbox, so they are
-- outside the rule that a contact has one open conversation per channel.
drop index public.conversations_open_key;
create unique index conversations_open_key on public.conversations (organization_id, contact_id, channel_account_id)
	where status in ('OPEN', 'PENDING') and not (metadata ? 'is_comment_thread') and not (metadata ? 'is_mail_thread');

create function internal.mail_conversation() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if exists (select from public.channel_accounts a where a.organization_id = new.organization_id
			and a.id = new.channel_account_id and a.type in ('EMAIL', 'BULK_EMAIL', 'BULK_EMAIL_SES')) then
		new.metadata := coalesce(new.metadata, '{}') || '{"is_mail_thread": true}';
	end if;
	return new;
end
$$;
create trigger b_mail before insert on public.conversations
	for each row when (new.channel_account_id is not null) execute function internal.mail_conversation();

-- The token stands in the Message-IDs that we make, and in Reply-To where the
-- mailbox takes plus addresses: an answer is known by it whatever its subject.
create table public.mail_threads (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	conversation_id uuid not null,
	channel_account_id uuid not null,
	token text not null default replace(gen_random_uuid()::text, '-', '') check (token ~ '^[0-9a-f]{32}$'),
	subject text not null default '' check (length(subject) <= 1000),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, conversation_id),
	unique (organization_id, token),
	constraint mail_threads_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete cascade,
	constraint mail_threads_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.mail_threads is 'The subject of a conversation by e-mail, and the token by which answers find it';
comment on column public.mail_threads.token is 'Stands in Message-ID and Reply-To of what goes out';
create index mail_threads_account_idx on public.mail_threads (organization_id, channel_account_id);
do $$ begin
	perform internal.tenant_table('public.mail_threads', writable => false);
end $$;
create policy visible on public.mail_threads as restrictive for select to authenticated
	using ((select auth.may('can_read_messages')) and ((select auth.sees_all('conversations')) or auth.sees('conversation', conversation_id)));

-- ---- files of a mail that are no attachments ------------------------------------------

create table public.mail_files (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	file_id uuid not null,
	role text not null check (role in ('original', 'html', 'inline')),
	content_id text check (length(content_id) <= 1000),
	primary key (organization_id, id),
	constraint mail_files_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade,
	constraint mail_files_file_id_fkey foreign key (organization_id, file_id)
		references public.files (organization_id, id) on delete cascade
);
comment on table public.mail_files is 'The mail as it came, its HTML, and the pictures that the HTML shows';
comment on column public.mail_files.content_id is 'By which the HTML names an inline picture';
create index mail_files_message_idx on public.mail_files (organization_id, message_id);
create index mail_files_file_idx on public.mail_files (organization_id, file_id);
do $$ begin
	perform internal.tenant_table('public.mail_files', writable => false);
end $$;
create policy flag_select on public.mail_files as restrictive for select to authenticated
	using ((select auth.may('can_read_messages')));
create policy visible on public.mail_files as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('message', message_id));

-- As sql/110 and 114 have it, and what is in a mail.
create or replace function internal.file_hidden(file uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
	select exists (select from public.message_attachments a where a.organization_id = auth.org() and a.file_id = file)
		or exists (select from public.mail_files a where a.organization_id = auth.org() and a.file_id = file)
		or exists (select from public.record_files r where r.organization_id = auth.org() and r.file_id = file)
		or exists (select from public.record_jobs j where j.organization_id = auth.org() and j.file_id = file)
$$;
alter policy visible on public.files
	using ((select auth.sees_everything()) or created_by = (select auth.uid()) or not internal.file_hidden(id)
		or exists (select from public.message_attachments a where a.organization_id = files.organization_id and a.file_id = files.id)
		or exists (select from public.mail_files a where a.organization_id = files.organization_id and a.file_id = files.id)
		or exists (select from public.record_files r where r.organization_id = files.organization_id and r.file_id = files.id));

-- The rows of these files go with their mail, their content after that.
create function internal.mail_file_gone() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	hash text;
begin
	delete from public.files f where f.organization_id = old.organization_id and f.id = old.file_id returning f.sha256 into hash;
	if hash is not null then
		perform job.enqueue(old.organization_id, 'file_sweep', null, jsonb_build_object('sha256', jsonb_build_array(hash)),
			now() + interval '1 second');
	end if;
	return null;
end
$$;
create trigger gone after delete on public.mail_files for each row execute function internal.mail_file_gone();

create or replace function internal.person_files(contact uuid) returns table (file_id uuid, kind text)
language sql stable
as $$
	select r.file_id, 'attachment' from public.record_files r where r.organization_id = auth.org() and r.contact_id = contact
	union
	select a.file_id, 'message' from public.conversations c
		join public.messages m on m.organization_id = c.organization_id and m.conversation_id = c.id
		join public.message_attachments a on a.organization_id = m.organization_id and a.message_id = m.id
		where c.organization_id = auth.org() and c.contact_id = contact and a.file_id is not null
	union
	select a.file_id, 'message' from public.conversations c
		join public.messages m on m.organization_id = c.organization_id and m.conversation_id = c.id
		join public.mail_files a on a.organization_id = m.organization_id and a.message_id = m.id
		where c.organization_id = auth.org() and c.contact_id = contact
	union
	select r.recording_file_id, 'call' from public.call_records r
		where r.organization_id = auth.org() and r.contact_id = contact and r.recording_file_id is not null
$$;

-- ---- mailboxes --------------------------------------------------------------------------

create table public.mailboxes (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	uidvalidity bigint,                -- null: not looked into yet
	last_uid bigint not null default 0, -- everything up to it is here
	begins_at timestamptz not null default now(),
	next_poll_at timestamptz not null default now(),
	last_poll_at timestamptz,
	last_success_at timestamptz,
	behind integer not null default 0, -- mails that were there and not fetched yet, at the last look
	failed_polls integer not null default 0,
	last_error text,
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, channel_account_id),
	constraint mailboxes_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.mailboxes is 'How far each mailbox was read: by UIDVALIDITY and UID, never by dates';
comment on column public.mailboxes.begins_at is 'Mail that came before is left alone: the connection less its look-back; asked only when the mailbox is read from its beginning';
comment on column public.mailboxes.failed_polls is 'In a row; the third tells the administrators';
create index mailboxes_due_idx on public.mailboxes (next_poll_at);
do $$ begin
	perform internal.tenant_table('public.mailboxes', writable => false);
	perform internal.admin_table('public.mailboxes', read => true);
end $$;

-- Mails of a POP3 mailbox that are here already; those that the server has no
-- more are forgotten.
create table public.mailbox_seen (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	uidl text not null check (length(uidl) <= 200),
	primary key (organization_id, id),
	unique (organization_id, channel_account_id, uidl),
	constraint mailbox_seen_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.mailbox_seen is 'What a POP3 server calls the mails that were fetched';
do $$ begin
	perform internal.tenant_table('public.mailbox_seen', writable => false);
	perform internal.admin_table('public.mailbox_seen', read => true);
end $$;

-- How many months of what lies there already shall come along: 0 to 12 (HUB-8).
create function internal.mail_lookback(settings jsonb) returns interval
language sql immutable
as $$
	select make_interval(months => case when settings ->> 'lookback_months' ~ '^[0-9]{1,2}$'
		then least((settings ->> 'lookback_months')::integer, 12) else 0 end)
$$;

create function internal.mailbox_keep() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if coalesce(new.settings ->> 'incoming_url', '') = '' then
		delete from public.mailboxes b where b.organization_id = new.organization_id and b.channel_account_id = new.id;
		return null;
	end if;
	if new.settings ->> 'lookback_months' !~ '^([0-9]|1[0-2])$' then
		raise exception using errcode = 'KT422', message = 'The look-back is 0 to 12 months', column = 'lookback_months';
	end if;
	insert into public.mailboxes as b (organization_id, channel_account_id, begins_at)
		values (new.organization_id, new.id, now() - internal.mail_lookback(new.settings))
		on conflict (organization_id, channel_account_id) do update set next_poll_at = now(), failed_polls = 0;
	-- Another mailbox than before: from its beginning.
	if tg_op = 'UPDATE' and (new.settings -> 'incoming_url', new.settings -> 'user', new.settings -> 'folder', new.settings -> 'lookback_months')
			is distinct from (old.settings -> 'incoming_url', old.settings -> 'user', old.settings -> 'folder', old.settings -> 'lookback_months') then
		update public.mailboxes b set uidvalidity = null, last_uid = 0, behind = 0, begins_at = now() - internal.mail_lookback(new.settings)
			where b.organization_id = new.organization_id and b.channel_account_id = new.id;
		delete from public.mailbox_seen s where s.organization_id = new.organization_id and s.channel_account_id = new.id;
	end if;
	return null;
end
$$;
create trigger mailbox_insert after insert on public.channel_accounts
	for each row when (new.type = 'EMAIL') execute function internal.mailbox_keep();
create trigger mailbox_update after update of settings, is_active, type on public.channel_accounts
	for each row when (new.type = 'EMAIL' and (new.settings is distinct from old.settings or new.is_active <> old.is_active
		or new.type <> old.type)) execute function internal.mailbox_keep();

-- Once a minute, unless settings.poll_seconds says otherwise; later and later
-- while it fails.
create function internal.mailbox_pause(settings jsonb, failed integer) returns interval
language sql immutable
as $$
	select least(make_interval(secs => case when settings ->> 'poll_seconds' ~ '^[0-9]{1,5}$'
		then greatest((settings ->> 'poll_seconds')::integer, 5) else 60 end * power(2, least(failed, 8))), interval '15 minutes')
$$;

create function internal.mailbox_due(most bigint) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	with due as (
		select b.organization_id, b.id, b.channel_account_id, internal.mailbox_pause(a.settings, b.failed_polls) as pause
		from public.mailboxes b
		join public.channel_accounts a on a.organization_id = b.organization_id and a.id = b.channel_account_id
		where b.next_poll_at <= now() and a.is_active and a.type = 'EMAIL'
		order by b.next_poll_at limit most for update of b skip locked),
	moved as (
		update public.mailboxes b set next_poll_at = now() + d.pause from due d
		where b.organization_id = d.organization_id and b.id = d.id
		returning b.organization_id, b.channel_account_id)
	select count(job.enqueue(m.organization_id, 'poll_mailbox', m.channel_account_id::text,
		jsonb_build_object('channel_account_id', m.channel_account_id), now(), 4)) into n from moved m;
	return n;
end
$$;
revoke execute on function internal.mailbox_due(bigint) from public;
insert into job.timers (name, call, every) values ('mailboxes', 'internal.mailbox_due(500)', '3 seconds');

create function public.poll_mailbox(channel uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.admins_only('channels');
	update public.mailboxes b set next_poll_at = now() + interval '1 minute'
		where b.organization_id = auth.org() and b.channel_account_id = channel;
	if not found then
		raise exception using errcode = 'KT404', message = 'This channel has no mailbox that is read';
	end if;
	perform job.enqueue(auth.org(), 'poll_mailbox', channel::text, jsonb_build_object('channel_account_id', channel), now(), 2);
end
$$;
comment on function public.poll_mailbox(uuid) is 'Look into the mailbox of an e-mail account now';
revoke execute on function public.poll_mailbox(uuid) from public;
grant execute on function public.poll_mailbox(uuid) to authenticated;

-- What the worker writes. As the system of the tenant alone.
create function internal.mailbox_only_system() returns void
language plpgsql stable
as $$
begin
	if auth.app_role() is distinct from 'SYSTEM' then
		raise exception using errcode = 'KT403', message = 'Mailboxes are written by Kontor itself';
	end if;
end
$$;

-- One mail is here, as it came, and will be read by a job of its own. With it
-- goes how far the mailbox was read: both or neither.
create function internal.mailbox_take(channel uuid, validity bigint, uid bigint, uidl_name text, dedupe_key text, said bytea)
	returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.mailbox_only_system();
	if said is not null then
		insert into public.inbound_hooks (organization_id, channel_account_id, dedupe, body)
			values (auth.org(), channel, dedupe_key, said) on conflict (organization_id, channel_account_id, dedupe) do nothing;
	end if;
	if uidl_name is not null then
		insert into public.mailbox_seen (organization_id, channel_account_id, uidl)
			values (auth.org(), channel, uidl_name) on conflict do nothing;
	else
		update public.mailboxes b set uidvalidity = validity, last_uid = case when b.uidvalidity is distinct from validity
				then uid else greatest(b.last_uid, uid) end
			where b.organization_id = auth.org() and b.channel_account_id = channel;
	end if;
end
$$;

create function internal.mailbox_polled(channel uuid, validity bigint, uid bigint, left_behind integer) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.mailbox_only_system();
	update public.mailboxes b set uidvalidity = coalesce(validity, b.uidvalidity, 0),
			last_uid = case when b.uidvalidity is distinct from validity then uid else greatest(b.last_uid, uid) end,
			behind = left_behind, last_poll_at = now(), last_success_at = now(), failed_polls = 0, last_error = null,
			-- More is there: go on at once.
			next_poll_at = case when left_behind > 0 then now() else b.next_poll_at end
		where b.organization_id = auth.org() and b.channel_account_id = channel;
	update public.channel_accounts a set last_error = null, connection_state = 'Connected'
		where a.organization_id = auth.org() and a.id = channel
			and (a.connection_state <> 'Connected' or a.last_error is not null and a.last_error like 'Mailbox: %');
end
$$;

create function internal.mailbox_failed(channel uuid, why text, denied boolean) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	box public.mailboxes;
begin
	perform internal.mailbox_only_system();
	update public.mailboxes b set last_poll_at = now(), failed_polls = b.failed_polls + 1, last_error = why,
			next_poll_at = now() + internal.mailbox_pause((select a.settings from public.channel_accounts a
				where a.organization_id = b.organization_id and a.id = channel), b.failed_polls + 1)
		where b.organization_id = auth.org() and b.channel_account_id = channel returning b.* into box;
	update public.channel_accounts a set last_error = 'Mailbox: ' || why,
			connection_state = case when denied then 'Disconnected' else a.connection_state end
		where a.organization_id = auth.org() and a.id = channel;
	if box.failed_polls = 3 then
		perform internal.notify(auth.org(), p.id, 'mailbox.failing', 'channel', channel,
				jsonb_build_object('title', (select a.name from public.channel_accounts a
					where a.organization_id = auth.org() and a.id = channel)))
			from public.profiles p join public.user_roles r on r.organization_id = p.organization_id and r.user_id = p.id
			where p.organization_id = auth.org() and p.is_active and r.role in ('OWNER', 'ADMIN');
	end if;
end
$$;
-- Mails of a POP3 mailbox that shall not come along.
create function internal.mailbox_skip(channel uuid, names text[]) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.mailbox_only_system();
	insert into public.mailbox_seen (organization_id, channel_account_id, uidl)
		select auth.org(), channel, n from unnest(names) n on conflict do nothing;
end
$$;
-- The worker's own list of a POP3 mailbox against what is known.
create function internal.mailbox_unseen(channel uuid, names text[]) returns text[]
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.mailbox_only_system();
	delete from public.mailbox_seen s where s.organization_id = auth.org() and s.channel_account_id = channel
		and not (s.uidl = any (names));
	return array(select n from unnest(names) n
		where not exists (select from public.mailbox_seen s where s.organization_id = auth.org()
			and s.channel_account_id = channel and s.uidl = n));
end
$$;
revoke execute on function internal.mailbox_take(uuid, bigint, bigint, text, text, bytea), internal.mailbox_polled(uuid, bigint, bigint, integer),
	internal.mailbox_failed(uuid, text, boolean), internal.mailbox_unseen(uuid, text[]), internal.mailbox_skip(uuid, text[]) from public;
grant execute on function internal.mail_lookback(jsonb), internal.mailbox_only_system(), internal.mailbox_take(uuid, bigint, bigint, text, text, bytea),
	internal.mailbox_polled(uuid, bigint, bigint, integer), internal.mailbox_failed(uuid, text, boolean),
	internal.mailbox_unseen(uuid, text[]), internal.mailbox_skip(uuid, text[]) to authenticated;

-- ---- a mail comes in ----------------------------------------------------------------------

-- Which conversation a mail belongs to: by the token that it carries, then by
-- the mails that it answers or refers to, the direct one first.
create function internal.mail_conversation_of(channel uuid, mail jsonb) returns uuid
language sql stable
as $$
	select coalesce(
		(select t.conversation_id from public.mail_threads t
			where t.organization_id = auth.org() and t.channel_account_id = channel
				and t.token in (select jsonb_array_elements_text(coalesce(mail -> 'tokens', '[]'))) limit 1),
		(select m.conversation_id from jsonb_array_elements_text(coalesce(mail -> 'relatives', '[]')) with ordinality r (id, n)
			join public.messages m on m.organization_id = auth.org() and m.channel_account_id = channel and m.external_id = r.id
			order by r.n limit 1))
$$;

-- One mail, once: the contact of its sender, the conversation, the message, its
-- files [{sha256, name, content_type, size, kind, role, content_id}]. A mail that
-- the mailbox's owner sent with another program (outbound) counts as sent.
create function public.receive_mail(channel uuid, mail jsonb, body text, at timestamptz, files jsonb)
	returns table (message_id uuid, conversation_id uuid, contact_id uuid)
language plpgsql
as $$
declare
	org uuid := auth.org();
	own boolean := coalesce((mail ->> 'outbound')::boolean, false);
	known text := mail ->> 'message_id';
	person uuid;
	talk uuid;
	message uuid;
	scope text := (select a.settings ->> 'scope' from public.channel_accounts a where a.organization_id = org and a.id = channel);
	f record;
	stored uuid;
begin
	-- An answer proves that a mail arrived of which nobody knew; so does the mail itself, found again.
	update public.messages m set status = 'SENT', error = null, error_code = null
		where m.organization_id = org and m.channel_account_id = channel and m.status = 'UNKNOWN' and m.direction = 'OUTBOUND'
			and m.external_id in (known, mail ->> 'in_reply_to');
	if exists (select from public.messages m where m.organization_id = org and m.channel_account_id = channel and m.external_id = known) then
		return;
	end if;
	-- One mail of an account at a time: two of a thread that come together find each other.
	perform pg_advisory_xact_lock(hashtextextended(channel::text, 1));
	talk := internal.mail_conversation_of(channel, mail);
	-- HUB-7: only mail of people whom the CRM knows.
	if scope = 'crm' and talk is null and not exists (select from public.contacts c where c.organization_id = org
			and c.emails @> array[lower(case when own then mail #>> '{to,0,address}' else mail #>> '{from,address}' end)]) then
		return;
	end if;
	if own then
		person := public.contact_for_handle('email', lower(mail #>> '{to,0,address}'), coalesce(mail #>> '{to,0,name}', mail #>> '{to,0,address}'));
	else
		person := public.contact_for_handle('email', lower(mail #>> '{from,address}'), coalesce(mail #>> '{from,name}', mail #>> '{from,address}'));
	end if;
	if talk is null then
		insert into public.conversations (organization_id, contact_id, channel_account_id)
			values (org, person, channel) returning id into talk;
		perform internal.mail_thread(talk, mail ->> 'subject');
	end if;
	insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content,
			message_type, status, external_id, reply_to_id, metadata, created_at)
		values (org, talk, person, channel, case when own then 'OUTBOUND' else 'INBOUND' end, body, 'email',
			case when own then 'SENT' else 'DELIVERED' end, known,
			(select m.id from public.messages m where m.organization_id = org and m.channel_account_id = channel
				and m.external_id = mail ->> 'in_reply_to'),
			jsonb_build_object('mail', mail - '{tokens,relatives,message_id,outbound}'::text[]) || jsonb_strip_nulls(jsonb_build_object(
				-- HUB: one entry for a mail that lies in two mailboxes.
				'copy_of', (select m.id from public.messages m where m.organization_id = org and m.external_id = known
					and m.channel_account_id <> channel and m.message_type = 'email' order by m.id limit 1),
				'sender_name', case when not own then coalesce(mail #>> '{from,name}', mail #>> '{from,address}') end)), at)
		on conflict do nothing returning id into message;
	if message is null then
		return;
	end if;
	for f in select x.*, n from jsonb_array_elements(files) with ordinality e (v, n),
			jsonb_to_record(e.v) as x (sha256 text, name text, content_type text, size bigint, kind text, role text, content_id text) loop
		insert into public.files (organization_id, sha256, name, content_type, size)
			values (org, f.sha256, f.name, f.content_type, f.size) returning id into stored;
		if f.role = 'attachment' then
			insert into public.message_attachments (organization_id, message_id, position, kind, file_id, name, content_type, state)
				values (org, message, f.n, f.kind, stored, f.name, f.content_type, 'stored');
		else
			perform internal.mail_file(message, stored, f.role, f.content_id);
		end if;
	end loop;
	return query select message, talk, person;
end
$$;
comment on function public.receive_mail(uuid, jsonb, text, timestamptz, jsonb) is
	'Stores one mail of a mailbox; nothing when it is here already, or not wanted';
grant execute on function public.receive_mail(uuid, jsonb, text, timestamptz, jsonb) to authenticated;

-- Rows that nobody writes by hand: under the owner's rights, for a conversation
-- or message that the caller can see.
create function internal.mail_thread(talk uuid, of_subject text) returns public.mail_threads
language plpgsql security definer set search_path = ''
as $$
declare
	t public.mail_threads;
begin
	insert into public.mail_threads (organization_id, conversation_id, channel_account_id, subject)
		select c.organization_id, c.id, c.channel_account_id, left(coalesce(of_subject, ''), 1000) from public.conversations c
		where c.organization_id = auth.org() and c.id = talk and c.channel_account_id is not null
		on conflict (organization_id, conversation_id) do nothing;
	select x.* into t from public.mail_threads x where x.organization_id = auth.org() and x.conversation_id = talk;
	return t;
end
$$;
create function internal.mail_file(message uuid, file uuid, of_role text, cid text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.mailbox_only_system();
	insert into public.mail_files (organization_id, message_id, file_id, role, content_id)
		values (auth.org(), message, file, of_role, cid);
end
$$;
revoke execute on function internal.mail_thread(uuid, text), internal.mail_file(uuid, uuid, text, text) from public;
grant execute on function internal.mail_thread(uuid, text), internal.mail_file(uuid, uuid, text, text),
	internal.mail_conversation_of(uuid, jsonb) to authenticated;

-- ---- a mail goes out ------------------------------------------------------------------------

create function internal.mail_reply_subject(of_subject text) returns text
language sql immutable parallel safe
as $$
	select case when of_subject ~* '^\s*(re|aw|sv|antw|rif|رد)\s*:' then of_subject
		when of_subject = '' then '' else 'Re: ' || of_subject end
$$;

-- Everything that the mail needs is in the row before it is sent: its
-- Message-ID, so that an answer, a bounce or a second look at the mailbox finds
-- it whatever became of the call; subject and relatives of its thread. What the
-- caller gave in metadata.mail stays.
create function internal.mail_compose() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	acc record;
	thread public.mail_threads;
	last record;
	mail jsonb := case when jsonb_typeof(new.metadata -> 'mail') = 'object' then new.metadata -> 'mail' else '{}' end;
	refs text[];
	theirs text;
begin
	select a.type, a.settings into acc from public.channel_accounts a
		where a.organization_id = new.organization_id and a.id = new.channel_account_id;
	if acc.type is null or acc.type not in ('EMAIL', 'BULK_EMAIL', 'BULK_EMAIL_SES') or new.external_id is not null then
		return new;
	end if;
	insert into public.mail_threads (organization_id, conversation_id, channel_account_id, subject)
		values (new.organization_id, new.conversation_id, new.channel_account_id, left(coalesce(mail ->> 'subject', ''), 1000))
		on conflict (organization_id, conversation_id) do nothing;
	select t.* into thread from public.mail_threads t
		where t.organization_id = new.organization_id and t.conversation_id = new.conversation_id;
	select m.external_id, m.metadata -> 'mail' as mail, m.direction into last from public.messages m
		where m.organization_id = new.organization_id and m.conversation_id = new.conversation_id and m.external_id is not null
			and m.metadata ? 'mail' and m.status in ('SENT', 'DELIVERED', 'READ', 'UNKNOWN', 'PENDING', 'SENDING')
			and (new.reply_to_id is null or m.id = new.reply_to_id)
		order by m.created_at desc, m.id desc limit 1;
	-- MSG-66, RFC 5322: what it answers, and what that answered.
	if last.external_id is not null then
		refs := array(select x from unnest(coalesce(array(select jsonb_array_elements_text(case
				when jsonb_typeof(last.mail -> 'references') = 'array' then last.mail -> 'references' else '[]' end)), '{}')) x);
		if refs = '{}' and last.mail ->> 'in_reply_to' is not null then
			refs := array[last.mail ->> 'in_reply_to'];
		end if;
		refs := refs || last.external_id;
		mail := jsonb_build_object('in_reply_to', last.external_id,
			'references', to_jsonb(refs[greatest(1, cardinality(refs) - 19):])) || mail;
	end if;
	-- An automatic answer to an automatic mail would begin a loop (RFC 3834).
	if new.metadata ? 'source' and last.direction = 'INBOUND' and coalesce((last.mail ->> 'auto')::boolean, false)
			and new.status in ('PENDING', 'SCHEDULED') then
		new.status := 'FAILED';
		new.error := 'Not sent: the last mail of this conversation was written by a program, and so is this one';
		new.error_code := 'loop';
	end if;
	-- To who wrote last; the one whom the conversation is with has a copy, when somebody else wrote.
	if not mail ? 'to' and last.direction = 'INBOUND' then
		mail := mail || jsonb_build_object('to', jsonb_build_array(coalesce(last.mail -> 'reply_to', last.mail -> 'from')));
		select h.value into theirs from public.conversations c
			join public.contact_handles h on h.organization_id = c.organization_id and h.contact_id = c.contact_id and h.kind = 'email'
			where c.organization_id = new.organization_id and c.id = new.conversation_id
			order by lower(h.value) = lower(mail #>> '{to,0,address}') desc, h.created_at limit 1;
		if not mail ? 'cc' and lower(theirs) <> lower(mail #>> '{to,0,address}') then
			mail := mail || jsonb_build_object('cc', jsonb_build_array(jsonb_build_object('address', theirs)));
		end if;
	end if;
	if new.sender_id is null and auth.uid() is null and not mail ? 'auto' then
		mail := mail || '{"auto": true}';
	end if;
	mail := jsonb_build_object('subject', case when last.external_id is null then thread.subject -- the first of its thread
		else internal.mail_reply_subject(thread.subject) end) || mail || jsonb_build_object('token', thread.token);
	new.external_id := format('kontor.%s.%s@%s', thread.token, replace(new.id::text, '-', ''),
		coalesce(nullif(substring(acc.settings ->> 'address' from '@([A-Za-z0-9.-]+)$'), ''), 'localhost'));
	new.metadata := coalesce(new.metadata, '{}') || jsonb_build_object('mail', mail);
	new.message_type := case when new.message_type in ('text', 'image', 'video', 'audio', 'document') then 'email' else new.message_type end;
	return new;
end
$$;
create trigger b_mail before insert on public.messages
	for each row when (upper(new.direction) in ('OUTBOUND', 'OUTGOING')) execute function internal.mail_compose();

-- What the composer says of a mail beside its text, right behind the insert.
create function app.mail_fields(client uuid, of_subject text, cc text, bcc text) returns void
language plpgsql
as $$
begin
	update public.messages m set metadata = jsonb_set(m.metadata, '{mail}', (m.metadata -> 'mail') || jsonb_strip_nulls(jsonb_build_object(
			'subject', nullif(trim(of_subject), ''), 'cc', internal.mail_addresses(cc, 'cc'), 'bcc', internal.mail_addresses(bcc, 'bcc'))))
		where m.organization_id = auth.org() and m.client_id = client and m.metadata ? 'mail' and m.status in ('PENDING', 'SCHEDULED');
	if nullif(trim(of_subject), '') is not null then
		perform internal.mail_new_subject(client, trim(of_subject));
	end if;
end
$$;
-- "Ann <ann@x.example>, bob@y.example" as [{name, address}].
create function internal.mail_addresses(list text, of_column text) returns jsonb
language plpgsql immutable
as $$
declare
	one text;
	address text;
	found jsonb := '[]';
begin
	foreach one in array regexp_split_to_array(coalesce(list, ''), '[,;\n]') loop
		continue when trim(one) = '';
		address := coalesce(substring(one from '<([^<>]+)>'), trim(one));
		if address !~ '^[^\s@<>,;"()]+@[^\s@<>,;"()]+\.[^\s@<>,;"()]+$' then
			raise exception using errcode = 'KT422', message = format('This is no e-mail address: %s', trim(one)), column = of_column;
		end if;
		found := found || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('address', address,
			'name', nullif(trim(both ' "' from regexp_replace(one, '<.*$', '')), case when one like '%<%' then '' else trim(one) end))));
	end loop;
	return case when found <> '[]' then found end;
end
$$;
create function internal.mail_new_subject(client uuid, of_subject text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	update public.mail_threads t set subject = left(of_subject, 1000) from public.messages m
		where m.organization_id = auth.org() and m.client_id = client and t.organization_id = auth.org()
			and t.conversation_id = m.conversation_id and t.subject = '';
end
$$;
revoke execute on function internal.mail_new_subject(uuid, text) from public;
grant execute on function app.mail_fields(uuid, text, text, text), internal.mail_addresses(text, text),
	internal.mail_new_subject(uuid, text) to authenticated;

-- ---- what the thread shows of a mail ----------------------------------------------------------

-- "Ann Example <ann@x.example>, bob@y.example" of [{name, address}].
create function app.mail_people(list jsonb) returns text
language sql immutable parallel safe
as $$
	select string_agg(case when p ->> 'name' is null or p ->> 'name' = p ->> 'address' then p ->> 'address'
		else format('%s <%s>', p ->> 'name', p ->> 'address') end, ', ')
	from jsonb_array_elements(case jsonb_typeof(list) when 'array' then list else '[]' end) p
$$;
-- Beside app.thread_some: null for what is no mail.
create function app.mail_part(message uuid, kind text) returns json
language plpgsql stable
as $$
begin
	if kind is distinct from 'email' then
		return null;
	end if;
	return (select json_build_object('subject', m.metadata #>> '{mail,subject}',
			'from', case when m.metadata #> '{mail,from}' is not null then app.mail_people(jsonb_build_array(m.metadata #> '{mail,from}')) end,
			'to', app.mail_people(m.metadata #> '{mail,to}'), 'cc', app.mail_people(m.metadata #> '{mail,cc}'),
			'bcc', app.mail_people(m.metadata #> '{mail,bcc}'),
			'quoted_text', m.metadata #>> '{mail,quoted}', 'has_html', m.metadata #> '{mail,html}' = 'true',
			'has_remote', m.metadata #> '{mail,remote}' = 'true', 'is_auto', m.direction = 'INBOUND' and m.metadata #> '{mail,auto}' = 'true',
			'is_cut', m.metadata #> '{mail,cut}' = 'true',
			'original', (select f.file_id from public.mail_files f where f.organization_id = m.organization_id
				and f.message_id = m.id and f.role = 'original' limit 1))
		from public.messages m where m.organization_id = auth.org() and m.id = message);
end
$$;
grant execute on function app.mail_people(jsonb), app.mail_part(uuid, text) to authenticated;

-- ---- so many a day ---------------------------------------------------------------------------

create table public.mail_days (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	day date not null,
	sent integer not null default 0 check (sent >= 0),
	primary key (organization_id, id),
	unique (organization_id, channel_account_id, day),
	constraint mail_days_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.mail_days is 'Mails that an account has sent, or is sending, by day (UTC)';
do $$ begin
	perform internal.tenant_table('public.mail_days', writable => false);
end $$;

create function internal.mail_counted() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	n integer := case when new.status = 'SENDING' and old.status <> 'SENDING' then 1
		when old.status = 'SENDING' and new.status in ('PENDING', 'FAILED') then -1 else 0 end;
begin
	if n <> 0 then
		insert into public.mail_days as d (organization_id, channel_account_id, day, sent)
			values (new.organization_id, new.channel_account_id, (now() at time zone 'UTC')::date, greatest(n, 0))
			on conflict (organization_id, channel_account_id, day) do update set sent = greatest(d.sent + n, 0);
	end if;
	return null;
end
$$;
create trigger counted after update of status on public.messages
	for each row when (old.status <> new.status and new.direction = 'OUTBOUND' and new.metadata ? 'mail')
	execute function internal.mail_counted();

-- How many more may go today, with those under way; null: no limit. CHA-108:
-- 150 by SMTP unless settings.daily_cap says otherwise.
create function internal.mail_cap_left(channel uuid) returns integer
language sql stable security definer set search_path = ''
as $$
	select case when a.settings ->> 'daily_cap' ~ '^[0-9]{1,9}$' then (a.settings ->> 'daily_cap')::integer
			when a.type = 'BULK_EMAIL' then 150 end
		- coalesce((select d.sent from public.mail_days d where d.organization_id = a.organization_id
			and d.channel_account_id = a.id and d.day = (now() at time zone 'UTC')::date), 0)
	from public.channel_accounts a where a.organization_id = auth.org() and a.id = channel
$$;
revoke execute on function internal.mail_cap_left(uuid) from public;
grant execute on function internal.mail_cap_left(uuid) to authenticated, service_role;

-- ---- a mail that a mail server hands over -------------------------------------------------------

-- For kontor-mail-in: the active accounts with this address, of whichever tenant.
create function internal.mail_accounts(of_address text) returns table (organization_id uuid, id uuid)
language sql stable security definer set search_path = ''
as $$
	select a.organization_id, a.id from public.channel_accounts a
	where a.type = 'EMAIL' and a.is_active and lower(a.settings ->> 'address') = lower(of_address)
$$;
revoke execute on function internal.mail_accounts(text) from public;
grant execute on function internal.mail_accounts(text) to kontor_app;
create index channel_accounts_address_idx on public.channel_accounts (lower(settings ->> 'address')) where type = 'EMAIL';

notify pgrst;
