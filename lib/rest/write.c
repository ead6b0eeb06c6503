/*
 * insert, update, delete: the body goes to PostgreSQL as JSON in one
 * parameter, and json_to_record gives its values their types.
 *
 * Where more is told of the written rows than their own columns, or their
 * number matters, they pass through a CTE: "with w as (insert ...) select ...
 * from w as t0", the read side over what was written.
 */
#include "rest/tree.h"

#include <string.h>

/* The rows to be written, and where their values go. */
struct rows {
	struct body body;
	const struct rest_column **columns;
	size_t n;
	bool sealed;
};

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

static bool is_among(const struct rest_column *const *columns, size_t n,
		     const struct rest_column *c)
{
	for (size_t i = 0; i < n; i++)
		if (columns[i] == c)
			return true;
	return false;
}

static enum status find_columns(struct tree *t, struct rows *r)
{
	r->columns = ARENA_ARRAY(t->arena, r->body.n + 2, const struct rest_column *);
	for (size_t i = 0; i < r->body.n; i++) {
		struct sv name = r->body.names[i];
		const struct rest_column *c = rest_column_find(t->root->table, name);

		if (!c)
			return unknown_column(t, name);
		if (left_out(t, name) || is_among(r->columns, r->n, c))
			continue;
		r->sealed |= c->sealed;
		r->columns[r->n++] = c;
	}
	return ST_OK;
}

/* ---- sealing ------------------------------------------------------------------ */

static void free_json(void *arg)
{
	json_decref(arg);
}

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

static enum status seal_row(struct tree *t, const struct rows *r, json_t *row)
{
	for (size_t c = 0; c < r->n; c++)
		if (r->columns[c]->sealed && seal_value(t, row, r->columns[c]))
			return t->e->status;
	return ST_OK;
}

/* The body again, with numbers kept as they are, and secrets sealed. */
static enum status seal_body(struct tree *t, struct rows *r)
{
	json_t *json = json_loadb(r->body.text.p, r->body.text.n, 0, NULL), *row;
	char *text;
	size_t i;

	if (!json)
		return body_fail(t, "A number in the body is too large");
	arena_cleanup(t->arena, free_json, json);
	if (json_is_object(json) && seal_row(t, r, json))
		return t->e->status;
	json_array_foreach(json, i, row) {
		if (seal_row(t, r, row))
			return t->e->status;
	}
	text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
	r->body.text = arena_sv(t->arena, sv_from(text));
	free(text);
	return ST_OK;
}

static enum status read_rows(struct tree *t, struct rows *r)
{
	*r = (struct rows){ 0 };
	if (body_read(t, &r->body) || find_columns(t, r))
		return t->e->status;
	return r->sealed ? seal_body(t, r) : ST_OK;
}

/* ---- the values of the rows --------------------------------------------------- */

static void add_names(struct sql *q, const struct rest_column *const *columns, size_t n,
		      const char *prefix)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(&q->text, "%s%s%.*s", i ? "," : "", prefix, SV_ARG(columns[i]->quoted));
}

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

/* A domain may have its own form in JSON. */
static void add_sent(struct sql *q, const struct rest_column *c)
{
	buf_addf(&q->text, c->from_json.n ? "%.*s(r.%.*s)" : "%.*sr.%.*s", SV_ARG(c->from_json),
		 SV_ARG(c->quoted));
}

/* The value of a column; missing=default: what a row does not have gets the
 * column's default. */
static void add_value(struct tree *t, struct sql *q, const struct rest_column *c)
{
	if (!t->missing_default) {
		add_sent(q, c);
		return;
	}
	buf_lit(&q->text, "case when b.j ? ");
	add_literal(q, c->name);
	buf_lit(&q->text, " then ");
	add_sent(q, c);
	struct sv otherwise = c->default_sql.n ? c->default_sql : SV("null");
	buf_addf(&q->text, " else %.*s end", SV_ARG(otherwise));
}

/* as r("id" uuid,"title" text) */
static void add_types(struct sql *q, const struct rows *r)
{
	buf_lit(&q->text, " as r(");
	for (size_t i = 0; i < r->n; i++) {
		const struct rest_column *c = r->columns[i];
		struct sv type = c->from_json.n ? SV("json") : c->type;

		buf_addf(&q->text, "%s%.*s %.*s", i ? "," : "", SV_ARG(c->quoted), SV_ARG(type));
	}
	buf_addc(&q->text, ')');
}

