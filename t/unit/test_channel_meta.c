/* Messenger and Instagram: Meta's JSON in, calls of the Graph API out; buttons. */
#include "t/unit/tap.h"

#include "channel/channel.h"
#include "crypto/crypto.h"

#include <string.h>

static struct arena *a;
static const struct channel *fb, *ig, *wa;

static const struct channel_secret secrets[] = { { SV("access_token"), SV("EAApage") },
						 { SV("app_secret"), SV("appsecret") } };
static struct channel_account page = { .id = SV("acc-1"),
				       .external_id = SV("1001"),
				       .api_base = SV("https://graph.facebook.com/v22.0"),
				       .secrets = secrets,
				       .n_secrets = 2 };
static struct channel_account insta, number;

/* ---- reading ------------------------------------------------------------------ */

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

#define EVENT(what)                                                                                \
	"{\"object\":\"page\",\"entry\":[{\"id\":\"1001\",\"time\":1,\"messaging\":[{\"sender\":"    \
	"{\"id\":\"77\"},\"recipient\":{\"id\":\"1001\"},\"timestamp\":1600000000123," what "}]}]}"

static void messages(void)
{
	struct channel_items v =
		parse(fb, &page, EVENT("\"message\":{\"mid\":\"m1\",\"text\":\"Hi\",\"reply_to\":{\"mid\":\"m0\"}}"));
	struct channel_item *it = v.v;

	is_int(v.n, 1, "one item");
	is_sv(it->handle, SV("77"), "CHA-85 the sender's page-scoped id");
	is_sv(it->thread, SV("77"), "is the thread");
	is_sv(it->provider_id, SV("m1"), "MSG-53 known by its id");
	is_sv(it->text, SV("Hi"), "MSG-60 content");
	is_int(it->at, 1600000000123, "MSG-60 its time, in milliseconds");
	is_sv(extra(it, "reply_to"), SV("m0"), "MSG-67 what it answers");
	v = parse(fb, &page, EVENT("\"message\":{\"mid\":\"m2\",\"attachments\":[{\"type\":\"image\",\"payload\":"
				    "{\"url\":\"https://x/1\"}},{\"type\":\"audio\",\"payload\":{\"url\":\"https://x/2\"}}]}"));
	is_sv(v.v->type, SV("image"), "MSG-3 a picture");
	is_sv(v.v->media_id, SV("https://x/1"), "by its address");
	is_int(json_array_size(v.v->more_files), 1, "MSG-13 and the file beside it");
	v = parse(fb, &page, EVENT("\"message\":{\"mid\":\"m3\",\"attachments\":[{\"type\":\"image\",\"payload\":"
				    "{\"url\":\"https://x/1\",\"sticker_id\":369}}]}"));
	is_sv(v.v->type, SV("sticker"), "MSG-10 a sticker");
	v = parse(fb, &page, EVENT("\"message\":{\"mid\":\"m4\",\"attachments\":[{\"type\":\"location\",\"payload\":"
				    "{\"coordinates\":{\"lat\":52.5,\"long\":13.4}}}]}"));
	is_sv(v.v->text, SV("52.500000, 13.400000"), "MSG-7 a location");
	v = parse(fb, &page, EVENT("\"message\":{\"mid\":\"m5\",\"attachments\":[{\"type\":\"fallback\",\"title\":\"A page\","
				    "\"url\":\"https://example.com\"}]}"));
	is_sv(v.v->text, SV("A page https://example.com"), "a shared link is told by title and address");
	v = parse(fb, &page, EVENT("\"message\":{\"mid\":\"m6\",\"attachments\":[{\"type\":\"hologram\",\"payload\":{}}]}"));
	is_sv(v.v->type, SV("unsupported"), "what is not known is shown as such");
	v = parse(fb, &page, EVENT("\"message\":{\"text\":\"no id\"}"));
	is_int(v.v->kind, CHANNEL_IGNORED, "a message without id is ignored");
	v = parse(fb, &page, EVENT("\"optin\":{\"ref\":\"x\"}"));
	is_int(v.v->kind, CHANNEL_IGNORED, "and so is what says nothing about messages");
}

