pkglibexec_PROGRAMS += fcgi/share/kontor-share
fcgi_share_kontor_share_SOURCES = \
	fcgi/share/file.c \
	fcgi/share/csat.c \
	fcgi/share/chat.c \
	fcgi/share/lead_form.c \
	fcgi/share/main.c \
	fcgi/share/quote.c \
	fcgi/share/routes.h \
	fcgi/share/track.c
