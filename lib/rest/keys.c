/*
 * Constraints and what follows from them: keys of tables, and of views that
 * show the columns of a table's key, over any number of views in between.
 */
#include "base/mem.h"
#include "rest/load.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX 32    /* columns: PostgreSQL's INDEX_MAX_KEYS */
#define VIEW_DEPTH 16 /* views over views */
#define WAYS_MAX 64   /* in which one view can show one key */

/* Foreign keys of all schemas: their tables may be shown by views only. */
static const char constraints_sql[] =
	"select k.contype, k.conname, k.conrelid, array_to_string(k.conkey, ','),"
	" k.confrelid, array_to_string(k.confkey, ','),"
	" exists (select from pg_index x where x.indrelid = k.conrelid and x.indisunique and x.indpred is null"
	"	and x.indexprs is null and (x.indkey::smallint[])[0:x.indnkeyatts - 1] <@ k.conkey),"
	" case k.contype when 'c' then pg_get_constraintdef(k.oid) end"
	" from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace"
	" where k.contype in ('p', 'f', 'c') and k.conparentid = 0"
	" and n.nspname not in ('pg_catalog', 'information_schema')"
	" and (k.contype <> 'c' or n.nspname = any(regexp_split_to_array($1, ' *, *')))"
	" order by k.conname";

/* What the views show: the rewritten query, in PostgreSQL's own notation. */
static const char views_sql[] =
	"select c.oid, r.ev_action::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
	" join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'"
	" where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')"
	" and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid"
	"	and x.deptype = 'e')";

/* Functions whose one argument is a row of a table. */
static const char computed_sql[] =
	"select t.oid, p.proname, quote_ident(n.nspname) || '.' || quote_ident(p.proname), tn.nspname, tc.relname,"
	" not p.proretset or p.prorows = 1, format_type(p.prorettype, null),"
	" case r.typtype when 'd' then r.typbasetype else r.oid end, r.typcategory,"
	" r.typtype = 'c' or r.typcategory = 'A' and r.typelem not in (16, 20, 21, 23, 26, 700, 701, 1700, 114, 3802,"
	"	2950, 1082, 1114, 1184, 1083, 1266, 1186, 25, 1043, 1042, 18, 19, 869, 650)"
	" from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
	" join pg_class t on t.reltype = p.proargtypes[0] and t.relkind in ('r', 'v', 'm', 'f', 'p')"
	" join pg_namespace s on s.oid = t.relnamespace"
	" join pg_type r on r.oid = p.prorettype"
	" left join pg_class tc on tc.oid = r.typrelid and tc.relkind in ('r', 'v', 'm', 'f', 'p')"
	" left join pg_namespace tn on tn.oid = tc.relnamespace"
	" where p.pronargs = 1 and p.prokind = 'f' and (tc.oid is not null or not p.proretset)"
	" and s.nspname = any(regexp_split_to_array($1, ' *, *'))"
	/* A function that is a relationship may be anywhere. */
	" and (tc.oid is not null or n.nspname = any(regexp_split_to_array($1 || coalesce(',' || $2::text, ''), ' *, *')))"
	" and n.nspname not in ('pg_catalog', 'information_schema')"
	" order by (n.nspname = any(regexp_split_to_array($1, ' *, *'))) desc, p.proname, p.oid";

struct load_keys load_keys_ask(struct db_batch *b, const char *schemas, const char *extra_schemas)
{
	struct load_keys k;

	k.constraints = db_add(b, constraints_sql, DB_C(schemas));
	k.views = db_add(b, views_sql);
	k.computed = db_add(b, computed_sql, DB_C(schemas), DB_C(extra_schemas));
	return k;
}

/* ---- what views show ---------------------------------------------------------- */

/* A view's column and the column that it shows, of a table or a view. */
struct origin {
	unsigned view, table;
	int column, source;
};

struct origins {
	struct origin *v;
	size_t n, size;
};

static void add_origin(struct origins *o, struct origin new)
{
	if (o->n == o->size) {
		o->size = o->size ? o->size * 2 : 256;
		o->v = mem_realloc(o->v, o->size * sizeof(*o->v));
	}
	o->v[o->n++] = new;
}

