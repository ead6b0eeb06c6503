/*
 * Tree to SQL. Text is the same for requests of the same shape: values are
 * parameters; only what the planner should see, limits, is written out.
 */
#include "rest/tree.h"

#include <stdio.h>
#include <string.h>

void sql_begin(struct sql *q, struct rest_plan *plan, struct arena *a, int pass)
{
	*q = (struct sql){ .arena = a, .pass = pass, .plan = plan };
}

struct rest_statement sql_end(struct sql *q)
{
	struct rest_statement s = { arena_sv(q->arena, buf_sv(&q->text)), q->params, q->n };

	buf_release(&q->text);
	return s;
}

void sql_text(struct sql *q, const char *text)
{
	buf_add(&q->text, sv_from(text));
}

void sql_again(struct sql *q, int n)
{
	buf_addc(&q->text, '$');
	buf_add_i64(&q->text, n);
}

int sql_param(struct sql *q, struct sv value)
{
	q->params = arena_more(q->arena, q->params, q->n, &q->size, sizeof(*q->params));
	/* An empty value is a value, not null. */
	q->params[q->n++] =
		(struct db_value){ .kind = DB_TEXT_, .text = sv_present(value) ? value : SV("") };
	sql_again(q, (int)q->n);
	return (int)q->n;
}

void sql_sent(struct sql *q, const struct rest_column *c, struct sv value)
{
	struct rest_plan *p = q->plan;
	struct rest_sent *more;

	if ((p->nsent & (p->nsent - 1)) == 0) { /* 0 and the powers of two */
		more = ARENA_ARRAY(q->arena, p->nsent ? 2 * p->nsent : 1, struct rest_sent);
		if (p->nsent)
			memcpy(more, p->sent, p->nsent * sizeof(*more));
		p->sent = more;
	}
	p->sent[p->nsent++] = (struct rest_sent){ c, value };
}

/* ---- columns and paths ------------------------------------------------------ */

static void add(struct sql *q, const char *text)
{
	sql_text(q, text);
}

/* t3, the rows of level 3; j3, of its junction; s3, what it joins. */
static void add_alias(struct sql *q, char kind, const struct level *l)
{
	buf_addc(&q->text, kind);
	buf_add_i64(&q->text, l->number);
}

/* The whole row, with its type: in what a write returned it has none. */
static void add_row(struct sql *q, const struct level *l)
{
	add_alias(q, 't', l);
	if (!l->table->schema.n)
		return;
	add(q, "::");
	buf_add(&q->text, l->table->quoted);
}

void sql_column(struct sql *q, const struct level *l, const struct rest_column *c)
{
	if (c->call.n) {
		buf_add(&q->text, c->call);
		buf_addc(&q->text, '(');
		add_row(q, l);
		buf_addc(&q->text, ')');
		return;
	}
	add_alias(q, 't', l);
	buf_addc(&q->text, '.');
	buf_add(&q->text, c->quoted);
}

static bool is_json(const struct rest_column *c)
{
	return c->oid == 114 || c->oid == 3802;
}

static void add_step(struct sql *q, struct step *s)
{
	add(q, s->text ? "->>" : "->");
	if (s->pass == q->pass)
		sql_again(q, s->param);
	else
		s->param = sql_param(q, s->key);
	s->pass = q->pass;
	add(q, s->index ? "::text::int" : "::text");
}

void sql_field(struct sql *q, const struct level *l, const struct field *f)
{
	bool wrap = f->steps && !is_json(f->column);

	if (wrap)
		add(q, "to_jsonb(");
	sql_column(q, l, f->column);
	if (wrap)
		buf_addc(&q->text, ')');
	for (struct step *s = f->steps; s; s = s->next)
		add_step(q, s);
}

/* ---- select ------------------------------------------------------------------- */

