#include "signin/signin.h"

#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/keys.h"

#include <jansson.h>

/* Clocks of two machines may differ by so much. */
#define SKEW_SECONDS 60

/* ---- the file of providers ---------------------------------------------------- */

static struct {
	bool read;
	json_t *file; /* the texts of v live in it */
	struct oidc_provider *v;
	size_t n;
} known;

static struct sv text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

/* Some write their issuer with a slash at its end, and some with and without. */
static struct sv without_slash(struct sv issuer)
{
	if (sv_ends(issuer, SV("/")))
		issuer.n--;
	return issuer;
}

static void read_file(void)
{
	const char *path = conf_str(CONF_oidc_providers), *name;
	json_error_t fault;
	json_t *o;

	known.read = true;
	if (!*path)
		return;
	known.file = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
	if (!json_is_object(known.file)) {
		log_error("oidc_providers cannot be read", LOG_C("file", path),
			  LOG_C("why", fault.text));
		return;
	}
	known.v = mem_alloc((json_object_size(known.file) + 1) * sizeof(*known.v));
	json_object_foreach(known.file, name, o) {
		struct oidc_provider p = { .name = sv_from(name),
					   .issuer = without_slash(text(o, "issuer")),
					   .client_id = text(o, "client_id"),
					   .client_secret = text(o, "client_secret"),
					   .scope = text(o, "scope") };

		if (!p.scope.n)
			p.scope = SV("openid email profile");
		if (p.issuer.n && p.client_id.n)
			known.v[known.n++] = p;
		else
			log_error("a provider lacks issuer or client_id", LOG_C("name", name));
	}
}

const struct oidc_provider *oidc_providers(size_t *n)
{
	if (!known.read)
		read_file();
	*n = known.n;
	return known.v;
}

const struct oidc_provider *oidc_provider(struct sv name)
{
	size_t n;
	const struct oidc_provider *v = oidc_providers(&n);

	for (size_t i = 0; i < n; i++)
		if (sv_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

/* ---- id tokens (OpenID Connect Core, 3.1.3.7) ------------------------------------ */

static bool is_for(const json_t *claims, struct sv client)
{
	const json_t *aud = json_object_get(claims, "aud"), *one;
	struct sv azp = text(claims, "azp");
	size_t i;

	if (azp.n && !sv_eq(azp, client))
		return false;
	if (json_is_string(aud))
		return sv_eq(text(claims, "aud"), client);
	json_array_foreach(aud, i, one)
		if (json_is_string(one) && sv_eq(sv_from(json_string_value(one)), client))
			return true;
	return false;
}

static const char *fault_of(const json_t *claims, const struct oidc_provider *p, struct sv nonce,
			    int64_t now_s)
{
	const json_t *exp = json_object_get(claims, "exp");

	if (!sv_eq(without_slash(text(claims, "iss")), p->issuer))
		return "the id_token is another issuer's";
	if (!is_for(claims, p->client_id))
		return "the id_token is for another client";
	if (!json_is_number(exp) || json_number_value(exp) + SKEW_SECONDS < (double)now_s)
		return "the id_token has expired";
	if (!crypto_equal(text(claims, "nonce"), nonce))
		return "the id_token belongs to another visit";
	if (!text(claims, "sub").n)
		return "the id_token names nobody";
	return NULL;
}

/* The payload, if one of the provider's keys has signed it. */
static struct sv signed_payload(struct arena *a, struct sv jwks, struct sv token)
{
	struct sv rest = token, head = sv_cut(&rest, '.'), body = sv_cut(&rest, '.');
	struct sv plain = crypto_unbase64(a, head), sig = crypto_unbase64(a, rest), kid;
	json_t *header = plain.n ? json_loadb(plain.p, plain.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	struct crypto_keys *keys;
	struct err e = { 0 };
	bool good;

	kid = text(header, "kid");
	good = json_is_object(header) && !json_object_get(header, "crit") &&
	       sv_chr(rest, '.') < 0 && sig.n && sv_starts(sv_trim(jwks), SV("{")) &&
	       !crypto_keys_read(a, jwks, false, &keys, &e) &&
	       crypto_keys_verify(keys, text(header, "alg"), kid,
				  sv_make(token.p, head.n + 1 + body.n), sig) == CRYPTO_SIGNED;
	json_decref(header);
	return good ? crypto_unbase64(a, body) : SV_NONE;
}

struct sv oidc_claims(struct arena *a, const struct oidc_provider *p, struct sv jwks,
		      struct sv id_token, struct sv nonce, int64_t now_s, const char **why)
{
	struct sv payload = signed_payload(a, jwks, id_token);
	json_t *claims;

	*why = "the signature of the id_token does not hold";
	if (!payload.n)
		return SV_NONE;
	claims = json_loadb(payload.p, payload.n, JSON_REJECT_DUPLICATES, NULL);
	*why = json_is_object(claims) ? fault_of(claims, p, nonce, now_s) :
					"the id_token is not JSON";
	json_decref(claims);
	return *why ? SV_NONE : payload;
}
