-- What somebody should know: shown behind the bell of every page. A row says
-- what kind of thing happened to which record; its words are put together where
-- it is shown, in the reader's language.

create table public.notifications (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	user_id uuid not null,
	kind text not null check (kind ~ '^[a-z_]+\.[a-z_]+$'), -- task.assigned, task.due, approval.requested ...
	actor_id uuid,        -- who caused it; null: Kontor itself
	record_type text,     -- where it leads: contact, deal, task ...
	record_id uuid,
	data jsonb not null default '{}' check (jsonb_typeof(data) = 'object'), -- what its words need: {"title": ...}
	read_at timestamptz,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint notifications_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.notifications is 'What a member should know, until he has read it';
create index notifications_user_idx on public.notifications (organization_id, user_id, id desc);
create index notifications_unread_idx on public.notifications (organization_id, user_id) where read_at is null;
do $$ begin perform internal.tenant_table('public.notifications'); end $$;
create policy own on public.notifications as restrictive to authenticated using (user_id = (select auth.uid()));

-- Tell a member, unless he did it himself. In the transaction of the cause.
create function internal.notify(org uuid, to_user uuid, of_kind text, of_type text, of_id uuid, details jsonb default '{}')
returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if to_user is null or to_user is not distinct from auth.uid() then
		return;
	end if;
	insert into public.notifications (organization_id, user_id, kind, actor_id, record_type, record_id, data)
		values (org, to_user, of_kind, auth.uid(), of_type, of_id, coalesce(details, '{}'));
end
$$;
revoke execute on function internal.notify(uuid, uuid, text, text, uuid, jsonb) from public;
grant execute on function internal.notify(uuid, uuid, text, text, uuid, jsonb) to authenticated, service_role;
notify pgrst;
