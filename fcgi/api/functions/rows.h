/*
 * rows: contacts and deals as the functions take them, one by one or in
 * batches, and the answers of batches.
 *
 * Each row of a batch stands for itself: what is wrong with it goes into its
 * own result, and the others are written (API-63).
 */
#ifndef API_ROWS_H
#define API_ROWS_H

#include "fcgi/api/function.h"

#define CONTACTS_MAX 500 /* per request (API-69) */
#define LEADS_MAX 100
#define DEALS_MAX 100

/* What the batch says for all its rows. */
struct contact_defaults {
	json_t *tags; /* default_tags, or NULL */
	struct sv source;
	bool deals; /* rows may bring a deal: they are leads */
};

/* Members of internal.contact_row for the object begun in out. */
void contact_row(struct fields *f, const struct contact_defaults *d, struct buf *out);
/* Members of internal.deal_row that are not about the contact. */
void deal_row(struct fields *f, struct buf *out);

/* A phone number or address in its stored form (crm/identity.h); SV_NONE and a
 * fault when it is none. */
struct sv row_phone(struct fields *f, const char *key, struct sv raw);
struct sv row_email(struct fields *f, const char *key, struct sv raw);
/* Three letters; SV_NONE when absent. */
struct sv field_currency(struct fields *f, const char *key);

/* Copies what a row may have, and notes faults in f. */
typedef void row_writer(struct fields *f, void *arg, struct buf *out);

struct batch {
	struct buf *rows;    /* JSON for the one SQL call: the rows without fault */
	struct sv *faults;   /* per row; SV_NONE: it went to the database */
	size_t total;
};

/* The list under `key`, at most max rows ("Maximum batch size is 100 deals");
 * each with its place as "i". rows lives in the arena. */
enum status batch_read(struct fields *f, const char *key, size_t max, row_writer *writer,
		       void *arg, struct batch *out, struct err *e) WARN_UNUSED;

/*
 * {"success":true,"summary":{...},"results":[...]}. The SQL call returned one
 * row (i, ..., error) per row that it was given, in order. A column of `counts`
 * is a boolean; the summary counts where it holds, under `as`. Of a row that
 * succeeded `shown` columns are shown.
 */
struct batch_count {
	const char *column;
	bool holds; /* counted when the column is this ... */
	const char *unless; /* ... and that one is false; NULL */
	const char *as;
};
void batch_answer(struct http_response *rs, const struct batch *batch, const struct db_batch *b,
		  int stmt, const struct batch_count *counts, const char *const *shown);

#endif
