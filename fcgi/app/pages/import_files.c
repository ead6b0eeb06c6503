/* Files of imports that people take: the rows that failed, to be mended and
 * imported again, and empty tables to be filled (LEA-34). */
#include "fcgi/app/imports.h"
#include "fcgi/app/routes.h"

#include "sheet/sheet.h"

#include <string.h>

#define ROWS_MAX 100000

/* ---- CSV ------------------------------------------------------------------- */

/* A spreadsheet would take these for a formula. */
static bool is_formula(struct sv v)
{
	return csv_is_formula(v) && !(v.p[0] == '+' && v.n > 1 && v.p[1] >= '0' && v.p[1] <= '9');
}

static void add_csv(struct buf *out, struct sv v)
{
	buf_addc(out, '"');
	if (is_formula(v))
		buf_addc(out, '\'');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, v.p[i]);
	}
	buf_addc(out, '"');
}

/* ---- rows that failed --------------------------------------------------------- */

static void add_fields(struct buf *out, const struct csv_row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		add_csv(out, i < row->n && sv_is_text(row->v[i]) ? row->v[i] : SV(""));
		buf_addc(out, ',');
	}
}

/* The rows as they stand in the file, with what is wrong behind them. */
static void add_failed(struct buf *out, struct arena *a, struct sv text, const struct db_batch *b, int rows)
{
	struct csv_row *row = ARENA_NEW(a, struct csv_row);
	struct csv c;
	size_t next = 0, n;
	int64_t line;

	csv_begin(&c, a, text);
	if (!csv_next(&c, row))
		return;
	n = row->n;
	add_fields(out, row, n);
	buf_lit(out, "\"Import row\",\"Import error\"\r\n");
	while (next < db_rows(b, rows) && csv_next(&c, row)) {
		if (!sv_to_i64(db_get(b, rows, next, 0), &line) || (int64_t)row->line < line)
			continue;
		add_fields(out, row, n);
		buf_addf(out, "%zu,", row->line);
		add_csv(out, db_get(b, rows, next++, 1));
		buf_lit(out, "\r\n");
	}
}

enum status import_failed_rows(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, text;
	int row, rows;

	if (path_id(rq, "import", &id, e))
		return e->status;
	row = db_add(b, "select organization_id, text_sha256 from imports where id = $1::uuid and text_sha256 is not null",
		     DB_S(id));
	rows = db_add(b,
		"select r.row, r.error from import_rows r where r.import_id = $1::uuid and r.action = 'failed'"
		" order by r.row limit $2", DB_S(id), DB_I(ROWS_MAX));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This import does not exist"));
	if (table_file_map(db_get(b, row, 0, 0), db_get(b, row, 0, 1), rq->arena, &text, e))
		return e->status;
	http_content_type(rs, "text/csv; charset=utf-8");
	http_set_header(rs, "Content-Disposition", SV("attachment; filename=\"import-errors.csv\""));
	buf_lit(&rs->body, "\xef\xbb\xbf");
	add_failed(&rs->body, rq->arena, text, b, rows);
	return ST_OK;
}

/* ---- tables to fill --------------------------------------------------------------- */

