/*
 * One pass over the text writes the ops. What a tag does to the line it
 * stands on is decided by the text around it: `left` and `next` say where the
 * line's blanks before it and its line end behind it are.
 */
#include "base/mem.h"
#include "tmpl/code.h"

#include <stdlib.h>
#include <string.h>

struct tag {
	char kind; /* # ^ / > < $ ! = & or v for a plain value */
	bool dynamic;
	struct sv body; /* trimmed; without the * of a dynamic name */
	size_t start, after; /* in the source, with delimiters */
	size_t left;         /* where the blanks before it begin */
	size_t next;         /* behind the blanks and the line end after it */
	bool begins, ends;   /* only blanks before it, after it, on its line */
};

/* A tag that waits for its end tag. */
struct opened {
	struct tag tag;
	uint32_t op;
	bool argument; /* a block directly inside a parent */
};

struct compiler {
	struct tmpl_set *set;
	struct arena *arena;
	struct sv src, open, close;
	size_t at;
	bool bol; /* what is written next begins a line */
	struct tmpl_op *ops;
	uint32_t n, size;
	struct opened stack[TMPL_NEST_MAX];
	unsigned depth;
	size_t counted; /* bytes of the source before the line `line` was reached */
	uint32_t line;
	struct tmpl_fault *fault;
};

/* Asked for ever larger places, so that counting goes over the source once. */
static uint32_t line_of(struct compiler *c, size_t at)
{
	for (; c->counted < at; c->counted++)
		c->line += c->src.p[c->counted] == '\n';
	return c->line;
}

static bool fail(struct compiler *c, size_t at, struct sv what, const char *why)
{
	*c->fault = (struct tmpl_fault){ why, what, line_of(c, at) };
	return false;
}

static bool fail_tag(struct compiler *c, const struct tag *t, const char *why)
{
	return fail(c, t->start, sv_make(c->src.p + t->start, t->after - t->start), why);
}

static struct opened *top(struct compiler *c)
{
	return c->depth ? &c->stack[c->depth - 1] : NULL;
}

/* Directly inside a parent, where only blocks count. */
static bool in_parent(struct compiler *c)
{
	struct opened *o = top(c);

	return o && o->tag.kind == '<';
}

static struct tmpl_op *add_op(struct compiler *c, enum tmpl_op_kind kind)
{
	struct tmpl_op *op;

	if (c->n == c->size) {
		c->size = c->size ? c->size * 2 : 64;
		c->ops = mem_realloc(c->ops, c->size * sizeof(*c->ops));
	}
	op = &c->ops[c->n++];
	*op = (struct tmpl_op){ .kind = (uint8_t)kind, .end = c->n };
	return op;
}

static void add_text_op(struct compiler *c, struct sv text)
{
	struct tmpl_op *op = add_op(c, OP_TEXT);

	op->text = text;
	op->bol = c->bol;
	c->bol = text.n && text.p[text.n - 1] == '\n';
}

/* The text from where we are to byte `end`. */
static void add_text(struct compiler *c, size_t end)
{
	if (end > c->at && !in_parent(c))
		add_text_op(c, sv_make(c->src.p + c->at, end - c->at));
}

/* A tag that is not alone on its line: the text before it, and the mark of a
 * line that begins with it. */
static void begin_inline(struct compiler *c, const struct tag *t)
{
	add_text(c, t->start);
	if (c->bol && !in_parent(c))
		add_text_op(c, SV(""));
	c->bol = false;
	c->at = t->after;
}

/* A tag that takes its whole line with it. */
static void begin_lone(struct compiler *c, const struct tag *t)
{
	add_text(c, t->left);
	c->bol = true;
	c->at = t->next;
}

/* Returns whether it was alone on its line. */
static bool begin_either(struct compiler *c, const struct tag *t)
{
	if (t->begins && t->ends)
		begin_lone(c, t);
	else
		begin_inline(c, t);
	return t->begins && t->ends;
}

/*
 * A pair of tags that may turn out to be alone on its line when its end tag
 * is seen: the blanks before it become an op of their own, which is then
 * dropped by pair_is_lone.
 */
