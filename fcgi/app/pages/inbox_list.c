/* The list of conversations: its pages, rows that changed, who is online. */
#include "fcgi/app/pages/inbox.h"

#include "base/tr.h"

/* Results of a search or filter are counted up to here. */
#define COUNTED 1000

/* In which order: as asked, else as the reader likes it. */
#define SORT                                                                                       \
	"coalesce($2::jsonb ->> 'sort', (select p.sort from inbox_preferences p"                     \
	" where p.user_id = auth.uid()), 'recent')"
#define ASK "$2::jsonb || jsonb_build_object('sort', " SORT ")"

/* $1 is the conversation that is open, $2 the question. */
#define TALK_ROW                                                                                   \
	" r.id, r.name, r.initials, r.tone, r.channel, r.channel_name, r.icon, r.preview,"         \
	" r.outbound, r.unread_count, r.is_open, r.is_important, r.assignee_id, r.assignee,"       \
	" app.initials(r.assignee) as assignee_initials, r.status, r.is_comment,"                  \
	" r.status = 'PENDING' as is_pending, (r.tags)[1:2] as tags,"                              \
	" nullif(greatest(cardinality(r.tags) - 2, 0), 0) as more_tags,"                           \
	" app.short_time(r.last_message_at, (select app.zone())) as time, r.last_message_at,"      \
	" internal.shown_time(r.snoozed_until, (select app.zone())) as snoozed,"                   \
	" (extract(epoch from r.sla_deadline) * 1000)::bigint as sla_at,"                          \
	" (extract(epoch from r.last_message_at) * 1000)::bigint as at,"                           \
	" coalesce(r.id = $1::uuid, false) as is_current"

static const char page_sql[] =
	"select" TALK_ROW ", h.leg, h.leg || '_' || coalesce(r.last_message_at::text, '') || '_' || r.id as cursor"
	" from internal.talks_page(" ASK ", 50) with ordinality as h (id, leg, n)"
	" join app.conversation_rows r on r.id = h.id order by h.n";

/* Those of the named conversations that the list shows. */
static const char some_sql[] =
	"select" TALK_ROW ", case when r.last_message_at is null then 3"
	" when case " SORT " when 'unread' then r.unread_count > 0"
	"	when 'mine' then r.assignee_id is not distinct from auth.uid()"
	"	when 'unassigned' then r.assignee_id is null else true end then 1 else 2 end as leg"
	" from unnest(internal.talks_fitting($2::jsonb, 50)) f (id)"
	" join app.conversation_rows r on r.id = f.id";

/* The channels to filter by; "WhatsApp" once. */
static const char channels_sql[] =
	"select k.kind as value, replace(min(app.channel_label(a.type)), ' Lite', '') as label,"
	" bool_or(k.kind = $1) as is_current"
	" from channel_accounts a, lateral (select case when a.type like 'WHATSAPP\\_%'"
	"	then 'WHATSAPP' else a.type end as kind) k"
	" where a.type not in ('SMS', 'SHRINKIT_PUSH') group by 1 order by 2";

/* Who may be responsible, with what the dialog shows of each (INB-54). */
static const char members_sql[] =
	"select p.id, app.person(p.first_name, p.last_name, null, array[p.email]) as name,"
	" app.initials(app.person(p.first_name, p.last_name, null, array[p.email])) as initials, app.tone(p.id) as tone,"
	" p.is_online, p.id = auth.uid() as is_me, p.specializations, p.id::text = $1 as selected,"
	" coalesce(l.open_conversations, 0) as open_conversations, p.capacity,"
	" least(100, 100 * coalesce(l.open_conversations, 0) / p.capacity) as load,"
	" internal.shown_time(p.last_seen_at, (select app.zone())) as seen"
	" from profiles p left join agent_loads l on l.organization_id = p.organization_id and l.user_id = p.id"
	" where p.is_active order by p.id = auth.uid() desc, p.is_online desc, 2 limit 500";

static const char saved_sql[] =
	"select v.id, v.name, v.state ->> 'address' as query, v.is_shared, v.id::text = $1 as is_current,"
	" v.owner_id is not distinct from auth.uid() or v.is_shared and auth.app_role() in ('OWNER', 'ADMIN') as is_mine,"
	" (select t.name from teams t where t.organization_id = v.organization_id and t.id = v.team_id) as team"
	" from saved_views v where v.kind = 'conversations' order by v.position, v.name limit 100";

static void add_rows(struct db_batch *b, const struct talk_list *l, struct sv current, struct inbox_list *s)
{
	struct sv ask = inbox_ask(db_arena(b), l, SV_NONE);

	s->rows = db_add(b, page_sql, DB_S(current), DB_S(ask));
	s->count = -1;
	if (inbox_list_filtered(l) && !l->before_id.n)
		s->count = db_add(b, "select least(n, $2) as n, n > $2 as many from internal.talks_count($1::jsonb, $2) n",
				  DB_S(ask), DB_I(COUNTED));
}

