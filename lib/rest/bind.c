/*
 * Names that were sent, looked up in the schema; unknown ones are answered
 * with the nearest that exists.
 */
#include "rest/tree.h"

#include <string.h>

enum status bind_fail(struct tree *t, enum status s, struct sv code, const char *fmt, ...)
{
	va_list ap;

	*t->e = (struct err){ .status = s, .code = code };
	va_start(ap, fmt);
	t->e->message = sv_from(arena_vprintf(t->arena, fmt, ap));
	va_end(ap);
	return s;
}

static void suggest(struct tree *t, const char *kind, struct sv prefix, struct sv nearest)
{
	if (nearest.n)
		t->e->hint = sv_from(arena_printf(t->arena, "Perhaps you meant the %s '%.*s%s%.*s'",
						  kind, SV_ARG(prefix), prefix.n ? "." : "",
						  SV_ARG(nearest)));
}

/* ---- the target ---------------------------------------------------------- */

static bool exposed(const struct tree *t, struct sv schema)
{
	struct sv list = sv_from(t->options->schemas);

	while (sv_present(list))
		if (sv_eq(sv_trim(sv_cut(&list, ',')), schema))
			return true;
	return false;
}

/* "a,b" as "a, b" */
static const char *listed(struct arena *a, const char *names)
{
	struct sv list = sv_from(names);
	struct buf b buf_auto = BUF_INIT;

	while (sv_present(list)) {
		struct sv name = sv_trim(sv_cut(&list, ',')); /* SV_ARG reads it twice */

		buf_addf(&b, "%s%.*s", b.n ? ", " : "", SV_ARG(name));
	}
	return arena_dup(a, buf_sv(&b));
}

enum status bind_schema(struct tree *t)
{
	struct sv list = sv_from(t->options->schemas);

	t->schema_name = t->in->profile;
	if (!t->schema_name.n) {
		t->schema_name = sv_trim(sv_cut(&list, ','));
		return ST_OK;
	}
	if (exposed(t, t->schema_name))
		return ST_OK;
	bind_fail(t, ST_NOT_ACCEPTABLE, SV("PGRST106"), "Invalid schema: %.*s",
		  SV_ARG(t->schema_name));
	t->e->hint = sv_from(arena_printf(t->arena, "Only the following schemas are exposed: %s",
					  listed(t->arena, t->options->schemas)));
	return t->e->status;
}

static enum status bind_table(struct tree *t, struct sv name)
{
	t->root->table = rest_table_find(t->schema, t->schema_name, name);
	if (t->root->table)
		return ST_OK;
	bind_fail(t, ST_NOT_FOUND, SV("PGRST205"),
		  "Could not find the table '%.*s.%.*s' in the schema cache",
		  SV_ARG(t->schema_name), SV_ARG(name));
	suggest(t, "table", t->schema_name, rest_table_nearest(t->schema, t->schema_name, name));
	return t->e->status;
}

enum status bind_target(struct tree *t)
{
	struct sv rest = t->in->target, first = sv_cut(&rest, '/');

	t->root = level_new(t, NULL);
	if (bind_schema(t))
		return t->e->status;
	if (sv_eq(first, SV("rpc")) && sv_present(rest))
		return call_bind(t, rest);
	t->root->name = first;
	if (rest.n) {
		t->id = sv_cut(&rest, '/');
		if (sv_present(rest))
			return bind_fail(t, ST_NOT_FOUND, SV("PGRST125"),
					 "Invalid path specified in request URL");
	}
	return bind_table(t, first);
}

/* ---- columns ---------------------------------------------------------------- */

enum status bind_column_fail(struct tree *t, const struct rest_table *table, struct sv name)
{
	struct sv nearest = rest_column_nearest(table, name);

	bind_fail(t, ST_BAD_INPUT, SV("42703"), "column %.*s.%.*s does not exist",
		  SV_ARG(table->name), SV_ARG(name));
	if (t->options->strict) { /* in the words of PostgreSQL */
		if (nearest.n && rest_distance(nearest, name) <= 3)
			t->e->hint = sv_from(arena_printf(
				t->arena,
				"Perhaps you meant to reference the column \"%.*s.%.*s\".",
				SV_ARG(table->name), SV_ARG(nearest)));
		return t->e->status;
	}
	t->e->field = arena_sv(t->arena, name);
	if (nearest.n)
		t->e->hint =
			sv_from(arena_printf(t->arena, "Perhaps you meant the column '%.*s.%.*s'",
					     SV_ARG(table->name), SV_ARG(nearest)));
	return t->e->status;
}

static enum status bind_field(struct tree *t, const struct level *l, struct field *f)
{
	f->column = rest_field_find(l->table, f->name);
	if (!f->column)
		return bind_column_fail(t, l->table, f->name);
	if (!f->column->sealed)
		return ST_OK;
	t->e->field = f->column->name;
	return err_set(t->e, t->arena, ST_FORBIDDEN, "The column %.*s can be written but not read",
		       SV_ARG(f->name));
}

