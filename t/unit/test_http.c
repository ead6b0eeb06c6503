/* http/: what the dispatcher does with a request, through http_run. */
#include "t/unit/tap.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "http/metrics.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- a program with a route for each rule ------------------------------- */

static enum status show(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	buf_addf(&rs->body, "%s", rq->route->pattern);
	for (size_t i = 0; i < HTTP_PARAMS_MAX && rq->params[i].p; i++)
		buf_addf(&rs->body, " [%.*s]", SV_ARG(rq->params[i]));
	return ST_OK;
}

static enum status show_named(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	struct sv id = http_param(rq, "id");
	struct sv rest = http_param(rq, "*");
	buf_addf(&rs->body, "id=%.*s rest=%.*s none=%d", SV_ARG(id), SV_ARG(rest),
		 sv_present(http_param(rq, "x")));
	return ST_OK;
}

static enum status show_method(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	buf_addf(&rs->body, "%d", rq->method);
	return ST_OK;
}

static enum status show_who(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	buf_addf(&rs->body, "session=%.*s key=%.*s claims=%.*s", SV_ARG(rq->session),
		 SV_ARG(rq->api_key), SV_ARG(rq->claims));
	return ST_OK;
}

static enum status show_input(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct http_file *file = http_form_file(rq, "file");

	(void)e;
	struct sv q = http_query(rq, "q");
	struct sv f = http_form(rq, "f");
	struct sv c = http_cookie(rq, "c");
	struct sv h = http_header(rq, "x-Some-Header");
	buf_addf(&rs->body, "q=%.*s f=%.*s c=%.*s h=%.*s", SV_ARG(q), SV_ARG(f), SV_ARG(c),
		 SV_ARG(h));
	if (file)
		buf_addf(&rs->body, " file=%.*s:%zu", SV_ARG(file->filename), file->data.n);
	return ST_OK;
}

static enum status show_json(struct http_request *rq, struct http_response *rs, struct err *e)
{
	json_t *j;

	if (http_json(rq, &j, e))
		return e->status;
	buf_addf(&rs->body, "%s", json_string_value(json_object_get(j, "a")));
	return ST_OK;
}

static enum status show_size(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	buf_add_i64(&rs->body, (int64_t)rq->body.n);
	return ST_OK;
}

/* Writes half an answer before it fails, as a handler may. */
static enum status fail(struct http_request *rq, struct http_response *rs, struct err *e)
{
	buf_lit(&rs->body, "half an answer");
	http_set_header(rs, "X-Half", SV("1"));
	err_set(e, rq->arena, ST_UNPROCESSABLE, "Invalid email format");
	if (sv_eq(http_query(rq, "how"), SV("field")))
		e->field = SV("email");
	if (sv_eq(http_query(rq, "how"), SV("full"))) {
		e->code = SV("23505");
		e->details = SV("Key \"x\"");
		e->hint = SV("Try\nagain");
	}
	if (sv_eq(http_query(rq, "how"), SV("bytes")))
		e->message = SV("bad \xff byte");
	if (sv_eq(http_query(rq, "how"), SV("later"))) {
		err_set(e, rq->arena, ST_RATE_LIMITED, "Slow down");
		e->retry_after = 7;
	}
	return e->status;
}

static enum status answer(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct http_cookie_options o = { .max_age = 60, .secure = true, .http_only = true };

	(void)e;
	http_set_header(rs, "X-One", SV("a"));
	http_set_header(rs, "x-one", SV("b\r\nSet-Cookie: evil=1"));
	http_set_cookie(rs, "s", SV("a;b c"), &o);
	http_set_cookie(rs, "t", SV(""), &(struct http_cookie_options){ .max_age = -1 });
	buf_lit(&rs->body, "content");
	http_etag(rq, rs);
	return ST_OK;
}

static enum status go(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	return http_redirect(rs, http_query(rq, "to"));
}

