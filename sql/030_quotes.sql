-- Product catalogue, quotes, links to share them, and what a customer may do.

-- ---- catalogue ------------------------------------------------------------------

create table public.products (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	sku text check (length(sku) <= 64),
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 5000),
	unit text check (length(unit) <= 32),
	tax_rate numeric(6,3) not null default 0 check (tax_rate between 0 and 100),
	is_active boolean not null default true,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id)
);
create unique index products_sku_key on public.products (organization_id, lower(sku)) where sku is not null;
create index products_name_idx on public.products (organization_id, lower(name), id);
do $$ begin perform internal.tenant_table('public.products'); end $$;

-- The price of a day is that of the last row that began by then (Q2C-2).
create table public.product_prices (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	product_id uuid not null,
	currency text not null check (currency ~ '^[A-Z]{3}$'),
	unit_price numeric(16,4) not null check (unit_price >= 0),
	effective_from date not null default current_date,
	primary key (organization_id, id),
	unique (organization_id, product_id, currency, effective_from),
	constraint product_prices_product_id_fkey foreign key (organization_id, product_id)
		references public.products (organization_id, id) on delete cascade
);
do $$ begin perform internal.tenant_table('public.product_prices'); end $$;

-- From this quantity on, this discount is suggested (Q2C-4).
create table public.product_discounts (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	product_id uuid not null,
	min_quantity numeric(16,4) not null check (min_quantity > 0),
	discount numeric(6,3) not null check (discount between 0 and 100), -- percent
	primary key (organization_id, id),
	unique (organization_id, product_id, min_quantity),
	constraint product_discounts_product_id_fkey foreign key (organization_id, product_id)
		references public.products (organization_id, id) on delete cascade
);
do $$ begin perform internal.tenant_table('public.product_discounts'); end $$;

create function public.product_price(product uuid, of_currency text, on_day date default current_date) returns numeric
language sql stable
as $$
	select p.unit_price from public.product_prices p
	where p.organization_id = auth.org() and p.product_id = product and p.currency = of_currency and p.effective_from <= on_day
	order by p.effective_from desc limit 1
$$;
create function public.product_discount(product uuid, quantity numeric) returns numeric
language sql stable
as $$
	select coalesce((select d.discount from public.product_discounts d
		where d.organization_id = auth.org() and d.product_id = product and d.min_quantity <= quantity
		order by d.min_quantity desc limit 1), 0)
$$;
grant execute on function public.product_price(uuid, text, date), public.product_discount(uuid, numeric) to authenticated;

-- ---- numbers -----------------------------------------------------------------------

-- Gapless per tenant, kind and year: the row is locked until the commit.
create table internal.number_counters (
	organization_id uuid not null references public.organizations on delete cascade,
	kind text not null,
	year integer not null,
	last integer not null,
	primary key (organization_id, kind, year)
);
alter table internal.number_counters enable row level security;
alter table internal.number_counters force row level security;

create function internal.next_number(org uuid, of_kind text) returns text
language sql security definer set search_path = ''
as $$
	insert into internal.number_counters as c (organization_id, kind, year, last)
		values (org, of_kind, extract(year from now())::integer, 1)
		on conflict (organization_id, kind, year) do update set last = c.last + 1
		returning of_kind || '-' || c.year || '-' || lpad(c.last::text, greatest(4, length(c.last::text)), '0')
$$;
comment on function internal.next_number(uuid, text) is 'QT-2026-0001 (Q2C-12)';

-- ISO 4217 minor units that are not 2.
create function internal.currency_decimals(code text) returns integer
language sql immutable
as $$
	select case when code in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 0
		when code in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 3 else 2 end
$$;
grant execute on function internal.currency_decimals(text) to authenticated, service_role;

-- "12,500.00" and "12,500": what people read.
create function internal.money_text(amount numeric, decimals integer) returns text
language sql immutable
as $$
	select to_char(amount, 'FM999G999G999G999G990' || case when decimals > 0 then 'D' || repeat('0', decimals) else '' end)
$$;
grant execute on function internal.money_text(numeric, integer) to authenticated, anon;

