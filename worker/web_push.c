/*
 * A notice goes to a browser of a member (RFC 8030, 8291, 8292): one job for
 * each. The payload: {notification_id, subscription_id}. The text is what the
 * page of notices says, in the member's language. A subscription that the push
 * service does not know any more (404, 410) is forgotten.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "crypto/crypto.h"
#include "http/metrics.h"
#include "net/url.h"

#include <jansson.h>

#define TTL "86400"
#define TOKEN_S 43200 /* RFC 8292 allows a day */

struct push {
	struct sv notice, subscription, endpoint;
	bool gone;
};

/* ---- words ------------------------------------------------------------------- */

/* What stands between the tags, with single spaces. */
static struct sv without_tags(struct arena *a, struct sv html)
{
	static const struct {
		struct sv entity;
		char c;
	} entities[] = { { SV("&amp;"), '&' }, { SV("&lt;"), '<' }, { SV("&gt;"), '>' },
			 { SV("&quot;"), '"' }, { SV("&#39;"), '\'' } };
	struct buf *out = buf_in_arena(a);
	bool tag = false;

	for (size_t i = 0; i < html.n; i++) {
		char c = html.p[i];

		for (size_t k = 0; c == '&' && k < sizeof(entities) / sizeof(*entities); k++)
			if (sv_starts(sv_skip(html, i), entities[k].entity)) {
				c = entities[k].c;
				i += entities[k].entity.n - 1;
				break;
			}
		if (html.p[i] == '<')
			tag = true;
		if (html.p[i] == '<' || html.p[i] == '\n' || html.p[i] == '\t')
			c = ' ';
		if (!tag && (c != ' ' || (out->n && out->p[out->n - 1] != ' ')))
			buf_addc(out, c);
		if (tag && out->n && out->p[out->n - 1] != ' ')
			buf_addc(out, ' ');
		if (html.p[i] == '>')
			tag = false;
	}
	return sv_trim(buf_sv(out));
}

static void drop_json(void *json)
{
	json_decref(json);
}

static enum status words(struct job *j, const struct db_batch *b, int row, struct sv *out, struct err *e)
{
	const struct tr_language *language = tr_language(db_first(b, row, "language"));
	struct sv data = db_first(b, row, "data"), kind = db_first(b, row, "kind");
	struct tmpl_value *p = tmpl_map(j->arena), *is;
	char *name = arena_dup(j->arena, kind);
	json_t *json = json_loadb(data.p, data.n, 0, NULL);
	buf_auto struct buf html = BUF_INIT;
	struct tmpl_set *set = worker_words(worker_of(j), language ? language : tr_languages);
	enum status st;

	arena_cleanup(j->arena, drop_json, json);
	for (char *c = name; *c; c++)
		if (*c == '.')
			*c = '_';
	is = tmpl_set_map(p, "is_a");
	tmpl_set_bool(is, name, true);
	tmpl_set(p, "data", tmpl_from_json(j->arena, json));
	st = tmpl_render(set, SV("app/notification_words"), p, j->arena, &html, e);
	*out = without_tags(j->arena, buf_sv(&html));
	tr_use(tr_languages);
	return st;
}

static void member(struct buf *b, const char *key, struct sv value)
{
	buf_json_key(b, key);
	buf_json(b, value);
}

/* {"id", "body", "url", "lang", "dir"}: what the service worker shows. */
static struct sv text_of(struct job *j, const struct db_batch *b, int row, struct sv said)
{
	const struct tr_language *language = tr_language(db_first(b, row, "language"));
	struct sv id = db_first(b, row, "id"), actor = db_first(b, row, "actor");
	struct buf *out = buf_in_arena(j->arena);

	buf_addc(out, '{');
	member(out, "id", id);
	member(out, "body", said);
	member(out, "actor", db_first(b, row, "record_id").n ? actor : SV_NONE);
	member(out, "url", sv_from(arena_printf(j->arena, "/notifications/%.*s", SV_ARG(id))));
	member(out, "lang", sv_from(language ? language->code : "en"));
	member(out, "dir", language && language->rtl ? SV("rtl") : SV("ltr"));
	buf_addc(out, '}');
	return buf_sv(out);
}

/* ---- the call ----------------------------------------------------------------- */

static void write_outcome(struct job *j, struct db_batch *b)
{
	const struct push *p = j->state;

	db_add(b, "select internal.push_outcome($1, $2, $3)", DB_S(j->organization_id),
	       DB_S(p->subscription), DB_B(p->gone));
}

