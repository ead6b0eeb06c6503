/* The page on which the columns of a file are chosen, and the start. */
#include "fcgi/app/imports.h"
#include "fcgi/app/routes.h"


#include <string.h>

#define PREVIEW 10 /* UCF-48 */
#define SAMPLES 3
#define SHOWN 200 /* bytes of a value */
#define COLUMNS CSV_FIELDS_MAX

/* ---- the first lines ------------------------------------------------------- */

enum status import_headers(struct arena *a, struct sv text, struct sv *json, struct err *e)
{
	struct csv c;
	struct csv_row *row = ARENA_NEW(a, struct csv_row);
	buf_auto struct buf out = BUF_INIT;

	csv_begin(&c, a, text);
	if (!csv_next(&c, row))
		return err_set(e, a, ST_BAD_INPUT, "%s", tr("The file has no rows"));
	if (row->n + row->dropped > COLUMNS)
		return err_set(e, a, ST_BAD_INPUT, tr("The file has more than %d columns"), COLUMNS);
	buf_addc(&out, '[');
	for (size_t i = 0; i < row->n; i++) {
		if (i)
			buf_addc(&out, ',');
		buf_json(&out, sv_is_text(row->v[i]) ? sv_make(row->v[i].p, row->v[i].n < 500 ? row->v[i].n : 0) : SV(""));
	}
	buf_addc(&out, ']');
	if (!c.open && !csv_next(&c, row))
		return err_set(e, a, ST_BAD_INPUT, "%s", tr("The file has no rows below its first line"));
	if (c.open)
		return err_set(e, a, ST_BAD_INPUT, tr("Line %zu: a quote is opened and never closed"), c.open);
	*json = arena_sv(a, buf_sv(&out));
	return ST_OK;
}

/* ---- where a file comes from -------------------------------------------------- */

static const char *source_of(const struct csv_row *first)
{
	for (size_t i = 0; i < first->n; i++) {
		struct sv h = first->v[i];

		if (sv_eq(h, SV("Record ID")) || sv_eq(h, SV("Lifecycle Stage")))
			return "HubSpot";
		if (sv_starts(h, SV("Person - ")) || sv_starts(h, SV("Deal - ")) ||
		    sv_starts(h, SV("Organization - ")))
			return "Pipedrive";
		if (sv_ieq(h, SV("Lead tags")) || sv_ieq(h, SV("Lead pipeline")) || sv_ieq(h, SV("Company lead's name")))
			return "Kommo";
	}
	return NULL;
}

/* ---- the columns ---------------------------------------------------------------- */

struct choices {
	struct http_request *rq;
	enum import_kind kind;
	const struct db_batch *b;
	int custom;         /* statement: fields of the tenant's own */
	json_t *remembered; /* by files of that shape; or NULL */
	const char *source;
};

static struct sv same_custom(const struct choices *c, struct sv header)
{
	for (size_t i = 0; i < db_rows(c->b, c->custom); i++)
		if (sv_ieq(header, db_get(c->b, c->custom, i, 1)) || sv_ieq(header, db_get(c->b, c->custom, i, 0)))
			return sv_from(arena_printf(c->rq->arena, "cf.%s",
						    arena_dup(c->rq->arena, db_get(c->b, c->custom, i, 0))));
	return SV_NONE;
}

/* UCF-52: these words of HubSpot's are tags. */
static bool is_hubspot_tag(const struct choices *c, struct sv header)
{
	return c->kind == IMPORT_CONTACTS && c->source && !strcmp(c->source, "HubSpot") &&
	       (sv_ieq(header, SV("Lead Status")) || sv_ieq(header, SV("Lifecycle Stage")));
}

static struct sv suggestion(const struct choices *c, size_t i, struct sv header)
{
	json_t *was = json_array_get(c->remembered, i);
	struct sv s;

	if (json_is_string(was))
		return sv_make(json_string_value(was), json_string_length(was));
	if (c->remembered)
		return SV("");
	s = same_custom(c, header);
	if (s.n)
		return s;
	if (is_hubspot_tag(c, header))
		return SV("tags");
	s = import_suggest(c->kind, header);
	return s.n && !(c->kind == IMPORT_DEALS && sv_starts(s, SV("cf."))) ? s : SV("");
}

