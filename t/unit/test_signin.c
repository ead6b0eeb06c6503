/* signin: redirects, QR codes, letters, id tokens; the one-time passwords of crypto. */
#include "base/conf.h"
#include "crypto/crypto.h"
#include "signin/signin.h"
#include "t/unit/tap.h"

#include <string.h>

static struct arena *arena;

/* RFC 6238, appendix B (SHA-1, the last six of its eight digits). */
static void test_totp(void)
{
	static const struct {
		int64_t at;
		const char *code;
	} rows[] = {
		{ 59, "287082" },	  { 1111111109, "081804" }, { 1111111111, "050471" },
		{ 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
	};
	struct sv secret = SV("12345678901234567890");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ok(crypto_totp_check(arena, secret, sv_from(rows[i].code), rows[i].at) ==
			   rows[i].at / 30,
		   "the code of RFC 6238 at %lld", (long long)rows[i].at);
	ok(crypto_totp_check(arena, secret, SV("287082"), 59 + 30) == 1, "one step late is right");
	ok(crypto_totp_check(arena, secret, SV("287082"), 59 + 90) == -1, "two are not");
	ok(crypto_totp_check(arena, secret, SV("87082"), 59) == -1, "five digits are none");
	ok(sv_eq(crypto_base32(arena, SV("foobar")), SV("MZXW6YTBOI")), "base32 of RFC 4648");
	ok(sv_eq(crypto_base32(arena, SV("f")), SV("MY")), "of one byte");
}

static void test_redirect(void)
{
	static const struct {
		const char *url;
		bool good;
	} rows[] = {
		{ "https://crm.example.com", true },
		{ "https://crm.example.com/reset-password?x=1#y", true },
		{ "https://crm.example.com:443/a", true },
		{ "http://crm.example.com/", false },
		{ "https://crm.example.com.evil.example/", false },
		{ "https://crm.example.com@evil.example/", false },
		{ "https://evil.example/https://crm.example.com", false },
		{ "https://app.example.com/account", true },
		{ "https://app.example.com/account/reset", true },
		{ "https://app.example.com/accounts", false },
		{ "https://app.example.com/account/../admin", false },
		{ "https://app.example.com/", false },
		{ "myapp://back", true },
		{ "myapp://back?x", true },
		{ "myapp://backdoor", false },
		{ "javascript:alert(1)", false },
		{ "//evil.example", false },
		{ "https://crm.example.com/\r\nSet-Cookie: a=b", false },
		{ "https://crm.example.com\\@evil.example/", false },
		{ "", false },
	};

	conf_set(CONF_base_url, "https://crm.example.com");
	conf_set(CONF_auth_redirect_urls, "https://app.example.com/account, myapp://back");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ok(redirect_allowed(arena, sv_from(rows[i].url)) == rows[i].good, "redirect to %s: %s",
		   rows[i].url[0] && !strchr(rows[i].url, '\r') ? rows[i].url : "(odd)",
		   rows[i].good ? "yes" : "no");
	ok(sv_eq(redirect_or_home(arena, SV("/reset-password")),
		 SV("https://crm.example.com/reset-password")), "a path is one of ours");
	ok(sv_eq(redirect_or_home(arena, SV("//evil.example")), SV("https://crm.example.com")),
	   "any other leads home");
}

static void test_qr(void)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	ok(!qr_svg(&b, SV("otpauth://totp/x"), arena, &e), "a QR code");
	ok(sv_starts(buf_sv(&b), SV("<svg ")) && sv_ends(buf_sv(&b), SV("</svg>")), "in SVG");
	buf_release(&b);
}

/* Made by Node's crypto: an RSA and a P-256 key, and the same claims signed by each. */
static const char jwks[] =
	"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"5CI8QHcPBO-7zG-Wc15DMSRQvXNOk-khu5DSeD-ryV9Myrq6tQGZhzS7L"
	"asvkECiFfmp_l7jPpQvUdqBXRJKeE8PdMmdpxDFBIuQd-b2d7qr8RcK9FDBhKevDeEoN-HYMvBfudRHR8ZCg"
	"RZOyEjS5ewyOHmmcU2Ngv3KioELju66uNfkx8B8ZQKBStYL919hmg-ePzzIzcjcv5Fl_mcFJkxs0hg5dIPNT"
	"2kbQBn9HmOLbup1KuzbDMfxWI4v3Ow9i5arLE5_SuSxRwqLgdhBEMC_Dw-k-A7rnDavDWojBQ9DGAuFS2RPU"
	"7V3tI0q5gr5ypeN76Xt5bGht5YxueKO5Q\",\"e\":\"AQAB\",\"kid\":\"r\"},{\"kty\":\"EC\",\"x\":\"SsaijHi8uS"
	"X9xT1C5jSuxPZS0wZhb8OA1AUtxiY3nLw\",\"y\":\"rD4DtScE73VHQV_--lmS6qTR0nOKRc-DHer7pV-5EaM\""
	",\"crv\":\"P-256\",\"kid\":\"e\",\"use\":\"sig\"}]}";
