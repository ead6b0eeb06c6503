/*
 * A whole request to its statement: reading, calling functions, and the way
 * from headers and parameters to both.
 */
#include "rest/tree.h"

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

	sql_begin(&q, plan, t->arena, t->pass++);
	q.max_rows = t->options->max_rows;
	plan->limit = bounded(t, l->limit);
	plan->offset = l->offset;
	buf_lit(&q.text, "select ");
	sql_items(&q, l);
	sql_from(&q, l);
	sql_joins(&q, l);
	sql_where(&q, l);
	sql_groups(&q, l);
	sql_tail(&q, l, plan->limit, plan->offset);
	plan->main = sql_end(&q);
	compile_count(t, plan);
	return ST_OK;
}

/* ---- functions ----------------------------------------------------------- */

static enum status no_such_function(struct tree *t, struct sv argument)
{
	const struct rest_function *f = t->function;
	struct buf b buf_auto = BUF_INIT;

	for (size_t i = 0; i < f->narguments; i++)
		buf_addf(&b, "%s%.*s%s", i ? ", " : "", SV_ARG(f->arguments[i].name),
			 f->arguments[i].optional ? " (optional)" : "");
	*t->e = (struct err){ .status = ST_NOT_FOUND, .code = SV("PGRST202") };
	t->e->message = sv_from(arena_printf(
		t->arena,
		"Could not find the function %.*s.%.*s with the parameters that were sent",
		SV_ARG(f->schema), SV_ARG(f->name)));
	t->e->hint = sv_from(arena_printf(t->arena, "It takes %s%.*s", b.n ? "" : "no parameters",
					  SV_ARG(buf_sv(&b))));
	t->e->details = sv_from(arena_printf(t->arena, "Check %.*s", SV_ARG(argument)));
	return ST_NOT_FOUND;
}

/* The body's keys are arguments; what is missing has to have a default. */
static enum status check_body(struct tree *t, json_t *body)
{
	const struct rest_function *f = t->function;
	size_t known = 0;
	const char *key;
	json_t *value;

	for (size_t i = 0; i < f->narguments; i++) {
		if (json_object_getn(body, f->arguments[i].name.p, f->arguments[i].name.n))
			known++;
		else if (!f->arguments[i].optional)
			return no_such_function(t, f->arguments[i].name);
	}
	if (known == json_object_size(body))
		return ST_OK;
	json_object_foreach(body, key, value)
	{
		bool found = false;

		for (size_t i = 0; i < f->narguments; i++)
			found |= sv_eq(f->arguments[i].name, sv_from(key));
		if (!found)
			return no_such_function(t, arena_sv(t->arena, sv_from(key)));
	}
	return ST_OK;
}

/* "x"=>a."x" for what the body has. */
static void body_arguments(struct sql *q, const struct rest_function *f, json_t *body)
{
	bool first = true;

	for (size_t i = 0; i < f->narguments; i++) {
		const struct rest_argument *x = &f->arguments[i];

		if (!json_object_getn(body, x->name.p, x->name.n))
			continue;
		buf_addf(&q->text, "%s%.*s=>a.%.*s", first ? "" : ",", SV_ARG(x->quoted),
			 SV_ARG(x->quoted));
		first = false;
	}
}

static void body_record(struct sql *q, const struct rest_function *f, json_t *body, struct sv text)
{
	bool first = true;

	buf_lit(&q->text, "json_to_record(");
	sql_param(q, text);
	buf_lit(&q->text, "::json) as a(");
	for (size_t i = 0; i < f->narguments; i++) {
		const struct rest_argument *x = &f->arguments[i];

		if (!json_object_getn(body, x->name.p, x->name.n))
			continue;
		buf_addf(&q->text, "%s%.*s %.*s", first ? "" : ",", SV_ARG(x->quoted),
			 SV_ARG(x->type));
		first = false;
	}
	buf_addc(&q->text, ')');
}

static enum status query_arguments(struct tree *t, struct sql *q)
{
	const struct rest_function *f = t->function;
	bool first = true;

	for (size_t i = 0; i < f->narguments; i++) {
		const struct rest_argument *x = &f->arguments[i];
		const struct http_pair *sent = NULL;

		for (size_t j = 0; j < t->arguments.n; j++)
			if (sv_eq(t->arguments.v[j].name, x->name))
				sent = &t->arguments.v[j];
		if (!sent && !x->optional)
			return no_such_function(t, x->name);
		if (!sent)
			continue;
		buf_addf(&q->text, "%s%.*s=>", first ? "" : ",", SV_ARG(x->quoted));
		sql_param(q, sent->value);
		buf_addf(&q->text, "::%.*s", SV_ARG(x->type));
		first = false;
	}
	return ST_OK;
}

static void free_json(void *arg)
{
	json_decref(arg);
}

static enum status read_arguments(struct tree *t, struct sv *text, json_t **out)
{
	json_error_t at;

	*text = sv_trim(t->in->body);
	if (!text->n)
		*text = SV("{}");
	*out = json_loadb(text->p, text->n, JSON_DECODE_INT_AS_REAL, &at);
	if (*out)
		arena_cleanup(t->arena, free_json, *out);
	if (json_is_object(*out))
		return ST_OK;
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST102") };
	t->e->message = SV("The body has to be a JSON object with the function's parameters");
	return ST_BAD_INPUT;
}

