/* /bookings/new and /bookings/:id/edit (SCH-110, SCH-114). */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* Times stand in the booking's own zone, which is a field of the form too. */
static int add_record(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select b.id, b.title, b.description, b.contact_id, b.profile_id, b.location, b.meeting_link, b.notes, b.status,"
		" b.cancellation_reason, b.status = 'cancelled' as was_cancelled, z.name as timezone,"
		" to_char(b.start_date_time at time zone z.name, 'YYYY-MM-DD\"T\"HH24:MI') as start,"
		" to_char(b.end_date_time at time zone z.name, 'YYYY-MM-DD\"T\"HH24:MI') as end,"
		" case when c.id is not null then internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) end"
		"	as contact, b.event_type_id is not null and b.guest_email is not null as tells_guest"
		" from bookings b cross join lateral (select internal.zone(b.guest_timezone, 'UTC') as name) z"
		" left join contacts c on c.organization_id = b.organization_id and c.id = b.contact_id"
		" where b.id = $1::uuid", DB_S(id));
}

/* The next full hour, half an hour; /bookings/new?contact=ID names somebody. */
static int add_beginning(struct http_request *rq, struct db_batch *b)
{
	struct sv contact = http_query(rq, "contact");

	return db_add(b,
		"select z.name as timezone, 'scheduled' as status, to_char(z.hour, 'YYYY-MM-DD\"T\"HH24:MI') as start,"
		" to_char(z.hour + interval '30 minutes', 'YYYY-MM-DD\"T\"HH24:MI') as end, c.id as contact_id,"
		" case when c.id is not null then internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) end"
		"	as contact"
		" from (select x.name, date_trunc('hour', now() at time zone x.name) + interval '1 hour' as hour"
		"	from (select app.zone() as name offset 0) x) z"
		" left join contacts c on c.organization_id = auth.org() and c.id = $1::uuid",
		DB_S(uuid_valid(contact) ? contact : SV_NONE));
}

static int add_team(struct db_batch *b, struct sv id, const struct form *f)
{
	return db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name,"
		" p.id = case when $3 then $1::uuid when $2::uuid is null then auth.uid()"
		"	else (select b.profile_id from bookings b where b.id = $2::uuid) end as selected"
		" from profiles p where p.is_active or p.id = (select b.profile_id from bookings b where b.id = $2::uuid)"
		" order by lower(p.first_name), p.id limit 500",
		DB_OPT(f ? http_form(f->rq, "profile_id") : SV_NONE), DB_OPT(id), DB_B(f != NULL));
}

/* Nobody chooses "rescheduled": it is what moving does. */
static int add_statuses(struct db_batch *b, struct sv id, struct sv chosen)
{
	return db_add(b,
		"select x.s as status, initcap(x.s) as name, x.s = coalesce(nullif($2, ''), now.status, 'scheduled') as selected"
		" from unnest('{scheduled,confirmed,rescheduled,cancelled,completed}'::text[]) with ordinality x (s, n)"
		" left join bookings now on now.id = $1::uuid"
		" where x.s <> 'rescheduled' or now.status = 'rescheduled' order by x.n", DB_OPT(id), DB_S(chosen));
}

/* What the host has at that time already, breaks between appointments counted. */
static int add_clashes(struct http_request *rq, struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select o.id, o.title, app.shown_day(o.start_date_time, z.name) as day,"
		" app.shown_range(o.start_date_time, o.end_date_time, z.name) as hours"
		" from bookings o cross join (select internal.my_zone() as name offset 0) z"
		" where o.profile_id = $1::uuid and o.id is distinct from $2::uuid and not o.overbooked"
		" and o.status in ('scheduled', 'confirmed', 'rescheduled')"
		" and internal.busy(o.start_date_time, o.end_date_time, o.buffer_minutes) &&"
		"	internal.busy(app.typed_instant($3, $5, 'start'), app.typed_instant($4, $5, 'end'),"
		"		coalesce((select m.buffer_minutes from bookings m where m.id = $2::uuid), 0))"
		" order by o.start_date_time limit 3",
		DB_OPT(http_form(rq, "profile_id")), DB_OPT(id), DB_S(sv_trim(http_form(rq, "start"))),
		DB_S(sv_trim(http_form(rq, "end"))), DB_S(sv_trim(http_form(rq, "timezone"))));
}

struct shown {
	const struct form *form; /* as it was sent; NULL: from the row */
	bool clash;              /* refused because the host's time is taken */
};

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			struct shown as, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row, team, statuses, clashes = -1;

	web_me(rq, b);
	row = id.n ? add_record(b, id) : add_beginning(rq, b);
	team = add_team(b, id, as.form);
	statuses = add_statuses(b, id, as.form ? http_form(rq, "status") : SV(""));
	if (as.clash)
		clashes = add_clashes(rq, b, id);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This booking does not exist");
	page = web_page(rq, b);
	web_set_rows(page, "team", b, team);
	web_set_rows(page, "statuses", b, statuses);
	tmpl_set_text(page, "new_id", uuid_valid(http_form(rq, "id")) ? http_form(rq, "id") : uuid_new(rq->arena));
	if (id.n)
		web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	if (as.form)
		form_show(as.form, page, rs);
	if (as.clash) {
		tmpl_set_bool(page, "clash", true);
		web_set_rows(page, "clashes", b, clashes);
	}
	return web_render(rq, rs, "app/booking_form", page, e);
}

enum status booking_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, (struct shown){ 0 }, e);
}

