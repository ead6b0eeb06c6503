/* WhatsApp Lite, SMS, TikTok, LinkedIn, Shopify, app push: no network, no database. */
#include "t/unit/tap.h"

#include "base/clock.h"
#include "base/conf.h"
#include "channel/channel.h"
#include "channel/oauth.h"
#include "channel/sms.h"
#include "crypto/crypto.h"

#include <string.h>

static struct arena *a;

/* ---- helpers ----------------------------------------------------------------------- */

static const struct channel_secret secrets[] = {
	{ SV("api_key"), SV("gateway-key") },	 { SV("secret_token"), SV("hook-secret") },
	{ SV("access_token"), SV("token-1") },	 { SV("client_secret"), SV("client-secret") },
	{ SV("refresh_token"), SV("refresh-1") },
};

static struct channel_account account(const char *type, const char *external, const char *settings)
{
	struct err e;
	const struct channel *c = channel_find(sv_from(type));

	return (struct channel_account){ .channel = c,
					 .organization_id = SV("0190a5d0-0000-7000-8000-000000000001"),
					 .id = SV("0190a5d0-0000-7000-8000-00000000000a"),
					 .external_id = sv_from(external),
					 .api_base = sv_from(c->api_base ? c->api_base : "http://127.0.0.1:9"),
					 .settings = channel_json(a, sv_from(settings), &e),
					 .secrets = secrets,
					 .n_secrets = 5 };
}

static struct channel_items parse(const struct channel_account *acc, const char *text)
{
	struct channel_items items = { 0 };
	struct err e = { 0 };
	json_t *body = channel_json(a, sv_from(text), &e);

	ok(body && acc->channel->parse(a, acc, body, &items, &e) == ST_OK, "%s body is read", acc->channel->label);
	return items;
}

static struct sv header(const struct net_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (sv_ieq(rq->headers[i].name, sv_from(name)))
			return rq->headers[i].value;
	return SV_NONE;
}

static struct net_response answer(int status, const char *body)
{
	return (struct net_response){ .status = status, .body = sv_from(body), .address = SV("192.0.2.1") };
}

static struct channel_part part(const struct channel_account *acc, const char *to, const char *text)
{
	return (struct channel_part){ .arena = a, .account = acc, .to = sv_from(to), .text = sv_from(text),
				      .message_id = SV("0190a5d0-0000-7000-8000-0000000000ff") };
}

static struct net_request ask(struct channel_part *p)
{
	struct channel_failure f = { 0 };
	struct net_request rq = { 0 };

	ok(p->account->channel->send(p, NULL, &rq, &f) == CHANNEL_CALL, "%s is asked", p->account->channel->label);
	return rq;
}

static struct channel_failure fails(struct channel_part *p, struct net_response r)
{
	struct channel_failure f = { 0 };
	struct net_request rq = { 0 };

	ok(p->account->channel->send(p, &r, &rq, &f) == CHANNEL_DEAD, "%s refuses", p->account->channel->label);
	return f;
}

static bool says(struct sv text, const char *words)
{
	return sv_find(text, sv_from(words)) >= 0;
}

static const char *query_values[8];
static struct sv query(const struct channel_call *call, const char *name)
{
	(void)call;
	for (size_t i = 0; i + 1 < 8 && query_values[i]; i += 2)
		if (!strcmp(query_values[i], name))
			return sv_from(query_values[i + 1]);
	return SV_NONE;
}

static struct sv no_header(const struct channel_call *call, const char *name)
{
	(void)call;
	(void)name;
	return SV_NONE;
}

static struct channel_call incoming(const char *url, const char *body, struct sv signature)
{
	return (struct channel_call){ .arena = a, .url = sv_from(url), .body = sv_from(body), .signature = signature,
				      .header = no_header, .query = query };
}

static struct sv hmac_hex(const char *key, struct sv text)
{
	unsigned char mac[SHA256_SIZE];

	crypto_hmac_sha256(mac, sv_from(key), text);
	return crypto_hex(a, sv_make((const char *)mac, sizeof(mac)));
}

/* ---- WhatsApp Lite -------------------------------------------------------------------- */

