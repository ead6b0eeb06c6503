#include "crypto/keys.h"
#include "crypto/crypto.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include <string.h>

struct crypto_key {
	struct crypto_key *next;
	char kind; /* the first letter of its algorithms: H, R, or E */
	struct sv kid, alg, secret;
	size_t field; /* EC: bytes of a coordinate; 0: Ed25519 */
	EVP_PKEY *public;
};

struct crypto_keys {
	struct crypto_key *first;
};

static const struct algorithm {
	struct sv name;
	const char *digest;
	size_t field; /* ES*: bytes of a coordinate */
} algorithms[] = {
	{ SV("HS256"), "SHA256", 0 },  { SV("HS384"), "SHA384", 0 },  { SV("HS512"), "SHA512", 0 },
	{ SV("RS256"), "SHA256", 0 },  { SV("RS384"), "SHA384", 0 },  { SV("RS512"), "SHA512", 0 },
	{ SV("ES256"), "SHA256", 32 }, { SV("ES384"), "SHA384", 48 }, { SV("ES512"), "SHA512", 66 },
	{ SV("EdDSA"), NULL, 0 },
};

static const struct algorithm *find_algorithm(struct sv name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++)
		if (sv_eq(algorithms[i].name, name))
			return &algorithms[i];
	return NULL;
}

/* ---- reading ---------------------------------------------------------------- */

static struct sv member(json_t *jwk, const char *name)
{
	json_t *v = json_object_get(jwk, name);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static struct sv number(struct arena *a, json_t *jwk, const char *name)
{
	return crypto_unbase64(a, member(jwk, name));
}

static void free_public(void *key)
{
	EVP_PKEY_free(key);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool read_rsa(struct arena *a, json_t *jwk, struct crypto_key *k)
{
	struct sv n = number(a, jwk, "n"), e = number(a, jwk, "e");
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *bn = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
	BIGNUM *be = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
	OSSL_PARAM *params = NULL;

	if (n.n >= 128 && e.n && build && bn && be &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
		params = OSSL_PARAM_BLD_to_param(build);
	k->kind = 'R';
	k->public = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(bn);
	BN_free(be);
	return k->public != NULL;
}

static const struct curve {
	const char *name, *group;
	size_t field;
} curves[] = {
	{ "P-256", "prime256v1", 32 },
	{ "P-384", "secp384r1", 48 },
	{ "P-521", "secp521r1", 66 },
};

/* 4, x, y: each coordinate in all its bytes. */
static bool read_point(struct arena *a, json_t *jwk, const struct curve *c, struct crypto_key *k)
{
	struct sv x = number(a, jwk, "x"), y = number(a, jwk, "y");
	unsigned char *point = arena_alloc(a, 1 + 2 * c->field);
	char *group = arena_dup(a, sv_from(c->group));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
						  1 + 2 * c->field),
		OSSL_PARAM_construct_end(),
	};

	if (!x.n || !y.n || x.n > c->field || y.n > c->field)
		return false;
	point[0] = 4;
	memcpy(point + 1 + c->field - x.n, x.p, x.n);
	memcpy(point + 1 + 2 * c->field - y.n, y.p, y.n);
	k->field = c->field;
	k->public = from_params("EC", params);
	return k->public != NULL;
}

static bool read_ec(struct arena *a, json_t *jwk, struct crypto_key *k)
{
	struct sv name = member(jwk, "crv");

	k->kind = 'E';
	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
		if (sv_eq(name, sv_from(curves[i].name)))
			return read_point(a, jwk, &curves[i], k);
	return false;
}

static bool read_okp(struct arena *a, json_t *jwk, struct crypto_key *k)
{
	struct sv x = number(a, jwk, "x");

	k->kind = 'E';
	if (!sv_eq(member(jwk, "crv"), SV("Ed25519")) || x.n != 32)
		return false;
	k->public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						(const unsigned char *)x.p, x.n);
	return k->public != NULL;
}

static bool read_jwk(struct arena *a, json_t *jwk, struct crypto_key *k)
{
	struct sv kty = member(jwk, "kty");

	k->kid = arena_sv(a, member(jwk, "kid"));
	if (!member(jwk, "kid").n)
		k->kid = SV_NONE;
	k->alg = arena_sv(a, member(jwk, "alg"));
	if (sv_eq(kty, SV("RSA")))
		return read_rsa(a, jwk, k);
	if (sv_eq(kty, SV("EC")))
		return read_ec(a, jwk, k);
	if (sv_eq(kty, SV("OKP")))
		return read_okp(a, jwk, k);
	k->kind = 'H';
	k->secret = number(a, jwk, "k");
	return sv_eq(kty, SV("oct")) && k->secret.n;
}

