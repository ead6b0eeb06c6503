/*
 * Every page of the staff's application: one row per route, in routes.c.
 *
 * To add a page: a file in fcgi/app/pages named after its URL, its handlers
 * declared here, its rows in routes.c, its template in templates/app.
 */
#ifndef APP_ROUTES_H
#define APP_ROUTES_H

#include "web/web.h"

extern const struct http_route app_routes[];

/* pages/login.c */
http_handler login_page, login_submit, logout_submit;

#endif
