/* The queue of calls, and the loop that moves them on. */
#include "net/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int positive(int value, int otherwise)
{
	return value > 0 ? value : otherwise;
}

struct net *net_new(const struct net_options *o)
{
	struct net *n = mem_alloc(sizeof(*n));

	*n = (struct net){ .o = *o, .guard = o->guard };
	curl_global_init(CURL_GLOBAL_DEFAULT);
	n->multi = curl_multi_init();
	if (!n->multi)
		mem_fail(0);
	if (!n->guard) {
		struct arena *a = arena_new();
		struct err e;

		n->guard = n->own_guard = guard_new(SV(""), a, &e);
		arena_free(a);
	}
	if (!o->user_agent)
		n->o.user_agent = "Kontor/" PACKAGE_VERSION;
	n->o.max_total = positive(o->max_total, 256);
	n->o.max_lane = positive(o->max_lane, 4);
	n->o.connect_ms = positive(o->connect_ms, 5000);
	n->o.total_ms = positive(o->total_ms, 15000);
	if (!o->max_body)
		n->o.max_body = 1 << 20;
	curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, (long)n->o.max_total);
	TAILQ_INIT(&n->lanes);
	TAILQ_INIT(&n->running);
	TAILQ_INIT(&n->failed);
	return n;
}

/* ---- lanes ---- */

static const char *lane_key(struct net_transfer *t)
{
	if (t->r.lane.n)
		return t->r.lane.p;
	return arena_printf(t->arena, "%s://%s:%d%s", t->url.scheme, t->url.host, t->url.port,
			    t->r.unix_socket ? t->r.unix_socket : "");
}

static struct net_lane *lane_get(struct net *n, struct net_transfer *t)
{
	const char *key = lane_key(t);
	struct net_lane *lane;

	for (lane = TAILQ_FIRST(&n->lanes); lane; lane = TAILQ_NEXT(lane, link))
		if (strcmp(lane->key, key) == 0)
			break;
	if (!lane) {
		lane = mem_alloc(sizeof(*lane));
		*lane = (struct net_lane){ .key = mem_dup(key) };
		TAILQ_INIT(&lane->waiting);
		TAILQ_INSERT_TAIL(&n->lanes, lane, link);
	}
	lane->max = positive(t->r.lane_max, n->o.max_lane);
	lane->gap_us = t->r.lane_gap_us;
	return lane;
}

static void lane_free(struct net *n, struct net_lane *lane)
{
	TAILQ_REMOVE(&n->lanes, lane, link);
	free(lane->key);
	free(lane);
}

/* A lane is forgotten when it is idle and its gap is over. */
static void lanes_sweep(struct net *n, int64_t now)
{
	struct net_lane *lane, *next;

	for (lane = TAILQ_FIRST(&n->lanes); lane; lane = next) {
		next = TAILQ_NEXT(lane, link);
		if (!lane->active && TAILQ_EMPTY(&lane->waiting) && lane->next_us <= now)
			lane_free(n, lane);
	}
}

/* The first that may start, by its own time and by the lane's; NULL: none. */
static struct net_transfer *lane_ready(const struct net_lane *lane, int64_t now)
{
	struct net_transfer *t;

	if (lane->active >= lane->max || lane->next_us > now)
		return NULL;
	for (t = TAILQ_FIRST(&lane->waiting); t; t = TAILQ_NEXT(t, link))
		if (t->r.not_before_us <= now)
			break;
	return t;
}

/* When lane_ready will have one; INT64_MAX: not by waiting. */
static int64_t lane_next_us(const struct net_lane *lane)
{
	const struct net_transfer *t;
	int64_t first = INT64_MAX;

	if (lane->active >= lane->max)
		return INT64_MAX;
	for (t = TAILQ_FIRST(&lane->waiting); t && first > 0; t = TAILQ_NEXT(t, link))
		if (t->r.not_before_us < first)
			first = t->r.not_before_us;
	return first == INT64_MAX ? first : later(first, lane->next_us);
}

/* ---- one call's way through ---- */

