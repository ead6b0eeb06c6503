/*
 * Which relationship is meant by the name of an embedded relation and its
 * hint: a foreign key in either direction, two of them through a junction, or
 * a function of the row.
 */
#include "rest/tree.h"

#include <stdlib.h>
#include <string.h>

/* ---- what fits a name and a hint ------------------------------------------- */

/* The one column of a key; of a key with the scope column, the other. */
static bool sole_column(const struct tree *t, const struct rest_column *const *columns, size_t n,
			struct sv name)
{
	struct sv scope = sv_from(t->options->scope_column);
	const struct rest_column *sole = NULL;
	size_t others = 0;

	for (size_t i = 0; i < n; i++) {
		if (n > 1 && scope.n && sv_eq(columns[i]->name, scope))
			continue;
		sole = columns[i];
		others++;
	}
	return others == 1 && sv_eq(sole->name, name);
}

static bool to_one(const struct relation *r)
{
	if (r->computed)
		return r->computed->one;
	return !r->far && (r->forward || r->key->unique);
}

static const struct rest_table *target(const struct relation *r)
{
	if (r->computed)
		return r->computed->to;
	if (r->far)
		return r->far->to;
	return r->forward ? r->key->to : r->key->from;
}

static bool near_column(const struct tree *t, const struct relation *r, struct sv name)
{
	const struct rest_key *k = r->key;

	return !r->far && sole_column(t, r->forward ? k->from_columns : k->to_columns, k->n, name);
}

static bool far_column(const struct tree *t, const struct relation *r, struct sv name)
{
	const struct rest_key *k = r->key;

	return !r->far && sole_column(t, r->forward ? k->to_columns : k->from_columns, k->n, name);
}

/* Of a table with itself: its name is the way down, the column the way up. */
static bool self_fits(const struct tree *t, const struct level *l, const struct relation *r)
{
	bool down = !r->far && !r->forward && sv_eq(target(r)->name, l->name);

	if (r->far)
		return false;
	if (l->hint.n && !t->options->strict && sv_eq(r->key->name, l->hint))
		return r->forward && sv_eq(target(r)->name, l->name);
	if (l->hint.n)
		return down && far_column(t, r, l->hint);
	return down || (r->forward && near_column(t, r, l->name));
}

static bool fits(const struct tree *t, const struct level *l, const struct relation *r)
{
	const struct rest_table *to = target(r);
	bool named = sv_eq(to->name, l->name);

	if (!sv_eq(to->schema, t->schema_name))
		return false;
	if (to == l->parent->table)
		return self_fits(t, l, r);
	if (!l->hint.n)
		return named || (!to->view && !r->far &&
				 (sv_eq(r->key->name, l->name) || near_column(t, r, l->name)));
	if (r->far)
		return named && sv_eq(r->key->from->name, l->hint);
	return named && (sv_eq(r->key->name, l->hint) || near_column(t, r, l->hint) ||
			 far_column(t, r, l->hint));
}

/* ---- candidates ---------------------------------------------------------------- */

struct candidates {
	struct relation *v;
	size_t n, size;
};

static void consider(const struct tree *t, const struct level *l, struct candidates *c,
		     struct relation r)
{
	if (!fits(t, l, &r))
		return;
	c->v = arena_more(t->arena, c->v, c->n, &c->size, sizeof(*c->v));
	c->v[c->n++] = r;
}

/* Both keys are part of the junction's primary key. */
static bool all_primary(const struct rest_table *t, const struct rest_key *k)
{
	for (size_t i = 0; i < k->n; i++) {
		size_t j = 0;

		while (j < t->nprimary && t->primary[j] != k->from_columns[i])
			j++;
		if (j == t->nprimary)
			return false;
	}
	return true;
}

static void through(const struct tree *t, const struct level *l, struct candidates *c,
		    const struct rest_key *k)
{
	const struct rest_table *junction = k->from;

	if (k->unique || !all_primary(junction, k) || !sv_eq(junction->schema, t->schema_name))
		return;
	for (size_t i = 0; i < junction->nkeys; i++) {
		const struct rest_key *far = junction->keys[i];

		if (far->from == junction && !far->unique && !sv_eq(far->name, k->name) &&
		    all_primary(junction, far))
			consider(t, l, c, (struct relation){ .key = k, .far = far });
	}
}

/* A function named like a table stands in for the keys to that table. */
static bool overridden(const struct rest_table *parent, const struct rest_table *to)
{
	for (size_t i = 0; i < parent->ncomputed; i++)
		if (sv_eq(parent->computed[i].name, to->name))
			return true;
	return false;
}

static void find(const struct tree *t, const struct level *l, struct candidates *c)
{
	const struct rest_table *parent = l->parent->table;
	size_t kept = 0;

	for (size_t i = 0; i < parent->ncomputed; i++) {
		if (!sv_eq(parent->computed[i].name, l->name))
			continue;
		c->v = ARENA_NEW(t->arena, struct relation);
		c->v->computed = &parent->computed[i];
		c->n = c->size = 1;
		return;
	}
	for (size_t i = 0; i < parent->nkeys; i++) {
		const struct rest_key *k = parent->keys[i];

		if (k->from == parent)
			consider(t, l, c, (struct relation){ .key = k, .forward = true });
		if (k->to == parent) {
			consider(t, l, c, (struct relation){ .key = k });
			through(t, l, c, k);
		}
	}
	for (size_t i = 0; i < c->n; i++)
		if (!overridden(parent, target(&c->v[i])))
			c->v[kept++] = c->v[i];
	c->n = kept;
}

