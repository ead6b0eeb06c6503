/* /auth/v1/user and logout: what a token is good for, and its end. */
#include "fcgi/api/auth/auth.h"

#include "crypto/crypto.h"

/* The public key and keys of programs are nobody's. */
static enum status nobody(struct http_request *rq, struct err *e)
{
	enum status st = e->status;

	return st == ST_FORBIDDEN ? auth_refuse(rq, SV("no_user"), 0, e) : st;
}

enum status auth_user(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int user = db_add(b, "select auth.me()");

	if (db_run(b, e))
		return nobody(rq, e);
	if (!sv_present(db_get(b, user, 0, 0)))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This token belongs to no user");
	http_content_type(rs, "application/json; charset=utf-8");
	db_json_value(&rs->body, b, user, 0, 0);
	return ST_OK;
}

/* ---- changing ------------------------------------------------------------------- */

struct change {
	struct sv email, hash, data, letter;
};

static enum status read_data(struct http_request *rq, const json_t *body, struct change *c,
			     struct err *e)
{
	json_t *data = json_object_get(body, "data");
	char *text;

	if (!data || json_is_null(data))
		return ST_OK;
	if (!json_is_object(data)) {
		err_set(e, rq->arena, ST_BAD_INPUT, "data has to be an object");
		e->code = SV("validation_failed");
		return e->status;
	}
	text = json_dumps(data, JSON_COMPACT);
	c->data = arena_sv(rq->arena, sv_from(text));
	free(text);
	return ST_OK;
}

static enum status read_password(struct http_request *rq, const json_t *body, struct change *c,
				 struct err *e)
{
	struct sv password = auth_text(body, "password");

	if (!sv_present(password))
		return ST_OK;
	if (auth_password_rule(rq, password, e))
		return e->status;
	c->hash = crypto_password_hash(rq->arena, password);
	return ST_OK;
}

/* The current address is told of the change, so it has to be known first. */
static enum status read_email(struct http_request *rq, const json_t *body, struct change *c,
			      struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct letter l;
	int mine;

	if (!auth_text(body, "email").n)
		return ST_OK;
	if (auth_letter(rq, body, LETTER_EMAIL_CHANGE, &l, e))
		return e->status;
	mine = db_add(b, "select auth.my_email()");
	if (db_run(b, e))
		return nobody(rq, e);
	l.current = db_get(b, mine, 0, 0);
	c->email = l.to;
	return letter_json(&l, web_templates(rq), rq->arena, &c->letter, e);
}

enum status auth_user_update(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b;
	struct change c = { 0 };
	json_t *body;
	int done;

	if (http_json(rq, &body, e) || read_data(rq, body, &c, e) ||
	    read_password(rq, body, &c, e) || read_email(rq, body, &c, e))
		return e->status;
	b = web_batch(rq);
	done = db_add(b, "select * from auth.update_user($1, $2, $3, $4)", DB_OPT(c.email),
		      DB_OPT(c.hash), DB_OPT(c.data), DB_OPT(c.letter));
	if (db_run(b, e))
		return nobody(rq, e);
	if (auth_judge(rq, b, done, e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_add(&rs->body, db_first(b, done, "usr"));
	return ST_OK;
}

/* ---- ending ----------------------------------------------------------------------- */

enum status auth_logout(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv scope = http_query(rq, "scope");

	if (!scope.n)
		scope = SV("global");
	if (!sv_eq(scope, SV("global")) && !sv_eq(scope, SV("local")) &&
	    !sv_eq(scope, SV("others"))) {
		err_set(e, rq->arena, ST_BAD_INPUT, "Unsupported logout scope");
		e->code = SV("validation_failed");
		e->hint = SV("scope is global, local or others");
		return e->status;
	}
	db_add(b, "select auth.session_end($1)", DB_S(scope));
	if (db_run(b, e))
		return nobody(rq, e);
	rs->status = 204;
	return ST_OK;
}