static void lite_out(void)
{
	struct channel_account acc = account("WHATSAPP_LITE", "201271111373", "{\"sender_id\":\"s1\",\"phone_number\":\"201271111373\"}");
	struct channel_part p = part(&acc, "+201001383533", "text");
	struct net_request rq = ask(&p);
	struct channel_failure f;
	struct net_response r;

	is_sv(rq.url, SV("https://notify.appgain.io/0190a5d0-0000-7000-8000-000000000001/send"), "CHA-44 the gateway's address");
	is_sv(header(&rq, "appapikey"), SV("gateway-key"), "CHA-37 CHA-44 with the organization's own key");
	is_sv(rq.body, SV("{\"UOWHATSAPP\":{\"random_string\":0,\"receivers\":[{\"mobileNum\":\"201001383533\"}],\"message\":\"text\"}}"),
	      "CHA-44 CHA-45 the body as the page prints it");
	r = answer(200, "{\"status\":\"success\",\"message\":\"successfully sent\"}");
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_DONE, "CHA-44 its answer is good");
	p = part(&acc, "201001383533@s.whatsapp.net", "caption");
	p.kind = SV("image");
	p.url = SV("https://example.com/image.jpg");
	rq = ask(&p);
	is_sv(rq.body, SV("{\"UOWHATSAPP\":{\"random_string\":0,\"receivers\":[{\"mobileNum\":\"201001383533\"}],\"message\":\"caption\","
			  "\"imageUrl\":\"https://example.com/image.jpg\"}}"),
	      "CHA-45 CHA-46 MSG-40 an image with its caption, the number without suffix");
	p.kind = SV("video");
	rq = ask(&p);
	ok(says(rq.body, "\"message\":\"caption\",\"videoUrl\":\"https://example.com/image.jpg\",\"imageUrl\":\"\""), "CHA-46 a video");
	p.kind = SV("document");
	p.place = 1;
	rq = ask(&p);
	ok(says(rq.body, "\"documentUrl\":\"https://example.com/image.jpg\",\"imageUrl\":\"\""), "CHA-46 a document");
	ok(!says(rq.body, "\"random_string\":0,"), "CHA-49 MSG-45 a later part has a random_string of its own");
	is_int(acc.channel->part_gap_ms[0], 800, "CHA-49 MSG-46 the least pause between parts");
	is_int(acc.channel->part_gap_ms[1], 2500, "MSG-46 and the longest");
	is_int((long long)acc.channel->text_max, 4096, "CHA-42 MSG-101 4096 characters");
	is_int(acc.channel->window_hours, 0, "CHA-38 INB-104 no window");
	f = fails(&p, answer(401, "{\"message\":\"invalid key\"}"));
	ok(f.disconnected && f.certainty == CHANNEL_PERMANENT, "a wrong key disconnects");
	f = fails(&p, answer(200, "{\"status\":\"error\",\"message\":\"session not connected\"}"));
	ok(f.disconnected && says(f.text, "Scan the QR code again"), "CHA-36 a lost session is told in words");
	f = fails(&p, answer(429, "{}"));
	is_int(f.certainty, CHANNEL_TEMPORARY, "429 is tried again");
	f = fails(&p, answer(502, "<html>"));
	is_int(f.certainty, CHANNEL_UNCERTAIN, "a gateway that breaks says nothing about the message");
	acc.n_secrets = 0;
	p = part(&acc, "1", "x");
	ok(acc.channel->send(&p, NULL, &rq, &f) == CHANNEL_DEAD && says(f.text, "Credentials not available"), "CHA-52 without a key nothing is sent");
}

static void lite_in(void)
{
	struct channel_account acc = account("WHATSAPP_LITE", "+0987654321", "{}");
	struct channel_items v = parse(&acc, "{\"message_id\":\"msg-123\",\"from\":\"+1234567890\",\"to\":\"+0987654321\",\"message\":\"Hello\","
					     "\"timestamp\":\"2025-01-15T10:00:00Z\",\"channel\":\"whatsapp_lite\"}");
	struct channel_call call;
	struct channel_shares shares = { 0 };
	struct err e = { 0 };

	is_sv(v.v->provider_id, SV("msg-123"), "CHA-54 the generic body: id");
	is_sv(v.v->handle, SV("+1234567890"), "CHA-34 the sender as E.164");
	is_sv(v.v->text, SV("Hello"), "CHA-54 and words");
	is_int(v.v->at, 1736935200000, "MSG-60 its time");
	v = parse(&acc, "{\"message_id\":\"m\",\"from\":\"201001383533@s.whatsapp.net\",\"to\":\"1\",\"message\":\"Look\",\"timestamp\":1736935200,"
			"\"media_url\":\"https://g.example/1.jpg\",\"media_type\":\"image/jpeg\",\"name\":\"Mohamed\"}");
	is_sv(v.v->attachment_kind, SV("image"), "CHA-39 a picture");
	is_sv(v.v->media_id, SV("https://g.example/1.jpg"), "CHA-39 that lies at its address");
	is_sv(v.v->handle, SV("+201001383533"), "MSG-40 without the suffix");
	is_sv(v.v->display_name, SV("Mohamed"), "the sender's name");
	is_int(v.v->at, 1736935200000, "seconds are a time, too");
	v = parse(&acc, "{\"message_id\":\"m\",\"status\":\"read\",\"from\":\"+0987654321\",\"to\":\"+1\"}");
	is_int(v.v->kind, CHANNEL_RECEIPT, "CHA-39 a receipt");
	is_sv(v.v->status, SV("READ"), "CHA-39 that says read");
	v = parse(&acc, "{\"message\":\"x\"}");
	is_int(v.v->kind, CHANNEL_IGNORED, "a message of nobody is none");
	call = incoming("http://x/", "{}", SV("hook-secret"));
	ok(acc.channel->verify(&acc, &call), "CHA-30 our secret in X-Webhook-Secret");
	call.signature = SV("hook-secreT");
	ok(!acc.channel->verify(&acc, &call), "CHA-30 and no other");
	call.signature = SV_NONE;
	ok(!acc.channel->verify(&acc, &call), "CHA-30 nor none");
	ok(!acc.channel->split(&call, channel_json(a, SV("{\"to\":\"+098 765-4321\",\"message\":\"x\"}"), &e), &shares, &e),
	   "CHA-32 a call names our number");
	is_sv(shares.v[0].key, acc.channel->key(a, &acc), "CHA-32 however it is written");
	ok(!strcmp(acc.channel->hook, "whatsapp-lite-webhook") && !strcmp(acc.channel->hook_alias, "appgain-whatsapp-webhook"),
	   "CHA-54 both addresses are one");
}

