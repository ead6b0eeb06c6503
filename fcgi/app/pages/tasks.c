/* /tasks: one page with several views under the same filters; the filters. */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

/* ---- filters ------------------------------------------------------------ */

const char *const task_filters[] = { "q", "status", "priority", "assignee", "tag", "due", "contact",
				     "company", "lead", "deal", "project", "team", "blocked", NULL };

static const struct {
	const char *name, *sql;
} states[] = {
	{ "pending", " and t.is_open" },
	{ "completed", " and t.status = 'Complete'" },
	{ "overdue", " and t.is_open and t.due_date < now()"
		     " and t.sort_key < extract(epoch from now())::double precision" },
	{ "todo", " and t.status = 'To Do'" },
	{ "in_progress", " and t.status = 'In Progress'" },
	{ "cancelled", " and t.status = 'Cancelled'" },
};

static void filter_status(struct query *q, struct sv value)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (sv_eq(value, sv_from(states[i].name)))
			query_add(q, states[i].sql);
}

static void filter_assignee(struct query *q, struct sv value)
{
	if (sv_eq(value, SV("me")))
		query_add(q, " and t.assignee_id = (select auth.uid())");
	else if (sv_eq(value, SV("none")))
		query_add(q, " and t.assignee_id is null");
	else if (uuid_valid(value)) {
		query_with(q, " and t.assignee_id = ", DB_S(value));
		query_add(q, "::uuid");
	}
}

