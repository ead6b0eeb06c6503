/*
 * kontor-rest: lib/rest in front of any PostgreSQL database, with PostgREST's
 * configuration, URLs and errors. It knows no table, and nothing of Kontor.
 */
#ifndef FCGI_REST_H
#define FCGI_REST_H

#include "db/db.h"
#include "http/http.h"
#include "rest/config.h"
#include "rest/identity.h"
#include "rest/rest.h"
#include "rest/schema.h"

/* All that follows from one reading of the configuration. */
struct setup {
	struct arena *arena;
	struct rest_config config;
	struct rest_options options;
	struct rest_identity_options who;
	const char *identify_sql; /* who asks and what: see identify.c */
	const char *before_sql;   /* the call of db-pre-request; NULL: none */
	struct db *db;
	struct rest *rest;
};

/* setup.c: from the file (NULL: the environment alone) and the database. */
struct setup *setup_load(const char *path, struct err *e);
void setup_free(struct setup *s);

/* identify.c: the statements that come before the request's own; adds to the
 * flags of the call what follows from who asks. */
enum status identify(const struct setup *s, struct http_request *rq, struct db_batch **out,
		     unsigned *flags, struct err *e) WARN_UNUSED;
const char *identify_compose(struct setup *s);

/* answer.c: PostgREST's form of an error, and what CORS wants. */
http_error_writer answer_error;
void answer_cors(const struct setup *s, struct http_request *rq, struct http_response *rs);
/* OPTIONS that a browser sends ahead of a request to another origin. */
bool answer_preflight(const struct setup *s, struct http_request *rq, struct http_response *rs);

#endif
