#include "crm/table_file.h"

#include "base/tr.h"
#include "crm/csv.h"
#include "file/file.h"
#include "sheet/sheet.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE 65536
#define LOOKED_AT (1 << 20) /* bytes of a text by which its encoding is guessed */

const char *const table_encodings[] = {
	"utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1256", NULL,
};

static const char *encoding_named(struct sv name)
{
	for (size_t i = 0; table_encodings[i]; i++)
		if (sv_ieq(name, sv_from(table_encodings[i])))
			return table_encodings[i];
	return NULL;
}

/* ---- guessing ------------------------------------------------------------ */

/* Text of Latin letters in UTF-16 has a zero in every second byte. */
static const char *wide(struct sv s)
{
	size_t even = 0, odd = 0;

	for (size_t i = 0; i + 1 < s.n && i < LOOKED_AT; i += 2) {
		even += !s.p[i];
		odd += !s.p[i + 1];
	}
	if (even + odd < s.n / 8 && even + odd < LOOKED_AT / 8)
		return NULL;
	return odd > 4 * even ? "utf-16le" : even > 4 * odd ? "utf-16be" : NULL;
}

/* Arabic words are runs of high bytes; in Western ones they stand alone. */
static const char *narrow(struct sv s)
{
	size_t runs = 0, high = 0;

	for (size_t i = 0; i < s.n && i < LOOKED_AT; i++) {
		bool is_high = (unsigned char)s.p[i] >= 0x80;

		high += is_high;
		runs += is_high && (!i || (unsigned char)s.p[i - 1] < 0x80);
	}
	return high >= 5 * runs / 2 && high ? "windows-1256" : "windows-1252";
}

const char *table_guess_encoding(struct sv s)
{
	const char *found;

	if (sv_starts(s, SV("\xff\xfe")))
		return "utf-16le";
	if (sv_starts(s, SV("\xfe\xff")))
		return "utf-16be";
	if (sv_is_text(s))
		return "utf-8";
	found = wide(s);
	return found ? found : narrow(s);
}

/* ---- text to UTF-8 ---------------------------------------------------------- */

/* One piece after the other; what means nothing in that encoding becomes U+FFFD. */
static enum status convert(struct file_writer *w, iconv_t cd, struct sv text, struct err *e)
{
	char out[PIECE];
	char *from = (char *)(uintptr_t)text.p;
	size_t left = text.n;

	while (left) {
		char *to = out;
		size_t room = sizeof(out);
		size_t done = iconv(cd, &from, &left, &to, &room);

		if (file_write(w, sv_make(out, sizeof(out) - room), e))
			return e->status;
		if (done != (size_t)-1 || errno == E2BIG)
			continue;
		if (file_write(w, SV("\xef\xbf\xbd"), e))
			return e->status;
		if (errno == EINVAL || left < 2)
			break;
		from++;
		left--;
	}
	return ST_OK;
}

static enum status store_text(struct table_file *t, struct sv org, struct sv data, struct arena *a,
			      struct err *e)
{
	struct file_writer *w;
	enum status s;
	iconv_t cd;

	if (!strcmp(t->encoding, "utf-8")) {
		t->text_sha256 = t->file_sha256;
		t->text_size = t->file_size;
		return ST_OK;
	}
	if (sv_starts(data, SV("\xff\xfe")) || sv_starts(data, SV("\xfe\xff")))
		data = sv_skip(data, 2);
	cd = iconv_open("UTF-8", t->encoding);
	if (cd == (iconv_t)-1)
		return err_set(e, a, ST_BAD_INPUT, "%s", tr("This encoding cannot be read here"));
	w = file_begin(org, a, e);
	s = w ? convert(w, cd, data, e) : e->status;
	iconv_close(cd);
	return s ? s : file_end(w, &t->text_sha256, &t->text_size, e);
}

/* ---- workbooks ----------------------------------------------------------------- */

/* A workbook has its texts as they are; reading CSV takes an apostrophe away. */
static void add_cell(struct buf *out, struct sv v)
{
	bool kept = v.n && v.p[0] == '\'' && csv_is_formula(v), plain = !kept;

	for (size_t i = 0; i < v.n && plain; i++)
		plain = v.p[i] != '"' && v.p[i] != ',' && v.p[i] != '\n' && v.p[i] != '\r';
	if (plain && v.n && v.p[0] != ' ') {
		buf_add(out, v);
		return;
	}
	buf_addc(out, '"');
	if (kept)
		buf_addc(out, '\'');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, v.p[i]);
	}
	buf_addc(out, '"');
}

