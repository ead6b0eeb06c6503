/*
 * /settings/organization: name, slug, time zone, currency, hours of business
 * (AUTH-59, AUTH-60). /organizations: those that one
 * belongs to, and the way between them (AUTH-58).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

/* Keys of business_hours, and what the form calls the days. */
static const struct {
	const char *key, *name;
} week[] = {
	{ "mon", "Monday" }, { "tue", "Tuesday" },  { "wed", "Wednesday" }, { "thu", "Thursday" },
	{ "fri", "Friday" }, { "sat", "Saturday" }, { "sun", "Sunday" },
};

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row, hours;

	web_me(rq, b);
	row = db_add(b,
		"select o.name, o.slug, o.timezone, o.currency"
		" from organizations o where o.id = auth.org()");
	hours = db_add(b,
		"select d.key, d.name, o.business_hours ? d.key as on, coalesce(o.business_hours #>> array[d.key, '0', '0'], '09:00') as start,"
		" coalesce(o.business_hours #>> array[d.key, '0', '1'], '17:00') as end"
		" from organizations o, (values (1, 'mon', 'Monday'), (2, 'tue', 'Tuesday'), (3, 'wed', 'Wednesday'),"
		" (4, 'thu', 'Thursday'), (5, 'fri', 'Friday'), (6, 'sat', 'Saturday'), (7, 'sun', 'Sunday')) d (n, key, name)"
		" where o.id = auth.org() order by d.n");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "form", b, row, 0);
	web_set_rows(page, "hours", b, hours);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/organization", page, e);
}

enum status organization_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

static struct sv day_field(struct http_request *rq, const char *name, const char *key)
{
	return sv_trim(http_form(rq, arena_printf(rq->arena, "%s.%s", name, key)));
}

/* {"mon": [["09:00", "17:00"]], ...}: a day that is not named is closed. */
static struct sv read_hours(struct form *f)
{
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '{');
	for (size_t i = 0; i < sizeof(week) / sizeof(*week); i++) {
		struct sv start = day_field(f->rq, "start", week[i].key);
		struct sv end = day_field(f->rq, "end", week[i].key);

		if (!day_field(f->rq, "on", week[i].key).n)
			continue;
		if (!start.n || !end.n)
			form_error(f, "hours", SV("An open day has a beginning and an end"));
		buf_json_key(&json, week[i].key);
		buf_lit(&json, "[[");
		buf_json(&json, start);
		buf_addc(&json, ',');
		buf_json(&json, end);
		buf_lit(&json, "]]");
	}
	buf_addc(&json, '}');
	return arena_sv(f->rq->arena, buf_sv(&json));
}

enum status organization_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv name, slug, zone, currency, hours;
	struct form f;

	form_init(&f, rq);
	name = form_required(&f, "name", "Write the name of your organization");
	slug = form_required(&f, "slug", "Lower-case letters, digits and hyphens");
	zone = form_required(&f, "timezone", "Choose a time zone");
	currency = form_required(&f, "currency", "Three capital letters, such as EUR");
	hours = read_hours(&f);
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b,
	       "update organizations set name = $1, slug = $2, timezone = $3, currency = upper($4), business_hours = $5::jsonb"
	       " where id = auth.org()",
	       DB_S(name), DB_S(slug), DB_S(zone), DB_S(currency), DB_S(hours));
	if (db_run(b, e)) {
		if (sv_eq(e->field, SV("business_hours")))
			e->field = SV("hours");
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	return http_redirect(rs, SV("/settings/organization?done=saved"));
}

/* ---- between organizations ------------------------------------------------------------ */

static enum status show_all(struct http_request *rq, struct http_response *rs, const struct form *f,
			    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b, "select o.id, o.name, o.slug, internal.role_name(o.role) as role, o.is_active as is_here"
			 " from public.list_organizations() o");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "organizations", b, rows);
	tmpl_set_bool(page, "may_make", !rq->tenant.n);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/organizations", page, e);
}

enum status organizations_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_all(rq, rs, NULL, e);
}

static enum status not_there(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct form f;

	if (e->status != ST_FORBIDDEN)
		return e->status;
	form_init(&f, rq);
	form_error(&f, "form", err_message(e));
	return show_all(rq, rs, &f, e);
}

/* Not a member, or not now and not from here: auth.check_login has its say. */
enum status organization_switch(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_form(rq, "organization_id");

	if (!uuid_valid(id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This organization does not exist");
	db_add(b, "select id from auth.switch_organization($1::uuid, $2)", DB_S(id), DB_S(rq->remote_addr));
	if (db_run(b, e))
		return not_there(rq, rs, e);
	return http_redirect(rs, SV("/?done=switched"));
}

enum status organization_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv name;

	form_init(&f, rq);
	name = form_required(&f, "name", "Write the name of the organization");
	if (f.wrong)
		return show_all(rq, rs, &f, e);
	db_add(b,
	       "select s.id from (select public.create_organization($1, null, o.timezone, o.currency) as id"
	       " from organizations o where o.id = auth.org()) made, auth.switch_organization(made.id, $2) s",
	       DB_S(name), DB_S(rq->remote_addr));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show_all(rq, rs, &f, e);
	}
	return http_redirect(rs, SV("/settings/organization?done=created"));
}