static const struct {
	const char *name, *sql;
} casts[] = {
	{ "text", "text" },
	{ "varchar", "varchar" },
	{ "int2", "int2" },
	{ "smallint", "int2" },
	{ "int4", "int4" },
	{ "int", "int4" },
	{ "integer", "int4" },
	{ "int8", "int8" },
	{ "bigint", "int8" },
	{ "numeric", "numeric" },
	{ "decimal", "numeric" },
	{ "real", "float4" },
	{ "float4", "float4" },
	{ "float8", "float8" },
	{ "double precision", "float8" },
	{ "bool", "bool" },
	{ "boolean", "bool" },
	{ "date", "date" },
	{ "time", "time" },
	{ "timetz", "timetz" },
	{ "timestamp", "timestamp" },
	{ "timestamptz", "timestamptz" },
	{ "interval", "interval" },
	{ "uuid", "uuid" },
	{ "json", "json" },
	{ "jsonb", "jsonb" },
	{ "text[]", "text[]" },
	{ "int[]", "int4[]" },
	{ "int4[]", "int4[]" },
	{ "int8[]", "int8[]" },
	{ "numeric[]", "numeric[]" },
	{ "uuid[]", "uuid[]" },
};

const char *sql_cast(struct sv name)
{
	for (size_t i = 0; i < sizeof(casts) / sizeof(*casts); i++)
		if (sv_ieq(sv_from(casts[i].name), name))
			return casts[i].sql;
	return NULL;
}

/* What a column is called in the answer: its alias, its function, its own
 * name, or the last name on its path. */
static struct sv item_name(const struct item *i)
{
	struct sv name = i->field.name;

	if (i->alias.n)
		return i->alias;
	if (i->aggregate)
		return i->aggregate->name;
	for (const struct step *s = i->field.steps; s; s = s->next)
		if (!s->index)
			name = s->key;
	return name;
}

static struct sv embed_name(const struct level *l)
{
	return l->alias.n ? l->alias : l->name;
}

static void add_as(struct sql *q, struct sv name)
{
	add(q, " as ");
	buf_add(&q->text, rest_quoted(q->arena, name));
}

/* The list of what a level selects, while it is written. */
struct list {
	struct level *level;
	int n;		   /* written so far */
	struct buf groups; /* "1,t0."b",3": those that are no aggregates */
};

static void next(struct sql *q, struct list *list)
{
	if (list->n++)
		buf_addc(&q->text, ',');
}

/* What was just written is one of those that make a group. */
static void by_number(struct list *list)
{
	if (!list->level->aggregated)
		return;
	if (list->groups.n)
		buf_addc(&list->groups, ',');
	buf_add_i64(&list->groups, list->n);
}

/* JSON cannot be compared, the column that it was made from can. */
static void by_column(struct list *list, const struct level *l, const struct rest_column *c)
{
	if (list->level->aggregated)
		buf_addf(&list->groups, "%st%d.%.*s", list->groups.n ? "," : "", l->number,
			 SV_ARG(c->quoted));
}

/* Types without an emitter in C become JSON in PostgreSQL; below the root all
 * do, by row_to_json. */
static bool needs_json(const struct level *l, const struct rest_column *c)
{
	return !l->parent && c->as_json && !c->to_json.n;
}

static void add_plain(struct sql *q, struct list *list, const struct rest_column *c, struct sv name)
{
	const struct level *l = list->level;
	bool json = needs_json(l, c) && !q->plan->media.plain;

	next(q, list);
	if (json)
		add(q, "to_json(");
	if (c->to_json.n) {
		buf_add(&q->text, c->to_json);
		buf_addc(&q->text, '(');
	}
	sql_column(q, l, c);
	if (c->to_json.n)
		buf_addc(&q->text, ')');
	if (json)
		buf_addc(&q->text, ')');
	if (json || c->to_json.n || c->call.n || !sv_eq(name, c->name))
		add_as(q, name);
	if ((json || c->to_json.n) && !c->call.n)
		by_column(list, l, c);
	else
		by_number(list);
}

static void add_star(struct sql *q, struct list *list)
{
	const struct rest_table *t = list->level->table;

	for (size_t i = 0; i < t->ncolumns; i++)
		if (t->columns[i].readable && !t->columns[i].sealed)
			add_plain(q, list, &t->columns[i], t->columns[i].name);
}

