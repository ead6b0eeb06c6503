/*
 * pdf: documents of text, tables, boxes and pictures, as PDF.
 *
 * A document is drawn into a list of marks in an arena and becomes a PDF in
 * one step, pdf_finish. Only then is libharu called, and by then all is known
 * that makes it quick: of each font only the glyphs in use are handed over
 * (libharu alone takes 30 ms for two DejaVu fonts, so 3), and the number of
 * pages for "Page 1 of 12".
 *
 *	struct pdf *doc = pdf_new(a, fonts, PDF_A4);
 *	pdf_text(doc, &style, text, 50, 50, 200);
 *	return pdf_finish(doc, out, err);
 *
 * Lengths are points (1/72 inch); x runs from the left, y from the TOP of the
 * page downwards. In a right-to-left document (pdf_set_rtl) x runs from the
 * right, so that one layout serves both directions.
 *
 * Texts may hold anything: what is not UTF-8, control characters and what the
 * fonts cannot show become U+FFFD; a line feed ends a line. Hebrew and Arabic
 * are ordered and joined by fribidi. Texts and picture data must live as long
 * as the arena. No call but pdf_finish, pdf_fonts_open and pdf_picture can
 * fail: what lies off the page is left out.
 */
#ifndef PDF_PDF_H
#define PDF_PDF_H

#include "base/buf.h"
#include "base/err.h"

/* The paths that Debian's fonts-dejavu-core installs. */
#define PDF_FONT_REGULAR "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define PDF_FONT_BOLD "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"

/* A document with more pages is refused: nobody reads it, and it would keep
 * the process for minutes. */
#define PDF_MAX_PAGES 2000

enum pdf_face { PDF_REGULAR, PDF_BOLD, PDF_FALLBACK, PDF_FACE__MAX };
enum pdf_paper { PDF_A4, PDF_LETTER };
/* START is left, or right in a right-to-left document; END the other one. */
enum pdf_align { PDF_START, PDF_END, PDF_CENTER };

/* Fonts, opened once per process. */
struct pdf_fonts;

/*
 * TrueType files with outlines (.ttf). `bold` NULL takes the regular font for
 * bold; `fallback` (NULL: none) serves characters that the others lack, as
 * DroidSansFallbackFull.ttf does for Chinese, Japanese and Korean. On failure
 * the message names the file and the package to install.
 */
enum status pdf_fonts_open(struct pdf_fonts **ret, const char *regular, const char *bold,
			   const char *fallback, struct arena *a, struct err *e) WARN_UNUSED;
/* NULL is allowed. */
void pdf_fonts_close(struct pdf_fonts *f);

struct pdf_style {
	enum pdf_face face;
	float size;
	float lead;	   /* line height as a multiple of size; 0 = 1.4 */
	uint32_t rgb;	   /* 0xRRGGBB */
	enum pdf_align align;
	unsigned max_lines; /* what exceeds them ends in an ellipsis; 0 = no limit */
};

struct pdf;

struct pdf *pdf_new(struct arena *a, const struct pdf_fonts *f, enum pdf_paper paper);
/* Mirror everything drawn from now on; do it before drawing. */
void pdf_set_rtl(struct pdf *d, bool rtl);
/* The document's properties. created_ms: milliseconds since 1970, UTC; the
 * same input gives the same bytes. */
void pdf_set_meta(struct pdf *d, struct sv title, struct sv author, int64_t created_ms);
struct arena *pdf_arena(struct pdf *d);
float pdf_width(const struct pdf *d);
float pdf_height(const struct pdf *d);

/* Begin a page behind the last one; a new document has one already. */
void pdf_page_add(struct pdf *d);
size_t pdf_page_count(const struct pdf *d);
/* Draw on page n, 0 = first, from now on. */
void pdf_page_select(struct pdf *d, size_t n);

/* A text laid out in lines. */
struct pdf_para;

/* Break `text` into lines of at most `width`; width 0: only at line feeds. */
const struct pdf_para *pdf_layout(struct pdf *d, const struct pdf_style *s, struct sv text,
				  float width);
/* The same for a figure, which must not be broken: what is wider becomes
 * smaller, down to half its size. */
const struct pdf_para *pdf_layout_figure(struct pdf *d, const struct pdf_style *s,
					 struct sv text, float width);
