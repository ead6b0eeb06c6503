/* Time-based one-time passwords (RFC 6238), as authenticator apps make them. */
#include "crypto/crypto.h"
#include "crypto/internal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define STEP_SECONDS 30
#define DIGITS 6

struct sv crypto_base32(struct arena *a, struct sv data)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char *out = arena_alloc(a, data.n * 8 / 5 + 2);
	uint32_t bits = 0;
	size_t n = 0;
	int have = 0;

	for (size_t i = 0; i < data.n; i++) {
		bits = bits << 8 | (unsigned char)data.p[i];
		for (have += 8; have >= 5; have -= 5)
			out[n++] = letters[bits >> (have - 5) & 31];
	}
	if (have)
		out[n++] = letters[bits << (5 - have) & 31];
	return sv_make(out, n);
}

/* RFC 4226, 5.3. SHA-1 is what the apps know; as a MAC it still holds. */
static unsigned code_at(struct sv secret, int64_t step)
{
	unsigned char counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned n = 0, at;

	for (int i = 0; i < 8; i++)
		counter[i] = (unsigned char)((uint64_t)step >> (8 * (7 - i)));
	if (!HMAC(EVP_sha1(), secret.p, (int)secret.n, counter, sizeof(counter), mac, &n))
		crypto_broken("HMAC-SHA1 failed");
	at = mac[n - 1] & 15;
	return ((unsigned)(mac[at] & 0x7f) << 24 | (unsigned)mac[at + 1] << 16 |
		(unsigned)mac[at + 2] << 8 | mac[at + 3]) % 1000000;
}

struct sv crypto_totp(struct arena *a, struct sv secret, int64_t step)
{
	return sv_from(arena_printf(a, "%0*u", DIGITS, code_at(secret, step)));
}

int64_t crypto_totp_check(struct arena *a, struct sv secret, struct sv code, int64_t now_s)
{
	int64_t found = -1;

	for (int64_t step = now_s / STEP_SECONDS - 1; step <= now_s / STEP_SECONDS + 1; step++)
		if (crypto_equal(crypto_totp(a, secret, step), code))
			found = step;
	return found;
}
