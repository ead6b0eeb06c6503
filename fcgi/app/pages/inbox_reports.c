/* /inbox/reports: how quickly and how well customers were served; sums that
 * triggers keep (sql/207), so that nothing is counted here. */
#include "fcgi/app/pages/inbox.h"

#include "base/tr.h"

static const struct {
	const char *value, *label;
	int days;
} spans[] = { { "7", N_("7 days"), 7 }, { "30", N_("30 days"), 30 }, { "90", N_("90 days"), 90 }, { "365", N_("A year"), 365 } };

#define TODAY "(now() at time zone (select o.timezone from organizations o where o.id = auth.org()))::date"
#define SINCE TODAY " - $1::integer + 1"
/* Sums of these rows, with averages as people read them. */
#define SUMS                                                                                       \
	" coalesce(sum(d.opened), 0) as opened, coalesce(sum(d.closed), 0) as closed,"             \
	" coalesce(sum(d.responses), 0) as responses, coalesce(sum(d.breaches), 0) as breaches,"   \
	" coalesce(sum(d.surveys), 0) as surveys, coalesce(sum(d.ratings), 0) as ratings,"         \
	" internal.shown_span(make_interval(secs => sum(d.first_response_seconds) / nullif(sum(d.first_responses), 0))) as first_response," \
	" internal.shown_span(make_interval(secs => sum(d.response_seconds) / nullif(sum(d.responses), 0))) as response,"    \
	" internal.shown_span(make_interval(secs => sum(d.resolution_seconds) / nullif(sum(d.closed), 0))) as resolution,"   \
	" to_char(sum(d.rating_sum)::numeric / nullif(sum(d.ratings), 0), 'FM0.0') as rating"

static const char total_sql[] = "select" SUMS " from inbox_days d where d.day >= " SINCE;
static const char agents_sql[] =
	"select coalesce(app.person(p.first_name, p.last_name, null, array[p.email]), '') as name, p.id is null as is_nobody,"
	" p.id as agent_id, x.* from (select d.agent_id as who," SUMS " from inbox_days d where d.day >= " SINCE " group by 1) x"
	" left join profiles p on p.id = x.who order by x.responses desc, x.closed desc limit 100";
static const char channels_sql[] =
	"select a.name, a.id is null as is_none, app.channel_icon(a.type) as icon, x.* from (select d.channel_account_id as which,"
	SUMS " from inbox_days d where d.day >= " SINCE " group by 1) x"
	" left join channel_accounts a on a.id = x.which order by x.opened desc limit 100";

/* Bars of a chart: heights in percent of the largest. */
static const char days_sql[] =
	"select internal.shown_date(s.day::date, 'UTC') as label, coalesce(x.opened, 0) as opened, coalesce(x.closed, 0) as closed,"
	" row_number() over (order by s.day) - 1 as n, 100 * coalesce(x.opened, 0) / greatest(1, max(greatest(x.opened, x.closed)) over ()) as high,"
	" 100 * coalesce(x.closed, 0) / greatest(1, max(greatest(x.opened, x.closed)) over ()) as high_closed"
	" from generate_series(" SINCE ", " TODAY ", interval '1 day') s (day)"
	" left join (select d.day, sum(d.opened) as opened, sum(d.closed) as closed from inbox_days d where d.day >= " SINCE " group by 1) x"
	" on x.day = s.day order by s.day";
static const char hours_sql[] =
	"select lpad(h::text, 2, '0') as label, coalesce(x.inbound, 0) as inbound, coalesce(x.outbound, 0) as outbound, h as n,"
	" 100 * coalesce(x.inbound, 0) / greatest(1, max(greatest(x.inbound, x.outbound)) over ()) as high,"
	" 100 * coalesce(x.outbound, 0) / greatest(1, max(greatest(x.inbound, x.outbound)) over ()) as high_out"
	" from generate_series(0, 23) h left join (select i.hour, sum(i.inbound) as inbound, sum(i.outbound) as outbound"
	"	from inbox_hours i where i.day >= " SINCE " group by 1) x on x.hour = h order by h";
static const char ratings_sql[] =
	"select s.score, repeat('\xe2\x98\x85', s.score) as stars, s.comment, s.conversation_id,"
	" app.person(k.first_name, k.last_name, k.phones, k.emails) as name,"
	" app.person(p.first_name, p.last_name, null, array[p.email]) as agent, p.id is not null as has_agent,"
	" internal.shown_time(s.answered_at, (select app.zone())) as time"
	" from csat_surveys s join contacts k on k.id = s.contact_id left join profiles p on p.id = s.agent_id"
	" where s.answered_at is not null order by s.answered_at desc limit 20";

static int64_t days_of(struct http_request *rq, struct sv *value)
{
	*value = http_query(rq, "days");
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		if (sv_eq(*value, sv_from(spans[i].value)))
			return spans[i].days;
	*value = SV("30");
	return 30;
}

enum status inbox_reports(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	struct sv value;
	int64_t days = days_of(rq, &value);
	int total, agents, channels, daily, hours, ratings;

	web_me(rq, b);
	total = db_add(b, total_sql, DB_I(days));
	agents = db_add(b, agents_sql, DB_I(days));
	channels = db_add(b, channels_sql, DB_I(days));
	daily = db_add(b, days_sql, DB_I(days > 90 ? 90 : days));
	hours = db_add(b, hours_sql, DB_I(days));
	ratings = db_add(b, ratings_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list = tmpl_set_list(page, "spans");
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", sv_from(spans[i].value));
		tmpl_set_text(one, "label", sv_from(tr(spans[i].label)));
		tmpl_set_bool(one, "is_current", sv_eq(value, sv_from(spans[i].value)));
	}
	web_set_row(page, "total", b, total, 0);
	web_set_rows(page, "agents", b, agents);
	web_set_rows(page, "by_channel", b, channels);
	web_set_rows(page, "daily", b, daily);
	web_set_rows(page, "hours", b, hours);
	web_set_rows(page, "ratings", b, ratings);
	tmpl_set_int(page, "daily_count", (int64_t)db_rows(b, daily));
	return web_render(rq, rs, "app/inbox/reports", page, e);
}
