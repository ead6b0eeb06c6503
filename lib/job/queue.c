#include "job/job.h"

#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "http/metrics.h"

#include <stdlib.h>

TAILQ_HEAD(job_list, job);

/* How many jobs of one lane are under way. */
struct job_lane {
	const struct job_handler *handler;
	char *organization_id, *lane;
	int n;
	TAILQ_ENTRY(job_lane) link;
};

struct job_queue {
	struct job_options o;
	struct job_list running, ended;
	TAILQ_HEAD(, job_lane) lanes;
	int *under_way; /* per handler */
	size_t n_running;
	bool suspect; /* one is under way */
	char after[40]; /* the last tenant served */
	int taken, taken_suspect; /* statements of the batch under way */
};

struct job_queue *job_queue_new(const struct job_options *o)
{
	struct job_queue *q = mem_alloc(sizeof(*q));

	*q = (struct job_queue){ .o = *o, .after = "00000000-0000-0000-0000-000000000000" };
	q->under_way = mem_alloc((o->n_handlers + 1) * sizeof(int));
	for (size_t i = 0; i < o->n_handlers; i++)
		q->under_way[i] = 0;
	TAILQ_INIT(&q->running);
	TAILQ_INIT(&q->ended);
	TAILQ_INIT(&q->lanes);
	return q;
}

void job_queue_free(struct job_queue *q)
{
	if (!q)
		return;
	free(q->under_way);
	free(q);
}

/* ---- lanes ---------------------------------------------------------------- */

static struct job_lane *lane_enter(struct job_queue *q, const struct job *j)
{
	struct job_lane *l;

	TAILQ_FOREACH(l, &q->lanes, link)
		if (l->handler == j->handler && sv_eq(sv_from(l->lane), j->lane) &&
		    sv_eq(sv_from(l->organization_id), j->organization_id))
			break;
	if (!l) {
		l = mem_alloc(sizeof(*l));
		*l = (struct job_lane){ .handler = j->handler,
			.organization_id = mem_dup(j->organization_id.p),
			.lane = mem_dup(j->lane.p) };
		TAILQ_INSERT_TAIL(&q->lanes, l, link);
	}
	l->n++;
	return l;
}

static void lane_leave(struct job_queue *q, struct job_lane *l)
{
	if (--l->n)
		return;
	TAILQ_REMOVE(&q->lanes, l, link);
	free(l->organization_id);
	free(l->lane);
	free(l);
}

/* ---- taking ------------------------------------------------------------------ */

/* Texts of an array literal that need no quotes: ids, numbers, kinds. */
static void element(struct buf *list, struct sv text)
{
	buf_addc(list, list->n ? ',' : '{');
	buf_add(list, text);
}

static struct db_value array(struct buf *list)
{
	buf_addc(list, list->n ? '}' : '{');
	if (list->n == 1)
		buf_addc(list, '}');
	return DB_S(buf_sv(list));
}

static void element_int(struct arena *a, struct buf *list, int64_t v)
{
	element(list, sv_from(arena_printf(a, "%lld", (long long)v)));
}

static void busy_lanes(const struct job_queue *q, struct buf *kinds, struct buf *orgs,
		       struct buf *lanes)
{
	const struct job_lane *l;

	TAILQ_FOREACH(l, &q->lanes, link) {
		if (l->n < l->handler->lane_room)
			continue;
		element(kinds, sv_from(l->handler->kind));
		element(orgs, sv_from(l->organization_id));
		element(lanes, sv_from(l->lane));
	}
}

void job_take(struct job_queue *q, struct db_batch *b)
{
	struct arena *a = db_arena(b);
	struct db_value all;
	buf_auto struct buf kinds = BUF_INIT, room = BUF_INIT, lane_room = BUF_INIT;
	buf_auto struct buf busy = BUF_INIT, orgs = BUF_INIT, lanes = BUF_INIT;

	for (size_t i = 0; i < q->o.n_handlers; i++) {
		const struct job_handler *h = &q->o.handlers[i];

		element(&kinds, sv_from(h->kind));
		element_int(a, &room, h->room - q->under_way[i]);
		element_int(a, &lane_room, h->lane_room);
	}
	busy_lanes(q, &busy, &orgs, &lanes);
	all = array(&kinds);
	q->taken = db_add(b, "select organization_id, id, kind, key, lane, payload, attempts,"
		" crashes from job.claim($1, $2, $3, $4, $5, $6, $7, $8)",
		DB_C(q->o.worker), all, array(&room), array(&lane_room), array(&busy), array(&orgs),
		array(&lanes), DB_C(q->after));
	q->taken_suspect = q->suspect ? -1 :
		db_add(b, "select organization_id, id, kind, key, lane, payload, attempts,"
			" crashes from job.claim_suspect($1, $2)", DB_C(q->o.worker), all);
}

