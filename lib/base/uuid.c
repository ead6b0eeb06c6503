#include "base/uuid.h"
#include "base/clock.h"
#include "base/mem.h"

#include <string.h>
#include <sys/random.h>

#define DIGITS 26 /* of 5 bits; the first has 3 */

static struct sv write_uuid(struct arena *a, const unsigned char b[static 16])
{
	static const char hex[] = "0123456789abcdef";
	char *s = arena_alloc(a, UUID_LEN + 1);
	size_t at = 0;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			s[at++] = '-';
		s[at++] = hex[b[i] >> 4];
		s[at++] = hex[b[i] & 15];
	}
	return sv_make(s, UUID_LEN);
}

struct sv uuid_new(struct arena *a)
{
	uint64_t ms = (uint64_t)clock_now_ms();
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		mem_fail(sizeof(b));
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = 0x70 | (b[6] & 0x0f);
	b[8] = 0x80 | (b[8] & 0x3f);
	return write_uuid(a, b);
}

bool uuid_valid(struct sv s)
{
	if (s.n != UUID_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
			     (c >= 'A' && c <= 'F');
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? c != '-' : !digit)
			return false;
	}
	return true;
}

/* ---- with a prefix ------------------------------------------------------ */

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static unsigned hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

struct sv uuid_prefixed(struct arena *a, const char *prefix, struct sv uuid)
{
	size_t n = strlen(prefix), at = n + DIGITS;
	char *s = arena_alloc(a, at + 1);
	unsigned bits = 0, have = 0;

	if (!uuid_valid(uuid))
		return SV("");
	memcpy(s, prefix, n);
	/* From the end, a hex digit at a time. */
	for (size_t i = UUID_LEN; i-- > 0;) {
		if (uuid.p[i] == '-')
			continue;
		bits |= hex_value(uuid.p[i]) << have;
		for (have += 4; have >= 5; have -= 5, bits >>= 5)
			s[--at] = crockford[bits & 31];
	}
	s[--at] = crockford[bits & 31];
	return sv_make(s, n + DIGITS);
}

static int crockford_value(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c &= ~0x20;
	c = c == 'I' || c == 'L' ? '1' : c == 'O' ? '0' : c;
	at = c ? strchr(crockford, c) : NULL;
	return at ? (int)(at - crockford) : -1;
}

struct sv uuid_from_prefixed(struct arena *a, const char *prefix, struct sv id)
{
	unsigned char b[16] = { 0 };
	unsigned bits = 0, have = 0;
	size_t at = 16;

	if (!sv_starts(id, sv_from(prefix)))
		return SV_NONE;
	id = sv_skip(id, strlen(prefix));
	if (id.n != DIGITS || crockford_value(id.p[0]) > 7)
		return SV_NONE;
	for (size_t i = DIGITS; i-- > 0;) {
		int v = crockford_value(id.p[i]);

		if (v < 0)
			return SV_NONE;
		bits |= (unsigned)v << have;
		for (have += 5; have >= 8 && at; have -= 8, bits >>= 8)
			b[--at] = bits & 255;
	}
	return write_uuid(a, b);
}
