#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 32
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define MARK "v1."

static unsigned char master[KEY_SIZE];
static bool have_master;

void crypto_key_set(const unsigned char key[static 32])
{
	memcpy(master, key, KEY_SIZE);
	have_master = true;
}

enum status crypto_key_load(const char *path, struct arena *a, struct err *e)
{
	char text[2 * KEY_SIZE + 8];
	struct sv key;
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f)
		return err_set(e, a, ST_INTERNAL, "master key %s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	key = crypto_unhex(a, sv_trim(sv_make(text, n)));
	if (key.n != KEY_SIZE)
		return err_set(e, a, ST_INTERNAL,
			       "master key %s: expected 64 hex digits and nothing else", path);
	crypto_key_set((const unsigned char *)key.p);
	return ST_OK;
}

void crypto_derive(unsigned char out[static SHA256_SIZE], const char *purpose)
{
	if (!have_master)
		crypto_broken("used before the master key was loaded");
	crypto_hmac_sha256(out, sv_make((const char *)master, sizeof(master)), sv_from(purpose));
}

static const EVP_CIPHER *gcm(void)
{
	static EVP_CIPHER *cipher;

	if (!cipher)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!cipher)
		crypto_broken("OpenSSL has no AES-256-GCM");
	return cipher;
}

/* A cipher that has taken key, nonce and context; wants the text next. */
static EVP_CIPHER_CTX *start(const unsigned char *nonce, struct sv context, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char key[SHA256_SIZE];
	int n;

	crypto_derive(key, "seal");
	if (!ctx || !EVP_CipherInit_ex2(ctx, gcm(), key, nonce, encrypt, NULL) ||
	    (context.n && !EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)context.p,
					    (int)context.n)))
		crypto_broken("AES-256-GCM failed");
	return ctx;
}

struct sv crypto_seal(struct arena *a, struct sv context, struct sv plain)
{
	size_t size = NONCE_SIZE + plain.n + TAG_SIZE;
	unsigned char *box = arena_alloc(a, size), *text = box + NONCE_SIZE;
	EVP_CIPHER_CTX *ctx;
	struct sv body;
	int n = 0;

	if (plain.n > INT32_MAX - 64)
		crypto_broken("too much to seal");
	crypto_random(box, NONCE_SIZE);
	ctx = start(box, context, 1);
	if ((plain.n && !EVP_CipherUpdate(ctx, text, &n, (const unsigned char *)plain.p,
					  (int)plain.n)) ||
	    !EVP_CipherFinal_ex(ctx, text + n, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, text + plain.n))
		crypto_broken("AES-256-GCM failed");
	EVP_CIPHER_CTX_free(ctx);
	body = crypto_base64url(a, sv_make((const char *)box, size));
	return sv_from(arena_printf(a, MARK "%.*s", SV_ARG(body)));
}

struct sv crypto_open(struct arena *a, struct sv context, struct sv sealed)
{
	struct sv box = SV_NONE;
	unsigned char tag[TAG_SIZE], *out;
	const unsigned char *in;
	EVP_CIPHER_CTX *ctx;
	size_t size;
	bool good;
	int n = 0;

	if (sv_starts(sealed, SV(MARK)))
		box = crypto_unbase64(a, sv_skip(sealed, sizeof(MARK) - 1));
	if (box.n < NONCE_SIZE + TAG_SIZE || box.n > INT32_MAX)
		return SV_NONE;
	size = box.n - NONCE_SIZE - TAG_SIZE;
	in = (const unsigned char *)box.p;
	out = arena_alloc(a, size + TAG_SIZE);
	memcpy(tag, in + NONCE_SIZE + size, TAG_SIZE);
	ctx = start(in, context, 0);
	good = (size == 0 || EVP_CipherUpdate(ctx, out, &n, in + NONCE_SIZE, (int)size)) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) &&
	       EVP_CipherFinal_ex(ctx, out + n, &n) > 0;
	EVP_CIPHER_CTX_free(ctx);
	return good ? sv_make((const char *)out, size) : SV_NONE;
}
