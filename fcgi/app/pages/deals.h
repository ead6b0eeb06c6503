/*
 * deals: what the pages of deals share.
 *
 * - filters: of the board and its columns, so that what a column counts is
 *   what it shows (DEA-21); parameters of the query, combined by AND (DEA-42):
 *   pipeline, q, owner (an id, "me" or "none"), tag (each of several), min, max,
 *   stage, not (stages left out), company, source, on (close, created or
 *   moved) with from and to.
 * - cards: the columns that a card shows.
 */
#ifndef APP_DEALS_H
#define APP_DEALS_H

#include "fcgi/app/records.h"

/* Cards that a column begins with, and that come each time its end is reached. */
#define DEALS_CARDS 20

/* ---- filters (deals_filter.c) --------------------------------------------- */

/* The pipeline that the query names, else the default one: CTEs `pipe` of one
 * row (id, name, stages) and `st`, its stages (id, name, color, type,
 * probability, rotting_days, place). Begins the statement. */
void deals_pipe(struct query *q, struct http_request *rq);
/* " and ..." for everything but the pipeline; the deal's alias is t. */
void deals_filter(struct query *q, struct http_request *rq);
/* Max is not above min (DEA-37). */
bool deals_bounds_clash(struct http_request *rq);
/* Stages that the filter leaves on the board: " and ..." on st. */
void deals_stage_filter(struct query *q, struct http_request *rq);
/* The filters as "name=value&..." for links and for asking again. */
struct sv deals_filter_query(struct http_request *rq);
/* Whether anything but the pipeline narrows the board. */
bool deals_filtered(struct http_request *rq);
/* The same for the list of deals, whose addresses are those of records.h; and
 * back: a query of the list as one of the board, which leaves out what the board
 * cannot filter by. False: there is nothing to translate. */
struct sv deals_list_query(struct http_request *rq);
bool deals_board_query(struct http_request *rq, struct buf *out);
/* What the filters and their chips need to be shown. */
extern const struct record_kind deals_kind;
struct deals_choices {
	int pipelines, stages, team, tags, sources, company, reasons;
};
void deals_choices_add(struct http_request *rq, struct db_batch *b, struct deals_choices *c);
/* Page values: pipelines, stages, team, tags, sources, reasons, filter.*, chips. */
void deals_choices_show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
			const struct deals_choices *c);

/* ---- the board (deals_board.c) ----------------------------------------------- */

enum status deals_board_page(struct http_request *rq, struct http_response *rs,
			     struct err *e) WARN_UNUSED;

/* What a card shows, from deals t, contacts k, companies co, profiles o. */
#define DEAL_CARD "t.id, t.title, t.stage" DEAL_CARD_MORE
#define DEAL_CARD_MORE                                                                              \
	", internal.short_money(t.value, t.currency) as amount,"                                    \
	" internal.shown_money(t.value, t.currency) as full_amount,"                                \
	" trim_scale(t.probability) as probability, t.tags[1:3] as tags, t.priority,"               \
	" nullif(greatest(cardinality(t.tags) - 3, 0), 0) as more_tags,"                            \
	" internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1])) as contact," \
	" co.name as company, o.id is not null as has_owner,"                                       \
	" internal.person(o.first_name, o.last_name, o.email) as owner,"                            \
	" internal.initials(o.first_name, o.last_name, o.email) as owner_initials,"                 \
	" abs(hashtext(o.id::text)) % 8 as owner_tone,"                                             \
	" internal.shown_date(t.expected_close_date) as due,"                                       \
	" t.expected_close_date < (select internal.my_today()) and t.won_at is null"                \
	"	and t.lost_at is null as overdue,"                                                  \
	" (extract(epoch from t.stage_entered_at) * 1000000)::bigint || '_' || t.id as place"
#define DEAL_JOINS                                                                                  \
	" left join contacts k on k.organization_id = t.organization_id and k.id = t.contact_id"    \
	" left join companies co on co.organization_id = t.organization_id and co.id = t.company_id" \
	" left join profiles o on o.organization_id = t.organization_id and o.id = t.owner_id"

/* Beside these, on the board: how long it stands there against what its stage
 * st allows, and what is to be done next (n, by DEAL_NEXT_JOIN). */
#define DEAL_NEXT                                                                                   \
	", coalesce(st.type, 'open') = 'open' as is_open,"                                          \
	" case when st.type = 'open' and t.stage_entered_at < now() - interval '1 day'"             \
	"	* coalesce(st.rotting_days, (select internal.setting_days(auth.org(), 'rotting_days', 7)))" \
	"	then extract(day from now() - t.stage_entered_at)::integer end as rotting,"         \
	" n.title as next, internal.shown_date((n.due_date at time zone (select internal.my_zone()))::date)" \
	"	as next_due, n.due_date < now() as next_late, coalesce(st.type, 'open') = 'open'"   \
	"	and n.title is null and (select auth.may('can_access_tasks')) as next_missing"
#define DEAL_NEXT_JOIN                                                                              \
	" left join lateral (select a.title, a.due_date from tasks a"                               \
	"	where a.organization_id = t.organization_id and a.deal_id = t.id and not a.completed" \
	"	order by a.due_date limit 1) n on true"

#endif
