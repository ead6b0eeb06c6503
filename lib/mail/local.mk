lib_libkontor_a_SOURCES += \
	lib/mail/address.c lib/mail/address.h \
	lib/mail/html.c lib/mail/html.h \
	lib/mail/ics.c lib/mail/ics.h \
	lib/mail/mail.h \
	lib/mail/mailbox.c lib/mail/mailbox.h \
	lib/mail/mime.c \
	lib/mail/quote.c \
	lib/mail/read.c lib/mail/read.h \
	lib/mail/smtp.c

check_PROGRAMS += t/unit/test_ics t/unit/test_mail t/unit/test_mail_in t/unit/test_smtp
t_unit_test_ics_SOURCES = t/unit/test_ics.c
t_unit_test_mail_SOURCES = t/unit/test_mail.c
t_unit_test_smtp_SOURCES = t/unit/test_smtp.c
t_unit_test_mail_in_SOURCES = t/unit/test_mail_in.c

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_mail
endif
t_fuzz_fuzz_mail_SOURCES = t/fuzz/fuzz_mail.c
t_fuzz_fuzz_mail_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
