# Unit tests in C run under `make check`; everything runs under `bin/kontor test`.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TESTS = $(check_PROGRAMS)
EXTRA_DIST += t/unit/tap.h

check_PROGRAMS += t/unit/test_base
t_unit_test_base_SOURCES = t/unit/test_base.c
