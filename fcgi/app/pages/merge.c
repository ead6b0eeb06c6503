/*
 * /contacts/duplicates, /companies/duplicates: suggestions; /contacts/merge and
 * /companies/merge: which record stays, and which value of each field; and
 * POST /merges/:id/undo, which takes a merged record out again.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define MERGE_MOST 10

struct merge_field {
	const char *name, *label;
	bool united; /* a list: all values stay, nothing to choose */
};

struct merge_kind {
	const char *name, *path, *title, *none, *picker;
	const char *groups; /* $1: how many; columns ids, reasons */
	const char *briefs; /* $1: ids as JSON; columns id, name, detail, added */
	const char *rows;   /* the same with one column per field, text */
	const char *merge;  /* $1 primary, $2 others as JSON, $3 choices */
	const struct merge_field *fields;
};

#define IDS "(select x::uuid from jsonb_array_elements_text($1::jsonb) x)"
#define GROUPS(kind, find)                                                                 \
	"select g.ids::text[] as ids, g.reasons from " find "($1::integer) g"              \
	" where not internal.all_dismissed('" kind "', g.ids)"

static const struct merge_field contact_fields[] = {
	{ "first_name", N_("First name"), false },
	{ "last_name", N_("Last name"), false },
	{ "title", N_("Job title"), false },
	{ "company_id", N_("Company"), false },
	{ "status", N_("Status"), false },
	{ "assignee_id", N_("Owner"), false },
	{ "source", N_("Source"), false },
	{ "description", N_("About"), false },
	{ "opt_in_status", N_("Marketing"), false },
	{ "phones", N_("Phone"), true },
	{ "emails", N_("E-mail"), true },
	{ "tags", N_("Tags"), true },
	{ "custom", N_("Other fields"), true },
	{ 0 },
};

static const struct merge_field company_fields[] = {
	{ "name", N_("Name"), false },
	{ "website", N_("Website"), false },
	{ "domain", N_("Domain"), false },
	{ "industry", N_("Industry"), false },
	{ "street", N_("Street"), false },
	{ "city", N_("City"), false },
	{ "state", N_("State"), false },
	{ "postal_code", N_("Postal code"), false },
	{ "country", N_("Country"), false },
	{ "employee_count", N_("People"), false },
	{ "annual_revenue", N_("Revenue a year"), false },
	{ "owner_id", N_("Owner"), false },
	{ "parent_company_id", N_("Belongs to"), false },
	{ "description", N_("About"), false },
	{ "phones", N_("Phone"), true },
	{ "emails", N_("E-mail"), true },
	{ "tags", N_("Tags"), true },
	{ "custom", N_("Other fields"), true },
	{ 0 },
};

#define FREE_FIELDS                                                                        \
	" (select string_agg(e.key || ': ' || e.value, ', ' order by e.key) from jsonb_each_text(c.custom_fields) e) as custom"

static const struct merge_kind contacts = {
	"contact", "/contacts", N_("Duplicate contacts"), N_("No contact looks like another one."), "/contacts/options",
	GROUPS("contact", "internal.duplicate_contacts"),
	"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
	" concat_ws(' · ', c.emails[1], c.phones[1], co.name) as detail,"
	" internal.shown_time(c.created_at, (select internal.my_zone())) as added from contacts c"
	" left join companies co on co.organization_id = c.organization_id and co.id = c.company_id"
	" where c.id in " IDS " order by c.created_at, c.id",
	"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
	" internal.shown_time(c.created_at, (select internal.my_zone())) as added,"
	" (select count(*) from deals d where d.contact_id = c.id) as deals,"
	" (select count(*) from conversations v where v.contact_id = c.id) as talks,"
	" c.first_name, c.last_name, c.title, c.status, c.source, c.description, c.opt_in_status::text,"
	" co.name as company_id, case when a.id is not null then internal.person(a.first_name, a.last_name, a.email) end as assignee_id,"
	" array_to_string(c.phones, ', ') as phones, array_to_string(c.emails, ', ') as emails,"
	" array_to_string(c.tags, ', ') as tags," FREE_FIELDS " from contacts c"
	" left join companies co on co.organization_id = c.organization_id and co.id = c.company_id"
	" left join profiles a on a.organization_id = c.organization_id and a.id = c.assignee_id"
	" where c.id in " IDS " order by c.created_at, c.id",
	"select internal.merge_contacts($1::uuid, array(select x::uuid from jsonb_array_elements_text($2::jsonb) x), $3::jsonb)",
	contact_fields,
};

