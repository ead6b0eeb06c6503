-- Messenger, Instagram and the rest of WhatsApp Cloud: comments, echoes and
-- watermarks, taps on links, "seen" and "typing", names of senders, and the
-- templates that Meta approves.

create index if not exists conversations_external_idx
	on public.conversations (organization_id, channel_account_id, external_id) where external_id is not null;

-- What calls of the provider name an account by, when it comes within settings.
create function internal.channel_meta_settings() returns trigger
language plpgsql
as $$
begin
	if new.type = 'FB_MESSENGER' and new.settings ->> 'page_id' <> '' then
		new.external_id := new.settings ->> 'page_id';
	elsif new.type = 'INSTAGRAM' and new.settings ->> 'instagram_id' <> '' then
		new.external_id := new.settings ->> 'instagram_id';
	end if;
	return new;
end
$$;
create trigger settings_meta before insert or update of settings on public.channel_accounts
	for each row execute function internal.channel_meta_settings();

-- ---- what calls say beside messages and receipts ---------------------------------------

-- Is that message one of ours, known by its id, by the id that went along, or
-- by what it says while its answer is still on the way? A message whose answer
-- was lost (UNKNOWN) is found here to have been sent.
create function internal.own_message(channel uuid, talk uuid, provider_id text, ours uuid, body text) returns boolean
language plpgsql
as $$
declare
	org uuid := auth.org();
	found_id uuid;
begin
	if exists (select from public.messages m where m.organization_id = org and m.channel_account_id = channel
			and m.external_id = provider_id) then
		return true;
	end if;
	select m.id into found_id from public.messages m
		where m.organization_id = org and m.id = ours and m.channel_account_id = channel and m.direction = 'OUTBOUND';
	if found_id is null then
		select m.id into found_id from public.messages m
			where m.organization_id = org and m.conversation_id = talk and m.direction = 'OUTBOUND'
				and m.created_at > now() - interval '1 day' and (m.metadata -> 'sent' ? provider_id
					or m.status in ('SENDING', 'UNKNOWN') and (m.content = body or coalesce(body, '') = ''
						and exists (select from public.message_attachments t
							where t.organization_id = org and t.message_id = m.id)))
			order by m.metadata -> 'sent' ? provider_id desc nulls last, m.created_at limit 1;
	end if;
	if found_id is null then
		return false;
	end if;
	update public.messages m set external_id = coalesce(m.external_id, provider_id),
			status = case when internal.status_rank(m.status) < internal.status_rank('SENT') then 'SENT' else m.status end,
			error = null, error_code = null
		where m.organization_id = org and m.id = found_id
			and (m.external_id is null or internal.status_rank(m.status) < internal.status_rank('SENT'));
	return true;
end
$$;

create function internal.add_files(message uuid, files jsonb) returns void
language sql
as $$
	insert into public.message_attachments (organization_id, message_id, position, kind, provider_media_id, name,
			content_type, state)
		select auth.org(), message, n, a ->> 'kind', a ->> 'provider_media_id', a ->> 'name', a ->> 'content_type', 'waiting'
		from jsonb_array_elements(coalesce(files, '[]')) with ordinality e (a, n)
$$;

-- Somebody's comments on one post are one conversation, which says so in
-- metadata.is_comment_thread (INB-71). The account's own comments stand in the
-- thread of the comment that they answer.
create function internal.receive_comment(channel uuid, handle_kind text, data jsonb, arrived timestamptz) returns void
language plpgsql
as $$
declare
	org uuid := auth.org();
	post text := coalesce(data ->> 'post', data ->> 'parent', data ->> 'provider_id');
	person uuid;
	talk uuid;
	message uuid;
	dm text;