static const struct job_handler *handler_of(const struct job_queue *q, struct sv kind)
{
	for (size_t i = 0; i < q->o.n_handlers; i++)
		if (sv_eq(sv_from(q->o.handlers[i].kind), kind))
			return &q->o.handlers[i];
	return NULL;
}

static struct sv keep(struct arena *a, const struct db_batch *b, int stmt, size_t row,
		      const char *name)
{
	struct sv v = db_named(b, stmt, row, name);

	return sv_present(v) ? arena_sv(a, v) : v;
}

static int64_t number(const struct db_batch *b, int stmt, size_t row, const char *name)
{
	int64_t v = 0;

	sv_to_i64(db_named(b, stmt, row, name), &v);
	return v;
}

static struct job *job_new(struct job_queue *q, const struct db_batch *b, int stmt, size_t row)
{
	const struct job_handler *h = handler_of(q, db_named(b, stmt, row, "kind"));
	struct arena *a = arena_new();
	struct job *j = ARENA_NEW(a, struct job);

	*j = (struct job){ .arena = a, .queue = q, .program = q->o.program, .handler = h,
		.organization_id = keep(a, b, stmt, row, "organization_id"),
		.key = keep(a, b, stmt, row, "key"),
		.lane = keep(a, b, stmt, row, "lane"),
		.payload = keep(a, b, stmt, row, "payload"),
		.id = number(b, stmt, row, "id"),
		.attempt = (int)number(b, stmt, row, "attempts"),
		.suspect = number(b, stmt, row, "crashes") > 1 };
	j->last = (size_t)j->attempt > h->retry.n;
	j->in_lane = lane_enter(q, j);
	q->under_way[h - q->o.handlers]++;
	q->suspect |= j->suspect;
	q->n_running++;
	TAILQ_INSERT_TAIL(&q->running, j, link);
	return j;
}

static void start_one(struct job *j)
{
	log_begin(sv_from(arena_printf(j->arena, "%s-%lld", j->handler->kind, (long long)j->id)));
	log_tenant(j->organization_id);
	if (j->handler->start)
		j->handler->start(j);
	else
		j->handler->start_all(&j, 1);
	log_end();
}

/* Jobs of one kind stand together, in the order of the table. */
static void start_kind(struct job *const *jobs, size_t n)
{
	if (jobs[0]->handler->start_all) {
		jobs[0]->handler->start_all(jobs, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		start_one(jobs[i]);
}

static void start_rows(struct job_queue *q, const struct db_batch *b)
{
	size_t n = db_rows(b, q->taken), from = 0;
	struct job **jobs = ARENA_ARRAY(db_arena(b), n + 1, struct job *);

	for (size_t i = 0; i < n; i++)
		jobs[i] = job_new(q, b, q->taken, i);
	if (n)
		snprintf(q->after, sizeof(q->after), "%s", jobs[n - 1]->organization_id.p);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && jobs[i]->handler == jobs[from]->handler)
			continue;
		start_kind(jobs + from, i - from);
		from = i;
	}
}

size_t job_start_taken(struct job_queue *q, const struct db_batch *b)
{
	size_t n = db_rows(b, q->taken);

	start_rows(q, b);
	if (q->taken_suspect >= 0 && db_rows(b, q->taken_suspect)) {
		start_one(job_new(q, b, q->taken_suspect, 0));
		n++;
	}
	return n;
}

/* ---- ends ------------------------------------------------------------------------ */

static void ended(struct job *j, enum job_end end, enum metric m)
{
	struct job_queue *q = j->queue;

	j->end = end;
	TAILQ_REMOVE(&q->running, j, link);
	TAILQ_INSERT_TAIL(&q->ended, j, link);
	q->under_way[j->handler - q->o.handlers]--;
	q->n_running--;
	q->suspect &= !j->suspect;
	lane_leave(q, j->in_lane);
	if (end != JOB_RELEASED)
		metrics_add(m, 1);
}

void job_done(struct job *j)
{
	ended(j, JOB_DONE, METRIC_JOBS_DONE);
}

void job_fail(struct job *j, struct sv why, int64_t retry_ms)
{
	bool again = retry_ms >= 0;

	j->why = arena_sv(j->arena, why);
	j->retry_ms = retry_ms;
	log_warn(again ? "a job failed and will be tried again" : "a job failed for good",
		 LOG_C("kind", j->handler->kind), LOG_I("job", j->id),
		 LOG_S("tenant", j->organization_id), LOG_I("attempt", j->attempt),
		 LOG_S("why", j->why), LOG_I("again_in_ms", retry_ms));
	ended(j, again ? JOB_AGAIN : JOB_DEAD, again ? METRIC_JOBS_RETRIED : METRIC_JOBS_FAILED);
}

