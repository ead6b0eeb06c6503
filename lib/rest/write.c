/*
 * insert, update, delete: the body goes to PostgreSQL as it was sent, in one
 * parameter, and json_populate_record gives its values their types.
 */
#include "rest/tree.h"

#include <string.h>

struct body {
	json_t *json; /* an array of objects */
	struct sv text;
	const struct rest_column **columns;
	size_t n;
	bool sealed;
};

static enum status bad_body(struct tree *t, const char *message)
{
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST102") };
	t->e->message = sv_from(message);
	return ST_BAD_INPUT;
}

static void free_json(void *arg)
{
	json_decref(arg);
}

static enum status load(struct tree *t, size_t flags, json_t **out)
{
	struct sv text = sv_trim(t->in->body);
	json_error_t at;

	if (sv_find(t->in->content_type, SV("text/csv")) >= 0)
		return err_set(t->e, t->arena, ST_BAD_MEDIA, "Send the rows as application/json");
	if (!text.n) {
		bad_body(t, "Empty or invalid json");
		t->e->hint = SV("Put the values as a JSON object into the body of the request");
		return t->e->status;
	}
	*out = json_loadb(text.p, text.n, flags, &at);
	if (!*out) {
		bad_body(t, "Empty or invalid json");
		t->e->details = sv_from(arena_printf(t->arena, "%s (line %d, column %d)", at.text,
						     at.line, at.column));
		return t->e->status;
	}
	arena_cleanup(t->arena, free_json, *out);
	return ST_OK;
}

/* ---- which columns ---------------------------------------------------------- */

static enum status unknown_column(struct tree *t, struct sv name)
{
	const struct rest_table *table = t->root->table;
	struct sv nearest = rest_column_nearest(table, name);

	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST204") };
	t->e->message = sv_from(arena_printf(
		t->arena, "Could not find the '%.*s' column of '%.*s' in the schema cache",
		SV_ARG(name), SV_ARG(table->name)));
	t->e->field = arena_sv(t->arena, name);
	if (nearest.n)
		t->e->hint = sv_from(arena_printf(t->arena, "Perhaps you meant the column '%.*s'",
						  SV_ARG(nearest)));
	return t->e->status;
}

/* API-47: whose a row is, the proxy knows from the key alone. */
static bool left_out(const struct tree *t, struct sv name)
{
	return t->in->flags & REST_PROXY && t->options->scope_column &&
	       sv_eq(name, sv_from(t->options->scope_column));
}

static enum status add_column(struct tree *t, struct body *b, struct sv name)
{
	const struct rest_column *c = rest_column_find(t->root->table, name);

	if (!c)
		return unknown_column(t, name);
	if (left_out(t, name))
		return ST_OK;
	for (size_t i = 0; i < b->n; i++)
		if (b->columns[i] == c)
			return ST_OK;
	b->sealed |= c->sealed;
	b->columns[b->n++] = c;
	return ST_OK;
}

static void room_for_columns(struct tree *t, struct body *b)
{
	b->columns =
		ARENA_ARRAY(t->arena, t->root->table->ncolumns + 1, const struct rest_column *);
}

/* columns=a,b */
static enum status columns_named(struct tree *t, struct body *b)
{
	struct sv rest = t->columns;

	room_for_columns(t, b);
	while (sv_present(rest)) {
		struct sv name = sv_trim(sv_cut(&rest, ','));

		if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
			name = sv_make(name.p + 1, name.n - 2);
		if (add_column(t, b, name))
			return t->e->status;
	}
	return ST_OK;
}

static bool same_keys(json_t *a, json_t *b)
{
	const char *key;
	json_t *value;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(a, key, value) if (!json_object_get(b, key)) return false;
	return true;
}

/* The keys of the first row; all others must have the same. */
static enum status columns_sent(struct tree *t, struct body *b)
{
	json_t *first = json_array_get(b->json, 0), *row, *value;
	const char *key;
	size_t i;

