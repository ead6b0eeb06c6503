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
http_handler login_page, login_submit, logout_submit;

/* pages/contacts.c, contact.c, contact_form.c, notes.c */
http_handler contacts_page, contacts_options;
http_handler contact_page, contact_delete;
http_handler contact_new, contact_create, contact_edit, contact_save;
http_handler contact_note, company_note, deal_note, timeline_fragment;

/* pages/deals.c, deal.c, deal_form.c, deal_move.c */
http_handler deals_page, deals_cards, deal_move;
http_handler deal_page, deal_delete;
http_handler deal_new, deal_create, deal_edit, deal_save;

/* pages/products.c */
http_handler products_page, product_new, product_create, product_page, product_save;
http_handler product_price_add, product_tier_add, product_part_delete;

/* pages/quotes.c, quote.c, quote_send.c */
http_handler quotes_page, quote_new, quote_create, quote_page, quote_save, quote_delete;
http_handler quote_catalogue, quote_line_add, quote_line_save;
http_handler quote_send, quote_link, quote_revoke, quote_answer;

#endif
