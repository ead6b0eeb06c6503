/* /bookings/:id: one appointment, and what can be done with it. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

enum status booking_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int row, moves;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	web_me(rq, b);
	row = db_add(b,
		"select b.id, b.title, b.description, b.status, app.booking_tone(b.status) as tone, b.location,"
		" b.overbooked and b.status in ('scheduled', 'confirmed', 'rescheduled') as overbooked,"
		" case when b.meeting_link ~* '^https?://' then b.meeting_link end as meeting_link, b.notes, b.answers,"
		" b.guest_name, b.guest_email, b.guest_phone, b.guest_notes, b.cancellation_reason,"
		" b.cancelled_by = 'guest' as by_guest, app.shown_day(b.start_date_time, z.name) as day,"
		" app.shown_range(b.start_date_time, b.end_date_time, z.name) as hours, z.name as zone,"
		" case when b.guest_timezone <> z.name and internal.zone(b.guest_timezone, null) is not null"
		"	then app.shown_day(b.start_date_time, b.guest_timezone) || ', '"
		"	|| app.shown_range(b.start_date_time, b.end_date_time, b.guest_timezone) end as elsewhere, b.guest_timezone,"
		" b.status in ('scheduled', 'confirmed', 'rescheduled') as open, b.status = 'scheduled' as unconfirmed,"
		" c.id as contact_id, internal.person(c.first_name, c.last_name, coalesce(c.emails[1], c.phones[1])) as contact,"
		" a.id is not null as has_host, internal.person(a.first_name, a.last_name, a.email) as host, t.title as event_type"
		" from bookings b cross join (select internal.my_zone() as name offset 0) z"
		" left join contacts c on c.organization_id = b.organization_id and c.id = b.contact_id"
		" left join profiles a on a.organization_id = b.organization_id and a.id = b.profile_id"
		" left join event_types t on t.organization_id = b.organization_id and t.id = b.event_type_id"
		" where b.id = $1::uuid", DB_S(id));
	moves = db_add(b,
		"select app.shown_day(h.start_date_time, z.name) as day,"
		" app.shown_range(h.start_date_time, h.end_date_time, z.name) as hours"
		" from booking_history h cross join (select internal.my_zone() as name offset 0) z"
		" where h.booking_id = $1::uuid order by h.changed_at desc limit 20", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This booking does not exist");
	page = web_page(rq, b);
	web_set_row(page, "booking", b, row, 0);
	web_set_rows(page, "moves", b, moves);
	tmpl_set_bool(page, "moved", db_rows(b, moves) > 0);
	return web_render(rq, rs, "app/booking", page, e);
}

/* Back to the list or the page that the dialog was opened on. */
static enum status go_back(struct http_request *rq, struct http_response *rs, const char *done)
{
	struct sv back = http_form(rq, "back");

	if (!sv_eq(back, SV("/bookings")) && !sv_starts(back, SV("/bookings?")) &&
	    !sv_starts(back, SV("/bookings/")))
		back = SV("/bookings");
	return redirect_to(rq, rs, "", back,
			   arena_printf(rq->arena, "%cdone=%s", sv_chr(back, '?') < 0 ? '?' : '&', done));
}

/* After a statement that only touches what it may. */
static enum status finish(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  int stmt, const char *done, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, stmt))
		return err_set(e, rq->arena, ST_CONFLICT, "This booking was changed in the meantime; look at it again");
	return go_back(rq, rs, done);
}

/* SCH-128 */
enum status booking_confirm(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int stmt;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	must_exist(b, "bookings", id);
	stmt = db_add(b, "update bookings set status = 'confirmed' where id = $1::uuid and status = 'scheduled'", DB_S(id));
	return finish(rq, rs, b, stmt, "confirmed", e);
}

/* The slot is free again at once, and the guest is told by mail (SCH-106, SCH-130). */
enum status booking_cancel(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, reason = sv_trim(http_form(rq, "reason"));
	int stmt;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	if (!reason.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "Write the reason why it is cancelled");
	must_exist(b, "bookings", id);
	stmt = db_add(b,
		"update bookings set status = 'cancelled', cancelled_by = 'host', cancellation_reason = left($2, 1000)"
		" where id = $1::uuid and status in ('scheduled', 'confirmed', 'rescheduled')", DB_S(id), DB_S(reason));
	return finish(rq, rs, b, stmt, "cancelled", e);
}

/* Notes are added to those that are there (SCH-129). */
enum status booking_complete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int stmt;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	must_exist(b, "bookings", id);
	stmt = db_add(b,
		"update bookings set status = 'completed', notes = nullif(concat_ws(E'\\n', nullif(notes, ''), nullif($2, '')), '')"
		" where id = $1::uuid and status in ('scheduled', 'confirmed', 'rescheduled')",
		DB_S(id), DB_S(sv_trim(http_form(rq, "notes"))));
	return finish(rq, rs, b, stmt, "completed", e);
}

enum status booking_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	must_exist(b, "bookings", id);
	db_add(b, "delete from bookings where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return go_back(rq, rs, "deleted");
}
