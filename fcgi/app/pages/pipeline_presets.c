#include "fcgi/app/pages/pipeline_presets.h"

#include "base/tr.h"

struct step {
	const char *name;
	int probability;
	const char *type; /* NULL: open */
};

#define WON "won"
#define LOST "lost"
#define STEPS_MAX 9

static const struct preset {
	const char *key, *group, *name;
	struct step steps[STEPS_MAX];
} presets[] = {
	{ "standard", N_("Sales"), N_("Standard"),
	  { { N_("New"), 10, NULL }, { N_("Qualified"), 25, NULL }, { N_("Proposal"), 50, NULL },
	    { N_("Won"), 100, WON }, { N_("Lost"), 0, LOST } } },
	{ "sales", N_("Sales"), N_("Sales pipeline"),
	  { { N_("Lead"), 10, NULL }, { N_("Qualified"), 30, NULL }, { N_("Proposal"), 50, NULL },
	    { N_("Negotiation"), 70, NULL }, { N_("Closed Won"), 100, WON }, { N_("Closed Lost"), 0, LOST } } },
	{ "enterprise", N_("Sales"), N_("Enterprise sales"),
	  { { N_("Prospecting"), 10, NULL }, { N_("Qualified"), 25, NULL }, { N_("Demo"), 40, NULL },
	    { N_("Proposal"), 60, NULL }, { N_("Negotiation"), 80, NULL }, { N_("Closed Won"), 100, WON },
	    { N_("Closed Lost"), 0, LOST } } },
	{ "simple", N_("Sales"), N_("Short sales pipeline"),
	  { { N_("Prospect"), 10, NULL }, { N_("Qualified"), 30, NULL }, { N_("Negotiation"), 70, NULL },
	    { N_("Won"), 100, WON }, { N_("Lost"), 0, LOST } } },
	{ "outreach", N_("Sales"), N_("Influencer partnerships"),
	  { { N_("Outreach"), 10, NULL }, { N_("Negotiation"), 40, NULL }, { N_("Agreement"), 70, NULL },
	    { N_("Content Creation"), 90, NULL }, { N_("Published"), 100, WON }, { N_("Lost"), 0, LOST } } },
	{ "acquisition", N_("Sales"), N_("Customer Acquisition"),
	  { { N_("Lead"), 10, NULL }, { N_("Contacted"), 25, NULL }, { N_("Qualified"), 50, NULL },
	    { N_("Offer Made"), 75, NULL }, { N_("Closed Won"), 100, WON }, { N_("Closed Lost"), 0, LOST } } },
	{ "recruitment", N_("Recruitment"), N_("Recruitment"),
	  { { N_("Applied"), 10, NULL }, { N_("Screening"), 25, NULL }, { N_("Interview"), 50, NULL },
	    { N_("Offer Made"), 80, NULL }, { N_("Hired"), 100, WON }, { N_("Rejected"), 0, LOST } } },
	{ "real_estate", N_("Real estate"), N_("Real estate"),
	  { { N_("Lead"), 10, NULL }, { N_("Offer Submitted"), 50, NULL }, { N_("Under Contract"), 80, NULL },
	    { N_("Closed Won"), 100, WON }, { N_("Closed Lost"), 0, LOST } } },
	{ "property_viewings", N_("Real estate"), N_("Property viewings"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Qualified"), 25, NULL }, { N_("Viewing Scheduled"), 40, NULL },
	    { N_("Offer Submitted"), 60, NULL }, { N_("Under Contract"), 85, NULL }, { N_("Closed"), 100, WON },
	    { N_("Lost"), 0, LOST } } },
	{ "booking", N_("Travel and hospitality"), N_("Booking"),
	  { { N_("Inquiry"), 20, NULL }, { N_("Confirmed"), 80, NULL }, { N_("Completed"), 100, WON },
	    { N_("Cancelled"), 0, LOST } } },
	{ "tours", N_("Travel and hospitality"), N_("Tour Bookings"),
	  { { N_("Inquiry"), 20, NULL }, { N_("Itinerary Sent"), 50, NULL }, { N_("Confirmed"), 80, NULL },
	    { N_("Completed"), 100, WON }, { N_("Cancelled"), 0, LOST } } },
	{ "groups", N_("Travel and hospitality"), N_("Group Bookings"),
	  { { N_("Inquiry"), 20, NULL }, { N_("Quote Sent"), 50, NULL }, { N_("Contract"), 80, NULL },
	    { N_("Confirmed"), 100, WON }, { N_("Cancelled"), 0, LOST } } },
	{ "events", N_("Travel and hospitality"), N_("Events Pipeline"),
	  { { N_("Inquiry"), 20, NULL }, { N_("Proposal"), 50, NULL }, { N_("Confirmed"), 80, NULL },
	    { N_("Completed"), 100, WON }, { N_("Cancelled"), 0, LOST } } },
	{ "memberships", N_("Travel and hospitality"), N_("Membership Sales"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Visited"), 40, NULL }, { N_("Offer Made"), 70, NULL },
	    { N_("Closed Won"), 100, WON }, { N_("Closed Lost"), 0, LOST } } },
	{ "enrollments", N_("Education"), N_("Enrollments"),
	  { { N_("Inquiry"), 20, NULL }, { N_("Enrolled"), 100, WON }, { N_("Lost"), 0, LOST } } },
	{ "registrations", N_("Education"), N_("Registrations"),
	  { { N_("Inquiry"), 20, NULL }, { N_("Payment Pending"), 70, NULL }, { N_("Registered"), 100, WON },
	    { N_("Lost"), 0, LOST } } },
	{ "clients", N_("Agencies"), N_("Client Pipeline"),
	  { { N_("Proposal"), 40, NULL }, { N_("Active Campaign"), 90, NULL }, { N_("Completed"), 100, WON },
	    { N_("Lost"), 0, LOST } } },
	{ "leads", N_("Agencies"), N_("Lead Pipeline"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Qualified"), 40, NULL }, { N_("Closed Won"), 100, WON },
	    { N_("Closed Lost"), 0, LOST } } },
	{ "returns", N_("Retail"), N_("Returns"),
	  { { N_("Return Requested"), 0, NULL }, { N_("Item Received"), 0, NULL }, { N_("Inspected"), 0, NULL },
	    { N_("Refund/Exchange Processed"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "purchase_orders", N_("Retail"), N_("Purchase orders"),
	  { { N_("RFQ Sent"), 10, NULL }, { N_("Quote Received"), 25, NULL }, { N_("Negotiation"), 40, NULL },
	    { N_("PO Issued"), 70, NULL }, { N_("Shipped"), 80, NULL }, { N_("Received"), 90, NULL },
	    { N_("QC Passed"), 100, WON }, { N_("Cancelled"), 0, LOST } } },
	{ "kyc", N_("Finance"), N_("KYC Pipeline"),
	  { { N_("Documents Submitted"), 30, NULL }, { N_("Under Review"), 60, NULL }, { N_("Approved"), 100, WON },
	    { N_("Rejected"), 0, LOST } } },
	{ "loans", N_("Finance"), N_("Loan Pipeline"),
	  { { N_("Application Received"), 10, NULL }, { N_("Document Verification"), 25, NULL },
	    { N_("Credit Check"), 40, NULL }, { N_("Underwriting"), 60, NULL }, { N_("Approved"), 90, NULL },
	    { N_("Disbursed"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "collections", N_("Finance"), N_("Collections Pipeline"),
	  { { N_("Overdue"), 10, NULL }, { N_("Contacted"), 25, NULL }, { N_("Payment Plan"), 50, NULL },
	    { N_("Partial Payment"), 75, NULL }, { N_("Resolved"), 100, WON }, { N_("Written Off"), 0, LOST } } },
	{ "investments", N_("Finance"), N_("Investment decisions"),
	  { { N_("Interest"), 10, NULL }, { N_("Consultation"), 30, NULL }, { N_("Proposal"), 50, NULL },
	    { N_("Commitment"), 80, NULL }, { N_("Executed"), 100, WON }, { N_("Lost"), 0, LOST } } },
	{ "fraud", N_("Finance"), N_("Fraud Cases"),
	  { { N_("Alert"), 0, NULL }, { N_("Investigation"), 0, NULL }, { N_("Customer Verified"), 0, NULL },
	    { N_("Resolved"), 100, WON }, { N_("Escalated"), 0, LOST } } },
	{ "accounts", N_("Finance"), N_("Account Opening"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Documents Submitted"), 40, NULL }, { N_("Verification"), 60, NULL },
	    { N_("Approved"), 90, NULL }, { N_("Account Active"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "disputes", N_("Finance"), N_("Disputes"),
	  { { N_("Filed"), 0, NULL }, { N_("Under Investigation"), 0, NULL }, { N_("Provisional Credit"), 0, NULL },
	    { N_("Resolved"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "restructuring", N_("Finance"), N_("Restructuring"),
	  { { N_("Application"), 10, NULL }, { N_("Under Review"), 40, NULL }, { N_("Offer Made"), 70, NULL },
	    { N_("Accepted"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "claims", N_("Insurance"), N_("Claims Pipeline"),
	  { { N_("Reported"), 10, NULL }, { N_("Documentation"), 25, NULL }, { N_("Assessment"), 50, NULL },
	    { N_("Approval"), 70, NULL }, { N_("Settlement"), 90, NULL }, { N_("Closed"), 100, WON },
	    { N_("Rejected"), 0, LOST } } },
	{ "renewals", N_("Insurance"), N_("Policy renewal"),
	  { { N_("Reminder Sent"), 30, NULL }, { N_("Engaged"), 60, NULL }, { N_("Renewed/Upgraded"), 100, WON },
	    { N_("Churned"), 0, LOST } } },
	{ "vehicles", N_("Automotive"), N_("Vehicle Sales"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Test Drive Scheduled"), 30, NULL }, { N_("Visited"), 45, NULL },
	    { N_("Negotiation"), 65, NULL }, { N_("Contract"), 90, NULL }, { N_("Delivered"), 100, WON },
	    { N_("Lost"), 0, LOST } } },
	{ "trade_in", N_("Automotive"), N_("Trade-In Pipeline"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Preliminary Valuation"), 25, NULL },
	    { N_("Inspection Scheduled"), 40, NULL }, { N_("Inspected"), 55, NULL }, { N_("Offer Made"), 70, NULL },
	    { N_("Accepted"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "financing", N_("Automotive"), N_("Financing Pipeline"),
	  { { N_("Pre-Qualification"), 20, NULL }, { N_("Application"), 40, NULL }, { N_("Bank Submission"), 60, NULL },
	    { N_("Approved"), 90, NULL }, { N_("Disbursed"), 100, WON }, { N_("Declined"), 0, LOST } } },
	{ "pre_order", N_("Automotive"), N_("Vehicle pre-order"),
	  { { N_("Interest"), 10, NULL }, { N_("Reserved (deposit)"), 50, NULL }, { N_("Configured"), 65, NULL },
	    { N_("Allocated"), 80, NULL }, { N_("Delivery Scheduled"), 95, NULL }, { N_("Delivered"), 100, WON },
	    { N_("Cancelled"), 0, LOST } } },
	{ "vehicle_insurance", N_("Automotive"), N_("Insurance Pipeline"),
	  { { N_("Reminder Sent"), 20, NULL }, { N_("Quote Requested"), 40, NULL }, { N_("Quote Sent"), 60, NULL },
	    { N_("Negotiation"), 80, NULL }, { N_("Closed Won"), 100, WON }, { N_("Closed Lost"), 0, LOST } } },
	{ "recall", N_("Automotive"), N_("Recall Pipeline"),
	  { { N_("Notified"), 0, NULL }, { N_("Scheduled"), 0, NULL }, { N_("In Service"), 0, NULL },
	    { N_("Completed"), 0, NULL }, { N_("Verified"), 100, WON } } },
	{ "damage", N_("Logistics"), N_("Damage claims"),
	  { { N_("Reported"), 0, NULL }, { N_("Photos Received"), 0, NULL }, { N_("Assessed"), 0, NULL },
	    { N_("Approved"), 0, NULL }, { N_("Refund"), 100, WON }, { N_("Rejected"), 0, LOST } } },
	{ "retention", N_("Telecom"), N_("Retention Pipeline"),
	  { { N_("At-Risk"), 30, NULL }, { N_("Contacted"), 45, NULL }, { N_("Offer Made"), 60, NULL },
	    { N_("Accepted"), 100, WON }, { N_("Churned"), 0, LOST } } },
	{ "applications", N_("Public sector"), N_("Applications Pipeline"),
	  { { N_("Submitted"), 20, NULL }, { N_("Under Review"), 40, NULL },
	    { N_("Additional Info Required"), 40, NULL }, { N_("Approved"), 90, NULL }, { N_("Issued"), 100, WON },
	    { N_("Rejected"), 0, LOST } } },
	{ "cases", N_("Legal"), N_("Case Pipeline"),
	  { { N_("Inquiry"), 10, NULL }, { N_("Consultation"), 30, NULL }, { N_("Engaged"), 60, NULL },
	    { N_("Discovery"), 70, NULL }, { N_("Trial/Settlement"), 90, NULL }, { N_("Closed"), 100, WON },
	    { N_("Lost"), 0, LOST } } },
};

#define PRESETS (sizeof(presets) / sizeof(*presets))

static const char *const colors[] = { "#64748b", "#206bc4", "#0ca678", "#f59f00",
				      "#d6336c", "#7048e8", "#ae3ec9" };

static const struct preset *find(struct sv key)
{
	for (size_t i = 0; i < PRESETS; i++)
		if (sv_eq(key, sv_from(presets[i].key)))
			return &presets[i];
	return NULL;
}

static const char *color_of(const struct step *s, size_t place)
{
	if (s->type)
		return s->probability ? "#2fb344" : "#868e96";
	return colors[place % (sizeof(colors) / sizeof(*colors))];
}

struct sv preset_stages(struct arena *a, struct sv key)
{
	const struct preset *p = find(key);
	buf_auto struct buf json = BUF_INIT;

	p = p ? p : &presets[0];
	for (size_t i = 0; i < STEPS_MAX && p->steps[i].name; i++) {
		const struct step *s = &p->steps[i];

		buf_addf(&json, "%s{\"name\":", i ? "," : "[");
		buf_json(&json, sv_from(tr(s->name)));
		buf_addf(&json, ",\"color\":\"%s\",\"probability\":%d,\"type\":\"%s\"}",
			 color_of(s, i), s->probability, s->type ? s->type : "open");
	}
	buf_addc(&json, ']');
	return arena_sv(a, buf_sv(&json));
}

struct sv preset_name(struct sv key)
{
	const struct preset *p = find(key);

	return p ? sv_from(tr(p->name)) : SV_NONE;
}

void preset_show(struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *groups = tmpl_set_list(page, "presets"), *list = NULL;

	for (size_t i = 0; i < PRESETS; i++) {
		const struct preset *p = &presets[i];
		struct tmpl_value *one;

		if (!i || !sv_eq(sv_from(p->group), sv_from(presets[i - 1].group))) {
			struct tmpl_value *group = tmpl_push_map(groups);

			tmpl_set_text(group, "label", sv_from(tr(p->group)));
			list = tmpl_set_list(group, "list");
		}
		one = tmpl_push_map(list);
		tmpl_set_text(one, "key", sv_from(p->key));
		tmpl_set_text(one, "name", sv_from(tr(p->name)));
		tmpl_set_bool(one, "selected", sv_eq(chosen, sv_from(p->key)));
	}
}
