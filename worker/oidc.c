/*
 * Sign-in at an OpenID Connect provider: what has to be asked of it. The
 * payload: {flow}, a row of auth.flow_state. Its status says which half is due:
 *
 * discover  read the provider's configuration and keys; the browser goes there
 * exchange  the browser came back with a code: tokens for it, the id_token
 *           checked, the user's claims; the browser's next look signs him in
 *
 * A visit that fails is marked so and its job is done: the person is told and
 * tries again, nobody else does.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "signin/signin.h"

#include <jansson.h>

#define TOTAL_MS 10000

struct visit {
	const struct oidc_provider *provider;
	struct sv flow, nonce, verifier, code, metadata, jwks;
	struct sv access_token, id_token;
	json_t *claims;
	bool keys_are_new;
	/* what is written at the end */
	struct sv error_code, error, claims_text;
};

static struct sv text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static void drop_json(void *json)
{
	json_decref(json);
}

/* Lives as long as the job; NULL when it is no JSON. */
static json_t *parse(struct job *j, struct sv s)
{
	json_t *o = s.n ? json_loadb(s.p, s.n, 0, NULL) : NULL;

	if (o)
		arena_cleanup(j->arena, drop_json, o);
	return o;
}

/* ---- ends ----------------------------------------------------------------------- */

static void write_failed(struct job *j, struct db_batch *b)
{
	const struct visit *v = j->state;

	db_add(b, "select auth.flow_failed($1, $2, $3) where job.held($4, $5, $6)", DB_S(v->flow),
	       DB_S(v->error_code), DB_S(v->error), DB_C(worker_of(j)->name),
	       DB_S(j->organization_id), DB_I(j->id));
}

static void write_discovered(struct job *j, struct db_batch *b)
{
	const struct visit *v = j->state;

	db_add(b, "select auth.flow_discovered($1, $2, $3, $4, $5) where job.held($6, $7, $8)",
	       DB_S(v->flow), DB_S(v->provider->name), DB_S(v->provider->issuer),
	       DB_S(v->metadata), DB_S(v->jwks), DB_C(worker_of(j)->name),
	       DB_S(j->organization_id), DB_I(j->id));
}

static void write_signed_in(struct job *j, struct db_batch *b)
{
	const struct visit *v = j->state;

	db_add(b, "select auth.flow_signed_in($1, $2, $3) where job.held($4, $5, $6)",
	       DB_S(v->flow), DB_S(v->claims_text), DB_B(conf_bool(CONF_auth_signup)),
	       DB_C(worker_of(j)->name), DB_S(j->organization_id), DB_I(j->id));
}

/* The person is told in words; what the provider said goes to the log. */
static void give_up(struct job *j, const char *code, const char *words, struct sv said)
{
	struct visit *v = j->state;

	log_warn("a sign-in at a provider failed",
		 LOG_S("provider", v->provider ? v->provider->name : SV("?")), LOG_C("why", words),
		 LOG_S("said", said));
	v->error_code = sv_from(code);
	v->error = sv_from(words);
	j->write = write_failed;
	job_done(j);
}

/* An answer that can be read: true. Else the job has ended. */
static bool usable(struct job *j, const struct net_response *r, const char *what)
{
	int64_t again;

	if (r->error == NET_ABORTED) {
		job_release(j);
		return false;
	}
	if (!r->error && r->status / 100 == 2)
		return true;
	again = r->error || r->status >= 500 ? job_retry_ms(j, r->retry_after) : -1;
	if (again >= 0)
		job_fail(j, r->text.n ? r->text : SV("the provider has trouble"), again);
	else
		give_up(j, "unexpected_failure", what, r->error ? r->text : r->body);
	return false;
}

static struct net_request to(struct job *j, struct sv url)
{
	const struct visit *v = j->state;

	return (struct net_request){ .url = url,
				     .total_ms = TOTAL_MS,
				     .https_only = sv_starts(v->provider->issuer, SV("https://")),
				     .lane = v->provider->name,
				     .lane_max = 16 };
}

/* ---- discover (OpenID Connect Discovery, 4) ------------------------------------------ */

