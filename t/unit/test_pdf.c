#include "pdf/quote.h"
#include "t/bench/quote_sample.h"
#include "t/unit/tap.h"

#include <stdlib.h>
#include <unistd.h>

static struct arena *a;
static struct pdf_fonts *fonts;

/* A PNG of 2 x 1 pixels, half transparent. */
static const unsigned char png[] = {
	0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
	0x44, 0x52, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00,
	0x00, 0xf4, 0x22, 0x7f, 0x8a, 0x00, 0x00, 0x00, 0x0f, 0x49, 0x44, 0x41, 0x54, 0x78,
	0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xd0, 0x00, 0x84, 0xff, 0x01, 0x0d, 0x00, 0x02, 0xff,
	0xdf, 0xfd, 0xc1, 0x3b, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42,
	0x60, 0x82,
};

/* The head of a JPEG of 16 x 8 pixels in grey; viewers would miss the rest. */
static const unsigned char jpeg[] = {
	0xff, 0xd8, 0xff, 0xe0, 0x00, 0x04, 0x00, 0x00, 0xff, 0xc0, 0x00, 0x0b,
	0x08, 0x00, 0x08, 0x00, 0x10, 0x01, 0x01, 0x11, 0x00, 0xff, 0xd9,
};

static struct sv bytes(const void *p, size_t n)
{
	return sv_make(p, n);
}

static bool has(struct sv s, const char *needle)
{
	return sv_find(s, sv_from(needle)) >= 0;
}

static size_t count(struct sv s, struct sv needle)
{
	size_t n = 0;

	for (ptrdiff_t at; (at = sv_find(s, needle)) >= 0; n++)
		s = sv_skip(s, (size_t)at + needle.n);
	return n;
}

/* Page objects, without their parent "/Type /Pages". */
static size_t pages(struct sv pdf)
{
	return count(pdf, SV("/Type /Page\n"));
}

static enum status render(const struct pdf_quote *q, struct buf *out)
{
	struct arena *mine = arena_new();
	struct err e = { 0 };
	enum status s;

	buf_clear(out);
	s = pdf_quote_render(q, fonts, mine, out, &e);
	if (s) {
		struct sv said = err_message(&e);

		printf("# %.*s\n", SV_ARG(said));
	}
	arena_free(mine);
	return s;
}

/* What a reader gets to see, by pdftotext; SV_NONE where that is missing. */
static struct sv text_of(struct sv pdf)
{
	char path[] = "/tmp/test_pdf.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct buf out = BUF_INIT;
	struct sv text;

	if (!f)
		return SV_NONE;
	fwrite(pdf.p, 1, pdf.n, f);
	fclose(f);
	f = popen(arena_printf(a, "pdftotext -q -layout %s - 2>/dev/null", path), "r");
	for (size_t n = 1; f && n > 0;) {
		n = fread(buf_room(&out, 65536), 1, 65536, f);
		out.n += n;
	}
	if (f)
		pclose(f);
	unlink(path);
	text = out.n ? arena_sv(a, buf_sv(&out)) : SV_NONE;
	buf_release(&out);
	return text;
}

/* The page's text with runs of spaces made one. */
static struct sv squeeze(struct sv s)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' || (n && p[n - 1] != ' '))
			p[n++] = s.p[i];
	return sv_make(p, n);
}

#define ok_text(text, cond, name)                                            \
	do {                                                                 \
		if (sv_present(text))                                        \
			ok(cond, "%s", (name));                              \
		else                                                         \
			ok(true, "%s # SKIP pdftotext is not there", (name)); \
	} while (0)

static void test_sample(void)
{
	struct pdf_quote q = sample_quote();
	buf_auto struct buf b = BUF_INIT, again = BUF_INIT;
	struct sv text;

	is_int(render(&q, &b), ST_OK, "the sample quote becomes a PDF");
	ok(sv_starts(buf_sv(&b), SV("%PDF-1.")), "it starts with %%PDF");
	is_int(pages(buf_sv(&b)), 1, "it has one page");
	ok(has(buf_sv(&b), "/FontFile2") && has(buf_sv(&b), "/Identity-H") &&
	   has(buf_sv(&b), "/ToUnicode"), "its fonts are embedded, with a map to Unicode");
	ok(b.n < 40000, "only the glyphs in use are embedded (%zu bytes)", b.n);
	render(&q, &again);
	ok(sv_eq(buf_sv(&b), buf_sv(&again)), "the same quote gives the same bytes");
	text = text_of(buf_sv(&b));
	if (sv_present(text))
		text = squeeze(text);
	ok_text(text, has(text, "Product Qty Unit price Discount Total"),
		"columns product, quantity, unit price, discount, total");
	ok_text(text, has(text, "Platform License 50 150.00 10% 6,750.00"),
		"50 x 150.00 at 10 % = 6,750.00");
	ok_text(text, has(text, "Implementation Services 1 12,000.00 \xe2\x80\x93 12,000.00"),
		"1 x 12,000.00 at 0 % = 12,000.00");
	ok_text(text, has(text, "Priority Support 1 5,000.00 15% 4,250.00"),
		"1 x 5,000.00 at 15 % = 4,250.00");
	ok_text(text, has(text, "QT-2024-0089") &&
		has(text, "Enterprise Platform \xe2\x80\x94 TechBridge Inc.") &&
		has(text, "Valid until May 15, 2024"),
		"Q2C-11 number, title with company, valid until");
	ok_text(text, has(text, "VAT 19% 4,370.00") && has(text, "USD 27,370.00"),
		"tax rows, total in the quote's currency");
	ok_text(text, has(text, "Page 1 of 1"), "the footer counts pages");
}

