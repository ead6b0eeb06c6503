lib_libkontor_a_SOURCES += \
	lib/tmpl/code.h \
	lib/tmpl/compile.c \
	lib/tmpl/indent.c \
	lib/tmpl/render.c \
	lib/tmpl/set.c \
	lib/tmpl/tmpl.h \
	lib/tmpl/translate.c \
	lib/tmpl/value.c

check_PROGRAMS += t/unit/test_tmpl
t_unit_test_tmpl_SOURCES = t/unit/test_tmpl.c

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_tmpl
endif
t_fuzz_fuzz_tmpl_SOURCES = t/fuzz/fuzz_tmpl.c
t_fuzz_fuzz_tmpl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
