#include "sheet/sheet.h"
#include "sheet/internal.h"
#include "t/unit/tap.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct arena *a;

static int file_new(void)
{
	return memfd_create("sheet", 0);
}

/* All rows as 1[a|b]2[c]; or what is wrong, in words. */
static struct sv shown_of(int fd, const struct sheet_limits *limits, struct sv name)
{
	struct buf *out = buf_in_arena(a);
	struct err e = { 0 };
	struct sheet_row row;
	struct sheet_reader *r = sheet_open(fd, a, limits, name, &e);

	while (r && sheet_next(r, &row)) {
		buf_addf(out, "%zu[", row.line);
		for (size_t i = 0; i < row.n; i++) {
			if (i)
				buf_addc(out, '|');
			buf_add(out, row.v[i]);
		}
		buf_addc(out, ']');
	}
	if (!r || sheet_fault(r, &e)) {
		buf_addf(out, "%s%d: ", out->n ? " " : "", status_http(e.status));
		buf_add(out, err_message(&e));
	}
	return buf_sv(out);
}

static struct sv shown(int fd)
{
	return shown_of(fd, &sheet_limits_usual, SV_NONE);
}

/* ---- what we write ------------------------------------------------------------ */

static void check_round(void)
{
	int fd = file_new();
	struct sheet_writer *w = sheet_writer_new(a, sheet_put_fd, &fd);

	sheet_begin(w, SV("Deals: all [of/them]?"), true);
	sheet_column(w, SV("Name"), 24);
	sheet_column(w, SV("Value"), 12);
	sheet_row(w);
	sheet_text(w, SV("=HYPERLINK(\"http://x\")<b>&'"));
	sheet_number(w, SV("1250.50"));
	sheet_date(w, SV("2026-11-30"));
	sheet_time(w, SV("2026-11-30 13:45:07.5+00"));
	sheet_row(w);
	sheet_blank(w);
	sheet_number(w, SV("+49 151"));
	sheet_date(w, SV("yesterday"));
	sheet_number(w, SV("12345678901234567890"));
	sheet_row(w);
	sheet_text(w, SV("bell\x07 two\nlines _x0041_ \xef\xbf\xbf" "end"));
	sheet_text(w, SV("not \xff UTF-8"));
	sheet_begin(w, SV("Second"), false);
	sheet_row(w);
	sheet_text(w, SV("\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7"));
	ok(sheet_end(w), "CON-65 a workbook is written");
	is_sv(shown(fd),
	      SV("1[Name|Value]2[=HYPERLINK(\"http://x\")<b>&'|1250.50|2026-11-30|2026-11-30 13:45:07]"
		 "3[|+49 151|yesterday|12345678901234567890]4[bell\x07 two\nlines _x0041_ end]"),
	      "and read back: texts, formulas as text, numbers, dates, what is none of them as text");
	is_sv(shown_of(fd, &sheet_limits_usual, SV("Second")),
	      SV("1[\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7]"), "a sheet by its name");
	is_sv(shown_of(fd, &sheet_limits_usual, SV("Deals  all  of them  ")),
	      SV("1[Name|Value]2[=HYPERLINK(\"http://x\")<b>&'|1250.50|2026-11-30|2026-11-30 13:45:07]"
		 "3[|+49 151|yesterday|12345678901234567890]4[bell\x07 two\nlines _x0041_ end]"),
	      "whose name has nothing that a name may not have");
	is_sv(shown_of(fd, &sheet_limits_usual, SV("Third")), SV("404: The file has no such sheet"),
	      "another one is not there");
	close(fd);
}

static bool refuse(void *arg, struct sv bytes)
{
	size_t *room = arg;

	if (bytes.n > *room)
		return false;
	*room -= bytes.n;
	return true;
}

static void check_receiver(void)
{
	size_t room = 700;
	struct sheet_writer *w = sheet_writer_new(a, refuse, &room);

	sheet_begin(w, SV("X"), false);
	sheet_row(w);
	ok(!sheet_end(w), "a receiver that gives up ends it");
	ok(!sheet_good(w), "and it is known");
}

