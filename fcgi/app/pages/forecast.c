/*
 * /deals/forecast: what is expected, won and aimed at by month, the funnel, win
 * rate, owners and reasons of losses, each as a picture and as a table; and
 * /deals/forecast/export, the same tables as CSV or XLSX. All sums are in the
 * organization's currency (sql/124).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "sheet/sheet.h"

#include <string.h>

/* ---- what was asked for --------------------------------------------------- */

struct asked {
	struct sv pipeline, owner, from, to; /* absent: all; months as days */
};

/* A month "2026-11" as its first day; anything else is absent. */
static struct sv month(struct http_request *rq, const char *name)
{
	struct sv m = http_query(rq, name);

	if (m.n != 7 || m.p[4] != '-')
		return SV_NONE;
	for (size_t i = 0; i < m.n; i++)
		if (i != 4 && (m.p[i] < '0' || m.p[i] > '9'))
			return SV_NONE;
	if (sv_cmp(sv_skip(m, 5), SV("01")) < 0 || sv_cmp(sv_skip(m, 5), SV("12")) > 0)
		return SV_NONE;
	return sv_from(arena_printf(rq->arena, "%.*s-01", SV_ARG(m)));
}

static void read_asked(struct http_request *rq, struct asked *a)
{
	struct sv pipeline = http_query(rq, "pipeline"), owner = http_query(rq, "owner");

	a->pipeline = uuid_valid(pipeline) ? pipeline : SV_NONE;
	a->owner = uuid_valid(owner) ? owner : SV_NONE;
	a->from = month(rq, "from");
	a->to = month(rq, "to");
	/* Ends before it begins: only the beginning counts. */
	if (a->from.n && a->to.n && sv_cmp(a->to, a->from) < 0)
		a->to = SV_NONE;
}

/* Parameters $1 to $4 of every statement here: pipeline, owner, first and last
 * month; without months, the six from this one on. */
#define PERIOD                                                                                   \
	"with asked as (select $1::uuid as pipeline, $2::uuid as owner, internal.base_currency(auth.org()) as own,"   \
	" coalesce($3::date, date_trunc('month', now() at time zone (select internal.my_zone()))::date) as a,"        \
	" coalesce($4::date, (coalesce($3::date, date_trunc('month', now() at time zone (select internal.my_zone()))::date)" \
	"	+ interval '5 months')::date) as z)"

/* ---- the statements ------------------------------------------------------------ */

/* Bars of 180 units: won below, the weighted forecast on top; the target is a
 * line across. From right to left where one reads so. */
static const char months_sql[] = PERIOD
	", f as (select f.*, row_number() over (order by f.month) - 1 as i, count(*) over () as n,"
	"	greatest(max(f.projection) over (), max(f.target) over (), 1) as top"
	"	from asked, lateral forecast(a, z, pipeline, owner) f),"
	" g as (select f.*, case when internal.lang() = 'ar' then f.n - 1 - f.i else f.i end as place from f)"
	" select internal.shown_month(g.month) as month, to_char(g.month, 'YYYY-MM') as iso, g.open_deals, g.won_deals,"
	" internal.shown_money(g.open_value, g.currency) as open_value, internal.shown_money(g.weighted, g.currency) as weighted,"
	" internal.shown_money(g.won_value, g.currency) as won, internal.shown_money(g.projection, g.currency) as projection,"
	" internal.short_money(g.projection, g.currency) as short,"
	" internal.shown_money(g.target, g.currency) as target,"
	" case when g.gap > 0 then internal.shown_money(g.gap, g.currency) end as gap,"
	" g.place * 100 + 22 as x, g.place * 100 + 50 as middle, g.place * 100 + 10 as line_from, g.place * 100 + 90 as line_to,"
	" round(180 * g.won_value / g.top, 1) as won_h, round(200 - 180 * g.won_value / g.top, 1) as won_y,"
	" round(180 * g.weighted / g.top, 1) as weighted_h, round(200 - 180 * g.projection / g.top, 1) as weighted_y,"
	" round(200 - 180 * g.target / g.top, 1) as target_y, round(193 - 180 * g.projection / g.top, 1) as label_y,"
	" g.n * 100 as width from g order by g.month";