static bool add_option(struct tmpl_value *list, struct sv value, struct sv label, struct sv chosen)
{
	struct tmpl_value *o = tmpl_push_map(list);

	tmpl_set_text(o, "value", value);
	tmpl_set_text(o, "label", label);
	tmpl_set_bool(o, "selected", sv_eq(value, chosen));
	return sv_eq(value, chosen);
}

/* As much of a value as is shown. */
static struct sv clip(struct arena *a, struct sv v)
{
	size_t n = SHOWN;

	if (!sv_is_text(sv_make(v.p, v.n < 4 * SHOWN ? v.n : 0)))
		return SV("");
	if (v.n <= SHOWN)
		return v;
	while (n && (v.p[n] & 0xc0) == 0x80)
		n--;
	v = sv_from(arena_printf(a, "%.*s…", (int)n, v.p));
	return sv_is_text(v) ? v : SV("…");
}

static void add_column(const struct choices *c, struct tmpl_value *list, size_t i, const struct csv_row *rows,
		       size_t nrows)
{
	struct tmpl_value *column = tmpl_push_map(list), *fields, *own, *samples;
	struct sv header = rows[0].v[i], chosen = suggestion(c, i, header), id;
	const char *label;
	bool found = false;
	size_t at = 0, n = 0;

	tmpl_set_int(column, "index", (int64_t)i);
	tmpl_set_text(column, "header", header);
	samples = tmpl_set_list(column, "samples");
	for (size_t k = 1; k < nrows && n < SAMPLES; k++)
		if (i < rows[k].n && rows[k].v[i].n) {
			tmpl_push(samples, tmpl_text(c->rq->arena, clip(c->rq->arena, rows[k].v[i])));
			n++;
		}
	fields = tmpl_set_list(column, "fields");
	while (import_field(c->kind, &at, &id, &label))
		found |= add_option(fields, id, sv_from(label), chosen);
	own = tmpl_set_list(column, "own");
	for (size_t k = 0; k < db_rows(c->b, c->custom); k++)
		found |= add_option(own,
				    sv_from(arena_printf(c->rq->arena, "cf.%s",
							 arena_dup(c->rq->arena, db_get(c->b, c->custom, k, 0)))),
				    db_get(c->b, c->custom, k, 1), chosen);
	if (!found && sv_starts(chosen, SV("cf.")))
		found = add_option(own, chosen, header, chosen);
	if (header.n)
		tmpl_set_text(column, "new_field",
			      sv_from(arena_printf(c->rq->arena, "new:%.*s", SV_ARG(header))));
	tmpl_set_bool(column, "ignored", !found);
}

static void add_preview(struct tmpl_value *page, struct arena *a, const struct csv_row *rows, size_t nrows,
			size_t ncolumns)
{
	struct tmpl_value *head = tmpl_set_list(page, "head"), *list = tmpl_set_list(page, "preview");

	for (size_t i = 0; i < ncolumns; i++)
		tmpl_push(head, tmpl_text(a, rows[0].v[i]));
	for (size_t k = 1; k < nrows; k++) {
		struct tmpl_value *cells = tmpl_set_list(tmpl_push_map(list), "cells");

		for (size_t i = 0; i < ncolumns; i++)
			tmpl_push(cells, tmpl_text(a, i < rows[k].n ? clip(a, rows[k].v[i]) : SV("")));
	}
}

static void decref(void *arg)
{
	json_decref(arg);
}

static void set_encodings(struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *list;

	if (!chosen.n)
		return;
	list = tmpl_set_list(page, "encodings");
	for (size_t i = 0; table_encodings[i]; i++)
		add_option(list, sv_from(table_encodings[i]), sv_from(table_encodings[i]), chosen);
}

