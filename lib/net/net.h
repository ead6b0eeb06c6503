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
 *   slow receiver holds up only itself as long as max_total is well above
 *   the sum of what slow lanes may take: a call that waits for an answer
 *   costs a socket and nothing else. Times count from the start of the call,
 *   not from its waiting.
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

#define NET_LANE_LATE_US 50000

struct net_options {
	struct guard *guard; /* not owned, outlives the net; NULL: one that allows no exception */
	const char *user_agent; /* NULL: Kontor/<version> */
	int max_total;		/* calls under way; 0: 256 */
	int max_lane;		/* in one lane; 0: 4 */
	int connect_ms;		/* name, connection and TLS; 0: 5000 */
	int total_ms;		/* the whole call; 0: 15000 */
	size_t max_body;	/* bytes read of an answer; 0: 1 MiB */
};

struct net_header {
	struct sv name, value;
};

enum net_tls {
	NET_TLS_NONE,	  /* smtp: never ask for STARTTLS */
	NET_TLS_REQUIRED, /* smtp: STARTTLS or fail (smtps: TLS from the first byte) */
};

/* What SMTP needs beside a URL and a body (the mail, with CRLF line ends). */
struct net_smtp {
	struct sv from;	     /* envelope sender, bare address; empty: the null sender of RFC 5321 */
	const struct sv *to; /* envelope recipients; all or none get the mail */
	size_t n_to;
	enum net_tls tls;
	struct sv user, password; /* empty user: no log-in */
	struct sv bearer;	  /* OAuth 2 token instead of the password (XOAUTH2) */
	bool check;		  /* only connect and sign in: no mail, no recipients */
};

/*
 * One command at an IMAP or POP3 server, over libcurl as everything here, so that
 * it waits in lanes, is guarded, and keeps its connection with the log-in for the
 * next command. (A child process that does whole mailboxes would need all of that
 * once more.) The URL says the server and what is asked of it:
 *
 *	imap://host/			with `command`: STATUS "INBOX" (UIDVALIDITY UIDNEXT)
 *	imap://host/INBOX		with `command`: UID FETCH 7:* (UID FLAGS)
 *	imap://host/INBOX/;UID=7	the mail, as it is (this sets its flag \\Seen)
 *	pop3://host/			with `command`: UIDL
 *	pop3://host/5			the mail
 *
 * The body of the response is the untagged lines, or the mail. status stays 0.
 */
struct net_mailbox {
	struct sv command; /* percent-encoded, as libcurl decodes it */
	enum net_tls tls;  /* for imap: and pop3:, as of smtp: */
	struct sv user, password;
	struct sv bearer; /* OAuth 2 token instead of the password (XOAUTH2) */
	bool fresh;	  /* on a connection of its own: a POP3 session sees what was there when it began */
	int max_age_s;	  /* no connection that is older; 0: any */
	bool last;	  /* close it behind this command: a POP3 session locks the mailbox */
};

struct net_request {
	struct sv method; /* empty: GET, or POST when there is a body */
	struct sv url;	  /* http, https; smtp, smtps when `smtp` is set, imap ... by `mailbox` */
	/* Content-Type is sent only when given here. Host, Content-Length, Transfer-Encoding,
	 * Connection, Expect, TE and Upgrade are libcurl's own and refused. */
	const struct net_header *headers;
	size_t n_headers;
	struct sv body;		   /* sent when present, even if empty */
	int connect_ms, total_ms;  /* 0: those of the net */
	size_t max_body;	   /* 0: that of the net */
	bool truncate;		   /* a longer answer is cut and counts; else NET_TOO_LARGE */
	bool trusted;		   /* the address is from our own configuration: no guard */
	bool https_only;	   /* refuse http:// */
	const char *unix_socket;   /* path to connect to instead of the host; needs trusted */
	struct sv ca_pem;	   /* accept certificates of these CAs and no others */
	struct sv lane;		   /* own name for the lane: an endpoint's id */
	int lane_max;		   /* its limit, 0: max_lane */
	/* Time between two starts. One that came late, because this side was busy, is
	 * made up for by the next ones, up to NET_LANE_LATE_US: so the rate is held. */
	int lane_gap_us;
	int64_t not_before_us; /* starts no earlier, by clock_mono_us; others of its lane go past it */
	const struct net_smtp *smtp;
	const struct net_mailbox *mailbox;
	/* Takes the body of the answer in pieces as it comes, in the place of the
	 * response's; false ends the call (NET_BROKEN). Counts against max_body. */
	bool (*sink)(void *arg, struct sv piece);
	void *sink_arg;
};

enum net_error {
	NET_OK,		 /* there is an answer: see status, also when that is 500 */
	NET_BAD_REQUEST, /* what was asked cannot be sent: address, header or recipient malformed */
	NET_REFUSED,	 /* by the guard or https_only; nothing was sent */
	NET_RESOLVE,	 /* the name has no address */
	NET_CONNECT,
	NET_TLS, /* no TLS, or the certificate is not valid for that host */
	NET_TIMEOUT,
	NET_TOO_LARGE, /* status, headers and the first max_body bytes are there */
	NET_BROKEN,    /* the connection broke, or what came was no answer */
	NET_ABORTED,   /* by net_cancel or net_free */
	NET_DENIED,    /* mailbox: user name or password are not accepted */
	NET_MISSING,   /* mailbox: there is no such mail or folder */
	NET__ERROR_MAX
};

struct net_times {
	int64_t queued_us;		    /* waiting in the lane */
	int64_t dns_us, connect_us, tls_us; /* 0 on a connection used again */
	int64_t first_byte_us;		    /* from the request being sent to the answer's begin */
	int64_t total_us;		    /* without queued_us */
};

struct net_response {
	enum net_error error;
	struct sv text;	 /* what went wrong, in words; SMTP: the server's last reply */
	int status;	 /* HTTP status or SMTP reply code; 0 without an answer */
	int retry_after; /* seconds, 0 = not said; a date was converted */
	const struct net_header *headers;
	size_t n_headers;
	struct sv body;
	bool truncated;
	size_t sent;	   /* smtp: bytes of the mail that libcurl took; 0: DATA was not reached */
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
