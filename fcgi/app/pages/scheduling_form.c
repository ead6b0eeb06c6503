/* /settings/scheduling/new and /settings/scheduling/:id: an event type with its
 * hours, blocked dates, questions and colour. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

/* As people read a week; Sunday is 0 in the table (SCH-32). */
static const struct {
	int number;
	const char *name;
} weekdays[] = {
	{ 1, "Monday" }, { 2, "Tuesday" }, { 3, "Wednesday" }, { 4, "Thursday" },
	{ 5, "Friday" }, { 6, "Saturday" }, { 0, "Sunday" },
};

/* ---- showing ----------------------------------------------------------------- */

static int add_record(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select t.id, t.profile_id, t.title, t.slug, t.description, t.duration_minutes, t.theme_color, t.location_type,"
		" t.location_details, t.is_active, nullif(t.buffer_minutes, 0) as buffer_minutes, t.daily_limit,"
		" nullif(t.notice_hours, 0) as notice_hours, t.window_days, t.slot_interval_minutes, t.confirmation_message,"
		" t.cancellation_message, (select jsonb_agg(jsonb_build_object('label', q.label,"
		"	'is_long', q.type = 'textarea' and not q.required, 'is_required', q.type <> 'textarea' and q.required,"
		"	'is_required_long', q.type = 'textarea' and q.required) order by q.n)"
		"	from (select x.n, x.q ->> 'label' as label, coalesce(x.q ->> 'type', 'text') as type,"
		"		coalesce((x.q ->> 'required')::boolean, false) as required"
		"		from jsonb_array_elements(t.questions) with ordinality x (q, n)) q) as questions,"
		" (select jsonb_agg(jsonb_build_object('first', d.date_from, 'last', nullif(d.date_to, d.date_from))"
		"	order by d.date_from) from blocked_dates d where d.organization_id = t.organization_id"
		"	and d.event_type_id = t.id) as blocked"
		" from event_types t where t.id = $1::uuid and internal.is_my_event_type(t.id)", DB_S(id));
}

/* Monday to Friday, nine to five, is what a new one begins with. */
static int add_days(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select w.number, w.name, case when $1::uuid is null then w.number between 1 and 5 else count(r.id) > 0 end as open,"
		" case when $1::uuid is null or count(r.id) = 0 then '[{\"first\": \"09:00\", \"last\": \"17:00\"}]'::jsonb"
		"	else jsonb_agg(jsonb_build_object('first', app.clock(r.start_time_minutes), 'last',"
		"		app.clock(r.end_time_minutes)) order by r.start_time_minutes) end as ranges"
		" from (values (1, 'Monday'), (2, 'Tuesday'), (3, 'Wednesday'), (4, 'Thursday'), (5, 'Friday'), (6, 'Saturday'),"
		"	(0, 'Sunday')) w (number, name)"
		" left join availability_rules r on r.event_type_id = $1::uuid and r.weekday = w.number"
		" group by w.number, w.name order by (w.number + 6) % 7", DB_OPT(id));
}

/* The calls of Google and Zoom need a connection; one that is set stays a choice. */
static int add_places(struct db_batch *b, struct sv id, struct sv chosen)
{
	return db_add(b,
		"select x.place, x.place = coalesce(nullif($2, ''), t.location_type, 'Phone Call') as selected"
		" from unnest('{Phone Call,In-Person,Custom,Google Meet,Zoom}'::text[]) with ordinality x (place, n)"
		" left join event_types t on t.id = $1::uuid"
		" where x.n <= 3 or x.place = t.location_type order by x.n", DB_OPT(id), DB_S(chosen));
}

static int add_host(struct http_request *rq, struct db_batch *b, struct sv id)
{
	struct sv host = http_form(rq, "host");

	if (!uuid_valid(host))
		host = http_query(rq, "host");
	return db_add(b,
		"select p.id, p.id <> auth.uid() as other, p.username, p.timezone,"
		" internal.person(p.first_name, p.last_name, p.email) as name from profiles p"
		" where p.id = coalesce((select t.profile_id from event_types t where t.id = $1::uuid),"
		"	case when auth.app_role() in ('OWNER', 'ADMIN') then $2::uuid end, auth.uid())",
		DB_OPT(id), DB_S(uuid_valid(host) ? host : SV_NONE));
}

