/*
 * csv: rows of comma-separated values (RFC 4180), as people's programs export
 * them: quotes around fields and doubled inside, any line end, a byte order
 * mark, commas, semicolons, tabs or bars, whichever the first line has most.
 *
 *	struct csv c;
 *	struct csv_row row;
 *
 *	csv_begin(&c, a, text);
 *	while (csv_next(&c, &row))
 *		use(row.v, row.n, row.line);
 *
 * Fields are views of the text, or of the arena where quotes had to go. Lines
 * without anything in them are passed over.
 *
 * A spreadsheet takes a text for a formula that begins with = + - @, a tab or a
 * carriage return. Our files have an apostrophe in front of such a text, and in
 * front of one that has some already; reading takes one away again.
 */
#ifndef CRM_CSV_H
#define CRM_CSV_H

#include "base/arena.h"

#define CSV_FIELDS_MAX 512

struct csv {
	struct arena *arena;
	struct sv rest;
	char separator;
	size_t line; /* of what comes next, from 1 */
	size_t open; /* the line of a quote that is never closed; 0: none */
};

struct csv_row {
	struct sv v[CSV_FIELDS_MAX];
	size_t n;    /* more fields than fit are dropped */
	size_t dropped; /* how many */
	size_t line; /* in which it began */
};

void csv_begin(struct csv *c, struct arena *a, struct sv text);
bool csv_next(struct csv *c, struct csv_row *row);
/* Whether a text gets an apostrophe in front. */
bool csv_is_formula(struct sv v);

#endif
