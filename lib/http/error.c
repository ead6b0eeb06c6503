#include "http/internal.h"

/* JSON has to be UTF-8 whatever a message quotes. */
static void add_text(struct buf *b, const char *key, struct sv text, const char *instead)
{
	buf_json_key(b, key);
	buf_json(b, sv_is_text(text) ? text : sv_from(instead));
}

static void add_json(struct buf *b, const char *key, struct sv json)
{
	buf_json_key(b, key);
	buf_add(b, json);
}

static void add_field(struct buf *b, const struct err *e, struct sv message)
{
	buf_json_key(b, "details");
	buf_addc(b, '{');
	add_text(b, "field", e->field, "?");
	add_text(b, "message", message, status_text(e->status));
	buf_addc(b, '}');
}

/* API-64: what it was stands in the log alone. */
static void add_our_fault(const struct http_request *rq, struct buf *b)
{
	buf_json_key(b, "details");
	buf_json(b, sv_from(arena_printf(rq->arena, "The server's log has the cause under request %.*s",
					 SV_ARG(rq->request_id))));
}

/* Of an access token it is said what is wrong with it (API-59). */
static bool plain_401(const struct http_request *rq)
{
	return rq->route && rq->route->flags & HTTP_PLAIN_401 &&
	       (rq->api_key.n || !rq->bearer.n);
}

void http_error_json(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	struct sv message = err_message(e), shown = message;
	struct buf *b = &rs->body;
	bool field = e->field.n && !e->details.n;

	/* API-60: the text is general, details name the field and its fault. */
	if (field && e->status == ST_UNPROCESSABLE)
		shown = sv_from(status_text(e->status));
	rs->status = e->http ? e->http : status_http(e->status);
	http_content_type(rs, "application/json; charset=utf-8");
	buf_addc(b, '{');
	add_text(b, "error", rs->status == 401 && plain_401(rq) ? SV("Unauthorized") : shown,
		 status_text(e->status));
	add_text(b, "message", shown, status_text(e->status));
	add_text(b, "code", err_code(e), status_code(e->status));
	if (field)
		add_field(b, e, message);
	else if (e->details.n && e->details_json)
		add_json(b, "details", e->details);
	else if (e->details.n)
		add_text(b, "details", e->details, "");
	else if (e->status == ST_INTERNAL)
		add_our_fault(rq, b);
	if (e->hint.n)
		add_text(b, "hint", e->hint, "");
	buf_addc(b, '}');
}
