#include "http/metrics.h"
#include "base/log.h"
#include "base/share.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Changes whenever the layout does; a file of another layout is replaced. */
#define LAYOUT (0x6b6f6e74ULL << 32 | 1 << 16 | METRIC__MAX)
#define PROGRAMS_MAX 16
#define NAME_SIZE 32
#define CLASSES 5 /* 1xx to 5xx */

/* Upper ends of the buckets in microseconds. */
static const int64_t bounds[] = { 500,	  1000,	  2500,	   5000,    10000,  25000,
				  50000,  100000, 250000,  500000,  1000000, 5000000 };
#define BUCKETS (sizeof(bounds) / sizeof(bounds[0]) + 1)

typedef _Atomic uint64_t counter;

struct program {
	char name[NAME_SIZE];
	counter requests[CLASSES];
	counter buckets[BUCKETS]; /* each its own, added up when written out */
	counter sum_us;
};

struct shared {
	uint64_t layout;
	struct program programs[PROGRAMS_MAX];
	counter extra[METRIC__MAX];
};

static const struct {
	const char *series, *labels, *help;
} rows[METRIC__MAX] = {
#define METRIC(name, series, labels, help) [METRIC_##name] = { series, labels, help },
#include "http/metrics.def"
#undef METRIC
};

static struct shared *shared;
static struct program *own;

/* ---- the file ---------------------------------------------------------- */

/* Under the lock, so that two processes never take the same free row. */
static struct program *take_slot(struct shared *s, const char *name)
{
	for (size_t i = 0; i < PROGRAMS_MAX; i++) {
		struct program *p = &s->programs[i];

		if (!p->name[0])
			memcpy(p->name, name, strnlen(name, NAME_SIZE - 1));
		if (!strncmp(p->name, name, NAME_SIZE - 1))
			return p;
	}
	return NULL;
}

void metrics_open(const char *program)
{
	const char *path = getenv("KONTOR_METRICS");
	struct share lock;

	metrics_close();
	if (!path || !*path)
		return;
	shared = share_open(&lock, path, LAYOUT, sizeof(*shared));
	if (shared)
		own = take_slot(shared, program);
	else
		log_warn("no metrics", LOG_C("file", path), LOG_C("why", strerror(errno)));
	share_unlock(&lock);
}

void metrics_close(void)
{
	share_close(shared, sizeof(*shared));
	shared = NULL;
	own = NULL;
}

/* ---- counting ---------------------------------------------------------- */

static void bump(counter *c, int64_t n)
{
	atomic_fetch_add_explicit(c, (uint64_t)n, memory_order_relaxed);
}

void metrics_request(int status, int64_t took_us)
{
	size_t b = 0;

	if (!own || status < 100 || status > 599)
		return;
	while (b < BUCKETS - 1 && took_us > bounds[b])
		b++;
	bump(&own->requests[status / 100 - 1], 1);
	bump(&own->buckets[b], 1);
	bump(&own->sum_us, took_us);
}

void metrics_add(enum metric m, int64_t n)
{
	if (shared)
		bump(&shared->extra[m], n);
}

/* ---- the text ------------------------------------------------------------ */

static void head(struct buf *out, const char *series, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", series, help, series, type);
}

static void add_requests(struct buf *out, struct program *p)
{
	for (int c = 0; c < CLASSES; c++) {
		uint64_t n = atomic_load(&p->requests[c]);

		if (n)
			buf_addf(out,
				 "kontor_http_requests_total{program=\"%.31s\",class=\"%dxx\"} "
				 "%llu\n",
				 p->name, c + 1, (unsigned long long)n);
	}
}

static void add_histogram(struct buf *out, struct program *p)
{
	const char *series = "kontor_http_request_duration_seconds";
	unsigned long long sum = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		sum += atomic_load(&p->buckets[i]);
		buf_addf(out, "%s_bucket{program=\"%.31s\",le=\"", series, p->name);
		if (i < BUCKETS - 1)
			buf_addf(out, "%g", (double)bounds[i] / 1e6);
		else
			buf_lit(out, "+Inf");
		buf_addf(out, "\"} %llu\n", sum);
	}
	buf_addf(out, "%s_sum{program=\"%.31s\"} %.6f\n", series, p->name,
		 (double)atomic_load(&p->sum_us) / 1e6);
	buf_addf(out, "%s_count{program=\"%.31s\"} %llu\n", series, p->name, sum);
}

static void add_extra(struct buf *out)
{
	for (int m = 0; m < METRIC__MAX; m++) {
		if (!m || strcmp(rows[m].series, rows[m - 1].series))
			head(out, rows[m].series, "counter", rows[m].help);
		buf_addf(out, *rows[m].labels ? "%s{%s}" : "%s%s", rows[m].series, rows[m].labels);
		buf_addf(out, " %llu\n", (unsigned long long)atomic_load(&shared->extra[m]));
	}
}

void metrics_text(struct buf *out)
{
	if (!shared)
		return;
	head(out, "kontor_http_requests_total", "counter", "HTTP requests, by class of status");
	for (size_t i = 0; i < PROGRAMS_MAX && shared->programs[i].name[0]; i++)
		add_requests(out, &shared->programs[i]);
	head(out, "kontor_http_request_duration_seconds", "histogram",
	     "Time from reading a request to the end of its answer");
	for (size_t i = 0; i < PROGRAMS_MAX && shared->programs[i].name[0]; i++)
		add_histogram(out, &shared->programs[i]);
	add_extra(out);
}
