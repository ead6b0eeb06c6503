/*
 * /invitation/:token: join an organization, with a new account or the one there
 * is (AUTH-89, AUTH-90).
 *
 * The inviter knows the link, so it opens no account: who has one proves himself
 * by its password, or by being signed in. Only the mailed link, which has the
 * proof behind a dot, confirms the address.
 */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

struct joining {
	struct sv token_hash, proof_hash, organization_id, organization, email, role, me;
	struct password account; /* user_id is empty when there is none yet */
};

static enum status look_up(struct http_request *rq, struct joining *in, struct err *e)
{
	struct db_batch *b = account_batch(rq);
	struct sv proof = http_param(rq, "token"), token = sv_cut(&proof, '.');
	struct sv session = http_cookie(rq, "kontor_session");
	int row, me;

	in->token_hash = crypto_token_hash(rq->arena, token);
	in->proof_hash = crypto_token_hash(rq->arena, proof);
	row = db_add(b,
		     "select i.organization_id, i.organization, i.email, i.role, i.user_id, i.password_hash, l.locked_seconds"
		     " from auth.invitation($1) i left join lateral auth.login_lookup(i.email) l on true",
		     DB_S(in->token_hash));
	me = db_add(b, "select user_id from auth.session_password($1)",
		    DB_S(crypto_token_hash(rq->arena, session)));
	if (db_run(b, e))
		return e->status;
	in->organization_id = db_first(b, row, "organization_id");
	in->organization = db_first(b, row, "organization");
	in->email = db_first(b, row, "email");
	in->role = db_first(b, row, "role");
	in->account = password_of(b, row);
	in->me = db_first(b, me, "user_id");
	return ST_OK;
}

static bool is_signed_in(const struct joining *in)
{
	return in->account.user_id.n && sv_eq(in->me, in->account.user_id);
}

static enum status show(struct http_request *rq, struct http_response *rs,
			const struct joining *in, const struct form *f, struct err *e)
{
	struct tmpl_value *page = account_page(rq, rs);
	bool known = in->account.user_id.n > 0;

	tmpl_set_text(page, "token", http_param(rq, "token"));
	tmpl_set_text(page, "organization", in->organization);
	tmpl_set_text(page, "email", in->email);
	tmpl_set_bool(tmpl_set_map(page, "role"), arena_dup(rq->arena, in->role), true);
	tmpl_set_bool(page, "is_new", !known);
	tmpl_set_bool(page, "signed_in", is_signed_in(in));
	tmpl_set_bool(page, "has_account", known && !is_signed_in(in));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/invitation", page, e);
}

/* Used, cancelled, too old, unknown: in the words of the database (AUTH-88). */
static enum status no_good(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct tmpl_value *page;

	if (e->status != ST_NOT_FOUND && e->status != ST_CONFLICT && e->status != ST_GONE)
		return e->status;
	page = account_page(rq, rs);
	rs->status = status_http(e->status);
	tmpl_set_text(page, "problem", err_message(e));
	tmpl_set_text(page, "hint", e->hint);
	*e = (struct err){ 0 };
	return web_render(rq, rs, "app/invitation", page, e);
}

enum status invitation_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct joining in = { 0 };

	if (look_up(rq, &in, e))
		return no_good(rq, rs, e);
	return show(rq, rs, &in, NULL, e);
}

/* Guesses count as those of /login do. */
static enum status prove(struct form *f, const struct joining *in, struct err *e)
{
	bool right;

	if (is_signed_in(in))
		return ST_OK;
	if (in->account.locked_seconds > 0) {
		form_error(f, "password", SV("This account is locked after repeated failures. Reset its password, or wait."));
		return ST_OK;
	}
	if (password_check(f->rq, &in->account, http_form(f->rq, "password"), &right, e))
		return e->status;
	if (!right)
		form_error(f, "password", SV("This is not the password of your account"));
	return ST_OK;
}

/* The account is there and has joined; without the mailed link its address may
 * still want confirming. */
static enum status sign_in(struct http_request *rq, struct http_response *rs,
			   const struct joining *in, struct sv user_id, struct err *e)
{
	struct sv token = crypto_token_new(rq->arena, "");
	struct db_batch *b = account_batch(rq);
	int64_t wait;
	int opened;

	if (is_signed_in(in))
		return http_redirect(rs, SV("/organizations?done=joined"));
	opened = session_add(rq, b, user_id, token, "password");
	if (db_run(b, e)) {
		if (e->status != ST_FORBIDDEN)
			return e->status;
		*e = (struct err){ 0 };
		if (link_send(rq, LETTER_SIGNUP, in->email, &wait, e))
			return e->status;
		return http_redirect(rs, SV("/login?why=joined"));
	}
	session_cookie(rq, rs, token);
	return session_go_on(rq, rs, is_true(db_first(b, opened, "waits")), SV("/"));
}

enum status invitation_accept(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct joining in = { 0 };
	struct sv hash = SV_NONE, first, last;
	struct db_batch *b;
	struct form f;
	int row;

	if (look_up(rq, &in, e))
		return no_good(rq, rs, e);
	form_init(&f, rq);
	first = form_text(&f, "first_name");
	last = form_text(&f, "last_name");
	if (!in.account.user_id.n)
		hash = form_new_password(&f);
	else if (prove(&f, &in, e))
		return e->status;
	if (f.wrong)
		return show(rq, rs, &in, &f, e);
	b = account_batch(rq);
	row = db_add(b, "select user_id from auth.accept_invitation($1, $2, $3, $4, $5)",
		     DB_S(in.token_hash), DB_S(in.proof_hash), DB_S(hash), DB_OPT(first),
		     DB_OPT(last));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return no_good(rq, rs, e);
		return show(rq, rs, &in, &f, e);
	}
	return sign_in(rq, rs, &in, db_first(b, row, "user_id"), e);
}
