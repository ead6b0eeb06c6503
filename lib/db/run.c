#include "db/priv.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* What one answer of the server belongs to. */
struct step {
	struct statement *statement; /* NULL: a prepare or a deallocate */
	struct cached *prepare;
};

struct steps {
	struct step *v;
	size_t n;
	size_t deallocated; /* at the end of the pipeline; see drop_unused */
};

static void push(struct steps *s, struct statement *statement, struct cached *prepare)
{
	s->v[s->n++] = (struct step){ statement, prepare };
}

/* ---- sending --------------------------------------------------------- */

static bool send_prepare(PGconn *conn, struct steps *steps, struct cached *c)
{
	char name[CACHE_NAME_SIZE];

	if (c->prepared || c->sent)
		return true;
	cache_name(name, c->number);
	push(steps, NULL, c);
	c->sent = true;
	return PQsendPrepare(conn, name, c->sql, 0, NULL);
}

static bool send_statement(struct db *db, struct steps *steps, struct statement *s)
{
	struct cached *c = db->prepared ? cache_get(&db->cache, s->sql, s->composed) : NULL;
	char name[CACHE_NAME_SIZE];

	if (!c) {
		push(steps, s, NULL);
		return PQsendQueryParams(db->conn, s->sql, s->n, NULL, s->values, s->lengths,
					 s->formats, 0);
	}
	if (!send_prepare(db->conn, steps, c))
		return false;
	cache_name(name, c->number);
	push(steps, s, NULL);
	return PQsendQueryPrepared(db->conn, name, s->n, s->values, s->lengths, s->formats, 0);
}

/* Statements thrown out of the cache go from the server behind the work, so
 * that they are known to be gone exactly when the pipeline held. */
static bool drop_unused(struct db *db, struct steps *steps)
{
	struct cache *c = &db->cache;

	while (steps->deallocated < c->ndropped) {
		char sql[16 + CACHE_NAME_SIZE];

		snprintf(sql, sizeof(sql), "deallocate k%u", c->dropped[steps->deallocated++]);
		push(steps, NULL, NULL);
		if (!PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 0))
			return false;
	}
	return true;
}

/*
 * Nothing here waits: libpq keeps what the socket does not take, and
 * wait_result sends the rest while it reads. So neither side can wait for
 * the other, however large the parameters are.
 */
static bool send_batch(struct db_batch *b, struct steps *steps)
{
	struct db *db = b->db;

	if (!PQenterPipelineMode(db->conn))
		return false;
	cache_begin(&db->cache);
	for (size_t i = 0; i < b->n; i++)
		if (!send_statement(db, steps, &b->statements[i]))
			return false;
	return drop_unused(db, steps) && PQpipelineSync(db->conn);
}

/* ---- reading --------------------------------------------------------- */

