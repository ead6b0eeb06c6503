/*
 * /deals: the board (deals_board.c), or the list, whose fields are here
 * (fcgi/app/records.h). Which of them one saw last is remembered.
 */
#include "fcgi/app/pages/deals.h"
#include "fcgi/app/routes.h"

#define PLAIN (FIELD_SORT | FIELD_FILTER | FIELD_EDIT)

#define OWNER_SINCE                                                                         \
	"(case when t.owner_id is not null then (select max(h.changed_at) from deal_owner_history h" \
	" where h.organization_id = t.organization_id and h.deal_id = t.id) end)"

static const struct record_choice states[] = {
	{ "open", N_("Open"), NULL }, { "won", N_("Won"), "good" }, { "lost", N_("Lost"), "bad" }, { 0 },
};
static const struct record_choice priorities[] = {
	{ "HIGH", N_("High"), "bad" }, { "MEDIUM", N_("Medium"), "warn" }, { "LOW", N_("Low"), NULL }, { 0 },
};

static const struct record_field fields[] = {
	{ .key = "title", .label = N_("Title"), .type = FIELD_TEXT, .flags = FIELD_TITLE | PLAIN,
	  .shown = "t.title", .raw = "t.title" },
	{ .key = "contact_id", .label = N_("Contact"), .type = FIELD_LINK, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1]))",
	  .to = "/contacts" },
	{ .key = "company_id", .label = N_("Company"), .type = FIELD_LINK, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "co.name", .to = "/companies" },
	{ .key = "pipeline_id", .label = N_("Pipeline"), .type = FIELD_CHOICE, .flags = FIELD_FILTER,
	  .shown = "pl.name",
	  .options = "select p.id::text as value, p.name as label from pipelines p order by p.is_default desc,"
		     " lower(p.name), p.id" },
	{ .key = "stage", .label = N_("Stage"), .type = FIELD_CHOICE, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "internal.stage_name(t.pipeline_id, t.stage)",
	  .options = "select s.stage as value, min(s.name) as label from pipeline_stages s group by s.stage"
		     " order by min(s.position), s.stage" },
	{ .key = "status", .label = N_("Status"), .type = FIELD_CHOICE, .flags = FIELD_FILTER, .choices = states,
	  .raw = "case when t.won_at is not null then 'won' when t.lost_at is not null then 'lost' else 'open' end" },
	{ .key = "value", .label = N_("Value"), .type = FIELD_MONEY, .flags = PLAIN,
	  .shown = "internal.shown_money(t.value, t.currency)" },
	{ .key = "currency", .label = N_("Currency"), .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "weighted", .label = N_("Weighted value"), .type = FIELD_MONEY, .flags = FIELD_SORT | FIELD_FILTER,
	  .shown = "internal.shown_money(round(t.value * t.probability / 100, 2), t.currency)",
	  .raw = "round(t.value * t.probability / 100, 2)" },
	{ .key = "probability", .label = N_("Probability, %"), .type = FIELD_NUMBER, .flags = PLAIN,
	  .shown = "trim_scale(t.probability)" },
	{ .key = "expected_close_date", .label = N_("Expected close"), .type = FIELD_DATE, .flags = PLAIN },
	{ .key = "owner_id", .label = N_("Owner"), .type = FIELD_PERSON, .flags = FIELD_FILTER | FIELD_EDIT,
	  .shown = "internal.person(o.first_name, o.last_name, o.email)" },
	{ .key = "owner_since", .label = N_("With its owner since"), .type = FIELD_TIME, .flags = FIELD_FILTER, .raw = OWNER_SINCE },
	{ .key = "tags", .label = N_("Tags"), .type = FIELD_TAGS, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "source", .label = N_("Source"), .type = FIELD_TEXT, .flags = PLAIN,
	  .options = "select x.source as value, x.source as label from (select distinct r.source from (select"
		     " d.source from deals d order by d.created_at desc limit 2000) r) x where x.source <> ''"
		     " order by 1 limit 100" },
	{ .key = "priority", .label = N_("Priority"), .type = FIELD_CHOICE, .flags = FIELD_FILTER | FIELD_EDIT,
	  .choices = priorities },
	{ .key = "discard_reason", .label = N_("Lost because"), .type = FIELD_CHOICE, .flags = FIELD_FILTER,
	  .options = "select r.name as value, r.name as label from discard_reasons r order by r.position, r.name" },
	{ .key = "description", .label = N_("Description"), .type = FIELD_LONG, .flags = FIELD_FILTER | FIELD_EDIT },
	{ .key = "stage_entered_at", .label = N_("In its stage since"), .type = FIELD_TIME, .flags = FIELD_FILTER },
	{ .key = "won_at", .label = N_("Won on"), .type = FIELD_TIME, .flags = FIELD_FILTER },
	{ .key = "lost_at", .label = N_("Lost on"), .type = FIELD_TIME, .flags = FIELD_FILTER },
	{ .key = "created_at", .label = N_("Added"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ .key = "updated_at", .label = N_("Changed"), .type = FIELD_TIME, .flags = FIELD_SORT | FIELD_FILTER },
	{ 0 },
};

const struct record_kind deals_kind = {
	.name = "deals", .entity = "deal", .path = "/deals", .table = "deals", .area = "crm",
	.title = N_("Deals"), .one = N_("Deal"), .new_label = N_("New deal"),
	.hint = N_("Title, contact, company"), .icon = "layout-kanban",
	.fields = fields,
	.columns = "contact_id,company_id,stage,value,probability,expected_close_date,owner_id,tags",
	.sort = "-created_at",
	.joins = DEAL_JOINS " left join pipelines pl on pl.organization_id = t.organization_id and pl.id = t.pipeline_id"
		 " left join pipeline_stages st on st.organization_id = t.organization_id"
		 "	and st.pipeline_id = t.pipeline_id and st.stage = t.stage" DEAL_NEXT_JOIN,
	.card = "app/deals_tile",
	.card_sql = ", upper(left(t.title, 1)) as initials, t.title as name, coalesce(st.name, t.stage) as stage_name,"
		    " st.color as stage_color, t.won_at is not null as won, t.lost_at is not null as lost"
		    DEAL_CARD_MORE DEAL_NEXT,
	.empty_title = N_("No deals yet"),
	.empty_text = N_("A deal is one chance to sell something. Start one here, from a contact, or right inside a conversation."),
	.none_title = N_("No deal fits"),
	.none_text = N_("Loosen a filter, or start a new deal."),
	.owner = "owner_id", .views = "app/deals_views",
};

/* What the board can filter by comes along from the list. */
static enum status to_board(struct http_request *rq, struct http_response *rs, const struct buf *query)
{
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/deals?%sview=board",
						      query->p ? query->p : "")));
}

enum status deals_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv view = http_query(rq, "view");
	struct http_cookie_options keep = { .max_age = 365 * 86400, .secure = rq->https, .http_only = true };
	buf_auto struct buf query = BUF_INIT;
	bool asked = sv_eq(view, SV("board"));

	if (asked)
		http_set_cookie(rs, "kontor_deals", view, &keep);
	else if (!view.n)
		view = http_cookie(rq, "kontor_deals");
	if (sv_eq(view, SV("table")) || sv_eq(view, SV("grid")))
		return records_page(rq, rs, &deals_kind, e);
	if (deals_board_query(rq, &query))
		return to_board(rq, rs, &query);
	return deals_board_page(rq, rs, e);
}
