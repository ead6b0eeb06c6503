/*
 * /deals: the board and the list, under the same filters; /deals/cards: more
 * cards of one column.
 */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <stdlib.h>

/* Cards that a column begins with, and that each "Show more" brings. */
#define CARDS 50
#define CARDS_SQL "50"

static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.created_at", "::timestamptz", true },
	{ "oldest", "Oldest first", "t.created_at", "::timestamptz", false },
	{ "value", "Highest value", "t.value", "::numeric", true },
	{ "value_low", "Lowest value", "t.value", "::numeric", false },
	{ "close", "Closing soonest", "coalesce(t.expected_close_date, 'infinity'::date)", "::date",
	  false },
	{ "az", "Title A to Z", "lower(t.title)", "::text", false },
	{ "za", "Title Z to A", "lower(t.title)", "::text", true },
	{ 0 },
};
static const char *const kept[] = { "pipeline", "q", "owner", "tag", "min", "max", "stage", NULL };
static const struct list_kind deals = { "/deals", sorts, kept };

/* ---- filters ------------------------------------------------------------ */

void deals_pipe(struct query *q, struct http_request *rq)
{
	struct sv pipeline = http_query(rq, "pipeline");

	query_with(q, "with pipe as (select p.id, p.name, p.stages from pipelines p order by"
		" p.id = ",
		   DB_S(uuid_valid(pipeline) ? pipeline : SV_NONE));
	query_add(q, "::uuid desc nulls last, p.is_default desc, p.created_at limit 1)");
}

/* A bound of the value, or nothing when it is no number. */
static bool bound(struct http_request *rq, const char *name, double *n, struct sv *text)
{
	char *end, *typed = arena_dup(rq->arena, sv_trim(http_query(rq, name)));

	*text = sv_from(typed);
	if (!text->n || text->n > 15 || typed[0] < '0' || typed[0] > '9')
		return false;
	*n = strtod(typed, &end);
	return !*end && sv_chr(*text, 'x') < 0 && sv_chr(*text, 'e') < 0;
}

/* Max must be above min (DEA-37). */
static bool bounds_clash(struct http_request *rq)
{
	double min, max;
	struct sv text;

	return bound(rq, "min", &min, &text) && bound(rq, "max", &max, &text) && max <= min;
}

static void filter_value(struct query *q, struct http_request *rq)
{
	struct sv text;
	double n;

	if (bounds_clash(rq))
		return;
	if (bound(rq, "min", &n, &text)) {
		query_with(q, " and t.value >= ", DB_S(text));
		query_add(q, "::numeric");
	}
	if (bound(rq, "max", &n, &text)) {
		query_with(q, " and t.value <= ", DB_S(text));
		query_add(q, "::numeric");
	}
}

static void filter_text(struct query *q, struct sv term)
{
	if (!term.n)
		return;
	query_with(q, " and (t.title ilike internal.search_pattern(", DB_S(term));
	query_with(q, ") or t.contact_id = any (array(select internal.find_contacts(", DB_S(term));
	query_with(q,
		   ", null, 2000))) or t.company_id = any (array(select internal.find_companies(",
		   DB_S(term));
	query_add(q, ", null, 500))))");
}

void deals_filter(struct query *q, struct http_request *rq)
{
	struct sv owner = http_query(rq, "owner"), tag = http_query(rq, "tag");

	if (sv_eq(owner, SV("none")))
		query_add(q, " and t.owner_id is null");
	else if (uuid_valid(owner)) {
		query_with(q, " and t.owner_id = ", DB_S(owner));
		query_add(q, "::uuid");
	}
	if (tag.n) {
		query_with(q, " and t.tags @> array[", DB_S(tag));
		query_add(q, "::text]");
	}
	filter_value(q, rq);
	filter_text(q, sv_trim(http_query(rq, "q")));
}

/* ---- the board ------------------------------------------------------------ */

