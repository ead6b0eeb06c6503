#include "fcgi/app/account.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "http/metrics.h"
#include "mail/address.h"

#define PASSWORD_MIN 8
/* Nobody types more; hashing takes its time by the length, too. */
#define PASSWORD_MAX 1024

struct db_batch *account_batch(struct http_request *rq)
{
	struct db_batch *b = web_self_batch(rq);

	web_bind_site(rq, b);
	return b;
}

struct tmpl_value *account_page(struct http_request *rq, struct http_response *rs)
{
	struct tmpl_value *page = web_page(rq, NULL);

	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	return page;
}

/* ---- sessions -------------------------------------------------------------- */

void session_cookie(struct http_request *rq, struct http_response *rs, struct sv token)
{
	struct http_cookie_options cookie = { .max_age = SESSION_SECONDS,
					      .secure = rq->https,
					      .http_only = true };

	http_set_cookie(rs, "kontor_session", token, &cookie);
}

void session_cookie_clear(struct http_request *rq, struct http_response *rs)
{
	struct http_cookie_options gone = { .max_age = -1, .secure = rq->https, .http_only = true };

	http_set_cookie(rs, "kontor_session", SV(""), &gone);
}

int session_add(struct http_request *rq, struct db_batch *b, struct sv user_id, struct sv token,
		const char *method)
{
	return db_add(b, "select auth.web_session($1, $2, $3, $4, $5, make_interval(secs => $6)) as waits",
		      DB_S(user_id), DB_S(crypto_token_hash(rq->arena, token)), DB_C(method),
		      DB_S(rq->user_agent), DB_S(rq->remote_addr), DB_I(SESSION_SECONDS));
}

enum status session_go_on(struct http_request *rq, struct http_response *rs, bool waits,
			  struct sv next)
{
	buf_auto struct buf to = BUF_INIT;

	metrics_add(METRIC_LOGIN_OK, 1);
	if (!waits)
		return http_redirect(rs, next.n ? next : SV("/"));
	buf_lit(&to, "/login/code");
	if (next.n) {
		buf_lit(&to, "?next=");
		buf_url(&to, next);
	}
	return http_redirect(rs, arena_sv(rq->arena, buf_sv(&to)));
}

/* ---- passwords --------------------------------------------------------------- */

/* Characters, not bytes. */
static size_t length(struct sv text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

struct sv form_new_password(struct form *f)
{
	struct sv password = http_form(f->rq, "password"); /* white space counts */

	if (length(password) < PASSWORD_MIN)
		form_error(f, "password", SV("At least 8 characters"));
	else if (password.n > PASSWORD_MAX)
		form_error(f, "password", SV("At most 1,024 bytes"));
	else if (!sv_eq(password, http_form(f->rq, "confirm")))
		form_error(f, "confirm", SV("The two passwords differ"));
	return f->wrong ? SV_NONE : crypto_password_hash(f->rq->arena, password);
}

struct sv form_email(struct form *f, const char *name)
{
	struct sv email = form_text(f, name);

	if (!mail_valid_address(email) || sv_chr(email, '.') < 0 || email.n > 254)
		form_error(f, name, SV("Write an address such as name@example.com"));
	return email;
}

struct password password_of(const struct db_batch *b, int stmt)
{
	struct password p = { .user_id = db_first(b, stmt, "user_id"),
			      .hash = db_first(b, stmt, "password_hash") };

	sv_to_i64(db_first(b, stmt, "locked_seconds"), &p.locked_seconds);
	return p;
}

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

enum status password_check(struct http_request *rq, const struct password *p, struct sv typed,
			   bool *right, struct err *e)
{
	struct db_batch *b;

	*right = crypto_password_check(p->hash.n ? p->hash : nobody_hash(), typed) && p->hash.n;
	if (*right)
		return ST_OK;
	metrics_add(METRIC_LOGIN_FAILED, 1);
	if (!p->user_id.n)
		return ST_OK;
	b = account_batch(rq);
	db_add(b, "select auth.login_failed($1)", DB_S(p->user_id));
	return db_run(b, e);
}

/* ---- links ------------------------------------------------------------------------ */

struct sv link_credential(struct arena *a, struct sv token)
{
	struct sv hash = crypto_token_hash(a, token);

	return sv_from(arena_printf(a, "{\"token\":\"%.*s\"}", SV_ARG(hash)));
}

enum status link_send(struct http_request *rq, enum letter_kind kind, struct sv to,
		      int64_t *wait, struct err *e)
{
	bool recovery = kind == LETTER_RECOVERY;
	struct letter l = { .kind = kind, .to = to, .page = recovery ? "/reset-password" : "/verify" };
	struct db_batch *b;
	struct sv letter;
	int sent;

	*wait = 0;
	if (letter_json(&l, web_templates(rq), rq->arena, &letter, e))
		return e->status;
	b = account_batch(rq);
	sent = db_add(b, "select outcome, wait from auth.send_link($1, $2, $3)", DB_S(to),
		      DB_C(recovery ? "recovery" : "signup"), DB_S(letter));
	if (db_run(b, e))
		return e->status;
	sv_to_i64(db_first(b, sent, "wait"), wait);
	return ST_OK;
}

/* ---- the second factor --------------------------------------------------------------- */

struct sv factor_context(struct arena *a, struct sv factor)
{
	return sv_from(arena_printf(a, "factor:%.*s", SV_ARG(factor)));
}

int64_t factor_step(struct http_request *rq, struct sv factor, struct sv sealed,
		    struct sv last_step, struct sv code)
{
	struct sv secret = crypto_open(rq->arena, factor_context(rq->arena, factor), sealed);
	int64_t last = 0, step;

	if (!secret.n)
		return -1;
	sv_to_i64(last_step, &last);
	step = crypto_totp_check(rq->arena, secret, code, clock_now_ms() / 1000);
	return step > last ? step : -1;
}
