#include "fcgi/app/record.h"

#include "base/conf.h"
#include "base/uuid.h"

#include <string.h>

#define TIMELINE_ROWS 30

/*
 * Parameters of the statements, in order:
 *	add_note  id, record, text
 *	add_file  record, file
 *	add_mail  id, record, address, subject, text
 *	add_task  id, record, title, due (local time), assignee
 *	add_call  id, record, phone, inbound, seconds, status, text
 */
#define NOTE(column)                                                                       \
	"insert into notes (id, " column ", content) values ($1::uuid, $2::uuid, $3)"      \
	" on conflict (organization_id, id) do nothing"
#define FILE_ON(column) "insert into record_files (" column ", file_id) values ($1::uuid, $2::uuid)"
#define MAIL(column)                                                                       \
	"insert into record_emails (id, " column ", to_address, subject, body)"            \
	" values ($1::uuid, $2::uuid, $3, $4, $5) on conflict (organization_id, id) do nothing"
#define TASK(column)                                                                       \
	"insert into tasks (id, " column ", title, due_date, assignee_id) values ($1::uuid, $2::uuid, $3," \
	" $4::timestamp at time zone (select internal.my_zone()), $5::uuid)"               \
	" on conflict (organization_id, id) do nothing"
/* With the contact of the deal (UC-TASK-005). */
#define DEAL_TASK                                                                          \
	"insert into tasks (id, deal_id, contact_id, title, due_date, assignee_id)"        \
	" select $1::uuid, d.id, d.contact_id, $3, $4::timestamp at time zone (select internal.my_zone()), $5::uuid" \
	" from deals d where d.id = $2::uuid on conflict (organization_id, id) do nothing"
#define CALL(column)                                                                       \
	"insert into call_records (id, " column ", customer_phone, direction, duration_seconds, call_status, notes," \
	" source, agent_id) values ($1::uuid, $2::uuid, $3, case when $4 then 'inbound' else 'outbound' end,"        \
	" $5::integer, $6, $7, 'app', auth.uid()) on conflict (organization_id, id) do nothing"

static const struct detail_kind detail_kinds[] = {
	{ "contact", "contacts", "/contacts/", "contact_id", "contact_id", "crm", NOTE("contact_id"),
	  FILE_ON("contact_id"), MAIL("contact_id"), TASK("contact_id"), CALL("contact_id") },
	{ "company", "companies", "/companies/", "company_id", NULL, "crm", NOTE("company_id"),
	  FILE_ON("company_id"), MAIL("company_id"), NULL, NULL },
	{ "deal", "deals", "/deals/", "deal_id", "deal_id", "crm", NOTE("deal_id"), FILE_ON("deal_id"),
	  MAIL("deal_id"), DEAL_TASK, CALL("deal_id") },
	{ "lead", "leads", "/leads/", "lead_id", "lead_id", "crm", NOTE("lead_id"), FILE_ON("lead_id"),
	  MAIL("lead_id"), TASK("lead_id"), CALL("lead_id") },
	{ "task", "tasks", "/tasks/", "task_id", NULL, "tasks", NOTE("task_id"), FILE_ON("task_id"),
	  MAIL("task_id"), NULL, NULL },
	{ "lead", "leads", "/leads/", "lead_id", "lead_id", "crm", NOTE("lead_id"), FILE_ON("lead_id"), MAIL("lead_id"),
	  TASK("lead_id"), CALL("lead_id") },
	{ 0 },
};

const struct detail_kind *detail_kind(struct sv name)
{
	for (const struct detail_kind *k = detail_kinds; k->name; k++)
		if (sv_eq(name, sv_from(k->name)))
			return k;
	return NULL;
}

/* ---- the shared parts ------------------------------------------------------ */

