#include "pdf/internal.h"

#include "base/mem.h"

#include <png.h>

/* A picture is a logo: what is larger is a mistake or an attack. */
#define MAX_BYTES ((size_t)8 << 20)
#define MAX_PIXELS ((size_t)12 << 20)
#define MAX_SIDE 1024u

/*
 * PNGs are decoded here, not by libharu: its error handler returns to libpng,
 * which then aborts the process on a broken file.
 */

/* The mean of each square of `by` pixels. */
static void shrink(uint8_t *to, const uint8_t *from, unsigned w, unsigned h, unsigned stride,
		   unsigned by)
{
	for (unsigned y = 0; y < h; y++)
		for (unsigned x = 0; x < w; x++)
			for (unsigned c = 0; c < 3; c++) {
				unsigned sum = 0;

				for (unsigned k = 0; k < by * by; k++)
					sum += from[((size_t)(y * by + k / by) * stride +
						     x * by + k % by) * 3 + c];
				*to++ = (uint8_t)(sum / (by * by));
			}
}

static enum status decode_png(struct pdf *d, png_image *image, struct pdf_picture *p,
			      struct err *e)
{
	png_color white = { 255, 255, 255 };
	unsigned longest = image->width > image->height ? image->width : image->height;
	unsigned by = (longest + MAX_SIDE - 1) / MAX_SIDE;
	mem_auto uint8_t *rgb = NULL;
	uint8_t *data;

	if ((size_t)image->width * image->height > MAX_PIXELS)
		return err_set(e, d->a, ST_TOO_LARGE,
			       "The picture has %u x %u pixels; use a smaller one",
			       image->width, image->height);
	image->format = PNG_FORMAT_RGB;
	rgb = mem_alloc(PNG_IMAGE_SIZE(*image));
	if (!png_image_finish_read(image, &white, rgb, 0, NULL))
		return err_set(e, d->a, ST_BAD_MEDIA, "The PNG picture is damaged: %s",
			       image->message);
	/* a stripe thinner than `by` pixels still has one */
	p->width = image->width / by ? image->width / by : 1;
	p->height = image->height / by ? image->height / by : 1;
	if (image->width < by || image->height < by)
		return err_set(e, d->a, ST_BAD_MEDIA,
			       "The picture is %u x %u pixels, too narrow to be shown",
			       image->width, image->height);
	data = arena_alloc(d->a, (size_t)p->width * p->height * 3);
	shrink(data, rgb, p->width, p->height, image->width, by);
	p->data = sv_make((char *)data, (size_t)p->width * p->height * 3);
	return ST_OK;
}

static enum status read_png(struct pdf *d, struct sv bytes, struct pdf_picture *p,
			    struct err *e)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	enum status s;

	if (!png_image_begin_read_from_memory(&image, bytes.p, bytes.n))
		return err_set(e, d->a, ST_BAD_MEDIA, "The PNG picture is damaged: %s",
			       image.message);
	s = decode_png(d, &image, p, e);
	png_image_free(&image);
	return s;
}

static unsigned u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Find the frame header; libharu reads a JPEG no further, and viewers show
 * baseline and progressive ones of 8 bits. */
static bool jpeg_size(struct sv bytes, struct pdf_picture *p)
{
	const uint8_t *b = (const uint8_t *)bytes.p;
	size_t at = 2;

	while (at + 10 <= bytes.n && b[at] == 0xff) {
		unsigned len = u16(b + at + 2), kind = b[at + 1], parts = b[at + 9];

		if (kind >= 0xc0 && kind <= 0xc2) {
			p->height = u16(b + at + 5);
			p->width = u16(b + at + 7);
			return b[at + 4] == 8 && p->width && p->height &&
			       (parts == 1 || parts == 3 || parts == 4);
		}
		if (len < 2)
			return false;
		at += 2 + len;
	}
	return false;
}

enum status pdf_picture(struct pdf *d, struct sv bytes, struct pdf_picture **ret, struct err *e)
{
	struct pdf_picture *p = ARENA_NEW(d->a, struct pdf_picture);
	enum status s = ST_OK;

	if (bytes.n > MAX_BYTES)
		return err_set(e, d->a, ST_TOO_LARGE, "The picture is larger than 8 MB");
	if (sv_starts(bytes, SV("\x89PNG\r\n\x1a\n"))) {
		s = read_png(d, bytes, p, e);
	} else if (sv_starts(bytes, SV("\xff\xd8\xff"))) {
		p->jpeg = true;
		p->data = bytes;
		if (!jpeg_size(bytes, p))
			s = err_set(e, d->a, ST_BAD_MEDIA, "The JPEG picture is damaged or "
				    "of a kind that PDF does not know");
	} else {
		s = err_set(e, d->a, ST_BAD_MEDIA, "The picture must be a PNG or JPEG file");
	}
	if (s)
		return s;
	p->next = d->pictures;
	d->pictures = p;
	*ret = p;
	return ST_OK;
}