static bool is_day(struct sv s)
{
	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (i != 4 && i != 7 && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return true;
}

/* today, week (the next seven days), none, or one day. */
static void filter_due(struct query *q, struct sv value)
{
	if (sv_eq(value, SV("none"))) {
		query_add(q, " and t.due_date is null");
	} else if (sv_eq(value, SV("today")) || sv_eq(value, SV("week"))) {
		query_add(q, " and t.due_date >= app.task_due('today', null) - interval '1 day'"
			     " + interval '1 minute' and t.due_date < app.task_due('today', null)");
		query_add(q, value.n == 4 ? " + interval '7 days'" : " + interval '1 minute'");
	} else if (is_day(value)) {
		query_with(q, " and t.due_date >= (", DB_S(value));
		query_with(q, "::date)::timestamp at time zone (select app.task_zone())"
			      " and t.due_date < (", DB_S(value));
		query_add(q, "::date + 1)::timestamp at time zone (select app.task_zone())");
	}
}

static void filter_id(struct query *q, struct http_request *rq, const char *name, const char *sql)
{
	struct sv value = http_query(rq, name);

	if (!uuid_valid(value))
		return;
	query_with(q, sql, DB_S(value));
	query_add(q, "::uuid");
}

void tasks_filter(struct query *q, struct http_request *rq)
{
	struct sv priority = http_query(rq, "priority");

	filter_status(q, http_query(rq, "status"));
	if (priority.n)
		query_with(q, " and t.priority = upper(", DB_S(priority)), query_add(q, ")");
	filter_assignee(q, http_query(rq, "assignee"));
	filter_due(q, http_query(rq, "due"));
	filter_id(q, rq, "contact", " and t.contact_id = ");
	filter_id(q, rq, "company", " and t.company_id = ");
	filter_id(q, rq, "lead", " and t.lead_id = ");
	filter_id(q, rq, "deal", " and t.deal_id = ");
	filter_id(q, rq, "project", " and t.project_id = ");
	filter_id(q, rq, "team", " and t.team_id = ");
	if (http_query(rq, "blocked").n)
		query_add(q, " and t.is_open and exists (select from task_dependencies w"
			     " join tasks b on b.organization_id = w.organization_id"
			     " and b.id = w.blocked_by_id where w.task_id = t.id and b.is_open)");
}

/* ---- words --------------------------------------------------------------- */

static bool has_words(struct http_request *rq)
{
	return sv_trim(http_query(rq, "q")).n || http_query(rq, "tag").n;
}

void tasks_hits(struct query *q, struct http_request *rq)
{
	if (!has_words(rq)) {
		query_add(q, "with nothing as (select 1)");
		return;
	}
	query_with(q, "with hits as materialized (select internal.find_tasks(",
		   DB_S(sv_trim(http_query(rq, "q"))));
	query_with(q, ", ", DB_S(http_query(rq, "tag")));
	query_with(q, ", ", DB_I(LIST_FOUND + 1));
	query_with(q, "::integer) as id), many as materialized (select count(*) > ", DB_I(LIST_FOUND));
	query_add(q, "::integer as yes from hits)");
}

static void add_way(struct query *q, struct http_request *rq, const struct tasks_source *s,
		    const char *where)
{
	query_add(q, "(select ");
	query_add(q, s->columns);
	query_add(q, " from tasks t where ");
	query_add(q, where);
	query_add(q, s->condition);
	tasks_filter(q, rq);
}

static void add_tail(struct query *q, const struct tasks_source *s)
{
	if (s->tail)
		s->tail(q, s->arg);
	query_add(q, ")");
}

/* Few hits are sorted; so common a word is met soon along the order. */
void tasks_source(struct query *q, struct http_request *rq, const struct tasks_source *s)
{
	struct sv words = sv_trim(http_query(rq, "q")), tag = http_query(rq, "tag");

	if (!has_words(rq)) {
		add_way(q, rq, s, "true");
		add_tail(q, s);
		return;
	}
	add_way(q, rq, s, "not (select yes from many) and t.id = any (array(select id from hits))");
	add_tail(q, s);
	query_add(q, " union all ");
	add_way(q, rq, s, "(select yes from many)");
	if (words.n) {
		query_with(q, " and lower(t.title || ' ' || coalesce(t.description, ''))"
			      " like all (internal.task_patterns(", DB_S(words));
		query_add(q, "))");
	}
	if (tag.n) {
		query_with(q, " and t.tags @> array[", DB_S(tag));
		query_add(q, "::text]");
	}
	add_tail(q, s);
}

/* ---- chips --------------------------------------------------------------- */

static const struct {
	const char *filter, *value, *label; /* value NULL: read from the database */
} chip_words[] = {
	{ "status", "pending", N_("Pending") },
	{ "status", "completed", N_("Completed") },
	{ "status", "overdue", N_("Overdue") },
	{ "status", "todo", N_("To do") },
	{ "status", "in_progress", N_("In progress") },
	{ "status", "cancelled", N_("Cancelled") },
	{ "priority", "CRITICAL", N_("Critical") },
	{ "priority", "HIGH", N_("High") },
	{ "priority", "MEDIUM", N_("Medium") },
	{ "priority", "LOW", N_("Low") },
	{ "assignee", "me", N_("Assigned to me") },
	{ "assignee", "none", N_("Unassigned") },
	{ "due", "today", N_("Today") },
	{ "due", "week", N_("Next 7 days") },
	{ "due", "none", N_("No due date") },
	{ "blocked", "1", N_("Blocked") },
};
static const struct {
	const char *filter, *label;
} chip_labels[] = {
	{ "q", N_("Words") }, { "status", N_("Status") }, { "priority", N_("Priority") },
	{ "assignee", N_("Assignee") }, { "tag", N_("Tag") }, { "due", N_("Due") },
	{ "contact", N_("Contact") }, { "company", N_("Company") }, { "lead", N_("Lead") }, { "deal", N_("Deal") },
	{ "project", N_("Project") }, { "team", N_("Team") }, { "blocked", N_("Dependencies") },
};

static struct db_value id_or_null(struct http_request *rq, const char *name)
{
	struct sv value = http_query(rq, name);

	return DB_OPT(uuid_valid(value) ? value : SV_NONE);
}

int tasks_chips_add(struct http_request *rq, struct db_batch *b)
{
	return db_add(b,
		"select (select internal.person(p.first_name, p.last_name, p.email) from profiles p"
		"	where p.id = $1::uuid) as assignee,"
		" (select internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1]))"
		"	from contacts c where c.id = $2::uuid) as contact,"
		" (select c.name from companies c where c.id = $3::uuid) as company,"
		" (select d.title from deals d where d.id = $4::uuid) as deal,"
		" (select p.name from projects p where p.id = $5::uuid) as project,"
		" (select t.name from teams t where t.id = $6::uuid) as team,"
		" (select l.name from leads l"
		"	where l.id = $7::uuid) as lead",
		id_or_null(rq, "assignee"), id_or_null(rq, "contact"), id_or_null(rq, "company"),
		id_or_null(rq, "deal"), id_or_null(rq, "project"), id_or_null(rq, "team"), id_or_null(rq, "lead"));
}

static struct sv chip_value(const struct db_batch *b, int stmt, const char *filter, struct sv value)
{
	struct sv name = db_first(b, stmt, filter);

	for (size_t i = 0; i < sizeof(chip_words) / sizeof(*chip_words); i++)
		if (!strcmp(chip_words[i].filter, filter) &&
		    sv_eq(value, sv_from(chip_words[i].value)))
			return sv_from(tr(chip_words[i].label));
	return name.n ? name : value;
}

/* All filters but one, as a query: what the page is without this chip. */
static void add_others(struct http_request *rq, struct buf *out, const char *without)
{
	static const char *const more[] = { "group", "month", "week", NULL };

	for (const char *const *list = task_filters; list; list = list == task_filters ? more : NULL)
		for (const char *const *name = list; *name; name++) {
			struct sv value = http_query(rq, *name);

			if (!value.n || (without && !strcmp(*name, without)))
				continue;
			buf_addf(out, "%s=", *name);
			buf_url(out, value);
			buf_addc(out, '&');
		}
}

static struct sv query_without(struct http_request *rq, const char *name)
{
	buf_auto struct buf out = BUF_INIT;

	add_others(rq, &out, name);
	return arena_sv(rq->arena, buf_sv(&out));
}

void tasks_chips_show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		      int stmt)
{
	struct tmpl_value *chips = tmpl_set_list(page, "chips");
	struct tmpl_value *filter = tmpl_set_map(page, "filter");
	bool any = false;

	for (size_t i = 0; i < sizeof(chip_labels) / sizeof(*chip_labels); i++) {
		const char *name = chip_labels[i].filter;
		struct sv value = http_query(rq, name), word;
		struct tmpl_value *one;

		tmpl_set_text(filter, name, value);
		if (!value.n)
			continue;
		word = chip_value(b, stmt, name, value);
		any = true;
		one = tmpl_push_map(chips);
		tmpl_set_text(one, "label", sv_from(tr(chip_labels[i].label)));
		tmpl_set_text(one, "value", word);
		tmpl_set_text(one, "without", query_without(rq, name));
	}
	tmpl_set_bool(page, "filtered", any);
	tmpl_set_text(page, "query", query_without(rq, NULL));
}

