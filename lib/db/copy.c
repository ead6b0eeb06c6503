#include "db/priv.h"
#include "base/log.h"

#define CHUNK 65536

/* One string, so one transaction; libpq stops at the COPY's start. */
static PGresult *begin_copy(const struct db *db, struct arena *a, const char *sql)
{
	const char *timeout = db->timeout ? db->timeout : "";
	char *quoted;
	PGresult *r;

	if (db->prepared)
		return PQexec(db->conn, sql);
	quoted = PQescapeLiteral(db->conn, timeout, sv_from(timeout).n);
	if (!quoted)
		return NULL;
	r = PQexec(db->conn,
		   arena_printf(a,
				"select set_config('timezone', 'UTC', true),"
				" set_config('datestyle', 'ISO, MDY', true),"
				" set_config('statement_timeout', coalesce(nullif(%s, ''),"
				" current_setting('statement_timeout')), true); %s",
				quoted, sql));
	PQfreemem(quoted);
	return r;
}

static bool send_rows(PGconn *conn, struct sv rows)
{
	for (size_t at = 0; at < rows.n; at += CHUNK) {
		size_t n = rows.n - at < CHUNK ? rows.n - at : CHUNK;

		if (PQputCopyData(conn, rows.p + at, (int)n) != 1)
			return false;
	}
	return PQputCopyEnd(conn, NULL) == 1;
}

/* The first failure among the results that are left, or the last result. */
static PGresult *finish(PGconn *conn)
{
	PGresult *kept = NULL, *r;

	while ((r = PQgetResult(conn))) {
		if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
			PQclear(r);
			continue;
		}
		PQclear(kept);
		kept = r;
		if (PQresultStatus(r) == PGRES_COPY_IN || PQresultStatus(r) == PGRES_COPY_OUT)
			break; /* not the statement that this is for */
	}
	return kept;
}

static enum status run_copy(struct db *db, struct arena *a, const char *sql, struct sv rows,
			    struct err *e)
{
	PGresult *r = begin_copy(db, a, sql);
	enum status st = ST_OK;

	if (PQresultStatus(r) == PGRES_COPY_IN) {
		PQclear(r);
		(void)send_rows(db->conn, rows); /* what went wrong stands in the result */
		r = finish(db->conn);
	}
	if (PQstatus(db->conn) != CONNECTION_OK) {
		log_warn("lost the database connection",
			 LOG_S("reason", sv_trim(sv_from(PQerrorMessage(db->conn)))));
		st = conn_unavailable(e);
	} else if (PQresultStatus(r) == PGRES_FATAL_ERROR) {
		st = error_map(e, a, r, sql);
	} else if (PQresultStatus(r) != PGRES_COMMAND_OK) {
		log_error("not a COPY FROM STDIN", LOG_C("statement", sql));
		st = err_set(e, a, ST_INTERNAL, "%s", status_text(ST_INTERNAL));
	}
	PQclear(r);
	return st;
}

enum status db_copy(struct db *db, struct arena *a, const char *sql, struct sv rows, struct err *e)
{
	enum status st;

	if (!sv_is_text(rows))
		return err_set(e, a, ST_BAD_INPUT, "The rows are not valid UTF-8 text");
	st = conn_ready(db, e);
	if (st)
		return st;
	/* In blocking mode libpq reads while it writes, so neither side waits
	 * for the other for ever. */
	PQsetnonblocking(db->conn, 0);
	st = run_copy(db, a, sql, rows, e);
	if (PQtransactionStatus(db->conn) != PQTRANS_IDLE || PQsetnonblocking(db->conn, 1) != 0)
		conn_close(db);
	return st;
}
