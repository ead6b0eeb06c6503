/* What supervisors and monitors ask. */
#include "fcgi/api/routes.h"
#include "http/metrics.h"

enum status health_live(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rq;
	(void)e;
	http_content_type(rs, "text/plain; charset=utf-8");
	buf_lit(&rs->body, "ok\n");
	return ST_OK;
}

/* The database answers, and it is ours. */
enum status health_ready(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	int found;

	db_as_self(b);
	found = db_add(b, "select to_regclass('public.organizations') is not null"
			  " and to_regprocedure('auth.begin_session(text)') is not null");
	if (db_run(b, e))
		return err_set(e, rq->arena, ST_UNAVAILABLE, "The database does not answer");
	if (!sv_eq(db_get(b, found, 0, 0), SV("t"))) {
		err_set(e, rq->arena, ST_UNAVAILABLE, "The database has no tables yet");
		e->hint = SV("Run: kontor migrate");
		return e->status;
	}
	http_content_type(rs, "text/plain; charset=utf-8");
	buf_lit(&rs->body, "ready\n");
	return ST_OK;
}

/* nginx lets only the machine itself ask for this. */
enum status health_metrics(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rq;
	(void)e;
	http_content_type(rs, "text/plain; version=0.0.4; charset=utf-8");
	metrics_text(&rs->body);
	return ST_OK;
}