-- ---- quotes ---------------------------------------------------------------------------

create table public.quotes (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	number text not null default '',
	title text not null check (length(title) between 1 and 200),
	deal_id uuid not null,
	contact_id uuid,
	company_id uuid,
	owner_id uuid default auth.uid(),
	status text not null default 'Draft' check (status in ('Draft', 'Pending Approval', 'Approved', 'Sent', 'Viewed',
		'Accepted', 'Declined', 'Expired')),
	currency text not null check (currency ~ '^[A-Z]{3}$'),
	valid_until date not null default current_date + 30,
	notes text check (length(notes) <= 5000),
	terms text check (length(terms) <= 10000),
	subtotal numeric(16,3) not null default 0,       -- before discounts
	discount_total numeric(16,3) not null default 0,
	tax_total numeric(16,3) not null default 0,
	total numeric(16,3) not null default 0,          -- to pay
	sent_at timestamptz,
	viewed_at timestamptz,
	views integer not null default 0,
	accepted_at timestamptz,
	accepted_name text,
	accepted_addr text,
	declined_at timestamptz,
	declined_name text,
	decline_reason text,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint quotes_number_key unique (organization_id, number),
	constraint quotes_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete cascade,
	constraint quotes_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete set null (contact_id),
	constraint quotes_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete set null (company_id),
	constraint quotes_owner_id_fkey foreign key (organization_id, owner_id)
		references public.profiles (organization_id, id) on delete set null (owner_id)
);
comment on table public.quotes is 'Offers on a deal; the sums are kept by the database from the lines';
create index quotes_created_idx on public.quotes (organization_id, created_at desc, id desc);
create index quotes_deal_idx on public.quotes (organization_id, deal_id);
create index quotes_contact_idx on public.quotes (organization_id, contact_id);
create index quotes_company_idx on public.quotes (organization_id, company_id);
do $$ begin perform internal.tenant_table('public.quotes'); end $$;

create table public.quote_lines (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	quote_id uuid not null,
	position integer not null default 0,
	product_id uuid,
	name text not null check (length(name) between 1 and 200),
	description text check (length(description) <= 2000),
	qty numeric(16,4) not null default 1 check (qty > 0),
	unit_price numeric(16,4) not null check (unit_price >= 0), -- copied when the line was added (Q2C-3)
	discount numeric(6,3) not null default 0 check (discount between 0 and 100), -- percent
	tax_rate numeric(6,3) not null default 0 check (tax_rate between 0 and 100), -- percent, on top
	gross numeric(16,3) not null default 0, -- qty x unit price
	total numeric(16,3) not null default 0, -- qty x unit price x (1 - discount), rounded half up (Q2C-8)
	tax numeric(16,3) not null default 0,
	primary key (organization_id, id),
	constraint quote_lines_quote_id_fkey foreign key (organization_id, quote_id)
		references public.quotes (organization_id, id) on delete cascade,
	constraint quote_lines_product_id_fkey foreign key (organization_id, product_id)
		references public.products (organization_id, id) on delete set null (product_id)
);
create index quote_lines_quote_idx on public.quote_lines (organization_id, quote_id, position, id);
do $$ begin perform internal.tenant_table('public.quote_lines'); end $$;

-- A quote goes forward only, and an answer is final.
create function internal.quote_may_become(old_status text, new_status text) returns boolean
language sql immutable
as $$
	select case
		when old_status in ('Draft', 'Pending Approval', 'Approved')
			then new_status in ('Draft', 'Pending Approval', 'Approved', 'Sent', 'Expired')
		when old_status in ('Sent', 'Viewed') then new_status in ('Viewed', 'Accepted', 'Declined', 'Expired')
		else false end
$$;

create function internal.quote_locked() returns void
language plpgsql
as $$
begin
	raise exception using errcode = 'KT409', message = 'A quote that was sent cannot be changed',
		hint = 'Make a new quote on the deal; the old one expires when the new one is accepted';
end
$$;

