/* imports: the pages /imports, in three files under pages/. */
#ifndef APP_IMPORTS_H
#define APP_IMPORTS_H

#include "crm/import.h"
#include "crm/table_file.h"
#include "fcgi/app/crm.h"

/* ---- import_map.c ----------------------------------------------------- */

/* The page of a draft: its columns, what they could be, its first rows. */
enum status import_mapping(struct http_request *rq, struct http_response *rs, struct sv id,
			   struct err *e) WARN_UNUSED;
/* What the first line says, as a JSON array; ST_BAD_INPUT when the file has no
 * rows, too many columns, or a quote that is never closed at its beginning. */
enum status import_headers(struct arena *a, struct sv text, struct sv *json, struct err *e) WARN_UNUSED;

#endif
