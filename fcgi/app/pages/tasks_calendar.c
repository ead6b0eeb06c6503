/*
 * The calendar of /tasks, by month and by week (TSK-22..27): the whole team's
 * tasks on their days, by the organization's clock. A day shows some and says
 * how many there are.
 */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include <string.h>

struct span {
	const char *unit;   /* of date_trunc and intervals */
	const char *param;
	const char *most;   /* entries per day */
};
static const struct span month = { "month", "month", "4" }, week = { "week", "week", "40" };

/* 2026-12 or 2026-12-07; anything else is the present. */
static struct sv start_of(struct http_request *rq, const struct span *s)
{
	struct sv value = http_query(rq, s->param);

	if (value.n != 7 && value.n != 10)
		return SV_NONE;
	for (size_t i = 0; i < value.n; i++)
		if (i == 4 || i == 7 ? value.p[i] != '-' : value.p[i] < '0' || value.p[i] > '9')
			return SV_NONE;
	return value.n == 7 ? sv_from(arena_printf(rq->arena, "%.*s-01", SV_ARG(value))) : value;
}

static void add_order(struct query *q, const void *arg)
{
	(void)arg;
	query_add(q, " order by t.due_date, t.id limit 100");
}

/* A day that no calendar has (2026-13-01) is the present as well. */
static void add_base(struct query *q, struct http_request *rq, const struct span *s)
{
	query_add(q, ", z as (select y.name, (now() at time zone y.name)::date as today from (select"
		     " app.task_zone() as name) y), base as (select z.*, date_trunc(");
	query_with(q, "", DB_C(s->unit));
	query_with(q, ", coalesce(internal.day_or_null(", DB_S(start_of(rq, s)));
	query_add(q, "), z.today)::timestamp)::date as first from z)");
}

static void add_days(struct http_request *rq, struct db_batch *b, const struct span *s, int *stmts)
{
	static const struct tasks_source of_day = {
		"t.id, t.due_date",
		" and t.due_date >= d.day::timestamp at time zone d.name"
		" and t.due_date < (d.day + 1)::timestamp at time zone d.name and t.status <> 'Cancelled'",
		add_order, NULL };
	struct query q;

	query_init(&q, rq->arena);
	tasks_hits(&q, rq);
	add_base(&q, rq, s);
	query_add(&q, ", days as (select x::date as day, base.* from base, generate_series("
		      "date_trunc('week', base.first::timestamp), date_trunc('week', (base.first + ");
	query_with(&q, "('1 ' || ", DB_C(s->unit));
	query_add(&q, "::text)::interval - interval '1 day')::timestamp) + interval '6 days', interval '1 day') x),"
		      " picked as materialized (select d.day, x.*, row_number() over (partition by d.day order by"
		      " x.due_date, x.id) as rn from days d cross join lateral (");
	tasks_source(&q, rq, &of_day);
	query_add(&q, ") x), rows as materialized (select r.* from app.task_rows r where r.organization_id ="
		      " (select auth.org()) and r.id = any (array(select p.id from picked p where p.rn <= ");
	query_add(&q, s->most);
	query_add(&q, "))), filled as (select p.day, count(*) as n, jsonb_agg(to_jsonb(r) order by p.rn) filter"
		      " (where r.id is not null) as entries from picked p left join rows r on r.id = p.id group by p.day)"
		      " select d.day, extract(day from d.day)::integer as number, d.day = d.today as is_today,"
		      " extract(isodow from d.day) > 5 as is_weekend,"
		      " internal.shown_date(d.day, d.name) as shown,"
		      " date_trunc('month', d.day::timestamp)::date = date_trunc('month', d.first::timestamp)::date"
		      "	as in_month, nullif(greatest(f.n - ");
	query_add(&q, s->most);
	query_add(&q, ", 0), 0) as more, f.n >= 100 as many, f.entries"
		      " from days d left join filled f on f.day = d.day order by d.day");
	stmts[0] = query_run(&q, b);
}

static void add_head(struct http_request *rq, struct db_batch *b, const struct span *s, int *stmts)
{
	struct query q;

	query_init(&q, rq->arena);
	query_add(&q, "with nothing as (select 1)");
	add_base(&q, rq, s);
	query_add(&q, " select base.first, internal.month_name(extract(month from base.first)::integer) as month,"
		      " extract(year from base.first)::integer as year,"
		      " internal.shown_date(base.first, base.name) as first_shown,"
		      " internal.shown_date(base.first + 6, base.name) as last_shown,"
		      " to_char(base.first - interval '1 month', 'YYYY-MM') as previous_month,"
		      " to_char(base.first + interval '1 month', 'YYYY-MM') as next_month,"
		      " to_char(base.first - 7, 'YYYY-MM-DD') as previous_week,"
		      " to_char(base.first + 7, 'YYYY-MM-DD') as next_week, base.name as zone from base");
	stmts[1] = query_run(&q, b);
}

static void show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		 const int *stmts)
{
	buf_auto struct buf link = BUF_INIT;

	/* Links to another month keep the filters, and not this month. */
	for (const char *const *name = task_filters; *name; name++) {
		if (!http_query(rq, *name).n)
			continue;
		buf_addf(&link, "%s=", *name);
		buf_url(&link, http_query(rq, *name));
		buf_addc(&link, '&');
	}
	tmpl_set_text(page, "kept", arena_sv(rq->arena, buf_sv(&link)));
	web_set_rows(page, "days", b, stmts[0]);
	web_set_row(page, "head", b, stmts[1], 0);
}

static void add_month(struct http_request *rq, struct db_batch *b, int *stmts)
{
	add_days(rq, b, &month, stmts);
	add_head(rq, b, &month, stmts);
}

static void add_week(struct http_request *rq, struct db_batch *b, int *stmts)
{
	add_days(rq, b, &week, stmts);
	add_head(rq, b, &week, stmts);
}

const struct tasks_view tasks_month_view = { "calendar", "app/tasks_calendar", add_month, show };
const struct tasks_view tasks_week_view = { "week", "app/tasks_calendar", add_week, show };
