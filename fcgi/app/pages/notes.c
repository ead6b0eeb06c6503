/*
 * POST /contacts/:id/notes, /companies/:id/notes, /deals/:id/notes, and
 * /timeline/:kind/:id, older entries of a timeline.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* The id comes from the page, so that a double click writes one note. */
static enum status write_note(struct http_request *rq, struct http_response *rs, const char *what,
			      const char *path, const char *sql, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv text = sv_trim(http_form(rq, "content")), note = http_form(rq, "note_id"), id;

	if (path_id(rq, what, &id, e))
		return e->status;
	if (!text.n)
		return redirect_to(rq, rs, path, id, "");
	db_add(b, sql, DB_S(uuid_valid(note) ? note : uuid_new(rq->arena)), DB_S(id), DB_S(text));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, path, id, "?done=noted");
}

enum status contact_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return write_note(rq, rs, "contact", "/contacts/",
			  "insert into notes (id, contact_id, content) values ($1::uuid, $2::uuid, $3)"
			  " on conflict (organization_id, id) do nothing", e);
}

enum status company_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return write_note(rq, rs, "company", "/companies/",
			  "insert into notes (id, company_id, content) values ($1::uuid, $2::uuid, $3)"
			  " on conflict (organization_id, id) do nothing", e);
}

enum status deal_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return write_note(rq, rs, "deal", "/deals/",
			  "insert into notes (id, deal_id, content) values ($1::uuid, $2::uuid, $3)"
			  " on conflict (organization_id, id) do nothing", e);
}

enum status timeline_fragment(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const char *const kinds[] = { "contact", "company", "deal" };
	struct db_batch *b = web_batch(rq);
	const char *kind = NULL;
	struct tmpl_value *page;
	struct sv id;
	int timeline;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (sv_eq(http_param(rq, "kind"), sv_from(kinds[i])))
			kind = kinds[i];
	if (!kind)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such timeline");
	if (path_id(rq, kind, &id, e))
		return e->status;
	timeline = timeline_add(b, kind, id, http_query(rq, "before"));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	timeline_show(rq, page, kind, id, b, timeline);
	return web_render(rq, rs, "app/timeline_rows", page, e);
}
