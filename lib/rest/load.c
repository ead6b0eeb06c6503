/*
 * The catalogue, read in one trip. Row-level security does not hide it, and
 * no table's privilege is needed.
 */
#include "rest/load.h"

/* Types that db_json_value writes; of the others PostgreSQL makes JSON:
 * composites, and arrays of what is not built in. */
static const char columns_sql[] =
	"select n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), a.attname,"
	" format_type(a.atttypid, a.atttypmod), case t.typtype when 'd' then (with recursive d (oid, base) as ("
	"	select t.oid, t.typbasetype union all select p.oid, p.typbasetype from d join pg_type p on p.oid = d.base)"
	"	select oid from d where base = 0) else t.oid end,"
	" t.typcategory, t.typtype = 'c' or t.typcategory = 'A' and not (t.typelem < 10000 and t.typarray = 0"
	"	and t.typelem in (16, 20, 21, 23, 26, 700, 701, 1700, 114, 3802, 2950, 1082, 1114, 1184, 1083, 1266,"
	"	1186, 25, 1043, 1042, 18, 19, 869, 650))"
	"	or t.oid >= 16384 and exists (select from pg_cast x where x.castsource = t.oid and x.castmethod = 'f'"
	"		and x.casttarget = 'json'::regtype),"
	/* An identity's default is its sequence; a column's goes before its domain's. */
	" coalesce(case when a.attidentity <> '' then (select format('nextval(%L)', x.objid::regclass) from pg_depend x"
	"		where x.classid = 'pg_class'::regclass and x.refclassid = 'pg_class'::regclass and x.refobjid = c.oid"
	"		and x.refobjsubid = a.attnum and x.deptype = 'i' and a.attidentity = 'd')"
	"	when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0)) end, ''),"
	" coalesce(col_description(c.oid, a.attnum), ''),"
	" $2::name is null or has_column_privilege($2::name, c.oid, a.attnum, 'select'),"
	" c.oid, a.attnum, c.relkind in ('v', 'm'),"
	/* What a domain says of its form: implicit casts to JSON, from text and from JSON. */
	" (select quote_ident(y.nspname) || '.' || quote_ident(f.proname) from pg_cast x"
	"	join pg_proc f on f.oid = x.castfunc join pg_namespace y on y.oid = f.pronamespace"
	"	where t.typtype = 'd' and x.castsource = t.oid and x.casttarget = 'json'::regtype and x.castcontext = 'i'),"
	" (select quote_ident(y.nspname) || '.' || quote_ident(f.proname) from pg_cast x"
	"	join pg_proc f on f.oid = x.castfunc join pg_namespace y on y.oid = f.pronamespace"
	"	where t.typtype = 'd' and x.casttarget = t.oid and x.castsource = 'text'::regtype and x.castcontext = 'i'),"
	" (select quote_ident(y.nspname) || '.' || quote_ident(f.proname) from pg_cast x"
	"	join pg_proc f on f.oid = x.castfunc join pg_namespace y on y.oid = f.pronamespace"
	"	where t.typtype = 'd' and x.casttarget = t.oid and x.castsource = 'json'::regtype and x.castcontext = 'i')"
	" from pg_class c join pg_namespace n on n.oid = c.relnamespace"
	" join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
	" join pg_type t on t.oid = a.atttypid"
	" left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
	" where n.nspname = any(regexp_split_to_array($1, ' *, *'))"
	" and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition"
	" and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid"
	"	and x.deptype = 'e')"
	" order by n.nspname, c.relname, a.attnum";

/* ---- tables --------------------------------------------------------------- */

static void load_columns(struct rest_schema *s, struct rows r)
{
	struct rest_table *t = NULL;

	for (; r.row < db_rows(r.b, r.stmt); r.row++) {
		struct rest_column *c;

		if (!t || !sv_eq(t->name, cell(&r, 1)) || !sv_eq(t->schema, cell(&r, 0))) {
			t = rest_schema_table(s, cell(&r, 0), cell(&r, 1));
			t->comment = arena_sv(s->arena, cell(&r, 2));
			t->oid = (unsigned)number(&r, 11);
			t->view = flag(&r, 13);
		}
		c = rest_schema_column(s, t, cell(&r, 3), cell(&r, 4), (unsigned)number(&r, 5),
				       letter(&r, 6));
		c->as_json = flag(&r, 7);
		c->default_sql = arena_sv(s->arena, cell(&r, 8));
		rest_column_comment(c, arena_sv(s->arena, cell(&r, 9)));
		c->readable = flag(&r, 10);
		c->number = (int)number(&r, 12);
		c->to_json = arena_sv(s->arena, cell(&r, 14));
		c->from_text = arena_sv(s->arena, cell(&r, 15));
		c->from_json = arena_sv(s->arena, cell(&r, 16));
	}
}

enum status rest_load(struct db *db, const char *schemas, const char *extra_schemas,
		      const char *role, struct arena *a, struct rest_schema **out, struct err *e)
{
	struct db_batch *b = db_batch(db, a);
	struct rest_schema *s;
	struct load_keys keys;
	struct load_functions functions;
	int columns;

	db_as_self(b);
	/* So that names of types and in defaults are whole, for any request. */
	db_add(b, "select set_config('search_path', '', true)");
	columns = db_add(b, columns_sql, DB_C(schemas), DB_C(role));
	keys = load_keys_ask(b, schemas, extra_schemas);
	functions = load_functions_ask(b, schemas);
	if (db_run(b, e))
		return e->status;
	s = rest_schema_new();
	load_columns(s, (struct rows){ b, columns, 0 });
	rest_schema_done(s);
	load_keys(s, b, &keys);
	load_functions(s, b, &functions);
	rest_schema_done(s);
	*out = s;
	return ST_OK;
}