-- The number, and contact and company of the deal.
create function internal.quote_begins() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.number := internal.next_number(new.organization_id, 'QT');
	new.status := 'Draft';
	new.subtotal := 0;
	new.discount_total := 0;
	new.tax_total := 0;
	new.total := 0;
	select coalesce(new.contact_id, d.contact_id), coalesce(new.company_id, d.company_id, c.company_id)
		into new.contact_id, new.company_id
		from public.deals d
		left join public.contacts c on c.organization_id = d.organization_id and c.id = coalesce(new.contact_id, d.contact_id)
		where d.organization_id = new.organization_id and d.id = new.deal_id;
	return new;
end
$$;
create trigger a_begins before insert on public.quotes for each row execute function internal.quote_begins();

-- What must not change: the number ever, the sums but by the lines (whose
-- trigger is what makes the depth 2), anything offered after sending.
create function internal.quote_rules() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	new.number := old.number;
	if pg_trigger_depth() = 1 then
		new.subtotal := old.subtotal;
		new.discount_total := old.discount_total;
		new.tax_total := old.tax_total;
		new.total := old.total;
	end if;
	if old.status not in ('Draft', 'Pending Approval', 'Approved') and
			(new.title, new.currency, new.valid_until, new.notes, new.terms, new.deal_id, new.total)
			is distinct from (old.title, old.currency, old.valid_until, old.notes, old.terms, old.deal_id, old.total) then
		perform internal.quote_locked();
	end if;
	if new.currency <> old.currency and exists (select from public.quote_lines l
			where l.organization_id = new.organization_id and l.quote_id = new.id) then
		raise exception using errcode = 'KT409', message = format('The prices of this quote''s lines are in %s', old.currency),
			hint = 'Remove the lines first, then choose the currency', column = 'currency';
	end if;
	if new.status = old.status then
		return new;
	end if;
	if not internal.quote_may_become(old.status, new.status) then
		raise exception using errcode = 'KT409',
			message = format('A quote that is %s cannot become %s', lower(old.status), lower(new.status)), column = 'status';
	end if;
	if new.status = 'Sent' then
		if not exists (select from public.quote_lines l where l.organization_id = new.organization_id and l.quote_id = new.id) then
			raise exception using errcode = 'KT422', message = 'A quote needs at least one line before it can be sent',
				hint = 'Add a product from the catalogue';
		end if;
		new.sent_at := now();
	elsif new.status = 'Accepted' then
		new.accepted_at := now();
	elsif new.status = 'Declined' then
		new.declined_at := now();
	end if;
	return new;
end
$$;
create trigger a_rules before update on public.quotes for each row execute function internal.quote_rules();

-- Whoever says that it is accepted, customer or staff (Q2C-16): other offers on
-- the deal are superseded, and the deal goes on, to the stage that the tenant's
-- settings name, else to the one that is won.
create function internal.quote_accepted() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	update public.quotes x set status = 'Expired'
		where x.organization_id = new.organization_id and x.deal_id = new.deal_id and x.id <> new.id
			and x.status in ('Sent', 'Viewed');
	update public.deals d set stage = coalesce(
			(select s ->> 'id' from public.pipelines p, jsonb_array_elements(p.stages) s, public.organizations o
				where p.organization_id = d.organization_id and p.id = d.pipeline_id and o.id = d.organization_id
					and s ->> 'id' = o.settings ->> 'quote_accept_stage' limit 1),
			(select s ->> 'id' from public.pipelines p, jsonb_array_elements(p.stages) s
				where p.organization_id = d.organization_id and p.id = d.pipeline_id and s ->> 'type' = 'won' limit 1),
			d.stage)
		where d.organization_id = new.organization_id and d.id = new.deal_id;
	return null;
end
$$;
create trigger accepted after update of status on public.quotes
	for each row when (new.status = 'Accepted' and old.status <> 'Accepted') execute function internal.quote_accepted();

-- The line's own sums, in the decimals of the currency; numeric rounds half
-- away from zero. A product that leaves the catalogue only loses its reference.
create function internal.quote_line_rules() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	q public.quotes;
	decimals integer;