/* What comes next: the open task that is due first, or the next booking. */
static int add_next(const struct record *r)
{
	return db_add(r->b,
		"select x.kind = 'task' as is_task, x.kind = 'booking' as is_booking, x.id, x.title,"
		" x.at < now() as is_overdue, internal.shown_time(x.at, (select internal.my_zone())) as shown,"
		" internal.person(p.first_name, p.last_name, p.email) as who, p.id is not null as has_who"
		" from ((select 'task' as kind, k.id, k.title, k.due_date as at, k.assignee_id as person"
		"	from (select internal.record_tasks($1, $2::uuid, 50) as id) t"
		"	join tasks k on k.organization_id = auth.org() and k.id = t.id and not k.completed"
		"	order by k.due_date nulls last, k.id limit 1)"
		" union all (select 'booking', b.id, b.title, b.start_date_time, b.profile_id from bookings b"
		"	where $1 = 'contact' and b.organization_id = auth.org() and b.contact_id = $2::uuid"
		"	and b.start_date_time > now() and b.status in ('scheduled', 'confirmed', 'rescheduled')"
		"	order by b.start_date_time limit 1)) x"
		" left join profiles p on p.organization_id = auth.org() and p.id = x.person"
		" order by x.at nulls last limit 1", DB_C(r->kind->name), DB_S(r->id));
}

static int add_tasks(const struct record *r)
{
	return db_add(r->b,
		"select k.id, k.title, k.completed, k.priority = 'HIGH' as is_high,"
		" not k.completed and k.due_date < now() as is_overdue,"
		" internal.shown_time(k.due_date, (select internal.my_zone())) as due,"
		" internal.person(p.first_name, p.last_name, p.email) as who, p.id is not null as has_who"
		" from (select internal.record_tasks($1, $2::uuid, 10) as id) t"
		" join tasks k on k.organization_id = auth.org() and k.id = t.id"
		" left join profiles p on p.organization_id = auth.org() and p.id = k.assignee_id"
		" order by k.completed, k.due_date nulls last, k.id", DB_C(r->kind->name), DB_S(r->id));
}

static int add_bookings(const struct record *r)
{
	return db_add(r->b,
		"select b.id, b.title, b.status, b.status = 'cancelled' as cancelled,"
		" internal.shown_time(b.start_date_time, (select internal.my_zone())) as shown"
		" from bookings b where $1 = 'contact' and b.contact_id = $2::uuid"
		" order by b.start_date_time desc limit 5", DB_C(r->kind->name), DB_S(r->id));
}

#define FILES_SQL                                                                          \
	"select f.id, r.id as link_id, f.name, app.size_name(f.size) as size,"             \
	" f.content_type in ('image/jpeg', 'image/png', 'image/gif', 'image/webp') as is_image," \
	" f.content_type = 'application/pdf' as is_pdf,"                                   \
	" internal.shown_time(r.created_at, (select internal.my_zone())) as shown,"        \
	" internal.person(p.first_name, p.last_name, p.email) as who, p.id is not null as has_who" \
	" from record_files r"                                                             \
	" join files f on f.organization_id = r.organization_id and f.id = r.file_id"      \
	" left join profiles p on p.organization_id = r.organization_id and p.id = r.created_by"

int record_files_add(struct db_batch *b, const struct detail_kind *kind, struct sv id)
{
	return db_add(b,
		FILES_SQL " where case $1 when 'contact' then r.contact_id = $2::uuid"
		" when 'company' then r.company_id = $2::uuid when 'deal' then r.deal_id = $2::uuid"
		" when 'task' then r.task_id = $2::uuid when 'lead' then r.lead_id = $2::uuid end"
		" order by r.created_at desc, r.id desc limit 50", DB_C(kind->name), DB_S(id));
}

