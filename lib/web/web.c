#include "web/internal.h"

#include "base/conf.h"
#include "base/log.h"
#include "crypto/crypto.h"


static struct {
	struct web web;
	void (*idle)(void *web);
} program;

static void idle(void *user)
{
	if (program.idle)
		program.idle(user);
}

/* What can go wrong at start goes to the log with its remedy; the process
 * then ends and is started again by its supervisor. */
static int refuse(const struct err *e)
{
	struct sv message = err_message(e);

	log_error("cannot start", LOG_S("why", message));
	return 1;
}

int web_main(const char *name, const struct http_route *routes, http_error_writer *error,
	     void (*on_idle)(void *web))
{
	struct arena *a = arena_new();
	struct err e = { 0 };
	struct http_program p = {
		.name = name,
		.routes = routes,
		.error = error ? error : web_error_page,
		.user = &program.web,
		.idle = idle,
		.admit = web_admit,
		.settle = web_settle,
		.head = web_head,
	};
	int code;

	log_setup(name, "info");
	if (conf_load(NULL, a, &e))
		return refuse(&e);
	log_setup(name, conf_str(CONF_log_level));
	if (crypto_key_load(conf_str(CONF_master_key_file), a, &e))
		return refuse(&e);
	program.web.db = db_from_conf(name);
	program.web.pages = !error;
	tr_open(conf_str(CONF_templates_dir));
	program.idle = on_idle;
	code = http_serve(&p);
	for (size_t i = 0; i < WEB_LANGUAGES; i++)
		tmpl_set_free(program.web.templates[i]);
	db_free(program.web.db);
	arena_free(a);
	return code;
}

struct web_state *web_state(struct http_request *rq)
{
	if (!rq->state)
		rq->state = ARENA_NEW(rq->arena, struct web_state);
	return rq->state;
}

void web_identify(struct http_request *rq, struct db_batch *b)
{
	db_remote(b, rq->remote_addr);
	if (rq->api_key.n)
		db_as_api_key(b, rq->api_key, rq->remote_addr);
	else if (rq->claims.n)
		db_as_claims(b, rq->claims);
	else if (rq->session.n)
		db_as_session(b, rq->session);
	else
		db_as_public(b);
	web_bind_site(rq, b);
	if (web_language(rq) != tr_languages)
		db_add(b, "select set_config('kontor.lang', $1, true)",
		       DB_C(web_language(rq)->code));
	if (rq->session.n && rq->route && rq->route->area) /* AUTH-79 */
		db_add(b, "select auth.enter($1)", DB_C(rq->route->area));
}

struct db_batch *web_batch(struct http_request *rq)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	bool once = web_once_hold(rq, b);

	web_identify(rq, b);
	if (once)
		web_once_begin(rq, b);
	web_limit_ask(rq, b);
	return b;
}

struct db_batch *web_self_batch(struct http_request *rq)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);

	db_remote(b, rq->remote_addr);
	db_as_self(b);
	return b;
}

/* ---- language ------------------------------------------------------------ */

#define LANGUAGE_COOKIE "kontor_language"

const struct tr_language *web_language(struct http_request *rq)
{
	struct web_state *state = web_state(rq);

	if (!state->language && !web_of(rq)->pages)
		return tr_languages;
	if (!state->language)
		state->language = tr_language(http_cookie(rq, LANGUAGE_COOKIE));
	if (!state->language)
		state->language = tr_accepted(http_header(rq, "Accept-Language"));
	return state->language;
}

void web_speak(struct http_request *rq, struct sv code)
{
	const struct tr_language *wanted = tr_language(code);

	if (!wanted)
		return;
	web_state(rq)->language = wanted;
	tr_use(wanted);
}

void web_remember_language(struct http_request *rq, struct http_response *rs, struct sv code)
{
	struct http_cookie_options keep = { .max_age = 365 * 86400, .secure = rq->https,
					    .http_only = true };

	http_set_cookie(rs, LANGUAGE_COOKIE, code, &keep);
}

/* Whether the reader's profile says another language than was spoken so far. */
static bool speaks_another(struct http_request *rq)
{
	const struct tr_language *chosen = web_state(rq)->chosen;

	return chosen && chosen != web_language(rq) && rq->method == HTTP_GET;
}

static struct sv own_address(struct http_request *rq)
{
	return sv_from(arena_printf(rq->arena, rq->query_text.n ? "%.*s?%.*s" : "%.*s%.*s",
				    SV_ARG(rq->path), SV_ARG(rq->query_text)));
}

