/* Providers' JSON in, providers' calls out: no network, no database. */
#include "t/unit/tap.h"

#include "channel/channel.h"
#include "crypto/crypto.h"

#include <string.h>

static struct arena *a;
static const struct channel *tg, *wa;

static const struct channel_secret tg_secrets[] = { { SV("bot_token"),
						      SV("123456:ABC-DEF1234ghIkl") },
						    { SV("secret_token"), SV("s3cret_token-X") } };
static const struct channel_secret wa_secrets[] = { { SV("access_token"), SV("EAAtoken") },
						    { SV("app_secret"), SV("appsecret") } };
static struct channel_account bot = { .id = SV("acc-1"),
				      .api_base = SV("https://api.telegram.org"),
				      .secrets = tg_secrets,
				      .n_secrets = 2 };
static struct channel_account number = { .id = SV("acc-2"),
					 .external_id = SV("106540352242922"),
					 .api_base = SV("https://graph.facebook.com/v22.0"),
					 .secrets = wa_secrets,
					 .n_secrets = 2 };

/* ---- reading ---------------------------------------------------------------- */

static struct channel_items parse(const struct channel *c, const struct channel_account *acc,
				  const char *text)
{
	struct channel_items items = { 0 };
	struct err e = { 0 };
	json_t *body = channel_json(a, sv_from(text), &e);

	ok(body && c->parse(a, acc, body, &items, &e) == ST_OK, "%s body is read", c->label);
	return items;
}

static struct sv extra(const struct channel_item *it, const char *name)
{
	return sv_from(json_string_value(json_object_get(it->extra, name)));
}

#define TG_FROM                                                                                    \
	"\"from\":{\"id\":1111111,\"is_bot\":false,\"first_name\":\"Test\","                       \
	"\"last_name\":\"Lastname\",\"username\":\"Testusername\",\"language_code\":\"en\"}"
#define TG_CHAT                                                                                    \
	"\"chat\":{\"last_name\":\"Lastname\",\"id\":1111111,\"type\":\"private\","                \
	"\"first_name\":\"Test\",\"username\":\"Testusername\"}"
#define TG_HEAD                                                                                    \
	"{\"update_id\":10000,\"message\":{\"date\":1441645532," TG_CHAT "," TG_FROM               \
	",\"message_id\":1365,"

static void telegram_text(void)
{
	const char *text = TG_HEAD "\"text\":\"/start\"}}";
	struct channel_items v = parse(tg, &bot, text);
	struct channel_item *it = v.v;
	struct err e;

	is_int(v.n, 1, "one item");
	is_int(it->kind, CHANNEL_MESSAGE, "MSG-60 a message");
	is_sv(it->text, SV("/start"), "MSG-60 content");
	is_sv(it->type, SV("text"), "MSG-60 type");
	is_sv(it->handle, SV("1111111"), "the sender's handle is his id");
	is_sv(it->thread, SV("1111111"), "CHA-95 the thread is the chat");
	is_sv(it->display_name, SV("Test Lastname"), "his name");
	is_sv(it->provider_id, SV("1111111:1365"),
	      "MSG-53 the id holds the chat: message_id counts per chat");
	is_int(it->at, 1441645532000, "MSG-60 timestamp");
	is_sv(sv_from(json_string_value(
		      json_object_get(json_object_get(it->extra, "from"), "username"))),
	      SV("Testusername"), "the user name is kept");
	is_sv(tg->dedupe(a, channel_json(a, sv_from(text), &e)), SV("10000"),
	      "CHA-29 an update is known by its id");
}