void sql_row(struct sql *q, const struct level *l)
{
	bool first = true;

	for (size_t i = 0; i < l->table->ncolumns; i++) {
		const struct rest_column *c = &l->table->columns[i];

		if (!c->readable || c->sealed)
			continue;
		if (!first)
			buf_addc(&q->text, ',');
		first = false;
		sql_column(q, l, c);
	}
}

/* A type that is not on the list stands within cast(), where no words behind
 * it could mean anything. */
static void open_cast(struct sql *q, struct sv cast)
{
	if (cast.n)
		add(q, sql_cast(cast) ? "(" : "cast(");
}

static void close_cast(struct sql *q, struct sv cast)
{
	const char *known = sql_cast(cast);

	if (!cast.n)
		return;
	if (!known)
		add(q, " as ");
	else
		add(q, ")::");
	buf_add(&q->text, known ? sv_from(known) : cast);
	if (!known)
		buf_addc(&q->text, ')');
}

static void add_value_of(struct sql *q, const struct level *l, const struct item *i)
{
	if (!i->field.column) { /* count() */
		if (l->hoists)
			add_row(q, l);
		else
			buf_addc(&q->text, '*');
		return;
	}
	open_cast(q, i->cast);
	if (i->field.column->to_json.n && !i->field.steps && !i->aggregate) {
		buf_add(&q->text, i->field.column->to_json);
		buf_addc(&q->text, '(');
		sql_field(q, l, &i->field);
		buf_addc(&q->text, ')');
	} else {
		sql_field(q, l, &i->field);
	}
	close_cast(q, i->cast);
}

/* Is it unknown whether C can write the value as JSON? */
static bool odd_type(const struct item *i)
{
	if (i->result_cast.n)
		return !sql_cast(i->result_cast);
	if (i->aggregate && (i->aggregate->name.n == 5 || i->aggregate->name.p[0] != 'm'))
		return false; /* count, sum and avg are numbers */
	if (i->cast.n)
		return !sql_cast(i->cast);
	return i->field.column && i->field.column->as_json && !i->field.steps;
}

static void add_item(struct sql *q, struct list *list, const struct item *i)
{
	const struct level *l = list->level;
	const struct rest_column *c = i->field.column;
	bool aggregate = i->aggregate && !(l->spread && l->one);
	bool json = !l->parent && odd_type(i);

	if (c && !i->aggregate && !i->cast.n && !i->field.steps) {
		add_plain(q, list, c, item_name(i));
		return;
	}
	next(q, list);
	add(q, json ? "to_json(" : "");
	if (aggregate) {
		open_cast(q, i->result_cast);
		add(q, i->aggregate->sql);
	}
	add_value_of(q, l, i);
	if (aggregate) {
		buf_addc(&q->text, ')');
		close_cast(q, i->result_cast);
	}
	add(q, json ? ")" : "");
	add_as(q, item_name(i));
	if (!i->aggregate)
		by_number(list);
}

/* ---- relations ------------------------------------------------------------------ */

void sql_from(struct sql *q, const struct level *l)
{
	const struct relation *r = &l->relation;

	add(q, " from ");
	if (l->parent && r->computed) {
		buf_add(&q->text, r->computed->quoted);
		buf_addc(&q->text, '(');
		add_row(q, l->parent);
		buf_addf(&q->text, ") as t%d", l->number);
		return;
	}
	buf_add(&q->text, l->table->quoted);
	buf_addf(&q->text, " as t%d", l->number);
	if (l->parent && r->far)
		buf_addf(&q->text, ",%.*s as j%d", SV_ARG(r->far->from->quoted), l->number);
}

/* a."org"=b."org" and a."id"=b."contact_id" */
static void add_pairs(struct sql *q, char a, int na, const struct rest_column *const *of_a, char b,
		      int nb, const struct rest_column *const *of_b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(&q->text, "%s%c%d.%.*s=%c%d.%.*s", i ? " and " : "", a, na,
			 SV_ARG(of_a[i]->quoted), b, nb, SV_ARG(of_b[i]->quoted));
}