static void begin_form(struct tmpl_value *page)
{
	struct tmpl_value *form = tmpl_set_map(page, "form");

	tmpl_set_bool(form, "is_active", true);
	tmpl_set_int(form, "duration_minutes", 30);
	tmpl_set_int(form, "window_days", 60);
	tmpl_set_text(form, "theme_color", SV("#1f4fd8"));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = -1, host, days, places;

	web_me(rq, b);
	if (id.n)
		row = add_record(b, id);
	host = add_host(rq, b, id);
	days = add_days(b, id);
	places = add_places(b, id, f ? http_form(rq, "location_type") : SV(""));
	if (db_run(b, e))
		return e->status;
	if ((id.n && !db_rows(b, row)) || !db_rows(b, host))
		return err_set(e, rq->arena, ST_NOT_FOUND, "You have no such event type");
	page = web_page(rq, b);
	web_set_row(page, "host", b, host, 0);
	web_set_rows(page, "days", b, days);
	web_set_rows(page, "places", b, places);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	begin_form(page);
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	}
	if (f) {
		form_show(f, page, rs);
		tmpl_set(page, "days", tmpl_null(rq->arena));
	}
	return web_render(rq, rs, "app/scheduling_form", page, e);
}

enum status scheduling_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status scheduling_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "event type", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* ---- reading: hours ---------------------------------------------------------------- */

/* "09:30" as minutes from midnight; -1 when it is no time. */
static int minutes_of(struct sv s)
{
	int hour, minute;

	if (s.n < 5 || s.p[2] != ':')
		return -1;
	for (size_t i = 0; i < 5; i++)
		if (i != 2 && (s.p[i] < '0' || s.p[i] > '9'))
			return -1;
	hour = (s.p[0] - '0') * 10 + s.p[1] - '0';
	minute = (s.p[3] - '0') * 10 + s.p[4] - '0';
	return hour < 24 && minute < 60 ? hour * 60 + minute : -1;
}

#define RANGES_MAX 12

struct day {
	struct form *form;
	struct tmpl_value *shown; /* with its ranges and its error */
	int number;
	int taken[RANGES_MAX][2];
	size_t n;
};

static void day_error(struct day *d, const char *message)
{
	tmpl_set_text(d->shown, "error", sv_from(message));
	d->form->wrong++;
}

/* One range of a day, checked against those before it (SCH-31). */
static void add_range(struct day *d, struct buf *json, struct sv from, struct sv to)
{
	int first = minutes_of(from), last = minutes_of(to);

	if (last == 0)
		last = 24 * 60; /* until midnight */
	if (first < 0 || last < 0) {
		day_error(d, "Choose both times, or switch the day off");
		return;
	}
	if (first >= last) {
		day_error(d, "The end comes after the start");
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		if (first < d->taken[i][1] && d->taken[i][0] < last) {
			day_error(d, "These hours overlap");
			return;
		}
	}
	if (d->n == RANGES_MAX) {
		day_error(d, "A day has at most 12 ranges");
		return;
	}
	d->taken[d->n][0] = first;
	d->taken[d->n++][1] = last;
	buf_addf(json, "%s{\"weekday\":%d,\"first\":%d,\"last\":%d}", json->n ? "," : "[", d->number, first, last);
}

