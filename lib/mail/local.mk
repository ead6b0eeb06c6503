lib_libkontor_a_SOURCES += \
	lib/mail/address.c lib/mail/address.h \
	lib/mail/ics.c lib/mail/ics.h \
	lib/mail/mail.h \
	lib/mail/mime.c \
	lib/mail/smtp.c

check_PROGRAMS += t/unit/test_ics t/unit/test_mail t/unit/test_smtp
t_unit_test_ics_SOURCES = t/unit/test_ics.c
t_unit_test_mail_SOURCES = t/unit/test_mail.c
t_unit_test_smtp_SOURCES = t/unit/test_smtp.c
