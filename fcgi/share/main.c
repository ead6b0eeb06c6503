/*
 * kontor-share: public pages behind a token. Nobody signs in here; the token
 * is the key, and the database answers to it alone.
 */
#include "fcgi/share/routes.h"

static const struct http_route routes[] = {
	{ HTTP_GET, "/s/:token", quote_page, HTTP_PUBLIC },
	{ HTTP_POST, "/s/:token/accept", quote_accept, HTTP_PUBLIC, HTTP_CSRF },
	{ HTTP_POST, "/s/:token/decline", quote_decline, HTTP_PUBLIC, HTTP_CSRF },
	{ 0 },
};

int main(void)
{
	return web_main("kontor-share", routes, NULL, NULL);
}