size_t pdf_para_lines(const struct pdf_para *p);
float pdf_para_height(const struct pdf_para *p);
/* The widest line. */
float pdf_para_width(const struct pdf_para *p);
/* Draw n lines of p from line `from` on (n past the end: all that remain) in
 * a box that starts at x, y; returns the height they take. */
float pdf_draw_lines(struct pdf *d, const struct pdf_para *p, size_t from, size_t n, float x,
		     float y);
float pdf_draw(struct pdf *d, const struct pdf_para *p, float x, float y);
/* Lay out and draw; returns the height. */
float pdf_text(struct pdf *d, const struct pdf_style *s, struct sv text, float x, float y,
	       float width);

/* The width of one line of text. */
float pdf_measure(struct pdf *d, const struct pdf_style *s, struct sv text);

void pdf_line(struct pdf *d, float x1, float y1, float x2, float y2, float thick, uint32_t rgb);
void pdf_fill(struct pdf *d, float x, float y, float w, float h, float radius, uint32_t rgb);
void pdf_frame(struct pdf *d, float x, float y, float w, float h, float radius, float thick,
	       uint32_t rgb);

/* A picture, ready to be drawn: width and height in pixels. */
struct pdf_picture;

/*
 * PNG (transparency is laid on white) or JPEG. Fails with ST_BAD_MEDIA or
 * ST_TOO_LARGE in words for the person who uploaded it. Large PNGs are scaled
 * down to at most 1024 pixels a side.
 */
enum status pdf_picture(struct pdf *d, struct sv bytes, struct pdf_picture **ret,
			struct err *e) WARN_UNUSED;
/* Draw it as large as fits into w * h, against the box's start and top;
 * returns the height taken. */
float pdf_draw_picture(struct pdf *d, const struct pdf_picture *p, float x, float y, float w,
		       float h);

/* Write the document behind what is in out. */
enum status pdf_finish(struct pdf *d, struct buf *out, struct err *e) WARN_UNUSED;

/*
 * Flow: a column of text and tables that continues from page to page.
 *
 * y is where the next thing goes. on_page, if set, is called after a new page
 * was begun with y at `top`; it may draw a running head and move y.
 */
struct pdf_flow {
	struct pdf *doc;
	float x, w;	   /* the column */
	float top, bottom; /* on pages after the first; bottom on all */
	float y;
	void (*on_page)(struct pdf_flow *f, void *arg);
	void *arg;
};

void pdf_flow_page(struct pdf_flow *f);
/* Make sure that h fits below y, on a new page if need be (true then). What
 * is taller than a page starts where it stands. */
bool pdf_flow_room(struct pdf_flow *f, float h);
/* Draw a text at y, over as many pages as it takes, never one line of several
 * alone at the foot of a page. */
void pdf_flow_text(struct pdf_flow *f, const struct pdf_style *s, struct sv text);

/*
 * Table: header row again on each page, rows kept whole unless they are
 * taller than a page, a thin rule below each.
 */
struct pdf_column {
	float width; /* 0: an equal share of what the others leave */
	enum pdf_align align;
	struct sv head;
	enum pdf_face face; /* of the cell's text */
};

struct pdf_cell {
	struct sv text;	  /* a figure where the column's align is PDF_END */
	struct sv detail; /* below the text, smaller */
};

struct pdf_table {
	struct pdf_flow *flow;
	const struct pdf_column *columns;
	size_t n;
	struct pdf_style head, body, detail; /* align and body.face come from the column */
	uint32_t head_rgb, rule_rgb;	     /* the rules below header and rows */
	float pad;			     /* above and below a row's text */
	float gap;			     /* between columns */
	/* set by pdf_table_begin */
	float *x, *w;
};

/* Compute the columns and draw the header row. */
void pdf_table_begin(struct pdf_table *t);
/* Draw a row of t->n cells. `keep`: what must fit on the same page below it,
 * so that a block of totals never stands alone. */
void pdf_table_row(struct pdf_table *t, const struct pdf_cell *cells, float keep);

/* At the foot of each page, above `y`: `left` and "Page 1 of 3", made from
 * `pages` in which {n} and {m} are replaced. To be called last. */
void pdf_footer(struct pdf *d, const struct pdf_style *s, struct sv left, struct sv pages,
		float x, float y, float w);

/*
 * "-1234567.80" with groups: -1,234,567.80 with SV(",") and SV("."). What is
 * not a plain decimal number comes back unchanged.
 */
struct sv pdf_group(struct arena *a, struct sv number, struct sv group, struct sv point);

#endif