static enum status public_form(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	buf_add(&rs->body, http_csrf_public(rq, rs));
	return ST_OK;
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/", show, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET | HTTP_POST, "/deals", show, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/deals/new", show, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET | HTTP_DELETE, "/deals/:id", show, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/deals/:id/notes/:note", show, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/deals/new/x", show, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/files/:id/*", show_named, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET | HTTP_PATCH, "/method", show_method, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET | HTTP_HEAD, "/method/head", show_method, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET | HTTP_OPTIONS, "/method/options", show_method, HTTP_PUBLIC, 0, 0 },
	{ HTTP_POST, "/functions/v1/x", show_who, HTTP_API_KEY, 0, 0 },
	{ HTTP_GET, "/rest/v1/:table", show_who, HTTP_BEARER, 0, 0 },
	{ HTTP_GET, "/auth/v1/settings", show_method, HTTP_PUBLIC, HTTP_CORS, 0 },
	{ HTTP_GET, "/me", show_who, HTTP_STAFF, 0, 0 },
	{ HTTP_GET | HTTP_POST, "/save", show_who, HTTP_STAFF, HTTP_CSRF, 0 },
	{ HTTP_GET, "/book", public_form, HTTP_PUBLIC, HTTP_CSRF, 0 },
	{ HTTP_POST, "/book", show_who, HTTP_PUBLIC, HTTP_CSRF, 0 },
	{ HTTP_GET | HTTP_POST, "/input", show_input, HTTP_PUBLIC, 0, 0 },
	{ HTTP_POST, "/json", show_json, HTTP_PUBLIC, 0, 0 },
	{ HTTP_POST, "/size", show_size, HTTP_PUBLIC, 0, 10 },
	{ HTTP_POST, "/size/default", show_size, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/fail", fail, HTTP_PUBLIC, HTTP_JSON_ERR, 0 },
	{ HTTP_GET, "/fail/page", fail, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/answer", answer, HTTP_PUBLIC, 0, 0 },
	{ HTTP_GET, "/go", go, HTTP_PUBLIC, 0, 0 },
	{ 0 },
};

static void error_page(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	(void)rq;
	rs->status = status_http(e->status);
	http_content_type(rs, "text/html; charset=utf-8");
	buf_addf(&rs->body, "page %d", rs->status);
}

static const struct http_program api = { .name = "test", .routes = routes };
static const struct http_program pages = { .name = "test", .routes = routes, .error = error_page };

/* ---- asking --------------------------------------------------------------- */

static struct arena *a;
static struct http_response rs;

#define ENV_MAX 16

/* extra: "NAME=value" lines, each ended by \n; the body's length is added. */
static int ask_of(const struct http_program *p, const char *method, const char *uri,
		  const char *extra, struct sv body)
{
	char *env[ENV_MAX + 4];
	struct sv rest = sv_from(extra);
	int n = 0;

	env[n++] = arena_printf(a, "REQUEST_METHOD=%s", method);
	env[n++] = arena_printf(a, "REQUEST_URI=%s", uri);
	if (sv_present(body))
		env[n++] = arena_printf(a, "CONTENT_LENGTH=%zu", body.n);
	while (rest.n && n < ENV_MAX)
		env[n++] = arena_dup(a, sv_cut(&rest, '\n'));
	env[n] = NULL;
	http_run(p, env, body, &rs);
	return rs.status;
}

static int ask(const char *method, const char *uri)
{
	return ask_of(&api, method, uri, "", SV_NONE);
}

static int ask_with(const char *method, const char *uri, const char *extra, const char *body)
{
	return ask_of(&api, method, uri, extra, sv_from(body));
}

#define is_body(want, name) is_sv(buf_sv(&rs.body), sv_from(want), name)

static struct sv header(const char *name)
{
	return http_response_header(&rs, name);
}

static bool body_has(const char *text)
{
	return sv_find(buf_sv(&rs.body), sv_from(text)) >= 0;
}

/* ---- routes ---------------------------------------------------------------- */

static void test_routes(void)
{
	static const struct {
		const char *uri, *want;
	} rows[] = {
		{ "/", "/" },
		{ "/deals", "/deals" },
		{ "/deals/", "/deals" },
		{ "/deals?x=1", "/deals" },
		{ "/deals/new", "/deals/new" },
		{ "/deals/7", "/deals/:id [7]" },
		{ "/deals/new/notes/2", "/deals/:id/notes/:note [new] [2]" },
		{ "/deals/J%C3%B6rg+x%20y", "/deals/:id [J\xc3\xb6rg+x y]" },
		{ "/deals/a%2Fb", "/deals/:id [a/b]" },
		{ "/deals/100%", "/deals/:id [100%]" },
		{ "/files/5/a/b%20c/", "id=5 rest=a/b c/ none=0" },
	};
	static const char *const lost[] = { "/deal",	"/deals/7/notes", "/deals//x", "/deals/7/x",
					    "/files/5", "/nowhere",	  "//deals" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask("GET", rows[i].uri);
		is_body(rows[i].want, arena_printf(a, "route of %s", rows[i].uri));
	}
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		is_int(ask("GET", lost[i]), 404, arena_printf(a, "no route for %s", lost[i]));
	is_body("{\"error\":\"Could not find resource\",\"message\":\"Could not find resource\","
		"\"code\":\"RESOURCE_NOT_FOUND\"}",
		"API-59 404 as in the sample");
}

static void test_methods(void)
{
	is_int(ask("PUT", "/deals/7"), 405, "path is known, method is not");
	is_sv(header("Allow"), SV("GET, HEAD, DELETE"), "Allow names the others");
	is_int(ask("DELETE", "/deals/new"), 405, "the most specific pattern decides");
	is_int(ask("BREW", "/deals"), 405, "unknown method");
	is_int(ask("GET", "/functions/v1/x"), 405, "wrong method on a function");
	ok(body_has("\"error\":\"Use POST\""), "and the answer says which is right");
	is_int(ask("HEAD", "/method"), 200, "HEAD comes with GET");
	is_int((long long)rs.body.n, 0, "HEAD has no body");
	ask("HEAD", "/method/head");
	ask("PATCH", "/method");
	is_body("16", "handlers see the method");
	ask("OPTIONS", "/method/options");
	is_body("64", "a route may answer OPTIONS itself");
	is_int(ask("OPTIONS", "/deals"), 204, "else it is answered for it");
	is_sv(header("Allow"), SV("GET, HEAD, POST, OPTIONS"), "with Allow");
	ok(!sv_present(header("Access-Control-Allow-Origin")), "pages take no other origin");
	is_int(ask("OPTIONS", "/nowhere"), 404, "OPTIONS of nothing");
}

static void test_cors(void)
{
	ask_with("OPTIONS", "/functions/v1/x", "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=x-api-key",
		 NULL);
	is_sv(header("Access-Control-Allow-Origin"), SV("*"), "functions take any origin");
	is_sv(header("Access-Control-Allow-Methods"), SV("POST, OPTIONS"), "preflight: methods");
	is_sv(header("Access-Control-Allow-Headers"), SV("x-api-key"), "preflight: headers");
	is_int(ask_with("POST", "/functions/v1/x", "", "{}"), 401, "errors too");
	is_sv(header("Access-Control-Allow-Origin"), SV("*"), "can be read from any origin");
	ask("GET", "/auth/v1/settings");
	is_sv(header("Access-Control-Allow-Origin"), SV("*"), "a public route by its flag");
}

/* ---- input ----------------------------------------------------------------- */

static void test_input(void)
{
	ask_with("POST", "/input?q=a%26b+c&q=2",
		 "CONTENT_TYPE=application/x-www-form-urlencoded; charset=UTF-8\n"
		 "HTTP_COOKIE=b=1; c=\"x%20y\"; c=2; d\nHTTP_X_SOME_HEADER=hi",
		 "e&f=%C3%BC%zz&f=2");
	is_body("q=a&b c f=\xc3\xbc%zz c=x y h=hi", "query, form, cookie and header");
	ask_with("POST", "/input?", "CONTENT_TYPE=multipart/form-data; boundary=B",
		 "--B\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nv\r\n"
		 "--B\r\nContent-Disposition: form-data; name=\"file\"; "
		 "filename=\"C:\\x\\a.txt\"\r\n"
		 "\r\n12345\r\n--B--\r\n");
	is_body("q= f=v c= h= file=a.txt:5", "multipart");
	is_int(ask_with("POST", "/input", "CONTENT_TYPE=multipart/form-data; boundary=B",
			"--B\r\n"),
	       200, "a malformed form has no fields");
	is_body("q= f= c= h=", "and nothing of it is left");
	is_int(ask("GET", "/input?q=%00"), 400, "NUL in the query");
	is_int(ask("GET", "/input?q=%ff"), 400, "no UTF-8 in the query");
	is_int(ask("GET", "/deals/%ff"), 400, "no UTF-8 in the path");
	is_int(ask("GET", "/deals/a%00b"), 400, "NUL in the path");
	is_int(ask("GET", "/files/5/../../etc"), 400, "dots");
	is_int(ask("GET", "/files/5/..%2f..%2fetc"), 400, "dots in disguise");
	is_int(ask("GET", "deals"), 400, "no slash in front");
	is_int(ask("GET", "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3"),
	       404, "too deep a path");
}

static void test_query_limit(void)
{
	buf_auto struct buf b = BUF_INIT;

	buf_lit(&b, "/input?q=1");
	for (int i = 1; i < 1000; i++)
		buf_lit(&b, "&x");
	is_int(ask("GET", b.p), 200, "1000 fields");
	buf_lit(&b, "&x");
	is_int(ask("GET", b.p), 400, "1001 fields");
}

static void test_body(void)
{
	char big[100] = { 0 };

	memset(big, 'x', sizeof(big) - 1);
	ask_with("POST", "/size", "", "0123456789");
	is_body("10", "as large as allowed");
	is_int(ask_with("POST", "/size", "", "0123456789a"), 413, "one byte more");
	ok(body_has("PAYLOAD_TOO_LARGE"), "413 has its code");
	is_int(ask_of(&api, "POST", "/size", "CONTENT_LENGTH=12", SV_NONE), 413,
	       "413 by the stated length alone");
	is_int(ask_of(&api, "POST", "/size", "CONTENT_LENGTH=10", SV_NONE), 400,
	       "shorter than stated");
	is_int(ask_of(&api, "POST", "/size", "CONTENT_LENGTH=1x", SV_NONE), 400, "no number");
	is_int(ask_of(&api, "POST", "/size", "CONTENT_LENGTH=-1", SV_NONE), 400, "negative");
	is_int(ask_of(&api, "POST", "/size", "CONTENT_LENGTH=", SV_NONE), 200,
	       "empty length, no body");
	is_body("0", "nothing read");
}

/* The length is not known: the body is what comes. */
static void test_body_without_length(void)
{
	char method[] = "REQUEST_METHOD=POST", uri[] = "REQUEST_URI=/size";
	char *env[] = { method, uri, NULL };

	http_run(&api, env, SV("01234567"), &rs);
	is_body("8", "read to the end");
	http_run(&api, env, SV("0123456789"), &rs);
	is_body("10", "up to the limit");
	http_run(&api, env, SV("0123456789a"), &rs);
	is_int(rs.status, 413, "and not beyond");
}

static void test_json(void)
{
	static const struct {
		const char *body, *message;
	} bad[] = {
		{ "", "The body is empty; send JSON" },
		{ " \n", "The body is empty; send JSON" },
		{ "{\"a\":\n \"b\",}", "line 2, column 6" },
		{ "{\"a\":\"x\\u0000\"}", "must not contain \\\\u0000" },
		{ "{\"\\u0000\":1}", "must not contain \\\\u0000" },
		{ "{\"a\":\"\xff\"}", "not valid UTF-8" },
		{ "{} x", "line 1" },
		{ "a=1", "line 1" },
		{ "3", "line 1" },
	};
	buf_auto struct buf deep = BUF_INIT;

	ask_with("POST", "/json", "CONTENT_TYPE=text/plain", "{\"a\":\"1\",\"a\":\"2\"}");
	is_body("2", "JSON whatever the content type says, the last of two wins");
	ask_with("POST", "/json", "", "\xef\xbb\xbf{\"a\":\"[[\\\"[\"}");
	is_body("[[\"[", "a byte order mark is skipped, brackets in text do not nest");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(ask_with("POST", "/json", "", bad[i].body) == 400 && body_has(bad[i].message),
		   "JSON row %zu: %s", i + 1, bad[i].message);
	for (int i = 0; i < 100; i++)
		buf_addc(&deep, '[');
	ask_with("POST", "/json", "", deep.p);
	ok(body_has("line 1"), "100 levels are parsed");
	buf_addc(&deep, '[');
	ask_with("POST", "/json", "", deep.p);
	ok(rs.status == 400 && body_has("nested more than 100"), "101 are not");
}

/* ---- who asks --------------------------------------------------------------- */

static void test_staff(void)
{
	is_int(ask("GET", "/me"), 401, "no session");
	is_int(ask_with("GET", "/me", "HTTP_COOKIE=kontor_session=", NULL), 401, "empty session");
	ask_with("GET", "/me", "HTTP_COOKIE=kontor_session=abc", NULL);
	is_body("session=abc key= claims=", "session from the cookie");
	ask_of(&pages, "GET", "/me", "", SV_NONE);
	is_body("page 401", "the program writes its own errors");
}

static const char *bearer(const char *payload)
{
	struct sv token = crypto_jwt_sign(a, sv_from(payload));

	return arena_printf(a, "HTTP_AUTHORIZATION=Bearer %.*s", SV_ARG(token));
}

static void test_api_key(void)
{
	ask_with("POST", "/functions/v1/x", "HTTP_X_API_KEY=cg_1", "");
	is_body("session= key=cg_1 claims=", "X-API-Key");
	ask_with("POST", "/functions/v1/x", "HTTP_AUTHORIZATION=bearer cg_2", "");
	is_body("session= key=cg_2 claims=", "a key as bearer");
	is_int(ask_with("POST", "/functions/v1/x", "HTTP_AUTHORIZATION=Bearer ck_live_3", ""), 401,
	       "a CRM key opens its own API alone");
	ask_with("POST", "/functions/v1/x", bearer("{\"sub\":1}"), "");
	is_body("session= key= claims={\"sub\":1}", "an access token as bearer");
	is_int(ask_with("POST", "/functions/v1/x", "", ""), 401, "nothing at all");
	ok(body_has("\"error\":\"Missing authentication\""), "says that it is missing");
	is_sv(header("WWW-Authenticate"), SV("Bearer"), "and what is wanted");
	is_int(ask_with("POST", "/functions/v1/x", "HTTP_AUTHORIZATION=Basic abc", ""), 401,
	       "Basic");
	ask_with("POST", "/functions/v1/x", bearer("{\"exp\":1}"), "");
	ok(rs.status == 401 && body_has("{\"error\":\"JWT expired\"") &&
		   body_has("\"code\":\"AUTHENTICATION_FAILED\""),
	   "API-59 JWT expired");
	ask_with("POST", "/functions/v1/x", "HTTP_AUTHORIZATION=Bearer a.b.c", "");
	ok(rs.status == 401 && body_has("\"error\":\"Invalid JWT\""), "no JWT of ours");
}

static void test_bearer(void)
{
	const char *jwt = bearer("{\"role\":\"anon\"}") + strlen("HTTP_AUTHORIZATION=Bearer ");

	is_int(ask("GET", "/rest/v1/deals"), 401, "API-14 no apikey: 401");
	is_body("{\"error\":\"No API key found in request\","
		"\"message\":\"No API key found in request\",\"code\":\"AUTHENTICATION_FAILED\","
		"\"hint\":\"No `apikey` request header or url param was found.\"}",
		"API-14 no apikey: message and hint");
	ask_with("GET", "/rest/v1/deals", arena_printf(a, "HTTP_APIKEY=%s", jwt), NULL);
	is_body("session= key= claims={\"role\":\"anon\"}", "the apikey is the JWT");
	ask("GET", arena_printf(a, "/rest/v1/deals?apikey=%s", jwt));
	is_body("session= key= claims={\"role\":\"anon\"}", "API-14 apikey as URL parameter");
	ask_with("GET", "/rest/v1/deals",
		 arena_printf(a, "HTTP_APIKEY=%s\n%s", jwt, bearer("{\"sub\":2}")), NULL);
	is_body("session= key= claims={\"sub\":2}", "Authorization goes before it");
	is_int(ask_with("GET", "/rest/v1/deals", bearer("{}"), NULL), 401, "bearer alone");
	is_int(ask_with("GET", "/rest/v1/deals", "HTTP_APIKEY=cg_1", NULL), 401,
	       "API-15 cg_ key as apikey is refused");
	is_int(ask_with("GET", "/rest/v1/deals",
			arena_printf(a, "HTTP_APIKEY=%s\nHTTP_AUTHORIZATION=Bearer cg_1", jwt),
			NULL),
	       401, "API-15 cg_ key as bearer is refused");
	is_int(ask_with("GET", "/rest/v1/deals", "HTTP_APIKEY=nonsense", NULL), 401, "no JWT");
}

static void test_csrf(void)
{
	const char *cookie = "HTTP_COOKIE=kontor_session=abc";
	const char *token = arena_dup(a, http_csrf_token(a, SV("abc")));
	const char *form = "\nCONTENT_TYPE=application/x-www-form-urlencoded";
	const char *with = arena_printf(a, "%s\nHTTP_X_CSRF_TOKEN=%s", cookie, token);

	is_int(ask_with("GET", "/save", cookie, NULL), 200, "reading needs no token");
	is_int(ask_with("POST", "/save", cookie, ""), 403, "changing does");
	ok(body_has("reload the page"), "and the message says what to do");
	is_int(ask_with("POST", "/save", with, ""), 200, "token in the header");
	is_int(ask_with("POST", "/save", arena_printf(a, "%s%s", cookie, form),
			arena_printf(a, "x=1&_csrf=%s", token)),
	       200, "token in the form");
	is_int(ask_with("POST", "/save", arena_printf(a, "%s%s", cookie, form), "_csrf=wrong"), 403,
	       "wrong token");
	is_int(ask_with("POST", "/save",
			arena_printf(a, "HTTP_COOKIE=kontor_session=abd\nHTTP_X_CSRF_TOKEN=%s",
				     token),
			""),
	       403, "token of another session");
	is_int(ask_with("POST", "/save",
			arena_printf(a, "%s\nHTTP_SEC_FETCH_SITE=same-origin", with), ""),
	       200, "from our own pages");
	is_int(ask_with("POST", "/save",
			arena_printf(a, "%s\nHTTP_SEC_FETCH_SITE=cross-site", with), ""),
	       403, "from another site");
	is_int(ask_with("POST", "/save", arena_printf(a, "%s\nHTTP_SEC_FETCH_SITE=same-site", with),
			""),
	       403, "from a sibling host");
	is_int(ask_with("POST", "/save", "", ""), 401, "without a session it is a matter of that");
	is_int(ask_with("POST", "/save",
			arena_printf(a, "%s\nCONTENT_TYPE=multipart/form-data; boundary=x", with),
			"broken"),
	       400, "a broken form is told so");
}

static void test_public_csrf(void)
{
	struct sv cookie, rest, token;
	const char *send;

	ask("GET", "/book");
	rest = header("Set-Cookie");
	cookie = arena_sv(a, sv_cut(&rest, ';'));
	token = arena_sv(a, buf_sv(&rs.body));
	ok(sv_starts(cookie, SV("kontor_form=")) && sv_find(rest, SV("HttpOnly")) >= 0,
	   "a public form has its own cookie");
	send = arena_printf(a, "HTTP_COOKIE=%.*s\nHTTP_X_CSRF_TOKEN=%.*s", SV_ARG(cookie),
			    SV_ARG(token));
	is_int(ask_with("POST", "/book", send, ""), 200, "and the token that belongs to it");
	is_int(ask_with("POST", "/book", arena_printf(a, "HTTP_X_CSRF_TOKEN=%.*s", SV_ARG(token)),
			""),
	       403, "which is nothing without the cookie");
	ask_with("GET", "/book", arena_printf(a, "HTTP_COOKIE=%.*s", SV_ARG(cookie)), NULL);
	ok(!sv_present(header("Set-Cookie")), "the cookie is set once");
	is_sv(buf_sv(&rs.body), token, "the token stays");
}

/* ---- answers ----------------------------------------------------------------- */

static void test_errors(void)
{
	is_int(ask("GET", "/fail"), 422, "status of the error");
	is_body("{\"error\":\"Invalid email format\",\"message\":\"Invalid email format\","
		"\"code\":\"VALIDATION_ERROR\"}",
		"API-57 error envelope, and nothing of the half answer");
	ok(!sv_present(header("X-Half")), "nor its headers");
	ask("GET", "/fail?how=field");
	is_body("{\"error\":\"Validation error\",\"message\":\"Validation error\","
		"\"code\":\"VALIDATION_ERROR\",\"details\":{\"field\":\"email\","
		"\"message\":\"Invalid email format\"}}",
		"API-60 422 sample");
	ask("GET", "/fail?how=full");
	is_body("{\"error\":\"Invalid email format\",\"message\":\"Invalid email format\","
		"\"code\":\"23505\",\"details\":\"Key \\\"x\\\"\",\"hint\":\"Try\\nagain\"}",
		"hint, and code of its own");
	ask("GET", "/fail?how=bytes");
	ok(body_has("\"error\":\"Validation error\""), "errors are UTF-8 whatever they quote");
	is_int(ask("GET", "/fail?how=later"), 429, "429");
	is_sv(header("Retry-After"), SV("7"), "with Retry-After");
	ok(body_has("RATE_LIMIT_EXCEEDED"), "and its code");
	ask_of(&pages, "GET", "/fail", "", SV_NONE);
	ok(body_has("{\"error\":"), "JSON for a route that asks for it");
	ask_of(&pages, "GET", "/fail/page", "", SV_NONE);
	is_body("page 422", "else a page");
	ask_of(&pages, "GET", "/deals/%ff", "", SV_NONE);
	is_body("page 400", "even before there is a route");
}

static void test_answer(void)
{
	struct sv tag, cookies[2];
	size_t n = 0;

	ask("GET", "/answer");
	is_sv(header("X-One"), SV("b  Set-Cookie: evil=1"), "a header is set once, on one line");
	for (size_t i = 0; i < rs.nheaders && n < 2; i++)
		if (sv_eq(rs.headers[i].name, SV("Set-Cookie")))
			cookies[n++] = rs.headers[i].value;
	is_sv(cookies[0], SV("s=a%3Bb%20c; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"),
	      "cookie");
	is_sv(cookies[1], SV("t=; Path=/; Max-Age=0; SameSite=Lax"), "cookie that ends");
	is_sv(header("Content-Type"), SV("text/plain; charset=utf-8"),
	      "a content type in any case");
	tag = arena_sv(a, header("ETag"));
	ok(tag.n > 10 && tag.p[0] == '"', "ETag");
	is_int(ask_with("GET", "/answer",
			arena_printf(a, "HTTP_IF_NONE_MATCH=\"x\", W/%.*s", SV_ARG(tag)), NULL),
	       304, "the client has it");
	is_int((long long)rs.body.n, 0, "and gets nothing");
	is_sv(header("Cache-Control"), SV("private, no-cache"), "to be asked for again");
	is_int(ask_with("GET", "/answer", "HTTP_IF_NONE_MATCH=\"x\"", NULL), 200,
	       "the client has another");
	ask("GET", "/");
	is_sv(header("Cache-Control"), SV("no-store"), "not to be kept unless said otherwise");
}

static void test_request_id(void)
{
	ask_with("GET", "/", "REQUEST_ID=0123abcd-x", NULL);
	is_sv(header("X-Request-Id"), SV("0123abcd-x"), "id from nginx");
	ask_with("GET", "/", "REQUEST_ID=a b", NULL);
	is_int((long long)header("X-Request-Id").n, 36, "an odd id is replaced");
	ask("GET", "/nowhere");
	is_int((long long)header("X-Request-Id").n, 36, "errors have one too");
}

static void test_redirect(void)
{
	static const char *const away[] = { "//evil.example",	 "/%5Cevil.example",
					    "https://x/",	 "",
					    "/%09/evil.example", "deals",
					    "/a%0d%0ab" };

	is_int(ask("GET", "/go?to=/deals%3Fa=1"), 303, "see other");
	is_sv(header("Location"), SV("/deals?a=1"), "own path");
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		ask("GET", arena_printf(a, "/go?to=%s", away[i]));
		is_sv(header("Location"), SV("/"),
		      arena_printf(a, "does not lead to '%s'", away[i]));
	}
}

