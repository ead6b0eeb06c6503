/* Telegram Bot API: sending, and fetching files. */
#include "channel/internal.h"

static struct sv method_url(struct arena *a, const struct channel_account *acc, const char *method)
{
	struct sv token = channel_secret(acc, "bot_token");

	return sv_from(
		arena_printf(a, "%.*s/bot%.*s/%s", SV_ARG(acc->api_base), SV_ARG(token), method));
}

/*
 * The method for a kind of file and the field it goes in. Photos are
 * re-encoded and limited to 10 MB, GIFs would lose their motion, voice must be
 * OGG: what does not fit goes as a document, unchanged.
 */
static const char *file_method(const struct channel_part *p, const char **field)
{
	bool small = p->data.n <= 10 * 1024 * 1024;

	if (sv_eq(p->kind, SV("image")) && small && !sv_eq(p->type, SV("image/gif"))) {
		*field = "photo";
		return "sendPhoto";
	}
	if (sv_eq(p->kind, SV("video")) && sv_eq(p->type, SV("video/mp4"))) {
		*field = "video";
		return "sendVideo";
	}
	if (sv_eq(p->kind, SV("audio")) && sv_starts(p->type, SV("audio/ogg"))) {
		*field = "voice";
		return "sendVoice";
	}
	if (sv_eq(p->kind, SV("audio")) &&
	    (sv_eq(p->type, SV("audio/mpeg")) || sv_eq(p->type, SV("audio/mp4")))) {
		*field = "audio";
		return "sendAudio";
	}
	if (sv_eq(p->kind, SV("sticker"))) {
		*field = "sticker";
		return "sendSticker";
	}
	*field = "document";
	return "sendDocument";
}

/* {"message_id":5,...} of the message answered, or nothing. Its chat stands
 * before the colon of our id. */
static struct sv reply_parameters(struct arena *a, struct sv reply_to)
{
	struct sv chat = sv_cut(&reply_to, ':'), id = sv_cut(&reply_to, ':');
	int64_t n;

	if (!chat.n || !sv_to_i64(id, &n))
		return SV_NONE;
	return sv_from(arena_printf(a, "{\"message_id\":%lld,\"allow_sending_without_reply\":true}",
				    (long long)n));
}

static void set_chat(json_t *body, struct sv to)
{
	int64_t chat;

	if (sv_to_i64(to, &chat))
		json_object_set_new(body, "chat_id", json_integer(chat));
	else
		channel_set(body, "chat_id", to); /* @channelname */
}

/* MSG-97: one button a line; pressed, its id comes back as callback_query. */
static void add_keyboard(json_t *body, const struct channel_part *p)
{
	struct channel_button *v;
	size_t n = channel_buttons(p->arena, p->metadata, &v);
	json_t *rows = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *key = json_object();

		channel_set(key, "text", v[i].title);
		channel_set(key, "callback_data", channel_clip(v[i].id, 64));
		json_array_append_new(rows, json_pack("[o]", key));
	}
	json_object_set_new(body, "reply_markup", json_pack("{s:o}", "inline_keyboard", rows));
}

/* MSG-7, MSG-8: the method and its fields for a place or a contact card. */
static const char *special(json_t *body, const struct channel_part *p)
{
	const json_t *place = json_object_get(p->metadata, "location"),
		     *card = json_array_get(json_object_get(p->metadata, "contacts"), 0);

	if (sv_eq(p->message_type, SV("location")) && place) {
		json_object_set_new(body, "latitude", json_real(json_number_value(json_object_get(place, "latitude"))));
		json_object_set_new(body, "longitude", json_real(json_number_value(json_object_get(place, "longitude"))));
		return "sendLocation";
	}
	if (sv_eq(p->message_type, SV("contacts")) && card) {
		channel_set(body, "phone_number",
			    channel_text(p->arena, json_array_get(json_object_get(card, "phones"), 0), "phone"));
		channel_set(body, "first_name", channel_text(p->arena, card, "name.formatted_name"));
		return "sendContact";
	}
	channel_set(body, "text", p->text);
	return "sendMessage";
}

