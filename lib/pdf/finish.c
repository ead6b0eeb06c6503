#include "pdf/internal.h"

#include "base/log.h"

#include <hpdf.h>
#include <sys/mman.h>
#include <unistd.h>

/* How far a Bezier curve's handles are from the corner of a quarter circle. */
#define ROUND 0.5523f

/*
 * libharu keeps the first error of a document and refuses further work, so it
 * is asked once, at the end; what it returns as pointer is checked at once.
 */
struct writer {
	struct pdf *d;
	HPDF_Doc doc;
	HPDF_Font font[PDF_FACE__MAX];
	HPDF_Page page;
	bool in_text;
	enum pdf_face face;
	float size;
	uint32_t fill;
};

static float part(uint32_t rgb, unsigned shift)
{
	return (float)(rgb >> shift & 0xff) / 255;
}

static uint16_t letter_of(const struct pdf *d, uint16_t code)
{
	for (const struct pdf_origin *o = d->origins; o; o = o->next)
		if (o->shown == code)
			return o->letter;
	return code;
}

/* The map from codes to text, of those in use, in the portions of 100 that
 * PDF allows. */
static void make_cmap(struct buf *b, const struct pdf *d, const uint8_t *used)
{
	size_t n = 0, left = 0;

	for (uint32_t c = 0; c < PDF_CODES; c++)
		left += pdf_bit(used, c);
	buf_lit(b, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
		   "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
		   "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
		   "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n");
	for (uint32_t c = 0; c < PDF_CODES; c++) {
		if (!pdf_bit(used, c))
			continue;
		if (n % 100 == 0)
			buf_addf(b, "%zu beginbfchar\n", left < 100 ? left : 100);
		buf_addf(b, "<%04X> <%04X>\n", c, letter_of(d, (uint16_t)c));
		n++;
		left--;
		if (n % 100 == 0 || left == 0)
			buf_lit(b, "endbfchar\n");
	}
	buf_lit(b, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
}

/*
 * libharu writes a CMap of the wrong kind as the font's ToUnicode: readers
 * warn and guess. Ours also leads joined Arabic forms back to their letters.
 */
static void set_cmap(struct writer *w, HPDF_Font font, const uint8_t *used)
{
	HPDF_Dict cmap = ((HPDF_FontAttr)font->attr)->cmap_stream;
	buf_auto struct buf b = BUF_INIT;

	if (!cmap)
		return;
	make_cmap(&b, w->d, used);
	HPDF_MemStream_FreeData(cmap->stream);
	HPDF_Stream_Write(cmap->stream, (const HPDF_BYTE *)b.p, (HPDF_UINT)b.n);
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* libharu takes fonts as files only: give it one that lives in memory. */
static HPDF_Font load_font(struct writer *w, const char *data, size_t n)
{
	int fd = memfd_create("font", MFD_CLOEXEC);
	const char *name = NULL;

	if (fd < 0)
		return NULL;
	if (write_all(fd, data, n))
		name = HPDF_LoadTTFontFromFile(w->doc,
					       arena_printf(w->d->a, "/proc/self/fd/%d", fd),
					       HPDF_TRUE);
	close(fd);
	return name ? HPDF_GetFont(w->doc, name, "UTF-8") : NULL;
}

/* libharu looks for the parts of composed letters one level deep only, and
 * would drop the accent of an accented letter's accent. */
static void keep_all_glyphs(HPDF_Font font)
{
	HPDF_TTFontDefAttr def = ((HPDF_FontAttr)font->attr)->fontdef->attr;

	memset(def->glyph_tbl.flgs, 1, def->num_glyphs);
}

static enum status add_font(struct writer *w, enum pdf_face face, struct err *e)
{
	const struct pdf_font *f = &w->d->fonts->font[face];
	hb_blob_t *blob = pdf_font_subset(f, w->d->used[face]);
	unsigned n = 0;
	const char *data = blob ? hb_blob_get_data(blob, &n) : NULL;

	if (n)
		w->font[face] = load_font(w, data, n);
	hb_blob_destroy(blob);
	if (!w->font[face])
		return err_set(e, w->d->a, ST_INTERNAL,
			       "The font %s cannot be embedded (libharu error 0x%lx)", f->path,
			       HPDF_GetError(w->doc));
	keep_all_glyphs(w->font[face]);
	set_cmap(w, w->font[face], w->d->used[face]);
	return ST_OK;
}

static enum status add_fonts(struct writer *w, struct err *e)
{
	enum status s = ST_OK;

	for (size_t i = 0; i < PDF_FACE__MAX && !s; i++)
		if (w->d->used[i])
			s = add_font(w, (enum pdf_face)i, e);
	return s;
}

static void add_picture(struct writer *w, struct pdf_picture *p)
{
	const HPDF_BYTE *data = (const HPDF_BYTE *)p->data.p;

	if (p->jpeg)
		p->image = HPDF_LoadJpegImageFromMem(w->doc, data, (HPDF_UINT)p->data.n);
	else
		p->image = HPDF_LoadRawImageFromMem(w->doc, data, p->width, p->height,
						    HPDF_CS_DEVICE_RGB, 8);
}

static void add_meta(struct writer *w)
{
	const struct pdf *d = w->d;
	time_t at = (time_t)(d->created_ms / 1000);
	struct tm tm;

	HPDF_SetCurrentEncoder(w->doc, "UTF-8");
	if (d->title.n && sv_is_text(d->title))
		HPDF_SetInfoAttr(w->doc, HPDF_INFO_TITLE, arena_dup(d->a, d->title));
	if (d->author.n && sv_is_text(d->author))
		HPDF_SetInfoAttr(w->doc, HPDF_INFO_AUTHOR, arena_dup(d->a, d->author));
	HPDF_SetInfoAttr(w->doc, HPDF_INFO_CREATOR, "Kontor");
	if (d->created_ms > 0 && gmtime_r(&at, &tm) && tm.tm_year < 8100) {
		HPDF_Date date = { tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
				   tm.tm_min, tm.tm_sec > 59 ? 59 : tm.tm_sec, 'Z', 0, 0 };

		HPDF_SetInfoDateAttr(w->doc, HPDF_INFO_CREATION_DATE, date);
		HPDF_SetInfoDateAttr(w->doc, HPDF_INFO_MOD_DATE, date);
	}
}

static void set_fill(struct writer *w, uint32_t rgb)
{
	if (w->fill == rgb)
		return;
	HPDF_Page_SetRGBFill(w->page, part(rgb, 16), part(rgb, 8), part(rgb, 0));
	w->fill = rgb;
}

static void leave_text(struct writer *w)
{
	if (w->in_text)
		HPDF_Page_EndText(w->page);
	w->in_text = false;
}

static void put_text(struct writer *w, const struct pdf_mark *m)
{
	if (!w->in_text)
		HPDF_Page_BeginText(w->page);
	w->in_text = true;
	if (m->face != w->face || m->size != w->size)
		HPDF_Page_SetFontAndSize(w->page, w->font[m->face], m->size);
	w->face = m->face;
	w->size = m->size;
	set_fill(w, m->rgb);
	HPDF_Page_TextOut(w->page, m->x, m->y, m->text);
}

static void put_round_box(HPDF_Page p, const struct pdf_mark *m)
{
	float r = m->radius, k = r - r * ROUND;
	float x1 = m->x, y1 = m->y, x2 = m->x + m->w, y2 = m->y + m->h;

	HPDF_Page_MoveTo(p, x1 + r, y1);
	HPDF_Page_LineTo(p, x2 - r, y1);
	HPDF_Page_CurveTo(p, x2 - k, y1, x2, y1 + k, x2, y1 + r);
	HPDF_Page_LineTo(p, x2, y2 - r);
	HPDF_Page_CurveTo(p, x2, y2 - k, x2 - k, y2, x2 - r, y2);
	HPDF_Page_LineTo(p, x1 + r, y2);
	HPDF_Page_CurveTo(p, x1 + k, y2, x1, y2 - k, x1, y2 - r);
	HPDF_Page_LineTo(p, x1, y1 + r);
	HPDF_Page_CurveTo(p, x1, y1 + k, x1 + k, y1, x1 + r, y1);
	HPDF_Page_ClosePath(p);
}

static void put_box(struct writer *w, const struct pdf_mark *m)
{
	if (m->radius > 0)
		put_round_box(w->page, m);
	else
		HPDF_Page_Rectangle(w->page, m->x, m->y, m->w, m->h);
}

static void set_pen(struct writer *w, const struct pdf_mark *m)
{
	HPDF_Page_SetLineWidth(w->page, m->size);
	HPDF_Page_SetRGBStroke(w->page, part(m->rgb, 16), part(m->rgb, 8), part(m->rgb, 0));
}

static void put_mark(struct writer *w, const struct pdf_mark *m)
{
	if (m->kind == MARK_TEXT) {
		put_text(w, m);
		return;
	}
	leave_text(w);
	switch (m->kind) {
	case MARK_LINE:
		set_pen(w, m);
		HPDF_Page_MoveTo(w->page, m->x, m->y);
		HPDF_Page_LineTo(w->page, m->w, m->h);
		HPDF_Page_Stroke(w->page);
		break;
	case MARK_FILL:
		set_fill(w, m->rgb);
		put_box(w, m);
		HPDF_Page_Fill(w->page);
		break;
	case MARK_FRAME:
		set_pen(w, m);
		put_box(w, m);
		HPDF_Page_Stroke(w->page);
		break;
	case MARK_PICTURE:
		if (m->picture->image)
			HPDF_Page_DrawImage(w->page, m->picture->image, m->x, m->y, m->w, m->h);
		break;
	case MARK_TEXT:
		break;
	}
}

static void put_page(struct writer *w, const struct pdf_page *page)
{
	w->page = HPDF_AddPage(w->doc);
	if (!w->page)
		return;
	HPDF_Page_SetWidth(w->page, w->d->w);
	HPDF_Page_SetHeight(w->page, w->d->h);
	w->fill = 0; /* a page begins in black, without a font */
	w->size = 0;
	for (const struct pdf_mark *m = page->first; m; m = m->next)
		put_mark(w, m);
	leave_text(w);
}

static enum status take_bytes(struct writer *w, struct buf *out, struct err *e)
{
	HPDF_UINT32 n;

	HPDF_SaveToStream(w->doc);
	if (HPDF_GetError(w->doc) != HPDF_OK) {
		log_error("libharu failed", LOG_I("error", HPDF_GetError(w->doc)),
			  LOG_I("detail", HPDF_GetErrorDetail(w->doc)));
		return err_set(e, w->d->a, ST_INTERNAL,
			       "The PDF could not be made (libharu error 0x%lx)",
			       HPDF_GetError(w->doc));
	}
	n = HPDF_GetStreamSize(w->doc);
	HPDF_ResetStream(w->doc);
	HPDF_ReadFromStream(w->doc, (HPDF_BYTE *)buf_room(out, n), &n);
	out->n += n;
	out->p[out->n] = '\0';
	return ST_OK;
}

static enum status write_doc(struct writer *w, struct buf *out, struct err *e)
{
	struct pdf *d = w->d;
	enum status s;

	HPDF_SetCompressionMode(w->doc, HPDF_COMP_ALL);
	HPDF_UseUTFEncodings(w->doc);
	s = add_fonts(w, e);
	if (s)
		return s;
	add_meta(w);
	for (struct pdf_picture *p = d->pictures; p; p = p->next)
		add_picture(w, p);
	for (size_t i = 0; i < d->n; i++)
		put_page(w, &d->pages[i]);
	return take_bytes(w, out, e);
}

enum status pdf_finish(struct pdf *d, struct buf *out, struct err *e)
{
	struct writer w = { .d = d };
	enum status s;

	if (d->overflow)
		return err_set(e, d->a, ST_UNPROCESSABLE,
			       "The document would have more than %d pages; shorten its texts",
			       PDF_MAX_PAGES);
	w.doc = HPDF_New(NULL, NULL);
	if (!w.doc)
		return err_set(e, d->a, ST_INTERNAL, "The PDF could not be begun");
	s = write_doc(&w, out, e);
	HPDF_Free(w.doc);
	return s;
}
