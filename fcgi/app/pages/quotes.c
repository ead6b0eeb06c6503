/* /quotes: the list; /deals/:id/quotes/new: how one begins (Q2C-5). */
#include "fcgi/app/quotes.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.created_at", "::timestamptz", true },
	{ "oldest", "Oldest first", "t.created_at", "::timestamptz", false },
	{ "highest", "Highest total", "t.total", "::numeric", true },
	{ "valid", "Ends soonest", "t.valid_until", "::date", false },
	{ 0 },
};
static const char *const kept[] = { "q", "status", NULL };
static const struct list_kind quotes = { "/quotes", sorts, kept };

static void filter(struct query *q, struct http_request *rq)
{
	struct sv term = sv_trim(http_query(rq, "q")), status = http_query(rq, "status");

	if (term.n) {
		query_with(q, " and (lower(t.number || ' ' || t.title) like internal.search_pattern(", DB_S(term));
		query_with(q, ") or t.company_id = any (array(select co.id from companies co where co.search_text like"
			      " internal.search_pattern(", DB_S(term));
		query_with(q, ") limit 200)) or t.contact_id = any (array(select c.id from contacts c where c.search_text like"
			      " internal.search_pattern(", DB_S(term));
		query_add(q, ") limit 200)))");
	}
	if (status.n)
		query_with(q, " and t.status = ", DB_S(status));
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	/* The page's own column `total` counts rows. */
	query_add(&q, "t.organization_id, t.id, t.number, t.title, t.status, t.currency, t.views, t.valid_until,"
		      " t.company_id, t.contact_id, t.owner_id, t.total as amount from quotes t where true");
	filter(&q, l->rq);
	list_end(l, &q);
	query_add(&q,
		"select p.id, p.k::text as k, p.total, p.number, p.title, p.status, p.currency, p.views,"
		" internal.money_text(p.amount, internal.currency_decimals(p.currency)) as amount,"
		" case p.status when 'Accepted' then 'good' when 'Declined' then 'bad' when 'Expired' then 'warn'"
		"	when 'Draft' then '' else 'accent' end as tone,"
		" co.name as company, internal.person(c.first_name, c.last_name, c.emails[1]) as contact,"
		" c.id is not null as has_contact, internal.person(a.first_name, a.last_name, a.email) as owner,"
		" a.id is not null as has_owner, to_char(p.valid_until, 'FMDD Mon YYYY') as valid"
		" from page p"
		" left join companies co on co.organization_id = p.organization_id and co.id = p.company_id"
		" left join contacts c on c.organization_id = p.organization_id and c.id = p.contact_id"
		" left join profiles a on a.organization_id = p.organization_id and a.id = p.owner_id"
		" where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from quotes t where true");
	filter(&q, rq);
	list_count_end(&q);
	return query_run(&q, b);
}

static int add_statuses(struct http_request *rq, struct db_batch *b)
{
	return db_add(b,
		"select s as status, s = $1 as selected from unnest('{Draft,Sent,Viewed,Accepted,Declined,Expired}'::text[])"
		" with ordinality x (s, n) order by n", DB_S(http_query(rq, "status")));
}

enum status quotes_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct list l;
	int rows, count, statuses;

	web_me(rq, b);
	list_init(&l, rq, &quotes);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	statuses = add_statuses(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	web_set_rows(page, "statuses", b, statuses);
	return web_render(rq, rs, wants_fragment(rq) ? "app/quotes_rows" : "app/quotes", page, e);
}

/* ---- a new one --------------------------------------------------------------- */

static enum status show_new(struct http_request *rq, struct http_response *rs, struct sv deal,
			    const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	web_me(rq, b);
	row = db_add(b,
		"select d.id, d.title, d.currency, to_char(current_date + 30, 'YYYY-MM-DD') as valid_until, co.name as company,"
		" internal.person(c.first_name, c.last_name, c.emails[1]) as contact, c.id is not null as has_contact,"
		" (select q.terms from quotes q where q.owner_id = auth.uid() order by q.created_at desc limit 1) as terms"
		" from deals d left join companies co on co.organization_id = d.organization_id and co.id = d.company_id"
		" left join contacts c on c.organization_id = d.organization_id and c.id = d.contact_id where d.id = $1::uuid",
		DB_S(deal));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This deal does not exist");
	page = web_page(rq, b);
	web_set_row(page, "deal", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/quote_new", page, e);
}

enum status quote_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv deal;

	if (path_id(rq, "deal", &deal, e))
		return e->status;
	return show_new(rq, rs, deal, NULL, e);
}

/* The form carries the id, so that a form sent twice makes one quote. */
enum status quote_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv deal, id = http_form(rq, "id"), title, currency, until, terms;
	struct form f;

	if (path_id(rq, "deal", &deal, e))
		return e->status;
	if (!uuid_valid(id))
		id = uuid_new(rq->arena);
	form_init(&f, rq);
	title = form_required(&f, "title", "A quote needs a title");
	currency = form_required(&f, "currency", "Three letters, such as EUR");
	until = form_date(&f, "valid_until");
	terms = form_text(&f, "terms");
	db_add(b,
	       "insert into quotes (id, deal_id, title, currency, valid_until, terms)"
	       " select $1::uuid, $2::uuid, $3, upper($4), coalesce(nullif($5, '')::date, current_date + 30), nullif($6, '')"
	       " where not exists (select from quotes q where q.id = $1::uuid)",
	       DB_S(id), DB_S(deal), DB_S(title), DB_S(currency), DB_S(until), DB_S(terms));
	if (f.wrong)
		return show_new(rq, rs, deal, &f, e);
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show_new(rq, rs, deal, &f, e);
	}
	return redirect_to(rq, rs, "/quotes/", id, "");
}
