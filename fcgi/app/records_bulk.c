/*
 * Changes of many records: what to do, doing it, how far it is, the way back.
 * Up to 500 records are changed in the request, more by the worker (worker/bulk.c).
 */
#include "fcgi/app/records_state.h"

#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* An action of the page: which change it is, of which field. */
static const struct bulk_action {
	const char *name, *label; /* N_() */
	const char *action;       /* of bulk_changes */
	const char *key, *value;  /* of the kind, or fixed; NULL: from the form */
} actions[] = {
	{ "assign", N_("Assign"), "set", NULL, NULL },
	{ "add_tags", N_("Add tags"), "add_tags", "tags", NULL },
	{ "remove_tags", N_("Remove tags"), "remove_tags", "tags", NULL },
	{ "opt_in", N_("Marketing: opt in"), "set", NULL, "[\"true\"]" },
	{ "opt_out", N_("Marketing: opt out"), "set", NULL, "[\"false\"]" },
	{ "set", N_("Set a field"), "set", NULL, NULL },
	{ "delete", N_("Delete"), "delete", NULL, "[]" },
};

static const struct bulk_action *action_named(struct sv name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (sv_eq(name, sv_from(actions[i].name)))
			return &actions[i];
	return NULL;
}

/* The field that an action changes. */
static const struct record_field *field_of(const struct records *r, const struct bulk_action *a, struct sv key)
{
	if (sv_eq(sv_from(a->name), SV("assign")))
		key = sv_from(r->kind->owner);
	else if (sv_starts(sv_from(a->name), SV("opt_")))
		key = sv_from(r->kind->consent);
	else if (a->key)
		key = sv_from(a->key);
	return records_field(r, key);
}

static enum status open_kind(struct http_request *rq, struct records *r, const struct http_pairs *given,
			     struct err *e)
{
	const struct record_kind *kind;

	if (records_kind_of(rq, &kind, e))
		return e->status;
	return records_open(r, rq, kind, given, e);
}

/* ---- the dialog --------------------------------------------------------------- */

static void show_fields(const struct records *r, struct tmpl_value *page)
{
	struct tmpl_value *list = tmpl_set_list(page, "fields");

	for (size_t i = 0; i < r->n_fields; i++) {
		const struct record_field *f = r->fields[i];
		struct tmpl_value *one;

		if (!(f->flags & FIELD_EDIT) || f->flags & FIELD_TITLE || f->type == FIELD_PHONES ||
		    f->type == FIELD_EMAILS)
			continue;
		one = tmpl_push_map(list);
		tmpl_set_text(one, "key", sv_from(f->key));
		tmpl_set_text(one, "label", sv_from(tr(f->label)));
	}
}

enum status records_bulk_form(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct http_pairs nothing;
	const struct bulk_action *a = action_named(http_query(rq, "action"));
	const struct record_field *f;
	struct records r = { 0 };
	struct tmpl_value *page, *editor;
	struct db_batch *b;
	int choices = -1;

	if (!a)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such action");
	if (open_kind(rq, &r, &nothing, e))
		return e->status;
	f = field_of(&r, a, http_query(rq, "key"));
	b = web_batch(rq);
	if (f)
		choices = choices_add(&r, b, f);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, r.setup);
	tmpl_set_text(page, "kind", sv_from(r.kind->name));
	tmpl_set_text(page, "action", sv_from(a->name));
	tmpl_set_text(page, "label", sv_from(tr(a->label)));
	tmpl_set_bool(page, "deletes", sv_eq(sv_from(a->action), SV("delete")));
	tmpl_set_bool(page, "choose", sv_eq(sv_from(a->name), SV("set")) && !f);
	show_fields(&r, page);
	if (f && !a->value) {
		editor = tmpl_set_map(page, "editor");
		tmpl_set_text(editor, "key", sv_from(f->key));
		tmpl_set_text(editor, "label", sv_from(tr(f->label)));
		tmpl_set_text(editor, "to", sv_from(f->to));
		tmpl_set_bool(editor, arena_printf(rq->arena, "is_%s", field_look(f->type)), true);
		choices_show(editor, f, b, choices, NULL);
	}
	return web_render(rq, rs, "app/records_bulk", page, e);
}

/* ---- doing it --------------------------------------------------------------------- */

static struct sv list_json(struct http_request *rq, struct sv field, bool ids)
{
	const struct http_pairs *form = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '[');
	for (size_t i = 0; i < form->n; i++) {
		if (!sv_eq(form->v[i].name, field) || (ids && !uuid_valid(form->v[i].value)))
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		buf_json(&out, form->v[i].value);
	}
	buf_addc(&out, ']');
	return arena_sv(rq->arena, buf_sv(&out));
}

#define CHANGE                                                                                 \
	"select b.id, b.kind, b.action, b.key, b.state, b.total, b.changed, b.skipped, b.failed,"  \
	" b.restored, b.kept, b.error, (select count(*) from bulk_rows r where"                    \
	" r.organization_id = b.organization_id and r.bulk_id = b.id and r.state ="                \
	" case b.state when 'undoing' then 'changed' else 'waiting' end) as todo"                  \
	" from bulk_changes b where b.id = $1::uuid"

static int64_t number(const struct db_batch *b, int stmt, const char *name)
{
	int64_t n = 0;

	sv_to_i64(db_first(b, stmt, name), &n);
	return n;
}

