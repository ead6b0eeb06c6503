pkglibexec_PROGRAMS += fcgi/api/kontor-api
fcgi_api_kontor_api_SOURCES = \
	fcgi/api/main.c \
	fcgi/api/auth/auth.h \
	fcgi/api/auth/factors.c \
	fcgi/api/auth/flow.c \
	fcgi/api/auth/grant.c \
	fcgi/api/auth/input.c \
	fcgi/api/auth/links.c \
	fcgi/api/auth/outcomes.def \
	fcgi/api/auth/settings.c \
	fcgi/api/auth/signup.c \
	fcgi/api/auth/token.c \
	fcgi/api/auth/user.c \
	fcgi/api/crm/crm.h \
	fcgi/api/crm/records.c \
	fcgi/api/crm/sql.c \
	fcgi/api/channel_settings.c \
	fcgi/api/functions/bot_control.c \
	fcgi/api/functions/channel_oauth.c \
	fcgi/api/functions/facebook_oauth.c \
	fcgi/api/functions/import_csv.c \
	fcgi/api/functions/insert_message.c \
	fcgi/api/functions/mobile_call.c \
	fcgi/api/functions/mobile_contacts.c \
	fcgi/api/functions/send_message.c \
	fcgi/api/functions/send_unseen.c \
	fcgi/api/functions/service_monitoring.c \
	fcgi/api/functions/generate_api_key.c \
	fcgi/api/functions/accept_invitation.c \
	fcgi/api/functions/billing.c \
	fcgi/api/functions/organizations.c \
	fcgi/api/functions/send_invitation_email.c \
	fcgi/api/auth/verify.c \
	fcgi/api/functions/mobile_login.c \
	fcgi/api/health.c \
	fcgi/api/rest.c \
	fcgi/api/auth.def fcgi/api/functions.def \
	fcgi/api/function.c fcgi/api/function.h \
	fcgi/api/functions/convert_lead.c \
	fcgi/api/functions/create_deals_bulk.c \
	fcgi/api/functions/create_lead.c \
	fcgi/api/functions/duplicates.c \
	fcgi/api/functions/import_contacts_bulk.c \
	fcgi/api/functions/rows.c fcgi/api/functions/rows.h \
	fcgi/api/functions/search.c \
	fcgi/api/functions/translate_message.c \
	fcgi/api/routes.c fcgi/api/routes.h
