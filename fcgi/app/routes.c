#include "fcgi/app/routes.h"

#define FORM_MAX (256 * 1024)

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

	{ HTTP_GET, "/products", products_page, HTTP_STAFF },
	{ HTTP_GET, "/products/new", product_new, HTTP_STAFF },
	{ HTTP_POST, "/products/new", product_create, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/products/:id", product_page, HTTP_STAFF },
	{ HTTP_POST, "/products/:id", product_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/products/:id/prices", product_price_add, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/products/:id/discounts", product_tier_add, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/products/:id/remove/:row", product_part_delete, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/quotes", quotes_page, HTTP_STAFF },
	{ HTTP_GET, "/deals/:id/quotes/new", quote_new, HTTP_STAFF },
	{ HTTP_POST, "/deals/:id/quotes/new", quote_create, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/quotes/:id", quote_page, HTTP_STAFF },
	{ HTTP_POST, "/quotes/:id", quote_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/quotes/:id/delete", quote_delete, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_GET, "/quotes/:id/catalogue", quote_catalogue, HTTP_STAFF },
	{ HTTP_POST, "/quotes/:id/lines", quote_line_add, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/quotes/:id/lines/:line", quote_line_save, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/quotes/:id/send", quote_send, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/quotes/:id/link", quote_link, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/quotes/:id/revoke", quote_revoke, HTTP_STAFF, HTTP_CSRF, FORM_MAX },
	{ HTTP_POST, "/quotes/:id/answer", quote_answer, HTTP_STAFF, HTTP_CSRF, FORM_MAX },

	{ HTTP_GET, "/timeline/:kind/:id", timeline_fragment, HTTP_STAFF },
	{ 0 },
};
