/* The loop of the worker; worker.h says what stands where. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "event/dispatch.h"
#include "http/metrics.h"

#include <signal.h>
#include <unistd.h>

#define DISPATCH_MAX 1000
#define IDLE_MS 200      /* nothing depends on a notification: so late at most */
#define ALERT_MS 20      /* the same while there is traffic, for so long after it: */
#define ALERT_FOR_MS 1000
#define DOWN_MS 250      /* between attempts to reach the database */
#define REAP_MS 5000
#define TICK_MS 1000
#define PURGE_MS 600000
#define PURGE_MAX 2000
#define STOP_MS 10000    /* for calls under way at the end */

struct loop {
	struct worker w;
	struct job_queue *jobs;
	struct guard *guard;
	struct arena *arena; /* of one turn */
	bool busy;     /* the last turn found something: look again at once */
	bool notified; /* a writer woke us */
	bool asleep;   /* our row stands in job.sleepers, so writers notify */
	bool down;     /* the database is out of reach */
	int64_t next_turn, next_reap, next_purge, next_tick; /* ms of the monotonic clock */
	int64_t last_busy;
};

static volatile sig_atomic_t stopping;

static void on_stop(int sig)
{
	(void)sig;
	stopping = 1;
}

static int64_t now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* ---- the database may go away ---------------------------------------------- */

static bool reached(struct loop *l, enum status st, const struct err *e)
{
	if (!st) {
		if (l->down)
			log_info("the database is back");
		l->down = false;
		return true;
	}
	if (st != ST_UNAVAILABLE || !l->down) {
		struct sv why = err_message(e);

		log_error("the queue cannot be read", LOG_S("why", why));
	}
	l->down = true;
	l->busy = false;
	l->asleep = false; /* perhaps; the row is written again */
	l->next_turn = now_ms() + DOWN_MS;
	return false;
}

static bool run(struct loop *l, struct db_batch *b)
{
	struct err e = { 0 };
	enum status st = db_run(b, &e);

	return reached(l, st, &e);
}

static struct db_batch *batch(struct loop *l)
{
	struct db_batch *b = db_batch(l->w.db, l->arena);

	db_as_self(b);
	return b;
}

/* ---- one turn ------------------------------------------------------------------ */

/* Events first, then their live updates, then jobs: a new message is on the
 * screens before anything slow begins. */
static bool turn(struct loop *l)
{
	struct db_batch *b = batch(l);
	bool wake = l->asleep && (l->notified || l->busy);
	int events;

	/* Lost with the database, taking is done again: what must not happen twice is
	 * written down by each job in a commit of its own, which comes after this one. */
	db_soon(b);
	if (wake)
		db_add(b, "select job.awake($1)", DB_C(l->w.name));
	l->notified = false;
	events = event_dispatch(b, DISPATCH_MAX);
	job_take(l->jobs, b);
	if (!run(l, b))
		return false;
	l->asleep &= !wake;
	event_publish(l->w.net, b, events);
	l->busy = job_start_taken(l->jobs, b) > 0;
	l->busy |= db_rows(b, events) > 0;
	l->next_turn = now_ms();
	if (l->busy)
		l->last_busy = l->next_turn;
	/* A writer that looked for our row just before it stood commits just
	 * after we looked for work; under traffic that happens all the time. */
	l->next_turn += l->next_turn - l->last_busy < ALERT_FOR_MS ? ALERT_MS : IDLE_MS;
	return true;
}

/* Writers look for this row when they commit; what was committed before it
 * stood is found by the turn that follows. */
static void fall_asleep(struct loop *l)
{
	struct db_batch *b = batch(l);

	db_add(b, "select job.sleep($1)", DB_C(l->w.name));
	if (!run(l, b))
		return;
	l->asleep = true;
	turn(l);
}

static void reap(struct loop *l)
{
	struct db_batch *b = batch(l);
	int n;

	l->next_reap = now_ms() + REAP_MS;
	db_add(b, "select job.here($1)", DB_C(l->w.name));
	n = db_add(b, "select job.reap() as n");
	if (run(l, b) && !sv_eq(db_first(b, n, "n"), SV("0"))) {
		log_warn("jobs of a worker that is gone were taken back",
			 LOG_S("jobs", db_first(b, n, "n")));
		l->busy = true;
	}
}

static void purge(struct loop *l)
{
	struct db_batch *b = batch(l);
	int64_t n = 0;
	int stmt = db_add(b, "select job.purge($1, $2) as n", DB_I(conf_int(CONF_log_days)),
			  DB_I(PURGE_MAX));

	if (run(l, b))
		sv_to_i64(db_first(b, stmt, "n"), &n);
	/* More of it: soon again, but let others in between. */
	l->next_purge = now_ms() + (n >= PURGE_MAX ? IDLE_MS : PURGE_MS);
}

/* What is done again and again, whoever asks for nothing (job.timers). */
static void tick(struct loop *l)
{
	struct db_batch *b = batch(l);

	l->next_tick = now_ms() + TICK_MS;
	db_add(b, "select job.tick()");
	run(l, b);
}

static void work(struct loop *l)
{
	int64_t now = now_ms();

	if (l->down && now < l->next_turn)
		return;
	if (job_unflushed(l->jobs)) {
		if (!job_flush(l->jobs)) {
			reached(l, ST_UNAVAILABLE, &(struct err){ .status = ST_UNAVAILABLE });
			return;
		}
		l->busy = true; /* ends make events */
	}
	if (!l->down && now >= l->next_reap)
		reap(l);
	if (!l->down && now >= l->next_purge)
		purge(l);
	if (!l->down && now >= l->next_tick)
		tick(l);
	/* When it was down, this turn is the attempt to reach it again. */
	if ((l->busy || l->notified || now >= l->next_turn) && !turn(l))
		return;
	if (!l->down && !l->busy && !l->asleep)
		fall_asleep(l);
}

