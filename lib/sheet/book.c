/* The parts beside the sheet: which sheets there are, which styles are dates,
 * the table of shared texts. */
#include "sheet/book.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHEETS_MAX 1000
#define STYLES_MAX 70000
#define FORMATS_MAX 5000

/* ---- growing arrays ------------------------------------------------------ */

void *grown(struct arena *a, void *v, size_t n, size_t *size, size_t each)
{
	void *more;

	if (n < *size)
		return v;
	*size = *size ? *size * 2 : 64;
	more = arena_array(a, *size, each);
	if (n)
		memcpy(more, v, n * each);
	return more;
}

/* ---- workbook.xml and its relations ---------------------------------------- */

static void workbook_start(void *arg, struct sv name, const struct xml_attrs *attrs)
{
	struct book *b = arg;
	struct sv state, old;

	if (sv_eq(name, SV("workbookPr"))) {
		old = xml_attr(attrs, "date1904");
		b->epoch_1904 = sv_eq(old, SV("1")) || sv_eq(old, SV("true"));
		return;
	}
	if (!sv_eq(name, SV("sheet")) || b->nsheets >= SHEETS_MAX)
		return;
	state = xml_attr(attrs, "state");
	if (sv_starts(state, SV("hidden")) || sv_starts(state, SV("veryHidden")))
		return;
	b->names = grown(b->zip.arena, b->names, b->nsheets, &b->names_size, sizeof(*b->names));
	b->ids = grown(b->zip.arena, b->ids, b->nsheets, &b->ids_size, sizeof(*b->ids));
	b->names[b->nsheets] = arena_sv(b->zip.arena, xml_attr(attrs, "name"));
	b->ids[b->nsheets++] = arena_sv(b->zip.arena, xml_attr(attrs, "r:id"));
}

static const struct xml_handlers workbook_handlers = { .start = workbook_start };

/* A relation's target as a path of the zip. */
static const char *target_path(struct arena *a, struct sv target)
{
	if (sv_starts(target, SV("/")))
		return arena_dup(a, sv_skip(target, 1));
	return arena_printf(a, "xl/%.*s", SV_ARG(target));
}

static void relation_start(void *arg, struct sv name, const struct xml_attrs *attrs)
{
	struct book *b = arg;
	struct sv type = xml_attr(attrs, "Type"), id = xml_attr(attrs, "Id");
	struct sv target = xml_attr(attrs, "Target");

	if (!sv_eq(name, SV("Relationship")) || !target.n)
		return;
	if (sv_ends(type, SV("/sharedStrings")))
		b->texts_path = target_path(b->zip.arena, target);
	else if (sv_ends(type, SV("/styles")))
		b->styles_path = target_path(b->zip.arena, target);
	else if (sv_ends(type, SV("/worksheet")) && sv_eq(id, b->wanted))
		b->sheet_path = target_path(b->zip.arena, target);
}

static const struct xml_handlers relation_handlers = { .start = relation_start };

/* ---- styles.xml -------------------------------------------------------------- */

/* A format is one of dates or times when a letter of them stands in it,
 * outside of quotes and brackets. */
static bool dates_format(struct sv code)
{
	for (size_t i = 0; i < code.n; i++) {
		char c = code.p[i] | 0x20;

		if (code.p[i] == '"')
			while (++i < code.n && code.p[i] != '"')
				;
		else if (code.p[i] == '\\' || code.p[i] == '_' || code.p[i] == '*')
			i++;
		else if (code.p[i] == '[' && i + 2 < code.n && (code.p[i + 2] == ']' || code.p[i + 3] == ']') &&
			 strchr("hms", code.p[i + 1] | 0x20))
			return true;
		else if (code.p[i] == '[')
			while (++i < code.n && code.p[i] != ']')
				;
		else if (c == 'y' || c == 'm' || c == 'd' || c == 'h' || c == 's')
			return true;
	}
	return false;
}

static bool built_in_date(long id)
{
	return (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) ||
	       (id >= 50 && id <= 58);
}

static long number(struct sv s)
{
	int64_t v = 0;

	return sv_to_i64(s, &v) && v >= 0 && v < INT32_MAX ? (long)v : 0;
}

static bool style_is_date(const struct book *b, long id)
{
	for (size_t i = 0; i < b->nformats; i++)
		if (b->formats[i] == id)
			return true;
	return built_in_date(id);
}