static const char total_sql[] = PERIOD
	" select internal.shown_money(sum(f.projection), min(f.currency)) as projection,"
	" internal.shown_money(sum(f.weighted), min(f.currency)) as weighted, internal.shown_money(sum(f.won_value), min(f.currency)) as won,"
	" internal.shown_money(sum(f.open_value), min(f.currency)) as open_value,"
	" internal.shown_money(sum(f.target), min(f.currency)) as target, sum(f.target) is not null as has_target,"
	" case when sum(f.gap) > 0 then internal.shown_money(sum(f.gap), min(f.currency)) end as gap,"
	" round(100 * sum(f.projection) / nullif(sum(f.target), 0)) as reached, min(f.currency) as currency,"
	" (select string_agg(distinct m, ', ') from forecast((select a from asked), (select z from asked), $1::uuid, $2::uuid) y,"
	"	unnest(y.missing) m) as missing,"
	" to_char((select a from asked), 'YYYY-MM') as from_month, to_char((select z from asked), 'YYYY-MM') as to_month"
	" from asked, lateral forecast(a, z, pipeline, owner) f";

/* All deals of the pipeline, whenever they close: without a period, a funnel is
 * how the stages are passed. */
static const char funnel_sql[] = PERIOD
	" select f.name, f.color, f.deals, f.reached, f.type = 'lost' as is_lost, trim_scale(f.conversion) as conversion,"
	" trim_scale(f.of_all) as of_all, internal.shown_money(f.value, asked.own) as value,"
	" internal.shown_money(f.weighted, asked.own) as weighted, round(coalesce(f.of_all, 0) * 3) as width"
	" from asked, lateral funnel(coalesce(pipeline, (select p.id from pipelines p order by p.is_default desc,"
	"	p.created_at limit 1)), owner, $3::date, $4::date) f order by f.place";

static const char statistics_sql[] = PERIOD
	" select s.deals, s.open_deals, s.won_deals, s.lost_deals, internal.shown_money(round(s.average_value), s.currency) as average_value,"
	" internal.shown_money(round(s.average_won), s.currency) as average_won, trim_scale(s.average_days) as average_days,"
	" trim_scale(s.average_won_days) as average_won_days, trim_scale(s.win_rate) as win_rate, trim_scale(s.loss_rate) as loss_rate"
	" from asked, lateral deal_statistics($3::date, $4::date, pipeline, owner) s";

static const char owners_sql[] = PERIOD
	", g as (select x.owner_id, x.type, sum(x.deals) as deals, internal.in_base(sum(x.value), x.currency) as value,"
	"	internal.in_base(sum(x.weighted), x.currency) as weighted"
	"	from asked, lateral internal.deal_groups(pipeline, case when owner is not null then array[owner] end) x"
	"	where x.month between a and z or x.month is null and $3::date is null and x.type = 'open'"
	"	group by x.owner_id, x.type, x.currency),"
	" o as (select g.owner_id, coalesce(sum(g.deals) filter (where g.type = 'open'), 0) as open_deals,"
	"	coalesce(sum(g.value) filter (where g.type = 'open'), 0) as open_value,"
	"	coalesce(sum(g.weighted) filter (where g.type = 'open'), 0) as weighted,"
	"	coalesce(sum(g.deals) filter (where g.type = 'won'), 0) as won_deals,"
	"	coalesce(sum(g.value) filter (where g.type = 'won'), 0) as won,"
	"	coalesce(sum(g.deals) filter (where g.type = 'lost'), 0) as lost_deals from g group by 1)"
	" select p.id is not null as has_owner, internal.person(p.first_name, p.last_name, p.email) as owner,"
	" internal.initials(p.first_name, p.last_name, p.email) as initials, abs(hashtext(p.id::text)) % 8 as tone,"
	" o.open_deals, internal.shown_money(o.open_value, asked.own) as open_value,"
	" internal.shown_money(round(o.weighted, 2), asked.own) as weighted, o.won_deals,"
	" internal.shown_money(o.won, asked.own) as won,"
	" round(100 * o.won_deals / nullif(o.won_deals + o.lost_deals, 0)) as win_rate,"
	" round(300 * o.won / greatest(max(o.won + o.weighted) over (), 1)) as won_w,"
	" round(300 * o.weighted / greatest(max(o.won + o.weighted) over (), 1)) as weighted_w"
	" from asked, o left join profiles p on p.organization_id = auth.org() and p.id = o.owner_id"
	" order by o.won + o.weighted desc, 2 limit 200";

