/* /quotes/:id: a draft is edited here, a sent one is watched. */
#include "fcgi/app/quotes.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

#include <string.h>

/* ---- showing --------------------------------------------------------------- */

static const char quote_sql[] =
	"select q.id, q.number, q.title, q.status, q.currency, q.notes, q.terms, q.views, q.deal_id, q.contact_id,"
	" q.company_id, q.decline_reason, q.accepted_name, q.accepted_addr, q.declined_name, d.title as deal,"
	" to_char(q.valid_until, 'YYYY-MM-DD') as valid_until, to_char(q.valid_until, 'FMDD Mon YYYY') as valid,"
	" q.valid_until < current_date as over, co.name as company, c.emails[1] as email,"
	" internal.person(c.first_name, c.last_name, c.emails[1]) as contact, c.id is not null as has_contact,"
	" internal.money_text(q.subtotal, n.d) as subtotal, internal.money_text(q.discount_total, n.d) as discount,"
	" q.discount_total > 0 as has_discount, internal.money_text(q.total, n.d) as total,"
	" q.status in ('Draft', 'Pending Approval', 'Approved') as editable, q.status in ('Sent', 'Viewed') as open,"
	" case q.status when 'Accepted' then 'good' when 'Declined' then 'bad' when 'Expired' then 'warn'"
	"	when 'Draft' then '' else 'accent' end as tone,"
	" internal.shown_time(q.sent_at, z.zone) as sent, internal.shown_time(q.viewed_at, z.zone) as viewed,"
	" internal.shown_time(q.accepted_at, z.zone) as accepted, internal.shown_time(q.declined_at, z.zone) as declined,"
	" (select jsonb_agg(jsonb_build_object('rate', trim_scale(t.tax_rate)::text, 'tax', internal.money_text(t.tax, n.d))"
	"	order by t.tax_rate) from (select l.tax_rate, sum(l.tax) as tax from quote_lines l"
	"	where l.organization_id = q.organization_id and l.quote_id = q.id and l.tax_rate > 0 group by 1) t) as taxes"
	" from quotes q cross join lateral (select internal.currency_decimals(q.currency)) n (d)"
	" cross join (select internal.my_zone()) z (zone)"
	" join deals d on d.organization_id = q.organization_id and d.id = q.deal_id"
	" left join contacts c on c.organization_id = q.organization_id and c.id = q.contact_id"
	" left join companies co on co.organization_id = q.organization_id and co.id = q.company_id"
	" where q.id = $1::uuid";

static const char lines_sql[] =
	"select l.id, l.quote_id, l.name, l.description, trim_scale(l.qty) as qty, trim_scale(l.discount) as discount,"
	" l.discount > 0 as discounted, trim_scale(l.tax_rate) as tax_rate, internal.money_text(l.total, n.d) as total,"
	" round(l.unit_price, greatest(n.d, scale(trim_scale(l.unit_price)))) as unit_price,"
	" internal.money_text(l.unit_price, greatest(n.d, scale(trim_scale(l.unit_price)))) as price_text"
	" from quote_lines l join quotes q on q.organization_id = l.organization_id and q.id = l.quote_id"
	" cross join lateral (select internal.currency_decimals(q.currency)) n (d)"
	" where l.quote_id = $1::uuid order by l.position, l.id";

/* What can be added (Q2C-6); a product without a price in the quote's
 * currency is shown, as the reason why it cannot. */
static int add_catalogue(struct http_request *rq, struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select p.id, q.id as quote_id, p.name, p.sku, p.unit, q.currency, x.price is not null as priced,"
		" internal.money_text(x.price, internal.currency_decimals(q.currency)) as price"
		" from quotes q join products p on p.organization_id = q.organization_id"
		" cross join lateral (select product_price(p.id, q.currency)) x (price)"
		" where q.id = $1::uuid and p.is_active and q.status in ('Draft', 'Pending Approval', 'Approved')"
		" and lower(p.name || ' ' || coalesce(p.sku, '')) like internal.search_pattern(coalesce($2, ''))"
		" order by lower(p.name), p.id limit 12",
		DB_S(id), DB_S(sv_trim(http_query(rq, "q"))));
}

