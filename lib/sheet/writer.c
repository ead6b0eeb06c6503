/*
 * Writing: each sheet is one entry of the zip whose length is told behind it,
 * so that nothing has to be kept. Texts stand in their cells (inlineStr) and
 * not in a shared table, for the same reason.
 *
 * Entries come in this order: content types, relations, styles, the sheets,
 * and last the workbook, which has to know how many sheets there were. That
 * the content types may stand first, sheets are the default of "xml" there.
 */
#include "sheet/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536
#define NAME_CHARS 31
#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define MAIN_NS "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define REL_NS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE_NS "http://schemas.openxmlformats.org/package/2006/"
#define TYPE_NS "application/vnd.openxmlformats-officedocument.spreadsheetml."

/* Indexes of cellXfs in the styles. */
enum style { STYLE_PLAIN, STYLE_HEAD, STYLE_DATE, STYLE_TIME };

struct sheet_writer {
	struct arena *arena;
	struct archive *zip;
	sheet_put *put;
	void *arg;
	bool bad;
	struct buf xml;    /* of the entry being written, what was not given to zip yet */
	struct buf sheets; /* <sheet> elements of the workbook */
	struct buf links;  /* their relations */
	int nsheets;
	/* of the sheet being written */
	struct buf cols, head; /* <col> elements; cells of the first row */
	struct buf name;
	bool rtl, open, in_row;
	int part;  /* 1, 2 ... when rows went over into further sheets */
	int ncols; /* columns with a head */
	int64_t rows;
};

/* ---- the zip --------------------------------------------------------- */

static la_ssize_t zip_out(struct archive *zip, void *arg, const void *data, size_t n)
{
	struct sheet_writer *w = arg;

	(void)zip;
	if (!w->bad && !w->put(w->arg, sv_make(data, n)))
		w->bad = true;
	return w->bad ? -1 : (la_ssize_t)n;
}

static void entry_begin(struct sheet_writer *w, const char *path)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, time(NULL), 0);
	if (!w->bad && archive_write_header(w->zip, entry) != ARCHIVE_OK)
		w->bad = true;
	archive_entry_free(entry);
	buf_lit(&w->xml, HEAD);
}

static void flush(struct sheet_writer *w)
{
	if (!w->bad && w->xml.n &&
	    archive_write_data(w->zip, w->xml.p, w->xml.n) != (la_ssize_t)w->xml.n)
		w->bad = true;
	buf_clear(&w->xml);
}

static void entry_end(struct sheet_writer *w)
{
	flush(w);
	if (!w->bad && archive_write_finish_entry(w->zip) != ARCHIVE_OK)
		w->bad = true;
}

static void part(struct sheet_writer *w, const char *path, struct sv xml)
{
	entry_begin(w, path);
	buf_add(&w->xml, xml);
	entry_end(w);
}

static void writer_free(void *arg)
{
	struct sheet_writer *w = arg;

	if (w->zip) {
		w->bad = true; /* what is still inside goes nowhere */
		archive_write_free(w->zip);
	}
	buf_release(&w->xml);
	buf_release(&w->sheets);
	buf_release(&w->links);
	buf_release(&w->cols);
	buf_release(&w->head);
	buf_release(&w->name);
}

static void fixed_parts(struct sheet_writer *w)
{
	part(w, "[Content_Types].xml",
	     SV("<Types xmlns=\"" PACKAGE_NS "content-types\">"
		"<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
		"<Default Extension=\"xml\" ContentType=\"" TYPE_NS "worksheet+xml\"/>"
		"<Override PartName=\"/xl/workbook.xml\" ContentType=\"" TYPE_NS "sheet.main+xml\"/>"
		"<Override PartName=\"/xl/styles.xml\" ContentType=\"" TYPE_NS "styles+xml\"/></Types>"));
	part(w, "_rels/.rels",
	     SV("<Relationships xmlns=\"" PACKAGE_NS "relationships\"><Relationship Id=\"rId1\" Type=\"" REL_NS
		"/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"));
	part(w, "xl/styles.xml",
	     SV("<styleSheet xmlns=\"" MAIN_NS "\"><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>"
		"<font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"
		"<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
		"<fill><patternFill patternType=\"gray125\"/></fill></fills>"
		"<borders count=\"1\"><border/></borders>"
		"<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>"
		"<cellXfs count=\"4\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
		"<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/>"
		"<xf numFmtId=\"14\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>"
		"<xf numFmtId=\"22\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>"
		"</cellXfs></styleSheet>"));
}

struct sheet_writer *sheet_writer_new(struct arena *a, sheet_put *put, void *arg)
{
	struct sheet_writer *w = ARENA_NEW(a, struct sheet_writer);

	*w = (struct sheet_writer){ .arena = a, .put = put, .arg = arg };
	w->zip = archive_write_new();
	arena_cleanup(a, writer_free, w);
	if (!w->zip || archive_write_set_format_zip(w->zip) != ARCHIVE_OK ||
	    archive_write_set_options(w->zip, "zip:compression=deflate,zip:compression-level=4,zip:!zip64") !=
		    ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(w->zip, 0) != ARCHIVE_OK ||
	    archive_write_open(w->zip, w, NULL, zip_out, NULL) != ARCHIVE_OK)
		w->bad = true;
	fixed_parts(w);
	return w;
}

