#include "http/internal.h"
#include "base/log.h"

#include <stdlib.h>

#define SPOOL_FROM (4 << 20) /* larger bodies are kept on disk while they are read */
#define READ_STEP 65536

/* ---- the body -------------------------------------------------------- */

static void free_bytes(void *arg)
{
	free(arg);
}

static size_t body_limit(const struct http_request *rq)
{
	return rq->route->body_max ? rq->route->body_max : HTTP_BODY_DEFAULT;
}

static enum status too_large(struct http_request *rq, struct err *e)
{
	size_t limit = body_limit(rq);

	if (limit >= 1 << 20)
		return err_set(e, rq->arena, ST_TOO_LARGE, "What was sent is larger than %zu MB", limit >> 20);
	return err_set(e, rq->arena, ST_TOO_LARGE, "The request is larger than %zu bytes", limit);
}

static enum status read_stated(struct http_request *rq, const struct http_input *in, size_t n,
			       struct err *e)
{
	bool whole = false;
	char *p;

	if (n > SPOOL_FROM && http_spool(rq, in, n, &whole)) {
		if (whole)
			return ST_OK;
		return err_set(e, rq->arena, ST_BAD_INPUT, "The body could not be read to its end; send it again");
	}
	p = arena_alloc(rq->arena, n + 1);
	if (in->read(in->arg, p, n) != n)
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "The body is shorter than its Content-Length; send it again");
	rq->body = sv_make(p, n);
	return ST_OK;
}

/* Without a length: to the end, but never more than one byte over the limit. */
static enum status read_to_end(struct http_request *rq, const struct http_input *in,
			       struct err *e)
{
	size_t limit = body_limit(rq), got = 1;
	struct buf b = BUF_INIT;

	while (got && b.n <= limit) {
		size_t step = limit + 1 - b.n < READ_STEP ? limit + 1 - b.n : READ_STEP;

		got = in->read(in->arg, buf_room(&b, step), step);
		b.n += got;
	}
	rq->body = sv_make(b.p, b.n);
	arena_cleanup(rq->arena, free_bytes, buf_detach(&b));
	return rq->body.n > limit ? too_large(rq, e) : ST_OK;
}

static enum status read_body(struct http_request *rq, const struct http_input *in, struct err *e)
{
	struct sv length = http_header(rq, "Content-Length"), packed = http_header(rq, "Content-Encoding");
	int64_t n;

	/* Nothing is unpacked here, so a small body stays small. */
	if (packed.n && !sv_ieq(packed, SV("identity")))
		return err_set(e, rq->arena, ST_BAD_MEDIA, "Send the body as it is: Content-Encoding %.*s is not understood",
			       SV_ARG(packed));

	if (!length.n) {
		if (!(rq->method & HTTP_CHANGING))
			return ST_OK;
		return read_to_end(rq, in, e);
	}
	if (!sv_to_i64(length, &n) || n < 0)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Content-Length is not a number");
	if ((uint64_t)n > body_limit(rq))
		return too_large(rq, e);
	return n ? read_stated(rq, in, (size_t)n, e) : ST_OK;
}

/* ---- the way of a request -------------------------------------------- */

static bool takes_other_origins(const struct http_route *r)
{
	return r && (r->auth == HTTP_API_KEY || r->auth == HTTP_BEARER ||
		     r->auth == HTTP_CRM_KEY || r->flags & HTTP_CORS);
}

static void allow_other_origins(struct http_response *rs)
{
	http_set_header(rs, "Access-Control-Allow-Origin", SV("*"));
	http_set_header(rs, "Access-Control-Expose-Headers",
			SV("Content-Range, ETag, Idempotency-Replayed, Location, Retry-After, X-Request-Id, "
			   "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"));
}

/* The method that a preflight asks about; GET when it names none. */
static const struct http_route *asked_route(const struct http_table *t, struct http_request *rq,
					    const struct http_segments *segs)
{
	static const enum http_method all[] = { HTTP_GET,   HTTP_POST,	 HTTP_PUT,
						HTTP_PATCH, HTTP_DELETE, HTTP_HEAD };
	const struct http_route *r = NULL;
	unsigned allowed;

	for (size_t i = 0; !r && i < sizeof(all) / sizeof(all[0]); i++) {
		rq->method = all[i];
		r = http_table_find(t, rq, segs, &allowed);
	}
	rq->method = HTTP_OPTIONS;
	return r;
}

