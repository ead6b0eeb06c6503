/*
 * WhatsApp Lite: a phone that is paired with a gateway by a QR code.
 *
 * Sending is the gateway's documented call (23759-23850). What its pages do not
 * say, other gateways can be told to speak (channels.md, open points):
 *
 *	GET  {base}/{organization}/session?sender_id=...
 *	POST {base}/{organization}/session	{"UOWHATSAPP":{"sender_id","phone_number"}}
 *		begins pairing anew. Both answer {"status","qr","phone"}: status is
 *		connected, pairing (with the text of the QR code) or disconnected.
 *
 * both with the header appapikey; and inbound calls with the generic body
 * (generic.c) and our secret in the header X-Webhook-Secret.
 */
#include "channel/internal.h"

#include "base/tr.h"
#include "crypto/crypto.h"

/* ---- calls of the gateway ------------------------------------------------------ */

static struct sv own_number(struct arena *a, const struct channel_account *acc)
{
	struct sv digits = channel_digits(a, acc->external_id);

	return digits.n ? digits : channel_digits(a, channel_option(a, acc, "phone_number"));
}

/* Our number is where a message goes to and where a receipt's message came from. */
static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out,
			 struct err *e)
{
	struct arena *a = call->arena;
	struct sv ours = channel_digits(
		a, channel_text(a, body, generic_is_receipt(body) ? "from" : "to"));

	if (!ours.n)
		return err_set(e, a, ST_BAD_INPUT, "The body says no number of ours: %s",
			       generic_is_receipt(body) ? "from is missing" : "to is missing");
	channel_share_of(a, out, ours, SV_NONE);
	return ST_OK;
}

static bool verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = channel_secret(acc, "secret_token");

	return secret.n && crypto_equal(secret, call->signature);
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	(void)acc;
	(void)e;
	generic_read(a, body, true, out);
	return ST_OK;
}

/* ---- our calls ------------------------------------------------------------------- */

static struct sv key_of(const struct channel_account *acc)
{
	struct sv key = channel_secret(acc, "api_key");

	return key.n ? key : channel_secret(acc, "appgain_api_key");
}

/* {base}/{organization}/<what>: by the gateway's name of the organization, else ours. */
static struct sv url_of(struct arena *a, const struct channel_account *acc, const char *what)
{
	struct sv org = channel_option(a, acc, "gateway_organization");
	struct buf *b = buf_in_arena(a);

	buf_add(b, acc->api_base);
	buf_addc(b, '/');
	buf_url(b, org.n ? org : acc->organization_id);
	buf_addc(b, '/');
	buf_add(b, sv_from(what));
	return buf_sv(b);
}

static void with_key(struct arena *a, const struct channel_account *acc, struct net_request *out)
{
	struct net_header *h = ARENA_ARRAY(a, out->n_headers + 1, struct net_header);

	for (size_t i = 0; i < out->n_headers; i++)
		h[i] = out->headers[i];
	h[out->n_headers++] = (struct net_header){ SV("appapikey"), key_of(acc) };
	out->headers = h;
}

static void post(struct arena *a, const struct channel_account *acc, const char *what, json_t *inner,
		 struct net_request *out)
{
	json_t *body = channel_json_keep(a, json_object());

	json_object_set_new(body, "UOWHATSAPP", inner);
	channel_post_json(a, out, url_of(a, acc, what), SV_NONE, channel_dump(a, body));
	with_key(a, acc, out);
}

/* MSG-45: 0 on the first call of a message, else a value that was not there yet:
 * repeated ones are dropped as doubles. */
static json_t *random_string(const struct channel_part *p)
{
	uint32_t n;

	if (!p->place)
		return json_integer(0);
	crypto_random(&n, sizeof(n));
	return json_integer(1 + (json_int_t)n);
}

/* The printed bodies have imageUrl beside the other two, empty. */
static void add_file(json_t *o, const struct channel_part *p)
{
	bool image = sv_eq(p->kind, SV("image")) || sv_eq(p->kind, SV("sticker"));

	channel_set(o, "message", p->text);
	if (image)
		channel_set(o, "imageUrl", p->url);
	else
		channel_set(o, sv_eq(p->kind, SV("video")) ? "videoUrl" : "documentUrl", p->url);
	if (!image)
		json_object_set_new(o, "imageUrl", json_string(""));
}

