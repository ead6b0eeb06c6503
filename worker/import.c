/*
 * Imports at work: the file is read into the staging table, then written, a slice
 * per turn, so that other work goes on in between. The payload: {import_id}. What
 * is to be done is in the import's state; a turn for one that is paused or over
 * by now does nothing. An import that the API began arrives here when its request
 * is over or its program died; import_step is harmless when somebody else is at it.
 */
#include "worker/worker.h"

#include "crm/import.h"
#include "crm/table_file.h"

#define SLICE 1000
#define UNDO_SLICE 300
#define READ_ROWS 5000
#define READ_BYTES (4 << 20)
#define ROWS_MAX 1000000

struct turn {
	struct job *j;
	struct db_batch *b;
	int row; /* statement that read the import */
	struct sv id;
};

/* The database does not want to: later, or the import ends with its words. */
static void refused(struct turn *t, struct err *e)
{
	struct job *j = t->j;

	if (e->status == ST_UNAVAILABLE) {
		job_postpone(j, err_message(e), 1000);
	} else if (e->status < ST_INTERNAL) {
		struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
		struct err other = { 0 };

		db_as_system(b, j->organization_id);
		db_add(b, "select internal.import_fail($1::uuid, $2)", DB_S(t->id), DB_S(err_message(e)));
		if (db_run(b, &other))
			job_fail(j, err_message(e), job_retry_ms(j, 0));
		else
			job_done(j);
	} else {
		job_fail(j, err_message(e), job_retry_ms(j, 0));
	}
}

/* A statement that tells how much is left. */
static void step(struct turn *t, const char *sql, int most)
{
	struct job *j = t->j;
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };
	int64_t left = 0;
	int n;

	db_as_system(b, j->organization_id);
	n = db_add(b, sql, DB_S(t->id), DB_I(most));
	if (db_run(b, &e)) {
		refused(t, &e);
		return;
	}
	sv_to_i64(db_first(b, n, "n"), &left);
	if (left > 0)
		job_postpone(j, SV("more rows"), 0);
	else
		job_done(j);
}

/* ---- reading --------------------------------------------------------------- */

static void decref(void *arg)
{
	json_decref(arg);
}

static json_t *json_of(struct turn *t, const char *column)
{
	struct sv text = db_first(t->b, t->row, column);
	json_t *json = json_loadb(text.p ? text.p : "null", text.p ? text.n : 4, JSON_DECODE_ANY, NULL);

	arena_cleanup(t->j->arena, decref, json);
	return json;
}

static struct sv text_of(const json_t *v)
{
	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV("");
}

static void set_defaults(struct turn *t, struct import_defaults *d)
{
	json_t *all = json_of(t, "defaults"), *tags = json_object_get(all, "tags");
	struct sv *list = ARENA_ARRAY(t->j->arena, json_array_size(tags) + 1, struct sv);

	for (size_t i = 0; i < json_array_size(tags); i++)
		list[d->ntags++] = text_of(json_array_get(tags, i));
	d->tags = list;
	d->source = text_of(json_object_get(all, "source"));
	d->owner = text_of(json_object_get(all, "assignee_id"));
}

static bool prepare(struct turn *t, struct import *im, struct arena *rows, struct sv text)
{
	json_t *headers = json_of(t, "headers"), *mapping = json_of(t, "mapping");
	enum import_kind kind;
	int64_t at = 0, line = 1;

	if (!import_kind_of(db_first(t->b, t->row, "kind"), &kind))
		return false;
	import_begin_mapped(im, kind, rows);
	for (size_t i = 0; i < json_array_size(headers); i++)
		import_map(im, text_of(json_array_get(headers, i)), text_of(json_array_get(mapping, i)));
	set_defaults(t, &im->defaults);
	csv_begin(&im->csv, rows, text);
	sv_to_i64(db_first(t->b, t->row, "read_at"), &at);
	sv_to_i64(db_first(t->b, t->row, "read_line"), &line);
	if (!at)
		return csv_next(&im->csv, &im->fields);
	im->csv.rest = sv_skip(text, (size_t)at);
	im->csv.line = (size_t)line;
	return true;
}