static void lite_session(void)
{
	struct channel_account acc = account("WHATSAPP_LITE", "201271111373", "{\"sender_id\":\"s 1\",\"phone_number\":\"201271111373\"}");
	struct channel_session s = { .arena = a, .account = &acc, .start = true };
	struct channel_check c = { .arena = a, .account = &acc };
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r = answer(200, "{\"status\":\"pairing\",\"qr\":\"2@abc\"}");

	ok(acc.channel->session(&s, NULL, &rq, &f) == CHANNEL_CALL, "CHA-35 pairing begins with a call");
	is_sv(rq.body, SV("{\"UOWHATSAPP\":{\"sender_id\":\"s 1\",\"phone_number\":\"201271111373\"}}"), "CHA-35 that names sender and number");
	ok(acc.channel->session(&s, &r, &rq, &f) == CHANNEL_DONE && s.state == CHANNEL_PAIRING, "CHA-35 and is under way");
	is_sv(s.qr, SV("2@abc"), "CHA-35 with a code to scan");
	s.start = false;
	ok(acc.channel->session(&s, NULL, &rq, &f) == CHANNEL_CALL && says(rq.url, "/session?sender_id=s%201"), "CHA-35 then it is asked");
	r = answer(200, "{\"status\":\"connected\",\"phone\":\"201271111373\"}");
	ok(acc.channel->session(&s, &r, &rq, &f) == CHANNEL_DONE && s.state == CHANNEL_PAIRED, "CHA-35 until the phone is there");
	ok(acc.channel->check(&c, &r, &rq, &f) == CHANNEL_DONE, "CHA-36 the check is content then");
	r = answer(200, "{\"status\":\"disconnected\"}");
	ok(acc.channel->check(&c, &r, &rq, &f) == CHANNEL_DEAD && f.disconnected, "CHA-36 and finds a lost session");
}

/* ---- SMS ------------------------------------------------------------------------------------ */

static void sms_sizes(void)
{
	static char text[1601];
	struct sms_size s;

	memset(text, 'a', sizeof(text));
	s = sms_measure(sv_make(text, 160));
	ok(!s.unicode && s.segments == 1, "CHA-111 160 letters are one SMS");
	s = sms_measure(sv_make(text, 161));
	is_int(s.segments, 2, "CHA-111 161 are two");
	s = sms_measure(sv_make(text, 306));
	is_int(s.segments, 2, "CHA-111 of 153 each");
	s = sms_measure(sv_make(text, 307));
	is_int(s.segments, 3, "CHA-111 307 are three");
	s = sms_measure(SV("\xc3\x84rger mit \xe2\x82\xac [5]"));
	ok(!s.unicode && s.characters == 15 && s.units == 18, "CHA-111 umlauts count once; euro and brackets twice");
	s = sms_measure(SV("\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7"));
	ok(s.unicode && s.units == 5 && s.segments == 1, "CHA-111 Arabic is Unicode");
	s = sms_measure(SV("\xf0\x9f\x98\x80"));
	ok(s.unicode && s.characters == 1 && s.units == 2, "CHA-111 an emoji takes two units");
	s = sms_measure(sv_make("", 0));
	is_int(s.segments, 0, "nothing is no SMS");
	for (int i = 0; i < 71; i++)
		memcpy(text + 2 * i, "\xd9\x85", 2);
	s = sms_measure(sv_make(text, 140));
	is_int(s.segments, 1, "CHA-111 70 letters of Arabic are one");
	s = sms_measure(sv_make(text, 142));
	is_int(s.segments, 2, "CHA-111 71 are two");
}