static void telegram_media(void)
{
	struct channel_items v = parse(
		tg, &bot,
		TG_HEAD
		"\"caption\":\"Look\",\"photo\":["
		"{\"file_id\":\"small\",\"file_unique_id\":\"a\",\"width\":90,\"height\":67,\"file_"
		"size\":1000},"
		"{\"file_id\":\"large\",\"file_unique_id\":\"c\",\"width\":1280,\"height\":960},"
		"{\"file_id\":\"medium\",\"file_unique_id\":\"b\",\"width\":320,\"height\":240,"
		"\"file_size\":20000}]}}");

	is_sv(v.v->media_id, SV("large"), "MSG-3 the largest size of a photo");
	is_sv(v.v->type, SV("image"), "is an image");
	is_sv(v.v->text, SV("Look"), "with its caption");
	v = parse(tg, &bot,
		  TG_HEAD "\"document\":{\"file_id\":\"D1\",\"file_unique_id\":\"d\",\"file_name\":"
			  "\"offer.pdf\",\"mime_type\":\"application/pdf\",\"file_size\":4096}}}");
	is_sv(v.v->attachment_kind, SV("document"), "MSG-6 a document");
	is_sv(v.v->media_name, SV("offer.pdf"), "has its name");
	is_sv(v.v->media_type, SV("application/pdf"), "and type");
	v = parse(tg, &bot,
		  TG_HEAD
		  "\"voice\":{\"file_id\":\"V1\",\"file_unique_id\":\"v\",\"duration\":3}}}");
	is_sv(v.v->type, SV("audio"), "MSG-5 a voice note is audio");
	is_sv(v.v->media_type, SV("audio/ogg"), "in OGG");
	v = parse(tg, &bot,
		  TG_HEAD
		  "\"sticker\":{\"file_id\":\"S1\",\"file_unique_id\":\"s\",\"emoji\":"
		  "\"\\ud83d\\udc4d\","
		  "\"is_animated\":false,\"is_video\":false,\"width\":512,\"height\":512}}}");
	is_sv(v.v->type, SV("sticker"), "MSG-10 a sticker");
	is_sv(v.v->text, SV("\xf0\x9f\x91\x8d"), "is listed as its emoji");
	v = parse(tg, &bot, TG_HEAD "\"location\":{\"latitude\":52.52,\"longitude\":13.405}}}");
	is_sv(v.v->text, SV("52.520000, 13.405000"), "MSG-7 a location");
	v = parse(tg, &bot,
		  TG_HEAD
		  "\"contact\":{\"phone_number\":\"+491701234567\",\"first_name\":\"Eva\"}}}");
	is_sv(v.v->text, SV("Eva +491701234567"), "MSG-8 a contact card");
	v = parse(tg, &bot, TG_HEAD "\"dice\":{\"emoji\":\"x\",\"value\":4}}}");
	is_sv(v.v->type, SV("unsupported"), "what is not known is shown as such");
}

static void telegram_other(void)
{
	struct channel_items v = parse(
		tg, &bot,
		"{\"update_id\":10003,\"edited_message\":{\"date\":1441645532," TG_CHAT "," TG_FROM
		",\"message_id\":1365,\"text\":\"Edited text\",\"edit_date\":1441646600}}");

	is_sv(v.v->type, SV("edit"), "an edit is a message of its own");
	is_sv(extra(v.v, "edit_of"), SV("1111111:1365"), "that names the first");
	is_sv(v.v->provider_id, SV("1111111:1365:e1441646600"), "and has its own id");
	v = parse(tg, &bot,
		  "{\"update_id\":10004,\"message\":{\"date\":1441645532,\"chat\":{\"id\":-100123,"
		  "\"type\":\"supergroup\",\"title\":\"Builders\"}," TG_FROM
		  ",\"message_id\":7,\"text\":\"Hi\","
		  "\"reply_to_message\":{\"date\":1441645000,\"chat\":{\"id\":-100123,\"type\":"
		  "\"supergroup\"},"
		  "\"message_id\":5,\"text\":\"before\"}}}");
	is_sv(v.v->thread, SV("-100123"), "CHA-94 in a group the thread is the group");
	is_sv(v.v->display_name, SV("Builders"), "with its title");
	is_sv(extra(v.v, "reply_to"), SV("-100123:5"), "a reply names what it answers");
	v = parse(tg, &bot,
		  "{\"update_id\":1,\"channel_post\":{\"message_id\":1,\"date\":1,\"chat\":"
		  "{\"id\":-1,\"type\":\"channel\"},\"text\":\"x\"}}");
	is_int(v.v->kind, CHANNEL_IGNORED, "a channel's post is no message to us");
	v = parse(tg, &bot,
		  "{\"update_id\":1,\"message\":{\"message_id\":1,\"date\":1,\"chat\":"
		  "{\"id\":-1,\"type\":\"group\"},\"new_chat_members\":[]}}");
	is_int(v.v->kind, CHANNEL_IGNORED, "a notice about a group neither");
	v = parse(tg, &bot,
		  "{\"update_id\":9,\"callback_query\":{\"id\":\"4382bfdwdsb323b2d9\"," TG_FROM
		  ",\"message\":{\"message_id\":77,\"date\":1," TG_CHAT "},\"data\":\"yes\"}}");
	is_sv(v.v->type, SV("button"), "MSG-9 a pressed button");
	is_sv(v.v->text, SV("yes"), "with its data");
}

