pkglibexec_PROGRAMS += worker/kontor-worker
worker_kontor_worker_SOURCES = \
	worker/approval_mail.c \
	worker/booking_mail.c \
	worker/bulk.c \
	worker/csat.c \
	worker/facebook.c \
	worker/import.c \
	worker/leads.c \
	worker/mail.c \
	worker/mailbox.c \
	worker/main.c \
	worker/messages.c \
	worker/oidc.c \
	worker/preview.c \
	worker/record_job.c \
	worker/table.c \
	worker/takeover.c \
	worker/web_push.c \
	worker/translate.c \
	worker/webhook.c \
	worker/worker.h

# What a mail server pipes mails to.
pkglibexec_PROGRAMS += worker/kontor-mail-in
worker_kontor_mail_in_SOURCES = worker/mail_in.c
