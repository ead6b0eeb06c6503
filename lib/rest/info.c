/*
 * What a relation or function takes (OPTIONS), and the description of all of
 * them (the root).
 */
#include "rest/answer.h"
#include "rest/media.h"
#include "rest/openapi.h"

/* ---- OPTIONS ------------------------------------------------------------------------ */

static struct sv table_methods(const struct tree *t)
{
	const struct rest_table *table = t->root->table;
	bool put = table->insertable && table->updatable && table->nprimary;

	return sv_from(arena_printf(t->arena, "OPTIONS,GET,HEAD%s%s%s%s",
				    table->insertable ? ",POST" : "", put ? ",PUT" : "",
				    table->updatable ? ",PATCH" : "",
				    table->deletable ? ",DELETE" : ""));
}

static enum status no_function(struct tree *t, struct sv name)
{
	*t->e = (struct err){ .status = ST_NOT_FOUND, .code = SV("PGRST202") };
	t->e->message = sv_from(arena_printf(
		t->arena, "Could not find the function %.*s.%.*s in the schema cache",
		SV_ARG(t->schema_name), SV_ARG(name)));
	return t->e->status;
}

static enum status function_methods(struct tree *t, struct sv name, struct sv *out)
{
	size_t n;
	struct rest_function *const *f = rest_function_find(t->schema, t->schema_name, name, &n);

	*out = SV("OPTIONS,GET,HEAD,POST");
	if (!n)
		return no_function(t, name);
	for (size_t i = 0; i < n; i++)
		if (f[i]->changes)
			*out = SV("OPTIONS,POST");
	return ST_OK;
}

enum status info_options(const struct rest_schema *s, const struct rest_options *o,
			 const struct rest_input *in, struct arena *a, struct http_response *rs,
			 struct err *e)
{
	struct tree t = { .arena = a, .schema = s, .options = o, .in = in, .e = e };
	struct sv rest = in->target, first = sv_cut(&rest, '/'), allow = SV("OPTIONS,GET,HEAD");

	if (bind_schema(&t))
		return e->status;
	if (sv_eq(first, SV("rpc")) && sv_present(rest)) {
		if (function_methods(&t, rest, &allow))
			return e->status;
	} else if (first.n) {
		if (bind_target(&t))
			return e->status;
		allow = table_methods(&t);
	}
	rs->status = 200;
	http_set_header(rs, "Allow", allow);
	http_set_header(rs, "Access-Control-Allow-Origin", SV("*"));
	return ST_OK;
}

/* ---- the root ------------------------------------------------------------------------- */

static enum status disabled(struct err *e)
{
	*e = (struct err){ .status = ST_NOT_FOUND, .code = SV("PGRST126") };
	e->message = SV("Root endpoint metadata is disabled");
	return e->status;
}

static struct sv place(const struct rest_options *o, const struct http_request *rq)
{
	if (o->openapi_url)
		return sv_from(o->openapi_url);
	struct sv host = rq->host.n ? rq->host : SV("localhost");
	return sv_from(arena_printf(rq->arena, "%s://%.*s%s", rq->https ? "https" : "http",
				    SV_ARG(host), o->base_path ? o->base_path : "/"));
}

enum status info_root(const struct rest_schema *s, const struct rest_options *o,
		      const struct rest_input *in, struct http_request *rq, struct db_batch *b,
		      struct http_response *rs, struct err *e)
{
	struct tree t = { .arena = rq->arena, .schema = s, .options = o, .in = in, .e = e };
	struct openapi asked;

	if (o->openapi == REST_OPENAPI_OFF)
		return disabled(e);
	if (in->method != HTTP_GET) {
		*e = (struct err){ .status = ST_BAD_METHOD, .code = SV("PGRST117") };
		e->message = SV("The root takes GET, HEAD and OPTIONS");
		return e->status;
	}
	if (bind_schema(&t) || media_openapi(&t))
		return e->status;
	asked = openapi_ask(b, t.schema_name, o->openapi == REST_OPENAPI_ALL);
	asked.versions = o->versions;
	if (in->flags & REST_ROLLBACK)
		db_rollback(b);
	if (db_run(b, e))
		return refuse(&(struct rest_plan){ .schema = s }, in, o, b, rs, e);
	http_content_type(rs, "application/openapi+json; charset=utf-8");
	if (sv_chr(sv_from(o->schemas), ',') >= 0)
		http_set_header(rs, "Content-Profile", t.schema_name);
	openapi_write(&asked, b, s, place(o, rq), o->openapi_security, &rs->body);
	return ST_OK;
}
