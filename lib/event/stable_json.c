#include "event/stable_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ------------------------------------------------------------ */

/* The fewest digits that read back as the same double: ECMA-262,
 * Number::toString asks for exactly these. Returns the decimal exponent. */
static int shortest(double number, char digits[static 20])
{
	char text[40];
	char *e;
	size_t n = 0;

	for (int precision = 0; precision < 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, number);
		if (strtod(text, NULL) == number)
			break;
	}
	e = strchr(text, 'e');
	for (const char *p = text; p < e; p++)
		if (*p != '.')
			digits[n++] = *p;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	return (int)strtol(e + 1, NULL, 10);
}

static void zeros(struct buf *out, int n)
{
	while (n-- > 0)
		buf_addc(out, '0');
}

static void exponential(struct buf *out, struct sv digits, int exponent)
{
	buf_addc(out, digits.p[0]);
	if (digits.n > 1) {
		buf_addc(out, '.');
		buf_add(out, sv_skip(digits, 1));
	}
	buf_addf(out, "e%+d", exponent);
}

void sj_number(struct buf *out, double number)
{
	char text[20];
	struct sv digits;
	int exponent, point;

	if (!isfinite(number)) {
		buf_lit(out, "null");
		return;
	}
	if (number == 0) { /* -0 as well */
		buf_addc(out, '0');
		return;
	}
	if (number < 0)
		buf_addc(out, '-');
	exponent = shortest(fabs(number), text);
	digits = sv_from(text);
	point = exponent + 1; /* digits before the point */
	if (point > 21 || point < -5) {
		exponential(out, digits, exponent);
	} else if (point <= 0) {
		buf_lit(out, "0.");
		zeros(out, -point);
		buf_add(out, digits);
	} else if ((size_t)point >= digits.n) {
		buf_add(out, digits);
		zeros(out, point - (int)digits.n);
	} else {
		buf_add(out, sv_make(digits.p, (size_t)point));
		buf_addc(out, '.');
		buf_add(out, sv_skip(digits, (size_t)point));
	}
}

/* ---- reading ---------------------------------------------------------------- */

struct reader {
	struct arena *a;
	const char *p, *end;
	int depth;
};

static struct sj *value(struct reader *r);

static void space(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
		r->p++;
}