void inbox_add_list(struct db_batch *b, const struct talk_list *l, struct sv current, struct inbox_list *s)
{
	add_rows(b, l, current, s);
	s->kinds = db_add(b, channels_sql, DB_S(l->given[TALK_CHANNEL]));
	s->members = db_add(b, members_sql, DB_S(l->given[TALK_ASSIGNEE]));
	s->tags = db_add(b, "select t.name from tags t order by t.contacts + t.leads + t.deals desc, t.name limit 200");
	s->saved = db_add(b, saved_sql, DB_S(l->saved));
	s->teams = db_add(b, "select t.id, t.name from teams t where t.id = any ((select auth.my_teams())::uuid[])"
			     " or auth.app_role() in ('OWNER', 'ADMIN') order by t.name limit 100");
	s->preferences = db_add(b, "select p.* from inbox_preferences p where p.user_id = auth.uid()");
	s->macros = db_add(b, "select m.id, m.name, jsonb_array_length(m.actions) as n from macros m"
			      " order by m.position, m.name limit 100");
}

static void set_rows(struct tmpl_value *page, const struct db_batch *b, const struct inbox_list *s)
{
	size_t n = db_rows(b, s->rows);

	web_set_rows(page, "rows", b, s->rows);
	if (n == TALKS_MAX)
		tmpl_set_text(page, "next_cursor", db_named(b, s->rows, n - 1, "cursor"));
	if (s->count >= 0) {
		tmpl_set_text(page, "count", db_first(b, s->count, "n"));
		tmpl_set_bool(page, "count_many", sv_eq(db_first(b, s->count, "many"), SV("t")));
		tmpl_set_bool(page, "has_count", true);
	}
}

static void set_online(struct tmpl_value *page, const struct db_batch *b, int members)
{
	struct tmpl_value *list = tmpl_set_list(page, "online");
	int64_t n = 0;

	for (size_t i = 0; i < db_rows(b, members); i++) {
		struct tmpl_value *one;

		if (!sv_eq(db_named(b, members, i, "is_online"), SV("t")))
			continue;
		one = tmpl_push_map(list);
		n++;
		tmpl_set_text(one, "name", db_named(b, members, i, "name"));
		tmpl_set_text(one, "initials", db_named(b, members, i, "initials"));
		tmpl_set_text(one, "tone", db_named(b, members, i, "tone"));
		tmpl_set_text(one, "open_conversations", db_named(b, members, i, "open_conversations"));
	}
	tmpl_set_int(page, "online_count", n);
}

/* Without a row of one's own: the defaults of the table. */
static void set_preferences(struct tmpl_value *page, const struct db_batch *b, int row)
{
	struct tmpl_value *p;

	if (db_rows(b, row)) {
		web_set_row(page, "prefer", b, row, 0);
		tmpl_set_bool(page, "is_compact", sv_eq(db_first(b, row, "density"), SV("compact")));
		return;
	}
	p = tmpl_set_map(page, "prefer");
	tmpl_set_bool(p, "split", true);
	tmpl_set_bool(p, "panel", true);
	tmpl_set_bool(p, "show_presence", true);
	tmpl_set_bool(p, "sound", true);
	tmpl_set_text(p, "sound_for", SV("mine"));
	tmpl_set_text(p, "opens", SV("open"));
}

void inbox_set_list(struct http_request *rq, struct tmpl_value *page, const struct talk_list *l,
		    const struct db_batch *b, const struct inbox_list *s)
{
	inbox_set_filter(rq->arena, page, l);
	inbox_set_sorts(rq->arena, page, l, db_first(b, s->preferences, "sort"));
	inbox_set_chips(rq->arena, page, l, b, s->members, s->kinds);
	set_rows(page, b, s);
	set_online(page, b, s->members);
	set_preferences(page, b, s->preferences);
	web_set_rows(page, "channels", b, s->kinds);
	web_set_rows(page, "members", b, s->members);
	web_set_rows(page, "all_tags", b, s->tags);
	web_set_rows(page, "saved_views", b, s->saved);
	web_set_rows(page, "teams", b, s->teams);
	web_set_rows(page, "macros", b, s->macros);
}

/* ---- fragments -------------------------------------------------------------------- */

/* /inbox/list: the next page of the list, or the list after a change of the search. */
enum status inbox_list(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct inbox_list s;
	struct talk_list l;

	if (inbox_read_list(rq, &l, e))
		return e->status;
	add_rows(b, &l, SV_NONE, &s);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	inbox_set_filter(rq->arena, page, &l);
	set_rows(page, b, &s);
	tmpl_set_bool(page, "is_more", l.before_id.n);
	tmpl_set_bool(page, "is_fragment", true);
	return web_render(rq, rs, "app/inbox/rows", page, e);
}

/* /inbox/rows?ids=: rows that changed, as far as the list shows them. */
enum status inbox_rows(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct talk_list l;
	struct sv ids;
	int rows;

	if (inbox_read_list(rq, &l, e) || inbox_read_ids(rq, &ids, e))
		return e->status;
	rows = db_add(b, some_sql, DB_NULL, DB_S(inbox_ask(rq->arena, &l, ids)));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	tmpl_set_text(page, "query", inbox_list_query(rq->arena, &l));
	tmpl_set_bool(page, "is_more", true);
	return web_render(rq, rs, "app/inbox/rows", page, e);
}

/* /inbox/agents: who is online (INB-31). /inbox/members: the dialog to assign,
 * with the load of this moment (INB-54). */
enum status inbox_agents(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool dialog = sv_eq(rq->path, SV("/inbox/members"));
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int members = db_add(b, members_sql, DB_S(http_query(rq, "selected")));

	if (dialog)
		db_add(b, "select app.online()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_online(page, b, members);
	web_set_rows(page, "members", b, members);
	return web_render(rq, rs, dialog ? "app/inbox/assign" : "app/inbox/online", page, e);
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