static const struct merge_kind companies = {
	"company", "/companies", N_("Duplicate companies"), N_("No company looks like another one."), "/companies/options",
	GROUPS("company", "internal.duplicate_companies"),
	"select c.id, c.name, concat_ws(' · ', c.domain, c.city, c.country) as detail,"
	" internal.shown_time(c.created_at, (select internal.my_zone())) as added from companies c"
	" where c.id in " IDS " order by c.created_at, c.id",
	"select c.id, c.name, internal.shown_time(c.created_at, (select internal.my_zone())) as added,"
	" (select count(*) from deals d where d.company_id = c.id) as deals,"
	" (select count(*) from contact_companies l where l.company_id = c.id) as talks,"
	" c.website, c.domain, c.industry, c.street, c.city, c.state, c.postal_code, c.country, c.employee_count::text,"
	" c.annual_revenue::text, c.description, up.name as parent_company_id,"
	" case when a.id is not null then internal.person(a.first_name, a.last_name, a.email) end as owner_id,"
	" array_to_string(c.phones, ', ') as phones, array_to_string(c.emails, ', ') as emails,"
	" array_to_string(c.tags, ', ') as tags," FREE_FIELDS " from companies c"
	" left join companies up on up.organization_id = c.organization_id and up.id = c.parent_company_id"
	" left join profiles a on a.organization_id = c.organization_id and a.id = c.owner_id"
	" where c.id in " IDS " order by c.created_at, c.id",
	"select internal.merge_companies($1::uuid, array(select x::uuid from jsonb_array_elements_text($2::jsonb) x), $3::jsonb)",
	company_fields,
};

/* ---- suggestions ------------------------------------------------------------- */

#define GROUPS_MOST 100

static json_t *parsed(struct arena *a, struct sv text)
{
	json_t *o = text.n ? json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;

	if (o)
		arena_cleanup(a, (void (*)(void *))json_decref, o);
	return o;
}

/* All ids of all groups as one JSON list, for the statement that reads their names. */
static struct sv all_ids(struct arena *a, const struct db_batch *b, int groups)
{
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '[');
	for (size_t i = 0; i < db_rows(b, groups); i++) {
		buf_auto struct buf one = BUF_INIT;
		struct sv list;

		db_json_value(&one, b, groups, i, 0);
		list = buf_sv(&one);
		if (list.n < 3)
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		buf_add(&out, sv_make(list.p + 1, list.n - 2));
	}
	buf_addc(&out, ']');
	return arena_sv(a, buf_sv(&out));
}

static void show_member(struct tmpl_value *list, const struct db_batch *b, int briefs, struct sv id)
{
	struct tmpl_value *m;

	for (size_t i = 0; i < db_rows(b, briefs); i++) {
		if (!sv_eq(db_named(b, briefs, i, "id"), id))
			continue;
		m = tmpl_push_map(list);
		tmpl_set_text(m, "id", id);
		tmpl_set_text(m, "name", db_named(b, briefs, i, "name"));
		tmpl_set_text(m, "detail", db_named(b, briefs, i, "detail"));
		tmpl_set_text(m, "added", db_named(b, briefs, i, "added"));
	}
}

static void show_group(struct http_request *rq, struct tmpl_value *groups, const struct db_batch *b, int found, size_t row,
		       const struct db_batch *names, int briefs)
{
	struct tmpl_value *g = tmpl_push_map(groups), *members = tmpl_set_list(g, "members");
	buf_auto struct buf ids = BUF_INIT, reasons = BUF_INIT, query = BUF_INIT;
	json_t *list, *one;
	size_t i;

	db_json_value(&ids, b, found, row, 0);
	list = parsed(rq->arena, buf_sv(&ids));
	json_array_foreach(list, i, one) {
		struct sv id = sv_from(json_string_value(one));

		show_member(members, names, briefs, id);
		if (i)
			buf_addc(&query, ',');
		buf_add(&query, id);
	}
	db_json_value(&reasons, b, found, row, 1);
	list = parsed(rq->arena, buf_sv(&reasons));
	json_array_foreach(list, i, one)
		tmpl_set_bool(g, arena_printf(rq->arena, "by_%s", json_string_value(one)), true);
	tmpl_set_text(g, "ids", arena_sv(rq->arena, buf_sv(&query)));
}

