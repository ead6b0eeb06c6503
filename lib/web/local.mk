lib_libkontor_a_SOURCES += \
	lib/web/web.c lib/web/web.h \
	lib/web/values.c
