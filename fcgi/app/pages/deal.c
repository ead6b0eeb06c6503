/* /deals/:id: facts, path of stages, timeline, histories; further contacts; and its deletion. */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static int add_deal(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select " DEAL_CARD ", t.title as name, t.tags as all_tags, t.contact_id, t.company_id, t.conversation_id,"
		" t.pipeline_id, t.description, t.source, t.discard_reason, t.won_at is not null as won, t.lost_at is not null as lost,"
		" t.won_at is null and t.lost_at is null as is_open, k.emails, k.phones,"
		" internal.shown_money(round(t.value * t.probability / 100, 2), t.currency) as weighted,"
		" internal.stage_name(t.pipeline_id, t.stage) as stage_name, pl.name as pipeline,"
		" internal.shown_date(t.expected_close_date) as close_date, t.priority, t.priority = 'HIGH' as is_high,"
		" internal.shown_span(now() - t.stage_entered_at) as in_stage,"
		" t.won_at is null and t.lost_at is null and t.stage_entered_at < now() - interval '1 day'"
		"	* coalesce(st.rotting_days, internal.setting_days(auth.org(), 'rotting_days', 7)) as is_rotting,"
		" internal.custom_shown('deal', t.custom_fields) as custom, t.products <> '[]' as has_lines,"
		" (select jsonb_agg(jsonb_build_object('name', x ->> 'name', 'quantity', x ->> 'quantity',"
		"	'unit_price', internal.shown_money((x ->> 'unit_price')::numeric, t.currency), 'total',"
		"	internal.shown_money(round((x ->> 'unit_price')::numeric * coalesce((x ->> 'quantity')::numeric, 1), 2), t.currency)))"
		"	from jsonb_array_elements(t.products) x where x ->> 'unit_price' ~ '^[0-9.]+$'"
		"		and coalesce(x ->> 'quantity', '1') ~ '^[0-9.]+$') as lines,"
		" internal.shown_time(t.created_at, z.zone) as added, internal.shown_time(coalesce(t.won_at, t.lost_at), z.zone) as closed,"
		" internal.shown_span(coalesce(t.won_at, t.lost_at) - t.created_at) as took,"
		" (select jsonb_agg(jsonb_build_object('what', m.what, 'at', internal.shown_time(m.at, z.zone), m.what, true) order by m.at)"
		"	from (values ('sent', t.sent_at), ('accepted', t.accepted_at), ('qualifying', t.qualifying_started_at),"
		"		('qualified', t.qualified_at), ('scheduled', t.scheduled_at)) m (what, at) where m.at is not null) as milestones"
		" from deals t" DEAL_JOINS
		" cross join (select internal.my_zone() as zone) z"
		" left join pipelines pl on pl.organization_id = t.organization_id and pl.id = t.pipeline_id"
		" left join pipeline_stages st on st.organization_id = t.organization_id and st.pipeline_id = t.pipeline_id"
		"	and st.stage = t.stage where t.id = $1::uuid", DB_S(id));
}

/* The path through the pipeline, with where the deal stands and how long it has
 * been where. */
static int add_stages(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select s.stage as id, s.name, s.color, s.stage = d.stage as here, trim_scale(s.probability) as percent,"
		" s.type = 'open' as is_open, s.type = 'lost' as is_lost, s.gate_mode is not null as gated,"
		" s.type = 'open' and s.position < (select x.position from pipeline_stages x where x.organization_id = d.organization_id"
		"	and x.pipeline_id = d.pipeline_id and x.stage = d.stage) as passed,"
		" internal.shown_span(h.spent + case when s.stage = d.stage then now() - d.stage_entered_at else '0' end) as spent,"
		" h.spent > '0' or s.stage = d.stage as been"
		" from deals d join pipeline_stages s on s.organization_id = d.organization_id and s.pipeline_id = d.pipeline_id"
		" cross join lateral (select coalesce(sum(y.duration), '0') as spent from deal_stage_history y"
		"	where y.organization_id = d.organization_id and y.deal_id = d.id and y.from_stage = s.stage) h"
		" where d.id = $1::uuid order by s.position", DB_S(id));
}

