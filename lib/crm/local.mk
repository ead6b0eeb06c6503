lib_libkontor_a_SOURCES += \
	lib/crm/booking.c lib/crm/booking.h
