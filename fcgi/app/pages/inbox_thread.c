/* The messages and notes of a conversation, page by page or by name. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

/* first_unread: above it is the line "New" (of what the team had not seen);
 * via: the channel of a message in a conversation that was merged. */
#define ITEM                                                                                       \
	"select i.*, app.mail_part(i.id, i.message_type) as mail, case when i.created_at > v.read_at and not i.outbound and not i.is_note then not exists ("  \
	"	select from messages m where m.conversation_id = $1 and m.direction = 'INBOUND'"    \
	"	and m.created_at > v.read_at and (m.created_at, m.id) < (i.created_at, i.id)) else false end as first_unread,"  \
	" case when v.is_merged and not i.is_note then (select app.channel_icon(a.type) from messages m"         \
	"	join channel_accounts a on a.organization_id = m.organization_id and a.id = m.channel_account_id" \
	"	where m.id = i.id) end as via_icon,"                                                \
	" case when v.is_merged and not i.is_note then (select app.channel_label(a.type) from messages m"        \
	"	join channel_accounts a on a.organization_id = m.organization_id and a.id = m.channel_account_id" \
	"	where m.id = i.id) end as via"                                                      \
	" from (select case when c.unread_count > 0 then coalesce(c.last_read_at, '-infinity') end as read_at," \
	"	exists (select from conversations o where o.merged_into_id = c.id) as is_merged"    \
	"	from conversations c where c.id = $1) v, "
#define ORDER " i order by i.created_at, i.id"

static const char page_sql[] = ITEM "app.thread_some($1, array(select app.thread_page($1, $2, $3)))" ORDER;
static const char after_sql[] = ITEM "app.thread_some($1, array(select app.thread_after($1, $2, $3)))" ORDER;
static const char around_sql[] = ITEM "app.thread_some($1, array(select app.thread_around($1, $2)))" ORDER;
static const char some_sql[] = ITEM "app.thread_some($1, $2::uuid[])" ORDER;

int inbox_add_items(struct db_batch *b, struct sv id)
{
	return db_add(b, page_sql, DB_S(id), DB_NULL, DB_NULL);
}

void inbox_set_items(struct tmpl_value *page, const struct db_batch *b, int items)
{
	web_set_rows(page, "items", b, items);
	if (db_rows(b, items) == TALKS_MAX)
		tmpl_set_text(page, "older_cursor", db_first(b, items, "cursor"));
}

/* Where there may be newer ones below. */
static void set_newer(struct tmpl_value *page, const struct db_batch *b, int items, size_t full)
{
	size_t n = db_rows(b, items);

	if (n >= full)
		tmpl_set_text(page, "newer_cursor", db_named(b, items, n - 1, "cursor"));
}

/* /inbox/:id/items: those named in ids, those before or after a place, those
 * around an item, or the newest. */
enum status inbox_items(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, at, before, after_at, after, ids, around = http_query(rq, "around");
	struct tmpl_value *page;
	int items;

	if (inbox_id(rq, &id, e) || inbox_read_cursor(rq, "before", &at, &before, e) ||
	    inbox_read_cursor(rq, "after", &after_at, &after, e) || inbox_read_ids(rq, &ids, e))
		return e->status;
	if (around.n && !uuid_valid(around))
		return err_set(e, rq->arena, ST_BAD_INPUT, "around is the id of a message");
	must_exist(b, "conversations", id);
	if (ids.n > 2)
		items = db_add(b, some_sql, DB_S(id), DB_S(ids));
	else if (around.n)
		items = db_add(b, around_sql, DB_S(id), DB_S(around));
	else if (after.n)
		items = db_add(b, after_sql, DB_S(id), DB_S(after_at), DB_S(after));
	else
		items = db_add(b, page_sql, DB_S(id), DB_S(at), DB_S(before));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (ids.n > 2)
		web_set_rows(page, "items", b, items);
	else if (after.n) {
		web_set_rows(page, "items", b, items);
		set_newer(page, b, items, TALKS_MAX);
	} else {
		inbox_set_items(page, b, items);
		if (around.n) {
			tmpl_set_text(page, "older_cursor", db_first(b, items, "cursor"));
			set_newer(page, b, items, 1);
		}
	}
	return web_render(rq, rs, "app/inbox/items", page, e);
}
