/* /auth/v1/user, logout, health: what a token is good for, and its end. */
#include "fcgi/api/routes.h"

enum status auth_user(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int user = db_add(b, "select auth.me()");

	if (db_run(b, e) == ST_FORBIDDEN) /* the public key is nobody's */
		return err_set(e, rq->arena, ST_UNAUTHENTICATED, "Send a user's access token");
	if (e->status)
		return e->status;
	if (!sv_present(db_get(b, user, 0, 0)))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This token belongs to no user");
	http_content_type(rs, "application/json; charset=utf-8");
	db_json_value(&rs->body, b, user, 0, 0);
	return ST_OK;
}

enum status auth_logout(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select auth.session_end()");
	if (db_run(b, e) == ST_FORBIDDEN)
		return err_set(e, rq->arena, ST_UNAUTHENTICATED, "Send a user's access token");
	rs->status = 204;
	return e->status;
}

enum status auth_health(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rq;
	(void)e;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{\"name\":\"Kontor\",\"version\":\"" PACKAGE_VERSION
			   "\",\"description\":\"Sign-in for the API\"}");
	return ST_OK;
}
