#include "net/sigv4.h"

#include "base/buf.h"
#include "base/clock.h"
#include "crypto/crypto.h"
#include "net/url.h"

#include <stdlib.h>

#define HEADERS_MAX 30

struct signer {
	struct arena *a;
	const struct sigv4_key *k;
	struct net_header all[HEADERS_MAX];
	size_t n;
	struct sv names; /* "host;x-amz-date" */
	struct sv stamp, scope;
};

static struct sv sha_hex(struct arena *a, struct sv data)
{
	unsigned char sum[SHA256_SIZE];

	crypto_sha256(sum, data);
	return crypto_hex(a, sv_make((const char *)sum, sizeof(sum)));
}

static struct sv lower(struct arena *a, struct sv s)
{
	char *p = arena_dup(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
	return sv_make(p, s.n);
}

static int by_name(const void *a, const void *b)
{
	return sv_cmp(((const struct net_header *)a)->name, ((const struct net_header *)b)->name);
}

/* In order of names, lower case; and the list of them. */
static struct sv canonical_headers(struct signer *s)
{
	struct buf *out = buf_in_arena(s->a), *names = buf_in_arena(s->a);
	struct net_header sorted[HEADERS_MAX];

	for (size_t i = 0; i < s->n; i++)
		sorted[i] = (struct net_header){ lower(s->a, s->all[i].name),
						 sv_trim(s->all[i].value) };
	qsort(sorted, s->n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < s->n; i++) {
		buf_addf(out, "%.*s:%.*s\n", SV_ARG(sorted[i].name), SV_ARG(sorted[i].value));
		buf_addf(names, "%s%.*s", i ? ";" : "", SV_ARG(sorted[i].name));
	}
	s->names = buf_sv(names);
	return buf_sv(out);
}

static int by_text(const void *a, const void *b)
{
	return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

/* name=value pairs in order; they are encoded already. */
static struct sv canonical_query(struct signer *s, struct sv query)
{
	struct buf *out = buf_in_arena(s->a);
	struct sv v[HEADERS_MAX];
	size_t n = 0;

	while (sv_present(query) && query.n && n < HEADERS_MAX)
		v[n++] = sv_cut(&query, '&');
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%.*s%s", i ? "&" : "", SV_ARG(v[i]), sv_chr(v[i], '=') < 0 ? "=" : "");
	return buf_sv(out);
}

static struct sv path_of(struct sv url, struct sv *query)
{
	struct sv rest = sv_skip(url, (size_t)(sv_find(url, SV("://")) + 3));
	ptrdiff_t slash = sv_chr(rest, '/');

	rest = slash < 0 ? SV("/") : sv_skip(rest, (size_t)slash);
	*query = rest;
	return sv_cut(query, '?');
}

static struct sv canonical_request(struct signer *s, const struct net_request *r)
{
	struct buf *out = buf_in_arena(s->a);
	struct sv query, path = path_of(r->url, &query), headers = canonical_headers(s);
	struct sv method = r->method.n ? r->method : sv_present(r->body) ? SV("POST") : SV("GET");
	struct sv sum = sha_hex(s->a, r->body), sorted = canonical_query(s, query);

	buf_addf(out, "%.*s\n%.*s\n%.*s\n", SV_ARG(method), SV_ARG(path), SV_ARG(sorted));
	buf_addf(out, "%.*s\n%.*s\n%.*s", SV_ARG(headers), SV_ARG(s->names), SV_ARG(sum));
	return buf_sv(out);
}

static void hmac(unsigned char key[static SHA256_SIZE], struct sv data)
{
	unsigned char out[SHA256_SIZE];

	crypto_hmac_sha256(out, sv_make((const char *)key, SHA256_SIZE), data);
	memcpy(key, out, sizeof(out));
}

static struct sv signature(struct signer *s, struct sv request)
{
	struct sv first = sv_from(arena_printf(s->a, "AWS4%.*s", SV_ARG(s->k->secret_access_key)));
	struct sv sum = sha_hex(s->a, request);
	struct sv text = sv_from(arena_printf(s->a, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s",
					      SV_ARG(s->stamp), SV_ARG(s->scope), SV_ARG(sum)));
	unsigned char key[SHA256_SIZE];

	crypto_hmac_sha256(key, first, sv_make(s->stamp.p, 8));
	hmac(key, s->k->region);
	hmac(key, s->k->service);
	hmac(key, SV("aws4_request"));
	hmac(key, text);
	return crypto_hex(s->a, sv_make((const char *)key, sizeof(key)));
}

/* 20250203T101500Z of 2025-02-03T10:15:00.000Z */
static struct sv stamp_of(struct arena *a, int64_t ms)
{
	char iso[CLOCK_ISO_SIZE], *out = arena_alloc(a, 17);
	size_t n = 0;

	clock_iso(iso, ms);
	for (const char *p = iso; *p && *p != '.' && n < 15; p++)
		if (*p != '-' && *p != ':')
			out[n++] = *p;
	out[n++] = 'Z';
	return sv_make(out, n);
}

static void add(struct signer *s, struct sv name, struct sv value)
{
	if (s->n < HEADERS_MAX && value.n)
		s->all[s->n++] = (struct net_header){ name, value };
}

enum status sigv4_sign(struct net_request *r, const struct sigv4_key *k, int64_t at_ms,
		       struct arena *a, struct err *e)
{
	struct signer s = { .a = a, .k = k, .stamp = stamp_of(a, at_ms) };
	struct net_header *out;
	struct net_url u;
	bool usual;

	if (net_url_parse(r->url, &u, a, e))
		return e->status;
	usual = u.port == (strcmp(u.scheme, "https") ? 80 : 443);
	s.scope = sv_from(arena_printf(a, "%.8s/%.*s/%.*s/aws4_request", s.stamp.p, SV_ARG(k->region),
				       SV_ARG(k->service)));
	for (size_t i = 0; i < r->n_headers; i++)
		add(&s, r->headers[i].name, r->headers[i].value);
	add(&s, SV("x-amz-date"), s.stamp);
	add(&s, SV("x-amz-security-token"), k->session_token);
	out = ARENA_ARRAY(a, s.n + 1, struct net_header);
	memcpy(out, s.all, s.n * sizeof(*out));
	r->headers = out;
	r->n_headers = s.n;
	/* libcurl writes Host; it is signed with the others. */
	add(&s, SV("host"), usual ? sv_from(u.host) :
				    sv_from(arena_printf(a, "%s:%d", u.host, u.port)));
	struct sv proof = signature(&s, canonical_request(&s, r));

	out[r->n_headers++] = (struct net_header){
		SV("Authorization"),
		sv_from(arena_printf(a,
				     "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
				     SV_ARG(k->access_key_id), SV_ARG(s.scope), SV_ARG(s.names),
				     SV_ARG(proof)))
	};
	return ST_OK;
}