static void test_many_lines(void)
{
	struct pdf_quote q = sample_quote();
	struct pdf_quote_line *lines = ARENA_ARRAY(a, 500, struct pdf_quote_line);
	buf_auto struct buf b = BUF_INIT;
	struct sv text, page = SV_NONE, rest;
	size_t n, heads = 0, numbered = 0, i = 0;

	for (size_t k = 0; k < 500; k++) {
		lines[k] = sample_lines[k % 3];
		lines[k].name = sv_from(arena_printf(a, "Item %03zu", k + 1));
	}
	q.lines = lines;
	q.n_lines = 500;
	is_int(render(&q, &b), ST_OK, "500 lines become a PDF");
	n = pages(buf_sv(&b));
	ok(n > 20 && n < 50, "on %zu pages", n);
	text = rest = text_of(buf_sv(&b));
	for (; sv_present(rest) && i < n; i++) {
		page = sv_cut(&rest, '\f');
		heads += has(page, "Unit price");
		numbered += has(page, arena_printf(a, "Page %zu of %zu", i + 1, n));
	}
	ok_text(text, heads == n, "the header row stands on each page");
	ok_text(text, numbered == n, "each page says its number and their count");
	ok_text(text, count(text, SV("Item ")) == 500, "each line is there once");
	ok_text(text, has(page, "Item 500") && has(page, "Subtotal") && has(page, "27,370.00"),
		"the totals stand below a line, never alone");
}

/* However many lines there are: a page with totals has a line above them. */
static void test_no_orphans(void)
{
	struct pdf_quote q = sample_quote();
	struct pdf_quote_line lines[16];
	buf_auto struct buf b = BUF_INIT;
	bool good = true;

	q.lines = lines;
	for (q.n_lines = 1; q.n_lines <= 16; q.n_lines++) {
		struct sv rest, page;

		lines[q.n_lines - 1] = sample_lines[1];
		render(&q, &b);
		rest = text_of(buf_sv(&b));
		if (!sv_present(rest)) {
			ok(true, "no orphaned totals # SKIP pdftotext is not there");
			return;
		}
		while (sv_present(rest)) {
			page = sv_cut(&rest, '\f');
			if (has(page, "Subtotal") && !has(page, "Implementation Services"))
				good = false;
			if (has(page, "Signature") && !has(page, "Payment within"))
				good = false;
		}
	}
	ok(good, "totals keep a line above them, signatures a text");
}

static void test_long_texts(void)
{
	struct pdf_quote q = sample_quote();
	struct pdf_quote_line lines[3] = { sample_lines[0], sample_lines[1], sample_lines[2] };
	buf_auto struct buf b = BUF_INIT, words = BUF_INIT, solid = BUF_INIT;
	struct sv text;

	for (int i = 0; i < 2000; i++)
		buf_addf(&words, "word%04d ", i);
	for (int i = 0; i < 20000; i++)
		buf_lit(&solid, "W");
	lines[1].description = buf_sv(&words);
	lines[0].name = buf_sv(&solid);
	lines[2].unit_price = SV("123456789012345678.99");
	q.lines = lines;
	q.title = q.customer.name = q.number = q.terms = q.accepted = buf_sv(&solid);
	is_int(render(&q, &b), ST_OK, "texts longer than a page become a PDF");
	text = text_of(buf_sv(&b));
	ok_text(text, count(text, SV("word")) == 2000 && has(text, "word1999"),
		"a description runs over pages without loss");
	ok_text(text, has(text, "123,456,789,012,345,678.99"), "a figure is never broken");
}

