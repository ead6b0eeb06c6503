#include "http/internal.h"
#include "base/uuid.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	struct sv name;
	enum http_method method;
} methods[] = {
	{ SV("GET"), HTTP_GET },       { SV("HEAD"), HTTP_HEAD },
	{ SV("POST"), HTTP_POST },     { SV("PUT"), HTTP_PUT },
	{ SV("PATCH"), HTTP_PATCH },   { SV("DELETE"), HTTP_DELETE },
	{ SV("OPTIONS"), HTTP_OPTIONS },
};

/* The variables that nearly every request needs, found in one walk. */
struct basics {
	struct sv method, uri, document_uri, query, https, authorization;
};

#define IN_RQ(field) offsetof(struct http_request, field), true
#define IN_BASICS(field) offsetof(struct basics, field), false

static const struct {
	struct sv name;
	size_t offset;
	bool in_request;
} wanted[] = {
	{ SV("REQUEST_METHOD"), IN_BASICS(method) },
	{ SV("REQUEST_URI"), IN_BASICS(uri) },
	{ SV("DOCUMENT_URI"), IN_BASICS(document_uri) },
	{ SV("QUERY_STRING"), IN_BASICS(query) },
	{ SV("HTTPS"), IN_BASICS(https) },
	{ SV("HTTP_AUTHORIZATION"), IN_BASICS(authorization) },
	{ SV("REQUEST_ID"), IN_RQ(request_id) },
	{ SV("REMOTE_ADDR"), IN_RQ(remote_addr) },
	{ SV("HTTP_HOST"), IN_RQ(host) },
	{ SV("CONTENT_TYPE"), IN_RQ(content_type) },
	{ SV("HTTP_USER_AGENT"), IN_RQ(user_agent) },
	{ SV("KONTOR_TENANT"), IN_RQ(tenant) },
	{ SV("KONTOR_THEME"), IN_RQ(theme) },
};

static void take_variable(struct http_request *rq, struct basics *b, const char *entry)
{
	const char *eq = strchr(entry, '=');
	struct sv name;

	if (!eq)
		return;
	name = sv_make(entry, (size_t)(eq - entry));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char *base = wanted[i].in_request ? (char *)rq : (char *)b;

		if (!sv_eq(name, wanted[i].name))
			continue;
		memcpy(base + wanted[i].offset, &(struct sv){ eq + 1, strlen(eq + 1) },
		       sizeof(struct sv));
		return;
	}
}

static enum http_method method_of(struct sv name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (sv_eq(name, methods[i].name))
			return methods[i].method;
	return (enum http_method)0;
}

/* Ids from outside go to the log and back to the client: nothing odd in them. */
static bool id_is_plain(struct sv id)
{
	if (!id.n || id.n > 64)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		unsigned char c = (unsigned char)id.p[i];

		if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    c != '-' && c != '_' && c != '.')
			return false;
	}
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct sv http_decode(struct arena *a, struct sv s, bool plus_is_space)
{
	size_t n = 0;
	char *out;

	if (sv_chr(s, '%') < 0 && (!plus_is_space || sv_chr(s, '+') < 0))
		return s;
	out = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+' && plus_is_space) {
			c = ' ';
		} else if (c == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 &&
			   hex_value(s.p[i + 2]) >= 0) {
			c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
			i += 2;
		}
		out[n++] = c;
	}
	return sv_make(out, n);
}

struct sv http_unescape(struct arena *a, struct sv s)
{
	return http_decode(a, s, true);
}

/* "." and ".." would mean one place to nginx and another to a handler. */
static bool has_dots(struct sv path)
{
	while (sv_present(path)) {
		struct sv part = sv_cut(&path, '/');

		if (sv_eq(part, SV(".")) || sv_eq(part, SV("..")))
			return true;
	}
	return false;
}

/* Cut before decoding, so that %2F stays inside its part. */
static enum status read_path(struct http_request *rq, struct http_segments *segs, struct sv raw,
			     struct err *e)
{
	char *out = arena_alloc(rq->arena, raw.n + 2);
	struct sv rest = sv_skip(raw, 1);
	size_t n = 0;

	if (!raw.n || raw.p[0] != '/')
		return err_set(e, rq->arena, ST_BAD_INPUT, "The path must begin with a slash");
	do {
		struct sv part = http_decode(rq->arena, sv_cut(&rest, '/'), false);

		if (segs->n == HTTP_SEGMENTS_MAX)
			return err_set(e, rq->arena, ST_NOT_FOUND, "The path has too many parts");
		out[n++] = '/';
		if (part.n)
			memcpy(out + n, part.p, part.n);
		segs->v[segs->n++] = sv_make(out + n, part.n);
		n += part.n;
	} while (sv_present(rest));
	if (!sv_is_text(sv_make(out, n)))
		return err_set(e, rq->arena, ST_BAD_INPUT, "The path is not valid UTF-8 text");
	if (has_dots(sv_make(out, n)))
		return err_set(e, rq->arena, ST_BAD_INPUT, "The path must not contain . or ..");
	/* "/deals/" is "/deals", and "/" has no parts at all. */
	if (segs->v[segs->n - 1].n == 0)
		segs->n--;
	rq->path = sv_make(out, n);
	return ST_OK;
}

