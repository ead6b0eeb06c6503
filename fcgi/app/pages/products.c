/* /products: the catalogue (Q2C-1, FACT-132). */
#include "fcgi/app/quotes.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* ---- the list ------------------------------------------------------------ */

static const struct list_sort sorts[] = {
	{ "az", "Name A to Z", "lower(t.name)", "::text", false },
	{ "za", "Name Z to A", "lower(t.name)", "::text", true },
	{ "newest", "Newest first", "t.created_at", "::timestamptz", true },
	{ 0 },
};
static const char *const kept[] = { "q", "state", NULL };
static const struct list_kind products = { "/products", sorts, kept };

static void filter(struct query *q, struct http_request *rq)
{
	struct sv term = sv_trim(http_query(rq, "q")), state = http_query(rq, "state");

	if (term.n) {
		query_with(q, " and lower(t.name || ' ' || coalesce(t.sku, '')) like internal.search_pattern(",
			   DB_S(term));
		query_add(q, ")");
	}
	if (sv_eq(state, SV("retired")))
		query_add(q, " and not t.is_active");
	else if (!sv_eq(state, SV("all")))
		query_add(q, " and t.is_active");
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	query_add(&q, "t.* from products t where true");
	filter(&q, l->rq);
	list_end(l, &q);
	query_add(&q,
		"select p.id, p.k::text as k, p.total, p.name, p.sku, p.unit, p.is_active, p.description,"
		" trim_scale(p.tax_rate) as tax_rate,"
		" (select string_agg(internal.money_text(x.price, internal.currency_decimals(x.currency)) || ' ' || x.currency,"
		"	', ' order by x.currency) from (select c.currency, product_price(p.id, c.currency) as price"
		"	from (select distinct pp.currency from product_prices pp where pp.organization_id = p.organization_id"
		"	and pp.product_id = p.id) c) x where x.price is not null) as prices"
		" from page p where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from products t where true");
	filter(&q, rq);
	list_count_end(&q);
	return query_run(&q, b);
}

enum status products_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct list l;
	int rows, count;

	web_me(rq, b);
	list_init(&l, rq, &products);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	tmpl_set_bool(page, "state_retired", sv_eq(http_query(rq, "state"), SV("retired")));
	tmpl_set_bool(page, "state_all", sv_eq(http_query(rq, "state"), SV("all")));
	return web_render(rq, rs, wants_fragment(rq) ? "app/products_rows" : "app/products", page, e);
}

/* ---- one product ----------------------------------------------------------- */

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row, prices, tiers;

	web_me(rq, b);
	row = db_add(b, "select p.id, p.sku, p.name, p.description, p.unit, trim_scale(p.tax_rate) as tax_rate, p.is_active"
			" from products p where p.id = $1::uuid", DB_OPT(id));
	prices = db_add(b,
		"select p.id, p.currency, internal.money_text(p.unit_price, greatest(internal.currency_decimals(p.currency),"
		" scale(trim_scale(p.unit_price)))) as price, to_char(p.effective_from, 'FMDD Mon YYYY') as since,"
		" p.effective_from > current_date as later, p.effective_from = (select max(x.effective_from)"
		"	from product_prices x where x.organization_id = p.organization_id and x.product_id = p.product_id"
		"	and x.currency = p.currency and x.effective_from <= current_date) as in_force"
		" from product_prices p where p.product_id = $1::uuid order by p.currency, p.effective_from desc limit 200",
		DB_OPT(id));
	tiers = db_add(b,
		"select d.id, trim_scale(d.min_quantity) as quantity, trim_scale(d.discount) as discount"
		" from product_discounts d where d.product_id = $1::uuid order by d.min_quantity limit 50", DB_OPT(id));
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This product does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	web_set_rows(page, "prices", b, prices);
	web_set_rows(page, "tiers", b, tiers);
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	} else {
		tmpl_set_bool(tmpl_set_map(page, "form"), "is_active", true);
	}
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/product", page, e);
}

enum status product_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status product_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "product", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

