/* /inbox and /inbox/:id: the page of three panes, put together of its parts. */
#include "fcgi/app/pages/inbox.h"

enum status inbox_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct talk_list l;
	struct inbox_list list;
	struct sv opens;

	if (inbox_read_list(rq, &l, e))
		return e->status;
	web_me(rq, b);
	inbox_add_list(b, &l, SV_NONE, &list);
	if (db_run(b, e))
		return e->status;
	/* INB-36: the view that the reader wants to see first. */
	opens = db_first(b, list.preferences, "opens");
	if (!http_query_all(rq)->n && opens.n && !sv_eq(opens, SV("open")))
		return http_redirect(rs, sv_from(arena_printf(rq->arena, "/inbox?view=%.*s", SV_ARG(opens))));
	page = web_page(rq, b);
	inbox_set_list(rq, page, &l, b, &list);
	return web_render(rq, rs, "app/inbox", page, e);
}

enum status inbox_talk_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool fragment = wants_fragment(rq);
	struct tmpl_value *page;
	struct inbox_talk talk;
	struct talk_list l;
	struct sv id;
	struct inbox_list list;
	int items;

	if (inbox_id(rq, &id, e) || inbox_read_list(rq, &l, e))
		return e->status;
	web_me(rq, b);
	items = inbox_add_items(b, id);
	db_add(b, "select public.conversation_read($1)", DB_S(id)); /* INB-65 */
	inbox_add_talk(b, id, &talk);
	if (!fragment)
		inbox_add_list(b, &l, id, &list);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (inbox_set_talk(rq, b, &talk, page, e))
		return e->status;
	inbox_set_items(page, b, items);
	if (!fragment)
		inbox_set_list(rq, page, &l, b, &list);
	return web_render(rq, rs, fragment ? "app/inbox/talk" : "app/inbox", page, e);
}
