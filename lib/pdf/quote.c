#include "pdf/quote.h"

#define MARGIN 50.0f
#define BAR 5.0f /* the accent along the top edge */
#define FOOT 46.0f
#define LOGO_W 150.0f
#define LOGO_H 46.0f
#define TOTALS_W 250.0f

#define ACCENT 0x2563ebu
#define INK 0x1a2233u
#define GREY 0x667085u
#define RULE 0xe4e7ecu
#define TINT_SHARE 0.07f

/* A letterhead is no place for a novel: longer texts end in an ellipsis. */
#define ADDRESS_LINES 9

struct page {
	const struct pdf_quote *q;
	struct pdf *doc;
	struct arena *a;
	uint32_t accent;
	struct pdf_flow flow;
};

static const struct pdf_style brand = { PDF_BOLD, 16, 1.25f, INK, PDF_START, 2 };
static const struct pdf_style heading = { PDF_BOLD, 21, 1.2f, INK, PDF_END, 1 };
static const struct pdf_style number = { PDF_REGULAR, 10, 1.4f, GREY, PDF_END, 1 };
static const struct pdf_style caption = { PDF_BOLD, 7.5f, 1.5f, GREY, PDF_START, 1 };
static const struct pdf_style strong = { PDF_BOLD, 9.5f, 1.5f, INK, PDF_START, 2 };
static const struct pdf_style plain = { PDF_REGULAR, 9, 1.5f, INK, PDF_START, 2 };
static const struct pdf_style faint = { PDF_REGULAR, 9, 1.5f, GREY, PDF_START, 2 };
static const struct pdf_style title = { PDF_BOLD, 14, 1.35f, INK, PDF_START, 4 };
static const struct pdf_style prose = { PDF_REGULAR, 8.5f, 1.55f, INK, PDF_START, 0 };
static const struct pdf_style small = { PDF_REGULAR, 7.5f, 1.4f, GREY, PDF_START, 1 };

static struct sv label(const struct page *p, enum pdf_label l)
{
	static const struct sv english[] = {
#define LABEL(name, text) { text, sizeof(text) - 1 },
#include "pdf/quote_label.def"
#undef LABEL
	};

	return sv_present(p->q->labels[l]) ? p->q->labels[l] : english[l];
}

static struct sv figure(const struct page *p, struct sv decimal)
{
	struct sv group = sv_present(p->q->group) ? p->q->group : SV(",");
	struct sv point = sv_present(p->q->point) ? p->q->point : SV(".");

	return pdf_group(p->a, decimal, group, point);
}

/* "0", "0.00" */
static bool is_zero(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '0' && s.p[i] != '.')
			return false;
	return true;
}

/* "10.00" is shown as 10%, nothing at all as a dash. */
static struct sv percent(const struct page *p, struct sv s)
{
	if (is_zero(s))
		return SV("\xe2\x80\x93");
	if (sv_chr(s, '.') > 0) {
		while (s.n && s.p[s.n - 1] == '0')
			s.n--;
		if (s.p[s.n - 1] == '.')
			s.n--;
	}
	struct sv text = figure(p, s);
	return sv_from(arena_printf(p->a, "%.*s%%", SV_ARG(text)));
}

static struct sv money(const struct page *p, struct sv amount)
{
	struct sv fig = figure(p, amount);

	if (!p->q->currency.n)
		return fig;
	return sv_from(arena_printf(p->a, "%.*s\xc2\xa0%.*s", SV_ARG(p->q->currency), SV_ARG(fig)));
}

/* The accent laid thinly on white. */
static uint32_t tint(uint32_t rgb)
{
	uint32_t out = 0;

	for (unsigned shift = 0; shift < 24; shift += 8) {
		float c = (float)(rgb >> shift & 0xff);

		out |= (uint32_t)(255 - (255 - c) * TINT_SHARE) << shift;
	}
	return out;
}

static void top_bar(const struct page *p)
{
	pdf_fill(p->doc, 0, 0, pdf_width(p->doc), BAR, 0, p->accent);
}

/* The head of the second and later pages. */
static void running_head(struct pdf_flow *f, void *arg)
{
	const struct page *p = arg;
	struct pdf_style left = small, right = small;
	float half = f->w / 2;

	right.align = PDF_END;
	top_bar(p);
	pdf_text(p->doc, &left, p->q->seller.company.n ? p->q->seller.company : p->q->seller.name,
		 f->x, 28, half);
	struct sv quote_label = label(p, PDF_L_QUOTE);
	pdf_text(p->doc, &right,
		 sv_from(arena_printf(p->a, "%.*s %.*s", SV_ARG(quote_label), SV_ARG(p->q->number))),
		 f->x + half, 28, half);
}