static void test_arabic(void)
{
	struct pdf_quote q = sample_quote();
	struct pdf_quote_line line = sample_lines[0];
	buf_auto struct buf b = BUF_INIT;
	struct sv text;

	line.name = SV("\xd8\xaa\xd8\xb1\xd8\xae\xd9\x8a\xd8\xb5"); /* licence */
	line.description = SV("API \xd8\xb3\xd9\x84\xd8\xa7\xd9\x85 12");
	q.lines = &line;
	q.n_lines = 1;
	q.rtl = true;
	q.labels[PDF_L_QUOTE] = SV("\xd8\xb9\xd8\xb1\xd8\xb6 \xd8\xb3\xd8\xb9\xd8\xb1");
	is_int(render(&q, &b), ST_OK, "a right-to-left quote becomes a PDF");
	text = text_of(buf_sv(&b));
	ok_text(text, has(text, "\xd8\xaa\xd8\xb1\xd8\xae\xd9\x8a\xd8\xb5"),
		"Arabic is found again letter by letter");
	ok_text(text, has(text, "Torstra\xc3\x9f" "e"), "and Latin text beside it");
}

static void test_pictures(void)
{
	struct pdf *d = pdf_new(a, fonts, PDF_LETTER);
	struct pdf_picture *p = NULL;
	struct pdf_quote q = sample_quote();
	buf_auto struct buf b = BUF_INIT;
	struct err e = { 0 };
	bool refused = true;

	is_int(pdf_picture(d, bytes(png, sizeof(png)), &p, &e), ST_OK, "a PNG is read");
	is_int(pdf_picture(d, bytes(jpeg, sizeof(jpeg)), &p, &e), ST_OK, "a JPEG is read");
	for (size_t n = 0; n < sizeof(png) - 16; n++)
		refused &= pdf_picture(d, bytes(png, n), &p, &e) == ST_BAD_MEDIA;
	ok(refused, "a PNG cut short anywhere is refused, the process lives on");
	for (size_t n = 0; n < 18; n++)
		refused &= pdf_picture(d, bytes(jpeg, n), &p, &e) == ST_BAD_MEDIA;
	ok(refused, "so is a JPEG");
	is_int(pdf_picture(d, SV("GIF89a"), &p, &e), ST_BAD_MEDIA, "other kinds are refused");
	ok(has(e.message, "PNG or JPEG"), "in words");
	q.logo = bytes(png, sizeof(png));
	ok(render(&q, &b) == ST_OK && has(buf_sv(&b), "/Subtype /Image"), "a quote has a logo");
	q.logo = bytes(jpeg, sizeof(jpeg));
	ok(render(&q, &b) == ST_OK && has(buf_sv(&b), "/DCTDecode"), "a JPEG is passed through");
	q.logo = bytes(png, 50);
	ok(render(&q, &b) == ST_OK && !has(buf_sv(&b), "/Subtype /Image"),
	   "a damaged logo is left out");
}

/* DejaVu Serif has no Arabic, and no bold is given. */
static void test_fallback(void)
{
	static const char serif[] = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf";
	struct pdf_quote q = sample_quote();
	struct pdf_fonts *two = NULL;
	buf_auto struct buf b = BUF_INIT;
	struct err e = { 0 };

	q.title = SV("\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85 \xe4\xb8\xad");
	is_int(pdf_fonts_open(&two, serif, NULL, PDF_FONT_REGULAR, a, &e), ST_OK,
	       "fonts without bold, with a fallback");
	ok(two && pdf_quote_render(&q, two, a, &b, &e) == ST_OK &&
	   count(buf_sv(&b), SV("/FontFile2")) == 2,
	   "what a font lacks comes from the fallback");
	pdf_fonts_close(two);
}

static struct sv noise(uint32_t *seed, size_t n)
{
	static const unsigned char nasty[] = {
		0, '\n', '\r', ' ', 0xff, 0xc3, 0xe2, 0x80, 0x8f, 0xd9, 0x84, 0xa7, 0xcc, 0x81,
		0xf0, 0x9f, 'A', '(', '%', 0xed, 0xa0, 0xef, 0xbf, 0xbe, 0xd7, 0x90, '1', '-',
	};
	char *p = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++) {
		*seed = *seed * 1664525 + 1013904223;
		p[i] = (char)(*seed >> 31 ? nasty[(*seed >> 8) % sizeof(nasty)] : *seed >> 16);
	}
	return sv_make(p, n);
}

