/*
 * quotes: what the pages of the catalogue and of quotes share.
 */
#ifndef APP_QUOTES_H
#define APP_QUOTES_H

#include "fcgi/app/crm.h"

/* A field with digits, at most one point or comma and so many decimals. The
 * comma becomes a point. Empty is empty. */
struct sv form_decimal(struct form *f, const char *name, size_t decimals);
/* The parameter of this name in the path; ST_NOT_FOUND when it is no id. */
enum status path_row(struct http_request *rq, const char *name, struct sv *id, struct err *e)
	WARN_UNUSED;

/* The page of a quote, or only its lines when htmx asked; `problem` is what
 * was refused, NULL when nothing was. */
enum status quote_show(struct http_request *rq, struct http_response *rs, struct sv id,
		       const struct err *problem, struct err *e);
/* After a change: the lines for htmx, else the page again. What the user can
 * mend is shown there; anything else is the error of the request. */
enum status quote_changed(struct http_request *rq, struct http_response *rs, struct sv id,
			  struct db_batch *b, int stmt, struct err *e);

/* The token of the quote's link (its SHA-256 is what the database keeps). */
struct sv quote_token(struct arena *a, struct sv quote_id, struct sv nonce);

#endif
