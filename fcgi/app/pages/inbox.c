/* /inbox and /inbox/:id: the list of conversations, a thread, and their fragments. */
#include "fcgi/app/crm.h"
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"
#include "channel/channel.h"

/* A page of the list and of a thread. */
#define TALKS_MAX 50
/* Most conversations or messages that one live update asks for. */
#define LIVE_IDS 50

/* ---- the list -------------------------------------------------------------- */

/* $1 is the conversation that is open, $2 channel types or null. */
#define TALK_ROWS                                                                                  \
	"select r.id, r.name, r.initials, r.tone, r.channel, r.channel_name, r.icon, r.preview,"   \
	" r.outbound, r.unread_count, r.is_open, r.is_important, r.assignee_id, r.assignee,"       \
	" app.initials(r.assignee) as assignee_initials, r.status,"                                \
	" app.short_time(r.last_message_at, (select app.zone())) as time, r.last_message_at,"      \
	" (extract(epoch from r.last_message_at) * 1000)::bigint as at,"                           \
	" r.last_message_at::text || '_' || r.id as cursor,"                                       \
	" coalesce(r.id = $1::uuid, false) as is_current"                                          \
	" from app.conversation_rows r"                                                            \
	" where ($2::text is null or r.channel_type = any (string_to_array($2, ','))) and "
/* $3 and $4 are where the page before ended. */
#define TALK_PAGE                                                                                  \
	" and ($3::timestamptz is null or (r.last_message_at, r.id) < ($3, $4::uuid))"             \
	" order by r.last_message_at desc nulls last, r.id desc limit 50"

static const struct view {
	const char *name, *label, *sql;
	bool in_menu; /* there is room for five */
} views[] = {
	{ "open", "Open", TALK_ROWS "r.is_open" TALK_PAGE },
	{ "unread", "Unread", TALK_ROWS "r.unread_count > 0" TALK_PAGE },
	{ "mine", "Mine", TALK_ROWS "r.is_open and r.assignee_id = (select auth.uid())" TALK_PAGE },
	{ "unassigned", "Unassigned", TALK_ROWS "r.is_open and r.assignee_id is null" TALK_PAGE },
	{ "starred", "Starred", TALK_ROWS "r.is_important" TALK_PAGE, true },
	{ "closed", "Closed", TALK_ROWS "not r.is_open" TALK_PAGE },
	{ "all", "All", TALK_ROWS "true" TALK_PAGE, true },
};

/* INB-25, INB-26: a search goes over all conversations of the contacts found. */
static const char search_sql[] = TALK_ROWS "r.search_text like internal.search_pattern($5)" TALK_PAGE;

/* Those of the named conversations that the view shows. */
static const char some_sql[] =
	TALK_ROWS "r.id = any ($3::uuid[]) and case"
		  " when $5::text is not null then r.search_text like internal.search_pattern($5)"
		  " else case $4::text when 'unread' then r.unread_count > 0"
		  "	when 'mine' then r.is_open and r.assignee_id = (select auth.uid())"
		  "	when 'unassigned' then r.is_open and r.assignee_id is null"
		  "	when 'starred' then r.is_important when 'closed' then not r.is_open"
		  "	when 'all' then true else r.is_open end end";

/* What the address says about the list. */
struct talk_list {
	const struct view *view;
	struct sv channel, q; /* as in the address */
	struct sv types;      /* channel types; SV_NONE = all */
	struct sv before_at, before_id;
};

/* A place in a list, "<time>_<id>" as the rows carry it. */
static enum status read_cursor(struct http_request *rq, struct sv *at, struct sv *id, struct err *e)
{
	struct sv rest = http_query(rq, "before");

	*at = *id = SV_NONE;
	if (!rest.n)
		return ST_OK;
	*at = sv_cut(&rest, '_');
	*id = rest;
	if (!at->n || !uuid_valid(*id))
		return err_set(e, rq->arena, ST_BAD_INPUT, "before is no place in this list");
	return ST_OK;
}

