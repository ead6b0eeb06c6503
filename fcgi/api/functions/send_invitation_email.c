/*
 * send-invitation-email: ask somebody to join, or ask again (AUTH-85..88).
 *
 * The mail is written here, where the link is known, and put into the queue in
 * the transaction that stores the invitation. Whoever is invited already gets
 * a fresh link; the old one ends.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "crypto/crypto.h"
#include "signin/signin.h"

#define LIFETIME "7 days" /* AUTH-88, open points */

struct asked {
	struct invitation in;
	struct sv role, set;
};

static enum status read_body(struct http_request *rq, struct asked *q, struct sv *org,
			     struct err *e)
{
	struct fields f;

	if (function_body(rq, &f, e))
		return e->status;
	q->in.email = field_text(&f, "email", 254, FIELD_NEEDED);
	q->role = field_text(&f, "role", 20, FIELD_NEEDED);
	q->set = field_uuid(&f, "permission_set_id", FIELD_OPTIONAL);
	/* Both spellings are documented. */
	*org = field_uuid(&f, field_get(&f, "organizationId") ? "organizationId" : "organization_id",
			  FIELD_OPTIONAL);
	return fields_check(&f, e);
}

static enum status look_up(struct http_request *rq, struct invitation *in, struct sv org,
			   struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int row;

	db_add(b, "select internal.must('can_manage_team')");
	row = db_add(b,
		     "select organization, inviter, lower($2) as email,"
		     " $1::uuid is distinct from auth.org() and $1 is not null as elsewhere from app.inviter()",
		     DB_S(org), DB_S(in->email));
	if (function_run(rq, b, e))
		return e->status;
	if (sv_eq(db_first(b, row, "elsewhere"), SV("t"))) {
		err_set(e, rq->arena, ST_FORBIDDEN,
			"You are not signed in to this organization");
		e->hint = SV("Call switch-organization first");
		return e->status;
	}
	in->organization = db_first(b, row, "organization");
	in->inviter = db_first(b, row, "inviter");
	in->email = db_first(b, row, "email");
	return ST_OK;
}

static void member(struct buf *out, const char *key, struct sv value)
{
	buf_json_key(out, key);
	buf_json(out, value);
}

static enum status store(struct http_request *rq, struct http_response *rs,
			 const struct asked *q, struct sv payload, struct err *e)
{
	const struct invitation *in = &q->in;
	struct db_batch *b = web_batch(rq);
	struct buf *out;
	int row = db_add(b,
			 "select id, email, role, expires_at, renewed from app.invite($1, $2, $3, $4, $5, $6, $7,"
			 " interval '" LIFETIME "')",
			 DB_S(in->email), DB_S(q->role), DB_S(q->set),
			 DB_S(crypto_token_hash(rq->arena, in->token)),
			 DB_S(crypto_token_hash(rq->arena, in->proof)),
			 DB_S(crypto_seal(rq->arena, SV("invitation"), in->token)), DB_S(payload));

	if (function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	member(out, "invitation_id", db_first(b, row, "id"));
	member(out, "invitation_url", in->url);
	buf_json_key(out, "invitation");
	db_json_row(out, b, row, 0);
	buf_addc(out, '}');
	return ST_OK;
}

enum status send_invitation_email(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct asked q = { 0 };
	struct sv org, payload;

	if (read_body(rq, &q, &org, e) || look_up(rq, &q.in, org, e) ||
	    invitation_letter(&q.in, web_templates(rq), rq->arena, &payload, e))
		return e->status;
	return store(rq, rs, &q, payload, e);
}
