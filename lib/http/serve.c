#include "http/internal.h"
#include "http/metrics.h"
#include "base/clock.h"
#include "base/log.h"

#include <fcgiapp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A body buffer that grew beyond this is given back after its request. */
#define BODY_KEEP (1024 * 1024)

/* ---- stopping --------------------------------------------------------- */

static volatile sig_atomic_t stopping;
static int dev_null = -1;

/*
 * The listening socket is replaced by something that nobody can accept from,
 * so that accept fails at once whether the signal finds the process in it or
 * just before it. The other processes keep their own descriptor. SA_RESTART
 * lets the request under way read and write on undisturbed; an accept that is
 * restarted meets the new descriptor.
 */
static void on_stop(int sig)
{
	int saved = errno;

	(void)sig;
	stopping = 1;
	FCGX_ShutdownPending();
	dup2(dev_null, 0);
	errno = saved;
}

static void catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* SIGUSR1 too: libfcgi's own handler would leave the loop spinning. */
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGUSR1, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

/* ---- one request ------------------------------------------------------ */

struct server {
	const struct http_program *program;
	struct http_table *table;
	struct arena *arena;
	struct http_response rs;
	struct buf head;
};

static size_t read_stream(void *arg, char *out, size_t n)
{
	size_t got = 0;

	/* libfcgi counts in int. */
	while (got < n) {
		size_t step = n - got < 1 << 30 ? n - got : 1 << 30;
		int r = FCGX_GetStr(out + got, (int)step, arg);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

static void write_stream(FCGX_Stream *out, struct sv s)
{
	/* A client that went away is no error of ours; the rest is dropped. */
	while (s.n) {
		size_t step = s.n < 1 << 30 ? s.n : 1 << 30;

		if (FCGX_PutStr(s.p, (int)step, out) < 0)
			return;
		s = sv_skip(s, step);
	}
}

static void write_to(void *arg, struct sv s)
{
	write_stream(arg, s);
}

/* Parts of a path that let somebody in stay out of the log: the pattern
 * stands for such a path. */
static struct sv path_to_log(const struct http_request *rq)
{
	static const struct sv secret[] = { SV("/:token"), SV("/:secret"), SV("/:key") };
	struct sv pattern = sv_from(rq->route ? rq->route->pattern : NULL);

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		ptrdiff_t at = sv_find(pattern, secret[i]);
		struct sv behind = at < 0 ? SV_NONE : sv_skip(pattern, (size_t)at + secret[i].n);

		if (at >= 0 && (!behind.n || behind.p[0] == '/'))
			return pattern;
	}
	return rq->path;
}

static void log_request(const struct http_request *rq, const struct http_response *rs,
			struct sv method, int64_t took_us)
{
	log_info("request", LOG_S("method", method), LOG_S("path", path_to_log(rq)),
		 LOG_I("status", rs->status), LOG_I("duration_us", took_us),
		 LOG_I("bytes", rs->body.n));
}

/*
 * The client has its answer before the log line is written. FCGX_Finish_r
 * sends what is buffered together with the end of the request in one write,
 * and frees the environment; what the log names (id, tenant, path, method)
 * is in the arena by then.
 */
static void serve_one(struct server *s, FCGX_Request *fcgi)
{
	int64_t start = clock_mono_us(), took;
	struct sv method = sv_from(FCGX_GetParam("REQUEST_METHOD", fcgi->envp));
	struct http_request rq = { .arena = s->arena,
				   .user = s->program->user,
				   .envp = fcgi->envp };
	struct http_input in = { read_stream, fcgi->in };
	struct http_sink sink = { s->program, write_to, fcgi->out, false, false };
	bool head = sv_eq(method, SV("HEAD"));

	http_response_clear(&s->rs, s->arena);
	s->rs.sink = head ? NULL : &sink;
	http_dispatch(s->program, s->table, &rq, &s->rs, &in);
	buf_clear(&s->head);
	if (!sink.begun) {
		http_response_head(&s->rs, &s->head);
		write_stream(fcgi->out, buf_sv(&s->head));
	}
	if (!http_bodiless(s->rs.status) && !head)
		write_stream(fcgi->out, buf_sv(&s->rs.body));
	/* Without an end of the request nginx cuts its own answer short too. */
	if (sink.failed)
		shutdown(fcgi->ipcFd, SHUT_RDWR);
	s->rs.sink = NULL;
	took = clock_mono_us() - start;
	method = arena_sv(s->arena, method);
	FCGX_Finish_r(fcgi);
	log_request(&rq, &s->rs, method, took);
	log_end();
	metrics_request(s->rs.status, took);
	arena_reset(s->arena);
	if (s->rs.body.size > BODY_KEEP)
		buf_release(&s->rs.body);
}

/* ---- the loop ---------------------------------------------------------- */

static int accept_loop(struct server *s)
{
	FCGX_Request fcgi;
	int r;

	if (FCGX_InitRequest(&fcgi, 0, FCGI_FAIL_ACCEPT_ON_INTR)) {
		log_error("FastCGI cannot start");
		return 1;
	}
	while (!stopping) {
		if (s->program->idle)
			s->program->idle(s->program->user);
		r = FCGX_Accept_r(&fcgi);
		if (r == 0)
			serve_one(s, &fcgi);
		else if (!stopping && r != -EINTR) {
			log_error("accept failed", LOG_I("errno", -r));
			FCGX_Free(&fcgi, 1);
			return 1;
		}
	}
	FCGX_Free(&fcgi, 1);
	return 0;
}

int http_serve(const struct http_program *program)
{
	struct server s = { .program = program };
	int code;

	dev_null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (dev_null < 0 || FCGX_Init()) {
		log_error("FastCGI cannot start");
		return 1;
	}
	catch_signals();
	metrics_open(program->name);
	s.table = http_table_new(program->routes);
	s.arena = arena_new();
	code = accept_loop(&s);
	buf_release(&s.head);
	buf_release(&s.rs.body);
	arena_free(s.arena);
	http_table_free(s.table);
	return code;
}

/* ---- without FastCGI --------------------------------------------------- */

static size_t read_view(void *arg, char *out, size_t n)
{
	struct sv *left = arg;
	size_t got = left->n < n ? left->n : n;

	if (got)
		memcpy(out, left->p, got);
	*left = sv_skip(*left, got);
	return got;
}

void http_run(const struct http_program *program, char **env, struct sv body,
	      struct http_response *rs)
{
	static struct arena *arena;
	struct http_table *table = http_table_new(program->routes);
	struct http_request rq = { .user = program->user, .envp = env };
	struct http_input in = { read_view, &body };

	if (!arena)
		arena = arena_new();
	arena_reset(arena);
	rq.arena = arena;
	http_response_clear(rs, arena);
	http_dispatch(program, table, &rq, rs, &in);
	if (http_bodiless(rs->status) || sv_eq(http_env(&rq, "REQUEST_METHOD"), SV("HEAD")))
		buf_clear(&rs->body);
	log_end();
	http_table_free(table);
}