/* "is" takes keywords. */
static enum status bind_keyword(struct tree *t, const struct condition *k)
{
	static const char *const words[] = { "null", "not_null", "true", "false", "unknown" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (sv_ieq(sv_from(words[i]), k->value))
			return ST_OK;
	return parse_fail(t, "\"is\" takes null, not_null, true, false and unknown, not %.*s",
			  SV_ARG(k->value));
}

/* API-33: a + that was not written as %2B arrives as a space. */
static enum status bind_array(struct tree *t, const struct condition *k)
{
	struct sv v = k->value;
	size_t digits = 0;
	bool space = false;

	if (t->options->strict || k->field.column->category != 'A' || k->field.steps)
		return ST_OK;
	for (size_t i = 0; i <= v.n; i++) {
		char c = i < v.n ? v.p[i] : 0, before = i ? v.p[i - 1] : '{';

		if (space && c >= '0' && c <= '9') {
			digits++;
			continue;
		}
		if (space && digits >= 7)
			break;
		digits = 0;
		space = c == ' ' && (before == '{' || before == '"' || before == ',');
	}
	if (digits < 7)
		return ST_OK;
	bind_fail(t, ST_BAD_INPUT, SV("22P02"), "malformed array literal: \"%.*s\"", SV_ARG(v));
	t->e->hint = SV("Write + as %2B in a URL");
	t->e->field = k->field.column->name;
	return t->e->status;
}

static bool is_number(struct sv s)
{
	size_t i = 0, digits = 0, dots = 0;

	if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
		i++;
	for (; i < s.n; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9')
			digits++;
		else if (s.p[i] != '.' || dots++)
			return false;
	}
	return digits > 0 && digits < 100;
}

static const struct step *last_step(const struct field *f)
{
	const struct step *s = f->steps;

	while (s && s->next)
		s = s->next;
	return s;
}

static bool orders(const struct op *op)
{
	return op->kind == OP_COMPARE && (op->sql[0] == '<' || op->sql[0] == '>') &&
	       strcmp(op->sql, "<>") != 0;
}

/* Texts are compared with text; what else could be text is a column's name. */
static void bind_operand(const struct tree *t, const struct level *l, struct condition *k)
{
	const struct step *last = last_step(&k->field);
	const struct rest_column *other;

	if (t->options->strict || !orders(k->op) || k->quantity != ONE_VALUE)
		return;
	if (last) {
		k->numeric = last->text && is_number(k->value);
		return;
	}
	other = rest_column_find(l->table, k->value);
	if (other && !other->sealed && other->oid == k->field.column->oid && other->category != 'S')
		k->other = other;
}

/* contact=is.null, contact=not.is.null: is there such a row? */
static bool bind_related(const struct tree *t, const struct level *l, struct condition *k)
{
	struct level *child;

	if (k->field.steps || k->op->kind != OP_IS || !sv_ieq(k->value, SV("null")))
		return false;
	child = level_child(t, l, k->field.name);
	if (!child)
		return false;
	k->kind = RELATED;
	k->related = child;
	return true;
}

static enum status bind_test(struct tree *t, const struct level *l, struct condition *k)
{
	if (bind_field(t, l, &k->field))
		return t->e->status;
	if (k->op->kind == OP_IS)
		return bind_keyword(t, k);
	if (k->op->kind == OP_CONTAIN)
		return bind_array(t, k);
	bind_operand(t, l, k);
	return ST_OK;
}

static enum status bind_conditions(struct tree *t, const struct level *l, struct condition *k)
{
	for (; k && !t->e->status; k = k->next) {
		if (k->kind != TEST)
			bind_conditions(t, l, k->parts);
		else if (!bind_related(t, l, k))
			bind_test(t, l, k);
	}
	return t->e->status;
}

/* ---- the whole ------------------------------------------------------------------ */

/* PostgreSQL would cut a longer name, and answer under another. */
#define NAME_MAX_BYTES 63

/* Not quoted in SQL, so that "double precision" means what it does there:
 * only words may stand there. */
static enum status bind_cast(struct tree *t, struct sv name)
{
	bool fits = !name.n || sql_cast(name);

