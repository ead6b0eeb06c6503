/* /leads/:id, what is done there (status, signals, taking it over) and its deletion. */
#include "fcgi/app/pages/leads.h"
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

static int add_lead(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select l.id, l.name, internal.initials(split_part(l.name, ' ', 1), nullif(substr(l.name, length(split_part(l.name, ' ', 1)) + 2), ''), l.email) as initials,"
		" l.company_name as company, l.title, l.email, l.phone, replace(l.phone, '+', '') as whatsapp, l.source, l.status,"
		" case when l.email is null then '{}'::text[] else array[l.email] end as emails,"
		" case when l.phone is null then '{}'::text[] else array[l.phone] end as phones,"
		" l.score, l.score >= s.threshold as is_high, s.threshold,"
		" l.status = 'New' as is_new, l.status = 'Contacted' as is_contacted, l.status = 'Qualified' as is_qualified,"
		" l.status = 'Disqualified' as is_disqualified, l.status = 'Converted' as is_converted,"
		" l.territory, l.company_size, l.description, l.tags, l.disqualify_reason,"
		" internal.custom_shown('lead', l.custom_fields) as custom,"
		" a.id as owner_id, internal.person(a.first_name, a.last_name, a.email) as owner, a.id is not distinct from auth.uid() as is_mine,"
		" t.name as team, internal.shown_time(l.created_at, (select internal.my_zone())) as added,"
		" internal.shown_time(l.converted_at, (select internal.my_zone())) as converted,"
		" internal.shown_span(now() - l.status_at) as in_status,"
		" co.id as contact_id, internal.person(co.first_name, co.last_name, coalesce(co.emails[1], co.phones[1])) as contact,"
		" cm.id as company_id, cm.name as company_record, d.id as deal_id, d.title as deal,"
		" (select '/?kl=' || l.track_key) as track"
		" from leads l cross join (select coalesce(max(x.high_score_threshold), 70) as threshold from lead_scoring x) s"
		" left join profiles a on a.organization_id = l.organization_id and a.id = l.owner_id"
		" left join teams t on t.organization_id = l.organization_id and t.id = l.team_id"
		" left join contacts co on co.organization_id = l.organization_id and co.id = l.converted_contact_id"
		" left join companies cm on cm.organization_id = l.organization_id and cm.id = l.converted_company_id"
		" left join deals d on d.organization_id = l.organization_id and d.id = l.converted_deal_id"
		" where l.id = $1::uuid", DB_S(id));
}

/* What the score is made of, as bars: each as long as its share of a hundred. */
static int add_parts(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select p.kind, p.signals, p.points, p.most, p.kind = 'email_open' as is_email_open, p.kind = 'page_visit' as is_page_visit,"
		" p.kind = 'form_submission' as is_form_submission, p.kind = 'outreach' as is_outreach,"
		" case when p.most > 0 then round(100.0 * p.points / p.most) else 0 end as share"
		" from internal.lead_score_parts(auth.org(), $1::uuid) p"
		" order by array_position(array['form_submission', 'email_open', 'page_visit', 'outreach'], p.kind)", DB_S(id));
}

static int add_signals(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select e.id, e.subject, e.url, e.answered, e.kind = 'email_open' as is_email_open, e.kind = 'page_visit' as is_page_visit,"
		" e.kind = 'form_submission' as is_form_submission, e.kind = 'outreach' as is_outreach,"
		" e.channel = 'call' as is_call, e.channel = 'email' as is_email, e.channel = 'message' as is_message,"
		" e.channel = 'meeting' as is_meeting, internal.shown_time(e.at, (select internal.my_zone())) as shown,"
		" to_char(e.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as iso"
		" from lead_engagement_events e where e.lead_id = $1::uuid order by e.at desc, e.id desc limit 12", DB_S(id));
}

