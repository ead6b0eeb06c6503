/*
 * stream: rows that leave as they come. Private to rest/.
 *
 * Up to a megabyte is kept, so that an ordinary answer has its length, its
 * range and its errors whole. Beyond it the answer begins, and memory stays
 * where it is however many rows there are.
 */
#ifndef REST_STREAM_H
#define REST_STREAM_H

#include "rest/answer.h"

struct stream {
	const struct rest_plan *plan;
	const struct asked *asked;
	struct http_request *rq;
	struct http_response *rs;
	struct buf row;  /* one row, where nulls have to go from it */
	int64_t rows;
	bool head;       /* nobody wants the rows themselves */
	struct err e;    /* what went wrong before the answer could begin */
};

/* Whether that answer may be large and is one that can be sent in parts. */
bool stream_wanted(const struct rest_plan *p, const struct http_response *rs, bool head);
db_row_fn stream_row;
/* After db_run: the end of the body, and the headers where they did not
 * leave before. */
enum status stream_end(struct stream *s, const struct db_batch *b, struct err *e) WARN_UNUSED;

#endif
