/*
 * What else the catalogue says: which relations can be written, and which
 * media types the database makes by itself.
 */
#include "rest/load.h"

#define SCHEMAS "n.nspname = any(regexp_split_to_array($1, ' *, *'))"

/* 8, 4, 16: the bits of insert, update and delete. */
static const char tables_sql[] =
	"select n.nspname, c.relname, c.relkind in ('r', 'p') or w.can & 8 <> 0,"
	" c.relkind in ('r', 'p') or w.can & 4 <> 0, c.relkind in ('r', 'p') or w.can & 16 <> 0"
	" from pg_class c join pg_namespace n on n.oid = c.relnamespace,"
	" lateral (select case when c.relkind in ('v', 'f') then pg_relation_is_updatable(c.oid, true) else 0 end as can) w"
	" where " SCHEMAS " and c.relkind in ('r', 'v', 'm', 'f', 'p')"
	" and not c.relispartition and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass"
	"	and x.objid = c.oid and x.deptype = 'e')";

static const char handlers_sql[] =
	"with media as (select t.oid, lower(t.typname) as name, t.typname = '*/*' as any"
	"	from pg_type t where t.typbasetype <> 0"
	"	and (t.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or t.typname = '*/*'))"
	" select m.name, case when m.any then 'application/octet-stream' else m.name end,"
	" quote_ident(n.nspname) || '.' || quote_ident(p.proname),"
	" case when p.prokind = 'a' then an.nspname else n.nspname end,"
	" case when p.prokind = 'a' then a.typname else p.proname end,"
	" p.prokind <> 'a', p.prokind = 'a' and a.typname = 'anyelement'"
	" from media m join pg_proc p on p.prorettype = m.oid join pg_namespace n on n.oid = p.pronamespace"
	" left join pg_type a on a.oid = p.proargtypes[0] left join pg_namespace an on an.oid = a.typnamespace"
	" where " SCHEMAS " and (p.prokind = 'f' and not p.proretset"
	"	or p.prokind = 'a' and p.pronargs = 1 and (a.typname = 'anyelement' or a.typrelid <> 0))"
	" order by p.oid";

static const char geojson_sql[] =
	"select exists (select from pg_proc where proname = 'st_asgeojson' and proargtypes[0] = 'record'::regtype)";

struct load_facts load_facts_ask(struct db_batch *b, const char *schemas)
{
	return (struct load_facts){
		.tables = db_add(b, tables_sql, DB_C(schemas)),
		.handlers = db_add(b, handlers_sql, DB_C(schemas)),
		.geojson = db_add(b, geojson_sql),
	};
}

static void load_tables(struct rest_schema *s, struct rows r)
{
	size_t n = 0;
	size_t *missing = ARENA_ARRAY(s->arena, db_rows(r.b, r.stmt) + 1, size_t);

	for (; r.row < db_rows(r.b, r.stmt); r.row++) {
		struct rest_table *t = rest_table_find(s, cell(&r, 0), cell(&r, 1));

		if (!t) {
			missing[n++] = r.row;
			continue;
		}
		t->insertable = flag(&r, 2);
		t->updatable = flag(&r, 3);
		t->deletable = flag(&r, 4);
	}
	/* A relation without columns is one nevertheless; what is added is found
	 * only after sorting. */
	for (size_t i = 0; i < n; i++) {
		r.row = missing[i];
		rest_schema_table(s, cell(&r, 0), cell(&r, 1));
	}
}

static void load_handlers(struct rest_schema *s, struct rows r)
{
	size_t n = db_rows(r.b, r.stmt);

	s->handlers = ARENA_ARRAY(s->arena, n + 1, struct rest_handler);
	for (; r.row < n; r.row++)
		s->handlers[s->nhandlers++] = (struct rest_handler){
			.media = arena_sv(s->arena, cell(&r, 0)),
			.resolved = arena_sv(s->arena, cell(&r, 1)),
			.quoted = arena_sv(s->arena, cell(&r, 2)),
			.target_schema = arena_sv(s->arena, cell(&r, 3)),
			.target = arena_sv(s->arena, cell(&r, 4)),
			.function = flag(&r, 5),
			.anything = flag(&r, 6),
		};
}

void load_facts(struct rest_schema *s, const struct db_batch *b, const struct load_facts *f)
{
	load_tables(s, (struct rows){ b, f->tables, 0 });
	load_handlers(s, (struct rows){ b, f->handlers, 0 });
	s->geojson = sv_eq(db_get(b, f->geojson, 0, 0), SV("t"));
}
