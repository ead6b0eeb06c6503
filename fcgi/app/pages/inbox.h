/*
 * The inbox, /inbox and /inbox/:id: what its two files share.
 *
 * inbox.c shows (pages and the fragments that live updates fetch), and
 * inbox_post.c changes. Every change answers with the fragment "state": the
 * parts of the page around the messages.
 */
#ifndef APP_INBOX_H
#define APP_INBOX_H

#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

/* Statements of one conversation with what stands around its messages. */
struct inbox_talk {
	int row, contact, deals, others, notes, members, pipelines;
};

/* ST_NOT_FOUND unless :id looks like an id. */
enum status inbox_id(struct http_request *rq, struct sv *id, struct err *e) WARN_UNUSED;
void inbox_add_talk(struct db_batch *b, struct sv id, struct inbox_talk *t);
/* After db_run: the page's keys of the conversation; ST_NOT_FOUND when there is none. */
enum status inbox_set_talk(struct http_request *rq, const struct db_batch *b,
			   const struct inbox_talk *t, struct tmpl_value *page,
			   struct err *e) WARN_UNUSED;

#endif
