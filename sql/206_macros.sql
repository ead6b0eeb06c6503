-- Macros: several things done to a conversation by one click, in one
-- transaction, and taken back where that is possible.

create table public.macros (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	name text not null check (length(trim(name)) between 1 and 80),
	actions jsonb not null default '[]' check (jsonb_typeof(actions) = 'array' and pg_column_size(actions) <= 32768),
	owner_id uuid default auth.uid(),
	is_shared boolean not null default false,
	position integer not null default 0,
	used_count integer not null default 0,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint macros_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete set null (owner_id)
);
comment on table public.macros is 'Several actions on a conversation under one name: private, or shared with everybody';
comment on column public.macros.actions is
	'In their order: {"do": "reply" | "note", "text"}, {"do": "quick_reply", "id"}, {"do": "assign", "to": "me" | "none" | "auto" | member}, {"do": "tag" | "untag", "tags": []}, {"do": "status", "to"}, {"do": "snooze", "minutes"}, {"do": "star", "on"}';
create index macros_order_idx on public.macros (organization_id, position, name);
create index macros_owner_idx on public.macros (organization_id, owner_id);
do $$ begin perform internal.tenant_table('public.macros'); end $$;
create policy visible on public.macros as restrictive for select to authenticated
	using (is_shared or owner_id = (select auth.uid()) or (select auth.uid()) is null);
create policy own_insert on public.macros as restrictive for insert to authenticated
	with check (owner_id = (select auth.uid()) or (select auth.uid()) is null);
create policy own_update on public.macros as restrictive for update to authenticated
	using (owner_id = (select auth.uid()) or is_shared and (select auth.app_role()) in ('OWNER', 'ADMIN') or (select auth.uid()) is null);
create policy own_delete on public.macros as restrictive for delete to authenticated
	using (owner_id = (select auth.uid()) or is_shared and (select auth.app_role()) in ('OWNER', 'ADMIN') or (select auth.uid()) is null);

create function internal.macro_wrong(why text, n integer) returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT400', message = why, detail = format('Action %s', n), column = 'actions';
end
$$;

create function internal.macro_rules() returns trigger
language plpgsql
as $$
declare
	a jsonb;
	n integer := 0;
