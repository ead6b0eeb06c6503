/*
 * A block's own indentation is taken away where the block is written and
 * that of its place is given to it where it is put. Lines inside a nested
 * parent belong to that parent's blocks, not to the text around it.
 */
#include "tmpl/code.h"

#include <string.h>

static struct sv blanks(struct sv s)
{
	size_t n = 0;

	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
		n++;
	return sv_make(s.p, n);
}

static bool is_eol(struct sv s)
{
	return sv_starts(s, SV("\n")) || sv_starts(s, SV("\r\n"));
}

/* The part of *rest up to and with its first line end. */
static struct sv take_line(struct sv *rest)
{
	const char *eol = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = eol ? (size_t)(eol - rest->p) + 1 : rest->n;
	struct sv line = sv_make(rest->p, n);

	*rest = sv_skip(*rest, n);
	return line;
}

static void narrow(struct sv *common, struct sv indent)
{
	size_t n = 0;

	if (!sv_present(*common)) {
		*common = indent.n ? indent : SV("");
		return;
	}
	while (n < common->n && n < indent.n && common->p[n] == indent.p[n])
		n++;
	common->n = n;
}

static void narrow_by_text(struct sv *common, const struct tmpl_op *op)
{
	struct sv rest = op->text;

	if (!op->bol)
		take_line(&rest);
	else if (!rest.n)
		narrow(common, SV(""));
	while (rest.n) {
		struct sv line = take_line(&rest), lead = blanks(line);

		if (!is_eol(sv_skip(line, lead.n)))
			narrow(common, lead);
	}
}

struct sv tmpl_indent_common(const struct tmpl_op *ops, uint32_t from, uint32_t to)
{
	struct sv common = SV_NONE;

	for (uint32_t i = from; i < to;) {
		const struct tmpl_op *op = &ops[i];

		if (op->kind == OP_TEXT)
			narrow_by_text(&common, op);
		else if (op->lone && (op->kind != OP_BLOCK || op->end == i + 1))
			narrow(&common, op->site->indent);
		i = op->kind == OP_PARENT ? op->end : i + 1;
	}
	return common;
}

static struct sv without(struct sv s, struct sv indent)
{
	size_t n = 0;

	while (n < s.n && n < indent.n && s.p[n] == indent.p[n])
		n++;
	return sv_skip(s, n);
}

static struct sv text_without(struct arena *a, const struct tmpl_op *op, struct sv indent)
{
	struct sv rest = op->text;
	char *copy = arena_alloc(a, rest.n + 1), *at = copy;
	bool bol = op->bol;

	while (rest.n) {
		struct sv line = take_line(&rest);

		if (bol)
			line = without(line, indent);
		if (line.n)
			memcpy(at, line.p, line.n);
		at += line.n;
		bol = true;
	}
	return sv_make(copy, (size_t)(at - copy));
}

void tmpl_indent_remove(struct arena *a, struct tmpl_op *ops, uint32_t from, uint32_t to,
			struct sv indent)
{
	if (!indent.n)
		return;
	for (uint32_t i = from; i < to;) {
		struct tmpl_op *op = &ops[i];

		if (op->kind == OP_TEXT)
			op->text = text_without(a, op, indent);
		else if (op->lone)
			op->site->indent = without(op->site->indent, indent);
		i = op->kind == OP_PARENT ? op->end : i + 1;
	}
}
