#include "pdf/pdf.h"

/* `pages` with the page's number for {n} and their count for {m}. */
static struct sv page_label(struct arena *a, struct sv pages, size_t n, size_t m)
{
	ptrdiff_t at_n = sv_find(pages, SV("{n}")), at_m = sv_find(pages, SV("{m}"));
	struct sv s;

	if (at_n < 0 || at_m < at_n + 3)
		return pages;
	s = sv_skip(pages, (size_t)at_n + 3);
	struct sv tail = sv_skip(pages, (size_t)at_m + 3);
	return sv_from(arena_printf(a, "%.*s%zu%.*s%zu%.*s", (int)at_n, pages.p, n,
				    (int)(at_m - at_n - 3), s.p, m, SV_ARG(tail)));
}

void pdf_footer(struct pdf *d, const struct pdf_style *s, struct sv left, struct sv pages,
		float x, float y, float w)
{
	struct pdf_style start = *s, end = *s;
	size_t m = pdf_page_count(d);
	const struct pdf_para *text;

	start.align = PDF_START;
	start.max_lines = 1;
	end.align = PDF_END;
	text = pdf_layout(d, &start, left, w * 0.75f);
	for (size_t n = 0; n < m; n++) {
		pdf_page_select(d, n);
		pdf_draw(d, text, x, y);
		pdf_text(d, &end, page_label(pdf_arena(d), pages, n + 1, m), x + w * 0.75f, y,
			 w * 0.25f);
	}
}
