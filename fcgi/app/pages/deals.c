/*
 * /deals: the board and the list, under the same filters.
 */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static const struct list_sort sorts[] = {
	{ "newest", N_("Newest first"), "t.created_at", "::timestamptz", true },
	{ "oldest", N_("Oldest first"), "t.created_at", "::timestamptz", false },
	{ "value", N_("Highest value"), "t.value", "::numeric", true },
	{ "value_low", N_("Lowest value"), "t.value", "::numeric", false },
	{ "close", N_("Closing soonest"), "coalesce(t.expected_close_date, 'infinity'::date)", "::date",
	  false },
	{ "az", N_("Title A to Z"), "lower(t.title)", "::text", false },
	{ "za", N_("Title Z to A"), "lower(t.title)", "::text", true },
	{ 0 },
};
static const char *const kept[] = { "pipeline", "q", "owner", "tag", "min", "max", "stage", NULL };
static const struct list_kind deals = { "/deals", sorts, kept };

static void in_pipeline(struct query *q, struct http_request *rq)
{
	struct sv pipeline = http_query(rq, "pipeline");

	query_with(q, " and t.pipeline_id = (select p.id from pipelines p order by p.id = ",
		   DB_S(uuid_valid(pipeline) ? pipeline : SV_NONE));
	query_add(q, "::uuid desc nulls last, p.is_default desc, p.created_at limit 1)");
	deals_filter(q, rq);
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	query_add(&q, "t.* from deals t where true");
	in_pipeline(&q, l->rq);
	list_end(l, &q);
	query_add(&q, "select p.k::text as k, p.total, internal.stage_name(t.pipeline_id,"
		" t.stage) as stage_name,"
		      " t.won_at is not null as won, t.lost_at is not null as lost, " DEAL_CARD
		      " from page p cross join lateral (select p.*)"
		      " t" DEAL_JOINS " where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from deals t where true");
	in_pipeline(&q, rq);
	list_count_end(&q);
	return query_run(&q, b);
}

/* A column has nothing to say to a board that is empty altogether. */
static bool has_cards(const struct db_batch *b, int columns)
{
	for (size_t i = 0; i < db_rows(b, columns); i++)
		if (db_named(b, columns, i, "cards").n)
			return true;
	return false;
}

static enum status list_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct deals_choices choices;
	struct tmpl_value *page;
	struct list l;
	int rows, count;

	web_me(rq, b);
	list_init(&l, rq, &deals);
	deals_choices_add(rq, b, &choices);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	deals_choices_show(rq, page, b, &choices);
	tmpl_set_bool(page, "table", true);
	tmpl_set_bool(page, "clash", deals_bounds_clash(rq));
	return web_render(rq, rs, wants_fragment(rq) ? "app/deals_results" : "app/deals", page, e);
}

static enum status board_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct deals_choices choices;
	struct tmpl_value *page;
	int columns;

	web_me(rq, b);
	deals_choices_add(rq, b, &choices);
	columns = deals_board_add(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	deals_choices_show(rq, page, b, &choices);
	web_set_rows(page, "columns", b, columns);
	web_set_row(page, "first", b, columns, 0);
	tmpl_set_bool(page, "clash", deals_bounds_clash(rq));
	tmpl_set_bool(page, "no_cards", !has_cards(b, columns));
	return web_render(rq, rs, wants_fragment(rq) ? "app/deals_results" : "app/deals", page, e);
}

enum status deals_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return (wants_table(rq, rs, "kontor_deals") ? list_page : board_page)(rq, rs, e);
}