static void sms_twilio(void)
{
	struct channel_account acc = account("SMS", "", "{\"provider\":\"twilio\",\"account_sid\":\"AC1\",\"from\":\"+15005550006\","
							"\"segment_price\":\"0.0075\",\"currency\":\"USD\",\"api_base\":\"\"}");
	struct channel_part p = part(&acc, "+14155552671", "Hi & bye");
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r;

	acc.api_base = SV_NONE;
	rq = ask(&p);
	is_sv(rq.url, SV("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"), "CHA-109 Twilio's Messages");
	is_sv(header(&rq, "Authorization"), SV("Basic QUMxOnRva2VuLTE="), "CHA-109 with SID and token");
	ok(sv_starts(rq.body, SV("To=%2B14155552671&From=%2B15005550006&Body=Hi%20%26%20bye&StatusCallback=")), "CHA-109 a form");
	ok(says(rq.body, "sms-webhook%3Fchannel%3D0190a5d0-0000-7000-8000-00000000000a%26message%3D0190a5d0-0000-7000-8000-0000000000ff"),
	   "CHA-112 that says where to report to");
	r = answer(201, "{\"sid\":\"SM1\",\"status\":\"queued\",\"num_segments\":\"1\"}");
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_DONE, "CHA-109 it is taken");
	is_sv(p.sent_id, SV("SM1"), "CHA-112 under its SID");
	is_sv(sv_from(json_string_value(json_object_get(json_object_get(p.noted, "sms"), "cost"))), SV("0.0075"), "CHA-112 what it cost");
	f = fails(&p, answer(400, "{\"code\":21610,\"message\":\"Attempt to send to unsubscribed recipient\",\"status\":400}"));
	ok(f.certainty == CHANNEL_PERMANENT && says(f.text, "STOP"), "CHA-109 error codes become words");
	is_sv(f.code, SV("21610"), "CHA-109 and are kept");
	f = fails(&p, answer(401, "{\"code\":20003,\"message\":\"Authenticate\",\"status\":401}"));
	ok(f.disconnected, "CHA-109 a wrong token disconnects");
	f = fails(&p, answer(429, "{\"code\":20429,\"message\":\"Too Many Requests\",\"status\":429}"));
	is_int(f.certainty, CHANNEL_TEMPORARY, "429 is tried again");
	f = fails(&p, answer(500, ""));
	is_int(f.certainty, CHANNEL_UNCERTAIN, "a 500 without words may have been sent");
}

static void sms_limits(void)
{
	struct channel_account acc = account("SMS", "", "{\"provider\":\"twilio\",\"account_sid\":\"AC1\",\"from\":\"MG1\",\"limit\":\"160\"}");
	static char text[162];
	struct channel_part p;
	struct channel_failure f = { 0 };
	struct net_request rq;

	memset(text, 'a', 161);
	p = part(&acc, "+14155552671", text);
	ok(acc.channel->send(&p, NULL, &rq, &f) == CHANNEL_DEAD && says(f.text, "160"), "MSG-101 CHA-111 longer than one SMS, where one is the limit");
	text[160] = 0;
	p = part(&acc, "+14155552671", text);
	rq = ask(&p);
	ok(says(rq.body, "MessagingServiceSid=MG1"), "CHA-109 a messaging service as sender");
	p.kind = SV("image");
	ok(acc.channel->send(&p, NULL, &rq, &f) == CHANNEL_DEAD, "an SMS carries no file");
	is_int((long long)acc.channel->text_max, 1600, "MSG-101 1600 at most");
}

static void sms_others(void)
{
	struct channel_account acc = account("SMS", "", "{\"provider\":\"victorylink\",\"account_sid\":\"user\",\"from\":\"Brand\"}");
	struct channel_part p = part(&acc, "+201001383533", "\xd9\x85");
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r = answer(200, "0");

	acc.api_base = SV_NONE;
	rq = ask(&p);
	ok(sv_ends(rq.url, SV("/SMSSender/SendSMS")), "CHA-109 VictoryLink");
	is_sv(rq.body, SV("{\"UserName\":\"user\",\"Password\":\"token-1\",\"SMSText\":\"\xd9\x85\",\"SMSLang\":\"a\",\"SMSSender\":\"Brand\","
			  "\"SMSReceiver\":\"201001383533\",\"SMSID\":\"0190a5d0-0000-7000-8000-0000000000ff\"}"), "CHA-109 its body");
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_DONE, "CHA-109 0 is good");
	f = fails(&p, answer(200, "-5"));
	ok(says(f.text, "credit"), "CHA-109 its codes become words");
	acc = account("SMS", "", "{\"provider\":\"http\",\"from\":\"Brand\"}");
	p = part(&acc, "201001383533", "x");
	rq = ask(&p);
	is_sv(rq.body, SV("{\"id\":\"0190a5d0-0000-7000-8000-0000000000ff\",\"to\":\"+201001383533\",\"from\":\"Brand\",\"text\":\"x\"}"),
	      "CHA-109 a gateway of one's own");
	is_sv(header(&rq, "Authorization"), SV("Bearer token-1"), "CHA-109 with the key");
}

