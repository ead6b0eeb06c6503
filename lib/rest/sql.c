/*
 * Tree to SQL. Text is the same for requests of the same shape: values are
 * parameters; only what the planner should see, limits, is written out.
 */
#include "rest/tree.h"

#include <stdio.h>
#include <string.h>

void sql_begin(struct sql *q, struct rest_plan *plan, struct arena *a, int pass)
{
	*q = (struct sql){ .arena = a, .pass = pass, .plan = plan };
}

struct rest_statement sql_end(struct sql *q)
{
	struct rest_statement s = { arena_sv(q->arena, buf_sv(&q->text)), q->params, q->n };

	buf_release(&q->text);
	return s;
}

static void add(struct sql *q, const char *text)
{
	buf_add(&q->text, sv_from(text));
}

static void add_param(struct sql *q, int n)
{
	buf_addc(&q->text, '$');
	buf_add_i64(&q->text, n);
}

int sql_param(struct sql *q, struct sv value)
{
	if (q->n == q->size) {
		size_t size = q->size ? q->size * 2 : 8;
		struct db_value *more = ARENA_ARRAY(q->arena, size, struct db_value);

		if (q->n)
			memcpy(more, q->params, q->n * sizeof(*more));
		q->params = more;
		q->size = size;
	}
	/* An empty value is a value, not null. */
	q->params[q->n++] =
		(struct db_value){ .kind = DB_TEXT_, .text = sv_present(value) ? value : SV("") };
	add_param(q, (int)q->n);
	return (int)q->n;
}

void sql_sent(struct sql *q, const struct rest_column *c, struct sv value)
{
	struct rest_plan *p = q->plan;
	struct rest_sent *more;

	if ((p->nsent & (p->nsent - 1)) == 0) { /* 0 and the powers of two */
		more = ARENA_ARRAY(q->arena, p->nsent ? 2 * p->nsent : 1, struct rest_sent);
		if (p->nsent)
			memcpy(more, p->sent, p->nsent * sizeof(*more));
		p->sent = more;
	}
	p->sent[p->nsent++] = (struct rest_sent){ c, value };
}

/* ---- columns and paths ------------------------------------------------------ */

static void add_column(struct sql *q, const struct level *l, const struct rest_column *c)
{
	buf_addc(&q->text, 't');
	buf_add_i64(&q->text, l->number);
	buf_addc(&q->text, '.');
	buf_add(&q->text, c->quoted);
}

static bool is_json(const struct rest_column *c)
{
	return c->oid == 114 || c->oid == 3802;
}

/* 0, 17, -1: a place in an array. */
static bool is_index(struct sv key)
{
	int64_t n;

	return key.n < 10 && sv_to_i64(key, &n);
}

static void add_step(struct sql *q, struct step *s)
{
	add(q, s->text ? "->>" : "->");
	if (s->pass == q->pass)
		add_param(q, s->param);
	else
		s->param = sql_param(q, s->key);
	s->pass = q->pass;
	add(q, is_index(s->key) ? "::text::int" : "::text");
}

static void add_field(struct sql *q, const struct level *l, const struct field *f)
{
	bool wrap = f->steps && !is_json(f->column);

	if (wrap)
		add(q, "to_jsonb(");
	add_column(q, l, f->column);
	if (wrap)
		buf_addc(&q->text, ')');
	for (struct step *s = f->steps; s; s = s->next)
		add_step(q, s);
}

/* ---- select ------------------------------------------------------------------- */

