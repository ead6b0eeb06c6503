pkglibexec_PROGRAMS += fcgi/api/kontor-api
fcgi_api_kontor_api_SOURCES = \
	fcgi/api/main.c \
	fcgi/api/auth/token.c \
	fcgi/api/auth/user.c \
	fcgi/api/health.c \
	fcgi/api/rest.c \
	fcgi/api/auth.def fcgi/api/functions.def \
	fcgi/api/function.c fcgi/api/function.h \
	fcgi/api/functions/create_deals_bulk.c \
	fcgi/api/functions/create_lead.c \
	fcgi/api/functions/duplicates.c \
	fcgi/api/functions/import_contacts_bulk.c \
	fcgi/api/functions/rows.c fcgi/api/functions/rows.h \
	fcgi/api/functions/search.c \
	fcgi/api/routes.c fcgi/api/routes.h
