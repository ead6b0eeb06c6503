#include "rest/schema.h"

#include <stdlib.h>
#include <string.h>

struct rest_schema *rest_schema_new(void)
{
	struct arena *a = arena_new();
	struct rest_schema *s = ARENA_NEW(a, struct rest_schema);

	s->arena = a;
	return s;
}

void rest_schema_free(struct rest_schema *s)
{
	if (s)
		arena_free(s->arena);
}

/* Room for one more element in an array that lives in the arena. */
static void *grown(struct arena *a, void *v, size_t n, size_t *size, size_t element)
{
	void *more;

	if (n < *size)
		return v;
	*size = *size ? *size * 2 : 16;
	more = arena_array(a, *size, element);
	if (n)
		memcpy(more, v, n * element);
	return more;
}

struct sv rest_quoted(struct arena *a, struct sv name)
{
	struct buf b buf_auto = BUF_INIT;

	buf_addc(&b, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"')
			buf_addc(&b, '"');
		buf_addc(&b, name.p[i]);
	}
	buf_addc(&b, '"');
	return arena_sv(a, buf_sv(&b));
}

static struct sv qualified(struct arena *a, struct sv schema, struct sv name)
{
	struct sv qualifier = rest_quoted(a, schema);
	struct sv own = rest_quoted(a, name);

	return sv_from(arena_printf(a, "%.*s.%.*s", SV_ARG(qualifier), SV_ARG(own)));
}

struct rest_table *rest_schema_row(struct rest_schema *s)
{
	return ARENA_NEW(s->arena, struct rest_table);
}

struct rest_table *rest_schema_table(struct rest_schema *s, struct sv schema, struct sv name)
{
	struct rest_table *t = rest_schema_row(s);

	t->schema = arena_sv(s->arena, schema);
	t->name = arena_sv(s->arena, name);
	t->quoted = qualified(s->arena, schema, name);
	s->tables = grown(s->arena, s->tables, s->ntables, &s->tables_size, sizeof(*s->tables));
	s->tables[s->ntables++] = t;
	return t;
}

static struct rest_column column(struct rest_schema *s, struct sv name, struct sv type,
				 unsigned oid, char category)
{
	return (struct rest_column){
		.name = arena_sv(s->arena, name),
		.quoted = rest_quoted(s->arena, name),
		.type = arena_sv(s->arena, type),
		.oid = oid,
		.category = category,
		.readable = true,
	};
}

struct rest_column *rest_schema_column(struct rest_schema *s, struct rest_table *t, struct sv name,
				       struct sv type, unsigned oid, char category)
{
	t->columns =
		grown(s->arena, t->columns, t->ncolumns, &t->columns_size, sizeof(*t->columns));
	t->columns[t->ncolumns] = column(s, name, type, oid, category);
	return &t->columns[t->ncolumns++];
}

struct rest_column *rest_schema_extra(struct rest_schema *s, struct rest_table *t, struct sv name,
				      struct sv call, struct sv type, unsigned oid, char category)
{
	t->extra = grown(s->arena, t->extra, t->nextra, &t->extra_size, sizeof(*t->extra));
	t->extra[t->nextra] = column(s, name, type, oid, category);
	t->extra[t->nextra].call = arena_sv(s->arena, call);
	return &t->extra[t->nextra++];
}

void rest_schema_computed(struct rest_schema *s, struct rest_table *t, struct sv name,
			  struct sv call, const struct rest_table *to, bool one)
{
	t->computed = grown(s->arena, t->computed, t->ncomputed, &t->computed_size,
			    sizeof(*t->computed));
	t->computed[t->ncomputed++] = (struct rest_computed){
		arena_sv(s->arena, name), arena_sv(s->arena, call), to, one
	};
}

void rest_column_comment(struct rest_column *c, struct sv comment)
{
	c->comment = comment;
	c->sealed = sv_find(comment, SV("Write-only: sealed at rest")) >= 0;
	c->any_case = sv_find(comment, SV("compared without regard to case")) >= 0;
}

struct sv rest_column_word(const struct rest_column *c, struct sv said)
{
	static const struct sv begin = { "also written: ", 14 };
	ptrdiff_t at = sv_find(c->comment, begin);
	struct sv rest = at < 0 ? SV_NONE : sv_skip(c->comment, (size_t)at + begin.n);
	struct sv pairs = sv_cut(&rest, ';');

	while (sv_present(pairs)) {
		struct sv word = sv_cut(&pairs, ','), name = sv_trim(sv_cut(&word, '='));

		if (sv_ieq(name, said))
			return sv_trim(word);
	}
	return SV_NONE;
}

static size_t count_names(struct sv names)
{
	size_t n = 0;

	for (; sv_present(names); n++)
		sv_cut(&names, ',');
	return n;
}

