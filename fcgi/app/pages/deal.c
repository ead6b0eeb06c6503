/* /deals/:id: fields, timeline, histories; and its deletion. */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

static int add_deal(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select " DEAL_CARD ", t.tags as all_tags, t.contact_id, t.company_id, t.conversation_id, t.description, t.source,"
		" t.discard_reason, t.won_at is not null as won, t.lost_at is not null as lost, trim_scale(t.probability) as percent,"
		" internal.stage_name(t.pipeline_id, t.stage) as stage_name, pl.name as pipeline,"
		" to_char(t.expected_close_date, 'FMDD Mon YYYY') as close_date,"
		" internal.shown_span(now() - t.stage_entered_at) as in_stage,"
		" internal.custom_shown('deal', t.custom_fields) as custom,"
		" (select jsonb_agg(jsonb_build_object('name', x ->> 'name', 'quantity', x ->> 'quantity', 'unit_price',"
		"	x ->> 'unit_price')) from jsonb_array_elements(t.products) x) as lines,"
		" internal.shown_time(t.created_at, (select internal.my_zone())) as added"
		" from deals t" DEAL_JOINS
		" join pipelines pl on pl.organization_id = t.organization_id and pl.id = t.pipeline_id"
		" where t.id = $1::uuid", DB_S(id));
}

/* The path through the pipeline, with where the deal stands. */
static int add_stages(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select s ->> 'id' as id, s ->> 'name' as name, s ->> 'color' as color, s ->> 'id' = d.stage as here,"
		" e.n < (select x.n from jsonb_array_elements(p.stages) with ordinality x (y, n) where x.y ->> 'id' = d.stage)"
		"	and s ->> 'type' = 'open' as passed, s ->> 'type' = 'lost' as is_lost"
		" from deals d join pipelines p on p.organization_id = d.organization_id and p.id = d.pipeline_id,"
		" jsonb_array_elements(p.stages) with ordinality e (s, n) where d.id = $1::uuid order by n", DB_S(id));
}

static int add_stage_history(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select internal.stage_name(d.pipeline_id, h.from_stage) as from_stage,"
		" internal.stage_name(d.pipeline_id, h.to_stage) as to_stage, h.from_stage is not null as moved,"
		" internal.shown_span(h.duration) as duration, h.duration is not null as lasted,"
		" case when p.id is not null then internal.person(p.first_name, p.last_name, p.email) else 'Kontor' end as actor,"
		" internal.shown_time(h.changed_at, (select internal.my_zone())) as shown"
		" from deal_stage_history h"
		" join deals d on d.organization_id = h.organization_id and d.id = h.deal_id"
		" left join profiles p on p.organization_id = h.organization_id and p.id = h.changed_by"
		" where h.deal_id = $1::uuid order by h.changed_at desc, h.id desc limit 50", DB_S(id));
}

static int add_owner_history(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select case when o.id is not null then internal.person(o.first_name, o.last_name, o.email) end as owner,"
		" case when was.id is not null then internal.person(was.first_name, was.last_name, was.email) end as previous,"
		" h.reason, internal.shown_span(h.duration) as duration, h.duration is not null as lasted,"
		" case when p.id is not null then internal.person(p.first_name, p.last_name, p.email) else 'Kontor' end as actor,"
		" internal.shown_time(h.changed_at, (select internal.my_zone())) as shown"
		" from deal_owner_history h"
		" left join profiles o on o.organization_id = h.organization_id and o.id = h.owner_id"
		" left join profiles was on was.organization_id = h.organization_id and was.id = h.previous_owner_id"
		" left join profiles p on p.organization_id = h.organization_id and p.id = h.changed_by"
		" where h.deal_id = $1::uuid order by h.changed_at desc, h.id desc limit 50", DB_S(id));
}

static int add_quotes(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select q.id, q.number, q.title, q.status, case q.status when 'Accepted' then"
		" 'good' when 'Declined' then 'bad'"
		" when 'Expired' then 'warn' when 'Draft' then '' else 'accent' end as tone,"
		" internal.money_text(q.total, internal.currency_decimals(q.currency)) || ' ' ||"
		" q.currency as amount"
		" from quotes q where q.deal_id = $1::uuid order by q.created_at desc, q.id desc"
		" limit 50", DB_S(id));
}

enum status deal_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct record r;
	int deal, stages, moves, owners, quotes;

	if (record_begin(&r, "deal", rq, e))
		return e->status;
	deal = add_deal(r.b, r.id);
	stages = add_stages(r.b, r.id);
	moves = add_stage_history(r.b, r.id);
	owners = add_owner_history(r.b, r.id);
	quotes = add_quotes(r.b, r.id);
	if (record_run(&r, deal, e))
		return e->status;
	web_set_row(r.page, "deal", r.b, deal, 0);
	web_set_rows(r.page, "stages", r.b, stages);
	web_set_rows(r.page, "stage_history", r.b, moves);
	web_set_rows(r.page, "owner_history", r.b, owners);
	web_set_rows(r.page, "quotes", r.b, quotes);
	return web_render(rq, rs, "app/deal", r.page, e);
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
