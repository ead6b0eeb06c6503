/*
 * /leads/:id/convert: the dialog "Convert Lead" (LEA-11..16), as a page of its
 * own, so that it works anywhere: who and what is there already is offered to
 * be linked, the rest is made. convert_lead (sql/144) does it all at once.
 */
#include "fcgi/app/pages/leads.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static int add_stages(struct db_batch *b, struct sv chosen)
{
	return db_add(b,
		"select p.name, (select jsonb_agg(jsonb_build_object('value', p.id || ':' || (s ->> 'id'), 'name', s ->> 'name',"
		"	'selected', case when $1 <> '' then p.id || ':' || (s ->> 'id') = $1 else p.is_default and n = 1 end) order by n)"
		"	from jsonb_array_elements(p.stages) with ordinality e (s, n) where s ->> 'type' = 'open') as stages"
		" from pipelines p order by p.is_default desc, lower(p.name), p.id", DB_S(chosen));
}

/* Custom fields that the new records must have and the lead does not bring along. */
static int add_needed(struct db_batch *b, struct sv id, const char *entity)
{
	return db_add(b,
		"select d.key, d.label"
		" from custom_field_definitions d cross join leads l where l.id = $2::uuid and d.entity = $1 and d.required"
		" and not d.is_hidden and not internal.lead_fields_for($1, l.custom_fields) ? d.key order by d.position, d.key",
		DB_C(entity), DB_S(id));
}

struct parts {
	int lead, matches, stages, contact, company, deal;
};

static void add_parts(struct db_batch *b, struct sv id, struct sv stage, struct parts *p)
{
	p->lead = db_add(b,
		"select l.id, l.name, l.company_name as company, l.email, l.phone, l.status = 'Converted' as is_converted,"
		" coalesce(l.company_name, l.name) as deal_title, (select o.currency from organizations o where o.id = auth.org()) as currency"
		" from leads l where l.id = $1::uuid", DB_S(id));
	p->matches = db_add(b, "select m.*, m.reason = 'email' as by_email, m.reason = 'phone' as by_phone"
			       " from internal.lead_matches($1::uuid) m", DB_S(id));
	p->stages = add_stages(b, stage);
	p->contact = add_needed(b, id, "contact");
	p->company = add_needed(b, id, "company");
	p->deal = add_needed(b, id, "deal");
}

static void show_matches(struct tmpl_value *page, const struct db_batch *b, int stmt)
{
	for (size_t i = 0; i < db_rows(b, stmt); i++)
		web_set_row(page, sv_eq(db_named(b, stmt, i, "kind"), SV("contact")) ? "match_contact" : "match_company",
			    b, stmt, i);
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv stage = f ? http_form(rq, "stage") : SV(""), title, currency;
	struct tmpl_value *page, *form;
	struct parts p;

	web_me(rq, b);
	add_parts(b, id, stage.n ? stage : SV(""), &p);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, p.lead))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This lead does not exist");
	if (sv_eq(db_first(b, p.lead, "is_converted"), SV("t")))
		return redirect_to(rq, rs, "/leads/", id, "");
	page = web_page(rq, b);
	web_set_row(page, "lead", b, p.lead, 0);
	show_matches(page, b, p.matches);
	web_set_rows(page, "pipelines", b, p.stages);
	web_set_rows(page, "contact_needs", b, p.contact);
	web_set_rows(page, "company_needs", b, p.company);
	web_set_rows(page, "deal_needs", b, p.deal);
	form = tmpl_set_map(page, "form");
	tmpl_set_bool(form, "contact", f ? http_form(rq, "contact").n > 0 : true);
	tmpl_set_bool(form, "company", f ? http_form(rq, "company").n > 0 : db_first(b, p.lead, "company").n > 0);
	tmpl_set_bool(form, "opportunity", f && http_form(rq, "opportunity").n > 0);
	tmpl_set_bool(form, "new_contact", f && sv_eq(http_form(rq, "contact_id"), SV("new")));
	tmpl_set_bool(form, "new_company", f && sv_eq(http_form(rq, "company_id"), SV("new")));
	/* What was not shown was not sent. */
	title = f ? http_form(rq, "title") : SV_NONE;
	currency = f ? http_form(rq, "currency") : SV_NONE;
	tmpl_set_text(form, "title", sv_present(title) ? title : db_first(b, p.lead, "deal_title"));
	tmpl_set_text(form, "value", f ? http_form(rq, "value") : SV(""));
	tmpl_set_text(form, "currency", sv_present(currency) ? currency : db_first(b, p.lead, "currency"));
	if (f) {
		tmpl_set(page, "errors", f->errors);
		rs->status = 422;
	}
	return web_render(rq, rs, "app/lead_convert", page, e);
}

