/*
 * What the database would not do, in the words of who asked.
 */
#include "rest/answer.h"
#include "rest/tree.h"

/* The text that was sent and is quoted in the server's message. */
static bool quotes(struct sv message, struct sv value)
{
	ptrdiff_t at = sv_find(message, value);

	return value.n && at > 0 && message.p[at - 1] == '"' && (size_t)at + value.n < message.n &&
	       message.p[(size_t)at + value.n] == '"';
}

/* The same of a value as it stands in JSON: of a number or a list as it is written. */
static bool quotes_json(struct sv message, const json_t *value)
{
	char *text;
	bool found;

	if (json_is_string(value))
		return quotes(message,
			      sv_make(json_string_value(value), json_string_length(value)));
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	found = text && quotes(message, sv_from(text));
	free(text);
	return found;
}

static struct sv field_of_row(const json_t *row, struct sv message)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)row, key, value)
		if (quotes_json(message, value))
			return sv_from(key);
	return SV_NONE;
}

static struct sv field_in_body(struct arena *a, struct sv body, struct sv message)
{
	json_t *json = json_loadb(body.p ? body.p : "", body.n, 0, NULL);
	struct sv found = json_is_object(json) ? field_of_row(json, message) : SV_NONE;
	json_t *row;
	size_t i;

	json_array_foreach(json, i, row)
		if (!found.n)
			found = field_of_row(row, message);
	found = arena_sv(a, found);
	json_decref(json);
	return found;
}

/* Which column a value of the wrong type was meant for. */
static struct sv field_of(const struct rest_plan *p, const struct rest_input *in, struct arena *a,
			  struct sv message)
{
	for (size_t i = 0; i < p->nsent; i++)
		if (quotes(message, p->sent[i].value))
			return p->sent[i].column->name;
	return field_in_body(a, in->body, message);
}

static void wrong_value(const struct rest_plan *p, const struct rest_input *in, struct db_batch *b,
			struct err *e)
{
	if (!e->field.n)
		e->field = field_of(p, in, db_arena(b), e->message);
	if (e->field.n && !e->hint.n)
		e->hint = sv_from(
			arena_printf(db_arena(b), "Look at the value for %.*s", SV_ARG(e->field)));
}

static void broken_rule(const struct rest_plan *p, struct db_batch *b, struct err *e)
{
	struct sv rule = rest_rule_find(p->schema, db_constraint(b));

	e->details = rule;
	e->hint = SV("The rule for this value stands in details");
}

/* DEA-76: on the proxy a reference to nothing is bad input. */
static void broken_reference(const struct rest_input *in, struct err *e)
{
	if (in->flags & REST_PROXY && sv_find(e->details, SV("is not present")) >= 0)
		e->status = ST_BAD_INPUT;
}

/* ---- SQL that chooses the answer by itself ------------------------------------ */

