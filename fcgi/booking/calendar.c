/* The month, the times of a day, and the time zones of a booking page. */
#include "fcgi/booking/booking.h"

/* $1 user name, $2 slug. */
static const char event_sql[] =
	"select e.title, e.slug, e.description, e.duration_minutes, e.name, e.organization_name, "
	"e.timezone,"
	" e.location_type, e.location_details, e.confirmation_message, e.questions,"
	" lower(substr(e.theme_color, 2)) as theme,"
	" case when e.avatar_url like '/%' then e.avatar_url end as avatar,"
	" upper(left(e.name, 1) || case when e.name like '% %' then left(split_part(e.name, ' ', "
	"-1), 1) else '' end) as initials,"
	" e.location_type = 'Phone Call' as phone_required"
	" from public_event_type($1, $2) e";

/* $1 user name, $2 slug, $3 zone, $4 month, $5 day, $6 pattern of a time,
 * $7 token of the booking that is moved, $8 the time asked for. */
static const char days_sql[] =
	"select c.day, c.free, c.is_today, c.is_chosen, c.times, c.zone_used, c.next_free,"
	" extract(day from c.day)::int as number, extract(isodow from c.day)::int as weekday,"
	" to_char(c.day, 'FMDay, FMDD FMMonth') as name, to_char(c.day, 'FMMonth YYYY') as "
	"month_name,"
	" to_char(c.day - interval '1 month', 'YYYY-MM') as previous, to_char(c.day + interval '1 "
	"month', 'YYYY-MM') as following,"
	" to_char(c.day, 'YYYY-MM') as month, to_char(c.next_free, 'FMDay, FMDD FMMonth') as "
	"next_free_name,"
	" date_trunc('month', c.day) > now() at time zone c.zone_used as has_previous,"
	" date_trunc('month', c.day) + interval '1 month' <= (now() at time zone "
	"c.zone_used)::date + e.window_days as has_following,"
	" to_char(now() at time zone c.zone_used, $6) as now_there"
	" from public_event_type($1, $2) e, public_calendar($1, $2, $3, (nullif($4, '') || "
	"'-01')::date,"
	"	coalesce($5::date, ($8::timestamptz at time zone internal.zone($3, "
	"e.timezone))::date), $6, $7) c"
	" order by c.day";

/* $1 to $4 user name, slug, zone, pattern; $5 the time, $6 token. */
static const char at_sql[] =
	"select to_char($5::timestamptz at time zone z, 'YYYY-MM-DD') as date,"
	" to_char($5::timestamptz at time zone z, 'FMDay, FMDD FMMonth YYYY') as day,"
	" to_char($5::timestamptz at time zone z, $4) as first,"
	" to_char(($5::timestamptz + make_interval(mins => e.duration_minutes)) at time zone z, "
	"$4) as last,"
	" exists (select from public_slots($1, $2, ($5::timestamptz at time zone e.timezone)::date,"
	"	($5::timestamptz at time zone e.timezone)::date, $6) s where s.starts_at = "
	"$5::timestamptz) as free"
	" from public_event_type($1, $2) e, internal.zone($3, e.timezone) z";

/* One for each rule of the clock that many people live by. */
static const char *const zones[] = {
	"Africa/Abidjan",      "Africa/Algiers",      "Africa/Cairo",
	"Africa/Casablanca",   "Africa/Johannesburg", "Africa/Lagos",
	"Africa/Nairobi",      "America/Anchorage",   "America/Argentina/Buenos_Aires",
	"America/Bogota",      "America/Caracas",     "America/Chicago",
	"America/Denver",      "America/Halifax",     "America/Lima",
	"America/Los_Angeles", "America/Mexico_City", "America/New_York",
	"America/Phoenix",     "America/Santiago",    "America/Sao_Paulo",
	"America/St_Johns",    "America/Toronto",     "America/Vancouver",
	"Asia/Almaty",	       "Asia/Amman",	      "Asia/Baghdad",
	"Asia/Bangkok",	       "Asia/Beirut",	      "Asia/Dhaka",
	"Asia/Dubai",	       "Asia/Hong_Kong",      "Asia/Jakarta",
	"Asia/Jerusalem",      "Asia/Kabul",	      "Asia/Karachi",
	"Asia/Kathmandu",      "Asia/Kolkata",	      "Asia/Manila",
	"Asia/Qatar",	       "Asia/Riyadh",	      "Asia/Seoul",
	"Asia/Shanghai",       "Asia/Singapore",      "Asia/Taipei",
	"Asia/Tashkent",       "Asia/Tehran",	      "Asia/Tokyo",
	"Asia/Yangon",	       "Atlantic/Azores",     "Atlantic/Reykjavik",
	"Australia/Adelaide",  "Australia/Brisbane",  "Australia/Perth",
	"Australia/Sydney",    "Europe/Amsterdam",    "Europe/Athens",
	"Europe/Berlin",       "Europe/Brussels",     "Europe/Bucharest",
	"Europe/Budapest",     "Europe/Copenhagen",   "Europe/Dublin",
	"Europe/Helsinki",     "Europe/Istanbul",     "Europe/Kyiv",
	"Europe/Lisbon",       "Europe/London",	      "Europe/Madrid",
	"Europe/Moscow",       "Europe/Oslo",	      "Europe/Paris",
	"Europe/Prague",       "Europe/Rome",	      "Europe/Stockholm",
	"Europe/Vienna",       "Europe/Warsaw",	      "Europe/Zurich",
	"Pacific/Auckland",    "Pacific/Honolulu",    "UTC",
};

