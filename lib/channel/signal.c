/*
 * The job "channel_signal": the customer is shown that a message was read, or
 * that somebody writes. The payload: {account_id, what: mark_read|typing, to,
 * target}. Nothing of it is stored, and when it cannot be done nothing is lost.
 */
#include "channel/internal.h"

static channel_act_fn *function_of(const struct channel *c, struct sv what)
{
	return sv_eq(what, SV("mark_read")) ? c->mark_read : sv_eq(what, SV("typing")) ? c->typing : NULL;
}

struct signal {
	struct channel_act act;
	channel_act_fn *show;
};

static enum channel_next load(struct channel_task *t, struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	struct signal *own = ARENA_NEW(a, struct signal);
	struct err e = { 0 };
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b,
		     "select" CHANNEL_ACCOUNT_COLUMNS
		     "from channel_accounts a where a.id = $1 and a.is_active", DB_S(t->id));
	if (db_run(b, &e))
		return channel_db_failed(t, &e, out);
	if (db_rows(b, row) != 1 || !channel_task_account(t, b, row))
		return CHANNEL_DONE;
	own->show = function_of(t->account.channel, channel_text(a, t->payload, "what"));
	own->act = (struct channel_act){ .arena = a,
					 .account = &t->account,
					 .to = channel_text(a, t->payload, "to"),
					 .target = channel_text(a, t->payload, "target") };
	t->own = own;
	return own->show ? CHANNEL_CALL : CHANNEL_DONE;
}

enum channel_next channel_signal_step(struct channel_task *t, const struct net_response *r,
				      struct channel_step *out)
{
	struct channel_failure f = { 0 };
	struct signal *own;
	enum channel_next next;

	if (!r) {
		next = load(t, out);
		if (next != CHANNEL_CALL)
			return next;
	}
	own = t->own;
	if (own->show(&own->act, r, &out->request, &f) != CHANNEL_CALL)
		return CHANNEL_DONE;
	out->request.lane = t->account.id;
	return CHANNEL_CALL;
}
