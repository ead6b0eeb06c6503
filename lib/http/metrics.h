/*
 * metrics: counters that all processes of all programs share.
 *
 * The environment variable KONTOR_METRICS names a file that is mapped by
 * every process; adding is one atomic instruction, and whoever serves the
 * text sees the sums of all. Without the variable, or when the file cannot be
 * used, everything here does nothing. The counters live as long as the file;
 * put it where a restart of the machine clears it.
 */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "base/buf.h"

enum metric {
#define METRIC(name, series, labels, help) METRIC_##name,
#include "http/metrics.def"
#undef METRIC
	METRIC__MAX
};

/* Take part as `program`; http_serve does so for FastCGI programs. */
void metrics_open(const char *program);
/* Leave again, for tests. */
void metrics_close(void);

/* One HTTP request was answered with that status after so long. */
void metrics_request(int status, int64_t took_us);
void metrics_add(enum metric m, int64_t n);

/* All counters in Prometheus' text format (version 0.0.4). */
void metrics_text(struct buf *out);

#endif
