-- The chat on a tenant's own website (FACT-75): visitors, without cookies and known
-- by a token that their browser keeps once they have begun. kontor-share calls
-- these functions as itself; they are no part of any API.

-- ---- settings ---------------------------------------------------------------------------

create function internal.chat_settings() returns trigger
language plpgsql
as $$
declare
	c jsonb := coalesce(new.settings -> 'chat', '{}');
	one text;
begin
	if new.type <> 'WEB_CHAT' then
		return new;
	end if;
	if jsonb_typeof(c) <> 'object' then
		raise exception using errcode = 'KT400', column = 'settings', message = 'settings.chat must be an object';
	elsif coalesce(c ->> 'color', '#1f4fd8') !~ '^#[0-9a-fA-F]{6}$' then
		raise exception using errcode = 'KT400', column = 'color', message = 'Write the colour as #1f4fd8';
	elsif coalesce(c ->> 'position', 'right') not in ('left', 'right') then
		raise exception using errcode = 'KT400', column = 'position', message = 'The position is left or right';
	elsif coalesce(c ->> 'ask_name', 'maybe') not in ('no', 'maybe', 'must')
			or coalesce(c ->> 'ask_email', 'maybe') not in ('no', 'maybe', 'must') then
		raise exception using errcode = 'KT400', column = 'ask_name', message = 'A field is asked for: no, maybe or must';
	elsif jsonb_typeof(coalesce(c -> 'origins', '[]')) <> 'array' then
		raise exception using errcode = 'KT400', column = 'origins', message = 'settings.chat.origins must be a list';
	end if;
	for one in select o from jsonb_array_elements_text(coalesce(c -> 'origins', '[]')) o loop
		if one !~ '^https?://[a-z0-9.-]+(:[0-9]{1,5})?$' then
			raise exception using errcode = 'KT400', column = 'origins',
				message = format('"%s" is not the address of a site', left(one, 200)),
				hint = 'Write scheme and name alone, for example https://www.example.com';
		end if;
	end loop;
	return new;
end
$$;
create trigger c_chat before insert or update of settings on public.channel_accounts
	for each row execute function internal.chat_settings();

-- ---- visitors ----------------------------------------------------------------------------

create table internal.chat_visitors (
	organization_id uuid not null references public.organizations on delete cascade,
	id uuid not null default public.uuid7(),
	channel_account_id uuid not null,
	token_hash bytea not null,
	handle text not null,  -- of contact_handles: the visitor's own id, or "<channel>:<user id>" of one whose site vouches for him
	user_id text,          -- what the site calls him, proven by its signature
	name text check (length(name) <= 200),
	email text check (length(email) <= 254),
	email_proven boolean not null default false, -- the site's signature covers it
	contact_id uuid,
	conversation_id uuid,
	consented_at timestamptz,
	consent text,          -- what he agreed to
	page text,
	origin text,
	address text,
	language text,
	read_at timestamptz,   -- he has seen what was written until then
	typed_at timestamptz,
	stored_bytes bigint not null default 0, -- of his files
	created_at timestamptz not null default now(),
	last_seen_at timestamptz not null default now(),
	primary key (organization_id, id),
	foreign key (organization_id, channel_account_id) references public.channel_accounts (organization_id, id) on delete cascade,
	foreign key (organization_id, contact_id) references public.contacts (organization_id, id) on delete cascade,
	foreign key (organization_id, conversation_id) references public.conversations (organization_id, id)
		on delete set null (conversation_id)
);
comment on table internal.chat_visitors is 'Browsers in which somebody has begun a chat; the token itself is kept there alone';
create unique index chat_visitors_token_key on internal.chat_visitors (token_hash);
create index chat_visitors_address_idx on internal.chat_visitors (channel_account_id, address, created_at);
create index chat_visitors_contact_idx on internal.chat_visitors (organization_id, contact_id);
create index chat_visitors_seen_idx on internal.chat_visitors (last_seen_at);
alter table internal.chat_visitors enable row level security;
alter table internal.chat_visitors force row level security;

-- Is somebody there? hours: {"from": "09:00", "to": "17:00", "days": [1..7]} in the
-- tenant's time zone; without them always.
create function internal.chat_is_open(org uuid, hours jsonb) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
	here timestamp := now() at time zone internal.org_zone(org);
