#include "fcgi/app/crm.h"

#include "base/uuid.h"

#include <string.h>

/* ---- query ----------------------------------------------------------- */

static void release(void *arg)
{
	buf_release(arg);
}

void query_init(struct query *q, struct arena *a)
{
	memset(q, 0, sizeof(*q));
	q->arena = a;
}

void query_add(struct query *q, const char *sql)
{
	buf_add(&q->sql, sv_from(sql));
}

void query_with(struct query *q, const char *sql, struct db_value value)
{
	buf_addf(&q->sql, "%s$%zu", sql, q->n + 1);
	if (q->n < QUERY_VALUES)
		q->values[q->n++] = value;
}

int query_run(struct query *q, struct db_batch *b)
{
	int stmt = db_add_composed(b, buf_sv(&q->sql), q->n, q->values);

	release(&q->sql);
	return stmt;
}

/* ---- ids and answers ----------------------------------------------------- */

enum status path_id(struct http_request *rq, const char *what, struct sv *id, struct err *e)
{
	*id = http_param(rq, "id");
	if (!uuid_valid(*id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This %s does not exist", what);
	return ST_OK;
}

enum status redirect_to(struct http_request *rq, struct http_response *rs, const char *before,
			struct sv id, const char *after)
{
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "%s%.*s%s", before, SV_ARG(id),
						      after)));
}

bool wants_fragment(const struct http_request *rq)
{
	return sv_present(http_header(rq, "HX-Request")) &&
	       !sv_present(http_header(rq, "HX-History-Restore-Request"));
}

bool wants_table(struct http_request *rq, struct http_response *rs, const char *cookie)
{
	struct sv view = http_query(rq, "view");
	struct http_cookie_options keep = { .max_age = 365 * 86400, .secure = rq->https,
					    .http_only = true };

	if (sv_eq(view, SV("grid")) || sv_eq(view, SV("table")))
		http_set_cookie(rs, cookie, view, &keep);
	else
		view = http_cookie(rq, cookie);
	return sv_eq(view, SV("table"));
}

/* ---- timeline ------------------------------------------------------------ */

#define TIMELINE_ROWS 30

int timeline_add(struct db_batch *b, const char *kind, struct sv id, struct sv before)
{
	return db_add(b,
		"select x.at as raw_at, x.kind, x.type, x.record_type, x.record_id, x.body,"
		" x.subject, x.changes,"
		" x.kind = 'note' as is_note, x.record_type = 'deal' as is_deal,"
		" x.record_type = 'quote' as is_quote, x.record_type = 'conversation' as"
		" is_conversation, x.record_id <> $2::uuid as is_other,"
		" case when p.id is null and x.type in ('quote.viewed', 'quote.accepted',"
		" 'quote.declined') then 'The customer'"
		"	when p.id is null then 'Kontor' else internal.person(p.first_name,"
		" p.last_name, p.email) end as actor,"
		" case when p.id is not null then internal.initials(p.first_name, p.last_name,"
		" p.email) end as initials,"
		" case x.type when 'contact.created' then 'added this contact' when"
		" 'company.created' then 'added this company'"
		"	when 'deal.created' then 'opened the deal' when 'deal.updated' then"
		" 'changed"
		" the deal'"
		"	when 'conversation.created' then 'started a conversation'"
		"	when 'conversation.assigned' then 'assigned a conversation'"
		"	when 'conversation.status.changed' then 'changed a conversation'"
		"	when 'quote.created' then 'made the quote' when 'quote.sent' then 'sent the"
		" quote'"
		"	when 'quote.viewed' then 'opened the quote' when 'quote.accepted' then"
		" 'accepted the quote'"
		"	when 'quote.declined' then 'declined the quote' when 'quote.expired' then"
		" 'let"
		" expire the quote'"
		"	when 'note.created' then 'wrote a note' else 'changed this record' end as"
		" what,"
		" case split_part(x.type, '.', 1) when 'deal' then 'layout-kanban' when"
		" 'conversation' then 'message-circle'"
		"	when 'quote' then 'file-invoice' when 'company' then 'building' when 'note'"
		" then 'note' else 'user' end as icon,"
		" to_char(x.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as iso,"
		" internal.shown_time(x.at, (select internal.my_zone())) as shown"
		" from internal.timeline($1, $2::uuid, $3::timestamptz, $4::integer) x"
		" left join profiles p on p.organization_id = auth.org() and p.id = x.actor_id"
		" order by x.at desc",
		DB_C(kind), DB_S(id), DB_OPT(before), DB_I(TIMELINE_ROWS));
}

void timeline_show(struct http_request *rq, struct tmpl_value *page, const char *kind,
		   struct sv id, const struct db_batch *b, int stmt)
{
	size_t n = db_rows(b, stmt);
	buf_auto struct buf more = BUF_INIT;

	web_set_rows(page, "timeline", b, stmt);
	if (n < TIMELINE_ROWS)
		return;
	buf_addf(&more, "/timeline/%s/%.*s?before=", kind, SV_ARG(id));
	buf_url(&more, db_named(b, stmt, n - 1, "raw_at"));
	tmpl_set_text(page, "timeline_more", arena_sv(rq->arena, buf_sv(&more)));
}

void must_exist(struct db_batch *b, const char *table, struct sv id)
{
	db_add(b, "select app.must_exist($1, $2::uuid)", DB_C(table), DB_S(id));
}

/* Who is in the team, for every page that assigns something. */
int team_add(struct db_batch *b, struct sv chosen)
{
	return db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name,"
		" p.id::text = $1 as selected,"
		" p.id = auth.uid() as is_me"
		" from profiles p where p.is_active or p.id::text = $1 order by"
		" lower(p.first_name), p.id limit 500",
		DB_S(chosen));
}