/* from ...: one row of values per object, or nothing at all for the one
 * object without a key. */
static void add_source(struct tree *t, struct sql *q, const struct rows *r)
{
	if (!r->n) {
		if (!r->body.array)
			return;
		buf_lit(&q->text, " from json_array_elements(");
		sql_param(q, r->body.text);
		buf_lit(&q->text, "::json) as r");
		return;
	}
	if (t->missing_default) {
		buf_add(&q->text, r->body.array ? SV(" from jsonb_array_elements(") :
						  SV(" from (select "));
		sql_param(q, r->body.text);
		buf_lit(&q->text, "::jsonb) as b(j),jsonb_to_record(b.j)");
	} else {
		buf_add(&q->text, r->body.array ? SV(" from json_to_recordset(") :
						  SV(" from json_to_record("));
		sql_param(q, r->body.text);
		buf_lit(&q->text, "::json)");
	}
	add_types(q, r);
}

/* ---- what is told of the rows --------------------------------------------------- */

/* Embeds, order and a number that matters are for the read side. */
static bool needs_cte(const struct tree *t, const struct rest_plan *plan)
{
	if (plan->shape == REST_OBJECT || t->in->method == HTTP_PUT || plan->checked)
		return true;
	return plan->answer == REST_ROWS && (level_embeds(t->root) || t->root->orders);
}

/* POST and PUT make rows where there may be none to count. */
static bool is_bounded(const struct tree *t)
{
	return t->prefer.strict && t->prefer.max_affected >= 0 &&
	       (t->in->method == HTTP_PATCH || t->in->method == HTTP_DELETE);
}

static void begin_write(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	sql_begin(q, plan, t->arena, t->pass++);
	q->max_rows = t->options->max_rows;
	plan->checked = plan->shape == REST_OBJECT || t->in->method == HTTP_PUT || is_bounded(t);
	if (needs_cte(t, plan))
		buf_lit(&q->text, "with w as (");
}

void sql_expect(struct sql *q, const char *code, const char *test)
{
	buf_addf(&q->text, "(select case when count(*)%s then 1 else ('%s:'||count(*))::int end"
			   " from w)=1", test, code);
}

/* The conditions under which anything at all is written. */
static const char *expected(struct tree *t, struct rest_plan *plan)
{
	struct sql q = { .arena = t->arena };

	if (!plan->checked)
		return NULL;
	if (t->in->method == HTTP_PUT)
		sql_expect(&q, "PGRST115", "=1");
	else if (plan->shape == REST_OBJECT)
		sql_expect(&q, "PGRST116", "=1");
	if (is_bounded(t)) {
		if (q.text.n)
			buf_lit(&q.text, " and ");
		sql_expect(&q, "PGRST124",
			   arena_printf(t->arena, "<=%lld", (long long)t->prefer.max_affected));
	}
	return sql_end(&q).sql.p;
}

/* Functions of the row need all of it. */
static bool needs_all(const struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next)
		if (i->star || (i->embed && !i->embed->relation.key) ||
		    (!i->embed && (!i->field.column || i->field.column->call.n)))
			return true;
	for (const struct order *o = l->orders; o; o = o->next)
		if (o->related || o->field.column->call.n)
			return true;
	return false;
}

static bool calls_function(const struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next)
		if (i->embed ? i->embed->relation.computed != NULL :
			       i->field.column && i->field.column->call.n)
			return true;
	return false;
}

static void needed(const struct rest_column **list, size_t *n, const struct rest_column *c)
{
	if (!is_among(list, *n, c))
		list[(*n)++] = c;
}

/* The root's side of the key that leads to an embedded relation. */
static void needed_for_embed(const struct relation *r, const struct rest_column **list, size_t *n)
{
	const struct rest_key *k = r->key;

	for (size_t i = 0; i < k->n; i++)
		needed(list, n, r->forward ? k->from_columns[i] : k->to_columns[i]);
}

