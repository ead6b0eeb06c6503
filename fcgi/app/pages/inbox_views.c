/* Views of the list that people keep: for themselves, a team, or everybody (INB-9). */
#include "fcgi/app/pages/inbox.h"

#include "base/tr.h"
#include "base/uuid.h"

/* for: "me", "all", or a team. */
static const char make_sql[] =
	"insert into saved_views (id, kind, name, is_shared, team_id, state)"
	" values ($1::uuid, 'conversations', $2, $3 <> 'me', case when $3 in ('me', 'all') then null else $3::uuid end,"
	" jsonb_build_object('address', $4::text)) on conflict (organization_id, id) do update"
	" set name = excluded.name, is_shared = excluded.is_shared, team_id = excluded.team_id, state = excluded.state";

static enum status to_view(struct http_request *rq, struct http_response *rs, struct sv query, struct sv id)
{
	bool any = query.n > 0;

	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/inbox%.*s%sv=%.*s", SV_ARG(query),
						      any ? "&" : "?", SV_ARG(id))));
}

enum status inbox_view_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv name = sv_trim(http_form(rq, "name")), whose = http_form(rq, "for"), id = http_form(rq, "id"), query;
	struct db_batch *b = web_batch(rq);
	struct talk_list l;

	if (inbox_read_address(rq, http_form(rq, "address"), &l, e))
		return e->status;
	if (!name.n)
		return inbox_refuse(rq, "name", "Give the view a name", e);
	if (!sv_eq(whose, SV("me")) && !sv_eq(whose, SV("all")) && !uuid_valid(whose))
		whose = SV("me");
	if (!uuid_valid(id))
		id = uuid_new(rq->arena);
	l.saved = SV_NONE;
	query = inbox_list_query(rq->arena, &l);
	db_add(b, make_sql, DB_S(id), DB_S(name), DB_S(whose), DB_S(query));
	if (db_run(b, e))
		return e->status;
	return to_view(rq, rs, query, id);
}

enum status inbox_view_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "view", &id, e))
		return e->status;
	must_exist(b, "saved_views", id);
	db_add(b, "delete from saved_views where id = $1 and kind = 'conversations'", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/inbox"));
}
