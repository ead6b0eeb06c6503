lib_libkontor_a_SOURCES += \
	lib/rest/answer.c lib/rest/answer.h \
	lib/rest/bind.c \
	lib/rest/body.c \
	lib/rest/compile.c \
	lib/rest/config.c lib/rest/config.def lib/rest/config.h \
	lib/rest/cursor.c \
	lib/rest/facts.c \
	lib/rest/functions.c \
	lib/rest/identity.c lib/rest/identity.h \
	lib/rest/info.c \
	lib/rest/keys.c \
	lib/rest/load.c lib/rest/load.h \
	lib/rest/media.c lib/rest/media.h \
	lib/rest/openapi.c lib/rest/openapi.h \
	lib/rest/ops.def \
	lib/rest/parse.c \
	lib/rest/prefer.c \
	lib/rest/query.c \
	lib/rest/refuse.c \
	lib/rest/relation.c \
	lib/rest/rest.c lib/rest/rest.h \
	lib/rest/rpc.c \
	lib/rest/schema.c lib/rest/schema.h \
	lib/rest/select.c \
	lib/rest/settings.c \
	lib/rest/sql.c \
	lib/rest/stream.c lib/rest/stream.h \
	lib/rest/text.c \
	lib/rest/version.c \
	lib/rest/tree.h \
	lib/rest/where.c \
	lib/rest/write.c

check_PROGRAMS += t/unit/test_rest_config
t_unit_test_rest_config_SOURCES = t/unit/test_rest_config.c

check_PROGRAMS += t/unit/test_rest
t_unit_test_rest_SOURCES = t/unit/test_rest.c t/unit/rest_schema.h

noinst_PROGRAMS += t/bench/bench_parse
t_bench_bench_parse_SOURCES = t/bench/bench_parse.c t/unit/rest_schema.h

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_rest
endif
t_fuzz_fuzz_rest_SOURCES = t/fuzz/fuzz_rest.c t/unit/rest_schema.h
t_fuzz_fuzz_rest_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
