/*
 * The engine at work: the schema kept fresh, a request run, its rows written.
 */
#include "rest/tree.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

struct rest {
	const struct rest_options *options;
	struct rest_schema *schema;
	struct db *db;
	bool listening;
	int64_t loaded_at; /* clock_mono_us */
};

/* How old a schema may be when a name is not found in it, in microseconds. */
#define STALE_AFTER 10000000

struct rest *rest_new(const struct rest_options *o)
{
	struct rest *r = mem_alloc(sizeof(*r));

	*r = (struct rest){ .options = o };
	return r;
}

void rest_free(struct rest *r)
{
	if (r)
		rest_schema_free(r->schema);
	free(r);
}

/* ---- the schema ------------------------------------------------------------ */

static enum status reload(struct rest *r, struct arena *a, struct err *e)
{
	struct rest_schema *fresh;

	if (rest_load(r->db, r->options->schemas, r->options->extra_schemas, r->options->role, a,
		      &fresh, e))
		return e->status;
	rest_schema_free(r->schema);
	r->schema = fresh;
	r->loaded_at = clock_mono_us();
	return ST_OK;
}

static const char *channel(const struct rest *r)
{
	return r->options->channel ? r->options->channel : "pgrst";
}

/* Behind PgBouncer there is no LISTEN; then only STALE_AFTER helps. */
static void listen(struct rest *r, struct arena *a)
{
	struct err ignored = { 0 };

	if (!r->options->deaf && db_listen(r->db, channel(r), a, &ignored))
		log_warn("no word will come of schema changes",
			 LOG_S("why", err_message(&ignored)));
	r->listening = true;
}

static bool changed(struct rest *r, struct arena *a)
{
	struct sv from, payload;
	bool missed = false, told = false;

	while (db_notified(r->db, a, &from, &payload, &missed))
		told |= sv_eq(from, sv_from(channel(r)));
	return told || missed;
}

enum status rest_ready(struct rest *r, struct db *db, struct arena *a, struct err *e)
{
	r->db = db;
	if (!r->listening)
		listen(r, a);
	if (!r->schema || changed(r, a))
		return reload(r, a, e);
	return ST_OK;
}

/* ---- input ------------------------------------------------------------------ */

static struct sv profile(const struct http_request *rq)
{
	return http_header(rq, rq->method == HTTP_GET ? "Accept-Profile" : "Content-Profile");
}

static struct rest_input input(const struct rest_call *call, struct http_request *rq)
{
	return (struct rest_input){
		.method = rq->method,
		.target = call->target,
		.flags = call->flags,
		.query = http_query_all(rq),
		.body = rq->body,
		.content_type = rq->content_type,
		.accept = http_header(rq, "Accept"),
		.prefer = http_header(rq, "Prefer"),
		.range = http_header(rq, "Range"),
		.profile = profile(rq),
	};
}

static bool unknown_name(const struct err *e)
{
	return sv_eq(e->code, SV("42703")) || sv_eq(e->code, SV("PGRST200")) ||
	       sv_eq(e->code, SV("PGRST202")) || sv_eq(e->code, SV("PGRST204")) ||
	       sv_eq(e->code, SV("PGRST205"));
}

/* A name that is not known may be new. */
static enum status compile(struct rest *r, const struct rest_input *in, struct arena *a,
			   struct rest_plan *plan, struct err *e)
{
	if (!rest_compile(r->schema, r->options, in, a, plan, e))
		return ST_OK;
	if (!unknown_name(e) || clock_mono_us() - r->loaded_at < STALE_AFTER)
		return e->status;
	if (reload(r, a, e))
		return e->status;
	return rest_compile(r->schema, r->options, in, a, plan, e);
}

/* ---- what the database refused ------------------------------------------------ */

/* The text that was sent and is quoted in the server's message. */
static bool quotes(struct sv message, struct sv value)
{
	ptrdiff_t at = sv_find(message, value);

	return value.n && at > 0 && message.p[at - 1] == '"' && (size_t)at + value.n < message.n &&
	       message.p[(size_t)at + value.n] == '"';
}

static struct sv field_in_body(struct arena *a, struct sv body, struct sv message)
{
	json_t *json = json_loadb(body.p ? body.p : "", body.n, JSON_DECODE_INT_AS_REAL, NULL);
	json_t *row, *value;
	struct sv found = SV_NONE;
	const char *key;
	size_t i;

