/* /settings/scheduling: what guests can book with one host (SCH-2, SCH-23). */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* Whose event types: one's own; an admin may look at somebody else's (SCH-146). */
static int add_host(struct http_request *rq, struct db_batch *b)
{
	struct sv host = http_query(rq, "host");

	return db_add(b,
		"select p.id, p.username, p.timezone, p.id = auth.uid() as is_me,"
		" internal.person(p.first_name, p.last_name, p.email) as name from profiles p"
		" where p.id = case when auth.app_role() in ('OWNER', 'ADMIN') then coalesce($1::uuid, auth.uid()) else auth.uid() end",
		DB_S(uuid_valid(host) ? host : SV_NONE));
}

static int add_types(struct http_request *rq, struct db_batch *b)
{
	struct sv host = http_query(rq, "host"), made = http_query(rq, "made");

	return db_add(b,
		"select t.id, t.title, t.slug, t.description, t.duration_minutes, t.location_type, t.is_active,"
		" coalesce(t.theme_color, '#1f4fd8') as color, p.username, t.id::text = $2 as made,"
		" (select count(*) from bookings x where x.organization_id = t.organization_id and x.event_type_id = t.id) as bookings,"
		" (select count(*) from bookings x where x.organization_id = t.organization_id and x.event_type_id = t.id"
		"	and x.end_date_time >= now() and x.status in ('scheduled', 'confirmed', 'rescheduled')) as coming,"
		" (select string_agg(d.name, ', ' order by d.n) from (select (r.weekday + 6) % 7 as n,"
		"	(array['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'])[r.weekday + 1] as name from availability_rules r"
		"	where r.organization_id = t.organization_id and r.event_type_id = t.id group by r.weekday) d) as days"
		" from event_types t join profiles p on p.organization_id = t.organization_id and p.id = t.profile_id"
		" where t.profile_id = case when auth.app_role() in ('OWNER', 'ADMIN') then coalesce($1::uuid, auth.uid())"
		"	else auth.uid() end"
		" order by t.is_active desc, lower(t.title), t.id limit 500",
		DB_S(uuid_valid(host) ? host : SV_NONE), DB_S(made));
}

enum status scheduling_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int host, types, team;

	web_me(rq, b);
	host = add_host(rq, b);
	types = add_types(rq, b);
	team = team_add(b, http_query(rq, "host"));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, host))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This person is not in the team");
	page = web_page(rq, b);
	web_set_row(page, "host", b, host, 0);
	web_set_rows(page, "rows", b, types);
	web_set_rows(page, "team", b, team);
	return web_render(rq, rs, "app/scheduling", page, e);
}

/* ---- the menu of an event type --------------------------------------------- */

/* Back to the list of the same host. */
static enum status go_back(struct http_request *rq, struct http_response *rs, const char *done)
{
	struct sv host = http_form(rq, "host");

	if (!uuid_valid(host))
		return redirect_to(rq, rs, "/settings/scheduling?done=", sv_from(done), "");
	return redirect_to(rq, rs, "/settings/scheduling?host=", host, arena_printf(rq->arena, "&done=%s", done));
}

/* The policies let a statement touch nothing of other hosts' (SCH-145). */
static enum status finish(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  int stmt, const char *done, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, stmt))
		return err_set(e, rq->arena, ST_NOT_FOUND, "You have no such event type");
	return go_back(rq, rs, done);
}

enum status scheduling_activate(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool on = http_form(rq, "active").n > 0;
	struct sv id;
	int stmt;

	if (path_id(rq, "event type", &id, e))
		return e->status;
	stmt = db_add(b, "update event_types set is_active = $2::boolean where id = $1::uuid", DB_S(id), DB_B(on));
	return finish(rq, rs, b, stmt, on ? "activated" : "deactivated", e);
}

/* With all its bookings (SCH-26). */
enum status scheduling_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int stmt;

	if (path_id(rq, "event type", &id, e))
		return e->status;
	stmt = db_add(b, "delete from event_types where id = $1::uuid", DB_S(id));
	return finish(rq, rs, b, stmt, "deleted", e);
}

/* Not active until its owner has changed what differs (SCH-24). */
enum status scheduling_clone(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, fresh = uuid_new(rq->arena);
	int stmt;

	if (path_id(rq, "event type", &id, e))
		return e->status;
	stmt = db_add(b,
		"insert into event_types (id, profile_id, title, slug, description, duration_minutes, theme_color, banner_image_url,"
		"	location_type, location_details, is_active, buffer_minutes, daily_limit, notice_hours, window_days,"
		"	slot_interval_minutes, confirmation_message, cancellation_message, questions)"
		" select $2::uuid, t.profile_id, left(t.title, 190) || ' (copy)', app.free_slug(t.profile_id, t.slug), t.description,"
		"	t.duration_minutes, t.theme_color, t.banner_image_url, t.location_type, t.location_details, false,"
		"	t.buffer_minutes, t.daily_limit, t.notice_hours, t.window_days, t.slot_interval_minutes,"
		"	t.confirmation_message, t.cancellation_message, t.questions"
		" from event_types t where t.id = $1::uuid and internal.is_my_event_type(t.id)", DB_S(id), DB_S(fresh));
	db_add(b,
	       "insert into availability_rules (event_type_id, weekday, start_time_minutes, end_time_minutes)"
	       " select $2::uuid, r.weekday, r.start_time_minutes, r.end_time_minutes from availability_rules r"
	       " where r.event_type_id = $1::uuid and internal.is_my_event_type($2::uuid)", DB_S(id), DB_S(fresh));
	db_add(b,
	       "insert into blocked_dates (event_type_id, date_from, date_to) select $2::uuid, d.date_from, d.date_to"
	       " from blocked_dates d where d.event_type_id = $1::uuid and internal.is_my_event_type($2::uuid)",
	       DB_S(id), DB_S(fresh));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, stmt))
		return err_set(e, rq->arena, ST_NOT_FOUND, "You have no such event type");
	return redirect_to(rq, rs, "/settings/scheduling/", fresh, "?done=cloned");
}
