/*
 * GET /functions/v1/tiktok-oauth and linkedin-oauth: the way back from a
 * provider's sign-in (CHA-25..27). The code is put with the account, and the
 * browser goes to the account's page, which shows what becomes of it.
 */
#include "fcgi/api/routes.h"

#include "channel/oauth.h"
#include "crypto/crypto.h"

/* Whoever refused is told on the channel's page; it offers to try again. */
static enum status back(struct http_request *rq, struct http_response *rs, const struct channel_oauth *o,
			const char *outcome)
{
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/settings/channels/%.*s/connect?%s",
						      SV_ARG(o->account), outcome)));
}

enum status channel_oauth_back(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv code = http_query(rq, "code"), sealed;
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct channel_oauth o = { 0 };
	const char *context;
	int row;

	if (!http_query(rq, "state").n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "state is required");
	if (!channel_oauth_read(rq->arena, http_query(rq, "state"), &o))
		return err_set(e, rq->arena, ST_BAD_INPUT, "This sign-in was begun too long ago: connect the channel again");
	if (!code.n)
		return back(rq, rs, &o, "outcome=refused");
	context = arena_printf(rq->arena, "channel:%.*s:oauth_code", SV_ARG(o.account));
	sealed = crypto_seal(rq->arena, sv_from(context), code);
	db_as_self(b);
	row = db_add(b, "select internal.channel_oauth_code($1, $2, $3, $4) as known", DB_S(o.organization_id),
		     DB_S(o.account), DB_C(o.channel->type), DB_S(sealed));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, row, "known"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist any more");
	return back(rq, rs, &o, "outcome=signed-in");
}
