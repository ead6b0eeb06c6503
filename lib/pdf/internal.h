/*
 * What the files of pdf/ share among themselves; nobody else includes this.
 */
#ifndef PDF_INTERNAL_H
#define PDF_INTERNAL_H

#include "pdf/pdf.h"

#include <hb.h>

/* libharu writes 16-bit codes: the Basic Multilingual Plane. */
#define PDF_CODES 65536

struct pdf_font {
	char *path;
	hb_face_t *face;
	hb_font_t *font;
	float ascent, descent; /* of an em; descent is positive */
	int16_t *advance;      /* by code, 1/1000 em; ADV_UNKNOWN, ADV_NONE */
};

struct pdf_fonts {
	struct pdf_font font[PDF_FACE__MAX];
	enum pdf_face bold; /* PDF_REGULAR when there is no bold font */
	bool has_fallback;
};

/* How a code is shown: by which font, as which code, how wide (of an em). */
struct pdf_glyph {
	enum pdf_face face;
	uint16_t code;
	float advance;
};

struct pdf_glyph pdf_font_glyph(const struct pdf_fonts *f, enum pdf_face face, uint32_t code);
/* A font file with nothing but the glyphs of `used`, a bit per code; NULL when
 * the font cannot be cut. Free with hb_blob_destroy. */
hb_blob_t *pdf_font_subset(const struct pdf_font *f, const uint8_t *used);

/* A run of text in one font on one line; x from the line's left edge. */
struct pdf_run {
	struct pdf_run *next;
	enum pdf_face face;
	float x;
	const char *text; /* UTF-8, in the order of drawing */
};

struct pdf_text_line {
	struct pdf_run *runs;
	float width;
};

struct pdf_para {
	struct pdf_style style;
	float box; /* the width asked for, or the widest line's */
	float width;
	float lead; /* height of a line */
	size_t n, size;
	struct pdf_text_line *lines;
};

enum mark_kind { MARK_TEXT, MARK_LINE, MARK_FILL, MARK_FRAME, MARK_PICTURE };

/* One thing drawn. Coordinates are PDF's: x from the left, y from the foot. */
struct pdf_mark {
	struct pdf_mark *next;
	enum mark_kind kind;
	enum pdf_face face;
	float x, y, w, h; /* of a line: from x, y to w, h */
	float size;	  /* of text; else thickness */
	float radius;
	uint32_t rgb;
	const char *text;
	const struct pdf_picture *picture;
};

struct pdf_page {
	struct pdf_mark *first, **last;
};

struct pdf_picture {
	struct pdf_picture *next;
	bool jpeg;
	unsigned width, height;
	struct sv data; /* the JPEG file, or width * height RGB triples */
	void *image;	/* libharu's, while the document is written */
};

/* The letter that an Arabic presentation form stands for, so that text can be
 * searched and copied. */
struct pdf_origin {
	struct pdf_origin *next;
	uint16_t shown, letter;
};

struct pdf {
	struct arena *a;
	const struct pdf_fonts *fonts;
	float w, h;
	bool rtl;
	bool overflow; /* more than PDF_MAX_PAGES; nothing is drawn any more */
	struct sv title, author;
	int64_t created_ms;
	struct pdf_page *pages;
	size_t n, size, at;
	struct pdf_picture *pictures;
	struct pdf_origin *origins;
	uint8_t *used[PDF_FACE__MAX]; /* a bit per code; NULL: font not in use */
};

static inline bool pdf_bit(const uint8_t *bits, uint32_t code)
{
	return bits[code >> 3] >> (code & 7) & 1;
}

#endif
