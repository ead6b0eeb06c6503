/*
 * /settings/sessions: who is signed in, and the end of it (ADM-31, ADM-32).
 * /settings/addresses: from where one may sign in (ADM-30).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#define ADMINS "select internal.admins_only('IP restrictions')"

/* ---- sessions ------------------------------------------------------------------ */

enum status sessions_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		"select s.id, s.device, s.remote_addr, s.is_current, s.kind = 'web' as is_web,"
		" internal.shown_time(s.created_at, (select internal.my_zone())) as began,"
		" internal.shown_time(s.last_seen_at, (select internal.my_zone())) as seen,"
		" internal.person(p.first_name, p.last_name, p.email) as name, p.email,"
		" internal.initials(p.first_name, p.last_name, p.email) as initials"
		" from internal.sessions() s left join profiles p on p.organization_id ="
		" auth.org() and p.id = s.user_id"
		" order by s.is_current desc nulls last, s.last_seen_at desc");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	return web_render(rq, rs, "app/settings/sessions", page, e);
}

enum status session_end(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "session", &id, e))
		return e->status;
	db_add(b, "select internal.session_revoke($1::uuid)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/sessions?done=ended"));
}

/* ---- addresses ------------------------------------------------------------------ */

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows, keys;

	web_me(rq, b);
	db_add(b, ADMINS);
	rows = db_add(b,
		"select r.id, r.range::text as range, r.label, internal.in_ranges($1,"
		" array[r.range]) as is_mine,"
		" internal.shown_time(r.created_at, (select internal.my_zone())) as made,"
		" internal.person(p.first_name, p.last_name, p.email) as maker, p.id is not null"
		" as has_maker"
		" from ip_ranges r left join profiles p on p.organization_id = r.organization_id"
		" and p.id = r.created_by"
		" order by r.range", DB_S(rq->remote_addr));
	keys = db_add(b, "select o.restrict_keys_by_ip as yes from organizations o where o.id ="
		" auth.org()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	tmpl_set_bool(page, "any", db_rows(b, rows) > 0);
	web_set_row(page, "keys", b, keys, 0);
	tmpl_set_text(page, "address", rq->remote_addr);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/addresses", page, e);
}

enum status addresses_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* What was refused because of the list as a whole stands beside the new range. */
static enum status refused(struct http_request *rq, struct http_response *rs, struct form *f,
			   const struct db_batch *b, struct err *e)
{
	if (sv_eq(e->field, SV("allowed_ips")))
		e->field = SV("range");
	if (!form_refused(f, b, e))
		return e->status;
	return show(rq, rs, f, e);
}

enum status address_add(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv range, label;
	struct form f;

	form_init(&f, rq);
	range = form_required(&f, "range", "Write an address or a range");
	label = form_text(&f, "label");
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b, ADMINS);
	db_add(b, "insert into ip_ranges (range, label) select r, nullif($2, '') from"
		" unnest(internal.as_ranges(array[$1])) r"
		  " on conflict (organization_id, range) do update set label = excluded.label",
	       DB_S(range), DB_S(label));
	if (db_run(b, e))
		return refused(rq, rs, &f, b, e);
	return http_redirect(rs, SV("/settings/addresses?done=created"));
}

enum status address_remove(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id;
	int gone;

	if (path_id(rq, "range", &id, e))
		return e->status;
	form_init(&f, rq);
	db_add(b, ADMINS);
	gone = db_add(b, "delete from ip_ranges where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return refused(rq, rs, &f, b, e);
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This range does not exist any more");
	return http_redirect(rs, SV("/settings/addresses?done=deleted"));
}

enum status address_keys(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, ADMINS);
	db_add(b, "update organizations set restrict_keys_by_ip = $1 where id = auth.org()",
	       DB_B(http_form(rq, "restrict").n > 0));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/addresses?done=saved"));
}
