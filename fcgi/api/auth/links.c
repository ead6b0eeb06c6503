/*
 * recover, otp, magiclink, resend: a mail with a link and a code. What is
 * answered does not tell whether the address has an account.
 */
#include "fcgi/api/auth/auth.h"

#include "base/conf.h"

static enum status empty(struct http_response *rs)
{
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{}");
	return ST_OK;
}

static enum status send(struct http_request *rq, const struct letter *l, const char *kind,
			struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv letter;
	int sent;

	if (letter_json(l, web_templates(rq), rq->arena, &letter, e))
		return e->status;
	web_bind_site(rq, b);
	if (l->kind == LETTER_EMAIL_CHANGE)
		sent = db_add(b, "select * from auth.resend_email_change($1, $2)", DB_S(l->to),
			      DB_S(letter));
	else
		sent = db_add(b, "select * from auth.send_link($1, $2, $3)", DB_S(l->to),
			      DB_C(kind), DB_S(letter));
	if (db_run(b, e))
		return e->status;
	return auth_judge(rq, b, sent, e);
}

enum status auth_recover(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct letter l;
	json_t *body;

	if (http_json(rq, &body, e) || auth_letter(rq, body, LETTER_RECOVERY, &l, e) ||
	    send(rq, &l, "recovery", e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{\"message\":\"Password recovery email sent\"}"); /* AUTH-29 */
	return ST_OK;
}

enum status auth_magiclink(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct letter l;
	json_t *body;

	if (http_json(rq, &body, e) || auth_letter(rq, body, LETTER_MAGICLINK, &l, e) ||
	    send(rq, &l, "magiclink", e))
		return e->status;
	return empty(rs);
}

enum status auth_otp(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct letter l;
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	if (json_object_get(body, "phone")) {
		err_set(e, rq->arena, ST_BAD_INPUT, "Unsupported phone provider");
		e->code = SV("phone_provider_disabled");
		e->hint = SV("Codes are sent by mail: give email");
		return e->status;
	}
	if (auth_letter(rq, body, LETTER_MAGICLINK, &l, e) || send(rq, &l, "magiclink", e))
		return e->status;
	/* Where there is an account already this does nothing that shows. */
	if (json_is_true(json_object_get(body, "create_user")) && conf_bool(CONF_auth_signup) &&
	    auth_otp_signup(rq, &l, body, e) &&
	    !sv_eq(e->code, SV("signup_disabled")))
		return e->status;
	return empty(rs);
}

enum status auth_resend(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv type;
	struct letter l;
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	type = auth_text(body, "type");
	if (!sv_eq(type, SV("signup")) && !sv_eq(type, SV("email_change"))) {
		err_set(e, rq->arena, ST_BAD_INPUT,
			"Missing one of these types: signup, email_change");
		e->code = SV("validation_failed");
		return e->status;
	}
	if (auth_letter(rq, body,
			sv_eq(type, SV("signup")) ? LETTER_SIGNUP : LETTER_EMAIL_CHANGE, &l, e) ||
	    send(rq, &l, "signup", e))
		return e->status;
	return empty(rs);
}
