/* WhatsApp Cloud API: what Meta's webhook says (object whatsapp_business_account). */
#include "channel/internal.h"

#include "base/tr.h"
#include "base/uuid.h"

/* CHA-32: by metadata.phone_number_id; a change without a number (templates,
 * account) is the WABA's. */
static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out,
			 struct err *e)
{
	json_t *entries = json_object_get(body, "entry"), *entry, *change;
	struct arena *a = call->arena;
	size_t i, k;

	if (!json_is_array(entries))
		return err_set(e, a, ST_BAD_INPUT, "entry is missing");
	json_array_foreach (entries, i, entry)
		json_array_foreach (json_object_get(entry, "changes"), k, change) {
			struct sv number = channel_text(a, change, "value.metadata.phone_number_id"),
				  waba = channel_text(a, entry, "id");

			meta_give(a, channel_share_of(a, out, number, waba), body, entry, "changes",
				  change);
		}
	return ST_OK;
}

/* ---- messages ------------------------------------------------------------ */

/* wa_id has no plus; the handle is E.164 (CHA-34). A business-scoped user id
 * in its place (letters) stays as it is. */
static struct sv e164(struct arena *a, struct sv wa_id)
{
	if (!wa_id.n || wa_id.p[0] == '+')
		return wa_id;
	for (size_t i = 0; i < wa_id.n; i++)
		if (wa_id.p[i] < '0' || wa_id.p[i] > '9')
			return wa_id;
	return sv_from(arena_printf(a, "+%.*s", SV_ARG(wa_id)));
}

static struct sv profile_name(struct arena *a, const json_t *value, struct sv from)
{
	const json_t *c;
	size_t i;

	json_array_foreach (json_object_get(value, "contacts"), i, c)
		if (sv_eq(channel_text(a, c, "wa_id"), from))
			return channel_text(a, c, "profile.name");
	return SV_NONE;
}

static void read_file(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *file = json_object_getn(m, it->type.p, it->type.n);

	it->attachment_kind = it->type;
	it->media_id = channel_text(a, file, "id");
	it->media_type = channel_text(a, file, "mime_type");
	it->media_name = channel_text(a, file, "filename");
	it->text = channel_text(a, file, "caption");
	if (json_is_true(json_object_get(file, "voice")))
		json_object_set_new(it->extra, "voice", json_true());
	if (!it->media_id.n)
		it->attachment_kind = SV_NONE;
}

static void read_text(struct arena *a, const json_t *m, struct channel_item *it)
{
	it->text = channel_text(a, m, "text.body");
}

static void read_location(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *l = json_object_get(m, "location");
	struct sv name = channel_text(a, l, "name"), address = channel_text(a, l, "address");

	it->text = sv_trim(
		sv_from(arena_printf(a, "%.*s %.*s %.6f, %.6f", SV_ARG(name), SV_ARG(address),
				     json_number_value(json_object_get(l, "latitude")),
				     json_number_value(json_object_get(l, "longitude")))));
	channel_carry(it->extra, "location", l, NULL);
}

static void read_contacts(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *cards = json_object_get(m, "contacts"), *first = json_array_get(cards, 0);
	struct sv name = channel_text(a, first, "name.formatted_name");
	struct sv phone =
		channel_text(a, json_array_get(json_object_get(first, "phones"), 0), "phone");

	it->text = sv_trim(sv_from(arena_printf(a, "%.*s %.*s", SV_ARG(name), SV_ARG(phone))));
	channel_carry(it->extra, "contacts", cards, NULL);
}

/* A quick-reply button of a template. */
static void read_button(struct arena *a, const json_t *m, struct channel_item *it)
{
	it->text = channel_text(a, m, "button.text");
	channel_set(it->extra, "payload", channel_text(a, m, "button.payload"));
}

/* A button or list row of an interactive message, or an answered form. */
static void read_interactive(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *i = json_object_get(m, "interactive");
	struct sv kind = channel_text(a, i, "type");
	const json_t *reply = kind.n ? json_object_getn(i, kind.p, kind.n) : NULL;

	it->text = channel_text(a, reply, "title");
	if (!it->text.n)
		it->text = channel_text(a, reply, "body");
	channel_set(it->extra, "payload", channel_text(a, reply, "id"));
	channel_carry(it->extra, "interactive", i, NULL);
}

