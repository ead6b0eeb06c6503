/*
 * The list of /tasks: in groups, 50 rows per page, and its export.
 *
 * Each way of grouping but that by time has values (statuses, priorities,
 * members), read one after the other along an index of their own; a place in the
 * list is the group's number, sort_key and id.
 */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

struct grouping {
	const char *name;   /* of the parameter `group`; "" for overdue, today ... (TSK-15) */
	const char *values; /* select rank, value */
	const char *column; /* " and t.column = g.value" */
};

static const struct grouping groupings[] = {
	{ "", "select 0 as rank, null::text as value", "" },
	{ "due", "select 0 as rank, null::text as value", "" },
	{ "status",
	  "select n::integer as rank, v as value from unnest(array['In Progress', 'To Do',"
	  " 'Complete', 'Cancelled']) with ordinality x (v, n)",
	  " and t.status = g.value" },
	{ "priority",
	  "select n::integer as rank, v as value from unnest(array['CRITICAL', 'HIGH', 'MEDIUM',"
	  " 'LOW']) with ordinality x (v, n)",
	  " and t.priority = g.value" },
	{ "assignee",
	  "select (row_number() over (order by p.id <> auth.uid(), lower(p.first_name), p.id))::integer"
	  " as rank, p.id as value from profiles p"
	  " union all select 1000000, null",
	  " and t.assignee_id is not distinct from g.value" },
};

static const struct grouping *grouping_of(struct http_request *rq)
{
	struct sv name = http_query(rq, "group");

	for (size_t i = 0; i < sizeof(groupings) / sizeof(*groupings); i++)
		if (sv_eq(name, sv_from(groupings[i].name)))
			return &groupings[i];
	return groupings;
}

/* ---- a place in the list: "rank|sort_key|id" -------------------------------- */

struct place {
	struct sv rank, key, id; /* absent at the beginning */
	bool backwards;
};

static bool is_number(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789.e+-", s.p[i]))
			return false;
	return s.n > 0 && s.n < 32;
}

static bool read_place(struct place *at, struct sv text)
{
	at->rank = sv_cut(&text, '|');
	at->key = sv_cut(&text, '|');
	at->id = text;
	if (is_number(at->rank) && is_number(at->key) && uuid_valid(at->id))
		return true;
	*at = (struct place){ 0 };
	return false;
}

static struct place place_of(struct http_request *rq)
{
	struct place at = { 0 };

	if (!read_place(&at, http_query(rq, "after")))
		at.backwards = read_place(&at, http_query(rq, "before"));
	return at;
}

static void add_edge(struct query *q, const void *arg)
{
	const struct place *at = arg;
	const char *way = at->backwards ? " desc" : "";

	if (at->id.n) {
		query_with(q, at->backwards ? " and (g.rank < " : " and (g.rank > ", DB_S(at->rank));
		query_add(q, at->backwards ? "::integer or (t.sort_key, t.id) < ("
					   : "::integer or (t.sort_key, t.id) > (");
		query_with(q, "", DB_S(at->key));
		query_with(q, "::double precision, ", DB_S(at->id));
		query_add(q, "::uuid))");
	}
	query_add(q, " order by t.sort_key");
	query_add(q, way);
	query_add(q, ", t.id");
	query_add(q, way);
	query_with(q, " limit ", DB_I(LIST_ROWS + 1));
	query_add(q, "::integer");
}

/* ---- rows --------------------------------------------------------------------- */

/* What stands over a row: the group that it is in. */
static const char heads[] =
	" select r.*, f.rank, f.rank || '|' || r.sort_key || '|' || r.id as place, f.total,"
	" case $1 when 'status' then r.status_key when 'priority' then r.priority_key"
	"	when 'assignee' then coalesce(r.assignee_id::text, 'nobody')"
	"	when 'due' then case when not r.is_open then 'done' when r.due_day is null then 'none'"
	"		else r.due_day::text end"
	"	else case when not r.is_open then 'done' when r.due_date is null then 'none'"
	"		when r.is_overdue then 'overdue' when r.is_today then 'today'"
	"		else 'upcoming' end end as head";

