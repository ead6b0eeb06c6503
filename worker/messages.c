/* Inbound hooks, outgoing messages, files of messages: the tasks of lib/channel. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "channel/channel.h"
#include "http/metrics.h"

#include <stdlib.h>

/* ---- not too fast to one chat ------------------------------------------- */

/* Chats that were written to just now, and when the next call may start. Messages
 * of a conversation go one after the other, so each has at most one call. */
struct chat {
	TAILQ_ENTRY(chat) link;
	char *account, *to;
	int64_t next_us;
};

static TAILQ_HEAD(, chat) chats = TAILQ_HEAD_INITIALIZER(chats);

static void forget_old(int64_t now)
{
	struct chat *c, *next;

	for (c = TAILQ_FIRST(&chats); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->next_us > now)
			continue;
		TAILQ_REMOVE(&chats, c, link);
		free(c->account);
		free(c->to);
		free(c);
	}
}

static int64_t chat_next_us(const struct channel_step *s)
{
	const struct chat *c;

	TAILQ_FOREACH(c, &chats, link)
		if (sv_eq(sv_from(c->to), s->chat) && sv_eq(sv_from(c->account), s->request.lane))
			return c->next_us;
	return 0;
}

static void chat_was_called(const struct channel_step *s, const struct net_response *r)
{
	int64_t now = clock_mono_us();
	struct chat *c;

	forget_old(now);
	if (!s->chat_gap_ms || !s->chat.n || !s->request.lane.n)
		return;
	c = mem_alloc(sizeof(*c));
	*c = (struct chat){ .account = mem_dup(s->request.lane.p),
			    .to = mem_dup(s->chat.p),
			    .next_us = now - r->times.total_us + s->chat_gap_ms * INT64_C(1000) };
	TAILQ_INSERT_HEAD(&chats, c, link);
}

/* ---- the tasks ------------------------------------------------------------ */

static void count(const struct net_response *r)
{
	metrics_add(r->error ? METRIC_CALLS_FAILED :
		    r->status / 100 == 2 ? METRIC_CALLS_OK : METRIC_CALLS_REFUSED, 1);
}

static void go_on(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct channel_step s = { 0 };

	enum channel_next next;

	if (r)
		count(r);
	next = channel_task_step(j->state, r, &s);
	if (r)
		chat_was_called(&s, r);
	switch (next) {
	case CHANNEL_CALL:
		s.request.not_before_us = chat_next_us(&s);
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

static struct channel_task *task_of(struct job *j)
{
	return channel_task_new(&(struct channel_job){
		.arena = j->arena,
		.db = worker_of(j)->db,
		.kind = sv_from(j->handler->kind),
		.organization_id = j->organization_id,
		.payload = j->payload,
		.last = j->last,
	});
}

void message_start(struct job *j)
{
	j->state = task_of(j);
	go_on(NULL, j);
}

/* One commit for those of a tenant that were taken together: with one for each, the
 * disk would be slower than the providers. */
void message_start_all(struct job *const *jobs, size_t n)
{
	struct channel_task *tasks[CHANNEL_AHEAD_MAX];
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		bool ends = i + 1 == n || i + 1 - from == CHANNEL_AHEAD_MAX ||
			    !sv_eq(jobs[i]->organization_id, jobs[i + 1]->organization_id);

		tasks[i - from] = jobs[i]->state = task_of(jobs[i]);
		if (!ends)
			continue;
		channel_task_ahead(tasks, i + 1 - from);
		for (; from <= i; from++)
			go_on(NULL, jobs[from]);
	}
}
