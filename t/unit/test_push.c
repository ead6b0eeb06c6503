/* Web push: the example of RFC 8291, and a VAPID token that its key verifies. */
#include "t/unit/tap.h"

#include "crypto/crypto.h"
#include "crypto/keys.h"

static struct arena *a;

#define UA_PUBLIC SV("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
#define AUTH SV("BTBZMqHH6r4Tts7J_aSIgg")
#define BODY                                                                                      \
	"DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz" \
	"AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"

/* RFC 8291, section 5 and appendix A. */
static void example(void)
{
	struct sv scalar = crypto_unbase64(a, SV("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")),
		  salt = crypto_unbase64(a, SV("DGv6ra1nlYgDCS1FRnbzlw"));
	struct sv body = crypto_push_seal_with(a, UA_PUBLIC, AUTH, SV("When I grow up, I want to be a watermelon"),
					       scalar, salt);

	is_sv(crypto_base64url(a, body), SV(BODY), "CHA-114 RFC 8291's own example, byte for byte");
}

static void refusals(void)
{
	char long_text[4000] = { 0 };
	struct sv one = crypto_push_seal(a, UA_PUBLIC, AUTH, SV("x")), other = crypto_push_seal(a, UA_PUBLIC, AUTH, SV("x"));

	ok(one.n == 86 + 1 + 1 + 16, "CHA-114 header, text, end of record and tag");
	ok(!sv_eq(one, other), "CHA-114 each message has a key and a salt of its own");
	ok(!sv_present(crypto_push_seal(a, SV("AAAA"), AUTH, SV("x"))), "CHA-114 a key that is none is refused");
	ok(!sv_present(crypto_push_seal(a, SV("BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
					AUTH, SV("x"))), "CHA-114 so is a point that is not on the curve");
	ok(!sv_present(crypto_push_seal(a, UA_PUBLIC, SV("AAAA"), SV("x"))), "CHA-114 and a secret of another length");
	ok(!sv_present(crypto_push_seal(a, UA_PUBLIC, AUTH, sv_make(long_text, sizeof(long_text)))),
	   "CHA-114 and a text that fits into no record");
}

static struct sv part(struct sv s, const char *from, char end)
{
	ptrdiff_t at = sv_find(s, sv_from(from));
	struct sv rest = at < 0 ? SV_NONE : sv_skip(s, (size_t)at + strlen(from));

	return sv_cut(&rest, end);
}

/* The public point of the header as a JWK, which then verifies the token. */
static void authorization(void)
{
	struct sv value = crypto_push_authorization(a, SV("https://push.example.net"), SV("mailto:ops@example.com"), 1700000000);
	struct sv token = part(value, "t=", ','), k = part(value, "k=", ' '), point = crypto_unbase64(a, k), rest = token;
	struct sv head = sv_cut(&rest, '.'), claims = sv_cut(&rest, '.'), said = crypto_unbase64(a, claims);
	struct sv x = crypto_base64url(a, sv_make(point.p + 1, 32)), y = crypto_base64url(a, sv_make(point.p + 33, 32));
	struct sv jwk = sv_from(arena_printf(a, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.*s\",\"y\":\"%.*s\"}", SV_ARG(x), SV_ARG(y)));
	struct crypto_keys *keys;
	struct err e = { 0 };

	ok(sv_starts(value, SV("vapid t=")), "CHA-113 the scheme is vapid");
	is_sv(k, crypto_push_public(a), "CHA-113 the key is the installation's");
	is_sv(said, SV("{\"aud\":\"https://push.example.net\",\"exp\":1700000000,\"sub\":\"mailto:ops@example.com\"}"),
	      "CHA-113 RFC 8292: for whom, until when, by whom");
	ok(crypto_keys_read(a, jwk, false, &keys, &e) == ST_OK &&
	   crypto_keys_verify(keys, SV("ES256"), SV_NONE, sv_make(head.p, head.n + 1 + claims.n), crypto_unbase64(a, rest)) ==
		   CRYPTO_SIGNED, "CHA-113 and the signature is right");
	is_int((long long)point.n, 65, "CHA-113 an uncompressed point");
	is_sv(crypto_push_public(a), k, "CHA-113 always the same for one installation");
}

static void hmac_sha1(void)
{
	unsigned char mac[SHA1_SIZE];

	/* RFC 2202, test case 2 */
	crypto_hmac_sha1(mac, SV("Jefe"), SV("what do ya want for nothing?"));
	is_sv(crypto_hex(a, sv_make((const char *)mac, sizeof(mac))), SV("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"), "HMAC-SHA1");
}

int main(void)
{
	unsigned char key[32] = { 7 };

	a = arena_new();
	crypto_key_set(key);
	example();
	refusals();
	authorization();
	hmac_sha1();
	key[0] = 8;
	crypto_key_set(key);
	ok(!sv_eq(crypto_push_public(a), SV("")), "another master key makes another pair");
	arena_free(a);
	return tap_done();
}