static void needed_for_rows(const struct level *l, const struct rest_column **list, size_t *n)
{
	for (const struct item *i = l->items; i; i = i->next)
		if (i->embed)
			needed_for_embed(&i->embed->relation, list, n);
		else
			needed(list, n, i->field.column);
	for (const struct order *o = l->orders; o; o = o->next)
		needed(list, n, o->field.column);
}

/* returning ...: what the read side needs and no more, for reading a column
 * takes a privilege of its own. */
static void returning(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	const struct level *root = t->root;
	const struct rest_table *table = root->table;
	const struct rest_column **list =
		ARENA_ARRAY(t->arena, table->ncolumns + 1, const struct rest_column *);
	size_t n = 0;

	buf_lit(&q->text, " returning ");
	if (plan->answer == REST_ROWS && calls_function(root)) {
		buf_lit(&q->text, "t0.*");
	} else if (plan->answer == REST_ROWS && needs_all(root)) {
		sql_row(q, root);
	} else {
		if (plan->answer == REST_ROWS)
			needed_for_rows(root, list, &n);
		for (size_t i = 0; plan->answer == REST_HEADERS && i < table->nprimary; i++)
			needed(list, &n, table->primary[i]);
		add_names(q, list, n, "t0.");
		buf_add(&q->text, n ? SV("") : SV("1"));
	}
}

/* The read side over what was written. */
static void read_written(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	const struct rest_table *table = t->root->table;
	const char *expect;

	returning(t, plan, q);
	buf_lit(&q->text, ") select ");
	if (plan->answer == REST_ROWS)
		sql_items(q, t->root);
	else if (plan->answer == REST_HEADERS)
		add_names(q, table->primary, table->nprimary, "t0.");
	expect = expected(t, plan);
	if (expect)
		buf_addf(&q->text, " from (select * from w where %s) as t0", expect);
	else
		buf_lit(&q->text, " from w as t0");
	if (plan->answer != REST_ROWS)
		return;
	sql_joins(q, t->root);
	t->root->conditions = NULL; /* they said which rows were meant */
	sql_where(q, t->root);
	sql_groups(q, t->root);
	sql_tail(q, t->root, -1, 0);
}

static enum status give_up(struct tree *t, struct sql *q)
{
	buf_release(&q->text);
	return t->e->status;
}

static void end_write(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	const struct rest_table *table = t->root->table;

	if (plan->answer == REST_HEADERS && !table->nprimary)
		plan->answer = REST_MINIMAL;
	if (needs_cte(t, plan)) {
		read_written(t, plan, q);
	} else if (plan->answer == REST_ROWS) {
		buf_lit(&q->text, " returning ");
		if (!sql_items(q, t->root))
			buf_addc(&q->text, '1');
	} else if (plan->answer == REST_HEADERS) {
		buf_lit(&q->text, " returning ");
		add_names(q, table->primary, table->nprimary, "t0.");
	}
	plan->main = sql_end(q);
	version_written(t, plan);
}

/* ---- insert ---------------------------------------------------------------------- */

/*
 * How many of an upsert's rows are new is not said by PostgreSQL: each row
 * counts one up in a setting of this transaction, and each that was there
 * already counts one down again.
 */
#define INSERTED "coalesce(nullif(current_setting('rest.inserted',true),'')::int,0)"
static const char count_up[] = "set_config('rest.inserted',(" INSERTED "+1)::text,true)<>''";
static const char count_down[] = "set_config('rest.inserted',(" INSERTED "-1)::text,true)<>''";

static void ask_inserted(struct rest_plan *plan)
{
	plan->inserted.sql = SV("select " INSERTED);
}

/* on_conflict, else the primary key. Where rows have a scope, so do their
 * keys: on_conflict=id means (scope, id). */
static enum status conflict_columns(struct tree *t, struct rows *keys)
{
	const struct rest_table *table = t->root->table;
	const struct rest_column *scope;

	*keys = (struct rows){ .columns = table->primary, .n = table->nprimary };
	if (!t->on_conflict.n || t->in->method == HTTP_PUT)
		return ST_OK;
	keys->n = 0;
	if (body_names(t, t->on_conflict, &keys->body) || find_columns(t, keys))
		return t->e->status;
	scope = rest_column_find(table, sv_from(t->options->scope_column));
	if (scope && is_among(table->primary, table->nprimary, scope) &&
	    !is_among(keys->columns, keys->n, scope))
		keys->columns[keys->n++] = scope;
	return ST_OK;
}