enum status import_mapping(struct http_request *rq, struct http_response *rs, struct sv id, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct choices c = { .rq = rq, .b = b };
	struct csv_row *rows = ARENA_ARRAY(rq->arena, PREVIEW + 1, struct csv_row);
	struct csv csv;
	struct tmpl_value *page, *columns;
	struct sv text, map;
	size_t n = 0;
	int row, team, was;

	web_me(rq, b);
	row = db_add(b, "select * from imports where id = $1::uuid", DB_S(id));
	c.custom = db_add(b,
		"select d.key, d.label from custom_field_definitions d join imports i on i.id = $1::uuid"
		" where d.entity = case i.kind when 'companies' then 'company' else rtrim(i.kind, 's') end and not d.is_hidden"
		" order by d.position, d.label", DB_S(id));
	was = db_add(b,
		"select m.mapping from import_mappings m join imports i on i.id = $1::uuid and m.kind = i.kind"
		" where m.shape = left(encode(sha256(convert_to(i.headers::text, 'UTF8')), 'hex'), 32)", DB_S(id));
	team = team_add(b, SV_NONE);
	if (db_run(b, e))
		return e->status;
	import_kind_of(db_first(b, row, "kind"), &c.kind);
	if (table_file_map(db_first(b, row, "organization_id"), db_first(b, row, "text_sha256"), rq->arena, &text, e))
		return e->status;
	csv_begin(&csv, rq->arena, text);
	while (n <= PREVIEW && csv_next(&csv, &rows[n]))
		n++;
	map = db_first(b, was, "mapping");
	if (map.n) {
		c.remembered = json_loadb(map.p, map.n, 0, NULL);
		arena_cleanup(rq->arena, decref, c.remembered);
	}
	c.source = source_of(&rows[0]);
	page = web_page(rq, b);
	web_set_row(page, "import", b, row, 0);
	web_set_rows(page, "team", b, team);
	set_encodings(page, db_first(b, row, "encoding"));
	if (c.source)
		tmpl_set_text(page, "source", sv_from(c.source));
	tmpl_set_bool(page, "remembered", c.remembered != NULL);
	columns = tmpl_set_list(page, "columns");
	for (size_t i = 0; i < rows[0].n; i++)
		add_column(&c, columns, i, rows, n);
	add_preview(page, rq->arena, rows, n, rows[0].n);
	return web_render(rq, rs, "app/imports/map", page, e);
}

/* ---- the start --------------------------------------------------------------------- */

/* Fields column.0, column.1 ... as a JSON array. */
static struct sv chosen_columns(struct http_request *rq, bool *any)
{
	struct buf *json = buf_in_arena(rq->arena);

	buf_addc(json, '[');
	for (int i = 0; i < COLUMNS; i++) {
		struct sv v = http_form(rq, arena_printf(rq->arena, "column.%d", i));

		if (!sv_present(v))
			break;
		if (i)
			buf_addc(json, ',');
		if (v.n)
			buf_json(json, v);
		else
			buf_lit(json, "null");
		*any = *any || v.n;
	}
	buf_addc(json, ']');
	return buf_sv(json);
}

static struct sv chosen_defaults(struct http_request *rq)
{
	struct buf *json = buf_in_arena(rq->arena);
	struct form f;
	struct sv source, owner;

	form_init(&f, rq);
	source = form_text(&f, "source");
	owner = form_id(&f, "assignee_id");
	buf_lit(json, "{\"tags\":");
	buf_add(json, form_words(&f, "tags"));
	if (source.n) {
		buf_json_key(json, "source");
		buf_json(json, source.n <= 50 ? source : sv_make(source.p, 50));
	}
	if (owner.n) {
		buf_json_key(json, "assignee_id");
		buf_json(json, owner);
	}
	buf_addc(json, '}');
	return buf_sv(json);
}

static const char *one_of(struct sv v, const char *const *allowed)
{
	for (size_t i = 0; allowed[i]; i++)
		if (sv_eq(v, sv_from(allowed[i])))
			return allowed[i];
	return allowed[0];
}

enum status import_begin_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const char *const modes[] = { "merge", "skip", "add", NULL };
	static const char *const matches[] = { "email", "any", NULL };
	struct db_batch *b = web_batch(rq);
	bool any = false;
	struct sv id, mapping;

	if (path_id(rq, "import", &id, e))
		return e->status;
	mapping = chosen_columns(rq, &any);
	if (!any)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Choose at least one column to import"));
	db_add(b,
	       "select internal.import_start($1::uuid, $2::jsonb, $3, $4, $5::jsonb,"
	       " (select left(encode(sha256(convert_to(i.headers::text, 'UTF8')), 'hex'), 32) from imports i where i.id = $1::uuid))",
	       DB_S(id), DB_S(mapping), DB_C(one_of(http_form(rq, "duplicates"), modes)),
	       DB_C(one_of(http_form(rq, "match"), matches)), DB_S(chosen_defaults(rq)));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/imports/", id, "");
}
