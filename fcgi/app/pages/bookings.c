/* /bookings: appointments of everybody, entered by hand or by guests (SCH-109). */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

/* What comes next stands first; what is over, last first. */
static const struct list_sort soonest[] = {
	{ "soonest", "Soonest first", "t.start_date_time", "::timestamptz", false },
	{ 0 },
};
static const struct list_sort latest[] = {
	{ "latest", "Latest first", "t.start_date_time", "::timestamptz", true },
	{ 0 },
};
static const char *const kept[] = { "q", "when", "status", NULL };
static const struct list_kind coming = { "/bookings", soonest, kept };
static const struct list_kind past = { "/bookings", latest, kept };

static bool is_when(struct http_request *rq, const char *name)
{
	return sv_eq(http_query(rq, "when"), sv_from(name));
}

/* What is under way is still to come. The lower bound lets the index skip all
 * that is long over; what lasts for more than a month is seen under "all". */
static void filter_when(struct query *q, struct http_request *rq)
{
	if (is_when(rq, "past"))
		query_add(q, " and t.end_date_time < now()");
	else if (!is_when(rq, "all"))
		query_add(q, " and t.end_date_time >= now() and t.start_date_time >= now() - interval '32 days'");
}

static void filter(struct query *q, struct http_request *rq)
{
	struct sv term = sv_trim(http_query(rq, "q")), status = http_query(rq, "status");

	filter_when(q, rq);
	if (term.n) {
		query_with(q, " and (lower(concat_ws(' ', t.title, t.description, t.guest_name, t.guest_email)) like"
			      " internal.search_pattern(", DB_S(term));
		query_with(q, ") or t.contact_id = any (array(select internal.find_contacts(", DB_S(term));
		query_add(q, ", null, 200))))");
	}
	if (status.n)
		query_with(q, " and t.status = ", DB_S(status));
}

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	/* Not t.*: nobody may read the guest's key. */
	query_add(&q, "t.organization_id, t.id, t.title, t.contact_id, t.profile_id, t.guest_name, t.guest_email,"
		      " t.start_date_time, t.end_date_time, t.status, t.overbooked, t.location, t.meeting_link"
		      " from bookings t where true");
	filter(&q, l->rq);
	list_end(l, &q);
	query_add(&q,
		"select p.id, p.k::text as k, p.total, p.title, p.status, p.location,"
		" p.overbooked and p.status in ('scheduled', 'confirmed', 'rescheduled') as overbooked,"
		" case when p.meeting_link ~* '^https?://' then p.meeting_link end as meeting_link,"
		" app.booking_tone(p.status) as tone, app.shown_day(p.start_date_time, z.name) as day,"
		" app.shown_range(p.start_date_time, p.end_date_time, z.name) as hours,"
		" p.status in ('scheduled', 'confirmed', 'rescheduled') as open, p.status = 'scheduled' as unconfirmed,"
		" case when c.id is not null then internal.person(c.first_name, c.last_name, coalesce(c.emails[1], c.phones[1]))"
		"	else p.guest_name end as contact, c.id as contact_id, coalesce(p.guest_email, c.emails[1]) as email,"
		" internal.person(a.first_name, a.last_name, a.email) as host, a.id is not null as has_host"
		" from page p cross join (select internal.my_zone() as name offset 0) z"
		" left join contacts c on c.organization_id = p.organization_id and c.id = p.contact_id"
		" left join profiles a on a.organization_id = p.organization_id and a.id = p.profile_id"
		" where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from bookings t where true");
	filter(&q, rq);
	list_count_end(&q);
	return query_run(&q, b);
}

static int add_statuses(struct http_request *rq, struct db_batch *b)
{
	return db_add(b,
		"select s as status, initcap(s) as name, s = $1 as selected"
		" from unnest('{scheduled,confirmed,rescheduled,cancelled,completed}'::text[]) with ordinality x (s, n)"
		" order by n", DB_S(http_query(rq, "status")));
}

enum status bookings_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool over = is_when(rq, "past") || is_when(rq, "all");
	struct tmpl_value *page;
	struct list l;
	int rows, count, statuses, any;

	web_me(rq, b);
	list_init(&l, rq, over ? &past : &coming);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	statuses = add_statuses(rq, b);
	any = db_add(b, "select exists (select id from bookings limit 1) as bookings");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	web_set_rows(page, "statuses", b, statuses);
	web_set_row(page, "any", b, any, 0);
	tmpl_set_bool(page, "when_past", is_when(rq, "past"));
	tmpl_set_bool(page, "when_all", is_when(rq, "all"));
	return web_render(rq, rs, wants_fragment(rq) ? "app/bookings_rows" : "app/bookings", page, e);
}
