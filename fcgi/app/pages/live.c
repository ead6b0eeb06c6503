/*
 * /live: the event stream of a signed-in tab.
 *
 * The session is judged here, once; nginx then holds the stream of the
 * tenant's channel, and no process of ours waits. The second one has what is true
 * only now: who looks at what, who writes.
 */
#include "fcgi/app/routes.h"

enum status live_stream(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s = db_add(b, "select auth.org() as id");

	if (db_run(b, e))
		return e->status;
	struct sv user = db_first(b, s, "id");
	http_set_header(rs, "X-Accel-Redirect",
			sv_from(arena_printf(rq->arena, "/-/live/%.*s,%.*s-now", SV_ARG(user), SV_ARG(user))));
	return ST_OK;
}
