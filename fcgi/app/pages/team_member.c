/*
 * /settings/team/:id: one member: role, permissions, and his leaving
 * (AUTH-71..75, AUTH-83, AUTH-97..99). When he works: team_hours.c.
 */
#include "fcgi/app/team.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

int member_add(struct http_request *rq, struct db_batch *b, struct sv id)
{
	web_me(rq, b);
	return db_add(b,
		"select m.user_id as id, internal.person(m.first_name, m.last_name, m.email) as name, m.email,"
		" internal.initials(m.first_name, m.last_name, m.email) as initials, m.role as role_key,"
		" internal.role_name(m.role) as role, m.role = 'OWNER' as is_owner, m.permission_set, m.is_active, m.is_online,"
		" m.is_available, array_to_string(m.teams, ', ') as teams, m.user_id = auth.uid() as is_me,"
		" internal.shown_time(m.last_seen_at, (select internal.my_zone())) as seen,"
		" o.timezone as zone, coalesce((m.permissions ->> 'restrict_login_to_schedule')::boolean, false) as is_restricted"
		" from public.list_members() m, organizations o where m.user_id = $1::uuid and o.id = auth.org()",
		DB_S(id));
}

enum status member_read(struct http_request *rq, struct db_batch *b, int row,
			struct tmpl_value **page, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This member does not exist");
	*page = web_page(rq, b);
	web_set_row(*page, "member", b, row, 0);
	return ST_OK;
}

enum status member_done(struct http_request *rq, struct http_response *rs, struct sv id,
			const char *rest)
{
	return redirect_to(rq, rs, "/settings/team/", id, rest);
}

/* ---- the member -------------------------------------------------------------------- */

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = member_add(rq, b, id), role, sets, load;

	role = db_add(b, "select r.role, r.permission_set_id from user_roles r where r.user_id = $1::uuid", DB_S(id));
	sets = db_add(b, "select s.id, s.name, internal.role_name(s.role) as role from permission_sets s order by s.name");
	load = db_add(b, "select active_tasks, open_conversations, capacity_percent from public.agent_workload()"
			 " where user_id = $1::uuid", DB_S(id));
	if (member_read(rq, b, row, &page, e))
		return e->status;
	web_set_row(page, "form", b, role, 0);
	web_set_rows(page, "sets", b, sets);
	if (db_rows(b, load))
		web_set_row(page, "load", b, load, 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/member", page, e);
}

enum status member_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "member", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* Nobody changes his own role, and the owner's stays: sql/056_members.sql. */
enum status member_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, role, set;
	struct form f;
	int saved;

	if (path_id(rq, "member", &id, e))
		return e->status;
	form_init(&f, rq);
	role = form_required(&f, "role", "Choose a role");
	set = form_id(&f, "permission_set_id");
	if (f.wrong)
		return show(rq, rs, id, &f, e);
	saved = db_add(b, "update user_roles set role = $2, permission_set_id = $3::uuid where user_id = $1::uuid",
		       DB_S(id), DB_S(role), DB_OPT(set));
	if (db_run(b, e)) {
		if (e->status == ST_FORBIDDEN)
			form_error(&f, "form", err_message(e));
		else if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, id, &f, e);
	}
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This member does not exist");
	return member_done(rq, rs, id, "?done=saved");
}

/* ---- permissions (AUTH-71, AUTH-72) ------------------------------------------------------ */

/* Of each flag: what the role, with its set, gives; and what the member has. */
#define FLAGS_SQL                                                                              \
	"with m as (select r.role, p.permissions as own, s.permissions as of_set from user_roles r" \
	" join profiles p on p.organization_id = r.organization_id and p.id = r.user_id"        \
	" left join permission_sets s on s.organization_id = r.organization_id and s.id = r.permission_set_id" \
	" where r.user_id = $1::uuid),"                                                         \
	" flags as (select f.key, f.label, f.category, f.position, m.role = any (f.never) as never,"  \
	" not m.role = any (f.never) and coalesce((m.of_set ->> f.key)::boolean, m.role = any (f.roles)) as given," \
	" (m.own ->> f.key)::boolean as own from internal.permission_flags f, m)"