begin
	if coalesce(hours ->> 'from', '') = '' or coalesce(hours ->> 'to', '') = '' then
		return true;
	end if;
	return coalesce(hours -> 'days', '[1,2,3,4,5]') @> to_jsonb(extract(isodow from here)::integer)
		and here::time >= (hours ->> 'from')::time and here::time < (hours ->> 'to')::time;
exception when data_exception then
	return true;
end
$$;

-- What a request needs before it is believed. No row: there is no such chat.
create function internal.chat_channel(channel uuid) returns table (organization_id uuid, is_active boolean, name text,
	chat jsonb, is_open boolean, identity_secret text)
language sql stable security definer set search_path = ''
as $$
	select a.organization_id, a.is_active, a.name, coalesce(a.settings -> 'chat', '{}'),
		internal.chat_is_open(a.organization_id, a.settings #> '{chat,hours}'),
		(select s.sealed from public.channel_secrets s where s.organization_id = a.organization_id
			and s.channel_account_id = a.id and s.name = 'identity_secret')
	from public.channel_accounts a
	where a.id = channel and a.type = 'WEB_CHAT' and a.deleted_at is null and internal.on_site(a.organization_id)
$$;

-- The same, and the end of the request when the page of that origin may not have the
-- chat. own: where this installation is, whose settings show a preview.
create function internal.chat_allow(channel uuid, origin text, own text) returns table (organization_id uuid, is_active boolean,
	name text, chat jsonb, is_open boolean, identity_secret text)
language plpgsql stable security definer set search_path = ''
as $$
declare
	c record;
begin
	select * into c from internal.chat_channel(channel);
	if not found then
		raise exception using errcode = 'KT404', message = 'There is no such chat';
	elsif origin is not null and origin <> own and not coalesce(c.chat -> 'origins', '[]') ? origin then
		raise exception using errcode = 'KT403', message = 'This site may not use the chat',
			hint = 'Name it in the settings of the channel';
	end if;
	return query select c.organization_id, c.is_active, c.name, c.chat, c.is_open, c.identity_secret;
end
$$;

-- As whom the inbox' own functions run.
create function internal.chat_claims(org uuid) returns void
language sql set search_path = ''
as $$
	select set_config('request.jwt.claims', json_build_object('organization_id', org, 'role', 'anon', 'app_role', 'SYSTEM')::text, true)
$$;

create function internal.chat_begin(channel uuid, token_sha text, proven_id text, of_name text, of_email text, is_proven boolean,
	agrees boolean, at_page text, at_origin text, addr text, lang text) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	a public.channel_accounts;
	c jsonb;
	made uuid := public.uuid7();
begin
	select * into a from public.channel_accounts x where x.id = channel and x.type = 'WEB_CHAT' and x.is_active;
	if a.id is null then
		raise exception using errcode = 'KT409', message = 'This chat is switched off';
	end if;
	c := coalesce(a.settings -> 'chat', '{}');
	of_name := nullif(left(trim(of_name), 200), '');
	of_email := nullif(lower(left(trim(of_email), 254)), '');
	if of_name is null and c ->> 'ask_name' = 'must' then
		raise exception using errcode = 'KT422', column = 'name', message = 'Please tell us your name';
	elsif of_email is null and c ->> 'ask_email' = 'must' then
		raise exception using errcode = 'KT422', column = 'email', message = 'Please tell us your e-mail address';
	elsif of_email is not null and of_email !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' then
		raise exception using errcode = 'KT422', column = 'email', message = 'Write an e-mail address, for example ann@example.com';
	elsif coalesce(c ->> 'consent', '') <> '' and not agrees then
		raise exception using errcode = 'KT422', column = 'consent', message = 'Please agree to go on';
	elsif (select count(*) from (select from internal.chat_visitors v where v.channel_account_id = channel and v.address = addr
			and v.created_at > now() - interval '10 minutes' limit 30) n) >= 30 then
		raise exception using errcode = 'KT429', message = 'That was often. Please wait a few minutes';
	end if;
	insert into internal.chat_visitors (organization_id, id, channel_account_id, token_hash, handle, user_id, name, email,
			email_proven, consented_at, consent, page, origin, address, language)
		values (a.organization_id, made, channel, decode(token_sha, 'hex'),
			case when proven_id is null then made::text else channel::text || ':' || proven_id end, proven_id, of_name, of_email,
			is_proven and proven_id is not null and of_email is not null, case when agrees then now() end, case when agrees then c ->> 'consent' end, left(at_page, 2000), at_origin, addr, lang);
	return made;
end
$$;

create function internal.chat_visitor(channel uuid, token_sha text) returns internal.chat_visitors
language plpgsql security definer set search_path = ''
as $$
declare
	v internal.chat_visitors;
begin
	select * into v from internal.chat_visitors x where x.token_hash = decode(token_sha, 'hex') and x.channel_account_id = channel;
	if v.id is null then
		raise exception using errcode = 'KT401', message = 'This chat has ended; begin it again';
	end if;
	return v;
end
$$;

-- Before a file is stored: only of somebody who has begun, and no more than 500 MB
-- a day from one address.
create function internal.chat_may_store(channel uuid, token_sha text, bytes bigint) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
	v internal.chat_visitors := internal.chat_visitor(channel, token_sha);
begin
	if bytes + (select coalesce(sum(x.stored_bytes), 0) from internal.chat_visitors x
			where x.channel_account_id = channel and x.address = v.address and x.last_seen_at > now() - interval '1 day') > 500 * 1048576 then
		raise exception using errcode = 'KT429', message = 'These were many files. Please go on tomorrow';
	end if;
	perform internal.chat_not_often(v);
	return true;
end
$$;

-- Who it is for the inbox. An address by which the tenant knows somebody counts when
-- the site's signature covers it; what is typed or said beside it proves nothing, or
-- one customer could read what another has written.
create function internal.chat_contact(v internal.chat_visitors) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	person uuid;
begin
	if v.email_proven and not exists (select from public.contact_handles h
			where h.organization_id = v.organization_id and h.kind = 'widget' and h.value = v.handle) then
		person := public.contact_for_handle('email', v.email, v.name);
		insert into public.contact_handles (organization_id, contact_id, kind, value)
			values (v.organization_id, person, 'widget', v.handle) on conflict do nothing;
	end if;
	person := public.contact_for_handle('widget', v.handle, v.name);
	update public.contacts c set emails = array[v.email]
		where c.organization_id = v.organization_id and c.id = person and c.emails = '{}' and v.email is not null;
	return person;
end
$$;
revoke execute on function internal.chat_contact(internal.chat_visitors) from public;

create function internal.chat_not_often(v internal.chat_visitors) returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
	if (select count(*) from (select from public.messages m where m.organization_id = v.organization_id
			and m.conversation_id = internal.chat_talk(v) and m.direction = 'INBOUND' and m.created_at > now() - interval '1 minute'
			limit 30) n) >= 30 then
		raise exception using errcode = 'KT429', message = 'That was often. Please wait a minute';
	end if;
end
$$;

-- One message; the same client id again is the same message. file: {sha256, name,
-- content_type, size, kind} of what lies in the store already.
create function internal.chat_send(channel uuid, token_sha text, client uuid, body text, file jsonb, at_page text)
	returns table (message_id uuid, conversation_id uuid)
language plpgsql security definer set search_path = ''
as $$
declare
	v internal.chat_visitors := internal.chat_visitor(channel, token_sha);
	got record;
	stored uuid;
begin
	perform internal.chat_claims(v.organization_id);
	if not exists (select from public.channel_accounts a where a.organization_id = v.organization_id and a.id = channel
			and a.is_active) then
		raise exception using errcode = 'KT409', message = 'This chat is switched off';
	elsif coalesce(trim(body), '') = '' and file is null then
		raise exception using errcode = 'KT422', column = 'text', message = 'Write something';
	elsif length(body) > 10000 then
		raise exception using errcode = 'KT422', column = 'text', message = 'Please write less at once';
	end if;
	perform internal.chat_not_often(v);
	perform internal.chat_contact(v);
	select r.* into got from public.receive_message(channel, 'widget', v.handle, v.name, v.handle, client::text,
		coalesce(file ->> 'kind', 'text'), coalesce(trim(body), ''),
		jsonb_strip_nulls(jsonb_build_object('page', left(at_page, 2000), 'visitor', v.id, 'verified', case when v.user_id is not null then true end)),
		clock_timestamp(), '[]') r;
	if got.message_id is null then
		return query select m.id, m.conversation_id from public.messages m where m.organization_id = v.organization_id
			and m.channel_account_id = channel and m.external_id = client::text;
		return;
	end if;
	if file is not null then
		insert into public.files (organization_id, sha256, name, content_type, size, created_by)
			values (v.organization_id, file ->> 'sha256', file ->> 'name', file ->> 'content_type', (file ->> 'size')::bigint, null)
			returning id into stored;
		insert into public.message_attachments (organization_id, message_id, kind, file_id, name, content_type)
			values (v.organization_id, got.message_id, file ->> 'kind', stored, file ->> 'name', file ->> 'content_type');
	end if;
	update internal.chat_visitors x set contact_id = got.contact_id, conversation_id = got.conversation_id, last_seen_at = now(),
			page = coalesce(left(at_page, 2000), x.page), stored_bytes = x.stored_bytes + coalesce((file ->> 'size')::bigint, 0)
		where x.organization_id = v.organization_id and x.id = v.id;
	update public.channel_accounts a set last_in_at = now()
		where a.organization_id = v.organization_id and a.id = channel
			and (a.last_in_at is null or a.last_in_at < now() - interval '1 minute');
	return query select got.message_id, got.conversation_id;
end
$$;

-- The conversation of a visitor: his own, that into which it was merged, or that of
-- the person whom his site knows.
create function internal.chat_talk(v internal.chat_visitors) returns uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
	return coalesce((select coalesce(c.merged_into_id, c.id) from public.conversations c
			where c.organization_id = v.organization_id and c.id = v.conversation_id),
		(select coalesce(c.merged_into_id, c.id) from public.contact_handles h
			join public.conversations c on c.organization_id = h.organization_id and c.contact_id = h.contact_id
				and c.channel_account_id = v.channel_account_id
			where h.organization_id = v.organization_id and h.kind = 'widget' and h.value = v.handle and v.user_id is not null
			order by c.last_message_at desc nulls last limit 1));
end
$$;

-- May he read it? Who has only typed a name sees what he wrote in this browser and
-- the answers since he began: when an agent takes him for somebody else and merges
-- the two, he does not read what that one has written.
create function internal.chat_is_his(v internal.chat_visitors, m public.messages) returns boolean
language sql stable
as $$
	select m.channel_account_id = v.channel_account_id and (v.user_id is not null
		or case m.direction when 'INBOUND' then m.metadata ->> 'visitor' = v.id::text else m.created_at >= v.created_at end)
$$;

-- What the visitor sees: the newest hundred, oldest first (one that was written
-- earlier may be sent later). What was sent is delivered thereby; seen: he looks at it.
create function internal.chat_thread(channel uuid, token_sha text, seen boolean) returns table (thread json, visitor uuid, handle text)
language plpgsql security definer set search_path = ''
as $$
declare
	v internal.chat_visitors := internal.chat_visitor(channel, token_sha);
	talk uuid := internal.chat_talk(v);
	org uuid := v.organization_id;
	moved text := case when seen then 'READ' else 'DELIVERED' end;
	shown json;
	unread integer;
begin
	perform internal.chat_claims(org);
	update public.messages m set status = moved
		where m.organization_id = org and m.conversation_id = talk and m.channel_account_id = channel and m.direction = 'OUTBOUND'
			and m.created_at > now() - interval '30 days' and internal.chat_is_his(v, m)
			and (m.status in ('SENDING', 'SENT') or m.status = 'DELIVERED' and seen);
	if seen and v.read_at is distinct from now() then
		update internal.chat_visitors x set read_at = now(), last_seen_at = now() where x.organization_id = org and x.id = v.id;
	elsif v.last_seen_at < now() - interval '1 minute' then
		update internal.chat_visitors x set last_seen_at = now() where x.organization_id = org and x.id = v.id;
	end if;
	select json_agg(json_build_object('id', m.id, 'client', case when m.direction = 'INBOUND' then m.external_id end,
			'mine', m.direction = 'INBOUND', 'text', m.content, 'at', (1000 * extract(epoch from m.created_at))::bigint,
			'gone', m.content is null and m.files is null,
			'author', m.author, 'files', m.files) order by m.created_at, m.id) into shown
		from (select x.id, x.external_id, x.direction, nullif(x.content, '') as content, x.created_at, p.first_name as author,
				(select json_agg(json_build_object('id', t.id, 'name', coalesce(t.name, f.name), 'type', f.content_type, 'size', f.size,
						'kind', t.kind) order by t.position)
					from public.message_attachments t join public.files f on f.organization_id = org and f.id = t.file_id
					where t.organization_id = org and t.message_id = x.id and t.state = 'stored') as files
			from public.messages x left join public.profiles p on p.organization_id = org and p.id = x.sender_id
			where x.organization_id = org and x.conversation_id = talk and x.channel_account_id = channel
				and internal.chat_is_his(v, x)
				and (x.direction = 'INBOUND' or x.status in ('SENDING', 'SENT', 'DELIVERED', 'READ'))
			order by x.created_at desc, x.id desc limit 100) m;
	select count(*) into unread from (select from public.messages x where x.organization_id = org and x.conversation_id = talk
		and x.direction = 'OUTBOUND' and x.status in ('SENDING', 'SENT', 'DELIVERED') and internal.chat_is_his(v, x) limit 100) n;
	return query select json_build_object('messages', coalesce(shown, '[]'), 'unread', case when seen then 0 else unread end,
		'name', v.name), v.id, v.handle;
end
$$;

-- He writes just now: open pages of the conversation show it, nothing is kept but
-- the event.
create function internal.chat_typing(channel uuid, token_sha text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	v internal.chat_visitors := internal.chat_visitor(channel, token_sha);
	talk uuid := internal.chat_talk(v);
begin
	if talk is not null then
		-- A page tells it with every key; three seconds are near enough.
		update internal.chat_visitors x set typed_at = now() where x.organization_id = v.organization_id and x.id = v.id
			and (x.typed_at is null or x.typed_at < now() - interval '3 seconds');
		if found then
			perform internal.emit(v.organization_id, 'conversation.typing', 'inbox', talk,
				jsonb_build_object('conversation_id', talk, 'contact_id', v.contact_id));
		end if;
	end if;
	return talk is not null;
end
$$;

-- A file of a visitor's conversation; who asks has proven to be him.
create function internal.chat_file(channel uuid, visitor uuid, attachment uuid) returns table (organization_id uuid, sha256 text,
	name text, content_type text)
language sql stable security definer set search_path = ''
as $$
	select f.organization_id, f.sha256, coalesce(t.name, f.name), f.content_type
	from internal.chat_visitors v
	join public.message_attachments t on t.organization_id = v.organization_id and t.id = attachment
	join public.messages m on m.organization_id = t.organization_id and m.id = t.message_id
	join public.files f on f.organization_id = t.organization_id and f.id = t.file_id
	where v.id = visitor and v.channel_account_id = channel and m.channel_account_id = channel
		and m.conversation_id = internal.chat_talk(v) and internal.chat_is_his(v, m)
$$;

-- Who begins and never writes, and who has not come back for a year.
create function internal.chat_forget(most integer) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
	n bigint;
begin
	delete from internal.chat_visitors v where v.ctid = any (array(
		select x.ctid from internal.chat_visitors x
		where x.last_seen_at < now() - interval '1 year' or x.contact_id is null and x.last_seen_at < now() - interval '7 days'
		order by x.last_seen_at limit most));
	get diagnostics n = row_count;
	return n;
end
$$;
insert into job.timers (name, call, every) values ('chat_forget', 'internal.chat_forget(1000)', '1 hour');

revoke execute on function internal.chat_channel(uuid) from public;
grant execute on function internal.chat_allow(uuid, text, text), internal.chat_begin(uuid, text, text, text, text, boolean, boolean, text, text, text, text),
	internal.chat_send(uuid, text, uuid, text, jsonb, text), internal.chat_thread(uuid, text, boolean),
	internal.chat_may_store(uuid, text, bigint), internal.chat_typing(uuid, text), internal.chat_file(uuid, uuid, uuid) to kontor_app;
revoke execute on function internal.chat_visitor(uuid, text), internal.chat_talk(internal.chat_visitors), internal.chat_claims(uuid),
	internal.chat_is_his(internal.chat_visitors, public.messages), internal.chat_not_often(internal.chat_visitors),
	internal.chat_forget(integer) from public;

notify pgrst;
