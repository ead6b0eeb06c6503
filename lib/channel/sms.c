/*
 * SMS: sending, and reports of delivery (CHA-109..112). Nobody answers here,
 * and nothing of it stands in the inbox.
 *
 * settings.provider says whose API it is: twilio (Messages resource, status
 * callbacks), victorylink (SendSMS), or http: a gateway of one's own that
 * takes {"id","to","from","text"} with the key as a bearer token, answers
 * {"id"}, and reports with the generic body (generic.c) and X-Webhook-Secret.
 */
#include "channel/internal.h"
#include "channel/sms.h"

#include "base/conf.h"
#include "base/tr.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

#include <stdlib.h>

#define TWILIO "https://api.twilio.com"
#define VICTORYLINK "https://smsvas.vlserv.com/VLSMSPlatformResellerAPI/NewSendingAPI/api/SMSSender"

struct provider {
	const char *name;
	void (*ask)(struct channel_part *p, struct sv base, struct net_request *out);
	enum channel_next (*read)(struct channel_part *p, const struct net_response *r,
				  struct channel_failure *f);
	const char *base;
};

static struct sv option(struct channel_part *p, const char *name)
{
	return channel_option(p->arena, p->account, name);
}

static struct sv e164(struct channel_part *p)
{
	return channel_e164(p->arena, p->to);
}

static json_t *answer(struct arena *a, const struct net_response *r)
{
	struct err e;

	return channel_json(a, r->body, &e);
}

static struct sv number_text(struct arena *a, int64_t n)
{
	return sv_from(arena_printf(a, "%lld", (long long)n));
}

/* ---- errors ---------------------------------------------------------------------- */

struct sms_error {
	int code;
	enum channel_certainty certainty;
	bool disconnected;
	const char *text;
};

static const struct sms_error twilio_errors[] = {
	{ 20003, CHANNEL_PERMANENT, true, "Twilio does not know this account or token. Enter them anew in the channel's settings" },
	{ 20404, CHANNEL_PERMANENT, true, "Twilio does not know this account. Look at the account SID" },
	{ 20429, CHANNEL_TEMPORARY, false, "Twilio asks to send more slowly" },
	{ 21211, CHANNEL_PERMANENT, false, "This is not a valid phone number" },
	{ 21212, CHANNEL_PERMANENT, false, "The sender in the channel's settings is not valid" },
	{ 21408, CHANNEL_PERMANENT, false, "Twilio's account may not send to this country. Allow it in Twilio's geographic permissions" },
	{ 21606, CHANNEL_PERMANENT, false, "The sender's number cannot send SMS to this country" },
	{ 21608, CHANNEL_PERMANENT, false, "A trial account of Twilio sends to verified numbers only" },
	{ 21610, CHANNEL_PERMANENT, false, "The recipient has opted out by answering STOP" },
	{ 21611, CHANNEL_TEMPORARY, false, "The sender's queue at Twilio is full" },
	{ 21612, CHANNEL_PERMANENT, false, "Twilio cannot reach this number from this sender" },
	{ 21614, CHANNEL_PERMANENT, false, "This number is no mobile phone" },
	{ 21617, CHANNEL_PERMANENT, false, "The text is longer than 1600 characters" },
	{ 21659, CHANNEL_PERMANENT, false, "The sender's number does not belong to this account of Twilio" },
	{ 30001, CHANNEL_TEMPORARY, false, "The sender's queue at Twilio is full" },
	{ 30002, CHANNEL_PERMANENT, true, "Twilio has suspended the account" },
	{ 30003, CHANNEL_PERMANENT, false, "The phone is switched off or out of reach" },
	{ 30004, CHANNEL_PERMANENT, false, "The recipient or the network blocks the message" },
	{ 30005, CHANNEL_PERMANENT, false, "The number does not exist any more" },
	{ 30006, CHANNEL_PERMANENT, false, "This number is a landline or cannot receive SMS" },
	{ 30007, CHANNEL_PERMANENT, false, "The network filtered the message out as unwanted" },
	{ 30008, CHANNEL_PERMANENT, false, "The network could not deliver the message, for a reason that it does not say" },
	{ 30034, CHANNEL_PERMANENT, false, "The sender is not registered for business messages to the US (A2P 10DLC)" },
	{ 0 },
};

