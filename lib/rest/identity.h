/*
 * identity: who asks, from a JSON Web Token, as PostgREST decides it.
 *
 * The secret is a text (HMAC), the same in base64, a JWK, or a set of them
 * (RFC 7517); the role is where a path says:
 *
 *	.role   .realm."my roles"[0]   .roles[?(@ == "writer")]
 *	$.role  $['https://example.com/role'].key
 */
#ifndef REST_IDENTITY_H
#define REST_IDENTITY_H

#include "base/buf.h"
#include "base/err.h"

struct crypto_keys;

struct rest_identity_options {
	const struct crypto_keys *keys; /* NULL: tokens cannot be checked */
	struct sv audience;             /* empty: any */
	struct sv role_path;
	struct sv anon_role; /* empty: nobody comes in without a role */
};

struct rest_identity {
	struct sv role;
	struct sv claims; /* JSON object, with the role in it */
	bool token;       /* a token said so */
};

/*
 * The authorization header as sent (SV_NONE: none). Refusals are
 * ST_UNAUTHENTICATED with PGRST301 to PGRST303, or ST_INTERNAL with PGRST300
 * when there is no secret to check with.
 */
enum status rest_identify(const struct rest_identity_options *o, struct sv authorization,
			  int64_t now_s, struct arena *a, struct rest_identity *out,
			  struct err *e) WARN_UNUSED;

/* What the path finds in the claims (JSON text), or SV_NONE; *good is false
 * when the path itself cannot be understood. */
struct sv rest_role_path(struct arena *a, struct sv path, struct sv claims, bool *good);

#endif
