lib_libkontor_a_SOURCES += \
	lib/crm/booking.c lib/crm/booking.h \
	lib/crm/csv.c lib/crm/csv.h \
	lib/crm/entity.c lib/crm/entity.h \
	lib/crm/entity_event.c \
	lib/crm/identity.c lib/crm/identity.h \
	lib/crm/import.c lib/crm/import.h lib/crm/import_columns.def \
	lib/crm/import_fields.def \
	lib/crm/merge.c lib/crm/merge.h \
	lib/crm/table_file.c lib/crm/table_file.h

check_PROGRAMS += t/unit/test_identity
t_unit_test_identity_SOURCES = t/unit/test_identity.c

check_PROGRAMS += t/unit/test_csv
t_unit_test_csv_SOURCES = t/unit/test_csv.c

check_PROGRAMS += t/unit/test_merge
t_unit_test_merge_SOURCES = t/unit/test_merge.c
