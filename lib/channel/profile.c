/*
 * The job "fetch_profile": the name of somebody who wrote for the first time on
 * a channel whose calls carry ids alone. The payload: {contact_id, account_id,
 * handle}. A name that somebody entered meanwhile stays.
 */
#include "channel/internal.h"

#define NAME_BYTES 100

static enum status load(struct channel_task *t, bool *wanted, struct err *e)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct sv account = channel_text(t->job.arena, t->payload, "account_id");
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b,
		     "select" CHANNEL_ACCOUNT_COLUMNS
		     "from channel_accounts a where a.id = $1::uuid and a.is_active"
		     " and exists (select from contacts c where c.id = $2::uuid"
		     "  and (c.first_name is null or c.first_name = 'Unknown')"
		     "  and (c.last_name is null or c.last_name = 'Contact'))",
		     DB_S(account), DB_S(t->id));
	if (db_run(b, e))
		return e->status;
	*wanted = db_rows(b, row) == 1 && channel_task_account(t, b, row) &&
		  t->account.channel->profile;
	return ST_OK;
}

static enum channel_next save(struct channel_task *t, const struct channel_profile *p,
			      struct channel_step *out)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };

	if (!p->first_name.n && !p->last_name.n)
		return CHANNEL_DONE;
	db_as_system(b, t->job.organization_id);
	db_add(b,
	       "update contacts set first_name = $2, last_name = $3 "
	       "where id = $1 and (first_name is null or first_name = 'Unknown')"
	       " and (last_name is null or last_name = 'Contact')",
	       DB_S(t->id), DB_OPT(channel_clip(p->first_name, NAME_BYTES)),
	       DB_OPT(channel_clip(p->last_name, NAME_BYTES)));
	return db_run(b, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

enum channel_next channel_profile_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out)
{
	struct channel_failure f = { 0 };
	struct channel_profile *p = t->own;
	bool wanted = false;
	struct err e = { 0 };

	if (!r) {
		if (load(t, &wanted, &e))
			return channel_db_failed(t, &e, out);
		if (!wanted)
			return CHANNEL_DONE;
		p = t->own = ARENA_NEW(t->job.arena, struct channel_profile);
		*p = (struct channel_profile){ .arena = t->job.arena,
					       .account = &t->account,
					       .handle = channel_text(t->job.arena, t->payload, "handle") };
	}
	switch (t->account.channel->profile(p, r, &out->request, &f)) {
	case CHANNEL_CALL:
		out->request.lane = t->account.id;
		return CHANNEL_CALL;
	case CHANNEL_DONE:
		return save(t, p, out);
	default: /* they may keep it to themselves: nothing is wrong then */
		return f.certainty == CHANNEL_PERMANENT || t->job.last ?
			       CHANNEL_DONE : channel_retry(t, out, f.retry_after, f.text);
	}
}
