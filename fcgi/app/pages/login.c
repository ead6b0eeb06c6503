/*
 * /login and /logout.
 *
 * The password is checked here (argon2id); the database keeps count of
 * failures and says how long an address is locked. An unknown address costs
 * the same time and gets the same answer as a wrong password.
 */
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"
#include "http/metrics.h"

/* Twelve hours: a working day and its evening. */
#define SESSION_SECONDS (12 * 60 * 60)

/* A hash that no password has, so that an unknown address costs the same. */
static struct sv nobody_hash(void)
{
	static struct arena *kept;
	static struct sv hash;

	if (!kept) {
		kept = arena_new();
		hash = crypto_password_hash(kept, crypto_token_new(kept, ""));
	}
	return hash;
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv problem,
			struct err *e)
{
	struct tmpl_value *page = web_page(rq, NULL);

	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	tmpl_set_text(page, "error", problem);
	tmpl_set_text(page, "email", http_form(rq, "email"));
	tmpl_set_text(page, "next",
		      rq->method == HTTP_POST ? http_form(rq, "next") : http_query(rq, "next"));
	return web_render(rq, rs, "app/login", page, e);
}

enum status login_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, e);
}

struct attempt {
	struct sv user_id, password_hash;
	int64_t locked_seconds;
};

static enum status look_up(struct http_request *rq, struct attempt *at, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	int s;

	db_remote(b, rq->remote_addr);
	db_as_self(b);
	s = db_add(b, "select user_id, password_hash, locked_seconds from auth.login_lookup($1)",
		   DB_S(http_form(rq, "email")));
	if (db_run(b, e))
		return e->status;
	*at = (struct attempt){ .user_id = db_first(b, s, "user_id"),
				.password_hash = db_first(b, s, "password_hash") };
	sv_to_i64(db_first(b, s, "locked_seconds"), &at->locked_seconds);
	return ST_OK;
}

static enum status count_failure(struct http_request *rq, const struct attempt *at, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);

	if (!at->user_id.n)
		return ST_OK;
	db_remote(b, rq->remote_addr);
	db_as_self(b);
	db_add(b, "select auth.login_failed($1)", DB_S(at->user_id));
	return db_run(b, e);
}

static enum status open_session(struct http_request *rq, struct http_response *rs,
				const struct attempt *at, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct sv token = crypto_token_new(rq->arena, "");
	struct http_cookie_options cookie = { .max_age = SESSION_SECONDS,
					      .secure = rq->https,
					      .http_only = true };

	db_remote(b, rq->remote_addr);
	db_as_self(b);
	web_bind_site(rq, b);
	db_add(b, "select session_id from auth.login_ok($1, $2, 'web', $3, $4, make_interval(secs => $5))",
	       DB_S(at->user_id), DB_S(crypto_token_hash(rq->arena, token)), DB_S(rq->user_agent),
	       DB_S(rq->remote_addr), DB_I(SESSION_SECONDS));
	if (db_run(b, e))
		return e->status;
	http_set_cookie(rs, "kontor_session", token, &cookie);
	return ST_OK;
}

enum status login_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv password = http_form(rq, "password"), next = http_form(rq, "next");
	struct attempt at;
	bool right;

	if (look_up(rq, &at, e))
		return e->status;
	if (at.locked_seconds > 0) {
		rs->status = 429;
		return show(rq, rs,
			    sv_from(arena_printf(rq->arena,
						 "Too many failed attempts. Try again in %lld minutes.",
						 (long long)(at.locked_seconds + 59) / 60)),
			    e);
	}
	right = crypto_password_check(at.password_hash.n ? at.password_hash : nobody_hash(),
				      password);
	if (!right || !at.user_id.n) {
		metrics_add(METRIC_LOGIN_FAILED, 1);
		if (count_failure(rq, &at, e))
			return e->status;
		rs->status = 422;
		return show(rq, rs, SV("This e-mail address and password do not match."), e);
	}
	if (open_session(rq, rs, &at, e)) {
		if (e->status != ST_FORBIDDEN) /* unconfirmed, deactivated, not now (AUTH-20) */
			return e->status;
		rs->status = 403;
		return show(rq, rs, err_message(e), e);
	}
	metrics_add(METRIC_LOGIN_OK, 1);
	return http_redirect(rs, next.n ? next : SV("/"));
}

enum status logout_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct http_cookie_options gone = { .max_age = -1, .secure = rq->https, .http_only = true };

	db_remote(b, rq->remote_addr);
	db_as_self(b);
	db_add(b, "select auth.logout($1)", DB_S(crypto_token_hash(rq->arena, rq->session)));
	if (db_run(b, e))
		return e->status;
	http_set_cookie(rs, "kontor_session", SV(""), &gone);
	return http_redirect(rs, SV("/login"));
}