enum status booking_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	return show(rq, rs, id, (struct shown){ 0 }, e);
}

struct input {
	struct sv title, text, contact, host, start, end, zone;
	struct sv location, link, status, notes, reason;
	bool anyway; /* over another booking, on purpose */
};

/* 2027-03-31T09:30, perhaps with seconds; PostgreSQL says whether it exists. */
static struct sv form_clock(struct form *f, const char *name)
{
	struct sv value = form_text(f, name);
	bool good = value.n >= 16 && value.n <= 19 && (value.p[10] == 'T' || value.p[10] == ' ');

	for (size_t i = 0; good && i < 16; i++)
		if (i != 4 && i != 7 && i != 10 && i != 13)
			good = value.p[i] >= '0' && value.p[i] <= '9';
	if (!good)
		form_error(f, name, SV("Choose a day and a time"));
	return value;
}

static void check_link(struct form *f, struct sv link)
{
	if (link.n && !sv_starts(link, SV("https://")) && !sv_starts(link, SV("http://")))
		form_error(f, "meeting_link", SV("A link begins with https://"));
}

/* SCH-112 */
static void read_input(struct form *f, struct input *in)
{
	in->title = form_required(f, "title", "Write what it is about");
	in->text = form_text(f, "description");
	in->contact = form_id(f, "contact_id");
	if (form_text(f, "contact").n && !in->contact.n)
		form_error(f, "contact", SV("Choose a contact from the list, or leave it empty"));
	in->host = form_id(f, "profile_id");
	in->start = form_clock(f, "start");
	in->end = form_clock(f, "end");
	if (!f->wrong && sv_cmp(in->end, in->start) <= 0)
		form_error(f, "end", SV("The end comes after the start"));
	in->zone = form_required(f, "timezone", "Choose the time zone");
	in->location = form_text(f, "location");
	in->link = form_text(f, "meeting_link");
	check_link(f, in->link);
	in->status = form_required(f, "status", "Choose a status");
	in->notes = form_text(f, "notes");
	in->reason = form_text(f, "cancellation_reason");
	if (sv_eq(in->status, SV("cancelled")) && !in->reason.n)
		form_error(f, "cancellation_reason", SV("Write the reason why it is cancelled"));
	in->anyway = http_form(f->rq, "overbooked").n > 0;
}

static const char insert_sql[] =
	"insert into bookings (id, title, description, contact_id, profile_id, start_date_time, end_date_time, guest_timezone,"
	"	location, meeting_link, status, notes, cancellation_reason, cancelled_by, overbooked)"
	" values ($1::uuid, $2, nullif($3, ''), $4::uuid, $5::uuid, app.typed_instant($6, $8, 'start'),"
	"	app.typed_instant($7, $8, 'end'), $8, nullif($9, ''), nullif($10, ''), $11, nullif($12, ''),"
	"	case when $11 = 'cancelled' then left($13, 1000) end, case when $11 = 'cancelled' then 'host' end, $14)"
	" on conflict (organization_id, id) do nothing";

/* One that stands over another on purpose may stay there while its time stays. */
static const char update_sql[] =
	"update bookings b set title = $2, description = nullif($3, ''), contact_id = $4::uuid, profile_id = $5::uuid,"
	"	start_date_time = x.first, end_date_time = x.last, guest_timezone = $8, location = nullif($9, ''),"
	"	meeting_link = nullif($10, ''), status = case when $11 = 'rescheduled' then b.status else $11 end,"
	"	notes = nullif($12, ''), cancellation_reason = case when $11 = 'cancelled' then left($13, 1000) end,"
	"	cancelled_by = case when $11 = 'cancelled' then coalesce(b.cancelled_by, 'host') end,"
	"	overbooked = $14 or (b.overbooked and b.start_date_time = x.first and b.end_date_time = x.last"
	"		and b.profile_id is not distinct from $5::uuid)"
	" from (select app.typed_instant($6, $8, 'start') as first, app.typed_instant($7, $8, 'end') as last) x"
	" where b.id = $1::uuid";

static enum status refused(struct form *f, struct http_response *rs, struct db_batch *b,
			   struct sv id, struct err *e)
{
	struct shown as = { f, sv_eq(db_constraint(b), SV("bookings_no_overlap")) };

	if (as.clash)
		form_error(f, "clash", SV("Somebody is booked at this time already"));
	else if (!form_refused(f, b, e))
		return e->status;
	return show(f->rq, rs, id, as, e);
}

static enum status save(struct http_request *rq, struct http_response *rs, struct sv id, bool make,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv shown_id = make ? SV_NONE : id;
	struct input in;
	struct form f;
	int saved;

	form_init(&f, rq);
	read_input(&f, &in);
	if (f.wrong)
		return show(rq, rs, shown_id, (struct shown){ &f, false }, e);
	saved = db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(in.title), DB_S(in.text),
		       DB_S(in.contact), DB_S(in.host), DB_S(in.start), DB_S(in.end), DB_S(in.zone),
		       DB_S(in.location), DB_S(in.link), DB_S(in.status), DB_S(in.notes),
		       DB_S(in.reason), DB_B(in.anyway));
	if (db_run(b, e))
		return refused(&f, rs, b, shown_id, e);
	if (!make && !db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This booking does not exist");
	return redirect_to(rq, rs, "/bookings/", id, make ? "?done=created" : "?done=saved");
}

enum status booking_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save(rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status booking_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "booking", &id, e))
		return e->status;
	return save(rq, rs, id, false, e);
}