static bool take(struct reader *r, char c)
{
	space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static struct sj *make(struct reader *r, enum sj_type type)
{
	struct sj *v = ARENA_NEW(r->a, struct sj);

	v->type = type;
	return v;
}

static int hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* UTF-8, also of a lone surrogate (three bytes, ED A0..BF xx). */
static char *put_char(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* Behind \u; joins a pair of surrogates. NULL: malformed. */
static char *unicode_escape(struct reader *r, char *to)
{
	int c = r->end - r->p >= 4 ? hex4(r->p) : -1, low;

	if (c < 0)
		return NULL;
	r->p += 4;
	if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
		low = hex4(r->p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			r->p += 6;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return put_char(to, (unsigned)c);
}

static char *escape(struct reader *r, char *to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (r->p == r->end)
		return NULL;
	if (*r->p == 'u') {
		r->p++;
		return unicode_escape(r, to);
	}
	at = *r->p ? strchr(from, *r->p) : NULL;
	if (!at)
		return NULL;
	r->p++;
	*to++ = into[at - from];
	return to;
}

/* Behind the opening quote. An escape is never shorter than what it means. */
static bool string(struct reader *r, struct sv *out)
{
	const char *close = r->p;
	char *text, *to;

	while (close < r->end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	if (close >= r->end)
		return false;
	text = to = arena_alloc(r->a, (size_t)(close - r->p) + 1);
	while (r->p < r->end && *r->p != '"') {
		if ((unsigned char)*r->p < 0x20)
			return false;
		if (*r->p != '\\') {
			*to++ = *r->p++;
			continue;
		}
		r->p++;
		to = escape(r, to);
		if (!to)
			return false;
	}
	r->p++;
	*out = sv_make(text, (size_t)(to - text));
	return true;
}

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static struct sj *number(struct reader *r)
{
	const char *start = r->p, *p = r->p, *q;
	struct sj *v;

	if (p < r->end && *p == '-')
		p++;
	q = digits(p, r->end);
	if (q == p || (*p == '0' && q - p > 1))
		return NULL;
	p = q;
	if (p < r->end && *p == '.') {
		q = digits(p + 1, r->end);
		if (q == p + 1)
			return NULL;
		p = q;
	}
	if (p < r->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < r->end && (*p == '+' || *p == '-'))
			p++;
		q = digits(p, r->end);
		if (q == p)
			return NULL;
		p = q;
	}
	v = make(r, SJ_NUMBER);
	v->number = strtod(arena_dup(r->a, sv_make(start, (size_t)(p - start))), NULL);
	r->p = p;
	return v;
}

static struct sj *word(struct reader *r, struct sv text, enum sj_type type)
{
	if (!sv_starts(sv_make(r->p, (size_t)(r->end - r->p)), text))
		return NULL;
	r->p += text.n;
	return make(r, type);
}

static void append(struct sj *to, struct sj *v)
{
	if (to->last)
		to->last->next = v;
	else
		to->first = v;
	to->last = v;
	to->n++;
}

static struct sj *array(struct reader *r)
{
	struct sj *list = make(r, SJ_ARRAY);

	if (take(r, ']'))
		return list;
	do {
		struct sj *v = value(r);

		if (!v)
			return NULL;
		append(list, v);
	} while (take(r, ','));
	return take(r, ']') ? list : NULL;
}

/* ---- members: duplicates and the order of keys -------------------------------- */

/* "0", "17", not "01": the keys that JavaScript sorts by number. -1: another. */
static int64_t array_index(struct sv key)
{
	int64_t v;

	if (!key.n || key.n > 10 || (key.p[0] == '0' && key.n > 1))
		return -1;
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < '0' || key.p[i] > '9')
			return -1;
	return sv_to_i64(key, &v) && v < 4294967295 ? v : -1;
}

struct member {
	struct sj *v;
	size_t place; /* in the text */
	int64_t index;
};

static int by_key(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	int c = sv_cmp(a->v->key, b->v->key);

	return c ? c : (a->place > b->place) - (a->place < b->place);
}

static int by_order(const void *x, const void *y)
{
	const struct member *a = x, *b = y;

	if ((a->index >= 0) != (b->index >= 0))
		return a->index >= 0 ? -1 : 1;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

/* Of members with one key: the first one's place, the last one's value. */
static size_t drop_duplicates(struct member *m, size_t n)
{
	size_t kept = 0;

	qsort(m, n, sizeof(*m), by_key);
	for (size_t i = 0; i < n; i++) {
		if (kept && sv_eq(m[kept - 1].v->key, m[i].v->key))
			m[kept - 1].v = m[i].v;
		else
			m[kept++] = m[i];
	}
	return kept;
}

static void arrange(struct arena *a, struct sj *object)
{
	struct member *m = ARENA_ARRAY(a, object->n + 1, struct member);
	size_t n = 0;

	for (struct sj *v = object->first; v; v = v->next, n++)
		m[n] = (struct member){ v, n, array_index(v->key) };
	n = drop_duplicates(m, n);
	qsort(m, n, sizeof(*m), by_order);
	object->first = object->last = NULL;
	object->n = 0;
	for (size_t i = 0; i < n; i++) {
		m[i].v->next = NULL;
		append(object, m[i].v);
	}
}

static struct sj *object(struct reader *r)
{
	struct sj *map = make(r, SJ_OBJECT);

	if (take(r, '}'))
		return map;
	do {
		struct sv key;
		struct sj *v;

		if (!take(r, '"') || !string(r, &key) || !take(r, ':'))
			return NULL;
		v = value(r);
		if (!v)
			return NULL;
		v->key = key;
		append(map, v);
	} while (take(r, ','));
	if (!take(r, '}'))
		return NULL;
	arrange(r->a, map);
	return map;
}

static struct sj *value_here(struct reader *r)
{
	struct sj *v;

	switch (*r->p) {
	case '{':
		r->p++;
		return object(r);
	case '[':
		r->p++;
		return array(r);
	case '"':
		r->p++;
		v = make(r, SJ_STRING);
		return string(r, &v->text) ? v : NULL;
	case 't':
		return word(r, SV("true"), SJ_TRUE);
	case 'f':
		return word(r, SV("false"), SJ_FALSE);
	case 'n':
		return word(r, SV("null"), SJ_NULL);
	default:
		return number(r);
	}
}

static struct sj *value(struct reader *r)
{
	struct sj *v;

	space(r);
	if (r->p == r->end || r->depth == STABLE_JSON_DEPTH)
		return NULL;
	r->depth++;
	v = value_here(r);
	r->depth--;
	return v;
}

struct sj *sj_parse(struct arena *a, struct sv text)
{
	struct reader r = { .a = a, .p = text.p, .end = text.p + text.n };
	struct sj *v = text.n ? value(&r) : NULL;

	if (!v)
		return NULL;
	space(&r);
	return r.p == r.end ? v : NULL;
}

/* ---- building ------------------------------------------------------------------ */

struct sj *sj_object(struct arena *a)
{
	struct sj *v = ARENA_NEW(a, struct sj);

	v->type = SJ_OBJECT;
	return v;
}

struct sj *sj_string(struct arena *a, struct sv text)
{
	struct sj *v = ARENA_NEW(a, struct sj);

	v->type = SJ_STRING;
	v->text = text;
	return v;
}

struct sj *sj_get(const struct sj *object, struct sv key)
{
	struct sj *v = object && object->type == SJ_OBJECT ? object->first : NULL;

	while (v && !sv_eq(v->key, key))
		v = v->next;
	return v;
}

void sj_set(struct arena *a, struct sj *object, struct sv key, struct sj *v)
{
	v->key = key;
	v->next = NULL;
	append(object, v);
	arrange(a, object);
}

/* ---- writing ---------------------------------------------------------------------- */

static void quoted(struct buf *out, struct sv s)
{
	size_t from = 0;

	/* buf_json escapes what JSON.stringify escapes in well-formed text;
	 * lone surrogates are in it only as ED A0..BF xx. */
	for (size_t i = 0; i + 2 < s.n; i++)
		if ((unsigned char)s.p[i] == 0xed && (unsigned char)s.p[i + 1] >= 0xa0)
			from = 1;
	if (!from) {
		buf_json(out, s);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < s.n;) {
		const unsigned char *p = (const unsigned char *)s.p + i;
		size_t at = out->n;

		if (s.n - i > 2 && p[0] == 0xed && p[1] >= 0xa0) {
			buf_addf(out, "\\u%04x", 0xd000u | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu));
			i += 3;
			continue;
		}
		buf_json(out, sv_make(s.p + i, 1));
		memmove(out->p + at, out->p + at + 1, out->n - at - 2); /* without its quotes */
		out->n -= 2;
		i++;
	}
	buf_addc(out, '"');
}

static void members(struct buf *out, const struct sj *v)
{
	bool map = v->type == SJ_OBJECT;

	buf_addc(out, map ? '{' : '[');
	for (const struct sj *m = v->first; m; m = m->next) {
		if (m != v->first)
			buf_addc(out, ',');
		if (map) {
			quoted(out, m->key);
			buf_addc(out, ':');
		}
		sj_write(out, m);
	}
	buf_addc(out, map ? '}' : ']');
}

void sj_write(struct buf *out, const struct sj *v)
{
	switch (v->type) {
	case SJ_NULL:
		buf_lit(out, "null");
		break;
	case SJ_FALSE:
		buf_lit(out, "false");
		break;
	case SJ_TRUE:
		buf_lit(out, "true");
		break;
	case SJ_NUMBER:
		sj_number(out, v->number);
		break;
	case SJ_STRING:
		quoted(out, v->text);
		break;
	case SJ_ARRAY:
	case SJ_OBJECT:
		members(out, v);
		break;
	}
}

bool stable_json(struct buf *out, struct arena *a, struct sv text)
{
	const struct sj *v = sj_parse(a, text);

	if (v)
		sj_write(out, v);
	return v != NULL;
}