static void events(void)
{
	struct channel_items v = parse(
		fb, &page, EVENT("\"message\":{\"mid\":\"m1\",\"is_echo\":true,\"app_id\":7,\"text\":\"Hello\",\"metadata\":"
				 "\"0190c1f2-0000-7000-8000-000000000001\"}"));
	is_int(v.v->kind, CHANNEL_FACT, "an echo is no message of a customer");
	is_sv(extra(v.v, "handle"), SV("1001"), "it names to whom");
	is_sv(extra(v.v, "ours"), SV("0190c1f2-0000-7000-8000-000000000001"), "and our own id, when we sent it");
	v = parse(fb, &page, EVENT("\"delivery\":{\"mids\":[\"a\",\"b\"],\"watermark\":1600000000000}"));
	is_int(v.n, 3, "MSG-28 a delivery names messages and a moment");
	is_sv(v.v[1].provider_id, SV("b"), "MSG-28 each by its id");
	is_sv(extra(&v.v[2], "status"), SV("DELIVERED"), "MSG-28 and all up to then");
	is_int(v.v[2].at, 1600000000000, "MSG-28 which is the watermark's time");
	v = parse(fb, &page, EVENT("\"read\":{\"watermark\":1600000000000}"));
	is_sv(extra(v.v, "status"), SV("READ"), "MSG-28 read, by a watermark");
	v = parse(fb, &page, EVENT("\"reaction\":{\"action\":\"react\",\"emoji\":\"x\",\"mid\":\"m1\"}"));
	is_sv(v.v->type, SV("reaction"), "MSG-75 a reaction");
	is_sv(extra(v.v, "reply_to"), SV("m1"), "MSG-75 to that message");
	v = parse(fb, &page, EVENT("\"reaction\":{\"action\":\"unreact\",\"emoji\":\"x\",\"mid\":\"m1\"}"));
	is_sv(v.v->text, SV_NONE, "MSG-75 taken back");
	v = parse(fb, &page, EVENT("\"postback\":{\"title\":\"Start\",\"payload\":\"GO\"}"));
	is_sv(extra(v.v, "payload"), SV("GO"), "MSG-9 a button's payload");
	v = parse(fb, &page, EVENT("\"message\":{\"mid\":\"m1\",\"is_deleted\":true}"));
	is_sv(v.v->type, SV("revoke"), "a message that was taken back");
	v = parse(fb, &page, EVENT("\"referral\":{\"ref\":\"flyer\"}"));
	is_int(v.v->kind, CHANNEL_FACT, "MSG-59 a referral into an open thread is kept");
	v = parse(fb, &page, "{\"object\":\"page\",\"entry\":[{\"id\":\"2002\",\"messaging\":[{}]}]}");
	is_int(v.n, 0, "what is for another page is not read");
}

#define CHANGE(id, field, value)                                                                   \
	"{\"entry\":[{\"id\":\"" id "\",\"time\":1600000000,\"changes\":[{\"field\":\"" field "\",\"value\":" value "}]}]}"

static void comments(void)
{
	struct channel_items v = parse(
		fb, &page, CHANGE("1001", "feed", "{\"item\":\"comment\",\"verb\":\"add\",\"comment_id\":\"c1\",\"post_id\":\"p\","
						 "\"parent_id\":\"p\",\"from\":{\"id\":\"77\",\"name\":\"Mia\"},\"message\":\"Nice\","
						 "\"created_time\":1600000000}"));
	const json_t *about = json_object_get(v.v->extra, "comment");

	is_int(v.v->kind, CHANNEL_FACT, "CHA-86 a comment");
	is_sv(sv_from(v.v->fact), SV("comment"), "CHA-86 INB-71 is one of a thread of comments");
	is_sv(extra(v.v, "post"), SV("p"), "CHA-86 of that post");
	ok(!json_object_get(about, "parent_id"), "CHA-86 directly below it");
	ok(json_is_false(json_object_get(v.v->extra, "own")), "CHA-86 by somebody else");
	v = parse(fb, &page, CHANGE("1001", "feed", "{\"item\":\"comment\",\"verb\":\"add\",\"comment_id\":\"c2\",\"post_id\":\"p\","
						   "\"parent_id\":\"c1\",\"from\":{\"id\":\"1001\"},\"message\":\"Thanks\"}"));
	ok(json_is_true(json_object_get(v.v->extra, "own")), "CHA-86 the page's own comment is known as such");
	is_sv(extra(v.v, "parent"), SV("c1"), "CHA-86 with the comment that it answers");
	v = parse(fb, &page, CHANGE("1001", "feed", "{\"item\":\"comment\",\"verb\":\"remove\",\"comment_id\":\"c1\"}"));
	is_sv(v.v->type, SV("revoke"), "CHA-86 a comment that was deleted");
	v = parse(fb, &page, CHANGE("1001", "feed", "{\"item\":\"like\",\"verb\":\"add\"}"));
	is_int(v.v->kind, CHANNEL_IGNORED, "other news of the page is ignored");
	v = parse(ig, &insta, CHANGE("2002", "comments", "{\"id\":\"i1\",\"text\":\"Wow\",\"from\":{\"id\":\"88\",\"username\":\"ines\"},"
							"\"media\":{\"id\":\"m\"},\"parent_id\":\"i0\"}"));
	is_sv(extra(v.v, "name"), SV("ines"), "CHA-91 a comment on Instagram, by its author's name");
	is_sv(extra(v.v, "parent"), SV("i0"), "CHA-91 and where it stands");
	is_int(v.v->at, 1600000000000, "CHA-91 a change counts seconds");
	v = parse(ig, &insta, CHANGE("2002", "comments", "{\"id\":\"i2\",\"text\":\"x\",\"from\":{\"username\":\"ines\"}}"));
	is_sv(extra(v.v, "handle"), SV("@ines"), "CHA-91 without an id the name has to do");
}

