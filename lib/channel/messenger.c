/*
 * Facebook Messenger: what Meta's webhook says about a page (object "page").
 * Messages come in entry.messaging; comments on the page's posts as changes of
 * the field "feed". A commenter's comments on one post are one conversation.
 */
#include "channel/internal.h"

#include "base/tr.h"

static bool own(struct arena *a, const struct channel_account *acc, const json_t *value)
{
	return sv_eq(channel_text(a, value, "from.id"), acc->external_id);
}

/* The topmost comment above this one: it is where an answer of ours goes. */
static struct sv root_of(struct arena *a, const json_t *value)
{
	struct sv parent = channel_text(a, value, "parent_id");

	return sv_eq(parent, channel_text(a, value, "post_id")) ? SV_NONE : parent;
}

static void read_file(struct arena *a, const json_t *value, json_t *data)
{
	struct sv photo = channel_text(a, value, "photo"), video = channel_text(a, value, "video");
	struct sv url = photo.n ? photo : video;

	if (!url.n)
		return;
	json_object_set_new(data, "type", json_string(photo.n ? "image" : "video"));
	json_object_set_new(data, "attachments",
			    json_pack("[{s:s,s:s%}]", "kind", photo.n ? "image" : "video",
				      "provider_media_id", url.p, url.n));
}

static void read_comment(struct arena *a, const struct channel_account *acc, const json_t *value,
			 struct channel_items *out)
{
	struct channel_item *it = meta_fact(a, out, "comment");
	json_t *data = it->extra, *about = json_object();

	it->at = channel_moment(value, "created_time");
	channel_set(data, "provider_id", channel_text(a, value, "comment_id"));
	channel_set(data, "handle", channel_text(a, value, "from.id"));
	channel_set(data, "name", channel_text(a, value, "from.name"));
	channel_set(data, "post", channel_text(a, value, "post_id"));
	channel_set(data, "parent", root_of(a, value));
	channel_set(data, "text", channel_text(a, value, "message"));
	channel_set(data, "type", SV("text"));
	json_object_set_new(data, "own", json_boolean(own(a, acc, value)));
	read_file(a, value, data);
	channel_carry(about, "post_url", value, "post.permalink_url");
	channel_set(about, "post_id", channel_text(a, value, "post_id"));
	channel_set(about, "parent_id", root_of(a, value));
	json_object_set_new(data, "comment", about);
}

/* Of a comment that is here: other words, or that it was deleted. */
static void read_change(struct arena *a, const json_t *value, const char *type, const char *names,
			struct channel_items *out)
{
	struct channel_item *it = channel_item_add(a, out);
	struct sv id = channel_text(a, value, "comment_id"), text = channel_text(a, value, "message");

	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	it->type = sv_from(type);
	it->text = text;
	it->handle = it->thread = channel_text(a, value, "from.id");
	it->display_name = channel_text(a, value, "from.name");
	it->provider_id = sv_from(arena_printf(a, "%.*s:%s:%zu", SV_ARG(id), type, text.n));
	channel_set(it->extra, names, id);
}

static void read_feed(struct arena *a, const struct channel_account *acc, const json_t *value,
		      struct channel_items *out)
{
	struct sv item = channel_text(a, value, "item"), verb = channel_text(a, value, "verb");

	if (!sv_eq(item, SV("comment")) || !channel_text(a, value, "comment_id").n) {
		meta_ignore(a, out, sv_from(arena_printf(a, "news of the page: %.*s", SV_ARG(item))));
	} else if (sv_eq(verb, SV("add"))) {
		read_comment(a, acc, value, out);
	} else if (sv_eq(verb, SV("edited"))) {
		read_comment(a, acc, value, out); /* where its beginning was missed */
		read_change(a, value, "edit", "edit_of", out);
	} else if (sv_eq(verb, SV("remove"))) {
		read_change(a, value, "revoke", "reply_to", out);
	} else {
		meta_ignore(a, out, sv_from(arena_printf(a, "a comment: %.*s", SV_ARG(verb))));
	}
}