/* The fields from1, to1, from1, to1 ... of one weekday in turn. */
static void read_day(struct day *d, struct buf *json, bool open)
{
	const struct http_pairs *all = http_form_all(d->form->rq);
	struct arena *a = d->form->rq->arena;
	struct sv from_name = sv_from(arena_printf(a, "from%d", d->number));
	struct sv to_name = sv_from(arena_printf(a, "to%d", d->number)), from = SV("");
	struct tmpl_value *ranges = tmpl_set_list(d->shown, "ranges"), *one;
	size_t shown = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (sv_eq(all->v[i].name, from_name))
			from = sv_trim(all->v[i].value);
		if (!sv_eq(all->v[i].name, to_name) || (!from.n && !sv_trim(all->v[i].value).n))
			continue;
		one = tmpl_push_map(ranges);
		tmpl_set_text(one, "first", from);
		tmpl_set_text(one, "last", all->v[i].value);
		shown++;
		if (open)
			add_range(d, json, from, sv_trim(all->v[i].value));
	}
	if (!shown)
		tmpl_push_map(ranges); /* one empty line to write in */
	if (open && !shown)
		day_error(d, "Choose both times, or switch the day off");
}

/* A JSON array that was begun with its first element, or nothing. */
static struct sv array_of(struct arena *a, struct buf *json)
{
	if (!json->n)
		return SV("[]");
	buf_addc(json, ']');
	return arena_sv(a, buf_sv(json));
}

/* The week as a JSON array of rules; shown again as form.days (SCH-30). */
static struct sv read_week(struct form *f)
{
	struct arena *a = f->rq->arena;
	struct tmpl_value *days = tmpl_set_list(f->values, "days");
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < sizeof(weekdays) / sizeof(*weekdays); i++) {
		struct day d = { .form = f, .number = weekdays[i].number };
		bool open = http_form(f->rq, arena_printf(a, "day%d", d.number)).n > 0;

		d.shown = tmpl_push_map(days);
		tmpl_set_int(d.shown, "number", d.number);
		tmpl_set_text(d.shown, "name", sv_from(weekdays[i].name));
		tmpl_set_bool(d.shown, "open", open);
		read_day(&d, &json, open);
	}
	return array_of(a, &json);
}

/* ---- reading: the rest -------------------------------------------------------------- */

static bool is_day(struct sv s)
{
	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (i != 4 && i != 7 && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return true;
}

static void add_blocked(struct form *f, struct tmpl_value *shown, struct buf *json,
			struct sv from, struct sv to)
{
	struct tmpl_value *one = tmpl_push_map(shown);

	tmpl_set_text(one, "first", from);
	tmpl_set_text(one, "last", to);
	if (!is_day(from) || (to.n && !is_day(to))) {
		form_error(f, "blocked", SV("A range has a first day; one day needs no last one"));
		return;
	}
	if (to.n && sv_cmp(to, from) < 0) {
		form_error(f, "blocked", SV("The last day comes after the first"));
		return;
	}
	struct sv last = to.n ? to : from;
	buf_addf(json, "%s{\"first\":\"%.*s\",\"last\":\"%.*s\"}", json->n ? "," : "[",
		 SV_ARG(from), SV_ARG(last));
}

/* Single days and ranges, in turn (SCH-34). */
static struct sv read_blocked(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct tmpl_value *shown = tmpl_set_list(f->values, "blocked");
	struct sv from = SV("");
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		struct sv value = sv_trim(all->v[i].value);

		if (sv_eq(all->v[i].name, SV("blocked_from")))
			from = value;
		else if (sv_eq(all->v[i].name, SV("blocked_to")) && (from.n || value.n))
			add_blocked(f, shown, &json, from, value);
	}
	return array_of(f->rq->arena, &json);
}

#define QUESTIONS_MAX 20
#define QUESTION_MAX 300

static void add_question(struct tmpl_value *shown, struct buf *json, struct sv label,
			 struct sv kind)
{
	struct tmpl_value *one = tmpl_push_map(shown);
	bool required = sv_starts(kind, SV("required"));
	bool is_long = sv_eq(kind, SV("required-long")) || sv_eq(kind, SV("long"));

	tmpl_set_text(one, "label", label);
	tmpl_set_bool(one, "is_long", is_long && !required);
	tmpl_set_bool(one, "is_required", required && !is_long);
	tmpl_set_bool(one, "is_required_long", required && is_long);
	buf_addf(json, "%s{\"label\":", json->n ? "," : "[");
	buf_json(json, label);
	buf_addf(json, ",\"type\":\"%s\",\"required\":%s}", is_long ? "textarea" : "text", required ? "true" : "false");
}