struct sv quote_token(struct arena *a, struct sv quote_id, struct sv nonce)
{
	unsigned char key[SHA256_SIZE], mac[SHA256_SIZE];
	struct sv text = sv_from(arena_printf(a, "quote:%.*s:%.*s", SV_ARG(quote_id), SV_ARG(nonce)));

	crypto_derive(key, "share");
	crypto_hmac_sha256(mac, sv_make((const char *)key, sizeof(key)), text);
	explicit_bzero(key, sizeof(key));
	return crypto_base64url(a, sv_make((const char *)mac, sizeof(mac)));
}

static int add_link(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select s.nonce, s.views, internal.shown_time(s.last_viewed_at, internal.my_zone()) as seen"
		" from share_links s where s.kind = 'quote' and s.record_id = $1::uuid and s.revoked_at is null"
		" order by s.created_at desc limit 1", DB_S(id));
}

static void set_link(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		     struct sv id, int link)
{
	if (!db_rows(b, link))
		return;
	web_set_row(page, "link", b, link, 0);
	tmpl_set_text(page, "link_token", quote_token(rq->arena, id, db_first(b, link, "nonce")));
}

enum status quote_show(struct http_request *rq, struct http_response *rs, struct sv id,
		       const struct err *problem, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *again;
	int quote, lines, catalogue, link;

	web_me(rq, b);
	quote = db_add(b, quote_sql, DB_S(id));
	lines = db_add(b, lines_sql, DB_S(id));
	catalogue = add_catalogue(rq, b, id);
	link = add_link(b, id);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, quote))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This quote does not exist");
	page = web_page(rq, b);
	web_set_row(page, "quote", b, quote, 0);
	web_set_rows(page, "lines", b, lines);
	web_set_rows(page, "catalogue", b, catalogue);
	tmpl_set_text(page, "q", http_query(rq, "q"));
	tmpl_set_bool(page, "has_lines", db_rows(b, lines) > 0);
	set_link(rq, page, b, id, link);
	if (problem) {
		again = tmpl_set_map(page, "problem");
		tmpl_set_text(again, "message", err_message(problem));
		tmpl_set_text(again, "hint", problem->hint);
		/* htmx shows nothing of an answer that is an error. */
		rs->status = wants_fragment(rq) ? 200 : status_http(problem->status);
	}
	return web_render(rq, rs, wants_fragment(rq) ? "app/quote_lines" : "app/quote", page, e);
}

enum status quote_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	return quote_show(rq, rs, id, NULL, e);
}

/* The catalogue alone, while somebody types. */
enum status quote_catalogue(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int rows;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	must_exist(b, "quotes", id);
	rows = add_catalogue(rq, b, id);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "catalogue", b, rows);
	tmpl_set_text(page, "q", http_query(rq, "q"));
	return web_render(rq, rs, "app/quote_catalogue", page, e);
}

/* ---- changing ---------------------------------------------------------------- */

enum status quote_changed(struct http_request *rq, struct http_response *rs, struct sv id,
			  struct db_batch *b, int stmt, struct err *e)
{
	struct err refused;

	if (!db_run(b, e)) {
		if (!db_affected(b, stmt) && !db_rows(b, stmt))
			return err_set(e, rq->arena, ST_NOT_FOUND, "This quote or line does not exist");
		if (wants_fragment(rq))
			return quote_show(rq, rs, id, NULL, e);
		return redirect_to(rq, rs, "/quotes/", id, "");
	}
	if (e->status != ST_BAD_INPUT && e->status != ST_UNPROCESSABLE && e->status != ST_CONFLICT)
		return e->status;
	refused = *e;
	*e = (struct err){ 0 };
	return quote_show(rq, rs, id, &refused, e);
}

/* A form whose fields do not read as what they are. */
static enum status unreadable(struct http_request *rq, struct http_response *rs, struct sv id,
			      const char *words, struct err *e)
{
	struct err refused = { 0 };

	err_set(&refused, rq->arena, ST_UNPROCESSABLE, "%s", words);
	return quote_show(rq, rs, id, &refused, e);
}

