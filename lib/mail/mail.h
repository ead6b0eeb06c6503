/*
 * mail: messages as bytes (GMime), and their way out (SMTP over lib/net).
 *
 *	mail_build(&m, &bytes, &id, a, &e);
 *	mail_smtp_request(&server, &m, buf_sv(&bytes), &request, a, &e);
 *	net_start(net, &request, sent, job);        ... and in sent():
 *	switch (mail_outcome(response)) ...
 *
 * All texts are UTF-8; whatever stands in a header is encoded as RFC 2047 and
 * RFC 2231 ask. A line break in anything that becomes a header is refused,
 * never removed: it is an attack or a mistake, and both should be seen.
 */
#ifndef MAIL_MAIL_H
#define MAIL_MAIL_H

#include "base/buf.h"
#include "base/err.h"
#include "mail/ics.h"
#include "net/net.h"

struct mail_header {
	struct sv name, value;
};

struct mail_attachment {
	struct sv name; /* file name */
	struct sv type; /* "application/pdf"; empty: application/octet-stream */
	struct sv data;
	struct sv
		content_id; /* shown inside the HTML as <img src="cid:...">; empty: a plain file */
};

struct mail_message {
	struct mail_address from;
	struct mail_address reply_to;		  /* empty email: none */
	const struct mail_address *to, *cc, *bcc; /* bcc is in the envelope only */
	size_t n_to, n_cc, n_bcc;
	struct sv subject;
	struct sv text, html; /* one or both; both make multipart/alternative */
	/* An iCalendar object (mail/ics.h) and its method. It goes along twice: as an alternative,
	 * which calendars act upon, and as the file invite.ics, which people can open (SCH-90). */
	struct sv calendar;
	enum ics_method calendar_method;
	const struct mail_attachment *attachments;
	size_t n_attachments;
	struct sv message_id;  /* without < >; empty: a new one at the sender's domain */
	struct sv in_reply_to; /* without < >; empty: none */
	struct sv references;  /* as in the header: "<a@x> <b@x>"; empty: none */
	/* https address for one click (RFC 8058): sets List-Unsubscribe and -Post; empty: none */
	struct sv unsubscribe_url;
	const struct mail_header *headers; /* others; those that the fields above set are refused */
	size_t n_headers;
	int64_t date_ms; /* 0: now */
};

/*
 * Append the message with CRLF line ends to out. *message_id (NULL allowed)
 * becomes its id without < >. ST_BAD_INPUT names the field at fault in
 * e->field.
 */
enum status mail_build(const struct mail_message *m, struct buf *out, struct sv *message_id,
		       struct arena *a, struct err *e) WARN_UNUSED;

enum mail_tls {
	MAIL_TLS_AUTO, /* smtp://: STARTTLS is a must, except to a loopback address */
	MAIL_TLS_NONE, /* smtp:// in the clear: for a relay in the own network */
};

struct mail_server {
	/* smtp://host:port, smtps://host:port; a /name behind it is what EHLO says */
	struct sv url;
	struct sv user, password;
	struct sv bearer; /* OAuth 2 access token instead of the password */
	struct sv ca_pem; /* own CA of that server; empty: the system's */
	enum mail_tls tls;
	bool trusted; /* the installation's own relay: not guarded (net/guard.h) */
	int total_ms; /* 0: 60 seconds */
};

/* The installation's relay by smtp_url, smtp_user and smtp_password_file;
 * ST_UNAVAILABLE when none is set. */
enum status mail_server_conf(struct mail_server *s, struct arena *a, struct err *e) WARN_UNUSED;

/*
 * The request that hands over `bytes` for all recipients of m, each once. The
 * envelope sender is `bounce_to`, or m->from when empty. bytes must stay valid until
 * the call has ended; *out points into a.
 */
enum status mail_smtp_request(const struct mail_server *s, const struct mail_message *m,
			      struct sv bounce_to, struct sv bytes, struct net_request *out,
			      struct arena *a, struct err *e) WARN_UNUSED;

enum mail_outcome {
	MAIL_SENT,	/* the server has taken charge of it for all recipients */
	MAIL_TEMPORARY, /* 4xx, no connection, time-out: try again later */
	MAIL_PERMANENT, /* 5xx, or it cannot be sent as it is: do not try again */
};

/* response->text then holds the server's words ("550 5.1.1 No such user"). */
enum mail_outcome mail_outcome(const struct net_response *r);

#endif
