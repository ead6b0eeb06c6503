/* book: what is around the sheet of a workbook that is read. */
#ifndef SHEET_BOOK_H
#define SHEET_BOOK_H

#include "sheet/unzip.h"

struct book {
	struct unzip zip;
	/* the sheets that can be seen, and the ids of their relations */
	struct sv *names, *ids;
	size_t nsheets, names_size, ids_size;
	bool epoch_1904;
	struct sv wanted; /* relation of the sheet that is read */
	const char *sheet_path, *texts_path, *styles_path;
	/* formats of dates; whether a style is one */
	long *formats;
	size_t nformats, formats_size;
	bool *dates;
	size_t nstyles, dates_size;
	bool in_styles;
	/* shared texts, read as far as they were needed */
	struct xml_part *texts_part;
	struct buf texts;
	size_t *ends;
	size_t ntexts, texts_size, text_at;
	bool in_text, phonetic;
};

/* False: b->zip says what is wrong. */
bool book_open(struct book *b, int fd, struct arena *a, const struct sheet_limits *limits,
	       struct sv name);
/* The shared text of that number; valid until the next one is asked for. */
struct sv book_text(struct book *b, size_t i);
/* Room for one more element behind n. */
void *grown(struct arena *a, void *v, size_t n, size_t *size, size_t each);

#endif
