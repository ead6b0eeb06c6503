/*
 * The pages behind shared links, one file each: quotes.
 */
#ifndef SHARE_ROUTES_H
#define SHARE_ROUTES_H

#include "web/web.h"

/* quote.c */
http_handler quote_page, quote_accept, quote_decline;

#endif
