/*
 * openapi: the description of the interface. Private to rest/.
 */
#ifndef REST_OPENAPI_H
#define REST_OPENAPI_H

#include "db/db.h"
#include "rest/schema.h"

/* What was asked of the database, as statements. */
struct openapi {
	struct sv schema;
	int title, columns, functions;
	bool versions; /* ETag and If-Match count; openapi_ask leaves it out */
};

/* Ask for a schema's relations and functions: those that the caller may use,
 * or all. */
struct openapi openapi_ask(struct db_batch *b, struct sv schema, bool all);
/* Write the document; url is where the interface is. */
void openapi_write(const struct openapi *o, const struct db_batch *b,
		   const struct rest_schema *schema, struct sv url, bool security, struct buf *out);

#endif
