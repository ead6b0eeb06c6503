/*
 * mailbox: what is asked of IMAP and POP3 servers, and what they answer.
 *
 * Pure functions: requests are built here and made by net/ (struct net_mailbox),
 * answers are read here. A mailbox is read by UIDs alone. What is asked:
 *
 *	imap	STATUS (UIDVALIDITY UIDNEXT), UID FETCH n:* (UID FLAGS RFC822.SIZE
 *		INTERNALDATE), each mail by its UID; libcurl fetches without PEEK, so a
 *		mail that was unread is marked unread again (STORE -FLAGS.SILENT)
 *	pop3	UIDL, each mail by its number of this connection
 */
#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include "base/err.h"
#include "net/net.h"

struct mailbox {
	struct sv url;	  /* imaps://host, imap://host:143, pop3s://host, pop3://host */
	struct sv folder; /* imap; empty: INBOX */
	struct sv user, password, bearer;
};

bool mailbox_is_pop3(const struct mailbox *m);

enum mailbox_question {
	MAILBOX_STATUS, /* imap: UIDVALIDITY and UIDNEXT */
	MAILBOX_LIST,	/* imap: mails from UID n on; pop3: all, with their names */
	MAILBOX_FETCH,	/* imap: the mail with UID n; pop3: the n-th */
	MAILBOX_HEADER, /* imap: of the mail with UID n, when the mail itself is too large */
	MAILBOX_UNREAD, /* imap: the mail with UID n was not read by a person */
	MAILBOX_BYE,	/* imap: nothing, to close the session behind it */
};
/* Fill the request (URL, command, TLS; the caller adds lane, sink, limits).
 * ST_BAD_INPUT when the mailbox's address is none. */
enum status mailbox_ask(const struct mailbox *m, enum mailbox_question q, int64_t n,
			struct net_request *out, struct arena *a, struct err *e) WARN_UNUSED;

/* The answer to MAILBOX_STATUS; false: it is none. */
bool mailbox_read_status(struct sv answer, int64_t *uidvalidity, int64_t *uidnext);

struct mailbox_mail {
	int64_t uid;	/* imap; pop3: the number in this connection */
	int64_t size;	/* bytes, -1 = not said */
	int64_t at_ms;	/* when it came into the mailbox; 0 = not said */
	bool seen;	/* read by somebody */
	struct sv name; /* pop3: the server's unique id of it */
};
/* The answer to MAILBOX_LIST in order of UID, those below `from` left out (a server
 * answers n:* with its last mail even when that is older). Lives in a. */
size_t mailbox_read_list(const struct mailbox *m, struct sv answer, int64_t from,
			 struct mailbox_mail **out, struct arena *a);

/* What went wrong, for people. */
struct sv mailbox_error(const struct mailbox *m, const struct net_response *r, struct arena *a);

#endif
