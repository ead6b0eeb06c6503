/*
 * The board (/deals?view=board): its columns with their first cards, more cards
 * of one column (/deals/cards), and what has changed (/deals/patch), which open
 * boards ask for when the live stream names a deal.
 */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define CARDS_SQL "20"
/* Deals that a patch may name; whoever missed more draws the board anew. */
#define PATCH_MAX 50

/* ---- sums ------------------------------------------------------------------ */

/* Sums by stage and currency, by stage, and of all. Deals without a contact are
 * not on the board (DEA-83); what is closed has no weight (DEA-69). */
/* Of the deals that fit, one by one. */
static void add_counted(struct query *q, struct http_request *rq)
{
	query_add(q,
		  "select t.stage, t.currency, count(*) as n, sum(t.value) as amount,"
		  " sum(t.value * t.probability) / 100 as weighted"
		  " from deals t where t.pipeline_id = (select pipe.id from pipe) and t.contact_id is not null");
	deals_filter(q, rq);
	query_add(q, " group by t.stage, t.currency");
}

/* The whole pipeline for who sees all deals: from the sums that are kept, less
 * the deals without a contact. Others count theirs. */
static void add_kept(struct query *q)
{
	query_add(q,
		  "select k.stage, k.currency, sum(k.n)::bigint as n, sum(k.amount) as amount,"
		  " sum(k.weighted) as weighted from ("
		  "	select g.stage, g.currency, g.deals as n, g.value as amount, g.weighted"
		  "	from stage_totals((select pipe.id from pipe)) g"
		  "	where (select auth.sees_all('deals'))"
		  "	union all"
		  "	select t.stage, t.currency, -1, -t.value, -t.value * coalesce(t.probability, 0) / 100"
		  "	from deals t where t.pipeline_id = (select pipe.id from pipe)"
		  "		and t.contact_id is null and (select auth.sees_all('deals'))"
		  "	union all"
		  "	select t.stage, t.currency, count(*), sum(t.value), sum(t.value * t.probability) / 100"
		  "	from deals t where t.pipeline_id = (select pipe.id from pipe)"
		  "		and t.contact_id is not null and not (select auth.sees_all('deals'))"
		  "	group by 1, 2"
		  ") k group by 1, 2 having sum(k.n) > 0");
}

static void add_totals(struct query *q, struct http_request *rq)
{
	query_add(q, ", totals as materialized (");
	if (deals_filtered(rq))
		add_counted(q, rq);
	else
		add_kept(q);
	query_add(q,
		  "),"
		  " sums as (select t.stage, sum(t.n)::bigint as n,"
		  "	internal.sum_shown(jsonb_object_agg(t.currency, t.amount)) as amount,"
		  "	internal.sum_shown(jsonb_object_agg(t.currency, coalesce(t.weighted, 0))) as weighted"
		  " from totals t group by t.stage),"
		  " total as (select json_build_object('count', coalesce(sum(y.n), 0),"
		  "	'amount', internal.sum_shown(jsonb_object_agg(y.currency, y.amount)"
		  "		filter (where y.currency is not null)),"
		  "	'weighted', internal.sum_shown(jsonb_object_agg(y.currency, y.weighted)"
		  "		filter (where y.weighted > 0))) as sum"
		  " from (select t.currency, sum(t.n) as n, sum(t.amount) as amount,"
		  "	sum(t.weighted) filter (where st.type = 'open') as weighted"
		  "	from totals t left join st on st.id = t.stage group by t.currency) y)");
}

/* Columns of `sums` x beside a stage st, and of `total`. */
#define SUM_COLUMNS                                                                        \
	" coalesce(x.n, 0) as count, x.amount,"                                             \
	" case when st.type = 'open' and x.n > 0 then x.weighted end as weighted, total.sum"

/* The columns as they count now, and in each row `sum` of all of them. */
static int add_columns(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	add_totals(&q, rq);
	query_add(&q, " select st.id," SUM_COLUMNS " from total cross join st"
		      " left join sums x on x.stage = st.id where true");
	deals_stage_filter(&q, rq);
	query_add(&q, " order by st.place");
	return query_run(&q, b);
}

/* ---- columns ----------------------------------------------------------------- */

#define CARD_COLUMNS "select " DEAL_CARD DEAL_NEXT
#define CARD_ORDER " order by t.stage_entered_at desc, t.id desc"

/* The deals of the pipeline in none of its stages, for those who can mend it
 * (DEA-84): a column of its own at the beginning. */
static void add_astray(struct query *q, struct http_request *rq)
{
	query_add(q, " union all select null, null, null, false, false, false, null,"
		     " (select sum(t.n)::bigint from totals t where t.stage <> all (array(select st.id from st))),"
		     " null, null, total.sum, cards.list, null, 0"
		     " from total cross join lateral (select json_agg(c) as list from ("
		     CARD_COLUMNS ", t.stage as astray from (select t.* from deals t"
		     " where t.pipeline_id = (select pipe.id from pipe) and t.contact_id is not null"
		     " and t.stage = any (array(select t.stage from totals t"
		     "	where t.stage <> all (array(select st.id from st))))");
	deals_filter(q, rq);
	query_add(q, CARD_ORDER " limit 100) t left join st on false" DEAL_JOINS DEAL_NEXT_JOIN
		     ") c) cards where cards.list is not null and auth.app_role() in ('OWNER', 'ADMIN')");
}

