/*
 * /leads: the fields of the list (fcgi/app/records.h), highest score first
 * (LEA-5, LEA-7); and /leads/options, what a picker offers.
 */
#include "fcgi/app/pages/leads.h"
#include "fcgi/app/records.h"
#include "fcgi/app/routes.h"

#define PLAIN (FIELD_SORT | FIELD_FILTER | FIELD_EDIT)

static const struct record_choice statuses[] = {
	{ "New", N_("New"), "accent" },
	{ "Contacted", N_("Contacted"), "warn" },
	{ "Qualified", N_("Qualified"), "good" },
	{ "Disqualified", N_("Disqualified"), "bad" },
	{ "Converted", N_("Converted"), NULL },
	{ 0 },
};

static const struct record_choice sources[] = {
	{ "manual", N_("Manual entry"), NULL },
	{ "web_form", N_("Web form"), NULL },
	{ "campaign", N_("Marketing campaign"), NULL },
	{ "event", N_("Event"), NULL },
	{ "referral", N_("Referral"), NULL },
	{ "import", N_("Import"), NULL },
	{ 0 },
};

const char *lead_status_label(struct sv status)
{
	for (const struct record_choice *c = statuses; c->value; c++)
		if (sv_eq(status, sv_from(c->value)))
			return tr(c->label);
	return "";
}

const char *lead_source_label(struct arena *a, struct sv source)
{
	for (const struct record_choice *c = sources; c->value; c++)
		if (sv_eq(source, sv_from(c->value)))
			return tr(c->label);
	return arena_dup(a, source);
}

void lead_sources_show(struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, "sources");
	bool known = false;

	for (const struct record_choice *c = sources; c->value; c++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", sv_from(c->value));
		tmpl_set_text(one, "label", sv_from(tr(c->label)));
		tmpl_set_bool(one, "selected", sv_eq(chosen, sv_from(c->value)));
		known = known || sv_eq(chosen, sv_from(c->value));
	}
	if (chosen.n && !known) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", chosen);
		tmpl_set_text(one, "label", chosen);
		tmpl_set_bool(one, "selected", true);
	}
}

static const struct record_field fields[] = {
	{ .key = "name", .label = N_("Name"), .type = FIELD_TEXT, .flags = FIELD_TITLE | PLAIN },
	{ .key = "company_name", .label = N_("Company"), .type = FIELD_TEXT, .flags = PLAIN },
	{ .key = "score", .label = N_("Score"), .type = FIELD_NUMBER, .flags = FIELD_SORT | FIELD_FILTER },
	{ .key = "status", .label = N_("Status"), .type = FIELD_CHOICE, .flags = PLAIN, .choices = statuses },
	{ .key = "email", .label = N_("E-mail"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "phone", .label = N_("Phone"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "title", .label = N_("Job title"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "source", .label = N_("Source"), .type = FIELD_CHOICE, .flags = FIELD_FILTER | FIELD_EDIT,
	  .choices = sources },
	{ .key = "owner_id", .label = N_("Owner"), .type = FIELD_PERSON, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "case when a.id is not null then internal.person(a.first_name, a.last_name, a.email) end" },
	{ .key = "territory", .label = N_("Territory"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT,
	  .options = "select x.territory as value, x.territory as label from (select distinct r.territory from"
		     " (select l.territory from leads l order by l.created_at desc limit 2000) r) x"
		     " where x.territory <> '' order by 1 limit 100" },
	{ .key = "company_size", .label = N_("Employees"), .type = FIELD_NUMBER,
	  .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "tags", .label = N_("Tags"), .type = FIELD_TAGS, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "description", .label = N_("Description"), .type = FIELD_LONG, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "disqualify_reason", .label = N_("Why disqualified"), .type = FIELD_TEXT, .flags = FIELD_FILTER },
	{ .key = "last_signal_at", .label = N_("Last signal"), .type = FIELD_TIME, .flags = FIELD_FILTER },
	{ .key = "converted_at", .label = N_("Converted on"), .type = FIELD_TIME, .flags = FIELD_FILTER },
	{ .key = "created_at", .label = N_("Added"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ .key = "updated_at", .label = N_("Changed"), .type = FIELD_TIME, .flags = FIELD_FILTER },
	{ 0 },
};

const struct record_kind leads_kind = {
	.name = "leads", .entity = "lead", .path = "/leads", .table = "leads", .area = "crm",
	.title = N_("Leads"), .one = N_("Lead"), .new_label = N_("New lead"),
	.hint = N_("Name, company, phone, e-mail, tag"), .icon = "target",
	.fields = fields, .columns = "company_name,score,status,email,source,owner_id,created_at", .sort = "-score",
	.joins = "left join profiles a on a.organization_id = t.organization_id and a.id = t.owner_id",
	.card = "app/leads_card",
	.card_sql = ", internal.initials(t.name, null, t.email) as initials, t.company_name as company, t.title as job,"
		    " t.score, t.score >= (select coalesce(max(s.high_score_threshold), 70) from lead_scoring s) as is_high,"
		    " t.status, t.status = 'Converted' as is_converted, t.status = 'Disqualified' as is_disqualified,"
		    " t.email, t.phone, t.tags[1:4] as tags,"
		    " nullif(cardinality(t.tags) - 4, -4) > 0 as more_tags,"
		    " internal.person(a.first_name, a.last_name, a.email) as owner, a.id is not null as has_owner,"
		    " internal.initials(a.first_name, a.last_name, a.email) as owner_initials",
	.empty_title = N_("No leads yet"),
	.empty_text = N_("Whoever fills in one of your web forms becomes a lead by himself. You can also add leads by hand."),
	.none_title = N_("No lead fits"),
	.none_text = N_("Names are found in either order, phone numbers by any part of their digits."),
	.owner = "owner_id", .views = "app/leads_views",
};

enum status leads_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return records_page(rq, rs, &leads_kind, e);
}

enum status leads_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b,
		"select t.id, t.name, concat_ws(' · ', t.company_name, coalesce(t.email, t.phone)) as detail"
		" from leads t where t.id = any (array(select internal.find_leads($1, null, 200)))"
		" order by lower(t.name), t.id limit 8", DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}
