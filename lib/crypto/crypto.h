/*
 * crypto: the few primitives that the program uses, over OpenSSL and libargon2.
 *
 * Nothing here invents a scheme. Comparisons of secrets are in constant
 * time. Functions that can only fail when the machine is broken (no random
 * numbers, no memory) abort; functions that judge input return bool.
 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"

#define SHA1_SIZE 20
#define SHA256_SIZE 32

void crypto_random(void *out, size_t n);
void crypto_sha256(unsigned char out[static SHA256_SIZE], struct sv data);
void crypto_hmac_sha256(unsigned char out[static SHA256_SIZE], struct sv key, struct sv data);
/* Only for signatures that others make with it (Twilio). */
void crypto_hmac_sha1(unsigned char out[static SHA1_SIZE], struct sv key, struct sv data);
/* Equal length and content, in constant time. */
bool crypto_equal(struct sv a, struct sv b);

/* Text forms, in the arena. Decoders return SV_NONE for malformed input;
 * base64 takes both alphabets, with or without padding. */
struct sv crypto_hex(struct arena *a, struct sv data);
struct sv crypto_unhex(struct arena *a, struct sv text);
struct sv crypto_base64(struct arena *a, struct sv data);
struct sv crypto_base64url(struct arena *a, struct sv data); /* no padding */
struct sv crypto_unbase64(struct arena *a, struct sv text);

/* Hex SHA-256 of a token: what the database keeps in its place. */
struct sv crypto_token_hash(struct arena *a, struct sv token);
/* prefix + 43 characters of base64url (256 random bits). */
struct sv crypto_token_new(struct arena *a, const char *prefix);

/* Passwords: argon2id in PHC form ($argon2id$v=19$m=19456,t=2,p=1$...). An
 * empty phc is never right but takes as long: pass it for unknown accounts. */
struct sv crypto_password_hash(struct arena *a, struct sv password);
bool crypto_password_check(struct sv phc, struct sv password);

/*
 * Sealing: AES-256-GCM under a key derived from the installation's master key.
 *
 * `context` names what is sealed and for whom ("channel:<id>:bot_token"); it
 * is authenticated, so a sealed value moved to another row does not open.
 * Sealed form: "v1." + base64url(nonce 12 | ciphertext | tag 16).
 */
/* Read the 64 hex digits from the file; keeps the key for the process. */
enum status crypto_key_load(const char *path, struct arena *a, struct err *e) WARN_UNUSED;
/* The same from memory, for tests. Whatever needs the key aborts without it. */
void crypto_key_set(const unsigned char key[static 32]);
struct sv crypto_seal(struct arena *a, struct sv context, struct sv plain);
/* SV_NONE when it was not sealed by this key for this context. */
struct sv crypto_open(struct arena *a, struct sv context, struct sv sealed);
/* A key of its own for each purpose, derived from the master key by
 * HMAC-SHA256: for CSRF tokens, JWT signatures, signed links. */
void crypto_derive(unsigned char out[static SHA256_SIZE], const char *purpose);

/*
 * JSON Web Tokens, HS256 only, signed with the derived key "jwt".
 * crypto_jwt_open returns the payload (JSON text) of a token whose signature
 * is right and whose exp/nbf hold now (30 seconds either way), else SV_NONE;
 * *expired tells whether time was the reason.
 */
struct sv crypto_jwt_sign(struct arena *a, struct sv payload);
struct sv crypto_jwt_open(struct arena *a, struct sv token, bool *expired);
/* The same under somebody else's key, at a time in seconds since 1970. */
struct sv crypto_jwt_verify(struct arena *a, struct sv key, struct sv token, int64_t now_s,
			    bool *expired);

/*
 * Time-based one-time passwords (RFC 6238): SHA-1, 30 seconds, six digits, which
 * every authenticator app knows. A secret is raw bytes; base32 is its text form.
 */
struct sv crypto_base32(struct arena *a, struct sv data); /* no padding */
struct sv crypto_totp(struct arena *a, struct sv secret, int64_t step);
/* The step whose code this is, now or one step off; -1 when it is none. The
 * caller remembers the step, so that a code works once. */
int64_t crypto_totp_check(struct arena *a, struct sv secret, struct sv code, int64_t now_s);

/*
 * Messages to browsers (web push): encrypted for one subscription as RFC 8291
 * has it (aes128gcm in one record), signed as RFC 8292 has it (VAPID). The
 * installation's key pair is derived from the master key, so that there is
 * nothing to keep beside it.
 */
/* The public key as browsers want it: base64url of the point. */
struct sv crypto_push_public(struct arena *a);
/* The body to post; SV_NONE when the subscription's keys (base64url, as the
 * browser gave them) are none, or the text is longer than 3900 bytes. */
struct sv crypto_push_seal(struct arena *a, struct sv p256dh, struct sv auth, struct sv text);
/* The same with a given key and salt, for the examples of the RFC. */
struct sv crypto_push_seal_with(struct arena *a, struct sv p256dh, struct sv auth, struct sv text,
				struct sv private_key, struct sv salt);
/* The value of the header Authorization. audience: scheme and host of the
 * endpoint; subject: mailto: or https: of who runs the installation. */
struct sv crypto_push_authorization(struct arena *a, struct sv audience, struct sv subject,
				    int64_t expires_s);

#endif
