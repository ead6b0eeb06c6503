/*
 * POST /functions/v1/convert-lead: contact, company and opportunity of a lead
 * in one step (LEA-12..16). Sent twice it answers with what was made the first time.
 */
#include "fcgi/api/function.h"

static const char *const keys[] = { "lead_id", "contact_id", "company_id", "opportunity_id",
				    "already_converted", NULL };

static void answer(struct http_response *rs, const struct db_batch *b, int stmt)
{
	struct buf *out = function_success(rs);

	buf_lit(out, ",\"message\":\"Lead converted\",\"data\":{");
	for (size_t i = 0; keys[i]; i++) {
		if (i)
			buf_addc(out, ',');
		buf_json(out, sv_from(keys[i]));
		buf_addc(out, ':');
		db_json_value(out, b, stmt, 0, db_col(b, stmt, sv_from(keys[i])));
	}
	buf_lit(out, "}}");
}

enum status convert_lead(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv lead, contact, company, pipeline, stage, title, currency, value = SV_NONE;
	bool make_contact, make_company, make_deal;
	struct fields f;
	struct db_batch *b;
	double number;
	int done;

	if (function_body(rq, &f, e))
		return e->status;
	lead = field_uuid(&f, "lead_id", FIELD_NEEDED);
	make_contact = field_bool(&f, "create_contact", false);
	make_company = field_bool(&f, "create_company", false);
	make_deal = field_bool(&f, "create_opportunity", false);
	contact = field_uuid(&f, "contact_id", FIELD_OPTIONAL);
	company = field_uuid(&f, "company_id", FIELD_OPTIONAL);
	pipeline = field_uuid(&f, "pipeline_id", FIELD_OPTIONAL);
	stage = field_text(&f, "stage", 64, FIELD_OPTIONAL);
	title = field_text(&f, "opportunity_title", 200, FIELD_OPTIONAL);
	currency = field_text(&f, "opportunity_currency", 3, FIELD_OPTIONAL);
	if (field_number(&f, "opportunity_value", 0, 99999999999999.0, &number))
		value = sv_from(arena_printf(rq->arena, "%.2f", number));
	if (fields_check(&f, e))
		return e->status;
	b = web_batch(rq);
	done = db_add(b,
		"select (x.r ->> 'lead_id')::uuid as lead_id, (x.r ->> 'contact_id')::uuid as contact_id,"
		" (x.r ->> 'company_id')::uuid as company_id, (x.r ->> 'opportunity_id')::uuid as opportunity_id,"
		" (x.r ->> 'already_converted')::boolean as already_converted"
		" from (select convert_lead($1::uuid, create_contact => $2, create_company => $3, contact_id => $4::uuid,"
		" company_id => $5::uuid, create_opportunity => $6, pipeline_id => $7::uuid, stage => $8, opportunity_title => $9,"
		" opportunity_value => $10::numeric, opportunity_currency => $11) as r) x",
		DB_S(lead), DB_B(make_contact), DB_B(make_company), DB_OPT(contact), DB_OPT(company), DB_B(make_deal),
		DB_OPT(pipeline), DB_OPT(stage), DB_OPT(title), DB_OPT(value), DB_OPT(currency));
	if (function_run(rq, b, e))
		return e->status;
	answer(rs, b, done);
	return ST_OK;
}
