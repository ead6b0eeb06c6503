/* /contacts/new and /contacts/:id/edit. */
#include "fcgi/app/crm.h"
#include "fcgi/app/pages/deal_extra.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* LEA-29: none, or one of four. */
static void show_status(struct tmpl_value *page, struct sv chosen)
{
	static const char *const statuses[][2] = {
		{ "Lead", N_("Lead") }, { "Prospect", N_("Prospect") },
		{ "Customer", N_("Customer") }, { "Churned", N_("Churned") },
	};
	struct tmpl_value *list = tmpl_set_list(page, "statuses");

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", sv_from(statuses[i][0]));
		tmpl_set_text(one, "label", sv_from(tr(statuses[i][1])));
		tmpl_set_bool(one, "selected", sv_eq(chosen, sv_from(statuses[i][0])));
	}
}

/* The form, empty, from the row, or as it was sent. */
static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = -1, team, custom, company = -1, stages = -1;
	struct sv firm = http_query(rq, "company");

	web_me(rq, b);
	if (id.n)
		row = db_add(b,
			"select c.*, co.name as company, true as exists,"
			" internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name"
			" from contacts c left join companies co on co.organization_id = c.organization_id"
			" and co.id = c.company_id where c.id = $1::uuid", DB_S(id));
	team = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name,"
		" p.id = coalesce($1::uuid, (select c.assignee_id from contacts c where c.id = $2::uuid and not $3)) as selected"
		" from profiles p where p.is_active order by lower(p.first_name), p.id limit 500",
		DB_OPT(f ? http_form(rq, "assignee_id") : SV_NONE), DB_OPT(id), DB_B(f != NULL));
	custom = custom_add(b, "contact", CUSTOM_OF("contacts"), id, f);
	if (!id.n) {
		company = db_add(b, "select c.id as company_id, c.name as company from companies c where c.id = $1::uuid",
				 DB_OPT(uuid_valid(firm) ? firm : SV_NONE));
		stages = deal_extra_add(b, f);
	}
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This contact does not exist");
	page = web_page(rq, b);
	web_set_rows(page, "team", b, team);
	web_set_row(page, "custom", b, custom, 0);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	} else {
		struct tmpl_value *form = tmpl_set_map(page, "form");

		tmpl_set_bool(form, "opt_in_status", true);
		tmpl_set_text(form, "company_id", db_first(b, company, "company_id"));
		tmpl_set_text(form, "company", db_first(b, company, "company"));
		web_set_rows(page, "deal_pipelines", b, stages);
	}
	tmpl_set_text(page, "deal_new_id", uuid_new(rq->arena));
	show_status(page, f ? http_form(rq, "status") : id.n ? db_first(b, row, "status") : SV_NONE);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/contact_form", page, e);
}

enum status contact_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status contact_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "contact", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/*
 * One statement for both. $12 is the company's name as typed: it counts when
 * nothing was picked; a name that no company has makes one (CON-7).
 */
#define COMPANY_SQL                                                                               \
	"with found as (select co.id from companies co where lower(co.name) = lower($12)"         \
	"	and $5::uuid is null order by co.created_at, co.id limit 1),"                     \
	" made as (insert into companies (name) select $12 where $12 <> '' and $5::uuid is null"  \
	"	and not exists (select from found) returning id),"                                \
	" company as (select coalesce($5::uuid, (select id from found), (select id from made)) as id),"

static const char insert_sql[] = COMPANY_SQL
	" words as (select array(select jsonb_array_elements_text($4::jsonb)) as tags,"
	"	array(select jsonb_array_elements_text($6::jsonb)) as phones,"
	"	array(select jsonb_array_elements_text($7::jsonb)) as emails)"
	" insert into contacts (id, first_name, last_name, tags, company_id, phones, emails, source, description,"
	"	opt_in_status, custom_fields, assignee_id, title, status)"
	" select $1::uuid, nullif($2, ''), nullif($3, ''), w.tags, co.id, w.phones, w.emails, nullif($8, ''), nullif($9, ''),"
	"	$10::boolean, $11::jsonb, $13::uuid, nullif($14, ''), nullif($15, '') from words w, company co"
	" on conflict (organization_id, id) do nothing";

static const char update_sql[] = COMPANY_SQL
	" words as (select array(select jsonb_array_elements_text($4::jsonb)) as tags,"
	"	array(select jsonb_array_elements_text($6::jsonb)) as phones,"
	"	array(select jsonb_array_elements_text($7::jsonb)) as emails)"
	" update contacts c set first_name = nullif($2, ''), last_name = nullif($3, ''), tags = w.tags, company_id = co.id,"
	"	phones = w.phones, emails = w.emails, source = nullif($8, ''), description = nullif($9, ''),"
	"	opt_in_status = $10::boolean, assignee_id = $13::uuid, title = nullif($14, ''), status = nullif($15, ''),"
	"	custom_fields = internal.custom_merged('contact', c.custom_fields, $11::jsonb)"
	" from words w, company co where c.id = $1::uuid";

/* LEA-27: a person who is added by hand has both names, and can be reached. */
static void check_new(struct form *f, struct sv first, struct sv last, bool reached)
{
	if (!first.n)
		form_error(f, "first_name", sv_from(tr("Write the first name")));
	if (!last.n)
		form_error(f, "last_name", sv_from(tr("Write the last name")));
	if (!reached)
		form_error(f, "phones", sv_from(tr("Write a phone number or an e-mail address")));
}

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv first = form_text(f, "first_name"), last = form_text(f, "last_name");
	struct sv tags = form_words(f, "tags"), company = form_id(f, "company_id");
	struct sv phones = form_lines(f, "phones"), emails = form_lines(f, "emails");
	struct sv source = form_text(f, "source"), text = form_text(f, "description");
	bool opt_in = http_form(f->rq, "opt_in_status").n > 0;
	struct sv custom = form_custom(f), name = form_text(f, "company");
	struct sv assignee = form_id(f, "assignee_id");

	struct sv title = form_text(f, "title"), status = form_text(f, "status");
	bool reached = !sv_eq(phones, SV("[]")) || !sv_eq(emails, SV("[]"));
	int saved;

	tmpl_set_bool(f->values, "opt_in_status", opt_in);
	if (make)
		check_new(f, first, last, reached);
	else if (!first.n && !last.n && !reached)
		form_error(f, "first_name", sv_from(tr("Write a name, a phone number or an e-mail address")));
	saved = db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(first), DB_S(last), DB_S(tags), DB_S(company),
		       DB_S(phones), DB_S(emails), DB_S(source), DB_S(text), DB_B(opt_in), DB_S(custom), DB_S(name),
		       DB_S(assignee), DB_S(title), DB_S(status));
	if (make)
		deal_extra_save(f, b,
				"insert into deals (id, title, value, currency, pipeline_id, stage, contact_id, company_id, owner_id)"
				" select $1::uuid, $2, $3::numeric, o.currency, $4::uuid, coalesce($5, 'new'), c.id, c.company_id, auth.uid()"
				" from contacts c join organizations o on o.id = c.organization_id where c.id = $6::uuid"
				" on conflict (organization_id, id) do nothing", id);
	return saved;
}

static const struct record_form form = { "contact", "/contacts/", add_save, show };

enum status contact_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status contact_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}
