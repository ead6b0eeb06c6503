lib_libkontor_a_SOURCES += \
	lib/channel/channel.c lib/channel/channel.h lib/channel/internal.h \
	lib/channel/fetch.c \
	lib/channel/inbound.c \
	lib/channel/json.c \
	lib/channel/meta.c \
	lib/channel/request.c \
	lib/channel/send.c \
	lib/channel/task.c \
	lib/channel/telegram.c \
	lib/channel/telegram_out.c \
	lib/channel/whatsapp_cloud.c \
	lib/channel/whatsapp_errors.c \
	lib/channel/whatsapp_out.c

check_PROGRAMS += t/unit/test_channel t/unit/test_channel_tasks
t_unit_test_channel_SOURCES = t/unit/test_channel.c
t_unit_test_channel_tasks_SOURCES = t/unit/test_channel_tasks.c t/unit/pg.h

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_channel
endif
t_fuzz_fuzz_channel_SOURCES = t/fuzz/fuzz_channel.c
t_fuzz_fuzz_channel_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