enum status record_begin(struct record *r, const char *kind, struct http_request *rq, struct err *e)
{
	memset(r, 0, sizeof(*r));
	r->kind = detail_kind(sv_from(kind));
	r->rq = rq;
	if (path_id(rq, kind, &r->id, e))
		return e->status;
	r->b = web_batch(rq);
	web_me(rq, r->b);
	r->next = add_next(r);
	r->tasks = add_tasks(r);
	r->bookings = add_bookings(r);
	r->files = record_files_add(r->b, r->kind, r->id);
	r->team = team_add(r->b, SV_NONE);
	r->timeline = record_timeline_add(r->b, rq, kind, r->id);
	return ST_OK;
}

/* Which sources of activities the filter offers. */
static void show_filter(struct record *r, struct tmpl_value *record)
{
	struct sv only = http_query(r->rq, "only");

	tmpl_set_bool(record, "may_task", r->kind->add_task != NULL);
	tmpl_set_bool(record, "may_call", r->kind->add_call != NULL);
	tmpl_set_bool(record, "has_talks", sv_eq(sv_from(r->kind->name), SV("contact")));
	tmpl_set_bool(record, "has_deals", !sv_eq(sv_from(r->kind->name), SV("task")) &&
						   !sv_eq(sv_from(r->kind->name), SV("lead")));
	tmpl_set_text(record, "only", only.n ? only : SV("all"));
}

enum status record_run(struct record *r, int row, struct err *e)
{
	struct arena *a = r->rq->arena;
	struct tmpl_value *record;

	if (db_run(r->b, e))
		return e->status;
	if (!db_rows(r->b, row))
		return err_set(e, a, ST_NOT_FOUND, "This %s does not exist", r->kind->name);
	r->page = web_page(r->rq, r->b);
	web_set_row(r->page, "next", r->b, r->next, 0);
	web_set_rows(r->page, "tasks", r->b, r->tasks);
	web_set_rows(r->page, "bookings", r->b, r->bookings);
	web_set_rows(r->page, "files", r->b, r->files);
	web_set_rows(r->page, "team", r->b, r->team);
	record = tmpl_set_map(r->page, "record");
	tmpl_set_text(record, "kind", sv_from(r->kind->name));
	tmpl_set_text(record, "id", r->id);
	tmpl_set_text(record, "path", sv_from(arena_printf(a, "%s%.*s", r->kind->path, SV_ARG(r->id))));
	tmpl_set_text(record, "new_id", uuid_new(a));
	tmpl_set_bool(record, "mail_off", !*conf_str(CONF_smtp_url));
	show_filter(r, record);
	web_set_row(r->page, "who", r->b, row, 0);
	record_timeline_show(r->rq, r->page, r->kind->name, r->id, r->b, r->timeline);
	return ST_OK;
}

/* ---- timeline ---------------------------------------------------------------- */

struct event_words {
	const char *type, *icon, *text;
};
struct field_words {
	const char *name, *label;
};

static const struct event_words events[] = {
#define EVENT(type, icon, text) { type, icon, text },
#define FIELD(name, label)
#include "fcgi/app/timeline.def"
#undef EVENT
#undef FIELD
};

static const struct field_words fields[] = {
#define EVENT(type, icon, text)
#define FIELD(name, label) { name, label },
#include "fcgi/app/timeline.def"
#undef EVENT
#undef FIELD
};

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static const struct event_words *event_words(struct sv type)
{
	for (size_t i = 0; i < COUNT(events); i++)
		if (sv_eq(type, sv_from(events[i].type)))
			return &events[i];
	return NULL;
}

/* "custom_fields.x" never comes here: custom fields have their own keys as names. */
static struct sv field_label(struct arena *a, struct sv name)
{
	char *own;

	for (size_t i = 0; i < COUNT(fields); i++)
		if (sv_eq(name, sv_from(fields[i].name)))
			return sv_from(tr(fields[i].label));
	own = arena_dup(a, name);
	for (size_t i = 0; i < name.n; i++)
		if (own[i] == '_')
			own[i] = ' ';
	return sv_make(own, name.n);
}

static struct sv json_text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static void unref(void *json)
{
	json_decref(json);
}

