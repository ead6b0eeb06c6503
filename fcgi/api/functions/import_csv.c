/*
 * POST /functions/v1/import-contacts, import-companies, import-kommo-leads:
 * the text of a CSV file, {"csvData","organizationId"} (API-80) or as the body
 * itself with Content-Type: text/csv. undo-import takes a whole import back;
 * import-errors gives the rows that failed as a file to mend and send again.
 *
 * Rows are staged, then written in slices, each committed; imports shows how
 * far it is. If this program dies the worker goes on (worker/import.c).
 */
#include "crm/import.h"
#include "fcgi/api/function.h"

#include <string.h>

#define SLICE 2000
#define ROWS 200000 /* in one file */
#define ERRORS_SHOWN 100
/* A slice commits within seconds; by then this request is over or dead. */
#define TAKE_OVER_S 60

struct upload {
	enum import_kind kind;
	struct sv text, file_name, organization_id;
	bool merge, later;
	/* out */
	struct sv id;
	struct buf rows, faults; /* JSON */
	size_t total, failed;
};

static const char *const kinds[] = {
	[IMPORT_CONTACTS] = "contacts",
	[IMPORT_COMPANIES] = "companies",
	[IMPORT_DEALS] = "deals",
};

/* ---- what was sent ---------------------------------------------------------------- */

static enum status read_upload(struct http_request *rq, struct upload *u, struct err *e)
{
	struct fields f;
	struct sv duplicates;

	if (sv_starts(rq->content_type, SV("text/csv"))) {
		u->text = rq->body;
		duplicates = http_query(rq, "duplicates");
		u->later = sv_eq(http_query(rq, "async"), SV("true"));
		u->merge = sv_eq(duplicates, SV("merge"));
		return ST_OK;
	}
	if (function_body(rq, &f, e))
		return e->status;
	u->text = field_text(&f, "csvData", 0, FIELD_NEEDED);
	u->organization_id = field_uuid(&f, "organizationId", FIELD_OPTIONAL);
	u->file_name = field_text(&f, "fileName", 255, FIELD_OPTIONAL);
	duplicates = field_text(&f, "duplicates", 10, FIELD_OPTIONAL);
	if (duplicates.n && !sv_eq(duplicates, SV("merge")) && !sv_eq(duplicates, SV("skip")))
		field_fault(&f, "duplicates", "must be skip or merge");
	u->merge = sv_eq(duplicates, SV("merge"));
	u->later = field_bool(&f, "async", false);
	return fields_check(&f, e);
}

static void stage(struct upload *u, struct sv json)
{
	if (u->rows.n > 1)
		buf_addc(&u->rows, ',');
	buf_add(&u->rows, json);
}

static void note_fault(struct upload *u, const struct import *im)
{
	if (u->failed++)
		buf_addc(&u->faults, ',');
	buf_addf(&u->faults, "{\"row\":%zu,\"error\":", im->line);
	buf_json(&u->faults, im->fault);
	buf_lit(&u->faults, ",\"data\":");
	import_sent(im, &u->faults);
	buf_addc(&u->faults, '}');
}

static enum status read_rows(struct http_request *rq, struct upload *u, struct import *im,
			     struct err *e)
{
	buf_addc(&u->rows, '[');
	buf_addc(&u->faults, '[');
	while (import_next(im)) {
		if (++u->total > ROWS)
			return err_set(e, rq->arena, ST_TOO_LARGE,
				       "The file has more than %d rows; send it in parts", ROWS);
		if (im->fault.n)
			note_fault(u, im);
		else
			stage(u, buf_sv(&im->row));
	}
	buf_addc(&u->rows, ']');
	buf_addc(&u->faults, ']');
	if (!u->total)
		return err_set(e, rq->arena, ST_BAD_INPUT, "The file has no rows below its first");
	return ST_OK;
}

/* ---- the steps ----------------------------------------------------------------------- */

static enum status begin(struct http_request *rq, struct upload *u, const struct import *im,
			 struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int made = db_add(b,
			  "select internal.import_begin($1, $2, $3, $4::jsonb, $5::uuid, $6::jsonb,"
			  " $7::jsonb, make_interval(secs => $8)) as id",
			  DB_C(kinds[u->kind]), DB_OPT(u->file_name),
			  DB_C(u->merge ? "merge" : "skip"), DB_S(buf_sv(&im->ignored)),
			  DB_OPT(u->organization_id), DB_S(buf_sv(&u->rows)),
			  DB_S(buf_sv(&u->faults)), DB_I(u->later ? 0 : TAKE_OVER_S));

	if (function_run(rq, b, e))
		return e->status;
	u->id = db_first(b, made, "id");
	return ST_OK;
}

static enum status write_all(struct http_request *rq, struct upload *u, struct err *e)
{
	int64_t left = 1;

	while (left > 0) {
		struct db_batch *b = web_batch(rq);
		int n;

		n = db_add(b, "select internal.import_step($1, $2) as n", DB_S(u->id),
			   DB_I(SLICE));
		if (db_run(b, e))
			return e->status;
		left = 0;
		sv_to_i64(db_first(b, n, "n"), &left);
	}
	return ST_OK;
}

static void answer_errors(struct buf *out, const struct db_batch *b, int stmt)
{
	buf_json_key(out, "errors");
	buf_addc(out, '[');
	for (size_t i = 0; i < db_rows(b, stmt); i++) {
		if (i)
			buf_addc(out, ',');
		db_json_row(out, b, stmt, i);
	}
	buf_addc(out, ']');
}

