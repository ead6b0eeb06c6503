/*
 * /profile/security: the second factor, the codes for the day when the phone is
 * gone, and where one is signed in.
 */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "crypto/crypto.h"

#define SECRET_SIZE 20 /* as RFC 4226 recommends */
#define CODES 10
/* Bytes of a recovery code: ten characters of base32. */
#define CODE_SIZE 6

static enum status show(struct http_request *rq, struct http_response *rs,
			struct tmpl_value *codes, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int account, factors, sessions;

	web_me(rq, b);
	account = db_add(b, "select has_factor, codes_left from app.account()");
	factors = db_add(b, "select id, name, internal.shown_time(created_at, (select internal.my_zone())) as made"
			    " from app.factors()");
	sessions = db_add(b,
		"select s.id, s.device, s.remote_addr, s.is_current, s.kind = 'web' as is_web,"
		" internal.shown_time(s.created_at, (select internal.my_zone())) as began,"
		" internal.shown_time(s.last_seen_at, (select internal.my_zone())) as seen"
		" from internal.sessions(auth.uid()) s order by s.is_current desc nulls last, s.last_seen_at desc");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "account", b, account, 0);
	web_set_rows(page, "factors", b, factors);
	web_set_rows(page, "sessions", b, sessions);
	tmpl_set_bool(page, "others", db_rows(b, sessions) > 1);
	tmpl_set_bool(page, "fresh", codes != NULL);
	tmpl_set(page, "codes", codes);
	return web_render(rq, rs, "app/profile_security", page, e);
}

enum status security_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* ---- recovery codes -------------------------------------------------------------- */

struct codes {
	struct tmpl_value *shown; /* ABCDE-FGHIJ */
	struct sv array;	  /* {ABCDEFGHIJ,...}, as typed_code of login.c reads them */
};

static struct codes make_codes(struct arena *a)
{
	struct codes c = { .shown = tmpl_list(a) };
	buf_auto struct buf array = BUF_INIT;

	for (int i = 0; i < CODES; i++) {
		char raw[CODE_SIZE];
		struct sv text;

		crypto_random(raw, sizeof(raw));
		text = crypto_base32(a, sv_make(raw, sizeof(raw)));
		tmpl_push(c.shown, tmpl_text(a, sv_from(arena_printf(a, "%.5s-%.*s", text.p,
								     (int)text.n - 5, text.p + 5))));
		buf_addc(&array, i ? ',' : '{');
		buf_add(&array, text);
	}
	buf_addc(&array, '}');
	c.array = arena_sv(a, buf_sv(&array));
	return c;
}

enum status security_codes(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct codes c = make_codes(rq->arena);
	int kept = db_add(b, "select app.recovery_codes($1::text[]) as kept", DB_S(c.array));

	if (db_run(b, e))
		return e->status;
	if (!is_true(db_first(b, kept, "kept")))
		return err_set(e, rq->arena, ST_FORBIDDEN, "Recovery codes belong to a second factor");
	return show(rq, rs, c.shown, e);
}

/* ---- a new factor ------------------------------------------------------------------- */

enum status factor_begin(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = uuid_new(rq->arena), outcome;
	struct db_batch *b = web_batch(rq);
	char raw[SECRET_SIZE];
	int done;

	crypto_random(raw, sizeof(raw));
	done = db_add(b, "select auth.factor_enroll($1, $2, $3) as outcome", DB_S(id),
		      DB_S(sv_trim(http_form(rq, "name"))),
		      DB_S(crypto_seal(rq->arena, factor_context(rq->arena, id),
				       sv_make(raw, sizeof(raw)))));
	if (db_run(b, e))
		return e->status;
	outcome = db_first(b, done, "outcome");
	if (sv_eq(outcome, SV("ok")))
		return redirect_to(rq, rs, "/profile/security/", id, "");
	if (sv_eq(outcome, SV("mfa_factor_name_conflict")))
		return http_redirect(rs, SV("/profile/security?done=name_taken"));
	return err_set(e, rq->arena, ST_CONFLICT, "No further second factor can be added");
}

