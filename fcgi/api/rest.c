/*
 * /rest/v1 and its proxy for API keys: the generic engine with the settings
 * of this installation. What is special to a table stands in its SQL.
 */
#include "fcgi/api/routes.h"
#include "crypto/crypto.h"
#include "rest/rest.h"

/* API-32: documented as filters without an operator, on every table. */
static const char *const bare[] = {
	"organization_id", "is_active", "status", "assignee_id", "channel_account_id",
	"contact_id", "conversation_id", "direction", "deal_id", "completed", "priority",
	"type", "is_visible", "webhook_id", "created_at", NULL,
};

static struct sv seal(struct arena *a, struct sv column, struct sv value)
{
	return crypto_seal(a, column, value);
}

static const struct rest_options options = {
	.schemas = "public",
	.role = "authenticated",
	.max_rows = 1000, /* API-43 */
	.scope_column = "organization_id",
	.versions = true,
	.bare = bare,
	.seal = seal,
	.base_path = "/rest/v1",
};

static struct rest *engine(void)
{
	static struct rest *rest;

	if (!rest)
		rest = rest_new(&options);
	return rest;
}

static bool is_anon(const struct http_request *rq)
{
	json_t *claims = json_loadb(rq->claims.p ? rq->claims.p : "", rq->claims.n, 0, NULL);
	const char *role = json_string_value(json_object_get(claims, "role"));
	bool anon = rq->claims.n && (!role || sv_eq(sv_from(role), SV("anon")));

	json_decref(claims);
	return anon;
}

/* The public key says which installation is meant, not who asks. */
static enum status who_are_you(struct http_request *rq, struct err *e)
{
	err_set(e, rq->arena, ST_UNAUTHENTICATED, "The public key alone gives no access to data");
	e->hint = SV("Send Authorization: Bearer with the access_token that signing in returned");
	return e->status;
}

/* A member to whom a table is closed is told so (AUTH-78); its policies alone
 * would show him an empty one. Keys of the tenant itself, cg_, are never closed out. */
static struct db_batch *batch_for(struct http_request *rq, struct sv target)
{
	struct db_batch *b = web_batch(rq);

	if (!sv_starts(rq->api_key, SV("cg_")) && !sv_starts(target, SV("rpc/")))
		db_add(b, "select auth.open_table($1, $2)", DB_S(target),
		       DB_B(rq->method != HTTP_GET && rq->method != HTTP_HEAD));
	return b;
}

static enum status serve(struct http_request *rq, struct http_response *rs, unsigned flags,
			 struct err *e)
{
	struct rest_call call = { .target = http_param(rq, "*"), .flags = flags };
	struct db_batch *b;

	if (rest_ready(engine(), web_of(rq)->db, rq->arena, e) ||
	    channel_settings_seal(rq, call.target, e))
		return e->status;
	b = batch_for(rq, call.target);
	if (rest_handle(engine(), &call, rq, rs, b, e) == ST_FORBIDDEN && is_anon(rq))
		return who_are_you(rq, e);
	if (e->status == ST_UNAUTHENTICATED && rq->api_key.n)
		e->status = ST_BAD_KEY;
	return e->status;
}

enum status rest_table(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return serve(rq, rs, 0, e);
}

static bool proxy_path(struct sv path)
{
	struct sv table = sv_cut(&path, '/');

	if (sv_eq(table, SV("rpc")))
		table = sv_cut(&path, '/');
	else if (sv_present(path))
		sv_cut(&path, '/');
	return table.n && !sv_present(path);
}

enum status rest_proxy(struct http_request *rq, struct http_response *rs, struct err *e)
{
	if (!proxy_path(http_param(rq, "*"))) {
		err_set(e, rq->arena, ST_BAD_INPUT, "Invalid URL format");
		e->hint = SV("Use /functions/v1/rest-api-proxy/<table>?<query>");
		return e->status;
	}
	if (sv_starts(rq->api_key, SV("ck_live_"))) {
		err_set(e, rq->arena, ST_BAD_KEY, "Invalid or expired API key");
		e->hint = SV("ck_live_ keys are for /api/v1; send a cg_ key here");
		return e->status;
	}
	return serve(rq, rs, REST_PROXY, e);
}
