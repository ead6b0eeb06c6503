/* kontor-booking: booking.h says what stands where. */
#include "fcgi/booking/booking.h"

#include "crypto/crypto.h"

#define FORM_MAX (64 * 1024)

static const struct http_route routes[] = {
	{ HTTP_GET, "/schedule/booking/theme/:color", theme_css },
	{ HTTP_GET, "/schedule/booking/:token", guest_page },
	{ HTTP_GET, "/schedule/booking/:token/invite.ics", guest_invite },
	{ HTTP_GET, "/schedule/booking/:token/cancel", guest_cancel_page },
	{ HTTP_POST, "/schedule/booking/:token/cancel", guest_cancel, HTTP_PUBLIC, HTTP_CSRF,
	  FORM_MAX },
	{ HTTP_GET, "/schedule/booking/:token/reschedule", guest_move_page },
	{ HTTP_POST, "/schedule/booking/:token/reschedule", guest_move, HTTP_PUBLIC, HTTP_CSRF,
	  FORM_MAX },
	{ HTTP_GET, "/schedule/:username", profile_page },
	{ HTTP_GET, "/schedule/:username/:slug", event_page },
	/* event_book looks for the CSRF token itself: JSON goes without. */
	{ HTTP_POST, "/schedule/:username/:slug", event_book, HTTP_PUBLIC, 0, FORM_MAX },
	{ 0 },
};

bool booking_json_in(const struct http_request *rq)
{
	return sv_starts(rq->content_type, SV("application/json"));
}

bool booking_json_out(const struct http_request *rq)
{
	struct sv accept = http_header(rq, "Accept");

	return sv_find(accept, SV("application/json")) >= 0 ||
	       (booking_json_in(rq) && sv_find(accept, SV("text/html")) < 0);
}

bool booking_clock12(const struct http_request *rq)
{
	return sv_starts(http_header(rq, "Accept-Language"), SV("en-US"));
}

enum status booking_csrf(struct http_request *rq, struct err *e)
{
	struct sv session = http_cookie(rq, "kontor_form"),
		  site = http_header(rq, "Sec-Fetch-Site");
	bool here = !site.n || sv_eq(site, SV("same-origin")) || sv_eq(site, SV("none"));

	if (http_form_read(rq, e))
		return e->status;
	if (here && session.n &&
	    crypto_equal(http_form(rq, "_csrf"), http_csrf_token(rq->arena, session)))
		return ST_OK;
	err_set(e, rq->arena, ST_FORBIDDEN,
		"This page is out of date; go back, reload it and try again");
	e->code = SV("CSRF");
	return e->status;
}

static void error_page(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	struct tmpl_value *page = web_page(rq, NULL);
	struct err failure = { 0 };

	if (booking_json_out(rq)) {
		http_error_json(rq, rs, e);
		return;
	}
	rs->status = status_http(e->status);
	tmpl_set_text(page, "message", err_message(e));
	tmpl_set_text(page, "hint", e->hint);
	tmpl_set_bool(page, "is_missing", e->status == ST_NOT_FOUND);
	tmpl_set_text(page, "request_id", e->status == ST_INTERNAL ? rq->request_id : SV_NONE);
	if (web_render(rq, rs, "booking/error", page, &failure)) {
		http_content_type(rs, "text/plain; charset=utf-8");
		buf_add(&rs->body, err_message(e));
		buf_addc(&rs->body, '\n');
	}
}

int main(void)
{
	return web_main("kontor-booking", routes, error_page, NULL);
}
