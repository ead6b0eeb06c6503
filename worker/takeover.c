/*
 * The human-takeover webhook of a channel: a person has taken a conversation
 * over from the bot, and the tenant's own bot wants to know (24439-24469).
 * The payload of the job: {conversation_id, agent_id, at}.
 */
#include "worker/worker.h"

#include "base/conf.h"
#include "http/metrics.h"

#include <jansson.h>

static void answered(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	bool good = !r->error && r->status / 100 == 2;

	if (r->error == NET_ABORTED) {
		job_release(j);
		return;
	}
	metrics_add(good ? METRIC_CALLS_OK :
		    r->error == NET_REFUSED ? METRIC_CALLS_REFUSED : METRIC_CALLS_FAILED, 1);
	if (good)
		job_done(j);
	else if (r->error)
		job_fail(j, r->text.n ? r->text : sv_from(net_error_name(r->error)),
			 job_retry_ms(j, 0));
	else
		job_fail(j, sv_from(arena_printf(j->arena, "The receiver answered %d", r->status)),
			 job_retry_ms(j, r->retry_after));
}

static void free_json(void *json)
{
	json_decref(json);
}

/* Content-Type first; one of the channel's own takes its place. */
static struct net_header *headers_of(struct job *j, struct sv text, size_t *n)
{
	json_t *object = json_loadb(text.p, text.n, 0, NULL), *v;
	struct net_header *h = ARENA_ARRAY(j->arena, json_object_size(object) + 1,
					   struct net_header);
	const char *name;

	arena_cleanup(j->arena, free_json, object);
	h[0] = (struct net_header){ SV("Content-Type"), SV("application/json") };
	*n = 1;
	json_object_foreach(object, name, v) {
		struct net_header own = { sv_from(name), sv_from(json_string_value(v)) };

		if (!json_is_string(v))
			continue;
		h[sv_ieq(own.name, h[0].name) ? 0 : (*n)++] = own;
	}
	return h;
}

static void call(struct job *j, const struct db_batch *b, int row)
{
	size_t n;
	struct net_header *headers = headers_of(j, db_first(b, row, "headers"), &n);

	net_start(worker_of(j)->net, &(struct net_request){
		.method = db_first(b, row, "method"),
		.url = db_first(b, row, "url"),
		.headers = headers,
		.n_headers = n,
		.body = db_first(b, row, "body"),
		.truncate = true,
		.https_only = !conf_bool(CONF_net_insecure_webhooks),
	}, answered, j);
}

void takeover_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };
	int row;

	db_as_system(b, j->organization_id);
	row = db_add(b,
		     "select t.* from (select $1::jsonb as p) j, internal.takeover_call("
		     " (p ->> 'conversation_id')::uuid, (p ->> 'agent_id')::uuid,"
		     " (p ->> 'at')::timestamptz) t",
		     DB_S(j->payload));
	if (db_run(b, &e)) {
		if (e.status == ST_UNAVAILABLE)
			job_postpone(j, err_message(&e), 1000);
		else
			job_fail(j, err_message(&e), job_retry_ms(j, 0));
	} else if (!db_rows(b, row)) {
		job_done(j); /* the channel wants no call any more */
	} else {
		call(j, b, row);
	}
}