static enum status read_query(struct http_request *rq, struct err *e)
{
	rq->query = ARENA_NEW(rq->arena, struct http_pairs);
	if (!rq->query_text.n)
		return ST_OK;
	return http_parse_urlencoded(rq->arena, rq->query_text, rq->query, e);
}

enum status http_request_read(struct http_request *rq, struct http_segments *segs, struct err *e)
{
	struct basics b = { 0 };
	struct sv path;

	rq->path = SV("/");
	for (char **v = rq->envp; *v; v++)
		take_variable(rq, &b, *v);
	/* Copies: the log still names these two when the environment is gone. */
	rq->request_id = id_is_plain(rq->request_id) ? arena_sv(rq->arena, rq->request_id) :
						       uuid_new(rq->arena);
	if (rq->tenant.n)
		rq->tenant = arena_sv(rq->arena, rq->tenant);
	rq->method = method_of(b.method);
	rq->https = sv_ieq(b.https, SV("on")) || sv_eq(b.https, SV("1"));
	if (b.authorization.n > 7 && sv_ieq(sv_make(b.authorization.p, 7), SV("Bearer ")))
		rq->bearer = sv_trim(sv_skip(b.authorization, 7));
	path = b.uri.n ? b.uri : b.document_uri;
	path = sv_cut(&path, '?');
	rq->query_text = b.query;
	if (!sv_present(b.query) && b.uri.n > path.n)
		rq->query_text = sv_skip(b.uri, path.n + 1);
	if (read_path(rq, segs, path, e) || read_query(rq, e))
		return e->status;
	return ST_OK;
}

/* ---- what handlers ask for ------------------------------------------ */

struct sv http_env(const struct http_request *rq, const char *name)
{
	size_t n = strlen(name);

	for (char **v = rq->envp; v && *v; v++)
		if (!strncmp(*v, name, n) && (*v)[n] == '=')
			return sv_from(*v + n + 1);
	return SV_NONE;
}

static bool is_header(const char *entry, const char *name)
{
	for (; *name; entry++, name++) {
		char c = *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name;

		if (*entry != (c == '-' ? '_' : c))
			return false;
	}
	return *entry == '=';
}

struct sv http_header(const struct http_request *rq, const char *name)
{
	/* CGI gives these two without HTTP_, empty when they were not sent. */
	if (sv_ieq(sv_from(name), SV("content-type")))
		return rq->content_type.n ? rq->content_type : SV_NONE;
	if (sv_ieq(sv_from(name), SV("content-length"))) {
		struct sv v = http_env(rq, "CONTENT_LENGTH");

		return v.n ? v : SV_NONE;
	}
	for (char **v = rq->envp; v && *v; v++)
		if (!strncmp(*v, "HTTP_", 5) && is_header(*v + 5, name))
			return sv_from(strchr(*v, '=') + 1);
	return SV_NONE;
}

struct sv http_param(const struct http_request *rq, const char *name)
{
	struct sv rest = sv_from(rq->route ? rq->route->pattern : NULL);
	size_t i = 0;

	while (sv_present(rest) && i < HTTP_PARAMS_MAX) {
		struct sv part = sv_cut(&rest, '/');

		if (!sv_starts(part, SV(":")) && !sv_eq(part, SV("*")))
			continue;
		if (sv_eq(part.p[0] == ':' ? sv_skip(part, 1) : part, sv_from(name)))
			return rq->params[i];
		i++;
	}
	return SV_NONE;
}

struct sv http_pairs_get(const struct http_pairs *pairs, struct sv name)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (sv_eq(pairs->v[i].name, name))
			return pairs->v[i].value;
	return SV_NONE;
}

const struct http_pairs *http_query_all(struct http_request *rq)
{
	struct err ignored;

	if (!rq->query && read_query(rq, &ignored))
		*rq->query = (struct http_pairs){ 0 };
	return rq->query;
}

struct sv http_query(struct http_request *rq, const char *name)
{
	return http_pairs_get(http_query_all(rq), sv_from(name));
}

static struct http_pairs *read_cookies(struct http_request *rq)
{
	struct http_pairs *out = ARENA_NEW(rq->arena, struct http_pairs);
	struct sv rest = http_header(rq, "Cookie");
	size_t most = 1;

	for (size_t i = 0; i < rest.n; i++)
		most += rest.p[i] == ';';
	out->v = ARENA_ARRAY(rq->arena, most, struct http_pair);
	while (sv_present(rest)) {
		struct sv value = sv_trim(sv_cut(&rest, ';')), name = sv_cut(&value, '=');

		if (!sv_present(value))
			continue;
		if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = sv_make(value.p + 1, value.n - 2);
		value = http_decode(rq->arena, value, false);
		if (sv_is_text(name) && sv_is_text(value))
			out->v[out->n++] = (struct http_pair){ name, value };
	}
	return out;
}

struct sv http_cookie(struct http_request *rq, const char *name)
{
	if (!rq->cookies)
		rq->cookies = read_cookies(rq);
	return http_pairs_get(rq->cookies, sv_from(name));
}
