/*
 * kontor-share: public pages behind a token. Nobody signs in here; the token
 * is the key, and the database answers to it alone.
 */
#include "fcgi/share/routes.h"

#define CHAT_MAX (64 * 1024)
/* A file of 10 MiB and the form around it. */
#define CHAT_FILE_MAX (11 * 1024 * 1024)

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
	{ HTTP_GET | HTTP_HEAD, "/s/f/:token/:name", share_file, HTTP_PUBLIC },
	{ HTTP_GET | HTTP_HEAD, "/s/:token/rate", csat_page, HTTP_PUBLIC },
	{ HTTP_POST, "/s/:token/rate", csat_answer, HTTP_PUBLIC, HTTP_CSRF },
	{ HTTP_GET | HTTP_HEAD, "/f/:token", lead_form_page, HTTP_PUBLIC },
	{ HTTP_POST, "/f/:token", lead_form_submit, HTTP_PUBLIC },
	{ HTTP_OPTIONS, "/f/:token", lead_form_preflight, HTTP_PUBLIC },
	{ HTTP_GET, "/t.gif", track_pixel, HTTP_PUBLIC },
	{ HTTP_GET, "/chat/:channel/config", chat_config, HTTP_PUBLIC },
	{ HTTP_POST, "/chat/:channel/session", chat_begin, HTTP_PUBLIC, 0, CHAT_MAX },
	{ HTTP_OPTIONS, "/chat/:channel/session", chat_preflight, HTTP_PUBLIC },
	{ HTTP_GET, "/chat/:channel/thread", chat_thread, HTTP_PUBLIC },
	{ HTTP_OPTIONS, "/chat/:channel/thread", chat_preflight, HTTP_PUBLIC },
	{ HTTP_POST, "/chat/:channel/messages", chat_send, HTTP_PUBLIC, 0, CHAT_MAX },
	{ HTTP_OPTIONS, "/chat/:channel/messages", chat_preflight, HTTP_PUBLIC },
	{ HTTP_POST, "/chat/:channel/files", chat_upload, HTTP_PUBLIC, 0, CHAT_FILE_MAX },
	{ HTTP_OPTIONS, "/chat/:channel/files", chat_preflight, HTTP_PUBLIC },
	{ HTTP_POST, "/chat/:channel/typing", chat_typing, HTTP_PUBLIC, 0, CHAT_MAX },
	{ HTTP_OPTIONS, "/chat/:channel/typing", chat_preflight, HTTP_PUBLIC },
	{ HTTP_GET, "/chat/:channel/live", chat_live, HTTP_PUBLIC },
	{ HTTP_GET, "/chat/:channel/file/:id", chat_file, HTTP_PUBLIC },
	{ 0 },
};

int main(void)
{
	return web_main("kontor-share", routes, error_page, NULL);
}