/* What is chosen in the selects: choose.NAME.VALUE is true. */
static void show_chosen(struct http_request *rq, struct tmpl_value *page)
{
	static const char *const names[] = { "status", "priority", "assignee", "due", "group", NULL };
	struct tmpl_value *chosen = tmpl_set_map(page, "chosen");

	for (const char *const *name = names; *name; name++) {
		struct sv value = http_query(rq, *name);
		struct tmpl_value *map = tmpl_set_map(chosen, *name);

		if (value.n)
			tmpl_set_bool(map, arena_dup(rq->arena, value), true);
	}
}

/* ---- the page ----------------------------------------------------------------- */

static const struct tasks_view *const views[] = { &tasks_list_view, &tasks_board_view,
						  &tasks_month_view, &tasks_week_view };

static const struct tasks_view *view_named(struct sv name)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
		if (sv_eq(name, sv_from(views[i]->name)))
			return views[i];
	return NULL;
}

/* Parameter `view`, remembered in a cookie (TSK-14). */
static const struct tasks_view *choose_view(struct http_request *rq, struct http_response *rs)
{
	struct http_cookie_options keep = { .max_age = 365 * 86400, .secure = rq->https,
					    .http_only = true };
	const struct tasks_view *view = view_named(http_query(rq, "view"));

	if (view)
		http_set_cookie(rs, "kontor_tasks", sv_from(view->name), &keep);
	else
		view = view_named(http_cookie(rq, "kontor_tasks"));
	return view ? view : &tasks_list_view;
}

static int add_tags(struct http_request *rq, struct db_batch *b)
{
	return db_add(b,
		"select x.tag, x.tag = $1 as selected from (select distinct unnest(r.tags) as tag from"
		" (select t.tags from tasks t order by t.sort_key limit 1000) r"
		" union select nullif($1, '')) x where x.tag is not null order by lower(x.tag) limit 200",
		DB_S(http_query(rq, "tag")));
}

enum status tasks_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct tasks_view *view = choose_view(rq, rs);
	struct db_batch *b = web_batch(rq);
	bool fragment = wants_fragment(rq);
	int stmts[TASK_STMTS], chips, team, tags = -1, teams = -1;
	struct tmpl_value *page;

	web_me(rq, b);
	view->add(rq, b, stmts);
	chips = tasks_chips_add(rq, b);
	team = team_add(b, http_query(rq, "assignee"));
	if (!fragment) {
		tags = add_tags(rq, b);
		teams = db_add(b, "select t.id, t.name from teams t order by lower(t.name) limit 100");
	}
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	tasks_chips_show(rq, page, b, chips);
	view->show(rq, page, b, stmts);
	show_chosen(rq, page);
	web_set_rows(page, "team", b, team);
	tmpl_set_bool(tmpl_set_map(page, "view"), view->name, true);
	tmpl_set_text(page, "view_name", sv_from(view->name));
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (fragment)
		return web_render(rq, rs, view->fragment, page, e);
	web_set_rows(page, "tags", b, tags);
	web_set_rows(page, "teams", b, teams);
	return web_render(rq, rs, "app/tasks", page, e);
}

/* The number beside Tasks in the navigation: mine, overdue or due today. */
enum status tasks_count(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int n = db_add(b, "select app.task_count() as due");

	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, n, 0);
	return ST_OK;
}
