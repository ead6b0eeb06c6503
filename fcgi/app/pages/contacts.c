/*
 * /contacts: the fields of the list (fcgi/app/records.h); and /contacts/options,
 * what the picker of a form offers while somebody types.
 */
#include "fcgi/app/records.h"
#include "fcgi/app/routes.h"

#define PLAIN (FIELD_SORT | FIELD_FILTER | FIELD_EDIT)

#define OPEN_DEALS                                                                        \
	"(select count(*) from (select from deals d where d.organization_id ="            \
	" t.organization_id and d.contact_id = t.id and d.won_at is null and d.lost_at is" \
	" null limit 100) open)"

static const struct record_choice statuses[] = {
	{ "Lead", N_("Lead"), "accent" },
	{ "Prospect", N_("Prospect"), "warn" },
	{ "Customer", N_("Customer"), "good" },
	{ "Churned", N_("Churned"), "bad" },
	{ 0 },
};

/* The first six are those of LEA-26. */
static const struct record_field fields[] = {
	{ .key = "name", .label = N_("Name"), .type = FIELD_TEXT,
	  .flags = FIELD_TITLE | FIELD_SORT | FIELD_NO_EXPORT,
	  .shown = "internal.person(t.first_name, t.last_name, coalesce(t.phones[1], t.emails[1]))" },
	{ .key = "first_name", .label = N_("First name"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "last_name", .label = N_("Last name"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "title", .label = N_("Job title"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "company_id", .label = N_("Company"), .type = FIELD_LINK, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "co.name", .to = "/companies" },
	{ .key = "emails", .label = N_("E-mail"), .type = FIELD_EMAILS, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "phones", .label = N_("Phone"), .type = FIELD_PHONES, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "status", .label = N_("Status"), .type = FIELD_CHOICE, .flags = FIELD_FILTER | FIELD_EDIT,
	  .choices = statuses },
	{ .key = "assignee_id", .label = N_("Owner"), .type = FIELD_PERSON, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "internal.person(a.first_name, a.last_name, a.email)" },
	{ .key = "tags", .label = N_("Tags"), .type = FIELD_TAGS, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "open_deals", .label = N_("Open deals"), .type = FIELD_NUMBER, .flags = 0,
	  .shown = "nullif(" OPEN_DEALS ", 0)", .raw = OPEN_DEALS },
	{ .key = "source", .label = N_("Source"), .type = FIELD_TEXT, .flags = PLAIN,
	  .options = "select x.source as value, x.source as label from (select distinct r.source from (select"
		     " c.source from contacts c order by c.created_at desc limit 2000) r) x where x.source <> ''"
		     " order by 1 limit 100" },
	{ .key = "opt_in_status", .label = N_("Marketing consent"), .type = FIELD_BOOL,
	  .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "description", .label = N_("Description"), .type = FIELD_LONG, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "created_at", .label = N_("Added"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ .key = "updated_at", .label = N_("Changed"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ 0 },
};

const struct record_kind contacts_kind = {
	.name = "contacts", .entity = "contact", .path = "/contacts", .table = "contacts", .area = "crm",
	.title = N_("Contacts"), .one = N_("Contact"), .new_label = N_("New contact"),
	.hint = N_("Name, phone, e-mail, company, tag"), .icon = "users",
	.fields = fields, .columns = "company_id,emails,phones,status,assignee_id,tags,created_at", .sort = "-created_at",
	.joins = "left join companies co on co.organization_id = t.organization_id and co.id = t.company_id"
		 " left join profiles a on a.organization_id = t.organization_id and a.id = t.assignee_id",
	.card = "app/contacts_card",
	.card_sql = ", internal.initials(t.first_name, t.last_name, t.emails[1]) as initials,"
		    " t.phones[1] as phone, t.emails[1] as email, t.tags[1:4] as tags,"
		    " nullif(cardinality(t.tags) - 4, -4) > 0 as more_tags, t.source, co.name as company,"
		    " regexp_replace(t.phones[1], '[^0-9]', '', 'g') as whatsapp,"
		    " internal.person(a.first_name, a.last_name, a.email) as assignee, a.id is not null as has_assignee,"
		    " internal.initials(a.first_name, a.last_name, a.email) as assignee_initials, " OPEN_DEALS " as deals,"
		    " (select c.id from conversations c where c.organization_id = t.organization_id"
		    " and c.contact_id = t.id order by c.last_message_at desc nulls last limit 1) as conversation_id",
	.empty_title = N_("Nobody here yet"),
	.empty_text = N_("Whoever writes to one of your channels becomes a contact by himself. You can also add people by hand."),
	.none_title = N_("No contact fits"),
	.none_text = N_("Names are found in either order, phone numbers by any part of their digits."),
	.owner = "assignee_id", .consent = "opt_in_status", .merge = "/contacts/merge",
};

enum status contacts_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return records_page(rq, rs, &contacts_kind, e);
}

enum status contacts_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b,
		"select t.id, internal.person(t.first_name, t.last_name, coalesce(t.phones[1],"
		" t.emails[1])) as name,"
		" concat_ws(' · ', co.name, coalesce(t.emails[1], t.phones[1])) as detail"
		" from contacts t left join companies co on co.organization_id ="
		" t.organization_id and co.id = t.company_id"
		" where t.id = any (array(select internal.find_contacts($1, null, 200))) order by"
		" t.full_name_search, t.id limit 8",
		DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}