static json_t *json_of(struct arena *a, struct sv text)
{
	json_t *o = text.n ? json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;

	if (o)
		arena_cleanup(a, unref, o);
	return o;
}

static struct sv yes_no(struct sv value, bool is)
{
	if (!is || !value.n)
		return value;
	return sv_from(sv_eq(value, SV("true")) ? tr("yes") : tr("no"));
}

static void show_changes(struct tmpl_value *item, struct arena *a, struct sv json)
{
	json_t *list = json_of(a, json), *one;
	struct tmpl_value *out;
	size_t i;

	if (!json_array_size(list))
		return;
	out = tmpl_set_list(item, "changes");
	json_array_foreach(list, i, one) {
		struct tmpl_value *line = tmpl_push_map(out);
		bool flag = json_is_true(json_object_get(one, "yes_no"));

		tmpl_set_text(line, "label", field_label(a, json_text(one, "field")));
		tmpl_set_text(line, "old", yes_no(json_text(one, "old"), flag));
		tmpl_set_text(line, "new", yes_no(json_text(one, "new"), flag));
	}
}

/* Columns that go into the page as they are. */
static const char *const plain[] = { "id", "category", "record_type", "record_id", "body", "subject",
				     "initials", "iso", "shown" };

static void show_actor(struct tmpl_value *item, const struct db_batch *b, int stmt, size_t row)
{
	struct sv name = db_named(b, stmt, row, "actor"), type = db_named(b, stmt, row, "type");

	if (!name.n)
		name = sv_from(sv_eq(type, SV("quote.viewed")) || sv_eq(type, SV("quote.accepted")) ||
				       sv_eq(type, SV("quote.declined")) ||
				       sv_starts(type, SV("booking.")) ? tr("The customer") : "Kontor");
	tmpl_set_text(item, "actor", name);
}

static bool is_true(struct sv s)
{
	return sv_eq(s, SV("t"));
}

static void show_row(struct http_request *rq, struct tmpl_value *item, const struct db_batch *b, int stmt,
		     size_t row)
{
	struct sv type = db_named(b, stmt, row, "type"), category = db_named(b, stmt, row, "category");
	struct sv of = db_named(b, stmt, row, "record_type");
	const struct event_words *words = event_words(type);
	json_t *details = json_of(rq->arena, db_named(b, stmt, row, "details"));

	for (size_t i = 0; i < COUNT(plain); i++)
		tmpl_set_text(item, plain[i], db_named(b, stmt, row, plain[i]));
	show_actor(item, b, stmt, row);
	tmpl_set_text(item, "what", words ? sv_from(tr(words->text)) : type);
	tmpl_set_text(item, "icon", sv_from(words ? words->icon : "history"));
	tmpl_set_bool(item, "is_note", sv_eq(category, SV("note")));
	tmpl_set_bool(item, "is_message", sv_eq(category, SV("message")));
	tmpl_set_bool(item, "is_call", sv_eq(category, SV("call")));
	tmpl_set_bool(item, "is_mail", sv_eq(category, SV("mail")));
	tmpl_set_bool(item, "may_edit", is_true(db_named(b, stmt, row, "may_edit")));
	tmpl_set_bool(item, "is_file", sv_starts(type, SV("file.")));
	if (is_true(db_named(b, stmt, row, "is_other"))) {
		tmpl_set_bool(item, "is_deal", sv_eq(of, SV("deal")));
		tmpl_set_bool(item, "is_quote", sv_eq(of, SV("quote")));
		tmpl_set_bool(item, "is_task", sv_eq(of, SV("task")));
		tmpl_set_bool(item, "is_booking", sv_eq(of, SV("booking")));
		tmpl_set_bool(item, "is_lead", sv_eq(of, SV("lead")));
		tmpl_set_bool(item, "is_conversation", sv_eq(of, SV("conversation")));
	}
	if (details)
		tmpl_set(item, "details", tmpl_from_json(rq->arena, details));
	tmpl_set_text(item, "duration", db_named(b, stmt, row, "duration"));
	tmpl_set_text(item, "csrf", http_csrf_token(rq->arena, rq->session));
	show_changes(item, rq->arena, db_named(b, stmt, row, "changes"));
}

