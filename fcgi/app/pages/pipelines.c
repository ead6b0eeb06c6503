/* /pipelines: the list, and one form for a pipeline and its stages. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

enum status pipelines_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		"select p.id, p.name, p.is_default, p.stages,"
		" (select count(*) from (select from deals d where d.organization_id ="
		" p.organization_id and d.pipeline_id = p.id"
		" limit 10000) x) as deals"
		" from pipelines p order by p.is_default desc, lower(p.name), p.id");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	return web_render(rq, rs, "app/pipelines", page, e);
}

/* ---- the form ------------------------------------------------------------- */

/* What a new pipeline begins with (DEA-9) is the column's default. */
static int add_row(struct db_batch *b, struct sv id)
{
	if (id.n)
		return db_add(b, "select p.id, p.name, p.is_default, p.stages,"
				 " (select jsonb_agg(s || jsonb_build_object('is_' || (s ->>"
				 " 'type'), true) order by n)"
				 "	from jsonb_array_elements(p.stages) with ordinality e (s,"
					" n))"
					" as steps"
				 " from pipelines p where p.id = $1::uuid", DB_S(id));
	return db_add(b, "select (select jsonb_agg(jsonb_build_object('name', x.name, 'color',"
		" x.color, 'probability', x.p,"
			 "	'is_' || x.type, true)) from (values ('New', '#64748b', 10,"
				" 'open'),"
			 "	('Qualified', '#206bc4', 25, 'open'), ('Proposal', '#f59f00', 50,"
				" 'open'),"
			 "	('Won', '#2fb344', 100, 'won'), ('Lost', '#868e96', 0, 'lost')) x"
				" (name, color, p, type)) as steps");
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	web_me(rq, b);
	row = add_row(b, id);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This pipeline does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n)
		web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/pipeline_form", page, e);
}

enum status pipeline_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status pipeline_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "pipeline", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* ---- reading the stages ------------------------------------------------------ */

#define STAGES_MAX 30

struct stage {
	struct sv id, name, color, probability, type;
};

/* A row of the editor begins with its stage_id. */
static size_t read_rows(struct http_request *rq, struct stage rows[static STAGES_MAX])
{
	const struct http_pairs *all = http_form_all(rq);
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct sv name = all->v[i].name, value = sv_trim(all->v[i].value);

		if (sv_eq(name, SV("stage_id"))) {
			if (n == STAGES_MAX)
				break;
			rows[n++] = (struct stage){ .id = value };
		} else if (!n) {
			continue;
		} else if (sv_eq(name, SV("stage_name"))) {
			rows[n - 1].name = value;
		} else if (sv_eq(name, SV("stage_color"))) {
			rows[n - 1].color = value;
		} else if (sv_eq(name, SV("stage_probability"))) {
			rows[n - 1].probability = value;
		} else if (sv_eq(name, SV("stage_type"))) {
			rows[n - 1].type = value;
		}
	}
	return n;
}

static bool id_taken(const struct stage *rows, size_t n, struct sv id)
{
	for (size_t i = 0; i < n; i++)
		if (sv_ieq(rows[i].id, id))
			return true;
	return false;
}

/* A new stage is named after itself: "Second call" is second_call. What has no
 * Latin letters is stage_2, stage_3. */
static struct sv id_for(struct arena *a, const struct stage *rows, size_t n, struct sv name)
{
	buf_auto struct buf slug = BUF_INIT;
	struct sv id;

	for (size_t i = 0; i < name.n && slug.n < 40; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			buf_addc(&slug, c);
		else if (slug.n && slug.p[slug.n - 1] != '_')
			buf_addc(&slug, '_');
	}
	while (slug.n && slug.p[slug.n - 1] == '_')
		slug.n--;
	id = slug.n ? arena_sv(a, buf_sv(&slug)) : SV("stage");
	for (int k = 2; id_taken(rows, n, id); k++)
		id = sv_from(arena_printf(a, "%.*s_%d", slug.n ? (int)slug.n : 5,
					  slug.n ? slug.p : "stage", k));
	return id;
}

static bool is_color(struct sv s)
{
	if (s.n != 7 || s.p[0] != '#')
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f') ||
		      (s.p[i] >= 'A' && s.p[i] <= 'F')))
			return false;
	return true;
}