static enum status show_permissions(struct http_request *rq, struct http_response *rs, struct sv id,
				    const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = member_add(rq, b, id);
	int groups = db_add(b, FLAGS_SQL
		" select x.category, min(x.position) as first, json_agg(json_build_object('key', x.key, 'label', x.label,"
		" 'on', not x.never and coalesce(x.own, x.given), 'never', x.never,"
		" 'changed', not x.never and x.own is not null and x.own <> x.given) order by x.position) as flags"
		" from flags x group by x.category order by 2", DB_S(id));

	if (member_read(rq, b, row, &page, e))
		return e->status;
	web_set_rows(page, "groups", b, groups);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/member_permissions", page, e);
}

enum status member_permissions(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "member", &id, e))
		return e->status;
	return show_permissions(rq, rs, id, NULL, e);
}

/* What is ticked as the role has it is left to the role: only differences are
 * the member's own. */
enum status member_permissions_save(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, ticked;
	struct form f;
	int saved;

	if (path_id(rq, "member", &id, e))
		return e->status;
	form_init(&f, rq);
	ticked = form_lines(&f, "flag");
	saved = db_add(b, FLAGS_SQL
		" update profiles set permissions = coalesce((select jsonb_object_agg(x.key, $2::jsonb ? x.key)"
		" from flags x where not x.never and ($2::jsonb ? x.key) <> x.given), '{}') where id = $1::uuid",
		DB_S(id), DB_S(ticked));
	if (db_run(b, e)) {
		if (e->status != ST_FORBIDDEN)
			return e->status;
		form_error(&f, "form", err_message(e));
		return show_permissions(rq, rs, id, &f, e);
	}
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This member does not exist");
	return member_done(rq, rs, id, "/permissions?done=saved");
}

/* ---- leaving (AUTH-97..99) --------------------------------------------------------------- */

/* What can be handed over; the key is what public.reassign_work calls it. */
static const char *const kinds[] = { "conversations", "deals", "leads", "tasks", "contacts" };

static enum status show_remove(struct http_request *rq, struct http_response *rs, struct sv id,
			       const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = member_add(rq, b, id), work, others;

	work = db_add(b,
		"select k.key, k.label, (w ->> k.key)::bigint as n from public.member_work($1::uuid) w,"
		" (values (1, 'conversations', 'Open conversations'), (2, 'deals', 'Open deals'), (3, 'leads', 'Open leads'),"
		" (4, 'tasks', 'Open tasks'), (5, 'contacts', 'Contacts')) k (n, key, label) order by k.n", DB_S(id));
	others = db_add(b,
		"select m.user_id as id, internal.person(m.first_name, m.last_name, m.email) as name"
		" from public.list_members() m where m.is_active and m.user_id <> $1::uuid order by 2", DB_S(id));
	if (member_read(rq, b, row, &page, e))
		return e->status;
	web_set_rows(page, "work", b, work);
	web_set_rows(page, "others", b, others);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/member_remove", page, e);
}

enum status member_leaving(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "member", &id, e))
		return e->status;
	return show_remove(rq, rs, id, NULL, e);
}

/* Each kind goes to a member, to nobody, or stays; then he is removed, all in
 * one transaction. */
enum status member_remove(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id;

	if (path_id(rq, "member", &id, e))
		return e->status;
	form_init(&f, rq);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct sv to = http_form(rq, kinds[i]);

		if (uuid_valid(to) || sv_eq(to, SV("nobody")))
			db_add(b, "select public.reassign_work($1::uuid, $2, $3::uuid)", DB_S(id),
			       DB_C(kinds[i]), DB_OPT(uuid_valid(to) ? to : SV_NONE));
	}
	db_add(b, "select public.remove_member($1::uuid)", DB_S(id));
	if (db_run(b, e)) {
		if (e->status != ST_FORBIDDEN)
			return e->status;
		form_error(&f, "form", err_message(e));
		return show_remove(rq, rs, id, &f, e);
	}
	return http_redirect(rs, SV("/settings/team?done=removed"));
}
