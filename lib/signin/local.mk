lib_libkontor_a_SOURCES += \
	lib/signin/signin.h \
	lib/signin/factor.c \
	lib/signin/letter.c \
	lib/signin/oidc.c \
	lib/signin/qr.c \
	lib/signin/redirect.c

check_PROGRAMS += t/unit/test_signin
t_unit_test_signin_SOURCES = t/unit/test_signin.c
