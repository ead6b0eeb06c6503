/*
 * The job "channel_session": an account that is a phone gets paired. The row of
 * channel_sessions says how far that is; the page that somebody has open shows
 * it (channel.session is told to it). The job comes again until the phone is
 * there, or nobody has asked for long.
 */
#include "channel/internal.h"

#define AGAIN_S 3
#define PATIENCE_S 180

static const char load_sql[] =
	"select s.state, extract(epoch from clock_timestamp() - s.asked_at)::bigint age,"
	CHANNEL_ACCOUNT_COLUMNS
	"from channel_sessions s join channel_accounts a"
	"  on a.organization_id = s.organization_id and a.id = s.channel_account_id"
	" where s.channel_account_id = $1 and s.state in ('asked', 'pairing')";

static const char store_sql[] =
	"update channel_sessions set state = $2, qr = $3, error = $4, checked_at = clock_timestamp()"
	" where channel_account_id = $1";

static enum status store(struct channel_task *t, const char *state, struct sv qr, struct sv error,
			 struct err *e)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);

	db_as_system(b, t->job.organization_id);
	db_add(b, store_sql, DB_S(t->id), DB_C(state), DB_OPT(qr), DB_OPT(error));
	if (!strcmp(state, "connected"))
		db_add(b,
		       "update channel_accounts set connection_state = 'Connected', is_active = true,"
		       " last_error = null where id = $1",
		       DB_S(t->id));
	return db_run(b, e);
}

static enum channel_next end(struct channel_task *t, const char *state, struct sv error,
			     struct channel_step *out)
{
	struct err e = { 0 };

	return store(t, state, SV_NONE, error, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

static enum channel_next failed(struct channel_task *t, const struct channel_failure *f,
				struct channel_step *out)
{
	if (f->certainty == CHANNEL_PERMANENT || t->job.last)
		return end(t, "failed", f->text, out);
	return channel_later(out, f->retry_after ? f->retry_after : AGAIN_S, f->text);
}

static enum channel_next go_on(struct channel_task *t, struct channel_step *out)
{
	const struct channel_session *s = &t->session;
	struct err e = { 0 };

	if (s->state == CHANNEL_PAIRED)
		return end(t, "connected", SV_NONE, out);
	if (store(t, "pairing", s->qr, SV_NONE, &e))
		return channel_db_failed(t, &e, out);
	return channel_later(out, AGAIN_S, SV("waits for the phone"));
}

static enum channel_next ask(struct channel_task *t, const struct net_response *r,
			     struct channel_step *out)
{
	struct channel_failure f = { 0 };

	switch (t->account.channel->session(&t->session, r, &out->request, &f)) {
	case CHANNEL_CALL:
		out->request.lane = t->account.id;
		return CHANNEL_CALL;
	case CHANNEL_DONE:
		return go_on(t, out);
	default:
		return failed(t, &f, out);
	}
}

enum channel_next channel_session_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };
	int64_t age = 0;
	int row;

	if (r)
		return ask(t, r, out);
	db_as_system(b, t->job.organization_id);
	row = db_add(b, load_sql, DB_S(t->id));
	if (db_run(b, &e))
		return channel_db_failed(t, &e, out);
	if (!db_rows(b, row) || !channel_task_account(t, b, row) || !t->account.channel->session)
		return CHANNEL_DONE;
	sv_to_i64(db_first(b, row, "age"), &age);
	if (age > PATIENCE_S)
		return end(t, "disconnected", SV("No phone has scanned the code. Try it again"), out);
	t->session = (struct channel_session){ .arena = t->job.arena,
					       .account = &t->account,
					       .start = sv_eq(db_first(b, row, "state"), SV("asked")) };
	return ask(t, NULL, out);
}
