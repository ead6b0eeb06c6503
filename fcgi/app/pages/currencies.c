/* /settings/currencies: what foreign currencies are worth in one's own. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/tr.h"

#define ADMINS "select internal.admins_only('exchange rates')"
#define HERE "/settings/currencies"

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int base, rows, missing;

	web_me(rq, b);
	db_add(b, ADMINS);
	base = db_add(b, "select internal.base_currency(auth.org()) as code, current_date as today");
	rows = db_add(b,
		"select r.id, r.currency, trim_scale(r.rate) as rate, internal.shown_date(r.on_date) as day,"
		" r.id = first_value(r.id) over (partition by r.currency order by r.on_date > current_date,"
		"	r.on_date desc) as current, r.on_date > current_date as future"
		" from exchange_rates r where r.base = internal.base_currency(auth.org())"
		" order by r.currency, r.on_date desc limit 500");
	missing = db_add(b,
		"select s.currency, sum(s.deals) as deals from deal_sums s"
		" where internal.in_base(1, s.currency) is null group by 1 having sum(s.deals) > 0 order by 1");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "base", b, base, 0);
	web_set_rows(page, "rows", b, rows);
	web_set_rows(page, "missing", b, missing);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/currencies", page, e);
}

enum status currencies_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

enum status currencies_paste(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv lines;

	form_init(&f, rq);
	lines = form_required(&f, "lines", N_("Paste at least one line"));
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b, ADMINS);
	db_add(b, "select internal.paste_rates($1)", DB_S(lines));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, &f, e) : e->status;
	return http_redirect(rs, SV(HERE "?done=saved"));
}

enum status currency_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "rate", &id, e))
		return e->status;
	db_add(b, ADMINS);
	must_exist(b, "exchange_rates", id);
	db_add(b, "delete from exchange_rates where id = $1::uuid", DB_S(id));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=deleted"));
}