	room_for_columns(t, b);
	json_array_foreach(
		b->json, i,
		row) if (!same_keys(first, row) &&
			 !t->missing_default) return bad_body(t, "All object keys must match");
	json_array_foreach(b->json, i, row)
	{
		if (i && !t->missing_default)
			break;
		json_object_foreach(row, key,
				    value) if (add_column(t, b, sv_from(key))) return t->e->status;
	}
	return ST_OK;
}

/* ---- sealing ------------------------------------------------------------------ */

static enum status seal_value(struct tree *t, json_t *row, const struct rest_column *c)
{
	json_t *v = json_object_getn(row, c->name.p, c->name.n);
	struct sv sealed;

	if (!v || json_is_null(v))
		return ST_OK;
	if (!json_is_string(v) || !t->options->seal) {
		err_set(t->e, t->arena, ST_BAD_INPUT, "%.*s has to be a text", SV_ARG(c->name));
		t->e->field = c->name;
		return t->e->status;
	}
	sealed = t->options->seal(
		t->arena,
		sv_from(arena_printf(t->arena, "%.*s.%.*s", SV_ARG(t->root->table->name),
				     SV_ARG(c->name))),
		sv_make(json_string_value(v), json_string_length(v)));
	json_object_setn_new(row, c->name.p, c->name.n, json_stringn(sealed.p, sealed.n));
	return ST_OK;
}

/* The body again, with numbers kept as they are, and secrets sealed. */
static enum status seal_body(struct tree *t, struct body *b)
{
	json_t *json, *row;
	char *text;
	size_t i;

	if (load(t, 0, &json))
		return t->e->status;
	for (size_t c = 0; c < b->n; c++) {
		if (!b->columns[c]->sealed)
			continue;
		if (json_is_object(json) && seal_value(t, json, b->columns[c]))
			return t->e->status;
		json_array_foreach(json, i,
				   row) if (seal_value(t, row, b->columns[c])) return t->e->status;
	}
	text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
	b->text = arena_sv(t->arena, sv_from(text));
	free(text);
	return ST_OK;
}

/* ---- the body ------------------------------------------------------------------- */

static enum status as_rows(struct tree *t, struct body *b)
{
	json_t *row, *list;
	size_t i;

	b->text = sv_trim(t->in->body);
	if (json_is_object(b->json)) {
		list = json_array();
		json_array_append(list, b->json);
		arena_cleanup(t->arena, free_json, list);
		b->json = list;
		return ST_OK;
	}
	json_array_foreach(b->json, i, row) if (!json_is_object(row)) return bad_body(
		t, "The body has to be an object or an array of objects");
	return ST_OK;
}

static enum status read_body(struct tree *t, struct body *b)
{
	*b = (struct body){ 0 };
	/* Only its keys are looked at: any number is good enough here. */
	if (load(t, JSON_DECODE_INT_AS_REAL, &b->json) || as_rows(t, b))
		return t->e->status;
	if (sv_present(t->columns) ? columns_named(t, b) : columns_sent(t, b))
		return t->e->status;
	return b->sealed ? seal_body(t, b) : ST_OK;
}

static bool is_array(const struct body *b)
{
	return b->text.n && b->text.p[0] == '[';
}

/* ---- pieces of statements ----------------------------------------------------------- */

static void add_names(struct sql *q, const struct rest_column *const *columns, size_t n,
		      const char *prefix)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(&q->text, "%s%s%.*s", i ? "," : "", prefix, SV_ARG(columns[i]->quoted));
}

/* Rows are kept in a CTE where their representation needs more than their
 * own columns, or where there has to be exactly one. */
static bool needs_cte(const struct tree *t, const struct rest_plan *plan)
{
	return plan->answer == REST_ROWS &&
	       (level_embeds(t->root) || t->root->orders || plan->shape == REST_OBJECT);
}

static void begin_write(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	sql_begin(q, plan, t->arena, 1);
	q->max_rows = t->options->max_rows;
	if (needs_cte(t, plan))
		buf_lit(&q->text, "with w as (");
}

