/* The small forms of a list: one filter, the columns, saved views. Each comes as
 * a fragment into the page's dialog. */
#include "fcgi/app/records_state.h"

#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

static enum status open_kind(struct http_request *rq, struct records *r, const struct http_pairs *given,
			     struct err *e)
{
	const struct record_kind *kind;

	if (records_kind_of(rq, &kind, e))
		return e->status;
	r->table = sv_eq(http_cookie(rq, arena_printf(rq->arena, "kontor_%s", kind->name)), SV("table"));
	return records_open(r, rq, kind, given, e);
}

/* The state as hidden fields of a form. */
static void show_state(const struct records *r, struct tmpl_value *page)
{
	tmpl_set_text(page, "kind", sv_from(r->kind->name));
	tmpl_set_text(page, "path", sv_from(r->kind->path));
	tmpl_set_text(page, "state", records_state_json(r));
}

/* ---- one filter ---------------------------------------------------------------- */

static const char *const value_words[] = {
	[OP_NONE] = "none", [OP_ONE] = "one", [OP_TWO] = "two", [OP_MANY] = "many", [OP_DAYS] = "days",
};

static void show_ops(struct tmpl_value *form, const struct record_field *f, const struct record_op *chosen)
{
	struct tmpl_value *list = tmpl_set_list(form, "ops");

	for (const struct record_op *op = records_ops; op->name; op++) {
		struct tmpl_value *one;

		if (!(op->types & (1u << f->type)))
			continue;
		one = tmpl_push_map(list);
		tmpl_set_text(one, "name", sv_from(op->name));
		tmpl_set_text(one, "label", sv_from(tr(op->label)));
		tmpl_set_text(one, "values", sv_from(value_words[op->values]));
		tmpl_set_bool(one, "selected", op == chosen);
	}
}

static void show_filter(struct tmpl_value *form, const struct record_field *f, const struct record_filter *now)
{
	json_t *values = now ? now->values : NULL;

	tmpl_set_text(form, "key", sv_from(f->key));
	tmpl_set_text(form, "label", sv_from(tr(f->label)));
	show_ops(form, f, now ? now->op : NULL);
	tmpl_set_text(form, "value", sv_from(json_string_value(json_array_get(values, 0))));
	tmpl_set_text(form, "second", sv_from(json_string_value(json_array_get(values, 1))));
}

enum status records_filter(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct http_pairs nothing;
	struct sv rest = http_query(rq, "f"), key = sv_cut(&rest, ':');
	struct http_pair pair = { SV("f"), http_query(rq, "f") };
	struct http_pairs one = { &pair, 1 };
	struct records r = { 0 };
	const struct record_field *f;
	struct tmpl_value *page, *form;
	struct db_batch *b;
	int choices;

	if (open_kind(rq, &r, rest.n ? &one : &nothing, e))
		return e->status;
	f = records_field(&r, key);
	if (!f || !(f->flags & FIELD_FILTER))
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such filter");
	b = web_batch(rq);
	choices = choices_add(&r, b, f);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, r.setup);
	show_state(&r, page);
	form = tmpl_set_map(page, "filter");
	show_filter(form, f, r.n_filters ? &r.filters[0] : NULL);
	tmpl_set_bool(form, arena_printf(rq->arena, "is_%s", field_look(f->type)), true);
	tmpl_set_bool(form, "is_when", f->type == FIELD_DATE || f->type == FIELD_TIME);
	tmpl_set_bool(form, "me", f->type == FIELD_PERSON);
	tmpl_set_text(form, "to", sv_from(f->to));
	choices_show(form, f, b, choices, r.n_filters ? r.filters[0].values : NULL);
	return web_render(rq, rs, "app/records_filter", page, e);
}

/* ---- columns --------------------------------------------------------------------- */

static bool has_column(const struct records *r, const struct record_field *f)
{
	for (size_t i = 0; i < r->n_columns; i++)
		if (r->columns[i] == f)
			return true;
	return false;
}

static void push_column(struct tmpl_value *list, const struct record_field *f, bool shown)
{
	struct tmpl_value *one = tmpl_push_map(list);

	tmpl_set_text(one, "key", sv_from(f->key));
	tmpl_set_text(one, "label", sv_from(tr(f->label)));
	tmpl_set_bool(one, "shown", shown);
}

enum status records_columns(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct records r = { 0 };
	struct tmpl_value *page, *list;

	if (open_kind(rq, &r, http_query_all(rq), e))
		return e->status;
	page = web_page(rq, r.setup);
	show_state(&r, page);
	list = tmpl_set_list(page, "columns");
	for (size_t i = 0; i < r.n_columns; i++)
		push_column(list, r.columns[i], true);
	for (size_t i = 0; i < r.n_fields; i++)
		if (!has_column(&r, r.fields[i]) && !(r.fields[i]->flags & (FIELD_TITLE | FIELD_EXPORT_ONLY)))
			push_column(list, r.fields[i], false);
	tmpl_set_text(page, "back", records_link(&r, &(struct records_link){ 0 }));
	return web_render(rq, rs, "app/records_columns", page, e);
}

/* Where a form of a dialog came from: a path of this list, else the list itself. */
static struct sv back_to(struct http_request *rq, const struct records *r)
{
	struct sv back = http_form(rq, "back");
	size_t n = strlen(r->kind->path);