static const struct {
	const char *name, *sql;
} casts[] = {
	{ "text", "text" },
	{ "varchar", "varchar" },
	{ "int2", "int2" },
	{ "smallint", "int2" },
	{ "int4", "int4" },
	{ "int", "int4" },
	{ "integer", "int4" },
	{ "int8", "int8" },
	{ "bigint", "int8" },
	{ "numeric", "numeric" },
	{ "decimal", "numeric" },
	{ "real", "float4" },
	{ "float4", "float4" },
	{ "float8", "float8" },
	{ "double precision", "float8" },
	{ "bool", "bool" },
	{ "boolean", "bool" },
	{ "date", "date" },
	{ "time", "time" },
	{ "timetz", "timetz" },
	{ "timestamp", "timestamp" },
	{ "timestamptz", "timestamptz" },
	{ "interval", "interval" },
	{ "uuid", "uuid" },
	{ "json", "json" },
	{ "jsonb", "jsonb" },
	{ "text[]", "text[]" },
	{ "int[]", "int4[]" },
	{ "int4[]", "int4[]" },
	{ "int8[]", "int8[]" },
	{ "numeric[]", "numeric[]" },
	{ "uuid[]", "uuid[]" },
};

static const char *cast_sql(struct sv name)
{
	for (size_t i = 0; i < sizeof(casts) / sizeof(*casts); i++)
		if (sv_ieq(sv_from(casts[i].name), name))
			return casts[i].sql;
	return NULL;
}

bool sql_cast_known(struct sv name)
{
	return cast_sql(name) != NULL;
}

/* What a column is called in the answer: its alias, its own name, or the last
 * name on its path. */
static struct sv item_name(const struct item *i)
{
	struct sv name = i->field.name;

	if (i->alias.n)
		return i->alias;
	for (const struct step *s = i->field.steps; s; s = s->next)
		if (!is_index(s->key))
			name = s->key;
	return name;
}

static void add_as(struct sql *q, struct sv name)
{
	add(q, " as ");
	buf_add(&q->text, rest_quoted(q->arena, name));
}

static void comma(struct sql *q, bool *first)
{
	if (!*first)
		buf_addc(&q->text, ',');
	*first = false;
}

static void add_star(struct sql *q, const struct level *l, bool *first)
{
	for (size_t i = 0; i < l->table->ncolumns; i++) {
		const struct rest_column *c = &l->table->columns[i];

		if (!c->readable || c->sealed)
			continue;
		comma(q, first);
		if (c->as_json)
			add(q, "to_json(");
		add_column(q, l, c);
		if (c->as_json) {
			buf_addc(&q->text, ')');
			add_as(q, c->name);
		}
	}
}

void sql_row(struct sql *q, const struct level *l)
{
	bool first = true;

	for (size_t i = 0; i < l->table->ncolumns; i++) {
		const struct rest_column *c = &l->table->columns[i];

		if (!c->readable || c->sealed)
			continue;
		comma(q, &first);
		add_column(q, l, c);
	}
}

static void add_item(struct sql *q, const struct level *l, const struct item *i)
{
	bool json = i->field.column->as_json && !i->field.steps && !i->cast.n;
	struct sv name = item_name(i);

	if (json)
		add(q, "to_json(");
	else if (i->cast.n)
		buf_addc(&q->text, '(');
	add_field(q, l, &i->field);
	if (json || i->cast.n)
		buf_addc(&q->text, ')');
	if (i->cast.n) {
		add(q, "::");
		add(q, cast_sql(i->cast));
	}
	if (json || i->cast.n || i->field.steps || !sv_eq(name, i->field.name))
		add_as(q, name);
}

void sql_from(struct sql *q, const struct level *l)
{
	add(q, " from ");
	buf_add(&q->text, l->table->quoted);
	buf_addf(&q->text, " as t%d", l->number);
}

/* t1."organization_id"=t0."organization_id" and t1."id"=t0."contact_id" */
static struct sv joined(struct sql *q, const struct level *l)
{
	const struct rest_key *k = l->key;
	bool forward =
		l->parent->table == k->from && l->table == k->to && (k->from != k->to || l->one);
	struct buf b buf_auto = BUF_INIT;

	for (size_t i = 0; i < k->n; i++) {
		struct sv mine = forward ? k->to_columns[i]->quoted : k->from_columns[i]->quoted;
		struct sv its = forward ? k->from_columns[i]->quoted : k->to_columns[i]->quoted;

		buf_addf(&b, "%st%d.%.*s=t%d.%.*s", i ? " and " : "", l->number, SV_ARG(mine),
			 l->parent->number, SV_ARG(its));
	}
	return arena_sv(q->arena, buf_sv(&b));
}

