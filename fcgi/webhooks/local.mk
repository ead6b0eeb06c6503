pkglibexec_PROGRAMS += fcgi/webhooks/kontor-webhooks
fcgi_webhooks_kontor_webhooks_SOURCES = \
	fcgi/webhooks/accounts.c \
	fcgi/webhooks/call.c \
	fcgi/webhooks/intake.c fcgi/webhooks/intake.h \
	fcgi/webhooks/main.c
