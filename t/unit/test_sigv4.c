/* net/sigv4 against the examples that Amazon publishes. */
#include "t/unit/tap.h"

#include "net/sigv4.h"

static struct arena *a;

static struct sv header(const struct net_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (sv_ieq(r->headers[i].name, sv_from(name)))
			return r->headers[i].value;
	return SV_NONE;
}

static const struct sigv4_key example = {
	.access_key_id = SV("AKIDEXAMPLE"),
	.secret_access_key = SV("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
	.region = SV("us-east-1"),
};
#define MOMENT INT64_C(1440938160000) /* 2015-08-30T12:36:00Z */

static void vanilla(void)
{
	struct net_request r = { .url = SV("https://example.amazonaws.com/") };
	struct sigv4_key k = example;
	struct err e = { 0 };

	k.service = SV("service");
	ok(!sigv4_sign(&r, &k, MOMENT, a, &e), "a request without anything is signed");
	is_sv(header(&r, "x-amz-date"), SV("20150830T123600Z"), "the time goes along");
	is_sv(header(&r, "Authorization"),
	      SV("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
		 "SignedHeaders=host;x-amz-date, "
		 "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
	      "CHA-105 the signature is that of the published example get-vanilla");
}

static void list_users(void)
{
	const struct net_header type = { SV("Content-Type"),
					 SV("application/x-www-form-urlencoded; charset=utf-8") };
	struct net_request r = { .url = SV("https://iam.amazonaws.com/?Version=2010-05-08&Action=ListUsers"),
				 .headers = &type,
				 .n_headers = 1 };
	struct sigv4_key k = example;
	struct err e = { 0 };
	struct sv proof;

	k.service = SV("iam");
	ok(!sigv4_sign(&r, &k, MOMENT, a, &e), "one with a query and a header is signed");
	proof = header(&r, "Authorization");
	ok(sv_ends(proof, SV("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")),
	   "and that of the published example ListUsers, whatever the order of the query");
}

static void others(void)
{
	struct net_request r = { .url = SV("http://127.0.0.1:4566/v2/email/outbound-emails"), .body = SV("{}") };
	struct sigv4_key k = example;
	struct err e = { 0 };
	struct sv one, two;

	k.service = SV("ses");
	k.session_token = SV("token");
	ok(!sigv4_sign(&r, &k, MOMENT, a, &e), "another port and a session");
	one = header(&r, "Authorization");
	is_sv(header(&r, "x-amz-security-token"), SV("token"), "the session's token goes along");
	ok(sv_find(one, SV("SignedHeaders=host;x-amz-date;x-amz-security-token")) > 0, "and is signed");
	r = (struct net_request){ .url = SV("http://127.0.0.1:4566/v2/email/outbound-emails"), .body = SV("{ }") };
	ok(!sigv4_sign(&r, &k, MOMENT, a, &e), "another body");
	two = header(&r, "Authorization");
	ok(!sv_eq(one, two), "has another signature");
	r.url = SV("no address");
	ok(sigv4_sign(&r, &k, MOMENT, a, &e) == ST_BAD_INPUT, "what is no address is not signed");
}

int main(void)
{
	a = arena_new();
	vanilla();
	list_users();
	others();
	arena_free(a);
	return tap_done();
}
