/*
 * db: one connection per process, one round trip per request.
 *
 * A batch collects statements, sends them as one pipeline and reads all
 * results. It is one transaction: either everything holds or nothing does,
 * and db_run returns only after the Sync, so that what is answered is
 * committed. The first statement says who is asking (db_as_*); when the
 * database does not accept the credential, the rest is skipped and db_run
 * returns ST_UNAUTHENTICATED.
 *
 *	struct db_batch *b = db_batch(db, rq->arena);
 *	db_as_session(b, rq->session);
 *	int deals = db_add(b, "select id, title from deals where stage = $1", DB_S(stage));
 *	if (db_run(b, e))
 *		return e->status;
 *	for (size_t i = 0; i < db_rows(b, deals); i++)
 *		show(db_get(b, deals, i, 0));
 *
 * SQL text is a literal: it is the key of the statement cache (by address
 * first, then by content) and must outlive the connection. Identifiers that
 * are not literals come only from the schema cache (rest/). Values are
 * parameters, always. Results live in the batch's arena.
 *
 * A connection that was lost is opened again before the next batch; the
 * batch under way fails with ST_UNAVAILABLE and retry_after, because nobody
 * knows whether it was committed.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/buf.h"
#include "base/err.h"

struct db;
struct db_batch;

struct db_options {
	const char *url;               /* libpq connection string */
	const char *name;              /* application_name */
	bool prepared;                 /* keep named statements; off for PgBouncer */
	const char *statement_timeout; /* "15s"; NULL = the server's */
	bool own_settings;             /* the time zone stays as the server has it */
};

/* Does not connect yet. */
struct db *db_new(const struct db_options *o);
void db_free(struct db *db);
/* From the settings db_url, db_prepared, db_statement_timeout. */
struct db *db_from_conf(const char *name);

/* ---- values -------------------------------------------------------- */

enum db_kind { DB_NULL_, DB_TEXT_, DB_BYTES_, DB_INT_, DB_BOOL_ };

struct db_value {
	enum db_kind kind;
	struct sv text;
	int64_t number;
};

struct db_value db_text_or_null(const char *cstr);

static inline struct db_value db_text(struct sv v)
{
	return (struct db_value){ .kind = sv_present(v) ? DB_TEXT_ : DB_NULL_, .text = v };
}

/* Text where the empty form field means "nothing". */
static inline struct db_value db_text_if_any(struct sv v)
{
	return (struct db_value){ .kind = v.n ? DB_TEXT_ : DB_NULL_, .text = v };
}

#define DB_S(v) db_text(v)
#define DB_C(v) db_text_or_null(v) /* a C string; NULL = null */
/* bytea; not copied: the bytes must stay until db_run. All else is copied. */
#define DB_BYTES(v) ((struct db_value){ .kind = DB_BYTES_, .text = (v) })
#define DB_I(v) ((struct db_value){ .kind = DB_INT_, .number = (v) })
#define DB_B(v) ((struct db_value){ .kind = DB_BOOL_, .number = (v) })
#define DB_NULL ((struct db_value){ .kind = DB_NULL_ })
#define DB_OPT(v) db_text_if_any(v)

/* ---- batches ------------------------------------------------------- */

struct db_batch *db_batch(struct db *db, struct arena *a);
/* The arena that it was made in, where its results are. */
struct arena *db_arena(const struct db_batch *b);

/* Where the request comes from, for what is written down about it (setting
 * kontor.addr, read by triggers); before db_as_*. */
void db_remote(struct db_batch *b, struct sv addr);
/* Who asks. Exactly one of these comes first. Tokens go to the database as
 * their SHA-256 only. */
void db_as_session(struct db_batch *b, struct sv session_token);
void db_as_api_key(struct db_batch *b, struct sv api_key, struct sv remote_addr);
/* Payload of a JWT whose signature was checked. */
void db_as_claims(struct db_batch *b, struct sv claims_json);
/* The program itself, for one tenant (intake, jobs). */
void db_as_system(struct db_batch *b, struct sv organization_id);
/* A visitor: role anon, which may only execute public_* functions. */
void db_as_public(struct db_batch *b);
/* By a statement of the caller's own, which sets the role and whatever else
 * holds for the transaction; sql is a literal or lives as long as db. */
void db_as(struct db_batch *b, const char *sql, size_t n, const struct db_value *params);
/* No identity at all: the login role as it is (migrations, queue, tests). */
void db_as_self(struct db_batch *b);

/* After the identity: db_run returns before the commit is on the disk. A crash of the
 * database may lose it, not one of the program. For what is done again anyway. */
void db_soon(struct db_batch *b);

/* Append a statement; returns its index for db_rows and db_get. */
int db_addv(struct db_batch *b, const char *sql, size_t n, const struct db_value *params);
#define db_add(b, sql, ...)                                                                \
	db_addv((b), (sql), sizeof((struct db_value[]){ DB_NULL __VA_OPT__(, ) __VA_ARGS__ }) / \
			    sizeof(struct db_value) - 1,                                   \
		(struct db_value[]){ DB_NULL __VA_OPT__(, ) __VA_ARGS__ } + 1)