/* Two trips: the groups, then the names of all that are in them. */
static enum status duplicates(const struct merge_kind *k, struct http_request *rq, struct http_response *rs,
			      struct err *e)
{
	struct db_batch *b = web_batch(rq), *names;
	struct tmpl_value *page, *groups;
	int found, briefs;

	web_me(rq, b);
	found = db_add(b, k->groups, DB_I(GROUPS_MOST));
	if (db_run(b, e))
		return e->status;
	names = web_batch(rq);
	briefs = db_add(names, k->briefs, DB_S(all_ids(rq->arena, b, found)));
	if (db_run(names, e))
		return e->status;
	page = web_page(rq, b);
	groups = tmpl_set_list(page, "groups");
	for (size_t i = 0; i < db_rows(b, found); i++)
		show_group(rq, groups, b, found, i, names, briefs);
	tmpl_set_text(page, "title", sv_from(tr(k->title)));
	tmpl_set_text(page, "none", sv_from(tr(k->none)));
	tmpl_set_text(page, "path", sv_from(k->path));
	tmpl_set_bool(page, "of_contacts", k == &contacts);
	return web_render(rq, rs, "app/duplicates", page, e);
}

enum status contacts_duplicates(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return duplicates(&contacts, rq, rs, e);
}

enum status companies_duplicates(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return duplicates(&companies, rq, rs, e);
}

/* ---- ids of a request ---------------------------------------------------------- */

/* "a,b,c" as a JSON list of ids; the number of them. */
static size_t ids_json(struct arena *a, struct sv typed, struct sv without, struct sv *json)
{
	buf_auto struct buf out = BUF_INIT;
	struct sv rest = typed;
	size_t n = 0;

	buf_addc(&out, '[');
	while (sv_present(rest) && n < MERGE_MOST) {
		struct sv id = sv_trim(sv_cut(&rest, ','));

		if (!uuid_valid(id) || sv_eq(id, without))
			continue;
		if (n++)
			buf_addc(&out, ',');
		buf_json(&out, id);
	}
	buf_addc(&out, ']');
	*json = arena_sv(a, buf_sv(&out));
	return n;
}

static enum status dismiss(const struct merge_kind *k, struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv ids;

	ids_json(rq->arena, http_form(rq, "ids"), SV_NONE, &ids);
	db_add(b,
		"select internal.dismiss_duplicates($1, array(select x::uuid from jsonb_array_elements_text($2::jsonb) x))",
		DB_C(k->name), DB_S(ids));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "%s/duplicates?done=dismissed", k->path)));
}

enum status contacts_dismiss(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return dismiss(&contacts, rq, rs, e);
}

enum status companies_dismiss(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return dismiss(&companies, rq, rs, e);
}

/* ---- the page of a merge --------------------------------------------------------- */

/* The record whose value the field has unless somebody chooses: the primary's,
 * else the first that has one. */
static size_t first_choice(const struct db_batch *b, int rows, const char *field, size_t primary)
{
	if (db_named(b, rows, primary, field).n)
		return primary;
	for (size_t i = 0; i < db_rows(b, rows); i++)
		if (db_named(b, rows, i, field).n)
			return i;
	return primary;
}

static bool differs(const struct db_batch *b, int rows, const char *field)
{
	for (size_t i = 1; i < db_rows(b, rows); i++)
		if (!sv_eq(db_named(b, rows, i, field), db_named(b, rows, 0, field)))
			return true;
	return false;
}

static struct sv shown_value(const char *field, struct sv value)
{
	if (sv_eq(sv_from(field), SV("opt_in_status")))
		return sv_from(sv_eq(value, SV("true")) ? tr("may be contacted") : tr("opted out"));
	return value;
}

static void show_field(struct tmpl_value *fields, const struct merge_field *f, const struct db_batch *b, int rows,
		       size_t primary)
{
	struct tmpl_value *line = tmpl_push_map(fields), *cells = tmpl_set_list(line, "cells");
	size_t chosen = first_choice(b, rows, f->name, primary);

	tmpl_set_text(line, "name", sv_from(f->name));
	tmpl_set_text(line, "label", sv_from(tr(f->label)));
	tmpl_set_bool(line, "united", f->united);
	tmpl_set_bool(line, "differs", differs(b, rows, f->name));
	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *cell = tmpl_push_map(cells);
		struct sv value = db_named(b, rows, i, f->name);

		tmpl_set_text(cell, "id", db_named(b, rows, i, "id"));
		tmpl_set_text(cell, "who", db_named(b, rows, i, "name"));
		tmpl_set_text(cell, "value", shown_value(f->name, value));
		tmpl_set_bool(cell, "checked", i == chosen);
	}
}

