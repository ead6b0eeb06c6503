/*
 * /settings/team/:id/availability and /schedule: when a member takes work, and
 * when he may sign in (AUTH-92..95).
 *
 * Both forms have numbered rows: start.0, end.0, days.0, start.1 ...
 */
#include "fcgi/app/team.h"
#include "fcgi/app/routes.h"

/* More rows than anybody's week has. */
#define SLOTS_MAX 30

static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
				    "Friday", "Saturday" };

static struct sv numbered(struct http_request *rq, const char *name, int n)
{
	return sv_trim(http_form(rq, arena_printf(rq->arena, "%s.%d", name, n)));
}

static void member(struct buf *json, const char *key, struct sv value)
{
	buf_json_key(json, key);
	buf_json(json, value);
}

/* ---- availability ------------------------------------------------------------------ */

/* The days of one row, as 0 to 6: bit by bit. */
static unsigned days_of(struct http_request *rq, int n)
{
	const struct http_pairs *all = http_form_all(rq);
	struct sv name = sv_from(arena_printf(rq->arena, "days.%d", n));
	unsigned set = 0;
	int64_t day;

	for (size_t i = 0; i < all->n; i++)
		if (sv_eq(all->v[i].name, name) && sv_to_i64(all->v[i].value, &day) && day >= 0 &&
		    day < 7)
			set |= 1u << day;
	return set;
}

/* One row for the template: its number, times and ticked days, Monday first. */
static void push_slot(struct arena *a, struct tmpl_value *list, int n, unsigned set, struct sv start,
		      struct sv end)
{
	struct tmpl_value *row = tmpl_push_map(list), *week = tmpl_set_list(row, "week");

	tmpl_set_text(row, "n", sv_from(arena_printf(a, "%d", n)));
	tmpl_set_text(row, "start", start);
	tmpl_set_text(row, "end", end);
	for (int i = 1; i <= 7; i++) {
		struct tmpl_value *day = tmpl_push_map(week);

		tmpl_set_text(day, "n", sv_from(arena_printf(a, "%d", n)));
		tmpl_set_text(day, "day", sv_from(arena_printf(a, "%d", i % 7)));
		tmpl_set_text(day, "name", sv_from(days[i % 7]));
		tmpl_set_text(day, "short", sv_make(days[i % 7], 3));
		tmpl_set_bool(day, "on", set & 1u << i % 7);
	}
}

static void push_stored(struct arena *a, struct tmpl_value *list, const struct db_batch *b, int rows)
{
	int n = (int)db_rows(b, rows);

	for (int i = 0; i < n; i++) {
		int64_t set = 0;

		sv_to_i64(db_named(b, rows, (size_t)i, "set"), &set);
		push_slot(a, list, i, (unsigned)set, db_named(b, rows, (size_t)i, "start"),
			  db_named(b, rows, (size_t)i, "end"));
	}
	push_slot(a, list, n, 0, SV_NONE, SV_NONE); /* one to fill in */
}

static enum status show_slots(struct http_request *rq, struct http_response *rs, struct sv id,
			      const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = member_add(rq, b, id), slots, zone;

	slots = db_add(b,
		"select to_char(a.start_time, 'HH24:MI') as start, to_char(a.end_time, 'HH24:MI') as end,"
		" (select sum(1 << d) from unnest(a.weekdays) d) as set from availability_slots a"
		" where a.user_id = $1::uuid order by a.start_time, a.id", DB_S(id));
	zone = db_add(b,
		"select coalesce((select a.timezone from availability_slots a where a.user_id = p.id limit 1), p.timezone) as timezone"
		" from profiles p where p.id = $1::uuid", DB_S(id));
	if (member_read(rq, b, row, &page, e))
		return e->status;
	if (f) {
		form_show(f, page, rs);
	} else {
		web_set_row(page, "form", b, zone, 0);
		push_stored(rq->arena, tmpl_set_list(page, "slots"), b, slots);
		tmpl_set_bool(page, "any", db_rows(b, slots) > 0);
	}
	return web_render(rq, rs, "app/settings/member_availability", page, e);
}

enum status member_availability(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "member", &id, e))
		return e->status;
	return show_slots(rq, rs, id, NULL, e);
}

static void slot_json(struct buf *json, unsigned set, struct sv start, struct sv end)
{
	bool first = true;

	buf_addc(json, json->n > 1 ? ',' : ' ');
	buf_addc(json, '{');
	member(json, "start_time", start);
	member(json, "end_time", end);
	buf_lit(json, ",\"weekdays\":[");
	for (int d = 0; d < 7; d++) {
		if (set & 1u << d) {
			buf_addf(json, first ? "%d" : ",%d", d);
			first = false;
		}
	}
	buf_lit(json, "]}");
}

/* Rows without times are none; a half one is told. */
static struct sv read_slots(struct form *f)
{
	struct arena *a = f->rq->arena;
	struct tmpl_value *shown = tmpl_set_list(f->values, "slots");
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '[');
	for (int i = 0; i < SLOTS_MAX; i++) {
		struct sv start = numbered(f->rq, "start", i), end = numbered(f->rq, "end", i);
		unsigned set = days_of(f->rq, i);

		if (!start.n && !end.n && !set)
			continue;
		push_slot(a, shown, i, set, start, end);
		if (!start.n || !end.n || !set)
			form_error(f, "slots", SV("A slot has days, a beginning and an end"));
		slot_json(&json, set, start, end);
	}
	push_slot(a, shown, SLOTS_MAX - 1, 0, SV_NONE, SV_NONE);
	buf_addc(&json, ']');
	return arena_sv(a, buf_sv(&json));
}

