lib_libkontor_a_SOURCES += \
	lib/channel/buttons.c \
	lib/channel/channel.c lib/channel/channel.h lib/channel/internal.h \
	lib/channel/email.c \
	lib/channel/email_check.c \
	lib/channel/email_out.c \
	lib/channel/check.c \
	lib/channel/act.c \
	lib/channel/fetch.c \
	lib/channel/generic.c \
	lib/channel/inbound.c \
	lib/channel/instagram.c \
	lib/channel/json.c \
	lib/channel/linkedin.c \
	lib/channel/meta.c \
	lib/channel/oauth.c lib/channel/oauth.h \
	lib/channel/push.c \
	lib/channel/request.c \
	lib/channel/send.c \
	lib/channel/session.c \
	lib/channel/shopify.c \
	lib/channel/sms.c lib/channel/sms.h \
	lib/channel/sms_text.c \
	lib/channel/messenger.c \
	lib/channel/meta.c \
	lib/channel/meta_act.c \
	lib/channel/meta_check.c \
	lib/channel/meta_errors.c \
	lib/channel/meta_in.c \
	lib/channel/meta_out.c \
	lib/channel/profile.c \
	lib/channel/request.c \
	lib/channel/send.c \
	lib/channel/signal.c \
	lib/channel/task.c \
	lib/channel/templates.c \
	lib/channel/telegram.c \
	lib/channel/telegram_out.c \
	lib/channel/tiktok.c \
	lib/channel/web_chat.c lib/channel/web_chat.h \
	lib/channel/whatsapp_cloud.c \
	lib/channel/whatsapp_check.c \
	lib/channel/whatsapp_errors.c \
	lib/channel/whatsapp_lite.c \
	lib/channel/whatsapp_out.c

check_PROGRAMS += t/unit/test_channel t/unit/test_channel_tasks t/unit/test_email
t_unit_test_email_SOURCES = t/unit/test_email.c
check_PROGRAMS += t/unit/test_channel t/unit/test_channel_social t/unit/test_channel_tasks t/unit/test_push
t_unit_test_channel_social_SOURCES = t/unit/test_channel_social.c
t_unit_test_push_SOURCES = t/unit/test_push.c
check_PROGRAMS += t/unit/test_channel t/unit/test_channel_meta t/unit/test_channel_tasks
t_unit_test_channel_SOURCES = t/unit/test_channel.c
t_unit_test_channel_meta_SOURCES = t/unit/test_channel_meta.c
t_unit_test_channel_tasks_SOURCES = t/unit/test_channel_tasks.c t/unit/pg.h

if FUZZING
noinst_PROGRAMS += t/fuzz/fuzz_channel
endif
t_fuzz_fuzz_channel_SOURCES = t/fuzz/fuzz_channel.c
t_fuzz_fuzz_channel_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