static void ask_send(struct channel_part *p, struct net_request *out)
{
	struct sv to = channel_digits(p->arena, p->to); /* CHA-45 */
	json_t *o = json_object(), *receiver = json_object(), *list = json_array();

	json_object_set_new(o, "random_string", random_string(p));
	channel_set(receiver, "mobileNum", to);
	json_array_append_new(list, receiver);
	json_object_set_new(o, "receivers", list);
	if (p->kind.n)
		add_file(o, p);
	else
		channel_set(o, "message", p->text);
	post(p->arena, p->account, "send", o, out);
}

/* ---- answers -------------------------------------------------------------------------- */

static json_t *answer(struct arena *a, const struct net_response *r)
{
	struct err e;

	return channel_json(a, r->body, &e);
}

/* The phone is off, or has ended the session: "session not connected" and the like. */
static bool lost_session(struct sv said)
{
	static const char *const words[] = { "session", "disconnected", "not connected", "logged out",
					     "scan" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (sv_find(said, sv_from(words[i])) >= 0)
			return true;
	return false;
}

static enum channel_next refused(struct arena *a, const json_t *body, const struct net_response *r,
				 bool sending, struct channel_failure *f)
{
	struct sv said = channel_text(a, body, "message"), code;
	enum channel_certainty c = channel_certainty(r, sending, body != NULL);
	const char *words = "The gateway refused";

	if (!said.n)
		said = channel_text(a, body, "error");
	if (r->status == 401 || r->status == 403) {
		words = "The gateway does not know this key. Enter it anew in the channel's settings";
		f->disconnected = true;
	} else if (r->status == 429) {
		words = "The gateway asks to send more slowly";
	} else if (r->status >= 500) {
		words = "The gateway has a problem";
	} else if (lost_session(said)) {
		words = "The phone is not connected any more. Scan the QR code again";
		f->disconnected = true;
	}
	f->retry_after = r->retry_after;
	code = sv_from(arena_printf(a, "%d", r->status));
	return channel_fail(f, c, code, sv_from(arena_printf(a, said.n ? "%s (%.*s)" : "%s%.*s", words,
							     SV_ARG(said))));
}

static bool success(struct arena *a, const json_t *body, const struct net_response *r)
{
	struct sv status = channel_text(a, body, "status");

	return r->status / 100 == 2 && body && !sv_ieq(status, SV("error")) &&
	       !sv_ieq(status, SV("failed")) && !json_is_false(json_object_get(body, "success"));
}

static struct sv id_in(struct arena *a, const json_t *body)
{
	static const char *const paths[] = { "message_id", "messageId", "id", "data.message_id",
					     "data.id" };
	struct sv id = SV_NONE;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && !id.n; i++)
		id = channel_text(a, body, paths[i]);
	return id;
}

static enum channel_next send_part(struct channel_part *p, const struct net_response *r,
				   struct net_request *out, struct channel_failure *f)
{
	json_t *body;

