/* Database rows as template values. */
#include "web/web.h"

#include "base/buf.h"


/* Type oids of pg_type.dat that are more than text to a template. */
enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_JSON = 114, OID_JSONB = 3802 };

struct rows {
	const struct db_batch *batch;
	int stmt;
};

static size_t column(const void *src, struct sv name)
{
	const struct rows *r = src;

	return db_col(r->batch, r->stmt, name);
}

/* Arrays go through the one parser of array literals, that of the JSON
 * emitters. */
static struct tmpl_value *from_json_text(struct arena *a, struct sv text)
{
	json_t *json = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
	struct tmpl_value *v = tmpl_from_json(a, json);

	json_decref(json);
	return v;
}

static bool is_array_type(unsigned oid)
{
	/* _bool, _int2, _int4, _text, _varchar, _int8, _numeric, _uuid */
	return oid == 1000 || oid == 1005 || oid == 1007 || oid == 1009 || oid == 1015 ||
	       oid == 1016 || oid == 1231 || oid == 2951;
}

static struct tmpl_value *cell(const void *src, struct arena *a, size_t row, size_t col)
{
	const struct rows *r = src;
	struct sv text = db_get(r->batch, r->stmt, row, col);
	unsigned oid = db_col_type(r->batch, r->stmt, col);
	int64_t number;

	if (!sv_present(text))
		return NULL;
	if (oid == OID_BOOL)
		return tmpl_bool(a, sv_eq(text, SV("t")));
	if ((oid == OID_INT2 || oid == OID_INT4 || oid == OID_INT8) && sv_to_i64(text, &number))
		return tmpl_int(a, number);
	if (oid == OID_JSON || oid == OID_JSONB)
		return from_json_text(a, text);
	if (is_array_type(oid)) {
		buf_auto struct buf json = BUF_INIT;

		db_json_value(&json, r->batch, r->stmt, row, col);
		return from_json_text(a, buf_sv(&json));
	}
	return tmpl_text(a, text);
}

static struct tmpl_table table_of(struct arena *a, const struct db_batch *b, int stmt)
{
	struct rows *r = ARENA_NEW(a, struct rows);

	*r = (struct rows){ b, stmt };
	return (struct tmpl_table){ db_rows(b, stmt), column, cell, r };
}

void web_set_rows(struct tmpl_value *page, const char *key, const struct db_batch *b, int stmt)
{
	struct tmpl_table t = table_of(db_arena(b), b, stmt);

	tmpl_set_table(page, key, &t);
}

void web_set_row(struct tmpl_value *page, const char *key, const struct db_batch *b, int stmt,
		 size_t row)
{
	struct tmpl_table t = table_of(db_arena(b), b, stmt);

	tmpl_set_row(page, key, &t, row);
}