#define WA(inner)                                                                                  \
	"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"102290129340398\","        \
	"\"changes\":[{\"value\":{\"messaging_product\":\"whatsapp\",\"metadata\":{\"display_"     \
	"phone_number\":"                                                                          \
	"\"15550783881\",\"phone_number_id\":\"106540352242922\"}," inner                          \
	"},\"field\":\"messages\"}]}]}"
#define WA_MSG(inner)                                                                              \
	WA("\"contacts\":[{\"profile\":{\"name\":\"Sheena Nelson\"},\"wa_id\":\"16505551234\"}],"  \
	   "\"messages\":[{\"from\":\"16505551234\",\"id\":\"wamid."                               \
	   "HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=\","                           \
	   "\"timestamp\":\"1749416383\"," inner "}]")

static void whatsapp_messages(void)
{
	struct channel_items v = parse(
		wa, &number,
		WA_MSG("\"type\":\"text\",\"text\":{\"body\":\"Does it come in another color?\"}"));

	is_sv(v.v->text, SV("Does it come in another color?"), "MSG-60 text");
	is_sv(v.v->handle, SV("+16505551234"), "CHA-34 the handle is E.164");
	is_sv(v.v->display_name, SV("Sheena Nelson"), "the profile's name");
	is_int(v.v->at, 1749416383000, "MSG-60 timestamp");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"image\",\"image\":{\"caption\":\"The "
			 "plant\",\"mime_type\":\"image/jpeg\","
			 "\"sha256\":\"SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=\",\"id\":"
			 "\"1003383421387256\"}"));
	is_sv(v.v->media_id, SV("1003383421387256"), "MSG-3 an image");
	is_sv(v.v->text, SV("The plant"), "with its caption");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"document\",\"document\":{\"filename\":\"offer.pdf\",\"mime_"
			 "type\":"
			 "\"application/pdf\",\"id\":\"9\"}"));
	is_sv(v.v->media_name, SV("offer.pdf"), "MSG-6 a document has its name");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"location\",\"location\":{\"latitude\":37.4421,\"longitude\":-"
			 "122.1615,\"name\":\"Philz\"}"));
	is_sv(v.v->text, SV("Philz  37.442100, -122.161500"), "MSG-7 a location");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"interactive\",\"interactive\":{\"type\":\"button_reply\","
			 "\"button_reply\":"
			 "{\"id\":\"cancel\",\"title\":\"Cancel\"}},\"context\":{\"from\":"
			 "\"15550783881\",\"id\":\"wamid.first\"}"));
	is_sv(v.v->text, SV("Cancel"), "MSG-9 a pressed button");
	is_sv(extra(v.v, "payload"), SV("cancel"), "with its id");
	is_sv(extra(v.v, "reply_to"), SV("wamid.first"), "names what it answers");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"reaction\",\"reaction\":{\"message_id\":\"wamid.x\",\"emoji\":"
			 "\"\\uD83D\\uDE00\"}"));
	is_sv(v.v->text, SV("\xf0\x9f\x98\x80"), "a reaction");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"text\",\"text\":{\"body\":\"Hi\"},\"referral\":{\"source_"
			 "url\":\"https://fb.me/x\","
			 "\"source_id\":\"120226305854810726\",\"source_type\":\"ad\",\"headline\":"
			 "\"Chat with us\",\"ctwa_clid\":\"Aff-n8\"}"));
	is_sv(sv_from(json_string_value(
		      json_object_get(json_object_get(v.v->extra, "referral"), "ctwa_clid"))),
	      SV("Aff-n8"), "MSG-59 the ad that was clicked is kept");
	v = parse(wa, &number,
		  WA_MSG("\"type\":\"unsupported\",\"errors\":[{\"code\":131051,\"title\":"
			 "\"Message type unknown\"}]"));
	is_sv(v.v->type, SV("unsupported"), "what WhatsApp cannot pass on is shown as such");
}