static int add_rows(struct http_request *rq, struct db_batch *b, const struct grouping *g)
{
	struct place at = place_of(rq);
	const char *way = at.backwards ? " desc" : "";
	struct tasks_source rows = { "g.rank, t.id, t.sort_key", g->column, add_edge, &at };
	struct query q;

	query_init(&q, rq->arena);
	/* $1 of `heads`; a bare parameter has no type of its own. */
	q.values[q.n++] = DB_C(g->name);
	tasks_hits(&q, rq);
	query_add(&q, ", g as (");
	query_add(&q, g->values);
	query_add(&q, "), found as (select x.* from g cross join lateral (");
	tasks_source(&q, rq, &rows);
	query_add(&q, ") x where true");
	if (at.id.n) {
		query_with(&q, at.backwards ? " and g.rank <= " : " and g.rank >= ", DB_S(at.rank));
		query_add(&q, "::integer");
	}
	query_add(&q, " order by x.rank");
	query_add(&q, way);
	query_add(&q, ", x.sort_key");
	query_add(&q, way);
	query_add(&q, ", x.id");
	query_add(&q, way);
	query_with(&q, " limit ", DB_I(LIST_ROWS + 1));
	query_add(&q, "::integer), page as (select f.*, row_number() over (order by f.rank");
	query_add(&q, way);
	query_add(&q, ", f.sort_key");
	query_add(&q, way);
	query_add(&q, ", f.id");
	query_add(&q, way);
	query_add(&q, ") as rn, count(*) over () as total from found f), rows as materialized"
		      " (select r.* from app.task_rows r where r.organization_id = (select auth.org())"
		      " and r.id = any (array(select f.id from page f where f.rn <= 50))), shown as (");
	query_add(&q, heads);
	query_add(&q, " from page f join rows r on r.id = f.id where f.rn <= 50)"
		      " select s.*, s.head = 'overdue' as head_overdue, s.head = 'today' as head_today,"
		      " s.head = 'upcoming' as head_upcoming, s.head = 'none' as head_none,"
		      " s.head = 'done' as head_done,"
		      " s.head is distinct from lag(s.head) over w as head_first,"
		      " row_number() over w = 1 as very_first"
		      " from shown s window w as (order by s.rank, s.sort_key, s.id)"
		      " order by s.rank, s.sort_key, s.id");
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	static const struct tasks_source all = { "", "", NULL, NULL };
	struct query q;

	query_init(&q, rq->arena);
	tasks_hits(&q, rq);
	query_add(&q, " select count(*) as n from (select from (");
	tasks_source(&q, rq, &all);
	query_with(&q, ") y limit ", DB_I(LIST_COUNTED + 1));
	query_add(&q, "::integer) x");
	return query_run(&q, b);
}

static void add(struct http_request *rq, struct db_batch *b, int *stmts)
{
	const struct grouping *g = grouping_of(rq);

	stmts[0] = add_rows(rq, b, g);
	stmts[1] = add_count(rq, b);
}

/* ---- showing ------------------------------------------------------------------- */

static struct sv page_link(struct http_request *rq, struct sv query, const char *way,
			   const struct db_batch *b, int rows, size_t row)
{
	buf_auto struct buf link = BUF_INIT;

	buf_addf(&link, "/tasks?%.*s%s=", SV_ARG(query), way);
	buf_url(&link, db_named(b, rows, row, "place"));
	return arena_sv(rq->arena, buf_sv(&link));
}

static struct sv kept_query(struct http_request *rq)
{
	buf_auto struct buf out = BUF_INIT;

	for (const char *const *name = task_filters; *name; name++) {
		struct sv value = http_query(rq, *name);

		if (!value.n)
			continue;
		buf_addf(&out, "%s=", *name);
		buf_url(&out, value);
		buf_addc(&out, '&');
	}
	if (http_query(rq, "group").n) {
		buf_lit(&out, "group=");
		buf_url(&out, http_query(rq, "group"));
		buf_addc(&out, '&');
	}
	return arena_sv(rq->arena, buf_sv(&out));
}

