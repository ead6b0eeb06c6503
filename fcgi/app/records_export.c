/*
 * A list as a file, CSV or XLSX: of the selection, of what fits the filters, or
 * of all. Rows leave as they come from the database, so that a million of them
 * need no memory.
 *
 * CSV is UTF-8 with its mark, for spreadsheets. A text that a spreadsheet would
 * take for a formula (it begins with = + - @, a tab or a carriage return) gets an
 * apostrophe in front, unless it is a plain number or telephone number.
 */
#include "fcgi/app/records_state.h"

#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "crm/csv.h"
#include "sheet/sheet.h"

#include <string.h>

#define PART (64 * 1024) /* bytes that leave at once */

/* ---- the dialog ----------------------------------------------------------------- */

static bool exported(const struct record_field *f)
{
	return !(f->flags & FIELD_NO_EXPORT);
}

static enum status show_dialog(struct records *r, struct http_response *rs, struct err *e)
{
	struct tmpl_value *page = web_page(r->rq, r->setup), *list = tmpl_set_list(page, "fields");

	tmpl_set_text(page, "kind", sv_from(r->kind->name));
	tmpl_set_text(page, "state", records_link(r, &(struct records_link){ .only_state = true, .no_view = true }));
	tmpl_set_bool(page, "filtered", r->n_filters || r->q.n);
	for (size_t i = 0; i < r->n_fields; i++) {
		struct tmpl_value *one;

		if (!exported(r->fields[i]))
			continue;
		one = tmpl_push_map(list);
		tmpl_set_text(one, "key", sv_from(r->fields[i]->key));
		tmpl_set_text(one, "label", sv_from(tr(r->fields[i]->label)));
	}
	return web_render(r->rq, rs, "app/records_export", page, e);
}

/* ---- the file --------------------------------------------------------------------- */

struct export {
	struct http_request *rq;
	struct http_response *rs;
	const struct record_field *fields[RECORD_FIELDS];
	size_t n;
	struct sheet_writer *sheet; /* NULL: CSV */
	bool begun;
};

static void leave(struct export *x, bool now)
{
	if (!http_can_stream(x->rs) && !http_is_streaming(x->rs))
		return;
	if (now || x->rs->body.n > PART)
		http_stream(x->rq, x->rs);
}

static bool is_number(struct sv v)
{
	for (size_t i = 1; i < v.n; i++)
		if (!strchr("0123456789 .,+", v.p[i]))
			return false;
	return v.n > 1 && strchr("+-", v.p[0]) && v.p[1] >= '0' && v.p[1] <= '9';
}

static void add_csv(struct buf *out, struct sv value, bool last)
{
	buf_addc(out, '"');
	if (csv_is_formula(value) && !is_number(value))
		buf_addc(out, '\'');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, value.p[i]);
	}
	buf_add(out, last ? SV("\"\r\n") : SV("\","));
}

static bool put(void *arg, struct sv bytes)
{
	struct export *x = arg;

	buf_add(&x->rs->body, bytes);
	leave(x, false);
	return true;
}

static void begin(struct export *x, const struct record_kind *kind, bool rtl)
{
	http_set_header(x->rs, "Content-Disposition",
			sv_from(arena_printf(x->rq->arena, "attachment; filename=\"%s.%s\"", kind->name,
					     x->sheet ? "xlsx" : "csv")));
	x->begun = true;
	if (x->sheet) {
		http_content_type(x->rs, SHEET_TYPE);
		sheet_begin(x->sheet, sv_from(tr(kind->title)), rtl);
		for (size_t i = 0; i < x->n; i++)
			sheet_column(x->sheet, sv_from(tr(x->fields[i]->label)), 20);
		return;
	}
	http_content_type(x->rs, "text/csv; charset=utf-8");
	buf_lit(&x->rs->body, "\xef\xbb\xbf");
	for (size_t i = 0; i < x->n; i++)
		add_csv(&x->rs->body, sv_from(tr(x->fields[i]->label)), i + 1 == x->n);
}

static void add_sheet_cell(struct sheet_writer *w, enum field_type type, struct sv value)
{
	switch (type) {
	case FIELD_NUMBER:
	case FIELD_MONEY:
		sheet_number(w, value);
		break;
	case FIELD_DATE:
		sheet_date(w, value);
		break;
	case FIELD_TIME:
		sheet_time(w, value);
		break;
	default:
		sheet_text(w, value);
	}
}