static void send_text(struct channel_part *p, struct net_request *out)
{
	struct sv reply = reply_parameters(p->arena, p->reply_to);
	json_t *body = channel_json_keep(p->arena, json_object());
	const char *method;

	set_chat(body, p->to);
	method = special(body, p);
	if (reply.n)
		json_object_set_new(body, "reply_parameters",
				    json_loadb(reply.p, reply.n, 0, NULL));
	if (json_object_get(p->metadata, "buttons"))
		add_keyboard(body, p);
	channel_post_json(p->arena, out, method_url(p->arena, p->account, method), SV_NONE,
			  channel_dump(p->arena, body));
}

static void send_file(struct channel_part *p, struct net_request *out)
{
	const char *field = "", *method = file_method(p, &field);
	const struct channel_field fields[] = {
		{ "chat_id", p->to },
		{ "caption", p->text.n ? p->text : SV_NONE },
		{ "reply_parameters", reply_parameters(p->arena, p->reply_to) },
	};
	const struct channel_form_file file = { field, p->name, p->type, p->data };

	channel_post_form(p->arena, out, method_url(p->arena, p->account, method), SV_NONE, fields,
			  sizeof(fields) / sizeof(*fields), &file);
}

static void request(struct channel_part *p, struct net_request *out)
{
	if (p->kind.n)
		send_file(p, out);
	else
		send_text(p, out);
}

/* Telegram's words are for developers; the usual ones get ours before them. */
static struct sv explain(struct arena *a, int64_t code, struct sv said)
{
	static const struct {
		int code;
		const char *part, *words;
	} known[] = {
		{ 401, "",
		  "The bot token is not valid any more. Enter it anew in the channel's settings" },
		{ 404, "Not Found",
		  "The bot token is not valid. Enter it anew in the channel's settings" },
		{ 403, "blocked by the user", "The customer has blocked the bot" },
		{ 403, "kicked", "The bot was removed from the group" },
		{ 403, "deactivated", "The customer's Telegram account does not exist any more" },
		{ 403, "can't initiate", "A bot may write only to people who wrote to it first" },
		{ 400, "chat not found", "Telegram does not know this chat" },
		{ 400, "message can't be deleted",
		  "Telegram lets a bot take back its messages for 48 hours only" },
		{ 400, "message can't be edited", "Telegram does not let this message be changed" },
		{ 400, "REACTION_INVALID", "Telegram does not know this emoji as a reaction" },
		{ 400, "message is too long", "The text is longer than Telegram allows" },
		{ 400, "file is too big",
		  "The file is larger than Telegram lets bots fetch (20 MB)" },
		{ 413, "", "The file is larger than Telegram allows" },
		{ 429, "", "Telegram asks to send more slowly" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].code == code && sv_find(said, sv_from(known[i].part)) >= 0)
			return sv_from(arena_printf(a, "%s (%lld %.*s)", known[i].words,
						    (long long)code, SV_ARG(said)));
	return sv_from(
		arena_printf(a, "Telegram refused: %lld %.*s", (long long)code, SV_ARG(said)));
}

/* {"ok":false,"error_code":..,"description":..,"parameters":{..}} */
static enum channel_next refused(struct arena *a, const json_t *body, const struct net_response *r,
				 bool sending, struct channel_failure *f)
{
	int64_t code = body ? channel_number(body, "error_code") : 0;
	int64_t wait = channel_number(body, "parameters.retry_after");
	enum channel_certainty c = CHANNEL_PERMANENT;

	if (!code)
		code = r->status;
	if (code == 429)
		c = CHANNEL_TEMPORARY;
	else if (code >= 500 || code < 400)
		c = sending ? CHANNEL_UNCERTAIN : CHANNEL_TEMPORARY;
	f->retry_after = wait > 0 && wait < 86400 ? (int)wait : r->retry_after;
	f->disconnected = code == 401 || (code == 404 && body);
	return channel_fail(f, c, sv_from(arena_printf(a, "%lld", (long long)code)),
			    explain(a, code, channel_text(a, body, "description")));
}

/* The answer's JSON when it is one of the Bot API, else NULL. */
static json_t *answer(struct arena *a, const struct net_response *r)
{
	struct err e;
	json_t *body = channel_json(a, r->body, &e);

	return json_is_boolean(json_object_get(body, "ok")) ? body : NULL;
}

enum channel_next telegram_send(struct channel_part *p, const struct net_response *r,
				struct net_request *out, struct channel_failure *f)
{
	struct arena *a = p->arena;
	json_t *body;
	struct sv moved;

