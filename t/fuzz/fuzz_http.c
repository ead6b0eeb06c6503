/*
 * Fuzzer for the way of a whole request: the input is the environment, one
 * variable a line, then an empty line and the body. The handler reads
 * everything that can be read.
 */
#include "crypto/crypto.h"
#include "http/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status read_all(struct http_request *rq, struct http_response *rs, struct err *e)
{
	json_t *j;

	http_form(rq, "f");
	http_cookie(rq, "c");
	http_param(rq, "a");
	http_param(rq, "*");
	http_redirect(rs, http_query(rq, "to"));
	http_set_cookie(rs, "c", http_query(rq, "to"), &(struct http_cookie_options){ 0 });
	rs->status = 200;
	http_etag(rq, rs);
	return http_json(rq, &j, e);
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST, "/p/:a/*", read_all, HTTP_PUBLIC, 0, 4096 },
	{ HTTP_GET | HTTP_POST, "/s/:a", read_all, HTTP_STAFF, HTTP_CSRF, 0 },
	{ HTTP_GET | HTTP_POST, "/k/:a", read_all, HTTP_API_KEY, 0, 0 },
	{ HTTP_GET | HTTP_POST, "/b/:a", read_all, HTTP_BEARER, 0, 0 },
	{ 0 },
};

static void check(const struct http_response *rs)
{
	if (rs->status < 200 || rs->status > 599)
		abort();
	for (size_t i = 0; i < rs->nheaders; i++)
		if (sv_chr(rs->headers[i].value, '\n') >= 0 ||
		    sv_chr(rs->headers[i].value, '\r') >= 0)
			abort();
	if (rs->status >= 400 && !sv_is_text(buf_sv(&rs->body)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_program program = { .name = "fuzz", .routes = routes };
	static struct http_response rs;
	struct arena *a = arena_new();
	struct sv rest = sv_make((const char *)data, size);
	const unsigned char key[32] = { 1 };
	char *env[16];
	size_t n = 0;

	crypto_key_set(key);
	while (sv_present(rest) && n < 15) {
		struct sv line = sv_cut(&rest, '\n');

		if (!line.n)
			break;
		env[n++] = arena_dup(a, line);
	}
	env[n] = NULL;
	http_run(&program, env, rest, &rs);
	check(&rs);
	arena_free(a);
	return 0;
}
