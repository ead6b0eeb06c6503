lib_libkontor_a_SOURCES += \
	lib/event/dispatch.c lib/event/dispatch.h \
	lib/event/stable_json.c lib/event/stable_json.h \
	lib/event/webhook.c lib/event/webhook.h

check_PROGRAMS += t/unit/test_stable_json t/unit/test_webhook
t_unit_test_stable_json_SOURCES = t/unit/test_stable_json.c
t_unit_test_webhook_SOURCES = t/unit/test_webhook.c
