/* /leads/new and /leads/:id/edit. */
#include "fcgi/app/pages/leads.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = -1, team, teams, custom;

	web_me(rq, b);
	if (id.n)
		row = db_add(b, "select l.*, l.status = 'Converted' as is_converted from leads l where l.id = $1::uuid",
			     DB_S(id));
	team = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name, p.id = case when $3 then $1::uuid"
		" else (select l.owner_id from leads l where l.id = $2::uuid) end as selected"
		" from profiles p where p.is_active order by lower(p.first_name), p.id limit 500",
		DB_OPT(f ? http_form(rq, "owner_id") : SV_NONE), DB_OPT(id), DB_B(f != NULL));
	teams = db_add(b,
		"select t.id, t.name, t.id = case when $3 then $1::uuid"
		" else (select l.team_id from leads l where l.id = $2::uuid) end as selected"
		" from teams t order by lower(t.name), t.id limit 200",
		DB_OPT(f ? http_form(rq, "team_id") : SV_NONE), DB_OPT(id), DB_B(f != NULL));
	custom = custom_add(b, "lead", CUSTOM_OF("leads"), id, f);
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This lead does not exist");
	if (id.n && sv_eq(db_first(b, row, "is_converted"), SV("t")))
		return redirect_to(rq, rs, "/leads/", id, "");
	page = web_page(rq, b);
	web_set_rows(page, "team", b, team);
	web_set_rows(page, "teams", b, teams);
	web_set_row(page, "custom", b, custom, 0);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	}
	lead_sources_show(page, f ? http_form(rq, "source") :
				id.n ? db_first(b, row, "source") : SV("manual"));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/lead_form", page, e);
}

enum status lead_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status lead_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "lead", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

static const char insert_sql[] =
	"insert into leads (id, name, company_name, title, email, phone, source, owner_id, team_id, territory, company_size,"
	"	description, tags, custom_fields)"
	" values ($1::uuid, $2, nullif($3, ''), nullif($4, ''), nullif($5, ''), nullif($6, ''), $7, $8::uuid, $9::uuid,"
	"	nullif($10, ''), nullif($11, '')::integer, nullif($12, ''),"
	"	array(select jsonb_array_elements_text($13::jsonb)), $14::jsonb)"
	" on conflict (organization_id, id) do nothing";

static const char update_sql[] =
	"update leads l set name = $2, company_name = nullif($3, ''), title = nullif($4, ''), email = nullif($5, ''),"
	"	phone = nullif($6, ''), source = $7, owner_id = $8::uuid, team_id = $9::uuid, territory = nullif($10, ''),"
	"	company_size = nullif($11, '')::integer, description = nullif($12, ''),"
	"	tags = array(select jsonb_array_elements_text($13::jsonb)),"
	"	custom_fields = internal.custom_merged('lead', l.custom_fields, $14::jsonb)"
	" where l.id = $1::uuid";

static bool is_count(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n <= 9;
}

static int add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv name = form_required(f, "name", tr("Write the name of the person"));
	struct sv company = form_text(f, "company_name"), title = form_text(f, "title");
	struct sv email = form_text(f, "email"), phone = form_text(f, "phone");
	struct sv source = form_text(f, "source"), owner = form_id(f, "owner_id"), team = form_id(f, "team_id");
	struct sv territory = form_text(f, "territory"), size = form_text(f, "company_size");
	struct sv text = form_text(f, "description"), tags = form_words(f, "tags");
	struct sv custom = form_custom(f);

	if (!is_count(size))
		form_error(f, "company_size", sv_from(tr("Write a whole number")));
	return db_add(b, make ? insert_sql : update_sql, DB_S(id), DB_S(name), DB_S(company), DB_S(title),
		      DB_S(email), DB_S(phone), DB_S(source.n ? source : SV("manual")), DB_OPT(owner), DB_OPT(team),
		      DB_S(territory), DB_S(size), DB_S(text), DB_S(tags), DB_S(custom));
}

static const struct record_form form = { "lead", "/leads/", add_save, show };

enum status lead_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_create(&form, rq, rs, e);
}

enum status lead_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return record_save(&form, rq, rs, e);
}
