/*
 * The rows of an answer, and the headers that speak of them.
 */
#include "rest/answer.h"
#include "crypto/crypto.h"

/* ---- how many ------------------------------------------------------------------- */

static int64_t rows_of(const struct rest_plan *p, const struct db_batch *b, const struct asked *q)
{
	int64_t n = 0;

	if (p->media.counted)
		return sv_to_i64(db_get(b, q->main, 0, 1), &n) ? n : 0;
	if (p->answer == REST_ROWS)
		return (int64_t)db_rows(b, q->main);
	return db_affected(b, q->main);
}

int64_t answer_total(const struct rest_plan *p, const struct db_batch *b, const struct asked *q)
{
	int64_t n = -1, planned;

	if (p->call && p->single && p->counted)
		return 1;
	if (q->count >= 0)
		sv_to_i64(db_get(b, q->count, 0, 0), &n);
	if (q->estimate >= 0 && (q->count < 0 || n >= p->count_limit)) {
		planned = rest_planned_rows(db_get(b, q->estimate, 0, 0));
		return planned > n ? planned : n;
	}
	if (q->count < 0 && p->counted && (p->call || p->method != HTTP_GET))
		n = rows_of(p, b, q);
	return n;
}

/* "0-24/3573", with * for what is not known. */
static void content_range(const struct rest_plan *p, struct http_response *rs, struct arena *a,
		  int64_t rows, int64_t of)
{
	bool told = p->method == HTTP_GET || p->method == HTTP_PATCH || p->call;
	char *range = rows < 0 ? arena_printf(a, "%lld-*", (long long)p->offset)
		      : told && rows > 0 && of != 0
			      ? arena_printf(a, "%lld-%lld", (long long)p->offset,
					     (long long)(p->offset + rows - 1))
			      : arena_printf(a, "*");
	char *size = of >= 0 ? arena_printf(a, "%lld", (long long)of) : arena_printf(a, "*");

	http_set_header(rs, "Content-Range", sv_from(arena_printf(a, "%s/%s", range, size)));
}

static enum status beyond(const struct rest_plan *p, struct arena *a, struct http_response *rs,
			  int64_t of, struct err *e)
{
	*e = (struct err){ .status = ST_BAD_RANGE, .code = SV("PGRST103") };
	e->message = SV("Requested range not satisfiable");
	e->details = sv_from(arena_printf(a,
					  "An offset of %lld was requested, but there are only "
					  "%lld rows.",
					  (long long)p->offset, (long long)of));
	http_set_header(rs, "Content-Range", sv_from(arena_printf(a, "*/%lld", (long long)of)));
	return e->status;
}

/* ---- the body ---------------------------------------------------------------------- */

enum status answer_not_single(const struct rest_options *o, struct sv details, struct err *e)
{
	*e = (struct err){ .status = ST_NOT_ACCEPTABLE, .code = SV("PGRST116") };
	e->message = o->strict ? SV("Cannot coerce the result to a single JSON object")
			       : SV("JSON object requested, multiple (or no) rows returned");
	e->details = details;
	return e->status;
}

enum status answer_changed(struct err *e)
{
	*e = (struct err){ .status = ST_CHANGED, .code = SV("PRECONDITION_FAILED") };
	e->message = SV("This was changed since you read it, or is no longer there");
	e->hint = SV("Read it again, see what changed, and send your change with the new ETag in If-Match");
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

/* All columns but the last; there is a row at most. */
static void write_versioned(const struct rest_plan *p, const struct db_batch *b, int stmt,
			    struct buf *out)
{
	if (p->shape == REST_ARRAY)
		buf_addc(out, '[');
	if (db_rows(b, stmt))
		db_json_cells(out, b, stmt, 0, db_cols(b, stmt) - 1);
	if (p->shape == REST_ARRAY)
		buf_addc(out, ']');
}

static void write_json(const struct rest_plan *p, const struct db_batch *b, int stmt,
		       struct buf *out)
{
	if (p->versioned)
		write_versioned(p, b, stmt, out);
	else if (p->shape == REST_ARRAY)
		db_json_rows(out, b, stmt);
	else if (p->shape == REST_LIST)
		write_list(out, b, stmt);
	else if (!db_rows(b, stmt))
		buf_lit(out, "null");
	else if (p->shape == REST_SCALAR)
		db_json_value(out, b, stmt, 0, 0);
	else
		db_json_row(out, b, stmt, 0);
}

static void write_csv(const struct rest_plan *p, const struct db_batch *b, int stmt,
		      struct buf *out)
{
	bool bare = p->shape == REST_LIST || p->shape == REST_SCALAR;