static const struct rest_column **columns_named(struct rest_schema *s, const struct rest_table *t,
						struct sv names, size_t *n)
{
	const struct rest_column **list;

	*n = 0;
	list = ARENA_ARRAY(s->arena, count_names(names) + 1, const struct rest_column *);
	while (sv_present(names)) {
		list[*n] = rest_column_find(t, sv_cut(&names, ','));
		if (!list[*n])
			return NULL;
		++*n;
	}
	return list;
}

bool rest_schema_primary(struct rest_schema *s, struct rest_table *t, struct sv columns)
{
	t->primary = columns_named(s, t, columns, &t->nprimary);
	if (!t->primary)
		t->nprimary = 0;
	return t->primary != NULL;
}

static void add_key(struct rest_schema *s, struct rest_table *t, struct rest_key *k)
{
	t->keys = grown(s->arena, t->keys, t->nkeys, &t->keys_size, sizeof(*t->keys));
	t->keys[t->nkeys++] = k;
}

void rest_schema_relate(struct rest_schema *s, struct sv name, struct rest_table *from,
			const struct rest_column *const *from_columns, struct rest_table *to,
			const struct rest_column *const *to_columns, size_t n, bool unique)
{
	struct rest_key *k = ARENA_NEW(s->arena, struct rest_key);

	k->name = arena_sv(s->arena, name);
	k->from = from;
	k->to = to;
	k->unique = unique;
	k->n = n;
	k->from_columns = ARENA_ARRAY(s->arena, n, const struct rest_column *);
	k->to_columns = ARENA_ARRAY(s->arena, n, const struct rest_column *);
	memcpy(k->from_columns, from_columns, n * sizeof(*from_columns));
	memcpy(k->to_columns, to_columns, n * sizeof(*to_columns));
	add_key(s, from, k);
	if (to != from)
		add_key(s, to, k);
}

bool rest_schema_key(struct rest_schema *s, struct sv name, struct rest_table *from,
		     struct sv from_columns, struct rest_table *to, struct sv to_columns,
		     bool unique)
{
	const struct rest_column **ours, **theirs;
	size_t n, m;

	ours = columns_named(s, from, from_columns, &n);
	theirs = columns_named(s, to, to_columns, &m);
	if (!ours || !theirs || n != m || !n)
		return false;
	rest_schema_relate(s, name, from, ours, to, theirs, n, unique);
	return true;
}

struct rest_function *rest_schema_function(struct rest_schema *s, struct sv schema, struct sv name,
					   size_t narguments)
{
	struct rest_function *f = ARENA_NEW(s->arena, struct rest_function);

	f->schema = arena_sv(s->arena, schema);
	f->name = arena_sv(s->arena, name);
	f->quoted = qualified(s->arena, schema, name);
	f->arguments = ARENA_ARRAY(s->arena, narguments + 1, struct rest_argument);
	s->functions = grown(s->arena, s->functions, s->nfunctions, &s->functions_size,
			     sizeof(*s->functions));
	f->number = s->nfunctions;
	s->functions[s->nfunctions++] = f;
	return f;
}

void rest_schema_rule(struct rest_schema *s, struct sv name, struct sv rule)
{
	s->rules = grown(s->arena, s->rules, s->nrules, &s->rules_size, sizeof(*s->rules));
	s->rules[s->nrules++] =
		(struct rest_rule){ arena_sv(s->arena, name), arena_sv(s->arena, rule) };
}

/* ---- finding ---------------------------------------------------------- */

static int compare_names(struct sv schema_a, struct sv a, struct sv schema_b, struct sv b)
{
	int order = sv_cmp(a, b);

	return order ? order : sv_cmp(schema_a, schema_b);
}

static int compare_tables(const void *a, const void *b)
{
	const struct rest_table *x = *(struct rest_table *const *)a;
	const struct rest_table *y = *(struct rest_table *const *)b;

	return compare_names(x->schema, x->name, y->schema, y->name);
}

static int compare_functions(const void *a, const void *b)
{
	const struct rest_function *x = *(struct rest_function *const *)a;
	const struct rest_function *y = *(struct rest_function *const *)b;

	int order = compare_names(x->schema, x->name, y->schema, y->name);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

void rest_schema_done(struct rest_schema *s)
{
	if (s->ntables)
		qsort(s->tables, s->ntables, sizeof(*s->tables), compare_tables);
	if (s->nfunctions)
		qsort(s->functions, s->nfunctions, sizeof(*s->functions), compare_functions);
}

struct rest_table *rest_table_find(const struct rest_schema *s, struct sv schema, struct sv name)
{
	struct rest_table wanted = { .schema = schema, .name = name }, *key = &wanted;
	struct rest_table **at = NULL;

	if (s->ntables)
		at = bsearch(&key, s->tables, s->ntables, sizeof(*s->tables), compare_tables);
	return at ? *at : NULL;
}

const struct rest_column *rest_column_find(const struct rest_table *t, struct sv name)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		if (sv_eq(t->columns[i].name, name))
			return &t->columns[i];
	return NULL;
}

