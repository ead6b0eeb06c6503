/* /settings/discard-reasons: why deals are lost (DEA-65). */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/tr.h"

#define ADMINS "select internal.admins_only('discard reasons')"
#define HERE "/settings/discard-reasons"

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows, settings;

	web_me(rq, b);
	db_add(b, ADMINS);
	rows = db_add(b,
		"select r.id, r.name, r.is_active, u.deals,"
		" row_number() over w = 1 as is_first, lead(r.id) over w is null as is_last"
		" from discard_reasons r"
		" left join (select d.discard_reason, count(*) as deals from deals d"
		"	where d.lost_at is not null group by 1) u on u.discard_reason = r.name"
		" window w as (order by r.position, r.name) order by r.position, r.name");
	settings = db_add(b,
		"select coalesce((o.settings ->> 'require_discard_reason')::boolean, false) as required"
		" from organizations o where o.id = auth.org()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	web_set_row(page, "setting", b, settings, 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/discard_reasons", page, e);
}

enum status discard_reasons_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

enum status discard_reason_add(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv name;

	form_init(&f, rq);
	name = form_required(&f, "name", N_("Write a reason"));
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b, ADMINS);
	db_add(b,
	       "insert into discard_reasons (name, position) values ($1,"
	       " 1 + coalesce((select max(position) from discard_reasons), 0))"
	       " on conflict (organization_id, lower(name)) do update set is_active = true", DB_S(name));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, &f, e) : e->status;
	return http_redirect(rs, SV(HERE "?done=created"));
}

static enum status change(struct http_request *rq, struct http_response *rs, const char *sql,
			  struct sv value, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "reason", &id, e))
		return e->status;
	db_add(b, ADMINS);
	must_exist(b, "discard_reasons", id);
	db_add(b, sql, DB_S(id), DB_S(value));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=saved"));
}

/* Deals that were lost for it follow a new name. */
enum status discard_reason_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv name = sv_trim(http_form(rq, "name"));

	if (!name.n || name.n > 400)
		return err_set(e, rq->arena, ST_BAD_INPUT, "A reason has 1 to 100 characters");
	return change(rq, rs,
		"with was as (select r.id, r.name from discard_reasons r where r.id = $1::uuid),"
		" lost as (update deals d set discard_reason = $2 from was"
		"	where d.discard_reason = was.name and d.lost_at is not null and was.name <> $2)"
		" update discard_reasons r set name = $2 from was where r.id = was.id", name, e);
}

enum status discard_reason_toggle(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs,
		"update discard_reasons set is_active = $2 = 'on' where id = $1::uuid",
		http_form(rq, "active"), e);
}

enum status discard_reason_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs, "delete from discard_reasons where id = $1::uuid and $2 = ''", SV(""), e);
}

/* Changes places with the one before or behind it. */
enum status discard_reason_move(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return change(rq, rs,
		"with placed as (select r.id, row_number() over (order by r.position, r.name)"
		"	+ case when r.id = $1::uuid then case $2 when 'up' then -1.5 else 1.5 end else 0 end as place"
		"	from discard_reasons r),"
		" numbered as (select p.id, row_number() over (order by p.place) as place from placed p)"
		" update discard_reasons r set position = n.place from numbered n"
		" where n.id = r.id and r.position <> n.place",
		http_form(rq, "to"), e);
}

enum status discard_reasons_setting(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, ADMINS);
	db_add(b,
	       "update organizations set settings = settings"
	       " || jsonb_build_object('require_discard_reason', $1::boolean) where id = auth.org()",
	       DB_B(http_form(rq, "required").n > 0));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=saved"));
}
