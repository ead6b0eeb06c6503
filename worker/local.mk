pkglibexec_PROGRAMS += worker/kontor-worker
worker_kontor_worker_SOURCES = \
	worker/approval_mail.c \
	worker/booking_mail.c \
	worker/bulk.c \
	worker/import.c \
	worker/leads.c \
	worker/mail.c \
	worker/main.c \
	worker/messages.c \
	worker/oidc.c \
	worker/record_job.c \
	worker/table.c \
	worker/takeover.c \
	worker/webhook.c \
	worker/worker.h
