/*
 * What the files of db/ share; nobody else includes this.
 *
 * conn.c opens, watches and closes the connection; cache.c knows which
 * statements the server has; batch.c collects, run.c sends and reads,
 * error.c says what went wrong in words, result.c and json.c read rows.
 */
#ifndef DB_PRIV_H
#define DB_PRIV_H

#include "db/db.h"

#include <libpq-fe.h>

/* ---- cache.c: statements prepared on this connection ---------------- */

#define CACHE_BUCKETS 512
#define CACHE_COMPOSED_MAX 256

struct cached {
	struct cached *next; /* in its bucket */
	uint64_t hash;
	const char *sql;
	bool composed; /* text is ours; may be thrown out */
	bool prepared; /* the server said so */
	bool sent;     /* under way in this pipeline, not confirmed yet */
	uint64_t used; /* number of the pipeline that used it last */
	unsigned number;
};

struct cache {
	struct cached *buckets[CACHE_BUCKETS];
	struct {
		const char *literal;
		struct cached *c;
	} *addresses;
	size_t naddresses, size;  /* size: a power of 2 */
	size_t ncomposed;
	unsigned last_number;
	uint64_t pipeline;
	unsigned *dropped; /* numbers that the server still has but nobody needs */
	size_t ndropped;
};

#define CACHE_NAME_SIZE 16
/* The server's name of a statement: k1, k2 ... */
void cache_name(char out[static CACHE_NAME_SIZE], unsigned number);
/* Say that a pipeline begins. */
void cache_begin(struct cache *c);
/* NULL: not to be prepared (the cache is full of statements in use). */
struct cached *cache_get(struct cache *c, const char *sql, bool composed);
/* The connection is gone, and all prepared statements with it. */
void cache_forget(struct cache *c);
void cache_release(struct cache *c);

/* ---- the connection -------------------------------------------------- */

struct db {
	char *url, *name, *timeout;
	bool prepared, own_settings;
	PGconn *conn;
	bool dying;  /* the server announced that it closes the connection */
	bool opened; /* was connected at least once */
	bool missed; /* notifications may have been lost */
	bool held;   /* a transaction is open between batches */
	const char **channels;
	size_t nchannels;
	struct cache cache;
};

/* Connected and not seen dead; connects when it must. */
enum status conn_ready(struct db *db, struct err *e) WARN_UNUSED;
void conn_close(struct db *db);
enum status conn_unavailable(struct err *e);

/* What startup options do on a direct connection, as a statement: behind
 * PgBouncer each transaction may meet another server connection. */
#define SETTINGS_LOCAL                                 \
	"select set_config('timezone', 'UTC', true),"  \
	" set_config('datestyle', 'ISO, MDY', true),"  \
	" set_config('jit', 'off', true),"             \
	" set_config('statement_timeout',"             \
	" coalesce($1, current_setting('statement_timeout')), true)"

/* ---- a batch --------------------------------------------------------- */

struct column;

struct statement {
	const char *sql;
	bool composed;
	int n;
	const char **values;
	int *lengths, *formats;
	PGresult *result;
	struct column *columns; /* json.c: how each column is written */
};

struct db_batch {
	struct db *db;
	struct arena *arena;
	bool identified, ran, hold;
	struct sv remote; /* address of who asks; absent when there is none */
	struct err bad; /* refused before sending */
	struct statement *statements;
	size_t n, size;
	size_t first; /* statements before the caller's own */
	db_row_fn *row; /* who gets the rows of that statement as they come */
	int streamed;
	void *row_arg;
	PGresult *failure;
	const char *failed_sql;
	struct sv sqlstate, constraint;
};

/* One more statement like that one of another batch in the same arena. */
void batch_repeat(struct db_batch *b, const struct statement *from);

/* ---- after.c --------------------------------------------------------- */

/* A batch failed: write what its refusal leaves behind, if anything. */
void after_refusal(struct db_batch *b);

/* ---- error.c --------------------------------------------------------- */

/* Fill *e from a failed result; logs what only the administrator may see. */
enum status error_map(struct err *e, struct arena *a, const PGresult *r, const char *sql);
/* One field of the result, in the arena; SV_NONE without it. */
struct sv error_field(struct arena *a, const PGresult *r, int field);

#endif
