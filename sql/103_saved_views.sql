-- Views of lists that people keep: filters, sort, columns under a name, for
-- themselves or for everybody; and what each of them likes to see at first.

create table public.saved_views (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null check (kind ~ '^[a-z_]+$'),
	name text not null check (length(name) between 1 and 60),
	owner_id uuid default auth.uid(),
	is_shared boolean not null default false,
	state jsonb not null default '{}' check (jsonb_typeof(state) = 'object' and pg_column_size(state) <= 16384),
	position integer not null default 0,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint saved_views_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete cascade
);
comment on table public.saved_views is 'Views of lists under a name: private, or shared with the whole organization';
comment on column public.saved_views.kind is 'contacts, companies, leads, deals, tasks';
comment on column public.saved_views.state is
	'What the address of the list would say: {"q": "", "f": ["key:op:value", ...], "sort": "-created_at", "cols": "key,key", "view": "table"}';
create index saved_views_kind_idx on public.saved_views (organization_id, kind, position);
create index saved_views_owner_idx on public.saved_views (organization_id, owner_id);
do $$ begin perform internal.tenant_table('public.saved_views'); end $$;
-- Shared ones are seen by all; what somebody made he changes himself, and
-- administrators may put shared ones in order.
create policy visible on public.saved_views as restrictive for select to authenticated
	using (is_shared or owner_id = (select auth.uid()));
create policy own_insert on public.saved_views as restrictive for insert to authenticated
	with check (owner_id = (select auth.uid()) or (select auth.uid()) is null);
create policy own_update on public.saved_views as restrictive for update to authenticated
	using (owner_id = (select auth.uid()) or is_shared and (select auth.app_role()) in ('OWNER', 'ADMIN'));
create policy own_delete on public.saved_views as restrictive for delete to authenticated
	using (owner_id = (select auth.uid()) or is_shared and (select auth.app_role()) in ('OWNER', 'ADMIN'));

create function internal.saved_view_rules() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.name := trim(new.name);
	if new.name = '' then
		raise exception using errcode = 'KT400', message = 'Give the view a name', column = 'name';
	end if;
	if new.position = 0 and tg_op = 'INSERT' then
		new.position := 1 + coalesce((select max(v.position) from public.saved_views v
			where v.organization_id = new.organization_id and v.kind = new.kind), 0);
	end if;
	return new;
end
$$;
create trigger a_rules before insert or update on public.saved_views for each row execute function internal.saved_view_rules();

create table public.list_preferences (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	user_id uuid not null default auth.uid(),
	kind text not null check (kind ~ '^[a-z_]+$'),
	columns text[] not null default '{}' check (cardinality(columns) <= 40),
	default_view_id uuid,
	updated_at timestamptz not null default now(),
	primary key (organization_id, user_id, kind),
	constraint list_preferences_user_id_fkey foreign key (organization_id, user_id)
		references public.profiles (organization_id, id) on delete cascade,
	constraint list_preferences_default_view_id_fkey foreign key (organization_id, default_view_id)
		references public.saved_views (organization_id, id) on delete set null (default_view_id)
);
comment on table public.list_preferences is 'Columns that a member chose for a kind of list, and the view that opens first';
create index list_preferences_view_idx on public.list_preferences (organization_id, default_view_id) where default_view_id is not null;
do $$ begin perform internal.tenant_table('public.list_preferences'); end $$;
create policy own on public.list_preferences as restrictive to authenticated using (user_id = (select auth.uid()));
grant execute on function internal.saved_view_rules() to authenticated, service_role;
notify pgrst;
