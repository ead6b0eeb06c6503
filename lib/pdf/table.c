#include "pdf/pdf.h"

/* Rounding must not push a line that just fits to the next page. */
#define SLACK 0.01f

/* A cell on its way to paper: text, then detail, line by line. */
struct cell_lines {
	const struct pdf_para *part[2];
	float lead[2];
	size_t done; /* lines drawn on earlier pages */
	size_t n;
};

void pdf_flow_page(struct pdf_flow *f)
{
	pdf_page_add(f->doc);
	f->y = f->top;
	if (f->on_page)
		f->on_page(f, f->arg);
}

bool pdf_flow_room(struct pdf_flow *f, float h)
{
	if (f->y + h <= f->bottom + SLACK || f->y <= f->top || h > f->bottom - f->top)
		return false;
	pdf_flow_page(f);
	return true;
}

void pdf_flow_text(struct pdf_flow *f, const struct pdf_style *s, struct sv text)
{
	const struct pdf_para *p = pdf_layout(f->doc, s, text, f->w);
	size_t n = pdf_para_lines(p), done = 0;
	float lead = n ? pdf_para_height(p) / (float)n : 0;

	while (done < n) {
		size_t fit, left = n - done;

		pdf_flow_room(f, lead * (float)(left < 2 ? left : 2));
		fit = f->bottom > f->y ? (size_t)((f->bottom - f->y + SLACK) / lead) : 0;
		if (fit < 1)
			fit = 1;
		if (fit < left && left - fit == 1 && fit > 2)
			fit--;
		if (fit > left)
			fit = left;
		f->y += pdf_draw_lines(f->doc, p, done, fit, f->x, f->y);
		done += fit;
		if (done < n)
			pdf_flow_page(f);
	}
}

static void share_widths(struct pdf_table *t)
{
	float left = t->flow->w - t->gap * (float)(t->n - 1), x = t->flow->x;
	size_t open = 0;

	for (size_t i = 0; i < t->n; i++) {
		left -= t->columns[i].width;
		open += t->columns[i].width <= 0;
	}
	for (size_t i = 0; i < t->n; i++) {
		t->x[i] = x;
		t->w[i] = t->columns[i].width > 0 ? t->columns[i].width : left / (float)open;
		if (t->w[i] < 1)
			t->w[i] = 1;
		x += t->w[i] + t->gap;
	}
}

static void rule(const struct pdf_table *t, uint32_t rgb, float thick)
{
	struct pdf_flow *f = t->flow;

	pdf_line(f->doc, f->x, f->y, f->x + f->w, f->y, thick, rgb);
}

static void draw_head(const struct pdf_table *t)
{
	struct pdf_flow *f = t->flow;
	float tallest = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct pdf_style s = t->head;
		float h;

		s.align = t->columns[i].align;
		h = pdf_text(f->doc, &s, t->columns[i].head, t->x[i], f->y, t->w[i]);
		tallest = h > tallest ? h : tallest;
	}
	f->y += tallest + t->pad * 0.7f;
	rule(t, t->head_rgb, 1);
}

void pdf_table_begin(struct pdf_table *t)
{
	t->x = ARENA_ARRAY(pdf_arena(t->flow->doc), t->n, float);
	t->w = ARENA_ARRAY(pdf_arena(t->flow->doc), t->n, float);
	share_widths(t);
	/* a header with nothing below it would be lost at the foot of a page */
	pdf_flow_room(t->flow, t->head.size * 2 + t->body.size * 3 + t->pad * 3);
	draw_head(t);
}

static struct cell_lines lay_cell(const struct pdf_table *t, size_t i, const struct pdf_cell *c)
{
	struct pdf *d = t->flow->doc;
	struct pdf_style body = t->body, detail = t->detail;
	struct cell_lines l = { 0 };

	body.face = t->columns[i].face;
	body.align = detail.align = t->columns[i].align;
	l.part[0] = body.align == PDF_END ? pdf_layout_figure(d, &body, c->text, t->w[i])
					  : pdf_layout(d, &body, c->text, t->w[i]);
	l.part[1] = pdf_layout(d, &detail, c->detail, t->w[i]);
	for (size_t k = 0; k < 2; k++) {
		size_t n = pdf_para_lines(l.part[k]);

		l.lead[k] = n ? pdf_para_height(l.part[k]) / (float)n : 0;
		l.n += n;
	}
	return l;
}

static float cell_height(const struct cell_lines *c)
{
	return pdf_para_height(c->part[0]) + pdf_para_height(c->part[1]);
}

/* Draw what fits of a cell's remaining lines; at least one, if `force`.
 * Returns the height drawn. */
static float draw_cell(const struct pdf_table *t, struct cell_lines *c, size_t i, float room,
		       bool force)
{
	float y = 0;

	while (c->done < c->n) {
		size_t first = pdf_para_lines(c->part[0]);
		size_t k = c->done >= first;

		if (y + c->lead[k] > room + SLACK && !force)
			break;
		y += pdf_draw_lines(t->flow->doc, c->part[k], c->done - (k ? first : 0), 1, t->x[i],
				    t->flow->y + y);
		c->done++;
		force = false;
	}
	return y;
}

/* Draw as much of a row as fits on this page; false when some is left. */
static bool draw_slice(const struct pdf_table *t, struct cell_lines *cells, bool force)
{
	struct pdf_flow *f = t->flow;
	float tallest = 0, room;
	bool done = true;

	f->y += t->pad;
	room = f->bottom - t->pad - f->y;
	for (size_t i = 0; i < t->n; i++) {
		float h = draw_cell(t, &cells[i], i, room, force);

		tallest = h > tallest ? h : tallest;
		done &= cells[i].done == cells[i].n;
	}
	f->y += tallest + t->pad;
	rule(t, t->rule_rgb, 0.5f);
	return done;
}

static void next_page(const struct pdf_table *t)
{
	pdf_flow_page(t->flow);
	draw_head(t);
}

void pdf_table_row(struct pdf_table *t, const struct pdf_cell *row, float keep)
{
	struct pdf_flow *f = t->flow;
	struct cell_lines *cells = ARENA_ARRAY(pdf_arena(f->doc), t->n, struct cell_lines);
	float h = 0, page = f->bottom - f->top - t->head.size * 4;

	for (size_t i = 0; i < t->n; i++) {
		cells[i] = lay_cell(t, i, &row[i]);
		h = cell_height(&cells[i]) > h ? cell_height(&cells[i]) : h;
	}
	h += 2 * t->pad;
	if (h + keep > page)
		keep = 0;
	/* whole on the next page, or, when no page is tall enough, from here on */
	if (f->y + h + keep > f->bottom + SLACK && h <= page)
		next_page(t);
	while (!draw_slice(t, cells, f->y < f->top + t->head.size * 8))
		next_page(t);
}