	if (json_is_object(json)) {
		json_t *list = json_array();

		json_array_append_new(list, json);
		json = list;
	}
	json_array_foreach(json, i, row) json_object_foreach(
		row, key, value) if (!found.n && json_is_string(value) &&
				     quotes(message, sv_make(json_string_value(value),
							     json_string_length(value)))) found =
		arena_sv(a, sv_from(key));
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

/* Errors in PostgREST's form: the server's own words and its SQLSTATE. What
 * the program's SQL raised on purpose (KT404 ...) stays as it is. */
static enum status refused(const struct rest_plan *p, const struct rest_input *in,
			   struct db_batch *b, struct http_response *rs, struct err *e)
{
	struct sv state = db_sqlstate(b), text = db_server_text(b, DB_MESSAGE);

	if (rest_raised(p, b, rs, e))
		return e->status;
	if (sv_starts(state, SV("KT")) || !state.n || e->status == ST_UNAUTHENTICATED ||
	    e->status >= ST_INTERNAL)
		return e->status;
	e->code = state;
	if (text.n)
		e->message = text;
	if (sv_eq(state, SV("23502")) && e->field.n) /* DEA-74 */
		e->message =
			sv_from(arena_printf(db_arena(b), "%.*s is required", SV_ARG(e->field)));
	else if (sv_eq(state, SV("23514")))
		broken_rule(p, b, e);
	else if (sv_eq(state, SV("23503")))
		broken_reference(in, e);
	else if (sv_starts(state, SV("22")))
		wrong_value(p, in, b, e);
	else if (sv_eq(state, SV("42883")))
		e->status = ST_BAD_INPUT;
	return e->status;
}

/* ---- the answer ------------------------------------------------------------------ */

/* The statements of a request; -1: not asked. */
struct asked {
	int main, count, estimate, inserted;
};

/* Rows read, or written whether they are told of or not. */
static int64_t rows_of(const struct rest_plan *p, const struct db_batch *b, const struct asked *q)
{
	if (p->single)
		return 1;
	return p->call || p->method == HTTP_GET ? (int64_t)db_rows(b, q->main) :
						  db_affected(b, q->main);
}

static int64_t total(const struct rest_plan *p, const struct db_batch *b, const struct asked *q)
{
	int64_t n = -1, planned;

	if (q->count >= 0)
		sv_to_i64(db_get(b, q->count, 0, 0), &n);
	if (q->estimate >= 0 && (q->count < 0 || n >= p->count_limit)) {
		planned = rest_planned_rows(db_get(b, q->estimate, 0, 0));
		return planned > n ? planned : n;
	}
	if (q->count >= 0 || !p->counted)
		return n;
	return rows_of(p, b, q);
}

static int64_t inserted(const struct db_batch *b, const struct asked *q)
{
	int64_t n = 0;

	if (q->inserted >= 0)
		sv_to_i64(db_get(b, q->inserted, 0, 0), &n);
	return n;
}

/* "0-24/3573", with * for what is not known. Of what was written only PATCH
 * tells the range. */
static void content_range(const struct rest_plan *p, struct http_response *rs, struct arena *a,
			  int64_t rows, int64_t of)
{
	bool ranged = p->call || p->method == HTTP_GET || p->method == HTTP_PATCH;
	char *range = ranged && rows > 0
			      ? arena_printf(a, "%lld-%lld", (long long)p->offset,
					     (long long)(p->offset + rows - 1))
			      : arena_printf(a, "*");
	char *size = of >= 0 ? arena_printf(a, "%lld", (long long)of) : arena_printf(a, "*");

	http_set_header(rs, "Content-Range", sv_from(arena_printf(a, "%s/%s", range, size)));
}

static enum status beyond(const struct rest_plan *p, struct arena *a, int64_t of, struct err *e)
{
	*e = (struct err){ .status = ST_BAD_RANGE, .code = SV("PGRST103") };
	e->message = SV("Requested range not satisfiable");
	e->details = sv_from(arena_printf(a,
					  "An offset of %lld was requested, but there are only "
					  "%lld rows.",
					  (long long)p->offset, (long long)of));
	return e->status;
}

static enum status not_single(struct arena *a, size_t rows, struct err *e)
{
	*e = (struct err){ .status = ST_NOT_ACCEPTABLE, .code = SV("PGRST116") };
	e->message = SV("JSON object requested, multiple (or no) rows returned");
	e->details = sv_from(arena_printf(a, "The result contains %zu rows", rows));
	return e->status;
}

static void write_list(struct buf *out, const struct db_batch *b, int stmt)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < db_rows(b, stmt); i++) {
		if (i)
			buf_addc(out, ',');
		db_json_value(out, b, stmt, i, 0);
	}
	buf_addc(out, ']');
}

