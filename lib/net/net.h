/*
 * net: calls to the outside, many at a time in one thread, over libcurl.
 *
 * A program has one struct net. net_start queues a call and returns at once;
 * net_poll moves everything on, waits for sockets (also for those of the
 * caller) and runs the callback of each call that has ended. Nothing here
 * blocks but net_poll, for at most the time that it is given, and net_call.
 *
 *	struct pollfd pg = { .fd = PQsocket(conn), .events = POLLIN };
 *	net_start(net, &(struct net_request){ .url = url, .body = json }, done, job);
 *	while (running) {
 *		net_poll(net, &pg, 1, 30000);
 *		if (pg.revents)
 *			...
 *	}
 *
 * What holds for every call:
 * - Redirects are not followed: a 3xx is the answer. Proxies of the
 *   environment are not used. Certificates are verified, TLS is 1.2 or later;
 *   there is no switch to turn that off, only an own CA (ca_pem).
 * - Unless `trusted` is set, net/guard.h decides about each address before a
 *   socket is connected to it, and again about a connection that is used
 *   a second time.
 * - Calls wait in lanes. A lane is one receiver (by default scheme, host and
 *   port); a lane has a limit of calls under way, and lanes take turns, so a
 *   slow receiver holds up only itself. Times count from the start of the
 *   call, not from its waiting.
 * - The log gets method, host, status and time, at level debug: no path, no
 *   header, no body. net/retry.h prints headers with secrets removed.
 *
 * The program must ignore SIGPIPE.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/err.h"
#include "net/guard.h"

#include <poll.h>

struct net;
struct net_transfer;

struct net_options {
	struct guard *guard;    /* not owned, outlives the net; NULL: one that allows no exception */
	const char *user_agent; /* NULL: Kontor/<version> */
	int max_total;          /* calls under way; 0: 32 */
	int max_lane;           /* in one lane; 0: 4 */
	int connect_ms;         /* name, connection and TLS; 0: 5000 */
	int total_ms;           /* the whole call; 0: 15000 */
	size_t max_body;        /* bytes read of an answer; 0: 1 MiB */
};

struct net_header {
	struct sv name, value;
};

enum net_tls {
	NET_TLS_NONE,     /* smtp: never ask for STARTTLS */
	NET_TLS_REQUIRED, /* smtp: STARTTLS or fail (smtps: TLS from the first byte) */
};

/* What SMTP needs beside a URL and a body (the mail, with CRLF line ends). */
struct net_smtp {
	struct sv from; /* envelope sender, bare address; empty: the null sender of RFC 5321 */
	const struct sv *to; /* envelope recipients; all or none get the mail */
	size_t n_to;
	enum net_tls tls;
	struct sv user, password; /* empty user: no log-in */
	struct sv bearer;         /* OAuth 2 token instead of the password (XOAUTH2) */
};

struct net_request {
	struct sv method; /* empty: GET, or POST when there is a body */
	struct sv url;    /* http, https; smtp, smtps when `smtp` is set */
	/* Content-Type is sent only when given here. Host, Content-Length, Transfer-Encoding,
	 * Connection, Expect, TE and Upgrade are libcurl's own and refused. */
	const struct net_header *headers;
	size_t n_headers;
	struct sv body;            /* sent when present, even if empty */
	int connect_ms, total_ms;  /* 0: those of the net */
	size_t max_body;           /* 0: that of the net */
	bool truncate;             /* a longer answer is cut and counts; else NET_TOO_LARGE */
	bool trusted;              /* the address is from our own configuration: no guard */
	bool https_only;           /* refuse http:// */
	const char *unix_socket;   /* path to connect to instead of the host; needs trusted */
	struct sv ca_pem;          /* accept certificates of these CAs and no others */
	struct sv lane;            /* own name for the lane: an endpoint's id */
	int lane_max, lane_gap_ms; /* its limit, 0: max_lane; least time between two starts */
	const struct net_smtp *smtp;
};

enum net_error {
	NET_OK,          /* there is an answer: see status, also when that is 500 */
	NET_BAD_REQUEST, /* what was asked cannot be sent: address, header or recipient malformed */
	NET_REFUSED,     /* by the guard or https_only; nothing was sent */
	NET_RESOLVE,     /* the name has no address */
	NET_CONNECT,
	NET_TLS, /* no TLS, or the certificate is not valid for that host */
	NET_TIMEOUT,
	NET_TOO_LARGE, /* status, headers and the first max_body bytes are there */
	NET_BROKEN,    /* the connection broke, or what came was no answer */
	NET_ABORTED,   /* by net_cancel or net_free */
	NET__ERROR_MAX
};

struct net_times {
	int64_t queued_us;                   /* waiting in the lane */
	int64_t dns_us, connect_us, tls_us;  /* 0 on a connection used again */
	int64_t first_byte_us;               /* from the request being sent to the answer's begin */
	int64_t total_us;                    /* without queued_us */
};

struct net_response {
	enum net_error error;
	struct sv text;  /* what went wrong, in words; SMTP: the server's last reply */
	int status;      /* HTTP status or SMTP reply code; 0 without an answer */
	int retry_after; /* seconds, 0 = not said; a date was converted */
	const struct net_header *headers;
	size_t n_headers;
	struct sv body;
	bool truncated;
	struct sv address; /* connected to: "192.0.2.7"; empty without a connection */
	struct net_times times;
};

/* Runs once for each net_start, from inside net_poll, net_cancel or net_free. The response is
 * valid until it returns. It may call net_start and net_cancel (for other calls) only. */
typedef void net_callback(const struct net_response *r, void *arg);

struct net *net_new(const struct net_options *o);
/* Calls that have not ended get NET_ABORTED. NULL is allowed. */
void net_free(struct net *n);

/* Everything in the request is copied, except the body and ca_pem, which must stay valid until
 * the callback. The result is for net_cancel and valid until the callback, too. */
struct net_transfer *net_start(struct net *n, const struct net_request *r, net_callback *done,
			       void *arg);
/* End a call now; its callback runs with NET_ABORTED. */
void net_cancel(struct net_transfer *t);

/*
 * Move all calls on; wait up to timeout_ms (-1: as long as it takes) until one of them or one of
 * the caller's descriptors needs attention; run callbacks. revents is filled as by poll(2).
 * Returns the number of callbacks that ran. A signal ends the waiting.
 */
int net_poll(struct net *n, struct pollfd *fds, unsigned nfds, int timeout_ms);

/* Calls queued or under way. */
int net_pending(const struct net *n);

/* One call, waiting for its end (others move on meanwhile); the response lives in a. */
void net_call(struct net *n, const struct net_request *r, struct arena *a,
	      struct net_response *out);

/* The value of the first header of that name, SV_NONE when absent. */
struct sv net_header(const struct net_response *r, const char *name);
/* "ok", "refused", "timeout" ...: for logs and rows. */
const char *net_error_name(enum net_error e);

#endif