static void style_start(void *arg, struct sv name, const struct xml_attrs *attrs)
{
	struct book *b = arg;

	if (sv_eq(name, SV("numFmt")) && b->nformats < FORMATS_MAX) {
		if (!dates_format(xml_attr(attrs, "formatCode")))
			return;
		b->formats = grown(b->zip.arena, b->formats, b->nformats, &b->formats_size,
				   sizeof(*b->formats));
		b->formats[b->nformats++] = number(xml_attr(attrs, "numFmtId"));
	} else if (sv_eq(name, SV("cellXfs"))) {
		b->in_styles = true;
	} else if (b->in_styles && sv_eq(name, SV("xf")) && b->nstyles < STYLES_MAX) {
		b->dates = grown(b->zip.arena, b->dates, b->nstyles, &b->dates_size, sizeof(*b->dates));
		b->dates[b->nstyles++] = style_is_date(b, number(xml_attr(attrs, "numFmtId")));
	}
}

static void style_end(void *arg, struct sv name)
{
	struct book *b = arg;

	if (sv_eq(name, SV("cellXfs")))
		b->in_styles = false;
}

static const struct xml_handlers style_handlers = { .start = style_start, .end = style_end };

/* ---- sharedStrings.xml ---------------------------------------------------------- */

static void texts_start(void *arg, struct sv name, const struct xml_attrs *attrs)
{
	struct book *b = arg;

	(void)attrs;
	if (sv_eq(name, SV("si")))
		b->text_at = b->texts.n;
	else if (sv_eq(name, SV("rPh")))
		b->phonetic = true;
	b->in_text = !b->phonetic && sv_eq(name, SV("t"));
}

static void texts_end(void *arg, struct sv name)
{
	struct book *b = arg;

	b->in_text = false;
	if (sv_eq(name, SV("rPh")))
		b->phonetic = false;
	if (!sv_eq(name, SV("si")))
		return;
	if (b->ntexts == b->texts_size) {
		b->texts_size = b->texts_size ? b->texts_size * 2 : 1024;
		b->ends = realloc(b->ends, b->texts_size * sizeof(*b->ends));
		if (!b->ends)
			abort();
	}
	b->ends[b->ntexts++] = b->texts.n;
	/* As much memory for where a text ends as for a short one. */
	if ((int64_t)(b->texts.n + b->ntexts * sizeof(*b->ends)) > b->zip.limits->texts)
		unzip_fault(&b->zip, ST_TOO_LARGE, N_("The texts of the file are too large"));
}

static void texts_text(void *arg, struct sv text)
{
	struct book *b = arg;

	if (!b->in_text)
		return;
	buf_add(&b->texts, text);
	if (b->texts.n - b->text_at > SHEET_TEXT_MAX * 4 ||
	    (int64_t)b->texts.n > b->zip.limits->texts)
		unzip_fault(&b->zip, ST_TOO_LARGE, N_("A cell holds more than a cell can"));
}

static const struct xml_handlers texts_handlers = { texts_start, texts_end, texts_text };

struct sv book_text(struct book *b, size_t i)
{
	size_t from;

	if (!b->texts_part && b->texts_path && !b->ntexts)
		b->texts_part = xml_open(&b->zip, b->texts_path, &texts_handlers, b);
	while (i >= b->ntexts && b->texts_part && xml_step(b->texts_part))
		;
	if (i >= b->ntexts)
		return SV_NONE;
	from = i ? b->ends[i - 1] : 0;
	return sv_make(b->texts.p ? b->texts.p + from : "", b->ends[i] - from);
}

static void book_free(void *arg)
{
	struct book *b = arg;

	buf_release(&b->texts);
	free(b->ends);
}

/* ---- opening ----------------------------------------------------------------- */

bool book_open(struct book *b, int fd, struct arena *a, const struct sheet_limits *limits,
	       struct sv name)
{
	struct stat st;
	struct xml_part *x;
	size_t i = 0;

	*b = (struct book){ .zip = { .arena = a, .limits = limits, .fd = fd } };
	arena_cleanup(a, book_free, b);
	if (fstat(fd, &st)) {
		unzip_fault(&b->zip, ST_BAD_INPUT, N_("This is not an XLSX file"));
		return false;
	}
	b->zip.packed = st.st_size;
	x = xml_open(&b->zip, "xl/workbook.xml", &workbook_handlers, b);
	if (!x)
		unzip_fault(&b->zip, ST_BAD_INPUT, N_("This is not an XLSX file"));
	xml_read(x);
	while (i < b->nsheets && name.n && !sv_eq(b->names[i], name))
		i++;
	if (i >= b->nsheets) {
		unzip_fault(&b->zip, ST_NOT_FOUND, N_("The file has no such sheet"));
		return false;
	}
	b->wanted = b->ids[i];
	xml_read(xml_open(&b->zip, "xl/_rels/workbook.xml.rels", &relation_handlers, b));
	if (b->styles_path)
		xml_read(xml_open(&b->zip, b->styles_path, &style_handlers, b));
	if (!b->sheet_path)
		unzip_fault(&b->zip, ST_NOT_FOUND, N_("The file has no such sheet"));
	return !b->zip.bad;
}