/* The same for text that was composed (rest/): it is copied. */
int db_add_composed(struct db_batch *b, struct sv sql, size_t n, const struct db_value *params);

/*
 * Send, wait for the commit, read; once per batch. On failure results read as
 * empty, and *e says why, for the person who asked: SQL that raises KTnnn
 * (nnn an HTTP status) or P0001 chooses the words itself, constraints are
 * named, and what is our fault (ST_INTERNAL) goes to the log instead.
 */
enum status db_run(struct db_batch *b, struct err *e) WARN_UNUSED;
/* SQLSTATE and constraint of the last failure of this batch, or empty. */
struct sv db_sqlstate(const struct db_batch *b);
struct sv db_constraint(const struct db_batch *b);
/* What the server itself said of it, for answers in PostgREST's form. */
enum db_server_part { DB_MESSAGE, DB_DETAIL, DB_HINT };
struct sv db_server_text(const struct db_batch *b, enum db_server_part part);

/*
 * A transaction over several batches, for the few requests that need one
 * (Idempotency-Key): db_hold before the identity keeps it open after db_run;
 * batches of the same connection then belong to it. db_as_held goes on in it,
 * as whom it was begun; with db_commit as the last statement it ends there.
 * A batch that fails ends it too, and so does db_let_go: all is undone.
 */
void db_hold(struct db_batch *b);
void db_as_held(struct db_batch *b);
void db_commit(struct db_batch *b);
/* The same, but as if nothing had happened. */
void db_rollback(struct db_batch *b);
bool db_is_held(const struct db *db);
void db_let_go(struct db *db);

/*
 * Answers too large to be kept: each row of that statement is handed over as
 * it comes and then forgotten, so db_rows of it is 0 afterwards. It is row
 * `row` for db_get and its like while the function runs. Rows come before
 * anybody knows whether the batch holds: db_run still says that.
 */
typedef void db_row_fn(void *arg, const struct db_batch *b, int stmt, size_t row);
void db_stream(struct db_batch *b, int stmt, db_row_fn *row, void *arg);

/* ---- results ------------------------------------------------------- */

size_t db_rows(const struct db_batch *b, int stmt);
size_t db_cols(const struct db_batch *b, int stmt);
/* Rows that an insert, update or delete touched. */
int64_t db_affected(const struct db_batch *b, int stmt);
/* SIZE_MAX when there is no such column. */
size_t db_col(const struct db_batch *b, int stmt, struct sv name);
struct sv db_col_name(const struct db_batch *b, int stmt, size_t col);
unsigned db_col_type(const struct db_batch *b, int stmt, size_t col); /* type oid */
/* The text form; SV_NONE for null. */
struct sv db_get(const struct db_batch *b, int stmt, size_t row, size_t col);
/* By name, from the first row; SV_NONE when null, absent or no rows. */
struct sv db_first(const struct db_batch *b, int stmt, const char *name);
struct sv db_named(const struct db_batch *b, int stmt, size_t row, const char *name);

/*
 * One value as JSON by its type: numbers, booleans and json bare, timestamps
 * as PostgREST writes them (2025-01-15T12:34:56.789+00:00), arrays of built-in
 * types as JSON arrays, everything else as a string, null as null. Arrays of
 * enums, domains and extension types have no fixed oid: cast them to text[].
 */
void db_json_value(struct buf *out, const struct db_batch *b, int stmt, size_t row, size_t col);
/* {"col":value,...} for one row; [{...},...] for all. */
void db_json_row(struct buf *out, const struct db_batch *b, int stmt, size_t row);
/* The same of its first n columns. */
void db_json_cells(struct buf *out, const struct db_batch *b, int stmt, size_t row, size_t n);
void db_json_rows(struct buf *out, const struct db_batch *b, int stmt);

/* ---- notifications and bulk, for the worker ------------------------- */

/* Connect now; the socket, for poll. -1 while not connected. */
enum status db_connect(struct db *db, struct arena *a, struct err *e) WARN_UNUSED;
int db_fd(const struct db *db);
/* Subscribe; repeated by itself after a reconnect. channel is a literal. */
enum status db_listen(struct db *db, const char *channel, struct arena *a,
		      struct err *e) WARN_UNUSED;
/* Next pending notification: true with channel and payload (in the arena).
 * Does not wait. *reconnected is set, and never cleared here, when some may
 * have been missed. When the connection is seen lost, db_fd becomes -1: call
 * db_connect. */
bool db_notified(struct db *db, struct arena *a, struct sv *channel, struct sv *payload,
		 bool *reconnected);
/* COPY ... FROM STDIN with ready-made text rows, in a transaction of its own. */
enum status db_copy(struct db *db, struct arena *a, const char *sql, struct sv rows,
		    struct err *e) WARN_UNUSED;

#endif