begin
	if exists (select from public.messages m where m.organization_id = org and m.channel_account_id = channel
			and m.external_id = data ->> 'provider_id') then
		return;
	end if;
	if (data ->> 'own')::boolean then
		select m.conversation_id into talk from public.messages m
			where m.organization_id = org and m.channel_account_id = channel and m.external_id = data ->> 'parent';
		if talk is null or internal.own_message(channel, talk, data ->> 'provider_id', null, data ->> 'text') then
			return;
		end if;
		insert into public.messages (organization_id, conversation_id, channel_account_id, direction, content, message_type,
				status, external_id, metadata, created_at)
			values (org, talk, channel, 'OUTBOUND', data ->> 'text', coalesce(data ->> 'type', 'text'), 'SENT', data ->> 'provider_id',
				jsonb_build_object('source', 'echo'), arrived)
			on conflict do nothing;
		return;
	end if;
	perform pg_advisory_xact_lock(hashtextextended(channel::text || post || (data ->> 'handle'), 1));
	person := public.contact_for_handle(handle_kind, data ->> 'handle', data ->> 'name');
	select c.id into talk from public.conversations c
		where c.organization_id = org and c.channel_account_id = channel and c.external_id = post and c.contact_id = person
			and c.metadata ? 'is_comment_thread'
		order by c.status in ('OPEN', 'PENDING') desc, c.last_message_at desc nulls last limit 1;
	if talk is null then
		insert into public.conversations (organization_id, contact_id, channel_account_id, external_id, metadata)
			values (org, person, channel, post,
				jsonb_build_object('is_comment_thread', true) || jsonb_strip_nulls(jsonb_build_object('post_id', data ->> 'post',
					'post_url', data #>> '{comment,post_url}')))
			returning id into talk;
	end if;
	insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content,
			message_type, status, external_id, metadata, created_at)
		values (org, talk, person, channel, 'INBOUND', data ->> 'text', coalesce(data ->> 'type', 'text'), 'DELIVERED',
			data ->> 'provider_id', jsonb_build_object('comment', data -> 'comment')
				|| case when data ? 'provider_timestamp' then jsonb_build_object('provider_timestamp', data -> 'provider_timestamp')
					else '{}' end, arrived)
		on conflict do nothing returning id into message;
	if message is null then
		return;
	end if;
	perform internal.add_files(message, data -> 'attachments');
	select a.settings ->> 'comment_dm' into dm from public.channel_accounts a where a.organization_id = org and a.id = channel;
	-- CHA-92: a private answer to everybody, once per post.
	if dm <> '' and not exists (select from public.messages m where m.organization_id = org and m.conversation_id = talk
			and m.metadata ? 'private_reply') then
		insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content,
				reply_to_id, metadata)
			values (org, talk, person, channel, 'OUTBOUND', dm, message,
				jsonb_build_object('private_reply', true, 'source', 'comment_dm'));
	end if;
end
$$;

-- CHA-86: automations wait for it by this name.
create function internal.comment_received() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'facebook.comment.received', 'message', new.id, jsonb_build_object('id', new.id,
			'conversation_id', new.conversation_id, 'contact_id', new.contact_id, 'organization_id', new.organization_id,
			'content', new.content, 'comment_id', new.external_id, 'post_id', new.metadata #>> '{comment,post_id}'))
		from public.channel_accounts a
		where a.organization_id = new.organization_id and a.id = new.channel_account_id and a.type = 'FB_MESSENGER';
	return null;
end
$$;
create trigger comment_received after insert on public.messages
	for each row when (new.direction = 'INBOUND' and new.metadata ? 'comment' and new.message_type <> 'edit')
	execute function internal.comment_received();

-- What the account sent itself, from the provider's own inbox or another app.
create function internal.receive_echo(channel uuid, handle_kind text, data jsonb, arrived timestamptz) returns void
language plpgsql
as $$
declare
	org uuid := auth.org();
	person uuid;
	talk uuid;
	message uuid;
begin
	perform pg_advisory_xact_lock(hashtextextended(channel::text || (data ->> 'handle'), 1));
	person := public.contact_for_handle(handle_kind, data ->> 'handle', null);
	select c.id into talk from public.conversations c
		where c.organization_id = org and c.contact_id = person and c.channel_account_id = channel
			and not (c.metadata ? 'is_comment_thread')
		order by c.status in ('OPEN', 'PENDING') desc, c.last_message_at desc nulls last limit 1;
	if internal.own_message(channel, talk, data ->> 'provider_id', (data ->> 'ours')::uuid, data ->> 'text') then
		return;
	end if;
	if talk is null then
		insert into public.conversations (organization_id, contact_id, channel_account_id, external_id)
			values (org, person, channel, data ->> 'handle') returning id into talk;
	end if;
	insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content,
			message_type, status, external_id, metadata, created_at)
		values (org, talk, person, channel, 'OUTBOUND', data ->> 'text', coalesce(data ->> 'type', 'text'), 'SENT',
			data ->> 'provider_id', coalesce(data -> 'metadata', '{}') || jsonb_build_object('source', 'echo'), arrived)
		on conflict do nothing returning id into message;
	if message is not null then
		perform internal.add_files(message, data -> 'attachments');
	end if;
end
$$;

-- Delivered or read up to a moment: what had been sent by then. False while one
-- of them is still under way here, so that the receipt is looked at again.
create function internal.watermark(channel uuid, thread text, new_status text, until timestamptz) returns boolean
language plpgsql
as $$
declare
	org uuid := auth.org();
	talks uuid[] := array(select c.id from public.conversations c where c.organization_id = org
		and c.channel_account_id = channel and c.external_id = thread);
begin
	update public.messages m set status = new_status, error = null, error_code = null
		where m.organization_id = org and m.conversation_id = any (talks) and m.channel_account_id = channel
			and m.direction = 'OUTBOUND' and m.created_at between until - interval '7 days' and until + interval '5 seconds'
			and m.status in ('SENT', 'DELIVERED') and m.status <> new_status
			and internal.status_rank(m.status) < internal.status_rank(new_status)
			and exists (select from public.message_status_history h where h.organization_id = org and h.message_id = m.id
				and h.status = 'SENT' and h.at <= until + interval '5 seconds');
	return not exists (select from public.messages m where m.organization_id = org and m.conversation_id = any (talks)
		and m.direction = 'OUTBOUND' and m.status = 'SENDING' and m.created_at between until - interval '7 days' and until);
end
$$;

-- ---- taps on links (CHA-69..72) -----------------------------------------------------------

create table public.link_clicks (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	contact_id uuid,
	template text,
	url text,
	tracking_token text,
	click_id text,
	click_component text,
	clicked_at timestamptz not null default now(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint link_clicks_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade,
	constraint link_clicks_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete set null (contact_id)
);
comment on table public.link_clicks is 'Taps on links of marketing messages, as the provider tells them; who it was is known only where the provider says so';
create unique index link_clicks_click_key on public.link_clicks (organization_id, channel_account_id, click_id) where click_id is not null;
create index link_clicks_contact_idx on public.link_clicks (organization_id, contact_id, clicked_at desc) where contact_id is not null;
do $$ begin
	perform internal.tenant_table('public.link_clicks');
	perform internal.flag_table('public.link_clicks', 'can_read_messages', 'can_manage_settings');
end $$;

create function internal.link_clicked() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.emit(new.organization_id, 'message.link_clicked', 'link_click', new.id, to_jsonb(new));
	return null;
end
$$;
create trigger clicked after insert on public.link_clicks for each row execute function internal.link_clicked();

create function internal.add_click(channel uuid, data jsonb, at timestamptz) returns void
language sql
as $$
	insert into public.link_clicks (channel_account_id, contact_id, template, url, tracking_token, click_id, click_component, clicked_at)
		values (channel, (select h.contact_id from public.contact_handles h where h.organization_id = auth.org()
				and h.kind = 'phone' and h.value = data ->> 'handle'),
			data ->> 'template', data ->> 'url', data ->> 'tracking_token', data ->> 'click_id', data ->> 'click_component',
			coalesce(at, now()))
		on conflict do nothing
$$;

-- ---- templates that Meta approves (MSG-92..95) ----------------------------------------------

create table public.whatsapp_templates (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	channel_account_id uuid not null,
	provider_id text,
	name text not null check (name ~ '^[a-z0-9_]+$' and length(name) <= 512),
	language text not null check (language ~ '^[a-z]{2,3}(_[A-Za-z]{2,4})?$'),
	category text not null default 'UTILITY' check (category ~ '^[A-Z_]{1,40}$'),
	status text not null default 'DRAFT' check (status ~ '^[A-Z_]{1,40}$'),
	components jsonb not null default '[]' check (jsonb_typeof(components) = 'array'),
	variables text[] not null default '{}', -- kept by a trigger: header.1, body.1, body.2, button.0.1
	reason text,
	quality text,
	error text,
	is_submitting boolean not null default false,
	created_by uuid default auth.uid(),
	seen_at timestamptz,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	unique (organization_id, channel_account_id, name, language),
	constraint whatsapp_templates_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade,
	constraint whatsapp_templates_created_by_fkey foreign key (organization_id, created_by)
		references public.profiles (organization_id, id) on delete set null (created_by)
);
comment on table public.whatsapp_templates is 'Message templates of WhatsApp Cloud accounts with the state of their approval at Meta';
comment on column public.whatsapp_templates.status is 'DRAFT, PENDING, APPROVED, REJECTED, PAUSED, DISABLED and others of Meta';
comment on column public.whatsapp_templates.components is 'As Meta has them: header, body, footer, buttons';
comment on column public.whatsapp_templates.variables is 'What has to be filled in to send it, in order: header.1, header.media, header.location, body.1, body.2, button.0.1';
comment on column public.whatsapp_templates.reason is 'Why Meta rejected it';
comment on column public.whatsapp_templates.error is 'Why it could not be handed in';
do $$ begin
	perform internal.tenant_table('public.whatsapp_templates');
	perform internal.admin_table('public.whatsapp_templates');
end $$;

-- The names of the variables in a text, each once, in order: 1, 2 or first_name.
create function internal.placeholders(body text) returns text[]
language sql immutable parallel safe
as $$
	select coalesce(array_agg(name order by place), '{}') from (
		select m[1] as name, min(n) as place
		from regexp_matches(coalesce(body, ''), '\{\{\s*([A-Za-z0-9_]+)\s*\}\}', 'g') with ordinality r (m, n)
		group by 1) v
$$;

create function internal.template_variables(components jsonb) returns text[]
language sql immutable
as $$
	select coalesce(array_agg(v.name order by v.part, v.place, v.n), '{}') from (
		select 1 as part, 0::bigint as place, u.n, 'header.' || u.name as name
			from jsonb_array_elements(components) c, unnest(internal.placeholders(c ->> 'text')) with ordinality u (name, n)
			where upper(c ->> 'type') = 'HEADER' and upper(coalesce(c ->> 'format', 'TEXT')) = 'TEXT'
		union all
		select 1, 0, 1, case upper(c ->> 'format') when 'LOCATION' then 'header.location' else 'header.media' end
			from jsonb_array_elements(components) c
			where upper(c ->> 'type') = 'HEADER' and upper(c ->> 'format') in ('IMAGE', 'VIDEO', 'DOCUMENT', 'LOCATION')
		union all
		select 2, 0, u.n, 'body.' || u.name
			from jsonb_array_elements(components) c, unnest(internal.placeholders(c ->> 'text')) with ordinality u (name, n)
			where upper(c ->> 'type') = 'BODY'
		union all
		select 3, b.place, u.n, 'button.' || (b.place - 1) || '.' || u.name
			from jsonb_array_elements(components) c, jsonb_array_elements(c -> 'buttons') with ordinality b (button, place),
				unnest(internal.placeholders(b.button ->> 'url')) with ordinality u (name, n)
			where upper(c ->> 'type') = 'BUTTONS' and jsonb_typeof(c -> 'buttons') = 'array') v
$$;

create function internal.template_filled() returns trigger
language plpgsql
as $$
begin
	new.name := lower(new.name);
	new.status := upper(new.status);
	new.category := upper(new.category);
	new.variables := internal.template_variables(new.components);
	if not exists (select from public.channel_accounts a where a.organization_id = new.organization_id
			and a.id = new.channel_account_id and a.type = 'WHATSAPP_CLOUD') then
		raise exception using errcode = 'KT400', message = 'Templates belong to a WhatsApp Cloud channel', column = 'channel_account_id';
	end if;
	return new;
end
$$;
create trigger a_filled before insert or update on public.whatsapp_templates
	for each row execute function internal.template_filled();

-- Handed in: the worker calls Meta.
create function internal.template_submits() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform job.enqueue(new.organization_id, 'submit_template', new.id::text, jsonb_build_object('template_id', new.id), now(), 3,
		new.channel_account_id);
	return null;
end
$$;
create trigger submits_insert after insert on public.whatsapp_templates
	for each row when (new.is_submitting) execute function internal.template_submits();
create trigger submits_update after update on public.whatsapp_templates
	for each row when (new.is_submitting and not old.is_submitting) execute function internal.template_submits();

-- What Meta decided: who handed it in is told.
create function internal.template_decided() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.notify(new.organization_id, new.created_by, 'template.' || lower(new.status), 'whatsapp_template', new.id,
		jsonb_build_object('title', new.name || ' (' || new.language || ')'));
	return null;
end
$$;
create trigger decided after update of status on public.whatsapp_templates
	for each row when (new.status <> old.status and new.status in ('APPROVED', 'REJECTED')) execute function internal.template_decided();

-- One page of Meta's list, from the worker.
create function internal.templates_store(channel uuid, list jsonb) returns void
language sql
as $$
	insert into public.whatsapp_templates as t (channel_account_id, provider_id, name, language, category, status, components,
			reason, quality, created_by, seen_at)
		select channel, x ->> 'id', lower(x ->> 'name'), x ->> 'language', upper(coalesce(x ->> 'category', 'UTILITY')),
			upper(coalesce(x ->> 'status', 'PENDING')), coalesce(x -> 'components', '[]'),
			nullif(nullif(x ->> 'rejected_reason', 'NONE'), ''), nullif(x #>> '{quality_score,score}', 'UNKNOWN'), null, clock_timestamp()
		from jsonb_array_elements(coalesce(list, '[]')) x
		where lower(x ->> 'name') ~ '^[a-z0-9_]+$' and length(x ->> 'name') <= 512 and x ->> 'language' ~ '^[a-z]{2,3}(_[A-Za-z]{2,4})?$'
	on conflict (organization_id, channel_account_id, name, language) do update set provider_id = excluded.provider_id,
		category = excluded.category, status = excluded.status, components = excluded.components, reason = excluded.reason,
		quality = excluded.quality, seen_at = excluded.seen_at, error = null
$$;

-- The end of a list: what Meta does not have any more goes; drafts stay.
create function internal.templates_synced(channel uuid, started timestamptz, failure text) returns void
language plpgsql
as $$
begin
	if failure is null then
		delete from public.whatsapp_templates t where t.organization_id = auth.org() and t.channel_account_id = channel
			and t.provider_id is not null and not t.is_submitting and coalesce(t.seen_at, '-infinity') < started
			and t.created_at < started;
	end if;
	perform internal.templates_state(channel, case when failure is null then 'done' else 'failed' end, failure);
end
$$;

create function internal.template_submitted(template uuid, provider text, new_status text, new_category text, failure text) returns void
language sql
as $$
	update public.whatsapp_templates t set is_submitting = false, error = failure,
		provider_id = coalesce(provider, t.provider_id), category = coalesce(new_category, t.category), reason = null,
		status = case when failure is null then coalesce(new_status, 'PENDING') else t.status end, seen_at = clock_timestamp()
	where t.organization_id = auth.org() and t.id = template
$$;

-- Meta's webhook about one of them; all numbers of the business account have it.
create function internal.template_changed(channel uuid, data jsonb) returns void
language sql
as $$
	update public.whatsapp_templates t set
		status = case when data ->> 'status' in ('REINSTATED', 'UNARCHIVED') then 'APPROVED'
			when data ->> 'status' in ('APPROVED', 'REJECTED', 'PENDING', 'PAUSED', 'DISABLED', 'IN_APPEAL', 'PENDING_DELETION',
				'ARCHIVED') then data ->> 'status' else t.status end,
		reason = case when data ? 'status' then nullif(nullif(data ->> 'reason', 'NONE'), '') else t.reason end,
		category = coalesce(upper(data ->> 'category'), t.category), quality = coalesce(data ->> 'quality', t.quality)
	where t.organization_id = auth.org() and (t.provider_id = data ->> 'provider_id'
			or t.name = data ->> 'name' and t.language = data ->> 'language')
		and t.channel_account_id in (select o.id from public.channel_accounts a
			join public.channel_accounts o on o.organization_id = a.organization_id and o.type = 'WHATSAPP_CLOUD'
				and (o.id = a.id or o.settings ->> 'waba_id' = a.settings ->> 'waba_id')
			where a.organization_id = auth.org() and a.id = channel)
$$;

-- MSG-94: a value for each variable. {"header.1": "..", "body.1": ".."} becomes
-- what Meta takes as components; what is missing is named (Meta's #132000).
create function internal.template_parameters(t public.whatsapp_templates, given jsonb) returns jsonb
language plpgsql stable
as $$
declare
	lacks text;
	format text := (select lower(c ->> 'format') from jsonb_array_elements(t.components) c where upper(c ->> 'type') = 'HEADER');
	out jsonb := '[]';
	list jsonb;
	b record;
begin
	select v into lacks from unnest(t.variables) with ordinality u (v, n)
		where coalesce(nullif(trim(given ->> v), ''), case when jsonb_typeof(given -> v) = 'object' then 'x' end) is null order by n limit 1;
	if lacks is not null then
		raise exception using errcode = 'KT422', message = format('The template needs a value for %s', lacks),
			hint = 'Fill in every variable; WhatsApp would refuse it (#132000)', column = lacks;
	end if;
	if 'header.media' = any (t.variables) then
		out := out || jsonb_build_array(jsonb_build_object('type', 'header', 'parameters', jsonb_build_array(
			jsonb_build_object('type', format, format, case when given ->> 'header.media' ~* '^https?://'
				then jsonb_build_object('link', given ->> 'header.media') else jsonb_build_object('id', given ->> 'header.media') end))));
	elsif 'header.location' = any (t.variables) then
		out := out || jsonb_build_array(jsonb_build_object('type', 'header', 'parameters', jsonb_build_array(
			jsonb_build_object('type', 'location', 'location', given -> 'header.location'))));
	end if;
	for b in select split_part(v, '.', 1) as part, case when v like 'button.%' then split_part(v, '.', 2)::integer end as place,
			jsonb_agg(jsonb_build_object('type', 'text', 'text', given ->> v)
				|| case when regexp_replace(v, '^.*\.', '') ~ '^[0-9]+$' then '{}'
					else jsonb_build_object('parameter_name', regexp_replace(v, '^.*\.', '')) end order by n) as parameters, min(n) as first
			from unnest(t.variables) with ordinality u (v, n) where v not in ('header.media', 'header.location')
			group by 1, 2 order by first loop
		list := jsonb_build_object('type', b.part, 'parameters', b.parameters);
		if b.place is not null then
			list := list || jsonb_build_object('sub_type', 'url', 'index', b.place::text);
		end if;
		out := out || jsonb_build_array(list);
	end loop;
	return out;
end
$$;

-- The text that the customer reads, for the thread (MSG-19).
create function internal.template_text(t public.whatsapp_templates, given jsonb) returns text
language plpgsql stable
as $$
declare
	body text := '';
	c jsonb;
	v text;
	part text;
begin
	for c in select e from jsonb_array_elements(t.components) e where upper(e ->> 'type') in ('HEADER', 'BODY', 'FOOTER') loop
		part := c ->> 'text';
		continue when part is null;
		foreach v in array t.variables loop
			if split_part(v, '.', 1) = lower(c ->> 'type') then
				part := regexp_replace(part, '\{\{\s*' || split_part(v, '.', 2) || '\s*\}\}',
					replace(coalesce(given ->> v, ''), '\', '\\'), 'g');
			end if;
		end loop;
		body := body || case when body = '' then '' else E'\n' end || part;
	end loop;
	return body;
end
$$;

-- A template that is to be sent: known ones have to be approved and complete.
-- metadata.template is {name, language, values {..}} or, as Meta has it, {name,
-- language, components}.
create function internal.template_message() returns trigger
language plpgsql
as $$
declare
	wanted jsonb := new.metadata -> 'template';
	t public.whatsapp_templates;
	need integer;
	got integer;
begin
	if new.direction <> 'OUTBOUND' or new.status not in ('PENDING', 'SCHEDULED') or wanted ->> 'name' is null then
		return new;
	end if;
	select x.* into t from public.whatsapp_templates x where x.organization_id = new.organization_id
		and x.channel_account_id = new.channel_account_id and x.name = wanted ->> 'name'
		and x.language = coalesce(wanted #>> '{language,code}', wanted ->> 'language');
	if t.id is null then
		return new;
	end if;
	if t.status <> 'APPROVED' then
		raise exception using errcode = 'KT422', message = format('WhatsApp has not approved the template %s (%s)', t.name, lower(t.status)),
			hint = 'Send an approved one', column = 'template';
	end if;
	if wanted ? 'values' or not wanted ? 'components' then
		new.metadata := jsonb_set(new.metadata, '{template,components}',
			internal.template_parameters(t, coalesce(wanted -> 'values', '{}')));
		if coalesce(new.content, '') = '' then
			new.content := internal.template_text(t, coalesce(wanted -> 'values', '{}'));
		end if;
		return new;
	end if;
	need := (select count(*) from unnest(t.variables) v where v like 'body.%');
	got := (select count(*) from jsonb_array_elements(wanted -> 'components') c, jsonb_array_elements(c -> 'parameters') p
		where lower(c ->> 'type') = 'body');
	if need <> got then
		raise exception using errcode = 'KT422', message = format('The template needs %s values in its body, not %s', need, got),
			hint = 'Fill in every variable; WhatsApp would refuse it (#132000)', column = 'template';
	end if;
	return new;
end
$$;
create trigger b_template before insert on public.messages
	for each row when (new.message_type = 'template') execute function internal.template_message();

-- ---- reading the list of templates -------------------------------------------------------------

create table public.whatsapp_template_syncs (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	channel_account_id uuid not null,
	state text not null default 'running' check (state in ('running', 'done', 'failed')),
	error text,
	synced_at timestamptz,
	primary key (organization_id, channel_account_id),
	constraint whatsapp_template_syncs_channel_account_id_fkey foreign key (organization_id, channel_account_id)
		references public.channel_accounts (organization_id, id) on delete cascade
);
comment on table public.whatsapp_template_syncs is 'When the templates of each account were read from Meta, and what went wrong with it';
do $$ begin
	perform internal.tenant_table('public.whatsapp_template_syncs');
	perform internal.admin_table('public.whatsapp_template_syncs', read => true);
end $$;

create function internal.templates_state(channel uuid, new_state text, why text) returns void
language sql
as $$
	insert into public.whatsapp_template_syncs as c (organization_id, channel_account_id, state, error, synced_at)
		values (auth.org(), channel, new_state, why, case new_state when 'done' then now() end)
		on conflict (organization_id, channel_account_id) do update set state = excluded.state, error = excluded.error,
			synced_at = coalesce(excluded.synced_at, c.synced_at)
$$;

-- ---- short calls and names --------------------------------------------------------------------

-- "Seen" or "typing" for the customer: behind the request. what: mark_read, typing.
create function internal.channel_signal(talk uuid, what text, target text) returns void
language sql security definer set search_path = ''
as $$
	select job.enqueue(c.organization_id, 'channel_signal', what || ' ' || c.id || ' ' || coalesce(target, ''),
		jsonb_build_object('account_id', a.id, 'what', what, 'to', coalesce(case when c.metadata ? 'is_comment_thread' then null
				else c.external_id end, (select h.value from public.contact_handles h where h.organization_id = c.organization_id
				and h.contact_id = c.contact_id and h.kind = case a.type when 'FB_MESSENGER' then 'messenger' when 'INSTAGRAM' then 'instagram'
					when 'TELEGRAM' then 'telegram' else 'phone' end order by h.created_at limit 1)),
			'target', target), now(), 3)
	from public.conversations c
	join public.channel_accounts a on a.organization_id = c.organization_id and a.id = c.channel_account_id and a.is_active
	where c.organization_id = auth.org() and c.id = talk
$$;

create function internal.last_inbound(talk uuid) returns text
language sql stable security definer set search_path = ''
as $$
	select m.external_id from public.messages m where m.organization_id = auth.org() and m.conversation_id = talk
		and m.direction = 'INBOUND' and m.external_id is not null and m.message_type not in ('reaction', 'edit')
		order by m.created_at desc, m.id desc limit 1
$$;

-- "Somebody is writing", for the customer; called while an agent types.
create function public.conversation_typing(talk uuid) returns void
language plpgsql
as $$
begin
	perform internal.may_send_messages();
	if exists (select from public.conversations c where c.organization_id = auth.org() and c.id = talk
			and not c.metadata ? 'is_comment_thread') then
		perform internal.channel_signal(talk, 'typing', internal.last_inbound(talk));
	end if;
end
$$;
comment on function public.conversation_typing(uuid) is 'Show the customer that somebody is writing, where the channel can';

-- Read here: the customer is told, where the channel's setting read_receipts is on.
create function internal.tell_read() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.channel_signal(new.id, 'mark_read', internal.last_inbound(new.id))
		from public.channel_accounts a where a.organization_id = new.organization_id and a.id = new.channel_account_id
			and a.settings ->> 'read_receipts' = 'on' and new.organization_id = auth.org()
			and not new.metadata ? 'is_comment_thread';
	return null;
end
$$;
create trigger tell_read after update of unread_count on public.conversations
	for each row when (new.unread_count = 0 and old.unread_count > 0) execute function internal.tell_read();

create function internal.profile_wanted(channel uuid, handle_kind text, handle text) returns void
language sql security definer set search_path = ''
as $$
	select job.enqueue(h.organization_id, 'fetch_profile', h.contact_id::text, jsonb_build_object('contact_id', h.contact_id,
		'account_id', channel, 'handle', handle), now(), 4)
	from public.contact_handles h
	join public.contacts c on c.organization_id = h.organization_id and c.id = h.contact_id
	where h.organization_id = auth.org() and h.kind = handle_kind and h.value = handle
		and c.first_name = 'Unknown' and c.last_name = 'Contact' and c.created_at > now() - interval '1 hour'
$$;

-- ---- all of it, by name ---------------------------------------------------------------------------

-- What a call says that is neither message nor receipt. False: something that
-- it is about is still under way here; the call is looked at again.
create function internal.channel_fact(channel uuid, handle_kind text, fact text, data jsonb, at timestamptz, arrived timestamptz)
	returns boolean
language plpgsql
as $$
begin
	case fact
	when 'comment' then
		perform internal.receive_comment(channel, handle_kind, data, arrived);
	when 'echo' then
		perform internal.receive_echo(channel, handle_kind, data, arrived);
	when 'watermark' then
		return internal.watermark(channel, data ->> 'thread', data ->> 'status', coalesce(at, arrived));
	when 'referral' then
		update public.conversations c set metadata = c.metadata || jsonb_build_object('referral', data -> 'referral')
			where c.organization_id = auth.org() and c.channel_account_id = channel and c.external_id = data ->> 'thread'
				and not c.metadata ? 'is_comment_thread';
	when 'link_clicked' then
		perform internal.add_click(channel, data, at);
	when 'template' then
		perform internal.template_changed(channel, data);
	else
		raise exception 'channel_fact does not know %', fact;
	end case;
	return true;
end
$$;

-- ---- what agents ask for -----------------------------------------------------------------------------

-- CHA-92: answer a comment in a private message; Meta allows one within 7 days.
create function public.reply_privately(comment uuid, body text, client uuid default null) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	c public.messages;
	made uuid;
begin
	perform internal.may_send_messages();
	select m.* into c from public.messages m where m.organization_id = org and m.id = comment and m.direction = 'INBOUND'
		and m.metadata ? 'comment';
	if c.id is null then
		raise exception using errcode = 'KT404', message = 'This comment does not exist';
	end if;
	if coalesce(trim(body), '') = '' then
		raise exception using errcode = 'KT400', message = 'The message is empty', column = 'body';
	end if;
	insert into public.messages (conversation_id, contact_id, channel_account_id, sender_id, direction, content, reply_to_id, client_id, metadata)
		values (c.conversation_id, c.contact_id, c.channel_account_id, auth.uid(), 'OUTBOUND', body, c.id, client,
			jsonb_build_object('private_reply', true))
		on conflict (organization_id, client_id) where client_id is not null do nothing
		returning id into made;
	return coalesce(made, (select m.id from public.messages m where m.organization_id = org and m.client_id = client));
end
$$;
comment on function public.reply_privately(uuid, text, uuid) is 'Answer a comment on a post in a private message (CHA-92)';

-- Ask Meta for the templates of an account.
create function public.sync_whatsapp_templates(channel uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.admins_only('templates');
	if not exists (select from public.channel_accounts a where a.organization_id = auth.org() and a.id = channel
			and a.type = 'WHATSAPP_CLOUD') then
		raise exception using errcode = 'KT404', message = 'This channel does not exist';
	end if;
	perform internal.templates_state(channel, 'running', null);
	perform job.enqueue(auth.org(), 'sync_templates', channel::text, jsonb_build_object('account_id', channel), now(), 3);
end
$$;
comment on function public.sync_whatsapp_templates(uuid) is 'Read the approved templates of a WhatsApp Cloud account from Meta; its state is in whatsapp_template_syncs';

grant execute on function internal.own_message(uuid, uuid, text, uuid, text), internal.add_files(uuid, jsonb),
	internal.receive_comment(uuid, text, jsonb, timestamptz), internal.receive_echo(uuid, text, jsonb, timestamptz),
	internal.watermark(uuid, text, text, timestamptz), internal.add_click(uuid, jsonb, timestamptz),
	internal.placeholders(text), internal.template_variables(jsonb),
	internal.templates_store(uuid, jsonb), internal.templates_synced(uuid, timestamptz, text),
	internal.template_submitted(uuid, text, text, text, text), internal.template_changed(uuid, jsonb),
	internal.template_parameters(public.whatsapp_templates, jsonb), internal.template_text(public.whatsapp_templates, jsonb),
	internal.templates_state(uuid, text, text), internal.channel_signal(uuid, text, text), internal.last_inbound(uuid), internal.profile_wanted(uuid, text, text),
	internal.channel_fact(uuid, text, text, jsonb, timestamptz, timestamptz),
	public.conversation_typing(uuid), public.reply_privately(uuid, text, uuid),
	public.sync_whatsapp_templates(uuid) to authenticated;
notify pgrst;
