#include "fcgi/webhooks/intake.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

#define MAX_AGE_US (30 * 1000000LL)
#define MISS_AGE_US 1000000LL

static bool listening;
static int64_t changed_at; /* when the database last said so, clock_mono_us */

/* Anything said since the last request? Costs one look at the socket. */
static void hear(struct db *db, struct arena *a)
{
	struct sv channel, payload;
	bool lost = false;
	struct err e;

	if (!listening)
		listening = !db_listen(db, "kontor_channels", a, &e);
	while (db_notified(db, a, &channel, &payload, &lost))
		lost = true;
	if (lost)
		changed_at = clock_mono_us();
}

static int by_key(const void *a, const void *b)
{
	return sv_cmp(((const struct accounts_key *)a)->key, ((const struct accounts_key *)b)->key);
}

static void fill(struct accounts *acc, const struct db_batch *b, int rows)
{
	size_t n = db_rows(b, rows);

	acc->v = ARENA_ARRAY(acc->arena, n + 1, struct channel_account);
	acc->keys = ARENA_ARRAY(acc->arena, n + 1, struct accounts_key);
	for (size_t i = 0; i < n; i++) {
		struct channel_account *one = &acc->v[acc->n++];
		struct accounts_key *k = &acc->keys[acc->n_keys];

		channel_account_open(
			one, acc->arena, acc->channel,
			&(struct channel_account_row){
				.organization_id = db_named(b, rows, i, "organization_id"),
				.id = db_named(b, rows, i, "id"),
				.external_id = db_named(b, rows, i, "external_id"),
				.settings = db_named(b, rows, i, "settings"),
				.secrets = db_named(b, rows, i, "secrets") });
		if (one->sealed)
			log_error("a channel's secret does not open with this master key",
				  LOG_S("channel", one->id), LOG_C("type", acc->channel->type));
		acc->sealed |= one->sealed;
		k->account = one;
		k->key = acc->channel->key ? acc->channel->key(acc->arena, one) : one->external_id;
		acc->n_keys += k->key.n > 0;
	}
	qsort(acc->keys, acc->n_keys, sizeof(*acc->keys), by_key);
}

static void free_arena(void *arena)
{
	arena_free(arena);
}

/* The request under way may still point to the accounts before. */
static enum status reread(struct accounts *acc, struct http_request *rq, struct err *e)
{
	struct accounts fresh = { .channel = acc->channel,
				  .arena = arena_new(),
				  .read_at = clock_mono_us() };
	struct db_batch *b = db_batch(web_of(rq)->db, fresh.arena);
	int rows;

	db_as_self(b);
	rows = db_add(b,
		      "select organization_id, id, external_id, settings, "
		      "(select jsonb_object_agg(s.name, s.sealed) from unnest(c.secret_names, "
		      "c.sealed) s (name, sealed) "
		      " where s.name is not null) secrets from internal.channels_of($1) c",
		      DB_C(acc->channel->type));
	if (db_run(b, e)) {
		arena_free(fresh.arena);
		return e->status;
	}
	fill(&fresh, b, rows);
	if (acc->arena)
		arena_cleanup(rq->arena, free_arena, acc->arena);
	*acc = fresh;
	return ST_OK;
}

/* As many as there are channels: one for each. */
static struct accounts *all;

static struct accounts *slot_of(const struct channel *c)
{
	size_t n = 0;

	while (channels[n])
		n++;
	if (!all)
		all = mem_alloc(n * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		if (channels[i] == c) {
			all[i].channel = c;
			return &all[i];
		}
	return NULL;
}

struct accounts *accounts_of(const struct channel *c, struct http_request *rq, struct err *e)
{
	struct accounts *acc = slot_of(c);

	hear(web_of(rq)->db, rq->arena);
	if (acc->arena && acc->read_at > changed_at && clock_mono_us() - acc->read_at < MAX_AGE_US)
		return acc;
	return reread(acc, rq, e) ? NULL : acc;
}

static const struct channel_account *find(const struct accounts *acc, struct sv key)
{
	struct accounts_key wanted = { .key = key };
	const struct accounts_key *k =
		bsearch(&wanted, acc->keys, acc->n_keys, sizeof(*acc->keys), by_key);

	return k ? k->account : NULL;
}

const struct channel_account *accounts_find(struct accounts *acc, struct sv key,
					    struct http_request *rq)
{
	const struct channel_account *found = find(acc, key);
	struct err e;

	if (found || clock_mono_us() - acc->read_at < MISS_AGE_US)
		return found;
	return reread(acc, rq, &e) ? NULL : find(acc, key);
}

const struct channel_account *accounts_in(const struct accounts *acc, struct sv group)
{
	const struct channel_account *found = NULL;

	for (size_t i = 0; group.n && i < acc->n; i++) {
		if (!sv_eq(acc->v[i].waba_id, group))
			continue;
		if (found)
			return NULL;
		found = &acc->v[i];
	}
	return found;
}
