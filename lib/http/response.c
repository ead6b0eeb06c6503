#include "http/internal.h"
#include "crypto/crypto.h"

#include <string.h>

void http_response_clear(struct http_response *rs, struct arena *a)
{
	rs->status = 0;
	rs->headers = NULL;
	rs->nheaders = rs->headers_size = 0;
	buf_clear(&rs->body);
	rs->arena = a;
	rs->no_length = false;
}

/* A line break in a value would begin another header. */
static struct sv clean(struct arena *a, struct sv value)
{
	char *copy = arena_dup(a, value);

	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
			copy[i] = ' ';
	return sv_make(copy, value.n);
}

void http_add_header(struct http_response *rs, const char *name, struct sv value)
{
	if (rs->nheaders == rs->headers_size) {
		size_t size = rs->headers_size ? rs->headers_size * 2 : 12;
		struct http_pair *v = ARENA_ARRAY(rs->arena, size, struct http_pair);

		if (rs->nheaders)
			memcpy(v, rs->headers, rs->nheaders * sizeof(*v));
		rs->headers = v;
		rs->headers_size = size;
	}
	rs->headers[rs->nheaders++] =
		(struct http_pair){ sv_from(name), clean(rs->arena, value) };
}

static struct http_pair *find(const struct http_response *rs, const char *name)
{
	for (size_t i = 0; i < rs->nheaders; i++)
		if (sv_ieq(rs->headers[i].name, sv_from(name)))
			return &rs->headers[i];
	return NULL;
}

struct sv http_response_header(const struct http_response *rs, const char *name)
{
	const struct http_pair *h = find(rs, name);

	return h ? h->value : SV_NONE;
}

void http_set_header(struct http_response *rs, const char *name, struct sv value)
{
	struct http_pair *h = find(rs, name);

	if (h)
		h->value = clean(rs->arena, value);
	else
		http_add_header(rs, name, value);
}

void http_content_type(struct http_response *rs, const char *type)
{
	http_set_header(rs, "Content-Type", sv_from(type));
}

void http_set_cookie(struct http_response *rs, const char *name, struct sv value,
		     const struct http_cookie_options *o)
{
	buf_auto struct buf b = BUF_INIT;

	buf_addf(&b, "%s=", name);
	buf_url(&b, value);
	buf_lit(&b, "; Path=/");
	if (o->max_age)
		buf_addf(&b, "; Max-Age=%d", o->max_age < 0 ? 0 : o->max_age);
	if (o->secure)
		buf_lit(&b, "; Secure");
	if (o->http_only)
		buf_lit(&b, "; HttpOnly");
	buf_add(&b, o->strict ? SV("; SameSite=Strict") : SV("; SameSite=Lax"));
	http_add_header(rs, "Set-Cookie", buf_sv(&b));
}

/* "//host" and "/\host" lead away although they begin with a slash. */
static bool is_own_path(struct sv s)
{
	if (!sv_starts(s, SV("/")) || (s.n > 1 && (s.p[1] == '/' || s.p[1] == '\\')))
		return false;
	/* Browsers drop tabs and line breaks, so "/\t/host" is "//host" as well. */
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

enum status http_redirect(struct http_response *rs, struct sv location)
{
	rs->status = 303;
	buf_clear(&rs->body);
	http_set_header(rs, "Location", is_own_path(location) ? location : SV("/"));
	return ST_OK;
}

/* Weak comparison (RFC 9110, 13.1.2): nginx makes tags weak when it compresses. */
static bool has_tag(struct sv list, struct sv tag)
{
	while (sv_present(list)) {
		struct sv one = sv_trim(sv_cut(&list, ','));

		if (sv_starts(one, SV("W/")))
			one = sv_skip(one, 2);
		if (sv_eq(one, tag) || sv_eq(one, SV("*")))
			return true;
	}
	return false;
}

void http_etag(struct http_request *rq, struct http_response *rs)
{
	unsigned char digest[SHA256_SIZE];
	struct sv tag;

	if ((rs->status && rs->status != 200) || !(rq->method & (HTTP_GET | HTTP_HEAD)))
		return;
	crypto_sha256(digest, buf_sv(&rs->body));
	tag = crypto_base64url(rs->arena, sv_make((const char *)digest, 16));
	tag = sv_from(arena_printf(rs->arena, "\"%.*s\"", SV_ARG(tag)));
	http_set_header(rs, "ETag", tag);
	if (!find(rs, "Cache-Control"))
		http_set_header(rs, "Cache-Control", SV("private, no-cache"));
	if (has_tag(http_header(rq, "If-None-Match"), tag)) {
		rs->status = 304;
		buf_clear(&rs->body);
	}
}

bool http_bodiless(int status)
{
	return status == 204 || status == 304;
}

/* nginx passes on what it gets, and some clients want to see a reason. */
static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 413, "Content Too Large" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return status < 300 ? "Success" : status < 400 ? "Redirect" : "Error";
}

void http_response_head(const struct http_response *rs, struct buf *out)
{
	buf_lit(out, "Status: ");
	buf_add_i64(out, rs->status);
	buf_addc(out, ' ');
	buf_add(out, sv_from(reason(rs->status)));
	buf_lit(out, "\r\n");
	for (size_t i = 0; i < rs->nheaders; i++) {
		const struct http_pair *h = &rs->headers[i];

		if (http_bodiless(rs->status) && sv_ieq(h->name, SV("Content-Type")))
			continue;
		buf_add(out, h->name);
		buf_lit(out, ": ");
		buf_add(out, h->value);
		buf_lit(out, "\r\n");
	}
	if (!http_bodiless(rs->status) && !rs->no_length) {
		buf_lit(out, "Content-Length: ");
		buf_add_i64(out, (int64_t)rs->body.n);
		buf_lit(out, "\r\n");
	}
	buf_lit(out, "\r\n");
}

/* ---- before the handler returns --------------------------------------- */

bool http_can_stream(const struct http_response *rs)
{
	return rs->sink != NULL;
}

bool http_is_streaming(const struct http_response *rs)
{
	return rs->sink && rs->sink->begun;
}

void http_stream(struct http_request *rq, struct http_response *rs)
{
	struct http_sink *sink = rs->sink;
	struct buf head buf_auto = BUF_INIT;

	if (!sink->begun) {
		http_finish(sink->program, rq, rs);
		rs->no_length = true;
		http_response_head(rs, &head);
		sink->begun = true;
		sink->write(sink->arg, buf_sv(&head));
	}
	sink->write(sink->arg, buf_sv(&rs->body));
	buf_clear(&rs->body);
}

void http_stream_fail(struct http_response *rs)
{
	rs->sink->failed = true;
	buf_clear(&rs->body);
}

struct sv http_disposition(struct arena *a, bool shown, struct sv name)
{
	buf_auto struct buf out = BUF_INIT;

	buf_add(&out, shown ? SV("inline") : SV("attachment"));
	buf_lit(&out, "; filename=\"");
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		buf_addc(&out,
			 c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '%' ? '_' : (char)c);
	}
	buf_lit(&out, "\"; filename*=UTF-8''");
	buf_url(&out, name);
	return arena_sv(a, buf_sv(&out));
}