static bool read_field(struct arena *a, const struct channel_account *acc, struct sv field,
		       const json_t *value, int64_t at, struct channel_items *out)
{
	(void)at;
	if (!sv_eq(field, SV("feed")))
		return false;
	read_feed(a, acc, value, out);
	return true;
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	return meta_read(a, acc, body, read_field, out, e);
}

/* developers.facebook.com, "Attachment Upload API": 25 MB. What is no type of
 * its kind goes as a file (meta_out.c). */
static const struct channel_limit limits[] = {
	{ "image", "image/jpeg image/png image/gif", 25 << 20 },
	{ "video", "video/mp4 video/quicktime video/webm", 25 << 20 },
	{ "audio", "audio/aac audio/mpeg audio/mp4 audio/wav audio/ogg", 25 << 20 },
	{ "document", NULL, 25 << 20 },
	{ 0 },
};

const struct channel channel_messenger = {
	.type = "FB_MESSENGER",
	.label = "Messenger",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_REPLY | CHANNEL_HAS_DELIVERED | CHANNEL_HAS_READ |
		CHANNEL_CAN_COMMENT | CHANNEL_CONFIRM | CHANNEL_BY_FACEBOOK,
	.text_max = 2000,
	.window_hours = 24,
	.late_hours = 168,
	.buttons_max = 13,
	.button_title_max = 20,
	.button_text_max = 2000,
	.handle_kind = "messenger",
	.api_base = "https://graph.facebook.com/v22.0",
	.signature_header = "X-Hub-Signature-256",
	.slug = "messenger",
	.icon = "brand-messenger",
	.about = N_("Messages to your Facebook page, and comments on its posts."),
	.steps = N_("Enter both in Meta's app dashboard under Messenger, Webhooks; subscribe the page to messages, messaging_postbacks, message_deliveries, message_reads, message_echoes, message_reactions, messaging_referrals and feed."),
	.settings = {
		{ "page_id", N_("Page ID"), N_("From the page, About, Page transparency"),
		  CHANNEL_REQUIRED | CHANNEL_EXTERNAL | CHANNEL_DIGITS },
		{ "access_token", N_("Page access token"),
		  N_("With pages_messaging, pages_manage_metadata and, for comments, pages_manage_engagement"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "app_secret", N_("App secret"),
		  N_("From App settings, Basic: signatures are checked with it"), CHANNEL_SECRET },
		{ "verify_token", N_("Verify token"), N_("Meta asks for it once. Empty: one is made."),
		  CHANNEL_SECRET | CHANNEL_LOOKUP | CHANNEL_INVENTED },
		{ "human_agent", N_("Answer up to 7 days later"),
		  N_("Needs Meta's approval of Human Agent for your app"), CHANNEL_SWITCH },
		{ "comment_dm", N_("Private reply to new comments"),
		  N_("Sent to everybody who comments on a post, once per post. Empty: none"), 0 },
		{ "read_receipts", N_("Show customers that their messages were read"), N_("When somebody of the team has read them"),
		  CHANNEL_SWITCH },
		{ "api_base", N_("API address"), N_("Only for a stand-in or a proxy"), CHANNEL_URL },
	},
	.hook = "messenger-webhook",
	.answer = "{\"status\":\"ok\"}",
	.key_name = "page id",
	.split = meta_split,
	.verify = meta_verify,
	.handshake = meta_handshake,
	.parse = parse,
	.caption = meta_caption,
	.send = meta_send,
	.fetch = meta_fetch,
	.react = meta_react,
	.mark_read = meta_mark_read,
	.typing = meta_typing,
	.profile = meta_profile,
	.check = messenger_check,
	.limits = limits,
	.per_second = 300, /* Messenger Platform, "Rate limiting": calls with text and pictures */
};