static bool digits(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static void server_words(struct db_batch *b, struct err *e)
{
	struct sv detail = db_server_text(b, DB_DETAIL), hint = db_server_text(b, DB_HINT);

	e->message = db_server_text(b, DB_MESSAGE);
	e->details = detail.n ? detail : SV_NONE;
	e->hint = hint.n ? hint : SV_NONE;
	e->details_json = false;
}

/* raise sqlstate 'PT418': the HTTP status in the code. */
static bool raised_status(struct db_batch *b, struct err *e)
{
	struct sv state = db_sqlstate(b);
	int64_t http = 500;

	if (!sv_starts(state, SV("PT")))
		return false;
	if (digits(sv_skip(state, 2)))
		sv_to_i64(sv_skip(state, 2), &http);
	*e = (struct err){ .status = ST_BAD_INPUT, .code = state, .http = (int)http };
	server_words(b, e);
	return true;
}

static enum status bad_raise(struct arena *a, const char *part, struct sv sent, const char *hint,
			     struct err *e)
{
	*e = (struct err){ .status = ST_INTERNAL, .code = SV("PGRST121") };
	e->message = SV("Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error");
	e->details = SV("DETAIL is missing in the RAISE statement");
	if (part)
		e->details = sv_from(arena_printf(a, "Invalid JSON value for %s: '%.*s'", part,
						  SV_ARG(sent)));
	e->hint = sv_from(hint);
	return e->status;
}

static struct sv member(struct arena *a, json_t *object, const char *name)
{
	json_t *v = json_object_get(object, name);

	return json_is_string(v) ? arena_sv(a, sv_make(json_string_value(v), json_string_length(v)))
				 : SV_NONE;
}

static void free_json(void *json)
{
	json_decref(json);
}

static json_t *parse(struct arena *a, struct sv text)
{
	json_t *json = json_loadb(text.p ? text.p : "", text.n, 0, NULL);

	if (json)
		arena_cleanup(a, free_json, json);
	return json;
}

#define MESSAGE_HINT                                                                          \
	"MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional " \
	"keys: 'details', 'hint'."
#define DETAIL_HINT                                                                           \
	"DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional " \
	"key: 'status_text'."

/* raise sqlstate 'PGRST': the whole answer as JSON in message and detail. */
static enum status raised_answer(struct db_batch *b, struct http_response *rs, struct err *e)
{
	struct arena *a = db_arena(b);
	struct sv message = db_server_text(b, DB_MESSAGE), detail = db_server_text(b, DB_DETAIL);
	json_t *what = parse(a, message), *how = parse(a, detail), *value;
	json_t *headers = json_object_get(how, "headers");
	const char *name;

	if (!json_is_string(json_object_get(what, "code")) ||
	    !json_is_string(json_object_get(what, "message")))
		return bad_raise(a, "MESSAGE", message, MESSAGE_HINT, e);
	if (!detail.n)
		return bad_raise(a, NULL, detail, DETAIL_HINT, e);
	if (!json_is_integer(json_object_get(how, "status")) || !json_is_object(headers))
		return bad_raise(a, "DETAIL", detail, DETAIL_HINT, e);
	*e = (struct err){ .status = ST_BAD_INPUT };
	e->code = member(a, what, "code");
	e->message = member(a, what, "message");
	e->details = member(a, what, "details");
	e->hint = member(a, what, "hint");
	e->http = (int)json_integer_value(json_object_get(how, "status"));
	json_object_foreach(headers, name, value) if (json_is_string(value))
		http_set_header(rs, arena_dup(a, sv_from(name)), sv_from(json_string_value(value)));
	return e->status;
}

/* ---- a number of rows that was not expected --------------------------------------- */

/* The statement says so by a cast that fails: 'PGRST116:4'. */
static bool unexpected_rows(const struct rest_options *o, struct db_batch *b, struct err *e)
{
	struct sv text = db_server_text(b, DB_MESSAGE), code, rows;
	ptrdiff_t at = sv_find(text, SV("\"PGRST1"));

	if (!sv_eq(db_sqlstate(b), SV("22P02")) || at < 0)
		return false;
	rows = sv_skip(text, (size_t)at + 1);
	code = sv_cut(&rows, ':');
	rows = sv_cut(&rows, '"');
	if (sv_eq(code, SV("PGRST116"))) {
		answer_not_single(o,
				  sv_from(arena_printf(db_arena(b), "The result contains %.*s rows",
						       SV_ARG(rows))),
				  e);
		return true;
	}
	*e = (struct err){ .status = ST_BAD_INPUT, .code = arena_sv(db_arena(b), code) };
	if (sv_eq(code, SV("PGRST124"))) {
		e->message = SV("Query result exceeds max-affected preference constraint");
		e->details = sv_from(arena_printf(db_arena(b), "The query affects %.*s rows",
						  SV_ARG(rows)));
	} else {
		e->message = SV("Payload values do not match URL in primary key column(s)");
	}
	return true;
}

/* ---- SQLSTATE to status ----------------------------------------------------------- */

/* PostgREST's table; the first that fits counts, 400 where none does. */
static const struct {
	const char *state;
	int http;
} statuses[] = {
	{ "08", 503 },    { "09", 500 },    { "0L", 403 },    { "0P", 403 }, { "23503", 409 },
	{ "23505", 409 }, { "25006", 405 }, { "21000", 500 }, { "25", 500 }, { "28", 403 },
	{ "2D", 500 },    { "38", 500 },    { "39", 500 },    { "3B", 500 }, { "40", 500 },
	{ "53400", 500 }, { "53", 503 },    { "54", 500 },    { "55", 500 }, { "57P01", 503 },
	{ "57", 500 },    { "58", 500 },    { "F0", 500 },    { "HV", 500 }, { "P0001", 400 },
	{ "P0", 500 },    { "XX", 500 },    { "42883", 404 }, { "42P01", 404 },
	{ "42P17", 500 }, { "42501", 403 },
};

static int http_of(struct sv state, struct sv message, bool anonymous)
{
	if (sv_eq(state, SV("42501")) && anonymous)
		return 401;
	if (sv_eq(state, SV("21000")) && sv_ends(message, SV("requires a WHERE clause")))
		return 400;
	if (sv_eq(state, SV("22023")) && sv_starts(message, SV("role")) &&
	    sv_ends(message, SV("does not exist")))
		return 401;
	if (sv_eq(state, SV("42883")) && sv_starts(message, SV("function xmlagg(")))
		return 406;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (sv_starts(state, sv_from(statuses[i].state)))
			return statuses[i].http;
	return 400;
}

/* To the letter: what the server said, and nothing beside it. */
static enum status as_it_is(const struct rest_input *in, struct db_batch *b, struct err *e)
{
	struct sv state = db_sqlstate(b);

	if (!db_server_text(b, DB_MESSAGE).n)
		return e->status;
	*e = (struct err){ .status = ST_BAD_INPUT, .code = state };
	server_words(b, e);
	e->http = http_of(state, e->message, in->flags & REST_ANONYMOUS);
	return e->status;
}

/* ---- the whole ----------------------------------------------------------------------- */

static enum status in_words(const struct rest_plan *p, const struct rest_input *in,
			    struct db_batch *b, struct err *e)
{
	struct sv state = db_sqlstate(b), text = db_server_text(b, DB_MESSAGE);

	if (sv_starts(state, SV("KT")) || !state.n || e->status == ST_UNAUTHENTICATED ||
	    e->status >= ST_INTERNAL)
		return e->status;
	e->code = state;
	if (text.n)
		e->message = text;
	if (sv_eq(state, SV("25006")) && p->read_only)
		e->status = ST_BAD_METHOD;
	else if (sv_eq(state, SV("23502")) && e->field.n) /* DEA-74 */
		e->message =
			sv_from(arena_printf(db_arena(b), "%.*s is required", SV_ARG(e->field)));
	else if (sv_eq(state, SV("23514")))
		broken_rule(p, b, e);
	else if (sv_eq(state, SV("23505")) && !e->details.n)
		e->details = SV("There is a record with the same values already");
	else if (sv_eq(state, SV("23503")))
		broken_reference(in, e);
	else if (sv_starts(state, SV("22")))
		wrong_value(p, in, b, e);
	else if (sv_eq(state, SV("42883")))
		e->status = ST_BAD_INPUT;
	return e->status;
}

enum status refuse(const struct rest_plan *p, const struct rest_input *in,
		   const struct rest_options *o, struct db_batch *b, struct http_response *rs,
		   struct err *e)
{
	struct sv state = db_sqlstate(b);

	if (raised_status(b, e))
		return e->status;
	if (sv_eq(state, SV("PGRST")))
		return raised_answer(b, rs, e);
	if (p->checked && unexpected_rows(o, b, e))
		return p->bound ? answer_changed(e) : e->status;
	return o->strict ? as_it_is(in, b, e) : in_words(p, in, b, e);
}