static enum status answer_options(const struct http_table *t, struct http_request *rq,
				  const struct http_segments *segs, unsigned allowed,
				  struct http_response *rs)
{
	struct sv text = http_methods_text(rq->arena, allowed | HTTP_OPTIONS, ", ");
	struct sv wanted = http_header(rq, "Access-Control-Request-Headers");

	rs->status = 204;
	http_set_header(rs, "Allow", text);
	rq->route = asked_route(t, rq, segs);
	if (takes_other_origins(rq->route)) {
		http_set_header(rs, "Access-Control-Allow-Methods", text);
		http_set_header(rs, "Access-Control-Allow-Headers",
				wanted.n ? wanted :
					   SV("authorization, apikey, x-api-key, content-type, idempotency-key, if-match"));
		http_set_header(rs, "Access-Control-Max-Age", SV("86400"));
	}
	return ST_OK;
}

/* API-61: a wrong method is answered with the right one, "Use POST". */
static enum status wrong_method(struct http_request *rq, unsigned allowed, struct err *e)
{
	unsigned shown = allowed & HTTP_GET ? allowed & ~(unsigned)HTTP_HEAD : allowed;
	struct sv text = http_methods_text(rq->arena, shown & ~(unsigned)HTTP_OPTIONS, " or ");

	return err_set(e, rq->arena, ST_BAD_METHOD, "Use %.*s", SV_ARG(text));
}

static enum status call_handler(const struct http_program *p, struct http_request *rq,
				struct http_response *rs, const struct http_input *in,
				struct err *e)
{
	enum status s;

	if (rq->method == HTTP_HEAD && !(rq->route->methods & HTTP_HEAD))
		rq->method = HTTP_GET;
	if (http_auth_check(rq, e) || (p->admit && p->admit(rq, e)) || read_body(rq, in, e) ||
	    http_csrf_check(rq, e))
		return e->status;
	s = rq->route->handler(rq, rs, e);
	return p->settle ? p->settle(rq, rs, s, e) : s;
}

static enum status lead(const struct http_program *p, const struct http_table *t,
			struct http_request *rq, struct http_response *rs,
			const struct http_input *in, unsigned *allowed, struct err *e)
{
	struct http_segments segs = { .n = 0 };
	enum status s = http_request_read(rq, &segs, e);

	log_begin(rq->request_id);
	if (s)
		return s;
	rq->route = http_table_find(t, rq, &segs, allowed);
	if (rq->route)
		return call_handler(p, rq, rs, in, e);
	if (!*allowed)
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", status_text(ST_NOT_FOUND));
	if (rq->method == HTTP_OPTIONS)
		return answer_options(t, rq, &segs, *allowed, rs);
	return wrong_method(rq, *allowed, e);
}

/* What the error means for HTTP beside what the program's writer shows. */
static void error_headers(const struct http_request *rq, struct http_response *rs,
			  const struct err *e, unsigned allowed)
{
	if (e->retry_after > 0)
		http_set_header(rs, "Retry-After",
				sv_from(arena_printf(rq->arena, "%d", e->retry_after)));
	if (e->status == ST_BAD_METHOD && allowed)
		http_set_header(rs, "Allow", http_methods_text(rq->arena, allowed, ", "));
	if (rs->status == 401 && takes_other_origins(rq->route))
		http_set_header(rs, "WWW-Authenticate", SV("Bearer"));
}

void http_finish(const struct http_program *p, struct http_request *rq, struct http_response *rs)
{
	if (!rs->status)
		rs->status = 200;
	if (p->head)
		p->head(rq, rs);
	http_set_header(rs, "X-Request-Id", rq->request_id);
	if (!sv_present(http_response_header(rs, "Cache-Control")))
		http_set_header(rs, "Cache-Control", SV("no-store"));
	if (rs->body.n && !sv_present(http_response_header(rs, "Content-Type")))
		http_content_type(rs, "text/plain; charset=utf-8");
	if (takes_other_origins(rq->route))
		allow_other_origins(rs);
}

void http_dispatch(const struct http_program *program, const struct http_table *table,
		   struct http_request *rq, struct http_response *rs,
		   const struct http_input *in)
{
	struct err e = { .status = ST_OK };
	unsigned allowed = 0;
	enum status s = lead(program, table, rq, rs, in, &allowed, &e);

	if (s) {
		bool json = !program->error || (rq->route && rq->route->flags & HTTP_JSON_ERR);

		e.status = s;
		http_response_clear(rs, rq->arena);
		(json ? http_error_json : program->error)(rq, rs, &e);
		error_headers(rq, rs, &e, allowed);
	}
	if (!http_is_streaming(rs))
		http_finish(program, rq, rs);
}