bool sheet_put_fd(void *fd, struct sv bytes)
{
	while (bytes.n) {
		ssize_t n = write(*(int *)fd, bytes.p, bytes.n);

		if (n <= 0)
			return false;
		bytes = sv_skip(bytes, (size_t)n);
	}
	return true;
}

bool sheet_good(const struct sheet_writer *w)
{
	return !w->bad;
}

/* ---- text ------------------------------------------------------------ */

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* "_x0041_" means a letter by its number; a text that looks so is escaped. */
static bool looks_escaped(struct sv s, size_t i)
{
	return i + 7 <= s.n && s.p[i] == '_' && s.p[i + 1] == 'x' && is_hex(s.p[i + 2]) &&
	       is_hex(s.p[i + 3]) && is_hex(s.p[i + 4]) && is_hex(s.p[i + 5]) && s.p[i + 6] == '_';
}

/* Bytes of the first SHEET_TEXT_MAX UTF-16 units, which is how they count. */
static size_t fits(struct sv s, size_t most)
{
	size_t units = 0, i = 0;

	while (i < s.n) {
		unsigned char c = (unsigned char)s.p[i];
		size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		units += bytes == 4 ? 2 : 1;
		if (units > most)
			break;
		i += bytes;
	}
	return i < s.n ? i : s.n;
}

static void xml_text(struct buf *out, struct sv s, size_t most)
{
	size_t end = fits(s, most), begin = 0;

	for (size_t i = 0; i < end; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool control = c < 0x20 && c != '\t' && c != '\n';
		/* U+FFFE and U+FFFF are no XML either */
		bool none = c == 0xef && i + 2 < end && (unsigned char)s.p[i + 1] == 0xbf &&
			    (unsigned char)s.p[i + 2] >= 0xbe;

		if (!control && !none && c != '&' && c != '<' && c != '>' && c != '"' &&
		    !(c == '_' && looks_escaped(s, i)))
			continue;
		buf_add(out, sv_make(s.p + begin, i - begin));
		begin = i + (none ? 3 : 1);
		if (control)
			buf_addf(out, "_x%04X_", c);
		else if (c == '_')
			buf_lit(out, "_x005F_");
		else if (!none)
			buf_html(out, sv_make(s.p + i, 1));
		i = begin - 1;
	}
	if (begin < end)
		buf_add(out, sv_make(s.p + begin, end - begin));
}

/* A cell of text; nothing valid can come of what is not UTF-8. */
static void text_cell(struct buf *out, struct sv text, enum style style)
{
	if (!text.n || !sv_is_text(text)) {
		buf_lit(out, "<c/>");
		return;
	}
	buf_lit(out, "<c t=\"inlineStr\"");
	if (style)
		buf_addf(out, " s=\"%d\"", style);
	buf_lit(out, "><is><t xml:space=\"preserve\">");
	xml_text(out, text, SHEET_TEXT_MAX);
	buf_lit(out, "</t></is></c>");
}

/* ---- sheets ---------------------------------------------------------- */

/* What may stand in a sheet's name, and the number of its part. */
static void add_name(struct sheet_writer *w, struct buf *out)
{
	char *name = arena_dup(w->arena, buf_sv(&w->name));
	char number[16] = "";
	size_t most = NAME_CHARS;

	for (char *p = name; *p; p++)
		if (strchr("[]:*?/\\'", *p) || (unsigned char)*p < 0x20)
			*p = ' ';
	if (w->part > 1)
		most -= (size_t)snprintf(number, sizeof(number), " %d", w->part);
	xml_text(out, sv_from(name), most);
	buf_add(out, sv_from(number));
}

static void sheet_head(struct sheet_writer *w)
{
	char path[64];

	w->nsheets++;
	w->rows = 0;
	w->open = true;
	snprintf(path, sizeof(path), "xl/worksheets/sheet%d.xml", w->nsheets);
	buf_addf(&w->links, "<Relationship Id=\"rId%d\" Type=\"" REL_NS "/worksheet\" Target=\"worksheets/sheet%d.xml\"/>",
		 w->nsheets, w->nsheets);
	buf_lit(&w->sheets, "<sheet name=\"");
	add_name(w, &w->sheets);
	buf_addf(&w->sheets, "\" sheetId=\"%d\" r:id=\"rId%d\"/>", w->nsheets, w->nsheets);
	entry_begin(w, path);
	buf_lit(&w->xml, "<worksheet xmlns=\"" MAIN_NS "\"><sheetViews><sheetView workbookViewId=\"0\"");
	if (w->rtl)
		buf_lit(&w->xml, " rightToLeft=\"1\"");
	buf_lit(&w->xml, ">");
	if (w->ncols)
		buf_lit(&w->xml, "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>");
	buf_lit(&w->xml, "</sheetView></sheetViews>");
	if (w->ncols) {
		buf_lit(&w->xml, "<cols>");
		buf_add(&w->xml, buf_sv(&w->cols));
		buf_lit(&w->xml, "</cols>");
	}
	buf_lit(&w->xml, "<sheetData>");
	if (w->ncols) {
		buf_lit(&w->xml, "<row>");
		buf_add(&w->xml, buf_sv(&w->head));
		buf_lit(&w->xml, "</row>");
		w->rows = 1;
	}
}