/* "ABCD EFGH ...", for typing it. */
static struct sv in_groups(struct arena *a, struct sv text)
{
	buf_auto struct buf b = BUF_INIT;

	for (size_t i = 0; i < text.n; i++) {
		if (i && i % 4 == 0)
			buf_addc(&b, ' ');
		buf_addc(&b, text.p[i]);
	}
	return arena_sv(a, buf_sv(&b));
}

/* The picture, as long as the factor's first code has not come. */
static enum status show_factor(struct http_request *rq, struct http_response *rs, struct sv id,
			       bool wrong, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf svg = BUF_INIT;
	struct tmpl_value *page;
	struct sv raw, secret;
	int row, mail;

	web_me(rq, b);
	row = db_add(b, "select secret from app.factor_begun($1::uuid)", DB_S(id));
	mail = db_add(b, "select auth.my_email()");
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This second factor does not wait for a code");
	raw = crypto_open(rq->arena, factor_context(rq->arena, id), db_first(b, row, "secret"));
	secret = crypto_base32(rq->arena, raw);
	if (qr_svg(&svg, totp_uri(rq->arena, SV_NONE, db_get(b, mail, 0, 0), secret), rq->arena, e))
		return e->status;
	page = web_page(rq, b);
	tmpl_set_text(page, "id", id);
	tmpl_set_text(page, "picture", arena_sv(rq->arena, buf_sv(&svg)));
	tmpl_set_text(page, "secret", in_groups(rq->arena, secret));
	tmpl_set_bool(page, "wrong", wrong);
	if (wrong)
		rs->status = 422;
	return web_render(rq, rs, "app/profile_factor", page, e);
}

enum status factor_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "second factor", &id, e))
		return e->status;
	return show_factor(rq, rs, id, false, e);
}

static enum status wrong_code(struct http_request *rq, struct http_response *rs, struct sv id,
			      struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select auth.factor_failed($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return show_factor(rq, rs, id, true, e);
}

enum status factor_confirm(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct codes c = make_codes(rq->arena);
	int64_t step = -1, wait = 0;
	struct sv id;
	int row;

	if (path_id(rq, "second factor", &id, e))
		return e->status;
	row = db_add(b, "select secret, last_step, wait from app.factor_begun($1::uuid)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This second factor does not wait for a code");
	sv_to_i64(db_first(b, row, "wait"), &wait);
	if (!wait)
		step = factor_step(rq, id, db_first(b, row, "secret"),
				   db_first(b, row, "last_step"), sv_trim(http_form(rq, "code")));
	if (step < 0)
		return wrong_code(rq, rs, id, e);
	b = web_batch(rq);
	row = db_add(b, "select confirmed, codes_kept from app.factor_confirm($1::uuid, $2, $3::text[])",
		     DB_S(id), DB_I(step), DB_S(c.array));
	if (db_run(b, e))
		return e->status;
	if (!is_true(db_first(b, row, "confirmed")))
		return wrong_code(rq, rs, id, e);
	return show(rq, rs, is_true(db_first(b, row, "codes_kept")) ? c.shown : NULL, e);
}

enum status factor_remove(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int done;

	if (path_id(rq, "second factor", &id, e))
		return e->status;
	done = db_add(b, "select auth.factor_remove($1) as outcome", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, done, "outcome"), SV("ok")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This second factor does not exist any more");
	return http_redirect(rs, SV("/profile/security?done=deleted"));
}

/* ---- sessions ----------------------------------------------------------------------- */

enum status own_session_end(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int ended;

	if (path_id(rq, "session", &id, e))
		return e->status;
	ended = db_add(b, "select internal.session_revoke(s.id) from internal.sessions(auth.uid()) s where s.id = $1::uuid",
		       DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, ended))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This session has ended already");
	return http_redirect(rs, SV("/profile/security?done=ended"));
}

enum status other_sessions_end(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select auth.session_end('others')");
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/profile/security?done=others_ended"));
}
