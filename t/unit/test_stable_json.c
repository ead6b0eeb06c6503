/* JSON as JavaScript writes it, judged by a real JavaScript engine. */
#include "event/stable_json.h"
#include "t/unit/tap.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena *arena;

static void release(void *b)
{
	buf_release(b);
}

static struct sv stable(const char *text)
{
	struct buf *out = ARENA_NEW(arena, struct buf);

	arena_cleanup(arena, release, out);
	return stable_json(out, arena, sv_from(text)) ? buf_sv(out) : SV_NONE;
}

static void check_rows(void)
{
	static const struct {
		const char *in, *out, *name;
	} rows[] = {
		{ " { \"b\" : [ 1 , 2 ] , \"a\" : null } ", "{\"b\":[1,2],\"a\":null}",
		  "WHK-42 no white space, keys in their order" },
		{ "[1500.00,-0,0.1,1e21,1e20,123456789012345678,9007199254740993,1e-7,0.000001,1e400]",
		  "[1500,0,0.1,1e+21,100000000000000000000,123456789012345680,9007199254740992,1e-7,"
		  "0.000001,null]",
		  "WHK-42 numbers in shortest form" },
		{ "{\"b\":1,\"10\":2,\"9\":3,\"01\":4,\"b\":5}", "{\"9\":3,\"10\":2,\"b\":5,\"01\":4}",
		  "WHK-42 integer-like keys first, the last of a double key" },
		{ "\"\\/\\u00e9\\u20ac\\ud83d\\ude00\\u007f\\u2028\\b\\u0001\\ud800\"",
		  "\"/é€😀\x7f\xe2\x80\xa8\\b\\u0001\\ud800\"", "WHK-42 / and non-ASCII are not escaped" },
		{ "{\"__proto__\":{\"x\":1}}", "{\"__proto__\":{\"x\":1}}", "__proto__ is a key" },
	};
	static const char *const bad[] = { "", "{", "[1,]", "{\"a\"}", "01", "1.", "\"\\x\"", "nul",
					   "[] x", "\"a", "\"\\", "{\"a\":1,}", "-", "\"\\ud8\"" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		is_sv(stable(rows[i].in), sv_from(rows[i].out), rows[i].name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!sv_present(stable(bad[i])), "refused: %s", bad[i]);
}

static void check_depth(void)
{
	struct buf deep = BUF_INIT, out = BUF_INIT;

	for (int i = 0; i < 100000; i++)
		buf_addc(&deep, '[');
	ok(!stable_json(&out, arena, buf_sv(&deep)) && !out.n, "endless nesting is refused");
	buf_release(&deep);
}

static void check_building(void)
{
	struct buf out = BUF_INIT;
	struct sj *o = sj_parse(arena, SV("{\"a\":1,\"b\":2}"));

	sj_set(arena, o, SV("c"), sj_string(arena, SV("x\"y")));
	sj_set(arena, o, SV("a"), sj_object(arena));
	sj_write(&out, o);
	is_sv(buf_sv(&out), SV("{\"a\":{},\"b\":2,\"c\":\"x\\\"y\"}"), "members are set in their place");
	ok(sj_get(o, SV("b"))->number == 2 && !sj_get(o, SV("z")), "and found by key");
	buf_release(&out);
}

/* ---- random documents ------------------------------------------------------- */

static unsigned rnd(unsigned n)
{
	return (unsigned)random() % n;
}

static void random_number(struct buf *b)
{
	static const char *const odd[] = { "-0", "-0.0", "1e21", "1e-6", "1e-7", "123e-20", "5e-324",
					   "1.7976931348623157e308", "1e309", "-1E400", "0.1",
					   "9007199254740993", "18446744073709551616", "1.10", "4.35",
					   "2.2250738585072014e-308", "999999999999999999999.5" };
	union {
		uint64_t bits;
		double number;
	} any = { .bits = (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random() };

	switch (rnd(5)) {
	case 0:
		buf_add(b, sv_from(odd[rnd(sizeof(odd) / sizeof(*odd))]));
		break;
	case 1:
		buf_addf(b, "%d.%02d", (int)rnd(1000000) - 500000, (int)rnd(100));
		break;
	case 2:
		buf_addf(b, "%ld%09ld%09ld", random() + 1, random() % 1000000000, random() % 1000000000);
		break;
	case 3:
		if (isfinite(any.number)) {
			buf_addf(b, "%.17g", any.number);
			break;
		}
		/* fallthrough */
	default:
		buf_add_i64(b, (int64_t)rnd(2000) - 1000);
	}
}

static void random_string(struct buf *b)
{
	static const char *const parts[] = { "a", "Z", "0", "7", "12", "4294967294", "4294967295", " ", "é",
					     "ß", "€", "😀", "\\u0000", "\\u001f", "\\\"", "\\\\", "\\/", "/",
					     "\\n", "\\b", "\\ud83d\\ude00", "\\ud800", "\\udc00\\ud800",
					     "\\uDFFF", "\\u2028", "\xe2\x80\xa9", "\x7f", "__proto__",
					     "\\u00e9", "</script>", "\xef\xbb\xbf" };
	unsigned n = rnd(4);

	buf_addc(b, '"');
	while (n--)
		buf_add(b, sv_from(parts[rnd(sizeof(parts) / sizeof(*parts))]));
	buf_addc(b, '"');
}

static void random_space(struct buf *b)
{
	static const char *const spaces[] = { "", "", "", " ", "\t", "  " };

	buf_add(b, sv_from(spaces[rnd(6)]));
}

static void random_value(struct buf *b, int depth)
{
	static const char *const words[] = { "null", "true", "false" };
	unsigned kind = rnd(depth > 4 ? 4 : 7), n = rnd(6);
	bool map = kind == 6;

	random_space(b);
	if (kind == 0) {
		buf_add(b, sv_from(words[rnd(3)]));
	} else if (kind < 3) {
		random_number(b);
	} else if (kind == 3) {
		random_string(b);
	} else {
		buf_addc(b, map ? '{' : '[');
		for (unsigned i = 0; i < n; i++) {
			if (i)
				buf_addc(b, ',');
			random_space(b);
			if (map) {
				random_string(b);
				random_space(b);
				buf_addc(b, ':');
			}
			random_value(b, depth + 1);
		}
		buf_addc(b, map ? '}' : ']');
	}
	random_space(b);
}

/* Pairs of lines: a document, and what we make of it. */
static const char judge[] =
	"node -e '\n"
	"const lines = require(\"fs\").readFileSync(0, \"utf8\").split(\"\\n\");\n"
	"let bad = 0;\n"
	"for (let i = 0; i + 1 < lines.length; i += 2) {\n"
	"	const want = JSON.stringify(JSON.parse(lines[i]));\n"
	"	if (want !== lines[i + 1] || JSON.stringify(JSON.parse(lines[i + 1])) !== lines[i + 1]) {\n"
	"		if (bad++ < 5) console.log(\"# of \" + lines[i] + \"\\n# got \" + lines[i + 1] + \"\\n# want \" + want);\n"
	"	}\n"
	"}\n"
	"process.exit(bad ? 1 : 0)'";

static void check_against_node(void)
{
	FILE *node;
	int wrong = 0;

	if (system("node -e 0 >/dev/null 2>&1") != 0) {
		ok(true, "WHK-42 against JavaScript # SKIP node is not installed");
		return;
	}
	fflush(stdout);
	node = popen(judge, "w");
	srandom(20250115);
	for (int i = 0; i < 20000; i++) {
		struct buf in = BUF_INIT, out = BUF_INIT;

		random_value(&in, 0);
		if (!stable_json(&out, arena, buf_sv(&in)))
			wrong++;
		fprintf(node, "%.*s\n%.*s\n", (int)in.n, in.p, (int)out.n, out.n ? out.p : "");
		arena_reset(arena);
		buf_release(&in);
		buf_release(&out);
	}
	is_int(wrong, 0, "20,000 random documents are read");
	ok(pclose(node) == 0, "WHK-42 each is JSON.stringify(JSON.parse(it)) of node, and stays so");
}

int main(void)
{
	arena = arena_new();
	check_rows();
	check_depth();
	check_building();
	check_against_node();
	arena_free(arena);
	return tap_done();
}