static void signatures(void)
{
	unsigned char mac[SHA256_SIZE];
	struct channel_call call = { .arena = a, .body = SV("{\"object\":\"page\"}") };

	crypto_hmac_sha256(mac, SV("appsecret"), call.body);
	call.signature = sv_from(arena_printf(a, "sha256=%s", crypto_hex(a, sv_make((char *)mac, sizeof(mac))).p));
	ok(fb->verify(&page, &call), "CHA-30 signed with the app secret");
	call.body = SV("{\"object\":\"pagE\"}");
	ok(!fb->verify(&page, &call), "CHA-30 another body is refused");
}

/* ---- sending -------------------------------------------------------------------- */

static struct net_request rq;
static struct channel_failure f;

static struct net_response answer(int status, const char *body)
{
	return (struct net_response){ .status = status, .body = sv_from(body), .address = SV("192.0.2.1") };
}

static struct channel_part part(const struct channel_account *acc, const char *text)
{
	return (struct channel_part){ .arena = a, .account = acc, .to = SV("77"), .text = sv_from(text) };
}

static bool says(const char *what)
{
	return sv_find(rq.body, sv_from(what)) >= 0;
}

static json_t *json(const char *text)
{
	struct err e;

	return channel_json(a, sv_from(text), &e);
}

static void sending(void)
{
	struct channel_part p = part(&page, "Hello");
	struct net_response r = answer(200, "{\"recipient_id\":\"77\",\"message_id\":\"m9\"}");

	p.message_id = SV("our-id");
	p.reply_to = SV("m1");
	is_int(fb->send(&p, NULL, &rq, &f), CHANNEL_CALL, "CHA-85 a text is sent");
	is_sv(rq.url, SV("https://graph.facebook.com/v22.0/me/messages"), "CHA-85 by the Send API");
	ok(says("\"recipient\":{\"id\":\"77\"}") && says("\"messaging_type\":\"RESPONSE\""), "CHA-85 to the person");
	ok(says("\"reply_to\":{\"mid\":\"m1\"}"), "MSG-67 as an answer to a message");
	ok(says("\"metadata\":\"our-id\""), "with our id, for the echo");
	is_int(fb->send(&p, &r, &rq, &f), CHANNEL_DONE, "it is sent");
	is_sv(p.sent_id, SV("m9"), "MSG-43 and has its id");
	p = part(&page, "Late");
	p.late = true;
	fb->send(&p, NULL, &rq, &f);
	ok(says("\"tag\":\"HUMAN_AGENT\""), "INB-105 after 24 hours with a tag");
	p = part(&page, "");
	p.kind = SV("image");
	p.type = SV("image/png");
	p.name = SV("a.png");
	p.data = SV("PNG");
	fb->send(&p, NULL, &rq, &f);
	is_sv(rq.url, SV("https://graph.facebook.com/v22.0/me/message_attachments"), "a file is uploaded first");
	r = answer(200, "{\"attachment_id\":\"5\"}");
	is_int(fb->send(&p, &r, &rq, &f), CHANNEL_CALL, "and then sent");
	ok(says("\"attachment_id\":\"5\"") && says("\"type\":\"image\""), "by its id");
	p = part(&page, "Public");
	p.comment = SV("c1");
	fb->send(&p, NULL, &rq, &f);
	is_sv(rq.url, SV("https://graph.facebook.com/v22.0/c1/comments"), "CHA-86 an answer stands below the comment");
	p = part(&insta, "Public");
	p.comment = SV("i1");
	p.comment_root = SV("i0");
	ig->send(&p, NULL, &rq, &f);
	is_sv(rq.url, SV("https://graph.facebook.com/v22.0/i0/replies"), "CHA-91 on Instagram below the topmost one");
	p.metadata = json("{\"private_reply\":true}");
	p.step = 0;
	ig->send(&p, NULL, &rq, &f);
	ok(says("\"comment_id\":\"i1\""), "CHA-92 or in private to its author");
}