static float draw_brand(const struct page *p, float x, float y, float w)
{
	struct sv name = p->q->seller.company.n ? p->q->seller.company : p->q->seller.name;
	struct pdf_picture *logo = NULL;
	struct err ignored = { 0 };

	/* A quote must go out even where the logo is unusable. */
	if (p->q->logo.n && pdf_picture(p->doc, p->q->logo, &logo, &ignored) == ST_OK)
		return pdf_draw_picture(p->doc, logo, x, y, LOGO_W, LOGO_H);
	return pdf_text(p->doc, &brand, name, x, y, w);
}

static float draw_stamp(const struct page *p, float right, float y)
{
	uint32_t rgb = p->q->status_rgb ? p->q->status_rgb : p->accent;
	struct pdf_style s = { PDF_BOLD, 8, 1.2f, rgb, PDF_CENTER, 1 };
	const struct pdf_para *text = pdf_layout(p->doc, &s, p->q->status, 150);
	float w = pdf_para_width(text) + 20, h = 18;

	pdf_fill(p->doc, right - w, y, w, h, 4, tint(rgb));
	pdf_frame(p->doc, right - w, y, w, h, 4, 0.8f, rgb);
	pdf_draw(p->doc, text, right - w / 2 - 75, y + (h - pdf_para_height(text)) / 2);
	return h;
}

static void draw_head(struct page *p)
{
	struct pdf_flow *f = &p->flow;
	float half = f->w / 2, left, right;

	top_bar(p);
	left = draw_brand(p, f->x, f->y, half);
	right = pdf_text(p->doc, &heading, label(p, PDF_L_QUOTE), f->x + half, f->y - 5, half) - 5;
	right += pdf_text(p->doc, &number, p->q->number, f->x + half, f->y + right + 1, half) + 1;
	if (p->q->status.n)
		right += draw_stamp(p, f->x + f->w, f->y + right + 6) + 6;
	f->y += (left > right ? left : right) + 26;
}

static float draw_party(const struct page *p, enum pdf_label head, const struct pdf_party *who,
			float x, float w)
{
	float top = p->flow.y, y = top;
	bool company = who->company.n > 0;
	size_t n = who->n_address < ADDRESS_LINES ? who->n_address : ADDRESS_LINES;

	y += pdf_text(p->doc, &caption, label(p, head), x, y, w) + 3;
	y += pdf_text(p->doc, &strong, company ? who->company : who->name, x, y, w);
	if (company)
		y += pdf_text(p->doc, &plain, who->name, x, y, w);
	for (size_t i = 0; i < n; i++)
		y += pdf_text(p->doc, &faint, who->address[i], x, y, w);
	return y - top;
}

static float draw_detail(const struct page *p, enum pdf_label l, struct sv value, float x,
			 float y, float w, bool bold)
{
	struct pdf_style s = bold ? strong : plain;
	float h, name = w * 0.42f;

	if (!value.n)
		return 0;
	s.size = plain.size;
	s.align = PDF_END;
	h = pdf_text(p->doc, &faint, label(p, l), x, y, name);
	name = pdf_text(p->doc, &s, value, x + name, y, w - name);
	return h > name ? h : name;
}

static float draw_details(const struct page *p, float x, float w)
{
	float top = p->flow.y, y = top;

	y += pdf_text(p->doc, &caption, label(p, PDF_L_DETAILS), x, y, w) + 3;
	y += draw_detail(p, PDF_L_NUMBER, p->q->number, x, y, w, false);
	y += draw_detail(p, PDF_L_DATE, p->q->date, x, y, w, false);
	y += draw_detail(p, PDF_L_VALID_UNTIL, p->q->valid_until, x, y, w, true);
	y += draw_detail(p, PDF_L_CURRENCY, p->q->currency, x, y, w, false);
	return y - top;
}