static enum status answer(struct http_request *rq, struct http_response *rs, const struct upload *u,
			  struct err *e)
{
	static const char *const counts[] = { "imported", "skipped", "updated", "failed", "total" };
	struct db_batch *b = web_batch(rq);
	int job = db_add(b, "select * from imports where id = $1", DB_S(u->id));
	int errors = db_add(b,
			    "select row, error from import_rows where import_id = $1"
			    " and action = 'failed' order by row limit $2",
			    DB_S(u->id), DB_I(ERRORS_SHOWN));
	struct buf *out;

	if (db_run(b, e))
		return e->status;
	rs->status = u->later ? 202 : 200;
	out = function_success(rs);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		buf_json_key(out, counts[i]);
		buf_add(out, db_first(b, job, counts[i]));
	}
	answer_errors(out, b, errors);
	buf_json_key(out, "import_id");
	buf_json(out, u->id);
	buf_json_key(out, "state");
	buf_json(out, db_first(b, job, "state"));
	buf_json_key(out, "ignored_columns");
	db_json_value(out, b, job, 0, db_col(b, job, SV("ignored_columns")));
	buf_addc(out, '}');
	return ST_OK;
}

static enum status run(struct http_request *rq, struct http_response *rs, struct upload *u,
		       struct import *im, struct err *e)
{
	if (read_rows(rq, u, im, e) || begin(rq, u, im, e))
		return e->status;
	if (!u->later && write_all(rq, u, e))
		return e->status;
	return answer(rq, rs, u, e);
}

static enum status import_file(struct http_request *rq, struct http_response *rs,
			       enum import_kind kind, struct err *e)
{
	struct upload u = { .kind = kind };
	struct import im;

	if (read_upload(rq, &u, e))
		return e->status;
	if (!import_begin(&im, kind, rq->arena, u.text)) {
		err_set(e, rq->arena, ST_BAD_INPUT, "No column of the first line is known");
		e->hint = SV("The first line names the columns: First Name,Last Name,Email,Phone Number");
		e->field = SV("csvData");
	} else {
		run(rq, rs, &u, &im, e);
	}
	import_end(&im);
	buf_release(&u.rows);
	buf_release(&u.faults);
	return e->status;
}

enum status import_contacts(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return import_file(rq, rs, IMPORT_CONTACTS, e);
}

enum status import_companies(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return import_file(rq, rs, IMPORT_COMPANIES, e);
}

enum status import_kommo_leads(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return import_file(rq, rs, IMPORT_DEALS, e);
}

/* ---- afterwards ------------------------------------------------------------------------ */

enum status undo_import(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const char *const counts[] = { "deleted", "restored", "kept" };
	struct db_batch *b = web_batch(rq);
	struct fields f;
	struct sv id;
	struct buf *out;
	int done;

	if (function_body(rq, &f, e))
		return e->status;
	id = field_uuid(&f, "import_id", FIELD_NEEDED);
	if (fields_check(&f, e))
		return e->status;
	done = db_add(b, "select * from internal.import_undo($1)", DB_S(id));
	if (function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		buf_json_key(out, counts[i]);
		buf_add(out, db_first(b, done, counts[i]));
	}
	buf_addc(out, '}');
	return ST_OK;
}

static void add_csv(struct buf *out, struct sv v)
{
	/* A spreadsheet takes these for a formula. */
	bool formula = v.n && strchr("=+-@", v.p[0]);

	buf_addc(out, '"');
	if (formula)
		buf_addc(out, '\'');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, v.p[i]);
	}
	buf_addc(out, '"');
}

enum status import_errors(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_query(rq, "import_id");
	int rows;

	if (!is_uuid(id))
		return err_set(e, rq->arena, ST_BAD_INPUT, "import_id must be a UUID");
	rows = db_add(b,
		      "select r.row, r.error, k.key, k.value from import_rows r"
		      " left join lateral jsonb_each_text(r.data) k on true"
		      " where r.import_id = $1 and r.action = 'failed' order by r.row, k.key",
		      DB_S(id));
	if (function_run(rq, b, e))
		return e->status;
	http_content_type(rs, "text/csv; charset=utf-8");
	http_set_header(rs, "Content-Disposition", SV("attachment; filename=\"import-errors.csv\""));
	buf_lit(&rs->body, "row,error,values\r\n");
	for (size_t i = 0; i < db_rows(b, rows);) {
		struct sv row = db_get(b, rows, i, 0);
		buf_auto struct buf values = BUF_INIT;

		buf_add(&rs->body, row);
		buf_addc(&rs->body, ',');
		add_csv(&rs->body, db_get(b, rows, i, 1));
		for (; i < db_rows(b, rows) && sv_eq(db_get(b, rows, i, 0), row); i++)
			if (sv_present(db_get(b, rows, i, 2)) && db_get(b, rows, i, 3).n) {
				struct sv field = db_get(b, rows, i, 2);
				struct sv value = db_get(b, rows, i, 3);

				buf_addf(&values, "%s%.*s: %.*s", values.n ? "; " : "",
					 SV_ARG(field), SV_ARG(value));
			}
		buf_addc(&rs->body, ',');
		add_csv(&rs->body, buf_sv(&values));
		buf_lit(&rs->body, "\r\n");
	}
	return ST_OK;
}