static void answered(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct push *p = j->state;

	if (r->error == NET_ABORTED) {
		job_release(j);
		return;
	}
	metrics_add(r->error ? METRIC_CALLS_FAILED : r->status / 100 == 2 ? METRIC_CALLS_OK : METRIC_CALLS_REFUSED, 1);
	p->gone = !r->error && (r->status == 404 || r->status == 410);
	if (!r->error && (r->status / 100 == 2 || p->gone)) {
		j->write = write_outcome;
		job_done(j);
	} else if (r->error) {
		job_fail(j, r->text.n ? r->text : sv_from(net_error_name(r->error)),
			 r->error == NET_REFUSED || r->error == NET_BAD_REQUEST ? -1 : job_retry_ms(j, 0));
	} else {
		job_fail(j, sv_from(arena_printf(j->arena, "The push service answered %d", r->status)),
			 r->status == 429 || r->status >= 500 ? job_retry_ms(j, r->retry_after) : -1);
	}
}

static struct sv audience(struct arena *a, struct sv endpoint)
{
	struct net_url u;
	struct err e = { 0 };
	bool usual;

	if (net_url_parse(endpoint, &u, a, &e))
		return SV_NONE;
	usual = u.port == (strcmp(u.scheme, "https") ? 80 : 443);
	return sv_from(usual ? arena_printf(a, "%s://%s", u.scheme, u.host)
			     : arena_printf(a, "%s://%s:%d", u.scheme, u.host, u.port));
}

/* Who runs the installation, for the push service's complaints: the address of
 * mail_from, "Kontor <kontor@example.com>", else the site itself. */
static struct sv subject(struct arena *a)
{
	struct sv from = sv_from(conf_str(CONF_mail_from)), inner;
	ptrdiff_t open = sv_chr(from, '<');

	inner = open < 0 ? from : sv_skip(from, (size_t)open + 1);
	inner = sv_trim(sv_cut(&inner, '>'));
	if (sv_chr(inner, '@') > 0 && !sv_ends(inner, SV("@localhost")))
		return sv_from(arena_printf(a, "mailto:%.*s", SV_ARG(inner)));
	return sv_from(conf_str(CONF_base_url));
}

static void call(struct job *j, struct sv body)
{
	struct push *p = j->state;
	struct net_header *h = ARENA_ARRAY(j->arena, 5, struct net_header);

	h[0] = (struct net_header){ SV("Content-Type"), SV("application/octet-stream") };
	h[1] = (struct net_header){ SV("Content-Encoding"), SV("aes128gcm") };
	h[2] = (struct net_header){ SV("TTL"), SV(TTL) };
	h[3] = (struct net_header){ SV("Urgency"), SV("high") };
	h[4] = (struct net_header){ SV("Authorization"),
				    crypto_push_authorization(j->arena, audience(j->arena, p->endpoint),
							      subject(j->arena), clock_now_ms() / 1000 + TOKEN_S) };
	net_start(worker_of(j)->net, &(struct net_request){
		.method = SV("POST"),
		.url = p->endpoint,
		.headers = h,
		.n_headers = 5,
		.body = body,
		.truncate = true,
		.https_only = !conf_bool(CONF_net_insecure_webhooks),
	}, answered, j);
}

/* ---- the job -------------------------------------------------------------------- */

static struct sv text(struct job *j, const json_t *payload, const char *name)
{
	return arena_sv(j->arena, sv_from(json_string_value(json_object_get(payload, name))));
}

static void post(struct job *j, const struct db_batch *b, int row)
{
	struct push *p = j->state;
	struct err e = { 0 };
	struct sv said, body;

	if (words(j, b, row, &said, &e)) {
		job_fail(j, err_message(&e), -1);
		return;
	}
	p->endpoint = db_first(b, row, "endpoint");
	body = crypto_push_seal(j->arena, db_first(b, row, "p256dh"), db_first(b, row, "auth"),
				text_of(j, b, row, said));
	if (sv_present(body)) {
		call(j, body);
		return;
	}
	p->gone = true; /* its keys are none: nothing can ever reach it */
	j->write = write_outcome;
	job_done(j);
}

void web_push_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	json_t *payload = json_loadb(j->payload.p, j->payload.n, 0, NULL);
	struct push *p = ARENA_NEW(j->arena, struct push);
	struct err e = { 0 };
	int row;

	p->notice = text(j, payload, "notification_id");
	p->subscription = text(j, payload, "subscription_id");
	json_decref(payload);
	j->state = p;
	db_as_system(b, j->organization_id);
	row = db_add(b, "select * from internal.push_letter($1::uuid, $2::uuid)", DB_S(p->notice), DB_S(p->subscription));
	if (db_run(b, &e)) {
		if (e.status == ST_UNAVAILABLE)
			job_postpone(j, err_message(&e), 1000);
		else
			job_fail(j, err_message(&e), job_retry_ms(j, 0));
	} else if (!db_rows(b, row)) {
		job_done(j);
	} else {
		post(j, b, row);
	}
}