/* Without a first month, of the last quarter: all that was ever lost is many rows. */
static const char reasons_sql[] = PERIOD
	" select nullif(r.reason, '') as reason, r.deals, trim_scale(r.share) as share,"
	" round(300.0 * r.deals / max(r.deals) over ()) as width"
	" from asked, lateral discard_report(coalesce($3::date, current_date - 90), ($4::date + interval '1 month' - interval '1 day')::date, pipeline, owner) r limit 50";

static int add(struct db_batch *b, const char *sql, const struct asked *a)
{
	return db_add(b, sql, DB_S(a->pipeline), DB_S(a->owner), DB_S(a->from), DB_S(a->to));
}

/* ---- the page --------------------------------------------------------------------- */

enum status deals_forecast(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct asked a;
	int months, total, funnel, statistics, owners, reasons, pipelines, team;

	read_asked(rq, &a);
	web_me(rq, b);
	months = add(b, months_sql, &a);
	total = add(b, total_sql, &a);
	funnel = add(b, funnel_sql, &a);
	statistics = add(b, statistics_sql, &a);
	owners = add(b, owners_sql, &a);
	reasons = add(b, reasons_sql, &a);
	pipelines = db_add(b, "select p.id, p.name, p.id = $1::uuid as selected from pipelines p"
			      " order by p.is_default desc, lower(p.name), p.id", DB_S(a.pipeline));
	team = team_add(b, a.owner);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "months", b, months);
	web_set_row(page, "total", b, total, 0);
	tmpl_set_text(page, "width", db_first(b, months, "width"));
	web_set_rows(page, "funnel", b, funnel);
	web_set_row(page, "statistics", b, statistics, 0);
	web_set_rows(page, "owners", b, owners);
	web_set_rows(page, "reasons", b, reasons);
	web_set_rows(page, "pipelines", b, pipelines);
	web_set_rows(page, "team", b, team);
	tmpl_set_text(page, "query", rq->query_text);
	return web_render(rq, rs, "app/forecast", page, e);
}

/* ---- files ---------------------------------------------------------------------------- */

struct column {
	const char *name, *head; /* N_() */
	bool number;
};

static const char months_file[] = PERIOD
	" select to_char(f.month, 'YYYY-MM') as month, f.currency, f.open_deals, f.open_value, f.weighted, f.won_deals, f.won_value,"
	" f.projection, f.target, f.gap from asked, lateral forecast(a, z, pipeline, owner) f order by f.month";
static const char funnel_file[] = PERIOD
	" select f.name, f.deals, f.reached, f.conversion, f.of_all, f.value, f.weighted, asked.own as currency"
	" from asked, lateral funnel(coalesce(pipeline, (select p.id from pipelines p order by p.is_default desc,"
	"	p.created_at limit 1)), owner, $3::date, $4::date) f order by f.place";

static const struct column month_columns[] = {
	{ "month", N_("Month"), false }, { "currency", N_("Currency"), false }, { "open_deals", N_("Open deals"), true },
	{ "open_value", N_("Open value"), true }, { "weighted", N_("Weighted value"), true },
	{ "won_deals", N_("Won deals"), true }, { "won_value", N_("Won value"), true },
	{ "projection", N_("Projection"), true }, { "target", N_("Target"), true }, { "gap", N_("Gap"), true }, { 0 },
};
static const struct column funnel_columns[] = {
	{ "name", N_("Stage"), false }, { "deals", N_("Deals"), true }, { "reached", N_("Reached"), true },
	{ "conversion", N_("Went on, %"), true }, { "of_all", N_("Of all, %"), true }, { "value", N_("Value"), true },
	{ "weighted", N_("Weighted value"), true }, { "currency", N_("Currency"), false }, { 0 },
};
static const struct column owner_columns[] = {
	{ "owner", N_("Owner"), false }, { "open_deals", N_("Open deals"), true }, { "open_value", N_("Open value"), false },
	{ "weighted", N_("Weighted value"), false }, { "won_deals", N_("Won deals"), true }, { "won", N_("Won value"), false },
	{ "win_rate", N_("Win rate, %"), true }, { 0 },
};
static const struct column reason_columns[] = {
	{ "reason", N_("Reason"), false }, { "deals", N_("Deals"), true }, { "share", N_("Share, %"), true }, { 0 },
};