begin
	if tg_op = 'UPDATE' and to_jsonb(new) - 'product_id' = to_jsonb(old) - 'product_id' then
		return new;
	end if;
	select * into q from public.quotes x
		where x.organization_id = coalesce(new.organization_id, old.organization_id) and x.id = coalesce(new.quote_id, old.quote_id);
	if q.status not in ('Draft', 'Pending Approval', 'Approved') then
		perform internal.quote_locked();
	end if;
	if tg_op = 'DELETE' then
		return old;
	end if;
	if tg_op = 'UPDATE' then
		new.quote_id := old.quote_id;
	end if;
	decimals := internal.currency_decimals(q.currency);
	new.gross := round(new.qty * new.unit_price, decimals);
	new.total := round(new.qty * new.unit_price * (1 - new.discount / 100), decimals);
	new.tax := round(new.total * new.tax_rate / 100, decimals);
	return new;
end
$$;
create trigger a_rules before insert or update or delete on public.quote_lines
	for each row execute function internal.quote_line_rules();

create function internal.quote_sums() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := coalesce(new.organization_id, old.organization_id);
	quote uuid := coalesce(new.quote_id, old.quote_id);
begin
	update public.quotes q set (subtotal, discount_total, tax_total, total) = (
			select coalesce(sum(l.gross), 0), coalesce(sum(l.gross - l.total), 0), coalesce(sum(l.tax), 0),
				coalesce(sum(l.total + l.tax), 0)
			from public.quote_lines l where l.organization_id = org and l.quote_id = quote)
		where q.organization_id = org and q.id = quote;
	return null;
end
$$;
create trigger sums after insert or update or delete on public.quote_lines
	for each row execute function internal.quote_sums();

-- A line from the catalogue: name, tax, the price of today, the discount for
-- the quantity (Q2C-6); a product without a price in the currency is refused.
create function public.quote_add_product(quote uuid, product uuid, quantity numeric default 1) returns uuid
language plpgsql
as $$
declare
	q public.quotes;
	p public.products;
	price numeric;
	line uuid;
begin
	select * into q from public.quotes where organization_id = auth.org() and id = quote;
	select * into p from public.products where organization_id = auth.org() and id = product;
	if q.id is null or p.id is null then
		raise exception using errcode = 'KT404', message = 'This quote or product does not exist';
	end if;
	price := public.product_price(product, q.currency);
	if price is null then
		raise exception using errcode = 'KT422', message = format('%s has no price in %s', p.name, q.currency),
			hint = 'Add one to the product, or choose another currency for the quote';
	end if;
	insert into public.quote_lines (quote_id, position, product_id, name, description, qty, unit_price, discount, tax_rate)
		select quote, coalesce(max(l.position), 0) + 1, p.id, p.name, p.description, quantity, price,
			public.product_discount(product, quantity), p.tax_rate
		from public.quote_lines l where l.organization_id = auth.org() and l.quote_id = quote
		returning id into line;
	return line;
end
$$;
grant execute on function public.quote_add_product(uuid, uuid, numeric) to authenticated;

create function internal.quote_events() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if tg_op = 'INSERT' then
		perform internal.emit(new.organization_id, 'quote.created', 'quote', new.id, to_jsonb(new));
	elsif new.status is distinct from old.status and new.status in ('Sent', 'Viewed', 'Accepted', 'Declined', 'Expired') then
		perform internal.emit(new.organization_id, 'quote.' || lower(new.status), 'quote', new.id,
			to_jsonb(new) - 'accepted_addr', internal.changes(to_jsonb(old), to_jsonb(new), 'status'));
	end if;
	return null;
end
$$;
create trigger events_insert after insert on public.quotes for each row execute function internal.quote_events();
create trigger events_update after update of status on public.quotes for each row execute function internal.quote_events();

