/* /tasks/new and /tasks/:id/edit (TSK-2, TSK-5). */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* A new task begins with what the link says: ?contact_id=, ?deal_id= ... */
static int add_preset(struct http_request *rq, struct db_batch *b)
{
	static const char *const names[] = { "contact_id", "deal_id", "company_id", "conversation_id",
					     "parent_id", "project_id" };
	struct db_value v[7];

	for (size_t i = 0; i < 6; i++) {
		struct sv value = http_query(rq, names[i]);

		v[i] = DB_OPT(uuid_valid(value) ? value : SV_NONE);
	}
	v[6] = DB_OPT(http_query(rq, "due"));
	return db_addv(b,
		"select k.id as contact_id, internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1]))"
		"	as contact_name, k.id is not null as has_contact, d.id as deal_id, d.title as deal, co.id as company_id, co.name as company,"
		" x.talk as conversation_id, x.parent as parent_id, x.project as project_id, 'MEDIUM' as priority, true as is_medium,"
		" case when x.talk is not null then auth.uid() end as assignee_id,"
		" coalesce(internal.day_or_null($7)::text, case when x.talk is not null then to_char(app.task_due('+3', null)"
		"	at time zone (select app.task_zone()), 'YYYY-MM-DD') end) as due_day"
		" from (select $1::uuid as contact, $2::uuid as deal, $3::uuid as company, $4::uuid as talk,"
		"	$5::uuid as parent, $6::uuid as project) x"
		" left join deals d on d.id = x.deal"
		" left join conversations c on c.id = x.talk"
		" left join contacts k on k.id = coalesce(x.contact, d.contact_id, c.contact_id)"
		" left join companies co on co.id = coalesce(x.company, d.company_id)", 7, v);
}

#define RULE_IS(name, rule) " t.recurrence = '" rule "' as repeat_" name ","
static int add_row(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select t.*, true as exists, t.contact_id is not null as has_contact,"
		" internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1])) as contact_name,"
		" d.title as deal, co.name as company,"
		" to_char(t.due_date at time zone (select app.task_zone()), 'YYYY-MM-DD') as due_day,"
		" nullif(to_char(t.due_date at time zone (select app.task_zone()), 'HH24:MI'), '23:59') as due_time,"
		" t.priority = 'HIGH' as is_high, t.priority = 'MEDIUM' as is_medium, t.priority = 'LOW' as is_low,"
		" t.priority = 'CRITICAL' as is_critical,"
		RULE_IS("daily", "FREQ=DAILY") RULE_IS("weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")
		RULE_IS("weekly", "FREQ=WEEKLY") RULE_IS("fortnightly", "FREQ=WEEKLY;INTERVAL=2")
		RULE_IS("monthly", "FREQ=MONTHLY") RULE_IS("yearly", "FREQ=YEARLY")
		" t.recurrence not in ('FREQ=DAILY', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', 'FREQ=WEEKLY',"
		"	'FREQ=WEEKLY;INTERVAL=2', 'FREQ=MONTHLY', 'FREQ=YEARLY') as repeat_custom,"
		" t.reminder_minutes = 0 as remind_0, t.reminder_minutes = 10 as remind_10,"
		" t.reminder_minutes = 60 as remind_60, t.reminder_minutes = 1440 as remind_1440"
		" from tasks t left join contacts k on k.organization_id = t.organization_id and k.id = t.contact_id"
		" left join deals d on d.organization_id = t.organization_id and d.id = t.deal_id"
		" left join companies co on co.organization_id = t.organization_id and co.id = t.company_id"
		" where t.id = $1::uuid", DB_S(id));
}

