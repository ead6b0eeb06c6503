/*
 * Every page of the staff's application: one row per route, in routes.c.
 *
 * To add a page: a file in fcgi/app/pages named after its URL, its handlers
 * declared here, its rows in routes.c, its template in templates/app.
 */
#ifndef APP_ROUTES_H
#define APP_ROUTES_H

#include "web/web.h"

extern const struct http_route app_routes[];

/* pages/login.c */
http_handler login_page, login_submit, logout_submit, code_page, code_submit;
/* pages/signup.c */
http_handler signup_page, signup_submit, verify_page, verify_code, verify_resend, verify_link, verify_submit;
/* pages/reset.c */
http_handler forgot_page, forgot_submit, reset_landing, reset_page, reset_submit;
/* pages/onboarding.c */
http_handler onboarding_page, onboarding_save, onboarding_finish;
/* pages/profile.c */
http_handler profile_page, profile_save, profile_subscription, profile_email, profile_email_save,
	profile_password, profile_password_save;
/* pages/security.c */
http_handler security_page, security_codes, factor_begin, factor_page, factor_confirm, factor_remove,
	own_session_end, other_sessions_end;
/* pages/team.c */
http_handler team_page, team_invite, team_invitation_resend, team_invitation_cancel;
/* pages/team_member.c, team_hours.c */
http_handler member_page, member_save, member_permissions, member_permissions_save, member_availability,
	member_availability_save, member_schedule, member_schedule_save, member_leaving, member_remove;
/* pages/teams.c */
http_handler teams_page, team_create, team_edit, team_save, team_delete;
/* pages/organization.c */
http_handler organization_page, organization_save, organizations_page, organization_switch, organization_create;
/* pages/invitation.c */
http_handler invitation_page, invitation_accept;

/* pages/contacts.c, contact.c, contact_form.c, notes.c */
http_handler contacts_page, contacts_options;
http_handler contact_page, contact_delete;
http_handler contact_new, contact_create, contact_edit, contact_save;
http_handler contact_note, company_note, deal_note, timeline_fragment;
/* pages/home.c */
http_handler home_page;
/* pages/inbox.c */
http_handler inbox_page, inbox_talk_page, inbox_list, inbox_rows, inbox_items, inbox_state, inbox_count;
/* pages/inbox_post.c */
http_handler inbox_reply, inbox_retry, inbox_note, inbox_assign, inbox_status, inbox_star, inbox_read,
	inbox_deal;
/* pages/files.c */
http_handler file_page;
/* pages/settings_channels.c */
http_handler settings_channels, settings_channel_new, settings_channel_create, settings_channel_page,
	settings_channel_save, settings_channel_delete;
/* pages/live.c */
http_handler live_stream;

/* pages/companies.c, company.c, company_form.c */
http_handler companies_page, companies_options;
http_handler company_page, company_delete;
http_handler company_new, company_create, company_edit, company_save;

/* pages/deals.c, deal.c, deal_form.c, deal_move.c */
http_handler deals_page, deals_cards, deal_move;
http_handler deal_page, deal_delete;
http_handler deal_new, deal_create, deal_edit, deal_save;

/* pages/bookings.c, booking.c, booking_form.c */
http_handler bookings_page, booking_page;
http_handler booking_new, booking_create, booking_edit, booking_save;
http_handler booking_confirm, booking_cancel, booking_complete, booking_delete;

/* pages/scheduling.c, scheduling_form.c */
http_handler scheduling_page, scheduling_activate, scheduling_clone, scheduling_delete;
http_handler scheduling_new, scheduling_create, scheduling_edit, scheduling_save;

/* pages/products.c */
http_handler products_page, product_new, product_create, product_page, product_save;
http_handler product_price_add, product_tier_add, product_part_delete;

/* pages/quotes.c, quote.c, quote_send.c */
http_handler quotes_page, quote_new, quote_create, quote_page, quote_save, quote_delete;
http_handler quote_catalogue, quote_line_add, quote_line_save;
http_handler quote_send, quote_link, quote_revoke, quote_answer;

/* pages/pipelines.c */
http_handler pipelines_page, pipeline_new, pipeline_create, pipeline_edit, pipeline_save;
http_handler pipeline_delete;

/* pages/settings.c, api_keys.c, webhooks.c, webhook_log.c */
http_handler settings_page, settings_profile;
http_handler keys_page, key_create, key_edit, key_save, key_revoke;
/* pages/custom_fields.c, audit.c, access.c, history.c */
http_handler fields_page, field_new, field_create, field_edit, field_save, field_hide, lookup_options;
http_handler audit_page, audit_export;
http_handler sessions_page, session_end;
http_handler addresses_page, address_add, address_remove, address_keys;
http_handler history_page, history_commit, history_restore;
http_handler webhooks_page, webhook_new, webhook_create, webhook_edit, webhook_save;
http_handler webhook_delete, webhook_test, webhook_test_result, webhook_again;
http_handler webhook_log_page, webhook_log_entry;

#endif