static void check_long(void)
{
	int fd = file_new();
	struct sheet_writer *w = sheet_writer_new(a, sheet_put_fd, &fd);
	struct err e = { 0 };
	struct sheet_reader *r;
	struct sheet_row row;
	size_t n = 0, right = 0, used;

	sheet_begin(w, SV("Long"), false);
	used = arena_used(a);
	for (int i = 1; i <= 20000; i++) {
		char text[16];

		sheet_row(w);
		snprintf(text, sizeof(text), "%d", i);
		sheet_number(w, sv_from(text));
		sheet_text(w, SV("some text that is long enough to cross the pieces in which it is read"));
	}
	ok(sheet_end(w), "a long sheet is written");
	is_int(arena_used(a) - used < 4096, 1, "with nothing kept of its rows");
	r = sheet_open(fd, a, &sheet_limits_usual, SV_NONE, &e);
	used = arena_used(a);
	while (r && sheet_next(r, &row)) {
		int64_t v = 0;

		n++;
		right += row.n == 2 && sv_to_i64(row.v[0], &v) && v == (int64_t)row.line &&
			 row.v[1].n == 69;
	}
	is_int(n, 20000, "and read, every row of it");
	is_int(right, 20000, "with its values");
	is_int(arena_used(a) - used < 4096, 1, "with nothing kept");
	close(fd);
}

/* ---- what others write ------------------------------------------------------------ */

struct part {
	const char *path;
	struct sv text;
};

static int book_of(struct part sheet, struct part other)
{
	const struct part parts[] = {
		sheet,
		other,
		{ "xl/workbook.xml",
		  SV("<?xml version=\"1.0\"?><workbook xmlns=\"m\" xmlns:r=\"r\"><workbookPr/><sheets>"
		     "<sheet name=\"H\" state=\"hidden\" r:id=\"rId9\"/><sheet name=\"A\" r:id=\"rId1\"/></sheets></workbook>") },
		{ "xl/_rels/workbook.xml.rels",
		  SV("<Relationships xmlns=\"p\"><Relationship Id=\"rId1\" Type=\"x/worksheet\" Target=\"/xl/worksheets/sheet1.xml\"/>"
		     "<Relationship Id=\"rId2\" Type=\"x/sharedStrings\" Target=\"sharedStrings.xml\"/>"
		     "<Relationship Id=\"rId3\" Type=\"x/styles\" Target=\"styles.xml\"/></Relationships>") },
		{ "xl/styles.xml",
		  SV("<styleSheet xmlns=\"m\"><numFmts><numFmt numFmtId=\"170\" formatCode=\"dd/mm/yyyy\"/>"
		     "<numFmt numFmtId=\"171\" formatCode=\"[Red]0.00&quot; days&quot;\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>"
		     "<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"170\"/><xf numFmtId=\"171\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>") },
	};
	struct archive *zip = archive_write_new();
	int fd = file_new();

	archive_write_set_format_zip(zip);
	archive_write_open_fd(zip, fd);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct archive_entry *entry = archive_entry_new();

		archive_entry_set_pathname(entry, parts[i].path);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_size(entry, (int64_t)parts[i].text.n);
		archive_write_header(zip, entry);
		archive_write_data(zip, parts[i].text.p, parts[i].text.n);
		archive_entry_free(entry);
	}
	archive_write_free(zip);
	return fd;
}

static struct sv sheet_shown(struct sv rows, const struct sheet_limits *limits)
{
	char *text = arena_printf(a, "<worksheet xmlns=\"m\"><sheetData>%.*s</sheetData></worksheet>", SV_ARG(rows));
	int fd = book_of((struct part){ "xl/worksheets/sheet1.xml", sv_from(text) },
			 (struct part){ "xl/sharedStrings.xml",
					SV("<sst xmlns=\"m\"><si><t>first</t></si><si><r><t>ri</t></r><r><t>ch</t></r><rPh><t>no</t></rPh></si>"
					   "<si><t>a_x000D_b</t></si></sst>") });
	struct sv out = shown_of(fd, limits, SV_NONE);

	close(fd);
	return out;
}

