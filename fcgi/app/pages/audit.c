/*
 * /settings/audit: who did what, when, from where, with the data before and
 * after (ADM-28, ADM-29); the same as CSV.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

#define ADMINS "select internal.admins_only('the audit log')"
/* Rows of one CSV file. */
#define EXPORT_MAX 10000
#define EXPORT "/settings/audit/export"

/* Ids are UUIDv7: in their order is in order of time, and the primary key. */
static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.id", "::uuid", true },
	{ 0 },
};
static const char *const kept[] = { "user", "what", "kind", "record", "from", "to", NULL };
static const struct list_kind entries = { "/settings/audit", sorts, kept };

/* The choices of the filter "what". */
static const struct choice {
	const char *name, *label, *sql;
} choices[] = {
	{ "created", "Created", " and t.action like '%.created'" },
	{ "updated", "Changed",
	  " and (t.action like '%.updated' or t.action like '%.changed' or t.action like"
	  " '%.assigned')" },
	{ "deleted", "Deleted", " and t.action like '%.deleted'" },
	{ "access", "Signing in and out", " and t.record_type = 'user'" },
	{ "rights", "Roles, members and keys",
	  " and t.record_type in ('role', 'member', 'api_key', 'team', 'team_member', 'invitation',"
	  " 'permission_set', 'channel_access', 'login_schedule')" },
	{ "settings", "Settings",
	  " and t.record_type in ('organization', 'pipeline', 'custom_field', 'channel',"
	  " 'webhook', 'ip_range', 'config', 'credential')" },
};

#define CHOICES (sizeof(choices) / sizeof(*choices))

static bool is_day(struct sv s)
{
	return s.n == 10 && s.p[4] == '-' && s.p[7] == '-';
}

static void filter_days(struct query *q, struct http_request *rq)
{
	struct sv from = http_query(rq, "from"), to = http_query(rq, "to");

	if (is_day(from)) {
		query_with(q, " and t.created_at >= ", DB_S(from));
		query_add(q, "::date::timestamp at time zone (select internal.my_zone())");
	}
	if (is_day(to)) {
		query_with(q, " and t.created_at < (", DB_S(to));
		query_add(q, "::date + 1)::timestamp at time zone (select internal.my_zone())");
	}
}

static void filter(struct query *q, struct http_request *rq)
{
	struct sv user = http_query(rq, "user"), what = http_query(rq, "what");
	struct sv record = sv_trim(http_query(rq, "record")), kind = http_query(rq, "kind");

	if (uuid_valid(user)) {
		query_with(q, " and t.user_id = ", DB_S(user));
		query_add(q, "::uuid");
	} else if (sv_eq(user, SV("key"))) {
		query_add(q, " and t.api_key_id is not null");
	}
	for (size_t i = 0; i < CHOICES; i++)
		if (sv_eq(what, sv_from(choices[i].name)))
			query_add(q, choices[i].sql);
	if (kind.n)
		query_with(q, " and t.record_type = ", DB_S(kind));
	if (uuid_valid(record)) {
		query_with(q, " and t.record_id = ", DB_S(record));
		query_add(q, "::uuid");
	} else if (record.n) {
		query_with(q, " and lower(t.record_name) like"
			" internal.search_pattern(", DB_S(record));
		query_add(q, ")");
	}
	filter_days(q, rq);
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	query_add(&q, "t.* from audit_log t where true");
	filter(&q, l->rq);
	list_end(l, &q);
	query_add(&q,
		  "select p.id, p.k::text as k, p.total, internal.audit_words(p.action,"
		  " p.record_type) as what,"
		  " p.record_name, p.record_id, p.user_name, p.api_key_name, p.ip_address,"
		  " case when p.action not like '%.deleted' then case p.record_type when 'deal'"
		  " then '/deals/'"
		  "	when 'contact' then '/contacts/' when 'company' then '/companies/' when"
		  " 'quote' then '/quotes/'"
		  "	when 'booking' then '/bookings/' when 'conversation' then '/inbox/' when"
		  " 'pipeline' then '/pipelines/'"
		  "	when 'product' then '/products/' end || p.record_id end as href,"
		  " internal.audit_rows(p.before, p.after) as changes, coalesce(p.before,"
		  " p.after) is not null as has_changes,"
		  " to_char(p.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
		  " as iso,"
		  " to_char(p.created_at at time zone (select internal.my_zone()), 'FMDD Mon"
		  " YYYY, HH24:MI:SS') as shown"
		  " from page p where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from audit_log t where true");
	filter(&q, rq);
	list_count_end(&q);
	return query_run(&q, b);
}

