/*
 * import: a file of contacts, companies, leads or deals as rows for the database.
 *
 * The first line says what the columns are. Their names are those of our own
 * templates, of HubSpot's, Pipedrive's and Kommo's exports (import_columns.def),
 * in any case and punctuation; or people choose (import_fields.def). A row comes out as JSON in the form that
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

enum import_kind { IMPORT_CONTACTS, IMPORT_COMPANIES, IMPORT_LEADS, IMPORT_DEALS };

/* "contacts", as in the table imports. */
const char *import_kind_name(enum import_kind kind);
bool import_kind_of(struct sv name, enum import_kind *kind);
/* The fields that a kind has: begin with *at = 0; false: no more. The label is
 * in the language of the reader. */
bool import_field(enum import_kind kind, size_t *at, struct sv *id, const char **label);
/* What a column of that name is likely to be, by our own and others' names in
 * several languages; SV_NONE: nothing that we know. */
struct sv import_suggest(enum import_kind kind, struct sv header);

struct import_target {
	int what; /* how it is read (import.c); 0: not at all */
	const char *key;
};

/* What rows get that do not say it themselves. */
struct import_defaults {
	const struct sv *tags;
	size_t ntags;
	struct sv source, owner; /* owner: a member's id */
};

struct import {
	enum import_kind kind;
	struct arena *arena;
	struct csv csv;
	struct csv_row fields;
	struct import_target columns[CSV_FIELDS_MAX];
	struct sv headers[CSV_FIELDS_MAX];
	size_t ncolumns;
	bool mapped; /* people have said what the columns are */
	struct import_defaults defaults;
	struct buf ignored; /* JSON: names of columns that mean nothing here */
	/* of the present row */
	size_t line;
	struct buf row;
	struct sv fault;
	struct sv stand_in; /* its first value */
};

/* false: no column of the first line is known. */
bool import_begin(struct import *im, enum import_kind kind, struct arena *a, struct sv text);
/* Columns as people chose them: import_map for each, then the caller fills csv
 * with where to read. */
void import_begin_mapped(struct import *im, enum import_kind kind, struct arena *a);
void import_map(struct import *im, struct sv header, struct sv field);
bool import_next(struct import *im);
void import_end(struct import *im);
/* What was sent in the present row, {"First Name":"Ann",...}, for people. */
void import_sent(const struct import *im, struct buf *out);

#endif
