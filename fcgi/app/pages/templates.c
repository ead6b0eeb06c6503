/*
 * /templates: quick replies, texts with an image that are put into messages (TPL).
 *
 * One flat list with a search; a form with a preview; deleting by permission, one, those
 * that are ticked, or all that the search shows. A template is a row of public.templates
 * with one BODY component.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "file/file.h"

#define IMAGE_BYTES (5 * 1024 * 1024)
#define TEXT_MAX 4096

/* ---- the list ------------------------------------------------------------ */

static const struct list_sort sorts[] = {
	{ "newest", N_("Newest first"), "t.created_at", "::timestamptz", true },
	{ "az", N_("Name A to Z"), "lower(t.name)", "::text", false },
	{ "used", N_("Most used first"), "t.uses", "::bigint", true },
	{ 0 },
};
static const char *const kept[] = { "q", NULL };
static const struct list_kind templates = { "/templates", sorts, kept };

static void filter(struct query *q, struct sv term)
{
	if (!term.n)
		return;
	query_with(q, " and t.search_text like internal.search_pattern(", DB_S(term));
	query_add(q, ")");
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	query_add(&q, "t.* from templates t where true");
	filter(&q, sv_trim(http_query(l->rq, "q")));
	list_end(l, &q);
	query_add(&q,
		  "select p.id, p.k::text as k, p.total, p.name, p.shortcut, p.uses, p.image_file_id as image,"
		  " internal.template_text(p.components) as text, left(internal.template_text(p.components), 160) as snippet,"
		  " internal.shown_date((p.created_at at time zone app.zone())::date, app.zone()) as created,"
		  " auth.may('can_delete_data') or p.created_by = auth.uid() as may_delete,"
		  " coalesce((select m.is_favourite from template_marks m where m.template_id = p.id and m.user_id = auth.uid()), false) as is_favourite"
		  " from page p where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from templates t where true");
	filter(&q, sv_trim(http_query(rq, "q")));
	list_count_end(&q);
	return query_run(&q, b);
}

enum status templates_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows, count, may;
	struct list l;

	web_me(rq, b);
	list_init(&l, rq, &templates);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	may = db_add(b, "select auth.may('can_delete_data') as may_delete, auth.may('can_send_messages') as may_write");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	web_set_row(page, "may", b, may, 0);
	return web_render(rq, rs, wants_fragment(rq) ? "app/templates_rows" : "app/templates", page, e);
}

/* ---- the form -------------------------------------------------------------- */

/* What may stand between {{ and }}, with the keys of the custom fields behind. */
static const char *const variables[] = { "first_name", "last_name", "name", "company", "email", "phone",
					 "agent_first_name", "agent_name", "organization", "date" };

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	int row, custom;

	web_me(rq, b);
	row = db_add(b,
		     "select t.id, t.name, t.shortcut, internal.template_text(t.components) as text, t.image_file_id as image"
		     " from templates t where t.id = $1::uuid", DB_OPT(id));
	custom = db_add(b, "select f.key as name from custom_field_definitions f where f.entity = 'contact' and not f.is_hidden"
			   " order by f.position, f.key limit 30");
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This template does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	list = tmpl_set_list(page, "variables");
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		tmpl_set_text(tmpl_push_map(list), "name", sv_from(variables[i]));
	for (size_t i = 0; i < db_rows(b, custom); i++)
		tmpl_set_text(tmpl_push_map(list), "name", db_named(b, custom, i, "name"));
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	}
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/template", page, e);
}

enum status template_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status template_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "template", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* [{"type":"BODY","text":..}] */
static struct sv components(struct arena *a, struct sv text)
{
	struct buf *out = buf_in_arena(a);

	buf_lit(out, "[{\"type\":\"BODY\",\"text\":");
	buf_json(out, text);
	buf_lit(out, "}]");
	return buf_sv(out);
}