static void got_keys(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;

	if (!usable(j, r, "The provider's keys cannot be read"))
		return;
	if (!json_is_array(json_object_get(parse(j, r->body), "keys"))) {
		give_up(j, "unexpected_failure", "The provider's keys cannot be read", r->body);
		return;
	}
	v->jwks = arena_sv(j->arena, r->body);
	j->write = write_discovered;
	job_done(j);
}

/* The issuer that it names has to be the one that was asked. */
static const char *fault_of(const struct visit *v, const json_t *said)
{
	struct sv issuer = text(said, "issuer");

	if (sv_ends(issuer, SV("/")))
		issuer.n--;
	if (!sv_eq(issuer, v->provider->issuer))
		return "The provider calls itself by another name than is configured";
	if (!text(said, "authorization_endpoint").n || !text(said, "token_endpoint").n ||
	    !text(said, "jwks_uri").n)
		return "The provider's configuration lacks an address";
	return NULL;
}

static void got_configuration(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	struct net_request keys;
	const json_t *said;
	const char *fault;

	if (!usable(j, r, "The provider cannot be reached"))
		return;
	said = parse(j, r->body);
	fault = fault_of(v, said);
	if (fault) {
		give_up(j, "unexpected_failure", fault, r->body);
		return;
	}
	v->metadata = arena_sv(j->arena, r->body);
	keys = to(j, text(said, "jwks_uri"));
	net_start(worker_of(j)->net, &keys, got_keys, j);
}

static void discover(struct job *j)
{
	const struct visit *v = j->state;
	struct net_request r = to(j, sv_from(arena_printf(j->arena,
							  "%.*s/.well-known/openid-configuration",
							  SV_ARG(v->provider->issuer))));

	net_start(worker_of(j)->net, &r, got_configuration, j);
}

/* ---- exchange --------------------------------------------------------------------------- */

static void finish(struct job *j)
{
	struct visit *v = j->state;
	char *all = json_dumps(v->claims, JSON_COMPACT);

	v->claims_text = arena_sv(j->arena, sv_from(all));
	free(all);
	j->write = write_signed_in;
	job_done(j);
}

static void got_userinfo(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	json_t *more;

	if (!usable(j, r, "The provider did not say who you are"))
		return;
	more = parse(j, r->body);
	if (!sv_eq(text(more, "sub"), text(v->claims, "sub"))) {
		give_up(j, "unexpected_failure", "The provider speaks of somebody else", SV_NONE);
		return;
	}
	json_object_update_missing(v->claims, more);
	finish(j);
}

/* Many keep the address out of the id_token. */
static void ask_userinfo(struct job *j, struct sv url)
{
	const struct visit *v = j->state;
	struct net_request r = to(j, url);
	struct net_header bearer = {
		SV("Authorization"),
		sv_from(arena_printf(j->arena, "Bearer %.*s", SV_ARG(v->access_token)))
	};

	r.headers = &bearer;
	r.n_headers = 1;
	net_start(worker_of(j)->net, &r, got_userinfo, j);
}

static void got_new_keys(const struct net_response *r, void *arg);

static void judge(struct job *j)
{
	struct visit *v = j->state;
	const json_t *said = parse(j, v->metadata);
	struct sv userinfo = text(said, "userinfo_endpoint"), payload;
	const char *why;

	payload = oidc_claims(j->arena, v->provider, v->jwks, v->id_token, v->nonce,
			      clock_now_ms() / 1000, &why);
	if (!payload.n && !v->keys_are_new) { /* it may have changed its keys */
		struct net_request keys = to(j, text(said, "jwks_uri"));

		net_start(worker_of(j)->net, &keys, got_new_keys, j);
		return;
	}
	if (!payload.n) {
		give_up(j, "bad_id_token", "The provider's answer does not hold", sv_from(why));
		return;
	}
	v->claims = parse(j, payload);
	if (!text(v->claims, "email").n && userinfo.n && v->access_token.n)
		ask_userinfo(j, userinfo);
	else
		finish(j);
}

static void got_new_keys(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;

	if (!usable(j, r, "The provider's keys cannot be read"))
		return;
	v->keys_are_new = true;
	v->jwks = arena_sv(j->arena, r->body);
	judge(j);
}

/* A code works once, so what came of it is final. */
static void got_tokens(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	json_t *tokens;

	if (!usable(j, r, "The provider did not accept the sign-in"))
		return;
	tokens = parse(j, r->body);
	v->access_token = text(tokens, "access_token");
	v->id_token = text(tokens, "id_token");
	if (v->id_token.n)
		judge(j);
	else
		give_up(j, "bad_id_token", "The provider sent no id_token", SV_NONE);
}