static void whatsapp_receipts(void)
{
	struct channel_items v = parse(
		wa, &number,
		WA("\"statuses\":[{\"id\":\"wamid.A\",\"status\":\"delivered\","
		   "\"timestamp\":\"1750030073\",\"recipient_id\":\"16505551234\",\"biz_opaque_"
		   "callback_data\":"
		   "\"01890a5d-ac96-774b-bcce-b302099a8057\"},{\"id\":\"wamid.B\",\"status\":"
		   "\"failed\",\"timestamp\":"
		   "\"1750030073\",\"recipient_id\":\"16505551234\",\"errors\":[{\"code\":131026,"
		   "\"title\":\"Message undeliverable\","
		   "\"message\":\"Message undeliverable\",\"error_data\":{\"details\":\"Message "
		   "Undeliverable.\"}}]}]"));

	is_int(v.n, 2, "two receipts in one call");
	is_int(v.v[0].kind, CHANNEL_RECEIPT, "MSG-28 a receipt");
	is_sv(v.v[0].status, SV("DELIVERED"), "MSG-28 delivered");
	is_sv(v.v[0].message_id, SV("01890a5d-ac96-774b-bcce-b302099a8057"),
	      "our own id comes back");
	is_sv(v.v[1].status, SV("FAILED"), "MSG-30 failed");
	is_sv(v.v[1].error_code, SV("131026"), "CHA-79 with the code");
	ok(sv_find(v.v[1].error, SV("not on WhatsApp")) >= 0, "CHA-79 and what it means");
	v = parse(wa, &number,
		  "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"1\",\"changes\":["
		  "{\"value\":"
		  "{\"metadata\":{\"phone_number_id\":\"999\"},\"messages\":[{\"from\":\"1\","
		  "\"id\":\"x\",\"type\":\"text\"}]},"
		  "\"field\":\"messages\"}]}]}");
	is_int(v.n, 0, "CHA-32 another number's change is not ours");
	v = parse(wa, &number,
		  WA("\"messages\":[],\"user_actions\":[{\"action_type\":\"marketing_messages_link_"
		     "click\"}]"));
	is_int(v.v->kind, CHANNEL_FACT, "CHA-69 a click is noted, and no message");
}

static void odd_json(void)
{
	struct err e = { 0 };
	json_t *j = channel_json(a, SV("{\"a\":\"x\\u0000y\\ud800z \\\\u0000\"}"), &e);

	is_sv(sv_from(json_string_value(json_object_get(j, "a"))),
	      SV("x\xef\xbf\xbdy\xef\xbf\xbdz \\u0000"),
	      "NUL and lone surrogates become U+FFFD, an escaped backslash stays");
	ok(!channel_json(a, SV("{\"a\":\"\xff\"}"), &e), "bad UTF-8 is refused");
	ok(!channel_json(a, SV("{\"a\":"), &e) && e.status == ST_BAD_INPUT,
	   "half a body is refused");
	ok(!channel_json(a, SV(""), &e), "no body is refused");
	ok(!channel_json(a, SV("\\u"), &e), "a lone escape is refused");
}

static struct channel_call signed_call(struct sv signature, struct sv body)
{
	return (struct channel_call){ .arena = a, .body = body, .signature = signature };
}

static bool verified(const struct channel_account *acc, struct sv signature, struct sv body)
{
	struct channel_call call = signed_call(signature, body);

	return acc->channel->verify(acc, &call);
}

static void signatures(void)
{
	/* echo -n '{"a":1}' | openssl dgst -sha256 -hmac appsecret */
	struct sv body = SV("{\"a\":1}"), right;
	struct channel_account secretless;
	unsigned char mac[SHA256_SIZE];

	crypto_hmac_sha256(mac, SV("appsecret"), body);
	right = sv_from(
		arena_printf(a, "sha256=%s", crypto_hex(a, sv_make((char *)mac, sizeof(mac))).p));
	secretless = number;
	secretless.n_secrets = 0;
	ok(verified(&number, right, body), "CHA-30 X-Hub-Signature-256 over the raw body");
	ok(!verified(&number, right, SV("{\"a\":2}")), "CHA-30 not of another body");
	ok(!verified(&number, sv_skip(right, 7), body), "CHA-30 nor without its prefix");
	ok(!verified(&number, SV_NONE, body), "CHA-30 nor when it is missing");
	ok(!verified(&secretless, right, body), "CHA-30 nor without an app secret");
	ok(verified(&bot, SV("s3cret_token-X"), body), "CHA-30 Telegram's secret token");
	ok(!verified(&bot, SV("s3cret_token-Y"), body) && !verified(&bot, SV_NONE, body),
	   "CHA-30 and no other");
}

