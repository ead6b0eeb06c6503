#include "base/log.h"
#include "tmpl/code.h"

#include <string.h>

/* The context stack: the innermost first. */
struct frame {
	const struct frame *up;
	struct tmpl_value value;
	struct tmpl_columns *columns; /* shared by the rows of one section */
};

/* The blocks given to a parent, which is an op of `unit`, and those in force
 * where it stands. */
struct args {
	const struct args *up;
	const struct tmpl_unit *unit;
	const struct tmpl_op *parent;
};

/* What lines begin with, the outermost first; kept as a chain, as text it
 * would have to be put together anew at each place. */
struct indent {
	const struct indent *up;
	struct sv text;
};

struct scope {
	const struct tmpl_unit *unit;
	const struct frame *data;
	const struct args *args;
	const struct indent *indent;
};

struct render {
	struct tmpl_set *set;
	struct arena *arena;
	struct buf *out;
	size_t start; /* of our part of out */
	uint64_t steps;
	unsigned depth;
};

static bool run(struct render *r, const struct scope *s, const struct tmpl_op *op,
		const struct tmpl_op *end);

static bool run_content(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	return run(r, s, op + 1, s->unit->ops + op->end);
}

static bool fail(const struct scope *s, uint32_t line, const char *why, struct sv what)
{
	log_error(why, LOG_S("template", s->unit->name), LOG_I("line", line), LOG_S("name", what));
	return false;
}

static void add_indent(struct buf *out, const struct indent *indent)
{
	if (!indent)
		return;
	add_indent(out, indent->up);
	buf_add(out, indent->text);
}

static void add_lines(struct buf *out, const struct indent *indent, const struct tmpl_op *op)
{
	struct sv rest = op->text;
	bool bol = op->bol;

	if (bol && !rest.n)
		add_indent(out, indent);
	while (rest.n) {
		ptrdiff_t eol = sv_chr(rest, '\n');
		size_t n = eol < 0 ? rest.n : (size_t)eol + 1;

		if (bol && !sv_starts(rest, SV("\n")) && !sv_starts(rest, SV("\r\n")))
			add_indent(out, indent);
		buf_add(out, sv_make(rest.p, n));
		rest = sv_skip(rest, n);
		bol = true;
	}
}

/* The first part is looked for in the whole stack, the others only in what
 * the one before them gave. */
static struct tmpl_value lookup(struct render *r, const struct frame *f, const struct tmpl_op *op)
{
	struct tmpl_value v = { .kind = TMPL_NULL };

	if (!op->nkeys)
		return f->value;
	while (f && !tmpl_value_get(&f->value, r->arena, op->keys[0], f->columns, &v))
		f = f->up;
	if (!f)
		return v;
	for (unsigned i = 1; i < op->nkeys; i++) {
		struct tmpl_value part;

		if (!tmpl_value_get(&v, r->arena, op->keys[i], NULL, &part))
			return (struct tmpl_value){ .kind = TMPL_NULL };
		v = part;
	}
	return v;
}

static bool run_section(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	struct tmpl_value v = lookup(r, s->data, op);
	struct tmpl_columns columns = { NULL, r->set->nnames };
	struct frame frame = { s->data, v, &columns };
	struct scope inner = { s->unit, &frame, s->args, s->indent };
	size_t n;

	if (!tmpl_value_true(&v))
		return true;
	n = tmpl_value_count(&v);
	if (n == SIZE_MAX)
		return run_content(r, &inner, op);
	for (size_t i = 0; i < n; i++) {
		frame.value = tmpl_value_item(&v, i);
		if (!run_content(r, &inner, op))
			return false;
	}
	return true;
}

static bool run_inverted(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	struct tmpl_value v = lookup(r, s->data, op);

	return tmpl_value_true(&v) || run_content(r, s, op);
}

/* The template that a partial or parent names. *unit becomes NULL when
 * nothing is to be rendered. */
static bool target(struct render *r, const struct scope *s, const struct tmpl_op *op,
		   struct tmpl_unit **unit)
{
	struct sv name = op->text;
	enum status status;

	*unit = NULL;
	if (op->dynamic) {
		struct tmpl_value v = lookup(r, s->data, op);

		name = v.kind == TMPL_TEXT ? v.s : SV("");
		if (!name.n)
			return true;
	}
	status = tmpl_unit_get(r->set, name, unit);
	if (status == ST_OK || (status == ST_NOT_FOUND && r->set->lenient))
		return true;
	if (status == ST_NOT_FOUND)
		return fail(s, op->site->line, "a template names one that is missing", name);
	return fail(s, op->site->line, "a template names one that cannot be used", name);
}

