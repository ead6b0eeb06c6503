pkglibexec_PROGRAMS += fcgi/rest/kontor-rest
fcgi_rest_kontor_rest_SOURCES = \
	fcgi/rest/answer.c \
	fcgi/rest/identify.c \
	fcgi/rest/main.c \
	fcgi/rest/rest.h \
	fcgi/rest/setup.c