/* ---- writing ------------------------------------------------------------------- */

static struct sv header(const struct net_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (sv_ieq(rq->headers[i].name, sv_from(name)))
			return rq->headers[i].value;
	return SV_NONE;
}

static struct net_response answer(int status, const char *body)
{
	return (struct net_response){ .status = status,
				      .body = sv_from(body),
				      .address = SV("192.0.2.1") };
}

static void telegram_out(void)
{
	struct channel_part p = { .arena = a,
				  .account = &bot,
				  .to = SV("1111111"),
				  .text = SV("Guten \"Tag\""),
				  .reply_to = SV("1111111:1365") };
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r;

	is_int(tg->send(&p, NULL, &rq, &f), CHANNEL_CALL, "a text needs a call");
	is_sv(rq.url, SV("https://api.telegram.org/bot123456:ABC-DEF1234ghIkl/sendMessage"),
	      "to sendMessage");
	is_sv(rq.body,
	      SV("{\"chat_id\":1111111,\"text\":\"Guten \\\"Tag\\\"\",\"reply_parameters\":"
		 "{\"message_id\":1365,\"allow_sending_without_reply\":true}}"),
	      "CHA-95 with chat id and reply");
	r = answer(200, "{\"ok\":true,\"result\":{\"message_id\":42,\"date\":1,\"chat\":{\"id\":"
			"1111111,\"type\":\"private\"}}}");
	is_int(tg->send(&p, &r, &rq, &f), CHANNEL_DONE, "sent");
	is_sv(p.sent_id, SV("1111111:42"), "MSG-43 under the provider's id");
	r = answer(429, "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: "
			"retry after 7\",\"parameters\":{\"retry_after\":7}}");
	is_int(tg->send(&p, &r, &rq, &f), CHANNEL_DEAD, "slow down");
	is_int(f.certainty, CHANNEL_TEMPORARY, "MSG-29 is temporary");
	is_int(f.retry_after, 7, "and says when");
	r = answer(403, "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: bot was "
			"blocked by the user\"}");
	tg->send(&p, &r, &rq, &f);
	is_int(f.certainty, CHANNEL_PERMANENT, "blocked is permanent");
	ok(sv_find(f.text, SV("customer has blocked")) >= 0, "MSG-30 and said in words");
	r = answer(401, "{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}");
	tg->send(&p, &r, &rq, &f);
	ok(f.disconnected, "a wrong token disconnects the channel");
	r = answer(502, "<html>Bad Gateway</html>");
	tg->send(&p, &r, &rq, &f);
	is_int(f.certainty, CHANNEL_UNCERTAIN, "after a 502 nobody knows");
	r = (struct net_response){ .error = NET_TIMEOUT, .address = SV("192.0.2.1") };
	tg->send(&p, &r, &rq, &f);
	is_int(f.certainty, CHANNEL_UNCERTAIN, "nor after a time-out");
	r = (struct net_response){ .error = NET_CONNECT };
	tg->send(&p, &r, &rq, &f);
	is_int(f.certainty, CHANNEL_TEMPORARY, "without a connection nothing was sent");
	r = answer(400, "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: group "
			"chat was upgraded\","
			"\"parameters\":{\"migrate_to_chat_id\":-100999}}");
	is_int(tg->send(&p, &r, &rq, &f), CHANNEL_CALL, "a group that moved is followed");
	ok(sv_starts(rq.body, SV("{\"chat_id\":-100999,")), "to its new id");
}

