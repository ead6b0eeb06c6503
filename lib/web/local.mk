lib_libkontor_a_SOURCES += \
	lib/web/assets.c \
	lib/web/internal.h \
	lib/web/limits.c \
	lib/web/once.c \
	lib/web/values.c \
	lib/web/web.c lib/web/web.h
