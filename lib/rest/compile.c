/*
 * A whole request to its statement: reading, and which way the others go.
 */
#include "rest/media.h"

#include <string.h>

static int64_t bounded(const struct tree *t, int64_t limit)
{
	int64_t most = t->options->max_rows;

	return most && (limit < 0 || limit > most) ? most : limit;
}

static void count_text(struct tree *t, struct rest_plan *plan, struct sql *q, const char *select)
{
	sql_begin(q, plan, t->arena, t->pass++);
	sql_text(q, select);
	sql_from(q, t->root);
	sql_where(q, t->root);
}

/* count=estimated counts as far as an answer can reach, and takes the
 * planner's word beyond. */
static void compile_count(struct tree *t, struct rest_plan *plan)
{
	struct sql q;

	if (!t->counted)
		return;
	if (t->planned || t->estimated) {
		count_text(t, plan, &q, "explain (format json) select");
		plan->estimate = sql_end(&q);
	}
	if (t->planned)
		return;
	if (t->estimated && t->options->max_rows) {
		plan->count_limit = t->options->max_rows + 1;
		count_text(t, plan, &q, "select count(*) from (select");
		buf_addf(&q.text, " limit %lld) c", (long long)plan->count_limit);
	} else {
		count_text(t, plan, &q, "select count(*)");
	}
	plan->count = sql_end(&q);
}

int64_t rest_planned_rows(struct sv json)
{
	static const struct sv key = { "\"Plan Rows\": ", 13 };
	ptrdiff_t at = sv_find(json, key);
	struct sv rest;
	size_t n = 0;
	int64_t rows;

	if (at < 0)
		return -1;
	rest = sv_skip(json, (size_t)at + key.n);
	while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	return sv_to_i64(sv_make(rest.p, n), &rows) ? rows : -1;
}

enum status compile_read(struct tree *t, struct rest_plan *plan)
{
	struct level *l = t->root;
	struct sql q;
	bool any;

	sql_begin(&q, plan, t->arena, t->pass++);
	q.max_rows = t->options->max_rows;
	plan->limit = bounded(t, l->limit);
	plan->offset = l->offset;
	buf_lit(&q.text, "select ");
	any = sql_items(&q, l);
	plan->versioned = version_wanted(t, plan);
	if (plan->versioned)
		version_select(&q, !any);
	sql_from(&q, l);
	sql_joins(&q, l);
	sql_where(&q, l);
	sql_groups(&q, l);
	sql_tail(&q, l, plan->limit, plan->offset);
	plan->main = sql_end(&q);
	compile_count(t, plan);
	return ST_OK;
}

/* ---- the whole ---------------------------------------------------------------- */

static enum status compile_method(struct tree *t, struct rest_plan *plan)
{
	switch (t->in->method) {
	case HTTP_GET:
		return compile_read(t, plan);
	case HTTP_POST:
		return compile_insert(t, plan);
	case HTTP_PUT:
		return compile_put(t, plan);
	case HTTP_PATCH:
		return compile_update(t, plan);
	case HTTP_DELETE:
		return compile_delete(t, plan);
	default:
		return err_set(t->e, t->arena, ST_BAD_METHOD, "Use GET, POST, PUT, PATCH or DELETE");
	}
}

enum status rest_compile(const struct rest_schema *s, const struct rest_options *o,
			 const struct rest_input *in, struct arena *a, struct rest_plan *plan,
			 struct err *e)
{
	struct tree t = {
		.arena = a, .schema = s, .options = o, .in = in, .e = e, .pass = 1
	};

	*e = (struct err){ .status = ST_OK };
	*plan = (struct rest_plan){ .method = in->method, .limit = -1, .schema = s };
	if (bind_target(&t) || parse_query(&t))
		return e->status;
	plan->shape = t.shape;
	plan->media = t.media;
	plan->answer = in->method == HTTP_GET ? REST_ROWS : t.answer;
	plan->counted = t.counted;
	plan->table = t.root->name;
	if (in->method == HTTP_PUT && check_put(&t))
		return e->status;
	if (bind_tree(&t) || (t.function ? compile_call(&t, plan) : compile_method(&t, plan)))
		return e->status;
	prefer_apply(&t, plan);
	media_wrap(&t, plan);
	return ST_OK;
}
