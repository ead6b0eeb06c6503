/* /companies: the fields of the list; /companies/options for pickers. */
#include "fcgi/app/records.h"
#include "fcgi/app/routes.h"

#define PLAIN (FIELD_SORT | FIELD_FILTER | FIELD_EDIT)

#define PEOPLE                                                                            \
	"(select count(*) from (select from contacts c where c.organization_id ="         \
	" t.organization_id and c.company_id = t.id limit 1000) x)"
#define OPEN_DEALS                                                                        \
	"(select count(*) from (select from deals d where d.organization_id ="            \
	" t.organization_id and d.company_id = t.id and d.won_at is null and d.lost_at is" \
	" null limit 100) x)"
/* What the latest companies have, for choosing. */
#define USED(column)                                                                      \
	"select x.v as value, x.v as label from (select distinct r.v from (select c." column \
	" as v from companies c order by c.created_at desc limit 2000) r) x where x.v <> ''" \
	" order by lower(x.v) limit 300"

static const struct record_field fields[] = {
	{ .key = "name", .label = N_("Name"), .type = FIELD_TEXT, .flags = FIELD_TITLE | PLAIN,
	  .shown = "t.name", .raw = "t.name" },
	{ .key = "industry", .label = N_("Industry"), .type = FIELD_CHOICE, .flags = PLAIN, .options = USED("industry") },
	{ .key = "country", .label = N_("Country"), .type = FIELD_CHOICE, .flags = PLAIN, .options = USED("country") },
	{ .key = "city", .label = N_("City"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "street", .label = N_("Street"), .type = FIELD_TEXT, .flags = FIELD_EDIT },
	{ .key = "postal_code", .label = N_("Postal code"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "state", .label = N_("State"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "website", .label = N_("Website"), .type = FIELD_URL, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "phones", .label = N_("Phone"), .type = FIELD_PHONES, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "emails", .label = N_("E-mail"), .type = FIELD_EMAILS, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "people", .label = N_("People"), .type = FIELD_NUMBER, .flags = 0,
	  .shown = "nullif(" PEOPLE ", 0)", .raw = PEOPLE },
	{ .key = "open_deals", .label = N_("Open deals"), .type = FIELD_NUMBER, .flags = 0,
	  .shown = "nullif(" OPEN_DEALS ", 0)", .raw = OPEN_DEALS },
	{ .key = "owner_id", .label = N_("Owner"), .type = FIELD_PERSON, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "internal.person(a.first_name, a.last_name, a.email)" },
	{ .key = "tags", .label = N_("Tags"), .type = FIELD_TAGS, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "employee_count", .label = N_("Employees"), .type = FIELD_NUMBER, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "annual_revenue", .label = N_("Annual revenue"), .type = FIELD_NUMBER, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "description", .label = N_("Description"), .type = FIELD_LONG, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "created_at", .label = N_("Added"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ .key = "updated_at", .label = N_("Changed"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ 0 },
};

const struct record_kind companies_kind = {
	.name = "companies", .entity = "company", .path = "/companies", .table = "companies", .area = "crm",
	.title = N_("Companies"), .one = N_("Company"), .new_label = N_("New company"),
	.hint = N_("Name, industry, website, country"), .icon = "building",
	.fields = fields, .columns = "industry,country,website,phones,people,open_deals,tags,created_at",
	.sort = "-created_at",
	.joins = "left join profiles a on a.organization_id = t.organization_id and a.id = t.owner_id",
	.card = "app/companies_card",
	.card_sql = ", upper(left(t.name, 1)) as initials, t.industry, t.country, t.city,"
		    " regexp_replace(t.website, '^https?://', '') as site, t.phones[1] as phone,"
		    " t.emails[1] as email, t.tags[1:4] as tags, " PEOPLE " as people, " OPEN_DEALS " as deals",
	.empty_title = N_("No companies yet"),
	.empty_text = N_("A company gathers the people you know there and the deals you have with them."),
	.none_title = N_("No company fits"),
	.none_text = N_("Search finds any part of a name, an industry, a website or a country."),
	.owner = "owner_id", .merge = "/companies/merge",
};

enum status companies_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return records_page(rq, rs, &companies_kind, e);
}

enum status companies_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b,
		"select t.id, t.name, concat_ws(' · ', nullif(t.industry, ''), nullif(t.city,"
		" ''), nullif(t.country, '')) as detail"
		" from companies t where t.id = any (array(select internal.find_companies($1,"
		" null, 200))) order by"
		" lower(t.name), t.id limit 8",
		DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}
