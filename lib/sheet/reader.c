/* Reading: rows of the sheet as its XML comes in. */
#include "sheet/book.h"
#include "sheet/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 40 /* bytes of a number or date as text */

const struct sheet_limits sheet_limits_usual = {
	.unpacked = INT64_C(1) << 30,
	.ratio = 250,
	.texts = 128 << 20,
	.columns = 512,
	.rows = SHEET_ROWS_MAX,
};

enum cell_kind { CELL_NUMBER, CELL_SHARED, CELL_TEXT, CELL_TRUTH, CELL_ERROR };

struct cell {
	size_t column, at, n; /* where its text is */
	enum cell_kind kind;
	bool date;
};

/* Rows that were parsed and not asked for yet. */
struct row {
	size_t first, n, line; /* its cells */
};

struct sheet_reader {
	struct book book;
	struct xml_part *part;
	struct buf text; /* of the cells below */
	struct cell *cells;
	size_t ncells, cells_size;
	struct row *rows;
	size_t nrows, rows_size, next;
	struct sv *v; /* of the row given out */
	size_t v_size;
	struct buf shown; /* values that are not as they stand */
	/* while parsing */
	struct row row;
	struct cell cell;
	size_t line, column;
	bool in_row, in_cell, in_value, phonetic;
};

/* ---- parsing --------------------------------------------------------------- */

/* "BC12" is column 55, the first being 0; what is none comes behind the last. */
static size_t column_of(struct sv ref, size_t behind)
{
	size_t n = 0;

	for (size_t i = 0; i < ref.n && ref.p[i] >= 'A' && ref.p[i] <= 'Z' && i < 4; i++)
		n = n * 26 + (size_t)(ref.p[i] - 'A') + 1;
	return n ? n - 1 : behind;
}

static enum cell_kind kind_of(struct sv type)
{
	if (sv_eq(type, SV("s")))
		return CELL_SHARED;
	if (sv_eq(type, SV("inlineStr")) || sv_eq(type, SV("str")) || sv_eq(type, SV("d")))
		return CELL_TEXT;
	if (sv_eq(type, SV("b")))
		return CELL_TRUTH;
	return sv_eq(type, SV("e")) ? CELL_ERROR : CELL_NUMBER;
}

static void cell_start(struct sheet_reader *r, const struct xml_attrs *attrs)
{
	int64_t style = -1;

	r->in_cell = true;
	r->column = column_of(xml_attr(attrs, "r"), r->column);
	if (r->column >= r->book.zip.limits->columns)
		unzip_fault(&r->book.zip, ST_TOO_LARGE, N_("The sheet has too many columns"));
	sv_to_i64(xml_attr(attrs, "s"), &style);
	r->cell = (struct cell){
		.column = r->column++,
		.at = r->text.n,
		.kind = kind_of(xml_attr(attrs, "t")),
		.date = style >= 0 && (uint64_t)style < r->book.nstyles && r->book.dates[style],
	};
}

static void row_start(struct sheet_reader *r, const struct xml_attrs *attrs)
{
	int64_t line = 0;

	r->line++;
	if (sv_to_i64(xml_attr(attrs, "r"), &line) && line > 0 && line <= SHEET_ROWS_MAX)
		r->line = (size_t)line;
	r->column = 0;
	r->in_row = true;
	r->row = (struct row){ .first = r->ncells, .line = r->line };
	if (r->line > r->book.zip.limits->rows)
		unzip_fault(&r->book.zip, ST_TOO_LARGE, N_("The sheet has too many rows"));
}

static void on_start(void *arg, struct sv name, const struct xml_attrs *attrs)
{
	struct sheet_reader *r = arg;

	if (sv_eq(name, SV("row")))
		row_start(r, attrs);
	else if (sv_eq(name, SV("c")))
		cell_start(r, attrs);
	else if (sv_eq(name, SV("rPh")))
		r->phonetic = true;
	else if (sv_eq(name, SV("v")) || sv_eq(name, SV("t")))
		r->in_value = r->in_cell && !r->phonetic;
}