/* The call has ended and is in no list: tell its owner. */
static void deliver(struct net_transfer *t)
{
	struct net *n = t->net;
	const struct net_response *r = &t->response;

	n->pending--;
	log_debug("outgoing call", LOG_S("method", t->r.smtp ? SV("SMTP") : t->r.mailbox ? SV("MAILBOX") : t->r.method),
		  LOG_C("host", t->url.host), LOG_I("status", r->status),
		  LOG_C("outcome", net_error_name(r->error)), LOG_I("us", r->times.total_us));
	t->done(r, t->arg);
	transfer_free(t);
}

static void stop_running(struct net_transfer *t)
{
	struct net *n = t->net;

	curl_multi_remove_handle(n->multi, t->easy);
	TAILQ_REMOVE(&n->running, t, link);
	t->lane->active--;
	n->active--;
}

static void start(struct net_transfer *t, int64_t now)
{
	struct net *n = t->net;
	struct net_lane *lane = t->lane;

	TAILQ_REMOVE(&lane->waiting, t, link);
	t->response.times.queued_us = now - t->queued_us;
	if (!transfer_setup(t) || curl_multi_add_handle(n->multi, t->easy) != CURLM_OK) {
		if (!t->response.error)
			transfer_fail(t, NET_BAD_REQUEST, "The call could not be started");
		t->state = T_FAILED;
		TAILQ_INSERT_TAIL(&n->failed, t, link);
		return;
	}
	t->state = T_ACTIVE;
	TAILQ_INSERT_TAIL(&n->running, t, link);
	lane->active++;
	n->active++;
	lane->next_us = later(lane->next_us, now - NET_LANE_LATE_US) + lane->gap_us;
	TAILQ_REMOVE(&n->lanes, lane, link);
	TAILQ_INSERT_TAIL(&n->lanes, lane, link);
}

/* Start what may start; the lane that was served goes behind the others. */
static void start_waiting(struct net *n)
{
	int64_t now = clock_mono_us();
	struct net_lane *lane = TAILQ_FIRST(&n->lanes);

	while (lane && n->active < n->o.max_total) {
		struct net_transfer *t = lane_ready(lane, now);

		if (t) {
			start(t, now);
			lane = TAILQ_FIRST(&n->lanes);
		} else {
			lane = TAILQ_NEXT(lane, link);
		}
	}
	lanes_sweep(n, now);
}

static int deliver_failed(struct net *n)
{
	struct net_transfer *t;
	int count = 0;

	while ((t = TAILQ_FIRST(&n->failed))) {
		TAILQ_REMOVE(&n->failed, t, link);
		deliver(t);
		count++;
	}
	return count;
}

static int deliver_finished(struct net *n)
{
	struct net_transfer *t;
	CURLMsg *m;
	int left, count = 0;

	while ((m = curl_multi_info_read(n->multi, &left))) {
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		transfer_finish(t, code);
		stop_running(t);
		deliver(t);
		count++;
	}
	return count;
}

struct net_transfer *net_start(struct net *n, const struct net_request *r, net_callback *done,
			       void *arg)
{
	struct net_transfer *t = transfer_new(n, r);

	t->done = done;
	t->arg = arg;
	n->pending++;
	if (t->state == T_FAILED) {
		TAILQ_INSERT_TAIL(&n->failed, t, link);
		return t;
	}
	t->lane = lane_get(n, t);
	if (TAILQ_EMPTY(&t->lane->waiting)) /* nobody was kept waiting so far */
		t->lane->next_us = later(t->lane->next_us, t->queued_us);
	TAILQ_INSERT_TAIL(&t->lane->waiting, t, link);
	return t;
}

void net_cancel(struct net_transfer *t)
{
	struct net *n = t->net;

	if (t->state == T_ACTIVE)
		stop_running(t);
	else if (t->state == T_QUEUED)
		TAILQ_REMOVE(&t->lane->waiting, t, link);
	else
		TAILQ_REMOVE(&n->failed, t, link);
	transfer_fail(t, NET_ABORTED, "The call was ended by this side");
	deliver(t);
}

void net_free(struct net *n)
{
	struct net_transfer *t;
	struct net_lane *lane;

	if (!n)
		return;
	while ((t = TAILQ_FIRST(&n->failed)))
		net_cancel(t);
	while ((t = TAILQ_FIRST(&n->running)))
		net_cancel(t);
	while ((lane = TAILQ_FIRST(&n->lanes))) {
		while ((t = TAILQ_FIRST(&lane->waiting)))
			net_cancel(t);
		lane_free(n, lane);
	}
	curl_multi_cleanup(n->multi);
	guard_free(n->own_guard);
	free(n->wait);
	free(n);
	curl_global_cleanup();
}