-- What happened to quotes stands in the timelines of their deal, contact and company.
create or replace function internal.timeline_related(of_kind text, of_id uuid) returns table (t text, i uuid)
language sql stable
as $$
	select of_kind as t, of_id as i
	union all
	(select 'deal', d.id from public.deals d
		where of_kind = 'contact' and d.organization_id = auth.org() and d.contact_id = of_id
		order by d.created_at desc limit 50)
	union all
	(select 'deal', d.id from public.deals d
		where of_kind = 'company' and d.organization_id = auth.org() and d.company_id = of_id
		order by d.created_at desc limit 50)
	union all
	(select 'conversation', c.id from public.conversations c
		where of_kind = 'contact' and c.organization_id = auth.org() and c.contact_id = of_id
		order by c.last_message_at desc limit 20)
	union all
	(select 'quote', q.id from public.quotes q
		where q.organization_id = auth.org() and (of_kind = 'deal' and q.deal_id = of_id
			or of_kind = 'contact' and q.contact_id = of_id or of_kind = 'company' and q.company_id = of_id)
		order by q.created_at desc limit 50)
$$;

-- ---- shared links -----------------------------------------------------------------------

-- The token is HMAC(key "share", "<kind>:<record>:<nonce>") in base64url: the
-- programs can show it again, the database knows its SHA-256 only.
create table public.share_links (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	kind text not null check (kind in ('quote')),
	record_id uuid not null,
	nonce text not null,
	token_hash bytea not null unique,
	expires_at timestamptz,
	revoked_at timestamptz,
	views integer not null default 0,
	last_viewed_at timestamptz,
	created_by uuid default auth.uid(),
	created_at timestamptz not null default now(),
	primary key (organization_id, id)
);
create index share_links_record_idx on public.share_links (organization_id, kind, record_id) where revoked_at is null;
do $$ begin perform internal.tenant_table('public.share_links'); end $$;

-- The letter that a link is sent with; a person can mail for a quote of the own tenant only.
create function internal.quote_mail(quote uuid, letter jsonb) returns void
language plpgsql security definer set search_path = ''
as $$
begin
	if not exists (select from public.quotes q where q.organization_id = auth.org() and q.id = quote) then
		raise exception using errcode = 'KT404', message = 'This quote does not exist';
	end if;
	perform job.enqueue(auth.org(), 'mail', null, letter);
end
$$;
grant execute on function internal.quote_mail(uuid, jsonb) to authenticated;

-- ---- customers: role anon -------------------------------------------------------------------

create function internal.shared_quote(token_sha256 text) returns public.quotes
language plpgsql stable security definer set search_path = ''
as $$
declare
	q public.quotes;
	link public.share_links;
begin
	select * into link from public.share_links s where s.token_hash = decode(token_sha256, 'hex') and s.kind = 'quote'
		and internal.on_site(s.organization_id);
	if not found then
		raise exception using errcode = 'KT404', message = 'This link does not lead anywhere',
			hint = 'Check that it was copied whole, or ask the sender for a new one';
	end if;
	if link.revoked_at is not null or link.expires_at < now() then
		raise exception using errcode = 'KT410', message = 'This link is no longer valid',
			hint = 'Ask the sender for a new one';
	end if;
	select * into q from public.quotes x where x.organization_id = link.organization_id and x.id = link.record_id;
	if not found then
		raise exception using errcode = 'KT404', message = 'This quote does not exist any more',
			hint = 'Ask the sender for a new one';
	end if;
	return q;
end
$$;

-- Everything that the page and the PDF show, as one row; lines as json. With
-- `record` the visit counts: the first one makes a sent quote a viewed one.
create function public.public_quote(token_sha256 text, record boolean)
	returns table (organization_id uuid, id uuid, number text, title text, status text, currency text, decimals integer,
		valid_until date, is_expired boolean, notes text, terms text, subtotal numeric, discount_total numeric,
		tax_total numeric, total numeric, created_on date, accepted_at timestamptz, accepted_name text,
		declined_at timestamptz, decline_reason text, seller_name text, seller_settings jsonb, owner_name text,
		owner_email text, contact_name text, contact_email text, company_name text, company_street text,
		company_postal_code text, company_city text, company_country text, timezone text, lines jsonb, taxes jsonb, logo_sha256 text)
language plpgsql security definer set search_path = ''
as $$
declare
	q public.quotes := internal.shared_quote(token_sha256);