static enum status write_rows(const struct rest_plan *p, const struct db_batch *b, int stmt,
			      struct http_response *rs, struct err *e)
{
	http_content_type(rs, p->shape == REST_OBJECT && !p->call
				      ? "application/vnd.pgrst.object+json; charset=utf-8"
				      : "application/json; charset=utf-8");
	switch (p->shape) {
	case REST_ARRAY:
		db_json_rows(&rs->body, b, stmt);
		return ST_OK;
	case REST_LIST:
		write_list(&rs->body, b, stmt);
		return ST_OK;
	case REST_SCALAR:
		db_json_value(&rs->body, b, stmt, 0, 0);
		return ST_OK;
	case REST_OBJECT:
		if (db_rows(b, stmt) != 1)
			return not_single(db_arena(b), db_rows(b, stmt), e);
		db_json_row(&rs->body, b, stmt, 0);
	}
	return ST_OK;
}

/* Location: /deals?id=eq.1 */
static void location(const struct rest_plan *p, const struct db_batch *b, int stmt,
		     struct http_response *rs)
{
	struct buf at buf_auto = BUF_INIT;

	if (p->method != HTTP_POST || db_rows(b, stmt) != 1)
		return;
	buf_addc(&at, '/');
	buf_url(&at, p->table);
	for (size_t i = 0; i < db_cols(b, stmt); i++) {
		buf_addc(&at, i ? '&' : '?');
		buf_url(&at, db_col_name(b, stmt, i));
		if (sv_present(db_get(b, stmt, 0, i))) {
			buf_lit(&at, "=eq.");
			buf_url(&at, db_get(b, stmt, 0, i));
		} else {
			buf_lit(&at, "=is.null");
		}
	}
	http_set_header(rs, "Location", arena_sv(db_arena(b), buf_sv(&at)));
}

static int status_of(const struct rest_plan *p, int64_t rows, int64_t of, int64_t added)
{
	bool told = p->answer == REST_ROWS, part = of > p->offset + rows;

	if (p->call || p->method == HTTP_GET)
		return !told ? 204 : part || (of >= 0 && p->offset && rows) ? 206 : 200;
	if (p->method == HTTP_POST)
		return p->inserted.sql.n && added <= 0 ? 200 : 201;
	if (p->method == HTTP_PUT && told)
		return added > 0 ? 201 : 200;
	return told ? 200 : 204;
}

static enum status answer(const struct rest_plan *p, const struct db_batch *b,
			  const struct asked *q, struct http_response *rs, struct err *e)
{
	int64_t rows = rows_of(p, b, q), of = total(p, b, q);

	if ((p->call || p->method == HTTP_GET) && of >= 0 && p->offset > of)
		return beyond(p, db_arena(b), of, e);
	rs->status = status_of(p, rows, of, inserted(b, q));
	content_range(p, rs, db_arena(b), rows, of);
	if (p->applied.n)
		http_set_header(rs, "Preference-Applied", p->applied);
	if (p->answer == REST_HEADERS)
		location(p, b, q->main, rs);
	return p->answer == REST_ROWS ? write_rows(p, b, q->main, rs, e) : ST_OK;
}

static int ask(struct db_batch *b, const struct rest_statement *s)
{
	return s->sql.n ? db_add_composed(b, s->sql, s->n, s->params) : -1;
}

/* What holds for the transaction; then the work. */
static void ask_all(const struct rest *r, const struct rest_plan *p, struct db_batch *b,
		    struct asked *q)
{
	if (p->timezone.n)
		db_add(b, "select set_config('timezone', $1, true)", DB_S(p->timezone));
	if (p->read_only || (r->options->read_only && p->method == HTTP_GET))
		db_add(b, "select set_config('transaction_read_only', 'on', true)");
	q->main = ask(b, &p->main);
	q->count = ask(b, &p->count);
	q->estimate = ask(b, &p->estimate);
	q->inserted = ask(b, &p->inserted);
}

enum status rest_handle(struct rest *r, const struct rest_call *call, struct http_request *rq,
			struct http_response *rs, struct db_batch *b, struct err *e)
{
	struct rest_input in = input(call, rq);
	struct rest_plan plan;
	struct asked asked;

	if (compile(r, &in, rq->arena, &plan, e))
		return e->status;
	ask_all(r, &plan, b, &asked);
	if (call->flags & REST_ROLLBACK)
		db_rollback(b);
	if (db_run(b, e))
		return refused(&plan, &in, b, rs, e);
	return answer(&plan, b, &asked, rs, e);
}