/* Send and read until a result is there; false when the connection broke. */
static bool wait_result(PGconn *conn)
{
	while (PQisBusy(conn)) {
		struct pollfd p = { .fd = PQsocket(conn), .events = POLLIN };
		int more = PQflush(conn);

		if (more < 0 || p.fd < 0)
			return false;
		if (more)
			p.events |= POLLOUT;
		if (poll(&p, 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if ((p.revents & ~POLLOUT) && !PQconsumeInput(conn))
			return false;
	}
	return true;
}

static void clear_result(void *result)
{
	PQclear(result);
}

static void fail(struct db_batch *b, const struct step *step, PGresult *r)
{
	if (b->failure) { /* the first one is the cause */
		PQclear(r);
		return;
	}
	arena_cleanup(b->arena, clear_result, r);
	b->failure = r;
	b->failed_sql = !step ? "commit" :
			step->statement ? step->statement->sql :
			step->prepare ? step->prepare->sql : "deallocate";
}

/* ---- rows that are not kept ------------------------------------------- */

static bool is_streamed(const struct db_batch *b, const struct step *step)
{
	return b->row && step && step->statement == &b->statements[b->first + (size_t)b->streamed];
}

static void hand_over(struct db_batch *b, struct statement *s, PGresult *r)
{
	int n = PQntuples(r);

	s->result = r;
	for (int i = 0; i < n && !b->failure; i++)
		b->row(b->row_arg, b, b->streamed, (size_t)i);
	s->result = NULL;
	PQclear(r);
}

/* false: the connection is in no state to go on with. */
static bool take(struct db_batch *b, const struct step *step, PGresult *r)
{
	switch (PQresultStatus(r)) {
	case PGRES_SINGLE_TUPLE:
		hand_over(b, step->statement, r);
		return true;
	case PGRES_TUPLES_OK:
		if (is_streamed(b, step) && PQntuples(r)) {
			hand_over(b, step->statement, r);
			return true;
		}
		/* fall through */
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		if (step && step->prepare)
			step->prepare->prepared = true;
		if (step && step->statement && !step->statement->result) {
			step->statement->result = r;
			arena_cleanup(b->arena, clear_result, r);
			return true;
		}
		PQclear(r);
		return true;
	case PGRES_PIPELINE_ABORTED:
		PQclear(r);
		return true;
	case PGRES_FATAL_ERROR:
		fail(b, step, r);
		return true;
	default: /* COPY has no place in a pipeline */
		fail(b, step, r);
		return false;
	}
}

/*
 * Each step's results end with a NULL; behind the last one come, when the
 * commit failed (deferred constraints), an error, and in any case the sync.
 * Only the sync says that everything holds.
 */
static bool read_results(struct db_batch *b, const struct steps *steps)
{
	PGconn *conn = b->db->conn;
	size_t at = 0, told = SIZE_MAX;

	for (int idle = 0; idle < 4;) {
		PGresult *r;

		/* Has to be said between the results of two statements; where it
		 * comes too late the rows come all at once. */
		if (at < steps->n && at != told && is_streamed(b, &steps->v[at])) {
			PQsetSingleRowMode(conn);
			told = at;
		}
		if (!wait_result(conn))
			return false;
		r = PQgetResult(conn);
		if (!r) {
			if (at < steps->n)
				at++;
			else
				idle++;
			continue;
		}
		if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			return PQexitPipelineMode(conn) && PQstatus(conn) == CONNECTION_OK;
		}
		if (!take(b, at < steps->n ? &steps->v[at] : NULL, r))
			return false;
	}
	return false;
}

/* ---- the whole ------------------------------------------------------- */

/* true when the pipeline was read to its sync, whatever it brought. */
static bool attempt(struct db_batch *b)
{
	struct db *db = b->db;
	/* Each statement: itself, its prepare, and one that it threw out. */
	size_t most = b->n * 3 + db->cache.ndropped;
	struct steps steps = { .v = ARENA_ARRAY(b->arena, most, struct step) };
	bool synced = send_batch(b, &steps) && read_results(b, &steps);

	for (size_t i = 0; i < steps.n; i++)
		if (steps.v[i].prepare)
			steps.v[i].prepare->sent = false;
	if (!synced) {
		log_warn("lost the database connection",
			 LOG_S("reason", sv_trim(sv_from(PQerrorMessage(db->conn)))));
		conn_close(db);
	} else if (!b->failure && steps.deallocated) {
		memmove(db->cache.dropped, db->cache.dropped + steps.deallocated,
			(db->cache.ndropped - steps.deallocated) * sizeof(*db->cache.dropped));
		db->cache.ndropped -= steps.deallocated;
	}
	return synced;
}

static bool in_transaction(const struct db *db)
{
	return db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE;
}

void db_let_go(struct db *db)
{
	db->held = false;
	if (!in_transaction(db))
		return;
	PQclear(PQexec(db->conn, "rollback"));
	if (in_transaction(db))
		conn_close(db);
}

/* What the batch leaves: nothing open, unless it holds its transaction. */
static void settle(struct db_batch *b, bool held)
{
	struct db *db = b->db;

	db->held = (b->hold || db->held) && held && in_transaction(db);
	if (!db->held)
		db_let_go(db);
}

/* After a migration: a prepared statement whose columns changed, or that is
 * gone. Nothing of the batch was committed, so it may run again. */
static bool outdated(const struct db_batch *b)
{
	const char *state, *where;

	if (!b->failure || !b->db->prepared)
		return false;
	state = PQresultErrorField(b->failure, PG_DIAG_SQLSTATE);
	where = PQresultErrorField(b->failure, PG_DIAG_SOURCE_FUNCTION);
	if (!state)
		return false;
	if (strcmp(state, "26000") == 0)
		return true;
	return strcmp(state, "0A000") == 0 && where && strcmp(where, "RevalidateCachedQuery") == 0;
}

static enum status attempt_twice(struct db_batch *b, bool *synced, struct err *e)
{
	/* A held transaction is lost with its connection; nothing runs again. */
	bool held = b->db->held;
	enum status st = held && !b->db->conn ? conn_unavailable(e) : held ? ST_OK : conn_ready(b->db, e);

	if (st)
		return st;
	*synced = attempt(b);
	if (held || !*synced || !outdated(b))
		return ST_OK;
	b->failure = NULL;
	for (size_t i = 0; i < b->n; i++)
		b->statements[i].result = NULL;
	conn_close(b->db);
	st = conn_ready(b->db, e);
	if (!st)
		*synced = attempt(b);
	return st;
}

enum status db_run(struct db_batch *b, struct err *e)
{
	bool synced = false;
	enum status st;

	assert(b->identified && !b->ran);
	b->ran = true;
	if (b->bad.status) {
		*e = b->bad;
		return e->status;
	}
	st = attempt_twice(b, &synced, e);
	settle(b, !st && synced && !b->failure);
	if (!st && synced && !b->failure)
		return ST_OK;
	if (!st && synced)
		after_refusal(b);
	for (size_t i = 0; i < b->n; i++)
		b->statements[i].result = NULL;
	if (b->failure) {
		b->sqlstate = error_field(b->arena, b->failure, PG_DIAG_SQLSTATE);
		b->constraint = error_field(b->arena, b->failure, PG_DIAG_CONSTRAINT_NAME);
	}
	if (!sv_present(b->sqlstate))
		b->sqlstate = st ? SV("08001") : SV("08006");
	if (!st)
		st = synced ? error_map(e, b->arena, b->failure, b->failed_sql) :
			      conn_unavailable(e);
	return st;
}

struct sv db_sqlstate(const struct db_batch *b)
{
	return b->sqlstate;
}

struct sv db_constraint(const struct db_batch *b)
{
	return b->constraint;
}

struct sv db_server_text(const struct db_batch *b, enum db_server_part part)
{
	static const int fields[] = {
		[DB_MESSAGE] = PG_DIAG_MESSAGE_PRIMARY,
		[DB_DETAIL] = PG_DIAG_MESSAGE_DETAIL,
		[DB_HINT] = PG_DIAG_MESSAGE_HINT,
	};

	return b->failure ? error_field(b->arena, b->failure, fields[part]) : SV_NONE;
}
