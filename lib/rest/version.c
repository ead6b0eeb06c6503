/*
 * The version of a row, so that two people who change it do not undo each
 * other's work: ETag tells it, If-Match asks for it.
 *
 * It is xmin, the transaction that wrote the row as it is, which PostgreSQL
 * keeps by itself for every table. A condition on it is judged again when a
 * row turns out to have been changed meanwhile, so nothing has to be locked.
 */
#include "rest/tree.h"

static bool tests_equality(const struct condition *k, const struct rest_column *c)
{
	return k->kind == TEST && !k->negate && k->quantity == ONE_VALUE && !k->field.steps &&
	       !k->other && k->op && sv_eq(k->op->name, SV("eq")) && k->field.column == c;
}

/* The filters name one row: all of its key, but whose it is goes without saying. */
static bool names_row(const struct tree *t)
{
	const struct rest_table *table = t->root->table;
	const struct rest_column *scope =
		rest_column_find(table, sv_from(t->options->scope_column));

	for (size_t i = 0; i < table->nprimary; i++) {
		const struct condition *k = t->root->conditions;

		while (k && !tests_equality(k, table->primary[i]))
			k = k->next;
		if (!k && table->primary[i] != scope)
			return false;
	}
	return table->nprimary > 0 && !table->view;
}

bool version_wanted(const struct tree *t, const struct rest_plan *plan)
{
	return t->options->versions && !t->root->aggregated && plan->media.form == REST_JSON &&
	       !plan->media.explain && !plan->media.handler && !plan->media.geojson &&
	       !plan->media.counted && !plan->media.strip && names_row(t);
}

void version_select(struct sql *q, bool first)
{
	sql_text(q, first ? "t0.xmin::text as version" : ",t0.xmin::text as version");
}

/* "1234", also as nginx marks it when it compresses: W/"1234" */
static struct sv opaque(struct sv tag)
{
	if (sv_starts(tag, SV("W/")))
		tag = sv_skip(tag, 2);
	return tag.n >= 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"' ?
		       sv_make(tag.p + 1, tag.n - 2) : SV("");
}

enum status version_condition(struct tree *t, struct rest_plan *plan, struct sql *q)
{
	struct sv rest = t->in->if_match;
	const char *glue = " and t0.xmin::text in (";

	if (!t->options->versions || !rest.n)
		return ST_OK;
	if (!names_row(t)) {
		parse_fail(t, "If-Match goes with a filter that names one row");
		t->e->hint = SV("Say which one by its primary key, for example ?id=eq.<id>");
		return t->e->status;
	}
	plan->bound = true;
	if (sv_eq(sv_trim(rest), SV("*")))
		return ST_OK;
	while (sv_present(rest)) {
		sql_text(q, glue);
		sql_param(q, opaque(sv_trim(sv_cut(&rest, ','))));
		glue = ",";
	}
	sql_text(q, ")");
	return ST_OK;
}

void version_written(const struct tree *t, struct rest_plan *plan)
{
	if (t->options->versions && plan->answer == REST_ROWS && !t->root->table->view &&
	    plan->media.form == REST_JSON && t->in->method != HTTP_DELETE &&
	    !(t->in->flags & REST_ROLLBACK))
		plan->version.sql = SV("select pg_current_xact_id_if_assigned()::xid::text");
}
