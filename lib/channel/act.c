/*
 * The job "message_act": a reaction, other words, or taking back, of a message
 * that the provider knows. The row in message_acts says how it ended; what that
 * means for the message is SQL's (internal.act_ended).
 */
#include "channel/internal.h"

static const char load_sql[] =
	"select x.kind, x.emoji, x.content, m.external_id target,"
	" extract(epoch from now() - m.created_at)::bigint age,"
	" (select t.kind from message_attachments t where t.organization_id = m.organization_id"
	"  and t.message_id = m.id order by t.position limit 1) file_kind,"
	" case when c.channel_account_id = a.id then c.external_id end thread,"
	" p.phones[1] phone,"
	" (select jsonb_object_agg(h.kind, h.value order by h.created_at)"
	"  from contact_handles h where h.organization_id = m.organization_id"
	"  and h.contact_id = m.contact_id) handles,"
	CHANNEL_ACCOUNT_COLUMNS
	"from message_acts x"
	" join messages m on m.organization_id = x.organization_id and m.id = x.message_id"
	" join conversations c"
	"  on c.organization_id = m.organization_id and c.id = m.conversation_id"
	" left join contacts p on p.organization_id = m.organization_id and p.id = m.contact_id"
	" join channel_accounts a"
	"  on a.organization_id = m.organization_id and a.id = m.channel_account_id"
	" where x.id = $1 and x.state = 'waiting'";

static enum channel_next end(struct channel_task *t, struct sv error, struct channel_step *out)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };

	db_as_system(b, t->job.organization_id);
	db_add(b, "select internal.act_ended($1, $2)", DB_S(t->id), DB_OPT(error));
	return db_run(b, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

static enum channel_next failed(struct channel_task *t, const struct channel_failure *f,
				struct channel_step *out)
{
	/* Twice is once here, so what is not certain is tried again as well. */
	if (f->certainty == CHANNEL_PERMANENT || (t->job.last && !f->retry_after))
		return end(t, f->text, out);
	channel_later(out, f->retry_after, f->text);
	out->uncounted = f->retry_after > 0;
	return CHANNEL_RETRY;
}

static enum channel_next ask(struct channel_task *t, const struct net_response *r,
			     struct channel_step *out, struct channel_failure *f)
{
	enum channel_next next = t->do_act(&t->act, r, &out->request, f);

	out->request.lane = t->account.id;
	return next;
}

/* Which function, and until when the provider lets one do it. */
static channel_act_fn *function_of(const struct channel *c, struct sv kind, int *hours)
{
	*hours = 0;
	if (sv_eq(kind, SV("react")))
		return c->react;
	*hours = sv_eq(kind, SV("edit")) ? c->edit_hours : c->revoke_hours;
	return sv_eq(kind, SV("edit")) ? c->edit : c->revoke;
}

static enum channel_next begin(struct channel_task *t, struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	struct channel_failure f = { 0 };
	struct err e = { 0 };
	enum channel_next next;
	int64_t age = 0;
	int row, hours;

	db_as_system(b, t->job.organization_id);
	row = db_add(b, load_sql, DB_S(t->id));
	if (db_run(b, &e))
		return channel_db_failed(t, &e, out);
	if (!db_rows(b, row))
		return CHANNEL_DONE;
	if (!channel_task_account(t, b, row))
		return end(t, SV("The channel of the message is not connected any more"), out);
	t->do_act = function_of(t->account.channel, db_first(b, row, "kind"), &hours);
	sv_to_i64(db_first(b, row, "age"), &age);
	if (!t->do_act)
		return end(t, SV("This channel does not allow it"), out);
	if (hours && age >= hours * INT64_C(3600))
		return end(t, SV("The channel does not allow it so long after the message was sent"), out);
	t->act = (struct channel_act){ .arena = a,
				       .account = &t->account,
				       .to = channel_recipient(t, b, row),
				       .target = db_first(b, row, "target"),
				       .kind = db_first(b, row, "file_kind"),
				       .text = sv_eq(db_first(b, row, "kind"), SV("react")) ?
						       db_first(b, row, "emoji") :
						       db_first(b, row, "content") };
	if (!t->act.target.n)
		return end(t, SV("The provider has not said which message it is"), out);
	next = ask(t, NULL, out, &f);
	return next == CHANNEL_CALL ? next : failed(t, &f, out);
}

enum channel_next channel_act_step(struct channel_task *t, const struct net_response *r,
				   struct channel_step *out)
{
	struct channel_failure f = { 0 };

	if (!r)
		return begin(t, out);
	switch (ask(t, r, out, &f)) {
	case CHANNEL_CALL:
		return CHANNEL_CALL;
	case CHANNEL_DONE:
		return end(t, SV_NONE, out);
	default:
		return failed(t, &f, out);
	}
}
