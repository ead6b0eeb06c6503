-- Links shown with what is behind them, and translations: both ask somebody outside, so
-- both are off until an administrator switches them on, and both are done by jobs.

create table public.message_settings (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	link_previews boolean not null default false,
	translation_provider text check (translation_provider in ('libretranslate', 'mymemory')),
	translation_url text check (translation_url ~* '^https?://[^\s]+$'),
	updated_at timestamptz not null default now(),
	primary key (organization_id),
	check (translation_provider is distinct from 'libretranslate' or translation_url is not null)
);
comment on table public.message_settings is 'What the tenant lets be asked outside about its messages';
comment on column public.message_settings.link_previews is 'Fetch title, description and picture of pages that messages link to';
comment on column public.message_settings.translation_provider is 'Empty: messages are not translated. libretranslate: a server of that kind, at translation_url; mymemory: api.mymemory.translated.net';
do $$ begin perform internal.tenant_table('public.message_settings'); end $$;
do $$ begin perform internal.admin_table('public.message_settings', read => false); end $$;

-- Its key, sealed by the programs (context "translation"); only the worker reads it.
create table internal.translation_keys (
	organization_id uuid primary key references public.organizations on delete cascade,
	sealed text not null
);
comment on table internal.translation_keys is 'Key of the translation provider, sealed';
alter table internal.translation_keys enable row level security;
alter table internal.translation_keys force row level security;

-- For the worker, as the system of the tenant.
create function internal.translation_settings() returns table (provider text, url text, sealed text)
language sql stable security definer set search_path = ''
as $$
	select s.translation_provider, s.translation_url, k.sealed from public.message_settings s
	left join internal.translation_keys k on k.organization_id = s.organization_id
	where s.organization_id = auth.org() and s.translation_provider is not null and auth.app_role() = 'SYSTEM'
$$;

create function app.save_message_settings(previews boolean, provider text, url text, sealed text) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	perform internal.admins_only('settings');
	insert into public.message_settings (organization_id, link_previews, translation_provider, translation_url)
		values (auth.org(), previews, nullif(provider, ''), nullif(url, ''))
		on conflict (organization_id) do update set link_previews = excluded.link_previews,
			translation_provider = excluded.translation_provider, translation_url = excluded.translation_url;
	if sealed is not null then
		insert into internal.translation_keys as k (organization_id, sealed) values (auth.org(), save_message_settings.sealed)
			on conflict (organization_id) do update set sealed = excluded.sealed;
	end if;
exception when check_violation then
	raise exception using errcode = 'KT422', message = 'Enter the http address of the translation server', column = 'translation_url';
end
$$;

-- ---- links --------------------------------------------------------------------------------

create table public.link_previews (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	url text not null check (length(url) <= 2000),
	state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
	title text check (length(title) <= 300),
	description text check (length(description) <= 600),
	image_file_id uuid,
	error text,
	created_at timestamptz not null default now(),
	fetched_at timestamptz,
	primary key (organization_id, id),
	constraint link_previews_image_file_id_fkey foreign key (organization_id, image_file_id)
		references public.files (organization_id, id) on delete set null (image_file_id)
);
comment on table public.link_previews is 'What is behind addresses in messages, fetched once for a tenant';
create unique index link_previews_url_key on public.link_previews (organization_id, md5(url));
create index link_previews_image_idx on public.link_previews (organization_id, image_file_id) where image_file_id is not null;
do $$ begin perform internal.tenant_table('public.link_previews', writable => false); end $$;
create policy flag_select on public.link_previews as restrictive for select to authenticated
	using ((select auth.may('can_read_messages')));

create function internal.first_link(t text) returns text
language sql immutable parallel safe
as $$
	select case when length(x.url) <= 2000 then x.url end
	from (select substring(t from 'https?://[^\s<>"'']+[^\s<>"''.,;:!?)\]]')) x (url)
$$;

create function internal.message_link() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	preview uuid;
begin
	if not exists (select from public.message_settings s where s.organization_id = new.organization_id and s.link_previews) then
		return null;
	end if;
	insert into public.link_previews (organization_id, url) values (new.organization_id, internal.first_link(new.content))
		on conflict (organization_id, md5(url)) do nothing returning id into preview;
	if preview is not null then
		perform job.enqueue(new.organization_id, 'link_preview', preview::text, jsonb_build_object('preview_id', preview, 'message_id', new.id),
			now(), 6);
	end if;
	return null;
end
$$;
create trigger link after insert on public.messages
	for each row when (new.content like '%http%' and internal.first_link(new.content) is not null) execute function internal.message_link();

-- seen: title, description, sha256 .. of the picture; null: nothing to show.
create function internal.preview_fetched(preview uuid, message uuid, seen jsonb, why text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	picture uuid;
begin
	if seen ? 'sha256' then
		insert into public.files (organization_id, sha256, name, content_type, size)
			values (org, seen ->> 'sha256', 'preview', seen ->> 'content_type', (seen ->> 'size')::bigint) returning id into picture;
	end if;
	update public.link_previews p set state = case when seen ->> 'title' is null then 'failed' else 'done' end, error = why,
			title = left(seen ->> 'title', 300), description = left(seen ->> 'description', 600), image_file_id = picture,
			fetched_at = clock_timestamp()
		where p.organization_id = org and p.id = preview;
	perform internal.emit(org, 'message.updated', 'message', m.id, internal.message_snapshot(m))
		from public.messages m where m.organization_id = org and m.id = message and seen ->> 'title' is not null;
end
$$;

-- ---- translation -----------------------------------------------------------------------------

-- Ask for one: true when it is here already in that language, false when it is coming.
create function internal.translate_message(message uuid, to_language text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	m public.messages;
begin
	if to_language !~ '^[a-z]{2}(-[A-Za-z]{2,4})?$' then
		raise exception using errcode = 'KT400', message = 'The language is a code such as en or ar', column = 'language';
	elsif not exists (select from public.message_settings s where s.organization_id = auth.org() and s.translation_provider is not null) then
		raise exception using errcode = 'KT409', message = 'Translation is not switched on',
			hint = 'An administrator does it under Settings, Messages';
	end if;
	select * into m from public.messages x where x.organization_id = auth.org() and x.id = message
		and internal.sees_talk(x.conversation_id);
	if m.id is null then
		raise exception using errcode = 'KT404', message = 'This message does not exist';
	elsif coalesce(trim(concat_ws(' ', m.content, m.transcript)), '') = '' then
		raise exception using errcode = 'KT422', message = 'This message has no words to translate';
	end if;
	if m.translation ->> 'language' = to_language and not m.translation ? 'error' then
		return true;
	end if;
	perform job.enqueue(auth.org(), 'translate_message', message || ':' || to_language,
		jsonb_build_object('message_id', message, 'language', to_language), now(), 3);
	return false;
end
$$;

create function internal.message_translated(message uuid, result jsonb) returns void
language sql security definer set search_path = ''
as $$
	update public.messages m set translation = result where m.organization_id = auth.org() and m.id = message
$$;

grant execute on function internal.translation_settings(), app.save_message_settings(boolean, text, text, text),
	internal.preview_fetched(uuid, uuid, jsonb, text), internal.translate_message(uuid, text),
	internal.message_translated(uuid, jsonb), internal.first_link(text) to authenticated;
notify pgrst;
