/*
 * bench_pdf: a one-page quote by pdf_quote_render against the same page drawn
 * by bare libharu with the same fonts, as its manual shows it.
 *
 *	bench_pdf [ROUNDS [DIRECTORY]]
 *
 * Prints seven lines {"ours_us":..,"theirs_us":..}: microseconds for one page,
 * the mean of ROUNDS (default 20), ours and theirs in turn. With a directory,
 * writes ours.pdf and theirs.pdf there instead, to be laid side by side.
 */
#include "base/clock.h"
#include "t/bench/quote_page.h"
#include "t/bench/quote_sample.h"

#include <hpdf.h>
#include <stdlib.h>

#define PAIRS 7
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static float part(uint32_t rgb, unsigned shift)
{
	return (float)(rgb >> shift & 0xff) / 255;
}

static void twin_round(HPDF_Page p, const struct twin_box *b)
{
	float r = b->radius, k = r - r * 0.5523f;
	float x1 = b->x, y1 = b->y, x2 = b->x + b->w, y2 = b->y + b->h;

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

static void twin_shapes(HPDF_Page p)
{
	for (size_t i = 0; i < COUNT(twin_boxes); i++) {
		const struct twin_box *b = &twin_boxes[i];

		HPDF_Page_SetLineWidth(p, 0.8f);
		HPDF_Page_SetRGBFill(p, part(b->rgb, 16), part(b->rgb, 8), part(b->rgb, 0));
		HPDF_Page_SetRGBStroke(p, part(b->rgb, 16), part(b->rgb, 8), part(b->rgb, 0));
		if (b->radius > 0)
			twin_round(p, b);
		else
			HPDF_Page_Rectangle(p, b->x, b->y, b->w, b->h);
		if (b->frame)
			HPDF_Page_Stroke(p);
		else
			HPDF_Page_Fill(p);
	}
	for (size_t i = 0; i < COUNT(twin_lines); i++) {
		const struct twin_line *l = &twin_lines[i];

		HPDF_Page_SetLineWidth(p, l->thick);
		HPDF_Page_SetRGBStroke(p, part(l->rgb, 16), part(l->rgb, 8), part(l->rgb, 0));
		HPDF_Page_MoveTo(p, l->x1, l->y1);
		HPDF_Page_LineTo(p, l->x2, l->y2);
		HPDF_Page_Stroke(p);
	}
}

static void twin_write(HPDF_Page p, HPDF_Font regular, HPDF_Font bold)
{
	HPDF_Page_BeginText(p);
	for (size_t i = 0; i < COUNT(twin_texts); i++) {
		const struct twin_text *t = &twin_texts[i];

		HPDF_Page_SetFontAndSize(p, t->bold ? bold : regular, t->size);
		HPDF_Page_SetRGBFill(p, part(t->rgb, 16), part(t->rgb, 8), part(t->rgb, 0));
		HPDF_Page_TextOut(p, t->x, t->y, t->text);
	}
	HPDF_Page_EndText(p);
}

static void theirs(struct buf *out)
{
	HPDF_Doc doc = HPDF_New(NULL, NULL);
	HPDF_Font regular, bold;
	HPDF_Page page;
	HPDF_UINT32 n;

	HPDF_SetCompressionMode(doc, HPDF_COMP_ALL);
	HPDF_UseUTFEncodings(doc);
	regular = HPDF_GetFont(doc, HPDF_LoadTTFontFromFile(doc, PDF_FONT_REGULAR, HPDF_TRUE),
			       "UTF-8");
	bold = HPDF_GetFont(doc, HPDF_LoadTTFontFromFile(doc, PDF_FONT_BOLD, HPDF_TRUE), "UTF-8");
	page = HPDF_AddPage(doc);
	HPDF_Page_SetSize(page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
	HPDF_SetInfoAttr(doc, HPDF_INFO_TITLE, "Quote QT-2024-0089");
	twin_shapes(page);
	twin_write(page, regular, bold);
	HPDF_SaveToStream(doc);
	n = HPDF_GetStreamSize(doc);
	HPDF_ResetStream(doc);
	HPDF_ReadFromStream(doc, (HPDF_BYTE *)buf_room(out, n), &n);
	out->n += n;
	HPDF_Free(doc);
}

static bool ours(const struct pdf_fonts *f, struct arena *a, struct buf *out)
{
	struct pdf_quote q = sample_quote();
	struct err e = { 0 };
	bool good = pdf_quote_render(&q, f, a, out, &e) == ST_OK;

	if (!good) {
		struct sv said = err_message(&e);

		fprintf(stderr, "bench_pdf: %.*s\n", SV_ARG(said));
	}
	arena_reset(a);
	return good;
}

static int save(const char *directory, const char *name, const struct buf *b)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	if (!f || fwrite(b->p, 1, b->n, f) != b->n || fclose(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

static int save_both(const struct pdf_fonts *f, struct arena *a, const char *directory)
{
	buf_auto struct buf one = BUF_INIT, two = BUF_INIT;

	theirs(&two);
	return !ours(f, a, &one) || save(directory, "ours.pdf", &one) ||
	       save(directory, "theirs.pdf", &two);
}

static bool measure(const struct pdf_fonts *f, struct arena *a, long rounds)
{
	buf_auto struct buf out = BUF_INIT;
	int64_t mine = 0, other = 0;

	for (long i = 0; i < rounds; i++) {
		int64_t start = clock_mono_us(), middle;

		buf_clear(&out);
		if (!ours(f, a, &out))
			return false;
		middle = clock_mono_us();
		buf_clear(&out);
		theirs(&out);
		mine += middle - start;
		other += clock_mono_us() - middle;
	}
	printf("{\"ours_us\":%.1f,\"theirs_us\":%.1f}\n", (double)mine / (double)rounds,
	       (double)other / (double)rounds);
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 20;
	struct arena *a = arena_new();
	struct pdf_fonts *f;
	struct err e = { 0 };
	int ret = 0;

	if (pdf_fonts_open(&f, PDF_FONT_REGULAR, PDF_FONT_BOLD, NULL, a, &e)) {
		struct sv said = err_message(&e);

		fprintf(stderr, "bench_pdf: %.*s: %.*s\n", SV_ARG(said), SV_ARG(e.hint));
		arena_free(a);
		return 1;
	}
	if (argc > 2)
		ret = save_both(f, a, argv[2]);
	else
		for (int i = 0; i < PAIRS && !ret; i++)
			ret = !measure(f, a, rounds > 0 ? rounds : 1);
	pdf_fonts_close(f);
	arena_free(a);
	return ret;
}
