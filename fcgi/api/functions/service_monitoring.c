/*
 * GET /functions/v1/service-monitoring: whether the installation works, part
 * by part (API-94). For anybody, and so without a word about any tenant.
 */
#include "fcgi/api/routes.h"

static void part(struct buf *out, struct sv name, struct sv status)
{
	buf_addc(out, ',');
	buf_lit(out, "{\"name\":");
	buf_json(out, name);
	buf_json_key(out, "status");
	buf_json(out, status);
	buf_addc(out, '}');
}

enum status service_monitoring(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	buf_auto struct buf parts = BUF_INIT;
	bool healthy = true;
	int rows;

	db_as_public(b);
	rows = db_add(b, "select name, status from public.public_service_status()");
	buf_lit(&parts, "{\"name\":\"api\",\"status\":\"operational\"}");
	if (db_run(b, e)) {
		part(&parts, SV("database"), SV("down"));
		rs->status = 503;
		healthy = false;
	}
	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct sv status = db_get(b, rows, i, 1);

		part(&parts, db_get(b, rows, i, 0), status);
		healthy = healthy && sv_eq(status, SV("operational"));
	}
	http_content_type(rs, "application/json; charset=utf-8");
	struct sv services = buf_sv(&parts);
	buf_addf(&rs->body, "{\"status\":\"%s\",\"services\":[%.*s]}",
		 healthy ? "healthy" : "degraded", SV_ARG(services));
	return ST_OK;
}
