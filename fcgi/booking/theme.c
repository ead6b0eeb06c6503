/*
 * /schedule/booking/theme/:color: an event type's colour as a style sheet,
 * because the pages' policy allows no inline style (SCH-85).
 *
 * A colour may be too light or too dark to be read, so what text uses is moved
 * towards black or white until the contrast reaches 4.5 (WCAG AA).
 */
#include "fcgi/booking/booking.h"

#include <math.h>

struct color {
	double r, g, b; /* 0 to 1 */
};

static const struct color black = { 0, 0, 0 }, white = { 1, 1, 1 };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(struct sv hex, struct color *out)
{
	int v[6];

	if (hex.n != 6)
		return false;
	for (size_t i = 0; i < 6; i++) {
		v[i] = digit(hex.p[i]);
		if (v[i] < 0)
			return false;
	}
	*out = (struct color){ (v[0] * 16 + v[1]) / 255.0, (v[2] * 16 + v[3]) / 255.0,
			       (v[4] * 16 + v[5]) / 255.0 };
	return true;
}

static double linear(double x)
{
	return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

static double luminance(struct color c)
{
	return 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);
}

static double contrast(struct color a, struct color b)
{
	double la = luminance(a), lb = luminance(b);

	return (fmax(la, lb) + 0.05) / (fmin(la, lb) + 0.05);
}

static struct color mix(struct color a, struct color b, double part)
{
	return (struct color){ a.r + (b.r - a.r) * part, a.g + (b.g - a.g) * part,
			       a.b + (b.b - a.b) * part };
}

/* c, moved towards `end` until it can be read on `ground`. */
static struct color readable(struct color c, struct color ground, struct color end)
{
	double part = 0;

	while (part < 1 && contrast(mix(c, end, part), ground) < 4.6)
		part += 0.04;
	return mix(c, end, fmin(part, 1));
}

static void put(struct buf *out, const char *name, struct color c)
{
	buf_addf(out, "--%s:#%02x%02x%02x;", name, (unsigned)lround(c.r * 255),
		 (unsigned)lround(c.g * 255), (unsigned)lround(c.b * 255));
}

static void scheme(struct buf *out, struct color accent, struct color soft, struct color end)
{
	put(out, "accent", accent);
	put(out, "on-accent", contrast(accent, white) >= 4.5 ? white : black);
	put(out, "accent-soft", soft);
	put(out, "accent-text", readable(accent, soft, end));
}

enum status theme_css(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct color dark_ground = { 0.086, 0.102, 0.129 };
	struct sv name = http_param(rq, "color");
	struct color c, dark;

	if (!sv_ends(name, SV(".css")) || !parse(sv_make(name.p, name.n - 4), &c))
		return err_set(e, rq->arena, ST_NOT_FOUND, "No such colour");
	/* Buttons of very dark colours would vanish at night. */
	dark = contrast(c, dark_ground) < 3 ? readable(c, dark_ground, white) : c;
	buf_lit(&rs->body, ":root{");
	scheme(&rs->body, c, mix(c, white, 0.9), black);
	buf_lit(&rs->body, "}@media(prefers-color-scheme:dark){:root{");
	scheme(&rs->body, dark, mix(c, dark_ground, 0.8), white);
	buf_lit(&rs->body, "}}\n");
	http_content_type(rs, "text/css; charset=utf-8");
	http_set_header(rs, "Cache-Control", SV("public, max-age=31536000, immutable"));
	return ST_OK;
}
