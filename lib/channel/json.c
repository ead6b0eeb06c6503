/* Reading what providers send, with jansson. */
#include "channel/internal.h"

static void release(void *j)
{
	json_decref(j);
}

json_t *channel_json_keep(struct arena *a, json_t *j)
{
	if (j)
		arena_cleanup(a, release, j);
	return j;
}

/* The four hex digits of the \uXXXX at s, or -1 when it is none. */
static int escape_value(struct sv s)
{
	int v = 0;

	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + (c | 32) - 'a' + 10;
		else
			return -1;
	}
	return v;
}

static bool low_surrogate(int v)
{
	return v >= 0xdc00 && v <= 0xdfff;
}

/* Replace escapes that PostgreSQL cannot store by U+FFFD, length unchanged. */
static void mend_escapes(char *p, size_t n)
{
	for (size_t i = 0; i + 1 < n;) {
		int v = escape_value(sv_make(p + i, n - i));
		bool high = v >= 0xd800 && v <= 0xdbff;

		if (p[i] != '\\') {
			i++;
		} else if (v < 0) {
			i += 2; /* \" \\ \n ... */
		} else if (high && low_surrogate(escape_value(
					   sv_make(p + i + 6, n - i - 6 * (n - i >= 6))))) {
			i += 12;
		} else {
			if (v == 0 || high || low_surrogate(v))
				memcpy(p + i + 2, "fffd", 4);
			i += 6;
		}
	}
}

json_t *channel_json(struct arena *a, struct sv body, struct err *e)
{
	json_error_t why;
	json_t *j;

	if (sv_find(body, SV("\\u")) >= 0) {
		body = arena_sv(a, body);
		mend_escapes((char *)(uintptr_t)body.p, body.n);
	}
	j = json_loadb(body.p ? body.p : "", body.n, 0, &why);
	if (!j)
		err_set(e, a, ST_BAD_INPUT, "The body is not JSON: %s, line %d", why.text,
			why.line);
	return channel_json_keep(a, j);
}

const json_t *channel_at(const json_t *o, const char *path)
{
	struct sv rest = sv_from(path);

	while (o && sv_present(rest)) {
		struct sv key = sv_cut(&rest, '.');

		o = json_is_object(o) ? json_object_getn(o, key.p, key.n) : NULL;
	}
	return o;
}

struct sv channel_text(struct arena *a, const json_t *o, const char *path)
{
	const json_t *v = channel_at(o, path);

	if (json_is_string(v))
		return sv_make(json_string_value(v), json_string_length(v));
	if (json_is_integer(v))
		return sv_from(arena_printf(a, "%lld", (long long)json_integer_value(v)));
	return SV_NONE;
}

int64_t channel_number(const json_t *o, const char *path)
{
	const json_t *v = channel_at(o, path);
	int64_t n = 0;

	if (json_is_integer(v))
		return json_integer_value(v);
	if (json_is_string(v))
		sv_to_i64(sv_make(json_string_value(v), json_string_length(v)), &n);
	return n;
}

int64_t channel_moment(const json_t *o, const char *path)
{
	int64_t seconds = channel_number(o, path);

	return seconds > 0 && seconds < 253402300800 ? seconds * 1000 : 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static struct sv form_text(struct arena *a, struct sv s)
{
	struct buf *b = buf_in_arena(a);

	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;

		if (low >= 0) {
			buf_addc(b, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_addc(b, s.p[i] == '+' ? ' ' : s.p[i]);
		}
	}
	return buf_sv(b);
}

json_t *channel_form(struct arena *a, struct sv body)
{
	json_t *out = json_object();

	while (sv_present(body)) {
		struct sv pair = sv_cut(&body, '&'), name = form_text(a, sv_cut(&pair, '='));
		struct sv value = form_text(a, pair);

		if (name.n && sv_is_text(name) && sv_is_text(value))
			json_object_set_new(out, arena_dup(a, name), json_stringn(value.p, value.n));
	}
	return out;
}

struct sv channel_dump(struct arena *a, const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	struct sv out = arena_sv(a, sv_from(text ? text : "null"));

	free(text);
	return out;
}

void channel_carry(json_t *extra, const char *name, const json_t *from, const char *path)
{
	const json_t *v = path ? channel_at(from, path) : from;

	if (v)
		json_object_set_new(extra, name, json_deep_copy(v));
}

void channel_set(json_t *extra, const char *name, struct sv text)
{
	if (text.n)
		json_object_set_new(extra, name, json_stringn(text.p, text.n));
}