	return sv_starts(back, sv_from(r->kind->path)) && (back.n == n || back.p[n] == '?') ?
		       back : sv_from(r->kind->path);
}

/* The chosen columns that there are, as an array literal; empty: the usual ones. */
static struct sv chosen_columns(struct http_request *rq, const struct records *r)
{
	const struct http_pairs *form = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;
	bool reset = http_form(rq, "reset").n > 0;

	buf_addc(&out, '[');
	for (size_t i = 0; i < form->n && !reset; i++) {
		const struct record_field *f = sv_eq(form->v[i].name, SV("col")) ?
						       records_field(r, form->v[i].value) : NULL;

		if (!f)
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		buf_json(&out, sv_from(f->key));
	}
	buf_addc(&out, ']');
	return arena_sv(rq->arena, buf_sv(&out));
}

enum status records_columns_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct http_pairs nothing;
	struct records r = { 0 };
	struct db_batch *b;

	if (open_kind(rq, &r, &nothing, e))
		return e->status;
	b = web_batch(rq);
	db_add(b,
		"insert into list_preferences (kind, columns) values ($1,"
		" array(select jsonb_array_elements_text($2::jsonb)))"
		" on conflict (organization_id, user_id, kind) do update set columns = excluded.columns",
		DB_C(r.kind->name), DB_S(chosen_columns(rq, &r)));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, back_to(rq, &r));
}

/* ---- views ---------------------------------------------------------------------------- */

enum status records_view_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct records r = { 0 };
	struct tmpl_value *page;

	if (open_kind(rq, &r, http_query_all(rq), e))
		return e->status;
	page = web_page(rq, r.setup);
	show_state(&r, page);
	tmpl_set_bool(page, "rename", http_query(rq, "rename").n > 0);
	tmpl_set_text(page, "id", http_query(rq, "rename").n ? r.view_id : uuid_new(rq->arena));
	tmpl_set_text(page, "name", http_query(rq, "rename").n ? r.view_name : SV_NONE);
	tmpl_set_bool(page, "shared", r.view_shared);
	return web_render(rq, rs, "app/records_view", page, e);
}

static enum status to_view(struct http_request *rq, struct http_response *rs, const struct record_kind *kind,
			   struct sv id)
{
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "%s?v=%.*s", kind->path, SV_ARG(id))));
}

/* A state as it was sent; what is no state of ours counts as none. */
static struct sv sent_state(struct http_request *rq)
{
	struct sv text = http_form(rq, "state");
	json_t *state = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
	bool good = json_is_object(state);

	json_decref(state);
	return good ? text : SV_NONE;
}

enum status records_view_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct record_kind *kind;
	struct db_batch *b = web_batch(rq);
	struct sv id = http_form(rq, "id"), state = sent_state(rq);

	if (records_kind_of(rq, &kind, e))
		return e->status;
	if (!uuid_valid(id))
		id = uuid_new(rq->arena);
	db_add(b,
		"insert into saved_views (id, kind, name, is_shared, state) values ($1::uuid, $2, $3, $4, $5::jsonb)"
		" on conflict do nothing",
		DB_S(id), DB_C(kind->name), DB_S(http_form(rq, "name")), DB_B(http_form(rq, "shared").n > 0),
		DB_S(sv_present(state) ? state : SV("{}")));
	if (db_run(b, e))
		return e->status;
	return to_view(rq, rs, kind, id);
}

/* Name and sharing when they were sent, the state when it was. */
enum status records_view_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct record_kind *kind;
	struct db_batch *b = web_batch(rq);
	struct sv id, name = sv_trim(http_form(rq, "name"));
	int saved;

	if (records_kind_of(rq, &kind, e) || path_id(rq, "view", &id, e))
		return e->status;
	saved = db_add(b,
		"update saved_views v set name = coalesce(nullif($2, ''), v.name),"
		" is_shared = case when $3 <> '' then $3 = 'yes' else v.is_shared end,"
		" state = coalesce($4::jsonb, v.state) where v.id = $1::uuid",
		DB_S(id), DB_S(name.p ? name : SV("")), DB_S(http_form(rq, "sharing").p ? http_form(rq, "sharing") : SV("")),
		DB_S(sent_state(rq)));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_FORBIDDEN, "This view is somebody else's: save it under another name");
	return to_view(rq, rs, kind, id);
}

enum status records_view_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct record_kind *kind;
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (records_kind_of(rq, &kind, e) || path_id(rq, "view", &id, e))
		return e->status;
	gone = db_add(b, "delete from saved_views v where v.id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_FORBIDDEN, "This view is somebody else's");
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "%s?sort=%s", kind->path, kind->sort)));
}

/* The view that opens first, for whoever asks; once more: none. */
enum status records_view_default(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct record_kind *kind;
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (records_kind_of(rq, &kind, e) || path_id(rq, "view", &id, e))
		return e->status;
	db_add(b,
		"insert into list_preferences as p (kind, default_view_id) values ($1, $2::uuid)"
		" on conflict (organization_id, user_id, kind) do update set default_view_id ="
		" case when p.default_view_id = excluded.default_view_id then null else excluded.default_view_id end",
		DB_C(kind->name), DB_S(id));
	if (db_run(b, e))
		return e->status;
	return to_view(rq, rs, kind, id);
}
