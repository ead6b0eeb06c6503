/*
 * job: the queue, as the worker sees it.
 *
 * A job is a row of job.jobs; whoever wants something done later inserts one
 * (job.enqueue) in the transaction of the cause. The worker takes jobs in
 * fair turns over the tenants, and the table of handlers says what to do with
 * each kind:
 *
 *	static struct job_handler handlers[] = {
 *		{ .kind = "mail", .start = mail_start, .room = 8, .lane_room = 8,
 *		  .retry = { mail_steps, 5, 20, 86400 } },
 *	};
 *
 * start() begins a job and returns soon; the job ends later, exactly once, by
 * job_done, job_fail or job_release: from start itself, or from the callback
 * of an outgoing call. What the end writes (job->write) is committed together
 * with the end, and is written again when nobody knows whether the commit
 * arrived; so it must ask job.held first, or be harmless twice.
 *
 * Attempts are counted when a job is taken. A job over which workers died
 * twice is a suspect, of which one runs at a time; at the tenth death it is dead.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "db/db.h"
#include "net/retry.h"

#include <sys/queue.h>

struct job;
struct job_queue;

struct job_handler {
	const char *kind;
	/* One of the two: each job by itself, or all of a turn at once. */
	void (*start)(struct job *j);
	void (*start_all)(struct job *const *jobs, size_t n);
	int room;      /* jobs of this kind under way at once */
	int lane_room; /* of those, in one lane of one tenant */
	struct net_schedule retry; /* dead after retry.n + 1 attempts */
	/* Done once more it changes nothing: its end need not be on the disk at once. */
	bool repeatable;
};

enum job_end { JOB_DONE, JOB_AGAIN, JOB_LATER, JOB_DEAD, JOB_RELEASED };

struct job {
	struct arena *arena; /* lives until the end is committed */
	void *program;       /* job_options.program */
	const struct job_handler *handler;
	struct sv organization_id, key, lane;
	struct sv payload; /* JSON */
	int64_t id;
	int attempt;  /* 1 is the first */
	bool last;    /* no further attempt will follow */
	bool suspect; /* a worker died over it more than once */
	/* Set before the end: adds statements to the transaction of the end. */
	void (*write)(struct job *j, struct db_batch *b);
	void *state; /* the handler's own */

	/* the queue's own */
	struct job_queue *queue;
	struct job_lane *in_lane;
	enum job_end end;
	int64_t retry_ms;
	struct sv why;
	TAILQ_ENTRY(job) link;
};

/* The work is done, whatever its outcome: the job goes. */
void job_done(struct job *j);
/* It failed: again in retry_ms, or never when that is negative. `why` is kept
 * with the job; no secret in it. */
void job_fail(struct job *j, struct sv why, int64_t retry_ms);
/* The same without counting the attempt: nobody's fault, or the receiver said
 * when to come back. */
void job_postpone(struct job *j, struct sv why, int64_t retry_ms);
/* Milliseconds until the next attempt by the handler's schedule and what the
 * receiver said (seconds, 0 = nothing); -1 after the last one. */
int64_t job_retry_ms(const struct job *j, int retry_after);
/* It was not tried (shut-down): another worker takes it at once. */
void job_release(struct job *j);

/* ---- for the worker's main loop --------------------------------------- */

struct job_options {
	struct db *db;      /* logs in as kontor_worker */
	const char *worker; /* a name that no other process has */
	const struct job_handler *handlers;
	size_t n_handlers;
	void *program;
};

struct job_queue *job_queue_new(const struct job_options *o);
/* Jobs under way must have ended. */
void job_queue_free(struct job_queue *q);

/* Statements of a batch as the program itself (db_as_self) that take what
 * there is room for; job_start_taken begins the jobs after the batch was run
 * and returns how many there were. */
void job_take(struct job_queue *q, struct db_batch *b);
size_t job_start_taken(struct job_queue *q, const struct db_batch *b);

/* Commit the ends. false when the database is out of reach; they are kept. */
bool job_flush(struct job_queue *q);
/* Ended, but not committed yet. */
bool job_unflushed(const struct job_queue *q);
/* Begun and not ended. */
size_t job_running(const struct job_queue *q);
/* Jobs that were taken and not ended go back to the queue; called last, when
 * no callback can come any more. */
void job_release_all(struct job_queue *q);

#endif
