/*
 * The job "channel_check": do the account's credentials hold? With `subscribe`
 * in its payload: the provider is told where to call.
 *
 * Asked when an account was connected (which makes it active), by the button
 * of its page, and once a day by a timer. What came of it is written by
 * internal.channel_checked; a token that is dead switches the account off
 * before messages fail by it.
 */
#include "channel/internal.h"

#include "base/conf.h"
#include "crypto/crypto.h"

void channel_check_add(struct channel_check *c, const char *what, bool ok, struct sv said,
		       struct sv advice)
{
	json_t *line = json_object();

	if (!c->results)
		c->results = channel_json_keep(c->arena, json_array());
	json_object_set_new(line, "what", json_string(what));
	json_object_set_new(line, "ok", json_boolean(ok));
	channel_set(line, "said", said);
	channel_set(line, "advice", advice);
	json_array_append_new(c->results, line);
}

static const char load_sql[] =
	"select" CHANNEL_ACCOUNT_COLUMNS
	"from channel_accounts a where a.id = $1 and a.deleted_at is null";

static enum status load(struct channel_task *t, bool *found, struct err *e)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	const struct channel *c;
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b, load_sql, DB_S(t->id));
	if (db_run(b, e))
		return e->status;
	*found = db_rows(b, row) == 1 && channel_task_account(t, b, row);
	if (!*found)
		return ST_OK;
	c = t->account.channel;
	t->ask = json_is_true(json_object_get(t->payload, "subscribe")) ? c->subscribe : c->check;
	t->check = (struct channel_check){ .arena = a, .account = &t->account };
	if (c->hook)
		t->check.hook_url = sv_from(arena_printf(a, "%s/functions/v1/%s",
							 conf_str(CONF_base_url), c->hook));
	return ST_OK;
}

static void add_renewed(struct db_batch *b, const struct channel_task *t)
{
	struct arena *a = t->job.arena;

	for (size_t i = 0; i < t->check.n_renewed; i++) {
		const struct channel_secret *s = &t->check.renewed[i];
		const char *context = arena_printf(a, "channel:%.*s:%.*s", SV_ARG(t->account.id),
						   SV_ARG(s->name));

		/* What calls are found by keeps its value: tokens for our side only. */
		db_add(b, "select app.set_channel_secret($1, $2, $3, null)", DB_S(t->account.id),
		       DB_S(s->name), DB_S(crypto_seal(a, sv_from(context), s->value)));
	}
}

/* f: what went wrong, or NULL. */
static enum status save(struct channel_task *t, const struct channel_failure *f, struct err *e)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	const struct channel_check *c = &t->check;

	db_as_system(b, t->job.organization_id);
	if (!f)
		add_renewed(b, t);
	db_add(b,
	       "select internal.channel_checked($1, $2, $3, $4, $5, $6, to_timestamp($7),"
	       " $8::jsonb, $9, $10::jsonb)",
	       DB_S(t->account.id), DB_B(!f), DB_B(f && f->disconnected),
	       DB_OPT(f ? f->text : c->notice), DB_OPT(c->name), DB_OPT(c->external_id),
	       c->expires_at ? DB_I(c->expires_at) : DB_NULL,
	       DB_S(c->settings ? channel_dump(a, c->settings) : SV_NONE),
	       DB_B(t->ask && t->ask == t->account.channel->subscribe),
	       DB_S(c->results ? channel_dump(a, c->results) : SV_NONE));
	return db_run(b, e);
}

static enum channel_next failed(struct channel_task *t, const struct channel_failure *f,
				struct channel_step *out)
{
	struct err e = { 0 };

	if (save(t, f, &e))
		return channel_db_failed(t, &e, out);
	if (f->certainty != CHANNEL_TEMPORARY || f->disconnected || t->job.last)
		return CHANNEL_DONE;
	return channel_retry(t, out, f->retry_after, f->text);
}

static enum channel_next good(struct channel_task *t, struct channel_step *out)
{
	struct err e = { 0 };

	return save(t, NULL, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

enum channel_next channel_check_step(struct channel_task *t, const struct net_response *r,
				     struct channel_step *out)
{
	struct channel_failure f = { 0 };
	enum channel_next next;
	struct err e = { 0 };
	bool found = false;

	if (!r && load(t, &found, &e))
		return channel_db_failed(t, &e, out);
	if (!r && !found)
		return CHANNEL_DONE;
	if (!t->ask)
		return good(t, out); /* nobody can be asked */
	if (t->account.sealed) {
		channel_fail(&f, CHANNEL_PERMANENT, SV("channel"),
			     SV("The channel's secrets cannot be opened. Enter them anew in its "
				"settings"));
		return failed(t, &f, out);
	}
	next = t->ask(&t->check, r, &out->request, &f);
	out->request.lane = sv_from(arena_printf(t->job.arena, "check:%.*s", SV_ARG(t->account.id)));
	if (next == CHANNEL_CALL)
		return next;
	if (t->check.dead) {
		f = *t->check.dead;
		f.disconnected = true;
	}
	return next == CHANNEL_DONE && !t->check.dead ? good(t, out) : failed(t, &f, out);
}
