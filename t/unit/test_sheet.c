#include "sheet/sheet.h"
#include "t/unit/tap.h"

static struct arena *a;

static bool take(void *arg, struct sv bytes)
{
	buf_add(arg, bytes);
	return true;
}

static void check_written(void)
{
	struct buf *file = buf_in_arena(a);
	struct sheet_writer *w = sheet_writer_new(a, take, file);

	sheet_begin(w, SV("Contacts"), false);
	sheet_column(w, SV("Name"), 24);
	sheet_row(w);
	sheet_text(w, SV("=1+1"));
	ok(sheet_end(w), "a workbook is written");
	ok(sv_starts(buf_sv(file), SV("PK\3\4")), "and is a zip");
}

int main(void)
{
	a = arena_new();
	check_written();
	arena_free(a);
	return tap_done();
}
