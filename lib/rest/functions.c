/*
 * Functions from the catalogue: their arguments, and the columns of what they
 * return.
 */
#include "rest/load.h"

/* Lengths do not belong to a function's arguments: char is char(1) alone. */
#define ARGUMENT_TYPE                                                                     \
	"case a.type when 'bpchar'::regtype then 'bpchar' when 'bit'::regtype then 'varbit'" \
	" when 'bpchar[]'::regtype then 'bpchar[]' when 'bit[]'::regtype then 'varbit[]'"    \
	" else format_type(a.type, null) end"

/* What rest_column.as_json says, of type t. */
#define AS_JSON                                                                            \
	"t.typtype = 'c' or t.typcategory = 'A' and not (t.typelem < 10000 and t.typarray = 0" \
	"	and t.typelem in (16, 20, 21, 23, 26, 700, 701, 1700, 114, 3802, 2950, 1082, 1114," \
	"	1184, 1083, 1266, 1186, 25, 1043, 1042, 18, 19, 869, 650))"

/* Functions whose parameters all have names, or that have one without that
 * can take a body; those of triggers and of extensions are nobody's
 * interface. */
static const char functions_sql[] =
	"select n.nspname, p.proname, p.proretset, p.provolatile = 'v', format_type(p.prorettype, null),"
	" rn.nspname, rc.relname, p.pronargs, p.pronargdefaults,"
	" a.name, a.mode, " ARGUMENT_TYPE ", case t.typtype when 'd' then t.typbasetype else t.oid end,"
	" t.typcategory, " AS_JSON ", p.oid,"
	" (select t.typname = 'record' or " AS_JSON " from pg_type t where t.oid = p.prorettype), rc.oid"
	" from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
	" join pg_type r on r.oid = p.prorettype"
	" left join pg_type rb on rb.oid = r.typbasetype"
	" left join pg_class rc on rc.oid = coalesce(rb.typrelid, r.typrelid) and rc.oid <> 0"
	" left join pg_namespace rn on rn.oid = rc.relnamespace"
	" left join lateral unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]),"
	"	coalesce(p.proargnames, array_fill(''::text, array[p.pronargs::int])),"
	"	p.proargmodes) with ordinality a (type, name, mode, i) on true"
	" left join pg_type t on t.oid = a.type"
	" where n.nspname = any(regexp_split_to_array($1, ' *, *')) and p.prokind = 'f'"
	" and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)"
	" and (p.pronargs = 0 or p.proargnames is not null and not ('' = any(p.proargnames[1:p.pronargs]))"
	"	or p.pronargs = 1 and p.proargtypes[0] in (25, 17, 114, 142, 3802))"
	" and not exists (select from pg_depend x where x.classid = 'pg_proc'::regclass and x.objid = p.oid"
	"	and x.deptype = 'e')"
	" order by p.oid, a.i";

/* The columns of what functions return, where that is no table of the
 * interface itself. */
static const char results_sql[] =
	"select c.oid, a.attname, format_type(a.atttypid, a.atttypmod),"
	" case t.typtype when 'd' then t.typbasetype else t.oid end, t.typcategory, " AS_JSON
	" from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
	" join pg_type t on t.oid = a.atttypid"
	" where c.oid in (select coalesce(b.typrelid, r.typrelid) from pg_proc p"
	"	join pg_namespace n on n.oid = p.pronamespace join pg_type r on r.oid = p.prorettype"
	"	left join pg_type b on b.oid = r.typbasetype"
	"	where n.nspname = any(regexp_split_to_array($1, ' *, *')))"
	" order by c.oid, a.attnum";

static struct rest_function *new_function(struct rest_schema *s, const struct rows *r)
{
	struct rest_function *f = rest_schema_function(s, cell(r, 0), cell(r, 1),
						       (size_t)number(r, 7));

	f->set = flag(r, 2);
	f->changes = flag(r, 3);
	f->result_type = arena_sv(s->arena, cell(r, 4));
	f->result_as_json = flag(r, 16);
	if (cell(r, 6).n)
		f->result = rest_table_find(s, cell(r, 5), cell(r, 6));
	return f;
}

static void add_argument(struct rest_schema *s, struct rest_function *f, const struct rows *r)
{
	struct rest_argument *x = &f->arguments[f->narguments++];

	x->name = arena_sv(s->arena, cell(r, 9));
	x->quoted = rest_quoted(s->arena, x->name);
	x->type = arena_sv(s->arena, cell(r, 11));
	x->optional = (int64_t)f->narguments > number(r, 7) - number(r, 8);
	x->variadic = letter(r, 10) == 'v';
	f->unnamed = !x->name.n;
}

/* A column of "returns table (...)", or an out parameter. */
static void add_result(struct rest_schema *s, struct rest_function *f, const struct rows *r)
{
	struct rest_column *c;

	if (!f->result) {
		f->result = rest_schema_row(s);
		f->result->schema = f->schema;
		f->result->name = f->name;
		f->result->quoted = f->quoted;
	}
	c = rest_schema_column(s, f->result, cell(r, 9), cell(r, 11), (unsigned)number(r, 12),
			       letter(r, 13));
	c->as_json = flag(r, 14);
}

/* A composite type: its columns, once. */
static struct rest_table *composite(struct rest_schema *s, struct sv oid, struct rows r)
{
	struct rest_table *t = NULL;

	for (; r.row < db_rows(r.b, r.stmt); r.row++) {
		struct rest_column *c;

		if (!sv_eq(cell(&r, 0), oid))
			continue;
		if (!t)
			t = rest_schema_row(s);
		c = rest_schema_column(s, t, cell(&r, 1), cell(&r, 2), (unsigned)number(&r, 3),
				       letter(&r, 4));
		c->as_json = flag(&r, 5);
	}
	return t;
}

static struct rest_function *begin_function(struct rest_schema *s, const struct rows *r,
					    struct rows results)
{
	struct rest_function *f = new_function(s, r);

	if (!f->result && cell(r, 17).n) {
		f->result = composite(s, cell(r, 17), results);
		if (f->result) {
			f->result->schema = arena_sv(s->arena, cell(r, 5));
			f->result->name = arena_sv(s->arena, cell(r, 6));
			f->result->quoted = f->quoted;
		}
	}
	return f;
}

struct load_functions load_functions_ask(struct db_batch *b, const char *schemas)
{
	return (struct load_functions){
		.functions = db_add(b, functions_sql, DB_C(schemas)),
		.results = db_add(b, results_sql, DB_C(schemas)),
	};
}

void load_functions(struct rest_schema *s, const struct db_batch *b,
		    const struct load_functions *asked)
{
	struct rows r = { b, asked->functions, 0 }, results = { b, asked->results, 0 };
	struct rest_function *f = NULL;
	struct sv oid = SV_NONE;

	for (; r.row < db_rows(r.b, r.stmt); r.row++) {
		char mode = letter(&r, 10);

		if (!f || !sv_eq(oid, cell(&r, 15)))
			f = begin_function(s, &r, results);
		oid = cell(&r, 15);
		if (!cell(&r, 12).n) /* no parameters at all */
			continue;
		if (mode == 0 || mode == 'i' || mode == 'b' || mode == 'v')
			add_argument(s, f, &r);
		if (mode == 't' || mode == 'o' || mode == 'b')
			add_result(s, f, &r);
	}
}