static void telegram_files(void)
{
	struct channel_part p = { .arena = a,
				  .account = &bot,
				  .to = SV("5"),
				  .text = SV("See"),
				  .kind = SV("image"),
				  .name = SV("a\"b.jpg"),
				  .type = SV("image/jpeg"),
				  .data = SV("JPEG") };
	struct channel_media m = { .arena = a, .account = &bot, .id = SV("F1") };
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r;

	tg->send(&p, NULL, &rq, &f);
	ok(sv_ends(rq.url, SV("/sendPhoto")), "MSG-3 an image goes by sendPhoto");
	ok(sv_starts(header(&rq, "Content-Type"), SV("multipart/form-data; boundary=")),
	   "as a form");
	ok(sv_find(rq.body, SV("name=\"photo\"; filename=\"a%22b.jpg\"\r\nContent-Type: "
			       "image/jpeg\r\n\r\nJPEG\r\n")) > 0,
	   "with the file");
	ok(sv_find(rq.body, SV("name=\"caption\"\r\n\r\nSee\r\n")) > 0, "MSG-44 and the caption");
	p.kind = SV("document");
	p.type = SV("application/pdf");
	tg->send(&p, NULL, &rq, &f);
	ok(sv_ends(rq.url, SV("/sendDocument")), "MSG-6 a document by sendDocument");
	is_int(tg->fetch(&m, NULL, &rq, &f), CHANNEL_CALL, "MSG-56 a file is asked for");
	is_sv(rq.body, SV("{\"file_id\":\"F1\"}"), "by its id");
	r = answer(200, "{\"ok\":true,\"result\":{\"file_id\":\"F1\",\"file_unique_id\":\"u\","
			"\"file_size\":4,\"file_path\":\"photos/file_1.jpg\"}}");
	is_int(tg->fetch(&m, &r, &rq, &f), CHANNEL_CALL, "then fetched");
	is_sv(rq.url,
	      SV("https://api.telegram.org/file/bot123456:ABC-DEF1234ghIkl/photos/file_1.jpg"),
	      "from its path");
	r = answer(200, "JPEG");
	is_int(tg->fetch(&m, &r, &rq, &f), CHANNEL_DONE, "MSG-56 here it is");
	is_sv(m.name, SV("file_1.jpg"), "named after its path");
}

static void whatsapp_out(void)
{
	struct channel_part p = { .arena = a,
				  .account = &number,
				  .to = SV("+16505551234"),
				  .text = SV("Hello"),
				  .message_id = SV("01890a5d-ac96-774b-bcce-b302099a8057") };
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r;

	is_int(wa->send(&p, NULL, &rq, &f), CHANNEL_CALL, "a text needs a call");
	is_sv(rq.url, SV("https://graph.facebook.com/v22.0/106540352242922/messages"),
	      "to the number's messages");
	is_sv(header(&rq, "Authorization"), SV("Bearer EAAtoken"), "with the token");
	is_sv(rq.body,
	      SV("{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",\"to\":"
		 "\"16505551234\","
		 "\"biz_opaque_callback_data\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"type\":"
		 "\"text\","
		 "\"text\":{\"body\":\"Hello\"}}"),
	      "as documented");
	r = answer(200, "{\"messaging_product\":\"whatsapp\",\"contacts\":[{\"input\":"
			"\"16505551234\",\"wa_id\":\"16505551234\"}],"
			"\"messages\":[{\"id\":\"wamid.OUT\",\"message_status\":\"accepted\"}]}");
	is_int(wa->send(&p, &r, &rq, &f), CHANNEL_DONE, "MSG-31 accepted");
	is_sv(p.sent_id, SV("wamid.OUT"), "MSG-43 under the provider's id");
	r = answer(400, "{\"error\":{\"message\":\"(#131047) Re-engagement "
			"message\",\"type\":\"OAuthException\",\"code\":131047,"
			"\"error_data\":{\"messaging_product\":\"whatsapp\",\"details\":\"More "
			"than 24 hours\"},\"fbtrace_id\":\"x\"}}");
	is_int(wa->send(&p, &r, &rq, &f), CHANNEL_DEAD, "the window is closed");
	is_int(f.certainty, CHANNEL_PERMANENT, "permanent");
	is_sv(f.code, SV("131047"), "INB-103 with the code");
	ok(sv_find(f.text, SV("approved template")) >= 0, "INB-102 and what to do");
	r = answer(400, "{\"error\":{\"message\":\"(#130429) Rate limit hit\",\"code\":130429}}");
	r.retry_after = 30;
	wa->send(&p, &r, &rq, &f);
	ok(f.certainty == CHANNEL_TEMPORARY && f.retry_after == 30,
	   "MSG-29 the rate limit is temporary");
	r = answer(401, "{\"error\":{\"message\":\"Error validating access "
			"token\",\"type\":\"OAuthException\",\"code\":190}}");
	wa->send(&p, &r, &rq, &f);
	ok(f.certainty == CHANNEL_PERMANENT && f.disconnected,
	   "an expired token disconnects the channel");
	r = answer(500, "oops");
	wa->send(&p, &r, &rq, &f);
	is_int(f.certainty, CHANNEL_UNCERTAIN, "a bare 500 says nothing");
}

