/*
 * The body of gateways that have no format of their own (5760-5770):
 *
 *	{"message_id", "from", "to", "message", "timestamp", "channel"}
 *
 * and beside that, where there is more to say: name (of who writes), type,
 * media_url, media_type, file_name, conversation_id, reply_to. A receipt has a
 * status (sent, delivered, read, failed) instead of a message, and with failed
 * error and error_code.
 */
#include "channel/internal.h"

#include <time.h>

struct sv channel_digits(struct arena *a, struct sv number)
{
	struct buf *out = buf_in_arena(a);
	struct sv rest = number, head = sv_cut(&rest, '@'); /* MSG-40 */

	for (size_t i = 0; i < head.n; i++)
		if (head.p[i] >= '0' && head.p[i] <= '9')
			buf_addc(out, head.p[i]);
	return sv_starts(buf_sv(out), SV("00")) ? sv_skip(buf_sv(out), 2) : buf_sv(out);
}

struct sv channel_e164(struct arena *a, struct sv number)
{
	struct sv digits = channel_digits(a, number);

	if (digits.n < 8 || digits.n > 15)
		return number;
	return sv_from(arena_printf(a, "+%.*s", SV_ARG(digits)));
}

/* 2025-01-15T10:00:00Z (or with a fraction, or +02:00), or seconds, or
 * milliseconds since 1970; 0 when it is none of them. */
static int64_t moment(const json_t *body, const char *name)
{
	const char *text = json_string_value(json_object_get(body, name)), *zone;
	int64_t n = channel_number(body, name);
	int hours = 0, minutes = 0;
	struct tm t = { 0 };

	if (n > 0)
		return n < 100000000000 ? n * 1000 : n;
	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &t.tm_year, &t.tm_mon, &t.tm_mday,
			    &t.tm_hour, &t.tm_min, &t.tm_sec) != 6)
		return 0;
	t.tm_year -= 1900;
	t.tm_mon--;
	zone = strpbrk(text + 19 * (strlen(text) > 19), "+-");
	if (zone && sscanf(zone, "%3d:%2d", &hours, &minutes) == 2)
		minutes = zone[0] == '-' ? -minutes : minutes;
	return ((int64_t)timegm(&t) - hours * 3600 - minutes * 60) * 1000;
}

static struct sv first_of(struct arena *a, const json_t *o, const char *one, const char *other)
{
	struct sv v = channel_text(a, o, one);

	return v.n ? v : channel_text(a, o, other);
}

static struct sv status_of(struct sv said)
{
	static const char *const words[] = { "SENT", "DELIVERED", "READ", "FAILED" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (sv_ieq(said, sv_from(words[i])))
			return sv_from(words[i]);
	return sv_ieq(said, SV("undelivered")) ? SV("FAILED") : SV_NONE;
}

bool generic_is_receipt(const json_t *body)
{
	return json_object_get(body, "status") && !json_object_get(body, "message");
}

static void read_receipt(struct arena *a, const json_t *body, struct channel_item *it)
{
	it->status = status_of(channel_text(a, body, "status"));
	it->kind = it->status.n && it->provider_id.n ? CHANNEL_RECEIPT : CHANNEL_IGNORED;
	it->why = SV("a status that says nothing about delivery");
	if (sv_eq(it->status, SV("FAILED"))) {
		it->error = channel_text(a, body, "error");
		it->error_code = channel_text(a, body, "error_code");
		if (!it->error.n)
			it->error = SV("The gateway could not deliver the message");
	}
}

/* image, video, audio, document or sticker, from the type or the MIME type. */
static struct sv kind_of_file(struct sv type, struct sv mime)
{
	static const char *const kinds[] = { "image", "video", "audio", "document", "sticker" };
	struct sv rest = mime, head = sv_cut(&rest, '/');

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (sv_ieq(type, sv_from(kinds[i])))
			return sv_from(kinds[i]);
	for (size_t i = 0; i < 3; i++)
		if (sv_ieq(head, sv_from(kinds[i])))
			return sv_from(kinds[i]);
	return SV("document");
}

static void read_file(struct arena *a, const json_t *body, struct channel_item *it)
{
	it->media_id = channel_text(a, body, "media_url");
	if (!it->media_id.n)
		return;
	it->media_type = channel_text(a, body, "media_type");
	it->media_name = channel_text(a, body, "file_name");
	if (sv_chr(it->media_type, '/') < 0) { /* "image" is a kind and no MIME type */
		it->attachment_kind = kind_of_file(it->media_type, SV_NONE);
		it->media_type = SV_NONE;
	} else {
		it->attachment_kind = kind_of_file(it->type, it->media_type);
	}
	it->type = it->attachment_kind;
}

static void read_message(struct arena *a, const json_t *body, bool phones, struct channel_item *it)
{
	struct sv from = channel_text(a, body, "from");

	it->kind = CHANNEL_MESSAGE;
	it->handle = phones ? channel_e164(a, from) : from;
	it->thread = channel_text(a, body, "conversation_id");
	if (!it->thread.n)
		it->thread = it->handle;
	it->display_name = first_of(a, body, "name", "contact_name");
	it->text = first_of(a, body, "message", "text");
	it->type = channel_text(a, body, "type");
	if (!it->type.n)
		it->type = SV("text");
	channel_set(it->extra, "reply_to", channel_text(a, body, "reply_to"));
	channel_carry(it->extra, "location", body, "location");
	channel_carry(it->extra, "contacts", body, "contacts");
	read_file(a, body, it);
}

void generic_read(struct arena *a, const json_t *body, bool phones, struct channel_items *out)
{
	struct channel_item *it = channel_item_add(a, out);

	it->extra = channel_json_keep(a, json_object());
	it->provider_id = first_of(a, body, "message_id", "id");
	it->at = moment(body, "timestamp");
	if (generic_is_receipt(body)) {
		read_receipt(a, body, it);
	} else if (!it->provider_id.n || !channel_text(a, body, "from").n) {
		it->kind = CHANNEL_IGNORED;
		it->why = SV("a message without sender or id");
	} else {
		read_message(a, body, phones, it);
	}
}

/* ---- files by their address ------------------------------------------------- */

enum channel_next generic_fetch(struct channel_media *m, const struct net_response *r,
				struct net_request *out, struct channel_failure *f)
{
	if (!r) {
		channel_get(m->arena, out, m->id, SV_NONE);
		return CHANNEL_CALL;
	}
	if (r->error == NET_REFUSED || r->error == NET_BAD_REQUEST)
		return channel_fail(f, CHANNEL_PERMANENT, SV("file"),
				    SV("The file's address cannot be called"));
	if (channel_net_failed(m->arena, r, false, f))
		return CHANNEL_DEAD;
	if (r->status == 200) {
		m->data = r->body;
		return CHANNEL_DONE;
	}
	return channel_fail(f, r->status >= 500 ? CHANNEL_TEMPORARY : CHANNEL_PERMANENT, SV("file"),
			    sv_from(arena_printf(m->arena, "The file's address answered %d",
						 r->status)));
}
