/* /pipelines: the list, and the editor of one with its stages, gates and tasks. */
#include "fcgi/app/crm.h"
#include "fcgi/app/pages/pipeline_form.h"
#include "fcgi/app/pages/pipeline_presets.h"
#include "fcgi/app/routes.h"

#include "base/tr.h"
#include "base/uuid.h"

enum status pipelines_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		"select p.id, p.name, p.is_default, p.stages,"
		" (select nullif(sum(d.deals), 0) from deal_sums d where d.organization_id ="
		"	p.organization_id and d.pipeline_id = p.id) as deals,"
		" exists (select from pipeline_stages s where s.organization_id ="
		"	p.organization_id and s.pipeline_id = p.id and s.gate_mode is not null) as gated"
		" from pipelines p order by p.is_default desc, lower(p.name), p.id");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	return web_render(rq, rs, "app/pipelines", page, e);
}

/* ---- the editor -------------------------------------------------------------- */

/* The pipeline, and its stages as a form: as stored, as sent (json), or as a
 * template has them. */
static int add_row(struct http_request *rq, struct db_batch *b, struct sv id, struct sv json)
{
	if (!id.n && !json.n)
		json = preset_stages(rq->arena, http_query(rq, "template"));
	return db_add(b,
		"select p.id, p.name, p.is_default,"
		" internal.pipeline_form(coalesce(nullif($2, '')::jsonb, p.stages), $1::uuid) as steps,"
		" internal.form_stage('{}', 0) as blank, internal.form_condition('{}') as blank_condition,"
		" internal.form_task('{}') as blank_task,"
		" (select jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name) order by lower(o.name))"
		"	from pipelines o where o.id is distinct from $1::uuid) as others,"
		" (select nullif(sum(d.deals), 0) from deal_sums d where d.pipeline_id = $1::uuid) as deals"
		" from (select 1) one left join pipelines p on p.id = $1::uuid",
		DB_OPT(id), DB_S(json));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct sv json, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv preset = http_query(rq, "template");
	struct tmpl_value *page;
	int row;

	web_me(rq, b);
	row = add_row(rq, b, id, json);
	if (db_run(b, e))
		return e->status;
	if (id.n && !sv_present(db_first(b, row, "id")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This pipeline does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n)
		web_set_row(page, "record", b, row, 0);
	else
		preset_show(page, preset.n ? preset : SV("standard"));
	web_set_row(page, "editor", b, row, 0);
	if (f)
		form_show(f, page, rs);
	else if (id.n)
		web_set_row(page, "form", b, row, 0);
	else
		tmpl_set_text(tmpl_set_map(page, "form"), "name", preset_name(preset));
	return web_render(rq, rs, "app/pipeline_form", page, e);
}

enum status pipeline_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, SV_NONE, e);
}

enum status pipeline_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "pipeline", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, SV_NONE, e);
}

/* ---- saving --------------------------------------------------------------------- */

static enum status save(struct http_request *rq, struct http_response *rs, struct sv id, bool make,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv name, stages;
	bool is_default = http_form(rq, "is_default").n > 0;
	int saved;

	form_init(&f, rq);
	name = form_required(&f, "name", N_("Write a name"));
	tmpl_set_bool(f.values, "is_default", is_default);
	stages = pipeline_form_stages(&f);
	if (f.wrong)
		return show(rq, rs, make ? SV_NONE : id, &f, stages, e);
	db_add(b, "select internal.admins_only('pipelines')");
	if (make) {
		db_add(b, "update pipelines set is_default = false where is_default and $1", DB_B(is_default));
		saved = db_add(b,
			"insert into pipelines (id, name, stages, is_default) values ($1::uuid, $2, $3::jsonb, $4)"
			" on conflict (organization_id, id) do nothing",
			DB_S(id), DB_S(name), DB_S(stages), DB_B(is_default));
	} else {
		saved = db_add(b,
			"select internal.save_pipeline($1::uuid, $2, $3::jsonb, $4, $5::jsonb) as saved",
			DB_S(id), DB_S(name), DB_S(stages), DB_B(is_default),
			DB_S(pipeline_form_moves(rq)));
	}
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, make ? SV_NONE : id, &f, stages, e);
	}
	if (!make && !sv_eq(db_first(b, saved, "saved"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This pipeline does not exist");
	return http_redirect(rs, make ? SV("/pipelines?done=created") : SV("/pipelines?done=saved"));
}

enum status pipeline_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save(rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status pipeline_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "pipeline", &id, e))
		return e->status;
	return save(rq, rs, id, false, e);
}

/* The default one stays; deals go to another pipeline. */
enum status pipeline_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, target = http_form(rq, "move_to");

	if (path_id(rq, "pipeline", &id, e))
		return e->status;
	db_add(b, "select public.delete_pipeline($1::uuid, $2::uuid)", DB_S(id),
	       DB_OPT(uuid_valid(target) ? target : SV_NONE));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/pipelines?done=deleted"));
}