/* A subquery in the list of what is selected: PostgreSQL runs it for the rows
 * that limit leaves, after sorting. */
static void add_embed(struct sql *q, struct level *l)
{
	int64_t limit = l->limit;

	add(q, l->one ? "(select row_to_json(j) from (select "
		      : "(select coalesce(json_agg(j),'[]') from (select ");
	sql_items(q, l);
	sql_from(q, l);
	sql_where(q, l, joined(q, l).p);
	if (!l->one && q->max_rows && (limit < 0 || limit > q->max_rows))
		limit = q->max_rows;
	sql_tail(q, l, l->one ? -1 : limit, l->one ? 0 : l->offset);
	add(q, ") j)");
	add_as(q, l->alias.n ? l->alias : l->name);
}

bool sql_items(struct sql *q, const struct level *l)
{
	bool first = true;

	for (const struct item *i = l->items; i; i = i->next) {
		if (i->star) {
			add_star(q, l, &first);
			continue;
		}
		if (i->embed && !i->embed->items) /* rel(): only for its filters */
			continue;
		comma(q, &first);
		if (i->embed)
			add_embed(q, i->embed);
		else
			add_item(q, l, i);
	}
	return !first;
}

bool level_embeds(const struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next)
		if (i->embed)
			return true;
	return false;
}

/* ---- where -------------------------------------------------------------------- */

/* The $n of a value; the same one when it stands in two places. */
static void add_value(struct sql *q, struct condition *k, struct sv value)
{
	if (k->pass == q->pass) {
		add_param(q, k->param);
		return;
	}
	k->param = sql_param(q, value);
	k->pass = q->pass;
	sql_sent(q, k->field.column, k->value);
}

/* An element of an array literal. */
static void add_element(struct buf *b, struct sv s)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.p[i]);
	}
	buf_addc(b, '"');
}

static void next_element(struct buf *b, struct sv s)
{
	if (b->n > 1)
		buf_addc(b, ',');
	add_element(b, s);
}

static struct sv cased(struct arena *a, struct sv s, bool upper)
{
	char *p = arena_dup(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (upper && p[i] >= 'a' && p[i] <= 'z')
			p[i] = (char)(p[i] - 32);
		else if (!upper && p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 32);
	return sv_make(p, s.n);
}

static void element_for(struct sql *q, const struct condition *k, struct buf *b, struct sv s)
{
	next_element(b, s);
	if (!k->field.column->any_case || k->field.steps)
		return;
	next_element(b, cased(q->arena, s, true));
	next_element(b, cased(q->arena, s, false));
}

/* One value of (a,"b,c",d): up to the comma, or quoted with \ before what is
 * meant literally. */
static struct sv list_value(struct arena *a, struct sv *rest)
{
	struct buf b buf_auto = BUF_INIT;
	size_t i = 0;

	while (i < rest->n && rest->p[i] == ' ')
		i++;
	if (i == rest->n || rest->p[i] != '"')
		return sv_cut(rest, ',');
	for (i++; i < rest->n && rest->p[i] != '"'; i++) {
		if (rest->p[i] == '\\' && i + 1 < rest->n)
			i++;
		buf_addc(&b, rest->p[i]);
	}
	*rest = sv_skip(*rest, i + 1);
	sv_cut(rest, ',');
	return arena_sv(a, buf_sv(&b));
}

/* in.(a,b), in.a,b or the JSON form, as PostgreSQL's array literal. */
static struct sv list_literal(struct sql *q, const struct condition *k, struct sv list)
{
	struct buf b buf_auto = BUF_INIT;

