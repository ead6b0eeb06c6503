/*
 * Looking for messages: /inbox/search over all, /inbox/:id/find in a thread, and
 * /inbox/export, what fits the same filters as a file. Beside them what the composer
 * looks up while one types: quick replies and conversations to forward to.
 */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"
#include "channel/channel.h"
#include "crm/csv.h"
#include "crm/merge.h"

#define RESULTS_MAX 50
#define TERM_MAX 200
#define FOUND_MAX 500 /* in one thread */
#define REPLIES_MAX 20
#define PART (64 * 1024) /* bytes of an export that leave at once */

struct hits {
	struct sv q, from, to, channel, contact, talk, before_at, before_id;
};

/* YYYY-MM-DD or nothing. */
static struct sv day(struct http_request *rq, const char *name)
{
	struct sv v = http_query(rq, name);

	if (v.n != 10 || v.p[4] != '-' || v.p[7] != '-')
		return SV_NONE;
	for (size_t i = 0; i < v.n; i++)
		if (i != 4 && i != 7 && (v.p[i] < '0' || v.p[i] > '9'))
			return SV_NONE;
	return v;
}

static struct sv query_id(struct http_request *rq, const char *name)
{
	struct sv v = http_query(rq, name);

	return uuid_valid(v) ? v : SV_NONE;
}

static struct sv term(struct http_request *rq)
{
	struct sv q = sv_trim(http_query(rq, "q"));

	while (q.n > TERM_MAX || (q.n && !sv_is_text(q)))
		q.n = q.n > TERM_MAX ? TERM_MAX : q.n - 1;
	return q;
}

static enum status read_hits(struct http_request *rq, struct hits *h, struct err *e)
{
	*h = (struct hits){ .q = term(rq),
			    .from = day(rq, "from"),
			    .to = day(rq, "to"),
			    .channel = query_id(rq, "channel"),
			    .contact = query_id(rq, "contact"),
			    .talk = query_id(rq, "conversation") };
	return inbox_read_cursor(rq, "before", &h->before_at, &h->before_id, e);
}

/* The address of these filters without the place. */
static struct sv address(struct http_request *rq, const struct hits *h)
{
	const struct {
		const char *name;
		struct sv value;
	} parts[] = { { "q", h->q }, { "from", h->from }, { "to", h->to }, { "channel", h->channel }, { "contact", h->contact },
		      { "conversation", h->talk } };
	struct buf *out = buf_in_arena(rq->arena);

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i].value.n)
			continue;
		buf_addc(out, out->n ? '&' : '?');
		buf_add(out, sv_from(parts[i].name));
		buf_addc(out, '=');
		buf_url(out, parts[i].value);
	}
	return buf_sv(out);
}

static const char hits_sql[] =
	"select * from app.message_hits($1, $2::date, $3::date, $4::uuid, $5::uuid, $6::timestamptz, $7::uuid, $8::integer)";

static int add_hits(struct db_batch *b, const struct hits *h)
{
	return db_add(b, hits_sql, DB_S(h->q), DB_S(h->from), DB_S(h->to), DB_S(h->channel), DB_S(h->contact),
		      DB_S(h->before_at), DB_S(h->before_id), DB_I(RESULTS_MAX));
}

static void show_hits(struct http_request *rq, struct tmpl_value *page, const struct hits *h,
		      const struct db_batch *b, int rows)
{
	size_t n = db_rows(b, rows);
	struct sv query = address(rq, h);

	web_set_rows(page, "hits", b, rows);
	tmpl_set_text(page, "query", query);
	tmpl_set_text(page, "q", h->q);
	tmpl_set_bool(page, "is_more", h->before_at.n);
	if (n == RESULTS_MAX)
		tmpl_set_text(page, "next_cursor", db_named(b, rows, n - 1, "cursor"));
}