enum status quote_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, title, currency, until, notes, terms;
	struct form f;
	int saved;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	form_init(&f, rq);
	title = form_required(&f, "title", "A quote needs a title");
	currency = form_text(&f, "currency");
	until = form_date(&f, "valid_until");
	notes = form_text(&f, "notes");
	terms = form_text(&f, "terms");
	if (f.wrong || !until.n)
		return unreadable(rq, rs, id, "A quote needs a title and a date until when it is valid", e);
	saved = db_add(b,
		"update quotes set title = $2, currency = upper(coalesce(nullif($3, ''), currency)), valid_until = $4::date,"
		" notes = nullif($5, ''), terms = nullif($6, '') where id = $1::uuid",
		DB_S(id), DB_S(title), DB_S(currency), DB_S(until), DB_S(notes), DB_S(terms));
	return quote_changed(rq, rs, id, b, saved, e);
}

/* A product of the catalogue, or a line of one's own with name and price. */
enum status quote_line_add(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, product, name, qty, price, tax;
	struct form f;
	int added;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	form_init(&f, rq);
	product = form_id(&f, "product_id");
	name = form_text(&f, "name");
	qty = form_decimal(&f, "qty", 4);
	price = form_decimal(&f, "unit_price", 4);
	tax = form_decimal(&f, "tax_rate", 3);
	if (f.wrong || (!product.n && (!name.n || !price.n)))
		return unreadable(rq, rs, id, "A line needs a name, a quantity and a price, such as 1250.50", e);
	if (product.n)
		added = db_add(b, "select quote_add_product($1::uuid, $2::uuid, coalesce(nullif($3, ''), '1')::numeric)",
			       DB_S(id), DB_S(product), DB_S(qty));
	else
		added = db_add(b,
			"insert into quote_lines (quote_id, position, name, qty, unit_price, tax_rate)"
			" select q.id, (select coalesce(max(l.position), 0) + 1 from quote_lines l where l.quote_id = q.id), $2,"
			" coalesce(nullif($3, ''), '1')::numeric, $4::numeric, coalesce(nullif($5, ''), '0')::numeric"
			" from quotes q where q.id = $1::uuid",
			DB_S(id), DB_S(name), DB_S(qty), DB_S(price), DB_S(tax));
	return quote_changed(rq, rs, id, b, added, e);
}

/*
 * The discount of the quantity is only the default of a line's (Q2C-4): it
 * follows the quantity as long as nobody chose another one.
 */
static int add_line_save(struct form *f, struct db_batch *b, struct sv id, struct sv line)
{
	struct sv qty = form_decimal(f, "qty", 4), price = form_decimal(f, "unit_price", 4);
	struct sv discount = form_decimal(f, "discount", 3), tax = form_decimal(f, "tax_rate", 3);

	if (!qty.n || !price.n)
		form_error(f, "qty", SV("needed"));
	return db_add(b,
		"update quote_lines l set qty = $3::numeric, unit_price = $4::numeric, tax_rate = coalesce(nullif($6, ''), '0')::numeric,"
		" discount = case when l.product_id is not null and l.qty <> $3::numeric"
		"		and l.discount = coalesce(nullif($5, ''), '0')::numeric and l.discount = product_discount(l.product_id, l.qty)"
		"	then product_discount(l.product_id, $3::numeric) else coalesce(nullif($5, ''), '0')::numeric end"
		" where l.quote_id = $1::uuid and l.id = $2::uuid",
		DB_S(id), DB_S(line), DB_S(qty), DB_S(price), DB_S(discount), DB_S(tax));
}

enum status quote_line_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, line;
	struct form f;
	int saved;

	if (path_id(rq, "quote", &id, e) || path_row(rq, "line", &line, e))
		return e->status;
	if (http_form(rq, "remove").n) {
		saved = db_add(b, "delete from quote_lines where quote_id = $1::uuid and id = $2::uuid", DB_S(id),
			       DB_S(line));
		return quote_changed(rq, rs, id, b, saved, e);
	}
	form_init(&f, rq);
	saved = add_line_save(&f, b, id, line);
	if (f.wrong)
		return unreadable(rq, rs, id, "Write numbers such as 2, 1250.50 or 7.5", e);
	return quote_changed(rq, rs, id, b, saved, e);
}

/* A draft may go; what a customer has seen stays. */
enum status quote_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "quote", &id, e))
		return e->status;
	gone = db_add(b, "delete from quotes where id = $1::uuid and status = 'Draft' returning deal_id", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such draft");
	return redirect_to(rq, rs, "/deals/", db_first(b, gone, "deal_id"), "?done=deleted");
}
