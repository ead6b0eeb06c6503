/*
 * Functions: which one of a name takes what was sent, and its call.
 *
 * By GET and from forms the arguments are texts, one parameter each; from
 * JSON they are the fields of a record. A function whose one argument has no
 * name takes the whole body.
 */
#include "rest/tree.h"

#include <string.h>

struct call {
	struct http_pairs given; /* GET and forms */
	struct sv *names;        /* what is looked for among the arguments */
	size_t n;
	struct sv text;          /* JSON: an object, or an array of them */
	bool json, array;
	bool raw;                /* of a type that only an unnamed argument takes */
	bool whole;              /* the chosen function takes the body */
};

/* ---- what was sent ---------------------------------------------------------- */

static void add_name(struct tree *t, struct sv name)
{
	struct call *c = t->call;

	for (size_t i = 0; i < c->n; i++)
		if (sv_eq(c->names[i], name))
			return;
	if ((c->n & (c->n - 1)) == 0) { /* 0 and the powers of two */
		struct sv *more = ARENA_ARRAY(t->arena, c->n ? 2 * c->n : 1, struct sv);

		if (c->n)
			memcpy(more, c->names, c->n * sizeof(*more));
		c->names = more;
	}
	c->names[c->n++] = name;
}

static bool is_reserved(struct sv name)
{
	static const char *const words[] = { "select", "columns", "on_conflict", "apikey",
					     "order",  "limit",	  "offset",	 "and",
					     "or",     "not.and", "not.or" };
	ptrdiff_t dot;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (sv_eq(name, sv_from(words[i])))
			return true;
	/* clients.order: of an embedded relation. */
	dot = sv_chr(name, '.');
	return dot > 0 && is_reserved(sv_skip(name, (size_t)dot + 1));
}

/* eq.7, not.in.(a,b), like(any).{a}: then it is a filter. */
static bool has_operator(struct sv value)
{
	size_t n = 0;

	if (sv_starts(value, SV("not.")))
		value = sv_skip(value, 4);
	while (n < value.n && value.p[n] != '.' && value.p[n] != '(')
		n++;
	return n < value.n && op_find(sv_make(value.p, n));
}

/* `all`: values that read like a filter too. */
static void url_arguments(struct tree *t, bool all)
{
	const struct http_pairs *q = t->in->query;
	struct call *c = t->call;

	c->n = c->given.n = 0;
	c->given.v = ARENA_ARRAY(t->arena, q->n + 1, struct http_pair);
	for (size_t i = 0; i < q->n; i++) {
		const struct http_pair *p = &q->v[i];

		if (!p->name.n || is_reserved(p->name) || (!all && has_operator(p->value)))
			continue;
		c->given.v[c->given.n++] = *p;
		add_name(t, p->name);
	}
}

bool call_takes(const struct tree *t, const struct http_pair *p)
{
	if (!t->call || t->in->method == HTTP_POST)
		return false;
	for (size_t i = 0; i < t->call->given.n; i++)
		if (t->call->given.v[i].name.p == p->name.p)
			return true;
	return false;
}

static enum status form_arguments(struct tree *t)
{
	struct call *c = t->call;

	if (http_parse_urlencoded(t->arena, t->in->body, &c->given, t->e))
		return t->e->status;
	for (size_t i = 0; i < c->given.n; i++)
		add_name(t, c->given.v[i].name);
	return ST_OK;
}

static void free_json(void *arg)
{
	json_decref(arg);
}

/* Of an array the first object counts. */
static enum status json_arguments(struct tree *t)
{
	struct call *c = t->call;
	const char *key;
	json_t *json, *value;

	c->json = true;
	c->text = sv_trim(t->in->body);
	if (!c->text.n)
		c->text = SV("{}");
	json = json_loadb(c->text.p, c->text.n, JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, NULL);
	if (!json)
		return body_fail(t, "Empty or invalid json");
	arena_cleanup(t->arena, free_json, json);
	c->array = json_is_array(json);
	json_object_foreach(c->array ? json_array_get(json, 0) : json, key, value)
		add_name(t, arena_sv(t->arena, sv_from(key)));
	return ST_OK;
}

static enum status csv_arguments(struct tree *t)
{
	struct call *c = t->call;
	struct body b;

	if (body_read(t, &b))
		return t->e->status;
	c->json = c->array = true;
	c->text = b.text;
	c->names = b.names;
	c->n = b.n;
	return ST_OK;
}