/* What is chosen in the selects of a form that was sent and is shown again. */
static void show_sent(const struct form *f)
{
	static const struct {
		const char *field, *value, *flag;
	} words[] = {
		{ "priority", "HIGH", "is_high" }, { "priority", "MEDIUM", "is_medium" },
		{ "priority", "LOW", "is_low" }, { "priority", "CRITICAL", "is_critical" },
		{ "repeat", "FREQ=DAILY", "repeat_daily" },
		{ "repeat", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "repeat_weekdays" },
		{ "repeat", "FREQ=WEEKLY", "repeat_weekly" },
		{ "repeat", "FREQ=WEEKLY;INTERVAL=2", "repeat_fortnightly" },
		{ "repeat", "FREQ=MONTHLY", "repeat_monthly" }, { "repeat", "FREQ=YEARLY", "repeat_yearly" },
		{ "repeat", "custom", "repeat_custom" },
		{ "reminder", "0", "remind_0" }, { "reminder", "10", "remind_10" },
		{ "reminder", "60", "remind_60" }, { "reminder", "1440", "remind_1440" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (sv_eq(http_form(f->rq, words[i].field), sv_from(words[i].value)))
			tmpl_set_bool(f->values, words[i].flag, true);
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct sv assign = f ? http_form(rq, "assign") : SV_NONE;
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row, team, teams, custom;

	web_me(rq, b);
	row = id.n ? add_row(b, id) : add_preset(rq, b);
	team = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name, p.id = auth.uid() as is_me,"
		" coalesce(p.id::text = $1, p.id = (select t.assignee_id from tasks t where t.id = $2::uuid),"
		"	p.id = auth.uid() and $2::uuid is null and $3) as selected"
		" from profiles p where p.is_active order by p.id <> auth.uid(), lower(p.first_name), p.id limit 500",
		DB_S(assign), DB_OPT(id), DB_B(http_query(rq, "conversation_id").n > 0));
	teams = db_add(b,
		"select g.id, g.name, coalesce('team:' || g.id = $1, (select t.team_id = g.id and t.assignee_id is null"
		"	from tasks t where t.id = $2::uuid)) as selected, 'each:' || g.id = $1 as each"
		" from teams g order by lower(g.name), g.id limit 200", DB_S(assign), DB_OPT(id));
	custom = custom_add(b, "task", CUSTOM_OF("tasks"), id, f);
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This task does not exist"));
	page = web_page(rq, b);
	web_set_rows(page, "team", b, team);
	web_set_rows(page, "teams", b, teams);
	tmpl_set_bool(page, "has_teams", db_rows(b, teams) > 0);
	web_set_row(page, "custom", b, custom, 0);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	tmpl_set_text(page, "rule_example", SV("FREQ=MONTHLY;BYDAY=-1FR"));
	if (id.n)
		web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	if (f) {
		show_sent(f);
		form_show(f, page, rs);
	}
	return web_render(rq, rs, "app/task_form", page, e);
}

enum status task_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status task_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "task", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* $5 day and $6 time by the organization's clock; a day alone is due at its end. */
#define DUE "case when $5::date is not null then ($5::date + coalesce($6::time, time '23:59')) at time zone app.task_zone() end"
#define TAGS "array(select jsonb_array_elements_text($11::jsonb))"

static const char insert_sql[] =
	"insert into tasks (id, title, description, priority, due_date, assignee_id, team_id, contact_id, deal_id, tags,"
	"	company_id, recurrence, reminder_minutes, custom_fields, conversation_id, parent_id, project_id)"
	" values ($1::uuid, $2, nullif($3, ''), $4, " DUE ", $7::uuid, $8::uuid, $9::uuid, $10::uuid, " TAGS ","
	"	$12::uuid, nullif($13, ''), $14::integer, $15::jsonb, $16::uuid, $17::uuid, $18::uuid)"
	" on conflict (organization_id, id) do nothing";

/* Without the last three, which say where it was made: a form does not move it. */
static const char update_sql[] =
	"update tasks t set title = $2, description = nullif($3, ''), priority = $4, due_date = " DUE ","
	"	assignee_id = $7::uuid, team_id = coalesce($8::uuid, case when $7::uuid is not null then t.team_id end),"
	"	contact_id = $9::uuid, deal_id = $10::uuid, tags = " TAGS ", company_id = $12::uuid,"
	"	recurrence = nullif($13, ''), reminder_minutes = $14::integer,"
	"	custom_fields = internal.custom_merged('task', t.custom_fields, $15::jsonb)"
	" where t.id = $1::uuid";

static bool is_time(struct sv s)
{
	return s.n == 5 && s.p[2] == ':' && s.p[0] >= '0' && s.p[0] <= '2' && s.p[1] >= '0' && s.p[1] <= '9' &&
	       (s.p[0] < '2' || s.p[1] < '4') && s.p[3] >= '0' && s.p[3] <= '5' && s.p[4] >= '0' && s.p[4] <= '9';
}

static struct sv read_time(struct form *f, struct sv day)
{
	struct sv value = form_text(f, "due_time");

	if (value.n && !is_time(value))
		form_error(f, "due_time", sv_from(tr("Write a time such as 14:30")));
	else if (value.n && !day.n)
		form_error(f, "due_day", sv_from(tr("A time needs a day")));
	return value;
}

static struct sv read_rule(struct form *f, struct sv day)
{
	struct sv rule = form_text(f, "repeat"), own = form_text(f, "recurrence");

	if (sv_eq(rule, SV("custom")))
		rule = own;
	if (rule.n && !day.n)
		form_error(f, "due_day", sv_from(tr("A recurring task needs a due date, where the series begins")));
	return rule;
}

/* A field that finds records: what was typed and not chosen is no record. */
static struct sv read_link(struct form *f, const char *id_name, const char *text_name, const char *message)
{
	struct sv id = form_id(f, id_name), text = form_text(f, text_name);

	if (text.n && !id.n)
		form_error(f, text_name, sv_from(message));
	return text.n ? id : SV_NONE;
}

/* assign: a member, team:ID for its queue, each:ID for everyone in it. */
struct assignment {
	struct sv member, queue, each;
};

static struct assignment read_assignment(struct form *f)
{
	struct sv value = form_text(f, "assign"), id = sv_skip(value, value.n > 5 ? 5 : value.n);
	struct assignment a = { SV_NONE, SV_NONE, SV_NONE };

	if (uuid_valid(value))
		a.member = value;
	else if (sv_starts(value, SV("team:")) && uuid_valid(id))
		a.queue = id;
	else if (sv_starts(value, SV("each:")) && uuid_valid(id))
		a.each = id;
	return a;
}

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv title = form_required(f, "title", tr("Write what is to be done")), text = form_text(f, "description");
	struct sv priority = form_text(f, "priority"), day = form_date(f, "due_day");
	struct sv time = read_time(f, day), rule = read_rule(f, day), reminder = form_text(f, "reminder");
	struct sv contact = read_link(f, "contact_id", "contact_name", tr("Choose a contact from the list"));
	struct sv deal = read_link(f, "deal_id", "deal", tr("Choose a deal from the list"));
	struct sv company = read_link(f, "company_id", "company", tr("Choose a company from the list"));
	struct assignment to = read_assignment(f);
	struct sv tags = form_words(f, "tags"), custom = form_custom(f);
	int64_t minutes;
	int saved;

	tmpl_set_bool(f->values, "has_contact", contact.n > 0);
	if (!sv_to_i64(reminder, &minutes) || minutes < 0 || minutes > 525600)
		reminder = SV_NONE;
	struct db_value v[] = {
		DB_S(id), DB_S(title), DB_S(text), DB_S(priority.n ? priority : SV("MEDIUM")), DB_OPT(day),
		DB_OPT(time), DB_OPT(to.member), DB_OPT(to.queue), DB_OPT(contact), DB_OPT(deal), DB_S(tags),
		DB_OPT(company), DB_S(rule), DB_OPT(reminder), DB_S(custom),
		DB_OPT(form_id(f, "conversation_id")), DB_OPT(form_id(f, "parent_id")),
		DB_OPT(form_id(f, "project_id")),
	};
	saved = db_addv(b, make ? insert_sql : update_sql, make ? 18 : 15, v);
	if (to.each.n)
		db_add(b, "select count(*) from assign_task_to_team($1::uuid, $2::uuid)", DB_S(id), DB_S(to.each));
	return saved;
}

static const struct record_form form = { "task", "/tasks/", add_save, show };

enum status task_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status task_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}
