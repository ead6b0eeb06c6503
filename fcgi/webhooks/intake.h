/*
 * kontor-webhooks: takes what providers post, checks that it is theirs, and
 * stores it before saying so. Everything else happens in the worker
 * (channel/, job "inbound").
 *
 * Answers: 200 when it is stored (or was, before); 401 when the signature is
 * missing or wrong, which is counted and leaves no other trace; 400 when a
 * signed body is not what the provider's documents describe; 503 when it
 * could not be stored, so that the provider sends it again.
 */
#ifndef WEBHOOKS_INTAKE_H
#define WEBHOOKS_INTAKE_H

#include "channel/channel.h"
#include "web/web.h"

/* POST and GET /functions/v1/<hook> of every channel that has one. */
http_handler intake_call, intake_handshake;

/* ---- accounts, kept in memory ----------------------------------------- */

/* Active accounts of one type, with their secrets open, ordered by the key
 * that calls name them by. Read again when the database tells of a change,
 * and every 30 s in case it cannot (PgBouncer). */
struct accounts {
	const struct channel *channel;
	struct arena *arena; /* of what follows; NULL: not read yet */
	struct channel_account *v;
	size_t n;
	struct accounts_key {
		struct sv key;
		const struct channel_account *account;
	} *keys;
	size_t n_keys;
	int64_t read_at; /* clock_mono_us */
	bool sealed;     /* a secret of some account could not be opened */
};

/* Those of a channel, fresh. NULL with *e filled when they cannot be read. */
struct accounts *accounts_of(const struct channel *c, struct http_request *rq, struct err *e);
/* NULL when there is none. A miss reads the accounts again, at most once a
 * second, for one that was connected just now. */
const struct channel_account *accounts_find(struct accounts *acc, struct sv key,
					    struct http_request *rq);
/* The only account of that group; NULL: none or several. */
const struct channel_account *accounts_in(const struct accounts *acc, struct sv group);

/* ---- storing and refusing ----------------------------------------------- */

/* Store a call. An empty dedupe is the SHA-256 of the body; a call that is
 * here already changes nothing. */
enum status intake_store(struct http_request *rq, const struct channel_account *acc,
			 struct sv dedupe, struct sv body, struct err *e);
/* The same as a dead letter at once: of an account that is not here (yet), named
 * `unmatched`, with one that has the same app. */
enum status intake_store_dead(struct http_request *rq, const struct channel_account *acc,
			      struct sv body, struct sv error, struct sv unmatched, struct err *e);
/* Fill *e with the 401, count it: at the account, when it is known, else at
 * the type of channel. 503 instead when secrets could not be opened. */
enum status intake_refuse(struct http_request *rq, const struct accounts *of,
			  const struct channel_account *acc, struct err *e);
/* Count something of no account: "unmatched". */
void intake_count(struct http_request *rq, const struct channel *c, const char *what);

#endif