static void read_reaction(struct arena *a, const json_t *m, struct channel_item *it)
{
	it->text = channel_text(a, m, "reaction.emoji"); /* absent: the reaction was taken back */
	channel_set(it->extra, "reply_to", channel_text(a, m, "reaction.message_id"));
	channel_carry(it->extra, "reaction", m, "reaction");
}

static void read_order(struct arena *a, const json_t *m, struct channel_item *it)
{
	it->text = channel_text(a, m, "order.text");
	if (!it->text.n)
		it->text = SV("[Order]");
	channel_carry(it->extra, "order", m, "order");
}

static void read_system(struct arena *a, const json_t *m, struct channel_item *it)
{
	it->text = channel_text(a, m, "system.body"); /* the customer's number has changed */
	channel_carry(it->extra, "system", m, "system");
}

static void read_unsupported(struct arena *a, const json_t *m, struct channel_item *it)
{
	const json_t *error = json_array_get(json_object_get(m, "errors"), 0);

	channel_set(it->extra, "type", it->type);
	it->type = SV("unsupported");
	it->text = SV("[This kind of message is not shown here]");
	it->error_code = channel_text(a, error, "code");
	channel_carry(it->extra, "errors", m, "errors");
}

static const struct message_kind {
	const char *type;
	void (*read)(struct arena *a, const json_t *m, struct channel_item *it);
} message_kinds[] = {
	{ "text", read_text },	       { "image", read_file },
	{ "video", read_file },	       { "audio", read_file },
	{ "document", read_file },     { "sticker", read_file },
	{ "location", read_location }, { "contacts", read_contacts },
	{ "button", read_button },     { "interactive", read_interactive },
	{ "reaction", read_reaction }, { "order", read_order },
	{ "system", read_system },
};

static void read_content(struct arena *a, const json_t *m, struct channel_item *it)
{
	for (size_t i = 0; i < sizeof(message_kinds) / sizeof(*message_kinds); i++) {
		if (sv_eq(it->type, sv_from(message_kinds[i].type))) {
			message_kinds[i].read(a, m, it);
			return;
		}
	}
	read_unsupported(a, m, it);
}

/* CHA-71: a tap on the link of a template, told as a message. */
static bool read_click(struct arena *a, const json_t *m, struct channel_items *out)
{
	struct channel_item *it;
	struct sv from = channel_text(a, m, "from");

	if (!sv_eq(channel_text(a, m, "interaction.type"), SV("click")))
		return false;
	it = meta_fact(a, out, "link_clicked");
	it->at = channel_number(m, "interaction.timestamp");
	channel_set(it->extra, "handle", e164(a, from));
	channel_set(it->extra, "template", channel_text(a, m, "template.name"));
	channel_set(it->extra, "url", channel_text(a, m, "template.button.url"));
	return true;
}

/* CHA-69, CHA-70: a tap on a marketing message names nobody but its tokens. */
static void read_action(struct arena *a, const json_t *m, struct channel_items *out)
{
	const json_t *click = json_object_get(m, "marketing_messages_link_click_data");
	struct sv action = channel_text(a, m, "action_type");
	struct channel_item *it;

	if (!sv_eq(action, SV("marketing_messages_link_click"))) {
		meta_ignore(a, out, sv_from(arena_printf(a, "a user action: %.*s", SV_ARG(action))));
		return;
	}
	it = meta_fact(a, out, "link_clicked");
	it->at = channel_moment(m, "timestamp");
	channel_set(it->extra, "tracking_token", channel_text(a, click, "tracking_token"));
	channel_set(it->extra, "click_id", channel_text(a, click, "click_id"));
	channel_set(it->extra, "click_component", channel_text(a, click, "click_component"));
}

static void read_message(struct arena *a, const json_t *value, const json_t *m,
			 struct channel_items *out)
{
	struct sv from = channel_text(a, m, "from"), id = channel_text(a, m, "id");
	struct channel_item *it;

	if (read_click(a, m, out))
		return;
	if (!from.n || !id.n) {
		meta_ignore(a, out, SV("a message without sender or id"));
		return;
	}
	it = channel_item_add(a, out);
	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	it->provider_id = id;
	it->thread = from;
	it->handle = e164(a, from);
	it->display_name = profile_name(a, value, from);
	it->at = channel_moment(m, "timestamp");
	it->type = channel_text(a, m, "type");
	channel_set(it->extra, "wa_id", from);
	channel_set(it->extra, "reply_to", channel_text(a, m, "context.id"));
	channel_carry(it->extra, "context", m, "context");
	channel_carry(it->extra, "referral", m, "referral"); /* MSG-59: the ad that was clicked */
	read_content(a, m, it);
}