	if (!r && !key_of(p->account).n) /* CHA-52 */
		return channel_fail(f, CHANNEL_PERMANENT, SV("credentials"),
				    SV("Credentials not available: enter the gateway's key in the "
				       "channel's settings"));
	if (!r) {
		ask_send(p, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(p->arena, r, true, f))
		return CHANNEL_DEAD;
	body = answer(p->arena, r);
	if (!success(p->arena, body, r))
		return refused(p->arena, body, r, true, f);
	p->sent_id = id_in(p->arena, body);
	return CHANNEL_DONE;
}

static bool caption(const struct channel_part *p)
{
	return !sv_eq(p->kind, SV("sticker"));
}

/* ---- the phone -------------------------------------------------------------------------- */

static void ask_session(struct channel_session *s, struct net_request *out)
{
	const struct channel_account *acc = s->account;
	struct sv sender = channel_option(s->arena, acc, "sender_id");
	struct buf *url;
	json_t *o;

	if (s->start) {
		o = json_object();
		channel_set(o, "sender_id", sender);
		channel_set(o, "phone_number", own_number(s->arena, acc));
		post(s->arena, acc, "session", o, out);
		return;
	}
	url = buf_in_arena(s->arena);
	buf_add(url, url_of(s->arena, acc, "session?sender_id="));
	buf_url(url, sender);
	channel_get(s->arena, out, buf_sv(url), SV_NONE);
	with_key(s->arena, acc, out);
}

static enum channel_next session(struct channel_session *s, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	struct arena *a = s->arena;
	struct sv status;
	json_t *body;

	if (!r && !key_of(s->account).n)
		return channel_fail(f, CHANNEL_PERMANENT, SV("credentials"),
				    SV("Credentials not available: enter the gateway's key in the "
				       "channel's settings"));
	if (!r) {
		ask_session(s, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(a, r, false, f))
		return CHANNEL_DEAD;
	body = answer(a, r);
	if (!success(a, body, r))
		return refused(a, body, r, false, f);
	status = channel_text(a, body, "status");
	s->qr = channel_text(a, body, "qr");
	s->phone = channel_digits(a, channel_text(a, body, "phone"));
	s->state = sv_ieq(status, SV("connected")) ? CHANNEL_PAIRED :
		   sv_ieq(status, SV("pairing"))   ? CHANNEL_PAIRING : CHANNEL_UNPAIRED;
	return CHANNEL_DONE;
}

/* The same question: is the phone there? */
static enum channel_next check(struct channel_check *c, const struct net_response *r,
			       struct net_request *out, struct channel_failure *f)
{
	struct channel_session s = { .arena = c->arena, .account = c->account };
	enum channel_next next = session(&s, r, out, f);

	if (next != CHANNEL_DONE)
		return next;
	if (s.phone.n)
		c->name = channel_e164(c->arena, s.phone);
	if (s.state == CHANNEL_PAIRED)
		return CHANNEL_DONE;
	f->disconnected = true;
	return channel_fail(f, CHANNEL_PERMANENT, SV("session"),
			    SV("The phone is not connected. Scan the QR code with it"));
}

const struct channel channel_whatsapp_lite = {
	.type = "WHATSAPP_LITE",
	.label = "WhatsApp Lite",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_HAS_DELIVERED | CHANNEL_HAS_READ | CHANNEL_BY_URL,
	.text_max = 4096, /* CHA-42 */
	.caption_max = 1024,
	.handle_kind = "phone",
	.api_base = "https://notify.appgain.io",
	.signature_header = "X-Webhook-Secret",
	.slug = "whatsapp-lite",
	.icon = "brand-whatsapp",
	.about = N_("Any phone with WhatsApp, paired by a QR code through a gateway. No templates, no 24-hour window."),
	.steps = N_("Enter the address at your gateway, with the secret in the header X-Webhook-Secret of each call. Then pair the phone."),
	.settings = {
		{ "sender_id", N_("Sender ID"), N_("What the gateway calls this phone"),
		  CHANNEL_REQUIRED },
		{ "phone_number", N_("Phone number"), N_("With the country code, digits only: 201001383533"),
		  CHANNEL_REQUIRED | CHANNEL_EXTERNAL | CHANNEL_DIGITS },
		{ "api_key", N_("Gateway key"), N_("Your organization's own, from the gateway"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "secret_token", N_("Webhook secret"),
		  N_("The gateway sends it in the header X-Webhook-Secret. Empty: one is made."),
		  CHANNEL_SECRET | CHANNEL_LOOKUP | CHANNEL_INVENTED },
		{ "gateway_organization", N_("Organization at the gateway"),
		  N_("If it has another id there than here"), 0 },
		{ "api_base", N_("Gateway address"), N_("Of your own or another gateway that speaks the same"),
		  CHANNEL_URL },
	},
	.hook = "whatsapp-lite-webhook",
	.hook_alias = "appgain-whatsapp-webhook", /* CHA-54 */
	.answer = "{\"success\":true}",
	.key = own_number,
	.key_name = "number",
	.split = split,
	.verify = verify,
	.parse = parse,
	.caption = caption,
	.send = send_part,
	.fetch = generic_fetch,
	.part_gap_ms = { 800, 2500 }, /* MSG-46 */
	.session = session,
	.check = check,
};