enum status lead_convert_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "lead", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* Inputs named PREFIX.KEY as a JSON object. */
static struct sv needed_fields(struct http_request *rq, const char *prefix)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		struct sv name = all->v[i].name;

		if (!sv_starts(name, sv_from(prefix)) || !sv_trim(all->v[i].value).n)
			continue;
		buf_addc(&json, json.n ? ',' : '{');
		buf_json(&json, sv_skip(name, sv_from(prefix).n));
		buf_addc(&json, ':');
		buf_json(&json, sv_trim(all->v[i].value));
	}
	if (!json.n)
		return SV("{}");
	buf_addc(&json, '}');
	return arena_sv(rq->arena, buf_sv(&json));
}

/* "pipeline:stage" of the form. */
static void read_stage(struct sv both, struct sv *pipeline, struct sv *stage)
{
	ptrdiff_t cut = sv_chr(both, ':');

	*pipeline = cut > 0 ? sv_make(both.p, (size_t)cut) : SV_NONE;
	*stage = cut > 0 ? sv_skip(both, (size_t)cut + 1) : SV_NONE;
	if (!uuid_valid(*pipeline))
		*pipeline = SV_NONE;
}

static struct sv chosen_id(struct http_request *rq, const char *name)
{
	struct sv id = http_form(rq, name);

	return uuid_valid(id) ? id : SV_NONE;
}

enum status lead_convert(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, pipeline, stage, value;
	bool contact, company, deal;
	struct form f;

	if (path_id(rq, "lead", &id, e))
		return e->status;
	form_init(&f, rq);
	contact = http_form(rq, "contact").n > 0;
	company = http_form(rq, "company").n > 0;
	deal = http_form(rq, "opportunity").n > 0;
	value = form_money(&f, "value");
	read_stage(http_form(rq, "stage"), &pipeline, &stage);
	if (!contact && !company)
		form_error(&f, "form", sv_from(tr("Choose what becomes of the lead: a contact, a company, or both.")));
	if (f.wrong)
		return show(rq, rs, id, &f, e);
	db_add(b,
		"select convert_lead($1::uuid, create_contact => $2, create_company => $3, contact_id => $4::uuid,"
		" company_id => $5::uuid, create_opportunity => $6, pipeline_id => $7::uuid, stage => $8, opportunity_title => $9,"
		" opportunity_value => nullif($10, '')::numeric, opportunity_currency => $11, contact_fields => $12::jsonb,"
		" company_fields => $13::jsonb, opportunity_fields => $14::jsonb)",
		DB_S(id), DB_B(contact), DB_B(company), DB_OPT(contact ? chosen_id(rq, "contact_id") : SV_NONE),
		DB_OPT(company ? chosen_id(rq, "company_id") : SV_NONE), DB_B(deal), DB_OPT(pipeline), DB_OPT(stage),
		DB_S(http_form(rq, "title")), DB_S(value), DB_S(http_form(rq, "currency")),
		DB_S(needed_fields(rq, "contact.")), DB_S(needed_fields(rq, "company.")), DB_S(needed_fields(rq, "deal.")));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, id, &f, e);
	}
	return redirect_to(rq, rs, "/leads/", id, "?done=converted");
}