/* ---- receipts ------------------------------------------------------------- */

static struct sv status_of(struct sv said)
{
	static const struct {
		const char *theirs, *ours;
	} map[] = {
		{ "sent", "SENT" },   { "delivered", "DELIVERED" }, { "read", "READ" },
		{ "played", "READ" }, { "failed", "FAILED" },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (sv_eq(said, sv_from(map[i].theirs)))
			return sv_from(map[i].ours);
	return SV_NONE;
}

/* Our words for the code, and Meta's own behind them. */
static struct sv explain(struct arena *a, const json_t *error)
{
	const struct whatsapp_error *known = whatsapp_error(channel_number(error, "code"));
	struct sv said = channel_text(a, error, "error_data.details");

	if (!said.n)
		said = channel_text(a, error, "message");
	if (!said.n)
		said = channel_text(a, error, "title");
	if (!known)
		return said.n ? said : SV("WhatsApp could not deliver the message");
	return said.n ? sv_from(arena_printf(a, "%s (%.*s)", known->text, SV_ARG(said)))
		      : sv_from(known->text);
}

/* CHA-78: by pricing, in older versions by the origin of the conversation; with variants
 * such as marketing_lite and authentication_international. */
static struct sv category_of(struct arena *a, const json_t *s)
{
	static const char *const known[] = { "marketing", "utility", "authentication", "service" };
	struct sv said = channel_text(a, s, "pricing.category");

	if (!said.n)
		said = channel_text(a, s, "conversation.origin.type");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (sv_starts(said, sv_from(known[i])))
			return sv_from(known[i]);
	return sv_eq(said, SV("referral_conversion")) ? SV("service") : SV_NONE;
}

static void read_status(struct arena *a, const json_t *s, struct channel_items *out)
{
	struct sv status = status_of(channel_text(a, s, "status")), id = channel_text(a, s, "id");
	struct sv ours = channel_text(a, s, "biz_opaque_callback_data");
	const json_t *error = json_array_get(json_object_get(s, "errors"), 0);
	struct channel_item *it;

	if (!status.n || !id.n) {
		meta_ignore(a, out, SV("a status that says nothing about delivery"));
		return;
	}
	it = channel_item_add(a, out);
	it->kind = CHANNEL_RECEIPT;
	it->provider_id = id;
	it->status = status;
	it->at = channel_moment(s, "timestamp");
	it->category = category_of(a, s);
	if (uuid_valid(ours))
		it->message_id = ours;
	if (sv_eq(status, SV("FAILED"))) {
		it->error_code = channel_text(a, error, "code");
		it->error = explain(a, error);
	}
}

/* ---- the call --------------------------------------------------------------- */

/* CHA-69: user actions come with no messages beside them. */
static void read_value(struct arena *a, const json_t *value, struct channel_items *out)
{
	const json_t *m;
	size_t i;

	json_array_foreach (json_object_get(value, "messages"), i, m)
		read_message(a, value, m, out);
	json_array_foreach (json_object_get(value, "statuses"), i, m)
		read_status(a, m, out);
	json_array_foreach(json_object_get(value, "user_actions"), i, m)
		read_action(a, m, out);
	json_array_foreach(json_object_get(value, "errors"), i, m)
	{
		struct sv why = explain(a, m);

		meta_ignore(a, out,
		       sv_from(arena_printf(a, "an error of the account: %.*s", SV_ARG(why))));
	}
}

/* What Meta decided about a template: status, category, quality. */
static void read_template(struct arena *a, const json_t *value, struct channel_items *out)
{
	static const struct {
		const char *name, *theirs;
	} parts[] = {
		{ "provider_id", "message_template_id" }, { "name", "message_template_name" },
		{ "language", "message_template_language" }, { "status", "event" },
		{ "reason", "reason" }, { "category", "new_category" }, { "quality", "new_quality_score" },
	};
	struct channel_item *it = meta_fact(a, out, "template");

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		channel_set(it->extra, parts[i].name, channel_text(a, value, parts[i].theirs));
}

/* A change says which number it is for; one that says none is for all. */
static bool for_account(struct arena *a, const struct channel_account *acc, const json_t *value)
{
	struct sv number = channel_text(a, value, "metadata.phone_number_id");

	return !number.n || sv_eq(number, acc->external_id);
}

static void read_change(struct arena *a, const struct channel_account *acc, const json_t *change,
			struct channel_items *out)
{
	const json_t *value = json_object_get(change, "value");
	struct sv field = channel_text(a, change, "field");

