/*
 * The public pages behind a token, one file each: quotes, web forms, and the
 * picture that counts.
 */
#ifndef SHARE_ROUTES_H
#define SHARE_ROUTES_H

#include "web/web.h"

/* quote.c */
http_handler quote_page, quote_accept, quote_decline;

/* lead_form.c */
http_handler lead_form_page, lead_form_submit, lead_form_preflight;
/* The policy of a page in a frame of others: NULL form, nobody's. */
void lead_form_policy(struct http_request *rq, struct http_response *rs, struct sv origins,
		      struct sv redirect);

/* track.c */
http_handler track_pixel;

#endif
