#include "crm/entity.h"

#define OWN_ID(prefix) { "id", "t.id", CRM_ID, NULL, prefix, 0 }
#define TIMES                                                \
	{ "createdAt", "t.created_at", CRM_TIME, NULL, NULL, 0 }, \
	{ "updatedAt", "t.updated_at", CRM_TIME, NULL, NULL, 0 }
#define END { NULL, NULL, CRM_TEXT, NULL, NULL, 0 }

static const struct crm_field contact[] = {
	OWN_ID("cnt_"),
	{ "firstName", "t.first_name", CRM_TEXT, "first_name", NULL, 0 },
	{ "lastName", "t.last_name", CRM_TEXT, "last_name", NULL, 0 },
	{ "email", "t.emails[1]", CRM_FIRST, "emails", NULL, 0 },
	{ "phone", "t.phones[1]", CRM_FIRST, "phones", NULL, 0 },
	{ "status", "t.status", CRM_WORD, "status", NULL, 0 },
	{ "companyId", "t.company_id", CRM_ID, "company_id", "cmp_", 0 },
	{ "ownerId", "t.assignee_id", CRM_ID, "assignee_id", "usr_", 0 },
	{ "source", "t.source", CRM_TEXT, "source", NULL, 0 },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "tags", "t.tags", CRM_LIST, "tags", NULL, 0 },
	{ "optIn", "t.opt_in_status", CRM_BOOL, "opt_in_status", NULL, 0 },
	{ "customFields", "t.custom_fields", CRM_OBJECT, "custom_fields", NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field company[] = {
	OWN_ID("cmp_"),
	{ "name", "t.name", CRM_TEXT, "name", NULL, CRM_NEEDED },
	{ "domain", "t.domain", CRM_TEXT, "domain", NULL, 0 },
	{ "website", "t.website", CRM_TEXT, "website", NULL, 0 },
	{ "industry", "t.industry", CRM_WORD, "industry", NULL, 0 },
	{ "email", "t.emails[1]", CRM_FIRST, "emails", NULL, 0 },
	{ "phone", "t.phones[1]", CRM_FIRST, "phones", NULL, 0 },
	{ "street", "t.street", CRM_TEXT, "street", NULL, 0 },
	{ "city", "t.city", CRM_TEXT, "city", NULL, 0 },
	{ "state", "t.state", CRM_TEXT, "state", NULL, 0 },
	{ "postalCode", "t.postal_code", CRM_TEXT, "postal_code", NULL, 0 },
	{ "country", "t.country", CRM_WORD, "country", NULL, 0 },
	{ "employeeCount", "t.employee_count", CRM_NUMBER, "employee_count", NULL, 0 },
	{ "annualRevenue", "t.annual_revenue", CRM_NUMBER, "annual_revenue", NULL, 0 },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "tags", "t.tags", CRM_LIST, "tags", NULL, 0 },
	{ "customFields", "t.custom_fields", CRM_OBJECT, "custom_fields", NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field lead[] = {
	OWN_ID("lea_"),
	{ "name", "t.name", CRM_TEXT, "name", NULL, CRM_NEEDED },
	{ "companyName", "t.company_name", CRM_TEXT, "company_name", NULL, 0 },
	{ "title", "t.title", CRM_TEXT, "title", NULL, 0 },
	{ "email", "t.email", CRM_WORD, "email", NULL, 0 },
	{ "phone", "t.phone", CRM_TEXT, "phone", NULL, 0 },
	{ "source", "t.source", CRM_WORD, "source", NULL, 0 },
	{ "score", "t.score", CRM_NUMBER, NULL, NULL, 0 },
	{ "status", "t.status", CRM_WORD, "status", NULL, 0 },
	{ "ownerId", "t.owner_id", CRM_ID, "owner_id", "usr_", 0 },
	{ "teamId", "t.team_id", CRM_ID, "team_id", "tea_", 0 },
	{ "territory", "t.territory", CRM_WORD, "territory", NULL, 0 },
	{ "companySize", "t.company_size", CRM_NUMBER, "company_size", NULL, 0 },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "tags", "t.tags", CRM_LIST, "tags", NULL, 0 },
	{ "disqualifyReason", "t.disqualify_reason", CRM_TEXT, "disqualify_reason", NULL, 0 },
	{ "contactId", "t.converted_contact_id", CRM_ID, NULL, "cnt_", 0 },
	{ "companyId", "t.converted_company_id", CRM_ID, NULL, "cmp_", 0 },
	{ "opportunityId", "t.converted_deal_id", CRM_ID, NULL, "opp_", 0 },
	{ "convertedAt", "t.converted_at", CRM_TIME, NULL, NULL, 0 },
	{ "customFields", "t.custom_fields", CRM_OBJECT, "custom_fields", NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field opportunity[] = {
	OWN_ID("opp_"),
	{ "title", "t.title", CRM_TEXT, "title", NULL, CRM_NEEDED },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "value", "t.value", CRM_NUMBER, "value", NULL, 0 },
	{ "currency", "t.currency", CRM_WORD, "currency", NULL, 0 },
	{ "stage", "t.stage", CRM_WORD, "stage", NULL, 0 },
	{ "probability", "t.probability", CRM_NUMBER, "probability", NULL, 0 },
	{ "contactId", "t.contact_id", CRM_ID, "contact_id", "cnt_", 0 },
	{ "companyId", "t.company_id", CRM_ID, "company_id", "cmp_", 0 },
	{ "ownerId", "t.owner_id", CRM_ID, "owner_id", "usr_", 0 },
	{ "expectedCloseDate", "t.expected_close_date", CRM_DATE, "expected_close_date", NULL, 0 },
	{ "source", "t.source", CRM_TEXT, "source", NULL, 0 },
	{ "tags", "t.tags", CRM_LIST, "tags", NULL, 0 },
	{ "customFields", "t.custom_fields", CRM_OBJECT, "custom_fields", NULL, 0 },
	{ "wonAt", "t.won_at", CRM_TIME, NULL, NULL, 0 },
	{ "lostAt", "t.lost_at", CRM_TIME, NULL, NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field product[] = {
	OWN_ID("prd_"),
	{ "name", "t.name", CRM_TEXT, "name", NULL, CRM_NEEDED },
	{ "sku", "t.sku", CRM_WORD, "sku", NULL, 0 },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "unit", "t.unit", CRM_TEXT, "unit", NULL, 0 },
	{ "taxRate", "t.tax_rate", CRM_NUMBER, "tax_rate", NULL, 0 },
	{ "isActive", "t.is_active", CRM_BOOL, "is_active", NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field quote[] = {
	OWN_ID("quo_"),
	{ "number", "t.number", CRM_TEXT, NULL, NULL, 0 },
	{ "title", "t.title", CRM_TEXT, "title", NULL, CRM_NEEDED },
	{ "opportunityId", "t.deal_id", CRM_ID, "deal_id", "opp_", CRM_NEEDED },
	{ "contactId", "t.contact_id", CRM_ID, "contact_id", "cnt_", 0 },
	{ "companyId", "t.company_id", CRM_ID, "company_id", "cmp_", 0 },
	{ "ownerId", "t.owner_id", CRM_ID, "owner_id", "usr_", 0 },
	{ "status", "t.status", CRM_WORD, NULL, NULL, 0 },
	{ "currency", "t.currency", CRM_WORD, "currency", NULL, CRM_NEEDED },
	{ "validUntil", "t.valid_until", CRM_DATE, "valid_until", NULL, 0 },
	{ "notes", "t.notes", CRM_TEXT, "notes", NULL, 0 },
	{ "terms", "t.terms", CRM_TEXT, "terms", NULL, 0 },
	{ "subtotal", "t.subtotal", CRM_NUMBER, NULL, NULL, 0 },
	{ "discountTotal", "t.discount_total", CRM_NUMBER, NULL, NULL, 0 },
	{ "taxTotal", "t.tax_total", CRM_NUMBER, NULL, NULL, 0 },
	{ "total", "t.total", CRM_NUMBER, NULL, NULL, 0 },
	{ "sentAt", "t.sent_at", CRM_TIME, NULL, NULL, 0 },
	{ "acceptedAt", "t.accepted_at", CRM_TIME, NULL, NULL, 0 },
	{ "declinedAt", "t.declined_at", CRM_TIME, NULL, NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field task[] = {
	OWN_ID("tsk_"),
	{ "title", "t.title", CRM_TEXT, "title", NULL, CRM_NEEDED },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "dueDate", "t.due_date", CRM_TIME, "due_date", NULL, 0 },
	{ "priority", "t.priority", CRM_WORD, "priority", NULL, 0 },
	{ "completed", "t.completed", CRM_BOOL, "completed", NULL, 0 },
	{ "completedAt", "t.completed_at", CRM_TIME, NULL, NULL, 0 },
	{ "ownerId", "t.assignee_id", CRM_ID, "assignee_id", "usr_", 0 },
	{ "contactId", "t.contact_id", CRM_ID, "contact_id", "cnt_", 0 },
	{ "opportunityId", "t.deal_id", CRM_ID, "deal_id", "opp_", 0 },
	{ "tags", "t.tags", CRM_LIST, "tags", NULL, 0 },
	{ "customFields", "t.custom_fields", CRM_OBJECT, "custom_fields", NULL, 0 },
	TIMES,
	END,
};

static const struct crm_field project[] = {
	OWN_ID("prj_"),
	{ "name", "t.name", CRM_TEXT, "name", NULL, CRM_NEEDED },
	{ "description", "t.description", CRM_TEXT, "description", NULL, 0 },
	{ "status", "t.status", CRM_WORD, "status", NULL, 0 },
	{ "progress", "t.progress", CRM_NUMBER, "progress", NULL, 0 },
	{ "startDate", "t.start_date", CRM_DATE, "start_date", NULL, 0 },
	{ "endDate", "t.end_date", CRM_DATE, "end_date", NULL, 0 },
	{ "budget", "t.budget", CRM_NUMBER, "budget", NULL, 0 },
	{ "currency", "t.currency", CRM_WORD, "currency", NULL, 0 },
	{ "ownerId", "t.owner_id", CRM_ID, "owner_id", "usr_", 0 },
	{ "contactId", "t.customer_contact_id", CRM_ID, "customer_contact_id", "cnt_", 0 },
	{ "opportunityId", "t.deal_id", CRM_ID, "deal_id", "opp_", 0 },
	{ "customFields", "t.custom_fields", CRM_OBJECT, "custom_fields", NULL, 0 },
	TIMES,
	END,
};

const struct crm_entity crm_entities[] = {
	{ "contacts", "contact", "contacts", "cnt_", contact },
	{ "companies", "company", "companies", "cmp_", company },
	{ "leads", "lead", "leads", "lea_", lead },
	{ "opportunities", "opportunity", "deals", "opp_", opportunity },
	{ "tasks", "task", "tasks", "tsk_", task },
	{ "projects", "project", "projects", "prj_", project },
	{ "products", "product", "products", "prd_", product },
	{ "quotes", "quote", "quotes", "quo_", quote },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* deals.md, data: the card of the third product is a view of the deal; its
 * Name is the contact's, its deal title has a key of its own. */
static const struct crm_field external[] = {
	{ "id", "t.id", CRM_ID, NULL, NULL, 0 },
	{ "deal_title", "t.title", CRM_TEXT, "title", NULL, CRM_NEEDED },
	{ "name",
	  "(select nullif(concat_ws(' ', c.first_name, c.last_name), '') from contacts c"
	  " where c.organization_id = t.organization_id and c.id = t.contact_id)",
	  CRM_TEXT, NULL, NULL, 0 },
	{ "company",
	  "(select c.name from companies c"
	  " where c.organization_id = t.organization_id and c.id = t.company_id)",
	  CRM_TEXT, NULL, NULL, 0 },
	{ "contact_id", "t.contact_id", CRM_ID, "contact_id", NULL, 0 },
	{ "company_id", "t.company_id", CRM_ID, "company_id", NULL, 0 },
	{ "pipeline_id", "t.pipeline_id", CRM_ID, "pipeline_id", NULL, 0 },
	{ "value", "t.value", CRM_NUMBER, "value", NULL, 0 },
	{ "currency", "t.currency", CRM_WORD, "currency", NULL, 0 },
	{ "owner",
	  "(select nullif(concat_ws(' ', p.first_name, p.last_name), '') from profiles p"
	  " where p.organization_id = t.organization_id and p.id = t.owner_id)",
	  CRM_TEXT, NULL, NULL, 0 },
	{ "owner_id", "t.owner_id", CRM_ID, "owner_id", NULL, 0 },
	{ "source", "t.source", CRM_TEXT, "source", NULL, 0 },
	{ "stage", "t.stage", CRM_WORD, "stage", NULL, 0 },
	{ "discard_reason", "t.discard_reason", CRM_TEXT, "discard_reason", NULL, 0 },
	{ "tags", "t.tags", CRM_LIST, "tags", NULL, 0 },
	{ "created_at", "t.created_at", CRM_TIME, NULL, NULL, 0 },
	{ "won_at", "t.won_at", CRM_TIME, NULL, NULL, 0 },
	{ "lost_at", "t.lost_at", CRM_TIME, NULL, NULL, 0 },
	END,
};

const struct crm_entity crm_opportunity = { "opportunities", "opportunity", "deals", NULL, external };
