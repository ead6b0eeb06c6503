/*
 * Every address of the API: the rows of routes.c, of functions.def
 * (/functions/v1) and of auth.def (/auth/v1).
 */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "web/web.h"

extern const struct http_route api_routes[];

/* Bodies of functions without files. */
#define FORM_MAX (64 * 1024)
/* A message: 65536 characters, in JSON up to six bytes for each. */
#define MESSAGE_MAX (512 * 1024)
/* A recording of 50 MB with the form around it. */
#define RECORDING_FORM_MAX (51 * 1024 * 1024)
/* Rows in bulk: of tables, imports, batches. */
#define ROWS_MAX (10 * 1024 * 1024)
/* Files of rows, as text within JSON. */
#define IMPORT_MAX (32 * 1024 * 1024)

/* rest.c */
http_handler rest_table, rest_proxy;
/* channel_settings.c: seals the secrets in a body that is about to be written
 * to channel_accounts; leaves every other request alone. */
enum status channel_settings_seal(struct http_request *rq, struct sv target,
				  struct err *e) WARN_UNUSED;
/* health.c */
http_handler health_live, health_ready, health_metrics;

#define FUNCTION(methods, path, handler, auth, flags, body_max) http_handler handler;
#define AUTH(methods, path, handler, auth, flags) http_handler handler;
#include "fcgi/api/auth.def"
#include "fcgi/api/functions.def"
#undef FUNCTION
#undef AUTH

#endif
