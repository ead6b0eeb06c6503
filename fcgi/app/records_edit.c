/*
 * A cell changed in place: its editor as a fragment, and what stores it. The
 * same for tables, cards and the pages of records.
 */
#include "fcgi/app/records_state.h"

#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* The field that a request of /records/:kind/:id/:field means. */
struct target {
	struct records r;
	const struct record_field *field;
	struct sv id;
};

static enum status open_target(struct target *t, struct http_request *rq, struct err *e)
{
	static const struct http_pairs nothing;
	const struct record_kind *kind;

	if (records_kind_of(rq, &kind, e) || path_id(rq, kind->entity, &t->id, e))
		return e->status;
	t->r.table = false;
	if (records_open(&t->r, rq, kind, &nothing, e))
		return e->status;
	t->field = records_field(&t->r, http_param(rq, "field"));
	if (!t->field || !(t->field->flags & FIELD_EDIT))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This field cannot be changed here");
	return ST_OK;
}

/* The record's row with the field alone: what the cell shows. */
static int add_cell(const struct target *t, struct db_batch *b)
{
	struct query q;

	query_init(&q, t->r.arena);
	query_add(&q, "select t.updated_at::text as version");
	cell_columns(&q, t->field, 0);
	query_add(&q, " from ");
	query_add(&q, t->r.kind->table);
	query_add(&q, " t ");
	query_add(&q, t->r.kind->joins);
	query_with(&q, " where t.organization_id = (select auth.org()) and t.id = ", DB_S(t->id));
	query_add(&q, "::uuid");
	return query_run(&q, b);
}

static int add_current(const struct target *t, struct db_batch *b)
{
	return db_add(b,
		"select c.value, c.version, case when $4 and c.value #>> '{}' ~ '^[0-9a-f-]{36}$'"
		" then internal.entity_label(auth.org(), $5, (c.value #>> '{}')::uuid) end as label"
		" from internal.record_current($1, $2::uuid, $3) c",
		DB_C(t->r.kind->name), DB_S(t->id), DB_C(t->field->key), DB_B(t->field->type == FIELD_LINK),
		DB_S(t->field->to ? sv_from(record_kind_named(sv_from(t->field->to + 1))->entity) : SV("")));
}

static void decref(void *arg)
{
	json_decref(arg);
}

/* The stored value as a list of texts. */
static json_t *value_list(struct arena *a, struct sv text)
{
	json_t *value = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL), *list;

	if (json_is_array(value)) {
		list = value;
	} else {
		list = json_array();
		if (json_is_string(value))
			json_array_append(list, value);
		else if (json_is_object(value))
			json_array_append(list, json_object_get(value, "amount"));
		else if (value && !json_is_null(value))
			json_array_append_new(list, json_stringn(text.p, text.n));
		json_decref(value);
	}
	arena_cleanup(a, decref, list);
	return list;
}

static struct sv text_of(struct arena *a, const json_t *v)
{
	char *text;
	struct sv out;

	if (json_is_string(v))
		return sv_make(json_string_value(v), json_string_length(v));
	text = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
	out = text ? arena_sv(a, sv_from(text)) : SV("");
	free(text);
	return out;
}

static void show_values(const struct target *t, struct tmpl_value *editor, const json_t *values)
{
	struct arena *a = t->r.arena;
	struct tmpl_value *list = tmpl_set_list(editor, "values");
	buf_auto struct buf joined = BUF_INIT;
	json_t *one;
	size_t i;

	json_array_foreach(values, i, one) {
		tmpl_push(list, tmpl_text(a, text_of(a, one)));
		struct sv word = text_of(a, one);
		buf_addf(&joined, "%s%.*s", i ? ", " : "", SV_ARG(word));
	}
	tmpl_set_text(editor, "joined", arena_sv(a, buf_sv(&joined)));
	tmpl_set_text(editor, "value", text_of(a, json_array_get(values, 0)));
	tmpl_set_bool(editor, "yes", sv_eq(text_of(a, json_array_get(values, 0)), SV("true")));
}

