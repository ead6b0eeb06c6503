/* How long an SMS is: GSM 03.38 in 7 bits where its letters do, else UCS-2. */
#include "channel/sms.h"

#include <string.h>

/* Beyond ASCII, in ascending order. */
static const uint16_t basic[] = {
	0x00a1, 0x00a3, 0x00a4, 0x00a5, 0x00a7, 0x00bf, 0x00c4, 0x00c5, 0x00c6, 0x00c7, 0x00c9,
	0x00d1, 0x00d6, 0x00d8, 0x00dc, 0x00df, 0x00e0, 0x00e4, 0x00e5, 0x00e6, 0x00e8, 0x00e9,
	0x00ec, 0x00f1, 0x00f2, 0x00f6, 0x00f8, 0x00f9, 0x00fc, 0x0393, 0x0394, 0x0398, 0x039b,
	0x039e, 0x03a0, 0x03a3, 0x03a6, 0x03a8, 0x03a9,
};

/* The next character of well-formed UTF-8. */
static uint32_t next(struct sv *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n && i < s->n; i++)
		c = c << 6 | (p[i] & 0x3f);
	*s = sv_skip(*s, n);
	return c;
}

/* Septets, 0 when the alphabet has it not. */
static int septets(uint32_t c)
{
	if (c == 0x20ac || (c < 0x80 && c && strchr("\f^{}\\[~]|", (int)c)))
		return 2; /* escape and letter */
	if (c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f && c != '`'))
		return 1;
	for (size_t i = 0; i < sizeof(basic) / sizeof(*basic); i++)
		if (basic[i] == c)
			return 1;
	return 0;
}

static bool fits_gsm(struct sv text)
{
	while (text.n)
		if (!septets(next(&text)))
			return false;
	return true;
}

/* Segments of `room` units, where no letter is torn apart. */
static int segments(struct sv text, bool unicode, size_t room)
{
	size_t used = room;
	int n = 0;

	while (text.n) {
		uint32_t c = next(&text);
		size_t units = unicode ? 1 + (c > 0xffff) : (size_t)septets(c);

		if (used + units > room) {
			n++;
			used = 0;
		}
		used += units;
	}
	return n;
}

struct sms_size sms_measure(struct sv text)
{
	struct sms_size out = { .unicode = !fits_gsm(text) };
	size_t single = out.unicode ? 70 : 160;

	for (struct sv rest = text; rest.n; out.characters++) {
		uint32_t c = next(&rest);

		out.units += out.unicode ? 1 + (c > 0xffff) : (size_t)septets(c);
	}
	out.segments = out.units <= single ? out.units > 0
					   : segments(text, out.unicode, out.unicode ? 67 : 153);
	return out;
}
