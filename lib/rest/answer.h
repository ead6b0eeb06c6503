/*
 * answer: from rows to an HTTP response, and from refusals to errors.
 * Private to rest/.
 */
#ifndef REST_ANSWER_H
#define REST_ANSWER_H

#include "rest/rest.h"
#include "rest/schema.h"

/* What rest_handle asked of the database; -1: not asked for. */
struct asked {
	int main, count, estimate, inserted, version;
	int before, settings; /* response settings, before main and after it */
};

/* ---- answer.c ------------------------------------------------------------ */

enum status answer_write(const struct rest_plan *p, const struct rest_options *o,
			 const struct db_batch *b, const struct asked *q,
			 struct http_response *rs, struct err *e) WARN_UNUSED;
/* PGRST116: not one row. */
enum status answer_not_single(const struct rest_options *o, struct sv details, struct err *e);

/* ST_CHANGED: no row of that version. */
enum status answer_changed(struct err *e);

/* Of how many rows these are a part; < 0: nobody counted. */
int64_t answer_total(const struct rest_plan *p, const struct db_batch *b, const struct asked *q);
/* What there is to say of so many rows, or that they lie beyond the last one. */
enum status answer_counted(const struct rest_plan *p, const struct db_batch *b,
			   const struct asked *q, int64_t rows, struct http_response *rs,
			   struct err *e) WARN_UNUSED;
/* Status and headers for that many rows; < 0: not known, and for `of`:
 * nobody counted them all. */
void answer_headers(const struct rest_plan *p, struct http_response *rs, struct arena *a,
		    int64_t rows, int64_t of);

/* ---- text.c ----------------------------------------------------------------- */

void rest_csv_names(struct buf *out, const struct db_batch *b, int stmt);
void rest_csv_row(struct buf *out, const struct db_batch *b, int stmt, size_t row);
/* The JSON without members that are null, at any depth. */
void rest_strip_nulls(struct buf *out, struct sv json);

/* ---- refuse.c: what the database would not do ------------------------------ */

/* Errors in PostgREST's form: the server's own words and its SQLSTATE. What
 * the program's SQL raised on purpose (KT404 ...) stays as it is. */
enum status refuse(const struct rest_plan *p, const struct rest_input *in,
		   const struct rest_options *o, struct db_batch *b, struct http_response *rs,
		   struct err *e);

/* ---- info.c ------------------------------------------------------------------- */

/* OPTIONS: Allow, by what can really be done. */
enum status info_options(const struct rest_schema *s, const struct rest_options *o,
			 const struct rest_input *in, struct arena *a, struct http_response *rs,
			 struct err *e) WARN_UNUSED;
/* The root: the OpenAPI description. */
enum status info_root(const struct rest_schema *s, const struct rest_options *o,
		      const struct rest_input *in, struct http_request *rq, struct db_batch *b,
		      struct http_response *rs, struct err *e) WARN_UNUSED;

/* ---- settings.c: response.headers and response.status ------------------------ */

/* The statement that reads them. */
int settings_ask(struct db_batch *b);
enum status settings_apply(const struct db_batch *b, int stmt, struct http_response *rs,
			   struct err *e) WARN_UNUSED;

#endif
