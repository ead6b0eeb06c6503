pkglibexec_PROGRAMS += fcgi/api/kontor-api
fcgi_api_kontor_api_SOURCES = \
	fcgi/api/main.c \
	fcgi/api/auth/token.c \
	fcgi/api/auth/user.c \
	fcgi/api/functions/generate_api_key.c \
	fcgi/api/health.c \
	fcgi/api/rest.c \
	fcgi/api/auth.def fcgi/api/functions.def \
	fcgi/api/function.c fcgi/api/function.h \
	fcgi/api/routes.c fcgi/api/routes.h