bool sql_joined(struct sql *q, const struct level *l)
{
	const struct relation *r = &l->relation;
	const struct rest_key *k = r->key;
	int n = l->number, up = l->parent ? l->parent->number : 0;

	if (!l->parent || r->computed)
		return false;
	if (r->far) {
		add_pairs(q, 't', n, r->far->to_columns, 'j', n, r->far->from_columns, r->far->n);
		add(q, " and ");
		add_pairs(q, 'j', n, k->from_columns, 't', up, k->to_columns, k->n);
	} else {
		add_pairs(q, 't', n, r->forward ? k->to_columns : k->from_columns, 't', up,
			  r->forward ? k->from_columns : k->to_columns, k->n);
	}
	return true;
}

/* rel() without anything in it is there for its filters only. */
static bool is_empty(const struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next)
		if (!i->embed || !is_empty(i->embed))
			return false;
	return true;
}

/* "select ... from ... where ... group by ... order by ... limit" of an
 * embedded relation. */
static void add_select(struct sql *q, struct level *l)
{
	int64_t limit = l->limit;

	add(q, "select ");
	sql_items(q, l);
	sql_from(q, l);
	sql_joins(q, l);
	sql_where(q, l);
	sql_groups(q, l);
	if (l->one) /* a function may find more */
		limit = limit != 0 && !(l->relation.computed) ? -1 : limit != 0;
	else if (q->max_rows && (limit < 0 || limit > q->max_rows))
		limit = q->max_rows;
	sql_tail(q, l, limit, l->offset);
}

/* A subquery in the list of what is selected: PostgreSQL runs it for the rows
 * that limit leaves, after sorting. */
static void add_json(struct sql *q, struct level *l, bool binary)
{
	const char *type = binary ? "::jsonb" : "";

	buf_addf(&q->text,
		 l->one ? "(select row_to_json(j)%s from ("
			: "(select coalesce(json_agg(j)%s,'[]') from (",
		 type);
	add_select(q, l);
	add(q, ") j)");
}

/* What a spread relation gives to the level that it is spread into. */
struct out {
	struct out *next;
	struct sv name;
	const struct item *item; /* NULL: a column of *, or JSON */
	bool json;		 /* at the root it has to be made JSON */
};

static struct out **add_out(struct sql *q, struct out **last, struct sv name,
			    const struct item *item, bool json)
{
	struct out *o = ARENA_NEW(q->arena, struct out);

	*o = (struct out){ NULL, name, item, json };
	*last = o;
	return &o->next;
}

static struct out **outputs(struct sql *q, struct out **last, const struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next) {
		const struct level *e = i->embed;

		if (i->star) {
			for (size_t n = 0; n < l->table->ncolumns; n++) {
				const struct rest_column *c = &l->table->columns[n];

				if (c->readable && !c->sealed)
					last = add_out(q, last, c->name, NULL,
						       c->as_json && !c->to_json.n);
			}
		} else if (!e) {
			last = add_out(q, last, item_name(i), i, odd_type(i));
		} else if (!is_empty(e)) {
			last = e->spread ? outputs(q, last, e)
					 : add_out(q, last, embed_name(e), NULL, false);
		}
	}
	return last;
}

static void add_joined(struct sql *q, struct list *list, const struct level *l, const struct out *o)
{
	bool json = o->json && l->one && !list->level->parent;
	bool aggregate =
		o->item && o->item->aggregate && !(list->level->spread && list->level->one);
	struct sv quoted = rest_quoted(q->arena, o->name);

	next(q, list);
	add(q, json ? "to_json(" : "");
	if (aggregate) {
		open_cast(q, o->item->result_cast);
		add(q, o->item->aggregate->sql);
	}
	add_alias(q, 's', l);
	buf_addf(&q->text, ".%.*s", SV_ARG(quoted));
	if (aggregate) {
		buf_addc(&q->text, ')');
		close_cast(q, o->item->result_cast);
	}
	add(q, json ? ")" : "");
	if (aggregate || json)
		buf_addf(&q->text, " as %.*s", SV_ARG(quoted));
	if (json && list->level->aggregated)
		buf_addf(&list->groups, "%ss%d.%.*s", list->groups.n ? "," : "", l->number,
			 SV_ARG(quoted));
	else if (!aggregate)
		by_number(list);
}

