/*
 * bench_parse: what a request costs before the database has it: its URL to
 * parameters, names to the schema, tree to SQL.
 *
 *	bench_parse [ROUNDS]
 *
 * Prints seven lines for each request {"name":..,"us":..}: microseconds for
 * one, the mean of ROUNDS (default 20000).
 */
#include "base/clock.h"
#include "t/unit/rest_schema.h"

#include <stdio.h>
#include <stdlib.h>

#define TURNS 7

static const struct {
	const char *name, *target, *query;
} requests[] = {
	{ "list of 25", "contacts",
	  "select=id,first_name,status,custom_fields&status=eq.open&age=gte.18&order=seen_at.desc"
	  ".nullslast&limit=25" },
	{ "list with embeds and logic", "deals",
	  "select=id,title,value::text,contact:contacts!inner(id,first_name,companies(name)),"
	  "owner:people!deals_owner_id_fkey(email)&or=(value.gt.1000,and(title.ilike.*offer*,"
	  "maker_id.not.is.null))&contact.custom_fields->>kind=in.(VIP,%22a,b%22)"
	  "&order=value.desc,title&limit=25&offset=50" },
	{ "one row by id", "contacts", "id=eq.0191e4a0-0000-7000-8000-000000000001&select=*" },
};

/* One request; the size of its SQL, so that nothing of it is left out. */
static size_t compile(const struct rest_schema *schema, struct arena *a, size_t i)
{
	struct rest_input in = { .method = HTTP_GET, .target = sv_from(requests[i].target) };
	struct http_pairs query = { 0 };
	struct rest_plan plan;
	struct err e = { 0 };

	in.query = &query;
	if (http_parse_urlencoded(a, sv_from(requests[i].query), &query, &e) ||
	    rest_compile(schema, &sample_options, &in, a, &plan, &e)) {
		struct sv said = err_message(&e);

		fprintf(stderr, "%s: %.*s\n", requests[i].name, SV_ARG(said));
		exit(1);
	}
	return plan.main.sql.n;
}

static double turn(const struct rest_schema *schema, struct arena *a, size_t i, int rounds)
{
	int64_t from = clock_mono_us();
	size_t bytes = 0;

	for (int n = 0; n < rounds; n++) {
		bytes += compile(schema, a, i);
		arena_reset(a);
	}
	return bytes ? (double)(clock_mono_us() - from) / rounds : 0;
}

int main(int argc, char **argv)
{
	struct rest_schema *schema = sample_schema();
	struct arena *a = arena_new();
	int rounds = argc > 1 ? atoi(argv[1]) : 20000;

	if (rounds < 1)
		rounds = 1;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		for (int n = 0; n < TURNS; n++)
			printf("{\"name\":\"%s\",\"us\":%.3f}\n", requests[i].name,
			       turn(schema, a, i, rounds));
	arena_free(a);
	rest_schema_free(schema);
	return 0;
}
