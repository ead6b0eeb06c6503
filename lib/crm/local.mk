lib_libkontor_a_SOURCES += \
	lib/crm/booking.c lib/crm/booking.h \
	lib/crm/identity.c lib/crm/identity.h

check_PROGRAMS += t/unit/test_identity
t_unit_test_identity_SOURCES = t/unit/test_identity.c
