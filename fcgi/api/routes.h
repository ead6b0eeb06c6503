/*
 * Every address of the API: one row per route, in routes.c.
 *
 * To add a function: a file in fcgi/api/functions named after its URL, its
 * handler declared here, its row in routes.c. /functions/v1/create-lead is
 * functions/create_lead.c.
 */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "web/web.h"

extern const struct http_route api_routes[];

/* rest.c */
http_handler rest_table, rest_proxy;
/* auth/token.c, auth/user.c */
http_handler auth_token, auth_user, auth_logout, auth_health;
/* health.c */
http_handler health_live, health_ready, health_metrics;

#endif