static void show_links(struct http_request *rq, struct tmpl_value *list, const struct db_batch *b,
		       int rows)
{
	struct sv query = kept_query(rq);
	struct place at = place_of(rq);
	size_t n = db_rows(b, rows);
	int64_t total = 0;
	bool beyond;

	if (!n)
		return;
	sv_to_i64(db_first(b, rows, "total"), &total);
	beyond = total > LIST_ROWS;
	if (at.backwards ? beyond : at.id.n > 0)
		tmpl_set_text(list, "previous", page_link(rq, query, "before", b, rows, 0));
	if (at.backwards || beyond)
		tmpl_set_text(list, "next", page_link(rq, query, "after", b, rows, n - 1));
}

static void show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		 const int *stmts)
{
	struct tmpl_value *list = tmpl_set_map(page, "list");
	struct tmpl_value *by = tmpl_set_map(page, "by");
	int64_t total = 0;

	web_set_rows(page, "rows", b, stmts[0]);
	show_links(rq, list, b, stmts[0]);
	sv_to_i64(db_first(b, stmts[1], "n"), &total);
	tmpl_set_bool(list, "empty", !db_rows(b, stmts[0]));
	tmpl_set_bool(list, "counted", total <= LIST_COUNTED);
	tmpl_set_int(list, "total", total);
	tmpl_set_bool(by, *grouping_of(rq)->name ? grouping_of(rq)->name : "time", true);
}

const struct tasks_view tasks_list_view = { "list", "app/tasks_list", add, show };

/* ---- CSV ------------------------------------------------------------------------ */

#define EXPORT_MAX 50000

static void add_order(struct query *q, const void *arg)
{
	(void)arg;
	query_with(q, " order by t.sort_key, t.id limit ", DB_I(EXPORT_MAX));
	query_add(q, "::integer");
}

/* Quoted; what a spreadsheet would take for a formula begins with an apostrophe. */
static void add_cell(struct buf *out, struct sv value, bool last)
{
	buf_addc(out, '"');
	if (value.n && memchr("=+-@\t\r", value.p[0], 6))
		buf_addc(out, '\'');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, value.p[i]);
	}
	buf_lit(out, "\"");
	buf_add(out, last ? SV("\r\n") : SV(","));
}

enum status tasks_export(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct tasks_source ids = { "t.id, t.sort_key", "", add_order, NULL };
	struct db_batch *b = web_batch(rq);
	struct query q;
	int rows;

	query_init(&q, rq->arena);
	tasks_hits(&q, rq);
	query_add(&q, ", found as materialized (");
	tasks_source(&q, rq, &ids);
	query_add(&q, ") select r.title, r.status, r.priority, r.due_iso as due_date, r.assignee, r.team,"
		      " case when r.has_contact then r.contact end as contact, r.company, r.deal,"
		      " array_to_string(r.tags, ', ') as tags, t.description,"
		      " to_char(t.completed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as completed_at,"
		      " to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as created_at"
		      " from found f join tasks t on t.id = f.id and t.organization_id = (select auth.org())"
		      " join app.task_rows r on r.organization_id = (select auth.org()) and r.id = t.id"
		      "	and r.id = any (array(select id from found))"
		      " order by f.sort_key, f.id");
	rows = query_run(&q, b);
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "text/csv; charset=utf-8");
	http_set_header(rs, "Content-Disposition", SV("attachment; filename=\"tasks.csv\""));
	for (size_t i = 0; i < db_cols(b, rows); i++)
		add_cell(&rs->body, db_col_name(b, rows, i), i + 1 == db_cols(b, rows));
	for (size_t r = 0; r < db_rows(b, rows); r++)
		for (size_t i = 0; i < db_cols(b, rows); i++)
			add_cell(&rs->body, db_get(b, rows, r, i), i + 1 == db_cols(b, rows));
	return ST_OK;
}
