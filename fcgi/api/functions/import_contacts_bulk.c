/*
 * POST /functions/v1/import-contacts-bulk and create-leads-bulk: contacts in
 * batches, matched with those that there are (CON-91..98, API-84, API-85). A
 * lead may bring a deal.
 */
#include "fcgi/api/functions/rows.h"

static void write_contact(struct fields *f, void *arg, struct buf *out)
{
	contact_row(f, arg, out);
}

static enum status read_defaults(struct fields *f, struct contact_defaults *d, struct err *e)
{
	struct sv source = field_text(f, "default_source", 50, FIELD_OPTIONAL);
	json_t *v;
	size_t i;

	d->source = source.n ? source : SV("api");
	d->tags = field_list(f, "default_tags", 100, FIELD_OPTIONAL);
	json_array_foreach(d->tags, i, v) {
		if (!json_is_string(v))
			field_fault(f, "default_tags", "must be a list of texts");
	}
	return fields_check(f, e);
}

static enum status import(struct http_request *rq, struct http_response *rs, const char *key,
			  size_t max, struct err *e)
{
	static const struct batch_count counts[] = {
		{ "is_new", true, NULL, "new_contacts" },
		{ "is_new", false, "skipped", "updated_contacts" },
		{ "skipped", true, NULL, "skipped_duplicates" },
		{ 0 },
	};
	static const char *const contact[] = { "contact_id", "is_new", NULL };
	static const char *const lead[] = { "contact_id", "is_new", "deal_id", NULL };
	struct contact_defaults d = { .deals = max == LEADS_MAX };
	struct db_batch *b = web_batch(rq);
	struct batch batch;
	struct fields f;
	bool skip;
	int done;

	if (function_body(rq, &f, e) || read_defaults(&f, &d, e))
		return e->status;
	skip = field_bool(&f, "skip_duplicates", false);
	if (batch_read(&f, key, max, write_contact, &d, &batch, e))
		return e->status;
	done = db_add(b, "select * from internal.import_contacts($1::jsonb, $2)",
		      DB_S(buf_sv(batch.rows)), DB_B(skip));
	if (function_run(rq, b, e))
		return e->status;
	batch_answer(rs, &batch, b, done, counts, d.deals ? lead : contact);
	return ST_OK;
}

enum status import_contacts_bulk(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return import(rq, rs, "contacts", CONTACTS_MAX, e);
}

enum status create_leads_bulk(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return import(rq, rs, "leads", LEADS_MAX, e);
}
