/*
 * Instagram: what Meta's webhook says about a professional account (object
 * "instagram"). Messages come in entry.messaging; comments as changes of the
 * fields "comments" and "live_comments".
 */
#include "channel/internal.h"

#include "base/tr.h"

/* The account's own comment carries its id, in one of two shapes. */
static bool own(struct arena *a, const struct channel_account *acc, const json_t *value)
{
	return sv_eq(channel_text(a, value, "from.id"), acc->external_id) ||
	       channel_text(a, value, "from.self_ig_scoped_id").n;
}

static void read_comment(struct arena *a, const struct channel_account *acc, const json_t *value,
			 int64_t at, struct channel_items *out)
{
	struct sv id = channel_text(a, value, "id"), from = channel_text(a, value, "from.id");
	struct sv name = channel_text(a, value, "from.username");
	struct channel_item *it;
	json_t *data, *about;

	if (!id.n || !(from.n || name.n)) {
		meta_ignore(a, out, SV("a comment without id or author"));
		return;
	}
	it = meta_fact(a, out, "comment");
	data = it->extra;
	it->at = at;
	channel_set(data, "provider_id", id);
	/* With Instagram's own login only the name is told. */
	channel_set(data, "handle",
		    from.n ? from : sv_from(arena_printf(a, "@%.*s", SV_ARG(name))));
	channel_set(data, "name", name);
	channel_set(data, "post", channel_text(a, value, "media.id"));
	channel_set(data, "parent", channel_text(a, value, "parent_id"));
	channel_set(data, "text", channel_text(a, value, "text"));
	channel_set(data, "type", SV("text"));
	json_object_set_new(data, "own", json_boolean(own(a, acc, value)));
	about = json_object();
	channel_set(about, "post_id", channel_text(a, value, "media.id"));
	channel_set(about, "parent_id", channel_text(a, value, "parent_id"));
	channel_carry(about, "media", value, "media");
	json_object_set_new(data, "comment", about);
}

static bool read_change(struct arena *a, const struct channel_account *acc, struct sv field,
			const json_t *value, int64_t at, struct channel_items *out)
{
	if (!sv_eq(field, SV("comments")) && !sv_eq(field, SV("live_comments")))
		return false;
	read_comment(a, acc, value, at, out);
	return true;
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	return meta_read(a, acc, body, read_change, out, e);
}

/* developers.facebook.com, "Attachment Upload API": 25 MB, pictures 8 MB. What is no type of
 * its kind goes as a file (meta_out.c). */
static const struct channel_limit limits[] = {
	{ "image", "image/jpeg image/png image/gif", 8 << 20 },
	{ "video", "video/mp4 video/quicktime video/webm", 25 << 20 },
	{ "audio", "audio/aac audio/mpeg audio/mp4 audio/wav audio/ogg", 25 << 20 },
	{ "document", NULL, 25 << 20 },
	{ 0 },
};

const struct channel channel_instagram = {
	.type = "INSTAGRAM",
	.label = "Instagram",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_REPLY | CHANNEL_HAS_READ | CHANNEL_CAN_COMMENT |
		CHANNEL_CONFIRM | CHANNEL_BY_FACEBOOK,
	.text_max = 1000,
	.window_hours = 24,
	.late_hours = 168,
	.buttons_max = 13,
	.button_title_max = 20,
	.button_text_max = 1000,
	.handle_kind = "instagram",
	.api_base = "https://graph.facebook.com/v22.0",
	.signature_header = "X-Hub-Signature-256",
	.slug = "instagram",
	.icon = "brand-instagram",
	.about = N_("Direct messages to your professional account, and comments on its posts."),
	.steps = N_("Enter both in Meta's app dashboard under Instagram, Webhooks; subscribe to messages, messaging_postbacks, messaging_seen, message_reactions, messaging_referral and comments."),
	.settings = {
		{ "instagram_id", N_("Instagram account ID"),
		  N_("Of the professional account that is linked to a page"),
		  CHANNEL_REQUIRED | CHANNEL_EXTERNAL | CHANNEL_DIGITS },
		{ "page_id", N_("Page ID"), N_("Of the linked page"), CHANNEL_DIGITS },
		{ "access_token", N_("Page access token"),
		  N_("With instagram_manage_messages, instagram_manage_comments and pages_manage_metadata"),
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
	.hook = "instagram-webhook",
	.answer = "{\"status\":\"ok\"}",
	.key_name = "Instagram account id",
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
	.check = instagram_check,
	.limits = limits,
	.per_second = 100, /* Instagram messaging, "Rate limiting": calls with text and pictures */
};
