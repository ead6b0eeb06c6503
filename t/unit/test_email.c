/* channel/email_out: what goes to the mail server or to Amazon SES, and what their answers mean. */
#include "t/unit/tap.h"

#include "base/buf.h"
#include "channel/channel.h"
#include "crypto/crypto.h"

static struct arena *a;
static struct channel_account acc;
static struct net_request rq;
static struct channel_failure f;

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

static void open_account(const char *type, const char *settings)
{
	channel_account_open(&acc, a, channel_find(sv_from(type)),
			     &(struct channel_account_row){ .organization_id = SV("0190a000-0000-7000-8000-000000000001"),
							    .id = SV("0190a000-0000-7000-8000-000000000002"),
							    .settings = sv_from(settings) });
}

static struct channel_part part(const char *text, const char *metadata)
{
	struct err e;

	return (struct channel_part){ .arena = a,
				      .account = &acc,
				      .to = SV("nora@kunde.example"),
				      .text = sv_from(text),
				      .own_id = SV("kontor.0123456789abcdef0123456789abcdef.1@shop.example"),
				      .metadata = channel_json(a, sv_from(metadata), &e) };
}

static enum channel_next give(struct channel_part *p, const struct net_response *r)
{
	f = (struct channel_failure){ 0 };
	return acc.channel->send(p, r, &rq, &f);
}

/* ---- what goes out ------------------------------------------------------------------ */

static void smtp_mail(void)
{
	struct channel_file files[] = { { SV("offer.pdf"), SV("application/pdf"), SV("%PDF-1.4") } };
	struct channel_part p;

	open_account("EMAIL", "{\"address\":\"shop@shop.example\",\"display_name\":\"Shop\","
			      "\"outgoing_url\":\"smtps://smtp.shop.example\",\"plus_addressing\":\"yes\"}");
	p = part("Hello <Nora>\nhttps://x.example/a?b=1.",
		 "{\"mail\":{\"subject\":\"Re: Öl\",\"token\":\"0123456789abcdef0123456789abcdef\",\"in_reply_to\":\"1@kunde.example\","
		 "\"references\":[\"0@kunde.example\",\"1@kunde.example\"],\"cc\":[{\"address\":\"c@kunde.example\"},{\"address\":\"no address\"}],"
		 "\"bcc\":[{\"address\":\"b@kunde.example\"}],\"auto\":true}}");
	p.files = files;
	p.n_files = 1;
	ok(give(&p, NULL) == CHANNEL_CALL, "CHA-105 a mail is made");
	ok(rq.smtp && rq.smtp->n_to == 3 && sv_eq(rq.smtp->from, SV("shop@shop.example")), "CHA-106 for the recipient and those who have copies");
	ok(has(rq.body, "From: Shop <shop@shop.example>"), "from the account");
	ok(has(rq.body, "In-Reply-To: <1@kunde.example>"), "MSG-66 with what it answers");
	ok(has(rq.body, "References: <0@kunde.example>"), "MSG-66 and what that answered");
	ok(has(rq.body, "Reply-To: shop+k.0123456789abcdef0123456789abcdef@shop.example"), "CHA-106 answers to the address with the token");
	ok(has(rq.body, "Auto-Submitted: auto-generated"), "what a program writes says so");
	ok(has(rq.body, "filename=offer.pdf"), "CHA-106 with its file");
	ok(has(rq.body, "&lt;Nora&gt;") && has(rq.body, "https://x.example/a?b=3D1</a>."), "CHA-106 the HTML is escaped, addresses are links");
	ok(!has(rq.body, "b@kunde.example"), "nobody reads who has a blind copy");
	p = part("Hi", "{\"mail\":{\"subject\":\"a\\r\\nBcc: x@y.example\"}}");
	ok(give(&p, NULL) == CHANNEL_DEAD && f.certainty == CHANNEL_PERMANENT, "a subject of two lines is refused");
	p = part("Hi", "{}");
	files[0].data = sv_make(arena_alloc(a, 26 << 20), 26 << 20);
	p.files = files;
	p.n_files = 1;
	ok(give(&p, NULL) == CHANNEL_DEAD && has(f.text, "25 MB"), "CHA-106 more than 25 MB are refused in words");
	open_account("EMAIL", "{\"address\":\"shop@shop.example\"}");
	p = part("Hi", "{}");
	ok(give(&p, NULL) == CHANNEL_DEAD && f.certainty == CHANNEL_PERMANENT, "an account without a server for sending says so");
}

