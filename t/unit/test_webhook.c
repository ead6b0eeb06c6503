/* What is sent to an endpoint: body and headers. */
#include "crypto/crypto.h"
#include "event/stable_json.h"
#include "event/webhook.h"
#include "t/unit/tap.h"

static struct arena *arena;

static void release(void *b)
{
	buf_release(b);
}

static struct sv body_of(const struct webhook_event *ev, struct sv *timestamp)
{
	struct buf *out = ARENA_NEW(arena, struct buf);
	struct err e = { 0 };

	arena_cleanup(arena, release, out);
	return webhook_body(ev, out, timestamp, arena, &e) ? SV_NONE : buf_sv(out);
}

static void check_body(void)
{
	struct sv timestamp;
	struct sv body = body_of(&(struct webhook_event){
		.type = SV("message.received"),
		.record_type = SV("message"),
		.at = SV("2025-01-15 13:34:56.789123+01"),
		.data = SV("{\"id\": \"m\", \"status\": \"DELIVERED\", \"content\": \"a/b\", \"direction\": \"INBOUND\","
			   " \"contact_id\": \"c\", \"created_at\": \"2025-01-15T14:34:56.7+02:00\","
			   " \"channel_name\": \"n\", \"organization_id\": \"o\", \"conversation_id\": \"v\"}"),
		.contact = SV("{\"id\" : \"c\", \"custom_fields\" : {\"signed_at\" : \"2025-01-15T14:34:56+02:00\"}}"),
		.organization = SV("{\"id\":\"o\",\"settings\":{}}"),
	}, &timestamp);

	is_sv(timestamp, SV("2025-01-15T12:34:56.789Z"), "timestamp is UTC with milliseconds and Z");
	is_sv(body, SV("{\"event\":\"message.received\",\"timestamp\":\"2025-01-15T12:34:56.789Z\",\"data\":{"
		"\"id\":\"m\",\"conversation_id\":\"v\",\"contact_id\":\"c\",\"organization_id\":\"o\","
		"\"content\":\"a/b\",\"direction\":\"INBOUND\",\"status\":\"DELIVERED\","
		"\"created_at\":\"2025-01-15T12:34:56.700Z\",\"channel_name\":\"n\","
		"\"contact\":{\"id\":\"c\",\"custom_fields\":{\"signed_at\":\"2025-01-15T14:34:56+02:00\"}},"
		"\"organization\":{\"id\":\"o\",\"settings\":{}}}}"),
	      "WHK-38 WHK-47 WHK-48 event, timestamp, data with the ids and their objects");
}

static void check_changes(void)
{
	struct sv timestamp;
	struct sv body = body_of(&(struct webhook_event){
		.type = SV("deal.stage.changed"),
		.record_type = SV("deal"),
		.at = SV("2025-01-15T12:34:56Z"),
		.data = SV("{\"stage\":\"won\",\"id\":\"d\",\"value\":1500.00,\"expected_close_date\":\"2025-02-01\"}"),
		.changes = SV("{\"new_stage\":\"won\",\"old_stage\":\"new\"}"),
		.contact = SV("null"),
	}, &timestamp);

	is_sv(body, SV("{\"event\":\"deal.stage.changed\",\"timestamp\":\"2025-01-15T12:34:56.000Z\",\"data\":{"
		"\"id\":\"d\",\"value\":1500,\"stage\":\"won\",\"expected_close_date\":\"2025-02-01\","
		"\"old_stage\":\"new\",\"new_stage\":\"won\"}}"),
	      "WHK-55 old and new stage; no object where there is none");
	ok(!sv_present(body_of(&(struct webhook_event){ .type = SV("x"), .at = SV("2025-01-15T12:34:56Z"),
		.data = SV("[]") }, &timestamp)), "data that is no object is refused");
}

