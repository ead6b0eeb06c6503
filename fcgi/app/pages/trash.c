/* POST /trash/:kind/:id: a record that was deleted a moment ago comes back. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

enum status trash_back(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int back;

	if (path_id(rq, "record", &id, e))
		return e->status;
	back = db_add(b,
		"select internal.trash_restore(t.id) as back from (select x.id from trash x"
		" where x.kind = $1 and x.record_id = $2::uuid order by x.created_at desc limit 1) t",
		DB_S(http_param(rq, "kind")), DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, back, "back"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This record cannot be brought back"));
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"success\":true}");
	return ST_OK;
}