	for (size_t i = 0; i < name.n && !fits; i++) {
		unsigned char c = (unsigned char)name.p[i];
		bool letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c > 127;

		if (!letter && (i == 0 || ((c < '0' || c > '9') && c != ' ')))
			break;
		fits = i + 1 == name.n;
	}
	if (fits)
		return ST_OK;
	return parse_fail(t, "The type %.*s is not one to cast to", SV_ARG(name));
}

static enum status bind_aggregate(struct tree *t, struct level *l)
{
	if (t->options->no_aggregates)
		return bind_fail(t, ST_BAD_INPUT, SV("PGRST123"),
				 "Use of aggregate functions is not allowed");
	if (l->spread && l->one)
		l->hoists = true;
	else
		l->aggregated = true;
	return ST_OK;
}

static enum status bind_item(struct tree *t, struct level *l, struct item *i)
{
	if (i->alias.n > NAME_MAX_BYTES)
		return parse_fail(t, "The alias %.*s is longer than %d bytes", SV_ARG(i->alias),
				  NAME_MAX_BYTES);
	if (bind_cast(t, i->cast) || bind_cast(t, i->result_cast))
		return t->e->status;
	/* select=count, as it was written before there was count() */
	if (sv_eq(i->field.name, SV("count")) && !i->embed && !i->aggregate && !i->field.steps &&
	    !rest_field_find(l->table, i->field.name)) {
		i->aggregate = aggregate_count();
		i->field.name = SV_NONE;
		l->aggregated = true;
		return ST_OK;
	}
	if (i->aggregate && bind_aggregate(t, l))
		return t->e->status;
	return i->star || i->embed || !i->field.name.n ? ST_OK : bind_field(t, l, &i->field);
}

/* Does a spread relation give a column of that name to its parent? */
static bool gives(const struct level *l, const struct field *f)
{
	if (!l->spread || f->steps)
		return false;
	for (const struct item *i = l->items; i; i = i->next)
		if (!i->embed && !i->aggregate && !i->star &&
		    sv_eq(i->alias.n ? i->alias : i->field.name, f->name) &&
		    (i->alias.n || (!i->field.steps && !i->cast.n)))
			return true;
	return false;
}

/* order=client(name): the columns of a relation of which there is one. */
static enum status bind_related_order(struct tree *t, const struct level *l, struct order *o)
{
	o->related = level_child(t, l, o->relation);
	if (!o->related)
		return level_missing(t, o->relation);
	if (o->related->one) {
		o->joined = gives(o->related, &o->field);
		return o->joined ? ST_OK : bind_field(t, o->related, &o->field);
	}
	bind_fail(t, ST_BAD_INPUT, SV("PGRST118"), "A related order on '%.*s' is not possible",
		  SV_ARG(o->relation));
	t->e->details = sv_from(arena_printf(
		t->arena, "'%.*s' and '%.*s' do not form a many-to-one or one-to-one relationship",
		SV_ARG(l->table->name), SV_ARG(o->relation)));
	return t->e->status;
}

static enum status bind_order(struct tree *t, const struct level *l, struct order *o)
{
	return o->relation.n ? bind_related_order(t, l, o) : bind_field(t, l, &o->field);
}

static enum status bind_level(struct tree *t, struct level *l)
{
	for (struct item *i = l->items; i && !t->e->status; i = i->next)
		bind_item(t, l, i);
	if (!t->e->status)
		bind_conditions(t, l, l->conditions);
	for (struct order *o = l->orders; o && !t->e->status; o = o->next)
		bind_order(t, l, o);
	return t->e->status;
}

/* The aggregates of a spread relation group the rows of the level that it is
 * spread into. Children stand behind their parents. */
static enum status bind_spreads(struct tree *t)
{
	for (int i = t->nlevels - 1; i > 0; i--) {
		struct level *l = t->levels[i];

		if (l->spread && !l->one && l->aggregated) {
			bind_fail(t, ST_BAD_INPUT, SV("PGRST127"), "Feature not implemented");
			t->e->details = SV("Aggregates are not implemented for one-to-many or "
					   "many-to-many spreads.");
			return t->e->status;
		}
		if (l->hoists && l->parent->spread && l->parent->one)
			l->parent->hoists = true;
		else if (l->hoists)
			l->parent->aggregated = true;
	}
	return ST_OK;
}

/* /<table>/<id> is id=eq.<id>: the primary key beside the scope column. */
static enum status bind_id(struct tree *t)
{
	const struct rest_table *table = t->root->table;
	const struct rest_column *key = NULL;
	struct sv scope = sv_from(t->options->scope_column);

	for (size_t i = 0; i < table->nprimary; i++)
		if (table->nprimary == 1 || !sv_eq(table->primary[i]->name, scope))
			key = key ? NULL : table->primary[i];
	if (!key)
		return bind_fail(t, ST_NOT_FOUND, SV_NONE, "%s", status_text(ST_NOT_FOUND));
	return parse_filter(t, t->root, key->quoted,
			    sv_from(arena_printf(t->arena, "eq.%.*s", SV_ARG(t->id))), false);
}

enum status bind_tree(struct tree *t)
{
	if (!t->root->table) /* a function with one scalar result */
		return t->nlevels > 1 || t->root->conditions || t->root->orders
			       ? bind_fail(
					 t, ST_BAD_INPUT, SV("PGRST100"),
					 "%.*s returns a single value: it has no columns to filter",
					 SV_ARG(t->function->name))
			       : ST_OK;
	if (t->id.n && bind_id(t))
		return t->e->status;
	if (!t->root->items)
		*t->root->last_item = ARENA_NEW(t->arena, struct item), t->root->items->star = true;
	for (int i = 1; i < t->nlevels; i++)
		if (bind_relation(t, t->levels[i]))
			return t->e->status;
	for (int i = 0; i < t->nlevels && !t->e->status; i++)
		bind_level(t, t->levels[i]);
	return t->e->status ? t->e->status : bind_spreads(t);
}