static size_t primary_of(struct http_request *rq, const struct db_batch *b, int rows)
{
	for (size_t i = 0; i < db_rows(b, rows); i++)
		if (sv_eq(db_named(b, rows, i, "id"), http_query(rq, "primary")))
			return i;
	return 0;
}

static void show_records(struct http_request *rq, struct tmpl_value *page, const struct merge_kind *k,
			 const struct db_batch *b, int rows)
{
	struct tmpl_value *records = tmpl_set_list(page, "records"), *fields = tmpl_set_list(page, "fields");
	size_t primary = primary_of(rq, b, rows);
	buf_auto struct buf ids = BUF_INIT;

	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *r = tmpl_push_map(records);

		tmpl_set_text(r, "id", db_named(b, rows, i, "id"));
		tmpl_set_text(r, "name", db_named(b, rows, i, "name"));
		tmpl_set_text(r, "added", db_named(b, rows, i, "added"));
		tmpl_set_text(r, "deals", db_named(b, rows, i, "deals"));
		tmpl_set_text(r, "talks", db_named(b, rows, i, "talks"));
		tmpl_set_bool(r, "checked", i == primary);
		if (i)
			buf_addc(&ids, ',');
		buf_add(&ids, db_named(b, rows, i, "id"));
	}
	for (const struct merge_field *f = k->fields; f->name; f++)
		show_field(fields, f, b, rows, primary);
	tmpl_set_text(page, "ids", arena_sv(rq->arena, buf_sv(&ids)));
	tmpl_set_bool(page, "enough", db_rows(b, rows) > 1);
}

static enum status merge_show(const struct merge_kind *k, struct http_request *rq, struct http_response *rs,
			      struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv ids, more = http_query(rq, "and"), typed = http_query(rq, "ids");
	struct tmpl_value *page;
	int rows;

	if (uuid_valid(more))
		typed = sv_from(arena_printf(rq->arena, "%.*s,%.*s", SV_ARG(typed), SV_ARG(more)));
	ids_json(rq->arena, typed, SV_NONE, &ids);
	web_me(rq, b);
	rows = db_add(b, k->rows, DB_S(ids));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	show_records(rq, page, k, b, rows);
	tmpl_set_text(page, "path", sv_from(k->path));
	tmpl_set_text(page, "picker", sv_from(k->picker));
	tmpl_set_bool(page, "of_contacts", k == &contacts);
	return web_render(rq, rs, "app/merge", page, e);
}

enum status contacts_merge(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return merge_show(&contacts, rq, rs, e);
}

enum status companies_merge(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return merge_show(&companies, rq, rs, e);
}

/* Fields "choice.NAME" as {"NAME": "<id>"}. */
static struct sv choices(struct http_request *rq)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		if (!sv_starts(all->v[i].name, SV("choice.")) || !uuid_valid(all->v[i].value))
			continue;
		buf_addc(&out, out.n ? ',' : '{');
		buf_json(&out, sv_skip(all->v[i].name, 7));
		buf_addc(&out, ':');
		buf_json(&out, all->v[i].value);
	}
	if (!out.n)
		return SV("{}");
	buf_addc(&out, '}');
	return arena_sv(rq->arena, buf_sv(&out));
}

static enum status merge_do(const struct merge_kind *k, struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv primary = http_form(rq, "primary"), others;

	if (!uuid_valid(primary) || !ids_json(rq->arena, http_form(rq, "ids"), primary, &others))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Choose at least two records, and which one stays"));
	db_add(b, k->merge, DB_S(primary), DB_S(others), DB_S(choices(rq)));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, arena_printf(rq->arena, "%s/", k->path), primary, "?done=merged");
}

enum status contacts_merge_do(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return merge_do(&contacts, rq, rs, e);
}

enum status companies_merge_do(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return merge_do(&companies, rq, rs, e);
}

/* Unmerge: on to the record that is back. */
enum status merge_undo(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, kind;
	int s;

	if (path_id(rq, "merge", &id, e))
		return e->status;
	s = db_add(b,
		"select internal.unmerge(m.id) as id, m.record_type from record_merges m where m.id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, s))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This merge does not exist");
	kind = db_first(b, s, "record_type");
	return redirect_to(rq, rs, sv_eq(kind, SV("contact")) ? "/contacts/" : "/companies/", db_first(b, s, "id"),
			   "?done=unmerged");
}
