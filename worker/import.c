/*
 * An import whose request is over: sent to be done later, or left behind by a
 * program that died. The payload of the job: {import_id}. A slice per turn, so
 * that other work goes on in between; import_step is harmless when somebody
 * else is still at it, or through.
 */
#include "worker/worker.h"

#define SLICE 1000

void import_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };
	int64_t left = 0;
	int n;

	db_as_system(b, j->organization_id);
	n = db_add(b, "select internal.import_step(($1::jsonb ->> 'import_id')::uuid, $2) as n",
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