static void test_metrics(void)
{
	char path[] = "/tmp/kontor-test-metrics-XXXXXX";
	buf_auto struct buf b = BUF_INIT;
	int fd = mkstemp(path), other;

	metrics_text(&b);
	is_int((long long)b.n, 0, "no metrics unless asked for");
	ok(write(fd, "something else", 14) == 14, "a file that is not ours");
	setenv("KONTOR_METRICS", path, 1);
	metrics_open("kontor-api");
	metrics_request(200, 700);
	metrics_request(404, 2000000);
	metrics_close();
	metrics_open("kontor-app");
	metrics_request(200, 100);
	other = open(path, O_RDWR);
	ok(other >= 0 && !flock(other, LOCK_EX | LOCK_NB), "no process keeps the others out");
	close(other);
	metrics_add(METRIC_JOBS_DONE, 3);
	metrics_text(&b);
	ok(sv_find(buf_sv(&b),
		   SV("kontor_http_requests_total{program=\"kontor-api\",class=\"4xx\"} 1\n")) > 0,
	   "requests of another program, by class");
	ok(sv_find(buf_sv(&b),
		   SV("kontor_http_request_duration_seconds_bucket{program=\"kontor-api\","
		      "le=\"0.001\"} 1\n")) > 0 &&
		   sv_find(buf_sv(&b), SV("le=\"+Inf\"} 2\n")) > 0,
	   "histogram adds up");
	ok(sv_find(buf_sv(&b),
		   SV("kontor_http_request_duration_seconds_sum{program=\"kontor-api\"} "
		      "2.000700\n")) > 0,
	   "sum in seconds");
	ok(sv_find(buf_sv(&b), SV("kontor_jobs_total{outcome=\"done\"} 3\n")) > 0,
	   "other counters");
	metrics_close();
	close(fd);
	unlink(path);
}

int main(void)
{
	const unsigned char key[32] = { 1 };

	a = arena_new();
	crypto_key_set(key);
	test_routes();
	test_methods();
	test_cors();
	test_input();
	test_query_limit();
	test_body();
	test_body_without_length();
	test_json();
	test_staff();
	test_api_key();
	test_bearer();
	test_csrf();
	test_public_csrf();
	test_errors();
	test_answer();
	test_request_id();
	test_redirect();
	test_metrics();
	buf_release(&rs.body);
	arena_free(a);
	return tap_done();
}
