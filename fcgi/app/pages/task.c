/*
 * /tasks/:id: a task with its parts, as a page or, for htmx, as the panel beside
 * a list; and what is added to it there. A change answers with a redirect to the
 * task, which htmx follows to the fragment.
 */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* Steps, and what the form of a task knows beside the row of lists. */
static int add_task(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select r.*, t.description, t.reminder_minutes, t.project_id, pr.name as project, m.name as milestone,"
		" u.id as parent, u.title as parent_title,"
		" internal.shown_time(t.reminder_at, (select app.task_zone())) as reminder,"
		" internal.shown_time(t.created_at, (select app.task_zone())) as created,"
		" internal.person(cp.first_name, cp.last_name, cp.email) as creator, cp.id is not null as has_creator,"
		" internal.custom_shown('task', t.custom_fields) as custom,"
		" t.recurrence = 'FREQ=DAILY' as repeats_daily, t.recurrence = 'FREQ=WEEKLY' as repeats_weekly,"
		" t.recurrence = 'FREQ=MONTHLY' as repeats_monthly, t.recurrence = 'FREQ=YEARLY' as repeats_yearly,"
		" coalesce(t.recurrence not in ('FREQ=DAILY', 'FREQ=WEEKLY', 'FREQ=MONTHLY', 'FREQ=YEARLY'), false)"
		"	as repeats_otherwise"
		" from app.task_rows r join tasks t on t.organization_id = r.organization_id and t.id = r.id"
		" left join projects pr on pr.organization_id = t.organization_id and pr.id = t.project_id"
		" left join project_milestones m on m.organization_id = t.organization_id and m.id = t.milestone_id"
		" left join tasks u on u.organization_id = t.organization_id and u.id = t.parent_id"
		" left join profiles cp on cp.organization_id = t.organization_id and cp.id = t.created_by"
		" where r.organization_id = (select auth.org()) and r.id = $1::uuid", DB_S(id));
}

struct parts {
	int task, subtasks, steps, blockers, blocks, notes;
};

static void add_parts(struct db_batch *b, struct sv id, struct parts *p)
{
	p->task = add_task(b, id);
	p->subtasks = db_add(b,
		"select r.* from app.task_rows r where r.organization_id = (select auth.org())"
		" and r.parent_id = $1::uuid order by r.is_open desc, r.sort_key, r.id limit 200", DB_S(id));
	p->steps = db_add(b,
		"select i.id, i.title, i.done from task_checklist_items i where i.task_id = $1::uuid"
		" order by i.position, i.id limit 200", DB_S(id));
	p->blockers = db_add(b,
		"select d.id as dependency, r.* from task_dependencies d join app.task_rows r"
		" on r.organization_id = d.organization_id and r.id = d.blocked_by_id"
		"	and r.id = any (array(select x.blocked_by_id from task_dependencies x where x.task_id = $1::uuid))"
		" where d.task_id = $1::uuid order by r.is_open desc, r.sort_key, r.id limit 200", DB_S(id));
	p->blocks = db_add(b,
		"select d.id as dependency, r.* from task_dependencies d join app.task_rows r"
		" on r.organization_id = d.organization_id and r.id = d.task_id"
		"	and r.id = any (array(select x.task_id from task_dependencies x where x.blocked_by_id = $1::uuid))"
		" where d.blocked_by_id = $1::uuid order by r.is_open desc, r.sort_key, r.id limit 200", DB_S(id));
	p->notes = db_add(b,
		"select n.content, internal.person(a.first_name, a.last_name, a.email) as author,"
		" internal.initials(a.first_name, a.last_name, a.email) as initials,"
		" internal.shown_time(n.created_at, (select internal.my_zone())) as shown"
		" from notes n left join profiles a on a.organization_id = n.organization_id and a.id = n.author_id"
		" where n.task_id = $1::uuid order by n.created_at desc limit 100", DB_S(id));
}

enum status task_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool fragment = wants_fragment(rq), panel = fragment && !http_header(rq, "X-Task-Page").n;
	struct tmpl_value *page;
	struct record r;
	struct parts p;

	if (record_begin(&r, "task", rq, e))
		return e->status;
	add_parts(r.b, r.id, &p);
	if (record_run(&r, p.task, e))
		return e->status;
	page = r.page;
	web_set_row(page, "task", r.b, p.task, 0);
	web_set_rows(page, "subtasks", r.b, p.subtasks);
	web_set_rows(page, "steps", r.b, p.steps);
	web_set_rows(page, "blockers", r.b, p.blockers);
	web_set_rows(page, "blocks", r.b, p.blocks);
	web_set_rows(page, "notes", r.b, p.notes);
	tmpl_set_text(page, "note_id", uuid_new(rq->arena));
	tmpl_set_text(page, "sub_id", uuid_new(rq->arena));
	tmpl_set_text(page, "item_id", uuid_new(rq->arena));
	tmpl_set_bool(page, "panel", panel);
	tmpl_set_bool(page, "oob", fragment && !panel);
	return web_render(rq, rs, fragment ? "app/task_fragment" : "app/task", page, e);
}

