/* One conversation: its head and the panel of its contact. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

enum status inbox_id(struct http_request *rq, struct sv *id, struct err *e)
{
	*id = http_param(rq, "id");
	if (!uuid_valid(*id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This conversation does not exist");
	return ST_OK;
}

static const char talk_sql[] =
	"select r.id, r.contact_id, r.name, r.initials, r.tone, r.status, r.is_open, r.is_comment,"
	" r.is_important, r.channel, r.channel_name, r.channel_type, r.icon, r.assignee_id,"
	" r.assignee, app.initials(r.assignee) as assignee_initials, r.tags, r.assignee_id = auth.uid() as is_mine,"
	" r.status = 'PENDING' as is_pending, r.status = 'RESOLVED' as is_resolved, r.ai_agent_active as bot_active,"
	" internal.shown_time(r.snoozed_until, (select app.zone())) as snoozed,"
	" (extract(epoch from r.sla_deadline) * 1000)::bigint as sla_at,"
	" floor(extract(epoch from now() - r.last_inbound_at))::bigint as silent,"
	" (select json_agg(x.id) from conversation_merges x where x.kept_id = r.id and x.undone_at is null) as merges,"
	" (select json_build_object('at', internal.shown_time(c.ai_handoff_at, (select app.zone())), 'why', c.ai_handoff_reason)"
	"  from conversations c where c.id = r.id and c.ai_handoff_at is not null) as taken_over,"
	" (select json_build_object('is_' || (c.metadata ->> 'category'), true) from conversations c"
	"  where c.id = r.id and c.metadata ? 'category') as category,"
	" (select k.phones[1] from contacts k where k.id = r.contact_id) as phone,"
	" (select a.settings ->> 'human_agent' = 'on' from channel_accounts a"
	"  where a.id = r.channel_account_id) as answers_late"
	" from app.conversation_rows r where r.id = $1";

/* The contact of the conversation $1. */
#define CONTACT "(select v.contact_id from conversations v where v.id = $1)"

static const char contact_sql[] =
	"select k.id, k.phones, k.emails, k.tags, k.source, k.description, k.company_id,"
	" c.name as company, app.person(k.first_name, k.last_name, k.phones, k.emails) as name,"
	" (select json_agg(json_build_object('name', replace(f.key, '_', ' '), 'value', f.value)"
	"	order by f.key) from jsonb_each_text(k.custom_fields) f where f.value <> '') as fields"
	" from contacts k"
	" left join companies c on c.organization_id = k.organization_id and c.id = k.company_id"
	" where k.id = " CONTACT;

static const char deals_sql[] =
	"select d.id, d.title, internal.shown_money(d.value, d.currency) as value,"
	" coalesce(s.name, d.stage) as stage, coalesce(s.color, '#64748b') as color"
	" from deals d"
	" join pipelines p on p.organization_id = d.organization_id and p.id = d.pipeline_id"
	" left join lateral (select x ->> 'name' as name, x ->> 'color' as color"
	"	from jsonb_array_elements(p.stages) x where x ->> 'id' = d.stage limit 1) s on true"
	" where d.contact_id = " CONTACT " order by d.created_at desc, d.id desc limit 6";

static const char tasks_sql[] =
	"select t.id, t.title, internal.shown_time(t.due_date, (select app.zone())) as due,"
	" not t.completed and t.due_date < now() as is_late, t.completed"
	" from tasks t where t.contact_id = " CONTACT " or t.conversation_id = $1"
	" order by t.completed, t.due_date nulls last, t.id desc limit 6";

static const char others_sql[] =
	"select r.id, r.channel, r.channel_name, r.icon, r.status, r.is_open, r.preview,"
	" app.short_time(r.last_message_at, (select app.zone())) as time, r.is_comment"
	" from app.conversation_rows r where r.contact_id = " CONTACT " and r.id <> $1 and r.merged_into_id is null"
	" order by r.last_message_at desc nulls last limit 20";