static enum status write_rows(struct sheet_reader *r, struct file_writer *w, struct err *e)
{
	buf_auto struct buf out = BUF_INIT;
	struct sheet_row row;
	size_t line = 0;

	while (sheet_next(r, &row)) {
		while (++line < row.line)
			buf_addc(&out, '\n');
		for (size_t i = 0; i < row.n; i++) {
			if (i)
				buf_addc(&out, ',');
			add_cell(&out, row.v[i]);
		}
		buf_addc(&out, '\n');
		if (out.n < PIECE)
			continue;
		if (file_write(w, buf_sv(&out), e))
			return e->status;
		buf_clear(&out);
	}
	return sheet_fault(r, e) ? e->status : file_write(w, buf_sv(&out), e);
}

static enum status store_sheet(struct table_file *t, struct sv org, struct arena *a, struct err *e)
{
	int fd = file_open(org, t->file_sha256, a, e);
	struct sheet_reader *r;
	struct file_writer *w;
	enum status s;

	if (fd < 0)
		return e->status;
	r = sheet_open(fd, a, &sheet_limits_usual, SV_NONE, e);
	w = r ? file_begin(org, a, e) : NULL;
	s = w ? write_rows(r, w, e) : e->status;
	close(fd);
	return s ? s : file_end(w, &t->text_sha256, &t->text_size, e);
}

/* ---- judging ---------------------------------------------------------------------- */

static const struct {
	struct sv begins;
	const char *says;
} others[] = {
	{ { "\xd0\xcf\x11\xe0", 4 }, N_("This is an old Excel file or one with a password; save it as .xlsx without a password, or as CSV") },
	{ { "\x89PNG", 4 }, N_("This is a picture, not a table") },
	{ { "\xff\xd8\xff", 3 }, N_("This is a picture, not a table") },
	{ { "GIF8", 4 }, N_("This is a picture, not a table") },
	{ { "%PDF", 4 }, N_("This is a PDF, not a table") },
	{ { "\x1f\x8b", 2 }, N_("This file is compressed; unpack it first") },
};

static enum status judge(struct table_file *t, struct sv data, struct sv encoding, struct arena *a,
			 struct err *e)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (sv_starts(data, others[i].begins))
			return err_set(e, a, ST_BAD_INPUT, "%s", tr(others[i].says));
	if (!data.n)
		return err_set(e, a, ST_BAD_INPUT, "%s", tr("The file is empty"));
	if (sv_starts(data, SV("PK\3\4"))) {
		t->type = "xlsx";
		return ST_OK;
	}
	t->type = "csv";
	t->encoding = encoding_named(encoding);
	if (!t->encoding)
		t->encoding = table_guess_encoding(data);
	if (strncmp(t->encoding, "utf-16", 6) && memchr(data.p, '\0', data.n))
		return err_set(e, a, ST_BAD_INPUT, "%s",
			       tr("This is not a text file: it holds zero bytes; save the table as CSV or XLSX"));
	return ST_OK;
}

enum status table_file_store(struct table_file *t, struct sv org, struct sv data, struct sv encoding,
			     struct arena *a, struct err *e)
{
	struct file_writer *w;

	*t = (struct table_file){ .file_size = (int64_t)data.n };
	if (judge(t, data, encoding, a, e))
		return e->status;
	w = file_begin(org, a, e);
	if (!w)
		return e->status;
	for (size_t at = 0; at < data.n; at += PIECE) {
		size_t n = data.n - at < PIECE ? data.n - at : PIECE;

		if (file_write(w, sv_make(data.p + at, n), e))
			return e->status;
	}
	if (file_end(w, &t->file_sha256, &t->file_size, e))
		return e->status;
	return t->encoding ? store_text(t, org, data, a, e) : store_sheet(t, org, a, e);
}

/* ---- reading ------------------------------------------------------------------------ */

struct mapping {
	void *p;
	size_t n;
};

static void unmap(void *arg)
{
	struct mapping *m = arg;

	munmap(m->p, m->n);
}

enum status table_file_map(struct sv org, struct sv sha256, struct arena *a, struct sv *text,
			   struct err *e)
{
	int64_t size = file_size(org, sha256, a);
	int fd = file_open(org, sha256, a, e);
	struct mapping *m;

	if (fd < 0)
		return e->status;
	*text = SV("");
	if (size <= 0) {
		close(fd);
		return ST_OK;
	}
	m = ARENA_NEW(a, struct mapping);
	m->n = (size_t)size;
	m->p = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (m->p == MAP_FAILED)
		return err_set(e, a, ST_UNAVAILABLE, "%s", tr("The file cannot be read right now"));
	arena_cleanup(a, unmap, m);
	*text = sv_make(m->p, m->n);
	return ST_OK;
}