static const struct sms_error victorylink_errors[] = {
	{ -1, CHANNEL_PERMANENT, true, "VictoryLink does not know this user or password. Enter them anew in the channel's settings" },
	{ -5, CHANNEL_PERMANENT, false, "The account at VictoryLink has no credit left" },
	{ -11, CHANNEL_PERMANENT, false, "VictoryLink does not take this language" },
	{ -12, CHANNEL_PERMANENT, false, "VictoryLink refused the text" },
	{ -13, CHANNEL_PERMANENT, false, "The sender's name is not registered at VictoryLink" },
	{ -25, CHANNEL_TEMPORARY, false, "VictoryLink asks to send more slowly" },
	{ 0 },
};

static const struct sms_error *find_error(const struct sms_error *of, int64_t code)
{
	for (; of->code; of++)
		if (of->code == code)
			return of;
	return NULL;
}

static struct sv in_words(struct arena *a, const struct sms_error *known, const char *whose, int64_t code,
			  struct sv said)
{
	return sv_from(arena_printf(a, "%s (%lld%s%.*s)", known ? known->text : whose, (long long)code,
				    said.n ? " " : "", SV_ARG(said)));
}

static enum channel_next refused_by(struct arena *a, const struct sms_error *known, const char *whose,
				    int64_t code, struct sv said, const struct net_response *r,
				    struct channel_failure *f)
{
	enum channel_certainty c = known ? known->certainty : channel_certainty(r, true, said.n > 0);

	f->disconnected = known ? known->disconnected : r->status == 401 || r->status == 403;
	f->retry_after = r->retry_after;
	return channel_fail(f, c, number_text(a, code), in_words(a, known, whose, code, said));
}

static enum channel_next refused(struct channel_part *p, const struct sms_error *known, const char *whose,
				 int64_t code, struct sv said, const struct net_response *r,
				 struct channel_failure *f)
{
	return refused_by(p->arena, known, whose, code, said, r, f);
}

static void basic_header(struct arena *a, const struct channel_account *acc, struct net_header *h)
{
	struct sv sid = channel_option(a, acc, "account_sid"), token = channel_secret(acc, "access_token");
	struct sv pair = crypto_base64(a, sv_from(arena_printf(a, "%.*s:%.*s", SV_ARG(sid), SV_ARG(token))));

	*h = (struct net_header){ SV("Authorization"), sv_from(arena_printf(a, "Basic %.*s", SV_ARG(pair))) };
}

/* ---- Twilio ------------------------------------------------------------------------ */

/* Where it reports to; it names the account and the message. */
static struct sv report_url(struct channel_part *p)
{
	return sv_from(arena_printf(p->arena, "%s/functions/v1/sms-webhook?channel=%.*s&message=%.*s",
				    conf_str(CONF_base_url), SV_ARG(p->account->id),
				    SV_ARG(p->message_id)));
}

static void add_field(struct buf *b, const char *name, struct sv value)
{
	if (b->n)
		buf_addc(b, '&');
	buf_add(b, sv_from(name));
	buf_addc(b, '=');
	buf_url(b, value);
}

static void twilio_ask(struct channel_part *p, struct sv base, struct net_request *out)
{
	struct arena *a = p->arena;
	struct sv sid = option(p, "account_sid"), from = option(p, "from");
	struct net_header *h = ARENA_ARRAY(a, 2, struct net_header);
	struct buf *b = buf_in_arena(a);

	add_field(b, "To", e164(p));
	add_field(b, sv_starts(from, SV("MG")) ? "MessagingServiceSid" : "From", from);
	add_field(b, "Body", p->text);
	add_field(b, "StatusCallback", report_url(p));
	h[0] = (struct net_header){ SV("Content-Type"), SV("application/x-www-form-urlencoded") };
	basic_header(a, p->account, &h[1]);
	*out = (struct net_request){
		.method = SV("POST"),
		.url = sv_from(arena_printf(a, "%.*s/2010-04-01/Accounts/%.*s/Messages.json",
					    SV_ARG(base), SV_ARG(sid))),
		.headers = h,
		.n_headers = 2,
		.body = buf_sv(b)
	};
}

static enum channel_next twilio_read(struct channel_part *p, const struct net_response *r,
				     struct channel_failure *f)
{
	json_t *body = answer(p->arena, r);
	int64_t code = channel_number(body, "code");

	p->sent_id = channel_text(p->arena, body, "sid");
	if (r->status == 201 && p->sent_id.n)
		return CHANNEL_DONE;
	return refused(p, find_error(twilio_errors, code), "Twilio refused", code ? code : r->status,
		       channel_text(p->arena, body, "message"), r, f);
}

