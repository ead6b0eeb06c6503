#include "http/internal.h"
#include "crypto/crypto.h"

#define FORM_COOKIE "kontor_form"

struct sv http_csrf_token(struct arena *a, struct sv session)
{
	unsigned char key[SHA256_SIZE], mac[SHA256_SIZE];

	crypto_derive(key, "csrf");
	crypto_hmac_sha256(mac, sv_make((const char *)key, sizeof(key)), session);
	return crypto_base64url(a, sv_make((const char *)mac, sizeof(mac)));
}

struct sv http_csrf_public(struct http_request *rq, struct http_response *rs)
{
	struct sv session = http_cookie(rq, FORM_COOKIE);

	if (!session.n) {
		session = crypto_token_new(rq->arena, "");
		http_set_cookie(rs, FORM_COOKIE, session,
				&(struct http_cookie_options){ .secure = rq->https,
							       .http_only = true });
	}
	return http_csrf_token(rq->arena, session);
}

/* Browsers say where a request comes from; older ones leave it out. */
static bool from_elsewhere(const struct http_request *rq)
{
	struct sv site = http_header(rq, "Sec-Fetch-Site");

	return site.n && !sv_eq(site, SV("same-origin")) && !sv_eq(site, SV("none"));
}

enum status http_csrf_check(struct http_request *rq, struct err *e)
{
	struct sv session = rq->session, sent;

	if (!(rq->route->flags & HTTP_CSRF) || !(rq->method & HTTP_CHANGING))
		return ST_OK;
	if (rq->route->auth != HTTP_STAFF)
		session = http_cookie(rq, FORM_COOKIE);
	/* Says of a broken form that it is broken, not that its token is missing. */
	if (http_form_read(rq, e))
		return e->status;
	sent = http_header(rq, "X-CSRF-Token");
	if (!sent.n)
		sent = http_form(rq, "_csrf");
	if (!from_elsewhere(rq) && session.n && sent.n &&
	    crypto_equal(sent, http_csrf_token(rq->arena, session)))
		return ST_OK;
	err_set(e, rq->arena, ST_FORBIDDEN,
		"This page is out of date; reload the page and try again");
	e->code = SV("CSRF");
	return e->status;
}
