/* The frame of the tasks. */
#include "channel/internal.h"

#include "base/uuid.h"

static const struct task_kind {
	const char *kind, *id;
	enum channel_next (*step)(struct channel_task *t, const struct net_response *r,
				  struct channel_step *out);
} kinds[] = {
	{ "inbound", "hook_id", channel_inbound_step },
	{ "send_message", "message_id", channel_send_step },
	{ "channel_session", "channel_id", channel_session_step },
	{ "fetch_media", "attachment_id", channel_fetch_step },
	{ "channel_signal", "account_id", channel_signal_step },
	{ "fetch_profile", "contact_id", channel_profile_step },
	{ "sync_templates", "account_id", channel_templates_step },
	{ "submit_template", "template_id", channel_template_step },
	{ "channel_check", "channel_id", channel_check_step },
	{ "message_act", "act_id", channel_act_step },
};

static const struct task_kind *find(struct sv kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (sv_eq(sv_from(kinds[i].kind), kind))
			return &kinds[i];
	return NULL;
}

bool channel_job_kind(struct sv kind)
{
	return find(kind) != NULL;
}

struct channel_task *channel_task_new(const struct channel_job *job)
{
	const struct task_kind *kind = find(job->kind);
	struct channel_task *t = ARENA_NEW(job->arena, struct channel_task);
	struct err e;

	t->job = *job;
	t->payload = channel_json(job->arena, job->payload, &e);
	if (kind) {
		t->step = kind->step;
		t->id = channel_text(job->arena, t->payload, kind->id);
	}
	return t;
}

void channel_task_ahead(struct channel_task *const *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tasks[i]->step != channel_send_step || !uuid_valid(tasks[i]->id))
			return;
	if (n > 1)
		channel_send_ahead(tasks, n);
}

enum channel_next channel_task_step(struct channel_task *t, const struct net_response *answer,
				    struct channel_step *out)
{
	*out = (struct channel_step){ 0 };
	if (!t->step || !uuid_valid(t->id))
		return channel_dead(out, SV("The job's payload names nothing to work on"));
	return t->step(t, answer, out);
}

enum channel_next channel_dead(struct channel_step *out, struct sv text)
{
	out->text = text;
	return CHANNEL_DEAD;
}

enum channel_next channel_later(struct channel_step *out, int after, struct sv text)
{
	out->text = text;
	out->retry_after = after;
	out->uncounted = true;
	return CHANNEL_RETRY;
}

enum channel_next channel_retry(const struct channel_task *t, struct channel_step *out, int after,
				struct sv text)
{
	out->text = text;
	out->retry_after = after;
	return t->job.last ? CHANNEL_DEAD : CHANNEL_RETRY;
}

enum channel_next channel_db_failed(const struct channel_task *t, const struct err *e,
				    struct channel_step *out)
{
	if (e->status == ST_UNAVAILABLE)
		return channel_later(out, e->retry_after, err_message(e));
	return channel_retry(t, out, 0, err_message(e));
}

bool channel_task_account(struct channel_task *t, const struct db_batch *b, int stmt)
{
	const struct channel *c = channel_find(db_first(b, stmt, "type"));

	if (!c)
		return false;
	channel_account_open(&t->account, t->job.arena, c,
			     &(struct channel_account_row){
				     .organization_id = t->job.organization_id,
				     .id = db_first(b, stmt, "account"),
				     .external_id = db_first(b, stmt, "account_external_id"),
				     .settings = db_first(b, stmt, "settings"),
				     .secrets = db_first(b, stmt, "secrets") });
	return true;
}

void channel_account_error(struct db_batch *b, struct sv account, struct sv error,
			   bool disconnected)
{
	db_add(b,
	       "update channel_accounts set last_error = $2, "
	       "connection_state = case when $3 then 'Disconnected' else connection_state end "
	       "where id = $1 and (last_error is distinct from $2 or $3)",
	       DB_S(account), DB_S(error), DB_B(disconnected));
}
