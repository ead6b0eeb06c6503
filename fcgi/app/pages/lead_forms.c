/*
 * /settings/lead-forms: web forms that make leads, how to put one on a site,
 * and what was sent by it.
 */
#include "fcgi/app/pages/leads.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

enum status lead_forms_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		"select f.id, f.name, f.token, f.is_active, f.makes = 'contact' as makes_contact, f.source,"
		" (select count(*) from (select from lead_form_submissions s where s.form_id = f.id and s.outcome in ('created', 'matched')"
		"	limit 1000) n) as taken,"
		" (select internal.shown_time(max(s.created_at), (select internal.my_zone())) from lead_form_submissions s"
		"	where s.form_id = f.id) as last"
		" from lead_forms f order by f.is_active desc, lower(f.name), f.id limit 200");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "forms", b, rows);
	return web_render(rq, rs, "app/settings/lead_forms", page, e);
}

/* ---- the form ------------------------------------------------------------------- */

static const struct {
	const char *key, *label;
} known[] = {
	{ "name", N_("Name") },	     { "email", N_("E-mail") },	       { "phone", N_("Phone") },
	{ "company_name", N_("Company") }, { "title", N_("Job title") },     { "company_size", N_("Employees") },
	{ "territory", N_("Territory") },  { "description", N_("Description") },
};
#define KNOWN (sizeof(known) / sizeof(*known))

static bool checked(struct http_request *rq, const char *prefix, struct sv key)
{
	return http_form(rq, arena_printf(rq->arena, "%s.%.*s", prefix, SV_ARG(key))).n > 0;
}

static json_t *field_named(json_t *fields, struct sv key)
{
	json_t *one;
	size_t i;

	json_array_foreach(fields, i, one)
		if (sv_eq(key, sv_from(json_string_value(json_object_get(one, "key")))))
			return one;
	return NULL;
}

/* One row of "What it asks for": as sent (rq), else as stored. */
static void show_row(struct http_request *rq, struct tmpl_value *list, struct sv key, struct sv name,
		     json_t *fields, bool sent)
{
	struct tmpl_value *one = tmpl_push_map(list);
	json_t *stored = field_named(fields, key);

	tmpl_set_text(one, "key", key);
	tmpl_set_text(one, "name", name);
	if (sent) {
		tmpl_set_bool(one, "on", checked(rq, "ask", key));
		tmpl_set_bool(one, "required", checked(rq, "need", key));
		tmpl_set_text(one, "label", http_form(rq, arena_printf(rq->arena, "label.%.*s", SV_ARG(key))));
		return;
	}
	tmpl_set_bool(one, "on", stored != NULL);
	tmpl_set_bool(one, "required", json_is_true(json_object_get(stored, "required")));
	tmpl_set_text(one, "label", sv_from(json_string_value(json_object_get(stored, "label"))));
}

static void free_json(void *json)
{
	json_decref(json);
}

static void show_fields(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b, int row,
			int custom, bool sent)
{
	struct sv text = db_first(b, row, "fields");
	json_t *fields = json_loadb(text.p, text.n, 0, NULL);
	struct tmpl_value *list = tmpl_set_list(page, "asks");

	arena_cleanup(rq->arena, free_json, fields);
	for (size_t i = 0; i < KNOWN; i++)
		show_row(rq, list, sv_from(known[i].key), sv_from(tr(known[i].label)), fields, sent);
	for (size_t i = 0; i < db_rows(b, custom); i++)
		show_row(rq, list, db_named(b, custom, i, "key"), db_named(b, custom, i, "label"), fields, sent);
}

struct parts {
	int row, custom, team, teams, log;
};

static void add_parts(struct http_request *rq, struct db_batch *b, struct sv id, struct parts *p)
{
	p->row = db_add(b,
		"select f.id, f.name, f.token, f.title, f.intro, f.fields, f.button, f.consent, f.makes = 'contact' as makes_contact,"
		" f.source, f.owner_id, f.team_id, f.territory, f.tags, f.thank_you, f.redirect_url, array_to_string(f.allowed_origins, E'\\n')"
		" as allowed_origins, f.language = 'ar' as is_ar, f.is_active from lead_forms f where f.id = $1::uuid"
		" union all select null, null, null, null, null, '[{\"key\": \"name\", \"required\": true}, {\"key\": \"email\", \"required\": true},"
		" {\"key\": \"company_name\", \"required\": false}, {\"key\": \"description\", \"required\": false}]', null, null, false,"
		" 'web_form', null, null, null, '{}', null, null, null, false, true where $1::uuid is null", DB_OPT(id));
	p->custom = db_add(b, "select 'cf.' || d.key as key, d.label from custom_field_definitions d"
			      " where d.entity = 'lead' and not d.is_hidden and d.type not in ('lookup', 'file', 'currency')"
			      " order by d.position, d.key");
	p->team = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name, p.id is not distinct from coalesce($2::uuid,"
		" (select f.owner_id from lead_forms f where f.id = $1::uuid)) as selected from profiles p where p.is_active"
		" order by lower(p.first_name), p.id limit 500", DB_OPT(id), DB_OPT(http_form(rq, "owner_id").n ? http_form(rq, "owner_id") : SV_NONE));
	p->teams = db_add(b,
		"select t.id, t.name, t.id is not distinct from coalesce($2::uuid, (select f.team_id from lead_forms f where f.id = $1::uuid))"
		" as selected from teams t order by lower(t.name), t.id limit 200", DB_OPT(id), DB_OPT(http_form(rq, "team_id").n ? http_form(rq, "team_id") : SV_NONE));
	p->log = db_add(b,
		"select s.id, s.outcome, s.outcome = 'created' as is_created, s.outcome = 'matched' as is_matched, s.outcome = 'refused' as is_refused,"
		" s.outcome = 'spam' as is_spam, s.outcome = 'limited' as is_limited, s.reason, s.lead_id, s.contact_id,"
		" coalesce(s.data ->> 'name', s.data ->> 'email') as who, s.data ->> 'email' as email, coalesce(s.page, s.origin) as page,"
		" internal.shown_time(s.created_at, (select internal.my_zone())) as shown"
		" from lead_form_submissions s where s.form_id = $1::uuid order by s.id desc limit 50", DB_OPT(id));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct parts p;

	web_me(rq, b);
	add_parts(rq, b, id, &p);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, p.row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This form does not exist");
	page = web_page(rq, b);
	show_fields(rq, page, b, p.row, p.custom, f != NULL);
	web_set_rows(page, "team", b, p.team);
	web_set_rows(page, "teams", b, p.teams);
	web_set_rows(page, "log", b, p.log);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n)
		web_set_row(page, "record", b, p.row, 0);
	web_set_row(page, "form", b, p.row, 0);
	lead_sources_show(page, f ? http_form(rq, "source") : db_first(b, p.row, "source"));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/lead_form", page, e);
}