struct sv web_tr(struct arena *a, struct sv text)
{
	const char *known = arena_printf(a, "%.*s", SV_ARG(text)), *shown = tr(known);

	return shown == known ? text : sv_from(shown);
}

struct tmpl_set *web_templates(struct http_request *rq)
{
	struct web *web = web_of(rq);
	struct tmpl_set **set = &web->templates[web_language(rq) - tr_languages];

	if (!*set) {
		*set = tmpl_set_open(conf_str(CONF_templates_dir));
		tmpl_set_reload(*set, conf_bool(CONF_templates_reload));
		tmpl_set_translate(*set, tr);
	}
	return *set;
}

enum status web_admit(struct http_request *rq, struct err *e)
{
	tr_use(web_language(rq));
	return web_limit_admit(rq, e);
}

enum status web_settle(struct http_request *rq, struct http_response *rs, enum status s,
		       struct err *e)
{
	web_limit_learn(rq);
	return web_once_settle(rq, rs, s, e);
}

void web_head(struct http_request *rq, struct http_response *rs)
{
	web_limit_head(rq, rs);
}

void web_bind_site(struct http_request *rq, struct db_batch *b)
{
	if (rq->tenant.n)
		db_add(b, "select auth.bind_site($1)", DB_S(rq->tenant));
}

/* Has to hold for every signed-in page; the layout shows it. */
static const char me_sql[] =
	"select p.id, p.first_name, p.last_name, p.email, p.avatar_url, p.username, p.timezone, p.language,"
	" upper(left(coalesce(nullif(p.first_name, ''), p.email), 1) || left(coalesce(p.last_name, ''), 1)) as initials,"
	" coalesce(nullif(trim(coalesce(p.first_name, '') || ' ' || coalesce(p.last_name, '')), ''), p.email) as name,"
	" auth.app_role() as app_role, auth.app_role() in ('OWNER', 'ADMIN') as is_admin, not p.onboarding_completed as in_wizard,"
	" auth.may('can_manage_team') as manages_team, auth.app_role() in ('OWNER', 'ADMIN', 'TEAM_ADMIN') as sees_teams,"
	" auth.may('can_access_crm') as sees_crm, 'tasks' = any (auth.areas()) as sees_tasks,"
	" (select count(*) from (select from notifications n where n.user_id = p.id and n.read_at is null limit 100) unread) as notices,"
	"	 auth.may('can_see_assigned_conversations') as sees_inbox,"
	" (select count(*) from (select from tasks t where t.organization_id = o.id and t.assignee_id = p.id and t.is_open"
	"	and t.sort_key < extract(epoch from (((now() at time zone o.timezone)::date + 1)::timestamp"
	"		at time zone o.timezone))::double precision limit 100) due) as tasks_due,"
	" (select max(v.seq) from events v) as seq," /* where live updates go on from */
	" o.id as organization_id, o.name as organization_name, o.currency, o.timezone as organization_timezone,"
	" (select count(*) from (select from conversations c where c.status in ('OPEN', 'PENDING')"
	"	and c.last_message_direction = 'INBOUND' limit 100) unanswered) as unanswered"
	" from profiles p, organizations o where p.id = auth.uid() and p.organization_id = o.id";

int web_me(struct http_request *rq, struct db_batch *b)
{
	int me = db_add(b, me_sql);

	web_state(rq)->me = me + 1;
	return me;
}

static void add_languages(struct http_request *rq, struct tmpl_value *page)
{
	struct tmpl_value *list = tmpl_set_list(page, "languages");

	for (const struct tr_language *l = tr_languages; l->code; l++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "code", sv_from(l->code));
		tmpl_set_text(one, "name", sv_from(l->name));
		tmpl_set_bool(one, "chosen", l == web_language(rq));
	}
}

/* ?done=created: what the page before has done. */
static void add_done(struct http_request *rq, struct tmpl_value *page)
{
	struct sv word = http_query(rq, "done");

	if (word.n && word.n <= 40)
		tmpl_set_bool(tmpl_set_map(page, "done"), arena_printf(rq->arena, "%.*s", SV_ARG(word)), true);
}

struct tmpl_value *web_page(struct http_request *rq, const struct db_batch *b)
{
	struct tmpl_value *page = tmpl_map(rq->arena);