#define ACTOR " p.id is not null as has_actor, internal.person(p.first_name, p.last_name, p.email) as actor,"
#define ACTOR_JOIN " left join profiles p on p.organization_id = h.organization_id and p.id = h.changed_by"
#define SHOWN " internal.shown_time(h.changed_at, (select internal.my_zone())) as shown"
#define NEWEST " where h.deal_id = $1::uuid order by h.changed_at desc, h.id desc limit 50"

static int add_stage_history(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select internal.stage_name(d.pipeline_id, h.from_stage) as from_stage,"
		" internal.stage_name(d.pipeline_id, h.to_stage) as to_stage, h.from_stage is not null as moved,"
		" internal.shown_span(h.duration) as duration, h.duration is not null as lasted," ACTOR SHOWN
		" from deal_stage_history h join deals d on d.organization_id = h.organization_id and d.id = h.deal_id"
		ACTOR_JOIN NEWEST, DB_S(id));
}

static int add_owner_history(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select o.id is not null as owned, internal.person(o.first_name, o.last_name, o.email) as owner,"
		" h.reason = 'Initial assignment' as is_first, h.reason = 'Reassigned' as is_again,"
		" h.reason = 'Unassigned' as is_none, h.reason = 'Auto-reassigned' as is_auto,"
		" internal.shown_span(coalesce((select min(x.changed_at) from deal_owner_history x"
		"	where x.organization_id = h.organization_id and x.deal_id = h.deal_id and x.changed_at > h.changed_at), now())"
		"	- h.changed_at) as had,"
		" not exists (select from deal_owner_history x where x.organization_id = h.organization_id"
		"	and x.deal_id = h.deal_id and x.changed_at > h.changed_at) as is_last," ACTOR SHOWN
		" from deal_owner_history h"
		" left join profiles o on o.organization_id = h.organization_id and o.id = h.owner_id"
		ACTOR_JOIN NEWEST, DB_S(id));
}

/* The average of the owners' times (UC-DEAL-005). */
static int add_owner_average(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select internal.shown_span(avg(coalesce(x.until, now()) - x.since)) as average, count(*) > 1 as several"
		" from deal_ownerships x where x.deal_id = $1::uuid and x.owner_id is not null", DB_S(id));
}

static int add_value_history(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select h.what = 'value' as is_value, case h.what when 'value' then internal.shown_money(h.old_value, h.old_currency)"
		"	else trim_scale(h.old_value) || '%' end as old,"
		" case h.what when 'value' then internal.shown_money(h.new_value, h.new_currency)"
		"	else trim_scale(h.new_value) || '%' end as new," ACTOR SHOWN
		" from deal_value_history h" ACTOR_JOIN NEWEST, DB_S(id));
}

static int add_quotes(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select q.id, q.number, q.title, q.status, case q.status when 'Accepted' then"
		" 'good' when 'Declined' then 'bad'"
		" when 'Expired' then 'warn' when 'Draft' then '' else 'accent' end as tone,"
		" internal.shown_money(q.total, q.currency) as amount"
		" from quotes q where q.deal_id = $1::uuid order by q.created_at desc, q.id desc"
		" limit 50", DB_S(id));
}

static int add_contacts(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
		" internal.initials(c.first_name, c.last_name, c.emails[1]) as initials, x.role, abs(hashtext(c.id::text)) % 8 as tone"
		" from deal_contacts x join contacts c on c.organization_id = x.organization_id and c.id = x.contact_id"
		" where x.deal_id = $1::uuid order by x.created_at, x.id limit 50", DB_S(id));
}

/* Who has been asked to let it through a gate. */
static int add_approvals(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select a.id, internal.stage_name(a.pipeline_id, a.to_stage) as stage_name,"
		" internal.person(q.first_name, q.last_name, q.email) as requester, q.id is not null as has_requester,"
		" internal.person(p.first_name, p.last_name, p.email) as approver,"
		" a.approver_id is not distinct from auth.uid() or auth.is_admin() as may_answer,"
		" internal.shown_time(a.created_at, (select internal.my_zone())) as shown"
		" from deal_approvals a"
		" left join profiles q on q.organization_id = a.organization_id and q.id = a.requested_by"
		" left join profiles p on p.organization_id = a.organization_id and p.id = a.approver_id"
		" where a.deal_id = $1::uuid and a.state = 'pending' order by a.created_at", DB_S(id));
}

