lib_libkontor_a_SOURCES += \
	lib/db/after.c \
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

check_PROGRAMS += t/unit/test_db
t_unit_test_db_SOURCES = t/unit/test_db.c t/unit/pg.h