/* The number behind the last " :name ". */
static int64_t value_of(struct sv text, struct sv name)
{
	size_t at = 0, end;
	ptrdiff_t found;
	int64_t n = 0;

	while ((found = sv_find(sv_skip(text, at), name)) >= 0)
		at += (size_t)found + name.n;
	end = at;
	while (at && end < text.n && text.p[end] >= '0' && text.p[end] <= '9')
		end++;
	sv_to_i64(sv_make(text.p + at, end - at), &n);
	return n;
}

/* {TARGETENTRY :expr ... :resno 1 ... :resorigtbl 16385 :resorigcol 2 ...}:
 * an expression with a query has entries of its own, before these. */
static void read_entry(struct origins *o, unsigned view, struct sv entry)
{
	struct origin new = { .view = view };

	new.column = (int)value_of(entry, SV(" :resno "));
	new.table = (unsigned)value_of(entry, SV(" :resorigtbl "));
	new.source = (int)value_of(entry, SV(" :resorigcol "));
	if (new.table &&new.source > 0)
		add_origin(o, new);
}

/*
 * The target list of the outermost query of ({QUERY ... :targetList (...) ...}).
 * Braces nest; those in names and texts have a backslash before them.
 */
static void read_view(struct origins *o, unsigned view, struct sv text)
{
	static const struct sv list = { ":targetList ", 12 };
	size_t entry = 0;
	int depth = 0;
	bool inside = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\') {
			i++;
		} else if (c == ':' && depth == 1) {
			if (inside)
				return;
			inside = sv_starts(sv_skip(text, i), list);
		} else if (c == '{') {
			depth++;
			if (depth == 2)
				entry = i;
		} else if (c == '}') {
			depth--;
			if (depth == 1 && inside)
				read_entry(o, view, sv_make(text.p + entry, i - entry));
		}
	}
}

static int compare_origins(const void *a, const void *b)
{
	const struct origin *x = a, *y = b;

	if (x->view != y->view)
		return x->view < y->view ? -1 : 1;
	return x->column - y->column;
}

/* Does this column of a view show that one of a table, at whatever distance? */
static bool shows(const struct origins *o, unsigned view, int column, unsigned table, int source,
		  int depth)
{
	size_t low = 0, high = o->n;

	if (depth == VIEW_DEPTH)
		return false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct origin *at = &o->v[mid];

		if (at->view < view || (at->view == view && at->column < column))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == o->n || o->v[low].view != view || o->v[low].column != column)
		return false;
	if (o->v[low].table == table && o->v[low].source == source)
		return true;
	return shows(o, o->v[low].table, o->v[low].source, table, source, depth + 1);
}

/* ---- keys ------------------------------------------------------------------------ */

/* One end of a key: the columns of a table. */
struct end {
	unsigned table;
	int columns[KEY_MAX];
	size_t n;
};

static struct end read_end(const struct rows *r, size_t col)
{
	struct end e = { .table = (unsigned)number(r, col) };
	struct sv list = cell(r, col + 1);

	while (sv_present(list) && list.n && e.n < KEY_MAX) {
		struct sv word = sv_cut(&list, ',');
		int64_t n = 0;

		sv_to_i64(word, &n);
		e.columns[e.n++] = (int)n;
	}
	return e;
}

/* A way to see an end: in its table, or in a view. */
struct way {
	struct rest_table *table;
	const struct rest_column *columns[KEY_MAX];
};

struct ways {
	struct way v[WAYS_MAX];
	size_t n;
};

static bool shows_end(const struct origins *o, const struct rest_table *t, size_t column,
		      const struct end *e, size_t i)
{
	int number = t->columns[column].number;

	if (t->oid == e->table)
		return number == e->columns[i];
	return t->view && shows(o, t->oid, number, e->table, e->columns[i], 0);
}

/* A view may show a column twice: each choice is a way of its own. */
static void add_ways(struct ways *ways, const struct origins *o, struct way *so_far,
		     const struct end *e, size_t i)
{
	const struct rest_table *t = so_far->table;

	if (i == e->n) {
		if (ways->n < WAYS_MAX)
			ways->v[ways->n++] = *so_far;
		return;
	}
	for (size_t c = 0; c < t->ncolumns && ways->n < WAYS_MAX; c++) {
		if (!shows_end(o, t, c, e, i))
			continue;
		so_far->columns[i] = &t->columns[c];
		add_ways(ways, o, so_far, e, i + 1);
	}
}

