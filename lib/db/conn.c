#include "db/priv.h"
#include "http/metrics.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct db *db_new(const struct db_options *o)
{
	struct db *db = mem_alloc(sizeof(*db));

	*db = (struct db){
		.url = mem_dup(o->url ? o->url : ""),
		.name = mem_dup(o->name ? o->name : "kontor"),
		.timeout = o->statement_timeout ? mem_dup(o->statement_timeout) : NULL,
		.prepared = o->prepared,
		.own_settings = o->own_settings,
	};
	return db;
}

void db_free(struct db *db)
{
	if (!db)
		return;
	PQfinish(db->conn);
	cache_release(&db->cache);
	free(db->channels);
	free(db->timeout);
	free(db->name);
	free(db->url);
	free(db);
}

struct db *db_from_conf(const char *name)
{
	const char *timeout = conf_str(CONF_db_statement_timeout);
	struct db_options o = {
		.url = conf_str(CONF_db_url),
		.name = name,
		.prepared = conf_bool(CONF_db_prepared),
		.statement_timeout = *timeout ? timeout : NULL,
	};

	return db_new(&o);
}

enum status conn_unavailable(struct err *e)
{
	*e = (struct err){ .status = ST_UNAVAILABLE, .retry_after = 1 };
	return ST_UNAVAILABLE;
}

void conn_close(struct db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
	db->dying = false;
	cache_forget(&db->cache);
}

/* Notices of SQL functions are for developers; but an idle connection hears
 * this way that the server is about to close it. */
static void on_notice(void *arg, const PGresult *r)
{
	struct db *db = arg;
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	if (state && strncmp(state, "57P", 3) == 0)
		db->dying = true;
	log_debug("notice from the database",
		  LOG_C("text", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY)));
}

/* A value inside the startup packet's "options": space and \ are escaped. */
static void add_option(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "-c %s=", name);
	for (; *value; value++) {
		if (*value == ' ' || *value == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *value);
	}
	buf_addc(b, ' ');
}

/* Ours first, so that those in the connection string win. */
static void startup_options(struct buf *b, const struct db *db)
{
	PQconninfoOption *all = PQconninfoParse(db->url, NULL);

	if (!db->own_settings)
		add_option(b, "timezone", "UTC");
	/* What json.c reads. */
	add_option(b, "datestyle", "ISO, MDY");
	/* Compiling a plan costs a second where running it takes milliseconds. */
	add_option(b, "jit", "off");
	if (db->timeout)
		add_option(b, "statement_timeout", db->timeout);
	for (PQconninfoOption *o = all; o && o->keyword; o++)
		if (strcmp(o->keyword, "options") == 0 && o->val)
			buf_add(b, sv_from(o->val));
	PQconninfoFree(all);
}

static PGconn *connect_server(const struct db *db)
{
	struct buf options buf_auto = BUF_INIT;
	const char *keys[8], *values[8];
	size_t n = 0;

	/* What stands before dbname may be overridden in the connection string. */
	keys[n] = "connect_timeout", values[n++] = "3";
	keys[n] = "tcp_user_timeout", values[n++] = "20000";
	keys[n] = "keepalives_idle", values[n++] = "30";
	keys[n] = "dbname", values[n++] = db->url;
	keys[n] = "application_name", values[n++] = db->name;
	keys[n] = "client_encoding", values[n++] = "UTF8";
	if (db->prepared) {
		startup_options(&options, db);
		keys[n] = "options", values[n++] = buf_sv(&options).p;
	}
	keys[n] = values[n] = NULL;
	return PQconnectdbParams(keys, values, 1);
}

static bool listen_on(struct db *db, const char *channel)
{
	struct buf sql buf_auto = BUF_INIT;
	char *quoted = PQescapeIdentifier(db->conn, channel, strlen(channel));
	PGresult *r;
	bool good;

	if (!quoted)
		return false;
	buf_addf(&sql, "listen %s", quoted);
	PQfreemem(quoted);
	r = PQexec(db->conn, sql.p);
	good = PQresultStatus(r) == PGRES_COMMAND_OK;
	PQclear(r);
	return good;
}

static bool listen_again(struct db *db)
{
	for (size_t i = 0; i < db->nchannels; i++)
		if (!listen_on(db, db->channels[i]))
			return false;
	return true;
}

static enum status conn_open(struct db *db, struct err *e)
{
	db->conn = connect_server(db);
	if (PQstatus(db->conn) == CONNECTION_OK)
		PQsetNoticeReceiver(db->conn, on_notice, db);
	if (PQstatus(db->conn) != CONNECTION_OK || PQsetnonblocking(db->conn, 1) != 0 ||
	    !listen_again(db)) {
		log_error("cannot connect to the database",
			  LOG_S("reason", sv_trim(sv_from(PQerrorMessage(db->conn)))));
		conn_close(db);
		return conn_unavailable(e);
	}
	db->missed |= db->opened && db->nchannels;
	db->opened = true;
	metrics_add(METRIC_DB_CONNECTS, 1);
	return ST_OK;
}

/* Read what an idle connection was sent: notifications, or its end. */
static void read_pending(struct db *db)
{
	for (int rounds = 0; rounds < 64; rounds++) {
		struct pollfd p = { .fd = PQsocket(db->conn), .events = POLLIN };

		if (p.fd < 0 || poll(&p, 1, 0) <= 0)
			return;
		if (!PQconsumeInput(db->conn))
			return;
		(void)PQisBusy(db->conn); /* parses, and so calls on_notice */
	}
}

static bool conn_alive(struct db *db)
{
	if (!db->conn)
		return false;
	read_pending(db);
	return PQstatus(db->conn) == CONNECTION_OK && !db->dying;
}

enum status conn_ready(struct db *db, struct err *e)
{
	if (conn_alive(db))
		return ST_OK;
	conn_close(db);
	return conn_open(db, e);
}

enum status db_connect(struct db *db, struct arena *a, struct err *e)
{
	(void)a; /* in the interface for a message with details */
	return conn_ready(db, e);
}

int db_fd(const struct db *db)
{
	return db->conn ? PQsocket(db->conn) : -1;
}

static bool listens(const struct db *db, const char *channel)
{
	for (size_t i = 0; i < db->nchannels; i++)
		if (strcmp(db->channels[i], channel) == 0)
			return true;
	return false;
}

enum status db_listen(struct db *db, const char *channel, struct arena *a, struct err *e)
{
	enum status st = db_connect(db, a, e);

	if (listens(db, channel))
		return st;
	/* Remembered even when that failed: the next connection subscribes. */
	db->channels = mem_realloc(db->channels, (db->nchannels + 1) * sizeof(*db->channels));
	db->channels[db->nchannels++] = channel;
	if (st == ST_OK && !listen_on(db, channel)) {
		log_error("cannot listen", LOG_C("channel", channel),
			  LOG_S("reason", sv_trim(sv_from(PQerrorMessage(db->conn)))));
		conn_close(db);
		st = conn_unavailable(e);
	}
	return st;
}

bool db_notified(struct db *db, struct arena *a, struct sv *channel, struct sv *payload,
		 bool *reconnected)
{
	PGnotify *n = NULL;

	if (db->conn) {
		n = PQnotifies(db->conn);
		if (!n) {
			bool alive = conn_alive(db);

			n = PQnotifies(db->conn);
			if (!n && !alive)
				conn_close(db);
		}
	}
	if (db->missed) {
		*reconnected = true;
		db->missed = false;
	}
	if (!n)
		return false;
	*channel = arena_sv(a, sv_from(n->relname));
	*payload = arena_sv(a, sv_from(n->extra));
	PQfreemem(n);
	return true;
}
