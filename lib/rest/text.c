/*
 * Texts in the forms that are no JSON of rows: CSV, and JSON without nulls.
 */
#include "rest/answer.h"

#include <ctype.h>

/* ---- CSV: a row as PostgreSQL writes one, without its parentheses -------------------- */

static bool needs_quotes(struct sv s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' ||
		    isspace((unsigned char)c))
			return true;
	}
	return s.n == 0;
}

static void add_value(struct buf *out, struct sv s)
{
	if (!needs_quotes(s)) {
		buf_add(out, s);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(out, s.p[i]);
		buf_addc(out, s.p[i]);
	}
	buf_addc(out, '"');
}

void rest_csv_names(struct buf *out, const struct db_batch *b, int stmt)
{
	for (size_t i = 0; i < db_cols(b, stmt); i++) {
		if (i)
			buf_addc(out, ',');
		buf_add(out, db_col_name(b, stmt, i));
	}
}

void rest_csv_row(struct buf *out, const struct db_batch *b, int stmt, size_t row)
{
	for (size_t i = 0; i < db_cols(b, stmt); i++) {
		struct sv value = db_get(b, stmt, row, i);

		if (i)
			buf_addc(out, ',');
		if (sv_present(value))
			add_value(out, value);
	}
}

/* ---- JSON without members that are null ------------------------------------------------ */

static size_t string_end(struct sv s, size_t at)
{
	for (at++; at < s.n && s.p[at] != '"'; at++)
		if (s.p[at] == '\\')
			at++;
	return at < s.n ? at + 1 : s.n;
}

static size_t skip_space(struct sv s, size_t at)
{
	while (at < s.n && isspace((unsigned char)s.p[at]))
		at++;
	return at;
}

/* Behind "key": null, where that is what stands at `at`; else 0. */
static size_t null_member(struct sv s, size_t at)
{
	if (at >= s.n || s.p[at] != '"')
		return 0;
	at = skip_space(s, string_end(s, at));
	if (at >= s.n || s.p[at] != ':')
		return 0;
	at = skip_space(s, at + 1);
	return sv_starts(sv_skip(s, at), SV("null")) ? skip_space(s, at + 4) : 0;
}

/* After { or , within an object: members that are null are passed over with
 * the comma behind them. */
static size_t skip_nulls(struct sv s, size_t at)
{
	size_t end;

	while ((end = null_member(s, at = skip_space(s, at))) > 0) {
		at = end;
		if (at < s.n && s.p[at] == ',')
			at++;
		else
			break;
	}
	return at;
}

/* A comma that was written before what turned out to be nothing goes again. */
static void drop_comma(struct buf *out)
{
	if (out->n && out->p[out->n - 1] == ',')
		out->n--;
}

void rest_strip_nulls(struct buf *out, struct sv s)
{
	struct buf open buf_auto = BUF_INIT; /* the brackets we are in */
	size_t at = 0;

	while (at < s.n) {
		char c = s.p[at];
		size_t end = c == '"' ? string_end(s, at) : at + 1;

		if (c == '{' || c == '[')
			buf_addc(&open, c);
		if (c == '}' || c == ']') {
			if (c == '}')
				drop_comma(out);
			open.n -= open.n > 0;
		}
		buf_add(out, sv_make(s.p + at, end - at));
		at = end;
		if (c == '{' || (c == ',' && open.n && open.p[open.n - 1] == '{'))
			at = skip_nulls(s, at);
	}
}