/* ---- VictoryLink ------------------------------------------------------------------- */

static void victorylink_ask(struct channel_part *p, struct sv base, struct net_request *out)
{
	struct arena *a = p->arena;
	json_t *o = channel_json_keep(a, json_object());

	channel_set(o, "UserName", option(p, "account_sid"));
	channel_set(o, "Password", channel_secret(p->account, "access_token"));
	channel_set(o, "SMSText", p->text);
	channel_set(o, "SMSLang", sms_measure(p->text).unicode ? SV("a") : SV("e"));
	channel_set(o, "SMSSender", option(p, "from"));
	channel_set(o, "SMSReceiver", channel_digits(a, p->to));
	channel_set(o, "SMSID", p->message_id); /* doubles of it are dropped there */
	channel_post_json(a, out, sv_from(arena_printf(a, "%.*s/SendSMS", SV_ARG(base))), SV_NONE,
			  channel_dump(a, o));
}

/* The answer is a number alone: 0 sent, -10 queued. */
static enum channel_next victorylink_read(struct channel_part *p, const struct net_response *r,
					  struct channel_failure *f)
{
	struct sv said = sv_trim(r->body);
	int64_t code;

	if (said.n > 1 && said.p[0] == '"')
		said = sv_make(said.p + 1, said.n - 2);
	if (r->status != 200 || !sv_to_i64(said, &code))
		return refused(p, NULL, "VictoryLink refused", r->status, SV_NONE, r, f);
	if (code == 0 || code == -10) {
		p->sent_id = p->message_id;
		return CHANNEL_DONE;
	}
	return refused(p, find_error(victorylink_errors, code), "VictoryLink refused", code, SV_NONE, r, f);
}

/* ---- a gateway of one's own ------------------------------------------------------ */

static void http_ask(struct channel_part *p, struct sv base, struct net_request *out)
{
	json_t *o = channel_json_keep(p->arena, json_object());

	channel_set(o, "id", p->message_id);
	channel_set(o, "to", e164(p));
	channel_set(o, "from", option(p, "from"));
	channel_set(o, "text", p->text);
	channel_post_json(p->arena, out, base, channel_secret(p->account, "access_token"),
			  channel_dump(p->arena, o));
}

static enum channel_next http_read(struct channel_part *p, const struct net_response *r,
				   struct channel_failure *f)
{
	json_t *body = answer(p->arena, r);

	p->sent_id = channel_text(p->arena, body, "id");
	if (!p->sent_id.n)
		p->sent_id = p->message_id;
	if (r->status / 100 == 2)
		return CHANNEL_DONE;
	return refused(p, NULL, "The gateway refused", r->status, channel_text(p->arena, body, "error"), r, f);
}

/* ---- sending ------------------------------------------------------------------------ */

static const struct provider providers[] = {
	{ "twilio", twilio_ask, twilio_read, TWILIO },
	{ "victorylink", victorylink_ask, victorylink_read, VICTORYLINK },
	{ "http", http_ask, http_read, NULL },
};

static const struct provider *provider_of(struct arena *a, const struct channel_account *acc)
{
	struct sv name = channel_option(a, acc, "provider");

	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++)
		if (sv_ieq(name, sv_from(providers[i].name)))
			return &providers[i];
	return &providers[0];
}

/* CHA-112: what it costs, by the price of a segment in the settings. */
static void note_cost(struct channel_part *p, struct sms_size size)
{
	struct sv price = option(p, "segment_price"), currency = option(p, "currency");
	json_t *sms = json_object();

	p->noted = channel_json_keep(p->arena, json_object());
	json_object_set_new(p->noted, "sms", sms);
	json_object_set_new(sms, "segments", json_integer(size.segments));
	json_object_set_new(sms, "encoding", json_string(size.unicode ? "UCS-2" : "GSM-7"));
	if (!price.n)
		return;
	channel_set(sms, "cost", sv_from(arena_printf(p->arena, "%.4f",
						      size.segments * strtod(arena_dup(p->arena, price), NULL))));
	channel_set(sms, "currency", currency);
}

/* MSG-101: one SMS, or as many as 1600 characters take. */
static struct sv too_long(struct channel_part *p, struct sms_size size)
{
	if (size.characters > 1600)
		return SV("The text is longer than 1600 characters");
	if (sv_eq(option(p, "limit"), SV("160")) && size.segments > 1)
		return SV("The text is longer than one SMS (160 characters, 70 with letters of other "
			  "alphabets)");
	return SV_NONE;
}

