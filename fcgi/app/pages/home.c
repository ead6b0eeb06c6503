/*
 * /: what is to be done today, what waits for an answer, what is about to close,
 * what is in the pipeline, what comes next.
 */
#include "fcgi/app/recent.h"
#include "fcgi/app/routes.h"

/* Those who wait longest first. */
static const char waiting_sql[] =
	"select r.id, r.name, r.initials, r.tone, r.channel, r.icon, r.preview, r.unread_count,"
	" app.short_time(r.last_message_at, (select app.zone())) as time"
	" from app.conversation_rows r where r.id in (select c.id from conversations c"
	"	where c.status in ('OPEN', 'PENDING') and c.last_message_direction = 'INBOUND'"
	"	order by c.last_message_at limit 6)"
	" order by r.last_message_at";

/* Open stages of the default pipeline as on its board; values stand in the deals' own
 * currencies. */
static const char stages_sql[] =
	"with stages as (select p.id as pipeline, s.* from pipelines p, jsonb_to_recordset(p.stages)"
	"	as s (id text, name text, color text, position numeric, type text)"
	"	where p.is_default and coalesce(s.type, 'open') = 'open'),"
	" sums as (select t.*, v.currency, v.n, v.total from stages t left join lateral"
	"	(select d.currency, count(*) as n, sum(d.value) as total from deals d"
	"	where d.pipeline_id = t.pipeline and d.stage = t.id and d.contact_id is not null"
	"	group by d.currency) v on true)"
	" select t.name, t.color, coalesce(sum(t.n), 0)::bigint as deals,"
	" coalesce(string_agg(internal.shown_money(t.total, t.currency), ' + ' order by t.total desc), '–')"
	"	as value,"
	" round(coalesce(sum(t.total), 0))::bigint as amount,"
	" greatest(1, round(max(coalesce(sum(t.total), 0)) over ()))::bigint as most"
	" from sums t group by t.id, t.name, t.color, t.position order by t.position";

/* My day: overdue and due today, where the organization is. */
static const char tasks_sql[] =
	"select t.id, t.title, t.due_date < now() as is_late, t.priority = 'HIGH' as is_high,"
	" app.short_time(t.due_date, z.name) as time,"
	" (select app.person(k.first_name, k.last_name, k.phones, k.emails) from contacts k"
	"	where k.organization_id = t.organization_id and k.id = t.contact_id) as contact,"
	" (select d.title from deals d where d.organization_id = t.organization_id and d.id = t.deal_id) as deal"
	" from (select o.timezone as name from organizations o where o.id = auth.org() offset 0) z, tasks t"
	" where t.organization_id = (select auth.org()) and t.assignee_id = (select auth.uid()) and t.is_open"
	" and t.sort_key < extract(epoch from (((now() at time zone z.name)::date + 1)::timestamp"
	"	at time zone z.name))::double precision order by t.sort_key, t.id limit 7";

static const char closing_sql[] =
	"select d.id, d.title, internal.shown_money(d.value, d.currency) as value,"
	" internal.shown_date(d.expected_close_date, z.name) as closes, d.expected_close_date < z.today as is_late,"
	" internal.stage_name(d.pipeline_id, d.stage) as stage,"
	" (select app.person(k.first_name, k.last_name, k.phones, k.emails) from contacts k"
	"	where k.organization_id = d.organization_id and k.id = d.contact_id) as contact"
	" from (select y.name, (now() at time zone y.name)::date as today from (select app.zone() as name offset 0) y) z, deals d"
	" where d.organization_id = (select auth.org()) and d.owner_id = (select auth.uid())"
	" and d.won_at is null and d.lost_at is null and d.expected_close_date is not null"
	" and d.expected_close_date < z.today + 31"
	" order by d.expected_close_date limit 5";

/* Those that show most interest first. */
static const char leads_sql[] =
	"select l.id, l.name, concat_ws(' · ', l.company_name, l.source) as detail, l.score,"
	" app.initials(l.name) as initials, app.tone(l.id) as tone, app.short_time(l.created_at, z.name) as time"
	" from (select app.zone() as name offset 0) z, leads l"
	" where l.organization_id = (select auth.org()) and l.status = 'New'"
	" order by l.score desc, l.id desc limit 5";

