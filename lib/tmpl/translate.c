/*
 * {{#_}}text{{/_}}: replaced before the template is compiled, so that a page
 * pays nothing for it. Line breaks inside a text are folded like other white
 * space, and given back behind it: lines in messages about faults stay right.
 */
#include "tmpl/code.h"

#define BEGIN SV("{{#_}}")
#define END SV("{{/_}}")

/* The text on one line, as catalogues have it; counts the lines it took. */
static const char *folded(struct arena *a, struct sv text, size_t *lines)
{
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';

		*lines += c == '\n';
		if (!space)
			buf_addc(&out, c);
		else if (out.n && out.p[out.n - 1] != ' ')
			buf_addc(&out, ' ');
	}
	return arena_sv(a, sv_trim(buf_sv(&out))).p;
}

static void put_text(struct tmpl_set *set, struct arena *a, struct sv text, struct buf *out)
{
	size_t lines = 0;
	const char *key = folded(a, text, &lines);

	buf_add(out, sv_from(set->translate ? set->translate(key) : key));
	while (lines--)
		buf_addc(out, '\n');
}

struct sv tmpl_translate(struct tmpl_set *set, struct arena *a, struct sv src)
{
	buf_auto struct buf out = BUF_INIT;
	ptrdiff_t at, n;

	if (sv_find(src, BEGIN) < 0)
		return src;
	while ((at = sv_find(src, BEGIN)) >= 0) {
		struct sv text = sv_skip(src, (size_t)at + BEGIN.n);

		n = sv_find(text, END);
		if (n < 0) /* the compiler will say so */
			break;
		buf_add(&out, sv_make(src.p, (size_t)at));
		put_text(set, a, sv_make(text.p, (size_t)n), &out);
		src = sv_skip(text, (size_t)n + END.n);
	}
	buf_add(&out, src);
	return arena_sv(a, buf_sv(&out));
}
