/* Asks a customer how he was served: puts the message with its link into the
 * queue of messages. The payload of the job: {survey_id}. */
#include "worker/worker.h"

#include "base/conf.h"

void csat_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };

	db_as_system(b, j->organization_id);
	db_add(b, "select internal.csat_send(($1::jsonb ->> 'survey_id')::uuid, $2)", DB_S(j->payload),
	       DB_C(conf_str(CONF_base_url)));
	if (!db_run(b, &e))
		job_done(j);
	else if (e.status == ST_UNAVAILABLE)
		job_postpone(j, err_message(&e), 1000);
	else
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
}