static void begin_pair(struct compiler *c, const struct tag *t)
{
	if (!t->begins) {
		begin_inline(c, t);
		return;
	}
	add_text(c, t->left);
	if (!in_parent(c))
		add_text_op(c, sv_make(c->src.p + t->left, t->start - t->left));
	else
		add_op(c, OP_NOP);
	c->bol = false;
	c->at = t->after;
}

static struct sv blanks_before(struct compiler *c, const struct tag *t)
{
	return sv_make(c->src.p + t->left, t->start - t->left);
}

static void pair_is_lone(struct compiler *c, const struct opened *o, const struct tag *end)
{
	struct tmpl_op *op = &c->ops[o->op];

	op[-1].kind = OP_NOP;
	op->lone = true;
	op->site->indent = blanks_before(c, &o->tag);
	c->at = end->next;
	c->bol = true;
}

static bool is_space(char ch)
{
	return ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static bool has_space(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_space(s.p[i]))
			return true;
	return false;
}

/* a.b.c into its parts; {{.}} has none. */
static bool add_keys(struct compiler *c, struct tmpl_op *op, const struct tag *t)
{
	const struct tmpl_name **keys;
	struct sv rest = t->body;
	uint16_t n = 1;

	if (sv_eq(rest, SV(".")))
		return true;
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] == '.' && ++n > TMPL_PARTS_MAX)
			return fail_tag(c, t, "the name has too many parts");
	keys = ARENA_ARRAY(c->arena, n, const struct tmpl_name *);
	for (uint16_t i = 0; i < n; i++) {
		struct sv part = sv_cut(&rest, '.');

		if (!part.n)
			return fail_tag(c, t, "a part of the name is empty");
		keys[i] = tmpl_intern(c->set, part);
	}
	op->keys = keys;
	op->nkeys = n;
	return true;
}

static struct tmpl_op *add_site(struct compiler *c, enum tmpl_op_kind kind, const struct tag *t)
{
	struct tmpl_op *op = add_op(c, kind);

	op->site = ARENA_NEW(c->arena, struct tmpl_site);
	op->site->line = line_of(c, t->start);
	return op;
}

/* The template that a partial or parent names. */
static bool add_target(struct compiler *c, struct tmpl_op *op, const struct tag *t)
{
	op->dynamic = t->dynamic;
	if (t->dynamic)
		return add_keys(c, op, t);
	op->text = t->body;
	return true;
}

static bool push(struct compiler *c, const struct tag *t, bool argument)
{
	if (c->depth == TMPL_NEST_MAX)
		return fail_tag(c, t, "too many tags are open at once");
	c->stack[c->depth++] = (struct opened){ *t, c->n - 1, argument };
	return true;
}

static bool do_value(struct compiler *c, const struct tag *t)
{
	begin_inline(c, t);
	return add_keys(c, add_op(c, t->kind == 'v' ? OP_VALUE : OP_RAW), t);
}

static bool do_section(struct compiler *c, const struct tag *t)
{
	begin_either(c, t);
	return add_keys(c, add_op(c, t->kind == '#' ? OP_SECTION : OP_INVERTED), t) &&
	       push(c, t, false);
}

static bool do_partial(struct compiler *c, const struct tag *t)
{
	bool lone = begin_either(c, t);
	struct tmpl_op *op = add_site(c, OP_PARTIAL, t);

	op->lone = lone;
	if (lone)
		op->site->indent = blanks_before(c, t);
	return add_target(c, op, t);
}

static bool do_parent(struct compiler *c, const struct tag *t)
{
	begin_pair(c, t);
	return add_target(c, add_site(c, OP_PARENT, t), t) && push(c, t, false);
}

static bool do_block(struct compiler *c, const struct tag *t)
{
	bool argument = in_parent(c);
	struct tmpl_op *op;

	if (argument)
		c->at = t->ends ? t->next : t->after;
	else if (t->begins && t->ends)
		begin_lone(c, t);
	else
		begin_pair(c, t);
	op = add_site(c, OP_BLOCK, t);
	op->block = tmpl_intern(c->set, t->body);
	if (argument || (t->begins && t->ends)) {
		op->lone = !argument;
		op->site->indent = blanks_before(c, t);
		c->bol = true;
	}
	return push(c, t, argument);
}

