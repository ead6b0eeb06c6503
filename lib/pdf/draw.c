#include "pdf/internal.h"

/* Far beyond any paper, and within what libharu takes. */
#define FAR 14000.0f

static const struct {
	float w, h;
} papers[] = {
	[PDF_A4] = { 595.276f, 841.89f },
	[PDF_LETTER] = { 612, 792 },
};

struct pdf *pdf_new(struct arena *a, const struct pdf_fonts *f, enum pdf_paper paper)
{
	struct pdf *d = ARENA_NEW(a, struct pdf);

	d->a = a;
	d->fonts = f;
	d->w = papers[paper].w;
	d->h = papers[paper].h;
	pdf_page_add(d);
	return d;
}

void pdf_set_rtl(struct pdf *d, bool rtl)
{
	d->rtl = rtl;
}

void pdf_set_meta(struct pdf *d, struct sv title, struct sv author, int64_t created_ms)
{
	d->title = title;
	d->author = author;
	d->created_ms = created_ms;
}

struct arena *pdf_arena(struct pdf *d)
{
	return d->a;
}

float pdf_width(const struct pdf *d)
{
	return d->w;
}

float pdf_height(const struct pdf *d)
{
	return d->h;
}

void pdf_page_add(struct pdf *d)
{
	if (d->n == PDF_MAX_PAGES) {
		d->overflow = true;
		return;
	}
	if (d->n == d->size) {
		struct pdf_page *more;

		d->size = d->size ? d->size * 4 : 8;
		more = ARENA_ARRAY(d->a, d->size, struct pdf_page);
		for (size_t i = 0; i < d->n; i++) {
			more[i] = d->pages[i];
			/* an empty page's tail points into the page itself */
			if (!more[i].first)
				more[i].last = &more[i].first;
		}
		d->pages = more;
	}
	d->pages[d->n].last = &d->pages[d->n].first;
	d->at = d->n++;
}

size_t pdf_page_count(const struct pdf *d)
{
	return d->n;
}

void pdf_page_select(struct pdf *d, size_t n)
{
	if (n < d->n)
		d->at = n;
}

static bool within(float v)
{
	return v > -FAR && v < FAR; /* false for NaN too */
}

/* Add a mark whose box starts at x, y (from the top) and turn it to PDF's
 * coordinates; NULL when it lies off any page. */
static struct pdf_mark *add_mark(struct pdf *d, enum mark_kind kind, float x, float y, float w,
				 float h, uint32_t rgb)
{
	struct pdf_page *page = &d->pages[d->at];
	struct pdf_mark *m;

	if (d->overflow || !within(x) || !within(y) || !within(w) || !within(h))
		return NULL;
	m = ARENA_NEW(d->a, struct pdf_mark);
	*m = (struct pdf_mark){ .kind = kind, .x = d->rtl ? d->w - x - w : x, .y = d->h - y - h,
				.w = w, .h = h, .rgb = rgb };
	*page->last = m;
	page->last = &m->next;
	return m;
}

size_t pdf_para_lines(const struct pdf_para *p)
{
	return p->n;
}

float pdf_para_height(const struct pdf_para *p)
{
	return (float)p->n * p->lead;
}

float pdf_para_width(const struct pdf_para *p)
{
	return p->width;
}

/* How far a line's left edge is from the box's left edge. */
static float indent(const struct pdf *d, const struct pdf_para *p, float width)
{
	enum pdf_align align = p->style.align;

	if (align == PDF_CENTER)
		return (p->box - width) / 2;
	return (align == PDF_START) == d->rtl ? p->box - width : 0;
}

static void draw_line(struct pdf *d, const struct pdf_para *p, const struct pdf_text_line *l,
		      float x, float y)
{
	const struct pdf_font *font = &d->fonts->font[PDF_REGULAR];
	float size = p->style.size;
	/* the letters' middle sits in the line's middle */
	float base = (p->lead + (font->ascent - font->descent) * size) / 2;

	for (const struct pdf_run *r = l->runs; r; r = r->next) {
		struct pdf_mark *m = add_mark(d, MARK_TEXT, x, y + base, p->box, 0, p->style.rgb);

		if (!m)
			return;
		m->x += indent(d, p, l->width) + r->x;
		m->face = r->face;
		m->size = size;
		m->text = r->text;
	}
}

float pdf_draw_lines(struct pdf *d, const struct pdf_para *p, size_t from, size_t n, float x,
		     float y)
{
	if (from > p->n)
		from = p->n;
	if (n > p->n - from)
		n = p->n - from;
	for (size_t i = 0; i < n; i++)
		draw_line(d, p, &p->lines[from + i], x, y + (float)i * p->lead);
	return (float)n * p->lead;
}

float pdf_draw(struct pdf *d, const struct pdf_para *p, float x, float y)
{
	return pdf_draw_lines(d, p, 0, p->n, x, y);
}

float pdf_text(struct pdf *d, const struct pdf_style *s, struct sv text, float x, float y,
	       float width)
{
	return pdf_draw(d, pdf_layout(d, s, text, width), x, y);
}

float pdf_measure(struct pdf *d, const struct pdf_style *s, struct sv text)
{
	return pdf_layout(d, s, text, 0)->width;
}

void pdf_line(struct pdf *d, float x1, float y1, float x2, float y2, float thick, uint32_t rgb)
{
	struct pdf_mark *m = add_mark(d, MARK_LINE, x1, y1, x2 - x1, y2 - y1, rgb);

	if (!m)
		return;
	/* from one corner of the box to the other */
	m->size = thick;
	m->w += m->x;
	if (d->rtl) {
		float x = m->x;

		m->x = m->w;
		m->w = x;
	}
	m->h += m->y;
	float y = m->y;

	m->y = m->h;
	m->h = y;
}

void pdf_fill(struct pdf *d, float x, float y, float w, float h, float radius, uint32_t rgb)
{
	struct pdf_mark *m = add_mark(d, MARK_FILL, x, y, w, h, rgb);

	if (m)
		m->radius = radius;
}

void pdf_frame(struct pdf *d, float x, float y, float w, float h, float radius, float thick,
	       uint32_t rgb)
{
	struct pdf_mark *m = add_mark(d, MARK_FRAME, x, y, w, h, rgb);

	if (!m)
		return;
	m->radius = radius;
	m->size = thick;
}

float pdf_draw_picture(struct pdf *d, const struct pdf_picture *p, float x, float y, float w,
		       float h)
{
	float pw = (float)p->width, ph = (float)p->height;
	float scale = w / pw < h / ph ? w / pw : h / ph;
	struct pdf_mark *m = add_mark(d, MARK_PICTURE, x, y, pw * scale, ph * scale, 0);

	if (m)
		m->picture = p;
	return ph * scale;
}
