/*
 * Refusals that choose their own answer: numbers of rows that were not
 * expected (sql_expect), and what SQL raises for the client, as "PTnnn" with
 * an HTTP status or as "PGRST" with the answer as JSON.
 */
#include "rest/tree.h"

#include <jansson.h>

/* The status of the enum that fits an HTTP status best; the number itself is
 * what is answered. */
static enum status nearest_status(int64_t http)
{
	for (int s = ST_OK + 1; s < ST__MAX; s++)
		if (status_http((enum status)s) == http)
			return (enum status)s;
	return http < 500 ? ST_BAD_INPUT : ST_INTERNAL;
}

static void set_http(struct err *e, int64_t http)
{
	e->status = nearest_status(http);
	e->http = (int)http;
}

/* ---- numbers of rows ------------------------------------------------------------ */

static const struct expectation {
	const char *code;
	enum status status;
	const char *message, *verb;
} expectations[] = {
	{ "PGRST115", ST_BAD_INPUT, "Payload values do not match URL in primary key column(s)", NULL },
	{ "PGRST116", ST_NOT_ACCEPTABLE, "Cannot coerce the result to a single JSON object",
	  "result contains" },
	{ "PGRST124", ST_BAD_INPUT, "Query result exceeds max-affected preference constraint",
	  "query affects" },
};

/* invalid input syntax for type integer: "PGRST116:3" */
static bool unexpected(const struct rest_plan *p, struct db_batch *b, struct err *e)
{
	struct sv text = db_server_text(b, DB_MESSAGE), number;
	ptrdiff_t at = sv_find(text, SV(": \"PGRST1"));

	if (!p->checked || at < 0 || !sv_eq(db_sqlstate(b), SV("22P02")))
		return false;
	text = sv_skip(text, (size_t)at + 3);
	for (size_t i = 0; i < sizeof(expectations) / sizeof(*expectations); i++) {
		const struct expectation *x = &expectations[i];

		if (!sv_starts(text, sv_from(x->code)))
			continue;
		number = sv_skip(text, sv_from(x->code).n + 1);
		number.n -= number.n > 0; /* the quote */
		*e = (struct err){ .status = x->status, .code = sv_from(x->code) };
		e->message = sv_from(x->message);
		if (x->verb)
			e->details = sv_from(arena_printf(db_arena(b), "The %s %.*s rows", x->verb,
							  SV_ARG(number)));
		return true;
	}
	return false;
}

/* ---- raise sqlstate 'PT402' --------------------------------------------------------- */

static void own_words(struct db_batch *b, struct err *e)
{
	*e = (struct err){ .code = db_sqlstate(b) };
	e->message = db_server_text(b, DB_MESSAGE);
	e->details = db_server_text(b, DB_DETAIL);
	e->hint = db_server_text(b, DB_HINT);
}

static bool with_status(struct db_batch *b, struct err *e)
{
	struct sv state = db_sqlstate(b);
	int64_t http = 500;

	if (!sv_starts(state, SV("PT")))
		return false;
	if (!sv_to_i64(sv_skip(state, 2), &http) || http < 100 || http > 599)
		http = 500;
	own_words(b, e);
	set_http(e, http);
	return true;
}

/* ---- raise sqlstate 'PGRST' ------------------------------------------------------------ */

static void free_json(void *arg)
{
	json_decref(arg);
}

static json_t *object_in(struct db_batch *b, struct sv text)
{
	json_t *json = json_loadb(text.p ? text.p : "", text.n, 0, NULL);

	if (json)
		arena_cleanup(db_arena(b), free_json, json);
	return json_is_object(json) ? json : NULL;
}

static struct sv member(struct db_batch *b, json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? arena_sv(db_arena(b), sv_from(text)) : SV_NONE;
}

static void bad_raise(struct db_batch *b, struct err *e, const char *part, struct sv text)
{
	struct arena *a = db_arena(b);

	*e = (struct err){ .status = ST_INTERNAL, .code = SV("PGRST121") };
	e->message = SV("Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error");
	if (sv_present(text))
		e->details = sv_from(arena_printf(a, "Invalid JSON value for %s: '%.*s'", part,
						  SV_ARG(text)));
	else
		e->details = SV("DETAIL is missing in the RAISE statement");
	e->hint = part[0] == 'M' ?
			  SV("MESSAGE must be a JSON object with obligatory keys: 'code', "
			     "'message' and optional keys: 'details', 'hint'.") :
			  SV("DETAIL must be a JSON object with obligatory keys: 'status', "
			     "'headers' and optional key: 'status_text'.");
}

static void add_headers(struct db_batch *b, json_t *headers, struct http_response *rs)
{
	const char *name;
	json_t *value;

	json_object_foreach(headers, name, value) {
		if (json_is_string(value))
			http_set_header(rs, arena_dup(db_arena(b), sv_from(name)),
					arena_sv(db_arena(b), sv_from(json_string_value(value))));
	}
}

static bool whole_answer(struct db_batch *b, struct http_response *rs, struct err *e)
{
	struct sv text = db_server_text(b, DB_MESSAGE), detail = db_server_text(b, DB_DETAIL);
	json_t *message = object_in(b, text), *more = object_in(b, detail);

	if (!sv_eq(db_sqlstate(b), SV("PGRST")))
		return false;
	*e = (struct err){ .code = member(b, message, "code") };
	e->message = member(b, message, "message");
	e->details = member(b, message, "details");
	e->hint = member(b, message, "hint");
	if (!sv_present(e->code) || !sv_present(e->message)) {
		bad_raise(b, e, "MESSAGE", text);
	} else if (!json_is_integer(json_object_get(more, "status")) ||
		   !json_is_object(json_object_get(more, "headers"))) {
		bad_raise(b, e, "DETAIL", detail);
	} else {
		set_http(e, json_integer_value(json_object_get(more, "status")));
		add_headers(b, json_object_get(more, "headers"), rs);
	}
	return true;
}

bool rest_raised(const struct rest_plan *p, struct db_batch *b, struct http_response *rs,
		 struct err *e)
{
	return unexpected(p, b, e) || with_status(b, e) || whole_answer(b, rs, e);
}