static void whatsapp_files(void)
{
	struct channel_part p = { .arena = a,
				  .account = &number,
				  .to = SV("+1"),
				  .text = SV("Offer"),
				  .kind = SV("document"),
				  .name = SV("offer.pdf"),
				  .type = SV("application/pdf"),
				  .data = SV("%PDF") };
	struct channel_media m = { .arena = a, .account = &number, .id = SV("1003383421387256") };
	struct channel_failure f = { 0 };
	struct net_request rq;
	struct net_response r;

	wa->send(&p, NULL, &rq, &f);
	ok(sv_ends(rq.url, SV("/106540352242922/media")), "MSG-6 a file is uploaded first");
	ok(sv_find(rq.body, SV("name=\"messaging_product\"\r\n\r\nwhatsapp\r\n")) > 0,
	   "as documented");
	r = (struct net_response){ .error = NET_TIMEOUT, .address = SV("192.0.2.1") };
	wa->send(&p, &r, &rq, &f);
	is_int(f.certainty, CHANNEL_TEMPORARY, "a lost upload reached nobody");
	r = answer(200, "{\"id\":\"4490709327384033\"}");
	is_int(wa->send(&p, &r, &rq, &f), CHANNEL_CALL, "then sent");
	ok(sv_find(rq.body, SV("\"document\":{\"id\":\"4490709327384033\",\"caption\":\"Offer\","
			       "\"filename\":\"offer.pdf\"}")) > 0,
	   "MSG-44 with name and caption");
	p = (struct channel_part){ .arena = a, .account = &number, .to = SV("+1") };
	p.template = json_pack("{s:s,s:s}", "name", "hello_world", "language", "en_US");
	channel_json_keep(a, p.template);
	wa->send(&p, NULL, &rq, &f);
	ok(sv_find(rq.body, SV("\"template\":{\"name\":\"hello_world\",\"language\":{\"code\":\"en_"
			       "US\"}}")) > 0,
	   "CHA-75 an approved template");
	is_int(wa->fetch(&m, NULL, &rq, &f), CHANNEL_CALL, "MSG-56 media are asked for");
	is_sv(rq.url, SV("https://graph.facebook.com/v22.0/1003383421387256"), "by their id");
	r = answer(200, "{\"url\":\"https://lookaside.fbsbx.com/whatsapp_business/attachments/"
			"?mid=1\",\"mime_type\":\"image/jpeg\",\"id\":\"1\"}");
	is_int(wa->fetch(&m, &r, &rq, &f), CHANNEL_CALL, "then fetched");
	is_sv(header(&rq, "Authorization"), SV("Bearer EAAtoken"), "with the token");
	m.step = 0;
	r = answer(200, "{\"url\":\"http://elsewhere.example/x\"}");
	is_int(wa->fetch(&m, &r, &rq, &f), CHANNEL_DEAD,
	       "the token goes to no unprotected address");
}

static void table(void)
{
	for (size_t i = 0; channels[i]; i++) {
		const struct channel *c = channels[i];

		/* What has a hook says whose a call is; what takes no captions has no limit of them. */
		ok(channel_find(sv_from(c->type)) == c && c->send && c->text_max && c->handle_kind &&
			   (!c->hook || (c->verify && c->split && c->parse && c->answer)),
		   "%s is complete", c->label);
	}
	ok(!channel_find(SV("PIGEON")) && !channel_find(SV_NONE), "an unknown type is none");
	is_int(wa->window_hours, 24, "INB-101 WhatsApp Cloud has a window of 24 hours");
	is_int(tg->window_hours, 0, "Telegram has none");
}

int main(void)
{
	a = arena_new();
	bot.channel = tg = channel_find(SV("TELEGRAM"));
	number.channel = wa = channel_find(SV("WHATSAPP_CLOUD"));
	table();
	telegram_text();
	telegram_media();
	telegram_other();
	whatsapp_messages();
	whatsapp_receipts();
	odd_json();
	signatures();
	telegram_out();
	telegram_files();
	whatsapp_out();
	whatsapp_files();
	arena_free(a);
	return tap_done();
}
