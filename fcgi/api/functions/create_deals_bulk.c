/*
 * POST /functions/v1/create-deals-bulk: deals in batches, each with its
 * contact found or made (DEA-93..107, API-86).
 */
#include "fcgi/api/functions/rows.h"

struct deal_defaults {
	struct sv pipeline_id, stage, currency;
};

static void put(struct buf *out, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(out, key);
	buf_json(out, value);
}

/* DEA-100: what the row lacks comes from the batch. */
static void put_default(struct fields *f, const char *key, struct sv value, struct buf *out)
{
	if (!field_get(f, key))
		put(out, key, value);
}

/* DEA-94, DEA-95, DEA-98: whose deal it is. */
static void write_contact_of(struct fields *f, struct buf *out)
{
	struct sv id = field_uuid(f, "contact_id", FIELD_OPTIONAL);
	struct sv email = field_text(f, "contact_email", 0, FIELD_OPTIONAL);
	struct sv phone = field_text(f, "contact_phone", 0, FIELD_OPTIONAL);

	if (!f->e.status && !id.n && !email.n && !phone.n)
		err_set(&f->e, f->arena, ST_NOT_FOUND, "Contact not found");
	put(out, "contact_id", id);
	if (email.n && !id.n)
		put(out, "contact_email", row_email(f, "contact_email", email));
	if (phone.n && !id.n)
		put(out, "contact_phone", row_phone(f, "contact_phone", phone));
	put(out, "contact_first_name", field_text(f, "contact_first_name", 100, FIELD_OPTIONAL));
	put(out, "contact_last_name", field_text(f, "contact_last_name", 100, FIELD_OPTIONAL));
	if (field_bool(f, "create_contact_if_missing", false))
		buf_lit(out, ",\"create_contact_if_missing\":true");
}

static void write_deal(struct fields *f, void *arg, struct buf *out)
{
	const struct deal_defaults *d = arg;

	field_text(f, "title", 200, FIELD_NEEDED);
	write_contact_of(f, out);
	deal_row(f, out);
	put_default(f, "pipeline_id", d->pipeline_id, out);
	put_default(f, "stage", d->stage, out);
	put_default(f, "currency", d->currency, out);
}

static enum status read_defaults(struct fields *f, struct deal_defaults *d, struct err *e)
{
	d->pipeline_id = field_uuid(f, "default_pipeline_id", FIELD_OPTIONAL);
	d->stage = field_text(f, "default_stage", 64, FIELD_OPTIONAL);
	d->currency = field_currency(f, "default_currency");
	return fields_check(f, e);
}

enum status create_deals_bulk(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const struct batch_count counts[] = {
		{ "skipped", false, NULL, "new_deals" },
		{ "skipped", true, NULL, "skipped_existing" },
		{ "is_new_contact", true, NULL, "new_contacts_created" },
		{ 0 },
	};
	static const char *const shown[] = { "deal_id", "contact_id", "is_new_contact", NULL };
	struct db_batch *b = web_batch(rq);
	struct deal_defaults d;
	struct batch batch;
	struct fields f;
	bool skip;
	int done;

	if (function_body(rq, &f, e) || read_defaults(&f, &d, e))
		return e->status;
	skip = field_bool(&f, "skip_if_exists", false);
	if (batch_read(&f, "deals", DEALS_MAX, write_deal, &d, &batch, e))
		return e->status;
	done = db_add(b, "select * from internal.import_deals($1::jsonb, $2, $3::uuid)",
		      DB_S(buf_sv(batch.rows)), DB_B(skip), DB_OPT(d.pipeline_id));
	if (function_run(rq, b, e))
		return e->status;
	batch_answer(rs, &batch, b, done, counts, shown);
	return ST_OK;
}
