/* What the body and the query of /auth/v1 may say. */
#include "fcgi/api/auth/auth.h"

#include "mail/address.h"

#include <string.h>

#define PASSWORD_MIN 8
/* Nobody types more; hashing takes its time by the length, too. */
#define PASSWORD_MAX 1024

struct sv auth_text(const json_t *body, const char *key)
{
	const json_t *v = json_object_get(body, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static enum status invalid(struct http_request *rq, const char *what, struct err *e)
{
	err_set(e, rq->arena, ST_BAD_INPUT, "%s", what);
	e->code = SV("validation_failed");
	return e->status;
}

enum status auth_email(struct http_request *rq, const json_t *body, struct sv *out, struct err *e)
{
	*out = sv_trim(auth_text(body, "email"));
	if (!out->n)
		return invalid(rq, "An email address is required", e);
	if (!mail_valid_address(*out) || sv_chr(*out, '.') < 0 || out->n > 254) {
		invalid(rq, "Unable to validate email address: invalid format", e);
		e->code = SV("email_address_invalid");
	}
	return e->status;
}

/* Characters, not bytes. */
static size_t length(struct sv text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

enum status auth_password_rule(struct http_request *rq, struct sv password, struct err *e)
{
	if (length(password) < PASSWORD_MIN)
		return auth_refuse(rq, SV("weak_password"), 0, e);
	if (password.n > PASSWORD_MAX)
		return invalid(rq, "Password cannot be longer than 1024 bytes", e);
	return ST_OK;
}

struct sv auth_redirect(struct http_request *rq, const json_t *body)
{
	static const char *const names[] = { "redirect_to", "redirectTo", "emailRedirectTo",
					     "email_redirect_to" };
	const json_t *options = json_object_get(body, "options");
	struct sv to = http_query(rq, "redirect_to");

	for (size_t i = 0; !to.n && i < sizeof(names) / sizeof(*names); i++)
		to = auth_text(options, names[i]);
	if (!to.n)
		to = auth_text(body, "redirect_to");
	return redirect_or_home(rq->arena, to);
}

static bool challenge_holds(struct sv c)
{
	if (c.n < 43 || c.n > 128)
		return false;
	for (size_t i = 0; i < c.n; i++) {
		bool letter = (c.p[i] | 0x20) >= 'a' && (c.p[i] | 0x20) <= 'z';

		if (!letter && !(c.p[i] >= '0' && c.p[i] <= '9') && !memchr("-._~", c.p[i], 4))
			return false;
	}
	return true;
}

enum status auth_challenge(struct http_request *rq, struct sv challenge, struct sv method,
			   struct letter *l, struct err *e)
{
	if (!challenge.n && !method.n)
		return ST_OK;
	if (!challenge.n || !method.n)
		return invalid(rq, "PKCE flow requires code_challenge_method and code_challenge", e);
	if (!challenge_holds(challenge))
		return invalid(rq, "code challenge has to be between 43 and 128 characters: "
				   "letters, digits, - . _ ~", e);
	if (!sv_ieq(method, SV("s256")) && !sv_ieq(method, SV("plain")))
		return invalid(rq, "code_challenge_method is s256 or plain", e);
	l->code_challenge = challenge;
	l->code_challenge_method = sv_ieq(method, SV("plain")) ? SV("plain") : SV("s256");
	return ST_OK;
}

enum status auth_letter(struct http_request *rq, const json_t *body, enum letter_kind kind,
			struct letter *l, struct err *e)
{
	*l = (struct letter){ .kind = kind, .redirect_to = auth_redirect(rq, body) };
	if (auth_email(rq, body, &l->to, e))
		return e->status;
	return auth_challenge(rq, auth_text(body, "code_challenge"),
			      auth_text(body, "code_challenge_method"), l, e);
}