static enum channel_next sms_send(struct channel_part *p, const struct net_response *r,
				  struct net_request *out, struct channel_failure *f)
{
	const struct provider *by = provider_of(p->arena, p->account);
	struct sv base = p->account->api_base.n ? p->account->api_base : sv_from(by->base), why;
	struct sms_size size = sms_measure(p->text);

	if (r) {
		if (channel_net_failed(p->arena, r, true, f))
			return CHANNEL_DEAD;
		note_cost(p, size);
		return by->read(p, r, f);
	}
	why = p->kind.n ? SV("An SMS carries no file") : too_long(p, size);
	if (why.n)
		return channel_fail(f, CHANNEL_PERMANENT, SV("content"), why);
	if (!base.n || !channel_secret(p->account, "access_token").n)
		return channel_fail(f, CHANNEL_PERMANENT, SV("credentials"),
				    SV("Credentials not available: complete the channel's settings"));
	by->ask(p, base, out);
	return CHANNEL_CALL;
}

static bool no_caption(const struct channel_part *p)
{
	(void)p;
	return false;
}

/* ---- are the credentials good? ------------------------------------------------------ */

/* Twilio tells of its account; the others can only be asked to send. */
static enum channel_next check(struct channel_check *c, const struct net_response *r,
			       struct net_request *out, struct channel_failure *f)
{
	struct arena *a = c->arena;
	struct sv base = c->account->api_base.n ? c->account->api_base : SV(TWILIO),
		  sid = channel_option(a, c->account, "account_sid"), status;
	struct net_header *h;
	json_t *body;

	if (provider_of(a, c->account) != &providers[0])
		return CHANNEL_DONE;
	if (!r) {
		h = ARENA_NEW(a, struct net_header);
		basic_header(a, c->account, h);
		channel_get(a, out, sv_from(arena_printf(a, "%.*s/2010-04-01/Accounts/%.*s.json",
							 SV_ARG(base), SV_ARG(sid))), SV_NONE);
		out->headers = h;
		out->n_headers = 1;
		return CHANNEL_CALL;
	}
	if (channel_net_failed(a, r, false, f))
		return CHANNEL_DEAD;
	body = answer(a, r);
	if (r->status != 200) {
		refused_by(a, find_error(twilio_errors, channel_number(body, "code")), "Twilio refused",
			   r->status, channel_text(a, body, "message"), r, f);
		if (f->certainty == CHANNEL_UNCERTAIN) /* nothing was sent */
			f->certainty = CHANNEL_TEMPORARY;
		return CHANNEL_DEAD;
	}
	c->name = channel_text(a, body, "friendly_name");
	status = channel_text(a, body, "status");
	if (status.n && !sv_eq(status, SV("active")))
		c->notice = sv_from(arena_printf(a, "Twilio's account is %.*s", SV_ARG(status)));
	return CHANNEL_DONE;
}

/* ---- reports ------------------------------------------------------------------------- */

static struct sv id_of(struct arena *a, const struct channel_account *acc)
{
	(void)a;
	return acc->id;
}

/* Twilio posts forms; which message it is stands in the address. */
static struct sv report_json(const struct channel_call *call)
{
	json_t *o;

	if (call->body.n && call->body.p[0] == '{')
		return call->body;
	o = channel_json_keep(call->arena, channel_form(call->arena, call->body));
	channel_set(o, "$message", call->query ? call->query(call, "message") : SV_NONE);
	return channel_dump(call->arena, o);
}

static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out,
			 struct err *e)
{
	struct sv channel = call->query(call, "channel");

	(void)body;
	if (!uuid_valid(channel))
		return err_set(e, call->arena, ST_BAD_INPUT, "The address names no channel");
	channel_share_of(call->arena, out, channel, SV_NONE);
	return ST_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The address, then each parameter and its value, in order of their names. */
static struct sv signed_text(const struct channel_call *call)
{
	json_t *form = channel_json_keep(call->arena, channel_form(call->arena, call->body)), *value;
	const char **names = ARENA_ARRAY(call->arena, json_object_size(form) + 1, const char *), *name;
	struct buf *b = buf_in_arena(call->arena);
	size_t n = 0;

