/*
 * Sign-in at an OpenID Connect provider: /auth/v1/authorize, callback, flow.
 *
 * The browser carries the state twice, in the address and in a cookie, so that
 * nobody can be led into a visit that another person began. What asks the
 * provider something (its endpoints, its tokens) is done by the worker
 * (worker/oidc.c); until then a small page waits and comes again.
 */
#include "fcgi/api/auth/auth.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#define COOKIE "kontor_flow"
#define FLOW_SECONDS 600
#define FLOW_PAGE "/auth/v1/flow"

struct visit {
	const struct oidc_provider *provider;
	struct sv state, status, redirect_to, nonce, secrets, endpoint, error_code, error;
};

static void member(struct buf *b, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(b, key);
	buf_json(b, value);
}

/* {"verifier","code"}, sealed. */
static struct sv seal(struct http_request *rq, struct sv verifier, struct sv code)
{
	buf_auto struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	member(&b, "verifier", verifier);
	member(&b, "code", code);
	buf_addc(&b, '}');
	return crypto_seal(rq->arena, SV("flow_state.secrets"), buf_sv(&b));
}

static struct sv verifier_of(struct http_request *rq, const struct visit *v)
{
	struct sv plain = crypto_open(rq->arena, SV("flow_state.secrets"), v->secrets), out;
	json_t *o = plain.n ? json_loadb(plain.p, plain.n, 0, NULL) : NULL;

	out = arena_sv(rq->arena, auth_text(o, "verifier"));
	json_decref(o);
	return out;
}

static void keep_state(struct http_request *rq, struct http_response *rs, struct sv state)
{
	struct http_cookie_options o = { .max_age = state.n ? FLOW_SECONDS : -1,
					 .secure = rq->https,
					 .http_only = true };

	http_set_cookie(rs, COOKIE, state, &o);
}

/* ---- the visit of this browser -------------------------------------------------- */

static enum status look(struct http_request *rq, struct visit *v, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	int row;

	*v = (struct visit){ .state = http_cookie(rq, COOKIE) };
	if (!v->state.n)
		return auth_refuse(rq, SV("bad_oauth_state"), 0, e);
	row = db_add(b, "select * from auth.flow_look($1)",
		     DB_S(crypto_token_hash(rq->arena, v->state)));
	if (db_run(b, e))
		return e->status;
	v->provider = oidc_provider(db_first(b, row, "provider"));
	v->status = db_first(b, row, "status");
	v->redirect_to = redirect_or_home(rq->arena, db_first(b, row, "redirect_to"));
	v->nonce = db_first(b, row, "nonce");
	v->secrets = db_first(b, row, "secrets");
	v->endpoint = db_first(b, row, "authorization_endpoint");
	v->error_code = db_first(b, row, "error_code");
	v->error = db_first(b, row, "error");
	return v->provider ? ST_OK : auth_refuse(rq, SV("bad_oauth_state"), 0, e);
}

static void parameter(struct buf *b, const char *name, struct sv value)
{
	buf_addf(b, "&%s=", name);
	buf_url(b, value);
}

static struct sv challenge_of(struct arena *a, struct sv verifier)
{
	unsigned char hash[SHA256_SIZE];

	crypto_sha256(hash, verifier);
	return crypto_base64url(a, sv_make((const char *)hash, sizeof(hash)));
}

/* Authorization code with PKCE, whatever the provider makes of the latter. */
static enum status to_provider(struct http_request *rq, struct http_response *rs,
			       const struct visit *v)
{
	buf_auto struct buf b = BUF_INIT;

	buf_add(&b, v->endpoint);
	buf_addc(&b, sv_chr(v->endpoint, '?') < 0 ? '?' : '&');
	buf_lit(&b, "response_type=code&code_challenge_method=S256");
	parameter(&b, "client_id", v->provider->client_id);
	parameter(&b, "redirect_uri",
		  sv_from(arena_printf(rq->arena, "%s/auth/v1/callback", conf_str(CONF_base_url))));
	parameter(&b, "scope", v->provider->scope);
	parameter(&b, "state", v->state);
	parameter(&b, "nonce", v->nonce);
	parameter(&b, "code_challenge", challenge_of(rq->arena, verifier_of(rq, v)));
	rs->status = 303;
	http_set_header(rs, "Location", arena_sv(rq->arena, buf_sv(&b)));
	return ST_OK;
}

/* ---- authorize -------------------------------------------------------------------- */

static struct sv flow_json(struct http_request *rq, const struct visit *v, const struct letter *l)
{
	buf_auto struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	member(&b, "provider", v->provider->name);
	member(&b, "issuer", v->provider->issuer);
	member(&b, "state", crypto_token_hash(rq->arena, v->state));
	member(&b, "nonce", v->nonce);
	member(&b, "secrets", v->secrets);
	member(&b, "redirect_to", v->redirect_to);
	member(&b, "code_challenge", l->code_challenge);
	member(&b, "code_challenge_method", l->code_challenge_method);
	buf_addc(&b, '}');
	return arena_sv(rq->arena, buf_sv(&b));
}

