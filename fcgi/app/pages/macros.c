/* /settings/macros: several actions under one name; and running one (/inbox/:id/macro). */
#include "fcgi/app/pages/inbox.h"

#include "base/tr.h"
#include "base/uuid.h"

#define HERE "/settings/macros"

static const char list_sql[] =
	"select m.id, m.name, m.is_shared, jsonb_array_length(m.actions) as n, m.used_count,"
	" app.person(p.first_name, p.last_name, null, array[p.email]) as owner,"
	" m.owner_id is not distinct from auth.uid() or m.is_shared and auth.app_role() in ('OWNER', 'ADMIN') as is_mine"
	" from macros m left join profiles p on p.organization_id = m.organization_id and p.id = m.owner_id"
	" order by m.position, m.name limit 200";

enum status macros_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b, list_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "macros", b, rows);
	return web_render(rq, rs, "app/settings/macros", page, e);
}

/* ---- the editor --------------------------------------------------------------------- */

/* What an action can be; the page shows its field by the word of `field`. */
static const struct {
	const char *value, *label, *field;
} doings[] = {
	{ "reply", N_("Reply"), "text" }, { "quick_reply", N_("Send a quick reply"), "quick" },
	{ "note", N_("Add a note"), "text" }, { "assign", N_("Assign"), "member" },
	{ "tag", N_("Add tags"), "tags" }, { "untag", N_("Remove tags"), "tags" },
	{ "status", N_("Set the status"), "status" }, { "snooze", N_("Snooze"), "minutes" },
	{ "star", N_("Star"), "none" },
};

static struct sv field_at(struct http_request *rq, const char *name, size_t place)
{
	const struct http_pairs *form = http_form_all(rq);

	for (size_t i = 0, n = 0; i < form->n; i++)
		if (sv_eq(form->v[i].name, sv_from(name)) && n++ == place)
			return sv_trim(form->v[i].value);
	return SV_NONE;
}

static void member(struct buf *out, const char *name, struct sv value)
{
	buf_addc(out, ',');
	buf_json(out, sv_from(name));
	buf_addc(out, ':');
	buf_json(out, value);
}

static void add_tags(struct buf *out, struct sv tags)
{
	bool first = true;

	buf_lit(out, ",\"tags\":[");
	while (tags.n) {
		struct sv one = sv_trim(sv_cut(&tags, ','));

		if (!one.n)
			continue;
		if (!first)
			buf_addc(out, ',');
		buf_json(out, one);
		first = false;
	}
	buf_addc(out, ']');
}

static void add_action(struct http_request *rq, struct buf *out, struct sv doing, size_t i)
{
	buf_lit(out, "{\"do\":");
	buf_json(out, doing);
	if (sv_eq(doing, SV("reply")) || sv_eq(doing, SV("note")))
		member(out, "text", field_at(rq, "text", i));
	else if (sv_eq(doing, SV("quick_reply")))
		member(out, "id", field_at(rq, "quick", i));
	else if (sv_eq(doing, SV("assign")))
		member(out, "to", field_at(rq, "member", i));
	else if (sv_eq(doing, SV("status")))
		member(out, "to", field_at(rq, "status", i));
	else if (sv_eq(doing, SV("snooze")))
		member(out, "minutes", field_at(rq, "minutes", i));
	else if (sv_eq(doing, SV("tag")) || sv_eq(doing, SV("untag")))
		add_tags(out, field_at(rq, "tags", i));
	buf_addc(out, '}');
}

/* Lines of the form: do, and one field of each kind, by their place. */
static struct sv actions_of(struct http_request *rq)
{
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '[');
	for (size_t i = 0; i < 40; i++) {
		struct sv doing = field_at(rq, "do", i);

		if (!sv_present(doing))
			break;
		if (!doing.n)
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		add_action(rq, &out, doing, i);
	}
	buf_addc(&out, ']');
	return arena_sv(rq->arena, buf_sv(&out));
}

static int add_macro(struct db_batch *b, struct sv id)
{
	return db_add(b, "select m.id, m.name, m.is_shared, m.actions from macros m where m.id = $1::uuid", DB_S(id));
}

static void set_doings(struct tmpl_value *one, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(one, "doings");

	for (size_t i = 0; i < sizeof(doings) / sizeof(*doings); i++) {
		struct tmpl_value *d = tmpl_push_map(list);

		tmpl_set_text(d, "value", sv_from(doings[i].value));
		tmpl_set_text(d, "label", sv_from(tr(doings[i].label)));
		tmpl_set_text(d, "field", sv_from(doings[i].field));
		tmpl_set_bool(d, "selected", sv_eq(chosen, sv_from(doings[i].value)));
	}
}

