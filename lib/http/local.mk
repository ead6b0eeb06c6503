lib_libkontor_a_SOURCES += \
	lib/http/auth.c \
	lib/http/csrf.c \
	lib/http/dispatch.c \
	lib/http/error.c \
	lib/http/form.c \
	lib/http/http.h \
	lib/http/internal.h \
	lib/http/json.c \
	lib/http/limit.c lib/http/limit.h \
	lib/http/metrics.c lib/http/metrics.def lib/http/metrics.h \
	lib/http/multipart.c \
	lib/http/request.c \
	lib/http/response.c \
	lib/http/route.c \
	lib/http/serve.c \
	lib/http/spool.c

check_PROGRAMS += t/unit/test_http
t_unit_test_http_SOURCES = t/unit/test_http.c

check_PROGRAMS += t/unit/test_limit
t_unit_test_limit_SOURCES = t/unit/test_limit.c

check_PROGRAMS += t/unit/test_form
t_unit_test_form_SOURCES = t/unit/test_form.c

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_form t/fuzz/fuzz_http
t_fuzz_fuzz_form_SOURCES = t/fuzz/fuzz_form.c
t_fuzz_fuzz_form_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
t_fuzz_fuzz_http_SOURCES = t/fuzz/fuzz_http.c
t_fuzz_fuzz_http_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