enum status records_cell_editor(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct target t;
	struct db_batch *b;
	struct tmpl_value *page, *editor;
	json_t *values;
	int current, choices;

	if (open_target(&t, rq, e))
		return e->status;
	b = web_batch(rq);
	current = add_current(&t, b);
	choices = choices_add(&t.r, b, t.field);
	if (db_run(b, e))
		return e->status;
	values = value_list(rq->arena, db_first(b, current, "value"));
	page = web_page(rq, t.r.setup);
	editor = tmpl_set_map(page, "editor");
	tmpl_set_text(editor, "label", sv_from(tr(t.field->label)));
	tmpl_set_text(editor, "version", db_first(b, current, "version"));
	tmpl_set_text(editor, "was", db_first(b, current, "value"));
	tmpl_set_text(editor, "shown", db_first(b, current, "label"));
	tmpl_set_text(editor, "to", sv_from(t.field->to));
	tmpl_set_bool(editor, arena_printf(rq->arena, "is_%s", field_look(t.field->type)), true);
	show_values(&t, editor, values);
	choices_show(editor, t.field, b, choices, values);
	return web_render(rq, rs, "app/records_editor", page, e);
}

/* ---- storing ----------------------------------------------------------------- */

static struct sv values_json(struct http_request *rq)
{
	const struct http_pairs *form = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '[');
	for (size_t i = 0; i < form->n; i++) {
		if (!sv_eq(form->v[i].name, SV("value")))
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		buf_json(&out, form->v[i].value);
	}
	buf_addc(&out, ']');
	return arena_sv(rq->arena, buf_sv(&out));
}

static enum status render_cell(struct http_request *rq, const struct target *t, const struct db_batch *b,
			       int cell, struct buf *html, struct err *e)
{
	struct tmpl_value *page = tmpl_map(rq->arena);

	if (db_rows(b, cell))
		cell_show(page, t->field, 0, b, cell, 0);
	return tmpl_render(web_templates(rq), SV("app/records_cell"), page, rq->arena, html, e);
}

static enum status answer_cell(struct http_request *rq, struct http_response *rs, const struct target *t,
			       const struct db_batch *b, int cell, struct err *e)
{
	buf_auto struct buf html = BUF_INIT;

	if (render_cell(rq, t, b, cell, &html, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"html\":");
	buf_json(&rs->body, sv_trim(buf_sv(&html)));
	buf_lit(&rs->body, ",\"version\":");
	buf_json(&rs->body, db_first(b, cell, "version"));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

/* What the other one wrote, so that the person can choose. */
static enum status answer_conflict(struct http_request *rq, struct http_response *rs,
				   const struct target *t, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf html = BUF_INIT;
	struct err why = *e;
	int cell = add_cell(t, b), current = add_current(t, b);

	if (db_run(b, e) || render_cell(rq, t, b, cell, &html, e))
		return e->status;
	http_content_type(rs, "application/json");
	rs->status = 409;
	buf_lit(&rs->body, "{\"error\":");
	buf_json(&rs->body, sv_from(tr(arena_dup(rq->arena, err_message(&why)))));
	buf_lit(&rs->body, ",\"theirs\":");
	buf_json(&rs->body, sv_trim(buf_sv(&html)));
	buf_lit(&rs->body, ",\"version\":");
	buf_json(&rs->body, db_first(b, current, "version"));
	buf_lit(&rs->body, ",\"was\":");
	buf_json(&rs->body, db_first(b, current, "value"));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

enum status records_cell_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct target t;
	struct db_batch *b;
	int cell;

	if (open_target(&t, rq, e))
		return e->status;
	b = web_batch(rq);
	db_add(b, "select internal.record_set($1, $2::uuid, $3, $4::jsonb, $5, $6::jsonb)", DB_C(t.r.kind->name),
	       DB_S(t.id), DB_C(t.field->key), DB_S(values_json(rq)), DB_OPT(http_form(rq, "version")),
	       DB_OPT(http_form(rq, "was")));
	cell = add_cell(&t, b);
	if (db_run(b, e))
		return e->status == ST_CONFLICT ? answer_conflict(rq, rs, &t, e) : e->status;
	return answer_cell(rq, rs, &t, b, cell, e);
}