static void add_row(void *arg, const struct db_batch *b, int stmt, size_t row)
{
	struct export *x = arg;

	if (x->sheet)
		sheet_row(x->sheet);
	for (size_t i = 0; i < x->n; i++) {
		struct sv value = db_get(b, stmt, row, i);

		if (x->sheet)
			add_sheet_cell(x->sheet, x->fields[i]->type, value);
		else
			add_csv(&x->rs->body, value, i + 1 == x->n);
	}
	leave(x, false);
}

static void choose_fields(const struct records *r, struct export *x)
{
	const struct http_pairs *query = http_query_all(r->rq);

	for (size_t i = 0; i < query->n && x->n < RECORD_FIELDS; i++) {
		const struct record_field *f = sv_eq(query->v[i].name, SV("field")) ?
						       records_field(r, query->v[i].value) : NULL;

		if (f && exported(f))
			x->fields[x->n++] = f;
	}
	for (size_t i = 0; i < r->n_fields && !http_query(r->rq, "field").n; i++)
		if (exported(r->fields[i]))
			x->fields[x->n++] = r->fields[i];
}

static struct sv chosen_ids(struct http_request *rq)
{
	const struct http_pairs *query = http_query_all(rq);
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < query->n; i++)
		if (sv_eq(query->v[i].name, SV("ids")) && uuid_valid(query->v[i].value))
			buf_addf(&out, "%s%.*s", out.n ? "," : "{", SV_ARG(query->v[i].value));
	if (out.n)
		buf_addc(&out, '}');
	return out.n ? arena_sv(rq->arena, buf_sv(&out)) : SV_NONE;
}

static int add_rows(const struct records *r, const struct export *x, struct db_batch *b)
{
	struct sv ids = chosen_ids(r->rq), all = http_query(r->rq, "all");
	struct query q;

	query_init(&q, r->arena);
	query_add(&q, "select ");
	for (size_t i = 0; i < x->n; i++)
		cell_export_columns(&q, x->fields[i], i);
	query_add(&q, " from ");
	if (!sv_present(ids)) {
		query_with(&q, "internal.records_ids(", DB_C(r->kind->name));
		query_with(&q, ", ", DB_S(all.n ? SV("[]") : records_where(r)));
		query_add(&q, "::jsonb, 5000000) p (id) join ");
	}
	query_add(&q, r->kind->table);
	query_add(&q, sv_present(ids) ? " t " : " t on t.organization_id = (select auth.org()) and t.id = p.id ");
	query_add(&q, r->kind->joins);
	if (sv_present(ids)) {
		query_with(&q, " where t.organization_id = (select auth.org()) and t.id = any (", DB_S(ids));
		query_add(&q, "::uuid[])");
	}
	query_add(&q, " order by t.id desc");
	return query_run(&q, b);
}

static enum status send_file(struct records *r, struct http_response *rs, struct err *e)
{
	struct export *x = ARENA_NEW(r->arena, struct export);
	struct db_batch *b = web_batch(r->rq);
	bool sheet = sv_eq(http_query(r->rq, "format"), SV("xlsx"));
	int rows;

	*x = (struct export){ .rq = r->rq, .rs = rs };
	choose_fields(r, x);
	if (http_query(r->rq, "ids").n && !sv_present(chosen_ids(r->rq)))
		return err_set(e, r->arena, ST_BAD_INPUT, "The selection could not be read");
	if (!x->n)
		return err_set(e, r->arena, ST_BAD_INPUT, "Choose at least one field");
	db_add(b, "select set_config('statement_timeout', '600000', true)");
	rows = add_rows(r, x, b);
	if (sheet)
		x->sheet = sheet_writer_new(r->arena, put, x);
	begin(x, r->kind, web_language(r->rq)->rtl);
	db_stream(b, rows, add_row, x);
	if (db_run(b, e)) {
		if (http_is_streaming(rs))
			http_stream_fail(rs);
		return e->status;
	}
	if (x->sheet && !sheet_end(x->sheet))
		return err_set(e, r->arena, ST_INTERNAL, "The spreadsheet could not be written");
	return ST_OK;
}

enum status records_export(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct record_kind *kind;
	struct records r = { 0 };

	if (records_kind_of(rq, &kind, e) || records_open(&r, rq, kind, http_query_all(rq), e))
		return e->status;
	return http_query(rq, "format").n ? send_file(&r, rs, e) : show_dialog(&r, rs, e);
}