static enum channel_next refused(int status, const char *body)
{
	struct channel_part p = part(&page, "x");
	struct net_response r = answer(status, body);

	f = (struct channel_failure){ 0 };
	fb->send(&p, NULL, &rq, &f);
	return fb->send(&p, &r, &rq, &f);
}

static void errors(void)
{
	static const struct net_header usage[] = {
		{ SV("X-Business-Use-Case-Usage"),
		  SV("{\"1001\":[{\"type\":\"messenger\",\"estimated_time_to_regain_access\":3}]}") }
	};
	struct net_response r = answer(400, "{\"error\":{\"code\":80006,\"message\":\"x\"}}");
	struct channel_part p = part(&page, "x");

	refused(400, "{\"error\":{\"message\":\"outside\",\"code\":10,\"error_subcode\":2018278}}");
	ok(f.certainty == CHANNEL_PERMANENT && !f.disconnected, "CHA-79 outside of the window: final, and no fault of the token");
	refused(400, "{\"error\":{\"message\":\"perm\",\"code\":10}}");
	ok(f.disconnected, "CHA-79 the same code without subcode: a permission is missing");
	refused(400, "{\"error\":{\"message\":\"expired\",\"code\":190}}");
	ok(f.disconnected, "CHA-19 190: the token is dead");
	refused(400, "{\"error\":{\"message\":\"slow\",\"code\":613}}");
	ok(f.certainty == CHANNEL_TEMPORARY && f.retry_after == 60, "613: later, after a minute");
	refused(500, "<html>");
	is_int(f.certainty, CHANNEL_UNCERTAIN, "a 500 without an error object says nothing: a person decides");
	refused(500, "{\"error\":{\"message\":\"x\",\"code\":2}}");
	is_int(f.certainty, CHANNEL_TEMPORARY, "with one, nothing was sent");
	refused(400, "{\"error\":{\"message\":\"gone\",\"code\":551,\"error_subcode\":1545041}}");
	ok(sv_find(f.text, SV("551/1545041")) >= 0, "MSG-30 code and subcode stand behind the words");
	r.headers = usage;
	r.n_headers = 1;
	fb->send(&p, NULL, &rq, &f);
	fb->send(&p, &r, &rq, &f);
	is_int(f.retry_after, 180, "Meta's own estimate is waited for");
}

