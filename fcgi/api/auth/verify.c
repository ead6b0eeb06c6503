/*
 * /auth/v1/verify: the link of a mail was clicked (GET, answered by a redirect),
 * or its code or token was given to a client (POST, answered by a session).
 */
#include "fcgi/api/auth/auth.h"

#include "crypto/crypto.h"

static void field(struct buf *b, const char *key, struct sv value)
{
	buf_json_key(b, key);
	buf_json(b, value);
}

static int add_verify(struct http_request *rq, struct db_batch *b, struct sv type,
		      struct sv credential, struct sv refresh)
{
	web_bind_site(rq, b);
	return db_add(b,
		      "select * from auth.verify_token($1, $2, $3, $4, $5,"
		      " make_interval(secs => $6))",
		      DB_S(type), DB_S(credential), DB_S(crypto_token_hash(rq->arena, refresh)),
		      DB_S(rq->user_agent), DB_S(rq->remote_addr), DB_I(REFRESH_SECONDS));
}

/* ---- POST ----------------------------------------------------------------------- */

static enum status credential_of(struct http_request *rq, const json_t *body, struct buf *out,
				 struct err *e)
{
	struct sv token = auth_text(body, "token"), hash = auth_text(body, "token_hash"), email;

	if ((token.n > 0) == (hash.n > 0)) {
		err_set(e, rq->arena, ST_BAD_INPUT,
			"Verify requires either a token or a token hash");
		e->code = SV("validation_failed");
		return e->status;
	}
	buf_addc(out, '{');
	if (hash.n) {
		field(out, "token", crypto_token_hash(rq->arena, hash));
	} else {
		if (auth_email(rq, body, &email, e))
			return e->status;
		field(out, "email", email);
		field(out, "code", token);
	}
	buf_addc(out, '}');
	return ST_OK;
}

enum status auth_verify(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv refresh = crypto_token_new(rq->arena, ""), type;
	buf_auto struct buf credential = BUF_INIT;
	json_t *body;
	int made;

	if (http_json(rq, &body, e) || credential_of(rq, body, &credential, e))
		return e->status;
	type = auth_text(body, "type");
	made = add_verify(rq, b, type.n ? type : SV("email"), buf_sv(&credential), refresh);
	if (db_run(b, e))
		return e->status;
	return auth_answer(rq, rs, b, made, refresh, e);
}

/* ---- GET ------------------------------------------------------------------------- */

static enum status sent_away(struct http_request *rq, struct http_response *rs, struct sv to,
			     const struct err *e)
{
	bool old = sv_eq(e->code, SV("otp_expired")); /* AUTH-28 */

	auth_redirect_error(rq, rs, to, e->code.n ? e->code : SV("user_banned"),
			    old ? SV("Email link is invalid or has expired") : err_message(e));
	return ST_OK;
}

enum status auth_verify_link(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv refresh = crypto_token_new(rq->arena, ""), code = crypto_token_new(rq->arena, "");
	struct sv token = http_query(rq, "token"), type = http_query(rq, "type");
	struct sv home = auth_redirect(rq, NULL), to;
	buf_auto struct buf credential = BUF_INIT;
	struct auth_session s;
	int made;

	if (!token.n)
		token = http_query(rq, "token_hash");
	if (!token.n || !type.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Verify requires a token and a type");
	buf_addc(&credential, '{');
	field(&credential, "token", crypto_token_hash(rq->arena, token));
	field(&credential, "flow", crypto_token_hash(rq->arena, code));
	buf_addc(&credential, '}');
	made = add_verify(rq, b, type, buf_sv(&credential), refresh);
	if (db_run(b, e) && e->status != ST_FORBIDDEN)
		return e->status;
	to = db_first(b, made, "redirect_to");
	to = redirect_or_home(rq->arena, to.n ? to : home);
	if (e->status || auth_judge(rq, b, made, e))
		return sent_away(rq, rs, to, e);
	if (sv_eq(db_first(b, made, "outcome"), SV("code"))) {
		auth_redirect_code(rq, rs, to, code);
		return ST_OK;
	}
	auth_session_read(rq, b, made, refresh, &s);
	auth_redirect_session(rq, rs, to, &s, type);
	return ST_OK;
}