static void check_read(void)
{
	const struct sheet_limits *usual = &sheet_limits_usual;
	struct sheet_limits few = *usual;

	is_sv(sheet_shown(SV("<row r=\"3\"><c r=\"B3\" t=\"s\"><v>1</v></c><c r=\"D3\" t=\"s\"><v>0</v></c></row>"
			     "<row r=\"7\"><c><v>1</v></c><c t=\"s\"><v>2</v></c><c t=\"s\"><v>99</v></c></row><row/>"), usual),
	      SV("3[|rich||first]7[1|a\rb|]"), "shared texts, gaps, rich text without its reading aid");
	is_sv(sheet_shown(SV("<row><c s=\"1\"><v>46356</v></c><c s=\"3\"><v>46356.5</v></c><c s=\"2\"><v>46356</v></c>"
			     "<c s=\"3\"><v>0.25</v></c></row>"), usual),
	      SV("1[2026-11-30|2026-11-30 12:00:00|46356|06:00:00]"), "dates and times by their style");
	is_sv(sheet_shown(SV("<row><c><v>0.10000000000000001</v></c><c><v>4.9151123456780005E+11</v></c><c t=\"b\"><v>1</v></c>"
			     "<c t=\"e\"><v>#N/A</v></c><c t=\"str\"><f>A1&amp;\"x\"</f><v>cached</v></c></row>"), usual),
	      SV("1[0.1|491511234567.8|TRUE||cached]"), "numbers as they are shown, truth, errors, results of formulas");
	few.columns = 3;
	few.rows = 5;
	is_sv(sheet_shown(SV("<row><c r=\"D1\"><v>1</v></c></row>"), &few),
	      SV("413: The sheet has too many columns"), "columns have a limit");
	is_sv(sheet_shown(SV("<row r=\"6\"><c><v>1</v></c></row>"), &few),
	      SV("413: The sheet has too many rows"), "so have rows");
	is_sv(sheet_shown(SV("<row><c><v>1</row>"), usual),
	      SV("400: The file is damaged: a part of it is not well-formed XML"), "XML that is none");
}

static void check_hostile(void)
{
	struct sheet_limits tight = sheet_limits_usual;
	char *zeros = arena_alloc(a, 20 << 20);
	int fd;

	fd = book_of((struct part){ "xl/worksheets/sheet1.xml",
				    SV("<!DOCTYPE w [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
				       "<worksheet><sheetData><row><c t=\"str\"><v>&b;</v></c></row></sheetData></worksheet>") },
		     (struct part){ "x", SV("") });
	is_sv(shown(fd), SV("400: The file has parts that no spreadsheet has (a document type)"),
	      "entities that grow are not read");
	close(fd);
	memset(zeros, ' ', 20 << 20);
	memcpy(zeros, "<w>", 3);
	fd = book_of((struct part){ "xl/worksheets/sheet1.xml", sv_make(zeros, 20 << 20) },
		     (struct part){ "x", SV("") });
	is_sv(shown(fd), SV("413: The file unpacks to far more than any spreadsheet does"),
	      "a bomb is recognised by its ratio");
	tight.unpacked = 1 << 20;
	is_sv(shown_of(fd, &tight, SV_NONE), SV("413: The file is too large once it is unpacked"),
	      "and by its size");
	close(fd);
	fd = file_new();
	is_int(write(fd, "\x89PNG\r\n\x1a\n and so on", 18), 18, "a picture is written");
	is_sv(shown(fd), SV("400: This is not an XLSX file"), "a picture is no workbook");
	close(fd);
	fd = file_new();
	is_sv(shown(fd), SV("400: This is not an XLSX file"), "nothing is no workbook");
	close(fd);
}

static void check_dates(void)
{
	char out[40];
	double d;

	ok(sheet_serial(SV("1900-03-01"), false, &d) && d == 61, "the first date that is counted right");
	ok(!sheet_serial(SV("1900-02-28"), false, &d), "the ones before are text");
	ok(sheet_serial(SV("2000-02-29"), false, &d) && d == 36585, "a leap day");
	is_sv(sv_make(out, sheet_serial_text(36585, false, out, sizeof(out))), SV("2000-02-29"), "and back");
	is_sv(sv_make(out, sheet_serial_text(0, true, out, sizeof(out))), SV("1904-01-01"), "the other epoch");
	is_sv(sv_make(out, sheet_serial_text(1, false, out, sizeof(out))), SV("1900-01-01"), "the first day of all");
	is_int(sheet_serial_text(3e6, false, out, sizeof(out)), 0, "no date");
}

int main(void)
{
	a = arena_new();
	check_round();
	check_receiver();
	check_long();
	check_read();
	check_hostile();
	check_dates();
	arena_free(a);
	return tap_done();
}