/* Columns by the names that the import knows, and one row that shows how. */
static const struct {
	enum import_kind kind;
	const char *head, *example;
} columns[] = {
	{ IMPORT_CONTACTS, "First Name", "Nora" },
	{ IMPORT_CONTACTS, "Last Name", "Larsen" },
	{ IMPORT_CONTACTS, "Email", "nora@example.com" },
	{ IMPORT_CONTACTS, "Phone", "+49 30 1234567" },
	{ IMPORT_CONTACTS, "Company", "Larsen & Co" },
	{ IMPORT_CONTACTS, "Tags", "vip, newsletter" },
	{ IMPORT_CONTACTS, "Source", "fair" },
	{ IMPORT_CONTACTS, "Notes", "Met in Porto" },
	{ IMPORT_COMPANIES, "Company name", "Larsen & Co" },
	{ IMPORT_COMPANIES, "Domain", "larsen.example" },
	{ IMPORT_COMPANIES, "Website", "https://larsen.example" },
	{ IMPORT_COMPANIES, "Industry", "Furniture" },
	{ IMPORT_COMPANIES, "Phone", "+49 30 1234567" },
	{ IMPORT_COMPANIES, "Email", "office@larsen.example" },
	{ IMPORT_COMPANIES, "Street", "Hauptstr. 1" },
	{ IMPORT_COMPANIES, "Postal code", "10115" },
	{ IMPORT_COMPANIES, "City", "Berlin" },
	{ IMPORT_COMPANIES, "Country", "Germany" },
	{ IMPORT_COMPANIES, "Employees", "25" },
	{ IMPORT_COMPANIES, "Annual revenue", "1200000" },
	{ IMPORT_COMPANIES, "Tags", "partner" },
	{ IMPORT_LEADS, "Name", "Nora Larsen" },
	{ IMPORT_LEADS, "Email", "nora@example.com" },
	{ IMPORT_LEADS, "Phone", "+49 30 1234567" },
	{ IMPORT_LEADS, "Company", "Larsen & Co" },
	{ IMPORT_LEADS, "Job title", "Head of purchasing" },
	{ IMPORT_LEADS, "Source", "event" },
	{ IMPORT_LEADS, "Status", "New" },
	{ IMPORT_LEADS, "Territory", "North" },
	{ IMPORT_LEADS, "Tags", "fair-2026" },
	{ IMPORT_LEADS, "Notes", "Asked for a catalogue" },
	{ IMPORT_DEALS, "Deal title", "Chairs for the new office" },
	{ IMPORT_DEALS, "Value", "4200.50" },
	{ IMPORT_DEALS, "Currency", "EUR" },
	{ IMPORT_DEALS, "Stage", "proposal" },
	{ IMPORT_DEALS, "Expected close date", "2027-03-31" },
	{ IMPORT_DEALS, "First Name", "Nora" },
	{ IMPORT_DEALS, "Last Name", "Larsen" },
	{ IMPORT_DEALS, "Email", "nora@example.com" },
	{ IMPORT_DEALS, "Phone", "+49 30 1234567" },
	{ IMPORT_DEALS, "Company", "Larsen & Co" },
	{ IMPORT_DEALS, "Deal description", "Twelve pieces, oak" },
};
#define TEMPLATE_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void csv_template(struct buf *out, enum import_kind kind)
{
	for (int line = 0; line < 2; line++) {
		bool first = true;

		if (!line)
			buf_lit(out, "\xef\xbb\xbf");
		for (size_t i = 0; i < TEMPLATE_COLUMNS; i++) {
			if (columns[i].kind != kind)
				continue;
			if (!first)
				buf_addc(out, ',');
			add_csv(out, sv_from(line ? columns[i].example : columns[i].head));
			first = false;
		}
		buf_lit(out, "\r\n");
	}
}

static bool to_buf(void *arg, struct sv bytes)
{
	buf_add(arg, bytes);
	return true;
}

static bool xlsx_template(struct buf *out, enum import_kind kind, struct arena *a)
{
	struct sheet_writer *w = sheet_writer_new(a, to_buf, out);

	sheet_begin(w, sv_from(import_kind_name(kind)), false);
	for (size_t i = 0; i < TEMPLATE_COLUMNS; i++)
		if (columns[i].kind == kind)
			sheet_column(w, sv_from(columns[i].head), 22);
	sheet_row(w);
	for (size_t i = 0; i < TEMPLATE_COLUMNS; i++)
		if (columns[i].kind == kind)
			sheet_text(w, sv_from(columns[i].example));
	return sheet_end(w);
}

/* /imports/template/contacts.csv */
enum status import_template(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv type = http_param(rq, "file"), name = sv_cut(&type, '.');
	enum import_kind kind;

	if (!import_kind_of(name, &kind) || (!sv_eq(type, SV("csv")) && !sv_eq(type, SV("xlsx"))))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("There is no such template"));
	http_set_header(rs, "Content-Disposition",
			sv_from(arena_printf(rq->arena, "attachment; filename=\"%s.%.*s\"", import_kind_name(kind),
					     SV_ARG(type))));
	if (sv_eq(type, SV("csv"))) {
		http_content_type(rs, "text/csv; charset=utf-8");
		csv_template(&rs->body, kind);
		return ST_OK;
	}
	http_content_type(rs, SHEET_TYPE);
	return xlsx_template(&rs->body, kind, rq->arena) ? ST_OK :
			err_set(e, rq->arena, ST_INTERNAL, "the template could not be written");
}
