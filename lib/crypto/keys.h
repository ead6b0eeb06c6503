/*
 * keys: other people's keys, to check signatures of JSON Web Tokens with:
 * a shared secret, a JWK or a set of JWKs (RFC 7517, RFC 7518).
 *
 * Known algorithms: HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384,
 * ES512 and EdDSA with Ed25519. A key serves only the algorithms of its own
 * kind, so that a public key is never taken for a shared secret.
 */
#ifndef CRYPTO_KEYS_H
#define CRYPTO_KEYS_H

#include "base/err.h"

struct crypto_keys;

/*
 * A JWK or a JWK set when the text is a JSON object, else a secret. base64:
 * the text is base64 (either alphabet) of one of these. The keys live as long
 * as the arena. ST_BAD_INPUT when nothing usable is in it.
 */
enum status crypto_keys_read(struct arena *a, struct sv text, bool base64,
			     struct crypto_keys **out, struct err *e) WARN_UNUSED;

enum crypto_verdict {
	CRYPTO_SIGNED,       /* by one of the keys */
	CRYPTO_NO_KEY,       /* none of them is for this algorithm or kid */
	CRYPTO_NO_ALGORITHM, /* not one that is known */
	CRYPTO_NOT_SIGNED
};

/* kid: SV_NONE when the token names no key; then all of them are tried. */
enum crypto_verdict crypto_keys_verify(const struct crypto_keys *keys, struct sv alg, struct sv kid,
				       struct sv text, struct sv signature);

#endif
