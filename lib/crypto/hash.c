#include "crypto/crypto.h"
#include "crypto/internal.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void crypto_broken(const char *what)
{
	fprintf(stderr, "kontor: crypto: %s\n", what);
	abort();
}

void crypto_random(void *out, size_t n)
{
	if (n > INT32_MAX || RAND_bytes(out, (int)n) != 1)
		crypto_broken("no random numbers");
}

/* Fetched once: looking an algorithm up by name costs more than using it. */
static const EVP_MD *sha256(void)
{
	static EVP_MD *md;

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!md)
		crypto_broken("OpenSSL has no SHA256");
	return md;
}

static EVP_MAC *hmac(void)
{
	static EVP_MAC *mac;

	if (!mac)
		mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!mac)
		crypto_broken("OpenSSL has no HMAC");
	return mac;
}

void crypto_sha256(unsigned char out[static SHA256_SIZE], struct sv data)
{
	if (EVP_Digest(data.p ? data.p : "", data.n, out, NULL, sha256(), NULL) != 1)
		crypto_broken("SHA256 failed");
}

void crypto_hmac_sha256(unsigned char out[static SHA256_SIZE], struct sv key, struct sv data)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac());
	size_t n;

	/* A NULL key would mean "the key of before", so empty is a pointer too. */
	if (!ctx ||
	    !EVP_MAC_init(ctx, (const unsigned char *)(key.n ? key.p : ""), key.n, params) ||
	    !EVP_MAC_update(ctx, (const unsigned char *)(data.n ? data.p : ""), data.n) ||
	    !EVP_MAC_final(ctx, out, &n, SHA256_SIZE) || n != SHA256_SIZE)
		crypto_broken("HMAC failed");
	EVP_MAC_CTX_free(ctx);
}

void crypto_hmac_sha1(unsigned char out[static SHA1_SIZE], struct sv key, struct sv data)
{
	unsigned n = 0;

	if (!HMAC(EVP_sha1(), key.n ? key.p : "", (int)key.n,
		  (const unsigned char *)(data.n ? data.p : ""), data.n, out, &n) ||
	    n != SHA1_SIZE)
		crypto_broken("HMAC failed");
}

bool crypto_equal(struct sv a, struct sv b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

struct sv crypto_token_hash(struct arena *a, struct sv token)
{
	unsigned char digest[SHA256_SIZE];

	crypto_sha256(digest, token);
	return crypto_hex(a, sv_make((const char *)digest, sizeof(digest)));
}

struct sv crypto_token_new(struct arena *a, const char *prefix)
{
	unsigned char secret[32];
	struct sv text;

	crypto_random(secret, sizeof(secret));
	text = crypto_base64url(a, sv_make((const char *)secret, sizeof(secret)));
	return sv_from(arena_printf(a, "%s%.*s", prefix, SV_ARG(text)));
}
