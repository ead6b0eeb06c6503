/* base/: views, arena, buffer, escapes, clock, ids. */
#include "t/unit/tap.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/tr.h"
#include "base/uuid.h"

#include <string.h>

static void test_sv(void)
{
	struct sv rest = SV("a,,b"), part;
	int64_t n = 7;

	part = sv_cut(&rest, ',');
	is_sv(part, SV("a"), "first part");
	part = sv_cut(&rest, ',');
	is_sv(part, SV(""), "empty part is a part");
	part = sv_cut(&rest, ',');
	is_sv(part, SV("b"), "last part");
	ok(!sv_present(rest), "nothing left behind the last part");
	ok(sv_to_i64(SV("-9223372036854775808"), &n) && n == INT64_MIN, "lowest integer");
	ok(!sv_to_i64(SV("9223372036854775808"), &n) && n == INT64_MIN, "overflow is refused");
	ok(!sv_to_i64(SV("12x"), &n) && !sv_to_i64(SV(""), &n), "no integer");
	ok(sv_ieq(SV("Content-TYPE"), SV("content-type")), "letters without case");
	is_int(sv_find(SV("hello"), SV("llo")), 2, "find");
	is_sv(sv_trim(SV(" \tx y\r\n")), SV("x y"), "trim");
}

static void test_text(void)
{
	ok(sv_is_text(SV("\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 \xf0\x9f\x98\x80")), "Arabic and emoji");
	ok(!sv_is_text(SV("\xc0\xaf")), "overlong form");
	ok(!sv_is_text(SV("\xed\xa0\x80")), "surrogate");
	ok(!sv_is_text(SV("a\0b")), "NUL");
	ok(!sv_is_text(SV("\xf0\x9f\x98")), "cut off");
}

static int cleaned;

static void clean(void *arg)
{
	cleaned = cleaned * 10 + *(int *)arg;
}

static void test_arena_more(void)
{
	struct arena *a = arena_new();
	size_t room = 0, n = 0;
	int *v = NULL, *first;
	bool kept = true;

	v = first = arena_more(a, v, n, &room, sizeof(*v));
	ok(room == 8 && !v[7], "a list begins with room for 8, all zero");
	for (; n < 100; n++) {
		v = arena_more(a, v, n, &room, sizeof(*v));
		v[n] = (int)n;
		if (n < 8)
			kept &= v == first;
	}
	ok(kept, "and stays where it is while there is room");
	for (size_t i = 0; i < n; i++)
		kept &= v[i] == (int)i;
	ok(kept && room == 128 && !v[127], "a longer one has what was in it, and zeros behind that");
	arena_free(a);
}

static void test_arena(void)
{
	struct arena *a = arena_new();
	int one = 1, two = 2;
	char *big;

	arena_cleanup(a, clean, &one);
	arena_cleanup(a, clean, &two);
	big = arena_alloc(a, 1 << 20);
	ok(big[0] == 0 && big[(1 << 20) - 1] == 0, "memory comes zeroed");
	ok((uintptr_t)arena_alloc(a, 3) % 16 == 0, "aligned");
	arena_reset(a);
	is_int(cleaned, 21, "clean-ups run newest first");
	is_int((long long)arena_used(a), 0, "empty after a reset");
	memset(arena_alloc(a, 64), 0xff, 64);
	arena_reset(a);
	ok(((char *)arena_alloc(a, 64))[63] == 0, "zeroed again after a reset");
	arena_free(a);
}

static void test_buf(void)
{
	buf_auto struct buf b = BUF_INIT;

	buf_html(&b, SV("<a href=\"x\">O'Neil & Co</a>"));
	is_sv(buf_sv(&b), SV("&lt;a href=&quot;x&quot;&gt;O&#39;Neil &amp; Co&lt;/a&gt;"), "html");
	buf_clear(&b);
	buf_json(&b, SV("a\"b\\c\n\x01/\xc3\xa9"));
	is_sv(buf_sv(&b), SV("\"a\\\"b\\\\c\\n\\u0001/\xc3\xa9\""), "json as JSON.stringify writes it");
	buf_clear(&b);
	buf_url(&b, SV("a b+\xc3\xa9~"));
	is_sv(buf_sv(&b), SV("a%20b%2B%C3%A9~"), "url component");
	buf_clear(&b);
	buf_add_i64(&b, INT64_MIN);
	is_sv(buf_sv(&b), SV("-9223372036854775808"), "integer");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%04d", i);
	is_int((long long)b.n, 4020, "grows");
}