/* ---- waiting ---------------------------------------------------------------------- */

static void hear(struct loop *l)
{
	struct sv channel, payload;
	bool reconnected = false;

	while (db_notified(l->w.db, l->arena, &channel, &payload, &reconnected)) {
		if (sv_eq(channel, SV("kontor_now")))
			event_publish_now(l->w.net, payload);
		else
			l->notified = true;
	}
	l->notified |= reconnected;
}

static int patience(const struct loop *l)
{
	int64_t left = l->next_turn - now_ms();

	if (!l->down && (l->busy || l->notified || job_unflushed(l->jobs)))
		return 0;
	return left < 0 ? 0 : left > IDLE_MS + DOWN_MS ? IDLE_MS : (int)left;
}

static void wait(struct loop *l)
{
	struct pollfd pg = { .fd = db_fd(l->w.db), .events = POLLIN };

	hear(l); /* what came while a statement was read */
	net_poll(l->w.net, &pg, pg.fd >= 0, patience(l));
	hear(l);
}

static void forever(struct loop *l)
{
	while (!stopping) {
		work(l);
		wait(l);
		arena_reset(l->arena);
	}
}

/* Calls under way may end; nothing new begins. What is left then is told so
 * (NET_ABORTED) by net_free. */
static void wind_down(struct loop *l)
{
	int64_t end = now_ms() + STOP_MS;
	struct db_batch *b;

	log_info("stopping", LOG_I("calls", net_pending(l->w.net)));
	while (net_pending(l->w.net) && now_ms() < end) {
		net_poll(l->w.net, NULL, 0, 100);
		job_flush(l->jobs);
	}
	net_free(l->w.net);
	job_release_all(l->jobs);
	b = batch(l);
	db_add(b, "select job.awake($1)", DB_C(l->w.name));
	if (run(l, b))
		log_info("stopped");
}

struct tmpl_set *worker_words(struct worker *w, const struct tr_language *language)
{
	struct tmpl_set **set = &w->words[language - tr_languages];

	tr_use(language);
	if (!*set) {
		*set = tmpl_set_open(conf_str(CONF_templates_dir));
		tmpl_set_reload(*set, conf_bool(CONF_templates_reload));
		tmpl_set_translate(*set, tr);
	}
	return *set;
}

/* ---- starting --------------------------------------------------------------------------- */

static enum status settings(struct arena *a, struct err *e)
{
	enum status st = conf_load(NULL, a, e);

	if (st)
		return st;
	log_setup("kontor-worker", conf_str(CONF_log_level));
	if (!*conf_str(CONF_db_worker_url))
		return err_set(e, a, ST_INTERNAL, "The setting db_worker_url is missing");
	return crypto_key_load(conf_str(CONF_master_key_file), a, e);
}

static enum status outside(struct loop *l, struct arena *a, struct err *e)
{
	int calls = (int)conf_int(CONF_worker_jobs);

	l->guard = guard_new(sv_from(conf_str(CONF_net_allow)), a, e);
	if (!l->guard)
		return e->status;
	/* Live updates come on top: slow receivers must not hold them up. */
	l->w.net = net_new(&(struct net_options){ .guard = l->guard,
						  .max_total = (calls > 0 ? calls : 1) + 16 });
	return ST_OK;
}

static const char *worker_name(struct arena *a)
{
	char host[64] = "";

	gethostname(host, sizeof(host) - 1);
	return arena_printf(a, "%s:%d:%lld", host, (int)getpid(), (long long)clock_now_ms());
}

static void inside(struct loop *l, struct arena *a)
{
	const char *timeout = conf_str(CONF_db_statement_timeout);
	struct job_options o = { .worker = worker_name(a), .program = &l->w };
	struct err e = { 0 };

	l->w.name = o.worker;
	l->w.db = o.db = db_new(&(struct db_options){
		.url = conf_str(CONF_db_worker_url),
		.name = "kontor-worker",
		.prepared = true,
		.statement_timeout = *timeout ? timeout : NULL });
	o.handlers = worker_handlers(&o.n_handlers);
	l->jobs = job_queue_new(&o);
	reached(l, db_listen(l->w.db, "kontor_job", a, &e), &e);
	reached(l, db_listen(l->w.db, "kontor_now", a, &e), &e);
}

static void signals(void)
{
	struct sigaction stop = { .sa_handler = on_stop }, ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

int main(void)
{
	struct arena *a = arena_new();
	struct loop l = { .arena = arena_new() };
	struct err e = { 0 };
	struct sv why;

	log_setup("kontor-worker", "info");
	if (settings(a, &e) || outside(&l, a, &e)) {
		why = err_message(&e);
		log_error("cannot start", LOG_S("why", why));
		return 1;
	}
	signals();
	metrics_open("kontor-worker");
	inside(&l, a);
	tr_open(conf_str(CONF_templates_dir));
	l.w.templates = tmpl_set_open(conf_str(CONF_templates_dir));
	tmpl_set_reload(l.w.templates, conf_bool(CONF_templates_reload));
	l.next_purge = now_ms() + REAP_MS;
	log_info("started", LOG_C("worker", l.w.name));
	forever(&l);
	wind_down(&l);
	job_queue_free(l.jobs);
	tmpl_set_free(l.w.templates);
	for (size_t i = 0; i < sizeof(l.w.words) / sizeof(*l.w.words); i++)
		if (l.w.words[i])
			tmpl_set_free(l.w.words[i]);
	guard_free(l.guard);
	db_free(l.w.db);
	arena_free(l.arena);
	arena_free(a);
	return 0;
}