/* /inbox/search: the page, its list while one types, and what is older. */
enum status inbox_search(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool fragment = wants_fragment(rq);
	struct tmpl_value *page;
	int rows, kinds = 0, contact = 0;
	struct hits h;

	if (read_hits(rq, &h, e))
		return e->status;
	web_me(rq, b);
	rows = add_hits(b, &h);
	if (!fragment) {
		kinds = db_add(b,
				  "select a.id as value, a.name as label, coalesce(a.id = $1::uuid, false) as is_current"
				  " from channel_accounts a order by lower(a.name), a.id limit 200",
				  DB_S(h.channel));
		contact = db_add(b,
				 "select k.id, app.person(k.first_name, k.last_name, k.phones, k.emails) as name"
				 " from contacts k where k.id = $1::uuid", DB_S(h.contact));
	}
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	show_hits(rq, page, &h, b, rows);
	tmpl_set_bool(page, "is_asked", h.q.n);
	if (fragment)
		return web_render(rq, rs, "app/inbox/search_rows", page, e);
	tmpl_set_text(page, "from", h.from);
	tmpl_set_text(page, "to", h.to);
	web_set_rows(page, "channels", b, kinds);
	if (db_rows(b, contact))
		web_set_row(page, "contact", b, contact, 0);
	return web_render(rq, rs, "app/inbox/search", page, e);
}

/* /inbox/:id/find?q=: ids in the thread, the newest first, as JSON. */
enum status inbox_find(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int rows;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	rows = db_add(b,
		      "select f.id from app.find_messages($1, null, null, null, null, $2::uuid, null, null, $3::integer) f",
		      DB_S(term(rq)), DB_S(id), DB_I(FOUND_MAX));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"ids\":[");
	for (size_t i = 0; i < db_rows(b, rows); i++) {
		if (i)
			buf_addc(&rs->body, ',');
		buf_json(&rs->body, db_named(b, rows, i, "id"));
	}
	buf_lit(&rs->body, "]}");
	return ST_OK;
}

/* ---- quick replies --------------------------------------------------------------- */

/* /inbox/:id/replies?q=: with their variables filled for this contact. */
enum status inbox_replies(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	struct sv id, q = sv_trim(http_query(rq, "q"));
	json_t *values;
	int rows, merge;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	merge = db_add(b, "select app.merge_values(c.contact_id) as v from conversations c where c.id = $1", DB_S(id));
	rows = db_add(b, "select * from app.quick_replies($1, $2::integer)", DB_S(q), DB_I(REPLIES_MAX));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	values = channel_json(rq->arena, db_first(b, merge, "v"), e);
	list = tmpl_set_list(page, "replies");
	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *one = tmpl_push_map(list);
		buf_auto struct buf text = BUF_INIT;
		size_t open = merge_text(&text, db_named(b, rows, i, "body"), values);

		tmpl_set_text(one, "id", db_named(b, rows, i, "id"));
		tmpl_set_text(one, "name", db_named(b, rows, i, "name"));
		tmpl_set_text(one, "shortcut", db_named(b, rows, i, "shortcut"));
		tmpl_set_text(one, "image", db_named(b, rows, i, "image_file_id"));
		tmpl_set_text(one, "text", arena_sv(rq->arena, buf_sv(&text)));
		tmpl_set_bool(one, "is_open", open > 0);
		tmpl_set_bool(one, "is_favourite", sv_eq(db_named(b, rows, i, "is_favourite"), SV("t")));
		tmpl_set_bool(one, "is_recent", sv_eq(db_named(b, rows, i, "is_recent"), SV("t")));
	}
	return web_render(rq, rs, "app/inbox/replies", page, e);
}

/* /inbox/:id/targets?q=: conversations that a message may be forwarded to. */
enum status inbox_targets(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int rows;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	rows = db_add(b, "select * from app.forward_options($1, $2)", DB_S(sv_trim(http_query(rq, "q"))), DB_S(id));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "targets", b, rows);
	return web_render(rq, rs, "app/inbox/targets", page, e);
}

/* ---- export ------------------------------------------------------------------------- */

static const char *const columns[] = { "time", "direction", "status", "author", "contact", "channel", "type", "content",
				       "files", "external_id", "conversation_id", "id" };
#define COLUMNS (sizeof(columns) / sizeof(*columns))

