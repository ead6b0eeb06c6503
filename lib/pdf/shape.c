#include "pdf/internal.h"

#include <fribidi.h>

/* A line of zero-width marks could grow without end; libharu takes strings of
 * at most 65,535 bytes. */
#define MAX_LINE_CODES 4000
/* A text that may fill a few lines only is not shaped to its end. */
#define MAX_CODES_PER_LIMITED_LINE 1000

#define CODE_ELLIPSIS 0x2026
#define CODE_REPLACEMENT 0xfffd

/* One paragraph (up to a line feed) on its way to lines. */
struct shaping {
	struct pdf *doc;
	const struct pdf_style *style;
	struct pdf_para *para;
	int n;
	FriBidiChar *codes;	  /* logical order; shaped when right-to-left */
	FriBidiCharType *types;	  /* NULL: plainly left-to-right */
	FriBidiLevel *levels;
	FriBidiStrIndex *map;	  /* from a place on the line to one in codes */
	FriBidiParType dir;
	struct pdf_glyph *glyphs; /* code 0: nothing to draw */
};

/* Decode one character; any byte that cannot be part of one is U+FFFD. */
static uint32_t next_code(const unsigned char **p, const unsigned char *end)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = *p;
	unsigned more = s[0] < 0x80 ? 0 : s[0] < 0xc2 ? 9 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 :
			s[0] < 0xf5 ? 3 : 9;
	uint32_t c = more == 0 ? s[0] : s[0] & (0x3f >> more);

	*p = s + 1;
	if (more == 9 || more >= (size_t)(end - s))
		return more ? CODE_REPLACEMENT : c;
	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return CODE_REPLACEMENT;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return CODE_REPLACEMENT;
	*p = s + 1 + more;
	return c;
}

/* Control characters would be boxes in most fonts. */
static uint32_t clean_code(uint32_t c)
{
	if (c == '\t' || c == '\r' || c == 0x2028 || c == 0x85)
		return ' ';
	if (c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff)
		return CODE_REPLACEMENT;
	return c;
}

/* Marks that steer order and joining but have no shape of their own. */
static bool invisible(uint32_t c)
{
	return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff;
}

static bool right_to_left(uint32_t c)
{
	return (c >= 0x590 && c < 0x900) || c == 0x200f || c == 0x202b || c == 0x202e ||
	       c == 0x2067 || (c >= 0xfb1d && c < 0xfe00) || (c >= 0xfe70 && c < 0xfeff) ||
	       (c >= 0x10800 && c < 0x11000) || (c >= 0x1e800 && c < 0x1f000);
}

static bool ideograph(uint32_t c)
{
	return (c >= 0x2e80 && c < 0xd7b0) || (c >= 0xf900 && c < 0xfb00) ||
	       (c >= 0xff00 && c < 0xfff0);
}

static bool letter(uint32_t c)
{
	return (c | 0x20) - 'a' < 26 || c >= 0xc0;
}

/* May a line end before codes[i]? */
static bool break_before(const FriBidiChar *codes, int i)
{
	uint32_t last = codes[i - 1], c = codes[i];

	if (c == ' ')
		return false;
	if (last == ' ' || last == 0x200b)
		return true;
	if (last == '-' || last == '/' || last == 0x2010 || last == 0x2013)
		return letter(c);
	return ideograph(last) && ideograph(c);
}

/*
 * Remember which letter a joined form stands for. A ligature of two letters
 * stays itself: readers take it apart in the right order, where two letters
 * in its place come out swapped (poppler).
 */
static void note_origin(struct pdf *d, uint32_t shown, uint32_t letter)
{
	struct pdf_origin *o;

	for (o = d->origins; o; o = o->next)
		if (o->shown == shown)
			return;
	o = ARENA_NEW(d->a, struct pdf_origin);
	*o = (struct pdf_origin){ d->origins, (uint16_t)shown, (uint16_t)letter };
	d->origins = o;
}

static void note_origins(struct shaping *s, const FriBidiChar *before)
{
	for (int i = 0; i < s->n; i++) {
		uint32_t c = s->codes[i];
		bool ligature = i > 0 && s->codes[i - 1] == FRIBIDI_CHAR_FILL;

		if (c != before[i] && c >= 0xfb50 && c < FRIBIDI_CHAR_FILL && !ligature)
			note_origin(s->doc, c, before[i]);
	}
}

