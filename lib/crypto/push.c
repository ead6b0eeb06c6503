/* Web push: RFC 8188 and 8291 (the body), RFC 8292 (who sends it). */
#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string.h>

#define SCALAR 32
#define POINT 65
#define SALT 16
#define AUTH 16
#define KEY 16
#define NONCE 12
#define TAG 16
#define RECORD 4096
#define TEXT_MAX 3900

/* ---- keys ------------------------------------------------------------------- */

static EVP_PKEY *key_from(OSSL_PARAM *params, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* NULL unless it is a point of the curve. */
static EVP_PKEY *public_key(struct sv point)
{
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
						  (void *)(uintptr_t)point.p, point.n),
		OSSL_PARAM_construct_end(),
	};

	if (point.n != POINT || point.p[0] != 4)
		return NULL;
	return key_from(params, EVP_PKEY_PUBLIC_KEY);
}

/* The point that belongs to a private scalar. */
static bool point_of(const BIGNUM *scalar, unsigned char out[static POINT])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	bool good = point && EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
		    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, POINT,
				       NULL) == POINT;

	EC_POINT_free(point);
	EC_GROUP_free(group);
	return good;
}

static EVP_PKEY *private_key(struct sv scalar, unsigned char point[static POINT])
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn((const unsigned char *)scalar.p, (int)scalar.n, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (build && n && scalar.n == SCALAR && point_of(n, point) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, n))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params)
		key = key_from(params, EVP_PKEY_KEYPAIR);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(n);
	return key;
}

/* The installation's own. What is derived is a scalar of the curve but for one
 * master key in four thousand million; that one's is hashed once more. */
static EVP_PKEY *own_key(unsigned char point[static POINT])
{
	unsigned char scalar[SHA256_SIZE];
	EVP_PKEY *key;

	crypto_derive(scalar, "vapid");
	key = private_key(sv_make((const char *)scalar, sizeof(scalar)), point);
	if (!key) {
		crypto_sha256(scalar, sv_make((const char *)scalar, sizeof(scalar)));
		key = private_key(sv_make((const char *)scalar, sizeof(scalar)), point);
	}
	if (!key)
		crypto_broken("no key for web push");
	return key;
}

struct sv crypto_push_public(struct arena *a)
{
	unsigned char point[POINT];

	EVP_PKEY_free(own_key(point));
	return crypto_base64url(a, sv_make((const char *)point, sizeof(point)));
}

/* ---- the body --------------------------------------------------------------- */

static bool shared_secret(EVP_PKEY *own, EVP_PKEY *theirs, unsigned char out[static SCALAR])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t n = SCALAR;
	bool good = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		    EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
		    EVP_PKEY_derive(ctx, out, &n) == 1 && n == SCALAR;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* HKDF with one block: HMAC(HMAC(salt, secret), info || 1). */
static void hkdf(struct sv salt, struct sv secret, struct sv info, unsigned char out[static SHA256_SIZE])
{
	unsigned char prk[SHA256_SIZE];
	buf_auto struct buf b = BUF_INIT;

	crypto_hmac_sha256(prk, salt, secret);
	buf_add(&b, info);
	buf_addc(&b, 1);
	crypto_hmac_sha256(out, sv_make((const char *)prk, sizeof(prk)), buf_sv(&b));
}

/* "WebPush: info" NUL, their point, ours: RFC 8291, 3.4. */
static struct sv key_info(struct buf *b, struct sv theirs, const unsigned char *ours)
{
	buf_add(b, sv_make("WebPush: info", sizeof("WebPush: info")));
	buf_add(b, theirs);
	buf_add(b, sv_make((const char *)ours, POINT));
	return buf_sv(b);
}

static bool encrypt(const unsigned char *key, const unsigned char *nonce, struct sv plain, char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *to = (unsigned char *)out;
	int n = 0, m = 0;
	bool good = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
		    EVP_EncryptUpdate(ctx, to, &n, (const unsigned char *)plain.p, (int)plain.n) == 1 &&
		    EVP_EncryptFinal_ex(ctx, to + n, &m) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, to + plain.n) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return good;
}

/* salt | record size | length of the key | our point | one record. */
static struct sv body(struct arena *a, struct sv salt, const unsigned char *point, struct sv ikm,
		      struct sv text)
{
	static const char key_label[] = "Content-Encoding: aes128gcm", nonce_label[] = "Content-Encoding: nonce";
	unsigned char key[SHA256_SIZE], nonce[SHA256_SIZE];
	buf_auto struct buf plain = BUF_INIT;
	struct buf *out = buf_in_arena(a);

