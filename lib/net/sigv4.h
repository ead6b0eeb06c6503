/*
 * sigv4: requests signed as Amazon's services and those that speak like them
 * (SES, S3) want it: AWS Signature Version 4, in headers.
 */
#ifndef NET_SIGV4_H
#define NET_SIGV4_H

#include "net/net.h"

struct sigv4_key {
	struct sv access_key_id, secret_access_key, session_token; /* token empty: none */
	struct sv region, service;				   /* "eu-central-1", "ses" */
};

/*
 * Replace r->headers by those it has, with Host's, the body's and the time's
 * signature behind them: x-amz-date, x-amz-security-token, Authorization. The
 * path of the URL must be percent-encoded already. at_ms: the time, in
 * milliseconds since 1970. ST_BAD_INPUT when the URL is none.
 */
enum status sigv4_sign(struct net_request *r, const struct sigv4_key *k, int64_t at_ms,
		       struct arena *a, struct err *e) WARN_UNUSED;

#endif
