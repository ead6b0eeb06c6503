pkglibexec_PROGRAMS += bin/kontor-admin
bin_kontor_admin_SOURCES = bin/admin.c bin/admin.h bin/demo.c