static const char bookings_sql[] =
	"select b.id, b.title, b.guest_name,"
	" app.day_name((b.start_date_time at time zone z.name)::date, z.name) as day,"
	" to_char(b.start_date_time at time zone z.name, 'HH24:MI') as clock,"
	" to_char(b.end_date_time at time zone z.name, 'HH24:MI') as until"
	" from (select app.zone() as name offset 0) z, bookings b"
	" where b.start_date_time >= now() and b.start_date_time < now() + interval '60 days'"
	" and b.status in ('scheduled', 'confirmed', 'rescheduled')"
	" order by b.start_date_time limit 5";

/* Among the last few hundred, so that a flood of messages costs nothing here. */
static const char events_sql[] =
	"select e.is_a, e.icon, coalesce(e.data ->> 'title', e.data ->> 'name', e.data ->> 'guest_name',"
	"	nullif(trim(coalesce(e.data ->> 'first_name', '') || ' ' || coalesce(e.data ->> 'last_name', '')), ''),"
	"	left(e.data ->> 'content', 100), case when e.record_type = 'conversation' then"
	"		(select app.person(k.first_name, k.last_name, k.phones, k.emails) from contacts k"
	"		where k.organization_id = e.organization_id and k.id = (e.data ->> 'contact_id')::uuid) end) as subject,"
	" (select k.path from app.record_kinds() k where k.kind = e.record_type) || e.record_id as href,"
	" app.short_time(e.created_at, (select app.zone())) as time,"
	" (select app.person(p.first_name, p.last_name, null, array[p.email]) from profiles p"
	"	where p.organization_id = e.organization_id and p.id = e.actor_id) as actor,"
	" e.actor_id is not null as has_actor"
	" from (select v.*, jsonb_build_object(replace(v.type, '.', '_'), true) as is_a, l.icon"
	"	from (select x.organization_id, x.type, x.record_type, x.record_id, x.data, x.actor_id,"
	"		x.created_at, x.seq from events x where x.seq is not null"
	"		order by x.seq desc limit 300) v"
	"	join (values ('contact.created', 'user-plus'), ('company.created', 'building'),"
	"	('deal.created', 'layout-kanban'), ('deal.stage.changed', 'arrow-right'), ('note.created', 'note'),"
	"	('conversation.created', 'message-circle'), ('conversation.assigned', 'user'),"
	"	('booking.created', 'calendar'), ('booking.cancelled', 'calendar'), ('quote.sent', 'file-invoice'),"
	"	('quote.viewed', 'eye'), ('quote.accepted', 'circle-check'), ('quote.declined', 'x'),"
	"	('lead.created', 'target'), ('lead.converted', 'circle-check'), ('task.completed', 'square-check'))"
	"	l (type, icon) on l.type = v.type order by v.seq desc limit 8) e"
	" order by e.seq desc";

/* What guests see of who is signed in, once there is something to book (SCH-27). */
static const char page_sql[] =
	"select case when exists (select from event_types t where t.organization_id = p.organization_id"
	"	and t.profile_id = p.id and t.is_active) then '/schedule/' || p.username end as path"
	" from profiles p where p.id = auth.uid()";

enum status home_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	const struct {
		const char *key, *sql;
	} lists[] = {
		{ "waiting", waiting_sql },   { "stages", stages_sql }, { "tasks", tasks_sql },
		{ "closing", closing_sql },   { "leads", leads_sql },	{ "bookings", bookings_sql },
		{ "events", events_sql },
	};
	int rows[sizeof(lists) / sizeof(*lists)], own, recent;
	struct tmpl_value *page;

	web_me(rq, b);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		rows[i] = db_add(b, lists[i].sql);
	own = db_add(b, page_sql);
	recent = recent_search(rq, b, SV(""), 0, SV_NONE);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		web_set_rows(page, lists[i].key, b, rows[i]);
	web_set_row(page, "own", b, own, 0);
	web_set_rows(page, "recent", b, recent);
	return web_render(rq, rs, "app/home", page, e);
}
