/*
 * /profile/notifications: in which browsers one wants to be told while no page is
 * open (web push; CHA-113..116, SET-11). Asking the browser is push.js's work.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

static const char browsers_sql[] =
	"select s.id, s.device, app.short_time(s.created_at, z.name) as since, app.short_time(s.used_at, z.name) as used"
	" from push_subscriptions s cross join (select app.zone() as name offset 0) z"
	" where s.user_id = auth.uid() order by coalesce(s.used_at, s.created_at) desc, s.id limit 20";

enum status push_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b, browsers_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "browsers", b, rows);
	tmpl_set_bool(page, "has_browsers", db_rows(b, rows) > 0);
	tmpl_set_text(page, "key", crypto_push_public(rq->arena));
	return web_render(rq, rs, "app/profile_notifications", page, e);
}

static enum status answer(struct http_response *rs)
{
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"success\":true}");
	return ST_OK;
}

/* For a browser that was allowed before: it subscribes by itself (AUTH-21). */
enum status push_key(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select auth.uid()");
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"key\":");
	buf_json(&rs->body, crypto_push_public(rq->arena));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

enum status push_subscribe(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select push_subscribe($1, $2, $3, $4)", DB_S(http_form(rq, "endpoint")),
	       DB_S(http_form(rq, "p256dh")), DB_S(http_form(rq, "auth")), DB_OPT(http_form(rq, "device")));
	return db_run(b, e) ? e->status : answer(rs);
}

enum status push_unsubscribe(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select push_unsubscribe($1)", DB_S(http_form(rq, "endpoint")));
	return db_run(b, e) ? e->status : answer(rs);
}

enum status push_test(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select push_test()");
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/profile/notifications?done=push_sent"));
}

enum status push_remove(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "browser", &id, e))
		return e->status;
	must_exist(b, "push_subscriptions", id);
	db_add(b, "delete from push_subscriptions where id = $1", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/profile/notifications?done=removed"));
}
