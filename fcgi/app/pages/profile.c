/*
 * /profile: who one is here, the plan, the address, the password (AUTH-31..40).
 * Second factor and sessions: security.c.
 */
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

/* The statements of every tab: the person, and his account. */
static int add_person(struct http_request *rq, struct db_batch *b)
{
	web_me(rq, b);
	return db_add(b,
		"select p.first_name, p.last_name, p.username, p.timezone, p.language, p.phone, p.email, p.notify_bookings,"
		" internal.initials(p.first_name, p.last_name, p.email) as initials,"
		" internal.person(p.first_name, p.last_name, p.email) as name,"
		" internal.role_name(auth.app_role()) as role, a.new_email, a.has_password,"
		" internal.shown_time(a.new_email_until, p.timezone) as new_email_until"
		" from profiles p, app.account() a where p.id = auth.uid()");
}

/* The languages of Kontor, and the one of the profile among them. */
static void add_chosen(struct http_request *rq, struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, "languages");
	const struct tr_language *now = tr_language(chosen);

	for (const struct tr_language *l = tr_languages; l->code; l++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "code", sv_from(l->code));
		tmpl_set_text(one, "name", sv_from(l->name));
		tmpl_set_bool(one, "chosen", now ? l == now : l == web_language(rq));
	}
}

static enum status render(struct http_request *rq, struct http_response *rs, const char *name,
			  struct db_batch *b, int row, const struct form *f, struct err *e)
{
	struct tmpl_value *page;

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	if (f)
		form_show(f, page, rs);
	add_chosen(rq, page, f ? http_form(rq, "language") : db_first(b, row, "language"));
	return web_render(rq, rs, name, page, e);
}

/* ---- Profile Information --------------------------------------------------------- */

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);

	return render(rq, rs, "app/profile", b, add_person(rq, b), f, e);
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

struct person {
	struct sv first, last, username, zone, phone, language;
	bool notify;
};

static void read_person(struct form *f, struct person *p)
{
	p->first = form_required(f, "first_name", "Write your first name");
	p->last = form_text(f, "last_name");
	p->username = form_text(f, "username");
	p->zone = form_required(f, "timezone", "Choose your time zone");
	p->phone = form_text(f, "phone");
	p->language = form_text(f, "language");
	p->notify = http_form(f->rq, "notify_bookings").n > 0;
	tmpl_set_bool(f->values, "notify_bookings", p->notify);
	if (p->username.n && !is_username(p->username))
		form_error(f, "username", SV("2 to 50 lower-case letters, digits, dots and hyphens"));
	else if (is_reserved(p->username))
		form_error(f, "username", SV("This name is reserved; choose another one"));
}

enum status profile_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct person p;
	struct form f;
	int saved;

	form_init(&f, rq);
	read_person(&f, &p);
	if (f.wrong)
		return show(rq, rs, &f, e);
	saved = db_add(b,
		"update profiles set first_name = $1, last_name = nullif($2, ''), username = nullif($3, ''), timezone = $4,"
		" notify_bookings = $5, phone = nullif($6, ''), language = coalesce(nullif($7, ''), language)"
		" where id = auth.uid()"
		" and ($4 = timezone or exists (select from pg_timezone_names z where z.name = $4))",
		DB_S(p.first), DB_S(p.last), DB_S(p.username), DB_S(p.zone), DB_B(p.notify),
		DB_S(p.phone), DB_S(p.language));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, e);
	}
	if (!db_affected(b, saved)) {
		form_error(&f, "timezone", SV("There is no such time zone; write one such as Europe/Berlin"));
		return show(rq, rs, &f, e);
	}
	if (tr_language(p.language))
		web_remember_language(rq, rs, sv_from(tr_language(p.language)->code));
	return http_redirect(rs, SV("/profile?done=saved"));
}

/* ---- the language, from any page -------------------------------------------------- */

/* Back to where one was, in the language that was chosen there. */
static enum status speak(struct http_request *rq, struct http_response *rs)
{
	struct sv next = http_form(rq, "next");

	web_remember_language(rq, rs, sv_from(tr_language(http_form(rq, "language"))->code));
	return http_redirect(rs, next.n ? next : SV("/"));
}

enum status profile_language(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	if (!tr_language(http_form(rq, "language")))
		return err_set(e, rq->arena, ST_BAD_INPUT, "Kontor does not speak this language");
	db_add(b, "update profiles set language = $1 where id = auth.uid()",
	       DB_S(http_form(rq, "language")));
	if (db_run(b, e))
		return e->status;
	return speak(rq, rs);
}

/* Before signing in. */
enum status login_language(struct http_request *rq, struct http_response *rs, struct err *e)
{
	if (!tr_language(http_form(rq, "language")))
		return err_set(e, rq->arena, ST_BAD_INPUT, "Kontor does not speak this language");
	speak(rq, rs);
	return http_redirect(rs, SV("/login"));
}

/* ---- Subscription (AUTH-38, AUTH-39) ----------------------------------------------- */

