/*
 * What the files of web/ share: the way of a request around its handler.
 *
 * web.c knows the caller; limits.c counts him; once.c sees to it that a POST
 * with an Idempotency-Key is done once; assets.c names the state of the files
 * that browsers keep.
 */
#ifndef WEB_INTERNAL_H
#define WEB_INTERNAL_H

#include "web/web.h"
#include "base/tr.h"
#include "http/limit.h"

/* Of one request, from its first use on. */
struct web_state {
	const struct tr_language *language; /* of this request */
	const struct tr_language *chosen;   /* in the reader's profile */
	bool in_wizard;           /* who is signed in has the wizard to pass first */
	int me;                   /* statement that reads who is signed in, + 1 */
	struct limit_state limit; /* what the headers say; limit 0: nothing */
	struct db_batch *asked;   /* has the statement that reads the limits ... */
	int limits;               /* ... here */
	struct db_batch *once;    /* has the statement that takes the Idempotency-Key */
};

struct web_state *web_state(struct http_request *rq);
/* The identity that the route asks for, and the site. */
void web_identify(struct http_request *rq, struct db_batch *b);

enum status web_admit(struct http_request *rq, struct err *e);
enum status web_settle(struct http_request *rq, struct http_response *rs, enum status s,
		       struct err *e);
void web_head(struct http_request *rq, struct http_response *rs);

/* ---- limits.c ---------------------------------------------------------- */

/* Count the request; ST_RATE_LIMITED when it is one too many. */
enum status web_limit_admit(struct http_request *rq, struct err *e) WARN_UNUSED;
/* Ask for the caller's limits in the same trip, where they are not known. */
void web_limit_ask(struct http_request *rq, struct db_batch *b);
void web_limit_learn(struct http_request *rq);
void web_limit_head(struct http_request *rq, struct http_response *rs);

/* ---- once.c ------------------------------------------------------------- */

/* Before the identity: a POST with the header keeps its transaction open. */
bool web_once_hold(struct http_request *rq, struct db_batch *b);
/* Behind it: take the key, or wait for whoever has it. */
void web_once_begin(struct http_request *rq, struct db_batch *b);
/* Store the answer and commit; give the stored one; or undo everything. */
enum status web_once_settle(struct http_request *rq, struct http_response *rs, enum status s,
			    struct err *e) WARN_UNUSED;

/* ---- assets.c ----------------------------------------------------------- */

/* A word that is another as soon as any file of templates/assets is, so that a
 * browser may keep /assets/x.css?v=WORD for ever. */
struct sv web_assets_version(struct arena *a);

#endif