static void note_fault(struct buf *out, const struct import *im)
{
	buf_addf(out, "%s{\"row\":%zu,\"error\":", out->n > 1 ? "," : "", im->line);
	buf_json(out, im->fault);
	buf_lit(out, ",\"data\":");
	import_sent(im, out);
	buf_addc(out, '}');
}

/* Rows as they are to be staged, until there are enough; false at the end. */
static bool collect(struct import *im, struct buf *rows, struct buf *faults)
{
	for (size_t n = 0; n < READ_ROWS && rows->n < READ_BYTES; n++) {
		if (!import_next(im))
			return false;
		if (im->fault.n) {
			note_fault(faults, im);
			continue;
		}
		if (rows->n > 1)
			buf_addc(rows, ',');
		buf_add(rows, buf_sv(&im->row));
	}
	return im->csv.rest.n > 0;
}

static enum status stage(struct turn *t, struct import *im, struct sv text, struct err *e)
{
	struct job *j = t->j;
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	buf_auto struct buf rows = BUF_INIT;
	buf_auto struct buf faults = BUF_INIT;
	bool more;

	buf_addc(&rows, '[');
	buf_addc(&faults, '[');
	more = collect(im, &rows, &faults);
	if (im->csv.open)
		return err_set(e, j->arena, ST_BAD_INPUT, "Line %zu: a quote is opened and never closed", im->csv.open);
	if (im->line > ROWS_MAX)
		return err_set(e, j->arena, ST_TOO_LARGE, "The file has more than %d lines; import it in parts", ROWS_MAX);
	buf_addc(&rows, ']');
	buf_addc(&faults, ']');
	db_as_system(b, j->organization_id);
	db_add(b, "select internal.import_stage($1::uuid, $2::jsonb, $3::jsonb, $4::bigint, $5, $6::integer, $7)",
	       DB_S(t->id), DB_S(buf_sv(&rows)), DB_S(buf_sv(&faults)), DB_S(db_first(t->b, t->row, "read_at")),
	       DB_I((int64_t)(text.n - im->csv.rest.n)), DB_I((int64_t)im->csv.line), DB_B(!more));
	return db_run(b, e);
}

static void read_slice(struct turn *t)
{
	struct job *j = t->j;
	struct arena *rows = arena_new();
	struct import *im = ARENA_NEW(rows, struct import);
	struct err e = { 0 };
	struct sv text;

	if (!table_file_map(j->organization_id, db_first(t->b, t->row, "text_sha256"), j->arena, &text, &e) &&
	    !prepare(t, im, rows, text))
		err_set(&e, j->arena, ST_BAD_INPUT, "The file has no rows");
	if (e.status || stage(t, im, text, &e))
		refused(t, &e);
	else
		job_postpone(j, SV("more rows"), 0);
	import_end(im);
	arena_free(rows);
}

void import_start(struct job *j)
{
	struct turn t = { .j = j, .b = db_batch(worker_of(j)->db, j->arena) };
	struct err e = { 0 };
	struct sv state;

	db_as_system(t.b, j->organization_id);
	t.row = db_add(t.b, "select * from imports where id = ($1::jsonb ->> 'import_id')::uuid", DB_S(j->payload));
	if (db_run(t.b, &e)) {
		job_postpone(j, err_message(&e), 1000);
		return;
	}
	t.id = db_first(t.b, t.row, "id");
	state = db_first(t.b, t.row, "state");
	if (sv_eq(state, SV("reading")))
		read_slice(&t);
	else if (sv_eq(state, SV("running")))
		step(&t, "select internal.import_step($1::uuid, $2) as n", SLICE);
	else if (sv_eq(state, SV("undoing")))
		step(&t, "select internal.import_undo_step($1::uuid, $2) as n", UNDO_SLICE);
	else
		job_done(j);
}