begin
	if record then
		update public.share_links s set views = s.views + 1, last_viewed_at = now()
			where s.token_hash = decode(token_sha256, 'hex');
		update public.quotes x set views = x.views + 1, viewed_at = coalesce(x.viewed_at, now()),
				status = case when x.status = 'Sent' then 'Viewed' else x.status end
			where x.organization_id = q.organization_id and x.id = q.id;
	end if;
	return query select * from internal.quote_document(q.organization_id, q.id);
end
$$;

create function internal.quote_document(org uuid, quote uuid)
	returns table (organization_id uuid, id uuid, number text, title text, status text, currency text, decimals integer,
		valid_until date, is_expired boolean, notes text, terms text, subtotal numeric, discount_total numeric,
		tax_total numeric, total numeric, created_on date, accepted_at timestamptz, accepted_name text,
		declined_at timestamptz, decline_reason text, seller_name text, seller_settings jsonb, owner_name text,
		owner_email text, contact_name text, contact_email text, company_name text, company_street text,
		company_postal_code text, company_city text, company_country text, timezone text, lines jsonb, taxes jsonb, logo_sha256 text)
language sql stable set search_path = ''
as $$
	select q.organization_id, q.id, q.number, q.title, q.status, q.currency, d.n, q.valid_until,
		q.status in ('Sent', 'Viewed') and q.valid_until < (now() at time zone o.timezone)::date,
		q.notes, q.terms, round(q.subtotal, d.n), round(q.discount_total, d.n), round(q.tax_total, d.n), round(q.total, d.n),
		(coalesce(q.sent_at, q.created_at) at time zone o.timezone)::date, q.accepted_at, q.accepted_name, q.declined_at,
		q.decline_reason, o.name, o.settings, trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), p.email,
		trim(coalesce(c.first_name, '') || ' ' || coalesce(c.last_name, '')), c.emails[1], co.name, co.street, co.postal_code,
		co.city, co.country, o.timezone,
		coalesce((select jsonb_agg(jsonb_build_object('name', l.name, 'description', l.description,
				'qty', trim_scale(l.qty)::text, 'unit_price', round(l.unit_price, greatest(d.n, scale(trim_scale(l.unit_price))))::text,
				'unit_price_text', internal.money_text(l.unit_price, greatest(d.n, scale(trim_scale(l.unit_price)))),
				'total_text', internal.money_text(l.total, d.n),
				'discount', case when l.discount > 0 then trim_scale(l.discount)::text end,
				'tax_rate', trim_scale(l.tax_rate)::text, 'total', round(l.total, d.n)::text) order by l.position, l.id)
			from public.quote_lines l where l.organization_id = org and l.quote_id = quote), '[]'),
		coalesce((select jsonb_agg(jsonb_build_object('rate', trim_scale(t.tax_rate)::text, 'tax', round(t.tax, d.n)::text,
				'tax_text', internal.money_text(t.tax, d.n))
				order by t.tax_rate)
			from (select l.tax_rate, sum(l.tax) as tax from public.quote_lines l
				where l.organization_id = org and l.quote_id = quote and l.tax_rate > 0 group by 1) t), '[]'),
		(select f.sha256 from public.files f where f.organization_id = org and f.id::text = o.settings ->> 'logo_file_id')
	from public.quotes q
	cross join lateral (select internal.currency_decimals(q.currency)) d (n)
	join public.organizations o on o.id = q.organization_id
	left join public.profiles p on p.organization_id = q.organization_id and p.id = q.owner_id
	left join public.contacts c on c.organization_id = q.organization_id and c.id = q.contact_id
	left join public.companies co on co.organization_id = q.organization_id and co.id = q.company_id
	where q.organization_id = org and q.id = quote
$$;
grant execute on function internal.quote_document(uuid, uuid) to authenticated;