static void sheet_foot(struct sheet_writer *w)
{
	if (w->in_row)
		buf_lit(&w->xml, "</row>");
	buf_lit(&w->xml, "</sheetData></worksheet>");
	entry_end(w);
	w->in_row = w->open = false;
}

/* A sheet that was begun and has no row is there all the same. */
static void sheet_finish(struct sheet_writer *w)
{
	if (!w->part)
		return;
	if (!w->open)
		sheet_head(w);
	sheet_foot(w);
	w->part = 0;
}

void sheet_begin(struct sheet_writer *w, struct sv name, bool rtl)
{
	sheet_finish(w);
	buf_clear(&w->cols);
	buf_clear(&w->head);
	buf_clear(&w->name);
	buf_add(&w->name, sv_is_text(name) && name.n ? name : SV("Sheet"));
	w->rtl = rtl;
	w->ncols = 0;
	w->part = 1;
}

void sheet_column(struct sheet_writer *w, struct sv head, int width)
{
	w->ncols++;
	buf_addf(&w->cols, "<col min=\"%d\" max=\"%d\" width=\"%d\" customWidth=\"1\"/>", w->ncols, w->ncols,
		 width < 4 ? 4 : width > 120 ? 120 : width);
	text_cell(&w->head, head, STYLE_HEAD);
}

void sheet_row(struct sheet_writer *w)
{
	if (w->open && w->rows >= SHEET_ROWS_MAX) {
		sheet_foot(w);
		w->part++;
	}
	if (!w->open)
		sheet_head(w);
	if (w->in_row)
		buf_lit(&w->xml, "</row>");
	if (w->xml.n >= PIECE)
		flush(w);
	buf_lit(&w->xml, "<row>");
	w->in_row = true;
	w->rows++;
}

void sheet_text(struct sheet_writer *w, struct sv text)
{
	text_cell(&w->xml, text, STYLE_PLAIN);
}

void sheet_blank(struct sheet_writer *w)
{
	buf_lit(&w->xml, "<c/>");
}

/* At most 15 digits: what a spreadsheet keeps exactly. */
static bool is_number(struct sv s)
{
	size_t i = s.n && s.p[0] == '-', digits = 0, points = 0;

	for (; i < s.n; i++) {
		digits += s.p[i] >= '0' && s.p[i] <= '9';
		points += s.p[i] == '.';
		if (s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	}
	return digits && digits <= 15 && points <= 1;
}

void sheet_number(struct sheet_writer *w, struct sv number)
{
	if (!is_number(number)) {
		sheet_text(w, number);
		return;
	}
	buf_lit(&w->xml, "<c><v>");
	buf_add(&w->xml, number);
	buf_lit(&w->xml, "</v></c>");
}

static void add_serial(struct sheet_writer *w, struct sv text, bool with_time)
{
	double serial;

	if (!sheet_serial(text, with_time, &serial))
		sheet_text(w, text);
	else if (with_time)
		buf_addf(&w->xml, "<c s=\"%d\"><v>%.9f</v></c>", STYLE_TIME, serial);
	else
		buf_addf(&w->xml, "<c s=\"%d\"><v>%.0f</v></c>", STYLE_DATE, serial);
}

void sheet_date(struct sheet_writer *w, struct sv date)
{
	add_serial(w, date, false);
}

void sheet_time(struct sheet_writer *w, struct sv time)
{
	add_serial(w, time, true);
}

bool sheet_end(struct sheet_writer *w)
{
	sheet_finish(w);
	if (!w->nsheets) {
		sheet_begin(w, SV("Sheet"), false);
		sheet_finish(w);
	}
	entry_begin(w, "xl/_rels/workbook.xml.rels");
	buf_lit(&w->xml, "<Relationships xmlns=\"" PACKAGE_NS "relationships\">");
	buf_add(&w->xml, buf_sv(&w->links));
	buf_addf(&w->xml, "<Relationship Id=\"rId%d\" Type=\"" REL_NS "/styles\" Target=\"styles.xml\"/></Relationships>",
		 w->nsheets + 1);
	entry_end(w);
	entry_begin(w, "xl/workbook.xml");
	buf_lit(&w->xml, "<workbook xmlns=\"" MAIN_NS "\" xmlns:r=\"" REL_NS "\"><sheets>");
	buf_add(&w->xml, buf_sv(&w->sheets));
	buf_lit(&w->xml, "</sheets></workbook>");
	entry_end(w);
	if (archive_write_close(w->zip) != ARCHIVE_OK)
		w->bad = true;
	archive_write_free(w->zip);
	w->zip = NULL;
	return !w->bad;
}
