/*
 * /notifications: what one has been told. The panel behind the bell shows the
 * rows alone. Words are in templates/app/notification_words.html, one line for
 * each kind.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define PANEL_ROWS 12
#define PAGE_ROWS 30

/* What a notice may lead to: records, and what is none. */
#define PLACES                                                                                  \
	"(select kind, path, icon from app.record_kinds()"                                      \
	" union all values ('import', '/imports/', 'upload'), ('channel', '/settings/channels/', 'plug'),"                 \
	"  ('whatsapp_template', '/settings/whatsapp-templates/', 'brand-whatsapp'))"

/* Under the policy `own` everybody sees his own. */
static const char rows_sql[] =
	"select r.* from (select n.id, n.kind, jsonb_build_object(replace(n.kind, '.', '_'), true) as is_a, n.data,"
	" n.read_at is null as is_unread, k.kind is not null and n.record_id is not null as leads,"
	" coalesce(k.icon, 'bell') as icon, n.record_type as type,"
	" app.person(p.first_name, p.last_name, null, array[p.email]) as actor, n.actor_id is not null as has_actor,"
	" app.short_time(n.created_at, z.name) as time,"
	" to_char(n.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as iso,"
	" row_number() over (order by n.id desc) as place, lead(n.id) over (order by n.id desc) as next"
	" from (select app.zone() as name offset 0) z, notifications n"
	" left join " PLACES " k on k.kind = n.record_type"
	" left join profiles p on p.organization_id = n.organization_id and p.id = n.actor_id"
	" where n.user_id = auth.uid() and ($1::uuid is null or n.id < $1) and ($2 or n.read_at is null)"
	" order by n.id desc limit $3::integer + 1) r where r.place <= $3 order by r.place";

static bool only_unread(struct http_request *rq)
{
	return sv_eq(http_query(rq, "show"), SV("unread"));
}

static int rows_add(struct http_request *rq, struct db_batch *b, int most)
{
	struct sv before = http_query(rq, "before");

	return db_add(b, rows_sql, DB_S(uuid_valid(before) ? before : SV_NONE),
		      DB_B(!only_unread(rq)), DB_I(most));
}

/* Where older ones begin, if there are any. */
static void set_older(struct tmpl_value *page, const struct db_batch *b, int rows)
{
	size_t n = db_rows(b, rows);

	if (n && db_named(b, rows, n - 1, "next").n)
		tmpl_set_text(page, "older", db_named(b, rows, n - 1, "id"));
}

enum status notifications_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool panel = wants_fragment(rq);
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	if (!panel)
		web_me(rq, b);
	rows = rows_add(rq, b, panel ? PANEL_ROWS : PAGE_ROWS);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "notices", b, rows);
	tmpl_set_bool(page, "only_unread", only_unread(rq));
	tmpl_set_bool(page, "later", http_query(rq, "before").n > 0);
	set_older(page, b, rows);
	return web_render(rq, rs, panel ? "app/notification_rows" : "app/notifications", page, e);
}

/* The number at the bell. */
enum status notifications_count(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int n = db_add(b, "select count(*) as n from (select from notifications n"
			  " where n.user_id = auth.uid() and n.read_at is null limit 100) unread");

	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"count\":");
	buf_add(&rs->body, db_first(b, n, "n"));
	buf_lit(&rs->body, "}");
	return ST_OK;
}

#define READ "update notifications set read_at = now() where user_id = auth.uid() and read_at is null"

/* To what it is about; whoever goes there has read it. */
enum status notification_open(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int to;

	if (path_id(rq, "notification", &id, e))
		return e->status;
	db_add(b, READ " and id = $1", DB_S(id));
	to = db_add(b, "select k.path || n.record_id as href from notifications n"
		       " left join " PLACES " k on k.kind = n.record_type"
		       " where n.user_id = auth.uid() and n.id = $1", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, to))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This notification does not exist");
	id = db_first(b, to, "href");
	return http_redirect(rs, id.n ? id : SV("/notifications"));
}

static enum status answer(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  struct err *e)
{
	if (db_run(b, e))
		return e->status;
	if (sv_find(http_header(rq, "Accept"), SV("application/json")) >= 0) {
		http_content_type(rs, "application/json");
		buf_lit(&rs->body, "{}");
		return ST_OK;
	}
	return http_redirect(rs, SV("/notifications"));
}

enum status notification_read(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "notification", &id, e))
		return e->status;
	must_exist(b, "notifications", id);
	db_add(b, READ " and id = $1", DB_S(id));
	return answer(rq, rs, b, e);
}

enum status notifications_read(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, READ);
	return answer(rq, rs, b, e);
}