static void test_clock_and_ids(void)
{
	char out[CLOCK_ISO_SIZE];
	struct arena *a = arena_new();
	struct sv first, second;

	is_sv(sv_make(out, clock_iso(out, 1736944496789)), SV("2025-01-15T12:34:56.789Z"), "ISO 8601");
	is_sv(sv_make(out, clock_http(out, 1736944496789)), SV("Wed, 15 Jan 2025 12:34:56 GMT"), "HTTP date");
	first = uuid_new(a);
	second = uuid_new(a);
	ok(uuid_valid(first) && first.p[14] == '7', "UUIDv7");
	ok(!sv_eq(first, second), "ids differ");
	ok(!uuid_valid(SV("0190")) && !uuid_valid(SV("g1900000-0000-7000-8000-000000000000")), "no ids");
	ok(sv_eq(uuid_prefixed(a, "cnt_", SV("00000000-0000-0000-0000-000000000020")),
		 SV("cnt_00000000000000000000000010")),
	   "CAP-12 Crockford's base32 behind the prefix");
	ok(sv_eq(uuid_from_prefixed(a, "cnt_", uuid_prefixed(a, "cnt_", first)), first) &&
		   uuid_prefixed(a, "cnt_", first).n == 30,
	   "CAP-12 there and back again");
	ok(sv_eq(uuid_from_prefixed(a, "x_", SV("x_7zzzzzzzzzzzzzzzzzzzzzzzzz")),
		 SV("ffffffff-ffff-ffff-ffff-ffffffffffff")),
	   "CAP-12 small letters too");
	ok(!sv_present(uuid_from_prefixed(a, "x_", SV("x_8zzzzzzzzzzzzzzzzzzzzzzzzz"))) &&
		   !sv_present(uuid_from_prefixed(a, "cmp_", uuid_prefixed(a, "cnt_", first))) &&
		   !sv_present(uuid_from_prefixed(a, "cnt_", SV("cnt_01HX9ZK2P8N3QR"))),
	   "CAP-12 beyond 128 bits, of another kind, too short: no id");
	arena_free(a);
}

static void test_conf(void)
{
	struct arena *a = arena_new();
	struct err e = { 0 };

	is_int(conf_int(CONF_upload_max), 26214400, "a default");
	conf_set(CONF_db_prepared, "off");
	ok(!conf_bool(CONF_db_prepared), "set");
	ok(conf_load("/nonexistent/kontor.conf", a, &e) == ST_NOT_FOUND, "a named file must exist");
	arena_free(a);
}

static void test_tr(void)
{
	const struct tr_language *en = tr_language(SV("en")), *ar = tr_language(SV("ar-EG"));

	tr_open("templates");
	ok(en && ar && ar->rtl && !tr_language(SV("xx")), "languages by their tag, with or without a region");
	ok(tr_accepted(SV("xx, ar;q=0.8, en;q=0.5")) == ar && tr_accepted(SV_NONE) == en,
	   "what a browser asks for, else English");
	is_sv(sv_from(tr("Skip to content")), SV("Skip to content"), "English is the key itself");
	tr_use(ar);
	is_sv(sv_from(tr("Skip to content")), SV("تخطَّ إلى المحتوى"), "the language changes while the program runs");
	is_sv(sv_from(tr("No catalogue has this")), SV("No catalogue has this"), "what is missing stays English");
	tr_use(en);
	is_sv(sv_from(tr("Skip to content")), SV("Skip to content"), "and back");
}

int main(void)
{
	test_sv();
	test_tr();
	test_text();
	test_arena();
	test_arena_more();
	test_buf();
	test_clock_and_ids();
	test_conf();
	return tap_done();
}