-- What an answer needs: an open quote. An answer given before is none of these.
create function internal.quote_answerable(q public.quotes) returns void
language plpgsql stable security definer set search_path = ''
as $$
begin
	if q.status = 'Expired' or (q.status in ('Sent', 'Viewed') and q.valid_until < (
			select (now() at time zone o.timezone)::date from public.organizations o where o.id = q.organization_id)) then
		raise exception using errcode = 'KT410', message = 'This quote has expired', hint = 'Ask the sender for a new one';
	elsif q.status not in ('Sent', 'Viewed') then
		raise exception using errcode = 'KT409', message = format('This quote was already %s', lower(q.status));
	end if;
end
$$;

create function public.public_quote_accept(token_sha256 text, name text, addr text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	q public.quotes := internal.shared_quote(token_sha256);
begin
	if coalesce(trim(name), '') = '' then
		raise exception using errcode = 'KT422', message = 'Please type your name to accept.', column = 'name';
	end if;
	-- The deal first: two quotes of one deal may be accepted at the same moment.
	perform from public.deals d where d.organization_id = q.organization_id and d.id = q.deal_id for update;
	select * into q from public.quotes x where x.organization_id = q.organization_id and x.id = q.id for update;
	if q.status = 'Accepted' then
		return; -- pressing the button twice is accepting once
	end if;
	perform internal.quote_answerable(q);
	update public.quotes x set status = 'Accepted', accepted_name = left(trim(name), 200), accepted_addr = addr
		where x.organization_id = q.organization_id and x.id = q.id;
end
$$;

create function public.public_quote_decline(token_sha256 text, name text, reason text, addr text) returns void
language plpgsql security definer set search_path = ''
as $$
declare
	q public.quotes := internal.shared_quote(token_sha256);
begin
	select * into q from public.quotes x where x.organization_id = q.organization_id and x.id = q.id for update;
	if q.status = 'Declined' then
		return;
	end if;
	perform internal.quote_answerable(q);
	update public.quotes x set status = 'Declined', declined_name = left(nullif(trim(name), ''), 200),
			decline_reason = left(nullif(trim(reason), ''), 2000), accepted_addr = addr
		where x.organization_id = q.organization_id and x.id = q.id;
end
$$;

grant execute on function public.public_quote(text, boolean), public.public_quote_accept(text, text, text),
	public.public_quote_decline(text, text, text, text) to anon;

-- ---- demo -------------------------------------------------------------------------------------

create function internal.demo_catalogue(org uuid) returns void
language plpgsql
as $$
begin
	with made as (
		insert into public.products (organization_id, sku, name, description, unit, tax_rate)
		values (org, 'PLAT', 'Platform License', 'Per user and year, all modules', 'user', 19),
			(org, 'IMPL', 'Implementation Services', 'Set-up, data import, two days of training', 'project', 19),
			(org, 'SUPP', 'Priority Support', 'Answer within two hours, every day', 'year', 19),
			(org, 'PALL', 'Road freight Cairo - Alexandria', 'One pallet, door to door, customs included', 'pallet', 0)
		returning id, sku)
	insert into public.product_prices (organization_id, product_id, currency, unit_price, effective_from)
		select org, m.id, c.code, p.price, current_date - 90
		from made m
		join (values ('PLAT', 150.00), ('IMPL', 12000.00), ('SUPP', 5000.00), ('PALL', 85.00)) p (sku, price) using (sku)
		cross join (values ('EUR'), ('USD')) c (code);
	insert into public.product_discounts (organization_id, product_id, min_quantity, discount)
		select org, id, 50, 10 from public.products where organization_id = org and sku = 'PLAT';
end
$$;

create function internal.demo_quote(org uuid, deal uuid) returns void
language plpgsql
as $$
declare
	quote uuid;
begin
	insert into public.quotes (organization_id, title, deal_id, currency, notes, terms, owner_id)
		select org, 'Platform and freight', deal, 'EUR', 'Thank you for the good conversation.',
			'Payable within 30 days. Prices plus VAT where shown.', d.owner_id
		from public.deals d where d.organization_id = org and d.id = deal
		returning id into quote;
	perform public.quote_add_product(quote, p.id, case p.sku when 'PLAT' then 50 when 'PALL' then 12 else 1 end)
		from public.products p where p.organization_id = org order by p.sku;
end
$$;