/* Each with a label, and whether it must be answered (SCH-21). */
static struct sv read_questions(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct tmpl_value *shown = tmpl_set_list(f->values, "questions");
	struct sv label = SV("");
	size_t n = 0;
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		struct sv value = sv_trim(all->v[i].value);

		if (sv_eq(all->v[i].name, SV("question"))) {
			label = value;
		} else if (sv_eq(all->v[i].name, SV("question_kind")) && label.n) {
			n++;
			add_question(shown, &json, label, value);
			if (label.n > QUESTION_MAX || n > QUESTIONS_MAX)
				form_error(f, "questions", SV("At most 20 questions of 300 characters"));
		}
	}
	return array_of(f->rq->arena, &json);
}

/* A whole number within bounds; empty stays empty. */
static struct sv form_number(struct form *f, const char *name, int64_t least, int64_t most,
			     const char *message)
{
	struct sv value = form_text(f, name);
	int64_t n;

	if (value.n && (!sv_to_i64(value, &n) || n < least || n > most))
		form_error(f, name, sv_from(message));
	return value;
}

static bool is_slug(struct sv s)
{
	if (!s.n || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		      s.p[i] == '-'))
			return false;
	return true;
}

static bool is_color(struct sv s)
{
	if (s.n != 7 || s.p[0] != '#')
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!memchr("0123456789abcdefABCDEF", s.p[i], 22))
			return false;
	return true;
}

struct input {
	struct sv title, slug, text, duration, place, details;
	struct sv buffer, limit, notice, window, interval;
	struct sv thanks, sorry, color, questions, week, blocked;
	bool active;
};

static void read_place(struct form *f, struct input *in)
{
	in->place = form_required(f, "location_type", "Choose where it takes place");
	in->details = form_text(f, "location_details");
	if (!in->details.n && sv_eq(in->place, SV("In-Person")))
		form_error(f, "location_details", SV("Write the address, so that guests find you"));
	else if (!in->details.n && sv_eq(in->place, SV("Custom")))
		form_error(f, "location_details", SV("Write where or how you meet"));
}

static void read_input(struct form *f, struct input *in)
{
	in->title = form_required(f, "title", "Write what guests can book");
	in->slug = form_required(f, "slug", "Write the last part of the link");
	if (in->slug.n && !is_slug(in->slug))
		form_error(f, "slug", SV("Lower-case letters, digits and hyphens between them, at most 63"));
	in->text = form_text(f, "description");
	in->duration = form_number(f, "duration_minutes", 5, 480, "5 minutes to 8 hours (480)"); /* SCH-7 */
	if (!in->duration.n)
		form_error(f, "duration_minutes", SV("Write how many minutes it takes"));
	read_place(f, in);
	in->buffer = form_number(f, "buffer_minutes", 0, 480, "0 to 480 minutes");
	in->limit = form_number(f, "daily_limit", 1, 1000, "1 to 1,000, or empty for no limit");
	in->notice = form_number(f, "notice_hours", 0, 8760, "0 to 8,760 hours");
	in->window = form_number(f, "window_days", 1, 730, "1 to 730 days");
	in->interval = form_number(f, "slot_interval_minutes", 5, 480, "5 to 480 minutes, or empty");
	in->thanks = form_text(f, "confirmation_message");
	in->sorry = form_text(f, "cancellation_message");
	in->color = form_text(f, "theme_color");
	if (in->color.n && !is_color(in->color))
		form_error(f, "theme_color", SV("A colour such as #1f4fd8"));
	in->questions = read_questions(f);
	in->week = read_week(f);
	in->blocked = read_blocked(f);
	in->active = http_form(f->rq, "is_active").n > 0;
	tmpl_set_bool(f->values, "is_active", in->active);
}

/* ---- saving ----------------------------------------------------------------------------- */

