-- Connecting pages, Instagram accounts and WhatsApp numbers by signing in at
-- Facebook (CHA-25..27), and what the pages of templates need.

-- ---- a visit to Facebook's consent page ------------------------------------------------------

create table internal.channel_visits (
	organization_id uuid not null references public.organizations on delete cascade,
	id uuid not null default public.uuid7(),
	user_id uuid not null,
	kind text not null check (kind in ('FB_MESSENGER', 'INSTAGRAM', 'WHATSAPP_CLOUD')),
	state_hash bytea not null unique,
	status text not null default 'begun' check (status in ('begun', 'asking', 'choose', 'done', 'failed')),
	sealed text,  -- the code, then the tokens: by the programs, context "facebook:<state hash>"
	choices jsonb not null default '[]',
	error text,
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
);
comment on table internal.channel_visits is 'Sign-ins at Facebook under way: the state that was sent along belongs to who began, for an hour';
alter table internal.channel_visits enable row level security;
alter table internal.channel_visits force row level security;

create function app.visit_begin(of_kind text, state_sha256 text) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	made uuid;
begin
	perform internal.admins_only('channels');
	delete from internal.channel_visits v where v.organization_id = auth.org() and v.created_at < now() - interval '1 hour';
	insert into internal.channel_visits (organization_id, user_id, kind, state_hash)
		values (auth.org(), auth.uid(), of_kind, decode(state_sha256, 'hex')) returning id into made;
	return made;
end
$$;

-- The way back: the code (or what the person said) comes with the state, once.
-- For the API's program, before anybody is known.
create function internal.visit_returns(state_sha256 text, sealed_code text, failure text) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
	v internal.channel_visits;
begin
	update internal.channel_visits x set status = case when failure is null then 'asking' else 'failed' end,
			sealed = sealed_code, error = failure
		where x.state_hash = decode(state_sha256, 'hex') and x.status = 'begun' and x.created_at > now() - interval '1 hour'
		returning * into v;
	if v.id is not null and failure is null then
		perform job.enqueue(v.organization_id, 'facebook_connect', v.id::text, jsonb_build_object('visit', v.id), now(), 1);
	end if;
	return v.id;
end
$$;
grant execute on function internal.visit_returns(text, text, text) to kontor_app;

-- Its own person alone sees it.
create function app.visit(visit uuid) returns table (kind text, status text, choices jsonb, error text, sealed text, state_sha256 text)
language sql stable security definer set search_path = ''
as $$
	select v.kind, v.status, v.choices, v.error, case v.status when 'choose' then v.sealed end, encode(v.state_hash, 'hex')
	from internal.channel_visits v where v.organization_id = auth.org() and v.id = visit and v.user_id = auth.uid()
$$;
create function app.visit_done(visit uuid) returns void
language sql security definer set search_path = ''
as $$
	update internal.channel_visits v set status = 'done', sealed = null
	where v.organization_id = auth.org() and v.id = visit and v.user_id = auth.uid()
$$;

-- For the worker.
create function internal.visit_load(visit uuid) returns table (kind text, sealed text, state_sha256 text)
language sql stable security definer set search_path = ''
as $$
	select v.kind, v.sealed, encode(v.state_hash, 'hex') from internal.channel_visits v
	where v.organization_id = auth.org() and v.id = visit and v.status = 'asking' and auth.app_role() = 'SYSTEM'
$$;
create function internal.visit_end(visit uuid, new_sealed text, found jsonb, failure text) returns void
language sql security definer set search_path = ''
as $$
	update internal.channel_visits v set status = case when failure is null then 'choose' else 'failed' end,
		sealed = new_sealed, choices = coalesce(found, '[]'), error = failure
	where v.organization_id = auth.org() and v.id = visit and v.status = 'asking' and auth.app_role() = 'SYSTEM'
$$;
grant execute on function app.visit_begin(text, text), app.visit(uuid), app.visit_done(uuid), internal.visit_load(uuid),
	internal.visit_end(uuid, text, jsonb, text) to authenticated;

-- ---- templates: composing and trying -----------------------------------------------------------

-- Components as Meta wants them, from the fields of the form. Samples stand for
-- the variables where Meta looks at the template.
create function internal.template_components(form jsonb) returns jsonb
language plpgsql immutable
as $$
declare
	out jsonb := '[]';
	header text := upper(coalesce(form ->> 'header_format', ''));
	part jsonb;
	buttons jsonb := '[]';
	b jsonb;
	samples jsonb;
