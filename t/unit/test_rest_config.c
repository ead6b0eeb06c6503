/*
 * The stand-alone engine's settings, and who a token says is asking.
 */
#include "base/log.h"
#include "crypto/crypto.h"
#include "crypto/keys.h"
#include "rest/config.h"
#include "rest/identity.h"
#include "t/unit/tap.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>

static struct arena *arena;

/* ---- the file ----------------------------------------------------------------- */

static char *no_env[] = { NULL };

static struct sv setting(const char *text, char **env, enum rest_config_key key)
{
	struct rest_config c;
	struct err e = { 0 };

	if (rest_config_parse(&c, arena, sv_from(text), env, &e))
		return e.message;
	return rest_config_get(&c, key);
}

static void test_file(void)
{
	static char host[] = "HOST=db.example", schemas[] = "PGRST_DB_SCHEMAS=a, b";
	static char rows[] = "PGRST_DB_MAX_ROWS=7";
	static char motto[] = "PGRST_APP_SETTINGS_MOTTO=ex nihilo";
	char *env[] = { host, schemas, rows, motto, NULL };
	struct rest_config c;
	struct err e = { 0 };

	is_sv(setting("", no_env, REST_CONFIG_db_schemas), SV("public"), "a default");
	is_sv(setting("# none\n\n  db-uri = \"x=1\" # why\n", no_env, REST_CONFIG_db_uri),
	      SV("x=1"), "a value in quotes, comments around it");
	is_sv(setting("db-uri = \"host=$(HOST) p=$$1 q=\\\"\\\\\"", env, REST_CONFIG_db_uri),
	      SV("host=db.example p=$1 q=\"\\"), "variables, dollars and escapes");
	is_sv(setting("db-max-rows = 100", no_env, REST_CONFIG_db_max_rows), SV("100"),
	      "a number needs no quotes");
	is_sv(setting("max-rows = 100\n", no_env, REST_CONFIG_db_max_rows), SV("100"),
	      "an older name");
	is_sv(setting("db-schemas = \"x\"", env, REST_CONFIG_db_schemas), SV("a, b"),
	      "the environment counts for more");
	is_sv(setting("wat = 1\nserver-port = 3000\ndb-anon-role = \"web\"", no_env,
		      REST_CONFIG_db_anon_role),
	      SV("web"), "unknown names are passed over");
	is_sv(setting("db-uri \"x\"", no_env, REST_CONFIG_db_uri),
	      SV("line 1 of the configuration: expected name = \"value\""), "a slip has its line");
	is_sv(setting("\ndb-uri = \"x", no_env, REST_CONFIG_db_uri),
	      SV("line 2 of the configuration: the quoted value does not end"), "so has another");
	is_sv(setting("db-uri = \"@/nowhere/at/all\"", no_env, REST_CONFIG_db_uri),
	      SV("/nowhere/at/all: No such file or directory"), "a file that is not there");
	ok(!rest_config_parse(&c, arena, SV("app.settings.x = \"1\"\ndb-config = off"), env, &e) &&
		   c.napp == 2 && sv_eq(c.app[1].name, SV("app.settings.motto")) &&
		   sv_eq(c.app[1].value, SV("ex nihilo")),
	   "settings for SQL, from both");
	ok(!rest_config_bool(&c, REST_CONFIG_db_config) &&
		   rest_config_bool(&c, REST_CONFIG_db_channel_enabled) &&
		   rest_config_int(&c, REST_CONFIG_db_max_rows) == 7,
	   "as truth and as numbers");
	ok(rest_config_set(&c, SV("db_pre_request"), SV("a.b\"c")) &&
		   sv_eq(rest_config_function(&c, REST_CONFIG_db_pre_request),
			 SV("\"a\".\"b\"\"c\"")),
	   "a database's spelling, and a function's name as SQL");
}

/* ---- the path to the role -------------------------------------------------------- */

#define CLAIMS \
	"{\"role\":\"plain\",\"realm\":{\"my roles\":[\"a\",\"writer\",\"reader_x\"],\"n\":3}," \
	"\"https://x/role\":{\"key\":\"far\"}}"

static const struct {
	const char *path, *want; /* NULL: nothing; "?": the path is no path */
} paths[] = {
	{ ".role", "plain" },
	{ "$.role", "plain" },
	{ ".realm.\"my roles\"[1]", "writer" },
	{ "$.realm['my roles'][-1]", "reader_x" },
	{ ".\"https://x/role\".key", "far" },
	{ "$['https://x/role'].key", "far" },
	{ ".realm.\"my roles\"[?(@ == \"writer\")]", "writer" },
	{ ".realm.\"my roles\"[?(@ != \"a\")]", "writer" },
	{ ".realm.\"my roles\"[?(@ ^== \"reader\")]", "reader_x" },
	{ ".realm.\"my roles\"[?(@ ==^ \"_x\")]", "reader_x" },
	{ ".realm.\"my roles\"[?(@ *== \"rit\")]", "writer" },
	{ "$.realm['my roles'][?@ == 'writer']", "writer" },
	{ ".realm.\"my roles\"[9]", NULL },
	{ ".realm.none", NULL },
	{ ".realm.n", "3" },
	{ "role", "?" },
	{ ".realm[", "?" },
	{ ".realm.\"my roles\"[?(@ ~ \"a\")]", "?" },
	{ ".", "?" },
};