/* fn("x"=>...), with the record of the body to its left where there is one. */
static enum status call_text(struct tree *t, struct sql *q, struct sv *record)
{
	struct sv text;
	json_t *body;
	struct buf before = BUF_INIT;

	buf_add(&q->text, t->function->quoted);
	buf_addc(&q->text, '(');
	if (t->in->method == HTTP_GET) {
		if (query_arguments(t, q))
			return t->e->status;
	} else {
		if (read_arguments(t, &text, &body) || check_body(t, body))
			return t->e->status;
		body_arguments(q, t->function, body);
		if (json_object_size(body)) {
			before = q->text;
			q->text = (struct buf)BUF_INIT;
			body_record(q, t->function, body, text);
			*record = arena_sv(t->arena, buf_sv(&q->text));
			buf_release(&q->text);
			q->text = before;
		}
	}
	buf_addc(&q->text, ')');
	return ST_OK;
}

static void call_scalar(struct tree *t, struct sql *q, struct sv call, struct sv record)
{
	if (t->function->set) {
		buf_lit(&q->text, "select to_json(v) as v from ");
		if (record.n)
			buf_addf(&q->text, "%.*s, lateral ", SV_ARG(record));
		buf_addf(&q->text, "%.*s as f(v)", SV_ARG(call));
		return;
	}
	if (sv_eq(t->function->result_type, SV("void")))
		buf_addf(&q->text, "select %.*s", SV_ARG(call));
	else
		buf_addf(&q->text, "select to_json(%.*s) as v", SV_ARG(call));
	if (record.n)
		buf_addf(&q->text, " from %.*s", SV_ARG(record));
}

static void call_rows(struct tree *t, struct sql *q, struct sv call, struct sv record,
		      struct rest_plan *plan)
{
	plan->limit = bounded(t, t->root->limit);
	plan->offset = t->root->offset;
	buf_lit(&q->text, "select ");
	sql_items(q, t->root);
	buf_lit(&q->text, " from ");
	if (record.n)
		buf_addf(&q->text, "%.*s, lateral ", SV_ARG(record));
	buf_addf(&q->text, "%.*s as t0", SV_ARG(call));
	sql_joins(q, t->root);
	sql_where(q, t->root);
	sql_groups(q, t->root);
	sql_tail(q, t->root, plan->limit, plan->offset);
}

enum status compile_call(struct tree *t, struct rest_plan *plan)
{
	const struct rest_function *f = t->function;
	struct sv call, record = SV_NONE;
	struct sql q;

	if (t->in->method != HTTP_POST && (t->in->method != HTTP_GET || f->changes))
		return err_set(t->e, t->arena, ST_BAD_METHOD, "Use POST");
	sql_begin(&q, plan, t->arena, 1);
	q.max_rows = t->options->max_rows;
	if (call_text(t, &q, &record)) {
		buf_release(&q.text);
		return t->e->status;
	}
	call = arena_sv(t->arena, buf_sv(&q.text));
	buf_clear(&q.text);
	plan->call = true;
	plan->answer = REST_ROWS;
	if (f->result) {
		call_rows(t, &q, call, record, plan);
		if (!f->set)
			plan->shape = REST_OBJECT;
	} else {
		call_scalar(t, &q, call, record);
		plan->shape = f->set ? REST_LIST : REST_SCALAR;
		if (sv_eq(f->result_type, SV("void")))
			plan->answer = REST_MINIMAL;
	}
	plan->main = sql_end(&q);
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
	case HTTP_PATCH:
		return compile_update(t, plan);
	case HTTP_DELETE:
		return compile_delete(t, plan);
	default:
		return err_set(t->e, t->arena, ST_BAD_METHOD, "Use GET, POST, PATCH or DELETE");
	}
}

/* Which of the preferences had a meaning here. */
static struct sv applied(const struct tree *t, const struct rest_plan *plan)
{
	static const char *const returns[] = { "", ", return=headers-only",
					       ", return=representation" };
	bool write = t->in->method != HTTP_GET && !plan->call;
	const char *how = write && sv_find(t->in->prefer, SV("return=")) >= 0
				  ? (plan->answer == REST_MINIMAL ? ", return=minimal"
								  : returns[plan->answer])
				  : "";
	const char *same = !write || t->in->method != HTTP_POST ? ""
			   : t->merge_duplicates		? ", resolution=merge-duplicates"
			   : t->ignore_duplicates		? ", resolution=ignore-duplicates"
								: "";
	char *text = arena_printf(t->arena, "%s%s%s%s", how, same,
				  write && t->missing_default ? ", missing=default" : "",
				  !t->counted	  ? ""
				  : t->planned	  ? ", count=planned"
				  : t->estimated  ? ", count=estimated"
						  : ", count=exact");

	return sv_from(text[0] ? text + 2 : text);
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
	plan->answer = in->method == HTTP_GET ? REST_ROWS : t.answer;
	plan->counted = t.counted;
	plan->table = t.root->name;
	if (bind_tree(&t) || (t.function ? compile_call(&t, plan) : compile_method(&t, plan)))
		return e->status;
	plan->applied = applied(&t, plan);
	return ST_OK;
}
