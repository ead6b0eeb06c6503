/*
 * Conditions to text.
 */
#include "rest/tree.h"

#include <string.h>

static bool is_json(const struct rest_column *c)
{
	return c->oid == 114 || c->oid == 3802;
}

/* The $n of a value; the same one when it stands in two places. */
static void add_value(struct sql *q, struct condition *k, struct sv value)
{
	if (k->pass == q->pass) {
		sql_again(q, k->param);
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
	if (rest_column_word(k->field.column, s).n)
		next_element(b, rest_column_word(k->field.column, s));
}

/* "a,b" with \ before what is meant literally, up to a comma or the end. */
static bool quoted_value(struct arena *a, struct sv *rest, struct sv *out)
{
	struct buf b buf_auto = BUF_INIT;
	size_t i = 1;

	for (; i < rest->n && rest->p[i] != '"'; i++) {
		if (rest->p[i] == '\\' && i + 1 < rest->n)
			i++;
		buf_addc(&b, rest->p[i]);
	}
	if (i >= rest->n || (i + 1 < rest->n && rest->p[i + 1] != ','))
		return false;
	*rest = sv_skip(*rest, i + 1);
	sv_cut(rest, ',');
	*out = arena_sv(a, buf_sv(&b));
	return true;
}

static struct sv list_value(struct arena *a, struct sv *rest)
{
	struct sv at = *rest, out;

	while (at.n && at.p[0] == ' ')
		at = sv_skip(at, 1);
	if (at.n && at.p[0] == '"' && quoted_value(a, &at, &out)) {
		*rest = at;
		return out;
	}
	return sv_cut(rest, ',');
}

/* in.(a,b), in.a,b or the JSON form, as PostgreSQL's array literal. */
static struct sv list_literal(struct sql *q, const struct condition *k, struct sv list)
{
	struct buf b buf_auto = BUF_INIT;
	struct sv inner = sv_trim(list);

	if (inner.n >= 2 && ((inner.p[0] == '(' && inner.p[inner.n - 1] == ')') ||
			     (inner.p[0] == '[' && inner.p[inner.n - 1] == ']'))) {
		list = sv_make(inner.p + 1, inner.n - 2);
		while (list.n && list.p[0] == ' ')
			list = sv_skip(list, 1);
	}
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
	sql_text(q, " is ");
	sql_text(q, *w ? *w : "not null");
}

static void add_search(struct sql *q, const struct level *l, struct condition *k)
{
	bool vector = k->field.column->oid == 3614 && !k->field.steps;

	if (!vector)
		sql_text(q, "to_tsvector(");
	if (!vector && k->language.n) {
		sql_param(q, k->language);
		sql_text(q, "::text::regconfig,");
	}
	sql_field(q, l, &k->field);
	if (!vector)
		buf_addc(&q->text, ')');
	sql_text(q, " @@ ");
	sql_text(q, k->op->sql);
	buf_addc(&q->text, '(');
	if (k->language.n) {
		sql_param(q, k->language);
		sql_text(q, "::text::regconfig,");
	}
	add_value(q, k, k->value);
	sql_text(q, "::text)");
}

static struct sv like_pattern(struct arena *a, struct sv v)
{
	char *p = arena_dup(a, v);

	for (size_t i = 0; i < v.n; i++)
		if (p[i] == '*')
			p[i] = '%';
	return sv_make(p, v.n);
}

/* The field as another type; a path binds less than a cast would. */
static void add_as(struct sql *q, const struct level *l, const struct field *f, const char *cast)
{
	bool wrap = f->steps && cast[0];

	sql_text(q, wrap ? "(" : "");
	sql_field(q, l, f);
	sql_text(q, wrap ? ")" : "");
	sql_text(q, cast);
}

/* " op $n", or " op any($n)". */
static void add_compared(struct sql *q, struct condition *k, struct sv value, const char *type)
{
	static const char *const quantities[] = { "", "any(", "all(" };
	struct sv parser = k->field.steps ? SV_NONE : k->field.column->from_text;

	buf_addc(&q->text, ' ');
	sql_text(q, k->op->sql);
	buf_addc(&q->text, ' ');
	sql_text(q, quantities[k->quantity]);
	if (parser.n && k->quantity == ONE_VALUE) {
		buf_add(&q->text, parser);
		buf_addc(&q->text, '(');
		add_value(q, k, value);
		sql_text(q, "::text)");
		return;
	}
	add_value(q, k, value);
	sql_text(q, type);
	if (k->quantity != ONE_VALUE)
		buf_addc(&q->text, ')');
}

/* CON-107: numbers in JSON compare as numbers, and what is no number there
 * does not match. */
static void add_numeric(struct sql *q, const struct level *l, struct condition *k)
{
	sql_text(q, "case when ");
	sql_field(q, l, &k->field);
	sql_text(q, " ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' then (");
	sql_field(q, l, &k->field);
	sql_text(q, ")::numeric");
	add_compared(q, k, k->value, "::numeric");
	sql_text(q, " else false end");
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

	add_as(q, l, &k->field, k->strict || is_text(&k->field) ? "" : "::text");
	add_compared(q, k, v, "");
}

static void add_contained(struct sql *q, const struct level *l, struct condition *k)
{
	const struct rest_column *c = k->field.column;
	bool json = k->field.steps || is_json(c);

	add_as(q, l, &k->field, json ? "::jsonb" : "");
	add_compared(q, k, json || k->strict || c->category != 'A' ? k->value : array_literal(q, k),
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
	add_as(q, l, &k->field, json && !k->other && !cases ? "::jsonb" : "");
	if (k->other) {
		buf_addf(&q->text, " %s ", k->op->sql);
		sql_column(q, l, k->other);
	} else if (cases && strcmp(k->op->sql, "=") == 0) {
		sql_text(q, " = any(");
		add_value(q, k, list_literal(q, k, rest_quoted(q->arena, k->value)));
		buf_addc(&q->text, ')');
	} else {
		add_compared(q, k, k->value, json ? "::jsonb" : "");
	}
}

static void add_in(struct sql *q, const struct level *l, struct condition *k)
{
	struct sv parser = k->field.steps ? SV_NONE : k->field.column->from_text;

	sql_field(q, l, &k->field);
	sql_text(q, " = any(");
	if (parser.n)
		buf_addf(&q->text, "select %.*s(u) from unnest(", SV_ARG(parser));
	add_value(q, k, list_literal(q, k, k->value));
	sql_text(q, parser.n ? "::text[]) u)" : ")");
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
		sql_field(q, l, &k->field);
		add_is(q, k);
		break;
	case OP_IN:
		add_in(q, l, k);
		break;
	case OP_CONTAIN:
		add_contained(q, l, k);
		break;
	case OP_RANGE:
		sql_field(q, l, &k->field);
		add_compared(q, k, k->value, "");
		break;
	case OP_SEARCH:
		add_search(q, l, k);
		break;
	}
}

/* Rows that offset skips, or limit leaves out, are not there. */
static void add_exists(struct sql *q, struct level *l)
{
	sql_text(q, "exists (select");
	sql_from(q, l);
	sql_where(q, l);
	if (l->limit == 0 || l->offset > 0)
		buf_addf(&q->text, " limit %d offset %lld", l->limit != 0, (long long)l->offset);
	buf_addc(&q->text, ')');
}

static void add_condition(struct sql *q, const struct level *l, struct condition *k);

static void add_group(struct sql *q, const struct level *l, struct condition *k)
{
	buf_addc(&q->text, '(');
	for (struct condition *p = k->parts; p; p = p->next) {
		add_condition(q, l, p);
		if (p->next)
			sql_text(q, k->kind == OR ? " or " : " and ");
	}
	buf_addc(&q->text, ')');
}

static void add_condition(struct sql *q, const struct level *l, struct condition *k)
{
	/* "is null" of a relation: there is none. */
	if (k->negate != (k->kind == RELATED))
		sql_text(q, "not ");
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

void sql_where(struct sql *q, struct level *l)
{
	static const char where[] = " where ", and[] = " and ";
	const char *glue = where;
	size_t before = q->text.n;

	sql_text(q, where);
	if (sql_joined(q, l))
		glue = and;
	else
		q->text.n = before;
	for (struct condition *k = l->conditions; k; k = k->next, glue = and) {
		sql_text(q, glue);
		add_condition(q, l, k);
	}
	for (const struct item *i = l->items; i; i = i->next) {
		if (!i->embed || !i->embed->inner)
			continue;
		sql_text(q, glue);
		add_exists(q, i->embed);
		glue = and;
	}
}