	if (list.n >= 2 && ((list.p[0] == '(' && list.p[list.n - 1] == ')') ||
			    (list.p[0] == '[' && list.p[list.n - 1] == ']')))
		list = sv_make(list.p + 1, list.n - 2);
	buf_addc(&b, '{');
	if (list.n == 0)
		list = SV_NONE;
	while (sv_present(list))
		element_for(q, k, &b, list_value(q->arena, &list));
	buf_addc(&b, '}');
	return arena_sv(q->arena, buf_sv(&b));
}

/* The literal of an array: {..} as it is; ["a","b"] and "a" or a without
 * braces too. */
static struct sv array_literal(struct sql *q, const struct condition *k)
{
	struct sv v = sv_trim(k->value);

	if (v.n && v.p[0] == '{')
		return k->value;
	return list_literal(q, k, v);
}

static void add_is(struct sql *q, const struct condition *k)
{
	static const char *const words[] = { "null", "true", "false", "unknown", NULL };
	const char *const *w = words;

	while (*w && !sv_ieq(sv_from(*w), k->value))
		w++;
	add(q, " is ");
	add(q, *w ? *w : "not null");
}

static void add_search(struct sql *q, const struct level *l, struct condition *k)
{
	bool vector = k->field.column->oid == 3614 && !k->field.steps;

	if (!vector)
		add(q, "to_tsvector(");
	if (!vector && k->language.n) {
		sql_param(q, k->language);
		add(q, "::text::regconfig,");
	}
	add_field(q, l, &k->field);
	if (!vector)
		buf_addc(&q->text, ')');
	add(q, " @@ ");
	add(q, k->op->sql);
	buf_addc(&q->text, '(');
	if (k->language.n) {
		sql_param(q, k->language);
		add(q, "::text::regconfig,");
	}
	add_value(q, k, k->value);
	add(q, "::text)");
}

static struct sv like_pattern(struct arena *a, struct sv v)
{
	char *p = arena_dup(a, v);