static void smtp_answers(void)
{
	static const struct {
		int status;
		enum net_error error;
		bool all_sent;
		enum channel_next next;
		enum channel_certainty certainty;
		bool disconnected;
		const char *what;
	} rows[] = {
		{ 250, NET_OK, true, CHANNEL_DONE, 0, false, "250 is sent" },
		{ 421, NET_OK, false, CHANNEL_DEAD, CHANNEL_TEMPORARY, false, "421 may work later" },
		{ 450, NET_OK, false, CHANNEL_DEAD, CHANNEL_TEMPORARY, false, "450 too" },
		{ 550, NET_OK, false, CHANNEL_DEAD, CHANNEL_PERMANENT, false, "550 will not" },
		{ 554, NET_OK, true, CHANNEL_DEAD, CHANNEL_PERMANENT, false, "554 behind the mail, too" },
		{ 535, NET_OK, false, CHANNEL_DEAD, CHANNEL_PERMANENT, true, "535 disconnects the account" },
		{ 0, NET_CONNECT, false, CHANNEL_DEAD, CHANNEL_TEMPORARY, false, "no connection: later" },
		{ 0, NET_TIMEOUT, false, CHANNEL_DEAD, CHANNEL_TEMPORARY, false, "silence before the mail: later" },
		{ 0, NET_BROKEN, true, CHANNEL_DEAD, CHANNEL_UNCERTAIN, false, "broken behind the mail: nobody knows" },
		{ 0, NET_TIMEOUT, true, CHANNEL_DEAD, CHANNEL_UNCERTAIN, false, "silence behind the mail: nobody knows" },
		{ 0, NET_REFUSED, false, CHANNEL_DEAD, CHANNEL_PERMANENT, false, "an address in the own network: never" },
	};

	open_account("EMAIL", "{\"address\":\"shop@shop.example\",\"outgoing_url\":\"smtp://smtp.shop.example\"}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct channel_part p = part("Hi", "{}");
		enum channel_next next = give(&p, NULL);
		struct net_response r = { .status = rows[i].status, .error = rows[i].error, .text = SV("said so") };

		r.sent = rows[i].all_sent ? p.data.n : rows[i].error ? 0 : 10;
		next = give(&p, &r);
		ok(next == rows[i].next && (next == CHANNEL_DONE || (f.certainty == rows[i].certainty && f.disconnected == rows[i].disconnected)),
		   "CHA-105 SMTP: %s", rows[i].what);
		if (next == CHANNEL_DONE)
			is_sv(p.sent_id, p.own_id, "under the id that the message has");
	}
}

/* ---- Amazon SES --------------------------------------------------------------------------- */

static const char ses_settings[] = "{\"address\":\"news@shop.example\",\"region\":\"eu-central-1\",\"access_key_id\":\"AKID\","
				   "\"configuration_set\":\"bulk\"}";

static enum channel_next ses_answer(int status, const char *type, const char *body)
{
	struct net_header h = { SV("x-amzn-ErrorType"), sv_from(type) };
	struct net_response r = { .status = status, .headers = &h, .n_headers = 1, .body = sv_from(body) };
	struct channel_part p = part("Hi", "{}");

	give(&p, NULL);
	return give(&p, &r);
}

static void ses(void)
{
	struct channel_part p;
	struct sv raw;
	json_t *body;
	struct err e;

	open_account("BULK_EMAIL_SES", ses_settings);
	p = part("Hi", "{\"mail\":{\"subject\":\"News\",\"unsubscribe_url\":\"https://x.example/u/1\"}}");
	ok(give(&p, NULL) == CHANNEL_CALL, "CHA-105 a mail for Amazon SES is made");
	is_sv(rq.url, SV("https://email.eu-central-1.amazonaws.com/v2/email/outbound-emails"), "at the address of its region");
	ok(rq.n_headers >= 3 && has(rq.headers[rq.n_headers - 1].value, "/eu-central-1/ses/aws4_request"), "signed for SES");
	body = channel_json(a, rq.body, &e);
	raw = sv_from(json_string_value(json_object_get(json_object_get(json_object_get(body, "Content"), "Raw"), "Data")));
	raw = crypto_unbase64(a, raw);
	ok(has(raw, "Subject: News") && has(raw, "List-Unsubscribe: <https://x.example/u/1>"), "the mail is whole in it");
	ok(has(rq.body, "\"ToAddresses\":[\"nora@kunde.example\"]") && has(rq.body, "\"ConfigurationSetName\":\"bulk\""), "with recipients and configuration set");
	ok(ses_answer(200, "", "{\"MessageId\":\"0100\"}") == CHANNEL_DONE, "CHA-105 a MessageId is sent");
	ok(ses_answer(429, "TooManyRequestsException", "{\"message\":\"slow\"}") == CHANNEL_DEAD && f.certainty == CHANNEL_TEMPORARY, "429 may work later");
	ok(ses_answer(400, "MessageRejected", "{\"message\":\"no\"}") == CHANNEL_DEAD && f.certainty == CHANNEL_PERMANENT && has(f.text, "refused the mail"), "a refusal has words");
	ok(ses_answer(403, "SignatureDoesNotMatch", "{\"message\":\"no\"}") == CHANNEL_DEAD && f.disconnected, "a wrong key disconnects the account");
	ok(ses_answer(500, "", "oops") == CHANNEL_DEAD && f.certainty == CHANNEL_UNCERTAIN, "500: nobody knows");
	ok(!channel_find(SV("BULK_EMAIL_SES"))->hook && !channel_find(SV("BULK_EMAIL"))->parse, "CHA-105 bulk accounts only send");
}

int main(void)
{
	unsigned char key[32] = { 1 };

	crypto_key_set(key);
	a = arena_new();
	smtp_mail();
	smtp_answers();
	ses();
	arena_free(a);
	return tap_done();
}
