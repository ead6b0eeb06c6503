pkglibexec_PROGRAMS += fcgi/api/kontor-api
fcgi_api_kontor_api_SOURCES = \
	fcgi/api/main.c \
	fcgi/api/auth/token.c \
	fcgi/api/auth/user.c \
	fcgi/api/crm/crm.h \
	fcgi/api/crm/entities.c \
	fcgi/api/crm/records.c \
	fcgi/api/crm/sql.c \
	fcgi/api/health.c \
	fcgi/api/rest.c \
	fcgi/api/auth.def fcgi/api/functions.def \
	fcgi/api/routes.c fcgi/api/routes.h