static void sms_reports(void)
{
	static const char url[] = "https://kontor.example/functions/v1/sms-webhook?channel=0190a5d0-0000-7000-8000-00000000000a";
	static const char form[] = "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005&To=%2B14155552671&AccountSid=AC1";
	struct channel_account acc = account("SMS", "", "{\"provider\":\"twilio\"}");
	struct channel_call call = incoming(url, form, SV_NONE);
	struct channel_items v = { 0 };
	struct channel_shares shares = { 0 };
	unsigned char mac[SHA1_SIZE];
	struct err e = { 0 };
	json_t *body;

	query_values[0] = "channel";
	query_values[1] = "0190a5d0-0000-7000-8000-00000000000a";
	query_values[2] = "message";
	query_values[3] = "0190a5d0-0000-7000-8000-0000000000ff";
	crypto_hmac_sha1(mac, SV("token-1"), sv_from(arena_printf(a, "%sAccountSidAC1ErrorCode30005MessageSidSM1MessageStatusundeliveredTo+14155552671", url)));
	call.signature = crypto_base64(a, sv_make((const char *)mac, sizeof(mac)));
	ok(acc.channel->verify(&acc, &call), "CHA-30 X-Twilio-Signature over address and sorted parameters");
	call.body = SV("MessageSid=SM1&MessageStatus=delivered");
	ok(!acc.channel->verify(&acc, &call), "CHA-30 not of others");
	call.body = sv_from(form);
	body = channel_json(a, acc.channel->json(&call), &e);
	ok(!acc.channel->split(&call, body, &shares, &e), "CHA-32 the address names the channel");
	is_sv(shares.v[0].key, acc.channel->key(a, &acc), "CHA-32 by its id");
	ok(!acc.channel->parse(a, &acc, body, &v, &e), "CHA-112 a report is read");
	is_sv(v.v->status, SV("FAILED"), "CHA-112 not delivered");
	ok(says(v.v->error, "does not exist"), "CHA-112 with the reason");
	is_sv(v.v->message_id, SV("0190a5d0-0000-7000-8000-0000000000ff"), "CHA-112 of our message");
	v = parse(&acc, "{\"MessageSid\":\"SM1\",\"MessageStatus\":\"queued\"}");
	is_int(v.v->kind, CHANNEL_IGNORED, "queued says nothing yet");
	v = parse(&acc, "{\"MessageSid\":\"SM2\",\"From\":\"+1\",\"Body\":\"Hello\"}");
	is_int(v.v->kind, CHANNEL_IGNORED, "CHA-110 an SMS to us is no message of the inbox");
	memset(query_values, 0, sizeof(query_values));
}

/* ---- TikTok ---------------------------------------------------------------------------------------- */

#define TT(event, content) "{\"client_key\":\"ck\",\"event\":\"" event "\",\"create_time\":1736935200,\"user_openid\":\"biz-1\",\"content\":\"" content "\"}"
#define TT_TALK "\\\"conversation_id\\\":\\\"c-1\\\",\\\"from_user\\\":{\\\"id\\\":\\\"u-1\\\",\\\"role\\\":\\\"personal_account\\\"},\\\"to_user\\\":{\\\"id\\\":\\\"biz-1\\\"}"

static void tiktok_in(void)
{
	struct channel_account acc = account("TIKTOK", "biz-1", "{}");
	struct channel_items v = parse(&acc, TT("im_receive_msg", "{" TT_TALK ",\\\"from\\\":\\\"wanda\\\",\\\"message_id\\\":\\\"m-1\\\",\\\"timestamp\\\":1736935200123,"
								"\\\"type\\\":\\\"text\\\",\\\"text\\\":{\\\"body\\\":\\\"hello\\\"},\\\"referenced_message_info\\\":{\\\"referenced_message_id\\\":\\\"m-0\\\"}}"));
	char *now = arena_printf(a, "%lld", (long long)(clock_now_ms() / 1000)), *old = arena_printf(a, "%lld", (long long)(clock_now_ms() / 1000 - 7200));
	const char *body = TT("im_receive_msg", "{}");
	struct channel_call call = incoming("", body, SV_NONE);
	struct sv mac;

	is_sv(v.v->text, SV("hello"), "CHA-97 a direct message");
	is_sv(v.v->handle, SV("u-1"), "CHA-98 the handle is the user's id");
	is_sv(v.v->thread, SV("c-1"), "CHA-98 the thread is the conversation, which answers go to");
	is_int(v.v->at, 1736935200123, "MSG-60 its time");
	is_sv(sv_from(json_string_value(json_object_get(v.v->extra, "reply_to"))), SV("m-0"), "what it answers");
	v = parse(&acc, TT("im_receive_msg", "{" TT_TALK ",\\\"message_id\\\":\\\"m-2\\\",\\\"type\\\":\\\"image\\\",\\\"image\\\":{\\\"media_id\\\":\\\"x9\\\"}}"));
	is_sv(v.v->media_id, SV("x9 c-1 m-2"), "CHA-97 a picture, by the three ids that fetch it");
	v = parse(&acc, TT("im_receive_msg", "{" TT_TALK ",\\\"message_id\\\":\\\"m-3\\\",\\\"type\\\":\\\"share_post\\\",\\\"share_post\\\":{\\\"embed_url\\\":\\\"https://t.example/v\\\"}}"));
	is_sv(v.v->text, SV("https://t.example/v"), "CHA-97 a shared video is its address");
	v = parse(&acc, TT("im_send_msg", "{" TT_TALK ",\\\"message_id\\\":\\\"m-4\\\",\\\"type\\\":\\\"text\\\"}"));
	ok(v.v->kind == CHANNEL_RECEIPT && sv_eq(v.v->status, SV("SENT")), "our own message comes back as sent");
	v = parse(&acc, TT("im_mark_read_msg", "{" TT_TALK ",\\\"read\\\":{\\\"last_read_timestamp\\\":1736935200999}}"));
	ok(v.v->kind == CHANNEL_SEEN && v.v->at == 1736935200999, "a thread was read until then");
	mac = hmac_hex("client-secret", sv_from(arena_printf(a, "%s.%s", now, body)));
	call.signature = sv_from(arena_printf(a, "t=%s,s=%.*s", now, SV_ARG(mac)));
	ok(acc.channel->verify(&acc, &call), "CHA-30 TikTok-Signature over time and body");
	call.body = SV("{}");
	ok(!acc.channel->verify(&acc, &call), "CHA-30 not of another body");
	call.body = sv_from(body);
	mac = hmac_hex("client-secret", sv_from(arena_printf(a, "%s.%s", old, body)));
	call.signature = sv_from(arena_printf(a, "t=%s,s=%.*s", old, SV_ARG(mac)));
	ok(!acc.channel->verify(&acc, &call), "CHA-30 nor one that was heard hours ago");
}

