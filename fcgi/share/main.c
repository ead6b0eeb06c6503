/*
 * kontor-share: public pages behind a token. Nobody signs in here; the token
 * is the key, and the database answers to it alone.
 */
#include "fcgi/share/routes.h"

/* Who follows a link that leads nowhere is no user of Kontor: words and nothing
 * to click. */
static void error_page(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	struct tmpl_value *page = web_page(rq, NULL);
	struct err failure = { 0 };

	rs->status = status_http(e->status);
	if (sv_starts(rq->path, SV("/f/")))
		lead_form_policy(rq, rs, SV_NONE, SV_NONE);
	tmpl_set_text(page, "message", err_message(e));
	tmpl_set_text(page, "hint", e->hint);
	tmpl_set_text(page, "request_id", rq->request_id);
	if (web_render(rq, rs, "share/error", page, &failure))
		web_error_page(rq, rs, e);
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_HEAD, "/s/:token", quote_page, HTTP_PUBLIC },
	{ HTTP_POST, "/s/:token/accept", quote_accept, HTTP_PUBLIC, HTTP_CSRF },
	{ HTTP_POST, "/s/:token/decline", quote_decline, HTTP_PUBLIC, HTTP_CSRF },
	{ HTTP_GET | HTTP_HEAD, "/f/:token", lead_form_page, HTTP_PUBLIC },
	{ HTTP_POST, "/f/:token", lead_form_submit, HTTP_PUBLIC },
	{ HTTP_OPTIONS, "/f/:token", lead_form_preflight, HTTP_PUBLIC },
	{ HTTP_GET, "/t.gif", track_pixel, HTTP_PUBLIC },
	{ 0 },
};

int main(void)
{
	return web_main("kontor-share", routes, error_page, NULL);
}
