#include "db/priv.h"

#include <string.h>

/* How values of a type are written. */
typedef void (*emit_fn)(struct buf *out, struct sv text);

static void emit_bare(struct buf *out, struct sv text)
{
	buf_add(out, text);
}

/* Text that is known to hold nothing to escape. */
static void emit_quoted(struct buf *out, struct sv text)
{
	buf_addc(out, '"');
	buf_add(out, text);
	buf_addc(out, '"');
}

static void emit_bool(struct buf *out, struct sv text)
{
	buf_add(out, text.n && text.p[0] == 't' ? SV("true") : SV("false"));
}

/* JSON has no NaN and no Infinity: they become strings. */
static void emit_number(struct buf *out, struct sv text)
{
	char last = text.n ? text.p[text.n - 1] : 0;

	if (last >= '0' && last <= '9')
		buf_add(out, text);
	else
		emit_quoted(out, text);
}

/* "2025-01-15 12:34:56.789+00" -> "2025-01-15T12:34:56.789+00:00" */
static void emit_time(struct buf *out, struct sv text)
{
	struct sv day = sv_cut(&text, ' '), clock;
	size_t zone;

	buf_addc(out, '"');
	buf_add(out, day);
	if (sv_present(text)) { /* else: infinity */
		clock = sv_cut(&text, ' ');
		zone = 0;
		while (zone < clock.n && clock.p[zone] != '+' && clock.p[zone] != '-')
			zone++;
		buf_addc(out, 'T');
		buf_add(out, clock);
		if (zone < clock.n && clock.n - zone == 3)
			buf_lit(out, ":00");
		if (sv_present(text)) { /* BC */
			buf_addc(out, ' ');
			buf_add(out, text);
		}
	}
	buf_addc(out, '"');
}

/* By oid (pg_type.dat): these are fixed for all versions of PostgreSQL. */
static const struct {
	unsigned type, array;
	emit_fn emit;
} types[] = {
	{ 16, 1000, emit_bool },                                /* bool */
	{ 20, 1016, emit_bare },                                /* int8 */
	{ 21, 1005, emit_bare },                                /* int2 */
	{ 23, 1007, emit_bare },                                /* int4 */
	{ 26, 1028, emit_bare },                                /* oid */
	{ 700, 1021, emit_number }, { 701, 1022, emit_number }, /* float4, float8 */
	{ 1700, 1231, emit_number },                            /* numeric */
	{ 114, 199, emit_bare }, { 3802, 3807, emit_bare },     /* json, jsonb */
	{ 2950, 2951, emit_quoted },                            /* uuid */
	{ 1082, 1182, emit_quoted },                            /* date */
	{ 1114, 1115, emit_time }, { 1184, 1185, emit_time },   /* timestamp, -tz */
	{ 1083, 1183, emit_quoted }, { 1266, 1270, emit_quoted }, /* time, -tz */
	{ 1186, 1187, buf_json },                               /* interval */
	{ 25, 1009, buf_json }, { 1043, 1015, buf_json },       /* text, varchar */
	{ 1042, 1014, buf_json }, { 18, 1002, buf_json },       /* bpchar, "char" */
	{ 19, 1003, buf_json },                                 /* name */
	{ 869, 1041, buf_json }, { 650, 651, buf_json },        /* inet, cidr */
};

/* What a column's values are and, within an array, its elements. */
static emit_fn emitter(unsigned type, bool *array)
{
	*array = false;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (types[i].type == type)
			return types[i].emit;
		if (types[i].array == type) {
			*array = true;
			return types[i].emit;
		}
	}
	return buf_json;
}

/* ---- arrays ----------------------------------------------------------- */

/* "a \"quoted\" element": *at stands behind the first quote. */
static void quoted_element(struct buf *out, struct sv text, size_t *at, emit_fn emit)
{
	struct buf plain buf_auto = BUF_INIT;

	for (; *at < text.n && text.p[*at] != '"'; ++*at) {
		if (text.p[*at] == '\\' && *at + 1 < text.n)
			++*at;
		buf_addc(&plain, text.p[*at]);
	}
	++*at;
	emit(out, buf_sv(&plain));
}

