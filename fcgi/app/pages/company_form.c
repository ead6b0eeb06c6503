/* /companies/new and /companies/:id/edit. */
#include "fcgi/app/crm.h"
#include "fcgi/app/pages/deal_extra.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = -1, custom, team, stages = -1;

	web_me(rq, b);
	if (id.n)
		row = db_add(b,
			"select c.*, trim_scale(c.annual_revenue) as annual_revenue, up.name as parent"
			" from companies c left join companies up on up.organization_id = c.organization_id"
			" and up.id = c.parent_company_id where c.id = $1::uuid", DB_S(id));
	team = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name,"
		" p.id = coalesce($1::uuid, (select c.owner_id from companies c where c.id = $2::uuid and not $3)) as selected"
		" from profiles p where p.is_active order by lower(p.first_name), p.id limit 500",
		DB_OPT(f ? http_form(rq, "owner_id") : SV_NONE), DB_OPT(id), DB_B(f != NULL));
	if (!id.n)
		stages = deal_extra_add(b, f);
	custom = custom_add(b, "company", CUSTOM_OF("companies"), id, f);
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This company does not exist");
	page = web_page(rq, b);
	web_set_row(page, "custom", b, custom, 0);
	web_set_rows(page, "team", b, team);
	tmpl_set_text(page, "deal_new_id", uuid_new(rq->arena));
	tmpl_set_bool(page, "deal_contact", true);
	if (!id.n)
		web_set_rows(page, "deal_pipelines", b, stages);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	} else {
		tmpl_set_map(page, "form");
	}
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/company_form", page, e);
}

enum status company_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status company_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "company", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

static const char insert_sql[] =
	"insert into companies (id, name, industry, website, domain, street, city, state, postal_code, country, employee_count,"
	"	annual_revenue, description, phones, emails, tags, custom_fields, owner_id, parent_company_id)"
	" values ($1::uuid, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''), nullif($6, ''), nullif($7, ''), nullif($8, ''),"
	"	nullif($9, ''), nullif($10, ''), nullif($11, '')::integer, nullif($12, '')::numeric, nullif($13, ''),"
	"	array(select jsonb_array_elements_text($14::jsonb)), array(select jsonb_array_elements_text($15::jsonb)),"
	"	array(select jsonb_array_elements_text($16::jsonb)), $17::jsonb, $18::uuid, $19::uuid)"
	" on conflict (organization_id, id) do nothing";

static const char update_sql[] =
	"update companies c set name = $2, industry = nullif($3, ''), website = nullif($4, ''), domain = nullif($5, ''),"
	"	street = nullif($6, ''), city = nullif($7, ''), state = nullif($8, ''), postal_code = nullif($9, ''),"
	"	country = nullif($10, ''), employee_count = nullif($11, '')::integer, annual_revenue = nullif($12, '')::numeric,"
	"	description = nullif($13, ''), phones = array(select jsonb_array_elements_text($14::jsonb)),"
	"	emails = array(select jsonb_array_elements_text($15::jsonb)), tags = array(select jsonb_array_elements_text($16::jsonb)),"
	"	owner_id = $18::uuid, parent_company_id = $19::uuid,"
	"	custom_fields = internal.custom_merged('company', c.custom_fields, $17::jsonb)"
	" where c.id = $1::uuid";

/* A number of people: digits alone. */
static struct sv form_count(struct form *f, const char *name)
{
	struct sv value = form_text(f, name);
	int64_t n = 0;

	if (value.n && (!sv_to_i64(value, &n) || n < 0 || n > 100000000))
		form_error(f, name, sv_from(tr("Write a whole number")));
	return value;
}

/* COM-3; the contact may be a new one, who then belongs to the company (UCF-57). */
static void add_deal(struct form *f, struct db_batch *b, struct sv id)
{
	struct sv first = form_text(f, "person_first"), last = form_text(f, "person_last");
	struct sv mail = form_text(f, "person_email"), deal = http_form(f->rq, "deal_id");

	if ((first.n || last.n || mail.n) && uuid_valid(deal)) /* the form's own id, so that it is made once */
		db_add(b,
			"insert into contacts (id, first_name, last_name, emails, company_id)"
			" values ($1::uuid, nullif($2, ''), nullif($3, ''), array_remove(array[$4], ''), $5::uuid)"
			" on conflict (organization_id, id) do nothing",
			DB_S(deal), DB_S(first), DB_S(last), DB_S(mail), DB_S(id));
	deal_extra_save(f, b,
			"insert into deals (id, title, value, currency, pipeline_id, stage, company_id, contact_id, owner_id)"
			" select $1::uuid, $2, $3::numeric, o.currency, $4::uuid, coalesce($5, 'new'), c.id,"
			" (select k.id from contacts k where k.id = $1::uuid), auth.uid()"
			" from companies c join organizations o on o.id = c.organization_id where c.id = $6::uuid"
			" on conflict (organization_id, id) do nothing", id);
}

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv name = form_required(f, "name", tr("Write the company's name"));
	struct sv industry = form_text(f, "industry"), website = form_text(f, "website");
	struct sv domain = form_text(f, "domain"), street = form_text(f, "street");
	struct sv city = form_text(f, "city"), state = form_text(f, "state");
	struct sv postal = form_text(f, "postal_code"), country = form_text(f, "country");
	struct sv people = form_count(f, "employee_count"), revenue = form_money(f, "annual_revenue");
	struct sv text = form_text(f, "description"), phones = form_lines(f, "phones");
	struct sv emails = form_lines(f, "emails"), tags = form_words(f, "tags");
	struct sv custom = form_custom(f), owner = form_id(f, "owner_id"), parent = form_id(f, "parent_company_id");
	int saved;

	form_text(f, "parent");
	saved = db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(name), DB_S(industry), DB_S(website), DB_S(domain),
		       DB_S(street), DB_S(city), DB_S(state), DB_S(postal), DB_S(country), DB_S(people), DB_S(revenue),
		       DB_S(text), DB_S(phones), DB_S(emails), DB_S(tags), DB_S(custom), DB_S(owner), DB_S(parent));
	if (make)
		add_deal(f, b, id);
	return saved;
}

static const struct record_form form = { "company", "/companies/", add_save, show };

enum status company_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status company_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}
