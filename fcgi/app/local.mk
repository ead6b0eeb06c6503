pkglibexec_PROGRAMS += fcgi/app/kontor-app
fcgi_app_kontor_app_SOURCES = \
	fcgi/app/account.c fcgi/app/account.h \
	fcgi/app/crm.c fcgi/app/crm.h \
	fcgi/app/form.c \
	fcgi/app/version.c \
	fcgi/app/list.c \
	fcgi/app/main.c \
	fcgi/app/quotes.h \
	fcgi/app/recent.c fcgi/app/recent.h \
	fcgi/app/records.c fcgi/app/records.h fcgi/app/records.def \
	fcgi/app/records_bulk.c \
	fcgi/app/records_cell.c \
	fcgi/app/records_edit.c \
	fcgi/app/records_export.c \
	fcgi/app/records_forms.c \
	fcgi/app/records_state.c fcgi/app/records_state.h \
	fcgi/app/record.c fcgi/app/record.h fcgi/app/timeline.def \
	fcgi/app/routes.c fcgi/app/routes.h \
	fcgi/app/routes/all.def \
	fcgi/app/routes/home.def \
	fcgi/app/routes/account.def \
	fcgi/app/routes/contacts.def \
	fcgi/app/routes/companies.def \
	fcgi/app/routes/detail.def \
	fcgi/app/routes/leads.def \
	fcgi/app/routes/deals.def \
	fcgi/app/routes/pipelines.def \
	fcgi/app/routes/records.def \
	fcgi/app/routes/tasks.def \
	fcgi/app/routes/imports.def \
	fcgi/app/routes/channels.def \
	fcgi/app/routes/inbox.def \
	fcgi/app/routes/hub.def \
	fcgi/app/routes/bookings.def \
	fcgi/app/routes/quotes.def \
	fcgi/app/routes/settings.def \
	fcgi/app/team.h