	for (size_t i = 0; i < v.n; i++)
		if (p[i] == '*')
			p[i] = '%';
	return sv_make(p, v.n);
}

/* " op $n", or " op any($n)". */
static void add_compared(struct sql *q, struct condition *k, struct sv value, const char *type)
{
	static const char *const quantities[] = { "", "any(", "all(" };

	buf_addc(&q->text, ' ');
	add(q, k->op->sql);
	buf_addc(&q->text, ' ');
	add(q, quantities[k->quantity]);
	add_value(q, k, value);
	add(q, type);
	if (k->quantity != ONE_VALUE)
		buf_addc(&q->text, ')');
}

/* CON-107: numbers in JSON compare as numbers, and what is no number there
 * does not match. */
static void add_numeric(struct sql *q, const struct level *l, struct condition *k)
{
	add(q, "case when ");
	add_field(q, l, &k->field);
	add(q, " ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' then (");
	add_field(q, l, &k->field);
	add(q, ")::numeric");
	add_compared(q, k, k->value, "::numeric");
	add(q, " else false end");
}

static bool is_text(const struct field *f)
{
	const struct step *s = f->steps;

	if (!s)
		return f->column->category == 'S';
	while (s->next)
		s = s->next;
	return s->text;
}

static void add_like(struct sql *q, const struct level *l, struct condition *k)
{
	struct sv v = k->op->kind == OP_LIKE ? like_pattern(q->arena, k->value) : k->value;

	add_field(q, l, &k->field);
	if (!is_text(&k->field))
		add(q, "::text");
	add_compared(q, k, v, "");
}

static void add_contained(struct sql *q, const struct level *l, struct condition *k)
{
	const struct rest_column *c = k->field.column;
	bool json = k->field.steps || is_json(c);

	add_field(q, l, &k->field);
	if (json)
		add(q, "::jsonb");
	add_compared(q, k, json || c->category != 'A' ? k->value : array_literal(q, k),
		     json ? "::jsonb" : "");
}

static void add_compare(struct sql *q, const struct level *l, struct condition *k)
{
	bool json = k->field.steps ? !is_text(&k->field) : is_json(k->field.column);
	bool cases = k->field.column->any_case && !k->field.steps && k->quantity == ONE_VALUE;

	if (k->numeric) {
		add_numeric(q, l, k);
		return;
	}
	add_field(q, l, &k->field);
	if (k->other) {
		buf_addf(&q->text, " %s ", k->op->sql);
		add_column(q, l, k->other);
	} else if (cases && strcmp(k->op->sql, "=") == 0) {
		add(q, " = any(");
		add_value(q, k, list_literal(q, k, rest_quoted(q->arena, k->value)));
		buf_addc(&q->text, ')');
	} else {
		if (json)
			add(q, "::jsonb");
		add_compared(q, k, k->value, json ? "::jsonb" : "");
	}
}

static void add_test(struct sql *q, const struct level *l, struct condition *k)
{
	switch (k->op->kind) {
	case OP_COMPARE:
		add_compare(q, l, k);
		break;
	case OP_LIKE:
	case OP_REGEX:
		add_like(q, l, k);
		break;
	case OP_IS:
		add_field(q, l, &k->field);
		add_is(q, k);
		break;
	case OP_IN:
		add_field(q, l, &k->field);
		add(q, " = any(");
		add_value(q, k, list_literal(q, k, k->value));
		buf_addc(&q->text, ')');
		break;
	case OP_CONTAIN:
		add_contained(q, l, k);
		break;
	case OP_RANGE:
		add_field(q, l, &k->field);
		add_compared(q, k, k->value, "");
		break;
	case OP_SEARCH:
		add_search(q, l, k);
		break;
	}
}

static void add_exists(struct sql *q, const struct level *l)
{
	add(q, "exists (select");
	sql_from(q, l);
	sql_where(q, l, joined(q, l).p);
	buf_addc(&q->text, ')');
}

static void add_condition(struct sql *q, const struct level *l, struct condition *k);

static void add_group(struct sql *q, const struct level *l, struct condition *k)
{
	buf_addc(&q->text, '(');
	for (struct condition *p = k->parts; p; p = p->next) {
		add_condition(q, l, p);
		if (p->next)
			add(q, k->kind == OR ? " or " : " and ");
	}
	buf_addc(&q->text, ')');
}

static void add_condition(struct sql *q, const struct level *l, struct condition *k)
{
	/* "is null" of a relation: there is none. */
	if (k->negate != (k->kind == RELATED))
		add(q, "not ");
	if (k->kind == RELATED) {
		add_exists(q, k->related);
	} else if (k->kind != TEST) {
		add_group(q, l, k);
	} else {
		if (k->negate)
			buf_addc(&q->text, '(');
		add_test(q, l, k);
		if (k->negate)
			buf_addc(&q->text, ')');
	}
}

void sql_where(struct sql *q, const struct level *l, const char *joined_by)
{
	const char *glue = " where ";

	if (joined_by) {
		add(q, glue);
		add(q, joined_by);
		glue = " and ";
	}
	for (struct condition *k = l->conditions; k; k = k->next, glue = " and ") {
		add(q, glue);
		add_condition(q, l, k);
	}
	for (const struct item *i = l->items; i; i = i->next) {
		if (!i->embed || !i->embed->inner)
			continue;
		add(q, glue);
		add_exists(q, i->embed);
		glue = " and ";
	}
}

static void add_order(struct sql *q, const struct level *l, const struct order *o)
{
	static const char *const nulls[] = { "", " nulls first", " nulls last" };

	add_field(q, l, &o->field);
	add(q, o->descending ? " desc" : "");
	add(q, nulls[o->nulls]);
}

void sql_tail(struct sql *q, const struct level *l, int64_t limit, int64_t offset)
{
	const char *glue = " order by ";

	for (const struct order *o = l->orders; o; o = o->next, glue = ",") {
		add(q, glue);
		add_order(q, l, o);
	}
	/* A literal: with a parameter the planner would expect a tenth of the
	 * table, and plan every time because of it. */
	if (limit >= 0)
		buf_addf(&q->text, " limit %lld", (long long)limit);
	if (offset > 0) {
		add(q, " offset ");
		sql_param(q, sv_from(arena_printf(q->arena, "%lld", (long long)offset)));
	}
}
