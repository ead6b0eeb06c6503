pkglibexec_PROGRAMS += fcgi/app/kontor-app
fcgi_app_kontor_app_SOURCES = \
	fcgi/app/main.c \
	fcgi/app/routes.c fcgi/app/routes.h \
	fcgi/app/pages/login.c
