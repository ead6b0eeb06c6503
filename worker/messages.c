/* Inbound hooks, outgoing messages, files of messages: the tasks of lib/channel. */
#include "worker/worker.h"

#include "channel/channel.h"
#include "http/metrics.h"

static void count(const struct net_response *r)
{
	metrics_add(r->error ? METRIC_CALLS_FAILED :
		    r->status / 100 == 2 ? METRIC_CALLS_OK : METRIC_CALLS_REFUSED, 1);
}

static void go_on(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct channel_step s = { 0 };

	if (r)
		count(r);
	switch (channel_task_step(j->state, r, &s)) {
	case CHANNEL_CALL:
		net_start(worker_of(j)->net, &s.request, go_on, j);
		break;
	case CHANNEL_DONE:
		job_done(j);
		break;
	case CHANNEL_RETRY:
		if (s.uncounted) {
			int after = s.retry_after > 0 ? s.retry_after : 1;

			job_postpone(j, s.text, after * INT64_C(1000));
			break;
		}
		job_fail(j, s.text, job_retry_ms(j, s.retry_after));
		break;
	case CHANNEL_DEAD:
		job_fail(j, s.text, -1);
		break;
	}
}

void message_start(struct job *j)
{
	j->state = channel_task_new(&(struct channel_job){
		.arena = j->arena,
		.db = worker_of(j)->db,
		.kind = sv_from(j->handler->kind),
		.organization_id = j->organization_id,
		.payload = j->payload,
		.last = j->last,
	});
	go_on(NULL, j);
}
