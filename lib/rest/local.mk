lib_libkontor_a_SOURCES += \
	lib/rest/bind.c \
	lib/rest/compile.c \
	lib/rest/load.c \
	lib/rest/ops.def \
	lib/rest/parse.c \
	lib/rest/query.c \
	lib/rest/rest.c lib/rest/rest.h \
	lib/rest/schema.c lib/rest/schema.h \
	lib/rest/sql.c \
	lib/rest/tree.h \
	lib/rest/write.c
