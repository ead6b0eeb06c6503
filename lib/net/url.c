#include "net/url.h"

#include <curl/curl.h>
#include <stdlib.h>

static void url_cleanup(CURLU **u)
{
	curl_url_cleanup(*u);
}

static bool is_plain(struct sv url)
{
	for (size_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7f)
			return false;
	return url.n != 0;
}

/* A part as a copy in the arena; NULL when there is none. */
static const char *part(CURLU *u, CURLUPart what, unsigned flags, struct arena *a)
{
	char *text = NULL;
	const char *copy;

	if (curl_url_get(u, what, &text, flags) != CURLUE_OK)
		return NULL;
	copy = arena_dup(a, sv_from(text));
	curl_free(text);
	return copy;
}

static const char *without_brackets(const char *host, struct arena *a)
{
	size_t n = strlen(host);

	if (n < 2 || host[0] != '[' || host[n - 1] != ']')
		return host;
	return arena_dup(a, sv_make(host + 1, n - 2));
}

enum status net_url_parse(struct sv url, struct net_url *out, struct arena *a, struct err *e)
{
	CURLU *u __attribute__((cleanup(url_cleanup))) = curl_url();
	CURLUcode rc;
	const char *host, *port;

	if (!is_plain(url))
		return err_set(e, a, ST_BAD_INPUT, "The address is empty or has spaces in it");
	rc = curl_url_set(u, CURLUPART_URL, arena_dup(a, url),
			  CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
	if (rc == CURLUE_USER_NOT_ALLOWED)
		return err_set(e, a, ST_BAD_INPUT,
			       "The address must not contain a user name or password");
	if (rc != CURLUE_OK)
		return err_set(e, a, ST_BAD_INPUT, "This is no web address: %s",
			       curl_url_strerror(rc));
	out->text = part(u, CURLUPART_URL, 0, a);
	out->scheme = part(u, CURLUPART_SCHEME, 0, a);
	host = part(u, CURLUPART_HOST, 0, a);
	port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a);
	if (!out->text || !out->scheme || !host || !*host)
		return err_set(e, a, ST_BAD_INPUT, "The address names no host");
	out->host = without_brackets(host, a);
	out->port = port ? atoi(port) : 0;
	return ST_OK;
}