#define TIMELINE_SQL                                                                       \
	"select x.at as raw_at, x.id, x.category, x.type, x.record_type, x.record_id, x.body," \
	" x.subject, x.changes, x.details, x.record_id <> $2::uuid as is_other,"           \
	" case when p.id is null then x.actor_name else internal.person(p.first_name, p.last_name, p.email) end as actor," \
	" case when p.id is not null then internal.initials(p.first_name, p.last_name, p.email) end as initials," \
	" x.category = 'note' and (x.actor_id = auth.uid() or (select auth.may('can_delete_data'))) as may_edit," \
	" case when (x.details ->> 'duration')::integer > 0 then to_char(make_interval(secs => (x.details ->> 'duration')::integer)," \
	"	case when (x.details ->> 'duration')::integer < 3600 then 'FMMI:SS' else 'FMHH24:MI:SS' end) end as duration," \
	" to_char(x.at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as iso,"       \
	" internal.shown_time(x.at, (select internal.my_zone())) as shown"                 \
	" from internal.timeline($1, $2::uuid, $3, $4::timestamptz, $5::uuid, $6::integer) x" \
	" left join profiles p on p.organization_id = auth.org() and p.id = x.actor_id"

int record_timeline_add(struct db_batch *b, struct http_request *rq, const char *kind, struct sv id)
{
	static const char *const choices[] = { "note", "change", "message", "call", "task", "deal", "mail" };
	struct sv only = http_query(rq, "only"), last = http_query(rq, "last");
	const char *wanted = NULL;

	for (size_t i = 0; i < COUNT(choices); i++)
		if (sv_eq(only, sv_from(choices[i])))
			wanted = choices[i];
	return db_add(b, TIMELINE_SQL " order by x.at desc, x.id desc", DB_C(kind), DB_S(id), DB_C(wanted),
		      DB_OPT(uuid_valid(last) ? http_query(rq, "before") : SV_NONE),
		      DB_OPT(uuid_valid(last) ? last : SV_NONE), DB_I(TIMELINE_ROWS));
}

int record_timeline_one(struct db_batch *b, const char *kind, struct sv id, struct sv item)
{
	return db_add(b, TIMELINE_SQL " where x.id = $7::uuid or x.record_id = $7::uuid order by x.at desc limit 1",
		      DB_C(kind), DB_S(id), DB_NULL, DB_NULL, DB_NULL, DB_I(TIMELINE_ROWS), DB_S(item));
}

void record_timeline_show(struct http_request *rq, struct tmpl_value *page, const char *kind,
			  struct sv id, const struct db_batch *b, int stmt)
{
	struct tmpl_value *list = tmpl_set_list(page, "timeline");
	size_t n = db_rows(b, stmt);
	struct sv only = http_query(rq, "only");
	buf_auto struct buf more = BUF_INIT;

	tmpl_set_bool(page, "timeline_older", http_query(rq, "before").n > 0);
	for (size_t i = 0; i < n; i++)
		show_row(rq, tmpl_push_map(list), b, stmt, i);
	if (n < TIMELINE_ROWS)
		return;
	buf_addf(&more, "/timeline/%s/%.*s?before=", kind, SV_ARG(id));
	buf_url(&more, db_named(b, stmt, n - 1, "raw_at"));
	buf_lit(&more, "&last=");
	buf_url(&more, db_named(b, stmt, n - 1, "id"));
	buf_lit(&more, "&only=");
	buf_url(&more, only);
	tmpl_set_text(page, "timeline_more", arena_sv(rq->arena, buf_sv(&more)));
}