/* Deals without a contact are not on the board (DEA-83). */
static void add_totals(struct query *q, struct http_request *rq)
{
	query_add(q,
		  ", totals as (select t.stage, t.currency, count(*) as n, sum(t.value) as amount"
		  " from pipe join deals t on t.pipeline_id = pipe.id where t.contact_id is not"
		  " null");
	deals_filter(q, rq);
	query_add(q,
		  " group by t.stage, t.currency),"
		  " sums as (select t.stage, sum(t.n)::bigint as n,"
		  " string_agg(internal.shown_money(t.amount, t.currency), ' + ' order by"
		  " t.amount desc) as amount"
		  " from totals t group by t.stage)");
}

int deals_totals(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	add_totals(&q, rq);
	query_add(&q,
		  " select s ->> 'id' as id, coalesce(x.n, 0) as count,"
		  " coalesce(x.amount, '') as amount from pipe"
		  " cross join jsonb_array_elements(pipe.stages) with ordinality e (s, place)"
		  " left join sums x on x.stage = s ->> 'id' order by e.place");
	return query_run(&q, b);
}

static int add_board(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	add_totals(&q, rq);
	query_add(&q,
		  " select s ->> 'id' as id, s ->> 'name' as name, s ->> 'color' as color,"
		  " s ->> 'type' = 'lost' as is_lost,"
		  " coalesce(x.n, 0) as count, x.amount, cards.list as cards,"
		  " case when x.n > " CARDS_SQL " then cards.list -> -1 ->> 'place' end as more"
		  " from pipe"
		  " cross join jsonb_array_elements(pipe.stages) with ordinality e (s, place)"
		  " left join sums x on x.stage = s ->> 'id'"
		  " cross join lateral (select jsonb_agg(to_jsonb(c)) as list from ("
		  "select " DEAL_CARD " from (select t.* from deals t"
		  " where t.pipeline_id = pipe.id and t.stage = s ->> 'id'"
		  " and t.contact_id is not null");
	deals_filter(&q, rq);
	query_add(&q, " order by t.stage_entered_at desc, t.id desc limit " CARDS_SQL ") t"
		      DEAL_JOINS " order by t.stage_entered_at desc, t.id desc) c) cards");
	query_with(&q, " where coalesce(", DB_S(http_query(rq, "stage")));
	query_add(&q, "::text, '') in ('', s ->> 'id') order by e.place");
	return query_run(&q, b);
}

/* The place of a card in its column, "microseconds_id". */
static bool read_place(struct sv text, int64_t *at, struct sv *id)
{
	ptrdiff_t cut = sv_chr(text, '_');

	*id = cut < 0 ? SV_NONE : sv_skip(text, (size_t)cut + 1);
	return cut > 0 && sv_to_i64(sv_make(text.p, (size_t)cut), at) && uuid_valid(*id);
}