/* Where a key leads there directly, a junction is not what was meant. */
static void prefer_direct(struct candidates *c)
{
	size_t direct = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].far)
			c->v[direct++] = c->v[i];
	if (direct == 1)
		c->n = 1;
}

/* ---- refusals -------------------------------------------------------------------- */

static enum status no_relation(struct tree *t, const struct level *l)
{
	const struct rest_table *parent = l->parent->table;
	struct sv nearest = rest_related_nearest(parent, l->name);

	bind_fail(t, ST_BAD_INPUT, SV("PGRST200"),
		  "Could not find a relationship between '%.*s' and '%.*s' in the schema cache",
		  SV_ARG(parent->name), SV_ARG(l->name));
	t->e->details = sv_from(arena_printf(
		t->arena,
		"Searched for a foreign key relationship between '%.*s' and '%.*s%s%.*s' in the "
		"schema '%.*s', but no matches were found.",
		SV_ARG(parent->name), SV_ARG(l->name), l->hint.n ? "' using the hint '" : "",
		SV_ARG(l->hint), SV_ARG(t->schema_name)));
	if (nearest.n && nearest.n <= l->name.n * 2)
		t->e->hint = sv_from(arena_printf(t->arena,
						  "Perhaps you meant '%.*s' instead of '%.*s'.",
						  SV_ARG(nearest), SV_ARG(l->name)));
	return t->e->status;
}

/* one-to-many, many-to-one, one-to-one, many-to-many: their order. */
static int cardinality(const struct relation *r)
{
	if (r->far)
		return 3;
	if (r->key->unique)
		return 2;
	return r->forward ? 1 : 0;
}

static int compare(const void *a, const void *b)
{
	const struct relation *x = a, *y = b;
	int order = cardinality(x) - cardinality(y);

	if (!order && x->far)
		order = sv_cmp(x->key->from->name, y->key->from->name);
	return order ? order : sv_cmp(x->key->name, y->key->name);
}

/* (a, b) */
static void add_columns(struct buf *b, const struct rest_column *const *columns, size_t n)
{
	buf_addc(b, '(');
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%s%.*s", i ? ", " : "", SV_ARG(columns[i]->name));
	buf_addc(b, ')');
}

/* "fkey using a(x) and b(y)" */
static void describe(struct buf *b, const struct relation *r)
{
	const struct rest_key *k = r->key;

	if (r->far) {
		buf_addf(b, "%.*s using %.*s", SV_ARG(k->from->name), SV_ARG(k->name));
		add_columns(b, k->from_columns, k->n);
		buf_addf(b, " and %.*s", SV_ARG(r->far->name));
		add_columns(b, r->far->from_columns, r->far->n);
		return;
	}
	buf_addf(b, "%.*s using %.*s", SV_ARG(k->name),
		 SV_ARG((r->forward ? k->from : k->to)->name));
	add_columns(b, r->forward ? k->from_columns : k->to_columns, k->n);
	buf_lit(b, " and ");
	buf_add(b, target(r)->name);
	add_columns(b, r->forward ? k->to_columns : k->from_columns, k->n);
}

static struct sv details(struct tree *t, const struct level *l, const struct candidates *c)
{
	static const char *const names[] = { "one-to-many", "many-to-one", "one-to-one",
					     "many-to-many" };
	struct buf b buf_auto = BUF_INIT;

	for (size_t i = 0; i < c->n; i++) {
		struct buf how buf_auto = BUF_INIT;
		struct sv far = target(&c->v[i])->name;

		describe(&how, &c->v[i]);
		buf_addf(&b, "%s{\"cardinality\":\"%s\",\"embedding\":", i ? "," : "[",
			 names[cardinality(&c->v[i])]);
		buf_json(&b, sv_from(arena_printf(t->arena, "%.*s with %.*s",
						  SV_ARG(l->parent->table->name), SV_ARG(far))));
		buf_lit(&b, ",\"relationship\":");
		buf_json(&b, buf_sv(&how));
		buf_addc(&b, '}');
	}
	buf_addc(&b, ']');
	return arena_sv(t->arena, buf_sv(&b));
}

static enum status many_relations(struct tree *t, const struct level *l, struct candidates *c)
{
	struct buf names buf_auto = BUF_INIT;

	qsort(c->v, c->n, sizeof(*c->v), compare);
	for (size_t i = 0; i < c->n; i++) {
		const struct relation *r = &c->v[i];
		struct sv far = target(r)->name;
		struct sv key = r->far ? r->key->from->name : r->key->name;

		buf_addf(&names, "%s'%.*s!%.*s'", i ? ", " : "", SV_ARG(far), SV_ARG(key));
	}
	bind_fail(t, ST_AMBIGUOUS, SV("PGRST201"),
		  "Could not embed because more than one relationship was found for '%.*s' and "
		  "'%.*s'",
		  SV_ARG(l->parent->table->name), SV_ARG(l->name));
	t->e->details = details(t, l, c);
	t->e->details_json = true;
	struct sv choice = buf_sv(&names);
	t->e->hint = sv_from(arena_printf(t->arena,
					  "Try changing '%.*s' to one of the following: %.*s. Find "
					  "the desired relationship in the 'details' key.",
					  SV_ARG(l->name), SV_ARG(choice)));
	return t->e->status;
}

enum status bind_relation(struct tree *t, struct level *l)
{
	struct candidates c = { 0 };

	if (l->table)
		return ST_OK;
	find(t, l, &c);
	if (c.n > 1 && !t->options->strict)
		prefer_direct(&c);
	if (c.n > 1)
		return many_relations(t, l, &c);
	if (!c.n)
		return no_relation(t, l);
	l->relation = c.v[0];
	l->one = to_one(&l->relation);
	l->table = target(&l->relation);
	return ST_OK;
}
