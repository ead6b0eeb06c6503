/*
 * sheet: spreadsheets (XLSX), written and read as streams of rows.
 *
 * Writing keeps one row in memory, whatever the length of the sheet:
 *
 *	struct sheet_writer *w = sheet_writer_new(a, put, arg);
 *
 *	sheet_begin(w, SV("Contacts"), rtl);
 *	sheet_column(w, SV("Name"), 24);
 *	sheet_column(w, SV("Since"), 12);
 *	for (each record) {
 *		sheet_row(w);
 *		sheet_text(w, name);
 *		sheet_date(w, since);
 *	}
 *	if (!sheet_end(w))
 *		the receiver gave up, or a value was more than a sheet can hold
 *
 * Text is stored as text: what begins with '=' is shown as it is and is never
 * a formula. Reading expects the worst of a file: what it unpacks to is
 * limited, entities are not known, and only values come out, never formulas.
 *
 *	struct sheet_reader *r = sheet_open(fd, a, &limits, SV_NONE, e);
 *	struct sheet_row row;
 *
 *	while (r && sheet_next(r, &row))
 *		use(row.v, row.n, row.line);
 *	if (!r || sheet_fault(r, e))
 *		tell(e);
 */
#ifndef SHEET_SHEET_H
#define SHEET_SHEET_H

#include "base/buf.h"
#include "base/err.h"

#define SHEET_ROWS_MAX 1048576
#define SHEET_TEXT_MAX 32767 /* characters of a cell */

/* ---- writing -------------------------------------------------------- */

struct sheet_writer;

/* Takes the next bytes of the file; false: give up. */
typedef bool sheet_put(void *arg, struct sv bytes);
/* As such a function, with a pointer to an open descriptor as arg. */
bool sheet_put_fd(void *fd, struct sv bytes);
#define SHEET_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

/* It lives as long as the arena. */
struct sheet_writer *sheet_writer_new(struct arena *a, sheet_put *put, void *arg);
/* A sheet, its columns filled from the right side when rtl. The name is
 * shortened to what a sheet's name may be. */
void sheet_begin(struct sheet_writer *w, struct sv name, bool rtl);
/* The head of the next column, which stays in view; width in characters.
 * All of them come before the first row; a sheet may be without. */
void sheet_column(struct sheet_writer *w, struct sv head, int width);
/* Begin a row. Behind SHEET_ROWS_MAX rows a further sheet begins by itself. */
void sheet_row(struct sheet_writer *w);
/* The next cell of the row. Absent and empty values give an empty cell, and
 * so does what is no value of that kind, but then its text is there. */
void sheet_text(struct sheet_writer *w, struct sv text);
/* A decimal number as PostgreSQL writes it. */
void sheet_number(struct sheet_writer *w, struct sv number);
/* "2026-11-30"; "2026-11-30 13:45:00" with anything behind it passed over. */
void sheet_date(struct sheet_writer *w, struct sv date);
void sheet_time(struct sheet_writer *w, struct sv time);
void sheet_blank(struct sheet_writer *w);
/* Finish the file; false when `put` gave up, or zip could not. */
bool sheet_end(struct sheet_writer *w);
/* Whether it makes sense to go on. */
bool sheet_good(const struct sheet_writer *w);

/* ---- reading --------------------------------------------------------- */

struct sheet_reader;

struct sheet_limits {
	int64_t unpacked; /* bytes of all parts that are read together */
	int64_t ratio;    /* unpacked : packed, once more than 8 MiB came out */
	int64_t texts;    /* bytes of the table of shared texts, kept in memory */
	size_t columns;   /* of a row */
	size_t rows;
};
extern const struct sheet_limits sheet_limits_usual;

struct sheet_row {
	const struct sv *v; /* valid until the next row is asked for */
	size_t n;
	size_t line; /* number of the row in the sheet, from 1 */
};

/*
 * Open the sheet of that name, the first one when the name is empty. NULL with
 * *e: ST_BAD_INPUT when it is no workbook, ST_NOT_FOUND for the sheet,
 * ST_TOO_LARGE for a limit. The descriptor stays the caller's, is read by
 * position, and has to stay open.
 */
struct sheet_reader *sheet_open(int fd, struct arena *a, const struct sheet_limits *limits,
				struct sv name, struct err *e);
/* Names of the sheets that can be seen. */
size_t sheet_names(const struct sheet_reader *r, const struct sv **names);
/* The next row with anything in it. Dates come as "2026-11-30" or "2026-11-30
 * 13:45:00", times as "13:45:00", truth as "TRUE" and "FALSE", numbers in the
 * shortest decimal form. */
bool sheet_next(struct sheet_reader *r, struct sheet_row *row);
/* What ended the reading early, or ST_OK. */
enum status sheet_fault(const struct sheet_reader *r, struct err *e);

#endif
