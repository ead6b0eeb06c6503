/*
 * webhook: what is sent to an endpoint of a tenant (webhooks.md, WHK-32..55).
 *
 * The body is built once, at the first attempt, and stays: every attempt
 * sends the same bytes under the same ids. Two signatures go with it:
 *
 * - X-Webhook-Signature: HMAC-SHA-256 over the body, keyed with the secret as
 *   the tenant typed it, in lower-case hex;
 * - webhook-signature, as in Standard Webhooks: "v1," and the base64 of
 *   HMAC-SHA-256 over id.timestamp.body. The key of a secret of the form
 *   whsec_<base64> is what the base64 decodes to, as the libraries do it; any
 *   other secret is its own bytes (libraries: new Webhook(secret, {format: "raw"})).
 */
#ifndef EVENT_WEBHOOK_H
#define EVENT_WEBHOOK_H

#include "base/buf.h"
#include "base/err.h"
#include "net/net.h"

/* What the body is made of; JSON texts may be absent. */
struct webhook_event {
	struct sv type;        /* message.received */
	struct sv record_type; /* message */
	struct sv record_id;
	struct sv at;          /* as PostgreSQL writes a timestamptz */
	struct sv data, changes;
	struct sv contact, organization, conversation, company;
};

/* Append the body {"event","timestamp","data"}; *timestamp becomes its time.
 * ST_BAD_INPUT when data is no JSON object. */
enum status webhook_body(const struct webhook_event *ev, struct buf *out, struct sv *timestamp,
			 struct arena *a, struct err *e) WARN_UNUSED;

struct webhook_attempt {
	struct sv type, id, seq;   /* event type, event id, number of the event */
	struct sv timestamp, body; /* from webhook_body */
	int64_t now;               /* seconds since 1970 */
	struct sv secret;          /* opened; empty: no signatures */
	struct sv custom_headers;  /* JSON object; ours cannot be overridden */
};

/* All headers, in the arena; *n becomes their number. */
struct net_header *webhook_headers(const struct webhook_attempt *w, size_t *n, struct arena *a);

/* "2025-01-15T12:34:56.789Z" of a time as PostgreSQL writes it in text or
 * JSON; SV_NONE when it is none. */
struct sv webhook_time(struct arena *a, struct sv text);

/* Any bytes as text for a log: at most `max` bytes, what is not UTF-8 as ?. */
struct sv webhook_printable(struct arena *a, struct sv bytes, size_t max);

#endif
