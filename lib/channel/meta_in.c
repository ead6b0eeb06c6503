/* Messenger and Instagram: one element of entry.messaging becomes an item. */
#include "channel/internal.h"

#include "base/uuid.h"

struct channel_item *meta_ignore(struct arena *a, struct channel_items *out, struct sv why)
{
	struct channel_item *it = channel_item_add(a, out);

	it->kind = CHANNEL_IGNORED;
	it->why = why;
	return it;
}

struct channel_item *meta_fact(struct arena *a, struct channel_items *out, const char *fact)
{
	struct channel_item *it = channel_item_add(a, out);

	it->kind = CHANNEL_FACT;
	it->fact = fact;
	it->extra = channel_json_keep(a, json_object());
	return it;
}

/* Messaging events count milliseconds, where changes count seconds. */
static int64_t moment_of(const json_t *event)
{
	int64_t ms = channel_number(event, "timestamp");

	return ms > 0 && ms < INT64_C(253402300800000) ? ms : 0;
}

static struct channel_item *message(struct arena *a, const json_t *event, struct channel_items *out)
{
	struct channel_item *it = channel_item_add(a, out);

	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	it->handle = it->thread = channel_text(a, event, "sender.id");
	it->at = moment_of(event);
	it->type = SV("text");
	return it;
}

/* ---- what a message holds ----------------------------------------------------- */

static void add_text(struct arena *a, struct channel_item *it, struct sv text)
{
	if (!text.n)
		return;
	it->text = it->text.n ? sv_from(arena_printf(a, "%.*s\n%.*s", SV_ARG(it->text), SV_ARG(text)))
			      : text;
}

/* Pictures and other files come by an address that is good for some days. */
static void add_file(struct arena *a, struct channel_item *it, const char *kind, struct sv url)
{
	json_t *more;

	if (!it->attachment_kind.n) {
		it->attachment_kind = sv_from(kind);
		it->media_id = url;
		return;
	}
	if (!it->more_files)
		it->more_files = channel_json_keep(a, json_array());
	more = json_pack("{s:s}", "kind", kind);
	channel_set(more, "provider_media_id", url);
	json_array_append_new(it->more_files, more);
}

/* What stands for a thing that has no file of its own. */
static void add_link(struct arena *a, struct channel_item *it, const json_t *att, const char *what)
{
	struct sv title = channel_text(a, att, "title"), url = channel_text(a, att, "payload.url");

	if (!title.n)
		title = channel_text(a, att, "payload.title");
	if (!url.n)
		url = channel_text(a, att, "url");
	if (!title.n)
		title = sv_from(what);
	if (!it->text.n || (url.n && sv_find(it->text, url) < 0))
		add_text(a, it, sv_trim(sv_from(arena_printf(a, "%.*s %.*s", SV_ARG(title), SV_ARG(url)))));
	channel_carry(it->extra, "shared", att, NULL);
}

static void read_place(struct arena *a, struct channel_item *it, const json_t *att)
{
	const json_t *at = channel_at(att, "payload.coordinates");
	double lat = json_number_value(json_object_get(at, "lat")),
	       lon = json_number_value(json_object_get(at, "long"));

	it->type = SV("location");
	add_text(a, it, sv_from(arena_printf(a, "%.6f, %.6f", lat, lon)));
	json_object_set_new(it->extra, "location",
			    json_pack("{s:f,s:f}", "latitude", lat, "longitude", lon));
}

static const struct attachment_kind {
	const char *type, *kind; /* Meta's; ours, or NULL: no file */
	const char *shown;       /* message type when it stands alone */
} attachment_kinds[] = {
	{ "image", "image", "image" },
	{ "video", "video", "video" },
	{ "audio", "audio", "audio" },
	{ "file", "document", "document" },
	{ "ig_reel", "video", "video" },
	{ "story_mention", "image", "story_mention" }, /* MSG-11 */
	{ "ig_story", "image", "story_mention" },
	{ "ephemeral", NULL, "unsupported" },
	{ "share", NULL, "share" },
	{ "reel", NULL, "share" },
	{ "fallback", NULL, "share" },
	{ "template", NULL, "unsupported" },
};