# One file per page, in order of the alphabet.
fcgi_app_kontor_app_SOURCES += \
	fcgi/app/pages/access.c \
	fcgi/app/pages/api_keys.c \
	fcgi/app/pages/attachments.c \
	fcgi/app/pages/assignment.c \
	fcgi/app/pages/audit.c \
	fcgi/app/pages/booking.c \
	fcgi/app/pages/booking_form.c \
	fcgi/app/pages/bookings.c \
	fcgi/app/pages/communications.c \
	fcgi/app/pages/companies.c \
	fcgi/app/pages/company.c \
	fcgi/app/pages/company_form.c \
	fcgi/app/pages/contact.c \
	fcgi/app/pages/contact_form.c \
	fcgi/app/pages/contact_links.c \
	fcgi/app/pages/contacts.c \
	fcgi/app/pages/currencies.c \
	fcgi/app/pages/custom_fields.c \
	fcgi/app/pages/deal.c \
	fcgi/app/pages/deal_extra.c fcgi/app/pages/deal_extra.h \
	fcgi/app/pages/deal_form.c \
	fcgi/app/pages/deal_move.c \
	fcgi/app/pages/deals.c fcgi/app/pages/deals.h \
	fcgi/app/pages/deals_board.c \
	fcgi/app/pages/deals_filter.c \
	fcgi/app/pages/deals_quick.c \
	fcgi/app/pages/discard_reasons.c \
	fcgi/app/pages/facebook.c \
	fcgi/app/pages/files.c \
	fcgi/app/pages/forecast.c \
	fcgi/app/pages/history.c \
	fcgi/app/pages/home.c \
	fcgi/app/pages/import_files.c \
	fcgi/app/pages/import_map.c \
	fcgi/app/pages/imports.c fcgi/app/imports.h \
	fcgi/app/pages/inbox.c fcgi/app/pages/inbox.h \
	fcgi/app/pages/inbox_change.c \
	fcgi/app/pages/inbox_trouble.c \
	fcgi/app/pages/inbox_views.c \
	fcgi/app/pages/inbox_reports.c \
	fcgi/app/pages/inbox_new.c \
	fcgi/app/pages/inbox_merge.c \
	fcgi/app/pages/inbox_here.c \
	fcgi/app/pages/inbox_filter.c \
	fcgi/app/pages/inbox_bulk.c \
	fcgi/app/pages/inbox_composer.c \
	fcgi/app/pages/inbox_list.c \
	fcgi/app/pages/inbox_mail.c \
	fcgi/app/pages/inbox_message.c \
	fcgi/app/pages/inbox_act.c \
	fcgi/app/pages/inbox_search.c \
	fcgi/app/pages/inbox_note.c \
	fcgi/app/pages/inbox_talk.c \
	fcgi/app/pages/inbox_thread.c \
	fcgi/app/pages/invitation.c \
	fcgi/app/pages/lead.c \
	fcgi/app/pages/lead_convert.c \
	fcgi/app/pages/lead_form.c \
	fcgi/app/pages/lead_forms.c \
	fcgi/app/pages/lead_scoring.c \
	fcgi/app/pages/leads.c fcgi/app/pages/leads.h \
	fcgi/app/pages/leads_board.c \
	fcgi/app/pages/live.c \
	fcgi/app/pages/login.c \
	fcgi/app/pages/macros.c \
	fcgi/app/pages/merge.c \
	fcgi/app/pages/notes.c \
	fcgi/app/pages/notifications.c \
	fcgi/app/pages/onboarding.c \
	fcgi/app/pages/organization.c \
	fcgi/app/pages/pipeline_form.c fcgi/app/pages/pipeline_form.h \
	fcgi/app/pages/pipeline_presets.c fcgi/app/pages/pipeline_presets.h \
	fcgi/app/pages/pipelines.c \
	fcgi/app/pages/privacy.c \
	fcgi/app/pages/products.c \
	fcgi/app/pages/profile.c \
	fcgi/app/pages/push.c \
	fcgi/app/pages/quote.c \
	fcgi/app/pages/quote_send.c \
	fcgi/app/pages/quotes.c \
	fcgi/app/pages/reset.c \
	fcgi/app/pages/scheduling.c \
	fcgi/app/pages/scheduling_form.c \
	fcgi/app/pages/search.c \
	fcgi/app/pages/security.c \
	fcgi/app/pages/settings.c \
	fcgi/app/pages/channel_connect.c \
	fcgi/app/pages/channel_health.c \
	fcgi/app/pages/settings_channel.c \
	fcgi/app/pages/settings_channel_form.c \
	fcgi/app/pages/settings_channels.c fcgi/app/pages/settings_channels.h \
	fcgi/app/pages/settings_chat.c \
	fcgi/app/pages/settings_messages.c \
	fcgi/app/pages/signup.c \
	fcgi/app/pages/sla.c \
	fcgi/app/pages/task.c \
	fcgi/app/pages/task_change.c \
	fcgi/app/pages/task_form.c \
	fcgi/app/pages/task_words.c \
	fcgi/app/pages/tasks.c fcgi/app/pages/tasks.h \
	fcgi/app/pages/tasks_board.c \
	fcgi/app/pages/tasks_calendar.c \
	fcgi/app/pages/tasks_day.c \
	fcgi/app/pages/tasks_figures.c \
	fcgi/app/pages/tasks_list.c \
	fcgi/app/pages/talk_template.c \
	fcgi/app/pages/targets.c \
	fcgi/app/pages/templates.c \
	fcgi/app/pages/tags.c \
	fcgi/app/pages/team.c \
	fcgi/app/pages/trash.c \
	fcgi/app/pages/team_hours.c \
	fcgi/app/pages/team_member.c \
	fcgi/app/pages/teams.c \
	fcgi/app/pages/webhook_event.def \
	fcgi/app/pages/webhook_log.c \
	fcgi/app/pages/whatsapp_templates.c fcgi/app/pages/whatsapp_templates.h \
	fcgi/app/pages/webhooks.c