static void end_parent(struct compiler *c, const struct opened *o, const struct tag *t)
{
	c->at = t->after;
	c->bol = false;
	if (o->tag.begins && t->ends)
		pair_is_lone(c, o, t);
}

/* Content for a block of the parent: kept without its own indentation. */
static void end_argument(struct compiler *c, const struct opened *o, const struct tag *t)
{
	add_text(c, t->begins ? t->left : t->start);
	c->at = t->after;
	if (o->tag.ends)
		tmpl_indent_remove(c->arena, c->ops, o->op + 1, c->n,
				   tmpl_indent_common(c->ops, o->op + 1, c->n));
}

static bool only_blanks(struct sv s)
{
	return !sv_trim(s).n && sv_chr(s, '\n') < 0;
}

/* A block with default content, which stays as it is in its place. */
static void end_block(struct compiler *c, const struct opened *o, const struct tag *t)
{
	bool opened_lone = o->tag.begins && o->tag.ends;
	bool empty = c->n == o->op + 1 &&
		     only_blanks(sv_make(c->src.p + o->tag.after, t->start - o->tag.after));
	struct tmpl_site *site = c->ops[o->op].site;
	struct sv common;

	if (empty && o->tag.begins && t->ends && !opened_lone) {
		pair_is_lone(c, o, t);
		site->eol = sv_make(c->src.p + t->after, t->next - t->after);
	} else if (begin_either(c, t) && opened_lone) {
		site->eol = sv_make(c->src.p + t->after, t->next - t->after);
	}
	if (opened_lone) {
		common = tmpl_indent_common(c->ops, o->op + 1, c->n);
		if (sv_present(common))
			site->indent = common;
	}
	/* The blanks before the line end went with it. */
	while (site->eol.n && (site->eol.p[0] == ' ' || site->eol.p[0] == '\t'))
		site->eol = sv_skip(site->eol, 1);
}

static bool do_end(struct compiler *c, const struct tag *t)
{
	struct opened *o = top(c);

	if (!o)
		return fail_tag(c, t, "the end tag has no beginning");
	if (!sv_eq(o->tag.body, t->body) || o->tag.dynamic != t->dynamic)
		return fail_tag(c, t, "the end tag does not match the tag opened last");
	if (o->tag.kind == '<')
		end_parent(c, o, t);
	else if (o->tag.kind != '$')
		begin_either(c, t);
	else if (o->argument)
		end_argument(c, o, t);
	else
		end_block(c, o, t);
	c->ops[o->op].end = c->n;
	c->depth--;
	return true;
}

static bool do_delimiters(struct compiler *c, const struct tag *t)
{
	size_t n = 0;
	struct sv open, close;

	while (n < t->body.n && !is_space(t->body.p[n]))
		n++;
	open = sv_make(t->body.p, n);
	close = sv_trim(sv_skip(t->body, n));
	if (!open.n || !close.n || has_space(close) || sv_chr(open, '=') >= 0 ||
	    sv_chr(close, '=') >= 0)
		return fail_tag(c, t, "this does not set two delimiters");
	if (t->begins && t->ends) {
		begin_lone(c, t);
	} else {
		add_text(c, t->start);
		c->at = t->after;
	}
	c->open = open;
	c->close = close;
	return true;
}

static bool do_comment(struct compiler *c, const struct tag *t)
{
	if (t->begins && t->ends) {
		begin_lone(c, t);
	} else {
		add_text(c, t->start);
		c->at = t->after;
	}
	return true;
}

static void look_around(struct sv src, struct tag *t)
{
	size_t left = t->start, next = t->after;

	while (left && (src.p[left - 1] == ' ' || src.p[left - 1] == '\t'))
		left--;
	t->left = left;
	t->begins = !left || src.p[left - 1] == '\n';
	while (next < src.n && (src.p[next] == ' ' || src.p[next] == '\t'))
		next++;
	if (sv_starts(sv_skip(src, next), SV("\r\n")))
		next++;
	t->ends = next == src.n || src.p[next] == '\n';
	t->next = next < src.n ? next + 1 : next;
}

