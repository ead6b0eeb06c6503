/* Telegram Bot API (core.telegram.org/bots/api): bot accounts. */
#include "channel/internal.h"

#include "base/tr.h"
#include "crypto/crypto.h"

/*
 * message_id counts within a chat, so the id of a message in this account is
 * "<chat>:<message_id>"; an edit is a message of its own.
 */
static struct sv id_in_chat(struct arena *a, const json_t *m, const char *suffix)
{
	return sv_from(arena_printf(a, "%lld:%lld%s", (long long)channel_number(m, "chat.id"),
				    (long long)channel_number(m, "message_id"), suffix));
}

static bool verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv token = channel_secret(acc, "secret_token");

	/* Telegram signs nothing: the token is the proof. */
	return token.n && crypto_equal(token, call->signature);
}

static struct sv token_hash(struct arena *a, struct sv token)
{
	return token.n ? crypto_token_hash(a, token) : SV_NONE;
}

static struct sv key(struct arena *a, const struct channel_account *acc)
{
	return token_hash(a, channel_secret(acc, "secret_token"));
}

/* An update names nothing but the token that setWebhook was given. */
static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out,
			 struct err *e)
{
	struct channel_share *s = channel_share_of(call->arena, out,
						   token_hash(call->arena, call->signature), SV_NONE);

	s->body = body;
	if (!json_is_integer(json_object_get(body, "update_id")))
		return err_set(e, call->arena, ST_BAD_INPUT, "update_id is missing");
	return ST_OK;
}

static struct sv dedupe(struct arena *a, const json_t *body)
{
	return channel_text(a, body, "update_id");
}

/* ---- reading an update ------------------------------------------------------ */

/* Kinds of files: member of the message, type, where the name stands. */
static const struct media_kind {
	const char *member, *kind, *mime, *name;
} media_kinds[] = {
	/* A GIF comes as animation and, for old clients, as document, too. */
	{ "animation", "video", "video/mp4", "animation.file_name" },
	{ "video", "video", "video/mp4", "video.file_name" },
	{ "video_note", "video", "video/mp4", NULL },
	{ "audio", "audio", "audio/mpeg", "audio.file_name" },
	{ "voice", "audio", "audio/ogg", NULL },
	{ "document", "document", NULL, "document.file_name" },
	{ "sticker", "sticker", "image/webp", NULL },
};

/* The largest of a photo's sizes: most pixels, as file_size is optional. */
static const json_t *largest(const json_t *sizes)
{
	const json_t *best = NULL, *p;
	int64_t most = -1;
	size_t i;

	json_array_foreach (sizes, i, p) {
		int64_t area = (channel_number(p, "width") & 0xffffff) *
			       (channel_number(p, "height") & 0xffffff);

		if (json_is_object(p) && area >= most) {
			most = area;
			best = p;
		}
	}
	return best;
}

static void read_file(struct arena *a, struct channel_item *it, const json_t *file,
		      const char *kind, const char *mime)
{
	it->attachment_kind = sv_from(kind);
	it->media_id = channel_text(a, file, "file_id");
	it->media_type = channel_text(a, file, "mime_type");
	if (!it->media_type.n)
		it->media_type = sv_from(mime);
}

static bool read_media(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *photo = largest(json_object_get(m, "photo"));

	if (photo) {
		it->type = SV("image");
		read_file(a, it, photo, "image", "image/jpeg");
		return true;
	}
	for (size_t i = 0; i < sizeof(media_kinds) / sizeof(*media_kinds); i++) {
		const struct media_kind *k = &media_kinds[i];
		const json_t *file = json_object_get(m, k->member);

		if (!json_is_object(file))
			continue;
		it->type = sv_from(k->kind);
		read_file(a, it, file, k->kind, k->mime);
		it->media_name = k->name ? channel_text(a, m, k->name) : SV_NONE;
		if (sv_eq(it->type, SV("sticker"))) {
			it->text = channel_text(a, m, "sticker.emoji");
			/* Moving ones are not pictures: lottie (.tgs) or video. */
			if (json_is_true(channel_at(m, "sticker.is_animated")))
				it->media_type = SV("application/x-tgsticker");
			else if (json_is_true(channel_at(m, "sticker.is_video")))
				it->media_type = SV("video/webm");
		}
		return true;
	}
	return false;
}

