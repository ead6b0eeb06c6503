/* /settings, and /settings/profile: name, booking name, time zone. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

enum status settings_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	web_me(rq, b);
	if (db_run(b, e))
		return e->status;
	return web_render(rq, rs, "app/settings", web_page(rq, b), e);
}

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	web_me(rq, b);
	row = db_add(b,
		"select p.first_name, p.last_name, p.username, p.timezone, p.email, p.notify_bookings"
		" from profiles p where p.id = auth.uid()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings_profile", page, e);
}

enum status profile_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* The first part of /schedule/<username>/...: what a URL can hold. */
static bool is_username(struct sv s)
{
	if (s.n < 2 || s.n > 50 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		      s.p[i] == '-' || s.p[i] == '.'))
			return false;
	return true;
}

/* /schedule/booking/ and the like lead elsewhere. */
static bool is_reserved(struct sv s)
{
	return sv_eq(s, SV("booking")) || sv_eq(s, SV("assets")) || sv_eq(s, SV("new"));
}

enum status profile_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv first, last, username, zone;
	bool notify = http_form(rq, "notify_bookings").n > 0;
	int saved;

	form_init(&f, rq);
	first = form_required(&f, "first_name", "Write your first name");
	last = form_text(&f, "last_name");
	username = form_text(&f, "username");
	zone = form_required(&f, "timezone", "Choose your time zone");
	tmpl_set_bool(f.values, "notify_bookings", notify);
	if (username.n && !is_username(username))
		form_error(&f, "username", SV("2 to 50 lower-case letters, digits, dots and hyphens"));
	else if (is_reserved(username))
		form_error(&f, "username", SV("This name is reserved; choose another one"));
	if (f.wrong)
		return show(rq, rs, &f, e);
	saved = db_add(b,
		"update profiles set first_name = $1, last_name = nullif($2, ''), username = nullif($3, ''), timezone = $4,"
		" notify_bookings = $5 where id = auth.uid()"
		" and ($4 = timezone or exists (select from pg_timezone_names z where z.name = $4))",
		DB_S(first), DB_S(last), DB_S(username), DB_S(zone), DB_B(notify));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	if (!db_affected(b, saved)) {
		form_error(&f, "timezone", SV("There is no such time zone; write one such as Europe/Berlin"));
		return show(rq, rs, &f, e);
	}
	return http_redirect(rs, SV("/settings/profile?done=saved"));
}
