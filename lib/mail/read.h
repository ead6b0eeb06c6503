/*
 * read: a mail as it came, taken apart (GMime), within limits.
 *
 * What comes from strangers is read without trust: no recursion into a mail
 * that is nested without end, no more parts and files than the limits say, texts
 * cut at their limit, names and types cleaned. What was left out is said
 * (`cut`); the mail itself is kept by the caller as it is. Attachments are
 * handed to a sink in pieces, so that none is in memory whole.
 */
#ifndef MAIL_READ_H
#define MAIL_READ_H

#include "base/err.h"
#include "mail/address.h"

#define MAIL_PARTS_MAX 500   /* looked at */
#define MAIL_FILES_MAX 60    /* kept as files */
#define MAIL_NESTED_MAX 100  /* multiparts and mails within the mail; more: nothing but its header is read */
#define MAIL_TEXT_MAX 262144 /* bytes of text, and as many of the HTML times eight */
#define MAIL_PEOPLE_MAX 100
#define MAIL_RELATIVES_MAX 60

struct mail_file {
	struct sv name, type; /* never empty */
	struct sv content_id; /* without < >; empty: none */
	bool is_inline;	      /* a picture that the HTML shows */
	void *kept;	      /* the sink's own */
};

/* Functions return false when the file is given up (too large, disk full). */
struct mail_sink {
	bool (*begin)(void *arg, struct mail_file *f);
	bool (*data)(void *arg, struct mail_file *f, struct sv piece);
	bool (*end)(void *arg, struct mail_file *f);
	void *arg;
};

/* A delivery report (RFC 3464), about one mail that we sent. */
struct mail_report {
	bool is_report;
	struct sv action;	/* failed, delayed, delivered, relayed, expanded */
	struct sv code, reason; /* "5.1.1", "550 5.1.1 No such user" */
	struct sv recipient;
	struct sv message_id; /* of the mail that it is about, without < > */
};

struct mail_in {
	struct sv message_id; /* without < >; empty: it has none */
	struct sv in_reply_to;
	struct sv *references; /* oldest first, as in the header */
	size_t n_references;
	struct mail_address from, reply_to; /* empty email: none */
	struct mail_address *to, *cc;
	size_t n_to, n_cc;
	struct sv delivered_to; /* address of the mailbox as its server knows it */
	struct sv subject;
	int64_t date_ms;  /* 0: none that can be read */
	bool automatic;	  /* written by a program: no program may answer */
	struct sv text;	  /* what was written now; of the HTML when there is no text */
	struct sv quoted; /* what stood below it: the mail that it answers */
	struct sv html;	  /* UTF-8; empty: none */
	struct mail_file *files;
	size_t n_files;
	struct mail_report report;
	bool cut; /* something was left out because of the limits */
};

/* The mail in the file fd, which can be read from any place. ST_BAD_INPUT when
 * it is no mail. */
enum status mail_read(int fd, const struct mail_sink *sink, struct mail_in *out, struct arena *a,
		      struct err *e) WARN_UNUSED;

/* Where the quotation of an earlier mail begins: *fresh is what stands before
 * it, *quoted from there on; empty when nothing is quoted, or all is. */
void mail_cut_quote(struct sv text, struct sv *fresh, struct sv *quoted);

/* The token of a thread in a Message-ID of ours (kontor.TOKEN.anything@...), or in
 * an address with a plus (ann+k.TOKEN@...); SV_NONE: there is none. */
struct sv mail_token_of(struct sv id_or_address);

#endif