/* Filters that have no words take the table itself; $1..$6 as in hits_sql, $7 a thread. */
static const char export_sql[] =
	"select to_char(m.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), m.direction, m.status,"
	" case when m.direction = 'OUTBOUND' then coalesce(m.metadata ->> 'sender_name', app.person(p.first_name, p.last_name, null, array[p.email])) end,"
	" app.person(k.first_name, k.last_name, k.phones, k.emails), a.name, m.message_type, m.content,"
	" (select string_agg(t.name, ', ' order by t.position) from message_attachments t where t.organization_id = m.organization_id and t.message_id = m.id),"
	" m.external_id, m.conversation_id, m.id"
	" from messages m"
	" join conversations c on c.organization_id = m.organization_id and c.id = m.conversation_id"
	" left join contacts k on k.organization_id = m.organization_id and k.id = m.contact_id"
	" left join channel_accounts a on a.organization_id = m.organization_id and a.id = m.channel_account_id"
	" left join profiles p on p.organization_id = m.organization_id and p.id = m.sender_id"
	" where m.organization_id = (select auth.org()) and m.deleted_at is null"
	" and ($7::uuid is null or m.conversation_id = $7)"
	" and ($1::text is null or m.id in (select f.id from app.find_messages($1, $2::date, $3::date, $4::uuid, $5::uuid, $7::uuid, null, null, $6::integer) f))"
	" and ($2::date is null or m.created_at >= $2::date::timestamp at time zone app.zone())"
	" and ($3::date is null or m.created_at < ($3::date + 1)::timestamp at time zone app.zone())"
	" and ($4::uuid is null or m.channel_account_id = $4) and ($5::uuid is null or m.contact_id = $5)"
	" order by m.created_at, m.id";

struct file_out {
	struct http_request *rq;
	struct http_response *rs;
	bool json;
	size_t n;
};

static void leave(struct file_out *x)
{
	if ((http_can_stream(x->rs) || http_is_streaming(x->rs)) && x->rs->body.n > PART)
		http_stream(x->rq, x->rs);
}

static void add_cell(struct buf *out, struct sv v, bool last)
{
	buf_addc(out, '"');
	if (csv_is_formula(v))
		buf_addc(out, '\'');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, v.p[i]);
	}
	buf_add(out, last ? SV("\"\r\n") : SV("\","));
}

static void add_row(void *arg, const struct db_batch *b, int stmt, size_t row)
{
	struct file_out *x = arg;
	struct buf *out = &x->rs->body;

	if (x->json)
		buf_add(out, x->n++ ? SV(",\n{") : SV("\n{"));
	for (size_t i = 0; i < COLUMNS; i++) {
		struct sv v = db_get(b, stmt, row, i);

		if (!x->json) {
			add_cell(out, v, i + 1 == COLUMNS);
			continue;
		}
		if (i)
			buf_addc(out, ',');
		buf_json(out, sv_from(columns[i]));
		buf_addc(out, ':');
		if (sv_present(v))
			buf_json(out, v);
		else
			buf_lit(out, "null");
	}
	if (x->json)
		buf_addc(out, '}');
	leave(x);
}

static void begin_file(struct file_out *x)
{
	http_content_type(x->rs, x->json ? "application/json" : "text/csv; charset=utf-8");
	http_set_header(x->rs, "Content-Disposition",
			x->json ? SV("attachment; filename=\"messages.json\"") : SV("attachment; filename=\"messages.csv\""));
	if (x->json) {
		buf_addc(&x->rs->body, '[');
		return;
	}
	buf_lit(&x->rs->body, "\xef\xbb\xbf");
	for (size_t i = 0; i < COLUMNS; i++)
		add_cell(&x->rs->body, sv_from(columns[i]), i + 1 == COLUMNS);
}

/* MSG-65. format=csv or json, and the filters of the search. */
enum status inbox_export(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct file_out x = { .rq = rq, .rs = rs, .json = sv_eq(http_query(rq, "format"), SV("json")) };
	struct db_batch *b = web_batch(rq);
	struct hits h;
	int rows;

	if (read_hits(rq, &h, e))
		return e->status;
	db_add(b, "select set_config('statement_timeout', '600000', true)");
	rows = db_add(b, export_sql, DB_OPT(h.q), DB_S(h.from), DB_S(h.to), DB_S(h.channel), DB_S(h.contact), DB_I(100000),
		      DB_S(h.talk));
	begin_file(&x);
	db_stream(b, rows, add_row, &x);
	if (db_run(b, e)) {
		if (http_is_streaming(rs))
			http_stream_fail(rs);
		return e->status;
	}
	if (x.json)
		buf_lit(&rs->body, "\n]\n");
	return ST_OK;
}