/* Set what was sent; the key itself only where there is nothing else, so that
 * its row is told of. */
static void set_excluded(struct sql *q, const struct rows *r, const struct rows *keys)
{
	const char *glue = " do update set ";

	for (int pass = 0; pass < 2 && glue[0] == ' '; pass++)
		for (size_t i = 0; i < r->n; i++) {
			struct sv name = r->columns[i]->quoted;

			if (!pass && is_among(keys->columns, keys->n, r->columns[i]))
				continue;
			buf_addf(&q->text, "%s%.*s=excluded.%.*s", glue, SV_ARG(name),
				 SV_ARG(name));
			glue = ",";
		}
	if (glue[0] == ' ')
		buf_lit(&q->text, " do nothing");
	else
		buf_addf(&q->text, " where %s", count_down);
}

static void on_conflict(struct sql *q, const struct rows *r, const struct rows *keys, bool merge)
{
	buf_lit(&q->text, " on conflict (");
	add_names(q, keys->columns, keys->n, "");
	buf_addc(&q->text, ')');
	if (merge)
		set_excluded(q, r, keys);
	else
		buf_lit(&q->text, " do nothing");
}

static void add_insert(struct tree *t, struct sql *q, const struct rows *r)
{
	buf_addf(&q->text, "insert into %.*s as t0", SV_ARG(t->root->table->quoted));
	if (r->n) {
		buf_addc(&q->text, '(');
		add_names(q, r->columns, r->n, "");
		buf_addc(&q->text, ')');
	}
	buf_lit(&q->text, " select");
	for (size_t i = 0; i < r->n; i++) {
		buf_addc(&q->text, i ? ',' : ' ');
		add_value(t, q, r->columns[i]);
	}
	add_source(t, q, r);
}

enum status compile_insert(struct tree *t, struct rest_plan *plan)
{
	struct rows r, keys = { 0 };
	struct sql q;

	if (t->id.n)
		return err_set(t->e, t->arena, ST_BAD_METHOD, "Use PATCH, PUT, GET or DELETE");
	if (read_rows(t, &r))
		return t->e->status;
	if ((t->merge_duplicates || t->ignore_duplicates) && conflict_columns(t, &keys))
		return t->e->status;
	begin_write(t, plan, &q);
	add_insert(t, &q, &r);
	if (keys.n && t->merge_duplicates) {
		buf_addf(&q.text, " where %s", count_up);
		ask_inserted(plan);
	}
	if (keys.n)
		on_conflict(&q, &r, &keys, t->merge_duplicates);
	end_write(t, plan, &q);
	return ST_OK;
}

/* ---- PUT ------------------------------------------------------------------------- */

static bool is_equality(const struct condition *k)
{
	return k->kind == TEST && !k->negate && k->quantity == ONE_VALUE && !k->field.steps &&
	       sv_eq(k->op->name, SV("eq"));
}

static bool is_filtered(const struct tree *t, const struct rest_column *c)
{
	for (const struct condition *k = t->root->conditions; k; k = k->next)
		if (sv_eq(k->field.name, c->name))
			return true;
	return false;
}

/* All columns of the key and nothing else; the scope goes without saying. */
static bool filters_are_key(const struct tree *t)
{
	const struct rest_table *table = t->root->table;
	const struct rest_column *scope =
		rest_column_find(table, sv_from(t->options->scope_column));

	for (const struct condition *k = t->root->conditions; k; k = k->next)
		if (!is_equality(k) || !is_among(table->primary, table->nprimary,
						 rest_column_find(table, k->field.name)))
			return false;
	for (size_t i = 0; i < table->nprimary && !t->id.n; i++)
		if (table->primary[i] != scope && !is_filtered(t, table->primary[i]))
			return false;
	return table->nprimary > 0;
}

