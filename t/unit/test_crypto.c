/* crypto/: published vectors, round trips, and what must not open. */
#include "t/unit/tap.h"

#include "base/clock.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *a;

static struct sv repeat(char c, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	memset(p, c, n);
	return sv_make(p, n);
}

static struct sv hex_hmac(struct sv key, struct sv data)
{
	unsigned char mac[SHA256_SIZE];

	crypto_hmac_sha256(mac, key, data);
	return crypto_hex(a, sv_make((const char *)mac, sizeof(mac)));
}

static void test_hash(void)
{
	is_sv(crypto_token_hash(a, SV("abc")),
	      SV("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
	      "SHA-256 of abc, FIPS 180");
	is_sv(crypto_token_hash(a, SV_NONE),
	      SV("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
	      "SHA-256 of nothing");
	is_sv(hex_hmac(repeat('\x0b', 20), SV("Hi There")),
	      SV("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
	      "RFC 4231 case 1");
	is_sv(hex_hmac(SV("Jefe"), SV("what do ya want for nothing?")),
	      SV("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
	      "RFC 4231 case 2");
	is_sv(hex_hmac(repeat('\xaa', 20), repeat('\xdd', 50)),
	      SV("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
	      "RFC 4231 case 3");
	is_sv(hex_hmac(crypto_unhex(a, SV("0102030405060708090a0b0c0d0e0f10111213141516171819")),
		       repeat('\xcd', 50)),
	      SV("82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
	      "RFC 4231 case 4");
	is_sv(hex_hmac(repeat('\xaa', 131),
		       SV("Test Using Larger Than Block-Size Key - Hash Key First")),
	      SV("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
	      "RFC 4231 case 6");
	is_sv(hex_hmac(repeat('\xaa', 131),
		       SV("This is a test using a larger than block-size key and a larger than "
			  "block-size data. The key needs to be hashed before being used by the "
			  "HMAC algorithm.")),
	      SV("9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
	      "RFC 4231 case 7");
	is_sv(hex_hmac(SV_NONE, SV_NONE),
	      SV("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
	      "HMAC of nothing under an empty key");
	ok(crypto_equal(SV("same"), SV("same")) && !crypto_equal(SV("same"), SV("sama")) &&
		   !crypto_equal(SV("same"), SV("sam")) && crypto_equal(SV_NONE, SV("")),
	   "equal in constant time");
}

static void test_text(void)
{
	static const struct {
		struct sv plain, padded, url;
	} rows[] = {
		{ SV(""), SV(""), SV("") },
		{ SV("f"), SV("Zg=="), SV("Zg") },
		{ SV("fo"), SV("Zm8="), SV("Zm8") },
		{ SV("foo"), SV("Zm9v"), SV("Zm9v") },
		{ SV("foob"), SV("Zm9vYg=="), SV("Zm9vYg") },
		{ SV("fooba"), SV("Zm9vYmE="), SV("Zm9vYmE") },
		{ SV("foobar"), SV("Zm9vYmFy"), SV("Zm9vYmFy") },
		{ SV("\xfb\xef\xff"), SV("++//"), SV("--__") },
	};
	static const struct sv bad[] = { SV("Z"),      SV("Zg="),     SV("Zg==="), SV("Zm9v="),
					 SV("Z g=="),  SV("Zh=="),    SV("=Zg="),  SV("===="),
					 SV("Zm9v\n"), SV("Zm8=Zm8=") };
	bool all = true;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		all = all && sv_eq(crypto_base64(a, rows[i].plain), rows[i].padded) &&
		      sv_eq(crypto_base64url(a, rows[i].plain), rows[i].url) &&
		      sv_present(crypto_unbase64(a, rows[i].padded)) &&
		      sv_eq(crypto_unbase64(a, rows[i].padded), rows[i].plain) &&
		      sv_eq(crypto_unbase64(a, rows[i].url), rows[i].plain);
	}
	ok(all, "RFC 4648 base64, both alphabets, both ways");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!sv_present(crypto_unbase64(a, bad[i])), "refused: base64 row %zu", i + 1);
	is_sv(crypto_hex(a, SV("\x00\xffZ")), SV("00ff5a"), "hex");
	is_sv(crypto_unhex(a, SV("00fF5a")), SV("\x00\xffZ"), "unhex takes both cases");
	ok(!sv_present(crypto_unhex(a, SV("abc"))) && !sv_present(crypto_unhex(a, SV("0g"))),
	   "no hex");
}

static void test_tokens(void)
{
	struct sv one = crypto_token_new(a, "cg_"), two = crypto_token_new(a, "cg_");

	ok(sv_starts(one, SV("cg_")) && one.n == 3 + 43, "token has its prefix and 43 characters");
	ok(!sv_eq(one, two), "no token twice");
}

static void test_password(void)
{
	struct sv phc = crypto_password_hash(a, SV("correct horse"));

	ok(sv_starts(phc, SV("$argon2id$v=19$m=19456,t=2,p=1$")), "argon2id, OWASP's costs");
	ok(crypto_password_check(phc, SV("correct horse")), "right password");
	ok(!crypto_password_check(phc, SV("correct horsf")), "wrong password");
	ok(!sv_eq(phc, crypto_password_hash(a, SV("correct horse"))), "salted");
	ok(crypto_password_check(SV("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ"
				    "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
				 SV("password")),
	   "vector of the reference implementation");
	ok(!crypto_password_check(SV("$argon2i$v=19$m=16,t=2,p=1$c29tZXNhbHQ$AA"), SV("x")) &&
		   !crypto_password_check(SV("$argon2id$nonsense"), SV("x")) &&
		   !crypto_password_check(SV("plain"), SV("plain")),
	   "no PHC string of ours");
	ok(!crypto_password_check(SV_NONE, SV("")), "an unknown account has no password");
}

/* How many of the sealed text's characters can be changed unnoticed. */
static size_t unnoticed(struct sv context, struct sv sealed)
{
	size_t n = 0;

	for (size_t i = 0; i < sealed.n; i++) {
		char *copy = arena_dup(a, sealed);

		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		n += sv_present(crypto_open(a, context, sv_make(copy, sealed.n)));
	}
	return n;
}

static void test_seal(void)
{
	struct sv context = SV("channel:7:bot_token"), sealed;
	const unsigned char other[32] = { 2 }, own[32] = { 1 };

	sealed = crypto_seal(a, context, SV("12345:AA\0x"));
	ok(sv_starts(sealed, SV("v1.")), "sealed form is marked");
	is_sv(crypto_open(a, context, sealed), SV("12345:AA\0x"), "opens again");
	ok(!sv_eq(sealed, crypto_seal(a, context, SV("12345:AA\0x"))), "a nonce for each time");
	ok(!sv_present(crypto_open(a, SV("channel:8:bot_token"), sealed)),
	   "does not open in another row");
	is_int((long long)unnoticed(context, sealed), 0, "no character can be changed");
	ok(!sv_present(crypto_open(a, context, sv_make(sealed.p, sealed.n - 4))), "cut off");
	ok(!sv_present(crypto_open(a, context, SV("v1."))) &&
		   !sv_present(crypto_open(a, context, SV_NONE)) &&
		   !sv_present(crypto_open(a, context, sv_skip(sealed, 3))),
	   "not sealed at all");
	ok(sv_present(crypto_open(a, SV(""), crypto_seal(a, SV(""), SV("")))),
	   "empty is something");
	crypto_key_set(other);
	ok(!sv_present(crypto_open(a, context, sealed)), "does not open under another key");
	crypto_key_set(own);
}

static void test_key_file(void)
{
	char path[] = "/tmp/kontor-test-key-XXXXXX";
	int fd = mkstemp(path);
	unsigned char before[SHA256_SIZE], after[SHA256_SIZE];
	struct err e;

	crypto_derive(before, "x");
	ok(write(fd, "0101\n", 5) == 5 && crypto_key_load(path, a, &e) == ST_INTERNAL,
	   "a short key is refused");
	ok(sv_find(e.message, SV("64 hex digits")) > 0, "and the message says what is expected");
	ok(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
		   write(fd, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
			 65) == 65 &&
		   crypto_key_load(path, a, &e) == ST_OK,
	   "64 hex digits and a line end");
	crypto_derive(after, "x");
	ok(memcmp(before, after, sizeof(after)) != 0, "it is used from then on");
	crypto_derive(before, "y");
	ok(memcmp(before, after, sizeof(after)) != 0, "each purpose has its own key");
	ok(crypto_key_load("/nonexistent/key", a, &e) == ST_INTERNAL, "no such file");
	close(fd);
	unlink(path);
}

#define RFC7515                                                                                    \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."                                                \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"          \
	"yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

static void test_jwt_rfc(void)
{
	struct sv key = crypto_unbase64(a, SV("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH"
					      "75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"));
	bool expired;

	is_sv(crypto_jwt_verify(a, key, SV(RFC7515), 1300819380 - 1, &expired),
	      SV("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
		 "\"http://example.com/is_root\":true}"),
	      "RFC 7515 A.1");
	ok(sv_present(crypto_jwt_verify(a, key, SV(RFC7515), 1300819380 + 29, &expired)),
	   "clocks may differ by half a minute");
	ok(!sv_present(crypto_jwt_verify(a, key, SV(RFC7515), 1300819380 + 30, &expired)) &&
		   expired,
	   "expired, and told so");
	ok(!sv_present(crypto_jwt_verify(a, SV("k"), SV(RFC7515), 0, &expired)) && !expired,
	   "another key");
}

/* A token with any header, signed rightly. */
static struct sv forge(struct sv header, struct sv payload)
{
	unsigned char key[SHA256_SIZE], mac[SHA256_SIZE];
	struct sv h = crypto_base64url(a, header), p = crypto_base64url(a, payload), text, sig;

	crypto_derive(key, "jwt");
	text = sv_from(arena_printf(a, "%.*s.%.*s", SV_ARG(h), SV_ARG(p)));
	crypto_hmac_sha256(mac, sv_make((const char *)key, sizeof(key)), text);
	sig = crypto_base64url(a, sv_make((const char *)mac, sizeof(mac)));
	return sv_from(arena_printf(a, "%.*s.%.*s", SV_ARG(text), SV_ARG(sig)));
}

static void test_jwt_header(void)
{
	static const struct {
		bool good;
		struct sv header;
	} rows[] = {
		{ true, SV("{\"alg\":\"HS256\"}") },
		{ true, SV("{\"typ\":\"jwt\",\"alg\":\"HS256\",\"kid\":\"1\"}") },
		{ false, SV("{\"alg\":\"none\"}") },
		{ false, SV("{\"alg\":\"None\"}") },
		{ false, SV("{\"alg\":\"HS384\"}") },
		{ false, SV("{\"alg\":\"RS256\"}") },
		{ false, SV("{\"alg\":[\"HS256\"]}") },
		{ false, SV("{\"alg\":\"none\",\"alg\":\"HS256\"}") },
		{ false, SV("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}") },
		{ false, SV("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}") },
		{ false, SV("{\"typ\":\"JWT\"}") },
		{ false, SV("[]") },
		{ false, SV("") },
	};
	bool expired;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sv token = forge(rows[i].header, SV("{}"));

		ok(sv_present(crypto_jwt_open(a, token, &expired)) == rows[i].good,
		   "%s: header %.*s", rows[i].good ? "opens" : "refused", SV_ARG(rows[i].header));
	}
}

static void test_jwt(void)
{
	long long now = clock_now_ms() / 1000;
	struct sv payload = sv_from(arena_printf(a, "{\"sub\":\"u\",\"exp\":%lld}", now + 60));
	struct sv token = crypto_jwt_sign(a, payload), early, late;
	bool expired;
	int opened = 0;

	is_sv(crypto_jwt_open(a, token, &expired), payload, "signed and opened");
	for (size_t i = 0; i < token.n; i++) {
		char *copy = arena_dup(a, token);

		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		opened += sv_present(crypto_jwt_open(a, sv_make(copy, token.n), &expired));
	}
	is_int(opened, 0, "no character can be changed");
	late = crypto_jwt_sign(a, sv_from(arena_printf(a, "{\"exp\":%lld}", now - 60)));
	ok(!sv_present(crypto_jwt_open(a, late, &expired)) && expired, "exp is over");
	early = crypto_jwt_sign(a, sv_from(arena_printf(a, "{\"nbf\":%lld}", now + 60)));
	ok(!sv_present(crypto_jwt_open(a, early, &expired)) && expired, "nbf is to come");
	ok(!sv_present(crypto_jwt_open(a, crypto_jwt_sign(a, SV("{\"exp\":\"1\"}")), &expired)) &&
		   !expired,
	   "exp must be a number");
	ok(!sv_present(crypto_jwt_open(a, crypto_jwt_sign(a, SV("[]")), &expired)),
	   "claims must be an object");
	ok(!sv_present(crypto_jwt_open(a, crypto_jwt_sign(a, SV("{\"a\":1,\"a\":2}")), &expired)),
	   "no claim twice");
	token = crypto_jwt_sign(a, SV("{}"));
	ok(!sv_present(crypto_jwt_open(a, sv_make(token.p, token.n - 1), &expired)) &&
		   !sv_present(crypto_jwt_open(a, SV(""), &expired)) &&
		   !sv_present(crypto_jwt_open(a, SV(".."), &expired)) &&
		   !sv_present(crypto_jwt_open(a, SV_NONE, &expired)),
	   "no token");
	ok(!sv_present(crypto_jwt_open(a, sv_from(arena_printf(a, "%.*s=", SV_ARG(token))),
				       &expired)) &&
		   !sv_present(crypto_jwt_open(a, sv_from(arena_printf(a, "%.*s.", SV_ARG(token))),
					       &expired)),
	   "nothing may follow a token");
}

int main(void)
{
	const unsigned char key[32] = { 1 };

	a = arena_new();
	crypto_key_set(key);
	test_hash();
	test_text();
	test_tokens();
	test_password();
	test_seal();
	test_key_file();
	test_jwt_rfc();
	test_jwt_header();
	test_jwt();
	arena_free(a);
	return tap_done();
}
