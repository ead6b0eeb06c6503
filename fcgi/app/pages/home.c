/* /: what waits for an answer, what is in the pipeline, what comes next. */
#include "fcgi/app/routes.h"

/* Those who wait longest first. */
static const char waiting_sql[] =
	"select r.id, r.name, r.initials, r.tone, r.channel, r.icon, r.preview, r.unread_count,"
	" app.short_time(r.last_message_at, (select app.zone())) as time"
	" from app.conversation_rows r where r.id in (select c.id from conversations c"
	"	where c.status in ('OPEN', 'PENDING') and c.last_message_direction = 'INBOUND'"
	"	order by c.last_message_at limit 6)"
	" order by r.last_message_at";

/* Open stages of the default pipeline; values stand in the deals' own currencies. */
static const char stages_sql[] =
	"with sums as (select d.stage, d.currency, count(*) as n, sum(d.value) as total"
	"	from deals d where d.pipeline_id = (select p.id from pipelines p where p.is_default)"
	"	group by 1, 2),"
	" stages as (select s.* from pipelines p, jsonb_to_recordset(p.stages)"
	"	as s (id text, name text, color text, position numeric, type text)"
	"	where p.is_default)"
	" select t.name, t.color, coalesce(sum(s.n), 0)::bigint as deals,"
	" coalesce(string_agg(internal.shown_money(s.total, s.currency), ' + ' order by s.total desc), '–')"
	"	as value,"
	" round(coalesce(sum(s.total), 0))::bigint as amount,"
	" greatest(1, round(max(coalesce(sum(s.total), 0)) over ()))::bigint as most"
	" from stages t left join sums s on s.stage = t.id where t.type = 'open'"
	" group by t.id, t.name, t.color, t.position order by t.position";

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
	"select l.label, l.icon, coalesce(e.data ->> 'title', e.data ->> 'name',"
	"	e.data ->> 'guest_name', nullif(trim(coalesce(e.data ->> 'first_name', '') || ' '"
	"		|| coalesce(e.data ->> 'last_name', '')), ''), left(e.data ->> 'content', 100),"
	"	app.person(k.first_name, k.last_name, k.phones, k.emails)) as subject,"
	" case e.record_type when 'deal' then '/deals/' when 'contact' then '/contacts/'"
	"	when 'company' then '/companies/' when 'conversation' then '/inbox/' end"
	"	|| e.record_id as href,"
	" app.short_time(e.created_at, (select app.zone())) as time,"
	" app.person(p.first_name, p.last_name, null, array[p.email]) as actor,"
	" e.actor_id is not null as has_actor"
	" from (select v.organization_id, v.type, v.record_type, v.record_id, v.data, v.actor_id,"
	"	v.created_at, v.seq from events v where v.seq is not null"
	"	order by v.seq desc limit 300) e"
	" join (values ('contact.created', 'New contact', 'user-plus'),"
	"	('company.created', 'New company', 'building'),"
	"	('deal.created', 'New deal', 'layout-kanban'),"
	"	('deal.stage.changed', 'Deal moved', 'arrow-right'), ('note.created', 'Note', 'note'),"
	"	('conversation.created', 'New conversation', 'message-circle'),"
	"	('conversation.assigned', 'Conversation assigned', 'user'),"
	"	('booking.created', 'New booking', 'calendar'),"
	"	('booking.cancelled', 'Booking cancelled', 'calendar'),"
	"	('quote.sent', 'Quote sent', 'file-invoice'), ('quote.viewed', 'Quote viewed', 'eye'),"
	"	('quote.accepted', 'Quote accepted', 'circle-check'),"
	"	('quote.declined', 'Quote declined', 'x')) l (type, label, icon) on l.type = e.type"
	" left join contacts k on k.organization_id = e.organization_id"
	"	and e.record_type = 'conversation' and k.id = (e.data ->> 'contact_id')::uuid"
	" left join profiles p on p.organization_id = e.organization_id and p.id = e.actor_id"
	" order by e.seq desc limit 8";

/* What guests see of who is signed in, once there is something to book (SCH-27). */
static const char page_sql[] =
	"select case when exists (select from event_types t where t.organization_id = p.organization_id"
	"	and t.profile_id = p.id and t.is_active) then '/schedule/' || p.username end as path"
	" from profiles p where p.id = auth.uid()";

enum status home_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int waiting, stages, bookings, events, own;
	struct tmpl_value *page;

	web_me(rq, b);
	waiting = db_add(b, waiting_sql);
	stages = db_add(b, stages_sql);
	bookings = db_add(b, bookings_sql);
	events = db_add(b, events_sql);
	own = db_add(b, page_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "waiting", b, waiting);
	web_set_rows(page, "stages", b, stages);
	web_set_rows(page, "bookings", b, bookings);
	web_set_rows(page, "events", b, events);
	web_set_row(page, "own", b, own, 0);
	return web_render(rq, rs, "app/home", page, e);
}
