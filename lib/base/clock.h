/*
 * clock: points in time as milliseconds since 1970 in UTC.
 *
 * Calendar arithmetic in time zones is PostgreSQL's work, not ours.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/sv.h"

/* Now, by the wall clock. */
int64_t clock_now_ms(void);
/* Microseconds of a clock that never goes back; for measuring durations. */
int64_t clock_mono_us(void);

#define CLOCK_ISO_SIZE 32
/* "2025-01-15T12:34:56.789Z", always UTC with milliseconds. Returns its length. */
size_t clock_iso(char out[static CLOCK_ISO_SIZE], int64_t ms);
/* "Wed, 15 Jan 2025 12:34:56 GMT", for HTTP headers. Returns its length. */
size_t clock_http(char out[static CLOCK_ISO_SIZE], int64_t ms);

#endif
