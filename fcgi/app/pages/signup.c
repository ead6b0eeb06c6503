/*
 * /signup, and /verify behind it: an account with an organization of its own,
 * the mail that confirms its address, and that mail's link.
 *
 * What is answered does not tell whether an address has an account already. A
 * link is used by the form on its page, not by looking at it: programs that
 * read mail look at links, too.
 */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "base/conf.h"
#include "crypto/crypto.h"

static enum status open_to_all(struct http_request *rq, struct err *e)
{
	if (conf_bool(CONF_auth_signup) && !rq->tenant.n)
		return ST_OK;
	err_set(e, rq->arena, ST_NOT_FOUND, "Nobody signs up here by himself");
	e->hint = SV("Ask the administrator of your organization for an invitation");
	return e->status;
}

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct tmpl_value *page = account_page(rq, rs);

	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/signup", page, e);
}

enum status signup_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	if (open_to_all(rq, e))
		return e->status;
	return show(rq, rs, NULL, e);
}

/* "Look into your mail", with a form for the code and one for another mail. */
static enum status look_into_mail(struct http_request *rq, struct http_response *rs,
				  struct sv email, const char *note, int64_t wait, struct err *e)
{
	struct tmpl_value *page = account_page(rq, rs);

	tmpl_set_text(page, "email", email);
	tmpl_set_int(page, "wait", wait);
	if (note)
		tmpl_set_bool(page, note, true);
	return web_render(rq, rs, "app/verify", page, e);
}

/* The fields of the form as auth.sign_up takes them (AUTH-1). */
static struct sv data_of(struct http_request *rq)
{
	static const char *const names[] = { "organization_name", "first_name", "last_name",
					     "phone", "timezone" };
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '{');
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct sv value = sv_trim(http_form(rq, names[i]));

		if (!value.n)
			continue;
		buf_json_key(&json, names[i]);
		buf_json(&json, value);
	}
	buf_addc(&json, '}');
	return arena_sv(rq->arena, buf_sv(&json));
}

enum status signup_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct letter l = { .kind = LETTER_SIGNUP, .page = "/verify" };
	struct sv hash, letter;
	struct db_batch *b;
	struct form f;

	if (open_to_all(rq, e))
		return e->status;
	form_init(&f, rq);
	l.to = form_email(&f, "email");
	form_required(&f, "organization_name", "Write the name of your organization");
	form_text(&f, "first_name");
	form_text(&f, "last_name");
	form_text(&f, "phone");
	hash = form_new_password(&f);
	if (f.wrong)
		return show(rq, rs, &f, e);
	if (letter_json(&l, web_templates(rq), rq->arena, &letter, e))
		return e->status;
	b = account_batch(rq);
	db_add(b, "select outcome from auth.sign_up($1, $2, $3, $4)", DB_S(l.to), DB_S(hash),
	       DB_S(data_of(rq)), DB_S(letter));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	return look_into_mail(rq, rs, l.to, NULL, 0, e);
}

/* ---- confirming ------------------------------------------------------------------ */

enum status verify_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return look_into_mail(rq, rs, http_query(rq, "email"), NULL, 0, e);
}

enum status verify_resend(struct http_request *rq, struct http_response *rs, struct err *e)
{
	int64_t wait;
	struct form f;
	struct sv to;

	form_init(&f, rq);
	to = form_email(&f, "email");
	if (f.wrong) {
		rs->status = 422;
		return look_into_mail(rq, rs, to, "no_address", 0, e);
	}
	if (link_send(rq, LETTER_SIGNUP, to, &wait, e))
		return e->status;
	return look_into_mail(rq, rs, to, wait > 0 ? NULL : "again", wait, e);
}

static int confirm_add(struct http_request *rq, struct db_batch *b, const char *kind,
		       struct sv credential, struct sv session)
{
	return db_add(b,
		      "select outcome, waits from auth.confirm_link($1, $2, $3, $4, $5,"
		      " make_interval(secs => $6))",
		      DB_C(kind), DB_S(credential), DB_S(crypto_token_hash(rq->arena, session)),
		      DB_S(rq->user_agent), DB_S(rq->remote_addr), DB_I(SESSION_SECONDS));
}

/* The six digits of the mail instead of its link. */
enum status verify_code(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv session = crypto_token_new(rq->arena, ""), email = http_form(rq, "email");
	buf_auto struct buf credential = BUF_INIT;
	struct db_batch *b = account_batch(rq);
	int done;

	buf_addc(&credential, '{');
	buf_json_key(&credential, "email");
	buf_json(&credential, sv_trim(email));
	buf_json_key(&credential, "code");
	buf_json(&credential, sv_trim(http_form(rq, "code")));
	buf_addc(&credential, '}');
	done = confirm_add(rq, b, "signup", buf_sv(&credential), session);
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, done, "outcome"), SV("ok"))) {
		rs->status = 422;
		return look_into_mail(rq, rs, email, "wrong_code", 0, e);
	}
	session_cookie(rq, rs, session);
	return session_go_on(rq, rs, is_true(db_first(b, done, "waits")), SV("/onboarding"));
}

/* ---- the link -------------------------------------------------------------------- */

/* A link is one of a sign-up or one of a change of address; the token tells. */
#define LINK_SQL                                                                            \
	"select 'signup' as kind, email from auth.link_of('signup', $1) union all"          \
	" select 'email_change', email from auth.link_of('email_change', $1)"

static int link_add(struct http_request *rq, struct db_batch *b)
{
	return db_add(b, LINK_SQL, DB_S(crypto_token_hash(rq->arena, http_param(rq, "token"))));
}

enum status verify_link(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = account_batch(rq);
	struct tmpl_value *page;
	int row = link_add(rq, b);

	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row)) {
		rs->status = 410;
		return look_into_mail(rq, rs, SV_NONE, "old_link", 0, e);
	}
	page = account_page(rq, rs);
	web_set_row(page, "link", b, row, 0);
	tmpl_set_text(page, "token", http_param(rq, "token"));
	return web_render(rq, rs, "app/verify_link", page, e);
}

enum status verify_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv session = crypto_token_new(rq->arena, "");
	bool change = sv_eq(http_form(rq, "kind"), SV("email_change"));
	struct db_batch *b = account_batch(rq);
	int done = confirm_add(rq, b, change ? "email_change" : "signup",
			       link_credential(rq->arena, http_param(rq, "token")), session);

	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, done, "outcome"), SV("ok"))) {
		rs->status = 410;
		return look_into_mail(rq, rs, SV_NONE, "old_link", 0, e);
	}
	if (change) /* /profile asks who is not signed in to do so */
		return http_redirect(rs, SV("/profile/email?done=confirmed"));
	session_cookie(rq, rs, session);
	return session_go_on(rq, rs, is_true(db_first(b, done, "waits")), SV("/onboarding"));
}
