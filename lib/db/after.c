/*
 * What a refusal leaves behind. An exception undoes all that its transaction
 * wrote; yet who is stopped at a gate has asked for an approval by trying. So
 * a "raise" of ours may name what is to be written all the same:
 *
 *	raise exception using errcode = 'KT409', message = ...,
 *		schema = 'afterwards', table = 'request_approval', datatype = '{"deal": ...}';
 *
 * and the same caller, identified by the same first statements, calls
 * internal.afterwards(table, datatype) in a transaction of its own.
 */
#include "db/priv.h"
#include "base/log.h"

#include <string.h>

static bool asks(const PGresult *failure)
{
	const char *schema = PQresultErrorField(failure, PG_DIAG_SCHEMA_NAME);
	const char *where = PQresultErrorField(failure, PG_DIAG_SOURCE_FUNCTION);

	return schema && strcmp(schema, "afterwards") == 0 && where &&
	       strcmp(where, "exec_stmt_raise") == 0;
}

void after_refusal(struct db_batch *b)
{
	struct db_batch *again;
	struct err e = { 0 };
	struct sv why;

	/* Within a transaction that goes on over several batches nobody says
	 * who asks any more. */
	if (!asks(b->failure) || !b->first || b->db->held)
		return;
	again = db_batch(b->db, b->arena);
	again->identified = true;
	for (size_t i = b->hold ? 1 : 0; i < b->first; i++) /* not its "begin" */
		batch_repeat(again, &b->statements[i]);
	again->first = again->n;
	db_add(again, "select internal.afterwards($1, $2::jsonb)",
	       DB_S(error_field(b->arena, b->failure, PG_DIAG_TABLE_NAME)),
	       DB_S(error_field(b->arena, b->failure, PG_DIAG_DATATYPE_NAME)));
	if (db_run(again, &e)) {
		why = err_message(&e);
		log_warn("what a refusal leaves behind was not written", LOG_S("why", why));
	}
}