static void columns_named(struct tree *t)
{
	struct body columns = { 0 };

	for (size_t i = 0; i < t->in->query->n; i++) {
		if (!sv_eq(t->in->query->v[i].name, SV("columns")) ||
		    body_names(t, t->in->query->v[i].value, &columns))
			continue;
		t->call->names = columns.names;
		t->call->n = columns.n;
	}
}

static enum status post_arguments(struct tree *t)
{
	struct sv type = t->in->content_type;
	bool form = sv_starts(type, SV("application/x-www-form-urlencoded"));

	/* curl -d says "form" of whatever it sends. */
	if (form && !body_begins_json(t))
		return form_arguments(t);
	if (sv_starts(type, SV("text/csv")))
		return csv_arguments(t);
	t->call->raw = type.n && !form && sv_find(type, SV("json")) < 0;
	if (t->call->raw)
		return ST_OK;
	if (!json_arguments(t))
		columns_named(t);
	return t->e->status;
}

/* ---- which function ------------------------------------------------------------- */

static const struct rest_argument *argument(const struct rest_function *f, struct sv name)
{
	for (size_t i = 0; i < f->narguments; i++)
		if (f->arguments[i].name.n && sv_eq(f->arguments[i].name, name))
			return &f->arguments[i];
	return NULL;
}

static bool was_sent(const struct call *c, const struct rest_argument *x)
{
	for (size_t i = 0; i < c->n; i++)
		if (sv_eq(c->names[i], x->name))
			return true;
	return false;
}

/* Each name is an argument, and nothing that is required is missing. */
static bool takes_names(const struct rest_function *f, const struct call *c)
{
	if (f->unnamed || c->raw)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (!argument(f, c->names[i]))
			return false;
	for (size_t i = 0; i < f->narguments; i++)
		if (!f->arguments[i].optional && !was_sent(c, &f->arguments[i]))
			return false;
	return true;
}

static bool takes_body(const struct tree *t, const struct rest_function *f)
{
	struct sv sent = t->in->content_type, type;

	if (t->in->method != HTTP_POST || !f->unnamed)
		return false;
	type = f->arguments[0].type;
	if (t->call->json && !sv_starts(sent, SV("text/csv")))
		return sv_eq(type, SV("json")) || sv_eq(type, SV("jsonb"));
	if (sv_starts(sent, SV("text/plain")))
		return sv_eq(type, SV("text"));
	if (sv_starts(sent, SV("text/xml")))
		return sv_eq(type, SV("xml"));
	return sv_starts(sent, SV("application/octet-stream")) && sv_eq(type, SV("bytea"));
}

static void add_signature(struct buf *b, const struct rest_function *f)
{
	buf_addf(b, "%s%.*s.%.*s(", b->n ? ", " : "", SV_ARG(f->schema), SV_ARG(f->name));
	for (size_t i = 0; i < f->narguments; i++)
		buf_addf(b, "%s%.*s => %.*s", i ? ", " : "", SV_ARG(f->arguments[i].name),
			 SV_ARG(f->arguments[i].type));
	buf_addc(b, ')');
}

static enum status ambiguous(struct tree *t, struct sv signatures)
{
	*t->e = (struct err){ .status = ST_AMBIGUOUS, .code = SV("PGRST203") };
	t->e->message = sv_from(
		arena_printf(t->arena, "Could not choose the best candidate function between: %.*s",
			     SV_ARG(signatures)));
	t->e->hint = SV("Try renaming the parameters or the function itself in the database so "
			"function overloading can be resolved");
	return t->e->status;
}

/* The functions that fit, by their names or by taking the body. */
static enum status choose(struct tree *t, struct rest_function *const *f, size_t n, bool whole)
{
	struct buf signatures buf_auto = BUF_INIT;
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (whole ? !takes_body(t, f[i]) : !takes_names(f[i], t->call))
			continue;
		found++;
		add_signature(&signatures, f[i]);
		t->function = f[i];
		t->call->whole = whole;
	}
	return found > 1 ? ambiguous(t, buf_sv(&signatures)) : ST_OK;
}

/* ---- none ------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

/* (a, b) with the names in the alphabet. */
static struct sv name_list(struct tree *t, struct sv *names, size_t n)
{
	struct buf b buf_auto = BUF_INIT;

	if (n)
		qsort(names, n, sizeof(*names), by_name);
	buf_addc(&b, '(');
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%.*s", i ? ", " : "", SV_ARG(names[i]));
	buf_addc(&b, ')');
	return arena_sv(t->arena, buf_sv(&b));
}

static struct sv argument_list(struct tree *t, const struct rest_function *f)
{
	struct sv *names = ARENA_ARRAY(t->arena, f->narguments + 1, struct sv);