static void keep_row(struct tmpl_value *shown, const struct stage *s)
{
	struct tmpl_value *one = tmpl_push_map(shown);

	tmpl_set_text(one, "id", s->id);
	tmpl_set_text(one, "name", s->name);
	tmpl_set_text(one, "color", s->color);
	tmpl_set_text(one, "probability", s->probability);
	tmpl_set_bool(one, "is_won", sv_eq(s->type, SV("won")));
	tmpl_set_bool(one, "is_lost", sv_eq(s->type, SV("lost")));
}

static void check_row(struct form *f, struct stage *s)
{
	int64_t percent = 0;

	if (!s->name.n || s->name.n > 60 * 4)
		form_error(f, "stages", SV("Every stage needs a name of at most 60 characters"));
	if (!s->probability.n)
		s->probability = SV("0");
	if (!sv_to_i64(s->probability, &percent) || percent < 0 || percent > 100)
		form_error(f, "stages", SV("A probability is a whole number from 0 to 100"));
	if (!is_color(s->color))
		s->color = SV("#64748b");
	if (!sv_eq(s->type, SV("won")) && !sv_eq(s->type, SV("lost")))
		s->type = SV("open");
}

static void add_stage(struct buf *json, const struct stage *s, size_t place)
{
	buf_addc(json, place == 1 ? '[' : ',');
	buf_lit(json, "{\"id\":");
	buf_json(json, s->id);
	buf_lit(json, ",\"name\":");
	buf_json(json, s->name);
	buf_lit(json, ",\"color\":");
	buf_json(json, s->color);
	buf_lit(json, ",\"type\":");
	buf_json(json, s->type);
	buf_addf(json, ",\"position\":%zu,\"probability\":%.*s}", place, SV_ARG(s->probability));
}

static struct sv read_stages(struct form *f)
{
	struct stage rows[STAGES_MAX];
	size_t n = read_rows(f->rq, rows);
	struct tmpl_value *shown = tmpl_set_list(f->values, "steps");
	buf_auto struct buf json = BUF_INIT;

	if (!n)
		form_error(f, "stages", SV("A pipeline has at least one stage"));
	for (size_t i = 0; i < n; i++) {
		check_row(f, &rows[i]);
		keep_row(shown, &rows[i]);
	}
	for (size_t i = 0; i < n && !f->wrong; i++) {
		if (!rows[i].id.n)
			rows[i].id = id_for(f->rq->arena, rows, n, rows[i].name);
		add_stage(&json, &rows[i], i + 1);
	}
	buf_addc(&json, ']');
	return arena_sv(f->rq->arena, buf_sv(&json));
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
	name = form_required(&f, "name", "Write a name");
	tmpl_set_bool(f.values, "is_default", is_default);
	stages = read_stages(&f);
	if (f.wrong)
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	db_add(b, "select internal.admins_only('pipelines')");
	db_add(b, "update pipelines set is_default = false where is_default and $1 and id <>"
		" $2::uuid",
	       DB_B(is_default), DB_S(id));
	saved = make ? db_add(b,
			      "insert into pipelines (id, name, stages, is_default) values"
				" ($1::uuid, $2, $3::jsonb, $4)"
			      " on conflict (organization_id, id) do nothing",
			      DB_S(id), DB_S(name), DB_S(stages), DB_B(is_default))
		     : db_add(b,
			      "update pipelines set name = $2, stages = $3::jsonb, is_default ="
				" is_default or $4"
			      " where id = $1::uuid",
			      DB_S(id), DB_S(name), DB_S(stages), DB_B(is_default));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	}
	if (!make && !db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This pipeline does not exist");
	return http_redirect(rs, make ? SV("/pipelines?done=created")
				      : SV("/pipelines?done=saved"));
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

/* One with deals in it, or the default one, stays. */
enum status pipeline_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int there, gone;

	if (path_id(rq, "pipeline", &id, e))
		return e->status;
	db_add(b, "select internal.admins_only('pipelines')");
	there = db_add(b, "select p.is_default from pipelines p where p.id = $1::uuid", DB_S(id));
	gone = db_add(b,
		"delete from pipelines p where p.id = $1::uuid and not p.is_default and not exists"
		" (select from deals d where d.organization_id = p.organization_id and"
		" d.pipeline_id = p.id)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, there))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This pipeline does not exist");
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_CONFLICT,
			       sv_eq(db_first(b, there, "is_default"), SV("t"))
				       ? "The default pipeline cannot be deleted; make another"
					" one the default first"
				       : "There are deals in this pipeline; move or delete them"
					" first");
	return http_redirect(rs, SV("/pipelines?done=deleted"));
}