static const char insert_sql[] =
	"insert into event_types (id, profile_id, title, slug, description, duration_minutes, location_type, location_details,"
	"	buffer_minutes, daily_limit, notice_hours, window_days, slot_interval_minutes, confirmation_message,"
	"	cancellation_message, theme_color, questions, is_active)"
	" values ($1::uuid, coalesce($18::uuid, auth.uid()), $2, $3, nullif($4, ''), $5::integer, $6, nullif($7, ''),"
	"	coalesce(nullif($8, '')::integer, 0), nullif($9, '')::integer, coalesce(nullif($10, '')::integer, 0),"
	"	coalesce(nullif($11, '')::integer, 60), nullif($12, '')::integer, nullif($13, ''), nullif($14, ''), nullif($15, ''),"
	"	$16::jsonb, $17::boolean) on conflict (organization_id, id) do nothing";

/* The host stays; $18 is that of a new one. */
static const char update_sql[] =
	"update event_types set title = $2, slug = $3, description = nullif($4, ''), duration_minutes = $5::integer,"
	"	location_type = $6, location_details = nullif($7, ''), buffer_minutes = coalesce(nullif($8, '')::integer, 0),"
	"	daily_limit = nullif($9, '')::integer, notice_hours = coalesce(nullif($10, '')::integer, 0),"
	"	window_days = coalesce(nullif($11, '')::integer, 60), slot_interval_minutes = nullif($12, '')::integer,"
	"	confirmation_message = nullif($13, ''), cancellation_message = nullif($14, ''), theme_color = nullif($15, ''),"
	"	questions = $16::jsonb, is_active = $17::boolean"
	" where id = $1::uuid and profile_id = coalesce($18::uuid, profile_id)";

/* Hours and blocked dates are replaced as a whole. */
static void add_parts(struct db_batch *b, struct sv id, const struct input *in)
{
	db_add(b, "delete from availability_rules where event_type_id = $1::uuid", DB_S(id));
	db_add(b,
	       "insert into availability_rules (event_type_id, weekday, start_time_minutes, end_time_minutes)"
	       " select $1::uuid, x.weekday, x.first, x.last"
	       " from jsonb_to_recordset($2::jsonb) as x (weekday integer, first integer, last integer)",
	       DB_S(id), DB_S(in->week));
	db_add(b, "delete from blocked_dates where event_type_id = $1::uuid", DB_S(id));
	db_add(b,
	       "insert into blocked_dates (event_type_id, date_from, date_to) select $1::uuid, x.first, x.last"
	       " from jsonb_to_recordset($2::jsonb) as x (first date, last date)",
	       DB_S(id), DB_S(in->blocked));
}

static enum status save(struct http_request *rq, struct http_response *rs, struct sv id, bool make,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv host = make && uuid_valid(http_form(rq, "host")) ? http_form(rq, "host") : SV_NONE;
	struct input in;
	struct form f;
	int saved;

	form_init(&f, rq);
	read_input(&f, &in);
	if (f.wrong)
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	saved = db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(in.title), DB_S(in.slug),
		       DB_S(in.text), DB_S(in.duration), DB_S(in.place), DB_S(in.details),
		       DB_S(in.buffer), DB_S(in.limit), DB_S(in.notice), DB_S(in.window),
		       DB_S(in.interval), DB_S(in.thanks), DB_S(in.sorry), DB_S(in.color),
		       DB_S(in.questions), DB_B(in.active), DB_S(host));
	add_parts(b, id, &in);
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	}
	if (!make && !db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "You have no such event type");
	if (uuid_valid(http_form(rq, "host")))
		return redirect_to(rq, rs, "/settings/scheduling?host=", http_form(rq, "host"),
				   arena_printf(rq->arena, "&made=%.*s&done=%s", SV_ARG(id), make ? "created" : "saved"));
	return redirect_to(rq, rs, "/settings/scheduling?made=", id, make ? "&done=created" : "&done=saved");
}

enum status scheduling_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save(rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status scheduling_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "event type", &id, e))
		return e->status;
	return save(rq, rs, id, false, e);
}