static void add_jwk(struct arena *a, struct crypto_keys *keys, json_t *jwk)
{
	struct crypto_key *k = ARENA_NEW(a, struct crypto_key), **last = &keys->first;

	if (!json_is_object(jwk) || !read_jwk(a, jwk, k))
		return;
	if (k->public)
		arena_cleanup(a, free_public, k->public);
	while (*last)
		last = &(*last)->next;
	*last = k;
}

static void add_secret(struct arena *a, struct crypto_keys *keys, struct sv secret)
{
	keys->first = ARENA_NEW(a, struct crypto_key);
	keys->first->kind = 'H';
	keys->first->secret = arena_sv(a, secret);
}

enum status crypto_keys_read(struct arena *a, struct sv text, bool base64,
			     struct crypto_keys **out, struct err *e)
{
	struct sv secret = base64 ? crypto_unbase64(a, sv_trim(text)) : text;
	json_t *json = json_loadb(secret.p ? secret.p : "", secret.n, 0, NULL);
	json_t *list = json_object_get(json, "keys"), *jwk;
	size_t i;

	*out = ARENA_NEW(a, struct crypto_keys);
	if (json_is_array(list))
		json_array_foreach(list, i, jwk) add_jwk(a, *out, jwk);
	else if (json_is_object(json))
		add_jwk(a, *out, json);
	else if (secret.n)
		add_secret(a, *out, secret);
	json_decref(json);
	if (!(*out)->first)
		return err_set(e, a, ST_BAD_INPUT, "There is no usable key in the secret");
	return ST_OK;
}

/* ---- checking ----------------------------------------------------------------- */

static bool check_hmac(const struct crypto_key *k, const struct algorithm *alg, struct sv text,
		       struct sv signature)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!HMAC(EVP_get_digestbyname(alg->digest), k->secret.p, (int)k->secret.n,
		  (const unsigned char *)text.p, text.n, mac, &n))
		return false;
	return crypto_equal(sv_make((const char *)mac, n), signature);
}

/* r and s one behind the other, as DER. Returns its length, 0 on failure. */
static int ecdsa_der(struct sv signature, unsigned char **out)
{
	const unsigned char *p = (const unsigned char *)signature.p;
	int half = (int)(signature.n / 2), n = 0;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(p, half, NULL), *s = BN_bin2bn(p + half, half, NULL);

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		n = i2d_ECDSA_SIG(sig, out);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return n > 0 ? n : 0;
}

static bool check_public(const struct crypto_key *k, const struct algorithm *alg, struct sv text,
			 const unsigned char *signature, size_t n)
{
	const EVP_MD *md = alg->digest ? EVP_get_digestbyname(alg->digest) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->public) == 1 &&
		    EVP_DigestVerify(ctx, signature, n, (const unsigned char *)text.p, text.n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

static bool check(const struct crypto_key *k, const struct algorithm *alg, struct sv text,
		  struct sv signature)
{
	unsigned char *der = NULL;
	bool good;
	int n;

	if (k->kind == 'H')
		return check_hmac(k, alg, text, signature);
	if (!alg->field)
		return check_public(k, alg, text, (const unsigned char *)signature.p, signature.n);
	if (signature.n != 2 * alg->field)
		return false;
	n = ecdsa_der(signature, &der);
	good = n && check_public(k, alg, text, der, (size_t)n);
	OPENSSL_free(der);
	return good;
}

static bool serves(const struct crypto_key *k, const struct algorithm *alg, struct sv kid)
{
	if (sv_present(kid) && (!sv_present(k->kid) || !sv_eq(k->kid, kid)))
		return false;
	if (k->alg.n && !sv_eq(k->alg, alg->name))
		return false;
	return k->kind == alg->name.p[0] && (k->kind != 'E' || k->field == alg->field);
}

enum crypto_verdict crypto_keys_verify(const struct crypto_keys *keys, struct sv alg, struct sv kid,
				       struct sv text, struct sv signature)
{
	const struct algorithm *known = find_algorithm(alg);
	enum crypto_verdict verdict = CRYPTO_NO_KEY;

	if (!known)
		return CRYPTO_NO_ALGORITHM;
	for (const struct crypto_key *k = keys->first; k; k = k->next) {
		if (!serves(k, known, kid))
			continue;
		if (check(k, known, text, signature))
			return CRYPTO_SIGNED;
		verdict = CRYPTO_NOT_SIGNED;
	}
	return verdict;
}