static void buttons(void)
{
	struct channel_button *v;
	struct channel_part p = part(&number, "Which?");
	size_t n = channel_buttons(a, json("{\"buttons\":[\"Red\",{\"id\":\"g\",\"title\":\" Green \"},{\"id\":\"x\"},7]}"), &v);

	is_int(n, 2, "MSG-97 buttons: titles alone or with ids; what has no title is none");
	is_sv(v[0].id, SV("1"), "MSG-97 an id is made where there is none");
	is_sv(v[1].title, SV("Green"), "MSG-97 a title without white space around it");
	is_sv(channel_numbered(a, SV("Which?"), v, n), SV("Which?\n\n1. Red\n2. Green"), "MSG-97 as a numbered text");
	p.metadata = json("{\"buttons\":[\"A\",\"B\",\"C\"]}");
	wa->send(&p, NULL, &rq, &f);
	ok(says("\"type\":\"button\"") && says("\"reply\":{\"id\":\"1\",\"title\":\"A\"}"), "MSG-97 three are reply buttons on WhatsApp");
	p.step = 0;
	p.metadata = json("{\"buttons\":[\"A\",\"B\",\"C\",\"D\"],\"buttons_label\":\"Choose\"}");
	wa->send(&p, NULL, &rq, &f);
	ok(says("\"type\":\"list\"") && says("\"button\":\"Choose\""), "MSG-97 four are a list");
	p.step = 0;
	p.metadata = json("{\"buttons\":[\"Twenty-one characters\"]}");
	wa->send(&p, NULL, &rq, &f);
	ok(says("\"type\":\"list\""), "MSG-97 and so is one with a long title");
	p = part(&page, "Which?");
	p.metadata = json("{\"buttons\":[\"A\"]}");
	fb->send(&p, NULL, &rq, &f);
	ok(says("\"quick_replies\":[{\"content_type\":\"text\",\"payload\":\"1\",\"title\":\"A\"}]") ||
	   says("\"quick_replies\":[{\"content_type\":\"text\",\"title\":\"A\",\"payload\":\"1\"}]"), "MSG-97 CHA-84 quick replies on Messenger");
}

static void telegram(void)
{
	struct channel_account bot = page;
	struct channel_part p = part(&bot, "Which?");

	bot.channel = channel_find(SV("TELEGRAM"));
	p.metadata = json("{\"buttons\":[{\"id\":\"r\",\"title\":\"Red\"}]}");
	bot.channel->send(&p, NULL, &rq, &f);
	ok(says("\"inline_keyboard\":[[{\"text\":\"Red\",\"callback_data\":\"r\"}]]"), "MSG-97 an inline keyboard on Telegram");
	p.metadata = json("{\"location\":{\"latitude\":52.5,\"longitude\":13.5}}");
	p.message_type = SV("location");
	bot.channel->send(&p, NULL, &rq, &f);
	ok(sv_ends(rq.url, SV("/sendLocation")) && says("\"latitude\":52.5"), "MSG-7 a location on Telegram");
	p.metadata = json("{\"contacts\":[{\"name\":{\"formatted_name\":\"Eva\"},\"phones\":[{\"phone\":\"+49170\"}]}]}");
	p.message_type = SV("contacts");
	bot.channel->send(&p, NULL, &rq, &f);
	ok(sv_ends(rq.url, SV("/sendContact")) && says("\"phone_number\":\"+49170\""), "MSG-8 a contact card on Telegram");
}

static void acts(void)
{
	struct channel_act act = { .arena = a, .account = &insta, .to = SV("88"), .target = SV("m1"), .text = SV("\xf0\x9f\x91\x8d") };

	is_int(ig->react(&act, NULL, &rq, &f), CHANNEL_DEAD, "MSG-75 Instagram takes no thumb");
	act.text = SV("\xe2\x9d\xa4\xef\xb8\x8f");
	is_int(ig->react(&act, NULL, &rq, &f), CHANNEL_CALL, "MSG-75 but a heart");
	ok(says("\"reaction\":\"love\""), "MSG-75 by its name");
	act.account = &page;
	act.text = SV_NONE;
	fb->react(&act, NULL, &rq, &f);
	ok(says("\"sender_action\":\"unreact\""), "MSG-75 taken back");
	fb->typing(&act, NULL, &rq, &f);
	ok(says("\"sender_action\":\"typing_on\""), "MSG-16 typing");
	act.account = &number;
	wa->typing(&act, NULL, &rq, &f);
	ok(says("\"typing_indicator\":{\"type\":\"text\"}") && says("\"message_id\":\"m1\""), "MSG-16 on WhatsApp below a message");
}

int main(void)
{
	a = arena_new();
	fb = page.channel = channel_find(SV("FB_MESSENGER"));
	insta = page;
	ig = insta.channel = channel_find(SV("INSTAGRAM"));
	insta.external_id = SV("2002");
	number = page;
	wa = number.channel = channel_find(SV("WHATSAPP_CLOUD"));
	number.external_id = SV("3003");
	messages();
	events();
	comments();
	signatures();
	sending();
	errors();
	buttons();
	telegram();
	acts();
	arena_free(a);
	return tap_done();
}
