#include "db/priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const PGresult *result_of(const struct db_batch *b, int stmt)
{
	assert(stmt >= 0 && b->first + (size_t)stmt < b->n);
	return b->statements[b->first + (size_t)stmt].result;
}

/* libpq answers 0 and NULL for a NULL result, so a failed batch reads empty. */
size_t db_rows(const struct db_batch *b, int stmt)
{
	return (size_t)PQntuples(result_of(b, stmt));
}

size_t db_cols(const struct db_batch *b, int stmt)
{
	return (size_t)PQnfields(result_of(b, stmt));
}

int64_t db_affected(const struct db_batch *b, int stmt)
{
	PGresult *r = (PGresult *)result_of(b, stmt); /* PQcmdTuples does not change it */

	return r ? strtoll(PQcmdTuples(r), NULL, 10) : 0;
}

size_t db_col(const struct db_batch *b, int stmt, struct sv name)
{
	size_t n = db_cols(b, stmt);

	/* Not PQfnumber: that folds case. */
	for (size_t i = 0; i < n; i++)
		if (sv_eq(db_col_name(b, stmt, i), name))
			return i;
	return SIZE_MAX;
}

struct sv db_col_name(const struct db_batch *b, int stmt, size_t col)
{
	return sv_from(PQfname(result_of(b, stmt), (int)col));
}

unsigned db_col_type(const struct db_batch *b, int stmt, size_t col)
{
	return PQftype(result_of(b, stmt), (int)col);
}

struct sv db_get(const struct db_batch *b, int stmt, size_t row, size_t col)
{
	const PGresult *r = result_of(b, stmt);

	if (row >= (size_t)PQntuples(r) || col >= (size_t)PQnfields(r) ||
	    PQgetisnull(r, (int)row, (int)col))
		return SV_NONE;
	return sv_make(PQgetvalue(r, (int)row, (int)col),
		       (size_t)PQgetlength(r, (int)row, (int)col));
}

struct sv db_named(const struct db_batch *b, int stmt, size_t row, const char *name)
{
	return db_get(b, stmt, row, db_col(b, stmt, sv_from(name)));
}

struct sv db_first(const struct db_batch *b, int stmt, const char *name)
{
	return db_named(b, stmt, 0, name);
}
