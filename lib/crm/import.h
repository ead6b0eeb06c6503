/*
 * import: a file of contacts, companies or leads as rows for the database.
 *
 * The first line says what the columns are. Their names are those of our own
 * templates, of HubSpot's and of Kommo's exports (import_columns.def), in any
 * case and punctuation. A row comes out as JSON in the form that
 * internal.import_step takes, or with what is wrong with it in words.
 *
 *	struct import im;
 *
 *	import_begin(&im, IMPORT_CONTACTS, a, csv_text);
 *	while (import_next(&im))
 *		if (im.fault.n)
 *			tell(im.line, im.fault);
 *		else
 *			stage(im.line, buf_sv(&im.row));
 *	import_end(&im);
 */
#ifndef CRM_IMPORT_H
#define CRM_IMPORT_H

#include "base/buf.h"
#include "crm/csv.h"

enum import_kind { IMPORT_CONTACTS, IMPORT_COMPANIES, IMPORT_LEADS };

struct import_column;

struct import {
	enum import_kind kind;
	struct arena *arena;
	struct csv csv;
	struct csv_row fields;
	const struct import_column *columns[CSV_FIELDS_MAX]; /* NULL: ignored */
	size_t ncolumns;
	struct buf ignored; /* JSON: names of columns that mean nothing here */
	/* of the present row */
	size_t line;
	struct buf row;
	struct sv fault;
};

/* false: no column of the first line is known. */
bool import_begin(struct import *im, enum import_kind kind, struct arena *a, struct sv text);
bool import_next(struct import *im);
void import_end(struct import *im);
/* What was sent in the present row, {"First Name":"Ann",...}, for people. */
void import_sent(const struct import *im, struct buf *out);

#endif