static void add_embed(struct sql *q, struct list *list, struct level *l)
{
	struct out *outs = NULL;

	if (is_empty(l))
		return;
	if (l->spread) {
		outputs(q, &outs, l);
		for (; outs; outs = outs->next)
			add_joined(q, list, l, outs);
		return;
	}
	next(q, list);
	if (list->level->aggregated) { /* to be grouped by, it has to be joined */
		add_alias(q, 's', l);
		add(q, ".j");
	} else {
		add_json(q, l, list->level->spread);
	}
	add_as(q, embed_name(l));
	by_number(list);
}

bool sql_items(struct sql *q, struct level *l)
{
	struct list list = { .level = l };

	for (const struct item *i = l->items; i; i = i->next) {
		if (i->star)
			add_star(q, &list);
		else if (i->embed)
			add_embed(q, &list, i->embed);
		else
			add_item(q, &list, i);
	}
	l->groups = arena_sv(q->arena, buf_sv(&list.groups));
	buf_release(&list.groups);
	return list.n > 0;
}

/* Of many rows: (select coalesce(json_agg(j."a"),'[]')::jsonb as "a" from ...) */
static void add_arrays(struct sql *q, struct level *l)
{
	struct out *outs = NULL;

	outputs(q, &outs, l);
	add(q, "select ");
	for (const struct out *o = outs; o; o = o->next) {
		struct sv quoted = rest_quoted(q->arena, o->name);

		buf_addf(&q->text, "coalesce(json_agg(j.%.*s),'[]')::jsonb as %.*s%s",
			 SV_ARG(quoted), SV_ARG(quoted), o->next ? "," : "");
	}
	add(q, " from (");
	add_select(q, l);
	add(q, ") j");
}

void sql_joins(struct sql *q, struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next) {
		struct level *e = i->embed;

		if (!e || is_empty(e) || (!e->spread && !l->aggregated))
			continue;
		add(q, " left join lateral (");
		if (e->spread && e->one) {
			add_select(q, e);
		} else if (e->spread) {
			add_arrays(q, e);
		} else {
			add(q, "select ");
			add_json(q, e, true);
			add(q, " as j");
		}
		add(q, ") as ");
		add_alias(q, 's', e);
		add(q, " on true");
	}
}

void sql_groups(struct sql *q, const struct level *l)
{
	if (!l->aggregated || !l->groups.n)
		return;
	add(q, " group by ");
	buf_add(&q->text, l->groups);
}

bool level_embeds(const struct level *l)
{
	for (const struct item *i = l->items; i; i = i->next)
		if (i->embed || i->aggregate || (i->field.column && i->field.column->call.n))
			return true;
	for (const struct order *o = l->orders; o; o = o->next)
		if (o->related)
			return true;
	return false;
}

/* ---- order -------------------------------------------------------------------- */

static void add_order(struct sql *q, struct order *o, const struct level *l)
{
	static const char *const nulls[] = { "", " nulls first", " nulls last" };

	if (o->joined) {
		add_alias(q, 's', o->related);
		buf_addc(&q->text, '.');
		buf_add(&q->text, rest_quoted(q->arena, o->field.name));
	} else if (o->related) {
		add(q, "(select ");
		sql_field(q, o->related, &o->field);
		sql_from(q, o->related);
		sql_where(q, o->related);
		buf_addc(&q->text, ')');
	} else {
		sql_field(q, l, &o->field);
	}
	add(q, o->descending ? " desc" : "");
	add(q, nulls[o->nulls]);
}

void sql_tail(struct sql *q, struct level *l, int64_t limit, int64_t offset)
{
	const char *glue = " order by ";

	for (struct order *o = l->orders; o; o = o->next, glue = ",") {
		add(q, glue);
		add_order(q, o, l);
	}
	/* A literal: with a parameter the planner would expect a tenth of the
	 * table, and plan every time because of it. */
	if (limit >= 0)
		buf_addf(&q->text, " limit %lld", (long long)limit);
	if (offset > 0) {
		add(q, " offset ");
		sql_param(q, sv_from(arena_printf(q->arena, "%lld", (long long)offset)));
	}
}