	for (size_t i = 0; i < f->narguments; i++)
		names[i] = f->arguments[i].name;
	return name_list(t, names, f->narguments);
}

/* The nearest function by name; of that name, the nearest by arguments. */
static void suggest(struct tree *t, struct sv name, struct sv sent,
		    struct rest_function *const *f, size_t n)
{
	struct sv *lists = ARENA_ARRAY(t->arena, n + 1, struct sv), nearest;

	for (size_t i = 0; i < n; i++)
		lists[i] = argument_list(t, f[i]);
	if (!n) {
		name = rest_function_nearest(t->schema, t->schema_name, name);
		nearest = name;
	} else if (n == 1 && !t->options->strict) {
		nearest = lists[0]; /* what else could be meant */
	} else {
		nearest = rest_name_nearest(lists, n, sent);
	}
	if (nearest.n)
		t->e->hint = sv_from(arena_printf(
			t->arena, "Perhaps you meant to call the function %.*s.%.*s%.*s",
			SV_ARG(t->schema_name), SV_ARG(name), n ? (int)nearest.n : 0, nearest.p));
}

static const char *unnamed_kind(const struct tree *t)
{
	struct sv type = t->in->content_type;

	if (t->in->method != HTTP_POST)
		return NULL;
	return sv_starts(type, SV("text/plain"))	       ? "text" :
	       sv_starts(type, SV("text/xml"))		       ? "xml" :
	       sv_starts(type, SV("application/octet-stream")) ? "bytea" :
	       sv_starts(type, SV("text/csv"))		       ? NULL :
	       t->call->json				       ? "json/jsonb" :
								 NULL;
}

static enum status no_function(struct tree *t, struct sv name, struct rest_function *const *f,
			       size_t n)
{
	const struct call *c = t->call;
	struct sv list = name_list(t, c->names, c->n);
	struct sv bare = sv_make(list.p + 1, list.n - 2);
	const char *kind = unnamed_kind(t), *with = "", *how = "";

	*t->e = (struct err){ .status = ST_NOT_FOUND, .code = SV("PGRST202") };
	if (!c->raw)
		with = c->n ? list.p : " without parameters";
	t->e->message = sv_from(arena_printf(
		t->arena, "Could not find the function %.*s.%.*s%s in the schema cache",
		SV_ARG(t->schema_name), SV_ARG(name), with));
	if (!c->raw)
		how = c->n ? arena_printf(t->arena, " with parameter%s %.*s", c->n > 1 ? "s" : "",
					  SV_ARG(bare)) :
			     " without parameters";
	if (kind)
		how = arena_printf(t->arena, "%s%s with a single unnamed %s parameter", how,
				   c->raw ? "" : " or", kind);
	t->e->details = sv_from(arena_printf(t->arena,
					     "Searched for the function %.*s.%.*s%s, but no "
					     "matches were found in the schema cache.",
					     SV_ARG(t->schema_name), SV_ARG(name), how));
	if (!c->raw)
		suggest(t, name, list, f, n);
	return t->e->status;
}

static enum status bad_method(struct tree *t)
{
	static const struct {
		enum http_method method;
		const char *name;
	} names[] = { { HTTP_PUT, "PUT" }, { HTTP_PATCH, "PATCH" }, { HTTP_DELETE, "DELETE" } };
	const char *name = "that";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].method == t->in->method)
			name = names[i].name;
	*t->e = (struct err){ .status = ST_BAD_METHOD, .code = SV("PGRST101") };
	t->e->message = sv_from(arena_printf(t->arena, "Cannot use the %s method on RPC", name));
	return t->e->status;
}

enum status call_bind(struct tree *t, struct sv name)
{
	size_t n;
	struct rest_function *const *f = rest_function_find(t->schema, t->schema_name, name, &n);

	t->call = ARENA_NEW(t->arena, struct call);
	if (t->in->method == HTTP_POST) {
		if (post_arguments(t))
			return t->e->status;
	} else if (t->in->method == HTTP_GET || t->in->method == HTTP_HEAD) {
		url_arguments(t, false);
	} else {
		return bad_method(t);
	}
	if (choose(t, f, n, false) || (!t->function && choose(t, f, n, true)))
		return t->e->status;
	if (!t->function && t->in->method != HTTP_POST) {
		/* An argument may well look like a filter. */
		url_arguments(t, true);
		if (choose(t, f, n, false))
			return t->e->status;
		if (!t->function)
			url_arguments(t, false);
	}
	if (!t->function)
		return no_function(t, name, f, n);
	t->root->table = t->function->result;
	t->root->name = t->function->result ? t->function->result->name : name;
	return ST_OK;
}