static void find_ways(struct rest_schema *s, const struct origins *o, const struct end *e,
		      struct ways *ways)
{
	ways->n = 0;
	for (size_t i = 0; i < s->ntables; i++) {
		struct way way = { .table = s->tables[i] };

		if (e->n && (way.table->view || way.table->oid == e->table))
			add_ways(ways, o, &way, e, 0);
	}
}

static void add_foreign(struct rest_schema *s, const struct origins *o, const struct rows *r)
{
	struct end near = read_end(r, 2), far = read_end(r, 4);
	struct ways from, to;

	find_ways(s, o, &near, &from);
	if (!from.n)
		return;
	find_ways(s, o, &far, &to);
	for (size_t i = 0; i < from.n; i++)
		for (size_t j = 0; j < to.n; j++)
			rest_schema_relate(s, cell(r, 1), from.v[i].table, from.v[i].columns,
					   to.v[j].table, to.v[j].columns, near.n, flag(r, 6));
}

/* A view that shows several tables' keys has all of their columns. */
static void add_primary(struct rest_schema *s, const struct origins *o, const struct rows *r)
{
	struct end e = read_end(r, 2);
	struct ways ways;

	find_ways(s, o, &e, &ways);
	for (size_t i = 0; i < ways.n; i++) {
		struct rest_table *t = ways.v[i].table;
		const struct rest_column **more;

		if (i && ways.v[i - 1].table == t)
			continue;
		more = ARENA_ARRAY(s->arena, t->nprimary + e.n, const struct rest_column *);
		if (t->nprimary)
			memcpy(more, t->primary, t->nprimary * sizeof(*more));
		memcpy(more + t->nprimary, ways.v[i].columns, e.n * sizeof(*more));
		t->primary = more;
		t->nprimary += e.n;
	}
}

/* ---- functions of a row ------------------------------------------------------------- */

static struct rest_table *by_oid(struct rest_schema *s, unsigned oid)
{
	for (size_t i = 0; i < s->ntables; i++)
		if (s->tables[i]->oid == oid)
			return s->tables[i];
	return NULL;
}

static void load_computed(struct rest_schema *s, struct rows r)
{
	for (; r.row < db_rows(r.b, r.stmt); r.row++) {
		struct rest_table *t = by_oid(s, (unsigned)number(&r, 0));
		const struct rest_table *to = NULL;
		struct rest_column *c;

		if (!t || rest_field_find(t, cell(&r, 1)))
			continue;
		if (cell(&r, 4).n) {
			to = rest_table_find(s, cell(&r, 3), cell(&r, 4));
			if (to)
				rest_schema_computed(s, t, cell(&r, 1), cell(&r, 2), to,
						     flag(&r, 5));
			continue;
		}
		c = rest_schema_extra(s, t, cell(&r, 1), cell(&r, 2), cell(&r, 6),
				      (unsigned)number(&r, 7), letter(&r, 8));
		c->as_json = flag(&r, 9);
	}
}

void load_keys(struct rest_schema *s, const struct db_batch *b, const struct load_keys *k)
{
	struct origins o = { 0 };
	struct rows r = { b, k->views, 0 };

	for (; r.row < db_rows(b, k->views); r.row++)
		read_view(&o, (unsigned)number(&r, 0), cell(&r, 1));
	if (o.n)
		qsort(o.v, o.n, sizeof(*o.v), compare_origins);
	r = (struct rows){ b, k->constraints, 0 };
	for (; r.row < db_rows(b, k->constraints); r.row++) {
		switch (letter(&r, 0)) {
		case 'p':
			add_primary(s, &o, &r);
			break;
		case 'f':
			add_foreign(s, &o, &r);
			break;
		default:
			rest_schema_rule(s, cell(&r, 1), cell(&r, 7));
		}
	}
	free(o.v);
	load_computed(s, (struct rows){ b, k->computed, 0 });
}