/* ---- the loop ---- */

/* Until the first lane with something waiting may start again; at most timeout_ms. */
static int until_next_start(const struct net *n, int timeout_ms)
{
	int64_t now = clock_mono_us(), wait = timeout_ms < 0 ? INT32_MAX : timeout_ms;
	const struct net_lane *lane;

	if (n->active >= n->o.max_total)
		return (int)wait;
	for (lane = TAILQ_FIRST(&n->lanes); lane; lane = TAILQ_NEXT(lane, link)) {
		int64_t at = lane_next_us(lane);
		int64_t ms = at == INT64_MAX ? at : at > now ? (at - now + 999) / 1000 : 0;

		if (ms < wait)
			wait = ms;
	}
	return (int)wait;
}

static void wait_for(struct net *n, struct pollfd *fds, unsigned nfds, int timeout_ms)
{
	if (n->n_wait < nfds) {
		n->wait = mem_realloc(n->wait, nfds * sizeof(*n->wait));
		n->n_wait = nfds;
	}
	for (unsigned i = 0; i < nfds; i++) {
		short want = fds[i].events;

		n->wait[i] = (struct curl_waitfd){ .fd = fds[i].fd };
		n->wait[i].events = (short)((want & POLLIN ? CURL_WAIT_POLLIN : 0) |
					    (want & POLLPRI ? CURL_WAIT_POLLPRI : 0) |
					    (want & POLLOUT ? CURL_WAIT_POLLOUT : 0));
		fds[i].revents = 0;
	}
	curl_multi_poll(n->multi, n->wait, nfds, timeout_ms, NULL);
	/* libcurl does not pass on POLLERR and POLLHUP. */
	if (nfds)
		poll(fds, nfds, 0);
}

int net_poll(struct net *n, struct pollfd *fds, unsigned nfds, int timeout_ms)
{
	int count, running;

	start_waiting(n);
	count = deliver_failed(n);
	wait_for(n, fds, nfds, count ? 0 : until_next_start(n, timeout_ms));
	curl_multi_perform(n->multi, &running);
	count += deliver_finished(n);
	start_waiting(n);
	return count;
}

int net_pending(const struct net *n)
{
	return n->pending;
}

/* ---- conveniences ---- */

struct blocking {
	struct arena *a;
	struct net_response *out;
	bool ended;
};

static void copy_response(const struct net_response *r, void *arg)
{
	struct blocking *b = arg;
	struct net_header *headers = ARENA_ARRAY(b->a, r->n_headers, struct net_header);

	for (size_t i = 0; i < r->n_headers; i++)
		headers[i] = (struct net_header){ arena_sv(b->a, r->headers[i].name),
						  arena_sv(b->a, r->headers[i].value) };
	*b->out = *r;
	b->out->headers = headers;
	b->out->text = arena_sv(b->a, r->text);
	b->out->body = arena_sv(b->a, r->body);
	b->out->address = arena_sv(b->a, r->address);
	b->ended = true;
}

void net_call(struct net *n, const struct net_request *r, struct arena *a, struct net_response *out)
{
	struct blocking b = { .a = a, .out = out };

	net_start(n, r, copy_response, &b);
	while (!b.ended)
		net_poll(n, NULL, 0, 1000);
}

struct sv net_header(const struct net_response *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (sv_ieq(r->headers[i].name, sv_from(name)))
			return r->headers[i].value;
	return SV_NONE;
}

const char *net_error_name(enum net_error e)
{
	static const char *const names[] = {
		[NET_OK] = "ok",	   [NET_BAD_REQUEST] = "bad_request",
		[NET_REFUSED] = "refused", [NET_RESOLVE] = "resolve",
		[NET_CONNECT] = "connect", [NET_TLS] = "tls",
		[NET_TIMEOUT] = "timeout", [NET_TOO_LARGE] = "too_large",
		[NET_BROKEN] = "broken",   [NET_ABORTED] = "aborted",
		[NET_DENIED] = "denied",   [NET_MISSING] = "missing",
	};

	return names[e];
}
