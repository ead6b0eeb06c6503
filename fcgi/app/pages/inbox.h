/*
 * The inbox, /inbox and /inbox/:id: what its files share.
 *
 *   inbox.c           the page of three panes
 *   inbox_filter.c    what the address says about the list
 *   inbox_list.c      the list and its live rows
 *   inbox_views.c     views that are kept
 *   inbox_bulk.c      changes of many conversations
 *   inbox_talk.c      one conversation: head and panel
 *   inbox_thread.c    its messages and notes, page by page
 *   inbox_composer.c  what may be written now
 *   inbox_mail.c      a mail's HTML in its frame, what mails have beside a text
 *   inbox_message.c   messages that agents write
 *   inbox_act.c       what is done to a message, and what is scheduled
 *   inbox_search.c    looking for messages, quick replies; export
 *   inbox_note.c      notes for the team
 *   inbox_change.c    assign, close, star and the like
 *   inbox_merge.c     several conversations of one person into one; deletion
 *   inbox_here.c      what is one's own: preferences, drafts, who is here
 *   inbox_new.c       a conversation that we begin
 *
 * Every change of a conversation answers with the fragment "state": the parts of
 * the page around the messages (templates/app/inbox/state.html); what adds to the
 * thread answers with the items added. templates/app/inbox/bubble.html is one of
 * them. Scripts: templates/assets/inbox/, named alike.
 */
#ifndef APP_INBOX_H
#define APP_INBOX_H

#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

/* A page of the list and of a thread. */
#define TALKS_MAX 50

/* Most conversations or messages that one live update asks for. */
#define LIVE_IDS 50

/* ---- the list ---- */

/* Filters of the address, in the order of their chips; all of them hold together. */
enum talk_param {
	TALK_CHANNEL,  /* a type, WHATSAPP for both, or the id of an account */
	TALK_STATUS,   /* one or several with commas */
	TALK_ASSIGNEE, /* me, none, or a member */
	TALK_TAG,      /* one or several, all of them */
	TALK_TYPE,     /* of a message in it; dm, comment */
	TALK_UNREAD,   /* 1, 0 */
	TALK_STARRED,
	TALK_SNOOZED, /* any, only; else those are hidden */
	TALK_OVERDUE,
	TALK_FROM, /* days of the last message */
	TALK_TO,
	TALK_Q,
	TALK_SORT,
	TALK_PARAMS
};

struct talk_view {
	const char *name, *label;
	const char *filters[TALK_PARAMS];
	bool in_menu; /* there is room for five */
};

struct talk_choice {
	const char *value, *label; /* N_() */
};
extern const struct talk_choice talk_statuses[], talk_types[], talk_sorts[];
/* In the reader's language; NULL when there is no such value. */
const char *talk_choice_label(const struct talk_choice *c, struct sv value);

/* What the address says about the list. */
struct talk_list {
	const struct talk_view *view;
	struct sv given[TALK_PARAMS]; /* as in the address */
	struct sv saved;	      /* id of the saved view */
	struct sv before_leg, before_at, before_id;
};

enum status inbox_read_list(struct http_request *rq, struct talk_list *l,
			    struct err *e) WARN_UNUSED;
/* The same of an address that came in a form. */
enum status inbox_read_address(struct http_request *rq, struct sv address, struct talk_list *l,
			       struct err *e) WARN_UNUSED;
bool inbox_list_filtered(const struct talk_list *l);
/* The question as json for internal.talks_page; ids: an array literal that limits it, or SV_NONE. */
struct sv inbox_ask(struct arena *a, const struct talk_list *l, struct sv ids);
/* The part of the address that keeps the list as it is. */
struct sv inbox_list_query(struct arena *a, const struct talk_list *l);
void inbox_set_filter(struct arena *a, struct tmpl_value *page, const struct talk_list *l);
void inbox_set_chips(struct arena *a, struct tmpl_value *page, const struct talk_list *l,
		     const struct db_batch *b, int members, int kinds);
void inbox_set_sorts(struct arena *a, struct tmpl_value *page, const struct talk_list *l,
		     struct sv preferred);

/* Statements of the list with all that stands around it. */
struct inbox_list {
	int rows, count, kinds, members, tags, saved, teams, preferences, macros;
};
/* current: the conversation that is open, or SV_NONE. */
void inbox_add_list(struct db_batch *b, const struct talk_list *l, struct sv current, struct inbox_list *s);
void inbox_set_list(struct http_request *rq, struct tmpl_value *page, const struct talk_list *l,
		    const struct db_batch *b, const struct inbox_list *s);

/* ?<name>=<time>_<id>: a place in a thread; both SV_NONE without it. */
enum status inbox_read_cursor(struct http_request *rq, const char *name, struct sv *at, struct sv *id,
			      struct err *e) WARN_UNUSED;
/* ?ids=a,b,c as an array literal. */
enum status inbox_read_ids(struct http_request *rq, struct sv *out, struct err *e) WARN_UNUSED;

/* ---- one conversation ---- */

/* Statements of one conversation with what stands around its messages. */
struct inbox_talk {
	int row, contact, deals, tasks, others, notes, pipelines, drafts, surveys, channels, composer;
};

/* ST_NOT_FOUND unless :id looks like an id. */
enum status inbox_id(struct http_request *rq, struct sv *id, struct err *e) WARN_UNUSED;
void inbox_add_talk(struct db_batch *b, struct sv id, struct inbox_talk *t);
/* After db_run: the page's keys of the conversation; ST_NOT_FOUND when there is none. */
enum status inbox_set_talk(struct http_request *rq, const struct db_batch *b,
			   const struct inbox_talk *t, struct tmpl_value *page,
			   struct err *e) WARN_UNUSED;
/* The keys of the composer, from its own statement and that of the conversation. */
int inbox_add_composer(struct db_batch *b, struct sv id);
void inbox_set_composer(struct tmpl_value *page, struct arena *a, const struct db_batch *b,
			const struct inbox_talk *t);

/* Behind the insert of a reply: subject, copies (mail_fields.html), when they were given. */
void inbox_add_mail_fields(struct http_request *rq, struct db_batch *b, struct sv client);

/* The newest items of the thread, before conversation_read. */
int inbox_add_items(struct db_batch *b, struct sv id);
void inbox_set_items(struct tmpl_value *page, const struct db_batch *b, int items);

/* ---- answers to changes ---- */

/* The statement of a change is in the batch: run it, answer with the state. */
enum status inbox_changed(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  struct sv id, struct err *e) WARN_UNUSED;
/* The same with what was added to the thread; items: its statement. */
enum status inbox_added(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			struct sv id, int items, struct err *e) WARN_UNUSED;
/* 422 with the field that the message belongs to. */
enum status inbox_refuse(struct http_request *rq, const char *field, const char *message,
			 struct err *e) WARN_UNUSED;

#endif
