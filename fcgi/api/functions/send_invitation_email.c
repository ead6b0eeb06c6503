/*
 * send-invitation-email: ask somebody to join, or ask again (AUTH-85..88).
 *
 * The mail is written here, where the link is known, and put into the queue in
 * the transaction that stores the invitation. Whoever is invited already gets
 * a fresh link; the old one ends.
 *
 * The link to copy is /invitation/<token>. The mailed one is
 * /invitation/<token>.<proof>: who comes by that one reads the address.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#define LIFETIME "7 days" /* AUTH-88, open points */

struct invitation {
	struct sv email, role, set, token, proof, url;
	struct sv organization, inviter; /* names, for the letter */
};

static enum status read_body(struct http_request *rq, struct invitation *in, struct sv *org,
			     struct err *e)
{
	struct fields f;

	if (function_body(rq, &f, e))
		return e->status;
	in->email = field_text(&f, "email", 254, FIELD_NEEDED);
	in->role = field_text(&f, "role", 20, FIELD_NEEDED);
	in->set = field_uuid(&f, "permission_set_id", FIELD_OPTIONAL);
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

/* The payload of the mail job. */
static enum status letter(struct http_request *rq, const struct invitation *in, struct sv *payload,
			  struct err *e)
{
	struct tmpl_set *set = web_of(rq)->templates;
	struct tmpl_value *page = tmpl_map(rq->arena);
	buf_auto struct buf text = BUF_INIT;
	buf_auto struct buf html = BUF_INIT;
	buf_auto struct buf out = BUF_INIT;

	tmpl_set_text(page, "organization", in->organization);
	tmpl_set_text(page, "inviter", in->inviter);
	tmpl_set_text(page, "url", sv_from(arena_printf(rq->arena, "%.*s.%.*s", SV_ARG(in->url),
							SV_ARG(in->proof))));
	if (tmpl_render(set, SV("mail/invitation.txt"), page, rq->arena, &text, e) ||
	    tmpl_render(set, SV("mail/invitation"), page, rq->arena, &html, e))
		return e->status;
	buf_addc(&out, '{');
	member(&out, "to", in->email);
	member(&out, "subject", sv_from(arena_printf(rq->arena, "Join %.*s", SV_ARG(in->organization))));
	member(&out, "text", buf_sv(&text));
	member(&out, "html", buf_sv(&html));
	buf_addc(&out, '}');
	*payload = arena_sv(rq->arena, buf_sv(&out));
	return ST_OK;
}

static enum status store(struct http_request *rq, struct http_response *rs,
			 const struct invitation *in, struct sv payload, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct buf *out;
	int row = db_add(b,
			 "select id, email, role, expires_at, renewed from app.invite($1, $2, $3, $4, $5, $6, $7,"
			 " interval '" LIFETIME "')",
			 DB_S(in->email), DB_S(in->role), DB_S(in->set),
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
	struct invitation in = { .token = crypto_token_new(rq->arena, ""),
				 .proof = crypto_token_new(rq->arena, "") };
	struct sv org, payload;

	if (read_body(rq, &in, &org, e) || look_up(rq, &in, org, e))
		return e->status;
	in.url = sv_from(arena_printf(rq->arena, "%s/invitation/%.*s", conf_str(CONF_base_url),
				      SV_ARG(in.token)));
	if (letter(rq, &in, &payload, e))
		return e->status;
	return store(rq, rs, &in, payload, e);
}