/* Digits where the pattern has 0, else the same character. */
static bool looks_like(struct sv s, struct sv pattern)
{
	if (s.n != pattern.n)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (pattern.p[i] == '0' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != pattern.p[i])
			return false;
	return true;
}

static struct sv only(struct sv s, struct sv pattern)
{
	return looks_like(s, pattern) ? s : SV_NONE;
}

void calendar_read(struct calendar *c, struct http_request *rq)
{
	bool post = rq->method == HTTP_POST;
	struct sv zone = post ? http_form(rq, "tz") : http_query(rq, "tz");

	c->zone_in_links = zone.n > 0;
	/* The page's script leaves the browser's zone there. */
	c->zone = zone.n ? zone : http_cookie(rq, "kontor_tz");
	c->month = only(http_query(rq, "month"), SV("0000-00"));
	c->date = only(http_query(rq, "date"), SV("0000-00-00"));
	c->time = only(post ? http_form(rq, "start") : http_query(rq, "time"),
		       SV("0000-00-00T00:00:00Z"));
	c->clock12 = booking_clock12(rq);
}

void calendar_add(struct calendar *c, struct db_batch *b)
{
	const char *clock = c->clock12 ? "FMHH12:MI am" : "HH24:MI";
	bool by_time = c->time.n && !c->date.n;

	c->event = db_add(b, event_sql, DB_S(c->username), DB_S(c->slug));
	c->days = db_add(b, days_sql, DB_S(c->username), DB_S(c->slug), DB_S(c->zone),
			 DB_S(c->month), DB_OPT(c->date), DB_C(clock), DB_OPT(c->token),
			 DB_OPT(by_time ? c->time : SV_NONE));
	c->at = db_add(b, at_sql, DB_S(c->username), DB_S(c->slug), DB_S(c->zone), DB_C(clock),
		       DB_OPT(c->time), DB_OPT(c->token));
}

bool calendar_time_free(const struct calendar *c, const struct db_batch *b)
{
	return c->time.n && sv_eq(db_first(b, c->at, "free"), SV("t"));
}

/* ---- links ---------------------------------------------------------------- */

static struct sv link_to(const struct calendar *c, struct arena *a, const char *name,
			 struct sv value)
{
	buf_auto struct buf to = BUF_INIT;

	buf_add(&to, c->base);
	buf_addf(&to, "?%s=", name);
	buf_url(&to, value);
	if (c->zone_in_links) {
		buf_lit(&to, "&tz=");
		buf_url(&to, c->zone);
	}
	return arena_sv(a, buf_sv(&to));
}

/* ---- the month ------------------------------------------------------------ */

static bool truth(const struct db_batch *b, int stmt, size_t row, const char *name)
{
	return sv_eq(db_named(b, stmt, row, name), SV("t"));
}

static void show_day(const struct calendar *c, struct tmpl_value *week, const struct db_batch *b,
		     size_t row)
{
	struct arena *a = db_arena(b);
	struct tmpl_value *day = tmpl_push_map(week);
	struct sv date = db_named(b, c->days, row, "day"), free = db_named(b, c->days, row, "free");

	tmpl_set_text(day, "number", db_named(b, c->days, row, "number"));
	tmpl_set_text(day, "name", db_named(b, c->days, row, "name"));
	tmpl_set_bool(day, "is_today", truth(b, c->days, row, "is_today"));
	tmpl_set_bool(day, "is_chosen", truth(b, c->days, row, "is_chosen"));
	tmpl_set_bool(day, "is_day", true);
	if (sv_eq(free, SV("0")))
		return;
	tmpl_set_text(day, "free", free);
	tmpl_set_bool(day, "one", sv_eq(free, SV("1")));
	tmpl_set_text(day, "href", link_to(c, a, "date", date));
}

