lib_libkontor_a_SOURCES += \
	lib/sheet/date.c \
	lib/sheet/internal.h \
	lib/sheet/sheet.h \
	lib/sheet/writer.c

check_PROGRAMS += t/unit/test_sheet
t_unit_test_sheet_SOURCES = t/unit/test_sheet.c
