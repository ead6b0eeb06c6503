lib_libkontor_a_SOURCES += \
	lib/job/job.h \
	lib/job/queue.c
