/*
 * A message in another language, by the provider that the tenant has chosen
 * (public.message_settings). A new provider is a row of the table here. The payload of the
 * job: {message_id, language}; what comes of it stands at the message.
 */
#include "worker/worker.h"

#include "crypto/crypto.h"
#include "http/metrics.h"

#include <jansson.h>

#define ANSWER_BYTES (256 * 1024)

struct wish {
	struct sv message, text, language, url, key;
	const struct provider *provider;
};

struct provider {
	const char *name;
	void (*ask)(struct job *j, const struct wish *w, struct net_request *out);
	/* The text and, when it is said, the language it was in; false: none in the answer. */
	bool (*read)(struct job *j, const json_t *answer, struct sv *text, struct sv *from);
};

static struct sv text_at(struct job *j, const json_t *o, const char *a, const char *b)
{
	const json_t *v = json_object_get(json_object_get(o, a), b);

	return json_is_string(v) ? arena_sv(j->arena, sv_make(json_string_value(v), json_string_length(v))) : SV_NONE;
}

/* LibreTranslate, POST {url}/translate {q, source, target, format, api_key}. */
static void libre_ask(struct job *j, const struct wish *w, struct net_request *out)
{
	static const struct net_header type = { SV("Content-Type"), SV("application/json") };
	struct buf *url = buf_in_arena(j->arena), *body = buf_in_arena(j->arena);

	buf_add(url, w->url);
	while (url->n && url->p[url->n - 1] == '/')
		url->n--;
	if (!sv_ends(buf_sv(url), SV("/translate")))
		buf_lit(url, "/translate");
	buf_lit(body, "{\"q\":");
	buf_json(body, w->text);
	buf_lit(body, ",\"source\":\"auto\",\"format\":\"text\"");
	buf_json_key(body, "target");
	buf_json(body, w->language);
	if (w->key.n) {
		buf_json_key(body, "api_key");
		buf_json(body, w->key);
	}
	buf_addc(body, '}');
	out->url = buf_sv(url);
	out->body = buf_sv(body);
	out->headers = &type;
	out->n_headers = 1;
}

static bool libre_read(struct job *j, const json_t *answer, struct sv *text, struct sv *from)
{
	const json_t *v = json_object_get(answer, "translatedText");

	*from = text_at(j, answer, "detectedLanguage", "language");
	if (json_is_string(v))
		*text = arena_sv(j->arena, sv_make(json_string_value(v), json_string_length(v)));
	return json_is_string(v);
}

/* MyMemory, GET {url}/get?q=&langpair=autodetect|xx. */
static void mymemory_ask(struct job *j, const struct wish *w, struct net_request *out)
{
	struct buf *url = buf_in_arena(j->arena);

	buf_add(url, w->url.n ? w->url : SV("https://api.mymemory.translated.net"));
	buf_lit(url, "/get?q=");
	buf_url(url, w->text);
	buf_lit(url, "&langpair=autodetect%7C");
	buf_url(url, w->language);
	if (w->key.n) {
		buf_lit(url, "&key=");
		buf_url(url, w->key);
	}
	out->url = buf_sv(url);
}

static bool mymemory_read(struct job *j, const json_t *answer, struct sv *text, struct sv *from)
{
	*text = text_at(j, answer, "responseData", "translatedText");
	*from = text_at(j, answer, "responseData", "detectedLanguage");
	return text->n > 0;
}

static const struct provider providers[] = {
	{ "libretranslate", libre_ask, libre_read },
	{ "mymemory", mymemory_ask, mymemory_read },
};

static void store(struct job *j, const struct wish *w, struct sv text, struct sv from, struct sv why)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };

	db_as_system(b, j->organization_id);
	db_add(b,
	       "select internal.message_translated($1, jsonb_strip_nulls(jsonb_build_object('language', $2::text, 'text', $3::text,"
	       " 'from', $4::text, 'provider', $5::text, 'error', $6::text)))",
	       DB_S(w->message), DB_S(w->language), DB_OPT(text), DB_OPT(from), DB_C(w->provider->name), DB_OPT(why));
	if (db_run(b, &e))
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
	else
		job_done(j);
}

static void answered(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	const struct wish *w = j->state;
	json_t *answer = NULL;
	struct sv text = SV_NONE, from = SV_NONE;
	bool good;

	if (r->error == NET_ABORTED) {
		job_release(j);
		return;
	}
	metrics_add(r->error ? METRIC_CALLS_FAILED : r->status / 100 == 2 ? METRIC_CALLS_OK : METRIC_CALLS_REFUSED, 1);
	if (!r->error && r->status == 200)
		answer = json_loadb(r->body.p, r->body.n, 0, NULL);
	good = answer && w->provider->read(j, answer, &text, &from);
	json_decref(answer);
	if (good)
		store(j, w, text, from, SV_NONE);
	else if ((r->error || r->status >= 500 || r->status == 429) && !j->last)
		job_fail(j, r->error ? r->text : SV("the provider is busy"), job_retry_ms(j, r->retry_after));
	else
		store(j, w, SV_NONE, SV_NONE,
		      r->error ? r->text :
				 sv_from(arena_printf(j->arena, "The translation server answered %d", r->status)));
}

void translate_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct wish *w = ARENA_NEW(j->arena, struct wish);
	struct net_request rq = { .total_ms = 20000, .max_body = ANSWER_BYTES, .lane = SV("translate"), .lane_max = 4 };
	struct err e = { 0 };
	int row;

	db_as_system(b, j->organization_id);
	row = db_add(b,
		     "select m.id, concat_ws(' ', m.content, m.transcript) as text, $1::jsonb ->> 'language' as language,"
		     " s.provider, s.url, s.sealed from messages m, internal.translation_settings() s"
		     " where m.id = ($1::jsonb ->> 'message_id')::uuid and m.deleted_at is null", DB_S(j->payload));
	if (db_run(b, &e)) {
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
		return;
	}
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++)
		if (sv_eq(db_first(b, row, "provider"), sv_from(providers[i].name)))
			w->provider = &providers[i];
	if (!db_rows(b, row) || !w->provider) {
		job_done(j); /* deleted, or switched off meanwhile */
		return;
	}
	w->message = db_first(b, row, "id");
	w->text = db_first(b, row, "text");
	w->language = db_first(b, row, "language");
	w->url = db_first(b, row, "url");
	if (db_first(b, row, "sealed").n)
		w->key = crypto_open(j->arena, SV("translation"), db_first(b, row, "sealed"));
	j->state = w;
	w->provider->ask(j, w, &rq);
	net_start(worker_of(j)->net, &rq, answered, j);
}
