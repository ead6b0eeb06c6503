/*
 * The job "inbound": a stored call of a provider becomes messages and
 * receipts. Everything that it does may be done again: messages are known by
 * the provider's id, and a status only moves forward.
 */
#include "channel/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"

#define CONTENT_MAX 65536 /* messages.content */
#define NAME_BYTES 200

/* A receipt may overtake the answer to the send that it is about: look for
 * its message again so long after it came. */
#define RECEIPT_PATIENCE 15 /* seconds */

struct hook {
	struct sv state;
	int64_t age; /* seconds */
	struct sv body;
	bool found;
};

static const char load_sql[] =
	"select h.state, h.body, h.received_at,"
	" extract(epoch from clock_timestamp() - h.received_at)::bigint age,"
	" a.type, a.id account, a.external_id account_external_id, a.settings, null secrets"
	" from inbound_hooks h join channel_accounts a"
	"  on a.organization_id = h.organization_id and a.id = h.channel_account_id"
	" where h.id = $1";

static enum status load(struct channel_task *t, struct hook *h, struct err *e)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b, load_sql, DB_S(t->id));
	if (db_run(b, e))
		return e->status;
	h->found = db_rows(b, row) == 1;
	if (!h->found)
		return ST_OK;
	h->state = db_first(b, row, "state");
	sv_to_i64(db_first(b, row, "age"), &h->age);
	t->received_at = db_first(b, row, "received_at");
	h->body = crypto_unhex(a, sv_skip(db_first(b, row, "body"), 2)); /* \x... */
	if (!channel_task_account(t, b, row))
		return err_set(e, a, ST_BAD_INPUT, "There is no channel of that type here");
	return ST_OK;
}

/* The hook's last word; empty error: none. */
static void add_state(struct db_batch *b, const struct channel_task *t, struct sv state,
		      struct sv error)
{
	db_add(b,
	       "update inbound_hooks set state = $2, error = $3, processed_at = now() "
	       "where id = $1 and (state <> $2 or error is distinct from $3)",
	       DB_S(t->id), DB_S(state), DB_OPT(error));
}

/* ---- items ------------------------------------------------------------------- */

static struct sv attachments(struct arena *a, const struct channel_item *it)
{
	json_t *list = channel_json_keep(a, json_array()), *file = json_object();

	json_array_append_new(list, file);
	channel_set(file, "kind", it->attachment_kind);
	channel_set(file, "provider_media_id", it->media_id);
	channel_set(file, "name", channel_clip(it->media_name, NAME_BYTES));
	channel_set(file, "content_type", channel_clip(it->media_type, NAME_BYTES));
	if (it->more_files)
		json_array_extend(list, it->more_files);
	return it->attachment_kind.n ? channel_dump(a, list) : SV("[]");
}

/* The provider's clock is kept beside; the message counts from when it came
 * to us, so that one that was held up for hours does not hide in the past. */
static void note_moment(struct arena *a, const struct channel_item *it)
{
	char *iso = arena_alloc(a, CLOCK_ISO_SIZE);

	if (it->at <= 0 || !it->extra)
		return;
	clock_iso(iso, it->at);
	channel_set(it->extra, "provider_timestamp", sv_from(iso));
}

/* A reaction, an edit, a deletion: of another message, which is asked for in SQL. */
static bool is_change(const struct channel_item *it)
{
	return sv_eq(it->type, SV("reaction")) || sv_eq(it->type, SV("edit")) ||
	       sv_eq(it->type, SV("revoke"));
}

static void add_message(struct db_batch *b, struct channel_task *t, const struct channel_item *it,
			size_t place)
{
	struct arena *a = t->job.arena;

	if (t->account.channel->store) {
		t->account.channel->store(b, &t->account, it, t->received_at);
		return;
	}
	note_moment(a, it);
	db_add(b,
	       is_change(it) ?
		       "select internal.receive_change($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb,"
		       " $10::timestamptz + $12 * interval '1 microsecond', $11::jsonb)" :
		       "select receive_message($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb,"
		       " $10::timestamptz + $12 * interval '1 microsecond', $11::jsonb)",
	       DB_S(t->account.id), DB_C(t->account.channel->handle_kind), DB_S(it->handle),
	       DB_S(it->display_name), DB_S(it->thread), DB_S(it->provider_id), DB_S(it->type),
	       DB_S(channel_clip(it->text, CONTENT_MAX)), DB_S(channel_dump(a, it->extra)),
	       DB_S(t->received_at), DB_S(attachments(a, it)),
	       DB_I((int64_t)place)); /* several in one call keep their order */
	db_add(b,
	       "update channel_accounts set last_in_at = now() "
	       "where id = $1 and (last_in_at is null or last_in_at < now() - interval '1 minute')",
	       DB_S(t->account.id));
}

/* Its name, where calls carry ids alone, is asked for behind the request. */
static void add_profile(struct db_batch *b, const struct channel_task *t,
			const struct channel_item *it)
{
	if (t->account.channel->profile && !it->display_name.n)
		db_add(b, "select internal.profile_wanted($1, $2, $3)", DB_S(t->account.id),
		       DB_C(t->account.channel->handle_kind), DB_S(it->handle));
}

/* False: something that it is about is not here yet. */
static int add_fact(struct db_batch *b, const struct channel_task *t, const struct channel_item *it,
		    size_t place)
{
	struct arena *a = t->job.arena;

	note_moment(a, it);
	return db_add(b,
		      "select internal.channel_fact($1, $2, $3, $4::jsonb, to_timestamp(nullif($5::bigint, 0) / 1000.0),"
		      " $6::timestamptz + $7 * interval '1 microsecond')",
		      DB_S(t->account.id), DB_C(t->account.channel->handle_kind), DB_C(it->fact),
		      DB_S(channel_dump(a, it->extra)), DB_I(it->at), DB_S(t->received_at),
		      DB_I((int64_t)place));
}