const struct rest_column *rest_field_find(const struct rest_table *t, struct sv name)
{
	const struct rest_column *c = rest_column_find(t, name);

	for (size_t i = 0; !c && i < t->nextra; i++)
		if (sv_eq(t->extra[i].name, name))
			c = &t->extra[i];
	return c;
}

struct rest_function *const *rest_function_find(const struct rest_schema *s, struct sv schema,
						struct sv name, size_t *n)
{
	struct rest_function *const *first = NULL;

	*n = 0;
	for (size_t i = 0; i < s->nfunctions; i++) {
		if (!sv_eq(s->functions[i]->name, name) || !sv_eq(s->functions[i]->schema, schema))
			continue;
		if (!first)
			first = &s->functions[i];
		++*n;
	}
	return first;
}

struct sv rest_rule_find(const struct rest_schema *s, struct sv name)
{
	for (size_t i = 0; i < s->nrules; i++)
		if (sv_eq(s->rules[i].name, name))
			return s->rules[i].rule;
	return SV_NONE;
}

/* ---- "perhaps you meant" ---------------------------------------------- */

#define NEAR_MAX 64 /* bytes of a name that are compared: NAMEDATALEN */

static size_t min3(size_t a, size_t b, size_t c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

size_t rest_distance(struct sv a, struct sv b)
{
	size_t row[NEAR_MAX + 1];

	if (a.n > NEAR_MAX || b.n > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t up = row[j];

			row[j] =
				min3(up + 1, row[j - 1] + 1, diagonal + (a.p[i - 1] != b.p[j - 1]));
			diagonal = up;
		}
	}
	return row[b.n];
}

struct nearest {
	struct sv wanted, best;
	size_t distance;
};

static struct nearest nearest_to(struct sv wanted)
{
	return (struct nearest){ wanted, SV_NONE, wanted.n / 2 + 1 };
}

static void consider(struct nearest *n, struct sv name)
{
	size_t d = rest_distance(n->wanted, name);

	if (d < n->distance) {
		n->best = name;
		n->distance = d;
	}
}

/* Three quarters of the longer name are the same: names of tables are not
 * told to everyone who asks for something. */
static bool alike(const struct nearest *n)
{
	size_t longer = n->best.n > n->wanted.n ? n->best.n : n->wanted.n;

	return n->best.n && n->distance * 4 <= longer;
}

struct sv rest_table_nearest(const struct rest_schema *s, struct sv schema, struct sv name)
{
	struct nearest n = nearest_to(name);

	for (size_t i = 0; i < s->ntables; i++)
		if (sv_eq(s->tables[i]->schema, schema))
			consider(&n, s->tables[i]->name);
	return alike(&n) ? n.best : SV_NONE;
}

struct sv rest_function_nearest(const struct rest_schema *s, struct sv schema, struct sv name)
{
	struct nearest n = nearest_to(name);

	for (size_t i = 0; i < s->nfunctions; i++)
		if (sv_eq(s->functions[i]->schema, schema))
			consider(&n, s->functions[i]->name);
	return alike(&n) ? n.best : SV_NONE;
}

struct sv rest_column_nearest(const struct rest_table *t, struct sv name)
{
	struct nearest n = nearest_to(name);

	for (size_t i = 0; i < t->ncolumns; i++)
		if (t->columns[i].readable)
			consider(&n, t->columns[i].name);
	return n.best;
}

struct sv rest_related_nearest(const struct rest_table *t, struct sv name)
{
	struct nearest n = nearest_to(name);

	for (size_t i = 0; i < t->nkeys; i++)
		consider(&n, t->keys[i]->from == t ? t->keys[i]->to->name : t->keys[i]->from->name);
	for (size_t i = 0; i < t->ncomputed; i++)
		consider(&n, t->computed[i].name);
	return sv_eq(n.best, name) ? SV_NONE : n.best;
}

struct sv rest_name_nearest(const struct sv *names, size_t n, struct sv name)
{
	struct nearest best = nearest_to(name);

	best.distance = NEAR_MAX;
	for (size_t i = 0; i < n; i++)
		consider(&best, names[i]);
	/* A third of it has to be right. */
	return 3 * best.distance < 2 * (name.n > best.best.n ? name.n : best.best.n) ? best.best :
										     SV_NONE;
}
