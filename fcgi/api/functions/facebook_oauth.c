/*
 * GET /functions/v1/facebook-oauth: the way back from Facebook's consent page
 * (API-92, CHA-26). Code and state are stored, the state once; whose state it
 * was finds the rest on his own page.
 */
#include "fcgi/api/routes.h"

#include "base/conf.h"
#include "crypto/crypto.h"

/* What the person said there, in Facebook's words: access_denied and the like. */
static struct sv refusal(struct http_request *rq)
{
	struct sv why = http_query(rq, "error_description");

	if (!why.n)
		why = http_query(rq, "error_message");
	if (!why.n)
		why = http_query(rq, "error");
	if (!why.n)
		return SV_NONE;
	return sv_from(arena_printf(rq->arena, "Facebook: %.*s", (int)(why.n > 300 ? 300 : why.n), why.p));
}

static struct sv sealed_code(struct arena *a, struct sv state_hash, struct sv code)
{
	struct sv context = sv_from(arena_printf(a, "facebook:%.*s", SV_ARG(state_hash)));

	return code.n ? crypto_seal(a, context, code) : SV_NONE;
}

enum status facebook_oauth(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv code = http_query(rq, "code"), state = http_query(rq, "state"), why = refusal(rq), hash, id;
	struct db_batch *b;
	int row;

	if (!code.n && !why.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "code is required");
	if (!*conf_str(CONF_facebook_app_id)) {
		err_set(e, rq->arena, ST_UNAVAILABLE, "This installation has no Facebook application");
		e->hint = SV("Messenger and Instagram cannot be connected by signing in there");
		return e->status;
	}
	hash = crypto_token_hash(rq->arena, state);
	b = db_batch(web_of(rq)->db, rq->arena);
	db_as_self(b);
	row = db_add(b, "select internal.visit_returns($1, $2, $3) as id", DB_S(hash),
		     DB_OPT(sealed_code(rq->arena, hash, code)), DB_OPT(code.n ? SV_NONE : why));
	if (db_run(b, e))
		return e->status;
	id = db_first(b, row, "id");
	if (!id.n)
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "This sign-in was used already or has taken too long; begin again under Settings, Channels");
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/settings/channels/facebook/%.*s", SV_ARG(id))));
}
