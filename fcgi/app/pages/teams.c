/*
 * /settings/teams: groups of members with one manager each (ADM-8..13). Who
 * manages users makes and changes them; a team administrator keeps the members
 * of the teams that are his (AUTH-67).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		"select t.id, t.name, internal.person(p.first_name, p.last_name, p.email) as manager, p.id is not null as has_manager,"
		" auth.may('can_manage_team') or t.manager_id = auth.uid() as is_mine,"
		" (select json_agg(json_build_object('initials', internal.initials(u.first_name, u.last_name, u.email),"
		"	'name', internal.person(u.first_name, u.last_name, u.email)) order by u.first_name, u.email)"
		"	from team_members m join profiles u on u.organization_id = m.organization_id and u.id = m.user_id"
		"	where m.team_id = t.id and u.is_active) as members"
		" from teams t left join profiles p on p.organization_id = t.organization_id and p.id = t.manager_id order by t.name");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "teams", b, rows);
	tmpl_set_bool(page, "any", db_rows(b, rows) > 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/teams", page, e);
}

enum status teams_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

enum status team_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = uuid_new(rq->arena), name;
	struct form f;

	form_init(&f, rq);
	name = form_required(&f, "name", "Write the name of the team");
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b, "insert into teams (id, name) values ($1::uuid, $2)", DB_S(id), DB_S(name));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	return redirect_to(rq, rs, "/settings/teams/", id, "");
}

static enum status show_one(struct http_request *rq, struct http_response *rs, struct sv id,
			    const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row, members, managers;

	web_me(rq, b);
	row = db_add(b, "select t.id, t.name, t.manager_id, auth.may('can_manage_team') as can_rename,"
			" internal.person(p.first_name, p.last_name, p.email) as manager"
			" from teams t left join profiles p on p.organization_id = t.organization_id and p.id = t.manager_id"
			" where t.id = $1::uuid and (auth.may('can_manage_team') or t.manager_id = auth.uid())", DB_S(id));
	members = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name, p.email,"
		" exists (select from team_members m where m.team_id = $1::uuid and m.user_id = p.id) as is_in"
		" from profiles p where p.is_active order by 2", DB_S(id));
	managers = db_add(b,
		"select p.id, internal.person(p.first_name, p.last_name, p.email) as name from profiles p"
		" join user_roles r on r.organization_id = p.organization_id and r.user_id = p.id"
		" where p.is_active and r.role in ('OWNER', 'ADMIN', 'TEAM_ADMIN') order by 2");
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This team does not exist");
	page = web_page(rq, b);
	web_set_row(page, "team", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	web_set_rows(page, "members", b, members);
	web_set_rows(page, "managers", b, managers);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/team_edit", page, e);
}

enum status team_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "team", &id, e))
		return e->status;
	return show_one(rq, rs, id, NULL, e);
}

static void add_members(struct db_batch *b, struct sv id, struct sv chosen)
{
	db_add(b, "delete from team_members where team_id = $1::uuid and not $2::jsonb ? user_id::text",
	       DB_S(id), DB_S(chosen));
	db_add(b,
	       "insert into team_members (team_id, user_id) select $1::uuid, p.id from profiles p"
	       " where $2::jsonb ? p.id::text on conflict (organization_id, team_id, user_id) do nothing",
	       DB_S(id), DB_S(chosen));
}

/* Without the field `name` only the members are meant: the form of a team
 * administrator has none. */
enum status team_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, chosen;
	struct form f;

	if (path_id(rq, "team", &id, e))
		return e->status;
	form_init(&f, rq);
	chosen = form_lines(&f, "member");
	must_exist(b, "teams", id);
	if (sv_present(http_form(rq, "name")))
		db_add(b, "update teams set name = $2, manager_id = $3::uuid where id = $1::uuid", DB_S(id),
		       DB_S(form_required(&f, "name", "Write the name of the team")),
		       DB_OPT(form_id(&f, "manager_id")));
	if (f.wrong)
		return show_one(rq, rs, id, &f, e);
	add_members(b, id, chosen);
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show_one(rq, rs, id, &f, e);
	}
	return http_redirect(rs, SV("/settings/teams?done=saved"));
}

enum status team_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "team", &id, e))
		return e->status;
	gone = db_add(b, "delete from teams where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This team does not exist");
	return http_redirect(rs, SV("/settings/teams?done=deleted"));
}
