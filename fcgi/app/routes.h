/*
 * Every page of the staff's application, one row each in routes/MODULE.def:
 *
 *	PAGE(path, handler [, flags] [, AREA])	a page for signed-in people
 *	POST(path, handler [, AREA])		a form of theirs, with CSRF and the usual body limit
 *	ROUTE(methods, path, handler, auth [, flags] [, body limit] [, AREA])	anything else
 *
 * A row declares its handler as well. To add a page: a file in
 * fcgi/app/pages named after its URL, its row, its template in templates/app.
 */
#ifndef APP_ROUTES_H
#define APP_ROUTES_H

#include "web/web.h"

extern const struct http_route app_routes[];

#define ROUTE(methods, path, handler, ...) http_handler handler;
#define PAGE(path, handler, ...) http_handler handler;
#define POST(path, handler, ...) http_handler handler;
#include "fcgi/app/routes/all.def"
#undef ROUTE
#undef PAGE
#undef POST

#endif