static void show_weeks(const struct calendar *c, struct tmpl_value *page, const struct db_batch *b)
{
	struct tmpl_value *weeks = tmpl_set_list(page, "weeks"), *week = NULL;
	size_t n = db_rows(b, c->days);
	int64_t weekday = 1; /* Monday */

	sv_to_i64(db_first(b, c->days, "weekday"), &weekday);
	for (size_t i = 0; i < n; i++) {
		if (!week || (i + (size_t)weekday - 1) % 7 == 0) {
			week = tmpl_set_list(tmpl_push_map(weeks), "days");
			for (int64_t gap = 1; i == 0 && gap < weekday; gap++)
				tmpl_push_map(week);
		}
		show_day(c, week, b, i);
	}
	while (n && (n++ + (size_t)weekday - 1) % 7)
		tmpl_push_map(week);
}

static void show_links(const struct calendar *c, struct tmpl_value *page, const struct db_batch *b)
{
	struct arena *a = db_arena(b);
	struct sv next = db_first(b, c->days, "next_free");

	tmpl_set_text(page, "month_name", db_first(b, c->days, "month_name"));
	if (truth(b, c->days, 0, "has_previous"))
		tmpl_set_text(page, "previous",
			      link_to(c, a, "month", db_first(b, c->days, "previous")));
	if (truth(b, c->days, 0, "has_following"))
		tmpl_set_text(page, "following",
			      link_to(c, a, "month", db_first(b, c->days, "following")));
	if (next.n)
		tmpl_set_text(page, "next_free", link_to(c, a, "date", next));
	tmpl_set_text(page, "next_free_name", db_first(b, c->days, "next_free_name"));
}

/* ---- the chosen day --------------------------------------------------------- */

static void show_times(const struct calendar *c, struct tmpl_value *page, const struct db_batch *b,
		       size_t row)
{
	struct arena *a = db_arena(b);
	struct sv text = db_named(b, c->days, row, "times"),
		  name = db_named(b, c->days, row, "name");
	json_t *times = json_loadb(text.p, text.n, 0, NULL), *one;
	struct tmpl_value *day = tmpl_set_map(page, "day"), *list;
	size_t i;

	tmpl_set_text(day, "name", name);
	tmpl_set_text(day, "date", db_named(b, c->days, row, "day"));
	tmpl_set_bool(day, "has_times", json_array_size(times) > 0);
	list = tmpl_set_list(day, "times");
	json_array_foreach(times, i, one)
	{
		struct sv at = arena_sv(a, sv_from(json_string_value(json_object_get(one, "at"))));
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "at", at);
		tmpl_set_text(
			v, "label",
			arena_sv(a, sv_from(json_string_value(json_object_get(one, "label")))));
		tmpl_set_text(v, "day", name);
		tmpl_set_text(v, "href", link_to(c, a, "time", at));
	}
	json_decref(times);
}

static void show_zones(const struct calendar *c, struct tmpl_value *page, const struct db_batch *b)
{
	struct sv used = db_first(b, c->days, "zone_used");
	struct tmpl_value *list = tmpl_set_list(page, "zones");
	bool listed = false;

	for (size_t i = 0; i <= sizeof(zones) / sizeof(*zones); i++) {
		bool last = i == sizeof(zones) / sizeof(*zones);
		struct sv name = last ? used : sv_from(zones[i]);
		struct tmpl_value *zone;

		if (last && listed)
			break;
		zone = tmpl_push_map(list);
		tmpl_set_text(zone, "name", name);
		tmpl_set_bool(zone, "selected", sv_eq(name, used));
		listed |= sv_eq(name, used);
	}
	tmpl_set_text(page, "zone", used);
	tmpl_set_text(page, "now_there", db_first(b, c->days, "now_there"));
}

void calendar_show(const struct calendar *c, struct tmpl_value *page, const struct db_batch *b)
{
	struct arena *a = db_arena(b);

	web_set_row(page, "event", b, c->event, 0);
	tmpl_set_text(page, "base", c->base);
	show_weeks(c, page, b);
	show_links(c, page, b);
	show_zones(c, page, b);
	for (size_t i = 0; i < db_rows(b, c->days); i++)
		if (truth(b, c->days, i, "is_chosen"))
			show_times(c, page, b, i);
	if (!c->time.n) {
		tmpl_set_text(page, "date", c->date);
		tmpl_set_text(page, "month", c->month.n ? c->month : db_first(b, c->days, "month"));
		return;
	}
	web_set_row(page, "at", b, c->at, 0);
	tmpl_set_text(page, "start", c->time);
	tmpl_set_text(page, "back", link_to(c, a, "date", db_first(b, c->at, "date")));
	tmpl_set_bool(page, "show_form", calendar_time_free(c, b));
	tmpl_set_bool(page, "taken", !calendar_time_free(c, b));
}