static const struct attachment_kind *kind_of(struct sv type)
{
	for (size_t i = 0; i < sizeof(attachment_kinds) / sizeof(*attachment_kinds); i++)
		if (sv_eq(type, sv_from(attachment_kinds[i].type)))
			return &attachment_kinds[i];
	return NULL;
}

static void read_attachment(struct arena *a, struct channel_item *it, const json_t *att)
{
	struct sv type = channel_text(a, att, "type"), url = channel_text(a, att, "payload.url");
	const struct attachment_kind *k = kind_of(type);
	const char *kind = k ? k->kind : NULL;

	if (sv_eq(type, SV("location"))) {
		read_place(a, it, att);
		return;
	}
	if (channel_at(att, "payload.sticker_id"))
		kind = "sticker";
	if (sv_eq(it->type, SV("text")))
		it->type = sv_from(!k ? "unsupported" : kind && !strcmp(kind, "sticker") ? kind : k->shown);
	if (kind && url.n)
		add_file(a, it, kind, url);
	else if (k && !strcmp(k->shown, "share"))
		add_link(a, it, att, "[Shared post]");
	else
		add_text(a, it, SV("[This kind of message is not shown here]"));
	if (!k)
		channel_set(it->extra, "type", type);
}

static void read_content(struct arena *a, struct channel_item *it, const json_t *m)
{
	const json_t *att;
	size_t i;

	it->text = channel_text(a, m, "text");
	json_array_foreach(json_object_get(m, "attachments"), i, att)
		read_attachment(a, it, att);
	if (json_is_true(json_object_get(m, "is_unsupported"))) {
		it->type = SV("unsupported");
		add_text(a, it, SV("[This kind of message is not shown here]"));
	}
	channel_set(it->extra, "reply_to", channel_text(a, m, "reply_to.mid"));
	if (channel_at(m, "reply_to.story")) { /* Instagram: an answer to a story of ours */
		if (sv_eq(it->type, SV("text")))
			it->type = SV("story_reply");
		channel_carry(it->extra, "story", m, "reply_to.story");
	}
	channel_carry(it->extra, "referral", m, "referral");
}

/* ---- the events ------------------------------------------------------------------ */

static void read_inbound(struct arena *a, const json_t *event, const json_t *m,
			 struct channel_items *out)
{
	struct channel_item *it = message(a, event, out);

	it->provider_id = channel_text(a, m, "mid");
	read_content(a, it, m);
	if (channel_at(m, "quick_reply.payload")) { /* MSG-9: one of our quick replies */
		it->type = SV("interactive");
		channel_set(it->extra, "payload", channel_text(a, m, "quick_reply.payload"));
	}
}

/*
 * What the page itself sent. Our own come back too, and are known by their
 * metadata or id; what was written in Meta's own inbox, or by another app, is
 * stored as outbound, so that the thread is whole. It confirms a message whose
 * answer was lost (UNKNOWN).
 */
static void read_echo(struct arena *a, const json_t *event, const json_t *m,
		      struct channel_items *out)
{
	struct channel_item *it = meta_fact(a, out, "echo");
	struct sv ours = channel_text(a, m, "metadata");
	json_t *files = json_array(), *data = it->extra;

	it->type = SV("text");
	it->at = moment_of(event);
	it->extra = channel_json_keep(a, json_object());
	read_content(a, it, m);
	channel_carry(it->extra, "app_id", m, "app_id");
	if (it->attachment_kind.n) {
		json_array_append_new(files, json_pack("{s:s%,s:s%}", "kind", it->attachment_kind.p,
						       it->attachment_kind.n, "provider_media_id",
						       it->media_id.p, it->media_id.n));
		json_array_extend(files, it->more_files);
	}
	channel_set(data, "provider_id", channel_text(a, m, "mid"));
	channel_set(data, "handle", channel_text(a, event, "recipient.id"));
	channel_set(data, "type", it->type);
	channel_set(data, "text", it->text);
	if (uuid_valid(ours))
		channel_set(data, "ours", ours);
	json_object_set_new(data, "attachments", files);
	json_object_set(data, "metadata", it->extra);
	it->extra = data;
}

