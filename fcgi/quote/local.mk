pkglibexec_PROGRAMS += fcgi/quote/kontor-quote
fcgi_quote_kontor_quote_SOURCES = \
	fcgi/quote/document.c fcgi/quote/document.h \
	fcgi/quote/main.c
