/* /settings/targets: what is to be won each month of a year, by all or by one. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/tr.h"
#include "base/uuid.h"

#define ADMINS "select internal.admins_only('targets')"

struct chosen {
	struct sv owner; /* SV_NONE: everybody */
	int64_t year;    /* 0: this one */
};

static struct chosen choose(struct sv owner, struct sv year)
{
	struct chosen c = { .owner = uuid_valid(owner) ? owner : SV_NONE };

	if (!sv_to_i64(year, &c.year) || c.year < 2000 || c.year > 2200)
		c.year = 0;
	return c;
}

static enum status show(struct http_request *rq, struct http_response *rs, struct chosen c,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int head, months, people;

	web_me(rq, b);
	db_add(b, ADMINS);
	head = db_add(b,
		"select y as year, y - 1 as before, y + 1 as after, internal.base_currency(auth.org()) as currency,"
		" $2::uuid as owner from (select coalesce(nullif($1, 0), extract(year from current_date))::integer as y) x",
		DB_I(c.year), DB_OPT(c.owner));
	months = db_add(b,
		"select extract(month from f.month) as n, internal.month_name(extract(month from f.month)::integer) as name,"
		" trim_scale(coalesce(t.amount, 0)) as amount, t.amount is not null as is_set,"
		" internal.shown_money(f.won_value, f.currency) as won,"
		" internal.shown_money(round(f.projection), f.currency) as projection"
		" from (select make_date(coalesce(nullif($1, 0), extract(year from current_date))::integer, 1, 1) as a) y"
		" cross join lateral forecast(y.a, (y.a + interval '11 months')::date, null, $2::uuid) f"
		" left join sales_targets t on t.month = f.month and t.owner_id is not distinct from $2::uuid"
		" order by f.month",
		DB_I(c.year), DB_OPT(c.owner));
	people = team_add(b, c.owner);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "head", b, head, 0);
	web_set_rows(page, "months", b, months);
	web_set_rows(page, "people", b, people);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/targets", page, e);
}

enum status targets_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, choose(http_query(rq, "owner"), http_query(rq, "year")), NULL, e);
}

/* Twelve amounts; an empty one takes the target away. */
enum status targets_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct chosen c = choose(http_form(rq, "owner"), http_form(rq, "year"));
	struct db_batch *b = web_batch(rq);
	struct form f;

	form_init(&f, rq);
	db_add(b, ADMINS);
	db_add(b,
	       "delete from sales_targets t where t.owner_id is not distinct from $2::uuid"
	       " and extract(year from t.month) = $1::integer", DB_I(c.year), DB_OPT(c.owner));
	for (int m = 1; m <= 12; m++) {
		struct sv amount = form_money(&f, arena_printf(rq->arena, "month_%d", m));

		if (f.wrong) {
			form_error(&f, "form", SV(N_("Write amounts such as 1250 or 1250.50")));
			return show(rq, rs, c, &f, e);
		}
		if (amount.n)
			db_add(b,
			       "insert into sales_targets (month, owner_id, amount)"
			       " values (make_date($1::integer, $2::integer, 1), $3::uuid, $4::numeric)",
			       DB_I(c.year), DB_I(m), DB_OPT(c.owner), DB_S(amount));
	}
	if (!c.year)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Choose a year");
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, c, &f, e) : e->status;
	return http_redirect(rs, sv_from(arena_printf(rq->arena,
		"/settings/targets?year=%lld&owner=%.*s&done=saved", (long long)c.year, SV_ARG(c.owner))));
}
