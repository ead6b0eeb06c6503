#include "base/uuid.h"
#include "base/clock.h"
#include "base/mem.h"

#include <sys/random.h>

struct sv uuid_new(struct arena *a)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t ms = (uint64_t)clock_now_ms();
	unsigned char b[16];
	char *s = arena_alloc(a, UUID_LEN + 1);
	size_t at = 0;

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		mem_fail(sizeof(b));
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = 0x70 | (b[6] & 0x0f);
	b[8] = 0x80 | (b[8] & 0x3f);
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			s[at++] = '-';
		s[at++] = hex[b[i] >> 4];
		s[at++] = hex[b[i] & 15];
	}
	return sv_make(s, UUID_LEN);
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
