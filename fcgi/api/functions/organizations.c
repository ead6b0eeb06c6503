/* list-organizations, switch-organization. */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

/* {"organizations":[{"id","name","hasAppgainCredentials", ...}],"count"} (API-89) */
enum status list_organizations(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int rows = db_add(b,
			  "select id, name, has_gateway as \"hasAppgainCredentials\", slug, role,"
			  " is_active from public.list_organizations()");

	if (function_run(rq, b, e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{\"organizations\":");
	db_json_rows(&rs->body, b, rows);
	buf_addf(&rs->body, ",\"count\":%zu}", db_rows(b, rows));
	return ST_OK;
}

/* The session moves; its tokens and cookie open the other organization from
 * the next request on (AUTH-58). */
enum status switch_organization(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct fields f;
	struct buf *out;
	struct sv org;
	int moved;

	if (function_body(rq, &f, e))
		return e->status;
	org = field_uuid(&f, field_get(&f, "organization_id") ? "organization_id" : "organizationId",
			 FIELD_NEEDED);
	if (fields_check(&f, e))
		return e->status;
	moved = db_add(b, "select id, name, role from auth.switch_organization($1, $2)", DB_S(org),
		       DB_S(rq->remote_addr));
	if (function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	buf_json_key(out, "organizationId");
	buf_json(out, db_first(b, moved, "id"));
	buf_json_key(out, "organization");
	db_json_row(out, b, moved, 0);
	buf_addc(out, '}');
	return ST_OK;
}