static int add_receipt(struct db_batch *b, const struct channel_task *t,
		       const struct channel_item *it)
{
	return db_add(b, "select message_receipt_of($1, $2, $3, $4, $5, $6)", DB_S(t->account.id),
		      DB_S(it->provider_id), DB_OPT(it->message_id), DB_S(it->status),
		      DB_OPT(it->error), DB_OPT(it->error_code));
}

static void add_category(struct db_batch *b, const struct channel_task *t, const struct channel_item *it)
{
	if (it->category.n)
		db_add(b, "select internal.conversation_category($1, $2, $3)", DB_S(t->account.id),
		       DB_S(it->provider_id), DB_S(it->category));
}

static void add_seen(struct db_batch *b, const struct channel_task *t, const struct channel_item *it)
{
	db_add(b, "select messages_seen($1, $2, $3)", DB_S(t->account.id), DB_S(it->thread),
	       DB_I(it->at));
}

struct tally {
	size_t done;	   /* messages and receipts */
	size_t missing;	   /* receipts and facts about messages that are not known */
	struct sv ignored; /* why, of the last one */
};

static void add_items(struct db_batch *b, struct channel_task *t, const struct channel_item *v,
		      size_t n, int *receipts, struct tally *sum)
{
	for (size_t i = 0; i < n; i++) {
		receipts[i] = -1;
		if (v[i].kind == CHANNEL_MESSAGE) {
			add_message(b, t, &v[i], i);
			add_profile(b, t, &v[i]);
		} else if (v[i].kind == CHANNEL_RECEIPT) {
			receipts[i] = add_receipt(b, t, &v[i]);
			add_category(b, t, &v[i]);
		} else if (v[i].kind == CHANNEL_SEEN)
			add_seen(b, t, &v[i]);
		else if (v[i].kind == CHANNEL_FACT)
			receipts[i] = add_fact(b, t, &v[i], i);
		else
			sum->ignored = v[i].why;
		sum->done += v[i].kind != CHANNEL_IGNORED;
	}
}

/* Store items in one transaction; `all` of the hook: with its new state. */
static enum status store(struct channel_task *t, const struct channel_item *v, size_t n, bool all,
			 struct tally *sum, struct err *e)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	int *receipts = ARENA_ARRAY(a, n + 1, int);

	db_as_system(b, t->job.organization_id);
	add_items(b, t, v, n, receipts, sum);
	if (all)
		add_state(b, t, sum->done ? SV("done") : SV("ignored"),
			  sum->done ? SV_NONE : sum->ignored);
	if (db_run(b, e))
		return e->status;
	for (size_t i = 0; i < n; i++)
		sum->missing += receipts[i] >= 0 && sv_eq(db_get(b, receipts[i], 0, 0), SV("f"));
	return ST_OK;
}

/* One item that cannot be stored must not hold up the others of its call. */
static enum status store_one_by_one(struct channel_task *t, const struct channel_items *items,
				    struct err *e)
{
	struct err first = { 0 };
	struct tally sum = { 0 };

	for (size_t i = 0; i < items->n; i++) {
		struct err one = { 0 };

		if (!store(t, &items->v[i], 1, false, &sum, &one))
			continue;
		if (one.status == ST_UNAVAILABLE)
			return (*e = one).status;
		if (!first.status)
			first = one;
	}
	return (*e = first).status;
}

/* ---- the hook ------------------------------------------------------------------ */

static void set_state(struct channel_task *t, struct sv state, struct sv error)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };

	db_as_system(b, t->job.organization_id);
	add_state(b, t, state, error);
	if (db_run(b, &e))
		log_warn("the state of a hook could not be written", LOG_S("hook", t->id),
			 LOG_S("error", err_message(&e)));
}

/* CHA-31: the call stays, with the reason, and can be worked on again. */
static enum channel_next fail(struct channel_task *t, const struct err *e, struct channel_step *out)
{
	enum channel_next next = channel_db_failed(t, e, out);

	if (e->status == ST_BAD_INPUT)
		next = CHANNEL_DEAD;
	if (next == CHANNEL_DEAD)
		set_state(t, SV("failed"), err_message(e));
	return next;
}

/*
 * A receipt of a message that is not known (yet). After the patience it is
 * one of a message that something else sent from this number.
 */
static enum channel_next wait_for_message(struct channel_task *t, struct channel_step *out,
					  int64_t age)
{
	set_state(t, SV("new"), SV_NONE);
	return channel_later(out, age < 2 ? 1 : 5, SV("waits for the message of a receipt"));
}

enum channel_next channel_inbound_step(struct channel_task *t, const struct net_response *r,
				       struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct channel_items items = { 0 };
	struct hook h = { 0 };
	struct tally sum = { 0 };
	struct err e = { 0 };
	json_t *body;

	(void)r;
	if (load(t, &h, &e))
		return fail(t, &e, out);
	if (!h.found || sv_eq(h.state, SV("done")) || sv_eq(h.state, SV("ignored")))
		return CHANNEL_DONE;
	body = channel_json(a, h.body, &e);
	if (!body || t->account.channel->parse(a, &t->account, body, &items, &e))
		return fail(t, &e, out);
	if (store(t, items.v, items.n, true, &sum, &e)) {
		if (e.status == ST_UNAVAILABLE || store_one_by_one(t, &items, &e))
			return fail(t, &e, out);
		set_state(t, SV("done"), SV_NONE);
		return CHANNEL_DONE;
	}
	if (sum.missing && h.age < RECEIPT_PATIENCE)
		return wait_for_message(t, out, h.age);
	return CHANNEL_DONE;
}