	if (!db_rows(b, stmt)) {
		buf_addc(out, '\n');
		return;
	}
	if (bare)
		buf_lit(out, "pgrst_scalar");
	else
		rest_csv_names(out, b, stmt);
	for (size_t i = 0; i < db_rows(b, stmt); i++) {
		buf_addc(out, '\n');
		rest_csv_row(out, b, stmt, i);
	}
}

/* bytea comes as \x and hex digits. */
static void write_raw(const struct db_batch *b, int stmt, struct buf *out)
{
	struct sv value = db_get(b, stmt, 0, 0);

	if (db_col_type(b, stmt, 0) == 17 && sv_starts(value, SV("\\x")))
		value = crypto_unhex(db_arena(b), sv_skip(value, 2));
	buf_add(out, value);
}

/* EXPLAIN answers lines; its JSON is one value. */
static void write_plan(const struct db_batch *b, int stmt, struct buf *out)
{
	for (size_t i = 0; i < db_rows(b, stmt); i++) {
		if (i)
			buf_addc(out, '\n');
		buf_add(out, db_get(b, stmt, i, 0));
	}
}

static void write_body(const struct rest_plan *p, const struct db_batch *b, int stmt,
		       struct http_response *rs)
{
	struct buf whole buf_auto = BUF_INIT;
	struct buf *out = p->media.strip ? &whole : &rs->body;

	http_set_header(rs, "Content-Type", p->media.type);
	if (p->media.form == REST_CSV)
		write_csv(p, b, stmt, out);
	else if (p->media.form == REST_RAW)
		write_raw(b, stmt, out);
	else
		write_json(p, b, stmt, out);
	if (p->media.strip)
		rest_strip_nulls(&rs->body, buf_sv(&whole));
}

/* ---- headers -------------------------------------------------------------------------- */

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
		struct sv value = db_get(b, stmt, 0, i);

		buf_addc(&at, i ? '&' : '?');
		buf_url(&at, db_col_name(b, stmt, i));
		buf_add(&at, sv_present(value) ? SV("=eq.") : SV("=is.null"));
		buf_url(&at, value);
	}
	http_set_header(rs, "Location", arena_sv(db_arena(b), buf_sv(&at)));
}

static void etag(const struct rest_plan *p, const struct db_batch *b, const struct asked *q,
		 int64_t rows, struct http_response *rs)
{
	struct sv version = SV_NONE;

	if (rows != 1)
		return;
	if (p->versioned)
		version = db_get(b, q->main, 0, db_cols(b, q->main) - 1);
	else if (q->version >= 0)
		version = db_get(b, q->version, 0, 0);
	if (version.n)
		http_set_header(rs, "ETag",
				sv_from(arena_printf(db_arena(b), "\"%.*s\"", SV_ARG(version))));
}

/* What an upsert did: rows were added, or all were there before. */
static int written(const struct rest_plan *p, const struct db_batch *b, const struct asked *q)
{
	int64_t added = 1;

	if (q->inserted >= 0)
		sv_to_i64(db_get(b, q->inserted, 0, 0), &added);
	if (p->method == HTTP_PUT && p->answer != REST_ROWS)
		return 204;
	return added > 0 ? 201 : 200;
}

static int status_of(const struct rest_plan *p, int64_t rows, int64_t of)
{
	if (p->call && p->answer != REST_ROWS)
		return 204;
	if (p->method != HTTP_GET && !p->call)
		return p->answer == REST_ROWS ? 200 : 204;
	return of >= 0 && rows < of ? 206 : 200;
}

void answer_headers(const struct rest_plan *p, struct http_response *rs, struct arena *a,
		    int64_t rows, int64_t of)
{
	rs->status = status_of(p, rows, of);
	if (p->method != HTTP_PUT)
		content_range(p, rs, a, rows, of);
	if (p->applied.n)
		http_set_header(rs, "Preference-Applied", p->applied);
	if (p->location.n)
		http_set_header(rs, "Content-Location", p->location);
	if (p->profile.n)
		http_set_header(rs, "Content-Profile", p->profile);
}

enum status answer_counted(const struct rest_plan *p, const struct db_batch *b,
			   const struct asked *q, int64_t rows, struct http_response *rs,
			   struct err *e)
{
	int64_t of = answer_total(p, b, q);

	if ((p->method == HTTP_GET || p->call) && of >= 0 && p->offset > of)
		return beyond(p, db_arena(b), rs, of, e);
	answer_headers(p, rs, db_arena(b), rows, of);
	return ST_OK;
}

enum status answer_write(const struct rest_plan *p, const struct rest_options *o,
			 const struct db_batch *b, const struct asked *q,
			 struct http_response *rs, struct err *e)
{
	int64_t rows = rows_of(p, b, q);

	if (p->bound && !rows)
		return answer_changed(e);
	if (p->shape == REST_OBJECT && p->answer == REST_ROWS && p->media.form == REST_JSON &&
	    !p->media.explain && !p->single && rows != 1)
		return answer_not_single(o, sv_from(arena_printf(db_arena(b),
								 "The result contains %lld rows",
								 (long long)rows)),
					 e);

	if (p->media.explain) {
		http_set_header(rs, "Content-Type", p->media.type);
		write_plan(b, q->main, &rs->body);
		return ST_OK;
	}
	if (answer_counted(p, b, q, rows, rs, e))
		return e->status;
	if (!p->call && p->method & (HTTP_POST | HTTP_PUT))
		rs->status = written(p, b, q);
	etag(p, b, q, rows, rs);
	if (p->answer == REST_HEADERS)
		location(p, b, q->main, rs);
	if (p->answer == REST_ROWS)
		write_body(p, b, q->main, rs);
	return ST_OK;
}
