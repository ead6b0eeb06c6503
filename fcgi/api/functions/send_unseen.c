/*
 * POST /functions/v1/sms-send and push-send: one message by a channel that only
 * sends (CHA-110, CHA-117). No conversation of the inbox comes of it. The answer
 * does not wait for the provider: the message's row says what became of it.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "channel/sms.h"

static void put(struct buf *out, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(out, key);
	buf_json(out, value);
}

/* The first of two keys that is there. */
static const char *either(const struct fields *f, const char *a, const char *b)
{
	return field_get(f, a) || !field_get(f, b) ? a : b;
}

static struct sv read_text(struct fields *f, bool sms)
{
	struct sv text = field_text(f, "message", sms ? 1600 : 2000, FIELD_NEEDED);

	/* A caller who wants one SMS and no more says so (MSG-101). */
	if (sms && text.n && field_bool(f, "single", false) && sms_measure(text).segments > 1)
		field_fault(f, "message", "is longer than one SMS: 160 characters, or 70 when letters of "
					  "other alphabets are in it");
	return text;
}

static void write_request(struct fields *f, bool sms, struct buf *out)
{
	struct sv person = field_uuid(f, either(f, "contactId", "contact_id"), FIELD_OPTIONAL);
	struct sv to = field_text(f, either(f, "to", "phone_number"), sms ? 40 : 500,
				  person.n ? FIELD_OPTIONAL : FIELD_NEEDED);

	buf_addc(out, '{');
	put(out, "organization_id", field_uuid(f, either(f, "organizationId", "organization_id"), FIELD_OPTIONAL));
	put(out, "channel_account_id",
	    field_uuid(f, either(f, "channelAccountId", "channel_account_id"), FIELD_OPTIONAL));
	put(out, "contact_id", person);
	put(out, "to", sv_cut(&to, '@'));
	put(out, "message", read_text(f, sms));
	put(out, "contact_name", field_text(f, "contactName", 200, FIELD_OPTIONAL));
	buf_json_key(out, "metadata");
	buf_lit(out, "{\"source\":\"api\"}}");
}

static void answer(struct http_response *rs, const struct db_batch *b, int row, bool sms, struct sv text)
{
	struct buf *out = function_success(rs);
	struct sms_size size = sms_measure(text);

	buf_json_key(out, "result");
	buf_lit(out, "{\"status\":\"success\",\"message\":\"queued for sending\"");
	put(out, "messageId", db_first(b, row, "id"));
	put(out, "id", db_first(b, row, "id"));
	if (sms)
		buf_addf(out, ",\"segments\":%d,\"encoding\":\"%s\"", size.segments,
			 size.unicode ? "UCS-2" : "GSM-7");
	buf_addc(out, '}');
	put(out, "contactId", db_first(b, row, "contact_id"));
	buf_addc(out, '}');
}

enum status send_unseen(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool sms = sv_ends(sv_from(rq->route->pattern), SV("sms-send"));
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf request = BUF_INIT;
	struct fields f;
	int row;

	if (function_body(rq, &f, e))
		return e->status;
	write_request(&f, sms, &request);
	if (fields_check(&f, e))
		return e->status;
	row = db_add(b, "select * from internal.send_unseen($1, $2, $3::jsonb)",
		     sms ? DB_C("SMS") : DB_C("SHRINKIT_PUSH"), sms ? DB_C("phone") : DB_C("push"),
		     DB_S(buf_sv(&request)));
	if (function_run(rq, b, e))
		return e->status;
	answer(rs, b, row, sms, field_text(&f, "message", 0, FIELD_OPTIONAL));
	return ST_OK;
}
