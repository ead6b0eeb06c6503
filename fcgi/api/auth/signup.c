/* POST /auth/v1/signup: a user with an organization of his own (AUTH-1..6). */
#include "fcgi/api/auth/auth.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

/* `data`, an object; what stands beside it is taken too, for plain forms. */
static struct sv data_of(struct http_request *rq, const json_t *body)
{
	static const char *const names[] = { "first_name", "last_name", "phone",
					     "organization_name" };
	json_t *data = json_object_get(body, "data");
	json_t *all = json_is_object(data) ? json_copy(data) : json_object();
	char *text;
	struct sv out;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		json_t *v = json_object_get(body, names[i]);

		if (json_is_string(v) && !json_object_get(all, names[i]))
			json_object_set(all, names[i], v);
	}
	text = json_dumps(all, JSON_COMPACT);
	out = arena_sv(rq->arena, sv_from(text));
	free(text);
	json_decref(all);
	return out;
}

/* An address that has an account already gets the answer of one that has none. */
static void pretend(struct http_request *rq, struct buf *out, struct sv email, struct sv data)
{
	char now[CLOCK_ISO_SIZE];
	struct sv at = sv_make(now, clock_iso(now, clock_now_ms()));
	struct sv id = uuid_new(rq->arena);

	buf_addf(out, "{\"id\":\"%.*s\",\"aud\":\"authenticated\",\"role\":\"authenticated\"",
		 SV_ARG(id));
	buf_json_key(out, "email");
	buf_json(out, email);
	buf_addf(out,
		 ",\"phone\":\"\",\"confirmation_sent_at\":\"%.*s\",\"app_metadata\":"
		 "{\"provider\":\"email\",\"providers\":[\"email\"]},\"user_metadata\":%.*s,"
		 "\"identities\":[],\"factors\":[],\"is_anonymous\":false,"
		 "\"created_at\":\"%.*s\",\"updated_at\":\"%.*s\"}",
		 SV_ARG(at), SV_ARG(data), SV_ARG(at), SV_ARG(at));
}

static enum status sign_up(struct http_request *rq, const struct letter *l, struct sv password,
			   struct sv data, struct db_batch **out, int *made, struct err *e)
{
	struct db_batch *b = *out = web_self_batch(rq);
	struct sv letter;

	if (letter_json(l, web_templates(rq), rq->arena, &letter, e))
		return e->status;
	web_bind_site(rq, b);
	*made = db_add(b, "select * from auth.sign_up($1, $2, $3, $4)", DB_S(l->to),
		       DB_S(password.n ? crypto_password_hash(rq->arena, password) : SV_NONE),
		       DB_S(data), DB_S(letter));
	return db_run(b, e);
}

enum status auth_signup(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct letter l;
	struct sv password, data;
	struct db_batch *b;
	json_t *body;
	int made;

	if (http_json(rq, &body, e) || auth_letter(rq, body, LETTER_SIGNUP, &l, e))
		return e->status;
	if (!conf_bool(CONF_auth_signup))
		return auth_refuse(rq, SV("signup_disabled"), 0, e);
	password = auth_text(body, "password");
	if (auth_password_rule(rq, password, e))
		return e->status;
	data = data_of(rq, body);
	if (sign_up(rq, &l, password, data, &b, &made, e) || auth_judge(rq, b, made, e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	if (sv_present(db_first(b, made, "usr")))
		buf_add(&rs->body, db_first(b, made, "usr"));
	else
		pretend(rq, &rs->body, l.to, data);
	return ST_OK;
}

/* signInWithOtp makes an account of an unknown address unless it is told not to:
 * the mail that confirms the address is then the one with the link. */
enum status auth_otp_signup(struct http_request *rq, const struct letter *l, const json_t *body,
			    struct err *e)
{
	struct letter first = *l;
	struct db_batch *b;
	int made;

	first.kind = LETTER_SIGNUP;
	if (sign_up(rq, &first, SV_NONE, data_of(rq, body), &b, &made, e))
		return e->status;
	return auth_judge(rq, b, made, e);
}
