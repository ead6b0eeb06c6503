/*
 * The grammar of filters and logic.
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
		return (k->op->kind == OP_COMPARE && k->op->sql[0] != 'i' &&
			strcmp(k->op->sql, "<>") != 0) ||
		       k->op->kind == OP_LIKE || k->op->kind == OP_REGEX;
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

static enum status no_operator(struct tree *t, struct sv name_sent, struct sv value)
{
	struct cursor c = { .t = t, .what = "filter", .text = value, .words = true };

	cursor_unexpected(&c, "\"not\" or operator (eq, gt, ...)");
	if (t->options->strict)
		return t->e->status;
	t->e->hint = sv_from(
		arena_printf(t->arena, "Write %.*s=eq.%.*s", SV_ARG(name_sent), SV_ARG(value)));
	return t->e->status;
}

static enum status test(struct tree *t, struct condition *k, struct sv name_sent, struct sv value,
			bool bare)
{
	k->value = value;
	k->strict = t->options->strict;
	if (operator(k, &k->value))
		return ST_OK;
	if (bare && !like_an_operator(value)) {
		*k = (struct condition){
			.kind = TEST, .field = k->field, .value = value, .op = op_find(SV("eq"))
		};
		return ST_OK;
	}
	return no_operator(t, name_sent, value);
}

enum status parse_filter(struct tree *t, struct level *l, struct sv name_sent, struct sv value,
			 bool bare)
{
	struct cursor c = { .t = t, .what = "tree path", .text = name_sent };
	struct condition *k = add_condition(t, &l->last_condition);

	if (cursor_field(&c, &k->field))
		return t->e->status;
	if (c.at < c.text.n)
		return cursor_unexpected(&c, "delimiter (.) or end of input");
	return test(t, k, name_sent, value, bare);
}

/* ---- logic --------------------------------------------------------------------- */

static enum status logic_list(struct cursor *c, struct condition *k);

/* What stands in brackets of any kind belongs to the value: up to the comma or
 * the ) behind it. False when the brackets do not match. */
static bool bracketed(struct cursor *c)
{
	int depth = 0;

	for (; c->at < c->text.n; c->at++) {
		char ch = cursor_peek(c);
		struct sv skipped;

		if (ch == '"' && depth) {
			if (!cursor_quoted(c, &skipped))
				return false;
			c->at--;
		} else if (ch == '(' || ch == '{' || ch == '[') {
			depth++;
		} else if ((ch == ')' || ch == ',') && !depth) {
			return true;
		} else if (ch == ')' || ch == '}' || ch == ']') {
			depth -= depth > 0;
		}
	}
	return depth == 0;
}

/* A value within or=(...): quoted, or up to the comma or ) that ends it. */
static enum status logic_value(struct cursor *c, struct sv *out)
{
	size_t from = c->at;

	if (cursor_peek(c) == '"' && cursor_quoted(c, out) &&
	    (cursor_peek(c) == ',' || cursor_peek(c) == ')'))
		return ST_OK;
	c->at = from;
	if (!bracketed(c))
		for (c->at = from; cursor_peek(c) && !strchr(",)", cursor_peek(c)); c->at++)
			;
	*out = sv_make(c->text.p + from, c->at - from);
	return ST_OK;
}

static enum status logic_test(struct cursor *c, struct condition *k)
{
	struct sv rest;

	if (cursor_field(c, &k->field))
		return c->t->e->status;
	if (!cursor_take(c, '.'))
		return cursor_unexpected(c, "delimiter (.)");
	rest = sv_skip(c->text, c->at);
	k->strict = c->t->options->strict;
	if (!operator(k, &rest))
		return cursor_unexpected(c, "\"not\" or operator (eq, gt, ...)");
	c->at = c->text.n - rest.n;
	return logic_value(c, &k->value);
}

static enum status logic_group(struct cursor *c, struct condition *k, bool any)
{
	k->kind = any ? OR : AND;
	if (++c->depth > REST_DEPTH_MAX)
		return parse_fail(c->t, "Conditions are nested too deeply");
	cursor_space(c);
	if (!cursor_take(c, '('))
		return cursor_unexpected(c, "\"(\"");
	if (logic_list(c, k))
		return c->t->e->status;
	c->depth--;
	return ST_OK;
}

/* "and" or "or" with a group behind it, perhaps after spaces. */
static bool logic_word(struct cursor *c, bool *any)
{
	struct cursor at = *c;

	*any = cursor_take_all(&at, SV("or"));
	if (!*any && !cursor_take_all(&at, SV("and")))
		return false;
	cursor_space(&at);
	if (cursor_peek(&at) != '(')
		return false;
	c->at = at.at;
	return true;
}

static enum status logic_part(struct cursor *c, struct condition *k)
{
	struct cursor at;
	bool any;

	cursor_space(c);
	at = *c;
	k->negate = cursor_take_all(&at, SV("not."));
	if (!logic_word(&at, &any)) {
		k->negate = false;
		if (cursor_peek(c) == ')')
			return cursor_unexpected(c, "field name (* or [a..z0..9_$]), negation "
						    "operator (not) or logic operator (and, or)");
		return logic_test(c, k);
	}
	c->at = at.at;
	return logic_group(c, k, any);
}

/* a.eq.1,b.gt.2) */
static enum status logic_list(struct cursor *c, struct condition *k)
{
	struct condition **last = &k->parts;

	do {
		if (logic_part(c, add_condition(c->t, &last)))
			return c->t->e->status;
		cursor_space(c);
	} while (cursor_take(c, ','));
	return cursor_take(c, ')') ? ST_OK : cursor_unexpected(c, "\",\" or \")\"");
}

enum status parse_logic(struct tree *t, struct level *l, bool negate, bool any, struct sv text)
{
	struct cursor c = { .t = t, .what = "logic tree", .text = sv_trim(text), .words = true };
	struct condition *k = add_condition(t, &l->last_condition);

	k->negate = negate;
	c.before = (negate ? 4 : 0) + (any ? 2 : 3);
	if (logic_group(&c, k, any))
		return t->e->status;
	return c.at < c.text.n && !t->options->strict ? cursor_unexpected(&c, "end of input")
						      : ST_OK;
}
