/*
 * deals: the filters that the board, its columns and the list share, so that
 * what a column counts is what it shows (DEA-21).
 */
#ifndef APP_DEALS_H
#define APP_DEALS_H

#include "fcgi/app/crm.h"

/* The pipeline that the query names, else the default one: a CTE `pipe` of
 * one row (id, name, stages). Begins the statement. */
void deals_pipe(struct query *q, struct http_request *rq);
/* " and ..." for owner, value, tag and text of the query; the deal's alias is t. */
void deals_filter(struct query *q, struct http_request *rq);
/* The columns of the board as they count now: id, count, amount; one query. */
int deals_totals(struct http_request *rq, struct db_batch *b);

/* What a card shows, from deals t, contacts k, companies co, profiles o. */
#define DEAL_CARD                                                                                   \
	"t.id, t.title, internal.shown_money(t.value, t.currency) as amount,"                       \
	" t.probability, t.tags[1:3] as tags, t.priority,"                                          \
	" internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1])) as contact," \
	" co.name as company, o.id is not null as has_owner,"                                       \
	" internal.person(o.first_name, o.last_name, o.email) as owner,"                            \
	" internal.initials(o.first_name, o.last_name, o.email) as owner_initials,"                 \
	" to_char(t.expected_close_date, 'FMDD Mon') as due,"                                       \
	" t.expected_close_date < current_date and t.won_at is null and t.lost_at is null as overdue," \
	" (extract(epoch from t.stage_entered_at) * 1000000)::bigint || '_' || t.id as place"
#define DEAL_JOINS                                                                                  \
	" left join contacts k on k.organization_id = t.organization_id and k.id = t.contact_id"    \
	" left join companies co on co.organization_id = t.organization_id and co.id = t.company_id" \
	" left join profiles o on o.organization_id = t.organization_id and o.id = t.owner_id"

#endif
