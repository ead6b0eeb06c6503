lib_libkontor_a_SOURCES += \
	lib/net/guard.c lib/net/guard.h \
	lib/net/internal.h \
	lib/net/net.c lib/net/net.h \
	lib/net/preview.c lib/net/preview.h \
	lib/net/retry.c lib/net/retry.h \
	lib/net/sigv4.c lib/net/sigv4.h \
	lib/net/transfer.c \
	lib/net/url.c lib/net/url.h

EXTRA_DIST += t/unit/serve.h
check_PROGRAMS += t/unit/test_guard t/unit/test_net t/unit/test_retry t/unit/test_sigv4
t_unit_test_guard_SOURCES = t/unit/test_guard.c
t_unit_test_net_SOURCES = t/unit/test_net.c
t_unit_test_retry_SOURCES = t/unit/test_retry.c
t_unit_test_sigv4_SOURCES = t/unit/test_sigv4.c
