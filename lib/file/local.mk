lib_libkontor_a_SOURCES += \
	lib/file/file.c lib/file/file.h \
	lib/file/link.c lib/file/link.h \
	lib/file/local.c \
	lib/file/sniff.c

check_PROGRAMS += t/unit/test_file
t_unit_test_file_SOURCES = t/unit/test_file.c