static enum status read_list(struct http_request *rq, struct talk_list *l, struct err *e)
{
	struct sv name = http_query(rq, "view");

	*l = (struct talk_list){ .view = &views[0],
				 .channel = http_query(rq, "channel"),
				 .q = sv_trim(http_query(rq, "q")) };
	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
		if (sv_eq(name, sv_from(views[i].name)))
			l->view = &views[i];
	/* INB-19: one WhatsApp for both ways to connect it. */
	l->types = !l->channel.n		       ? SV_NONE
		   : sv_eq(l->channel, SV("WHATSAPP")) ? SV("WHATSAPP_CLOUD,WHATSAPP_LITE")
						       : l->channel;
	return read_cursor(rq, &l->before_at, &l->before_id, e);
}

static int add_list(struct db_batch *b, const struct talk_list *l, struct sv current)
{
	if (l->q.n)
		return db_add(b, search_sql, DB_S(current), DB_S(l->types), DB_S(l->before_at),
			      DB_S(l->before_id), DB_S(l->q));
	/* One of the literals above. */
	return db_add(b, l->view->sql, DB_S(current), DB_S(l->types), DB_S(l->before_at),
		      DB_S(l->before_id));
}

static void add_part(struct buf *q, const char *name, struct sv value)
{
	if (!value.n)
		return;
	buf_addc(q, q->n ? '&' : '?');
	buf_add(q, sv_from(name));
	buf_addc(q, '=');
	buf_url(q, value);
}

/* The part of the address that keeps the list as it is. */
static struct sv list_query(struct arena *a, const struct talk_list *l, const char *view)
{
	buf_auto struct buf q = BUF_INIT;

	if (view != views[0].name)
		add_part(&q, "view", sv_from(view));
	add_part(&q, "channel", l->channel);
	add_part(&q, "q", l->q);
	return arena_sv(a, buf_sv(&q));
}

static void set_views(struct arena *a, struct tmpl_value *page, const struct talk_list *l)
{
	struct tmpl_value *tabs = tmpl_set_list(page, "views"),
			  *menu = tmpl_set_list(page, "more_views");

	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++) {
		struct talk_list other = { .channel = l->channel };
		struct tmpl_value *v = tmpl_push_map(views[i].in_menu ? menu : tabs);

		tmpl_set_text(v, "label", sv_from(views[i].label));
		tmpl_set_text(v, "query", list_query(a, &other, views[i].name));
		tmpl_set_bool(v, "is_current", !l->q.n && l->view == &views[i]);
	}
}

static void set_rows(struct tmpl_value *page, const struct db_batch *b, int rows)
{
	size_t n = db_rows(b, rows);

	web_set_rows(page, "rows", b, rows);
	if (n == TALKS_MAX)
		tmpl_set_text(page, "next_cursor", db_named(b, rows, n - 1, "cursor"));
}

static void set_list(struct http_request *rq, struct tmpl_value *page, const struct talk_list *l,
		     const struct db_batch *b, int rows, int kinds)
{
	struct sv query = list_query(rq->arena, l, l->view->name);

	set_views(rq->arena, page, l);
	set_rows(page, b, rows);
	web_set_rows(page, "channels", b, kinds);
	tmpl_set_text(page, "view", sv_from(l->view->name));
	tmpl_set_text(page, "view_label", sv_from(l->view->label));
	tmpl_set_bool(page, "is_menu_on", l->channel.n || (!l->q.n && l->view->in_menu));
	tmpl_set_text(page, "channel", l->channel);
	tmpl_set_text(page, "q", l->q);
	tmpl_set_text(page, "query", query);
	tmpl_set_bool(page, "is_filtered", l->q.n || l->channel.n || l->view != &views[0]);
}

/* The channels to filter by; "WhatsApp" once. */
static const char channels_sql[] =
	"select k.kind as value, replace(min(app.channel_label(a.type)), ' Lite', '') as label,"
	" bool_or(k.kind = $1) as is_current"
	" from channel_accounts a, lateral (select case when a.type like 'WHATSAPP\\_%'"
	"	then 'WHATSAPP' else a.type end as kind) k"
	" where a.type not in ('SMS', 'SHRINKIT_PUSH') group by 1 order by 2";

