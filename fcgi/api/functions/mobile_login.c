/*
 * POST /functions/v1/mobile-api/login: a password for a session whose access
 * tokens live thirty days (AUTH-13). Who may not come in gets 403 (AUTH-18).
 */
#include "fcgi/api/auth/auth.h"

#include "crypto/crypto.h"

static void answer(struct http_response *rs, const struct auth_session *s)
{
	struct buf *b = &rs->body;

	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(b, "{\"access_token\":");
	buf_json(b, s->access_token);
	buf_lit(b, ",\"refresh_token\":");
	buf_json(b, s->refresh_token);
	buf_addf(b, ",\"expires_in\":%lld,\"user\":", (long long)s->expires_in);
	buf_add(b, s->profile);
	buf_addc(b, '}');
}

/* The documented 401 in place of GoTrue's 400. */
static enum status refused(struct http_request *rq, struct err *e)
{
	if (!sv_eq(e->code, SV("invalid_credentials")))
		return e->status;
	*e = (struct err){ 0 };
	return err_set(e, rq->arena, ST_UNAUTHENTICATED, "Invalid credentials");
}

static enum status barred(struct err *e)
{
	if (sv_eq(e->code, SV("email_not_confirmed")))
		e->status = ST_FORBIDDEN;
	return e->status;
}

enum status mobile_login(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv refresh = crypto_token_new(rq->arena, ""), user_id;
	struct auth_session s;
	json_t *body;
	int made;

	if (http_json(rq, &body, e))
		return e->status;
	if (auth_check_password(rq, body, &user_id, e))
		return refused(rq, e);
	web_bind_site(rq, b);
	made = db_add(b,
		      "select * from auth.login_session($1, $2, $3, $4,"
		      " make_interval(secs => $5), $6)",
		      DB_S(user_id), DB_S(crypto_token_hash(rq->arena, refresh)),
		      DB_S(rq->user_agent), DB_S(rq->remote_addr), DB_I(2 * MOBILE_SECONDS),
		      DB_I(MOBILE_SECONDS));
	if (db_run(b, e))
		return e->status;
	if (auth_judge(rq, b, made, e))
		return barred(e);
	auth_session_read(rq, b, made, refresh, &s);
	answer(rs, &s);
	return ST_OK;
}