enum status lead_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct tmpl_value *words;
	struct record r;
	int lead, parts, signals;

	if (record_begin(&r, "lead", rq, e))
		return e->status;
	lead = add_lead(r.b, r.id);
	parts = add_parts(r.b, r.id);
	signals = add_signals(r.b, r.id);
	if (record_run(&r, lead, e))
		return e->status;
	web_set_row(r.page, "lead", r.b, lead, 0);
	words = tmpl_set_map(r.page, "words");
	tmpl_set_text(words, "status", sv_from(lead_status_label(db_first(r.b, lead, "status"))));
	tmpl_set_text(words, "source", sv_from(lead_source_label(rq->arena, db_first(r.b, lead, "source"))));
	web_set_rows(r.page, "parts", r.b, parts);
	web_set_rows(r.page, "signals", r.b, signals);
	tmpl_set_text(r.page, "signal_id", uuid_new(rq->arena));
	return web_render(rq, rs, "app/lead", r.page, e);
}

/* ---- status ------------------------------------------------------------------- */

static void answer_moved(struct http_response *rs, const struct db_batch *b, int moved)
{
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"moved\":");
	if (db_rows(b, moved))
		db_json_row(&rs->body, b, moved, 0);
	else
		buf_lit(&rs->body, "null");
	buf_addc(&rs->body, '}');
}

/* From the board and from the lead's page; what cannot be is said by the database. */
enum status lead_move(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, status = sv_trim(http_form(rq, "status"));
	int there, moved;

	if (path_id(rq, "lead", &id, e))
		return e->status;
	if (!*lead_status_label(status))
		return err_set(e, rq->arena, ST_BAD_INPUT, "Name the status to move to");
	there = db_add(b, "select l.status, l.disqualify_reason from leads l where l.id = $1::uuid", DB_S(id));
	moved = db_add(b,
		"update leads l set status = $2, disqualify_reason = nullif(trim($3), '') where l.id = $1::uuid and l.status <> $2"
		" returning l.id, l.name, l.status, l.score", DB_S(id), DB_S(status), DB_S(http_form(rq, "reason")));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, there))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This lead does not exist any more");
	if (sv_find(http_header(rq, "Accept"), SV("application/json")) < 0)
		return redirect_to(rq, rs, "/leads/", id, "?done=moved");
	answer_moved(rs, b, moved);
	return ST_OK;
}

/* ---- quick actions --------------------------------------------------------------- */

enum status lead_take(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, owner = http_form(rq, "owner_id");
	int taken;

	if (path_id(rq, "lead", &id, e))
		return e->status;
	taken = db_add(b,
		"update leads l set owner_id = case when $2 = 'me' then auth.uid() else $3::uuid end where l.id = $1::uuid",
		DB_S(id), DB_S(owner), DB_OPT(uuid_valid(owner) ? owner : SV_NONE));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, taken))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This lead does not exist any more");
	return redirect_to(rq, rs, "/leads/", id, "?done=saved");
}

/* Outreach that is logged by hand: a meeting, a message, an answer to a mail (LEA-4). */
enum status lead_signal(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, channel = http_form(rq, "channel"), own = http_form(rq, "signal_id");

	if (path_id(rq, "lead", &id, e))
		return e->status;
	must_exist(b, "leads", id);
	db_add(b,
		"insert into lead_engagement_events (id, lead_id, kind, channel, answered, subject)"
		" values ($1::uuid, $2::uuid, 'outreach', $3, $4, left(nullif(trim($5), ''), 500))"
		" on conflict (organization_id, id) do nothing",
		DB_S(uuid_valid(own) ? own : uuid_new(rq->arena)), DB_S(id), DB_S(channel.n ? channel : SV("other")),
		DB_B(http_form(rq, "answered").n > 0), DB_S(http_form(rq, "subject")));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/leads/", id, "?done=noted");
}

enum status lead_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "lead", &id, e))
		return e->status;
	gone = db_add(b, "delete from leads where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This lead does not exist");
	return http_redirect(rs, SV("/leads?done=deleted"));
}