static void draw_parties(struct page *p)
{
	float gap = 24, w = (p->flow.w - 2 * gap - 10) / 3, x = p->flow.x, tallest, h;

	tallest = draw_party(p, PDF_L_FROM, &p->q->seller, x, w);
	h = draw_party(p, PDF_L_PREPARED_FOR, &p->q->customer, x + w + gap, w);
	tallest = h > tallest ? h : tallest;
	h = draw_details(p, x + 2 * (w + gap), w + 10);
	p->flow.y += (h > tallest ? h : tallest) + 24;
}

/* Q2C-11: the title with the customer's company. */
static void draw_title(struct page *p)
{
	struct sv company = p->q->customer.company, text = p->q->title;

	if (text.n && company.n)
		text = sv_from(arena_printf(p->a, "%.*s \xe2\x80\x94 %.*s", SV_ARG(text),
					    SV_ARG(company)));
	if (text.n)
		p->flow.y += pdf_text(p->doc, &title, text, p->flow.x, p->flow.y, p->flow.w) + 14;
}

enum column { COL_PRODUCT, COL_QTY, COL_PRICE, COL_DISCOUNT, COL_TAX, COL_TOTAL, COL__MAX };

/* Which columns the lines fill (Q2C-8; tax only where there is one). */
static size_t pick_columns(const struct page *p, struct pdf_column *out, enum column *which)
{
	static const struct {
		enum pdf_label head;
		float width;
		enum pdf_align align;
		enum pdf_face face;
	} all[] = {
		[COL_PRODUCT] = { PDF_L_PRODUCT, 0, PDF_START, PDF_BOLD },
		[COL_QTY] = { PDF_L_QTY, 44, PDF_END, PDF_REGULAR },
		[COL_PRICE] = { PDF_L_UNIT_PRICE, 70, PDF_END, PDF_REGULAR },
		[COL_DISCOUNT] = { PDF_L_DISCOUNT, 50, PDF_END, PDF_REGULAR },
		[COL_TAX] = { PDF_L_TAX, 34, PDF_END, PDF_REGULAR },
		[COL_TOTAL] = { PDF_L_LINE_TOTAL, 76, PDF_END, PDF_REGULAR },
	};
	bool taxed = false;
	size_t n = 0;

	for (size_t i = 0; i < p->q->n_lines && !taxed; i++)
		taxed = !is_zero(p->q->lines[i].tax);
	for (size_t c = 0; c < COL__MAX; c++) {
		if (c == COL_TAX && !taxed)
			continue;
		which[n] = (enum column)c;
		out[n++] = (struct pdf_column){ all[c].width, all[c].align, label(p, all[c].head),
						all[c].face };
	}
	return n;
}

static struct pdf_cell cell(const struct page *p, const struct pdf_quote_line *l, enum column c)
{
	switch (c) {
	case COL_PRODUCT:
		return (struct pdf_cell){ l->name, l->description };
	case COL_QTY:
		return (struct pdf_cell){ figure(p, l->qty), l->unit };
	case COL_PRICE:
		return (struct pdf_cell){ figure(p, l->unit_price), SV_NONE };
	case COL_DISCOUNT:
		return (struct pdf_cell){ percent(p, l->discount), SV_NONE };
	case COL_TAX:
		return (struct pdf_cell){ percent(p, l->tax), SV_NONE };
	default:
		return (struct pdf_cell){ figure(p, l->total), SV_NONE };
	}
}

static void draw_lines(struct page *p, float keep)
{
	struct pdf_column columns[COL__MAX];
	enum column which[COL__MAX];
	struct pdf_table t = {
		.flow = &p->flow,
		.columns = columns,
		.head = { PDF_BOLD, 7.5f, 1.4f, GREY, PDF_START, 2 },
		.body = { PDF_REGULAR, 9, 1.45f, INK, PDF_START, 0 },
		.detail = { PDF_REGULAR, 8, 1.45f, GREY, PDF_START, 0 },
		.head_rgb = p->accent,
		.rule_rgb = RULE,
		.pad = 7,
		.gap = 8,
	};

	t.n = pick_columns(p, columns, which);
	pdf_table_begin(&t);
	if (!p->q->n_lines) {
		p->flow.y += 10;
		pdf_flow_text(&p->flow, &faint, label(p, PDF_L_NO_LINES));
		p->flow.y += 6;
	}
	for (size_t i = 0; i < p->q->n_lines; i++) {
		struct pdf_cell cells[COL__MAX];

		for (size_t c = 0; c < t.n; c++)
			cells[c] = cell(p, &p->q->lines[i], which[c]);
		pdf_table_row(&t, cells, i + 1 == p->q->n_lines ? keep : 0);
	}
}