void job_postpone(struct job *j, struct sv why, int64_t retry_ms)
{
	j->why = arena_sv(j->arena, why);
	j->retry_ms = retry_ms;
	log_debug("a job waits", LOG_C("kind", j->handler->kind), LOG_I("job", j->id),
		  LOG_S("tenant", j->organization_id), LOG_S("why", j->why));
	ended(j, JOB_LATER, METRIC_JOBS_RETRIED);
}

int64_t job_retry_ms(const struct job *j, int retry_after)
{
	uint32_t any;

	crypto_random(&any, sizeof(any));
	return net_retry_delay_ms(&j->handler->retry, (unsigned)j->attempt, retry_after, any);
}

void job_release(struct job *j)
{
	ended(j, JOB_RELEASED, METRIC_JOBS_DONE);
}

static void add_list(struct db_batch *b, const struct job_queue *q, const struct job_list *jobs,
		     enum job_end end, const char *sql)
{
	buf_auto struct buf orgs = BUF_INIT, ids = BUF_INIT;
	const struct job *j;

	TAILQ_FOREACH(j, jobs, link) {
		if (j->end != end)
			continue;
		element(&orgs, j->organization_id);
		element_int(db_arena(b), &ids, j->id);
	}
	if (orgs.n)
		db_add(b, sql, DB_C(q->o.worker), array(&orgs), array(&ids));
}

static enum status write_ends(struct job_queue *q, const struct job_list *jobs, struct arena *a,
			      struct err *e)
{
	struct db_batch *b = db_batch(q->o.db, a);
	bool soon = true;
	struct job *j;

	db_as_self(b);
	TAILQ_FOREACH(j, jobs, link)
		soon &= j->handler->repeatable && !j->write;
	if (soon)
		db_soon(b);
	TAILQ_FOREACH(j, jobs, link)
		if (j->write)
			j->write(j, b);
	add_list(b, q, jobs, JOB_DONE, "select job.done($1, $2, $3)");
	add_list(b, q, jobs, JOB_RELEASED, "select job.release($1, $2, $3)");
	TAILQ_FOREACH(j, jobs, link)
		if (j->end == JOB_AGAIN || j->end == JOB_LATER || j->end == JOB_DEAD)
			db_add(b, "select job.fail($1, $2, $3, $4, $5, $6)", DB_C(q->o.worker),
			       DB_S(j->organization_id), DB_I(j->id), DB_S(j->why),
			       j->end == JOB_DEAD ? DB_NULL : DB_I(j->retry_ms),
			       DB_B(j->end != JOB_LATER));
	return db_run(b, e);
}

static void forget(struct job_list *jobs)
{
	struct job *j;

	while ((j = TAILQ_FIRST(jobs))) {
		TAILQ_REMOVE(jobs, j, link);
		arena_free(j->arena);
	}
}

/* Something in what this job wants to write is refused by the database. */
static void refused(struct job *j, const struct err *e)
{
	struct sv why = err_message(e);

	log_error("the end of a job cannot be written", LOG_C("kind", j->handler->kind),
		  LOG_I("job", j->id), LOG_S("why", why));
	if (!j->write) /* not even the bare end: the reaper will see to it */
		return;
	j->write = NULL;
	j->why = arena_sv(j->arena, why);
	j->retry_ms = job_retry_ms(j, 0);
	j->end = j->retry_ms < 0 ? JOB_DEAD : JOB_AGAIN;
}

/* One by one, after all at once was refused. */
static bool flush_each(struct job_queue *q, struct arena *a)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&q->ended))) {
		struct job_list one = TAILQ_HEAD_INITIALIZER(one);
		bool plain = !j->write;
		struct err e = { 0 };
		enum status st;

		TAILQ_REMOVE(&q->ended, j, link);
		TAILQ_INSERT_TAIL(&one, j, link);
		st = write_ends(q, &one, a, &e);
		if (st && st != ST_UNAVAILABLE)
			refused(j, &e);
		if (!st || (st != ST_UNAVAILABLE && plain)) {
			forget(&one);
			continue;
		}
		TAILQ_REMOVE(&one, j, link);
		TAILQ_INSERT_HEAD(&q->ended, j, link);
		if (st == ST_UNAVAILABLE)
			return false;
	}
	return true;
}

bool job_flush(struct job_queue *q)
{
	struct err e = { 0 };
	struct arena *a;
	enum status st;
	bool good;

	if (TAILQ_EMPTY(&q->ended))
		return true;
	a = arena_new();
	st = write_ends(q, &q->ended, a, &e);
	if (!st)
		forget(&q->ended);
	good = !st || (st != ST_UNAVAILABLE && flush_each(q, a));
	arena_free(a);
	return good;
}

bool job_unflushed(const struct job_queue *q)
{
	return !TAILQ_EMPTY(&q->ended);
}

size_t job_running(const struct job_queue *q)
{
	return q->n_running;
}

void job_release_all(struct job_queue *q)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&q->running)))
		job_release(j);
	if (!job_flush(q)) /* the reaper gives them back */
		forget(&q->ended);
}
