/*
 * /settings/assignment: the rules by which new deals and leads get an owner,
 * and what becomes of deals that nobody touches (DEA-49..63, LEA-17..22).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/tr.h"
#include "base/uuid.h"

#define ADMINS "select internal.admins_only('assignment rules')"
#define HERE "/settings/assignment"

enum status assignment_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int groups, settings;

	web_me(rq, b);
	db_add(b, ADMINS);
	groups = db_add(b,
		"select x.entity, x.entity = 'deal' as is_deal, (select jsonb_agg(jsonb_build_object('id', r.id, 'name', r.name,"
		"	'is_active', r.is_active, 'kind', jsonb_build_object(r.kind, true), 'words', array_to_string(r.words, ', '),"
		"	'at_least', r.at_least, 'at_most', r.at_most, 'pipeline', p.name, 'team', t.name,"
		"	'person', internal.person(u.first_name, u.last_name, u.email), 'has_person', u.id is not null,"
		"	'gone', u.is_active is false) order by r.position, r.id)"
		"	from assignment_rules r left join pipelines p on p.id = r.pipeline_id"
		"	left join teams t on t.id = r.team_id left join profiles u on u.id = r.user_id"
		"	where r.entity = x.entity) as rules"
		" from (values ('deal'), ('lead')) x (entity)");
	settings = db_add(b,
		"select coalesce((o.settings ->> 'reassign_idle_deals')::boolean, false) as reassign,"
		" internal.setting_days(o.id, 'reassign_after_days', 7) as reassign_days,"
		" internal.setting_days(o.id, 'rotting_days', 7) as rotting_days"
		" from organizations o where o.id = auth.org()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "groups", b, groups);
	web_set_row(page, "setting", b, settings, 0);
	return web_render(rq, rs, "app/settings/assignment", page, e);
}

/* ---- one rule ------------------------------------------------------------------ */

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv entity = f ? http_form(rq, "entity") : http_query(rq, "entity");
	struct sv target = f ? http_form(rq, "target") : SV_NONE;
	struct sv pipeline = f ? http_form(rq, "pipeline_id") : SV_NONE;
	struct sv kind = f ? http_form(rq, "kind") : SV_NONE;
	struct tmpl_value *page;
	int row, choices;

	web_me(rq, b);
	db_add(b, ADMINS);
	row = db_add(b,
		"select r.id, r.name, r.entity, array_to_string(r.words, ', ') as words, r.at_least, r.at_most"
		" from assignment_rules r where r.id = $1::uuid", DB_OPT(id));
	choices = db_add(b,
		"select coalesce(r.entity, nullif($2, ''), 'deal') as entity,"
		" coalesce(r.entity, nullif($2, ''), 'deal') = 'deal' as is_deal,"
		" jsonb_build_object(coalesce(nullif($5, ''), r.kind, 'round_robin'), true) as kind,"
		" internal.form_people(coalesce(nullif($3, ''), r.user_id::text)) as people,"
		" internal.form_teams(coalesce(nullif($3, ''), r.team_id::text)) as teams,"
		" (select jsonb_agg(jsonb_build_object('id', p.id, 'name', p.name,"
		"	'selected', p.id::text = coalesce(nullif($4, ''), r.pipeline_id::text)) order by lower(p.name)) from pipelines p) as pipelines"
		" from (select 1) one left join assignment_rules r on r.id = $1::uuid",
		DB_OPT(id), DB_S(entity), DB_S(target), DB_S(pipeline), DB_S(kind));
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This rule does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	web_set_row(page, "choices", b, choices, 0);
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	}
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/assignment_rule", page, e);
}

enum status assignment_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status assignment_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	return path_id(rq, "rule", &id, e) ? e->status : show(rq, rs, id, NULL, e);
}

static struct sv whole_number(struct form *f, const char *name)
{
	struct sv value = form_text(f, name);
	int64_t n;