begin
	new.name := trim(new.name);
	if jsonb_typeof(new.actions) <> 'array' or jsonb_array_length(new.actions) not between 1 and 20 then
		raise exception using errcode = 'KT400', message = 'A macro has from 1 to 20 actions', column = 'actions';
	end if;
	for a in select x from jsonb_array_elements(new.actions) x loop
		n := n + 1;
		case coalesce(a ->> 'do', '')
		when 'reply', 'note' then
			if length(trim(coalesce(a ->> 'text', ''))) not between 1 and 4000 then
				perform internal.macro_wrong('Write the text', n);
			end if;
		when 'quick_reply' then
			if not exists (select from public.templates t where t.organization_id = new.organization_id and t.id::text = a ->> 'id') then
				perform internal.macro_wrong('Choose a quick reply', n);
			end if;
		when 'assign' then
			if coalesce(a ->> 'to', '') not in ('me', 'none', 'auto') and not exists (select from public.profiles p
					where p.organization_id = new.organization_id and p.id::text = a ->> 'to') then
				perform internal.macro_wrong('Choose a member', n);
			end if;
		when 'tag', 'untag' then
			if coalesce(jsonb_typeof(a -> 'tags'), '') <> 'array' or jsonb_array_length(a -> 'tags') = 0
					or exists (select from jsonb_array_elements(a -> 'tags') t where jsonb_typeof(t) <> 'string' or length(t #>> '{}') not between 1 and 50) then
				perform internal.macro_wrong('Write at least one tag', n);
			end if;
		when 'status' then
			if coalesce(upper(a ->> 'to'), '') not in ('OPEN', 'PENDING', 'RESOLVED', 'CLOSED') then
				perform internal.macro_wrong('Choose a status', n);
			end if;
		when 'snooze' then
			if coalesce(a ->> 'minutes', '') !~ '^[0-9]{1,6}$' or (a ->> 'minutes')::integer < 1 then
				perform internal.macro_wrong('Say for how long', n);
			end if;
		when 'star' then
			null;
		else
			perform internal.macro_wrong('There is no such action', n);
		end case;
	end loop;
	if new.position = 0 and tg_op = 'INSERT' then
		new.position := 1 + coalesce((select max(m.position) from public.macros m where m.organization_id = new.organization_id), 0);
	end if;
	return new;
end
$$;
create trigger a_rules before insert or update of name, actions on public.macros for each row execute function internal.macro_rules();

-- ---- running one --------------------------------------------------------------------------

create table public.macro_runs (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(), -- from the page, so that a double click runs it once
	macro_id uuid,
	conversation_id uuid not null,
	user_id uuid default auth.uid(),
	before jsonb not null,
	after jsonb not null default '{}',
	message_ids uuid[] not null default '{}',
	note_ids uuid[] not null default '{}',
	undone_at timestamptz,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint macro_runs_macro_id_fkey foreign key (organization_id, macro_id)
		references public.macros (organization_id, id) on delete set null (macro_id),
	constraint macro_runs_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete cascade
);
comment on table public.macro_runs is 'What a macro did to a conversation, and how it was before';
create index macro_runs_conversation_idx on public.macro_runs (organization_id, conversation_id);
create index macro_runs_macro_idx on public.macro_runs (organization_id, macro_id);
do $$ begin perform internal.tenant_table('public.macro_runs'); end $$;
create policy own on public.macro_runs as restrictive to authenticated using (user_id is not distinct from (select auth.uid()));

-- {{first_name}}, {{last_name}}, {{name}}, {{phone}}, {{email}}, {{agent}}; also written {{contact.first_name}}.
create function internal.talk_text(body text, talk uuid) returns text
language plpgsql stable
as $$
declare
	k record;
	word text;
	val text;
begin
	if body not like '%{{%' then
		return body;
	end if;
	select c.first_name, c.last_name, app.person(c.first_name, c.last_name, c.phones, c.emails) as name, c.phones[1] as phone, c.emails[1] as email,
			(select coalesce(nullif(p.first_name, ''), p.email) from public.profiles p where p.organization_id = auth.org() and p.id = auth.uid()) as agent
		into k from public.conversations v join public.contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
		where v.organization_id = auth.org() and v.id = talk;
	for word in select distinct m[1] from regexp_matches(body, '\{\{\s*((?:contact\.|agent\.)?[a-z_]+)\s*\}\}', 'g') m loop
		val := case word when 'first_name' then k.first_name when 'contact.first_name' then k.first_name
			when 'last_name' then k.last_name when 'contact.last_name' then k.last_name when 'name' then k.name when 'contact.name' then k.name
			when 'phone' then k.phone when 'contact.phone' then k.phone when 'email' then k.email when 'contact.email' then k.email
			when 'agent' then k.agent when 'agent.name' then k.agent end;
		body := regexp_replace(body, '\{\{\s*' || replace(word, '.', '\.') || '\s*\}\}', replace(coalesce(val, ''), '\', '\\'), 'g');
	end loop;
	return body;
end
$$;

create function internal.talk_state(talk uuid) returns jsonb
language sql stable
as $$
	select jsonb_build_object('status', c.status, 'assignee_id', c.assignee_id, 'tags', to_jsonb(c.tags), 'is_important', c.is_important,
			'snoozed_until', c.snoozed_until)
		from public.conversations c where c.organization_id = auth.org() and c.id = talk
$$;

create function public.run_macro(macro uuid, talk uuid, run uuid default null) returns uuid
language plpgsql
as $$
declare
	org uuid := auth.org();
	m public.macros;
	a jsonb;
	made uuid;
	body text;
	messages uuid[] := '{}';
	notes uuid[] := '{}';
begin
	run := coalesce(run, public.uuid7());
	select * into m from public.macros x where x.organization_id = org and x.id = macro;
	if m.id is null then
		raise exception using errcode = 'KT404', message = 'This macro does not exist';
	end if;
	perform from public.conversations c where c.organization_id = org and c.id = talk for update;
	if not found then
		raise exception using errcode = 'KT404', message = 'This conversation does not exist';
	end if;
	insert into public.macro_runs (id, macro_id, conversation_id, before) values (run, macro, talk, internal.talk_state(talk))
		on conflict do nothing;
	if not found then -- the same click once more
		return run;
	end if;
	for a in select x from jsonb_array_elements(m.actions) x loop
		case a ->> 'do'
		when 'reply', 'quick_reply' then
			body := case a ->> 'do' when 'reply' then a ->> 'text' else (select internal.template_text(t.components) from public.templates t
				where t.organization_id = org and t.id = (a ->> 'id')::uuid) end;
			if coalesce(body, '') = '' then
				raise exception using errcode = 'KT409', message = 'The quick reply of this macro is gone', hint = 'Change the macro under Settings';
			end if;
			messages := messages || app.reply(talk, internal.talk_text(body, talk), public.uuid7(), '[]');
		when 'note' then
			made := public.uuid7();
			insert into public.notes (id, conversation_id, contact_id, content)
				select made, c.id, c.contact_id, internal.talk_text(a ->> 'text', talk) from public.conversations c where c.organization_id = org and c.id = talk;
			notes := notes || made;
		when 'assign' then
			if a ->> 'to' = 'auto' then
				perform public.auto_assign_conversation(talk);
			else
				update public.conversations c set assignee_id = case a ->> 'to' when 'me' then auth.uid() when 'none' then null
					else (a ->> 'to')::uuid end where c.organization_id = org and c.id = talk;
			end if;
		when 'tag' then
			update public.conversations c set tags = c.tags || array(select t from jsonb_array_elements_text(a -> 'tags') t where not t = any (c.tags))
				where c.organization_id = org and c.id = talk;
		when 'untag' then
			update public.conversations c set tags = array(select t from unnest(c.tags) t where not t in (select jsonb_array_elements_text(a -> 'tags')))
				where c.organization_id = org and c.id = talk;
		when 'status' then
			update public.conversations c set status = a ->> 'to' where c.organization_id = org and c.id = talk;
		when 'snooze' then
			update public.conversations c set snoozed_until = now() + (a ->> 'minutes')::integer * interval '1 minute'
				where c.organization_id = org and c.id = talk;
		when 'star' then
			update public.conversations c set is_important = coalesce((a ->> 'on')::boolean, true) where c.organization_id = org and c.id = talk;
		end case;
	end loop;
	update public.macro_runs r set after = coalesce(internal.talk_state(talk), '{}'), message_ids = messages, note_ids = notes
		where r.organization_id = org and r.id = run;
	perform internal.macro_used(macro);
	return run;
end
$$;
comment on function public.run_macro(uuid, uuid, uuid) is 'Runs a macro on a conversation, all of it or nothing; the same run twice is once';

create function internal.macro_used(macro uuid) returns void
language sql security definer set search_path = ''
as $$ update public.macros m set used_count = m.used_count + 1 where m.organization_id = auth.org() and m.id = macro $$;

-- What nobody has changed since goes back; a message that is not with the
-- provider yet is taken away, one that is stays. True: all of it is undone.
create function public.undo_macro(run uuid) returns boolean
language plpgsql
as $$
declare
	org uuid := auth.org();
	r public.macro_runs;
	was jsonb;
	is_ jsonb;
	whole boolean := true;
	n integer;
begin
	select * into r from public.macro_runs x where x.organization_id = org and x.id = run and x.undone_at is null for update;
	if r.id is null then
		raise exception using errcode = 'KT409', message = 'This cannot be undone any more';
	end if;
	was := r.before;
	is_ := internal.talk_state(r.conversation_id);
	delete from public.messages m where m.organization_id = org and m.id = any (r.message_ids) and m.status in ('SCHEDULED', 'PENDING');
	get diagnostics n = row_count;
	whole := n = cardinality(r.message_ids);
	delete from public.notes x where x.organization_id = org and x.id = any (r.note_ids);
	update public.conversations c set
			status = case when is_ -> 'status' = r.after -> 'status' then was ->> 'status' else c.status end,
			assignee_id = case when is_ -> 'assignee_id' = r.after -> 'assignee_id' then (was ->> 'assignee_id')::uuid else c.assignee_id end,
			tags = case when is_ -> 'tags' = r.after -> 'tags' then array(select jsonb_array_elements_text(was -> 'tags')) else c.tags end,
			is_important = case when is_ -> 'is_important' = r.after -> 'is_important' then (was ->> 'is_important')::boolean else c.is_important end,
			snoozed_until = case when is_ -> 'snoozed_until' = r.after -> 'snoozed_until' and coalesce((was ->> 'snoozed_until')::timestamptz > now(), true)
				then (was ->> 'snoozed_until')::timestamptz else c.snoozed_until end
		where c.organization_id = org and c.id = r.conversation_id;
	update public.macro_runs x set undone_at = now() where x.organization_id = org and x.id = run;
	return whole;
end
$$;
comment on function public.undo_macro(uuid) is 'Takes a macro back; false when a message of it had left already';
grant execute on function public.run_macro(uuid, uuid, uuid), public.undo_macro(uuid), internal.macro_used(uuid), internal.macro_rules(),
	internal.macro_wrong(text, integer), internal.talk_text(text, uuid), internal.talk_state(uuid) to authenticated, service_role;
notify pgrst;
