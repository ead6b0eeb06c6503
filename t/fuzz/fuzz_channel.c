/* What providers post, through both parsers. The first byte chooses. */
#include "channel/channel.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct channel *c;
	struct channel_account acc = { .external_id = SV("106540352242922"),
				       .api_base = SV("https://example.net") };
	struct channel_items items = { 0 };
	struct arena *a = arena_new();
	struct err e = { 0 };
	json_t *body;

	if (!n)
		goto cleanup;
	c = acc.channel = channels[data[0] % 2];
	body = channel_json(a, sv_make((const char *)data + 1, n - 1), &e);
	if (!body)
		goto cleanup;
	if (c->dedupe)
		c->dedupe(a, body);
	if (!c->parse(a, &acc, body, &items, &e))
		for (size_t i = 0; i < items.n; i++)
			if (items.v[i].kind == CHANNEL_MESSAGE && !items.v[i].provider_id.n)
				abort();
cleanup:
	arena_free(a);
	return 0;
}
