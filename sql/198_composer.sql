-- What the composer has beside the message: what each person prefers, and quick replies (templates) with their images,
-- shortcuts, favourites and counters.

create table public.composer_preferences (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	user_id uuid not null default auth.uid(),
	undo_send boolean not null default false,
	enter_sends boolean not null default true,
	updated_at timestamptz not null default now(),
	primary key (organization_id, user_id),
	constraint composer_preferences_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.composer_preferences is 'How a member writes: whether a message can be called back for five seconds, and what Enter does';
do $$ begin perform internal.tenant_table('public.composer_preferences'); end $$;
create policy own on public.composer_preferences as restrictive to authenticated using (user_id = (select auth.uid()));

-- ---- quick replies -----------------------------------------------------------------------

-- The words of the body, for searching and for the list.
create function internal.template_text(components jsonb) returns text
language sql immutable parallel safe
as $$
	select coalesce((select string_agg(c ->> 'text', e'\n') from jsonb_array_elements(case jsonb_typeof(components) when 'array'
		then components else '[]' end) c where c ->> 'type' = 'BODY'), '')
$$;
grant execute on function internal.template_text(jsonb) to authenticated, service_role;

alter table public.templates
	add column image_file_id uuid,
	add column shortcut text check (shortcut ~ '^[[:alnum:]_-]{1,40}$'),
	add column uses bigint not null default 0 check (uses >= 0),
	add column search_text text generated always as (lower(name || ' ' || internal.template_text(components))) stored,
	add constraint templates_image_file_id_fkey foreign key (organization_id, image_file_id)
		references public.files (organization_id, id) on delete set null (image_file_id);
comment on column public.templates.image_file_id is 'A picture that goes with the text: JPEG, PNG, WebP or GIF';
comment on column public.templates.shortcut is 'What finds it first behind / in the composer; one word';
comment on column public.templates.uses is 'How often it was put into a message';
create unique index templates_shortcut_key on public.templates (organization_id, lower(shortcut)) where shortcut is not null;
create index templates_search_idx on public.templates using gin (organization_id, search_text gin_trgm_ops);
create index templates_image_idx on public.templates (organization_id, image_file_id) where image_file_id is not null;

-- As in 060, and: an image is a picture of at most 5 MB; one without any words is refused
-- when it is a reply that people send (TPL-4).
create or replace function internal.template_normalize() returns trigger
language plpgsql
as $$
begin
	if coalesce(trim(new.name), '') = '' then -- TPL-3
		select format('General template (%s)', to_char(now() at time zone o.timezone, 'DD.MM.YYYY HH24:MI')) into new.name
			from public.organizations o where o.id = new.organization_id;
	end if;
	if exists (select from jsonb_array_elements(new.components) c
			where coalesce(c ->> 'type', '') not in ('BODY', 'HEADER', 'FOOTER', 'BUTTONS')) then
		raise exception using errcode = 'KT400', message = 'The type of each of the components is BODY, HEADER, FOOTER or BUTTONS',
			column = 'components';
	end if;
	new.shortcut := nullif(ltrim(trim(new.shortcut), '/'), '');
	if new.category = 'QUICK_REPLY' and trim(internal.template_text(new.components)) = '' then
		raise exception using errcode = 'KT422', message = 'Write the text first', column = 'text';
	end if;
	if new.image_file_id is not null and (tg_op = 'INSERT' or new.image_file_id is distinct from old.image_file_id)
			and not exists (select from public.files f where f.organization_id = new.organization_id and f.id = new.image_file_id
				and f.content_type in ('image/jpeg', 'image/png', 'image/webp', 'image/gif') and f.size <= 5242880) then
		raise exception using errcode = 'KT422', message = 'The image is a JPEG, PNG, WebP or GIF of at most 5 MB', column = 'image';
	end if;
	return new;
end
$$;

create table public.template_marks (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	user_id uuid not null default auth.uid(),
	template_id uuid not null,
	is_favourite boolean not null default false,
	used_at timestamptz,
	primary key (organization_id, user_id, template_id),
	constraint template_marks_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade,
	constraint template_marks_template_id_fkey foreign key (organization_id, template_id)
		references public.templates (organization_id, id) on delete cascade
);
comment on table public.template_marks is 'A member''s favourites among templates, and when he last used which';
create index template_marks_template_idx on public.template_marks (organization_id, template_id);
do $$ begin perform internal.tenant_table('public.template_marks'); end $$;
create policy own on public.template_marks as restrictive to authenticated using (user_id = (select auth.uid()));

-- It was put into a message: by a person, or by a rule or flow, which has no user. Counting
-- is no change of the template: no event, no new updated_at.
create function internal.template_used(template uuid) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	update public.templates t set uses = t.uses + 1 where t.organization_id = auth.org() and t.id = template;
	if found and auth.uid() is not null then
		insert into public.template_marks as m (organization_id, user_id, template_id, used_at)
			values (auth.org(), auth.uid(), template, clock_timestamp())
			on conflict (organization_id, user_id, template_id) do update set used_at = clock_timestamp();
	end if;
end
$$;
drop trigger events on public.templates;
create trigger events after insert or delete on public.templates
	for each row execute function internal.record_events('template');
create trigger events_update after update of name, components, status, category, image_file_id, shortcut on public.templates
	for each row execute function internal.record_events('template');
drop trigger touch on public.templates;
create trigger touch before update of name, components, status, category, image_file_id, shortcut on public.templates
	for each row execute function internal.touch();

-- ---- what variables stand for ---------------------------------------------------------------

-- The values of a contact, and of whoever writes to him, for lib/crm/merge.h. Custom fields
-- go by their keys.
create function app.merge_values(contact uuid) returns jsonb
language sql stable
as $$
	select jsonb_strip_nulls(coalesce((select jsonb_object_agg(f.key, f.value) from jsonb_each_text(k.custom_fields) f where f.value <> ''), '{}')
		|| jsonb_build_object(
			'name', nullif(trim(concat_ws(' ', k.first_name, k.last_name)), ''),
			'full_name', nullif(trim(concat_ws(' ', k.first_name, k.last_name)), ''),
			'first_name', nullif(k.first_name, ''), 'last_name', nullif(k.last_name, ''),
			'email', k.emails[1], 'phone', k.phones[1], 'title', nullif(k.title, ''),
			'company', (select c.name from public.companies c where c.organization_id = k.organization_id and c.id = k.company_id),
			'agent_name', (select nullif(trim(concat_ws(' ', p.first_name, p.last_name)), '') from public.profiles p where p.id = auth.uid()),
			'agent_first_name', (select nullif(p.first_name, '') from public.profiles p where p.id = auth.uid()),
			'organization', (select o.name from public.organizations o where o.id = k.organization_id),
			'date', internal.shown_date((now() at time zone app.zone())::date, app.zone())))
	from public.contacts k where k.organization_id = auth.org() and k.id = contact
$$;

-- The menu behind "/": those whose shortcut, name or text fits; favourites, then what was
-- used lately, then what is used most.
create function app.quick_replies(typed text, most integer)
	returns table (id uuid, name text, body text, shortcut text, category text, image_file_id uuid, is_favourite boolean, is_recent boolean)
language sql stable
as $$
	select t.id, t.name, internal.template_text(t.components), t.shortcut, t.category, t.image_file_id,
		coalesce(m.is_favourite, false), m.used_at > now() - interval '14 days'
	from public.templates t
	left join public.template_marks m on m.organization_id = t.organization_id and m.template_id = t.id and m.user_id = auth.uid()
	where t.organization_id = auth.org() and t.status <> 'REJECTED' and internal.template_text(t.components) <> ''
		and (coalesce(typed, '') = '' or t.search_text like internal.search_pattern(typed)
			or lower(t.shortcut) like substr(internal.search_pattern(typed), 2))
	order by coalesce(lower(t.shortcut) = lower(typed), false) desc,
		coalesce(typed <> '' and lower(t.shortcut) like substr(internal.search_pattern(typed), 2), false) desc,
		coalesce(m.is_favourite, false) desc, m.used_at desc nulls last, t.uses desc, lower(t.name), t.id
	limit most
$$;

grant execute on function internal.template_used(uuid), app.merge_values(uuid),
	app.quick_replies(text, integer) to authenticated;
notify pgrst;