	if (!r) {
		request(p, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(a, r, true, f))
		return CHANNEL_DEAD;
	body = answer(a, r);
	if (json_is_true(json_object_get(body, "ok"))) {
		p->sent_id = sv_from(arena_printf(
			a, "%lld:%lld", (long long)channel_number(body, "result.chat.id"),
			(long long)channel_number(body, "result.message_id")));
		return CHANNEL_DONE;
	}
	/* A group that became a supergroup has another id now. */
	moved = channel_text(a, body, "parameters.migrate_to_chat_id");
	if (moved.n && p->step++ == 0) {
		p->to = moved;
		request(p, out);
		return CHANNEL_CALL;
	}
	return refused(a, body, r, true, f);
}

/* ---- "typing" ---------------------------------------------------------------- */

enum channel_next telegram_typing(struct channel_act *c, const struct net_response *r,
				  struct net_request *out, struct channel_failure *f)
{
	json_t *body = channel_json_keep(c->arena, json_object());

	if (r)
		return channel_net_failed(c->arena, r, false, f) ? CHANNEL_DEAD : CHANNEL_DONE;
	set_chat(body, c->to);
	channel_set(body, "action", SV("typing"));
	channel_post_json(c->arena, out, method_url(c->arena, c->account, "sendChatAction"), SV_NONE,
			  channel_dump(c->arena, body));
	return CHANNEL_CALL;
}

/* ---- what is done to a message ------------------------------------------- */

/* {"chat_id":..,"message_id":..}; NULL when the target is no id of ours. */
static json_t *act_body(const struct channel_act *c)
{
	struct sv rest = c->target, chat = sv_cut(&rest, ':'), id = sv_cut(&rest, ':');
	json_t *body = channel_json_keep(c->arena, json_object());
	int64_t chat_id, message_id;

	if (!sv_to_i64(chat, &chat_id) || !sv_to_i64(id, &message_id))
		return NULL;
	json_object_set_new(body, "chat_id", json_integer(chat_id));
	json_object_set_new(body, "message_id", json_integer(message_id));
	return body;
}

/* Done already: the bot says so with an error. */
static bool act_was_done(struct arena *a, const json_t *body, struct sv method)
{
	struct sv said = channel_text(a, body, "description");

	return sv_find(said, SV("message is not modified")) >= 0 ||
	       (sv_eq(method, SV("deleteMessage")) &&
		sv_find(said, SV("message to delete not found")) >= 0);
}

static enum channel_next act(struct channel_act *c, const struct net_response *r, const char *method,
			     json_t *body, struct net_request *out, struct channel_failure *f)
{
	json_t *said;

	if (!body)
		return channel_fail(f, CHANNEL_PERMANENT, SV("target"),
				    SV("Telegram does not know this message"));
	if (!r) {
		channel_post_json(c->arena, out, method_url(c->arena, c->account, method), SV_NONE,
				  channel_dump(c->arena, body));
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	said = answer(c->arena, r);
	if (json_is_true(json_object_get(said, "ok")) || act_was_done(c->arena, said, sv_from(method)))
		return CHANNEL_DONE;
	return refused(c->arena, said, r, false, f);
}

enum channel_next telegram_react(struct channel_act *c, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	json_t *body = act_body(c), *list = json_array();

	if (c->text.n)
		json_array_append_new(list, json_pack("{s:s, s:s%}", "type", "emoji", "emoji",
						      c->text.p, c->text.n));
	if (body)
		json_object_set_new(body, "reaction", list);
	else
		json_decref(list);
	return act(c, r, "setMessageReaction", body, out, f);
}

enum channel_next telegram_edit(struct channel_act *c, const struct net_response *r,
				struct net_request *out, struct channel_failure *f)
{
	json_t *body = act_body(c);

	if (body)
		channel_set(body, c->kind.n ? "caption" : "text", c->text);
	return act(c, r, c->kind.n ? "editMessageCaption" : "editMessageText", body, out, f);
}

enum channel_next telegram_revoke(struct channel_act *c, const struct net_response *r,
				  struct net_request *out, struct channel_failure *f)
{
	return act(c, r, "deleteMessage", act_body(c), out, f);
}

/* ---- files ------------------------------------------------------------------ */

/* {api_base}/file/bot<token>/<file_path> */
static struct sv file_url(struct channel_media *m, struct sv path)
{
	buf_auto struct buf b = BUF_INIT;
	struct sv out;

	buf_add(&b, m->account->api_base);
	buf_lit(&b, "/file/bot");
	buf_add(&b, channel_secret(m->account, "bot_token"));
	while (sv_present(path)) {
		buf_addc(&b, '/');
		buf_url(&b, sv_cut(&path, '/'));
	}
	out = arena_sv(m->arena, buf_sv(&b));
	return out;
}

/* Files without a name of their own get that of the path: photos/file_1.jpg. */
static void name_from_path(struct channel_media *m, struct sv path)
{
	while (sv_present(path)) {
		struct sv last = sv_cut(&path, '/');

		if (!m->name.n && !sv_present(path))
			m->name = last;
	}
}

static enum channel_next ask_for_path(struct channel_media *m, struct net_request *out)
{
	json_t *body = channel_json_keep(m->arena, json_object());

	channel_set(body, "file_id", m->id);
	channel_post_json(m->arena, out, method_url(m->arena, m->account, "getFile"), SV_NONE,
			  channel_dump(m->arena, body));
	m->step = 1;
	return CHANNEL_CALL;
}

enum channel_next telegram_fetch(struct channel_media *m, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	struct arena *a = m->arena;
	struct sv path;
	json_t *body;

	if (!r)
		return ask_for_path(m, out);
	if (channel_net_failed(a, r, false, f))
		return CHANNEL_DEAD;
	if (m->step == 2 && r->status == 200) {
		m->data = r->body;
		return CHANNEL_DONE;
	}
	body = answer(a, r);
	path = channel_text(a, body, "result.file_path");
	if (m->step == 2 || !path.n || sv_find(path, SV("..")) >= 0)
		return refused(a, body, r, false, f);
	name_from_path(m, path);
	channel_get(a, out, file_url(m, path), SV_NONE);
	m->step = 2;
	return CHANNEL_CALL;
}

/* ---- is it the bot's token? Where does Telegram call? ------------------------ */

static void ask_method(struct channel_check *c, const char *method, json_t *body,
		       struct net_request *out)
{
	channel_post_json(c->arena, out, method_url(c->arena, c->account, method), SV_NONE,
			  body ? channel_dump(c->arena, body) : SV("{}"));
}

static void note_webhook(struct channel_check *c, const json_t *info)
{
	struct arena *a = c->arena;
	struct sv url = channel_text(a, info, "url"),
		  error = channel_text(a, info, "last_error_message");

	if (!url.n)
		c->notice = SV("Telegram does not call this installation yet: set the webhook");
	else if (!sv_eq(url, c->hook_url))
		c->notice = sv_from(arena_printf(
			a, "Telegram calls another address: %.*s. Set the webhook", SV_ARG(url)));
	else if (error.n)
		c->notice = sv_from(arena_printf(a, "Telegram's last call failed: %.*s",
						 SV_ARG(error)));
}

enum channel_next telegram_check(struct channel_check *c, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	struct arena *a = c->arena;
	json_t *body;
	struct sv user;

	if (!r) {
		ask_method(c, "getMe", NULL, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(a, r, false, f))
		return CHANNEL_DEAD;
	body = answer(a, r);
	if (!json_is_true(json_object_get(body, "ok")))
		return refused(a, body, r, false, f);
	if (c->step++) {
		note_webhook(c, json_object_get(body, "result"));
		return CHANNEL_DONE;
	}
	user = channel_text(a, body, "result.username");
	c->name = sv_from(arena_printf(a, "@%.*s", SV_ARG(user)));
	ask_method(c, "getWebhookInfo", NULL, out);
	return CHANNEL_CALL;
}

/* setWebhook with the address and the secret token that we hold. */
enum channel_next telegram_subscribe(struct channel_check *c, const struct net_response *r,
				     struct net_request *out, struct channel_failure *f)
{
	json_t *body;

	if (!r) {
		body = channel_json_keep(c->arena, json_object());
		channel_set(body, "url", c->hook_url);
		channel_set(body, "secret_token", channel_secret(c->account, "secret_token"));
		ask_method(c, "setWebhook", body, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	body = answer(c->arena, r);
	if (!json_is_true(json_object_get(body, "ok")))
		return refused(c->arena, body, r, false, f);
	return CHANNEL_DONE;
}
