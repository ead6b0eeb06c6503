/* http/: the parsers of urlencoded and multipart forms, row by row. */
#include "t/unit/tap.h"

#include "http/http.h"

#include <string.h>

static struct arena *a;
static struct http_pairs pairs;
static struct http_file *files;
static size_t nfiles;

/* name=value;name=value of the fields, then [field|filename|type|data] of the files. */
static struct sv shown(void)
{
	struct buf *b = ARENA_NEW(a, struct buf);
	struct sv out;

	buf_lit(b, "");
	for (size_t i = 0; i < pairs.n; i++)
		buf_addf(b, "%.*s=%.*s;", SV_ARG(pairs.v[i].name), SV_ARG(pairs.v[i].value));
	for (size_t i = 0; i < nfiles; i++)
		buf_addf(b, "[%.*s|%.*s|%.*s|%.*s]", SV_ARG(files[i].field),
			 SV_ARG(files[i].filename), SV_ARG(files[i].content_type),
			 SV_ARG(files[i].data));
	out = arena_sv(a, buf_sv(b));
	buf_release(b);
	return out;
}

static void test_urlencoded(void)
{
	static const struct {
		struct sv text, want;
	} rows[] = {
		{ SV(""), SV("") },
		{ SV("a=1"), SV("a=1;") },
		{ SV("a=1&a=2&b"), SV("a=1;a=2;b=;") },
		{ SV("&&a=&&"), SV("a=;") },
		{ SV("=x"), SV("=x;") },
		{ SV("a=b=c"), SV("a=b=c;") },
		{ SV("a+b=c+d%2B"), SV("a b=c d+;") },
		{ SV("a=%4"), SV("a=%4;") },
		{ SV("a=%"), SV("a=%;") },
		{ SV("a=%4g%41"), SV("a=%4gA;") },
		{ SV("%E2%82%AC=\xe2\x82\xac"), SV("\xe2\x82\xac=\xe2\x82\xac;") },
		{ SV("a;b=1"), SV("a;b=1;") },
	};
	static const struct sv bad[] = { SV("a=%00"), SV("a%00=1"), SV("a=\xff"), SV("a=%c3"),
					 SV("a=1&b=%ed%a0%80") };
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum status s = http_parse_urlencoded(a, rows[i].text, &pairs, &e);

		ok(!s && sv_eq(shown(), rows[i].want), "urlencoded '%.*s'", SV_ARG(rows[i].text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(http_parse_urlencoded(a, bad[i], &pairs, &e) == ST_BAD_INPUT && e.message.n,
		   "refused: urlencoded row %zu", i + 1);
}

#define TYPE "multipart/form-data; boundary=XX"
#define FIELD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"
#define FILE_(name, file)                                                                          \
	"Content-Disposition: form-data; name=\"" name "\"; filename=\"" file "\"\r\n"

static enum status parse(struct sv type, struct sv body, struct err *e)
{
	return http_parse_multipart(a, type, body, &pairs, &files, &nfiles, e);
}

static void test_multipart(void)
{
	static const struct {
		const char *name;
		struct sv type, body, want;
	} rows[] = {
		{ "one field", SV(TYPE), SV("--XX\r\n" FIELD("a") "\r\n1\r\n--XX--\r\n"),
		  SV("a=1;") },
		{ "no line end behind the last boundary", SV(TYPE),
		  SV("--XX\r\n" FIELD("a") "\r\n1\r\n--XX--"), SV("a=1;") },
		{ "no part at all", SV(TYPE), SV("--XX--\r\n"), SV("") },
		{ "preamble and epilogue", SV(TYPE),
		  SV("hi\r\n--XX \t\r\n" FIELD("a") "\r\n\r\n--XX--\r\nbye"), SV("a=;") },
		{ "the same name twice", SV(TYPE),
		  SV("--XX\r\n" FIELD("a") "\r\n1\r\n--XX\r\n" FIELD("a") "\r\n2\r\n--XX--"),
		  SV("a=1;a=2;") },
		{ "a file with line ends and nearly a boundary", SV(TYPE),
		  SV("--XX\r\n" FILE_("f", "a.bin") "Content-Type: image/png\r\n\r\n"
						    "\r\n--X\r\n\xff--XX\r\n--XX--"),
		  SV("[f|a.bin|image/png|\r\n--X\r\n\xff--XX]") },
		{ "a file without type", SV(TYPE), SV("--XX\r\n" FILE_("f", "x") "\r\n\r\n--XX--"),
		  SV("[f|x|application/octet-stream|]") },
		{ "no file chosen", SV(TYPE), SV("--XX\r\n" FILE_("f", "") "\r\n\r\n--XX--"),
		  SV("") },
		{ "paths are cut off", SV(TYPE),
		  SV("--XX\r\n" FILE_("f", "../../etc/passwd") "\r\n1\r\n--XX\r\n" FILE_(
			  "g", "C:\\docs\\a.txt") "\r\n2\r\n--XX--"),
		  SV("[f|passwd|application/octet-stream|1][g|a.txt|application/octet-stream|2]") },
		{ "quotes in names, as browsers and as curl send them", SV(TYPE),
		  SV("--XX\r\n" FIELD("a%22b%0D%0A%41") "\r\n1\r\n--XX\r\n" FIELD(
			  "a\\\"b;c") "\r\n2\r\n--XX--"),
		  SV("a\"b\r\n%41=1;a\"b;c=2;") },
		{ "header names and parameters in any case, no quotes", SV(TYPE),
		  SV("--XX\r\ncontent-disposition:FORM-DATA;x; NAME = a ;y=1\r\n\r\n1\r\n--XX--"),
		  SV("a=1;") },
		{ "quoted boundary", SV("Multipart/Form-Data; charset=x; BOUNDARY=\"X X\""),
		  SV("--X X\r\n" FIELD("a") "\r\n1\r\n--X X--"), SV("a=1;") },
		{ "encoding that changes nothing", SV(TYPE),
		  SV("--XX\r\n" FIELD("a") "Content-Transfer-Encoding: 8bit\r\n\r\n1\r\n--XX--"),
		  SV("a=1;") },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { .status = ST_OK };
		enum status s = parse(rows[i].type, rows[i].body, &e);

		ok(s == ST_OK, "multipart: %s", rows[i].name);
		is_sv(shown(), rows[i].want, "  and what it holds");
	}
}

static void test_malformed(void)
{
	static const struct {
		const char *name;
		struct sv type, body;
	} rows[] = {
		{ "no boundary", SV("multipart/form-data"), SV("--XX--") },
		{ "empty boundary", SV("multipart/form-data; boundary="), SV("----") },
		{ "endless boundary",
		  SV("multipart/form-data; "
		     "boundary=1234567890123456789012345678901234567890123456789"
		     "0123456789012345678901"),
		  SV("--") },
		{ "empty body", SV(TYPE), SV("") },
		{ "other boundary", SV(TYPE), SV("--YY\r\n" FIELD("a") "\r\n1\r\n--YY--") },
		{ "longer boundary", SV(TYPE), SV("--XXY\r\n" FIELD("a") "\r\n1\r\n--XX--") },
		{ "cut off in the headers", SV(TYPE), SV("--XX\r\n" FIELD("a")) },
		{ "cut off in the data", SV(TYPE), SV("--XX\r\n" FIELD("a") "\r\n1") },
		{ "cut off behind the boundary", SV(TYPE),
		  SV("--XX\r\n" FIELD("a") "\r\n1\r\n--XX") },
		{ "cut off behind a part", SV(TYPE),
		  SV("--XX\r\n" FIELD("a") "\r\n1\r\n--XX\r\n") },
		{ "bare line feeds", SV(TYPE),
		  SV("--XX\nContent-Disposition: form-data\n\n1\n--XX--") },
		{ "no name", SV(TYPE),
		  SV("--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--") },
		{ "no disposition", SV(TYPE), SV("--XX\r\n\r\n1\r\n--XX--") },
		{ "another disposition", SV(TYPE),
		  SV("--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--XX--") },
		{ "header without colon", SV(TYPE), SV("--XX\r\nnonsense\r\n\r\n1\r\n--XX--") },
		{ "base64", SV(TYPE),
		  SV("--XX\r\n" FIELD(
			  "a") "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--XX--") },
		{ "NUL in a field", SV(TYPE), SV("--XX\r\n" FIELD("a") "\r\na\0b\r\n--XX--") },
		{ "no UTF-8 in a name", SV(TYPE), SV("--XX\r\n" FIELD("\xff") "\r\n1\r\n--XX--") },
		{ "no UTF-8 in a file name", SV(TYPE),
		  SV("--XX\r\n" FILE_("f", "\xff") "\r\n1\r\n--XX--") },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { .status = ST_OK };

		ok(parse(rows[i].type, rows[i].body, &e) == ST_BAD_INPUT && e.message.n,
		   "refused: %s", rows[i].name);
	}
}

static void test_limits(void)
{
	buf_auto struct buf b = BUF_INIT;
	struct err e;

	for (int i = 0; i < 1000; i++)
		buf_lit(&b, "--XX\r\n" FIELD("a") "\r\n1\r\n");
	buf_lit(&b, "--XX--");
	ok(!parse(SV(TYPE), buf_sv(&b), &e) && pairs.n == 1000, "1000 parts");
	b.n -= 2;
	buf_lit(&b, "\r\n" FIELD("a") "\r\n1\r\n--XX--");
	ok(parse(SV(TYPE), buf_sv(&b), &e) == ST_BAD_INPUT, "1001 parts");
	buf_clear(&b);
	buf_lit(&b, "--XX\r\n" FIELD("a"));
	for (int i = 0; i < 20; i++)
		buf_lit(&b, "X: y\r\n");
	buf_lit(&b, "\r\n1\r\n--XX--");
	ok(parse(SV(TYPE), buf_sv(&b), &e) == ST_BAD_INPUT, "too many headers in a part");
	buf_clear(&b);
	buf_lit(&b, "--XX\r\nX: ");
	memset(buf_room(&b, 10000), 'x', 10000);
	b.n += 10000;
	buf_lit(&b, "\r\n" FIELD("a") "\r\n1\r\n--XX--");
	ok(parse(SV(TYPE), buf_sv(&b), &e) == ST_BAD_INPUT, "too long a header in a part");
}

int main(void)
{
	a = arena_new();
	test_urlencoded();
	test_multipart();
	test_malformed();
	test_limits();
	arena_free(a);
	return tap_done();
}
