lib_libkontor_a_SOURCES += \
	lib/crypto/crypto.h \
	lib/crypto/hash.c \
	lib/crypto/internal.h \
	lib/crypto/jwt.c \
	lib/crypto/keys.c lib/crypto/keys.h \
	lib/crypto/password.c \
	lib/crypto/push.c \
	lib/crypto/seal.c \
	lib/crypto/text.c \
	lib/crypto/totp.c

check_PROGRAMS += t/unit/test_crypto
t_unit_test_crypto_SOURCES = t/unit/test_crypto.c
