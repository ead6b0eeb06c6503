/* /companies/:id and its deletion. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static int add_company(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, c.name, upper(left(c.name, 1)) as initials, c.industry, c.website, c.domain, c.phones, c.emails, c.tags,"
		" c.description, c.employee_count, c.website ~* '^https?://' as has_link,"
		" regexp_replace(c.website, '^https?://', '') as site,"
		" case when c.annual_revenue is not null then internal.shown_money(c.annual_revenue, o.currency) end as revenue,"
		" array_remove(array[nullif(c.street, ''), nullif(trim(concat_ws(' ', c.postal_code, c.city)), ''),"
		"	nullif(concat_ws(', ', nullif(c.state, ''), nullif(c.country, '')), '')], null) as address,"
		" internal.custom_shown('company', c.custom_fields) as custom,"
		" internal.shown_time(c.created_at, (select internal.my_zone())) as added"
		" from companies c join organizations o on o.id = c.organization_id where c.id = $1::uuid", DB_S(id));
}

static int add_people(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
		" internal.initials(c.first_name, c.last_name, c.emails[1]) as initials, coalesce(c.emails[1], c.phones[1]) as detail"
		" from contacts c where c.company_id = $1::uuid order by c.full_name_search, c.id limit 50", DB_S(id));
}

static int add_deals(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select d.id, d.title, internal.shown_money(d.value, d.currency) as amount,"
		" internal.stage_name(d.pipeline_id, d.stage) as stage, d.won_at is not null as won,"
		" internal.person(c.first_name, c.last_name, c.phones[1]) as contact"
		" from deals d left join contacts c on c.organization_id = d.organization_id and c.id = d.contact_id"
		" where d.company_id = $1::uuid order by d.created_at desc limit 20", DB_S(id));
}

/* Revenue over the company's deals (COM-11), one sum per currency. */
static int add_sums(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select string_agg(internal.shown_money(x.won, x.currency), ' + ' order by x.won desc) filter (where x.won > 0) as won,"
		" string_agg(internal.shown_money(x.open, x.currency), ' + ' order by x.open desc) filter (where x.open > 0) as open"
		" from (select d.currency, sum(d.value) filter (where d.won_at is not null) as won,"
		"	sum(d.value) filter (where d.won_at is null and d.lost_at is null) as open"
		"	from deals d where d.company_id = $1::uuid group by d.currency) x", DB_S(id));
}

enum status company_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int company, people, deals, sums, timeline;

	if (path_id(rq, "company", &id, e))
		return e->status;
	web_me(rq, b);
	company = add_company(b, id);
	people = add_people(b, id);
	deals = add_deals(b, id);
	sums = add_sums(b, id);
	timeline = timeline_add(b, "company", id, SV_NONE);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, company))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This company does not exist");
	page = web_page(rq, b);
	web_set_row(page, "company", b, company, 0);
	web_set_rows(page, "people", b, people);
	web_set_rows(page, "deals", b, deals);
	web_set_row(page, "sums", b, sums, 0);
	timeline_show(rq, page, "company", id, b, timeline);
	tmpl_set_text(page, "note_id", uuid_new(rq->arena));
	tmpl_set_text(page, "note_path", rq->path);
	return web_render(rq, rs, "app/company", page, e);
}

/* People and deals stay, without the company (COM-6, COM-7). */
enum status company_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "company", &id, e))
		return e->status;
	gone = db_add(b, "delete from companies where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This company does not exist");
	return http_redirect(rs, SV("/companies?done=deleted"));
}