static int add_template(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv name = form_text(f, "name"), shortcut = form_text(f, "shortcut"), image = form_id(f, "image");
	struct sv text = sv_trim(http_form(f->rq, "text"));

	tmpl_set_text(f->values, "text", text);
	tmpl_set_text(f->values, "image", image);
	if (!text.n)
		form_error(f, "text", sv_from(tr("Write the text first")));
	if (make)
		return db_add(b,
			      "insert into templates (id, name, components, shortcut, image_file_id, category)"
			      " values ($1, $2, $3::jsonb, $4, $5::uuid, 'QUICK_REPLY') on conflict do nothing returning id",
			      DB_S(id), DB_S(name), DB_S(components(f->rq->arena, text)), DB_OPT(shortcut), DB_OPT(image));
	return db_add(b,
		      "update templates set name = $2, components = (select coalesce(jsonb_agg(c), '[]') from"
		      "	jsonb_array_elements(components) c where c ->> 'type' <> 'BODY') || $3::jsonb,"
		      " shortcut = $4, image_file_id = $5::uuid where id = $1 returning id",
		      DB_S(id), DB_S(name), DB_S(components(f->rq->arena, text)), DB_OPT(shortcut), DB_OPT(image));
}

static const struct record_form template_form = { "template", "/templates/", add_template, show };

enum status template_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	enum status st = record_create(&template_form, rq, rs, e);

	return st || rs->status != 303 ? st : http_redirect(rs, SV("/templates?done=saved"));
}

enum status template_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	enum status st = record_save(&template_form, rq, rs, e);

	return st || rs->status != 303 ? st : http_redirect(rs, SV("/templates?done=saved"));
}

/* TPL-6: an image, stored before the form is sent; the answer is its id. */
enum status template_image(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct http_file *f = http_form_file(rq, "image");
	struct db_batch *b = web_batch(rq);
	struct sv org, sha256, type, file = uuid_new(rq->arena);
	int s;

	db_add(b, "select internal.must('can_send_messages')");
	s = db_add(b, "select auth.org() as id");
	if (db_run(b, e))
		return e->status;
	org = db_first(b, s, "id");
	type = f ? file_true_type(f->content_type, f->data) : SV_NONE;
	if (!f || !f->data.n || f->data.n > IMAGE_BYTES || !sv_starts(type, SV("image/")) || !file_is_type(type, f->data))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s",
			       tr("The image is a JPEG, PNG, WebP or GIF of at most 5 MB"));
	if (file_put(org, f->data, rq->arena, &sha256, e))
		return e->status;
	b = web_batch(rq);
	db_add(b, "insert into files (id, sha256, name, content_type, size) values ($1::uuid, $2, $3, $4, $5)", DB_S(file),
	       DB_S(sha256), DB_S(sv_is_text(f->filename) && f->filename.n && f->filename.n < 200 ? f->filename : SV("image")),
	       DB_S(type), DB_I((int64_t)f->data.n));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"id\":");
	buf_json(&rs->body, file);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

/* ---- deleting and marking ------------------------------------------------------- */

enum status template_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "template", &id, e))
		return e->status;
	must_exist(b, "templates", id);
	db_add(b, "delete from templates where id = $1", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/templates?done=deleted"));
}

/* Those that are ticked, or (all=1) what the search shows. */
enum status templates_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct http_pairs *form = http_form_all(rq);
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf ids = BUF_INIT;
	struct query q;

	buf_addc(&ids, '{');
	for (size_t i = 0; i < form->n; i++)
		if (sv_eq(form->v[i].name, SV("ids")) && uuid_valid(form->v[i].value))
			buf_addf(&ids, "%s%.*s", ids.n > 1 ? "," : "", SV_ARG(form->v[i].value));
	buf_addc(&ids, '}');
	db_add(b, "select internal.must('can_delete_data')");
	query_init(&q, rq->arena);
	query_add(&q, "delete from templates t where true");
	if (http_form(rq, "all").n) {
		filter(&q, sv_trim(http_form(rq, "q")));
	} else {
		query_with(&q, " and t.id = any (", DB_S(arena_sv(rq->arena, buf_sv(&ids))));
		query_add(&q, "::uuid[])");
	}
	query_run(&q, b);
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/templates?done=deleted"));
}

/* A favourite, or none any more (on=); used=1: it was put into a message. */
enum status template_mark(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "template", &id, e))
		return e->status;
	must_exist(b, "templates", id);
	if (http_form(rq, "used").n)
		db_add(b, "select internal.template_used($1)", DB_S(id));
	else
		db_add(b,
		       "insert into template_marks (template_id, is_favourite) values ($1, $2)"
		       " on conflict (organization_id, user_id, template_id) do update set is_favourite = excluded.is_favourite",
		       DB_S(id), DB_B(http_form(rq, "on").n > 0));
	if (db_run(b, e))
		return e->status;
	rs->status = 204;
	return ST_OK;
}
