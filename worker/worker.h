/*
 * worker: the background program, one process with one event loop.
 *
 * main.c      the loop: dispatch events, publish them live, take jobs, wait
 * table.c     the table of handlers
 * messages.c  inbound, send_message, fetch_media, message_act: tasks of lib/channel
 * webhook.c   deliveries to endpoints
 * takeover.c  tells a channel's own bot that a person has taken over
 * import.c    imports whose request is over
 * record_job.c  long work on records, exports of personal data, files that nobody has
 * mail.c      mail through the installation's relay
 * mailbox.c   looks into the mailboxes of e-mail accounts
 * oidc.c      what sign-in at a provider asks of it
 * booking_mail.c  writes the mails about a booking
 * approval_mail.c writes to who has to approve that a deal goes on
 * leads.c     scores of leads, anew
 * web_push.c  notices to the browsers of members
 * csat.c      asks customers how they were served
 * facebook.c  what may be connected after signing in at Facebook
 * preview.c   what is behind links in messages
 * translate.c messages in other languages
 *
 * SQL is short and synchronous on one connection; everything that waits for
 * somebody else is a call of lib/net, many at a time.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/tr.h"
#include "db/db.h"
#include "job/job.h"
#include "net/net.h"
#include "tmpl/tmpl.h"

struct worker {
	struct db *db;
	struct net *net;
	struct tmpl_set *templates; /* of mails */
	struct tmpl_set *words[8];  /* the same by language; worker_words */
	const char *name; /* host:pid:start */
};

static inline struct worker *worker_of(const struct job *j)
{
	return j->program;
}

/* Templates in that language, and tr() speaks it from here on. */
struct tmpl_set *worker_words(struct worker *w, const struct tr_language *language);

/* The table; schedules that settings may change are read by worker_handlers. */
const struct job_handler *worker_handlers(size_t *n);

void message_start(struct job *j);
void message_start_all(struct job *const *jobs, size_t n);
void webhook_start_all(struct job *const *jobs, size_t n);
void takeover_start(struct job *j);
void bulk_start(struct job *j);
void import_start(struct job *j);
void record_job_start(struct job *j);
void file_sweep_start(struct job *j);
void mail_start(struct job *j);
void mailbox_start(struct job *j);
void oidc_start(struct job *j);
void booking_mail_start(struct job *j);
void approval_mail_start(struct job *j);
void lead_scores_start(struct job *j);
void web_push_start(struct job *j);
void csat_start(struct job *j);
void facebook_start(struct job *j);
void preview_start(struct job *j);
void translate_start(struct job *j);

#endif