enum status lead_form_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status lead_form_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "form", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* ask.KEY, need.KEY and label.KEY in the order in which the page has them. */
static struct sv read_fields(struct http_request *rq)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '[');
	for (size_t i = 0; i < all->n; i++) {
		struct sv key = all->v[i].name;

		if (!sv_starts(key, SV("ask.")))
			continue;
		key = sv_skip(key, 4);
		if (json.n > 1)
			buf_addc(&json, ',');
		buf_lit(&json, "{\"key\":");
		buf_json(&json, key);
		buf_lit(&json, ",\"label\":");
		buf_json(&json, http_form(rq, arena_printf(rq->arena, "label.%.*s", SV_ARG(key))));
		buf_addf(&json, ",\"required\":%s}", checked(rq, "need", key) ? "true" : "false");
	}
	buf_addc(&json, ']');
	return arena_sv(rq->arena, buf_sv(&json));
}

#define COLUMNS                                                                           \
	"name, title, intro, fields, button, consent, makes, source, owner_id, team_id, territory, tags, thank_you," \
	" redirect_url, allowed_origins, language"
#define VALUES                                                                            \
	"$2, nullif($3, ''), nullif($4, ''), $5::jsonb, nullif($6, ''), nullif($7, ''), $8, $9, $10::uuid, $11::uuid," \
	" nullif($12, ''), array(select jsonb_array_elements_text($13::jsonb)), nullif($14, ''), nullif($15, ''),"      \
	" array(select trim(x) from unnest(string_to_array($16, E'\\n')) x where trim(x) <> ''), $17"

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	bool contact = sv_eq(http_form(f->rq, "makes"), SV("contact"));
	bool arabic = sv_eq(http_form(f->rq, "language"), SV("ar"));
	struct sv name = form_required(f, "name", tr("Give the form a name"));

	tmpl_set_bool(f->values, "makes_contact", contact);
	tmpl_set_bool(f->values, "is_ar", arabic);
	return db_add(b,
		make ? "insert into lead_forms (id, " COLUMNS ") values ($1::uuid, " VALUES ")"
		       " on conflict (organization_id, id) do nothing" :
		       "update lead_forms set (" COLUMNS ") = (" VALUES ") where id = $1::uuid",
		DB_S(id), DB_S(name), DB_S(form_text(f, "title")), DB_S(form_text(f, "intro")), DB_S(read_fields(f->rq)),
		DB_S(form_text(f, "button")), DB_S(form_text(f, "consent")), DB_C(contact ? "contact" : "lead"),
		DB_S(form_text(f, "source")), DB_OPT(form_id(f, "owner_id")), DB_OPT(form_id(f, "team_id")),
		DB_S(form_text(f, "territory")), DB_S(form_words(f, "tags")), DB_S(form_text(f, "thank_you")),
		DB_S(form_text(f, "redirect_url")), DB_S(form_text(f, "allowed_origins")), DB_C(arabic ? "ar" : "en"));
}

static const struct record_form form = { "form", "/settings/lead-forms/", add_save, show };

enum status lead_form_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status lead_form_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}

static enum status change(struct http_request *rq, struct http_response *rs, const char *sql,
			  struct sv after, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int done;

	if (path_id(rq, "form", &id, e))
		return e->status;
	done = db_add(b, sql, DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, done))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This form does not exist");
	return http_redirect(rs, after);
}

enum status lead_form_activate(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs, "update lead_forms set is_active = not is_active where id = $1::uuid",
		      SV("/settings/lead-forms?done=saved"), e);
}

enum status lead_form_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs, "delete from lead_forms where id = $1::uuid",
		      SV("/settings/lead-forms?done=deleted"), e);
}