/* Levels, joined forms and mirrored brackets. */
static void shape_bidi(struct shaping *s)
{
	struct arena *a = s->doc->a;
	size_t n = (size_t)s->n;
	FriBidiBracketType *brackets = ARENA_ARRAY(a, n, FriBidiBracketType);
	FriBidiJoiningType *joins = ARENA_ARRAY(a, n, FriBidiJoiningType);
	FriBidiChar *before = ARENA_ARRAY(a, n, FriBidiChar);

	memcpy(before, s->codes, n * sizeof(*before));
	s->types = ARENA_ARRAY(a, n, FriBidiCharType);
	s->levels = ARENA_ARRAY(a, n, FriBidiLevel);
	s->map = ARENA_ARRAY(a, n, FriBidiStrIndex);
	s->dir = s->doc->rtl ? FRIBIDI_PAR_WRTL : FRIBIDI_PAR_WLTR;
	fribidi_get_bidi_types(s->codes, s->n, s->types);
	fribidi_get_bracket_types(s->codes, s->n, s->types, brackets);
	if (!fribidi_get_par_embedding_levels_ex(s->types, brackets, s->n, &s->dir, s->levels)) {
		s->types = NULL;
		return;
	}
	fribidi_get_joining_types(s->codes, s->n, joins);
	fribidi_join_arabic(s->types, s->n, s->levels, joins);
	fribidi_shape(FRIBIDI_FLAGS_DEFAULT | FRIBIDI_FLAGS_ARABIC, s->levels, s->n, joins,
		      s->codes);
	note_origins(s, before);
}

static void find_glyphs(struct shaping *s)
{
	s->glyphs = ARENA_ARRAY(s->doc->a, (size_t)s->n, struct pdf_glyph);
	for (int i = 0; i < s->n; i++)
		if (!invisible(s->codes[i]))
			s->glyphs[i] = pdf_font_glyph(s->doc->fonts, s->style->face, s->codes[i]);
}

static struct pdf_text_line *add_line(struct pdf *d, struct pdf_para *p)
{
	p->lines = arena_more(d->a, p->lines, p->n, &p->size, sizeof(*p->lines));
	p->lines[p->n] = (struct pdf_text_line){ 0 };
	return &p->lines[p->n++];
}

