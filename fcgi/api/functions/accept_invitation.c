/*
 * accept-invitation: join with a new account, or with the one there is.
 *
 * The inviter knows the link, so it opens no account: who has one proves
 * himself by its password, or by the access token of his session.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "crypto/crypto.h"

struct joining {
	struct sv token, proof, email, password, first_name, last_name;
	struct sv user_id, password_hash; /* of the account that exists */
	int64_t locked_seconds;
};

static struct sv raw_text(const struct fields *f, const char *key)
{
	json_t *v = json_object_get(f->object, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static enum status read_body(struct http_request *rq, struct joining *in, struct err *e)
{
	struct fields f;

	if (function_body(rq, &f, e))
		return e->status;
	in->proof = field_text(&f, "token", 200, FIELD_NEEDED);
	in->token = sv_cut(&in->proof, '.');
	in->email = field_text(&f, "email", 254, FIELD_OPTIONAL);
	in->password = raw_text(&f, "password"); /* white space counts */
	in->first_name = field_text(&f, "first_name", 100, FIELD_OPTIONAL);
	in->last_name = field_text(&f, "last_name", 100, FIELD_OPTIONAL);
	return fields_check(&f, e);
}

/* The user whose access token came along, if it is one that still holds. */
static struct sv signed_in(struct http_request *rq)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct err ignored = { 0 };
	bool expired;
	struct sv claims = crypto_jwt_open(rq->arena, rq->bearer, &expired);
	int me;

	if (!claims.n)
		return SV_NONE;
	db_as_claims(b, claims);
	me = db_add(b, "select auth.uid() as id");
	return db_run(b, &ignored) ? SV_NONE : db_first(b, me, "id");
}

static enum status look_up(struct http_request *rq, struct joining *in, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	int found;

	web_bind_site(rq, b);
	found = db_add(b,
		       "select i.email, i.user_id, i.password_hash, l.locked_seconds,"
		       " lower($2) is distinct from i.email and $2 is not null as another"
		       " from auth.invitation($1) i left join lateral auth.login_lookup(i.email) l on true",
		       DB_S(crypto_token_hash(rq->arena, in->token)), DB_OPT(in->email));
	if (db_run(b, e))
		return e->status;
	if (sv_eq(db_first(b, found, "another"), SV("t"))) {
		err_set(e, rq->arena, ST_FORBIDDEN, "The invitation is for another address");
		e->hint = SV("Use the address to which it was sent");
		return e->status;
	}
	in->user_id = db_first(b, found, "user_id");
	in->password_hash = db_first(b, found, "password_hash");
	sv_to_i64(db_first(b, found, "locked_seconds"), &in->locked_seconds);
	return ST_OK;
}

/* Guesses count as those of /auth/v1/token do (AUTH-12). */
static enum status wrong_password(struct http_request *rq, const struct joining *in, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);

	db_add(b, "select auth.login_failed($1)", DB_S(in->user_id));
	if (db_run(b, e))
		return e->status;
	err_set(e, rq->arena, ST_UNAUTHENTICATED,
		"There is an account with this address, and this is not its password");
	e->hint = SV("Send its password, or sign in and send the access token");
	return e->status;
}

static enum status prove_account(struct http_request *rq, const struct joining *in,
				 struct err *e)
{
	if (sv_eq(signed_in(rq), in->user_id))
		return ST_OK;
	if (in->locked_seconds > 0) {
		err_set(e, rq->arena, ST_RATE_LIMITED,
			"This account is locked after repeated failures");
		e->retry_after = (int)in->locked_seconds;
		e->hint = SV("Wait, or reset the password");
		return e->status;
	}
	if (!crypto_password_check(in->password_hash, in->password))
		return wrong_password(rq, in, e);
	return ST_OK;
}

static enum status prove(struct http_request *rq, const struct joining *in, struct err *e)
{
	if (in->user_id.n)
		return prove_account(rq, in, e);
	if (text_length(in->password) >= 8) /* AUTH-26 */
		return ST_OK;
	err_set(e, rq->arena, ST_BAD_INPUT, "password must have at least 8 characters");
	e->field = SV("password");
	return e->status;
}

static enum status join(struct http_request *rq, struct http_response *rs,
			const struct joining *in, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv hash = in->user_id.n ? SV_NONE : crypto_password_hash(rq->arena, in->password);
	struct buf *out;
	int row;

	web_bind_site(rq, b);
	row = db_add(b, "select user_id, organization_id, role, created"
			" from auth.accept_invitation($1, $2, $3, $4, $5)",
		     DB_S(crypto_token_hash(rq->arena, in->token)),
		     DB_S(crypto_token_hash(rq->arena, in->proof)), DB_S(hash),
		     DB_OPT(in->first_name), DB_OPT(in->last_name));
	if (db_run(b, e))
		return e->status;
	out = function_success(rs);
	for (size_t i = 0; i < db_cols(b, row); i++) {
		buf_json_key(out, arena_dup(rq->arena, db_col_name(b, row, i)));
		db_json_value(out, b, row, 0, i);
	}
	buf_addc(out, '}');
	return ST_OK;
}

/* {"success":true,"user_id","organization_id","role","created"} (API-90) */
enum status accept_invitation(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct joining in = { 0 };

	if (read_body(rq, &in, e) || look_up(rq, &in, e) || prove(rq, &in, e))
		return e->status;
	return join(rq, rs, &in, e);
}