static const char rs256[] =
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJqb2UiLCJhdWQiOiJ1cyIsInN1YiI6IjciLCJub"
	"25jZSI6Im4iLCJleHAiOjEzMDA4MTkzODB9.sDCE0o9RdQcg1lEqR-f3EL4QdstcFnuA43N51jhoOaNj7Uyx"
	"VrEvayKFyjZwarTiO7BVULLojxwl7M2udGQC0PPtUcv7S3R-BLIkvMoTxoqnic6RV2te1ba5TgI_5tRMG_Ec"
	"yggdJUkVRCrI0EgrFCT3oW1wlNdsdXKAV6TgEP9l6wJ0ckggbIUwrfNOM3YqXq1qq4iMzfbZzOADArcJOIao"
	"EQ0B8mL-Y14NDpKM-ksgYGsogOs2ljqE20_m0VzSzGpCH06cMrU6RYFL63d33xOjNk37fyDCZUaJl7NMhgvW"
	"6nbewiARPplS5Zp2wpoUwdd6gGZfPuTSqMmyfwEOAA";
static const char es256[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImUifQ.eyJpc3MiOiJqb2UiLCJhdWQiOiJ1cyIsInN1YiI6IjciLCJub"
	"25jZSI6Im4iLCJleHAiOjEzMDA4MTkzODB9.4YKmxNfMc6wPcfWevTQKAEYfKHsxJCdZ4jmCWLT1nLlSw558"
	"bqdiZc-oj_v3O6v0r5htZbqTHIC5663uljyhPA";

static struct sv claims_of(const char *keys, const char *token)
{
	struct oidc_provider p = { .issuer = SV("joe"), .client_id = SV("us") };
	const char *why;

	return oidc_claims(arena, &p, sv_from(keys), sv_from(token), SV("n"), 1300819000, &why);
}

static void test_keys(void)
{
	char *bent = arena_dup(arena, sv_from(rs256));

	ok(sv_starts(claims_of(jwks, rs256), SV("{\"iss\":\"joe\"")), "an RS256 token holds");
	ok(claims_of(jwks, es256).n, "and ES256");
	bent[50] ^= 1;
	ok(!claims_of(jwks, bent).n, "a bent one does not");
	ok(!claims_of("{\"keys\":[]}", rs256).n, "without keys none");
	ok(!claims_of("x", rs256).n, "nor with what is no key set");
	ok(!claims_of(jwks, "eyJhbGciOiJub25lIn0.e30.").n, "alg none is refused");
	ok(!claims_of(jwks, "eyJhbGciOiJIUzI1NiJ9.e30.AAAA").n, "and HS256 by a public key");
}

static void test_claims(void)
{
	static const struct {
		const char *issuer, *client, *nonce;
		int64_t now;
		const char *why; /* NULL: it holds */
	} rows[] = {
		{ "joe", "us", "n", 1300819000, NULL },
		{ "joe/", "us", "n", 1300819000, "issuer" },
		{ "jim", "us", "n", 1300819000, "issuer" },
		{ "joe", "them", "n", 1300819000, "another client" },
		{ "joe", "us", "m", 1300819000, "another visit" },
		{ "joe", "us", "", 1300819000, "another visit" },
		{ "joe", "us", "n", 1300820000, "expired" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct oidc_provider p = { .issuer = sv_from(rows[i].issuer),
					   .client_id = sv_from(rows[i].client) };
		const char *why = NULL;
		struct sv claims = oidc_claims(arena, &p, sv_from(jwks), sv_from(rs256),
					       sv_from(rows[i].nonce), rows[i].now, &why);

		ok(rows[i].why ? !claims.n && strstr(why, rows[i].why) : claims.n > 0,
		   "an id_token for %s at %s: %s", rows[i].client, rows[i].issuer,
		   rows[i].why ? rows[i].why : "holds");
	}
}

int main(void)
{
	arena = arena_new();
	test_totp();
	test_redirect();
	test_qr();
	test_keys();
	test_claims();
	arena_free(arena);
	return tap_done();
}