enum status profile_subscription(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int plan, usage, row = add_person(rq, b);

	plan = db_add(b,
		"select v ->> 'name' as name, v ->> 'description' as description, v -> 'features' as features,"
		" case when (v ->> 'price')::numeric > 0 then internal.shown_money((v ->> 'price')::numeric, v ->> 'currency') end as price,"
		" v ->> 'status' = 'active' as is_active, v ->> 'status' = 'trial' as is_trial, v ->> 'status' = 'cancelled' as is_cancelled,"
		" v ->> 'trial_days_remaining' as trial_days, v ->> 'next_billing_date' as next_billing_date,"
		" to_char((v ->> 'current_period_end')::timestamptz at time zone (select internal.my_zone()), 'FMDD Mon YYYY') as period_end"
		" from public.subscription_overview() v");
	usage = db_add(b,
		"select k.label, to_char((u.v ->> 'used')::bigint, 'FM999,999,999') as used, (u.v ->> 'used')::bigint as value,"
		" to_char((u.v ->> 'total')::bigint, 'FM999,999,999') as total, (u.v ->> 'total')::bigint as max, u.v ->> 'percent' as percent"
		" from public.subscription_overview() s,"
		" (values (1, 'contacts', 'Contacts'), (2, 'conversations', 'Conversations'), (3, 'team_members', 'Team members')) k (n, key, label),"
		" lateral (select s -> 'usage' -> k.key as v) u order by k.n");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "record", b, row, 0);
	web_set_row(page, "plan", b, plan, 0);
	web_set_rows(page, "usage", b, usage);
	return web_render(rq, rs, "app/profile_subscription", page, e);
}

/* ---- Email Address (AUTH-35, AUTH-36) ------------------------------------------------ */

static enum status show_email(struct http_request *rq, struct http_response *rs,
			      const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	return render(rq, rs, "app/profile_email", b, add_person(rq, b), f, e);
}

enum status profile_email(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_email(rq, rs, NULL, e);
}

static void email_refused(struct form *f, struct sv outcome, struct sv wait)
{
	if (sv_eq(outcome, SV("email_exists")))
		form_error(f, "new_address", SV("There is an account with this address already"));
	else if (sv_eq(outcome, SV("too_soon")))
		form_error(f, "new_address",
			   sv_from(arena_printf(f->rq->arena,
						"A mail went there just now. Try again in %.*s seconds",
						SV_ARG(wait))));
	else
		form_error(f, "form", SV("Sign in again with your second factor first"));
}

/* The current address is told of the change, so it has to be known first. */
enum status profile_email_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct letter l = { .kind = LETTER_EMAIL_CHANGE, .page = "/verify" };
	struct db_batch *b = web_batch(rq);
	struct sv letter, outcome;
	struct form f;
	int done;

	form_init(&f, rq);
	l.to = form_email(&f, "new_address");
	done = db_add(b, "select auth.my_email(), lower($1) = auth.my_email() as same", DB_S(l.to));
	if (db_run(b, e))
		return e->status;
	l.current = db_get(b, done, 0, 0);
	if (is_true(db_first(b, done, "same")))
		form_error(&f, "new_address", SV("This is your address already"));
	if (f.wrong)
		return show_email(rq, rs, &f, e);
	if (letter_json(&l, web_templates(rq), rq->arena, &letter, e))
		return e->status;
	b = web_batch(rq);
	done = db_add(b, "select outcome, wait from auth.update_user($1, null, null, $2)",
		      DB_S(l.to), DB_S(letter));
	if (db_run(b, e))
		return e->status;
	outcome = db_first(b, done, "outcome");
	if (sv_eq(outcome, SV("ok")))
		return http_redirect(rs, SV("/profile/email?done=mailed"));
	email_refused(&f, outcome, db_first(b, done, "wait"));
	return show_email(rq, rs, &f, e);
}

/* ---- Password (AUTH-37) ---------------------------------------------------------------- */

static enum status show_password(struct http_request *rq, struct http_response *rs,
				 const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	return render(rq, rs, "app/profile_password", b, add_person(rq, b), f, e);
}

enum status profile_password(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_password(rq, rs, NULL, e);
}

/* Who came by another provider has no password to name yet. */
static enum status check_current(struct form *f, struct err *e)
{
	struct http_request *rq = f->rq;
	struct db_batch *b = account_batch(rq);
	struct password p;
	bool right;
	int row = db_add(b, "select user_id, password_hash, locked_seconds from auth.session_password($1)",
			 DB_S(crypto_token_hash(rq->arena, rq->session)));

	if (db_run(b, e))
		return e->status;
	p = password_of(b, row);
	if (!p.hash.n)
		return ST_OK;
	if (p.locked_seconds > 0) {
		form_error(f, "current", SV("Locked after repeated failures. Try again in a quarter of an hour"));
		return ST_OK;
	}
	if (password_check(rq, &p, http_form(rq, "current"), &right, e))
		return e->status;
	if (!right)
		form_error(f, "current", SV("This is not your current password"));
	return ST_OK;
}

enum status profile_password_save(struct http_request *rq, struct http_response *rs,
				  struct err *e)
{
	struct db_batch *b;
	struct form f;
	struct sv hash;
	int done;

	form_init(&f, rq);
	hash = form_new_password(&f);
	if (!f.wrong && check_current(&f, e))
		return e->status;
	if (f.wrong)
		return show_password(rq, rs, &f, e);
	b = web_batch(rq);
	done = db_add(b, "select outcome from auth.update_user(null, $1, null, null)", DB_S(hash));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, done, "outcome"), SV("ok"))) {
		form_error(&f, "form", SV("Sign in again with your second factor first"));
		return show_password(rq, rs, &f, e);
	}
	return http_redirect(rs, SV("/profile/password?done=password"));
}