static void test_hostile(void)
{
	struct pdf_quote empty = { 0 };
	buf_auto struct buf b = BUF_INIT;
	uint32_t seed = 7;
	bool good = true;

	is_int(render(&empty, &b), ST_OK, "an empty quote becomes a PDF");
	is_int(pages(buf_sv(&b)), 1, "of one page");
	for (size_t i = 0; i < 25 && good; i++) {
		struct pdf_quote q = sample_quote();
		struct pdf_quote_line l[2] = { sample_lines[0], sample_lines[1] };
		struct sv address[20];

		for (size_t k = 0; k < 20; k++)
			address[k] = noise(&seed, i * 7);
		for (size_t k = 0; k < PDF_L__MAX; k += 3)
			q.labels[k] = noise(&seed, i);
		l[0].name = q.title = noise(&seed, i * 40);
		l[0].description = q.notes = noise(&seed, i * 200);
		l[1].qty = l[1].total = l[1].discount = q.total = noise(&seed, i);
		q.seller = (struct pdf_party){ noise(&seed, i), noise(&seed, i), address, 20 };
		q.number = q.currency = q.status = q.valid_until = noise(&seed, i);
		q.lines = l;
		q.n_lines = 2;
		q.rtl = i & 1;
		q.created_ms = (int64_t)seed << 20;
		good = render(&q, &b) == ST_OK && sv_starts(buf_sv(&b), SV("%PDF"));
	}
	ok(good, "NUL bytes, broken UTF-8 and stray marks do no harm");
}

static void test_limits(void)
{
	struct pdf *d = pdf_new(a, fonts, PDF_A4);
	struct pdf_style s = { .size = 10 };
	buf_auto struct buf b = BUF_INIT;
	struct pdf_fonts *none;
	struct err e = { 0 };

	pdf_text(d, &s, SV("far away"), 1e30f, -1e30f, 10);
	pdf_line(d, 0, 0, 0.0f / 1, 1e20f, 1, 0);
	is_int(pdf_finish(d, &b, &e), ST_OK, "what lies off the page is left out");
	for (int i = 0; i < PDF_MAX_PAGES + 1; i++)
		pdf_page_add(d);
	is_int(pdf_finish(d, &b, &e), ST_UNPROCESSABLE, "too many pages are refused");
	ok(has(e.message, "2000 pages"), "in words");
	is_int(pdf_fonts_open(&none, "/nowhere/font.ttf", NULL, NULL, a, &e), ST_INTERNAL,
	       "a missing font is an error");
	ok(has(e.message, "/nowhere/font.ttf") && has(e.hint, "fonts-dejavu-core"),
	   "that names the file and the package to install");
	is_int(pdf_fonts_open(&none, "/etc/passwd", NULL, NULL, a, &e), ST_INTERNAL,
	       "so is a file that is no font");
}

static void test_layout(void)
{
	struct pdf *d = pdf_new(a, fonts, PDF_A4);
	struct pdf_style s = { .size = 10 }, two = { .size = 10, .max_lines = 2 };
	const struct pdf_para *p = pdf_layout(d, &s, SV("one two three four five six"), 60);

	ok(pdf_para_lines(p) > 2 && pdf_para_width(p) <= 60, "text is broken to the width");
	is_int(pdf_para_lines(pdf_layout(d, &s, SV("a\nb\r\n\nc"), 0)), 4, "line feeds break");
	is_int(pdf_para_lines(pdf_layout(d, &two, SV("a b c d e f g h i j k l m"), 20)), 2,
	       "a limit of lines holds");
	ok(pdf_measure(d, &s, SV("mm")) > 2 * pdf_measure(d, &s, SV("i")), "widths are the font's");
	ok(pdf_measure(d, &s, SV("\xe2\x80\x8b")) < 0.01f, "invisible marks have no width");
}

static void test_group(void)
{
	struct sv c = SV(","), p = SV(".");

	is_sv(pdf_group(a, SV("6750.00"), c, p), SV("6,750.00"), "thousands are grouped");
	is_sv(pdf_group(a, SV("-1234567.8"), c, p), SV("-1,234,567.8"), "negative");
	is_sv(pdf_group(a, SV("-123"), c, p), SV("-123"), "no group before the sign's digits");
	is_sv(pdf_group(a, SV("1000"), SV("."), SV(",")), SV("1.000"), "other signs");
	is_sv(pdf_group(a, SV("1e5"), c, p), SV("1e5"), "what is no decimal stays");
	is_sv(pdf_group(a, SV_NONE, c, p), SV_NONE, "nothing stays nothing");
}

int main(void)
{
	struct err e = { 0 };

	a = arena_new();
	if (access(PDF_FONT_REGULAR, R_OK))
		skip_all("fonts-dejavu-core is not installed");
	is_int(pdf_fonts_open(&fonts, PDF_FONT_REGULAR, PDF_FONT_BOLD, NULL, a, &e), ST_OK,
	       "fonts open");
	test_sample();
	test_many_lines();
	test_no_orphans();
	test_long_texts();
	test_arabic();
	test_fallback();
	test_pictures();
	test_hostile();
	test_limits();
	test_layout();
	test_group();
	pdf_fonts_close(fonts);
	arena_free(a);
	return tap_done();
}
