/* /forgot-password and /reset-password: a new password by a mailed link (AUTH-23..28). */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

static enum status show_forgot(struct http_request *rq, struct http_response *rs,
			       const struct form *f, struct sv sent_to, int64_t wait,
			       struct err *e)
{
	struct tmpl_value *page = account_page(rq, rs);

	if (f)
		form_show(f, page, rs);
	else
		tmpl_set_text(tmpl_set_map(page, "form"), "email", http_query(rq, "email"));
	tmpl_set_text(page, "sent_to", sent_to);
	tmpl_set_int(page, "wait", wait);
	return web_render(rq, rs, "app/forgot_password", page, e);
}

enum status forgot_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_forgot(rq, rs, NULL, SV_NONE, 0, e);
}

enum status forgot_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct form f;
	struct sv email;
	int64_t wait;

	form_init(&f, rq);
	email = form_email(&f, "email");
	if (f.wrong)
		return show_forgot(rq, rs, &f, SV_NONE, 0, e);
	if (link_send(rq, LETTER_RECOVERY, email, &wait, e))
		return e->status;
	return show_forgot(rq, rs, NULL, email, wait, e);
}

/* ---- the link ------------------------------------------------------------------- */

static enum status show_reset(struct http_request *rq, struct http_response *rs,
			      const struct form *f, struct sv email, struct err *e)
{
	struct tmpl_value *page = account_page(rq, rs);

	if (f)
		form_show(f, page, rs);
	tmpl_set_text(page, "email", email);
	tmpl_set_text(page, "token", http_param(rq, "token"));
	return web_render(rq, rs, "app/reset_password", page, e);
}

/* AUTH-24: the link is looked at before anything is shown; AUTH-28: an old, used
 * or wrong one leads to signing in, where another can be asked for. */
static enum status look(struct http_request *rq, struct sv *email, struct err *e)
{
	struct db_batch *b = account_batch(rq);
	int row = db_add(b, "select email from auth.link_of('recovery', $1)",
			 DB_S(crypto_token_hash(rq->arena, http_param(rq, "token"))));

	if (db_run(b, e))
		return e->status;
	*email = db_first(b, row, "email");
	return ST_OK;
}

enum status reset_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv email;

	if (look(rq, &email, e))
		return e->status;
	if (!email.n)
		return http_redirect(rs, SV("/login?why=link"));
	return show_reset(rq, rs, NULL, email, e);
}

/* A link of the API ends here with its session behind the #; the page's script
 * takes it from there (AUTH-29). Without one there is nothing to reset. */
enum status reset_landing(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_reset(rq, rs, NULL, SV_NONE, e);
}

enum status reset_submit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b;
	struct form f;
	struct sv hash, email;
	int done;

	form_init(&f, rq);
	hash = form_new_password(&f);
	if (f.wrong) {
		if (look(rq, &email, e))
			return e->status;
		return show_reset(rq, rs, &f, email, e);
	}
	b = account_batch(rq);
	done = db_add(b, "select auth.reset_password($1, $2) as done",
		      DB_S(crypto_token_hash(rq->arena, http_param(rq, "token"))), DB_S(hash));
	if (db_run(b, e))
		return e->status;
	if (!is_true(db_first(b, done, "done")))
		return http_redirect(rs, SV("/login?why=link"));
	session_cookie_clear(rq, rs); /* AUTH-27: this browser, too */
	return http_redirect(rs, SV("/login?why=reset"));
}