static void bare_element(struct buf *out, struct sv text, size_t *at, emit_fn emit)
{
	size_t from = *at;

	while (*at < text.n && text.p[*at] != ',' && text.p[*at] != '}')
		++*at;
	if (sv_ieq(sv_make(text.p + from, *at - from), SV("null")))
		buf_lit(out, "null");
	else
		emit(out, sv_make(text.p + from, *at - from));
}

/* PostgreSQL's array literal, {a,"b c",NULL,{..}}, as a JSON array. */
static void emit_array(struct buf *out, struct sv text, emit_fn emit)
{
	size_t at = 0;

	if (text.n && text.p[0] == '[') /* bounds: [0:2]={..} */
		at = (size_t)(sv_chr(text, '=') + 1);
	while (at < text.n) {
		char c = text.p[at];

		if (c == '{' || c == '}' || c == ',') {
			buf_addc(out, c == '{' ? '[' : c == '}' ? ']' : ',');
			at++;
		} else if (c == '"') {
			at++;
			quoted_element(out, text, &at, emit);
		} else {
			bare_element(out, text, &at, emit);
		}
	}
}

/* ---- columns and rows ------------------------------------------------- */

struct column {
	struct sv key; /* with its comma and colon: ,"name": */
	emit_fn emit;
	bool array;
};

/* Found out once per statement; result.c's checks are not repeated per cell. */
static const struct column *columns(const struct db_batch *b, int stmt)
{
	struct statement *s = &b->statements[b->first + (size_t)stmt];
	size_t n = db_cols(b, stmt);

	if (s->columns)
		return s->columns;
	s->columns = ARENA_ARRAY(b->arena, n + 1, struct column);
	for (size_t i = 0; i < n; i++) {
		struct column *c = &s->columns[i];
		struct buf key buf_auto = BUF_INIT;

		if (i)
			buf_addc(&key, ',');
		buf_json(&key, db_col_name(b, stmt, i));
		buf_addc(&key, ':');
		c->key = arena_sv(b->arena, buf_sv(&key));
		c->emit = emitter(db_col_type(b, stmt, i), &c->array);
	}
	return s->columns;
}

static void emit_cell(struct buf *out, const struct column *c, const PGresult *r, int row, int col)
{
	struct sv text = sv_make(PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col));

	if (PQgetisnull(r, row, col))
		buf_lit(out, "null");
	else if (c->array)
		emit_array(out, text, c->emit);
	else
		c->emit(out, text);
}

void db_json_value(struct buf *out, const struct db_batch *b, int stmt, size_t row, size_t col)
{
	struct sv text = db_get(b, stmt, row, col);
	bool array;
	emit_fn emit = emitter(db_col_type(b, stmt, col), &array);

	if (!sv_present(text))
		buf_lit(out, "null");
	else if (array)
		emit_array(out, text, emit);
	else
		emit(out, text);
}

void db_json_row(struct buf *out, const struct db_batch *b, int stmt, size_t row)
{
	db_json_cells(out, b, stmt, row, db_cols(b, stmt));
}

void db_json_cells(struct buf *out, const struct db_batch *b, int stmt, size_t row, size_t n)
{
	const struct column *c = columns(b, stmt);
	const PGresult *r = b->statements[b->first + (size_t)stmt].result;

	buf_addc(out, '{');
	for (size_t i = 0; i < n; i++) {
		buf_add(out, c[i].key);
		emit_cell(out, &c[i], r, (int)row, (int)i);
	}
	buf_addc(out, '}');
}

void db_json_rows(struct buf *out, const struct db_batch *b, int stmt)
{
	size_t n = db_rows(b, stmt);

	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		db_json_row(out, b, stmt, i);
	}
	buf_addc(out, ']');
}