enum status auth_authorize(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct visit v = { .provider = oidc_provider(http_query(rq, "provider")) };
	struct letter l = { 0 };

	if (!v.provider)
		return auth_refuse(rq, SV("oauth_provider_not_supported"), 0, e);
	if (auth_challenge(rq, http_query(rq, "code_challenge"),
			   http_query(rq, "code_challenge_method"), &l, e))
		return e->status;
	v.state = crypto_token_new(rq->arena, "");
	v.nonce = crypto_token_new(rq->arena, "");
	v.redirect_to = auth_redirect(rq, NULL);
	v.secrets = seal(rq, crypto_token_new(rq->arena, ""), SV_NONE);
	db_add(b, "select auth.flow_begin($1)", DB_S(flow_json(rq, &v, &l)));
	if (db_run(b, e))
		return e->status;
	keep_state(rq, rs, v.state);
	return http_redirect(rs, SV(FLOW_PAGE));
}

/* ---- callback ------------------------------------------------------------------------ */

static enum status write_back(struct http_request *rq, const struct visit *v, struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv code = http_query(rq, "code"), why = http_query(rq, "error");
	struct sv iss = http_query(rq, "iss"), said = http_query(rq, "error_description");

	if (!why.n && !code.n)
		why = SV("bad_oauth_callback");
	/* RFC 9207: the answer of another provider than the one asked. */
	if (!why.n && iss.n && !sv_starts(iss, v->provider->issuer))
		why = SV("bad_oauth_callback");
	db_add(b, "select auth.flow_back($1, $2, $3, $4)",
	       DB_S(crypto_token_hash(rq->arena, v->state)),
	       why.n ? DB_NULL : DB_S(seal(rq, verifier_of(rq, v), code)), DB_OPT(why),
	       DB_S(said.n ? said : SV("The provider did not sign you in")));
	return db_run(b, e);
}

enum status auth_callback(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct visit v;

	if (look(rq, &v, e))
		return e->status;
	if (!crypto_equal(v.state, http_query(rq, "state")) ||
	    !sv_eq(v.status, SV("authorize")))
		return auth_refuse(rq, SV("bad_oauth_state"), 0, e);
	if (write_back(rq, &v, e))
		return e->status;
	return http_redirect(rs, SV(FLOW_PAGE));
}

/* ---- flow ------------------------------------------------------------------------------ */

static enum status wait_page(struct http_request *rq, struct http_response *rs,
			     const struct visit *v, struct err *e)
{
	struct tmpl_value *page = web_page(rq, NULL);

	tmpl_set_text(page, "provider", v->provider->name);
	return web_render(rq, rs, "auth/wait", page, e);
}

static enum status finish(struct http_request *rq, struct http_response *rs, const struct visit *v,
			  struct err *e)
{
	struct db_batch *b = web_self_batch(rq);
	struct sv refresh = crypto_token_new(rq->arena, ""), code = crypto_token_new(rq->arena, "");
	struct auth_session s;
	int made;

	web_bind_site(rq, b);
	made = db_add(b,
		      "select * from auth.flow_finish($1, $2, $3, $4, $5,"
		      " make_interval(secs => $6))",
		      DB_S(crypto_token_hash(rq->arena, v->state)),
		      DB_S(crypto_token_hash(rq->arena, code)),
		      DB_S(crypto_token_hash(rq->arena, refresh)), DB_S(rq->user_agent),
		      DB_S(rq->remote_addr), DB_I(REFRESH_SECONDS));
	if (db_run(b, e) && e->status != ST_FORBIDDEN)
		return e->status;
	keep_state(rq, rs, SV(""));
	if (e->status || auth_judge(rq, b, made, e)) {
		auth_redirect_error(rq, rs, v->redirect_to, e->code.n ? e->code : SV("user_banned"),
				    err_message(e));
		return ST_OK;
	}
	if (sv_eq(db_first(b, made, "outcome"), SV("code"))) {
		auth_redirect_code(rq, rs, v->redirect_to, code);
		return ST_OK;
	}
	auth_session_read(rq, b, made, refresh, &s);
	auth_redirect_session(rq, rs, v->redirect_to, &s, SV_NONE);
	return ST_OK;
}

enum status auth_flow(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct visit v;

	if (look(rq, &v, e))
		return e->status;
	if (sv_eq(v.status, SV("authorize")) && v.endpoint.n)
		return to_provider(rq, rs, &v);
	if (sv_eq(v.status, SV("discover")) || sv_eq(v.status, SV("exchange")))
		return wait_page(rq, rs, &v, e);
	if (sv_eq(v.status, SV("done")))
		return finish(rq, rs, &v, e);
	if (sv_eq(v.status, SV("failed"))) {
		keep_state(rq, rs, SV(""));
		auth_redirect_error(rq, rs, v.redirect_to, v.error_code, v.error);
		return ST_OK;
	}
	return auth_refuse(rq, SV("bad_oauth_state"), 0, e);
}