static void tiktok_out(void)
{
	struct channel_account acc = account("TIKTOK", "biz-1", "{\"client_key\":\"ck\"}");
	struct channel_part p = part(&acc, "c-1", "Hi");
	struct net_request rq = ask(&p);
	struct channel_failure f = { 0 };
	struct net_response r;

	is_sv(rq.url, SV("https://business-api.tiktok.com/open_api/v1.3/business/message/send/"), "CHA-98 the send call");
	is_sv(header(&rq, "Access-Token"), SV("token-1"), "CHA-98 with the access token");
	is_sv(rq.body, SV("{\"business_id\":\"biz-1\",\"recipient_type\":\"CONVERSATION\",\"recipient\":\"c-1\",\"message_type\":\"TEXT\",\"text\":{\"body\":\"Hi\"}}"),
	      "CHA-98 its body");
	r = answer(200, "{\"code\":0,\"message\":\"OK\",\"data\":{\"message\":{\"message_id\":\"m-9\"}}}");
	p.step = 1;
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_DONE, "CHA-98 it is sent");
	is_sv(p.sent_id, SV("m-9"), "MSG-43 under its id");
	f = fails(&p, answer(200, "{\"code\":40105,\"message\":\"Access token is incorrect or has been revoked.\"}"));
	ok(f.disconnected && says(f.text, "Connect the account again"), "CHA-27 a dead token is told");
	f = fails(&p, answer(200, "{\"code\":40100,\"message\":\"Too many requests\"}"));
	is_int(f.certainty, CHANNEL_TEMPORARY, "too many are tried again");
	p = part(&acc, "c-1", "");
	p.kind = SV("image");
	p.name = SV("a.jpg");
	p.type = SV("image/jpeg");
	p.data = SV("JPEG");
	rq = ask(&p);
	ok(sv_ends(rq.url, SV("/business/message/media/upload/")) && says(rq.body, "JPEG"), "CHA-97 a picture is uploaded first");
	r = answer(200, "{\"code\":0,\"data\":{\"media_id\":\"up-1\"}}");
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_CALL && says(rq.body, "\"message_type\":\"IMAGE\",\"image\":{\"media_id\":\"up-1\"}"),
	   "CHA-97 then sent");
	p = part(&acc, "c-1", "");
	p.kind = SV("document");
	ok(acc.channel->send(&p, NULL, &rq, &f) == CHANNEL_DEAD && says(f.text, "pictures"), "CHA-97 other files are refused before");
	is_int(acc.channel->window_hours, 48, "TikTok's window");
}

static void tiktok_tokens(void)
{
	struct channel_account acc = account("TIKTOK", "", "{\"client_key\":\"ck\"}");
	struct channel_check c = { .arena = a, .account = &acc };
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r;
	struct sv url;

	ok(acc.channel->check(&c, NULL, &rq, &f) == CHANNEL_CALL && says(rq.url, "/tt_user/oauth2/refresh_token/"), "CHA-96 tokens are renewed");
	ok(says(rq.body, "\"grant_type\":\"refresh_token\",\"refresh_token\":\"refresh-1\""), "CHA-96 by the refresh token");
	r = answer(200, "{\"code\":0,\"data\":{\"access_token\":\"a2\",\"refresh_token\":\"r2\",\"open_id\":\"biz-1\",\"expires_in\":86400}}");
	ok(acc.channel->check(&c, &r, &rq, &f) == CHANNEL_DONE && c.n_renewed == 2, "CHA-96 both come anew");
	is_sv(c.external_id, SV("biz-1"), "CHA-96 the business account is learnt");
	ok(c.expires_at > clock_now_ms() / 1000 + 86000, "CHA-19 until when they hold");
	c = (struct channel_check){ .arena = a, .account = &acc };
	r = answer(200, "{\"code\":40105,\"message\":\"expired\"}");
	ok(acc.channel->check(&c, &r, &rq, &f) == CHANNEL_DEAD && f.disconnected, "CHA-19 CHA-27 when they are not given, the account is off");
	url = acc.channel->authorize_url(a, &acc, SV("https://k.example/functions/v1/tiktok-oauth"), SV("st&te"));
	ok(sv_starts(url, SV("https://www.tiktok.com/v2/auth/authorize/?response_type=code&client_key=ck&scope=user.info.basic%2C")) &&
	   sv_ends(url, SV("&redirect_uri=https%3A%2F%2Fk.example%2Ffunctions%2Fv1%2Ftiktok-oauth&state=st%26te")), "CHA-25 CHA-96 where one signs in");
}

