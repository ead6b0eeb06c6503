lib_libkontor_a_SOURCES += \
	lib/sheet/book.c lib/sheet/book.h \
	lib/sheet/date.c \
	lib/sheet/internal.h \
	lib/sheet/reader.c \
	lib/sheet/sheet.h \
	lib/sheet/unzip.c lib/sheet/unzip.h \
	lib/sheet/writer.c

check_PROGRAMS += t/unit/test_sheet
t_unit_test_sheet_SOURCES = t/unit/test_sheet.c

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_sheet
endif
t_fuzz_fuzz_sheet_SOURCES = t/fuzz/fuzz_sheet.c
t_fuzz_fuzz_sheet_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
