/* metadata.buttons: choices that go along with a message (channel.h). */
#include "channel/internal.h"

static bool read_button(struct arena *a, const json_t *j, size_t place, struct channel_button *b)
{
	b->title = json_is_string(j) ? sv_make(json_string_value(j), json_string_length(j))
				     : channel_text(a, j, "title");
	b->title = sv_trim(b->title);
	b->id = channel_text(a, j, "id");
	if (!b->id.n)
		b->id = sv_from(arena_printf(a, "%zu", place + 1));
	return b->title.n > 0;
}

size_t channel_buttons(struct arena *a, const json_t *metadata, struct channel_button **out)
{
	const json_t *list = json_object_get(metadata, "buttons"), *one;
	struct channel_button *v = ARENA_ARRAY(a, CHANNEL_BUTTONS_MAX + 1, struct channel_button);
	size_t i, n = 0;

	json_array_foreach(list, i, one)
		if (n < CHANNEL_BUTTONS_MAX && read_button(a, one, i, &v[n]))
			n++;
	*out = v;
	return n;
}

struct sv channel_numbered(struct arena *a, struct sv text, const struct channel_button *v, size_t n)
{
	buf_auto struct buf b = BUF_INIT;

	buf_add(&b, text);
	if (text.n && n)
		buf_lit(&b, "\n");
	for (size_t i = 0; i < n; i++) {
		if (b.n)
			buf_addc(&b, '\n');
		buf_addf(&b, "%zu. ", i + 1);
		buf_add(&b, v[i].title);
	}
	return arena_sv(a, buf_sv(&b));
}