/* ---- what is added ------------------------------------------------------------ */

/* Statements of one change, then back to the task. */
static enum status back(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			struct sv id, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/tasks/", id, "");
}

static struct sv new_id(struct http_request *rq)
{
	struct sv id = http_form(rq, "new_id");

	return uuid_valid(id) ? id : uuid_new(rq->arena);
}

/* A title and what is made of it; the id comes from the page, so that a double
 * click makes one. */
static enum status add_titled(struct http_request *rq, struct http_response *rs, const char *field,
			      const char *sql, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, title = sv_trim(http_form(rq, field));

	if (path_id(rq, "task", &id, e))
		return e->status;
	if (!title.n)
		return redirect_to(rq, rs, "/tasks/", id, "");
	must_exist(b, "tasks", id);
	db_add(b, sql, DB_S(new_id(rq)), DB_S(id), DB_S(title));
	return back(rq, rs, b, id, e);
}

enum status task_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return add_titled(rq, rs, "content",
		"insert into notes (id, task_id, content) values ($1::uuid, $2::uuid, $3)"
		" on conflict (organization_id, id) do nothing", e);
}

/* A subtask belongs where its task belongs. */
enum status task_subtask(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return add_titled(rq, rs, "title",
		"insert into tasks (id, parent_id, title, assignee_id, contact_id, company_id, deal_id, project_id)"
		" select $1::uuid, t.id, left($3, 200), t.assignee_id, t.contact_id, t.company_id, t.deal_id, t.project_id"
		" from tasks t where t.id = $2::uuid on conflict (organization_id, id) do nothing", e);
}

enum status task_step(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return add_titled(rq, rs, "title",
		"insert into task_checklist_items (id, task_id, title) values ($1::uuid, $2::uuid, left($3, 300))"
		" on conflict (organization_id, id) do nothing", e);
}

static enum status path_part(struct http_request *rq, struct sv *id, struct sv *part, struct err *e)
{
	*part = http_param(rq, "part");
	if (path_id(rq, "task", id, e))
		return e->status;
	if (!uuid_valid(*part))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This is not there any more"));
	return ST_OK;
}

enum status task_step_set(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, part;

	if (path_part(rq, &id, &part, e))
		return e->status;
	must_exist(b, "tasks", id);
	if (http_form(rq, "remove").n)
		db_add(b, "delete from task_checklist_items where task_id = $1::uuid and id = $2::uuid",
		       DB_S(id), DB_S(part));
	else
		db_add(b, "update task_checklist_items set done = $3 where task_id = $1::uuid and id = $2::uuid",
		       DB_S(id), DB_S(part), DB_B(http_form(rq, "done").n > 0));
	return back(rq, rs, b, id, e);
}

/* One relation seen from its two ends (GAT-29, GAT-30). */
enum status task_dependency(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, other = http_form(rq, "other");
	bool blocks = sv_eq(http_form(rq, "way"), SV("blocks"));

	if (path_id(rq, "task", &id, e))
		return e->status;
	if (!uuid_valid(other))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Choose a task from the list"));
	db_add(b, "insert into task_dependencies (task_id, blocked_by_id) values ($1::uuid, $2::uuid)"
	       " on conflict (organization_id, task_id, blocked_by_id) do nothing",
	       DB_S(blocks ? other : id), DB_S(blocks ? id : other));
	return back(rq, rs, b, id, e);
}

enum status task_dependency_remove(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, part;

	if (path_part(rq, &id, &part, e))
		return e->status;
	must_exist(b, "tasks", id);
	db_add(b, "delete from task_dependencies where id = $2::uuid and $1::uuid in (task_id, blocked_by_id)",
	       DB_S(id), DB_S(part));
	return back(rq, rs, b, id, e);
}

/* What the picker of a dependency offers. */
enum status tasks_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b,
		"select r.id, r.title as name, concat_ws(' · ', r.assignee, r.due_date_shown) as detail"
		" from app.task_rows r where r.organization_id = (select auth.org())"
		" and r.id = any (array(select internal.find_tasks($1, null, 500))) and r.is_open"
		" order by r.sort_key, r.id limit 8", DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}