static const char notes_sql[] =
	"select n.id, n.content, app.person(p.first_name, p.last_name, null, array[p.email]) as author,"
	" app.short_time(n.created_at, (select app.zone())) as time, n.conversation_id = $1 as is_here,"
	" n.author_id = auth.uid() or auth.may('can_delete_data') as is_mine from notes n"
	" left join profiles p on p.organization_id = n.organization_id and p.id = n.author_id"
	" where n.contact_id = " CONTACT " order by n.created_at desc, n.id desc limit 8";

/* Every way to reach this person (INB-78). */
static const char channels_sql[] =
	"select h.kind, h.value, case h.kind when 'phone' then 'phone' when 'email' then 'mail'"
	"	when 'telegram' then 'brand-telegram' when 'instagram' then 'brand-instagram'"
	"	when 'messenger' then 'brand-messenger' else 'message' end as icon"
	" from contact_handles h where h.contact_id = " CONTACT
	" and not exists (select from contacts k where k.id = h.contact_id"
	"	and (h.value = any (k.phones) or h.value = any (k.emails))) order by h.kind, h.value limit 12";

static const char drafts_sql[] = "select d.mode, d.body from conversation_drafts d"
				 " where d.conversation_id = $1 and d.user_id = auth.uid()";

static const char surveys_sql[] =
	"select s.state, s.score, s.comment, s.score is not null as is_answered, s.state = 'sent' as is_sent,"
	" repeat('\xe2\x98\x85', s.score) || repeat('\xe2\x98\x86', 5 - s.score) as stars,"
	" internal.shown_time(coalesce(s.answered_at, s.sent_at), (select app.zone())) as time"
	" from csat_surveys s where s.conversation_id = $1 and s.state in ('sent', 'answered')"
	" order by s.created_at desc limit 3";

static const char pipelines_sql[] = "select p.id as pipeline_id, p.name as pipeline,"
				    " (select json_agg(s) from jsonb_array_elements(p.stages) s"
				    "	where s ->> 'type' = 'open') as stages"
				    " from pipelines p order by p.is_default desc, p.name limit 50";

void inbox_add_talk(struct db_batch *b, struct sv id, struct inbox_talk *t)
{
	t->row = db_add(b, talk_sql, DB_S(id));
	t->contact = db_add(b, contact_sql, DB_S(id));
	t->deals = db_add(b, deals_sql, DB_S(id));
	t->tasks = db_add(b, tasks_sql, DB_S(id));
	t->others = db_add(b, others_sql, DB_S(id));
	t->notes = db_add(b, notes_sql, DB_S(id));
	t->channels = db_add(b, channels_sql, DB_S(id));
	t->pipelines = db_add(b, pipelines_sql);
	t->drafts = db_add(b, drafts_sql, DB_S(id));
	t->surveys = db_add(b, surveys_sql, DB_S(id));
	t->composer = inbox_add_composer(b, id);
}

enum status inbox_set_talk(struct http_request *rq, const struct db_batch *b,
			   const struct inbox_talk *t, struct tmpl_value *page, struct err *e)
{
	if (!db_rows(b, t->row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This conversation does not exist");
	web_set_row(page, "talk", b, t->row, 0);
	web_set_row(page, "contact", b, t->contact, 0);
	web_set_rows(page, "deals", b, t->deals);
	web_set_rows(page, "talk_tasks", b, t->tasks);
	web_set_rows(page, "others", b, t->others);
	web_set_rows(page, "handles", b, t->channels);
	web_set_rows(page, "drafts", b, t->drafts);
	web_set_rows(page, "surveys", b, t->surveys);
	web_set_rows(page, "notes", b, t->notes);
	web_set_rows(page, "pipelines", b, t->pipelines);
	inbox_set_composer(page, rq->arena, b, t);
	return ST_OK;
}

/* /inbox/:id/state: what stands around the messages. */
enum status inbox_state(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct inbox_talk talk;
	struct tmpl_value *page;
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	web_me(rq, b);
	inbox_add_talk(b, id, &talk);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (inbox_set_talk(rq, b, &talk, page, e))
		return e->status;
	return web_render(rq, rs, "app/inbox/state", page, e);
}
