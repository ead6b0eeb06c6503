/*
 * Fuzzer for spreadsheets that are read. Few inputs that a fuzzer makes are a
 * zip, so it makes parts instead: the first byte chooses which part of a
 * workbook the rest is, and the workbook around it is sound. An input that
 * begins with PK is a whole file.
 */
#include "sheet/sheet.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *path, *text;
} parts[] = {
	{ "xl/worksheets/sheet1.xml",
	  "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c s=\"0\"><v>46356.5</v></c>"
	  "<c t=\"inlineStr\"><is><t>x</t></is></c></row></sheetData></worksheet>" },
	{ "xl/sharedStrings.xml", "<sst><si><t>shared</t></si></sst>" },
	{ "xl/styles.xml", "<styleSheet><cellXfs><xf numFmtId=\"14\"/></cellXfs></styleSheet>" },
	{ "xl/workbook.xml",
	  "<workbook xmlns:r=\"r\"><sheets><sheet name=\"A\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>" },
	{ "xl/_rels/workbook.xml.rels",
	  "<Relationships><Relationship Id=\"rId1\" Type=\"x/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
	  "<Relationship Id=\"rId2\" Type=\"x/sharedStrings\" Target=\"sharedStrings.xml\"/>"
	  "<Relationship Id=\"rId3\" Type=\"x/styles\" Target=\"styles.xml\"/></Relationships>" },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void add(struct archive *zip, const char *path, const void *text, size_t n)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_size(entry, (int64_t)n);
	archive_write_header(zip, entry);
	archive_write_data(zip, text, n);
	archive_entry_free(entry);
}

static void workbook(int fd, const uint8_t *data, size_t size)
{
	struct archive *zip = archive_write_new();

	archive_write_set_format_zip(zip);
	archive_write_set_options(zip, "zip:compression=store");
	archive_write_open_fd(zip, fd);
	for (size_t i = 0; i < PARTS; i++) {
		if (data[0] % PARTS == i)
			add(zip, parts[i].path, data + 1, size - 1);
		else
			add(zip, parts[i].path, parts[i].text, strlen(parts[i].text));
	}
	archive_write_free(zip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *a;
	struct sheet_reader *r;
	struct sheet_row row;
	struct err e = { 0 };
	int fd = memfd_create("sheet", 0);

	if (!a)
		a = arena_new();
	if (size > 1 && data[0] == 'P' && data[1] == 'K') {
		if (write(fd, data, size) < 0)
			abort();
	} else if (size) {
		workbook(fd, data, size);
	}
	r = sheet_open(fd, a, &sheet_limits_usual, SV_NONE, &e);
	while (r && sheet_next(r, &row))
		for (size_t i = 0; i < row.n; i++)
			if (!sv_is_text(row.v[i]) && row.v[i].n)
				abort();
	close(fd);
	arena_reset(a);
	return 0;
}
