/*
 * A change of many records from a list, a slice per turn and transaction, so
 * that nobody waits behind it for long. The payload of the job: {bulk_id}. What
 * is done is marked row by row (internal.bulk_step), so a slice that is begun
 * again does nothing twice.
 */
#include "worker/worker.h"

#define SLICE 1000

void bulk_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };
	int64_t left = 0;
	int n;

	db_as_system(b, j->organization_id);
	n = db_add(b, "select internal.bulk_step(($1::jsonb ->> 'bulk_id')::uuid, $2) as n",
		   DB_S(j->payload), DB_I(SLICE));
	if (db_run(b, &e)) {
		if (e.status == ST_UNAVAILABLE)
			job_postpone(j, err_message(&e), 1000);
		else
			job_fail(j, err_message(&e), job_retry_ms(j, 0));
		return;
	}
	sv_to_i64(db_first(b, n, "n"), &left);
	if (left > 0)
		job_postpone(j, SV("more rows"), 0);
	else
		job_done(j);
}