enum status check_put(struct tree *t)
{
	if (t->root->limit >= 0 || t->root->offset) {
		*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST114") };
		t->e->message = SV("limit/offset querystring parameters are not allowed for PUT");
		return t->e->status;
	}
	if (filters_are_key(t))
		return ST_OK;
	*t->e = (struct err){ .status = ST_BAD_METHOD, .code = SV("PGRST105") };
	t->e->message = SV("Filters must include all and only primary key columns with 'eq' "
			   "operators");
	return t->e->status;
}

/* What the key in the URL says has to stand in the body too. */
static void same_key(struct tree *t, struct sql *q, const struct rows *r)
{
	for (struct condition *k = t->root->conditions; k; k = k->next) {
		if (!is_among(r->columns, r->n, k->field.column)) {
			buf_lit(&q->text, " and false");
			continue;
		}
		buf_addf(&q->text, " and r.%.*s=", SV_ARG(k->field.column->quoted));
		sql_param(q, k->value);
	}
}

static enum status not_one_row(struct tree *t)
{
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST115") };
	t->e->message = SV("Payload values do not match URL in primary key column(s)");
	return t->e->status;
}

/* With If-Match nothing is made anew. */
static void is_there(struct tree *t, struct sql *q)
{
	buf_addf(&q->text, " and exists(select from %.*s k where true",
		 SV_ARG(t->root->table->quoted));
	for (struct condition *k = t->root->conditions; k; k = k->next) {
		buf_addf(&q->text, " and k.%.*s=", SV_ARG(k->field.column->quoted));
		sql_param(q, k->value);
	}
	buf_addc(&q->text, ')');
}

enum status compile_put(struct tree *t, struct rest_plan *plan)
{
	struct rows r, keys;
	struct sql q;

	if (read_rows(t, &r) || conflict_columns(t, &keys))
		return t->e->status;
	if (r.body.rows != 1 && !t->options->strict)
		return not_one_row(t);
	begin_write(t, plan, &q);
	add_insert(t, &q, &r);
	buf_addf(&q.text, " where %s", count_up);
	same_key(t, &q, &r);
	if (t->options->versions && t->in->if_match.n)
		is_there(t, &q);
	on_conflict(&q, &r, &keys, true);
	if (version_condition(t, plan, &q))
		return give_up(t, &q);
	ask_inserted(plan);
	end_write(t, plan, &q);
	return ST_OK;
}

/* ---- update and delete -------------------------------------------------------------- */

/* Nothing is meant to happen to all rows at once by a slip of the pen. */
static enum status check_filter(struct tree *t, const char *verb)
{
	const struct level *l = t->root;

	if (t->options->strict)
		return ST_OK;
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

/* Which rows: what is embedded only decides what is told of them. */
static void add_conditions(struct tree *t, struct sql *q)
{
	struct level root = *t->root;

	root.items = NULL;
	sql_where(q, &root);
}

/* Nothing to set: the rows stay as they are, and none is told of. */
static void update_nothing(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	buf_clear(&q->text);
	plan->checked = false;
	buf_lit(&q->text, "select ");
	if (plan->answer == REST_ROWS)
		sql_items(q, t->root);
	sql_from(q, t->root);
	buf_lit(&q->text, " where false");
	plan->main = sql_end(q);
}

enum status compile_update(struct tree *t, struct rest_plan *plan)
{
	const struct rest_table *table = t->root->table;
	struct rows r;
	struct sql q;

	if (check_filter(t, "PATCH") || read_rows(t, &r))
		return t->e->status;
	if (r.body.rows > 1 && !t->options->strict)
		return body_fail(t, "PATCH takes one JSON object");
	begin_write(t, plan, &q);
	if (!r.n) {
		update_nothing(t, plan, &q);
		return ST_OK;
	}
	buf_addf(&q.text, "update %.*s as t0 set ", SV_ARG(table->quoted));
	for (size_t i = 0; i < r.n; i++) {
		buf_addf(&q.text, "%s%.*s=", i ? "," : "", SV_ARG(r.columns[i]->quoted));
		add_value(t, &q, r.columns[i]);
	}
	add_source(t, &q, &r);
	add_conditions(t, &q);
	if (version_condition(t, plan, &q))
		return give_up(t, &q);
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
	add_conditions(t, &q);
	if (version_condition(t, plan, &q))
		return give_up(t, &q);
	end_write(t, plan, &q);
	return ST_OK;
}