/* Offset of `mark` (none when 0) and the closing delimiter behind it, or -1. */
static ptrdiff_t find_close(struct compiler *c, size_t from, char mark)
{
	for (;;) {
		ptrdiff_t at = sv_find(sv_skip(c->src, from), c->close);

		if (at < 0)
			return -1;
		from += (size_t)at;
		if (!mark)
			return (ptrdiff_t)from;
		if (c->src.p[from - 1] == mark)
			return (ptrdiff_t)from - 1;
		from++;
	}
}

/* Name tags hold one name, with a * before it when that is looked up. */
static bool check_name(struct compiler *c, struct tag *t)
{
	if (strchr("><", t->kind) || (t->kind == '/' && top(c) && top(c)->tag.kind == '<')) {
		if (sv_starts(t->body, SV("*"))) {
			t->dynamic = true;
			t->body = sv_trim(sv_skip(t->body, 1));
		}
	}
	if (!t->body.n)
		return fail_tag(c, t, "the tag has no name");
	if (has_space(t->body))
		return fail_tag(c, t, "the name holds white space");
	return true;
}

/* The tag whose opening delimiter is at `start`. */
static bool read_tag(struct compiler *c, size_t start, struct tag *t)
{
	size_t body = start + c->open.n;
	ptrdiff_t end;
	char mark = 0;

	*t = (struct tag){ .kind = 'v', .start = start };
	while (body < c->src.n && is_space(c->src.p[body]))
		body++;
	if (body < c->src.n && c->src.p[body] && strchr("#^/><$!=&{", c->src.p[body]))
		t->kind = c->src.p[body++];
	if (t->kind == '{' || t->kind == '=')
		mark = t->kind == '{' ? '}' : '=';
	end = find_close(c, mark ? body + 1 : body, mark);
	if (end < 0)
		return fail(c, start, SV_NONE, "a tag is not closed");
	t->body = sv_trim(sv_make(c->src.p + body, (size_t)end - body));
	t->after = (size_t)end + (mark != 0) + c->close.n;
	look_around(c->src, t);
	return t->kind == '!' || t->kind == '=' || check_name(c, t);
}

static bool do_tag(struct compiler *c, const struct tag *t)
{
	switch (t->kind) {
	case '#':
	case '^':
		return do_section(c, t);
	case '/':
		return do_end(c, t);
	case '>':
		return do_partial(c, t);
	case '<':
		return do_parent(c, t);
	case '$':
		return do_block(c, t);
	case '!':
		return do_comment(c, t);
	case '=':
		return do_delimiters(c, t);
	default:
		return do_value(c, t);
	}
}

static bool compile_all(struct compiler *c)
{
	for (;;) {
		ptrdiff_t open = sv_find(sv_skip(c->src, c->at), c->open);
		struct tag t;

		if (open < 0)
			break;
		if (!read_tag(c, c->at + (size_t)open, &t) || !do_tag(c, &t))
			return false;
	}
	if (c->depth)
		return fail_tag(c, &top(c)->tag, "this tag has no end tag");
	add_text(c, c->src.n);
	return true;
}

bool tmpl_compile(struct tmpl_set *set, struct tmpl_unit *unit, struct sv src,
		  struct tmpl_fault *fault)
{
	struct compiler c = { .set = set, .arena = unit->arena, .src = src, .open = SV("{{"),
			      .close = SV("}}"), .bol = true, .line = 1,
			      .fault = fault };
	bool good = false;

	if (src.n > TMPL_SIZE_MAX)
		fail(&c, 0, SV_NONE, "the template is too large");
	else
		good = compile_all(&c);
	if (good) {
		struct tmpl_op *ops = ARENA_ARRAY(unit->arena, c.n, struct tmpl_op);

		if (c.n)
			memcpy(ops, c.ops, c.n * sizeof(*ops));
		unit->ops = ops;
		unit->n = c.n;
	}
	free(c.ops);
	return good;
}
