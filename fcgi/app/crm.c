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