static void test_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		bool good, none = !paths[i].want || *paths[i].want == '?';
		struct sv got = rest_role_path(arena, sv_from(paths[i].path), SV(CLAIMS), &good);

		ok(good == !(paths[i].want && *paths[i].want == '?') &&
			   sv_present(got) == !none && (none || sv_eq(got, sv_from(paths[i].want))),
		   "the role at %s", paths[i].path);
	}
}

/* ---- tokens ------------------------------------------------------------------------ */

#define NOW 1800000000
#define SECRET "reallyreallyreallyreallyverysafe"

static struct sv signed_hs(const char *header, const char *payload, struct sv key)
{
	unsigned char mac[SHA256_SIZE];
	struct sv h = crypto_base64url(arena, sv_from(header));
	struct sv p = crypto_base64url(arena, sv_from(payload));
	struct sv text = sv_from(arena_printf(arena, "%.*s.%.*s", SV_ARG(h), SV_ARG(p))), s;

	crypto_hmac_sha256(mac, key, text);
	s = crypto_base64url(arena, sv_make((const char *)mac, sizeof(mac)));
	return sv_from(arena_printf(arena, "Bearer %.*s.%.*s", SV_ARG(text), SV_ARG(s)));
}

static struct crypto_keys *keys_of(struct sv text, bool base64)
{
	struct crypto_keys *keys = NULL;
	struct err e = { 0 };

	return crypto_keys_read(arena, text, base64, &keys, &e) ? NULL : keys;
}

static struct rest_identity who;
static struct err why;

/* The role, or the refusal's text. */
static struct sv asks(const struct crypto_keys *keys, struct sv token, const char *audience,
		      const char *anon)
{
	struct rest_identity_options o = {
		.keys = keys,
		.audience = sv_from(audience),
		.role_path = SV(".role"),
		.anon_role = sv_from(anon),
	};

	why = (struct err){ 0 };
	return rest_identify(&o, token, NOW, arena, &who, &why) ? why.message : who.role;
}

#define HS "{\"alg\":\"HS256\"}"

static struct sv asks_hs(const char *payload, const char *audience)
{
	struct sv token = signed_hs(HS, payload, SV(SECRET));

	return asks(keys_of(SV(SECRET), false), token, audience, "anon");
}

static void test_tokens(void)
{
	struct sv token = signed_hs(HS, "{\"role\":\"web\"}", SV(SECRET));

	is_sv(asks(NULL, SV_NONE, NULL, "anon"), SV("anon"), "without a token the anonymous role");
	is_sv(who.claims, SV("{\"role\":\"anon\"}"), "whose claims say so");
	is_sv(asks(NULL, SV_NONE, NULL, NULL), SV("Anonymous access is disabled"), "PGRST302");
	is_sv(asks(NULL, SV("Basic eDp5"), NULL, "anon"), SV("anon"), "another scheme is no token");
	is_sv(asks(NULL, token, NULL, "anon"), SV("Server lacks JWT secret"), "PGRST300");
	is_sv(asks_hs("{\"role\":\"web\",\"x\":1}", NULL), SV("web"), "the role of a token");
	is_sv(who.claims, SV("{\"role\":\"web\",\"x\":1}"), "its claims");
	is_sv(asks_hs("{\"x\":1}", NULL), SV("anon"), "without a role it is the anonymous one");
	is_sv(asks(keys_of(SV("another secret that is as long as it"), false), token, NULL, "anon"),
	      SV("No suitable key or wrong key type"), "another secret");
	is_sv(why.code, SV("PGRST301"), "its code");
	is_sv(asks(keys_of(SV(SECRET), false),
		   signed_hs("{\"alg\":\"none\"}", "{}", SV(SECRET)), NULL, "anon"),
	      SV("Wrong or unsupported encoding algorithm"), "alg none is none");
	is_sv(asks(keys_of(SV(SECRET), false), SV("Bearer a.b"), NULL, "anon"),
	      SV("Expected 3 parts in JWT; got 2"), "two parts");
	is_sv(asks(keys_of(SV(SECRET), false), SV("bearer "), NULL, "anon"),
	      SV("Empty JWT is sent in Authorization header"), "no part");
	is_sv(asks(keys_of(crypto_base64(arena, SV(SECRET)), true), token, NULL, "anon"), SV("web"),
	      "a secret in base64");
	is_sv(asks_hs("{\"exp\":1799999969}", NULL), SV("JWT expired"), "too old");
	is_sv(asks_hs("{\"exp\":1799999971}", NULL), SV("anon"), "but half a minute is forgiven");
	is_sv(asks_hs("{\"nbf\":1800000031}", NULL), SV("JWT not yet valid"), "too young");
	is_sv(asks_hs("{\"iat\":1800000031}", NULL), SV("JWT issued at future"), "unborn");
	is_sv(asks_hs("{\"exp\":\"soon\"}", NULL), SV("The JWT 'exp' claim must be a number"),
	      "no time at all");
	is_sv(asks_hs("{\"aud\":\"us\"}", "us"), SV("anon"), "the audience");
	is_sv(asks_hs("{\"aud\":[\"them\",\"us\"]}", "us"), SV("anon"), "among others");
	is_sv(asks_hs("{\"aud\":[]}", "us"), SV("anon"), "nobody is everybody");
	is_sv(asks_hs("{\"aud\":\"them\"}", "us"), SV("JWT not in audience"), "another audience");
	is_sv(asks_hs("{\"aud\":3}", "us"),
	      SV("The JWT 'aud' claim must be a string or an array of strings"), "no audience");
}