begin
	if header = 'TEXT' and form ->> 'header' <> '' then
		part := jsonb_build_object('type', 'HEADER', 'format', 'TEXT', 'text', form ->> 'header');
		if cardinality(internal.placeholders(form ->> 'header')) > 0 then
			part := part || jsonb_build_object('example', jsonb_build_object('header_text',
				jsonb_build_array(coalesce(nullif(form #>> '{samples,header.1}', ''), 'Example'))));
		end if;
		out := out || jsonb_build_array(part);
	elsif header = 'LOCATION' then
		out := out || jsonb_build_array(jsonb_build_object('type', 'HEADER', 'format', 'LOCATION'));
	elsif header in ('IMAGE', 'VIDEO', 'DOCUMENT') then
		part := jsonb_build_object('type', 'HEADER', 'format', header);
		if form ->> 'header_handle' <> '' then
			part := part || jsonb_build_object('example', jsonb_build_object('header_handle', jsonb_build_array(form ->> 'header_handle')));
		end if;
		out := out || jsonb_build_array(part);
	end if;
	part := jsonb_build_object('type', 'BODY', 'text', form ->> 'body');
	if cardinality(internal.placeholders(form ->> 'body')) > 0 then
		select jsonb_agg(coalesce(nullif(form #>> array['samples', 'body.' || u.name], ''), 'Example') order by u.n) into samples
			from unnest(internal.placeholders(form ->> 'body')) with ordinality u (name, n);
		part := part || jsonb_build_object('example', jsonb_build_object('body_text', jsonb_build_array(samples)));
	end if;
	out := out || jsonb_build_array(part);
	if form ->> 'footer' <> '' then
		out := out || jsonb_build_array(jsonb_build_object('type', 'FOOTER', 'text', form ->> 'footer'));
	end if;
	for b in select e from jsonb_array_elements(coalesce(form -> 'buttons', '[]')) e where e ->> 'text' <> '' loop
		buttons := buttons || jsonb_build_array(case b ->> 'type'
			when 'URL' then jsonb_build_object('type', 'URL', 'text', b ->> 'text', 'url', b ->> 'value')
				|| case when b ->> 'value' like '%{{%' then jsonb_build_object('example', jsonb_build_array(
					regexp_replace(b ->> 'value', '\{\{[^}]*\}\}', 'example'))) else '{}' end
			when 'PHONE_NUMBER' then jsonb_build_object('type', 'PHONE_NUMBER', 'text', b ->> 'text', 'phone_number', b ->> 'value')
			else jsonb_build_object('type', 'QUICK_REPLY', 'text', b ->> 'text') end);
	end loop;
	if jsonb_array_length(buttons) > 0 then
		out := out || jsonb_build_array(jsonb_build_object('type', 'BUTTONS', 'buttons', buttons));
	end if;
	return out;
end
$$;

-- A new one, or other words for one that is there; handed in at once.
create function app.template_save(template uuid, form jsonb) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	parts jsonb := internal.template_components(form);
	body text := trim(coalesce(form ->> 'body', ''));
	names text[] := internal.placeholders(body);
	t public.whatsapp_templates;
begin
	perform internal.admins_only('templates');
	if body = '' then
		raise exception using errcode = 'KT422', message = 'Write the text of the template', column = 'body';
	elsif length(body) > 1024 then
		raise exception using errcode = 'KT422', message = 'The text has more than 1024 characters', column = 'body';
	elsif names <> array(select n::text from generate_series(1, cardinality(names)) n)
			and exists (select from unnest(names) n where n ~ '^[0-9]+$') then
		raise exception using errcode = 'KT422', message = 'Number the variables from {{1}} on, in order', column = 'body';
	elsif body ~ '^\{\{|\}\}$' then
		raise exception using errcode = 'KT422', message = 'The text may not begin or end with a variable', column = 'body';
	elsif length(coalesce(form ->> 'header', '')) > 60 then
		raise exception using errcode = 'KT422', message = 'The heading has more than 60 characters', column = 'header';
	elsif length(coalesce(form ->> 'footer', '')) > 60 then
		raise exception using errcode = 'KT422', message = 'The footer has more than 60 characters', column = 'footer';
	end if;
	select * into t from public.whatsapp_templates x where x.organization_id = org and x.id = template;
	if t.id is null then
		if coalesce(form ->> 'name', '') !~ '^[a-z0-9_]+$' or length(form ->> 'name') > 512 then
			raise exception using errcode = 'KT422', message = 'The name has small letters, digits and _ only', column = 'name';
		elsif coalesce(form ->> 'language', '') !~ '^[a-z]{2,3}(_[A-Za-z]{2,4})?$' then
			raise exception using errcode = 'KT422', message = 'Write the language as en, en_US or ar', column = 'language';
		end if;
		insert into public.whatsapp_templates (organization_id, id, channel_account_id, name, language, category, status, components,
				is_submitting)
			values (org, template, (form ->> 'channel_account_id')::uuid, form ->> 'name', form ->> 'language',
				coalesce(form ->> 'category', 'UTILITY'), 'DRAFT', parts, true);
		return template;
	end if;
	update public.whatsapp_templates x set components = parts, is_submitting = true, error = null, created_by = auth.uid(),
			category = case when x.provider_id is null or x.status <> 'APPROVED' then coalesce(form ->> 'category', x.category) else x.category end
		where x.organization_id = org and x.id = template;
	return template;
exception when unique_violation then
	raise exception using errcode = 'KT422', message = 'There is a template of that name in that language', column = 'name';
end
$$;

-- Send a template to a contact, known or not, by its own number (MSG-98).
create function public.send_whatsapp_template(template uuid, phone text, given jsonb default '{}', client uuid default null) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	t public.whatsapp_templates;
	number text := internal.phone_normalized(phone);
	person uuid;
	talk uuid;
	made uuid := coalesce(client, public.uuid7());
begin
	perform internal.may_send_messages();
	select * into t from public.whatsapp_templates x where x.organization_id = org and x.id = template;
	if t.id is null then
		raise exception using errcode = 'KT404', message = 'This template does not exist';
	elsif number is null then
		raise exception using errcode = 'KT422', message = format('"%s" is not a phone number', phone),
			hint = 'Write 8 to 15 digits with the country code', column = 'phone';
	end if;
	perform pg_advisory_xact_lock(hashtextextended(t.channel_account_id::text || number, 1));
	person := public.contact_for_handle('phone', number, null);
	select c.id into talk from public.conversations c
		where c.organization_id = org and c.contact_id = person and c.channel_account_id = t.channel_account_id
			and not c.metadata ? 'is_comment_thread'
		order by c.status in ('OPEN', 'PENDING') desc, c.last_message_at desc nulls last limit 1;
	if talk is null then
		talk := public.uuid7();
		insert into public.conversations (organization_id, id, contact_id, channel_account_id) values (org, talk, person, t.channel_account_id);
	end if;
	insert into public.messages (organization_id, id, conversation_id, contact_id, channel_account_id, sender_id, direction, message_type,
			metadata)
		values (org, made, talk, person, t.channel_account_id, auth.uid(), 'OUTBOUND', 'template',
			jsonb_build_object('template', jsonb_build_object('name', t.name, 'language', t.language, 'values', coalesce(given, '{}'))))
		on conflict (organization_id, id) do nothing;
	return talk;
end
$$;
comment on function public.send_whatsapp_template(uuid, text, jsonb, uuid) is
	'Send an approved template to a phone number; given: a value for each of its variables, {"body.1": ".."}';

-- The same in a conversation that is there; an open one.
create function app.template_to_talk(talk uuid, template uuid, given jsonb, client uuid) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	t public.whatsapp_templates;
	c public.conversations;
	made uuid;
begin
	perform internal.may_send_messages();
	select * into c from public.conversations x where x.organization_id = org and x.id = talk;
	if c.id is null then
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	elsif c.status not in ('OPEN', 'PENDING') then
		raise exception using errcode = 'KT409', message = 'This conversation is closed', hint = 'Reopen it, then send again';
	end if;
	select * into t from public.whatsapp_templates x where x.organization_id = org and x.id = template;
	if t.id is null then
		raise exception using errcode = 'KT422', message = 'Choose a template', column = 'template';
	end if;
	insert into public.messages (organization_id, conversation_id, contact_id, channel_account_id, sender_id, direction, message_type,
			client_id, metadata)
		values (org, talk, c.contact_id, t.channel_account_id, auth.uid(), 'OUTBOUND', 'template', client,
			jsonb_build_object('template', jsonb_build_object('name', t.name, 'language', t.language, 'values', coalesce(given, '{}'))))
		on conflict (organization_id, client_id) where client_id is not null do nothing returning id into made;
	return made;
end
$$;
grant execute on function app.template_to_talk(uuid, uuid, jsonb, uuid) to authenticated;

-- What is seen of a template: its parts by name.
create function internal.template_parts(components jsonb, out body text, out header text, out header_format text, out footer text,
	out buttons jsonb)
language sql immutable
as $$
	select max(c ->> 'text') filter (where upper(c ->> 'type') = 'BODY'),
		max(c ->> 'text') filter (where upper(c ->> 'type') = 'HEADER'),
		max(upper(coalesce(c ->> 'format', 'TEXT'))) filter (where upper(c ->> 'type') = 'HEADER'),
		max(c ->> 'text') filter (where upper(c ->> 'type') = 'FOOTER'),
		(jsonb_agg(c -> 'buttons') filter (where upper(c ->> 'type') = 'BUTTONS')) -> 0
	from jsonb_array_elements(components) c
$$;
grant execute on function internal.template_parts(jsonb) to authenticated;

-- For pickers: the approved templates of an account, with what is to be filled in.
create function public.approved_templates(channel uuid) returns table (id uuid, name text, language text, category text,
	variables text[], body text, header text, header_format text, footer text, buttons jsonb)
language sql stable
as $$
	select t.id, t.name, t.language, t.category, t.variables, b.body, b.header, b.header_format, b.footer, b.buttons
	from public.whatsapp_templates t, lateral internal.template_parts(t.components) b
	where t.organization_id = auth.org() and t.channel_account_id = channel and t.status = 'APPROVED'
	order by t.name, t.language limit 500
$$;
comment on function public.approved_templates(uuid) is 'Templates of a WhatsApp Cloud account that may be sent now';
grant execute on function internal.template_components(jsonb), app.template_save(uuid, jsonb),
	public.send_whatsapp_template(uuid, text, jsonb, uuid), public.approved_templates(uuid) to authenticated;

notify pgrst;