static double coordinate(const json_t *m, const char *path)
{
	return json_number_value(channel_at(m, path));
}

static void read_other(struct arena *a, const json_t *m, struct channel_item *it)
{
	if (json_is_object(json_object_get(m, "location"))) {
		it->type = SV("location");
		it->text = sv_from(arena_printf(a, "%.6f, %.6f", coordinate(m, "location.latitude"),
						coordinate(m, "location.longitude")));
		channel_carry(it->extra, "location", m, "location");
		channel_carry(it->extra, "venue", m, "venue");
	} else if (json_is_object(json_object_get(m, "contact"))) {
		it->type = SV("contacts");
		struct sv first = channel_text(a, m, "contact.first_name");
		struct sv phone = channel_text(a, m, "contact.phone_number");
		it->text = sv_from(arena_printf(a, "%.*s %.*s", SV_ARG(first), SV_ARG(phone)));
		channel_carry(it->extra, "contacts", m, "contact");
	} else if (json_is_object(json_object_get(m, "poll"))) {
		it->type = SV("poll");
		it->text = channel_text(a, m, "poll.question");
		channel_carry(it->extra, "poll", m, "poll");
	} else {
		it->type = SV("unsupported");
		it->text = SV("[This kind of message is not shown here]");
	}
}

static struct sv full_name(struct arena *a, const json_t *who)
{
	struct sv first = channel_text(a, who, "first_name"),
		  last = channel_text(a, who, "last_name");
	struct sv title = channel_text(a, who, "title");

	if (title.n)
		return title;
	return sv_trim(sv_from(arena_printf(a, "%.*s %.*s", SV_ARG(first), SV_ARG(last))));
}

/*
 * The thread is the chat, and so is the contact: in a private chat both have
 * the same id; a group is one contact with its title, since a reply goes to
 * the group and not to the member who wrote last. Who wrote is in metadata.
 */
static void read_people(struct arena *a, const json_t *m, const json_t *from,
			struct channel_item *it)
{
	struct sv kind = channel_text(a, m, "chat.type");
	const json_t *chat = json_object_get(m, "chat");
	bool group = !sv_eq(kind, SV("private")) && kind.n;
	json_t *sender = json_object();

	it->thread = it->handle = channel_text(a, chat, "id");
	it->display_name = full_name(a, group ? chat : json_is_object(from) ? from : chat);
	channel_set(sender, "id", channel_text(a, from, "id"));
	channel_set(sender, "name", full_name(a, from));
	channel_set(sender, "username", channel_text(a, from, "username"));
	channel_set(sender, "language", channel_text(a, from, "language_code"));
	json_object_set_new(it->extra, "from", sender);
	if (group)
		channel_set(it->extra, "chat_type", kind);
}

/* What was answered, forwarded, or belongs together. */
static void read_relations(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *to = json_object_get(m, "reply_to_message");

	if (json_is_object(to)) {
		channel_set(it->extra, "reply_to", id_in_chat(a, to, ""));
		channel_set(it->extra, "reply_text",
			    channel_clip(channel_text(a, to, "text"), 200));
	}
	channel_carry(it->extra, "forward_origin", m, "forward_origin");
	channel_carry(it->extra, "media_group_id", m, "media_group_id");
	channel_carry(it->extra, "message_thread_id", m, "message_thread_id");
}

