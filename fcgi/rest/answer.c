#include "fcgi/rest/rest.h"

/* ---- errors ---------------------------------------------------------------------- */

static void add_text(struct buf *b, const char *key, struct sv text)
{
	buf_json_key(b, key);
	if (sv_present(text))
		buf_json(b, sv_is_text(text) ? text : SV("?"));
	else
		buf_lit(b, "null");
}

/* Codes for what the dispatcher refuses before the engine is asked. */
static struct sv code_of(const struct err *e)
{
	if (e->code.n)
		return e->code;
	switch (e->status) {
	case ST_BAD_METHOD:
		return SV("PGRST117");
	case ST_NOT_FOUND:
		return SV("PGRST125");
	case ST_UNAVAILABLE:
		return SV("PGRST000");
	default:
		return err_code(e);
	}
}

static void challenge(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	bool token = sv_eq(e->code, SV("PGRST301")) || sv_eq(e->code, SV("PGRST303"));
	struct buf b buf_auto = BUF_INIT;

	if (rs->status != 401)
		return;
	buf_lit(&b, "Bearer");
	if (token) {
		buf_lit(&b, " error=\"invalid_token\", error_description=");
		buf_json(&b, err_message(e));
	}
	http_set_header(rs, "WWW-Authenticate", arena_sv(rq->arena, buf_sv(&b)));
}

static void add_more(struct buf *b, const struct err *e)
{
	if (e->details_json) {
		buf_json_key(b, "details");
		buf_add(b, e->details);
	} else {
		add_text(b, "details", e->details);
	}
	add_text(b, "hint", e->hint);
}

/* client-error-verbosity = "minimal" */
static bool terse(const struct http_request *rq)
{
	const struct setup *const *s = rq->user;

	return sv_eq(rest_config_get(&(*s)->config, REST_CONFIG_client_error_verbosity),
		     SV("minimal"));
}

void answer_error(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	struct buf *b = &rs->body;
	struct sv code = code_of(e);

	buf_clear(b);
	rs->status = e->http ? e->http : status_http(e->status);
	http_content_type(rs, "application/json; charset=utf-8");
	http_set_header(rs, "Proxy-Status",
			sv_from(arena_printf(rq->arena, "PostgREST; error=%.*s", SV_ARG(code))));
	challenge(rq, rs, e);
	buf_addc(b, '{');
	add_text(b, "code", code);
	if (!terse(rq))
		add_more(b, e);
	add_text(b, "message", err_message(e));
	buf_addc(b, '}');
}

/* ---- other origins ----------------------------------------------------------------- */

#define EXPOSED                                                                            \
	"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, " \
	"Server, Transfer-Encoding, Range-Unit"

/* The origin to allow: "*" without a list, the origin itself when it is
 * listed, and none else. */
static struct sv allowed_origin(const struct setup *s, const struct http_request *rq)
{
	struct sv list = rest_config_get(&s->config, REST_CONFIG_server_cors_allowed_origins);
	struct sv origin = http_header(rq, "Origin");

	if (!origin.n)
		return SV_NONE;
	if (!list.n)
		return SV("*");
	while (sv_present(list))
		if (sv_eq(sv_trim(sv_cut(&list, ',')), origin))
			return origin;
	return SV_NONE;
}

static void allow(const struct setup *s, struct http_response *rs, struct sv origin)
{
	bool listed = rest_config_get(&s->config, REST_CONFIG_server_cors_allowed_origins).n > 0;

	http_set_header(rs, "Access-Control-Allow-Origin", origin);
	if (listed)
		http_set_header(rs, "Access-Control-Allow-Credentials", SV("true"));
}

void answer_cors(const struct setup *s, struct http_request *rq, struct http_response *rs)
{
	struct sv origin = allowed_origin(s, rq);

	if (!origin.n)
		return;
	allow(s, rs, origin);
	http_set_header(rs, "Access-Control-Expose-Headers", SV(EXPOSED));
}

bool answer_preflight(const struct setup *s, struct http_request *rq, struct http_response *rs)
{
	struct sv origin = allowed_origin(s, rq);
	struct sv headers = http_header(rq, "Access-Control-Request-Headers");
	struct buf b buf_auto = BUF_INIT;

	if (rq->method != HTTP_OPTIONS || !origin.n ||
	    !http_header(rq, "Access-Control-Request-Method").n)
		return false;
	allow(s, rs, origin);
	http_set_header(rs, "Access-Control-Allow-Methods",
			SV("GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"));
	buf_lit(&b, "Authorization");
	while (sv_present(headers)) {
		buf_lit(&b, ", ");
		buf_add(&b, sv_trim(sv_cut(&headers, ',')));
	}
	buf_lit(&b, ", Accept, Accept-Language, Content-Language");
	http_set_header(rs, "Access-Control-Allow-Headers", arena_sv(rq->arena, buf_sv(&b)));
	http_set_header(rs, "Access-Control-Max-Age", SV("86400"));
	return true;
}
