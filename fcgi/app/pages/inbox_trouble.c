/* /inbox/trouble: why a message may be missing (INB-119): each channel that the reader uses,
 * whether it is connected, when something last came in, its last error; for administrators the
 * address that its provider calls. Filters and the live connection the page knows itself. */
#include "fcgi/app/pages/settings_channels.h"

#include "fcgi/app/routes.h"

enum status inbox_trouble(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		      "select a.id, a.name, app.channel_label(a.type) as label, app.channel_icon(a.type) as icon, a.is_active,"
		      " a.connection_state = 'Connected' as is_connected, a.last_error,"
		      " internal.shown_time(a.last_in_at, z.name) as last_in, internal.shown_time(a.last_out_at, z.name) as last_out,"
		      " case when auth.is_admin() then $1::jsonb ->> a.type end as hook_url"
		      " from channel_accounts a cross join (select app.zone() as name offset 0) z"
		      " where a.deleted_at is null and a.type not in ('SMS', 'SHRINKIT_PUSH', 'BULK_EMAIL', 'BULK_EMAIL_SES')"
		      " order by a.is_active and a.connection_state = 'Connected' and a.last_error is null, lower(a.name), a.id limit 100",
		      DB_S(channel_hook_urls(rq->arena)));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "channels", b, rows);
	return web_render(rq, rs, "app/inbox/trouble", page, e);
}
