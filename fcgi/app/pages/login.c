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
#include "signin/signin.h"

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

static enum status show(struct http_request *rq, struct http_response *rs, bool needs_code,
			struct sv problem, struct err *e)
{
	struct tmpl_value *page = web_page(rq, NULL);

	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	tmpl_set_text(page, "error", problem);
	tmpl_set_bool(page, "needs_code", needs_code);
	tmpl_set_text(page, "email", http_form(rq, "email"));
	tmpl_set_text(page, "next",
		      rq->method == HTTP_POST ? http_form(rq, "next") : http_query(rq, "next"));
	return web_render(rq, rs, "app/login", page, e);
}

enum status login_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, false, SV_NONE, e);
}

struct attempt {
	struct sv user_id, password_hash;
	int64_t locked_seconds;
	/* The second factor, where the user has one. */
	bool needs_code;
	struct sv factor_id;
	int64_t step;
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

/* Which factor the code is of; at->factor_id stays empty when of none. */
static enum status second_factor(struct http_request *rq, struct attempt *at, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct sv code = sv_trim(http_form(rq, "code"));
	int f;

	db_as_self(b);
	f = db_add(b, "select id, secret, last_step from auth.login_factors($1)",
		   DB_S(at->user_id));
	if (db_run(b, e))
		return e->status;
	at->needs_code = db_rows(b, f) > 0;
	for (size_t i = 0; code.n && i < db_rows(b, f) && !at->factor_id.n; i++) {
		struct sv id = db_named(b, f, i, "id");

		at->step = factor_check(rq->arena, id, db_named(b, f, i, "secret"), code,
					db_named(b, f, i, "last_step"));
		if (at->step > 0)
			at->factor_id = id;
	}
	return ST_OK;
}

/* The password was right; a wrong code counts as a wrong password does. */
static enum status ask_code(struct http_request *rq, struct http_response *rs,
			    const struct attempt *at, struct err *e)
{
	bool wrong = http_form(rq, "code").n > 0;

	if (wrong && count_failure(rq, at, e))
		return e->status;
	rs->status = 422;
	return show(rq, rs, true,
		    wrong ? SV("This code is wrong or was used already. Enter the next one, with "
			       "your password.") :
			    SV("Enter the code of your authenticator app, and your password again."),
		    e);
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
	if (at->factor_id.n)
		db_add(b, "select auth.login_factor_used($1, $2, $3)",
		       DB_S(crypto_token_hash(rq->arena, token)), DB_S(at->factor_id),
		       DB_I(at->step));
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
		return show(rq, rs, false,
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
		return show(rq, rs, false, SV("This e-mail address and password do not match."), e);
	}
	if (second_factor(rq, &at, e))
		return e->status;
	if (at.needs_code && !at.factor_id.n)
		return ask_code(rq, rs, &at, e);
	if (open_session(rq, rs, &at, e)) {
		if (e->status != ST_FORBIDDEN) /* unconfirmed, deactivated, not now (AUTH-20) */
			return e->status;
		rs->status = 403;
		return show(rq, rs, false, err_message(e), e);
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
