/*
 * /onboarding: what comes before everything else for who signed up by himself
 * (AUTH-44..50). The address is confirmed, or there would be no session; the
 * subscription step passes by itself where the plan is open; channels are for
 * now or later.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int org, plan, channels;

	web_me(rq, b);
	org = db_add(b, "select o.name, o.timezone, o.currency from organizations o where o.id = auth.org()");
	plan = db_add(b, "select s.is_open, v ->> 'name' as name, v ->> 'description' as description, v -> 'features' as features"
			 " from app.subscription_state() s, public.subscription_overview() v");
	channels = db_add(b,
		"select c.id, c.name, initcap(replace(c.type, '_', ' ')) as type, c.is_active,"
		" c.connection_state = 'Connected' as is_connected from channel_accounts c where c.deleted_at is null order by c.created_at");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "form", b, org, 0);
	web_set_row(page, "plan", b, plan, 0);
	web_set_rows(page, "channels", b, channels);
	tmpl_set_bool(page, "any", db_rows(b, channels) > 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/onboarding", page, e);
}

enum status onboarding_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* AUTH-5: the name was given at sign-up; here are time zone and currency. */
enum status onboarding_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv name, zone, currency;
	struct form f;
	int saved;

	form_init(&f, rq);
	name = form_required(&f, "name", "Write the name of your organization");
	zone = form_required(&f, "timezone", "Choose your time zone");
	currency = form_required(&f, "currency", "Three capital letters, such as EUR");
	if (f.wrong)
		return show(rq, rs, &f, e);
	saved = db_add(b, "update organizations set name = $1, timezone = $2, currency = upper($3)"
			  " where id = auth.org()", DB_S(name), DB_S(zone), DB_S(currency));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_FORBIDDEN, "Only owners and administrators change the organization");
	return http_redirect(rs, SV("/onboarding?done=saved"));
}

/* "Finish Setup" and "Skip for Now" come to the same (AUTH-49); not before the
 * plan is open (AUTH-46). */
enum status onboarding_finish(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int done = db_add(b, "update profiles set onboarding_completed = true where id = auth.uid()"
			     " and (select s.is_open from app.subscription_state() s)");

	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, db_affected(b, done) ? SV("/") : SV("/onboarding"));
}