static const struct report {
	const char *name;
	const char *sql;
	const struct column *columns;
} reports[] = {
	{ "forecast", months_file, month_columns },
	{ "funnel", funnel_file, funnel_columns },
	{ "owners", owners_sql, owner_columns },
	{ "reasons", reasons_sql, reason_columns },
};

/* A cell of CSV; one that a spreadsheet would take for a formula begins with '. */
static void csv_cell(struct buf *out, struct sv text)
{
	bool quoted = false;

	for (size_t i = 0; i < text.n && !quoted; i++)
		quoted = strchr(",\"\r\n;", text.p[i]) != NULL;
	if (quoted)
		buf_addc(out, '"');
	if (text.n && strchr("=+-@\t\r", text.p[0]) && !(text.n > 1 && text.p[0] == '-' && text.p[1] >= '0' && text.p[1] <= '9'))
		buf_addc(out, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, text.p[i]);
	}
	if (quoted)
		buf_addc(out, '"');
}

static void write_csv(struct buf *out, const struct report *r, const struct db_batch *b, int stmt)
{
	buf_lit(out, "\xef\xbb\xbf");
	for (const struct column *c = r->columns; c->name; c++) {
		csv_cell(out, sv_from(tr(c->head)));
		buf_add(out, c[1].name ? SV(",") : SV("\r\n"));
	}
	for (size_t i = 0; i < db_rows(b, stmt); i++)
		for (const struct column *c = r->columns; c->name; c++) {
			csv_cell(out, db_named(b, stmt, i, c->name));
			buf_add(out, c[1].name ? SV(",") : SV("\r\n"));
		}
}

static bool put(void *arg, struct sv bytes)
{
	buf_add(arg, bytes);
	return true;
}

static bool write_sheet(struct http_request *rq, struct buf *out, const struct report *r,
			const struct db_batch *b, int stmt)
{
	struct sheet_writer *w = sheet_writer_new(rq->arena, put, out);

	sheet_begin(w, sv_from(r->name), web_language(rq)->rtl);
	for (const struct column *c = r->columns; c->name; c++)
		sheet_column(w, sv_from(tr(c->head)), 16);
	for (size_t i = 0; i < db_rows(b, stmt); i++) {
		sheet_row(w);
		for (const struct column *c = r->columns; c->name; c++)
			(c->number ? sheet_number : sheet_text)(w, db_named(b, stmt, i, c->name));
	}
	return sheet_end(w);
}

enum status deals_forecast_export(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv name = http_query(rq, "report");
	const struct report *r = NULL;
	bool sheet = sv_eq(http_query(rq, "format"), SV("xlsx"));
	struct asked a;
	int rows;

	for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++)
		if (sv_eq(name, sv_from(reports[i].name)))
			r = &reports[i];
	if (!r)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such report");
	read_asked(rq, &a);
	rows = add(b, r->sql, &a);
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, sheet ? "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
				    : "text/csv; charset=utf-8");
	http_set_header(rs, "Content-Disposition",
			sv_from(arena_printf(rq->arena, "attachment; filename=\"%s.%s\"", r->name,
					     sheet ? "xlsx" : "csv")));
	if (!sheet)
		write_csv(&rs->body, r, b, rows);
	else if (!write_sheet(rq, &rs->body, r, b, rows))
		return err_set(e, rq->arena, ST_INTERNAL, "The file could not be written");
	return ST_OK;
}
