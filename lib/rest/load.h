/*
 * load: the catalogue, from rows to the schema. Private to rest/.
 */
#ifndef REST_LOAD_H
#define REST_LOAD_H

#include "db/db.h"
#include "rest/schema.h"

/* Where in an answer reading has come to. */
struct rows {
	const struct db_batch *b;
	int stmt;
	size_t row;
};

static inline struct sv cell(const struct rows *r, size_t col)
{
	return db_get(r->b, r->stmt, r->row, col);
}

static inline bool flag(const struct rows *r, size_t col)
{
	return sv_eq(cell(r, col), SV("t"));
}

static inline int64_t number(const struct rows *r, size_t col)
{
	int64_t n = 0;

	return sv_to_i64(cell(r, col), &n) ? n : 0;
}

static inline char letter(const struct rows *r, size_t col)
{
	struct sv s = cell(r, col);

	return s.n ? s.p[0] : 0;
}

/* ---- keys.c: constraints, views over tables that have them, functions of a
 * row. Asked for in the same trip as the columns, read once these are in. */

struct load_keys {
	int constraints, views, computed; /* statements */
};

struct load_keys load_keys_ask(struct db_batch *b, const char *schemas,
			       const char *extra_schemas);
void load_keys(struct rest_schema *s, const struct db_batch *b, const struct load_keys *k);

/* ---- functions.c: after the tables, which they may return ---------------- */

struct load_functions {
	int functions, results; /* statements */
};

struct load_functions load_functions_ask(struct db_batch *b, const char *schemas);
void load_functions(struct rest_schema *s, const struct db_batch *b,
		    const struct load_functions *asked);

#endif
