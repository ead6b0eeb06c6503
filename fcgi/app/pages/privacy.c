/*
 * /contacts/:id/privacy: export and erasure of one person; /settings/privacy:
 * after how many days what is deleted.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* ---- one person --------------------------------------------------------------- */

static enum status show_person(struct http_request *rq, struct http_response *rs, struct sv id, struct sv problem,
			       struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int contact, jobs;

	web_me(rq, b);
	db_add(b, "select internal.must('can_delete_data')");
	contact = db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.emails[1], c.phones[1])) as name,"
		" c.opt_in_status, internal.shown_time(c.consent_at, (select internal.my_zone())) as consent_at,"
		" c.consent_source, c.consent_source = 'member' as by_member, c.consent_source = 'api' as by_api,"
		" c.consent_source in ('system', 'import') as by_system,"
		" (select count(*) from conversations v where v.contact_id = c.id) as talks,"
		" (select count(*) from internal.person_files(c.id)) as files,"
		" (select count(*) from quotes q where q.contact_id = c.id) as quotes"
		" from contacts c where c.id = $1::uuid", DB_S(id));
	jobs = db_add(b,
		"select j.id, j.state in ('waiting', 'running') as is_running, j.state = 'done' as is_done, j.file_id,"
		" true as is_export, internal.shown_time(j.created_at, (select internal.my_zone())) as shown"
		" from record_jobs j where j.kind = 'person_export' and j.payload ->> 'contact_id' = $1"
		" order by j.created_at desc limit 5", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, contact))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This contact does not exist");
	page = web_page(rq, b);
	web_set_row(page, "contact", b, contact, 0);
	web_set_rows(page, "exports", b, jobs);
	tmpl_set_text(page, "job_id", uuid_new(rq->arena));
	if (problem.n) {
		tmpl_set_text(page, "problem", problem);
		rs->status = 422;
	}
	return web_render(rq, rs, "app/privacy", page, e);
}

enum status contact_privacy(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "contact", &id, e))
		return e->status;
	return show_person(rq, rs, id, SV_NONE, e);
}

enum status contact_export(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, job = http_form(rq, "job_id");

	if (path_id(rq, "contact", &id, e))
		return e->status;
	db_add(b, "select internal.person_export($1::uuid, $2::uuid)", DB_S(id),
	       DB_S(uuid_valid(job) ? job : uuid_new(rq->arena)));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/contacts/", id, "/privacy?done=begun");
}

enum status contact_erase(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int done;

	if (path_id(rq, "contact", &id, e))
		return e->status;
	done = db_add(b, "select internal.erase_person($1::uuid, $2) ->> 'kept' as kept", DB_S(id),
		      DB_S(http_form(rq, "name")));
	if (db_run(b, e)) {
		if (e->status == ST_UNPROCESSABLE)
			return show_person(rq, rs, id, sv_from(tr("This is not the name of the person")), e);
		return e->status;
	}
	if (sv_eq(db_first(b, done, "kept"), SV("true")))
		return redirect_to(rq, rs, "/contacts/", id, "?done=erased");
	return http_redirect(rs, SV("/contacts?done=erased"));
}

/* ---- by age ---------------------------------------------------------------------- */

static const struct {
	const char *name, *label, *help;
	int days;
} classes[] = {
	{ "inactive_contacts", N_("Contacts without activity"),
	  N_("no message, call, change, open deal or task in that time: erased like one person"), 1095 },
	{ "conversations", N_("Closed conversations"), N_("with their messages and files"), 730 },
	{ "calls", N_("Calls"), N_("with their recordings and notes"), 730 },
	{ "emails", N_("E-mails written here"), N_("their text; they were sent long ago"), 730 },
	{ "imports", N_("Import logs"), N_("rows of files that were imported"), 180 },
	{ "merges", N_("Merged records"), N_("after that time a merge cannot be undone"), 365 },
	{ "exports", N_("Exports of personal data"), N_("the files that you asked for"), 7 },
};
#define CLASSES (sizeof(classes) / sizeof(*classes))
/* Rows are counted up to here. */
#define COUNTED 10000

static void show_class(struct tmpl_value *list, struct arena *a, const struct db_batch *b, int rules, size_t i)
{
	struct tmpl_value *one = tmpl_push_map(list);
	struct sv days = sv_from(arena_printf(a, "%d", classes[i].days)), n;
	int64_t found = 0;

	tmpl_set_text(one, "name", sv_from(classes[i].name));
	tmpl_set_text(one, "label", sv_from(tr(classes[i].label)));
	tmpl_set_text(one, "help", sv_from(tr(classes[i].help)));
	for (size_t k = 0; k < db_rows(b, rules); k++) {
		if (!sv_eq(db_named(b, rules, k, "data_class"), sv_from(classes[i].name)))
			continue;
		days = db_named(b, rules, k, "days");
		tmpl_set_bool(one, "enabled", sv_eq(db_named(b, rules, k, "enabled"), SV("t")));
		n = db_named(b, rules, k, "n");
		sv_to_i64(n, &found);
		tmpl_set_bool(one, "counted", true);
		tmpl_set_text(one, "n", found > COUNTED ? SV("10,000+") : n);
	}
	tmpl_set_text(one, "days", days);
}

enum status privacy_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	int rules, job;

	web_me(rq, b);
	rules = db_add(b,
		"select r.data_class, r.days, r.enabled,"
		" (select count(*) from internal.retention_ids(r.data_class, r.days, 10001)) as n from retention_rules r");
	job = db_add(b,
		"select j.id, j.state in ('waiting', 'running') as is_running, j.state = 'waiting' as is_waiting,"
		" j.state = 'done' as is_done, j.done, true as is_retention,"
		" internal.shown_time(coalesce(j.finished_at, j.created_at), (select internal.my_zone())) as shown"
		" from record_jobs j where j.kind = 'retention' and j.state <> 'waiting' order by j.created_at desc limit 1");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list = tmpl_set_list(page, "classes");
	for (size_t i = 0; i < CLASSES; i++)
		show_class(list, rq->arena, b, rules, i);
	if (db_rows(b, job))
		web_set_row(page, "job", b, job, 0);
	tmpl_set_text(page, "job_id", uuid_new(rq->arena));
	return web_render(rq, rs, "app/settings/privacy", page, e);
}

/* Saving only counts what would go; deleting is for the night, or for a press of its own. */
enum status privacy_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	for (size_t i = 0; i < CLASSES; i++) {
		struct sv days = sv_trim(http_form(rq, arena_printf(rq->arena, "days.%s", classes[i].name)));
		int64_t n;

		if (!sv_to_i64(days, &n) || n < 1 || n > 36500)
			return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s: %s", tr(classes[i].label),
				       tr("write a number of days from 1 to 36500"));
		db_add(b,
			"insert into retention_rules (data_class, days, enabled) values ($1, $2, $3)"
			" on conflict (organization_id, data_class) do update set days = excluded.days, enabled = excluded.enabled",
			DB_C(classes[i].name), DB_I(n),
			DB_B(http_form(rq, arena_printf(rq->arena, "on.%s", classes[i].name)).n > 0));
	}
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/privacy?done=saved"));
}

enum status privacy_now(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv job = http_form(rq, "job_id");

	db_add(b, "select internal.retention_now($1::uuid)", DB_S(uuid_valid(job) ? job : uuid_new(rq->arena)));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/privacy?done=begun"));
}
