/* tmpl/: the Mustache specification's own cases, and what it leaves open. */
#include "t/unit/tap.h"

#include "base/log.h"
#include "tmpl/tmpl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct err err;

/* ---- the specification's cases ---- */

static const char *const spec_files[] = {
	"interpolation", "sections", "inverted",       "comments",
	"delimiters",	 "partials", "~dynamic-names", "~inheritance",
};

/* The directory beside the checkout, also seen from a worktree or a build
 * directory; NULL when there is none. */
static const char *spec_dir(void)
{
	const char *srcdir = getenv("srcdir"), *shared = getenv("KONTOR_SHARED");
	const char *const beside[] = { "../shared", "../../shared" };
	const char *dir;

	if (shared) {
		dir = arena_printf(arena, "%s/mustache-spec", shared);
		return access(dir, R_OK) ? NULL : dir;
	}
	for (size_t i = 0; i < 2; i++) {
		dir = arena_printf(arena, "%s/%s/mustache-spec", srcdir ? srcdir : ".", beside[i]);
		if (!access(dir, R_OK))
			return dir;
	}
	return NULL;
}

static void spec_case(const char *file, json_t *test)
{
	struct tmpl_set *set = tmpl_set_memory(true);
	struct buf out buf_auto = BUF_INIT;
	const char *name, *text;
	json_t *partial;
	bool added = true;
	const char *point;

	json_object_foreach(json_object_get(test, "partials"), name, partial) {
		text = json_string_value(partial);
		added &= tmpl_set_add(set, sv_from(name), sv_from(text)) == ST_OK;
	}
	text = json_string_value(json_object_get(test, "template"));
	added &= tmpl_set_add(set, SV("/main"), sv_from(text)) == ST_OK;
	point = arena_printf(arena, "spec %s: %s: %s", file,
			     json_string_value(json_object_get(test, "name")),
			     json_string_value(json_object_get(test, "desc")));
	point = arena_dup(arena, sv_trim(sv_from(point)));
	for (char *nl = strchr(point, '\n'); nl; nl = strchr(nl, '\n'))
		*nl = ' ';
	if (!added ||
	    tmpl_render(set, SV("/main"), tmpl_from_json(arena, json_object_get(test, "data")),
			arena, &out, &err) != ST_OK)
		ok(false, "%s", point);
	else
		is_sv(buf_sv(&out), sv_from(json_string_value(json_object_get(test, "expected"))),
		      point);
	tmpl_set_free(set);
}

static void test_spec(void)
{
	const char *dir = spec_dir();

	if (!dir) {
		ok(true, "spec cases # SKIP ../shared/mustache-spec is absent");
		return;
	}
	for (size_t f = 0; f < sizeof(spec_files) / sizeof(*spec_files); f++) {
		char *path = arena_printf(arena, "%s/%s.json", dir, spec_files[f]);
		json_t *json = json_load_file(path, 0, NULL), *test;
		json_t *tests = json_object_get(json, "tests");
		size_t i;

		ok(json_array_size(tests) > 0, "spec %s has cases", spec_files[f]);
		json_array_foreach(tests, i, test)
			spec_case(spec_files[f], test);
		json_decref(json);
	}
}

/* ---- our own points ---- */

static const char *tmp_dir;

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(arena_printf(arena, "%s/%s", tmp_dir, name), "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		printf("Bail out! cannot write in %s\n", tmp_dir);
}

/* What was logged since the last call; standard error goes to a file. */
static struct sv logged(void)
{
	static char text[8192];
	ssize_t n = pread(STDERR_FILENO, text, sizeof(text), 0);

	if (ftruncate(STDERR_FILENO, 0) < 0 || lseek(STDERR_FILENO, 0, SEEK_SET) < 0)
		n = 0;
	return sv_make(text, n > 0 ? (size_t)n : 0);
}

static bool has(struct sv s, const char *part)
{
	return sv_find(s, sv_from(part)) >= 0;
}

/* A strict set from name, text, name, text ..., NULL; the first is rendered.
 * "(failed)" when it cannot be. */
