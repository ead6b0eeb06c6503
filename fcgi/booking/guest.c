/* /schedule/booking/:token: the guest's own booking. The token is the key (SCH-147). */
#include "fcgi/booking/booking.h"

#include "base/uuid.h"
#include "crm/booking.h"

struct guest {
	struct booking booking;
	struct db_batch *batch;
	int row;
};

static enum status nothing(struct http_request *rq, struct err *e)
{
	return err_set(e, rq->arena, ST_NOT_FOUND, "This booking does not exist");
}

/* The booking that the address names. */
static enum status load(struct http_request *rq, struct guest *g, struct err *e)
{
	if (!uuid_valid(http_param(rq, "token")))
		return nothing(rq, e);
	g->batch = web_batch(rq);
	g->row = booking_add(g->batch, http_param(rq, "token"), booking_clock12(rq));
	if (db_run(g->batch, e))
		return e->status;
	return booking_get(&g->booking, g->batch, g->row) ? ST_OK : nothing(rq, e);
}

static struct tmpl_value *page_of(struct http_request *rq, struct http_response *rs,
				  const struct guest *g)
{
	struct tmpl_value *page = web_page(rq, g->batch);

	web_set_row(page, "booking", g->batch, g->row, 0);
	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	tmpl_set_bool(page, "can_change",
		      !g->booking.over && booking_ics_method(&g->booking) == ICS_REQUEST);
	/* What the address names must not leak to sites that the page links to. */
	http_set_header(rs, "Referrer-Policy", SV("no-referrer"));
	http_set_header(rs, "X-Robots-Tag", SV("noindex"));
	return page;
}

enum status guest_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct guest g;

	if (load(rq, &g, e))
		return e->status;
	return web_render(rq, rs, "booking/booking", page_of(rq, rs, &g), e);
}

enum status guest_invite(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct guest g;

	if (load(rq, &g, e) || booking_ics(&g.booking, false, &rs->body, rq->arena, e))
		return e->status;
	http_content_type(rs, "text/calendar; charset=utf-8");
	http_set_header(rs, "Content-Disposition", SV("attachment; filename=\"invite.ics\""));
	return ST_OK;
}

/* ---- cancel ------------------------------------------------------------------- */

static enum status show_cancel(struct http_request *rq, struct http_response *rs, struct sv problem,
			       struct err *e)
{
	struct guest g;
	struct tmpl_value *page;

	if (load(rq, &g, e))
		return e->status;
	page = page_of(rq, rs, &g);
	tmpl_set_text(page, "problem", problem);
	return web_render(rq, rs, "booking/cancel", page, e);
}

enum status guest_cancel_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_cancel(rq, rs, SV_NONE, e);
}

static enum status back_to_booking(struct http_request *rq, struct http_response *rs)
{
	struct sv token = http_param(rq, "token");

	return http_redirect(
		rs, sv_from(arena_printf(rq->arena, "/schedule/booking/%.*s", SV_ARG(token))));
}

enum status guest_cancel(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv problem;

	if (!uuid_valid(http_param(rq, "token")))
		return nothing(rq, e);
	db_add(b, "select public_cancel($1, $2)", DB_S(http_param(rq, "token")),
	       DB_S(http_form(rq, "reason")));
	if (!db_run(b, e))
		return back_to_booking(rq, rs);
	if (e->status != ST_UNPROCESSABLE)
		return e->status;
	problem = err_message(e);
	*e = (struct err){ 0 };
	rs->status = 422;
	return show_cancel(rq, rs, problem, e);
}

/* ---- move ---------------------------------------------------------------------- */

static enum status show_move(struct http_request *rq, struct http_response *rs, bool taken,
			     struct err *e)
{
	struct guest g;
	struct calendar c;
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;

	if (load(rq, &g, e))
		return e->status;
	c = (struct calendar){
		.username = g.booking.username,
		.slug = g.booking.slug,
		.token = g.booking.token,
		.base = sv_from(arena_printf(rq->arena, "/schedule/booking/%.*s/reschedule",
					     SV_ARG(g.booking.token))),
	};
	calendar_read(&c, rq);
	calendar_add(&c, b);
	if (db_run(b, e))
		return e->status;
	page = page_of(rq, rs, &g);
	calendar_show(&c, page, b);
	tmpl_set_bool(page, "moving", true);
	tmpl_set_bool(page, "no_longer", !db_rows(b, c.event));
	if (taken || (c.time.n && !calendar_time_free(&c, b))) {
		rs->status = 409;
		tmpl_set_bool(page, "show_form", false);
		tmpl_set_bool(page, "taken", true);
	}
	return web_render(rq, rs, "booking/event", page, e);
}

enum status guest_move_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_move(rq, rs, false, e);
}

enum status guest_move(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	if (!uuid_valid(http_param(rq, "token")))
		return nothing(rq, e);
	db_add(b, "select public_reschedule($1, $2::timestamptz)", DB_S(http_param(rq, "token")),
	       DB_S(http_form(rq, "start")));
	if (!db_run(b, e))
		return back_to_booking(rq, rs);
	if (e->status != ST_CONFLICT)
		return e->status;
	*e = (struct err){ 0 };
	return show_move(rq, rs, true, e);
}
