/*
 * url: web addresses taken apart by libcurl's own parser.
 *
 * The parser that checks an address must be the one that later connects, or
 * the two can be made to disagree on the host. What is passed on to libcurl
 * is `text`, the parser's own spelling: http://0x7f.1/ has become
 * http://127.0.0.1/.
 */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/err.h"

struct net_url {
	const char *text;   /* the whole in normal form */
	const char *scheme; /* lower case */
	const char *host;   /* IPv6 without brackets and scope */
	int port;           /* the scheme's own when none is given */
};

/* All texts live in a. Refused: control characters and spaces, what is not an
 * absolute address, and a user name or password in it. */
enum status net_url_parse(struct sv url, struct net_url *u, struct arena *a,
			  struct err *e) WARN_UNUSED;

#endif
