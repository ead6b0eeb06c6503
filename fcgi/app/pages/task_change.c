/*
 * What changes tasks from a list, a board, a calendar: one or many, with what
 * was before in the answer, for undoing.
 *
 *	POST /tasks/:id/set    status, priority, due, assignee
 *	POST /tasks/bulk       the same or delete=1, for ids, or all=1 with the filters
 *	POST /tasks/undo       before (as answered), or trash
 *	POST /tasks/:id/delete, /tasks/:id/claim
 *
 * Scripts get JSON; a plain form is sent on to a page.
 */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* So many at once by all=1. */
#define ALL_MAX "1000"

static bool wants_json(const struct http_request *rq)
{
	return sv_find(http_header(rq, "Accept"), SV("application/json")) >= 0;
}

struct sv tasks_form_ids(struct http_request *rq)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '{');
	for (size_t i = 0; i < all->n; i++) {
		struct sv rest = all->v[i].value;

		if (!sv_eq(all->v[i].name, SV("id")) && !sv_eq(all->v[i].name, SV("ids")))
			continue;
		while (sv_present(rest)) {
			struct sv id = sv_trim(sv_cut(&rest, ','));

			if (!uuid_valid(id))
				continue;
			if (out.n > 1)
				buf_addc(&out, ',');
			buf_add(&out, id);
		}
	}
	buf_addc(&out, '}');
	return arena_sv(rq->arena, buf_sv(&out));
}

static struct sv assignee_of(struct http_request *rq)
{
	struct sv value = sv_trim(http_form(rq, "assignee"));

	return sv_eq(value, SV("me")) || sv_eq(value, SV("none")) || uuid_valid(value) ? value : SV_NONE;
}

static void by_place(struct query *q, const void *arg)
{
	(void)arg;
	query_add(q, " order by t.sort_key, t.id limit " ALL_MAX);
}

/* "array of ids": those of the form, or all that the filters leave. */
static void add_chosen(struct query *q, struct http_request *rq)
{
	static const struct tasks_source all = { "t.id, t.sort_key", "", by_place, NULL };

	if (http_form(rq, "all").n) {
		tasks_hits(q, rq);
		query_add(q, ", chosen as (select coalesce(array_agg(x.id), '{}') as ids from (");
		tasks_source(q, rq, &all);
		query_add(q, ") x)");
	} else {
		query_with(q, "with chosen as (select ", DB_S(tasks_form_ids(rq)));
		query_add(q, "::uuid[] as ids)");
	}
}

static int add_change(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	add_chosen(&q, rq);
	query_with(&q, " select x.* from chosen c cross join lateral app.task_change(c.ids, ",
		   DB_OPT(sv_trim(http_form(rq, "status"))));
	query_with(&q, ", ", DB_OPT(sv_trim(http_form(rq, "priority"))));
	query_with(&q, ", ", DB_OPT(sv_trim(http_form(rq, "due"))));
	query_with(&q, ", ", DB_OPT(assignee_of(rq)));
	query_add(&q, ") x");
	return query_run(&q, b);
}

static int add_delete(struct http_request *rq, struct db_batch *b, struct sv trash)
{
	struct query q;

	query_init(&q, rq->arena);
	add_chosen(&q, rq);
	query_with(&q, " select app.task_delete(", DB_S(trash));
	query_add(&q, "::uuid, c.ids) as n from chosen c");
	return query_run(&q, b);
}

static void answer_before(struct http_response *rs, const struct db_batch *b, int stmt)
{
	http_content_type(rs, "application/json");
	buf_addf(&rs->body, "{\"n\":%zu,\"before\":", db_rows(b, stmt));
	db_json_rows(&rs->body, b, stmt);
	buf_addc(&rs->body, '}');
}

static void answer_trash(struct http_response *rs, struct sv n, struct sv trash)
{
	http_content_type(rs, "application/json");
	buf_addf(&rs->body, "{\"n\":%.*s,\"trash\":\"%.*s\"}", SV_ARG(n), SV_ARG(trash));
}

enum status task_set(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int changed;

	if (path_id(rq, "task", &id, e))
		return e->status;
	changed = db_add(b, "select x.* from app.task_change(array[$1::uuid], $2, $3, $4, $5) x", DB_S(id),
			 DB_OPT(sv_trim(http_form(rq, "status"))),
			 DB_OPT(sv_trim(http_form(rq, "priority"))),
			 DB_OPT(sv_trim(http_form(rq, "due"))), DB_OPT(assignee_of(rq)));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, changed))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This task does not exist any more"));
	if (!wants_json(rq))
		return redirect_to(rq, rs, "/tasks/", id, "?done=saved");
	answer_before(rs, b, changed);
	return ST_OK;
}

enum status tasks_bulk(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool gone = http_form(rq, "delete").n > 0;
	struct sv trash = uuid_new(rq->arena);
	int stmt = gone ? add_delete(rq, b, trash) : add_change(rq, b);

	if (db_run(b, e))
		return e->status;
	if (!wants_json(rq))
		return http_redirect(rs, gone ? SV("/tasks?done=deleted") : SV("/tasks?done=saved"));
	if (gone)
		answer_trash(rs, db_first(b, stmt, "n"), trash);
	else
		answer_before(rs, b, stmt);
	return ST_OK;
}

enum status tasks_undo(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv trash = http_form(rq, "trash");
	int n;

	if (uuid_valid(trash))
		n = db_add(b, "select app.task_restore($1::uuid) as n", DB_S(trash));
	else
		n = db_add(b, "select app.task_undo($1::jsonb) as n", DB_OPT(http_form(rq, "before")));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, n, 0);
	return ST_OK;
}

enum status task_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, trash = uuid_new(rq->arena);
	int gone;

	if (path_id(rq, "task", &id, e))
		return e->status;
	gone = db_add(b, "select app.task_delete($1::uuid, array[$2::uuid]) as n", DB_S(trash), DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (sv_eq(db_first(b, gone, "n"), SV("0")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This task does not exist any more"));
	if (!wants_json(rq))
		return http_redirect(rs, SV("/tasks?done=deleted"));
	answer_trash(rs, db_first(b, gone, "n"), trash);
	return ST_OK;
}

enum status task_claim(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "task", &id, e))
		return e->status;
	db_add(b, "select from claim_task($1::uuid)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!wants_json(rq))
		return redirect_to(rq, rs, "/tasks/", id, "?done=claimed");
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"n\":1}");
	return ST_OK;
}