/* What is told of the rows, and the end of the statement. */
static void end_write(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	const struct rest_table *table = t->root->table;

	if (needs_cte(t, plan)) {
		buf_lit(&q->text, " returning ");
		sql_row(q, t->root);
		buf_lit(&q->text, ") select ");
		sql_items(q, t->root);
		buf_lit(&q->text, " from w as t0");
		sql_joins(q, t->root);
		/* More rows than one undo everything: dividing by zero is the
		 * shortest way to say so within the statement. */
		if (plan->shape == REST_OBJECT)
			buf_lit(&q->text, " where (select 1/(count(*)=1)::int from w)=1");
		sql_groups(q, t->root);
		sql_tail(q, t->root, -1, 0);
	} else if (plan->answer == REST_ROWS) {
		buf_lit(&q->text, " returning ");
		sql_items(q, t->root);
	} else if (plan->answer == REST_HEADERS && table->nprimary) {
		buf_lit(&q->text, " returning ");
		add_names(q, table->primary, table->nprimary, "t0.");
	} else {
		plan->answer = REST_MINIMAL;
	}
	plan->main = sql_end(q);
}

/* ---- insert ---------------------------------------------------------------------------- */

static void add_literal(struct sql *q, struct sv text)
{
	buf_addc(&q->text, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\'')
			buf_addc(&q->text, '\'');
		buf_addc(&q->text, text.p[i]);
	}
	buf_addc(&q->text, '\'');
}

/* missing=default: what a row does not have gets the column's default. */
static void rows_with_defaults(struct sql *q, const struct rest_table *table, const struct body *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct rest_column *c = b->columns[i];

		buf_addf(&q->text, "%scase when j.v::jsonb ? ", i ? "," : " ");
		add_literal(q, c->name);
		buf_addf(&q->text, " then r.%.*s else %.*s end", SV_ARG(c->quoted),
			 SV_ARG(c->default_sql.n ? c->default_sql : SV("null")));
	}
	buf_lit(&q->text, " from json_array_elements(");
	sql_param(q, b->text);
	buf_addf(&q->text, "::json) as j(v), lateral json_populate_record(null::%.*s,j.v) as r",
		 SV_ARG(table->quoted));
}

static void rows_as_sent(struct sql *q, const struct rest_table *table, const struct body *b)
{
	buf_lit(&q->text, " ");
	add_names(q, b->columns, b->n, "r.");
	buf_addf(&q->text, " from json_populate_recordset(null::%.*s,", SV_ARG(table->quoted));
	sql_param(q, b->text);
	buf_lit(&q->text, "::json) as r");
}

static bool named(const struct rest_column *const *columns, size_t n, const struct rest_column *c)
{
	for (size_t i = 0; i < n; i++)
		if (columns[i] == c)
			return true;
	return false;
}

/* on_conflict, else the primary key. Where rows have a scope, so do their
 * keys: on_conflict=id means (scope, id). */
static enum status conflict_columns(struct tree *t, struct body *keys)
{
	const struct rest_table *table = t->root->table;
	const struct rest_column *scope;
	struct sv sent = t->columns;

	if (!t->on_conflict.n) {
		keys->columns = table->primary;
		keys->n = table->nprimary;
		return ST_OK;
	}
	t->columns = t->on_conflict;
	if (columns_named(t, keys))
		return t->e->status;
	t->columns = sent;
	scope = rest_column_find(table, sv_from(t->options->scope_column));
	if (scope && named(table->primary, table->nprimary, scope) &&
	    !named(keys->columns, keys->n, scope))
		keys->columns[keys->n++] = scope;
	return ST_OK;
}

static enum status on_conflict(struct tree *t, struct sql *q, const struct body *b)
{
	struct body keys = { 0 };
	const char *glue = " do update set ";

	if (!t->merge_duplicates && !t->ignore_duplicates)
		return ST_OK;
	if (conflict_columns(t, &keys))
		return t->e->status;
	if (!keys.n)
		return ST_OK;
	buf_lit(&q->text, " on conflict (");
	add_names(q, keys.columns, keys.n, "");
	buf_addc(&q->text, ')');
	for (size_t i = 0; i < b->n && t->merge_duplicates; i++) {
		struct sv name = b->columns[i]->quoted;

		if (named(keys.columns, keys.n, b->columns[i]))
			continue;
		buf_addf(&q->text, "%s%.*s=excluded.%.*s", glue, SV_ARG(name), SV_ARG(name));
		glue = ",";
	}
	if (glue[0] == ' ')
		buf_lit(&q->text, " do nothing");
	return ST_OK;
}

