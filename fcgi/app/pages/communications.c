/*
 * /communications: mails, calls, SMS and meetings with customers, one list,
 * newest first (HUB-2); chat conversations as a filter of their own. Older ones
 * follow by place, not by page number; the rows alone when htmx asks for more.
 */
#include "fcgi/app/pages/inbox.h"

#define ROWS_MAX 50

static const struct kind {
	const char *name, *label, *icon;
} kinds[] = {
	{ "", N_("All"), "messages" },
	{ "email", N_("E-mails"), "mail" },
	{ "call", N_("Calls"), "phone" },
	{ "sms", N_("SMS"), "device-mobile-message" },
	{ "meeting", N_("Meetings"), "calendar" },
	{ "chat", N_("Chats"), "message-circle" },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static const struct kind *kind_asked(struct http_request *rq)
{
	struct sv name = http_query(rq, "kind");

	for (size_t i = 1; i < KINDS; i++)
		if (sv_eq(name, sv_from(kinds[i].name)))
			return &kinds[i];
	return &kinds[0];
}

/* Names and times of those 51 rows alone. */
static const char rows_sql[] =
	"select r.kind, r.id, jsonb_build_object(r.kind, true) as is_a, r.outbound, r.subject, r.body, r.href,"
	" r.has_transcript, case when r.seconds >= 0 then greatest(1, round(r.seconds / 60.0)) end as minutes,"
	" r.contact_id, case when k.id is not null then app.person(k.first_name, k.last_name, k.phones, k.emails)"
	"	else r.other_name end as name, y.id as company_id, y.name as company,"
	" d.id as deal_id, d.title as deal, r.case_id,"
	" app.short_time(r.at, z.name) as time,"
	" to_char(r.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as iso,"
	" r.at::text || '_' || r.id as place"
	" from (select app.zone() as name offset 0) z,"
	"	app.communications($1, $2, $3::timestamptz, $4::uuid) r"
	" left join contacts k on k.organization_id = auth.org() and k.id = r.contact_id"
	" left join companies y on y.organization_id = auth.org() and y.id = k.company_id"
	" left join deals d on d.organization_id = auth.org() and d.id = r.deal_id"
	" order by r.at desc, r.id desc";

static void add_part(struct buf *q, const char *name, struct sv value)
{
	if (!value.n)
		return;
	buf_addf(q, "%s%s=", q->n ? "&" : "?", name);
	buf_url(q, value);
}

static struct sv query_of(struct arena *a, const struct kind *k, struct sv term, struct sv before)
{
	struct buf *q = buf_in_arena(a);

	add_part(q, "kind", sv_from(k->name));
	add_part(q, "q", term);
	add_part(q, "before", before);
	return buf_sv(q);
}

static void set_kinds(struct arena *a, struct tmpl_value *page, const struct kind *now, struct sv term)
{
	struct tmpl_value *list = tmpl_set_list(page, "kinds");

	for (size_t i = 0; i < KINDS; i++) {
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "label", sv_from(tr(kinds[i].label)));
		tmpl_set_text(v, "icon", sv_from(kinds[i].icon));
		tmpl_set_text(v, "query", query_of(a, &kinds[i], term, SV_NONE));
		tmpl_set_bool(v, "is_current", &kinds[i] == now);
	}
}

/* The 51st row says that there are older ones. */
static void set_rows(struct arena *a, struct tmpl_value *page, const struct db_batch *b, int rows,
		     const struct kind *now, struct sv term)
{
	size_t n = db_rows(b, rows), shown = n > ROWS_MAX ? ROWS_MAX : n;
	struct tmpl_value *list = tmpl_set_list(page, "rows");

	for (size_t i = 0; i < shown; i++) {
		struct tmpl_value *v = tmpl_push_map(list);

		web_set_row(v, "row", b, rows, i);
	}
	if (n > ROWS_MAX)
		tmpl_set_text(page, "older",
			      query_of(a, now, term, db_named(b, rows, shown - 1, "place")));
	tmpl_set_bool(page, "is_empty", n == 0);
}

enum status communications_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv term = sv_trim(http_query(rq, "q")), at, id;
	const struct kind *k = kind_asked(rq);
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	if (inbox_read_cursor(rq, "before", &at, &id, e))
		return e->status;
	web_me(rq, b);
	rows = db_add(b, rows_sql, DB_OPT(sv_from(k->name)), DB_OPT(term), DB_S(at), DB_S(id));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_kinds(rq->arena, page, k, term);
	set_rows(rq->arena, page, b, rows, k, term);
	tmpl_set_text(page, "q", term);
	tmpl_set_text(page, "kind", sv_from(k->name));
	tmpl_set_bool(page, "is_filtered", term.n || *k->name);
	tmpl_set_bool(page, "is_later", at.n);
	tmpl_set_text(page, "newest", query_of(rq->arena, k, term, SV_NONE));
	return web_render(rq, rs, wants_fragment(rq) ? "app/communications_rows" : "app/communications",
			  page, e);
}