static void set_line(struct arena *a, struct tmpl_value *list, json_t *action)
{
	static const char *const keys[] = { "text", "id", "to", "minutes" };
	struct tmpl_value *one = tmpl_push_map(list);
	buf_auto struct buf tags = BUF_INIT;
	json_t *tag;
	size_t i;

	set_doings(one, sv_from(json_string_value(json_object_get(action, "do"))));
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *v = json_object_get(action, keys[i]);

		if (json_is_integer(v))
			tmpl_set_text(one, keys[i], sv_from(arena_printf(a, "%lld", (long long)json_integer_value(v))));
		else if (json_is_string(v))
			tmpl_set_text(one, keys[i], sv_from(arena_dup(a, sv_from(json_string_value(v)))));
	}
	json_array_foreach(json_object_get(action, "tags"), i, tag) {
		if (tags.n)
			buf_lit(&tags, ", ");
		buf_add(&tags, sv_from(json_string_value(tag)));
	}
	tmpl_set_text(one, "tags", arena_sv(a, buf_sv(&tags)));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct sv sent, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	int row, members, quick;
	json_t *actions, *action;
	size_t i;

	web_me(rq, b);
	row = add_macro(b, id);
	members = db_add(b, "select p.id, app.person(p.first_name, p.last_name, null, array[p.email]) as name"
			    " from profiles p where p.is_active order by 2 limit 500");
	quick = db_add(b, "select t.id, t.name from templates t where t.category = 'QUICK_REPLY' order by t.name limit 500");
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This macro does not exist");
	page = web_page(rq, b);
	if (id.n)
		web_set_row(page, "macro", b, row, 0);
	web_set_rows(page, "members", b, members);
	web_set_rows(page, "quick", b, quick);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	tmpl_set_text(page, "name_variables", SV("{{first_name}} {{last_name}} {{name}} {{agent}}"));
	if (!sent.n)
		sent = id.n ? db_first(b, row, "actions") : SV("[{\"do\":\"reply\"}]");
	actions = json_loadb(sent.p, sent.n, 0, NULL);
	list = tmpl_set_list(page, "lines");
	json_array_foreach(actions, i, action)
		set_line(rq->arena, list, action);
	set_doings(tmpl_set_map(page, "blank"), SV("reply"));
	json_decref(actions);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/macro", page, e);
}

enum status macro_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, SV_NONE, e);
}

enum status macro_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "macro", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, SV_NONE, e);
}

static const char save_sql[] =
	"insert into macros as m (id, name, is_shared, actions) values ($1::uuid, $2, $3, $4::jsonb)"
	" on conflict (organization_id, id) do update set name = excluded.name,"
	" is_shared = excluded.is_shared, actions = excluded.actions";

static enum status save(struct http_request *rq, struct http_response *rs, struct sv id, bool make, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv name, actions = actions_of(rq);
	struct form f;

	form_init(&f, rq);
	name = form_required(&f, "name", N_("Give the macro a name"));
	form_text(&f, "is_shared");
	if (!f.wrong) {
		if (!make)
			must_exist(b, "macros", id);
		db_add(b, save_sql, DB_S(id), DB_S(name), DB_B(sv_eq(http_form(rq, "is_shared"), SV("1"))), DB_S(actions));
		if (!db_run(b, e))
			return http_redirect(rs, SV(HERE "?done=saved"));
		if (!form_refused(&f, b, e))
			return e->status;
	}
	return show(rq, rs, make ? SV_NONE : id, &f, actions, e);
}

enum status macro_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save(rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status macro_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "macro", &id, e))
		return e->status;
	return save(rq, rs, id, false, e);
}

enum status macro_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "macro", &id, e))
		return e->status;
	must_exist(b, "macros", id);
	db_add(b, "delete from macros where id = $1", DB_S(id));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=deleted"));
}

/* ---- running one ----------------------------------------------------------------------- */

/* Answers {"run": id}; run: from the page, so that a double click runs it once. */
enum status inbox_macro(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, macro = http_form(rq, "macro"), run = http_form(rq, "run");
	struct db_batch *b = web_batch(rq);
	int done;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!uuid_valid(macro))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This macro does not exist");
	if (!uuid_valid(run))
		run = uuid_new(rq->arena);
	done = db_add(b, "select run_macro($1::uuid, $2::uuid, $3::uuid) as run", DB_S(macro), DB_S(id), DB_S(run));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, done, 0);
	return ST_OK;
}

enum status inbox_macro_undo(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int whole;

	if (path_id(rq, "run", &id, e))
		return e->status;
	whole = db_add(b, "select undo_macro($1::uuid) as whole", DB_S(id));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, whole, 0);
	return ST_OK;
}
