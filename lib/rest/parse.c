/*
 * The grammar of single parameters: select, order, filters, logic.
 */
#include "rest/tree.h"

#include <string.h>

static const struct op ops[] = {
#define OP(name, sql, kind) { { name, sizeof(name) - 1 }, sql, OP_##kind },
#include "rest/ops.def"
#undef OP
};

const struct op *op_find(struct sv name)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (sv_eq(ops[i].name, name))
			return &ops[i];
	return NULL;
}

enum status parse_fail(struct tree *t, const char *fmt, ...)
{
	va_list ap;

	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST100") };
	va_start(ap, fmt);
	t->e->message = sv_from(arena_vprintf(t->arena, fmt, ap));
	va_end(ap);
	return ST_BAD_INPUT;
}

struct level *level_new(struct tree *t, struct level *parent)
{
	struct level *l;

	if (t->nlevels == REST_LEVELS_MAX)
		return NULL;
	l = ARENA_NEW(t->arena, struct level);
	l->parent = parent;
	l->number = t->nlevels;
	l->limit = -1;
	l->last_item = &l->items;
	l->last_condition = &l->conditions;
	l->last_order = &l->orders;
	t->levels[t->nlevels++] = l;
	return l;
}

/* ---- the cursor ---------------------------------------------------------- */

struct cursor {
	struct tree *t;
	const char *what; /* the parameter, for error texts */
	struct sv text;
	size_t at;
	int depth;
};

static char peek(const struct cursor *c)
{
	return c->at < c->text.n ? c->text.p[c->at] : 0;
}

static bool looking_at(const struct cursor *c, struct sv s)
{
	return sv_starts(sv_skip(c->text, c->at), s);
}

static bool take(struct cursor *c, char ch)
{
	if (peek(c) != ch)
		return false;
	c->at++;
	return true;
}

static void skip_space(struct cursor *c)
{
	while (peek(c) == ' ' || peek(c) == '\n' || peek(c) == '\t' || peek(c) == '\r')
		c->at++;
}

static enum status unexpected(struct cursor *c)
{
	if (c->at >= c->text.n)
		return parse_fail(c->t, "\"%s\" ends too early: %.*s", c->what, SV_ARG(c->text));
	return parse_fail(c->t, "\"%s\" cannot be understood at position %zu: %.*s", c->what,
			  c->at + 1, SV_ARG(c->text));
}

/* "...", with \ before what is meant literally. False when it does not end. */
static bool quoted(struct cursor *c, struct sv *out)
{
	struct buf b buf_auto = BUF_INIT;

	for (c->at++; c->at < c->text.n && peek(c) != '"'; c->at++) {
		if (peek(c) == '\\' && c->at + 1 < c->text.n)
			c->at++;
		buf_addc(&b, peek(c));
	}
	*out = arena_sv(c->t->arena, buf_sv(&b));
	return take(c, '"');
}

static bool ends_name(const struct cursor *c)
{
	char ch = peek(c);

	return !ch || strchr(",():!.", ch) || looking_at(c, SV("->"));
}

/* A name: anything up to a character of the grammar, or quoted. */
static enum status name(struct cursor *c, struct sv *out)
{
	size_t from;

	skip_space(c);
	from = c->at;
	if (peek(c) == '"')
		return quoted(c, out) ? ST_OK : unexpected(c);
	while (!ends_name(c))
		c->at++;
	*out = sv_trim(sv_make(c->text.p + from, c->at - from));
	return out->n ? ST_OK : unexpected(c);
}

/* ->a->>b; a key may hold dots only in quotes. */
static enum status steps(struct cursor *c, struct step **out)
{
	int n = 0;

	while (looking_at(c, SV("->"))) {
		struct step *s = ARENA_NEW(c->t->arena, struct step);

		if (++n > REST_DEPTH_MAX)
			return parse_fail(c->t, "The JSON path in \"%s\" is too long", c->what);
		c->at += 2;
		s->text = take(c, '>');
		if (name(c, &s->key))
			return c->t->e->status;
		*out = s;
		out = &s->next;
	}
	return ST_OK;
}

static enum status field(struct cursor *c, struct field *out)
{
	return name(c, &out->name) ? c->t->e->status : steps(c, &out->steps);
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

	while (take(c, '!')) {
		if (name(c, &word))
			return c->t->e->status;
		if (sv_eq(word, SV("inner")))
			l->inner = true;
		else if (!sv_eq(word, SV("left")))
			l->hint = word;
	}
	return ST_OK;
}

static enum status embed(struct cursor *c, struct level *l, struct item *i)
{
	struct level *child = level_new(c->t, l);

	if (!child || ++c->depth > REST_DEPTH_MAX)
		return parse_fail(c->t, "\"select\" embeds too many relations");
	child->name = i->field.name;
	child->alias = i->alias;
	i->embed = child;
	if (hints(c, child))
		return c->t->e->status;
	if (!take(c, '('))
		return unexpected(c);
	skip_space(c);
	if (peek(c) != ')' && select_list(c, child))
		return c->t->e->status;
	skip_space(c);
	if (!take(c, ')'))
		return unexpected(c);
	c->depth--;
	return ST_OK;
}