static int add_board(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	add_totals(&q, rq);
	query_add(&q, " select st.id, st.name, st.color, st.type = 'lost' as is_lost,"
		      " st.type = 'won' as is_won, st.type = 'open' as is_open,"
		      " trim_scale(st.probability) as percent," SUM_COLUMNS ", cards.list as cards,"
		      " case when x.n > " CARDS_SQL " then cards.list -> -1 ->> 'place' end as more, st.place"
		      " from total cross join st left join sums x on x.stage = st.id"
		      " cross join lateral (select json_agg(c) as list from (" CARD_COLUMNS
		      " from (select t.* from deals t where t.pipeline_id = (select pipe.id from pipe)"
		      " and t.stage = st.id and t.contact_id is not null");
	deals_filter(&q, rq);
	query_add(&q, CARD_ORDER " limit " CARDS_SQL ") t" DEAL_JOINS DEAL_NEXT_JOIN CARD_ORDER
		      ") c) cards where true");
	deals_stage_filter(&q, rq);
	add_astray(&q, rq);
	query_add(&q, " order by 14");
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
	struct query q;
	struct sv id;
	int64_t at;
	int cards;

	if (!read_place(http_query(rq, "after"), &at, &id))
		return err_set(e, rq->arena, ST_BAD_INPUT, "There is no such place in a column");
	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	query_add(&q, " " CARD_COLUMNS " from (select t.* from deals t where t.pipeline_id = (select pipe.id from pipe)"
		      " and t.contact_id is not null");
	query_with(&q, " and t.stage = ", DB_S(http_query(rq, "column")));
	query_with(&q, " and (t.stage_entered_at, t.id) < (timestamptz 'epoch'"
		       " + interval '1 microsecond' * ", DB_I(at));
	query_with(&q, "::bigint, ", DB_S(id));
	query_add(&q, "::uuid)");
	deals_filter(&q, rq);
	query_add(&q, CARD_ORDER " limit " CARDS_SQL ") t left join st on st.id = t.stage"
		      DEAL_JOINS DEAL_NEXT_JOIN CARD_ORDER);
	cards = query_run(&q, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	tmpl_set_text(tmpl_set_map(page, "filter"), "query", deals_filter_query(rq));
	web_set_rows(page, "cards", b, cards);
	if (db_rows(b, cards) == DEALS_CARDS) {
		tmpl_set_text(page, "id", http_query(rq, "column"));
		tmpl_set_text(page, "more", db_named(b, cards, DEALS_CARDS - 1, "place"));
	}
	return web_render(rq, rs, "app/deals_cards", page, e);
}

/* ---- what has changed ------------------------------------------------------------ */

/* Ids of a list separated by commas, as a JSON array; false: too many, or none. */
static bool read_ids(struct http_request *rq, const char *name, struct buf *json)
{
	struct sv rest = http_query(rq, name);
	size_t n = 0;

	while (sv_present(rest)) {
		struct sv id = sv_cut(&rest, ',');

		if (!uuid_valid(id))
			continue;
		buf_addc(json, n++ ? ',' : '[');
		buf_json(json, id);
	}
	buf_add(json, n ? SV("]") : SV("[]"));
	return n <= PATCH_MAX;
}

/* Deals named in `ids`, and those that the tasks named in `tasks` belong to. */
static int add_patch(struct http_request *rq, struct db_batch *b, struct sv ids, struct sv tasks)
{
	struct query q;

	query_init(&q, rq->arena);
	deals_pipe(&q, rq);
	query_with(&q, " " CARD_COLUMNS " from deals t left join st on st.id = t.stage" DEAL_JOINS DEAL_NEXT_JOIN
		       " where t.id = any (array(select x::uuid from jsonb_array_elements_text(", DB_S(ids));
	query_with(&q, "::jsonb) x union select a.deal_id from tasks a where a.id = any (array(select y::uuid"
		       " from jsonb_array_elements_text(", DB_S(tasks));
	query_add(&q, "::jsonb) y)))) and t.contact_id is not null and st.id is not null"
		      " and t.pipeline_id = (select pipe.id from pipe)");
	deals_filter(&q, rq);
	return query_run(&q, b);
}

enum status deals_patch(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf ids = BUF_INIT, tasks = BUF_INIT;
	struct tmpl_value *page;
	int cards, columns;

	if (!read_ids(rq, "ids", &ids) || !read_ids(rq, "tasks", &tasks))
		return err_set(e, rq->arena, ST_BAD_INPUT, "Ask for at most %d deals", PATCH_MAX);
	cards = add_patch(rq, b, buf_sv(&ids), buf_sv(&tasks));
	columns = add_columns(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "cards", b, cards);
	web_set_rows(page, "columns", b, columns);
	web_set_row(page, "first", b, columns, 0);
	return web_render(rq, rs, "app/deals_patch", page, e);
}

/* ---- the page ------------------------------------------------------------------------ */

/* Columns have nothing to say to a board that is empty altogether. */
static bool has_cards(const struct db_batch *b, int columns)
{
	for (size_t i = 0; i < db_rows(b, columns); i++)
		if (db_named(b, columns, i, "cards").n)
			return true;
	return false;
}

enum status deals_board_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct deals_choices choices;
	struct tmpl_value *page;
	int columns;

	web_me(rq, b);
	deals_choices_add(rq, b, &choices);
	columns = add_board(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	deals_choices_show(rq, page, b, &choices);
	web_set_rows(page, "columns", b, columns);
	web_set_row(page, "first", b, columns, 0);
	tmpl_set_bool(page, "clash", deals_bounds_clash(rq));
	tmpl_set_bool(page, "no_cards", !has_cards(b, columns));
	return web_render(rq, rs, wants_fragment(rq) ? "app/deals_board" : "app/deals", page, e);
}
