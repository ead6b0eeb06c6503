/*
 * Scores of leads, computed anew: after a change of their weights, and every
 * day where signals fade. A job does some hundred leads and leaves the next
 * job behind (internal.lead_rescore). The payload: {after}, an id or nothing.
 */
#include "worker/worker.h"

void lead_scores_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };

	db_as_system(b, j->organization_id);
	db_add(b, "select internal.lead_rescore(($1::jsonb ->> 'after')::uuid)", DB_S(j->payload));
	if (!db_run(b, &e))
		job_done(j);
	else if (e.status == ST_UNAVAILABLE)
		job_postpone(j, err_message(&e), 1000);
	else
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
}
