#include "pdf/internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <hb-ot.h>
#include <hb-subset.h>

#define ADV_UNKNOWN -2
#define ADV_NONE -1

/* Where a character has no glyph; the second for fonts that lack the first. */
#define CODE_REPLACEMENT 0xfffd
#define CODE_LAST_RESORT '?'

/* Layout tables are of no use behind libharu, which places glyph by glyph. */
static const hb_tag_t useless_tables[] = {
	HB_TAG('G', 'S', 'U', 'B'), HB_TAG('G', 'P', 'O', 'S'), HB_TAG('G', 'D', 'E', 'F'),
	HB_TAG('k', 'e', 'r', 'n'), HB_TAG('M', 'A', 'T', 'H'), HB_TAG('D', 'S', 'I', 'G'),
};

static bool has_outlines(hb_face_t *face)
{
	hb_blob_t *glyf = hb_face_reference_table(face, HB_TAG('g', 'l', 'y', 'f'));
	bool found = hb_blob_get_length(glyf) > 0;

	hb_blob_destroy(glyf);
	return found;
}

static void font_metrics(struct pdf_font *f)
{
	hb_font_extents_t ext = { 0 };
	float em = (float)hb_face_get_upem(f->face);

	hb_font_get_h_extents(f->font, &ext);
	f->ascent = (float)ext.ascender / em;
	f->descent = (float)-ext.descender / em;
	f->advance = mem_alloc(PDF_CODES * sizeof(*f->advance));
	for (size_t i = 0; i < PDF_CODES; i++)
		f->advance[i] = ADV_UNKNOWN;
}

static enum status font_open(struct pdf_font *f, const char *path, struct arena *a,
			     struct err *e)
{
	hb_blob_t *blob = hb_blob_create_from_file_or_fail(path);

	if (!blob) {
		err_set(e, a, ST_INTERNAL, "The font %s cannot be read", path);
		e->hint = SV("install the package fonts-dejavu-core, or set the path of a "
			     "TrueType font");
		return ST_INTERNAL;
	}
	f->path = mem_dup(path);
	f->face = hb_face_create(blob, 0);
	hb_blob_destroy(blob);
	f->font = hb_font_create(f->face);
	if (hb_face_get_glyph_count(f->face) == 0 || !has_outlines(f->face))
		return err_set(e, a, ST_INTERNAL,
			       "%s is not a TrueType font with outlines (glyf table)", path);
	font_metrics(f);
	return ST_OK;
}

enum status pdf_fonts_open(struct pdf_fonts **ret, const char *regular, const char *bold,
			   const char *fallback, struct arena *a, struct err *e)
{
	struct pdf_fonts *f = mem_alloc(sizeof(*f));
	enum status s;

	*f = (struct pdf_fonts){ .bold = PDF_REGULAR, .has_fallback = fallback != NULL };
	s = font_open(&f->font[PDF_REGULAR], regular, a, e);
	/* libharu refuses the same font twice. */
	if (!s && bold && strcmp(bold, regular)) {
		f->bold = PDF_BOLD;
		s = font_open(&f->font[PDF_BOLD], bold, a, e);
	}
	if (!s && fallback)
		s = font_open(&f->font[PDF_FALLBACK], fallback, a, e);
	if (s) {
		pdf_fonts_close(f);
		return s;
	}
	*ret = f;
	return ST_OK;
}

void pdf_fonts_close(struct pdf_fonts *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < PDF_FACE__MAX; i++) {
		hb_font_destroy(f->font[i].font);
		hb_face_destroy(f->font[i].face);
		free(f->font[i].advance);
		free(f->font[i].path);
	}
	free(f);
}

static int look_up(const struct pdf_font *f, uint32_t code)
{
	hb_codepoint_t glyph;

	if (!hb_font_get_nominal_glyph(f->font, code, &glyph) || !glyph)
		return ADV_NONE;
	/* libharu rounds down likewise, and viewers place glyphs by its numbers. */
	return (int)((int64_t)hb_font_get_glyph_h_advance(f->font, glyph) * 1000 /
		     hb_face_get_upem(f->face));
}

static int advance(const struct pdf_font *f, uint32_t code)
{
	if (f->advance[code] == ADV_UNKNOWN)
		f->advance[code] = (int16_t)look_up(f, code);
	return f->advance[code];
}

struct pdf_glyph pdf_font_glyph(const struct pdf_fonts *f, enum pdf_face face, uint32_t code)
{
	enum pdf_face own = face == PDF_BOLD ? f->bold : face;
	int adv;

	if (code >= PDF_CODES)
		code = CODE_REPLACEMENT;
	adv = advance(&f->font[own], code);
	if (adv == ADV_NONE && f->has_fallback && own != PDF_FALLBACK) {
		adv = advance(&f->font[PDF_FALLBACK], code);
		if (adv != ADV_NONE)
			own = PDF_FALLBACK;
	}
	if (adv == ADV_NONE && code != CODE_REPLACEMENT)
		return pdf_font_glyph(f, face, CODE_REPLACEMENT);
	if (adv == ADV_NONE) {
		code = CODE_LAST_RESORT;
		adv = advance(&f->font[own], code);
	}
	return (struct pdf_glyph){ own, (uint16_t)code, adv > 0 ? (float)adv / 1000 : 0 };
}

hb_blob_t *pdf_font_subset(const struct pdf_font *f, const uint8_t *used)
{
	hb_subset_input_t *in = hb_subset_input_create_or_fail();
	hb_blob_t *blob = NULL;
	hb_face_t *cut;

	if (!in)
		return NULL;
	for (uint32_t c = 0; c < PDF_CODES; c++)
		if (pdf_bit(used, c))
			hb_set_add(hb_subset_input_unicode_set(in), c);
	hb_subset_input_set_flags(in, HB_SUBSET_FLAGS_NO_HINTING | HB_SUBSET_FLAGS_NOTDEF_OUTLINE);
	for (size_t i = 0; i < sizeof(useless_tables) / sizeof(useless_tables[0]); i++)
		hb_set_add(hb_subset_input_set(in, HB_SUBSET_SETS_DROP_TABLE_TAG),
			   useless_tables[i]);
	cut = hb_subset_or_fail(f->face, in);
	if (cut)
		blob = hb_face_reference_blob(cut);
	hb_face_destroy(cut);
	hb_subset_input_destroy(in);
	return blob;
}