static void cell_end(struct sheet_reader *r)
{
	r->in_cell = false;
	r->cell.n = r->text.n - r->cell.at;
	if (!r->cell.n || r->cell.kind == CELL_ERROR)
		return;
	if (r->row.n++ > r->book.zip.limits->columns) {
		unzip_fault(&r->book.zip, ST_TOO_LARGE, N_("The sheet has too many columns"));
		return;
	}
	if (r->ncells == r->cells_size) {
		r->cells_size = r->cells_size ? r->cells_size * 2 : 256;
		r->cells = realloc(r->cells, r->cells_size * sizeof(*r->cells));
		if (!r->cells)
			abort();
	}
	r->cells[r->ncells++] = r->cell;
}

static void row_end(struct sheet_reader *r)
{
	r->in_row = false;
	if (!r->row.n)
		return;
	if (r->nrows == r->rows_size) {
		r->rows_size = r->rows_size ? r->rows_size * 2 : 64;
		r->rows = realloc(r->rows, r->rows_size * sizeof(*r->rows));
		if (!r->rows)
			abort();
	}
	r->rows[r->nrows++] = r->row;
}

static void on_end(void *arg, struct sv name)
{
	struct sheet_reader *r = arg;

	r->in_value = false;
	if (sv_eq(name, SV("c")))
		cell_end(r);
	else if (sv_eq(name, SV("row")))
		row_end(r);
	else if (sv_eq(name, SV("rPh")))
		r->phonetic = false;
}

static void on_text(void *arg, struct sv text)
{
	struct sheet_reader *r = arg;

	if (!r->in_value)
		return;
	buf_add(&r->text, text);
	if (r->text.n - r->cell.at > SHEET_TEXT_MAX * 4)
		unzip_fault(&r->book.zip, ST_TOO_LARGE, N_("A cell holds more than a cell can"));
}

static const struct xml_handlers handlers = { on_start, on_end, on_text };

/* ---- values ------------------------------------------------------------------- */

/* "_x000D_" is a character by its number. */
static struct sv unescaped(struct sheet_reader *r, struct sv s)
{
	size_t from = r->shown.n;

	if (sv_find(s, SV("_x")) < 0)
		return s;
	for (size_t i = 0; i < s.n; i++) {
		char hex[5] = "", *end;
		unsigned long c;

		if (i + 7 <= s.n && s.p[i] == '_' && s.p[i + 1] == 'x' && s.p[i + 6] == '_') {
			memcpy(hex, s.p + i + 2, 4);
			c = strtoul(hex, &end, 16);
			if (end == hex + 4 && c < 0x80) {
				if (c)
					buf_addc(&r->shown, (char)c);
				i += 6;
				continue;
			}
		}
		buf_addc(&r->shown, s.p[i]);
	}
	return sv_make(r->shown.p + from, r->shown.n - from);
}

/* A number as it is shown, in the shortest decimal form: 0.1 is stored as
 * 0.10000000000000001, and a phone number may be 4.9151E+11. */
static struct sv shown_number(struct sheet_reader *r, struct sv s, bool date)
{
	char text[NUMBER_MAX], out[NUMBER_MAX], *end;
	size_t from = r->shown.n, n;
	double v;

	if (s.n >= sizeof(text))
		return s;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	v = strtod(text, &end);
	if (end == text || *end || !isfinite(v))
		return s;
	n = date ? sheet_serial_text(v, r->book.epoch_1904, out, sizeof(out)) : 0;
	if (!n && s.n <= 15 && !strpbrk(text, "eE"))
		return s;
	if (!n)
		n = (size_t)snprintf(out, sizeof(out), fabs(v) < 1e15 && v == floor(v) ? "%.0f" : "%.15g", v);
	buf_add(&r->shown, sv_make(out, n));
	return sv_make(r->shown.p + from, n);
}

static struct sv raw(const struct sheet_reader *r, const struct cell *c)
{
	return sv_make(r->text.p + c->at, c->n);
}

static struct sv value(struct sheet_reader *r, const struct cell *c)
{
	struct sv s = raw(r, c);
	int64_t i;

	switch (c->kind) {
	case CELL_NUMBER:
		return shown_number(r, s, c->date);
	case CELL_TRUTH:
		return sv_eq(s, SV("1")) ? SV("TRUE") : SV("FALSE");
	case CELL_SHARED:
		return unescaped(r, sv_to_i64(s, &i) && i >= 0 ? book_text(&r->book, (size_t)i) : SV_NONE);
	case CELL_TEXT:
		return unescaped(r, s);
	case CELL_ERROR:
		break;
	}
	return SV_NONE;
}