/* Joined, left, pinned, renamed ...: messages about a chat, not in it. */
static bool is_service(const json_t *m)
{
	static const char *const members[] = {
		"new_chat_members",	   "left_chat_member",
		"new_chat_title",	   "new_chat_photo",
		"delete_chat_photo",	   "group_chat_created",
		"supergroup_chat_created", "channel_chat_created",
		"migrate_to_chat_id",	   "migrate_from_chat_id",
		"pinned_message",	   "message_auto_delete_timer_changed",
		"forum_topic_created",	   "forum_topic_edited",
		"forum_topic_closed",	   "forum_topic_reopened",
		"video_chat_scheduled",	   "video_chat_started",
		"video_chat_ended",	   "video_chat_participants_invited",
		"write_access_allowed",	   "boost_added",
		"chat_background_set"
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (json_object_get(m, members[i]))
			return true;
	return false;
}

static void read_content(struct arena *a, const json_t *m, struct channel_item *it)
{
	struct sv text = channel_text(a, m, "text"), caption = channel_text(a, m, "caption");

	if (sv_present(text)) {
		it->type = SV("text");
		it->text = text;
	} else if (!read_media(a, m, it)) {
		read_other(a, m, it);
	} else if (sv_present(caption)) {
		it->text = caption;
	}
}

static void read_message(struct arena *a, const json_t *m, bool edit, struct channel_items *out)
{
	struct channel_item *it = channel_item_add(a, out);
	const char *suffix = "";

	if (!json_is_integer(channel_at(m, "chat.id")) ||
	    !json_is_integer(channel_at(m, "message_id"))) {
		it->kind = CHANNEL_IGNORED;
		it->why = SV("a message without chat or id");
		return;
	}
	if (is_service(m)) {
		it->kind = CHANNEL_IGNORED;
		it->why = SV("a notice about the chat");
		return;
	}
	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	it->at = channel_moment(m, edit ? "edit_date" : "date");
	read_people(a, m, json_object_get(m, "from"), it);
	read_content(a, m, it);
	read_relations(a, m, it);
	if (edit) {
		channel_set(it->extra, "edit_of", id_in_chat(a, m, ""));
		channel_set(it->extra, "edited_type", it->type);
		it->type = SV("edit");
		suffix = arena_printf(a, ":e%lld", (long long)channel_number(m, "edit_date"));
	}
	it->provider_id = id_in_chat(a, m, suffix);
}

/* What stands on the button with that data, as the message shows it. */
static struct sv title_of(struct arena *a, const json_t *m, struct sv data)
{
	const json_t *row, *key;
	size_t i, k;

	json_array_foreach(channel_at(m, "reply_markup.inline_keyboard"), i, row)
		json_array_foreach(row, k, key)
			if (sv_eq(channel_text(a, key, "callback_data"), data))
				return channel_text(a, key, "text");
	return data;
}

/* Somebody pressed a button under one of our messages. */
static void read_callback(struct arena *a, const json_t *q, struct channel_items *out)
{
	const json_t *m = json_object_get(q, "message");
	struct channel_item *it = channel_item_add(a, out);

	if (!json_is_integer(channel_at(m, "chat.id"))) {
		it->kind = CHANNEL_IGNORED;
		it->why = SV("a button outside of a chat");
		return;
	}
	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	read_people(a, m, json_object_get(q, "from"), it);
	it->type = SV("button");
	it->text = title_of(a, m, channel_text(a, q, "data"));
	struct sv query_id = channel_text(a, q, "id");
	it->provider_id = sv_from(arena_printf(a, "callback:%.*s", SV_ARG(query_id)));
	channel_set(it->extra, "reply_to", id_in_chat(a, m, ""));
	channel_set(it->extra, "payload", channel_text(a, q, "data"));
}

/* {"chat", "message_id", "user", "new_reaction": [{"type": "emoji", "emoji"}]}; none: taken back. */
static void read_reaction(struct arena *a, const json_t *m, struct channel_items *out)
{
	struct channel_item *it = channel_item_add(a, out);
	const json_t *r;
	size_t i;

	if (!json_is_integer(channel_at(m, "chat.id")) ||
	    !json_is_integer(channel_at(m, "message_id"))) {
		it->kind = CHANNEL_IGNORED;
		it->why = SV("a reaction without chat or message");
		return;
	}
	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	it->at = channel_moment(m, "date");
	read_people(a, m, json_object_get(m, "user"), it);
	it->type = SV("reaction");
	json_array_foreach (json_object_get(m, "new_reaction"), i, r)
		if (!it->text.n)
			it->text = channel_text(a, r, "emoji");
	channel_set(it->extra, "reply_to", id_in_chat(a, m, ""));
	it->provider_id = id_in_chat(a, m, ":r");
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	struct channel_item *it;
	const json_t *m;

	(void)acc;
	if (!json_is_integer(json_object_get(body, "update_id")))
		return err_set(e, a, ST_BAD_INPUT,
			       "This is not an Update of Telegram: update_id is missing");
	if ((m = json_object_get(body, "message"))) {
		read_message(a, m, false, out);
	} else if ((m = json_object_get(body, "edited_message"))) {
		read_message(a, m, true, out);
	} else if ((m = json_object_get(body, "callback_query"))) {
		read_callback(a, m, out);
	} else if ((m = json_object_get(body, "message_reaction"))) {
		read_reaction(a, m, out);
	} else {
		it = channel_item_add(a, out);
		it->kind = CHANNEL_IGNORED;
		it->why = SV("an update that is no message in a chat");
	}
	return ST_OK;
}

static bool caption(const struct channel_part *p)
{
	return !sv_eq(p->kind, SV("sticker"));
}

/* core.telegram.org/bots/api, "Sending files". Photos have 10 MB; a larger one goes as a
 * document (telegram_out.c). Reactions come only when setWebhook's allowed_updates names
 * message_reaction, beside message, edited_message and callback_query. */
static const struct channel_limit limits[] = {
	{ "image", "image/jpeg image/png image/webp", 50 << 20 },
	{ "video", "video/mp4", 50 << 20 },
	{ "audio", "audio/mpeg audio/mp4 audio/ogg", 50 << 20 },
	{ "document", NULL, 50 << 20 },
	{ 0 },
};

const struct channel channel_telegram = {
	.type = "TELEGRAM",
	.label = "Telegram",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_REPLY | CHANNEL_CAN_LOCATION | CHANNEL_CAN_CONTACTS,
	.text_max = 4096,
	.caption_max = 1024,
	.buttons_max = 50,
	.button_title_max = 64,
	.button_text_max = 4096,
	.handle_kind = "telegram",
	.api_base = "https://api.telegram.org",
	.signature_header = "X-Telegram-Bot-Api-Secret-Token",
	.slug = "telegram",
	.icon = "brand-telegram",
	.about = N_("A bot that customers write to. Free, without approval."),
	.steps = N_("Give both to Telegram with setWebhook: url is the address, secret_token the secret."),
	.settings = {
		{ "bot_token", N_("Bot token"), N_("From @BotFather: 123456:ABC..."),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "secret_token", N_("Secret token"),
		  N_("Telegram sends it with every call. Empty: one is made."),
		  CHANNEL_SECRET | CHANNEL_LOOKUP | CHANNEL_INVENTED },
		{ "api_base", N_("API address"), N_("Only for a Bot API server of your own"), CHANNEL_URL },
	},
	.hook = "telegram-webhook",
	.answer = "{\"ok\":true}",
	.key = key,
	.key_name = "secret_token",
	.split = split,
	.verify = verify,
	.dedupe = dedupe,
	.parse = parse,
	.caption = caption,
	.send = telegram_send,
	.fetch = telegram_fetch,
	.typing = telegram_typing,
	.check = telegram_check,
	.subscribe = telegram_subscribe,
	.per_second = 30, /* core.telegram.org/bots/faq: in all, and 1 to one chat */
	.chat_gap_ms = 1000,
	.react = telegram_react,
	.edit = telegram_edit,
	.revoke = telegram_revoke,
	.revoke_hours = 48,
	.limits = limits,
};