static char *put_utf8(char *out, uint16_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

static void mark_used(struct pdf *d, struct pdf_glyph g)
{
	if (!d->used[g.face])
		d->used[g.face] = ARENA_ARRAY(d->a, PDF_CODES / 8, uint8_t);
	d->used[g.face][g.code >> 3] |= (uint8_t)(1u << (g.code & 7));
}

/* Runs of one font each from glyphs in the order of drawing. */
static void add_runs(struct shaping *s, struct pdf_text_line *line,
		     const struct pdf_glyph *glyphs, size_t n)
{
	struct pdf_run **last = &line->runs;
	struct pdf_run *run = NULL;
	char *out = arena_alloc(s->doc->a, n * 4 + 1);

	for (size_t i = 0; i < n; i++) {
		struct pdf_glyph g = glyphs[i];

		if (!g.code)
			continue;
		if (!run || run->face != g.face) {
			if (run)
				*out++ = '\0';
			run = ARENA_NEW(s->doc->a, struct pdf_run);
			*run = (struct pdf_run){ NULL, g.face, line->width, out };
			*last = run;
			last = &run->next;
		}
		mark_used(s->doc, g);
		out = put_utf8(out, g.code);
		line->width += g.advance * s->style->size;
	}
	*out = '\0';
	if (line->width > s->para->width)
		s->para->width = line->width;
}

/*
 * Put s->map in the order of drawing; false when that is the order of reading.
 * Marks stay left of the letter they belong to: DejaVu's Arabic and Hebrew
 * marks are drawn over what follows.
 */
static bool reorder(struct shaping *s, int from, int to)
{
	if (!s->types || to == from)
		return false;
	for (int i = from; i < to; i++)
		s->map[i] = i;
	return fribidi_reorder_line(FRIBIDI_FLAGS_DEFAULT & ~FRIBIDI_FLAG_REORDER_NSM, s->types,
				    to - from, from, s->dir, s->levels, NULL, s->map) != 0;
}

/* Codes [from, to) become a line; `cut` adds an ellipsis. */
static void lay_line(struct shaping *s, int from, int to, bool cut)
{
	struct pdf_text_line *line = add_line(s->doc, s->para);
	struct pdf_glyph dots, *visual;
	bool reordered, rtl;
	size_t n = 0;

	while (to > from && s->codes[to - 1] == ' ')
		to--;
	visual = ARENA_ARRAY(s->doc->a, (size_t)(to - from) + 1, struct pdf_glyph);
	reordered = reorder(s, from, to);
	rtl = reordered && FRIBIDI_IS_RTL(s->dir);
	dots = pdf_font_glyph(s->doc->fonts, s->style->face, CODE_ELLIPSIS);
	if (cut && rtl)
		visual[n++] = dots;
	for (int i = from; i < to; i++)
		visual[n++] = s->glyphs[reordered ? s->map[i] : i];
	if (cut && !rtl)
		visual[n++] = dots;
	add_runs(s, line, visual, n);
}

/* The end of the line that starts at `from`. */
static int line_end(const struct shaping *s, int from, float width)
{
	float x = 0;
	int best = 0;

	for (int i = from; i < s->n; i++) {
		if (i > from && break_before(s->codes, i))
			best = i;
		x += s->glyphs[i].advance * s->style->size;
		if (i - from >= MAX_LINE_CODES)
			return best ? best : i;
		/* A space may hang over the edge. */
		if (width > 0 && x > width && i > from && s->codes[i] != ' ')
			return best ? best : i;
	}
	return s->n;
}

/* Where a line must end so that an ellipsis fits behind it. */
static int shorten(const struct shaping *s, int from, int to, float width)
{
	float x = pdf_font_glyph(s->doc->fonts, s->style->face, CODE_ELLIPSIS).advance;
	int i = from;

	while (i < to) {
		x += s->glyphs[i].advance;
		if (width > 0 && x * s->style->size > width)
			break;
		i++;
	}
	return i;
}

static bool full(const struct shaping *s)
{
	return s->style->max_lines && s->para->n >= s->style->max_lines;
}

/* One paragraph; `more`: text follows that a limit of lines may hide. */
static void lay_paragraph(struct shaping *s, float width, bool more)
{
	int from = 0;

	find_glyphs(s);
	do {
		int to = line_end(s, from, width);
		bool last = s->style->max_lines && s->para->n + 1 >= s->style->max_lines;
		bool cut = last && (to < s->n || more);

		lay_line(s, from, cut ? shorten(s, from, to, width) : to, cut);
		from = to;
		while (from < s->n && from > 0 && s->codes[from] == ' ')
			from++;
	} while (from < s->n && !full(s));
}

/* Decode up to a line feed; returns what is behind it, or NULL at the end. */
static const unsigned char *take_paragraph(struct shaping *s, const unsigned char *p,
					   const unsigned char *end)
{
	const unsigned char *lf = memchr(p, '\n', (size_t)(end - p));
	const unsigned char *stop = lf ? lf : end;
	bool rtl = false;

	s->n = 0;
	s->types = NULL;
	s->codes = ARENA_ARRAY(s->doc->a, (size_t)(stop - p) + 1, FriBidiChar);
	if (stop > p && stop[-1] == '\r')
		stop--;
	while (p < stop) {
		uint32_t c = clean_code(next_code(&p, stop));

		rtl |= right_to_left(c);
		s->codes[s->n++] = c;
	}
	if (rtl)
		shape_bidi(s);
	return lf ? lf + 1 : NULL;
}

static float line_height(const struct pdf_style *s)
{
	return s->size * (s->lead > 0 ? s->lead : 1.4f);
}

const struct pdf_para *pdf_layout(struct pdf *d, const struct pdf_style *s, struct sv text,
				  float width)
{
	struct pdf_para *para = ARENA_NEW(d->a, struct pdf_para);
	struct shaping sh = { .doc = d, .style = s, .para = para };
	size_t limit = (size_t)s->max_lines * MAX_CODES_PER_LIMITED_LINE;
	const unsigned char *p = (const unsigned char *)(text.n ? text.p : ""), *end;

	*para = (struct pdf_para){ .style = *s, .lead = line_height(s) };
	if (s->max_lines && text.n > limit)
		text.n = limit;
	end = p + text.n;
	while (p && p < end && !full(&sh) && !d->overflow) {
		const unsigned char *next = take_paragraph(&sh, p, end);

		lay_paragraph(&sh, width, next && next < end);
		p = next;
	}
	para->box = width > 0 ? width : para->width;
	return para;
}

const struct pdf_para *pdf_layout_figure(struct pdf *d, const struct pdf_style *s,
					 struct sv text, float width)
{
	const struct pdf_para *p = pdf_layout(d, s, text, width);
	struct pdf_style smaller = *s;
	float wide;

	if (p->n < 2)
		return p;
	wide = pdf_measure(d, s, text);
	/* a hair less, or rounding breaks it after all */
	smaller.size *= wide > width * 2 ? 0.5f : 0.99f * width / wide;
	smaller.lead = p->lead / smaller.size;
	return pdf_layout(d, &smaller, text, width);
}