	hkdf(salt, ikm, sv_make(key_label, sizeof(key_label)), key);
	hkdf(salt, ikm, sv_make(nonce_label, sizeof(nonce_label)), nonce);
	buf_add(&plain, text);
	buf_addc(&plain, 2); /* the last record */
	buf_add(out, salt);
	buf_add(out, sv_make((const char[]){ 0, 0, RECORD >> 8, RECORD & 0xff, POINT }, 5));
	buf_add(out, sv_make((const char *)point, POINT));
	if (!encrypt(key, nonce, buf_sv(&plain), buf_room(out, plain.n + TAG)))
		crypto_broken("AES-128-GCM failed");
	out->n += plain.n + TAG;
	return buf_sv(out);
}

static struct sv seal(struct arena *a, EVP_PKEY *own, const unsigned char *point, struct sv theirs,
		      struct sv auth, struct sv text, struct sv salt)
{
	EVP_PKEY *peer = public_key(theirs);
	unsigned char secret[SCALAR], ikm[SHA256_SIZE];
	buf_auto struct buf info = BUF_INIT;
	bool good = own && peer && auth.n == AUTH && salt.n == SALT && text.n <= TEXT_MAX &&
		    shared_secret(own, peer, secret);

	EVP_PKEY_free(peer);
	if (!good)
		return SV_NONE;
	hkdf(auth, sv_make((const char *)secret, sizeof(secret)), key_info(&info, theirs, point), ikm);
	return body(a, salt, point, sv_make((const char *)ikm, sizeof(ikm)), text);
}

struct sv crypto_push_seal_with(struct arena *a, struct sv p256dh, struct sv auth, struct sv text,
				struct sv scalar, struct sv salt)
{
	unsigned char point[POINT];
	EVP_PKEY *own = private_key(scalar, point);
	struct sv out = seal(a, own, point, crypto_unbase64(a, p256dh), crypto_unbase64(a, auth), text,
			     salt);

	EVP_PKEY_free(own);
	return out;
}

struct sv crypto_push_seal(struct arena *a, struct sv p256dh, struct sv auth, struct sv text)
{
	unsigned char scalar[SCALAR], salt[SALT];

	crypto_random(scalar, sizeof(scalar));
	scalar[0] &= 0x7f; /* below the order of the curve */
	crypto_random(salt, sizeof(salt));
	return crypto_push_seal_with(a, p256dh, auth, text, sv_make((const char *)scalar, sizeof(scalar)),
				     sv_make((const char *)salt, sizeof(salt)));
}

/* ---- who sends it ----------------------------------------------------------- */

/* r and s one behind the other, as JSON Web Tokens have them. */
static bool raw_signature(const unsigned char *der, size_t n, unsigned char out[static 2 * SCALAR])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, SCALAR) == SCALAR &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + SCALAR, SCALAR) == SCALAR;

	ECDSA_SIG_free(sig);
	return good;
}

static void sign(EVP_PKEY *key, struct sv text, unsigned char out[static 2 * SCALAR])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[128];
	size_t n = sizeof(der);

	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, der, &n, (const unsigned char *)text.p, text.n) != 1 ||
	    !raw_signature(der, n, out))
		crypto_broken("ES256 failed");
	EVP_MD_CTX_free(ctx);
}

static void claim(struct buf *b, const char *name, struct sv value)
{
	buf_json_key(b, name);
	buf_json(b, value);
}

struct sv crypto_push_authorization(struct arena *a, struct sv audience, struct sv subject,
				    int64_t expires_s)
{
	unsigned char point[POINT], signature[2 * SCALAR];
	EVP_PKEY *key = own_key(point);
	buf_auto struct buf claims = BUF_INIT;
	buf_auto struct buf token = BUF_INIT;
	struct sv k = crypto_base64url(a, sv_make((const char *)point, sizeof(point)));

	buf_addc(&claims, '{');
	claim(&claims, "aud", audience);
	buf_addf(&claims, ",\"exp\":%lld", (long long)expires_s);
	claim(&claims, "sub", subject);
	buf_addc(&claims, '}');
	buf_add(&token, crypto_base64url(a, SV("{\"typ\":\"JWT\",\"alg\":\"ES256\"}")));
	buf_addc(&token, '.');
	buf_add(&token, crypto_base64url(a, buf_sv(&claims)));
	sign(key, buf_sv(&token), signature);
	EVP_PKEY_free(key);
	buf_addc(&token, '.');
	buf_add(&token, crypto_base64url(a, sv_make((const char *)signature, sizeof(signature))));
	return sv_from(arena_printf(a, "vapid t=%.*s, k=%.*s", (int)token.n, token.p, SV_ARG(k)));
}