static void show_choices(struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, "choices");

	for (size_t i = 0; i < CHOICES; i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "name", sv_from(choices[i].name));
		tmpl_set_text(one, "label", sv_from(choices[i].label));
		tmpl_set_bool(one, "selected", sv_eq(chosen, sv_from(choices[i].name)));
	}
}

/* The address of the CSV of what is shown. */
static void show_export(struct http_request *rq, struct tmpl_value *page)
{
	buf_auto struct buf to = BUF_INIT;

	buf_lit(&to, EXPORT);
	for (size_t i = 0; kept[i]; i++) {
		struct sv value = http_query(rq, kept[i]);

		if (!value.n)
			continue;
		buf_addf(&to, "%c%s=", to.n == strlen(EXPORT) ? '?' : '&', kept[i]);
		buf_url(&to, value);
	}
	tmpl_set_text(page, "export", arena_sv(rq->arena, buf_sv(&to)));
}

enum status audit_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv user = http_query(rq, "user");
	struct tmpl_value *page;
	struct list l;
	int rows, count, team;

	web_me(rq, b);
	db_add(b, ADMINS);
	list_init(&l, rq, &entries);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	team = team_add(b, uuid_valid(user) ? user : SV_NONE);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	web_set_rows(page, "team", b, team);
	show_choices(page, http_query(rq, "what"));
	show_export(rq, page);
	tmpl_set_bool(page, "by_key", sv_eq(user, SV("key")));
	return web_render(rq, rs,
			  wants_fragment(rq) ? "app/settings/audit_rows" : "app/settings/audit", page, e);
}

/* ---- CSV ------------------------------------------------------------------------ */

/* Quoted; what a spreadsheet would take for a formula begins with an apostrophe. */
static void add_cell(struct buf *out, struct sv value, bool last)
{
	buf_addc(out, '"');
	if (value.n && memchr("=+-@\t\r", value.p[0], 6))
		buf_addc(out, '\'');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, value.p[i]);
	}
	buf_lit(out, "\"");
	if (last)
		buf_lit(out, "\r\n");
	else
		buf_addc(out, ',');
}

enum status audit_export(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct query q;
	int rows;

	db_add(b, ADMINS);
	query_init(&q, rq->arena);
	query_add(&q, "select to_char(t.created_at at time zone 'UTC',"
		" 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as time,"
		      " t.user_name as user, t.api_key_name as api_key, t.ip_address, t.action,"
		      " t.record_type,"
		      " t.record_id, t.record_name, t.before::text as before, t.after::text as"
		      " after"
		      " from audit_log t where true");
	filter(&q, rq);
	query_with(&q, " order by t.id desc limit ", DB_I(EXPORT_MAX));
	query_add(&q, "::integer");
	rows = query_run(&q, b);
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "text/csv; charset=utf-8");
	http_set_header(rs, "Content-Disposition", SV("attachment; filename=\"audit-log.csv\""));
	for (size_t i = 0; i < db_cols(b, rows); i++)
		add_cell(&rs->body, db_col_name(b, rows, i), i + 1 == db_cols(b, rows));
	for (size_t r = 0; r < db_rows(b, rows); r++)
		for (size_t i = 0; i < db_cols(b, rows); i++)
			add_cell(&rs->body, db_get(b, rows, r, i), i + 1 == db_cols(b, rows));
	return ST_OK;
}