static void read_removed(struct arena *a, const json_t *event, struct sv mid,
			 struct channel_items *out)
{
	struct channel_item *it = message(a, event, out);

	it->type = SV("revoke");
	it->provider_id = sv_from(arena_printf(a, "%.*s:revoked", SV_ARG(mid)));
	channel_set(it->extra, "reply_to", mid);
}

static void read_message(struct arena *a, const json_t *event, const json_t *m,
			 struct channel_items *out)
{
	struct sv mid = channel_text(a, m, "mid");

	if (!mid.n)
		meta_ignore(a, out, SV("a message without an id"));
	else if (json_is_true(json_object_get(m, "is_deleted")))
		read_removed(a, event, mid, out);
	else if (json_is_true(json_object_get(m, "is_echo")))
		read_echo(a, event, m, out);
	else
		read_inbound(a, event, m, out);
}

static void read_edit(struct arena *a, const json_t *event, const json_t *m,
		      struct channel_items *out)
{
	struct channel_item *it = message(a, event, out);
	struct sv mid = channel_text(a, m, "mid");

	it->type = SV("edit");
	it->text = channel_text(a, m, "text");
	channel_set(it->extra, "edit_of", mid);
	channel_set(it->extra, "edited_type", SV("text"));
	it->provider_id = sv_from(arena_printf(a, "%.*s:e%lld", SV_ARG(mid),
					       (long long)channel_number(m, "num_edit")));
}

/* Taken back: as on WhatsApp, a reaction without an emoji. */
static void read_reaction(struct arena *a, const json_t *event, const json_t *r,
			  struct channel_items *out)
{
	struct channel_item *it = message(a, event, out);
	struct sv mid = channel_text(a, r, "mid"), emoji = channel_text(a, r, "emoji");
	bool back = sv_eq(channel_text(a, r, "action"), SV("unreact"));

	it->type = SV("reaction");
	if (!emoji.n && sv_eq(channel_text(a, r, "reaction"), SV("love")))
		emoji = SV("\xe2\x9d\xa4");
	it->text = back ? SV_NONE : emoji;
	it->provider_id = sv_from(arena_printf(a, "reaction:%.*s:%.*s:%lld", SV_ARG(mid),
					       SV_ARG(it->handle), (long long)it->at));
	channel_set(it->extra, "reply_to", mid);
	json_object_set_new(it->extra, "reaction", json_object());
	channel_set(json_object_get(it->extra, "reaction"), "message_id", mid);
	channel_set(json_object_get(it->extra, "reaction"), "emoji", it->text);
}

/* A button of ours, an ice breaker, the persistent menu. */
static void read_postback(struct arena *a, const json_t *event, const json_t *p,
			  struct channel_items *out)
{
	struct channel_item *it = message(a, event, out);
	struct sv mid = channel_text(a, p, "mid");

	it->type = SV("button");
	it->text = channel_text(a, p, "title");
	if (!it->text.n)
		it->text = channel_text(a, p, "payload");
	if (!mid.n)
		mid = sv_from(arena_printf(a, "postback:%.*s:%lld", SV_ARG(it->handle),
					   (long long)it->at));
	it->provider_id = mid;
	channel_set(it->extra, "payload", channel_text(a, p, "payload"));
	channel_carry(it->extra, "referral", p, "referral");
}

/* All of ours up to a moment; Instagram names the last one. */
static void add_watermark(struct arena *a, const json_t *event, struct sv thread, const char *status,
			  const json_t *said, struct channel_items *out)
{
	struct channel_item *it = meta_fact(a, out, "watermark");
	int64_t at = channel_number(said, "watermark");

	it->at = at > 0 && at < INT64_C(253402300800000) ? at : moment_of(event);
	channel_set(it->extra, "thread", thread);
	channel_set(it->extra, "status", sv_from(status));
}