	if (value.n && (!sv_to_i64(value, &n) || n < 0 || n > 1000000000))
		form_error(f, name, SV(N_("Write a whole number")));
	return value;
}

static enum status save(struct http_request *rq, struct http_response *rs, struct sv id, bool make,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv name, words, least, most, target, pipeline;
	struct form f;

	form_init(&f, rq);
	name = form_required(&f, "name", N_("Write a name"));
	words = form_text(&f, "words");
	least = whole_number(&f, "at_least");
	most = whole_number(&f, "at_most");
	target = form_id(&f, "target");
	pipeline = form_id(&f, "pipeline_id");
	if (f.wrong)
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	db_add(b, ADMINS);
	db_add(b,
	       "insert into assignment_rules as r (id, entity, name, kind, words, at_least, at_most, user_id, team_id, pipeline_id)"
	       " values ($1::uuid, $2, $3, $4, string_to_array($5, ','), nullif($6, '')::integer, nullif($7, '')::integer,"
	       "	(select p.id from profiles p where p.id = $8::uuid), (select t.id from teams t where t.id = $8::uuid), $9::uuid)"
	       " on conflict (organization_id, id) do update set name = excluded.name, kind = excluded.kind, words = excluded.words,"
	       "	at_least = excluded.at_least, at_most = excluded.at_most, user_id = excluded.user_id,"
	       "	team_id = excluded.team_id, pipeline_id = excluded.pipeline_id",
	       DB_S(id), DB_S(form_text(&f, "entity")), DB_S(name), DB_S(form_text(&f, "kind")), DB_S(words),
	       DB_S(least), DB_S(most), DB_OPT(target), DB_OPT(pipeline));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, make ? SV_NONE : id, &f, e) : e->status;
	return http_redirect(rs, make ? SV(HERE "?done=created") : SV(HERE "?done=saved"));
}

enum status assignment_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save(rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status assignment_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	return path_id(rq, "rule", &id, e) ? e->status : save(rq, rs, id, false, e);
}

/* ---- order, on and off, away -------------------------------------------------------- */

static enum status change(struct http_request *rq, struct http_response *rs, const char *sql,
			  struct sv value, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "rule", &id, e))
		return e->status;
	db_add(b, ADMINS);
	must_exist(b, "assignment_rules", id);
	db_add(b, sql, DB_S(id), DB_S(value));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=saved"));
}

enum status assignment_toggle(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs, "update assignment_rules set is_active = $2 = 'on' where id = $1::uuid",
		      http_form(rq, "active"), e);
}

enum status assignment_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs, "delete from assignment_rules where id = $1::uuid and $2 = ''", SV(""), e);
}

enum status assignment_move(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs,
		"with placed as (select r.id, row_number() over (order by r.position, r.id)"
		"	+ case when r.id = $1::uuid then case $2 when 'up' then -1.5 else 1.5 end else 0 end as place"
		"	from assignment_rules r where r.entity = (select x.entity from assignment_rules x where x.id = $1::uuid)),"
		" numbered as (select p.id, row_number() over (order by p.place) as place from placed p)"
		" update assignment_rules r set position = n.place from numbered n"
		" where n.id = r.id and r.position <> n.place",
		http_form(rq, "to"), e);
}

enum status assignment_setting(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int64_t idle, stalled;

	if (!sv_to_i64(http_form(rq, "reassign_days"), &idle) || idle < 1 || idle > 3650 ||
	    !sv_to_i64(http_form(rq, "rotting_days"), &stalled) || stalled < 1 || stalled > 3650)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Days are whole numbers from 1 to 3650");
	db_add(b, ADMINS);
	db_add(b,
	       "update organizations set settings = settings || jsonb_build_object('reassign_idle_deals', $1::boolean,"
	       " 'reassign_after_days', $2::integer, 'rotting_days', $3::integer) where id = auth.org()",
	       DB_B(http_form(rq, "reassign").n > 0), DB_I(idle), DB_I(stalled));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=saved"));
}
