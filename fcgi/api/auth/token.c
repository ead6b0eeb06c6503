/*
 * POST /auth/v1/token: a password, a refresh token or a code for a session.
 *
 * The access token is a JWT of an hour that names its session: it ends with
 * the session, not only with the hour.
 */
#include "fcgi/api/auth/auth.h"

#include "crypto/crypto.h"
#include "http/metrics.h"

/* ---- grant_type=password ------------------------------------------------------- */

/* The same answer, after the same time, for an unknown address. */
static enum status refused(struct http_request *rq, struct sv user_id, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);

	metrics_add(METRIC_LOGIN_FAILED, 1);
	if (user_id.n) {
		db_add(b, "select auth.login_failed($1)", DB_S(user_id));
		if (db_run(b, e))
			return e->status;
	}
	return auth_refuse(rq, SV("invalid_credentials"), 0, e);
}

enum status auth_check_password(struct http_request *rq, const json_t *body, struct sv *user_id,
				struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv email = sv_trim(auth_text(body, "email"));
	struct sv password = auth_text(body, "password");
	int64_t seconds = 0;
	int found;

	if (!email.n || !password.n) {
		err_set(e, rq->arena, ST_BAD_INPUT, "email and password are required");
		e->code = SV("validation_failed");
		return e->status;
	}
	found = db_add(b,
		       "select user_id, password_hash, locked_seconds from auth.login_lookup($1)",
		       DB_S(email));
	if (db_run(b, e))
		return e->status;
	sv_to_i64(db_first(b, found, "locked_seconds"), &seconds);
	if (seconds > 0) /* AUTH-12 */
		return auth_refuse(rq, SV("locked"), seconds, e);
	*user_id = db_first(b, found, "user_id");
	if (!crypto_password_check(db_first(b, found, "password_hash"), password))
		return refused(rq, *user_id, e);
	return ST_OK;
}

static enum status password_grant(struct http_request *rq, struct http_response *rs, json_t *body,
				  struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv refresh = crypto_token_new(rq->arena, ""), user_id;
	int made;

	if (auth_check_password(rq, body, &user_id, e))
		return e->status;
	web_bind_site(rq, b);
	made = db_add(b,
		      "select * from auth.login_session($1, $2, $3, $4,"
		      " make_interval(secs => $5), $6)",
		      DB_S(user_id), DB_S(crypto_token_hash(rq->arena, refresh)),
		      DB_S(rq->user_agent), DB_S(rq->remote_addr), DB_I(REFRESH_SECONDS),
		      DB_I(ACCESS_SECONDS));
	if (db_run(b, e))
		return e->status;
	metrics_add(METRIC_LOGIN_OK, 1);
	return auth_answer(rq, rs, b, made, refresh, e);
}

/* ---- grant_type=refresh_token (AUTH-14) ------------------------------------------ */

static enum status refresh_grant(struct http_request *rq, struct http_response *rs, json_t *body,
				 struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv old = auth_text(body, "refresh_token");
	struct sv new = crypto_token_new(rq->arena, "");
	int made;

	if (!old.n) {
		err_set(e, rq->arena, ST_BAD_INPUT, "refresh_token required");
		e->code = SV("validation_failed");
		return e->status;
	}
	made = db_add(b, "select * from auth.session_refresh($1, $2, make_interval(secs => $3))",
		      DB_S(crypto_token_hash(rq->arena, old)),
		      DB_S(crypto_token_hash(rq->arena, new)), DB_I(REFRESH_SECONDS));
	if (db_run(b, e))
		return e->status;
	return auth_answer(rq, rs, b, made, new, e);
}

/* ---- grant_type=pkce --------------------------------------------------------------- */

static struct sv challenge_of(struct arena *a, struct sv verifier)
{
	unsigned char hash[SHA256_SIZE];

	crypto_sha256(hash, verifier);
	return crypto_base64url(a, sv_make((const char *)hash, sizeof(hash)));
}

static enum status pkce_grant(struct http_request *rq, struct http_response *rs, json_t *body,
			      struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv code = auth_text(body, "auth_code"), verifier = auth_text(body, "code_verifier");
	struct sv refresh = crypto_token_new(rq->arena, "");
	int made;

	if (!code.n || !verifier.n) {
		err_set(e, rq->arena, ST_BAD_INPUT,
			"invalid request: both auth code and code verifier should be non-empty");
		e->code = SV("validation_failed");
		return e->status;
	}
	web_bind_site(rq, b);
	made = db_add(b,
		      "select * from auth.exchange_code($1, $2, $3, $4, $5, $6,"
		      " make_interval(secs => $7))",
		      DB_S(crypto_token_hash(rq->arena, code)), DB_S(verifier),
		      DB_S(challenge_of(rq->arena, verifier)),
		      DB_S(crypto_token_hash(rq->arena, refresh)), DB_S(rq->user_agent),
		      DB_S(rq->remote_addr), DB_I(REFRESH_SECONDS));
	if (db_run(b, e))
		return e->status;
	return auth_answer(rq, rs, b, made, refresh, e);
}

/* ---- the endpoint ----------------------------------------------------------------- */

enum status auth_token(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv grant = http_query(rq, "grant_type");
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	if (sv_eq(grant, SV("password")))
		return password_grant(rq, rs, body, e);
	if (sv_eq(grant, SV("refresh_token")))
		return refresh_grant(rq, rs, body, e);
	if (sv_eq(grant, SV("pkce")))
		return pkce_grant(rq, rs, body, e);
	err_set(e, rq->arena, ST_BAD_INPUT, "unsupported_grant_type");
	e->code = SV("validation_failed");
	e->hint = SV("grant_type is password, refresh_token or pkce");
	return e->status;
}
