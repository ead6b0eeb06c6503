#include "crm/merge.h"

#include <string.h>

#define NAME_MAX_BYTES 64

/* The name in lower case; false: that is no variable. */
static bool read_name(struct sv raw, char *name)
{
	struct sv s = sv_trim(raw);
	bool letter = false;

	if (!s.n || s.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
			return false;
		letter |= c >= 'a' && c <= 'z';
		name[i] = c;
	}
	name[s.n] = 0;
	return letter;
}

static bool add_value(struct buf *out, const json_t *values, const char *name)
{
	const json_t *v = json_object_get(values, name);

	if (json_is_string(v) && json_string_length(v))
		buf_add(out, sv_make(json_string_value(v), json_string_length(v)));
	else if (json_is_integer(v))
		buf_add_i64(out, json_integer_value(v));
	else
		return false;
	return true;
}

/* What stands between {{ and }}; false when it stays open. */
static bool add_variable(struct buf *out, struct sv inside, const json_t *values)
{
	struct sv rest = inside, raw = sv_cut(&rest, '|');
	char name[NAME_MAX_BYTES + 1];

	if (!read_name(raw, name))
		return false;
	if (add_value(out, values, name))
		return true;
	if (!sv_present(rest))
		return false;
	buf_add(out, sv_trim(rest));
	return true;
}

size_t merge_text(struct buf *out, struct sv text, const json_t *values)
{
	size_t open = 0;

	for (;;) {
		ptrdiff_t at = sv_find(text, SV("{{")), end;

		if (at < 0)
			break;
		end = sv_find(sv_skip(text, (size_t)at + 2), SV("}}"));
		if (end < 0)
			break;
		buf_add(out, sv_make(text.p, (size_t)at));
		if (!add_variable(out, sv_make(text.p + at + 2, (size_t)end), values)) {
			buf_add(out, sv_make(text.p + at, (size_t)end + 4));
			open++;
		}
		text = sv_skip(text, (size_t)(at + end) + 4);
	}
	buf_add(out, text);
	return open;
}