/* The block of totals, laid out before the table so that its height is known. */
struct sum {
	const struct pdf_para *label, *amount;
	float h;
};

struct sums {
	struct sum *row;
	size_t n;
	struct sum total;
	float h;
};

static struct sum lay_sum(const struct page *p, struct sv name, struct sv amount, bool total)
{
	struct pdf_style s = total ? strong : faint, v = total ? strong : plain;
	struct sum sum;
	float h;

	if (total)
		s.size = v.size = 12;
	if (total)
		v.rgb = p->accent;
	v.align = PDF_END;
	sum.label = pdf_layout(p->doc, &s, name, TOTALS_W * 0.45f);
	sum.amount = pdf_layout_figure(p->doc, &v, amount, TOTALS_W * 0.55f);
	h = pdf_para_height(sum.amount);
	sum.h = pdf_para_height(sum.label) > h ? pdf_para_height(sum.label) : h;
	return sum;
}

static void add_sum(const struct page *p, struct sums *s, struct sv name, struct sv amount)
{
	if (!amount.n)
		return;
	s->row[s->n] = lay_sum(p, name, figure(p, amount), false);
	s->h += s->row[s->n++].h + 4;
}

static struct sums lay_sums(const struct page *p)
{
	const struct pdf_quote *q = p->q;
	struct sums s = { .row = ARENA_ARRAY(p->a, q->n_taxes + 2, struct sum), .h = 12 };

	add_sum(p, &s, label(p, PDF_L_SUBTOTAL), q->subtotal);
	if (!is_zero(q->discount_total))
		add_sum(p, &s, label(p, PDF_L_DISCOUNT_TOTAL), q->discount_total);
	for (size_t i = 0; i < q->n_taxes; i++)
		add_sum(p, &s, q->taxes[i].label, q->taxes[i].amount);
	s.total = lay_sum(p, label(p, PDF_L_TOTAL), money(p, q->total), true);
	s.h += s.total.h + 10;
	return s;
}

static void draw_sum(struct page *p, const struct sum *s, float x)
{
	pdf_draw(p->doc, s->label, x, p->flow.y);
	pdf_draw(p->doc, s->amount, x + TOTALS_W * 0.45f, p->flow.y);
	p->flow.y += s->h;
}

static void draw_sums(struct page *p, const struct sums *s)
{
	struct pdf_flow *f = &p->flow;
	float x = f->x + f->w - TOTALS_W;

	pdf_flow_room(f, s->h);
	f->y += 12;
	for (size_t i = 0; i < s->n; i++) {
		pdf_flow_room(f, s->row[i].h + 4);
		draw_sum(p, &s->row[i], x);
		f->y += 4;
	}
	pdf_flow_room(f, s->total.h + 10);
	f->y += 3;
	pdf_line(p->doc, x, f->y, x + TOTALS_W, f->y, 1, p->accent);
	f->y += 7;
	draw_sum(p, &s->total, x);
}

#define SECTION_GAP 22.0f
#define SIGNATURE_H 92.0f

/* What the customer said, or where to sign. */
static const struct pdf_para *lay_accepted(const struct page *p)
{
	struct pdf_style s = strong;

	s.max_lines = 4;
	return pdf_layout(p->doc, &s, p->q->accepted, p->flow.w - 28);
}

static float closing_height(const struct page *p)
{
	if (p->q->accepted.n)
		return SECTION_GAP + pdf_para_height(lay_accepted(p)) + 30;
	return p->q->signature ? SIGNATURE_H : 0;
}

static void draw_accepted(struct page *p)
{
	struct pdf_flow *f = &p->flow;
	const struct pdf_para *text = lay_accepted(p);
	float h = pdf_para_height(text) + 30;

	f->y += SECTION_GAP;
	pdf_fill(p->doc, f->x, f->y, f->w, h, 0, tint(p->accent));
	pdf_fill(p->doc, f->x, f->y, 3, h, 0, p->accent);
	pdf_text(p->doc, &caption, label(p, PDF_L_ACCEPTED_BY), f->x + 14, f->y + 8, f->w - 28);
	pdf_draw(p->doc, text, f->x + 14, f->y + 21);
	f->y += h;
}