/* ---- keys of two halves --------------------------------------------------------------- */

static struct sv part(EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;
	char *p = arena_alloc(arena, 512);
	int size;

	EVP_PKEY_get_bn_param(key, name, &n);
	size = BN_bn2bin(n, (unsigned char *)p);
	BN_free(n);
	return crypto_base64url(arena, sv_make(p, (size_t)size));
}

static struct sv signature(EVP_PKEY *key, struct sv text, size_t field)
{
	unsigned char *out = arena_alloc(arena, 600), *raw = arena_alloc(arena, 2 * field + 1);
	const unsigned char *p = out;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig;
	size_t n = 600;

	EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key);
	EVP_DigestSign(ctx, out, &n, (const unsigned char *)text.p, text.n);
	EVP_MD_CTX_free(ctx);
	if (!field)
		return crypto_base64url(arena, sv_make((const char *)out, n));
	sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)field);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + field, (int)field);
	ECDSA_SIG_free(sig);
	return crypto_base64url(arena, sv_make((const char *)raw, 2 * field));
}

static struct sv token_of(EVP_PKEY *key, const char *header, size_t field)
{
	struct sv h = crypto_base64url(arena, sv_from(header));
	struct sv p = crypto_base64url(arena, SV("{\"role\":\"web\"}"));
	struct sv text = sv_from(arena_printf(arena, "%.*s.%.*s", SV_ARG(h), SV_ARG(p)));
	struct sv s = signature(key, text, field);

	return sv_from(arena_printf(arena, "Bearer %.*s.%.*s", SV_ARG(text), SV_ARG(s)));
}

static struct sv rsa_jwk(EVP_PKEY *key, const char *kid)
{
	struct sv n = part(key, OSSL_PKEY_PARAM_RSA_N), e = part(key, OSSL_PKEY_PARAM_RSA_E);

	return sv_from(arena_printf(arena,
				    "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%.*s\","
				    "\"e\":\"%.*s\"}",
				    kid, SV_ARG(n), SV_ARG(e)));
}

static void test_public_keys(void)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
	struct sv jwk = rsa_jwk(rsa, "one"), x = part(ec, OSSL_PKEY_PARAM_EC_PUB_X);
	struct sv y = part(ec, OSSL_PKEY_PARAM_EC_PUB_Y);
	struct sv set = sv_from(arena_printf(
		arena,
		"{\"keys\":[%.*s,{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.*s\",\"y\":\"%.*s\"}]}",
		SV_ARG(jwk), SV_ARG(x), SV_ARG(y)));
	struct crypto_keys *keys = keys_of(set, false);

	is_sv(asks(keys_of(jwk, false), token_of(rsa, "{\"alg\":\"RS256\"}", 0), NULL, NULL),
	      SV("web"), "RS256 by a JWK");
	is_sv(asks(keys, token_of(ec, "{\"alg\":\"ES256\"}", 32), NULL, NULL), SV("web"),
	      "ES256 by a set of them");
	is_sv(asks(keys, token_of(rsa, "{\"alg\":\"RS256\",\"kid\":\"one\"}", 0), NULL, NULL),
	      SV("web"), "the key that the token names");
	is_sv(asks(keys, token_of(rsa, "{\"alg\":\"RS256\",\"kid\":\"two\"}", 0), NULL, NULL),
	      SV("No suitable key or wrong key type"), "none of that name");
	is_sv(asks(keys_of(jwk, false), signed_hs(HS, "{\"role\":\"web\"}", jwk), NULL, NULL),
	      SV("No suitable key or wrong key type"), "a public key is no secret");
	ok(!keys_of(SV("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), false),
	   "a key that is too short is none");
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

int main(void)
{
	log_setup("test", "error");
	arena = arena_new();
	test_file();
	test_paths();
	test_tokens();
	test_public_keys();
	arena_free(arena);
	return tap_done();
}