/* What the toast says. */
static struct sv words(struct arena *a, const struct db_batch *b, int stmt)
{
	bool undone = sv_eq(db_first(b, stmt, "state"), SV("undone"));
	bool deletes = sv_eq(db_first(b, stmt, "action"), SV("delete"));
	int64_t kept = number(b, stmt, "kept"), failed = number(b, stmt, "failed");
	buf_auto struct buf out = BUF_INIT;
	struct sv why = db_first(b, stmt, "error");

	buf_addf(&out, tr(undone ? N_("Restored: %lld") : deletes ? N_("Deleted: %lld") : N_("Changed: %lld")),
		 (long long)number(b, stmt, undone ? "restored" : "changed"));
	if (undone && kept)
		buf_addf(&out, tr(N_(". Changed by somebody since, and left alone: %lld")), (long long)kept);
	if (!undone && failed)
		buf_addf(&out, tr(N_(". Refused: %lld")), (long long)failed);
	if (why.n && (failed || kept)) {
		buf_lit(&out, ". ");
		buf_add(&out, why);
	}
	return arena_sv(a, buf_sv(&out));
}

static enum status answer(struct http_request *rq, struct http_response *rs, const struct db_batch *b,
			  int stmt, struct err *e)
{
	if (!db_rows(b, stmt))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This change does not exist");
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, stmt, 0);
	rs->body.n--; /* its brace */
	buf_lit(&rs->body, ",\"text\":");
	buf_json(&rs->body, words(rq->arena, b, stmt));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

enum status records_bulk(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct http_pairs nothing;
	const struct bulk_action *a = action_named(http_form(rq, "action"));
	bool all = sv_eq(http_form(rq, "all"), SV("1"));
	struct sv id = http_form(rq, "id"), state = http_form(rq, "state");
	const struct record_field *f;
	struct http_pairs given = { 0 };
	struct records r = { 0 };
	struct db_batch *b;
	int change;

	if (all && http_parse_urlencoded(rq->arena, state, &given, e))
		return e->status;
	if (open_kind(rq, &r, all ? &given : &nothing, e))
		return e->status;
	f = a ? field_of(&r, a, http_form(rq, "key")) : NULL;
	if (!a || (!f && !sv_eq(sv_from(a->action), SV("delete"))) || (f && !(f->flags & FIELD_EDIT)))
		return err_set(e, rq->arena, ST_BAD_INPUT, "Say what to change");
	if (!uuid_valid(id))
		id = uuid_new(rq->arena);
	b = web_batch(rq);
	db_add(b,
		"select internal.bulk_begin($1::uuid, $2, $3, $4, $5::jsonb,"
		" array(select x::uuid from jsonb_array_elements_text($6::jsonb) x), $7::jsonb)",
		DB_S(id), DB_C(r.kind->name), DB_C(a->action), DB_C(f ? f->key : NULL),
		DB_S(a->value ? sv_from(a->value) : list_json(rq, SV("value"), false)),
		DB_S(list_json(rq, SV("ids"), true)), DB_S(all ? records_where(&r) : SV_NONE));
	change = db_add(b, CHANGE, DB_S(id));
	if (db_run(b, e))
		return e->status;
	return answer(rq, rs, b, change, e);
}

enum status records_change(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int change;

	if (path_id(rq, "change", &id, e))
		return e->status;
	change = db_add(b, CHANGE, DB_S(id));
	if (db_run(b, e))
		return e->status;
	return answer(rq, rs, b, change, e);
}

enum status records_undo(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int change;

	if (path_id(rq, "change", &id, e))
		return e->status;
	db_add(b, "select internal.bulk_undo($1::uuid)", DB_S(id));
	change = db_add(b, CHANGE, DB_S(id));
	if (db_run(b, e))
		return e->status;
	return answer(rq, rs, b, change, e);
}

/* ---- recent changes ------------------------------------------------------------------ */

static const char *label_of(const struct records *r, struct sv action, struct sv key)
{
	const struct record_field *f = records_field(r, key);
	const struct bulk_action *a = action_named(action);

	if (a && !sv_eq(action, SV("set")))
		return tr(a->label);
	return f ? tr(f->label) : "";
}

enum status records_changes(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct http_pairs nothing;
	struct records r = { 0 };
	struct tmpl_value *page, *list;
	struct db_batch *b;
	int rows;

	if (open_kind(rq, &r, &nothing, e))
		return e->status;
	b = web_batch(rq);
	rows = db_add(b,
		"select b.id, b.action, b.key, b.changed, b.restored, b.state, internal.shown_time(b.created_at,"
		" (select internal.my_zone())) as at from bulk_changes b where b.kind = $1 and b.user_id = auth.uid()"
		" order by b.id desc limit 20", DB_C(r.kind->name));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, r.setup);
	tmpl_set_text(page, "kind", sv_from(r.kind->name));
	list = tmpl_set_list(page, "changes");
	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *one = tmpl_push_map(list);
		struct sv state = db_named(b, rows, i, "state");

		tmpl_set_text(one, "id", db_named(b, rows, i, "id"));
		tmpl_set_text(one, "what", sv_from(label_of(&r, db_named(b, rows, i, "action"),
							    db_named(b, rows, i, "key"))));
		tmpl_set_text(one, "changed", db_named(b, rows, i, "changed"));
		tmpl_set_text(one, "at", db_named(b, rows, i, "at"));
		tmpl_set_bool(one, "done", sv_eq(state, SV("done")));
		tmpl_set_bool(one, "undone", sv_eq(state, SV("undone")));
	}
	return web_render(rq, rs, "app/records_changes", page, e);
}
