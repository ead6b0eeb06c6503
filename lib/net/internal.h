/*
 * What net.c (queue, poll) and transfer.c (one call with libcurl) share.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "base/buf.h"
#include "net/net.h"
#include "net/url.h"

#include <curl/curl.h>
#include <sys/queue.h>

enum transfer_state { T_QUEUED, T_ACTIVE, T_FAILED };

struct net_lane {
	TAILQ_ENTRY(net_lane) link;
	char *key;
	int max, gap_us, active;
	int64_t next_us; /* not before this, by clock_mono_us */
	TAILQ_HEAD(, net_transfer) waiting;
};

struct net {
	CURLM *multi;
	struct guard *guard, *own_guard;
	struct net_options o;
	int active, pending;
	TAILQ_HEAD(, net_lane) lanes; /* the one served last stands at the end */
	TAILQ_HEAD(, net_transfer) running, failed;
	struct curl_waitfd *wait;
	unsigned n_wait;
};

struct net_transfer {
	TAILQ_ENTRY(net_transfer) link; /* in lane->waiting, net->running or net->failed */
	struct net *net;
	struct net_lane *lane;
	enum transfer_state state;
	net_callback *done;
	void *arg;

	struct arena *arena;
	struct net_request r; /* copied into the arena */
	struct net_url url;
	struct net_smtp smtp;
	struct net_mailbox mailbox;
	CURL *easy;
	struct curl_slist *headers, *recipients;
	bool setup_failed;
	size_t sent; /* bytes of the body given to libcurl (SMTP) */

	const char *refused; /* reason of the guard */
	bool too_large;
	struct buf body;
	size_t n_body; /* bytes of it that have come, also those given to the sink */
	struct net_header *got;
	size_t n_got, got_size, header_bytes;
	char error[CURL_ERROR_SIZE];
	int64_t queued_us;
	struct net_response response;
};

/* A call whose request cannot be sent comes back in state T_FAILED, its response filled. */
struct net_transfer *transfer_new(struct net *n, const struct net_request *r);
/* Prepare libcurl's handle; false: as above. */
bool transfer_setup(struct net_transfer *t);
/* Fill the response from what libcurl knows. */
void transfer_finish(struct net_transfer *t, CURLcode code);
void transfer_fail(struct net_transfer *t, enum net_error e, const char *text);
void transfer_free(struct net_transfer *t);

#endif
