/*
 * POST /functions/v1/{channel}-send: one message into the queue of the worker
 * (API-71..73, MSG-39..44). The answer does not wait for the provider: what
 * became of the message stands in its row, and message.sent or message.failed
 * follows as an event.
 *
 * Two styles of keys are documented; both are taken (messages.md, open
 * points). accessToken and phoneNumberId of the caller are not needed: the
 * channel account has its own.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "channel/channel.h"

#define MEDIA_MAX 10
#define URL_MAX 2000
#define ADDRESS_MAX 200

static const struct way {
	const char *name; /* before -send */
	const char *type, *handle_kind;
	size_t text_max; /* characters */
} ways[] = {
	{ "whatsapp-lite", "WHATSAPP_LITE", "phone", 4096 }, /* CHA-42 */
	{ "whatsapp-cloud", "WHATSAPP_CLOUD", "phone", 4096 },
	{ "messenger", "FB_MESSENGER", "messenger", 2000 },
	{ "instagram", "INSTAGRAM", "instagram", 1000 },
	{ "telegram", "TELEGRAM", "telegram", 4096 },
	{ "tiktok", "TIKTOK", "tiktok", 4096 },
};

/* The route has a row for each, so one of them it is. */
static const struct way *way_of(const struct http_request *rq)
{
	struct sv name = sv_from(rq->route->pattern);

	while (sv_chr(name, '/') >= 0)
		sv_cut(&name, '/');
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (sv_starts(name, sv_from(ways[i].name)))
			return &ways[i];
	return &ways[0];
}

/* ---- reading ---------------------------------------------------------------- */

/* The first of two keys that is there. */
static const char *either(const struct fields *f, const char *a, const char *b)
{
	return field_get(f, a) || !field_get(f, b) ? a : b;
}

static void put(struct buf *out, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(out, key);
	buf_json(out, value);
}

static void write_media(struct fields *f, struct sv url, struct sv kind, struct buf *out)
{
	if (url.n > URL_MAX || (!sv_starts(url, SV("https://")) && !sv_starts(url, SV("http://"))))
		field_fault(f, "media_urls", "must be http or https addresses");
	buf_lit(out, "{\"url\":");
	buf_json(out, url);
	put(out, "kind", kind);
	buf_addc(out, '}');
}

static struct sv kind_of_media(struct fields *f)
{
	static const char *const kinds[] = { "image", "video", "audio", "document" };
	struct sv said = field_text(f, "media_type", 100, FIELD_OPTIONAL), rest = said;

	if (!said.n)
		return SV("image"); /* the documented calls send images */
	rest = sv_cut(&rest, '/'); /* image/png is an image */
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (sv_ieq(sv_from(kinds[i]), rest))
			return sv_from(kinds[i]);
	if (sv_ieq(rest, SV("application")) || sv_ieq(rest, SV("text")))
		return SV("document");
	field_fault(f, "media_type", "must be image, video, audio or document");
	return SV_NONE;
}

/* "media":[...]; returns how many there are. */
static size_t write_all_media(struct fields *f, struct buf *out)
{
	struct sv one = field_text(f, "media_url", 0, FIELD_OPTIONAL), kind = kind_of_media(f);
	json_t *list = field_list(f, "media_urls", MEDIA_MAX, FIELD_OPTIONAL), *v;
	size_t i, n = 0;

	buf_json_key(out, "media");
	buf_addc(out, '[');
	if (one.n) {
		write_media(f, one, kind, out);
		n++;
	}
	json_array_foreach(list, i, v) {
		if (n++)
			buf_addc(out, ',');
		write_media(f, sv_make(json_string_value(v), json_string_length(v)), kind, out);
	}
	buf_addc(out, ']');
	return n;
}

/* API-72: `from` is the name that the thread shows; MSG-49: which channel is
 * answered by which. */
static void write_metadata(struct fields *f, struct buf *out)
{
	struct sv from = field_text(f, "from", 100, FIELD_OPTIONAL);
	json_t *cross = field_get(f, "crossChannelResponse");

	buf_json_key(out, "metadata");
	buf_lit(out, "{\"source\":\"api\"");
	put(out, "sender_name", from);
	if (cross) {
		buf_json_key(out, "crossChannelResponse");
		buf_json_value(out, cross);
	}
	buf_addc(out, '}');
}

static struct sv address_of(struct fields *f, enum field_need need)
{
	struct sv to = field_text(f, either(f, "to", "phone_number"), ADDRESS_MAX, need);

	return sv_cut(&to, '@'); /* MSG-40 */
}

/* Which account is to send, when the caller says it; else the database chooses. */
static struct sv account_of(struct fields *f)
{
	json_t *cross = field_get(f, "crossChannelResponse");
	struct sv id = field_uuid(f, either(f, "channelAccountId", "channel_account_id"), FIELD_OPTIONAL);
	struct sv response = sv_from(json_string_value(json_object_get(cross, "responseChannelId")));

	return id.n || !is_uuid(response) ? id : response;
}

/* What internal.send_message takes. */
static void write_request(struct fields *f, const struct way *way, struct buf *out)
{
	struct sv talk = field_uuid(f, either(f, "conversationId", "conversation_id"),
				    FIELD_OPTIONAL);
	struct sv person = field_uuid(f, either(f, "contactId", "contact_id"), FIELD_OPTIONAL);
	struct sv org = field_uuid(f, either(f, "organizationId", "organization_id"),
				   FIELD_OPTIONAL);
	struct sv text;

	buf_addc(out, '{');
	put(out, "organization_id", org);
	put(out, "conversation_id", talk);
	put(out, "contact_id", person);
	put(out, "channel_account_id", account_of(f));
	put(out, "to", address_of(f, talk.n || person.n ? FIELD_OPTIONAL : FIELD_NEEDED));
	text = field_text(f, "message", way->text_max,
			  write_all_media(f, out) ? FIELD_OPTIONAL : FIELD_NEEDED);
	put(out, "message", text);
	put(out, "contact_name", field_text(f, "contactName", 200, FIELD_OPTIONAL));
	write_metadata(f, out);
	buf_addc(out, '}');
}

/* ---- the handler --------------------------------------------------------------- */

static void answer(const struct fields *f, const struct db_batch *b, int row,
		   struct http_response *rs)
{
	struct buf *out = function_success(rs);
	struct sv id = db_first(b, row, "id");

	buf_json_key(out, "result");
	buf_lit(out, "{\"status\":\"success\",\"message\":\"queued for sending\"");
	put(out, "messageId", id);
	put(out, "id", id);
	buf_addc(out, '}');
	put(out, "conversationId", db_first(b, row, "conversation_id"));
	put(out, "contactId", db_first(b, row, "contact_id"));
	buf_addf(out, ",\"debug\":{\"hasChannelAccount\":true,\"hasConversationId\":%s,"
		      "\"hasContactId\":true}}",
		 field_get(f, either(f, "conversationId", "conversation_id")) ? "true" : "false");
}

enum status send_message(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct way *way = way_of(rq);
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf request = BUF_INIT;
	struct fields f;
	int row;

	if (function_body(rq, &f, e))
		return e->status;
	write_request(&f, way, &request);
	if (fields_check(&f, e))
		return e->status;
	row = db_add(b, "select * from internal.send_message($1, $2, $3, $4::jsonb)",
		     DB_C(way->type), DB_C(way->handle_kind),
		     DB_B(channel_find(sv_from(way->type)) != NULL), DB_S(buf_sv(&request)));
	if (function_run(rq, b, e))
		return e->status;
	answer(&f, b, row, rs);
	return ST_OK;
}
