/*
 * Any request to the REST engine, up to its SQL: METHOD TARGET NUL QUERY NUL
 * BODY NUL PREFER NUL CONTENT TYPE. The SQL may hold nothing that was sent but aliases, which
 * are quoted: no quote may be left open, and no statement end outside of one.
 */
#include "base/log.h"
#include "t/unit/rest_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct rest_statement *s)
{
	size_t params = 0;
	char within = 0;

	for (size_t i = 0; i < s->sql.n; i++) {
		char c = s->sql.p[i];

		if (within)
			within = c == within ? 0 : within;
		else if (c == '"' || c == '\'')
			within = c;
		else if (c == ';' || c == '\\')
			__builtin_trap();
		else
			params += c == '$';
	}
	if (within || params < s->n)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum http_method methods[] = { HTTP_GET,	HTTP_POST, HTTP_PATCH,
						    HTTP_DELETE, HTTP_PUT,  HTTP_POST };
	static struct rest_schema *schema;
	struct rest_options options = sample_options;
	struct sv rest = sv_make((const char *)data + 1, n ? n - 1 : 0);
	struct rest_input in = { .method = HTTP_GET };
	struct http_pairs query = { 0 };
	struct rest_plan plan;
	struct err e = { 0 };
	struct arena *a;

	if (n < 2 || n > 4096)
		return 0;
	if (!schema)
		schema = sample_schema();
	log_setup("fuzz_rest", "error");
	a = arena_new();
	in.method = methods[(data[0] & 3) + (data[0] & 8 ? 2 : 0)];
	in.flags = data[0] & 4 ? REST_PROXY : 0;
	options.strict = data[0] & 8;
	in.target = sv_cut(&rest, '\0');
	if (http_parse_urlencoded(a, sv_cut(&rest, '\0'), &query, &e) == ST_OK) {
		in.query = &query;
		in.body = sv_cut(&rest, '\0');
		in.prefer = sv_cut(&rest, '\0');
		in.content_type = rest;
		if (rest_compile(schema, &options, &in, a, &plan, &e) == ST_OK) {
			check(&plan.main);
			check(&plan.count);
			check(&plan.estimate);
		}
	}
	arena_free(a);
	return 0;
}
