/*
 * /settings/tags: the one set of tags, its counts, colours, changes of names;
 * tagging by country; and /tags/options, what the forms complete.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static const char *const colours[][2] = {
	{ "gray", N_("Gray") }, { "blue", N_("Blue") }, { "green", N_("Green") }, { "yellow", N_("Yellow") },
	{ "orange", N_("Orange") }, { "red", N_("Red") }, { "purple", N_("Purple") }, { "pink", N_("Pink") },
};

#define JOB_SQL                                                                            \
	"select j.id, j.state in ('waiting', 'running') as is_running, j.state = 'done' as is_done, j.done, j.total," \
	" case when j.total > 0 then least(100, j.done * 100 / j.total) else 0 end as percent, j.result ->> 'tagged' as tagged," \
	" j.kind = 'country_tags' as is_country, j.kind = 'tag_change' as is_change, j.kind = 'retention' as is_retention," \
	" j.kind = 'person_export' as is_export, j.file_id"                                     \
	" from record_jobs j"

enum status tags_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;
	int tags, job;

	web_me(rq, b);
	db_add(b, "select internal.tags_fold()");
	tags = db_add(b,
		"select t.id, t.name, t.colour, t.contacts, t.companies, t.deals, t.tasks, t.leads,"
		" t.contacts + t.companies + t.deals + t.tasks + t.leads as uses from tags t"
		" where $1 = '' or position(lower($1) in lower(t.name)) > 0 order by lower(t.name), t.name limit 500",
		DB_S(http_query(rq, "q").n ? sv_trim(http_query(rq, "q")) : SV("")));
	job = db_add(b,
		JOB_SQL " where j.kind in ('tag_change', 'country_tags') order by j.created_at desc limit 1");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "tags", b, tags);
	if (db_rows(b, job))
		web_set_row(page, "job", b, job, 0);
	list = tmpl_set_list(page, "colours");
	for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "value", sv_from(colours[i][0]));
		tmpl_set_text(one, "label", sv_from(tr(colours[i][1])));
	}
	tmpl_set_text(page, "q", http_query(rq, "q"));
	tmpl_set_text(page, "job_id", uuid_new(rq->arena));
	return web_render(rq, rs, "app/settings/tags", page, e);
}

/* The values of the repeated field `from` as JSON. */
static struct sv from_names(struct http_request *rq)
{
	struct form f;

	form_init(&f, rq);
	return form_lines(&f, "from");
}

static struct sv job_id(struct http_request *rq)
{
	struct sv id = http_form(rq, "job_id");

	return uuid_valid(id) ? id : uuid_new(rq->arena);
}

/* do=rename (from, to), merge (several from, to), delete (from). */
enum status tags_change(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv what = http_form(rq, "do"), to = sv_trim(http_form(rq, "to"));
	struct db_batch *b = web_batch(rq);

	if (!sv_eq(what, SV("delete")) && !to.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Write the new name of the tag"));
	db_add(b, "select internal.tag_change(array(select jsonb_array_elements_text($1::jsonb)), $2, $3::uuid)",
	       DB_S(from_names(rq)), sv_eq(what, SV("delete")) ? DB_NULL : DB_S(to), DB_S(job_id(rq)));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/tags?done=saved"));
}

enum status tags_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv name = sv_trim(http_form(rq, "name")), colour = http_form(rq, "colour");
	struct db_batch *b = web_batch(rq);

	if (!name.n || sv_chr(name, ',') >= 0)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("A tag has 1 to 50 characters and no comma"));
	db_add(b,
		"insert into tags (name, colour) values ($1, $2)"
		" on conflict (organization_id, name) do update set colour = excluded.colour",
		DB_S(name), DB_S(colour.n ? colour : SV("gray")));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/tags?done=saved"));
}

enum status tags_countries(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select internal.country_tags($1::uuid)", DB_S(job_id(rq)));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/tags?done=begun"));
}

/* How far a job is; htmx asks until it is over. */
enum status record_job_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int job;

	if (path_id(rq, "job", &id, e))
		return e->status;
	job = db_add(b, JOB_SQL " where j.id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, job))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This job does not exist");
	page = web_page(rq, b);
	web_set_row(page, "job", b, job, 0);
	return web_render(rq, rs, "app/record_job", page, e);
}

/* Names that begin with what is typed, the most used first: a list in JSON. */
enum status tags_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s;

	db_add(b, "select internal.tags_fold()");
	s = db_add(b,
		"select t.name from tags t where lower(t.name) like"
		" replace(replace(replace(lower($1), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'"
		" order by t.contacts + t.companies + t.deals + t.tasks + t.leads desc, t.name limit 10",
		DB_S(sv_trim(http_query(rq, "q"))));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_addc(&rs->body, '[');
	for (size_t i = 0; i < db_rows(b, s); i++) {
		if (i)
			buf_addc(&rs->body, ',');
		buf_json(&rs->body, db_get(b, s, i, 0));
	}
	buf_addc(&rs->body, ']');
	return ST_OK;
}