static void form(struct buf *b, const char *name, struct sv value)
{
	buf_addf(b, "%s%s=", b->n ? "&" : "", name);
	buf_url(b, value);
}

/* client_secret_basic unless the provider knows client_secret_post alone. */
static bool by_header(const json_t *said)
{
	const json_t *known = json_object_get(said, "token_endpoint_auth_methods_supported"), *one;
	bool post = false;
	size_t i;

	json_array_foreach(known, i, one) {
		if (sv_eq(sv_from(json_string_value(one)), SV("client_secret_basic")))
			return true;
		post |= sv_eq(sv_from(json_string_value(one)), SV("client_secret_post"));
	}
	return !post;
}

static struct sv basic(struct arena *a, const struct oidc_provider *p)
{
	buf_auto struct buf pair = BUF_INIT;
	struct sv code;

	buf_url(&pair, p->client_id);
	buf_addc(&pair, ':');
	buf_url(&pair, p->client_secret);
	code = crypto_base64(a, buf_sv(&pair));
	return sv_from(arena_printf(a, "Basic %.*s", SV_ARG(code)));
}

static void exchange(struct job *j)
{
	const struct visit *v = j->state;
	const json_t *said = parse(j, v->metadata);
	struct net_header headers[] = { { SV("Content-Type"),
					  SV("application/x-www-form-urlencoded") },
					{ SV("Accept"), SV("application/json") },
					{ SV("Authorization"), basic(j->arena, v->provider) } };
	bool header = v->provider->client_secret.n && by_header(said);
	struct net_request r = to(j, text(said, "token_endpoint"));
	buf_auto struct buf b = BUF_INIT;

	form(&b, "grant_type", SV("authorization_code"));
	form(&b, "code", v->code);
	form(&b, "redirect_uri",
	     sv_from(arena_printf(j->arena, "%s/auth/v1/callback", conf_str(CONF_base_url))));
	form(&b, "code_verifier", v->verifier);
	if (!header)
		form(&b, "client_id", v->provider->client_id);
	if (!header && v->provider->client_secret.n)
		form(&b, "client_secret", v->provider->client_secret);
	r.headers = headers;
	r.n_headers = header ? 3 : 2;
	r.body = arena_sv(j->arena, buf_sv(&b));
	net_start(worker_of(j)->net, &r, got_tokens, j);
}

/* ---- the job --------------------------------------------------------------------------- */

static struct sv kept(struct job *j, const struct db_batch *b, int row, const char *name)
{
	struct sv v = db_first(b, row, name);

	return sv_present(v) ? arena_sv(j->arena, v) : v;
}

static void read_visit(struct job *j, const struct db_batch *b, int row)
{
	struct visit *v = j->state;
	struct sv sealed = db_first(b, row, "secrets");
	const json_t *secrets;

	v->provider = oidc_provider(db_first(b, row, "provider"));
	v->nonce = kept(j, b, row, "nonce");
	v->metadata = kept(j, b, row, "metadata");
	v->jwks = kept(j, b, row, "jwks");
	if (!sealed.n)
		return;
	secrets = parse(j, crypto_open(j->arena, SV("flow_state.secrets"), sealed));
	v->verifier = text(secrets, "verifier");
	v->code = text(secrets, "code");
}

void oidc_start(struct job *j)
{
	struct visit *v = ARENA_NEW(j->arena, struct visit);
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };
	struct sv status;
	int row;

	j->state = v;
	v->flow = arena_sv(j->arena, text(parse(j, j->payload), "flow"));
	db_as_self(b);
	row = db_add(b, "select * from auth.flow_load($1)", DB_S(v->flow));
	if (db_run(b, &e)) {
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
		return;
	}
	status = db_first(b, row, "status");
	read_visit(j, b, row);
	if (!sv_eq(status, SV("discover")) && !sv_eq(status, SV("exchange")))
		job_done(j); /* it is over */
	else if (!v->provider)
		give_up(j, "oauth_provider_not_supported", "This provider is not configured", SV_NONE);
	else if (sv_eq(status, SV("discover")))
		discover(j);
	else
		exchange(j);
}