	if (!for_account(a, acc, value))
		return;
	if (sv_eq(field, SV("messages")) || sv_eq(field, SV("message_actions")))
		read_value(a, value, out);
	else if (sv_starts(field, SV("message_template_")) || sv_eq(field, SV("template_category_update")))
		read_template(a, value, out);
	else
		meta_ignore(a, out, sv_from(arena_printf(a, "a change of field %.*s", SV_ARG(field))));
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	const json_t *entries = json_object_get(body, "entry"), *entry, *change;
	size_t i, k;

	if (!json_is_array(entries))
		return err_set(e, a, ST_BAD_INPUT,
			       "This is not a call of Meta's webhook: entry is missing");
	json_array_foreach (entries, i, entry)
		json_array_foreach (json_object_get(entry, "changes"), k, change)
			read_change(a, acc, change, out);
	return ST_OK;
}

/* developers.facebook.com, Cloud API, "Supported media types". What is no type of its
 * kind goes as a document (whatsapp_out.c). */
static const struct channel_limit limits[] = {
	{ "image", "image/jpeg image/png", 5 << 20 },
	{ "video", "video/mp4 video/3gpp", 16 << 20 },
	{ "audio", "audio/aac audio/amr audio/mpeg audio/mp4 audio/ogg", 16 << 20 },
	{ "document", NULL, 100 << 20 },
	{ 0 },
};

const struct channel channel_whatsapp_cloud = {
	.type = "WHATSAPP_CLOUD",
	.label = "WhatsApp Cloud",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_TEMPLATE | CHANNEL_CAN_REPLY |
		CHANNEL_HAS_DELIVERED | CHANNEL_HAS_READ | CHANNEL_CAN_LOCATION |
		CHANNEL_CAN_CONTACTS | CHANNEL_CAN_INTERACTIVE | CHANNEL_CONFIRM | CHANNEL_BY_FACEBOOK,
	.text_max = 4096,
	.caption_max = 1024,
	.window_hours = 24,
	.buttons_max = 10,
	.button_title_max = 24,
	.button_text_max = 1024,
	.handle_kind = "phone",
	.api_base = "https://graph.facebook.com/v22.0",
	.signature_header = "X-Hub-Signature-256",
	.slug = "whatsapp",
	.icon = "brand-whatsapp",
	.about = N_("The official API of Meta, with your business number."),
	.steps = N_("Enter both in Meta's app dashboard under WhatsApp, Configuration; subscribe to messages, message_actions and message_template_status_update. Without it sending works, but nothing comes in and no receipts arrive."),
	.settings = {
		{ "phone_number_id", N_("Phone number ID"), N_("From WhatsApp, API setup"),
		  CHANNEL_REQUIRED | CHANNEL_EXTERNAL | CHANNEL_DIGITS },
		{ "waba_id", N_("Business account ID"), N_("From the same page"), CHANNEL_DIGITS },
		{ "access_token", N_("Access token"),
		  N_("Of a system user, with whatsapp_business_messaging"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "app_secret", N_("App secret"),
		  N_("From App settings, Basic: signatures are checked with it"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "verify_token", N_("Verify token"), N_("Meta asks for it once. Empty: one is made."),
		  CHANNEL_SECRET | CHANNEL_LOOKUP | CHANNEL_INVENTED },
		{ "read_receipts", N_("Show customers that their messages were read"), N_("When somebody of the team has read them"),
		  CHANNEL_SWITCH },
		{ "api_base", N_("API address"), N_("Only for a stand-in or a proxy"), CHANNEL_URL },
	},
	.hook = "whatsapp-cloud-webhook",
	.answer = "{\"status\":\"ok\"}", /* CHA-68 */
	.key_name = "phone_number_id",
	.split = split,
	.verify = meta_verify,
	.handshake = meta_handshake,
	.parse = parse,
	.caption = whatsapp_caption,
	.send = whatsapp_send,
	.fetch = whatsapp_fetch,
	.react = whatsapp_react,
	.mark_read = whatsapp_mark_read,
	.typing = whatsapp_typing,
	.check = whatsapp_check,
	.per_second = 80, /* a number's throughput by default */
	.limits = limits,
};
