/*
 * retry: when to try again, and what may be written to a log.
 */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include "base/buf.h"
#include "net/net.h"

struct net_schedule {
	const int *steps; /* seconds to wait after the first, second ... failed attempt */
	size_t n;
	int jitter;          /* per cent, both ways: 20 makes 80..120 % of a step */
	int retry_after_max; /* seconds; a longer Retry-After is cut to this */
};

/*
 * Milliseconds to wait after attempt number `attempt` (1 is the first) has
 * failed; -1 when the schedule is at its end. retry_after (seconds, 0 = not
 * said) is never undercut, and gets up to a tenth on top, so that what was
 * sent away together does not come back together. `random`: any 32 bits.
 */
int64_t net_retry_delay_ms(const struct net_schedule *s, unsigned attempt, int retry_after,
			   uint32_t random);

/* A header whose value is a secret: Authorization, Cookie, apikey, X-...-Token ... */
bool net_header_is_secret(struct sv name);
/* "Name: value\n" for each, secrets as "[redacted]"; for delivery logs. */
void net_redact(struct buf *out, const struct net_header *headers, size_t n);

#endif
