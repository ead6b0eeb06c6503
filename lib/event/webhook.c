#include "event/webhook.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "event/stable_json.h"

#include <string.h>

/* ---- times ----------------------------------------------------------------- */

/* n digits at *at; moves on. -1: something else stands there. */
static int digits(struct sv *at, size_t n)
{
	int v = 0;

	if (at->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (at->p[i] < '0' || at->p[i] > '9')
			return -1;
		v = v * 10 + at->p[i] - '0';
	}
	*at = sv_skip(*at, n);
	return v;
}

static bool skip(struct sv *at, char c)
{
	if (!at->n || at->p[0] != c)
		return false;
	*at = sv_skip(*at, 1);
	return true;
}

/* Days from 1970-01-01, proleptic Gregorian. */
static int64_t days(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = y / 400, yoe = y - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return (int64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool read_time(struct sv *at, int64_t *ms)
{
	int year = digits(at, 4), month, day, hour, minute, second, unit = 100;

	if (year < 0 || !skip(at, '-') || (month = digits(at, 2)) < 1 || month > 12 ||
	    !skip(at, '-') || (day = digits(at, 2)) < 1 || day > 31 ||
	    !(skip(at, 'T') || skip(at, ' ')) || (hour = digits(at, 2)) < 0 || !skip(at, ':') ||
	    (minute = digits(at, 2)) < 0 || !skip(at, ':') || (second = digits(at, 2)) < 0)
		return false;
	*ms = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
	if (skip(at, '.'))
		for (int d; (d = digits(at, 1)) >= 0; unit /= 10)
			*ms += d * unit;
	return true;
}

/* Z, +02, +02:00, +02:00:30 */
static bool read_zone(struct sv *at, int64_t *ms)
{
	int sign = skip(at, '+') ? -1 : skip(at, '-') ? 1 : 0, hour, minute = 0, second = 0;

	if (!sign)
		return skip(at, 'Z');
	hour = digits(at, 2);
	if (skip(at, ':'))
		minute = digits(at, 2);
	if (skip(at, ':'))
		second = digits(at, 2);
	if (hour < 0 || minute < 0 || second < 0)
		return false;
	*ms += sign * ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
	return true;
}

struct sv webhook_time(struct arena *a, struct sv text)
{
	char iso[CLOCK_ISO_SIZE];
	int64_t ms;

	if (!read_time(&text, &ms) || !read_zone(&text, &ms) || text.n || ms < 0)
		return SV_NONE;
	return arena_sv(a, sv_make(iso, clock_iso(iso, ms)));
}

/* ---- the body ----------------------------------------------------------------- */

/* jsonb keeps no order; receivers see the documented one (29117-29192). What
 * is not named follows in the order of the database. */
static const char *const order_message[] = {
	"id", "conversation_id", "contact_id", "organization_id", "content", "direction", "status",
	"created_at", "channel_type", "channel_name", "error", "error_code", NULL };
static const char *const order_conversation[] = {
	"id", "contact_id", "organization_id", "channel_account_id", "assignee_id", "status",
	"sla_deadline", "last_message_at", "tags", "created_at", "updated_at", NULL };
static const char *const order_contact[] = {
	"id", "organization_id", "first_name", "last_name", "phones", "emails", "tags",
	"custom_fields", "opt_in_status", "source", "description", "assignee_id", "company_id",
	"created_at", "updated_at", NULL };
static const char *const order_deal[] = {
	"id", "organization_id", "contact_id", "company_id", "conversation_id", "owner_id", "title",
	"description", "value", "currency", "pipeline_id", "stage", "probability",
	"expected_close_date", "source", "priority", "notes", "tags", "products", "custom_fields",
	"stage_entered_at", "won_at", "lost_at", "discard_reason", "created_at", "updated_at",
	NULL };
static const char *const order_any[] = { "id", "organization_id", NULL };

static const struct {
	const char *record_type;
	const char *const *keys;
} orders[] = {
	{ "message", order_message },
	{ "conversation", order_conversation },
	{ "contact", order_contact },
	{ "deal", order_deal },
};

static const char *const *order_of(struct sv record_type)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		if (sv_eq(record_type, sv_from(orders[i].record_type)))
			return orders[i].keys;
	return order_any;
}

static struct sj *copy(struct arena *a, const struct sj *v)
{
	struct sj *c = ARENA_NEW(a, struct sj);

	*c = *v;
	return c;
}

static void carry(struct arena *a, struct sj *to, const struct sj *from, struct sv key)
{
	const struct sj *v = sj_get(from, key);

	if (v && !sj_get(to, key))
		sj_set(a, to, key, copy(a, v));
}

static struct sj *ordered(struct arena *a, const struct sj *row, const char *const *keys)
{
	struct sj *o = sj_object(a);

	for (size_t i = 0; keys[i]; i++)
		carry(a, o, row, sv_from(keys[i]));
	for (const struct sj *v = row->first; v; v = v->next)
		carry(a, o, row, v->key);
	return o;
}

/* old_x and new_x of each change side by side (WHK-55). */
static void add_changes(struct arena *a, struct sj *data, const struct sj *changes)
{
	if (!changes || changes->type != SJ_OBJECT)
		return;
	for (const struct sj *v = changes->first; v; v = v->next) {
		if (!sv_starts(v->key, SV("old_")))
			continue;
		carry(a, data, changes, v->key);
		struct sv rest = sv_skip(v->key, 4);
		carry(a, data, changes, sv_from(arena_printf(a, "new_%.*s", SV_ARG(rest))));
	}
	for (const struct sj *v = changes->first; v; v = v->next)
		carry(a, data, changes, v->key);
}

static void add_object(struct arena *a, struct sj *data, const char *key, struct sv json)
{
	struct sj *v = json.n ? sj_parse(a, json) : NULL;

	if (v && v->type == SJ_OBJECT)
		sj_set(a, data, sv_from(key), v);
}

/* What people and programs of the tenant put in; its texts are theirs. */
static bool foreign(struct sv key)
{
	return sv_eq(key, SV("custom_fields")) || sv_eq(key, SV("products")) ||
	       sv_eq(key, SV("metadata")) || sv_eq(key, SV("settings"));
}

static bool is_time(struct sv key)
{
	return sv_ends(key, SV("_at")) || sv_ends(key, SV("_deadline")) ||
	       sv_ends(key, SV("_date_time"));
}

/* Always UTC with milliseconds and Z, whatever the session's zone was. */
static void normalize_times(struct arena *a, struct sj *v)
{
	for (struct sj *m = v->first; m; m = m->next) {
		if (v->type == SJ_OBJECT && foreign(m->key))
			continue;
		if (v->type == SJ_OBJECT && m->type == SJ_STRING && is_time(m->key)) {
			struct sv t = webhook_time(a, m->text);

			if (t.n)
				m->text = t;
		} else if (m->type == SJ_OBJECT || m->type == SJ_ARRAY) {
			normalize_times(a, m);
		}
	}
}

enum status webhook_body(const struct webhook_event *ev, struct buf *out, struct sv *timestamp,
			 struct arena *a, struct err *e)
{
	struct sj *row = sj_parse(a, ev->data), *data, *body = sj_object(a);

	if (!row || row->type != SJ_OBJECT)
		return err_set(e, a, ST_BAD_INPUT, "The event's data cannot be written as JSON");
	data = ordered(a, row, order_of(ev->record_type));
	if (ev->changes.n)
		add_changes(a, data, sj_parse(a, ev->changes));
	add_object(a, data, "company", ev->company);
	add_object(a, data, "contact", ev->contact);
	add_object(a, data, "organization", ev->organization);
	add_object(a, data, "conversation", ev->conversation);
	normalize_times(a, data);
	*timestamp = webhook_time(a, ev->at);
	sj_set(a, body, SV("event"), sj_string(a, ev->type));
	sj_set(a, body, SV("timestamp"), sj_string(a, *timestamp));
	sj_set(a, body, SV("data"), data);
	sj_write(out, body);
	return ST_OK;
}

/* ---- headers --------------------------------------------------------------------- */

/* The key of the Standard Webhooks signature. */
static struct sv standard_key(struct arena *a, struct sv secret)
{
	struct sv key = SV_NONE;

	if (sv_starts(secret, SV("whsec_")))
		key = crypto_unbase64(a, sv_skip(secret, 6));
	return key.n ? key : secret;
}

static struct sv sign_hex(struct arena *a, struct sv secret, struct sv body)
{
	unsigned char mac[SHA256_SIZE];

	crypto_hmac_sha256(mac, secret, body);
	return crypto_hex(a, sv_make((char *)mac, sizeof(mac)));
}

static struct sv sign_standard(struct arena *a, const struct webhook_attempt *w)
{
	unsigned char mac[SHA256_SIZE];
	buf_auto struct buf text = BUF_INIT;

	buf_addf(&text, "%.*s.%lld.", SV_ARG(w->id), (long long)w->now);
	buf_add(&text, w->body);
	crypto_hmac_sha256(mac, standard_key(a, w->secret), buf_sv(&text));
	struct sv code = crypto_base64(a, sv_make((char *)mac, sizeof(mac)));
	return sv_from(arena_printf(a, "v1,%.*s", SV_ARG(code)));
}

/* Ours, and those that belong to the connection (net/net.h). */
static bool reserved(struct sv name)
{
	static const char *const names[] = { "content-type", "host", "content-length",
		"transfer-encoding", "connection", "expect", "te", "upgrade", "user-agent",
		"x-webhook-event", "x-webhook-timestamp", "x-webhook-signature", "x-webhook-id",
		"webhook-id", "webhook-timestamp", "webhook-signature", "webhook-sequence" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (sv_ieq(name, sv_from(names[i])))
			return true;
	return false;
}

static bool header_name(struct sv name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] == 0x7f ||
		    strchr("()<>@,;:\\\"/[]?={}", name.p[i]))
			return false;
	return name.n && !reserved(name);
}

