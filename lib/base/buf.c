#include "base/buf.h"
#include "base/arena.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_release(struct buf *b)
{
	free(b->p);
	*b = (struct buf)BUF_INIT;
}

static void release(void *b)
{
	buf_release(b);
}

struct buf *buf_in_arena(struct arena *a)
{
	struct buf *b = ARENA_NEW(a, struct buf);

	arena_cleanup(a, release, b);
	return b;
}

char *buf_detach(struct buf *b)
{
	char *p = b->p ? b->p : mem_dup("");

	*b = (struct buf)BUF_INIT;
	return p;
}

char *buf_room(struct buf *b, size_t more)
{
	size_t need;

	if (__builtin_add_overflow(b->n, more, &need) || __builtin_add_overflow(need, 1, &need))
		mem_fail(SIZE_MAX);
	if (need > b->size) {
		size_t size = b->size ? b->size : 256;

		while (size < need)
			size += size / 2 + 64;
		b->p = mem_realloc(b->p, size);
		b->size = size;
	}
	return b->p + b->n;
}

void buf_add(struct buf *b, struct sv s)
{
	char *at = buf_room(b, s.n);

	if (s.n)
		memcpy(at, s.p, s.n);
	b->n += s.n;
	b->p[b->n] = '\0';
}

void buf_addc(struct buf *b, char c)
{
	buf_room(b, 1)[0] = c;
	b->p[++b->n] = '\0';
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n > 0) {
		vsnprintf(buf_room(b, (size_t)n), (size_t)n + 1, fmt, ap);
		b->n += (size_t)n;
	}
	va_end(ap);
}

void buf_add_i64(struct buf *b, int64_t v)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do {
		digits[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0)
		digits[--at] = '-';
	buf_add(b, sv_make(digits + at, sizeof(digits) - at));
}

/* Adds runs of plain bytes whole; entity() names what replaces the others. */
static void add_escaped(struct buf *b, struct sv s, struct sv (*entity)(unsigned char c))
{
	size_t start = 0;

	for (size_t i = 0; i < s.n; i++) {
		struct sv e = entity((unsigned char)s.p[i]);

		if (!e.p)
			continue;
		buf_add(b, sv_make(s.p + start, i - start));
		buf_add(b, e);
		start = i + 1;
	}
	buf_add(b, sv_skip(s, start));
}

static struct sv html_entity(unsigned char c)
{
	switch (c) {
	case '&':
		return SV("&amp;");
	case '<':
		return SV("&lt;");
	case '>':
		return SV("&gt;");
	case '"':
		return SV("&quot;");
	case '\'':
		return SV("&#39;");
	default:
		return SV_NONE;
	}
}

void buf_html(struct buf *b, struct sv s)
{
	add_escaped(b, s, html_entity);
}

void buf_url(struct buf *b, struct sv s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '.' || c == '_' || c == '~') {
			buf_addc(b, (char)c);
		} else {
			buf_addc(b, '%');
			buf_addc(b, hex[c >> 4]);
			buf_addc(b, hex[c & 15]);
		}
	}
}

static struct sv json_short(unsigned char c)
{
	switch (c) {
	case '"':
		return SV("\\\"");
	case '\\':
		return SV("\\\\");
	case '\b':
		return SV("\\b");
	case '\f':
		return SV("\\f");
	case '\n':
		return SV("\\n");
	case '\r':
		return SV("\\r");
	case '\t':
		return SV("\\t");
	default:
		return SV_NONE;
	}
}

void buf_json(struct buf *b, struct sv s)
{
	size_t start = 0;

	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		struct sv e;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, sv_make(s.p + start, i - start));
		start = i + 1;
		e = json_short(c);
		if (e.p)
			buf_add(b, e);
		else
			buf_addf(b, "\\u%04x", c);
	}
	buf_add(b, sv_skip(s, start));
	buf_addc(b, '"');
}

void buf_json_key(struct buf *b, const char *key)
{
	if (b->n && b->p[b->n - 1] != '{')
		buf_addc(b, ',');
	buf_json(b, sv_from(key));
	buf_addc(b, ':');
}

void buf_hex(struct buf *b, const void *data, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *d = data;
	char *at = buf_room(b, n * 2);

	for (size_t i = 0; i < n; i++) {
		*at++ = hex[d[i] >> 4];
		*at++ = hex[d[i] & 15];
	}
	*at = '\0';
	b->n += n * 2;
}
