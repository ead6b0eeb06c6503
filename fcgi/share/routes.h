/*
 * The public pages behind a token, one file each: quotes, web forms, files for
 * providers, the chat on a tenant's site, the question after a conversation, and
 * the picture that counts.
 */
#ifndef SHARE_ROUTES_H
#define SHARE_ROUTES_H

#include "web/web.h"

/* quote.c */
http_handler quote_page, quote_accept, quote_decline;

/* csat.c */
http_handler csat_page, csat_answer;

/* lead_form.c */
http_handler lead_form_page, lead_form_submit, lead_form_preflight;
/* The policy of a page in a frame of others: NULL form, nobody's. */
void lead_form_policy(struct http_request *rq, struct http_response *rs, struct sv origins,
		      struct sv redirect);

/* file.c */
http_handler share_file;

/* chat.c: the chat of a tenant's site; errors are JSON, to the site's page. */
http_handler chat_preflight, chat_config, chat_begin, chat_thread, chat_send, chat_upload, chat_typing,
	chat_live, chat_file;

/* track.c */
http_handler track_pixel;

#endif
