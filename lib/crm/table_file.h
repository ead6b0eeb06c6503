/*
 * table_file: a table that people upload, CSV in any usual encoding or XLSX, as
 * one form: UTF-8 text with separators, in the store of files.
 *
 * The original is stored too, so that it can be read again in another encoding.
 * What is no table (a picture, a damaged workbook, binary data) is refused in
 * words, before anything is made of it.
 */
#ifndef CRM_TABLE_FILE_H
#define CRM_TABLE_FILE_H

#include "base/err.h"

struct table_file {
	const char *type;     /* "csv" or "xlsx" */
	const char *encoding; /* of table_encodings; NULL for xlsx */
	struct sv file_sha256, text_sha256;
	int64_t file_size, text_size;
};

/* Names of encodings, of which "utf-8" is the first; ends with NULL. */
extern const char *const table_encodings[];

/* Judge, convert and store. An encoding that is not among ours, or empty, is
 * found out. ST_BAD_INPUT when it is no table. */
enum status table_file_store(struct table_file *t, struct sv organization_id, struct sv data,
			     struct sv encoding, struct arena *a, struct err *e) WARN_UNUSED;
/* The text of a stored file, mapped: it costs no memory of its own and is valid
 * as long as the arena. */
enum status table_file_map(struct sv organization_id, struct sv sha256, struct arena *a,
			   struct sv *text, struct err *e) WARN_UNUSED;

/* Exposed for tests: which encoding a text is likely in. */
const char *table_guess_encoding(struct sv text);

#endif