enum status compile_insert(struct tree *t, struct rest_plan *plan)
{
	const struct rest_table *table = t->root->table;
	struct body b;
	struct sql q;

	if (t->id.n)
		return err_set(t->e, t->arena, ST_BAD_METHOD, "Use PATCH, GET or DELETE");
	if (read_body(t, &b))
		return t->e->status;
	if (!is_array(&b))
		b.text = sv_from(arena_printf(t->arena, "[%.*s]", SV_ARG(b.text)));
	t->root->conditions = NULL; /* there is nothing yet to filter */
	begin_write(t, plan, &q);
	buf_addf(&q.text, "insert into %.*s as t0", SV_ARG(table->quoted));
	if (b.n) {
		buf_lit(&q.text, "(");
		add_names(&q, b.columns, b.n, "");
		buf_lit(&q.text, ")");
	}
	buf_lit(&q.text, " select");
	if (t->missing_default && b.n)
		rows_with_defaults(&q, table, &b);
	else
		rows_as_sent(&q, table, &b);
	if (on_conflict(t, &q, &b)) {
		buf_release(&q.text);
		return t->e->status;
	}
	end_write(t, plan, &q);
	return ST_OK;
}

/* ---- update and delete ---------------------------------------------------------------- */

/* Nothing is meant to happen to all rows at once by a slip of the pen. */
static enum status check_filter(struct tree *t, const char *verb)
{
	const struct level *l = t->root;

	if (!l->conditions) {
		err_set(t->e, t->arena, ST_BAD_INPUT, "%s needs a filter", verb);
		t->e->code = SV("21000");
		t->e->hint = SV("Say which rows are meant, for example ?id=eq.<id>");
		return t->e->status;
	}
	if (l->limit >= 0 || l->offset) {
		parse_fail(t, "%s takes no limit and no offset", verb);
		t->e->hint = SV("Say by filters which rows are meant");
		return t->e->status;
	}
	return ST_OK;
}

/* Nothing to set: the rows stay as they are, and none is told of. */
static void update_nothing(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	buf_clear(&q->text);
	buf_lit(&q->text, "select ");
	sql_items(q, t->root);
	sql_from(q, t->root);
	buf_lit(&q->text, " where false");
	plan->main = sql_end(q);
}

enum status compile_update(struct tree *t, struct rest_plan *plan)
{
	const struct rest_table *table = t->root->table;
	struct body b;
	struct sql q;

	if (check_filter(t, "PATCH") || read_body(t, &b))
		return t->e->status;
	if (json_array_size(b.json) != 1)
		return bad_body(t, "PATCH takes one JSON object");
	if (is_array(&b))
		b.text = sv_trim(sv_make(b.text.p + 1, b.text.n - 2));
	begin_write(t, plan, &q);
	if (!b.n) {
		update_nothing(t, plan, &q);
		return ST_OK;
	}
	buf_addf(&q.text, "update %.*s as t0 set ", SV_ARG(table->quoted));
	for (size_t i = 0; i < b.n; i++)
		buf_addf(&q.text, "%s%.*s=r.%.*s", i ? "," : "", SV_ARG(b.columns[i]->quoted),
			 SV_ARG(b.columns[i]->quoted));
	buf_addf(&q.text, " from json_populate_record(null::%.*s,", SV_ARG(table->quoted));
	sql_param(&q, b.text);
	buf_lit(&q.text, "::json) as r");
	sql_where(&q, t->root);
	end_write(t, plan, &q);
	return ST_OK;
}

enum status compile_delete(struct tree *t, struct rest_plan *plan)
{
	struct sql q;

	if (check_filter(t, "DELETE"))
		return t->e->status;
	begin_write(t, plan, &q);
	buf_lit(&q.text, "delete");
	sql_from(&q, t->root);
	sql_where(&q, t->root);
	end_write(t, plan, &q);
	return ST_OK;
}
