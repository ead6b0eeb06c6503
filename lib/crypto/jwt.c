#include "crypto/crypto.h"
#include "base/clock.h"

#include <jansson.h>

#include <string.h>

/* base64url of {"alg":"HS256","typ":"JWT"}: what our own tokens begin with. */
#define OUR_HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
/* Clocks of two machines may differ by so much. */
#define SKEW_SECONDS 30

static void json_free(json_t **j)
{
	json_decref(*j);
}
#define json_auto __attribute__((cleanup(json_free)))

static json_t *parse(struct sv text)
{
	return text.n ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static struct sv signature(struct arena *a, struct sv key, struct sv text)
{
	unsigned char *mac = arena_alloc(a, SHA256_SIZE);

	crypto_hmac_sha256(mac, key, text);
	return sv_make((const char *)mac, SHA256_SIZE);
}

static struct sv jwt_key(unsigned char out[static SHA256_SIZE])
{
	crypto_derive(out, "jwt");
	return sv_make((const char *)out, SHA256_SIZE);
}

struct sv crypto_jwt_sign(struct arena *a, struct sv payload)
{
	unsigned char key[SHA256_SIZE];
	struct sv body = crypto_base64url(a, payload);
	struct sv text = sv_from(arena_printf(a, OUR_HEADER ".%.*s", SV_ARG(body)));
	struct sv sig = crypto_base64url(a, signature(a, jwt_key(key), text));

	return sv_from(arena_printf(a, "%.*s.%.*s", SV_ARG(text), SV_ARG(sig)));
}

/* The algorithm is ours to choose, never the token's: "none" and every other
 * are refused, and so is a token that demands extensions (crit). */
static bool header_holds(struct arena *a, struct sv encoded)
{
	json_auto json_t *header = NULL;
	const json_t *typ;
	const char *alg;

	if (sv_eq(encoded, SV(OUR_HEADER)))
		return true;
	header = parse(crypto_unbase64(a, encoded));
	alg = json_string_value(json_object_get(header, "alg"));
	if (!alg || strcmp(alg, "HS256") || json_object_get(header, "crit"))
		return false;
	typ = json_object_get(header, "typ");
	return !typ || (json_is_string(typ) && sv_ieq(sv_from(json_string_value(typ)), SV("JWT")));
}

/* exp and nbf, where present, must be numbers of seconds. */
static bool times_hold(struct sv payload, int64_t now, bool *expired)
{
	json_auto json_t *claims = parse(payload);
	const json_t *exp = json_object_get(claims, "exp");
	const json_t *nbf = json_object_get(claims, "nbf");

	if (!json_is_object(claims) || (exp && !json_is_number(exp)) ||
	    (nbf && !json_is_number(nbf)))
		return false;
	*expired = (exp && (double)(now - SKEW_SECONDS) >= json_number_value(exp)) ||
		   (nbf && (double)(now + SKEW_SECONDS) < json_number_value(nbf));
	return !*expired;
}

struct sv crypto_jwt_verify(struct arena *a, struct sv key, struct sv token, int64_t now_s,
			    bool *expired)
{
	struct sv rest = token, header, body, sig, payload;

	*expired = false;
	header = sv_cut(&rest, '.');
	body = sv_cut(&rest, '.');
	/* Three parts, base64url without padding; the decoder would take more. */
	if (!sv_present(rest) || sv_chr(rest, '.') >= 0 || sv_chr(token, '=') >= 0 ||
	    sv_chr(token, '+') >= 0 || sv_chr(token, '/') >= 0)
		return SV_NONE;
	sig = crypto_unbase64(a, rest);
	if (!header_holds(a, header) ||
	    !crypto_equal(sig, signature(a, key, sv_make(token.p, header.n + 1 + body.n))))
		return SV_NONE;
	payload = crypto_unbase64(a, body);
	return times_hold(payload, now_s, expired) ? payload : SV_NONE;
}

struct sv crypto_jwt_open(struct arena *a, struct sv token, bool *expired)
{
	unsigned char key[SHA256_SIZE];

	return crypto_jwt_verify(a, jwt_key(key), token, clock_now_ms() / 1000, expired);
}
