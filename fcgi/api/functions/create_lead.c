/*
 * POST /functions/v1/create-lead: one contact, found or made, and with "deal"
 * a deal of it (API-83). Both or none.
 */
#include "fcgi/api/functions/rows.h"

static void add_columns(struct buf *out, const struct db_batch *b, int stmt,
			const char *const *names, const char *const *keys)
{
	buf_addc(out, '{');
	for (size_t i = 0; names[i]; i++) {
		buf_json_key(out, keys[i]);
		db_json_value(out, b, stmt, 0, db_col(b, stmt, sv_from(names[i])));
	}
	buf_addc(out, '}');
}

static void answer(struct http_response *rs, const struct db_batch *b, int stmt)
{
	static const char *const contact[] = { "id",	 "first_name", "last_name", "emails", "phones",
					       "source", "tags",       "created_at", NULL };
	static const char *const deal[] = { "deal_id", "title", "value", "currency", "stage", NULL };
	static const char *const deal_keys[] = { "id", "title", "value", "currency", "stage", NULL };
	struct buf *out = function_success(rs);

	rs->status = 201;
	buf_lit(out, ",\"message\":\"Lead created successfully\",\"data\":{\"contact\":");
	add_columns(out, b, stmt, contact, contact);
	buf_lit(out, ",\"deal\":");
	if (sv_present(db_first(b, stmt, "deal_id")))
		add_columns(out, b, stmt, deal, deal_keys);
	else
		buf_lit(out, "null");
	buf_json_key(out, "is_new");
	db_json_value(out, b, stmt, 0, db_col(b, stmt, SV("is_new")));
	buf_lit(out, "}}");
}

enum status create_lead(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct contact_defaults defaults = { .source = SV("api"), .deals = true };
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf row = BUF_INIT;
	struct fields f;
	int made;

	if (function_body(rq, &f, e))
		return e->status;
	buf_lit(&row, "{\"i\":0");
	contact_row(&f, &defaults, &row);
	buf_addc(&row, '}');
	if (fields_check(&f, e))
		return e->status;
	made = db_add(b, "select * from internal.create_lead($1::jsonb)", DB_S(buf_sv(&row)));
	if (function_run(rq, b, e))
		return e->status;
	if (sv_present(db_first(b, made, "error"))) {
		struct sv error = db_first(b, made, "error");

		return err_set(e, rq->arena, ST_BAD_INPUT, "%.*s", SV_ARG(error));
	}
	answer(rs, b, made);
	return ST_OK;
}