/* ---- the call ------------------------------------------------------------------------ */

/* {a,"b"}: the values of a variadic argument. */
static struct sv array_of(struct tree *t, const struct rest_argument *x)
{
	struct buf b buf_auto = BUF_INIT;

	buf_addc(&b, '{');
	for (size_t i = 0; i < t->call->given.n; i++) {
		struct sv v = t->call->given.v[i].value;

		if (!sv_eq(t->call->given.v[i].name, x->name))
			continue;
		buf_add(&b, b.n > 1 ? SV(",\"") : SV("\""));
		for (size_t j = 0; j < v.n; j++) {
			if (v.p[j] == '"' || v.p[j] == '\\')
				buf_addc(&b, '\\');
			buf_addc(&b, v.p[j]);
		}
		buf_addc(&b, '"');
	}
	buf_addc(&b, '}');
	return arena_sv(t->arena, buf_sv(&b));
}

/* The last one of that name. */
static struct sv value_of(const struct call *c, const struct rest_argument *x)
{
	struct sv value = SV_NONE;

	for (size_t i = 0; i < c->given.n; i++)
		if (sv_eq(c->given.v[i].name, x->name))
			value = c->given.v[i].value;
	return value;
}

/* "x"=>$1::type, or "x"=>a."x" from the record. */
static void add_argument(struct tree *t, struct sql *q, const struct rest_argument *x)
{
	buf_addf(&q->text, "%s%.*s=>", x->variadic ? "variadic " : "", SV_ARG(x->quoted));
	if (t->call->json) {
		buf_addf(&q->text, "a.%.*s", SV_ARG(x->quoted));
		return;
	}
	sql_param(q, x->variadic ? array_of(t, x) : value_of(t->call, x));
	buf_addf(&q->text, "::%.*s", SV_ARG(x->type));
}

static void add_body(struct tree *t, struct sql *q, const struct rest_argument *x)
{
	struct sv type = x->type;

	sql_param(q, t->call->json ? t->call->text : t->in->body);
	if (sv_eq(type, SV("bytea")))
		q->params[q->n - 1].kind = DB_BYTES_;
	buf_addf(&q->text, "::%.*s", SV_ARG(type));
}

static void add_call(struct tree *t, struct sql *q)
{
	const struct rest_function *f = t->function;
	bool first = true;

	buf_add(&q->text, f->quoted);
	buf_addc(&q->text, '(');
	for (size_t i = 0; i < f->narguments; i++) {
		if (!t->call->whole && !was_sent(t->call, &f->arguments[i]))
			continue;
		if (!first)
			buf_addc(&q->text, ',');
		first = false;
		if (t->call->whole)
			add_body(t, q, &f->arguments[i]);
		else
			add_argument(t, q, &f->arguments[i]);
	}
	buf_addc(&q->text, ')');
}

static bool takes_record(const struct tree *t)
{
	return t->call->json && !t->call->whole && t->call->n;
}

/* json_to_record(...) as a("x" type), to the left of the call. */
static void add_record(struct tree *t, struct sql *q)
{
	const struct rest_function *f = t->function;
	bool first = true;

	buf_lit(&q->text, "json_to_record(");
	sql_param(q, t->call->text);
	buf_add(&q->text, t->call->array ? SV("::json->0) as a(") : SV("::json) as a("));
	for (size_t i = 0; i < f->narguments; i++) {
		const struct rest_argument *x = &f->arguments[i];

		if (!was_sent(t->call, x))
			continue;
		buf_addf(&q->text, "%s%.*s %.*s", first ? "" : ",", SV_ARG(x->quoted),
			 SV_ARG(x->type));
		first = false;
	}
	buf_addc(&q->text, ')');
}

static int64_t bounded(const struct tree *t, int64_t limit)
{
	int64_t most = t->options->max_rows;

	return most && (limit < 0 || limit > most) ? most : limit;
}

/* select fn(...) as v [from record]; of a set: from [record, lateral] fn(...) */
/* select fn(...) as v [from record] */
static void call_scalar(struct tree *t, struct sql *q)
{
	bool json = t->function->result_as_json;

	buf_add(&q->text, json ? SV("select to_json(") : SV("select "));
	add_call(t, q);
	buf_add(&q->text, json ? SV(") as v") : SV(" as v"));
	if (!takes_record(t))
		return;
	buf_lit(&q->text, " from ");
	add_record(t, q);
}

/* select v from (select fn(...) as v [from record]) as f limit ...: a set of
 * anything, even of records whose columns nobody declared. */
