/* /tasks/my-day: what I have to do now; /tasks/queue: what waits for somebody. */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define MOST "100"
#define MINE                                                                                    \
	"select r.* from app.task_rows r where r.organization_id = (select auth.org())"         \
	" and r.id = any (array(select t.id from tasks t where t.assignee_id = (select auth.uid())"
#define IN_ORDER " order by t.sort_key, t.id limit " MOST ")) order by r.sort_key, r.id"

/* The end of the day so many days from today, as a sort key. */
#define END_OF(days)                                                                            \
	"extract(epoch from (app.task_due('" days "', null) + interval '1 minute'))::double precision"

static void show_list(struct tmpl_value *page, const char *key, const struct db_batch *b, int stmt)
{
	struct tmpl_value *list = tmpl_set_map(page, key);

	web_set_rows(list, "rows", b, stmt);
	tmpl_set_int(list, "count", (int64_t)db_rows(b, stmt));
}

enum status tasks_my_day(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int late, today, tomorrow, some_day, done, team;
	struct tmpl_value *page;

	web_me(rq, b);
	late = db_add(b, MINE " and t.is_open and t.due_date < now() and t.sort_key <"
		      " extract(epoch from now())::double precision" IN_ORDER);
	today = db_add(b, MINE " and t.is_open and t.due_date >= now() and t.sort_key < " END_OF("today") IN_ORDER);
	tomorrow = db_add(b, MINE " and t.is_open and t.sort_key >= " END_OF("today")
			  " and t.sort_key < " END_OF("tomorrow") IN_ORDER);
	some_day = db_add(b, MINE " and t.is_open and t.due_date is null and t.sort_key = 1e11" IN_ORDER);
	done = db_add(b,
		"select count(*) as n, internal.shown_date((now() at time zone (select app.task_zone()))::date,"
		" (select app.task_zone())) as day, extract(isodow from now() at time zone"
		" (select app.task_zone()))::integer as weekday"
		" from tasks t where t.assignee_id = (select auth.uid()) and t.status = 'Complete'"
		" and t.completed_at >= app.task_due('+0', null) - interval '1 day' + interval '1 minute'");
	team = team_add(b, SV_NONE);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	show_list(page, "late", b, late);
	show_list(page, "today", b, today);
	show_list(page, "tomorrow", b, tomorrow);
	show_list(page, "some_day", b, some_day);
	web_set_row(page, "done", b, done, 0);
	web_set_rows(page, "team", b, team);
	tmpl_set_bool(page, "nothing", !db_rows(b, late) && !db_rows(b, today));
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	tmpl_set_bool(tmpl_set_map(page, "view"), "day", true);
	return web_render(rq, rs, wants_fragment(rq) ? "app/tasks_day_lists" : "app/tasks_day", page, e);
}

/* Queues of my teams first; those who see all tasks see all queues (GAT-25). */
enum status tasks_queue(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows, team;

	web_me(rq, b);
	rows = db_add(b,
		"with found as materialized (select t.id, t.team_id, t.sort_key from tasks t where t.assignee_id is null"
		"	and t.team_id is not null and t.is_open order by t.sort_key, t.id limit 200)"
		" select r.*, r.team_id = any ((select auth.queue_ids())::uuid[]) as is_ours,"
		" r.team_id is distinct from lag(r.team_id) over w as team_first,"
		" row_number() over w = 1 as very_first"
		" from found f join app.task_rows r on r.organization_id = (select auth.org()) and r.id = f.id"
		"	and r.id = any (array(select id from found))"
		" window w as (order by r.team_id = any ((select auth.queue_ids())::uuid[]) desc, lower(r.team), r.team_id,"
		"	r.sort_key, r.id)"
		" order by r.team_id = any ((select auth.queue_ids())::uuid[]) desc, lower(r.team), r.team_id, r.sort_key, r.id");
	team = team_add(b, SV_NONE);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	web_set_rows(page, "team", b, team);
	tmpl_set_bool(page, "empty", !db_rows(b, rows));
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	tmpl_set_bool(tmpl_set_map(page, "view"), "queue", true);
	return web_render(rq, rs, wants_fragment(rq) ? "app/tasks_queue_rows" : "app/tasks_queue", page, e);
}
