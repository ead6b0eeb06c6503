/* http/: the dispatcher through http_run. */
#include "t/unit/tap.h"

#include "crypto/crypto.h"
#include "http/http.h"

static enum status hello(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)e;
	buf_lit(&rs->body, "hello ");
	buf_add(&rs->body, http_param(rq, "name"));
	return ST_OK;
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/hello/:name", hello, HTTP_PUBLIC, 0, 0 },
	{ 0 },
};

int main(void)
{
	static const struct http_program program = { .name = "test", .routes = routes };
	char method[] = "REQUEST_METHOD=GET", uri[] = "REQUEST_URI=/hello/J%C3%B6rg?x=1";
	char *env[] = { method, uri, NULL };
	struct http_response rs = { 0 };

	http_run(&program, env, SV(""), &rs);
	is_int(rs.status, 200, "status");
	is_sv(buf_sv(&rs.body), SV("hello J\xc3\xb6rg"), "body");
	buf_release(&rs.body);
	return tap_done();
}