static void call_scalars(struct tree *t, struct sql *q, struct rest_plan *plan)
{
	bool json = t->function->result_as_json;

	plan->limit = bounded(t, t->root->limit);
	plan->offset = t->root->offset;
	buf_add(&q->text, json ? SV("select to_json(v) as v from (select ") :
				 SV("select v from (select "));
	add_call(t, q);
	buf_lit(&q->text, " as v");
	if (takes_record(t)) {
		buf_lit(&q->text, " from ");
		add_record(t, q);
	}
	buf_lit(&q->text, ") as f");
	sql_tail(q, t->root, plan->limit, plan->offset);
}

/* [record, lateral] fn(...) as t0 */
static void add_rows(struct tree *t, struct sql *q)
{
	if (takes_record(t)) {
		add_record(t, q);
		buf_lit(&q->text, ", lateral ");
	}
	add_call(t, q);
	buf_lit(&q->text, " as t0");
}

/*
 * A function is called once, so its rows pass through a CTE to be counted
 * before the limit. The number is left in a setting, which another statement
 * of the same pipeline reads. As a subquery of its own it is computed first,
 * whether there are rows or not.
 */
static void add_counted(struct tree *t, struct sql *q, struct rest_plan *plan)
{
	buf_lit(&q->text, "(select * from w where (select set_config('rest.count',count(*)::text,"
			  "true) from w as t0");
	sql_where(q, t->root);
	buf_lit(&q->text, ")<>'') as t0");
	plan->count.sql = SV("select current_setting('rest.count',true)");
}

static void call_rows(struct tree *t, struct sql *q, struct rest_plan *plan)
{
	bool count = t->counted && !t->planned && t->function->set;

	plan->limit = bounded(t, t->root->limit);
	plan->offset = t->root->offset;
	if (count) {
		buf_lit(&q->text, "with w as (select t0.* from ");
		add_rows(t, q);
		buf_lit(&q->text, ") ");
	}
	buf_lit(&q->text, "select ");
	sql_items(q, t->root);
	buf_lit(&q->text, " from ");
	if (count)
		add_counted(t, q, plan);
	else
		add_rows(t, q);
	sql_joins(q, t->root);
	sql_where(q, t->root);
	sql_groups(q, t->root);
	sql_tail(q, t->root, plan->limit, plan->offset);
}

/* What a client expects of the number of rows, or nothing holds. */
static void check_rows(struct tree *t, struct sql *q, struct rest_plan *plan)
{
	struct buf text = q->text;
	bool bound = t->prefer.strict && t->prefer.max_affected >= 0;

	if (!t->function->set || (t->shape != REST_OBJECT && !bound))
		return;
	plan->checked = true;
	q->text = (struct buf)BUF_INIT;
	struct sv query = buf_sv(&text);
	buf_addf(&q->text, "with w as (%.*s) select * from w where ", SV_ARG(query));
	buf_release(&text);
	if (t->shape == REST_OBJECT)
		sql_expect(q, "PGRST116", "=1");
	if (!bound)
		return;
	if (t->shape == REST_OBJECT)
		buf_lit(&q->text, " and ");
	sql_expect(q, "PGRST124",
		   arena_printf(t->arena, "<=%lld", (long long)t->prefer.max_affected));
}

static enum status check_bound(struct tree *t)
{
	if (t->function->set || !t->prefer.strict || t->prefer.max_affected < 0)
		return ST_OK;
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST128") };
	t->e->message = SV("Function must return SETOF or TABLE when max-affected preference is "
			   "used with handling=strict");
	return t->e->status;
}

enum status compile_call(struct tree *t, struct rest_plan *plan)
{
	const struct rest_function *f = t->function;
	struct sql q;

	if (check_bound(t))
		return t->e->status;
	sql_begin(&q, plan, t->arena, t->pass++);
	q.max_rows = t->options->max_rows;
	plan->call = true;
	plan->single = !f->set;
	plan->read_only = t->in->method != HTTP_POST;
	plan->answer = sv_eq(f->result_type, SV("void")) ? REST_MINIMAL : REST_ROWS;
	if (f->result) {
		call_rows(t, &q, plan);
		plan->shape = f->set ? t->shape : REST_OBJECT;
	} else {
		if (f->set)
			call_scalars(t, &q, plan);
		else
			call_scalar(t, &q);
		plan->shape = f->set && t->shape != REST_OBJECT ? REST_LIST : REST_SCALAR;
	}
	check_rows(t, &q, plan);
	plan->main = sql_end(&q);
	return ST_OK;
}
