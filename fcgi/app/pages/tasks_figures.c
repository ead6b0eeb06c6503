/* /tasks/analytics: completion, overdue work and the team's weeks (TSK-44..49). */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

static const char *const ranges[] = { "7", "30", "90", "365", NULL };

static int64_t range_of(struct http_request *rq)
{
	int64_t days;

	for (const char *const *r = ranges; *r; r++)
		if (sv_eq(http_query(rq, "days"), sv_from(*r)) && sv_to_i64(sv_from(*r), &days))
			return days;
	return 30;
}

/* One week is a stack of members; a bar's parts are in thousandths of the most
 * that any week has. */
static const char weeks_sql[] =
	"with f as materialized (select (task_analytics($1::integer)) as a),"
	" w as (select (x ->> 'week')::date as week, (x ->> 'assignee_id')::uuid as who, (x ->> 'done')::integer as done"
	"	from f, jsonb_array_elements(f.a -> 'weeks') x),"
	" sums as (select w.week, sum(w.done)::integer as total from w group by 1),"
	" most as (select greatest(max(total), 1) as n from sums)"
	" select f.a, internal.shown_date((f.a ->> 'since')::date) as since_shown,"
	"	internal.shown_date((f.a ->> 'until')::date) as until_shown,"
	" (select jsonb_agg(jsonb_build_object('week', internal.shown_date(s.week), 'total', s.total,"
	"	'height', 1000 * s.total / m.n, 'y', 1000 - 1000 * s.total / m.n,"
	"	'x', 100 * (s.place - 1) + 10, 'middle', 100 * (s.place - 1) + 50,"
	"	'people', (select jsonb_agg(jsonb_build_object('name', internal.person(p.first_name, p.last_name, p.email),"
	"		'nobody', p.id is null, 'done', w.done) order by w.done desc)"
	"		from w left join profiles p on p.id = w.who where w.week = s.week)) order by s.week)"
	"	from (select s.*, row_number() over (order by s.week) as place from sums s) s, most m) as weeks,"
	" (select greatest(count(*), 1) * 100 from sums) as width, exists (select from w) as has_weeks,"
	" (select jsonb_agg(jsonb_build_object('n', n::text::integer, 'span', i, 'is_day', i = 1, 'is_week', i = 2,"
	"	'is_month', i = 3, 'is_more', i = 4, 'percent', round(100.0 * n::text::numeric"
	"	/ greatest((f.a #>> '{overdue,count}')::numeric, 1))) order by i)"
	"	from jsonb_array_elements(f.a #> '{overdue,spans}') with ordinality e (n, i)) as spans"
	" from f";

enum status tasks_analytics(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int64_t days = range_of(rq);
	int figures, series, late;
	struct tmpl_value *page, *list;

	web_me(rq, b);
	figures = db_add(b, weeks_sql, DB_I(days));
	series = db_add(b, "select * from task_series(20)");
	late = db_add(b,
		"with f as materialized (select t.id, t.sort_key from tasks t where t.is_open and t.due_date < now()"
		"	and t.sort_key < extract(epoch from now())::double precision order by t.sort_key, t.id limit 20)"
		" select r.*, extract(epoch from now() - r.due_date)::bigint / 86400 as days_late from app.task_rows r"
		" where r.organization_id = (select auth.org()) and r.id = any (array(select id from f))"
		" order by r.sort_key, r.id");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "figures", b, figures, 0);
	web_set_rows(page, "series", b, series);
	tmpl_set_bool(page, "has_series", db_rows(b, series) > 0);
	web_set_rows(page, "late", b, late);
	tmpl_set_bool(page, "has_late", db_rows(b, late) > 0);
	list = tmpl_set_list(page, "ranges");
	for (const char *const *r = ranges; *r; r++) {
		struct tmpl_value *one = tmpl_push_map(list);
		int64_t n = 0;

		sv_to_i64(sv_from(*r), &n);
		tmpl_set_int(one, "days", n);
		tmpl_set_bool(one, "selected", n == days);
	}
	tmpl_set_bool(tmpl_set_map(page, "view"), "analytics", true);
	return web_render(rq, rs, "app/tasks_analytics", page, e);
}
