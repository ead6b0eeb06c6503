/*
 * Fuzzer for both parsers of forms. The first byte chooses: even, the rest is
 * urlencoded; odd, a line with the content type and then a multipart body.
 * Everything that comes out must lie in the bounds and be UTF-8.
 */
#include "http/http.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_pairs(const struct http_pairs *pairs)
{
	must(pairs->n <= 1000);
	for (size_t i = 0; i < pairs->n; i++)
		must(sv_is_text(pairs->v[i].name) && sv_is_text(pairs->v[i].value));
}

static void fuzz_multipart(struct arena *a, struct sv input)
{
	struct sv body = input, type = sv_cut(&body, '\n');
	struct http_pairs pairs;
	struct http_file *files;
	size_t nfiles, total = 0;
	struct err e;

	if (http_parse_multipart(a, type, body, &pairs, &files, &nfiles, &e))
		return;
	check_pairs(&pairs);
	must(pairs.n + nfiles <= 1000);
	for (size_t i = 0; i < nfiles; i++) {
		must(sv_is_text(files[i].field) && sv_is_text(files[i].filename));
		must(sv_chr(files[i].filename, '/') < 0);
		must(files[i].data.p >= body.p && files[i].data.n <= body.n);
		total += files[i].data.n;
	}
	must(total <= body.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *a;
	struct sv input = sv_make((const char *)data, size);
	struct http_pairs pairs;
	struct err e;

	if (!a)
		a = arena_new();
	if (!size)
		return 0;
	if (data[0] & 1)
		fuzz_multipart(a, sv_skip(input, 1));
	else if (!http_parse_urlencoded(a, sv_skip(input, 1), &pairs, &e))
		check_pairs(&pairs);
	arena_reset(a);
	return 0;
}