static struct sv render(const struct tmpl_value *data, const char *const *sources)
{
	struct tmpl_set *set = tmpl_set_memory(false);
	struct buf out buf_auto = BUF_INIT;
	enum status status = ST_OK;
	struct sv page = SV("(failed)");

	for (const char *const *s = sources; *s && status == ST_OK; s += 2)
		status = tmpl_set_add(set, sv_from(s[0]), sv_from(s[1]));
	if (status == ST_OK)
		status = tmpl_render(set, sv_from(sources[0]), data, arena, &out, &err);
	if (status == ST_OK)
		page = arena_sv(arena, buf_sv(&out));
	tmpl_set_free(set);
	return page;
}

#define RENDER(data, ...) render((data), (const char *const[]){ __VA_ARGS__, NULL })

static struct tmpl_value *from_json(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	struct tmpl_value *v = tmpl_from_json(arena, json);

	json_decref(json);
	return v;
}

static void test_values(void)
{
	struct tmpl_value *page = tmpl_map(arena), *deals, *deal;

	tmpl_set_text(page, "title", SV("old"));
	tmpl_set_text(page, "title", SV("Deals"));
	tmpl_set_int(page, "n", INT64_MIN);
	tmpl_set_bool(page, "yes", true);
	tmpl_set(page, "null", NULL);
	tmpl_set_text(page, "absent", SV_NONE);
	tmpl_set_text(tmpl_set_map(page, "user"), "name", SV("Ann"));
	deals = tmpl_set_list(page, "deals");
	for (int i = 1; i <= 20; i++) {
		deal = tmpl_push_map(deals);
		tmpl_set_int(deal, "value", i);
	}
	tmpl_push(deals, tmpl_map(arena));
	is_sv(RENDER(page, "t",
		     "{{title}} {{n}} {{yes}} [{{null}}{{absent}}{{deals}}{{user}}] "
		     "{{user.name}}{{#deals}} {{value}}{{/deals}}"),
	      SV("Deals -9223372036854775808 true [] Ann 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 "
		 "18 19 20 "),
	      "values of every kind; of two under one key the later counts");
	is_sv(RENDER(NULL, "t", "[{{a}}{{a.b}}{{.}}{{#a}}x{{/a}}]"), SV("[]"),
	      "no data at all: every key is empty");
	is_sv(RENDER(from_json("[1.10, 0.1, 1e100, -0.5, 3.3, 12345678901234567890.0]"), "t",
		     "{{#.}}{{.}} {{/.}}"),
	      SV("1.1 0.1 1e+100 -0.5 3.3 1.2345678901234567e+19 "),
	      "decimals in their shortest form");
}

