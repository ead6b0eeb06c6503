/*
 * kontor-booking: the public booking pages. No account, no JavaScript needed.
 *
 *	profile.c   /schedule/:username                what a host offers
 *	event.c     /schedule/:username/:slug          month, times, form; as JSON too
 *	book.c      the same by POST                   a guest takes a time
 *	guest.c     /schedule/booking/:token           the guest's own booking: see, move, cancel
 *	calendar.c  the month and the times of a page
 *	theme.c     /schedule/booking/theme/:color     colours of an event type as CSS
 *
 * Scripts use the same addresses: with Accept: application/json a GET answers
 * {"event_type", "timezone", "next_free", "days"}, and a POST with a JSON body
 * {"start", "name", "email", "phone", "notes", "timezone", "answers", "client_id"}
 * answers 201 {"token", "booking_url", "start"}, or 200 when the client_id was
 * booked before, 409 when the time is taken. It needs no CSRF token: nothing
 * here depends on who the browser is, and other sites' pages cannot send JSON.
 */
#ifndef FCGI_BOOKING_BOOKING_H
#define FCGI_BOOKING_BOOKING_H

#include "web/web.h"

http_handler profile_page, event_page, event_book, theme_css;
http_handler guest_page, guest_invite, guest_cancel_page, guest_cancel, guest_move_page, guest_move;

/* What a page with a calendar is asked to show. */
struct calendar {
	struct sv username, slug, token; /* token: of the booking that is moved */
	struct sv base;			 /* path of the page, for its links */
	struct sv month, date, time;	 /* "2026-03", "2026-03-02", "2026-03-02T09:00:00Z" */
	struct sv zone;			 /* the guest's, or none */
	bool zone_in_links;		 /* it was asked for in the address */
	bool clock12;
	int event, days, at; /* the statements */
};

/* Read the query (and a form's start): parts that make no sense count as absent. */
void calendar_read(struct calendar *c, struct http_request *rq);
/* Add the statements. */
void calendar_add(struct calendar *c, struct db_batch *b);
/* Fill the page: event, calendar, zones, chosen. */
void calendar_show(const struct calendar *c, struct tmpl_value *page, const struct db_batch *b);
/* Whether the time asked for is offered. */
bool calendar_time_free(const struct calendar *c, const struct db_batch *b);

/* The booking page; `failure` is what a POST ran into, or NULL. */
enum status event_show(struct http_request *rq, struct http_response *rs, const struct err *failure,
		       struct err *e);

/* The body is JSON. / The answer should be. */
bool booking_json_in(const struct http_request *rq);
bool booking_json_out(const struct http_request *rq);
/* Forms of browsers carry http_csrf_public's token; 403 without it. */
enum status booking_csrf(struct http_request *rq, struct err *e) WARN_UNUSED;
bool booking_clock12(const struct http_request *rq);

#endif
