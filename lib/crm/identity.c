#include "crm/identity.h"

#include <ctype.h>

#define DIGITS_MIN 8
#define DIGITS_MAX 15

/* Bytes of the filler that s begins with: a space, a dash, a mark of writing
 * direction, as people copy them from web pages. 0: none. */
static size_t filler(struct sv s)
{
	static const struct {
		const char *from, *to; /* by UTF-8 */
	} ranges[] = {
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xe2\x80\x80", "\xe2\x80\x95" },
		{ "\xe2\x80\xa8", "\xe2\x80\xaf" },
		{ "\xe2\x81\x9f", "\xe2\x81\xa0" },
		{ "\xe2\x88\x92", "\xe2\x88\x92" },
		{ "\xe3\x80\x80", "\xe3\x80\x80" },
		{ "\xef\xbb\xbf", "\xef\xbb\xbf" },
	};

	if (isspace((unsigned char)s.p[0]) || sv_chr(SV("().-"), s.p[0]) >= 0)
		return 1;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		struct sv from = sv_from(ranges[i].from), head = s;

		if (s.n < from.n)
			continue;
		head.n = from.n;
		if (sv_cmp(head, from) >= 0 && sv_cmp(head, sv_from(ranges[i].to)) <= 0)
			return from.n;
	}
	return 0;
}

struct sv identity_phone(struct arena *a, struct sv raw)
{
	char digits[DIGITS_MAX + 1];
	size_t n = 0, skip;
	bool plus = false;

	for (size_t i = 0; i < raw.n; i += skip) {
		skip = filler(sv_skip(raw, i));
		if (skip)
			continue;
		skip = 1;
		if (raw.p[i] == '+' && !plus && !n)
			plus = true;
		else if (isdigit((unsigned char)raw.p[i]) && n < DIGITS_MAX)
			digits[n++] = raw.p[i];
		else
			return SV_NONE;
	}
	if (n < DIGITS_MIN)
		return SV_NONE;
	return sv_from(arena_printf(a, "+%.*s", (int)n, digits));
}

/* ^[^\s@]+@[^\s@]+\.[^\s@]{2,}$ */
struct sv identity_email(struct sv raw)
{
	struct sv s = sv_trim(raw), domain = s, name = sv_cut(&domain, '@');
	size_t characters = 0, after = 0;

	if (!name.n || !domain.n || sv_chr(domain, '@') >= 0)
		return SV_NONE;
	for (size_t i = 0; i < s.n; i++)
		if (isspace((unsigned char)s.p[i]))
			return SV_NONE;
	/* The first dot that has something before it leaves most after it. */
	for (size_t i = 1; i < domain.n && !after; i++)
		if (domain.p[i] == '.')
			after = i + 1;
	for (size_t i = after; after && i < domain.n; i++)
		characters += ((unsigned char)domain.p[i] & 0xc0) != 0x80;
	return characters >= 2 ? s : SV_NONE;
}