static void test_truth(void)
{
	static const struct {
		const char *json, *want;
	} rows[] = {
		{ "null", "no" },   { "false", "no" }, { "true", "yes" }, { "0", "no" },
		{ "0.0", "no" },    { "-1", "yes" },   { "0.01", "yes" }, { "\"\"", "no" },
		{ "\"0\"", "yes" }, { "[]", "no" },    { "[0]", "yes" },  { "{}", "yes" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		is_sv(RENDER(from_json(arena_printf(arena, "{\"v\":%s}", rows[i].json)), "t",
			     "{{#v}}yes{{/v}}{{^v}}no{{/v}}"),
		      sv_from(rows[i].want), arena_printf(arena, "section over %s", rows[i].json));
}

static void test_escapes(void)
{
	struct tmpl_value *page = tmpl_map(arena);

	tmpl_set_text(page, "x", SV("\"><script>'&"));
	is_sv(RENDER(page, "t", "<a title=\"{{x}}\" alt='{{x}}'>{{x}}</a>"),
	      SV("<a title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\" "
		 "alt='&quot;&gt;&lt;script&gt;&#39;&amp;'>&quot;&gt;&lt;script&gt;&#39;&amp;</a>"),
	      "text cannot leave an attribute or become markup");
	is_sv(RENDER(page, "t", "{{{x}}}{{&x}}"), SV("\"><script>'&\"><script>'&"),
	      "raw only where the template says so");
	is_sv(RENDER(page, "t", "{{=<% %>=}}<%x%><%{x}%><%& x %>"),
	      SV("&quot;&gt;&lt;script&gt;&#39;&amp;\"><script>'&\"><script>'&"),
	      "escaped and raw with other delimiters");
}

static int columns_asked;

static size_t people_column(const void *src, struct sv name)
{
	(void)src;
	columns_asked++;
	return sv_eq(name, SV("name")) ? 0 : sv_eq(name, SV("age")) ? 1 : SIZE_MAX;
}

/* Every second person has no age. */
static struct tmpl_value *people_cell(const void *src, struct arena *a, size_t row, size_t col)
{
	const char *const *names = src;

	if (col == 0)
		return tmpl_text(a, sv_from(names[row]));
	return row % 2 ? NULL : tmpl_int(a, (int64_t)row + 20);
}

static void test_table(void)
{
	static const char *const names[] = { "Ann", "B<b", "Cem" };
	struct tmpl_table t = { 3, people_column, people_cell, names };
	struct tmpl_value *page = tmpl_map(arena);

	tmpl_set_table(page, "people", &t);
	tmpl_set_row(page, "first", &t, 0);
	tmpl_set_row(page, "none", &t, 3);
	tmpl_set_text(page, "age", SV("outer"));
	tmpl_set_text(page, "unit", SV("y"));
	t.rows = 0;
	tmpl_set_table(page, "empty", &t);
	is_sv(RENDER(page, "t", "{{#people}}{{name}}:{{age}}{{unit}};{{/people}}"),
	      SV("Ann:20y;B&lt;b:y;Cem:22y;"),
	      "table: a null cell hides the outer key, an absent column does not");
	is_int(columns_asked, 3, "each column is looked up once, not once per row");
	is_sv(RENDER(page, "t",
		     "{{first.name}} {{first.nothing}}{{#first}}{{age}}{{unit}}{{/first}}"
		     "{{#none}}x{{/none}}{{none.name}}"),
	      SV("Ann 20y"), "one row as a map; a row that is not there is null");
	is_sv(RENDER(page, "t",
		     "{{^people}}x{{/people}}{{#empty}}x{{/empty}}{{^empty}}none{{/empty}}"),
	      SV("none"), "a table without rows is false");
	is_sv(RENDER(page, "t", "{{#people}}{{>row}}{{/people}}", "row",
		     "{{#age}}{{name}}{{/age}}"),
	      SV("AnnCem"), "rows through a partial");
}

static void test_inheritance(void)
{
	struct tmpl_value *page = from_json("{\"layout\":\"base\",\"x\":1}");

	is_sv(RENDER(NULL, "t", "a\n  {{$b}}{{/b}}\nc\n"), SV("a\nc\n"),
	      "an empty block alone on its line leaves nothing");
	is_sv(RENDER(NULL, "t", "{{<base}}{{$b}}x{{/b}}{{/base}}", "base",
		     "a\n  {{$b}}{{/b}}\nc\n"),
	      SV("a\n  x\nc\n"), "short content put there has the line's indentation and end");
	is_sv(RENDER(NULL, "t", "{{<base}}{{$b}}\nx\n\n  y\n{{/b}}{{/base}}", "base",
		     "a\n  {{$b}}{{/b}}\nc\n"),
	      SV("a\n  x\n\n    y\nc\n"), "empty lines get no indentation");
	is_sv(RENDER(page, "t", "{{< *layout }}{{$b}}{{x}}{{/b}}{{/ *layout }}", "base",
		     "[{{$b}}{{/b}}]"),
	      SV("[1]"), "a parent with a dynamic name");
	is_sv(RENDER(NULL, "t", "{{<base}}{{$b}}x{{$b}}y{{/b}}{{/b}}{{/base}}", "base",
		     "[{{$b}}{{/b}}]"),
	      SV("[xy]"), "a block that holds one of its own name ends");
	is_sv(RENDER(NULL, "t", "{{<base}}{{$b}}x{{/b}}{{/base}}", "base", "[{{>part}}]", "part",
		     "{{$b}}{{/b}}"),
	      SV("[x]"), "a partial inside the layout takes part");
	is_sv(RENDER(page, "t",
		     "{{<base}}{{#x}}{{$b}}no{{/b}}{{/x}}{{>none}}{{$b}}x{{/b}}{{/base}}", "base",
		     "[{{$b}}{{/b}}]"),
	      SV("[x]"), "only the parent's own blocks count inside it");
	is_sv(RENDER(NULL, "t",
		     "{{<base}}{{$b}}\n  {{<box}}\n    {{$in}}\n      y\n    {{/in}}\n"
		     "  {{/box}}\n{{/b}}{{/base}}",
		     "base", "<b>\n {{$b}}{{/b}}\n</b>\n", "box", "<i>\n  {{$in}}{{/in}}\n</i>\n"),
	      SV("<b>\n <i>\n   y\n </i>\n</b>\n"),
	      "a parent inside a block is indented by its place");
	is_sv(RENDER(NULL, "t", "{{>p}}\n  {{>p}}\n", "p", "{{! c }}{{x}}1\r\n\r\n{{^x}}2{{/x}}\n"),
	      SV("1\r\n\r\n2\n  1\r\n\r\n  2\n"), "a line that begins with a tag is indented, too");
}

static void test_malformed(void)
{
	static const struct {
		const char *text, *why;
		int line;
	} rows[] = {
		{ "{{#a}}\n\n{{/b}}", "does not match", 3 },
		{ "\n{{#a}}", "no end tag", 2 },
		{ "\n\n{{/a}}", "no beginning", 3 },
		{ "x {{a", "not closed", 1 },
		{ "{{{a}}", "not closed", 1 },
		{ "{{}}", "no name", 1 },
		{ "{{> }}", "no name", 1 },
		{ "{{#}}{{/}}", "no name", 1 },
		{ "{{if a}}", "white space", 1 },
		{ "{{a..b}}", "part of the name is empty", 1 },
		{ "{{=a=}}", "two delimiters", 1 },
		{ "{{=a b c=}}", "two delimiters", 1 },
		{ "{{<p}}{{$a}}{{/p}}{{/a}}", "does not match", 1 },
	};
	struct sv log;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		logged();
		is_sv(RENDER(NULL, "t", rows[i].text), SV("(failed)"),
		      arena_printf(arena, "malformed: %s", rows[i].why));
		log = logged();
		ok(has(log, rows[i].why) && has(log, "\"template\":\"t\"") &&
			   has(log, arena_printf(arena, "\"line\":%d", rows[i].line)),
		   "and the log says so, with the line");
	}
}

static void test_limits(void)
{
	struct buf deep buf_auto = BUF_INIT;
	struct tmpl_set *set = tmpl_set_memory(false);
	struct buf out buf_auto = BUF_INIT;
	struct tmpl_value *page = from_json("{\"l\":[1,2,3,4,5,6,7,8,9,10]}");

	logged();
	is_sv(RENDER(NULL, "t", "x{{>t}}{{>t}}"), SV("(failed)"), "a partial within itself");
	ok(has(logged(), "nest too deeply"), "the log says why");
	is_sv(RENDER(NULL, "t", "{{<t}}{{$a}}{{<t}}{{/t}}{{/a}}{{/t}}"), SV("(failed)"),
	      "a parent within itself");
	for (int i = 0; i < 100; i++)
		buf_lit(&deep, "{{#a}}");
	is_sv(RENDER(NULL, "t", deep.p), SV("(failed)"), "too many open tags");
	tmpl_set_limits(set, 1000, 100);
	ok(tmpl_set_add(set, SV("many"), SV("{{#l}}{{#l}}{{#l}}{{^l}}{{/l}}{{/l}}{{/l}}{{/l}}")) ==
			   ST_OK &&
		   tmpl_set_add(set, SV("long"), SV("{{#l}}0123456789ab{{/l}}")) == ST_OK,
	   "both compile");
	buf_lit(&out, "before");
	is_int(tmpl_render(set, SV("many"), page, arena, &out, &err), ST_INTERNAL,
	       "too many steps");
	ok(has(logged(), "too many steps"), "the log says why");
	is_int(tmpl_render(set, SV("long"), page, arena, &out, &err), ST_INTERNAL,
	       "too many bytes");
	ok(has(logged(), "too large"), "the log says why");
	is_sv(buf_sv(&out), SV("before"), "and the page is left as it was");
	tmpl_set_free(set);
}

static void test_missing(struct tmpl_set *set)
{
	struct buf out buf_auto = BUF_INIT;
	struct tmpl_value *page = from_json("{\"p\":\"app/none\",\"q\":\"../secret\",\"r\":7}");
	struct sv log;

	buf_lit(&out, "before");
	logged();
	err = (struct err){ 0 };
	is_int(tmpl_render(set, SV("app/none"), page, arena, &out, &err), ST_INTERNAL,
	       "a missing template is an error");
	log = logged();
	ok(has(log, "\"level\":\"error\"") && has(log, "app/none"), "it is logged with its name");
	ok(err.status == ST_INTERNAL && !has(err_message(&err), tmp_dir),
	   "and told without details");
	write_file("half.html", "first half\n\n{{>app/none}}second half");
	is_int(tmpl_render(set, SV("half"), page, arena, &out, &err), ST_INTERNAL,
	       "a missing partial fails the page");
	log = logged();
	ok(has(log, "app/none") && has(log, "\"template\":\"half\"") && has(log, "\"line\":3"),
	   "the log says where it is named");
	write_file("dyn.html", "half {{>*p}}");
	is_int(tmpl_render(set, SV("dyn"), page, arena, &out, &err), ST_INTERNAL,
	       "so does a dynamic one");
	write_file("par.html", "half {{<app/none}}{{/app/none}}");
	is_int(tmpl_render(set, SV("par"), page, arena, &out, &err), ST_INTERNAL,
	       "and a missing parent");
	write_file("dynpath.html", "half {{>*q}}");
	is_int(tmpl_render(set, SV("dynpath"), page, arena, &out, &err), ST_INTERNAL,
	       "data cannot name a file outside");
	is_sv(buf_sv(&out), SV("before"), "never half a page");
	ok(out.p[out.n] == '\0', "still NUL-terminated");
	write_file("nokey.html", "[{{>*nokey}}{{>*r}}]");
	is_int(tmpl_render(set, SV("nokey"), page, arena, &out, &err), ST_OK,
	       "a dynamic name whose key is absent or no text names nothing");
	is_sv(buf_sv(&out), SV("before[]"), "and the page is appended");
	logged();
}

static void test_names(struct tmpl_set *set)
{
	static const char *const bad[] = { "../secret",
					   "app/../../secret",
					   "/etc/hostname",
					   ".hidden",
					   "app/.hidden",
					   "app//list",
					   "app/",
					   "",
					   "app/list\n",
					   "a b",
					   "app\\list",
					   ".",
					   ".." };
	struct buf out buf_auto = BUF_INIT;

	write_file("../secret.html", "secret");
	write_file(".hidden.html", "hidden");
	write_file("app/.hidden.html", "hidden");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(tmpl_render(set, sv_from(bad[i]), NULL, arena, &out, &err) == ST_INTERNAL &&
			   !out.n,
		   "the name %zu that leads elsewhere is refused", i);
	ok(tmpl_render(set, SV("app/list\0x"), NULL, arena, &out, &err) == ST_INTERNAL,
	   "so is one with a NUL");
	is_int(tmpl_render(set, SV("app/list"), NULL, arena, &out, &err), ST_OK, "a name with /");
	is_sv(buf_sv(&out), SV("list one"), "is a file in a directory");
	is_int(tmpl_render(set, SV("app"), NULL, arena, &out, &err), ST_INTERNAL, "no such file");
	mkdir(arena_printf(arena, "%s/dir.html", tmp_dir), 0700);
	is_int(tmpl_render(set, SV("dir"), NULL, arena, &out, &err), ST_INTERNAL, "a directory");
	logged();
}

static void test_reload(struct tmpl_set *set)
{
	struct buf out buf_auto = BUF_INIT;
	enum status status;

	write_file("app/list.html", "list, changed");
	status = tmpl_render(set, SV("app/list"), NULL, arena, &out, &err);
	ok(status == ST_OK && sv_eq(buf_sv(&out), SV("list one")), "compiled once");
	tmpl_set_reload(set, true);
	buf_clear(&out);
	status = tmpl_render(set, SV("app/list"), NULL, arena, &out, &err);
	ok(status == ST_OK && sv_eq(buf_sv(&out), SV("list, changed")), "reload sees the change");
	write_file("app/list.html", "{{#broken}}");
	status = tmpl_render(set, SV("app/list"), NULL, arena, &out, &err);
	ok(status == ST_INTERNAL && has(logged(), "no end tag"), "reload sees the slip");
	write_file("app/list.html", "{{>app/item}}{{>app/item}}");
	write_file("app/item.html", "x");
	buf_clear(&out);
	status = tmpl_render(set, SV("app/list"), NULL, arena, &out, &err);
	ok(status == ST_OK && sv_eq(buf_sv(&out), SV("xx")), "and that it was mended");
}

static void test_files(void)
{
	char top[] = "/tmp/kontor-test-tmpl.XXXXXX";
	struct tmpl_set *set;

	if (!mkdtemp(top)) {
		ok(false, "a directory in /tmp");
		return;
	}
	tmp_dir = arena_printf(arena, "%s/templates", top);
	mkdir(tmp_dir, 0700);
	mkdir(arena_printf(arena, "%s/app", tmp_dir), 0700);
	write_file("app/list.html", "list one");
	set = tmpl_set_open(tmp_dir);
	test_missing(set);
	test_names(set);
	test_reload(set);
	tmpl_set_free(set);
	if (system(arena_printf(arena, "rm -rf %s", top)))
		printf("# %s is left behind\n", top);
}

/* ---- translated text ---- */

static const char *louder(const char *text)
{
	if (!strcmp(text, "Page {{n}} of <b>{{total}}</b>"))
		return "<b>{{total}}</b>/{{n}}";
	return strcmp(text, "Name") ? text : "NAME";
}

static void test_translate(void)
{
	struct tmpl_set *set = tmpl_set_memory(false);
	struct tmpl_value *page = tmpl_map(arena);
	buf_auto struct buf out = BUF_INIT;

	tmpl_set_translate(set, louder);
	tmpl_set_int(page, "n", 2);
	tmpl_set_text(page, "total", SV("<9>"));
	ok(!tmpl_set_add(set, SV("x"), SV("<i title=\"{{#_}}Name{{/_}}\">{{#_}}Page {{n}}\n\tof"
					   " <b>{{total}}</b>{{/_}}</i>{{#_}}Other{{/_}}")) &&
		   !tmpl_render(set, SV("x"), page, arena, &out, &err),
	   "a template with texts compiles");
	is_sv(buf_sv(&out), SV("<i title=\"NAME\"><b>&lt;9&gt;</b>/2\n</i>Other"),
	      "text between {{#_}} and {{/_}} is translated with its tags, white space folded");
	ok(tmpl_set_add(set, SV("y"), SV("{{#_}}open")), "without its end it is refused");
	tmpl_set_free(set);
}

int main(void)
{
	FILE *log = tmpfile();

	/* The log is looked at, and must not get into the test's output. */
	if (!log || dup2(fileno(log), STDERR_FILENO) < 0)
		skip_all("no temporary file for the log");
	log_setup("test_tmpl", "info");
	arena = arena_new();
	test_spec();
	test_values();
	test_truth();
	test_escapes();
	test_table();
	test_inheritance();
	test_malformed();
	test_limits();
	test_files();
	test_translate();
	tmpl_set_free(NULL);
	arena_free(arena);
	fclose(log);
	return tap_done();
}