static void draw_signature(struct page *p)
{
	static const enum pdf_label fields[] = { PDF_L_SIGNATURE, PDF_L_SIGN_NAME,
						 PDF_L_SIGN_DATE };
	struct pdf_flow *f = &p->flow;
	float gap = 20, w = (f->w - 2 * gap) / 3;

	f->y += SECTION_GAP;
	f->y += pdf_text(p->doc, &caption, label(p, PDF_L_ACCEPTED_BY), f->x, f->y, f->w) + 36;
	for (size_t i = 0; i < 3; i++) {
		float x = f->x + (float)i * (w + gap);

		pdf_line(p->doc, x, f->y, x + w, f->y, 0.7f, GREY);
		pdf_text(p->doc, &small, label(p, fields[i]), x, f->y + 4, w);
	}
	f->y += 20;
}

static void draw_closing(struct page *p)
{
	pdf_flow_room(&p->flow, closing_height(p));
	if (p->q->accepted.n)
		draw_accepted(p);
	else if (p->q->signature)
		draw_signature(p);
}

/* `keep`: what should stand on the same page below, if the text is short. */
static void draw_prose(struct page *p, enum pdf_label head, struct sv text, float keep)
{
	struct pdf_flow *f = &p->flow;
	float lead = prose.size * prose.lead, h = SECTION_GAP + caption.size * 2, whole;

	whole = h + pdf_para_height(pdf_layout(p->doc, &prose, text, f->w)) + keep;
	/* else the heading and two lines at least stand together */
	pdf_flow_room(f, whole < (f->bottom - f->top) / 2 ? whole : h + lead * 2);
	f->y += SECTION_GAP;
	f->y += pdf_text(p->doc, &caption, label(p, head), f->x, f->y, f->w) + 3;
	pdf_flow_text(f, &prose, text);
}

static void draw_texts(struct page *p)
{
	struct sv notes = sv_trim(p->q->notes), terms = sv_trim(p->q->terms);
	float keep = closing_height(p);

	if (notes.n)
		draw_prose(p, PDF_L_NOTES, notes, terms.n ? 0 : keep);
	if (terms.n)
		draw_prose(p, PDF_L_TERMS, terms, keep);
}

static void draw_footer(const struct page *p)
{
	float y = pdf_height(p->doc) - FOOT + 8, x = p->flow.x, w = p->flow.w;
	struct sv who = p->q->seller.company.n ? p->q->seller.company : p->q->seller.name;
	struct sv left = p->q->number;

	if (who.n && left.n)
		left = sv_from(arena_printf(p->a, "%.*s \xc2\xb7 %.*s", SV_ARG(who), SV_ARG(left)));
	for (size_t i = 0; i < pdf_page_count(p->doc); i++) {
		pdf_page_select(p->doc, i);
		pdf_line(p->doc, x, y - 6, x + w, y - 6, 0.5f, RULE);
	}
	pdf_footer(p->doc, &small, left, label(p, PDF_L_PAGE), x, y, w);
}

static void begin(struct page *p)
{
	const struct pdf_quote *q = p->q;

	pdf_set_rtl(p->doc, q->rtl);
	struct sv quote_label = label(p, PDF_L_QUOTE);
	pdf_set_meta(p->doc,
		     sv_from(arena_printf(p->a, "%.*s %.*s", SV_ARG(quote_label), SV_ARG(q->number))),
		     q->seller.company.n ? q->seller.company : q->seller.name, q->created_ms);
	p->flow = (struct pdf_flow){
		.doc = p->doc,
		.x = MARGIN,
		.w = pdf_width(p->doc) - 2 * MARGIN,
		.top = 56,
		.bottom = pdf_height(p->doc) - FOOT - 14,
		.y = 46,
		.on_page = running_head,
		.arg = p,
	};
}

enum status pdf_quote_render(const struct pdf_quote *q, const struct pdf_fonts *f,
			     struct arena *a, struct buf *out, struct err *e)
{
	struct page p = { .q = q, .doc = pdf_new(a, f, q->paper), .a = a,
			  .accent = q->accent ? q->accent : ACCENT };
	struct sums sums;

	begin(&p);
	draw_head(&p);
	draw_parties(&p);
	draw_title(&p);
	sums = lay_sums(&p);
	draw_lines(&p, sums.h);
	draw_sums(&p, &sums);
	draw_texts(&p);
	draw_closing(&p);
	draw_footer(&p);
	return pdf_finish(p.doc, out, e);
}
