/*
 * /settings/webhooks/log: every attempt (WHK-63..65), and one of them whole;
 * the test button, its answer, and another delivery by hand (WHK-59, WHK-66).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define ADMINS "select internal.admins_only('webhooks')"

static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.created_at", "::timestamptz", true },
	{ 0 },
};
static const char *const kept[] = { "webhook", "status", "day", NULL };
static const struct list_kind log_entries = { "/settings/webhooks/log", sorts, kept };

static void filter(struct query *q, struct http_request *rq)
{
	struct sv webhook = http_query(rq, "webhook"), status = http_query(rq, "status");
	struct sv day = http_query(rq, "day");

	if (uuid_valid(webhook)) {
		query_with(q, " and t.webhook_id = ", DB_S(webhook));
		query_add(q, "::uuid");
	}
	if (sv_eq(status, SV("success")) || sv_eq(status, SV("failure")))
		query_with(q, " and t.status = ", DB_S(status));
	if (day.n == 10) {
		query_with(q, " and t.created_at >= ", DB_S(day));
		query_with(q, "::date::timestamp at time zone (select internal.my_zone()) and"
			" t.created_at < (",
			   DB_S(day));
		query_add(q, "::date + 1)::timestamp at time zone (select internal.my_zone())");
	}
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	query_add(&q, "t.* from webhook_logs t where true");
	filter(&q, l->rq);
	list_end(l, &q);
	query_add(&q, "select p.id, p.k::text as k, p.total, p.event_type, p.attempt,"
		" p.response_status, p.error_message,"
		      " p.duration_ms, p.status = 'success' as good, w.name as webhook,"
		      " internal.shown_time(p.created_at, (select internal.my_zone())) as shown"
		      " from page p"
		      " join webhook_configurations w on w.organization_id = p.organization_id"
		      " and w.id = p.webhook_id"
		      " where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from webhook_logs t where true");
	filter(&q, rq);
	list_count_end(&q);
	return query_run(&q, b);
}

enum status webhook_log_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct list l;
	int rows, count, hooks;

	web_me(rq, b);
	db_add(b, ADMINS);
	list_init(&l, rq, &log_entries);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	hooks = db_add(b,
		"select w.id, w.name, w.id::text = $1 as selected from webhook_configurations w"
		" order by lower(w.name) limit 200",
		DB_S(http_query(rq, "webhook")));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	web_set_rows(page, "hooks", b, hooks);
	tmpl_set_bool(page, "good_only", sv_eq(http_query(rq, "status"), SV("success")));
	tmpl_set_bool(page, "bad_only", sv_eq(http_query(rq, "status"), SV("failure")));
	return web_render(rq, rs, wants_fragment(rq) ? "app/webhook_log_rows" : "app/webhook_log",
			  page, e);
}

enum status webhook_log_entry(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int row;

	if (path_id(rq, "entry", &id, e))
		return e->status;
	web_me(rq, b);
	db_add(b, ADMINS);
	row = db_add(b,
		"select l.id, l.event_type, l.event_id, l.attempt, l.payload, l.response_status,"
		" l.response_body, l.error_message,"
		" l.duration_ms, l.status = 'success' as good, l.delivery_id, w.name as webhook,"
		" w.url, w.id as webhook_id,"
		" d.state as delivery_state, d.attempts, internal.shown_time(d.next_attempt_at,"
		" (select internal.my_zone())) as next,"
		" to_char(l.created_at at time zone (select internal.my_zone()), 'FMDD Mon YYYY,"
		" HH24:MI:SS') as shown"
		" from webhook_logs l"
		" join webhook_configurations w on w.organization_id = l.organization_id and"
		" w.id = l.webhook_id"
		" left join webhook_deliveries d on d.organization_id = l.organization_id and"
		" d.id = l.delivery_id"
		" where l.id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This log entry does not exist any"
			" more");
	page = web_page(rq, b);
	web_set_row(page, "entry", b, row, 0);
	return web_render(rq, rs, "app/webhook_log_entry", page, e);
}

/* ---- test and retry ----------------------------------------------------------- */

/* The answer asks for itself until the worker has tried: a second apart, and
 * not for ever. */
#define TRIES 15

static enum status show_test(struct http_request *rq, struct http_response *rs,
			     const struct db_batch *b, struct sv delivery, int row, int64_t tries,
			     struct err *e)
{
	struct tmpl_value *page = web_page(rq, b);

	tmpl_set_text(page, "delivery", delivery);
	tmpl_set_bool(page, "waiting", row < 0 || !db_rows(b, row));
	tmpl_set_bool(page, "given_up", tries >= TRIES);
	tmpl_set_int(page, "tries", tries + 1);
	if (row >= 0)
		web_set_row(page, "result", b, row, 0);
	return web_render(rq, rs, "app/webhook_test", page, e);
}

enum status webhook_test(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int test;

	if (path_id(rq, "webhook", &id, e))
		return e->status;
	test = db_add(b, "select public.webhook_test($1::uuid) as delivery", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return redirect_to(rq, rs, "/settings/webhooks/log?webhook=", id, "");
	return show_test(rq, rs, b, db_first(b, test, "delivery"), -1, 0, e);
}

enum status webhook_test_result(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int64_t tries = 0;
	int row;

	if (path_id(rq, "delivery", &id, e))
		return e->status;
	sv_to_i64(http_query(rq, "tries"), &tries);
	db_add(b, ADMINS);
	must_exist(b, "webhook_deliveries", id);
	row = db_add(b,
		"select l.id, l.response_status, l.error_message, l.duration_ms, l.status ="
		" 'success' as good from webhook_logs l"
		" where l.delivery_id = $1::uuid order by l.created_at limit 1", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return show_test(rq, rs, b, id, row, tries, e);
}

enum status webhook_again(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "delivery", &id, e))
		return e->status;
	db_add(b, "select public.webhook_retry($1::uuid)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/webhooks/log?done=again"));
}
