#include "crm/csv.h"

#include <string.h>

#define LINE_MAX_ (1 << 20) /* bytes of the first line that are looked at */

static size_t count_in_line(struct sv text, char what)
{
	size_t n = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n && i < LINE_MAX_ && (quoted || (text.p[i] != '\n' && text.p[i] != '\r')); i++) {
		quoted ^= text.p[i] == '"';
		n += !quoted && text.p[i] == what;
	}
	return n;
}

void csv_begin(struct csv *c, struct arena *a, struct sv text)
{
	static const char separators[] = { ',', ';', '\t', '|' };

	if (sv_starts(text, SV("\xef\xbb\xbf")))
		text = sv_skip(text, 3);
	*c = (struct csv){ .arena = a, .rest = text, .separator = ',', .line = 1 };
	for (size_t i = 0; i < sizeof(separators); i++)
		if (count_in_line(text, separators[i]) > count_in_line(text, c->separator))
			c->separator = separators[i];
}

/* Behind the opening quote: up to the closing one, with "" as one. */
static struct sv quoted(struct csv *c)
{
	const char *p = c->rest.p;
	size_t n = c->rest.n, end = 0, doubled = 0, began = c->line;
	char *out;

	while (end < n && (p[end] != '"' || (end + 1 < n && p[end + 1] == '"'))) {
		doubled += p[end] == '"';
		c->line += p[end] == '\n';
		end += p[end] == '"' ? 2 : 1;
	}
	if (end >= n) {
		end = n;
		c->open = began;
	}
	c->rest = sv_skip(c->rest, end < n ? end + 1 : n);
	if (!doubled)
		return sv_make(p, end);
	out = arena_alloc(c->arena, end);
	n = 0;
	for (size_t i = 0; i < end; i++) {
		out[n++] = p[i];
		i += p[i] == '"';
	}
	return sv_make(out, n);
}

static bool ends_field(const struct csv *c, char x)
{
	return x == c->separator || x == '\n' || x == '\r';
}

static struct sv bare(struct csv *c)
{
	size_t end = 0;
	struct sv field;

	while (end < c->rest.n && !ends_field(c, c->rest.p[end]))
		end++;
	field = sv_make(c->rest.p, end);
	c->rest = sv_skip(c->rest, end);
	return field;
}

bool csv_is_formula(struct sv v)
{
	size_t i = 0;

	while (i < v.n && v.p[i] == '\'')
		i++;
	return i < v.n && memchr("=+-@\t\r", v.p[i], 6);
}

static struct sv without_apostrophe(struct sv v)
{
	return v.n && v.p[0] == '\'' && csv_is_formula(v) ? sv_skip(v, 1) : v;
}

static struct sv field(struct csv *c)
{
	struct sv f;

	if (!c->rest.n || c->rest.p[0] != '"')
		return without_apostrophe(sv_trim(bare(c)));
	c->rest = sv_skip(c->rest, 1);
	f = quoted(c);
	bare(c); /* what stands behind the quote belongs to nothing */
	return without_apostrophe(sv_trim(f));
}

/* true: another field follows in this row. */
static bool step(struct csv *c)
{
	char x = c->rest.n ? c->rest.p[0] : '\n';

	if (x == c->separator) {
		c->rest = sv_skip(c->rest, 1);
		return true;
	}
	if (sv_starts(c->rest, SV("\r\n")))
		c->rest = sv_skip(c->rest, 1);
	c->rest = sv_skip(c->rest, c->rest.n ? 1 : 0);
	c->line++;
	return false;
}

bool csv_next(struct csv *c, struct csv_row *row)
{
	while (c->rest.n) {
		bool more = true, any = false;

		row->n = row->dropped = 0;
		row->line = c->line;
		while (more) {
			struct sv f = field(c);

			any = any || f.n;
			if (row->n < CSV_FIELDS_MAX)
				row->v[row->n++] = f;
			else
				row->dropped += f.n > 0;
			more = step(c);
		}
		if (any)
			return true;
	}
	return false;
}
