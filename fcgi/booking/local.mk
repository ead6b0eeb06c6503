pkglibexec_PROGRAMS += fcgi/booking/kontor-booking
fcgi_booking_kontor_booking_SOURCES = \
	fcgi/booking/book.c \
	fcgi/booking/booking.h \
	fcgi/booking/calendar.c \
	fcgi/booking/event.c \
	fcgi/booking/guest.c \
	fcgi/booking/main.c \
	fcgi/booking/profile.c \
	fcgi/booking/theme.c