static bool run_partial(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	struct args args = { s->args, s->unit, op };
	struct indent indent = { s->indent, op->site->indent };
	struct scope inner = { NULL, s->data, op->kind == OP_PARENT ? &args : s->args,
			       op->lone ? &indent : NULL };
	struct tmpl_unit *unit;

	if (!target(r, s, op, &unit))
		return false;
	if (!unit)
		return true;
	inner.unit = unit;
	return run(r, &inner, unit->ops, unit->ops + unit->n);
}

static const struct tmpl_op *argument(const struct args *args, const struct tmpl_name *block)
{
	const struct tmpl_op *ops = args->unit->ops;
	const struct tmpl_op *end = ops + args->parent->end;

	for (const struct tmpl_op *op = args->parent + 1; op < end; op = ops + op->end)
		if (op->kind == OP_BLOCK && op->block == block)
			return op;
	return NULL;
}

/*
 * The outermost argument with the block's name wins. Blocks inside it belong
 * to the template that it stands in: those are filled by what was in force
 * there, or a block that holds one of its own name would never end.
 */
static bool run_block(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	const struct tmpl_op *content = NULL;
	struct indent indent = { s->indent, op->site->indent };
	struct scope inner = { NULL, s->data, NULL, op->lone ? &indent : NULL };
	size_t start = r->out->n;

	for (const struct args *a = s->args; a; a = a->up) {
		const struct tmpl_op *given = argument(a, op->block);

		if (!given)
			continue;
		content = given;
		inner.unit = a->unit;
		inner.args = a->up;
	}
	if (!content)
		return run_content(r, s, op);
	if (!run_content(r, &inner, content))
		return false;
	if (r->out->n > start && r->out->p[r->out->n - 1] != '\n')
		buf_add(r->out, op->site->eol);
	return true;
}

static bool run_value(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	struct tmpl_value v = lookup(r, s->data, op);

	tmpl_value_write(r->out, &v, op->kind == OP_RAW);
	return true;
}

static bool run_op(struct render *r, const struct scope *s, const struct tmpl_op *op)
{
	switch ((enum tmpl_op_kind)op->kind) {
	case OP_TEXT:
		if (s->indent)
			add_lines(r->out, s->indent, op);
		else
			buf_add(r->out, op->text);
		return true;
	case OP_VALUE:
	case OP_RAW:
		return run_value(r, s, op);
	case OP_SECTION:
		return run_section(r, s, op);
	case OP_INVERTED:
		return run_inverted(r, s, op);
	case OP_PARTIAL:
	case OP_PARENT:
		return run_partial(r, s, op);
	case OP_BLOCK:
		return run_block(r, s, op);
	case OP_NOP:
		break;
	}
	return true;
}

/* The ops from op up to end, which lie in the scope's unit. */
static bool run(struct render *r, const struct scope *s, const struct tmpl_op *op,
		const struct tmpl_op *end)
{
	bool good = true;

	if (r->depth == TMPL_DEPTH_MAX)
		return fail(s, 0, "templates nest too deeply, perhaps for ever", SV_NONE);
	r->depth++;
	for (; good && op < end; op = s->unit->ops + op->end) {
		if (r->steps-- == 0)
			good = fail(s, 0, "a page takes too many steps", SV_NONE);
		else if (r->out->n - r->start > r->set->max_bytes)
			good = fail(s, 0, "a page becomes too large", SV_NONE);
		else
			good = run_op(r, s, op);
	}
	r->depth--;
	return good;
}

static bool render(struct render *r, struct sv name, const struct tmpl_value *data)
{
	static const struct tmpl_value null = { .kind = TMPL_NULL };
	struct tmpl_columns columns = { NULL, r->set->nnames };
	struct frame root = { NULL, data ? *data : null, &columns };
	struct scope scope = { NULL, &root, NULL, NULL };
	struct tmpl_unit *unit;
	enum status status = tmpl_unit_get(r->set, name, &unit);

	if (status == ST_NOT_FOUND)
		log_error("a template is missing", LOG_S("template", name));
	if (status != ST_OK)
		return false;
	scope.unit = unit;
	return run(r, &scope, unit->ops, unit->ops + unit->n);
}

enum status tmpl_render(struct tmpl_set *set, struct sv name, const struct tmpl_value *data,
			struct arena *a, struct buf *out, struct err *e)
{
	struct render r = { set, a, out, out->n, set->max_steps, 0 };
	bool good;

	/* Templates in use by an outer page must stay as they are. */
	if (!set->busy++)
		set->generation++;
	good = render(&r, name, data);
	set->busy--;
	if (good)
		return ST_OK;
	out->n = r.start;
	if (out->p)
		out->p[out->n] = '\0';
	return err_set(e, a, ST_INTERNAL,
		       "This page could not be made; the reason stands in the server's log");
}
