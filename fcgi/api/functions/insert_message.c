/*
 * POST /functions/v1/insert-message: a message that was sent or received
 * elsewhere is recorded here; nothing is sent (API-74..76).
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#define CONTENT_MAX 65536
#define TYPE_MAX 50

struct word {
	const char *said, *stored;
};

/* Functions write these small, tables in capitals (api.md, open points). */
static const struct word directions[] = {
	{ "incoming", "INBOUND" },  { "inbound", "INBOUND" },
	{ "outgoing", "OUTBOUND" }, { "outbound", "OUTBOUND" },
	{ NULL, NULL },
};

/* What is to be sent yet is none of them: this records only. */
static const struct word statuses[] = {
	{ "sent", "SENT" }, { "received", "DELIVERED" }, { "delivered", "DELIVERED" },
	{ "read", "READ" }, { "failed", "FAILED" },	 { NULL, NULL },
};

static struct sv stored_word(struct fields *f, const char *key, const struct word *words,
			     enum field_need need, const char *choice)
{
	struct sv said = field_text(f, key, 0, need);

	for (const struct word *w = words; w->said && said.n; w++)
		if (sv_ieq(sv_from(w->said), said))
			return sv_from(w->stored);
	if (said.n)
		field_fault(f, key, "must be %s", choice);
	return SV_NONE;
}

static struct sv metadata_of(struct fields *f)
{
	json_t *v = field_get(f, "metadata");
	buf_auto struct buf text = BUF_INIT;

	if (!v)
		return SV("{}");
	if (!json_is_object(v)) {
		field_fault(f, "metadata", "must be an object");
		return SV_NONE;
	}
	buf_json_value(&text, v);
	return arena_sv(f->arena, buf_sv(&text));
}

static int add_insert(struct fields *f, struct db_batch *b)
{
	struct sv phone = field_text(f, "phone", 64, FIELD_NEEDED);
	struct sv content = field_text(f, "content", CONTENT_MAX, FIELD_NEEDED);
	struct sv way = stored_word(f, "direction", directions, FIELD_NEEDED,
				    "\"incoming\" or \"outgoing\"");
	struct sv state = stored_word(f, "status", statuses, FIELD_OPTIONAL,
				      "sent, received, delivered, read or failed");
	struct sv type = field_text(f, "message_type", TYPE_MAX, FIELD_OPTIONAL);
	struct sv channel = field_uuid(f, "channel_account_id", FIELD_OPTIONAL);
	struct sv at = phone;

	phone = sv_cut(&at, '@'); /* 201001383533@s.whatsapp.net */
	if (!state.n)
		state = sv_eq(way, SV("INBOUND")) ? SV("DELIVERED") : SV("SENT");
	return db_add(b,
		      "select * from internal.insert_message($1, $2, $3, $4, $5, $6::jsonb, $7)",
		      DB_S(phone), DB_S(content), DB_S(way), DB_S(state),
		      DB_S(type.n ? type : SV("text")), DB_S(metadata_of(f)), DB_OPT(channel));
}

enum status insert_message(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct fields f;
	struct buf *out;
	int row;

	if (function_body(rq, &f, e))
		return e->status;
	row = add_insert(&f, b);
	if (fields_check(&f, e) || function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	buf_json_key(out, "message"); /* both documented forms at once */
	db_json_row(out, b, row, 0);
	buf_json_key(out, "messageId");
	buf_json(out, db_first(b, row, "id"));
	buf_json_key(out, "conversationId");
	buf_json(out, db_first(b, row, "conversation_id"));
	buf_json_key(out, "contactId");
	buf_json(out, db_first(b, row, "contact_id"));
	buf_addc(out, '}');
	return ST_OK;
}
