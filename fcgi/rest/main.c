#include "fcgi/rest/rest.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* Bodies are rows in bulk; nginx' client_max_body_size is the limit to set. */
#define BODY_MAX ((size_t)1 << 30)
#define METHODS \
	(HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE | HTTP_OPTIONS)

static const char *config_path;
static struct setup *setup;

/* The dispatcher calls it GET. */
static bool is_head(const struct http_request *rq)
{
	return sv_eq(http_env(rq, "REQUEST_METHOD"), SV("HEAD"));
}

/* The root may be a function. */
static struct sv target(const struct http_request *rq)
{
	struct sv root = rest_config_get(&setup->config, REST_CONFIG_db_root_spec);
	struct sv path = sv_skip(rq->path, 1), name = root;

	if (path.n || !root.n || rq->method == HTTP_OPTIONS)
		return path;
	while (sv_chr(name, '.') >= 0)
		sv_cut(&name, '.');
	return sv_from(arena_printf(rq->arena, "rpc/%.*s", SV_ARG(name)));
}

/* The schema is fresh, and so is the configuration: one that cannot be used
 * leaves the old one in its place. */
static enum status ready(struct arena *a, struct err *e)
{
	struct err failure = { 0 };
	struct setup *fresh;

	if (rest_ready(setup->rest, setup->db, a, e))
		return e->status;
	if (!rest_config_changed(setup->rest))
		return ST_OK;
	fresh = setup_load(config_path, &failure);
	if (!fresh)
		return ST_OK;
	setup_free(setup);
	setup = fresh;
	return rest_ready(setup->rest, setup->db, a, e);
}

static enum status run(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct rest_call call = { .target = target(rq), .flags = is_head(rq) ? REST_HEAD : 0 };
	struct db_batch *b;

	if (ready(rq->arena, e) || 
	    identify(setup, rq, &b, &call.flags, e))
		return e->status;
	return rest_handle(setup->rest, &call, rq, rs, b, e);
}

/* server-trace-header: what was sent goes back. */
static void trace(struct http_request *rq, struct http_response *rs)
{
	const char *name = rest_config_str(&setup->config, REST_CONFIG_server_trace_header);
	struct sv value = name ? http_header(rq, name) : SV_NONE;

	if (!value.n)
		return;
	if (sv_ieq(sv_from(name), SV("X-Request-Id")))
		rq->request_id = arena_sv(rq->arena, value);
	else
		http_set_header(rs, name, value);
}

/* Headers that stood before the failure stay: SQL may have set them. */
static enum status serve(struct http_request *rq, struct http_response *rs, struct err *e)
{
	trace(rq, rs);
	if (answer_preflight(setup, rq, rs))
		return ST_OK;
	answer_cors(setup, rq, rs);
	rs->no_length = is_head(rq);
	if (run(rq, rs, e))
		answer_error(rq, rs, e);
	return ST_OK;
}

static const struct http_route routes[] = {
	{ METHODS, "/", serve, HTTP_PUBLIC, 0, BODY_MAX },
	{ METHODS, "/*", serve, HTTP_PUBLIC, 0, BODY_MAX },
	{ 0 },
};

static const char *level(const struct setup *s)
{
	const char *name = rest_config_str(&s->config, REST_CONFIG_log_level);

	return name && strcmp(name, "crit") != 0 ? name : "error";
}

int main(int argc, char **argv)
{
	struct http_program program = {
		.name = "kontor-rest", .routes = routes, .error = answer_error, .user = &setup
	};
	struct err e = { 0 };
	int code;

	if (argc == 3 && strcmp(argv[1], "--config") == 0) {
		config_path = argv[2];
	} else if (argc != 1) {
		fputs("usage: kontor-rest [--config FILE]\n", stderr);
		return 2;
	}
	log_setup(program.name, "info");
	setup = setup_load(config_path, &e);
	if (!setup)
		return 1;
	log_setup(program.name, level(setup));
	code = http_serve(&program);
	setup_free(setup);
	return code;
}