	json_object_foreach (form, name, value)
		names[n++] = name;
	qsort(names, n, sizeof(*names), by_name);
	buf_add(b, call->url);
	for (size_t i = 0; i < n; i++) {
		buf_add(b, sv_from(names[i]));
		buf_add(b, sv_from(json_string_value(json_object_get(form, names[i]))));
	}
	return buf_sv(b);
}

static bool twilio_signed(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv token = channel_secret(acc, "access_token");
	unsigned char mac[SHA1_SIZE];

	if (!token.n || !call->signature.n)
		return false;
	crypto_hmac_sha1(mac, token, signed_text(call));
	return crypto_equal(crypto_base64(call->arena, sv_make((const char *)mac, sizeof(mac))),
			    call->signature);
}

static bool verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = channel_secret(acc, "secret_token");

	if (provider_of(call->arena, acc) == &providers[0])
		return twilio_signed(acc, call);
	return secret.n && call->header && crypto_equal(secret, call->header(call, "X-Webhook-Secret"));
}

static void read_twilio(struct arena *a, const json_t *body, struct channel_items *out)
{
	static const struct {
		const char *theirs, *ours;
	} map[] = {
		{ "sent", "SENT" },   { "delivered", "DELIVERED" },   { "read", "READ" },
		{ "failed", "FAILED" }, { "undelivered", "FAILED" },
	};
	struct channel_item *it = channel_item_add(a, out);
	struct sv said = channel_text(a, body, "MessageStatus"), ours = channel_text(a, body, "$message");
	int64_t code = channel_number(body, "ErrorCode");

	it->kind = CHANNEL_IGNORED;
	it->why = SV("a status on the way to the network");
	it->provider_id = channel_text(a, body, "MessageSid");
	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (sv_eq(said, sv_from(map[i].theirs))) {
			it->kind = CHANNEL_RECEIPT;
			it->status = sv_from(map[i].ours);
		}
	if (uuid_valid(ours))
		it->message_id = ours;
	if (sv_eq(it->status, SV("FAILED"))) {
		it->error_code = channel_text(a, body, "ErrorCode");
		it->error = in_words(a, find_error(twilio_errors, code), "The network could not deliver it",
				     code, SV_NONE);
	}
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	(void)acc;
	(void)e;
	if (json_object_get(body, "MessageSid"))
		read_twilio(a, body, out);
	else if (generic_is_receipt(body))
		generic_read(a, body, true, out);
	else
		*channel_item_add(a, out) = (struct channel_item){
			.kind = CHANNEL_IGNORED, .why = SV("SMS are sent here and not received")
		};
	return ST_OK;
}

const struct channel channel_sms = {
	.type = "SMS",
	.label = "SMS",
	.caps = CHANNEL_HAS_DELIVERED | CHANNEL_SEND_ONLY,
	.text_max = 1600,
	.handle_kind = "phone",
	.signature_header = "X-Twilio-Signature",
	.slug = "sms",
	.icon = "message",
	.about = N_("Text messages by Twilio, VictoryLink or a gateway of your own. Sending only; reports of delivery come back."),
	.steps = N_("Twilio is told the address with every message. A gateway of your own reports there with ?channel= and this channel's id, and the secret in the header X-Webhook-Secret."),
	.settings = {
		{ "provider", N_("Provider"), N_("Whose interface it is"), CHANNEL_REQUIRED,
		  .choices = "twilio victorylink http" },
		{ "account_sid", N_("Account SID or user name"), N_("Twilio: AC... from the console. VictoryLink: the user name"), 0 },
		{ "access_token", N_("Auth token, password or key"), N_("It signs what the provider reports, too"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "from", N_("Sender"), N_("A number of yours, a sender name, or a Messaging Service SID (MG...)"),
		  CHANNEL_REQUIRED },
		{ "limit", N_("Longest text"), N_("Characters: 160 is one SMS, 1600 goes in several"), 0,
		  .choices = "1600 160" },
		{ "segment_price", N_("Price of one SMS"), N_("For what messages cost: 0.0075"), 0 },
		{ "currency", N_("Currency"), N_("Of that price: USD"), 0 },
		{ "secret_token", N_("Webhook secret"), N_("For a gateway of your own. Empty: one is made."),
		  CHANNEL_SECRET | CHANNEL_LOOKUP | CHANNEL_INVENTED },
		{ "api_base", N_("API address"), N_("Of a gateway of your own, a stand-in or a proxy"), CHANNEL_URL },
	},
	.hook = "sms-webhook",
	.answer = "{\"success\":true}",
	.json = report_json,
	.key = id_of,
	.key_name = "id",
	.split = split,
	.verify = verify,
	.parse = parse,
	.caption = no_caption,
	.send = sms_send,
	.check = check,
};
