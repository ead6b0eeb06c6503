/* /schedule/:username: the host and the event types that can be booked (SCH-73). */
#include "fcgi/booking/booking.h"

static const char profile_sql[] =
	"select s.*, case when avatar_url like '/%' then avatar_url end as avatar,"
	" upper(left(name, 1) || case when name like '% %' then left(split_part(name, ' ', -1), 1) "
	"else '' end) as initials,"
	" coalesce(theme_color, '#1f4fd8') as color"
	" from public_schedule($1) s";

enum status profile_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s = db_add(b, profile_sql, DB_S(http_param(rq, "username")));
	struct tmpl_value *page;
	bool any;

	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, s))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This booking page does not exist");
	page = web_page(rq, b);
	web_set_row(page, "host", b, s, 0);
	/* A host without event types is one row without a title. */
	any = db_first(b, s, "slug").n > 0;
	tmpl_set_bool(page, "has_events", any);
	if (any)
		web_set_rows(page, "events", b, s);
	tmpl_set_text(page, "username", http_param(rq, "username"));
	return web_render(rq, rs, "booking/profile", page, e);
}
