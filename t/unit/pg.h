/*
 * pg: a PostgreSQL of the test's own, in /tmp, reached by Unix socket only,
 * and a PgBouncer in transaction mode in front of it.
 *
 *	if (!pg_start())
 *		skip_all(pg_why);
 *	... pg_url ..., pg_restart(), pg_bouncer_start() ? pg_bouncer_url : NULL
 *
 * Both end and are removed when the test exits, also by a signal or after
 * PG_SECONDS. With KONTOR_TEST_DB (a superuser's connection string to an
 * empty database) that one is used: no restart, no PgBouncer.
 */
#ifndef T_PG_H
#define T_PG_H

#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PG_SECONDS 120

static const char *pg_why = "";
static char pg_dir[] = "/tmp/kontor-pg.XXXXXX", pg_bin[128], pg_url[256], pg_bouncer_url[256];
static bool pg_own, pg_bouncer_runs;
static pid_t pg_owner;

/* Servers refuse to run as root. */
__attribute__((format(printf, 1, 2), unused))
static bool pg_do(const char *fmt, ...)
{
	char command[1024], line[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "cd /tmp && %ssh -c \"%s\" >>%s/out 2>&1 </dev/null",
		 getuid() ? "" : "runuser -u postgres -- ", command, pg_dir);
	return system(line) == 0;
}

__attribute__((unused))
static void pg_stop(void)
{
	if (!pg_own || getpid() != pg_owner)
		return;
	pg_own = false;
	if (pg_bouncer_runs)
		pg_do("kill `cat %s/bouncer.pid`", pg_dir);
	pg_do("%s/pg_ctl -D %s/data -m immediate -w -t 20 stop", pg_bin, pg_dir);
	pg_do("rm -rf %s/data", pg_dir);
	if (system("true") == 0) {
		char line[128];

		snprintf(line, sizeof(line), "rm -rf %s", pg_dir);
		if (system(line) != 0)
			printf("# %s is left behind\n", pg_dir);
	}
}

__attribute__((unused))
static void pg_signal(int sig)
{
	(void)sig;
	exit(1);
}

__attribute__((unused))
static bool pg_find_bin(void)
{
	glob_t g;
	bool found = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0 && g.gl_pathc;

	if (found)
		snprintf(pg_bin, sizeof(pg_bin), "%.*s",
			 (int)(strlen(g.gl_pathv[g.gl_pathc - 1]) - strlen("/initdb")),
			 g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	return found;
}

__attribute__((unused))
static bool pg_start(void)
{
	const char *given = getenv("KONTOR_TEST_DB");

	if (given && *given) {
		snprintf(pg_url, sizeof(pg_url), "%s", given);
		return true;
	}
	if (!pg_find_bin()) {
		pg_why = "no PostgreSQL server is installed";
		return false;
	}
	if (!mkdtemp(pg_dir) || chmod(pg_dir, 0777)) {
		pg_why = "cannot make a directory in /tmp";
		return false;
	}
	pg_own = true;
	pg_owner = getpid();
	atexit(pg_stop);
	signal(SIGALRM, pg_signal);
	signal(SIGINT, pg_signal);
	signal(SIGTERM, pg_signal);
	alarm(PG_SECONDS);
	if (!pg_do("%s/initdb -D %s/data -A trust -U postgres -N -E UTF8 --no-locale", pg_bin,
		   pg_dir) ||
	    !pg_do("%s/pg_ctl -D %s/data -l %s/log -w -t 30 -o '-c listen_addresses= -c "
		   "unix_socket_directories=%s -c fsync=off -c shared_buffers=32MB -c "
		   "timezone=Asia/Tokyo -c datestyle=german' start",
		   pg_bin, pg_dir, pg_dir, pg_dir)) {
		pg_why = "PostgreSQL does not start here";
		return false;
	}
	snprintf(pg_url, sizeof(pg_url), "host=%s port=5432 user=postgres dbname=postgres", pg_dir);
	return true;
}

__attribute__((unused))
static bool pg_restart(void)
{
	return pg_do("%s/pg_ctl -D %s/data -m fast -w -t 30 restart", pg_bin, pg_dir);
}

__attribute__((unused))
static bool pg_bouncer_start(void)
{
	char path[64];
	FILE *f;

	if (!pg_own || access("/usr/sbin/pgbouncer", X_OK) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/bouncer.ini", pg_dir);
	f = fopen(path, "w");
	if (!f)
		return false;
	fprintf(f,
		"[databases]\npostgres = host=%s port=5432 user=postgres\n"
		"[pgbouncer]\nunix_socket_dir = %s\nlisten_port = 6432\nauth_type = any\n"
		"pool_mode = transaction\nserver_login_retry = 1\ndefault_pool_size = 4\n"
		"logfile = %s/bouncer.log\npidfile = %s/bouncer.pid\n",
		pg_dir, pg_dir, pg_dir, pg_dir);
	fclose(f);
	pg_bouncer_runs = pg_do("/usr/sbin/pgbouncer -d %s", path);
	for (int i = 0; i < 50 && pg_bouncer_runs; i++) {
		snprintf(path, sizeof(path), "%s/.s.PGSQL.6432", pg_dir);
		if (access(path, F_OK) == 0)
			break;
		usleep(100000);
	}
	snprintf(pg_bouncer_url, sizeof(pg_bouncer_url),
		 "host=%s port=6432 user=postgres dbname=postgres", pg_dir);
	return pg_bouncer_runs;
}

#endif