static void check_times(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "2025-01-15T10:30:00Z", "2025-01-15T10:30:00.000Z" },
		{ "2024-02-29 23:59:59.999999-05:30", "2024-03-01T05:29:59.999Z" },
		{ "2025-01-15 10:30:00.12+00", "2025-01-15T10:30:00.120Z" },
		{ "1850-01-01 00:00:00+00:53:28", NULL },
		{ "2025-01-15", NULL },
		{ "infinity", NULL },
		{ "2025-01-15T10:30:00", NULL },
		{ "2025-01-15T10:30:00Z ", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		is_sv(webhook_time(arena, sv_from(rows[i].in)), sv_from(rows[i].out), rows[i].in);
}

static struct sv header(const struct net_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (sv_ieq(h[i].name, sv_from(name)))
			return h[i].value;
	return SV_NONE;
}

static struct webhook_attempt attempt(struct sv secret, struct sv custom)
{
	return (struct webhook_attempt){ .type = SV("contact.created"),
		.id = SV("msg_p5jXN8AQM9LWM0D4loKWxJek"),
		.seq = SV("7"),
		.timestamp = SV("2021-02-25T10:00:00.000Z"),
		.body = SV("{\"test\": 2432232314}"),
		.now = 1614265330,
		.secret = secret,
		.custom_headers = custom };
}

static void check_headers(void)
{
	struct webhook_attempt w = attempt(SV("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
		SV("{\"Authorization\":\"Bearer abc\",\"x-webhook-EVENT\":\"mine\",\"Content-Length\":\"1\","
		   "\"X-Source\":\"ConnectGain\",\"X-N\":5,\"X-Bad\":\"a\\r\\nb\",\"bad name\":\"x\"}"));
	size_t n;
	struct net_header *h = webhook_headers(&w, &n, arena);

	is_sv(header(h, n, "Content-Type"), SV("application/json"), "WHK-33 Content-Type");
	is_sv(header(h, n, "X-Webhook-Event"), SV("contact.created"),
	      "WHK-34 X-Webhook-Event, which custom headers do not override");
	is_sv(header(h, n, "X-Webhook-Timestamp"), SV("2021-02-25T10:00:00.000Z"), "WHK-35 X-Webhook-Timestamp");
	is_sv(header(h, n, "webhook-signature"), SV("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
	      "Standard Webhooks: the signature of the published example");
	is_sv(header(h, n, "webhook-timestamp"), SV("1614265330"), "Standard Webhooks: timestamp in seconds");
	is_sv(header(h, n, "webhook-id"), header(h, n, "X-Webhook-Id"), "both ids are the event's");
	is_sv(header(h, n, "webhook-sequence"), SV("7"), "the number of the event");
	is_sv(header(h, n, "Authorization"), SV("Bearer abc"), "WHK-7 WHK-37 custom headers");
	is_sv(header(h, n, "X-N"), SV("5"), "a number is a value too");
	ok(!sv_present(header(h, n, "X-Bad")) && !sv_present(header(h, n, "bad name")) &&
	   !sv_present(header(h, n, "Content-Length")), "what cannot be a header is left out");
}

static void check_signature(void)
{
	struct webhook_attempt w = attempt(SV("key"), SV_NONE);
	size_t n;
	struct net_header *h;

	w.body = SV("The quick brown fox jumps over the lazy dog");
	h = webhook_headers(&w, &n, arena);
	is_sv(header(h, n, "X-Webhook-Signature"),
	      SV("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
	      "WHK-40 WHK-41 lower-case hex HMAC-SHA-256 of the body alone");
	w = attempt(SV_NONE, SV_NONE);
	h = webhook_headers(&w, &n, arena);
	ok(!sv_present(header(h, n, "X-Webhook-Signature")) && !sv_present(header(h, n, "webhook-signature")),
	   "WHK-36 no signature without a secret");
}

static void check_printable(void)
{
	is_sv(webhook_printable(arena, SV("a\xff\x00ü€"), 100), SV("a??ü€"), "bytes as text");
	is_sv(webhook_printable(arena, SV("aü€"), 5), SV("aü"), "cut between characters");
}

int main(void)
{
	arena = arena_new();
	check_body();
	check_changes();
	check_times();
	check_headers();
	check_signature();
	check_printable();
	arena_free(arena);
	return tap_done();
}
