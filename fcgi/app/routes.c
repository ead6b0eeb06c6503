#include "fcgi/app/routes.h"

#define FORM_MAX (256 * 1024)
/* Files of 25 MiB and the form around them. */
#define UPLOAD_MAX (26 * 1024 * 1024)

const struct http_route app_routes[] = {
	{ HTTP_GET, "/login", login_page, HTTP_PUBLIC },
	{ HTTP_POST, "/login", login_submit, HTTP_PUBLIC, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/logout", logout_submit, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/contacts", contacts_page, HTTP_STAFF },
	{ HTTP_GET, "/contacts/options", contacts_options, HTTP_STAFF },
	{ HTTP_GET, "/contacts/new", contact_new, HTTP_STAFF },
	{ HTTP_POST, "/contacts/new", contact_create, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/contacts/:id", contact_page, HTTP_STAFF },
	{ HTTP_GET, "/contacts/:id/edit", contact_edit, HTTP_STAFF },
	{ HTTP_POST, "/contacts/:id/edit", contact_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/contacts/:id/delete", contact_delete, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/contacts/:id/notes", contact_note, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/companies", companies_page, HTTP_STAFF },
	{ HTTP_GET, "/companies/options", companies_options, HTTP_STAFF },
	{ HTTP_GET, "/companies/new", company_new, HTTP_STAFF },
	{ HTTP_POST, "/companies/new", company_create, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/companies/:id", company_page, HTTP_STAFF },
	{ HTTP_GET, "/companies/:id/edit", company_edit, HTTP_STAFF },
	{ HTTP_POST, "/companies/:id/edit", company_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/companies/:id/delete", company_delete, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/companies/:id/notes", company_note, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/deals", deals_page, HTTP_STAFF },
	{ HTTP_GET, "/deals/cards", deals_cards, HTTP_STAFF },
	{ HTTP_GET, "/deals/new", deal_new, HTTP_STAFF },
	{ HTTP_POST, "/deals/new", deal_create, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/deals/:id", deal_page, HTTP_STAFF },
	{ HTTP_GET, "/deals/:id/edit", deal_edit, HTTP_STAFF },
	{ HTTP_POST, "/deals/:id/edit", deal_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/deals/:id/move", deal_move, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/deals/:id/delete", deal_delete, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/deals/:id/notes", deal_note, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/timeline/:kind/:id", timeline_fragment, HTTP_STAFF },

	{ HTTP_GET, "/", home_page, HTTP_STAFF },
	{ HTTP_GET, "/live", live_stream, HTTP_STAFF, HTTP_JSON_ERR },
	{ HTTP_GET, "/files/:id", file_page, HTTP_STAFF },

	{ HTTP_GET, "/inbox", inbox_page, HTTP_STAFF },
	{ HTTP_GET, "/inbox/list", inbox_list, HTTP_STAFF },
	{ HTTP_GET, "/inbox/rows", inbox_rows, HTTP_STAFF },
	{ HTTP_GET, "/inbox/count", inbox_count, HTTP_STAFF, HTTP_JSON_ERR },
	{ HTTP_GET, "/inbox/:id", inbox_talk_page, HTTP_STAFF },
	{ HTTP_GET, "/inbox/:id/items", inbox_items, HTTP_STAFF },
	{ HTTP_GET, "/inbox/:id/state", inbox_state, HTTP_STAFF },
	{ HTTP_POST, "/inbox/:id/messages", inbox_reply, HTTP_STAFF, HTTP_CSRF, UPLOAD_MAX },
	{ HTTP_POST, "/inbox/:id/messages/:message/retry", inbox_retry, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/inbox/:id/notes", inbox_note, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/inbox/:id/assign", inbox_assign, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/inbox/:id/status", inbox_status, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/inbox/:id/star", inbox_star, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/inbox/:id/read", inbox_read, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/inbox/:id/deals", inbox_deal, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/settings/channels", settings_channels, HTTP_STAFF },
	{ HTTP_GET, "/settings/channels/new", settings_channel_new, HTTP_STAFF },
	{ HTTP_POST, "/settings/channels/new", settings_channel_create, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/settings/channels/:id", settings_channel_page, HTTP_STAFF },
	{ HTTP_POST, "/settings/channels/:id", settings_channel_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/settings/channels/:id/delete", settings_channel_delete, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ 0 },
};
