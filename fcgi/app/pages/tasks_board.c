/* The board of /tasks: a column per status; /tasks/cards, more of one column. */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

#define COLUMNS                                                                                 \
	"select n::integer as rank, v as value from unnest(array['To Do', 'In Progress',"       \
	" 'Complete', 'Cancelled']) with ordinality x (v, n)"

static void add_order(struct query *q, const void *arg)
{
	(void)arg;
	query_add(q, " order by t.sort_key, t.id limit " TASK_CARDS_SQL " + 1");
}

static void add_thousand(struct query *q, const void *arg)
{
	(void)arg;
	query_add(q, " limit 1001");
}

/* A column of 31 cards has more than it shows. */
static void add(struct http_request *rq, struct db_batch *b, int *stmts)
{
	static const struct tasks_source cards = { "t.id, t.sort_key", " and t.status = g.value",
						   add_order, NULL };
	static const struct tasks_source all = { "", " and t.status = g.value", add_thousand, NULL };
	struct query q;

	query_init(&q, rq->arena);
	tasks_hits(&q, rq);
	query_add(&q, ", g as (" COLUMNS "), picked as materialized (select g.rank, x.*, row_number() over"
		      " (partition by g.rank order by x.sort_key, x.id) as rn from g cross join lateral (");
	tasks_source(&q, rq, &cards);
	query_add(&q, ") x), rows as materialized (select r.* from app.task_rows r where r.organization_id ="
		      " (select auth.org()) and r.id = any (array(select p.id from picked p where p.rn <= " TASK_CARDS_SQL
		      "))), filled as (select p.rank, jsonb_agg(to_jsonb(r) order by p.rn) filter (where r.id is not null)"
		      " as cards, max(p.sort_key || '|' || p.id) filter (where p.rn = " TASK_CARDS_SQL ") as last,"
		      " max(p.rn) > " TASK_CARDS_SQL " as beyond from picked p left join rows r on r.id = p.id group by 1)"
		      " select lower(replace(g.value, ' ', '_')) as id,"
		      " g.value as status, g.value = 'To Do' as is_todo,"
		      " g.value = 'In Progress' as is_doing, g.value = 'Complete' as is_done,"
		      " g.value = 'Cancelled' as is_cancelled, least(n.n, 1000) as count, n.n > 1000 as many,"
		      " f.cards, case when f.beyond then f.last end as more"
		      " from g left join filled f on f.rank = g.rank cross join lateral (select count(*) as n from (select from (");
	tasks_source(&q, rq, &all);
	query_add(&q, ") y limit 1001) x) n order by g.rank");
	stmts[0] = query_run(&q, b);
}

static void show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		 const int *stmts)
{
	(void)rq;
	web_set_rows(page, "columns", b, stmts[0]);
}

const struct tasks_view tasks_board_view = { "board", "app/tasks_board", add, show };

/* ---- more cards ------------------------------------------------------------ */

struct after {
	struct sv key, id;
};

static bool read_after(struct sv text, struct after *at)
{
	at->key = sv_cut(&text, '|');
	at->id = text;
	for (size_t i = 0; i < at->key.n; i++)
		if (!strchr("0123456789.e+-", at->key.p[i]))
			return false;
	return at->key.n && at->key.n < 32 && uuid_valid(at->id);
}

static void add_after(struct query *q, const void *arg)
{
	const struct after *at = arg;

	query_with(q, " and (t.sort_key, t.id) > (", DB_S(at->key));
	query_with(q, "::double precision, ", DB_S(at->id));
	query_add(q, "::uuid)");
	add_order(q, NULL);
}

enum status tasks_cards(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct after at;
	struct tasks_source cards = { "t.id, t.sort_key", " and t.status = g.value", add_after, &at };
	struct tmpl_value *page;
	struct query q;
	int rows, chips;

	if (!read_after(http_query(rq, "after"), &at))
		return err_set(e, rq->arena, ST_BAD_INPUT, "%s", tr("There is no such place in a column"));
	query_init(&q, rq->arena);
	tasks_hits(&q, rq);
	query_with(&q, ", g as (select internal.task_status_named(", DB_S(http_query(rq, "column")));
	query_add(&q, ") as value), found as materialized (select y.* from g cross join lateral (");
	tasks_source(&q, rq, &cards);
	query_add(&q, ") y order by y.sort_key, y.id limit " TASK_CARDS_SQL ")"
		      " select r.*, r.sort_key || '|' || r.id as place from app.task_rows r"
		      " where r.organization_id = (select auth.org()) and r.id = any (array(select id from found))"
		      " order by r.sort_key, r.id");
	rows = query_run(&q, b);
	chips = tasks_chips_add(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	tasks_chips_show(rq, page, b, chips);
	web_set_rows(page, "cards", b, rows);
	if (db_rows(b, rows) == TASK_CARDS) {
		tmpl_set_text(page, "id", http_query(rq, "column"));
		tmpl_set_text(page, "more", db_named(b, rows, TASK_CARDS - 1, "place"));
	}
	return web_render(rq, rs, "app/tasks_cards", page, e);
}