/* ---- LinkedIn -------------------------------------------------------------------------------------------- */

static void linkedin(void)
{
	struct channel_account acc = account("LINKEDIN", "urn:li:organization:7", "{\"client_id\":\"ci\",\"application_id\":\"77\"}");
	struct channel_part p = part(&acc, "urn:li:person:abc", "Hi");
	struct net_request rq = ask(&p);
	struct channel_failure f = { 0 };
	struct net_header id = { SV("X-RestLi-Id"), SV("urn:li:message:5") };
	struct net_response r = { .status = 201, .headers = &id, .n_headers = 1, .address = SV("192.0.2.1") };
	struct channel_call call = incoming("", "{\"a\":1}", SV_NONE);
	struct channel_items v;
	struct sv said, wanted;
	const char *type;

	is_sv(rq.url, SV("https://api.linkedin.com/rest/messages"), "CHA-100 the call");
	is_sv(header(&rq, "LinkedIn-Version"), SV("202401"), "CHA-100 by version");
	ok(says(rq.body, "\"recipients\":[\"urn:li:person:abc\"]") && says(rq.body, "\"body\":\"Hi\""), "CHA-100 to a member");
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_DONE && sv_eq(p.sent_id, SV("urn:li:message:5")), "CHA-100 the id stands in a header");
	p = part(&acc, "urn:li:messagingThread:2", "Again");
	rq = ask(&p);
	ok(says(rq.body, "\"thread\":\"urn:li:messagingThread:2\""), "CHA-100 or into a thread");
	f = fails(&p, answer(403, "{\"message\":\"Not enough permissions\"}"));
	ok(says(f.text, "approved"), "CHA-100 the approval that lacks is named");
	f = fails(&p, answer(426, "{}"));
	ok(says(f.text, "version"), "CHA-100 a retired version is named");
	wanted = hmac_hex("client-secret", SV("hmacsha256={\"a\":1}"));
	call.signature = wanted;
	ok(acc.channel->verify(&acc, &call), "CHA-30 X-LI-Signature over the prefixed body");
	call.body = SV("{\"a\":2}");
	ok(!acc.channel->verify(&acc, &call), "CHA-30 not of another body");
	query_values[0] = "challengeCode";
	query_values[1] = "890e4665";
	query_values[2] = "applicationId";
	query_values[3] = "77";
	ok(acc.channel->handshake(&acc, &call, &said, &type), "CHA-99 LinkedIn's challenge is answered");
	wanted = hmac_hex("client-secret", SV("890e4665"));
	is_sv(said, sv_from(arena_printf(a, "{\"challengeCode\":\"890e4665\",\"challengeResponse\":\"%.*s\"}", SV_ARG(wanted))), "CHA-99 as it wants it");
	query_values[3] = "78";
	ok(!acc.channel->handshake(&acc, &call, &said, &type), "CHA-99 not for another application");
	memset(query_values, 0, sizeof(query_values));
	v = parse(&acc, "{\"notifications\":[{\"owner\":\"urn:li:organization:7\",\"method\":\"CREATE\",\"resourceId\":\"r-1\",\"activity\":{\"author\":\"urn:li:person:abc\","
			"\"thread\":\"urn:li:messagingThread:2\",\"createdAt\":1574383506267,\"content\":{\"text\":\"Good day\"}}},"
			"{\"owner\":\"urn:li:organization:7\",\"method\":\"CREATE\",\"resourceId\":\"r-2\",\"activity\":{\"author\":\"urn:li:organization:7\",\"content\":{\"text\":\"ours\"}}}]}");
	is_sv(v.v[0].text, SV("Good day"), "CHA-100 a message of a member");
	is_sv(v.v[0].thread, SV("urn:li:messagingThread:2"), "CHA-100 in its thread");
	is_int(v.v[0].at, 1574383506267, "MSG-60 its time");
	is_int(v.v[1].kind, CHANNEL_IGNORED, "the page's own is none");
	ok(acc.channel->caps & CHANNEL_NEEDS_APPROVAL, "the form says that LinkedIn has to approve");
}

