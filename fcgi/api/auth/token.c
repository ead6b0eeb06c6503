/*
 * POST /auth/v1/token: a password or a refresh token for an access token.
 *
 * The access token is a JWT of an hour that names its session: it ends with
 * the session, not only with the hour.
 */
#include "fcgi/api/routes.h"

#include "base/clock.h"
#include "crypto/crypto.h"

#define ACCESS_SECONDS 3600 /* AUTH-13 */
#define REFRESH_SECONDS (30 * 24 * 60 * 60)

/* A session that was opened or renewed. */
struct auth_session {
	struct sv user_id, session_id, organization_id, app_role, email, refresh_token;
};

static void claim(struct buf *b, const char *key, struct sv value)
{
	buf_json_key(b, key);
	buf_json(b, value);
}

static struct sv access_token(struct arena *a, const struct auth_session *s, int64_t now)
{
	struct buf b buf_auto = BUF_INIT;

	buf_addc(&b, '{');
	claim(&b, "sub", s->user_id);
	claim(&b, "organization_id", s->organization_id);
	claim(&b, "role", SV("authenticated"));
	claim(&b, "aud", SV("authenticated"));
	claim(&b, "app_role", s->app_role);
	claim(&b, "session_id", s->session_id);
	claim(&b, "email", s->email);
	buf_addf(&b, ",\"iat\":%lld,\"exp\":%lld}", (long long)now,
		 (long long)(now + ACCESS_SECONDS));
	return crypto_jwt_sign(a, buf_sv(&b));
}

/* {"access_token","token_type","expires_in","expires_at","refresh_token","user"} */
static enum status answer(struct http_request *rq, struct http_response *rs,
			  const struct auth_session *s, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	int64_t now = clock_now_ms() / 1000;
	int user;

	db_as_self(b);
	user = db_add(b, "select auth.user_json($1, $2)", DB_S(s->user_id),
		      DB_S(s->organization_id));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_addc(&rs->body, '{');
	claim(&rs->body, "access_token", access_token(rq->arena, s, now));
	claim(&rs->body, "token_type", SV("bearer"));
	buf_addf(&rs->body, ",\"expires_in\":%d,\"expires_at\":%lld", ACCESS_SECONDS,
		 (long long)(now + ACCESS_SECONDS));
	claim(&rs->body, "refresh_token", s->refresh_token);
	buf_lit(&rs->body, ",\"user\":");
	db_json_value(&rs->body, b, user, 0, 0);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

static struct sv text_of(json_t *body, const char *key)
{
	json_t *v = json_object_get(body, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static void read_session(const struct db_batch *b, int stmt, struct auth_session *s)
{
	s->session_id = db_first(b, stmt, "session_id");
	s->organization_id = db_first(b, stmt, "organization_id");
	s->app_role = db_first(b, stmt, "app_role");
	s->email = db_first(b, stmt, "email");
}

/* ---- grant_type=refresh_token ----------------------------------------------- */

static enum status refresh(struct http_request *rq, struct http_response *rs, json_t *body,
			 struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct auth_session s = { .refresh_token = crypto_token_new(rq->arena, "") };
	struct sv old = text_of(body, "refresh_token");
	int found;

	if (!old.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "refresh_token is required");
	db_as_self(b);
	found = db_add(b, "select * from auth.session_refresh($1, $2, make_interval(secs => $3))",
		       DB_S(crypto_token_hash(rq->arena, old)),
		       DB_S(crypto_token_hash(rq->arena, s.refresh_token)), DB_I(REFRESH_SECONDS));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, found)) {
		err_set(e, rq->arena, ST_BAD_INPUT,
			"Invalid Refresh Token: it is unknown, used or expired");
		e->code = SV("refresh_token_not_found");
		e->hint = SV("Session expired: sign in again");
		return e->status;
	}
	s.user_id = db_first(b, found, "user_id");
	read_session(b, found, &s);
	return answer(rq, rs, &s, e);
}

/* ---- grant_type=password ------------------------------------------------------- */

static enum status locked(struct http_request *rq, int64_t seconds, struct err *e)
{
	err_set(e, rq->arena, ST_RATE_LIMITED,
		"This account is locked for %lld minutes after repeated failures",
		(long long)(seconds + 59) / 60);
	e->retry_after = (int)seconds;
	e->hint = SV("Wait, or reset the password");
	return e->status;
}

/* The same answer, after the same time, for an unknown address. */
static enum status refused(struct http_request *rq, struct sv user_id, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);

	if (user_id.n) {
		db_as_self(b);
		db_add(b, "select auth.login_failed($1)", DB_S(user_id));
		if (db_run(b, e))
			return e->status;
	}
	err_set(e, rq->arena, ST_BAD_INPUT, "Invalid login credentials");
	e->code = SV("invalid_credentials");
	return e->status;
}

static enum status open_session(struct http_request *rq, struct auth_session *s, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	int made;

	s->refresh_token = crypto_token_new(rq->arena, "");
	db_as_self(b);
	web_bind_site(rq, b);
	made = db_add(b,
		      "select * from auth.login_ok($1, $2, 'refresh', $3, $4,"
		      " make_interval(secs => $5))",
		      DB_S(s->user_id), DB_S(crypto_token_hash(rq->arena, s->refresh_token)),
		      DB_S(rq->user_agent), DB_S(rq->remote_addr), DB_I(REFRESH_SECONDS));
	if (db_run(b, e))
		return e->status;
	read_session(b, made, s);
	return ST_OK;
}

static enum status password_grant(struct http_request *rq, struct http_response *rs, json_t *body,
			  struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct sv email = text_of(body, "email"), password = text_of(body, "password");
	struct auth_session s = { 0 };
	int64_t seconds = 0;
	int found;

	if (!email.n || !password.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "email and password are required");
	db_as_self(b);
	found = db_add(b,
		       "select user_id, password_hash, locked_seconds from auth.login_lookup($1)",
		       DB_S(email));
	if (db_run(b, e))
		return e->status;
	sv_to_i64(db_first(b, found, "locked_seconds"), &seconds);
	if (seconds > 0)
		return locked(rq, seconds, e);
	s.user_id = db_first(b, found, "user_id");
	if (!crypto_password_check(db_first(b, found, "password_hash"), password))
		return refused(rq, s.user_id, e);
	if (open_session(rq, &s, e))
		return e->status;
	return answer(rq, rs, &s, e);
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
		return refresh(rq, rs, body, e);
	err_set(e, rq->arena, ST_BAD_INPUT, "unsupported_grant_type");
	e->hint = SV("grant_type is password or refresh_token");
	return e->status;
}