enum status deals_cards(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct list l;
	struct query q;
	struct sv id;
	int64_t at;
	int cards;

	if (!read_place(http_query(rq, "after"), &at, &id))
		return err_set(e, rq->arena, ST_BAD_INPUT, "There is no such place in a column");
	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	query_add(&q, " select " DEAL_CARD " from (select t.* from pipe"
		      " join deals t on t.pipeline_id = pipe.id where t.contact_id is not null");
	query_with(&q, " and t.stage = ", DB_S(http_query(rq, "column")));
	query_with(&q, " and (t.stage_entered_at, t.id) < (timestamptz 'epoch'"
		       " + interval '1 microsecond' * ", DB_I(at));
	query_with(&q, "::bigint, ", DB_S(id));
	query_add(&q, "::uuid)");
	deals_filter(&q, rq);
	query_add(&q, " order by t.stage_entered_at desc, t.id desc limit " CARDS_SQL ") t"
		      DEAL_JOINS " order by t.stage_entered_at desc, t.id desc");
	cards = query_run(&q, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_init(&l, rq, &deals);
	list_show(&l, page, b, cards, cards);
	web_set_rows(page, "cards", b, cards);
	if (db_rows(b, cards) == CARDS) {
		tmpl_set_text(page, "id", http_query(rq, "column"));
		tmpl_set_text(page, "more", db_named(b, cards, CARDS - 1, "place"));
	}
	return web_render(rq, rs, "app/deals_cards", page, e);
}

/* ---- the list --------------------------------------------------------------- */

static void in_pipeline(struct query *q, struct http_request *rq)
{
	struct sv stage = http_query(rq, "stage"), pipeline = http_query(rq, "pipeline");

	query_with(q, " and t.pipeline_id = (select p.id from pipelines p order by p.id = ",
		   DB_S(uuid_valid(pipeline) ? pipeline : SV_NONE));
	query_add(q, "::uuid desc nulls last, p.is_default desc, p.created_at limit 1)");
	if (stage.n)
		query_with(q, " and t.stage = ", DB_S(stage));
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

/* ---- the page ----------------------------------------------------------------- */

struct choices {
	int pipelines, stages, team, tags;
};

static void add_choices(struct http_request *rq, struct db_batch *b, struct choices *c)
{
	struct sv pipeline = http_query(rq, "pipeline");

	pipeline = uuid_valid(pipeline) ? pipeline : SV_NONE;
	c->pipelines = db_add(b,
		"select p.id, p.name, row_number() over (order by p.id = $1::uuid desc nulls"
		" last, p.is_default desc,"
		" p.created_at) = 1 as selected from pipelines p order by p.is_default desc,"
		" lower(p.name), p.id",
		DB_S(pipeline));
	c->stages = db_add(b,
		"select s ->> 'id' as id, s ->> 'name' as name, s ->> 'color' as color, s ->>"
		" 'id' = $2 as selected,"
		" s ->> 'type' = 'lost' as is_lost"
		" from (select p.stages from pipelines p order by p.id = $1::uuid desc nulls"
		" last, p.is_default desc,"
		" p.created_at limit 1) x, jsonb_array_elements(x.stages) with ordinality e (s,"
		" n) order by n",
		DB_S(pipeline), DB_S(http_query(rq, "stage")));
	c->team = team_add(b, http_query(rq, "owner"));
	c->tags = db_add(b,
		"select x.tag, x.tag = $1 as selected from (select distinct unnest(r.tags) as"
		" tag from"
		" (select d.tags from deals d order by d.created_at desc limit 2000) r"
		" union select nullif($1, '')) x where x.tag is not null order by lower(x.tag)",
		DB_S(http_query(rq, "tag")));
}

static void show_choices(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
			 const struct choices *c)
{
	web_set_rows(page, "pipelines", b, c->pipelines);
	tmpl_set_bool(page, "several_pipelines", db_rows(b, c->pipelines) > 1);
	web_set_rows(page, "stages", b, c->stages);
	web_set_rows(page, "team", b, c->team);
	web_set_rows(page, "tags", b, c->tags);
	tmpl_set_bool(page, "nobody", sv_eq(http_query(rq, "owner"), SV("none")));
}

/* A column has nothing to say to a board that is empty altogether. */
static bool has_cards(const struct db_batch *b, int columns)
{
	for (size_t i = 0; i < db_rows(b, columns); i++)
		if (db_named(b, columns, i, "cards").n)
			return true;
	return false;
}

enum status deals_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool table = wants_table(rq, rs, "kontor_deals");
	struct choices choices;
	struct tmpl_value *page;
	struct list l;
	int rows, count = -1;

	web_me(rq, b);
	list_init(&l, rq, &deals);
	add_choices(rq, b, &choices);
	rows = table ? add_rows(&l, b) : add_board(rq, b);
	count = add_count(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	show_choices(rq, page, b, &choices);
	tmpl_set_bool(page, "table", table);
	tmpl_set_bool(page, "clash", bounds_clash(rq));
	tmpl_set_bool(page, "no_cards", !table && !has_cards(b, rows));
	return web_render(rq, rs, wants_fragment(rq) ? "app/deals_results" : "app/deals", page, e);
}