/* What it lacks for a stage that refused it (deal_move.c). */
static int add_unmet(struct db_batch *b, struct sv id, struct sv stage)
{
	return db_add(b,
		"select g.message, g.kind = 'field' as is_field, g.field, g.kind = 'task' as is_task,"
		" g.kind = 'approval' as is_approval, internal.stage_name(d.pipeline_id, $2) as stage_name"
		" from deals d cross join lateral deal_gate(d.id, $2) g where d.id = $1::uuid and g.mode = 'hard'"
		" and exists (select from pipeline_stages s where s.organization_id = d.organization_id"
		"	and s.pipeline_id = d.pipeline_id and s.stage = $2)", DB_S(id), DB_S(stage));
}

enum status deal_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv gate = http_query(rq, "gate");
	struct record r;
	int deal, stages, moves, owners, average, values, quotes, contacts, approvals, reasons, unmet = -1;

	if (record_begin(&r, "deal", rq, e))
		return e->status;
	deal = add_deal(r.b, r.id);
	stages = add_stages(r.b, r.id);
	moves = add_stage_history(r.b, r.id);
	owners = add_owner_history(r.b, r.id);
	average = add_owner_average(r.b, r.id);
	values = add_value_history(r.b, r.id);
	quotes = add_quotes(r.b, r.id);
	contacts = add_contacts(r.b, r.id);
	approvals = add_approvals(r.b, r.id);
	reasons = db_add(r.b, "select r.name from discard_reasons r where r.is_active order by r.position, r.name");
	if (gate.n)
		unmet = add_unmet(r.b, r.id, gate);
	if (record_run(&r, deal, e))
		return e->status;
	web_set_row(r.page, "deal", r.b, deal, 0);
	web_set_rows(r.page, "stages", r.b, stages);
	web_set_rows(r.page, "stage_history", r.b, moves);
	web_set_rows(r.page, "owner_history", r.b, owners);
	web_set_row(r.page, "owners", r.b, average, 0);
	web_set_rows(r.page, "value_history", r.b, values);
	web_set_rows(r.page, "quotes", r.b, quotes);
	web_set_rows(r.page, "contacts", r.b, contacts);
	web_set_rows(r.page, "approvals", r.b, approvals);
	web_set_rows(r.page, "reasons", r.b, reasons);
	if (gate.n) {
		web_set_rows(r.page, "unmet", r.b, unmet);
		tmpl_set_bool(r.page, "is_unmet", db_rows(r.b, unmet) > 0);
		tmpl_set_text(r.page, "unmet_stage", db_first(r.b, unmet, "stage_name"));
	}
	return web_render(rq, rs, "app/deal", r.page, e);
}

/* do=add with contact_id, or contact as typed, and role; do=remove with contact_id. */
enum status deal_contact(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id, contact, name;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	form_init(&f, rq);
	contact = form_id(&f, "contact_id");
	name = form_text(&f, "contact");
	must_exist(b, "deals", id);
	if (sv_eq(form_text(&f, "do"), SV("remove")))
		db_add(b, "delete from deal_contacts x where x.deal_id = $1::uuid and x.contact_id = $2::uuid",
		       DB_S(id), DB_S(contact));
	else if (contact.n || name.n)
		db_add(b,
			"insert into deal_contacts (deal_id, contact_id, role)"
			" select $1::uuid, coalesce($2::uuid, internal.typed_contact($3)), nullif($4, '')"
			" on conflict (organization_id, deal_id, contact_id) do update set role = excluded.role",
			DB_S(id), DB_S(contact), DB_S(name), DB_S(form_text(&f, "role")));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/deals/", id, "?done=saved");
}

enum status deal_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "deal", &id, e))
		return e->status;
	gone = db_add(b, "delete from deals where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This deal does not exist");
	return http_redirect(rs, SV("/deals?done=deleted"));
}