enum status member_availability_save(struct http_request *rq, struct http_response *rs,
				     struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, zone, slots;
	struct form f;

	if (path_id(rq, "member", &id, e))
		return e->status;
	form_init(&f, rq);
	zone = form_required(&f, "timezone", "Choose a time zone");
	slots = read_slots(&f);
	if (f.wrong)
		return show_slots(rq, rs, id, &f, e);
	must_exist(b, "profiles", id);
	db_add(b, "select internal.must('can_manage_team')");
	db_add(b, "delete from availability_slots where user_id = $1::uuid", DB_S(id));
	db_add(b,
	       "insert into availability_slots (user_id, timezone, weekdays, start_time, end_time)"
	       " select $1::uuid, $2, s.weekdays, s.start_time, s.end_time from jsonb_to_recordset($3::jsonb)"
	       " as s (weekdays smallint[], start_time time, end_time time)",
	       DB_S(id), DB_S(zone), DB_S(slots));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show_slots(rq, rs, id, &f, e);
	}
	return member_done(rq, rs, id, "/availability?done=saved");
}

/* ---- login schedule ------------------------------------------------------------------ */

static enum status show_schedule(struct http_request *rq, struct http_response *rs, struct sv id,
				 const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = member_add(rq, b, id), week;

	week = db_add(b,
		"select d.day, d.name, coalesce(s.enabled, false) as on,"
		" to_char(coalesce(s.start_time, '08:00'), 'HH24:MI') as start, to_char(coalesce(s.end_time, '18:00'), 'HH24:MI') as end"
		" from (values (1, 1, 'Monday'), (2, 2, 'Tuesday'), (3, 3, 'Wednesday'), (4, 4, 'Thursday'), (5, 5, 'Friday'),"
		" (6, 6, 'Saturday'), (7, 0, 'Sunday')) d (n, day, name)"
		" left join login_schedules s on s.user_id = $1::uuid and s.weekday = d.day order by d.n", DB_S(id));
	if (member_read(rq, b, row, &page, e))
		return e->status;
	web_set_rows(page, "week", b, week);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/member_schedule", page, e);
}

enum status member_schedule(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "member", &id, e))
		return e->status;
	return show_schedule(rq, rs, id, NULL, e);
}

static struct sv read_week(struct form *f)
{
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '[');
	for (int d = 0; d < 7; d++) {
		struct sv start = numbered(f->rq, "start", d), end = numbered(f->rq, "end", d);
		bool on = numbered(f->rq, "on", d).n > 0;

		if (!start.n || !end.n) {
			if (on)
				form_error(f, "form", SV("A day has a beginning and an end"));
			continue;
		}
		buf_addf(&json, "%s{\"weekday\":%d,\"enabled\":%s", json.n > 1 ? "," : "", d,
			 on ? "true" : "false");
		member(&json, "start_time", start);
		member(&json, "end_time", end);
		buf_addc(&json, '}');
	}
	buf_addc(&json, ']');
	return arena_sv(f->rq->arena, buf_sv(&json));
}

/* The switch that makes it binding is a permission; who may not give those
 * leaves it as it is. */
enum status member_schedule_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, week;

	if (path_id(rq, "member", &id, e))
		return e->status;
	form_init(&f, rq);
	week = read_week(&f);
	if (f.wrong)
		return show_schedule(rq, rs, id, &f, e);
	must_exist(b, "profiles", id);
	db_add(b, "select internal.must('can_manage_team')");
	db_add(b,
	       "insert into login_schedules (user_id, weekday, enabled, start_time, end_time)"
	       " select $1::uuid, s.weekday, s.enabled, s.start_time, s.end_time from jsonb_to_recordset($2::jsonb)"
	       " as s (weekday smallint, enabled boolean, start_time time, end_time time)"
	       " on conflict (organization_id, user_id, weekday) do update set enabled = excluded.enabled,"
	       " start_time = excluded.start_time, end_time = excluded.end_time",
	       DB_S(id), DB_S(week));
	if (http_form(rq, "restrict_shown").n)
		db_add(b,
		       "update profiles set permissions = case when $2 then permissions || '{\"restrict_login_to_schedule\": true}'"
		       " else permissions - 'restrict_login_to_schedule' end where id = $1::uuid"
		       " and coalesce((permissions ->> 'restrict_login_to_schedule')::boolean, false) <> $2",
		       DB_S(id), DB_B(http_form(rq, "restrict").n > 0));
	if (db_run(b, e)) {
		if (e->status == ST_FORBIDDEN)
			form_error(&f, "form", err_message(e));
		else if (!form_refused(&f, b, e))
			return e->status;
		return show_schedule(rq, rs, id, &f, e);
	}
	return member_done(rq, rs, id, "/schedule?done=saved");
}
