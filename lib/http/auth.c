#include "http/internal.h"
#include "crypto/crypto.h"

static bool is_api_key(struct sv s)
{
	return sv_starts(s, SV("cg_")) || sv_starts(s, SV("ck_live_"));
}

static enum status open_jwt(struct http_request *rq, struct sv token, struct err *e)
{
	bool expired;

	rq->claims = crypto_jwt_open(rq->arena, token, &expired);
	if (sv_present(rq->claims))
		return ST_OK;
	if (expired) {
		err_set(e, rq->arena, ST_UNAUTHENTICATED, "JWT expired");
		e->hint = SV("Sign in again or refresh the token");
	} else {
		err_set(e, rq->arena, ST_UNAUTHENTICATED, "Invalid JWT");
		e->hint = SV("Send the access_token that signing in returned");
	}
	return e->status;
}

static enum status check_staff(struct http_request *rq, struct err *e)
{
	rq->session = http_cookie(rq, "kontor_session");
	if (!rq->session.n)
		return err_set(e, rq->arena, ST_UNAUTHENTICATED, "Sign in first");
	return ST_OK;
}

static enum status check_api_key(struct http_request *rq, struct err *e)
{
	struct sv key = http_header(rq, "X-API-Key");

	if (!key.n && is_api_key(rq->bearer))
		key = rq->bearer;
	/* A key works on its own API alone (crm-api.md, open points). */
	if (sv_starts(key, SV("ck_live_"))) {
		err_set(e, rq->arena, ST_BAD_KEY, "Invalid or expired API key");
		e->hint = SV("ck_live_ keys are for /api/v1/; send a cg_ key here");
		return e->status;
	}
	if (key.n) {
		rq->api_key = key;
		return ST_OK;
	}
	if (rq->bearer.n)
		return open_jwt(rq, rq->bearer, e);
	err_set(e, rq->arena, ST_UNAUTHENTICATED, "Missing authentication");
	e->hint = SV("Send the header X-API-Key, or Authorization: Bearer with an access token");
	return e->status;
}

/* CAP-3 */
static enum status check_crm_key(struct http_request *rq, struct err *e)
{
	if (sv_starts(rq->bearer, SV("ck_live_"))) {
		rq->api_key = rq->bearer;
		return ST_OK;
	}
	err_set(e, rq->arena, rq->bearer.n ? ST_BAD_KEY : ST_UNAUTHENTICATED,
		rq->bearer.n ? "Invalid or expired API key" : "Missing API key");
	e->hint = SV("Send Authorization: Bearer ck_live_..., from Settings, API Keys");
	return e->status;
}

static enum status check_bearer(struct http_request *rq, struct err *e)
{
	struct sv key = http_header(rq, "apikey");
	struct sv token = rq->bearer;

	if (!key.n)
		key = http_query(rq, "apikey");
	if (!key.n) {
		err_set(e, rq->arena, ST_UNAUTHENTICATED, "No API key found in request");
		e->hint = SV("No `apikey` request header or url param was found.");
		return e->status;
	}
	/* API-15: keys of that kind work on the proxy alone. */
	if (is_api_key(key) || is_api_key(token)) {
		err_set(e, rq->arena, ST_BAD_KEY, "Invalid API key");
		e->hint = SV("cg_ keys are for /functions/v1/rest-api-proxy/; "
			     "send the anon key or an access token here");
		return e->status;
	}
	return open_jwt(rq, token.n ? token : key, e);
}

enum status http_auth_check(struct http_request *rq, struct err *e)
{
	switch (rq->route->auth) {
	case HTTP_PUBLIC:
		return ST_OK;
	case HTTP_STAFF:
		return check_staff(rq, e);
	case HTTP_API_KEY:
		return check_api_key(rq, e);
	case HTTP_CRM_KEY:
		return check_crm_key(rq, e);
	case HTTP_BEARER:
		return check_bearer(rq, e);
	}
	return err_set(e, rq->arena, ST_INTERNAL, "Route without a rule for signing in");
}