static int add_channels(struct db_batch *b, const struct talk_list *l)
{
	return db_add(b, channels_sql, DB_S(l->channel));
}

/* ---- one conversation ---------------------------------------------------------- */

enum status inbox_id(struct http_request *rq, struct sv *id, struct err *e)
{
	*id = http_param(rq, "id");
	if (!uuid_valid(*id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This conversation does not exist");
	return ST_OK;
}

static const char talk_sql[] =
	"select r.id, r.contact_id, r.name, r.initials, r.tone, r.status, r.is_open,"
	" r.is_important, r.channel, r.channel_name, r.channel_type, r.icon, r.assignee_id,"
	" r.assignee, r.tags, r.assignee_id = auth.uid() as is_mine,"
	" floor(extract(epoch from now() - r.last_inbound_at))::bigint as silent"
	" from app.conversation_rows r where r.id = $1";

/* The contact of the conversation $1. */
#define CONTACT "(select v.contact_id from conversations v where v.id = $1)"

static const char contact_sql[] =
	"select k.id, k.phones, k.emails, k.tags, k.source, k.description, k.company_id,"
	" c.name as company, app.person(k.first_name, k.last_name, k.phones, k.emails) as name,"
	" (select json_agg(json_build_object('name', replace(f.key, '_', ' '), 'value', f.value)"
	"	order by f.key) from jsonb_each_text(k.custom_fields) f where f.value <> '') as fields"
	" from contacts k"
	" left join companies c on c.organization_id = k.organization_id and c.id = k.company_id"
	" where k.id = " CONTACT;

static const char deals_sql[] =
	"select d.id, d.title, internal.shown_money(d.value, d.currency) as value,"
	" coalesce(s.name, d.stage) as stage, coalesce(s.color, '#64748b') as color"
	" from deals d"
	" join pipelines p on p.organization_id = d.organization_id and p.id = d.pipeline_id"
	" left join lateral (select x ->> 'name' as name, x ->> 'color' as color"
	"	from jsonb_array_elements(p.stages) x where x ->> 'id' = d.stage limit 1) s on true"
	" where d.contact_id = " CONTACT " order by d.created_at desc, d.id desc limit 6";

static const char others_sql[] =
	"select r.id, r.channel, r.icon, r.status, r.is_open, r.preview,"
	" app.short_time(r.last_message_at, (select app.zone())) as time"
	" from app.conversation_rows r where r.contact_id = " CONTACT " and r.id <> $1"
	" order by r.last_message_at desc nulls last limit 5";

static const char notes_sql[] =
	"select n.content, app.person(p.first_name, p.last_name, null, array[p.email]) as author,"
	" app.short_time(n.created_at, (select app.zone())) as time from notes n"
	" left join profiles p on p.organization_id = n.organization_id and p.id = n.author_id"
	" where n.contact_id = " CONTACT " order by n.created_at desc, n.id desc limit 5";

static const char members_sql[] =
	"select p.id, app.person(p.first_name, p.last_name, null, array[p.email]) as name,"
	" p.is_online, p.id = auth.uid() as is_me, coalesce(p.id ="
	"	(select v.assignee_id from conversations v where v.id = $1), false) as is_assignee"
	" from profiles p where p.is_active order by p.id = auth.uid() desc, 2 limit 500";

static const char pipelines_sql[] = "select p.id as pipeline_id, p.name as pipeline,"
				    " (select json_agg(s) from jsonb_array_elements(p.stages) s"
				    "	where s ->> 'type' = 'open') as stages"
				    " from pipelines p order by p.is_default desc, p.name limit 50";

void inbox_add_talk(struct db_batch *b, struct sv id, struct inbox_talk *t)
{
	t->row = db_add(b, talk_sql, DB_S(id));
	t->contact = db_add(b, contact_sql, DB_S(id));
	t->deals = db_add(b, deals_sql, DB_S(id));
	t->others = db_add(b, others_sql, DB_S(id));
	t->notes = db_add(b, notes_sql, DB_S(id));
	t->members = db_add(b, members_sql, DB_S(id));
	t->pipelines = db_add(b, pipelines_sql);
}

/* May the agent write now, and what stands in the way. */
static void set_composer(struct tmpl_value *page, struct arena *a, const struct db_batch *b,
			 int row)
{
	const struct channel *c = channel_find(db_first(b, row, "channel_type"));
	bool open = sv_eq(db_first(b, row, "is_open"), SV("t"));
	int64_t silent = INT64_MAX, window = c ? c->window_hours * 3600LL : 0;
	bool closed_window;

	sv_to_i64(db_first(b, row, "silent"), &silent);
	closed_window = window && silent >= window;
	tmpl_set_bool(page, "can_reply", open && c && !closed_window);
	tmpl_set_bool(page, "is_closed", !open);
	tmpl_set_bool(page, "no_channel", open && !c);
	tmpl_set_bool(page, "window_closed", open && closed_window);
	tmpl_set_text(page, "composer_state",
		      !open	      ? SV("closed")
		      : !c	      ? SV("none")
		      : closed_window ? SV("window")
				      : SV("open"));
	if (!c)
		return;
	tmpl_set_text(page, "channel_label", sv_from(c->label));
	tmpl_set_int(page, "window_hours", c->window_hours);
	tmpl_set_int(page, "text_max", (int64_t)c->text_max);
	tmpl_set_bool(page, "can_media", c->caps & CHANNEL_CAN_MEDIA);
	if (open && window && !closed_window && window - silent < 4 * 3600)
		tmpl_set_text(page, "window_left",
			      sv_from(arena_printf(a, "%lld h %lld min",
						   (long long)(window - silent) / 3600,
						   (long long)(window - silent) / 60 % 60)));
}

enum status inbox_set_talk(struct http_request *rq, const struct db_batch *b,
			   const struct inbox_talk *t, struct tmpl_value *page, struct err *e)
{
	if (!db_rows(b, t->row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This conversation does not exist");
	web_set_row(page, "talk", b, t->row, 0);
	web_set_row(page, "contact", b, t->contact, 0);
	web_set_rows(page, "deals", b, t->deals);
	web_set_rows(page, "others", b, t->others);
	web_set_rows(page, "notes", b, t->notes);
	web_set_rows(page, "members", b, t->members);
	web_set_rows(page, "pipelines", b, t->pipelines);
	set_composer(page, rq->arena, b, t->row);
	return ST_OK;
}

static const char items_page_sql[] =
	"select * from app.thread_some($1, array(select app.thread_page($1, $2, $3)))";
static const char items_some_sql[] = "select * from app.thread_some($1, $2::uuid[])";

static void set_items(struct tmpl_value *page, const struct db_batch *b, int items)
{
	web_set_rows(page, "items", b, items);
	if (db_rows(b, items) == TALKS_MAX)
		tmpl_set_text(page, "older_cursor", db_first(b, items, "cursor"));
}

/* "a,b,c" as an array literal; ids that are none make it a bad request. */
static enum status read_ids(struct http_request *rq, struct sv *out, struct err *e)
{
	struct sv rest = http_query(rq, "ids");
	buf_auto struct buf list = BUF_INIT;

	buf_addc(&list, '{');
	for (int n = 0; rest.n; n++) {
		struct sv id = sv_cut(&rest, ',');

		if (!uuid_valid(id) || n == LIVE_IDS)
			return err_set(e, rq->arena, ST_BAD_INPUT,
				       "ids are up to %d ids with commas", LIVE_IDS);
		if (n)
			buf_addc(&list, ',');
		buf_add(&list, id);
	}
	buf_addc(&list, '}');
	*out = arena_sv(rq->arena, buf_sv(&list));
	return ST_OK;
}

/* ---- pages ------------------------------------------------------------------------ */

enum status inbox_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct talk_list l;
	int rows, kinds;

	if (read_list(rq, &l, e))
		return e->status;
	web_me(rq, b);
	rows = add_list(b, &l, SV_NONE);
	kinds = add_channels(b, &l);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_list(rq, page, &l, b, rows, kinds);
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
	int items, rows = 0, kinds = 0;

	if (inbox_id(rq, &id, e) || read_list(rq, &l, e))
		return e->status;
	web_me(rq, b);
	db_add(b, "select public.conversation_read($1)", DB_S(id)); /* INB-65 */
	inbox_add_talk(b, id, &talk);
	items = db_add(b, items_page_sql, DB_S(id), DB_NULL, DB_NULL);
	if (!fragment) {
		rows = add_list(b, &l, id);
		kinds = add_channels(b, &l);
	}
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (inbox_set_talk(rq, b, &talk, page, e))
		return e->status;
	set_items(page, b, items);
	if (!fragment)
		set_list(rq, page, &l, b, rows, kinds);
	return web_render(rq, rs, fragment ? "app/inbox/talk" : "app/inbox", page, e);
}

/* ---- fragments -------------------------------------------------------------------- */

/* /inbox/list: the next page of the list, or the list after a change of the search. */
enum status inbox_list(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct talk_list l;
	int rows;

	if (read_list(rq, &l, e))
		return e->status;
	rows = add_list(b, &l, SV_NONE);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_rows(page, b, rows);
	tmpl_set_text(page, "query", list_query(rq->arena, &l, l.view->name));
	tmpl_set_text(page, "q", l.q);
	tmpl_set_bool(page, "is_more", l.before_at.n);
	tmpl_set_bool(page, "is_filtered", l.q.n || l.channel.n || l.view != &views[0]);
	tmpl_set_bool(page, "is_fragment", true);
	return web_render(rq, rs, "app/inbox/rows", page, e);
}

/* /inbox/rows?ids=: rows that changed, as far as the view shows them. */
enum status inbox_rows(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct talk_list l;
	struct sv ids;
	int rows;

	if (read_list(rq, &l, e) || read_ids(rq, &ids, e))
		return e->status;
	rows = db_add(b, some_sql, DB_NULL, DB_S(l.types), DB_S(ids), DB_C(l.view->name),
		      DB_OPT(l.q));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	tmpl_set_text(page, "query", list_query(rq->arena, &l, l.view->name));
	tmpl_set_bool(page, "is_more", true);
	return web_render(rq, rs, "app/inbox/rows", page, e);
}

/* /inbox/:id/items: those named in ids, or those before a place, or the newest. */
enum status inbox_items(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id, at, before, ids;
	int items;

	if (inbox_id(rq, &id, e) || read_cursor(rq, &at, &before, e) || read_ids(rq, &ids, e))
		return e->status;
	must_exist(b, "conversations", id);
	if (ids.n > 2)
		items = db_add(b, items_some_sql, DB_S(id), DB_S(ids));
	else
		items = db_add(b, items_page_sql, DB_S(id), DB_S(at), DB_S(before));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "items", b, items);
	if (ids.n <= 2)
		set_items(page, b, items);
	return web_render(rq, rs, "app/inbox/items", page, e);
}

/* /inbox/:id/state: what stands around the messages. */
enum status inbox_state(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct inbox_talk talk;
	struct tmpl_value *page;
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	web_me(rq, b);
	inbox_add_talk(b, id, &talk);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (inbox_set_talk(rq, b, &talk, page, e))
		return e->status;
	return web_render(rq, rs, "app/inbox/state", page, e);
}

/* /inbox/count: the number in the navigation (INB-27), capped like there. */
enum status inbox_count(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int me = web_me(rq, b);

	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"unanswered\":");
	buf_add(&rs->body, db_first(b, me, "unanswered"));
	buf_lit(&rs->body, "}");
	return ST_OK;
}
