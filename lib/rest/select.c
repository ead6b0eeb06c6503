/*
 * The grammar of select and order.
 */
#include "rest/tree.h"

#include <string.h>

static const struct aggregate aggregates[] = {
	{ { "sum", 3 }, "sum(" }, { { "avg", 3 }, "avg(" },	{ { "min", 3 }, "min(" },
	{ { "max", 3 }, "max(" }, { { "count", 5 }, "count(" },
};

const struct aggregate *aggregate_count(void)
{
	return &aggregates[4];
}

/* ---- select ---------------------------------------------------------------- */

static enum status select_list(struct cursor *c, struct level *l);

static struct item *add_item(struct tree *t, struct level *l)
{
	struct item *i = ARENA_NEW(t->arena, struct item);

	*l->last_item = i;
	l->last_item = &i->next;
	return i;
}

static enum status hints(struct cursor *c, struct level *l)
{
	struct sv word;

	while (cursor_take(c, '!')) {
		if (cursor_name(c, &word))
			return c->t->e->status;
		if (sv_eq(word, SV("inner")))
			l->inner = true;
		else if (!sv_eq(word, SV("left")))
			l->hint = word;
	}
	return ST_OK;
}

static enum status embed(struct cursor *c, struct level *l, struct item *i, bool spread)
{
	struct level *child = level_new(c->t, l);

	if (!child || ++c->depth > REST_DEPTH_MAX)
		return parse_fail(c->t, "\"select\" embeds too many relations");
	child->name = i->field.name;
	child->alias = i->alias;
	child->spread = spread;
	i->embed = child;
	if (hints(c, child))
		return c->t->e->status;
	if (!cursor_take(c, '('))
		return cursor_unexpected(c, "\"(\"");
	cursor_space(c);
	if (cursor_peek(c) != ')' && select_list(c, child))
		return c->t->e->status;
	cursor_space(c);
	if (!cursor_take(c, ')'))
		return cursor_unexpected(c, "\",\" or \")\"");
	c->depth--;
	return ST_OK;
}

static void cast(struct cursor *c, struct sv *out)
{
	size_t from;

	if (!cursor_take_all(c, SV("::")))
		return;
	from = c->at;
	while (cursor_peek(c) && !strchr(",)(!:.", cursor_peek(c)))
		c->at++;
	*out = sv_trim(sv_make(c->text.p + from, c->at - from));
	if (!out->n)
		*out = SV(" "); /* a cast to nothing is no cast that is known */
}

/* .sum()::type */
static bool aggregate(struct cursor *c, struct item *i)
{
	for (size_t a = 0; a < sizeof(aggregates) / sizeof(*aggregates); a++) {
		struct cursor at = *c;

		if (!cursor_take(&at, '.') || !cursor_take_all(&at, aggregates[a].name) ||
		    !cursor_take_all(&at, SV("()")))
			continue;
		i->aggregate = &aggregates[a];
		c->at = at.at;
		cast(c, &i->result_cast);
		return true;
	}
	return !cursor_take(c, '.');
}

/* alias:, where it is not the start of ::type. */
static bool alias(struct cursor *c, struct item *i)
{
	if (cursor_peek(c) != ':' || cursor_at(c, SV("::")) || i->field.steps)
		return false;
	c->at++;
	i->alias = i->field.name;
	i->field.name = SV_NONE;
	return true;
}

static bool counts_rows(struct cursor *c, struct item *i)
{
	if (i->field.steps || !sv_eq(i->field.name, SV("count")) || !cursor_at(c, SV("()")))
		return false;
	c->at += 2;
	i->aggregate = aggregate_count();
	i->field = (struct field){ 0 };
	cast(c, &i->result_cast);
	return true;
}

static enum status item(struct cursor *c, struct level *l)
{
	struct item *i = add_item(c->t, l);
	bool spread;

	cursor_space(c);
	if (cursor_take(c, '*')) {
		i->star = true;
		return ST_OK;
	}
	spread = cursor_take_all(c, SV("..."));
	if (cursor_field(c, &i->field))
		return c->t->e->status;
	if (!spread && alias(c, i) && cursor_field(c, &i->field))
		return c->t->e->status;
	if (counts_rows(c, i))
		return ST_OK;
	if (spread || cursor_peek(c) == '!' || cursor_peek(c) == '(')
		return i->field.steps ? cursor_unexpected(c, "\"->\"") : embed(c, l, i, spread);
	cast(c, &i->cast);
	return aggregate(c, i) ? ST_OK : cursor_unexpected(c, "an aggregate function");
}

static enum status select_list(struct cursor *c, struct level *l)
{
	do {
		if (item(c, l))
			return c->t->e->status;
		cursor_space(c);
	} while (cursor_take(c, ','));
	return ST_OK;
}

enum status parse_select(struct tree *t, struct sv text)
{
	struct cursor c = { .t = t, .what = "select parameter", .text = text };

	cursor_space(&c);
	if (c.at == text.n) /* select= is as if it were not there */
		return ST_OK;
	if (select_list(&c, t->root))
		return t->e->status;
	if (c.at == text.n)
		return ST_OK;
	/* PostgREST reads no further than the last relation that it understood. */
	if (t->options->strict && (cursor_peek(&c) == ')' || text.p[c.at - 1] == ')'))
		return ST_OK;
	return cursor_unexpected(&c, "\",\" or end of input");
}

/* ---- order ------------------------------------------------------------------ */

static enum status order_words(struct cursor *c, struct order *o)
{
	static const struct {
		struct sv word;
		bool descending;
		int nulls;
	} words[] = {
		{ { "asc", 3 }, false, NULLS_DEFAULT },
		{ { "desc", 4 }, true, NULLS_DEFAULT },
		{ { "nullsfirst", 10 }, false, NULLS_FIRST },
		{ { "nullslast", 9 }, false, NULLS_LAST },
	};

	while (cursor_take(c, '.')) {
		size_t i = 0;

		while (i < 4 && !cursor_at(c, words[i].word))
			i++;
		if (i == 4)
			return cursor_unexpected(c, "asc, desc, nullsfirst or nullslast");
		c->at += words[i].word.n;
		o->descending |= words[i].descending;
		if (words[i].nulls)
			o->nulls = words[i].nulls;
	}
	return ST_OK;
}

/* relation(column), or a column */
static enum status order_term(struct cursor *c, struct order *o)
{
	if (cursor_field(c, &o->field))
		return c->t->e->status;
	if (o->field.steps || !cursor_take(c, '('))
		return ST_OK;
	o->relation = o->field.name;
	o->field.name = SV_NONE;
	if (cursor_field(c, &o->field))
		return c->t->e->status;
	cursor_space(c);
	return cursor_take(c, ')') ? ST_OK : cursor_unexpected(c, "\")\"");
}

enum status parse_order(struct tree *t, struct level *l, struct sv text)
{
	struct cursor c = { .t = t, .what = "order", .text = text };

	cursor_space(&c);
	if (c.at == text.n)
		return ST_OK;
	do {
		struct order *o = ARENA_NEW(t->arena, struct order);

		if (order_term(&c, o) || order_words(&c, o))
			return t->e->status;
		*l->last_order = o;
		l->last_order = &o->next;
		cursor_space(&c);
	} while (cursor_take(&c, ','));
	return c.at < text.n ? cursor_unexpected(&c, "\",\" or end of input") : ST_OK;
}