static enum status item(struct cursor *c, struct level *l)
{
	struct item *i = add_item(c->t, l);

	skip_space(c);
	if (take(c, '*')) {
		i->star = true;
		return ST_OK;
	}
	if (field(c, &i->field))
		return c->t->e->status;
	if (peek(c) == ':' && !looking_at(c, SV("::"))) {
		if (i->field.steps)
			return unexpected(c);
		c->at++;
		i->alias = i->field.name;
		if (field(c, &i->field))
			return c->t->e->status;
	}
	if (looking_at(c, SV("::"))) {
		size_t from = c->at += 2;

		while (peek(c) && !strchr(",)(!:", peek(c)))
			c->at++;
		i->cast = sv_trim(sv_make(c->text.p + from, c->at - from));
	}
	if (peek(c) == '!' || peek(c) == '(')
		return i->field.steps || i->cast.n ? unexpected(c) : embed(c, l, i);
	return ST_OK;
}

static enum status select_list(struct cursor *c, struct level *l)
{
	do {
		if (item(c, l))
			return c->t->e->status;
		skip_space(c);
	} while (take(c, ','));
	return ST_OK;
}

enum status parse_select(struct tree *t, struct sv text)
{
	struct cursor c = { .t = t, .what = "select", .text = text };

	skip_space(&c);
	if (c.at == text.n) /* select= is as if it were not there */
		return ST_OK;
	if (select_list(&c, t->root))
		return t->e->status;
	return c.at < text.n ? unexpected(&c) : ST_OK;
}

/* ---- order ------------------------------------------------------------------ */

static enum status order_word(struct cursor *c, struct order *o)
{
	struct sv word;

	if (name(c, &word))
		return c->t->e->status;
	if (sv_eq(word, SV("desc")))
		o->descending = true;
	else if (sv_eq(word, SV("nullsfirst")))
		o->nulls = NULLS_FIRST;
	else if (sv_eq(word, SV("nullslast")))
		o->nulls = NULLS_LAST;
	else if (!sv_eq(word, SV("asc")))
		return parse_fail(c->t,
				  "\"order\" takes asc, desc, nullsfirst and nullslast, not %.*s",
				  SV_ARG(word));
	return ST_OK;
}

enum status parse_order(struct tree *t, struct level *l, struct sv text)
{
	struct cursor c = { .t = t, .what = "order", .text = text };

	skip_space(&c);
	if (c.at == text.n)
		return ST_OK;
	do {
		struct order *o = ARENA_NEW(t->arena, struct order);

		if (field(&c, &o->field))
			return t->e->status;
		while (take(&c, '.'))
			if (order_word(&c, o))
				return t->e->status;
		*l->last_order = o;
		l->last_order = &o->next;
		skip_space(&c);
	} while (take(&c, ','));
	return c.at < text.n ? unexpected(&c) : ST_OK;
}

/* ---- filters ----------------------------------------------------------------- */

static struct condition *add_condition(struct tree *t, struct condition ***last)
{
	struct condition *c = ARENA_NEW(t->arena, struct condition);

	**last = c;
	*last = &c->next;
	return c;
}

/* (any), (all), (german). */
static bool modifier(struct condition *k, struct sv *word)
{
	ptrdiff_t open = sv_chr(*word, '(');
	struct sv inside;

	if (open < 0)
		return true;
	inside = sv_skip(*word, (size_t)open + 1);
	if (!sv_ends(inside, SV(")")))
		return false;
	inside.n--;
	word->n = (size_t)open;
	if (sv_eq(inside, SV("any")))
		k->quantity = ANY_VALUE;
	else if (sv_eq(inside, SV("all")))
		k->quantity = ALL_VALUES;
	else
		k->language = inside;
	return inside.n > 0;
}

static bool modifier_fits(const struct condition *k)
{
	if (k->quantity != ONE_VALUE)
		return k->op->kind == OP_COMPARE || k->op->kind == OP_LIKE ||
		       k->op->kind == OP_REGEX;
	return !k->language.n || k->op->kind == OP_SEARCH;
}

/* [not.]op[(modifier)].rest: takes the front of *text, or nothing. */
static bool operator(struct condition *k, struct sv *text)
{
	struct sv rest = *text, word = sv_cut(&rest, '.');

	if (sv_eq(word, SV("not")) && sv_present(rest)) {
		k->negate = true;
		word = sv_cut(&rest, '.');
	}
	if (!sv_present(rest) || !modifier(k, &word))
		return false;
	k->op = op_find(word);
	if (!k->op || !modifier_fits(k))
		return false;
	*text = rest;
	return true;
}