/* ---- rows ---------------------------------------------------------------------- */

/* Neither the shared texts nor `shown` may move while the row is put together:
 * ask for its last text first, and make room for all that can be written. */
static void prepare(struct sheet_reader *r, const struct row *row)
{
	size_t room = 0;
	int64_t i, last = -1;

	for (size_t k = row->first; k < row->first + row->n; k++)
		if (r->cells[k].kind == CELL_SHARED && sv_to_i64(raw(r, &r->cells[k]), &i) && i > last)
			last = i;
	if (last >= 0)
		book_text(&r->book, (size_t)last);
	for (size_t k = row->first; k < row->first + row->n; k++) {
		room += r->cells[k].n + NUMBER_MAX;
		if (r->cells[k].kind == CELL_SHARED && sv_to_i64(raw(r, &r->cells[k]), &i) && i >= 0)
			room += book_text(&r->book, (size_t)i).n;
	}
	buf_clear(&r->shown);
	buf_room(&r->shown, room);
}

static bool fill(struct sheet_reader *r, const struct row *row, struct sheet_row *out)
{
	size_t n = 0;
	bool any = false;

	prepare(r, row);
	for (size_t k = row->first; k < row->first + row->n; k++) {
		const struct cell *c = &r->cells[k];

		while (n <= c->column)
			r->v[n++] = SV_NONE;
		r->v[c->column] = value(r, c);
		any = any || r->v[c->column].n;
	}
	*out = (struct sheet_row){ r->v, n, row->line };
	return any;
}

/* Forget what was given out, but not the beginning of a row that goes on in
 * the next piece. */
static void forget(struct sheet_reader *r)
{
	size_t from = r->text.n, first = r->ncells;

	if (r->in_row && r->row.n)
		from = r->cells[r->row.first].at;
	else if (r->in_row && r->in_cell)
		from = r->cell.at;
	if (r->in_row)
		first = r->row.first;
	r->text.n -= from;
	r->ncells -= first;
	if (r->text.n)
		memmove(r->text.p, r->text.p + from, r->text.n);
	if (r->ncells)
		memmove(r->cells, r->cells + first, r->ncells * sizeof(*r->cells));
	for (size_t i = 0; i < r->ncells; i++)
		r->cells[i].at -= from;
	r->cell.at -= from;
	r->row.first = 0;
	r->nrows = r->next = 0;
}

bool sheet_next(struct sheet_reader *r, struct sheet_row *out)
{
	for (;;) {
		while (r->next < r->nrows)
			if (fill(r, &r->rows[r->next++], out))
				return !r->book.zip.bad;
		if (r->book.zip.bad || !r->part)
			return false;
		forget(r);
		if (!xml_step(r->part))
			r->part = NULL;
	}
}

static void reader_free(void *arg)
{
	struct sheet_reader *r = arg;

	buf_release(&r->text);
	buf_release(&r->shown);
	free(r->cells);
	free(r->rows);
}

struct sheet_reader *sheet_open(int fd, struct arena *a, const struct sheet_limits *limits,
				struct sv name, struct err *e)
{
	struct sheet_reader *r = ARENA_NEW(a, struct sheet_reader);

	arena_cleanup(a, reader_free, r);
	r->v = ARENA_ARRAY(a, limits->columns + 1, struct sv);
	if (book_open(&r->book, fd, a, limits, name))
		r->part = xml_open(&r->book.zip, r->book.sheet_path, &handlers, r);
	if (!r->part && !r->book.zip.bad)
		unzip_fault(&r->book.zip, ST_BAD_INPUT, N_("The file has no such sheet"));
	return sheet_fault(r, e) ? NULL : r;
}

size_t sheet_names(const struct sheet_reader *r, const struct sv **names)
{
	*names = r->book.names;
	return r->book.nsheets;
}

enum status sheet_fault(const struct sheet_reader *r, struct err *e)
{
	const struct unzip *z = &r->book.zip;

	return z->bad ? err_set(e, z->arena, z->bad, "%s", tr(z->why)) : ST_OK;
}
