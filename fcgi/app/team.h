/* team: what the pages of one member of the team share (pages/team_member.c). */
#ifndef APP_TEAM_H
#define APP_TEAM_H

#include "fcgi/app/crm.h"

/* The statements of every page of a member: who is signed in, and `member`.
 * Returns the index of the latter. */
int member_add(struct http_request *rq, struct db_batch *b, struct sv id);
/* Run the batch; the page with `member` in it, or 404. */
enum status member_read(struct http_request *rq, struct db_batch *b, int row,
			struct tmpl_value **page, struct err *e) WARN_UNUSED;
/* 303 back to a page of the member: rest is "/permissions?done=saved". */
enum status member_done(struct http_request *rq, struct http_response *rs, struct sv id,
			const char *rest);

#endif
