/*
 * /settings/fields: what a tenant wants to know of its records (ADM-18..22),
 * and /lookup/:kind, the records that a field of type lookup can name.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#define ADMINS "select internal.admins_only('custom fields')"

static const struct type {
	const char *name, *label;
} types[] = {
	{ "text", "Text" },	      { "number", "Number" },
	{ "currency", "Currency" },   { "date", "Date" },
	{ "select", "Select" },	      { "multi_select", "Multi-select" },
	{ "checkbox", "Checkbox" },   { "url", "URL" },
	{ "email", "E-mail" },	      { "phone", "Phone" },
	{ "lookup", "Lookup" },	      { "file", "File" },
};

#define TYPES (sizeof(types) / sizeof(*types))

enum status fields_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int groups;

	web_me(rq, b);
	db_add(b, ADMINS);
	groups = db_add(b,
		"select e.entity, e.label, (select jsonb_agg(jsonb_build_object('id', d.id,"
		" 'label', d.label, 'key', d.key,"
		"	'type', initcap(replace(d.type, '_', '-')), 'required', d.required,"
		" 'is_hidden', d.is_hidden,"
		"	'options', (select string_agg(o, ', ') from"
		" jsonb_array_elements_text(d.options) o),"
		"	'links', d.lookup_entity) order by d.is_hidden, d.position, d.key)"
		"	from custom_field_definitions d where d.entity = e.entity) as fields"
		" from internal.custom_entities() e order by e.place");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "groups", b, groups);
	return web_render(rq, rs, "app/settings/fields", page, e);
}

/* ---- the form -------------------------------------------------------------------- */

static void show_types(struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, "types");

	for (size_t i = 0; i < TYPES; i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "name", sv_from(types[i].name));
		tmpl_set_text(one, "label", sv_from(types[i].label));
		tmpl_set_bool(one, "selected", sv_eq(chosen, sv_from(types[i].name)));
	}
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv entity = f ? http_form(rq, "entity") : http_query(rq, "entity");
	int row, entities;

	web_me(rq, b);
	db_add(b, ADMINS);
	row = db_add(b,
		"select d.id, d.entity, d.key, d.label, d.type, d.required, d.is_hidden,"
		" d.position, d.lookup_entity,"
		" (select string_agg(o, E'\\n') from jsonb_array_elements_text(d.options) o) as"
		" options"
		" from custom_field_definitions d where d.id = $1::uuid", DB_OPT(id));
	entities = db_add(b,
		"select e.entity as name, e.label, e.entity = coalesce(nullif($1, ''),"
		" 'contact') as selected"
		" from internal.custom_entities() e order by e.place", DB_S(entity));
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This field does not exist");
	page = web_page(rq, b);
	web_set_rows(page, "entities", b, entities);
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	}
	if (f)
		form_show(f, page, rs);
	show_types(page, f ? http_form(rq, "type") : db_first(b, row, "type"));
	return web_render(rq, rs, "app/settings/field", page, e);
}

enum status field_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status field_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "field", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* ---- saving ------------------------------------------------------------------------ */

struct input {
	struct sv label, options, links, position;
	bool required;
};

static void read_input(struct form *f, struct input *in)
{
	int64_t place;

	in->label = form_required(f, "label", "Write what the field is called");
	in->options = form_text(f, "options");
	in->links = form_text(f, "lookup_entity");
	in->position = form_text(f, "position");
	in->required = http_form(f->rq, "required").n > 0;
	tmpl_set_bool(f->values, "required", in->required);
	if (in->position.n && (!sv_to_i64(in->position, &place) || place < 0 || place > 10000))
		form_error(f, "position", SV("Write a whole number"));
}

#define OPTIONS_SQL "to_jsonb(regexp_split_to_array($4, E'\\\\s*\\n\\\\s*'))"

static enum status refused(struct http_request *rq, struct http_response *rs, struct sv id,
			   struct form *f, const struct db_batch *b, struct err *e)
{
	if (!form_refused(f, b, e))
		return e->status;
	return show(rq, rs, id, f, e);
}

enum status field_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct input in;
	struct form f;

	form_init(&f, rq);
	read_input(&f, &in);
	if (f.wrong)
		return show(rq, rs, SV_NONE, &f, e);
	db_add(b, ADMINS);
	db_add(b,
	       "insert into custom_field_definitions (entity, label, type, options,"
	       " lookup_entity, required, position)"
	       " values ($1, $2, $3, " OPTIONS_SQL ", nullif($5, ''), $6,"
	       " coalesce(nullif($7, '')::integer, 0))",
	       DB_S(form_text(&f, "entity")), DB_S(in.label), DB_S(form_text(&f, "type")),
	       DB_S(in.options), DB_S(in.links), DB_B(in.required), DB_S(in.position));
	if (db_run(b, e))
		return refused(rq, rs, SV_NONE, &f, b, e);
	return http_redirect(rs, SV("/settings/fields?done=created"));
}

/* Of a field that is there the entity and the key stay. */
enum status field_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct input in;
	struct form f;
	struct sv id;
	int saved;

	if (path_id(rq, "field", &id, e))
		return e->status;
	form_init(&f, rq);
	read_input(&f, &in);
	if (f.wrong)
		return show(rq, rs, id, &f, e);
	db_add(b, ADMINS);
	saved = db_add(b,
		"update custom_field_definitions set label = $2, type = $3,"
		" options = " OPTIONS_SQL ","
		" lookup_entity = nullif($5, ''), required = $6, position = coalesce(nullif($7,"
		" '')::integer, position)"
		" where id = $1::uuid",
		DB_S(id), DB_S(in.label), DB_S(form_text(&f, "type")), DB_S(in.options),
		DB_S(in.links), DB_B(in.required), DB_S(in.position));
	if (db_run(b, e))
		return refused(rq, rs, id, &f, b, e);
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This field does not exist");
	return http_redirect(rs, SV("/settings/fields?done=saved"));
}

/* Values of a hidden field stay in the records; showing it brings them back. */
enum status field_hide(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool hide = http_form(rq, "show").n == 0;
	struct sv id;
	int saved;

	if (path_id(rq, "field", &id, e))
		return e->status;
	db_add(b, ADMINS);
	saved = db_add(b, "update custom_field_definitions set is_hidden = $2 where id = $1::uuid",
		       DB_S(id), DB_B(hide));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This field does not exist");
	return http_redirect(rs, hide ? SV("/settings/fields?done=hidden")
				      : SV("/settings/fields?done=shown"));
}

enum status lookup_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b, "select id, name, detail from internal.entity_find($1, $2)",
			  DB_S(http_param(rq, "kind")), DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}
