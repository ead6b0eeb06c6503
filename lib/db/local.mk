lib_libkontor_a_SOURCES += \
	lib/db/batch.c \
	lib/db/cache.c \
	lib/db/conn.c \
	lib/db/copy.c \
	lib/db/db.h \
	lib/db/error.c \
	lib/db/json.c \
	lib/db/priv.h \
	lib/db/result.c \
	lib/db/run.c