static void read_delivery(struct arena *a, const json_t *event, const json_t *d,
			  struct channel_items *out)
{
	const json_t *mid;
	size_t i;

	json_array_foreach(json_object_get(d, "mids"), i, mid) {
		struct channel_item *it = channel_item_add(a, out);

		it->kind = CHANNEL_RECEIPT;
		it->provider_id = sv_make(json_string_value(mid), json_string_length(mid));
		it->status = SV("DELIVERED");
		it->at = moment_of(event);
	}
	add_watermark(a, event, channel_text(a, event, "sender.id"), "DELIVERED", d, out);
}

static void read_seen(struct arena *a, const json_t *event, const json_t *r,
		      struct channel_items *out)
{
	add_watermark(a, event, channel_text(a, event, "sender.id"), "READ", r, out);
}

/* By a link or an ad into a thread that is there already; nothing was written. */
static void read_referral(struct arena *a, const json_t *event, const json_t *r,
			  struct channel_items *out)
{
	struct channel_item *it = meta_fact(a, out, "referral");

	it->at = moment_of(event);
	channel_set(it->extra, "thread", channel_text(a, event, "sender.id"));
	channel_carry(it->extra, "referral", r, NULL);
}

static const struct event_kind {
	const char *name;
	void (*read)(struct arena *a, const json_t *event, const json_t *part,
		     struct channel_items *out);
} event_kinds[] = {
	{ "message", read_message },   { "message_edit", read_edit }, { "reaction", read_reaction },
	{ "postback", read_postback }, { "delivery", read_delivery }, { "read", read_seen },
	{ "referral", read_referral },
};

static void read_messaging(struct arena *a, const struct channel_account *acc, const json_t *event,
			   struct channel_items *out)
{
	struct sv from = channel_text(a, event, "sender.id");

	if (!from.n || !channel_text(a, event, "recipient.id").n) {
		meta_ignore(a, out, SV("an event without sender or recipient"));
		return;
	}
	for (size_t i = 0; i < sizeof(event_kinds) / sizeof(*event_kinds); i++) {
		const json_t *part = json_object_get(event, event_kinds[i].name);

		if (!json_is_object(part))
			continue;
		/* Only echoes come from the page itself; its own reactions are known. */
		if (sv_eq(from, acc->external_id) && i > 0)
			meta_ignore(a, out, SV("an act of the page itself"));
		else
			event_kinds[i].read(a, event, part, out);
		return;
	}
	meta_ignore(a, out, SV("an event that says nothing about a message"));
}

static void read_entry(struct arena *a, const struct channel_account *acc, const json_t *entry,
		       meta_change *change, struct channel_items *out)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(entry, "messaging"), i, one)
		read_messaging(a, acc, one, out);
	json_array_foreach(json_object_get(entry, "standby"), i, one)
		meta_ignore(a, out, SV("another app is answering this person"));
	json_array_foreach(json_object_get(entry, "changes"), i, one) {
		struct sv field = channel_text(a, one, "field");

		if (!change(a, acc, field, json_object_get(one, "value"),
			    channel_moment(entry, "time"), out))
			meta_ignore(a, out, sv_from(arena_printf(a, "a change of field %.*s",
								 SV_ARG(field))));
	}
}

enum status meta_read(struct arena *a, const struct channel_account *acc, const json_t *body,
		      meta_change *change, struct channel_items *out, struct err *e)
{
	const json_t *entries = json_object_get(body, "entry"), *entry;
	size_t i;

	if (!json_is_array(entries))
		return err_set(e, a, ST_BAD_INPUT,
			       "This is not a call of Meta's webhook: entry is missing");
	json_array_foreach(entries, i, entry)
		if (sv_eq(channel_text(a, entry, "id"), acc->external_id))
			read_entry(a, acc, entry, change, out);
	return ST_OK;
}
