/*
 * /search: records of all kinds. The palette asks for the rows alone, while one
 * types; as a page it shows more of them, or one kind.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/recent.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define PALETTE_ROWS 5
#define PAGE_ROWS 25
#define KIND_ROWS 100
#define TERM_MAX 100

/* An id of the API, cnt_01HX.., is the same as the uuid behind it. */
static struct sv plain_id(struct http_request *rq, struct sv typed)
{
	ptrdiff_t line = sv_chr(typed, '_');
	struct sv uuid;

	if (line < 2 || line > 6)
		return typed;
	uuid = uuid_from_prefixed(rq->arena,
				  arena_printf(rq->arena, "%.*s", (int)line + 1, typed.p), typed);
	return uuid.n ? uuid : typed;
}

static struct sv term_of(struct http_request *rq)
{
	struct sv typed = sv_trim(http_query(rq, "q"));

	return plain_id(rq, typed.n > TERM_MAX ? sv_make(typed.p, TERM_MAX) : typed);
}

static enum status show_rows(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int rows = recent_search(rq, b, term_of(rq), PALETTE_ROWS, SV_NONE);
	struct tmpl_value *page;

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	return web_render(rq, rs, "app/search_options", page, e);
}

enum status search_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv only = http_query(rq, "kind");
	struct tmpl_value *page;
	struct db_batch *b;
	int rows;

	if (wants_fragment(rq) && !http_query(rq, "page").n)
		return show_rows(rq, rs, e);
	b = web_batch(rq);
	web_me(rq, b);
	rows = recent_search(rq, b, term_of(rq), only.n ? KIND_ROWS : PAGE_ROWS, only);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	tmpl_set_text(page, "q", sv_trim(http_query(rq, "q")));
	tmpl_set_text(page, "only", only);
	web_set_rows(page, "rows", b, rows);
	return web_render(rq, rs, wants_fragment(rq) ? "app/search_rows" : "app/search", page, e);
}
