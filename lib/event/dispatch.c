#include "event/dispatch.h"

#include "base/conf.h"
#include "base/log.h"
#include "base/uuid.h"
#include "http/metrics.h"

#include <jansson.h>
#include <stdlib.h>

int event_dispatch(struct db_batch *b, int most)
{
	return db_add(b, "select organization_id, seq, id, type, record_type, record_id,"
		" conversation_id, contact_id, actor_id from event.dispatch($1)", DB_I(most));
}

static void member(struct buf *out, const char *key, struct sv text)
{
	buf_json_key(out, key);
	if (sv_present(text))
		buf_json(out, text);
	else
		buf_lit(out, "null");
}

static void event_json(struct buf *out, const struct db_batch *b, int stmt, size_t row)
{
	static const char *const names[] = { "type", "record_type", "record_id", "conversation_id",
					     "contact_id", "actor_id" };

	buf_addc(out, '{');
	buf_json_key(out, "seq");
	buf_add(out, db_named(b, stmt, row, "seq"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		member(out, names[i], db_named(b, stmt, row, names[i]));
	buf_addc(out, '}');
}

static void tenant_json(struct buf *out, const struct db_batch *b, int stmt, size_t from, size_t to)
{
	buf_lit(out, "{\"seq\":");
	buf_add(out, db_named(b, stmt, to - 1, "seq"));
	if (to - from > EVENT_LIVE_MAX) {
		buf_lit(out, ",\"more\":true,\"events\":[]}");
		return;
	}
	buf_lit(out, ",\"events\":[");
	for (size_t i = from; i < to; i++) {
		if (i > from)
			buf_addc(out, ',');
		event_json(out, b, stmt, i);
	}
	buf_lit(out, "]}");
}

static void published(const struct net_response *r, void *arg)
{
	if (r->error || r->status / 100 != 2)
		log_warn("a live update could not be published", LOG_I("status", r->status),
			 LOG_S("why", r->text));
	arena_free(arg);
}

/* The arena goes with the call. */
static void post(struct net *net, struct arena *a, struct sv org, const char *suffix, struct sv body)
{
	const char *url = conf_str(CONF_live_publish_url), *path = conf_str(CONF_live_socket);
	static const struct net_header type = { SV("Content-Type"), SV("application/json") };

	net_start(net, &(struct net_request){
		.method = SV("POST"),
		.url = sv_from(arena_printf(a, "%s/%.*s%s", url, SV_ARG(org), suffix)),
		.headers = &type,
		.n_headers = 1,
		.body = body,
		.connect_ms = 1000,
		.total_ms = 3000,
		.trusted = true,
		.unix_socket = *path ? path : NULL,
		.lane = sv_from(arena_printf(a, "live:%.*s%s", SV_ARG(org), suffix)),
		.lane_max = 1, /* one after the other: they arrive in their order */
	}, published, a);
}

static void publish(struct net *net, struct sv org, const struct db_batch *b, int stmt, size_t from,
		    size_t to)
{
	struct arena *a = arena_new();
	buf_auto struct buf body = BUF_INIT;

	tenant_json(&body, b, stmt, from, to);
	post(net, a, org, "", arena_sv(a, buf_sv(&body)));
}

void event_publish_now(struct net *net, struct sv notified)
{
	json_t *all = json_loadb(notified.p, notified.n, 0, NULL);
	const char *org = json_string_value(json_object_get(all, "org"));
	struct arena *a = arena_new();
	char *text;

	if (!org || !uuid_valid(sv_from(org)) || !*conf_str(CONF_live_publish_url)) {
		json_decref(all);
		arena_free(a);
		return;
	}
	org = arena_dup(a, sv_from(org));
	json_object_del(all, "org");
	text = json_dumps(all, JSON_COMPACT);
	post(net, a, sv_from(org), "-now", sv_from(arena_dup(a, sv_from(text))));
	free(text);
	json_decref(all);
}

void event_publish(struct net *net, const struct db_batch *b, int dispatched)
{
	size_t n = db_rows(b, dispatched), from = 0;

	if (n)
		metrics_add(METRIC_EVENTS, (int64_t)n);
	if (!*conf_str(CONF_live_publish_url))
		return;
	for (size_t i = 1; i <= n; i++) {
		struct sv org = db_named(b, dispatched, from, "organization_id");

		if (i < n && sv_eq(org, db_named(b, dispatched, i, "organization_id")))
			continue;
		publish(net, org, b, dispatched, from, i);
		from = i;
	}
}
