/*
 * /login, /login/code and /logout.
 *
 * The password is checked here (argon2id); the database keeps count of
 * failures and says how long an address is locked. An unknown address costs
 * the same time and gets the same answer as a wrong password. Who has a second
 * factor gets a session that opens nothing until its code came.
 */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "base/conf.h"
#include "crypto/crypto.h"

/* Why the page comes (again); the words are in the template. */
static const char *const reasons[] = { "reset", "link", "expired", "email", "joined" };

static struct tmpl_value *login(struct http_request *rq, struct http_response *rs)
{
	struct tmpl_value *page = account_page(rq, rs);
	bool sent = rq->method == HTTP_POST;
	struct sv why = http_query(rq, "why");

	tmpl_set_text(page, "email", sent ? http_form(rq, "email") : http_query(rq, "email"));
	tmpl_set_text(page, "next", sent ? http_form(rq, "next") : http_query(rq, "next"));
	tmpl_set_bool(page, "may_sign_up", conf_bool(CONF_auth_signup) && !rq->tenant.n);
	for (size_t i = 0; !sent && i < sizeof(reasons) / sizeof(*reasons); i++)
		if (sv_eq(why, sv_from(reasons[i])))
			tmpl_set_bool(page, reasons[i], true);
	return page;
}

enum status login_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return web_render(rq, rs, "app/login", login(rq, rs), e);
}

static enum status refuse(struct http_request *rq, struct http_response *rs, int status,
			  const char *why, struct err *e)
{
	struct tmpl_value *page = login(rq, rs);

	rs->status = status;
	tmpl_set_bool(page, why, true);
	return web_render(rq, rs, "app/login", page, e);
}

static enum status look_up(struct http_request *rq, struct password *p, struct err *e)
{
	struct db_batch *b = account_batch(rq);
	int s = db_add(b, "select user_id, password_hash, locked_seconds from auth.login_lookup($1)",
		       DB_S(http_form(rq, "email")));

	if (db_run(b, e))
		return e->status;
	*p = password_of(b, s);
	return ST_OK;
}

/* AUTH-12: for how long, and the way out. */
static enum status locked(struct http_request *rq, struct http_response *rs, int64_t seconds,
			  struct err *e)
{
	struct tmpl_value *page = login(rq, rs);

	rs->status = 429;
	tmpl_set_int(page, "locked", (seconds + 59) / 60);
	return web_render(rq, rs, "app/login", page, e);
}

/* Unconfirmed, deactivated, not now, not from there (AUTH-7, 18, 19, 20; ADM-30). */
static enum status not_let_in(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct tmpl_value *page;

	if (e->status != ST_FORBIDDEN)
		return e->status;
	page = login(rq, rs);
	rs->status = 403;
	tmpl_set_bool(page, "unconfirmed", sv_eq(err_message(e), SV("Email not confirmed")));
	tmpl_set_text(page, "refused", err_message(e));
	tmpl_set_text(page, "refused_hint", e->hint);
	*e = (struct err){ 0 };
	return web_render(rq, rs, "app/login", page, e);
}

enum status login_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv token = crypto_token_new(rq->arena, "");
	struct password p;
	struct db_batch *b;
	bool right;
	int opened;

	if (look_up(rq, &p, e))
		return e->status;
	if (p.locked_seconds > 0)
		return locked(rq, rs, p.locked_seconds, e);
	if (password_check(rq, &p, http_form(rq, "password"), &right, e))
		return e->status;
	if (!right)
		return refuse(rq, rs, 422, "wrong", e);
	b = account_batch(rq);
	opened = session_add(rq, b, p.user_id, token, "password");
	if (db_run(b, e))
		return not_let_in(rq, rs, e);
	session_cookie(rq, rs, token);
	return session_go_on(rq, rs, is_true(db_first(b, opened, "waits")), http_form(rq, "next"));
}

enum status logout_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = account_batch(rq);

	db_add(b, "select auth.logout($1)", DB_S(crypto_token_hash(rq->arena, rq->session)));
	if (db_run(b, e))
		return e->status;
	session_cookie_clear(rq, rs);
	return http_redirect(rs, SV("/login"));
}

/* ---- the code of the second factor ----------------------------------------- */

static enum status ask_code(struct http_request *rq, struct http_response *rs, const char *why,
			    struct err *e)
{
	struct tmpl_value *page = account_page(rq, rs);

	if (why) {
		rs->status = 422;
		tmpl_set_bool(page, why, true);
	}
	tmpl_set_text(page, "next",
		      rq->method == HTTP_POST ? http_form(rq, "next") : http_query(rq, "next"));
	return web_render(rq, rs, "app/login_code", page, e);
}

static struct sv waiting(struct http_request *rq)
{
	return crypto_token_hash(rq->arena, http_cookie(rq, "kontor_session"));
}

enum status code_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return ask_code(rq, rs, NULL, e);
}

/* Digits as people type them: "123 456". A recovery code has letters, and may
 * come in any case and without its hyphens. */
static struct sv typed_code(struct http_request *rq)
{
	struct sv typed = http_form(rq, "code");
	char *out = arena_alloc(rq->arena, typed.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		char c = typed.p[i];

		if (c == ' ' || c == '-')
			continue;
		out[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	return sv_make(out, n);
}

/* The statement that lets the session on: by the factor whose code it is, or by
 * a recovery code. */
static int let_on(struct http_request *rq, struct db_batch *b, const struct db_batch *found,
		  int factors, struct sv code)
{
	for (size_t i = 0; i < db_rows(found, factors); i++) {
		struct sv id = db_named(found, factors, i, "id");
		int64_t step = factor_step(rq, id, db_named(found, factors, i, "secret"),
					   db_named(found, factors, i, "last_step"), code);

		if (step >= 0)
			return db_add(b,
				      "select auth.waiting_code($1, $2, $3, make_interval(secs => $4)) as done",
				      DB_S(waiting(rq)), DB_S(id), DB_I(step), DB_I(SESSION_SECONDS));
	}
	return db_add(b, "select auth.waiting_recovery($1, $2, make_interval(secs => $3)) as done",
		      DB_S(waiting(rq)), DB_S(code), DB_I(SESSION_SECONDS));
}

static enum status wrong_code(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = account_batch(rq);

	db_add(b, "select auth.waiting_failed($1)", DB_S(waiting(rq)));
	if (db_run(b, e))
		return e->status;
	return ask_code(rq, rs, "wrong", e);
}

enum status code_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = account_batch(rq), *on;
	int64_t wait = 0;
	int factors, done;

	factors = db_add(b, "select id, secret, last_step, wait from auth.waiting_factors($1)",
			 DB_S(waiting(rq)));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, factors))
		return http_redirect(rs, SV("/login?why=expired"));
	sv_to_i64(db_first(b, factors, "wait"), &wait);
	if (wait > 0)
		return ask_code(rq, rs, "locked", e);
	on = account_batch(rq);
	done = let_on(rq, on, b, factors, typed_code(rq));
	if (db_run(on, e))
		return e->status;
	if (!is_true(db_first(on, done, "done")))
		return wrong_code(rq, rs, e);
	session_cookie(rq, rs, http_cookie(rq, "kontor_session"));
	return session_go_on(rq, rs, false, http_form(rq, "next"));
}
