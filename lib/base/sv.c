#include "base/sv.h"

#include <string.h>

struct sv sv_from(const char *cstr)
{
	return cstr ? (struct sv){ cstr, strlen(cstr) } : SV_NONE;
}

bool sv_eq(struct sv a, struct sv b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool sv_ieq(struct sv a, struct sv b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool sv_starts(struct sv s, struct sv prefix)
{
	return s.n >= prefix.n && sv_eq(sv_make(s.p, prefix.n), prefix);
}

bool sv_ends(struct sv s, struct sv suffix)
{
	return s.n >= suffix.n && sv_eq(sv_skip(s, s.n - suffix.n), suffix);
}

int sv_cmp(struct sv a, struct sv b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c)
		return c;
	return (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t sv_chr(struct sv s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

	return hit ? hit - s.p : -1;
}

ptrdiff_t sv_find(struct sv s, struct sv needle)
{
	if (needle.n == 0)
		return 0;
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (s.p[i] == needle.p[0] && memcmp(s.p + i, needle.p, needle.n) == 0)
			return (ptrdiff_t)i;
	return -1;
}

struct sv sv_skip(struct sv s, size_t from)
{
	if (from >= s.n)
		return (struct sv){ s.p ? s.p + s.n : NULL, 0 };
	return (struct sv){ s.p + from, s.n - from };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

struct sv sv_trim(struct sv s)
{
	while (s.n && is_space(s.p[0]))
		s = sv_skip(s, 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct sv sv_cut(struct sv *rest, char sep)
{
	struct sv head = *rest;
	ptrdiff_t at = sv_chr(head, sep);

	if (at < 0) {
		*rest = SV_NONE;
		return head;
	}
	*rest = sv_skip(head, (size_t)at + 1);
	head.n = (size_t)at;
	return head;
}

bool sv_to_i64(struct sv s, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	int64_t v = 0;

	if (negative || (s.n && s.p[0] == '+'))
		s = sv_skip(s, 1);
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	/* Summed up below zero, so that INT64_MIN fits. */
	if (!negative && v == INT64_MIN)
		return false;
	*out = negative ? v : -v;
	return true;
}

/* Length of the sequence that begins at p, or 0 when it is not well-formed. */
static size_t utf8_step(const unsigned char *p, size_t left)
{
	unsigned char c = p[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (c == 0 || n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
	    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool sv_is_text(struct sv s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.n;) {
		size_t step = utf8_step(p + i, s.n - i);

		if (!step)
			return false;
		i += step;
	}
	return true;
}
