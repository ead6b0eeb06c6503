/*
 * Templates and data of any kind: TEMPLATE NUL PARTIAL NUL JSON. The template
 * is called "t", the partial "p"; both may name either.
 */
#include "base/log.h"
#include "tmpl/tmpl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sv rest = sv_make((const char *)data, n);
	struct sv main_text = sv_cut(&rest, '\0'), partial = sv_cut(&rest, '\0');
	struct tmpl_set *set;
	struct arena *a;
	struct buf out = BUF_INIT;
	struct err e = { 0 };
	json_t *json;

	if (n > 4096)
		return 0;
	log_setup("fuzz_tmpl", "error");
	set = tmpl_set_memory(n & 1);
	a = arena_new();
	tmpl_set_limits(set, 20000, 1 << 20);
	json = json_loadb(rest.p ? rest.p : "", rest.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	buf_lit(&out, "before");
	if (tmpl_set_add(set, SV("p"), partial) == ST_OK &&
	    tmpl_set_add(set, SV("t"), main_text) == ST_OK &&
	    tmpl_render(set, SV("t"), tmpl_from_json(a, json), a, &out, &e) != ST_OK &&
	    !sv_eq(buf_sv(&out), SV("before")))
		__builtin_trap();
	json_decref(json);
	buf_release(&out);
	arena_free(a);
	tmpl_set_free(set);
	return 0;
}