/* "word.rest" reads like an operator with a slip of the pen. */
static bool like_an_operator(struct sv value)
{
	size_t i = 0;

	while (i < value.n && ((value.p[i] >= 'a' && value.p[i] <= 'z') || value.p[i] == '_'))
		i++;
	return i > 0 && i < value.n && (value.p[i] == '.' || value.p[i] == '(');
}

static enum status test(struct tree *t, struct condition *k, struct sv name_sent, struct sv value,
			bool bare)
{
	k->value = value;
	if (operator(k, &k->value))
		return ST_OK;
	if (bare && !like_an_operator(value)) {
		*k = (struct condition){
			.kind = TEST, .field = k->field, .value = value, .op = op_find(SV("eq"))
		};
		return ST_OK;
	}
	parse_fail(t, "The filter \"%.*s=%.*s\" has no operator that is known here",
		   SV_ARG(name_sent), SV_ARG(value));
	t->e->hint = sv_from(
		arena_printf(t->arena, "Write %.*s=eq.%.*s", SV_ARG(name_sent), SV_ARG(value)));
	return t->e->status;
}

enum status parse_filter(struct tree *t, struct level *l, struct sv name_sent, struct sv value,
			 bool bare)
{
	struct cursor c = { .t = t, .what = "filter", .text = name_sent };
	struct condition *k = add_condition(t, &l->last_condition);

	if (field(&c, &k->field))
		return t->e->status;
	if (c.at < c.text.n)
		return unexpected(&c);
	return test(t, k, name_sent, value, bare);
}

/* ---- logic --------------------------------------------------------------------- */

static enum status logic_list(struct cursor *c, struct condition *k);

/* A value within or=(...): quoted, or up to the comma or ) that ends it;
 * what stands in brackets of any kind belongs to it. */
static enum status logic_value(struct cursor *c, struct sv *out)
{
	size_t from = c->at;
	int depth = 0;

	if (peek(c) == '"')
		return quoted(c, out) ? ST_OK : unexpected(c);
	for (; c->at < c->text.n; c->at++) {
		char ch = peek(c);
		struct sv skipped;

		if (ch == '"' && depth) {
			if (!quoted(c, &skipped))
				return unexpected(c);
			c->at--;
		} else if (ch == '(' || ch == '{' || ch == '[') {
			depth++;
		} else if (ch == ')' && !depth) {
			break;
		} else if (ch == ')' || ch == '}' || ch == ']') {
			depth -= depth > 0;
		} else if (ch == ',' && !depth) {
			break;
		}
	}
	*out = sv_make(c->text.p + from, c->at - from);
	return ST_OK;
}

static enum status logic_test(struct cursor *c, struct condition *k)
{
	struct sv rest;

	if (field(c, &k->field))
		return c->t->e->status;
	if (!take(c, '.'))
		return unexpected(c);
	rest = sv_skip(c->text, c->at);
	if (!operator(k, &rest))
		return parse_fail(c->t,
				  "The condition on \"%.*s\" has no operator that is known here",
				  SV_ARG(k->field.name));
	c->at = c->text.n - rest.n;
	return logic_value(c, &k->value);
}

static enum status logic_group(struct cursor *c, struct condition *k, bool any)
{
	k->kind = any ? OR : AND;
	if (++c->depth > REST_DEPTH_MAX)
		return parse_fail(c->t, "Conditions are nested too deeply");
	if (!take(c, '(') || logic_list(c, k))
		return c->t->e->status ? c->t->e->status : unexpected(c);
	c->depth--;
	return ST_OK;
}

static enum status logic_part(struct cursor *c, struct condition *k)
{
	struct sv rest;

	skip_space(c);
	rest = sv_skip(c->text, c->at);
	if (sv_starts(rest, SV("not.and(")) || sv_starts(rest, SV("not.or("))) {
		k->negate = true;
		c->at += 4;
		rest = sv_skip(rest, 4);
	}
	if (sv_starts(rest, SV("and(")) || sv_starts(rest, SV("or("))) {
		bool any = rest.p[0] == 'o';

		c->at += any ? 2 : 3;
		return logic_group(c, k, any);
	}
	return logic_test(c, k);
}

/* a.eq.1,b.gt.2) */
static enum status logic_list(struct cursor *c, struct condition *k)
{
	struct condition **last = &k->parts;

	do {
		if (logic_part(c, add_condition(c->t, &last)))
			return c->t->e->status;
		skip_space(c);
	} while (take(c, ','));
	return take(c, ')') ? ST_OK : unexpected(c);
}

enum status parse_logic(struct tree *t, struct level *l, bool negate, bool any, struct sv text)
{
	struct cursor c = { .t = t, .what = any ? "or" : "and", .text = sv_trim(text) };
	struct condition *k = add_condition(t, &l->last_condition);

	k->negate = negate;
	if (logic_group(&c, k, any))
		return t->e->status;
	return c.at < c.text.n ? unexpected(&c) : ST_OK;
}
