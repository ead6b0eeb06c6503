lib_libkontor_a_SOURCES += \
	lib/base/arena.c lib/base/arena.h \
	lib/base/banned.h \
	lib/base/buf.c lib/base/buf.h \
	lib/base/clock.c lib/base/clock.h \
	lib/base/conf.c lib/base/conf.def lib/base/conf.h \
	lib/base/err.c lib/base/err.h lib/base/status.def \
	lib/base/log.c lib/base/log.h \
	lib/base/mem.c lib/base/mem.h \
	lib/base/share.c lib/base/share.h \
	lib/base/sv.c lib/base/sv.h \
	lib/base/tr.c lib/base/tr.h \
	lib/base/uuid.c lib/base/uuid.h