/* ---- Shopify and app push ------------------------------------------------------------------------------------ */

static struct sv shop_header(const struct channel_call *call, const char *name)
{
	(void)call;
	return strcmp(name, "X-Shopify-Shop-Domain") ? SV_NONE : SV("My-Shop.myshopify.com");
}

static void shopify(void)
{
	struct channel_account acc = account("SHOPIFY_INBOX", "my-shop.myshopify.com", "{}");
	struct channel_call call = incoming("", "{\"message_id\":\"1\"}", SV_NONE);
	struct channel_part p = part(&acc, "conv-1", "Yes");
	struct net_request rq = ask(&p);
	struct channel_shares shares = { 0 };
	struct channel_failure f;
	struct channel_items v;
	unsigned char mac[SHA256_SIZE];
	struct err e = { 0 };

	ok(sv_ends(rq.url, SV("/messages")) && sv_eq(header(&rq, "X-Shopify-Access-Token"), SV("token-1")), "CHA-102 an answer goes to the store's app");
	ok(says(rq.body, "\"conversation_id\":\"conv-1\",\"message\":\"Yes\""), "CHA-102 into the conversation");
	f = fails(&p, answer(401, "{\"errors\":\"[API] Invalid API key or access token\"}"));
	ok(f.disconnected, "CHA-101 a token that was taken away disconnects");
	crypto_hmac_sha256(mac, SV("client-secret"), call.body);
	call.signature = crypto_base64(a, sv_make((const char *)mac, sizeof(mac)));
	call.header = shop_header;
	ok(acc.channel->verify(&acc, &call), "CHA-30 CHA-101 X-Shopify-Hmac-Sha256, base64 over the raw body");
	call.signature = crypto_hex(a, sv_make((const char *)mac, sizeof(mac)));
	ok(!acc.channel->verify(&acc, &call), "CHA-30 not in hex");
	ok(!acc.channel->split(&call, NULL, &shares, &e), "CHA-32 the store is named by a header");
	is_sv(shares.v[0].key, acc.channel->key(a, &acc), "CHA-32 in any case of letters");
	v = parse(&acc, "{\"message_id\":\"1\",\"from\":\"cust-9\",\"name\":\"Ina\",\"conversation_id\":\"conv-1\",\"message\":\"In stock?\"}");
	ok(sv_eq(v.v->handle, SV("cust-9")) && sv_eq(v.v->thread, SV("conv-1")), "CHA-102 a message of the store's chat");
	ok(acc.channel->caps & CHANNEL_NEEDS_APPROVAL, "the form says that Shopify has to approve");
}

static void app_push(void)
{
	struct channel_account acc = account("SHRINKIT_PUSH", "", "{\"title\":\"Shop\",\"header\":\"X-Key\",\"template\":\"{\\\"token\\\":\\\"{{to}}\\\",\\\"msg\\\":{\\\"t\\\":\\\"{{ title }}: {{text}}\\\"},\\\"n\\\":[1,true]}\"}");
	struct channel_part p = part(&acc, "dev-1", "Say \"hi\"");
	struct net_request rq = ask(&p);
	struct channel_failure f = { 0 };
	struct net_response r = answer(200, "{\"name\":\"projects/x/messages/1\"}");

	is_sv(rq.body, SV("{\"token\":\"dev-1\",\"msg\":{\"t\":\"Shop: Say \\\"hi\\\"\"},\"n\":[1,true]}"), "CHA-117 the template is filled, as JSON");
	is_sv(header(&rq, "X-Key"), SV("token-1"), "CHA-117 with the key in its header");
	ok(acc.channel->send(&p, &r, &rq, &f) == CHANNEL_DONE && says(p.sent_id, "messages/1"), "CHA-117 it is taken");
	acc.settings = channel_json(a, SV("{\"template\":\"{\"}"), &(struct err){ 0 });
	p = part(&acc, "dev-1", "x");
	ok(acc.channel->send(&p, NULL, &rq, &f) == CHANNEL_DEAD && says(f.text, "JSON"), "CHA-117 a template that is none is told");
}

static void states(void)
{
	struct channel_account acc = account("TIKTOK", "biz-1", "{}");
	struct channel_oauth o;
	struct sv state = channel_oauth_state(a, &acc);

	ok(channel_oauth_read(a, state, &o) && sv_eq(o.account, acc.id) && o.channel == acc.channel, "CHA-25 the state comes back and names the account");
	ok(!channel_oauth_read(a, sv_skip(state, 1), &o) && !channel_oauth_read(a, SV("v1.x"), &o), "CHA-27 a state of others is none");
}

int main(void)
{
	unsigned char key[32] = { 1 };

	a = arena_new();
	crypto_key_set(key);
	lite_out();
	lite_in();
	lite_session();
	sms_sizes();
	sms_twilio();
	sms_limits();
	sms_others();
	sms_reports();
	tiktok_in();
	tiktok_out();
	tiktok_tokens();
	linkedin();
	shopify();
	app_push();
	states();
	arena_free(a);
	return tap_done();
}