static bool header_value(struct sv value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			return false;
	return true;
}

static struct sv value_text(struct arena *a, const struct sj *v)
{
	struct buf b = BUF_INIT;
	struct sv s;

	if (v->type == SJ_STRING)
		return v->text;
	if (v->type == SJ_OBJECT || v->type == SJ_ARRAY || v->type == SJ_NULL)
		return SV_NONE;
	sj_write(&b, v);
	s = arena_sv(a, buf_sv(&b));
	buf_release(&b);
	return s;
}

static size_t add_custom(struct net_header *h, struct arena *a, const struct sj *custom)
{
	size_t n = 0;

	for (const struct sj *v = custom ? custom->first : NULL; v; v = v->next) {
		struct sv value = value_text(a, v);

		if (sv_present(value) && header_name(v->key) && header_value(value))
			h[n++] = (struct net_header){ v->key, value };
	}
	return n;
}

struct net_header *webhook_headers(const struct webhook_attempt *w, size_t *n, struct arena *a)
{
	const struct sj *custom = w->custom_headers.n ? sj_parse(a, w->custom_headers) : NULL;
	struct net_header *h = ARENA_ARRAY(a, 9 + (custom ? custom->n : 0), struct net_header);
	size_t i = 0;

	h[i++] = (struct net_header){ SV("Content-Type"), SV("application/json") };
	h[i++] = (struct net_header){ SV("X-Webhook-Event"), w->type };
	h[i++] = (struct net_header){ SV("X-Webhook-Timestamp"), w->timestamp };
	if (w->secret.n)
		h[i++] = (struct net_header){ SV("X-Webhook-Signature"),
					      sign_hex(a, w->secret, w->body) };
	h[i++] = (struct net_header){ SV("X-Webhook-Id"), w->id };
	h[i++] = (struct net_header){ SV("webhook-id"), w->id };
	h[i++] = (struct net_header){ SV("webhook-timestamp"),
				      sv_from(arena_printf(a, "%lld", (long long)w->now)) };
	if (w->secret.n)
		h[i++] = (struct net_header){ SV("webhook-signature"), sign_standard(a, w) };
	h[i++] = (struct net_header){ SV("webhook-sequence"), w->seq };
	i += add_custom(h + i, a, custom && custom->type == SJ_OBJECT ? custom : NULL);
	*n = i;
	return h;
}

/* ---- logs --------------------------------------------------------------------------- */

/* Bytes of the character at p, 0 when it is none. */
static size_t character(struct sv s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (sv_is_text(sv_make(s.p, n)))
			return n;
	return 0;
}

struct sv webhook_printable(struct arena *a, struct sv bytes, size_t max)
{
	char *text = arena_alloc(a, (bytes.n < max ? bytes.n : max) + 1);
	size_t n = 0;

	while (bytes.n) {
		size_t len = character(bytes);

		if (n + (len ? len : 1) > max)
			break;
		if (len)
			memcpy(text + n, bytes.p, len);
		else
			text[n] = '?';
		n += len ? len : 1;
		bytes = sv_skip(bytes, len ? len : 1);
	}
	return sv_make(text, n);
}
