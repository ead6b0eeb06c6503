/* /auth/v1/factors: a second factor by an authenticator app (TOTP). */
#include "fcgi/api/auth/auth.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

#define SECRET_SIZE 20 /* as RFC 4226 recommends */

static void member(struct buf *b, const char *key, struct sv value)
{
	buf_json_key(b, key);
	buf_json(b, value);
}

/* Whose SQL function refuses anon: that is nobody's key. */
static enum status nobody(struct http_request *rq, struct err *e)
{
	enum status st = e->status;

	return st == ST_FORBIDDEN ? auth_refuse(rq, SV("no_user"), 0, e) : st;
}

static enum status is_factor(struct http_request *rq, struct err *e)
{
	if (uuid_valid(http_param(rq, "id")))
		return ST_OK;
	return auth_refuse(rq, SV("mfa_factor_not_found"), 0, e);
}

/* ---- enrol ---------------------------------------------------------------------- */

static enum status answer_enrolled(struct http_request *rq, struct http_response *rs, struct sv id,
				   struct sv name, struct sv uri, struct sv secret, struct err *e)
{
	buf_auto struct buf svg = BUF_INIT;
	struct buf *b = &rs->body;

	if (qr_svg(&svg, uri, rq->arena, e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_addc(b, '{');
	member(b, "id", id);
	member(b, "type", SV("totp"));
	member(b, "friendly_name", name);
	buf_lit(b, ",\"totp\":{");
	member(b, "qr_code", buf_sv(&svg));
	member(b, "secret", secret);
	member(b, "uri", uri);
	buf_lit(b, "}}");
	return ST_OK;
}

static enum status read_enrol(struct http_request *rq, struct sv *name, struct sv *issuer,
			      struct err *e)
{
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	*name = auth_text(body, "friendly_name");
	*issuer = auth_text(body, "issuer");
	if (!sv_eq(auth_text(body, "factor_type"), SV("totp")) || issuer->n > 100) {
		err_set(e, rq->arena, ST_BAD_INPUT, "factor_type needs to be totp");
		e->code = SV("validation_failed");
	}
	return e->status;
}

enum status auth_factor_enroll(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = uuid_new(rq->arena), name = SV_NONE, issuer = SV_NONE;
	struct sv secret, outcome, account;
	char raw[SECRET_SIZE];
	int done, mine;

	if (read_enrol(rq, &name, &issuer, e))
		return e->status;
	crypto_random(raw, sizeof(raw));
	secret = crypto_base32(rq->arena, sv_make(raw, sizeof(raw)));
	done = db_add(b, "select auth.factor_enroll($1, $2, $3) as outcome", DB_S(id),
		      DB_S(name.n ? name : SV("")),
		      DB_S(factor_seal(rq->arena, id, sv_make(raw, sizeof(raw)))));
	mine = db_add(b, "select auth.my_email()");
	if (db_run(b, e))
		return nobody(rq, e);
	outcome = db_first(b, done, "outcome");
	if (!sv_eq(outcome, SV("ok")))
		return auth_refuse(rq, outcome, 0, e);
	account = db_get(b, mine, 0, 0);
	return answer_enrolled(rq, rs, id, name,
			       totp_uri(rq->arena, issuer, account, secret), secret, e);
}

/* ---- challenge --------------------------------------------------------------------- */

enum status auth_factor_challenge(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int made;

	if (is_factor(rq, e))
		return e->status;
	made = db_add(b, "select * from auth.factor_challenge($1, $2)",
		      DB_S(http_param(rq, "id")), DB_S(rq->remote_addr));
	if (db_run(b, e))
		return nobody(rq, e);
	if (!sv_eq(db_first(b, made, "outcome"), SV("ok")))
		return auth_refuse(rq, db_first(b, made, "outcome"), 0, e);
	http_content_type(rs, "application/json; charset=utf-8");
	struct sv id = db_first(b, made, "id");
	struct sv expires_at = db_first(b, made, "expires_at");
	buf_addf(&rs->body, "{\"id\":\"%.*s\",\"type\":\"totp\",\"expires_at\":%.*s}", SV_ARG(id),
		 SV_ARG(expires_at));
	return ST_OK;
}

/* ---- verify ------------------------------------------------------------------------- */

/* *step is that of the code, -1 when it is wrong or was used before. */
static enum status check_code(struct http_request *rq, struct sv challenge, struct sv code,
			      int64_t *step, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_param(rq, "id");
	int64_t wait = 0;
	int found;

	found = db_add(b, "select * from auth.factor_secret($1, $2)", DB_S(id), DB_S(challenge));
	if (db_run(b, e))
		return nobody(rq, e);
	sv_to_i64(db_first(b, found, "wait"), &wait);
	if (!sv_eq(db_first(b, found, "outcome"), SV("ok")))
		return auth_refuse(rq, db_first(b, found, "outcome"), wait, e);
	*step = factor_check(rq->arena, id, db_first(b, found, "secret"), code,
			     db_first(b, found, "last_step"));
	return ST_OK;
}

static enum status wrong_code(struct http_request *rq, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select auth.factor_failed($1)", DB_S(http_param(rq, "id")));
	if (db_run(b, e))
		return e->status;
	return auth_refuse(rq, SV("mfa_verification_failed"), 0, e);
}

enum status auth_factor_verify(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv refresh = crypto_token_new(rq->arena, ""), challenge;
	struct db_batch *b;
	int64_t step = -1;
	json_t *body;
	int made;

	if (is_factor(rq, e) || http_json(rq, &body, e))
		return e->status;
	challenge = auth_text(body, "challenge_id");
	if (!uuid_valid(challenge))
		return auth_refuse(rq, SV("mfa_challenge_not_found"), 0, e);
	if (check_code(rq, challenge, auth_text(body, "code"), &step, e))
		return e->status;
	if (step < 0)
		return wrong_code(rq, e);
	b = web_batch(rq);
	made = db_add(b, "select * from auth.factor_verified($1, $2, $3, $4)",
		      DB_S(http_param(rq, "id")), DB_S(challenge), DB_I(step),
		      DB_S(crypto_token_hash(rq->arena, refresh)));
	if (db_run(b, e))
		return e->status;
	return auth_answer(rq, rs, b, made, refresh, e);
}

/* ---- unenrol -------------------------------------------------------------------------- */

enum status auth_factor_remove(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int done;

	if (is_factor(rq, e))
		return e->status;
	done = db_add(b, "select auth.factor_remove($1) as outcome", DB_S(http_param(rq, "id")));
	if (db_run(b, e))
		return nobody(rq, e);
	if (!sv_eq(db_first(b, done, "outcome"), SV("ok")))
		return auth_refuse(rq, db_first(b, done, "outcome"), 0, e);
	http_content_type(rs, "application/json; charset=utf-8");
	struct sv id = http_param(rq, "id");
	buf_addf(&rs->body, "{\"id\":\"%.*s\"}", SV_ARG(id));
	return ST_OK;
}