	if (rq->session.n)
		tmpl_set_text(page, "csrf", http_csrf_token(rq->arena, rq->session));
	tmpl_set_text(page, "path", rq->path);
	tmpl_set_text(page, "base_url", sv_from(conf_str(CONF_base_url)));
	tmpl_set_text(page, "theme", rq->theme);
	tmpl_set_text(page, "assets", web_assets_version(rq->arena));
	tmpl_set_bool(page, "htmx", sv_present(http_header(rq, "HX-Request")));
	tmpl_set_text(page, "lang", sv_from(web_language(rq)->code));
	tmpl_set_text(page, "dir", web_language(rq)->rtl ? SV("rtl") : SV("ltr"));
	tmpl_set_bool(page, "rtl", web_language(rq)->rtl);
	add_languages(rq, page);
	add_done(rq, page);
	if (b && web_state(rq)->me) {
		int me = web_state(rq)->me - 1;

		web_set_row(page, "me", b, me, 0);
		web_state(rq)->chosen = tr_language(db_first(b, me, "language"));
		if (!web_state(rq)->chosen)
			web_state(rq)->chosen = tr_languages;
		web_state(rq)->in_wizard = sv_eq(db_first(b, me, "in_wizard"), SV("t"));
	}
	return page;
}

enum status web_render(struct http_request *rq, struct http_response *rs, const char *name,
		       const struct tmpl_value *page, struct err *e)
{
	if (web_state(rq)->in_wizard && !(rq->route->flags & HTTP_WIZARD))
		return http_redirect(rs, SV("/onboarding"));
	if (speaks_another(rq)) {
		web_remember_language(rq, rs, sv_from(web_state(rq)->chosen->code));
		return http_redirect(rs, own_address(rq));
	}
	http_content_type(rs, "text/html; charset=utf-8");
	http_set_header(rs, "Cache-Control", SV("no-store"));
	return tmpl_render(web_templates(rq), sv_from(name), page, rq->arena, &rs->body, e);
}

static bool wants_json(const struct http_request *rq)
{
	struct sv accept = http_header(rq, "Accept");

	return (rq->route && rq->route->flags & HTTP_JSON_ERR) ||
	       sv_find(accept, SV("application/json")) >= 0;
}

static enum status error_body(struct http_request *rq, struct http_response *rs,
			      const struct err *e, struct err *failure)
{
	struct tmpl_value *page = web_page(rq, NULL);

	tmpl_set_int(page, "status", status_http(e->status));
	tmpl_set_text(page, "message", web_tr(rq->arena, err_message(e)));
	if (e->hint.n)
		tmpl_set_text(page, "hint", web_tr(rq->arena, e->hint));
	tmpl_set_text(page, "request_id", rq->request_id);
	return web_render(rq, rs, "error", page, failure);
}

/* The page that a form stood on: what was typed into it is still in that tab. */
static struct sv form_page(const struct http_request *rq)
{
	struct sv from = http_header(rq, "Referer");
	ptrdiff_t at = sv_find(from, SV("://"));

	if (at < 0)
		return SV("/");
	from = sv_skip(from, (size_t)at + 3);
	at = sv_chr(from, '/');
	if (at < 0 || !sv_eq(sv_make(from.p, (size_t)at), rq->host))
		return SV("/");
	return sv_skip(from, (size_t)at);
}

void web_error_page(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	struct err failure = { 0 };

	if (wants_json(rq)) {
		struct err shown = *e;

		shown.message = web_tr(rq->arena, err_message(e));
		if (e->hint.n)
			shown.hint = web_tr(rq->arena, e->hint);
		http_error_json(rq, rs, &shown);
		return;
	}
	if (e->status == ST_UNAUTHENTICATED && rq->route && rq->route->auth == HTTP_STAFF) {
		buf_auto struct buf to = BUF_INIT;

		/* A cookie that opens nothing is one of a session that has ended (AUTH-14). */
		buf_lit(&to, "/login?");
		if (rq->session.n)
			buf_lit(&to, "why=expired&");
		buf_lit(&to, "next=");
		buf_url(&to, rq->method == HTTP_GET ? rq->path : form_page(rq));
		/* htmx follows this by itself; a plain redirect would land in a fragment. */
		if (sv_present(http_header(rq, "HX-Request"))) {
			rs->status = 401;
			http_set_header(rs, "HX-Redirect", arena_sv(rq->arena, buf_sv(&to)));
		} else {
			http_redirect(rs, arena_sv(rq->arena, buf_sv(&to)));
		}
		return;
	}
	rs->status = status_http(e->status);
	if (error_body(rq, rs, e, &failure)) {
		http_content_type(rs, "text/plain; charset=utf-8");
		buf_add(&rs->body, err_message(e));
		buf_addc(&rs->body, '\n');
	}
}
