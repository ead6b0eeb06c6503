/*
 * What the files of http/ share among themselves.
 *
 * A request goes through them in this order: serve.c takes it from FastCGI
 * and dispatch.c leads it: request.c reads the environment, route.c finds the
 * row, auth.c and csrf.c check what the row demands, the handler works,
 * error.c answers when something failed, serve.c writes the response.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "http/http.h"

#define HTTP_FIELDS_MAX 1000
#define HTTP_SEGMENTS_MAX 32
#define HTTP_BODY_DEFAULT (1024 * 1024)
#define HTTP_CHANGING (HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)

/* The parts of a path between its slashes, decoded. */
struct http_segments {
	struct sv v[HTTP_SEGMENTS_MAX];
	size_t n;
};

/* Where the body comes from; read returns less than n only at the end. */
struct http_input {
	size_t (*read)(void *arg, char *out, size_t n);
	void *arg;
};

/* ---- route.c ------------------------------------------------------- */

struct http_table;

/* Compile the routes; a pattern or pair of routes that cannot work aborts,
 * for that is a mistake in the program. */
struct http_table *http_table_new(const struct http_route *routes);
void http_table_free(struct http_table *t);
/* The route for the path and rq->method, its params in rq. NULL: no such
 * path when *allowed is 0, else the methods that it takes. */
const struct http_route *http_table_find(const struct http_table *t, struct http_request *rq,
					 const struct http_segments *segs, unsigned *allowed);
/* "GET, HEAD, POST" of a set of methods, for Allow. */
struct sv http_methods_text(struct arena *a, unsigned methods, const char *between);

/* ---- request.c ----------------------------------------------------- */

/* Fill rq from rq->envp, which is valid afterwards even on failure. */
enum status http_request_read(struct http_request *rq, struct http_segments *segs,
			      struct err *e) WARN_UNUSED;
/* Percent-decoding; the view itself when there is nothing to decode. */
struct sv http_decode(struct arena *a, struct sv s, bool plus_is_space);
/* The value of `name` in pairs, or SV_NONE. */
struct sv http_pairs_get(const struct http_pairs *pairs, struct sv name);
/* The part `name=` of a header value like `form-data; name="x"`, unquoted. */
struct sv http_header_part(struct arena *a, struct sv value, const char *name);

/* ---- auth.c, csrf.c, dispatch.c -------------------------------------- */

enum status http_auth_check(struct http_request *rq, struct err *e) WARN_UNUSED;
enum status http_csrf_check(struct http_request *rq, struct err *e) WARN_UNUSED;
/* The whole way of one request whose arena, envp and user are set. */
void http_dispatch(const struct http_program *program, const struct http_table *table,
		   struct http_request *rq, struct http_response *rs,
		   const struct http_input *in);

/* What every answer has beside what its handler said; once. */
void http_finish(const struct http_program *p, struct http_request *rq, struct http_response *rs);

/* Where an answer goes before its handler returns. */
struct http_sink {
	const struct http_program *program;
	void (*write)(void *arg, struct sv s);
	void *arg;
	bool begun, failed;
};

/* ---- response.c ------------------------------------------------------ */

/* Empty for another use, in that arena. */
void http_response_clear(struct http_response *rs, struct arena *a);
/* Status line and headers as FastCGI wants them, up to the empty line. */
void http_response_head(const struct http_response *rs, struct buf *out);
/* Answers with these statuses have no body. */
bool http_bodiless(int status);

/* spool.c: a body of n bytes into a file, mapped as rq->body. False: there is no
 * room for such a file. *whole: all of it came. */
bool http_spool(struct http_request *rq, const struct http_input *in, size_t n, bool *whole);

#endif