static int add_product(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv name = form_required(f, "name", "A product needs a name");
	struct sv sku = form_text(f, "sku"), unit = form_text(f, "unit");
	struct sv text = form_text(f, "description"), tax = form_decimal(f, "tax_rate", 3);
	bool active = http_form(f->rq, "is_active").n > 0;

	tmpl_set_bool(f->values, "is_active", active);
	if (make)
		return db_add(b,
			"insert into products (id, name, sku, unit, description, tax_rate, is_active)"
			" values ($1::uuid, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''),"
			" coalesce(nullif($6, ''), '0')::numeric, $7::boolean) on conflict (organization_id, id) do nothing",
			DB_S(id), DB_S(name), DB_S(sku), DB_S(unit), DB_S(text), DB_S(tax), DB_B(active));
	return db_add(b,
		"update products set name = $2, sku = nullif($3, ''), unit = nullif($4, ''), description = nullif($5, ''),"
		" tax_rate = coalesce(nullif($6, ''), '0')::numeric, is_active = $7::boolean where id = $1::uuid",
		DB_S(id), DB_S(name), DB_S(sku), DB_S(unit), DB_S(text), DB_S(tax), DB_B(active));
}

/* A price that begins on the day of another one replaces it. */
static void add_price(struct form *f, struct db_batch *b, struct sv id, bool needed)
{
	struct sv price = form_decimal(f, "price", 4), currency = form_text(f, "currency");
	struct sv since = form_date(f, "effective_from");

	if (needed && !price.n)
		form_error(f, "price", SV("Write the price of one unit"));
	if (!price.n)
		return;
	db_add(b,
	       "insert into product_prices (product_id, currency, unit_price, effective_from)"
	       " values ($1::uuid, upper(coalesce(nullif($2, ''), (select o.currency from organizations o"
	       " where o.id = auth.org()))), $3::numeric, coalesce(nullif($4, '')::date, current_date))"
	       " on conflict (organization_id, product_id, currency, effective_from)"
	       " do update set unit_price = excluded.unit_price",
	       DB_S(id), DB_S(currency), DB_S(price), DB_S(since));
}

/* A new product may come with its first price. */
static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	int saved = add_product(f, b, id, make);

	if (make)
		add_price(f, b, id, false);
	return saved;
}

static const struct record_form form = { "product", "/products/", add_save, show };

enum status product_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status product_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}

/* ---- its prices and discounts -------------------------------------------------- */

static enum status run_part(struct form *f, struct http_response *rs, struct db_batch *b,
			    struct sv id, struct err *e)
{
	if (f->wrong)
		return show(f->rq, rs, id, f, e);
	if (db_run(b, e)) {
		if (!form_refused(f, b, e))
			return e->status;
		return show(f->rq, rs, id, f, e);
	}
	return redirect_to(f->rq, rs, "/products/", id, "?done=saved");
}

enum status product_price_add(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id;

	if (path_id(rq, "product", &id, e))
		return e->status;
	form_init(&f, rq);
	add_price(&f, b, id, true);
	return run_part(&f, rs, b, id, e);
}

enum status product_tier_add(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, quantity, discount;

	if (path_id(rq, "product", &id, e))
		return e->status;
	form_init(&f, rq);
	quantity = form_decimal(&f, "min_quantity", 4);
	discount = form_decimal(&f, "discount", 3);
	if (!quantity.n || !discount.n)
		form_error(&f, "min_quantity", SV("Write a quantity and a percentage"));
	db_add(b,
	       "insert into product_discounts (product_id, min_quantity, discount)"
	       " values ($1::uuid, nullif($2, '')::numeric, nullif($3, '')::numeric)"
	       " on conflict (organization_id, product_id, min_quantity) do update set discount = excluded.discount",
	       DB_S(id), DB_S(quantity), DB_S(discount));
	return run_part(&f, rs, b, id, e);
}

enum status product_part_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, row;

	if (path_id(rq, "product", &id, e) || path_row(rq, "row", &row, e))
		return e->status;
	must_exist(b, "products", id);
	db_add(b, "delete from product_prices where product_id = $1::uuid and id = $2::uuid", DB_S(id),
	       DB_S(row));
	db_add(b, "delete from product_discounts where product_id = $1::uuid and id = $2::uuid", DB_S(id),
	       DB_S(row));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/products/", id, "?done=saved");
}
